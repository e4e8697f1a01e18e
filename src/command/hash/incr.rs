//! HINCRBY and HINCRBYFLOAT: fields that are numbers.

use super::HASH;
use crate::base::long_double::LongDouble;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{FieldExpiry, IncrField, SetFields};
use crate::resp::Reply;

pub(super) const HINCRBY: Command = Command {
    name: "hincrby",
    summary: "Adds to the integer in a field; a missing field counts as 0.",
    syntax: "key field increment",
    example: r#"
        > HINCRBY visits home 5
        (integer) 5
        log: HINCRBY visits home 5
        event: hincrby visits
    "#,
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(hincrby),
    ..HASH
};

fn hincrby<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (by, key, field) = (call.int(3)?, call.key(1), call.arg(2));
    let found = tx.view().hash(key)?.and_then(|hash| hash.field(field));
    if found.is_some_and(|found| found.expired(tx.now().0)) {
        // It starts from 0, and what is there is overwritten.
        let text = itoa::Buffer::new().format(by).as_bytes().to_vec();
        return Ok(set_expired(tx, call, &text, &["hexpired", "hincrby"], Reply::Int(by)));
    }
    let not_integer = Error::text("ERR hash value is not an integer");
    let old = found.map_or(Ok(0), |found| found.value.integer().ok_or(not_integer))?;
    if old.checked_add(by).is_none() {
        return Err(Error::text("ERR increment or decrement would overflow"));
    }
    Ok(Reply::Int(tx.emit(IncrField { key, field, by })))
}

/// Sets the call's field, which has expired, to its first value as a number.
fn set_expired<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    value: &[u8],
    events: &'static [&'static str],
    reply: Reply<'a>,
) -> Reply<'a> {
    let pairs = &[call.arg(2), value];
    tx.emit(SetFields { key: call.key(1), pairs, expiry: FieldExpiry::Clear, events });
    tx.count_expired_fields(1);
    reply
}

pub(super) const HINCRBYFLOAT: Command = Command {
    name: "hincrbyfloat",
    summary: "Adds to the decimal number in a field; a missing field counts as 0.",
    syntax: "key field increment",
    example: r#"
        > HSET price apple 10.50
        (integer) 1
        > HINCRBYFLOAT price apple 0.1
        "10.6"
        log: HSET price apple 10.6
        event: hincrbyfloat price
    "#,
    since: "2.6.0",
    handler: Handler::Write(hincrbyfloat),
    ..HINCRBY
};

fn hincrbyfloat<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let by = LongDouble::parse(call.arg(3)).ok_or(Error::NotFloat)?;
    if by.is_infinite() {
        return Err(Error::text("ERR value is NaN or Infinity"));
    }
    let (key, field) = (call.key(1), call.arg(2));
    let found = tx.view().hash(key)?.and_then(|hash| hash.field(field));
    if found.is_some_and(|found| found.expired(tx.now().0)) {
        let text = by.print();
        let reply = Reply::Owned(text.clone());
        return Ok(set_expired(tx, call, &text, &["hexpired", "hincrbyfloat"], reply));
    }
    let sum = match found {
        None => Some(by),
        Some(found) => {
            let old = found.value.with(LongDouble::parse);
            old.ok_or(Error::text("ERR hash value is not a float"))?.plus(by)
        }
    };
    let sum = sum.filter(|sum| !sum.is_infinite());
    let sum = sum.ok_or(Error::text("ERR increment would produce NaN or Infinity"))?.print();
    let expires = found.is_some_and(|found| found.expiry.is_some());
    let expiry = if expires { FieldExpiry::Keep } else { FieldExpiry::Clear };
    tx.emit(SetFields { key, pairs: &[field, &sum], expiry, events: &["hincrbyfloat"] });
    Ok(Reply::Owned(sum))
}
