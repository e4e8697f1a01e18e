//! Server commands: what a transcript cannot show.

use crate::admin::{Admin, ClientId, Config};
use crate::base::clock::UnixMs;
use crate::command::table::{self, Found};
use crate::command::testing::Store;
use crate::command::{Action, Answer, Call, Control, Handler};
use crate::keyspace::record::{Copy, Push, SetExpiry, SetString};
use crate::keyspace::{Batch, Db, Key, Keyspace, Reclaimer, Tx};
use crate::resp::Reply;
use crate::session::Session;
use crate::types::list::Side;

const NOW: UnixMs = UnixMs(1_700_000_000_000);

/// A server's state with one connection, without an engine.
struct Server {
    admin: Admin,
    keyspace: Keyspace,
    client: ClientId,
}

impl Server {
    fn new(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|option| option.to_string()).collect();
        let mut admin = Admin::new(Config::from_args(&options).unwrap());
        let client = admin.clients.add(Session::new(1, 0, 0, NOW, true));
        Server { admin, keyspace: Keyspace::new(16, Reclaimer::inline()), client }
    }

    fn at_address(mut self, address: &str) -> Self {
        self.admin.clients.session(self.client).address = Some(address.parse().unwrap());
        self
    }

    /// A control's answer: a reply, or an action as `Do`.
    fn ask<'a>(&mut self, arguments: &'a [&'a [u8]]) -> std::result::Result<Answer<'a>, String> {
        let Found::Command(command) = table::find(arguments) else { panic!("no such command") };
        assert!(command.takes(arguments.len()));
        let Handler::Control(run) = command.handler else { panic!("not a control") };
        let mut control = Control {
            admin: &mut self.admin,
            client: self.client,
            keyspace: &self.keyspace,
            now: NOW,
            now_us: NOW.into(),
        };
        run(&mut control, &Call::new(command, arguments)).map_err(|error| error.to_string())
    }

    fn line(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        match self.ask(&words) {
            Ok(Answer::Now(Reply::Verbatim(_, text) | Reply::Status(text))) => {
                String::from_utf8_lossy(&text).into_owned()
            }
            Ok(answer) => format!("{answer:?}"),
            Err(error) => error,
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        let mut batch = Batch::default();
        let mut tx = Tx::begin(&mut self.keyspace, &mut batch, Db(0), NOW);
        let key = Key::new(key.as_bytes());
        tx.emit(SetString { key, value: value.as_bytes(), expiry: SetExpiry::Clear });
    }
}

fn action(answer: std::result::Result<Answer<'_>, String>) -> Action {
    match answer {
        Ok(Answer::Do(action)) => action,
        other => panic!("not an action: {other:?}"),
    }
}

const UNKNOWN: &str = "ERR unknown subcommand or wrong number of arguments for";

#[test]
fn debug_is_guarded() {
    let refused = |server: &mut Server| server.line("DEBUG SLEEP 0").contains("not allowed");
    let (here, elsewhere) = ("127.0.0.1:1", "10.0.0.1:1");
    for (guard, refused_here, refused_elsewhere) in
        [("no", true, true), ("yes", false, false), ("local", false, true)]
    {
        let server = || Server::new(&["--enable-debug-command", guard]);
        assert_eq!(refused(&mut server().at_address(here)), refused_here, "{guard}");
        assert_eq!(refused(&mut server().at_address("[::1]:1")), refused_here, "{guard}");
        assert_eq!(refused(&mut server().at_address(elsewhere)), refused_elsewhere, "{guard}");
    }
}

#[test]
fn debug_subcommands_that_ask_for_something() {
    let mut server = Server::new(&["--enable-debug-command", "yes"]);
    for (words, expected) in [
        (&["DIGEST"][..], Action::Digest),
        (&["loadaof"], Action::LoadLog),
        (&["SLEEP", "1.5"], Action::Sleep(1.5)),
        (&["SLEEP", "abc"], Action::Sleep(0.0)),
        (&["SLEEP", "-1"], Action::Sleep(0.0)),
        (&["SLEEP", "inf"], Action::Sleep(0.0)),
        (&["SLEEP", "1e300"], Action::Sleep(1e6)),
        (&["RELOAD"], Action::Reload { save: true, flush: true }),
        (&["RELOAD", "nosave"], Action::Reload { save: false, flush: true }),
        (&["RELOAD", "NOSAVE", "NOFLUSH", "MERGE"], Action::Reload { save: false, flush: false }),
    ] {
        let mut arguments: Vec<&[u8]> = vec![b"DEBUG"];
        arguments.extend(words.iter().map(|word| word.as_bytes()));
        assert_eq!(action(server.ask(&arguments)), expected, "{words:?}");
    }
}

#[test]
fn debug_errors_are_valkeys() {
    let mut server = Server::new(&["--enable-debug-command", "yes"]);
    for line in ["FOO", "SLEEP", "DIGEST x", "OBJECT", "OBJECT a b c", "SET-ACTIVE-EXPIRE 1 2"] {
        let name = line.split(' ').next().unwrap();
        let expected = format!("{UNKNOWN} '{name}'. Try DEBUG HELP.");
        assert_eq!(server.line(&format!("DEBUG {line}")), expected);
    }
    assert_eq!(server.line("DEBUG OBJECT nosuch"), "ERR no such key");
    let expected = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    assert_eq!(server.line("DEBUG RELOAD NOSAVE foo"), expected);
    assert_eq!(server.line("DEBUG PROTOCOL push"), "ERR RESP2 is not supported by this command");
    assert!(server.line("DEBUG PROTOCOL foo").starts_with("ERR Wrong protocol type name."));
    assert_eq!(server.line("DEBUG ERROR MYCODE"), "MYCODE");
}

#[test]
fn debug_looks_at_values() {
    let mut server = Server::new(&["--enable-debug-command", "yes"]);
    server.keyspace.set_clock(crate::keyspace::value::lru_clock(NOW.0 - 5000));
    server.set("a", "hello");
    server.set("n", "12345");
    server.set("long", &"x".repeat(1000));
    let digests = server.line("DEBUG DIGEST-VALUE a n nosuch");
    // As Valkey 9.1.2 answers.
    for digest in
        ["36b23a1456b2dce2c3ed252c456761301dba8060", "e1cf90774e995ae03de66e8109dc5cb9d9c2dc83"]
    {
        let bytes = format!("{:?}", digest.as_bytes());
        assert!(digests.contains(&bytes), "{digest} in {digests}");
    }
    assert!(digests.contains(&format!("{:?}", "0".repeat(40).as_bytes())));
    let mut all = Server::new(&[]);
    all.set("a", "hello");
    all.set("n", "12345");
    let digest = crate::keyspace::digest::of_keyspace(&all.keyspace);
    assert_eq!(digest.hex(), "644b4678ff5a11b7976efcc7118c39e47a100dba");
    for (line, answer) in [("h?l*o hello", "Now(Int(1))"), ("h?l*o help", "Now(Int(0))")] {
        assert_eq!(server.line(&format!("DEBUG STRINGMATCH-LEN {line}")), answer);
    }
    let object = server.line("DEBUG OBJECT a");
    assert!(object.starts_with("Value at:0x"), "{object}");
    let (_, rest) = object.split_once(" refcount").unwrap();
    let clock = crate::keyspace::value::lru_clock(NOW.0) - 5;
    assert_eq!(
        rest,
        format!(":1 encoding:embstr serializedlength:6 lru:{clock} lru_seconds_idle:5")
    );
    let object = server.line("DEBUG OBJECT n");
    assert!(object.contains("encoding:int serializedlength:3 "), "{object}");
    let object = server.line("DEBUG OBJECT long");
    assert!(object.contains("encoding:raw"), "{object}");
    assert!(!server.line("DEBUG OBJECT long FAST").contains("serializedlength"));
}

#[test]
fn debug_tells_the_chunks_of_a_large_list() {
    let mut server = Server::new(&["--enable-debug-command", "yes"]);
    let mut batch = Batch::default();
    let mut tx = Tx::begin(&mut server.keyspace, &mut batch, Db(0), NOW);
    let (side, event) = (Side::Right, "rpush");
    tx.emit(Push { key: Key::new(b"small"), side, values: &[b"a"], event });
    tx.emit(Push { key: Key::new(b"large"), side, values: &[&[b'x'; 1000][..]; 40], event });
    drop(tx);
    assert!(!server.line("DEBUG OBJECT small").contains("ql_"));
    // As Valkey 9.1.2 answers: eight elements fit a node of 8 KiB.
    let nodes = " ql_nodes:5 ql_avg_node:8.00 ql_listpack_max:-2 ql_compressed:0";
    let object = server.line("DEBUG OBJECT large");
    assert!(object.ends_with(&format!("{nodes} ql_uncompressed_size:40195")), "{object}");
    assert!(server.line("DEBUG OBJECT large FAST").ends_with(nodes));
}

#[test]
fn debug_set_active_expire_is_a_switch() {
    let mut server = Server::new(&["--enable-debug-command", "yes"]);
    assert!(server.admin.active_expire);
    server.line("DEBUG SET-ACTIVE-EXPIRE 0");
    assert!(!server.admin.active_expire);
    server.line("DEBUG SET-ACTIVE-EXPIRE 1");
    assert!(server.admin.active_expire);
}

#[test]
fn files_ask_the_engine() {
    let mut server = Server::new(&[]);
    let shutdown = |save, now, force| Action::Shutdown { save, now, force };
    for (line, expected) in [
        ("SAVE", Action::Save),
        ("BGSAVE", Action::Bgsave { schedule: false }),
        ("BGSAVE schedule", Action::Bgsave { schedule: true }),
        ("BGSAVE CANCEL", Action::BgsaveCancel),
        ("BGREWRITEAOF", Action::RewriteLog),
        ("SHUTDOWN", shutdown(None, false, false)),
        ("SHUTDOWN NOSAVE", shutdown(Some(false), false, false)),
        ("SHUTDOWN save now FORCE", shutdown(Some(true), true, true)),
        ("SHUTDOWN SAFE failover", shutdown(None, false, false)),
        ("SHUTDOWN ABORT", Action::ShutdownAbort),
        ("CONFIG SET hz 20 maxclients 10000", Action::ConfigChanged(vec!["hz"])),
    ] {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        assert_eq!(action(server.ask(&words)), expected, "{line}");
    }
    server.admin.facts.last_save = 77;
    assert_eq!(server.line("LASTSAVE"), "Now(Int(77))");
}

/// The titles of the sections that INFO shows, in order.
fn titles(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# ")).collect()
}

#[test]
fn info_has_sections_of_fields() {
    let mut server = Server::new(&[]);
    server.admin.stats.commands.resize(table::indexes(), Default::default());
    server.set("a", "1");
    let default = [
        "Server",
        "Clients",
        "Memory",
        "Persistence",
        "Stats",
        "Replication",
        "CPU",
        "Modules",
        "Errorstats",
        "Locks",
        "Cluster",
        "Keyspace",
    ];
    let text = server.line("INFO");
    assert_eq!(titles(&text), default);
    assert_eq!(titles(&server.line("INFO default default")), default);
    let mut all = default.to_vec();
    all.insert(8, "Commandstats");
    all.insert(10, "Latencystats");
    assert_eq!(titles(&server.line("INFO everything")), all);
    assert_eq!(titles(&server.line("INFO All nosuch")), all);
    assert_eq!(titles(&server.line("INFO cpu SERVER cpu")), ["Server", "CPU"]);
    assert_eq!(server.line("INFO nosuch"), "");
    for block in text.split("\r\n\r\n") {
        let mut lines = block.trim_end().split("\r\n");
        assert!(lines.next().unwrap().starts_with("# "), "{block}");
        for line in lines {
            let (name, _) = line.split_once(':').unwrap();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(!name.is_empty() && name.chars().all(plain), "{line}");
        }
    }
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split_once(':')).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0].0 != pair[1].0), "a field stands twice");
}

