//! SPOP and SRANDMEMBER: members by chance.

use super::SET;
use crate::base::rng::Rng;
use crate::command::arguments;
use crate::command::element::{borrowed, push};
use crate::command::random::{self, Request};
use crate::command::replace::in_pieces;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{Cause, Delete, RemoveMembers};
use crate::keyspace::{Tx, View};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::packed::Element;
use crate::types::set::SetRef;
use std::ops::ControlFlow;

pub(super) const SPOP: Command = Command {
    name: "spop",
    summary: "Removes random members from a set and returns them.",
    syntax: "key [count]",
    example: r#"
        > SADD urn only
        (integer) 1
        > SPOP urn
        "only"
        log: DEL urn
        event: spop urn
        event: del urn
        > SPOP urn
        (nil)
    "#,
    complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the \
                 passed count.",
    keys: &[Keys::One(1, Access::ReadDelete)],
    flags: &[Flag::Fast],
    tips: &["nondeterministic_output"],
    handler: Handler::Write(spop),
    ..SET
};

fn spop<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let count = match call.len() {
        2 => None,
        3 => Some(arguments::count(call.arg(2))?),
        _ => return Err(Error::Syntax),
    };
    let Some(set) = tx.view().set(key)? else {
        return Ok(if count.is_some() {
            BulksBuilder::new(BulksKind::Set).finish()
        } else {
            Reply::Null
        });
    };
    let mut rng = Rng::from_seed(call.seed());
    let mut chance = || rng.u64();
    let Some(count) = count else {
        let Some(member) = set.random(&mut chance).map(|member| member.to_vec()) else {
            return Ok(Reply::Null);
        };
        if set.len() == 1 {
            tx.emit(Delete { key, cause: Cause::Emptied("spop") });
        } else {
            tx.emit(RemoveMembers { key, members: &[&member], event: "spop" });
        }
        return Ok(Reply::from_vec(member));
    };
    let mut popped = BulksBuilder::new(BulksKind::Set);
    if count == 0 {
        return Ok(popped.finish());
    }
    if count >= set.len() {
        push_all(set, &mut popped);
        tx.emit(Delete { key, cause: Cause::Emptied("spop") });
        return Ok(popped.finish());
    }
    let members: Vec<Vec<u8>> =
        set.random_distinct(count, &mut chance).iter().map(Element::to_vec).collect();
    members.iter().for_each(|member| popped.push(member));
    let members: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
    in_pieces(tx, &members, "spop", |tx, members, event| {
        tx.emit(RemoveMembers { key, members, event });
    });
    Ok(popped.finish())
}

fn push_all(set: SetRef<'_>, out: &mut BulksBuilder) {
    // It never breaks off.
    let _whole = set.each(|member| {
        push(out, member);
        ControlFlow::Continue(())
    });
}

pub(super) const SRANDMEMBER: Command = Command {
    name: "srandmember",
    summary: "Returns random members of a set.",
    syntax: "key [count]",
    example: r#"
        > SADD urn only
        (integer) 1
        > SRANDMEMBER urn
        "only"
        > SRANDMEMBER urn -3
        1) "only"
        2) "only"
        3) "only"
    "#,
    complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute value of \
                 the passed count.",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(srandmember),
    cost: Some(srandmember_cost),
    ..SET
};

fn srandmember<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let mut rng = Rng::from_seed(call.seed());
    let mut chance = || rng.u64();
    if call.len() == 2 {
        let set = view.set(call.key(1))?;
        let member = set.and_then(|set| set.random(&mut chance));
        return Ok(member.map_or(Reply::Null, borrowed));
    }
    if call.len() > 3 {
        return Err(Error::Syntax);
    }
    let Request { count, .. } = Request::parse(call, "")?;
    let Some(set) = view.set(call.key(1))? else { return Ok(Reply::EMPTY) };
    if count < 0 {
        return random::draw(count.unsigned_abs(), BulksKind::Array, |drawn| {
            set.random(&mut chance).map(|member| push(drawn, member)).is_some()
        });
    }
    let mut found = BulksBuilder::new(BulksKind::Array);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count >= set.len() {
        push_all(set, &mut found);
    } else {
        let members = set.random_distinct(count, &mut chance);
        members.into_iter().for_each(|member| push(&mut found, member));
    }
    Ok(found.finish())
}

fn srandmember_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let set = view.set(call.key(1)).ok().flatten();
    random::cost(call, set.map_or(0, |set| set.len()))
}
