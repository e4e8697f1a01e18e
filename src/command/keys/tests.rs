//! What a transcript cannot show: many keys, chance, and replay, where time stands at zero.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use crate::base::clock::UnixMs;
use crate::command::table::{self, Found};
use crate::command::{Call, Handler, Result};
use crate::keyspace::record::{SetExpiry, SetString};
use crate::keyspace::{Batch, Db, Key, Keyspace, Reclaimer, Tx};
use crate::resp::Reply;
use std::collections::{HashMap, HashSet};

const NOW: UnixMs = UnixMs(1_700_000_000_000);

struct Store {
    keyspace: Keyspace,
    batch: Batch,
}

impl Store {
    /// Keys `0`, `1`, …: as many live ones as `live`, then `expired` ones whose time has come.
    fn new(live: usize, expired: usize) -> Self {
        let mut store =
            Store { keyspace: Keyspace::new(1, Reclaimer::inline()), batch: Batch::default() };
        for n in 0..live + expired {
            let expiry = if n < live { SetExpiry::Clear } else { SetExpiry::At(NOW.0 - 1) };
            let name = n.to_string();
            let key = Key::new(name.as_bytes());
            store.tx(UnixMs::ZERO).emit(SetString { key, value: b"v", expiry });
        }
        store.batch.clear();
        store
    }

    fn tx(&mut self, now: UnixMs) -> Tx<'_> {
        Tx::begin(&mut self.keyspace, &mut self.batch, Db(0), now)
    }

    fn read<'a>(&'a self, arguments: &'a [&'a [u8]], seed: u64) -> Reply<'a> {
        let call = call(arguments).with_seed(seed);
        let Handler::Read(read) = call.command.handler else { panic!("not a read") };
        read(self.keyspace.view(Db(0), NOW), &call).unwrap()
    }

    fn write<'a>(&mut self, arguments: &'a [&'a [u8]], now: UnixMs) -> Result<Reply<'a>> {
        let call = call(arguments);
        let Handler::Write(write) = call.command.handler else { panic!("not a write") };
        write(&mut self.tx(now), &call)
    }

    fn records(&self) -> String {
        String::from_utf8_lossy(self.batch.bytes()).into_owned()
    }
}

