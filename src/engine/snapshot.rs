//! Snapshots: a frozen keyspace, written as an RDB file by a thread of its own while writes go on.
//!
//! SAVE, BGSAVE, the automatic saves, a new base for the log (`rewrite`) and the save at shutdown
//! are one operation: commit the batch, note the LSN, freeze, write elsewhere. What differs is
//! where the file goes, and who is told.

use super::healing::Healing;
use super::outbox::Address;
use super::{Engine, Shared, flushing, replay, rewrite};
use crate::admin::{Config, Hold};
use crate::base::clock::{self, Monotonic, UnixMs};
use crate::base::disk::{self, Disk};
use crate::keyspace::value::Object;
use crate::keyspace::{Db, Entry, Frozen, Keyspace};
use crate::log::Lsn;
use crate::paged::Frozen as FrozenTable;
use crate::rdb::{self, Format, Hint, Writer, WriterOptions};
use crate::resp::{Out, Protocol, Reply, encode};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

/// The refusal of writes after a failed save.
pub(super) const MISCONF: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist \
to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during \
writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the \
RDB error.";

/// After a failed automatic save or rewrite, the next try comes this much later (as Redis'
/// CONFIG_BGSAVE_RETRY_DELAY).
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Snapshots, running and done.
pub(super) struct Snapshots {
    /// Changes since the start, and how many of them are in a saved file. Neither ever goes back,
    /// whichever of several saves ends first.
    pub changes: u64,
    changes_saved: u64,
    /// The save that runs.
    pub save: Option<Running>,
    /// The rewrite (new base of the log) that runs.
    pub rewrite: Option<Running>,
    /// A save was asked for while a rewrite runs (BGSAVE SCHEDULE).
    pub save_scheduled: bool,
    /// One more rewrite was asked for while one runs, of a later moment; or one while a save runs.
    pub rewrite_scheduled: bool,
    /// The log's files are being sealed, and who is told when they are.
    pub sealing: Option<rewrite::Waiting>,
    /// Unix seconds of the last save that succeeded; the start counts as one.
    pub last_save: u64,
    pub last_save_ok: bool,
    pub last_save_time: Option<Duration>,
    pub saves: u64,
    /// Snapshots begun, of every kind.
    begun: u64,
    last_try: Option<Monotonic>,
    pub last_rewrite_try: Option<Monotonic>,
    pub last_rewrite_ok: bool,
    pub last_rewrite_time: Option<Duration>,
    pub rewrites: u64,
    /// Rewrites that have failed since the last that succeeded.
    pub rewrite_failures: u64,
    pub healing: Healing,
    /// Bytes of base and segments after the last rewrite: what `auto-aof-rewrite-percentage`
    /// compares with.
    pub rewrite_base_bytes: u64,
    /// Keys loaded at the start.
    pub loaded_keys: u64,
    /// Starts what is done beside the engine: threads, unless a test wants to choose the moment.
    pub spawn: Spawn,
}

/// What is done beside the engine.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// Starts such work under a name.
pub(super) type Spawn = fn(&str, Work) -> io::Result<()>;

impl Default for Snapshots {
    fn default() -> Self {
        Snapshots {
            changes: 0,
            changes_saved: 0,
            save: None,
            rewrite: None,
            save_scheduled: false,
            rewrite_scheduled: false,
            sealing: None,
            last_save: 0,
            last_save_ok: true,
            last_save_time: None,
            saves: 0,
            begun: 0,
            last_try: None,
            last_rewrite_try: None,
            last_rewrite_ok: true,
            last_rewrite_time: None,
            rewrites: 0,
            rewrite_failures: 0,
            healing: Healing::default(),
            rewrite_base_bytes: 0,
            loaded_keys: 0,
            spawn,
        }
    }
}

/// A snapshot under way.
pub(super) struct Running {
    pub begun: Monotonic,
    /// Changes when it was taken: they are saved when it is done.
    changes: u64,
    /// Keys written, and to be written.
    pub keys_done: Arc<AtomicU64>,
    pub keys_total: u64,
    /// SAVE waits for it.
    waiting: Vec<(Address, Protocol)>,
    /// Whether its file may still take its place.
    pub claim: Arc<Claim>,
}

impl Running {
    /// Keys written so far.
    pub(super) fn keys_done(&self) -> u64 {
        self.keys_done.load(Relaxed)
    }
}

impl Snapshots {
    /// Changes since the last save that succeeded.
    pub(super) fn changes_since_save(&self) -> u64 {
        self.changes - self.changes_saved
    }

