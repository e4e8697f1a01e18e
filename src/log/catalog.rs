//! Which files the log consists of, and what each holds: the manifest's content with what is needed
//! to read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{Entry, Manifest, Retained};
use super::{Lsn, Settings};
use crate::base::disk::File;

/// A place in the index is noted every so many bytes, so that a reader who starts in the middle
/// reads at most this much before its own bytes.
const INDEX_STEP: u64 = 1 << 20;

/// A segment's file and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub entry: Entry,
    pub first: Lsn,
    pub last: Lsn,
    /// The file's length.
    pub bytes: u64,
    /// Unix seconds of its newest batch.
    pub closed: u64,
    /// Older than the base: kept for readers, not loaded at start.
    pub retained: bool,
    /// Whether it is made of our batches only. Foreign commands are loaded, never sent from the
    /// file.
    pub readable: bool,
    /// Offsets of some batches, by their first LSN; empty if only the file itself tells.
    pub index: Vec<(Lsn, u64)>,
}

impl Segment {
    /// Notes that a batch begins at `offset`, if the last note is far enough back.
    pub fn note(&mut self, first: Lsn, offset: u64) {
        if self.index.last().is_none_or(|(_, noted)| offset - noted >= INDEX_STEP) {
            self.index.push((first, offset));
        }
    }
}

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Catalog {
    pub base: Option<Entry>,
    /// The base's length in bytes.
    pub base_bytes: u64,
    /// See [`Manifest::base_crc`].
    pub base_crc: Option<u32>,
    /// All segments, oldest first; the last is the one being written.
    pub segments: Vec<Segment>,
    /// The file being written; `None` while the log lies in memory.
    pub current: Option<Arc<dyn File>>,
}

impl Catalog {
    pub fn manifest(&self) -> Manifest {
        let listed = self.segments.iter().filter(|segment| !segment.retained);
        let retained = self.segments.iter().filter(|segment| segment.retained);
        Manifest {
            base: self.base.clone(),
            base_crc: self.base_crc,
            segments: listed.map(|segment| segment.entry.clone()).collect(),
            retained: retained
                .map(|segment| Retained {
                    entry: segment.entry.clone(),
                    first: segment.first,
                    last: segment.last,
                    closed: segment.closed,
                })
                .collect(),
            history: Vec::new(),
            ours: true,
        }
    }

    /// The lowest LSN from which every byte up to the end can be read from files.
    pub fn window_start(&self) -> Option<Lsn> {
        let mut start = None;
        for segment in self.segments.iter().rev() {
            if !segment.readable || start.is_some_and(|start| start != segment.last) {
                break;
            }
            start = Some(segment.first);
        }
        start
    }

    /// The segment that holds the byte after `lsn`.
    pub fn holding(&self, lsn: Lsn) -> Option<&Segment> {
        let mut segments = self.segments.iter().rev();
        let segment = segments.find(|segment| segment.first <= lsn)?;
        (segment.readable && lsn < segment.last).then_some(segment)
    }

    /// Whether a segment begins at `lsn`.
    pub fn begins_at(&self, lsn: Lsn) -> bool {
        self.segments.iter().any(|segment| segment.first == lsn && !segment.retained)
    }
}

/// Where the log's files lie.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub path: PathBuf,
    name: String,
}

impl Folder {
    pub fn of(settings: &Settings) -> Folder {
        let path = settings.dir.join(&settings.appenddirname);
        Folder { path, name: settings.appendfilename.clone() }
    }

    /// A folder by itself, for tools.
    pub fn at(path: PathBuf, name: String) -> Folder {
        Folder { path, name }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn manifest(&self) -> PathBuf {
        self.path.join(format!("{}.manifest", self.name))
    }

    pub fn segment(&self, seq: u64) -> Entry {
        Entry { name: format!("{}.{seq}.incr.aof", self.name), seq }
    }

    /// `ending`: "rdb", or "aof" for a base of commands.
    pub fn base(&self, seq: u64, ending: &str) -> Entry {
        Entry { name: format!("{}.{seq}.base.{ending}", self.name), seq }
    }

    /// A name for a file in the making; whatever has such a name at start is removed.
    pub fn temporary(&self, what: &str) -> PathBuf {
        self.path.join(format!("temp-{}.{what}", self.name))
    }

    /// Whether a file of this name is one in the making.
    pub fn is_temporary(&self, name: &str) -> bool {
        name.strip_prefix("temp-").is_some_and(|rest| rest.starts_with(self.name.as_str()))
    }

    /// The sequence number in a segment's name.
    pub fn segment_seq(&self, name: &str) -> Option<u64> {
        let middle = name.strip_prefix(self.name.as_str())?.strip_prefix('.')?;
        middle.strip_suffix(".incr.aof")?.parse().ok().filter(|seq| *seq < u64::MAX)
    }

    /// The sequence number in a base's name.
    pub fn base_seq(&self, name: &str) -> Option<u64> {
        let middle = name.strip_prefix(self.name.as_str())?.strip_prefix('.')?;
        let seq = middle.strip_suffix(".base.rdb").or(middle.strip_suffix(".base.aof"))?;
        seq.parse().ok().filter(|seq| *seq < u64::MAX)
    }

    /// The log's name in the name of one of its segments or bases, whatever log it is of.
    pub fn name_in(file: &str) -> Option<&str> {
        let mut endings = [".incr.aof", ".base.rdb", ".base.aof"].into_iter();
        let (name, seq) = endings.find_map(|ending| file.strip_suffix(ending))?.rsplit_once('.')?;
        seq.parse::<u64>().is_ok().then_some(name)
    }

    pub fn contains(&self, path: &Path) -> bool {
        path.parent() == Some(self.path.as_path())
    }
}
