//! Changes and their records: everything that can happen to the data, one small type a kind.
//!
//! A [`Change`] can do three things and nothing else: apply itself to the keyspace, name the keys
//! it touches with the event it must fire, and write itself as the one canonical Redis command that
//! has the same effect. It sees no clock, no chance and no I/O, so applying the same changes in the
//! same order gives the same keyspace.
//!
//! **The fixed-point law**: write a change as a command, run that command through the command table
//! on the same state, and it emits exactly that record again. Every transcript, and every example
//! in the command table, is checked for it (`engine::check::check_laws`).
//!
//! | file | changes | written as |
//! |---|---|---|
//! | `string` | [`SetString`], [`SetComputed`], [`SetMany`], [`IncrBy`], [`IncrByFloat`], [`IncrEx`], [`RestoreString`], [`Append`], [`SetRange`] | SET, MSET, INCRBY, APPEND, SETRANGE |
//! | `generic` | [`Delete`], [`DeleteMany`], [`ExpireAt`], [`Persist`], [`Rename`], [`Move`], [`Copy`], [`Restore`] | DEL, DEL, PEXPIREAT, PERSIST, RENAME, MOVE, COPY, RESTORE |
//! | `set` | [`AddMembers`], [`RemoveMembers`], [`MoveMember`] | SADD, SREM, SMOVE |
//! | `zset` | [`AddScored`], [`RemoveScored`], [`RemoveRanks`] | ZADD, ZREM, ZREMRANGEBYRANK |
//! | `hash` | [`SetFields`], [`RemoveFields`], [`IncrField`], [`ExpireFields`], [`PersistFields`] | HSET or HSETEX, HDEL, HINCRBY, HPEXPIREAT, HPERSIST |
//! | `list` | [`Push`], [`Pop`], [`SetAt`], [`InsertAt`], [`RemoveValue`], [`Trim`], [`MoveElement`] | LPUSH and RPUSH, LPOP and RPOP, LSET, LINSERT, LREM, LTRIM, LMOVE |
//! | `stream` | [`AddEntry`], [`DeleteEntries`], [`TrimStream`], [`SetStreamId`], [`CreateGroup`]… | XADD, XDEL, XTRIM, XSETID, XGROUP … |
//! | `pending` | [`Claim`], [`Acknowledge`], [`ReleaseEntries`] | XCLAIM, XACK, XNACK |
//! | `idempotency` | [`RecordMessage`], [`SetIdempotency`] | XIDMPRECORD, XCFGSET |
//! | `bits` | [`SetBit`], [`BitField`], [`BitOp`] | SETBIT, BITFIELD SET, BITOP |
//! | `hyperloglog` | [`HllAdd`], [`HllPut`] | PFADD; PFADD, PFMERGE or SET |
//! | `whole` | [`FlushDb`], [`FlushAll`], [`SwapDb`] | FLUSHDB, FLUSHALL, SWAPDB |

mod bits;
mod generic;
mod hash;
mod hyperloglog;
mod idempotency;
mod list;
mod pending;
mod set;
mod stream;
mod string;
mod whole;
mod zset;

pub use bits::{BitField, BitOp, FieldSet, SetBit};
pub use generic::{Copy, Delete, DeleteMany, ExpireAt, Move, Persist, Rename, Restore};
pub use hash::{ExpireFields, FieldExpiry, IncrField, PersistFields, RemoveFields, SetFields};
pub use hyperloglog::{HllAdd, HllPut, HllRecord};
pub use idempotency::{CountDuplicate, RecordMessage, SetIdempotency};
pub use list::{InsertAt, MoveElement, Pop, Push, RemoveValue, SetAt, Trim, push_event};
pub use pending::{Acknowledge, Claim, IndexTimes, ReleaseEntries, SeeConsumer};
pub use set::{AddMembers, MoveMember, RemoveMembers};
pub use stream::{
    AddEntry, CreateConsumer, CreateGroup, DeleteConsumer, DeleteEntries, DestroyGroup, SetGroupId,
    SetStreamId, TrimStream,
};
pub use string::{
    Append, IncrBy, IncrByFloat, IncrEx, RestoreString, SetComputed, SetExpiry, SetMany, SetRange,
    SetString,
};
pub use whole::{FlushAll, FlushDb, SwapDb};
pub use zset::{AddScored, RemoveRanks, RemoveScored, Scored};

use super::{Db, Key, Keyspace, Large};
use crate::base::double;
use crate::resp::{Out, encode};
use std::sync::Arc;

/// One kind of change.
pub trait Change {
    /// What applying it finds out (the new length, how many were removed…), for the command's
    /// reply.
    type Found;

