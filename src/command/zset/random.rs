//! ZRANDMEMBER: members by chance.

use super::{ZSET, listed};
use crate::base::rng::Rng;
use crate::command::element::{borrowed, push};
use crate::command::random::{self, Request};
use crate::command::{Access, Call, Command, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;
use crate::resp::reply::BulksKind;

pub(super) const ZRANDMEMBER: Command = Command {
    name: "zrandmember",
    summary: "Returns random members of a sorted set.",
    syntax: "key [count [WITHSCORES]]",
    example: r#"
        > ZADD racers 10.5 norem
        (integer) 1
        > ZRANDMEMBER racers
        "norem"
        > ZRANDMEMBER racers -2 WITHSCORES
        1) "norem"
        2) "10.5"
        3) "norem"
        4) "10.5"
    "#,
    since: "6.2.0",
    complexity: "O(N) where N is the number of members returned",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(zrandmember),
    cost: Some(cost),
    ..ZSET
};

fn zrandmember<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let mut rng = Rng::from_seed(call.seed());
    let mut chance = || rng.u64();
    if call.len() == 2 {
        let zset = view.zset(call.key(1))?;
        let member = zset.and_then(|zset| zset.random(&mut chance));
        return Ok(member.map_or(Reply::Null, |(member, _)| borrowed(member)));
    }
    let Request { count, with_values: with_scores } = Request::parse(call, "WITHSCORES")?;
    let Some(zset) = view.zset(call.key(1))? else { return Ok(Reply::EMPTY) };
    if count < 0 {
        let kind = if with_scores { BulksKind::Scored } else { BulksKind::Array };
        return random::draw(count.unsigned_abs(), kind, |drawn| {
            let Some((member, score)) = zset.random(&mut chance) else { return false };
            push(drawn, member);
            if with_scores {
                drawn.push_double(score);
            }
            true
        });
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count >= zset.len() {
        // As Valkey does when all are wanted.
        return Ok(listed(zset.iter().rev(), with_scores));
    }
    Ok(listed(zset.random_distinct(count, &mut chance).into_iter(), with_scores))
}

fn cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let zset = view.zset(call.key(1)).ok().flatten();
    random::cost(call, zset.map_or(0, |zset| zset.len()))
}
