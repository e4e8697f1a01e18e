//! Changes of whole databases.

use super::{Change, Effect, Record, Touched};
use crate::keyspace::{Db, Keyspace};

/// Empties the call's database.
#[derive(Debug, Clone, Copy)]
pub struct FlushDb;

impl Change for FlushDb {
    /// How many keys there were.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let keys = keyspace.clear(db);
        Effect::of(keys as u64, keys)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Database(db));
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::begin(bytes, 1).bulk(b"FLUSHDB");
    }
}

/// Empties every database.
#[derive(Debug, Clone, Copy)]
pub struct FlushAll;

impl Change for FlushAll {
    /// How many keys there were.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, _db: Db) -> Effect<usize> {
        let databases = 0..keyspace.databases();
        let keys = databases.map(|n| keyspace.clear(Db(n as u16))).sum();
        Effect::of(keys as u64, keys)
    }

    fn touched(&self, _after: &Keyspace, _db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::All);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::begin(bytes, 1).bulk(b"FLUSHALL");
    }
}

/// Exchanges the contents of two databases.
#[derive(Debug, Clone, Copy)]
pub struct SwapDb {
    /// One.
    pub a: Db,
    /// The other; the same changes nothing.
    pub b: Db,
}

impl Change for SwapDb {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, _db: Db) -> Effect<()> {
        keyspace.swap(self.a, self.b);
        Effect::of(u64::from(self.a != self.b), ())
    }

    fn touched(&self, _after: &Keyspace, _db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Database(self.a));
        see(Touched::Database(self.b));
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::begin(bytes, 3);
        record.bulk(b"SWAPDB");
        record.int(i64::from(self.a.0));
        record.int(i64::from(self.b.0));
    }
}
