//! SINTER, SUNION, SDIFF; their CARD forms, which only count, and their STORE forms.
//!
//! One walk serves all: it visits the members of the result without building it, and breaks off
//! where a LIMIT is reached. Unions and differences of several sets remember what they have seen.

use super::SET;
use crate::base::limits::RECORD_ELEMENTS_MAX;
use crate::base::number;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{AddMembers, Cause, Delete};
use crate::keyspace::{Key, Tx, View};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::set::SetRef;
use std::collections::HashSet;
use std::ops::ControlFlow::{self, Break, Continue};

/// What is made of several sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

/// The sets of some keys, missing ones as none. All are looked at, so that a wrong type is told
/// wherever it stands.
fn sets<'a>(view: View<'a>, keys: &[&'a [u8]]) -> Result<Vec<Option<SetRef<'a>>>> {
    keys.iter().map(|key| Ok(view.set(Key::new(key))?)).collect()
}

/// Visits each member of the result once, until `found` breaks off.
fn each(
    operation: Operation,
    sets: &[Option<SetRef<'_>>],
    found: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) {
    // Whether it was broken off is of no interest here.
    let _whole = match operation {
        Operation::Intersection => intersection(sets, found),
        Operation::Union => union(sets, found),
        Operation::Difference => difference(sets, found),
    };
}

fn intersection(
    sets: &[Option<SetRef<'_>>],
    found: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<_>>>() else {
        return Continue(());
    };
    // The smallest is walked, the others are asked, smaller ones first.
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return Continue(()) };
    smallest.each(|member| {
        member.with(|bytes| {
            if others.iter().all(|other| other.contains(bytes)) {
                found(bytes)
            } else {
                Continue(())
            }
        })
    })
}

fn union(
    sets: &[Option<SetRef<'_>>],
    found: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (n, set) in sets.iter().enumerate() {
        let Some(set) = set else { continue };
        // A member counts where it stands first.
        let earlier = &sets[..n];
        set.each(|member| {
            member.with(|bytes| {
                let seen = earlier.iter().flatten().any(|other| other.contains(bytes));
                if seen { Continue(()) } else { found(bytes) }
            })
        })?;
    }
    Continue(())
}

fn difference(
    sets: &[Option<SetRef<'_>>],
    found: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some((Some(first), others)) = sets.split_first() else { return Continue(()) };
    let others: Vec<_> = others.iter().flatten().collect();
    let asked = first.len() * others.len();
    let walked: usize = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if asked <= walked * 2 {
        return first.each(|member| {
            member.with(|bytes| {
                let elsewhere = others.iter().any(|other| other.contains(bytes));
                if elsewhere { Continue(()) } else { found(bytes) }
            })
        });
    }
    // Many small sets against one: what they take away is gathered first, as far as it is in it.
    let mut gone = HashSet::new();
    for other in others {
        other.each(|member| {
            member.with(|bytes| {
                if first.contains(bytes) {
                    gone.insert(bytes.to_vec());
                }
            });
            Continue(())
        })?;
    }
    first.each(|member| {
        member.with(|bytes| if gone.contains(bytes) { Continue(()) } else { found(bytes) })
    })
}

fn listed<'a>(view: View<'a>, call: &Call<'a>, operation: Operation) -> Result<Reply<'a>> {
    let sets = sets(view, &call.args()[1..])?;
    let mut members = BulksBuilder::new(BulksKind::Set);
    each(operation, &sets, &mut |member| {
        members.push(member);
        Continue(())
    });
    Ok(members.finish())
}

fn stored<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'a>,
    operation: Operation,
    event: &'static str,
) -> Result<Reply<'a>> {
    let key = call.key(1);
    let mut members: Vec<Vec<u8>> = Vec::new();
    let sets = sets(tx.view(), &call.args()[2..])?;
    each(operation, &sets, &mut |member| {
        members.push(member.to_vec());
        Continue(())
    });
    drop(sets);
    store(tx, key, &members, event);
    Ok(Reply::Int(members.len() as i64))
}

/// Puts a set of these members, which are different, in place of what stands under `key`.
fn store(tx: &mut Tx<'_>, key: Key<'_>, members: &[Vec<u8>], event: &'static str) {
    if members.is_empty() {
        tx.emit(Delete::of(key));
        return;
    }
    tx.emit(Delete { key, cause: Cause::Replaced });
    let mut event = event;
    for members in members.chunks(RECORD_ELEMENTS_MAX) {
        let members: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
        tx.emit(AddMembers { key, members: &members, event });
        event = "";
    }
}

/// `numkeys key [key ...] [LIMIT limit]`.
fn counted<'a>(view: View<'a>, call: &Call<'a>, operation: Operation) -> Result<Reply<'a>> {
    const NUMKEYS: Error = Error::text("ERR numkeys should be greater than 0");
    let count = number::parse_i64(call.arg(1)).filter(|count| *count > 0).ok_or(NUMKEYS)?;
    let many = Error::text("ERR Number of keys can't be greater than number of args");
    let count = usize::try_from(count).ok().filter(|count| *count <= call.len() - 2).ok_or(many)?;
    let mut limit = 0;
    let mut n = 2 + count;
    while n < call.len() {
        if !call.is(n, "LIMIT") || n + 1 >= call.len() {
            return Err(Error::Syntax);
        }
        let negative = Error::text("ERR LIMIT can't be negative");
        limit = number::parse_i64(call.arg(n + 1)).filter(|limit| *limit >= 0).ok_or(negative)?;
        n += 2;
    }
    let sets = sets(view, &call.args()[2..2 + count])?;
    let mut found = 0;
    each(operation, &sets, &mut |_| {
        found += 1;
        if found == limit { Break(()) } else { Continue(()) }
    });
    Ok(Reply::Int(found))
}

/// All members of the named sets together.
fn cost(view: View<'_>, call: &Call<'_>) -> u64 {
    (1..call.len()).map(|at| super::members::members_of(view, call, at)).sum()
}

pub(super) const SINTER: Command = Command {
    name: "sinter",
    summary: "Lists the members that several sets have in common.",
    syntax: "key [key ...]",
    example: r#"
        > SADD a 1 2 3
        (integer) 3
        > SADD b 2 3 4
        (integer) 3
        > SINTER a b
        1) "2"
        2) "3"
    "#,
    complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the \
                 number of sets.",
    keys: &[Keys::From(1, 1, Access::Read)],
    tips: &["nondeterministic_output_order"],
    handler: Handler::Read(|view, call| listed(view, call, Operation::Intersection)),
    cost: Some(cost),
    ..SET
};

