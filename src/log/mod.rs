//! The log: every record, in order, on disk and in the newest part in memory.
//!
//! The folder is a Redis 7 multi-part append-only file that stock servers load: a manifest, one
//! base (an RDB file), and segments of plain RESP commands. Between the commands stand
//! *annotations*, lines that begin with `#` and that stock loaders skip. A segment, byte by byte:
//!
//! ```text
//! #COOLCACHE:1:1200:5a1f…\r\n            opener: format version, first LSN, salt of the checksums
//! #ID:7b0c…\r\n                          the replication id of the records here
//! #ID-BEFORE:19fe…:1200\r\n              earlier ids, each with its last LSN, newest first
//! *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n      the database in force; like the opener, file-only: it takes no LSN
//! #CC:1200:1200:1200:9d2e01aa\r\n        closes the opener and covers it with a checksum
//!
//! #TS:1700000000\r\n                     a batch: dates the records after it, when the second has changed
//! #CC:1200:1242:1200:c0ffee12\r\n        first LSN (exclusive), last (inclusive), what was durable, CRC32C
//! *3\r\n$3\r\nSET\r\n$1\r\nk\r\n…         exactly 42 record bytes: whole records, whole MULTI…EXEC
//!
//! #CC:1242:1242:1242:00ddba11\r\n        an empty batch seals: all before is durable
//! ```
//!
//! Bytes travel like this:
//!
//! ```text
//! append ──► tail ──► write_step ──► segment        emitted  moves at append
//! (engine     │        (writer         │            written  moves when the write returned
//!  lock)      │         thread)        ▼            synced   moves when the sync returned
//!             │                    sync_step        subscribers are told of the last two
//!             ▼                    (syncer thread; under `always` the writer itself, right after the write)
//!          Reader ◄── segments
//! ```
//!
//! A log is had from [`recover`] only, by [`Recovered::start`]. Reading order: `lsn`, `record`,
//! `segment`, `manifest`, `catalog`, `tail`, `positions`, `late`, `writer`, `gather`, `threads`,
//! `recovery`, `start`, `base`, `keep`, `retention`, `room`; then who reads: `cursor` and `scan`,
//! `reader` and `records` of a running log, `archive` of a folder from outside, `restore`, `repair`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex, RwLock};

use crate::base::clock::{self, Monotonic};
use crate::base::disk::Disk;

mod archive;
mod base;
mod catalog;
mod cursor;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod gather;
mod ids;
mod info;
mod keep;
mod late;
mod lsn;
mod manifest;
pub(crate) mod planted;
mod positions;
mod reader;
mod record;
mod records;
mod recovery;
mod repair;
mod restore;
mod retention;
mod room;
mod scan;
mod segment;
mod start;
mod tail;
#[cfg(test)]
mod tests;
mod threads;
mod writer;

pub use archive::{Archive, ArchiveError, Follower, Piece, Place, State, recover_in_use};
pub use error::{Corrupt, Failed, LogError, RecoverError, ReplayError};
pub use ids::{Continues, Ids};
pub use info::{DiskWork, Info, Observer, SegmentInfo};
pub use lsn::Lsn;
pub use positions::{News, Positions, Waker};
pub use reader::{ReadError, Reader};
pub use records::RecordReader;
pub use recovery::{BaseInfo, Records, Recovered, Replay, Source, Torn, recover, recover_file};
pub use repair::{Kept, RepairError, cut, cut_file};
pub use restore::{Base, RestoreError, Restored, Target, restore};
pub use scan::Record;
pub use start::Start;

use catalog::{Catalog, Folder};

use positions::Progress;
pub use tail::Group;
use tail::{Sleep, Tail};
use writer::Writer;

/// Unix time in seconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// When written bytes are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fsync {
    /// As soon as they are written; one sync for all that gathered.
    Always = 0,
    /// Once a second, off the writer's thread.
    Everysec = 1,
    /// When a segment ends, and at a clean stop.
    No = 2,
}

