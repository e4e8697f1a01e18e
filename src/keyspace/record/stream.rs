//! Changes of streams and their groups. What is pending in a group is in `pending`, what is known
//! of producers in `idempotency`.
//!
//! What a server chooses is written out: the id that an entry got, trimming as an exact length. So
//! a record has the same effect wherever it is run.

use super::{Change, Effect, Record, Touched};
use crate::base::limits::RECORD_ELEMENTS_MAX;
use crate::keyspace::{Db, Key, Keyspace, Object};
use crate::types::packed::Element;
use crate::types::stream::{ENTRIES_READ_UNKNOWN, Group, Stream, StreamId, Trim};
use std::sync::Arc;

/// Adds an entry to a stream, and perhaps removes the oldest; a missing key counts as an empty
/// stream. Keeps the expiry.
#[derive(Debug, Clone, Copy)]
pub struct AddEntry<'a> {
    /// The key: a stream or nothing.
    pub key: Key<'a>,
    /// The entry's id: greater than the stream's last one.
    pub id: StreamId,
    /// Fields and values in turn.
    pub pairs: &'a [&'a [u8]],
    /// What is to be left afterwards. Only given if that removes something.
    pub trim: Option<Trim>,
}

impl Change for AddEntry<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        let pairs = self.pairs.chunks_exact(2);
        let pairs = pairs.map(|pair| (Element::Bytes(pair[0]), Element::Bytes(pair[1])));
        let limits = keyspace.limits;
        let cut = edit(keyspace, db, self.key, |stream| {
            stream.add(self.id, pairs, &limits);
            self.trim.map(|trim| stream.trim(trim).1)
        });
        free(keyspace, cut);
        Effect::of(1, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "xadd" });
        if self.trim.is_some() {
            see(Touched::Key { db, key: self.key, event: "xtrim" });
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let options = if self.trim.is_some() { 3 } else { 0 };
        let mut record = Record::begin(bytes, 3 + options + self.pairs.len());
        record.bulk(b"XADD");
        record.bulk(self.key.bytes);
        if let Some(trim) = self.trim {
            trim_arguments(&mut record, trim);
        }
        id_argument(&mut record, self.id);
        for word in self.pairs {
            record.bulk(word);
        }
    }
}

/// Removes the oldest entries of a stream.
#[derive(Debug, Clone, Copy)]
pub struct TrimStream<'a> {
    /// The key: a stream.
    pub key: Key<'a>,
    /// What is to be left.
    pub trim: Trim,
}

impl Change for TrimStream<'_> {
    /// How many went.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let (removed, cut) = edit(keyspace, db, self.key, |stream| stream.trim(self.trim));
        free(keyspace, Some(cut));
        Effect::of(removed as u64, removed)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "xtrim" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*5\r\n$5\r\nXTRIM\r\n");
        record.bulk(self.key.bytes);
        trim_arguments(&mut record, self.trim);
    }
}

/// Deletes entries by their ids.
#[derive(Debug, Clone, Copy)]
pub struct DeleteEntries<'a> {
    /// The key: a stream.
    pub key: Key<'a>,
    /// Those that are not there change nothing.
    pub ids: &'a [StreamId],
    /// The keyspace event: `xdel`, `xtrim`, or none.
    pub event: &'static str,
}

impl Change for DeleteEntries<'_> {
    /// How many were there.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let deleted = edit(keyspace, db, self.key, |stream| {
            self.ids.iter().filter(|id| stream.delete(**id)).count()
        });
        Effect::of(deleted as u64, deleted)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: self.event });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        for ids in self.ids.chunks(RECORD_ELEMENTS_MAX) {
            let mut record = Record::begin(bytes, 2 + ids.len());
            record.bulk(b"XDEL");
            record.bulk(self.key.bytes);
            for id in ids {
                id_argument(&mut record, *id);
            }
        }
    }

    fn records(&self) -> usize {
        self.ids.len().div_ceil(RECORD_ELEMENTS_MAX)
    }
}

