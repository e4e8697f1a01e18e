//! Loading a whole snapshot: the second of the two ways into the data (law 1).
//!
//! An RDB file's entries go in here without records, because the snapshot as a whole stands for the
//! records up to its LSN. Nothing else may use it while the engine serves.
//!
//! Entries arrive in an order that has nothing to do with where they go, so each would wait for
//! its page to come from memory. So they are gathered first ([`Gathered`], which any thread can
//! fill: decoding and hashing need no keyspace), and put in chunks whose waits overlap: while one
//! chunk is put, the pages of the next are on their way.

use super::value::{Object, stored};
use super::{Db, Key, Keyspace, StringRef};
use crate::paged::{self, Expiry, NewValue};
use std::ops::Range;
use std::sync::Arc;

/// Entries of a chunk: as many cache lines as can be under way.
const CHUNK: usize = 32;

/// Entries decoded and hashed, waiting to be put.
#[derive(Default)]
pub struct Gathered {
    entries: Vec<Pending>,
    /// Keys and short values, where `entries` say.
    bytes: Vec<u8>,
}

struct Pending {
    db: Db,
    hash: u64,
    key: Range<usize>,
    value: PendingValue,
    expiry: Expiry,
    clock: Option<u32>,
}

enum PendingValue {
    Int(i64),
    Bytes(Range<usize>),
    Long(Arc<Vec<u8>>),
}

impl Gathered {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a string; `expiry` is unix time in ms, `clock` the access clock.
    pub fn string(
        &mut self,
        db: Db,
        key: &[u8],
        value: StringRef<'_>,
        expiry: Option<u64>,
        clock: Option<u32>,
    ) {
        let value = match value {
            StringRef::Int(number) => PendingValue::Int(number),
            StringRef::Shared(bytes) => PendingValue::Long(bytes.clone()),
            StringRef::Bytes(bytes) if bytes.len() > paged::INLINE_MAX => {
                PendingValue::Long(Arc::new(bytes.to_vec()))
            }
            StringRef::Bytes(bytes) => PendingValue::Bytes(self.keep(bytes)),
        };
        let expiry = expiry.map_or(Expiry::None, Expiry::At);
        let (hash, key) = (paged::hash(key), self.keep(key));
        self.entries.push(Pending { db, hash, key, value, expiry, clock });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        begin..self.bytes.len()
    }
}

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
        database(number, self.keyspace.databases())
    }

    /// Puts what was gathered, in order, and leaves `gathered` empty.
    pub fn put(&mut self, gathered: &mut Gathered) {
        let Gathered { entries, bytes } = gathered;
        self.ask_for_pages(entries.get(..CHUNK.min(entries.len())).unwrap_or_default());
        for begin in (0..entries.len()).step_by(CHUNK) {
            let end = (begin + CHUNK).min(entries.len());
            for entry in &entries[begin..end] {
                self.keyspace.prefetch_entry(entry.db, entry.hash);
            }
            self.ask_for_pages(&entries[end..(end + CHUNK).min(entries.len())]);
            for entry in &entries[begin..end] {
                self.put_one(entry, bytes);
            }
        }
        entries.clear();
        bytes.clear();
    }

    fn ask_for_pages(&self, entries: &[Pending]) {
        for entry in entries {
            self.keyspace.prefetch_page(entry.db, entry.hash);
        }
    }

    fn put_one(&mut self, entry: &Pending, bytes: &[u8]) {
        let key = Key { bytes: &bytes[entry.key.clone()], hash: entry.hash };
        let value = match &entry.value {
            PendingValue::Int(number) => NewValue::Int(*number),
            PendingValue::Bytes(at) => stored(&bytes[at.clone()], false),
            PendingValue::Long(long) => NewValue::Object(Object::String(long.clone())),
        };
        self.keyspace.put(entry.db, key, value, entry.expiry);
        if let Some(clock) = entry.clock {
            self.keyspace.touch_at(entry.db, key, clock);
        }
    }
}

/// The database with this number, if there are so many.
pub fn database(number: u64, databases: usize) -> Option<Db> {
    let number = usize::try_from(number).ok().filter(|n| *n < databases)?;
    u16::try_from(number).ok().map(Db)
}
