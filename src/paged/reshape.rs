//! Pages made from pages: copy and compaction, split, merge, and the overflow chain.

use std::sync::atomic::Ordering;

use super::edit::{Full, move_offset, set_offset};
use super::entry::{Draft, Form};
use super::heap::PageHeap;
use super::page::slots_for;
use super::page::{DATA_MAX, ENTRIES_MAX, SLOT, SLOT_STEP, Side, Slot, capacity_for};
use super::ptr::PagePtr;
use super::table::Tally;
use super::{Expiry, Object};

const FRESH: &str = "a page just made is not shared";

impl<O: Object> PagePtr<O> {
    /// An empty page that one entry of this size fits into.
    pub(super) fn empty(heap: &mut PageHeap, depth: u8, size: usize) -> Self {
        let slots = slots_for(1);
        let mut page = Self::new(heap, capacity_for(SLOT * slots + size), slots, depth);
        let (header, _) = page.get_mut().expect(FRESH);
        header.used = (SLOT * slots) as u16;
        page
    }

    /// Moves the page to another block, leaving out the bytes (not the slot) of the entry `hole`.
    /// The other holders of a shared page keep the old one.
    pub(super) fn rebuild(
        &mut self,
        heap: &mut PageHeap,
        capacity: usize,
        slots: usize,
        hole: Option<usize>,
    ) {
        let mut page = Self::new(heap, capacity, slots, self.header().depth);
        let side = match self.get_mut() {
            Some((header, _)) => header.side.take(),
            None => self.header().side.clone(),
        };
        let (entries, old_slots, old) = (self.entries(), self.slots(), self.data());
        let (header, data) = page.get_mut().expect(FRESH);
        header.entries = entries as u8;
        header.expiring = self.header().expiring;
        header.chained = self.header().chained;
        header.side = side;
        *header.earliest.get_mut() = self.earliest();
        data[..entries].copy_from_slice(&old[..entries]);
        data[slots..slots + 2 * entries].copy_from_slice(&old[old_slots..][..2 * entries]);
        data[3 * slots..3 * slots + 3 * entries]
            .copy_from_slice(&old[3 * old_slots..][..3 * entries]);
        let mut to = SLOT * slots;
        if hole.is_none() && self.header().dead == 0 {
            let bytes = &old[SLOT * old_slots..usize::from(self.header().used)];
            data[to..to + bytes.len()].copy_from_slice(bytes);
            for index in 0..entries {
                move_offset(data, slots, index, self.offset(index) + to - SLOT * old_slots);
            }
            to += bytes.len();
        } else {
            for index in (0..entries).filter(|index| Some(*index) != hole) {
                let (at, end) = (self.offset(index), self.parts(index).end);
                data[to..to + end - at].copy_from_slice(&old[at..end]);
                move_offset(data, slots, index, to);
                to += end - at;
            }
        }
        header.used = to as u16;
        std::mem::replace(self, page).free(heap);
    }

    /// A page of the given entries of other pages, which share its depth's bits.
    fn assemble(heap: &mut PageHeap, depth: u8, picks: &[(&Self, usize)]) -> Self {
        let size = |(page, index): &(&Self, usize)| page.parts(*index).end - page.offset(*index);
        let slots = slots_for(picks.len() + 1);
        let bytes: usize = picks.iter().map(size).sum();
        let capacity = capacity_for(SLOT * slots + bytes + bytes / 16);
        let mut made = Self::new(heap, capacity, slots, depth);
        let (header, data) = made.get_mut().expect(FRESH);
        let mut to = SLOT * slots;
        let mut earliest = u64::MAX;
        for (index, (page, from)) in picks.iter().enumerate() {
            let (at, parts) = (page.offset(*from), page.parts(*from));
            data[to..to + parts.end - at].copy_from_slice(&page.data()[at..parts.end]);
            data[index] = page.data()[*from];
            let word_at = page.slots() + 2 * from;
            let extra = u16::from(page.data()[word_at + 1] >> 4);
            set_offset(data, slots, index, to, extra);
            let clock_at = 3 * page.slots() + 3 * from;
            data[3 * slots + 3 * index..][..3].copy_from_slice(&page.data()[clock_at..][..3]);
            if matches!(parts.form(), Form::Object | Form::Long) {
                let side = header.side.get_or_insert_with(|| Box::new(Side::new()));
                data[to + parts.value_at - at] = side.slots.len() as u8;
                side.slots.reserve_exact(1);
                side.slots.push(page.side_slot(&parts).clone());
            }
            let expiry = parts.expiry(page.data());
            if expiry != 0 {
                header.expiring += 1;
                earliest = earliest.min(expiry);
            }
            to += parts.end - at;
        }
        header.entries = picks.len() as u8;
        header.used = to as u16;
        *header.earliest.get_mut() = earliest;
        made
    }

    /// Two pages, one deeper, of this one's entries by their next hash bit.
    pub(super) fn split(&self, heap: &mut PageHeap, hash: fn(&[u8]) -> u64) -> (Self, Self) {
        let depth = self.header().depth;
        let mut low = Vec::with_capacity(ENTRIES_MAX);
        let mut high = Vec::with_capacity(ENTRIES_MAX);
        for index in 0..self.entries() {
            let bit = self.rehash(index, hash) >> (63 - depth) & 1;
            (if bit == 0 { &mut low } else { &mut high }).push((self, index));
        }
        (Self::assemble(heap, depth + 1, &low), Self::assemble(heap, depth + 1, &high))
    }

    /// Whether the entries of both fit one page with room to spare, so that it will not split again
    /// soon.
    pub(super) fn may_merge(&self, other: &Self) -> bool {
        self.header().depth == other.header().depth
            && self.header().chained == 0
            && other.header().chained == 0
            && self.entries() + other.entries() <= ENTRIES_MAX / 2
            && self.live() + other.live() <= DATA_MAX / 2
    }

    /// One page, one less deep, of the entries of both.
    pub(super) fn merge(&self, other: &Self, heap: &mut PageHeap) -> Self {
        let picks: Vec<_> = (0..self.entries())
            .map(|index| (self, index))
            .chain((0..other.entries()).map(|index| (other, index)))
            .collect();
        Self::assemble(heap, self.header().depth - 1, &picks)
    }
}

/// The overflow chain. Linear in its length, which only an attacker who knows the secrets can make
/// long.
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
                Some(next) => std::mem::replace(page, next).free(heap),
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
