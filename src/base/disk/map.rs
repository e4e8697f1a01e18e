//! A whole file as one slice, by mapping it.
//!
//! Allows `unsafe`: a mapping is a slice over bytes that another process could change, and only the
//! operating system's rules, stated below, make it sound.
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
        // SAFETY: the mapping is private and read-only. It is undefined only if the file is changed
        // or cut while the slice is in use: the files we map (segments, bases, dumps being loaded)
        // are changed by no one but this process, which cuts them only after the mapping is
        // dropped; and the process holds its folder alone, as the operator of any database file
        // must ensure.
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
