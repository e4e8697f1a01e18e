//! Files and clients of the real thing: redis-server 7.0, Valkey 9.1, redis-cli, redis-benchmark,
//! redis-check-*.

use crate::support::{Connection, Kind, Server, encoded, segments, wait_until};
use std::path::Path;
use std::process::{Command, Output};

const OURS: &[&str] = &["--save", "", "--enable-debug-command", "yes"];
const THEIRS: &[&str] = &["--save", "", "--appendonly", "yes", "--enable-debug-command", "yes"];

/// Every type, in its small and its large form, with expiry and with what is pending in a group.
/// Nothing that Redis 7.0 does not have, and no scores that its digest prints with other digits
/// than Valkey's.
fn fill_collections(connection: &mut Connection, round: usize) {
    let many = |command: &str, name: &str, item: &dyn Fn(usize) -> String| {
        let items: Vec<String> = (0..600).map(item).collect();
        format!("{command} {round}:{name}:large {}", items.join(" "))
    };
    let long = "y".repeat(200);
    let mut lines = vec![
        many("RPUSH", "list", &|n| format!("item:{n}:{}", "z".repeat(n % 50))),
        many("SADD", "ints", &|n| (n * 7).to_string()),
        many("SADD", "set", &|n| format!("member:{n}")),
        many("HSET", "hash", &|n| format!("field:{n} value:{n}")),
        many("ZADD", "zset", &|n| format!("{}.25 member:{n}", n * 3)),
        many("PFADD", "hll", &|n| format!("seen:{n}")),
        many("GEOADD", "geo", &|n| format!("{}.5 {}.25 place:{n}", n % 170, n % 80)),
        // Redis caches what it has counted in the string, and logs that; we do not.
        format!("PFCOUNT {round}:hll:large"),
        format!("SETBIT {round}:bits 4000 1"),
        format!("LINSERT {round}:list:large BEFORE item:0: {long}"),
        format!("LREM {round}:list:large 1 item:50:"),
        format!("SPOP {round}:set:large 17"),
        format!("ZADD {round}:zset:large -inf low +inf high"),
        format!("ZREMRANGEBYRANK {round}:zset:large 100 110"),
        format!("EXPIRE {round}:hash:large 1000000"),
        format!("RPUSH {round}:list a 17 -5 {long}"),
        format!("LMOVE {round}:list {round}:moved LEFT RIGHT"),
        format!("SADD {round}:ints 1 -70000 5000000000"),
        format!("SADD {round}:set a b 3"),
        format!("HSET {round}:hash f 1 g {long}"),
        format!("HINCRBYFLOAT {round}:hash f 0.5"),
        format!("ZADD {round}:zset 1 a 2.5 b"),
        format!("ZINCRBY {round}:zset 0.125 b"),
        format!("PEXPIREAT {round}:zset 4000000000000"),
        format!("ZUNIONSTORE {round}:union 2 {round}:zset {round}:zset:large"),
        format!("SDIFFSTORE {round}:diff {round}:set:large {round}:set"),
        format!("SORT {round}:list ALPHA STORE {round}:sorted"),
        format!("COPY {round}:hash {round}:copied"),
    ];
    lines.extend((1..=150).map(|n| format!("XADD {round}:stream {n}-1 n {n} same x")));
    lines.extend([
        format!("XDEL {round}:stream 7-1 9-1"),
        format!("XTRIM {round}:stream MAXLEN 120"),
        format!("XGROUP CREATE {round}:stream g 0"),
        format!("XREADGROUP GROUP g c COUNT 5 STREAMS {round}:stream >"),
        format!("XREADGROUP GROUP g d COUNT 3 STREAMS {round}:stream >"),
        format!("XACK {round}:stream g 31-1 32-1"),
        format!("XCLAIM {round}:stream g d 0 33-1"),
        format!("XGROUP CREATECONSUMER {round}:stream g idle"),
    ]);
    for line in lines {
        let reply = connection.call(&line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
}

/// Strings of every encoding, with and without expiry, in several databases; and all other types.
fn fill(connection: &mut Connection, round: usize) {
    for db in [0, 5, 15] {
        assert_eq!(connection.call(&format!("SELECT {db}")), "+OK\r\n");
        for n in 0..60 {
            let key = format!("{round}:key:{n}");
            let long = format!("{n} abcabcabc ").repeat(n * 7 % 90);
            let at = (4_000_000_000_000_u64 + n as u64).to_string();
            let int = (n as i64 * 1_234_567_891 - 5).to_string();
            let arguments: &[&[u8]] = match n % 4 {
                0 => &[b"SET", key.as_bytes(), int.as_bytes()],
                1 => &[b"SET", key.as_bytes(), long.as_bytes()],
                2 => &[b"SET", key.as_bytes(), b"\x00\xff\r\n#CC:", b"PXAT", at.as_bytes()],
                _ => &[b"APPEND", key.as_bytes(), int.as_bytes()],
            };
            assert!(!connection.try_call(arguments).unwrap().starts_with(b"-"));
        }
        assert_eq!(connection.call(&format!("DEL {round}:key:0 {round}:key:1")), ":2\r\n");
        assert_eq!(connection.call(&format!("RENAME {round}:key:2 {round}:renamed")), "+OK\r\n");
        assert_eq!(connection.call(&format!("PERSIST {round}:key:6")), ":1\r\n");
        assert_eq!(connection.call(&format!("INCRBYFLOAT {round}:key:4 0.5"))[..1], *"$");
        fill_collections(connection, round);
    }
    assert_eq!(connection.call("SELECT 0"), "+OK\r\n");
}

fn digest(server: &Server) -> String {
    let digest = server.connect().call("DEBUG DIGEST");
    assert!(digest.starts_with('+') && !digest.starts_with("+0000"), "{digest}");
    digest
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{program} does not run ({error}): installed?"))
}

fn assert_accepts(program: &str, file: &Path) {
    let output = run(program, &[file.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {}: {text}", file.display());
}

fn manifest(dir: &Path) -> std::path::PathBuf {
    dir.join("appendonlydir/appendonly.aof.manifest")
}

#[test]
fn one_folder_with_redis() {
    one_folder_two_servers(Kind::Redis);
}

#[test]
fn one_folder_with_valkey() {
    one_folder_two_servers(Kind::Valkey);
}

/// There and back: each loads what the other wrote, appends, and is killed or stopped.
fn one_folder_two_servers(peer: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let mut ours = Server::start(Kind::CoolCache, dir.path(), OURS);
    fill(&mut ours.connect(), 1);
    let mut before = digest(&ours);
    assert_eq!(ours.terminate(), Some(0));
    for round in 2..5 {
        assert_accepts("redis-check-aof", &manifest(dir.path()));
        let mut theirs = Server::start(peer, dir.path(), THEIRS);
        assert_eq!(digest(&theirs), before, "round {round}: theirs of ours");
        fill(&mut theirs.connect(), round * 10);
        before = digest(&theirs);
        theirs.connect().request(&[b"SHUTDOWN"]).unwrap();
        theirs.child.wait().unwrap();
        let mut ours = Server::start(Kind::CoolCache, dir.path(), OURS);
        assert_eq!(digest(&ours), before, "round {round}: ours of theirs");
        fill(&mut ours.connect(), round * 10 + 1);
        before = digest(&ours);
        if round == 3 {
            let mut connection = ours.connect();
            assert!(connection.call("BGREWRITEAOF").starts_with("+Background"));
            wait_until("it is done", || connection.info("aof_rewrites") == "1");
        }
        assert_eq!(ours.terminate(), Some(0));
    }
}

#[test]
fn our_folder_after_kill_9_loads_in_redis() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = [OURS, &["--appendfsync", "always", "--log-segment-bytes", "16kb"]].concat();
    let mut ours = Server::start(Kind::CoolCache, dir.path(), &arguments);
    fill(&mut ours.connect(), 1);
    let before = digest(&ours);
    ours.kill();
    assert!(segments(dir.path()).len() > 1, "several segments");
    assert_accepts("redis-check-aof", &manifest(dir.path()));
    let theirs = Server::start(Kind::Redis, dir.path(), THEIRS);
    assert_eq!(digest(&theirs), before);
    drop(theirs);
    let ours = Server::start(Kind::CoolCache, dir.path(), &arguments);
    assert_eq!(digest(&ours), before);
}

#[test]
fn their_folder_loads_here() {
    for preamble in ["yes", "no"] {
        let dir = tempfile::tempdir().unwrap();
        let arguments = [THEIRS, &["--aof-use-rdb-preamble", preamble]].concat();
        let mut theirs = Server::start(Kind::Redis, dir.path(), &arguments);
        let mut connection = theirs.connect();
        fill(&mut connection, 1);
        assert!(connection.call("BGREWRITEAOF").starts_with("+Background"));
        wait_until("it is done", || {
            connection.info("aof_rewrite_in_progress") == "0"
                && connection.info("aof_rewrite_scheduled") == "0"
        });
        fill(&mut connection, 2);
        let before = digest(&theirs);
        connection.request(&[b"SHUTDOWN"]).unwrap();
        theirs.child.wait().unwrap();
        let mut ours = Server::start(Kind::CoolCache, dir.path(), OURS);
        assert_eq!(digest(&ours), before, "preamble {preamble}");
        fill(&mut ours.connect(), 3);
        let after = digest(&ours);
        ours.kill();
        ours.restart();
        assert_eq!(digest(&ours), after, "preamble {preamble}");
    }
}

#[test]
fn rdb_files_both_ways() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plain = ["--save", "", "--enable-debug-command", "yes", "--appendonly", "no"];
    let ours = Server::start(Kind::CoolCache, first.path(), &plain);
    fill(&mut ours.connect(), 1);
    let before = digest(&ours);
    assert_eq!(ours.connect().call("SAVE"), "+OK\r\n");
    let dump = first.path().join("dump.rdb");
    assert_accepts("redis-check-rdb", &dump);
    std::fs::copy(&dump, second.path().join("dump.rdb")).unwrap();
    let theirs = Server::start(Kind::Redis, second.path(), &plain);
    assert_eq!(digest(&theirs), before);
    fill(&mut theirs.connect(), 2);
    let after = digest(&theirs);
    assert_eq!(theirs.connect().call("SAVE"), "+OK\r\n");
    for arguments in [&plain[..], OURS] {
        let third = tempfile::tempdir().unwrap();
        std::fs::copy(second.path().join("dump.rdb"), third.path().join("dump.rdb")).unwrap();
        let mut ours = Server::start(Kind::CoolCache, third.path(), arguments);
        assert_eq!(digest(&ours), after);
        ours.kill_and_restart();
        assert_eq!(digest(&ours), after);
    }
}

/// The log wins over a newer RDB file of another server, which is kept whatever is saved.
#[test]
fn a_newer_file_of_another_server_is_kept() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let theirs = Server::start(Kind::Redis, first.path(), &["--save", ""]);
    assert_eq!(theirs.connect().call("SET from redis"), "+OK\r\n");
    assert_eq!(theirs.connect().call("SAVE"), "+OK\r\n");
    let foreign = std::fs::read(first.path().join("dump.rdb")).unwrap();
    let mut ours = Server::start(Kind::CoolCache, second.path(), OURS);
    let mut connection = ours.connect();
    assert_eq!(connection.call("SET from log"), "+OK\r\n");
    // In the log, or the kill may come first.
    assert_eq!(connection.call("WAITAOF 1 0 0"), "*2\r\n:1\r\n:0\r\n");
    ours.kill();
    let dump = second.path().join("dump.rdb");
    std::fs::write(&dump, &foreign).unwrap();
    let ahead = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    std::fs::File::options().write(true).open(&dump).unwrap().set_modified(ahead).unwrap();
    ours.restart();
    assert_eq!(ours.connect().call("GET from"), "$3\r\nlog\r\n");
    assert_eq!(ours.connect().call("SAVE"), "+OK\r\n");
    assert_ne!(std::fs::read(&dump).unwrap(), foreign);
    let kept = kept(second.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read(&kept[0]).unwrap(), foreign);
}

/// The copies of RDB files that a start has kept.
fn kept(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|e| e == "kept")).collect()
}

