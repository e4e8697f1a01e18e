//! Writing a stream, whatever it is made of.

use std::io;

use super::super::length;
use super::super::opcodes;
use super::super::put::{Put, complete};
use super::{Group, Id, Stream};
use crate::rdb::Format;
use crate::types::stream::Idempotency;

/// A stream to be written.
pub trait StreamSource {
    /// What there is to say about it as a whole.
    fn facts(&self) -> StreamFacts;

    /// Hands every node to `f`, in order, until it fails: its master id, and its listpack with head
    /// and end mark.
    fn each_node(&self, f: &mut dyn FnMut(Id, &[u8]) -> io::Result<()>) -> io::Result<()>;

    /// Hands every group to `f` until it fails.
    fn each_group(&self, f: &mut dyn FnMut(&dyn GroupSource) -> io::Result<()>) -> io::Result<()>;

    /// What is known of producers, if anything is.
    fn idempotency(&self) -> Option<&Idempotency>;

    /// Whether it has released entries or idempotent ids.
    fn has_extras(&self) -> bool;
}

/// See the fields of [`Stream`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// How many nodes.
    pub nodes: usize,
    /// How many live entries.
    pub length: u64,
    /// The greatest id ever given.
    pub last_id: Id,
    /// The first live entry's.
    pub first_id: Id,
    /// The greatest id deleted.
    pub max_deleted_id: Id,
    /// Entries ever added.
    pub entries_added: u64,
    /// How many groups.
    pub groups: usize,
}

/// A consumer group to be written.
pub trait GroupSource {
    /// What there is to say about it as a whole.
    fn facts(&self) -> GroupFacts<'_>;

    /// Hands every pending entry to `f` until it fails: id, time of delivery (unix ms), deliveries.
    fn each_pending(&self, f: &mut dyn FnMut(Id, i64, u64) -> io::Result<()>) -> io::Result<()>;

    /// Hands every released entry's id to `f`, in order, until it fails.
    fn each_released(&self, f: &mut dyn FnMut(Id) -> io::Result<()>) -> io::Result<()>;

    /// Hands every consumer to `f` until it fails, with the ids that are pending with it.
    fn each_consumer(
        &self,
        f: &mut dyn FnMut(ConsumerFacts<'_>, &mut dyn Iterator<Item = Id>) -> io::Result<()>,
    ) -> io::Result<()>;
}

/// See the fields of [`Group`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupFacts<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The last id delivered.
    pub last_id: Id,
    /// Entries ever added up to there, if that is known.
    pub entries_read: Option<u64>,
    /// How many pending entries.
    pub pending: usize,
    /// How many consumers.
    pub consumers: usize,
    /// How many of the pending entries are released.
    pub released: usize,
}

/// See the fields of [`super::Consumer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerFacts<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// When it last asked for something.
    pub seen_ms: i64,
    /// When it last got something; -1: never.
    pub active_ms: i64,
    /// How many entries are pending with it.
    pub pending: usize,
}

/// The type that a stream is written as; none if the format has none for it.
pub(in super::super) fn number(stream: &dyn StreamSource, format: Format) -> Option<u8> {
    if stream.has_extras() {
        return format.has_stream_extras().then_some(opcodes::TYPE_STREAM_5);
    }
    Some(if format.has_stream_3() { opcodes::TYPE_STREAM_3 } else { opcodes::TYPE_STREAM_2 })
}

/// Writes a stream of type `number` behind its key.
pub(in super::super) fn write(
    put: &mut impl Put,
    stream: &dyn StreamSource,
    number: u8,
) -> io::Result<()> {
    let facts = stream.facts();
    length::put(put.buffer(), facts.nodes as u64);
    let mut written = 0;
    stream.each_node(&mut |master, listpack| {
        written += 1;
        put.string(&master.to_bytes())?;
        put.string(listpack)
    })?;
    complete(written, facts.nodes)?;
    length::put(put.buffer(), facts.length);
    for id in [facts.last_id, facts.first_id, facts.max_deleted_id] {
        put_id(put.buffer(), id);
    }
    length::put(put.buffer(), facts.entries_added);
    length::put(put.buffer(), facts.groups as u64);
    let mut written = 0;
    stream.each_group(&mut |group| {
        written += 1;
        write_group(put, group, number)
    })?;
    complete(written, facts.groups)?;
    if number >= opcodes::TYPE_STREAM_4 {
        let default = Idempotency::default();
        write_idempotency(put, stream.idempotency().unwrap_or(&default))?;
    }
    Ok(())
}

