//! Which hashes have fields that expire: an index for the expiry cycle and for snapshots.
//!
//! For every such hash a table beside its database has an entry under the same key. The entry's
//! expiry is a bound: no field of the hash expires before it. Every place that puts, edits or takes
//! away a hash keeps the index; only loading a snapshot over keys that are there can leave an entry
//! whose hash is gone, which is dropped when it is met.
//!
//! Bounds are only ever lowered by changes: the cycle, having removed what was due, sets a bound
//! anew. The index is no data: it follows from the data, and no record is about it.

use super::value::Object;
use super::{Db, Key, Keyspace};
use crate::base::clock::UnixMs;
use crate::paged::{Expiry, NewValue, Value};
use crate::types::hash::HashRef;

impl Object {
    /// A time before which no field expires, if any field does.
    #[inline]
    pub(super) fn fields_expire(&self) -> Option<u64> {
        match self {
            Object::Hash(hash) if hash.expiring() > 0 => HashRef::Table(hash).earliest_expiry(),
            _ => None,
        }
    }

    /// Whether it is a hash with a field that expires.
    #[inline]
    pub(super) fn has_expiring_fields(&self) -> bool {
        matches!(self, Object::Hash(hash) if hash.expiring() > 0)
    }
}

impl Keyspace {
    /// How many hashes of a database have fields that expire.
    pub fn volatile_hashes(&self, db: Db) -> usize {
        self.volatile[db.index()].len()
    }

    /// Whether any hash has a field that expires. In O(databases).
    pub fn has_field_expiries(&self) -> bool {
        self.volatile.iter().any(|index| !index.is_empty())
    }

    /// A time before which no field of any hash of the database expires, unix ms; `u64::MAX` if
    /// none ever does.
    pub fn earliest_field_expiry(&self, db: Db) -> u64 {
        self.volatile[db.index()].earliest_expiry()
    }

    /// Looks for hashes of `db` that may have fields due at `now`, in the index' next page that has
    /// some from `cursor` on, and calls `found` with their keys. Returns whether it reached the
    /// end.
    pub fn due_hashes(
        &self,
        db: Db,
        now: UnixMs,
        cursor: &mut u64,
        found: &mut dyn FnMut(&[u8]),
    ) -> bool {
        // At its very millisecond a field is still there.
        let last = now.0.saturating_sub(1);
        self.volatile[db.index()].due(last, cursor, 1, &mut |entry| found(entry.key))
    }

    /// The names of up to about `max` fields of a hash that are due at `now`; none if there is no
    /// such hash.
    pub fn due_fields(&self, db: Db, key: Key<'_>, now: UnixMs, max: usize) -> Vec<Vec<u8>> {
        match self.table(db).get(key.hash, key.bytes).map(|entry| entry.value) {
            Some(Value::Object(Object::Hash(hash))) => {
                let due = HashRef::Table(hash).due(now.0, max);
                due.iter().map(|field| field.name.to_vec()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Sets a hash's bound anew, or drops the entry if no field expires, or there is no such hash.
    pub fn settle_fields(&mut self, db: Db, key: Key<'_>) {
        let entry = self.table(db).get(key.hash, key.bytes);
        let earliest = match entry.map(|entry| entry.value) {
            Some(Value::Object(object)) => object.fields_expire(),
            _ => None,
        };
        match earliest {
            Some(at) => self.note_fields(db, key, at),
            None => self.forget_fields(db, key),
        }
    }

    /// Notes that no field of the hash under `key` expires before `at`.
    pub(super) fn note_fields(&mut self, db: Db, key: Key<'_>, at: u64) {
        let index = &mut self.volatile[db.index()];
        let (value, expiry) = (NewValue::Int(0), Expiry::At(at));
        index.upsert(&mut self.heap, key.hash, key.bytes, value, expiry, 0);
    }

    /// Notes that a field of the hash under `key` expires at `at`.
    pub(super) fn lower_fields(&mut self, db: Db, key: Key<'_>, at: u64) {
        let entry = self.volatile[db.index()].get(key.hash, key.bytes);
        if entry.is_none_or(|entry| entry.expiry > at) {
            self.note_fields(db, key, at);
        }
    }

    /// Notes that no field expires under `key`.
    pub(super) fn forget_fields(&mut self, db: Db, key: Key<'_>) {
        self.volatile[db.index()].remove(&mut self.heap, key.hash, key.bytes);
    }

    /// Checks that the index has exactly the hashes with expiring fields, and that its bounds hold
    /// (tests).
    ///
    /// # Panics
    /// If not.
    #[doc(hidden)]
    pub fn check_volatile(&self) {
        for n in 0..self.databases() {
            let db = Db(n as u16);
            let mut found = 0;
            // It never breaks off.
            let _whole = self.table(db).walk(|entry| {
                if let Value::Object(object) = entry.value
                    && object.has_expiring_fields()
                    && let Object::Hash(hash) = object
                {
                    let fields = HashRef::Table(hash).fields(0);
                    let earliest = fields.iter().filter_map(|field| field.expiry).min();
                    let key = Key::new(entry.key);
                    let index = self.volatile[n].get(key.hash, key.bytes);
                    assert!(index.is_some_and(|index| Some(index.expiry) <= earliest), "{key:?}");
                    found += 1;
                }
                std::ops::ControlFlow::Continue(())
            });
            assert_eq!(self.volatile_hashes(db), found, "hashes with expiring fields of {db:?}");
        }
    }
}
