//! Point-in-time restore: a base and the records after it, up to an LSN or a time, as a folder of
//! their own that any server loads. The source is only read.
//!
//! The records' bytes, LSNs, dates and replication ids stay; the segments are written anew, with
//! checksums of their own, since a base or the end may fall inside a batch.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::archive::{Archive, ArchiveError, Place, State};
use super::catalog::Folder;
use super::cursor::{Cursor, Step};
use super::error::{Corrupt, LogError};
use super::manifest::Manifest;
use super::reader::ReadError;
use super::scan::{Scan, Walked};
use super::segment::{self, Opener};
use super::{Ids, Lsn};
use crate::base::disk::{self, Disk, File};

/// Where a restore ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// At this LSN, where a record or a MULTI…EXEC must end.
    Lsn(Lsn),
    /// Behind everything written up to this Unix second.
    Time(u64),
    /// At the end of what is there.
    End,
}

/// What a restore begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// An RDB file, or the archive's own base. `None`: nothing, at LSN 0.
    pub path: Option<PathBuf>,
    /// The LSN that it is a snapshot of.
    pub lsn: Lsn,
    /// Unix seconds when it was taken, if it says so.
    pub seconds: Option<u64>,
}

/// What was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The LSN it is restored to.
    pub lsn: Lsn,
    /// Records behind the base, MULTI and EXEC included.
    pub records: u64,
    /// Unix seconds of the last record.
    pub seconds: Option<u64>,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The source cannot be read so far.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file of the copy could not be written.
    #[error(transparent)]
    Write(#[from] LogError),
    /// The target is not between base and end.
    #[error("LSN {at} cannot be restored: it can be from LSN {start} to {}",
        end.map_or("the log's end".to_owned(), |end| format!("LSN {end}")))]
    Window {
        /// The LSN asked for.
        at: Lsn,
        /// The base's.
        start: Lsn,
        /// The end's, if it was looked for.
        end: Option<Lsn>,
    },
    /// The time is before the base's.
    #[error("the time {at} cannot be restored: the base is of {base} (Unix seconds)")]
    TooEarly {
        /// The Unix second asked for.
        at: u64,
        /// The base's.
        base: u64,
    },
    /// The target is inside a record or a transaction.
    #[error("LSN {at} is inside a record or a transaction: one ends at LSN {before}{}",
        after.map(|after| format!(", the next at LSN {after}")).unwrap_or_default())]
    Inside {
        /// The LSN asked for.
        at: Lsn,
        /// The highest below it that can be restored.
        before: Lsn,
        /// The lowest above it, if it is near.
        after: Option<Lsn>,
    },
}

impl From<ReadError> for RestoreError {
    fn from(error: ReadError) -> Self {
        RestoreError::Archive(error.into())
    }
}

/// Restores into the folder `out`, in which there must be nothing of the name. `salt` is random.
/// `progress` is told how many record bytes are done.
pub fn restore(
    archive: &Archive,
    base: &Base,
    target: Target,
    out: &Place,
    salt: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, RestoreError> {
    let copy = Copy::begin(archive, out, salt)?;
    let mut restore = Restore { archive, base, target, copy, done: Restored::default(), progress };
    match restore.run() {
        Ok(()) => Ok(restore.done),
        Err(error) => {
            restore.copy.discard();
            Err(error)
        }
    }
}

struct Restore<'a> {
    archive: &'a Archive,
    base: &'a Base,
    target: Target,
    copy: Copy,
    done: Restored,
    progress: &'a mut dyn FnMut(u64),
}

/// How far a batch goes into the copy.
enum Fit {
    /// All of it, or the part up to here, and then on.
    Goes(usize),
    /// The part up to here, and no more.
    Ends(usize),
}

