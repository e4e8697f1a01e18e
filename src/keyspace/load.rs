//! Loading a whole snapshot: the second of the two ways into the data (law 1).
//!
//! An RDB file's entries go in here without records, because the snapshot as a whole stands for the
//! records up to its LSN. Nothing else may use it while the engine serves.
//!
//! Entries arrive in an order that has nothing to do with where they go, so each would wait for
//! its page to come from memory. They are gathered instead, some dozens at a time, and the waits of a
//! batch overlap: all pages are asked for, then all entries' places, then the entries are put.

use super::value::stored;
use super::{Db, Key, Keyspace, StringRef};
use crate::paged::{self, Expiry, NewValue};

/// Entries of a batch: as many cache lines as can be under way, and small enough to stay in the
/// first-level cache.
const BATCH: usize = 32;

/// Fills a keyspace from a snapshot. Dropping it puts what is still gathered.
pub struct Loader<'a> {
    keyspace: &'a mut Keyspace,
    pending: Vec<Pending>,
    /// Keys and values of `pending`, one behind the other.
    bytes: Vec<u8>,
}

struct Pending {
    db: Db,
    hash: u64,
    key_bytes: usize,
    value: PendingValue,
    expiry: Expiry,
    clock: Option<u32>,
}

enum PendingValue {
    Int(i64),
    Bytes(usize),
}

impl<'a> Loader<'a> {
    /// Begins to fill `keyspace`. What is in it stays, unless the snapshot has the same keys.
    pub fn new(keyspace: &'a mut Keyspace) -> Self {
        Loader { keyspace, pending: Vec::with_capacity(BATCH), bytes: Vec::new() }
    }

    /// Empties every database (DEBUG RELOAD, a full sync).
    pub fn clear(&mut self) {
        self.put_pending();
        for n in 0..self.keyspace.databases() {
            self.keyspace.clear(Db(n as u16));
        }
    }

    /// The database with this number, if there is one.
    pub fn database(&self, number: u64) -> Option<Db> {
        let number = usize::try_from(number).ok().filter(|n| *n < self.keyspace.databases())?;
        Some(Db(number as u16))
    }

    /// Puts a string; `expiry` is unix time in ms, `clock` the access clock.
    pub fn string(
        &mut self,
        db: Db,
        key: Key<'_>,
        value: StringRef<'_>,
        expiry: Option<u64>,
        clock: Option<u32>,
    ) {
        let expiry = expiry.map_or(Expiry::None, Expiry::At);
        if let StringRef::Bytes(bytes) = value
            && bytes.len() > paged::INLINE_MAX
        {
            // Too large to be copied twice. What was gathered comes first: it may have the same key.
            self.put_pending();
            self.keyspace.put(db, key, stored(bytes, false), expiry);
            if let Some(clock) = clock {
                self.keyspace.touch_at(db, key, clock);
            }
            return;
        }
        self.keyspace.prefetch_page(db, key.hash);
        self.bytes.extend_from_slice(key.bytes);
        let value = match value {
            StringRef::Int(number) => PendingValue::Int(number),
            other => {
                let bytes = other.bytes();
                self.bytes.extend_from_slice(&bytes);
                PendingValue::Bytes(bytes.len())
            }
        };
        let key_bytes = key.bytes.len();
        self.pending.push(Pending { db, hash: key.hash, key_bytes, value, expiry, clock });
        if self.pending.len() == BATCH {
            self.put_pending();
        }
    }

    fn put_pending(&mut self) {
        for entry in &self.pending {
            self.keyspace.prefetch_entry(entry.db, entry.hash);
        }
        let mut rest = self.bytes.as_slice();
        for entry in self.pending.drain(..) {
            let (bytes, behind) = rest.split_at(entry.key_bytes);
            rest = behind;
            let key = Key { bytes, hash: entry.hash };
            let value = match entry.value {
                PendingValue::Int(number) => NewValue::Int(number),
                PendingValue::Bytes(count) => {
                    let (bytes, behind) = rest.split_at(count);
                    rest = behind;
                    stored(bytes, false)
                }
            };
            self.keyspace.put(entry.db, key, value, entry.expiry);
            if let Some(clock) = entry.clock {
                self.keyspace.touch_at(entry.db, key, clock);
            }
        }
        self.bytes.clear();
    }
}

impl Drop for Loader<'_> {
    fn drop(&mut self) {
        self.put_pending();
    }
}
