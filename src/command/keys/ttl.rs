//! TTL, PTTL, EXPIRETIME and PEXPIRETIME: one question, four forms of the answer.

use super::GENERIC;
use crate::command::{Access, Call, Command, Flag, Handler, Keys};
use crate::keyspace::View;
use crate::resp::Reply;

pub(super) const TTL: Command = Command {
    name: "ttl",
    summary: "Says in how many seconds a key expires.",
    syntax: "key",
    example: r#"
        > SET session x EX 90
        OK
        > TTL session
        (integer) 90
        > TTL missing
        (integer) -2
    "#,
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    tips: &["nondeterministic_output"],
    touches: Some(false),
    handler: Handler::Read(|view, call| Ok(left(view, call).map_or_else(none, seconds))),
    ..GENERIC
};

pub(super) const PTTL: Command = Command {
    name: "pttl",
    summary: "Says in how many milliseconds a key expires.",
    syntax: "key",
    example: r#"
        > SET session x PX 1500
        OK
        > PTTL session
        (integer) 1500
    "#,
    since: "2.6.0",
    tips: &["nondeterministic_output"],
    handler: Handler::Read(|view, call| Ok(left(view, call).map_or_else(none, milliseconds))),
    ..TTL
};

pub(super) const EXPIRETIME: Command = Command {
    name: "expiretime",
    summary: "Says when a key expires, in seconds since 1970.",
    syntax: "key",
    example: r#"
        > SET session x EXAT 33177117420
        OK
        > EXPIRETIME session
        (integer) 33177117420
    "#,
    since: "7.0.0",
    tips: &[],
    handler: Handler::Read(|view, call| Ok(at(view, call).map_or_else(none, seconds))),
    ..TTL
};

pub(super) const PEXPIRETIME: Command = Command {
    name: "pexpiretime",
    summary: "Says when a key expires, in milliseconds since 1970.",
    syntax: "key",
    example: r#"
        > SET session x PXAT 33177117420000
        OK
        > PEXPIRETIME session
        (integer) 33177117420000
    "#,
    since: "7.0.0",
    tips: &[],
    handler: Handler::Read(|view, call| Ok(at(view, call).map_or_else(none, milliseconds))),
    ..TTL
};

/// Why there is no time to tell.
enum Timeless {
    NoKey,
    NoExpiry,
}

/// When the key expires, unix time in ms.
fn at(view: View<'_>, call: &Call<'_>) -> std::result::Result<u64, Timeless> {
    let entry = view.entry(call.key(1)).ok_or(Timeless::NoKey)?;
    entry.expiry().ok_or(Timeless::NoExpiry)
}

/// In how many ms the key expires.
fn left(view: View<'_>, call: &Call<'_>) -> std::result::Result<u64, Timeless> {
    Ok(at(view, call)?.saturating_sub(view.now().0))
}

fn none<'a>(why: Timeless) -> Reply<'a> {
    match why {
        Timeless::NoKey => Reply::Int(-2),
        Timeless::NoExpiry => Reply::Int(-1),
    }
}

fn milliseconds<'a>(ms: u64) -> Reply<'a> {
    Reply::Int(ms.cast_signed())
}

/// Rounded to the nearest second, as Redis does, also for a point in time.
fn seconds<'a>(ms: u64) -> Reply<'a> {
    Reply::Int((ms.saturating_add(500) / 1000).cast_signed())
}
