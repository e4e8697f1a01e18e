//! What transcripts cannot see: dense registers are changed in place, and the limit for sparse ones
//! is the server's.

use crate::base::clock::UnixMs;
use crate::command::table::Found;
use crate::command::{Call, Handler, find};
use crate::keyspace::{Batch, Db, Key, Keyspace, Reclaimer, StringRef, Tx};
use crate::resp::Reply;
use crate::types::Limits;
use crate::types::hyperloglog::{Encoding, encoding};

struct Store {
    keyspace: Keyspace,
    batch: Batch,
}

impl Store {
    fn new() -> Self {
        Store { keyspace: Keyspace::new(1, Reclaimer::inline()), batch: Batch::default() }
    }

    fn run(&mut self, now: u64, words: &[&[u8]]) -> i64 {
        let Found::Command(command) = find(words) else { panic!("no such command") };
        let Handler::Write(handler) = command.handler else { panic!("not a write") };
        let mut tx = Tx::begin(&mut self.keyspace, &mut self.batch, Db(0), UnixMs(now));
        match handler(&mut tx, &Call::new(command, words)) {
            Ok(Reply::Int(number)) => number,
            other => panic!("{other:?}"),
        }
    }

    fn add(&mut self, now: u64, n: u64) -> i64 {
        self.run(now, &[b"PFADD", b"k", n.to_string().as_bytes()])
    }

    fn value(&self) -> Vec<u8> {
        let value = self.keyspace.view(Db(0), UnixMs::ZERO).string(Key::new(b"k"));
        value.unwrap().unwrap().to_bytes()
    }

    fn place(&self) -> *const u8 {
        match self.keyspace.view(Db(0), UnixMs::ZERO).string(Key::new(b"k")) {
            Ok(Some(StringRef::Shared(bytes))) => bytes.as_ptr(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn dense_registers_are_changed_in_place() {
    let mut store = Store::new();
    store.add(1, 0);
    assert_eq!(store.run(1, &[b"PFDEBUG", b"TODENSE", b"k"]), 1);
    let before = store.place();
    let updated: i64 = (0..1000).map(|n| store.add(1, n)).sum();
    assert!(updated > 900);
    assert_eq!(store.place(), before);
}

#[test]
fn the_limit_is_a_setting_and_none_of_a_replay() {
    let mut store = Store::new();
    store.keyspace.set_limits(Limits { hll_sparse_bytes: 100, ..Limits::default() });
    let added: i64 = (0..100).map(|n| store.add(1, n)).sum();
    assert_eq!(added, 100);
    assert_eq!(encoding(&store.value()), Some(Encoding::Dense));
    let mut replay = Store::new();
    replay.keyspace.set_limits(Limits { hll_sparse_bytes: 100, ..Limits::default() });
    let added: i64 = (0..100).map(|n| replay.add(0, n)).sum();
    assert_eq!(added, 100);
    assert_eq!(encoding(&replay.value()), Some(Encoding::Sparse));
}
