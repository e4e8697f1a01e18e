//! Snapshots become bases: after a rewrite, after a failure, and when the log is switched on while
//! running. In all of them the order is the same: the snapshot durable under its name, the segment
//! after it durable, the manifest that lists both durable, and only then old files removed.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::catalog::Catalog;
use super::cursor::{Cursor, Step};
use super::error::LogError;
use super::planted::{Bug, planted};
use super::reader::ReadError;
use super::writer::{Trouble, Writer, copy};
use super::{Lsn, News, Shared, retention};

fn failed(trouble: Trouble) -> LogError {
    LogError::Io { file: trouble.file, source: trouble.error }
}

impl Shared {
    /// See [`super::Log::install_base`].
    pub(super) fn install_base(&self, temporary: &Path, at: Lsn) -> Result<(), LogError> {
        self.sync_snapshot(temporary)?;
        let writer = self.writer.lock();
        if writer.current.is_none() {
            return Err(LogError::NoFiles);
        }
        let mut catalog = self.catalog.lock().clone();
        if !catalog.begins_at(at) {
            return Err(LogError::NoBoundary(at));
        }
        let old = self.name_base(&mut catalog, temporary)?;
        for segment in &mut catalog.segments {
            segment.retained = segment.first < at;
        }
        let dropped = retention::expire(&mut catalog, *self.kept.lock(), (self.clock)());
        if planted(Bug::RemovedBeforeManifest) {
            self.remove_segments(&dropped);
        }
        let named = catalog.base.as_ref().map(|base| base.name.clone());
        if let Err(failure) = self.prepare_manifest(&catalog) {
            named.iter().for_each(|name| self.discard(&self.folder.file(name)));
            return Err(failed(failure));
        }
        if let Err(failure) = self.place_manifest() {
            // Whether the old or the new manifest is on disk is not known: both are right as long
            // as nothing is removed, and no further one may be trusted to the folder.
            self.strays.lock().extend(named);
            let answer = LogError::Io { file: failure.file.clone(), source: copy(&failure.error) };
            self.latch(failure);
            return Err(answer);
        }
        // Only the holder of the writer's lock changes the catalog, so the copy was not outdated.
        *self.catalog.lock() = catalog;
        drop(writer);
        if let Some(old) = old {
            self.remove_file(&self.folder.file(&old));
        }
        self.remove_segments(&dropped);
        Ok(())
    }

    /// Makes a snapshot's bytes durable, before any lock is taken.
    fn sync_snapshot(&self, temporary: &Path) -> Result<(), LogError> {
        assert!(self.folder.contains(temporary), "snapshots are written into the log's folder");
        let file = self.disk.open_append(temporary).map_err(LogError::io(temporary))?;
        if planted(Bug::BaseListedUnsynced) {
            return Ok(());
        }
        file.sync_all().map_err(LogError::io(temporary))
    }

    /// Gives a durable snapshot its name as the next base; returns the name of the one it replaces.
    fn name_base(
        &self,
        catalog: &mut Catalog,
        temporary: &Path,
    ) -> Result<Option<String>, LogError> {
        let file = self.disk.open_read(temporary).map_err(LogError::io(temporary))?;
        catalog.base_bytes = file.len().map_err(LogError::io(temporary))?;
        let floor = self.base_seq_floor.load(Ordering::Acquire);
        let seq = catalog.manifest().next_base_seq().max(floor);
        // Never the same number twice: a manifest that failed may still have reached the disk.
        self.base_seq_floor.store(seq.saturating_add(1), Ordering::Release);
        let entry = self.folder.base(seq, "rdb");
        let path = self.folder.file(&entry.name);
        let renamed = self.disk.rename(temporary, &path).and_then(|()| self.sync_folder());
        renamed.inspect_err(|_| self.discard(&path)).map_err(LogError::io(&path))?;
        catalog.base_crc = None;
        Ok(catalog.base.replace(entry).map(|old| old.name))
    }

