//! Sorted sets: members with scores, in order of score, then member. A small form, or
//!
//! ```text
//!  Zset ──► tree   (score, member) in order: rank and range
//!      └──► index  32 bits of a member's hash ──► score: with that the member is found in the tree
//! ```
//!
//! Both are counted copy-on-write trees, so a clone is O(1). A member's bytes live once, in the
//! tree. NaN is never stored, and -0 is stored as 0: the small form has no other zero, and when a
//! set becomes large depends on settings, which must not show in its content. (Valkey's large form
//! keeps the sign.)

mod index;
mod leaf;
mod range;
mod scan;
mod scores;
#[cfg(test)]
mod tests;
mod value;
mod view;

use std::cmp::Ordering;
use std::ops::Range;

use super::btree::Tree;
use crate::paged;

pub use range::{Items, LexBound};
pub use value::ZsetValue;
pub use view::{Members, ZsetRef};

use index::{Index, Scores};
use leaf::Items as ItemsLeaf;

/// A large sorted set. See the module.
#[derive(Clone, Default)]
pub struct Zset {
    tree: Tree<ItemsLeaf>,
    index: Index,
}

/// What [`Zset::insert`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inserted {
    /// The member is new.
    Added,
    /// It had this other score.
    Updated(f64),
    /// It has an equal score: nothing changed.
    Same,
}

/// What was cut out of a sorted set: still in order, but without a way to look members up. It may
/// be large, so drop it where that does not matter.
pub struct Cut {
    tree: Tree<ItemsLeaf>,
    /// That of the whole set, where a new one was made for the rest of it.
    index: Index,
}

/// The order of a sorted set.
#[inline]
fn order(left: (f64, &[u8]), right: (f64, &[u8])) -> Ordering {
    left.0.partial_cmp(&right.0).unwrap_or(Ordering::Equal).then_with(|| left.1.cmp(right.1))
}

/// The same score, never with the sign of a negative zero.
#[inline]
fn unsigned_zero(score: f64) -> f64 {
    score + 0.0
}

/// Whether the tree has this member with this score.
#[inline]
fn has(tree: &Tree<ItemsLeaf>, member: &[u8], score: f64) -> bool {
    let leaf = tree.leaf_near(|sep| sep.is_up_to(score, member));
    leaf.is_some_and(|leaf| leaf.find(score, member).is_ok())
}

/// Asks for the lines where a hash is in the index and where an item will be in the tree: both are
/// far away, and neither way down need wait for the other. Answers the leaf of the index.
#[inline]
fn prefetch<'a>(
    tree: &Tree<ItemsLeaf>,
    index: &'a Index,
    hash: u32,
    (score, member): (f64, &[u8]),
) -> Option<&'a Scores> {
    let scores = index.near(hash)?;
    let items = tree.leaf_near(|sep| sep.is_up_to(score, member))?;
    paged::prefetch(std::slice::from_ref(items));
    scores.prefetch();
    items.prefetch();
    Some(scores)
}

impl Zset {
    /// An empty set. Allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A set of these, quickest if they come in order or in reverse. `None` if a member comes twice
    /// or a score is NaN.
    pub fn build<M: AsRef<[u8]>>(mut items: Vec<(f64, M)>) -> Option<Self> {
        for (score, _) in &mut items {
            if score.is_nan() {
                return None;
            }
            *score = unsigned_zero(*score);
        }
        // The standard library's sort finds runs in either direction in one pass.
        items.sort_by(|a, b| order((a.0, a.1.as_ref()), (b.0, b.1.as_ref())));
        let mut hashes: Vec<(u32, usize)> = items
            .iter()
            .enumerate()
            .map(|(place, item)| (index::hash(item.1.as_ref()), place))
            .collect();
        hashes.sort_unstable();
        let twice = hashes.chunk_by(|a, b| a.0 == b.0).any(|same| {
            let member = |n: usize| items[same[n].1].1.as_ref();
            (1..same.len()).any(|n| (0..n).any(|m| member(m) == member(n)))
        });
        if twice {
            return None;
        }
        let entries: Vec<_> = hashes.iter().map(|&(hash, place)| (hash, items[place].0)).collect();
        let mut tree = Tree::new();
        let mut items = items.iter().map(|(score, member)| (*score, member.as_ref())).peekable();
        while let Some(leaf) = ItemsLeaf::fill(&mut items) {
            tree.push_back_leaf(leaf);
        }
        Some(Self { tree, index: Index::build(&entries) })
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Bytes it takes. O(1).
    pub fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.tree.bytes() + self.index.bytes()
    }

