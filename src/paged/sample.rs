//! Choosing at random, every page or entry as likely as any other.
//!
//! A random *hash* would favour pages of low depth, whose range is wide: they would have to be
//! turned down with a probability that depends on the depth. Choosing a random *slot* of the
//! directory instead weighs right by itself, since each page is in exactly one slot; only nodes
//! with fewer slots than others must be turned down accordingly.

use super::node::{NODE_BITS, Root};
use super::page::ENTRIES_MAX;
use super::ptr::PagePtr;
use super::scan::after;
use super::{Entry, Object, Table};

/// After this many rejections any page is taken: a directory so sparse is rare, and short-lived.
const TRIES_MAX: usize = 256;

impl<O: Object> Table<O> {
    /// Visits the entries of one page chosen at random (of none if the table is empty). A page can
    /// be empty.
    pub fn sample(&self, rng: &mut dyn FnMut() -> u64, f: &mut dyn FnMut(Entry<'_, O>)) {
        if let Some(page) = self.root.random_page(rng) {
            page.each(f);
        }
    }

    /// An entry chosen at random.
    pub fn random(&self, rng: &mut dyn FnMut() -> u64) -> Option<Entry<'_, O>> {
        if self.is_empty() {
            return None;
        }
        for _ in 0..TRIES_MAX {
            let page = self.root.random_page(rng)?;
            // A page of few entries is turned down more often than one of many.
            let pages = page.chain().count();
            let page = page.chain().nth(below(rng, pages))?;
            let index = below(rng, ENTRIES_MAX);
            if index < page.entries() {
                return Some(page.entry(index));
            }
        }
        self.first_from(rng()).or_else(|| self.first_from(0))
    }

    /// An entry of the first page, at or after a hash, that has any. For tables of almost only
    /// empty pages, where random choice goes on for too long.
    #[cold]
    fn first_from(&self, mut hash: u64) -> Option<Entry<'_, O>> {
        loop {
            let page = self.root.page(hash)?;
            if let Some(page) = page.chain().find(|page| page.entries() > 0) {
                return Some(page.entry(0));
            }
            hash = after(page, hash);
            if hash == 0 {
                return None;
            }
        }
    }
}

impl<O: Object> Root<O> {
    fn random_page(&self, rng: &mut dyn FnMut() -> u64) -> Option<&PagePtr<O>> {
        let Root::Directory(directory) = self else { return self.page(0) };
        let several = directory.nodes.len() > 1;
        for _ in 0..TRIES_MAX {
            let Some(node) = &directory.nodes[below(rng, directory.nodes.len())] else { continue };
            let spare_bits = if several { NODE_BITS - node.bits } else { 0 };
            if rng() & ((1 << spare_bits) - 1) != 0 {
                continue;
            }
            if let Some(page) = &node.slots[below(rng, node.slots.len())] {
                return Some(page);
            }
        }
        self.page(rng())
    }
}

/// A number below `bound`, which is small against 2^64.
fn below(rng: &mut dyn FnMut() -> u64, bound: usize) -> usize {
    ((u128::from(rng()) * bound as u128) >> 64) as usize
}
