//! From a recovered folder to a running log: what recovery decided is done here, each step durable
//! before the next, and a fresh segment with a new replication id is begun.

use std::path::Path;
use std::sync::Arc;

use super::catalog::Catalog;
use super::error::RecoverError;
use super::keep::Earlier;
use super::manifest;
use super::planted::{Bug, planted};
use super::recovery::Recovered;
use super::segment;
use super::writer::{Trouble, Writer};
use super::{Clock, Ids, Log, Lsn, Shared, Source, retention};
use crate::base::disk::{copy_prefix, copy_range};

/// Earlier replication ids kept. A replica that missed so many restarts gets a full sync.
const IDS_MAX: usize = 64;

/// What a log needs from outside to run.
pub struct Start {
    /// The replication id that begins, 40 hex digits, lower case. A replica that restarts may go
    /// on with the id it followed.
    pub replication_id: String,
    /// Random, and known to no client: see the checksum in [`super`].
    pub salt: u64,
    /// Unix time in seconds.
    pub clock: Clock,
}

impl Recovered {
    /// Begins to log: cuts the torn tail (a copy is kept), takes over a dump, begins a segment,
    /// starts the threads. The first group appended must begin with a SELECT: replicas that
    /// continue from before have whatever database the earlier records left selected.
    pub fn start(self, start: Start) -> Result<Log, RecoverError> {
        let log = self.start_stepped(start)?;
        log.spawn().map_err(RecoverError::io(Path::new("log threads")))?;
        Ok(log)
    }

    /// As [`Recovered::start`] without threads: nothing moves until the steps are called. For tests
    /// and simulation.
    pub fn start_stepped(self, mut start: Start) -> Result<Log, RecoverError> {
        assert!(segment::is_id(&start.replication_id), "a replication id is 40 hex digits");
        let Recovered { last_lsn, mut ids, source, torn, disk, settings, mut plan, .. } = self;
        if planted(Bug::IdKept)
            && let Some((id, _)) = ids.first()
        {
            start.replication_id = id.clone();
        }
        ids.retain(|(id, _)| *id != start.replication_id);
        ids.truncate(IDS_MAX);
        let ids = Ids { current: start.replication_id, before: ids };
        let shared = Shared::new(disk, settings, last_lsn, ids, start.salt, start.clock);
        shared
            .segment_seq_floor
            .store(plan.segment_seq_floor, std::sync::atomic::Ordering::Release);
        if !shared.settings.appendonly {
            return Ok(Log::over(shared));
        }
        let folder = shared.folder.clone();
        let io = RecoverError::io;
        shared.disk.create_dir_all(&folder.path).map_err(io(&folder.path))?;
        let dir = &shared.settings.dir;
        shared.disk.sync_dir(dir).map_err(io(dir))?;
        for path in &plan.remove {
            if shared.disk.exists(path).map_err(io(path))? {
                shared.disk.remove(path).map_err(io(path))?;
            }
        }
        if let Some(torn) = &torn
            && torn.bytes > 0
        {
            let length = plan.rewrite.or(plan.take_over.as_ref().map(|(_, length, _)| *length));
            let offset = length.unwrap_or(torn.place.offset);
            copy_range(&*shared.disk, &torn.place.file, &torn.kept, offset, torn.bytes)
                .map_err(io(&torn.kept))?;
            tracing::warn!(
                "cut {} bytes: {}; kept in {}",
                torn.bytes,
                torn.place,
                torn.kept.display()
            );
        }
        if let Some((from, length, ending)) = &plan.take_over {
            shared.take_over(&mut plan.catalog, from, *length, ending)?;
        }
        if let Some(last) = plan.catalog.segments.last().filter(|last| !last.retained) {
            let path = folder.file(&last.entry.name);
            match plan.rewrite {
                Some(good) => shared.rewrite(&path, good).map_err(io(&path))?,
                // It may still hold space that the last run had reserved.
                None => {
                    let file = shared.disk.open_append(&path).map_err(io(&path))?;
                    file.set_len(last.bytes).map_err(io(&path))?;
                }
            }
        }
        debug_assert!(source != Source::Fresh || last_lsn == Lsn(0));
        shared.first_segment(plan.catalog, last_lsn)?;
        Ok(Log::over(shared))
    }
}

