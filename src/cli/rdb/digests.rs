//! A key's value as a digest: equal values, equal digests, whatever form they lie in.
//!
//! Elements of sets, hashes and sorted sets are combined by addition, since their order means
//! nothing; those of lists and streams in order. What a server treats as a hint does not count:
//! when a consumer was last seen, how many entries a group has read, how many messages producers
//! have sent in all.

use crate::keyspace::value::Type;
use crate::rdb::stream::{Id, Pair};
use crate::rdb::visit::{
    ConsumerHead, GroupHead, IdempotencyHead, LeftOut, Message, PendingEntry, ReleasedEntry,
    StreamEnd, Visitor, Want,
};
use crate::rdb::{Entry, Refused};
use crate::types::packed::Element;
use crate::types::stream::Idempotency;
use xxhash_rust::xxh3::xxh3_128;

/// A key as it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Of the value.
    pub value: u128,
    /// When the key expires; 0: never.
    pub expiry_ms: u64,
    /// Its type.
    pub value_type: Type,
}

/// A key's name as it is looked up.
pub fn name_hash(db: u64, key: &[u8], scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    scratch.extend_from_slice(&db.to_le_bytes());
    scratch.extend_from_slice(key);
    xxh3_128(scratch)
}

/// Who takes the digests. The error of either ends the reading.
pub trait TakeDigests {
    /// Whether a key is looked at.
    fn wants(&mut self, entry: &Entry<'_>, value_type: Type) -> bool;

    /// A key that is, in its database.
    fn digest(&mut self, db: u64, key: &[u8], digest: Digest);
}

/// Makes digests.
pub struct Digests<T> {
    /// Who takes them.
    pub take: T,
    db: u64,
    key: Vec<u8>,
    current: Digest,
    scratch: Vec<u8>,
    group: u128,
    consumer: u128,
    /// Entries of the group that were released so far.
    released: u64,
}

impl<T: TakeDigests> Digests<T> {
    /// Makes digests for `take`.
    pub fn new(take: T) -> Digests<T> {
        Digests {
            take,
            db: 0,
            key: Vec::new(),
            current: Digest { value: 0, expiry_ms: 0, value_type: Type::String },
            scratch: Vec::new(),
            group: 0,
            consumer: 0,
            released: 0,
        }
    }

    /// Begins a part of the value: `kind` tells it from parts of another kind.
    fn part(&mut self, kind: u8) {
        self.scratch.clear();
        self.scratch.push(kind);
    }

    fn add(&mut self, element: Element<'_>) {
        element.with(|bytes| self.add_bytes(bytes));
    }

    /// With its length, so that no two sequences of texts are the same bytes.
    fn add_bytes(&mut self, bytes: &[u8]) {
        self.scratch.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.scratch.extend_from_slice(bytes);
    }

    fn add_id(&mut self, id: Id) {
        self.scratch.extend_from_slice(&id.to_bytes());
    }

    /// Combines the part in any order.
    fn sum(&mut self) {
        self.current.value = self.current.value.wrapping_add(xxh3_128(&self.scratch));
    }

    /// Combines the part behind those before it.
    fn chain(&mut self) {
        self.scratch.extend_from_slice(&self.current.value.to_le_bytes());
        self.current.value = xxh3_128(&self.scratch);
    }
}

impl<T: TakeDigests> Visitor for Digests<T> {
    fn function(&mut self, _code: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused> {
        if !self.take.wants(entry, value_type) {
            return Ok(Want::Nothing);
        }
        self.db = entry.db;
        self.key.clear();
        self.key.extend_from_slice(entry.key);
        self.current = Digest { value: 0, expiry_ms: entry.expiry_ms.unwrap_or(0), value_type };
        Ok(Want::Pieces)
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), Refused> {
        self.part(0);
        self.add(element);
        match self.current.value_type {
            Type::List => self.chain(),
            _ => self.sum(),
        }
        Ok(())
    }

    fn field(
        &mut self,
        name: Element<'_>,
        value: Element<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), Refused> {
        self.part(1);
        self.add(name);
        self.add(value);
        self.scratch.extend_from_slice(&expiry_ms.unwrap_or(0).to_le_bytes());
        self.sum();
        Ok(())
    }

    fn scored(&mut self, member: Element<'_>, score: f64) -> Result<(), Refused> {
        self.part(2);
        self.add(member);
        // Never -0.
        self.scratch.extend_from_slice(&(score + 0.0).to_bits().to_le_bytes());
        self.sum();
        Ok(())
    }

    fn entry(&mut self, id: Id, fields: &[Pair<'_>]) -> Result<(), Refused> {
        self.part(3);
        self.add_id(id);
        for (name, value) in fields {
            self.add(*name);
            self.add(*value);
        }
        self.chain();
        Ok(())
    }

    fn stream(&mut self, facts: &StreamEnd) -> Result<(), Refused> {
        self.part(4);
        self.add_id(facts.last_id);
        self.add_id(facts.max_deleted_id);
        self.scratch.extend_from_slice(&facts.entries_added.to_le_bytes());
        self.chain();
        Ok(())
    }

    fn group(&mut self, group: &GroupHead<'_>) -> Result<(), Refused> {
        self.part(5);
        self.add_bytes(group.name);
        self.add_id(group.last_id);
        self.group = xxh3_128(&self.scratch);
        self.released = 0;
        self.sum();
        Ok(())
    }

    fn consumer(&mut self, consumer: &ConsumerHead<'_>) -> Result<(), Refused> {
        self.part(6);
        self.scratch.extend_from_slice(&self.group.to_le_bytes());
        self.add_bytes(consumer.name);
        self.consumer = xxh3_128(&self.scratch);
        self.sum();
        Ok(())
    }

    fn pending(&mut self, pending: &PendingEntry) -> Result<(), Refused> {
        self.part(7);
        self.scratch.extend_from_slice(&self.consumer.to_le_bytes());
        self.add_id(pending.id);
        self.scratch.extend_from_slice(&pending.time_ms.to_le_bytes());
        self.scratch.extend_from_slice(&pending.count.to_le_bytes());
        self.sum();
        Ok(())
    }

    fn released(&mut self, released: &ReleasedEntry) -> Result<(), Refused> {
        self.part(8);
        self.scratch.extend_from_slice(&self.group.to_le_bytes());
        self.scratch.extend_from_slice(&self.released.to_le_bytes());
        self.add_id(released.id);
        self.scratch.extend_from_slice(&released.count.to_le_bytes());
        self.sum();
        self.released += 1;
        Ok(())
    }

    fn idempotency(&mut self, settings: &IdempotencyHead) -> Result<(), Refused> {
        let IdempotencyHead { duration_s, max_size } = *settings;
        if (duration_s, max_size) == (Idempotency::DURATION_S, Idempotency::SIZE) {
            return Ok(());
        }
        self.part(9);
        self.scratch.extend_from_slice(&duration_s.to_le_bytes());
        self.scratch.extend_from_slice(&(max_size as u64).to_le_bytes());
        self.sum();
        Ok(())
    }

    fn message(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        self.part(10);
        self.add_bytes(message.pid);
        self.add_bytes(message.iid);
        self.add_id(message.id);
        self.sum();
        Ok(())
    }

    fn idempotency_end(&mut self, _added: u64, _duplicates: u64) -> Result<(), Refused> {
        Ok(())
    }

    fn end(&mut self, _bytes: u64) -> Result<(), Refused> {
        self.take.digest(self.db, &self.key, self.current);
        Ok(())
    }

    fn left_out(&mut self, _what: &LeftOut<'_>) -> Result<(), Refused> {
        Ok(())
    }
}
