//! One page, written: insert, replace, remove.
//!
//! In place where it fits; holes are left behind and closed only for want of room. A shared page is
//! copied first, so whoever else holds it never sees a change. What does not fit one page at all is
//! answered with [`Full`], before anything has changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::{Draft, ENTRY_MAX, Form, Parts};
use super::heap::{BLOCK_HEAD, PageHeap};
use super::page::{
    DATA_MAX, ENTRIES_MAX, LongValue, SLOT, SLOT_STEP, Side, Slot, capacity_for, extra, slots_for,
    tag,
};
use super::ptr::{HEADER, PagePtr};
use super::table::Tally;
use super::{Expiry, Object};

/// The entry does not fit into this page, however it is arranged.
#[derive(Debug)]
pub(super) struct Full;

/// Bytes of a block that are not data.
const OVERHEAD: usize = BLOCK_HEAD + HEADER;

/// Why a page just copied can be written.
const UNIQUE: &str = "the page was made unique";

impl<O: Object> PagePtr<O> {
    /// Makes sure nobody shares this page. (Its overflow pages may still be shared.)
    pub(super) fn make_unique(&mut self, heap: &mut PageHeap) {
        if !self.is_unique() {
            self.rebuild(heap, usize::from(self.capacity()), self.slots(), None);
        }
    }

    fn capacity(&self) -> u16 {
        self.data().len() as u16
    }

    /// Adds an entry whose key is not in the page.
    pub(super) fn insert(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        draft: &mut Draft<'_, O>,
        tally: &mut Tally,
    ) -> Result<(), Full> {
        let index = self.entries();
        if index == ENTRIES_MAX {
            return Err(Full);
        }
        let expiry = draft.expiry.resolve(0);
        let slots = self.slots() + if index == self.slots() { SLOT_STEP } else { 0 };
        let at = self.reserve(heap, index, None, draft.size(expiry), slots)?;
        let clock = draft.clock;
        self.write(at, None, draft, expiry, tally);
        let (header, data) = self.get_mut().expect(UNIQUE);
        header.entries += 1;
        data[index] = tag(hash);
        set_offset(data, slots, index, at, extra(hash));
        set_clock(data, slots, index, clock);
        tally.len += 1;
        Ok(())
    }

    /// Overwrites an entry; answers the object it had.
    pub(super) fn replace(
        &mut self,
        heap: &mut PageHeap,
        index: usize,
        draft: &mut Draft<'_, O>,
        tally: &mut Tally,
    ) -> Result<Option<O>, Full> {
        let (slots, offset) = (self.slots(), self.offset(index));
        let old = self.parts(index);
        let old_expiry = old.expiry(self.data());
        let expiry = draft.expiry.resolve(old_expiry);
        if expiry == old_expiry && draft.fits_over(&old) && self.is_unique() {
            let (_, data) = self.get_mut().expect(UNIQUE);
            draft.write_over(data, offset, &old);
            set_clock(data, slots, index, draft.clock);
            return Ok(None);
        }
        let size = draft.size(expiry);
        let old_size = old.end - offset;
        let old_index = old.side_index(self.data());
        let at = self.reserve(heap, index, Some((offset, old_size)), size, slots)?;
        let old_object = old_index.and_then(|index| self.take_slot(index, tally).object());
        let clock = draft.clock;
        self.write(at, old_index, draft, expiry, tally);
        let (header, data) = self.get_mut().expect(UNIQUE);
        if old_expiry != 0 {
            header.expiring -= 1;
            tally.expiring -= 1;
        }
        move_offset(data, slots, index, at);
        set_clock(data, slots, index, clock);
        if size < old_size {
            self.shrink(heap);
        }
        Ok(old_object)
    }

