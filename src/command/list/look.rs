//! LLEN, LINDEX, LRANGE.

use super::{LIST, resolved};
use crate::command::arguments::range;
use crate::command::element::{borrowed, push};
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};

pub(super) const LLEN: Command = Command {
    name: "llen",
    summary: "Counts the elements of a list.",
    syntax: "key",
    example: r#"
        > RPUSH tasks a b c
        (integer) 3
        > LLEN tasks
        (integer) 3
        > LLEN missing
        (integer) 0
    "#,
    keys: &[Keys::One(1, Access::Metadata)],
    touches: Some(true),
    flags: &[Flag::Fast],
    handler: Handler::Read(llen),
    ..LIST
};

fn llen<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let list = view.list(call.key(1))?;
    Ok(Reply::Int(list.map_or(0, |list| list.len() as i64)))
}

pub(super) const LINDEX: Command = Command {
    name: "lindex",
    summary: "Returns one element of a list; a negative index counts from the tail.",
    syntax: "key index",
    example: r#"
        > RPUSH tasks a b c
        (integer) 3
        > LINDEX tasks 1
        "b"
        > LINDEX tasks -1
        "c"
        > LINDEX tasks 3
        (nil)
    "#,
    complexity: "O(log N)",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(lindex),
    ..LIST
};

fn lindex<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let Some(list) = view.list(call.key(1))? else { return Ok(Reply::Null) };
    let element = resolved(call.int(2)?, list.len()).and_then(|index| list.get(index));
    Ok(element.map_or(Reply::Null, borrowed))
}

pub(super) const LRANGE: Command = Command {
    name: "lrange",
    summary: "Returns a range of a list's elements, by the indexes of its first and its last.",
    syntax: "key start stop",
    example: r#"
        > RPUSH tasks a b c d
        (integer) 4
        > LRANGE tasks 1 -2
        1) "b"
        2) "c"
        > LRANGE tasks 4 9
        (empty array)
    "#,
    complexity: "O(log N + M) where M is the number of elements returned.",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(lrange),
    cost: Some(lrange_cost),
    ..LIST
};

fn lrange<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    /// Above this, elements are encoded here and sent from there; below, they are encoded right
    /// into the output.
    const BORROWED_MAX: usize = 1000;
    let (start, stop) = (call.int(2)?, call.int(3)?);
    let Some(list) = view.list(call.key(1))? else { return Ok(Reply::EMPTY) };
    let elements = list.range(range(start, stop, list.len()));
    if elements.len() <= BORROWED_MAX {
        return Ok(Reply::Array(elements.map(borrowed).collect()));
    }
    let mut reply = BulksBuilder::new(BulksKind::Array);
    for element in elements {
        push(&mut reply, element);
    }
    Ok(reply.finish())
}

fn lrange_cost<'a>(view: View<'a>, call: &Call<'a>) -> u64 {
    let (Ok(start), Ok(stop)) = (call.int(2), call.int(3)) else { return 0 };
    match view.list(call.key(1)) {
        Ok(Some(list)) => range(start, stop, list.len()).len() as u64,
        _ => 0,
    }
}