    /// A save of the moment of `changes` has succeeded.
    fn saved(&mut self, changes: u64) {
        self.changes_saved = self.changes_saved.max(changes);
        self.last_save = clock::now().seconds();
        self.last_save_ok = true;
        self.saves += 1;
    }

    /// Whether writes are refused because saves are configured and fail.
    pub(super) fn forbid_writes(&self, config: &Config) -> bool {
        !self.last_save_ok
            && config.stop_writes_on_bgsave_error()
            && !config.save_points().is_empty()
    }
}

/// Everything the writing thread needs.
pub(super) struct Job {
    frozen: Frozen,
    options: WriterOptions,
    /// Whether the format is the user's choice: a save that it has no place for fails.
    is_chosen: bool,
    aux: Vec<(&'static str, Vec<u8>)>,
    pub disk: Arc<dyn Disk>,
    keys_done: Arc<AtomicU64>,
    pub claim: Arc<Claim>,
    /// Tells its file from those of other snapshots.
    pub number: u64,
}

impl Job {
    /// The format, with a place for streams' extras if there are any.
    fn format(&self) -> Format {
        let format = self.options.format;
        let escapes = !self.is_chosen && !format.has_stream_extras();
        if escapes && self.frozen.keyspace().has_stream_extras() { Format::V14 } else { format }
    }
}

/// Who goes first: the writing thread that puts its file in its place, or who cancels it (BGSAVE
/// CANCEL, or a save of a later moment, which the older file must not replace).
#[derive(Default)]
pub(super) struct Claim(AtomicU8);

impl Claim {
    const OPEN: u8 = 0;
    const CANCELLED: u8 = 1;
    const PLACING: u8 = 2;
    const PLACED: u8 = 3;

    pub fn is_cancelled(&self) -> bool {
        self.0.load(SeqCst) == Claim::CANCELLED
    }

    /// Returns whether it came in time.
    fn cancel(&self) -> bool {
        self.0.compare_exchange(Claim::OPEN, Claim::CANCELLED, SeqCst, SeqCst).is_ok()
    }

    /// Cancels, or waits until the file is in its place: a rename and a sync of the folder.
    pub fn settle(&self) {
        while !self.cancel() && self.0.load(SeqCst) == Claim::PLACING {
            clock::pause(Duration::from_millis(1));
        }
    }

    /// Runs `place` unless it was cancelled.
    pub fn place<E: From<io::Error>>(
        &self,
        place: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        if self.0.compare_exchange(Claim::OPEN, Claim::PLACING, SeqCst, SeqCst).is_err() {
            return Err(io::Error::other("cancelled").into());
        }
        let placed = place();
        self.0.store(Claim::PLACED, SeqCst);
        placed
    }
}

impl Engine {
    /// Freezes the keyspace for a snapshot at the log's present end.
    pub(super) fn prepare(&mut self, is_base: bool) -> (Job, Running) {
        let lsn = self.journal.positions().emitted;
        let mut aux = vec![
            ("redis-ver", crate::admin::info::REDIS_VERSION.as_bytes().to_vec()),
            ("redis-bits", b"64".to_vec()),
            ("ctime", self.now.seconds().to_string().into_bytes()),
            ("used-mem", self.keyspace.live_bytes().to_string().into_bytes()),
            ("aof-base", if is_base { b"1".to_vec() } else { b"0".to_vec() }),
            (replay::AUX_LSN, lsn.to_string().into_bytes()),
        ];
        if let Some(log) = self.journal.log() {
            aux.push(("repl-id", log.ids().current.into_bytes()));
            aux.push(("repl-offset", lsn.to_string().into_bytes()));
        }
        let keys_done = Arc::new(AtomicU64::new(0));
        let claim = Arc::new(Claim::default());
        self.snapshots.begun += 1;
        let running = Running {
            begun: clock::monotonic(),
            changes: self.snapshots.changes,
            keys_done: keys_done.clone(),
            keys_total: self.total_keys() as u64,
            waiting: Vec::new(),
            claim: claim.clone(),
        };
        let config = &self.admin.config;
        let options = WriterOptions {
            compression: config.rdbcompression(),
            // A flipped bit in the log's base would be served by every start.
            checksum: is_base || config.rdbchecksum(),
            format: self.format(is_base),
        };
        let is_chosen = !is_base && config.rdb_format().is_some();
        let frozen = self.keyspace.freeze();
        (
            Job {
                frozen,
                options,
                is_chosen,
                aux,
                disk: self.disk.clone(),
                keys_done,
                claim,
                number: self.snapshots.begun,
            },
            running,
        )
    }

