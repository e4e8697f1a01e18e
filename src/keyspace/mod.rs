//! The keyspace: numbered databases of typed values with expiry and access clocks.
//!
//! It stands between [`crate::paged`], which knows tables of bytes, and the commands, which know
//! Redis. Three rules:
//!
//! - **Looking is a [`View`]**, changing is a [`Tx`]: the mutators of [`Keyspace`] are visible in
//!   this folder only, and only the changes in [`record`] call them. So every mutation is a record
//!   (law 1).
//! - **Reads change nothing** (law 5). A view hides an expired key and leaves a note; the engine,
//!   or the next change of the same transaction, turns the note into a `DEL` record.
//! - **It is a value** (law 4): [`Keyspace::freeze`] clones the roots, and whoever holds the clone
//!   reads one instant for as long as it likes, off the lock, while writes go on.
//!
//! Reading order: this file, `view`, [`value`] (strings), [`collection`] (the other types), [`tx`],
//! [`record`], then [`load`] and [`loaded`] (snapshots and payloads), [`digest`], and the
//! housekeeping: `volatile` (which hashes have fields that expire), [`reclaim`], `tidy`.

pub mod collection;
pub mod digest;
mod large;
pub mod load;
pub mod loaded;
pub mod reclaim;
pub mod record;
mod tidy;
pub mod tx;
pub mod value;
mod view;
mod volatile;

use crate::base::clock::UnixMs;
use crate::paged::{self, Expiry, NewValue, PageHeap, Table, Value};
use crate::types::Limits;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

pub use large::{LARGE_BYTES, Large};
pub use loaded::{Loaded, LoadedField};
pub use reclaim::Reclaimer;
pub use record::{Change, Touched};
pub use tidy::TidyCursor;
pub use tx::{Batch, Tx};
pub use value::{Entry, Object, StringRef, Type};
pub use view::View;

/// A value of another type stands under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

/// A key and its hash. The hash is made once, by the I/O worker, outside the lock.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The key's bytes, at most 512 MiB.
    pub bytes: &'a [u8],
    /// [`paged::hash`] of the bytes.
    pub hash: u64,
}

impl<'a> Key<'a> {
    /// Hashes a key.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Key { bytes, hash: paged::hash(bytes) }
    }
}

/// A database's number, 0 to `databases` - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Db(pub u16);

impl Db {
    /// As an index into the databases.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// All databases. Cheap to freeze; everything else about it is in the module's head.
pub struct Keyspace {
    databases: Box<[Table<Object>]>,
    /// For each database its hashes with fields that expire: see [`volatile`].
    volatile: Box<[Table<Object>]>,
    /// Whether a stream may have extras: see [`Keyspace::has_stream_extras`].
    stream_extras: bool,
    heap: PageHeap,
    reclaimer: Reclaimer,
    /// Keys that a view has found expired: notes for whoever may emit records. A read leaves a
    /// bounded number ([`View::of_read`]).
    noticed: RefCell<Vec<(Db, Vec<u8>)>>,
    /// The access clock given to entries that are written: 24 bits, see [`value::lru_clock`].
    clock: u32,
    lookups: Lookups,
    /// When small collections become large ones.
    limits: Limits,
    /// Memory for a small collection that is being edited.
    scratch: Vec<u8>,
    /// Arguments of the current round that can be kept as they are.
    large: Large,
}

/// Counters of key look-ups by read commands (`keyspace_hits`, `keyspace_misses`).
#[derive(Default)]
pub struct Lookups {
    /// Look-ups that found a live key.
    pub hits: Cell<u64>,
    /// Look-ups that found none, or an expired one.
    pub misses: Cell<u64>,
}

/// What reads of a frozen keyspace have found: expired keys, and how many look-ups there were.
#[derive(Default)]
pub struct Findings {
    noticed: Vec<(Db, Vec<u8>)>,
    lookups: Lookups,
}

/// The keyspace as it was at one instant. It never changes, and may be read and dropped on any
/// thread.
pub struct Frozen(Keyspace);

impl Frozen {
    /// The keyspace, to look at.
    pub fn keyspace(&self) -> &Keyspace {
        &self.0
    }

    /// What reads of it have found, for [`Keyspace::take_findings`] of the one it was frozen from.
    pub fn into_findings(self) -> Findings {
        Findings { noticed: self.0.noticed.into_inner(), lookups: self.0.lookups }
    }