/// Where and how to log. Fields are named as the configuration parameters are, where there is one.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder; must exist.
    pub dir: PathBuf,
    /// Whether the log has files. Otherwise it lies in memory, and recovery loads `dbfilename`
    /// only.
    pub appendonly: bool,
    /// The log's folder in `dir`.
    pub appenddirname: String,
    /// What the log's files are called.
    pub appendfilename: String,
    /// The RDB file taken over if there is no log.
    pub dbfilename: String,
    /// The policy at start; [`Log::set_fsync`] changes it.
    pub fsync: Fsync,
    /// A segment ends at the first group boundary past so many bytes. 64 MiB: a rewrite's rest is
    /// small, and a roll (four syncs) is rare.
    pub segment_bytes: u64,
    /// Unwritten bytes allowed in memory; one larger group may pass.
    pub tail_bytes_max: u64,
    /// Written bytes kept in memory for replicas that are close (`repl-backlog-size`).
    pub backlog_bytes: usize,
    /// Bytes of segments kept past the base.
    pub retention_bytes: u64,
    /// Age in seconds at which they go all the same; 0: no limit.
    pub retention_seconds: u64,
    /// Whether a torn tail is cut (`aof-load-truncated`), or starting refused.
    pub load_truncated: bool,
}

impl Settings {
    /// The defaults, for a data folder.
    pub fn new(dir: PathBuf) -> Settings {
        Settings {
            dir,
            appendonly: true,
            appenddirname: "appendonlydir".to_owned(),
            appendfilename: "appendonly.aof".to_owned(),
            dbfilename: "dump.rdb".to_owned(),
            fsync: Fsync::Everysec,
            segment_bytes: 64 << 20,
            tail_bytes_max: 256 << 20,
            backlog_bytes: 1 << 20,
            retention_bytes: 1 << 30,
            retention_seconds: 0,
            load_truncated: true,
        }
    }
}

/// What the threads, the appenders and the readers share. Fields say who changes them.
struct Shared {
    disk: Arc<dyn Disk>,
    settings: Settings,
    folder: Folder,
    clock: Clock,
    salt: u64,
    /// Changed only before the log runs: a log has one history.
    ids: Mutex<Ids>,
    tail: Mutex<Tail>,
    /// The writer thread waits here, with the tail's lock.
    wake: Condvar,
    /// The syncer thread waits here, with the tail's lock, for the next second or the stop.
    sync_wake: Condvar,
    /// Held through file operations.
    writer: Mutex<Writer>,
    /// Held through each sync of the segment being written: never two at once, none after a failed
    /// one.
    syncing: Mutex<()>,
    /// Changed by who holds the writer's lock; never held through a file operation.
    catalog: Mutex<Catalog>,
    /// Told when a segment begins, and when the log latches; with the catalog's lock.
    boundary: Condvar,
    progress: Progress,
    failed: Mutex<Option<Arc<Failed>>>,
    latched: AtomicBool,
    disk_full: AtomicBool,
    /// Whether appended bytes are for a file; changed under the tail's lock. Otherwise they count
    /// as synced.
    on_disk: AtomicBool,
    /// Whether that file is there: not yet while its first base is being written.
    has_file: AtomicBool,
    fsync: AtomicU8,
    delays: Mutex<late::Delays>,
    /// From this moment of the monotonic clock on nothing more is to be appended: what waits for a
    /// sync is too old. Follows the tail's ages, under its lock; `u64::MAX`: nothing waits.
    late_at: AtomicU64,
    observer: RwLock<Option<Observer>>,
    kept: Mutex<retention::Kept>,
    /// Files that the manifest on disk may list or not; changed by who holds the writer's lock. They
    /// go when another manifest is durable.
    strays: Mutex<Vec<String>>,
    /// `everysec` does not sync for now.
    syncs_paused: AtomicBool,
    /// Sequence numbers below these are not given again.
    segment_seq_floor: AtomicU64,
    base_seq_floor: AtomicU64,
    earlier: Mutex<keep::Earlier>,
}

impl Shared {
    fn is_latched(&self) -> bool {
        self.latched.load(Ordering::Acquire)
    }

    fn failure(&self) -> Option<Arc<Failed>> {
        self.failed.lock().clone()
    }

    fn fsync(&self) -> Fsync {
        match self.fsync.load(Ordering::Acquire) {
            0 => Fsync::Always,
            1 => Fsync::Everysec,
            _ => Fsync::No,
        }
    }