    /// The format of a snapshot of hashes. A version that has no place for fields' expiries is kept
    /// for a file of the user's, whose save then fails; the log's base must hold everything. Of
    /// streams the snapshot's thread sees to it ([`Job::format`]): it takes a look at all keys.
    fn format(&self, is_base: bool) -> Format {
        let expiring = self.keyspace.has_field_expiries();
        let automatic = Format::needed(expiring, false);
        let wanted = self.admin.config.rdb_format().unwrap_or(automatic);
        if is_base && expiring && !wanted.has_field_expiry() { automatic } else { wanted }
    }

    /// Begins a background save. `waiting` is told when it is done (SAVE).
    pub(super) fn begin_save(&mut self, waiting: Option<(Address, Protocol)>) -> io::Result<()> {
        self.commit();
        let (job, mut running) = self.prepare(false);
        running.waiting.extend(waiting);
        let path = self.admin.config.rdb_path();
        self.snapshots.last_try = Some(running.begun);
        self.snapshots.save = Some(running);
        self.follow_snapshots();
        let shared = self.shared.clone();
        let work = Box::new(move || {
            // Giving back the blocks of the file that was replaced takes long: not before the
            // save counts as done.
            let _replaced = job.disk.open_read(&path);
            let outcome = save_to(job, &path);
            if let Some(shared) = shared.upgrade() {
                shared.hold(Hold::Snapshot, |engine| engine.save_done(outcome));
            }
        });
        (self.snapshots.spawn)("save", work).inspect_err(|_| {
            self.snapshots.save = None;
            self.follow_snapshots();
        })
    }

    fn save_done(&mut self, outcome: io::Result<u64>) {
        let Some(running) = self.snapshots.save.take() else { return };
        self.follow_snapshots();
        let time = clock::monotonic().since(running.begun);
        self.snapshots.last_save_time = Some(time);
        let reply = match &outcome {
            Ok(bytes) => {
                tracing::info!(bytes, seconds = time.as_secs_f64(), "DB saved on disk");
                self.snapshots.saved(running.changes);
                Reply::Ok
            }
            Err(error) if running.claim.is_cancelled() => {
                tracing::warn!(%error, "the save was cancelled");
                Reply::Error("ERR the save was cancelled".into())
            }
            Err(error) => {
                tracing::error!(%error, "saving failed");
                self.snapshots.last_save_ok = false;
                Reply::Error("ERR".into())
            }
        };
        for (to, protocol) in running.waiting {
            self.tell(to, protocol, &reply);
        }
        self.begin_scheduled();
    }

    /// Cancels a running save. Returns whether there was one that could still be.
    pub(super) fn cancel_save(&mut self) -> bool {
        self.snapshots.save.as_ref().is_some_and(|running| running.claim.cancel())
    }

    pub(super) fn begin_or_log(&mut self, begin: impl FnOnce(&mut Engine) -> io::Result<()>) {
        if let Err(error) = begin(self) {
            tracing::error!(%error, "cannot begin a snapshot");
        }
    }

    /// Saves now, on the calling thread: DEBUG RELOAD and shutdown.
    pub(super) fn save_now(&mut self) -> io::Result<u64> {
        self.commit();
        // A save that runs is of an earlier moment: it must not replace this one.
        if let Some(running) = &self.snapshots.save {
            running.claim.settle();
        }
        let (job, running) = self.prepare(false);
        let bytes = save_to(job, &self.admin.config.rdb_path())?;
        self.snapshots.saved(running.changes);
        Ok(bytes)
    }

    /// Sends a waiting connection its reply.
    pub(super) fn tell(&mut self, to: Address, protocol: Protocol, reply: &Reply<'_>) {
        let mut out = Box::new(Out::default());
        encode(reply, protocol, &mut out);
        self.post_reply(to, out, Lsn::default());
    }

    /// Begins what is due: automatic saves, and what the log needs.
    fn begin_due(&mut self, now: UnixMs, monotonic: Monotonic) {
        self.set_now(now);
        if self.save_is_due(now, monotonic) {
            self.begin_or_log(|engine| engine.begin_save(None));
        }
        self.begin_due_rewrite(monotonic);
    }

