//! Entries made ready for a table by whoever has them: encoded as they will stand in a page, their
//! hashes beside them. Making them ready needs no table, so any thread can do it.

use std::sync::Arc;

use super::entry::{Draft, Form, Parts};
use super::page::Slot;
use super::table::draft;
use super::{Expiry, NewValue, Object, PageHeap, Table};

/// Entries on their way to a [`Table`]: through [`Table::upsert_batch`] or a [`super::Builder`].
pub struct Batch<O> {
    pub(super) heads: Vec<Head>,
    /// The entries, back to back, drawn in `entry.rs`.
    pub(super) bytes: Vec<u8>,
    /// The out-of-line parts of those that have one, in order.
    pub(super) slots: Vec<Slot<O>>,
}

/// What is known of an entry without looking at it.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) hash: u64,
    /// 24 bits, or [`Head::NO_CLOCK`].
    pub(super) clock: u32,
    /// Bytes of the entry.
    pub(super) size: u16,
    /// Whether it has an out-of-line part.
    pub(super) sided: bool,
}

impl Head {
    /// The entry gets the clock of whoever puts it into a table.
    pub(super) const NO_CLOCK: u32 = u32::MAX;

    /// The entry's clock where `now` stands for none.
    #[inline]
    pub(super) fn clock_or(self, now: u32) -> u32 {
        if self.clock == Self::NO_CLOCK { now } else { self.clock }
    }
}

impl<O> Default for Batch<O> {
    fn default() -> Self {
        Self { heads: Vec::new(), bytes: Vec::new(), slots: Vec::new() }
    }
}

impl<O: Object> Batch<O> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes of the entries, their out-of-line parts not included.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all entries and keeps the memory.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.bytes.clear();
        self.slots.clear();
    }

    /// Adds an entry. `hash` is that of `key`; `expiry` is unix ms, 0 for none; without a `clock`
    /// (24 bits) it gets that of the moment when it is put into a table.
    ///
    /// # Panics
    ///
    /// As [`Table::upsert`].
    #[inline]
    pub fn push(
        &mut self,
        hash: u64,
        key: &[u8],
        value: NewValue<'_, O>,
        expiry: u64,
        clock: Option<u32>,
    ) {
        let mut draft = draft(key, value);
        let size = draft.size(expiry);
        let at = self.bytes.len();
        self.bytes.resize(at + size, 0);
        draft.write(&mut self.bytes, at, expiry);
        let sided = draft.side.is_some();
        self.slots.extend(draft.side.take());
        let clock = clock.map_or(Head::NO_CLOCK, |clock| clock & 0xFF_FFFF);
        self.heads.push(Head { hash, clock, size: size as u16, sided });
    }

    /// Adds an entry that is encoded.
    pub(super) fn push_entry(
        &mut self,
        hash: u64,
        clock: u32,
        entry: &[u8],
        slot: Option<Slot<O>>,
    ) {
        let sided = slot.is_some();
        self.bytes.extend_from_slice(entry);
        self.slots.extend(slot);
        self.heads.push(Head { hash, clock, size: entry.len() as u16, sided });
    }

    /// Moves the entries of another batch behind those of this one.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.heads.append(&mut other.heads);
        self.bytes.append(&mut other.bytes);
        self.slots.append(&mut other.slots);
    }
}

impl<O: Object> Table<O> {
    /// Adds or overwrites the entries of a batch, in order, and leaves it empty; `replaced` gets
    /// the objects that they replaced. `clock` is for entries that came without one.
    ///
    /// The entries' pages may be anywhere, so each would wait for its page to come from memory. So
    /// they are put in chunks whose waits overlap: while one is put, the pages of the next are on
    /// their way.
    pub fn upsert_batch(
        &mut self,
        heap: &mut PageHeap,
        batch: &mut Batch<O>,
        clock: u32,
        mut replaced: impl FnMut(O),
    ) {
        /// Entries of a chunk: as many cache lines as can be under way.
        const CHUNK: usize = 32;
        let mut slots = batch.slots.drain(..);
        let mut at = 0;
        for begin in (0..batch.heads.len()).step_by(CHUNK) {
            let (chunk, rest) = batch.heads[begin..].split_at(CHUNK.min(batch.heads.len() - begin));
            for head in chunk {
                self.prefetch_entry(head.hash);
            }
            for head in rest.iter().take(CHUNK) {
                self.prefetch_page(head.hash);
            }
            for head in chunk {
                let end = at + usize::from(head.size);
                let slot = if head.sided { slots.next() } else { None };
                let now = head.clock_or(clock);
                if let Some(object) =
                    self.upsert_entry(heap, head.hash, &batch.bytes[at..end], slot, now)
                {
                    replaced(object);
                }
                at = end;
            }
        }
        drop(slots);
        batch.clear();
    }

    /// Adds or overwrites an entry that is encoded; answers the object that it replaced.
    pub(super) fn upsert_entry(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        entry: &[u8],
        slot: Option<Slot<O>>,
        clock: u32,
    ) -> Option<O> {
        let parts = Parts::read(entry, 0);
        let long = match &slot {
            Some(Slot::Long(long)) => Some(Arc::clone(long)),
            _ => None,
        };
        let mut draft = match (slot, parts.form()) {
            (Some(slot), _) => Draft::side(parts.key(entry), slot),
            (None, Form::Int) => Draft::int(parts.key(entry), parts.int(entry)),
            (None, _) => Draft::bytes(parts.key(entry), parts.kind(), parts.value(entry)),
        };
        draft.expiry = Expiry::At(parts.expiry(entry));
        draft.clock = clock;
        let key = long.as_ref().map_or(parts.key(entry), |long| &long.key);
        self.upsert_draft(heap, hash, key, &mut draft).replaced
    }
}
