//! The small form of lists, sets, hashes and sorted sets: elements one after the other in one block
//! of bytes.
//!
//! ```text
//! count16  entry entry ...       count little-endian; an entry is drawn in `entry.rs`
//! ```
//!
//! The entries are those of Redis' listpack, without its header and terminator, so RDB files can
//! take them, and give them, as they are. A hash has field and value by turns, a sorted set member
//! and score, in order.
//!
//! A *position* is where an entry begins, in bytes from the start of the block: the first is at
//! [`PackedRef::START`], and the end of the block is the position behind the last. The bytes are
//! trusted: they were built here, or checked with [`check()`]. Broken ones can panic, and nothing
//! worse.

mod check;
mod edit;
mod element;
pub(in crate::types) mod entry;
mod scored;
#[cfg(test)]
mod tests;

pub use check::{Checked, Malformed, check, elements};
pub use edit::Packed;
pub use element::Element;
pub use entry::Needle;
pub use scored::{Scored, score};

/// A small form where it lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PackedRef<'a>(&'a [u8]);

/// Nothing but the count.
const EMPTY: &[u8] = &[0, 0];

impl<'a> PackedRef<'a> {
    /// The position of the first entry.
    pub const START: usize = 2;
    /// The most entries.
    pub const LEN_MAX: usize = 65_000;

    /// Reads bytes that [`PackedRef::bytes`] or [`Packed`] gave. No bytes at all are taken as an
    /// empty form.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> PackedRef<'a> {
        if bytes.is_empty() { PackedRef(EMPTY) } else { PackedRef(bytes) }
    }

    /// How many entries there are.
    #[inline]
    pub fn len(self) -> usize {
        usize::from(u16::from_le_bytes([self.0[0], self.0[1]]))
    }

    /// Whether there is no entry.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// All bytes, the count included.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The entries' bytes, as a listpack has them.
    #[inline]
    pub fn entries(self) -> &'a [u8] {
        &self.0[Self::START..]
    }

    /// The position behind the last entry.
    #[inline]
    pub fn end(self) -> usize {
        self.0.len()
    }

    /// The elements, from either end.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        Iter { bytes: self.0, front: Self::START, back: self.0.len(), left: self.len() }
    }

    /// The elements with these indexes (those that there are), from either end.
    #[inline]
    pub fn range(self, indexes: std::ops::Range<usize>) -> Iter<'a> {
        let end = indexes.end.min(self.len());
        let left = end.saturating_sub(indexes.start);
        let (front, back) = if left == 0 {
            (self.end(), self.end())
        } else {
            (self.position(indexes.start), self.position(end))
        };
        Iter { bytes: self.0, front, back, left }
    }

    /// The `len` elements from one position to another, from either end.
    #[inline]
    pub fn between(self, positions: std::ops::Range<usize>, len: usize) -> Iter<'a> {
        Iter { bytes: self.0, front: positions.start, back: positions.end, left: len }
    }

    /// The elements two by two: fields and values, or members and scores.
    pub fn pairs(self) -> impl ExactSizeIterator<Item = (Element<'a>, Element<'a>)> + Clone {
        Pairs(self.iter())
    }

    /// The elements with their positions.
    pub fn positions(self) -> impl Iterator<Item = (usize, Element<'a>)> + Clone {
        let mut at = Self::START;
        std::iter::from_fn(move || {
            let found = at;
            let element = self.at(found)?;
            at = self.after(found);
            Some((found, element))
        })
    }

    /// The element number `index`.
    #[inline]
    pub fn get(self, index: usize) -> Option<Element<'a>> {
        self.at(self.position(index))
    }

    /// The element at a position; none at the end.
    #[inline]
    pub fn at(self, position: usize) -> Option<Element<'a>> {
        (position < self.0.len()).then(|| entry::element(self.0, position))
    }

    /// The position of entry number `index`, sought from the nearer end; the end if there are not
    /// so many.
    pub fn position(self, index: usize) -> usize {
        let len = self.len();
        if index >= len {
            return self.end();
        }
        if index <= len / 2 {
            (0..index).fold(Self::START, |at, _| entry::after(self.0, at))
        } else {
            (index..len).fold(self.end(), |at, _| entry::before(self.0, at))
        }
    }

    /// The position behind the entry at `position`; the end stays the end.
    #[inline]
    pub fn after(self, position: usize) -> usize {
        if position < self.0.len() { entry::after(self.0, position) } else { position }
    }

    /// The position of the entry before `position`, if there is one.
    #[inline]
    pub fn before(self, position: usize) -> Option<usize> {
        (position > Self::START).then(|| entry::before(self.0, position))
    }

    /// The position of the first entry that is `needle`, among every `step`-th one from the first.
    #[inline]
    pub fn find(self, needle: &[u8], step: usize) -> Option<usize> {
        self.find_from(Self::START, &Needle::new(Element::Bytes(needle)), step)
    }

    /// As [`PackedRef::find`], from a position on, and for an element encoded once for many calls.
    #[inline]
    pub fn find_from(self, position: usize, needle: &Needle<'_>, step: usize) -> Option<usize> {
        let mut at = position;
        while at < self.0.len() {
            if needle.is_at(self.0, at) {
                return Some(at);
            }
            for _ in 0..step {
                at = self.after(at);
            }
        }
        None
    }

    /// A copy that can be edited.
    pub fn to_packed(self) -> Packed {
        Packed::from_vec(self.0.to_vec())
    }
}

impl std::fmt::Debug for PackedRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for PackedRef<'a> {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The elements of a [`PackedRef`].
#[derive(Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let (element, behind) = entry::read(self.bytes, self.front);
        self.front = behind;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        self.back = entry::before(self.bytes, self.back);
        Some(entry::element(self.bytes, self.back))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[derive(Clone)]
struct Pairs<'a>(Iter<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.left / 2, Some(self.0.left / 2))
    }
}

impl ExactSizeIterator for Pairs<'_> {}
