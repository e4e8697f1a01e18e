//! What transcripts cannot see: sets of thousands, against a naive twin.

use crate::command::testing::Store;
use crate::keyspace::digest;
use crate::resp::Protocol;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A reply's words: its bytes without headers.
fn words(encoded: &str) -> Vec<&str> {
    let header = |line: &&str| matches!(line.as_bytes().first(), Some(b'$' | b'*'));
    encoded.lines().filter(|line| !header(line)).collect()
}

#[test]
fn long_replies_are_those_of_short_ones() {
    let mut store = Store::new();
    store.fill("k", 0..3000);
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        for options in ["", " WITHSCORES"] {
            let mut pieces = String::new();
            for start in (0..3000).step_by(500) {
                let range = format!("ZRANGE k {start} {}{options}", start + 499);
                let piece = store.run_as(&range, protocol);
                pieces.push_str(piece.split_once("\r\n").unwrap().1);
            }
            let whole = store.run_as(&format!("ZRANGE k 0 -1{options}"), protocol);
            let (header, items) = whole.split_once("\r\n").unwrap();
            let flat = protocol == Protocol::Resp2 && !options.is_empty();
            assert_eq!(header, if flat { "*6000" } else { "*3000" });
            assert_eq!(items, pieces);
        }
    }
}

#[test]
fn a_large_result_is_stored_in_pieces_and_told_once() {
    let mut store = Store::new();
    store.fill("k", (0..25_000).map(|n| n % 977));
    store.run("SADD d x");
    store.batch.clear();
    store.batch.take_events();
    assert_eq!(store.run("ZUNIONSTORE d 1 k WEIGHTS 2"), ":25000\r\n");
    let records = String::from_utf8_lossy(store.batch.bytes()).into_owned();
    assert_eq!(records.matches("\r\nZADD\r\n").count(), 3);
    assert_eq!(records.matches("\r\nDEL\r\n").count(), 1);
    assert_eq!(store.batch.take_events(), [("zunionstore", b"d".to_vec())]);
    assert_eq!(store.run("ZCARD d"), ":25000\r\n");
}

#[test]
fn a_scan_visits_every_member_once() {
    let mut store = Store::new();
    store.fill("k", (0..3000).map(|n| n % 7));
    let (mut found, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let reply = store.run(&format!("ZSCAN k {cursor} COUNT 20 NOSCORES"));
        let words = words(&reply);
        cursor = words[0].to_owned();
        found.extend(words[1..].iter().map(|word| (*word).to_owned()));
        if cursor == "0" {
            break;
        }
    }
    found.sort();
    let mut all: Vec<String> = (0..3000).map(|n| format!("m{n}")).collect();
    all.sort();
    assert_eq!(found, all);
}

/// A sorted set as a plain map.
#[derive(Default)]
struct Twin(BTreeMap<String, i64>);

impl Twin {
    fn ordered(&self) -> Vec<(i64, &str)> {
        let mut items: Vec<_> = self.0.iter().map(|(m, s)| (*s, m.as_str())).collect();
        items.sort();
        items
    }

    fn add(&mut self, options: &str, score: i64, member: &str) {
        let current = self.0.get(member).copied();
        let has = |option: &str| options.split(' ').any(|word| word == option);
        let refused = match current {
            None => has("XX"),
            Some(old) => has("NX") || (has("GT") && score <= old) || (has("LT") && score >= old),
        };
        if !refused {
            self.0.insert(member.to_owned(), score);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn options_and_ranges_are_those_of_a_plain_map(
        adds in prop::collection::vec(
            (
                prop::sample::select(vec!["", " NX", " XX", " GT", " LT", " XX GT"]),
                prop::collection::vec((0i64..20, 0u8..200), 1..20),
            ),
            1..40,
        ),
        start in -30i64..30, stop in -30i64..30,
        offset in -1i64..9, count in -1i64..9,
    ) {
        let (mut store, mut twin) = (Store::new(), Twin::default());
        for (options, items) in &adds {
            let text: String =
                items.iter().map(|(score, member)| format!(" {score} m{member}")).collect();
            store.run(&format!("ZADD k{options}{text}"));
            for (score, member) in items {
                twin.add(options, *score, &format!("m{member}"));
            }
        }
        let ordered = twin.ordered();
        let text = |items: Vec<(i64, &str)>| -> Vec<String> {
            items.into_iter().flat_map(|(score, m)| [m.to_owned(), score.to_string()]).collect()
        };
        let reply = store.run("ZRANGE k 0 -1 WITHSCORES");
        prop_assert_eq!(words(&reply), text(ordered.clone()));

        let len = ordered.len() as i64;
        let at = |rank: i64| if rank < 0 { rank + len } else { rank };
        for reversed in [false, true] {
            let mut items = ordered.clone();
            if reversed {
                items.reverse();
            }
            let rev = if reversed { " REV" } else { "" };
            let reply = store.run(&format!("ZRANGE k {start} {stop}{rev} WITHSCORES"));
            let kept = (0..len).zip(&items).filter(|(n, _)| *n >= at(start) && *n <= at(stop));
            prop_assert_eq!(words(&reply), text(kept.map(|(_, item)| *item).collect()));

            let (low, high) = (start.min(stop), start.max(stop));
            let ends = if reversed { (high, low) } else { (low, high) };
            let line = format!(
                "ZRANGE k {} {} BYSCORE{rev} LIMIT {offset} {count} WITHSCORES", ends.0, ends.1,
            );
            let reply = store.run(&line);
            let kept = items.iter().filter(|(score, _)| (low..=high).contains(score));
            let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
            let taken = usize::try_from(count).unwrap_or(usize::MAX);
            let kept: Vec<_> = kept.skip(skipped).take(taken).copied().collect();
            prop_assert_eq!(words(&reply), text(kept));
        }
        // What was removed by score is what a store without it has.
        let before = digest::of_keyspace(&store.keyspace);
        store.run("ZRANGESTORE d k 0 9 BYSCORE");
        store.run("ZREMRANGEBYSCORE k 0 9");
        store.run("ZUNIONSTORE k 2 k d AGGREGATE MAX");
        store.run("DEL d");
        prop_assert_eq!(digest::of_keyspace(&store.keyspace), before);
    }
}
