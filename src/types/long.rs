//! A value too long for a page of a nested table.

use std::sync::Arc;

use crate::paged::{EvacuationCursor, Object, PageHeap, Table};

/// A hash's value of more than [`crate::paged::INLINE_MAX`] bytes. Cloning it shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Long(pub Arc<Vec<u8>>);

impl Object for Long {
    fn heap_bytes(&self) -> usize {
        // An Arc's two counters, the Vec's three words, and its block.
        16 + 24 + self.0.capacity()
    }
}

/// Moves pages of a nested table out of sparse segments: see [`Object::evacuate`].
pub(super) fn evacuate(
    table: &mut Table<Long>,
    heap: &mut PageHeap,
    cursor: &mut u64,
    pages: &mut usize,
) -> bool {
    let mut place = EvacuationCursor::at(*cursor);
    let done = table.evacuate(heap, &mut place, pages);
    *cursor = place.page();
    done
}
