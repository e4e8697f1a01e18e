//! Saves, restarts, rewrites, and disks that fail.

use crate::broken::SmallDisk;
use crate::support::{
    Connection, DEADLINE, Kind, Server, coolcache, encoded, has, log_bytes, segments, wait_until,
};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Some keys of every kind in three databases.
fn fill(connection: &mut Connection, keys: usize) {
    for db in [0, 3, 15] {
        assert_eq!(connection.call(&format!("SELECT {db}")), "+OK\r\n");
        for n in 0..keys {
            connection
                .request(&[b"SET", format!("key:{n}").as_bytes(), &vec![b'v'; n % 300]])
                .unwrap();
            connection
                .request(&[b"SET", format!("int:{n}").as_bytes(), n.to_string().as_bytes()])
                .unwrap();
            let at = (4_000_000_000_000 + n).to_string();
            let key = format!("expiring:{n}");
            connection.request(&[b"SET", key.as_bytes(), b"x", b"PXAT", at.as_bytes()]).unwrap();
        }
        for _ in 0..3 * keys {
            assert_eq!(connection.try_receive().unwrap(), b"+OK\r\n");
        }
    }
    assert_eq!(connection.call("SELECT 0"), "+OK\r\n");
}

fn digest(connection: &mut Connection) -> String {
    connection.call("DEBUG DIGEST")
}

#[test]
fn save_bgsave_and_what_info_says() {
    let (dir, server) = coolcache(&["--appendonly", "no"]);
    let mut connection = server.connect();
    fill(&mut connection, 100);
    assert_eq!(connection.info("rdb_changes_since_last_save"), "900");
    let started: i64 = connection.call("LASTSAVE")[1..].trim().parse().unwrap();
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    assert_eq!(connection.info("rdb_changes_since_last_save"), "0");
    assert_eq!(connection.info("rdb_last_bgsave_status"), "ok");
    assert_eq!(connection.info("rdb_saves"), "1");
    assert!(connection.call("LASTSAVE")[1..].trim().parse::<i64>().unwrap() >= started);
    let first = std::fs::read(dir.path().join("dump.rdb")).unwrap();
    assert_eq!(connection.call("SET more 1"), "+OK\r\n");
    assert_eq!(connection.call("BGSAVE"), "+Background saving started\r\n");
    wait_until("it is saved", || connection.info("rdb_saves") == "2");
    assert_eq!(connection.info("rdb_bgsave_in_progress"), "0");
    assert_ne!(std::fs::read(dir.path().join("dump.rdb")).unwrap(), first);
    let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let temporary = names.filter(|name| name.to_string_lossy().starts_with("temp")).count();
    assert_eq!(temporary, 0, "no unfinished file stays");
}

/// A snapshot is of one moment: pairs that are always equal at any moment are equal in it.
#[test]
fn bgsave_while_writing_is_of_one_moment() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    let (dir, mut server) = coolcache(&["--appendonly", "no"]);
    let mut connection = server.connect();
    fill(&mut connection, 3000);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = server.connect();
            for n in (0_u64..).take_while(|_| !stop.load(Relaxed)) {
                let value = n.to_string();
                let pair = n % 500;
                let (left, right) = (format!("left:{pair}"), format!("right:{pair}"));
                let arguments =
                    [left.as_bytes(), value.as_bytes(), right.as_bytes(), value.as_bytes()];
                let request = [&[b"MSET" as &[u8]], &arguments[..]].concat();
                assert_eq!(writer.try_call(&request).unwrap(), b"+OK\r\n");
            }
        });
        for saves in 1..=3 {
            assert_eq!(connection.call("BGSAVE"), "+Background saving started\r\n");
            wait_until("it is saved", || connection.info("rdb_saves") == saves.to_string());
        }
        stop.store(true, Relaxed);
    });
    assert!(connection.info("rdb_changes_since_last_save").parse::<u64>().is_ok());
    // Killed: what is there is the last file.
    server.kill_and_restart();
    let mut connection = server.connect();
    for pair in 0..500 {
        let left = connection.call(&format!("GET left:{pair}"));
        assert_eq!(left, connection.call(&format!("GET right:{pair}")));
    }
    assert_eq!(connection.call("GET int:2999"), "$4\r\n2999\r\n");
    assert!(dir.path().join("dump.rdb").exists());
}

