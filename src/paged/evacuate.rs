//! Evacuation: emptying sparse segments, so that they can be given back to the system.
//!
//! In three steps, each of bounded size: withdraw sparse segments from use
//! ([`PageHeap::begin_evacuation`]), rebuild their pages elsewhere ([`Table::evacuate`]), put back
//! into use what could not be emptied, because frozen copies hold pages there
//! ([`PageHeap::end_evacuation`]).

use std::sync::Arc;

use super::heap::{Block, CAPACITY, PageHeap};
use super::page::{Long, LongValue, SLOT, Slot, capacity_for, slots_for};
use super::ptr::PagePtr;
use super::scan::{CURSOR_BITS, after};
use super::segment::{SEGMENT, Segment};
use super::table::Tally;
use super::{Object, Table};

/// Segments with fewer live bytes than this share of their capacity are worth evacuating.
const SPARSE_PERCENT: usize = 85;
/// Segments looked at for each that may be withdrawn by one call.
const EXAMINED_PER_SEGMENT: usize = 16;

impl PageHeap {
    /// Withdraws sparse segments from use, so that [`super::Table::evacuate`] can empty them: at
    /// most `segments_max` a call, since each takes some microseconds. Answers whether all
    /// segments have been looked at; until then, call again.
    ///
    /// While the heap as a whole is dense nothing is withdrawn.
    pub fn begin_evacuation(&mut self, segments_max: usize) -> bool {
        // The newest segment is still being filled: it is sparse for a reason.
        let expected = self.committed_bytes().saturating_sub(SEGMENT);
        if self.used * 100 >= expected * SPARSE_PERCENT {
            self.examined = 0;
            return true;
        }
        let mut left = segments_max;
        for _ in 0..segments_max.saturating_mul(EXAMINED_PER_SEGMENT) {
            let Some(segment) = self.segments.get(self.examined).copied() else {
                self.examined = 0;
                return true;
            };
            if left == 0 {
                return false;
            }
            self.examined += 1;
            let live = self.live(segment);
            let sparse = segment != self.spare && live * 100 < CAPACITY * SPARSE_PERCENT;
            if sparse && !self.is_evacuating(segment) {
                left -= 1;
                self.each_free_block(segment, Self::unlink);
                self.set_evacuating(segment, true);
                self.withdrawn.push(segment);
            }
        }
        false
    }

    /// Puts withdrawn segments that could not be emptied back into use, at most `segments_max` a
    /// call; answers whether none are left.
    pub fn end_evacuation(&mut self, segments_max: usize) -> bool {
        for _ in 0..segments_max {
            let Some(segment) = self.withdrawn.pop() else { break };
            self.set_evacuating(segment, false);
            self.each_free_block(segment, Self::link);
        }
        self.withdrawn.is_empty()
    }

    /// How many segments are withdrawn and not empty yet.
    pub fn evacuating_segments(&self) -> usize {
        self.withdrawn.len()
    }

    fn each_free_block(&mut self, segment: *mut Segment, act: fn(&mut Self, Block)) {
        let mut block = Block::first(segment);
        while block.size() != 0 {
            let next = block.next();
            if block.is_free() {
                act(self, block);
            }
            block = next;
        }
    }
}

/// Where the evacuation of a table stands; it begins at the default.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct EvacuationCursor {
    /// The page, by the top bits of its first hash.
    page: u64,
    /// How many of the page's objects are done, and where the next one stands: a nested table may
    /// have more pages than one step is for.
    objects: usize,
    inside: u64,
}

impl EvacuationCursor {
    /// At a page.
    pub fn at(page: u64) -> Self {
        EvacuationCursor { page, ..EvacuationCursor::default() }
    }

    /// The page that it is at.
    pub fn page(self) -> u64 {
        self.page
    }
}

impl<O: Object> Table<O> {
    /// Moves pages out of the segments that [`PageHeap::begin_evacuation`] withdrew, those of
    /// nested tables too: looks at as many as `pages` says from `cursor` on, and takes them off it.
    /// Answers whether it came to the end. Shared pages stay where they are.
    pub fn evacuate(
        &mut self,
        heap: &mut PageHeap,
        cursor: &mut EvacuationCursor,
        pages: &mut usize,
    ) -> bool {
        while *pages > 0 {
            let hash = cursor.page << (64 - CURSOR_BITS);
            let Some(page) = self.root.page(hash) else { break };
            let next = after(page, hash) >> (64 - CURSOR_BITS);
            if let Some(page) = self.root.unshared_page_mut(hash) {
                let before = page.footprint();
                let done = page.evacuate(heap, &mut self.tally, cursor, pages);
                self.tally.bytes = self.tally.bytes + page.footprint() - before;
                if !done {
                    return false;
                }
            }
            *pages = pages.saturating_sub(1);
            *cursor = EvacuationCursor::at(next);
            if next == 0 {
                return true;
            }
        }
        if *pages == 0 {
            return false;
        }
        *cursor = EvacuationCursor::default();
        true
    }
}

impl<O: Object> PagePtr<O> {
    /// Moves the page, its overflow pages and its objects out of segments that are being emptied,
    /// as far as nobody shares them. Answers whether all its objects are done.
    pub(super) fn evacuate(
        &mut self,
        heap: &mut PageHeap,
        tally: &mut Tally,
        cursor: &mut EvacuationCursor,
        pages: &mut usize,
    ) -> bool {
        let mut seen = 0;
        let mut next = Some(self);
        while let Some(page) = next {
            if !page.is_unique() {
                return true;
            }
            if page.is_evacuating(heap) {
                page.relocate(heap);
            }
            let Some((header, _)) = page.get_mut() else { return true };
            let Some(side) = &mut header.side else { return true };
            for slot in &mut side.slots {
                seen += 1;
                if seen <= cursor.objects {
                    continue;
                }
                let before = slot.heap_bytes();
                let done = match slot {
                    Slot::Object(object) => object.evacuate(heap, &mut cursor.inside, pages),
                    Slot::Long(long) => match Arc::get_mut(long) {
                        Some(Long { value: LongValue::Object(object), .. }) => {
                            object.evacuate(heap, &mut cursor.inside, pages)
                        }
                        _ => true,
                    },
                    Slot::Free => true,
                };
                tally.bytes = tally.bytes + slot.heap_bytes() - before;
                if !done {
                    return false;
                }
                (cursor.objects, cursor.inside) = (seen, 0);
            }
            next = side.next.as_mut();
        }
        true
    }

    /// The same page in another block.
    fn relocate(&mut self, heap: &mut PageHeap) {
        let slots = slots_for(self.entries() + 1).min(self.slots());
        let need = self.live() - SLOT * (self.slots() - slots);
        self.rebuild(heap, capacity_for(need + need / 16), slots, None);
    }
}
