//! Nodes: going down, editing one leaf, splitting and merging, joining and cutting trees.

use crate::paged::{Shared, shared_bytes};
use crate::types::allocation::size_class;

use super::seek::{AtRank, Seek};
use super::{Edge, Leaf};

/// Children of an inner node, at most. Copying a shared node touches the counts of as many. For a
/// moment, before a split, there is one more.
pub(super) const FAN_OUT: usize = 31;
/// Children of an inner node other than the root, at least.
pub(super) const FAN_MIN: usize = 8;

/// A subtree, with what its parent knows of it.
pub(super) struct Child<L: Leaf> {
    /// Items.
    pub(super) count: usize,
    /// Heap bytes of the node and all below, but for this separator's own.
    pub(super) bytes: usize,
    /// That of the first leaf.
    pub(super) sep: L::Sep,
    pub(super) node: Node<L>,
}

pub(super) enum Node<L: Leaf> {
    Leaf(Shared<L>),
    Inner(Shared<Inner<L>>),
}

pub(super) struct Inner<L: Leaf> {
    pub(super) children: Vec<Child<L>>,
}

impl<L: Leaf> Clone for Child<L> {
    fn clone(&self) -> Self {
        let node = match &self.node {
            Node::Leaf(leaf) => Node::Leaf(leaf.clone()),
            Node::Inner(inner) => Node::Inner(inner.clone()),
        };
        Self { sep: self.sep.clone(), node, ..*self }
    }
}

/// A copy for writing: it keeps the room, since the write may add a child.
impl<L: Leaf> Clone for Inner<L> {
    fn clone(&self) -> Self {
        let mut children = Vec::with_capacity(self.children.capacity());
        children.extend(self.children.iter().cloned());
        Self { children }
    }
}

/// Whether a node is at the left and at the right end of the tree.
#[derive(Clone, Copy)]
pub(super) struct Edges {
    first: bool,
    last: bool,
}

impl Edges {
    /// Those of the root.
    pub(super) const ALL: Self = Self { first: true, last: true };

    /// Those of a child.
    fn below<T>(self, index: usize, children: &[T]) -> Self {
        Self { first: self.first && index == 0, last: self.last && index + 1 == children.len() }
    }

    fn edge(self) -> Edge {
        match (self.first, self.last) {
            (_, true) => Edge::Last,
            (true, false) => Edge::First,
            (false, false) => Edge::Inside,
        }
    }
}

/// Whether a node has a size that its parent need not do anything about.
#[derive(PartialEq, Eq)]
enum Size {
    Empty,
    Under,
    Right,
    Over,
}

/// Bytes of a node's block: a count, and what it holds.
pub(super) const fn block<T>() -> usize {
    size_class(shared_bytes::<T>())
}

/// Bytes of a leaf's block and all behind it.
fn leaf_bytes<L: Leaf>(leaf: &L) -> usize {
    block::<L>() + leaf.heap_bytes()
}

/// The room to have for so many children: steps that size classes have too, mostly.
fn room(children: usize) -> usize {
    children.next_multiple_of(if children <= 16 { 4 } else { 8 })
}

impl<L: Leaf> Child<L> {
    /// A leaf that has items.
    pub(super) fn of_leaf(leaf: L) -> Self {
        let (count, bytes, sep) = (leaf.count(), leaf_bytes(&leaf), leaf.sep());
        Self { count, bytes, sep, node: Node::Leaf(Shared::new(leaf)) }
    }

    /// A tree of subtrees of one height.
    fn of_children(mut children: Vec<Self>) -> Option<Self> {
        let first = children.first()?;
        if children.len() == 1 {
            return children.pop();
        }
        let sep = first.sep.clone();
        let inner = Inner { children };
        let (count, bytes) = inner.totals();
        Some(Self { count, bytes, sep, node: Node::Inner(Shared::new(inner)) })
    }

    /// Heap bytes of the subtree and of its separator, which a leaf's own parent counts: those
    /// above share it.
    #[inline]
    pub(super) fn footprint(&self) -> usize {
        match &self.node {
            Node::Leaf(_) => self.bytes + L::sep_bytes(&self.sep),
            Node::Inner(_) => self.bytes,
        }
    }

    /// Inner nodes on the way to a leaf.
    fn height(&self) -> usize {
        let mut height = 0;
        let mut node = self;
        while let Node::Inner(inner) = &node.node {
            height += 1;
            node = &inner.children[0];
        }
        height
    }

