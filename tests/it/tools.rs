//! The tools for RDB files: what they print, load and compare, with our server and the others.

use crate::support::{Connection, Kind, Server, has};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const OURS: &[&str] = &["--save", "", "--enable-debug-command", "yes"];
const THEIRS: &[&str] = &["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn tool(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coolcache"));
    command.args(arguments).stdin(Stdio::null()).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a tool that must end with this code; its output.
fn expect(code: i32, arguments: &[&str]) -> String {
    let output = tool(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert_eq!(said.is_empty(), code == 0 || arguments[0] == "rdb-diff" && code == 1, "{said}");
    text(&output.stdout)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn address(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port)
}

fn digest(server: &Server) -> String {
    let digest = server.connect().call("DEBUG DIGEST");
    assert!(digest.starts_with('+') && !digest.starts_with("+0000"), "{digest}");
    digest
}

/// A server that has loaded a file by itself.
fn server_with(kind: Kind, file: &Path) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(file, dir.path().join("dump.rdb")).unwrap();
    let arguments = if kind == Kind::CoolCache { OURS } else { THEIRS };
    let server = Server::start(kind, dir.path(), arguments);
    (dir, server)
}

fn empty_server(kind: Kind) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let arguments = if kind == Kind::CoolCache { OURS } else { THEIRS };
    let server = Server::start(kind, dir.path(), arguments);
    (dir, server)
}

/// A file without keys that have expired, functions or fields that expire: every server takes it.
fn plain_file(dir: &Path) -> PathBuf {
    let (_own, server) = empty_server(Kind::Redis);
    let mut connection = server.connect();
    let long = "a long value, ".repeat(50);
    for db in [0, 9] {
        assert_eq!(connection.call(&format!("SELECT {db}")), "+OK\r\n");
        for n in 0..300 {
            let at = (4_000_000_000_000_u64 + n).to_string();
            let (key, id) = (format!("user:{n}"), format!("{}-1", n + 1));
            let score = format!("{}.1", n * n);
            let calls: &[&[&[u8]]] = &[
                &[b"SET", key.as_bytes(), b"\xff\x00 value", b"PXAT", at.as_bytes()],
                &[b"RPUSH", b"list", key.as_bytes(), long.as_bytes()],
                &[b"SADD", b"set", key.as_bytes()],
                &[b"SADD", b"ints", at.as_bytes()],
                &[b"HSET", b"hash", key.as_bytes(), long.as_bytes()],
                &[b"ZADD", b"zset", score.as_bytes(), key.as_bytes()],
                &[b"XADD", b"stream", id.as_bytes(), b"field", key.as_bytes()],
            ];
            for call in calls {
                let reply = connection.try_call(call).unwrap();
                assert!(!reply.starts_with(b"-"), "{}", text(&reply));
            }
        }
        for line in [
            "XGROUP CREATE stream group 0",
            "XREADGROUP GROUP group alice COUNT 100 STREAMS stream >",
            "XREADGROUP GROUP group bob COUNT 5 STREAMS stream >",
            "XACK stream group 3-1 4-1",
            "XADD gone 5-5 a b",
            "XDEL gone 5-5",
        ] {
            assert!(!connection.call(line).starts_with('-'), "{line}");
        }
    }
    assert_eq!(connection.call("SAVE"), "+OK\r\n");
    let file = dir.join("plain.rdb");
    std::fs::copy(_own.path().join("dump.rdb"), &file).unwrap();
    file
}

