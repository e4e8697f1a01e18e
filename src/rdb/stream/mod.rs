//! Streams, both ways.
//!
//! ```text
//! 15      nodes length last groups
//! 19, 21  nodes length last first deleted added groups
//! 26, 27  nodes length last first deleted added groups idempotency
//!
//! nodes      count (string string)*      master id (16 bytes, big-endian), listpack (a `Chunk`)
//! last, first, deleted                   ids: length length      added: length
//! groups     count (name last [read] pending consumers [released])*    read: length, -1: unknown
//! pending    count (id16 time64 deliveries)*                     time: unix ms; deliveries: length
//! consumers  count (name seen64 [active64] count (id16)*)*       active: from 21; read: not in 15
//! released   count (id16)*               only in 27: the pending ones that nobody has, in order
//! idempotency
//!            seconds size producers recorded duplicates          all but producers: lengths
//! producers  count (pid count (iid id)*)*                        in the order they came
//! ```
//!
//! We write 19, 21 where the format has it, and 27 for a stream with extras.

mod convert;
mod read;
mod write;

use std::borrow::Cow;

use crate::types::packed::Element;
pub use crate::types::stream::StreamId as Id;
use crate::types::stream::{Chunk, Idempotency};
pub(super) use read::{idempotency_settings, read, read_deliveries, read_entries_read, read_id};
pub use write::{ConsumerFacts, GroupFacts, GroupSource, StreamFacts, StreamSource};
pub(super) use write::{number, write};

/// A field of an entry, and its value.
pub type Pair<'a> = (Element<'a>, Element<'a>);

/// A stream that was read. Entries' ids ascend and are at most `last_id`; `length` is their number.
#[derive(Clone, Debug, Default)]
pub struct Stream<'a> {
    /// The entries, some to a node, checked. Every node has a live entry.
    pub nodes: Vec<Chunk>,
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
    /// What is known of producers, if anything is.
    pub idempotency: Option<Idempotency>,
}

impl Stream<'_> {
    /// See [`crate::types::stream::Stream::has_extras`].
    pub fn has_extras(&self) -> bool {
        self.idempotency.is_some() || self.groups.iter().any(|group| !group.released.is_empty())
    }
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
    /// Those of them that no consumer has, in the order of their release.
    pub released: Vec<Id>,
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
    /// To whom: an index of the group's consumers, or [`NOBODY`].
    pub consumer: usize,
}

/// In the place of a consumer: it was released.
pub const NOBODY: usize = usize::MAX;

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
