//! Changes of hashes and of their fields' expiries.
//!
//! Redis 7.0 knows no field expiry: `HSETEX`, `HPEXPIREAT` and `HPERSIST` records, which later
//! versions of Redis and Valkey know, are the exception that the README lists. They are only
//! written where a field has an expiry or gets one.
//!
//! An expired field stays until a record removes it. No change sees a clock, so whoever emits one
//! has looked: a change that names expired fields acts on them too.

use super::{Change, Effect, Record, Touched, emptied};
use crate::keyspace::value::Object;
use crate::keyspace::{Db, Key, Keyspace};
use crate::types::hash::{Expiry, HashValue};
use crate::types::long::Long;

/// What the fields set by [`SetFields`] have as their expiry afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldExpiry {
    /// None.
    Clear,
    /// What they had; new ones none.
    Keep,
    /// Unix time, ms; 1 to `i64::MAX`.
    At(u64),
}

/// Sets fields of a hash; a missing key counts as an empty hash. Keeps the key's expiry.
#[derive(Debug, Clone, Copy)]
pub struct SetFields<'a> {
    /// The key: a hash or nothing.
    pub key: Key<'a>,
    /// Field and value in turn, at least one pair. A field may come again: the last value counts.
    pub pairs: &'a [&'a [u8]],
    /// What becomes of their expiries.
    pub expiry: FieldExpiry,
    /// The keyspace events, in order: `hset`, with `hexpired` before it if it overwrites expired
    /// fields, or that of the command which stores its result.
    pub events: &'static [&'static str],
}

impl Change for SetFields<'_> {
    /// How many fields were not there, expired or not.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let count = self.pairs.len() / 2;
        let expiry = match self.expiry {
            FieldExpiry::Clear => Expiry::None,
            FieldExpiry::Keep => Expiry::Keep,
            FieldExpiry::At(at) => Expiry::At(at),
        };
        let mut freed = Vec::new();
        let new = keyspace.edit(db, self.key, |hash: &mut HashValue, context| {
            let longest = self.pairs.iter().map(|text| text.len()).max().unwrap_or_default();
            if let FieldExpiry::At(at) = self.expiry {
                context.field_expiry = Some(at);
            }
            let limits = &context.limits;
            hash.prepare(count, longest, limits, context.heap);
            let mut new = 0;
            for [field, value] in self.pairs.as_chunks().0 {
                let put = hash.put(field, value, expiry, limits, context.heap);
                freed.extend(put.replaced);
                new += usize::from(put.inserted);
            }
            new
        });
        free(keyspace, freed);
        Effect::of(count as u64, new)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        tell(self.events, db, self.key, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = match self.expiry {
            FieldExpiry::Clear => return Record::list(bytes, b"HSET", self.key, self.pairs),
            FieldExpiry::Keep => {
                let mut record = Record::begin(bytes, 5 + self.pairs.len());
                record.bulk(b"HSETEX");
                record.bulk(self.key.bytes);
                record.bulk(b"KEEPTTL");
                counted(&mut record, self.pairs.len() / 2);
                record
            }
            FieldExpiry::At(at) => {
                let mut record = Record::begin(bytes, 6 + self.pairs.len());
                record.bulk(b"HSETEX");
                record.bulk(self.key.bytes);
                record.bulk(b"PXAT");
                record.int(at.cast_signed());
                counted(&mut record, self.pairs.len() / 2);
                record
            }
        };
        self.pairs.iter().for_each(|text| record.bulk(text));
    }
}

/// Removes fields from a hash; an emptied hash's key goes.
#[derive(Debug, Clone, Copy)]
pub struct RemoveFields<'a> {
    /// The key: a hash.
    pub key: Key<'a>,
    /// At least one; those that are not there change nothing.
    pub fields: &'a [&'a [u8]],
    /// The keyspace events, in order: `hdel`, or `hexpired` if it is for their time, with what
    /// else the command tells.
    pub events: &'static [&'static str],
}

impl Change for RemoveFields<'_> {
    /// How many were there.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let mut freed = Vec::new();
        let removed = keyspace.edit(db, self.key, |hash: &mut HashValue, context| {
            let taken = self.fields.iter().filter_map(|field| hash.take(field, context.heap));
            taken.map(|taken| freed.extend(taken.object)).count()
        });
        free(keyspace, freed);
        Effect::of(removed as u64, removed)
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        tell(self.events, db, self.key, see);
        emptied(after, db, self.key, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::list(bytes, b"HDEL", self.key, self.fields);
    }
}

/// Adds to the integer in a hash's field; a missing field counts as 0. Keeps the field's expiry.
#[derive(Debug, Clone, Copy)]
pub struct IncrField<'a> {
    /// The key: a hash or nothing.
    pub key: Key<'a>,
    /// The field: it is not expired, its value is an integer, and the sum does not overflow: the
    /// caller has checked.
    pub field: &'a [u8],
    /// What to add.
    pub by: i64,
}

