//! A chunk: up to some KiB of consecutive entries, byte for byte a node of Redis' streams, so that
//! RDB files take it as it is.
//!
//! ```text
//! listpack header: total bytes u32 LE, elements u16 LE (65,535: more)
//! master entry:    live, deleted, fields, field ..., 0
//! entry:           flags, ms - master ms, seq - master seq, value ..., its elements  (SAME_FIELDS)
//! entry:           flags, ms - master ms, seq - master seq, fields, field, value ..., its elements
//! ...
//! 0xFF
//! ```
//!
//! The master entry has the fields of the first entry; entries with just these only store values.
//! The master id is the first entry's. A deleted entry stays, flagged, until no live one is left:
//! nothing moves, and the chunk breaks off (`Limits`) where Redis' node would.

use super::StreamId;
use super::listpack::{self, Checked, HEADER, TERMINATOR};
use crate::types::btree::{Edge, Leaf};
use crate::types::packed::Element;

/// Flag of an entry that was deleted.
const DELETED: i64 = 1;
/// Flag of an entry that has the master entry's fields.
const SAME_FIELDS: i64 = 2;
/// Redis never lets a node grow beyond this (`STREAM_LISTPACK_MAX_SIZE`).
pub(super) const CHUNK_BYTES_MAX: usize = 1 << 30;

/// Fields and values of an entry, in order.
pub trait Pairs<'a>: Iterator<Item = (Element<'a>, Element<'a>)> + Clone {}

impl<'a, I: Iterator<Item = (Element<'a>, Element<'a>)> + Clone> Pairs<'a> for I {}

/// Consecutive entries; see the file's head. It has at least one live entry, except while an edit
/// is under way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chunk {
    master: StreamId,
    /// The greatest id in it, of a deleted entry perhaps.
    last: StreamId,
    /// Entries that are not deleted.
    live: u32,
    /// Entries that are.
    deleted: u32,
    bytes: Vec<u8>,
}

