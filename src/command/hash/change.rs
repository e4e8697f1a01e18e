//! HSETEX, HGETEX, HGETDEL: set or look at fields, and change their expiry or remove them.

use super::arguments::{NUMFIELDS, fields_at, fields_only, position_of_fields};
use super::{HASH, expired_among};
use crate::command::element::kept;
use crate::command::expiry::{Unit, is_past, moment};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{ExpireFields, FieldExpiry, PersistFields, RemoveFields, SetFields};
use crate::keyspace::{Key, Tx};
use crate::resp::Reply;
use crate::types::hash::HashRef;
use std::collections::HashSet;

pub(super) const HSETEX: Command = Command {
    name: "hsetex",
    summary: "Sets fields of a hash and their expiry, under conditions.",
    syntax: "key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
    example: r#"
        > HSETEX session EX 10 FIELDS 2 user Ada token x
        (integer) 1
        log: HSETEX session PXAT 1700000010000 FIELDS 2 user Ada token x
        event: hset session
        event: hexpire session
        > HSETEX session FNX FIELDS 1 user Eve
        (integer) 0
        log:
        > HSETEX session KEEPTTL FIELDS 1 token y
        (integer) 1
        log: HSETEX session KEEPTTL FIELDS 1 token y
        event: hset session
        > HSETEX session FIELDS 1 age 36
        (integer) 1
        log: HSET session age 36
    "#,
    since: "9.0.0",
    complexity: "O(N) where N is the number of fields being set.",
    keys: &[Keys::One(1, Access::Insert)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(hsetex),
    ..HASH
};

fn hsetex<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, now) = (call.key(1), tx.now());
    let at_fields = position_of_fields(call, 2)?;
    let options = Options::parse(call, at_fields, true)?;
    let pairs = fields_at(call, at_fields, 2)?;
    let hash = tx.view().hash(key)?;
    if options.key_exists.is_some_and(|wanted| hash.is_some() != wanted) {
        return Ok(Reply::Int(0));
    }
    let at = options.moment(call, tx)?;
    let mut names = pairs.iter().step_by(2);
    let is_there = |name: &&[u8]| hash.is_some_and(|hash| hash.contains(name, now.0));
    if options.field_exists.is_some_and(|wanted| names.any(|name| is_there(name) != wanted)) {
        return Ok(Reply::Int(0));
    }
    match at {
        Some(at) if is_past(at, now) => {
            remove_at_once(tx, key, pairs);
        }
        // A time at 1970 only comes from a foreign log, and has passed in any case.
        Some(at) => set(tx, key, pairs, FieldExpiry::At(at.max(1))),
        None if options.expiry == ExpiryOption::Keep => set_keeping(tx, key, pairs),
        None => set(tx, key, pairs, FieldExpiry::Clear),
    }
    Ok(Reply::Int(1))
}

/// The hash under a key whose type was checked before.
fn hash_of<'t>(tx: &'t Tx<'_>, key: Key<'_>) -> Option<HashRef<'t>> {
    tx.view().hash(key).ok().flatten()
}

/// Sets fields that are given an expiry, or lose theirs.
fn set(tx: &mut Tx<'_>, key: Key<'_>, pairs: &[&[u8]], expiry: FieldExpiry) {
    let names = pairs.iter().step_by(2).copied();
    let expired = expired_among(hash_of(tx, key), names, tx.now().0).len();
    let events: &'static [&'static str] = match (expired > 0, expiry) {
        (false, FieldExpiry::At(_)) => &["hset", "hexpire"],
        (false, _) => &["hset"],
        (true, FieldExpiry::At(_)) => &["hexpired", "hset", "hexpire"],
        (true, _) => &["hexpired", "hset"],
    };
    tx.emit(SetFields { key, pairs, expiry, events });
    tx.count_expired_fields(expired);
}

