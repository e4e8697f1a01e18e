//! Every example in the command table and every transcript, run; and the laws they imply.

use super::check::{BEGINNING, Local, check, parsed};
use super::round::{Pipeline, Replies, Round};
use crate::admin::Config;
use crate::base::clock::UnixUs;
use crate::command::table;
use crate::resp::Mark;
use std::path::Path;

mod crash;
mod lookups;

/// Runs `work` with the name of what it is about in the panic message.
fn named(name: &str, work: impl FnOnce() + std::panic::UnwindSafe) -> Result<(), String> {
    std::panic::catch_unwind(work).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("{name}: {}", text.unwrap_or_default())
    })
}

fn assert_none_failed(outcomes: Vec<Result<(), String>>) {
    assert!(!outcomes.is_empty());
    let failures: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn examples_in_the_command_table() {
    let mut outcomes = Vec::new();
    for command in table::all() {
        for entry in std::iter::once(command).chain(&command.subcommands) {
            outcomes.push(named(entry.full_name, || check(entry.example)));
        }
    }
    assert_none_failed(outcomes);
}

/// Entries without an example, and why.
const NO_EXAMPLE: &[(&str, &str)] = &[
    ("bgrewriteaof", "needs a log on disk: tests/it"),
    ("bgsave", "needs a folder: tests/it"),
    ("save", "needs a folder: tests/it"),
    ("lastsave", "the reply is the time of the start"),
    ("client|id", "the reply differs from run to run"),
    ("client|info", "the reply differs from run to run"),
    ("command|count", "the reply changes with every command"),
    ("lolwut", "a picture"),
];

/// Containers whose subcommands all answer the same refusal, shown once in tests/transcripts.
const REFUSING: &[&str] = &["cluster", "module"];

#[test]
fn every_command_has_an_example() {
    let mut missing = Vec::new();
    for command in table::all() {
        for entry in std::iter::once(command).chain(&command.subcommands) {
            let excused = NO_EXAMPLE.iter().any(|(name, _)| *name == entry.full_name)
                || entry.parent.is_some_and(|parent| REFUSING.contains(&parent.name))
                || entry.name == "help";
            if entry.example.trim().is_empty() && !entry.is_container() && !excused {
                missing.push(entry.full_name);
            }
        }
    }
    assert!(missing.is_empty(), "no example: {missing:?}");
}

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut outcomes = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let transcript = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        outcomes.push(named(&name, || check(&transcript)));
    }
    assert_none_failed(outcomes);
}

/// A transcript's time is in milliseconds.
#[test]
fn time_tells_microseconds() {
    let mut local = Local::default();
    let mut round = Round::default();
    round.arguments.push(b"TIME");
    round.push(0);
    round.pipelines.push(Pipeline { client: local.client, count: 1, ..Pipeline::default() });
    // Somebody who has waited for the lock comes with an older time.
    for now in [1_700_000_000_123_456, 1_700_000_000_123_455] {
        let mut replies = Replies::default();
        local.engine.execute(&round, UnixUs(now), &mut replies);
        let out = &replies.out;
        let bytes: Vec<u8> = out.slices(Mark::default(), out.mark()).flatten().copied().collect();
        assert_eq!(bytes, b"*2\r\n$10\r\n1700000000\r\n$6\r\n123456\r\n");
    }
}

/// A push is no reply: a client that only got that would wait for ever.
#[test]
fn debug_protocol_push_replies_too() {
    let mut local = Local::new(
        Config::from_args(&["--enable-debug-command", "yes"].map(String::from)).unwrap(),
    );
    let push: &[&[u8]] = &[b"DEBUG", b"PROTOCOL", b"PUSH"];
    assert_eq!(local.run(push), b"-ERR RESP2 is not supported by this command\r\n");
    local.run(&[b"HELLO", b"3"]);
    let reply = "$40\r\nSome real reply following the push reply\r\n";
    let aside = ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n";
    assert_eq!(local.run(push), format!("{reply}{aside}").as_bytes());
}

