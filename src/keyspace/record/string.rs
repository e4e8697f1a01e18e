//! Changes of strings.

use super::{Change, Effect, Record, Touched};
use crate::keyspace::value::{Object, stored};
use crate::keyspace::{Db, Key, Keyspace, LARGE_BYTES, Large, StringRef, Type};
use crate::paged::{self, Expiry, NewValue};
use crate::resp::Out;
use std::sync::Arc;

/// What a SET does to the key's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetExpiry {
    /// The key will not expire.
    Clear,
    /// It keeps the expiry it has.
    Keep,
    /// It expires at this unix time, ms.
    At(u64),
}

/// Sets a key to a string, whatever stood there.
#[derive(Debug, Clone, Copy)]
pub struct SetString<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The value's bytes.
    pub value: &'a [u8],
    /// The expiry.
    pub expiry: SetExpiry,
}

impl Change for SetString<'_> {
    type Found = ();

    #[inline]
    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        let expiry = match self.expiry {
            SetExpiry::Clear => Expiry::None,
            SetExpiry::Keep => Expiry::Keep,
            SetExpiry::At(at) => Expiry::At(at),
        };
        let value = keyspace.stored(self.value);
        keyspace.put(db, self.key, value, expiry);
        Effect::of(1, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "set" });
        if let SetExpiry::At(_) = self.expiry {
            see(Touched::Key { db, key: self.key, event: "expire" });
        }
    }

    #[inline]
    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = self.begin(bytes);
        record.bulk(self.value);
        self.end(record);
    }

    #[inline]
    fn write_sharing(&self, records: &mut Out, large: &Large) {
        match large.find(self.value) {
            None => self.write(&mut records.bytes),
            Some(value) => self.write_shared(records, value),
        }
    }
}

impl SetString<'_> {
    /// The record up to the value.
    #[inline]
    fn begin<'r>(&self, bytes: &'r mut Vec<u8>) -> Record<'r> {
        const PLAIN: &[u8] = b"*3\r\n$3\r\nSET\r\n";
        const KEEP: &[u8] = b"*4\r\n$3\r\nSET\r\n";
        const AT: &[u8] = b"*5\r\n$3\r\nSET\r\n";
        let head = match self.expiry {
            SetExpiry::Clear => PLAIN,
            SetExpiry::Keep => KEEP,
            SetExpiry::At(_) => AT,
        };
        let mut record = Record::with_head(bytes, head);
        record.bulk(self.key.bytes);
        record
    }

    /// What stands behind the value.
    #[inline]
    fn end(&self, mut record: Record<'_>) {
        match self.expiry {
            SetExpiry::Clear => {}
            SetExpiry::Keep => record.bulk(b"KEEPTTL"),
            SetExpiry::At(at) => {
                record.bulk(b"PXAT");
                record.int(at.cast_signed());
            }
        }
    }

    #[cold]
    fn write_shared(&self, records: &mut Out, value: &Arc<Vec<u8>>) {
        self.begin(&mut records.bytes);
        Record::shared(records, value);
        self.end(Record::with_head(&mut records.bytes, b""));
    }
}

/// Sets a key to a string that was computed, without an expiry. On the log it is an ordinary SET; a
/// long string is taken as it is, not copied.
#[derive(Debug, Clone)]
pub struct SetComputed<'a> {
    /// The key.
    pub key: Key<'a>,
    /// What it will be.
    pub value: Arc<Vec<u8>>,
}

impl SetComputed<'_> {
    fn set(&self) -> SetString<'_> {
        SetString { key: self.key, value: &self.value, expiry: SetExpiry::Clear }
    }
}

impl Change for SetComputed<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        put_owned(keyspace, db, self.key, Arc::clone(&self.value), false, Expiry::None);
        Effect::of(1, ())
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        self.set().touched(after, db, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        self.set().write(bytes);
    }

    fn write_sharing(&self, records: &mut Out, _large: &Large) {
        if self.value.len() < LARGE_BYTES {
            self.write(&mut records.bytes);
        } else {
            self.set().write_shared(records, &self.value);
        }
    }
}

/// Sets a key to a string that RESTORE was given. On the log it is an ordinary SET; only the
/// keyspace event is its own.
#[derive(Debug, Clone, Copy)]
pub struct RestoreString<'a>(pub SetString<'a>);

impl Change for RestoreString<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        self.0.apply(keyspace, db)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.0.key, event: "restore" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
    }
}

