//! Delivery to a consumer of a group: what XREADGROUP does with one stream.

use super::{add_pairs, entries_reply, entry_reply, id_reply};
use crate::keyspace::record::{
    Acknowledge, Claim, CreateConsumer, IndexTimes, SeeConsumer, SetGroupId,
};
use crate::keyspace::{Key, Tx};
use crate::resp::{NestedBuilder, Reply};
use crate::types::stream::{Entry, Group, Stream, StreamId};

/// One stream's part of an XREADGROUP.
pub(super) struct Delivery<'d, 't, 'k> {
    pub tx: &'d mut Tx<'t>,
    pub key: Key<'k>,
    pub group: &'k [u8],
    pub consumer: &'k [u8],
}

/// What is asked for with `>`.
#[derive(Clone, Copy)]
pub(super) struct New {
    /// Entries at most.
    pub count: usize,
    /// Whether new entries do not become pending.
    pub no_ack: bool,
    /// For how long (ms) pending entries must have been idle that come before new ones; none: no
    /// pending ones.
    pub claim: Option<i64>,
}

/// What is claimed, each with its count of deliveries then, and the replies.
#[derive(Default)]
struct Idle {
    claimed: Vec<(StreamId, u64)>,
    /// Entries that were deleted: there is nothing to deliver.
    gone: Vec<StreamId>,
    replies: Vec<Reply<'static>>,
}

/// What the group has not had: where that takes it.
struct Unread {
    ids: Vec<StreamId>,
    entries_read: i64,
}

impl<'k> Delivery<'_, '_, 'k> {
    fn now(&self) -> i64 {
        self.tx.now().0.cast_signed()
    }

    /// The stream and the group; the command has checked that they are there.
    fn found(&self) -> Option<(&Stream, &Group)> {
        let stream = self.tx.view().stream(self.key).ok()??;
        Some((stream, stream.group(self.group)?))
    }

    /// Makes the consumer, if there is none, and notes that it was seen.
    pub fn see(&mut self) {
        let (key, group, consumer, now) = (self.key, self.group, self.consumer, self.now());
        see_consumer(self.tx, key, group, consumer, now);
    }

    fn claim(&mut self, entries: &[(StreamId, u64)]) {
        let (key, group, consumer, now) = (self.key, self.group, self.consumer, self.now());
        claim(self.tx, key, group, consumer, now, entries, false);
    }

