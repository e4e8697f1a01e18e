//! The tools around the log: `check`, `restore`, `log cat` and `log tail`.

use crate::log_read::{SMALL, ask, end, field, lsn, write_some};
use crate::support::{
    Connection, DEADLINE, Kind, Server, coolcache, encoded, segments, wait_until,
};
use coolcache::resp::OwnedReply;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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
    // A base that is damaged cannot be cut.
    server.kill();
    let names = std::fs::read_dir(dir.path().join("appendonlydir")).unwrap();
    let mut names = names.map(|entry| entry.unwrap().path());
    let base = names.find(|path| path.to_string_lossy().ends_with(".base.rdb")).unwrap();
    let mut bytes = std::fs::read(&base).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&base, bytes).unwrap();
    let output = tool(&["check", folder]);
    assert_code(&output, 1);
    assert!(!text(&output).contains("valid to"), "{}", text(&output));
    let output = tool(&["check", "--fix", "--cut-corruption", folder]);
    assert_code(&output, 2);
    assert!(text(&output).contains("cannot be fixed"), "{}", text(&output));
}

/// A segment that ends where a batch does, but earlier than it once did: after a clean stop that is
/// known, and of an emptied one always.
#[test]
fn a_shortened_segment_is_not_taken_for_whole() {
    for clean in [true, false] {
        let (dir, mut server) = coolcache(&["--appendfsync", "always", "--save", ""]);
        let mut connection = server.connect();
        let last = segments(dir.path()).pop().unwrap();
        let mut ends = Vec::new();
        for n in 1..=5 {
            assert_eq!(connection.call(&format!("SET key:{n} {n}")), "+OK\r\n");
            ends.push(std::fs::metadata(&last).unwrap().len());
        }
        if clean {
            assert_eq!(server.terminate(), Some(0));
        } else {
            server.kill();
        }
        let whole = std::fs::read(&last).unwrap();
        let folder = path(dir.path());
        assert_code(&tool(&["check", folder]), 0);
        let lengths = if clean { [0, ends[1]] } else { [0, 10] };
        for length in lengths {
            std::fs::write(&last, &whole[..length as usize]).unwrap();
            let output = tool(&["check", folder]);
            assert_code(&output, 1);
            assert!(text(&output).contains("damaged"), "{}", text(&output));
            let arguments = ["--appendfsync", "always", "--save", ""];
            assert!(Server::try_start(Kind::CoolCache, dir.path(), &arguments).is_none());
        }
        // Whoever says so goes on with what is left; the first segment with no base has nothing.
        let output = tool(&["check", "--fix", "--cut-corruption", folder]);
        if clean {
            assert_code(&output, 0);
            assert_code(&tool(&["check", folder]), 0);
            server.restart();
            assert_eq!(server.connect().call("DBSIZE"), ":2\r\n");
        } else {
            assert_code(&output, 2);
            std::fs::write(&last, &whole).unwrap();
            server.restart();
            assert_eq!(server.connect().call("DBSIZE"), ":5\r\n");
        }
    }
}