/// A read that runs on the pool has the chance of its own call, like any other.
#[test]
fn slow_reads_choose_anew() {
    let mut local = Local::default();
    local.run(&[b"SADD", b"urn", b"a", b"b", b"c"]);
    let first = local.run(&[b"SRANDMEMBER", b"urn", b"-20000"]);
    let second = local.run(&[b"SRANDMEMBER", b"urn", b"-20000"]);
    assert_eq!(local.engine.admin.stats.slow_reads, 2);
    assert_ne!(first, second);
}

/// What is left to do of a read is done wherever it has run: what has expired goes, look-ups count,
/// and its keys have been used.
#[test]
fn slow_reads_end_as_all_reads_do() {
    let run = |slow_from: &str| {
        let mut local = Local::default();
        for line in [
            &format!("CONFIG SET slow-read-elements {slow_from}"),
            "SADD big a b c",
            "SADD gone a d",
            "PEXPIRE gone 10",
        ] {
            local.run(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        }
        local.advance_to(BEGINNING.plus_ms(100_000));
        let before = local.records().len();
        let mut words = parsed(&local.run(&[b"SUNION", b"big", b"gone", b"none"])).remove(0);
        words.sort();
        let records = parsed(&local.records()[before..]);
        let idle = local.run(&[b"OBJECT", b"IDLETIME", b"big"]);
        let lookups = local.engine.keyspace().lookups();
        let counts = (lookups.hits.get(), lookups.misses.get());
        (words, records, idle, counts, local.engine.admin.stats.expired_keys)
    };
    let (words, records, idle, _, expired) = run("10000");
    assert_eq!(words, [b"a", b"b", b"c"]);
    assert_eq!((records, expired), (vec![vec![b"DEL".to_vec(), b"gone".to_vec()]], 1));
    assert_eq!(idle, b":0\r\n");
    assert_eq!(run("0"), run("10000"));
}

#[test]
fn config_rewrite_writes_what_is_set() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("coolcache.conf");
    std::fs::write(&file, "# mine\ntimeout 5\n").unwrap();
    let mut local = Local::new(Config::from_args(&[file.display().to_string()]).unwrap());
    for timeout in ["1001", "1002"] {
        assert_eq!(local.run(&[b"CONFIG", b"SET", b"timeout", timeout.as_bytes()]), b"+OK\r\n");
        assert_eq!(local.run(&[b"CONFIG", b"REWRITE"]), b"+OK\r\n");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("# mine\ntimeout {timeout}\n"));
    }
    std::fs::remove_file(&file).unwrap();
    let refused = local.run(&[b"CONFIG", b"REWRITE"]);
    assert!(refused.starts_with(b"-ERR Rewriting config file: "));
    assert!(!file.exists());
}

/// A blocking read that finds much runs on the pool too, and answers what it would have here.
#[test]
fn xread_of_much_runs_on_the_pool() {
    let mut local = Local::default();
    for _ in 0..300 {
        local.run(&[b"XADD", b"s", b"*", b"f", b"v"]);
    }
    let here = local.run(&[b"XREAD", b"BLOCK", b"0", b"STREAMS", b"s", b"0"]);
    assert_eq!(local.engine.admin.stats.slow_reads, 0);
    local.engine.admin.config.set(&[(b"slow-read-elements", b"200")], true).unwrap();
    assert_eq!(local.run(&[b"XREAD", b"BLOCK", b"0", b"STREAMS", b"s", b"0"]), here);
    assert_eq!(local.engine.admin.stats.slow_reads, 1);
    // Little is asked for, or there is nothing to find.
    let one = local.run(&[b"XREAD", b"COUNT", b"1", b"STREAMS", b"s", b"0"]);
    assert!(one.len() < 100 && !one.is_empty());
    assert!(local.run(&[b"XREAD", b"BLOCK", b"0", b"STREAMS", b"s", b"$"]).is_empty());
    assert_eq!(local.engine.admin.stats.slow_reads, 1);
}