    /// Takes the databases apart, for a reader that drops each part as soon as it has read it, so
    /// that the memory held for a snapshot shrinks while it is written.
    pub fn into_tables(self) -> impl Iterator<Item = (Db, Table<Object>)> {
        self.0.databases.into_iter().enumerate().map(|(n, table)| (Db(n as u16), table))
    }
}

impl Keyspace {
    /// `databases` empty databases (1 to 65,536).
    pub fn new(databases: usize, reclaimer: Reclaimer) -> Self {
        Keyspace {
            databases: (0..databases).map(|_| Table::new()).collect(),
            volatile: (0..databases).map(|_| Table::new()).collect(),
            stream_extras: false,
            heap: PageHeap::new(),
            reclaimer,
            noticed: RefCell::default(),
            clock: 0,
            lookups: Lookups::default(),
            limits: Limits::default(),
            scratch: Vec::new(),
            large: Large::default(),
        }
    }

    /// Follows the `*-max-*` parameters, for edits from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// When small collections become large ones.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// An empty keyspace that can take this one's place: as many databases, the same clock and
    /// reclaimer, the look-ups counted so far.
    pub fn fresh(&self) -> Keyspace {
        let fresh = Keyspace::new(self.databases(), self.reclaimer.clone());
        fresh.lookups.hits.set(self.lookups.hits.get());
        fresh.lookups.misses.set(self.lookups.misses.get());
        Keyspace { clock: self.clock, limits: self.limits, ..fresh }
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// One database's table, to look at without hiding expired entries (snapshots, digests,
    /// statistics).
    ///
    /// # Panics
    /// If there is no such database: sessions only hold numbers that exist.
    #[inline]
    pub fn table(&self, db: Db) -> &Table<Object> {
        &self.databases[db.index()]
    }

    /// A view of database `db` at `now`; [`UnixMs::ZERO`] hides nothing (replay: expiry is off).
    #[inline]
    pub fn view(&self, db: Db, now: UnixMs) -> View<'_> {
        View::new(self, db, now)
    }

    /// The keyspace as a value of its own, O(number of databases).
    pub fn freeze(&self) -> Frozen {
        Frozen(Keyspace {
            databases: self.databases.iter().map(Table::clone).collect(),
            // Who reads a frozen keyspace removes nothing from it.
            volatile: Box::default(),
            stream_extras: self.stream_extras,
            heap: PageHeap::detached(),
            reclaimer: self.reclaimer.clone(),
            noticed: RefCell::default(),
            clock: self.clock,
            lookups: Lookups::default(),
            limits: self.limits,
            scratch: Vec::new(),
            large: Large::default(),
        })
    }

    /// Takes over what reads of a frozen one have found, as if they had read this one.
    pub fn take_findings(&mut self, findings: Findings) {
        let Findings { noticed, lookups: found } = findings;
        self.noticed.get_mut().extend(noticed);
        let Lookups { hits, misses } = &self.lookups;
        hits.set(hits.get() + found.hits.get());
        misses.set(misses.get() + found.misses.get());
    }

    /// Bytes of live data: pages and out-of-line values. Exact as long as no two keys share a
    /// value; one that COPY has shared counts for each of its keys until one of them is written,
    /// so this is an upper bound of what the memory holds.
    pub fn live_bytes(&self) -> usize {
        self.databases.iter().chain(&self.volatile).map(Table::bytes).sum()
    }

    /// The page heap's account (bytes in use, free, committed).
    pub fn heap(&self) -> &PageHeap {
        &self.heap
    }

    /// The reclaimer's account (what waits to be freed, what was).
    pub fn reclaimer(&self) -> &Reclaimer {
        &self.reclaimer
    }

    /// Counters of look-ups.
    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Whether any read has left a note of an expired key.
    #[inline]
    pub fn has_noticed(&self) -> bool {
        !self.noticed.borrow().is_empty()
    }

    /// Takes the notes left by reads. On a replica they are dropped: it hides, and never removes on
    /// its own.
    pub fn take_noticed(&mut self) -> Vec<(Db, Vec<u8>)> {
        std::mem::take(self.noticed.get_mut())
    }

    /// Brings the lines of `key`'s page into the cache. First of the two steps of a batch.
    #[inline]
    pub fn prefetch_page(&self, db: Db, hash: u64) {
        self.databases[db.index()].prefetch_page(hash);
    }

    /// Brings the entry's line into the cache, once its page's first lines are there.
    #[inline]
    pub fn prefetch_entry(&self, db: Db, hash: u64) {
        self.databases[db.index()].prefetch_entry(hash);
    }

    /// Sets the clock that new and touched entries get. A hint, outside records and digest.
    pub fn set_clock(&mut self, clock: u32) {
        self.clock = clock;
    }

    /// The access clock.
    pub fn clock(&self) -> u32 {
        self.clock
    }

    /// Marks a key as used now. A hint: never copies a page, so it is skipped while the page is
    /// shared.
    #[inline]
    pub fn touch(&mut self, db: Db, key: Key<'_>) {
        let clock = self.clock;
        self.databases[db.index()].touch(key.hash, key.bytes, clock);
    }

