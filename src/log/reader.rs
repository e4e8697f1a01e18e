//! Reading a running log from any LSN: record bytes, annotations stripped, checksums verified. For
//! replicas, partial resync, restore and change capture.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::error::{Corrupt, LogError};
use super::segment::{self, Next};
use super::{Log, Lsn, Shared};
use crate::base::disk::File;

/// A header and its `#TS` line fit into this many bytes many times over.
const HEADER_BYTES: usize = 512;

/// Why a reader cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes after this LSN are no longer kept, or not yet there.
    #[error("LSN {0} is outside the window")]
    Gone(Lsn),
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
    open: Option<Open>,
}

/// A segment being read, and the batch that comes next in it.
struct Open {
    file: Arc<dyn File>,
    path: PathBuf,
    seq: u64,
    /// Of this segment's checksums; segments of an earlier run have another.
    salt: u64,
    offset: u64,
    next: Lsn,
}

impl Log {
    /// A reader whose first byte is the one after `from`. `Gone` if that is outside the window.
    pub fn reader(&self, from: Lsn) -> Result<Reader, ReadError> {
        if from < self.window_start() || from > self.positions().emitted {
            return Err(ReadError::Gone(from));
        }
        let shared = self.shared.clone();
        Ok(Reader { shared, at: from, ready: Bytes::new(), open: None })
    }
}

impl Reader {
    /// The LSN before the next byte.
    pub fn at(&self) -> Lsn {
        self.at
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
                Some(bytes) => {
                    self.open = None;
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

    /// Reads the batch that holds `at` from its segment, and returns its bytes from there on.
    fn read_batch(&mut self) -> Result<Bytes, ReadError> {
        loop {
            self.seek()?;
            let at = self.at;
            let Some(open) = &mut self.open else { return Err(ReadError::Gone(at)) };
            let mut bytes = vec![0; HEADER_BYTES];
            let count =
                open.file.read_at(&mut bytes, open.offset).map_err(LogError::io(&open.path))?;
            bytes.truncate(count);
            let Some((header, start)) = segment::peek_header(&bytes) else {
                return Err(open.corrupt("a batch", &bytes));
            };
            let whole = (start as u64).saturating_add(header.last.since(header.first));
            if header.last <= at {
                open.offset += whole;
                open.next = header.last;
                continue;
            }
            // The header has not been verified: its length is believed only as far as the file
            // goes.
            let rest =
                open.file.len().map_err(LogError::io(&open.path))?.saturating_sub(open.offset);
            let Some(whole) = usize::try_from(whole).ok().filter(|whole| *whole as u64 <= rest)
            else {
                return Err(open.corrupt("a batch inside the file", &bytes));
            };
            bytes.resize(whole, 0);
            open.file.read_exact_at(&mut bytes, open.offset).map_err(LogError::io(&open.path))?;
            let batch = match segment::next(&bytes, 0, open.salt, open.next) {
                Next::Batch(batch) if batch.payload.end == bytes.len() => batch,
                _ => return Err(open.corrupt("a batch that matches its checksum", &bytes)),
            };
            open.offset += whole as u64;
            open.next = batch.last;
            let skip = usize::try_from(at.since(batch.first)).unwrap_or(usize::MAX);
            return Ok(Bytes::from(bytes).slice(batch.payload.start.saturating_add(skip)..));
        }
    }

    /// Opens the segment that holds `at`, at the nearest batch before it, unless it is open
    /// already.
    fn seek(&mut self) -> Result<(), ReadError> {
        let gone = || ReadError::Gone(self.at);
        let (entry, start) = {
            let catalog = self.shared.catalog.lock();
            let segment = catalog.holding(self.at).ok_or_else(gone)?;
            if let Some(open) = &self.open
                && open.seq == segment.entry.seq
                && open.next <= self.at
            {
                return Ok(());
            }
            let index = segment.index.partition_point(|(lsn, _)| *lsn <= self.at);
            let start = index.checked_sub(1).and_then(|index| segment.index.get(index)).copied();
            (segment.entry.clone(), start)
        };
        let path = self.shared.folder.file(&entry.name);
        let file = self.shared.disk.open_read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => gone(),
            _ => ReadError::Log(LogError::Io { file: path.clone(), source: error }),
        })?;
        let (opener, end) = read_opener(&*file, &path)?;
        let (next, offset) = start.unwrap_or((opener.first, end));
        self.open = Some(Open { file, path, seq: entry.seq, salt: opener.salt, offset, next });
        Ok(())
    }
}

/// Reads the opener of an open segment: it is as long as the history of ids is, far below 64 KiB.
fn read_opener(
    file: &dyn File,
    path: &std::path::Path,
) -> Result<(segment::Opener, u64), ReadError> {
    let mut bytes = vec![0; 64 << 10];
    let count = file.read_at(&mut bytes, 0).map_err(LogError::io(path))?;
    bytes.truncate(count);
    match segment::read_head(&bytes) {
        segment::Head::Ours(opener, end) => Ok((opener, end as u64)),
        _ => {
            let segment::Damage { expected, found, .. } = segment::damage(&bytes, 0, "an opener");
            Err(Corrupt { file: path.to_path_buf(), offset: 0, expected, found }.into())
        }
    }
}

impl Open {
    fn corrupt(&self, expected: &str, bytes: &[u8]) -> ReadError {
        let segment::Damage { expected, found, .. } = segment::damage(bytes, 0, expected);
        Corrupt { file: self.path.clone(), offset: self.offset, expected, found }.into()
    }
}