    /// How many leaves are below.
    pub(super) fn leaves_len(&self) -> usize {
        match &self.node {
            Node::Leaf(_) => 1,
            Node::Inner(inner) if inner.children.iter().any(|child| child.as_leaf().is_some()) => {
                inner.children.len()
            }
            Node::Inner(inner) => inner.children.iter().map(Self::leaves_len).sum(),
        }
    }

    pub(super) fn as_leaf(&self) -> Option<&L> {
        match &self.node {
            Node::Leaf(leaf) => Some(leaf),
            Node::Inner(_) => None,
        }
    }

    /// Goes down to a leaf.
    #[inline]
    pub(super) fn leaf(&self, seek: &mut impl Seek<L>) -> &L {
        let mut node = self;
        loop {
            match &node.node {
                Node::Leaf(leaf) => return leaf,
                Node::Inner(inner) => node = &inner.children[seek.choose(&inner.children)],
            }
        }
    }

    /// The leaf at an end: `end` takes the first or the last.
    pub(super) fn end_leaf(&self, end: impl Fn(&[Self]) -> Option<&Self>) -> &L {
        let mut node = self;
        loop {
            match &node.node {
                Node::Leaf(leaf) => return leaf,
                Node::Inner(inner) => node = end(&inner.children).expect(NOT_EMPTY),
            }
        }
    }

    /// The leaf with a rank, as: all leaves under the same inner node, its index, and the rank of
    /// its first item.
    pub(super) fn bottom(&self, rank: usize) -> (&[Self], usize, usize) {
        let mut seek = AtRank::new(rank);
        let (mut siblings, mut index) = (std::slice::from_ref(self), 0);
        while let Node::Inner(inner) = &siblings[index].node {
            siblings = &inner.children;
            index = Seek::<L>::choose(&mut seek, siblings);
        }
        (siblings, index, rank - seek.offset())
    }

    /// Edits one leaf, and mends everything on the way back up, except this node's own size.
    pub(super) fn edit<S: Seek<L>, R>(
        &mut self,
        seek: &mut S,
        edges: Edges,
        f: impl FnOnce(&mut L, &S) -> R,
    ) -> R {
        let inner = match &mut self.node {
            Node::Leaf(leaf) => {
                let answer = f(leaf.make_mut(), seek);
                self.refresh();
                return answer;
            }
            Node::Inner(inner) => inner.make_mut(),
        };
        let index = seek.choose(&inner.children);
        let below = edges.below(index, &inner.children);
        let child = &mut inner.children[index];
        let before = (child.count, child.footprint());
        let answer = child.edit(seek, below, f);
        if child.size() == Size::Right {
            self.count = self.count + child.count - before.0;
            self.bytes = self.bytes + child.footprint() - before.1;
            if index == 0 && self.sep != child.sep {
                self.sep = child.sep.clone();
            }
        } else {
            inner.settle(index, edges);
            self.refresh();
        }
        answer
    }

    /// Reads anew what is known of a node that was changed.
    fn refresh(&mut self) {
        match &self.node {
            Node::Leaf(leaf) => {
                (self.count, self.bytes) = (leaf.count(), leaf_bytes(&**leaf));
                if self.count > 0 {
                    leaf.refresh_sep(&mut self.sep);
                }
            }
            Node::Inner(inner) => {
                (self.count, self.bytes) = inner.totals();
                if let Some(first) = inner.children.first()
                    && first.sep != self.sep
                {
                    self.sep = first.sep.clone();
                }
            }
        }
    }

    #[inline]
    fn size(&self) -> Size {
        if self.count == 0 {
            return Size::Empty;
        }
        match &self.node {
            Node::Leaf(leaf) if leaf.is_over() && self.count > 1 => Size::Over,
            Node::Leaf(leaf) if leaf.is_under() => Size::Under,
            Node::Inner(inner) if inner.children.len() > FAN_OUT => Size::Over,
            Node::Inner(inner) if inner.children.len() < FAN_MIN => Size::Under,
            _ => Size::Right,
        }
    }

    /// Whether this can be a root as it is.
    #[inline]
    pub(super) fn is_settled_root(&self) -> bool {
        match &self.node {
            Node::Inner(inner) if inner.children.len() == 1 => false,
            _ => !matches!(self.size(), Size::Empty | Size::Over),
        }
    }