/// Sets fields that keep their expiry; those that have expired lose it.
fn set_keeping(tx: &mut Tx<'_>, key: Key<'_>, pairs: &[&[u8]]) {
    let (hash, now) = (hash_of(tx, key), tx.now().0);
    let expired = expired_among(hash, pairs.iter().step_by(2).copied(), now);
    let has_expired = |pair: &&[&[u8]]| expired.binary_search(&pair[0]).is_ok();
    let (again, live): (Vec<_>, Vec<_>) = pairs.chunks_exact(2).partition(has_expired);
    let expires = |pair: &&[&[u8]]| {
        hash.and_then(|hash| hash.field(pair[0])).is_some_and(|field| field.expiry.is_some())
    };
    let keep = live.iter().any(expires);
    let expiry = if keep { FieldExpiry::Keep } else { FieldExpiry::Clear };
    if !again.is_empty() {
        let events: &[&str] = if live.is_empty() { &["hexpired", "hset"] } else { &["hexpired"] };
        let pairs = again.concat();
        tx.emit(SetFields { key, pairs: &pairs, expiry: FieldExpiry::Clear, events });
        tx.count_expired_fields(expired.len());
    }
    if !live.is_empty() {
        tx.emit(SetFields { key, pairs: &live.concat(), expiry, events: &["hset"] });
    }
}

/// Sets fields to a time in the past: what is there of them goes, expired or not.
fn remove_at_once(tx: &mut Tx<'_>, key: Key<'_>, pairs: &[&[u8]]) {
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let hash = hash_of(tx, key);
    let is_there = |name: &&[u8]| hash.is_some_and(|hash| hash.field(name).is_some());
    let names = pairs.iter().step_by(2).copied();
    let fields: Vec<&[u8]> =
        names.filter(|name| is_there(name)).filter(|name| seen.insert(name)).collect();
    tx.count_expired_fields(pairs.len() / 2);
    if !fields.is_empty() {
        tx.emit(RemoveFields { key, fields: &fields, events: &["hset", "hexpire", "hexpired"] });
    }
}

pub(super) const HGETEX: Command = Command {
    name: "hgetex",
    summary: "Returns the values of fields and sets or removes the fields' expiry.",
    syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]",
    example: r#"
        > HSET session user Ada
        (integer) 1
        > HGETEX session EX 10 FIELDS 2 user token
        1) "Ada"
        2) (nil)
        log: HPEXPIREAT session 1700000010000 FIELDS 1 user
        event: hexpire session
        > HGETEX session PERSIST FIELDS 1 user
        1) "Ada"
        log: HPERSIST session FIELDS 1 user
        event: hpersist session
    "#,
    since: "9.0.0",
    complexity: "O(N) where N is the number of specified fields.",
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::Fast],
    handler: Handler::Write(hgetex),
    ..HASH
};

fn hgetex<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, now) = (call.key(1), tx.now());
    let at_fields = position_of_fields(call, 2)?;
    let options = Options::parse(call, at_fields, false)?;
    let fields = fields_at(call, at_fields, 1)?;
    let hash = tx.view().counted().hash(key)?;
    let at = options.moment(call, tx)?;
    let persist = options.expiry == ExpiryOption::Persist;
    let removes = at.is_some_and(|at| is_past(at, now));
    let mut changed: Vec<&[u8]> = Vec::new();
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let found = hash.and_then(|hash| hash.live(field, now.0));
        let Some(found) = found.filter(|_| !(removes && seen.contains(field))) else {
            values.push(Reply::Null);
            continue;
        };
        values.push(kept(found.value));
        if (at.is_some() || persist && found.expiry.is_some()) && seen.insert(field) {
            changed.push(field);
        }
    }
    match at {
        _ if changed.is_empty() => {}
        Some(_) if removes => {
            tx.emit(RemoveFields { key, fields: &changed, events: &["hexpired"] });
            tx.count_expired_fields(changed.len());
        }
        Some(at) => {
            tx.emit(ExpireFields { key, at: at.max(1), fields: &changed });
        }
        None => {
            tx.emit(PersistFields { key, fields: &changed });
        }
    }
    Ok(Reply::Array(values))
}

