//! Lists: a few elements packed in one block, many in a counted B+tree of such blocks.
//!
//! ```text
//!  ListValue::Packed   count16 entry entry entry ...                             `listpack`
//!  ListValue::Tree     Arc<List> ──► B+tree by rank ──► chunk, chunk, chunk ...  `quicklist`
//!                                                       each packed, at most 8 KiB,
//!                                                       or one element that is larger
//! ```
//!
//! An element anywhere is found in O(log n) and a scan of one chunk (none, if the chunk's elements
//! have one length); inserting or removing one moves the bytes of one chunk. A clone is O(1), and
//! an edit of a shared list copies one chunk and the way down to it.
//!
//! | file | what |
//! |---|---|
//! | `chunk` | the tree's leaf |
//! | `tree` | [`List`]: the large form |
//! | `elements` | [`Elements`]: iterating a range, from either end |
//! | `value` | [`ListValue`]: both forms, edited, and when one becomes the other |

mod chunk;
mod elements;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use elements::Elements;
pub use tree::List;
pub use value::{ListBuilder, ListValue, Place};

use super::packed::{Element, Needle, PackedRef};
use std::ops::Range;

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The head: index 0.
    Left,
    /// The tail.
    Right,
}

/// A list where it lies.
#[derive(Clone, Copy)]
pub enum ListRef<'a> {
    /// The small form.
    Packed(PackedRef<'a>),
    /// The large form.
    Tree(&'a List),
}

impl<'a> ListRef<'a> {
    /// How many elements there are. O(1).
    #[inline]
    pub fn len(self) -> usize {
        match self {
            ListRef::Packed(packed) => packed.len(),
            ListRef::Tree(list) => list.len(),
        }
    }

    /// Whether there is none (never under a key).
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element number `index`, from 0.
    #[inline]
    pub fn get(self, index: usize) -> Option<Element<'a>> {
        match self {
            ListRef::Packed(packed) => packed.get(index),
            ListRef::Tree(list) => list.get(index),
        }
    }

    /// All elements, from either end.
    pub fn iter(self) -> Elements<'a> {
        self.range(0..self.len())
    }

    /// The elements with these indexes (those that there are), from either end. Takes no memory.
    #[inline]
    pub fn range(self, indexes: Range<usize>) -> Elements<'a> {
        match self {
            ListRef::Packed(packed) => Elements::of_packed(packed, indexes),
            ListRef::Tree(list) => list.range(indexes),
        }
    }

    /// The elements at an end, at most `count`, in the order in which they would be popped.
    pub fn end(self, side: Side, count: usize) -> impl Iterator<Item = Element<'a>> {
        let (len, count) = (self.len(), count.min(self.len()));
        let (mut ahead, mut behind) = match side {
            Side::Left => (Some(self.range(0..count)), None),
            Side::Right => (None, Some(self.range(len - count..len))),
        };
        std::iter::from_fn(move || match (&mut ahead, &mut behind) {
            (Some(ahead), _) => ahead.next(),
            (None, Some(behind)) => behind.next_back(),
            (None, None) => None,
        })
    }

    /// Calls `see` with the index of each element that is `value`, seeking from one end and looking
    /// at `examine` elements at most, until it says no.
    pub fn find_each(
        self,
        value: &[u8],
        side: Side,
        examine: usize,
        mut see: impl FnMut(usize) -> bool,
    ) {
        let needle = Needle::new(Element::Bytes(value));
        match self {
            ListRef::Packed(packed) => {
                matches(packed, &needle, value, side, examine, &mut see);
            }
            ListRef::Tree(list) => {
                let mut left = examine;
                list.each_chunk(side, |first, chunk| {
                    let more =
                        matches(chunk, &needle, value, side, left, &mut |at| see(first + at));
                    left = left.saturating_sub(chunk.len());
                    more && left > 0
                });
            }
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(self) -> &'static str {
        match self {
            ListRef::Packed(_) => "listpack",
            ListRef::Tree(_) => "quicklist",
        }
    }
}

/// Calls `see` with the index of each element of `packed` that is `value`; answers whether it
/// always said yes.
fn matches(
    packed: PackedRef<'_>,
    needle: &Needle<'_>,
    value: &[u8],
    side: Side,
    examine: usize,
    see: &mut dyn FnMut(usize) -> bool,
) -> bool {
    // Most chunks have no match, and this is the quick way to find that out.
    if packed.find_from(PackedRef::START, needle, 1).is_none() {
        return true;
    }
    let wanted = Element::parse(value);
    let mut step = |(at, element): (usize, Element<'_>)| element != wanted || see(at);
    let numbered = packed.iter().enumerate();
    match side {
        Side::Left => numbered.take(examine).all(&mut step),
        Side::Right => numbered.rev().take(examine).all(&mut step),
    }
}
