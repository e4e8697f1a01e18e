//! The commands of sorted sets.
//!
//! | file | commands |
//! |---|---|
//! | `add` | ZADD, ZINCRBY |
//! | `look` | ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT, ZSCAN |
//! | `range` | ZRANGE, ZRANGESTORE, and the older forms of ZRANGE |
//! | `remove` | ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX |
//! | `pop` | ZPOPMIN, ZPOPMAX, ZMPOP |
//! | `blocking` | BZPOPMIN, BZPOPMAX, BZMPOP: the same, with waiting |
//! | `random` | ZRANDMEMBER |
//! | `algebra` | ZUNION, ZINTER, ZDIFF, ZINTERCARD, and what stores their results |
//!
//! Records: what gives scores is ZADD with the scores that resulted, what removes members by name
//! is ZREM, and whatever removes a range (of scores, of names, at an end) is ZREMRANGEBYRANK.

mod add;
mod algebra;
mod blocking;
mod bounds;
mod look;
mod pop;
mod random;
mod range;
mod remove;
mod store;
#[cfg(test)]
mod tests;

use super::element::{borrowed, push};
use super::{Command, DEFAULT, Group};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::packed::Element;

pub(super) use bounds::score;
pub(super) use store::store;

/// What the group's entries have in common.
const ZSET: Command = Command { group: Group::SortedSet, since: "1.2.0", ..DEFAULT };

/// The entries of this group.
pub(super) const COMMANDS: &[Command] = &[
    blocking::BZMPOP,
    blocking::BZPOPMAX,
    blocking::BZPOPMIN,
    add::ZADD,
    look::ZCARD,
    look::ZCOUNT,
    algebra::ZDIFF,
    algebra::ZDIFFSTORE,
    add::ZINCRBY,
    algebra::ZINTER,
    algebra::ZINTERCARD,
    algebra::ZINTERSTORE,
    look::ZLEXCOUNT,
    pop::ZMPOP,
    look::ZMSCORE,
    pop::ZPOPMAX,
    pop::ZPOPMIN,
    random::ZRANDMEMBER,
    range::ZRANGE,
    range::ZRANGEBYLEX,
    range::ZRANGEBYSCORE,
    range::ZRANGESTORE,
    look::ZRANK,
    remove::ZREM,
    remove::ZREMRANGEBYLEX,
    remove::ZREMRANGEBYRANK,
    remove::ZREMRANGEBYSCORE,
    range::ZREVRANGE,
    range::ZREVRANGEBYLEX,
    range::ZREVRANGEBYSCORE,
    look::ZREVRANK,
    look::ZSCAN,
    look::ZSCORE,
    algebra::ZUNION,
    algebra::ZUNIONSTORE,
];

/// Members as a reply, with their scores if they are asked for.
fn listed<'a>(
    members: impl ExactSizeIterator<Item = (Element<'a>, f64)>,
    with_scores: bool,
) -> Reply<'a> {
    /// Above this, members are encoded here and sent from there; below, they are encoded right into
    /// the output.
    const BORROWED_MAX: usize = 1000;
    if members.len() > BORROWED_MAX {
        return copied(members, with_scores);
    }
    if with_scores {
        let pairs = members.map(|(member, score)| (borrowed(member), Reply::Double(score)));
        return Reply::Pairs(pairs.collect());
    }
    Reply::Array(members.map(|(member, _)| borrowed(member)).collect())
}

/// As [`listed`], for a reply that outlives a change of the sorted set.
fn copied<'a>(
    members: impl Iterator<Item = (Element<'a>, f64)>,
    with_scores: bool,
) -> Reply<'static> {
    let kind = if with_scores { BulksKind::Scored } else { BulksKind::Array };
    let mut reply = BulksBuilder::new(kind);
    for (member, score) in members {
        push(&mut reply, member);
        if with_scores {
            reply.push_double(score);
        }
    }
    reply.finish()
}
