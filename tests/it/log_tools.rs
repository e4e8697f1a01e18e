//! LOG READ, LOG INFO, LOG DIGEST, and the tools around the log's files.

use crate::support::{Connection, DEADLINE, Kind, Server, coolcache, segments, wait_until};
use coolcache::resp::{Decoded, OwnedReply, decode};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A reply, decoded.
fn ask(connection: &mut Connection, line: &str) -> OwnedReply {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    value(&connection.try_call(&words).unwrap())
}

fn value(bytes: &[u8]) -> OwnedReply {
    match decode(bytes, 32) {
        Decoded::Value { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

fn field(reply: &OwnedReply, name: &str) -> OwnedReply {
    let OwnedReply::Array(all) = reply else { panic!("{reply:?}") };
    let pair = all.chunks(2).find(|pair| pair[0] == OwnedReply::Bulk(name.as_bytes().to_vec()));
    pair.unwrap_or_else(|| panic!("no {name} in {reply:?}"))[1].clone()
}

fn int(reply: &OwnedReply) -> u64 {
    let OwnedReply::Int(number) = reply else { panic!("{reply:?}") };
    (*number).try_into().unwrap()
}

fn lsn(reply: &OwnedReply, name: &str) -> u64 {
    int(&field(reply, name))
}

/// A record: LSN, database, words.
type Entry = (u64, u64, Vec<Vec<u8>>);

fn entries(reply: &OwnedReply) -> Vec<Entry> {
    let OwnedReply::Array(records) = field(reply, "records") else { panic!("{reply:?}") };
    let entry = |record: &OwnedReply| {
        let OwnedReply::Array(parts) = record else { panic!("{record:?}") };
        let [lsn, seconds, database, OwnedReply::Array(words)] = parts.as_slice() else {
            panic!("{record:?}")
        };
        assert!(int(seconds) > 1_700_000_000, "{record:?}");
        let word = |word: &OwnedReply| match word {
            OwnedReply::Bulk(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        };
        (int(lsn), int(database), words.iter().map(word).collect())
    };
    records.iter().map(entry).collect()
}

/// All records from an LSN to the present end, a few at a time.
fn read_all(connection: &mut Connection, from: u64, count: usize) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut next = from;
    loop {
        let reply = ask(connection, &format!("LOG READ {next} COUNT {count}"));
        all.extend(entries(&reply));
        next = lsn(&reply, "next");
        if next >= lsn(&reply, "end") {
            return all;
        }
    }
}

/// What the log says it holds now, once all that is emitted is written.
fn end(connection: &mut Connection) -> u64 {
    let mut end = 0;
    wait_until("all is written", || {
        let info = ask(connection, "LOG INFO");
        end = lsn(&info, "window-end");
        end == lsn(&info, "emitted")
    });
    end
}

/// Runs records in a server.
fn replay(records: &[Entry], connection: &mut Connection) {
    let mut database = u64::MAX;
    for (_, db, words) in records {
        if words[0].eq_ignore_ascii_case(b"MULTI") || words[0].eq_ignore_ascii_case(b"EXEC") {
            continue;
        }
        if *db != database {
            assert_eq!(connection.call(&format!("SELECT {db}")), "+OK\r\n");
            database = *db;
        }
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let reply = connection.try_call(&words).unwrap();
        assert_ne!(reply[0], b'-', "{words:?}: {}", String::from_utf8_lossy(&reply));
    }
}

fn write_some(connection: &mut Connection, round: u64) {
    for n in 0..40 {
        let key = format!("key:{}", (n * 7 + round) % 30);
        for line in [
            format!("SELECT {}", n % 3),
            format!("SET {key} {round}-{n}"),
            format!("RPUSH list:{key} a b {n}"),
            format!("MSET user:{n} {round} user:x{n} {round}"),
            format!("INCRBYFLOAT float:{n} 0.5"),
            format!("EXPIRE {key} 100000"),
            format!("SPOP set:{n}"),
            format!("SADD set:{n} a b c"),
        ] {
            let reply = connection.call(&line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
        }
    }
    assert_eq!(connection.call("SELECT 0"), "+OK\r\n");
}

fn tool(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coolcache")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    let (out, errors) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(errors))
}

fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", text(output));
}

const SMALL: &[&str] = &["--log-segment-bytes", "4096"];

#[test]
fn what_is_read_is_what_happened() {
    for more in [&["--appendfsync", "always"][..], &[], &["--appendonly", "no"]] {
        let arguments = [SMALL, more].concat();
        let (dir, server) = coolcache(&arguments);
        let mut connection = server.connect();
        let first = lsn(&ask(&mut connection, "LOG INFO"), "window-start");
        // Somebody reads while somebody writes.
        let mut under_load = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = server.connect();
                (0..8).for_each(|round| write_some(&mut writer, round));
                assert_eq!(writer.call("SET done 1"), "+OK\r\n");
            });
            let mut reader = server.connect();
            let mut next = first;
            loop {
                let reply = ask(&mut reader, &format!("LOG READ {next} COUNT 17 BLOCK 5000"));
                next = lsn(&reply, "next");
                under_load.extend(entries(&reply));
                let is_done = |entry: &Entry| entry.2[1..] == [b"done".to_vec(), b"1".to_vec()];
                if under_load.last().is_some_and(is_done) {
                    break;
                }
            }
        });
        let all = read_all(&mut connection, first, 1000);
        assert!(all.len() > 2000, "{}", all.len());
        assert_eq!(under_load, all);
        assert_eq!(read_all(&mut connection, first, 7), all);
        if more.contains(&"always") {
            assert!(segments(dir.path()).len() > 5, "it has rolled");
        }
        let digest = ask(&mut connection, "LOG DIGEST");
        assert_eq!(lsn(&digest, "lsn"), all.last().unwrap().0);
        let (_other, second) = coolcache(&[]);
        let mut copy = second.connect();
        replay(&all, &mut copy);
        assert_eq!(field(&ask(&mut copy, "LOG DIGEST"), "digest"), field(&digest, "digest"));
        // From the middle.
        let middle = all.len() / 2;
        assert_eq!(read_all(&mut connection, all[middle].0, 1000), all[middle + 1..]);
        // After a restart the files tell it, and the history goes on.
        if !more.contains(&"no") {
            drop(connection);
            let mut server = server;
            let id = field(&ask(&mut server.connect(), "LOG INFO"), "id");
            server.kill_and_restart();
            let mut connection = server.connect();
            assert_eq!(read_all(&mut connection, first, 1000), all);
            let OwnedReply::Bulk(id) = id else { panic!("{id:?}") };
            let id = String::from_utf8(id).unwrap();
            let at = all[middle].0;
            let reply = ask(&mut connection, &format!("LOG READ {at} ID {id} COUNT 1"));
            assert_eq!(entries(&reply), all[middle + 1..middle + 2]);
            assert_ne!(field(&reply, "id"), OwnedReply::Bulk(id.clone().into_bytes()));
            assert_eq!(connection.call("SET behind the-restart"), "+OK\r\n");
            let now = end(&mut connection);
            let refused = connection.call(&format!("LOG READ {now} ID {id}"));
            assert!(refused.contains("is not in this log, where it ends at LSN"), "{refused}");
            let refused = connection.call("LOG READ 0 ID abc");
            assert_eq!(refused, "-ERR this log has no history abc\r\n");
        }
    }
}

