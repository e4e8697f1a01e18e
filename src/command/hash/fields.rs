//! HSET, HSETNX, HMSET, HGET, HMGET, HDEL, HLEN, HSTRLEN, HEXISTS: fields by name.

use super::{HASH, expired_among};
use crate::command::arguments::per_argument;
use crate::command::element::borrowed;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{FieldExpiry, RemoveFields, SetFields};
use crate::keyspace::{Tx, View};
use crate::resp::Reply;

pub(super) const HSET: Command = Command {
    name: "hset",
    summary: "Sets fields of a hash.",
    syntax: "key field value [field value ...]",
    example: r#"
        > HSET person name Ada born 1815
        (integer) 2
        log: HSET person name Ada born 1815
        event: hset person
        > HSET person born 1815
        (integer) 0
        log: HSET person born 1815
    "#,
    complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the \
                 command is called with multiple field/value pairs.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(|tx, call| Ok(Reply::Int(set(tx, call)? as i64))),
    ..HASH
};

pub(super) const HMSET: Command = Command {
    name: "hmset",
    summary: "Sets fields of a hash; HSET does the same.",
    syntax: "key field value [field value ...]",
    example: r#"
        > HMSET person name Ada born 1815
        OK
        log: HSET person name Ada born 1815
    "#,
    complexity: "O(N) where N is the number of fields being set.",
    handler: Handler::Write(|tx, call| {
        set(tx, call)?;
        Ok(Reply::Ok)
    }),
    ..HSET
};

/// Sets the fields behind the key; answers how many are new.
fn set(tx: &mut Tx<'_>, call: &Call<'_>) -> Result<usize> {
    let (key, pairs) = (call.key(1), &call.args()[2..]);
    if !pairs.len().is_multiple_of(2) {
        return Err(Error::Arity(call.command.full_name.to_owned()));
    }
    let hash = tx.view().hash(key)?;
    let expired = expired_among(hash, pairs.iter().step_by(2).copied(), tx.now().0).len();
    let events = events_of_set(expired);
    let new = tx.emit(SetFields { key, pairs, expiry: FieldExpiry::Clear, events });
    tx.count_expired_fields(expired);
    Ok(new + expired)
}

/// The events of an ordinary set that overwrites so many expired fields.
fn events_of_set(expired: usize) -> &'static [&'static str] {
    if expired == 0 { &["hset"] } else { &["hexpired", "hset"] }
}

pub(super) const HSETNX: Command = Command {
    name: "hsetnx",
    summary: "Sets a field of a hash if it is missing.",
    syntax: "key field value",
    example: r#"
        > HSETNX person name Ada
        (integer) 1
        log: HSET person name Ada
        event: hset person
        > HSETNX person name Eve
        (integer) 0
        log:
    "#,
    keys: &[Keys::One(1, Access::Insert)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(hsetnx),
    ..HASH
};

fn hsetnx<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, field) = (call.key(1), call.arg(2));
    let (now, hash) = (tx.now().0, tx.view().hash(key)?);
    if hash.is_some_and(|hash| hash.contains(field, now)) {
        return Ok(Reply::Int(0));
    }
    let expired = expired_among(hash, std::iter::once(field), now).len();
    let (pairs, events) = (&call.args()[2..], events_of_set(expired));
    tx.emit(SetFields { key, pairs, expiry: FieldExpiry::Clear, events });
    tx.count_expired_fields(expired);
    Ok(Reply::Int(1))
}

pub(super) const HGET: Command = Command {
    name: "hget",
    summary: "Returns a field's value.",
    syntax: "key field",
    example: r#"
        > HSET person name Ada
        (integer) 1
        > HGET person name
        "Ada"
        > HGET person born
        (nil)
    "#,
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(hget),
    ..HASH
};

fn hget<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let hash = view.hash(call.key(1))?;
    let value = hash.and_then(|hash| hash.get(call.arg(2), view.now().0));
    Ok(value.map_or(Reply::Null, borrowed))
}

