//! HGETALL, HKEYS, HVALS, HSCAN: all fields, at once or a few at a time.

use super::HASH;
use crate::command::element::push;
use crate::command::scan::{self, ElementScan, Scanned};
use crate::command::{Access, Call, Command, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::packed::Element;
use std::ops::ControlFlow;

/// What HGETALL, HKEYS and HVALS have in common.
const WHOLE: Command = Command {
    syntax: "key",
    complexity: "O(N) where N is the size of the hash.",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output_order"],
    cost: Some(cost),
    ..HASH
};

pub(super) const HGETALL: Command = Command {
    name: "hgetall",
    summary: "Lists all fields of a hash with their values.",
    example: r#"
        > HSET person name Ada born 1815
        (integer) 2
        > HGETALL person
        1) "name"
        2) "Ada"
        3) "born"
        4) "1815"
    "#,
    handler: Handler::Read(|view, call| {
        let mut all = BulksBuilder::new(BulksKind::Map);
        each(view, call, |name, value| {
            push(&mut all, name);
            push(&mut all, value);
        })?;
        Ok(all.finish())
    }),
    ..WHOLE
};

pub(super) const HKEYS: Command = Command {
    name: "hkeys",
    summary: "Lists the names of all fields of a hash.",
    example: r#"
        > HSET person name Ada born 1815
        (integer) 2
        > HKEYS person
        1) "name"
        2) "born"
    "#,
    handler: Handler::Read(|view, call| {
        let mut names = BulksBuilder::new(BulksKind::Array);
        each(view, call, |name, _| push(&mut names, name))?;
        Ok(names.finish())
    }),
    ..WHOLE
};

pub(super) const HVALS: Command = Command {
    name: "hvals",
    summary: "Lists the values of all fields of a hash.",
    example: r#"
        > HSET person name Ada born 1815
        (integer) 2
        > HVALS person
        1) "Ada"
        2) "1815"
    "#,
    handler: Handler::Read(|view, call| {
        let mut values = BulksBuilder::new(BulksKind::Array);
        each(view, call, |_, value| push(&mut values, value))?;
        Ok(values.finish())
    }),
    ..WHOLE
};

/// Visits the fields of the call's hash that have not expired.
fn each<'a>(
    view: View<'a>,
    call: &Call<'a>,
    mut f: impl FnMut(Element<'a>, Element<'a>),
) -> Result<()> {
    if let Some(hash) = view.hash(call.key(1))? {
        // It never breaks off.
        let _whole = hash.each(view.now().0, |field| {
            f(field.name, field.value);
            ControlFlow::Continue(())
        });
    }
    Ok(())
}

fn cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let hash = view.hash(call.key(1)).ok().flatten();
    hash.map_or(0, |hash| hash.len() as u64)
}

pub(super) const HSCAN: Command = Command {
    name: "hscan",
    summary: "Goes through the fields of a hash a few at a time.",
    syntax: "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    example: r#"
        > HSET person name Ada born 1815
        (integer) 2
        > HSCAN person 0 MATCH n*
        1) "0"
        2) 1) "name"
           2) "Ada"
        > HSCAN person 0 NOVALUES
        1) "0"
        2) 1) "name"
           2) "born"
    "#,
    since: "2.8.0",
    complexity: "O(1) for every call. O(N) for a complete iteration, including enough command \
                 calls for the cursor to return back to 0. N is the number of elements inside the \
                 collection.",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(hscan),
    cost: Some(|view, call| scan::cost(call, cost(view, call))),
    ..HASH
};

fn hscan<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    // Options are only read if there is something to scan.
    scan::cursor_of(call.arg(2))?;
    let Some(hash) = view.hash(call.key(1))? else { return Ok(ElementScan::nothing()) };
    let scan = ElementScan::parse(call, Scanned::Hash)?;
    Ok(scan.run(|cursor, found| {
        hash.scan(cursor, view.now().0, &mut |field| found(field.name, Some(field.value)))
    }))
}
