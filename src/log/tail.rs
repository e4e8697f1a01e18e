//! The newest record bytes, in memory: what the writer has still to write, and behind it the last
//! of what was written, for replicas that are close.
//!
//! Bytes are gathered in an open chunk, closed when it is large enough or when the writer takes it.
//! A chunk begins and ends between groups, so a chunk is a batch and a batch never cuts a group.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Lsn;
use super::late::Ages;
use super::planted::{Bug, planted};

/// The open chunk is closed at this size: a batch is verified as a whole by whoever reads it, so it
/// should fit a cache. A larger group is a chunk of its own.
const CHUNK_BYTES: usize = 256 << 10;

/// Record bytes between two group boundaries.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub first: Lsn,
    pub bytes: Bytes,
    /// The database selected at its end.
    pub database: u32,
    /// The segment ends after this chunk.
    pub roll: bool,
    /// Unix seconds when it was written, once it is.
    pub seconds: Option<u64>,
}

impl Chunk {
    pub fn last(&self) -> Lsn {
        self.first.advance(self.bytes.len())
    }
}

/// How the writer thread waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    /// It works, and will look again by itself.
    Awake,
    /// It gathers, and will look again by itself; it must be woken when the log ends here.
    Gathering { until: Lsn },
    /// It must be woken.
    Parked,
}

/// See the module.
pub(super) struct Tail {
    chunks: VecDeque<Chunk>,
    /// Of `chunks`, how many the writer has written.
    written: usize,
    /// Bytes of those.
    written_bytes: usize,
    open: Vec<u8>,
    open_first: Lsn,
    /// Of a log in memory: when the open chunk began.
    open_seconds: Option<u64>,
    database: u32,
    /// The database selected at [`Tail::start`].
    start_database: u32,
    pub sleep: Sleep,
    /// Under `everysec`: how old what is not synced is.
    pub ages: Ages,
    /// The syncer has something to do before its second is over.
    pub sync_asked: bool,
    pub stopping: bool,
}

impl Tail {
    pub fn new(at: Lsn, database: u32) -> Tail {
        Tail {
            chunks: VecDeque::new(),
            written: 0,
            written_bytes: 0,
            open: Vec::new(),
            open_first: at,
            open_seconds: None,
            database,
            start_database: database,
            sleep: Sleep::Awake,
            ages: Ages::default(),
            sync_asked: false,
            stopping: false,
        }
    }

    /// Appends a group and returns the log's new end.
    pub fn append(&mut self, group: &[u8], database: u32) -> Lsn {
        if planted(Bug::BatchCutsGroup) {
            let (begun, rest) = group.split_at(group.len() / 2);
            self.open.extend_from_slice(begun);
            self.close(false);
            self.open.extend_from_slice(rest);
        } else {
            self.open.extend_from_slice(group);
        }
        self.database = database;
        let end = self.end();
        if self.open.len() >= CHUNK_BYTES {
            self.close(false);
        }
        end
    }

    /// As [`Tail::append`], for a log in memory: nobody dates the chunks later, so each is of one
    /// second.
    pub fn append_dated(&mut self, group: &[u8], database: u32, now: u64) -> Lsn {
        if !self.open.is_empty() && self.open_seconds != Some(now) {
            self.close(false);
        }
        self.open_seconds = Some(now);
        self.append(group, database)
    }

    /// The log's end.
    pub fn end(&self) -> Lsn {
        self.open_first.advance(self.open.len())
    }

    /// The database selected at `at`, a chunk boundary that is still here; at another place, at the
    /// end.
    pub fn database_at(&self, at: Lsn) -> u32 {
        let before = self.chunks.iter().rev().find(|chunk| chunk.last() == at);
        before.map_or(self.database, |chunk| chunk.database)
    }

    fn close(&mut self, roll: bool) {
        let first = self.open_first;
        let size = self.open.len();
        let mut full = std::mem::take(&mut self.open);
        if full.capacity() > full.len() + full.len() / 4 {
            full.shrink_to_fit();
        }
        let seconds = self.open_seconds.take();
        let chunk =
            Chunk { first, bytes: Bytes::from(full), database: self.database, roll, seconds };
        self.open_first = chunk.last();
        self.chunks.push_back(chunk);
        // The next batch is probably about as large as this one.
        self.open.reserve(size.min(CHUNK_BYTES));
    }

    /// Marks the end as a place where the segment ends.
    pub fn roll(&mut self) -> Lsn {
        // A chunk of its own, even if it is empty: the writer may hold copies of those before it,
        // without the mark.
        self.close(true);
        self.end()
    }

    /// Whether the writer has something to do.
    pub fn has_work(&self) -> bool {
        !self.open.is_empty() || self.chunks.len() > self.written
    }

    /// What the writer has still to write. It stays here until [`Tail::wrote`].
    pub fn unwritten(&mut self) -> Vec<Chunk> {
        if !self.open.is_empty() {
            self.close(false);
        }
        self.chunks.iter().skip(self.written).cloned().collect()
    }

    /// The first `count` unwritten chunks were written at `seconds`.
    pub fn date(&mut self, count: usize, seconds: u64) {
        for chunk in self.chunks.iter_mut().skip(self.written).take(count) {
            chunk.seconds = Some(seconds);
        }
    }

    /// The first `count` unwritten chunks are written; of all written ones, the newest `keep` bytes
    /// stay.
    pub fn wrote(&mut self, count: usize, keep: usize) {
        let fresh = self.chunks.iter().skip(self.written).take(count);
        self.written_bytes += fresh.map(|chunk| chunk.bytes.len()).sum::<usize>();
        self.written += count;
        while self.written > 0
            && let Some(oldest) = self.chunks.front()
            && self.written_bytes - oldest.bytes.len() >= keep
        {
            self.written_bytes -= oldest.bytes.len();
            self.written -= 1;
            self.start_database = oldest.database;
            self.chunks.pop_front();
        }
    }

    /// Without files: everything counts as written.
    pub fn wrote_all(&mut self, keep: usize) {
        let count = self.chunks.len() - self.written;
        self.wrote(count, keep);
    }

    /// A snapshot holds all up to `at`, a chunk boundary: up to there nothing needs writing any
    /// more.
    pub fn covered(&mut self, at: Lsn, keep: usize) {
        let unwritten = self.chunks.iter().skip(self.written);
        let count = unwritten.take_while(|chunk| chunk.last() <= at).count();
        self.wrote(count, keep);
    }

    /// The first LSN that can be read from here.
    pub fn start(&self) -> Lsn {
        self.chunks.front().map_or(self.open_first, |chunk| chunk.first)
    }

    /// The database selected at [`Tail::start`].
    pub fn start_database(&self) -> u32 {
        self.start_database
    }

    /// Record bytes from `from` to the end of its chunk, if they are here and below `up_to`, and
    /// when they were written, in Unix seconds.
    pub fn read(&mut self, from: Lsn, up_to: Lsn) -> Option<(Bytes, Option<u64>)> {
        if from >= up_to || from < self.start() {
            return None;
        }
        if from >= self.open_first {
            self.close(false);
        }
        let index = self.chunks.partition_point(|chunk| chunk.last() <= from);
        let chunk = self.chunks.get(index)?;
        let skip = usize::try_from(from.since(chunk.first)).ok()?;
        let end = usize::try_from(up_to.since(chunk.first)).ok()?.min(chunk.bytes.len());
        (skip < end).then(|| (chunk.bytes.slice(skip..end), chunk.seconds))
    }
}
