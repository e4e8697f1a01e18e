//! LPUSH, RPUSH, LPUSHX, RPUSHX.

use super::LIST;
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{Push, push_event};
use crate::resp::Reply;
use crate::types::list::Side;

pub(super) const LPUSH: Command = Command {
    name: "lpush",
    summary: "Pushes elements at the head of a list, one after the other; returns the length.",
    syntax: "key element [element ...]",
    example: r#"
        > LPUSH tasks b a
        (integer) 2
        log: LPUSH tasks b a
        event: lpush tasks
        > LRANGE tasks 0 -1
        1) "a"
        2) "b"
    "#,
    complexity: PUSH_COMPLEXITY,
    handler: Handler::Write(|tx, call| push(tx, call, Side::Left, false)),
    ..PUSH
};

pub(super) const RPUSH: Command = Command {
    name: "rpush",
    summary: "Pushes elements at the tail of a list, one after the other; returns the length.",
    syntax: "key element [element ...]",
    example: r#"
        > RPUSH tasks a b
        (integer) 2
        log: RPUSH tasks a b
        event: rpush tasks
        > LRANGE tasks 0 -1
        1) "a"
        2) "b"
    "#,
    complexity: PUSH_COMPLEXITY,
    handler: Handler::Write(|tx, call| push(tx, call, Side::Right, false)),
    ..PUSH
};

pub(super) const LPUSHX: Command = Command {
    name: "lpushx",
    summary: "Pushes elements at the head of a list that exists; returns the length.",
    syntax: "key element [element ...]",
    example: r#"
        > LPUSHX tasks a
        (integer) 0
        log:
        > RPUSH tasks b
        (integer) 1
        > LPUSHX tasks a
        (integer) 2
        log: LPUSH tasks a
        event: lpush tasks
    "#,
    since: "2.2.0",
    complexity: PUSH_COMPLEXITY,
    handler: Handler::Write(|tx, call| push(tx, call, Side::Left, true)),
    ..PUSH
};

pub(super) const RPUSHX: Command = Command {
    name: "rpushx",
    summary: "Pushes elements at the tail of a list that exists; returns the length.",
    syntax: "key element [element ...]",
    example: r#"
        > RPUSHX tasks a
        (integer) 0
        log:
        > RPUSH tasks a
        (integer) 1
        > RPUSHX tasks b
        (integer) 2
        log: RPUSH tasks b
        event: rpush tasks
    "#,
    since: "2.2.0",
    complexity: PUSH_COMPLEXITY,
    handler: Handler::Write(|tx, call| push(tx, call, Side::Right, true)),
    ..PUSH
};

const PUSH: Command =
    Command { keys: &[Keys::One(1, Access::Insert)], flags: &[Flag::DenyOom, Flag::Fast], ..LIST };

const PUSH_COMPLEXITY: &str = "O(1) for each element added, so O(N) to add N elements when the \
                               command is called with multiple arguments.";

fn push<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'a>,
    side: Side,
    only_existing: bool,
) -> Result<Reply<'a>> {
    let key = call.key(1);
    if tx.view().list(key)?.is_none() && only_existing {
        return Ok(Reply::Int(0));
    }
    let len = tx.emit(Push { key, side, values: &call.args()[2..], event: push_event(side) });
    Ok(Reply::Int(len as i64))
}
