//! Changes of sorted sets.

use super::{Change, Effect, Record, Touched, emptied};
use crate::keyspace::{Db, Key, Keyspace};
use crate::types::zset::{Inserted, ZsetValue};
use std::ops::Range;

/// Gives members of a sorted set their scores, one after the other; a missing key counts as an
/// empty sorted set. Keeps the expiry.
#[derive(Debug, Clone, Copy)]
pub struct AddScored<'a> {
    /// The key: a sorted set or nothing.
    pub key: Key<'a>,
    /// Scores and members, at least one. No score is NaN.
    pub items: &'a [(f64, &'a [u8])],
    /// The keyspace event: `zadd`, or that of the command which computed the scores.
    pub event: &'static str,
}

/// What [`AddScored`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scored {
    /// Members that were new.
    pub added: usize,
    /// Members that had another score.
    pub updated: usize,
}

impl Change for AddScored<'_> {
    type Found = Scored;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<Scored> {
        let longest = self.items.iter().map(|item| item.1.len()).max().unwrap_or(0);
        let scored = keyspace.edit(db, self.key, |zset: &mut ZsetValue, context| {
            zset.prepare(self.items.len(), longest, &context.limits);
            let mut scored = Scored::default();
            for (score, member) in self.items {
                match zset.insert(member, *score, &context.limits) {
                    Inserted::Added => scored.added += 1,
                    Inserted::Updated(_) => scored.updated += 1,
                    Inserted::Same => {}
                }
            }
            scored
        });
        Effect::of((scored.added + scored.updated) as u64, scored)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: self.event });
    }

    /// ZADD, with scores that read back exactly.
    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::begin(bytes, 2 + 2 * self.items.len());
        record.bulk(b"ZADD");
        record.bulk(self.key.bytes);
        for (score, member) in self.items {
            record.double(*score);
            record.bulk(member);
        }
    }
}

/// Removes members from a sorted set; an emptied one's key goes.
#[derive(Debug, Clone, Copy)]
pub struct RemoveScored<'a> {
    /// The key: a sorted set.
    pub key: Key<'a>,
    /// At least one; those that are not there change nothing.
    pub members: &'a [&'a [u8]],
}

impl Change for RemoveScored<'_> {
    /// How many were there.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let removed = keyspace.edit(db, self.key, |zset: &mut ZsetValue, _| {
            self.members.iter().filter(|member| zset.remove(member).is_some()).count()
        });
        Effect::of(removed as u64, removed)
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "zrem" });
        emptied(after, db, self.key, see);
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::list(bytes, b"ZREM", self.key, self.members);
    }
}

/// Removes the members of a range of ranks; an emptied sorted set's key goes. Pops, and removals by
/// score or member, come down to this.
#[derive(Debug, Clone)]
pub struct RemoveRanks<'a> {
    /// The key: a sorted set.
    pub key: Key<'a>,
    /// The ranks: not empty, and within the sorted set.
    pub range: Range<usize>,
    /// The keyspace event: `zremrangebyrank`, or that of the command which chose the ranks.
    pub event: &'static str,
}

impl Change for RemoveRanks<'_> {
    /// How many members there were.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let (cut, removed) = keyspace.edit(db, self.key, |zset: &mut ZsetValue, _| {
            let len = zset.len();
            let cut = zset.remove_range(self.range.clone());
            (cut, len - zset.len())
        });
        if let Some(cut) = cut {
            keyspace.reclaimer.cut(cut);
        }
        Effect::of(removed as u64, removed)
    }

    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: self.event });
        emptied(after, db, self.key, see);
    }

    /// ZREMRANGEBYRANK, which takes the last rank, not the first behind it.
    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*4\r\n$15\r\nZREMRANGEBYRANK\r\n");
        record.bulk(self.key.bytes);
        record.int(self.range.start as i64);
        record.int(self.range.end as i64 - 1);
    }
}