    /// Makes the page unique and finds `size` bytes for entry `index`, which has `old` (offset,
    /// size) or is new. The offset is for the caller to set, who writes the entry at once.
    #[inline]
    fn reserve(
        &mut self,
        heap: &mut PageHeap,
        index: usize,
        old: Option<(usize, usize)>,
        size: usize,
        slots: usize,
    ) -> Result<usize, Full> {
        let capacity = usize::from(self.capacity());
        let grow = SLOT * (slots - self.slots());
        let used = usize::from(self.header().used);
        let old_size = old.map_or(0, |(_, size)| size);
        let in_place = old.filter(|(at, old_size)| {
            // A copy may put another entry last, so that only an unshared page's last one can grow.
            let last = at + old_size == used && self.is_unique();
            size <= *old_size || (last && at + size <= capacity)
        });
        if in_place.is_none() && used + grow + size > capacity {
            return self.reserve_by_moving(heap, index, old_size, size, slots);
        }
        self.make_unique(heap);
        // The copy may have closed holes.
        let at = in_place.map(|_| self.offset(index));
        if grow > 0 {
            self.grow_slots(slots);
        }
        let (header, _) = self.get_mut().expect(UNIQUE);
        let used = usize::from(header.used);
        if let Some(at) = at {
            if at + old_size == used {
                header.used = (at + size) as u16;
            } else {
                header.dead += (old_size - size) as u16;
            }
            return Ok(at);
        }
        header.dead += old_size as u16;
        header.used = (used + size) as u16;
        Ok(used)
    }

    /// [`PagePtr::reserve`] when there is no room: all other entries move to another block.
    #[cold]
    fn reserve_by_moving(
        &mut self,
        heap: &mut PageHeap,
        index: usize,
        old_size: usize,
        size: usize,
        slots: usize,
    ) -> Result<usize, Full> {
        let others = self.live() - old_size + SLOT * (slots - self.slots());
        let need = others + size;
        if need > DATA_MAX {
            return Err(Full);
        }
        // Where holes have come up there will be more of them; a page that only grows needs less
        // slack.
        let holes = usize::from(self.header().dead) + old_size > 0;
        let slack = if holes { (others / 12).min(256) } else { others / 16 };
        let hole = (old_size > 0).then_some(index);
        self.rebuild(heap, capacity_for(need + slack), slots, hole);
        let (header, _) = self.get_mut().expect(UNIQUE);
        let at = usize::from(header.used);
        header.used += size as u16;
        Ok(at)
    }

    /// Writes the draft at `at`, its object (if any) into the slot `reuse` or a free one.
    #[inline]
    fn write(
        &mut self,
        at: usize,
        reuse: Option<usize>,
        draft: &mut Draft<'_, O>,
        expiry: u64,
        tally: &mut Tally,
    ) {
        if let Some(slot) = draft.side.take() {
            tally.bytes += slot.heap_bytes();
            let index = self.put_slot(reuse, slot);
            draft.set_index(index);
        } else if reuse.is_some() {
            self.trim_side();
        }
        let (header, data) = self.get_mut().expect(UNIQUE);
        draft.write(data, at, expiry);
        if expiry != 0 {
            header.expiring += 1;
            tally.expiring += 1;
            let earliest = header.earliest.get_mut();
            *earliest = expiry.min(*earliest);
        }
    }

    /// Sets or clears (0) an entry's expiry.
    pub(super) fn set_expiry(
        &mut self,
        heap: &mut PageHeap,
        index: usize,
        expiry: u64,
        tally: &mut Tally,
    ) -> Result<(), Full> {
        let clock = self.clock(index);
        let (at, end) = (self.offset(index), self.parts(index).end);
        // Written anew from a copy of itself: an entry is small, and its bytes are about to move.
        let mut copy = [0; ENTRY_MAX];
        copy[..end - at].copy_from_slice(&self.data()[at..end]);
        let parts = Parts::read(&copy, 0);
        let (key, value) = (parts.key(&copy), parts.value(&copy));
        let mut draft = match parts.form() {
            Form::Bytes => Draft::bytes(key, parts.kind(), value),
            Form::Int => Draft::int(key, parts.int(&copy)),
            Form::Object | Form::Long => {
                Draft::side(key, self.side_slot(&self.parts(index)).clone())
            }
        };
        draft.expiry = if expiry == 0 { Expiry::None } else { Expiry::At(expiry) };
        draft.clock = clock;
        self.replace(heap, index, &mut draft, tally).map(drop)
    }

