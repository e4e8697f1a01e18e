//! Sets against a hash set, with copies kept and compared at the end.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::base::rng::Rng;

fn members(set: &SetValue) -> HashSet<Vec<u8>> {
    let all = set.as_ref().members();
    let members: HashSet<Vec<u8>> = all.iter().map(|member| member.to_vec()).collect();
    assert_eq!(members.len(), all.len());
    members
}

fn compare(set: &SetValue, twin: &HashSet<Vec<u8>>) {
    assert_eq!(members(set), *twin);
    assert_eq!(set.len(), twin.len());
    let mut scanned = HashSet::new();
    let mut cursor = 0;
    loop {
        cursor = set.as_ref().scan(cursor, &mut |member| {
            scanned.insert(member.to_vec());
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(scanned, *twin);
    let mut rng = Rng::from_seed(7);
    let mut rng = || rng.u64();
    for count in [0, 1, 3, twin.len() / 2, twin.len(), twin.len() + 9] {
        let chosen: Vec<_> = set.as_ref().random_distinct(count, &mut rng);
        let distinct: HashSet<_> = chosen.iter().map(|member| member.to_vec()).collect();
        assert_eq!((distinct.len(), chosen.len()), (chosen.len(), count.min(twin.len())));
        assert!(distinct.is_subset(twin));
    }
    let one = set.as_ref().random(&mut rng).map(|member| member.to_vec());
    assert!(one.map_or(twin.is_empty(), |member| twin.contains(&member)));
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    let text = |value: i64| value.to_string().into_bytes();
    prop_oneof![
        6 => (0i64..40).prop_map(text),
        1 => any::<i64>().prop_map(text),
        2 => "[a-e]{0,3}".prop_map(String::into_bytes),
        1 => (0u8..4, 10usize..700).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn as_a_hash_set(
        edits in proptest::collection::vec((0u8..12, member()), 0..120),
        limits in (1usize..30, 1usize..20, 2usize..50),
    ) {
        let limits = Limits {
            set_intset: limits.0, set_entries: limits.1, set_value: limits.2, ..Limits::default()
        };
        let mut heap = PageHeap::new();
        let (mut set, mut twin) = (SetValue::new(), HashSet::new());
        let mut copies = Vec::new();
        for (what, member) in edits {
            match what {
                0..8 => {
                    let expected = twin.insert(member.clone());
                    prop_assert_eq!(set.insert(&member, &limits, &mut heap), expected);
                }
                8..11 => prop_assert_eq!(set.remove(&member, &mut heap), twin.remove(&member)),
                _ => {
                    copies.push((SetValue::from(set.as_ref()), twin.clone()));
                    set.prepare(&member, 3, &limits, &mut heap);
                }
            }
            prop_assert_eq!(set.as_ref().contains(&member), twin.contains(&member));
        }
        compare(&set, &twin);
        for (copy, twin) in &copies {
            compare(copy, twin);
        }
    }
}

/// Every encoding below was tried on Valkey 9.1.2.
#[test]
fn forms_as_valkey_chooses_them() {
    let mut heap = PageHeap::new();
    let limits = Limits::default();
    let mut grow = |ints: i64, strings: usize| {
        let mut set = SetValue::new();
        for int in 1..=ints {
            set.insert(int.to_string().as_bytes(), &limits, &mut heap);
        }
        for string in 0..strings {
            set.insert(format!("s{string}").as_bytes(), &limits, &mut heap);
        }
        set.as_ref().encoding()
    };
    assert_eq!(grow(512, 0), "intset");
    assert_eq!(grow(513, 0), "hashtable");
    assert_eq!(grow(100, 1), "listpack");
    assert_eq!(grow(127, 1), "listpack");
    assert_eq!(grow(128, 1), "hashtable");
    assert_eq!(grow(0, 128), "listpack");
    assert_eq!(grow(0, 129), "hashtable");
    let mut prepared = |first: &[u8], adding, limits: Limits| {
        let mut set = SetValue::new();
        set.prepare(first, adding, &limits, &mut heap);
        set.as_ref().encoding()
    };
    assert_eq!(prepared(b"x", 129, limits), "hashtable");
    assert_eq!(prepared(b"x", 128, limits), "listpack");
    assert_eq!(prepared(b"1", 11, Limits { set_intset: 10, ..limits }), "listpack");
    assert_eq!(prepared(b"1", 600, limits), "hashtable");
    assert_eq!(prepared(b"1", 512, limits), "intset");
}

#[test]
fn a_shared_set_is_copied_only_to_be_changed() {
    let (mut heap, limits) = (PageHeap::new(), Limits { set_entries: 1, ..Limits::default() });
    let mut set = SetValue::new();
    for member in ["a", "b", "c"] {
        set.insert(member.as_bytes(), &limits, &mut heap);
    }
    let copy = set.clone();
    let is_shared = |one: &SetValue, other: &SetValue| match (one, other) {
        (SetValue::Table(one), SetValue::Table(other)) => Arc::ptr_eq(one, other),
        _ => panic!("they are large"),
    };
    assert!(!set.insert(b"a", &limits, &mut heap) && !set.remove(b"d", &mut heap));
    assert!(is_shared(&set, &copy));
    assert!(set.remove(b"a", &mut heap) && !is_shared(&set, &copy));
    // Now it is alone.
    assert!(!set.remove(b"a", &mut heap) && set.insert(b"a", &limits, &mut heap));
    assert_eq!((set.len(), copy.len()), (3, 3));
}

#[test]
fn bytes_are_counted() {
    let mut heap = PageHeap::new();
    let mut set = Set::new();
    for number in 0..10_000 {
        set.insert(format!("member:{number}").as_bytes(), &mut heap);
    }
    assert!((200_000..800_000).contains(&set.heap_bytes()), "{}", set.heap_bytes());
    let copy = set.clone();
    for number in 0..10_000 {
        set.remove(format!("member:{number}").as_bytes(), &mut heap);
    }
    assert!(set.heap_bytes() < 100 && set.is_empty() && copy.len() == 10_000);
    assert!(set.evacuate(&mut heap, &mut 0, &mut 1));
}