    /// Whether what is appended must be synced soon, although nobody waits for it.
    fn limits_ages(&self) -> bool {
        self.fsync() == Fsync::Everysec
            && self.has_file.load(Ordering::Acquire)
            && !self.syncs_paused.load(Ordering::Acquire)
    }

    /// Who has the tail's lock has changed its ages.
    fn follow_ages(&self, tail: &Tail) {
        let late_at = tail.ages.late_at().map_or(u64::MAX, |at| at.0);
        self.late_at.store(late_at, Ordering::Release);
    }

    /// Syncs are not to be expected any more. Whoever waited for one goes on.
    fn forget_ages(&self) {
        let mut tail = self.tail.lock();
        tail.ages.clear();
        self.follow_ages(&tail);
        drop(tail);
        self.progress.wake(News::Moved);
    }
}

/// A running log. Dropping it stops its threads and leaves the files as a crash would;
/// [`Log::seal_and_close`] ends it cleanly.
pub struct Log {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Log {
    fn over(shared: Arc<Shared>) -> Log {
        Log { shared, threads: Mutex::default() }
    }

    fn spawn(&self) -> std::io::Result<()> {
        *self.threads.lock() = threads::spawn(&self.shared)?;
        Ok(())
    }

    /// Appends one group: a record, or MULTI … EXEC, whole. Returns the LSN after it. `database` is
    /// the one selected when the group has run. The caller holds the engine's lock; this copies
    /// bytes that are not shared, and wakes the writer if it sleeps. Bytes that cut a group here
    /// may be lost in part by a crash.
    pub fn append_group(&self, group: Group<'_>, database: u32) -> Lsn {
        let shared = &*self.shared;
        let mut tail = shared.tail.lock();
        if !shared.on_disk.load(Ordering::Acquire) {
            let end = tail.append_dated(group, database, (shared.clock)());
            shared.progress.emit_in_memory(end);
            tail.wrote_all(shared.settings.backlog_bytes);
            return end;
        }
        if shared.limits_ages() {
            let from = tail.end();
            tail.ages.append(from, clock::monotonic());
            shared.follow_ages(&tail);
        }
        let end = tail.append(group, database);
        shared.progress.emit(end);
        let wake = match tail.sleep {
            Sleep::Awake => false,
            Sleep::Parked => true,
            Sleep::Gathering { until } => end >= until,
        };
        if wake {
            tail.sleep = Sleep::Awake;
            drop(tail);
            shared.wake.notify_one();
        }
        end
    }

    /// How far the log has come.
    pub fn positions(&self) -> Positions {
        self.shared.progress.get()
    }

    /// Has `waker` called after each progress, after a latch and after a heal: see [`Waker`].
    pub fn subscribe(&self, waker: Waker) {
        self.shared.progress.subscribe(waker);
    }

    /// Has `observer` told of what is done with the disk, in place of an earlier one.
    pub fn observe(&self, observer: Observer) {
        *self.shared.observer.write() = Some(observer);
    }

    /// Changes how much is kept past the base: bytes, and seconds (0: no limit). Followed when a
    /// segment ends.
    pub fn set_retention(&self, bytes: u64, seconds: u64) {
        *self.shared.kept.lock() = retention::Kept { bytes, seconds };
    }

    /// Whether `everysec` goes without its syncs for now (`no-appendfsync-on-rewrite`).
    pub fn pause_syncs(&self, paused: bool) {
        let was_paused = self.shared.syncs_paused.swap(paused, Ordering::AcqRel);
        if paused && !was_paused {
            self.shared.forget_ages();
        }
    }

    /// Whether there are files that appended bytes go to: not while the log lies in memory, and not
    /// yet while the first base is being written.
    pub fn has_files(&self) -> bool {
        self.shared.has_file.load(Ordering::Acquire)
    }

    /// Whether a further group may be appended at `now`, when `gathered` bytes are about to be. If
    /// not, whoever wants to write is parked outside the engine's lock until a subscriber is told
    /// of progress: the tail is full (it takes one group that is larger than it), or under
    /// `everysec` a sync has hung for so long that too much would be lost with the power.
    pub fn has_room(&self, gathered: usize, now: Monotonic) -> bool {
        let shared = &*self.shared;
        let Positions { emitted, written, .. } = self.positions();
        let pending = emitted.since(written).saturating_add(gathered as u64);
        let is_late = now.0 >= shared.late_at.load(Ordering::Acquire);
        pending <= shared.settings.tail_bytes_max && !is_late
    }