pub(super) const HMGET: Command = Command {
    name: "hmget",
    summary: "Returns the values of several fields.",
    syntax: "key field [field ...]",
    example: r#"
        > HSET person name Ada
        (integer) 1
        > HMGET person name born
        1) "Ada"
        2) (nil)
    "#,
    complexity: "O(N) where N is the number of fields being requested.",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(hmget),
    cost: Some(per_argument),
    ..HASH
};

fn hmget<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (now, hash) = (view.now().0, view.hash(call.key(1))?);
    let value = |field: &&[u8]| hash.and_then(|hash| hash.get(field, now));
    let fields = call.args()[2..].iter();
    Ok(Reply::Array(fields.map(|field| value(field).map_or(Reply::Null, borrowed)).collect()))
}

pub(super) const HDEL: Command = Command {
    name: "hdel",
    summary: "Removes fields from a hash; an emptied hash's key goes.",
    syntax: "key field [field ...]",
    example: r#"
        > HSET person name Ada born 1815
        (integer) 2
        > HDEL person name age
        (integer) 1
        log: HDEL person name age
        event: hdel person
        > HDEL person born
        (integer) 1
        event: hdel person
        event: del person
    "#,
    complexity: "O(N) where N is the number of fields to be removed.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    flags: &[Flag::Fast],
    handler: Handler::Write(hdel),
    ..HASH
};

fn hdel<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, now) = (call.key(1), tx.now().0);
    let Some(hash) = tx.view().hash(key)? else { return Ok(Reply::Int(0)) };
    let (mut fields, live): (&[&[u8]], Vec<&[u8]>);
    fields = &call.args()[2..];
    if hash.may_have_expired(now) {
        // An expired field is not there for whoever removes it.
        live = fields.iter().copied().filter(|field| hash.contains(field, now)).collect();
        fields = &live;
    }
    let removed = tx.emit(RemoveFields { key, fields, events: &["hdel"] });
    Ok(Reply::Int(removed as i64))
}

pub(super) const HLEN: Command = Command {
    name: "hlen",
    summary: "Counts the fields of a hash.",
    syntax: "key",
    example: r#"
        > HSET person name Ada born 1815
        (integer) 2
        > HLEN person
        (integer) 2
    "#,
    keys: &[Keys::One(1, Access::Metadata)],
    touches: Some(true),
    flags: &[Flag::Fast],
    handler: Handler::Read(hlen),
    ..HASH
};

/// Counts expired fields that are not removed yet, as Valkey does.
fn hlen<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let hash = view.hash(call.key(1))?;
    Ok(Reply::Int(hash.map_or(0, |hash| hash.len() as i64)))
}

pub(super) const HSTRLEN: Command = Command {
    name: "hstrlen",
    summary: "Returns the length of a field's value in bytes.",
    syntax: "key field",
    example: r#"
        > HSET person name Ada
        (integer) 1
        > HSTRLEN person name
        (integer) 3
    "#,
    since: "3.2.0",
    keys: &[Keys::One(1, Access::Metadata)],
    touches: Some(true),
    flags: &[Flag::Fast],
    handler: Handler::Read(hstrlen),
    ..HASH
};

fn hstrlen<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let hash = view.hash(call.key(1))?;
    let value = hash.and_then(|hash| hash.get(call.arg(2), view.now().0));
    Ok(Reply::Int(value.map_or(0, |value| value.len() as i64)))
}

pub(super) const HEXISTS: Command = Command {
    name: "hexists",
    summary: "Tells whether a hash has a field.",
    syntax: "key field",
    example: r#"
        > HSET person name Ada
        (integer) 1
        > HEXISTS person name
        (integer) 1
        > HEXISTS person born
        (integer) 0
    "#,
    keys: &[Keys::One(1, Access::Metadata)],
    touches: Some(true),
    flags: &[Flag::Fast],
    handler: Handler::Read(hexists),
    ..HASH
};

fn hexists<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let hash = view.hash(call.key(1))?;
    let exists = hash.is_some_and(|hash| hash.contains(call.arg(2), view.now().0));
    Ok(Reply::Int(i64::from(exists)))
}