    /// Removes an entry; answers its out-of-line part and its expiry.
    pub(super) fn remove(
        &mut self,
        heap: &mut PageHeap,
        index: usize,
        tally: &mut Tally,
    ) -> (Slot<O>, u64) {
        self.make_unique(heap);
        let (offset, slots) = (self.offset(index), self.slots());
        let old = self.parts(index);
        let expiry = old.expiry(self.data());
        let side = old.side_index(self.data());
        let slot = side.map_or(Slot::Free, |index| self.take_slot(index, tally));
        self.trim_side();
        let (header, data) = self.get_mut().expect(UNIQUE);
        let last = usize::from(header.entries) - 1;
        data[index] = data[last];
        data.copy_within(slots + 2 * last..slots + 2 * last + 2, slots + 2 * index);
        data.copy_within(3 * slots + 3 * last..3 * slots + 3 * last + 3, 3 * slots + 3 * index);
        header.entries = last as u8;
        if last == 0 {
            (header.used, header.dead) = ((SLOT * slots) as u16, 0);
        } else if old.end == usize::from(header.used) {
            header.used = offset as u16;
        } else {
            header.dead += (old.end - offset) as u16;
        }
        if expiry != 0 {
            header.expiring -= 1;
            tally.expiring -= 1;
            if header.expiring == 0 && header.chained == 0 {
                *header.earliest.get_mut() = u64::MAX;
            }
        }
        tally.len -= 1;
        self.shrink(heap);
        (slot, expiry)
    }

    /// Moves to a smaller block when a good part of this one is not used any more.
    fn shrink(&mut self, heap: &mut PageHeap) {
        let live = self.live();
        let slots = slots_for(self.entries() + 1).min(self.slots());
        let need = live - SLOT * (self.slots() - slots);
        let capacity = usize::from(self.capacity());
        let smaller = capacity_for(need + need / 12);
        if smaller < capacity && live + 64 + OVERHEAD < (capacity + OVERHEAD) * 5 / 8 {
            self.rebuild(heap, smaller, slots, None);
        }
    }

    /// Changes the object of an entry through `f`, in place.
    pub(super) fn modify_object<R>(
        &mut self,
        heap: &mut PageHeap,
        index: usize,
        f: impl FnOnce(&mut O, &mut PageHeap) -> R,
        tally: &mut Tally,
    ) -> Option<R> {
        self.make_unique(heap);
        let index = self.parts(index).side_index(self.data())?;
        let (header, _) = self.get_mut().expect(UNIQUE);
        let slot = &mut header.side.as_mut()?.slots[index];
        let before = slot.heap_bytes();
        let answer = match slot {
            Slot::Object(object) => f(object, heap),
            Slot::Long(long) => match &mut Arc::make_mut(long).value {
                LongValue::Object(object) => f(object, heap),
                _ => return None,
            },
            Slot::Free => return None,
        };
        tally.bytes = tally.bytes + slot.heap_bytes() - before;
        Some(answer)
    }

    /// Sets an entry's access clock, unless the page is shared.
    #[inline]
    pub(super) fn touch(&mut self, index: usize, clock: u32) {
        let slots = self.slots();
        if let Some((_, data)) = self.get_mut() {
            set_clock(data, slots, index, clock);
        }
    }

