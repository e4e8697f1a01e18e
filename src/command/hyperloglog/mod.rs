//! The commands of HyperLogLogs: strings that estimate how many different elements were added.
//!
//! | file | commands |
//! |---|---|
//! | this | PFADD, PFCOUNT, PFMERGE |
//! | `debug` | PFDEBUG, PFSELFTEST |
//!
//! PFCOUNT changes nothing: Redis writes its result into the string, to find it there the next
//! time. What a string brings along of that kind is used.

mod debug;
#[cfg(test)]
mod tests;

use super::{Access, Call, Command, DEFAULT, Error, Flag, Group, Handler, Keys, Result};
use crate::base::clock::UnixMs;
use crate::keyspace::record::{HllAdd, HllPut, HllRecord, SetExpiry};
use crate::keyspace::{Key, Tx, View};
use crate::resp::Reply;
use crate::types::hyperloglog::{self, Corrupt, Encoding, Registers};
use std::borrow::Cow;
use std::sync::Arc;

/// What the entries of this group have in common.
const HYPERLOGLOG: Command = Command { group: Group::HyperLogLog, since: "2.8.9", ..DEFAULT };

/// The entries of this group.
pub const COMMANDS: &[Command] = &[PFADD, PFCOUNT, debug::PFDEBUG, PFMERGE, debug::PFSELFTEST];

const NOT_ONE: Error = Error::text("WRONGTYPE Key is not a valid HyperLogLog string value.");

impl From<Corrupt> for Error {
    fn from(_: Corrupt) -> Self {
        Error::text("INVALIDOBJ Corrupted HLL object detected")
    }
}

const PFADD: Command = Command {
    name: "pfadd",
    summary: "Adds elements to a HyperLogLog; returns whether its estimate may have changed.",
    syntax: "key [element [element ...]]",
    example: r#"
        > PFADD visitors ann bob
        (integer) 1
        log: PFADD visitors ann bob
        > PFADD visitors bob
        (integer) 0
        log:
        > PFCOUNT visitors
        (integer) 2
    "#,
    keys: &[Keys::One(1, Access::Insert)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(pfadd),
    ..HYPERLOGLOG
};

fn pfadd<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, elements) = (call.key(1), call.args().get(2..).unwrap_or_default());
    let found = hyperloglog_at(tx.view(), key)?;
    let is_new = found.is_none();
    let mut bytes = match found {
        Some((_, Encoding::Dense)) => {
            let updated = tx.emit(HllAdd { key, elements });
            return Ok(Reply::Int(i64::from(updated > 0)));
        }
        Some((bytes, Encoding::Sparse)) => bytes.into_owned(),
        None => hyperloglog::empty(),
    };
    let added = hyperloglog::add(&mut bytes, elements, sparse_bytes_max(tx))?;
    let changes = added.updated + u64::from(is_new);
    if changes == 0 {
        return Ok(Reply::Int(0));
    }
    let record = if added.by_limit { whole(tx, key) } else { HllRecord::Add(elements) };
    tx.emit(HllPut { key, value: Arc::new(bytes), changes, record });
    Ok(Reply::Int(1))
}

const PFCOUNT: Command = Command {
    name: "pfcount",
    summary: "Estimates how many different elements were added to one HyperLogLog, or to several together.",
    syntax: "key [key ...]",
    example: r#"
        > PFADD monday ann bob
        (integer) 1
        > PFADD tuesday bob eve
        (integer) 1
        > PFCOUNT monday
        (integer) 2
        > PFCOUNT monday tuesday
        (integer) 3
        log:
    "#,
    keys: &[Keys::Range(1, -1, 1, Access::ReadNote)],
    touches: Some(true),
    handler: Handler::Read(pfcount),
    replays: Some(cache_count),
    cost: Some(pfcount_cost),
    ..HYPERLOGLOG
};

