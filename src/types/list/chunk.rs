//! The leaf of a list's tree: a packed run of elements.

use super::Side;
use crate::types::btree::{Edge, Leaf};
use crate::types::packed::{Element, Iter, Packed, PackedRef};
use std::ops::Range;

/// Bytes of a full chunk. Larger ones would save some of the 80 bytes that a chunk costs beside
/// them; smaller ones make finding an element in its chunk, inserting one, and copying a shared
/// chunk cheaper.
pub(super) const CHUNK_BYTES: usize = 8192;
/// Below this a chunk is merged with a neighbour that has room.
const UNDER_BYTES: usize = CHUNK_BYTES / 4;
/// Unused room beyond this is given back, if it is also more than what is used.
const SLACK_BYTES: usize = 64;

/// A run of elements.
#[derive(Default)]
pub(super) struct Chunk {
    packed: Packed,
    /// Bytes of each entry, if they are known to be equally many: then the place of any is known
    /// without a scan. 0: not known.
    stride: u32,
}

/// A copy for writing: it keeps the room.
impl Clone for Chunk {
    fn clone(&self) -> Self {
        let mut copy = Packed::with_capacity(self.packed.capacity() - PackedRef::START);
        copy.append(self.packed.as_ref());
        Chunk { packed: copy, stride: self.stride }
    }
}

impl Chunk {
    pub(super) fn new(packed: Packed) -> Self {
        let view = packed.as_ref();
        let first = view.after(PackedRef::START);
        let width = first - PackedRef::START;
        let mut at = first;
        while at < view.end() && view.after(at) - at == width {
            at = view.after(at);
        }
        let stride = if at == view.end() { width as u32 } else { 0 };
        Chunk { packed, stride }
    }

    /// The position of element number `at`; the end if there are not so many.
    #[inline]
    pub(super) fn position(&self, at: usize) -> usize {
        let packed = self.packed.as_ref();
        match self.stride {
            0 => packed.position(at),
            stride => PackedRef::START + at.min(packed.len()) * stride as usize,
        }
    }

