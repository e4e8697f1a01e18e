//! Group commit: what gathered in the tail goes to the file with one write and is made durable with
//! one sync.
//!
//! The steps are plain functions that tests call one by one; `threads.rs` is the thin shell around
//! them. Locks are taken in this order: writer, syncing, catalog or tail. None is held by who
//! appends but the tail's.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::catalog::{Catalog, Segment};
use super::error::Failed;
use super::late::UNSYNCED_MAX;
use super::planted::{Bug, planted};
use super::segment::{self, Opener};
use super::tail::Chunk;
use super::{DiskWork, Fsync, Lsn, News, Shared, retention};
use crate::base::clock;
use crate::base::disk::File;

/// The segment being written.
pub(super) struct Current {
    pub file: Arc<dyn File>,
    pub path: PathBuf,
    pub first: Lsn,
    /// The file's length.
    pub len: u64,
    /// Up to which offset space is reserved.
    pub reserved: u64,
    /// Seconds of the newest `#TS`.
    second: u64,
    /// The highest durable LSN that a batch in it claims.
    claimed: Lsn,
    /// The database selected at its end.
    database: u32,
}

/// What only the writer, and whoever replaces files, may touch.
#[derive(Default)]
pub(super) struct Writer {
    /// `None`: the log lies in memory.
    pub current: Option<Current>,
    headers: Vec<u8>,
}

/// A file operation that failed, on its way to the latch.
pub(super) struct Trouble {
    pub operation: &'static str,
    pub file: PathBuf,
    pub error: io::Error,
}

pub(super) fn trouble(
    operation: &'static str,
    file: &Path,
) -> impl FnOnce(io::Error) -> Trouble + use<> {
    let file = file.to_path_buf();
    move |error| Trouble { operation, file, error }
}

impl Shared {
    /// Writes what has gathered. Under `always` it is durable when this returns; otherwise the
    /// syncer follows. Returns whether there was anything to do.
    pub fn write_step(&self) -> bool {
        let mut writer = self.writer.lock();
        if self.is_latched() {
            return false;
        }
        let chunks = self.tail.lock().unwritten();
        if chunks.is_empty() || writer.current.is_none() {
            return false;
        }
        if let Err(trouble) = self.write_chunks(&mut writer, &chunks) {
            self.latch(trouble);
        }
        true
    }

    fn write_chunks(&self, writer: &mut Writer, chunks: &[Chunk]) -> Result<(), Trouble> {
        let mut rest = chunks;
        while !rest.is_empty() {
            let Some(current) = &mut writer.current else { return Ok(()) };
            let mut size = current.len;
            let full = |chunk: &Chunk| {
                size += chunk.len() as u64;
                chunk.roll || size >= self.settings.segment_bytes
            };
            let stop = rest.iter().position(full);
            let (run, after) = rest.split_at(stop.map_or(rest.len(), |index| index + 1));
            self.write_run(current, &mut writer.headers, run)?;
            self.tail.lock().wrote(run.len(), self.settings.backlog_bytes);
            if self.fsync() == Fsync::Always || self.progress.owes_sync() {
                self.sync()?;
            }
            let end = run.last().map_or(current.first, Chunk::last);
            if stop.is_some() && end != current.first {
                self.roll_segment(writer)?;
            }
            rest = after;
        }
        Ok(())
    }

