//! Streams, both ways.
//!
//! ```text
//! 15      nodes length last groups
//! 19, 21  nodes length last first deleted added groups
//!
//! nodes      count (string string)*      master id (16 bytes, big-endian), listpack (`node.rs`)
//! last, first, deleted                   ids: length length      added: length
//! groups     count (name last [read] pending consumers)*         read: length, -1: unknown
//! pending    count (id16 time64 deliveries)*                     time: unix ms; deliveries: length
//! consumers  count (name seen64 [active64] count (id16)*)*       active: only in 21; read: not in 15
//! ```
//!
//! We write 19, and 21 where the format has it.

mod convert;
mod node;
mod read;
mod write;

use std::borrow::Cow;

pub use crate::types::stream::StreamId as Id;
pub use node::Pair;
pub(super) use node::walk;
pub(super) use read::{read, read_id};
pub(super) use write::write;
pub use write::{ConsumerFacts, GroupFacts, GroupSource, StreamFacts, StreamSource};

/// A stream that was read. Entries' ids ascend and are at most `last_id`; `length` is their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream<'a> {
    /// The entries, some to a node. Every node has a live entry.
    pub nodes: Vec<Node<'a>>,
    /// How many entries are live.
    pub length: u64,
    /// The greatest id that was ever given.
    pub last_id: Id,
    /// The first live entry's; 0-0 if there is none.
    pub first_id: Id,
    /// The greatest id that was deleted; 0-0 if none was. At most `last_id`.
    pub max_deleted_id: Id,
    /// How many entries were ever added; at least `length`.
    pub entries_added: u64,
    /// The consumer groups; their names differ.
    pub groups: Vec<Group<'a>>,
}

/// Some entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// What the ids in it are counted from.
    pub master: Id,
    /// A listpack with head and end mark, in the layout of Redis' streams, checked.
    pub listpack: Cow<'a, [u8]>,
}

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group<'a> {
    /// Its name.
    pub name: Cow<'a, [u8]>,
    /// The last id delivered.
    pub last_id: Id,
    /// How many entries were ever added up to there, if that is known.
    pub entries_read: Option<u64>,
    /// What was delivered and not acknowledged. The ids differ; their entries may be gone.
    pub pending: Vec<Pending>,
    /// The consumers; their names differ.
    pub consumers: Vec<Consumer<'a>>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The entry's id.
    pub id: Id,
    /// When it was delivered last: unix ms.
    pub time_ms: i64,
    /// How often it was delivered.
    pub count: u64,
    /// To whom: an index of the group's consumers.
    pub consumer: usize,
}

/// A consumer of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer<'a> {
    /// Its name.
    pub name: Cow<'a, [u8]>,
    /// When it last asked for something: unix ms.
    pub seen_ms: i64,
    /// When it last got something: unix ms; -1: never.
    pub active_ms: i64,
}
