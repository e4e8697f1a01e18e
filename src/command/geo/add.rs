//! GEOADD: places become scores of a sorted set.

use super::{GEO, point};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::AddScored;
use crate::resp::Reply;
use std::collections::HashSet;

pub(super) const GEOADD: Command = Command {
    name: "geoadd",
    summary: "Adds members with their places to a sorted set.",
    syntax: "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        log: ZADD Sicily 3479099956230698 Palermo 3479447370796909 Catania
        event: zadd Sicily
        > GEOADD Sicily NX 13.5 38 Palermo
        (integer) 0
        log:
        > GEOADD Sicily CH 13.583333 37.316667 Palermo
        (integer) 1
        log: ZADD Sicily 3479030013248308 Palermo
        event: zadd Sicily
    "#,
    complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted \
                 set.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(geoadd),
    ..GEO
};

fn geoadd<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let options = Options::parse(call);
    let rest = call.len() - options.first;
    if !rest.is_multiple_of(3) || rest == 0 || (options.nx && options.xx) {
        return Err(Error::Syntax);
    }
    let item = |at| Ok((point(call, at)?.score(), call.arg(at + 2)));
    let items = (options.first..call.len()).step_by(3).map(item);
    let mut items = items.collect::<Result<Vec<(f64, &[u8])>>>()?;
    let zset = tx.view().zset(key)?;
    let is_there = |member: &[u8]| zset.is_some_and(|zset| zset.score(member).is_some());
    if options.nx {
        let mut seen = HashSet::new();
        items.retain(|(_, member)| !is_there(member) && seen.insert(*member));
    } else if options.xx {
        items.retain(|(_, member)| is_there(member));
    }
    if items.is_empty() {
        return Ok(Reply::Int(0));
    }
    let scored = tx.emit(AddScored { key, items: &items, event: "zadd" });
    let counted = if options.ch { scored.added + scored.updated } else { scored.added };
    Ok(Reply::Int(counted as i64))
}

#[derive(Default)]
struct Options {
    /// Only members that are not there.
    nx: bool,
    /// Only members that are there.
    xx: bool,
    /// Members that have moved count too.
    ch: bool,
    /// Position of the first longitude.
    first: usize,
}

impl Options {
    fn parse(call: &Call<'_>) -> Self {
        let mut options = Options { first: 2, ..Options::default() };
        loop {
            let option = match () {
                () if call.is(options.first, "NX") => &mut options.nx,
                () if call.is(options.first, "XX") => &mut options.xx,
                () if call.is(options.first, "CH") => &mut options.ch,
                () => return options,
            };
            *option = true;
            options.first += 1;
        }
    }
}