    /// Makes a root of an edited node: splits it below a new root if it is over, takes its only
    /// child, or finds that nothing is left.
    pub(super) fn into_root(mut self) -> Option<Self> {
        loop {
            if self.is_settled_root() {
                return Some(self);
            }
            if self.count == 0 {
                return None;
            }
            let mut inner = match self.node {
                Node::Inner(inner) if inner.children.len() == 1 => inner.unwrap_or_clone(),
                _ => Inner { children: vec![self] },
            };
            inner.settle(0, Edges::ALL);
            let whole = inner.children.len() == 1 && inner.children[0].size() == Size::Over;
            self = Self::of_children(inner.children)?;
            if whole {
                // It cannot be split, so it stays as it is.
                return Some(self);
            }
        }
    }

    /// Moves the upper part of an oversized node out; `None` if its leaf cannot do it.
    fn split(&mut self, edge: Edge) -> Option<Self> {
        let right = match &mut self.node {
            Node::Leaf(leaf) => {
                let right = leaf.make_mut().split(edge);
                debug_assert!(leaf.count() > 0 && right.count() > 0, "both parts have items");
                (right.count() > 0).then(|| Self::of_leaf(right))
            }
            Node::Inner(inner) => {
                let children = &mut inner.make_mut().children;
                let at = match edge {
                    Edge::First => FAN_MIN,
                    Edge::Inside => children.len() / 2,
                    Edge::Last => children.len().min(FAN_OUT + 1) - FAN_MIN,
                };
                let right = children.split_off(at);
                children.shrink_to(room(at));
                Self::of_children(right)
            }
        };
        self.refresh();
        right
    }

    /// Whether two neighbours fit into one node.
    fn can_absorb(&self, right: &Self) -> bool {
        match (&self.node, &right.node) {
            (Node::Leaf(left), Node::Leaf(right)) => left.can_absorb(right),
            (Node::Inner(left), Node::Inner(right)) => {
                left.children.len() + right.children.len() <= FAN_OUT
            }
            _ => false,
        }
    }

    fn absorb(&mut self, right: Self) {
        match (&mut self.node, right.node) {
            (Node::Leaf(left), Node::Leaf(right)) => {
                left.make_mut().absorb(right.unwrap_or_clone());
            }
            (Node::Inner(left), Node::Inner(right)) => {
                let left = left.make_mut();
                left.reserve(right.children.len());
                left.children.extend(right.unwrap_or_clone().children);
            }
            _ => unreachable!("{ONE_HEIGHT}"),
        }
        self.refresh();
    }

    /// Whether evening out two neighbours helps the one that is over or under.
    fn can_share(&self, right: &Self) -> bool {
        match (&self.node, &right.node) {
            (Node::Leaf(left), Node::Leaf(right)) => left.can_share(right),
            (Node::Inner(left), Node::Inner(right)) => {
                let (left, right) = (left.children.len(), right.children.len());
                // Neither may be left with no room to speak of.
                (2 * FAN_MIN..2 * FAN_OUT - FAN_OUT / 4).contains(&(left + right))
            }
            _ => false,
        }
    }

    /// Evens out two neighbours.
    fn share(&mut self, right: &mut Self) {
        match (&mut self.node, &mut right.node) {
            (Node::Leaf(left), Node::Leaf(right)) => {
                left.make_mut().share(right.make_mut());
            }
            (Node::Inner(left), Node::Inner(right)) => {
                let (left, right) = (left.make_mut(), right.make_mut());
                let half = (left.children.len() + right.children.len()) / 2;
                if left.children.len() > half {
                    let moved = left.children.split_off(half);
                    right.reserve(moved.len());
                    right.children.splice(0..0, moved);
                } else {
                    let moved = half - left.children.len();
                    left.reserve(moved);
                    left.children.extend(right.children.drain(..moved));
                }
            }
            _ => unreachable!("{ONE_HEIGHT}"),
        }
        self.refresh();
        right.refresh();
    }

    /// Puts one tree behind another; they may differ in height.
    pub(super) fn join(left: Option<Self>, right: Option<Self>) -> Option<Self> {
        let (mut left, mut right) = match (left, right) {
            (Some(left), Some(right)) => (left, right),
            (left, right) => return left.or(right)?.into_root(),
        };
        let (high, low) = (left.height(), right.height());
        if high > low {
            left.attach(right, high - low, End::Right, Edges::ALL);
            left.into_root()
        } else if high < low {
            right.attach(left, low - high, End::Left, Edges::ALL);
            right.into_root()
        } else {
            let mut inner = Inner { children: vec![left, right] };
            inner.settle(1, Edges::ALL);
            inner.settle(0, Edges::ALL);
            Self::of_children(inner.children)?.into_root()
        }
    }

