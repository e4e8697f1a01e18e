//! Idempotent ids (Redis 8.6): which messages producers have sent lately, so that one that is sent
//! again is not added again.
//!
//! ```text
//! Idempotency ─► producers  producer ─► known  idempotent id ─► the entry it became
//!                                    ─► order  the same, as they came
//!             ─► oldest     producers by the first entry of their order
//! ```
//!
//! As in Redis, an entry's id says when it was added: an idempotent id is known until `duration_s`
//! seconds after that, and each producer has at most `max_size`. What is over is hidden by the
//! instant of the one who asks, and removed when further ids are recorded, a bounded number with
//! each, by *its* entry's time: so it depends on the records alone, and replaying them removes the
//! same.

use super::StreamId;
use super::sorted::{Item, Sorted};
use std::sync::Arc;

/// A stream's idempotent ids. Clone is O(1).
#[derive(Debug, Clone)]
pub struct Idempotency {
    duration_s: u64,
    max_size: usize,
    /// How many were ever recorded.
    added: u64,
    /// How many messages came again. A hint, like consumers' times: not in records or digest.
    duplicates: u64,
    producers: Sorted<Producer>,
    oldest: Sorted<Oldest>,
    /// How many are known in all.
    len: usize,
}

/// What one producer has sent.
#[derive(Debug, Clone)]
pub struct Producer {
    pid: Arc<[u8]>,
    known: Sorted<Known>,
    order: Sorted<Ordered>,
}

/// An idempotent id, by itself.
#[derive(Debug, Clone)]
struct Known {
    iid: Arc<[u8]>,
    id: StreamId,
    place: u64,
}

/// An idempotent id in the order they came.
#[derive(Debug, Clone)]
struct Ordered {
    place: u64,
    iid: Arc<[u8]>,
    id: StreamId,
}

/// A producer by the entry that its first idempotent id became.
#[derive(Debug, Clone)]
struct Oldest((StreamId, Arc<[u8]>));

impl Default for Idempotency {
    fn default() -> Self {
        Idempotency {
            duration_s: Self::DURATION_S,
            max_size: Self::SIZE,
            added: 0,
            duplicates: 0,
            producers: Sorted::default(),
            oldest: Sorted::default(),
            len: 0,
        }
    }
}

impl Idempotency {
    /// How long ids are known unless XCFGSET says otherwise, in seconds.
    pub const DURATION_S: u64 = 100;
    /// The longest that XCFGSET takes: a day.
    pub const DURATION_S_MAX: u64 = 86_400;
    /// How many of a producer are known unless XCFGSET says otherwise.
    pub const SIZE: usize = 100;
    /// The most that XCFGSET takes.
    pub const SIZE_MAX: usize = 10_000;

    /// How long ids are known, in seconds.
    pub fn duration_s(&self) -> u64 {
        self.duration_s
    }

    /// How many of a producer are known.
    pub fn max_size(&self) -> usize {
        self.max_size
    }

    /// How many were ever recorded.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// How many messages came again.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// How many ids are known, those whose time is over included until they are removed.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no id is known.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many producers have a known id.
    pub fn producers_len(&self) -> usize {
        self.producers.len()
    }

    /// The producers, by their ids.
    pub fn producers(&self) -> impl Iterator<Item = &Producer> {
        self.producers.iter()
    }

    /// The entry that a message became, if it is still known at `now` (unix ms).
    pub fn find(&self, pid: &[u8], iid: &[u8], now: u64) -> Option<StreamId> {
        let known = self.producers.get(pid)?.known.get(iid)?;
        (!self.is_over(known.id, now)).then_some(known.id)
    }

    /// How many producers and ids are known at `now`.
    pub fn counts(&self, now: u64) -> (usize, usize) {
        let known = |producer: &Producer| {
            let over = producer.order.iter().take_while(|one| self.is_over(one.id, now)).count();
            producer.order.len() - over
        };
        let live = self.producers.iter().map(known).filter(|known| *known > 0);
        live.fold((0, 0), |(producers, ids), known| (producers + 1, ids + known))
    }

    /// Sets both limits; if one changes, all ids are forgotten. Returns what was known before if
    /// one did, since that may take a while to free.
    pub fn configure(&mut self, duration_s: u64, max_size: usize) -> Option<Self> {
        if (self.duration_s, self.max_size) == (duration_s, max_size) {
            return None;
        }
        let (added, duplicates) = (self.added, self.duplicates);
        let changed =
            Idempotency { duration_s, max_size, added, duplicates, ..Idempotency::default() };
        Some(std::mem::replace(self, changed))
    }

