//! System calls of the running server that fail or take long (strace), and a disk that is really
//! full: writes are refused with MISCONF, the log heals itself when the cause is gone, and nothing
//! acknowledged under `appendfsync always` is lost by a kill, whenever it comes.
//!
//! The simulated disk (`engine::tests::crash`) fails every operation in turn; this shows that the
//! real one is wired the same.

use crate::broken::{SmallDisk, Tampered};
use crate::support::{Connection, Kind, Server, wait_until};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Clients that write rising numbers, each to a key of its own, until they are stopped or the
/// server is gone.
struct Writers {
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    /// By client: the last number acknowledged.
    acknowledged: Vec<Arc<AtomicU64>>,
    refused: Arc<AtomicU64>,
}

impl Writers {
    const CLIENTS: usize = 3;

    fn begin(port: u16, value_bytes: usize) -> Writers {
        let stop = Arc::<AtomicBool>::default();
        let refused = Arc::<AtomicU64>::default();
        let acknowledged: Vec<Arc<AtomicU64>> =
            (0..Writers::CLIENTS).map(|_| Arc::default()).collect();
        let threads = acknowledged.iter().enumerate().map(|(client, acknowledged)| {
            let connection = Connection::to(port).unwrap();
            let (acknowledged, stop, refused) =
                (acknowledged.clone(), stop.clone(), refused.clone());
            std::thread::spawn(move || {
                write_numbers(connection, client, value_bytes, &acknowledged, &stop, &refused);
            })
        });
        Writers { threads: threads.collect(), stop, acknowledged, refused }
    }

    fn total(&self) -> u64 {
        self.acknowledged.iter().map(|number| number.load(SeqCst)).sum()
    }

    /// Kills the server under load, starts it again, and asserts that nothing is lost.
    fn kill_and_check(self, server: &mut Server) {
        server.kill();
        self.stop.store(true, SeqCst);
        for thread in self.threads {
            thread.join().expect("no reply was a surprise");
        }
        server.restart();
        let mut connection = server.connect();
        for (client, acknowledged) in self.acknowledged.iter().enumerate() {
            let promised = acknowledged.load(SeqCst);
            let found = connection.call(&format!("GETRANGE writer:{client} 0 19"));
            let number = found.lines().nth(1).unwrap_or_default().split(' ').next();
            let number: u64 = number.unwrap_or_default().parse().unwrap_or_default();
            assert!(number >= promised, "client {client}: {promised} acknowledged, {number} there");
        }
        tools_find_nothing_wrong(server);
    }
}

/// What has been healed is intact: `check` says so, and `log cat` comes to the end.
fn tools_find_nothing_wrong(server: &mut Server) {
    // Nothing is being written.
    server.kill();
    for words in [&["check"][..], &["log", "cat", "--from", "start"]] {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_coolcache"));
        let output = tool.args(words).arg(server.dir()).stdout(Stdio::piped()).output().unwrap();
        let [said, found] = [&output.stderr, &output.stdout].map(|text| {
            let text = String::from_utf8_lossy(text);
            text.chars().take(2000).collect::<String>()
        });
        assert!(output.status.success(), "{words:?}: {said}{found}");
    }
}

fn write_numbers(
    mut connection: Connection,
    client: usize,
    value_bytes: usize,
    acknowledged: &AtomicU64,
    stop: &AtomicBool,
    refused: &AtomicU64,
) {
    let key = format!("writer:{client}");
    let filling = "x".repeat(value_bytes);
    let mut number = 0;
    while !stop.load(SeqCst) {
        number += 1;
        let value = format!("{number} {filling}");
        // An error of the connection: the server was killed.
        let Ok(reply) = connection.try_call(&[b"SET", key.as_bytes(), value.as_bytes()]) else {
            return;
        };
        if reply == b"+OK\r\n" {
            acknowledged.store(number, SeqCst);
        } else if reply.starts_with(b"-MISCONF Errors writing to the AOF file") {
            refused.fetch_add(1, SeqCst);
        } else {
            panic!("{}", String::from_utf8_lossy(&reply));
        }
    }
}

const ALWAYS: &[&str] = &["--save", "", "--appendfsync", "always", "--log-segment-bytes", "64kb"];