pub(super) const SUNION: Command = Command {
    name: "sunion",
    summary: "Lists the members that any of several sets has.",
    syntax: "key [key ...]",
    example: r#"
        > SADD a 1 2
        (integer) 2
        > SADD b 2 3
        (integer) 2
        > SUNION a b
        1) "1"
        2) "2"
        3) "3"
    "#,
    complexity: "O(N) where N is the total number of elements in all given sets.",
    keys: &[Keys::From(1, 1, Access::Read)],
    tips: &["nondeterministic_output_order"],
    handler: Handler::Read(|view, call| listed(view, call, Operation::Union)),
    cost: Some(cost),
    ..SET
};

pub(super) const SDIFF: Command = Command {
    name: "sdiff",
    summary: "Lists the members of a set that none of the other sets has.",
    syntax: "key [key ...]",
    example: r#"
        > SADD a 1 2 3
        (integer) 3
        > SADD b 2
        (integer) 1
        > SDIFF a b
        1) "1"
        2) "3"
    "#,
    complexity: "O(N) where N is the total number of elements in all given sets.",
    keys: &[Keys::From(1, 1, Access::Read)],
    tips: &["nondeterministic_output_order"],
    handler: Handler::Read(|view, call| listed(view, call, Operation::Difference)),
    cost: Some(cost),
    ..SET
};

