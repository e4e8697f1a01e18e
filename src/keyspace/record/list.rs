//! Changes of lists.

use super::{Change, Effect, Record, Touched, emptied};
use crate::keyspace::value::Object;
use crate::keyspace::{Db, Key, Keyspace};
use crate::types::list::{List, ListValue, Place, Side};
use std::sync::Arc;

/// Pushes values at an end of a list, one after the other; a missing key counts as an empty list.
/// Keeps the expiry.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// The key: a list or nothing.
    pub key: Key<'a>,
    /// The end.
    pub side: Side,
    /// At least one. Pushed left, they end up in reverse order.
    pub values: &'a [&'a [u8]],
    /// The keyspace event: [`push_event`], or that of the command which stores its result.
    pub event: &'static str,
}

impl Change for Push<'_> {
    /// The new length.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let len = keyspace.edit(db, self.key, |list: &mut ListValue, context| {
            list.push(self.side, self.values, &context.limits);
            list.len()
        });
        Effect::of(self.values.len() as u64, len)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: self.event });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let name = match self.side {
            Side::Left => b"LPUSH",
            Side::Right => b"RPUSH",
        };
        Record::list(bytes, name, self.key, self.values);
    }
}

/// Removes elements at an end; an emptied list's key goes.
#[derive(Debug, Clone, Copy)]
pub struct Pop<'a> {
    /// The key: a list.
    pub key: Key<'a>,
    /// The end.
    pub side: Side,
    /// How many: at least 1, and not more than there are.
    pub count: usize,
}

impl Change for Pop<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        let cut = keyspace.edit(db, self.key, |list: &mut ListValue, context| {
            let len = list.len();
            let indexes = match self.side {
                Side::Left => 0..self.count,
                Side::Right => len - self.count..len,
            };
            list.remove_range(indexes, &context.limits)
        });
        free(keyspace, cut);
        Effect::of(self.count as u64, ())
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: pop_event(self.side) });
        emptied(after, db, self.key, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let name = match self.side {
            Side::Left => b"LPOP",
            Side::Right => b"RPOP",
        };
        let mut record = Record::begin(bytes, if self.count == 1 { 2 } else { 3 });
        record.bulk(name);
        record.bulk(self.key.bytes);
        if self.count != 1 {
            record.int(self.count as i64);
        }
    }
}

/// Puts an element in the place of another.
#[derive(Debug, Clone, Copy)]
pub struct SetAt<'a> {
    /// The key: a list.
    pub key: Key<'a>,
    /// Which one, from 0; it is there.
    pub index: usize,
    /// The new element.
    pub value: &'a [u8],
}

impl Change for SetAt<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        keyspace.edit(db, self.key, |list: &mut ListValue, context| {
            list.set(self.index, self.value, &context.limits);
        });
        Effect::of(1, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "lset" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*4\r\n$4\r\nLSET\r\n");
        record.bulk(self.key.bytes);
        record.int(self.index as i64);
        record.bulk(self.value);
    }
}

/// Inserts an element beside the first one that is the pivot; changes nothing if there is none.
#[derive(Debug, Clone, Copy)]
pub struct InsertAt<'a> {
    /// The key: a list.
    pub key: Key<'a>,
    /// On which side of the pivot.
    pub place: Place,
    /// The element to seek.
    pub pivot: &'a [u8],
    /// The new element.
    pub value: &'a [u8],
}

impl Change for InsertAt<'_> {
    /// The new length, if the pivot was found.
    type Found = Option<usize>;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<Option<usize>> {
        let len = keyspace.edit(db, self.key, |list: &mut ListValue, context| {
            let found = list.insert(self.place, self.pivot, self.value, &context.limits);
            found.then(|| list.len())
        });
        Effect::of(u64::from(len.is_some()), len)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "linsert" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*5\r\n$7\r\nLINSERT\r\n");
        record.bulk(self.key.bytes);
        record.bulk(match self.place {
            Place::Before => b"BEFORE",
            Place::After => b"AFTER",
        });
        record.bulk(self.pivot);
        record.bulk(self.value);
    }
}

/// Removes elements that are a value; an emptied list's key goes.
#[derive(Debug, Clone, Copy)]
pub struct RemoveValue<'a> {
    /// The key: a list.
    pub key: Key<'a>,
    /// As LREM takes it: so many from the head, or if it is negative from the tail; 0 removes all.
    pub count: i64,
    /// The value.
    pub value: &'a [u8],
}

