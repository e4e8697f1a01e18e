//! What transcripts cannot see: long strings are changed in place.

use crate::base::clock::UnixMs;
use crate::command::table::Found;
use crate::command::{Call, Handler, find};
use crate::keyspace::{Batch, Db, Key, Keyspace, Reclaimer, StringRef, Tx};
use crate::resp::Reply;

const NOW: UnixMs = UnixMs(1_700_000_000_000);

fn write(keyspace: &mut Keyspace, batch: &mut Batch, words: &[&[u8]]) -> Reply<'static> {
    let Found::Command(command) = find(words) else { panic!("no such command") };
    let Handler::Write(handler) = command.handler else { panic!("not a write") };
    let mut tx = Tx::begin(keyspace, batch, Db(0), NOW);
    match handler(&mut tx, &Call::new(command, words)) {
        Ok(Reply::Int(number)) => Reply::Int(number),
        Ok(Reply::Ok) => Reply::Ok,
        Ok(Reply::Array(replies)) => Reply::Int(replies.len() as i64),
        other => panic!("{other:?}"),
    }
}

fn place(keyspace: &Keyspace, key: &[u8]) -> *const u8 {
    match keyspace.view(Db(0), NOW).string(Key::new(key)) {
        Ok(Some(StringRef::Shared(bytes))) => bytes.as_ptr(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_string_is_changed_where_it_lies_unless_it_is_frozen() {
    let (mut keyspace, mut batch) = (Keyspace::new(1, Reclaimer::inline()), Batch::default());
    let mut run = |words: &[&[u8]], keyspace: &mut Keyspace| write(keyspace, &mut batch, words);
    run(&[b"SETBIT", b"k", b"800000", b"1"], &mut keyspace);
    let before = place(&keyspace, b"k");
    run(&[b"SETBIT", b"k", b"5", b"1"], &mut keyspace);
    run(&[b"BITFIELD", b"k", b"SET", b"i32", b"#77", b"-5"], &mut keyspace);
    assert_eq!(place(&keyspace, b"k"), before);
    let frozen = keyspace.freeze();
    assert_eq!(run(&[b"SETBIT", b"k", b"5", b"1"], &mut keyspace), Reply::Int(1));
    assert_eq!(place(&keyspace, b"k"), before, "nothing was changed, so nothing is copied");
    assert_eq!(run(&[b"SETBIT", b"k", b"5", b"0"], &mut keyspace), Reply::Int(1));
    assert_ne!(place(&keyspace, b"k"), before);
    assert_eq!(place(frozen.keyspace(), b"k"), before);
}
