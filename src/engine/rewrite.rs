//! The log's files at run time: new bases (BGREWRITEAOF, a log that has grown, one that has
//! failed), and `appendonly` switched on or off.
//!
//! ```text
//!               appendonly yes                        a first base is there
//!    memory ─────────────────────► waiting (tail) ────────────────────────────► files
//!      ▲ ▲                              │  it failed: once more, later            │
//!      │ └──────────────────────────────┘                                         │
//!      └─────────────────────────────────── sealed ◄──────────── appendonly no ───┘
//! ```
//!
//! Positions and replication ids go on through all of this: only where the bytes go changes. The
//! disk's part is done by threads of their own, never under the engine's lock.

use super::outbox::Address;
use super::snapshot::{Job, may_retry, remove_unfinished, write_file};
use super::{Engine, start};
use crate::admin::Hold;
use crate::base::clock::{self, Monotonic};
use crate::base::disk;
use crate::log::planted::{Bug, planted};
use crate::log::{Log, LogError, Lsn};
use crate::resp::{Protocol, Reply};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Connections that are told when the files are sealed.
pub(super) type Waiting = Vec<(Address, Protocol)>;

/// What a snapshot that becomes a base is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To replace the present base, so that old segments may go.
    Replace,
    /// To replace what a disk that failed has left.
    Heal,
    /// To be the first base, for a log that has lain in memory.
    Begin,
}

#[derive(Debug, thiserror::Error)]
enum RewriteError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Log(#[from] LogError),
}

impl RewriteError {
    fn is_for_want_of_room(&self) -> bool {
        let error = match self {
            RewriteError::Io(error) => Some(error),
            RewriteError::Log(error) => error.io_error(),
        };
        error.is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
    }
}

/// A rewrite that has failed.
#[derive(Debug)]
struct Failed {
    error: RewriteError,
    /// Of the snapshot so many bytes were written.
    bytes: u64,
    /// For want of room something was given up: the next attempt has more.
    made_room: bool,
}

impl Engine {
    /// Begins a new base for the log; it heals the log if that has failed, and begins the files if
    /// there are none. While one is being written, a further one is noted for when that is
    /// done: it would be of an earlier moment.
    pub(super) fn begin_rewrite(&mut self) -> io::Result<()> {
        if !planted(Bug::SnapshotHoldsNext) {
            self.commit();
        }
        let Some(log) = self.journal.log().cloned() else { return Ok(()) };
        if self.snapshots.rewrite.is_some() || self.snapshots.sealing.is_some() {
            self.snapshots.rewrite_scheduled = true;
            return Ok(());
        }
        let purpose = match () {
            () if log.failure().is_some() => Purpose::Heal,
            () if log.has_files() => Purpose::Replace,
            () => Purpose::Begin,
        };
        let at = if purpose == Purpose::Begin { log.to_disk() } else { log.roll() };
        let (job, running) = self.prepare(true);
        self.snapshots.last_rewrite_try = Some(running.begun);
        self.snapshots.rewrite = Some(running);
        self.follow_snapshots();
        let shared = self.shared.clone();
        let work = Box::new(move || {
            let outcome = rewrite(&log, job, at, purpose);
            if let Some(shared) = shared.upgrade() {
                shared.hold(Hold::Snapshot, |engine| engine.rewrite_done(purpose, outcome));
            }
        });
        let begun = (self.snapshots.spawn)("rewrite", work);
        if begun.is_err() {
            self.snapshots.rewrite = None;
            self.follow_snapshots();
            self.rewrite_failed(purpose, Duration::ZERO, (0, false));
        }
        begun
    }

