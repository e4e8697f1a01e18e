//! Where rdb-load loads to: servers that lack commands, and folders.

use crate::support::{Kind, Server, has};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const OURS: &[&str] = &["--save", "", "--enable-debug-command", "yes"];

fn tool_in(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coolcache"));
    command.current_dir(dir).args(arguments).stdin(Stdio::null()).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a tool that must end with this code; its output, and what it said.
fn expect(dir: &Path, code: i32, arguments: &[&str]) -> (String, String) {
    let output = tool_in(dir, arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    (text(&output.stdout), said)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn address(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

fn server(kind: Kind, more: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let arguments = match kind {
        Kind::CoolCache => OURS,
        _ => &["--save", "", "--appendonly", "no"],
    };
    let server = Server::start(kind, dir.path(), &[arguments, more].concat());
    (dir, server)
}

/// Keys that exist are asked about though RESTORE does not say so.
#[test]
fn a_server_without_restore() {
    let dir = tempfile::tempdir().unwrap();
    let (own, source) = server(Kind::Redis, &[]);
    let mut connection = source.connect();
    for line in ["RPUSH list a b", "HSET hash f v", "SET string value", "SAVE"] {
        assert!(!connection.call(line).starts_with('-'), "{line}");
    }
    let file = own.path().join("dump.rdb");
    for (option, code, length) in [("--replace", 0, 2), ("--skip", 0, 1), ("--json", 2, 1)] {
        let (_dir, target) = server(Kind::Redis, &["--rename-command", "RESTORE", ""]);
        let mut connection = target.connect();
        assert_eq!(connection.call("RPUSH list old"), ":1\r\n");
        let load = ["rdb-load", path(&file), "--into", &address(&target), option];
        let (_, said) = expect(dir.path(), code, &load);
        assert_eq!(said.contains("key \"list\" exists"), code == 2, "{said}");
        assert_eq!(connection.call("LLEN list"), format!(":{length}\r\n"), "{option}");
        if code == 0 {
            assert_eq!(connection.call("GET string"), "$5\r\nvalue\r\n");
            assert_eq!(connection.call("HGET hash f"), "$1\r\nv\r\n");
        }
    }
}

/// A file with a stream that has entries given back and producers' messages.
fn newer_streams(dir: &Path) -> (std::path::PathBuf, tempfile::TempDir, Server) {
    let (own, source) = server(Kind::CoolCache, &[]);
    let mut connection = source.connect();
    for line in [
        "SET plain value",
        "XADD s 1-1 a b",
        "XADD s 2-1 a b",
        "XADD s 3-1 a b",
        "XADD s 4-1 a b",
        "XCFGSET s IDMP-DURATION 50 IDMP-MAXSIZE 7",
        "XIDMPRECORD s one i1 1-1",
        "XIDMPRECORD s one i2 2-1",
        "XIDMPRECORD s two i1 3-1",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g c STREAMS s >",
        "XNACK s g FAIL IDS 2 3-1 1-1",
        "XNACK s g FATAL IDS 1 2-1",
        "SAVE",
    ] {
        let reply = connection.call(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
    let file = dir.join("newer.rdb");
    std::fs::copy(own.path().join("dump.rdb"), &file).unwrap();
    (file, own, source)
}

#[test]
fn streams_of_redis_8_there_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let (file, _own, source) = newer_streams(dir.path());
    let digest = source.connect().call("DEBUG DIGEST");
    let (lines, _) = expect(dir.path(), 0, &["rdb-dump", path(&file)]);
    assert!(lines.contains("\"released\":[[\"3-1\",1],[\"1-1\",1],[\"2-1\","), "{lines}");
    assert!(lines.contains("[\"one\",\"i2\",\"2-1\"]"), "{lines}");
    let jsonl = dir.path().join("newer.jsonl");
    std::fs::write(&jsonl, &lines).unwrap();
    for from in [&file, &jsonl] {
        let (_dir, target) = server(Kind::CoolCache, &[]);
        expect(dir.path(), 0, &["rdb-load", path(from), "--into", &address(&target)]);
        assert_eq!(target.connect().call("DEBUG DIGEST"), digest, "{}", from.display());
        for with in [path(&file), &address(&source), path(&jsonl)] {
            let (told, _) = expect(dir.path(), 0, &["rdb-diff", with, &address(&target)]);
            assert!(!told.contains('~'), "{told}");
        }
        assert_eq!(target.connect().call("XNACK s g SILENT IDS 1 3-1"), ":1\r\n");
        let (told, _) = expect(dir.path(), 1, &["rdb-diff", path(&file), &address(&target)]);
        assert!(told.contains("group \"g\", given back 3-1: 1 times, in place 1 / 0"), "{told}");
    }
    let (_dir, target) = server(Kind::CoolCache, &[]);
    let commands = tool_in(dir.path(), &["rdb-dump", path(&file), "--format", "commands"]);
    let mut cli = Command::new("redis-cli");
    let mut cli = cli.args(["-p", &target.port.to_string()]).stdin(Stdio::piped());
    cli = cli.stdout(Stdio::piped());
    let mut cli = cli.spawn().unwrap();
    std::io::Write::write_all(&mut cli.stdin.take().unwrap(), &commands.stdout).unwrap();
    let said = cli.wait_with_output().unwrap();
    assert!(!has(&said.stdout, b"ERR"), "{}", text(&said.stdout));
    assert_eq!(target.connect().call("DEBUG DIGEST"), digest);
}

/// What an older server has no commands for is told, and the rest is loaded.
#[test]
fn streams_of_redis_8_into_redis_7() {
    let dir = tempfile::tempdir().unwrap();
    let (file, _own, _source) = newer_streams(dir.path());
    let jsonl = dir.path().join("newer.jsonl");
    let (lines, _) = expect(dir.path(), 0, &["rdb-dump", path(&file)]);
    std::fs::write(&jsonl, &lines).unwrap();
    for from in [&file, &jsonl] {
        let (_dir, target) = server(Kind::Redis, &[]);
        let load = ["rdb-load", path(from), "--into", &address(&target), "--json"];
        let (done, said) = expect(dir.path(), 1, &load);
        let done: serde_json::Value = serde_json::from_str(&done).unwrap();
        assert_eq!([&done["loaded"], &done["left_out"]], [2, 2], "{said}");
        assert!(said.contains("key \"s\": entries that consumers gave back"), "{said}");
        assert!(said.contains("key \"s\": what is known of producers"), "{said}");
        let mut connection = target.connect();
        assert_eq!(connection.call("XLEN s"), ":4\r\n");
        assert!(connection.call("XPENDING s g").starts_with("*4\r\n:1\r\n$3\r\n4-1\r\n"));
        expect(dir.path(), 1, &["rdb-diff", path(&file), &address(&target)]);
    }
}

#[test]
fn folders_by_any_name() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("in.jsonl");
    let line =
        |db: u64| format!("{{\"db\":{db},\"key\":\"k\",\"type\":\"string\",\"value\":\"v\"}}\n");
    std::fs::write(&file, line(0)).unwrap();
    let here = base.path().join("here");
    std::fs::create_dir(&here).unwrap();
    let slashed = format!("{}/", path(&base.path().join("slashed")));
    for dir in ["../other/", &slashed, "."] {
        expect(&here, 0, &["rdb-load", path(&file), "--dir", dir]);
    }
    for name in ["here", "other", "slashed"] {
        expect(base.path(), 0, &["rdb-diff", path(&file), name]);
    }
    expect(base.path(), 0, &["rdb-load", path(&file), "--dir", "here/", "--replace"]);
    expect(base.path(), 0, &["rdb-diff", path(&file), "here.replaced"]);
    for dir in ["/", "here/.."] {
        let (_, said) = expect(base.path(), 2, &["rdb-load", path(&file), "--dir", dir]);
        assert!(said.contains("has to have a name"), "{said}");
    }
    // More databases than a server has unless it is told.
    std::fs::write(&file, line(3) + &line(20)).unwrap();
    let (_, said) = expect(base.path(), 0, &["rdb-load", path(&file), "--dir", "many"]);
    assert!(said.contains("--databases 21"), "{said}");
    let server = Server::start(
        Kind::CoolCache,
        &base.path().join("many"),
        &[OURS, &["--databases", "21"]].concat(),
    );
    let mut connection = server.connect();
    assert_eq!(connection.call("SELECT 20"), "+OK\r\n");
    assert_eq!(connection.call("GET k"), "$1\r\nv\r\n");
    let names = std::fs::read_dir(base.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["here", "here.replaced", "in.jsonl", "many", "other", "slashed"]);
}