impl Chunk {
    /// A chunk of one entry.
    pub fn new<'a>(id: StreamId, pairs: impl Pairs<'a>) -> Self {
        let mut bytes = vec![0; HEADER];
        let fields = pairs.clone().count();
        for number in [0, 0, fields as i64] {
            listpack::push_int(&mut bytes, number);
        }
        for (field, _) in pairs.clone() {
            listpack::push(&mut bytes, field);
        }
        listpack::push_int(&mut bytes, 0);
        bytes.push(TERMINATOR);
        let mut chunk = Chunk { master: id, last: id, live: 0, deleted: 0, bytes };
        listpack::set_header(&mut chunk.bytes, fields + 4);
        chunk.append(id, pairs);
        chunk
    }

    /// The id that the ids in it are counted from: its first entry's, when it was made.
    pub fn master(&self) -> StreamId {
        self.master
    }

    /// The greatest id in it, deleted or not.
    pub fn last(&self) -> StreamId {
        self.last
    }

    /// How many live entries it has.
    pub fn len(&self) -> usize {
        self.live as usize
    }

    /// Whether no live entry is left: then the chunk is to be removed.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The listpack, as RDB files have it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives back room that will not be used, when the chunk is full.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Whether an entry whose fields and values have `more` bytes goes into this chunk, or into a
    /// new one.
    pub fn takes(&self, more: usize, bytes_max: usize, entries_max: usize) -> bool {
        let bytes_max =
            if bytes_max == 0 { CHUNK_BYTES_MAX } else { bytes_max.min(CHUNK_BYTES_MAX) };
        let entries = self.live as usize + self.deleted as usize;
        self.bytes.len().saturating_add(more) < bytes_max
            && (entries_max == 0 || entries < entries_max)
    }

    /// Appends an entry; its id is greater than all before.
    pub fn append<'a>(&mut self, id: StreamId, pairs: impl Pairs<'a>) {
        debug_assert!(id > self.last || (self.live == 0 && id == self.master));
        let fields = pairs.clone().count();
        let same = self.has_fields(pairs.clone(), fields);
        // The terminator.
        self.bytes.pop();
        let bytes = &mut self.bytes;
        listpack::push_int(bytes, if same { SAME_FIELDS } else { 0 });
        listpack::push_int(bytes, id.ms.wrapping_sub(self.master.ms).cast_signed());
        listpack::push_int(bytes, id.seq.wrapping_sub(self.master.seq).cast_signed());
        if !same {
            listpack::push_int(bytes, fields as i64);
        }
        for (field, value) in pairs {
            if !same {
                listpack::push(bytes, field);
            }
            listpack::push(bytes, value);
        }
        let elements = if same { fields + 3 } else { 2 * fields + 4 };
        listpack::push_int(bytes, elements as i64);
        bytes.push(TERMINATOR);
        let all = listpack::elements(&self.bytes).saturating_add(elements + 1);
        listpack::set_header(&mut self.bytes, all);
        self.last = id;
        self.set_counts(self.live + 1, self.deleted);
    }

    /// Deletes the entry `id`; returns whether it was there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(entry) = self.entries().seek(id).next().filter(|entry| entry.id == id) else {
            return false;
        };
        let at = entry.at;
        self.flag_deleted(at);
        self.set_counts(self.live - 1, self.deleted + 1);
        true
    }

    /// Deletes the first `count` live entries (fewer than there are).
    pub fn delete_first(&mut self, count: usize) {
        let places: Vec<usize> = self.entries().take(count).map(|entry| entry.at).collect();
        for at in &places {
            self.flag_deleted(*at);
        }
        let count = places.len() as u32;
        self.set_counts(self.live - count, self.deleted + count);
    }

    /// Its live entries, in order.
    pub fn entries(&self) -> Entries<'_> {
        if self.bytes.is_empty() {
            return Entries { chunk: self, fields: 0, fields_at: 0, at: 0, end: 0 };
        }
        let (fields, fields_at) = self.fields();
        // The fields, and the 0 behind them.
        let at = (0..=fields).fold(fields_at, |at, _| listpack::skip(&self.bytes, at));
        Entries { chunk: self, fields, fields_at, at, end: self.bytes.len() - 1 }
    }

    /// How many fields the master entry has, and the place of the first.
    fn fields(&self) -> (usize, usize) {
        let count_at = (0..2).fold(HEADER, |at, _| listpack::skip(&self.bytes, at));
        let (fields, at) = listpack::read_int(&self.bytes, count_at);
        (fields as usize, at)
    }

    /// An entry moved here from another chunk.
    fn append_entry(&mut self, entry: &Entry<'_>) {
        if self.bytes.is_empty() {
            *self = Chunk::new(entry.id, entry.pairs());
        } else {
            self.append(entry.id, entry.pairs());
        }
    }

    /// Whether the master entry has just these fields.
    fn has_fields<'a>(&self, pairs: impl Pairs<'a>, count: usize) -> bool {
        let (fields, mut at) = self.fields();
        fields == count
            && pairs.into_iter().all(|(field, _)| {
                let (here, next) = listpack::read(&self.bytes, at);
                at = next;
                here == field
            })
    }

    /// Flags of an entry are always one byte, so they change where they lie.
    fn flag_deleted(&mut self, at: usize) {
        self.bytes[at] |= DELETED as u8;
    }

    /// Writes both counts, here and in the master entry.
    fn set_counts(&mut self, live: u32, deleted: u32) {
        (self.live, self.deleted) = (live, deleted);
        let middle = listpack::skip(&self.bytes, HEADER);
        let end = listpack::skip(&self.bytes, middle);
        if live < 128 && deleted < 128 && end - HEADER == 4 {
            self.bytes[HEADER] = live as u8;
            self.bytes[middle] = deleted as u8;
            return;
        }
        let mut counts = Vec::new();
        listpack::push_int(&mut counts, i64::from(live));
        listpack::push_int(&mut counts, i64::from(deleted));
        self.bytes.splice(HEADER..end, counts);
        let all = listpack::elements(&self.bytes);
        listpack::set_header(&mut self.bytes, all);
    }

    /// A chunk from a listpack that came from outside; it may have no live entry. An error says
    /// what is wrong with it. Takes no memory.
    pub fn checked(master: StreamId, bytes: Vec<u8>) -> Result<Chunk, String> {
        let mut reader = Checked::new(&bytes)?;
        let mut count = || reader.int().and_then(|count| u32::try_from(count).ok());
        let (Some(live), Some(deleted), Some(fields)) = (count(), count(), count()) else {
            return Err("a stream node without counts".to_owned());
        };
        for _ in 0..fields {
            reader.element().ok_or("a stream node that lacks fields")?;
        }
        if reader.int() != Some(0) {
            return Err("a stream node whose master entry does not end".to_owned());
        }
        let mut entries = CheckedEntries { reader, fields, master, last: None };
        let (mut live_found, mut deleted_found) = (0, 0);
        while !entries.reader.is_at_end() {
            let count = if entries.next()? { &mut deleted_found } else { &mut live_found };
            *count += 1;
        }
        let last = entries.last.ok_or("a stream node without entries")?;
        if (u64::from(live), u64::from(deleted)) != (live_found, deleted_found) {
            return Err("a stream node whose counts are wrong".to_owned());
        }
        Ok(Chunk { master, last, live, deleted, bytes })
    }
}

