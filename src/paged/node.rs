//! The directory: which page a hash belongs to.
//!
//! Two levels of extendible hashing by the top bits of the hash. The root's `bits` choose a node,
//! the node's `bits` after its `base` choose a slot. *Each page is held by exactly one slot*, the
//! lowest of its range; the others are empty, and a lookup clears the lowest set bit of the index
//! until it meets a page. (Were a page held by every slot of its range, its count would be above
//! one and every write would copy.) Nodes in the root likewise.
//!
//! A table of one page has no directory, and a node starts with two slots: a hash of ten fields
//! must stay small.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Object;
use super::heap::PageHeap;
use super::probe;
use super::ptr::{PagePtr, Shared, shared_bytes};

/// A node has at most 2^10 slots, so copying one under a snapshot takes some 15 µs.
pub(super) const NODE_BITS: u8 = 10;

/// The `bits` highest bits of `hash`.
#[inline(always)]
pub(super) fn top(hash: u64, bits: u8) -> usize {
    // In two steps, since a shift by all 64 bits is none at all.
    (hash >> 1 >> (63 - bits)) as usize
}

/// The nearest filled slot at or below what `index` says: its range includes the index.
#[inline(always)]
fn settle<T>(slots: &[Option<T>], mut index: usize) -> usize {
    while slots[index].is_none() {
        index &= index - 1;
    }
    index
}

/// What a table points to.
pub(super) enum Root<O> {
    Empty,
    Page(PagePtr<O>),
    Directory(Shared<Directory<O>>),
}

/// The nodes.
pub(super) struct Directory<O> {
    bits: u8,
    pub(super) nodes: Vec<Option<Shared<Node<O>>>>,
    /// How many nodes there are.
    count: usize,
    /// How many pages there are.
    pub(super) pages: usize,
}

/// The pages of one range of hashes.
pub(super) struct Node<O> {
    /// 2^bits slots.
    pub(super) bits: u8,
    /// Hash bits that all pages of this node have in common.
    base: u8,
    /// No entry in this node expires before this (unix ms). Atomic for the reason given in
    /// `ptr::Header`.
    pub(super) earliest: AtomicU64,
    pub(super) slots: Vec<Option<PagePtr<O>>>,
}

impl<O> Clone for Root<O> {
    fn clone(&self) -> Self {
        match self {
            Root::Empty => Root::Empty,
            Root::Page(page) => Root::Page(page.clone()),
            Root::Directory(directory) => Root::Directory(directory.clone()),
        }
    }
}

impl<O> Clone for Directory<O> {
    fn clone(&self) -> Self {
        Self { nodes: self.nodes.clone(), ..*self }
    }
}

impl<O> Clone for Node<O> {
    fn clone(&self) -> Self {
        /// Counts are in the pages' heads, each on a line of its own: so many are asked for ahead.
        const AHEAD: usize = 16;
        let earliest = self.earliest.load(Ordering::Relaxed).into();
        let mut slots = Vec::with_capacity(self.slots.len());
        for (index, slot) in self.slots.iter().enumerate() {
            if let Some(Some(page)) = self.slots.get(index + AHEAD) {
                probe::prefetch(page.address());
            }
            slots.push(slot.clone());
        }
        Self { earliest, slots, ..*self }
    }
}

/// A page just made, with what a directory must know of it: the page itself need not come back into
/// the cache.
pub(super) struct Leaf<O> {
    /// Where its range of hashes begins.
    pub(super) start: u64,
    pub(super) depth: u8,
    pub(super) earliest: u64,
    pub(super) page: PagePtr<O>,
}

impl<O> Root<O> {
    /// A root over pages that cover all hashes, in order; and the bytes of its directory.
    pub(super) fn of_leaves(mut leaves: Vec<Leaf<O>>) -> (Self, usize) {
        if leaves.len() <= 1 {
            return (leaves.pop().map_or(Root::Empty, |leaf| Root::Page(leaf.page)), 0);
        }
        let mut plan = Vec::new();
        plan_nodes(&leaves, 0, &mut plan);
        let bits = plan.iter().map(|planned| planned.base).max().unwrap_or(0);
        let mut nodes = Vec::new();
        nodes.resize_with(1 << bits, || None);
        let (count, pages) = (plan.len(), leaves.len());
        let mut bytes = 0;
        let mut leaves = leaves.into_iter();
        for planned in plan {
            let start = leaves.as_slice().first().map_or(0, |leaf| leaf.start);
            let node = planned.node(leaves.by_ref().take(planned.pages));
            bytes += node.bytes();
            nodes[top(start, bits)] = Some(Shared::new(node));
        }
        let directory = Directory { bits, nodes, count, pages };
        bytes += directory.own_bytes();
        (Root::Directory(Shared::new(directory)), bytes)
    }
}