    fn save_is_due(&self, now: UnixMs, monotonic: Monotonic) -> bool {
        let snapshots = &self.snapshots;
        if snapshots.save.is_some() || snapshots.rewrite.is_some() {
            return false;
        }
        let retry = snapshots.last_save_ok || may_retry(snapshots.last_try, monotonic);
        let since = now.seconds().saturating_sub(snapshots.last_save);
        retry
            && self.admin.config.save_points().iter().any(|point| {
                snapshots.changes_since_save() >= point.changes && since > point.seconds
            })
    }
}

pub(super) fn may_retry(last: Option<Monotonic>, now: Monotonic) -> bool {
    last.is_none_or(|last| now.since(last) >= RETRY_AFTER)
}

/// The cron's part: begins what is due.
pub(super) fn save_if_due(shared: &Arc<Shared>, now: UnixMs, monotonic: Monotonic) {
    shared.hold(Hold::Snapshot, |engine| engine.begin_due(now, monotonic));
}

fn spawn(name: &str, work: Work) -> io::Result<()> {
    std::thread::Builder::new().name(name.into()).spawn(work).map(drop)
}
/// Removes what a failed snapshot has left. It may already have its name as a base, or not be there
/// at all.
pub(super) fn remove_unfinished(disk: &dyn Disk, path: &Path) {
    if disk.exists(path).unwrap_or(false)
        && let Err(error) = disk.remove(path)
    {
        tracing::warn!(%error, file = %path.display(), "cannot remove an unfinished file");
    }
}

/// Writes a base of what the engine holds now.
pub(super) fn save_as(engine: &mut Engine, path: &Path) -> io::Result<u64> {
    save_to(engine.prepare(true).0, path)
}

/// Writes a snapshot beside `path`, then gives it the name: the old file stays whole until the new
/// one is.
fn save_to(job: Job, path: &Path) -> io::Result<u64> {
    let disk = job.disk.clone();
    let temporary = temporary_of(path, job.number);
    let claim = job.claim.clone();
    let outcome = write_file(job, &temporary).and_then(|bytes| {
        claim.place(|| {
            disk.rename(&temporary, path)?;
            disk.sync_dir(&disk::folder_of(path))
        })?;
        Ok(bytes)
    });
    if outcome.is_err() {
        remove_unfinished(&*disk, &temporary);
    }
    outcome
}

fn temporary_of(path: &Path, number: u64) -> PathBuf {
    let name = format!("temp-{}-{number}.rdb", std::process::id());
    disk::folder_of(path).join(name)
}

/// Whether a file is called as [`temporary_of`] calls them, in this process or an earlier one.
pub(super) fn is_temporary(name: &str) -> bool {
    let middle = name.strip_prefix("temp-").and_then(|rest| rest.strip_suffix(".rdb"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    middle
        .and_then(|middle| middle.split_once('-'))
        .is_some_and(|(process, number)| is_number(process) && is_number(number))
}

pub(super) fn write_file(job: Job, path: &Path) -> io::Result<u64> {
    let file = job.disk.create(path)?;
    let options = WriterOptions { format: job.format(), ..job.options };
    let claim = job.claim;
    let aux: Vec<(&str, &[u8])> =
        job.aux.iter().map(|(name, value)| (*name, value.as_slice())).collect();
    flushing::write(
        &file,
        || claim.is_cancelled(),
        |out| {
            let mut writer = Writer::begin(out, &options, &aux)?;
            for (db, table) in job.frozen.into_tables() {
                write_table(&mut writer, db, table.freeze(), Some(table), &job.keys_done)?;
            }
            Ok(writer.finish()?.bytes)
        },
    )
}

/// Writes one database. The frozen table is walked and let go of part by part; `also` is the other
/// handle on it, which must go first for that.
fn write_table<W: Write>(
    writer: &mut Writer<W>,
    db: Db,
    table: FrozenTable<Object>,
    also: Option<crate::paged::Table<Object>>,
    keys_done: &AtomicU64,
) -> io::Result<()> {
    drop(also);
    if table.is_empty() {
        return Ok(());
    }
    let (keys, expires) = (table.len() as u64, table.table().expiring() as u64);
    writer.select_db(u64::from(db.0), keys, expires)?;
    let mut outcome = Ok(());
    let mut done = 0;
    // Whether the walk came to its end is what `outcome` says.
    let _stopped = table.into_walk(|entry| {
        outcome = rdb::entry::write(writer, &Entry::new(entry), Hint::None);
        done += 1;
        if done % 1024 == 0 {
            keys_done.fetch_add(1024, Relaxed);
        }
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    outcome
}

/// An RDB file of a keyspace, in memory (tests).
pub(super) fn to_vec(keyspace: &Keyspace, format: Format) -> io::Result<Vec<u8>> {
    let options = WriterOptions { format, ..WriterOptions::default() };
    let mut writer = Writer::begin(Vec::new(), &options, &[])?;
    for n in 0..keyspace.databases() {
        let db = Db(n as u16);
        write_table(&mut writer, db, keyspace.table(db).freeze(), None, &AtomicU64::new(0))?;
    }
    Ok(writer.finish()?.out)
}
