//! Changes of sets.

use super::{Change, Effect, Record, Touched, emptied};
use crate::keyspace::{Db, Key, Keyspace};
use crate::types::set::SetValue;

/// Adds members to a set; a missing key counts as an empty set. Keeps the expiry.
#[derive(Debug, Clone, Copy)]
pub struct AddMembers<'a> {
    /// The key: a set or nothing.
    pub key: Key<'a>,
    /// At least one; those that are there already change nothing.
    pub members: &'a [&'a [u8]],
    /// The keyspace event: `sadd`, or that of the command which stores its result.
    pub event: &'static str,
}

impl Change for AddMembers<'_> {
    /// How many were new.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let added = keyspace.edit(db, self.key, |set: &mut SetValue, context| {
            set.prepare(self.members[0], self.members.len(), &context.limits, context.heap);
            let mut added = 0;
            for member in self.members {
                added += usize::from(set.insert(member, &context.limits, context.heap));
            }
            added
        });
        Effect::of(added as u64, added)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: self.event });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::list(bytes, b"SADD", self.key, self.members);
    }
}

/// Removes members from a set; an emptied set's key goes.
#[derive(Debug, Clone, Copy)]
pub struct RemoveMembers<'a> {
    /// The key: a set.
    pub key: Key<'a>,
    /// At least one; those that are not there change nothing.
    pub members: &'a [&'a [u8]],
    /// The keyspace event: `srem` or `spop`.
    pub event: &'static str,
}

impl Change for RemoveMembers<'_> {
    /// How many were there.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let removed = keyspace.edit(db, self.key, |set: &mut SetValue, context| {
            self.members.iter().filter(|member| set.remove(member, context.heap)).count()
        });
        Effect::of(removed as u64, removed)
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: self.event });
        emptied(after, db, self.key, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::list(bytes, b"SREM", self.key, self.members);
    }
}

/// Moves a member from one set to another.
#[derive(Debug, Clone, Copy)]
pub struct MoveMember<'a> {
    /// The set that has it; not the same as `to`.
    pub from: Key<'a>,
    /// The set that gets it, or has it too, or nothing.
    pub to: Key<'a>,
    /// The member: it is in `from`.
    pub member: &'a [u8],
}

impl Change for MoveMember<'_> {
    /// Whether `to` did not have it.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        keyspace.edit(db, self.from, |set: &mut SetValue, context| {
            set.remove(self.member, context.heap)
        });
        let is_new = keyspace.edit(db, self.to, |set: &mut SetValue, context| {
            set.prepare(self.member, 1, &context.limits, context.heap);
            set.insert(self.member, &context.limits, context.heap)
        });
        Effect::of(1 + u64::from(is_new), is_new)
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.from, event: "srem" });
        emptied(after, db, self.from, see);
        see(Touched::Key { db, key: self.to, event: "sadd" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*4\r\n$5\r\nSMOVE\r\n");
        record.bulk(self.from.bytes);
        record.bulk(self.to.bytes);
        record.bulk(self.member);
    }
}
