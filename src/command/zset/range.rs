//! ZRANGE and ZRANGESTORE in all their forms, and the older commands that are forms of ZRANGE.

use super::bounds::{By, Kind};
use super::{ZSET, listed, store};
use crate::base::number;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::{Tx, View};
use crate::resp::Reply;
use crate::types::zset::{Members, ZsetRef};
use std::ops::Range;

/// What a call asks for.
struct Query<'a> {
    by: By<'a>,
    reversed: bool,
    /// LIMIT: members to pass by, and how many to take; negative: all.
    limit: (i64, i64),
    with_scores: bool,
}

/// What the command's name says already, and its options can not.
#[derive(Clone, Copy)]
struct Form {
    /// Where the first end of the range stands.
    at: usize,
    by: Option<Kind>,
    reversed: Option<bool>,
    /// ZRANGESTORE takes no WITHSCORES.
    stores: bool,
}

/// ZRANGE: everything is told by options.
const ANY: Form = Form { at: 2, by: None, reversed: None, stores: false };
const REVERSED: Form = Form { by: Some(Kind::Rank), reversed: Some(true), ..ANY };
const BY_SCORE: Form = Form { by: Some(Kind::Score), reversed: Some(false), ..ANY };
const BY_SCORE_REVERSED: Form = Form { reversed: Some(true), ..BY_SCORE };
const BY_MEMBER: Form = Form { by: Some(Kind::Member), reversed: Some(false), ..ANY };
const BY_MEMBER_REVERSED: Form = Form { reversed: Some(true), ..BY_MEMBER };
const STORED: Form = Form { at: 3, stores: true, ..ANY };

impl<'a> Query<'a> {
    /// Reads the range and the options behind it.
    fn parse(call: &Call<'a>, form: Form) -> Result<Query<'a>> {
        const LIMIT: &str = "ERR syntax error, LIMIT is only supported in combination with either \
                             BYSCORE or BYLEX";
        const SCORES: &str = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
        let (mut kind, mut reversed) = (form.by, form.reversed);
        let (mut limit, mut with_scores) = ((0, -1), false);
        let mut n = form.at + 2;
        while n < call.len() {
            if !form.stores && call.is(n, "WITHSCORES") {
                with_scores = true;
            } else if call.is(n, "LIMIT") && n + 2 < call.len() {
                limit = (call.int(n + 1)?, call.int(n + 2)?);
                n += 2;
            } else if reversed.is_none() && call.is(n, "REV") {
                reversed = Some(true);
            } else if kind.is_none() && call.is(n, "BYSCORE") {
                kind = Some(Kind::Score);
            } else if kind.is_none() && call.is(n, "BYLEX") {
                kind = Some(Kind::Member);
            } else {
                return Err(Error::Syntax);
            }
            n += 1;
        }
        let (kind, reversed) = (kind.unwrap_or(Kind::Rank), reversed.unwrap_or(false));
        if kind == Kind::Rank && limit.1 != -1 {
            return Err(Error::text(LIMIT));
        }
        if kind == Kind::Member && with_scores {
            return Err(Error::text(SCORES));
        }
        let (mut min, mut max) = (call.arg(form.at), call.arg(form.at + 1));
        if reversed && kind != Kind::Rank {
            (min, max) = (max, min);
        }
        Ok(Query { by: By::parse(kind, min, max)?, reversed, limit, with_scores })
    }

    /// The ranks it asks for.
    fn ranks(&self, zset: ZsetRef<'_>) -> Range<usize> {
        let Range { start, end } = self.by.ranks(zset, self.reversed);
        if matches!(self.by, By::Rank(..)) {
            return start..end;
        }
        // An offset that is not there leaves nothing.
        let skipped = usize::try_from(self.limit.0).unwrap_or(usize::MAX).min(end - start);
        let taken = usize::try_from(self.limit.1).unwrap_or(usize::MAX).min(end - start - skipped);
        if self.reversed {
            end - skipped - taken..end - skipped
        } else {
            start + skipped..start + skipped + taken
        }
    }

    fn reply(self, zset: ZsetRef<'a>) -> Reply<'a> {
        let members: Members<'a> = zset.range(self.ranks(zset));
        if self.reversed {
            listed(members.rev(), self.with_scores)
        } else {
            listed(members, self.with_scores)
        }
    }
}

fn range<'a>(view: View<'a>, call: &Call<'a>, form: Form) -> Result<Reply<'a>> {
    let query = Query::parse(call, form)?;
    let zset = view.zset(call.key(1))?;
    Ok(zset.map_or(Reply::EMPTY, |zset| query.reply(zset)))
}

/// The members it returns.
fn cost(view: View<'_>, call: &Call<'_>, form: Form) -> u64 {
    /// So many are cheaper returned than counted.
    const UNCOUNTED_MAX: i64 = 1000;
    if form.by.is_none_or(|kind| kind == Kind::Rank)
        && let (4, Some(start), Some(stop)) =
            (call.len(), number::parse_i64(call.arg(2)), number::parse_i64(call.arg(3)))
        && (start < 0) == (stop < 0)
        && stop.saturating_sub(start) < UNCOUNTED_MAX
    {
        return stop.saturating_sub(start).saturating_add(1).max(0).cast_unsigned();
    }
    let Ok(query) = Query::parse(call, form) else { return 0 };
    match view.zset(call.key(1)) {
        Ok(Some(zset)) => query.ranks(zset).len() as u64,
        _ => 0,
    }
}

const RANGE: Command = Command {
    keys: &[Keys::One(1, Access::Read)],
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                 number of elements being returned. If M is constant (e.g. always asking for the \
                 first 10 elements with LIMIT), you can consider it O(log(N)).",
    ..ZSET
};

pub(super) const ZRANGE: Command = Command {
    name: "zrange",
    summary: "Returns a range of a sorted set: of ranks, of scores, or of members.",
    syntax: "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZRANGE racers 0 -1
        1) "royce"
        2) "norem"
        3) "castilla"
        > ZRANGE racers +inf (8 BYSCORE REV LIMIT 0 1 WITHSCORES
        1) "castilla"
        2) "12"
    "#,
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                 number of elements returned.",
    handler: Handler::Read(|view, call| range(view, call, ANY)),
    cost: Some(|view, call| cost(view, call, ANY)),
    ..RANGE
};

