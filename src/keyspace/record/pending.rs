//! Changes of what is pending in consumer groups.
//!
//! Delivery is written as XCLAIM with time and count, and what XNACK has released with its count,
//! so a record has the same effect wherever it is run. Times when a consumer was last seen are
//! hints and have no record ([`SeeConsumer`]).

use super::stream::{edit_group, id_argument};
use super::{Change, Effect, Record, Touched};
use crate::base::limits::RECORD_ELEMENTS_MAX;
use crate::keyspace::{Db, Key, Keyspace};
use crate::types::stream::StreamId;

/// Makes entries pending for a consumer, whoever had them before.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The key: a stream with this group, which has this consumer.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
    /// The consumer's name.
    pub consumer: &'a [u8],
    /// Entries of the stream, at least one.
    pub ids: &'a [StreamId],
    /// When they were delivered, unix ms.
    pub time: i64,
    /// How often; counted up to `i64::MAX`.
    pub count: u64,
    /// When the consumer asked for them, unix ms: a hint, not in the record.
    pub asked: Option<i64>,
    /// Whether an entry may be idle for longer than it was before, or was not pending: who waits
    /// for idle ones must know. Not in the record.
    pub wakes: bool,
}

impl Claim<'_> {
    /// The count that is kept: payloads of RESTORE may come with more than records can say.
    fn count(&self) -> u64 {
        self.count.min(i64::MAX.cast_unsigned())
    }
}

impl Change for Claim<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        edit_group(keyspace, db, self.key, self.group, |group| {
            group.deliver(self.consumer, self.ids, self.time, self.count());
            if let Some(now) = self.asked {
                group.see_consumer(self.consumer, now, true);
            }
        });
        Effect::of(self.ids.len() as u64, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        let (key, event) = (self.key, "");
        see(if self.wakes {
            Touched::Key { db, key, event }
        } else {
            Touched::Quiet { db, key, event }
        });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        for ids in self.ids.chunks(RECORD_ELEMENTS_MAX) {
            let mut record = Record::begin(bytes, 11 + ids.len());
            record.bulk(b"XCLAIM");
            record.bulk(self.key.bytes);
            record.bulk(self.group);
            record.bulk(self.consumer);
            record.bulk(b"0");
            for id in ids {
                id_argument(&mut record, *id);
            }
            record.bulk(b"TIME");
            record.int(self.time);
            record.bulk(b"RETRYCOUNT");
            record.int(self.count().cast_signed());
            record.bulk(b"FORCE");
            record.bulk(b"JUSTID");
        }
    }

    fn records(&self) -> usize {
        self.ids.len().div_ceil(RECORD_ELEMENTS_MAX)
    }
}

/// Takes entries out of a group's pending ones.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledge<'a> {
    /// The key: a stream with this group.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
    /// Those that are not pending change nothing.
    pub ids: &'a [StreamId],
}

impl Change for Acknowledge<'_> {
    /// How many were pending.
    type Found = usize;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<usize> {
        let found = edit_group(keyspace, db, self.key, self.group, |group| {
            self.ids.iter().filter(|id| group.acknowledge(**id)).count()
        });
        Effect::of(found as u64, found)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Quiet { db, key: self.key, event: "" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        for ids in self.ids.chunks(RECORD_ELEMENTS_MAX) {
            let mut record = Record::begin(bytes, 3 + ids.len());
            record.bulk(b"XACK");
            record.bulk(self.key.bytes);
            record.bulk(self.group);
            for id in ids {
                id_argument(&mut record, *id);
            }
        }
    }

    fn records(&self) -> usize {
        self.ids.len().div_ceil(RECORD_ELEMENTS_MAX)
    }
}

/// Notes when a consumer asked for something. A hint, like an access clock: it changes nothing that
/// counts, and leaves no record.
#[derive(Debug, Clone, Copy)]
pub struct SeeConsumer<'a> {
    /// The key: a stream with this group.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
    /// The consumer's name.
    pub consumer: &'a [u8],
    /// The instant, unix ms.
    pub now: i64,
    /// Whether it got something.
    pub active: bool,
}

impl Change for SeeConsumer<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        edit_group(keyspace, db, self.key, self.group, |group| {
            group.see_consumer(self.consumer, self.now, self.active);
        });
        Effect::of(0, ())
    }

    fn touched(&self, _after: &Keyspace, _db: Db, _see: &mut dyn FnMut(Touched<'_>)) {}

    fn write(&self, _bytes: &mut Vec<u8>) {}
}

/// Makes entries pending for nobody, whoever had them before (XNACK). Redis before 8.8 does not
/// know the record.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseEntries<'a> {
    /// The key: a stream with this group.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
    /// Entries that are pending, or are in the stream; at least one.
    pub ids: &'a [StreamId],
    /// How often they count as delivered; counted up to `i64::MAX`.
    pub count: u64,
}

impl ReleaseEntries<'_> {
    fn count(&self) -> u64 {
        self.count.min(i64::MAX.cast_unsigned())
    }
}

impl Change for ReleaseEntries<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        keyspace.note_stream_extras();
        edit_group(keyspace, db, self.key, self.group, |group| {
            for id in self.ids {
                group.release(*id, self.count());
            }
        });
        Effect::of(self.ids.len() as u64, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        for ids in self.ids.chunks(RECORD_ELEMENTS_MAX) {
            let mut record = Record::begin(bytes, 9 + ids.len());
            record.bulk(b"XNACK");
            record.bulk(self.key.bytes);
            record.bulk(self.group);
            record.bulk(b"FAIL");
            record.bulk(b"IDS");
            record.int(ids.len() as i64);
            for id in ids {
                id_argument(&mut record, *id);
            }
            record.bulk(b"RETRYCOUNT");
            record.int(self.count().cast_signed());
            record.bulk(b"FORCE");
        }
    }

    fn records(&self) -> usize {
        self.ids.len().div_ceil(RECORD_ELEMENTS_MAX)
    }
}

/// Makes a group keep its pending entries by delivery time. An index, no data: it leaves no record.
#[derive(Debug, Clone, Copy)]
pub struct IndexTimes<'a> {
    /// The key: a stream with this group.
    pub key: Key<'a>,
    /// The group's name.
    pub group: &'a [u8],
}

impl Change for IndexTimes<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        edit_group(keyspace, db, self.key, self.group, |group| group.index_times());
        Effect::of(0, ())
    }

    fn touched(&self, _after: &Keyspace, _db: Db, _see: &mut dyn FnMut(Touched<'_>)) {}

    fn write(&self, _bytes: &mut Vec<u8>) {}
}
