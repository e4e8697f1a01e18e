//! The large form of a list.

use super::chunk::{CHUNK_BYTES, Chunk};
use super::{Elements, Side};
use crate::types::btree::Tree;
use crate::types::packed::{Element, Needle, Packed, PackedRef};
use std::ops::Range;

/// A list in a tree of chunks. See [`super`].
#[derive(Clone, Default)]
pub struct List {
    tree: Tree<Chunk>,
}

impl List {
    /// An empty one. Allocates nothing.
    pub const fn new() -> Self {
        List { tree: Tree::new() }
    }

    /// The elements of a small form, in chunks.
    pub fn from_packed(packed: Packed) -> Self {
        let mut list = List::new();
        list.push_packed(packed);
        list
    }

    /// How many elements there are. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Bytes of everything, this struct included. O(1).
    pub fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.tree.bytes()
    }

    /// See [`super::ListRef::get`].
    #[inline]
    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        let (chunk, first) = self.tree.leaf_at(index)?;
        chunk.get(index - first)
    }

    /// All elements, from either end.
    pub fn iter(&self) -> Elements<'_> {
        self.range(0..self.len())
    }

    /// See [`super::ListRef::range`].
    pub fn range(&self, indexes: Range<usize>) -> Elements<'_> {
        let end = indexes.end.min(self.len());
        let indexes = indexes.start.min(end)..end;
        Elements::of_chunks(self.tree.leaves(indexes.clone()), indexes)
    }

    /// Calls `see` with each chunk and the index of its first element, from an end on, until it
    /// says no.
    pub fn each_chunk<'a>(&'a self, side: Side, mut see: impl FnMut(usize, PackedRef<'a>) -> bool) {
        let mut chunks = self.tree.leaves(..);
        let mut step = |(first, chunk): (usize, &'a Chunk)| see(first, chunk.as_ref());
        match side {
            Side::Left => chunks.all(&mut step),
            Side::Right => chunks.rev().all(&mut step),
        };
    }

    /// How many chunks there are. Looks at the inner nodes only.
    pub fn chunks(&self) -> usize {
        self.tree.leaves(..).count()
    }

    /// Bytes of all elements packed into one block, as long as they are at most `max`.
    pub(super) fn packed_bytes(&self, max: usize) -> Option<usize> {
        // Chunks have at most as much unused room as is used, and a little.
        if self.tree.bytes() > 4 * max + CHUNK_BYTES {
            return None;
        }
        let mut bytes = PackedRef::START;
        self.each_chunk(Side::Left, |_, chunk| {
            bytes += chunk.entries().len();
            bytes <= max
        });
        (bytes <= max).then_some(bytes)
    }

    /// All elements packed into one block; there are few.
    pub(super) fn to_packed(&self) -> Packed {
        let mut all = Packed::new();
        self.each_chunk(Side::Left, |_, chunk| {
            all.append(chunk);
            true
        });
        all
    }

    /// Pushes values at an end, one after the other.
    pub fn push(&mut self, side: Side, values: &[&[u8]]) {
        let mut rest = values;
        while !rest.is_empty() {
            let chunk = match side {
                Side::Left => self.tree.first_leaf(),
                Side::Right => self.tree.last_leaf(),
            };
            let fitting = count_fitting(rest, chunk.map_or(0, Chunk::room));
            if fitting > 0 {
                let (now, later) = rest.split_at(fitting);
                let index = if side == Side::Left { 0 } else { self.len() };
                self.tree.edit_at(index, |chunk, _| {
                    now.iter().for_each(|value| chunk.push(side, value));
                });
                rest = later;
                continue;
            }
            let fitting = count_fitting(rest, CHUNK_BYTES - PackedRef::START).max(1);
            let (now, later) = rest.split_at(fitting);
            let mut chunk = Chunk::default();
            now.iter().for_each(|value| chunk.push(side, value));
            match side {
                Side::Left => self.tree.push_front_leaf(chunk),
                Side::Right => self.tree.push_back_leaf(chunk),
            }
            rest = later;
        }
    }

    /// Appends all elements of a small form.
    pub fn push_packed(&mut self, packed: Packed) {
        // The tree splits it where it is too large.
        self.tree.push_back_leaf(Chunk::new(packed));
    }

    /// Puts an element in the place of number `index`, which must be there.
    pub fn set(&mut self, index: usize, value: &[u8]) {
        debug_assert!(index < self.len());
        self.tree.edit_at(index, |chunk, at| chunk.set(at, value));
    }

    /// Adds an element before or behind the first one that is `pivot`; answers whether there is
    /// one.
    pub fn insert_beside(&mut self, pivot: &[u8], after: bool, value: &[u8]) -> bool {
        let needle = Needle::new(Element::Bytes(pivot));
        let mut chunks = self.tree.leaves(..);
        let found = chunks.find_map(|(first, chunk)| {
            let position = chunk.as_ref().find_from(PackedRef::START, &needle, 1)?;
            Some((first, position))
        });
        let Some((first, position)) = found else { return false };
        self.tree.edit_at(first, |chunk, _| {
            let position = if after { chunk.as_ref().after(position) } else { position };
            chunk.insert(position, value);
        });
        true
    }

    /// Removes up to `count` elements that are `value`, those nearest to an end; answers how many
    /// there were.
    pub fn remove_matches(&mut self, value: &[u8], side: Side, count: usize) -> usize {
        let needle = Needle::new(Element::Bytes(value));
        let wanted = Element::parse(value);
        let has_match =
            |chunk: &Chunk| chunk.as_ref().find_from(PackedRef::START, &needle, 1).is_some();
        let mut removed = 0;
        // What has not been looked at yet.
        let mut indexes = 0..self.len();
        while removed < count {
            let mut chunks = self.tree.leaves(indexes.clone());
            let found = match side {
                Side::Left => chunks.find(|(_, chunk)| has_match(chunk)),
                Side::Right => chunks.rev().find(|(_, chunk)| has_match(chunk)),
            };
            let Some((first, chunk)) = found else { break };
            let behind = first + chunk.as_ref().len();
            let here = self
                .tree
                .edit_at(first, |chunk, _| chunk.remove_matches(wanted, side, count - removed));
            removed += here;
            // Neighbours may have been merged into one chunk, but indexes stay what they are; and
            // what lies on the far side has no match left.
            match side {
                Side::Left => indexes = behind - here..self.len(),
                Side::Right => indexes.end = first,
            }
        }
        removed
    }

    /// Cuts out the elements with these indexes, and answers them as a list, which may be large:
    /// somebody else should free it. O(log n).
    pub fn remove_range(&mut self, indexes: Range<usize>) -> List {
        let inside = self.tree.leaf_at(indexes.start).is_some_and(|(chunk, first)| {
            indexes.end < first + chunk.as_ref().len()
                || (indexes.end == first + chunk.as_ref().len() && indexes.start > first)
        });
        if inside {
            // Nothing to be kept, so nothing is copied out.
            let count = indexes.len();
            self.tree.edit_at(indexes.start, |chunk, at| chunk.remove(at, count));
            return List::new();
        }
        List { tree: self.tree.remove_range(indexes) }
    }
}

/// How many of `values` fit into so many bytes.
fn count_fitting(values: &[&[u8]], mut room: usize) -> usize {
    let fits = |value: &&&[u8]| match room.checked_sub(Chunk::width_max(value.len())) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    values.iter().take_while(fits).count()
}
