//! Pages made from pages: copy and compaction, split, merge.

use super::Object;
use super::edit::{move_offset, set_offset};
use super::heap::PageHeap;
use super::page::{DATA_MAX, ENTRIES_MAX, SLOT, Side, capacity_for, slots_for};
use super::ptr::PagePtr;

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
        let bytes: usize = picks.iter().map(size).sum();
        // A free slot, unless a full page's entries all come to this side: they fit as they stood.
        let slots = Some(slots_for(picks.len() + 1))
            .filter(|slots| SLOT * slots + bytes <= DATA_MAX)
            .unwrap_or_else(|| slots_for(picks.len()));
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
            if page.is_sided(*from) {
                let side = header.side.get_or_insert_with(|| {
                    let sided = picks[index..].iter().filter(|(page, from)| page.is_sided(*from));
                    let mut side = Side::new();
                    side.slots.reserve_exact(sided.count());
                    Box::new(side)
                });
                data[to + parts.value_at - at] = side.slots.len() as u8;
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