#[test]
fn every_format_of_every_file() {
    for name in ["redis-7.0-strings.rdb", "redis-7.0-types.rdb", "valkey-9.1-types.rdb"] {
        let file = fixture(name);
        let dump = |format| expect(0, &["rdb-dump", path(&file), "--format", format]);
        let document: serde_json::Value = serde_json::from_str(&dump("json")).unwrap();
        let lines: Vec<serde_json::Value> =
            dump("jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(document.as_array().unwrap(), &lines);
        assert!(lines.len() > 5);
        let machine = expect(0, &["rdb-dump", path(&file), "--json"]);
        assert_eq!(machine, dump("json"));
        for object in lines.iter().filter(|object| object["key"].is_string()) {
            let key = object["key"].as_str().unwrap();
            // A stream without entries has no line.
            let has_lines = !key.ends_with(":empty");
            assert_eq!(dump("csv").contains(key), has_lines, "{name}: {key}");
            assert!(dump("commands").contains(key), "{name}: {key}");
            assert!(dump("resp").contains(key), "{name}: {key}");
        }
    }
}

#[test]
fn keys_are_chosen() {
    let file = fixture("redis-7.0-types.rdb");
    let keys = |arguments: &[&str]| -> Vec<String> {
        let all = [&["rdb-dump", path(&file)], arguments].concat();
        let lines = expect(0, &all);
        let objects = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        let keys = objects.map(|object: serde_json::Value| object["key"].to_string());
        keys.collect()
    };
    let all = keys(&[]);
    assert!(all.len() > 8);
    assert!(keys(&["--type", "zset"]).iter().all(|key| key.contains("zset")));
    assert_eq!(keys(&["--match", "list:*"]).len(), 2);
    assert_eq!(keys(&["--match", "list:*", "--type", "set"]).len(), 0);
    assert_eq!(keys(&["--db", "0"]).len(), keys(&["--match", "*"]).len());
    assert_eq!(keys(&["--db", "7"]).len(), 0);
}

#[test]
fn counts() {
    let dir = tempfile::tempdir().unwrap();
    let file = plain_file(dir.path());
    let table = expect(0, &["rdb-dump", path(&file), "--stats"]);
    for part in ["TYPE", "PREFIX", "LARGEST KEYS", "EXPIRY", "user", "redis-ver: 7.0"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let counts = expect(0, &["rdb-dump", path(&file), "--stats", "--json", "--top", "3"]);
    let counts: serde_json::Value = serde_json::from_str(&counts).unwrap();
    assert_eq!(counts["types"]["string"]["keys"], 600);
    assert_eq!(counts["types"]["list"]["elements"], 1200);
    assert_eq!(counts["types"]["stream"]["keys"], 4);
    assert_eq!(counts["databases"]["9"]["keys"], 307);
    assert_eq!(counts["all"]["keys"], 614);
    assert_eq!(counts["without_expiry"], 14);
    assert_eq!(counts["expiries"][7]["keys"], 600);
    assert_eq!(counts["largest"].as_array().unwrap().len(), 3);
    let users = counts["prefixes"].as_array().unwrap();
    assert!(users.iter().any(|row| row["prefix"] == "user" && row["keys"] == 600));
}

/// As the help says: into redis-cli.
#[test]
fn commands_rebuild_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let file = plain_file(dir.path());
    let (_a, loaded) = server_with(Kind::Redis, &file);
    for (format, pipe) in [("resp", &["--pipe"][..]), ("commands", &[])] {
        let (_b, built) = empty_server(Kind::Redis);
        let commands = tool(&["rdb-dump", path(&file), "--format", format]);
        assert!(commands.status.success());
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &built.port.to_string()]).args(pipe);
        let mut cli = cli.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = cli.stdin.take().unwrap();
        let sender = std::thread::spawn(move || input.write_all(&commands.stdout).unwrap());
        let said = cli.wait_with_output().unwrap();
        sender.join().unwrap();
        assert!(!has(&said.stdout, b"ERR"), "{}", text(&said.stdout));
        assert_eq!(digest(&built), digest(&loaded), "{format}");
        expect(0, &["rdb-diff", path(&file), &address(&built)]);
    }
}

#[test]
fn into_every_server() {
    let dir = tempfile::tempdir().unwrap();
    let plain = plain_file(dir.path());
    let jsonl = dir.path().join("plain.jsonl");
    std::fs::write(&jsonl, tool(&["rdb-dump", path(&plain)]).stdout).unwrap();
    for kind in [Kind::Redis, Kind::Valkey, Kind::CoolCache] {
        let (_a, loaded) = server_with(kind, &plain);
        for file in [&plain, &jsonl] {
            let (_b, server) = empty_server(kind);
            let load = ["rdb-load", path(file), "--into", &address(&server), "--json"];
            let done: serde_json::Value = serde_json::from_str(&expect(0, &load)).unwrap();
            assert_eq!(done["loaded"], 614, "{kind:?}: {done}");
            assert_eq!(done["as_commands"], if file == &plain { 0 } else { 614 });
            assert_eq!(digest(&server), digest(&loaded), "{kind:?} {}", file.display());
            expect(0, &["rdb-diff", path(file), &address(&server)]);
        }
    }
}

