//! HRANDFIELD: fields by chance.

use super::HASH;
use crate::base::rng::Rng;
use crate::command::element::{borrowed, push};
use crate::command::random::{self, Request};
use crate::command::{Access, Call, Command, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::hash::Field;

pub(super) const HRANDFIELD: Command = Command {
    name: "hrandfield",
    summary: "Returns random fields of a hash.",
    syntax: "key [count [WITHVALUES]]",
    example: r#"
        > HSET coin side heads
        (integer) 1
        > HRANDFIELD coin
        "side"
        > HRANDFIELD coin 2 WITHVALUES
        1) "side"
        2) "heads"
        > HRANDFIELD coin -3
        1) "side"
        2) "side"
        3) "side"
    "#,
    since: "6.2.0",
    complexity: "O(N) where N is the number of fields returned",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(hrandfield),
    cost: Some(cost),
    ..HASH
};

fn hrandfield<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let mut rng = Rng::from_seed(call.seed());
    let (mut chance, now) = (|| rng.u64(), view.now().0);
    if call.len() == 2 {
        let field = view.hash(call.key(1))?.and_then(|hash| hash.random(now, &mut chance));
        return Ok(field.map_or(Reply::Null, |field| borrowed(field.name)));
    }
    let Request { count, with_values } = Request::parse(call, "WITHVALUES")?;
    let kind = if with_values { BulksKind::Pairs } else { BulksKind::Array };
    let Some(hash) = view.hash(call.key(1))? else { return Ok(Reply::EMPTY) };
    let add = |found: &mut BulksBuilder, field: Field<'_>| {
        push(found, field.name);
        if with_values {
            push(found, field.value);
        }
    };
    if count < 0 {
        let mut draws = hash.draws(now);
        return random::draw(count.unsigned_abs(), kind, |drawn| {
            draws.next(&mut chance).map(|field| add(drawn, field)).is_some()
        });
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut found = BulksBuilder::new(kind);
    let fields = if count >= hash.len() {
        hash.fields(now)
    } else {
        hash.random_distinct(count, now, &mut chance)
    };
    fields.into_iter().for_each(|field| add(&mut found, field));
    Ok(found.finish())
}

/// Where many fields have an expiry, it may be in vain to choose until all are looked at.
fn cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let Ok(Some(hash)) = view.hash(call.key(1)) else { return 0 };
    let passed_by = if hash.expiring() > hash.len() / 2 { hash.len() as u64 } else { 0 };
    random::cost(call, hash.len()).max(passed_by)
}
