//! Changing the keyspace: the transaction of one command, and the batch of records of one round.
//!
//! ```text
//! handler ── emit(change) ──► noticed expired keys: DEL records first
//!                             apply to the keyspace, find out what it did
//!                             append its record to the batch          (nothing changed: no record)
//! call ends ──────────────► keys noticed since: DEL records
//!                             two records or more of one call: MULTI in front, EXEC behind
//! round ends ─────────────► the batch's bytes go to the log together: one group a call
//! ```
//!
//! Between a change and its record nothing can fail, so the keyspace and the log cannot part.

use super::record::{Cause, Change, Delete, Record, Touched};
use super::{Db, Entry, Key, Keyspace, StringRef, View, WrongType};
use crate::base::clock::UnixMs;
use crate::resp::{Mark, Out};

/// Memory of a batch that is kept from one round to the next.
const KEPT_BYTES: usize = 1 << 20;

/// The records of one round, and what at its commit is made of them.
#[derive(Default)]
pub struct Batch {
    /// Record bytes: RESP commands, in order. Their count is what the LSN counts. Large values are
    /// shared with the keyspace.
    records: Out,
    /// The database that a reader of the stream has selected after them; none: it is not known.
    selected: Option<Db>,
    /// Where the current call's records begin, and how many there are.
    call_start: Mark,
    call_records: usize,
    /// Changes in Redis' sense (`rdb_changes_since_last_save`).
    changes: u64,
    /// Keys removed because they had expired.
    expired: u64,
    /// Fields of hashes removed, or overwritten, because they had expired.
    expired_fields: u64,
    /// Whether somebody wants to know the touched keys; then they are collected here.
    watching: bool,
    touched: Vec<TouchedKey>,
    /// The keyspace events of changes, with their keys, if somebody wants them.
    events: Option<Vec<(&'static str, Vec<u8>)>>,
}

/// A key that a record touched, for who watches keys: held replies and blocked calls (WATCH and
/// tracking will too).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TouchedKey {
    /// One key of one database, by its hash.
    Key(Db, u64),
    /// One key too, but calls that wait for it need not be run again.
    Quiet(Db, u64),
    /// All of one database.
    Database(Db),
    /// Everything.
    All,
}

impl Batch {
    /// The records gathered so far.
    pub fn records(&self) -> &Out {
        &self.records
    }

    /// Their bytes, but for values that are shared ([`Large`](super::Large)): for those who have
    /// offered none.
    pub fn bytes(&self) -> &[u8] {
        &self.records.bytes
    }

    /// Changes since the last [`Self::clear`].
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Expired keys removed since the last [`Self::clear`].
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// Expired fields of hashes removed or overwritten since the last [`Self::clear`].
    pub fn expired_fields(&self) -> u64 {
        self.expired_fields
    }

    /// The database the stream has selected after these bytes.
    pub fn selected(&self) -> Option<Db> {
        self.selected
    }

    /// Keys touched since the last [`Self::clear`], if [`Self::watch`] was asked for.
    pub fn touched(&self) -> &[TouchedKey] {
        &self.touched
    }

    /// Takes the touched keys out.
    pub fn take_touched(&mut self) -> impl Iterator<Item = TouchedKey> {
        self.touched.drain(..)
    }

    /// Says whether touched keys are to be collected; they are in any case if events are.
    pub fn watch(&mut self, watching: bool) {
        self.watching = watching || self.events.is_some();
    }

    /// Collects keyspace events too, from now on.
    pub fn keep_events(&mut self) {
        self.watching = true;
        self.events = Some(Vec::new());
    }

    /// Takes the keyspace events out, in order, each with its key.
    pub fn take_events(&mut self) -> Vec<(&'static str, Vec<u8>)> {
        self.events.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Forgets the selected database, so that the next record brings its own SELECT.
    pub fn forget_selected(&mut self) {
        self.selected = None;
    }

    /// Empties the batch after it was given to the log; the selected database stays.
    pub fn clear(&mut self) {
        self.records.clear(KEPT_BYTES);
        self.touched.clear();
        self.changes = 0;
        self.expired = 0;
        self.expired_fields = 0;
        self.call_start = Mark::default();
        self.call_records = 0;
    }

    /// Where the bytes of calls to come will begin.
    pub fn len(&self) -> usize {
        self.records.total_bytes()
    }

    /// Memory held for records' bytes (tests).
    #[doc(hidden)]
    pub fn capacity(&self) -> usize {
        self.records.bytes.capacity()
    }

    /// Whether no record was gathered.
    pub fn is_empty(&self) -> bool {
        self.records.bytes.is_empty()
    }

    #[inline]
    fn begin_call(&mut self) {
        self.call_start = self.records.mark();
        self.call_records = 0;
    }

    /// Several records of one call travel together, or a crash could keep some of them.
    #[inline]
    fn end_call(&mut self) {
        if self.call_records > 1 {
            const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
            self.records.insert(self.call_start, MULTI);
            self.records.bytes.extend_from_slice(b"*1\r\n$4\r\nEXEC\r\n");
        }
    }

    fn select(&mut self, db: Db) {
        if self.selected != Some(db) {
            let mut record = Record::begin(&mut self.records.bytes, 2);
            record.bulk(b"SELECT");
            record.int(i64::from(db.0));
            self.selected = Some(db);
        }
    }
}

/// One command's right to change: look through it, and [`Tx::emit`].
pub struct Tx<'a> {
    keyspace: &'a mut Keyspace,
    batch: &'a mut Batch,
    db: Db,
    now: UnixMs,
}

