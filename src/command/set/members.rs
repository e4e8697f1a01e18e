//! SADD, SREM, SMOVE, SCARD, SISMEMBER, SMISMEMBER, SMEMBERS, SSCAN.

use super::SET;
use crate::command::arguments::per_argument;
use crate::command::element::push;
use crate::command::scan::{self, ElementScan, Scanned};
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result};
use crate::keyspace::record::{AddMembers, MoveMember, RemoveMembers};
use crate::keyspace::{Tx, View};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use std::ops::ControlFlow;

pub(super) const SADD: Command = Command {
    name: "sadd",
    summary: "Adds members to a set.",
    syntax: "key member [member ...]",
    example: r#"
        > SADD primes 2 3 5
        (integer) 3
        log: SADD primes 2 3 5
        event: sadd primes
        > SADD primes 5
        (integer) 0
        log:
    "#,
    complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                 with multiple arguments.",
    keys: &[Keys::One(1, Access::Insert)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(sadd),
    ..SET
};

fn sadd<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    tx.view().set(key)?;
    let added = tx.emit(AddMembers { key, members: &call.args()[2..], event: "sadd" });
    Ok(Reply::Int(added as i64))
}

pub(super) const SREM: Command = Command {
    name: "srem",
    summary: "Removes members from a set; an emptied set's key goes.",
    syntax: "key member [member ...]",
    example: r#"
        > SADD primes 2 3 5
        (integer) 3
        > SREM primes 5 7
        (integer) 1
        log: SREM primes 5 7
        event: srem primes
        > SREM primes 2 3
        (integer) 2
        event: srem primes
        event: del primes
    "#,
    complexity: "O(N) where N is the number of members to be removed.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    flags: &[Flag::Fast],
    handler: Handler::Write(srem),
    ..SET
};

fn srem<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    if tx.view().set(key)?.is_none() {
        return Ok(Reply::Int(0));
    }
    let removed = tx.emit(RemoveMembers { key, members: &call.args()[2..], event: "srem" });
    Ok(Reply::Int(removed as i64))
}

pub(super) const SMOVE: Command = Command {
    name: "smove",
    summary: "Moves a member from one set to another.",
    syntax: "source destination member",
    example: r#"
        > SADD here a b
        (integer) 2
        > SMOVE here there b
        (integer) 1
        log: SMOVE here there b
        event: srem here
        event: sadd there
        > SMOVE here there b
        (integer) 0
        log:
    "#,
    keys: &[Keys::One(1, Access::ReadDelete), Keys::One(2, Access::Insert)],
    flags: &[Flag::Fast],
    handler: Handler::Write(smove),
    ..SET
};

fn smove<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (from, to, member) = (call.key(1), call.key(2), call.arg(3));
    // In Redis' order: a missing source answers before the destination's type is looked at.
    let Some(source) = tx.view().set(from)? else { return Ok(Reply::Int(0)) };
    tx.view().set(to)?;
    let is_there = source.contains(member);
    if is_there && from.bytes != to.bytes {
        tx.emit(MoveMember { from, to, member });
    }
    Ok(Reply::Int(i64::from(is_there)))
}

pub(super) const SCARD: Command = Command {
    name: "scard",
    summary: "Counts the members of a set.",
    syntax: "key",
    example: r#"
        > SADD primes 2 3 5
        (integer) 3
        > SCARD primes
        (integer) 3
    "#,
    keys: &[Keys::One(1, Access::Metadata)],
    touches: Some(true),
    flags: &[Flag::Fast],
    handler: Handler::Read(scard),
    ..SET
};

fn scard<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let set = view.set(call.key(1))?;
    Ok(Reply::Int(set.map_or(0, |set| set.len() as i64)))
}

pub(super) const SISMEMBER: Command = Command {
    name: "sismember",
    summary: "Tells whether a member is in a set.",
    syntax: "key member",
    example: r#"
        > SADD primes 2 3 5
        (integer) 3
        > SISMEMBER primes 4
        (integer) 0
        > SISMEMBER primes 5
        (integer) 1
    "#,
    keys: &[Keys::One(1, Access::Metadata)],
    touches: Some(true),
    flags: &[Flag::Fast],
    handler: Handler::Read(sismember),
    ..SET
};

fn sismember<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let set = view.set(call.key(1))?;
    Ok(Reply::Int(i64::from(set.is_some_and(|set| set.contains(call.arg(2))))))
}

pub(super) const SMISMEMBER: Command = Command {
    name: "smismember",
    summary: "Tells of each of several members whether it is in a set.",
    syntax: "key member [member ...]",
    example: r#"
        > SADD primes 2 3 5
        (integer) 3
        > SMISMEMBER primes 4 5
        1) (integer) 0
        2) (integer) 1
    "#,
    since: "6.2.0",
    complexity: "O(N) where N is the number of elements being checked for membership",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(smismember),
    cost: Some(per_argument),
    ..SET
};

fn smismember<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let set = view.set(call.key(1))?;
    let is_there = |member: &&[u8]| set.is_some_and(|set| set.contains(member));
    let members = call.args()[2..].iter();
    Ok(Reply::Array(members.map(|member| Reply::Int(i64::from(is_there(member)))).collect()))
}

pub(super) const SMEMBERS: Command = Command {
    name: "smembers",
    summary: "Lists all members of a set.",
    syntax: "key",
    example: r#"
        > SADD primes 3 2 5
        (integer) 3
        > SMEMBERS primes
        1) "2"
        2) "3"
        3) "5"
    "#,
    complexity: "O(N) where N is the set cardinality.",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output_order"],
    handler: Handler::Read(smembers),
    cost: Some(|view, call| members_of(view, call, 1)),
    ..SET
};

fn smembers<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let mut members = BulksBuilder::new(BulksKind::Set);
    if let Some(set) = view.set(call.key(1))? {
        // It never breaks off.
        let _whole = set.each(|member| {
            push(&mut members, member);
            ControlFlow::Continue(())
        });
    }
    Ok(members.finish())
}

/// How many members the set at an argument has; 0 if there is none.
pub(super) fn members_of(view: View<'_>, call: &Call<'_>, at: usize) -> u64 {
    let set = call.get(at).and_then(|_| view.set(call.key(at)).ok().flatten());
    set.map_or(0, |set| set.len() as u64)
}

pub(super) const SSCAN: Command = Command {
    name: "sscan",
    summary: "Goes through the members of a set a few at a time.",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    example: r#"
        > SADD primes 2 3 5
        (integer) 3
        > SSCAN primes 0 MATCH [35]
        1) "0"
        2) 1) "3"
           2) "5"
    "#,
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command \
                 calls for the cursor to return back to 0. N is the number of elements inside the \
                 collection.",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(sscan),
    cost: Some(|view, call| scan::cost(call, members_of(view, call, 1))),
    ..SET
};

fn sscan<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    // Options are only read if there is something to scan.
    scan::cursor_of(call.arg(2))?;
    let Some(set) = view.set(call.key(1))? else { return Ok(ElementScan::nothing()) };
    let scan = ElementScan::parse(call, Scanned::Set)?;
    Ok(scan.run(|cursor, found| set.scan(cursor, &mut |member| found(member, None))))
}