    /// Applies it in database `db`. Cannot fail: whoever emits has checked everything before.
    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<Self::Found>;

    /// Names each key it touches, with the keyspace event. `after` is the keyspace with the change
    /// applied: a change that has emptied a collection tells `del` too ([`emptied`]).
    fn touched(&self, after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>));

    /// Appends its record: RESP commands, by [`Record`].
    fn write(&self, bytes: &mut Vec<u8>);

    /// As [`Self::write`], but values among `large` are shared, not copied.
    #[inline]
    fn write_sharing(&self, records: &mut Out, _large: &Large) {
        self.write(&mut records.bytes);
    }

    /// How many commands [`Self::write`] appends; several travel inside MULTI and EXEC.
    fn records(&self) -> usize {
        1
    }
}

/// What applying a change did.
pub struct Effect<F> {
    /// How much Redis' dirty counter would grow; 0 means nothing changed, and no record is
    /// written.
    pub changes: u64,
    /// What was found.
    pub found: F,
}

impl<F> Effect<F> {
    /// `changes` changes, with what was found.
    pub fn of(changes: u64, found: F) -> Self {
        Effect { changes, found }
    }
}

/// Something a change touches.
#[derive(Debug, Clone, Copy)]
pub enum Touched<'a> {
    /// One key, and the name of the keyspace event (`set`, `expired`…).
    Key {
        /// Its database.
        db: Db,
        /// The key.
        key: Key<'a>,
        /// The event's name, as Redis publishes it; empty: none is.
        event: &'static str,
    },
    /// One key, and there is nothing for calls that wait for it: what was there for them has only
    /// become less, or is another consumer's.
    Quiet {
        /// Its database.
        db: Db,
        /// The key.
        key: Key<'a>,
        /// As with [`Touched::Key`].
        event: &'static str,
    },
    /// Every key of a database.
    Database(Db),
    /// Every key of every database.
    All,
}

/// Tells `del` of a key that a change has removed by emptying its collection.
pub(in crate::keyspace) fn emptied(
    after: &Keyspace,
    db: Db,
    key: Key<'_>,
    see: &mut dyn FnMut(Touched<'_>),
) {
    if after.table(db).get(key.hash, key.bytes).is_none() {
        see(Touched::Key { db, key, event: "del" });
    }
}

/// Why a key was removed; the record is the same, the event is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A command asked for it.
    Command,
    /// Its time had come.
    Expired,
    /// What the command stores comes in its place: no event of its own.
    Replaced,
    /// A command took everything out of a collection: its event (`spop`), then `del`.
    Emptied(&'static str),
}

/// Writes one record: a RESP array of bulk strings.
pub struct Record<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Record<'a> {
    /// Begins a record of `count` arguments, the command's name included.
    #[inline]
    pub fn begin(bytes: &'a mut Vec<u8>, count: usize) -> Self {
        encode::write_array_header(bytes, count);
        Record { bytes }
    }

    /// Begins a record with a head that was written out by hand: `*N`, and the name as a bulk
    /// string.
    #[inline]
    pub fn with_head(bytes: &'a mut Vec<u8>, head: &'static [u8]) -> Self {
        bytes.extend_from_slice(head);
        Record { bytes }
    }

    /// Writes a whole record: a name, a key, and what the command takes behind it.
    pub fn list(bytes: &mut Vec<u8>, name: &[u8], key: Key<'_>, arguments: &[&[u8]]) {
        let mut record = Record::begin(bytes, 2 + arguments.len());
        record.bulk(name);
        record.bulk(key.bytes);
        arguments.iter().for_each(|argument| record.bulk(argument));
    }

    /// Appends one argument.
    #[inline]
    pub fn bulk(&mut self, argument: &[u8]) {
        encode::write_bulk(self.bytes, argument);
    }

    /// Appends one argument of a record in `records`, shared.
    pub fn shared(records: &mut Out, argument: &Arc<Vec<u8>>) {
        encode::write_bulk_header(&mut records.bytes, argument.len());
        records.push_shared(Arc::clone(argument));
        records.bytes.extend_from_slice(b"\r\n");
    }

    /// Appends a number argument, so that it reads back exactly.
    #[inline]
    pub fn double(&mut self, number: f64) {
        /// Up to here every integer is a double, and the reverse.
        const EXACT_MAX: f64 = (1u64 << 53) as f64;
        let whole = number.trunc() == number && number.abs() <= EXACT_MAX;
        if whole && (number != 0.0 || number.is_sign_positive()) {
            return self.int(number as i64);
        }
        self.bulk(double::reply(number).as_bytes());
    }

    /// Appends an integer argument.
    pub fn int(&mut self, number: i64) {
        encode::write_bulk_int(self.bytes, number);
    }
}
