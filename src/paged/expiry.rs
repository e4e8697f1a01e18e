//! Finding expired entries without looking at pages that have none.
//!
//! Every page and every node keeps a time before which nothing in it expires. Writes only ever
//! lower it, so it may be too low; looking at a page that turns out to have nothing due corrects
//! it.

use std::sync::atomic::Ordering;

use super::node::{Node, Root};
use super::ptr::PagePtr;
use super::scan::{CURSOR_BITS, after};
use super::{Entry, Object, Table};

/// Headers of pages that are not due, read by one call of [`Table::due`] for each page it may
/// visit.
const PASSED_PER_PAGE: usize = 16;

impl<O: Object> Table<O> {
    /// A time before which nothing expires (unix ms); `u64::MAX` if nothing ever does.
    pub fn earliest_expiry(&self) -> u64 {
        match &self.root {
            Root::Empty => u64::MAX,
            Root::Page(page) => page.earliest(),
            Root::Directory(directory) => {
                let nodes = directory.nodes.iter().flatten();
                nodes.map(|node| node.earliest()).min().unwrap_or(u64::MAX)
            }
        }
    }

    /// Visits entries whose expiry is `now` (unix ms) or before, in up to `pages_max` pages that
    /// have some, from `cursor` on; answers whether it came to the end (then `cursor` is 0, as
    /// at the start).
    ///
    /// Nodes that are not due are passed over. So are pages, but reading their headers takes time
    /// too, so that a call ends after sixteen times `pages_max` of them.
    pub fn due<'a>(
        &'a self,
        now: u64,
        cursor: &mut u64,
        pages_max: usize,
        f: &mut dyn FnMut(Entry<'a, O>),
    ) -> bool {
        let (mut visited, mut passed) = (0, 0);
        while visited < pages_max && passed < pages_max.saturating_mul(PASSED_PER_PAGE) {
            let hash = *cursor << (64 - CURSOR_BITS);
            let next = match self.root.node_with_range(hash) {
                Some((node, end)) if node.earliest() > now => end,
                Some((node, end)) => {
                    passed += 1;
                    let next = self.due_page(now, hash, &mut visited, f);
                    if next == end {
                        node.correct_earliest();
                    }
                    next
                }
                None => self.due_page(now, hash, &mut visited, f),
            };
            *cursor = next >> (64 - CURSOR_BITS);
            if *cursor == 0 {
                return true;
            }
        }
        false
    }

    /// Visits what is due in one page; answers where the next one begins.
    fn due_page<'a>(
        &'a self,
        now: u64,
        hash: u64,
        visited: &mut usize,
        f: &mut dyn FnMut(Entry<'a, O>),
    ) -> u64 {
        let Some(page) = self.root.page(hash) else { return 0 };
        if page.earliest() <= now {
            *visited += 1;
            if page.correct_earliest() <= now {
                page.each(&mut |entry: Entry<'a, O>| {
                    if entry.expiry != 0 && entry.expiry <= now {
                        f(entry);
                    }
                });
            }
        }
        after(page, hash)
    }
}

impl<O: Object> PagePtr<O> {
    /// Finds the true earliest expiry of this page and its overflow pages, and keeps it.
    ///
    /// Works on shared pages too: they hold the same entries for everybody.
    pub(super) fn correct_earliest(&self) -> u64 {
        let mut earliest = u64::MAX;
        for page in self.chain() {
            for index in 0..page.entries() {
                let expiry = page.parts(index).expiry(page.data());
                if expiry != 0 {
                    earliest = earliest.min(expiry);
                }
            }
        }
        self.header().earliest.store(earliest, Ordering::Relaxed);
        earliest
    }
}

impl<O: Object> Node<O> {
    /// No entry in this node expires before this.
    pub(super) fn earliest(&self) -> u64 {
        self.earliest.load(Ordering::Relaxed)
    }

    /// Sets the node's bound to the lowest of its pages' bounds.
    fn correct_earliest(&self) {
        let pages = self.slots.iter().flatten();
        let earliest = pages.map(|page| page.earliest()).min().unwrap_or(u64::MAX);
        self.earliest.store(earliest, Ordering::Relaxed);
    }
}