/// Tampers with a server under load until writes are refused, and for as long as `lasts`; then it
/// must heal, and keep what it has acknowledged.
fn refuses_heals_and_keeps(arguments: &[&str], options: &[&str], value_bytes: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(Kind::CoolCache, dir.path(), arguments);
    let writers = Writers::begin(server.port, value_bytes);
    wait_until("writes are acknowledged", || writers.total() > 50);
    let folder = dir.path().to_str().unwrap();
    let options: Vec<String> = options.iter().map(|text| text.replace("DIR", folder)).collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let tampered = Tampered::attach(server.child.id(), &options);
    wait_until("a write is refused", || writers.refused.load(SeqCst) > 0);
    let before = writers.total();
    let mut reader = server.connect();
    // Reads go on.
    assert_eq!(reader.call("GET nothing"), "$-1\r\n");
    drop(tampered);
    wait_until("it heals", || writers.total() > before + 100);
    wait_until("INFO says so", || reader.info("aof_last_write_status") == "ok");
    writers.kill_and_check(&mut server);
}

#[test]
fn a_failed_sync_under_load() {
    // The n-th of a thread, once; and all of them for a while.
    for when in ["1", "7", "40", "3+"] {
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}");
        refuses_heals_and_keeps(ALWAYS, &["-e", "trace=fsync,fdatasync", "-e", &inject], 10);
    }
}

#[test]
fn a_failed_write_under_load() {
    for error in ["ENOSPC", "EIO"] {
        let inject = format!("inject=write,writev,pwritev,pwritev2:error={error}:when=5+");
        // Of the files of the log only: sockets are written too.
        let large = ["--save", "", "--appendfsync", "always"];
        let options = [
            "-P",
            "DIR/appendonlydir/appendonly.aof.1.incr.aof",
            "-e",
            "trace=write,writev,pwritev,pwritev2",
            "-e",
            &inject,
        ];
        refuses_heals_and_keeps(&large, &options, 10);
    }
}