/// A node to be made of the next so many pages.
struct Planned {
    base: u8,
    bits: u8,
    pages: usize,
}

/// Which pages go into one node: all, or if they are too deep for one, each half's in its own.
fn plan_nodes<O>(leaves: &[Leaf<O>], base: u8, plan: &mut Vec<Planned>) {
    let depth = leaves.iter().map(|leaf| leaf.depth).max().unwrap_or(base);
    if depth <= base + NODE_BITS {
        return plan.push(Planned { base, bits: depth - base, pages: leaves.len() });
    }
    let half = leaves.partition_point(|leaf| leaf.start << base >> 63 == 0);
    plan_nodes(&leaves[..half], base + 1, plan);
    plan_nodes(&leaves[half..], base + 1, plan);
}

impl Planned {
    fn node<O>(&self, leaves: impl Iterator<Item = Leaf<O>>) -> Node<O> {
        let mut slots = Vec::new();
        slots.resize_with(1 << self.bits, || None);
        let mut earliest = u64::MAX;
        for leaf in leaves {
            earliest = earliest.min(leaf.earliest);
            slots[top(leaf.start << self.base, self.bits)] = Some(leaf.page);
        }
        Node { bits: self.bits, base: self.base, earliest: earliest.into(), slots }
    }
}

impl<O> Root<O> {
    /// Bytes of the directory, by looking at all of it.
    #[cfg(test)]
    pub(super) fn directory_bytes(&self) -> usize {
        let Root::Directory(directory) = self else { return 0 };
        let nodes = directory.nodes.iter().flatten();
        directory.own_bytes() + nodes.map(|node| node.bytes()).sum::<usize>()
    }

    /// How many pages there are, overflow pages not counted.
    pub(super) fn pages(&self) -> usize {
        match self {
            Root::Empty => 0,
            Root::Page(_) => 1,
            Root::Directory(directory) => directory.pages,
        }
    }
}

impl<O: Object> Root<O> {
    /// The page for a hash.
    #[inline(always)]
    pub(super) fn page(&self, hash: u64) -> Option<&PagePtr<O>> {
        match self {
            Root::Directory(directory) => {
                let node = directory.node(hash);
                node.slots[node.settle(hash)].as_ref()
            }
            Root::Page(page) => Some(page),
            Root::Empty => None,
        }
    }

    /// The page for a hash, to be written: what leads to it is unshared on the way, itself not.
    #[inline(always)]
    pub(super) fn page_mut(&mut self, hash: u64) -> Option<&mut PagePtr<O>> {
        match self {
            Root::Directory(directory) => {
                let directory = directory.make_mut();
                let index = directory.settle(hash);
                let node = directory.nodes[index].as_mut()?.make_mut();
                let slot = node.settle(hash);
                node.slots[slot].as_mut()
            }
            Root::Page(page) => Some(page),
            Root::Empty => None,
        }
    }

    /// The page for a hash, if nobody shares what leads to it.
    #[inline(always)]
    pub(super) fn unshared_page_mut(&mut self, hash: u64) -> Option<&mut PagePtr<O>> {
        match self {
            Root::Directory(directory) => {
                let directory = directory.get_mut()?;
                let index = directory.settle(hash);
                let node = directory.nodes[index].as_mut()?.get_mut()?;
                let slot = node.settle(hash);
                node.slots[slot].as_mut()
            }
            Root::Page(page) => Some(page),
            Root::Empty => None,
        }
    }

    /// The node for a hash, and the hash after its range (0 after the last node).
    pub(super) fn node_with_range(&self, hash: u64) -> Option<(&Node<O>, u64)> {
        let Root::Directory(directory) = self else { return None };
        let node = directory.node(hash);
        let span = u64::MAX.checked_shr(u32::from(node.base)).unwrap_or(0);
        Some((node, (hash | span).wrapping_add(1)))
    }

    /// Lowers the earliest expiry of the page for a hash, and of its node.
    pub(super) fn lower_earliest(&self, hash: u64, expiry: u64) {
        if let Root::Directory(directory) = self {
            super::edit::lower(&directory.node(hash).earliest, expiry);
        }
        if let Some(page) = self.page(hash) {
            super::edit::lower(&page.header().earliest, expiry);
        }
    }