    /// The failure that stopped the log, if one did. Writes are refused while there is one.
    pub fn failure(&self) -> Option<Arc<Failed>> {
        self.shared.is_latched().then(|| self.shared.failure()).flatten()
    }

    /// Whether no space could be reserved ahead: what is accepted still fits, no more should be.
    pub fn disk_full(&self) -> bool {
        self.shared.disk_full.load(Ordering::Acquire)
    }

    /// Changes `appendfsync`. All up to `owed`, which may still be about to be appended, is synced
    /// as soon as it is written, whatever the new policy: replies wait for it, or reads are
    /// about to rely on it.
    pub fn set_fsync(&self, fsync: Fsync, owed: Lsn) {
        let shared = &*self.shared;
        shared.progress.owe_sync(owed);
        // After what is owed: who sees the new policy sees that too.
        shared.fsync.store(fsync as u8, Ordering::Release);
        shared.tail.lock().sync_asked = true;
        if fsync != Fsync::Everysec {
            shared.forget_ages();
        }
        shared.sync_wake.notify_all();
        self.nudge();
    }

    /// What it was started with; [`Self::fsync`] is the policy now.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The policy now.
    pub fn fsync(&self) -> Fsync {
        self.shared.fsync()
    }

    /// The running replication id and its history.
    pub fn ids(&self) -> Ids {
        self.shared.ids.lock().clone()
    }

    /// Has a segment end at the log's end, which the caller knows to be between groups, and returns
    /// that LSN: the place for a snapshot that is to become a base.
    pub fn roll(&self) -> Lsn {
        let mut tail = self.shared.tail.lock();
        let at = tail.roll();
        if !self.shared.on_disk.load(Ordering::Acquire) {
            tail.wrote_all(self.shared.settings.backlog_bytes);
        }
        drop(tail);
        self.nudge();
        at
    }

    /// Where to write a snapshot that is to become a base. `what` tells concurrent ones apart. A
    /// file left there by a crash is removed at the next start.
    pub fn snapshot_path(&self, what: &str) -> PathBuf {
        self.shared.folder.temporary(what)
    }

    /// Makes a snapshot at LSN `at`, written whole to [`Log::snapshot_path`], the base: durable,
    /// named, listed with the segments after it. Older segments are kept as history or removed, as
    /// retention says. Waits until the segment that [`Log::roll`] asked for has begun. Not for a
    /// thread that must not wait.
    pub fn install_base(&self, snapshot: &Path, at: Lsn) -> Result<(), LogError> {
        self.wait_for_boundary(at)?;
        self.shared.install_base(snapshot, at)
    }

    fn wait_for_boundary(&self, at: Lsn) -> Result<(), LogError> {
        if self.threads.lock().is_empty() {
            self.shared.write_step();
        }
        let mut catalog = self.shared.catalog.lock();
        loop {
            if let Some(failed) = self.failure() {
                return Err(LogError::Failed((*failed).clone()));
            }
            if catalog.begins_at(at) {
                return Ok(());
            }
            let passed = self.positions().written > at || catalog.current.is_none();
            if passed || self.threads.lock().is_empty() {
                return Err(LogError::NoBoundary(at));
            }
            self.shared.boundary.wait(&mut catalog);
        }
    }

    /// Begins the files anew with a snapshot at `at`: after a latch (with `at` from [`Log::roll`]),
    /// or to give a log in memory files (with `at` from [`Log::to_disk`]). The failed segment is
    /// first cut to its last good LSN, and a log in the folder that was not read is kept aside. On
    /// success the latch is gone and all up to `at` is durable; on failure all stays as it was.
    pub fn heal(&self, snapshot: &Path, at: Lsn) -> Result<(), LogError> {
        self.shared.heal(snapshot, at)
    }

    /// Gives up retained history, and what failed attempts to heal have left on the disk, so that
    /// there is room for the next one. Returns whether there was anything. Not for a thread that
    /// must not wait.
    pub fn make_room(&self) -> bool {
        let writer = self.shared.writer.lock();
        writer.current.is_some() && self.shared.give_up_history()
    }