#[test]
fn save_points_save_by_themselves() {
    let (dir, server) = coolcache(&["--appendonly", "no"]);
    let mut connection = server.connect();
    assert_eq!(connection.try_call(&[b"CONFIG", b"SET", b"save", b"1 5"]).unwrap(), b"+OK\r\n");
    for n in 0..4 {
        assert_eq!(connection.call(&format!("SET key:{n} x")), "+OK\r\n");
    }
    assert_eq!(connection.info("rdb_saves"), "0");
    assert_eq!(connection.call("SET key:4 x"), "+OK\r\n");
    wait_until("it saves", || connection.info("rdb_saves") == "1");
    assert!(dir.path().join("dump.rdb").exists());
    assert_eq!(connection.info("rdb_changes_since_last_save"), "0");
}

#[test]
fn a_save_that_is_overtaken_by_another_does_not_undo_it() {
    let (_dir, mut server) = coolcache(&["--appendonly", "no"]);
    let mut connection = server.connect();
    fill(&mut connection, 3000);
    assert_eq!(connection.call("BGSAVE"), "+Background saving started\r\n");
    assert_eq!(connection.call("SET last one"), "+OK\r\n");
    let before = digest(&mut connection);
    assert_eq!(connection.call("DEBUG RELOAD"), "+OK\r\n");
    assert_eq!(digest(&mut connection), before);
    wait_until("no save runs", || connection.info("rdb_bgsave_in_progress") == "0");
    assert_eq!(connection.call("BGSAVE"), "+Background saving started\r\n");
    assert_eq!(connection.call("SET last two"), "+OK\r\n");
    connection.request(&[b"SHUTDOWN", b"SAVE"]).unwrap();
    assert_eq!(connection.receive_to_end(), b"");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    server.restart();
    assert_eq!(server.connect().call("GET last"), "$3\r\ntwo\r\n");
}

#[test]
fn everything_is_there_after_sigterm() {
    for (appendonly, save) in [("yes", ""), ("no", "3600 1"), ("yes", "3600 1")] {
        let dir = tempfile::tempdir().unwrap();
        let arguments =
            ["--appendonly", appendonly, "--save", save, "--enable-debug-command", "yes"];
        let mut server = Server::start(Kind::CoolCache, dir.path(), &arguments);
        let mut connection = server.connect();
        fill(&mut connection, 200);
        let before = digest(&mut connection);
        assert_eq!(server.terminate(), Some(0), "{}", server.log());
        assert_eq!(dir.path().join("dump.rdb").exists(), !save.is_empty());
        server.restart();
        let mut connection = server.connect();
        assert_eq!(digest(&mut connection), before, "appendonly {appendonly}, save {save:?}");
    }
}

#[test]
fn shutdown_saves_as_it_is_told() {
    for (words, saved) in [("SHUTDOWN NOSAVE", false), ("SHUTDOWN SAVE", true)] {
        let (dir, mut server) = coolcache(&["--appendonly", "no"]);
        let mut connection = server.connect();
        assert_eq!(connection.call("SET key value"), "+OK\r\n");
        connection.send(format!("{words}\r\n").as_bytes());
        assert_eq!(connection.receive_to_end(), b"");
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
        assert_eq!(dir.path().join("dump.rdb").exists(), saved);
        server.restart();
        let expected = if saved { "$5\r\nvalue\r\n" } else { "$-1\r\n" };
        assert_eq!(server.connect().call("GET key"), expected);
    }
}