    /// See [`super::Log::heal`]: the files begin anew at `at`, with a snapshot; the tail goes on.
    pub(super) fn heal(&self, temporary: &Path, at: Lsn) -> Result<(), LogError> {
        self.disk.create_dir_all(&self.folder.path).map_err(LogError::io(&self.folder.path))?;
        self.disk.sync_dir(&self.settings.dir).map_err(LogError::io(&self.settings.dir))?;
        self.sync_snapshot(temporary)?;
        let mut writer = self.writer.lock();
        let mut catalog = self.catalog.lock().clone();
        let earlier =
            if self.has_file.load(Ordering::Acquire) { Vec::new() } else { self.earlier_files()? };
        if let Some(latched) = self.failure().filter(|_| !planted(Bug::FailedSegmentNotCut)) {
            self.cut_failed_segment(&mut catalog, latched.good)?;
        }
        let database = self.tail.lock().database_at(at);
        let mut dropped = self.begin_files(&mut writer, catalog, temporary, (at, database))?;
        dropped.extend(earlier);
        dropped.append(&mut self.strays.lock());
        let mut tail = self.tail.lock();
        tail.covered(at, self.settings.backlog_bytes);
        self.progress.cover(at);
        let end = tail.end();
        tail.ages.sync(at, end);
        self.follow_ages(&tail);
        self.clear_latch();
        self.on_disk.store(true, Ordering::Release);
        self.has_file.store(true, Ordering::Release);
        drop(tail);
        self.wake.notify_all();
        self.progress.wake(News::Moved);
        drop(writer);
        dropped.sort_unstable();
        dropped.dedup();
        self.remove_files(dropped);
        Ok(())
    }

    /// Bases and segments of an earlier time, when the log had files, or of an earlier process:
    /// the manifest on disk lists them until the next one is there, so their numbers are not given
    /// again and they are removed only then.
    fn earlier_files(&self) -> Result<Vec<String>, LogError> {
        let names = self.disk.list(&self.folder.path).map_err(LogError::io(&self.folder.path))?;
        let mut earlier = Vec::new();
        for name in names {
            let (base, segment) = (self.folder.base_seq(&name), self.folder.segment_seq(&name));
            if let Some(seq) = base {
                self.base_seq_floor.fetch_max(seq.saturating_add(1), Ordering::AcqRel);
            }
            if let Some(seq) = segment {
                self.segment_seq_floor.fetch_max(seq.saturating_add(1), Ordering::AcqRel);
            }
            if base.is_some() || segment.is_some() {
                earlier.push(name);
            }
        }
        Ok(earlier)
    }

    fn clear_latch(&self) {
        *self.failed.lock() = None;
        self.latched.store(false, Ordering::Release);
        self.disk_full.store(false, Ordering::Release);
    }

    /// A base at an LSN, a fresh segment after it that begins in the given database, and the
    /// manifest that lists both. A log that it replaces unread is kept. Segments already in
    /// `catalog` become history. Returns the names of files to remove.
    fn begin_files(
        &self,
        writer: &mut Writer,
        mut catalog: Catalog,
        temporary: &Path,
        (at, database): (Lsn, u32),
    ) -> Result<Vec<String>, LogError> {
        self.keep_unread()?;
        let old = self.name_base(&mut catalog, temporary)?;
        for segment in &mut catalog.segments {
            segment.retained = true;
        }
        let base = catalog.base.as_ref().map(|base| base.name.clone());
        let discard = |names: &[Option<String>]| {
            // A snapshot that was in vain may be what fills the disk.
            names.iter().flatten().for_each(|name| self.discard(&self.folder.file(name)));
        };
        let next = match self.create_segment(&mut catalog, at, database) {
            Ok(next) => next,
            Err(failure) => {
                discard(&[base]);
                return Err(failed(failure));
            }
        };
        let segment = catalog.segments.last().map(|segment| segment.entry.name.clone());
        let dropped = retention::expire(&mut catalog, *self.kept.lock(), (self.clock)());
        if let Err(failure) = self.prepare_manifest(&catalog) {
            discard(&[base, segment]);
            return Err(failed(failure));
        }
        if let Err(failure) = self.place_manifest() {
            // The manifest on disk may list them.
            self.strays.lock().extend(base.into_iter().chain(segment));
            return Err(failed(failure));
        }
        self.begin_segment(writer, catalog, next);
        let dropped = dropped.into_iter().map(|segment| segment.entry.name);
        Ok(dropped.chain(old).collect())
    }