impl Shared {
    /// Makes the good part of a file the first base; the file itself stays. An RDB file is linked:
    /// servers replace it by another. To an append-only file they append, Redis 6 does when it goes
    /// on with it: that is copied.
    fn take_over(
        &self,
        catalog: &mut Catalog,
        from: &Path,
        length: u64,
        ending: &str,
    ) -> Result<(), RecoverError> {
        let entry = self.folder.base(1, ending);
        let path = self.folder.file(&entry.name);
        let linked = || -> std::io::Result<bool> {
            let file = self.disk.open_append(from)?;
            if ending != "rdb" || file.len()? != length {
                return Ok(false);
            }
            file.sync_all()?;
            Ok(self.disk.hard_link(from, &path).is_ok())
        };
        // Where no link can be made (of another file system), a copy is, too.
        if !linked().map_err(RecoverError::io(from))? {
            let temporary = self.folder.temporary("base");
            copy_prefix(&*self.disk, from, &temporary, length).map_err(RecoverError::io(&path))?;
            self.disk.rename(&temporary, &path).map_err(RecoverError::io(&path))?;
        }
        self.sync_folder().map_err(RecoverError::io(&self.folder.path))?;
        catalog.base = Some(entry);
        catalog.base_bytes = length;
        let bytes = self.disk.map(&path).map_err(RecoverError::io(&path))?;
        catalog.base_crc = Some(manifest::checksum(&bytes));
        Ok(())
    }

    /// Replaces a segment by its first `good` bytes, durably. A copy, not a cut and a sync: after a
    /// failed sync the bytes that are still read may exist in memory only, and syncing the same
    /// file again would report success over them.
    pub(super) fn rewrite(&self, path: &Path, good: u64) -> std::io::Result<()> {
        let temporary = self.folder.temporary("cut");
        copy_prefix(&*self.disk, path, &temporary, good)?;
        self.disk.rename(&temporary, path)?;
        self.sync_folder()
    }

    /// Begins the segment of this start. One of an earlier start that got no record is dropped.
    fn first_segment(self: &Arc<Self>, mut catalog: Catalog, at: Lsn) -> Result<(), RecoverError> {
        let mut writer = self.writer.lock();
        let empty = catalog.segments.pop_if(|last| last.first == last.last && !last.retained);
        let failed = |trouble: Trouble| RecoverError::io(&trouble.file)(trouble.error);
        let floor = empty.as_ref().map_or(0, |segment| segment.entry.seq.saturating_add(1));
        self.segment_seq_floor.fetch_max(floor, std::sync::atomic::Ordering::AcqRel);
        if let Some(start) = catalog.window_start() {
            self.ids.lock().before.retain(|(_, last)| *last >= start);
        }
        let current = self.create_segment(&mut catalog, at, 0).map_err(failed)?;
        let mut dropped = retention::expire(&mut catalog, *self.kept.lock(), (self.clock)());
        dropped.extend(empty);
        self.publish(&mut writer, catalog, current).map_err(failed)?;
        self.on_disk.store(true, std::sync::atomic::Ordering::Release);
        self.has_file.store(true, std::sync::atomic::Ordering::Release);
        self.remove_segments(&dropped);
        Ok(())
    }

    /// A shared state with no files yet.
    pub(super) fn new(
        disk: Arc<dyn crate::base::disk::Disk>,
        settings: super::Settings,
        at: Lsn,
        ids: Ids,
        salt: u64,
        clock: Clock,
    ) -> Arc<Shared> {
        let fsync = settings.fsync;
        let earlier = Earlier::of(&settings);
        let kept = retention::Kept {
            bytes: settings.retention_bytes,
            seconds: settings.retention_seconds,
        };
        Arc::new(Shared {
            folder: super::catalog::Folder::of(&settings),
            disk,
            settings,
            clock,
            salt,
            ids: ids.into(),
            tail: super::tail::Tail::new(at, 0).into(),
            wake: Default::default(),
            sync_wake: Default::default(),
            writer: Writer::default().into(),
            syncing: Default::default(),
            catalog: Catalog::default().into(),
            boundary: Default::default(),
            progress: super::positions::Progress::at(at),
            failed: Default::default(),
            latched: false.into(),
            disk_full: false.into(),
            on_disk: false.into(),
            has_file: false.into(),
            fsync: (fsync as u8).into(),
            delays: Default::default(),
            late_at: u64::MAX.into(),
            observer: Default::default(),
            kept: kept.into(),
            strays: Default::default(),
            syncs_paused: false.into(),
            segment_seq_floor: 0.into(),
            base_seq_floor: 0.into(),
            earlier: earlier.into(),
        })
    }
}
