//! What control commands ask for and only the engine can do.

use super::dispatch::{Done, Flow};
use super::outbox::Message;
use super::{Engine, ShutdownRequest, replay};
use crate::admin::{ClientId, Config};
use crate::base::clock::{self, UnixMs};
use crate::base::disk::{self, Disk};
use crate::base::logging;
use crate::command::Action;
use crate::keyspace::load::Loader;
use crate::keyspace::tx::TouchedKey;
use crate::keyspace::{Db, Entry, Keyspace, TidyCursor, digest};
use crate::log::{self, Lsn, ReplayError, Source};
use crate::rdb;
use crate::resp::{Out, Reply, encode};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Does an action, and writes its reply unless it comes later. `hold` is the LSN that a reply that
/// shows data waits for.
pub(super) fn act(
    engine: &mut Engine,
    client: ClientId,
    action: Action,
    hold: Lsn,
    out: &mut Out,
) -> Done {
    let reply = match action {
        Action::Save => return save(engine, client, out),
        Action::Bgsave { schedule } => bgsave(engine, schedule),
        Action::BgsaveCancel => bgsave_cancel(engine),
        Action::RewriteLog => rewrite(engine),
        Action::Shutdown { save, force, now: _ } => {
            let by = Some(engine.address(client));
            engine.request_shutdown(ShutdownRequest { save, force, by });
            return Done::now(Flow::Wait);
        }
        Action::ShutdownAbort => error("ERR No shutdown in progress."),
        Action::Reload { save, flush } => {
            let reply = done_or_error(reload(engine, save, flush));
            let hold = engine.journal.hold_of_everything();
            return Done { hold, ..engine.reply(client, &reply, out) };
        }
        Action::LoadLog => done_or_error(load_log(engine)),
        Action::Sleep(seconds) => {
            clock::pause(Duration::from_secs_f64(seconds.max(0.0)));
            Reply::Ok
        }
        Action::Digest => return digest_all(engine, client, hold, out),
        Action::ReadLog(read) => return engine.read_log(client, *read, out),
        Action::LogInfo => engine.log_info(),
        Action::LogDigest => return engine.log_digest(client, out),
        Action::Kill { clients, count } => return kill(engine, client, &clients, count, out),
        Action::Pause { end, all } => {
            engine.begin_pause(end, all);
            Reply::Ok
        }
        Action::Unpause => {
            engine.end_pause();
            Reply::Ok
        }
        Action::AwaitCopies(copies) => return engine.await_copies(client, copies, out),
        Action::Migrate(request) => {
            return engine.begin_migration(client, *request, hold, out);
        }
        Action::Unblock { client: waiting, with_error } => {
            let ended = waiting.is_some_and(|waiting| engine.unblock(waiting, with_error));
            Reply::Int(ended.into())
        }
        Action::Quit => {
            engine.reply(client, &Reply::Ok, out);
            return Done::now(Flow::Close);
        }
        Action::RewriteConfig => return rewrite_config(engine, client, out),
        Action::ConfigChanged(names) => return config_changed(engine, client, &names, out),
    };
    engine.reply(client, &reply, out)
}

fn error(text: &'static str) -> Reply<'static> {
    Reply::Error(text.into())
}

fn done_or_error(outcome: Result<(), ReplayError>) -> Reply<'static> {
    match outcome {
        Ok(()) => Reply::Ok,
        Err(error) => Reply::Error(format!("ERR {error}").into()),
    }
}

/// SAVE: written by a thread like BGSAVE, while the connection waits; nobody else does.
fn save(engine: &mut Engine, client: ClientId, out: &mut Out) -> Done {
    if engine.snapshots.save.is_some() {
        return engine.reply(client, &error("ERR Background save already in progress"), out);
    }
    let protocol = engine.admin.clients.session(client).protocol;
    let to = engine.address(client);
    match engine.begin_save(Some((to, protocol))) {
        Ok(()) => Done::now(Flow::Wait),
        Err(failed) => engine.reply(client, &Reply::Error(format!("ERR {failed}").into()), out),
    }
}

fn bgsave(engine: &mut Engine, schedule: bool) -> Reply<'static> {
    if engine.snapshots.save.is_some() {
        return error("ERR Background save already in progress");
    }
    if engine.snapshots.rewrite.is_some() {
        if schedule {
            engine.snapshots.save_scheduled = true;
            return Reply::Simple("Background saving scheduled");
        }
        return error(
            "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
             schedule a BGSAVE whenever possible.",
        );
    }
    match engine.begin_save(None) {
        Ok(()) => Reply::Simple("Background saving started"),
        Err(failed) => Reply::Error(format!("ERR {failed}").into()),
    }
}

fn bgsave_cancel(engine: &mut Engine) -> Reply<'static> {
    if engine.cancel_save() {
        Reply::Simple("Background saving cancelled")
    } else if std::mem::take(&mut engine.snapshots.save_scheduled) {
        Reply::Simple("Scheduled background saving cancelled")
    } else {
        error("ERR Background saving is currently not in progress or scheduled")
    }
}

