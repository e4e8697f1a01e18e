//! Changes of keys, whatever their values' type.

use super::{Cause, Change, Effect, Record, Touched};
use crate::keyspace::{Db, Key, Keyspace, Loaded, Object};
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

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        let event = match self.cause {
            Cause::Command => "del",
            Cause::Expired => "expired",
            Cause::Replaced => "",
            Cause::Emptied(event) => {
                see(Touched::Key { db, key: self.key, event });
                "del"
            }
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

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
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

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
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

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "persist" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::with_head(bytes, b"*2\r\n$7\r\nPERSIST\r\n").bulk(self.key.bytes);
    }
}

/// Gives a value another key in the same database, replacing what stood there. The expiry goes with
/// it.
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

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
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

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "move_from" });
        see(Touched::Key { db: self.to, key: self.key, event: "move_to" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*3\r\n$4\r\nMOVE\r\n");
        record.bulk(self.key.bytes);
        record.int(i64::from(self.to.0));
    }
}

/// Copies a value to another key or database, replacing what stands there. The expiry is copied
/// too. A key copied to itself changes nothing.
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

    fn touched(&self, _after: &Keyspace, _db: Db, see: &mut dyn FnMut(Touched<'_>)) {
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

/// Puts a collection under a key, in place of whatever stands there: RESTORE.
#[derive(Clone, Copy)]
pub struct Restore<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The collection.
    pub value: &'a Loaded,
    /// When the key expires: unix time, ms.
    pub expiry: Option<u64>,
    /// The collection as a DUMP payload in the version that we write, whatever it came in.
    pub payload: &'a [u8],
}

impl Change for Restore<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        keyspace.install(db, self.key, self.value, self.expiry);
        Effect::of(1, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "restore" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*6\r\n$7\r\nRESTORE\r\n");
        record.bulk(self.key.bytes);
        record.int(self.expiry.unwrap_or_default().cast_signed());
        record.bulk(self.payload);
        record.bulk(b"REPLACE");
        record.bulk(b"ABSTTL");
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

/// Puts the value at `from`, expiry included, also at `to`, unless that is the same place; says
/// whether there is one. An out-of-line value is shared, not copied. The access clock is the
/// present one, as in Valkey: RENAME, MOVE and COPY are uses of the value.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;
    use crate::keyspace::record::{SetExpiry, SetString};
    use crate::keyspace::{Batch, Reclaimer, StringRef, Tx};
    use std::sync::Arc;

    const NOW: UnixMs = UnixMs(1000);

    fn key(bytes: &[u8]) -> Key<'_> {
        Key::new(bytes)
    }

    /// Emits one change in database 0, and returns what it found and its records, SELECT left out.
    fn emit<C: Change>(keyspace: &mut Keyspace, change: C) -> (C::Found, u64, String) {
        let mut batch = Batch::default();
        let found = Tx::begin(keyspace, &mut batch, Db(0), NOW).emit(change);
        let text =
            String::from_utf8_lossy(batch.bytes()).replace("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "");
        (found, batch.changes(), text)
    }

    fn set(keyspace: &mut Keyspace, name: &[u8], value: &[u8], expiry: SetExpiry) {
        emit(keyspace, SetString { key: key(name), value, expiry });
    }

    fn store() -> Keyspace {
        let mut keyspace = Keyspace::new(2, Reclaimer::inline());
        set(&mut keyspace, b"a", b"1", SetExpiry::At(5000));
        set(&mut keyspace, b"b", b"text", SetExpiry::Clear);
        keyspace
    }

    #[test]
    fn a_key_given_to_itself_stays_and_leaves_no_record() {
        let mut keyspace = store();
        let nothing = (true, 0, String::new());
        let a = key(b"a");
        assert_eq!(emit(&mut keyspace, Rename { from: a, to: a }), nothing);
        assert_eq!(emit(&mut keyspace, Move { key: a, to: Db(0) }), nothing);
        assert_eq!(emit(&mut keyspace, Copy { from: a, to: a, to_db: Db(0) }), nothing);
        assert!(keyspace.view(Db(0), NOW).exists(a));
    }

    #[test]
    fn what_is_not_there_leaves_no_record() {
        let mut keyspace = store();
        let nothing = (false, 0, String::new());
        let (x, b) = (key(b"x"), key(b"b"));
        assert_eq!(emit(&mut keyspace, Delete::of(x)), nothing);
        assert_eq!(emit(&mut keyspace, ExpireAt { key: x, at: 9 }), nothing);
        assert_eq!(emit(&mut keyspace, Persist { key: x }), nothing);
        assert_eq!(emit(&mut keyspace, Persist { key: b }), nothing);
        assert_eq!(emit(&mut keyspace, Rename { from: x, to: b }), nothing);
        assert_eq!(emit(&mut keyspace, Move { key: x, to: Db(1) }), nothing);
        assert_eq!(emit(&mut keyspace, Copy { from: x, to: b, to_db: Db(0) }), nothing);
        assert_eq!(emit(&mut keyspace, DeleteMany { keys: &[x] }), (0, 0, String::new()));
    }

    #[test]
    fn the_expiry_goes_with_the_value() {
        let mut keyspace = store();
        let (a, b) = (key(b"a"), key(b"b"));
        let (found, changes, record) = emit(&mut keyspace, Rename { from: a, to: b });
        assert!(found && changes == 1);
        assert_eq!(record, "*3\r\n$6\r\nRENAME\r\n$1\r\na\r\n$1\r\nb\r\n");
        let expiry = |keyspace: &Keyspace, db, key| {
            keyspace.view(db, NOW).entry(key).map(|entry| entry.expiry())
        };
        assert_eq!(expiry(&keyspace, Db(0), a), None);
        assert_eq!(expiry(&keyspace, Db(0), b), Some(Some(5000)));
        emit(&mut keyspace, Copy { from: b, to: a, to_db: Db(1) });
        assert_eq!(expiry(&keyspace, Db(1), a), Some(Some(5000)));
        emit(&mut keyspace, Persist { key: b });
        emit(&mut keyspace, Move { key: b, to: Db(1) });
        assert_eq!(expiry(&keyspace, Db(0), b), None);
        assert_eq!(expiry(&keyspace, Db(1), b), Some(None));
    }

    #[test]
    fn several_keys_are_removed_by_one_record() {
        let mut keyspace = store();
        let keys = [key(b"b"), key(b"a")];
        let (found, changes, record) = emit(&mut keyspace, DeleteMany { keys: &keys });
        assert_eq!((found, changes), (2, 2));
        assert_eq!(record, "*3\r\n$3\r\nDEL\r\n$1\r\nb\r\n$1\r\na\r\n");
        assert!(keyspace.view(Db(0), NOW).is_empty());
    }

    #[test]
    fn a_long_value_is_moved_without_a_copy_and_without_the_reclaimer() {
        let mut keyspace = store();
        set(&mut keyspace, b"long", &[7; 1 << 20], SetExpiry::Clear);
        let shared =
            |keyspace: &Keyspace, name: &[u8]| match keyspace.view(Db(0), NOW).string(key(name)) {
                Ok(Some(StringRef::Shared(bytes))) => Arc::clone(bytes),
                other => panic!("{other:?}"),
            };
        let before = shared(&keyspace, b"long");
        emit(&mut keyspace, Rename { from: key(b"long"), to: key(b"longer") });
        let after = shared(&keyspace, b"longer");
        assert!(Arc::ptr_eq(&before, &after));
        drop(after);
        // The keyspace and this test.
        assert_eq!(Arc::strong_count(&before), 2);
    }
}
