//! A value too long for a page of a nested table.

use std::sync::Arc;

use crate::paged::{Object, PageHeap, Table};

/// A hash's value of more than [`crate::paged::INLINE_MAX`] bytes. Cloning it shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Long(pub Arc<Vec<u8>>);

impl Object for Long {
    fn heap_bytes(&self) -> usize {
        // An Arc's two counters, the Vec's three words, and its block.
        16 + 24 + self.0.capacity()
    }
}

/// Moves all pages of a nested table out of sparse segments.
pub(super) fn evacuate(table: &mut Table<Long>, heap: &mut PageHeap) {
    let mut cursor = 0;
    while !table.evacuate(heap, &mut cursor, usize::MAX) {}
}
