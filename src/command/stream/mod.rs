//! The commands of streams.
//!
//! | file | commands |
//! |---|---|
//! | `add` | XADD, XTRIM, over the options in `trim` |
//! | `idempotency` | XCFGSET, XIDMPRECORD |
//! | `edit` | XDEL, XSETID |
//! | `range` | XLEN, XRANGE, XREVRANGE |
//! | `read` | XREAD, XREADGROUP, over the options in `reading`; `delivery`: to one group |
//! | `group` | XGROUP |
//! | `pending` | XACK, XPENDING |
//! | `claim` | XCLAIM, XAUTOCLAIM |
//! | `nack` | XNACK |
//! | `info` | XINFO |
//! | `release` | XACKDEL, XDELEX |
//! | `references` | KEEPREF, DELREF and ACKED |
//! | `ids` | ids and intervals in requests |
//!
//! Records: XADD with the id, trimming always exact; whatever makes entries pending is an XCLAIM
//! with time and count; a group that was read on is an XGROUP SETID. What DELREF and ACKED come to
//! is XACK, XTRIM and XDEL.

mod add;
mod claim;
mod delivery;
mod edit;
mod group;
mod idempotency;
mod ids;
mod info;
mod nack;
mod pending;
mod range;
mod read;
mod reading;
mod references;
mod release;
#[cfg(test)]
mod tests;
mod trim;

use super::error::c_text;
use super::{Command, DEFAULT, Error, Group};
use crate::resp::{NestedBuilder, Reply};
use crate::types::stream::{Entry, StreamId};

/// What the entries of this group have in common.
const STREAM: Command = Command { group: Group::Stream, since: "5.0.0", ..DEFAULT };

/// The entries of this group.
pub(super) const COMMANDS: &[Command] = &[
    pending::XACK,
    release::XACKDEL,
    add::XADD,
    claim::XAUTOCLAIM,
    idempotency::XCFGSET,
    claim::XCLAIM,
    edit::XDEL,
    release::XDELEX,
    group::XGROUP,
    idempotency::XIDMPRECORD,
    info::XINFO,
    range::XLEN,
    nack::XNACK,
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
    id.write(&mut [0; StreamId::TEXT_BYTES_MAX]).to_vec()
}

/// Adds the two parts of an entry's reply: its id, then its fields and values.
fn add_entry(entry: &Entry<'_>, reply: &mut NestedBuilder) {
    reply.string(entry.id.write(&mut [0; StreamId::TEXT_BYTES_MAX]));
    reply.array(2 * entry.fields());
    add_pairs(entry, reply);
}

/// Adds an entry's fields and values.
fn add_pairs(entry: &Entry<'_>, reply: &mut NestedBuilder) {
    for (field, value) in entry.pairs() {
        field.with(|bytes| reply.string(bytes));
        value.with(|bytes| reply.string(bytes));
    }
}

/// An entry as a reply.
fn entry_reply(entry: &Entry<'_>) -> Reply<'static> {
    let mut reply = NestedBuilder::default();
    add_entry(entry, &mut reply);
    reply.finish(2)
}

/// Entries as a reply; about how many there are is a hint.
fn entries_reply<'e>(entries: impl Iterator<Item = Entry<'e>>, about: usize) -> Reply<'static> {
    /// An entry with a field and a value of ten bytes each.
    const USUAL_BYTES: usize = 64;
    /// Room for more is made when it is needed.
    const ROOM_MAX: usize = 8 * 1024;
    let mut reply = NestedBuilder::with_capacity(about.saturating_mul(USUAL_BYTES).min(ROOM_MAX));
    let mut count = 0;
    for entry in entries {
        reply.array(2);
        add_entry(&entry, &mut reply);
        count += 1;
    }
    reply.finish(count)
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
