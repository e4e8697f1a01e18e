//! How far the log has come: the one place that moves the positions, asserts their order, and wakes
//! waiters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use parking_lot::RwLock;

use super::Lsn;

/// `synced <= written <= emitted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// Appended to the tail.
    pub emitted: Lsn,
    /// Handed to the operating system. Replicas are sent nothing above it.
    pub written: Lsn,
    /// Durable.
    pub synced: Lsn,
}

/// What subscribers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// `written` or `synced` has moved.
    Moved,
    /// The log has latched: what is not synced will not be before it is healed.
    Latched,
}

/// Called with the new positions after each progress of `written` or `synced` and when the log
/// latches, on the writer's or syncer's thread: it must be quick and must not wait.
pub type Waker = Arc<dyn Fn(Positions, News) + Send + Sync>;

/// The positions of a running log.
#[derive(Default)]
pub(super) struct Progress {
    emitted: AtomicU64,
    written: AtomicU64,
    synced: AtomicU64,
    /// The log's end when `synced` last moved, before anybody was told.
    end_at_sync: AtomicU64,
    /// All up to here is to be synced whatever the policy says: replies may wait for it.
    owed: AtomicU64,
    wakers: RwLock<Vec<Waker>>,
}

impl Progress {
    /// All three at `at`.
    pub fn at(at: Lsn) -> Progress {
        Progress {
            emitted: at.0.into(),
            written: at.0.into(),
            synced: at.0.into(),
            ..Progress::default()
        }
    }

    /// The positions now. Read from the lowest up, so that the order holds however they move
    /// meanwhile.
    pub fn get(&self) -> Positions {
        let synced = Lsn(self.synced.load(Ordering::Acquire));
        let written = Lsn(self.written.load(Ordering::Acquire));
        let emitted = Lsn(self.emitted.load(Ordering::Acquire));
        Positions { emitted, written, synced }
    }

    /// The log's end moves to `to`. The caller holds the tail's lock, which orders such moves.
    pub fn emit(&self, to: Lsn) {
        let before = self.emitted.swap(to.0, Ordering::AcqRel);
        assert!(before <= to.0, "the log's end moved back from {before} to {to}");
    }

    /// All up to `to` is in the file. The caller holds the writer's lock.
    pub fn write(&self, to: Lsn) {
        let emitted = self.emitted.load(Ordering::Acquire);
        assert!(to.0 <= emitted, "written {to} would pass emitted {emitted}");
        let before = self.written.fetch_max(to.0, Ordering::AcqRel);
        assert!(before <= to.0, "written moved back from {before} to {to}");
        self.wake(News::Moved);
    }

    /// All up to `to` is durable. The caller holds the sync lock.
    pub fn sync(&self, to: Lsn) {
        let written = self.written.load(Ordering::Acquire);
        assert!(to.0 <= written, "synced {to} would pass written {written}");
        if self.synced.fetch_max(to.0, Ordering::AcqRel) < to.0 {
            self.end_at_sync.store(self.emitted.load(Ordering::Acquire), Ordering::Release);
            self.wake(News::Moved);
        }
    }

    /// The log's end when `synced` last moved: what lay between the two was waiting then.
    pub fn end_at_sync(&self) -> Lsn {
        Lsn(self.end_at_sync.load(Ordering::Acquire))
    }

    /// All up to `to` is to be synced, whatever the policy says from now on.
    pub fn owe_sync(&self, to: Lsn) {
        self.owed.fetch_max(to.0, Ordering::AcqRel);
    }

    /// Whether a sync is owed that has not happened yet.
    pub fn owes_sync(&self) -> bool {
        self.owed.load(Ordering::Acquire) > self.synced.load(Ordering::Acquire)
    }

    /// A durable snapshot holds all up to `at`. The caller holds the locks of tail and writer, and
    /// wakes the waiters when it has let go of them.
    pub fn cover(&self, at: Lsn) {
        let emitted = self.emitted.load(Ordering::Acquire);
        assert!(at.0 <= emitted, "a snapshot at {at} of a log that ends at {emitted}");
        self.written.fetch_max(at.0, Ordering::AcqRel);
        self.synced.fetch_max(at.0, Ordering::AcqRel);
    }

    /// Without files: all three follow the end.
    pub fn emit_in_memory(&self, to: Lsn) {
        self.emit(to);
        self.written.store(to.0, Ordering::Release);
        self.synced.store(to.0, Ordering::Release);
    }

    pub fn subscribe(&self, waker: Waker) {
        self.wakers.write().push(waker);
    }

    /// Tells all subscribers the positions.
    pub fn wake(&self, news: News) {
        // A waiter says that it waits, then looks at the positions; here they move, then it is
        // asked whether it waits. With a fence on either side at least one of the two sees
        // the other.
        fence(Ordering::SeqCst);
        let wakers = self.wakers.read();
        if !wakers.is_empty() {
            let positions = self.get();
            for waker in wakers.iter() {
                waker(positions, news);
            }
        }
    }
}
