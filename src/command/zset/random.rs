//! ZRANDMEMBER: members by chance.

use super::{ZSET, borrowed, copied, listed};
use crate::base::number;
use crate::base::rng::Rng;
use crate::command::{Access, Call, Command, Error, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;

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
    let count = call.int(2)?;
    if count == i64::MIN {
        return Err(Error::text(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    let with_scores = call.is(3, "WITHSCORES");
    if call.len() > 4 || (call.len() == 4 && !with_scores) {
        return Err(Error::Syntax);
    }
    // Twice as many could not be counted: Redis' bound.
    if with_scores && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(Error::text("ERR value is out of range"));
    }
    let Some(zset) = view.zset(call.key(1))? else { return Ok(Reply::EMPTY) };
    if count < 0 {
        let drawn = (0..count.unsigned_abs()).map_while(|_| zset.random(&mut chance));
        return Ok(copied(drawn, with_scores));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count >= zset.len() {
        // As Valkey does when all are wanted.
        return Ok(listed(zset.iter().rev(), with_scores));
    }
    Ok(listed(zset.random_distinct(count, &mut chance).into_iter(), with_scores))
}

/// The members it returns.
fn cost(view: View<'_>, call: &Call<'_>) -> u64 {
    match call.get(2).and_then(number::parse_i64) {
        None => 1,
        Some(count) if count < 0 => count.unsigned_abs(),
        Some(count) => match view.zset(call.key(1)) {
            Ok(Some(zset)) => count.unsigned_abs().min(zset.len() as u64),
            _ => 0,
        },
    }
}
