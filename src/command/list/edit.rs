//! LSET, LINSERT, LREM, LTRIM.

use super::{LIST, resolved};
use crate::command::arguments::{range, signed};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{InsertAt, RemoveValue, SetAt, Trim};
use crate::resp::Reply;
use crate::types::list::Place;

pub(super) const LSET: Command = Command {
    name: "lset",
    summary: "Puts an element in the place of another; a negative index counts from the tail.",
    syntax: "key index element",
    example: r#"
        > RPUSH tasks a b c
        (integer) 3
        > LSET tasks -1 d
        OK
        log: LSET tasks 2 d
        event: lset tasks
        > LSET tasks 3 e
        (error) ERR index out of range
    "#,
    complexity: "O(log N)",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(lset),
    ..LIST
};

fn lset<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let list = tx.view().list(key)?.ok_or(Error::NoSuchKey)?;
    let index = resolved(call.int(2)?, list.len()).ok_or(Error::IndexOutOfRange)?;
    tx.emit(SetAt { key, index, value: call.arg(3) });
    Ok(Reply::Ok)
}

pub(super) const LINSERT: Command = Command {
    name: "linsert",
    summary: "Inserts an element before or behind another; returns the length.",
    syntax: "key <BEFORE | AFTER> pivot element",
    example: r#"
        > RPUSH tasks a c
        (integer) 2
        > LINSERT tasks BEFORE c b
        (integer) 3
        log: LINSERT tasks BEFORE c b
        event: linsert tasks
        > LINSERT tasks AFTER x y
        (integer) -1
        log:
        > LRANGE tasks 0 -1
        1) "a"
        2) "b"
        3) "c"
    "#,
    since: "2.2.0",
    complexity: "O(N) where N is the number of elements before the pivot.",
    keys: &[Keys::One(1, Access::Insert)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(linsert),
    ..LIST
};

fn linsert<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let place = if call.is(2, "BEFORE") {
        Place::Before
    } else if call.is(2, "AFTER") {
        Place::After
    } else {
        return Err(Error::Syntax);
    };
    let key = call.key(1);
    if tx.view().list(key)?.is_none() {
        return Ok(Reply::Int(0));
    }
    let len = tx.emit(InsertAt { key, place, pivot: call.arg(3), value: call.arg(4) });
    Ok(Reply::Int(len.map_or(-1, |len| len as i64)))
}

pub(super) const LREM: Command = Command {
    name: "lrem",
    summary: "Removes elements that are a value: so many from the head, or from the tail, or all.",
    syntax: "key count element",
    example: r#"
        > RPUSH letters a b a c a
        (integer) 5
        > LREM letters -2 a
        (integer) 2
        log: LREM letters -2 a
        event: lrem letters
        > LRANGE letters 0 -1
        1) "a"
        2) "b"
        3) "c"
        > LREM letters 0 x
        (integer) 0
        log:
    "#,
    complexity: "O(N) where N is the length of the list.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    handler: Handler::Write(lrem),
    ..LIST
};

fn lrem<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let count = signed(call, 2)?;
    if tx.view().list(key)?.is_none() {
        return Ok(Reply::Int(0));
    }
    Ok(Reply::Int(tx.emit(RemoveValue { key, count, value: call.arg(3) }) as i64))
}

pub(super) const LTRIM: Command = Command {
    name: "ltrim",
    summary: "Keeps a range of a list, by the indexes of its first and its last element.",
    syntax: "key start stop",
    example: r#"
        > RPUSH letters a b c d
        (integer) 4
        > LTRIM letters 1 -2
        OK
        log: LTRIM letters 1 2
        event: ltrim letters
        > LRANGE letters 0 -1
        1) "b"
        2) "c"
    "#,
    complexity: "O(log N)",
    keys: &[Keys::One(1, Access::DeleteRw)],
    handler: Handler::Write(ltrim),
    ..LIST
};

fn ltrim<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let (start, stop) = (call.int(2)?, call.int(3)?);
    if let Some(list) = tx.view().list(key)? {
        let (len, kept) = (list.len(), range(start, stop, list.len()));
        if kept.len() < len {
            tx.emit(Trim { key, start: kept.start, end: kept.end });
        }
    }
    Ok(Reply::Ok)
}
