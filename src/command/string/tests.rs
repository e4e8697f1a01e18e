//! What transcripts cannot see: what is shared and what is copied, memory, events, counters.

use crate::base::clock::UnixMs;
use crate::command::table::Found;
use crate::command::{Call, Handler, Result, find};
use crate::keyspace::record::Change;
use crate::keyspace::record::{IncrByFloat, SetExpiry, SetString};
use crate::keyspace::{Batch, Db, Key, Keyspace, LARGE_BYTES, Reclaimer, Touched, Tx};
use crate::resp::{Mark, Reply};
use std::sync::Arc;

const NOW: UnixMs = UnixMs(1_700_000_000_000);

/// A keyspace and the batch of its records.
struct Store {
    keyspace: Keyspace,
    batch: Batch,
}

impl Store {
    fn new() -> Self {
        Store { keyspace: Keyspace::new(1, Reclaimer::inline()), batch: Batch::default() }
    }

    /// Runs a read command that succeeds.
    fn read<'a>(&'a self, arguments: &'a [&'a [u8]]) -> Reply<'a> {
        let Found::Command(command) = find(arguments) else { panic!("no such command") };
        let Handler::Read(handler) = command.handler else { panic!("not a read") };
        succeeded(handler(self.keyspace.view(Db(0), NOW), &Call::new(command, arguments)))
    }

    /// Runs a write command that succeeds.
    fn write<'a>(&mut self, arguments: &'a [&'a [u8]]) -> Reply<'a> {
        let Found::Command(command) = find(arguments) else { panic!("no such command") };
        let Handler::Write(handler) = command.handler else { panic!("not a write") };
        let mut tx = Tx::begin(&mut self.keyspace, &mut self.batch, Db(0), NOW);
        succeeded(handler(&mut tx, &Call::new(command, arguments)))
    }

    fn shared(&self, key: &[u8]) -> Arc<Vec<u8>> {
        match self.read(&[b"GET", key]) {
            Reply::Shared(bytes) => bytes,
            other => panic!("not shared: {other:?}"),
        }
    }
}