#[test]
fn match_takes_records_by_their_keys() {
    let (_dir, server) = coolcache(&[]);
    let mut connection = server.connect();
    for line in ["SET user:1 a", "SET other b", "MSET other c user:2 d", "FLUSHALL", "DEL none"] {
        connection.call(line);
    }
    end(&mut connection);
    let reply = ask(&mut connection, "LOG READ 0 MATCH user:*");
    let lines: Vec<_> = entries(&reply).into_iter().map(|entry| entry.2.join(&b' ')).collect();
    let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    assert_eq!(lines, ["SET user:1 a", "MSET other c user:2 d", "FLUSHALL"]);
    assert_eq!(lsn(&reply, "next"), lsn(&reply, "end"));
}

#[test]
fn block_waits_and_ends_as_other_waits_do() {
    for appendonly in ["yes", "no"] {
        let (_dir, server) = coolcache(&["--appendonly", appendonly]);
        let mut connection = server.connect();
        assert_eq!(connection.call("SET a 1"), "+OK\r\n");
        let from = end(&mut connection);
        // It gives up.
        let reply = ask(&mut connection, &format!("LOG READ {from} BLOCK 20"));
        assert_eq!((entries(&reply), lsn(&reply, "next")), (vec![], from));
        // Without BLOCK it does not wait.
        let reply = ask(&mut connection, &format!("LOG READ {from}"));
        assert_eq!((entries(&reply), lsn(&reply, "next")), (vec![], from));
        // A record that does not match goes by, and the next one ends the wait.
        let mut waiting = server.connect();
        let request = format!("LOG READ {from} BLOCK 0 MATCH wanted");
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        waiting.request(&words).unwrap();
        wait_until("it waits", || connection.info("blocked_clients") == "1");
        assert_eq!(connection.call("SET unwanted 1"), "+OK\r\n");
        assert_eq!(connection.call("SET wanted 1"), "+OK\r\n");
        let reply = value(&waiting.try_receive().unwrap());
        let records = entries(&reply);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].2[1], b"wanted");
        // CLIENT UNBLOCK, and a connection that goes away.
        let from = end(&mut connection);
        let id = waiting.call("CLIENT ID")[1..].trim().to_owned();
        let request = format!("LOG READ {from} BLOCK 0");
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        waiting.request(&words).unwrap();
        wait_until("it waits", || connection.info("blocked_clients") == "1");
        assert_eq!(connection.call(&format!("CLIENT UNBLOCK {id}")), ":1\r\n");
        assert_eq!(entries(&value(&waiting.try_receive().unwrap())), vec![]);
        waiting.request(&words).unwrap();
        wait_until("it waits", || connection.info("blocked_clients") == "1");
        drop(waiting);
        wait_until("it is forgotten", || connection.info("blocked_clients") == "0");
        assert_eq!(connection.call("SET b 1"), "+OK\r\n");
    }
}

