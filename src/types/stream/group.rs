//! Consumer groups: who has been given which entries, and has not acknowledged them.
//!
//! ```text
//! Group ─► pending    id ─► consumer's number, delivery time, deliveries      (the group's PEL)
//!       ─► consumers  number ─► name, times, pending ids                      (a consumer's PEL)
//!       ─► names      name ─► number
//! ```
//!
//! A pending entry names its consumer by a number, so that a million of them take 32 bytes each and
//! 16 more in the consumer's list. All four are copy-on-write trees.

use super::StreamId;
use super::sorted::{Item, Sorted};
use std::sync::Arc;

/// `entries_read` of a group that does not know how many entries it has read.
pub const ENTRIES_READ_UNKNOWN: i64 = -1;

/// A consumer group.
#[derive(Clone)]
pub struct Group {
    name: Arc<[u8]>,
    /// The last id delivered.
    pub last_id: StreamId,
    /// How many entries the stream had ever got up to there, or [`ENTRIES_READ_UNKNOWN`].
    pub entries_read: i64,
    pending: Sorted<Pending>,
    consumers: Sorted<Consumer>,
    names: Sorted<Name>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The entry, which may have been deleted since.
    pub id: StreamId,
    /// When it was delivered last, unix ms.
    pub time: i64,
    /// How often it was delivered.
    pub count: u64,
    consumer: u32,
}

/// A consumer of a group.
#[derive(Clone)]
pub struct Consumer {
    number: u32,
    name: Arc<[u8]>,
    /// When it last asked for something, unix ms. A hint, like `active`: not in records or digest.
    pub seen: i64,
    /// When it last got something, unix ms; -1: never.
    pub active: i64,
    pending: Sorted<Delivered>,
}

/// An id in a consumer's list.
#[derive(Clone, Copy)]
struct Delivered(StreamId);

/// A consumer's number.
#[derive(Clone)]
struct Name {
    name: Arc<[u8]>,
    number: u32,
}

impl Group {
    /// A group without consumers.
    pub fn new(name: &[u8], last_id: StreamId, entries_read: i64) -> Self {
        Group {
            name: name.into(),
            last_id,
            entries_read,
            pending: Sorted::default(),
            consumers: Sorted::default(),
            names: Sorted::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// How many entries are pending.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// What is pending for an id.
    pub fn pending(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// What is pending from `start` on, by id.
    pub fn pending_from(&self, start: StreamId) -> impl Iterator<Item = &Pending> {
        self.pending.from(&start)
    }

    /// The first and the last pending id.
    pub fn pending_edges(&self) -> Option<(StreamId, StreamId)> {
        Some((self.pending.first()?.id, self.pending.last()?.id))
    }

    /// How many consumers there are.
    pub fn consumers_len(&self) -> usize {
        self.names.len()
    }

    /// The consumers, by name.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.names.iter().filter_map(|name| self.consumers.get(&name.number))
    }

    /// A consumer.
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.get(&self.names.get(name)?.number)
    }

    /// The name of the consumer that a pending entry was delivered to.
    pub fn owner(&self, pending: &Pending) -> &[u8] {
        self.consumers.get(&pending.consumer).map_or(&[], Consumer::name)
    }

    /// Adds a consumer that was seen at `now`; false if there is one with this name.
    pub fn add_consumer(&mut self, name: &[u8], now: i64) -> bool {
        if self.names.get(name).is_some() {
            return false;
        }
        let number = self.free_number();
        let name: Arc<[u8]> = name.into();
        self.names.insert(Name { name: Arc::clone(&name), number });
        let pending = Sorted::default();
        self.consumers.insert(Consumer { number, name, seen: now, active: -1, pending });
        true
    }

    /// A number that no consumer has: the one behind the last, and once those are used up the first
    /// gap.
    fn free_number(&self) -> u32 {
        let next = self.consumers.last().map_or(Some(0), |last| last.number.checked_add(1));
        next.unwrap_or_else(|| {
            let taken = self.consumers.iter().map(|consumer| consumer.number);
            (0..).zip(taken).find(|(want, number)| want != number).map_or(0, |(want, _)| want)
        })
    }

    /// Removes a consumer with what is pending for it; answers how much that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let number = self.names.remove(name)?.number;
        let consumer = self.consumers.remove(&number)?;
        for delivered in consumer.pending.iter() {
            self.pending.remove(&delivered.0);
        }
        Some(consumer.pending.len())
    }

    /// Notes that a consumer has asked for something, and perhaps got it.
    pub fn see_consumer(&mut self, name: &[u8], now: i64, active: bool) {
        let Some(number) = self.names.get(name).map(|name| name.number) else { return };
        self.consumers.edit(&number, |consumer| {
            consumer.seen = now;
            if active {
                consumer.active = now;
            }
        });
    }

    /// Sets a consumer's times, as an RDB file has them.
    pub fn set_consumer_times(&mut self, name: &[u8], seen: i64, active: i64) {
        let Some(number) = self.names.get(name).map(|name| name.number) else { return };
        self.consumers.edit(&number, |consumer| {
            (consumer.seen, consumer.active) = (seen, active);
        });
    }

    /// Makes entries pending for a consumer, whoever had them before. The consumer is there.
    pub fn deliver(&mut self, consumer: &[u8], ids: &[StreamId], time: i64, count: u64) {
        let Some(number) = self.names.get(consumer).map(|name| name.number) else { return };
        for &id in ids {
            let pending = Pending { id, time, count, consumer: number };
            let before = self.pending.insert(pending).map(|before| before.consumer);
            if let Some(other) = before.filter(|other| *other != number) {
                self.consumers.edit(&other, |other| other.pending.remove(&id));
            }
        }
        self.consumers.edit(&number, |consumer| {
            for &id in ids {
                consumer.pending.insert(Delivered(id));
            }
        });
    }

    /// Takes an entry out of the pending ones; whether it was there.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        self.consumers.edit(&pending.consumer, |consumer| consumer.pending.remove(&id));
        true
    }
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// How many entries are pending for it.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The ids pending for it, from `start` on.
    pub fn pending_from(&self, start: StreamId) -> impl Iterator<Item = StreamId> {
        self.pending.from(&start).map(|delivered| delivered.0)
    }
}

/// An `Arc`'s two counters before a name's bytes.
const ARC_BYTES: usize = 16;

impl Item for Group {
    type Key = Arc<[u8]>;

    fn key(&self) -> &Arc<[u8]> {
        &self.name
    }

    fn heap_bytes(&self) -> usize {
        let trees = self.pending.heap_bytes() + self.consumers.heap_bytes();
        ARC_BYTES + self.name.len() + trees + self.names.heap_bytes()
    }
}

impl Item for Pending {
    type Key = StreamId;

    fn key(&self) -> &StreamId {
        &self.id
    }
}

impl Item for Delivered {
    type Key = StreamId;

    fn key(&self) -> &StreamId {
        &self.0
    }
}

impl Item for Consumer {
    type Key = u32;

    fn key(&self) -> &u32 {
        &self.number
    }

    fn heap_bytes(&self) -> usize {
        // The name counts here; who finds it by name shares it.
        ARC_BYTES + self.name.len() + self.pending.heap_bytes()
    }
}

impl Item for Name {
    type Key = Arc<[u8]>;

    fn key(&self) -> &Arc<[u8]> {
        &self.name
    }
}
