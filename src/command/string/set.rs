//! SET and its older relatives, and MSET with its own: strings set as a whole.

use super::options::{Condition, ExpiryOption, Options, Takes};
use super::{STRING, kept};
use crate::command::expiry::{Unit, deadline, is_past};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{SetExpiry, SetMany, SetString};
use crate::keyspace::{Key, Tx};
use crate::resp::Reply;

pub(super) const SET: Command = Command {
    name: "set",
    summary: "Sets a key to a string, whatever stood there, perhaps under a condition or with an expiry.",
    syntax: "key value [NX | XX | IFEQ comparison-value | IFNE comparison-value | \
             IFDEQ comparison-digest | IFDNE comparison-digest] [GET] [EX seconds | PX milliseconds | \
             EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
    example: r#"
        > SET greeting hello EX 10
        OK
        log: SET greeting hello PXAT 1700000010000
        > SET greeting world XX GET KEEPTTL
        "hello"
        log: SET greeting world KEEPTTL
        > SET greeting again NX
        (nil)
        log:
    "#,
    keys: &[Keys::One(1, Access::Variable)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(set),
    ..STRING
};

/// A plain SET is one change and no look.
#[inline]
fn set<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    if call.len() > 3 {
        return set_with_options(tx, call);
    }
    tx.emit(SetString { key: call.key(1), value: call.arg(2), expiry: SetExpiry::Clear });
    Ok(Reply::Ok)
}

fn set_with_options<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, value) = (call.key(1), call.arg(2));
    let options = Options::parse(call, 3, Takes::Set)?;
    let expiry = expiry_of(call, tx, options.expiry)?;
    let view = if options.get { tx.view().counted() } else { tx.view() };
    let entry = view.entry(key);
    let old = entry.as_ref().and_then(|entry| entry.string());
    let compares = options.get || matches!(options.condition, Condition::Compares(_));
    if compares && entry.is_some() && old.is_none() {
        return Err(Error::WrongType);
    }
    let sets = match options.condition {
        Condition::Always => true,
        Condition::Missing => entry.is_none(),
        Condition::Exists => entry.is_some(),
        Condition::Compares(comparison) => match old {
            Some(old) => comparison.holds(&old.bytes())?,
            None => comparison.is_for_unequal(),
        },
    };
    let reply = if options.get {
        old.map_or(Reply::Null, kept)
    } else if sets {
        Reply::Ok
    } else {
        Reply::Null
    };
    if sets {
        store(tx, key, value, expiry);
    }
    Ok(reply)
}

/// The expiry that the options ask for. An error if they state no valid time.
fn expiry_of(call: &Call<'_>, tx: &Tx<'_>, option: ExpiryOption<'_>) -> Result<SetExpiry> {
    Ok(match option {
        ExpiryOption::None | ExpiryOption::Persist => SetExpiry::Clear,
        ExpiryOption::Keep => SetExpiry::Keep,
        ExpiryOption::Time(unit, text) => SetExpiry::At(deadline(call, tx.now(), unit, text)?),
    })
}

/// Sets a key, in canonical form: KEEPTTL only if there is an expiry to keep, and the removal of
/// the key instead of an expiry that has passed.
fn store(tx: &mut Tx<'_>, key: Key<'_>, value: &[u8], expiry: SetExpiry) {
    let expiry = match expiry {
        SetExpiry::At(at) if is_past(at, tx.now()) => {
            // Looked at first: what had expired before leaves in its own name.
            if tx.exists(key) {
                tx.remove_as_expired(key);
            }
            return;
        }
        SetExpiry::Keep if tx.entry(key).and_then(|entry| entry.expiry()).is_none() => {
            SetExpiry::Clear
        }
        other => other,
    };
    tx.emit(SetString { key, value, expiry });
}

pub(super) const SETNX: Command = Command {
    name: "setnx",
    summary: "Sets a key to a string if the key is missing.",
    syntax: "key value",
    example: r#"
        > SETNX greeting hello
        (integer) 1
        log: SET greeting hello
        > SETNX greeting world
        (integer) 0
        log:
    "#,
    keys: &[Keys::One(1, Access::OverwriteInsert)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(setnx),
    ..STRING
};

fn setnx<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    if tx.exists(key) {
        return Ok(Reply::Int(0));
    }
    tx.emit(SetString { key, value: call.arg(2), expiry: SetExpiry::Clear });
    Ok(Reply::Int(1))
}

pub(super) const SETEX: Command = Command {
    name: "setex",
    summary: "Sets a key to a string that expires after so many seconds.",
    syntax: "key seconds value",
    example: r#"
        > SETEX greeting 10 hello
        OK
        log: SET greeting hello PXAT 1700000010000
    "#,
    since: "2.0.0",
    keys: &[Keys::One(1, Access::Overwrite)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(setex),
    ..STRING
};

fn setex<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    set_for(tx, call, Unit::Seconds)
}

pub(super) const PSETEX: Command = Command {
    name: "psetex",
    summary: "Sets a key to a string that expires after so many milliseconds.",
    syntax: "key milliseconds value",
    example: r#"
        > PSETEX greeting 1500 hello
        OK
        log: SET greeting hello PXAT 1700000001500
    "#,
    since: "2.6.0",
    handler: Handler::Write(psetex),
    ..SETEX
};