/// BGREWRITEAOF. As in Redis it follows a save that runs, so that the two do not share the disk.
fn rewrite(engine: &mut Engine) -> Reply<'static> {
    if !engine.admin.config.appendonly() {
        return error("ERR the log is not on disk (appendonly no)");
    }
    if engine.snapshots.rewrite.is_some() {
        return error("ERR Background append only file rewriting already in progress");
    }
    if engine.snapshots.save.is_some() || engine.snapshots.sealing.is_some() {
        engine.snapshots.rewrite_scheduled = true;
        return Reply::Simple("Background append only file rewriting scheduled");
    }
    match engine.begin_rewrite() {
        Ok(()) => Reply::Simple("Background append only file rewriting started"),
        Err(failed) => Reply::Error(format!("ERR {failed}").into()),
    }
}

/// CONFIG REWRITE, on the read pool: nobody else waits for the disk. The new text takes the file's
/// place at once, so that a crash leaves the one or the other.
fn rewrite_config(engine: &mut Engine, client: ClientId, out: &mut Out) -> Done {
    let config = engine.admin.config.clone();
    let Some(path) = config.file().map(Path::to_owned) else {
        return engine.reply(
            client,
            &error("ERR The server is running without a config file"),
            out,
        );
    };
    engine.config_rewrites += 1;
    let (number, last) = (engine.config_rewrites, engine.config_rewritten.clone());
    let (disk, protocol) = (engine.disk.clone(), engine.admin.clients.session(client).protocol);
    let work = Box::new(move |out: &mut Out| {
        let mut last = last.lock();
        // A later one may have been faster: its settings are the newer ones.
        let outcome = if *last > number { Ok(()) } else { rewrite_file(&config, &*disk, &path) };
        *last = number.max(*last);
        let reply = match outcome {
            Ok(()) => Reply::Ok,
            Err(failed) => {
                tracing::error!(path = %path.display(), error = %failed, "CONFIG REWRITE failed");
                Reply::Error(format!("ERR Rewriting config file: {failed}").into())
            }
        };
        encode(&reply, protocol, out);
    });
    engine.later(client, work, Lsn::default(), out)
}

fn rewrite_file(config: &Config, disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let present = disk.map(path)?;
    let text = std::str::from_utf8(&present).map_err(io::Error::other)?;
    let temporary = path.with_added_extension("tmp");
    disk::replace(disk, &temporary, path, config.rewritten(text).as_bytes())
}

/// Runs `load` with an empty keyspace in place of the present one, and returns what it has loaded.
fn load_aside(
    engine: &mut Engine,
    load: impl FnOnce(&mut Engine) -> Result<(), ReplayError>,
) -> Result<Keyspace, ReplayError> {
    let fresh = engine.keyspace.fresh();
    let present = std::mem::replace(&mut engine.keyspace, fresh);
    let outcome = load(engine);
    let loaded = std::mem::replace(&mut engine.keyspace, present);
    match outcome {
        Ok(()) => Ok(loaded),
        Err(error) => {
            discard(loaded);
            Err(error)
        }
    }
}

/// What nobody wants any more is freed by the reclaimer, not under the lock.
fn discard(mut keyspace: Keyspace) {
    Loader::new(&mut keyspace).clear();
}

/// Serves `loaded` from now on.
fn take_over(engine: &mut Engine, loaded: Keyspace) {
    discard(std::mem::replace(&mut engine.keyspace, loaded));
    engine.tidy_cursor = TidyCursor::default();
    engine.blocked.touch(TouchedKey::All);
}

/// DEBUG RELOAD. What was saved just now is what the log says. Any other file is news to it.
fn reload(engine: &mut Engine, save: bool, flush: bool) -> Result<(), ReplayError> {
    if save {
        engine.save_now()?;
    }
    let path = engine.admin.config.rdb_path();
    let disk = engine.disk.clone();
    // Aside first: a file that is missing or damaged must cost nothing that is there.
    let loaded = load_aside(engine, |engine| replay::file(engine, &*disk, &path))?;
    if save && flush {
        take_over(engine, loaded);
        return Ok(());
    }
    let outcome = put_by_records(engine, &loaded, flush);
    discard(loaded);
    outcome
}

/// Puts all of `loaded` into the keyspace, which is emptied before if `flush`, as any other change:
/// by records, so that the log, and whoever follows it, goes the same way.
fn put_by_records(engine: &mut Engine, loaded: &Keyspace, flush: bool) -> Result<(), ReplayError> {
    engine.commit();
    if flush {
        replay::record(engine, &[b"FLUSHALL"])?;
    }
    for db in 0..loaded.databases() {
        replay::record(engine, &[b"SELECT", db.to_string().as_bytes()])?;
        // Nothing has expired at this instant: the log says when that happens.
        let view = loaded.view(Db(db as u16), UnixMs::ZERO);
        let mut cursor = 0;
        loop {
            let mut outcome = Ok(());
            cursor = view.scan(cursor, &mut |entry| {
                if outcome.is_ok() {
                    outcome = restore(engine, &entry);
                }
            });
            outcome?;
            if cursor == 0 {
                break;
            }
        }
    }
    engine.commit();
    engine.blocked.touch(TouchedKey::All);
    Ok(())
}

