//! Overflow pages: where entries go when splitting a page any further would not help, because its
//! keys have too many hash bits in common.
//!
//! A chain of pages, each held by the one before. Everything is linear in its length, which only
//! somebody who knows the process's secrets could make long.

use super::edit::{Full, lower};
use super::entry::Draft;
use super::heap::PageHeap;
use super::page::{DATA_MAX, ENTRIES_MAX, SLOT, SLOT_STEP, Side, Slot};
use super::ptr::PagePtr;
use super::table::Tally;
use super::{Expiry, Object};

impl<O: Object> PagePtr<O> {
    /// The n-th page of the chain; those before it are unshared on the way.
    fn nth(&mut self, heap: &mut PageHeap, n: usize) -> &mut Self {
        let mut page = self;
        for _ in 0..n {
            page.make_unique(heap);
            let (header, _) = page.get_mut().expect("the page was made unique");
            let side = header.side.as_mut().expect("a chained page has a list of parts");
            page = side.next.as_mut().expect("the chain is this long");
        }
        page
    }

    /// Adds or overwrites somewhere in the chain; the page is chained, or may become so.
    pub(super) fn upsert_in_chain(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        draft: &mut Draft<'_, O>,
        tally: &mut Tally,
    ) -> Option<O> {
        let mut replaced = None;
        if let Some((n, index)) = self.find_in_chain(hash, key) {
            match self.nth(heap, n).replace(heap, index, draft, tally) {
                Ok(object) => return object,
                Err(Full) => {
                    let (slot, expiry) = self.remove_in_chain(heap, hash, key, tally)?;
                    draft.expiry = match draft.expiry.resolve(expiry) {
                        0 => Expiry::None,
                        at => Expiry::At(at),
                    };
                    replaced = slot.object();
                }
            }
        }
        let size = draft.size(draft.expiry.resolve(0));
        let roomy = self.chain().position(|page| page.has_room(size));
        if let Some(n) = roomy {
            self.nth(heap, n).insert(heap, hash, draft, tally).expect("the page has room");
            return replaced;
        }
        let length = self.chain().count();
        let mut page = Self::empty(heap, self.header().depth, size);
        page.insert(heap, hash, draft, tally).expect("the page was made for this entry");
        let last = self.nth(heap, length - 1);
        last.make_unique(heap);
        let (header, _) = last.get_mut().expect("the page was made unique");
        header.chained = 1;
        header.side.get_or_insert_with(|| Box::new(Side::new())).next = Some(page);
        replaced
    }

    fn has_room(&self, size: usize) -> bool {
        self.entries() < ENTRIES_MAX && self.live() + SLOT * SLOT_STEP + size <= DATA_MAX
    }

    /// Which page of the chain has the key, and where.
    pub(super) fn find_in_chain(&self, hash: u64, key: &[u8]) -> Option<(usize, usize)> {
        self.chain().enumerate().find_map(|(n, page)| Some((n, page.find(hash, key)?)))
    }

    /// Removes a key somewhere in the chain; a page left empty leaves the chain.
    pub(super) fn remove_in_chain(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        tally: &mut Tally,
    ) -> Option<(Slot<O>, u64)> {
        let (n, index) = self.find_in_chain(hash, key)?;
        let page = self.nth(heap, n);
        let removed = page.remove(heap, index, tally);
        if page.entries() == 0 {
            page.make_unique(heap);
            let (header, _) = page.get_mut().expect("the page was made unique");
            let next = header.side.as_mut().and_then(|side| side.next.take());
            match next {
                Some(next) => {
                    // The first page's bound is for the whole chain.
                    lower(&next.header().earliest, page.earliest());
                    std::mem::replace(page, next).free(heap);
                }
                None => self.drop_last(heap, n),
            }
        }
        Some(removed)
    }

    /// Cuts the empty page `n`, the last of the chain, off; the first page stays.
    fn drop_last(&mut self, heap: &mut PageHeap, n: usize) {
        if n == 0 {
            return;
        }
        let before = self.nth(heap, n - 1);
        before.make_unique(heap);
        let (header, _) = before.get_mut().expect("the page was made unique");
        header.chained = 0;
        if let Some(mut side) = header.side.take() {
            if let Some(last) = side.next.take() {
                last.free(heap);
            }
            if !side.slots.is_empty() {
                header.side = Some(side);
            }
        }
    }

    /// Changes one entry somewhere in the chain.
    pub(super) fn with_entry<R>(
        &mut self,
        heap: &mut PageHeap,
        (n, index): (usize, usize),
        change: impl FnOnce(&mut Self, &mut PageHeap, usize) -> R,
    ) -> R {
        change(self.nth(heap, n), heap, index)
    }
}
