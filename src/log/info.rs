//! What INFO and LOG INFO say of the log, and what an observer of the disk is told.

use std::time::Duration;

use super::{Fsync, Lsn};

/// A segment, as LOG INFO shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// File name.
    pub name: String,
    /// The LSN at its beginning.
    pub first: Lsn,
    /// The LSN at its end.
    pub last: Lsn,
    /// The file's length.
    pub bytes: u64,
    /// Unix seconds of its newest batch.
    pub closed: u64,
    /// Older than the base: a start does not load it.
    pub retained: bool,
}

/// What INFO says of the log. Sizes are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Base and the segments after it: what a start would load.
    pub current_size: u64,
    /// The base alone.
    pub base_size: u64,
    /// Segments on disk, retained ones included.
    pub segments: usize,
    /// The lowest LSN from which the log can be read.
    pub window_start: Lsn,
    /// Appended and not yet written.
    pub pending_bytes: u64,
    /// Syncs that took two seconds or longer, or take as long already; not those of `always`.
    pub delayed_fsyncs: u64,
    /// Whether the last write and sync went well.
    pub last_write_ok: bool,
    /// Whether reserving space ahead failed: writes must be refused before the disk is full.
    pub disk_full: bool,
    /// Whether a sync of the segment being written is under way.
    pub syncing: bool,
}

/// What the log's threads do with the disk: who watches for slow disks is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskWork {
    /// A write of a batch.
    Write {
        /// The segment was being synced when it began.
        while_syncing: bool,
    },
    /// A sync of a segment.
    Sync {
        /// The policy under which it was made.
        policy: Fsync,
    },
}

/// Told of each write and sync of a segment and how long it took, on the thread that did it: it
/// must be quick and must not wait.
pub type Observer = Box<dyn Fn(DiskWork, Duration) + Send + Sync>;
