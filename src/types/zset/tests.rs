//! Sorted sets against a map and an ordered set, with snapshots that must not change.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use proptest::prelude::*;

use super::*;
use crate::types::Limits;
use crate::types::btree::Leaf;
use crate::types::packed::Element;

#[derive(Clone, Default)]
struct Twin(BTreeMap<Vec<u8>, f64>);

impl Twin {
    fn ordered(&self) -> Vec<(Vec<u8>, f64)> {
        let mut items: Vec<_> = self.0.iter().map(|(m, s)| (m.clone(), *s)).collect();
        items.sort_by(|a, b| order((a.1, &a.0), (b.1, &b.0)));
        items
    }
}

fn owned(items: Items<'_>) -> Vec<(Vec<u8>, f64)> {
    items.map(|(member, score)| (member.to_vec(), score)).collect()
}

fn bits(items: &[(Vec<u8>, f64)]) -> Vec<(&[u8], u64)> {
    items.iter().map(|(member, score)| (&member[..], score.to_bits())).collect()
}

fn check(set: &Zset, twin: &Twin) {
    let items = twin.ordered();
    assert_eq!(bits(&owned(set.range(0..set.len()))), bits(&items));
    let mut back: Vec<_> = set.range(0..set.len()).rev().collect();
    back.reverse();
    assert_eq!(back.len(), items.len());
    assert!(back.iter().zip(&items).all(|(a, b)| a.0 == b.0 && a.1.to_bits() == b.1.to_bits()));
    let mut hashes: Vec<_> = items.iter().map(|(m, s)| (index::hash(m), s.to_bits())).collect();
    let mut found: Vec<_> = set.index.from(0).map(|(h, s)| (h, s.to_bits())).collect();
    assert!(found.is_sorted_by_key(|entry| entry.0));
    found.sort_unstable();
    hashes.sort_unstable();
    assert_eq!(found, hashes);
    for leaf in set.tree.leaves(..).map(|(_, leaf)| leaf) {
        assert!(leaf.heap_bytes() < 2 * 2048 || leaf.count() == 1 || leaf.is_over());
    }
}

fn member(n: u16) -> Vec<u8> {
    match n % 11 {
        0 => format!("a longer member, which does not fit into a separator: {n}").into_bytes(),
        1 if n.is_multiple_of(5) => vec![n as u8; usize::from(n % 7) * 300],
        _ => format!("m{n}").into_bytes(),
    }
}

/// Members of which no two numbers have the same.
fn named(n: u16) -> Vec<u8> {
    format!("m{n}").into_bytes()
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-50..50i32).prop_map(f64::from),
        2 => -1e3..1e3f64,
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 0.1, 2e9, 3e9, -3e9, f64::MAX, 5e-324,
        ]),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u16, f64),
    Remove(u16),
    RemoveRange(u16, u8),
    Many(u16, u16, f64),
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..1500u16, score()).prop_map(|(n, score)| Step::Insert(n, score)),
        8 => (0..1500u16).prop_map(Step::Remove),
        1 => any::<(u16, u8)>().prop_map(|(at, n)| Step::RemoveRange(at, n)),
        2 => (0..1500u16, 0..300u16, score()).prop_map(|(at, n, s)| Step::Many(at, n, s)),
        1 => Just(Step::Snapshot),
    ]
}

fn insert(set: &mut Zset, twin: &mut Twin, member: Vec<u8>, score: f64) {
    let expected = match twin.0.get(&member) {
        None => Inserted::Added,
        Some(&old) if old == score => Inserted::Same,
        Some(&old) => Inserted::Updated(old),
    };
    assert_eq!(set.insert(&member, score), expected);
    if expected != Inserted::Same {
        twin.0.insert(member, unsigned_zero(score));
    }
}