    fn rewrite_done(&mut self, purpose: Purpose, outcome: Result<(), Failed>) {
        let Some(running) = self.snapshots.rewrite.take() else { return };
        self.follow_snapshots();
        let time = clock::monotonic().since(running.begun);
        match outcome {
            Ok(()) => {
                self.snapshots.last_rewrite_time = Some(time);
                self.snapshots.last_rewrite_ok = true;
                self.snapshots.rewrite_failures = 0;
                self.snapshots.healing.succeeded();
                self.snapshots.rewrites += 1;
                let log = self.journal.log();
                self.snapshots.rewrite_base_bytes = log.map_or(0, |log| log.info().current_size);
                tracing::info!(seconds = time.as_secs_f64(), "the log has a new base");
                if purpose == Purpose::Begin {
                    // Only now is there something that replies could wait for.
                    self.follow_fsync();
                }
            }
            Err(Failed { error, .. }) if running.claim.is_cancelled() => {
                tracing::info!(%error, "the rewrite was given up");
            }
            Err(Failed { error, bytes, made_room }) => {
                // It is tried again and again: said once, and shown by INFO for as long.
                if self.snapshots.rewrite_failures == 0 {
                    tracing::error!(%error, "rewriting the log failed");
                } else {
                    tracing::debug!(%error, "rewriting the log failed again");
                }
                self.snapshots.last_rewrite_time = Some(time);
                self.rewrite_failed(purpose, time, (bytes, made_room));
            }
        }
        self.begin_scheduled();
    }

    fn rewrite_failed(
        &mut self,
        purpose: Purpose,
        took: Duration,
        (bytes, made_room): (u64, bool),
    ) {
        self.snapshots.last_rewrite_ok = false;
        self.snapshots.rewrite_failures += 1;
        if purpose != Purpose::Replace {
            self.snapshots.healing.failed(took, bytes, made_room);
        }
        if purpose == Purpose::Begin
            && let Some(log) = self.journal.log()
            && let Err(error) = log.to_memory()
        {
            tracing::error!(%error, "the log cannot go on in memory");
        }
    }

    /// Begins what was asked for while something else ran.
    pub(super) fn begin_scheduled(&mut self) {
        let snapshots = &mut self.snapshots;
        if snapshots.save.is_some() || snapshots.rewrite.is_some() || snapshots.sealing.is_some() {
            return;
        }
        if std::mem::take(&mut snapshots.rewrite_scheduled) && self.admin.config.appendonly() {
            self.begin_or_log(Engine::begin_rewrite);
        } else if std::mem::take(&mut self.snapshots.save_scheduled) {
            self.begin_or_log(|engine| engine.begin_save(None));
        }
    }

    /// Follows `appendonly`, which has just been set. Returns whether the reply comes when the
    /// files are sealed, which `asker` is then told.
    pub(super) fn follow_appendonly(&mut self, asker: (Address, Protocol)) -> bool {
        if self.admin.config.appendonly() {
            self.snapshots.healing.begins(clock::monotonic());
            self.begin_or_log(Engine::begin_rewrite);
            return false;
        }
        self.snapshots.rewrite_scheduled = false;
        self.follow_fsync();
        self.begin_or_log(Engine::begin_sealing);
        let waiting = self.snapshots.sealing.as_mut();
        waiting.map(|waiting| waiting.push(asker)).is_some()
    }

    /// Ends the log's files: whatever has been answered up to now is in them, complete, for whoever
    /// starts from them.
    fn begin_sealing(&mut self) -> io::Result<()> {
        self.commit();
        let Some(log) = self.journal.log().cloned() else { return Ok(()) };
        if self.snapshots.sealing.is_some() {
            return Ok(());
        }
        self.snapshots.sealing = Some(Waiting::new());
        let claim = self.snapshots.rewrite.as_ref().map(|running| running.claim.clone());
        let shared = self.shared.clone();
        let work = Box::new(move || {
            // A base that comes into its place afterwards would switch the log on again.
            if let Some(claim) = claim {
                claim.settle();
            }
            // A disk that fails here leaves the log latched: then it ends as it is.
            let outcome = log.to_memory().or_else(|failed| log.to_memory().and(Err(failed)));
            if let Some(shared) = shared.upgrade() {
                shared.hold(Hold::Snapshot, |engine| engine.files_sealed(outcome));
            }
        });
        let begun = (self.snapshots.spawn)("seal", work);
        begun.inspect_err(|_| self.snapshots.sealing = None)
    }

    fn files_sealed(&mut self, outcome: Result<(), LogError>) {
        let waiting = self.snapshots.sealing.take().unwrap_or_default();
        match outcome {
            Ok(()) => tracing::info!("the log's files are sealed: it lies in memory from now on"),
            Err(error) => tracing::error!(%error, "the log's files could not be sealed"),
        }
        for (to, protocol) in waiting {
            self.tell(to, protocol, &Reply::Ok);
        }
        self.begin_scheduled();
    }