    /// Writes chunks as batches, with one vectored write, and dates them.
    fn write_run(
        &self,
        current: &mut Current,
        headers: &mut Vec<u8>,
        run: &[Chunk],
    ) -> Result<(), Trouble> {
        let now = (self.clock)();
        let mut durable = self.progress.get().synced;
        if planted(Bug::ClaimsTooMuch) {
            durable = run.first().map_or(durable, Chunk::last);
        }
        let mut ends = Vec::with_capacity(run.len());
        headers.clear();
        for chunk in run.iter().filter(|chunk| !chunk.is_empty()) {
            let seconds = (now != current.second).then_some(now);
            current.second = now;
            let covered = headers.len();
            let lsns = (chunk.first, chunk.last(), durable);
            let pieces = chunk.pieces();
            segment::encode_batch_of(headers, covered, self.salt, seconds, lsns, pieces);
            ends.push((headers.len(), chunk));
        }
        let mut parts: Vec<&[u8]> = Vec::with_capacity(ends.len() * 2);
        let mut notes = Vec::with_capacity(ends.len());
        let (mut start, mut offset) = (0, current.len);
        for (end, chunk) in &ends {
            parts.push(headers.get(start..*end).unwrap_or(&[]));
            parts.extend(chunk.pieces().iter().map(|piece| &piece[..]));
            notes.push((chunk.first, offset));
            offset += (end - start + chunk.len()) as u64;
            start = *end;
        }
        let Some((_, newest)) = ends.last() else { return Ok(()) };
        self.reserve(current, offset);
        let work = DiskWork::Write { while_syncing: self.syncing.is_locked() };
        let written = self.observed(work, || current.file.write_all_vectored(&parts));
        written.map_err(trouble("write", &current.path))?;
        current.len = offset;
        current.claimed = durable;
        current.database = newest.database;
        let mut catalog = self.catalog.lock();
        if let Some(segment) = catalog.segments.last_mut() {
            for (first, offset) in notes {
                segment.note(first, offset);
            }
            segment.last = newest.last();
            segment.bytes = offset;
            segment.closed = now;
        }
        drop(catalog);
        // Before anybody is told that there is something to read.
        self.tail.lock().date(run.len(), now);
        self.progress.write(newest.last());
        Ok(())
    }

    /// Does `operation`, and tells the observer how long it took.
    fn observed<R>(&self, work: DiskWork, operation: impl FnOnce() -> R) -> R {
        let begun = clock::monotonic();
        let result = operation();
        if let Some(observer) = &*self.observer.read() {
            observer(work, clock::monotonic().since(begun));
        }
        result
    }

    /// Makes all that is written durable. Returns whether there was anything to do.
    pub fn sync_step(&self) -> bool {
        let positions = self.progress.get();
        if positions.synced >= positions.written || self.is_latched() {
            return false;
        }
        if let Err(trouble) = self.sync() {
            self.latch(trouble);
        }
        true
    }

    /// `written` is read before the file is looked up: if the writer begins a new segment in
    /// between, all up to the older `written` is in segments that it synced.
    fn sync(&self) -> Result<(), Trouble> {
        let _syncing = self.syncing.lock();
        let positions = self.progress.get();
        let current = self.catalog.lock().current_file();
        let Some((file, path)) = current.filter(|_| positions.synced < positions.written) else {
            return Ok(());
        };
        if planted(Bug::AckBeforeFsync) {
            self.progress.sync(positions.written);
        }
        self.sync_file(&*file, &self.folder.file(&path))?;
        if self.late_at.load(Ordering::Acquire) != u64::MAX {
            let mut tail = self.tail.lock();
            let end = tail.end();
            tail.ages.sync(positions.written, end);
            // Before anybody is told: who waited because it was late looks there.
            self.follow_ages(&tail);
        }
        self.progress.sync(positions.written);
        Ok(())
    }

    /// The only place that syncs the segment being written, under the lock `syncing`. A failed sync
    /// is latched by the caller and never tried again: the kernel has dropped the bytes and would
    /// say `Ok`.
    fn sync_file(&self, file: &dyn File, path: &Path) -> Result<(), Trouble> {
        if self.is_latched() {
            return Err(Trouble {
                operation: "sync",
                file: path.to_path_buf(),
                error: io::Error::other("an earlier write or sync of it failed"),
            });
        }
        let policy = self.fsync();
        if policy != Fsync::Always {
            self.delays.lock().begin(clock::monotonic());
        }
        let result = self.observed(DiskWork::Sync { policy }, || file.sync_data());
        let took = self.delays.lock().end(clock::monotonic());
        if took >= UNSYNCED_MAX {
            let seconds = took.as_secs_f64();
            tracing::warn!(seconds, "a sync of the log took so long that writes had to wait");
        }
        if planted(Bug::RetriedFsync) && result.is_err() {
            return file.sync_data().map_err(trouble("sync", path));
        }
        // Latched at once, still under the lock, so that no other thread syncs in between.
        result.map_err(trouble("sync", path)).inspect_err(|failed| {
            self.latch(trouble("sync", path)(copy(&failed.error)));
        })
    }

