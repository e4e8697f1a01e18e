//! Iterating the elements of a range.

use super::chunk::Chunk;
use crate::types::btree::Leaves;
use crate::types::packed::{Element, Iter, PackedRef};
use std::ops::Range;

/// The elements of a list, or of a range of it, from either end.
#[derive(Clone)]
pub struct Elements<'a> {
    /// Chunks that neither end has reached.
    chunks: Option<Leaves<'a, Chunk>>,
    /// What the front has left of its chunk, and the back of its.
    front: Iter<'a>,
    back: Iter<'a>,
    indexes: Range<usize>,
    left: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn of_packed(packed: PackedRef<'a>, indexes: Range<usize>) -> Self {
        let front = packed.range(indexes.clone());
        let left = front.len();
        Elements { chunks: None, front, back: PackedRef::new(&[]).iter(), indexes, left }
    }

    /// `indexes` end at the list's end at the latest.
    pub(super) fn of_chunks(chunks: Leaves<'a, Chunk>, indexes: Range<usize>) -> Self {
        let none = PackedRef::new(&[]).iter();
        let left = indexes.len();
        Elements { chunks: Some(chunks), front: none.clone(), back: none, indexes, left }
    }

    /// What of a chunk is in the range.
    fn within(&self, (first, chunk): (usize, &'a Chunk)) -> Iter<'a> {
        let from = self.indexes.start.saturating_sub(first);
        chunk.range(from..self.indexes.end.saturating_sub(first))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        self.left = self.left.checked_sub(1)?;
        if let Some(element) = self.front.next() {
            return Some(element);
        }
        match self.chunks.as_mut().and_then(Leaves::next) {
            Some(chunk) => {
                self.front = self.within(chunk);
                self.front.next()
            }
            None => self.back.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Elements<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        if let Some(element) = self.back.next_back() {
            return Some(element);
        }
        match self.chunks.as_mut().and_then(Leaves::next_back) {
            Some(chunk) => {
                self.back = self.within(chunk);
                self.back.next_back()
            }
            None => self.front.next_back(),
        }
    }
}

impl ExactSizeIterator for Elements<'_> {}
