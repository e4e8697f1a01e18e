//! Streams: what tests make of them, and the types of Redis 8.6 and 8.8, of which we have no
//! server. Their bytes are written out by hand.

use std::borrow::Cow;

use super::super::*;
use crate::rdb::dump::DumpValue;
use crate::rdb::stream::{Consumer, Group, Id, NOBODY, Pending, Stream};
use crate::types::packed::{Element, Packed};
use crate::types::stream::{Chunk, Idempotency};

/// A stream of these entries, three to a node, with two groups that have read half of it.
pub(super) fn stream_of(entries: &[(u8, Vec<u8>, bool)]) -> Stream<'static> {
    let mut stream = Stream { max_deleted_id: Id { ms: 1, seq: 0 }, ..Stream::default() };
    let mut at = Id { ms: 1, seq: 1 };
    let mut ids = Vec::new();
    for entries in entries.chunks(3) {
        let live = entries.iter().filter(|(_, _, deleted)| !deleted).count();
        let mut all: Vec<Element<'_>> = [live, entries.len() - live, 2, 7, 8, 0]
            .map(|number| Element::Int(number as i64))
            .to_vec();
        let master = at;
        for (step, value, deleted) in entries {
            let same = step % 2 == 0;
            let flags = i64::from(*deleted) | if same { 2 } else { 0 };
            let ms = (at.ms - master.ms) as i64;
            let seq = at.seq.wrapping_sub(master.seq).cast_signed();
            all.extend([flags, ms, seq].map(Element::Int));
            if same {
                all.extend([Element::Bytes(value), Element::Int(1), Element::Int(5)]);
            } else {
                let pair = [Element::Bytes(value), Element::Bytes(value)];
                all.extend([Element::Int(1), pair[0], pair[1], Element::Int(6)]);
            }
            if !deleted {
                stream.length += 1;
                ids.push(at);
            }
            stream.last_id = at;
            at = if *step < 100 {
                Id { seq: at.seq + 1, ..at }
            } else {
                Id { ms: at.ms + u64::from(*step), seq: 0 }
            };
        }
        if live > 0 {
            let packed: Packed = all.into_iter().collect();
            let mut listpack = Vec::new();
            listpack::put(&mut listpack, packed.len(), packed.as_ref().entries()).unwrap();
            stream.nodes.push(Chunk::checked(master, listpack).unwrap());
        }
    }
    stream.first_id = ids.first().copied().unwrap_or_default();
    stream.last_id = stream.last_id.max(stream.max_deleted_id);
    stream.entries_added = entries.len() as u64;
    let consumer = |name: &'static [u8], active_ms| Consumer {
        name: Cow::Borrowed(name),
        seen_ms: 1_700_000_000_000,
        active_ms,
    };
    let pending = ids.iter().enumerate().take(ids.len() / 2).map(|(index, id)| Pending {
        id: *id,
        time_ms: 1_700_000_000_000 + index as i64,
        count: index as u64,
        consumer: index % 2,
    });
    stream.groups = vec![
        Group {
            name: Cow::Borrowed(b"group"),
            last_id: stream.last_id,
            entries_read: Some(2),
            pending: pending.collect(),
            released: Vec::new(),
            consumers: vec![consumer(b"a", -1), consumer(b"5", 9)],
        },
        Group { name: Cow::Borrowed(b""), ..Group::default() },
    ];
    stream
}