impl Change for RemoveValue<'_> {
    /// How many there were.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let side = if self.count < 0 { Side::Right } else { Side::Left };
        let count = match self.count {
            0 => usize::MAX,
            count => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
        };
        let removed = keyspace.edit(db, self.key, |list: &mut ListValue, context| {
            list.remove_matches(self.value, side, count, &context.limits)
        });
        Effect::of(removed as u64, removed)
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "lrem" });
        emptied(after, db, self.key, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*4\r\n$4\r\nLREM\r\n");
        record.bulk(self.key.bytes);
        record.int(self.count);
        record.bulk(self.value);
    }
}

/// Keeps a range of a list, not all of it; an emptied list's key goes.
#[derive(Debug, Clone, Copy)]
pub struct Trim<'a> {
    /// The key: a list.
    pub key: Key<'a>,
    /// The first element that stays.
    pub start: usize,
    /// The first one behind it that does not: at least `start`, at most the length. Equal: nothing
    /// stays.
    pub end: usize,
}

impl Change for Trim<'_> {
    /// How many were removed.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let (head, tail, removed) = keyspace.edit(db, self.key, |list: &mut ListValue, context| {
            let len = list.len();
            let tail = list.remove_range(self.end..len, &context.limits);
            let head = list.remove_range(0..self.start, &context.limits);
            (head, tail, len - list.len())
        });
        free(keyspace, head);
        free(keyspace, tail);
        Effect::of(removed as u64, removed)
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "ltrim" });
        emptied(after, db, self.key, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*4\r\n$5\r\nLTRIM\r\n");
        record.bulk(self.key.bytes);
        let (start, stop) =
            if self.start == self.end { (1, 0) } else { (self.start as i64, self.end as i64 - 1) };
        record.int(start);
        record.int(stop);
    }
}

/// Moves the element at an end of a list to an end of another or of the same; an emptied list's key
/// goes, a missing destination counts as an empty list.
#[derive(Debug, Clone, Copy)]
pub struct MoveElement<'a> {
    /// The list that has it.
    pub from: Key<'a>,
    /// The list that gets it.
    pub to: Key<'a>,
    /// The end it is taken from.
    pub from_side: Side,
    /// The end it is put at.
    pub to_side: Side,
}

impl Change for MoveElement<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        let is_same = self.from.bytes == self.to.bytes;
        let moved = keyspace.edit(db, self.from, |list: &mut ListValue, context| {
            let at = match self.from_side {
                Side::Left => 0,
                Side::Right => list.len().saturating_sub(1),
            };
            let element = list.as_ref().get(at)?.to_vec();
            let cut = list.remove_range(at..at + 1, &context.limits);
            if is_same {
                list.push(self.to_side, &[&element], &context.limits);
            }
            Some((element, cut))
        });
        let Some((element, cut)) = moved else { return Effect::of(0, ()) };
        free(keyspace, cut);
        if !is_same {
            keyspace.edit(db, self.to, |list: &mut ListValue, context| {
                list.push(self.to_side, &[&element], &context.limits);
            });
        }
        Effect::of(1, ())
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.to, event: push_event(self.to_side) });
        see(Touched::Key { db, key: self.from, event: pop_event(self.from_side) });
        emptied(after, db, self.from, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*5\r\n$5\r\nLMOVE\r\n");
        record.bulk(self.from.bytes);
        record.bulk(self.to.bytes);
        for side in [self.from_side, self.to_side] {
            record.bulk(match side {
                Side::Left => b"LEFT",
                Side::Right => b"RIGHT",
            });
        }
    }
}

/// The keyspace event of a push.
pub fn push_event(side: Side) -> &'static str {
    match side {
        Side::Left => "lpush",
        Side::Right => "rpush",
    }
}

fn pop_event(side: Side) -> &'static str {
    match side {
        Side::Left => "lpop",
        Side::Right => "rpop",
    }
}

/// Frees what was cut out of a list, elsewhere if it is large.
fn free(keyspace: &Keyspace, cut: List) {
    if !cut.is_empty() {
        keyspace.reclaimer.object(Object::List(Arc::new(cut)));
    }
}
