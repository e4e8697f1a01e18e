//! ZPOPMIN, ZPOPMAX, ZMPOP.

use super::{ZSET, copied};
use crate::command::arguments::{self, PopFirst, first_of};
use crate::command::element::kept;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::RemoveRanks;
use crate::resp::Reply;
use crate::types::packed::Element;
use crate::types::zset::ZsetRef;
use std::ops::Range;

/// Which end of a sorted set is popped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Min,
    Max,
}

impl End {
    /// An argument that is MIN or MAX.
    pub(super) fn parse(call: &Call<'_>, at: usize) -> Result<End> {
        if call.is(at, "MIN") {
            Ok(End::Min)
        } else if call.is(at, "MAX") {
            Ok(End::Max)
        } else {
            Err(Error::Syntax)
        }
    }

    /// The ranks of `count` members at this end; not more than there are.
    pub(super) fn ranks(self, zset: ZsetRef<'_>, count: usize) -> Range<usize> {
        let len = zset.len();
        match self {
            End::Min => 0..count.min(len),
            End::Max => len - count.min(len)..len,
        }
    }

    /// The keyspace event of a pop.
    pub(super) fn event(self) -> &'static str {
        match self {
            End::Min => "zpopmin",
            End::Max => "zpopmax",
        }
    }

    /// The member at this end, with its score.
    pub(super) fn member(self, zset: ZsetRef<'_>) -> Option<(Reply<'static>, f64)> {
        let (member, score) = zset.at(self.ranks(zset, 1).start)?;
        Some((kept(member), score))
    }
}

pub(super) const ZPOPMIN: Command = Command {
    name: "zpopmin",
    summary: "Removes members with the lowest scores from a sorted set and returns them.",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZPOPMIN racers
        1) "royce"
        2) "8"
        log: ZREMRANGEBYRANK racers 0 0
        event: zpopmin racers
        > ZPOPMIN racers 5
        1) "norem"
        2) "10"
        3) "castilla"
        4) "12"
        log: ZREMRANGEBYRANK racers 0 1
        event: zpopmin racers
        event: del racers
        > ZPOPMIN racers
        (empty array)
    "#,
    handler: Handler::Write(|tx, call| pop(tx, call, End::Min)),
    ..POP
};

pub(super) const ZPOPMAX: Command = Command {
    name: "zpopmax",
    summary: "Removes members with the highest scores from a sorted set and returns them.",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZPOPMAX racers 2
        1) "castilla"
        2) "12"
        3) "norem"
        4) "10"
        log: ZREMRANGEBYRANK racers 1 2
        event: zpopmax racers
    "#,
    handler: Handler::Write(|tx, call| pop(tx, call, End::Max)),
    ..POP
};

const POP: Command = Command {
    syntax: "key [count]",
    since: "5.0.0",
    complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being \
                 the number of elements popped.",
    keys: &[Keys::One(1, Access::ReadDelete)],
    flags: &[Flag::Fast],
    ..ZSET
};

fn pop<'a>(tx: &mut Tx<'_>, call: &Call<'a>, end: End) -> Result<Reply<'a>> {
    if call.len() > 3 {
        return Err(Error::Syntax);
    }
    let count = call.get(2).map(arguments::count).transpose()?;
    let key = call.key(1);
    let Some(zset) = tx.view().zset(key)? else { return Ok(Reply::EMPTY) };
    let (range, reply) = match count {
        None => {
            let Some((member, score)) = end.member(zset) else { return Ok(Reply::EMPTY) };
            (end.ranks(zset, 1), Reply::Array(vec![member, Reply::Double(score)]))
        }
        Some(0) => return Ok(Reply::EMPTY),
        Some(count) => {
            let range = end.ranks(zset, count);
            let members = zset.range(range.clone());
            let reply = match end {
                End::Min => copied(members, true),
                End::Max => copied(members.rev(), true),
            };
            (range, reply)
        }
    };
    tx.emit(RemoveRanks { key, range, event: end.event() });
    Ok(reply)
}

pub(super) const ZMPOP: Command = Command {
    name: "zmpop",
    summary: "Removes members at an end of the first sorted set that is not empty, and returns its \
              key and them.",
    syntax: "numkeys key [key ...] <MIN | MAX> [COUNT count]",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZMPOP 2 others racers MIN COUNT 2
        1) "racers"
        2) 1) 1) "royce"
              2) "8"
           2) 1) "norem"
              2) "10"
        log: ZREMRANGEBYRANK racers 0 1
        event: zpopmin racers
        > ZMPOP 1 others MAX
        (nil)
    "#,
    since: "7.0.0",
    complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of \
                 elements in the sorted set, and M being the number of elements popped.",
    keys: &[Keys::Counted(1, 1, Access::ReadDelete)],
    handler: Handler::Write(zmpop),
    ..ZSET
};

fn zmpop<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let pop = PopFirst::parse(call, 1, End::parse)?;
    Ok(pop_first(&pop, tx, call)?.unwrap_or(Reply::NullArray))
}

/// Pops from the first sorted set there is, and answers its key and the members with their scores.
pub(super) fn pop_first<'a>(
    pop: &PopFirst<End>,
    tx: &mut Tx<'_>,
    call: &Call<'a>,
) -> Result<Option<Reply<'a>>> {
    let found = first_of(tx, pop.keys(call), |view, key| view.zset(key))?;
    let Some((key, zset)) = found else { return Ok(None) };
    let range = pop.end.ranks(zset, pop.count);
    let pair = |(member, score): (Element<'_>, f64)| {
        Reply::Array(vec![kept(member), Reply::Double(score)])
    };
    let members = zset.range(range.clone());
    let members = match pop.end {
        End::Min => members.map(pair).collect(),
        End::Max => members.rev().map(pair).collect(),
    };
    tx.emit(RemoveRanks { key, range, event: pop.end.event() });
    Ok(Some(Reply::Array(vec![Reply::Bulk(key.bytes), Reply::Array(members)])))
}