/// Reads entries whose shape is not yet known to be right.
struct CheckedEntries<'a> {
    reader: Checked<'a>,
    fields: u32,
    master: StreamId,
    last: Option<StreamId>,
}

impl CheckedEntries<'_> {
    /// Checks the next entry; whether it is deleted.
    fn next(&mut self) -> Result<bool, &'static str> {
        const SHORT: &str = "a stream entry that is not whole";
        let first = self.reader.peek().map(i64::from);
        let flags = self.reader.int().filter(|flags| (0..4).contains(flags));
        // One byte, since flags are changed where they lie.
        let flags = flags.filter(|flags| first == Some(*flags));
        let flags = flags.ok_or("a stream entry with unknown flags")?;
        let ms = self.reader.int().ok_or(SHORT)?;
        let seq = self.reader.int().ok_or(SHORT)?;
        let id = offset(self.master, ms, seq);
        let in_order = self.last.map_or(id >= self.master, |last| id > last);
        if !in_order {
            return Err("a stream entry whose id is out of order");
        }
        self.last = Some(id);
        let (items, head) = if flags & SAME_FIELDS != 0 {
            (i64::from(self.fields), 3)
        } else {
            let count = self.reader.int().filter(|count| (0..1 << 31).contains(count));
            (2 * count.ok_or(SHORT)?, 4)
        };
        if items == 0 {
            return Err("a stream entry without fields");
        }
        for _ in 0..items {
            self.reader.element().ok_or(SHORT)?;
        }
        if self.reader.int() != Some(items + head) {
            return Err("a stream entry with a wrong count of elements");
        }
        Ok(flags & DELETED != 0)
    }
}

/// The id that lies so far from the master's.
fn offset(master: StreamId, ms: i64, seq: i64) -> StreamId {
    StreamId {
        ms: master.ms.wrapping_add(ms.cast_unsigned()),
        seq: master.seq.wrapping_add(seq.cast_unsigned()),
    }
}

/// The live entries of a chunk, from both ends.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    chunk: &'a Chunk,
    /// How many fields the master entry has, and where they begin.
    fields: usize,
    fields_at: usize,
    at: usize,
    end: usize,
}

impl<'a> Entries<'a> {
    /// From the first entry on whose id is at least `start`.
    pub fn seek(mut self, start: StreamId) -> Self {
        while self.at < self.end {
            let head = self.head(self.at);
            if head.id >= start {
                break;
            }
            self.at = self.behind(&head);
        }
        self
    }

    /// Up to the last entry whose id is at most `end`.
    pub fn up_to(mut self, end: StreamId) -> Self {
        while self.at < self.end {
            let at = self.begin_of_last();
            if self.head(at).id <= end {
                break;
            }
            self.end = at;
        }
        self
    }

