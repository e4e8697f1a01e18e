//! Streams against a naive twin: entries in a map, groups as maps.

use super::*;
use crate::types::packed::Element;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Pair = (Vec<u8>, Vec<u8>);

/// What a stream holds, without any cleverness.
#[derive(Clone, Default)]
struct Twin {
    entries: BTreeMap<StreamId, Vec<Pair>>,
    /// Ids of each chunk, deleted ones too, and its bytes as Redis counts them.
    chunks: Vec<Vec<StreamId>>,
    last: StreamId,
    max_deleted: StreamId,
    added: u64,
}

impl Twin {
    fn trim(&mut self, length: usize) {
        while self.entries.len() > length {
            self.entries.pop_first();
        }
        let entries = &self.entries;
        self.chunks.retain(|chunk| chunk.iter().any(|id| entries.contains_key(id)));
    }

    /// Redis' loop over nodes.
    fn approximate(&self, trim: Trim, limit: usize) -> usize {
        let (mut length, mut removed) = (self.entries.len(), 0);
        for chunk in &self.chunks {
            let live = chunk.iter().filter(|id| self.entries.contains_key(id)).count();
            let goes = match trim {
                Trim::Length(most) => length as u64 > most && (length - live) as u64 >= most,
                Trim::Id(id) => chunk.last().is_some_and(|last| *last < id),
            };
            if !goes || (limit > 0 && removed + live > limit) {
                break;
            }
            removed += live;
            length -= live;
        }
        length
    }
}

fn borrowed(pairs: &[Pair]) -> impl Pairs<'_> {
    pairs.iter().map(|(field, value)| (Element::Bytes(field), Element::Bytes(value)))
}

fn owned(entry: &Entry<'_>) -> (StreamId, Vec<Pair>) {
    let pairs = entry.pairs().map(|(field, value)| (field.to_vec(), value.to_vec()));
    assert_eq!(entry.fields(), entry.pairs().count());
    (entry.id, pairs.collect())
}

fn all(stream: &Stream) -> Vec<(StreamId, Vec<Pair>)> {
    stream.range(StreamId::MIN, StreamId::MAX).map(|entry| owned(&entry)).collect()
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

/// Chunks that break off soon, so that small tests have many.
fn limits() -> Limits {
    Limits { stream_node_bytes: 300, stream_node_entries: 6, ..Limits::default() }
}

#[derive(Debug, Clone)]
enum Op {
    Add(u64, Vec<Pair>),
    Delete(prop::sample::Index),
    TrimLength(usize),
    TrimId(prop::sample::Index),
    Approximate(usize, usize),
    ApproximateId(prop::sample::Index),
    Range(prop::sample::Index, prop::sample::Index),
    Keep,
}

fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let field =
        prop_oneof![Just(b"a".to_vec()), Just(b"temperature".to_vec()), Just(b"7".to_vec())];
    let value = prop_oneof![
        4 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        4 => (0i64..200).prop_map(|n| n.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 0..20),
        1 => prop::collection::vec(any::<u8>(), 100..400),
    ];
    let free = prop::collection::vec((field, value.clone()), 1..4);
    let same = value.prop_map(|value| vec![(b"temperature".to_vec(), value)]);
    prop_oneof![free, same]
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        20 => (0u64..3, pairs()).prop_map(|(step, pairs)| Op::Add(step, pairs)),
        6 => index().prop_map(Op::Delete),
        1 => (0usize..60).prop_map(Op::TrimLength),
        1 => index().prop_map(Op::TrimId),
        2 => (0usize..60, 0usize..30).prop_map(|(length, limit)| Op::Approximate(length, limit)),
        2 => index().prop_map(Op::ApproximateId),
        4 => (index(), index()).prop_map(|(start, end)| Op::Range(start, end)),
        1 => Just(Op::Keep),
    ]
}

/// An id that is in the twin, or near one.
fn some_id(twin: &Twin, index: &prop::sample::Index) -> StreamId {
    let near: Vec<StreamId> = twin
        .chunks
        .iter()
        .flatten()
        .flat_map(|id| [Some(*id), id.next(), id.previous()])
        .flatten()
        .chain([StreamId::MIN, StreamId::MAX])
        .collect();
    near[index.index(near.len())]
}

fn add(stream: &mut Stream, twin: &mut Twin, id: StreamId, pairs: Vec<Pair>) {
    let before = stream.chunks.last_leaf().map(|chunk| (chunk.master(), chunk.bytes().len()));
    let bytes: usize = pairs.iter().map(|(field, value)| field.len() + value.len()).sum();
    stream.add(id, borrowed(&pairs), &limits());
    let full = twin.chunks.last().is_none_or(|chunk| chunk.len() >= 6);
    let begins = full || before.is_none_or(|(_, size)| size + bytes >= 300);
    if begins {
        twin.chunks.push(vec![]);
    }
    twin.chunks.last_mut().unwrap().push(id);
    assert_eq!(stream.chunks().count(), twin.chunks.len());
    twin.entries.insert(id, pairs);
    twin.last = id;
    twin.added += 1;
}

