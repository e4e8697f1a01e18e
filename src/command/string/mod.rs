//! The commands of strings.
//!
//! | file | commands |
//! |---|---|
//! | `get` | GET, MGET, STRLEN, GETRANGE, SUBSTR |
//! | `set` | SET, SETNX, SETEX, PSETEX, GETSET, MSET, MSETNX, MSETEX |
//! | `compare` | DIGEST, DELEX, and the comparisons that SET has in common with it |
//! | `take` | GETDEL, GETEX, DELIFEQ: look and then remove the key or its expiry |
//! | `incr` | INCR, INCRBY, DECR, DECRBY, INCRBYFLOAT |
//! | `increx` | INCREX: counting within bounds and with an expiry |
//! | `edit` | APPEND, SETRANGE |
//! | `lcs` | LCS, over the algorithm in `subsequence` |
//! | `options` | what SET, GETEX and MSETEX have in common |
//!
//! Records: whatever sets is a SET (with PXAT, an absolute time, if it expires) or an MSET; all
//! counting by integers is INCRBY; INCRBYFLOAT, and INCREX with a fraction or an expiry, is the SET
//! of its sum.

mod compare;
mod edit;
mod get;
mod incr;
mod increx;
mod lcs;
mod options;
mod set;
mod subsequence;
mod take;
#[cfg(test)]
mod tests;

pub(in crate::command) use get::range_of;

use super::{Call, Command, DEFAULT, Group};
use crate::keyspace::{StringRef, View};
use crate::resp::Reply;
use std::sync::Arc;

/// What the entries of this group have in common.
const STRING: Command = Command { group: Group::String, ..DEFAULT };

/// The entries of this group.
pub const COMMANDS: &[Command] = &[
    edit::APPEND,
    incr::DECR,
    incr::DECRBY,
    compare::DELEX,
    take::DELIFEQ,
    compare::DIGEST,
    get::GET,
    take::GETDEL,
    take::GETEX,
    get::GETRANGE,
    set::GETSET,
    incr::INCR,
    incr::INCRBY,
    incr::INCRBYFLOAT,
    increx::INCREX,
    lcs::LCS,
    get::MGET,
    set::MSET,
    set::MSETEX,
    set::MSETNX,
    set::PSETEX,
    set::SET,
    set::SETEX,
    set::SETNX,
    edit::SETRANGE,
    get::STRLEN,
    get::SUBSTR,
];

/// A string as a reply, from where it lies: a short one borrowed, a long one shared.
#[inline]
fn borrowed(value: StringRef<'_>) -> Reply<'_> {
    match value {
        StringRef::Bytes(bytes) => Reply::Bulk(bytes),
        StringRef::Int(number) => Reply::BulkInt(number),
        StringRef::Shared(bytes) => Reply::Shared(Arc::clone(bytes)),
    }
}

/// A string as a reply that outlives a change of the key: only a short one is copied.
fn kept(value: StringRef<'_>) -> Reply<'static> {
    match value {
        StringRef::Bytes(bytes) => Reply::Owned(bytes.to_vec()),
        StringRef::Int(number) => Reply::BulkInt(number),
        StringRef::Shared(bytes) => Reply::Shared(Arc::clone(bytes)),
    }
}

/// What it costs to read so many bytes of a long string: a cache line counts as one element.
pub(in crate::command) fn cost_of(bytes: usize) -> u64 {
    const LINE_BYTES: usize = 64;
    (bytes / LINE_BYTES) as u64
}

/// What it costs to read all of the string under the call's first key.
fn whole_cost<'a>(view: View<'a>, call: &Call<'a>) -> u64 {
    match view.string(call.key(1)) {
        Ok(Some(StringRef::Shared(bytes))) => cost_of(bytes.len()),
        _ => 1,
    }
}

/// A length as a reply. No string is longer than 512 MiB.
fn length(bytes: usize) -> Reply<'static> {
    Reply::Int(bytes as i64)
}
