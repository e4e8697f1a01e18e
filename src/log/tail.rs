//! The newest record bytes, in memory: what the writer has still to write, and behind it the last
//! of what was written, for replicas that are close.
//!
//! Bytes are gathered in an open chunk, closed when it is large enough or when the writer takes it.
//! A chunk begins and ends between groups, so a chunk is a batch and a batch never cuts a group.
//! Large values of a group are not copied: its chunk has them as pieces, shared with the keyspace.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::late::Ages;
use super::planted::{Bug, planted};
use super::{Log, Lsn};
use crate::resp::{Mark, Out, Piece};

/// The open chunk is closed at this size: a batch is verified as a whole by whoever reads it, so it
/// should fit a cache. A larger group is a chunk of its own.
const CHUNK_BYTES: usize = 256 << 10;

/// What was written stays at least this long, in seconds, even if it is one chunk far beyond what
/// is to be kept: whoever follows the log closely reads it here.
const OUTSIZED_SECONDS: u64 = 5;

/// Records that are to be appended together.
#[derive(Clone, Copy, Debug)]
pub enum Group<'a> {
    /// Bytes that are copied.
    Bytes(&'a [u8]),
    /// Bytes and values; the values are not copied.
    Pieces(&'a Out),
}

/// A value that lies elsewhere too.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Record bytes between two group boundaries.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub first: Lsn,
    /// The bytes, in order: one piece, unless there are shared values among them.
    pieces: Vec<Bytes>,
    /// Bytes in all of them.
    len: usize,
    /// The database selected at its end.
    pub database: u32,
    /// The segment ends after this chunk.
    pub roll: bool,
    /// Unix seconds when it was written, once it is.
    pub seconds: Option<u64>,
}

impl Chunk {
    pub fn last(&self) -> Lsn {
        self.first.advance(self.len)
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// The bytes from `skip` on that lie in one piece, up to `end` at most.
    fn piece(&self, mut skip: usize, mut end: usize) -> Option<Bytes> {
        for piece in &self.pieces {
            if skip < piece.len() {
                let end = end.min(piece.len());
                return (skip < end).then(|| piece.slice(skip..end));
            }
            skip -= piece.len();
            end = end.saturating_sub(piece.len());
        }
        None
    }
}

impl Log {
    /// As [`Log::append_group`], of bytes.
    pub fn append(&self, group: &[u8], database: u32) -> Lsn {
        self.append_group(Group::Bytes(group), database)
    }

