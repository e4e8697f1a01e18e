//! What transcripts cannot see: what is shared and what is copied, memory, events, counters.

use crate::base::clock::UnixMs;
use crate::command::table::Found;
use crate::command::{Call, Handler, Result, find};
use crate::keyspace::record::Change;
use crate::keyspace::record::{IncrByFloat, SetExpiry, SetString};
use crate::keyspace::{Batch, Db, Key, Keyspace, Reclaimer, Touched, Tx};
use crate::resp::Reply;
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
