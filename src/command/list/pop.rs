//! LPOP, RPOP, LMPOP.

use super::{LIST, owned, side};
use crate::base::number;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::Pop;
use crate::keyspace::{Key, Tx};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::list::{ListRef, Side};
use std::ops::Range;

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
    let count = call.get(2).map(count).transpose()?;
    let Some(list) = tx.view().list(key)? else {
        return Ok(if count.is_some() { Reply::NullArray } else { Reply::Null });
    };
    let Some(count) = count else {
        let reply = list.end(side, 1).next().map_or(Reply::Null, owned);
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

fn count(text: &[u8]) -> Result<usize> {
    let count = number::parse_i64(text).and_then(|count| usize::try_from(count).ok());
    count.ok_or(Error::text("ERR value is out of range, must be positive"))
}

/// The elements that a pop will take, in its order.
pub(super) fn popped(list: ListRef<'_>, side: Side, count: usize) -> Reply<'static> {
    let mut reply = BulksBuilder::new(BulksKind::Array);
    for element in list.end(side, count) {
        element.with(|bytes| reply.push(bytes));
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
    let pop = PopFirst::parse(call, 1)?;
    Ok(pop.run(tx, call)?.unwrap_or(Reply::NullArray))
}

/// What LMPOP and BLMPOP have in common: `numkeys key [key ...] <LEFT | RIGHT> [COUNT count]`.
pub(super) struct PopFirst {
    /// The positions of the keys.
    pub keys: Range<usize>,
    side: Side,
    count: usize,
}

impl PopFirst {
    /// Reads the arguments from `numkeys`, at `at`, on.
    pub(super) fn parse(call: &Call<'_>, at: usize) -> Result<PopFirst> {
        let positive = |text, error| {
            let number = number::parse_i64(text).and_then(|number| usize::try_from(number).ok());
            number.filter(|number| *number > 0).ok_or(error)
        };
        const NUMKEYS: Error = Error::text("ERR numkeys should be greater than 0");
        let keys = positive(call.arg(at), NUMKEYS)?;
        let side_at = keys.saturating_add(at + 1);
        if side_at >= call.len() {
            return Err(Error::Syntax);
        }
        let side = side(call, side_at)?;
        const COUNT: Error = Error::text("ERR count should be greater than 0");
        let (count, end) = match call.get(side_at + 2) {
            Some(count) if call.is(side_at + 1, "COUNT") => (positive(count, COUNT)?, side_at + 3),
            _ => (1, side_at + 1),
        };
        // A wrong count is told before what does not belong behind it.
        if call.len() != end {
            return Err(Error::Syntax);
        }
        Ok(PopFirst { keys: at + 1..side_at, side, count })
    }

    /// Pops from the first list there is.
    pub(super) fn run<'a>(&self, tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Option<Reply<'a>>> {
        let keys = self.keys.clone().map(|at| call.key(at));
        let Some((key, list)) = first_list(tx, keys)? else { return Ok(None) };
        let (side, count) = (self.side, self.count.min(list.len()));
        let elements = popped(list, side, count);
        tx.emit(Pop { key, side, count });
        Ok(Some(Reply::Array(vec![Reply::Bulk(key.bytes), elements])))
    }
}

/// The first of the keys that is there: a list, or an error.
pub(super) fn first_list<'v, 'a>(
    tx: &'v Tx<'_>,
    keys: impl Iterator<Item = Key<'a>>,
) -> Result<Option<(Key<'a>, ListRef<'v>)>> {
    for key in keys {
        if let Some(list) = tx.view().list(key)? {
            return Ok(Some((key, list)));
        }
    }
    Ok(None)
}
