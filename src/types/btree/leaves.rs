//! Going over the leaves of a range of ranks, from either end.

use std::ops::{Bound, RangeBounds};
use std::slice;

use super::Leaf;
use super::node::Child;

/// An iterator over leaves, each with the rank of its first item.
///
/// It keeps no stack: it remembers its place among the children of one lowest inner node, and goes
/// down again by rank when it has passed the last of them.
pub struct Leaves<'a, L: Leaf> {
    root: Option<&'a Child<L>>,
    /// Ranks not yet visited.
    front: usize,
    back: usize,
    /// The leaves after `front` under the same node.
    ahead: slice::Iter<'a, Child<L>>,
    /// The leaves before `back` under the same node.
    behind: slice::Iter<'a, Child<L>>,
}

impl<L: Leaf> Clone for Leaves<'_, L> {
    fn clone(&self) -> Self {
        Self { ahead: self.ahead.clone(), behind: self.behind.clone(), ..*self }
    }
}

impl<'a, L: Leaf> Leaves<'a, L> {
    pub(super) fn new(root: Option<&'a Child<L>>, ranks: impl RangeBounds<usize>) -> Self {
        let len = root.map_or(0, |root| root.count);
        let front = match ranks.start_bound() {
            Bound::Included(&rank) => rank,
            Bound::Excluded(&rank) => rank.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let back = match ranks.end_bound() {
            Bound::Included(&rank) => rank.saturating_add(1),
            Bound::Excluded(&rank) => rank,
            Bound::Unbounded => len,
        };
        let none = [].iter();
        Self { root, front, back: back.min(len), ahead: none.clone(), behind: none }
    }
}

impl<'a, L: Leaf> Iterator for Leaves<'a, L> {
    type Item = (usize, &'a L);

    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let (first, child) = match self.ahead.next() {
            Some(child) => (self.front, child),
            None => {
                let (siblings, index, first) = self.root?.bottom(self.front);
                let (child, ahead) = siblings.get(index..)?.split_first()?;
                self.ahead = ahead.iter();
                (first, child)
            }
        };
        self.front = first + child.count;
        Some((first, child.as_leaf()?))
    }
}

impl<'a, L: Leaf> DoubleEndedIterator for Leaves<'a, L> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let (first, child) = match self.behind.next_back() {
            Some(child) => (self.back - child.count, child),
            None => {
                let (siblings, index, first) = self.root?.bottom(self.back - 1);
                let (child, behind) = siblings.get(..=index)?.split_last()?;
                self.behind = behind.iter();
                (first, child)
            }
        };
        self.back = first;
        Some((first, child.as_leaf()?))
    }
}
