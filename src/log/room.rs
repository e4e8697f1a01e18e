//! A disk without room: history is given up before a write is refused, and whether it has room again
//! is found out with a small write.

use std::io;
use std::sync::atomic::Ordering;

use super::Shared;
use super::retention::{self, Kept};
use super::writer::Current;

/// Space kept reserved beyond what is about to be written, so that a full disk is seen early.
const RESERVE_STEP: u64 = 8 << 20;
/// A small write: more than what some file systems keep beside a file's name.
const PROBE_BYTES: usize = 16 << 10;

impl Shared {
    /// Keeps space reserved ahead of `end`. If there is none, retained history goes; the
    /// caller holds the writer's lock. Failing is not yet a failed write: the log says that the
    /// disk is full, the engine refuses writes, and what was accepted still fits into what was
    /// reserved.
    pub(super) fn reserve(&self, current: &mut Current, end: u64) {
        let wanted = end.saturating_add(RESERVE_STEP);
        if current.reserved >= wanted {
            return;
        }
        let wanted = wanted.saturating_add(RESERVE_STEP);
        let offset = current.reserved.max(current.len);
        let reserve = || current.file.reserve(offset, wanted - offset);
        let mut reserved = reserve();
        if reserved.as_ref().is_err_and(is_full) && self.give_up_history() {
            reserved = reserve();
        }
        match reserved {
            Ok(()) => {
                current.reserved = wanted;
                self.disk_full.store(false, Ordering::Release);
            }
            Err(error) if is_full(&error) => self.disk_full.store(true, Ordering::Release),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                current.reserved = u64::MAX;
            }
            // Anything else wrong with the disk shows at the write itself.
            Err(_) => {}
        }
    }

    /// Removes all segments older than the base, and what failed attempts have left; who reads them
    /// gets a full copy instead. The caller holds the writer's lock, and there are files. Returns
    /// whether there was anything.
    pub(super) fn give_up_history(&self) -> bool {
        let mut catalog = self.catalog.lock().clone();
        let nothing = Kept { bytes: 0, seconds: 0 };
        let dropped = retention::expire(&mut catalog, nothing, (self.clock)());
        if dropped.is_empty() && self.strays.lock().is_empty() {
            return false;
        }
        if let Err(failed) = self.prepare_manifest(&catalog) {
            tracing::debug!(error = %failed.error, "history cannot be given up");
            return false;
        }
        if let Err(failed) = self.place_manifest() {
            self.latch(failed);
            return false;
        }
        *self.catalog.lock() = catalog;
        self.remove_segments(&dropped);
        self.remove_strays();
        tracing::warn!(segments = dropped.len(), "the disk is full: retained history is given up");
        true
    }

    /// A manifest without them is durable.
    pub(super) fn remove_strays(&self) {
        let strays = std::mem::take(&mut *self.strays.lock());
        for name in strays {
            self.discard(&self.folder.file(&name));
        }
    }

    /// See [`super::Log::probe`].
    pub(super) fn probe(&self, bytes: u64) -> io::Result<()> {
        self.disk.create_dir_all(&self.folder.path)?;
        if self.disk.free_bytes(&self.folder.path)? < bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let path = self.folder.temporary("probe");
        let written = self.disk.create(&path).and_then(|file| {
            file.write_all(&[0; PROBE_BYTES])?;
            file.sync_data()?;
            file.sync_all()
        });
        self.discard(&path);
        written
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StorageFull
}
