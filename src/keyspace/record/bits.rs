//! Changes of strings as bitmaps. All of them work in place: a bit set in 512 MiB costs a bit.

use super::string::{current, in_place, make_room, put_changed};
use super::{Change, Effect, Record, Touched};
use crate::keyspace::{Db, Key, Keyspace, StringRef};
use crate::paged::Expiry;
use crate::types::bits::{self, Field, Op};
use std::borrow::Cow;
use std::sync::Arc;

/// Sets or clears one bit, padding with zero bytes up to it. Keeps the expiry. Changes nothing if
/// the bit is there and has the value.
#[derive(Debug, Clone, Copy)]
pub struct SetBit<'a> {
    /// The key: a string or nothing.
    pub key: Key<'a>,
    /// The bit; its byte is within the longest string: the caller has checked.
    pub offset: u64,
    /// Its new value.
    pub bit: bool,
}

impl Change for SetBit<'_> {
    /// What the bit was.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        let length = (self.offset / 8) as usize + 1;
        let (before, old) = match current(keyspace, db, self.key) {
            None => (0, false),
            Some(value) => (value.len(), bits::get(&value.bytes(), self.offset)),
        };
        if before >= length && old == self.bit {
            return Effect::of(0, old);
        }
        edit(keyspace, db, self.key, length, |bytes| {
            bits::set(bytes, self.offset, self.bit);
        });
        Effect::of(1, old)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "setbit" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*4\r\n$6\r\nSETBIT\r\n");
        record.bulk(self.key.bytes);
        record.int(self.offset.cast_signed());
        record.int(i64::from(self.bit));
    }
}

/// A field of a [`BitField`] with its new value.
#[derive(Debug, Clone, Copy)]
pub struct FieldSet {
    /// Its type.
    pub field: Field,
    /// Its first bit.
    pub offset: u64,
    /// Its value, which fits it.
    pub value: i64,
}

/// Sets integer fields, in order, padding with zero bytes up to the last. Keeps the expiry. On the
/// log it is a BITFIELD of nothing but SET, whatever was read, counted or limited to get there.
#[derive(Debug, Clone, Copy)]
pub struct BitField<'a> {
    /// The key: a string or nothing.
    pub key: Key<'a>,
    /// Those that change something (see the command); at least one.
    pub sets: &'a [FieldSet],
}

impl Change for BitField<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        let ends = self.sets.iter().map(|set| set.field.bytes(set.offset).end);
        let length = ends.max().unwrap_or(0) as usize;
        edit(keyspace, db, self.key, length, |bytes| {
            for set in self.sets {
                let byte = |at: u64| bytes[at as usize];
                let changed: Vec<_> = set.field.write(set.offset, set.value, byte).collect();
                for (at, byte) in changed {
                    bytes[at as usize] = byte;
                }
            }
        });
        Effect::of(self.sets.len() as u64, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "setbit" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::begin(bytes, 2 + 4 * self.sets.len());
        record.bulk(b"BITFIELD");
        record.bulk(self.key.bytes);
        for set in self.sets {
            record.bulk(b"SET");
            record.bulk(set.field.name().as_bytes());
            record.int(set.offset.cast_signed());
            record.int(set.value);
        }
    }
}

/// Sets a key to a combination of strings, without an expiry. On the log it is as short as its
/// request, however long the strings; so only with the operations that Redis 7.0 knows.
#[derive(Debug, Clone, Copy)]
pub struct BitOp<'a> {
    /// AND, OR, XOR or NOT.
    pub op: Op,
    /// The key that is set.
    pub to: Key<'a>,
    /// Strings or nothing; not all of them empty, and only one for NOT.
    pub from: &'a [Key<'a>],
}

impl Change for BitOp<'_> {
    /// The length of the result in bytes.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let sources: Vec<Cow<'_, [u8]>> = self
            .from
            .iter()
            .map(|key| current(keyspace, db, *key).map(|value| value.bytes()).unwrap_or_default())
            .collect();
        let parts: Vec<&[u8]> = sources.iter().map(AsRef::as_ref).collect();
        let result = bits::combine(self.op, &parts);
        let length = result.len();
        put_changed(keyspace, db, self.to, Arc::new(result), Expiry::None);
        Effect::of(1, length)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.to, event: "set" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::begin(bytes, 3 + self.from.len());
        record.bulk(b"BITOP");
        record.bulk(self.op.name().as_bytes());
        record.bulk(self.to.bytes);
        self.from.iter().for_each(|key| record.bulk(key.bytes));
    }
}

/// Changes the string under `key` as bytes, of which there are at least `length`, padded with
/// zeros. A long string is changed where it lies.
fn edit(
    keyspace: &mut Keyspace,
    db: Db,
    key: Key<'_>,
    length: usize,
    change: impl FnOnce(&mut Vec<u8>),
) {
    let grow = |value: &mut Vec<u8>| {
        if let Some(more) = length.checked_sub(value.len()) {
            make_room(value, more);
            value.resize(length, 0);
        }
    };
    match current(keyspace, db, key) {
        Some(StringRef::Shared(_)) => in_place(keyspace, db, key, |value| {
            grow(value);
            change(value);
        }),
        Some(short) => {
            let mut value = short.to_bytes();
            grow(&mut value);
            change(&mut value);
            put_changed(keyspace, db, key, Arc::new(value), Expiry::Keep);
        }
        None => {
            let mut value = vec![0; length];
            change(&mut value);
            put_changed(keyspace, db, key, Arc::new(value), Expiry::Keep);
        }
    }
}