/// Payloads of Valkey 9 that Redis 7.0 does not take go as commands.
#[test]
fn newer_files_into_older_servers() {
    let file = fixture("valkey-9.1-types.rdb");
    let (_dir, server) = empty_server(Kind::Redis);
    let refused = tool(&["rdb-load", path(&file), "--into", &address(&server)]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.contains("HPEXPIREAT") && said.contains("hash:expires"), "{said}");
    assert_eq!(server.connect().call("FLUSHALL"), "+OK\r\n");
    let mut keys = 0;
    for pattern in ["set:*", "stream*", "zset:*", "list:*", "hash:[sl]*"] {
        let load =
            ["rdb-load", path(&file), "--into", &address(&server), "--match", pattern, "--json"];
        let done: serde_json::Value = serde_json::from_str(&expect(0, &load)).unwrap();
        keys += done["loaded"].as_u64().unwrap();
        expect(0, &["rdb-diff", path(&file), &address(&server), "--match", pattern]);
    }
    assert_eq!(keys, 13);
    let (_dir, server) = empty_server(Kind::CoolCache);
    expect(0, &["rdb-load", path(&file), "--into", &address(&server)]);
    expect(0, &["rdb-diff", path(&file), &address(&server)]);
}

#[test]
fn a_folder_our_server_starts_from() {
    let dir = tempfile::tempdir().unwrap();
    let plain = plain_file(dir.path());
    let jsonl = dir.path().join("plain.jsonl");
    std::fs::write(&jsonl, tool(&["rdb-dump", path(&plain)]).stdout).unwrap();
    let (_a, loaded) = server_with(Kind::CoolCache, &plain);
    for file in [&plain, &jsonl] {
        let folder = dir.path().join(format!("{}.d", path(file)));
        expect(0, &["rdb-load", path(file), "--dir", path(&folder)]);
        expect(0, &["rdb-diff", path(file), path(&folder)]);
        let always = [OURS, &["--appendfsync", "always"]].concat();
        let mut server = Server::start(Kind::CoolCache, &folder, &always);
        assert_eq!(digest(&server), digest(&loaded));
        assert_eq!(server.connect().call("SET more data"), "+OK\r\n");
        server.kill_and_restart();
        assert_eq!(server.connect().call("GET more"), "$4\r\ndata\r\n");
        // While the server runs on it.
        let differs = expect(1, &["rdb-diff", path(file), path(&folder)]);
        assert!(differs.contains("+ 0 \"more\" string"), "{differs}");
        let used = tool(&["rdb-load", path(file), "--dir", path(&folder), "--replace"]);
        assert_eq!(used.status.code(), Some(2));
        assert!(text(&used.stderr).contains("in use"), "{}", text(&used.stderr));
        assert_eq!(server.terminate(), Some(0));
        let exists = tool(&["rdb-load", path(file), "--dir", path(&folder)]);
        assert_eq!(exists.status.code(), Some(2));
        assert!(text(&exists.stderr).contains("not empty"));
        let replaced = tool(&["rdb-load", path(file), "--dir", path(&folder), "--replace"]);
        assert!(replaced.status.success(), "{}", text(&replaced.stderr));
        expect(0, &["rdb-diff", path(file), path(&folder)]);
        let kept = format!("{}.replaced", path(&folder));
        assert!(expect(1, &["rdb-diff", path(&folder), &kept]).contains("+ 0 \"more\""));
    }
}