/// With the log, NOSAVE loses nothing either.
#[test]
fn shutdown_nosave_with_the_log() {
    let (_dir, mut server) = coolcache(&[]);
    let mut connection = server.connect();
    fill(&mut connection, 100);
    let before = digest(&mut connection);
    connection.send(b"SHUTDOWN NOSAVE\r\n");
    assert_eq!(connection.receive_to_end(), b"");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    server.restart();
    assert_eq!(digest(&mut server.connect()), before);
}

#[test]
fn bgrewriteaof_while_writing() {
    let (dir, mut server) =
        coolcache(&["--log-segment-bytes", "64kb", "--log-retention-bytes", "64kb"]);
    let mut connection = server.connect();
    for round in 1..=3 {
        fill(&mut connection, 300);
        let started = "+Background append only file rewriting started\r\n";
        assert_eq!(connection.call("BGREWRITEAOF"), started);
        fill(&mut connection, 100 * round);
        wait_until("it is done", || connection.info("aof_rewrites") == round.to_string());
        assert_eq!(connection.info("aof_last_bgrewrite_status"), "ok");
    }
    let before = digest(&mut connection);
    assert_eq!(connection.call("DEBUG LOADAOF"), "+OK\r\n");
    assert_eq!(digest(&mut connection), before);
    server.kill_and_restart();
    assert_eq!(digest(&mut server.connect()), before);
    let names = std::fs::read_dir(dir.path().join("appendonlydir")).unwrap();
    let bases = names
        .filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().ends_with(".base.rdb"));
    assert_eq!(bases.count(), 1, "earlier bases are gone");
    assert!(!segments(dir.path()).is_empty());
}

#[test]
fn reloads_keep_the_digest() {
    let (_dir, mut server) = coolcache(&[]);
    let mut connection = server.connect();
    fill(&mut connection, 300);
    let before = digest(&mut connection);
    for line in ["DEBUG RELOAD", "DEBUG LOADAOF", "DEBUG RELOAD NOSAVE", "DEBUG LOADAOF"] {
        assert_eq!(connection.call(line), "+OK\r\n", "{line}");
        assert_eq!(digest(&mut connection), before, "{line}");
    }
    assert_eq!(connection.call("SET after reload"), "+OK\r\n");
    let after = digest(&mut connection);
    assert_ne!(after, before);
    assert_eq!(server.terminate(), Some(0));
    server.restart();
    assert_eq!(digest(&mut server.connect()), after);
}

/// Whether the log has files, complete with a base.
fn is_on_disk(connection: &mut Connection) -> bool {
    connection.info("aof_current_size") != "0" && connection.info("aof_rewrite_in_progress") == "0"
}

/// Switched on and off under load: everything is there, whenever it is killed.
#[test]
fn appendonly_is_switched_while_it_runs() {
    let (dir, mut server) = coolcache(&["--appendonly", "no", "--appendfsync", "always"]);
    let mut connection = server.connect();
    fill(&mut connection, 300);
    let id = connection.info("master_replid");
    for round in 0..3 {
        let before: u64 = connection.info("master_repl_offset").parse().unwrap();
        assert_eq!(connection.call("CONFIG SET appendonly yes"), "+OK\r\n");
        fill(&mut connection, 50 + round);
        wait_until("it is on disk", || is_on_disk(&mut connection));
        assert_eq!(connection.call("SET round on"), "+OK\r\n");
        assert!(has(&log_bytes(dir.path()), &encoded(&[b"SET", b"round", b"on"])));
        assert_eq!(connection.info("aof_enabled"), "1");
        assert!(connection.info("master_repl_offset").parse::<u64>().unwrap() > before);
        assert_eq!(connection.info("master_replid"), id);
        let digest_before = digest(&mut connection);
        assert_eq!(connection.call("DEBUG LOADAOF"), "+OK\r\n");
        assert_eq!(digest(&mut connection), digest_before);
        if round < 2 {
            assert_eq!(connection.call("CONFIG SET appendonly no"), "+OK\r\n");
            assert_eq!(connection.info("aof_enabled"), "0");
            let refused = connection.call("BGREWRITEAOF");
            assert!(refused.starts_with("-ERR the log is not on disk"), "{refused}");
            assert_eq!(connection.call("SET round off"), "+OK\r\n");
            assert!(!has(&log_bytes(dir.path()), &encoded(&[b"SET", b"round", b"off"])));
        }
    }
    let before = digest(&mut connection);
    server.kill();
    let arguments = ["--save", "", "--enable-debug-command", "yes"];
    let again = Server::start(Kind::CoolCache, dir.path(), &arguments);
    assert_eq!(digest(&mut again.connect()), before);
}