/// The manifest is gone: what the newest base holds is not given up for an older dump.
#[test]
fn a_folder_without_data_is_not_intact() {
    let empty = tempfile::tempdir().unwrap();
    let output = tool(&["check", empty.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no data"));
}

#[test]
fn a_lost_manifest_is_not_an_empty_log() {
    let arguments = ["--log-retention-bytes", "0", "--save", ""];
    let (dir, mut server) = coolcache(&arguments);
    let mut connection = server.connect();
    assert_eq!(connection.call("SET old 1"), "+OK\r\n");
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    for n in 0..100 {
        assert_eq!(connection.call(&format!("SET key:{n} {n}")), "+OK\r\n");
    }
    assert!(connection.call("BGREWRITEAOF").starts_with('+'));
    wait_until("it is rewritten", || connection.info("aof_rewrites") == "1");
    server.kill();
    let manifest = dir.path().join("appendonlydir/appendonly.aof.manifest");
    let content = std::fs::read(&manifest).unwrap();
    std::fs::remove_file(&manifest).unwrap();
    let output = tool(&["check", path(dir.path())]);
    assert_code(&output, 1);
    assert!(text(&output).contains("no manifest that lists it"), "{}", text(&output));
    assert!(Server::try_start(Kind::CoolCache, dir.path(), &arguments).is_none());
    std::fs::write(&manifest, content).unwrap();
    server.restart();
    assert_eq!(server.connect().call("DBSIZE"), ":101\r\n");
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

/// A data folder with one file in it.
fn folder_with(name: &str, content: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(name), content).unwrap();
    dir
}

/// An append-only file of these commands.
fn commands(lines: &[&str]) -> Vec<u8> {
    let line = |line: &&str| encoded(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    lines.iter().flat_map(line).collect()
}

fn starts(dir: &Path, arguments: &[&str]) -> bool {
    Server::try_start(Kind::CoolCache, dir, arguments).is_some()
}

/// Intact bytes that a server does not start with: 0 of `check` means that it starts.
#[test]
fn check_refuses_what_a_start_refuses() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let functions = std::fs::read(fixtures.join("redis-7.0-strings.rdb")).unwrap();
    let dir = folder_with("dump.rdb", &functions);
    let file = dir.path().join("dump.rdb");
    // As a base of Redis, too.
    let stock = tempfile::tempdir().unwrap();
    let log = stock.path().join("appendonlydir");
    std::fs::create_dir(&log).unwrap();
    std::fs::write(log.join("appendonly.aof.1.base.rdb"), &functions).unwrap();
    std::fs::write(log.join("appendonly.aof.1.incr.aof"), commands(&["SET a b"])).unwrap();
    let manifest = "file appendonly.aof.1.base.rdb seq 1 type b\n\
                    file appendonly.aof.1.incr.aof seq 1 type i\n";
    std::fs::write(log.join("appendonly.aof.manifest"), manifest).unwrap();
    for target in [dir.path(), &file, stock.path()] {
        for more in [&[][..], &["--structure-only"]] {
            let output = tool(&[&["check", path(target)], more].concat());
            assert_code(&output, 1);
            let said = text(&output);
            assert!(said.contains("refused") && said.contains("function libraries"), "{said}");
        }
    }
    assert!(!starts(dir.path(), &[]) && !starts(stock.path(), &[]));
    // It lies beside a log, so that no start loads it.
    let beside = folder_with("dump.rdb", &functions);
    std::fs::write(beside.path().join("appendonly.aof"), commands(&["SET a b"])).unwrap();
    assert_code(&tool(&["check", path(beside.path())]), 0);
    assert!(starts(beside.path(), &["--save", ""]));
}

/// A damaged dump.rdb beside a log is told of, and not taken for something that can be cut.
#[test]
fn check_does_not_cut_a_dump() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    // With a preamble, behind which the log could be cut.
    let preamble = std::fs::read(fixtures.join("redis-7.0-types.rdb")).unwrap();
    let aof = [preamble.clone(), commands(&["SET a b"])].concat();
    let beside = folder_with("appendonly.aof", &aof);
    let mut damaged = preamble;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let dump = beside.path().join("dump.rdb");
    std::fs::write(&dump, &damaged).unwrap();
    let output = tool(&["check", path(beside.path())]);
    assert_code(&output, 1);
    assert!(text(&output).contains("damaged"), "{}", text(&output));
    assert_code(&tool(&["check", "--fix", "--cut-corruption", path(beside.path())]), 2);
    assert_eq!(std::fs::read(&dump).unwrap(), damaged);
}

#[test]
fn check_runs_what_a_start_runs() {
    let wrong = commands(&["SELECT 0", "SET a b", "RPUSH a c", "SET d e"]);
    let dir = folder_with("appendonly.aof", &wrong);
    let file = dir.path().join("appendonly.aof");
    for target in [dir.path(), &file] {
        let output = tool(&["check", "--json", path(target)]);
        assert_code(&output, 1);
        let said = text(&output);
        assert!(said.contains("\"state\":\"refused\"") && said.contains("WRONGTYPE"), "{said}");
        assert_code(&tool(&["check", "--structure-only", path(target)]), 0);
    }
    assert!(!starts(dir.path(), &[]));
    assert_code(&tool(&["check", "--fix", path(dir.path())]), 1);
    assert_code(&tool(&["check", "--fix", "--cut-corruption", path(dir.path())]), 0);
    assert_eq!(std::fs::read(&file).unwrap(), commands(&["SELECT 0", "SET a b"]));
    assert!(starts(dir.path(), &["--save", ""]));
    // A segment by itself goes on from what it does not hold.
    let part = dir.path().join("part.aof.2.incr.aof");
    std::fs::write(&part, commands(&["RENAME not-here there"])).unwrap();
    assert_code(&tool(&["check", path(&part)]), 0);
    assert_code(&tool(&["check", path(&file)]), 0);
}

/// That there are too few databases is not damage, and nothing is cut for it.
#[test]
fn check_knows_how_many_databases_it_takes() {
    let many = commands(&["SELECT 20", "SET a b", "SWAPDB 20 0", "SELECT 3", "SET c d"]);
    let dir = folder_with("appendonly.aof", &many);
    for more in [&[][..], &["--structure-only"]] {
        let output = tool(&[&["check", path(dir.path())], more].concat());
        assert_code(&output, 1);
        let said = text(&output);
        assert!(said.contains("refused") && said.contains("--databases 21"), "{said}");
        assert_code(&tool(&[&["check", "--databases", "21", path(dir.path())], more].concat()), 0);
    }
    assert!(!starts(dir.path(), &[]));
    assert_code(&tool(&["check", "--fix", "--cut-corruption", path(dir.path())]), 2);
    assert_eq!(std::fs::read(dir.path().join("appendonly.aof")).unwrap(), many);
    let enough = ["--save", "", "--databases", "21"];
    let server = Server::start(Kind::CoolCache, dir.path(), &enough);
    let mut connection = server.connect();
    assert_eq!(connection.call("SELECT 20"), "+OK\r\n");
    assert_eq!(connection.call("SET e f"), "+OK\r\n");
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    let dump = dir.path().join("dump.rdb");
    for more in [&[][..], &["--structure-only"]] {
        let output = tool(&[&["check", path(&dump)], more].concat());
        assert_code(&output, 1);
        assert!(text(&output).contains("--databases 21"), "{}", text(&output));
        assert_code(&tool(&[&["check", "--databases", "21", path(&dump)], more].concat()), 0);
    }
    assert_code(&tool(&["check", "--databases", "0", path(&dump)]), 2);
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

/// Every LSN at which a turn of the server ended, of a log without a base.
#[test]
fn restore_to_each_lsn_has_its_digest() {
    let (dir, server) = coolcache(&["--log-segment-bytes", "1024"]);
    let mut connection = server.connect();
    let mut digests = Vec::new();
    for line in [
        "SADD set a b c d",
        "SELECT 5",
        "RPUSH list 1 2 3",
        "SPOP set 2",
        "LMOVE list other LEFT RIGHT",
        "SET key value EX 1000",
        "FLUSHDB",
        "XADD stream * field value",
        "DEL stream",
    ] {
        assert!(!connection.call(line).starts_with('-'), "{line}");
        let digest = ask(&mut connection, "LOG DIGEST");
        digests.push((lsn(&digest, "lsn"), field(&digest, "digest")));
    }
    end(&mut connection);
    digests.dedup();
    let out = tempfile::tempdir().unwrap();
    for (lsn, digest) in digests {
        let (to, text_of_lsn) = (out.path().join(lsn.to_string()), lsn.to_string());
        let target = ["--to-lsn", &text_of_lsn, "--out", path(&to)];
        assert_code(&tool(&[&["restore", "--dir", path(dir.path())][..], &target].concat()), 0);
        let restored = Server::start(Kind::CoolCache, &to, &["--save", ""]);
        let now = ask(&mut restored.connect(), "LOG DIGEST");
        assert_eq!((field(&now, "digest"), crate::log_read::lsn(&now, "lsn")), (digest, lsn));
        drop(restored);
        check_with_stock(&to);
    }
}

/// The folder's log as it is now, in another one.
fn copy_log(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from.join("appendonlydir")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// A power loss takes the end of the log, but not the dump.rdb that was saved on it; the server
/// goes on from before it, under another id. The dump is of a branch that is no more.
#[test]
fn restore_leaves_the_dump_of_an_abandoned_branch() {
    let (dir, mut server) = coolcache(SMALL);
    let mut connection = server.connect();
    write_some(&mut connection, 1);
    end(&mut connection);
    let early = tempfile::tempdir().unwrap();
    copy_log(dir.path(), &early.path().join("log"));
    assert_eq!(connection.call("SET branch abandoned"), "+OK\r\n");
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    let abandoned = end(&mut connection);
    server.kill();
    let log = dir.path().join("appendonlydir");
    std::fs::remove_dir_all(&log).unwrap();
    std::fs::rename(early.path().join("log"), &log).unwrap();
    // Before the next start the log only ends before the dump, after it another id has its LSN.
    let out = tempfile::tempdir().unwrap();
    let restored = |name: &str| {
        let to = out.path().join(name);
        let target = ["--to-end", "--out", path(&to)];
        let output = tool(&[&["restore", "--dir", path(dir.path())][..], &target].concat());
        assert_code(&output, 0);
        assert!(!text(&output).contains("dump.rdb"), "{}", text(&output));
        let restored = Server::start(Kind::CoolCache, &to, &["--save", ""]);
        let mut connection = restored.connect();
        (connection.call("GET branch"), field(&ask(&mut connection, "LOG DIGEST"), "digest"))
    };
    assert_eq!(restored("before").0, "$-1\r\n");
    server.restart();
    let mut connection = server.connect();
    while end(&mut connection) <= abandoned {
        write_some(&mut connection, 2);
    }
    let digest = field(&ask(&mut connection, "LOG DIGEST"), "digest");
    assert_eq!(restored("after"), ("$-1\r\n".to_owned(), digest));
    let to = out.path().join("given");
    let dump = dir.path().join("dump.rdb");
    let more = ["--base", path(&dump), "--to-lsn", &abandoned.to_string(), "--out", path(&to)];
    let output = tool(&[&["restore", "--dir", path(dir.path())][..], &more].concat());
    assert!(!text(&output).contains("dump.rdb (LSN"), "{}", text(&output));
}

/// `appendonly no` once over a data folder with a log, and then switched on while it runs: the log
/// is not loaded, the server says so, and it is kept for whoever looks for it.
#[test]
fn a_log_that_was_not_loaded_is_kept() {
    let (dir, mut server) = coolcache(&[]);
    for n in 0..3 {
        assert_eq!(server.connect().call(&format!("SET old:{n} 1")), "+OK\r\n");
    }
    assert_eq!(server.terminate(), Some(0));
    let server = Server::start(Kind::CoolCache, dir.path(), &["--save", "", "--appendonly", "no"]);
    assert!(server.log().contains("a log is there and is not loaded"), "{}", server.log());
    let mut connection = server.connect();
    assert_eq!(connection.call("DBSIZE"), ":0\r\n");
    assert_eq!(connection.call("CONFIG SET appendonly yes appendfsync always"), "+OK\r\n");
    wait_until("it has files", || connection.info("aof_rewrites") == "1");
    assert_eq!(connection.call("SET new 1"), "+OK\r\n");
    assert_code(&tool(&["check", path(dir.path())]), 0);
    drop(server);
    let keys = |more: &[&str]| {
        let all = [&["--save", ""], more].concat();
        let server = Server::start(Kind::CoolCache, dir.path(), &all);
        server.connect().call("KEYS *")
    };
    assert_eq!(keys(&[]), "*1\r\n$3\r\nnew\r\n");
    let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let kept: Vec<String> = names.filter(|name| name.ends_with(".kept")).collect();
    let [kept] = kept.as_slice() else { panic!("{kept:?}") };
    let checked = tool(&["check", path(&dir.path().join(kept))]);
    assert_code(&checked, 0);
    assert!(keys(&["--appenddirname", kept]).starts_with("*3\r\n"));
}
