//! Persistence at run time, on simulated disks: files begun and sealed, policies changed, disks
//! that hang or fail.

use super::outbox::{Inbox, Message};
use super::round::ParkedFor;
use super::{Outbox, Pipeline, Replies, Round, Shared, snapshot, start};
use crate::admin::{ClientId, Config};
use crate::base::clock::{self, Monotonic};
use crate::base::disk::Disk;
use crate::base::disk::gated::GatedDisk;
use crate::base::disk::testing::{EIO, ENOSPC, Failure, Fate, SimDisk, Unsynced};
use crate::keyspace::digest::{self, Digest};
use crate::log::{Log, Lsn};
use crate::resp::Mark;
use std::sync::Arc;
use std::time::Duration;

mod earlier_tests;

/// A server without sockets: an engine with its log's threads, and one connection.
struct Running {
    shared: Arc<Shared>,
    client: ClientId,
    inbox: Inbox,
}

/// A reply, and the LSN that must be synced before it may be sent. None: it comes later.
type Held = Option<(String, Lsn)>;

fn config(settings: &[&str]) -> Config {
    let settings: Vec<String> = settings.iter().map(|word| (*word).to_owned()).collect();
    Config::from_args(&settings).unwrap()
}

fn empty_disk() -> SimDisk {
    SimDisk::new(config(&[]).dir())
}

impl Running {
    fn start(disk: Arc<dyn Disk>, settings: &[&str]) -> Result<Running, start::OpenError> {
        let shared = start::open_on(config(settings), disk)?;
        let (outbox, inbox) = Outbox::new(Arc::new(|| {}));
        let client = {
            let mut engine = shared.lock();
            engine.add_worker(outbox);
            engine.connect(0, 0, clock::now()).0
        };
        Ok(Running { shared, client, inbox })
    }

    /// Runs one request in a round of its own.
    fn ask(&self, line: &str) -> Held {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut round = Round::default();
        round.arguments.extend_from_slice(&words);
        round.push(0);
        round.pipelines.push(Pipeline { client: self.client, count: 1, ..Pipeline::default() });
        let mut replies = Replies::default();
        self.shared.lock().execute(&round, clock::now(), &mut replies);
        let outcome = replies.outcomes[0];
        if outcome.waiting {
            return None;
        }
        assert_eq!(outcome.ran, 1, "{line} was parked");
        let bytes: Vec<u8> =
            replies.out.slices(Mark::default(), outcome.end).flatten().copied().collect();
        Some((String::from_utf8(bytes).unwrap(), outcome.hold))
    }

    /// Runs as many of these requests in one round as it takes. Returns how many did.
    fn run_many(&self, requests: &[[&[u8]; 3]]) -> usize {
        let mut round = Round::default();
        for request in requests {
            let first = round.arguments.len();
            round.arguments.extend_from_slice(request);
            round.push(first);
        }
        let count = requests.len() as u32;
        round.pipelines.push(Pipeline { client: self.client, count, ..Pipeline::default() });
        let mut replies = Replies::default();
        self.shared.lock().execute(&round, clock::now(), &mut replies);
        replies.outcomes[0].ran as usize
    }

    /// Runs one request, and gives its reply as soon as it may leave.
    fn call(&self, line: &str) -> String {
        let Some((reply, hold)) = self.ask(line) else { return self.received() };
        let watch = self.shared.lock().watch();
        wait_until(line, || watch.synced() >= hold || watch.failure().is_some());
        if watch.synced() >= hold { reply } else { "refused".to_owned() }
    }

    /// The next reply that comes later.
    fn received(&self) -> String {
        const DEADLINE: Duration = Duration::from_secs(20);
        match self.inbox.messages.recv_timeout(DEADLINE).unwrap() {
            Message::Reply { out, .. } => {
                let bytes = out.slices(Mark::default(), out.mark()).flatten().copied().collect();
                String::from_utf8(bytes).unwrap()
            }
            _ => panic!("no reply"),
        }
    }

