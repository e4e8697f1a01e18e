//! SETBIT and GETBIT: one bit.

use super::{BITMAP, offset};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::SetBit;
use crate::keyspace::{Tx, View};
use crate::resp::Reply;
use crate::types::bits;

pub(super) const SETBIT: Command = Command {
    name: "setbit",
    summary: "Sets or clears a bit of a string, padding with zero bits up to it; returns what it was.",
    syntax: "key offset value",
    example: r#"
        > SETBIT seen 7 1
        (integer) 0
        log: SETBIT seen 7 1
        > GET seen
        "\x01"
        > SETBIT seen 7 1
        (integer) 1
        log:
    "#,
    since: "2.2.0",
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(setbit),
    ..BITMAP
};

fn setbit<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let offset = offset(call.arg(2), None, tx.view().string_bytes_max())?;
    let bit = match call.int(3) {
        Ok(0) => false,
        Ok(1) => true,
        _ => return Err(Error::text("ERR bit is not an integer or out of range")),
    };
    let key = call.key(1);
    tx.string(key)?;
    Ok(Reply::Int(i64::from(tx.emit(SetBit { key, offset, bit }))))
}

pub(super) const GETBIT: Command = Command {
    name: "getbit",
    summary: "Returns a bit of a string, 0 behind its end.",
    syntax: "key offset",
    example: r#"
        > SETBIT seen 7 1
        (integer) 0
        > GETBIT seen 7
        (integer) 1
        > GETBIT seen 100
        (integer) 0
    "#,
    since: "2.2.0",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(getbit),
    ..BITMAP
};

fn getbit<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let offset = offset(call.arg(2), None, view.string_bytes_max())?;
    let value = view.string(call.key(1))?;
    let bit = value.is_some_and(|value| bits::get(&value.bytes(), offset));
    Ok(Reply::Int(i64::from(bit)))
}