fn succeeded(result: Result<Reply<'_>>) -> Reply<'_> {
    result.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn replies_lie_where_the_values_lie() {
    let mut store = Store::new();
    let long = vec![b'x'; 5000];
    store.write(&[b"SET", b"long", &long]);
    store.write(&[b"SET", b"short", b"value"]);
    store.write(&[b"SET", b"int", b"42"]);
    assert_eq!(store.read(&[b"GET", b"short"]), Reply::Bulk(b"value"));
    assert_eq!(store.read(&[b"GET", b"int"]), Reply::BulkInt(42));
    let first = store.shared(b"long");
    assert!(Arc::ptr_eq(&first, &store.shared(b"long")), "a long value is not copied");
    let Reply::Shared(whole) = store.read(&[b"GETRANGE", b"long", b"0", b"-1"]) else {
        panic!("the whole of a long value is shared")
    };
    assert!(Arc::ptr_eq(&first, &whole));
    let Reply::Shared(old) = store.write(&[b"GETDEL", b"long"]) else {
        panic!("a long value survives its key without a copy")
    };
    assert!(Arc::ptr_eq(&first, &old));
}

#[test]
fn a_reply_under_way_does_not_change() {
    let mut store = Store::new();
    let long = vec![b'x'; 5000];
    store.write(&[b"SET", b"k", &long]);
    let reply = store.shared(b"k");
    assert_eq!(store.write(&[b"APPEND", b"k", b"y"]), Reply::Int(5001));
    assert_eq!(store.write(&[b"SETRANGE", b"k", b"0", b"z"]), Reply::Int(5001));
    assert_eq!(*reply, long);
    let changed = store.shared(b"k");
    assert_eq!((changed.len(), changed[0], changed[5000]), (5001, b'z', b'y'));
}

#[test]
fn appending_copies_seldom_and_wastes_little() {
    const AHEAD_MAX: usize = 1 << 20;
    let mut store = Store::new();
    let start = vec![b'x'; 3 * AHEAD_MAX];
    store.write(&[b"SET", b"k", &start]);
    let (mut moves, mut place) = (0, store.shared(b"k").as_ptr());
    for _ in 0..1000 {
        store.write(&[b"APPEND", b"k", &[b'y'; 2000]]);
        let value = store.shared(b"k");
        assert!(value.capacity() <= value.len() + AHEAD_MAX);
        moves += usize::from(value.as_ptr() != place);
        place = value.as_ptr();
    }
    assert!(moves <= 4, "moved {moves} times for 2 MB");
    let value = store.shared(b"k");
    assert_eq!(value.len(), start.len() + 2_000_000);
    let bytes = store.keyspace.live_bytes();
    assert!(bytes >= value.capacity(), "{bytes} bytes are counted");
}

#[test]
fn an_expiry_in_the_past_counts_as_expired() {
    let mut store = Store::new();
    for request in [
        [b"SET".as_slice(), b"k", b"w", b"PXAT", b"1"].as_slice(),
        &[b"GETEX", b"k", b"EXAT", b"1"],
    ] {
        store.write(&[b"SET", b"k", b"v"]);
        let before = store.batch.expired();
        store.write(request);
        assert_eq!(store.batch.expired(), before + 1);
        assert_eq!(store.read(&[b"GET", b"k"]), Reply::Null);
        store.write(request);
        assert_eq!(store.batch.expired(), before + 1, "nothing was there");
    }
}

#[test]
fn incrbyfloat_has_its_own_event_and_no_record_of_its_own() {
    let key = Key::new(b"k");
    let set = SetString { key, value: b"1.5", expiry: SetExpiry::Clear };
    let mut events = vec![];
    IncrByFloat(set).touched(&Keyspace::new(1, Reclaimer::inline()), Db(0), &mut |seen| {
        if let Touched::Key { event, .. } = seen {
            events.push(event);
        }
    });
    assert_eq!(events, ["incrbyfloat"]);
    let (mut sum, mut plain) = (vec![], vec![]);
    IncrByFloat(set).write(&mut sum);
    set.write(&mut plain);
    assert_eq!(sum, plain);
}

/// All of a batch's record bytes.
fn records(batch: &Batch) -> Vec<u8> {
    let records = batch.records();
    records.slices(Mark::default(), records.mark()).flatten().copied().collect()
}

/// Values that came as such are neither copied into the keyspace nor into the records, which are
/// the same bytes all the same.
#[test]
fn large_arguments_are_kept_and_recorded_without_a_copy() {
    let large: Vec<_> = (0..2).map(|n| Arc::new(vec![b'a' + n; LARGE_BYTES])).collect();
    let (a, b) = (&large[0][..], &large[1][..]);
    let requests: [&[&[u8]]; 9] = [
        &[b"SET", b"k", a],
        &[b"SET", b"k", b, b"PXAT", b"1800000000000"],
        &[b"SET", b"k", a, b"KEEPTTL"],
        &[b"SETEX", b"k", b"100", b],
        &[b"GETSET", b"k", a],
        &[b"SETNX", b"fresh", b],
        &[b"MSET", b"j", a, b"short", b"value", b"k", b],
        &[b"APPEND", b"new", a],
        &[b"APPEND", b"new", b],
    ];
    let (mut store, mut copying) = (Store::new(), Store::new());
    store.keyspace.offer(&large);
    for request in requests {
        store.write(request);
        copying.write(request);
        assert!(store.batch.bytes().len() < 200, "{} bytes are copied", store.batch.bytes().len());
        assert_eq!(records(&store.batch), records(&copying.batch), "{:?}", request[0]);
        assert_eq!(store.batch.len(), copying.batch.len());
        store.batch.clear();
        copying.batch.clear();
    }
    for (key, value) in [(b"k".as_slice(), 1), (b"j", 0), (b"fresh", 1)] {
        assert!(Arc::ptr_eq(&store.shared(key), &large[value]), "{key:?}");
    }
    assert_eq!(store.shared(b"new")[LARGE_BYTES - 1..=LARGE_BYTES], *b"ab");
    // What is kept may change; what was brought along does not.
    store.write(&[b"SETRANGE", b"k", b"0", b"z"]);
    assert_eq!((large[1][0], store.shared(b"k")[0]), (b'b', b'z'));
    // A slice of an offered value, or bytes equal to it, are not the value.
    store.write(&[b"SET", b"k", &a[..LARGE_BYTES - 1]]);
    assert_eq!(store.shared(b"k").len(), LARGE_BYTES - 1);
    let equal = a.to_vec();
    store.write(&[b"SET", b"k", &equal]);
    assert!(!Arc::ptr_eq(&store.shared(b"k"), &large[0]));
    store.keyspace.offer(&[]);
    store.write(&[b"SET", b"k", a]);
    assert!(!Arc::ptr_eq(&store.shared(b"k"), &large[0]), "it is not offered any more");
}

/// MULTI goes in front of a call's records where they lie among shared values.
#[test]
fn groups_of_records_with_large_values() {
    let large = [Arc::new(vec![b'a'; LARGE_BYTES])];
    let mut store = Store::new();
    store.write(&[b"SET", b"old", b"v", b"PXAT", b"1700000000001"]);
    store.keyspace.offer(&large);
    store.write(&[b"SET", b"k", &large[0]]);
    let before = store.batch.len();
    let Found::Command(command) = find(&[b"GETSET", b"old", &large[0]]) else { panic!() };
    let Handler::Write(handler) = command.handler else { panic!() };
    let later = UnixMs(NOW.0 + 10);
    let mut tx = Tx::begin(&mut store.keyspace, &mut store.batch, Db(0), later);
    succeeded(handler(&mut tx, &Call::new(command, &[b"GETSET", b"old", &large[0]])));
    drop(tx);
    let whole = records(&store.batch);
    let group = [
        b"*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$3\r\nold\r\n",
        b"*3\r\n$3\r\nSET\r\n$3\r\nold\r\n$65536\r\n".as_slice(),
        &large[0],
        b"\r\n*1\r\n$4\r\nEXEC\r\n",
    ];
    assert!(whole[before..] == group.concat());
}

/// A record of many megabytes does not cost its memory for ever.
#[test]
fn a_batch_keeps_little_memory() {
    let mut store = Store::new();
    store.write(&[b"SET", b"k", &vec![b'x'; 20 << 20]]);
    assert!(store.batch.capacity() >= 20 << 20);
    store.batch.clear();
    assert!(store.batch.capacity() <= 1 << 20, "{}", store.batch.capacity());
}