/// A newer RDB file of our own is kept if it was saved while there was no log on disk: it holds
/// what the log does not have. One that was saved beside the log is not.
#[test]
fn a_newer_save_is_kept_if_the_log_lacks_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut ours = Server::start(Kind::CoolCache, dir.path(), OURS);
    let ahead = |seconds| {
        let time = std::time::SystemTime::now() + std::time::Duration::from_secs(seconds);
        let dump = std::fs::File::options().write(true).open(dir.path().join("dump.rdb")).unwrap();
        dump.set_modified(time).unwrap();
    };
    // On one connection: WAITAOF waits for what its own has written.
    let mut connection = ours.connect();
    for command in ["SET old 1", "SAVE"] {
        assert_eq!(connection.call(command), "+OK\r\n");
    }
    assert_eq!(connection.call("WAITAOF 1 0 0"), "*2\r\n:1\r\n:0\r\n");
    ahead(60);
    ours.kill_and_restart();
    assert_eq!(kept(dir.path()).len(), 0);
    for command in ["CONFIG SET appendonly no", "SET days 1", "SAVE"] {
        assert_eq!(ours.connect().call(command), "+OK\r\n");
    }
    ahead(120);
    let saved = std::fs::read(dir.path().join("dump.rdb")).unwrap();
    ours.kill_and_restart();
    assert_eq!(ours.connect().call("EXISTS old days"), ":1\r\n");
    let kept = kept(dir.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read(&kept[0]).unwrap(), saved);
}