    /// Element number `at`.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<Element<'_>> {
        self.packed.as_ref().at(self.position(at))
    }

    /// The elements with these indexes (those that there are).
    #[inline]
    pub(super) fn range(&self, indexes: Range<usize>) -> Iter<'_> {
        let end = indexes.end.min(self.packed.len());
        let start = indexes.start.min(end);
        let positions = self.position(start)..self.position(end);
        self.packed.as_ref().between(positions, end - start)
    }

    /// Follows the addition of an entry, or that of one in the place of another.
    #[inline]
    fn added(&mut self, width: usize) {
        if self.packed.len() == 1 {
            self.stride = width as u32;
        } else if self.stride as usize != width {
            self.stride = 0;
        }
    }

    /// The most bytes that an element takes. (An integer takes less.)
    #[inline]
    pub(super) fn width_max(element: usize) -> usize {
        element
            + match element {
                0..64 => 2,
                64..4096 => 4,
                _ => 10,
            }
    }

    #[inline]
    pub(super) fn as_ref(&self) -> PackedRef<'_> {
        self.packed.as_ref()
    }

    /// Bytes until it is full.
    #[inline]
    pub(super) fn room(&self) -> usize {
        CHUNK_BYTES.saturating_sub(self.packed.as_ref().end())
    }

    /// Adds an element at an end.
    #[inline]
    pub(super) fn push(&mut self, side: Side, value: &[u8]) {
        self.make_room(Self::width_max(value.len()));
        let before = self.packed.as_ref().end();
        match side {
            Side::Left => self.packed.push_front(value),
            Side::Right => self.packed.push_back(value),
        }
        self.added(self.packed.as_ref().end() - before);
    }

    /// Adds an element before the one at a position, or at the end.
    pub(super) fn insert(&mut self, position: usize, value: &[u8]) {
        self.make_room(Self::width_max(value.len()));
        let before = self.packed.as_ref().end();
        self.packed.insert(position, value);
        self.added(self.packed.as_ref().end() - before);
    }

    /// Puts an element in the place of number `at`.
    pub(super) fn set(&mut self, at: usize, value: &[u8]) {
        let position = self.position(at);
        let old = self.packed.as_ref().after(position) - position;
        self.make_room(Self::width_max(value.len()).saturating_sub(old));
        self.packed.replace(position, value);
        self.added(self.packed.as_ref().after(position) - position);
        self.give_back();
    }

    /// Removes the elements from number `at` on.
    pub(super) fn remove(&mut self, at: usize, count: usize) {
        let position = self.position(at);
        self.packed.remove(position, count);
        self.give_back();
    }

    /// See [`remove_matches`].
    pub(super) fn remove_matches(&mut self, value: Element<'_>, side: Side, count: usize) -> usize {
        let removed = remove_matches(&mut self.packed, value, side, count);
        self.give_back();
        removed
    }

    /// Makes room for so many bytes, and for an eighth beyond: many small pushes move the chunk
    /// seldom, and little is unused.
    #[inline]
    fn make_room(&mut self, more: usize) {
        let end = self.packed.as_ref().end();
        let needed = end + more;
        if needed > self.packed.capacity() {
            let roomy = (needed + needed / 8 + 16).min(CHUNK_BYTES).max(needed);
            self.packed.reserve_exact(roomy - end);
        }
    }

    fn give_back(&mut self) {
        let used = self.packed.as_ref().end();
        if self.packed.capacity() - used > used.max(SLACK_BYTES) {
            self.packed.shrink_to_fit();
        }
    }

    /// The index where the upper part begins, if the chunk is split.
    fn split_index(&self, edge: Edge) -> usize {
        let packed = self.packed.as_ref();
        let bound = match edge {
            Edge::Last => CHUNK_BYTES,
            Edge::Inside => packed.end() / 2,
            Edge::First => packed.end().saturating_sub(CHUNK_BYTES - PackedRef::START),
        };
        let (mut at, mut position) = (0, PackedRef::START);
        while position < bound {
            let next = packed.after(position);
            if edge == Edge::Last && next > bound {
                break;
            }
            (at, position) = (at + 1, next);
        }
        at.clamp(1, packed.len() - 1)
    }
}

impl Leaf for Chunk {
    type Sep = ();

    fn sep(&self) {}

    #[inline]
    fn count(&self) -> usize {
        self.packed.len()
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        self.packed.capacity()
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.packed.as_ref().end() > CHUNK_BYTES
    }

    #[inline]
    fn is_under(&self) -> bool {
        self.packed.as_ref().end() < UNDER_BYTES
    }

    fn split(&mut self, edge: Edge) -> Self {
        let at = self.split_index(edge);
        self.split_off(at)
    }

    fn split_off(&mut self, at: usize) -> Self {
        let right = self.packed.split_off(at);
        self.give_back();
        Chunk { packed: right, stride: self.stride }
    }

    fn can_absorb(&self, right: &Self) -> bool {
        right.packed.as_ref().entries().len() <= self.room()
    }

    fn absorb(&mut self, right: Self) {
        if self.stride != right.stride {
            self.stride = 0;
        }
        let right = right.packed.as_ref();
        self.make_room(right.entries().len());
        self.packed.append(right);
    }
}

/// Removes up to `count` elements that are `value`, those nearest to an end; answers how many there
/// were.
pub(super) fn remove_matches(
    packed: &mut Packed,
    value: Element<'_>,
    side: Side,
    count: usize,
) -> usize {
    // How many matches are too far from the end.
    let mut spared = match side {
        Side::Left => 0,
        Side::Right => {
            let all = packed.as_ref().iter().filter(|element| *element == value).count();
            all.saturating_sub(count)
        }
    };
    let mut left = count;
    packed.retain(|element| {
        if left == 0 || element != value {
            return true;
        }
        if spared > 0 {
            spared -= 1;
            return true;
        }
        left -= 1;
        false
    })
}
