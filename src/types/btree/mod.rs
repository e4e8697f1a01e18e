//! The counted, copy-on-write B+tree under sorted sets, lists and streams.
//!
//! The tree knows leaves, not items: what a leaf holds and how is its owner's business ([`Leaf`]).
//! Inner nodes keep for each child how many items and bytes are below it, and its first item's
//! separator; so rank, length and memory are known without looking further down.
//!
//! ```text
//!  Tree ──► root ──► Inner { child: count, bytes, sep, node │ child │ ... } ──► ... ──► leaf
//!  clone ─► the same root, until one of the two is written: then the writer has its own copy of
//!           the way down and of one leaf; everything else stays shared
//! ```
//!
//! Nodes are behind a [`Shared`](crate::paged::Shared). A count of 1 all the way down means that
//! nobody else sees them: then they are changed in place, else copied first. All leaves have the
//! same depth. Inner nodes but the root have 8 to 31 children. Leaves are never empty.
//!
//! Freeing a tree takes time in proportion to its size: hand large ones to another thread. The
//! recursion of dropping, as all recursion here, is as deep as the tree is high.

mod leaves;
mod node;
mod seek;
#[cfg(test)]
mod tests;

pub use leaves::Leaves;

use node::Child;
use seek::{AtRank, ForSep, NearSep};

/// Where in the tree a leaf is that must split.
///
/// At the ends of a tree items mostly come in order, and splitting in halves would leave half-full
/// leaves behind: there a leaf should rather give away little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The first leaf, and not the last one.
    First,
    /// Neither first nor last.
    Inside,
    /// The last leaf, perhaps the only one.
    Last,
}

/// A run of items, as its owner stores them. Some hundred to some thousand bytes are a good size:
/// a write to a shared tree copies one leaf.
///
/// "Over" and "under" are wishes: the tree splits leaves that are over and merges those that are
/// under where it meets them, but a leaf that cannot be helped stays as it is.
pub trait Leaf: Clone + Default + Send + Sync + 'static {
    /// What a leaf is found by, kept beside it in inner nodes: its first item's key. `()` for
    /// trees that are only used by rank.
    type Sep: Clone + PartialEq + Send + Sync + 'static;

    /// The key of the first item. Not asked of an empty leaf.
    fn sep(&self) -> Self::Sep;

    /// Makes `sep` the key of the first item. For separators that are dear to build.
    fn refresh_sep(&self, sep: &mut Self::Sep) {
        *sep = self.sep();
    }

    /// Bytes that a separator has on the heap. Its clones share them: inner nodes above the lowest
    /// have clones.
    fn sep_bytes(sep: &Self::Sep) -> usize {
        let _ = sep;
        0
    }

    /// Number of items. In O(1).
    fn count(&self) -> usize;

    /// Bytes on the heap behind the leaf's own pointers: its size in the tree is not included. In
    /// O(1).
    fn heap_bytes(&self) -> usize;

    /// Too large: should split, if it has two items.
    fn is_over(&self) -> bool;

    /// So small that it should merge with a neighbour.
    fn is_under(&self) -> bool;

    /// Moves the upper part out. Both parts must have items; they may still be over.
    fn split(&mut self, edge: Edge) -> Self;

    /// Moves the items from `at` on out, `0 < at < count`.
    fn split_off(&mut self, at: usize) -> Self;

    /// Whether this leaf with the items of `right`, its neighbour, would not be over.
    fn can_absorb(&self, right: &Self) -> bool;

    /// Appends the items of its right neighbour.
    fn absorb(&mut self, right: Self);

    /// Whether one of the two neighbours is over, and the other has room enough that evening them
    /// out is better than a third leaf.
    fn can_share(&self, right: &Self) -> bool {
        let _ = right;
        false
    }

    /// Evens out two neighbours; both keep items.
    fn share(&mut self, right: &mut Self) {
        let _ = right;
    }
}

/// A sequence of items in leaves, found by rank (from 0) or by separator. See the module.
pub struct Tree<L: Leaf> {
    root: Option<Child<L>>,
}

/// O(1): both share all nodes until one is written.
impl<L: Leaf> Clone for Tree<L> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone() }
    }
}

impl<L: Leaf> Default for Tree<L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<L: Leaf> Tree<L> {
    /// An empty tree. Allocates nothing.
    pub const fn new() -> Self {
        Self { root: None }
    }

    /// A tree of one leaf; empty if the leaf is.
    pub fn from_leaf(leaf: L) -> Self {
        let mut tree = Self::new();
        tree.push_back_leaf(leaf);
        tree
    }