    fn log(&self) -> Arc<Log> {
        self.shared.lock().journal().log().unwrap().clone()
    }

    fn info(&self, field: &str) -> String {
        let text = self.call("INFO persistence");
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
    }

    fn digest(&self) -> Digest {
        digest::of_keyspace(self.shared.lock().keyspace())
    }

    /// What the cron does at a moment far enough from the last try.
    fn let_time_pass(&self, seconds: u64) {
        let later = Monotonic(clock::monotonic().0).plus(Duration::from_secs(seconds));
        snapshot::save_if_due(&self.shared, clock::now().plus_ms(seconds * 1000), later);
    }

    fn wait_for_files(&self) {
        let log = self.log();
        wait_until("the log has files", || log.has_files());
        wait_until("the rewrite is over", || self.info("aof_rewrite_in_progress") == "0");
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = clock::monotonic();
    while !condition() {
        assert!(clock::monotonic().since(begun) < Duration::from_secs(20), "never: {what}");
        clock::pause(Duration::from_millis(1));
    }
}

/// Nothing that was not synced survives.
const DROPPED: Unsynced = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };

/// A server over what a crash right now has left.
fn after_crash(disk: &SimDisk, settings: &[&str]) -> Running {
    Running::start(Arc::new(disk.crash(disk.effects(), DROPPED)), settings).unwrap()
}

