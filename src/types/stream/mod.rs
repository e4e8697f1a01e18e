//! Streams: entries of fields and values by increasing id, and consumer groups over them.
//!
//! ```text
//! Stream ─► chunks  B+tree by id of `Chunk`s, each a node of Redis' streams byte for byte
//!        ─► groups  map by name of `Group`s, whose pending lists and consumers are maps too
//!        ─► idempotent ids of producers, if there are any
//! ```
//!
//! Everything is copy-on-write behind trees, so a clone is O(1) whatever the stream holds. A stream
//! may have no entries: it exists until it is deleted.
//!
//! | file | holds |
//! |---|---|
//! | `id` | [`StreamId`] |
//! | `chunk` | [`Chunk`]: entries packed as Redis packs them |
//! | `group` | [`Group`], [`Consumer`], [`Pending`] |
//! | `idempotency` | [`Idempotency`]: what producers have sent lately |
//! | `trim` | what trimming removes, exactly and approximately |
//! | `sorted` | the map that groups are made of |

mod chunk;
mod group;
mod id;
mod idempotency;
mod listpack;
mod sorted;
#[cfg(test)]
mod tests;
mod trim;

pub use chunk::{Chunk, Entry, Pairs};
pub use group::{Consumer, ENTRIES_READ_UNKNOWN, Group, Pending};
pub use id::StreamId;
pub use idempotency::{Idempotency, Producer};
pub use trim::Trim;

use super::Limits;
use super::btree::Tree;
use sorted::Sorted;

/// A stream. Clone is O(1).
#[derive(Clone, Default)]
pub struct Stream {
    chunks: Tree<Chunk>,
    groups: Sorted<Group>,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    /// None: it was never used, and nothing was set.
    idempotency: Option<Box<Idempotency>>,
}

impl Stream {
    /// The most bytes of fields and values that one entry may have.
    pub const ENTRY_BYTES_MAX: usize = chunk::CHUNK_BYTES_MAX;

    /// A stream without entries.
    pub fn new() -> Self {
        Stream::default()
    }

