//! From a data folder to a running engine, and back to a folder at the end.

use super::journal::Journal;
use super::pool::Pool;
use super::{Engine, Outboxes, Shared, ShutdownRequest, replay, snapshot};
use crate::admin::{Admin, Config, config};
use crate::base::clock;
use crate::base::disk::{Disk, RealDisk};
use crate::base::rng;
use crate::keyspace::{Keyspace, Reclaimer};
use crate::log::{self, DiskWork, Fsync, Lsn, News, Settings, Source, Start};
use crate::resp::{Protocol, Reply};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Threads of the read pool. Two: one long read must not keep the next from starting.
const READERS: usize = 2;

/// Why the data could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The files do not say what they should.
    #[error("{0}")]
    Recover(#[from] log::RecoverError),
    /// It is not to be told which of the files are the data (tools only).
    #[error("{0}")]
    Archive(#[from] log::ArchiveError),
    /// A folder or a thread.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Opens the data folder, recovers what is in it, and begins to log.
pub fn open(config: Config) -> Result<Arc<Shared>, OpenError> {
    RealDisk.create_dir_all(config.dir())?;
    let own = RealDisk::lock_folder(config.dir()).map_err(|error| {
        let text = format!(
            "the data folder {} is in use or cannot be locked: {error}",
            config.dir().display()
        );
        io::Error::new(error.kind(), text)
    })?;
    // Two servers would write one log. Ours until the process ends.
    std::mem::forget(own);
    open_on(config, Arc::new(RealDisk))
}

/// As [`open`], on any disk; the folder is nobody else's.
pub(super) fn open_on(config: Config, disk: Arc<dyn Disk>) -> Result<Arc<Shared>, OpenError> {
    remove_unfinished(&*disk, config.dir())?;
    let settings = settings(&config);
    let on_disk = config.appendonly();
    let keyspace = Keyspace::new(config.databases(), Reclaimer::start()?);
    let outboxes = Outboxes::default();
    let (admin, pool) = (Admin::new(config), Pool::start(READERS, &outboxes)?);
    let seed = rng::os_u64();
    let mut engine = Engine::assemble(admin, keyspace, outboxes, pool, seed, disk.clone());
    engine.begin_round(clock::now());
    let begun = clock::monotonic();
    let recovered = log::recover(disk, &settings, &mut replay::Recovering { engine: &mut engine })?;
    let seconds = clock::monotonic().since(begun).as_secs_f64();
    report(&recovered, engine.total_keys(), seconds);
    if let Some(dump) = &recovered.newer_dump {
        keep_unknown(&*engine.disk, dump, &recovered.ids)?;
    }
    let log = recovered.start(Start {
        replication_id: rng::hex40(),
        salt: rng::os_u64(),
        clock: Arc::new(|| clock::now().seconds()),
    })?;
    engine.snapshots.last_save = clock::now().seconds();
    engine.admin.facts.started_at_ms = clock::now().0;
    engine.admin.facts.run_id = rng::hex40();
    let log = Arc::new(log);
    go_on_with(&mut engine, log.clone(), on_disk);
    let shared = Shared::new(engine);
    wake_on_progress(&shared, &log);
    Ok(shared)
}

/// Has the engine append to a log from now on that was started on what it has replayed.
pub(super) fn go_on_with(engine: &mut Engine, log: Arc<log::Log>, on_disk: bool) {
    engine.snapshots.rewrite_base_bytes = log.info().current_size;
    engine.journal = Journal::of(log, on_disk);
    // The first record brings its own SELECT: whoever continues from before the start does not know
    // the database.
    engine.batch.clear();
    engine.batch.forget_selected();
    engine.follow_touched();
}

/// Tells the workers that hold replies, and the timer, when the log has come as far as they wait
/// for.
fn wake_on_progress(shared: &Arc<Shared>, log: &log::Log) {
    let outboxes = shared.outboxes.clone();
    let (bell, latency) = {
        let engine = shared.lock();
        (engine.timer.bell().clone(), engine.admin.latency.clone())
    };
    log.observe(Box::new(move |work, time| {
        let note = |event| latency.note(event, time, || clock::now().seconds());
        match work {
            DiskWork::Write { while_syncing } => {
                note("aof-write");
                note(if while_syncing { "aof-write-pending-fsync" } else { "aof-write-alone" });
            }
            DiskWork::Sync { policy: Fsync::Always } => note("aof-fsync-always"),
            DiskWork::Sync { .. } => note("aof-fsync"),
        }
    }));
    log.subscribe(Arc::new(move |positions, news| {
        bell.progress(positions.synced);
        let reached = if news == News::Latched { Lsn(u64::MAX) } else { positions.synced };
        for outbox in outboxes.read().iter() {
            outbox.progress(reached);
        }
    }));
}

fn report(recovered: &log::Recovered, keys: usize, seconds: f64) {
    match recovered.source {
        Source::Fresh if recovered.unread.is_some() => {
            tracing::info!("there is no RDB file: the data set is empty");
        }
        Source::Fresh => tracing::info!("the data folder is empty: a new log begins"),
        source => tracing::info!(
            keys,
            records = recovered.records,
            lsn = %recovered.last_lsn,
            seconds,
            "DB loaded from {}",
            match source {
                Source::Log => "the log",
                Source::DumpRdb => "the RDB file, which becomes the log's first base",
                _ => "a single-file AOF, which becomes the log's first base",
            }
        ),
    }
    if recovered.foreign_records > 0 {
        tracing::warn!(
            records = recovered.foreign_records,
            "the log has records that another server wrote: they have no checksum"
        );
    }
    if let Some(torn) = &recovered.torn {
        tracing::warn!(bytes = torn.bytes, kept = %torn.kept.display(), "torn tail: {}", torn.place);
    }
    if let Some(dump) = &recovered.newer_dump {
        tracing::warn!(file = %dump.display(), "an RDB file is newer than the log and was not loaded");
    }
    if let Some(aof) = &recovered.newer_aof {
        tracing::warn!(
            file = %aof.display(),
            "an append-only file is newer than the log and was not loaded"
        );
    }
    if let Some(unread) = &recovered.unread {
        tracing::warn!(
            file = %unread.display(),
            "a log is there and is not loaded, since appendonly is no: a start with appendonly yes \
             loads it; CONFIG SET appendonly yes begins another one and keeps it aside"
        );
    }
}

/// A newer RDB file loses to the log, but the next save must not be the end of it: unless all it
/// holds is in the log, it gets a second name. It is in the log if it was saved under one of the
/// log's ids at an LSN that the log has under that id: not if another server wrote it, nor if it
/// was saved while there was no log on disk, or beyond where a crash has cut the log.
fn keep_unknown(disk: &dyn Disk, dump: &Path, ids: &[(String, Lsn)]) -> io::Result<()> {
    let file = disk.map(dump)?;
    let origin = replay::origin(&file);
    let is_in_the_log = |(id, last): &(String, Lsn)| {
        origin.replication_id.as_ref() == Some(id) && origin.lsn.is_some_and(|lsn| lsn <= *last)
    };
    if ids.iter().any(is_in_the_log) {
        return Ok(());
    }
    let written = disk.modified(dump)?;
    let kept = keep(disk, dump, &format!(".{written}.kept"))?;
    tracing::warn!(kept = %kept.display(), "the log does not have all that is in it: kept, whatever is saved");
    Ok(())
}

/// Gives a file a second name beside it, its own with `suffix` behind: whatever takes its first
/// name later, its content stays. Nothing happens if there is such a name already.
fn keep(disk: &dyn Disk, path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let mut kept = path.as_os_str().to_owned();
    kept.push(suffix);
    let kept = PathBuf::from(kept);
    match disk.hard_link(path, &kept) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(kept),
        other => other.map(|()| kept),
    }
}

/// The log's settings from the configuration.
pub(super) fn settings(config: &Config) -> Settings {
    let dbfilename = config.dbfilename().to_owned();
    Settings {
        appendonly: config.appendonly(),
        appenddirname: config.appenddirname().to_owned(),
        appendfilename: config.appendfilename().to_owned(),
        dbfilename,
        fsync: fsync(config),
        segment_bytes: config.log_segment_bytes(),
        tail_bytes_max: config.log_tail_bytes(),
        retention_bytes: config.log_retention_bytes(),
        retention_seconds: config.log_retention_seconds(),
        load_truncated: config.aof_load_truncated(),
        ..Settings::new(config.dir().to_owned())
    }
}

/// `appendfsync` as the log knows it.
pub(super) fn fsync(config: &Config) -> Fsync {
    match config.appendfsync() {
        config::Fsync::Always => Fsync::Always,
        config::Fsync::EverySec => Fsync::Everysec,
        config::Fsync::No => Fsync::No,
    }
}

/// Ends cleanly: saves if asked or configured, seals the log. Returns whether the process may exit;
/// if not, the one who asked was told why.
///
/// On success the engine's lock is never given back: nothing may be acknowledged any more.
pub fn close(shared: &Shared, request: ShutdownRequest) -> bool {
    let mut engine = shared.lock();
    let pending = engine.take_shutdown();
    let request = pending.map_or(request, |pending| request.and(pending));
    engine.set_now(clock::now());
    engine.commit();
    let outcome = save_and_seal(&mut engine, &request);
    if let Err(error) = &outcome {
        tracing::error!(%error, "shutting down");
        if !request.force {
            let text = "ERR Errors trying to SHUTDOWN. Check logs.";
            for to in std::mem::take(&mut engine.shutdown.askers) {
                engine.tell(to, Protocol::Resp2, &Reply::Error(text.into()));
            }
            return false;
        }
    }
    std::mem::forget(engine);
    true
}

/// The log is sealed last, and with `force` even if saving has failed.
fn save_and_seal(engine: &mut Engine, request: &ShutdownRequest) -> io::Result<()> {
    let log = engine.journal.log().cloned();
    let has_files = log.as_ref().is_none_or(|log| log.has_files());
    if engine.admin.config.appendonly() && !has_files && !request.force {
        // What lies in memory would be lost: nobody has saved it yet.
        return Err(io::Error::other("the log's first base is being written, can't exit"));
    }
    let save = request.save.unwrap_or(!engine.admin.config.save_points().is_empty());
    let mut saved = Ok(());
    if save {
        tracing::info!("Saving the final RDB snapshot before exiting.");
        saved = engine.save_now().map(drop);
    }
    if saved.is_err() && !request.force {
        return saved;
    }
    match log {
        Some(log) => log.seal_and_close().map_err(io::Error::other).and(saved),
        None => saved,
    }
}

/// Removes the unfinished RDB files of processes that crashed.
fn remove_unfinished(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for name in disk.list(dir)?.iter().filter(|name| snapshot::is_temporary(name)) {
        tracing::info!(file = name, "removed: a crash has left it unfinished");
        disk.remove(&dir.join(name))?;
    }
    Ok(())
}
