//! Changes of what a stream knows of its producers' messages (Redis 8.6). Redis before that does
//! not know these records.

use super::stream::{edit, id_argument};
use super::{Change, Effect, Record, Touched};
use crate::keyspace::{Db, Key, Keyspace, Object};
use crate::types::stream::{Stream, StreamId};
use std::sync::Arc;

/// Records which entry a producer's message has become. What is over by that entry's time is
/// forgotten.
#[derive(Debug, Clone, Copy)]
pub struct RecordMessage<'a> {
    /// The key: a stream.
    pub key: Key<'a>,
    /// The producer's id.
    pub pid: &'a [u8],
    /// The message's idempotent id.
    pub iid: &'a [u8],
    /// The entry.
    pub id: StreamId,
}

impl Change for RecordMessage<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        keyspace.note_stream_extras();
        edit(keyspace, db, self.key, |stream| {
            stream.edit_idempotency(|known| known.record(self.pid, self.iid, self.id));
        });
        Effect::of(1, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*5\r\n$11\r\nXIDMPRECORD\r\n");
        record.bulk(self.key.bytes);
        record.bulk(self.pid);
        record.bulk(self.iid);
        id_argument(&mut record, self.id);
    }
}

/// Sets how long and how many idempotent ids a stream knows. If that changes, all are forgotten.
#[derive(Debug, Clone, Copy)]
pub struct SetIdempotency<'a> {
    /// The key: a stream.
    pub key: Key<'a>,
    /// How long, in seconds.
    pub duration_s: u64,
    /// How many of a producer.
    pub max_size: usize,
}

impl Change for SetIdempotency<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        keyspace.note_stream_extras();
        let before = edit(keyspace, db, self.key, |stream| {
            stream.edit_idempotency(|known| known.configure(self.duration_s, self.max_size))
        });
        let changes = u64::from(before.is_some());
        if let Some(before) = before {
            let mut remains = Stream::new();
            remains.edit_idempotency(|known| *known = before);
            keyspace.reclaimer.object(Object::Stream(Arc::new(remains)));
        }
        Effect::of(changes, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut record = Record::with_head(bytes, b"*6\r\n$7\r\nXCFGSET\r\n");
        record.bulk(self.key.bytes);
        record.bulk(b"IDMP-DURATION");
        record.int(self.duration_s.cast_signed());
        record.bulk(b"IDMP-MAXSIZE");
        record.int(self.max_size as i64);
    }
}

/// Counts a message that came again. A hint, as Redis does not replicate it either: it leaves no
/// record.
#[derive(Debug, Clone, Copy)]
pub struct CountDuplicate<'a> {
    /// The key: a stream that knows the message.
    pub key: Key<'a>,
}

impl Change for CountDuplicate<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        edit(keyspace, db, self.key, |stream| {
            stream.edit_idempotency(|known| known.count_duplicate());
        });
        Effect::of(0, ())
    }

    fn touched(&self, _after: &Keyspace, _db: Db, _see: &mut dyn FnMut(Touched<'_>)) {}

    fn write(&self, _bytes: &mut Vec<u8>) {}
}
