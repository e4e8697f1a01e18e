//! Lists against their naive twin, a `VecDeque` of byte strings.

use super::chunk::CHUNK_BYTES;
use super::*;
use crate::types::Limits;
use crate::types::packed::Packed;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

type Twin = VecDeque<Vec<u8>>;

#[derive(Debug, Clone)]
enum Op {
    Push(Side, Vec<Vec<u8>>),
    /// Many small values at once, so that lists become large.
    PushMany(Side, u16),
    Remove(usize, usize),
    Pop(Side, usize),
    Set(usize, Vec<u8>),
    Insert(Place, Vec<u8>, Vec<u8>),
    RemoveMatches(Vec<u8>, Side, usize),
    Clone,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Left), Just(Side::Right)]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..40i64).prop_map(|n| n.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        4 => (0..6u8, 0..200usize).prop_map(|(byte, len)| vec![byte + b'a'; len]),
        1 => (CHUNK_BYTES - 20..3 * CHUNK_BYTES).prop_map(|len| vec![b'L'; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let values = prop::collection::vec(value(), 1..6);
    prop_oneof![
        4 => (side(), values).prop_map(|(side, values)| Op::Push(side, values)),
        2 => (side(), 1..3000u16).prop_map(|(side, count)| Op::PushMany(side, count)),
        2 => (any::<usize>(), 0..2000usize).prop_map(|(at, count)| Op::Remove(at, count)),
        2 => (side(), 0..50usize).prop_map(|(side, count)| Op::Pop(side, count)),
        3 => (any::<usize>(), value()).prop_map(|(at, value)| Op::Set(at, value)),
        3 => (prop_oneof![Just(Place::Before), Just(Place::After)], value(), value())
            .prop_map(|(place, pivot, value)| Op::Insert(place, pivot, value)),
        2 => (value(), side(), prop_oneof![0..5usize, Just(usize::MAX)])
            .prop_map(|(value, side, count)| Op::RemoveMatches(value, side, count)),
        1 => Just(Op::Clone),
    ]
}

fn push(list: &mut ListValue, twin: &mut Twin, side: Side, values: &[Vec<u8>], limits: &Limits) {
    let slices: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    list.push(side, &slices, limits);
    for value in values {
        match side {
            Side::Left => twin.push_front(value.clone()),
            Side::Right => twin.push_back(value.clone()),
        }
    }
}

fn apply(list: &mut ListValue, twin: &mut Twin, op: &Op, limits: &Limits) {
    let len = twin.len();
    match op {
        Op::Push(side, values) => push(list, twin, *side, values, limits),
        Op::PushMany(side, count) => {
            let values: Vec<_> = (0..*count).map(|n| (n % 50).to_string().into_bytes()).collect();
            push(list, twin, *side, &values, limits);
        }
        Op::Remove(at, count) => {
            let start = at % (len + 1);
            let end = (start + count).min(len);
            list.remove_range(start..end, limits);
            twin.drain(start..end);
        }
        Op::Pop(side, count) => {
            let count = len.min(*count);
            let indexes = if *side == Side::Left { 0..count } else { len - count..len };
            list.remove_range(indexes.clone(), limits);
            twin.drain(indexes);
        }
        Op::Set(at, value) if len > 0 => {
            list.set(at % len, value, limits);
            twin[at % len] = value.clone();
        }
        Op::Insert(place, pivot, value) => {
            let found = twin.iter().position(|element| element == pivot);
            assert_eq!(list.insert(*place, pivot, value, limits), found.is_some());
            if let Some(at) = found {
                twin.insert(at + usize::from(*place == Place::After), value.clone());
            }
        }
        Op::RemoveMatches(value, side, count) => {
            let matches = |at: &usize| twin[*at] == *value;
            let mut found: Vec<usize> = match side {
                Side::Left => (0..len).filter(matches).take(*count).collect(),
                Side::Right => (0..len).rev().filter(matches).take(*count).collect(),
            };
            assert_eq!(list.remove_matches(value, *side, *count, limits), found.len());
            found.sort_unstable();
            for at in found.into_iter().rev() {
                twin.remove(at);
            }
        }
        Op::Set(..) | Op::Clone => {}
    }
}

/// Everything a view can tell.
fn compare(list: &ListValue, twin: &Twin) {
    let view = list.as_ref();
    assert_eq!(view.len(), twin.len());
    let all: Vec<Vec<u8>> = view.iter().map(|element| element.to_vec()).collect();
    assert_eq!(all, twin.iter().cloned().collect::<Vec<_>>());
    assert_eq!(view.iter().len(), twin.len());
    let back: Vec<Vec<u8>> = view.iter().rev().map(|element| element.to_vec()).collect();
    assert!(back.iter().eq(twin.iter().rev()));
    for at in [0, 1, twin.len() / 2, twin.len().saturating_sub(1), twin.len()] {
        assert_eq!(view.get(at).map(|element| element.to_vec()), twin.get(at).cloned());
    }
    let (from, to) = (twin.len() / 3, twin.len() * 2 / 3 + 1);
    let part: Vec<Vec<u8>> = view.range(from..to).map(|element| element.to_vec()).collect();
    assert!(part.iter().eq(twin.range(from..to.min(twin.len()))));
    // From both ends by turns.
    let mut both = view.range(from..to);
    let mut expected = twin.range(from..to.min(twin.len()));
    while let Some(element) = both.next() {
        assert_eq!(Some(&element.to_vec()), expected.next());
        assert_eq!(both.next_back().map(|element| element.to_vec()), expected.next_back().cloned());
    }
    let end: Vec<Vec<u8>> = view.end(Side::Right, 3).map(|element| element.to_vec()).collect();
    assert!(end.iter().eq(twin.iter().rev().take(3)));
    if let Some(value) = twin.get(twin.len() / 2) {
        for (side, examine) in [(Side::Left, usize::MAX), (Side::Right, 100)] {
            let mut found = Vec::new();
            view.find_each(value, side, examine, |at| {
                found.push(at);
                found.len() < 10
            });
            let ahead: Vec<usize> = match side {
                Side::Left => (0..twin.len()).take(examine).collect(),
                Side::Right => (0..twin.len()).rev().take(examine).collect(),
            };
            let expected = ahead.into_iter().filter(|at| twin[*at] == *value).take(10);
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
}

/// The sum that [`List::heap_bytes`] keeps, and that chunks are not left nearly empty.
fn check_memory(list: &ListValue) {
    let ListValue::Tree(list) = list else { return };
    let mut chunks = 0;
    let mut bytes = 0;
    list.each_chunk(Side::Left, |_, chunk| {
        chunks += 1;
        bytes += chunk.entries().len();
        assert!(chunk.end() <= CHUNK_BYTES || chunk.len() == 1, "a chunk of {}", chunk.end());
        true
    });
    assert!(list.heap_bytes() >= bytes);
    assert!(
        list.heap_bytes() <= 2 * bytes + 400 * (chunks + 1),
        "{} bytes for {bytes}",
        list.heap_bytes()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn same_as_a_deque(
        ops in prop::collection::vec(op(), 1..60),
        list_size in prop::sample::select(&[-2, -1, -3, 1, 10, 128][..]),
    ) {
        let limits = Limits { list_size, ..Limits::default() };
        let mut list = ListValue::new();
        let mut twin = Twin::new();
        let mut kept: Vec<(ListValue, Twin)> = Vec::new();
        for op in &ops {
            if let Op::Clone = op {
                kept.push((list.clone(), twin.clone()));
            }
            apply(&mut list, &mut twin, op, &limits);
            prop_assert_eq!(list.len(), twin.len());
        }
        compare(&list, &twin);
        check_memory(&list);
        // Clones are what they were.
        for (list, twin) in &kept {
            compare(list, twin);
        }
        let mut builder = ListBuilder::default();
        twin.iter().for_each(|value| builder.push(value));
        compare(&builder.finish(&limits), &twin);
    }
}

fn strings(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("element:{n:08}").into_bytes()).collect()
}

#[test]
fn encodings_at_valkeys_limits() {
    let limits = Limits::default();
    let encoding = |list: &ListValue| list.as_ref().encoding();
    // What is added counts by its text, what is there by its bytes: 8,192 with frame.
    let mut list = ListValue::new();
    list.push(Side::Right, &[&[b'x'; 8185]], &limits);
    assert_eq!(encoding(&list), "listpack");
    let mut list = ListValue::new();
    list.push(Side::Right, &[&[b'x'; 8186]], &limits);
    assert_eq!(encoding(&list), "quicklist");
    // At half of it, a list is small again.
    let mut list = ListValue::new();
    let values = strings(1000);
    let slices: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    list.push(Side::Right, &slices, &limits);
    assert_eq!(encoding(&list), "quicklist");
    // 18 bytes an entry: (4096 - 7) / 18 = 227.
    list.remove_range(0..772, &limits);
    assert_eq!(encoding(&list), "quicklist");
    list.remove_range(0..1, &limits);
    assert_eq!((encoding(&list), list.len()), ("listpack", 227));
    let by_count = Limits { list_size: 10, ..limits };
    let mut list = ListValue::new();
    list.push(Side::Left, &slices[..10], &by_count);
    assert_eq!(encoding(&list), "listpack");
    list.push(Side::Left, &slices[..1], &by_count);
    assert_eq!(encoding(&list), "quicklist");
    list.remove_range(0..5, &by_count);
    assert_eq!(encoding(&list), "quicklist");
    list.remove_range(0..1, &by_count);
    assert_eq!(encoding(&list), "listpack");
}

#[test]
fn a_long_list_grown_at_either_end_is_dense() {
    let values = strings(100_000);
    for side in [Side::Left, Side::Right] {
        let mut list = ListValue::new();
        for value in &values {
            list.push(side, &[value], &Limits::default());
        }
        let ListValue::Tree(list) = list else { panic!("it is long") };
        let payload = 18 * values.len();
        let overhead = list.heap_bytes() as f64 / payload as f64;
        assert!(overhead < 1.03, "{overhead}");
    }
}

#[test]
fn a_cut_of_a_long_list_is_given_back() {
    let values = strings(50_000);
    let mut builder = ListBuilder::default();
    values.iter().for_each(|value| builder.push(value));
    let mut list = builder.finish(&Limits::default());
    let cut = list.remove_range(1000..49_000, &Limits::default());
    assert_eq!((cut.len(), list.len()), (48_000, 2000));
    assert!(cut.iter().map(|element| element.to_vec()).eq(values[1000..49_000].iter().cloned()));
    assert_eq!(
        list.as_ref().get(1000).map(|element| element.to_vec()),
        Some(values[49_000].clone())
    );
}

#[test]
fn a_small_form_from_outside_is_split() {
    let packed: Packed = strings(3000).iter().map(Vec::as_slice).collect();
    let mut builder = ListBuilder::default();
    builder.push(b"first");
    builder.push_packed(packed);
    let list = builder.finish(&Limits::default());
    assert_eq!(list.len(), 3001);
    check_memory(&list);
}

#[test]
fn a_shared_list_is_copied_where_it_is_written() {
    let mut list = List::new();
    let values = strings(20_000);
    list.push(Side::Right, &values.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut list = ListValue::Tree(Arc::new(list));
    let before = list.clone();
    list.set(10_000, b"other", &Limits::default());
    assert!(before.as_ref().get(10_000).is_some_and(|element| element.is(&values[10_000])));
    assert!(list.as_ref().get(10_000).is_some_and(|element| element.is(b"other")));
}
