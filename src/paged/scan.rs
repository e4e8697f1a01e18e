//! Going over a table: at once, or page by page with a cursor that outlives changes.

use std::ops::ControlFlow;

use super::node::{Node, Root};
use super::ptr::PagePtr;
use super::{Entry, Object, Table};

/// How many slots ahead a walk asks for pages.
const PREFETCH_SLOTS: usize = 8;
/// How many slots ahead the rest of a page is asked for, once its head is there.
const PREFETCH_WHOLE: usize = 2;
/// A cursor is the top bits of a hash: clients keep it in doubles and signed integers.
pub(super) const CURSOR_BITS: u32 = 48;

impl<O: Object> Root<O> {
    /// Visits all pages (each stands for its overflow pages too), in the order of their hashes.
    pub(super) fn each_page<'a>(
        &'a self,
        f: &mut impl FnMut(&'a PagePtr<O>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            Root::Empty => ControlFlow::Continue(()),
            Root::Page(page) => f(page),
            Root::Directory(directory) => {
                directory.nodes.iter().flatten().try_for_each(|node| node.each_page(f))
            }
        }
    }
}

impl<O: Object> Node<O> {
    /// Visits the pages of this node.
    pub(super) fn each_page<'a>(
        &'a self,
        f: &mut impl FnMut(&'a PagePtr<O>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for (index, slot) in self.slots.iter().enumerate() {
            if let Some(Some(ahead)) = self.slots.get(index + PREFETCH_SLOTS) {
                ahead.prefetch();
            }
            if let Some(Some(next)) = self.slots.get(index + PREFETCH_WHOLE) {
                next.prefetch_rest();
            }
            if let Some(page) = slot {
                f(page)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The hash at which the page after `page` begins, or 0 after the last. `hash` is one that `page`
/// is for.
pub(super) fn after<O>(page: &PagePtr<O>, hash: u64) -> u64 {
    let span = u64::MAX.checked_shr(u32::from(page.header().depth)).unwrap_or(0);
    (hash | span).wrapping_add(1)
}

impl<O: Object> Table<O> {
    /// Visits the entries of one page, and answers the cursor for the next call; 0 starts, and 0
    /// says it was the last.
    ///
    /// Every entry that is there from the first call to the last is visited, however the table
    /// changes between the calls; some may be visited twice. Any cursor is a valid one.
    pub fn scan<'a>(&'a self, cursor: u64, f: &mut dyn FnMut(Entry<'a, O>)) -> u64 {
        let hash = cursor << (64 - CURSOR_BITS);
        let Some(page) = self.root.page(hash) else { return 0 };
        page.each(f);
        after(page, hash) >> (64 - CURSOR_BITS)
    }
}
