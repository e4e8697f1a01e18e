//! The leaf of a list's tree: a packed run of elements.

use super::Side;
use crate::types::btree::{Edge, Leaf};
use crate::types::packed::{Element, Packed, PackedRef};

/// Bytes of a full chunk. Larger ones would save some of the 80 bytes that a chunk costs beside
/// them; smaller ones make finding an element in its chunk, inserting one, and copying a shared
/// chunk cheaper.
pub(super) const CHUNK_BYTES: usize = 4096;
/// Below this a chunk is merged with a neighbour that has room.
const UNDER_BYTES: usize = CHUNK_BYTES / 4;
/// Unused room beyond this is given back, if it is also more than what is used.
const SLACK_BYTES: usize = 64;

/// A run of elements.
#[derive(Default)]
pub(super) struct Chunk(Packed);

/// A copy for writing: it keeps the room.
impl Clone for Chunk {
    fn clone(&self) -> Self {
        let mut copy = Packed::with_capacity(self.0.capacity() - PackedRef::START);
        copy.append(self.0.as_ref());
        Chunk(copy)
    }
}

impl Chunk {
    pub(super) fn new(packed: Packed) -> Self {
        Chunk(packed)
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
        self.0.as_ref()
    }

    /// Bytes until it is full.
    #[inline]
    pub(super) fn room(&self) -> usize {
        CHUNK_BYTES.saturating_sub(self.0.as_ref().end())
    }

    /// Adds an element at an end.
    #[inline]
    pub(super) fn push(&mut self, side: Side, value: &[u8]) {
        self.make_room(Self::width_max(value.len()));
        match side {
            Side::Left => self.0.push_front(value),
            Side::Right => self.0.push_back(value),
        }
    }

    /// Adds an element before the one at a position, or at the end.
    pub(super) fn insert(&mut self, position: usize, value: &[u8]) {
        self.make_room(Self::width_max(value.len()));
        self.0.insert(position, value);
    }

    /// Puts an element in the place of number `at`.
    pub(super) fn set(&mut self, at: usize, value: &[u8]) {
        let position = self.0.as_ref().position(at);
        let old = self.0.as_ref().after(position) - position;
        self.make_room(Self::width_max(value.len()).saturating_sub(old));
        self.0.replace(position, value);
        self.give_back();
    }

    /// Removes the elements from number `at` on.
    pub(super) fn remove(&mut self, at: usize, count: usize) {
        let position = self.0.as_ref().position(at);
        self.0.remove(position, count);
        self.give_back();
    }

    /// See [`remove_matches`].
    pub(super) fn remove_matches(&mut self, value: Element<'_>, side: Side, count: usize) -> usize {
        let removed = remove_matches(&mut self.0, value, side, count);
        self.give_back();
        removed
    }

    /// Makes room for so many bytes, and for an eighth beyond: many small pushes move the chunk
    /// seldom, and little is unused.
    #[inline]
    fn make_room(&mut self, more: usize) {
        let end = self.0.as_ref().end();
        let needed = end + more;
        if needed > self.0.capacity() {
            let roomy = (needed + needed / 8 + 16).min(CHUNK_BYTES).max(needed);
            self.0.reserve_exact(roomy - end);
        }
    }

    fn give_back(&mut self) {
        let used = self.0.as_ref().end();
        if self.0.capacity() - used > used.max(SLACK_BYTES) {
            self.0.shrink_to_fit();
        }
    }

    /// The index where the upper part begins, if the chunk is split.
    fn split_index(&self, edge: Edge) -> usize {
        let packed = self.0.as_ref();
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
        self.0.len()
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.0.as_ref().end() > CHUNK_BYTES
    }

    #[inline]
    fn is_under(&self) -> bool {
        self.0.as_ref().end() < UNDER_BYTES
    }

    fn split(&mut self, edge: Edge) -> Self {
        let at = self.split_index(edge);
        self.split_off(at)
    }

    fn split_off(&mut self, at: usize) -> Self {
        let right = self.0.split_off(at);
        self.give_back();
        Chunk(right)
    }

    fn can_absorb(&self, right: &Self) -> bool {
        right.0.as_ref().entries().len() <= self.room()
    }

    fn absorb(&mut self, right: Self) {
        let right = right.0.as_ref();
        self.make_room(right.entries().len());
        self.0.append(right);
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