    /// Makes two pages of the page for a hash. What that changes in size is added to `bytes`.
    pub(super) fn split(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        rehash: fn(&[u8]) -> u64,
        bytes: &mut usize,
    ) {
        match std::mem::replace(self, Root::Empty) {
            Root::Empty => {}
            Root::Page(page) => {
                let (low, high) = page.split(heap, rehash);
                *bytes = *bytes + low.footprint() + high.footprint() - page.footprint();
                let node = Node {
                    bits: 1,
                    base: 0,
                    earliest: page.earliest().into(),
                    slots: vec![Some(low), Some(high)],
                };
                page.free(heap);
                *bytes += node.bytes();
                let nodes = vec![Some(Shared::new(node))];
                let directory = Directory { bits: 0, nodes, count: 1, pages: 2 };
                *bytes += directory.own_bytes();
                *self = Root::Directory(Shared::new(directory));
            }
            Root::Directory(mut directory) => {
                directory.make_mut().split(heap, hash, rehash, bytes);
                *self = Root::Directory(directory);
            }
        }
    }

    /// Merges the page for a hash with its sibling for as long as both together are small. What
    /// that changes in size is added to `bytes`.
    pub(super) fn merge(&mut self, heap: &mut PageHeap, hash: u64, bytes: &mut usize) {
        let Root::Directory(shared) = self else { return };
        if !shared.can_merge(hash) {
            return;
        }
        let directory = shared.make_mut();
        while directory.merge(heap, hash, bytes) {}
        if directory.pages == 1 {
            let before = directory.own_bytes() + directory.node(0).bytes();
            let page = directory.nodes[0].as_mut().and_then(|node| node.make_mut().slots[0].take());
            if let Some(page) = page {
                *bytes -= before;
                *self = Root::Page(page);
            }
        }
    }
}

impl<O> Node<O> {
    fn bytes(&self) -> usize {
        shared_bytes::<Self>() + self.slots.len() * size_of::<Option<PagePtr<O>>>()
    }

    #[inline(always)]
    fn settle(&self, hash: u64) -> usize {
        settle(&self.slots, top(hash << self.base, self.bits))
    }

    /// The bit of a slot's index that tells a page of this depth from its sibling.
    fn sibling_bit(&self, depth: u8) -> usize {
        1 << (self.base + self.bits - depth)
    }

    /// Twice as many slots for the same pages.
    fn double(&mut self) {
        let mut slots = Vec::with_capacity(2 * self.slots.len());
        for slot in self.slots.drain(..) {
            slots.push(slot);
            slots.push(None);
        }
        self.slots = slots;
        self.bits += 1;
    }

    /// Half as many slots, if the pages allow it.
    fn halve(&mut self) -> bool {
        if self.bits == 0 || self.slots.iter().skip(1).step_by(2).any(Option::is_some) {
            return false;
        }
        self.slots = std::mem::take(&mut self.slots).into_iter().step_by(2).collect();
        self.bits -= 1;
        true
    }
}

impl<O> Directory<O> {
    /// Bytes without the nodes.
    fn own_bytes(&self) -> usize {
        shared_bytes::<Self>() + self.nodes.len() * size_of::<Option<Shared<Node<O>>>>()
    }

    #[inline(always)]
    fn settle(&self, hash: u64) -> usize {
        settle(&self.nodes, top(hash, self.bits))
    }

    #[inline(always)]
    fn node(&self, hash: u64) -> &Node<O> {
        self.nodes[self.settle(hash)].as_ref().expect("settle stops at a node")
    }
}

impl<O: Object> Directory<O> {
    fn split(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        rehash: fn(&[u8]) -> u64,
        bytes: &mut usize,
    ) {
        loop {
            let index = self.settle(hash);
            let node = self.nodes[index].as_ref().expect("settle stops at a node");
            let page = node.slots[node.settle(hash)].as_ref().expect("settle stops at a page");
            let deep = page.header().depth == node.base + node.bits;
            if !(deep && node.bits == NODE_BITS) {
                break;
            }
            self.split_node(index, hash, bytes);
        }
        let index = self.settle(hash);
        let node = self.nodes[index].as_mut().expect("settle stops at a node").make_mut();
        *bytes -= node.bytes();
        let mut slot = node.settle(hash);
        let page = node.slots[slot].take().expect("settle stops at a page");
        let depth = page.header().depth;
        if depth == node.base + node.bits {
            node.double();
            slot *= 2;
        }
        let (low, high) = page.split(heap, rehash);
        *bytes = *bytes + low.footprint() + high.footprint() - page.footprint();
        page.free(heap);
        let sibling = slot | node.sibling_bit(depth + 1);
        (node.slots[slot], node.slots[sibling]) = (Some(low), Some(high));
        self.pages += 1;
        *bytes += node.bytes();
    }

