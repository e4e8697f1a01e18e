//! Changes of HyperLogLogs.
//!
//! When sparse registers become dense depends on `hll-sparse-max-bytes`, which is not on the log,
//! and both forms are bytes that clients can GET. So a record never leaves that choice to whoever
//! replays it: a replay ignores the setting, and the one PFADD that made registers dense because of
//! it is written as the SET of what came out.

use super::string::{SetExpiry, SetString, in_place, put_changed};
use super::{Change, Effect, Record, Touched};
use crate::keyspace::{Db, Key, Keyspace};
use crate::paged::Expiry;
use crate::types::hyperloglog;
use std::sync::Arc;

/// Adds elements to a dense HyperLogLog, in place.
#[derive(Debug, Clone, Copy)]
pub struct HllAdd<'a> {
    /// The key of a dense HyperLogLog.
    pub key: Key<'a>,
    /// The elements.
    pub elements: &'a [&'a [u8]],
}

impl Change for HllAdd<'_> {
    /// How many registers have grown.
    type Found = u64;

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<u64> {
        let updated =
            in_place(keyspace, db, self.key, |bytes| hyperloglog::add_dense(bytes, self.elements));
        Effect::of(updated, updated)
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "pfadd" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        Record::list(bytes, b"PFADD", self.key, self.elements);
    }
}

/// Sets a key to a HyperLogLog that was computed. Keeps the expiry.
#[derive(Debug, Clone)]
pub struct HllPut<'a> {
    /// The key: a string or nothing.
    pub key: Key<'a>,
    /// What it will be.
    pub value: Arc<Vec<u8>>,
    /// Changes as Redis counts them, at least 1.
    pub changes: u64,
    /// The record that gives the same bytes when it is replayed.
    pub record: HllRecord<'a>,
}

/// How a [`HllPut`] is written.
#[derive(Debug, Clone, Copy)]
pub enum HllRecord<'a> {
    /// PFADD of these elements.
    Add(&'a [&'a [u8]]),
    /// PFMERGE with these sources.
    Merge(&'a [&'a [u8]]),
    /// SET of the whole value; the expiry is `Keep` if the key has one.
    Whole(SetExpiry),
}

impl Change for HllPut<'_> {
    type Found = ();

    fn apply(&self, keyspace: &mut Keyspace, db: Db) -> Effect<()> {
        put_changed(keyspace, db, self.key, Arc::clone(&self.value), Expiry::Keep);
        Effect::of(self.changes, ())
    }

    fn touched(&self, _after: &Keyspace, db: Db, see: &mut dyn FnMut(Touched<'_>)) {
        see(Touched::Key { db, key: self.key, event: "pfadd" });
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        match self.record {
            HllRecord::Add(elements) => Record::list(bytes, b"PFADD", self.key, elements),
            HllRecord::Merge(sources) => Record::list(bytes, b"PFMERGE", self.key, sources),
            HllRecord::Whole(expiry) => {
                SetString { key: self.key, value: &self.value, expiry }.write(bytes);
            }
        }
    }
}
