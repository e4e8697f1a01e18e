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
use crate::types::list::Side;

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

/// The element that an index means, counted from the tail if it is negative.
#[inline]
fn resolved(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add_unsigned(len as u64)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}