#[test]
fn the_latency_monitor_shows_what_was_slow() {
    let (_dir, server) = coolcache(&["--latency-monitor-threshold", "20"]);
    let mut connection = server.connect();
    assert_eq!(connection.call("SET key value"), "+OK\r\n");
    assert_eq!(connection.call("DEBUG SLEEP 0.03"), "+OK\r\n");
    let latest = connection.call("LATENCY LATEST");
    assert!(latest.contains("$7\r\ncommand\r\n"), "{latest}");
    assert!(connection.call("LATENCY HISTORY command").starts_with("*1\r\n*2\r\n:"));
    assert!(connection.call("LATENCY GRAPH command").contains("command - high "));
    assert!(connection.call("LATENCY DOCTOR").contains("command: 1 latency spikes"));
    let histogram = connection.call("LATENCY HISTOGRAM debug set");
    assert!(histogram.contains("$5\r\ndebug\r\n*4\r\n$5\r\ncalls\r\n:1\r\n"), "{histogram}");
    // One bucket, which takes what lasted 30 ms or, on a machine under load, longer.
    let buckets = histogram.split("histogram_usec\r\n*2\r\n:").nth(1).unwrap();
    let end: u64 = buckets.split("\r\n").next().unwrap().parse().unwrap();
    assert!(end >= 30_000 && buckets.contains("\r\n:1\r\n"), "{histogram}");
    let of_sleep = connection.info("cmdstat_debug");
    let microseconds = of_sleep.split(',').find_map(|field| field.strip_prefix("usec=")).unwrap();
    assert!(microseconds.parse::<u64>().unwrap() >= 30_000, "{of_sleep}");
    assert!(connection.info("latency_percentiles_usec_debug").starts_with("p50="));
    assert_ne!(connection.call("LATENCY RESET"), ":0\r\n");
    assert_eq!(connection.call("LATENCY HISTORY command"), "*0\r\n");
}

#[test]
fn the_log_level_follows_config_set() {
    let (_dir, server) = coolcache(&["--loglevel", "warning"]);
    let mut connection = server.connect();
    assert!(!server.log().contains("Ready to accept connections"));
    for (level, is_said) in [("notice", true), ("nothing", false), ("verbose", true)] {
        assert_eq!(connection.call(&format!("CONFIG SET loglevel {level}")), "+OK\r\n");
        let before = server.log().matches("DB saved on disk").count();
        assert_eq!(connection.call("SAVE"), "+OK\r\n");
        let after = server.log().matches("DB saved on disk").count();
        assert_eq!(after > before, is_said, "{level}");
    }
}