#[test]
fn errors_name_the_window() {
    let (_dir, server) = coolcache(SMALL);
    let mut connection = server.connect();
    assert_eq!(connection.call("SET key value"), "+OK\r\n");
    let info = ask(&mut connection, "LOG INFO");
    let start = lsn(&info, "window-start");
    let end = end(&mut connection);
    let beyond = connection.call(&format!("LOG READ {}", end + 1));
    assert_eq!(
        beyond,
        format!(
            "-ERR LSN {} is outside the window: the log can be read from LSN {start} to LSN {end}\r\n",
            end + 1
        )
    );
    let inside = connection.call(&format!("LOG READ {}", end - 1));
    assert!(inside.starts_with(&format!("-ERR LSN {} is inside a record", end - 1)), "{inside}");
    assert!(inside.contains(&format!("the next at LSN {end}")), "{inside}");
    // What retention has dropped.
    let (_dir, server) = coolcache(&[SMALL, &["--log-retention-bytes", "0"]].concat());
    let mut connection = server.connect();
    // More than stays in memory.
    let value = vec![b'v'; 100_000];
    for n in 0..20 {
        let key = format!("large:{n}");
        assert_eq!(connection.try_call(&[b"SET", key.as_bytes(), &value]).unwrap(), b"+OK\r\n");
    }
    assert!(connection.call("BGREWRITEAOF").starts_with('+'));
    wait_until("it is rewritten", || connection.info("aof_rewrites") == "1");
    let refused = connection.call("LOG READ 0");
    assert!(refused.starts_with("-ERR LSN 0 is outside the window"), "{refused}");
    let info = ask(&mut connection, "LOG INFO");
    let start = lsn(&info, "window-start");
    assert!(0 < start && start <= lsn(&info, "base-lsn"), "{info:?}");
    assert!(refused.contains(&format!("from LSN {start} to LSN")), "{refused}");
}

