//! The keyspace at one instant: what snapshots, digests and slow reads look at, off the lock.

use super::value::Object;
use super::{Db, Keyspace, Lookups};
use crate::paged::{PageHeap, Table};
use std::cell::RefCell;

/// What reads of a frozen keyspace have found: expired keys, and how many look-ups there were.
#[derive(Default)]
pub struct Findings {
    noticed: Vec<(Db, Vec<u8>)>,
    lookups: Lookups,
}

/// The keyspace as it was at one instant. It never changes, and may be read and dropped on any
/// thread.
pub struct Frozen(Keyspace);

impl Frozen {
    /// The keyspace, to look at.
    pub fn keyspace(&self) -> &Keyspace {
        &self.0
    }

    /// What reads of it have found, for [`Keyspace::take_findings`] of the one it was frozen from.
    pub fn into_findings(self) -> Findings {
        Findings { noticed: self.0.noticed.into_inner(), lookups: self.0.lookups }
    }

    /// Takes the databases apart, for a reader that drops each part as soon as it has read it, so
    /// that the memory held for a snapshot shrinks while it is written.
    pub fn into_tables(self) -> impl Iterator<Item = (Db, Table<Object>)> {
        self.0.databases.into_iter().enumerate().map(|(n, table)| (Db(n as u16), table))
    }
}

impl Keyspace {
    /// The keyspace as a value of its own, O(number of databases).
    pub fn freeze(&self) -> Frozen {
        Frozen(Keyspace {
            databases: self.databases.iter().map(Table::clone).collect(),
            // Who reads a frozen keyspace removes nothing from it.
            volatile: Box::default(),
            stream_extras: self.stream_extras,
            heap: PageHeap::detached(),
            reclaimer: self.reclaimer.clone(),
            noticed: RefCell::default(),
            clock: self.clock,
            lookups: Lookups::default(),
            limits: self.limits,
            scratch: Vec::new(),
        })
    }

    /// Takes over what reads of a frozen one have found, as if they had read this one.
    pub fn take_findings(&mut self, findings: Findings) {
        let Findings { noticed, lookups: found } = findings;
        self.noticed.get_mut().extend(noticed);
        let Lookups { hits, misses } = &self.lookups;
        hits.set(hits.get() + found.hits.get());
        misses.set(misses.get() + found.misses.get());
    }
}