fn psetex<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    set_for(tx, call, Unit::Milliseconds)
}

/// SETEX and PSETEX.
fn set_for(tx: &mut Tx<'_>, call: &Call<'_>, unit: Unit) -> Result<Reply<'static>> {
    let at = deadline(call, tx.now(), unit, call.arg(2))?;
    store(tx, call.key(1), call.arg(3), SetExpiry::At(at));
    Ok(Reply::Ok)
}

pub(super) const GETSET: Command = Command {
    name: "getset",
    summary: "Sets a key to a string and returns the string it was.",
    syntax: "key value",
    example: r#"
        > GETSET greeting hello
        (nil)
        log: SET greeting hello
        > GETSET greeting world
        "hello"
    "#,
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(getset),
    ..STRING
};

fn getset<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let old = tx.view().counted().string(key)?.map_or(Reply::Null, kept);
    tx.emit(SetString { key, value: call.arg(2), expiry: SetExpiry::Clear });
    Ok(old)
}

pub(super) const MSET: Command = Command {
    name: "mset",
    summary: "Sets several keys to strings, all or none.",
    syntax: "key value [key value ...]",
    example: r#"
        > MSET a 1 b two
        OK
        log: MSET a 1 b two
    "#,
    since: "1.0.1",
    complexity: "O(N)",
    keys: &[Keys::Range(1, -1, 2, Access::Overwrite)],
    flags: &[Flag::DenyOom],
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    handler: Handler::Write(mset),
    ..STRING
};

fn mset<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let pairs = pairs_to_end(call)?;
    tx.emit(SetMany { pairs: &pairs });
    Ok(Reply::Ok)
}

pub(super) const MSETNX: Command = Command {
    name: "msetnx",
    summary: "Sets several keys to strings if all of them are missing.",
    example: r#"
        > MSETNX a 1 b two
        (integer) 1
        log: MSET a 1 b two
        > MSETNX b 2 c 3
        (integer) 0
        log:
    "#,
    keys: &[Keys::Range(1, -1, 2, Access::OverwriteInsert)],
    // Not MSET's hints: all or none cannot be split between nodes.
    tips: &[],
    handler: Handler::Write(msetnx),
    ..MSET
};

fn msetnx<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let pairs = pairs_to_end(call)?;
    if pairs.iter().any(|(key, _)| tx.exists(*key)) {
        return Ok(Reply::Int(0));
    }
    tx.emit(SetMany { pairs: &pairs });
    Ok(Reply::Int(1))
}

pub(super) const MSETEX: Command = Command {
    name: "msetex",
    summary: "Sets several keys to strings, all or none, perhaps under a condition or with an expiry.",
    syntax: "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | \
             EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
    example: r#"
        > MSETEX 2 a 1 b two NX PX 1500
        (integer) 1
        log: SET a 1 PXAT 1700000001500
        log: SET b two PXAT 1700000001500
        > MSETEX 1 c 3
        (integer) 1
        log: MSET c 3
        > MSETEX 2 c 3 d 4 XX
        (integer) 0
        log:
    "#,
    since: "9.1.0",
    complexity: "O(N)",
    keys: &[Keys::Counted(1, 2, Access::Overwrite)],
    flags: &[Flag::DenyOom],
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    handler: Handler::Write(msetex),
    ..STRING
};

fn msetex<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let count = call.int(1).ok().and_then(|count| i32::try_from(count).ok());
    let count = count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    let count = count.ok_or(Error::text("ERR invalid numkeys value or out of range"))?;
    let options_at = 2 + 2 * count;
    if options_at > call.len() {
        return Err(Error::Syntax);
    }
    let options = Options::parse(call, options_at, Takes::MsetEx)?;
    let expiry = expiry_of(call, tx, options.expiry)?;
    let pairs = pairs(call, 2, options_at);
    let mut keys = pairs.iter().map(|(key, _)| *key);
    let sets = match options.condition {
        Condition::Missing => keys.all(|key| !tx.exists(key)),
        Condition::Exists => keys.all(|key| tx.exists(key)),
        Condition::Always | Condition::Compares(_) => true,
    };
    if !sets {
        return Ok(Reply::Int(0));
    }
    if expiry == SetExpiry::Clear {
        tx.emit(SetMany { pairs: &pairs });
    } else {
        for (key, value) in &pairs {
            store(tx, *key, value, expiry);
        }
    }
    Ok(Reply::Int(1))
}

/// All arguments as keys and values; the arity's error if a value is missing.
fn pairs_to_end<'a>(call: &Call<'a>) -> Result<Vec<(Key<'a>, &'a [u8])>> {
    if call.len().is_multiple_of(2) {
        return Err(Error::Arity(call.command.full_name.to_owned()));
    }
    Ok(pairs(call, 1, call.len()))
}

/// The arguments from `from` to before `end`, an even number, as keys and values.
fn pairs<'a>(call: &Call<'a>, from: usize, end: usize) -> Vec<(Key<'a>, &'a [u8])> {
    (from..end).step_by(2).map(|at| (call.key(at), call.arg(at + 1))).collect()
}