fn run(ops: Vec<Op>) {
    let (mut stream, mut twin) = (Stream::new(), Twin::default());
    let mut kept: Vec<(Stream, Twin)> = vec![];
    for op in ops {
        match op {
            Op::Add(step, pairs) => {
                let StreamId { ms, seq } = twin.last;
                let next = if step == 0 { id(ms, seq + 3) } else { id(ms + step, seq / 2) };
                add(&mut stream, &mut twin, next, pairs);
            }
            Op::Delete(index) => {
                let id = some_id(&twin, &index);
                let there = twin.entries.remove(&id).is_some();
                assert_eq!(stream.delete(id), there);
                if there {
                    twin.max_deleted = twin.max_deleted.max(id);
                    twin.trim(usize::MAX);
                }
            }
            Op::TrimLength(length) => {
                let (removed, _) = stream.trim(Trim::Length(length as u64));
                assert_eq!(removed, twin.entries.len().saturating_sub(length));
                twin.trim(length);
            }
            Op::TrimId(index) => {
                let id = some_id(&twin, &index);
                let left = twin.entries.range(id..).count();
                assert_eq!(stream.trim(Trim::Id(id)).0, twin.entries.len() - left);
                twin.trim(left);
            }
            Op::Approximate(length, limit) => {
                let trim = Trim::Length(length as u64);
                let left = stream.length_after_approximate(trim, limit, None, &limits());
                assert_eq!(left as usize, twin.approximate(trim, limit));
                stream.trim(Trim::Length(left));
                twin.trim(left as usize);
            }
            Op::ApproximateId(index) => {
                // With an entry added in the same step: foreseen, then done.
                let (trim, next) = (Trim::Id(some_id(&twin, &index)), twin.last.next().unwrap());
                let pairs = vec![(b"a".to_vec(), vec![b'x'; 30])];
                let adding = Some((next, 31));
                let left = stream.length_after_approximate(trim, 0, adding, &limits());
                add(&mut stream, &mut twin, next, pairs);
                assert_eq!(left as usize, twin.approximate(trim, 0), "{trim:?}");
                stream.trim(Trim::Length(left));
                twin.trim(left as usize);
            }
            Op::Range(start, end) => {
                ranges(&stream, &twin, some_id(&twin, &start), some_id(&twin, &end));
            }
            Op::Keep => kept.push((stream.clone(), twin.clone())),
        }
        agree(&stream, &twin);
    }
    for (stream, twin) in &kept {
        agree(stream, twin);
        assert_eq!(all(stream), twin.entries.clone().into_iter().collect::<Vec<_>>());
    }
    assert_eq!(all(&stream), twin.entries.clone().into_iter().collect::<Vec<_>>());
    loads_again(&stream);
}

/// A range from either end, and an entry by its id.
fn ranges(stream: &Stream, twin: &Twin, start: StreamId, end: StreamId) {
    let wanted: Vec<StreamId> = if start <= end {
        twin.entries.range(start..=end).map(|(id, _)| *id).collect()
    } else {
        vec![]
    };
    let mut found: Vec<_> = stream.range(start, end).map(|entry| entry.id).collect();
    assert_eq!(found, wanted);
    found.reverse();
    let back: Vec<_> = stream.range_back(end, start).map(|entry| entry.id).collect();
    assert_eq!(back, found);
    assert_eq!(stream.get(start).is_some(), twin.entries.contains_key(&start));
    assert!(stream.range_len(start, end) >= wanted.len());
}

fn agree(stream: &Stream, twin: &Twin) {
    let ends = (twin.entries.first_key_value(), twin.entries.last_key_value());
    assert_eq!(stream.len(), twin.entries.len());
    assert_eq!(stream.first_id(), ends.0.map_or(StreamId::MIN, |(id, _)| *id));
    assert_eq!(stream.last().map(|entry| entry.id), ends.1.map(|(id, _)| *id));
    assert_eq!((stream.last_id(), stream.entries_added()), (twin.last, twin.added));
    assert_eq!(stream.max_deleted_id(), twin.max_deleted);
    let masters: Vec<StreamId> = stream.chunks().map(Chunk::master).collect();
    let wanted: Vec<StreamId> = twin.chunks.iter().map(|chunk| chunk[0]).collect();
    assert_eq!(masters, wanted);
}

