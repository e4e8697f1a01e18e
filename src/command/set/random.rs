//! SPOP and SRANDMEMBER: members by chance.

use super::SET;
use crate::base::limits::RECORD_ELEMENTS_MAX;
use crate::base::rng::Rng;
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
        3 => Some(positive(call, 2)?),
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
    let mut event = "spop";
    for members in members.chunks(RECORD_ELEMENTS_MAX) {
        tx.emit(RemoveMembers { key, members, event });
        event = "";
    }
    Ok(popped.finish())
}

/// A count that must not be negative.
fn positive(call: &Call<'_>, at: usize) -> Result<usize> {
    const TEXT: Error = Error::text("ERR value is out of range, must be positive");
    let count = crate::base::number::parse_i64(call.arg(at)).ok_or(TEXT)?;
    usize::try_from(count).map_err(|_| TEXT)
}

fn push_all(set: SetRef<'_>, out: &mut BulksBuilder) {
    // It never breaks off.
    let _whole = set.each(|member| {
        member.with(|bytes| out.push(bytes));
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
    let count = match call.len() {
        2 => {
            let set = view.set(call.key(1))?;
            let member = set.and_then(|set| set.random(&mut chance));
            return Ok(member.map_or(Reply::Null, element));
        }
        3 => call.int(2)?,
        _ => return Err(Error::Syntax),
    };
    // Redis' bound.
    if count == i64::MIN {
        return Err(Error::text(concat!(
            "ERR value is out of range, value must between -9223372036854775807 and ",
            "9223372036854775807"
        )));
    }
    let mut found = BulksBuilder::new(BulksKind::Array);
    let Some(set) = view.set(call.key(1))? else { return Ok(found.finish()) };
    if count < 0 {
        for _ in 0..count.unsigned_abs() {
            let Some(member) = set.random(&mut chance) else { break };
            member.with(|bytes| found.push(bytes));
        }
    } else if count as u64 >= set.len() as u64 {
        push_all(set, &mut found);
    } else {
        for member in set.random_distinct(count as usize, &mut chance) {
            member.with(|bytes| found.push(bytes));
        }
    }
    Ok(found.finish())
}

fn srandmember_cost(_view: View<'_>, call: &Call<'_>) -> u64 {
    call.get(2).and_then(crate::base::number::parse_i64).map_or(1, i64::unsigned_abs)
}

/// A member as a reply, borrowed if it can be.
fn element(member: Element<'_>) -> Reply<'_> {
    match member {
        Element::Int(number) => Reply::BulkInt(number),
        Element::Bytes(bytes) => Reply::Bulk(bytes),
    }
}