/// The log is found whatever it is called, and an old dump.rdb beside it is not taken for the data:
/// not even if the log has lost its manifest.
#[test]
fn a_log_with_other_names() {
    let names = [&["--appendfilename", "other.aof"][..], &["--appenddirname", "logs"]];
    for names in [names[0], names[1], &names.concat()] {
        let dir = tempfile::tempdir().unwrap();
        let arguments = [OURS, names].concat();
        let mut server = Server::start(Kind::CoolCache, dir.path(), &arguments);
        let mut connection = server.connect();
        assert_eq!(connection.call("SET old 1"), "+OK\r\n");
        assert_eq!(connection.call("SAVE"), "+OK\r\n");
        assert_eq!(connection.call("SET new 1"), "+OK\r\n");
        expect(0, &["rdb-diff", path(dir.path()), &address(&server)]);
        assert_eq!(server.terminate(), Some(0));
        let folders = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let log = folders.into_iter().find(|path| path.is_dir()).unwrap();
        let files = std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path());
        let manifest = files.into_iter().find(|path| path.extension().unwrap() == "manifest");
        std::fs::remove_file(manifest.unwrap()).unwrap();
        let dump = dir.path().join("dump.rdb");
        let refused = tool(&["rdb-diff", path(dir.path()), path(&dump)]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains("no manifest"), "{}", text(&refused.stderr));
        assert_eq!(tool(&["check", path(dir.path())]).status.code(), Some(1));
    }
    // A single file of an old server, under a name that we are not told.
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(plain_file(dir.path()), dir.path().join("dump.rdb")).unwrap();
    expect(0, &["rdb-diff", path(dir.path()), path(&dir.path().join("dump.rdb"))]);
    std::fs::write(dir.path().join("other.aof"), "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n").unwrap();
    let refused = tool(&["rdb-diff", path(dir.path()), path(dir.path())]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("other.aof"), "{}", text(&refused.stderr));
}

#[test]
fn keys_that_exist() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one.jsonl"), dir.path().join("two.jsonl"));
    let line = |key: &str, value: &str| {
        format!("{{\"key\":\"{key}\",\"type\":\"list\",\"value\":[\"{value}\"]}}\n")
    };
    std::fs::write(&one, line("a", "1") + &line("b", "1")).unwrap();
    std::fs::write(&two, line("b", "2") + &line("c", "2")).unwrap();
    let load = |to: &[&str]| tool(&[&["rdb-load", path(&one), path(&two)], to].concat());
    for (option, b, loaded) in [("--skip", "1", 3), ("--replace", "2", 4)] {
        let (_dir, server) = empty_server(Kind::CoolCache);
        let done = load(&["--into", &address(&server), option, "--json"]);
        let done: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(done["loaded"], loaded);
        let folder = dir.path().join(option);
        assert!(load(&["--dir", path(&folder), option]).status.success());
        let folder_server = Server::start(Kind::CoolCache, &folder, OURS);
        for server in [&server, &folder_server] {
            let list = format!("*1\r\n$1\r\n{b}\r\n");
            assert_eq!(server.connect().call("LRANGE b 0 -1"), list);
            assert_eq!(server.connect().call("DBSIZE"), ":3\r\n");
        }
    }
    let (_dir, server) = empty_server(Kind::CoolCache);
    let failed = load(&["--into", &address(&server)]);
    assert_eq!(failed.status.code(), Some(2));
    assert!(text(&failed.stderr).contains("key \"b\" exists"), "{}", text(&failed.stderr));
    let folder = dir.path().join("fails");
    assert_eq!(load(&["--dir", path(&folder)]).status.code(), Some(2));
    assert!(!folder.exists());
}

/// Our server has no functions yet; others have.
#[test]
fn function_libraries() {
    let file = fixture("redis-7.0-strings.rdb");
    let load = |server: &Server, more: &[&str]| {
        tool(&[&["rdb-load", path(&file), "--into", &address(server)], more].concat())
    };
    let (_dir, theirs) = empty_server(Kind::Redis);
    assert!(load(&theirs, &[]).status.success());
    assert_ne!(theirs.connect().call("FUNCTION LIST"), "*0\r\n");
    assert_eq!(load(&theirs, &[]).status.code(), Some(2));
    assert!(load(&theirs, &["--replace"]).status.success());
    assert!(load(&theirs, &["--skip"]).status.success());
    let (_dir, ours) = empty_server(Kind::CoolCache);
    assert!(load(&ours, &["--no-functions"]).status.success());
    expect(0, &["rdb-diff", path(&file), &address(&ours)]);
    expect(0, &["rdb-diff", &address(&theirs), &address(&ours)]);
}