/// Sets a stream's last id and counters.
#[derive(Debug, Clone, Copy)]
pub struct SetStreamId<'a> {
    /// The key: a stream.
    pub key: Key<'a>,
    /// The greatest id ever given.
    pub last_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// The greatest id ever deleted.
    pub max_deleted_id: StreamId,
}

impl Change for SetStreamId<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        edit(keyspace, db, self.key, |stream| {
            stream.set_id(self.last_id, self.entries_added, self.max_deleted_id);
        });
        Effect::of(1, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "xsetid" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*7\r\n$6\r\nXSETID\r\n");
        record.bulk(self.key.bytes);
        id_argument(&mut record, self.last_id);
        record.bulk(b"ENTRIESADDED");
        record.int(self.entries_added.cast_signed());
        record.bulk(b"MAXDELETEDID");
        id_argument(&mut record, self.max_deleted_id);
    }
}

/// Creates a consumer group.
#[derive(Debug, Clone, Copy)]
pub struct CreateGroup<'a> {
    /// The key: a stream without this group, or nothing.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
    /// The id that counts as delivered last.
    pub last_id: StreamId,
    /// How many entries count as read, or [`ENTRIES_READ_UNKNOWN`].
    pub entries_read: i64,
    /// Whether there is no stream yet: it is made.
    pub makes_stream: bool,
}

impl Change for CreateGroup<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        let group = Group::new(self.group, self.last_id, self.entries_read);
        edit(keyspace, db, self.key, |stream| stream.put_group(group));
        Effect::of(1, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "xgroup-create" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let counts = self.entries_read != ENTRIES_READ_UNKNOWN;
        let options = usize::from(self.makes_stream) + 2 * usize::from(counts);
        let mut record = Record::begin(bytes, 5 + options);
        record.bulk(b"XGROUP");
        record.bulk(b"CREATE");
        record.bulk(self.key.bytes);
        record.bulk(self.group);
        id_argument(&mut record, self.last_id);
        if self.makes_stream {
            record.bulk(b"MKSTREAM");
        }
        if counts {
            record.bulk(b"ENTRIESREAD");
            record.int(self.entries_read);
        }
    }
}

/// Sets the id that a group counts as delivered last.
#[derive(Debug, Clone, Copy)]
pub struct SetGroupId<'a> {
    /// The key: a stream with this group.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
    /// The id.
    pub last_id: StreamId,
    /// How many entries count as read, or [`ENTRIES_READ_UNKNOWN`].
    pub entries_read: i64,
    /// The keyspace event: `xgroup-setid`, or none if a consumer has read on.
    pub event: &'static str,
}

impl Change for SetGroupId<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        edit_group(keyspace, db, self.key, self.group, |group| {
            (group.last_id, group.entries_read) = (self.last_id, self.entries_read);
        });
        Effect::of(1, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        let (key, event) = (self.key, self.event);
        // Who reads on takes; XGROUP SETID may go back, and entries are new again.
        let is_read_on = event.is_empty();
        see(if is_read_on {
            Touched::Quiet { db, key, event }
        } else {
            Touched::Key { db, key, event }
        });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = group_record(bytes, b"SETID", self.key, self.group, 3);
        id_argument(&mut record, self.last_id);
        record.bulk(b"ENTRIESREAD");
        record.int(self.entries_read);
    }
}

/// Removes a group with all it knows.
#[derive(Debug, Clone, Copy)]
pub struct DestroyGroup<'a> {
    /// The key: a stream.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
}

impl Change for DestroyGroup<'_> {
    /// Whether it was there.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        let group = edit(keyspace, db, self.key, |stream| stream.remove_group(self.group));
        let found = group.is_some();
        if let Some(group) = group {
            let mut remains = Stream::new();
            remains.put_group(group);
            keyspace.reclaimer.object(Object::Stream(Arc::new(remains)));
        }
        Effect::of(u64::from(found), found)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "xgroup-destroy" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        group_record(bytes, b"DESTROY", self.key, self.group, 0);
    }
}