    /// A member's score.
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.find(index::hash(member), member)
    }

    #[inline]
    fn find(&self, hash: u32, member: &[u8]) -> Option<f64> {
        self.index.find(hash, |score| has(&self.tree, member, score))
    }

    /// Adds a member, or gives it another score.
    ///
    /// # Panics
    ///
    /// If the score is NaN.
    pub fn insert(&mut self, member: &[u8], score: f64) -> Inserted {
        assert!(!score.is_nan(), "a score that has no place in the order");
        let score = unsigned_zero(score);
        let hash = index::hash(member);
        let mut stayed = true;
        let (tree, index) = (&mut self.tree, &self.index);
        let old = prefetch(tree, index, hash, (score, member)).and_then(|scores| {
            index.find_from(scores, hash, |old| {
                if old == score {
                    return has(tree, member, old);
                }
                let found = tree.edit_near(
                    |sep| sep.is_up_to(old, member),
                    |leaf| {
                        let at = leaf.find(old, member).ok()?;
                        Some(leaf.change_score(at, score))
                    },
                );
                stayed = found.unwrap_or(true);
                found.is_some()
            })
        });
        if old == Some(score) {
            return Inserted::Same;
        }
        let Some(old) = old else {
            self.place(member, score);
            self.index.insert(hash, score);
            return Inserted::Added;
        };
        if !stayed {
            self.place(member, score);
        }
        self.index.replace(hash, old, score);
        Inserted::Updated(old)
    }

    /// Puts a member that is not there into the tree.
    fn place(&mut self, member: &[u8], score: f64) {
        self.tree.edit_near(
            |sep| sep.is_up_to(score, member),
            |leaf| {
                if let Err(at) = leaf.find(score, member) {
                    leaf.insert(at, score, member);
                }
            },
        );
    }

    /// Removes a member; answers its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = index::hash(member);
        let score = self.find(hash, member)?;
        self.tree.edit_near(
            |sep| sep.is_up_to(score, member),
            |leaf| {
                if let Ok(at) = leaf.find(score, member) {
                    leaf.remove(at);
                }
            },
        );
        self.index.remove(hash, score);
        Some(score)
    }

    /// Removes the members of these ranks. Time in proportion to their number, or to that of the
    /// rest if that is less.
    pub fn remove_range(&mut self, ranks: Range<usize>) -> Cut {
        let tree = self.tree.remove_range(ranks);
        if tree.len() <= self.len() {
            for (member, score) in Items::new(&tree, 0..tree.len()) {
                self.index.remove(index::hash(member), score);
            }
            return Cut { tree, index: Index::default() };
        }
        let rest = self.range(0..self.len());
        let mut entries: Vec<_> =
            rest.map(|(member, score)| (index::hash(member), score)).collect();
        entries.sort_unstable_by_key(|entry| entry.0);
        let index = std::mem::replace(&mut self.index, Index::build(&entries));
        Cut { tree, index }
    }

    /// A member's rank, from 0, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        let rank = self.count_while(|other, m| order((other, m), (score, member)).is_lt());
        Some((rank, score))
    }

    /// The member of a rank, and its score.
    pub fn at(&self, rank: usize) -> Option<(&[u8], f64)> {
        let (leaf, first) = self.tree.leaf_at(rank)?;
        let (score, member) = leaf.item(rank - first);
        Some((member, score))
    }

    /// Members and scores of these ranks (those that there are), in order, from either end.
    pub fn range(&self, ranks: Range<usize>) -> Items<'_> {
        Items::new(&self.tree, ranks)
    }

    /// How many items at the beginning satisfy a predicate of score and member, which none behind
    /// them does. O(log n).
    pub fn count_while(&self, mut pred: impl FnMut(f64, &[u8]) -> bool) -> usize {
        let Some((leaf, first)) = self.tree.leaf_for(|sep| pred(sep.score, sep.member())) else {
            return 0;
        };
        first + leaf.partition_point(|score, leaf, at| pred(score, leaf.member(at)))
    }
}

impl Cut {
    /// Number of members.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Bytes it takes. O(1).
    pub fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.tree.bytes() + self.index.bytes()
    }

    /// Members and scores in order.
    pub fn items(&self) -> Items<'_> {
        Items::new(&self.tree, 0..self.tree.len())
    }
}