/// A collection that is too large for one payload, in pieces; with keys that exist.
#[test]
fn large_collections() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("large.rdb");
    std::fs::write(&file, large_list(60_000, 100)).unwrap();
    let (_dir, server) = empty_server(Kind::CoolCache);
    let load = |more: &[&str]| {
        tool(&[&["rdb-load", path(&file), "--into", &address(&server)], more].concat())
    };
    assert!(load(&[]).status.success());
    expect(0, &["rdb-diff", path(&file), &address(&server)]);
    assert_eq!(load(&[]).status.code(), Some(2));
    assert_eq!(server.connect().call("LLEN large"), ":60000\r\n");
    assert!(load(&["--skip"]).status.success());
    assert_eq!(server.connect().call("LLEN large"), ":60000\r\n");
    assert_eq!(server.connect().call("RPUSH large more"), ":60001\r\n");
    assert!(load(&["--replace"]).status.success());
    expect(0, &["rdb-diff", path(&file), &address(&server)]);
}

/// A file with one list of so many elements, each of so many bytes.
fn large_list(count: u32, bytes: u8) -> Vec<u8> {
    let mut file = b"REDIS0010\x01\x05large\x80".to_vec();
    file.extend_from_slice(&count.to_be_bytes());
    for n in 0..count {
        let element = format!("{n:0>width$}x", width = usize::from(bytes) - 1);
        file.extend_from_slice(&[0x40, bytes]);
        file.extend_from_slice(element.as_bytes());
    }
    file.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    file
}

