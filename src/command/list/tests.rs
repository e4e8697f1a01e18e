//! Indexes; and what transcripts are too short for: the laws, on lists in their large form.

use super::resolved;
use crate::engine::check::{Local, check_laws};
use crate::resp::OwnedReply;

fn run(local: &mut Local, request: &str) -> OwnedReply {
    let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
    local.reply(&words).expect("a reply")
}

fn fill(local: &mut Local, key: &str, count: usize) {
    let values: Vec<String> = (0..count).map(|n| format!("{key}:{n:08}")).collect();
    let mut words: Vec<&[u8]> = vec![b"RPUSH", key.as_bytes()];
    words.extend(values.iter().map(|value| value.as_bytes()));
    local.run(&words);
}

#[test]
fn records_of_large_lists_replay() {
    let mut local = Local::default();
    fill(&mut local, "a", 5000);
    fill(&mut local, "b", 3000);
    let encoding = run(&mut local, "OBJECT ENCODING a");
    assert_eq!(encoding, OwnedReply::Bulk(b"quicklist".to_vec()));
    for request in [
        "LPUSH a x y z",
        "LSET a 2500 in-the-middle",
        "LSET a -1 12345",
        "LINSERT a BEFORE a:00004000 inserted",
        "LINSERT a AFTER missing nothing",
        "LPOP a 1000",
        "RPOP a 3",
        "LREM a 0 a:00002000",
        "LREM a -1 inserted",
        "LMOVE a b RIGHT LEFT",
        "RPOPLPUSH b b",
        "LMOVEM b a LEFT LEFT COUNT 1200 OBO",
        "LMOVEM b b RIGHT LEFT COUNT 10 BULK",
        "LTRIM a 10 -1001",
        "SORT b ALPHA DESC LIMIT 0 600 STORE c",
        "SORT a BY nosort STORE d",
        "LMPOP 2 missing d LEFT COUNT 700",
        "COPY a e",
        "LTRIM e 100 99",
        "RENAME d f",
    ] {
        let reply = run(&mut local, request);
        assert!(!matches!(reply, OwnedReply::Error(_)), "{request}: {reply:?}");
    }
    check_laws(&local);
    // What is left of a large list is a small one; and gone when nothing is.
    run(&mut local, "LTRIM a 0 9");
    let encoding = run(&mut local, "OBJECT ENCODING a");
    assert_eq!(encoding, OwnedReply::Bulk(b"listpack".to_vec()));
    run(&mut local, "LPOP f 100000");
    assert_eq!(run(&mut local, "EXISTS e f"), OwnedReply::Int(0));
    check_laws(&local);
}

#[test]
fn a_move_of_many_is_pushed_in_pieces() {
    for (sides, order, reversed) in [
        ("LEFT RIGHT", "BULK", false),
        ("LEFT LEFT", "BULK", false),
        ("LEFT LEFT", "OBO", true),
        ("RIGHT LEFT", "OBO", false),
    ] {
        let mut local = Local::default();
        fill(&mut local, "a", 12_000);
        let before = run(&mut local, "LRANGE a 0 -1");
        let records = local.records().len();
        let moved = run(&mut local, &format!("LMOVEM a b {sides} COUNT 20000 {order}"));
        assert_eq!(run(&mut local, "LRANGE b 0 -1"), moved);
        let (OwnedReply::Array(mut before), OwnedReply::Array(moved)) = (before, moved) else {
            panic!("two arrays");
        };
        if reversed {
            before.reverse();
        }
        assert!(moved == before, "{sides} {order}");
        let written = String::from_utf8_lossy(&local.records()[records..]).into_owned();
        assert_eq!(written.matches("PUSH\r\n$1\r\nb").count(), 2, "{sides} {order}");
        check_laws(&local);
    }
}

#[test]
fn long_replies_are_the_same_as_short_ones() {
    let mut local = Local::default();
    fill(&mut local, "a", 2500);
    let elements = |reply: OwnedReply| match reply {
        OwnedReply::Array(elements) => elements,
        other => panic!("{other:?}"),
    };
    // Borrowed up to 1,000 elements, encoded at once above.
    let whole = elements(run(&mut local, "LRANGE a 0 -1"));
    let mut parts = elements(run(&mut local, "LRANGE a 0 999"));
    parts.extend(elements(run(&mut local, "LRANGE a 1000 1999")));
    parts.extend(elements(run(&mut local, "LRANGE a 2000 -1")));
    assert_eq!(whole.len(), 2500);
    assert_eq!(whole, parts);
}

#[test]
fn indexes_from_either_end() {
    for (index, expected) in
        [(0, Some(0)), (2, Some(2)), (3, None), (-1, Some(2)), (-3, Some(0)), (-4, None)]
    {
        assert_eq!(resolved(index, 3), expected, "{index}");
    }
    assert_eq!(resolved(i64::MIN, 3), None);
    assert_eq!(resolved(i64::MAX, 3), None);
}
