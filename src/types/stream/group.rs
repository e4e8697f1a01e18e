//! Consumer groups: who has been given which entries, and has not acknowledged them.
//!
//! ```text
//! Group ─► pending    id ─► consumer's number, delivery time, deliveries      (the group's PEL)
//!       ─► consumers  number ─► name, times, pending ids                      (a consumer's PEL)
//!       ─► names      name ─► number
//!       ─► released   pending ids that no consumer has, in the order of their release
//!       ─► times      pending ids by delivery time, once somebody has asked for that order
//! ```
//!
//! A pending entry names its consumer by a number, so that a million of them take 40 bytes each and
//! 16 more in the consumer's list. All are copy-on-write trees.
//!
//! XNACK releases entries: they stay pending, nobody has them, and whoever claims idle ones gets
//! them first. `times` holds nothing that does not follow from `pending`: XREADGROUP CLAIM makes it
//! ([`Group::index_times`]), so groups that are never asked do without.

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
    released: Sorted<Placed>,
    times: Option<Sorted<Placed>>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The entry, which may have been deleted since.
    pub id: StreamId,
    /// How often it was delivered.
    pub count: u64,
    /// When it was delivered last, unix ms; of a released one its place among them.
    stamp: i64,
    consumer: u32,
}

/// In the place of a consumer's number: nobody has the entry.
const NOBODY: u32 = u32::MAX;

impl Pending {
    /// Whether XNACK has released it: it is pending, and nobody has it.
    pub fn is_released(&self) -> bool {
        self.consumer == NOBODY
    }

    /// When it was delivered last, unix ms; 0 if it was released: it has been idle for ever.
    pub fn time(&self) -> i64 {
        if self.is_released() { 0 } else { self.stamp }
    }

    fn placed(&self) -> Placed {
        Placed((self.stamp, self.id))
    }
}

/// A pending id in an order other than that of ids.
#[derive(Clone, Copy)]
struct Placed((i64, StreamId));

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
            released: Sorted::default(),
            times: None,
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

    /// How many entries are released.
    pub fn released_len(&self) -> usize {
        self.released.len()
    }

    /// The released entries, the one that was released first in front.
    pub fn released(&self) -> impl Iterator<Item = &Pending> {
        self.released.iter().filter_map(|placed| self.pending.get(&placed.0.1))
    }

    /// The pending entries that were delivered at `latest` or before, the oldest first; released
    /// ones before all. Of equal times the smaller id. O(1) each, after [`Self::index_times`].
    pub fn idle_since(&self, latest: i64) -> impl Iterator<Item = &Pending> {
        let owned = self.times.iter().flat_map(Sorted::iter);
        let owned = owned.take_while(move |placed| placed.0.0 <= latest);
        self.released().chain(owned.filter_map(|placed| self.pending.get(&placed.0.1)))
    }

    /// The first delivery after `time` (unix ms) of an entry that a consumer has, after
    /// [`Self::index_times`]. O(log n).
    pub fn delivered_after(&self, time: i64) -> Option<i64> {
        let start = (time.checked_add(1)?, StreamId::MIN);
        let next = self.times.as_ref()?.from(&start).next()?;
        Some(next.0.0)
    }

    /// Whether [`Self::idle_since`] can answer.
    pub fn has_times(&self) -> bool {
        self.times.is_some()
    }

    /// Makes the order by delivery time, which is kept from then on. O(pending).
    pub fn index_times(&mut self) {
        if self.times.is_none() {
            let owned = self.pending.iter().filter(|pending| !pending.is_released());
            let mut owned: Vec<Placed> = owned.map(Pending::placed).collect();
            owned.sort_unstable_by_key(|placed| placed.0);
            self.times = Some(owned.into_iter().collect());
        }
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

    /// The name of the consumer that has a pending entry; empty if nobody has.
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
        let next = self.consumers.last().map_or(0, |last| last.number.saturating_add(1));
        Some(next).filter(|next| *next != NOBODY).unwrap_or_else(|| {
            let taken = self.consumers.iter().map(|consumer| consumer.number);
            (0..).zip(taken).find(|(want, number)| want != number).map_or(0, |(want, _)| want)
        })
    }

    /// Removes a consumer with what is pending for it; answers how much that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let number = self.names.remove(name)?.number;
        let consumer = self.consumers.remove(&number)?;
        for delivered in consumer.pending.iter() {
            if let Some(pending) = self.pending.remove(&delivered.0) {
                self.forget_time(&pending);
            }
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
            let pending = Pending { id, count, stamp: time, consumer: number };
            if let Some(before) = self.pending.insert(pending) {
                self.forget_time(&before);
                if before.consumer != number {
                    self.take_from(&before);
                }
            }
            if let Some(times) = &mut self.times {
                times.insert(pending.placed());
            }
        }
        self.consumers.edit(&number, |consumer| {
            for &id in ids {
                consumer.pending.insert(Delivered(id));
            }
        });
    }

    /// Makes an entry pending for nobody, behind those that are already, whoever had it before.
    pub fn release(&mut self, id: StreamId, count: u64) {
        let stamp = self.released.last().map_or(0, |last| last.0.0 + 1);
        let pending = Pending { id, count, stamp, consumer: NOBODY };
        if let Some(before) = self.pending.insert(pending) {
            self.forget_time(&before);
            self.take_from(&before);
        }
        self.released.insert(pending.placed());
    }

    /// Takes an entry out of the pending ones; whether it was there.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        self.forget_time(&pending);
        self.take_from(&pending);
        true
    }

    /// Takes what was pending out of its consumer's list, or the released ones.
    fn take_from(&mut self, pending: &Pending) {
        if pending.is_released() {
            self.released.remove(&pending.placed().0);
        } else {
            self.consumers.edit(&pending.consumer, |one| one.pending.remove(&pending.id));
        }
    }

    fn forget_time(&mut self, pending: &Pending) {
        if let Some(times) = &mut self.times
            && !pending.is_released()
        {
            times.remove(&pending.placed().0);
        }
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
        let orders = self.released.heap_bytes() + self.times.as_ref().map_or(0, Sorted::heap_bytes);
        ARC_BYTES + self.name.len() + trees + self.names.heap_bytes() + orders
    }
}

impl Item for Pending {
    type Key = StreamId;

    fn key(&self) -> &StreamId {
        &self.id
    }
}

impl Item for Placed {
    type Key = (i64, StreamId);

    fn key(&self) -> &(i64, StreamId) {
        &self.0
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
