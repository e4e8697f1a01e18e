//! Reading a file piece by piece: what tools do that do not keep what they read.
//!
//! [`load`](super::load) hands over whole values, so it needs memory for the largest. Here a
//! [`Visitor`] gets a value element by element, in file order, from a window of the file that holds
//! a few hundred KiB, or the largest single string if that is longer (a compact form is one
//! string; so is an element). Of a stream's consumer group, the pending entries are kept too.
//!
//! What that cannot tell is whether an element is there twice: `load` refuses such a file. All else
//! is read by the same functions, so a file that is refused here is refused there.

mod file;
mod stream;
#[cfg(test)]
mod tests;
mod value;
mod window;

use super::error::{Corrupt, LoadError, Refused};
use super::opcodes::Version;
use super::reader::Entry;
use super::stream::{Id, Pair};
use crate::keyspace::value::Type;
use crate::types::packed::Element;

pub use file::{file, payload};

/// What a visitor wants of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Its value in pieces, and [`Visitor::end`] behind them.
    Pieces,
    /// Nothing: no further call about it.
    Nothing,
    /// The value's bytes in one piece ([`Visitor::raw`]) if they are at most so many, else pieces.
    Raw(usize),
}

/// What receives a file's content. Whatever it answers with [`Refused`] ends the reading. Content
/// is handed over before the file's checksum is known.
pub trait Visitor {
    /// A fact about the file, such as `redis-ver`.
    fn aux(&mut self, _name: &[u8], _value: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    /// A function library's source.
    fn function(&mut self, code: &[u8]) -> Result<(), Refused>;

    /// A key; its value follows as the answer says.
    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused>;

    /// The key's value as it lies in the file, behind the type `number` of this version.
    fn raw(&mut self, _version: Version, _number: u8, _bytes: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    /// The string; or an element of the list, or a member of the set.
    fn element(&mut self, element: Element<'_>) -> Result<(), Refused>;

    /// A field of the hash, perhaps with a time of expiry (unix ms).
    fn field(
        &mut self,
        name: Element<'_>,
        value: Element<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), Refused>;

    /// A member of the sorted set; its score is no NaN.
    fn scored(&mut self, member: Element<'_>, score: f64) -> Result<(), Refused>;

    /// An entry of the stream.
    fn entry(&mut self, id: Id, fields: &[Pair<'_>]) -> Result<(), Refused>;

    /// What there is to say of the stream; behind its entries.
    fn stream(&mut self, facts: &StreamEnd) -> Result<(), Refused>;

    /// A consumer group of the stream.
    fn group(&mut self, group: &GroupHead<'_>) -> Result<(), Refused>;

    /// A consumer of the group.
    fn consumer(&mut self, consumer: &ConsumerHead<'_>) -> Result<(), Refused>;

    /// An entry that is pending for the consumer.
    fn pending(&mut self, pending: &PendingEntry) -> Result<(), Refused>;

    /// An entry that is pending in the group and that no consumer has; behind its consumers, in
    /// the order of their release.
    fn released(&mut self, released: &ReleasedEntry) -> Result<(), Refused>;

    /// How the stream knows its producers' messages, if that is not as in a new stream; behind
    /// its groups.
    fn idempotency(&mut self, settings: &IdempotencyHead) -> Result<(), Refused>;

    /// A message of a producer, and the entry that it has become. A producer's come together, in
    /// the order they came.
    fn message(&mut self, message: &Message<'_>) -> Result<(), Refused>;

    /// Behind the messages: how many were ever recorded, and how many came again.
    fn idempotency_end(&mut self, added: u64, duplicates: u64) -> Result<(), Refused>;

    /// The value has ended; it took so many bytes in the file, without its key.
    fn end(&mut self, bytes: u64) -> Result<(), Refused>;

    /// Something that is not understood was passed over.
    fn left_out(&mut self, what: &LeftOut<'_>) -> Result<(), Refused>;
}

/// See [`super::stream::Stream`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamEnd {
    /// How many entries are live.
    pub length: u64,
    /// The greatest id that was ever given.
    pub last_id: Id,
    /// The greatest id that was deleted; 0-0 if none was.
    pub max_deleted_id: Id,
    /// How many entries were ever added.
    pub entries_added: u64,
}

/// A consumer group, without its consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHead<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The last id delivered.
    pub last_id: Id,
    /// How many entries were ever added up to there, if that is known.
    pub entries_read: Option<u64>,
}

/// A consumer, without its pending entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerHead<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// When it last asked for something: unix ms.
    pub seen_ms: i64,
    /// When it last got something: unix ms; -1: never.
    pub active_ms: i64,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingEntry {
    /// The entry's id.
    pub id: Id,
    /// When it was delivered last: unix ms.
    pub time_ms: i64,
    /// How often it was delivered.
    pub count: u64,
}

/// An entry that a consumer has given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleasedEntry {
    /// The entry's id.
    pub id: Id,
    /// How often it counts as delivered.
    pub count: u64,
}

/// See [`crate::types::stream::Idempotency`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyHead {
    /// How long messages are known, in seconds.
    pub duration_s: u64,
    /// How many of a producer.
    pub max_size: usize,
}

/// A message of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The producer's id.
    pub pid: &'a [u8],
    /// The message's idempotent id.
    pub iid: &'a [u8],
    /// The entry that it has become.
    pub id: Id,
}

/// What was passed over: a key whose value is a module's, or of a type that is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut<'a> {
    /// The key.
    pub entry: &'a Entry<'a>,
    /// The type's name.
    pub what: &'static str,
}

fn corrupt(offset: u64, expected: &str, found: impl Into<String>) -> LoadError {
    Corrupt { offset, expected: expected.to_owned(), found: found.into() }.into()
}