impl Restore<'_> {
    fn run(&mut self) -> Result<(), RestoreError> {
        let start = self.base.lsn;
        if let (Target::Time(at), Some(base)) = (self.target, self.base.seconds)
            && at < base
        {
            return Err(RestoreError::TooEarly { at, base });
        }
        if let Target::Lsn(at) = self.target
            && at < start
        {
            return Err(RestoreError::Window { at, start, end: None });
        }
        self.copy.base(self.archive, self.base)?;
        self.done.lsn = start;
        let pieces = self.archive.pieces();
        let holds = |first: Option<Lsn>| first.is_some_and(|first| first <= start);
        let Some(index) = pieces.iter().rposition(|piece| holds(piece.first)) else {
            let at = self.base.lsn;
            let start = self.archive.window_start().unwrap_or_default();
            return Err(ArchiveError::Window { at, start, end: None }.into());
        };
        for index in index..pieces.len() {
            let Some(cursor) = self.archive.cursor(index)? else { break };
            let Some((at, end)) = self.segment(cursor, index + 1 == pieces.len())? else {
                return self.finish();
            };
            match self.archive.behind(index, at, end)? {
                State::More => {}
                State::Foreign if !matches!(self.target, Target::Lsn(_)) => {
                    return Err(self.foreign(index).into());
                }
                State::End | State::Cut(_) | State::Foreign if at < start => {
                    let first = self.archive.window_start().unwrap_or_default();
                    let outside = ArchiveError::Window { at: start, start: first, end: Some(at) };
                    return Err(outside.into());
                }
                State::End | State::Cut(_) | State::Foreign => break,
            }
        }
        let end = self.done.lsn;
        match self.target {
            Target::Lsn(at) if at > end => Err(RestoreError::Window { at, start, end: Some(end) }),
            _ => self.finish(),
        }
    }

    /// Not all there is can be restored: commands of another server stand behind a segment.
    fn foreign(&self, index: usize) -> ArchiveError {
        let file = self.archive.pieces().get(index).map(|piece| piece.path.clone());
        let problem = format!(
            "behind LSN {} stand commands that another server wrote, without LSNs; a start of \
             CoolCache takes them over",
            self.done.lsn
        );
        ArchiveError::Folder { file: file.unwrap_or_default(), problem }
    }

    /// Copies what belongs into the copy of one segment. Returns where and how it ends; nothing if
    /// the target is reached before.
    fn segment(
        &mut self,
        mut cursor: Cursor,
        is_last: bool,
    ) -> Result<Option<(Lsn, State)>, RestoreError> {
        let mut scan = Scan::at(cursor.opener.database);
        let mut seconds = None;
        loop {
            // A copy's segment begins where the first bytes for it do.
            if cursor.next >= self.base.lsn && !self.copy.is_in(&cursor.path) {
                self.copy.enter(&cursor, cursor.next, scan.database)?;
            }
            if self.target == Target::Lsn(cursor.next) && cursor.next >= self.base.lsn {
                return Ok(None);
            }
            let step = if is_last { cursor.step_last() } else { cursor.step() };
            let (batch, bytes) = match step? {
                Step::Batch(batch, bytes) => (batch, bytes),
                Step::End => return Ok(Some((cursor.next, State::End))),
                Step::Cut(place) => return Ok(Some((cursor.next, State::Cut(place)))),
                Step::Foreign => return Ok(Some((cursor.next, State::Foreign))),
            };
            seconds = batch.seconds.or(seconds);
            if let (Target::Time(until), Some(seconds)) = (self.target, seconds)
                && seconds > until
                && batch.last > self.base.lsn
            {
                return Ok(None);
            }
            let payload = bytes.slice(batch.payload.clone());
            let skip = self.skip(&mut scan, &cursor, &payload, batch.first)?;
            let rest = payload.slice(skip..);
            if rest.is_empty() {
                continue;
            }
            let first = batch.first.advance(skip);
            if !self.copy.is_in(&cursor.path) {
                self.copy.enter(&cursor, first, scan.database)?;
            }
            if self.target == Target::Lsn(first) {
                return Ok(None);
            }
            let fit = self.fit(&mut scan, &cursor, &rest, first)?;
            let (Fit::Goes(end) | Fit::Ends(end)) = fit;
            self.copy.append(&rest.slice(..end), seconds)?;
            self.done.lsn = first.advance(end);
            self.done.seconds = seconds;
            (self.progress)(self.done.lsn.since(self.base.lsn));
            if matches!(fit, Fit::Ends(_)) {
                return Ok(None);
            }
        }
    }

    /// How many of a batch's bytes are in the base already.
    fn skip(
        &self,
        scan: &mut Scan,
        cursor: &Cursor,
        payload: &Bytes,
        first: Lsn,
    ) -> Result<usize, RestoreError> {
        let base = self.base.lsn;
        if first >= base {
            return Ok(0);
        }
        let mut end = Lsn(0);
        let walked = scan.walk(payload, first, None, &mut |record| {
            end = record.lsn;
            if end >= base { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match walked {
            Walked::All => Ok(payload.len()),
            Walked::Stopped(at) if end == base && !scan.in_group => Ok(at),
            Walked::Stopped(_) => {
                let problem = format!("the base is of LSN {base}, which is inside a record");
                Err(ArchiveError::Folder { file: cursor.path.clone(), problem }.into())
            }
            Walked::Bad(offset, expected) => Err(bad(cursor, payload, offset, expected)),
        }
    }

    /// How many of the bytes are below the target, which must be at the end of a group.
    fn fit(
        &mut self,
        scan: &mut Scan,
        cursor: &Cursor,
        bytes: &Bytes,
        first: Lsn,
    ) -> Result<Fit, RestoreError> {
        let target = match self.target {
            Target::Lsn(lsn) => Some(lsn),
            Target::Time(_) | Target::End => None,
        };
        let (mut records, mut found, mut before, mut after) = (0, None, first, None);
        let walked = scan.walk(bytes, first, None, &mut |record| {
            let reached = target.is_some_and(|target| record.lsn >= target);
            if !reached {
                records += 1;
            }
            if !record.in_group && target == Some(record.lsn) {
                records += 1;
                found = Some(record.lsn.since(first));
                return ControlFlow::Break(());
            }
            if record.in_group {
                return ControlFlow::Continue(());
            }
            if reached {
                after = Some(record.lsn);
                return ControlFlow::Break(());
            }
            before = record.lsn;
            ControlFlow::Continue(())
        });
        self.done.records += records;
        if let (Some(at), Walked::Stopped(_)) = (target, &walked)
            && found.is_none()
        {
            return Err(RestoreError::Inside { at, before, after });
        }
        match walked {
            Walked::All => Ok(Fit::Goes(bytes.len())),
            Walked::Stopped(at) => Ok(Fit::Ends(at)),
            Walked::Bad(offset, expected) => Err(bad(cursor, bytes, offset, expected)),
        }
    }

    fn finish(&mut self) -> Result<(), RestoreError> {
        Ok(self.copy.finish()?)
    }
}

/// Damage inside a batch whose checksum was right.
fn bad(cursor: &Cursor, bytes: &Bytes, offset: usize, expected: &str) -> RestoreError {
    let segment::Damage { expected, found, .. } = segment::damage(bytes, offset, expected);
    let file = cursor.path.clone();
    let behind = bytes.len().saturating_sub(offset) as u64;
    let offset = cursor.offset.saturating_sub(behind);
    ReadError::from(Corrupt { file, offset, expected, found }).into()
}

/// The folder being written.
struct Copy {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    folder: Folder,
    salt: u64,
    manifest: Manifest,
    current: Option<Segment>,
    created: Vec<PathBuf>,
}

/// The segment being written.
struct Segment {
    /// Which one of the source it is a copy of.
    source: PathBuf,
    file: Arc<dyn File>,
    path: PathBuf,
    at: Lsn,
    second: Option<u64>,
}

impl Copy {
    fn begin(archive: &Archive, out: &Place, salt: u64) -> Result<Copy, RestoreError> {
        let disk = archive.disk().clone();
        let folder = Folder::of(&out.settings());
        disk.create_dir_all(&folder.path).map_err(LogError::io(&folder.path))?;
        let names = disk.list(&folder.path).map_err(LogError::io(&folder.path))?;
        if let Some(name) = names.first() {
            let (file, problem) = (folder.file(name), "it is in the way".to_owned());
            return Err(ArchiveError::Folder { file, problem }.into());
        }
        let manifest = Manifest { ours: true, ..Manifest::default() };
        let dir = out.dir.clone();
        Ok(Copy { disk, dir, folder, salt, manifest, current: None, created: Vec::new() })
    }

    /// Copies the base.
    fn base(&mut self, archive: &Archive, base: &Base) -> Result<(), RestoreError> {
        let Some(from) = &base.path else { return Ok(()) };
        let own = archive.base.as_ref().filter(|(path, _)| path == from);
        let file = match own {
            Some((_, file)) => file.clone(),
            None => self.disk.open_read(from).map_err(LogError::io(from))?,
        };
        let ending = if from.extension().is_some_and(|is| is == "aof") { "aof" } else { "rdb" };
        let entry = self.folder.base(1, ending);
        let path = self.folder.file(&entry.name);
        self.created.push(path.clone());
        let length = file.len().map_err(LogError::io(from))?;
        disk::copy_open(&*self.disk, &*file, &path, 0, length).map_err(LogError::io(&path))?;
        self.manifest.base = Some(entry);
        self.manifest.base_crc = archive.base_crc.filter(|_| own.is_some());
        Ok(())
    }

    fn is_in(&self, source: &Path) -> bool {
        self.current.as_ref().is_some_and(|current| current.source == source)
    }

    /// Begins a segment at `at`, the copy of the one that `cursor` reads.
    fn enter(&mut self, cursor: &Cursor, at: Lsn, database: u32) -> Result<(), LogError> {
        self.seal()?;
        let entry = self.folder.segment(self.manifest.next_segment_seq());
        let path = self.folder.file(&entry.name);
        let Ids { current, before } = cursor.opener.ids.clone();
        let ids = Ids { current, before };
        let opener = Opener { first: at, salt: self.salt, ids, database };
        self.created.push(path.clone());
        let file = self.disk.create(&path).map_err(LogError::io(&path))?;
        file.write_all(&segment::encode_opener(&opener)).map_err(LogError::io(&path))?;
        let source = cursor.path.clone();
        self.current = Some(Segment { source, file, path, at, second: None });
        self.manifest.segments.push(entry);
        Ok(())
    }

    fn append(&mut self, payload: &Bytes, seconds: Option<u64>) -> Result<(), LogError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let mut header = Vec::with_capacity(128);
        let dated = seconds.filter(|_| current.second != seconds);
        current.second = seconds;
        let (first, last) = (current.at, current.at.advance(payload.len()));
        segment::encode_batch(&mut header, 0, self.salt, dated, (first, last, first), payload);
        let written = current.file.write_all_vectored(&[&header, payload]);
        written.map_err(LogError::io(&current.path))?;
        current.at = last;
        Ok(())
    }

    /// Ends the segment being written: what it holds is known to be durable.
    fn seal(&mut self) -> Result<(), LogError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let mut header = Vec::with_capacity(128);
        let at = current.at;
        segment::encode_batch(&mut header, 0, self.salt, None, (at, at, at), &[]);
        let sealed = current.file.write_all(&header).and_then(|()| current.file.sync_all());
        sealed.map_err(LogError::io(&current.path))
    }

    fn finish(&mut self) -> Result<(), LogError> {
        self.seal()?;
        let io = |path: &Path| LogError::io(path);
        self.disk.sync_dir(&self.folder.path).map_err(io(&self.folder.path))?;
        let (path, temporary) = (self.folder.manifest(), self.folder.temporary("manifest"));
        disk::replace(&*self.disk, &temporary, &path, &self.manifest.encode())
            .map_err(io(&path))?;
        self.disk.sync_dir(&self.dir).map_err(io(&self.dir))
    }

    /// Removes what was written.
    fn discard(&self) {
        for path in &self.created {
            if let Err(error) = self.disk.remove(path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!("{} could not be removed: {error}", path.display());
            }
        }
    }
}