    /// Says in the file that all before is durable, if it does not say so yet. Returns whether it
    /// wrote.
    pub fn seal_step(&self) -> bool {
        let mut writer = self.writer.lock();
        let Some(current) = writer.current.as_mut().filter(|_| !self.is_latched()) else {
            return false;
        };
        if self.disk_full.load(Ordering::Acquire) {
            self.reserve(current, current.len);
        }
        let positions = self.progress.get();
        let idle = positions.synced == positions.emitted;
        if !idle || current.claimed >= positions.synced {
            return false;
        }
        if let Err(trouble) = self.seal(current) {
            self.latch(trouble);
        }
        true
    }

    /// Writes an empty batch. All up to `written` is synced.
    fn seal(&self, current: &mut Current) -> Result<(), Trouble> {
        let at = self.progress.get().synced;
        let mut header = Vec::with_capacity(96);
        segment::encode_batch(&mut header, 0, self.salt, None, (at, at, at), &[]);
        current.file.write_all(&header).map_err(trouble("write", &current.path))?;
        current.len += header.len() as u64;
        current.claimed = at;
        if let Some(segment) = self.catalog.lock().segments.last_mut() {
            segment.bytes = current.len;
        }
        Ok(())
    }

    /// Ends the file: synced, sealed, free of reserved space, and that durable too.
    pub fn finish_segment(&self, current: &mut Current) -> Result<(), Trouble> {
        self.sync()?;
        if current.claimed < self.progress.get().synced {
            self.seal(current)?;
        }
        current.file.set_len(current.len).map_err(trouble("write", &current.path))?;
        let _syncing = self.syncing.lock();
        self.sync_file(&*current.file, &current.path)
    }

    /// Ends the current segment and begins the next: the file is durable before the manifest lists
    /// it, and listed before a batch goes into it.
    fn roll_segment(&self, writer: &mut Writer) -> Result<(), Trouble> {
        let Some(current) = &mut writer.current else { return Ok(()) };
        self.finish_segment(current)?;
        let at = self.progress.get().written;
        let database = current.database;
        let mut catalog = self.catalog.lock().clone();
        let next = self.create_segment(&mut catalog, at, database)?;
        let dropped = retention::expire(&mut catalog, *self.kept.lock(), (self.clock)());
        self.publish(writer, catalog, next)?;
        self.remove_segments(&dropped);
        Ok(())
    }

    /// Creates a durable segment with its opener, last in `catalog`, not yet listed on disk.
    pub fn create_segment(
        &self,
        catalog: &mut Catalog,
        at: Lsn,
        database: u32,
    ) -> Result<Current, Trouble> {
        let seq = catalog
            .manifest()
            .next_segment_seq()
            .max(self.segment_seq_floor.load(Ordering::Acquire));
        // Never the same number twice: a manifest that failed may still have reached the disk.
        self.segment_seq_floor.store(seq.saturating_add(1), Ordering::Release);
        let entry = self.folder.segment(seq);
        let path = self.folder.file(&entry.name);
        let ids = self.ids.lock().clone();
        let opener = segment::encode_opener(&Opener { first: at, salt: self.salt, ids, database });
        let create = || {
            let file = self.disk.create(&path)?;
            file.write_all(&opener)?;
            file.sync_all()?;
            self.sync_folder()?;
            Ok(file)
        };
        let file = create().inspect_err(|_| self.discard(&path)).map_err(trouble("roll", &path))?;
        let len = opener.len() as u64;
        catalog.current = Some(file.clone());
        catalog.segments.push(Segment {
            entry,
            first: at,
            last: at,
            bytes: len,
            closed: (self.clock)(),
            retained: false,
            readable: true,
            index: vec![(at, len)],
        });
        Ok(Current { file, path, first: at, len, reserved: 0, second: 0, claimed: at, database })
    }

