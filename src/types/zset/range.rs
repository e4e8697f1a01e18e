//! Ranges of a sorted set: by rank, by score, by member.

use std::ops::{Bound, Range};

use crate::types::btree::{Leaf, Leaves, Tree};

use super::Zset;
use super::leaf;

/// Members and scores of a range of ranks, in order, from either end.
#[derive(Clone)]
pub struct Items<'a> {
    leaves: Leaves<'a, leaf::Items>,
    /// Ranks not yet visited.
    front: usize,
    back: usize,
    /// The leaves that the ends are in, each with the rank of its first item.
    first: Option<(usize, &'a leaf::Items)>,
    last: Option<(usize, &'a leaf::Items)>,
}

impl<'a> Items<'a> {
    pub(super) fn new(tree: &'a Tree<leaf::Items>, ranks: Range<usize>) -> Self {
        let back = ranks.end.min(tree.len());
        let leaves = tree.leaves(ranks.start..back);
        Self { leaves, front: ranks.start, back, first: None, last: None }
    }
}

/// Whether a leaf, of which the first item's rank is known, has this rank.
fn has((first, leaf): (usize, &leaf::Items), rank: usize) -> bool {
    first <= rank && rank - first < leaf.count()
}

impl<'a> Iterator for Items<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let rank = self.front;
        if !self.first.is_some_and(|leaf| has(leaf, rank)) {
            // When all leaves are taken, the other end has the one that is left.
            self.first = self.leaves.next().or(self.last);
        }
        let (first, leaf) = self.first?;
        self.front += 1;
        let (score, member) = leaf.item(rank - first);
        Some((member, score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back.saturating_sub(self.front);
        (left, Some(left))
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        if n >= self.len() {
            self.front = self.back;
            return None;
        }
        // Leaves on the way are passed by one by one; only their items are not.
        self.front += n;
        while !self.first.is_some_and(|leaf| has(leaf, self.front)) {
            match self.leaves.next() {
                Some(leaf) => self.first = Some(leaf),
                None => {
                    self.first = self.last;
                    break;
                }
            }
        }
        self.next()
    }
}

impl DoubleEndedIterator for Items<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let rank = self.back - 1;
        if !self.last.is_some_and(|leaf| has(leaf, rank)) {
            self.last = self.leaves.next_back().or(self.first);
        }
        let (first, leaf) = self.last?;
        self.back = rank;
        let (score, member) = leaf.item(rank - first);
        Some((member, score))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// An end of a range of members, as ZRANGE's BYLEX has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before all members.
    Least,
    /// `+`: behind all members.
    Greatest,
    /// `[member`: the member belongs to the range.
    Included(&'a [u8]),
    /// `(member`: it does not.
    Excluded(&'a [u8]),
}

impl LexBound<'_> {
    /// As the lower end: whether a member is before the range.
    pub fn is_above(&self, member: &[u8]) -> bool {
        match *self {
            Self::Least => false,
            Self::Greatest => true,
            Self::Included(bound) => member < bound,
            Self::Excluded(bound) => member <= bound,
        }
    }

    /// As the upper end: whether a member is not behind the range.
    pub fn reaches(&self, member: &[u8]) -> bool {
        match *self {
            Self::Least => false,
            Self::Greatest => true,
            Self::Included(bound) => member <= bound,
            Self::Excluded(bound) => member < bound,
        }
    }
}

/// As the lower end: whether a score is before the range.
pub(super) fn is_above(min: Bound<f64>, score: f64) -> bool {
    match min {
        Bound::Unbounded => false,
        Bound::Included(bound) => score < bound,
        Bound::Excluded(bound) => score <= bound,
    }
}

/// As the upper end: whether a score is not behind the range.
pub(super) fn reaches(max: Bound<f64>, score: f64) -> bool {
    match max {
        Bound::Unbounded => true,
        Bound::Included(bound) => score <= bound,
        Bound::Excluded(bound) => score < bound,
    }
}

impl Zset {
    /// The ranks of the members with scores in a range. O(log n).
    pub fn ranks_by_score(&self, min: Bound<f64>, max: Bound<f64>) -> Range<usize> {
        let start = self.count_while(|score, _| is_above(min, score));
        let end = self.count_while(|score, _| reaches(max, score));
        start..end.max(start)
    }

    /// The ranks of the members in a range. O(log n). All scores must be equal for this to have a
    /// meaning; if they are not, some range is the answer.
    pub fn ranks_by_lex(&self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        let start = self.count_while(|_, member| min.is_above(member));
        let end = self.count_while(|_, member| max.reaches(member));
        start..end.max(start)
    }
}