/// Sets a key to the sum that INCRBYFLOAT has computed. On the log it is an ordinary SET, so that
/// the digits do not depend on who adds; only the keyspace event is its own. So a whole sum is kept
/// as an integer at once, which in Redis it is only after a restart or on a replica (OBJECT
/// ENCODING says `int`, there `embstr`).
#[derive(Debug, Clone, Copy)]
pub struct IncrByFloat<'a>(pub SetString<'a>);

impl Change for IncrByFloat<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        self.0.apply(keyspace, db)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.0.key, event: "incrbyfloat" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
    }
}

/// Sets a key to the sum that INCREX has computed. On the log it is an ordinary SET; the keyspace
/// events are its own.
#[derive(Debug, Clone, Copy)]
pub struct IncrEx<'a> {
    /// What is set. Its expiry is `Keep` only if there is one to keep.
    pub set: SetString<'a>,
    /// The event of the sum: `incrby` or `incrbyfloat`.
    pub event: &'static str,
    /// Whether the key had an expiry that is removed.
    pub persists: bool,
}

impl Change for IncrEx<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        self.set.apply(keyspace, db)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        let key = self.set.key;
        see(Touched::Key { db, key, event: self.event });
        if let SetExpiry::At(_) = self.set.expiry {
            see(Touched::Key { db, key, event: "expire" });
        }
        if self.persists {
            see(Touched::Key { db, key, event: "persist" });
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        self.set.write(bytes);
    }
}

/// Sets several keys to strings without expiry, in order (the last of equal keys wins).
#[derive(Debug, Clone, Copy)]
pub struct SetMany<'a> {
    /// Keys and values.
    pub pairs: &'a [(Key<'a>, &'a [u8])],
}

impl Change for SetMany<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        for (key, value) in self.pairs {
            let value = keyspace.stored(value);
            keyspace.put(db, *key, value, Expiry::None);
        }
        Effect::of(self.pairs.len() as u64, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        for (key, _) in self.pairs {
            see(Touched::Key { db, key: *key, event: "set" });
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::begin(bytes, 1 + 2 * self.pairs.len());
        record.bulk(b"MSET");
        for (key, value) in self.pairs {
            record.bulk(key.bytes);
            record.bulk(value);
        }
    }

    fn write_sharing(&self, records: &mut Out, large: &Large) {
        if large.is_empty() {
            return self.write(&mut records.bytes);
        }
        Record::begin(&mut records.bytes, 1 + 2 * self.pairs.len()).bulk(b"MSET");
        for (key, value) in self.pairs {
            let mut record = Record::with_head(&mut records.bytes, b"");
            record.bulk(key.bytes);
            match large.find(value) {
                None => record.bulk(value),
                Some(value) => Record::shared(records, value),
            }
        }
    }
}

/// Adds to the integer under a key; a missing key counts as 0. Keeps the expiry.
#[derive(Debug, Clone, Copy)]
pub struct IncrBy<'a> {
    /// The key. What stands there is an integer, and the sum does not overflow: the caller has
    /// checked.
    pub key: Key<'a>,
    /// What to add.
    pub by: i64,
}

impl Change for IncrBy<'_> {
    /// The sum.
    type Found = i64;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<i64> {
        let old = current(keyspace, db, self.key).and_then(|value| value.integer()).unwrap_or(0);
        let sum = old.wrapping_add(self.by);
        keyspace.put(db, self.key, NewValue::Int(sum), Expiry::Keep);
        Effect::of(1, sum)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "incrby" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*3\r\n$6\r\nINCRBY\r\n");
        record.bulk(self.key.bytes);
        record.int(self.by);
    }
}

/// Appends to the string under a key; a missing key counts as empty. Keeps the expiry.
#[derive(Debug, Clone, Copy)]
pub struct Append<'a> {
    /// The key: a string or nothing.
    pub key: Key<'a>,
    /// What to append.
    pub suffix: &'a [u8],
}