/// A folder that cannot be used, here one whose place a file has.
#[test]
fn a_save_that_fails_says_so_and_stops_writes_if_configured() {
    let (dir, server) = coolcache(&["--appendonly", "no"]);
    let mut connection = server.connect();
    assert_eq!(connection.call("SET key value"), "+OK\r\n");
    // Not even root can put a file where a folder is.
    std::fs::create_dir_all(dir.path().join("dump.rdb/occupied")).unwrap();
    assert_eq!(connection.call("SAVE"), "-ERR\r\n");
    assert_eq!(connection.info("rdb_last_bgsave_status"), "err");
    // Without save points a failed save stops nobody.
    assert_eq!(connection.call("SET key other"), "+OK\r\n");
    assert_eq!(connection.try_call(&[b"CONFIG", b"SET", b"save", b"3600 1"]).unwrap(), b"+OK\r\n");
    let refused = connection.call("SET key third");
    assert!(refused.starts_with("-MISCONF Redis is configured to save RDB snapshots"), "{refused}");
    assert_eq!(connection.call("GET key"), "$5\r\nother\r\n");
    assert_eq!(connection.call("CONFIG SET stop-writes-on-bgsave-error no"), "+OK\r\n");
    assert_eq!(connection.call("SET key third"), "+OK\r\n");
    assert_eq!(connection.call("CONFIG SET stop-writes-on-bgsave-error yes"), "+OK\r\n");
    assert!(connection.call("SET key fourth").starts_with("-MISCONF"));
    let failed = connection.call("SHUTDOWN SAVE");
    assert_eq!(failed, "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    std::fs::remove_dir_all(dir.path().join("dump.rdb")).unwrap();
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    assert_eq!(connection.call("SET key fourth"), "+OK\r\n");
}

#[test]
fn a_folder_that_cannot_be_opened_is_refused_at_start() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("appendonlydir"), "not a folder").unwrap();
    let mut refused = Command::new(env!("CARGO_BIN_EXE_coolcache"));
    refused.arg("--dir").arg(dir.path()).args(["--port", "0"]);
    let output = refused.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("appendonlydir"), "{text}");
}

/// Writes a file until the disk is full.
fn fill_up(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for piece in [1 << 16, 512] {
        let full = std::iter::repeat_with(|| file.write_all(&vec![0; piece])).find_map(Result::err);
        assert_eq!(full.unwrap().kind(), std::io::ErrorKind::StorageFull);
    }
}

#[test]
fn a_full_disk_refuses_writes_and_heals() {
    let disk = SmallDisk::mount("64m");
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0; 30 << 20]).unwrap();
    let arguments = [
        "--save",
        "",
        "--appendfsync",
        "always",
        "--log-segment-bytes",
        "1mb",
        "--auto-aof-rewrite-percentage",
        "0",
        "--log-retention-bytes",
        "64mb",
    ];
    let mut server = Server::start(Kind::CoolCache, disk.path(), &arguments);
    let (mut connection, mut reader) = (server.connect(), server.connect());
    let value = vec![b'x'; 20_000];
    let mut acknowledged = 0;
    let begun = std::time::Instant::now();
    // The same few keys, so that a snapshot is small.
    let refusal = loop {
        assert!(begun.elapsed() < DEADLINE, "the disk does not fill up");
        let key = format!("key:{}", acknowledged % 20);
        let text = format!("{acknowledged} ");
        let reply =
            connection.try_call(&[b"SET", key.as_bytes(), &[text.as_bytes(), &value].concat()]);
        match reply.unwrap().as_slice() {
            b"+OK\r\n" => acknowledged += 1,
            other => break String::from_utf8_lossy(other).into_owned(),
        }
    };
    assert!(refusal.starts_with("-MISCONF Errors writing to the AOF file"), "{refusal}");
    assert!(acknowledged > 20, "{acknowledged}");
    assert!(reader.call("SET other x").starts_with("-MISCONF"));
    assert!(reader.call("STRLEN key:1").starts_with(":2000"));
    // As in Redis: whoever looks after servers is to see it.
    assert!(
        reader.call("PING").starts_with("-MISCONF Errors writing to the AOF file: No space left")
    );
    assert_eq!(reader.info("aof_last_write_status"), "err");
    // Without the log there is nothing that could be refused; with it again, there is no place for
    // it.
    assert_eq!(reader.call("CONFIG SET appendonly no"), "+OK\r\n");
    assert_eq!(reader.call("SET memory only"), "+OK\r\n");
    assert_eq!(reader.call("PING"), "+PONG\r\n");
    let more = disk.path().join("more");
    fill_up(&more);
    assert_eq!(reader.call("CONFIG SET appendonly yes"), "+OK\r\n");
    assert_eq!(reader.call("SET memory too"), "+OK\r\n");
    wait_until("no base can be written", || reader.info("aof_last_bgrewrite_status") == "err");
    wait_until("a save begins", || reader.call("BGSAVE").starts_with("+Background saving"));
    wait_until("it fails", || reader.info("rdb_last_bgsave_status") == "err");
    assert_eq!(
        (reader.info("aof_enabled").as_str(), reader.info("aof_current_size").as_str()),
        ("1", "0")
    );
    std::fs::remove_file(&more).unwrap();
    std::fs::remove_file(&filler).unwrap();
    wait_until("it heals", || {
        is_on_disk(&mut reader) && reader.call("SET healed yes") == "+OK\r\n"
    });
    assert_eq!(reader.info("aof_last_write_status"), "ok");
    server.kill_and_restart();
    let mut connection = server.connect();
    assert_eq!(connection.call("GET healed"), "$3\r\nyes\r\n");
    for n in acknowledged - 20..acknowledged {
        let found = connection.call(&format!("GETRANGE key:{} 0 9", n % 20));
        let number = found.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
        let number: u64 = number.parse().unwrap();
        // The refused one may be there too.
        assert!(number == n || number == acknowledged, "key:{}: {number}, not {n}", n % 20);
    }
    server.kill();
}