    /// Opens room for more slots by moving the entries up.
    fn grow_slots(&mut self, slots: usize) {
        let (header, data) = self.get_mut().expect(UNIQUE);
        let (old, used) = (usize::from(header.slots), usize::from(header.used));
        let entries = usize::from(header.entries);
        let shift = SLOT * (slots - old);
        data.copy_within(SLOT * old..used, SLOT * slots);
        data.copy_within(3 * old..3 * old + 3 * entries, 3 * slots);
        data.copy_within(old..old + 2 * entries, slots);
        for word in data[slots..slots + 2 * entries].as_chunks_mut().0 {
            *word = (u16::from_le_bytes(*word) + shift as u16).to_le_bytes();
        }
        header.slots = slots as u8;
        header.used = (used + shift) as u16;
    }

    /// Takes an out-of-line part from its slot. The page is unique.
    fn take_slot(&mut self, index: usize, tally: &mut Tally) -> Slot<O> {
        let (header, _) = self.get_mut().expect(UNIQUE);
        let side = header.side.as_mut().expect("an entry that names a part has one");
        let slot = std::mem::replace(&mut side.slots[index], Slot::Free);
        tally.bytes -= slot.heap_bytes();
        slot
    }

    /// Stores an out-of-line part; answers its index.
    fn put_slot(&mut self, reuse: Option<usize>, slot: Slot<O>) -> usize {
        let (header, _) = self.get_mut().expect(UNIQUE);
        let side = header.side.get_or_insert_with(|| Box::new(Side::new()));
        let free = reuse.or_else(|| side.slots.iter().position(|s| matches!(s, Slot::Free)));
        let index = free.unwrap_or_else(|| {
            if side.slots.len() == side.slots.capacity() {
                side.slots.reserve_exact(1 + side.slots.len() / 4);
            }
            side.slots.push(Slot::Free);
            side.slots.len() - 1
        });
        side.slots[index] = slot;
        index
    }

    /// Drops free slots at the end, and the list when it is empty.
    fn trim_side(&mut self) {
        let (header, _) = self.get_mut().expect(UNIQUE);
        let Some(side) = &mut header.side else { return };
        while side.slots.last().is_some_and(|slot| matches!(slot, Slot::Free)) {
            side.slots.pop();
        }
        if side.slots.is_empty() && side.next.is_none() {
            header.side = None;
        }
    }
}

impl Parts {
    /// The index of the out-of-line part, for entries that have one.
    #[inline]
    fn side_index(&self, data: &[u8]) -> Option<usize> {
        matches!(self.form(), Form::Object | Form::Long).then(|| usize::from(data[self.value_at]))
    }
}

impl Expiry {
    /// The expiry to write over `old`.
    #[inline]
    pub(super) fn resolve(self, old: u64) -> u64 {
        match self {
            Expiry::Keep => old,
            Expiry::None => 0,
            Expiry::At(at) => at,
        }
    }
}

/// Sets where an entry starts, and the hash bits above the offset.
pub(super) fn set_offset(data: &mut [u8], slots: usize, index: usize, offset: usize, extra: u16) {
    let at = slots + 2 * index;
    data[at..at + 2].copy_from_slice(&(offset as u16 | extra << 12).to_le_bytes());
}

/// Sets where an entry starts; the hash bits stay.
pub(super) fn move_offset(data: &mut [u8], slots: usize, index: usize, offset: usize) {
    let at = slots + 2 * index;
    let word = u16::from_le_bytes([data[at], data[at + 1]]);
    data[at..at + 2].copy_from_slice(&(word & 0xF000 | offset as u16).to_le_bytes());
}

/// Sets an access clock (its low 24 bits).
#[inline]
pub(super) fn set_clock(data: &mut [u8], slots: usize, index: usize, clock: u32) {
    let at = 3 * slots + 3 * index;
    data[at..at + 3].copy_from_slice(&clock.to_le_bytes()[..3]);
}

/// Lowers an earliest expiry held by somebody who may be shared.
pub(super) fn lower(earliest: &AtomicU64, expiry: u64) {
    earliest.fetch_min(expiry, Ordering::Relaxed);
}
