//! BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH, BLMOVEM: what pops or moves, and waits for a list if
//! there is none.

use super::pop::pop_first;
use super::transfer::{Amount, Ends, MOVE};
use super::{LIST, side};
use crate::base::clock::UnixMs;
use crate::command::arguments::{PopFirst, first_of};
use crate::command::element::kept;
use crate::command::timeout::deadline;
use crate::command::{Access, Call, Command, Handler, Keys, Result, Served, Wait};
use crate::keyspace::record::Pop;
use crate::keyspace::{Tx, Type};
use crate::resp::Reply;
use crate::types::list::Side;
use std::ops::Range;

pub(super) const BLPOP: Command = Command {
    name: "blpop",
    summary: "Removes the first element of the first list that is not empty, waiting for one.",
    example: r#"
        > RPUSH tasks a
        (integer) 1
        > BLPOP urgent tasks 0
        1) "tasks"
        2) "a"
        log: LPOP tasks
        event: lpop tasks
        event: del tasks
    "#,
    handler: Handler::Blocking(|tx, call| pop(tx, call, Side::Left)),
    ..BLOCKING_POP
};

pub(super) const BRPOP: Command = Command {
    name: "brpop",
    summary: "Removes the last element of the first list that is not empty, waiting for one.",
    example: r#"
        > RPUSH tasks a b
        (integer) 2
        > BRPOP urgent tasks 0
        1) "tasks"
        2) "b"
        log: RPOP tasks
        event: rpop tasks
    "#,
    handler: Handler::Blocking(|tx, call| pop(tx, call, Side::Right)),
    ..BLOCKING_POP
};

const BLOCKING_POP: Command = Command {
    syntax: "key [key ...] timeout",
    since: "2.0.0",
    complexity: "O(N) where N is the number of provided keys.",
    keys: &[Keys::Range(1, -2, 1, Access::ReadDelete)],
    ..LIST
};

fn pop<'a>(tx: &mut Tx<'_>, call: &Call<'a>, side: Side) -> Result<Served<'a>> {
    let last = call.len() - 1;
    let deadline = deadline(call.arg(last), tx.now())?;
    let keys = 1..last;
    let found = first_of(tx, keys.clone().map(|at| call.key(at)), |view, key| view.list(key))?;
    let Some((key, list)) = found else {
        return Ok(Served::Wait(Wait::for_one_of(keys, Type::List, deadline)));
    };
    let element = list.end(side, 1).next().map_or(Reply::Null, kept);
    tx.emit(Pop { key, side, count: 1 });
    Ok(Served::Now(Reply::Array(vec![Reply::Bulk(key.bytes), element])))
}

pub(super) const BLMPOP: Command = Command {
    name: "blmpop",
    summary: "Removes elements of the first list that is not empty, waiting for one.",
    syntax: "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    example: r#"
        > RPUSH tasks a b c
        (integer) 3
        > BLMPOP 0 2 urgent tasks LEFT COUNT 2
        1) "tasks"
        2) 1) "a"
           2) "b"
        log: LPOP tasks 2
        event: lpop tasks
    "#,
    since: "7.0.0",
    complexity: "O(N+M) where N is the number of provided keys and M is the number of elements \
                 returned.",
    keys: &[Keys::Counted(2, 1, Access::ReadDelete)],
    handler: Handler::Blocking(blmpop),
    ..LIST
};

fn blmpop<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Served<'a>> {
    let pop = PopFirst::parse(call, 2, side)?;
    let deadline = deadline(call.arg(1), tx.now())?;
    Ok(match pop_first(&pop, tx, call)? {
        Some(reply) => Served::Now(reply),
        None => Served::Wait(Wait::for_one_of(pop.keys, Type::List, deadline)),
    })
}

pub(super) const BLMOVE: Command = Command {
    name: "blmove",
    summary: "Moves the element at an end of a list to an end of another, waiting for one.",
    syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
    example: r#"
        > RPUSH todo a b
        (integer) 2
        > BLMOVE todo done LEFT RIGHT 0
        "a"
        log: LMOVE todo done LEFT RIGHT
        event: rpush done
        event: lpop todo
    "#,
    since: "6.2.0",
    handler: Handler::Blocking(blmove),
    ..MOVE
};

fn blmove<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Served<'a>> {
    let ends = Ends::parse(call)?;
    let deadline = deadline(call.arg(5), tx.now())?;
    Ok(moved(ends.move_one(tx)?, deadline))
}

/// What was moved, or the wait for a source.
fn moved<'a>(reply: Option<Reply<'static>>, deadline: Option<UnixMs>) -> Served<'a> {
    const SOURCE: Range<usize> = 1..2;
    match reply {
        Some(reply) => Served::Now(reply),
        None => Served::Wait(Wait::for_one_of(SOURCE, Type::List, deadline)),
    }
}

pub(super) const BRPOPLPUSH: Command = Command {
    name: "brpoplpush",
    summary: "Moves the last element of a list to the head of another, waiting for one.",
    syntax: "source destination timeout",
    example: r#"
        > RPUSH todo a b
        (integer) 2
        > BRPOPLPUSH todo done 0
        "b"
        log: LMOVE todo done RIGHT LEFT
        event: lpush done
        event: rpop todo
    "#,
    since: "2.2.0",
    handler: Handler::Blocking(brpoplpush),
    ..MOVE
};

fn brpoplpush<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Served<'a>> {
    let deadline = deadline(call.arg(3), tx.now())?;
    let ends = Ends::tail_to_head(call);
    Ok(moved(ends.move_one(tx)?, deadline))
}

pub(super) const BLMOVEM: Command = Command {
    name: "blmovem",
    summary: "Moves elements at an end of a list to an end of another, waiting for enough of them.",
    syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout \
             [<COUNT count | EXACTLY exactly> <OBO | BULK>]",
    example: r#"
        > RPUSH todo 1 2 3 4
        (integer) 4
        > BLMOVEM todo done LEFT RIGHT 0 EXACTLY 2 BULK
        1) "1"
        2) "2"
        log: RPUSH done 1 2
        log: LPOP todo 2
        event: rpush done
        event: lpop todo
    "#,
    since: "8.10.0",
    complexity: "O(N) where N is the number of elements moved.",
    handler: Handler::Blocking(blmovem),
    ..MOVE
};

fn blmovem<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Served<'a>> {
    let ends = Ends::parse(call)?;
    let amount = Amount::parse(call, 6)?;
    let deadline = deadline(call.arg(5), tx.now())?;
    Ok(moved(ends.move_many(tx, &amount)?, deadline))
}