    /// Follows `appendfsync`, as far as there are files.
    pub(super) fn follow_fsync(&mut self) {
        let fsync = start::fsync(&self.admin.config);
        let has_files = self.journal.log().is_some_and(|log| log.has_files());
        let on_disk = has_files && self.admin.config.appendonly();
        self.journal.set_fsync(fsync, on_disk, self.batch.len());
        self.follow_touched();
    }

    /// Follows `no-appendfsync-on-rewrite`: whether a snapshot is being written has changed.
    pub(super) fn follow_snapshots(&self) {
        if let Some(log) = self.journal.log() {
            let writes = self.snapshots.save.is_some() || self.snapshots.rewrite.is_some();
            log.pause_syncs(writes && self.admin.config.no_appendfsync_on_rewrite());
        }
    }

    /// The cron's part: a log that has failed is healed, one whose files could not be begun or
    /// ended is tried again, and one that has grown gets a new base.
    pub(super) fn begin_due_rewrite(&mut self, now: Monotonic) {
        let Some(log) = self.journal.log().cloned() else { return };
        let appendonly = self.admin.config.appendonly();
        let failed = log.failure().is_some() || (appendonly && !log.has_files());
        if !appendonly {
            if log.has_files() && self.snapshots.sealing.is_none() {
                self.begin_or_log(Engine::begin_sealing);
            }
        } else if failed {
            if self.snapshots.rewrite.is_none() && self.snapshots.sealing.is_none() {
                self.heal_if_due(&log, now);
            }
        } else if self.has_grown(&log, now) {
            self.begin_or_log(Engine::begin_rewrite);
        }
    }

    /// Follows `auto-aof-rewrite-percentage` and `auto-aof-rewrite-min-size`.
    fn has_grown(&self, log: &Log, now: Monotonic) -> bool {
        let (config, snapshots) = (&self.admin.config, &self.snapshots);
        let percentage = config.auto_aof_rewrite_percentage();
        if percentage == 0 || snapshots.save.is_some() || snapshots.rewrite.is_some() {
            return false;
        }
        if !snapshots.last_rewrite_ok && !may_retry(snapshots.last_rewrite_try, now) {
            return false;
        }
        let size = log.info().current_size;
        let base = snapshots.rewrite_base_bytes.max(1);
        size >= config.auto_aof_rewrite_min_size()
            && size.saturating_sub(base).saturating_mul(100) / base >= percentage
    }
}

/// Writes the snapshot, and makes it the base unless that was cancelled meanwhile.
fn rewrite(log: &Log, job: Job, at: Lsn, purpose: Purpose) -> Result<(), Failed> {
    let at = if planted(Bug::SnapshotLacksLast) { log.roll() } else { at };
    let path = log.snapshot_path(&format!("rewrite-{}", job.number));
    let (disk, claim) = (job.disk.clone(), job.claim.clone());
    let snapshot = written(job, &path).map_err(RewriteError::from);
    let bytes = snapshot.as_ref().ok().copied();
    let place = |_| claim.place(|| Ok(install(log, &path, at, purpose)?));
    snapshot.and_then(place).map_err(|error| {
        let length = || disk.open_read(&path).and_then(|file| file.len());
        // A file that is not there had no byte written.
        let bytes = bytes.unwrap_or_else(|| length().unwrap_or_default());
        remove_unfinished(&*disk, &path);
        let heals = purpose != Purpose::Replace;
        let made_room = heals && error.is_for_want_of_room() && log.make_room();
        Failed { error, bytes, made_room }
    })
}

fn install(log: &Log, path: &Path, at: Lsn, purpose: Purpose) -> Result<(), LogError> {
    match purpose {
        Purpose::Replace => log.install_base(path, at)?,
        Purpose::Heal => {
            log.heal(path, at)?;
            tracing::warn!("the log is healed: writes are accepted again");
        }
        Purpose::Begin => {
            log.heal(path, at)?;
            tracing::info!("the log is on disk from now on");
        }
    }
    Ok(())
}

/// Writes the snapshot; the log's folder may not be there yet.
fn written(job: Job, path: &Path) -> io::Result<u64> {
    job.disk.create_dir_all(&disk::folder_of(path))?;
    write_file(job, path)
}
