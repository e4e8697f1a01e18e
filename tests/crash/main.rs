//! Real processes killed with SIGKILL at random moments under load, and an oracle that knows what
//! was promised.
//!
//! | file | says |
//! |---|---|
//! | `shapes` | what a client leaves in lists, sets, hashes, sorted sets, streams and expiries |
//! | `load` | clients with keys of their own, and the journal of what the server told them |
//! | `oracle` | what a journal allows to be found after the crash |
//!
//! A killed process loses what it had in memory and nothing that it had given to the kernel: the
//! page cache survives. So this finds acknowledged writes that had not been *written*, batches that
//! tear calls apart, and recoveries that forget; an acknowledgement before *fsync*, or a folder
//! that is not synced, only the simulated disk sees (`src/log/tests/crash.rs`).
//!
//! `COOLCACHE_CRASH_KILLS` is the number of kills per policy (a few by default),
//! `COOLCACHE_CRASH_SEED` the seed, which is printed.

#![allow(clippy::disallowed_methods, reason = "real processes, killed after a real time")]

#[path = "../support/mod.rs"]
mod support;

mod load;
mod oracle;
mod shapes;

use load::{Journal, Load};
use oracle::{Findings, Promise};
use std::time::Duration;
use support::{Kind, Server, segments};

/// Kills per policy unless the environment says otherwise: some seconds.
const KILLS: u64 = 6;
/// The load runs this long at the least and at the most before the kill.
const LOAD_MS: (u64, u64) = (100, 500);

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = from_environment("COOLCACHE_CRASH_SEED", now.expect("after 1970").as_nanos() as u64);
    println!("COOLCACHE_CRASH_SEED={seed}");
    seed
}

/// Load, kill, restart, check; again and again over the same folder.
fn kill_in_a_loop(fsync: &str, promise: Promise) {
    let kills = from_environment("COOLCACHE_CRASH_KILLS", KILLS);
    let mut chance = fastrand::Rng::with_seed(seed());
    let dir = tempfile::tempdir().expect("a folder");
    // Small segments and bases, so that crashes fall on rolls and rewrites too.
    let arguments = [
        "--appendfsync",
        fsync,
        "--save",
        "",
        "--log-segment-bytes",
        "256kb",
        "--log-retention-bytes",
        "1mb",
        "--auto-aof-rewrite-min-size",
        "1mb",
        "--io-threads",
        "2",
    ];
    let mut server = Server::start(Kind::CoolCache, dir.path(), &arguments);
    let mut journal = Journal::default();
    let mut total = Findings::default();
    for kill in 0..kills {
        let load = Load::begin(server.port, &journal, chance.u64(..));
        let run = Duration::from_millis(chance.u64(LOAD_MS.0..LOAD_MS.1));
        // The moment of the kill is chance on purpose, so there is no condition to wait for.
        std::thread::sleep(run);
        server.kill();
        journal = load.end();
        server.restart();
        let found = oracle::check(&mut server.connect(), &mut journal, promise);
        assert!(found.lost.is_empty(), "after kill {kill}: {:#?}", found.lost);
        total.add(&found);
    }
    println!(
        "appendfsync {fsync}: {kills} kills, {} values acknowledged, {} read, {} lost",
        total.acknowledged,
        total.read,
        total.lost.len()
    );
    assert!(total.acknowledged > 0 && total.read > 0, "the load did nothing");
}

#[test]
fn always_loses_nothing_acknowledged_or_read() {
    kill_in_a_loop("always", Promise::Everything);
}

/// The kernel survives, so what was written is there; what counts is that it is a prefix of what
/// was executed.
#[test]
fn everysec_recovers_a_prefix() {
    kill_in_a_loop("everysec", Promise::Prefix);
}