#[test]
fn info_shows_what_is() {
    let mut server = Server::new(&["--maxclients", "77"]);
    server.admin.stats.commands.resize(table::indexes(), Default::default());
    let client_list = table::by_full_name(b"config|get").unwrap();
    server.admin.stats.commands[client_list.index].calls = 3;
    server.admin.stats.commands[client_list.index].failed = 1;
    server.admin.stats.error("WRONGTYPE Operation");
    server.admin.facts.lsn_emitted = 500;
    server.admin.facts.log_failure = Some("disk\nfull".into());
    server.admin.facts.started_at_ms = NOW.0 - 90_000_000;
    server.admin.holds.record(crate::admin::Hold::Round, 3000);
    let text = server.line("INFO all");
    for line in [
        "redis_version:7.2.4",
        "server_name:coolcache",
        concat!("coolcache_version:", env!("CARGO_PKG_VERSION")),
        "uptime_in_seconds:90000",
        "uptime_in_days:1",
        "connected_clients:1",
        "maxclients:77",
        "maxmemory_policy:noeviction",
        "aof_last_write_status:err",
        "log_failure:disk full",
        "log_lsn_emitted:500",
        "master_repl_offset:500",
        "rdb_current_bgsave_time_sec:-1",
        "cmdstat_config|get:calls=3,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=1",
        "errorstat_WRONGTYPE:count=1",
        "lock_hold_round:count=1,p50=4,p99=4,p99.9=4,longest=3,total=3",
        "lock_hold_cron:count=0,p50=0,p99=0,p99.9=0,longest=0,total=0",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
    }
}