    fn remove_files(&self, names: Vec<String>) {
        for name in names {
            self.remove_file(&self.folder.file(&name));
        }
    }

    /// Rewrites the failed segment up to its last good LSN, so that nothing above it is ever served
    /// as history. If even that much cannot be read, the segment is not kept.
    fn cut_failed_segment(&self, catalog: &mut Catalog, good: Lsn) -> Result<(), LogError> {
        let Some(last) = catalog.segments.last_mut() else { return Ok(()) };
        let path = self.folder.file(&last.entry.name);
        let cut = self.good_end(&path, good).and_then(|end| {
            match self.rewrite(&path, end) {
                Ok(()) => Ok(Ok(end)),
                // Whether it was the copy that failed, or what is copied, a second look tells.
                Err(error) => self.good_end(&path, good).map(|_| Err(error)),
            }
        });
        match cut {
            Ok(rewritten) => {
                let end = rewritten.map_err(LogError::io(&path))?;
                last.bytes = end;
                last.last = good.max(last.first);
                last.index.retain(|(_, offset)| *offset < end);
            }
            Err(error) => {
                tracing::warn!("{} is not kept: {error}", path.display());
                let lost = catalog.segments.pop();
                let floor = lost.map_or(0, |segment| segment.entry.seq.saturating_add(1));
                self.segment_seq_floor.fetch_max(floor, Ordering::AcqRel);
            }
        }
        Ok(())
    }

    /// Where in a segment's file the batch ends that ends at `good`. It is read piece by piece, not
    /// mapped: a page that a failing disk does not give would end the process.
    fn good_end(&self, path: &Path, good: Lsn) -> Result<u64, ReadError> {
        let mut cursor = Cursor::open_ours(&*self.disk, path)?;
        let good = good.max(cursor.opener.first);
        while cursor.next < good {
            match cursor.step()? {
                Step::Batch(..) => {}
                Step::Cut(place) => return Err(place.into()),
                Step::End | Step::Foreign => return Err(ReadError::Gone(good)),
            }
        }
        if cursor.next == good { Ok(cursor.offset) } else { Err(ReadError::Gone(good)) }
    }

    /// See [`super::Log::to_disk`].
    pub(super) fn to_disk(&self) -> Lsn {
        let mut tail = self.tail.lock();
        let at = tail.roll();
        if !self.on_disk.swap(true, Ordering::AcqRel) {
            tail.wrote_all(self.settings.backlog_bytes);
        }
        at
    }

    /// See [`super::Log::to_memory`].
    pub(super) fn to_memory(&self) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        if !self.is_latched() {
            self.finish(&mut writer)?;
        }
        writer.current = None;
        *self.catalog.lock() = Catalog::default();
        let mut tail = self.tail.lock();
        self.has_file.store(false, Ordering::Release);
        self.on_disk.store(false, Ordering::Release);
        // What came between the last write and now lies in memory, and so counts as written.
        tail.roll();
        tail.wrote_all(self.settings.backlog_bytes);
        tail.ages.clear();
        self.follow_ages(&tail);
        self.progress.emit_in_memory(tail.end());
        self.clear_latch();
        drop(tail);
        self.progress.wake(News::Moved);
        Ok(())
    }

    /// Ends the file: synced and sealed, complete for whoever starts from it.
    pub(super) fn close_files(&self) -> Result<(), LogError> {
        self.finish(&mut self.writer.lock())
    }

    fn finish(&self, writer: &mut Writer) -> Result<(), LogError> {
        if let Some(latched) = self.failure() {
            return Err(LogError::Failed((*latched).clone()));
        }
        if let Some(current) = &mut writer.current
            && let Err(trouble) = self.finish_segment(current)
        {
            let answer = LogError::Io { file: trouble.file.clone(), source: copy(&trouble.error) };
            self.latch(trouble);
            return Err(answer);
        }
        Ok(())
    }
}
