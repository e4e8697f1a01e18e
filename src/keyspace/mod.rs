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
//! Reading order: this file, [`value`] (strings), [`collection`] (the other types), [`tx`],
//! [`record`], `frozen`, then [`load`] and [`loaded`] (snapshots and payloads), [`digest`], and the
//! housekeeping: `volatile` (which hashes have fields that expire), [`reclaim`], `tidy`.

pub mod collection;
pub mod digest;
mod frozen;
pub mod load;
pub mod loaded;
pub mod reclaim;
pub mod record;
mod tidy;
pub mod tx;
pub mod value;
mod volatile;

use crate::base::clock::UnixMs;
use crate::base::rng::Rng;
use crate::paged::{self, Expiry, NewValue, PageHeap, Table, Value};
use crate::types::Limits;
use crate::types::hash::HashRef;
use crate::types::list::ListRef;
use crate::types::set::SetRef;
use crate::types::stream::Stream;
use crate::types::zset::ZsetRef;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

pub use frozen::{Findings, Frozen};
pub use loaded::{Loaded, LoadedField};
pub use reclaim::Reclaimer;
pub use record::{Change, Touched};
pub use tidy::TidyCursor;
pub use tx::{Batch, Tx};
pub use value::{Entry, Object, StringRef, Type};

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
    /// Keys that a view has found expired: notes for whoever may emit records.
    noticed: RefCell<Vec<(Db, Vec<u8>)>>,
    /// The access clock given to entries that are written: 24 bits, see [`value::lru_clock`].
    clock: u32,
    lookups: Lookups,
    /// When small collections become large ones.
    limits: Limits,
    /// Memory for a small collection that is being edited.
    scratch: Vec<u8>,
}

/// Counters of key look-ups by read commands (`keyspace_hits`, `keyspace_misses`).
#[derive(Default)]
pub struct Lookups {
    /// Look-ups that found a live key.
    pub hits: Cell<u64>,
    /// Look-ups that found none, or an expired one.
    pub misses: Cell<u64>,
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
        View { keyspace: self, db, now, counting: false }
    }

    /// Bytes of live data: pages and out-of-line values. Exact as long as no two keys share a value;
    /// one that COPY has shared counts for each of its keys until one of them is written, so this
    /// is an upper bound of what the memory holds.
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

    /// Looks for keys of `db` that are due at `now`, over at most `pages_max` pages from `cursor`
    /// on, and calls `found` with each. Returns whether it reached the end.
    pub fn due(
        &self,
        db: Db,
        now: UnixMs,
        cursor: &mut u64,
        pages_max: usize,
        found: &mut dyn FnMut(&[u8]),
    ) -> bool {
        self.table(db).due(now.0, cursor, pages_max, &mut |entry| found(entry.key))
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

/// How often a random key is drawn again because the one drawn had expired: Redis' bound.
const RANDOM_TRIES: usize = 100;

/// What a command may see: one database at one instant, expired keys hidden.
#[derive(Clone, Copy)]
pub struct View<'a> {
    keyspace: &'a Keyspace,
    db: Db,
    now: UnixMs,
    counting: bool,
}

impl<'a> View<'a> {
    /// The same view, counting hits and misses: for commands that only read.
    #[inline]
    pub fn counted(self) -> Self {
        View { counting: true, ..self }
    }

    /// The same view, counting none: for commands that ask how something is kept, not for what is
    /// in it.
    #[inline]
    pub fn uncounted(self) -> Self {
        View { counting: false, ..self }
    }