/// An oracle that finds nothing shows nothing, so it is given a crash that did lose something: the
/// end of the last segment is cut off between kill and restart.
#[test]
fn the_oracle_sees_a_cut_log() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments = ["--appendfsync", "always", "--save", ""];
    let mut server = Server::start(Kind::CoolCache, dir.path(), &arguments);
    let load = Load::begin(server.port, &Journal::default(), seed());
    support::wait_until("something is acknowledged", || load.acknowledged() > 500);
    server.kill();
    let mut journal = load.end();
    let last = segments(dir.path()).pop().expect("there is a segment");
    let length = std::fs::metadata(&last).expect("it can be asked").len();
    let file = std::fs::OpenOptions::new().write(true).open(&last).expect("it can be written");
    // Half of it: far more than the requests under way when it was killed. What the rest of the
    // file claims to be durable is there, so recovery takes it for a torn tail.
    file.set_len(length / 2).expect("it can be cut");
    if let Some(server) = Server::try_start(Kind::CoolCache, dir.path(), &arguments) {
        let found = oracle::check(&mut server.connect(), &mut journal, Promise::Everything);
        assert!(!found.lost.is_empty(), "the oracle is blind");
        println!("the cut log: {} values found lost", found.lost.len());
    } else {
        panic!("the server refused a torn tail");
    }
}

/// The same for what ties records together: half of an MSET, and a later write without the earlier
/// one.
#[test]
fn the_oracle_sees_a_state_that_is_no_prefix() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(Kind::CoolCache, dir.path(), &["--save", ""]);
    let load = Load::begin(server.port, &Journal::default(), seed());
    support::wait_until("something is acknowledged", || load.acknowledged() > 1500);
    server.kill();
    let journal = load.end();
    server.restart();
    let mut connection = server.connect();
    let whole = oracle::check(&mut connection, &mut journal.clone(), Promise::Prefix);
    assert!(whole.lost.is_empty(), "{:?}", whole.lost);
    for spoil in ["SET 1:left 0", "SET 3:first 0", "SET 5:count 0"] {
        let key = spoil.split(' ').nth(1).expect("a key");
        let before = connection.call(&format!("GET {key}"));
        let value = before.lines().nth(1).expect("it has a value").to_owned();
        assert_eq!(connection.call(spoil), "+OK\r\n");
        let found = oracle::check(&mut connection, &mut journal.clone(), Promise::Prefix);
        assert!(!found.lost.is_empty(), "{spoil} was not seen");
        let restored = connection.try_call(&[b"SET", key.as_bytes(), value.as_bytes()]);
        assert_eq!(restored.expect("the server answers"), b"+OK\r\n");
    }
    // These stay spoilt; each must be seen for itself. What is taken out stands between others.
    let mut second = |command: &str, line: usize| {
        let reply = connection.call(command);
        reply.lines().nth(line).unwrap_or_else(|| panic!("{command}: {reply}")).to_owned()
    };
    let gap = format!("LREM 1:list 1 {}", second("LINDEX 1:list 1", 1));
    // Two entries: a count, an id and its fields each.
    let hole = format!("XDEL 5:stream {}", second("XRANGE 5:stream - + COUNT 2", 11));
    for spoil in [
        "RPUSH 0:list 1",
        "SADD 1:set 999999999",
        "HSET 2:hash last 999999",
        "ZADD 3:zset 5 m6",
        "XADD 4:stream * 1 1",
        "PERSIST 5:lasting",
        "HPERSIST 0:fields FIELDS 1 f",
        hole.as_str(),
        gap.as_str(),
        "SET 2:mortal 1",
    ] {
        let key = spoil.split(' ').nth(1).expect("a key");
        assert!(!connection.call(spoil).starts_with('-'), "{spoil}");
        let found = oracle::check(&mut connection, &mut journal.clone(), Promise::Prefix);
        let (client, name) = key.split_once(':').expect("a client's key");
        let says = |text: &String| {
            text.contains(key) || text.contains(&format!("client {client}")) && text.contains(name)
        };
        assert!(found.lost.iter().any(says), "{spoil} was not seen: {:?}", found.lost);
    }
}
