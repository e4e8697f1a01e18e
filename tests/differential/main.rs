//! The same random requests to CoolCache and to a real server: equal replies, equal data.
//!
//! | file | has |
//! |---|---|
//! | `grammar` | what can be sent, read from the command table, less what the peer lacks |
//! | `keys` | the keys: a pool for each type |
//! | `domain` | values for the arguments |
//! | `collections` | values for the arguments of collections |
//! | `generate` | draws requests |
//! | `run` | sends them, compares, keeps what led there |
//! | `compare` | what equal means |
//! | `policy` | what is not sent, and which differences stay, with the reasons |
//! | `coverage` | what was sent and seen |
//! | `lookups` | beside all that: what Valkey counts as a hit or a miss |
//!
//! `COOLCACHE_DIFFERENTIAL_COMMANDS` says how many requests (20,000), `COOLCACHE_SEED` repeats a
//! run.

#[path = "../support/mod.rs"]
mod support;

mod collections;
mod compare;
mod coverage;
mod domain;
mod generate;
mod grammar;
mod keys;
mod lookups;
mod policy;
mod run;
mod server;

use grammar::Grammar;
use run::Run;
use server::Peer;
use support::Kind;

/// Requests of a run, where the environment does not say.
const REQUESTS: u64 = 20_000;
/// Of so many requests, every option and kind of reply comes at least [`OFTEN`] times; of fewer,
/// fewer times.
const LONG_RUN: u64 = 1_000_000;
const OFTEN: u64 = 50;
/// A divergence that is listed as rare is seen at most once in so many requests.
const RARE: u64 = 20_000;
/// Most requests shall do something.
const ERRORS_PERCENT_MAX: f64 = 30.0;

#[test]
fn equals_redis() {
    compare_with(Kind::Redis);
}

#[test]
fn equals_valkey() {
    compare_with(Kind::Valkey);
}

fn compare_with(peer: Kind) {
    let requests = number_from("COOLCACHE_DIFFERENTIAL_COMMANDS").unwrap_or(REQUESTS);
    let seed = number_from("COOLCACHE_SEED").unwrap_or_else(coolcache::base::rng::os_u64);
    println!("{peer:?}, {requests} requests: repeat with COOLCACHE_SEED={seed}");
    let mut theirs = Peer::start(peer, run::CLIENTS);
    let ours = Peer::start(Kind::CoolCache, run::CLIENTS);
    let grammar = Grammar::of_table(&mut theirs);
    // In a short run chance plays a larger part, so it need not have the full share.
    let often = if requests < LONG_RUN { OFTEN * requests / LONG_RUN / 2 } else { OFTEN };
    // Some are spoiled, and then do not count.
    let mut run = Run::new(&grammar, ours, theirs, seed, OFTEN * requests / LONG_RUN * 3 / 2);
    run.send(requests);

    println!("{}", run.coverage.table());
    println!("the peer lacks: {}", grammar.lacking.join(", "));
    println!("{}", run.coverage.summary());
    let listed = policy::divergences().zip(&run.divergences);
    let listed: Vec<_> = listed.filter(|((divergence, _), _)| divergence.peer == peer).collect();
    for ((divergence, _), seen) in &listed {
        println!("listed, seen {seen} times: {}", divergence.reason);
    }
    let count = run.differences.len();
    let texts = run.differences.join("\n\n");
    assert!(count == 0, "{count} differences from {peer:?}, COOLCACHE_SEED={seed}\n\n{texts}");
    for ((divergence, must_be_seen), seen) in listed {
        let is_needed = *seen > 0 || !must_be_seen || requests < LONG_RUN;
        assert!(is_needed, "not seen in a long run, so not needed: {}", divergence.reason);
        let is_rare = must_be_seen || requests < LONG_RUN || *seen <= requests / RARE;
        assert!(is_rare, "seen {seen} times, so not rare: {}", divergence.reason);
    }
    let gaps = run.coverage.gaps(often);
    assert!(gaps.is_empty(), "too rare, COOLCACHE_SEED={seed}:\n{}", gaps.join("\n"));
    let (_, errors) = run.coverage.total();
    assert!(errors < ERRORS_PERCENT_MAX, "{errors:.1} % errors, COOLCACHE_SEED={seed}");
}

fn number_from(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}