/// The append-only file of Redis before 7: one file in the data folder.
#[test]
fn a_single_file_of_the_old_form_is_taken_over() {
    let commands: [&[&[u8]]; 7] = [
        &[b"SELECT", b"3"],
        &[b"SET", b"old", b"value"],
        &[b"MULTI"],
        &[b"INCR", b"n"],
        &[b"INCR", b"n"],
        &[b"EXEC"],
        &[b"SET", b"t", b"x", b"PXAT", b"4000000000000"],
    ];
    for preamble in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut file = Vec::new();
        if preamble {
            let other = tempfile::tempdir().unwrap();
            let theirs = Server::start(Kind::Redis, other.path(), &["--save", ""]);
            assert_eq!(theirs.connect().call("SET from preamble"), "+OK\r\n");
            assert_eq!(theirs.connect().call("SAVE"), "+OK\r\n");
            file = std::fs::read(other.path().join("dump.rdb")).unwrap();
        }
        file.extend(commands.map(encoded).concat());
        std::fs::write(dir.path().join("appendonly.aof"), &file).unwrap();
        let mut ours = Server::start(Kind::CoolCache, dir.path(), OURS);
        for _ in 0..2 {
            let mut connection = ours.connect();
            let expected = if preamble { "$8\r\npreamble\r\n" } else { "$-1\r\n" };
            assert_eq!(connection.call("GET from"), expected);
            assert_eq!(connection.call("SELECT 3"), "+OK\r\n");
            assert_eq!(connection.call("GET old"), "$5\r\nvalue\r\n");
            assert_eq!(connection.call("GET n"), "$1\r\n2\r\n");
            assert_eq!(connection.call("PEXPIRETIME t"), ":4000000000000\r\n");
            assert_eq!(connection.call("DBSIZE"), ":3\r\n");
            ours.kill_and_restart();
        }
        assert!(manifest(dir.path()).exists());
    }
}

