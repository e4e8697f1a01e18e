//! The ways down a tree: by rank, by separator with the rank on the way, by separator only.

use super::Leaf;
use super::node::Child;

/// Chooses a child at each inner node of the way down, and remembers what it passed.
pub(super) trait Seek<L: Leaf> {
    /// Which of these children to go into. There is at least one.
    fn choose(&mut self, children: &[Child<L>]) -> usize;
}

/// To an item of a rank; behind the end to the last leaf.
pub(super) struct AtRank {
    left: usize,
}

impl AtRank {
    pub(super) fn new(rank: usize) -> Self {
        Self { left: rank }
    }

    /// How far the item is from the first one of the leaf that was found.
    #[inline]
    pub(super) fn offset(&self) -> usize {
        self.left
    }
}

impl<L: Leaf> Seek<L> for AtRank {
    #[inline]
    fn choose(&mut self, children: &[Child<L>]) -> usize {
        let last = children.len() - 1;
        for (index, child) in children[..last].iter().enumerate() {
            if self.left < child.count {
                return index;
            }
            self.left -= child.count;
        }
        last
    }
}

/// To the last leaf whose separator satisfies a predicate.
pub(super) struct NearSep<P> {
    pred: P,
}

impl<P> NearSep<P> {
    pub(super) fn new(pred: P) -> Self {
        Self { pred }
    }
}

impl<L: Leaf, P: FnMut(&L::Sep) -> bool> Seek<L> for NearSep<P> {
    #[inline]
    fn choose(&mut self, children: &[Child<L>]) -> usize {
        children.partition_point(|child| (self.pred)(&child.sep)).saturating_sub(1)
    }
}

/// As [`NearSep`], counting the items before.
pub(super) struct ForSep<P> {
    near: NearSep<P>,
    rank: usize,
}

impl<P> ForSep<P> {
    pub(super) fn new(pred: P) -> Self {
        Self { near: NearSep::new(pred), rank: 0 }
    }

    /// The rank of the first item of the leaf that was found.
    #[inline]
    pub(super) fn rank(&self) -> usize {
        self.rank
    }
}

impl<L: Leaf, P: FnMut(&L::Sep) -> bool> Seek<L> for ForSep<P> {
    #[inline]
    fn choose(&mut self, children: &[Child<L>]) -> usize {
        let index = self.near.choose(children);
        self.rank += children[..index].iter().map(|child| child.count).sum::<usize>();
        index
    }
}