fn take(set: &mut Zset, twin: &mut Twin, step: &Step) {
    match *step {
        Step::Insert(n, score) => insert(set, twin, member(n), score),
        Step::Many(at, n, score) => {
            for n in at..at + n {
                insert(set, twin, member(n), score + f64::from(n % 3));
            }
        }
        Step::Remove(n) => {
            assert_eq!(set.remove(&member(n)), twin.0.remove(&member(n)));
        }
        Step::RemoveRange(at, n) => {
            let at = usize::from(at) * (set.len() + 1) / (1 << 16);
            // Now and then more than half.
            let n = if n == 7 { set.len() } else { usize::from(n) };
            let gone: Vec<_> = twin.ordered().into_iter().skip(at).take(n).collect();
            let cut = set.remove_range(at..at + n);
            assert_eq!(bits(&owned(cut.items())), bits(&gone));
            for (member, _) in &gone {
                twin.0.remove(member);
            }
        }
        Step::Snapshot => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn as_a_map(steps in prop::collection::vec(step(), 1..250)) {
        let (mut set, mut twin) = (Zset::new(), Twin::default());
        let mut snapshots = Vec::new();
        for step in &steps {
            take(&mut set, &mut twin, step);
            prop_assert_eq!(set.len(), twin.0.len());
            if matches!(step, Step::Snapshot) {
                check(&set, &twin);
                snapshots.push((set.clone(), twin.clone()));
            }
        }
        check(&set, &twin);
        for (set, twin) in &snapshots {
            check(set, twin);
        }
        for (rank, (member, score)) in twin.ordered().iter().enumerate() {
            prop_assert_eq!(set.rank(member), Some((rank, *score)));
            prop_assert_eq!(set.score(member), Some(*score));
            prop_assert_eq!(set.at(rank), Some((&member[..], *score)));
        }
        prop_assert_eq!(set.score(b"none"), None);
        let build: Vec<_> = twin.0.iter().map(|(member, score)| (*score, member)).collect();
        check(&Zset::build(build).unwrap(), &twin);
        for (member, score) in &twin.0 {
            prop_assert_eq!(set.remove(member), Some(*score));
        }
        prop_assert_eq!(set.heap_bytes(), size_of::<Zset>());
    }

    #[test]
    fn ranges(
        items in prop::collection::btree_map(0..1500u16, score(), 0..600),
        min in score(),
        max in score(),
        open: [bool; 2],
        lex: [u16; 2],
    ) {
        let mut twin = Twin::default();
        twin.0.extend(items.iter().map(|(n, score)| (member(*n), *score)));
        let set = Zset::build(twin.0.iter().map(|(m, s)| (*s, m)).collect()).unwrap();
        let bound = |score, open: bool| match open {
            true => Bound::Excluded(score),
            false => Bound::Included(score),
        };
        let (low, high) = (bound(min, open[0]), bound(max, open[1]));
        let expected: Vec<_> = twin.ordered().into_iter().filter(|(_, score)| {
            (*score > min || (!open[0] && *score == min))
                && (*score < max || (!open[1] && *score == max))
        }).collect();
        let ranks = set.ranks_by_score(low, high);
        prop_assert_eq!(owned(set.range(ranks)), expected);

        let flat = Zset::build(twin.0.keys().map(|m| (7.0, m)).collect()).unwrap();
        let lex = lex.map(|n| member(n % 1500));
        let bound = |n: usize| match open[n] {
            true => LexBound::Excluded(&lex[n]),
            false => LexBound::Included(&lex[n]),
        };
        let expected: Vec<_> = twin.0.keys().filter(|member| {
            (**member > lex[0] || (!open[0] && **member == lex[0]))
                && (**member < lex[1] || (!open[1] && **member == lex[1]))
        }).collect();
        let ranks = flat.ranks_by_lex(bound(0), bound(1));
        let found: Vec<_> = flat.range(ranks).map(|(member, _)| member.to_vec()).collect();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        prop_assert_eq!(flat.ranks_by_lex(LexBound::Least, LexBound::Greatest), 0..flat.len());
        prop_assert!(flat.ranks_by_lex(LexBound::Greatest, LexBound::Least).is_empty());
    }

    #[test]
    fn items_from_both_ends(len in 0..1500usize, a: u16, b: u16, turns: u64, skip in 0..200usize) {
        let set = Zset::build((0..len).map(|n| (n as f64, format!("{n:04}"))).collect()).unwrap();
        let start = usize::from(a) % (len + 1);
        let end = start + usize::from(b) % (len + 1 - start);
        let mut items = set.range(start..end);
        let mut expected = start..end;
        let mut turns = turns;
        while items.len() > 0 {
            turns = turns.rotate_left(1);
            let (found, rank) = match turns & 3 {
                0 | 2 => (items.next(), expected.next()),
                1 => (items.next_back(), expected.next_back()),
                _ => (items.nth(skip), expected.nth(skip)),
            };
            prop_assert_eq!(found.map(|item| item.1), rank.map(|rank| rank as f64));
        }
        prop_assert!(items.next().is_none() && items.next_back().is_none());
    }

    #[test]
    fn small_and_large_are_alike(
        steps in prop::collection::vec((0..60u16, score(), 0..9u8), 1..200),
        entries in prop::sample::select(vec![0, 20, 1000]),
        ranks: [u16; 2],
        member_len in prop::sample::select(vec![3usize, 64]),
    ) {
        let limits = Limits { zset_entries: entries, zset_value: member_len, ..Limits::default() };
        let (mut value, mut large) = (ZsetValue::new(), Zset::new());
        for &(n, score, kind) in &steps {
            // The small form knows no negative zero.
            let (name, score) = (named(n), score + 0.0);
            if kind == 0 {
                prop_assert_eq!(value.remove(&name), large.remove(&name));
            } else if kind == 1 && score > 2.0 {
                let at = usize::from(n) % (large.len() + 1);
                let _ = (value.remove_range(at..at + 3), large.remove_range(at..at + 3));
            } else {
                let inserted = value.insert(&name, score, &limits);
                prop_assert_eq!(inserted, large.insert(&name, score));
            }
        }
        let view = value.as_ref();
        prop_assert_eq!(view.len(), large.len());
        let range = usize::from(ranks[0]) % 70..usize::from(ranks[1]) % 70;
        let plain = |(member, score): (Element<'_>, f64)| (member.to_vec(), score);
        let found: Vec<_> = view.range(range.clone()).map(plain).collect();
        prop_assert_eq!(&found, &owned(large.range(range.clone())));
        let mut back: Vec<_> = view.range(range.clone()).rev().map(plain).collect();
        back.reverse();
        prop_assert_eq!(&found, &back);
        for n in 0..60 {
            prop_assert_eq!(view.rank(&named(n)), large.rank(&named(n)));
            prop_assert_eq!(view.score(&named(n)), large.score(&named(n)));
            let at = view.at(usize::from(n)).map(plain);
            prop_assert_eq!(at, large.at(usize::from(n)).map(|(m, s)| (m.to_vec(), s)));
        }
        for score in [-10.0, 0.0, 3.0, f64::INFINITY] {
            let (min, max) = (Bound::Excluded(score), Bound::Included(score * 2.0 + 20.0));
            prop_assert_eq!(view.ranks_by_score(min, max), large.ranks_by_score(min, max));
        }
        let items = || view.iter().map(plain).map(|(member, score)| (score, member)).collect();
        let again = ZsetValue::build(items(), &limits).unwrap();
        prop_assert!(again.as_ref().iter().map(plain).eq(view.iter().map(plain)));
        let mut rng = fastrand::Rng::with_seed(7);
        let some = view.random_distinct(5, &mut || rng.u64(..));
        prop_assert_eq!(some.len(), view.len().min(5));
        prop_assert!(some.iter().all(|(m, s)| m.with(|m| view.score(m)) == Some(*s)));
    }

    #[test]
    fn scans_visit_all_that_stay(
        stay in prop::collection::btree_set(0..3000u16, 1..800),
        others in prop::collection::vec((3000..4000u16, score(), any::<bool>()), 1..400),
        ties: bool,
        count in 1..40usize,
    ) {
        let mut set = Zset::new();
        for &n in &stay {
            set.insert(&named(n), if ties { 1.0 } else { f64::from(n) / 3.0 });
        }
        let mut seen = BTreeSet::new();
        let mut changes = others.iter().cycle();
        let mut cursor = 0;
        loop {
            cursor = set.scan(cursor, count, &mut |member, _| {
                seen.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
            for (n, score, remove) in changes.by_ref().take(5) {
                if *remove {
                    set.remove(&named(*n));
                } else {
                    set.insert(&named(*n), *score);
                }
                // Whoever stays may change its score.
                let moved = named(*stay.iter().nth(usize::from(*n) % stay.len()).unwrap());
                set.insert(&moved, *score);
            }
        }
        for n in stay {
            prop_assert!(seen.contains(&named(n)), "{n}");
        }
        prop_assert_eq!(set.scan(u64::MAX, 1, &mut |_, _| panic!("there is nothing there")), 0);
    }
}

#[test]
fn many_equal_scores_make_longer_steps() {
    let set = Zset::build((0..30_000).map(|n| (0.0, format!("{n:06}"))).collect()).unwrap();
    let (mut cursor, mut steps, mut seen) = (0, 0, 0);
    loop {
        cursor = set.scan(cursor, 10, &mut |_, _| seen += 1);
        steps += 1;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, 30_000);
    assert!(steps <= 257, "{steps}");
}

#[test]
fn build_refuses_what_is_not_a_sorted_set() {
    assert!(Zset::build(vec![(1.0, "a"), (2.0, "a")]).is_none());
    assert!(Zset::build(vec![(f64::NAN, "a")]).is_none());
    let set = Zset::build(vec![(3.0, "c"), (1.0, "a"), (2.0, "b")]).unwrap();
    assert_eq!(set.at(0), Some((&b"a"[..], 1.0)));
}

/// Each row is what Valkey 9.1.2 did with zset-max-listpack-entries 4, -value 8.
#[test]
fn turns_large_as_in_valkey() {
    let limits = Limits { zset_entries: 4, zset_value: 8, ..Limits::default() };
    let grown = |members: &[&str]| {
        let mut value = ZsetValue::new();
        for member in members {
            value.insert(member.as_bytes(), 1.0, &limits);
        }
        value.as_ref().encoding()
    };
    assert_eq!(grown(&["a", "b", "c", "d"]), "listpack");
    assert_eq!(grown(&["a", "b", "c", "d", "d"]), "listpack");
    assert_eq!(grown(&["a", "b", "c", "d", "e"]), "skiplist");
    assert_eq!(grown(&["12345678"]), "listpack");
    assert_eq!(grown(&["123456789"]), "skiplist");
    let prepared = |adding, longest| {
        let mut value = ZsetValue::new();
        value.insert(b"a", 1.0, &limits);
        value.prepare(adding, longest, &limits);
        value.as_ref().encoding()
    };
    assert_eq!(prepared(4, 8), "listpack");
    assert_eq!(prepared(5, 1), "skiplist");
    assert_eq!(prepared(1, 9), "skiplist");
}

#[test]
fn no_form_has_a_negative_zero() {
    let limits = Limits::default();
    let zero = |value: &ZsetValue, member: &[u8]| {
        assert_eq!(value.as_ref().score(member).map(f64::to_bits), Some(0));
    };
    let mut value = ZsetValue::new();
    value.insert(b"a", -0.0, &limits);
    zero(&value, b"a");
    value.prepare(1000, 0, &limits);
    value.insert(b"b", -0.0, &limits);
    zero(&value, b"b");
    for length in [1, 1000] {
        let items = vec![(-0.0, vec![b'm'; length])];
        zero(&ZsetValue::build(items, &limits).unwrap(), &vec![b'm'; length]);
    }
}

#[test]
fn members_of_one_hash_are_told_apart() {
    let mut index = Index::default();
    // More than fit a leaf, so that one hash begins leaves.
    for n in 0..2000 {
        index.insert(5, f64::from(n) / 2.0);
        index.insert(4 + n % 3, -1.0);
    }
    for n in (0..2000).rev() {
        let score = f64::from(n) / 2.0;
        assert_eq!(index.find(5, |s| s == score), Some(score));
        index.replace(5, score, score + 5000.5);
        index.remove(5, score + 5000.5);
        assert_eq!(index.find(5, |s| s == score + 5000.5), None);
    }
    assert!(index.from(0).all(|(_, score)| score == -1.0));
    assert_eq!(index.from(5).count(), 2000 - 667);
}

/// Bytes an element, of sets grown by inserts in random order.
fn bytes_per_element(
    count: u32,
    name: fn(u32) -> String,
    score: fn(&mut fastrand::Rng) -> f64,
) -> f64 {
    let mut random = fastrand::Rng::with_seed(1);
    let mut set = Zset::new();
    for n in 0..count {
        set.insert(name(n).as_bytes(), score(&mut random));
    }
    set.heap_bytes() as f64 / f64::from(count)
}

/// Valkey 9.1.2 takes, by MEMORY USAGE SAMPLES 0: 87.7 and 86.8 with the first names, 71.5 and 85.2
/// with the second.
#[test]
fn seven_tenths_of_valkeys_memory() {
    let wide = |n: u32| format!("member:{n:010}");
    let short = |n: u32| format!("element-{n}");
    let any = |random: &mut fastrand::Rng| random.f64() * 1e6;
    let whole = |random: &mut fastrand::Rng| f64::from(random.u32(..1_000_000));
    for (count, name, score, valkey) in [
        (1000, wide as fn(u32) -> String, any as fn(&mut fastrand::Rng) -> f64, 87.7),
        (30_000, wide, any, 86.8),
        (30_000, wide, whole, 86.8),
        (1000, short, any, 71.5),
        (30_000, short, any, 85.2),
    ] {
        let ours = bytes_per_element(count, name, score);
        println!("{count} like {}: {ours:.1} of {valkey} bytes", name(1));
        assert!(ours <= 0.7 * valkey, "{count} like {}: {ours:.1} of {valkey}", name(1));
    }
}
