//! The tree against a `Vec`, with snapshots that must not change, and every node checked.

use std::cell::Cell;
use std::ops::Range;

use proptest::prelude::*;

use super::node::{FAN_MIN, FAN_OUT, Node};
use super::*;
use crate::types::allocation::size_class;

thread_local! {
    static COPIES: Cell<usize> = const { Cell::new(0) };
}

/// Few items, so that few make a high tree.
#[derive(Default, Debug)]
struct Items(Vec<u64>);

const ITEMS_MAX: usize = 4;

impl Clone for Items {
    fn clone(&self) -> Self {
        COPIES.set(COPIES.get() + 1);
        Self(self.0.clone())
    }
}

impl Leaf for Items {
    type Sep = Box<u64>;

    fn sep(&self) -> Box<u64> {
        Box::new(self.0[0])
    }

    fn sep_bytes(_: &Box<u64>) -> usize {
        8
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * 8
    }

    fn is_over(&self) -> bool {
        self.0.len() > ITEMS_MAX
    }

    fn is_under(&self) -> bool {
        self.0.len() < ITEMS_MAX / 2
    }

    fn split(&mut self, edge: Edge) -> Self {
        let at = match edge {
            Edge::First => 1,
            Edge::Inside => self.0.len() / 2,
            Edge::Last => self.0.len() - 1,
        };
        self.split_off(at)
    }

    fn split_off(&mut self, at: usize) -> Self {
        assert!(0 < at && at < self.0.len());
        Self(self.0.split_off(at))
    }

    fn can_absorb(&self, right: &Self) -> bool {
        self.0.len() + right.0.len() <= ITEMS_MAX
    }

    fn absorb(&mut self, right: Self) {
        assert!(self.can_absorb(&right) || self.0.len() + right.0.len() > 0);
        self.0.extend(right.0);
    }

    fn can_share(&self, right: &Self) -> bool {
        let both = self.0.len() + right.0.len();
        (self.is_over() || right.is_over()) && both < 2 * ITEMS_MAX
    }

    fn share(&mut self, right: &mut Self) {
        let mut all = std::mem::take(&mut self.0);
        all.append(&mut right.0);
        right.0 = all.split_off(all.len() / 2);
        self.0 = all;
    }
}

fn build(items: impl IntoIterator<Item = u64>) -> Tree<Items> {
    let mut tree = Tree::new();
    let mut leaf = Items::default();
    for item in items {
        leaf.0.push(item);
        if leaf.0.len() == ITEMS_MAX {
            tree.push_back_leaf(std::mem::take(&mut leaf));
        }
    }
    tree.push_back_leaf(leaf);
    tree
}

fn items(tree: &Tree<Items>) -> Vec<u64> {
    tree.leaves(..).flat_map(|(_, leaf)| leaf.0.iter().copied()).collect()
}

/// Checks everything below a node; answers its height, items and bytes.
fn check_node(child: &Child<Items>, is_root: bool) -> (usize, usize, usize) {
    let (height, count, bytes) = match &child.node {
        Node::Leaf(leaf) => {
            assert!(!leaf.is_over() && leaf.count() > 0);
            assert_eq!(*child.sep, leaf.0[0]);
            (0, leaf.count(), size_class(8 + size_of::<Items>()) + leaf.heap_bytes())
        }
        Node::Inner(inner) => {
            let children = &inner.children;
            let least = if is_root { 2 } else { FAN_MIN };
            assert!((least..=FAN_OUT).contains(&children.len()), "{}", children.len());
            assert_eq!(child.sep, children[0].sep);
            let below: Vec<_> = children.iter().map(|child| check_node(child, false)).collect();
            assert!(below.iter().all(|(height, ..)| *height == below[0].0), "one height");
            let own = 32 + size_class(children.capacity() * size_of::<Child<Items>>());
            let bytes = below.iter().map(|(.., bytes)| bytes).sum::<usize>() + own;
            (below[0].0 + 1, below.iter().map(|(_, count, _)| count).sum(), bytes)
        }
    };
    assert_eq!((child.count, child.bytes), (count, bytes));
    // Of a separator its leaf's parent keeps account.
    (height, count, if height == 0 { bytes + 8 } else { bytes })
}

fn check(tree: &Tree<Items>, twin: &[u64]) {
    let (_, count, bytes) = tree.root.as_ref().map_or((0, 0, 0), |root| check_node(root, true));
    assert_eq!((tree.len(), tree.bytes()), (count, bytes));
    assert_eq!(items(tree), twin);
    let mut back: Vec<u64> = Vec::new();
    for (_, leaf) in tree.leaves(..).rev() {
        back.extend(leaf.0.iter().rev());
    }
    back.reverse();
    assert_eq!(back, twin);
    assert_eq!(tree.first_leaf().map(|leaf| leaf.0[0]), twin.first().copied());
    assert_eq!(tree.last_leaf().and_then(|leaf| leaf.0.last()), twin.last());
}