    /// Sets a key's access clock (RESTORE with IDLETIME or FREQ, RDB files). A hint, like
    /// [`Self::touch`].
    pub fn touch_at(&mut self, db: Db, key: Key<'_>, clock: u32) {
        self.databases[db.index()].touch(key.hash, key.bytes, clock);
    }

    /// Looks for keys of `db` that have expired at `now`, over at most `pages_max` pages from
    /// `cursor` on, and calls `found` with each. Returns whether it reached the end.
    pub fn due(
        &self,
        db: Db,
        now: UnixMs,
        cursor: &mut u64,
        pages_max: usize,
        found: &mut dyn FnMut(&[u8]),
    ) -> bool {
        // At its very millisecond a key is still there ([`View::has_expired`]).
        let last = now.0.saturating_sub(1);
        self.table(db).due(last, cursor, pages_max, &mut |entry| found(entry.key))
    }

    // ---- The mutators: for the changes in `record` only. ----

    #[inline]
    pub(in crate::keyspace) fn put(
        &mut self,
        db: Db,
        key: Key<'_>,
        value: NewValue<'_, Object>,
        expiry: Expiry,
    ) -> bool {
        let fields_expire = match &value {
            NewValue::Object(object) => object.fields_expire(),
            _ => None,
        };
        let done = self.databases[db.index()].upsert(
            &mut self.heap,
            key.hash,
            key.bytes,
            value,
            expiry,
            self.clock,
        );
        if let Some(object) = done.replaced {
            if object.has_expiring_fields() && fields_expire.is_none() {
                self.forget_fields(db, key);
            }
            self.reclaimer.object(object);
        }
        if let Some(at) = fields_expire {
            self.note_fields(db, key, at);
        }
        done.inserted
    }

    pub(in crate::keyspace) fn delete(&mut self, db: Db, key: Key<'_>) -> bool {
        match self.databases[db.index()].remove(&mut self.heap, key.hash, key.bytes) {
            None => false,
            Some(removed) => {
                if let Some(object) = removed.object {
                    if object.has_expiring_fields() {
                        self.forget_fields(db, key);
                    }
                    self.reclaimer.object(object);
                }
                true
            }
        }
    }

    /// Removes a key whose value lives on under another one, so that there is nothing to reclaim.
    pub(in crate::keyspace) fn abandon(&mut self, db: Db, key: Key<'_>) {
        let removed = self.databases[db.index()].remove(&mut self.heap, key.hash, key.bytes);
        let object = removed.and_then(|removed| removed.object);
        if object.is_some_and(|object| object.has_expiring_fields()) {
            self.forget_fields(db, key);
        }
    }

    pub(in crate::keyspace) fn expire(&mut self, db: Db, key: Key<'_>, expiry: u64) -> bool {
        self.databases[db.index()].set_expiry(&mut self.heap, key.hash, key.bytes, expiry)
    }

    pub(in crate::keyspace) fn modify<R>(
        &mut self,
        db: Db,
        key: Key<'_>,
        f: impl FnOnce(&mut Object) -> R,
    ) -> Option<R> {
        self.databases[db.index()].modify_object(
            &mut self.heap,
            key.hash,
            key.bytes,
            |object, _heap| f(object),
        )
    }

    /// Empties a database; its old contents go to the reclaimer. Returns how many keys there were.
    pub(in crate::keyspace) fn clear(&mut self, db: Db) -> usize {
        let table = std::mem::take(&mut self.databases[db.index()]);
        let keys = table.len();
        self.reclaimer.table(table);
        self.reclaimer.table(std::mem::take(&mut self.volatile[db.index()]));
        self.stream_extras &= self.databases.iter().any(|table| !table.is_empty());
        keys
    }

    /// Whether a stream has what only Redis 8 can express ([`Stream::has_extras`]). O(keys) if one
    /// may have had: to be asked of a frozen keyspace.
    pub fn has_stream_extras(&self) -> bool {
        let has = |table: &Table<Object>| {
            let mut found = false;
            // Whether the walk came to its end is what `found` says.
            let _stopped = table.walk(|entry| {
                found =
                    matches!(entry.value, Value::Object(Object::Stream(one)) if one.has_extras());
                if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            found
        };
        self.stream_extras && self.databases.iter().any(has)
    }

    /// Notes that a stream may have extras.
    pub(in crate::keyspace) fn note_stream_extras(&mut self) {
        self.stream_extras = true;
    }

    pub(in crate::keyspace) fn swap(&mut self, a: Db, b: Db) {
        self.databases.swap(a.index(), b.index());
        self.volatile.swap(a.index(), b.index());
    }
}
