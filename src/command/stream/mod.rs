//! The commands of streams.
//!
//! | file | commands |
//! |---|---|
//! | `add` | XADD, XTRIM, over the options in `trim` |
//! | `edit` | XDEL, XSETID |
//! | `range` | XLEN, XRANGE, XREVRANGE |
//! | `read` | XREAD, XREADGROUP, over the options in `reading` |
//! | `group` | XGROUP |
//! | `pending` | XACK, XPENDING |
//! | `claim` | XCLAIM, XAUTOCLAIM |
//! | `info` | XINFO |
//! | `release` | XACKDEL, XDELEX |
//! | `ids` | ids and intervals in requests |
//!
//! Records: XADD with the id, trimming always exact; whatever makes entries pending is an XCLAIM
//! with time and count; a group that was read on is an XGROUP SETID.

mod add;
mod claim;
mod edit;
mod group;
mod ids;
mod info;
mod pending;
mod range;
mod read;
mod reading;
mod release;
#[cfg(test)]
mod tests;
mod trim;

use super::error::c_text;
use super::{Command, DEFAULT, Error, Group};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::stream::{Entry, StreamId};

/// What the entries of this group have in common.
const STREAM: Command = Command { group: Group::Stream, since: "5.0.0", ..DEFAULT };

/// The entries of this group.
pub(super) const COMMANDS: &[Command] = &[
    pending::XACK,
    release::XACKDEL,
    add::XADD,
    claim::XAUTOCLAIM,
    claim::XCLAIM,
    edit::XDEL,
    release::XDELEX,
    group::XGROUP,
    info::XINFO,
    range::XLEN,
    pending::XPENDING,
    range::XRANGE,
    read::XREAD,
    read::XREADGROUP,
    range::XREVRANGE,
    edit::XSETID,
    add::XTRIM,
];

/// An id as a reply.
fn id_reply(id: StreamId) -> Reply<'static> {
    Reply::Owned(id_text(id))
}

fn id_text(id: StreamId) -> Vec<u8> {
    let mut number = itoa::Buffer::new();
    let mut text = Vec::with_capacity(24);
    text.extend_from_slice(number.format(id.ms).as_bytes());
    text.push(b'-');
    text.extend_from_slice(number.format(id.seq).as_bytes());
    text
}

/// An entry as a reply: its id, then its fields and values.
fn entry_reply(entry: &Entry<'_>) -> Reply<'static> {
    let mut words = BulksBuilder::new(BulksKind::Array);
    for (field, value) in entry.pairs() {
        field.with(|bytes| words.push(bytes));
        value.with(|bytes| words.push(bytes));
    }
    Reply::Array(vec![id_reply(entry.id), words.finish()])
}

/// Entries as a reply.
fn entries_reply<'e>(entries: impl Iterator<Item = Entry<'e>>) -> Reply<'static> {
    Reply::Array(entries.map(|entry| entry_reply(&entry)).collect())
}

/// A count as a reply. No stream has more than 2^63 entries.
fn count_reply(count: usize) -> Reply<'static> {
    Reply::Int(count as i64)
}

/// There is no such key, or no such group in its stream.
fn no_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (c_text(key), c_text(group));
    Error::owned(format!("NOGROUP No such key '{key}' or consumer group '{group}'"))
}