/// Chunks are what an RDB file has; a file may not be right, and then it is found out.
fn loads_again(stream: &Stream) {
    let mut loaded = Stream::new();
    for chunk in stream.chunks() {
        let again = Chunk::checked(chunk.master(), chunk.bytes().to_vec()).unwrap();
        assert_eq!(again, *chunk);
        loaded.push_chunk(again).unwrap();
    }
    loaded.set_id(stream.last_id(), stream.entries_added(), stream.max_deleted_id());
    assert_eq!(all(&loaded), all(stream));
    if let Some(chunk) = stream.chunks().next() {
        assert!(loaded.push_chunk(chunk.clone()).is_err());
    }
}

/// Owner, time and count; what is released is nobody's.
type PendingTwin = BTreeMap<StreamId, (Option<&'static [u8]>, i64, u64)>;

/// The order by time, as it was kept or is made now.
fn same_order_by_time(group: &Group, twin: &PendingTwin, released: &[StreamId]) {
    let mut group = group.clone();
    group.index_times();
    let owned = twin.iter().filter(|(_, one)| one.0.is_some());
    let mut owned: Vec<_> = owned.map(|(id, one)| (one.1, *id)).collect();
    owned.sort_unstable();
    let until = owned.len() as i64;
    let idle = owned.iter().filter(|(time, _)| *time <= until).map(|(_, id)| *id);
    let wanted: Vec<_> = released.iter().copied().chain(idle).collect();
    let found: Vec<_> = group.idle_since(until).map(|one| one.id).collect();
    assert_eq!(found, wanted);
    let next = owned.iter().map(|(time, _)| *time).find(|time| *time > until);
    assert_eq!(group.delivered_after(until), next);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn like_the_naive_twin(ops in prop::collection::vec(op(), 1..150)) {
        run(ops);
    }

    #[test]
    fn a_damaged_chunk_is_refused_or_can_be_read(
        pairs in prop::collection::vec(pairs(), 1..6),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut stream = Stream::new();
        for (seq, pairs) in (1..).zip(&pairs) {
            stream.add(id(1, seq), borrowed(pairs), &Limits::default());
        }
        for chunk in stream.chunks() {
            let mut bytes = chunk.bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(mut chunk) = Chunk::checked(chunk.master(), bytes.clone()) {
                let ids: Vec<_> = chunk.entries().map(|entry| owned(&entry).0).collect();
                assert_eq!(ids.len(), chunk.len());
                assert_eq!(chunk.entries().rev().count(), ids.len());
                for id in ids {
                    assert!(chunk.delete(id));
                }
                assert!(chunk.is_empty());
            }
            bytes.truncate(at);
            assert!(Chunk::checked(chunk.master(), bytes).is_err());
        }
    }

    #[test]
    fn a_group_like_its_twin(ops in prop::collection::vec((0u8..11, 0u64..40, 0usize..4), 1..200)) {
        let names: [&'static [u8]; 4] = [b"alice", b"bob", b"carol", b""];
        let mut group = Group::new(b"g", StreamId::MIN, 0);
        let mut twin = PendingTwin::new();
        let mut released: Vec<StreamId> = vec![];
        let mut consumers: BTreeSet<&[u8]> = BTreeSet::new();
        let mut kept = vec![];
        for (time, (kind, seq, who)) in (0..).zip(ops) {
            let name = names[who];
            match kind {
                0..=3 => {
                    assert_eq!(group.add_consumer(name, time), consumers.insert(name));
                    let ids: Vec<_> = (seq..seq + u64::from(kind)).map(|seq| id(1, seq)).collect();
                    group.deliver(name, &ids, time, u64::from(kind));
                    for id in ids {
                        released.retain(|one| *one != id);
                        twin.insert(id, (Some(name), time, u64::from(kind)));
                    }
                }
                4 | 5 => {
                    released.retain(|one| *one != id(1, seq));
                    assert_eq!(group.acknowledge(id(1, seq)), twin.remove(&id(1, seq)).is_some());
                }
                6 => {
                    let before = twin.len();
                    twin.retain(|_, (owner, ..)| *owner != Some(name));
                    let wanted = consumers.remove(name).then_some(before - twin.len());
                    assert_eq!(group.remove_consumer(name), wanted);
                }
                7 | 8 => {
                    let id = id(1, seq);
                    released.retain(|one| *one != id);
                    released.push(id);
                    twin.insert(id, (None, 0, seq));
                    group.release(id, seq);
                }
                9 => group.index_times(),
                _ => kept.push((group.clone(), twin.clone(), released.clone(), consumers.clone())),
            }
        }
        kept.push((group, twin, released, consumers));
        for (group, twin, released, consumers) in kept {
            let found: Vec<StreamId> = group.released().map(|one| one.id).collect();
            assert_eq!(found, released);
            assert_eq!(group.released_len(), released.len());
            same_order_by_time(&group, &twin, &released);
            let found: Vec<_> = group
                .pending_from(StreamId::MIN)
                .map(|pending| {
                    let owner = Some(group.owner(pending)).filter(|_| !pending.is_released());
                    (pending.id, (owner, pending.time(), pending.count))
                })
                .collect();
            assert_eq!(found, twin.clone().into_iter().collect::<Vec<_>>());
            assert_eq!(group.pending_len(), twin.len());
            let found: Vec<_> = group.consumers().map(Consumer::name).collect();
            assert_eq!(found, consumers.into_iter().collect::<Vec<_>>());
            for consumer in group.consumers() {
                let ids: Vec<_> = consumer.pending_from(id(1, 10)).collect();
                let wanted = twin.range(id(1, 10)..).filter(|(_, p)| p.0 == Some(consumer.name()));
                assert_eq!(ids, wanted.map(|(id, _)| *id).collect::<Vec<_>>());
                let all = twin.values().filter(|one| one.0 == Some(consumer.name())).count();
                assert_eq!(consumer.pending_len(), all);
            }
        }
    }
}

#[test]
fn chunks_are_what_redis_writes() {
    // From DUMP of Redis 7.0.15 after XADD 1-1 f v g 5, XADD 1-2 f w g 6, XADD 2-0 h x, XDEL 1-2.
    let mut stream = Stream::new();
    type Pairs<'a> = &'a [(&'a [u8], &'a [u8])];
    let entries: [(StreamId, Pairs<'_>); 3] = [
        (id(1, 1), &[(b"f", b"v"), (b"g", b"5")]),
        (id(1, 2), &[(b"f", b"w"), (b"g", b"6")]),
        (id(2, 0), &[(b"h", b"x")]),
    ];
    for (id, pairs) in entries {
        let pairs = pairs.iter().map(|(f, v)| (Element::Bytes(f), Element::Bytes(v)));
        stream.add(id, pairs, &Limits::default());
    }
    assert!(stream.delete(id(1, 2)));
    let chunk = stream.chunks().next().unwrap();
    let hex: String = chunk.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, REDIS_CHUNK);
}

/// See [`chunks_are_what_redis_writes`].
const REDIS_CHUNK: &str = "400000001900020101010201816602816702000102010001000181760205010501\
    0301000101018177020601050100010101dfff0201018168028178020601ff";

#[test]
fn memory_is_counted_and_a_clone_costs_nothing() {
    let mut stream = Stream::new();
    assert_eq!(stream.heap_bytes(), 0);
    let mut group = Group::new(b"g", StreamId::MIN, 0);
    group.add_consumer(b"c", 5);
    stream.put_group(group);
    let ids: Vec<StreamId> = (1..=10_000).map(|ms| id(ms, 0)).collect();
    for id in &ids {
        stream.add(
            *id,
            [(Element::Bytes(b"field"), Element::Int(7))].into_iter(),
            &Limits::default(),
        );
    }
    stream.edit_group(b"g", |group| group.deliver(b"c", &ids, 5, 1));
    let bytes = stream.heap_bytes();
    let chunks: usize = stream.chunks().map(|chunk| chunk.bytes().len()).sum();
    assert!(bytes > chunks + 10_000 * 48 && bytes < chunks + 10_000 * 80, "{bytes}, {chunks}");
    let frozen = stream.clone();
    stream.edit_group(b"g", |group| {
        for id in &ids {
            assert!(group.acknowledge(*id));
        }
    });
    stream.trim(Trim::Length(0));
    assert_eq!(frozen.heap_bytes(), bytes);
    assert!(stream.heap_bytes() < 1000, "{}", stream.heap_bytes());
    assert_eq!(frozen.group(b"g").unwrap().pending_len(), 10_000);
}

#[test]
fn counters_end_where_records_end() {
    let limits = limits();
    let most = i64::MAX.cast_unsigned();
    let mut stream = Stream::new();
    stream.set_id(id(1, 0), most, StreamId::MIN);
    let group = Group::new(b"g", id(1, 0), i64::MAX);
    for n in 2..4 {
        stream.add(id(n, 0), borrowed(&[(b"f".to_vec(), b"v".to_vec())]), &limits);
    }
    assert_eq!(stream.entries_added(), most);
    assert_eq!(stream.lag(&group), Some(0));
    assert!(stream.entries_read_after(&group, &[id(2, 0), id(3, 0)]) > 0);
    let late = Group::new(b"g", id(2, 0), i64::MAX);
    assert_eq!(stream.entries_read_after(&late, &[id(3, 0)]), i64::MAX);
}
