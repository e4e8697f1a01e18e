//! SINTER, SUNION, SDIFF; their CARD forms, which only count, and their STORE forms.
//!
//! One walk serves all: it visits the members of the result without building it, and breaks off
//! where a LIMIT is reached. Unions and differences of several sets remember what they have seen.

use super::SET;
use crate::command::algebra::{Operation, asks};
use crate::command::arguments::{natural, positive};
use crate::command::element::{ElementSet, push};
use crate::command::replace::replace;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::AddMembers;
use crate::keyspace::{Key, Tx, View};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::packed::Element;
use crate::types::set::SetRef;
use std::ops::ControlFlow::{self, Break, Continue};

/// The sets of some keys, missing ones as none. All are looked at, so that a wrong type is told
/// wherever it stands.
fn sets<'a>(view: View<'a>, keys: &[&'a [u8]]) -> Result<Vec<Option<SetRef<'a>>>> {
    keys.iter().map(|key| Ok(view.set(Key::new(key))?)).collect()
}

/// Visits each member of the result once, until `found` breaks off.
fn each<'a>(
    operation: Operation,
    sets: &[Option<SetRef<'a>>],
    found: &mut dyn FnMut(Element<'a>) -> ControlFlow<()>,
) {
    // Whether it was broken off is of no interest here.
    let _whole = match operation {
        Operation::Intersection => intersection(sets, found),
        Operation::Union => union(sets, found),
        Operation::Difference => difference(sets, found),
    };
}

/// About how many members are looked at. A key that is not a set counts as a missing one.
fn cost(view: View<'_>, operation: Operation, keys: &[&[u8]], limit: usize) -> u64 {
    operation.cost_of(keys.len(), limit, |n| {
        view.set(Key::new(keys[n])).ok().flatten().map_or(0, |set| set.len())
    })
}

fn intersection<'a>(
    sets: &[Option<SetRef<'a>>],
    found: &mut dyn FnMut(Element<'a>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<_>>>() else {
        return Continue(());
    };
    // The smallest is walked, the others are asked, smaller ones first.
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return Continue(()) };
    smallest.each(|member| {
        let everywhere = member.with(|bytes| others.iter().all(|other| other.contains(bytes)));
        if everywhere { found(member) } else { Continue(()) }
    })
}

fn union<'a>(
    sets: &[Option<SetRef<'a>>],
    found: &mut dyn FnMut(Element<'a>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    /// As long as there are no more, it is cheaper to ask the sets before than to remember.
    const ASKED_MAX: usize = 3;
    let sets: Vec<SetRef<'a>> = sets.iter().flatten().copied().collect();
    let mut remembered = (sets.len() > ASKED_MAX).then(ElementSet::default);
    for (n, set) in sets.iter().enumerate() {
        // A member counts where it stands first.
        set.each(|member| {
            let is_new = match &mut remembered {
                Some(seen) => seen.insert(member.cow()),
                None => {
                    let seen = |bytes: &[u8]| sets[..n].iter().any(|set| set.contains(bytes));
                    !member.with(seen)
                }
            };
            if is_new { found(member) } else { Continue(()) }
        })?;
    }
    Continue(())
}

fn difference<'a>(
    sets: &[Option<SetRef<'a>>],
    found: &mut dyn FnMut(Element<'a>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some((Some(first), others)) = sets.split_first() else { return Continue(()) };
    let others: Vec<SetRef<'a>> = others.iter().flatten().copied().collect();
    let sizes: Vec<usize> = others.iter().map(|set| set.len()).collect();
    let gone = (!asks(first.len(), &sizes)).then(|| {
        let mut gone = ElementSet::default();
        for other in &others {
            // It never breaks off.
            let _whole = other.each(|member| {
                if member.with(|bytes| first.contains(bytes)) {
                    gone.insert(member.cow());
                }
                Continue(())
            });
        }
        gone
    });
    first.each(|member| {
        let elsewhere = member.with(|bytes| match &gone {
            Some(gone) => gone.contains(bytes),
            None => others.iter().any(|other| other.contains(bytes)),
        });
        if elsewhere { Continue(()) } else { found(member) }
    })
}

fn listed<'a>(view: View<'a>, call: &Call<'a>, operation: Operation) -> Result<Reply<'a>> {
    let sets = sets(view, &call.args()[1..])?;
    let mut members = BulksBuilder::new(BulksKind::Set);
    each(operation, &sets, &mut |member| {
        push(&mut members, member);
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
    let sets = sets(tx.view().counted(), &call.args()[2..])?;
    each(operation, &sets, &mut |member| {
        members.push(member.to_vec());
        Continue(())
    });
    drop(sets);
    replace(tx, key, &members, event, |tx, members, event| {
        let members: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
        tx.emit(AddMembers { key, members: &members, event });
    });
    Ok(Reply::Int(members.len() as i64))
}

/// What is counted: `numkeys key [key ...] [LIMIT limit]`.
struct Counted<'a> {
    keys: &'a [&'a [u8]],
    /// Where counting ends; 0: nowhere.
    limit: usize,
}

impl<'a> Counted<'a> {
    fn parse(call: &Call<'a>) -> Result<Self> {
        const NUMKEYS: Error = Error::text("ERR numkeys should be greater than 0");
        const MANY: Error = Error::text("ERR Number of keys can't be greater than number of args");
        const NEGATIVE: Error = Error::text("ERR LIMIT can't be negative");
        let count = positive(call.arg(1), NUMKEYS)?;
        let end = Some(count).filter(|count| *count <= call.len() - 2).ok_or(MANY)? + 2;
        let (mut limit, mut n) = (0, end);
        while n < call.len() {
            if !call.is(n, "LIMIT") || n + 1 >= call.len() {
                return Err(Error::Syntax);
            }
            limit = natural(call.arg(n + 1)).ok_or(NEGATIVE)?;
            n += 2;
        }
        Ok(Counted { keys: &call.args()[2..end], limit })
    }
}

fn counted<'a>(view: View<'a>, call: &Call<'a>, operation: Operation) -> Result<Reply<'a>> {
    let Counted { keys, limit } = Counted::parse(call)?;
    let sets = sets(view, keys)?;
    let mut found = 0;
    each(operation, &sets, &mut |_| {
        found += 1;
        if found == limit { Break(()) } else { Continue(()) }
    });
    Ok(Reply::Int(found as i64))
}

fn counted_cost(view: View<'_>, call: &Call<'_>, operation: Operation) -> u64 {
    let Ok(Counted { keys, limit }) = Counted::parse(call) else { return 0 };
    cost(view, operation, keys, limit)
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
    cost: Some(|view, call| cost(view, Operation::Intersection, &call.args()[1..], 0)),
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
    cost: Some(|view, call| cost(view, Operation::Union, &call.args()[1..], 0)),
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
    cost: Some(|view, call| cost(view, Operation::Difference, &call.args()[1..], 0)),
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
    cost: Some(|view, call| counted_cost(view, call, Operation::Intersection)),
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
    cost: Some(|view, call| counted_cost(view, call, Operation::Union)),
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
    cost: Some(|view, call| counted_cost(view, call, Operation::Difference)),
    ..SET
};
