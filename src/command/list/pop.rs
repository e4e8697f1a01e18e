//! LPOP, RPOP, LMPOP.

use super::{LIST, side};
use crate::command::arguments::{self, PopFirst, first_of};
use crate::command::element::{kept, push};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::Pop;
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::list::{ListRef, Side};

pub(super) const LPOP: Command = Command {
    name: "lpop",
    summary: "Removes elements at the head of a list and returns them.",
    example: r#"
        > RPUSH tasks a b c
        (integer) 3
        > LPOP tasks
        "a"
        log: LPOP tasks
        event: lpop tasks
        > LPOP tasks 5
        1) "b"
        2) "c"
        log: LPOP tasks 2
        event: lpop tasks
        event: del tasks
        > LPOP tasks
        (nil)
    "#,
    handler: Handler::Write(|tx, call| pop(tx, call, Side::Left)),
    ..POP
};

pub(super) const RPOP: Command = Command {
    name: "rpop",
    summary: "Removes elements at the tail of a list and returns them.",
    example: r#"
        > RPUSH tasks a b c
        (integer) 3
        > RPOP tasks
        "c"
        log: RPOP tasks
        event: rpop tasks
        > RPOP tasks 5
        1) "b"
        2) "a"
        log: RPOP tasks 2
        event: rpop tasks
        event: del tasks
        > RPOP tasks
        (nil)
    "#,
    handler: Handler::Write(|tx, call| pop(tx, call, Side::Right)),
    ..POP
};

const POP: Command = Command {
    syntax: "key [count]",
    complexity: "O(N) where N is the number of elements returned",
    keys: &[Keys::One(1, Access::ReadDelete)],
    flags: &[Flag::Fast],
    ..LIST
};

fn pop<'a>(tx: &mut Tx<'_>, call: &Call<'a>, side: Side) -> Result<Reply<'a>> {
    if call.len() > 3 {
        return Err(Error::Arity(call.command.full_name.into()));
    }
    let key = call.key(1);
    let count = call.get(2).map(arguments::count).transpose()?;
    let Some(list) = tx.view().list(key)? else {
        return Ok(if count.is_some() { Reply::NullArray } else { Reply::Null });
    };
    let Some(count) = count else {
        let reply = list.end(side, 1).next().map_or(Reply::Null, kept);
        tx.emit(Pop { key, side, count: 1 });
        return Ok(reply);
    };
    let count = count.min(list.len());
    let reply = popped(list, side, count);
    if count > 0 {
        tx.emit(Pop { key, side, count });
    }
    Ok(reply)
}

/// The elements that a pop will take, in its order.
pub(super) fn popped(list: ListRef<'_>, side: Side, count: usize) -> Reply<'static> {
    let mut reply = BulksBuilder::new(BulksKind::Array);
    for element in list.end(side, count) {
        push(&mut reply, element);
    }
    reply.finish()
}

pub(super) const LMPOP: Command = Command {
    name: "lmpop",
    summary: "Removes elements of the first list that is not empty, and returns its key and them.",
    syntax: "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    example: r#"
        > RPUSH tasks a b c
        (integer) 3
        > LMPOP 2 urgent tasks LEFT COUNT 2
        1) "tasks"
        2) 1) "a"
           2) "b"
        log: LPOP tasks 2
        > LMPOP 1 urgent RIGHT
        (nil)
    "#,
    since: "7.0.0",
    complexity: "O(N+M) where N is the number of provided keys and M is the number of elements \
                 returned.",
    keys: &[Keys::Counted(1, 1, Access::ReadDelete)],
    handler: Handler::Write(lmpop),
    ..LIST
};

fn lmpop<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let pop = PopFirst::parse(call, 1, side)?;
    Ok(pop_first(&pop, tx, call)?.unwrap_or(Reply::NullArray))
}

/// Pops from the first list there is, and answers its key and the elements.
pub(super) fn pop_first<'a>(
    pop: &PopFirst<Side>,
    tx: &mut Tx<'_>,
    call: &Call<'a>,
) -> Result<Option<Reply<'a>>> {
    let found = first_of(tx, pop.keys(call), |view, key| view.list(key))?;
    let Some((key, list)) = found else { return Ok(None) };
    let (side, count) = (pop.end, pop.count.min(list.len()));
    let elements = popped(list, side, count);
    tx.emit(Pop { key, side, count });
    Ok(Some(Reply::Array(vec![Reply::Bulk(key.bytes), elements])))
}