/// A folder with many segments, a dump.rdb and then a base in their middle, and the digests at some
/// LSNs: two before the dump, one between it and the base, four behind that.
fn history(more: &[&str]) -> (tempfile::TempDir, Server, Vec<(u64, OwnedReply)>) {
    let (dir, server) = coolcache(&[SMALL, more].concat());
    let mut connection = server.connect();
    let mut digests = Vec::new();
    for round in 0..6 {
        write_some(&mut connection, round);
        if round == 2 {
            assert_eq!(connection.call("SAVE"), "+OK\r\n");
            write_some(&mut connection, 50);
            let digest = ask(&mut connection, "LOG DIGEST");
            digests.push((lsn(&digest, "lsn"), field(&digest, "digest")));
            write_some(&mut connection, 100);
            assert!(connection.call("BGREWRITEAOF").starts_with('+'));
            wait_until("it is rewritten", || connection.info("aof_rewrites") == "1");
        }
        let digest = ask(&mut connection, "LOG DIGEST");
        digests.push((lsn(&digest, "lsn"), field(&digest, "digest")));
    }
    end(&mut connection);
    (dir, server, digests)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn restore_gives_what_was_there() {
    let (dir, mut server, digests) = history(&[]);
    let out = tempfile::tempdir().unwrap();
    for (n, (lsn, digest)) in digests.iter().enumerate() {
        // The source is in use at first.
        if n == 3 {
            server.kill();
        }
        let to = out.path().join(format!("at-{n}"));
        let output = tool(&[
            "restore",
            "--dir",
            path(dir.path()),
            "--to-lsn",
            &lsn.to_string(),
            "--out",
            path(&to),
        ]);
        // Without the dump nothing before the base can be restored.
        if n < 2 {
            assert_code(&output, 2);
            assert!(text(&output).contains("no base to begin with"), "{}", text(&output));
            continue;
        }
        assert_code(&output, 0);
        assert_eq!(text(&output).contains("dump.rdb"), n == 2, "{}", text(&output));
        let arguments = ["--save", ""];
        let restored = Server::start(Kind::CoolCache, &to, &arguments);
        let now = ask(&mut restored.connect(), "LOG DIGEST");
        assert_eq!(field(&now, "digest"), *digest, "LSN {lsn}");
        drop(restored);
        check_with_stock(&to);
        // It is not written over.
        let again = tool(&["restore", "--dir", path(dir.path()), "--to-end", "--out", path(&to)]);
        assert_code(&again, 2);
    }
    let inside = (digests[4].0 - 1).to_string();
    let to = out.path().join("inside");
    let arguments = ["restore", "--dir", path(dir.path()), "--to-lsn", &inside, "--out", path(&to)];
    let output = tool(&arguments);
    assert_code(&output, 2);
    assert!(text(&output).contains("is inside a record"), "{}", text(&output));
    server.restart();
    let digest = field(&ask(&mut server.connect(), "LOG DIGEST"), "digest");
    assert_eq!(digest, digests.last().unwrap().1);
}

/// redis-check-aof finds nothing wrong.
fn check_with_stock(dir: &Path) {
    let manifest = dir.join("appendonlydir/appendonly.aof.manifest");
    let output = Command::new("redis-check-aof").arg(&manifest).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn restore_to_a_time() {
    let (dir, server) = coolcache(&[]);
    let mut connection = server.connect();
    assert_eq!(connection.call("SET early 1"), "+OK\r\n");
    let seconds = |connection: &mut Connection| {
        let OwnedReply::Array(time) = ask(connection, "TIME") else { panic!("no time") };
        let OwnedReply::Bulk(seconds) = &time[0] else { panic!("{time:?}") };
        String::from_utf8(seconds.clone()).unwrap().parse::<u64>().unwrap()
    };
    end(&mut connection);
    let early = seconds(&mut connection);
    wait_until("a second is over", || seconds(&mut connection) > early + 1);
    assert_eq!(connection.call("SET late 1"), "+OK\r\n");
    end(&mut connection);
    let out = tempfile::tempdir().unwrap();
    let cases = [(early, "0"), (early + 3600, "1")];
    for (n, (time, has_late)) in cases.into_iter().enumerate() {
        let to = out.path().join(n.to_string());
        let time = time.to_string();
        let output = tool(&[
            "restore",
            "--dir",
            path(dir.path()),
            "--to-time",
            &time,
            "--out",
            path(&to),
            "--json",
        ]);
        assert_code(&output, 0);
        assert!(text(&output).contains("\"lsn\":"), "{}", text(&output));
        let restored = Server::start(Kind::CoolCache, &to, &["--save", ""]);
        let mut connection = restored.connect();
        assert_eq!(connection.call("EXISTS early"), ":1\r\n");
        assert_eq!(connection.call("EXISTS late"), format!(":{has_late}\r\n"));
    }
}

#[test]
fn check_tells_whole_from_torn_from_damaged() {
    let (dir, mut server, digests) = history(&["--appendfsync", "always"]);
    let folder = path(dir.path());
    let output = tool(&["check", folder]);
    assert_code(&output, 0);
    assert!(text(&output).contains("intact: valid to LSN"), "{}", text(&output));
    server.kill();
    let last_lsn = digests.last().unwrap().0;
    let output = tool(&["check", "--json", folder]);
    assert_code(&output, 0);
    assert!(text(&output).contains(&format!("\"valid_to\":{last_lsn}")), "{}", text(&output));
    // A tail torn in the middle of a batch that was never acknowledged.
    let last = segments(dir.path()).pop().unwrap();
    let whole = std::fs::read(&last).unwrap();
    std::fs::write(&last, [&whole[..], b"#CC:12"].concat()).unwrap();
    let output = tool(&["check", folder]);
    assert_code(&output, 1);
    assert!(text(&output).contains(&format!("torn: valid to LSN {last_lsn}")), "{}", text(&output));
    let output = tool(&["check", "--fix", folder]);
    assert_code(&output, 0);
    assert_eq!(std::fs::read(&last).unwrap(), whole);
    let kept = format!("{}.cut-{}", path(&last), whole.len());
    assert_eq!(std::fs::read(kept).unwrap(), b"#CC:12");
    // Damage in the middle.
    let all = segments(dir.path());
    let damaged = &all[all.len() - 3];
    let good = std::fs::read(damaged).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(damaged, &bad).unwrap();
    let output = tool(&["check", folder]);
    assert_code(&output, 1);
    let said = text(&output);
    assert!(said.contains("damaged: valid to LSN") && said.contains("offset"), "{said}");
    assert!(said.contains(path(damaged)), "{said}");
    let output = tool(&["check", "--fix", folder]);
    assert_code(&output, 1);
    assert_eq!(std::fs::read(damaged).unwrap(), bad, "not cut without being told");
    let output = tool(&["check", "--fix", "--cut-corruption", folder]);
    assert_code(&output, 0);
    server.restart();
    let mut connection = server.connect();
    assert_eq!(connection.call("PING"), "+PONG\r\n");
    // Nobody changes a folder that a server has, nor a file in it.
    let last = segments(dir.path()).pop().unwrap();
    for of_server in [folder, path(&last)] {
        let output = tool(&["check", "--fix", of_server]);
        assert_code(&output, 2);
        assert!(text(&output).contains("a server runs on it"), "{}", text(&output));
    }
    // The older segments, and single files.
    let oldest = segments(dir.path()).remove(0);
    assert_code(&tool(&["check", path(&oldest)]), 0);
    let mut bytes = std::fs::read(&oldest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&oldest, bytes).unwrap();
    assert_code(&tool(&["check", path(&oldest)]), 1);
    assert_code(&tool(&["check", folder]), 1);
    let dump = dir.path().join("dump.rdb");
    assert_code(&tool(&["check", path(&dump)]), 0);
    let mut bytes = std::fs::read(&dump).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&dump, bytes).unwrap();
    assert_code(&tool(&["check", path(&dump)]), 1);
    assert_code(&tool(&["check", "/no/such/file"]), 2);
}

#[test]
fn check_knows_files_of_other_servers() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in ["redis-7.0-types.rdb", "valkey-9.1-types.rdb"] {
        assert_code(&tool(&["check", path(&fixtures.join(name))]), 0);
    }
    let dir = tempfile::tempdir().unwrap();
    let aof = dir.path().join("old.aof");
    let commands = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n";
    std::fs::write(&aof, commands).unwrap();
    assert_code(&tool(&["check", path(&aof)]), 0);
    std::fs::write(&aof, format!("{commands}*3\r\n$3\r\nSE")).unwrap();
    assert_code(&tool(&["check", path(&aof)]), 1);
    assert_code(&tool(&["check", "--fix", path(&aof)]), 0);
    assert_eq!(std::fs::read_to_string(&aof).unwrap(), commands);
    // A whole folder of Redis, which has no LSNs.
    let dir = tempfile::tempdir().unwrap();
    let mut redis = Server::start(Kind::Redis, dir.path(), &["--appendonly", "yes"]);
    assert_eq!(redis.connect().call("SET a 1"), "+OK\r\n");
    assert_eq!(redis.terminate(), Some(0));
    let output = tool(&["check", path(dir.path())]);
    assert_code(&output, 0);
    assert!(text(&output).contains("written by another server"), "{}", text(&output));
    let output = tool(&["log", "cat", path(dir.path())]);
    assert_code(&output, 2);
    assert!(text(&output).contains("another server wrote its log"), "{}", text(&output));
}