#[test]
fn redis_cli_works() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Server::start(Kind::CoolCache, dir.path(), OURS);
    let port = ours.port.to_string();
    let ask = |arguments: &[&str]| {
        let output = run("redis-cli", &[&["-p", &port], arguments].concat());
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask(&["SET", "key", "a value"]), "OK\n");
    assert_eq!(ask(&["GET", "key"]), "a value\n");
    assert_eq!(ask(&["-3", "CONFIG", "GET", "appendonly"]), "appendonly yes\n");
    assert_eq!(ask(&["-n", "4", "INCR", "n"]), "1\n");
    assert_eq!(ask(&["--scan"]), "key\n");
    assert!(ask(&["INFO", "server"]).contains("redis_version:"));
    assert!(ask(&["COMMAND", "DOCS", "get"]).contains("summary"));
    let bigkeys = ask(&["--bigkeys"]);
    assert!(!bigkeys.to_lowercase().contains("error"), "{bigkeys}");
}

#[test]
fn redis_benchmark_runs_without_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Server::start(Kind::CoolCache, dir.path(), OURS);
    let port = ours.port.to_string();
    for pipeline in ["1", "16"] {
        let arguments =
            ["-p", &port, "-q", "-n", "10000", "-t", "ping,set,get,incr,mset", "-P", pipeline];
        let output = run("redis-benchmark", &arguments);
        let said = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&said).to_lowercase();
        assert!(output.status.success(), "{text}");
        assert!(!text.contains("error") && !text.contains("warning"), "{text}");
        for name in ["ping_inline", "ping_mbulk", "set", "get", "incr", "mset (10 keys)"] {
            assert!(text.contains(&format!("{name}: ")), "{name}: {text}");
        }
    }
    assert_eq!(ours.connect().call("GET counter:__rand_int__"), "$5\r\n20000\r\n");
}