fn range(len: usize, from: u16, length: u16) -> Range<usize> {
    let start = from as usize * (len + 1) / (1 << 16);
    start..start + length as usize * (len + 1 - start) / (1 << 16)
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u16, u8),
    Append(u8),
    Prepend(u8),
    Remove(u16),
    RemoveRange(u16, u16),
    Move(u16, u16, u16),
    Snapshot,
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u16>(), 1..40u8).prop_map(|(at, n)| Step::Insert(at, n)),
        2 => any::<u8>().prop_map(Step::Append),
        2 => any::<u8>().prop_map(Step::Prepend),
        6 => any::<u16>().prop_map(Step::Remove),
        1 => (any::<u16>(), 0..30_000u16).prop_map(|(at, n)| Step::RemoveRange(at, n)),
        3 => (any::<u16>(), 0..200u16).prop_map(|(at, n)| Step::RemoveRange(at, n)),
        1 => (any::<u16>(), any::<u16>(), any::<u16>()).prop_map(|(a, b, c)| Step::Move(a, b, c)),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Forget),
    ]
}

fn take(tree: &mut Tree<Items>, twin: &mut Vec<u64>, step: &Step, next: &mut u64) {
    let mut fresh = |n: u8| -> Vec<u64> {
        *next += u64::from(n);
        (*next - u64::from(n)..*next).collect()
    };
    match *step {
        Step::Insert(at, n) => {
            let at = range(twin.len(), at, 0).start;
            let new = fresh(n);
            tree.edit_at(at, |leaf, offset| drop(leaf.0.splice(offset..offset, new.clone())));
            twin.splice(at..at, new);
        }
        Step::Append(n) => {
            let new = fresh(n);
            tree.append(build(new.clone()));
            twin.extend(new);
        }
        Step::Prepend(n) => {
            let new = fresh(n);
            for &item in new.iter().rev() {
                tree.push_front_leaf(Items(vec![item]));
            }
            twin.splice(0..0, new);
        }
        Step::Remove(at) if !twin.is_empty() => {
            let at = at as usize * twin.len() / (1 << 16);
            let removed = tree.edit_at(at, |leaf, offset| leaf.0.remove(offset));
            assert_eq!(removed, twin.remove(at));
        }
        Step::RemoveRange(at, n) => {
            let range = range(twin.len(), at, n);
            let cut = tree.remove_range(range.clone());
            check(&cut, &twin.drain(range).collect::<Vec<_>>());
        }
        Step::Move(at, n, to) => {
            let range = range(twin.len(), at, n);
            let cut = tree.remove_range(range.clone());
            let cut_twin: Vec<u64> = twin.drain(range).collect();
            let to = to as usize * (twin.len() + 1) / (1 << 16);
            let right = tree.split_off(to);
            check(&right, &twin[to..]);
            tree.append(cut);
            tree.append(right);
            twin.splice(to..to, cut_twin);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn as_a_vec(start in 0..4000u64, steps in prop::collection::vec(step(), 1..120)) {
        let mut next = start;
        let mut twin: Vec<u64> = (0..start).collect();
        let mut tree = build(0..start);
        let mut snapshots = Vec::new();
        for step in &steps {
            match step {
                Step::Snapshot => snapshots.push((tree.clone(), twin.clone())),
                Step::Forget => drop(snapshots.pop()),
                step => take(&mut tree, &mut twin, step, &mut next),
            }
            check(&tree, &twin);
        }
        for (tree, twin) in &snapshots {
            check(tree, twin);
        }
    }

    #[test]
    fn as_a_sorted_set(keys in prop::collection::vec((0..3000u64, any::<bool>()), 1..3000)) {
        let mut tree: Tree<Items> = Tree::new();
        let mut twin = std::collections::BTreeSet::new();
        for (n, &(key, remove)) in keys.iter().enumerate() {
            let near = |sep: &<Items as Leaf>::Sep| **sep <= key;
            let place = tree.leaf_for(near).map(|(leaf, rank)| {
                (leaf.0.binary_search(&key).is_ok(), rank + leaf.0.partition_point(|&k| k < key))
            });
            let (found, rank) = place.unwrap_or((false, 0));
            prop_assert_eq!(found, twin.contains(&key));
            if n % 64 == 0 {
                prop_assert_eq!(rank, twin.range(..key).count());
            }
            if remove && n % 3 == 0 {
                if found {
                    tree.edit_near(near, |leaf| leaf.0.retain(|&k| k != key));
                }
                twin.remove(&key);
            } else if !found {
                tree.edit_for(near, |leaf, first| {
                    let at = leaf.0.partition_point(|&k| k < key);
                    assert_eq!(first + at, rank);
                    leaf.0.insert(at, key);
                });
                twin.insert(key);
            }
        }
        check(&tree, &twin.iter().copied().collect::<Vec<_>>());
    }

    #[test]
    fn ranges_of_leaves(len in 0..3000u64, from: u16, length: u16, turns: u64) {
        let tree = build(0..len);
        let range = range(len as usize, from, length);
        let mut leaves = tree.leaves(range.clone());
        let (mut front, mut back) = (range.start, range.end);
        let mut turns = turns;
        while front < back {
            turns = turns.rotate_left(1);
            let (first, leaf) = if turns & 1 == 0 { leaves.next() } else { leaves.next_back() }
                .expect("there are ranks left");
            let place = if turns & 1 == 0 { front } else { back - 1 };
            prop_assert!((first..first + leaf.count()).contains(&place));
            prop_assert_eq!(leaf.0[place - first], place as u64);
            if turns & 1 == 0 {
                front = first + leaf.count();
            } else {
                back = first;
            }
        }
        prop_assert!(leaves.next().is_none() && leaves.next_back().is_none());
    }
}

#[test]
fn leaf_at_every_rank() {
    let tree = build(0..2500);
    for index in 0..2500 {
        let (leaf, first) = tree.leaf_at(index).unwrap();
        assert_eq!(leaf.0[index - first], index as u64);
    }
    assert!(tree.leaf_at(2500).is_none());
}

#[test]
fn an_unshared_tree_is_edited_in_place() {
    let mut tree = Tree::new();
    COPIES.set(0);
    for n in 0..5000u64 {
        let at = (n * 7919) as usize % (tree.len() + 1);
        tree.edit_at(at, |leaf: &mut Items, offset| leaf.0.insert(offset, n));
    }
    let cut = tree.remove_range(700..1900);
    tree.append(cut);
    for n in 0..4000 {
        tree.edit_at(n * 31 % tree.len(), |leaf, offset| leaf.0.remove(offset));
    }
    assert_eq!((COPIES.get(), tree.len()), (0, 1000));
}

#[test]
fn a_shared_tree_copies_one_leaf() {
    let mut tree = build(0..5000);
    let snapshot = tree.clone();
    COPIES.set(0);
    tree.edit_at(2222, |leaf, offset| leaf.0[offset] = 1);
    tree.edit_at(2222, |leaf, offset| leaf.0[offset] = 2);
    assert_eq!(COPIES.get(), 1);
    check(&snapshot, &(0..5000).collect::<Vec<_>>());
    drop(snapshot);
    tree.edit_at(10, |leaf, offset| leaf.0[offset] = 3);
    assert_eq!(COPIES.get(), 1);
}

#[test]
fn items_in_order_fill_the_leaves() {
    let mut back: Tree<Items> = Tree::new();
    let mut front: Tree<Items> = Tree::new();
    for n in 0..4000 {
        back.edit_at(back.len(), |leaf, offset| leaf.0.insert(offset, n));
        front.edit_at(0, |leaf, offset| leaf.0.insert(offset, 3999 - n));
    }
    let all: Vec<u64> = (0..4000).collect();
    check(&back, &all);
    check(&front, &all);
    assert_eq!(back.leaves(..).count(), 1000);
    assert!(front.leaves(..).count() < 1010);
}

#[test]
fn random_items_fill_the_leaves_well() {
    let mut tree: Tree<Items> = Tree::new();
    let mut random = fastrand::Rng::with_seed(1);
    for n in 0..4000 {
        let at = random.usize(..=tree.len());
        tree.edit_at(at, |leaf, offset| leaf.0.insert(offset, n));
    }
    let slots = tree.leaves(..).count() * ITEMS_MAX;
    assert!(tree.len() * 100 / slots >= 75, "{} %", tree.len() * 100 / slots);
}

#[test]
fn an_edit_may_empty_or_flood_a_leaf() {
    let mut tree = Tree::new();
    tree.edit_at(9, |leaf: &mut Items, offset| assert_eq!((leaf.count(), offset), (0, 0)));
    assert!(tree.is_empty() && tree.bytes() == 0);
    tree.edit_at(0, |leaf, _| leaf.0.extend(0..10_000));
    check(&tree, &(0..10_000).collect::<Vec<_>>());
    let mut twin: Vec<u64> = (0..10_000).collect();
    tree.edit_at(5000, |leaf, offset| drop(leaf.0.splice(offset..offset, 0..3000)));
    twin.splice(5000..5000, 0..3000);
    check(&tree, &twin);
    assert_eq!(tree.remove_range(0..usize::MAX).len(), 13_000);
    assert!(tree.is_empty());
}