/// RESTORE of a loaded entry, in the database that was selected.
fn restore(engine: &mut Engine, entry: &Entry<'_>) -> Result<(), ReplayError> {
    /// What the log is given at once: less than what replay keeps in the batch.
    const GROUP_BYTES: usize = replay::BATCH_BYTES_MAX / 2;
    if engine.batch.len() > GROUP_BYTES {
        engine.commit();
    }
    let payload = rdb::entry::payload(entry)?;
    let expiry = entry.expiry().unwrap_or(0).to_string();
    let (key, expiry) = (entry.key(), expiry.as_bytes());
    let words: &[&[u8]] = &[b"RESTORE", key, expiry, &payload, b"REPLACE", b"ABSTTL"];
    replay::record(engine, words)
}

/// DEBUG LOADAOF: the keyspace anew from the files of the running log.
fn load_log(engine: &mut Engine) -> Result<(), ReplayError> {
    /// Longer than any disk that still works needs for a tail.
    const WRITTEN_WITHIN: Duration = Duration::from_secs(30);
    engine.commit();
    let Some(log) = engine.journal.log().cloned() else { return Err("there is no log".into()) };
    if !log.has_files() {
        return Err("the log is not on disk (appendonly no)".into());
    }
    let begun = clock::monotonic();
    while log.positions().written < log.positions().emitted {
        if clock::monotonic().since(begun) > WRITTEN_WITHIN || log.failure().is_some() {
            return Err("the log could not be written".into());
        }
        clock::pause(Duration::from_millis(1));
    }
    let disk = engine.disk.clone();
    engine.replay_db = Db(0);
    // The running log's own settings: the configuration may have another folder by now.
    let settings = log::Settings { appendonly: true, ..log.settings().clone() };
    let loaded = load_aside(engine, |engine| {
        let mut replay = replay::Recovering { engine };
        match log::recover(disk, &settings, &mut replay)?.source {
            Source::Log => Ok(()),
            _ => Err("the log's files are not where they were".into()),
        }
    });
    engine.batch.clear();
    engine.batch.forget_selected();
    take_over(engine, loaded?);
    Ok(())
}

/// DEBUG DIGEST: on the read pool, from a frozen keyspace.
fn digest_all(engine: &mut Engine, client: ClientId, hold: Lsn, out: &mut Out) -> Done {
    let protocol = engine.admin.clients.session(client).protocol;
    let frozen = engine.keyspace.freeze();
    let work = Box::new(move |out: &mut Out| {
        let digest = digest::of_frozen(&frozen).hex();
        encode(&Reply::Status(digest.into_bytes().into()), protocol, out);
    });
    engine.later(client, work, hold, out)
}

fn kill(
    engine: &mut Engine,
    client: ClientId,
    victims: &[ClientId],
    count: bool,
    out: &mut Out,
) -> Done {
    let mut flow = Flow::Next;
    for victim in victims {
        if *victim == client {
            // Its own reply still goes out.
            flow = Flow::Close;
            continue;
        }
        let to = engine.address(*victim);
        engine.forget_blocked(*victim);
        engine.admin.clients.session(*victim).closing = true;
        engine.post(to.worker, Message::Close(to));
    }
    let reply = if count { Reply::Int(victims.len() as i64) } else { Reply::Ok };
    engine.reply(client, &reply, out);
    Done::now(flow)
}

/// Makes the engine follow settings that were changed, and replies.
fn config_changed(
    engine: &mut Engine,
    client: ClientId,
    names: &[&'static str],
    out: &mut Out,
) -> Done {
    for name in names.iter().filter(|name| !Config::has_effect(name)) {
        tracing::warn!("CONFIG SET {name}: it has no effect (yet)");
    }
    let config = &engine.admin.config;
    engine.keyspace.set_limits(config.limits());
    engine.admin.latency.set_threshold_ms(config.latency_monitor_threshold());
    logging::set_level(config.loglevel().up_to());
    if let Some(log) = engine.journal.log() {
        log.set_retention(config.log_retention_bytes(), config.log_retention_seconds());
    }
    engine.follow_snapshots();
    let is_changed = |name| names.contains(&name);
    if is_changed("appendfsync") {
        engine.follow_fsync();
    }
    let mut waits = false;
    if is_changed("appendonly") {
        let protocol = engine.admin.clients.session(client).protocol;
        let asker = (engine.address(client), protocol);
        waits = engine.follow_appendonly(asker);
    }
    engine.refresh_gate();
    if waits { Done::now(Flow::Wait) } else { engine.reply(client, &Reply::Ok, out) }
}