/// Three ways to the same data: a snapshot at some LSN, all records up to there, and a stock server
/// that loads either; and then a snapshot with the records behind it.
#[test]
fn snapshot_replay_and_a_stock_server_agree() {
    let (whole, based) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let arguments = [OURS, &["--auto-aof-rewrite-percentage", "0"]].concat();
    let mut ours = Server::start(Kind::CoolCache, whole.path(), &arguments);
    let mut connection = ours.connect();
    fill(&mut connection, 1);
    let present = digest(&ours);
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    // The records alone.
    ours.kill_and_restart();
    assert_eq!(digest(&ours), present, "replayed");
    let dump = std::fs::read(whole.path().join("dump.rdb")).unwrap();
    assert_eq!(ours.terminate(), Some(0));
    {
        let theirs = Server::start(Kind::Redis, whole.path(), THEIRS);
        assert_eq!(digest(&theirs), present, "replayed by Redis");
    }
    // The snapshot alone.
    std::fs::write(based.path().join("dump.rdb"), dump).unwrap();
    {
        let plain = ["--save", "", "--enable-debug-command", "yes"];
        let theirs = Server::start(Kind::Redis, based.path(), &plain);
        assert_eq!(digest(&theirs), present, "the snapshot in Redis");
    }
    let mut ours = Server::start(Kind::CoolCache, based.path(), &arguments);
    assert_eq!(digest(&ours), present, "the snapshot");
    // And what comes behind it: first on the base taken over, then on one of the log's own.
    for round in [2, 3] {
        let mut connection = ours.connect();
        fill(&mut connection, round);
        let present = digest(&ours);
        ours.kill_and_restart();
        assert_eq!(digest(&ours), present, "base and records, round {round}");
        assert_eq!(ours.terminate(), Some(0));
        {
            let theirs = Server::start(Kind::Redis, based.path(), THEIRS);
            assert_eq!(digest(&theirs), present, "base and records in Redis, round {round}");
        }
        ours.restart();
        let mut connection = ours.connect();
        assert!(connection.call("BGREWRITEAOF").starts_with("+Background"));
        wait_until("it is done", || connection.info("aof_rewrites") == "1");
        assert_eq!(digest(&ours), present);
    }
}