    /// Whether the disk has so many bytes free, and takes a small file. Not for a thread that must
    /// not wait.
    pub fn probe(&self, bytes: u64) -> std::io::Result<()> {
        self.shared.probe(bytes)
    }

    /// Appended bytes are from now on for files, which [`Log::heal`] begins with a snapshot at the
    /// LSN returned. Until then they gather in the tail, within its bound, neither written nor
    /// synced: the engine holds no replies for `always` yet. If the snapshot fails,
    /// [`Log::to_memory`] takes it back.
    pub fn to_disk(&self) -> Lsn {
        self.shared.to_disk()
    }

    /// Ends the files, complete; the log lies in memory from now on (`appendonly no` at run time).
    /// A latched log leaves them as they are, and is latched no more.
    pub fn to_memory(&self) -> Result<(), LogError> {
        self.shared.write_step();
        self.shared.to_memory()
    }

    /// The lowest LSN from which the log can be read.
    pub fn window_start(&self) -> Lsn {
        let in_memory = self.shared.tail.lock().start();
        let on_disk = self.shared.catalog.lock().window_start();
        on_disk.map_or(in_memory, |start| start.min(in_memory))
    }

    /// Writes, syncs and seals all there is, and ends the threads. Nothing is appended afterwards.
    /// If it fails, the threads run again, so that a log that goes on can be healed.
    pub fn seal_and_close(&self) -> Result<(), LogError> {
        let with_threads = !self.threads.lock().is_empty();
        let sealed = self.stop_and_seal();
        if sealed.is_err() && with_threads {
            self.shared.tail.lock().stopping = false;
            self.spawn().map_err(LogError::io(&self.shared.folder.path))?;
        }
        sealed
    }

    fn stop_and_seal(&self) -> Result<(), LogError> {
        self.shared.stop();
        // Not under their lock: a rewrite that waits for a boundary asks for it, with the catalog
        // locked that the writer needs to end.
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a log thread had panicked");
            }
        }
        self.shared.write_step();
        self.shared.close_files()
    }

    /// Figures for INFO.
    pub fn info(&self) -> Info {
        let Positions { emitted, written, .. } = self.positions();
        let window_start = self.window_start();
        let catalog = self.shared.catalog.lock();
        let listed = catalog.segments.iter().filter(|segment| !segment.retained);
        let listed: u64 = listed.map(|segment| segment.bytes).sum();
        Info {
            current_size: catalog.base_bytes + listed,
            base_size: catalog.base_bytes,
            segments: catalog.segments.len(),
            window_start,
            pending_bytes: emitted.since(written),
            delayed_fsyncs: self.shared.delays.lock().count(clock::monotonic()),
            last_write_ok: !self.shared.is_latched(),
            disk_full: self.disk_full(),
            syncing: self.shared.syncing.is_locked(),
        }
    }

    /// Up to where records may be shown to others: what is written, and under `always` what is
    /// synced.
    pub fn readable(&self) -> Lsn {
        let Positions { written, synced, .. } = self.positions();
        if self.fsync() == Fsync::Always { synced } else { written }
    }

    /// The segments on disk, oldest first, and the file name of the base that those that are not
    /// retained continue.
    pub fn segments(&self) -> (Vec<SegmentInfo>, Option<String>) {
        let catalog = self.shared.catalog.lock();
        let segments = catalog.segments.iter().map(|segment| SegmentInfo {
            name: segment.entry.name.clone(),
            first: segment.first,
            last: segment.last,
            bytes: segment.bytes,
            closed: segment.closed,
            retained: segment.retained,
        });
        (segments.collect(), catalog.base.as_ref().map(|base| base.name.clone()))
    }

    /// Wakes the writer, whatever it does.
    fn nudge(&self) {
        self.shared.tail.lock().sleep = Sleep::Awake;
        self.shared.wake.notify_all();
    }

    /// What the writer thread does when there are bytes; for [`Recovered::start_stepped`].
    #[doc(hidden)]
    pub fn write_step(&self) -> bool {
        self.shared.write_step()
    }

    /// What the syncer thread does every second.
    #[doc(hidden)]
    pub fn sync_step(&self) -> bool {
        self.shared.sync_step()
    }

    /// What the writer thread does after an idle second.
    #[doc(hidden)]
    pub fn seal_step(&self) -> bool {
        self.shared.seal_step()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
