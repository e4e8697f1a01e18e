//! EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT and PERSIST.
//!
//! The four forms differ in the unit and in what the number counts from; all of them are written to
//! the log as `PEXPIREAT`, or as `DEL` if the time has come already.

use super::GENERIC;
use crate::base::clock::UnixMs;
use crate::command::error::c_text;
use crate::command::expiry;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{Delete, ExpireAt, Persist};
use crate::resp::Reply;
use std::ops::Range;

pub(super) const EXPIRE: Command = Command {
    name: "expire",
    summary: "Lets a key expire in so many seconds.",
    syntax: "key seconds [NX | XX | GT | LT]",
    example: r#"
        > SET session x
        OK
        > EXPIRE session 10
        (integer) 1
        log: PEXPIREAT session 1700000010000
        > EXPIRE session 5 GT
        (integer) 0
        log:
        > EXPIRE session 0
        (integer) 1
        log: DEL session
    "#,
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::Fast],
    handler: Handler::Write(|tx, call| {
        let now = tx.now();
        expire(tx, call, 1000, now)
    }),
    touches: Some(true),
    ..GENERIC
};

pub(super) const PEXPIRE: Command = Command {
    name: "pexpire",
    summary: "Lets a key expire in so many milliseconds.",
    syntax: "key milliseconds [NX | XX | GT | LT]",
    example: r#"
        > SET session x
        OK
        > PEXPIRE session 1500 NX
        (integer) 1
        log: PEXPIREAT session 1700000001500
    "#,
    since: "2.6.0",
    handler: Handler::Write(|tx, call| {
        let now = tx.now();
        expire(tx, call, 1, now)
    }),
    ..EXPIRE
};

pub(super) const EXPIREAT: Command = Command {
    name: "expireat",
    summary: "Lets a key expire at a time in seconds since 1970.",
    syntax: "key unix-time-seconds [NX | XX | GT | LT]",
    example: r#"
        > SET session x
        OK
        > EXPIREAT session 33177117420
        (integer) 1
        log: PEXPIREAT session 33177117420000
    "#,
    since: "1.2.0",
    handler: Handler::Write(|tx, call| expire(tx, call, 1000, UnixMs::ZERO)),
    ..EXPIRE
};

pub(super) const PEXPIREAT: Command = Command {
    name: "pexpireat",
    summary: "Lets a key expire at a time in milliseconds since 1970.",
    syntax: "key unix-time-milliseconds [NX | XX | GT | LT]",
    example: r#"
        > SET session x
        OK
        > PEXPIREAT session 33177117420000
        (integer) 1
        log: PEXPIREAT session 33177117420000
    "#,
    since: "2.6.0",
    handler: Handler::Write(|tx, call| expire(tx, call, 1, UnixMs::ZERO)),
    ..EXPIRE
};

pub(super) const PERSIST: Command = Command {
    name: "persist",
    summary: "Takes a key's expiry away.",
    syntax: "key",
    example: r#"
        > SET session x EX 10
        OK
        > PERSIST session
        (integer) 1
        log: PERSIST session
        > PERSIST session
        (integer) 0
        log:
    "#,
    since: "2.2.0",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::Fast],
    handler: Handler::Write(persist),
    touches: Some(true),
    ..GENERIC
};

/// Gives a key the expiry `base + number × unit_ms`, where its options allow it.
fn expire<'a>(tx: &mut Tx<'_>, call: &Call<'a>, unit_ms: i64, base: UnixMs) -> Result<Reply<'a>> {
    let key = call.key(1);
    let only = Conditions::parse(call, 3..call.len())?;
    let at = call.int(2)?.checked_mul(unit_ms).and_then(|ms| ms.checked_add_unsigned(base.0));
    let at = at.ok_or_else(|| expiry::invalid(call))?;
    let Some(entry) = tx.entry(key) else { return Ok(Reply::Int(0)) };
    if !only.allow(entry.expiry(), at) {
        return Ok(Reply::Int(0));
    }
    // During replay, at time zero, the clock of whoever wrote the record has decided: it is set.
    if tx.now() != UnixMs::ZERO && at <= tx.now().0.cast_signed() {
        tx.emit(Delete::of(key));
    } else {
        // A time before 1970 only comes from a foreign log, and has passed in any case.
        tx.emit(ExpireAt { key, at: at.max(1).cast_unsigned() });
    }
    Ok(Reply::Int(1))
}

/// When an expiry is to be set at all.
#[derive(Default)]
pub(in crate::command) struct Conditions {
    /// NX: only if there is none.
    nx: bool,
    /// XX: only if there is one.
    xx: bool,
    /// GT: only if that makes it later; no expiry counts as the end of time.
    gt: bool,
    /// LT: only if that makes it earlier.
    lt: bool,
}

impl Conditions {
    /// Reads the arguments at these positions.
    pub(in crate::command) fn parse(call: &Call<'_>, positions: Range<usize>) -> Result<Self> {
        let mut only = Conditions::default();
        for n in positions {
            let option = match call.arg(n) {
                _ if call.is(n, "NX") => &mut only.nx,
                _ if call.is(n, "XX") => &mut only.xx,
                _ if call.is(n, "GT") => &mut only.gt,
                _ if call.is(n, "LT") => &mut only.lt,
                other => {
                    let text = format!("ERR Unsupported option {}", c_text(other));
                    return Err(Error::owned(text));
                }
            };
            *option = true;
        }
        if only.nx && (only.xx || only.gt || only.lt) {
            return Err(Error::text(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if only.gt && only.lt {
            return Err(Error::text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(only)
    }

    /// Whether a key or field that expires at `current` may be given the expiry `at` (both unix
    /// time in ms).
    pub(in crate::command) fn allow(&self, current: Option<u64>, at: i64) -> bool {
        let Some(current) = current.map(u64::cast_signed) else {
            return !self.xx && !self.gt;
        };
        !self.nx && (!self.gt || at > current) && (!self.lt || at < current)
    }
}

fn persist<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let done = tx.exists(key) && tx.emit(Persist { key });
    Ok(Reply::Int(i64::from(done)))
}
