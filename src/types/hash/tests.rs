//! Hashes against a hash map, with copies kept and compared at the end.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::base::rng::Rng;

type Twin = HashMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

const NOW: u64 = 1000;

fn live(twin: &Twin) -> Twin {
    let kept = |expiry: &Option<u64>| expiry.is_none_or(|expiry| expiry > NOW);
    twin.iter()
        .filter(|(_, (_, expiry))| kept(expiry))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn gathered(fields: &[Field<'_>]) -> Twin {
    let all: Twin = fields
        .iter()
        .map(|field| (field.name.to_vec(), (field.value.to_vec(), field.expiry)))
        .collect();
    assert_eq!(all.len(), fields.len());
    all
}

fn compare(hash: &HashValue, twin: &Twin) {
    let view = hash.as_ref();
    assert_eq!(gathered(&view.fields(0)), *twin);
    let live = live(twin);
    assert_eq!(gathered(&view.fields(NOW)), live);
    assert_eq!(view.len(), twin.len());
    assert!(view.may_have_expired(NOW) || live.len() == twin.len());
    let mut scanned = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = view.scan(cursor, NOW, &mut |field| scanned.push(field));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(gathered(&scanned), live);
    let due = gathered(&view.due(NOW, usize::MAX));
    assert!(
        due.len() == twin.len() - live.len() && due.keys().all(|name| !live.contains_key(name))
    );
    let earliest = twin.values().filter_map(|(_, expiry)| *expiry).min();
    assert_eq!(view.expiring(), twin.values().filter(|(_, expiry)| expiry.is_some()).count());
    assert_eq!(view.earliest_expiry().is_some(), earliest.is_some());
    assert!(view.earliest_expiry() <= earliest);
    let mut rng = Rng::from_seed(7);
    let mut rng = || rng.u64();
    for count in [0, 1, 3, live.len(), live.len() + 9] {
        let chosen = gathered(&view.random_distinct(count, NOW, &mut rng));
        assert_eq!(chosen.len(), count.min(live.len()));
        assert!(chosen.iter().all(|(name, value)| live.get(name) == Some(value)));
    }
    let one = view.random(NOW, &mut rng).map(|field| field.name.to_vec());
    assert!(one.map_or(live.is_empty(), |name| live.contains_key(&name)));
    let mut draws = view.draws(NOW);
    for _ in 0..10 {
        let drawn = draws.next(&mut rng).map(|field| field.name.to_vec());
        assert!(drawn.map_or(live.is_empty(), |name| live.contains_key(&name)));
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Set(Vec<u8>, Vec<u8>),
    SetWith(Vec<u8>, Vec<u8>, Option<u64>),
    Remove(Vec<u8>),
    Expire(Vec<u8>, u64),
    Persist(Vec<u8>),
    Copy,
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0i64..40).prop_map(|value| value.to_string().into_bytes()),
        2 => "[a-e]{0,3}".prop_map(String::into_bytes),
        1 => (0u8..4, 10usize..700).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

/// Odd: never NOW itself, at which transcripts say what there is.
fn expiry() -> impl Strategy<Value = u64> {
    (0u64..1000).prop_map(|half| 2 * half + 1)
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        8 => (text(), text()).prop_map(|(field, value)| Edit::Set(field, value)),
        1 => (text(), text(), proptest::option::of(expiry()))
            .prop_map(|(field, value, expiry)| Edit::SetWith(field, value, expiry)),
        3 => text().prop_map(Edit::Remove),
        1 => (text(), prop_oneof![Just(0), expiry()])
            .prop_map(|(field, expiry)| Edit::Expire(field, expiry)),
        1 => text().prop_map(Edit::Persist),
        1 => Just(Edit::Copy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn as_a_hash_map(
        edits in proptest::collection::vec(edit(), 0..120),
        limits in (1usize..30, 2usize..50),
    ) {
        let limits = Limits { hash_entries: limits.0, hash_value: limits.1, ..Limits::default() };
        let mut heap = PageHeap::new();
        let (mut hash, mut twin) = (HashValue::new(), Twin::new());
        let mut copies = Vec::new();
        for edit in edits {
            match edit {
                Edit::Set(field, value) => {
                    let new = twin.insert(field.clone(), (value.clone(), None)).is_none();
                    prop_assert_eq!(hash.set(&field, &value, &limits, &mut heap), new);
                    prop_assert!(hash.as_ref().get(&field, NOW).unwrap().is(&value));
                }
                Edit::SetWith(field, value, expiry) => {
                    let kept = twin.get(&field).and_then(|(_, expiry)| *expiry);
                    let pair = (value.clone(), expiry.or(kept));
                    let new = twin.insert(field.clone(), pair).is_none();
                    let expiry = expiry.map_or(Expiry::Keep, Expiry::At);
                    prop_assert_eq!(hash.set_with(&field, &value, expiry, &limits, &mut heap), new);
                }
                Edit::Remove(field) => {
                    prop_assert_eq!(hash.remove(&field, &mut heap), twin.remove(&field).is_some());
                    prop_assert!(!hash.as_ref().contains(&field, 0));
                }
                Edit::Expire(field, expiry) => {
                    let there = twin.get_mut(&field).map(|(_, at)| {
                        *at = (expiry != 0).then_some(expiry);
                    });
                    let set = hash.set_expiry(&field, expiry, &mut heap);
                    prop_assert_eq!(set, there.is_some());
                    prop_assert_eq!(hash.as_ref().contains(&field, NOW),
                        set && (expiry == 0 || expiry >= NOW));
                }
                Edit::Persist(field) => {
                    let had = twin.get_mut(&field).is_some_and(|(_, at)| at.take().is_some());
                    prop_assert_eq!(hash.persist(&field, &mut heap), had);
                }
                Edit::Copy => copies.push((HashValue::from(hash.as_ref()), twin.clone())),
            }
        }
        compare(&hash, &twin);
        for (copy, twin) in &copies {
            compare(copy, twin);
        }
    }
}

#[test]
fn forms_as_valkey_chooses_them() {
    let mut heap = PageHeap::new();
    let limits = Limits::default();
    let mut hash = HashValue::new();
    for number in 0..512 {
        hash.set(format!("f{number}").as_bytes(), &[b'v'; 64], &limits, &mut heap);
    }
    assert_eq!(hash.as_ref().encoding(), "listpack");
    let small = hash.clone();
    hash.set(b"one more", b"", &limits, &mut heap);
    assert_eq!((hash.as_ref().encoding(), hash.len()), ("hashtable", 513));
    hash = small.clone();
    hash.set(b"f0", &[b'v'; 65], &limits, &mut heap);
    assert_eq!((hash.as_ref().encoding(), hash.len()), ("hashtable", 512));
    hash = small;
    assert!(hash.set_expiry(b"f1", 5000, &mut heap));
    assert_eq!((hash.as_ref().encoding(), hash.len()), ("hashtable", 512));
    assert!(hash.persist(b"f1", &mut heap) && !hash.persist(b"f1", &mut heap));
    assert_eq!(hash.as_ref().encoding(), "hashtable", "it does not turn back");
    hash = HashValue::new();
    hash.prepare(513, 1, &limits, &mut heap);
    assert_eq!(hash.as_ref().encoding(), "hashtable");
    let mut hash = HashValue::new();
    hash.prepare(1, 65, &limits, &mut heap);
    assert_eq!(hash.as_ref().encoding(), "hashtable");
}

#[test]
fn expired_fields_are_hidden() {
    let mut heap = PageHeap::new();
    let limits = Limits::default();
    let mut hash = HashValue::new();
    for number in 0..3000u64 {
        let field = number.to_string();
        let expiry = if number % 3 == 0 { Expiry::None } else { Expiry::At(number) };
        hash.set_with(field.as_bytes(), b"value", expiry, &limits, &mut heap);
    }
    let view = hash.as_ref();
    assert_eq!((view.len(), view.fields(1500).len(), view.expiring()), (3000, 2000, 2000));
    assert!(view.may_have_expired(1500) && !view.may_have_expired(1));
    assert_eq!((view.get(b"1000", 1500), view.contains(b"999", 1500)), (None, true));
    assert!(view.field(b"1000").is_some_and(|field| field.expired(1500)));
    let some = view.due(1500, 10);
    assert!((10..100).contains(&some.len()));
    let names: Vec<Vec<u8>> = view.due(1500, usize::MAX).iter().map(|f| f.name.to_vec()).collect();
    names.iter().for_each(|name| assert!(hash.remove(name, &mut heap)));
    assert_eq!((hash.len(), hash.as_ref().fields(1500).len()), (2000, 2000));
    // Nearly all have expired: those that are left are drawn nevertheless.
    let mut rng = Rng::from_seed(3);
    let mut rng = || rng.u64();
    for number in 0..3000u64 {
        hash.set_with(number.to_string().as_bytes(), b"v", Expiry::At(1), &limits, &mut heap);
    }
    hash.set(b"only", b"one", &limits, &mut heap);
    let mut draws = hash.as_ref().draws(1500);
    for _ in 0..100 {
        assert!(draws.next(&mut rng).is_some_and(|field| field.name.is(b"only")));
    }
    let Hash(table) = match &hash {
        HashValue::Table(hash) => hash.as_ref(),
        HashValue::Packed(_) => panic!("it is large"),
    };
    assert!(table.bytes() > 20_000);
}