pub(super) const ZREVRANGE: Command = Command {
    name: "zrevrange",
    summary: "Returns a range of a sorted set by rank, highest score first.",
    syntax: "key start stop [WITHSCORES]",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZREVRANGE racers 0 1
        1) "castilla"
        2) "norem"
    "#,
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                 number of elements returned.",
    handler: Handler::Read(|view, call| range(view, call, REVERSED)),
    cost: Some(|view, call| cost(view, call, REVERSED)),
    ..RANGE
};

pub(super) const ZRANGEBYSCORE: Command = Command {
    name: "zrangebyscore",
    summary: "Returns the members of a sorted set with scores in a range.",
    syntax: "key min max [WITHSCORES] [LIMIT offset count]",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZRANGEBYSCORE racers (8 11 WITHSCORES
        1) "norem"
        2) "10"
    "#,
    since: "1.0.5",
    handler: Handler::Read(|view, call| range(view, call, BY_SCORE)),
    cost: Some(|view, call| cost(view, call, BY_SCORE)),
    ..RANGE
};

pub(super) const ZREVRANGEBYSCORE: Command = Command {
    name: "zrevrangebyscore",
    summary: "Returns the members of a sorted set with scores in a range, highest first.",
    syntax: "key max min [WITHSCORES] [LIMIT offset count]",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZREVRANGEBYSCORE racers +inf 10
        1) "castilla"
        2) "norem"
    "#,
    since: "2.2.0",
    handler: Handler::Read(|view, call| range(view, call, BY_SCORE_REVERSED)),
    cost: Some(|view, call| cost(view, call, BY_SCORE_REVERSED)),
    ..RANGE
};

pub(super) const ZRANGEBYLEX: Command = Command {
    name: "zrangebylex",
    summary: "Returns a range of the members of a sorted set, if all have the same score.",
    syntax: "key min max [LIMIT offset count]",
    example: r#"
        > ZADD words 0 a 0 b 0 c
        (integer) 3
        > ZRANGEBYLEX words - (c
        1) "a"
        2) "b"
    "#,
    since: "2.8.9",
    handler: Handler::Read(|view, call| range(view, call, BY_MEMBER)),
    cost: Some(|view, call| cost(view, call, BY_MEMBER)),
    ..RANGE
};

pub(super) const ZREVRANGEBYLEX: Command = Command {
    name: "zrevrangebylex",
    summary: "Returns a range of the members of a sorted set in reverse, if all have the same \
              score.",
    syntax: "key max min [LIMIT offset count]",
    example: r#"
        > ZADD words 0 a 0 b 0 c
        (integer) 3
        > ZREVRANGEBYLEX words + [b
        1) "c"
        2) "b"
    "#,
    since: "2.8.9",
    handler: Handler::Read(|view, call| range(view, call, BY_MEMBER_REVERSED)),
    cost: Some(|view, call| cost(view, call, BY_MEMBER_REVERSED)),
    ..RANGE
};

pub(super) const ZRANGESTORE: Command = Command {
    name: "zrangestore",
    summary: "Stores a range of a sorted set under another key.",
    syntax: "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
    example: r#"
        > ZADD racers 10 norem 12 castilla 8 royce
        (integer) 3
        > ZRANGESTORE best racers 0 1 REV
        (integer) 2
        log: ZADD best 10 norem 12 castilla
        event: zrangestore best
    "#,
    since: "6.2.0",
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                 number of elements stored into the destination key.",
    keys: &[Keys::One(1, Access::Overwrite), Keys::One(2, Access::Read)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(zrangestore),
    ..ZSET
};

fn zrangestore<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let query = Query::parse(call, STORED)?;
    let zset = tx.view().counted().zset(call.key(2))?;
    let members = zset.map(|zset| zset.range(query.ranks(zset)));
    let items: Vec<(f64, Vec<u8>)> = members
        .map(|members| members.map(|(member, score)| (score, member.to_vec())).collect())
        .unwrap_or_default();
    store(tx, call.key(1), &items, "zrangestore");
    Ok(Reply::Int(items.len() as i64))
}