    /// Records that a message has become the entry `id`, in the place of what it was known as.
    /// Forgets some of what was over at that entry's time, and the producer's first if it has too
    /// many.
    pub fn record(&mut self, pid: &[u8], iid: &[u8], id: StreamId) {
        self.forget_over(id.ms);
        self.push(pid, iid, id);
        self.added = (self.added + 1).min(i64::MAX.cast_unsigned());
        while self.producers.get(pid).is_some_and(|one| one.order.len() > self.max_size) {
            self.pop_first(pid);
        }
    }

    /// Adds an id behind the producer's others, as a file has them; `record` without its rules.
    pub fn push(&mut self, pid: &[u8], iid: &[u8], id: StreamId) {
        let mut producer = match self.producers.remove(pid) {
            Some(producer) => {
                self.oldest.remove(&producer.oldest().0);
                producer
            }
            None => Producer::new(pid),
        };
        self.len -= producer.order.len();
        producer.push(iid, id);
        self.put(producer);
    }

    /// Sets what XINFO counts.
    pub fn set_counters(&mut self, added: u64, duplicates: u64) {
        (self.added, self.duplicates) = (added, duplicates);
    }

    /// Counts a message that came again.
    pub fn count_duplicate(&mut self) {
        self.duplicates = (self.duplicates + 1).min(i64::MAX.cast_unsigned());
    }

    /// Whether there is nothing to keep: nothing is known, was counted or set.
    pub fn is_default(&self) -> bool {
        self.is_empty()
            && (self.added, self.duplicates) == (0, 0)
            && (self.duration_s, self.max_size) == (Self::DURATION_S, Self::SIZE)
    }

    /// Bytes on the heap, this included.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.producers.heap_bytes() + self.oldest.heap_bytes()
    }

    /// Whether the time of what became `id` is over at `now`.
    fn is_over(&self, id: StreamId, now: u64) -> bool {
        id.ms.saturating_add(self.duration_s * 1000) <= now
    }

    /// Forgets what was over first, some of it at a time: thousands of producers that have fallen
    /// silent together are not to hold up one message.
    fn forget_over(&mut self, now: u64) {
        /// More than one, so what is over becomes less with every record.
        const AT_A_TIME: usize = 64;
        for _ in 0..AT_A_TIME {
            let Some(Oldest((id, pid))) = self.oldest.first().cloned() else { return };
            if !self.is_over(id, now) {
                return;
            }
            self.pop_first(&pid);
        }
    }

    /// Forgets a producer's first id, and the producer with its last one.
    fn pop_first(&mut self, pid: &[u8]) {
        let Some(mut producer) = self.producers.remove(pid) else { return };
        self.oldest.remove(&producer.oldest().0);
        self.len -= producer.order.len();
        if let Some(first) = producer.order.first().cloned() {
            producer.order.remove(&first.place);
            producer.known.remove(&*first.iid);
        }
        self.put(producer);
    }

    /// Puts a producer back that was taken out to be changed, if it has an id.
    fn put(&mut self, producer: Producer) {
        if producer.order.len() > 0 {
            self.len += producer.order.len();
            self.oldest.insert(producer.oldest());
            self.producers.insert(producer);
        }
    }
}

impl Producer {
    fn new(pid: &[u8]) -> Self {
        Producer { pid: pid.into(), known: Sorted::default(), order: Sorted::default() }
    }

    /// Its id.
    pub fn pid(&self) -> &[u8] {
        &self.pid
    }

    /// How many of its idempotent ids are known.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.order.len() == 0
    }

    /// Its idempotent ids and the entries they became, as they came.
    pub fn ids(&self) -> impl Iterator<Item = (&[u8], StreamId)> {
        self.order.iter().map(|one| (&*one.iid, one.id))
    }

    fn push(&mut self, iid: &[u8], id: StreamId) {
        if let Some(before) = self.known.remove(iid) {
            self.order.remove(&before.place);
        }
        let place = self.order.last().map_or(0, |last| last.place + 1);
        let iid: Arc<[u8]> = iid.into();
        self.order.insert(Ordered { place, iid: Arc::clone(&iid), id });
        self.known.insert(Known { iid, id, place });
    }

    fn oldest(&self) -> Oldest {
        let id = self.order.first().map_or(StreamId::MIN, |first| first.id);
        Oldest((id, Arc::clone(&self.pid)))
    }
}