impl Change for Append<'_> {
    /// The new length in bytes.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let length = match current(keyspace, db, self.key) {
            None => {
                // As in Redis: the first APPEND sets the value, and it may be kept as an integer.
                let value = keyspace.stored(self.suffix);
                keyspace.put(db, self.key, value, Expiry::None);
                self.suffix.len()
            }
            Some(StringRef::Shared(_)) => in_place(keyspace, db, self.key, |value| {
                make_room(value, self.suffix.len());
                value.extend_from_slice(self.suffix);
                value.len()
            }),
            Some(short) => {
                let mut value = short.to_bytes();
                value.extend_from_slice(self.suffix);
                let length = value.len();
                put_changed(keyspace, db, self.key, Arc::new(value), Expiry::Keep);
                length
            }
        };
        Effect::of(1, length)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "append" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*3\r\n$6\r\nAPPEND\r\n");
        record.bulk(self.key.bytes);
        record.bulk(self.suffix);
    }

    #[inline]
    fn write_sharing(&self, records: &mut Out, large: &Large) {
        let Some(suffix) = large.find(self.suffix) else {
            return self.write(&mut records.bytes);
        };
        let mut record = Record::with_head(&mut records.bytes, b"*3\r\n$6\r\nAPPEND\r\n");
        record.bulk(self.key.bytes);
        Record::shared(records, suffix);
    }
}

/// Overwrites a part of the string under a key, padding with zero bytes up to it. Keeps the expiry.
#[derive(Debug, Clone, Copy)]
pub struct SetRange<'a> {
    /// The key: a string or nothing.
    pub key: Key<'a>,
    /// Where to begin, bytes. `offset + patch.len()` is within
    /// [`View::string_bytes_max`](crate::keyspace::View::string_bytes_max): the caller has checked.
    pub offset: usize,
    /// What to write; not empty.
    pub patch: &'a [u8],
}

impl SetRange<'_> {
    fn patch(&self, value: &mut Vec<u8>) -> usize {
        let end = self.offset + self.patch.len();
        if let Some(more) = end.checked_sub(value.len()) {
            make_room(value, more);
            value.resize(end, 0);
        }
        value[self.offset..end].copy_from_slice(self.patch);
        value.len()
    }
}

impl Change for SetRange<'_> {
    /// The new length in bytes.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let length = match current(keyspace, db, self.key) {
            Some(StringRef::Shared(_)) => {
                in_place(keyspace, db, self.key, |value| self.patch(value))
            }
            other => {
                let mut value = other.map(|value| value.to_bytes()).unwrap_or_default();
                let length = self.patch(&mut value);
                put_changed(keyspace, db, self.key, Arc::new(value), Expiry::Keep);
                length
            }
        };
        Effect::of(1, length)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "setrange" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*4\r\n$8\r\nSETRANGE\r\n");
        record.bulk(self.key.bytes);
        record.int(self.offset as i64);
        record.bulk(self.patch);
    }
}

/// The string under `key`, whether or not its time has come: the expired ones were removed by
/// records before.
pub(super) fn current<'a>(keyspace: &'a Keyspace, db: Db, key: Key<'_>) -> Option<StringRef<'a>> {
    let entry = keyspace.view(db, crate::base::clock::UnixMs::ZERO).entry(key)?;
    debug_assert_eq!(entry.value_type(), Type::String);
    entry.string()
}

/// Stores a string that was changed in place, or came out of others. A long one is not copied.
pub(super) fn put_changed(
    keyspace: &mut Keyspace,
    db: Db,
    key: Key<'_>,
    value: Arc<Vec<u8>>,
    expiry: Expiry,
) {
    put_owned(keyspace, db, key, value, true, expiry);
}

/// As [`stored`], of a string that is not copied if it is long.
fn put_owned(
    keyspace: &mut Keyspace,
    db: Db,
    key: Key<'_>,
    value: Arc<Vec<u8>>,
    changed: bool,
    expiry: Expiry,
) {
    if value.len() > paged::INLINE_MAX {
        keyspace.put(db, key, NewValue::Object(Object::String(value)), expiry);
    } else {
        keyspace.put(db, key, stored(&value, changed), expiry);
    }
}

/// Makes room for `more` bytes, and for as much again up to 1 MiB: many small appends copy the
/// string seldom, and a huge one does not double its memory, as a `Vec` by itself would.
pub(super) fn make_room(value: &mut Vec<u8>, more: usize) {
    const AHEAD_MAX: usize = 1 << 20;
    let length = value.len() + more;
    if length > value.capacity() {
        value.reserve_exact(more + length.min(AHEAD_MAX));
    }
}

/// Changes a long string where it lies; it is copied first if a snapshot or a reply still holds it.
pub(super) fn in_place<R: Default>(
    keyspace: &mut Keyspace,
    db: Db,
    key: Key<'_>,
    change: impl FnOnce(&mut Vec<u8>) -> R,
) -> R {
    keyspace
        .modify(db, key, |object| match object {
            Object::String(value) => change(Arc::make_mut(value)),
            other => unreachable!("the command has checked the type, not of {}", other.name()),
        })
        .unwrap_or_default()
}
