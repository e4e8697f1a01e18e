//! INCR, INCRBY, DECR, DECRBY, INCRBYFLOAT: strings that are numbers.

use super::STRING;
use crate::base::long_double::{FloatError, incr_by_float};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{IncrBy, IncrByFloat, SetExpiry, SetString};
use crate::keyspace::{StringRef, Tx};
use crate::resp::Reply;
use std::borrow::Cow;

/// What the five have in common.
const COUNTER: Command = Command {
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::DenyOom, Flag::Fast],
    ..STRING
};

pub(super) const INCR: Command = Command {
    name: "incr",
    summary: "Adds one to the integer under a key; a missing key counts as 0.",
    syntax: "key",
    example: r#"
        > INCR visits
        (integer) 1
        log: INCRBY visits 1
    "#,
    handler: Handler::Write(incr),
    ..COUNTER
};

fn incr<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    add(tx, call, 1)
}

pub(super) const INCRBY: Command = Command {
    name: "incrby",
    summary: "Adds to the integer under a key; a missing key counts as 0.",
    syntax: "key increment",
    example: r#"
        > INCRBY visits 5
        (integer) 5
        log: INCRBY visits 5
    "#,
    handler: Handler::Write(incrby),
    ..COUNTER
};

fn incrby<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    add(tx, call, call.int(2)?)
}

pub(super) const DECR: Command = Command {
    name: "decr",
    summary: "Subtracts one from the integer under a key; a missing key counts as 0.",
    syntax: "key",
    example: r#"
        > DECR stock
        (integer) -1
        log: INCRBY stock -1
    "#,
    handler: Handler::Write(decr),
    ..COUNTER
};

fn decr<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    add(tx, call, -1)
}

pub(super) const DECRBY: Command = Command {
    name: "decrby",
    summary: "Subtracts from the integer under a key; a missing key counts as 0.",
    syntax: "key decrement",
    example: r#"
        > DECRBY stock 5
        (integer) -5
        log: INCRBY stock -5
    "#,
    handler: Handler::Write(decrby),
    ..COUNTER
};

fn decrby<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    // The least integer has no opposite; Redis says so before it looks at the key.
    let by = call.int(2)?.checked_neg().ok_or(Error::text("ERR decrement would overflow"))?;
    add(tx, call, by)
}

/// Adds `by` to the integer under the call's key.
fn add(tx: &mut Tx<'_>, call: &Call<'_>, by: i64) -> Result<Reply<'static>> {
    let key = call.key(1);
    let old = match tx.string(key)? {
        None => 0,
        Some(value) => value.integer().ok_or(Error::NotInteger)?,
    };
    if old.checked_add(by).is_none() {
        return Err(Error::text("ERR increment or decrement would overflow"));
    }
    Ok(Reply::Int(tx.emit(IncrBy { key, by })))
}

pub(super) const INCRBYFLOAT: Command = Command {
    name: "incrbyfloat",
    summary: "Adds to the decimal number under a key; a missing key counts as 0.",
    syntax: "key increment",
    example: r#"
        > SET price 10.50
        OK
        > INCRBYFLOAT price 0.1
        "10.6"
        log: SET price 10.6
        > EXPIRE price 100
        (integer) 1
        > INCRBYFLOAT price -5e-1
        "10.1"
        log: SET price 10.1 KEEPTTL
    "#,
    since: "2.6.0",
    handler: Handler::Write(incrbyfloat),
    ..COUNTER
};

fn incrbyfloat<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let (old, expires) = match tx.entry(key) {
        None => (Cow::Borrowed(b"0".as_slice()), false),
        Some(entry) => {
            let value: StringRef<'_> = entry.string().ok_or(Error::WrongType)?;
            (value.bytes(), entry.expiry().is_some())
        }
    };
    let sum = incr_by_float(&old, call.arg(2)).map_err(|error| match error {
        FloatError::NotFloat => Error::NotFloat,
        FloatError::NanOrInfinity => Error::text("ERR increment would produce NaN or Infinity"),
    })?;
    drop(old);
    let expiry = if expires { SetExpiry::Keep } else { SetExpiry::Clear };
    tx.emit(IncrByFloat(SetString { key, value: &sum, expiry }));
    Ok(Reply::Owned(sum))
}
