//! RENAME, RENAMENX, COPY and MOVE: a value gets another key, a second one, or another database.

use super::GENERIC;
use crate::command::arguments::database;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result, Sees};
use crate::keyspace::record::{Copy, Move, Rename};
use crate::keyspace::{Db, Tx};
use crate::resp::Reply;

pub(super) const RENAME: Command = Command {
    name: "rename",
    summary: "Gives a value another key, replacing what stands there.",
    syntax: "key newkey",
    example: r#"
        > MSET draft text final old
        OK
        > RENAME draft final
        OK
        log: RENAME draft final
        > RENAME draft final
        (error) ERR no such key
        log:
    "#,
    keys: &[Keys::One(1, Access::ReadDelete), Keys::One(2, Access::Overwrite)],
    handler: Handler::Write(rename),
    ..GENERIC
};

pub(super) const RENAMENX: Command = Command {
    name: "renamenx",
    summary: "Gives a value another key, unless something stands there.",
    syntax: "key newkey",
    example: r#"
        > MSET draft text final old
        OK
        > RENAMENX draft final
        (integer) 0
        log:
        > RENAMENX draft second
        (integer) 1
        log: RENAME draft second
    "#,
    keys: &[Keys::One(1, Access::ReadDelete), Keys::One(2, Access::OverwriteInsert)],
    flags: &[Flag::Fast],
    handler: Handler::Write(renamenx),
    ..GENERIC
};

pub(super) const COPY: Command = Command {
    name: "copy",
    summary: "Copies a value and its expiry to another key, in this or another database.",
    syntax: "source destination [DB destination-db] [REPLACE]",
    example: r#"
        > SET a 1
        OK
        > COPY a b
        (integer) 1
        log: COPY a b DB 0 REPLACE
        > COPY a b
        (integer) 0
        log:
        > COPY a b DB 1 REPLACE
        (integer) 1
        log: COPY a b DB 1 REPLACE
    "#,
    since: "6.2.0",
    complexity: "O(N)",
    keys: &[Keys::One(1, Access::Read), Keys::One(2, Access::Overwrite)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(copy),
    sees: Sees::Everything,
    touches: Some(true),
    ..GENERIC
};

pub(super) const MOVE: Command = Command {
    name: "move",
    summary: "Moves a key to another database, unless it stands there already.",
    syntax: "key db",
    example: r#"
        > SET a 1
        OK
        > MOVE a 1
        (integer) 1
        log: MOVE a 1
        > MOVE a 1
        (integer) 0
        log:
    "#,
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::Fast],
    handler: Handler::Write(move_key),
    sees: Sees::Everything,
    ..GENERIC
};

const SAME: Error = Error::text("ERR source and destination objects are the same");

fn rename<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (from, to) = (call.key(1), call.key(2));
    if !tx.exists(from) {
        return Err(Error::NoSuchKey);
    }
    tx.emit(Rename { from, to });
    Ok(Reply::Ok)
}

fn renamenx<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (from, to) = (call.key(1), call.key(2));
    if !tx.exists(from) {
        return Err(Error::NoSuchKey);
    }
    if tx.exists(to) {
        return Ok(Reply::Int(0));
    }
    tx.emit(Rename { from, to });
    Ok(Reply::Int(1))
}

fn copy<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (from, to) = (call.key(1), call.key(2));
    let CopyOptions { to_db, replace } = CopyOptions::parse(tx, call)?;
    if to_db == tx.db() && from.bytes == to.bytes {
        return Err(SAME);
    }
    let is_there = tx.view().counted().exists(from);
    if !is_there || (tx.view().of(to_db).exists(to) && !replace) {
        return Ok(Reply::Int(0));
    }
    tx.emit(Copy { from, to, to_db });
    Ok(Reply::Int(1))
}

struct CopyOptions {
    to_db: Db,
    replace: bool,
}

impl CopyOptions {
    fn parse(tx: &Tx<'_>, call: &Call<'_>) -> Result<Self> {
        let mut options = CopyOptions { to_db: tx.db(), replace: false };
        let mut n = 3;
        while n < call.len() {
            if call.is(n, "REPLACE") {
                options.replace = true;
            } else if call.is(n, "DB") && n + 1 < call.len() {
                n += 1;
                options.to_db = database(call, n, tx.view().keyspace().databases())?;
            } else {
                return Err(Error::Syntax);
            }
            n += 1;
        }
        Ok(options)
    }
}

fn move_key<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let to = database(call, 2, tx.view().keyspace().databases())?;
    if to == tx.db() {
        return Err(SAME);
    }
    if !tx.exists(key) || tx.view().of(to).exists(key) {
        return Ok(Reply::Int(0));
    }
    tx.emit(Move { key, to });
    Ok(Reply::Int(1))
}
