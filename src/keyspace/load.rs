//! Loading a whole snapshot: the second of the two ways into the data (law 1).
//!
//! An RDB file's entries go in here without records, because the snapshot as a whole stands for the records up to
//! its LSN. Nothing else may use it while the engine serves.

use super::value::stored;
use super::{Db, Key, Keyspace, StringRef};
use crate::paged::{Expiry, NewValue};

/// Fills a keyspace from a snapshot.
pub struct Loader<'a> {
    keyspace: &'a mut Keyspace,
}

impl<'a> Loader<'a> {
    /// Begins to fill `keyspace`. What is in it stays, unless the snapshot has the same keys.
    pub fn new(keyspace: &'a mut Keyspace) -> Self {
        Loader { keyspace }
    }

    /// Empties every database (DEBUG RELOAD, a full sync).
    pub fn clear(&mut self) {
        for n in 0..self.keyspace.databases() {
            self.keyspace.clear(Db(n as u16));
        }
    }

    /// The database with this number, if there is one.
    pub fn database(&self, number: u64) -> Option<Db> {
        let number = usize::try_from(number).ok().filter(|n| *n < self.keyspace.databases())?;
        Some(Db(number as u16))
    }

    /// Puts a string; `expiry` is unix time in ms, `clock` the access clock. Returns whether the key is new.
    pub fn string(
        &mut self,
        db: Db,
        key: Key<'_>,
        value: StringRef<'_>,
        expiry: Option<u64>,
        clock: Option<u32>,
    ) -> bool {
        let expiry = expiry.map_or(Expiry::None, Expiry::At);
        let inserted = match value {
            StringRef::Int(number) => self.keyspace.put(db, key, NewValue::Int(number), expiry),
            StringRef::Bytes(bytes) => self.keyspace.put(db, key, stored(bytes, false), expiry),
            StringRef::Shared(bytes) => self.keyspace.put(db, key, stored(bytes, false), expiry),
        };
        if let Some(clock) = clock {
            self.keyspace.touch_at(db, key, clock);
        }
        inserted
    }
}
