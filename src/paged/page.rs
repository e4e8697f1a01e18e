//! One page, read: finding a key, decoding an entry, its out-of-line parts and its overflow chain.
//!
//! What changes pages is in `edit.rs` (one entry) and `reshape.rs` (copy, split, merge).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::entry::{self, Draft, Form, KEY_MAX, Parts};
use super::heap::{BLOCK_HEAD, GRANULE};
use super::probe::{self, TAGS};
use super::ptr::{HEADER, PagePtr};
use super::{Entry, Object, Value};

/// Entries in a page, at most.
pub(super) const ENTRIES_MAX: usize = TAGS;
/// Data bytes in a page, at most: 32 granules, less the block's head and the page's header.
pub(super) const DATA_MAX: usize = 32 * GRANULE - BLOCK_HEAD - HEADER;
/// Bytes per slot: a tag, an offset, a clock.
pub(super) const SLOT: usize = 1 + 2 + 3;
/// Slots come and go by this many.
pub(super) const SLOT_STEP: usize = 4;

const _: () = assert!(DATA_MAX < 1 << 12); // offsets have 12 bits

/// The data bytes of the smallest block that has `need` of them.
pub(super) fn capacity_for(need: usize) -> usize {
    let overhead = BLOCK_HEAD + HEADER;
    (need.min(DATA_MAX) + overhead).next_multiple_of(GRANULE) - overhead
}

/// Room for this many slots: a multiple of the step, never less than one step.
pub(super) fn slots_for(entries: usize) -> usize {
    entries.next_multiple_of(SLOT_STEP).clamp(SLOT_STEP, ENTRIES_MAX)
}

/// The bits of a hash that a slot's tag keeps.
#[inline(always)]
pub(super) fn tag(hash: u64) -> u8 {
    hash as u8
}

/// The bits of a hash that stand above a slot's offset.
#[inline(always)]
pub(super) fn extra(hash: u64) -> u16 {
    (hash >> 8) as u16 & 15
}

/// The place of one out-of-line part of a page.
#[derive(Clone)]
pub(super) enum Slot<O> {
    Free,
    Object(O),
    /// A whole entry whose key is long.
    Long(Arc<Long<O>>),
}

/// An entry with a long key, but for expiry and clock, which are in the page as always.
#[derive(Clone)]
pub(super) struct Long<O> {
    pub(super) key: Box<[u8]>,
    pub(super) value: LongValue<O>,
}

#[derive(Clone)]
pub(super) enum LongValue<O> {
    Bytes { kind: u8, bytes: Box<[u8]> },
    Int(i64),
    Object(O),
}

impl<O: Object> Slot<O> {
    /// Bytes outside the page, and outside the list of parts itself.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Slot::Free => 0,
            Slot::Object(object) => object.heap_bytes(),
            Slot::Long(long) => long_bytes(long.key.len(), long.value.view()),
        }
    }

    /// The user's object in it, if any.
    pub(super) fn object(self) -> Option<O> {
        match self {
            Slot::Free => None,
            Slot::Object(object) => Some(object),
            Slot::Long(long) => match &long.value {
                LongValue::Object(object) => Some(object.clone()),
                _ => None,
            },
        }
    }
}

/// Bytes of an entry that lies outside its page for its long key.
fn long_bytes<O: Object>(key_len: usize, value: Value<'_, O>) -> usize {
    let value = match value {
        Value::Bytes { bytes, .. } => bytes.len(),
        Value::Int(_) => 0,
        Value::Object(object) => object.heap_bytes(),
    };
    // The counts of the `Arc`, what it holds, and what that points to.
    2 * size_of::<usize>() + size_of::<Long<O>>() + key_len + value
}

impl<O: Object> Entry<'_, O> {
    /// Bytes it takes: its slot in the page, the entry there, and what it has outside. The page's
    /// header and its unused room are no entry's, so the sum over a table is a little less than
    /// [`Table::bytes`].
    ///
    /// [`Table::bytes`]: super::Table::bytes
    pub fn bytes(&self) -> usize {
        let beside =
            |key, outside| (Draft::<O>::side(key, Slot::Free), size_of::<Slot<O>>() + outside);
        let (draft, outside) = match self.value {
            value if self.key.len() > KEY_MAX => beside(&[], long_bytes(self.key.len(), value)),
            Value::Bytes { kind, bytes } => (Draft::bytes(self.key, kind, bytes), 0),
            Value::Int(number) => (Draft::int(self.key, number), 0),
            Value::Object(object) => beside(self.key, object.heap_bytes()),
        };
        SLOT + draft.size(self.expiry) + outside
    }
}

