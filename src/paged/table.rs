//! The table: keys to entries, over the directory's pages.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::edit::Full;
use super::entry::{Draft, KEY_MAX};
use super::heap::PageHeap;
use super::node::Root;
use super::page::{Long, LongValue, Slot};
use super::ptr::PagePtr;
use super::{Entry, Expiry, Frozen, INLINE_MAX, NewValue, Object, Removed, Upserted, Value};

/// Hash bits a page may be deeper than an even spread of its table needs, before it gets overflow
/// pages instead of splitting. Ten more bits put a key in a thousand where a thousand should be:
/// that is no accident any more, and each further bit could double the root.
pub(super) const DEPTH_SLACK: u32 = 10;
/// Deeper than this a page's range would be narrower than a step of the scan cursor.
pub(super) const DEPTH_MAX: u32 = 40;

/// What a table keeps count of.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    pub(super) len: usize,
    pub(super) expiring: usize,
    pub(super) bytes: usize,
}

/// A copy-on-write hash table of byte-string keys. See the module.
///
/// `hash` arguments are [`super::hash()`] of the `key` beside them; `heap` is the same for all
/// calls on a table.
pub struct Table<O> {
    pub(super) root: Root<O>,
    pub(super) tally: Tally,
    /// [`super::hash()`], except in tests that want collisions.
    rehash: fn(&[u8]) -> u64,
}

/// O(1): both have the same pages until one is written, which copies the way to the page and the
/// page.
impl<O> Clone for Table<O> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), ..*self }
    }
}

impl<O: Object> Default for Table<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Object> Table<O> {
    /// An empty table. Allocates nothing until the first insert.
    pub fn new() -> Self {
        Self::with_hash(super::hash)
    }

    /// A table whose keys are placed by another hash function.
    pub(super) fn with_hash(rehash: fn(&[u8]) -> u64) -> Self {
        Self { root: Root::Empty, tally: Tally::default(), rehash }
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.tally.len
    }

