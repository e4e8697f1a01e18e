//! BITOP: strings combined bit by bit.

use super::BITMAP;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{BitOp, Delete, SetComputed};
use crate::keyspace::{Key, StringRef, Tx};
use crate::resp::Reply;
use crate::types::bits::{self, Op};
use std::borrow::Cow;
use std::sync::Arc;

pub(super) const BITOP: Command = Command {
    name: "bitop",
    summary: "Combines strings bit by bit, stores the result and returns its length.",
    syntax: "<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
    example: r#"
        > MSET a abc b ab d "d"
        OK
        > BITOP AND both a b
        (integer) 3
        log: BITOP AND both a b
        > GET both
        "ab\x00"
        > BITOP DIFF rest a b d
        (integer) 3
        log: SET rest "\x00\x00c"
        > BITOP OR both missing missing
        (integer) 0
        log: DEL both
    "#,
    since: "2.6.0",
    complexity: "O(N)",
    keys: &[Keys::One(2, Access::Overwrite), Keys::From(3, 1, Access::Read)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(bitop),
    ..BITMAP
};

fn bitop<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let op = operation(call)?;
    let (to, from) =
        (call.key(2), (3..call.len()).map(|at| call.key(at)).collect::<Vec<Key<'a>>>());
    let mut sources: Vec<Option<StringRef<'_>>> = Vec::with_capacity(from.len());
    for key in &from {
        sources.push(tx.view().counted().string(*key)?);
    }
    if sources.iter().flatten().all(StringRef::is_empty) {
        tx.emit(Delete::of(to));
        return Ok(Reply::Int(0));
    }
    if matches!(op, Op::And | Op::Or | Op::Xor | Op::Not) {
        return Ok(Reply::Int(tx.emit(BitOp { op, to, from: &from }) as i64));
    }
    // Not known to Redis 7.0: on the log it is what came out.
    let bytes: Vec<Cow<'_, [u8]>> = sources
        .iter()
        .map(|source| source.map(|value| value.bytes()).unwrap_or_default())
        .collect();
    let parts: Vec<&[u8]> = bytes.iter().map(AsRef::as_ref).collect();
    let result = bits::combine(op, &parts);
    let length = result.len() as i64;
    tx.emit(SetComputed { key: to, value: Arc::new(result) });
    Ok(Reply::Int(length))
}

/// The operation that the first argument names, if there are as many keys as it takes.
fn operation(call: &Call<'_>) -> Result<Op> {
    let named = Op::NAMES.iter().find(|(name, _)| call.is(1, name));
    let (name, op) = named.ok_or(Error::Syntax)?;
    match op {
        Op::Not if call.len() > 4 => {
            Err(Error::text("ERR BITOP NOT must be called with a single source key."))
        }
        Op::Diff | Op::Diff1 | Op::AndOr if call.len() < 5 => Err(Error::owned(format!(
            "ERR BITOP {name} must be called with at least two source keys."
        ))),
        _ => Ok(*op),
    }
}
