//! Every example in the command table and every transcript, run; and the laws they imply.

use super::check::{Local, check};
use crate::command::table;
use std::path::Path;

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
