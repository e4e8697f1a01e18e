//! HTTL, HPTTL, HEXPIRETIME and HPEXPIRETIME: one question, four forms of the answer.

use super::HASH;
use super::arguments::fields_only;
use crate::base::clock::UnixMs;
use crate::command::arguments::per_argument;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;

pub(super) const HTTL: Command = Command {
    name: "httl",
    summary: "Says in how many seconds fields expire.",
    syntax: "key FIELDS numfields field [field ...]",
    example: r#"
        > HSETEX session EX 90 FIELDS 1 user Ada
        (integer) 1
        > HTTL session FIELDS 2 user token
        1) (integer) 90
        2) (integer) -2
    "#,
    since: "9.0.0",
    complexity: "O(N) where N is the number of specified fields.",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(|view, call| answer(view, call, view.now(), seconds)),
    cost: Some(per_argument),
    ..HASH
};

pub(super) const HPTTL: Command = Command {
    name: "hpttl",
    summary: "Says in how many milliseconds fields expire.",
    syntax: "key FIELDS numfields field [field ...]",
    example: r#"
        > HSETEX session PX 1500 FIELDS 1 user Ada
        (integer) 1
        > HPTTL session FIELDS 1 user
        1) (integer) 1500
    "#,
    handler: Handler::Read(|view, call| answer(view, call, view.now(), milliseconds)),
    ..HTTL
};

pub(super) const HEXPIRETIME: Command = Command {
    name: "hexpiretime",
    summary: "Says when fields expire, in seconds since 1970.",
    syntax: "key FIELDS numfields field [field ...]",
    example: r#"
        > HSETEX session EXAT 33177117420 FIELDS 1 user Ada
        (integer) 1
        > HEXPIRETIME session FIELDS 1 user
        1) (integer) 33177117420
    "#,
    handler: Handler::Read(|view, call| answer(view, call, UnixMs::ZERO, seconds)),
    ..HTTL
};

pub(super) const HPEXPIRETIME: Command = Command {
    name: "hpexpiretime",
    summary: "Says when fields expire, in milliseconds since 1970.",
    syntax: "key FIELDS numfields field [field ...]",
    example: r#"
        > HSETEX session PXAT 33177117420000 FIELDS 1 user Ada
        (integer) 1
        > HPEXPIRETIME session FIELDS 1 user
        1) (integer) 33177117420000
    "#,
    handler: Handler::Read(|view, call| answer(view, call, UnixMs::ZERO, milliseconds)),
    ..HTTL
};

/// For each field the time from `since` on in the wanted unit; -1: it has no expiry, -2: it is not
/// there.
fn answer<'a>(
    view: View<'a>,
    call: &Call<'a>,
    since: UnixMs,
    unit: fn(u64) -> u64,
) -> Result<Reply<'a>> {
    let fields = fields_only(call, Error::Syntax)?;
    let (now, hash) = (view.now().0, view.hash(call.key(1))?);
    let time = |field: &&[u8]| match hash.and_then(|hash| hash.live(field, now)) {
        None => -2,
        Some(found) => found.expiry.map_or(-1, |at| unit(at.saturating_sub(since.0)).cast_signed()),
    };
    Ok(Reply::Array(fields.iter().map(|field| Reply::Int(time(field))).collect()))
}

fn milliseconds(ms: u64) -> u64 {
    ms
}

/// Rounded to the nearest second, as Redis does, also for a point in time.
fn seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1000
}