pub(super) const HGETDEL: Command = Command {
    name: "hgetdel",
    summary: "Returns the values of fields and removes the fields.",
    syntax: "key FIELDS numfields field [field ...]",
    example: r#"
        > HSET session user Ada
        (integer) 1
        > HGETDEL session FIELDS 2 user token
        1) "Ada"
        2) (nil)
        log: HDEL session user
        event: hdel session
        event: del session
    "#,
    since: "9.1.0",
    complexity: "O(N) where N is the number of specified fields.",
    keys: &[Keys::One(1, Access::ReadDelete)],
    flags: &[Flag::Fast],
    handler: Handler::Write(hgetdel),
    ..HASH
};

fn hgetdel<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, now) = (call.key(1), tx.now().0);
    let fields = fields_only(call, NUMFIELDS)?;
    let hash = tx.view().hash(key)?;
    let mut removed: Vec<&[u8]> = Vec::new();
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let found = hash.and_then(|hash| hash.live(field, now));
        match found.filter(|_| seen.insert(field)) {
            Some(found) => {
                values.push(kept(found.value));
                removed.push(field);
            }
            None => values.push(Reply::Null),
        }
    }
    if !removed.is_empty() {
        tx.emit(RemoveFields { key, fields: &removed, events: &["hdel"] });
    }
    Ok(Reply::Array(values))
}

/// What may stand between the key and FIELDS. Each may be repeated, and then the last one counts.
struct Options<'a> {
    /// NX: false; XX: true.
    key_exists: Option<bool>,
    /// FNX: false; FXX: true.
    field_exists: Option<bool>,
    expiry: ExpiryOption<'a>,
}

/// What a request says about the fields' expiry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ExpiryOption<'a> {
    None,
    /// KEEPTTL of HSETEX.
    Keep,
    /// PERSIST of HGETEX.
    Persist,
    /// With the argument behind it, not yet read as a number.
    Time(Unit, &'a [u8]),
}

impl<'a> Options<'a> {
    /// Reads the arguments from position 2 to `end`. A syntax error if one is not an option of the
    /// command, misses its argument, or contradicts an earlier one.
    fn parse(call: &Call<'a>, end: usize, sets: bool) -> Result<Self> {
        let mut options =
            Options { key_exists: None, field_exists: None, expiry: ExpiryOption::None };
        let mut n = 2;
        while n < end {
            let is = |name| call.is(n, name);
            let fits;
            if sets && (is("NX") || is("XX")) {
                fits = agree(&mut options.key_exists, is("XX"));
            } else if sets && (is("FNX") || is("FXX")) {
                fits = agree(&mut options.field_exists, is("FXX"));
            } else if sets && is("KEEPTTL") {
                fits = matches!(options.expiry, ExpiryOption::None | ExpiryOption::Keep);
                options.expiry = ExpiryOption::Keep;
            } else if !sets && is("PERSIST") {
                fits = matches!(options.expiry, ExpiryOption::None | ExpiryOption::Persist);
                options.expiry = ExpiryOption::Persist;
            } else if let Some(unit) = Unit::named(call.arg(n))
                && n + 1 < end
            {
                fits = match options.expiry {
                    ExpiryOption::None => true,
                    ExpiryOption::Time(earlier, _) => earlier == unit,
                    _ => false,
                };
                options.expiry = ExpiryOption::Time(unit, call.arg(n + 1));
                n += 1;
            } else {
                fits = false;
            }
            if !fits {
                return Err(Error::Syntax);
            }
            n += 1;
        }
        Ok(options)
    }

    /// The unix time in ms that the options give, if they give one.
    fn moment(&self, call: &Call<'_>, tx: &Tx<'_>) -> Result<Option<u64>> {
        match self.expiry {
            ExpiryOption::Time(unit, text) => moment(call, tx.now(), unit, text).map(Some),
            _ => Ok(None),
        }
    }
}

/// Takes a choice in; false if another was made before.
fn agree(choice: &mut Option<bool>, now: bool) -> bool {
    *choice.get_or_insert(now) == now
}