/// The second rename of a rewrite is the manifest's: whether it took place is not known.
#[test]
fn a_failed_rename_of_base_or_manifest() {
    for when in ["1", "2"] {
        let dir = tempfile::tempdir().unwrap();
        let quiet = ["--save", "", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
        let mut server = Server::start(Kind::CoolCache, dir.path(), &quiet);
        let writers = Writers::begin(server.port, 10);
        wait_until("writes are acknowledged", || writers.total() > 50);
        let inject = format!("inject=rename,renameat,renameat2:error=EIO:when={when}");
        let options = ["-e", "trace=rename,renameat,renameat2", "-e", &inject];
        let tampered = Tampered::attach(server.child.id(), &options);
        let mut control = server.connect();
        assert!(control.call("BGREWRITEAOF").starts_with('+'));
        wait_until("it fails or is healed", || {
            control.info("aof_last_bgrewrite_status") == "err" || writers.refused.load(SeqCst) > 0
        });
        drop(tampered);
        let before = writers.total();
        wait_until("writes go on", || writers.total() > before + 50);
        wait_until("no rewrite runs", || control.info("aof_rewrite_in_progress") == "0");
        assert!(control.call("BGREWRITEAOF").starts_with('+'));
        wait_until("it succeeds", || control.info("aof_last_bgrewrite_status") == "ok");
        writers.kill_and_check(&mut server);
    }
}

/// Space cannot be reserved on this file system (says strace), so the write itself hits the end of
/// the disk: a short write, and then ENOSPC.
#[test]
fn a_disk_that_is_really_full() {
    let disk = SmallDisk::mount("48m");
    let filler = disk.path().join("filler");
    let arguments = ["--save", "", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
    let mut server = Server::start(Kind::CoolCache, disk.path(), &arguments);
    let options = ["-e", "trace=fallocate", "-e", "inject=fallocate:error=EOPNOTSUPP"];
    let tampered = Tampered::attach(server.child.id(), &options);
    let writers = Writers::begin(server.port, 20_000);
    wait_until("writes are acknowledged", || writers.total() > 50);
    // All but what was reserved before.
    fill(&filler, 48 << 20);
    wait_until("a write is refused", || writers.refused.load(SeqCst) > 0);
    let before = writers.total();
    assert_eq!(server.connect().call("GET nothing"), "$-1\r\n");
    std::fs::remove_file(&filler).unwrap();
    wait_until("it heals", || writers.total() > before + 100);
    drop(tampered);
    writers.kill_and_check(&mut server);
    server.kill();
}

/// Retained history that would fill the disk goes before a write is refused.
#[test]
fn history_goes_before_a_full_disk_refuses_writes() {
    let disk = SmallDisk::mount("48m");
    let sizes = ["--log-segment-bytes", "1mb", "--log-retention-bytes", "1gb"];
    let arguments = [&["--save", "", "--auto-aof-rewrite-percentage", "0"][..], &sizes].concat();
    let server = Server::start(Kind::CoolCache, disk.path(), &arguments);
    let mut connection = server.connect();
    let window = |connection: &mut Connection| {
        let info = connection.call("LOG INFO");
        let start = info.lines().skip_while(|line| *line != "window-start").nth(1);
        start.unwrap().trim_start_matches(':').parse::<u64>().unwrap()
    };
    let value = vec![b'x'; 1 << 20];
    // Twice the disk.
    for round in 0..12 {
        for n in 0..8 {
            let key = format!("key:{}", n % 2);
            let reply = connection.try_call(&[b"SET", key.as_bytes(), &value]).unwrap();
            assert_eq!(reply, b"+OK\r\n", "{round} {n}: {}", reply.escape_ascii());
        }
        assert!(connection.call("BGREWRITEAOF").starts_with('+'));
        wait_until("it has a new base", || connection.info("aof_rewrite_in_progress") == "0");
        assert_eq!(connection.info("aof_last_bgrewrite_status"), "ok");
    }
    assert!(window(&mut connection) > 0, "and as much as there is room for was kept before");
    assert_eq!(connection.info("aof_last_write_status"), "ok");
}

/// Takes so much space, or what there is.
fn fill(path: &Path, bytes: usize) {
    // A part of it may be refused: then the disk is full, too.
    let _full = std::fs::write(path, vec![0; bytes]);
}

/// A sync that takes seconds keeps nobody waiting under `everysec`.
#[test]
fn a_slow_sync_under_everysec() {
    // Longer than the two seconds from which INFO counts it.
    const DELAY: Duration = Duration::from_millis(2500);
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Kind::CoolCache, dir.path(), &["--save", ""]);
    let inject = format!("inject=fsync,fdatasync:delay_enter={}", DELAY.as_micros());
    let options = ["-e", "trace=fsync,fdatasync", "-e", &inject];
    let slow = Tampered::attach(server.child.id(), &options);
    let (mut writer, mut longest, mut count) = (server.connect(), Duration::ZERO, 0);
    let begun = Instant::now();
    // Two syncs at least fall into this time.
    while begun.elapsed() < 2 * DELAY + Duration::from_secs(2) {
        let asked = Instant::now();
        assert_eq!(writer.call(&format!("SET key {count}")), "+OK\r\n");
        longest = longest.max(asked.elapsed());
        count += 1;
    }
    drop(slow);
    assert!(longest < DELAY, "a command took {longest:?}, as long as a sync");
    assert!(count > 1000, "{count} commands");
    assert_ne!(writer.info("aof_delayed_fsync"), "0", "{count} commands, the longest {longest:?}");
}

/// A sync that hangs for longer ends that nothing waits: what was answered is not to be lost, so
/// writes wait until it is over, and only they.
#[test]
fn a_sync_that_hangs_under_everysec_holds_writes() {
    // What has waited for a sync for five seconds ends writing; this sync takes eleven.
    const DELAY: Duration = Duration::from_secs(11);
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Kind::CoolCache, dir.path(), &["--save", ""]);
    let (mut writer, mut reader) = (server.connect(), server.connect());
    let delay = format!("delay_enter={}:when=1", DELAY.as_micros());
    let slow = Tampered::syncs(server.child.id(), &delay);
    writer.stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let (begun, mut count) = (Instant::now(), 0);
    let held_after = loop {
        count += 1;
        writer.request(&[b"INCR", b"key"]).unwrap();
        match writer.try_receive() {
            Ok(reply) => assert_eq!(reply, format!(":{count}\r\n").as_bytes()),
            Err(_no_reply_in_time) => break begun.elapsed(),
        }
        assert!(begun.elapsed() < DELAY, "writes go on whatever is not synced");
    };
    assert_ne!(reader.info("aof_delayed_fsync"), "0", "it counts while it runs");
    assert_eq!(
        reader.call("GET key"),
        format!("${}\r\n{}\r\n", (count - 1).to_string().len(), count - 1)
    );
    assert!(held_after > Duration::from_secs(5), "held after {held_after:?}");
    // And then everything goes on.
    writer.stream.set_read_timeout(Some(2 * DELAY)).unwrap();
    assert_eq!(writer.try_receive().unwrap(), format!(":{count}\r\n").as_bytes());
    writer.stream.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
    assert_eq!(writer.call("INCR key"), format!(":{}\r\n", count + 1));
    drop(slow);
    assert_eq!(reader.info("aof_delayed_fsync"), "1");
}