fn call<'a>(arguments: &'a [&'a [u8]]) -> Call<'a> {
    let Found::Command(command) = table::find(arguments) else { panic!("no such command") };
    assert!(command.takes(arguments.len()), "arity");
    Call::new(command, arguments)
}

/// Scans from beginning to end: the keys, and how many steps it took.
fn scan_all(store: &Store, options: &[&str]) -> (Vec<String>, usize) {
    let (mut found, mut steps, mut cursor) = (Vec::new(), 0, "0".to_owned());
    loop {
        let mut arguments: Vec<&[u8]> = vec![b"SCAN", cursor.as_bytes()];
        arguments.extend(options.iter().map(|option| option.as_bytes()));
        let Reply::Array(parts) = store.read(&arguments, 0) else { panic!("not an array") };
        let [Reply::Owned(next), Reply::Bulks(keys)] = parts.as_slice() else {
            panic!("{parts:?}")
        };
        found.extend(keys.iter().flatten().map(|key| String::from_utf8(key.to_vec()).unwrap()));
        steps += 1;
        let next = String::from_utf8(next.clone()).unwrap();
        if next == "0" {
            return (found, steps);
        }
        cursor = next;
    }
}

#[test]
fn a_scan_gives_every_live_key_once_and_no_expired_one() {
    let store = Store::new(3000, 2000);
    let all: HashSet<String> = (0..3000).map(|n| n.to_string()).collect();
    for count in ["1", "10", "100", "100000"] {
        let (found, steps) = scan_all(&store, &["COUNT", count]);
        assert_eq!(found.len(), 3000);
        assert_eq!(found.into_iter().collect::<HashSet<_>>(), all);
        let count: usize = count.parse().unwrap();
        // A step gives COUNT keys or whole pages; nothing makes it go on after that.
        assert!(steps >= 3000 / (count + 64), "{steps} steps of {count}");
    }
    assert_eq!(scan_all(&store, &["COUNT", "100000"]).1, 1);
}

#[test]
fn a_scan_filters_by_pattern_and_type() {
    let store = Store::new(500, 0);
    let (mut found, _) = scan_all(&store, &["MATCH", "49?", "COUNT", "7"]);
    found.sort();
    assert_eq!(found, (490..500).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(scan_all(&store, &["TYPE", "string"]).0.len(), 500);
    assert_eq!(scan_all(&store, &["TYPE", "hash"]).0.len(), 0);
}

#[test]
fn keys_costs_what_it_walks() {
    let store = Store::new(500, 100);
    let cost = |pattern: &[u8]| {
        let arguments: [&[u8]; 2] = [b"KEYS", pattern];
        let call = call(&arguments);
        call.command.cost.unwrap()(store.keyspace.view(Db(0), NOW), &call)
    };
    assert_eq!((cost(b"*"), cost(b"4*"), cost(b"42")), (600, 600, 1));
    let Reply::Bulks(all) = store.read(&[b"KEYS", b"*"], 0) else { panic!("not strings") };
    assert_eq!(all.len(), 500);
    let Reply::Bulks(one) = store.read(&[b"KEYS", b"42"], 0) else { panic!("not strings") };
    assert_eq!(one.iter().collect::<Vec<_>>(), [Some(&b"42"[..])]);
    let Reply::Bulks(none) = store.read(&[b"KEYS", b"550"], 0) else { panic!("not strings") };
    assert!(none.is_empty());
}

#[test]
fn a_random_key_follows_from_the_seed_and_is_any_live_key() {
    let store = Store::new(40, 40);
    let draw = |seed| match store.read(&[b"RANDOMKEY"], seed) {
        Reply::Bulk(key) => String::from_utf8(key.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    let mut drawn: HashMap<String, u32> = HashMap::new();
    for seed in 0..4000 {
        let key = draw(seed);
        assert_eq!(key, draw(seed));
        assert!(key.parse::<usize>().unwrap() < 40, "{key} has expired");
        *drawn.entry(key).or_default() += 1;
    }
    assert_eq!(drawn.len(), 40);
    // 100 of each on average; ten standard deviations either way.
    assert!(drawn.values().all(|times| (1..200).contains(times)), "{drawn:?}");
}

#[test]
fn a_random_key_is_found_among_expired_ones_or_given_up() {
    let one_live = Store::new(1, 1000);
    for seed in 0..20 {
        assert_eq!(one_live.read(&[b"RANDOMKEY"], seed), Reply::Bulk(b"0"));
    }
    let none_live = Store::new(0, 2000);
    assert_eq!(none_live.read(&[b"RANDOMKEY"], 1), Reply::Null);
    assert!(none_live.keyspace.has_noticed());
}

#[test]
fn replay_never_lets_a_key_expire() {
    let mut store = Store::new(2, 0);
    let past: [&[u8]; 3] = [b"PEXPIREAT", b"0", b"1000"];
    assert_eq!(store.write(&past, UnixMs::ZERO), Ok(Reply::Int(1)));
    assert!(store.records().ends_with("$9\r\nPEXPIREAT\r\n$1\r\n0\r\n$4\r\n1000\r\n"));
    let before_1970: [&[u8]; 3] = [b"PEXPIREAT", b"1", b"-5"];
    assert_eq!(store.write(&before_1970, UnixMs::ZERO), Ok(Reply::Int(1)));
    assert!(store.records().ends_with("PEXPIREAT\r\n$1\r\n1\r\n$1\r\n1\r\n"));
    let payload = b"\x00\x01v\n\x00\x91\x08\xce\xb2\x198\x8a\xce";
    let restore: [&[u8]; 5] = [b"RESTORE", b"2", b"7", payload, b"ABSTTL"];
    assert_eq!(store.write(&restore, UnixMs::ZERO), Ok(Reply::Ok));
    assert_eq!(store.keyspace.view(Db(0), UnixMs::ZERO).len(), 3);
    assert_eq!(store.keyspace.view(Db(0), NOW).random(0).map(|entry| entry.key().to_vec()), None);
}

#[test]
fn del_of_several_keys_is_one_record_of_those_that_were_there() {
    let mut store = Store::new(3, 0);
    let del: [&[u8]; 6] = [b"DEL", b"2", b"x", b"0", b"2", b"0"];
    assert_eq!(store.write(&del, NOW), Ok(Reply::Int(2)));
    assert!(store.records().ends_with("*3\r\n$3\r\nDEL\r\n$1\r\n2\r\n$1\r\n0\r\n"));
    assert!(!store.records().contains("MULTI"));
}
