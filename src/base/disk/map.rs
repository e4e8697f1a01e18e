//! A whole file as one slice, by mapping it.
//!
//! Allows `unsafe`: a mapping is a slice over bytes that another process could change, and only
//! what those who write such files do, stated below, makes it sound.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;

/// The bytes of a file. A read error under the mapping stops the process (SIGBUS), as a failed disk
/// under a program's own code would; recovery, which maps, has then changed nothing.
pub struct Mapped(Content);

enum Content {
    File(memmap2::Mmap),
    Memory(Vec<u8>),
}

impl Mapped {
    /// A content that lies in memory: of an empty file, or of a simulated disk.
    pub fn from_vec(bytes: Vec<u8>) -> Mapped {
        Mapped(Content::Memory(bytes))
    }

    /// Maps a file for reading.
    pub(super) fn of(file: &File) -> io::Result<Mapped> {
        if file.metadata()?.len() == 0 {
            return Ok(Mapped::from_vec(Vec::new()));
        }
        // SAFETY: the mapping is read-only, and as long as the file is now. It is undefined only if
        // bytes before that length change, or are cut off, while the slice is in use. What we map
        // are files of a log, and RDB files. A server maps those of a folder that it has locked;
        // tools map those of a running server too. That is sound because nobody who writes such
        // files, CoolCache or stock server, changes bytes that stand in one: a log's file is only
        // appended to, behind the mapped length, and everything else is written under a name of its
        // own and renamed, which leaves a mapped file as it was, though without a name. CoolCache
        // shortens no file: what it cuts, it copies without the tail and renames. A stock server
        // shortens its own after a write that failed half-way; a tool that is just reading there
        // ends by SIGBUS, and has changed nothing, since tools that change files lock the folder.
        // Who edits such files by hand must not do so while they are read.
        let map = unsafe { memmap2::MmapOptions::new().map_copy_read_only(file)? };
        Ok(Mapped(Content::File(map)))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Content::File(map) => map,
            Content::Memory(bytes) => bytes,
        }
    }
}