impl<'a> Tx<'a> {
    /// Begins one call's changes in `db` at `now` ([`UnixMs::ZERO`] for replay: expiry is off).
    /// They end when the transaction is dropped.
    #[inline]
    pub fn begin(keyspace: &'a mut Keyspace, batch: &'a mut Batch, db: Db, now: UnixMs) -> Self {
        batch.begin_call();
        Tx { keyspace, batch, db, now }
    }

    /// What the transaction sees.
    #[inline]
    pub fn view(&self) -> View<'_> {
        self.keyspace.view(self.db, self.now)
    }

    /// The call's database.
    pub fn db(&self) -> Db {
        self.db
    }

    /// The call's instant; [`UnixMs::ZERO`] during replay.
    pub fn now(&self) -> UnixMs {
        self.now
    }

    /// See [`View::entry`].
    #[inline]
    pub fn entry(&self, key: Key<'_>) -> Option<Entry<'_>> {
        self.view().entry(key)
    }

    /// See [`View::string`].
    #[inline]
    pub fn string(&self, key: Key<'_>) -> Result<Option<StringRef<'_>>, WrongType> {
        self.view().string(key)
    }

    /// See [`View::exists`].
    #[inline]
    pub fn exists(&self, key: Key<'_>) -> bool {
        self.view().exists(key)
    }

    /// Applies `change` in the call's database, and appends its record unless it changed nothing.
    #[inline]
    pub fn emit<C: Change>(&mut self, change: C) -> C::Found {
        if self.keyspace.has_noticed() {
            self.remove_noticed();
        }
        self.commit(self.db, &change)
    }

    /// Removes a key that is given an expiry in the past: an ordinary DEL record, but told and
    /// counted as an expiry, as in Redis. Returns whether it was there.
    pub fn remove_as_expired(&mut self, key: Key<'_>) -> bool {
        let found = self.emit(Delete { key, cause: Cause::Expired });
        self.batch.expired += u64::from(found);
        found
    }

    /// Counts fields that the call has removed or overwritten because they had expired.
    #[inline]
    pub fn count_expired_fields(&mut self, fields: usize) {
        self.batch.expired_fields += fields as u64;
    }

    /// Sets the access clock of a key of the call's database. A hint, outside records and digest
    /// (RESTORE with IDLETIME).
    pub fn touch_at(&mut self, key: Key<'_>, clock: u32) {
        self.keyspace.touch_at(self.db, key, clock);
    }

    /// Removes, by records, the keys that reads have found expired. Looking at a key before
    /// changing it is what makes an expired one vanish from the log before the change lands on
    /// it.
    #[cold]
    pub fn remove_noticed(&mut self) {
        for (db, key) in self.keyspace.take_noticed() {
            let key = Key::new(&key);
            // Noticed twice, or removed since: only what is still there and still due goes.
            let due = self.keyspace.view(db, self.now);
            let entry = due.keyspace().table(db).get(key.hash, key.bytes);
            if entry.is_some_and(|entry| due.has_expired(entry.expiry)) {
                self.commit(db, &Delete { key, cause: Cause::Expired });
                self.batch.expired += 1;
            }
        }
    }

    #[inline]
    fn commit<C: Change>(&mut self, db: Db, change: &C) -> C::Found {
        let effect = change.apply(self.keyspace, db);
        if effect.changes > 0 {
            self.batch.changes += effect.changes;
            self.batch.call_records += change.records();
            self.batch.select(db);
            change.write_sharing(&mut self.batch.records, self.keyspace.large());
            if self.batch.watching {
                self.collect(db, change);
            }
        }
        effect.found
    }

    fn collect<C: Change>(&mut self, db: Db, change: &C) {
        let touched = &mut self.batch.touched;
        let events = &mut self.batch.events;
        change.touched(self.keyspace, db, &mut |seen| {
            if let Touched::Key { key, event, .. } | Touched::Quiet { key, event, .. } = seen
                && let Some(events) = events
                && !event.is_empty()
            {
                events.push((event, key.bytes.to_vec()));
            }
            touched.push(match seen {
                Touched::Key { db, key, .. } => TouchedKey::Key(db, key.hash),
                Touched::Quiet { db, key, .. } => TouchedKey::Quiet(db, key.hash),
                Touched::Database(db) => TouchedKey::Database(db),
                Touched::All => TouchedKey::All,
            });
        });
    }
}

impl Drop for Tx<'_> {
    #[inline]
    fn drop(&mut self) {
        // What the call found expired goes with it, also when it has changed nothing itself.
        if self.keyspace.has_noticed() {
            self.remove_noticed();
        }
        self.batch.end_call();
    }
}