fn pfcount<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let count = if call.len() == 2 {
        match hyperloglog_at(view, call.key(1))? {
            None => 0,
            Some((bytes, _)) => match hyperloglog::cached_count(&bytes) {
                Some(count) => count,
                None => hyperloglog::count(&bytes)?,
            },
        }
    } else {
        let mut registers = Registers::default();
        for at in 1..call.len() {
            if let Some((bytes, _)) = hyperloglog_at(view, call.key(at))? {
                registers.merge(&bytes)?;
            }
        }
        registers.count()
    };
    Ok(Reply::Int(count.cast_signed()))
}

/// PFCOUNT in a log of Redis: the string holds from then on what was counted.
fn cache_count<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let found = hyperloglog_at(tx.view(), key)?.map(|(bytes, _)| bytes.into_owned());
    if let Some(mut bytes) = found
        && hyperloglog::cached_count(&bytes).is_none()
    {
        hyperloglog::cache_count(&mut bytes)?;
        tx.emit(HllPut { key, value: Arc::new(bytes), changes: 1, record: whole(tx, key) });
    }
    Ok(Reply::Ok)
}

/// Merging one takes some microseconds: as much as that many elements.
fn pfcount_cost<'a>(_: View<'a>, call: &Call<'a>) -> u64 {
    const ELEMENTS: u64 = 200;
    (call.len() as u64 - 1) * ELEMENTS
}

const PFMERGE: Command = Command {
    name: "pfmerge",
    summary: "Adds to a HyperLogLog everything that was added to others.",
    syntax: "destkey [sourcekey [sourcekey ...]]",
    example: r#"
        > PFADD monday ann bob
        (integer) 1
        > PFADD tuesday bob eve
        (integer) 1
        > PFMERGE week monday tuesday
        OK
        log: PFMERGE week monday tuesday
        > PFCOUNT week
        (integer) 3
    "#,
    complexity: "O(N)",
    keys: &[Keys::One(1, Access::ReadInsert), Keys::From(2, 1, Access::Read)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(pfmerge),
    ..HYPERLOGLOG
};

fn pfmerge<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, sources) = (call.key(1), call.args().get(2..).unwrap_or_default());
    let mut registers = Registers::default();
    let mut is_dense = false;
    let mut bytes = None;
    for at in 1..call.len() {
        if let Some((found, encoding)) = hyperloglog_at(tx.view().counted(), call.key(at))? {
            is_dense |= encoding == Encoding::Dense;
            registers.merge(&found)?;
            if at == 1 {
                bytes = Some(found.into_owned());
            }
        }
    }
    let mut bytes = bytes.unwrap_or_else(hyperloglog::empty);
    let merged = hyperloglog::merge(&mut bytes, &registers, is_dense, sparse_bytes_max(tx))?;
    let record = if merged.by_limit { whole(tx, key) } else { HllRecord::Merge(sources) };
    tx.emit(HllPut { key, value: Arc::new(bytes), changes: 1, record });
    Ok(Reply::Ok)
}

/// The HyperLogLog under a key.
fn hyperloglog_at<'a>(view: View<'a>, key: Key<'_>) -> Result<Option<(Cow<'a, [u8]>, Encoding)>> {
    let Some(value) = view.string(key)? else { return Ok(None) };
    let bytes = value.bytes();
    let encoding = hyperloglog::encoding(&bytes).ok_or(NOT_ONE)?;
    Ok(Some((bytes, encoding)))
}

/// How long a sparse one may become. A replay has the largest limit that can be: where a smaller
/// one made registers dense, the record is the SET of what came out.
fn sparse_bytes_max(tx: &Tx<'_>) -> usize {
    /// More than dense registers take, and slow to go through. Redis calls larger settings useless.
    const LARGEST: usize = 16_000;
    if tx.now() == UnixMs::ZERO {
        return LARGEST;
    }
    tx.view().keyspace().limits().hll_sparse_bytes.min(LARGEST)
}

/// The record of the whole value, with the expiry that the key has.
fn whole(tx: &Tx<'_>, key: Key<'_>) -> HllRecord<'static> {
    let expires = tx.entry(key).is_some_and(|entry| entry.expiry().is_some());
    HllRecord::Whole(if expires { SetExpiry::Keep } else { SetExpiry::Clear })
}