fn write_idempotency(put: &mut impl Put, known: &Idempotency) -> io::Result<()> {
    length::put(put.buffer(), known.duration_s());
    length::put(put.buffer(), known.max_size() as u64);
    length::put(put.buffer(), known.producers_len() as u64);
    for producer in known.producers() {
        put.string(producer.pid())?;
        length::put(put.buffer(), producer.len() as u64);
        for (iid, id) in producer.ids() {
            put.string(iid)?;
            put_id(put.buffer(), id);
        }
    }
    length::put(put.buffer(), known.added());
    length::put(put.buffer(), known.duplicates());
    Ok(())
}

fn write_group(put: &mut impl Put, group: &dyn GroupSource, number: u8) -> io::Result<()> {
    let facts = group.facts();
    put.string(facts.name)?;
    put_id(put.buffer(), facts.last_id);
    length::put(put.buffer(), facts.entries_read.unwrap_or(u64::MAX));
    length::put(put.buffer(), facts.pending as u64);
    let mut written = 0;
    group.each_pending(&mut |id, time_ms, count| {
        written += 1;
        put.buffer().extend_from_slice(&id.to_bytes());
        put.buffer().extend_from_slice(&time_ms.to_le_bytes());
        length::put(put.buffer(), count);
        put.spill()
    })?;
    complete(written, facts.pending)?;
    length::put(put.buffer(), facts.consumers as u64);
    let mut written = 0;
    group.each_consumer(&mut |consumer, pending| {
        written += 1;
        put.string(consumer.name)?;
        put.buffer().extend_from_slice(&consumer.seen_ms.to_le_bytes());
        if number >= opcodes::TYPE_STREAM_3 {
            put.buffer().extend_from_slice(&consumer.active_ms.to_le_bytes());
        }
        length::put(put.buffer(), consumer.pending as u64);
        let mut written = 0;
        for id in pending {
            written += 1;
            put.buffer().extend_from_slice(&id.to_bytes());
            put.spill()?;
        }
        complete(written, consumer.pending)
    })?;
    complete(written, facts.consumers)?;
    if number >= opcodes::TYPE_STREAM_5 {
        length::put(put.buffer(), facts.released as u64);
        let mut written = 0;
        group.each_released(&mut |id| {
            written += 1;
            put.buffer().extend_from_slice(&id.to_bytes());
            put.spill()
        })?;
        complete(written, facts.released)?;
    }
    Ok(())
}

fn put_id(out: &mut Vec<u8>, id: Id) {
    length::put(out, id.ms);
    length::put(out, id.seq);
}

/// A stream that was read can be written again.
impl StreamSource for Stream<'_> {
    fn facts(&self) -> StreamFacts {
        StreamFacts {
            nodes: self.nodes.len(),
            length: self.length,
            last_id: self.last_id,
            first_id: self.first_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
            groups: self.groups.len(),
        }
    }

    fn each_node(&self, f: &mut dyn FnMut(Id, &[u8]) -> io::Result<()>) -> io::Result<()> {
        self.nodes.iter().try_for_each(|node| f(node.master(), node.bytes()))
    }

    fn each_group(&self, f: &mut dyn FnMut(&dyn GroupSource) -> io::Result<()>) -> io::Result<()> {
        self.groups.iter().try_for_each(|group| f(group))
    }

    fn idempotency(&self) -> Option<&Idempotency> {
        self.idempotency.as_ref()
    }

    fn has_extras(&self) -> bool {
        self.has_extras()
    }
}

impl GroupSource for Group<'_> {
    fn facts(&self) -> GroupFacts<'_> {
        GroupFacts {
            name: &self.name,
            last_id: self.last_id,
            entries_read: self.entries_read,
            pending: self.pending.len(),
            consumers: self.consumers.len(),
            released: self.released.len(),
        }
    }

    fn each_released(&self, f: &mut dyn FnMut(Id) -> io::Result<()>) -> io::Result<()> {
        self.released.iter().try_for_each(|id| f(*id))
    }

    fn each_pending(&self, f: &mut dyn FnMut(Id, i64, u64) -> io::Result<()>) -> io::Result<()> {
        self.pending.iter().try_for_each(|pending| f(pending.id, pending.time_ms, pending.count))
    }

    fn each_consumer(
        &self,
        f: &mut dyn FnMut(ConsumerFacts<'_>, &mut dyn Iterator<Item = Id>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut ids = vec![Vec::new(); self.consumers.len()];
        for pending in &self.pending {
            if let Some(ids) = ids.get_mut(pending.consumer) {
                ids.push(pending.id);
            }
        }
        for (consumer, ids) in self.consumers.iter().zip(ids) {
            let facts = ConsumerFacts {
                name: &consumer.name,
                seen_ms: consumer.seen_ms,
                active_ms: consumer.active_ms,
                pending: ids.len(),
            };
            f(facts, &mut ids.into_iter())?;
        }
        Ok(())
    }
}
