//! APPEND and SETRANGE: strings changed in place.

use super::{STRING, length};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{Append, SetRange};
use crate::resp::Reply;

pub(super) const APPEND: Command = Command {
    name: "append",
    summary: "Appends to the string under a key, or sets a missing one; returns the new length.",
    syntax: "key value",
    example: r#"
        > APPEND greeting hello
        (integer) 5
        log: APPEND greeting hello
        > APPEND greeting " world"
        (integer) 11
        > GET greeting
        "hello world"
    "#,
    since: "2.0.0",
    keys: &[Keys::One(1, Access::Insert)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(append),
    ..STRING
};

fn append<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, suffix) = (call.key(1), call.arg(2));
    if let Some(value) = tx.string(key)? {
        check_length(value.len() as u64, suffix, tx.view().string_bytes_max())?;
    }
    Ok(length(tx.emit(Append { key, suffix })))
}

pub(super) const SETRANGE: Command = Command {
    name: "setrange",
    summary: "Overwrites a part of a string from an offset on, padding with zero bytes; returns the length.",
    syntax: "key offset value",
    example: r#"
        > SET greeting "hello world"
        OK
        > SETRANGE greeting 6 there
        (integer) 11
        log: SETRANGE greeting 6 there
        > GET greeting
        "hello there"
    "#,
    since: "2.2.0",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(setrange),
    ..STRING
};

fn setrange<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, patch) = (call.key(1), call.arg(3));
    let offset =
        u64::try_from(call.int(2)?).map_err(|_| Error::text("ERR offset is out of range"))?;
    let old = tx.string(key)?.map_or(0, |value| value.len());
    if patch.is_empty() {
        return Ok(length(old));
    }
    check_length(offset, patch, tx.view().string_bytes_max())?;
    let offset = offset as usize; // At most the limit, just checked.
    Ok(length(tx.emit(SetRange { key, offset, patch })))
}

/// Refuses a string of `before` bytes and `added`, if that is longer than `most`.
fn check_length(before: u64, added: &[u8], most: u64) -> Result<()> {
    match before.checked_add(added.len() as u64) {
        Some(total) if total <= most => Ok(()),
        _ => Err(Error::text("ERR string exceeds maximum allowed size (proto-max-bulk-len)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_limit() {
        assert_eq!(check_length(99, b"a", 100), Ok(()));
        assert!(check_length(100, b"a", 100).is_err());
        assert!(check_length(i64::MAX as u64, b"a", 100).is_err());
        assert!(check_length(u64::MAX, b"a", 100).is_err());
    }
}
