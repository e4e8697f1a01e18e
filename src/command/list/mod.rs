//! The commands of lists.
//!
//! | file | commands |
//! |---|---|
//! | `push` | LPUSH, RPUSH, LPUSHX, RPUSHX |
//! | `pop` | LPOP, RPOP, LMPOP |
//! | `look` | LLEN, LINDEX, LRANGE |
//! | `find` | LPOS |
//! | `edit` | LSET, LINSERT, LREM, LTRIM |
//! | `transfer` | LMOVE, RPOPLPUSH, LMOVEM |
//! | `blocking` | BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH, BLMOVEM: the same, with waiting |
//!
//! Records: what pops is LPOP or RPOP, with its count if that is not 1; what moves one element is
//! LMOVE; LMOVEM of several is a push and a pop.

mod blocking;
mod edit;
mod find;
mod look;
mod pop;
mod push;
#[cfg(test)]
mod tests;
mod transfer;

use super::{Call, Command, DEFAULT, Error, Group, Result};
use crate::resp::Reply;
use crate::types::list::Side;
use crate::types::packed::Element;
use std::ops::Range;

/// What the group's entries have in common.
const LIST: Command = Command { group: Group::List, ..DEFAULT };

/// The entries of this group.
pub(super) const COMMANDS: &[Command] = &[
    blocking::BLMOVE,
    blocking::BLMOVEM,
    blocking::BLMPOP,
    blocking::BLPOP,
    blocking::BRPOP,
    blocking::BRPOPLPUSH,
    look::LINDEX,
    edit::LINSERT,
    look::LLEN,
    transfer::LMOVE,
    transfer::LMOVEM,
    pop::LMPOP,
    pop::LPOP,
    find::LPOS,
    push::LPUSH,
    push::LPUSHX,
    look::LRANGE,
    edit::LREM,
    edit::LSET,
    edit::LTRIM,
    pop::RPOP,
    transfer::RPOPLPUSH,
    push::RPUSH,
    push::RPUSHX,
];

/// An argument that is LEFT or RIGHT.
fn side(call: &Call<'_>, index: usize) -> Result<Side> {
    if call.is(index, "LEFT") {
        Ok(Side::Left)
    } else if call.is(index, "RIGHT") {
        Ok(Side::Right)
    } else {
        Err(Error::Syntax)
    }
}

/// An element as a reply, from where it lies.
#[inline]
fn borrowed(element: Element<'_>) -> Reply<'_> {
    match element {
        Element::Int(number) => Reply::BulkInt(number),
        Element::Bytes(bytes) => Reply::Bulk(bytes),
    }
}

/// An element as a reply that outlives a change of its list.
#[inline]
fn owned(element: Element<'_>) -> Reply<'static> {
    match element {
        Element::Int(number) => Reply::BulkInt(number),
        Element::Bytes(bytes) => Reply::from_vec(bytes.to_vec()),
    }
}

/// The element that an index means, counted from the tail if it is negative.
#[inline]
fn resolved(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add_unsigned(len as u64)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// The elements that LRANGE and LTRIM mean by two indexes, both included and counted from the tail
/// if they are negative; an empty range if there are none.
fn range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_tail = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let start = usize::try_from(from_tail(start).max(0)).unwrap_or(usize::MAX);
    // A stop before the head leaves nothing.
    let end = usize::try_from(from_tail(stop).saturating_add(1)).unwrap_or(0).min(len);
    if start < end { start..end } else { 0..0 }
}
