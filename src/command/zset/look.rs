//! ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT, ZSCAN.

use super::ZSET;
use super::bounds::{By, Kind};
use crate::base::double;
use crate::command::arguments::per_argument;
use crate::command::scan::{ElementScan, Scanned, cursor_of};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;
use crate::types::packed::Element;
use crate::types::zset::ZsetRef;

pub(super) const ZCARD: Command = Command {
    name: "zcard",
    summary: "Counts the members of a sorted set.",
    syntax: "key",
    example: r#"
        > ZADD racers 10 norem 12 castilla
        (integer) 2
        > ZCARD racers
        (integer) 2
        > ZCARD missing
        (integer) 0
    "#,
    keys: &[Keys::One(1, Access::Metadata)],
    touches: Some(true),
    flags: &[Flag::Fast],
    handler: Handler::Read(zcard),
    ..ZSET
};

fn zcard<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let zset = view.zset(call.key(1))?;
    Ok(Reply::Int(zset.map_or(0, |zset| zset.len() as i64)))
}

pub(super) const ZSCORE: Command = Command {
    name: "zscore",
    summary: "Returns the score of a member of a sorted set.",
    syntax: "key member",
    example: r#"
        > ZADD racers 10.5 norem
        (integer) 1
        > ZSCORE racers norem
        "10.5"
        > ZSCORE racers castilla
        (nil)
    "#,
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(zscore),
    ..ZSET
};

fn zscore<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let score = view.zset(call.key(1))?.and_then(|zset| zset.score(call.arg(2)));
    Ok(score.map_or(Reply::Null, Reply::Double))
}

pub(super) const ZMSCORE: Command = Command {
    name: "zmscore",
    summary: "Returns the scores of several members of a sorted set.",
    syntax: "key member [member ...]",
    example: r#"
        > ZADD racers 10 norem 12 castilla
        (integer) 2
        > ZMSCORE racers norem nobody castilla
        1) "10"
        2) (nil)
        3) "12"
    "#,
    since: "6.2.0",
    complexity: "O(N) where N is the number of members being requested.",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(zmscore),
    cost: Some(per_argument),
    ..ZSET
};

fn zmscore<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let zset = view.zset(call.key(1))?;
    let score = |member: &&[u8]| zset.and_then(|zset| zset.score(member));
    let members = call.args()[2..].iter();
    let scores = members.map(|member| score(member).map_or(Reply::Null, Reply::Double));
    Ok(Reply::Array(scores.collect()))
}

pub(super) const ZRANK: Command = Command {
    name: "zrank",
    summary: "Returns the rank of a member of a sorted set, lowest score first, from 0.",
    example: r#"
        > ZADD racers 10 norem 12 castilla
        (integer) 2
        > ZRANK racers castilla
        (integer) 1
        > ZRANK racers castilla WITHSCORE
        1) (integer) 1
        2) "12"
        > ZRANK racers nobody
        (nil)
    "#,
    handler: Handler::Read(|view, call| rank(view, call, false)),
    ..RANK
};

pub(super) const ZREVRANK: Command = Command {
    name: "zrevrank",
    summary: "Returns the rank of a member of a sorted set, highest score first, from 0.",
    example: r#"
        > ZADD racers 10 norem 12 castilla
        (integer) 2
        > ZREVRANK racers castilla
        (integer) 0
    "#,
    handler: Handler::Read(|view, call| rank(view, call, true)),
    ..RANK
};

const RANK: Command = Command {
    syntax: "key member [WITHSCORE]",
    since: "2.0.0",
    complexity: "O(log(N))",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    ..ZSET
};

fn rank<'a>(view: View<'a>, call: &Call<'a>, reversed: bool) -> Result<Reply<'a>> {
    let with_score = match call.len() {
        3 => false,
        4 if call.is(3, "WITHSCORE") => true,
        4 => return Err(Error::Syntax),
        _ => return Err(Error::Arity(call.command.full_name.into())),
    };
    let zset = view.zset(call.key(1))?;
    let found = zset.and_then(|zset| {
        let (rank, score) = zset.rank(call.arg(2))?;
        Some((if reversed { zset.len() - 1 - rank } else { rank }, score))
    });
    Ok(match found {
        None if with_score => Reply::NullArray,
        None => Reply::Null,
        Some((rank, score)) if with_score => {
            Reply::Array(vec![Reply::Int(rank as i64), Reply::Double(score)])
        }
        Some((rank, _)) => Reply::Int(rank as i64),
    })
}

pub(super) const ZCOUNT: Command = Command {
    name: "zcount",
    summary: "Counts the members of a sorted set with scores in a range.",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZCOUNT racers (8 +inf
        (integer) 2
    "#,
    since: "2.0.0",
    handler: Handler::Read(|view, call| count(view, call, Kind::Score)),
    ..COUNT
};

pub(super) const ZLEXCOUNT: Command = Command {
    name: "zlexcount",
    summary: "Counts the members of a sorted set in a range, if all have the same score.",
    example: r#"
        > ZADD words 0 a 0 b 0 c
        (integer) 3
        > ZLEXCOUNT words (a +
        (integer) 2
    "#,
    since: "2.8.9",
    handler: Handler::Read(|view, call| count(view, call, Kind::Member)),
    ..COUNT
};

const COUNT: Command = Command {
    syntax: "key min max",
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    ..ZSET
};

fn count<'a>(view: View<'a>, call: &Call<'a>, kind: Kind) -> Result<Reply<'a>> {
    let by = By::parse(kind, call.arg(2), call.arg(3))?;
    let zset = view.zset(call.key(1))?;
    Ok(Reply::Int(zset.map_or(0, |zset| by.ranks(zset, false).len() as i64)))
}

pub(super) const ZSCAN: Command = Command {
    name: "zscan",
    summary: "Goes through the members of a sorted set and their scores a few at a time.",
    syntax: "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
    example: r#"
        > ZADD racers 10 norem 12 castilla
        (integer) 2
        > ZSCAN racers 0 MATCH c*
        1) "0"
        2) 1) "castilla"
           2) "12"
        > ZSCAN racers 0 NOSCORES
        1) "0"
        2) 1) "norem"
           2) "castilla"
    "#,
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command \
                 calls for the cursor to return back to 0. N is the number of elements inside the \
                 collection.",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(zscan),
    cost: Some(zscan_cost),
    ..ZSET
};

fn zscan<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    // In Redis' order: the cursor, the key, the options.
    cursor_of(call.arg(2))?;
    let Some(zset) = view.zset(call.key(1))? else { return Ok(ElementScan::nothing()) };
    let scan = ElementScan::parse(call, Scanned::SortedSet)?;
    let count = scan.count();
    // In Valkey a small set is read as it is stored, and a large one's scores are printed anew.
    let print = match zset {
        ZsetRef::Packed(_) => double::reply,
        ZsetRef::Tree(_) => double::seventeen,
    };
    Ok(scan.run(|cursor, found| {
        zset.scan(cursor, count, &mut |member, score| {
            found(member, Some(Element::Bytes(print(score).as_bytes())));
        })
    }))
}

/// Where many members have one score, a step looks at all of them.
fn zscan_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let Ok(Some(zset)) = view.zset(call.key(1)) else { return 0 };
    /// A step that looks at all of them is quicker than finding out.
    const FEW: usize = 1000;
    if zset.len() <= FEW {
        return zset.len() as u64;
    }
    let Ok(scan) = ElementScan::parse(call, Scanned::SortedSet) else { return 0 };
    zset.scan_cost(scan.cursor(), scan.count()) as u64
}
