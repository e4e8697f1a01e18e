//! BZPOPMIN, BZPOPMAX, BZMPOP: what pops, and waits for a sorted set if there is none.

use super::ZSET;
use super::pop::{End, pop_first};
use crate::command::arguments::{PopFirst, first_of};
use crate::command::timeout::deadline;
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result, Served, Wait};
use crate::keyspace::record::RemoveRanks;
use crate::keyspace::{Tx, Type};
use crate::resp::Reply;

pub(super) const BZPOPMIN: Command = Command {
    name: "bzpopmin",
    summary: "Removes the member with the lowest score from the first sorted set that is not \
              empty, waiting for one.",
    example: r#"
        > ZADD racers 10 norem
        (integer) 1
        > BZPOPMIN others racers 0
        1) "racers"
        2) "norem"
        3) "10"
        log: ZREMRANGEBYRANK racers 0 0
        event: zpopmin racers
        event: del racers
    "#,
    handler: Handler::Blocking(|tx, call| pop(tx, call, End::Min)),
    ..BLOCKING_POP
};

pub(super) const BZPOPMAX: Command = Command {
    name: "bzpopmax",
    summary: "Removes the member with the highest score from the first sorted set that is not \
              empty, waiting for one.",
    example: r#"
        > ZADD racers 10 norem 12 castilla
        (integer) 2
        > BZPOPMAX others racers 0
        1) "racers"
        2) "castilla"
        3) "12"
        log: ZREMRANGEBYRANK racers 1 1
        event: zpopmax racers
    "#,
    handler: Handler::Blocking(|tx, call| pop(tx, call, End::Max)),
    ..BLOCKING_POP
};

const BLOCKING_POP: Command = Command {
    syntax: "key [key ...] timeout",
    since: "5.0.0",
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    keys: &[Keys::Range(1, -2, 1, Access::ReadDelete)],
    flags: &[Flag::Fast],
    ..ZSET
};

fn pop<'a>(tx: &mut Tx<'_>, call: &Call<'a>, end: End) -> Result<Served<'a>> {
    let last = call.len() - 1;
    let deadline = deadline(call.arg(last), tx.now())?;
    let keys = 1..last;
    let found = first_of(tx, keys.clone().map(|at| call.key(at)), |view, key| view.zset(key))?;
    // One that is there has a member.
    let found = found.and_then(|(key, zset)| Some((key, zset, end.member(zset)?)));
    let Some((key, zset, (member, score))) = found else {
        return Ok(Served::Wait(Wait::for_one_of(keys, Type::Zset, deadline)));
    };
    let range = end.ranks(zset, 1);
    tx.emit(RemoveRanks { key, range, event: end.event() });
    Ok(Served::Now(Reply::Array(vec![Reply::Bulk(key.bytes), member, Reply::Double(score)])))
}

pub(super) const BZMPOP: Command = Command {
    name: "bzmpop",
    summary: "Removes members at an end of the first sorted set that is not empty, waiting for \
              one.",
    syntax: "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > BZMPOP 0 2 others racers MAX COUNT 2
        1) "racers"
        2) 1) 1) "castilla"
              2) "12"
           2) 1) "norem"
              2) "10"
        log: ZREMRANGEBYRANK racers 1 2
        event: zpopmax racers
    "#,
    since: "7.0.0",
    complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of \
                 elements in the sorted set, and M being the number of elements popped.",
    keys: &[Keys::Counted(2, 1, Access::ReadDelete)],
    handler: Handler::Blocking(bzmpop),
    ..ZSET
};

fn bzmpop<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Served<'a>> {
    let pop = PopFirst::parse(call, 2, End::parse)?;
    let deadline = deadline(call.arg(1), tx.now())?;
    Ok(match pop_first(&pop, tx, call)? {
        Some(reply) => Served::Now(reply),
        None => Served::Wait(Wait::for_one_of(pop.keys, Type::Zset, deadline)),
    })
}
