//! GETDEL, GETEX, DELIFEQ: look at a string, then remove the key or change its expiry.

use super::options::{ExpiryOption, Options, Takes};
use super::{STRING, kept};
use crate::command::expiry::{deadline, is_past};
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{Delete, ExpireAt, Persist};
use crate::resp::Reply;

pub(super) const GETDEL: Command = Command {
    name: "getdel",
    summary: "Returns the string under a key and deletes the key.",
    syntax: "key",
    example: r#"
        > SET greeting hello
        OK
        > GETDEL greeting
        "hello"
        log: DEL greeting
    "#,
    since: "6.2.0",
    keys: &[Keys::One(1, Access::ReadDelete)],
    flags: &[Flag::Fast],
    handler: Handler::Write(getdel),
    ..STRING
};

fn getdel<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let Some(value) = tx.view().counted().string(key)?.map(kept) else {
        return Ok(Reply::Null);
    };
    tx.emit(Delete::of(key));
    Ok(value)
}

pub(super) const GETEX: Command = Command {
    name: "getex",
    summary: "Returns the string under a key and sets or removes the key's expiry.",
    syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | PERSIST]",
    example: r#"
        > SET greeting hello
        OK
        > GETEX greeting EX 10
        "hello"
        log: PEXPIREAT greeting 1700000010000
        > GETEX greeting PERSIST
        "hello"
        log: PERSIST greeting
        > GETEX greeting
        "hello"
        log:
    "#,
    since: "6.2.0",
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::Fast],
    handler: Handler::Write(getex),
    ..STRING
};

fn getex<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let options = Options::parse(call, 2, Takes::GetEx)?;
    let at = match options.expiry {
        ExpiryOption::Time(unit, text) => Some(deadline(call, tx.now(), unit, text)?),
        _ => None,
    };
    let Some(value) = tx.view().counted().string(key)?.map(kept) else {
        return Ok(Reply::Null);
    };
    match at {
        Some(at) if is_past(at, tx.now()) => {
            tx.remove_as_expired(key);
        }
        Some(at) => {
            tx.emit(ExpireAt { key, at });
        }
        None if options.expiry == ExpiryOption::Persist => {
            tx.emit(Persist { key });
        }
        None => {}
    }
    Ok(value)
}

pub(super) const DELIFEQ: Command = Command {
    name: "delifeq",
    summary: "Deletes a key if it is this string.",
    syntax: "key value",
    example: r#"
        > SET lock mine
        OK
        > DELIFEQ lock yours
        (integer) 0
        log:
        > DELIFEQ lock mine
        (integer) 1
        log: DEL lock
    "#,
    since: "9.0.0",
    keys: &[Keys::One(1, Access::Remove)],
    flags: &[Flag::Fast],
    handler: Handler::Write(delifeq),
    ..STRING
};

fn delifeq<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let equal = tx.string(key)?.is_some_and(|value| *value.bytes() == *call.arg(2));
    if equal {
        tx.emit(Delete::of(key));
    }
    Ok(Reply::Int(i64::from(equal)))
}