#[test]
fn a_reload_of_a_damaged_file_changes_nothing() {
    let (dir, server) = coolcache(&[]);
    let mut connection = server.connect();
    fill(&mut connection, 300);
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    let before = digest(&mut connection);
    let dump = dir.path().join("dump.rdb");
    let mut bytes = std::fs::read(&dump).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&dump, bytes).unwrap();
    for line in ["DEBUG RELOAD NOSAVE", "DEBUG RELOAD NOSAVE NOFLUSH"] {
        assert!(connection.call(line).starts_with("-ERR"), "{line}");
        assert_eq!(digest(&mut connection), before, "{line}");
    }
    std::fs::remove_file(&dump).unwrap();
    assert!(connection.call("DEBUG RELOAD NOSAVE").starts_with("-ERR"));
    std::fs::rename(dir.path().join("appendonlydir"), dir.path().join("elsewhere")).unwrap();
    assert!(connection.call("DEBUG LOADAOF").starts_with("-ERR"));
    assert_eq!(digest(&mut connection), before);
    std::fs::rename(dir.path().join("elsewhere"), dir.path().join("appendonlydir")).unwrap();
    assert_eq!(connection.call("DEBUG LOADAOF"), "+OK\r\n");
    assert_eq!(digest(&mut connection), before);
}

#[test]
fn changes_are_counted_once_however_saves_overlap() {
    let (_dir, server) = coolcache(&["--appendonly", "no"]);
    let mut connection = server.connect();
    fill(&mut connection, 100);
    connection.send(b"BGSAVE\r\nSET one more\r\nDEBUG RELOAD\r\nSET two more\r\n");
    for _ in 0..4 {
        assert_eq!(connection.try_receive().unwrap().first(), Some(&b'+'));
    }
    wait_until("no save runs", || connection.info("rdb_bgsave_in_progress") == "0");
    assert_eq!(connection.info("rdb_changes_since_last_save"), "1");
}