/// What a page has outside its block.
#[derive(Clone)]
pub(super) struct Side<O> {
    pub(super) slots: Vec<Slot<O>>,
    /// The overflow page.
    pub(super) next: Option<PagePtr<O>>,
}

impl<O> Side<O> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), next: None }
    }
}

/// A chain is dropped page by page: recursion would go as deep as the chain is long.
impl<O> Drop for Side<O> {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut page) = next {
            next = page
                .get_mut()
                .and_then(|(header, _)| header.side.as_mut())
                .and_then(|side| side.next.take());
        }
    }
}

impl<O: Object> PagePtr<O> {
    /// Entries in this page (not in its overflow pages).
    #[inline(always)]
    pub(super) fn entries(&self) -> usize {
        usize::from(self.header().entries)
    }

    #[inline(always)]
    pub(super) fn slots(&self) -> usize {
        usize::from(self.header().slots)
    }

    /// Data bytes in use: slot arrays and entries, without holes.
    #[inline]
    pub(super) fn live(&self) -> usize {
        usize::from(self.header().used - self.header().dead)
    }

    /// No entry here or in the overflow pages expires before this.
    #[inline]
    pub(super) fn earliest(&self) -> u64 {
        self.header().earliest.load(Ordering::Relaxed)
    }

    /// Bytes of the page, its list of parts and its overflow pages; the parts' own bytes not
    /// included.
    pub(super) fn footprint(&self) -> usize {
        if self.header().side.is_none() {
            return self.block_bytes();
        }
        self.chain().map(|page| page.block_bytes() + page.side_bytes()).sum()
    }

    fn side_bytes(&self) -> usize {
        self.header()
            .side
            .as_ref()
            .map_or(0, |side| size_of::<Side<O>>() + side.slots.capacity() * size_of::<Slot<O>>())
    }

    /// The overflow page.
    #[inline]
    pub(super) fn next(&self) -> Option<&Self> {
        self.header().side.as_ref().and_then(|side| side.next.as_ref())
    }

