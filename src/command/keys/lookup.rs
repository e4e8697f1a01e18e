//! EXISTS, TOUCH, TYPE and OBJECT: questions about keys that leave their values alone.

use super::GENERIC;
use crate::command::arguments::per_argument;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result, help};
use crate::keyspace::{View, value};
use crate::resp::Reply;

pub(super) const EXISTS: Command = Command {
    name: "exists",
    summary: "Counts how many of the keys are there; a key named twice counts twice.",
    syntax: "key [key ...]",
    example: r#"
        > SET one 1
        OK
        > EXISTS one two one
        (integer) 2
    "#,
    complexity: "O(N)",
    keys: &[Keys::From(1, 1, Access::Metadata)],
    flags: &[Flag::Fast],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    handler: Handler::Read(count_existing),
    cost: Some(per_argument),
    ..GENERIC
};

pub(super) const TOUCH: Command = Command {
    name: "touch",
    summary: "Marks keys as used now, and counts how many of them are there.",
    syntax: "key [key ...]",
    example: r#"
        > SET one 1
        OK
        > TOUCH one two
        (integer) 1
    "#,
    since: "3.2.1",
    touches: Some(true),
    // The clocks are moved under the lock wherever the rest is done.
    cost: None,
    ..EXISTS
};

pub(super) const TYPE: Command = Command {
    name: "type",
    summary: "Names the type of a key's value.",
    syntax: "key",
    example: r#"
        > SET one 1
        OK
        > TYPE one
        string
        > TYPE two
        none
    "#,
    keys: &[Keys::One(1, Access::Metadata)],
    flags: &[Flag::Fast],
    handler: Handler::Read(type_of),
    ..GENERIC
};

pub(super) const OBJECT: Command = Command {
    name: "object",
    summary: "Tells how values are kept.",
    since: "2.2.3",
    complexity: "",
    handler: Handler::Container,
    subcommands: &[ENCODING, FREQ, IDLETIME, REFCOUNT, HELP],
    ..GENERIC
};

const ENCODING: Command = Command {
    name: "encoding",
    summary: "Names the form in which a value is kept.",
    syntax: "key",
    example: r#"
        > MSET number 12 text hello
        OK
        > OBJECT ENCODING number
        "int"
        > OBJECT ENCODING text
        "embstr"
    "#,
    since: "2.2.3",
    keys: &[Keys::One(2, Access::Metadata)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(|view, call| {
        Ok(view
            .entry(call.key(2))
            .map_or(Reply::Null, |entry| Reply::Bulk(entry.encoding().as_bytes())))
    }),
    ..GENERIC
};

const FREQ: Command = Command {
    name: "freq",
    summary: "Tells how often a key was used of late, under an LFU eviction policy.",
    syntax: "key",
    example: r#"
        > OBJECT FREQ missing
        (nil)
    "#,
    since: "4.0.0",
    tips: &["nondeterministic_output"],
    handler: Handler::Read(freq),
    ..ENCODING
};

const IDLETIME: Command = Command {
    name: "idletime",
    summary: "Tells for how many seconds a key was not used.",
    syntax: "key",
    example: r#"
        > SET one 1
        OK
        @ advance 3000
        > OBJECT IDLETIME one
        (integer) 3
    "#,
    tips: &["nondeterministic_output"],
    handler: Handler::Read(idle_time),
    ..ENCODING
};

const REFCOUNT: Command = Command {
    name: "refcount",
    summary: "Tells how many references a value has: 1.",
    syntax: "key",
    example: r#"
        > SET one 1
        OK
        > OBJECT REFCOUNT one
        (integer) 1
    "#,
    tips: &["nondeterministic_output"],
    handler: Handler::Read(|view, call| {
        Ok(if view.exists(call.key(2)) { Reply::Int(1) } else { Reply::Null })
    }),
    ..ENCODING
};

const HELP: Command = Command {
    name: "help",
    summary: "Explains the subcommands.",
    example: r#"
        > OBJECT HELP
         1) OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
         2) ENCODING <key>
         3)     Return the kind of internal representation used in order to store the value
         4)     associated with a <key>.
         5) FREQ <key>
         6)     Return the access frequency index of the <key>. The returned integer is
         7)     proportional to the logarithm of the recent access frequency of the key.
         8) IDLETIME <key>
         9)     Return the idle time of the <key>, that is the approximated number of
        10)     seconds elapsed since the last access to the key.
        11) REFCOUNT <key>
        12)     Return the number of references of the value associated with the specified
        13)     <key>.
        14) HELP
        15)     Print this help.
    "#,
    since: "6.2.0",
    flags: &[Flag::Loading, Flag::Stale],
    handler: Handler::Control(help::shown),
    ..GENERIC
};

fn count_existing<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let found = (1..call.len()).filter(|n| view.exists(call.key(*n))).count();
    Ok(Reply::Int(found as i64))
}

fn type_of<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let entry = view.entry(call.key(1));
    Ok(Reply::Simple(entry.map_or("none", |entry| entry.value_type().name())))
}

fn freq<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    if !view.exists(call.key(2)) {
        return Ok(Reply::Null);
    }
    Err(Error::text(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
         that when switching between policies at runtime LRU and LFU data will take some time to \
         adjust.",
    ))
}

fn idle_time<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let Some(entry) = view.entry(call.key(2)) else { return Ok(Reply::Null) };
    let now = value::lru_clock(view.now().0);
    Ok(Reply::Int(value::idle_seconds(entry.clock(), now).cast_signed()))
}