impl Change for IncrField<'_> {
    /// The sum.
    type Found = i64;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<i64> {
        let sum = keyspace.edit(db, self.key, |hash: &mut HashValue, context| {
            let old = hash.as_ref().field(self.field).and_then(|found| found.value.integer());
            let sum = old.unwrap_or(0).wrapping_add(self.by);
            let mut text = itoa::Buffer::new();
            let text = text.format(sum).as_bytes();
            hash.set_with(self.field, text, Expiry::Keep, &context.limits, context.heap);
            sum
        });
        Effect::of(1, sum)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "hincrby" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*4\r\n$7\r\nHINCRBY\r\n");
        record.bulk(self.key.bytes);
        record.bulk(self.field);
        record.int(self.by);
    }
}

/// Gives fields of a hash an expiry.
#[derive(Debug, Clone, Copy)]
pub struct ExpireFields<'a> {
    /// The key: a hash.
    pub key: Key<'a>,
    /// Unix time, ms; 1 to `i64::MAX`.
    pub at: u64,
    /// At least one; those that are not there change nothing.
    pub fields: &'a [&'a [u8]],
}

impl Change for ExpireFields<'_> {
    /// How many were there.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let found = keyspace.edit(db, self.key, |hash: &mut HashValue, context| {
            context.field_expiry = Some(self.at);
            self.fields.iter().filter(|field| hash.set_expiry(field, self.at, context.heap)).count()
        });
        Effect::of(found as u64, found)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "hexpire" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::begin(bytes, 5 + self.fields.len());
        record.bulk(b"HPEXPIREAT");
        record.bulk(self.key.bytes);
        record.int(self.at.cast_signed());
        counted(&mut record, self.fields.len());
        self.fields.iter().for_each(|field| record.bulk(field));
    }
}

/// Takes the expiries of fields of a hash away.
#[derive(Debug, Clone, Copy)]
pub struct PersistFields<'a> {
    /// The key: a hash.
    pub key: Key<'a>,
    /// At least one; those that have no expiry, or are not there, change nothing.
    pub fields: &'a [&'a [u8]],
}

impl Change for PersistFields<'_> {
    /// How many had one.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let changed = keyspace.edit(db, self.key, |hash: &mut HashValue, context| {
            self.fields.iter().filter(|field| hash.persist(field, context.heap)).count()
        });
        Effect::of(changed as u64, changed)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "hpersist" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::begin(bytes, 4 + self.fields.len());
        record.bulk(b"HPERSIST");
        record.bulk(self.key.bytes);
        counted(&mut record, self.fields.len());
        self.fields.iter().for_each(|field| record.bulk(field));
    }
}

/// Frees long values that fields had, elsewhere if they are large.
fn free(keyspace: &Keyspace, values: Vec<Long>) {
    values.into_iter().for_each(|Long(value)| keyspace.reclaimer.object(Object::String(value)));
}

fn tell(events: &[&'static str], db: Db, key: Key<'_>, see: &mut dyn FnMut(Touched<'_>)) {
    events.iter().for_each(|event| see(Touched::Key { db, key, event }));
}

/// `FIELDS` and how many there are.
fn counted(record: &mut Record<'_>, fields: usize) {
    record.bulk(b"FIELDS");
    record.int(fields as i64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;
    use crate::keyspace::{Batch, Reclaimer, Tx};

    /// Waits for the reclaimer to have freed so many values.
    fn freed(keyspace: &Keyspace, values: u64) -> bool {
        const TRIES: usize = 10_000_000;
        (0..TRIES).any(|_| {
            std::thread::yield_now();
            keyspace.reclaimer.freed_objects() >= values
        })
    }

    #[test]
    fn long_values_are_freed_elsewhere() {
        let mut keyspace = Keyspace::new(1, Reclaimer::start().unwrap());
        let (key, long) = (Key::new(b"hash"), vec![b'x'; 1 << 20]);
        let emit = |keyspace: &mut Keyspace, value: Option<&[u8]>| {
            let mut batch = Batch::default();
            let mut tx = Tx::begin(keyspace, &mut batch, Db(0), UnixMs(1000));
            match value {
                Some(value) => {
                    let pairs: &[&[u8]] = &[b"long", value, b"short", b"y"];
                    tx.emit(SetFields { key, pairs, expiry: FieldExpiry::Clear, events: &["hset"] })
                }
                None => tx.emit(RemoveFields { key, fields: &[b"long"], events: &["hdel"] }),
            }
        };
        assert_eq!(emit(&mut keyspace, Some(&long)), 2);
        assert_eq!(emit(&mut keyspace, Some(b"overwritten")), 0);
        assert!(freed(&keyspace, 1));
        assert_eq!(emit(&mut keyspace, Some(&long)), 0);
        assert_eq!(emit(&mut keyspace, None), 1);
        assert!(freed(&keyspace, 2));
    }
}
