//! The table of parameters: command line, file, CONFIG GET and SET, with redis-server's error
//! texts.

use super::*;
use crate::types::Limits;

fn args(line: &str) -> Vec<String> {
    file::split_words(line).unwrap()
}

fn load(line: &str) -> Result<Config, String> {
    Config::from_args(&args(line))
}

fn get(config: &Config, name: &str) -> String {
    let found = config.get(&[name.as_bytes()]);
    assert_eq!(found.len(), 1, "{name}");
    found[0].1.clone()
}

fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config.set(&pairs, true)
}

#[test]
fn the_table_is_sound() {
    let config = Config::default();
    let mut names: Vec<_> = table::names().map(|(name, _)| name).collect();
    for (name, parameter) in table::names() {
        assert_eq!(name, name.to_ascii_lowercase());
        assert!(parameter.doc.ends_with('.'), "{name} needs a sentence");
        // What CONFIG GET shows can be set again and means the same.
        let mut again = config.values.clone();
        let words = parameter.words(&parameter.text(&config.values)).unwrap();
        parameter.set(&mut again, &words).unwrap();
        assert_eq!(again, config.values, "{name}");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), table::names().count(), "a name stands twice");
}

/// As Valkey 9.1 gives them back.
#[test]
fn classes_of_keyspace_events() {
    let mut config = Config::default();
    let name = "notify-keyspace-events";
    for (text, shown) in [
        ("KEA", "AKE"),
        ("Kg$", "g$K"),
        ("Kndt", "tdnK"),
        ("g$lshzxeK", "g$lshzxeK"),
        ("dtexzhsl$gnmEK", "AKEm"),
        ("KEAmn", "AKEm"),
        ("A", "A"),
        ("", ""),
    ] {
        set(&mut config, &[(name, text)]).unwrap();
        assert_eq!(get(&config, name), shown, "{text}");
    }
    set(&mut config, &[(name, "KEA")]).unwrap();
    for text in ["foo", "KEc", "a b", "é"] {
        let error = set(&mut config, &[(name, text)]).unwrap_err();
        assert!(
            error.ends_with("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
            "{error}"
        );
        assert_eq!(get(&config, name), "AKE");
    }
}

#[test]
fn defaults() {
    let config = Config::default();
    assert_eq!(config.port(), 6379);
    assert_eq!(config.bind(), ["*", "-::*"]);
    assert!(config.appendonly() && config.protected_mode());
    assert_eq!(config.appendfsync(), Fsync::EverySec);
    assert_eq!(config.enable_debug_command(), Guard::No);
    assert_eq!(config.loglevel(), LogLevel::Notice);
    assert_eq!(get(&config, "save"), "900 1 300 10 60 10000");
    assert_eq!(config.save_points()[2], SavePoint { seconds: 60, changes: 10_000 });
    assert_eq!(config.proto_max_bulk_len(), 512 << 20);
    assert_eq!(config.client_output_buffer_limit().pubsub.hard_bytes, 32 << 20);
    assert_eq!(config.dir(), std::env::current_dir().unwrap().canonicalize().unwrap());
    assert!(config.rdb_path().ends_with("dump.rdb") && config.log_dir().ends_with("appendonlydir"));
}

#[test]
fn command_line() {
    let config =
        load("--port 7000 --save 900 1 --save 300 10 --bind 127.0.0.1 ::1 --hz 1000").unwrap();
    assert_eq!(config.port(), 7000);
    assert_eq!(get(&config, "save"), "900 1 300 10");
    assert_eq!(config.bind(), ["127.0.0.1", "::1"]);
    assert_eq!(config.hz(), 500, "as redis-server, moved to the bound");
    for line in
        [r#"--save "" --port 1"#, "--port 1 --save", "--save --port 1", r#"--save '' "--port 1""#]
    {
        let config = load(line).unwrap();
        assert_eq!((config.save_points().len(), config.port()), (0, 1), "{line}");
    }
    assert_eq!(get(&load(r#"--save "5 1 6 2""#).unwrap(), "save"), "5 1 6 2");
    assert_eq!(load(r#"--requirepass 'a "b\n'"#).unwrap().requirepass(), "a \"b\\n");
    assert_eq!(load("--appendfsync ALWAYS").unwrap().appendfsync(), Fsync::Always);
    assert_eq!(load("").unwrap(), Config::default());
}

/// Each was tried on redis-server 7.0.15 and Valkey 9.1.2.
#[test]
fn command_line_errors_are_redis_servers() {
    for (line, number, shown, why) in [
        ("--nosuch 1", 2, r#"nosuch "1""#, "Bad directive or wrong number of arguments"),
        ("--hz abc", 2, r#"hz "abc""#, "argument couldn't be parsed into an integer"),
        ("--save 900", 2, r#"save "900""#, "Invalid save parameters"),
        (
            "--maxclients 0",
            2,
            r#"maxclients "0""#,
            "argument must be between 1 and 4294967295 inclusive",
        ),
        (
            "--save 900 1 --save 300 10 --hz --port 7631",
            4,
            r#"hz "--port" "7631""#,
            "wrong number of arguments",
        ),
        ("--appendonly", 2, "appendonly", "wrong number of arguments"),
        (
            "--bind 1.1.1.1 foo --nosuch --port 7631",
            3,
            r#"nosuch "--port" "7631""#,
            "Bad directive or wrong number of arguments",
        ),
        (
            "--proto-max-bulk-len foo",
            2,
            r#"proto-max-bulk-len "foo""#,
            "argument must be a memory value",
        ),
        (
            "--rdbcompression maybe",
            2,
            r#"rdbcompression "maybe""#,
            "argument must be 'yes' or 'no'",
        ),
    ] {
        let expected = format!(
            "*** FATAL CONFIG FILE ERROR (CoolCache {}) ***\n\
             Reading the configuration file, at line {number}\n>>> '{shown}'\n{why}",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(load(line).unwrap_err(), expected, "{line}");
    }
    let error = load("--appendfsync always --no-appendfsync-on-rewrite yes").unwrap_err();
    assert!(error.contains("contradicts 'appendfsync always'"), "{error}");
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

#[test]
fn configuration_file() {
    let folder = Folder::new();
    let part = folder.write("part.conf", "hz 77\n");
    folder.write("z1.inc", "maxclients 5\n");
    folder.write("z2.inc", "maxclients 6\n");
    let all = folder.0.path().join("z*.inc");
    let file = folder.write(
        "coolcache.conf",
        &format!(
            "# comment\n\n  PORT 7001 \r\nrequirepass \"a b\\x21\\n\"\nsave 10 1\nsave 20 2\n\
             include {part}\ninclude {}\ninclude {}/none*.conf\nappendfsync 'no'\n",
            all.display(),
            folder.0.path().display()
        ),
    );
    let config = Config::from_args(&[file.clone(), "--port".into(), "7002".into()]).unwrap();
    assert_eq!((config.port(), config.hz(), config.maxclients()), (7002, 77, 6));
    assert_eq!(config.requirepass(), "a b!\n");
    assert_eq!(get(&config, "save"), "10 1 20 2");
    assert_eq!(config.appendfsync(), Fsync::No);
    assert_eq!(config.file(), Some(Path::new(&file).canonicalize().unwrap().as_path()));
}

#[test]
fn configuration_file_errors_are_redis_servers() {
    let folder = Folder::new();
    for (text, number, shown, why) in [
        ("hz 10\n# c\nnosuch 1\n", 3, "nosuch 1", "Bad directive or wrong number of arguments"),
        ("hz \"10\n", 1, "hz \"10", "Unbalanced quotes in configuration line"),
        ("hz\n", 1, "hz", "wrong number of arguments"),
        ("hz 1 2\n", 1, "hz 1 2", "wrong number of arguments"),
        ("dir /nonexist\n", 1, "dir /nonexist", "No such file or directory"),
        (
            "appendfilename a/b\n",
            1,
            "appendfilename a/b",
            "appendfilename can't be a path, just a filename",
        ),
        ("appendfsync x y\n", 1, "appendfsync x y", "wrong number of arguments"),
        (
            "loglevel x\n",
            1,
            "loglevel x",
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
    ] {
        let file = folder.write("bad.conf", text);
        let error = Config::from_args(&[file]).unwrap_err();
        let expected =
            format!("Reading the configuration file, at line {number}\n>>> '{shown}'\n{why}");
        assert_eq!(error.split_once('\n').unwrap().1, expected, "{text}");
    }
    let file = folder.write("good.conf", "hz 10\n");
    let error = Config::from_args(&[file, "--nosuch".into(), "2".into()]).unwrap_err();
    assert!(error.contains("at line 3\n>>> 'nosuch \"2\"'"), "{error}");
    let error = load("/nonexist.conf").unwrap_err();
    let expected =
        "Fatal error, can't open config file '/nonexist.conf': No such file or directory";
    assert_eq!(error, expected);
    let file = folder.write("loop.conf", "");
    let error = Config::from_args(&[folder.write("loop.conf", &format!("include {file}\n"))]);
    assert!(error.unwrap_err().ends_with("too deeply"));
}

#[test]
fn getting() {
    let config = Config::default();
    let names = |patterns: &[&str]| {
        let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        config.get(&patterns).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&["lazyfree-lazy-user-*"]),
        ["lazyfree-lazy-user-del", "lazyfree-lazy-user-flush"]
    );
    assert_eq!(
        names(&["MaxMemory", "hz"]),
        ["MaxMemory", "hz"],
        "a plain name comes back as given"
    );
    assert_eq!(names(&["HZ*", "hz", "h?"]), ["hz"]);
    assert_eq!(names(&["nosuch", ""]), [""; 0]);
    assert_eq!(names(&["*"]).len(), table::names().count());
}

#[test]
fn setting() {
    let mut config = Config::default();
    let pairs = [("hz", "20"), ("SAVE", ""), ("appendfsync", "Always"), ("maxclients", "10000")];
    let changed = set(&mut config, &pairs).unwrap();
    assert_eq!(changed, ["hz", "save", "appendfsync"], "only what is another value now");
    assert_eq!((config.hz(), config.appendfsync()), (20, Fsync::Always));
    set(&mut config, &[("client-output-buffer-limit", "pubsub 1mb 2mb 60")]).unwrap();
    assert_eq!(
        get(&config, "client-output-buffer-limit"),
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 2097152 60"
    );
    set(&mut config, &[("hz", "0")]).unwrap();
    assert_eq!(config.hz(), 1);
}

/// The texts are Valkey 9.1.2's, except for what it can and we cannot.
#[test]
fn setting_is_all_or_nothing() {
    let mut config = Config::default();
    let before = config.clone();
    for (pairs, expected) in [
        (&[("nosuch", "1")][..], "Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
        (
            &[("hz", "11"), ("nosuch", "1")],
            "Unknown option or number of arguments for CONFIG SET - 'nosuch'",
        ),
        (
            &[("nosuch", "1"), ("databases", "1")],
            "Unknown option or number of arguments for CONFIG SET - 'nosuch'",
        ),
        (&[("hz", "abc")], "hz: argument couldn't be parsed into an integer"),
        (&[("hz", "10"), ("hz", "11")], "hz: duplicate parameter"),
        (
            &[("hz", "11"), ("maxclients", "0")],
            "maxclients: argument must be between 1 and 4294967295 inclusive",
        ),
        (&[("databases", "1"), ("nosuch", "1")], "databases: can't set immutable config"),
        (&[("databases", "3")], "databases: can't set immutable config"),
        (&[("dir", "/tmp")], "dir: can't set protected config"),
        (&[("save", "900 1 300")], "save: Invalid save parameters"),
        (&[("save", "0 1")], "save: Invalid save parameters"),
        (&[("save", "900 -1")], "save: Invalid save parameters"),
        (
            &[("appendfsync", "foo")],
            "appendfsync: argument(s) must be one of the following: everysec, always, no",
        ),
        (
            &[("auto-aof-rewrite-min-size", "abc")],
            "auto-aof-rewrite-min-size: argument must be a memory value",
        ),
        (
            &[("proto-max-bulk-len", "1")],
            "proto-max-bulk-len: argument must be between 1048576 and 9223372036854775807 inclusive",
        ),
        (&[("timeout", "-1")], "timeout: argument must be between 0 and 2147483647 inclusive"),
        (&[("rdbcompression", "maybe")], "rdbcompression: argument must be 'yes' or 'no'"),
        (
            &[("client-output-buffer-limit", "normal 0 0")],
            "client-output-buffer-limit: Wrong number of arguments in buffer limit configuration.",
        ),
        (
            &[("client-output-buffer-limit", "foo 0 0 0")],
            "client-output-buffer-limit: Invalid client class specified in buffer limit configuration.",
        ),
        (
            &[("client-output-buffer-limit", "normal 0 a 0")],
            "client-output-buffer-limit: Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (&[("maxmemory", "1gb")], "maxmemory: argument must be 0, memory limits are not supported"),
        (
            &[("lazyfree-lazy-expire", "no")],
            "lazyfree-lazy-expire: argument must be 'yes', anything else is not supported",
        ),
    ] {
        let expected = match expected.split_once(": ") {
            None => expected.to_owned(),
            Some((name, why)) => {
                format!("CONFIG SET failed (possibly related to argument '{name}') - {why}")
            }
        };
        assert_eq!(set(&mut config, pairs).unwrap_err(), expected);
        assert_eq!(config, before);
    }
    let pairs = [("appendfsync", "always"), ("no-appendfsync-on-rewrite", "yes")];
    assert!(set(&mut config, &pairs).unwrap_err().contains("contradicts"));
    assert_eq!(config, before);
}

#[test]
fn protected_parameters() {
    let pair: [(&[u8], &[u8]); 1] = [(b"dbfilename", b"x.rdb")];
    for (guard, from_here, from_elsewhere) in
        [("no", false, false), ("yes", true, true), ("local", true, false)]
    {
        let config = load(&format!("--enable-protected-configs {guard}")).unwrap();
        assert_eq!(config.clone().set(&pair, true).is_ok(), from_here, "{guard}");
        assert_eq!(config.clone().set(&pair, false).is_ok(), from_elsewhere, "{guard}");
    }
}

#[test]
fn rewriting_keeps_comments_and_order() {
    let folder = Folder::new();
    let text = "# mine\nport 7001\n\nsave 10 1\n# between\nsave 20 2\ninclude x*.conf\nhz 10\n";
    let mut config = Config::from_args(&[folder.write("c.conf", text)]).unwrap();
    set(&mut config, &[("save", "5 5 6 6 7 7"), ("requirepass", "a \"b"), ("hz", "30")]).unwrap();
    let once = config.rewritten(text);
    assert_eq!(
        once,
        "# mine\nport 7001\n\nsave 5 5\nsave 6 6\nsave 7 7\n# between\ninclude x*.conf\nhz 30\n\
         # Generated by CONFIG REWRITE\nrequirepass \"a \\\"b\"\n"
    );
    assert_eq!(config.rewritten(&once), once);
    let mut again = Config::from_args(&[folder.write("d.conf", &once)]).unwrap();
    again.file = config.file.clone();
    assert_eq!(again, config);
}

#[test]
fn words() {
    for (line, expected) in [
        ("", Some(&[][..])),
        ("  a  b\t", Some(&["a", "b"])),
        (r#""a b" 'c\'d' """#, Some(&["a b", "c'd", ""])),
        (r#""\x41\n\q""#, Some(&["A\nq"])),
        (r#"a"b c""#, Some(&["ab c"])),
        (r#""a"b"#, None),
        ("'a", None),
        (r#""\xff""#, None),
    ] {
        let expected = expected.map(|words| words.iter().map(|word| word.to_string()).collect());
        assert_eq!(file::split_words(line), expected, "{line}");
    }
}

/// The lines of Debian's redis.conf (7.0) that are not about a path.
const STOCK: &str = r#"
bind 127.0.0.1 -::1
protected-mode yes
port 6379
tcp-backlog 511
timeout 0
tcp-keepalive 300
daemonize yes
pidfile /run/redis/redis-server.pid
loglevel notice
databases 16
always-show-logo no
set-proc-title yes
proc-title-template "{title} {listen-addr} {server-mode}"
stop-writes-on-bgsave-error yes
rdbcompression yes
rdbchecksum yes
dbfilename dump.rdb
rdb-del-sync-files no
replica-serve-stale-data yes
replica-read-only yes
repl-diskless-sync yes
repl-diskless-sync-delay 5
repl-diskless-sync-max-replicas 0
repl-diskless-load disabled
repl-disable-tcp-nodelay no
replica-priority 100
acllog-max-len 128
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
replica-lazy-flush no
lazyfree-lazy-user-del no
lazyfree-lazy-user-flush no
oom-score-adj no
oom-score-adj-values 0 200 800
disable-thp yes
appendonly no
appendfilename "appendonly.aof"
appenddirname "appendonlydir"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
aof-load-truncated yes
aof-use-rdb-preamble yes
aof-timestamp-enabled no
slowlog-log-slower-than 10000
slowlog-max-len 128
latency-monitor-threshold 0
notify-keyspace-events ""
hash-max-listpack-entries 512
hash-max-listpack-value 64
list-max-listpack-size -2
list-compress-depth 0
set-max-intset-entries 512
zset-max-listpack-entries 128
zset-max-listpack-value 64
hll-sparse-max-bytes 3000
stream-node-max-bytes 4096
stream-node-max-entries 100
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
dynamic-hz yes
aof-rewrite-incremental-fsync yes
rdb-save-incremental-fsync yes
jemalloc-bg-thread yes
"#;

#[test]
fn a_stock_file_is_taken_and_nothing_in_it_is_passed_over_silently() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("redis.conf");
    std::fs::write(&file, STOCK).unwrap();
    let config = Config::from_args(&[file.display().to_string()]).unwrap();
    assert!(!config.appendonly());
    assert_eq!(config.limits(), Limits::default());
    let idle = config.without_effect();
    for name in ["daemonize", "pidfile", "lazyfree-lazy-expire", "repl-diskless-sync"] {
        assert!(idle.contains(&name), "{name}");
    }
    for name in ["appendonly", "replica-read-only", "hash-max-listpack-entries", "hz"] {
        assert!(!idle.contains(&name), "{name}");
    }
    // What is true of the server is shown, and what is only kept as it was given.
    assert_eq!(get(&config, "daemonize"), "no");
    assert_eq!(get(&config, "lazyfree-lazy-expire"), "yes");
    assert_eq!(get(&config, "replica-lazy-flush"), "no");
    assert_eq!(get(&config, "oom-score-adj-values"), "0 200 800");
    assert_eq!(get(&config, "proc-title-template"), "{title} {listen-addr} {server-mode}");
    assert!(Config::default().without_effect().is_empty());
    assert!(load("--replica-read-only no").is_err());
    assert!(load("--repl-timeout 0").unwrap_err().contains("between 1 and 2147483647"));
}

#[test]
fn limits_of_the_small_forms() {
    let mut config = Config::default();
    assert_eq!(config.limits(), Limits::default());
    let changed = set(
        &mut config,
        &[
            ("hash-max-ziplist-entries", "7"),
            ("zset-max-listpack-value", "1kb"),
            ("list-max-ziplist-size", "-5"),
            ("stream-node-max-bytes", "0"),
        ],
    );
    assert_eq!(changed.unwrap().len(), 4);
    let expected = Limits {
        hash_entries: 7,
        zset_value: 1024,
        list_size: -5,
        stream_node_bytes: 0,
        ..Limits::default()
    };
    assert_eq!(config.limits(), expected);
    assert_eq!(get(&config, "list-max-listpack-size"), "-5");
    assert_eq!(get(&config, "hash-max-listpack-entries"), "7");
    for (name, value, why) in [
        ("list-max-listpack-size", "2147483648", "between -2147483648 and 2147483647 inclusive"),
        ("hash-max-listpack-entries", "-1", "between 0 and 9223372036854775807 inclusive"),
        ("hash-max-listpack-value", "-1", "argument must be a memory value"),
        ("set-max-listpack-value", "1kb", "argument couldn't be parsed into an integer"),
        ("slowlog-log-slower-than", "-2", "between -1 and 9223372036854775807 inclusive"),
        ("repl-diskless-load", "x", "disabled, on-empty-db, swapdb, flush-before-load"),
    ] {
        let error = set(&mut config, &[(name, value)]).unwrap_err();
        assert!(error.contains(why), "{name} {value}: {error}");
    }
    assert!(Config::has_effect("hz") && !Config::has_effect("repl-timeout"));
    assert!(!Config::has_effect("active-expire-effort"));
}
