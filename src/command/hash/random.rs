//! HRANDFIELD: fields by chance.

use super::whole::push;
use super::{HASH, element};
use crate::base::rng::Rng;
use crate::command::{Access, Call, Command, Error, Handler, Keys, Result};
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
        return Ok(field.map_or(Reply::Null, |field| element(field.name)));
    }
    let (count, with_values) = options(call)?;
    let mut found = Found::new(with_values);
    let Some(hash) = view.hash(call.key(1))? else { return Ok(found.finish()) };
    if count < 0 {
        for _ in 0..count.unsigned_abs() {
            let Some(field) = hash.random(now, &mut chance) else { break };
            found.push(field);
        }
    } else if count as u64 >= hash.len() as u64 {
        hash.fields(now).into_iter().for_each(|field| found.push(field));
    } else {
        let fields = hash.random_distinct(count as usize, now, &mut chance);
        fields.into_iter().for_each(|field| found.push(field));
    }
    Ok(found.finish())
}

/// The count, and whether values are wanted.
fn options(call: &Call<'_>) -> Result<(i64, bool)> {
    let count = call.int(2)?;
    if count == i64::MIN {
        return Err(Error::text(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    let with_values = call.len() > 3;
    if call.len() > 4 || (with_values && !call.is(3, "WITHVALUES")) {
        return Err(Error::Syntax);
    }
    // Twice as many could not be counted: Redis' bound.
    if with_values && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(Error::text("ERR value is out of range"));
    }
    Ok((count, with_values))
}

/// What was found, as it is answered.
enum Found<'a> {
    Names(BulksBuilder),
    Pairs(Vec<(Reply<'a>, Reply<'a>)>),
}

impl<'a> Found<'a> {
    fn new(with_values: bool) -> Self {
        if with_values {
            Found::Pairs(Vec::new())
        } else {
            Found::Names(BulksBuilder::new(BulksKind::Array))
        }
    }

    fn push(&mut self, field: Field<'a>) {
        match self {
            Found::Names(names) => push(names, field.name),
            Found::Pairs(pairs) => pairs.push((element(field.name), element(field.value))),
        }
    }

    fn finish(self) -> Reply<'a> {
        match self {
            Found::Names(names) => names.finish(),
            Found::Pairs(pairs) => Reply::Pairs(pairs),
        }
    }
}

fn cost(_view: View<'_>, call: &Call<'_>) -> u64 {
    call.get(2).and_then(crate::base::number::parse_i64).map_or(1, i64::unsigned_abs)
}
