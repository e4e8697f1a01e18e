//! ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.

use super::ZSET;
use super::bounds::{By, Kind};
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{RemoveRanks, RemoveScored};
use crate::resp::Reply;

pub(super) const ZREM: Command = Command {
    name: "zrem",
    summary: "Removes members from a sorted set; an emptied one's key goes.",
    syntax: "key member [member ...]",
    example: r#"
        > ZADD racers 10 norem 12 castilla
        (integer) 2
        > ZREM racers norem nobody
        (integer) 1
        log: ZREM racers norem nobody
        event: zrem racers
        > ZREM racers castilla
        (integer) 1
        event: zrem racers
        event: del racers
    "#,
    complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the \
                 number of elements to be removed.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    flags: &[Flag::Fast],
    handler: Handler::Write(zrem),
    ..ZSET
};

fn zrem<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    if tx.view().zset(key)?.is_none() {
        return Ok(Reply::Int(0));
    }
    let removed = tx.emit(RemoveScored { key, members: &call.args()[2..] });
    Ok(Reply::Int(removed as i64))
}

pub(super) const ZREMRANGEBYRANK: Command = Command {
    name: "zremrangebyrank",
    summary: "Removes the members of a sorted set in a range of ranks.",
    syntax: "key start stop",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZREMRANGEBYRANK racers -2 -1
        (integer) 2
        log: ZREMRANGEBYRANK racers 1 2
        event: zremrangebyrank racers
    "#,
    since: "2.0.0",
    handler: Handler::Write(|tx, call| remove(tx, call, Kind::Rank, "zremrangebyrank")),
    ..REMOVE
};

pub(super) const ZREMRANGEBYSCORE: Command = Command {
    name: "zremrangebyscore",
    summary: "Removes the members of a sorted set with scores in a range.",
    syntax: "key min max",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZREMRANGEBYSCORE racers 10 (12
        (integer) 1
        log: ZREMRANGEBYRANK racers 1 1
        event: zremrangebyscore racers
    "#,
    handler: Handler::Write(|tx, call| remove(tx, call, Kind::Score, "zremrangebyscore")),
    ..REMOVE
};

pub(super) const ZREMRANGEBYLEX: Command = Command {
    name: "zremrangebylex",
    summary: "Removes a range of the members of a sorted set, if all have the same score.",
    syntax: "key min max",
    example: r#"
        > ZADD words 0 a 0 b 0 c
        (integer) 3
        > ZREMRANGEBYLEX words [b +
        (integer) 2
        log: ZREMRANGEBYRANK words 1 2
        event: zremrangebylex words
    "#,
    since: "2.8.9",
    handler: Handler::Write(|tx, call| remove(tx, call, Kind::Member, "zremrangebylex")),
    ..REMOVE
};

const REMOVE: Command = Command {
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                 number of elements removed by the operation.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    ..ZSET
};

fn remove<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'a>,
    kind: Kind,
    event: &'static str,
) -> Result<Reply<'a>> {
    let key = call.key(1);
    let by = By::parse(kind, call.arg(2), call.arg(3))?;
    let Some(zset) = tx.view().zset(key)? else { return Ok(Reply::Int(0)) };
    let range = by.ranks(zset, false);
    if range.is_empty() {
        return Ok(Reply::Int(0));
    }
    let removed = tx.emit(RemoveRanks { key, range, event });
    Ok(Reply::Int(removed as i64))
}