    /// Makes `catalog` the truth, on disk and then in memory, and `current` the segment being
    /// written.
    pub fn publish(
        &self,
        writer: &mut Writer,
        catalog: Catalog,
        current: Current,
    ) -> Result<(), Trouble> {
        self.prepare_manifest(&catalog)?;
        self.place_manifest()?;
        self.begin_segment(writer, catalog, current);
        Ok(())
    }

    /// The manifest of `catalog`, which lists `current`, is durable.
    pub fn begin_segment(&self, writer: &mut Writer, catalog: Catalog, mut current: Current) {
        *self.catalog.lock() = catalog;
        self.boundary.notify_all();
        let end = current.len;
        self.reserve(&mut current, end);
        writer.current = Some(current);
    }

    /// Makes the next manifest durable under another name. If that fails, the one on disk stands.
    pub fn prepare_manifest(&self, catalog: &Catalog) -> Result<(), Trouble> {
        let temporary = self.folder.temporary("manifest");
        let write = || -> io::Result<()> {
            let file = self.disk.create(&temporary)?;
            file.write_all(&catalog.manifest().encode())?;
            file.sync_all()
        };
        write().map_err(trouble("roll", &self.folder.manifest()))
    }

    /// Replaces the manifest on disk by the one prepared. If that fails, it is not known which of
    /// the two will be there after a crash.
    pub fn place_manifest(&self) -> Result<(), Trouble> {
        let (path, temporary) = (self.folder.manifest(), self.folder.temporary("manifest"));
        let placed = self.disk.rename(&temporary, &path).and_then(|()| self.sync_folder());
        placed.map_err(trouble("roll", &path))
    }

    /// Makes the folder's names durable.
    pub fn sync_folder(&self) -> io::Result<()> {
        if planted(Bug::NoFolderFsync) {
            return Ok(());
        }
        self.disk.sync_dir(&self.folder.path)
    }

    /// Removes files that no durable manifest lists any more. One that cannot be removed now is
    /// found, and removed, at the next start.
    pub fn remove_segments(&self, dropped: &[Segment]) {
        for segment in dropped {
            self.remove_file(&self.folder.file(&segment.entry.name));
        }
    }

    /// See [`Shared::remove_segments`].
    pub fn remove_file(&self, path: &Path) {
        if let Err(error) = self.disk.remove(path) {
            tracing::warn!("{} could not be removed: {error}", path.display());
        }
    }

    /// Removes a file that no manifest has ever listed, if it is there.
    pub fn discard(&self, path: &Path) {
        if self.disk.exists(path).unwrap_or(true) {
            self.remove_file(path);
        }
    }

    /// Stops all writing until the log is healed. The first failure stands.
    pub fn latch(&self, trouble: Trouble) {
        let mut failed = self.failed.lock();
        if failed.is_none() {
            let failure = Failed {
                operation: trouble.operation,
                file: trouble.file,
                disk_full: trouble.error.kind() == io::ErrorKind::StorageFull,
                error: trouble.error.to_string(),
                good: self.progress.get().synced,
            };
            tracing::error!("{failure}. Writes are refused until a fresh base heals the log.");
            *failed = Some(Arc::new(failure));
            self.latched.store(true, Ordering::Release);
        }
        drop(failed);
        // A waiter between its check and its wait holds this lock: without it the wake could be
        // missed.
        drop(self.catalog.lock());
        self.boundary.notify_all();
        self.progress.wake(News::Latched);
    }
}

impl Catalog {
    /// The file being written and its name.
    fn current_file(&self) -> Option<(Arc<dyn File>, String)> {
        let segment = self.segments.last()?;
        Some((self.current.clone()?, segment.entry.name.clone()))
    }
}

/// An I/O error cannot be cloned; number or text can.
pub(super) fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