    /// How many entries there are. O(1).
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The greatest id that was ever given.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The greatest id that was deleted by name (not by trimming); 0-0: none was.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries were ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// The id of the first entry; 0-0 if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first().map_or(StreamId::MIN, |entry| entry.id)
    }

    /// The first entry.
    pub fn first(&self) -> Option<Entry<'_>> {
        self.chunks.first_leaf()?.entries().next()
    }

    /// The last entry.
    pub fn last(&self) -> Option<Entry<'_>> {
        self.chunks.last_leaf()?.entries().next_back()
    }

    /// Bytes on the heap, exactly. O(1).
    pub fn heap_bytes(&self) -> usize {
        let idempotency = self.idempotency.as_ref().map_or(0, |one| one.heap_bytes());
        self.chunks.bytes() + self.groups.heap_bytes() + idempotency
    }

    /// The chunks, in order.
    pub fn chunks(&self) -> impl DoubleEndedIterator<Item = &Chunk> {
        self.chunks.leaves(..).map(|(_, chunk)| chunk)
    }

    /// How many chunks there are, without a look at them. O(chunks / 32).
    pub fn chunks_len(&self) -> usize {
        self.chunks.leaves_len()
    }

    /// The id that an entry gets which is added at `now` (unix ms) without one; none when there is
    /// no greater one.
    pub fn next_id(&self, now: u64) -> Option<StreamId> {
        if now > self.last_id.ms {
            return Some(StreamId::new(now, 0));
        }
        self.last_id.next()
    }

    /// Whether an entry with fields and values of `bytes` bytes goes into the last chunk; if not it
    /// begins another.
    fn fits_last(&self, bytes: usize, limits: &Limits) -> bool {
        let (bytes_max, entries_max) = (limits.stream_node_bytes, limits.stream_node_entries);
        self.chunks.last_leaf().is_some_and(|chunk| chunk.takes(bytes, bytes_max, entries_max))
    }

    /// Adds an entry; `id` is greater than [`Self::last_id`], and the entry has at most
    /// [`Self::ENTRY_BYTES_MAX`] bytes.
    pub fn add<'a>(&mut self, id: StreamId, pairs: impl Pairs<'a>, limits: &Limits) {
        debug_assert!(id > self.last_id);
        let bytes = pairs.clone().map(|(field, value)| field.len() + value.len()).sum();
        let end = self.chunks.len();
        if self.fits_last(bytes, limits) {
            self.chunks.edit_at(end, |chunk, _| chunk.append(id, pairs));
        } else {
            if end > 0 {
                self.chunks.edit_at(end, |chunk, _| chunk.shrink());
            }
            self.chunks.push_back_leaf(Chunk::new(id, pairs));
        }
        self.last_id = id;
        // XSETID can set it to the last value, above which neither records nor files have any.
        self.entries_added = (self.entries_added + 1).min(i64::MAX.cast_unsigned());
    }

    /// The entry with this id.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        let chunk = self.chunks.leaf_near(|master| *master <= id)?;
        chunk.entries().seek(id).next().filter(|entry| entry.id == id)
    }

    /// The entries from `start` to `end`, both included, in order.
    pub fn range(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let rank = self.chunks.leaf_for(|master| *master <= start).map_or(0, |(_, rank)| rank);
        let entries =
            self.chunks.leaves(rank..).flat_map(move |(_, chunk)| chunk.entries().seek(start));
        entries.take_while(move |entry| entry.id <= end)
    }

    /// The entries from `end` down to `start`, both included.
    pub fn range_back(&self, end: StreamId, start: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let found = self.chunks.leaf_for(|master| *master <= end);
        let rank = found.map_or(0, |(chunk, rank)| rank + chunk.len());
        let entries = self
            .chunks
            .leaves(..rank)
            .rev()
            .flat_map(move |(_, chunk)| chunk.entries().up_to(end).rev());
        entries.take_while(move |entry| entry.id >= start)
    }

    /// About how many entries there are from `start` to `end`: right but for those of a chunk at
    /// either end. O(log n).
    pub fn range_len(&self, start: StreamId, end: StreamId) -> usize {
        let rank = |id| self.chunks.leaf_for(|master| *master <= id);
        let first = rank(start).map_or(0, |(_, rank)| rank);
        let behind = rank(end).map_or(0, |(chunk, rank)| rank + chunk.len());
        behind.saturating_sub(first)
    }

    /// Deletes an entry; whether it was there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        if self.get(id).is_none() {
            return false;
        }
        self.chunks.edit_near(|master| *master <= id, |chunk| chunk.delete(id));
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    /// Sets what XSETID sets. The caller has checked that entries and counters agree.
    pub fn set_id(&mut self, last_id: StreamId, entries_added: u64, max_deleted_id: StreamId) {
        self.last_id = last_id;
        self.entries_added = entries_added;
        self.max_deleted_id = max_deleted_id;
    }

    /// Adds a chunk behind all others: how a stream is loaded. An error says why it cannot stand
    /// there. [`Self::set_id`] comes last.
    pub fn push_chunk(&mut self, chunk: Chunk) -> Result<(), &'static str> {
        let last = self.chunks.last_leaf().map(Chunk::last);
        if chunk.is_empty() || last.is_some_and(|last| last >= chunk.master()) {
            return Err("stream nodes that are out of order");
        }
        self.last_id = chunk.last();
        self.chunks.push_back_leaf(chunk);
        Ok(())
    }

    /// How many groups there are.
    pub fn groups_len(&self) -> usize {
        self.groups.len()
    }

    /// The groups, by name.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    /// A group.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Adds a group, in the place of one with its name.
    pub fn put_group(&mut self, group: Group) {
        self.groups.insert(group);
    }

    /// Removes a group; it is handed back, since it may be large.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Group> {
        self.groups.remove(name)
    }

    /// Changes a group, if it is there.
    pub fn edit_group<R>(&mut self, name: &[u8], f: impl FnOnce(&mut Group) -> R) -> Option<R> {
        self.groups.edit(name, f)
    }

    /// What producers have sent lately; none if no idempotent id was ever used, and nothing set.
    pub fn idempotency(&self) -> Option<&Idempotency> {
        self.idempotency.as_deref()
    }

    /// Changes what is known of producers.
    pub fn edit_idempotency<R>(&mut self, f: impl FnOnce(&mut Idempotency) -> R) -> R {
        let mut idempotency = self.idempotency.take().unwrap_or_default();
        let answer = f(&mut idempotency);
        self.idempotency = Some(idempotency).filter(|one| !one.is_default());
        answer
    }

    /// Whether it has what only Redis 8 can express: released entries or idempotent ids. O(groups).
    pub fn has_extras(&self) -> bool {
        self.idempotency.is_some() || self.groups().any(|group| group.released_len() > 0)
    }

    /// How many entries `group` has not read yet, where that can be told from the counters.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let added = self.entries_added.cast_signed();
        if added == 0 {
            return Some(0);
        }
        let gap = self.has_gap_from(group.last_id);
        if group.entries_read != ENTRIES_READ_UNKNOWN && !gap {
            return Some(added - group.entries_read);
        }
        Some(added - self.entries_up_to(group.last_id)?)
    }

    /// The `entries_read` of `group` once it has read these entries, which come behind its last id.
    pub fn entries_read_after(&self, group: &Group, ids: &[StreamId]) -> i64 {
        let first = self.first_id();
        let (mut last, mut read) = (group.last_id, group.entries_read);
        for &id in ids {
            read = if read != ENTRIES_READ_UNKNOWN && self.counts_on(first, last) {
                read.saturating_add(1)
            } else {
                self.entries_up_to(id).unwrap_or(ENTRIES_READ_UNKNOWN)
            };
            last = id;
        }
        read
    }

    /// Whether a group that knows how many entries it has read, up to `last_id`, can count on from
    /// there: it is not before the first entry, and the greatest deleted id leaves no gap behind.
    fn counts_on(&self, first_id: StreamId, last_id: StreamId) -> bool {
        last_id >= first_id && !self.has_gap_from(last_id)
    }

    /// Whether the greatest deleted id is at `start` or behind it, and may leave a gap there.
    fn has_gap_from(&self, start: StreamId) -> bool {
        let deleted = self.max_deleted_id;
        !self.is_empty() && deleted != StreamId::MIN && deleted >= start
    }

    /// How many entries were ever added with ids up to `id`, where that can be told.
    fn entries_up_to(&self, id: StreamId) -> Option<i64> {
        let added = self.entries_added.cast_signed();
        if added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id {
            return Some(added);
        }
        if id != StreamId::MIN && id < self.max_deleted_id {
            return None;
        }
        if id >= self.last_id {
            return (id == self.last_id).then_some(added);
        }
        let first = self.first_id();
        if self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= first {
            return None;
        }
        let before = added - self.len() as i64;
        match id.cmp(&first) {
            std::cmp::Ordering::Less => Some(before),
            std::cmp::Ordering::Equal => Some(before + 1),
            std::cmp::Ordering::Greater => None,
        }
    }
}
