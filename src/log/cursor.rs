//! A place in one segment's file that moves forward batch by batch, each read by itself and
//! verified. Nothing is mapped: the file may be the one that a server is writing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::Lsn;
use super::error::{Corrupt, LogError};
use super::reader::ReadError;
use super::segment::{self, Batch, Head, Next, Opener};
use crate::base::disk::{Disk, File};

/// A header and its `#TS` line fit into this many bytes many times over.
const HEADER_BYTES: usize = 512;

/// An opener is as long as the history of ids is, far below this.
const OPENER_BYTES: usize = 64 << 10;

/// A segment being read.
pub(super) struct Cursor {
    pub file: Arc<dyn File>,
    pub path: PathBuf,
    /// What the segment begins with; its salt goes into the checksums.
    pub opener: Opener,
    /// Where in the file the next batch begins.
    pub offset: u64,
    /// The LSN at which it begins.
    pub next: Lsn,
}

/// What a file begins with.
pub(super) enum Opened {
    /// A segment of ours.
    Ours(Box<Cursor>),
    /// Plain commands, or nothing.
    Foreign,
    /// The file ends inside its opener.
    Cut(Corrupt),
}

/// What stands at the cursor.
pub(super) enum Step {
    /// A whole batch, verified: the cursor is behind it. The bytes are the file's, annotations
    /// included; [`Batch::payload`] counts in them.
    Batch(Batch, Bytes),
    /// The file ends here.
    End,
    /// The file ends inside a batch: it is being written, or was when the machine stopped.
    Cut(Corrupt),
    /// Commands outside any batch.
    Foreign,
}

impl Cursor {
    /// Opens a segment at its first batch.
    pub fn open(file: Arc<dyn File>, path: &Path) -> Result<Opened, ReadError> {
        let mut bytes = vec![0; OPENER_BYTES];
        let count = file.read_at(&mut bytes, 0).map_err(LogError::io(path))?;
        bytes.truncate(count);
        let corrupt = |damage: segment::Damage| {
            let segment::Damage { offset, expected, found } = damage;
            Corrupt { file: path.to_path_buf(), offset: offset as u64, expected, found }
        };
        match segment::read_head(&bytes) {
            Head::Ours(opener, end) => {
                let next = opener.first;
                let path = path.to_path_buf();
                Ok(Opened::Ours(Box::new(Cursor { file, path, opener, offset: end as u64, next })))
            }
            Head::Foreign => Ok(Opened::Foreign),
            Head::Incomplete(damage) => Ok(Opened::Cut(corrupt(damage))),
            Head::Damaged(damage) => Err(corrupt(damage).into()),
        }
    }

    /// As [`Self::open`], of a segment that must be ours and be there.
    pub fn open_ours(disk: &dyn Disk, path: &Path) -> Result<Cursor, ReadError> {
        let file = disk.open_read(path).map_err(LogError::io(path))?;
        match Cursor::open(file, path)? {
            Opened::Ours(cursor) => Ok(*cursor),
            Opened::Cut(place) => Err(place.into()),
            Opened::Foreign => {
                let (expected, found) = ("a segment's opener".to_owned(), "commands".to_owned());
                Err(Corrupt { file: path.to_path_buf(), offset: 0, expected, found }.into())
            }
        }
    }

    /// Steps over the batches that end at `lsn` or before it, looking at their headers only.
    pub fn skip_to(&mut self, lsn: Lsn) -> Result<(), ReadError> {
        loop {
            let bytes = self.head()?;
            let Some((header, start)) = segment::peek_header(&bytes) else { return Ok(()) };
            if header.last > lsn || header.first != self.next {
                return Ok(());
            }
            let whole = (start as u64).saturating_add(header.last.since(header.first));
            self.offset = self.offset.saturating_add(whole);
            self.next = header.last;
        }
    }

    /// Reads the next batch.
    pub fn step(&mut self) -> Result<Step, ReadError> {
        let mut bytes = self.head()?;
        let left = self.left()?;
        let whole = segment::peek_header(&bytes)
            .map(|(header, start)| (start as u64).saturating_add(header.last.since(header.first)));
        // A header that has not been verified is believed only as far as the file goes.
        if let Some(whole) = whole.filter(|whole| *whole <= left) {
            let whole = usize::try_from(whole).unwrap_or(usize::MAX);
            if whole > bytes.len() {
                bytes.resize(whole, 0);
                self.read(&mut bytes)?;
            } else {
                bytes.truncate(whole);
            }
        }
        match segment::next(&bytes, 0, self.opener.salt, self.next) {
            Next::Batch(batch) => {
                self.offset = self.offset.saturating_add(batch.payload.end as u64);
                self.next = batch.last;
                Ok(Step::Batch(batch, bytes.into()))
            }
            Next::End => Ok(Step::End),
            Next::Foreign => Ok(Step::Foreign),
            Next::Damaged(damage) => {
                let place = self.corrupt(damage);
                // Bytes that stop short of what they announce, or inside their header.
                let header_is_cut = whole.is_none() && left < HEADER_BYTES as u64;
                let is_cut = header_is_cut || whole.is_some_and(|whole| whole > left);
                if is_cut { Ok(Step::Cut(place)) } else { Err(place.into()) }
            }
        }
    }

    /// As [`Self::step`], in a log's last segment: damage there that no durable batch follows is
    /// the tail torn by a crash, and so a cut.
    pub fn step_last(&mut self) -> Result<Step, ReadError> {
        match self.step() {
            Err(ReadError::Corrupt(place)) => {
                let left = usize::try_from(self.left()?).unwrap_or(usize::MAX);
                let mut rest = vec![0; left];
                self.read(&mut rest)?;
                match segment::highest_claim(&rest, 0, self.opener.salt, self.next) {
                    None => Ok(Step::Cut(place)),
                    Some(_) => Err(place.into()),
                }
            }
            other => other,
        }
    }

    fn left(&self) -> Result<u64, ReadError> {
        let length = self.file.len().map_err(LogError::io(&self.path))?;
        Ok(length.saturating_sub(self.offset))
    }

    /// The first bytes at the cursor: a header's, if there is one.
    fn head(&self) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; HEADER_BYTES];
        let count = self.file.read_at(&mut bytes, self.offset).map_err(LogError::io(&self.path))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn read(&self, bytes: &mut [u8]) -> Result<(), ReadError> {
        let read = self.file.read_exact_at(bytes, self.offset);
        Ok(read.map_err(LogError::io(&self.path))?)
    }

    fn corrupt(&self, damage: segment::Damage) -> Corrupt {
        let segment::Damage { offset, expected, found } = damage;
        let offset = self.offset.saturating_add(offset as u64);
        Corrupt { file: self.path.clone(), offset, expected, found }
    }
}