    /// Reads an entry's head.
    fn head(&self, at: usize) -> Head {
        let bytes = &self.chunk.bytes;
        let (flags, next) = listpack::read_int(bytes, at);
        let (ms, next) = listpack::read_int(bytes, next);
        let (seq, next) = listpack::read_int(bytes, next);
        let id = offset(self.chunk.master, ms, seq);
        let same = flags & SAME_FIELDS != 0;
        let (fields, values_at) = if same {
            (self.fields, next)
        } else {
            let (fields, next) = listpack::read_int(bytes, next);
            (fields as usize, next)
        };
        Head { at, id, deleted: flags & DELETED != 0, same, fields, values_at }
    }

    /// The place behind an entry.
    fn behind(&self, head: &Head) -> usize {
        let items = if head.same { head.fields } else { 2 * head.fields };
        (0..=items).fold(head.values_at, |at, _| listpack::skip(&self.chunk.bytes, at))
    }

    /// Where the entry begins that ends at `end`.
    fn begin_of_last(&self) -> usize {
        let bytes = &self.chunk.bytes;
        let count_at = listpack::before(bytes, self.end);
        let (count, _) = listpack::read_int(bytes, count_at);
        (0..count).fold(count_at, |at, _| listpack::before(bytes, at))
    }

    fn entry(&self, head: &Head) -> Entry<'a> {
        Entry {
            id: head.id,
            at: head.at,
            bytes: &self.chunk.bytes,
            fields: head.fields,
            fields_at: head.same.then_some(self.fields_at),
            values_at: head.values_at,
        }
    }
}

/// The fixed part of an entry.
struct Head {
    at: usize,
    id: StreamId,
    deleted: bool,
    same: bool,
    fields: usize,
    values_at: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        while self.at < self.end {
            let head = self.head(self.at);
            self.at = self.behind(&head);
            if !head.deleted {
                return Some(self.entry(&head));
            }
        }
        None
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.at < self.end {
            self.end = self.begin_of_last();
            let head = self.head(self.end);
            if !head.deleted {
                return Some(self.entry(&head));
            }
        }
        None
    }
}

/// One entry, where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    at: usize,
    bytes: &'a [u8],
    fields: usize,
    /// Where the master's fields begin, if they are this entry's.
    fields_at: Option<usize>,
    values_at: usize,
}

impl<'a> Entry<'a> {
    /// How many fields it has.
    pub fn fields(&self) -> usize {
        self.fields
    }

    /// Fields and values, in the order given.
    pub fn pairs(&self) -> impl Pairs<'a> + use<'a> {
        let (bytes, mut at, mut field_at) = (self.bytes, self.values_at, self.fields_at);
        (0..self.fields).map(move |_| {
            let field;
            match &mut field_at {
                Some(place) => (field, *place) = listpack::read(bytes, *place),
                None => (field, at) = listpack::read(bytes, at),
            }
            let value;
            (value, at) = listpack::read(bytes, at);
            (field, value)
        })
    }
}

/// By id, fields and values; where they lie does not count.
impl PartialEq for Entry<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.pairs().eq(other.pairs())
    }
}

/// Chunks neither split nor merge: where one ends shows in what approximate trimming removes.
impl Leaf for Chunk {
    type Sep = StreamId;

    fn sep(&self) -> StreamId {
        self.master
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    fn is_over(&self) -> bool {
        false
    }

    fn is_under(&self) -> bool {
        false
    }

    fn split(&mut self, _: Edge) -> Self {
        self.split_off(self.len() / 2)
    }

    fn split_off(&mut self, at: usize) -> Self {
        let mut right = Chunk::default();
        for entry in self.entries().skip(at) {
            right.append_entry(&entry);
        }
        for entry in right.entries() {
            self.delete(entry.id);
        }
        right
    }

    fn can_absorb(&self, _: &Self) -> bool {
        false
    }

    fn absorb(&mut self, right: Self) {
        for entry in right.entries() {
            self.append_entry(&entry);
        }
    }
}