    /// The whole keyspace.
    pub fn keyspace(&self) -> &'a Keyspace {
        self.keyspace
    }

    /// The database looked at.
    pub fn db(&self) -> Db {
        self.db
    }

    /// The instant of the look; [`UnixMs::ZERO`] during replay.
    pub fn now(&self) -> UnixMs {
        self.now
    }

    /// The same instant in another database.
    pub fn of(self, db: Db) -> Self {
        View { db, ..self }
    }

    /// Keys in the database, expired ones that are not yet removed included (as in Redis).
    pub fn len(&self) -> usize {
        self.keyspace.table(self.db).len()
    }

    /// Whether the database has no key at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry under `key`, unless it has expired; then a note is left for whoever may remove it.
    #[inline]
    pub fn entry(&self, key: Key<'_>) -> Option<Entry<'a>> {
        self.look(key)
    }

    /// [`Self::entry`], for those below who only pass a small part of it on: an entry is large to
    /// hand from function to function.
    #[inline(always)]
    fn look(&self, key: Key<'_>) -> Option<Entry<'a>> {
        let found = self.keyspace.table(self.db).get(key.hash, key.bytes);
        let live = match found {
            Some(entry) if self.has_expired(entry.expiry) => {
                self.notice(key.bytes);
                None
            }
            other => other,
        };
        if self.counting {
            let lookups = &self.keyspace.lookups;
            let counter = if live.is_some() { &lookups.hits } else { &lookups.misses };
            counter.set(counter.get() + 1);
        }
        live.map(Entry)
    }

    /// The string under `key`.
    #[inline]
    pub fn string(&self, key: Key<'_>) -> Result<Option<StringRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(WrongType),
        }
    }

    /// The list under `key`.
    #[inline]
    pub fn list(&self, key: Key<'_>) -> Result<Option<ListRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.list().map(Some).ok_or(WrongType),
        }
    }

    /// The set under `key`.
    #[inline]
    pub fn set(&self, key: Key<'_>) -> Result<Option<SetRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.set().map(Some).ok_or(WrongType),
        }
    }

    /// The sorted set under `key`.
    #[inline]
    pub fn zset(&self, key: Key<'_>) -> Result<Option<ZsetRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.zset().map(Some).ok_or(WrongType),
        }
    }

    /// The hash under `key`. Its fields may have expired: whoever reads them gives them the
    /// instant, [`Self::now`].
    #[inline]
    pub fn hash(&self, key: Key<'_>) -> Result<Option<HashRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.hash().map(Some).ok_or(WrongType),
        }
    }

    /// The stream under `key`.
    pub fn stream(&self, key: Key<'_>) -> Result<Option<&'a Stream>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.stream().map(|stream| Some(&**stream)).ok_or(WrongType),
        }
    }

    /// Whether a live value of any type stands under `key`.
    #[inline]
    pub fn exists(&self, key: Key<'_>) -> bool {
        self.entry(key).is_some()
    }

    /// Whether an expiry (ms, 0 = none) has passed.
    #[inline]
    pub fn has_expired(&self, expiry: u64) -> bool {
        expiry != 0 && self.now.0 > expiry
    }

    /// One page's live keys from `cursor` on: the SCAN step. Returns the next cursor, 0 at the end.
    pub fn scan(&self, cursor: u64, found: &mut dyn FnMut(Entry<'_>)) -> u64 {
        self.keyspace.table(self.db).scan(cursor, &mut |entry| {
            if self.has_expired(entry.expiry) {
                self.notice(entry.key);
            } else {
                found(Entry(entry));
            }
        })
    }

    /// A live key, each with the same chance; `seed` makes the choice. While it only meets expired
    /// keys it draws [`RANDOM_TRIES`] times; then it takes the first live key of as many pages,
    /// and none if there is none there.
    pub fn random(&self, seed: u64) -> Option<Entry<'a>> {
        let table = self.keyspace.table(self.db);
        let mut rng = Rng::from_seed(seed);
        for _ in 0..RANDOM_TRIES {
            let entry = table.random(&mut || rng.u64())?;
            if !self.has_expired(entry.expiry) {
                return Some(Entry(entry));
            }
            self.notice(entry.key);
        }
        let mut cursor = 0;
        for _ in 0..RANDOM_TRIES {
            let mut live = None;
            cursor = self.scan(cursor, &mut |entry| {
                live.get_or_insert_with(|| entry.key().to_vec());
            });
            if let Some(key) = live {
                return View { counting: false, ..*self }.entry(Key::new(&key));
            }
            if cursor == 0 {
                break;
            }
        }
        None
    }

    #[cold]
    fn notice(&self, key: &[u8]) {
        self.keyspace.noticed.borrow_mut().push((self.db, key.to_vec()));
    }
}