    /// Delivers entries that the group has not had, and before them those that are to be claimed;
    /// none if there is nothing.
    pub fn new_entries(&mut self, new: New) -> Option<Reply<'static>> {
        let Some(min_idle) = new.claim else {
            let unread = self.unread(new.count, |entries| entries_reply(entries, 1));
            self.see();
            let (unread, reply) = unread?;
            self.deliver(&unread, new.no_ack);
            return Some(reply);
        };
        self.index_times();
        let Idle { claimed, gone, mut replies } =
            self.idle(min_idle, new.count).unwrap_or_default();
        let unread = self.unread(new.count - claimed.len(), |entries| {
            entries.map(|entry| delivered_reply(&entry, 0, 0)).collect::<Vec<_>>()
        });
        self.see();
        if !gone.is_empty() {
            self.tx.emit(Acknowledge { key: self.key, group: self.group, ids: &gone });
        }
        self.claim(&claimed);
        if let Some((unread, more)) = unread {
            self.deliver(&unread, new.no_ack);
            replies.extend(more);
        }
        (!replies.is_empty()).then_some(Reply::Array(replies))
    }

    /// What the group has not had, `count` entries at most, and what `reply` makes of them; none if
    /// there is nothing.
    fn unread<R>(
        &self,
        count: usize,
        reply: impl FnOnce(&mut dyn Iterator<Item = Entry<'_>>) -> R,
    ) -> Option<(Unread, R)> {
        let (stream, group) = self.found()?;
        let start = group.last_id.next()?;
        let mut ids = Vec::new();
        let mut entries =
            stream.range(start, StreamId::MAX).take(count).inspect(|entry| ids.push(entry.id));
        let reply = reply(&mut entries);
        drop(entries);
        if ids.is_empty() {
            return None;
        }
        let entries_read = stream.entries_read_after(group, &ids);
        Some((Unread { ids, entries_read }, reply))
    }

    /// Makes what the group has not had the consumer's, and moves the group on.
    fn deliver(&mut self, unread: &Unread, no_ack: bool) {
        let (key, group, consumer, time) = (self.key, self.group, self.consumer, self.now());
        let Unread { ids, entries_read } = unread;
        if !no_ack {
            let asked = Some(time);
            let wakes = false;
            self.tx.emit(Claim { key, group, consumer, ids, time, count: 1, asked, wakes });
        }
        if let Some(last_id) = ids.last().copied() {
            let entries_read = *entries_read;
            self.tx.emit(SetGroupId { key, group, last_id, entries_read, event: "" });
        }
    }

    /// Makes the group keep what is pending by delivery time, if it does not yet.
    fn index_times(&mut self) {
        if self.found().is_some_and(|(_, group)| !group.has_times()) {
            self.tx.emit(IndexTimes { key: self.key, group: self.group });
        }
    }

    /// When what has been idle for `min_idle` ms was delivered at the latest, unix ms.
    fn idle_latest(&self, min_idle: i64) -> Option<i64> {
        self.now().checked_sub(min_idle).filter(|latest| *latest >= 0)
    }

    /// Pending entries that have been idle for `min_idle` ms, the longest first. Those that were
    /// deleted are to be acknowledged, as by XAUTOCLAIM, so that they are met once; after many of
    /// them the rest is left to the next call.
    fn idle(&self, min_idle: i64, count: usize) -> Option<Idle> {
        /// Deleted entries met for each that is asked for.
        const GONE: usize = 10;
        /// The fewest and the most of them in one call.
        const GONE_MAX: (usize, usize) = (100, 10_000);
        let (stream, group) = self.found()?;
        let now = self.now();
        let gone_max = count.saturating_mul(GONE).clamp(GONE_MAX.0, GONE_MAX.1);
        let mut idle = Idle::default();
        for pending in group.idle_since(self.idle_latest(min_idle)?) {
            if let Some(entry) = stream.get(pending.id) {
                idle.claimed.push((pending.id, pending.count.saturating_add(1)));
                let since = now.saturating_sub(pending.time());
                idle.replies.push(delivered_reply(&entry, since, pending.count));
            } else {
                idle.gone.push(pending.id);
            }
            if idle.claimed.len() == count || idle.gone.len() == gone_max {
                break;
            }
        }
        Some(idle)
    }

    /// When the next pending entry has been idle for `min_idle` ms, unix ms, after
    /// [`Self::new_entries`] has found nothing.
    pub fn next_idle(&self, min_idle: i64) -> Option<i64> {
        let (_, group) = self.found()?;
        let latest = self.idle_latest(min_idle);
        if latest.is_some_and(|latest| group.idle_since(latest).next().is_some()) {
            // There were too many deleted ones before it: on with them, but not at once.
            return self.now().checked_add(1);
        }
        let next = group.delivered_after(self.now().saturating_sub(min_idle))?;
        next.checked_add(min_idle)
    }

    /// Delivers again what is pending for the consumer. Of entries that were deleted only the ids
    /// are left.
    pub fn pending(&mut self, after: StreamId, count: usize) -> Reply<'static> {
        let mut replies = Vec::new();
        let mut delivered = Vec::new();
        if let Some((stream, group)) = self.found()
            && let Some(consumer) = group.consumer(self.consumer)
            && let Some(start) = after.next()
        {
            for id in consumer.pending_from(start).take(count) {
                let Some(entry) = stream.get(id) else {
                    replies.push(Reply::Array(vec![id_reply(id), Reply::NullArray]));
                    continue;
                };
                replies.push(entry_reply(&entry));
                let before = group.pending(id).map_or(0, |pending| pending.count);
                delivered.push((id, before.saturating_add(1)));
            }
        }
        self.see();
        let (key, group, consumer, time) = (self.key, self.group, self.consumer, self.now());
        for (ids, count) in runs(&delivered) {
            let (ids, asked, wakes) = (ids.as_slice(), None, false);
            self.tx.emit(Claim { key, group, consumer, ids, time, count, asked, wakes });
        }
        Reply::Array(replies)
    }
}

/// An entry with what CLAIM tells of it: for how long (ms) it has been idle, and how often it was
/// delivered before.
fn delivered_reply(entry: &Entry<'_>, idle: i64, count: u64) -> Reply<'static> {
    let mut pairs = NestedBuilder::default();
    add_pairs(entry, &mut pairs);
    Reply::Array(vec![
        id_reply(entry.id),
        pairs.finish(2 * entry.fields()),
        Reply::Int(idle),
        Reply::Int(count.cast_signed()),
    ])
}

/// Makes a consumer, if there is none, and notes that it was seen.
pub(super) fn see_consumer(tx: &mut Tx<'_>, key: Key<'_>, group: &[u8], consumer: &[u8], now: i64) {
    let stream = tx.view().stream(key).ok().flatten();
    let seen =
        stream.and_then(|stream| stream.group(group)?.consumer(consumer)).map(|one| one.seen);
    match seen {
        None => {
            tx.emit(CreateConsumer { key, group, consumer, now });
        }
        Some(seen) if seen == now => {}
        Some(_) => tx.emit(SeeConsumer { key, group, consumer, now, active: false }),
    }
}

/// Gives entries to a consumer that asked for them, each with its count of deliveries: one record
/// for each run of equal counts. `wakes`: see [`Claim::wakes`].
pub(super) fn claim(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    group: &[u8],
    consumer: &[u8],
    time: i64,
    entries: &[(StreamId, u64)],
    wakes: bool,
) {
    let asked = Some(tx.now().0.cast_signed());
    for (ids, count) in runs(entries) {
        tx.emit(Claim { key, group, consumer, ids: &ids, time, count, asked, wakes });
    }
}

/// Entries with equal counts that follow each other.
fn runs(entries: &[(StreamId, u64)]) -> impl Iterator<Item = (Vec<StreamId>, u64)> {
    let counts = entries.chunk_by(|a, b| a.1 == b.1);
    counts.filter_map(|run| Some((run.iter().map(|(id, _)| *id).collect(), run.first()?.1)))
}
