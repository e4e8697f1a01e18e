//! Streams of [`crate::types::stream`] as they are written, and as they come out of what was read.

use std::collections::HashMap;
use std::io;

use super::write::{ConsumerFacts, GroupFacts, GroupSource, StreamFacts, StreamSource};
use super::{Group, Id, NOBODY, Stream};
use crate::types::stream::{self as types, Consumer, ENTRIES_READ_UNKNOWN, Idempotency};

impl StreamSource for types::Stream {
    fn facts(&self) -> StreamFacts {
        StreamFacts {
            nodes: self.chunks_len(),
            length: self.len() as u64,
            last_id: self.last_id(),
            first_id: self.first_id(),
            max_deleted_id: self.max_deleted_id(),
            entries_added: self.entries_added(),
            groups: self.groups_len(),
        }
    }

    fn each_node(&self, f: &mut dyn FnMut(Id, &[u8]) -> io::Result<()>) -> io::Result<()> {
        self.chunks().try_for_each(|chunk| f(chunk.master(), chunk.bytes()))
    }

    fn each_group(&self, f: &mut dyn FnMut(&dyn GroupSource) -> io::Result<()>) -> io::Result<()> {
        self.groups().try_for_each(|group| f(group))
    }

    fn idempotency(&self) -> Option<&Idempotency> {
        self.idempotency()
    }

    fn has_extras(&self) -> bool {
        self.has_extras()
    }
}

impl GroupSource for types::Group {
    fn facts(&self) -> GroupFacts<'_> {
        GroupFacts {
            name: self.name(),
            last_id: self.last_id,
            entries_read: u64::try_from(self.entries_read).ok(),
            pending: self.pending_len(),
            consumers: self.consumers_len(),
            released: self.released_len(),
        }
    }

    fn each_released(&self, f: &mut dyn FnMut(Id) -> io::Result<()>) -> io::Result<()> {
        self.released().try_for_each(|one| f(one.id))
    }

    fn each_pending(&self, f: &mut dyn FnMut(Id, i64, u64) -> io::Result<()>) -> io::Result<()> {
        self.pending_from(Id::MIN).try_for_each(|one| f(one.id, one.time(), one.count))
    }

    fn each_consumer(
        &self,
        f: &mut dyn FnMut(ConsumerFacts<'_>, &mut dyn Iterator<Item = Id>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.consumers().try_for_each(|consumer: &Consumer| {
            let facts = ConsumerFacts {
                name: consumer.name(),
                seen_ms: consumer.seen,
                active_ms: consumer.active,
                pending: consumer.pending_len(),
            };
            f(facts, &mut consumer.pending_from(Id::MIN))
        })
    }
}

impl Stream<'_> {
    /// The stream, ready to be put under a key. An error says what is wrong with it.
    pub fn build(self) -> Result<types::Stream, String> {
        let mut stream = types::Stream::new();
        for node in self.nodes {
            stream.push_chunk(node)?;
        }
        stream.set_id(self.last_id, self.entries_added, self.max_deleted_id);
        for group in self.groups {
            stream.put_group(build_group(&group));
        }
        if let Some(known) = self.idempotency {
            stream.edit_idempotency(|one| *one = known);
        }
        Ok(stream)
    }
}

fn build_group(group: &Group<'_>) -> types::Group {
    let read = group.entries_read.and_then(|read| i64::try_from(read).ok());
    let mut built =
        types::Group::new(&group.name, group.last_id, read.unwrap_or(ENTRIES_READ_UNKNOWN));
    for consumer in &group.consumers {
        built.add_consumer(&consumer.name, consumer.seen_ms);
        built.set_consumer_times(&consumer.name, consumer.seen_ms, consumer.active_ms);
    }
    let alike = group
        .pending
        .chunk_by(|a, b| (a.consumer, a.time_ms, a.count) == (b.consumer, b.time_ms, b.count));
    for run in alike {
        let ids: Vec<Id> = run.iter().map(|pending| pending.id).collect();
        if let Some(first) = run.first()
            && let Some(consumer) = group.consumers.get(first.consumer)
        {
            built.deliver(&consumer.name, &ids, first.time_ms, first.count);
        }
    }
    let counts: HashMap<Id, u64> = group
        .pending
        .iter()
        .filter(|pending| pending.consumer == NOBODY)
        .map(|pending| (pending.id, pending.count))
        .collect();
    for id in &group.released {
        built.release(*id, counts.get(id).copied().unwrap_or_default());
    }
    built
}