const OK: &str = "+OK\r\n";
const ON: &[&str] = &["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
const OFF: &[&str] = &["--save", "", "--appendonly", "no", "--appendfsync", "always"];

#[test]
fn files_begin_and_end_at_run_time() {
    let disk = empty_disk();
    let running = Running::start(Arc::new(disk.clone()), OFF).unwrap();
    let ids = running.log().ids();
    for n in 0..100 {
        assert_eq!(running.call(&format!("SET key:{n} in-memory")), OK);
    }
    assert_eq!(disk.all_files().len(), 0);
    let before = running.log().positions().emitted;
    assert_eq!(running.call("CONFIG SET appendonly yes"), OK);
    running.wait_for_files();
    assert_eq!(running.info("aof_enabled"), "1");
    assert_eq!(running.call("SET file 1"), OK);
    let crashed = after_crash(&disk, ON);
    assert_eq!(crashed.digest(), running.digest());
    assert_eq!(crashed.log().ids().before[0].0, ids.current);
    // Sealed: what comes later is in memory only, and counted all the same.
    assert_eq!(running.call("CONFIG SET appendonly no"), OK);
    assert!(!running.log().has_files());
    let sealed = running.digest();
    assert_eq!(running.info("aof_enabled"), "0");
    assert_eq!(running.call("SET memory 1"), OK);
    assert_eq!(after_crash(&disk, ON).digest(), sealed);
    let between = running.log().positions();
    assert!(between.emitted > before && between.synced == between.emitted);
    // And on again, over the sealed files.
    assert_eq!(running.call("CONFIG SET appendonly yes appendfsync everysec"), OK);
    running.wait_for_files();
    assert_eq!(running.call("CONFIG SET appendfsync always"), OK);
    assert_eq!(running.call("SET file 2"), OK);
    let crashed = after_crash(&disk, ON);
    assert_eq!(crashed.digest(), running.digest());
    assert_eq!(running.log().ids(), ids);
    let files = disk.all_files().into_keys();
    let bases = files.filter(|path| path.extension().is_some_and(|ending| ending == "rdb")).count();
    assert_eq!(bases, 1, "files of the earlier time are gone");
}

/// Whoever crashes in the midst of it finds a state that was there at some moment, and under
/// `always` everything that was acknowledged while there were files.
#[test]
fn a_crash_while_files_begin_or_end_loses_nothing() {
    let disk = empty_disk();
    let running = Running::start(Arc::new(disk.clone()), ON).unwrap();
    // By value of the counter: how many effects there were when it was acknowledged on disk.
    let mut durable = Vec::new();
    let mut count = 0;
    let mut write = |on_disk: bool, durable: &mut Vec<(usize, u64)>| {
        count += 1;
        assert_eq!(running.call("INCR counter"), format!(":{count}\r\n"));
        if on_disk {
            durable.push((disk.effects(), count));
        }
    };
    for _ in 0..2 {
        for _ in 0..3 {
            write(true, &mut durable);
        }
        assert_eq!(running.call("CONFIG SET appendonly no"), OK);
        for _ in 0..3 {
            write(false, &mut durable);
        }
        assert_eq!(running.call("CONFIG SET appendonly yes"), OK);
        running.wait_for_files();
        write(true, &mut durable);
    }
    assert_eq!(running.call("BGREWRITEAOF"), "+Background append only file rewriting started\r\n");
    running.wait_for_files();
    write(true, &mut durable);
    let mut found = std::collections::BTreeSet::new();
    for effects in 0..=disk.effects() {
        let floor = durable.iter().filter(|(at, _)| *at <= effects).map(|(_, count)| *count).max();
        let seed = effects as u64;
        for fate in [Fate::Kept, Fate::Dropped, Fate::Cut(seed)] {
            let crashed = disk.crash(effects, Unsynced { bytes: fate, names: fate });
            let again = Running::start(Arc::new(crashed), ON)
                .unwrap_or_else(|error| panic!("after {effects} effects, {fate:?}: {error}"));
            let reply = again.call("GET counter");
            let value = reply.lines().nth(1).map_or(0, |line| line.parse::<u64>().unwrap());
            assert!(value >= floor.unwrap_or(0), "{value} after {effects} effects, not {floor:?}");
            found.insert(value);
        }
    }
    assert!(found.len() > 8, "{found:?}");
}

/// Every operation of the disk fails once while the files begin: it is tried again until it works,
/// and nobody is refused meanwhile.
#[test]
fn files_begin_although_the_disk_fails_at_first() {
    for errno in [EIO, ENOSPC] {
        for nth in 1.. {
            let disk = empty_disk();
            let running = Running::start(Arc::new(disk.clone()), OFF).unwrap();
            assert_eq!(running.call("SET before 1"), OK);
            let operations = disk.operations();
            disk.fail(nth, Failure::Error(errno), false);
            assert_eq!(running.call("CONFIG SET appendonly yes"), OK);
            wait_until("it was tried", || running.info("aof_rewrite_in_progress") == "0");
            let was_asked = disk.operations() - operations >= nth;
            disk.repair();
            assert_eq!(running.call("SET meanwhile 1"), OK);
            let failed = running.info("aof_last_bgrewrite_status") == "err";
            assert_eq!(failed, running.info("aof_rewrites_consecutive_failures") != "0");
            wait_until("it has files", || {
                running.let_time_pass(10);
                running.log().has_files() && running.info("aof_last_bgrewrite_status") == "ok"
            });
            assert_eq!(running.call("SET after 1"), OK, "{errno} at {nth}");
            let crashed = after_crash(&disk, ON);
            assert_eq!(crashed.digest(), running.digest(), "{errno} at {nth}");
            if !was_asked {
                break;
            }
            assert!(nth < 100);
        }
    }
}

/// A disk that fails when the files are to be sealed: they end as they are, and the server goes on
/// without.
#[test]
fn files_end_although_the_disk_fails() {
    let disk = empty_disk();
    let running = Running::start(Arc::new(disk.clone()), ON).unwrap();
    assert_eq!(running.call("SET before 1"), OK);
    let digest = running.digest();
    disk.fail(1, Failure::Error(EIO), true);
    assert_eq!(running.call("CONFIG SET appendonly no"), OK);
    assert_eq!(running.call("SET after 1"), OK);
    assert_eq!(running.info("aof_last_write_status"), "ok");
    disk.repair();
    assert_eq!(after_crash(&disk, ON).digest(), digest);
    assert_eq!(running.call("CONFIG SET appendonly yes"), OK);
    running.wait_for_files();
    assert_eq!(running.call("SET more 1"), OK);
    assert_eq!(after_crash(&disk, ON).digest(), running.digest());
}

/// Under `everysec` a sync that hangs keeps nobody waiting: commands are answered, and the log is
/// written, for as long as it takes.
#[test]
fn a_sync_that_hangs_stalls_no_command_under_everysec() {
    let disk = GatedDisk::over(Arc::new(empty_disk()));
    let settings = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"];
    let running = Running::start(Arc::new(disk.clone()), &settings).unwrap();
    let log = running.log();
    disk.gate().close();
    assert_eq!(running.call("SET key 0"), OK);
    wait_until("a sync hangs", || disk.gate().waiting() > 0);
    assert_eq!(running.info("aof_pending_bio_fsync"), "1");
    let synced = log.positions().synced;
    for n in 0..5000 {
        let (reply, hold) = running.ask(&format!("SET key:{n} {n}")).unwrap();
        assert_eq!((reply.as_str(), hold), (OK, Lsn(0)));
        assert_eq!(running.ask(&format!("GET key:{n}")).unwrap().1, Lsn(0));
    }
    wait_until("all of it is written", || log.positions().written == log.positions().emitted);
    assert!(disk.gate().waiting() > 0 && log.positions().synced == synced, "it still hangs");
    disk.gate().open();
    wait_until("all of it is synced", || log.positions().synced == log.positions().emitted);
}

/// Each policy to each other one, while a sync hangs: what is held under `always` leaves once it is
/// synced, whatever the policy is by then, and nothing else waits.
#[test]
fn held_replies_outlive_a_change_of_policy() {
    const POLICIES: [&str; 3] = ["always", "everysec", "no"];
    for (from, to) in POLICIES.into_iter().flat_map(|from| POLICIES.map(|to| (from, to))) {
        if from == to {
            continue;
        }
        let disk = GatedDisk::over(Arc::new(empty_disk()));
        let settings = ["--save", "", "--appendonly", "yes", "--appendfsync", from];
        let running = Running::start(Arc::new(disk.clone()), &settings).unwrap();
        let watch = running.shared.lock().watch();
        disk.gate().close();
        let (reply, write) = running.ask("SET key 1").unwrap();
        assert_eq!(reply, OK);
        assert_eq!(write > Lsn(0), from == "always", "{from} to {to}");
        let (reply, _) = running.ask(&format!("CONFIG SET appendfsync {to}")).unwrap();
        assert_eq!(reply, OK);
        let (_, read) = running.ask("GET key").unwrap();
        assert_eq!(read > Lsn(0), to == "always", "{from} to {to}");
        assert_eq!(running.ask("PING").unwrap(), ("+PONG\r\n".to_owned(), Lsn(0)));
        let held = write.max(read);
        assert!(held == Lsn(0) || watch.synced() < held, "{from} to {to}");
        disk.gate().open();
        wait_until("it is synced", || watch.synced() >= held);
        let (_, next) = running.ask("SET key 2").unwrap();
        assert_eq!(next > Lsn(0), to == "always", "{from} to {to}");
        wait_until("it is synced", || watch.synced() >= next);
    }
}

/// While the files are sealed on a disk that hangs, everybody but who asked for it goes on.
#[test]
fn sealing_on_a_disk_that_hangs_stalls_no_command() {
    let disk = GatedDisk::over(Arc::new(empty_disk()));
    let running = Running::start(Arc::new(disk.clone()), ON).unwrap();
    disk.gate().close();
    let (_, hold) = running.ask("SET key 1").unwrap();
    assert!(hold > Lsn(0));
    assert_eq!(running.ask("CONFIG SET appendonly no"), None);
    wait_until("a sync hangs", || disk.gate().waiting() > 0);
    assert_eq!(running.ask("SET other 1").unwrap(), (OK.to_owned(), Lsn(0)));
    // Wanted again before it is off.
    assert_eq!(running.ask("CONFIG SET appendonly yes").unwrap().0, OK);
    let watch = running.shared.lock().watch();
    assert!(watch.synced() < hold);
    disk.gate().open();
    assert_eq!(running.received(), OK);
    running.wait_for_files();
    assert!(watch.synced() >= hold);
    assert!(running.ask("SET key 2").unwrap().1 > Lsn(0));
}

/// Saves and rewrites do not share the disk unless they must.
#[test]
fn saves_and_rewrites_follow_each_other() {
    let disk = GatedDisk::over(Arc::new(empty_disk()));
    let settings = ["--save", "", "--appendonly", "yes", "--appendfsync", "no"];
    let running = Running::start(Arc::new(disk.clone()), &settings).unwrap();
    assert_eq!(running.call("SET key 1"), OK);
    disk.gate().close();
    assert_eq!(running.call("BGSAVE"), "+Background saving started\r\n");
    assert_eq!(running.call("BGSAVE SCHEDULE"), "-ERR Background save already in progress\r\n");
    let scheduled = "+Background append only file rewriting scheduled\r\n";
    assert_eq!(running.call("BGREWRITEAOF"), scheduled);
    assert_eq!(running.call("BGREWRITEAOF"), scheduled);
    assert_eq!(running.info("aof_rewrite_scheduled"), "1");
    disk.gate().open();
    wait_until("both are done", || running.info("aof_rewrites") == "1");
    assert_eq!((running.info("rdb_saves"), running.info("aof_rewrite_scheduled")), pair("1", "0"));
    disk.gate().close();
    assert_eq!(running.call("BGREWRITEAOF"), "+Background append only file rewriting started\r\n");
    let already = "-ERR Background append only file rewriting already in progress\r\n";
    assert_eq!(running.call("BGREWRITEAOF"), already);
    assert!(running.call("BGSAVE").starts_with("-ERR Another child process is active (AOF?)"));
    assert_eq!(running.call("BGSAVE SCHEDULE"), "+Background saving scheduled\r\n");
    assert_eq!(running.call("BGSAVE CANCEL"), "+Scheduled background saving cancelled\r\n");
    assert_eq!(running.call("BGSAVE SCHEDULE"), "+Background saving scheduled\r\n");
    disk.gate().open();
    wait_until("both are done", || running.info("rdb_saves") == "2");
    assert_eq!(running.info("aof_rewrites"), "2");
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// The refusal of writes after a failed save, word for word.
const SAVE_FAILED: &str = "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB \
snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.\r\n";

#[test]
fn save_points_save_what_is_due_and_a_save_that_fails_refuses_writes() {
    let disk = empty_disk();
    let settings = ["--appendonly", "no", "--save", "900", "1", "--save", "60", "3"];
    let running = Running::start(Arc::new(disk.clone()), &settings).unwrap();
    let saves = |running: &Running| {
        wait_until("no save runs", || running.info("rdb_bgsave_in_progress") == "0");
        running.info("rdb_saves")
    };
    running.let_time_pass(10_000);
    assert_eq!(saves(&running), "0", "nothing has changed");
    assert_eq!(running.call("SET a 1"), OK);
    assert_eq!(running.call("SET a 2"), OK);
    running.let_time_pass(800);
    assert_eq!(saves(&running), "0");
    assert_eq!(running.call("SET a 3"), OK);
    running.let_time_pass(59);
    assert_eq!(saves(&running), "0");
    running.let_time_pass(62);
    assert_eq!(saves(&running), "1");
    assert_eq!(running.call("SET a 4"), OK);
    running.let_time_pass(902);
    assert_eq!((saves(&running), running.info("rdb_changes_since_last_save")), pair("2", "0"));
    assert_eq!(running.call("CONFIG SET save "), OK);
    assert_eq!(running.call("SET a 5"), OK);
    running.let_time_pass(10_000);
    assert_eq!(saves(&running), "2", "there are no save points");
    // One that fails, and the next one, which comes by itself.
    running.shared.lock().admin.config.set(&[(b"save", b"60 1 900 5")], true).unwrap();
    disk.fail(1, Failure::Error(ENOSPC), true);
    running.let_time_pass(62);
    assert_eq!((saves(&running), running.info("rdb_last_bgsave_status")), pair("2", "err"));
    assert_eq!(running.call("SET a 6"), SAVE_FAILED);
    assert_eq!(running.call("PING"), SAVE_FAILED);
    assert_eq!(running.call("GET a"), "$1\r\n5\r\n");
    assert_eq!(running.call("CONFIG SET stop-writes-on-bgsave-error no"), OK);
    assert_eq!(running.call("SET a 6"), OK);
    assert_eq!(running.call("CONFIG SET stop-writes-on-bgsave-error yes"), OK);
    disk.repair();
    running.let_time_pass(62);
    assert_eq!((saves(&running), running.info("rdb_last_bgsave_status")), pair("3", "ok"));
    assert_eq!(running.call("SET a 7"), OK);
    let files: Vec<_> = disk.all_files().into_keys().collect();
    assert_eq!(files.len(), 1, "no unfinished file stays: {files:?}");
}

#[test]
fn a_log_that_has_grown_gets_a_new_base() {
    let settings = [ON, &["--auto-aof-rewrite-min-size", "20kb"]].concat();
    let running = Running::start(Arc::new(empty_disk()), &settings).unwrap();
    let rewrites = |running: &Running| {
        running.let_time_pass(1);
        wait_until("no rewrite runs", || running.info("aof_rewrite_in_progress") == "0");
        running.info("aof_rewrites")
    };
    let write = |bytes: usize| {
        assert_eq!(running.call(&format!("SET key {}", "x".repeat(bytes))), OK);
    };
    write(15_000);
    assert_eq!(rewrites(&running), "0", "it is not large enough");
    write(15_000);
    assert_eq!(rewrites(&running), "1");
    write(100);
    assert_eq!(rewrites(&running), "1", "it is not much larger than its base");
    assert_eq!(running.call("CONFIG SET auto-aof-rewrite-percentage 0"), OK);
    write(100_000);
    assert_eq!(rewrites(&running), "1");
    assert_eq!(running.call("CONFIG SET auto-aof-rewrite-percentage 100"), OK);
    assert_eq!(rewrites(&running), "2");
    assert_eq!(running.info("aof_last_bgrewrite_status"), "ok");
}

/// A file that has a key twice is not what it was when it was written: it is refused, with the
/// key's name.
#[test]
fn an_rdb_file_that_has_a_key_twice_is_refused() {
    use crate::rdb::{Writer, WriterOptions};
    let of = |keys: &[(u64, &str)]| {
        let mut writer = Writer::begin(Vec::new(), &WriterOptions::default(), &[]).unwrap();
        let mut present = None;
        for (db, key) in keys {
            if present.replace(*db) != Some(*db) {
                writer.select_db(*db, 1, 0).unwrap();
            }
            let value = crate::rdb::StringValue::Bytes(b"value");
            writer.string(key.as_bytes(), value, None, crate::rdb::Hint::None).unwrap();
        }
        let disk = empty_disk();
        let dump = config(&[]).rdb_path();
        disk.put(&dump, &writer.finish().unwrap().out);
        Running::start(Arc::new(disk), OFF).map(|running| running.info("rdb_last_load_keys_loaded"))
    };
    assert_eq!(of(&[(0, "a"), (0, "b"), (1, "a"), (0, "c")]).unwrap(), "4");
    let refused = of(&[(0, "a"), (3, "a"), (3, "twice"), (0, "b"), (3, "twice")]).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("RDB has duplicated key 'twice' in DB 3"), "{text}");
}

/// `no-appendfsync-on-rewrite`: no sync between the beginning and the end of a save.
#[test]
fn syncs_pause_while_a_snapshot_is_written() {
    let disk = GatedDisk::over(Arc::new(empty_disk()));
    let settings = ["--save", "", "--appendonly", "yes", "--no-appendfsync-on-rewrite", "yes"];
    let running = Running::start(Arc::new(disk.clone()), &settings).unwrap();
    let log = running.log();
    wait_until("all is synced", || log.positions().synced == log.positions().emitted);
    disk.gate().close();
    assert_eq!(running.call("BGSAVE"), "+Background saving started\r\n");
    wait_until("the save's own sync hangs", || disk.gate().waiting() == 1);
    assert_eq!(running.call("SET key 1"), OK);
    wait_until("it is written", || log.positions().written == log.positions().emitted);
    // Asked for, as at the end of each second.
    log.set_fsync(crate::log::Fsync::Everysec, Lsn(0));
    assert_eq!(running.call("PING"), "+PONG\r\n");
    assert_eq!(disk.gate().waiting(), 1, "nobody but the save syncs");
    disk.gate().open();
    wait_until("it is synced", || log.positions().synced == log.positions().emitted);
}

/// The latency monitor is told of the disk's slowness by the log's threads.
#[test]
fn slow_syncs_are_events_of_the_latency_monitor() {
    let disk = GatedDisk::over(Arc::new(empty_disk()));
    let settings = [ON, &["--latency-monitor-threshold", "5"]].concat();
    let running = Running::start(Arc::new(disk.clone()), &settings).unwrap();
    disk.gate().close();
    let (_, hold) = running.ask("SET key 1").unwrap();
    wait_until("a sync hangs", || disk.gate().waiting() > 0);
    let begun = clock::monotonic();
    wait_until("it takes its time", || clock::monotonic().since(begun).as_millis() >= 6);
    disk.gate().open();
    let watch = running.shared.lock().watch();
    wait_until("it is synced", || watch.synced() >= hold);
    let latest = running.call("LATENCY LATEST");
    assert!(latest.contains("aof-fsync-always"), "{latest}");
}

/// What a round writes counts while it runs: it ends when the log's tail is full, though nothing of
/// it is there yet.
#[test]
fn a_round_writes_no_more_than_the_tail_takes() {
    const TAIL: usize = 1 << 20;
    const VALUE: usize = 300 << 10;
    for appendonly in ["yes", "no"] {
        let settings =
            ["--save", "", "--appendonly", appendonly, "--log-tail-bytes", &TAIL.to_string()];
        let running = Running::start(Arc::new(empty_disk()), &settings).unwrap();
        let log = running.log();
        let value = vec![b'v'; VALUE];
        let requests = [[b"SET".as_slice(), b"key", &value]; 30];
        let (mut ran, watch) = (0, running.shared.lock().watch());
        while ran < requests.len() {
            wait_until("there is room", || watch.goes_on(ParkedFor::Log));
            let before = log.positions().emitted;
            ran += running.run_many(&requests[ran..]);
            let batch = log.positions().emitted.since(before) as usize;
            assert!(batch <= TAIL + VALUE + 100, "{batch} bytes in one round, after {ran}");
        }
        assert_eq!(running.call("STRLEN key"), format!(":{VALUE}\r\n"));
    }
}

/// While the disk stays as it is the attempts to heal the log become rare; when it has recovered it
/// is healed at once.
#[test]
fn a_disk_that_stays_broken_is_tried_ever_more_rarely() {
    let disk = empty_disk();
    let running = Running::start(Arc::new(disk.clone()), ON).unwrap();
    disk.fail(0, Failure::Error(ENOSPC), true);
    assert_eq!(running.call("SET key 1"), "refused");
    let failures = "aof_rewrites_consecutive_failures";
    for seconds in 0..300 {
        running.let_time_pass(seconds);
        wait_until("no attempt runs", || running.info("aof_rewrite_in_progress") == "0");
    }
    let attempts: u64 = running.info(failures).parse().unwrap();
    assert!((5..=12).contains(&attempts), "{attempts} attempts in five minutes");
    disk.repair();
    wait_until("it is healed in a second", || {
        running.let_time_pass(301);
        running.log().failure().is_none()
    });
    wait_until("no attempt runs", || running.info("aof_rewrite_in_progress") == "0");
    assert_eq!(running.info(failures), "0");
    assert_eq!(running.call("SET key 2"), OK);
    assert_eq!(after_crash(&disk, ON).digest(), running.digest());
}