/// An `Arc`'s two counters before a name's bytes.
const ARC_BYTES: usize = 16;

impl Item for Producer {
    type Key = Arc<[u8]>;

    fn key(&self) -> &Arc<[u8]> {
        &self.pid
    }

    fn heap_bytes(&self) -> usize {
        ARC_BYTES + self.pid.len() + self.known.heap_bytes() + self.order.heap_bytes()
    }
}

impl Item for Known {
    type Key = Arc<[u8]>;

    fn key(&self) -> &Arc<[u8]> {
        &self.iid
    }

    fn heap_bytes(&self) -> usize {
        // The text counts here; the order shares it.
        ARC_BYTES + self.iid.len()
    }
}

impl Item for Ordered {
    type Key = u64;

    fn key(&self) -> &u64 {
        &self.place
    }
}

impl Item for Oldest {
    type Key = (StreamId, Arc<[u8]>);

    fn key(&self) -> &(StreamId, Arc<[u8]>) {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, in lists.
    #[derive(Default)]
    struct Naive {
        duration_ms: u64,
        max: usize,
        producers: Vec<(u8, Vec<(u8, StreamId)>)>,
    }

    impl Naive {
        fn record(&mut self, pid: u8, iid: u8, id: StreamId) {
            for (_, ids) in &mut self.producers {
                while ids.first().is_some_and(|(_, one)| one.ms + self.duration_ms <= id.ms) {
                    ids.remove(0);
                }
            }
            if !self.producers.iter().any(|(one, _)| *one == pid) {
                self.producers.push((pid, Vec::new()));
            }
            for (one, ids) in &mut self.producers {
                if *one == pid {
                    ids.retain(|(known, _)| *known != iid);
                    ids.push((iid, id));
                    if ids.len() > self.max {
                        ids.remove(0);
                    }
                }
            }
            self.producers.retain(|(_, ids)| !ids.is_empty());
            self.producers.sort_by_key(|(pid, _)| *pid);
        }
    }

    #[test]
    fn what_is_over_goes_some_at_a_time_and_is_hidden_until_then() {
        let mut known = Idempotency::default();
        known.configure(1, 5);
        for producer in 0..1000u64 {
            known.record(&producer.to_be_bytes(), b"one", StreamId::new(1, producer));
        }
        for more in 0..16 {
            known.record(b"late", b"two", StreamId::new(2000, more));
            assert_eq!(
                known.producers_len(),
                1 + 1000usize.saturating_sub(64 * (more as usize + 1))
            );
            assert_eq!(known.counts(2000), (1, 1));
            assert_eq!(known.find(&999u64.to_be_bytes(), b"one", 2000), None);
        }
        assert_eq!((known.len(), known.producers_len(), known.oldest.len()), (1, 1, 1));
    }

    #[test]
    fn other_limits_hand_back_what_was_known() {
        let mut known = Idempotency::default();
        known.record(b"p", b"i", StreamId::new(1, 0));
        assert!(known.configure(Idempotency::DURATION_S, Idempotency::SIZE).is_none());
        let before = known.configure(1, 5).unwrap();
        assert_eq!((before.len(), known.len(), known.added()), (1, 0, 1));
    }

    proptest! {
        #[test]
        fn it_knows_what_lists_know(
            calls in prop::collection::vec((0u8..4, 0u8..6, 0u64..3000), 1..80),
            max in 1usize..5,
        ) {
            let mut here = Idempotency::default();
            here.configure(1, max);
            let mut naive = Naive { duration_ms: 1000, max, ..Naive::default() };
            for (place, (pid, iid, ms)) in calls.iter().enumerate() {
                // Mostly ascending, as ids are; XIDMPRECORD takes others too.
                let id = StreamId::new(place as u64 * 100 + ms / 3, 0);
                here.record(&[*pid], &[*iid], id);
                naive.record(*pid, *iid, id);
                let all: Vec<(u8, Vec<(u8, StreamId)>)> = here
                    .producers()
                    .map(|one| (one.pid()[0], one.ids().map(|(iid, id)| (iid[0], id)).collect()))
                    .collect();
                prop_assert_eq!(&all, &naive.producers);
                prop_assert_eq!(here.len(), all.iter().map(|(_, ids)| ids.len()).sum::<usize>());
                prop_assert_eq!(here.oldest.len(), all.len());
                prop_assert_eq!(here.find(&[*pid], &[*iid], id.ms), Some(id));
                prop_assert_eq!(here.find(&[*pid], &[*iid], id.ms + 1000), None);
            }
        }
    }
}