    /// Makes two nodes of a full one; doubles the root first if it must.
    fn split_node(&mut self, mut index: usize, hash: u64, bytes: &mut usize) {
        *bytes -= self.own_bytes();
        let base = self.node(hash).base;
        if base == self.bits {
            let mut nodes = Vec::with_capacity(2 * self.nodes.len());
            for node in self.nodes.drain(..) {
                nodes.push(node);
                nodes.push(None);
            }
            self.nodes = nodes;
            self.bits += 1;
            index *= 2;
        }
        let low = self.nodes[index].as_mut().expect("settle stops at a node").make_mut();
        *bytes -= low.bytes();
        let slots = low.slots.split_off(low.slots.len() / 2);
        low.slots.shrink_to_fit();
        low.bits -= 1;
        low.base += 1;
        let earliest = low.earliest.load(Ordering::Relaxed).into();
        let high = Node { bits: low.bits, base: low.base, earliest, slots };
        *bytes += low.bytes() + high.bytes();
        self.nodes[index | 1 << (self.bits - base - 1)] = Some(Shared::new(high));
        self.count += 1;
        *bytes += self.own_bytes();
    }

    /// Whether the page for a hash has a sibling in its node that it can merge with, or its node
    /// one.
    fn can_merge(&self, hash: u64) -> bool {
        let node = self.node(hash);
        let slot = node.settle(hash);
        let Some(page) = &node.slots[slot] else { return false };
        let depth = page.header().depth;
        if depth > node.base {
            let sibling = node.slots[slot ^ node.sibling_bit(depth)].as_ref();
            sibling.is_some_and(|other| page.may_merge(other))
        } else {
            self.sibling_node(hash).is_some()
        }
    }

    /// The positions (lower, upper) of the node for a hash and its sibling, if they can become one.
    fn sibling_node(&self, hash: u64) -> Option<(usize, usize)> {
        let index = self.settle(hash);
        let node = self.nodes[index].as_ref()?;
        let bit = 1usize.checked_shl(u32::from(self.bits.checked_sub(node.base)?))?;
        let other = self.nodes.get(index ^ bit)?.as_ref()?;
        let small = node.bits.max(other.bits) < NODE_BITS - 1;
        (node.base > 0 && node.base == other.base && small).then_some((index & !bit, index | bit))
    }

    /// One step of merging: two pages, or two nodes so that their pages can. False when there is
    /// none.
    fn merge(&mut self, heap: &mut PageHeap, hash: u64, bytes: &mut usize) -> bool {
        if !self.can_merge(hash) {
            return false;
        }
        let node = self.node(hash);
        let at_base = node.slots[node.settle(hash)]
            .as_ref()
            .is_some_and(|page| page.header().depth == node.base);
        if at_base {
            return self.merge_nodes(hash, bytes);
        }
        let index = self.settle(hash);
        let node = self.nodes[index].as_mut().expect("settle stops at a node").make_mut();
        *bytes -= node.bytes();
        let slot = node.settle(hash);
        let depth = node.slots[slot].as_ref().map_or(0, |page| page.header().depth);
        let bit = node.sibling_bit(depth);
        if let (Some(low), Some(high)) =
            (node.slots[slot & !bit].take(), node.slots[slot | bit].take())
        {
            let page = low.merge(&high, heap);
            *bytes = *bytes + page.footprint() - low.footprint() - high.footprint();
            low.free(heap);
            high.free(heap);
            node.slots[slot & !bit] = Some(page);
            self.pages -= 1;
        }
        while node.halve() {}
        *bytes += node.bytes();
        true
    }

    /// Makes one node of the two that [`Directory::sibling_node`] answers.
    fn merge_nodes(&mut self, hash: u64, bytes: &mut usize) -> bool {
        let Some((at, from)) = self.sibling_node(hash) else { return false };
        *bytes -= self.own_bytes();
        let mut high = self.nodes[from].take().expect("there is a sibling");
        let high = high.make_mut();
        let low = self.nodes[at].as_mut().expect("there is a sibling").make_mut();
        *bytes -= low.bytes() + high.bytes();
        while low.bits < high.bits {
            low.double();
        }
        while high.bits < low.bits {
            high.double();
        }
        low.slots.append(&mut high.slots);
        low.bits += 1;
        low.base -= 1;
        super::edit::lower(&low.earliest, high.earliest.load(Ordering::Relaxed));
        *bytes += low.bytes();
        self.count -= 1;
        // Halving looks at the whole root, so it waits until the root is mostly empty.
        while self.count * 4 <= self.nodes.len()
            && self.nodes.iter().skip(1).step_by(2).all(Option::is_none)
        {
            self.nodes = std::mem::take(&mut self.nodes).into_iter().step_by(2).collect();
            self.bits -= 1;
        }
        *bytes += self.own_bytes();
        true
    }
}