    /// Takes in a tree that is `levels` lower than this at an end.
    fn attach(&mut self, tree: Self, levels: usize, end: End, edges: Edges) {
        let Node::Inner(inner) = &mut self.node else { unreachable!("{ONE_HEIGHT}") };
        let inner = inner.make_mut();
        let last = inner.children.len() - 1;
        if levels > 1 {
            let index = if end == End::Right { last } else { 0 };
            let below = edges.below(index, &inner.children);
            inner.children[index].attach(tree, levels - 1, end, below);
            inner.settle(index, edges);
        } else {
            inner.reserve(1);
            let (index, neighbour) = if end == End::Right { (last + 1, last) } else { (0, 1) };
            inner.children.insert(index, tree);
            let before = inner.children.len();
            inner.settle(index, edges);
            // The neighbour was at an end, where it may have been smaller than it should be.
            if inner.children.len() == before {
                inner.settle(neighbour, edges);
            }
        }
        self.refresh();
    }

    /// Cuts a tree before the item of rank `at`.
    pub(super) fn split_at(self, at: usize) -> (Option<Self>, Option<Self>) {
        if at == 0 {
            return (None, Some(self));
        }
        if at >= self.count {
            return (Some(self), None);
        }
        match self.node {
            Node::Leaf(leaf) => {
                let mut left = leaf.unwrap_or_clone();
                let right = left.split_off(at);
                (Some(Self::of_leaf(left)), Some(Self::of_leaf(right)))
            }
            Node::Inner(inner) => {
                let mut left = inner.unwrap_or_clone().children;
                let mut seek = AtRank::new(at);
                let index = Seek::<L>::choose(&mut seek, &left);
                let right = left.split_off(index + 1);
                let (before, behind) = match left.pop() {
                    Some(cut) => cut.split_at(seek.offset()),
                    None => (None, None),
                };
                let left = Self::join(Self::of_children(left), before);
                (left, Self::join(behind, Self::of_children(right)))
            }
        }
    }
}

const NOT_EMPTY: &str = "an inner node has children";
const ONE_HEIGHT: &str = "siblings have one height";

/// An end of a tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Left,
    Right,
}

impl<L: Leaf> Inner<L> {
    /// Items, and heap bytes from this node's block down.
    fn totals(&self) -> (usize, usize) {
        let own = block::<Self>() + size_class(self.children.capacity() * size_of::<Child<L>>());
        self.children.iter().fold((0, own), |(count, bytes), child| {
            (count + child.count, bytes + child.footprint())
        })
    }

    /// Makes room for so many children more, and not much beyond that.
    fn reserve(&mut self, more: usize) {
        let needed = self.children.len() + more;
        if needed > self.children.capacity() {
            self.children.reserve_exact(room(needed) - self.children.len());
        }
    }

    /// Deals with a child that may be empty, over or under. `edges` are this node's.
    fn settle(&mut self, index: usize, edges: Edges) {
        match self.children[index].size() {
            Size::Right => {}
            Size::Empty => {
                self.children.remove(index);
            }
            Size::Over if self.share_at(index) => {}
            Size::Over => self.split_at(index, edges),
            Size::Under => {
                if let Some(left) = self
                    .neighbours(index)
                    .find(|&left| self.children[left].can_absorb(&self.children[left + 1]))
                {
                    let right = self.children.remove(left + 1);
                    self.children[left].absorb(right);
                } else {
                    self.share_at(index);
                }
            }
        }
    }

    /// The pairs of neighbours that a child is in, each by its left one.
    fn neighbours(&self, index: usize) -> impl Iterator<Item = usize> + use<L> {
        let right = (index + 1 < self.children.len()).then_some(index);
        right.into_iter().chain(index.checked_sub(1))
    }

    /// Evens a child out with a neighbour, if that helps.
    fn share_at(&mut self, index: usize) -> bool {
        let found = self
            .neighbours(index)
            .find(|&left| self.children[left].can_share(&self.children[left + 1]));
        if let Some(left) = found
            && let [left, right, ..] = &mut self.children[left..]
        {
            left.share(right);
        }
        found.is_some()
    }

    /// Splits a child into as many as it takes.
    fn split_at(&mut self, index: usize, edges: Edges) {
        let (mut at, mut end) = (index, index + 1);
        while at < end {
            let edge = edges.below(at, &self.children).edge();
            if self.children[at].size() == Size::Over
                && let Some(right) = self.children[at].split(edge)
            {
                self.reserve(1);
                self.children.insert(at + 1, right);
                end += 1;
            } else {
                at += 1;
            }
        }
    }
}