#[test]
fn rewrites_that_are_asked_for_while_one_runs_follow_it() {
    let (_dir, mut server) = coolcache(&[]);
    let mut connection = server.connect();
    fill(&mut connection, 2000);
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    let mut requests = b"BGREWRITEAOF\r\n".to_vec();
    requests.extend(b"DEBUG RELOAD NOSAVE\r\n".repeat(5));
    requests.extend(b"BGSAVE SCHEDULE\r\n");
    connection.send(&requests);
    for _ in 0..7 {
        assert_eq!(connection.try_receive().unwrap().first(), Some(&b'+'));
    }
    let before = digest(&mut connection);
    wait_until("none runs", || connection.info("aof_rewrite_in_progress") == "0");
    assert_eq!(connection.info("aof_last_bgrewrite_status"), "ok");
    server.kill_and_restart();
    assert_eq!(digest(&mut server.connect()), before);
}

/// A file that the log knows nothing of comes in by records: a crash at any later moment finds what
/// was served, and whoever follows the log goes the same way.
#[test]
fn a_reload_of_another_file_goes_through_the_log() {
    let (_dir, mut server) = coolcache(&["--appendfsync", "always"]);
    let mut connection = server.connect();
    fill(&mut connection, 300);
    for line in ["SET count 1", "RPUSH list a", "SADD set x y", "EXPIRE set 990", "SAVE"] {
        assert!(!connection.call(line).starts_with('-'), "{line}");
    }
    for line in ["SET count 100", "RPUSH list b", "SELECT 9", "SET only later", "SELECT 0"] {
        assert!(!connection.call(line).starts_with('-'), "{line}");
    }
    let base = connection.info("aof_base_size");
    assert_eq!(connection.call("DEBUG RELOAD NOSAVE NOFLUSH MERGE"), "+OK\r\n");
    assert_eq!(connection.call("GET count"), "$1\r\n1\r\n");
    assert_eq!(connection.info("db9"), "keys=1,expires=0,keys_with_volatile_items=0");
    assert_eq!(connection.call("SET count 100"), "+OK\r\n");
    assert_eq!(connection.call("DEBUG RELOAD NOSAVE"), "+OK\r\n");
    assert_eq!(connection.call("INCR count"), ":2\r\n");
    assert_eq!(connection.call("RPUSH list z"), ":2\r\n");
    let before = digest(&mut connection);
    server.kill_and_restart();
    let mut connection = server.connect();
    assert_eq!(digest(&mut connection), before);
    assert_eq!(connection.call("LRANGE list 0 -1"), "*2\r\n$1\r\na\r\n$1\r\nz\r\n");
    assert_eq!(connection.call("TTL set")[..2], *":9");
    assert_eq!(connection.info("db9"), "");
    assert_eq!(connection.info("aof_base_size"), base);
}

#[test]
fn unfinished_files_of_a_crash_are_removed_at_the_start() {
    let (dir, mut server) = coolcache(&[]);
    server.kill();
    let (ours, other) = (dir.path().join("temp-123-4.rdb"), dir.path().join("temp-123.rdb"));
    std::fs::write(&ours, b"REDIS").unwrap();
    std::fs::write(&other, b"REDIS").unwrap();
    server.restart();
    assert_eq!(server.connect().call("PING"), "+PONG\r\n");
    assert!(!ours.exists() && other.exists());
}

/// A start that cannot serve has touched no data.
#[test]
fn a_port_in_use_leaves_no_trace() {
    let (_dir, server) = coolcache(&[]);
    let empty = tempfile::tempdir().unwrap();
    let port = server.port.to_string();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_coolcache"))
        .args(["--port", &port, "--dir", empty.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Could not create server TCP listening socket"), "{said}");
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn a_data_folder_belongs_to_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Server::start(Kind::CoolCache, dir.path(), &[]);
    assert!(Server::try_start(Kind::CoolCache, dir.path(), &[]).is_none());
    assert!(first.log().contains("is in use or cannot be locked"));
    // A killed server does not keep it.
    first.kill_and_restart();
    assert_eq!(first.connect().call("PING"), "+PONG\r\n");
}
