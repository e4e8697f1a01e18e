//! The records of a running log from any LSN between two of them: for LOG READ.

use std::ops::ControlFlow;

use super::error::Corrupt;
use super::reader::{ReadError, Reader};
use super::scan::{Record, Scan, Walked};
use super::{Log, Lsn, cursor::Cursor};

/// A place between two records that moves forward. See [`Log::records`].
pub struct RecordReader {
    reader: Reader,
    scan: Scan,
    /// Records up to here are read and not visited.
    from: Lsn,
}

impl Log {
    /// The records after `from`, which must be where a record ends. What is not yet readable comes
    /// once it is; whether it begins at `from` is then not known before.
    ///
    /// Reads the segment that holds `from` from its beginning, 64 MiB at most unless a group is
    /// larger, to know where records end and which database is in force: not for a thread that must
    /// not wait.
    pub fn records(&self, from: Lsn) -> Result<RecordReader, ReadError> {
        if from < self.window_start() || from > self.positions().emitted {
            return Err(ReadError::Gone(from));
        }
        let (start, database) = self.start_before(from)?;
        let reader = self.reader_unchecked(start);
        let mut records = RecordReader { reader, scan: Scan::at(database), from };
        records.reach(self.readable())?;
        Ok(records)
    }

    /// The nearest place before `from` of which the database is known.
    fn start_before(&self, from: Lsn) -> Result<(Lsn, u32), ReadError> {
        let (start, database) = {
            let tail = self.shared.tail.lock();
            (tail.start(), tail.start_database())
        };
        if from >= start {
            return Ok((start, database));
        }
        let name = self.shared.catalog.lock().holding(from).map(|held| held.entry.name.clone());
        let path = self.shared.folder.file(&name.ok_or(ReadError::Gone(from))?);
        let cursor = Cursor::open_ours(&*self.shared.disk, &path)
            .map_err(|error| if error.is_missing_file() { ReadError::Gone(from) } else { error })?;
        Ok((cursor.opener.first, cursor.opener.database))
    }
}

impl RecordReader {
    /// The end of the last record visited.
    pub fn at(&self) -> Lsn {
        self.reader.at().max(self.from)
    }

    /// Visits the next records below `up_to` (see [`Log::readable`]): at most a batch, none only if
    /// there are none. The visitor may stop behind any of them.
    pub fn visit(
        &mut self,
        up_to: Lsn,
        mut visit: impl FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.reach(up_to)?;
        if self.reader.at() >= self.from { self.step(up_to, &mut visit) } else { Ok(()) }
    }

    /// Reads up to where visiting begins, or as far as there is something to read.
    fn reach(&mut self, up_to: Lsn) -> Result<(), ReadError> {
        let at = self.from;
        while self.reader.at() < at.min(up_to) {
            let mut inside = None;
            self.step(up_to, &mut |record| {
                if record.begins < at && record.lsn > at {
                    inside =
                        Some(ReadError::Inside { at, before: record.begins, after: record.lsn });
                }
                if record.lsn >= at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if let Some(error) = inside {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Visits what is left of a batch.
    fn step(
        &mut self,
        up_to: Lsn,
        visit: &mut dyn FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let first = self.reader.at();
        let bytes = self.reader.next(up_to, usize::MAX)?;
        match self.scan.walk(&bytes, first, self.reader.seconds(), visit) {
            Walked::All => Ok(()),
            Walked::Stopped(at) => {
                self.reader.give_back(bytes.slice(at.min(bytes.len())..));
                Ok(())
            }
            Walked::Bad(offset, expected) => {
                let found = bytes.get(offset..).unwrap_or_default();
                let found = found.get(..found.len().min(32)).unwrap_or_default();
                Err(ReadError::Corrupt(Corrupt {
                    file: format!("the log behind LSN {first}").into(),
                    offset: offset as u64,
                    expected: expected.to_owned(),
                    found: format!("\"{}\"", found.escape_ascii()),
                }))
            }
        }
    }
}
