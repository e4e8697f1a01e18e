//! Reading a running log from any LSN: record bytes, annotations stripped, checksums verified. For
//! replicas, partial resync and change capture.

use std::sync::Arc;

use bytes::Bytes;

use super::cursor::{Cursor, Step};
use super::error::{Corrupt, LogError};
use super::{Log, Lsn, Shared};

/// Why a reader cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes after this LSN are no longer kept, or not yet there.
    #[error("LSN {0} is outside the window")]
    Gone(Lsn),
    /// Records end before and after this LSN, none at it.
    #[error("LSN {at} is inside a record: one ends at LSN {before}, the next at LSN {after}")]
    Inside {
        /// The LSN asked for.
        at: Lsn,
        /// Where the record begins that holds it.
        before: Lsn,
        /// Where that record ends.
        after: Lsn,
    },
    /// A batch does not match its checksum.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// A file could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A place in the log that moves forward. It holds at most one batch in memory, and one open file.
pub struct Reader {
    shared: Arc<Shared>,
    at: Lsn,
    /// Bytes from `at` on that are already here.
    ready: Bytes,
    /// Unix seconds when they were written, if the reader has come past a date.
    seconds: Option<u64>,
    open: Option<Open>,
}

/// A segment being read.
struct Open {
    seq: u64,
    cursor: Cursor,
}

impl Log {
    /// A reader whose first byte is the one after `from`. `Gone` if that is outside the window.
    pub fn reader(&self, from: Lsn) -> Result<Reader, ReadError> {
        if from < self.window_start() || from > self.positions().emitted {
            return Err(ReadError::Gone(from));
        }
        Ok(self.reader_unchecked(from))
    }

    pub(super) fn reader_unchecked(&self, at: Lsn) -> Reader {
        let shared = self.shared.clone();
        Reader { shared, at, ready: Bytes::new(), seconds: None, open: None }
    }
}

impl Reader {
    /// The LSN before the next byte.
    pub fn at(&self) -> Lsn {
        self.at
    }

    /// Unix seconds when the bytes that [`Self::next`] returned last were written, if it is known.
    pub fn seconds(&self) -> Option<u64> {
        self.seconds
    }

    /// The next record bytes below `up_to`, which the caller takes from the positions (`written`
    /// for replicas, `synced` under `always`): at most `max` bytes, empty if there are none yet.
    /// They may end inside a record. Reads files unless the bytes are in the tail: not for a thread
    /// that must not wait.
    pub fn next(&mut self, up_to: Lsn, max: usize) -> Result<Bytes, ReadError> {
        if self.at >= up_to || max == 0 {
            return Ok(Bytes::new());
        }
        if self.ready.is_empty() {
            let found = self.shared.tail.lock().read(self.at, up_to);
            self.ready = match found {
                Some((bytes, seconds)) => {
                    self.open = None;
                    self.seconds = seconds.or(self.seconds);
                    bytes
                }
                None => self.read_batch()?,
            };
        }
        let left = usize::try_from(up_to.since(self.at)).unwrap_or(usize::MAX);
        let part = self.ready.split_to(self.ready.len().min(max).min(left));
        self.at = self.at.advance(part.len());
        Ok(part)
    }

    /// Gives back the end of what [`Self::next`] returned last: it comes again.
    pub(super) fn give_back(&mut self, mut part: Bytes) {
        self.at = Lsn(self.at.0.saturating_sub(part.len() as u64));
        if !self.ready.is_empty() {
            part = [&part[..], &self.ready[..]].concat().into();
        }
        self.ready = part;
    }

    /// Reads the batch that holds `at` from its segment, and returns its bytes from there on.
    fn read_batch(&mut self) -> Result<Bytes, ReadError> {
        self.seek()?;
        let at = self.at;
        let Some(Open { cursor, .. }) = &mut self.open else { return Err(ReadError::Gone(at)) };
        cursor.skip_to(at)?;
        match cursor.step()? {
            Step::Batch(batch, bytes) => {
                self.seconds = batch.seconds.or(self.seconds);
                let skip = usize::try_from(at.since(batch.first)).unwrap_or(usize::MAX);
                let start = batch.payload.start.saturating_add(skip);
                Ok(bytes.slice(start.min(batch.payload.end)..batch.payload.end))
            }
            Step::Cut(place) => Err(place.into()),
            Step::End | Step::Foreign => Err(ReadError::Gone(at)),
        }
    }

    /// Opens the segment that holds `at`, at the nearest batch before it, unless it is open
    /// already.
    fn seek(&mut self) -> Result<(), ReadError> {
        let gone = || ReadError::Gone(self.at);
        let (entry, start) = {
            let catalog = self.shared.catalog.lock();
            let segment = catalog.holding(self.at).ok_or_else(gone)?;
            if let Some(Open { seq, cursor }) = &self.open
                && *seq == segment.entry.seq
                && cursor.next <= self.at
            {
                return Ok(());
            }
            let index = segment.index.partition_point(|(lsn, _)| *lsn <= self.at);
            let start = index.checked_sub(1).and_then(|index| segment.index.get(index)).copied();
            (segment.entry.clone(), start)
        };
        let path = self.shared.folder.file(&entry.name);
        let mut cursor = Cursor::open_ours(&*self.shared.disk, &path).map_err(|error| {
            // Retention has removed it.
            if error.is_missing_file() { gone() } else { error }
        })?;
        if let Some((next, offset)) = start {
            (cursor.next, cursor.offset) = (next, offset);
        }
        self.open = Some(Open { seq: entry.seq, cursor });
        Ok(())
    }
}

impl ReadError {
    /// Whether it is that a file is not there (any more).
    pub(super) fn is_missing_file(&self) -> bool {
        let missing = std::io::ErrorKind::NotFound;
        matches!(self, ReadError::Log(LogError::Io { source, .. }) if source.kind() == missing)
    }
}