pub(super) const SINTERSTORE: Command = Command {
    name: "sinterstore",
    summary: "Stores the members that several sets have in common.",
    syntax: "destination key [key ...]",
    example: r#"
        > SADD a 1 2 3
        (integer) 3
        > SADD b 2 3 4
        (integer) 3
        > SINTERSTORE both a b
        (integer) 2
        log: SADD both 2 3
        event: sinterstore both
    "#,
    complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the \
                 number of sets.",
    keys: &[Keys::One(1, Access::Overwrite), Keys::From(2, 1, Access::Read)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(|tx, call| stored(tx, call, Operation::Intersection, "sinterstore")),
    ..SET
};

pub(super) const SUNIONSTORE: Command = Command {
    name: "sunionstore",
    summary: "Stores the members that any of several sets has.",
    syntax: "destination key [key ...]",
    example: r#"
        > SADD a 1 2
        (integer) 2
        > SADD b 2 3
        (integer) 2
        > SUNIONSTORE b a b
        (integer) 3
        log: DEL b
        log: SADD b 1 2 3
        event: sunionstore b
    "#,
    complexity: "O(N) where N is the total number of elements in all given sets.",
    keys: &[Keys::One(1, Access::Overwrite), Keys::From(2, 1, Access::Read)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(|tx, call| stored(tx, call, Operation::Union, "sunionstore")),
    ..SET
};

pub(super) const SDIFFSTORE: Command = Command {
    name: "sdiffstore",
    summary: "Stores the members of a set that none of the other sets has.",
    syntax: "destination key [key ...]",
    example: r#"
        > SADD a 1 2 3
        (integer) 3
        > SDIFFSTORE a b a
        (integer) 0
        log: DEL a
        event: del a
    "#,
    complexity: "O(N) where N is the total number of elements in all given sets.",
    keys: &[Keys::One(1, Access::Overwrite), Keys::From(2, 1, Access::Read)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(|tx, call| stored(tx, call, Operation::Difference, "sdiffstore")),
    ..SET
};

pub(super) const SINTERCARD: Command = Command {
    name: "sintercard",
    summary: "Counts the members that several sets have in common.",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    example: r#"
        > SADD a 1 2 3
        (integer) 3
        > SADD b 2 3 4
        (integer) 3
        > SINTERCARD 2 a b
        (integer) 2
        > SINTERCARD 2 a b LIMIT 1
        (integer) 1
    "#,
    since: "7.0.0",
    complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the \
                 number of sets.",
    keys: &[Keys::Counted(1, 1, Access::Read)],
    handler: Handler::Read(|view, call| counted(view, call, Operation::Intersection)),
    cost: Some(cost),
    ..SET
};

pub(super) const SUNIONCARD: Command = Command {
    name: "sunioncard",
    summary: "Counts the members that any of several sets has.",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    example: r#"
        > SADD a 1 2
        (integer) 2
        > SADD b 2 3
        (integer) 2
        > SUNIONCARD 2 a b
        (integer) 3
    "#,
    since: "8.10.0",
    complexity: "O(N) where N is the total number of elements in all given sets.",
    keys: &[Keys::Counted(1, 1, Access::Read)],
    handler: Handler::Read(|view, call| counted(view, call, Operation::Union)),
    cost: Some(cost),
    ..SET
};

pub(super) const SDIFFCARD: Command = Command {
    name: "sdiffcard",
    summary: "Counts the members of a set that none of the other sets has.",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    example: r#"
        > SADD a 1 2 3
        (integer) 3
        > SADD b 2
        (integer) 1
        > SDIFFCARD 2 a b
        (integer) 2
    "#,
    since: "8.10.0",
    complexity: "O(N) where N is the total number of elements in all given sets.",
    keys: &[Keys::Counted(1, 1, Access::Read)],
    handler: Handler::Read(|view, call| counted(view, call, Operation::Difference)),
    cost: Some(cost),
    ..SET
};