/// The same with every third pending entry released, the last one first, and idempotent ids.
pub(super) fn with_extras(mut stream: Stream<'static>) -> Stream<'static> {
    for group in &mut stream.groups {
        for pending in group.pending.iter_mut().rev().step_by(3) {
            (pending.consumer, pending.time_ms) = (NOBODY, 0);
            group.released.push(pending.id);
        }
    }
    let mut known = Idempotency::default();
    known.configure(5, 3);
    for n in 0..20u8 {
        known.record(&[b'p', n % 3], &vec![n; usize::from(n)], Id { ms: u64::from(n), seq: 1 });
    }
    known.count_duplicate();
    stream.idempotency = Some(known);
    stream
}

/// A stream without entries, with a group that has 1-0 released and 2-0 pending, as type 27;
/// without what only that has, it is type 26.
fn by_hand(number: u8, released: &[u8], owned: u8) -> Vec<u8> {
    let id = |ms: u8| [[0; 7].as_slice(), &[ms], &[0; 8]].concat();
    let time = |ms: i64| ms.to_le_bytes().to_vec();
    let mut body = vec![number, 0, 0, 5, 0, 0, 0, 0, 0, 2];
    body.extend([1, 1, b'g', 5, 0, 2]);
    body.push(2);
    body.extend([id(1), time(0), vec![7], id(2), time(1_700_000_000_000), vec![1]].concat());
    body.extend([1, 1, b'c']);
    body.extend([time(1_700_000_000_001), time(-1), vec![1], id(owned)].concat());
    if number == 27 {
        body.push(released.len() as u8);
        released.iter().for_each(|ms| body.extend(id(*ms)));
    }
    // 100 seconds and 100 ids; the producer "p" and its message "i", which is 2-0.
    body.extend([0x40, 100, 0x40, 100, 1, 1, b'p', 1, 1, b'i', 2, 0, 4, 3]);
    body
}

fn decoded(body: &[u8]) -> Option<Vec<String>> {
    let payload = fuzzing::framed(body, Format::V14.number());
    let mut scratch = Vec::new();
    match dump::decode(&payload, &mut scratch) {
        Ok(DumpValue::Stream(stream)) => Some(fuzzing::stream(&stream)),
        _ => None,
    }
}

#[test]
fn what_redis_8_writes_is_read_and_written_the_same() {
    let body = by_hand(27, &[1], 2);
    let payload = fuzzing::framed(&body, Format::V14.number());
    let mut scratch = Vec::new();
    let Ok(DumpValue::Stream(stream)) = dump::decode(&payload, &mut scratch) else {
        panic!("a stream");
    };
    let group = &stream.groups[0];
    assert_eq!(group.released, [Id { ms: 1, seq: 0 }]);
    let owners: Vec<_> = group.pending.iter().map(|one| (one.consumer, one.count)).collect();
    assert_eq!(owners, [(NOBODY, 7), (0, 1)]);
    let known = stream.idempotency.as_ref().unwrap();
    assert_eq!(known.find(b"p", b"i", 0), Some(Id { ms: 2, seq: 0 }));
    assert_eq!((known.added(), known.duplicates()), (4, 3));
    let mut again = Vec::new();
    let value = ValueRef::Stream(&*stream);
    dump::encode(&value, true, Format::V14, &mut again).unwrap();
    assert_eq!(again, payload);
    for format in [Format::V10, Format::V12, Format::Valkey80] {
        let error = dump::encode(&value, true, format, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("cannot hold a stream's released entries"), "{error}");
    }
    // What is built of it is written the same.
    let built = stream.build().unwrap();
    let mut again = Vec::new();
    dump::encode(&ValueRef::Stream(&built), true, Format::V14, &mut again).unwrap();
    assert_eq!(again, payload);
}

#[test]
fn released_entries_are_pending_and_nobodys() {
    assert!(decoded(&by_hand(27, &[1], 2)).is_some());
    // Not released: nobody has 1-0. Released twice, or another, or one that the consumer has.
    for (released, owned) in [(&[][..], 2), (&[1, 1], 2), (&[3], 2), (&[1, 2], 2), (&[1], 1)] {
        assert_eq!(decoded(&by_hand(27, released, owned)), None, "{released:?} {owned}");
    }
    // Type 26 knows no release.
    assert_eq!(decoded(&by_hand(26, &[], 2)), None);
    // A producer twice, or without a message; too long, too many, none.
    let good = by_hand(27, &[1], 2);
    let tail = good.len() - 14;
    for bad in [
        &[0x40, 100, 0x40, 100, 2, 1, b'p', 1, 1, b'i', 2, 0, 1, b'p', 1, 1, b'j', 2, 0, 4, 3][..],
        &[0x40, 100, 0x40, 100, 1, 1, b'p', 2, 1, b'i', 2, 0, 1, b'i', 2, 0, 4, 3],
        &[0x40, 100, 0x40, 100, 1, 1, b'p', 0, 4, 3],
        &[0x80, 0, 1, 0x51, 0x81, 0x40, 100, 0, 4, 3],
        &[0x40, 100, 0x67, 0x11, 0, 4, 3],
        &[0, 0x40, 100, 0, 4, 3],
    ] {
        assert_eq!(decoded(&[&good[..tail], bad].concat()), None, "{bad:?}");
    }
    let quiet = [&good[..tail], &[0x40, 100, 0x40, 100, 0, 0, 0]].concat();
    assert!(
        decoded(&quiet).is_some_and(|lines| !lines.iter().any(|line| line.starts_with("100 ")))
    );
}

#[test]
fn damage_is_survived() {
    let mut body = Vec::new();
    let entries: Vec<_> = (0..8u8).map(|n| (n * 12, vec![b'x'; 5], n % 5 == 3)).collect();
    let value = with_extras(stream_of(&entries));
    dump::encode(&ValueRef::Stream(&value), false, Format::V14, &mut body).unwrap();
    let body = &body[..body.len() - 10];
    for at in 0..body.len() {
        for with in [0, 1, 0x40, 0x81, 0xFF] {
            let mut damaged = body.to_vec();
            damaged[at] ^= with;
            fuzzing::dump_as(&damaged, Format::V14.number());
        }
        fuzzing::dump_as(&body[..at], Format::V14.number());
    }
}