#[test]
fn planted_differences() {
    let dir = tempfile::tempdir().unwrap();
    let file = plain_file(dir.path());
    let (_dir, server) = server_with(Kind::CoolCache, &file);
    expect(0, &["rdb-diff", path(&file), &address(&server)]);
    let mut connection = server.connect();
    for line in [
        "DEL user:1",
        "SET new value",
        "HSET hash user:5 other",
        "HDEL hash user:6",
        "LSET list 3 other",
        "ZADD zset 7.5 user:9",
        "PERSIST user:2",
        "DEL set",
        "SET set string",
        "XACK stream group 5-1",
    ] {
        assert!(!connection.call(line).starts_with('-'), "{line}");
    }
    let told = expect(1, &["rdb-diff", path(&file), &address(&server)]);
    for line in [
        "- 0 \"user:1\" string\n",
        "+ 0 \"new\" string\n",
        "~ 0 \"set\" type: set / string\n",
        "~ 0 \"hash\" value: elements: 300 / 299; field \"user:5\": \"a long value, ",
        " / \"other\"; field \"user:6\": \"a long value, ",
        " / (absent)\n",
        "~ 0 \"list\" value: element 3: \"a long value, ",
        "~ 0 \"zset\" value: member \"user:9\": 81.1 / 7.5\n",
        "~ 0 \"user:2\" expiry: 4000000000002 / never\n",
        "~ 0 \"stream\" value: group \"group\", consumer \"alice\", pending 5-1: 1 times, last at",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let json = expect(1, &["rdb-diff", path(&file), &address(&server), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let counts = &json["counts"];
    assert_eq!([&counts["only_in_a"], &counts["only_in_b"], &counts["type"]], [1, 1, 1]);
    assert_eq!([&counts["value"], &counts["expiry"]], [4, 1]);
    assert_eq!(json["equal"], 614 - 7);
    assert_eq!(json["only_in_a"][0]["key"], "user:1");
    expect(0, &["rdb-diff", path(&file), &address(&server), "--db", "9"]);
}

#[test]
fn what_cannot_be_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("modules.rdb");
    let mut bytes = b"REDIS0014".to_vec();
    bytes
        .extend_from_slice(b"\x07\x01m\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x0a\x05\x03abc\x00");
    bytes.extend_from_slice(b"\x1c\x01a\x01\x00\x00\x00\x02hi");
    bytes.extend_from_slice(b"\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0");
    std::fs::write(&file, &bytes).unwrap();
    let output = tool(&["rdb-dump", path(&file), "--format", "commands"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "SELECT 0\nSET k v\n");
    let said = text(&output.stderr);
    assert!(said.contains("key \"m\" in database 0: module value"), "{said}");
    assert!(said.contains("key \"a\" in database 0: array"), "{said}");
    assert!(said.contains("2 left out"), "{said}");
    let counts = tool(&["rdb-dump", path(&file), "--stats", "--json"]);
    let counts: serde_json::Value = serde_json::from_slice(&counts.stdout).unwrap();
    assert_eq!(counts["left_out"]["array"], 1);
    // Not known in full is not the same.
    assert_eq!(tool(&["rdb-diff", path(&file), path(&file)]).status.code(), Some(2));
    let (_dir, server) = empty_server(Kind::CoolCache);
    let loaded = tool(&["rdb-load", path(&file), "--into", &address(&server)]);
    assert_eq!(loaded.status.code(), Some(1));
    assert_eq!(server.connect().call("GET k"), "$1\r\nv\r\n");
    // A damaged file, and none.
    bytes[10] = 0xee;
    std::fs::write(&file, &bytes).unwrap();
    let damaged = tool(&["rdb-dump", path(&file)]);
    assert_eq!(damaged.status.code(), Some(2));
    assert!(text(&damaged.stderr).contains("at byte"), "{}", text(&damaged.stderr));
    for wrong in [
        &["rdb-dump", "no-such-file"][..],
        &["rdb-dump", path(dir.path())],
        &["rdb-dump"],
        &["rdb-dump", path(&file), "--format", "xml"],
        &["rdb-load", path(&file)],
        &["rdb-diff", path(&file), "no-such-file"],
        &["rdb-diff", path(&file), "127.0.0.1:1"],
    ] {
        let output = tool(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn help_stands_alone() {
    for (name, parts) in [
        ("rdb-dump", &["--format", "--match", "--stats", "Exit codes", "redis-cli --pipe"][..]),
        ("rdb-load", &["--into", "--dir", "--replace", "--skip", "Exit codes", "Examples"]),
        ("rdb-diff", &["HOST:PORT", "--json", "Exit codes", "--ttl-tolerance"]),
    ] {
        let help = expect(0, &[name, "--help"]);
        for part in parts {
            assert!(help.contains(part), "{name}: {part}");
        }
        assert!(expect(0, &["--help"]).contains(name));
    }
}

#[test]
fn help_explains_parameters() {
    let said = expect(0, &["--help", "log-tail-*"]);
    assert_eq!(
        said,
        "log-tail-bytes (default 256mb; only at the start)\n    \
         How much of the newest log may wait in memory for the disk.\n"
    );
    assert!(expect(0, &["--help", "*"]).lines().count() > 200);
    let output = tool(&["--help", "nothing"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "no parameter matches 'nothing'\n");
    // A tool's name with a letter missing is a configuration file that is not there.
    let output = tool(&["rdb-dum", "x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("or a tool: check, log, rdb-dump, "));
}

/// A reader that has seen enough.
#[test]
fn a_closed_output_ends_it_quietly() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("large.rdb");
    std::fs::write(&file, large_list(50_000, 100)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_coolcache"));
    command.args(["rdb-dump", path(&file)]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = [0; 100];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

/// Peak memory of a process that still runs, in KiB.
fn peak_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A list, a hash and a stream's pending entries that do not fit: the file comes through a pipe,
/// and its end not before the memory was looked at.
#[test]
fn memory_is_bounded() {
    const BYTES: usize = 80 << 20;
    for format in ["jsonl", "resp"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coolcache"));
        command.args(["rdb-dump", "-", "--format", format]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.as_mut().unwrap();
        let mut input = child.stdin.take().unwrap();
        // Two collections of half the size, each of more elements than come.
        for head in [&b"REDIS0010\x01\x01l\x80"[..], b"\x04\x01h\x80"] {
            let count = (BYTES / 2 / 1024) as u32;
            let pairs = head.ends_with(b"h\x80");
            input.write_all(head).unwrap();
            input.write_all(&(if pairs { count / 2 } else { count }).to_be_bytes()).unwrap();
            let mut element = vec![0x44, 0x00];
            element.resize(2 + 1024, b'e');
            for _ in 0..count / 2 * 2 {
                input.write_all(&element).unwrap();
            }
            assert_eq!(count % 2, 0);
        }
        let peak = peak_kib(child);
        assert!(peak > 1000 && peak < 48 << 10, "{format}: {peak} KiB");
        input.write_all(b"\xff\0\0\0\0\0\0\0\0").unwrap();
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}

/// The server's own arguments still mean what they meant.
#[test]
fn the_server_starts_as_before() {
    let (_dir, server) = empty_server(Kind::CoolCache);
    assert_eq!(Connection::to(server.port).unwrap().call("PING"), "+PONG\r\n");
    let no_file = tool(&["no-such-file.conf"]);
    assert_eq!(no_file.status.code(), Some(1));
    assert!(text(&no_file.stderr).contains("config file"));
}