/// A running `log tail`, read line by line.
struct Tail {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Tail {
    fn start(arguments: &[&str]) -> Tail {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coolcache"))
            .args(["log", "tail"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Tail { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line in time")
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// Words of a line, without the time.
fn brief(line: &str) -> (u64, String) {
    let mut words = line.splitn(3, ' ');
    let lsn = words.next().unwrap().parse().unwrap();
    words.next();
    (lsn, words.next().unwrap().to_owned())
}

#[test]
fn cat_prints_the_same_from_files_and_from_the_server() {
    let (dir, server, _) = history(&[]);
    let address = format!("127.0.0.1:{}", server.port);
    let from_files = tool(&["log", "cat", path(dir.path())]);
    let from_server = tool(&["log", "cat", &address]);
    assert_code(&from_files, 0);
    assert_code(&from_server, 0);
    let lines = String::from_utf8(from_files.stdout).unwrap();
    assert_eq!(lines, String::from_utf8(from_server.stdout).unwrap());
    let all: Vec<&str> = lines.lines().collect();
    assert!(all.len() > 1000, "{}", all.len());
    // Any line's LSN goes on behind it.
    let middle = all.len() / 2;
    let from = brief(all[middle]).0.to_string();
    for target in [path(dir.path()), &address] {
        let output = tool(&["log", "cat", target, "--from", &from]);
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().next(), Some(all[middle + 1]));
        let output = tool(&["log", "cat", target, "--from", "start", "--to", &from]);
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), middle + 1);
        let output = tool(&["log", "cat", target, "--match", "user:3", "--json"]);
        let lines = String::from_utf8(output.stdout).unwrap();
        assert_eq!(lines.lines().count(), 8);
        assert!(
            lines.lines().all(|line| line.contains(r#""command":["MSET","user:3""#)),
            "{lines}"
        );
        let output = tool(&["log", "cat", target, "--from", "99999999999"]);
        assert_code(&output, 2);
        assert!(text(&output).contains("is outside the window"), "{}", text(&output));
    }
    assert_code(&tool(&["log", "cat", "/no/such/folder"]), 2);
}

#[test]
fn tail_goes_on_over_a_killed_server() {
    let (dir, mut server) = coolcache(&[SMALL, &["--appendfsync", "always"]].concat());
    let port = server.port;
    let address = format!("127.0.0.1:{port}");
    let from_server = Tail::start(&[&address, "--from", "start"]);
    let from_files = Tail::start(&[path(dir.path()), "--from", "start"]);
    let write = |server: &Server, range: std::ops::Range<u32>| {
        let mut connection = server.connect();
        for n in range {
            assert_eq!(connection.call(&format!("SET key:{n} {}", "v".repeat(100))), "+OK\r\n");
        }
    };
    write(&server, 0..100);
    let mut last = 0;
    for n in 0..100 {
        for tail in [&from_server, &from_files] {
            let (lsn, words) = brief(&tail.line());
            assert!(words.starts_with(&format!("db0 SET key:{n} ")), "{words}");
            last = lsn;
        }
    }
    server.kill();
    // On the same port, so that the tail finds it again.
    server.restart_on(port);
    let mut writer = server.connect();
    assert_eq!(writer.call("SET again 1"), "+OK\r\n");
    for tail in [&from_server, &from_files] {
        assert_eq!(brief(&tail.line()).1, "db0 SET again 1");
    }
    // A tail that begins anew where the other was.
    let anew = Tail::start(&[&address, "--from", &last.to_string()]);
    assert_eq!(brief(&anew.line()).1, "db0 SET again 1");
}

#[test]
fn tools_explain_themselves() {
    for words in [&["check"][..], &["restore"], &["log"], &["log", "cat"], &["log", "tail"]] {
        let output = tool(&[words, &["--help"]].concat());
        assert_code(&output, 0);
        let said = text(&output);
        assert!(said.contains("Usage:"), "{said}");
        assert!(
            words == ["log"] || said.contains("Exit codes:") && said.contains("Examples:"),
            "{said}"
        );
    }
    assert_code(&tool(&["restore", "--out", "/tmp/x"]), 2);
    let mut nothing = String::new();
    let output = tool(&["check", "--cut-corruption", "."]);
    output.stdout.as_slice().read_to_string(&mut nothing).unwrap();
    assert_eq!(nothing, "");
    assert_code(&output, 2);
}
