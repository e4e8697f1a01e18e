//! HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT and HPERSIST.
//!
//! The four forms differ in the unit and in what the number counts from; all of them are written to
//! the log as `HPEXPIREAT`, or as `HDEL` if the time has come already.

use super::HASH;
use super::arguments::{NUMFIELDS, fields_at, fields_only, position_of_fields};
use crate::command::expiry::{Unit, is_past, moment};
use crate::command::keys::expire::Conditions;
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{ExpireFields, PersistFields, RemoveFields};
use crate::resp::Reply;
use std::collections::HashSet;

pub(super) const HEXPIRE: Command = Command {
    name: "hexpire",
    summary: "Lets fields expire in so many seconds.",
    syntax: "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    example: r#"
        > HSET session user Ada token x
        (integer) 2
        > HEXPIRE session 10 FIELDS 2 token age
        1) (integer) 1
        2) (integer) -2
        log: HPEXPIREAT session 1700000010000 FIELDS 1 token
        event: hexpire session
        > HEXPIRE session 0 FIELDS 1 token
        1) (integer) 2
        log: HDEL session token
        event: hexpired session
    "#,
    since: "9.0.0",
    complexity: "O(N) where N is the number of specified fields.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::Fast],
    touches: Some(true),
    handler: Handler::Write(|tx, call| expire(tx, call, Unit::Seconds)),
    ..HASH
};

pub(super) const HPEXPIRE: Command = Command {
    name: "hpexpire",
    summary: "Lets fields expire in so many milliseconds.",
    syntax: "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    example: r#"
        > HSET session user Ada
        (integer) 1
        > HPEXPIRE session 1500 NX FIELDS 1 user
        1) (integer) 1
        log: HPEXPIREAT session 1700000001500 FIELDS 1 user
    "#,
    handler: Handler::Write(|tx, call| expire(tx, call, Unit::Milliseconds)),
    ..HEXPIRE
};

pub(super) const HEXPIREAT: Command = Command {
    name: "hexpireat",
    summary: "Lets fields expire at a time in seconds since 1970.",
    syntax: "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    example: r#"
        > HSET session user Ada
        (integer) 1
        > HEXPIREAT session 33177117420 FIELDS 1 user
        1) (integer) 1
        log: HPEXPIREAT session 33177117420000 FIELDS 1 user
    "#,
    handler: Handler::Write(|tx, call| expire(tx, call, Unit::UnixSeconds)),
    ..HEXPIRE
};

pub(super) const HPEXPIREAT: Command = Command {
    name: "hpexpireat",
    summary: "Lets fields expire at a time in milliseconds since 1970.",
    syntax: "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    example: r#"
        > HSET session user Ada
        (integer) 1
        > HPEXPIREAT session 33177117420000 FIELDS 1 user
        1) (integer) 1
        log: HPEXPIREAT session 33177117420000 FIELDS 1 user
    "#,
    handler: Handler::Write(|tx, call| expire(tx, call, Unit::UnixMilliseconds)),
    ..HEXPIRE
};

/// Gives the call's fields an expiry, where its options allow it. Answers for each: 1, set; 2, it
/// was in the past and the field is gone; 0, not allowed; -2, there is no such field.
fn expire<'a>(tx: &mut Tx<'_>, call: &Call<'a>, unit: Unit) -> Result<Reply<'a>> {
    let (key, now) = (call.key(1), tx.now());
    let at_fields = position_of_fields(call, 3)?;
    let only = Conditions::parse(call, 3..at_fields)?;
    let fields = fields_at(call, at_fields, 1)?;
    let at = moment(call, now, unit, call.arg(2))?;
    let past = is_past(at, now);
    let hash = tx.view().hash(key)?;
    // A field that is named again is seen as the first time has left it.
    let mut changed: HashSet<&[u8]> = HashSet::new();
    let mut outcome = |field: &'a [u8]| {
        let Some(found) = hash.and_then(|hash| hash.live(field, now.0)) else { return -2 };
        let again = changed.contains(field);
        if again && past {
            return -2;
        }
        let current = if again { Some(at) } else { found.expiry };
        if !only.allow(current, at.cast_signed()) {
            return 0;
        }
        changed.insert(field);
        if past { 2 } else { 1 }
    };
    let outcomes: Vec<i64> = fields.iter().map(|field| outcome(field)).collect();
    let fields: Vec<&[u8]> = fields.iter().copied().filter(|field| changed.remove(field)).collect();
    if past && !fields.is_empty() {
        tx.emit(RemoveFields { key, fields: &fields, events: &["hexpired"] });
        tx.count_expired_fields(fields.len());
    } else if !fields.is_empty() {
        // A time at 1970 only comes from a foreign log, and has passed in any case.
        tx.emit(ExpireFields { key, at: at.max(1), fields: &fields });
    }
    Ok(Reply::Array(outcomes.into_iter().map(Reply::Int).collect()))
}

pub(super) const HPERSIST: Command = Command {
    name: "hpersist",
    summary: "Takes the expiry of fields away.",
    syntax: "key FIELDS numfields field [field ...]",
    example: r#"
        > HSETEX session EX 10 FIELDS 1 user Ada
        (integer) 1
        > HPERSIST session FIELDS 1 user
        1) (integer) 1
        log: HPERSIST session FIELDS 1 user
        event: hpersist session
        > HPERSIST session FIELDS 2 user age
        1) (integer) -1
        2) (integer) -2
        log:
    "#,
    since: "9.0.0",
    complexity: "O(N) where N is the number of specified fields.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::Fast],
    touches: Some(true),
    handler: Handler::Write(hpersist),
    ..HASH
};

fn hpersist<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, now) = (call.key(1), tx.now().0);
    let fields = fields_only(call, NUMFIELDS)?;
    let hash = tx.view().hash(key)?;
    let mut changed: HashSet<&[u8]> = HashSet::new();
    let mut outcome = |field: &'a [u8]| match hash.and_then(|hash| hash.live(field, now)) {
        None => -2,
        Some(found) if found.expiry.is_some() && changed.insert(field) => 1,
        Some(_) => -1,
    };
    let outcomes: Vec<i64> = fields.iter().map(|field| outcome(field)).collect();
    let fields: Vec<&[u8]> = fields.iter().copied().filter(|field| changed.remove(field)).collect();
    if !fields.is_empty() {
        tx.emit(PersistFields { key, fields: &fields });
    }
    Ok(Reply::Array(outcomes.into_iter().map(Reply::Int).collect()))
}