    /// Number of items. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.count)
    }

    /// Whether there is no item.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Bytes on the heap: nodes and leaves, their allocations' heads included. O(1).
    #[inline]
    pub fn bytes(&self) -> usize {
        self.root.as_ref().map_or(0, Child::footprint)
    }

    /// The leaf that has the item of rank `index`, and the rank of that leaf's first item.
    #[inline]
    pub fn leaf_at(&self, index: usize) -> Option<(&L, usize)> {
        let root = self.root.as_ref().filter(|root| index < root.count)?;
        let mut seek = AtRank::new(index);
        let leaf = root.leaf(&mut seek);
        Some((leaf, index - seek.offset()))
    }

    /// The last leaf whose separator satisfies `pred`, or the first leaf if none does; and the rank
    /// of its first item. `pred` holds for all separators up to some place and for none behind it
    /// (such as `|sep| sep <= target`). `None` if the tree is empty.
    #[inline]
    pub fn leaf_for(&self, pred: impl FnMut(&L::Sep) -> bool) -> Option<(&L, usize)> {
        let mut seek = ForSep::new(pred);
        let leaf = self.root.as_ref()?.leaf(&mut seek);
        Some((leaf, seek.rank()))
    }

    /// As [`Tree::leaf_for`], without the rank, which is quicker.
    #[inline]
    pub fn leaf_near(&self, pred: impl FnMut(&L::Sep) -> bool) -> Option<&L> {
        Some(self.root.as_ref()?.leaf(&mut NearSep::new(pred)))
    }

    /// How many leaves there are. No leaf is looked at: O(leaves / 32).
    pub fn leaves_len(&self) -> usize {
        self.root.as_ref().map_or(0, Child::leaves_len)
    }

    /// The first leaf.
    pub fn first_leaf(&self) -> Option<&L> {
        Some(self.root.as_ref()?.end_leaf(|children| children.first()))
    }

    /// The last leaf.
    pub fn last_leaf(&self) -> Option<&L> {
        Some(self.root.as_ref()?.end_leaf(|children| children.last()))
    }

    /// Changes the leaf that has the item of rank `index`; `f` also gets the item's place in it.
    /// With `index` at the tree's length or above it is the last leaf, and the place is its count.
    /// In an empty tree `f` gets a new leaf.
    ///
    /// Afterwards counts, bytes and separators are right, and leaves that are over or under are
    /// dealt with. Look before you edit: an edit of a shared tree copies the way down, even if `f`
    /// then changes nothing.
    pub fn edit_at<R>(&mut self, index: usize, f: impl FnOnce(&mut L, usize) -> R) -> R {
        let mut seek = AtRank::new(index.min(self.len()));
        self.edit(&mut seek, |leaf, seek| f(leaf, seek.offset().min(leaf.count())))
    }

    /// Changes the leaf that [`Tree::leaf_for`] finds; `f` also gets the rank of its first item.
    /// Otherwise as [`Tree::edit_at`].
    pub fn edit_for<R>(
        &mut self,
        pred: impl FnMut(&L::Sep) -> bool,
        f: impl FnOnce(&mut L, usize) -> R,
    ) -> R {
        self.edit(&mut ForSep::new(pred), |leaf, seek| f(leaf, seek.rank()))
    }

    /// As [`Tree::edit_for`], without the rank, which is quicker.
    pub fn edit_near<R>(
        &mut self,
        pred: impl FnMut(&L::Sep) -> bool,
        f: impl FnOnce(&mut L) -> R,
    ) -> R {
        self.edit(&mut NearSep::new(pred), |leaf, _| f(leaf))
    }

    fn edit<S: seek::Seek<L>, R>(&mut self, seek: &mut S, f: impl FnOnce(&mut L, &S) -> R) -> R {
        let Some(root) = &mut self.root else {
            let mut leaf = L::default();
            let answer = f(&mut leaf, seek);
            self.push_back_leaf(leaf);
            return answer;
        };
        let answer = root.edit(seek, node::Edges::ALL, f);
        if !root.is_settled_root() {
            self.root = self.root.take().and_then(Child::into_root);
        }
        answer
    }

    /// Appends a leaf: the way to build a tree from items in order. An empty leaf is ignored; one
    /// that is under may be merged with the last one, one that is over is split.
    pub fn push_back_leaf(&mut self, leaf: L) {
        if leaf.count() > 0 {
            self.root = Child::join(self.root.take(), Some(Child::of_leaf(leaf)));
        }
    }

    /// Puts a leaf before all others, as [`Tree::push_back_leaf`].
    pub fn push_front_leaf(&mut self, leaf: L) {
        if leaf.count() > 0 {
            self.root = Child::join(Some(Child::of_leaf(leaf)), self.root.take());
        }
    }

    /// Appends all items of another tree. O(log n).
    pub fn append(&mut self, right: Self) {
        self.root = Child::join(self.root.take(), right.root);
    }

    /// Cuts off the items from rank `at` on. O(log n).
    pub fn split_off(&mut self, at: usize) -> Self {
        let Some(root) = self.root.take() else { return Self::new() };
        let (left, right) = root.split_at(at);
        self.root = left;
        Self { root: right }
    }

    /// Cuts out the items of these ranks (those that there are), and answers them as a tree, which
    /// may be large: hand it to somebody who frees it elsewhere. O(log n).
    pub fn remove_range(&mut self, ranks: std::ops::Range<usize>) -> Self {
        let end = ranks.end.min(self.len());
        if ranks.start >= end {
            return Self::new();
        }
        let (leaf, first) = match self.leaf_at(ranks.start) {
            Some(found) => found,
            None => return Self::new(),
        };
        // Within one leaf, and leaving something of it: no need to take the tree apart.
        if end <= first + leaf.count() && end - ranks.start < leaf.count() {
            let length = end - ranks.start;
            return self.edit_at(ranks.start, |leaf, at| Self::from_leaf(cut(leaf, at, length)));
        }
        let right = self.split_off(end);
        let cut = self.split_off(ranks.start);
        self.append(right);
        cut
    }

    /// The leaves that have items of these ranks, from either end, each with the rank of its first
    /// item: the first and the last may have items outside too. Takes no memory.
    pub fn leaves(&self, ranks: impl std::ops::RangeBounds<usize>) -> Leaves<'_, L> {
        Leaves::new(self.root.as_ref(), ranks)
    }
}

/// Cuts `length` items out of a leaf from `at` on, but not all it has.
fn cut<L: Leaf>(leaf: &mut L, at: usize, length: usize) -> L {
    let behind = (at + length < leaf.count()).then(|| leaf.split_off(at + length));
    if at == 0 {
        // All before `behind` goes, and there is some.
        return std::mem::replace(leaf, behind.unwrap_or_default());
    }
    let cut = leaf.split_off(at);
    if let Some(behind) = behind {
        leaf.absorb(behind);
    }
    cut
}