    /// Gives back the memory of one large group that was written some seconds ago and is kept for
    /// readers only because nothing came behind it. To be called about once a second, without the
    /// engine's lock.
    pub fn drop_outsized(&self) {
        let shared = &*self.shared;
        let now = (shared.clock)();
        // Freed when the tail's lock is.
        let _outsized = shared.tail.lock().take_outsized(shared.settings.backlog_bytes, now);
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
    pub fn append(&mut self, group: Group<'_>, database: u32) -> Lsn {
        let group = match group {
            Group::Bytes(bytes) => bytes,
            Group::Pieces(out) => {
                self.append_pieces(out, database);
                return self.end();
            }
        };
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
    pub fn append_dated(&mut self, group: Group<'_>, database: u32, now: u64) -> Lsn {
        if !self.open.is_empty() && self.open_seconds != Some(now) {
            self.close(false);
        }
        self.open_seconds = Some(now);
        self.append(group, database)
    }

    /// A group with shared values is a chunk of its own.
    fn append_pieces(&mut self, out: &Out, database: u32) {
        if !self.open.is_empty() {
            let seconds = self.open_seconds;
            self.close(false);
            self.open_seconds = seconds;
        }
        self.database = database;
        let pieces = out.pieces(Mark::default(), out.mark()).map(|piece| match piece {
            Piece::Copied(bytes) => Bytes::copy_from_slice(bytes),
            Piece::Shared(value) => Bytes::from_owner(Shared(Arc::clone(value))),
        });
        let pieces = pieces.collect();
        self.push(pieces, false);
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
        let size = self.open.len();
        let mut full = std::mem::take(&mut self.open);
        if full.capacity() > full.len() + full.len() / 4 {
            full.shrink_to_fit();
        }
        self.push(vec![Bytes::from(full)], roll);
        // The next batch is probably about as large as this one.
        self.open.reserve(size.min(CHUNK_BYTES));
    }

    /// Adds a chunk behind all others.
    fn push(&mut self, pieces: Vec<Bytes>, roll: bool) {
        let len = pieces.iter().map(Bytes::len).sum();
        let (first, seconds) = (self.open_first, self.open_seconds.take());
        let chunk = Chunk { first, pieces, len, database: self.database, roll, seconds };
        self.open_first = chunk.last();
        self.chunks.push_back(chunk);
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
        self.written_bytes += fresh.map(Chunk::len).sum::<usize>();
        self.written += count;
        while self.written > 0
            && let Some(oldest) = self.chunks.front()
            && self.written_bytes - oldest.len >= keep
        {
            self.drop_oldest();
        }
    }

    /// Drops the oldest chunk, which is written.
    fn drop_oldest(&mut self) -> Option<Chunk> {
        let oldest = self.chunks.pop_front()?;
        self.written_bytes -= oldest.len;
        self.written -= 1;
        self.start_database = oldest.database;
        Some(oldest)
    }

    /// Takes out the oldest chunk if it is written for a while and much larger than the `keep`
    /// bytes that are to stay.
    fn take_outsized(&mut self, keep: usize, now: u64) -> Option<Chunk> {
        let oldest = self.chunks.front().filter(|_| self.written > 0)?;
        let is_old = oldest.seconds.is_some_and(|at| now.saturating_sub(at) >= OUTSIZED_SECONDS);
        if is_old && oldest.len > keep.saturating_add(CHUNK_BYTES) {
            self.drop_oldest()
        } else {
            None
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
        let end = usize::try_from(up_to.since(chunk.first)).unwrap_or(usize::MAX);
        Some((chunk.piece(skip, end)?, chunk.seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(out: &Out) -> Vec<u8> {
        out.slices(Mark::default(), out.mark()).flatten().copied().collect()
    }

    /// A group with values that lie elsewhere, between two that have none.
    #[test]
    fn shared_values_are_pieces_of_a_chunk() {
        let mut tail = Tail::new(Lsn(100), 0);
        tail.append(Group::Bytes(b"before"), 1);
        let mut out = Out::new();
        let value = Arc::new(b"VALUE".to_vec());
        for _ in 0..2 {
            out.bytes.extend_from_slice(b"head");
            out.push_shared(value.clone());
        }
        assert_eq!(tail.append(Group::Pieces(&out), 2), Lsn(124));
        tail.append(Group::Bytes(b"behind"), 3);
        assert_eq!(Arc::strong_count(&value), 5, "shared, not copied");
        let whole = [b"before", &gathered(&out)[..], b"behind"].concat();
        for at in 0..whole.len() {
            let mut read = Vec::new();
            while let Some((bytes, _)) =
                tail.read(Lsn((100 + at + read.len()) as u64), Lsn(100 + whole.len() as u64))
            {
                read.extend_from_slice(&bytes);
            }
            assert_eq!(read, whole[at..], "from {at}");
        }
        assert_eq!(tail.read(Lsn(111), Lsn(112)).unwrap().0, b"A"[..]);
        let databases = tail.unwritten().iter().map(|chunk| chunk.database).collect::<Vec<_>>();
        assert_eq!(databases, [1, 2, 3]);
        assert_eq!(tail.database_at(Lsn(106)), 1);
        tail.wrote(3, 0);
        drop(out);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn an_outsized_chunk_goes_when_it_is_old() {
        const KEEP: usize = 1 << 20;
        let mut tail = Tail::new(Lsn(0), 0);
        let large = vec![b'x'; 2 * KEEP];
        tail.append_dated(Group::Bytes(&large), 7, 1000);
        assert!(tail.take_outsized(KEEP, 2000).is_none(), "it is not written");
        tail.wrote_all(KEEP);
        assert!(tail.take_outsized(KEEP, 1004).is_none());
        assert_eq!(tail.start(), Lsn(0));
        assert!(tail.take_outsized(KEEP, 1005).is_some());
        assert_eq!((tail.start(), tail.start_database()), (Lsn(large.len() as u64), 7));
        // What is as large as it should be stays.
        tail.append_dated(Group::Bytes(&large[..KEEP]), 7, 1000);
        tail.wrote_all(KEEP);
        assert!(tail.take_outsized(KEEP, 2000).is_none());
    }
}
