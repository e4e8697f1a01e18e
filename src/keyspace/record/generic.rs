//! Changes of keys, whatever their values' type.

use super::{Cause, Change, Effect, Record, Touched};
use crate::keyspace::{Db, Key, Keyspace, Object};
use crate::paged::{Expiry, NewValue, Value};

/// Removes a key.
#[derive(Debug, Clone, Copy)]
pub struct Delete<'a> {
    /// The key.
    pub key: Key<'a>,
    /// Why, for the keyspace event.
    pub cause: Cause,
}

impl<'a> Delete<'a> {
    /// Removes a key because a command asked for it.
    pub fn of(key: Key<'a>) -> Self {
        Delete { key, cause: Cause::Command }
    }
}

impl Change for Delete<'_> {
    /// Whether it was there.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        let found = keyspace.delete(db, self.key);
        Effect::of(u64::from(found), found)
    }

    fn touched(&self, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        let event = match self.cause {
            Cause::Command => "del",
            Cause::Expired => "expired",
        };
        see(Touched::Key { db, key: self.key, event });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::with_head(bytes, b"*2\r\n$3\r\nDEL\r\n").bulk(self.key.bytes);
    }
}

/// Removes several keys at once: one record, as the command that asked for it.
#[derive(Debug, Clone, Copy)]
pub struct DeleteMany<'a> {
    /// The keys: each is there, and stands in the list once. The caller has checked.
    pub keys: &'a [Key<'a>],
}

impl Change for DeleteMany<'_> {
    /// How many were there.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let found = self.keys.iter().filter(|key| keyspace.delete(db, **key)).count();
        Effect::of(found as u64, found)
    }

    fn touched(&self, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        for key in self.keys {
            see(Touched::Key { db, key: *key, event: "del" });
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::begin(bytes, 1 + self.keys.len());
        record.bulk(b"DEL");
        for key in self.keys {
            record.bulk(key.bytes);
        }
    }
}

/// Gives a key an expiry.
#[derive(Debug, Clone, Copy)]
pub struct ExpireAt<'a> {
    /// The key.
    pub key: Key<'a>,
    /// Unix time, ms; 1 to `i64::MAX`.
    pub at: u64,
}

impl Change for ExpireAt<'_> {
    /// Whether the key was there.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        let found = keyspace.expire(db, self.key, self.at);
        Effect::of(u64::from(found), found)
    }

    fn touched(&self, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "expire" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*3\r\n$9\r\nPEXPIREAT\r\n");
        record.bulk(self.key.bytes);
        record.int(self.at.cast_signed());
    }
}

/// Takes a key's expiry away.
#[derive(Debug, Clone, Copy)]
pub struct Persist<'a> {
    /// The key.
    pub key: Key<'a>,
}

impl Change for Persist<'_> {
    /// Whether the key was there and had an expiry.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        let had = keyspace.table(db).get(self.key.hash, self.key.bytes);
        let had = had.is_some_and(|entry| entry.expiry != 0);
        if had {
            keyspace.expire(db, self.key, 0);
        }
        Effect::of(u64::from(had), had)
    }

    fn touched(&self, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "persist" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::with_head(bytes, b"*2\r\n$7\r\nPERSIST\r\n").bulk(self.key.bytes);
    }
}

/// Gives a value another key in the same database, replacing what stood there. The expiry goes with it.
#[derive(Debug, Clone, Copy)]
pub struct Rename<'a> {
    /// The key it has; the same as `to` changes nothing.
    pub from: Key<'a>,
    /// The key it gets.
    pub to: Key<'a>,
}

impl Change for Rename<'_> {
    /// Whether there was a value.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        relocate(keyspace, (db, self.from), (db, self.to))
    }

    fn touched(&self, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.from, event: "rename_from" });
        see(Touched::Key { db, key: self.to, event: "rename_to" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*3\r\n$6\r\nRENAME\r\n");
        record.bulk(self.from.bytes);
        record.bulk(self.to.bytes);
    }
}

/// Moves a key to another database, where nothing stands under it. The expiry goes with it.
#[derive(Debug, Clone, Copy)]
pub struct Move<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The database it goes to; the one it is in changes nothing.
    pub to: Db,
}

impl Change for Move<'_> {
    /// Whether there was a value.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        relocate(keyspace, (db, self.key), (self.to, self.key))
    }

    fn touched(&self, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "move_from" });
        see(Touched::Key { db: self.to, key: self.key, event: "move_to" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*3\r\n$4\r\nMOVE\r\n");
        record.bulk(self.key.bytes);
        record.int(i64::from(self.to.0));
    }
}

/// Copies a value to another key or database, replacing what stands there. The expiry is copied too. A key
/// copied to itself changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Copy<'a> {
    /// The key to copy.
    pub from: Key<'a>,
    /// The copy's key.
    pub to: Key<'a>,
    /// The copy's database.
    pub to_db: Db,
}

impl Change for Copy<'_> {
    /// Whether there was a value.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        let (from, to) = ((db, self.from), (self.to_db, self.to));
        let found = duplicate(keyspace, from, to);
        Effect::of(u64::from(found && !same(from, to)), found)
    }

    fn touched(&self, _db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db: self.to_db, key: self.to, event: "copy_to" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*6\r\n$4\r\nCOPY\r\n");
        record.bulk(self.from.bytes);
        record.bulk(self.to.bytes);
        record.bulk(b"DB");
        record.int(i64::from(self.to_db.0));
        record.bulk(b"REPLACE");
    }
}

/// One key of one database.
type Place<'a> = (Db, Key<'a>);

fn same(a: Place<'_>, b: Place<'_>) -> bool {
    a.0 == b.0 && a.1.bytes == b.1.bytes
}

/// Moves what stands at `from` to `to`. The same place changes nothing.
fn relocate(keyspace: &mut Keyspace, from: Place<'_>, to: Place<'_>) -> Effect<bool> {
    let found = duplicate(keyspace, from, to);
    let moved = found && !same(from, to);
    if moved {
        keyspace.abandon(from.0, from.1);
    }
    Effect::of(u64::from(moved), found)
}

/// Puts the value at `from`, expiry included, also at `to`, unless that is the same place; says whether there is
/// one. An out-of-line value is shared, not copied. The access clock is the present one, as in Valkey: RENAME,
/// MOVE and COPY are uses of the value.
fn duplicate(keyspace: &mut Keyspace, from: Place<'_>, to: Place<'_>) -> bool {
    let Some(entry) = keyspace.table(from.0).get(from.1.hash, from.1.bytes) else {
        return false;
    };
    if same(from, to) {
        return true;
    }
    let expiry = match entry.expiry {
        0 => Expiry::None,
        at => Expiry::At(at),
    };
    let inline: Vec<u8>;
    let value: NewValue<'_, Object> = match entry.value {
        Value::Int(number) => NewValue::Int(number),
        Value::Object(object) => NewValue::Object(object.clone()),
        Value::Bytes { kind, bytes } => {
            inline = bytes.to_vec();
            NewValue::Bytes { kind, bytes: &inline }
        }
    };
    keyspace.put(to.0, to.1, value, expiry);
    true
}