    /// This page and its overflow pages.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |page| page.next())
    }

    /// Where the entry starts.
    #[inline(always)]
    pub(super) fn offset(&self, index: usize) -> usize {
        let at = self.slots() + 2 * index;
        let data = self.data();
        usize::from(u16::from_le_bytes([data[at], data[at + 1]]) & 0xFFF)
    }

    /// Entries whose 12 hash bits are those of `hash`: their indices and offsets.
    #[inline(always)]
    fn candidates(&self, hash: u64) -> Candidates<'_> {
        let data = self.data();
        let tags = data.first_chunk().expect("the smallest page has room for 32 tags");
        // Behind the last entry's tag comes anything.
        let valid = u32::MAX.unbounded_shr((TAGS - self.entries()) as u32);
        let hits = probe::matches(tags, tag(hash)) & valid;
        Candidates { offsets: &data[self.slots()..], hits, extra: extra(hash) }
    }

    /// The entry with this key in this page.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        if key.len() > KEY_MAX {
            return self.find_long(hash, key);
        }
        // The first line is a miss more often than not: fetch the offsets and clocks alongside.
        self.prefetch();
        let data = self.data();
        for (index, offset) in self.candidates(hash) {
            if entry::key_is(data, offset, key) {
                return Some(index);
            }
        }
        None
    }

    #[cold]
    fn find_long(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.candidates(hash).map(|(index, _)| index).find(|index| self.key(*index) == key)
    }

    /// The entry with this key in this page or its overflow pages.
    #[inline(always)]
    pub(super) fn get(&self, hash: u64, key: &[u8]) -> Option<Entry<'_, O>> {
        match self.find(hash, key) {
            Some(index) => Some(self.entry(index)),
            None if self.header().chained == 0 => None,
            None => self.get_in_chain(hash, key),
        }
    }

    #[cold]
    fn get_in_chain(&self, hash: u64, key: &[u8]) -> Option<Entry<'_, O>> {
        self.chain().find_map(|page| Some(page.entry(page.find(hash, key)?)))
    }

    /// Asks for the lines that finding a key reads: tags and offsets.
    #[inline(always)]
    pub(super) fn prefetch(&self) {
        let address = self.address();
        for line in 0..4 {
            probe::prefetch(address.wrapping_add(64 * line));
        }
    }

    /// Asks for the lines of the page that [`Self::prefetch`] left out: for who reads all of it.
    pub(super) fn prefetch_rest(&self) {
        let address = self.address();
        for line in 4..(HEADER + self.header().used as usize).div_ceil(64) {
            probe::prefetch(address.wrapping_add(64 * line));
        }
    }

    /// Asks for the lines of the first entry that may have this hash; if there is none, for those
    /// where one would be added.
    #[inline(always)]
    pub(super) fn prefetch_entry(&self, hash: u64) {
        let offset =
            self.candidates(hash).next().map_or(self.header().used as usize, |(_, offset)| offset);
        let address = self.address().wrapping_add(HEADER + offset);
        probe::prefetch(address);
        probe::prefetch(address.wrapping_add(64));
    }

    #[inline(always)]
    pub(super) fn parts(&self, index: usize) -> Parts {
        Parts::read(self.data(), self.offset(index))
    }

    #[inline(always)]
    pub(super) fn clock(&self, index: usize) -> u32 {
        let at = 3 * self.slots() + 3 * index;
        let data = self.data();
        u32::from_le_bytes([data[at], data[at + 1], data[at + 2], 0])
    }

    /// Whether an entry has an out-of-line part.
    pub(super) fn is_sided(&self, index: usize) -> bool {
        matches!(self.parts(index).form(), Form::Object | Form::Long)
    }

    /// The out-of-line part that an entry of form object or long names.
    pub(super) fn side_slot(&self, parts: &Parts) -> &Slot<O> {
        let index = usize::from(self.data()[parts.value_at]);
        let side = self.header().side.as_ref().expect("an entry that names a part has one");
        &side.slots[index]
    }

    fn key(&self, index: usize) -> &[u8] {
        let parts = self.parts(index);
        if parts.form() == Form::Long { &self.long(&parts).key } else { parts.key(self.data()) }
    }

    fn long(&self, parts: &Parts) -> &Long<O> {
        match self.side_slot(parts) {
            Slot::Long(long) => long,
            _ => unreachable!("an entry of form long names a long part"),
        }
    }

    /// Decodes an entry.
    #[inline(always)]
    pub(super) fn entry(&self, index: usize) -> Entry<'_, O> {
        let data = self.data();
        let parts = self.parts(index);
        let (key, value) = match parts.form() {
            Form::Bytes => {
                let value = Value::Bytes { kind: parts.kind(), bytes: parts.value(data) };
                (parts.key(data), value)
            }
            Form::Int => (parts.key(data), Value::Int(parts.int(data))),
            Form::Object | Form::Long => self.side_entry(&parts),
        };
        Entry { key, value, expiry: parts.expiry(data), clock: self.clock(index) }
    }

    fn side_entry(&self, parts: &Parts) -> (&[u8], Value<'_, O>) {
        match self.side_slot(parts) {
            Slot::Object(object) => (parts.key(self.data()), Value::Object(object)),
            Slot::Long(long) => (&long.key, long.value.view()),
            Slot::Free => unreachable!("an entry names a part that is there"),
        }
    }

    /// Decodes all entries of this page and its overflow pages.
    pub(super) fn each<'a>(&'a self, f: &mut (impl FnMut(Entry<'a, O>) + ?Sized)) {
        for page in self.chain() {
            for index in 0..page.entries() {
                f(page.entry(index));
            }
        }
    }

    /// The hash of an entry, from its key.
    pub(super) fn rehash(&self, index: usize, hash: fn(&[u8]) -> u64) -> u64 {
        hash(self.key(index))
    }
}

/// What a probe of the tags found.
struct Candidates<'a> {
    offsets: &'a [u8],
    /// A bit for each tag that matched and was not looked at yet.
    hits: u32,
    extra: u16,
}

impl Iterator for Candidates<'_> {
    type Item = (usize, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, usize)> {
        while self.hits != 0 {
            let index = self.hits.trailing_zeros() as usize;
            self.hits &= self.hits - 1;
            let word = u16::from_le_bytes([self.offsets[2 * index], self.offsets[2 * index + 1]]);
            if word >> 12 == self.extra {
                return Some((index, usize::from(word & 0xFFF)));
            }
        }
        None
    }
}

impl<O> LongValue<O> {
    fn view(&self) -> Value<'_, O> {
        match self {
            LongValue::Bytes { kind, bytes } => Value::Bytes { kind: *kind, bytes },
            LongValue::Int(value) => Value::Int(*value),
            LongValue::Object(object) => Value::Object(object),
        }
    }
}