#[test]
fn what_keys_take_adds_up_to_what_the_database_takes() {
    let mut store = Store::new();
    let words = |n: usize, word: &str| (0..n).map(|n| format!(" {word}{n}")).collect::<String>();
    let pairs = |n: usize| words(n, "field").replace(' ', " v ");
    let (short, long) = ("x".repeat(700), "y".repeat(900));
    for n in 0..300 {
        for line in [
            format!("SET string{n} value{n}"),
            format!("SET number{n} {n} PXAT 1800000000000"),
            format!("SET long{n} {long}"),
            format!("SET {short}{n} {n}"),
            format!("HSET {short}hash{n} field value"),
            format!("HSET hash{n}{} v", &pairs(5)[2..]),
            format!("SADD ints{n} 1 2 {n}"),
            format!("SADD set{n}{}", words(20, "member")),
            format!("RPUSH list{n}{}", words(16, "element")),
            format!("RPUSH packed{n}{}", words(90, "element")),
            format!("ZADD zset{n} 1 one 2 two"),
            format!("XADD stream{n} 1-{} field value", n + 1),
        ] {
            store.run(&line);
        }
    }
    store.run(&format!("SADD large{}", words(5000, "m")));
    store.run(&format!("RPUSH large_list{}", words(5000, "m")));
    let usage = |store: &mut Store, key: &str| -> usize {
        let reply = store.run(&format!("MEMORY USAGE {key}"));
        reply.trim_start_matches(':').trim_end().parse().unwrap()
    };
    let mut keys = Vec::new();
    let _whole = store.keyspace.table(Db(0)).walk(|entry| {
        keys.push(String::from_utf8(entry.key.to_vec()).unwrap());
        std::ops::ControlFlow::<()>::Continue(())
    });
    assert_eq!(keys.len(), 12 * 300 + 2);
    let sum: usize = keys.iter().map(|key| usage(&mut store, key)).sum();
    let all = store.keyspace.live_bytes();
    // What is left are the pages' headers and unused room.
    assert!(sum <= all && sum > all - all / 5, "{sum} of {all}");
    // A small collection is told by what is in it.
    let (one, more) = (usage(&mut store, "ints1"), usage(&mut store, "set1"));
    assert!(one < 40 && more > 20 * "member".len(), "{one} {more}");
}

#[test]
fn a_value_that_keys_share_is_no_larger_data_set_than_there_is_memory() {
    let mut server = Server::new(&[]);
    server.set("k", &"x".repeat(200_000));
    let mut batch = Batch::default();
    for n in 0..20 {
        let mut tx = Tx::begin(&mut server.keyspace, &mut batch, Db(0), NOW);
        let (from, to) = (Key::new(b"k"), format!("copy{n}"));
        tx.emit(Copy { from, to: Key::new(to.as_bytes()), to_db: Db(0) });
    }
    server.admin.facts.allocator = [250_000; 3];
    let info = server.line("INFO memory");
    let field = |name: &str| -> u64 {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().parse().unwrap()
    };
    assert!(server.keyspace.live_bytes() > 4_000_000);
    assert!(field("used_memory") < 500_000);
    assert_eq!(field("used_memory_dataset"), field("used_memory"));
    assert_eq!(field("used_memory_overhead"), 0);
}