    /// Whether there is no entry.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tally.len == 0
    }

    /// Number of entries that have an expiry.
    #[inline]
    pub fn expiring(&self) -> usize {
        self.tally.expiring
    }

    /// Bytes that the table takes: its pages' blocks, its objects, its directory.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.tally.bytes
    }

    /// Asks for the lines of the page where a key with this hash would be.
    #[inline]
    pub fn prefetch_page(&self, hash: u64) {
        if let Some(page) = self.root.page(hash) {
            page.prefetch();
        }
    }

    /// Asks for the lines of the entry with this hash. Quick only after [`Table::prefetch_page`]
    /// took effect.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(page) = self.root.page(hash) {
            page.prefetch_entry(hash);
        }
    }

    /// The entry with this key.
    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<Entry<'_, O>> {
        self.root.page(hash)?.get(hash, key)
    }

    /// Adds an entry or overwrites the one with this key; sets its access clock (24 bits).
    ///
    /// # Panics
    ///
    /// If a value of bytes is longer than [`INLINE_MAX`], or its kind is above 15.
    #[inline]
    pub fn upsert(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        value: NewValue<'_, O>,
        expiry: Expiry,
        clock: u32,
    ) -> Upserted<O> {
        let mut draft = draft(key, value);
        draft.expiry = expiry;
        draft.clock = clock;
        self.upsert_draft(heap, hash, key, &mut draft)
    }

    /// [`Table::upsert`] of what was made ready to be written; `key` is the draft's.
    #[inline]
    pub(super) fn upsert_draft(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        draft: &mut Draft<'_, O>,
    ) -> Upserted<O> {
        let len = self.tally.len;
        let expiry = draft.expiry;
        let replaced = self.place(heap, hash, key, draft);
        if let Expiry::At(at) = expiry
            && at != 0
        {
            self.root.lower_earliest(hash, at);
        }
        Upserted { inserted: self.tally.len > len, replaced }
    }

    /// Writes a draft, splitting pages until it fits; answers the object it replaced.
    fn place(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        draft: &mut Draft<'_, O>,
    ) -> Option<O> {
        loop {
            let Some(page) = self.root.page_mut(hash) else {
                let page = PagePtr::empty(heap, 0, draft.size(draft.expiry.resolve(0)));
                self.tally.bytes += page.footprint();
                self.root = Root::Page(page);
                continue;
            };
            if page.header().chained != 0 {
                return self.place_in_chain(heap, hash, key, draft);
            }
            let before = page.footprint();
            let tally = &mut self.tally;
            let written = match page.find(hash, key) {
                Some(index) => page.replace(heap, index, draft, tally),
                None => page.insert(heap, hash, draft, tally).map(|()| None),
            };
            match written {
                Ok(replaced) => {
                    tally.bytes = tally.bytes + page.footprint() - before;
                    return replaced;
                }
                Err(Full) => {
                    let depth = u32::from(page.header().depth);
                    if depth >= (self.root.pages().ilog2() + DEPTH_SLACK).min(DEPTH_MAX) {
                        return self.place_in_chain(heap, hash, key, draft);
                    }
                    self.root.split(heap, hash, self.rehash, &mut self.tally.bytes);
                }
            }
        }
    }

    #[cold]
    fn place_in_chain(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        draft: &mut Draft<'_, O>,
    ) -> Option<O> {
        let page = self.root.page_mut(hash)?;
        let before = page.footprint();
        let replaced = page.upsert_in_chain(heap, hash, key, draft, &mut self.tally);
        self.tally.bytes = self.tally.bytes + page.footprint() - before;
        replaced
    }

    /// Sets the expiry of an entry (unix ms, 0 clears); false if there is no such key.
    pub fn set_expiry(&mut self, heap: &mut PageHeap, hash: u64, key: &[u8], expiry: u64) -> bool {
        let Some(entry) = self.get(hash, key) else { return false };
        if entry.expiry == expiry {
            return true;
        }
        let set = self.change(heap, hash, key, |page, heap, index, tally| {
            page.set_expiry(heap, index, expiry, tally)
        });
        if let Some(Err(Full)) = set {
            self.place_again(heap, hash, key, expiry);
        } else if expiry != 0 {
            self.root.lower_earliest(hash, expiry);
        }
        true
    }

    /// Writes an entry anew with an expiry, where a few bytes more do not fit its page.
    #[cold]
    fn place_again(&mut self, heap: &mut PageHeap, hash: u64, key: &[u8], expiry: u64) {
        let Some(entry) = self.get(hash, key) else { return };
        let clock = entry.clock;
        let mut copy = [0; INLINE_MAX];
        let value = match entry.value {
            Value::Bytes { kind, bytes } => {
                copy[..bytes.len()].copy_from_slice(bytes);
                NewValue::Bytes { kind, bytes: &copy[..bytes.len()] }
            }
            Value::Int(value) => NewValue::Int(value),
            Value::Object(object) => NewValue::Object(object.clone()),
        };
        self.upsert(heap, hash, key, value, Expiry::At(expiry), clock);
    }

    /// Changes the object of a key through `f`, unless it has none. The bytes it takes are counted
    /// before and after.
    ///
    /// `f` gets the heap for tables inside the object.
    pub fn modify_object<R>(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        f: impl FnOnce(&mut O, &mut PageHeap) -> R,
    ) -> Option<R> {
        self.change(heap, hash, key, |page, heap, index, tally| {
            page.modify_object(heap, index, f, tally)
        })?
    }

    /// Changes the object of a key through `f`, as [`Table::modify_object`], and sets its access
    /// clock: all with one look at the page. If there is no object `f` is dropped, and the error is
    /// what stands there instead, if anything does.
    #[inline]
    pub fn edit_object<R>(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        clock: u32,
        f: impl FnOnce(&mut O, &mut PageHeap) -> R,
    ) -> Result<R, Option<Value<'_, O>>> {
        let Some(page) = self.root.page(hash) else { return Err(None) };
        if page.header().chained != 0 {
            return self.edit_object_in_chain(heap, hash, key, clock, f);
        }
        let Some(index) = page.find(hash, key) else { return Err(None) };
        if page.is_sided(index)
            && let Some(page) = self.root.page_mut(hash)
        {
            // The page's own size changes by the copy only.
            let before = if page.is_unique() { None } else { Some(page.footprint()) };
            let edited = page.modify_object(heap, index, f, &mut self.tally);
            page.touch(index, clock);
            if let Some(before) = before {
                self.tally.bytes = self.tally.bytes + page.footprint() - before;
            }
            if let Some(answer) = edited {
                return Ok(answer);
            }
        }
        Err(self.root.page(hash).map(|page| page.entry(index).value))
    }

    #[cold]
    fn edit_object_in_chain<R>(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        clock: u32,
        f: impl FnOnce(&mut O, &mut PageHeap) -> R,
    ) -> Result<R, Option<Value<'_, O>>> {
        let value = self.get(hash, key).map(|entry| entry.value);
        if !matches!(value, Some(Value::Object(_))) {
            return Err(self.get(hash, key).map(|entry| entry.value));
        }
        let edited = self.change(heap, hash, key, |page, heap, index, tally| {
            let edited = page.modify_object(heap, index, f, tally);
            page.touch(index, clock);
            edited
        });
        edited.flatten().ok_or(None)
    }

    /// Runs a change of one entry, wherever it is, and keeps the count of bytes.
    fn change<R>(
        &mut self,
        heap: &mut PageHeap,
        hash: u64,
        key: &[u8],
        change: impl FnOnce(&mut PagePtr<O>, &mut PageHeap, usize, &mut Tally) -> R,
    ) -> Option<R> {
        // Looked up before anything is copied for writing.
        let found = self.root.page(hash)?.find_in_chain(hash, key)?;
        let page = self.root.page_mut(hash)?;
        let before = page.footprint();
        let tally = &mut self.tally;
        let answer =
            page.with_entry(heap, found, |page, heap, index| change(page, heap, index, tally));
        self.tally.bytes = self.tally.bytes + page.footprint() - before;
        Some(answer)
    }

    /// Removes a key.
    pub fn remove(&mut self, heap: &mut PageHeap, hash: u64, key: &[u8]) -> Option<Removed<O>> {
        // A miss must not copy what it looks through.
        let index = match self.root.page(hash)? {
            page if page.header().chained != 0 => page.find_in_chain(hash, key)?.1,
            page => page.find(hash, key)?,
        };
        let page = self.root.page_mut(hash)?;
        let before = page.footprint();
        let (slot, expiry) = if page.header().chained != 0 {
            page.remove_in_chain(heap, hash, key, &mut self.tally)?
        } else {
            page.remove(heap, index, &mut self.tally)
        };
        self.tally.bytes = self.tally.bytes + page.footprint() - before;
        if page.entries() <= 8 {
            self.root.merge(heap, hash, &mut self.tally.bytes);
        }
        if self.tally.len == 0 {
            self.clear(heap);
        }
        Some(Removed { object: slot.object(), expiry })
    }

    /// Drops the pages of an empty table.
    fn clear(&mut self, heap: &mut PageHeap) {
        if let Root::Page(page) = std::mem::replace(&mut self.root, Root::Empty) {
            page.free(heap);
        }
        self.tally = Tally::default();
    }

    /// Sets the access clock of a key (24 bits), unless its page is shared: this never copies.
    #[inline]
    pub fn touch(&mut self, hash: u64, key: &[u8], clock: u32) {
        if let Some(page) = self.root.unshared_page_mut(hash)
            && let Some(index) = page.find(hash, key)
        {
            page.touch(index, clock);
        }
    }

    /// A read-only copy as of now, in O(1).
    pub fn freeze(&self) -> Frozen<O> {
        Frozen::new(self.clone())
    }

    /// Visits all entries until `f` breaks; answers whether it did not.
    pub fn walk<'a>(
        &'a self,
        mut f: impl FnMut(Entry<'a, O>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.root.each_page(&mut |page: &'a PagePtr<O>| {
            for page in page.chain() {
                for index in 0..page.entries() {
                    f(page.entry(index))?;
                }
            }
            ControlFlow::Continue(())
        })
    }
}

/// What is to be written for a key and its value.
#[inline]
pub(super) fn draft<'a, O: Object>(key: &'a [u8], value: NewValue<'a, O>) -> Draft<'a, O> {
    if let NewValue::Bytes { kind, bytes } = &value {
        assert!(bytes.len() <= INLINE_MAX && *kind < 16, "longer values come as objects");
    }
    if key.len() > KEY_MAX {
        return Draft::side(&[], Slot::Long(Arc::new(long(key, value))));
    }
    match value {
        NewValue::Bytes { kind, bytes } => Draft::bytes(key, kind, bytes),
        NewValue::Int(value) => Draft::int(key, value),
        NewValue::Object(object) => Draft::side(key, Slot::Object(object)),
    }
}

#[cold]
fn long<O>(key: &[u8], value: NewValue<'_, O>) -> Long<O> {
    let value = match value {
        NewValue::Bytes { kind, bytes } => LongValue::Bytes { kind, bytes: bytes.into() },
        NewValue::Int(value) => LongValue::Int(value),
        NewValue::Object(object) => LongValue::Object(object),
    };
    Long { key: key.into(), value }
}