/// Creates a consumer in a group.
#[derive(Debug, Clone, Copy)]
pub struct CreateConsumer<'a> {
    /// The key: a stream with this group.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
    /// The consumer's name.
    pub consumer: &'a [u8],
    /// The instant, unix ms: a hint, not in the record.
    pub now: i64,
}

impl Change for CreateConsumer<'_> {
    /// Whether there was none with this name.
    type Found = bool;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<bool> {
        let is_new = edit_group(keyspace, db, self.key, self.group, |group| {
            group.add_consumer(self.consumer, self.now)
        });
        Effect::of(u64::from(is_new), is_new)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Quiet { db, key: self.key, event: "xgroup-createconsumer" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        group_record(bytes, b"CREATECONSUMER", self.key, self.group, 1).bulk(self.consumer);
    }
}

/// Removes a consumer with what is pending for it.
#[derive(Debug, Clone, Copy)]
pub struct DeleteConsumer<'a> {
    /// The key: a stream with this group.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
    /// The consumer's name.
    pub consumer: &'a [u8],
}

impl Change for DeleteConsumer<'_> {
    /// How much was pending for it; none if it was not there.
    type Found = Option<usize>;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<Option<usize>> {
        let found = edit_group(keyspace, db, self.key, self.group, |group| {
            group.remove_consumer(self.consumer)
        });
        Effect::of(u64::from(found.is_some()), found)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "xgroup-delconsumer" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        group_record(bytes, b"DELCONSUMER", self.key, self.group, 1).bulk(self.consumer);
    }
}

/// Edits a stream; a missing one is made.
pub(super) fn edit<R>(
    keyspace: &mut Keyspace,
    db: Db,
    key: Key<'_>,
    f: impl FnOnce(&mut Stream) -> R,
) -> R {
    keyspace.edit(db, key, |stream: &mut Arc<Stream>, _context| f(Arc::make_mut(stream)))
}

/// Edits a group, which is there; otherwise nothing is found.
pub(super) fn edit_group<R: Default>(
    keyspace: &mut Keyspace,
    db: Db,
    key: Key<'_>,
    group: &[u8],
    f: impl FnOnce(&mut Group) -> R,
) -> R {
    edit(keyspace, db, key, |stream| stream.edit_group(group, f)).unwrap_or_default()
}

/// Frees elsewhere what was cut off a stream.
fn free(keyspace: &mut Keyspace, cut: Option<Stream>) {
    if let Some(cut) = cut.filter(|cut| !cut.is_empty()) {
        keyspace.reclaimer.object(Object::Stream(Arc::new(cut)));
    }
}

fn group_record<'a>(
    bytes: &'a mut Vec<u8>,
    subcommand: &[u8],
    key: Key<'_>,
    group: &[u8],
    more: usize,
) -> Record<'a> {
    let mut record = Record::begin(bytes, 4 + more);
    record.bulk(b"XGROUP");
    record.bulk(subcommand);
    record.bulk(key.bytes);
    record.bulk(group);
    record
}

/// `MAXLEN = n` or `MINID = id`: always exact.
fn trim_arguments(record: &mut Record<'_>, trim: Trim) {
    match trim {
        Trim::Length(length) => {
            record.bulk(b"MAXLEN");
            record.bulk(b"=");
            record.int(length.cast_signed());
        }
        Trim::Id(id) => {
            record.bulk(b"MINID");
            record.bulk(b"=");
            id_argument(record, id);
        }
    }
}

pub(super) fn id_argument(record: &mut Record<'_>, id: StreamId) {
    let mut text = [0; StreamId::TEXT_BYTES_MAX];
    record.bulk(id.write(&mut text));
}
