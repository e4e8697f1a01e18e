//! The active expiry cycle: removes, by records, keys and fields of hashes whose time has come and
//! that nobody asks for.
//!
//! Pages and directory nodes know the earliest expiry below them, so a step visits only pages with
//! something due. The cycle runs every few milliseconds in steps of bounded length, and goes on at
//! once while there is more to do; that bounds how late a key can go (`benches/compare` measures
//! it). For fields the keyspace has an index of the hashes that have some; of a hash with many due
//! fields a step removes a part.

use super::{Engine, Shared};
use crate::admin::Hold;
use crate::base::clock::{self, UnixMs};
use crate::keyspace::record::RemoveFields;
use crate::keyspace::{Db, Key};

/// Pages looked at in one hold of the lock.
const PAGES_A_STEP: usize = 64;
/// Keys removed in one hold of the lock: about 100 µs.
const KEYS_A_STEP: usize = 256;
/// Fields removed in one hold of the lock.
const FIELDS_A_STEP: usize = 256;

/// Where the cycle stands.
#[derive(Default)]
pub(super) struct Cycle {
    db: usize,
    /// The database's keys are done, its hashes' fields come next.
    keys_done: bool,
    /// In the database's table, and in its index of hashes with expiring fields.
    cursor: u64,
    fields_cursor: u64,
    found: Vec<Vec<u8>>,
}

/// Runs steps until nothing is due, giving the lock up after each. Returns whether anything was
/// removed.
pub fn run(shared: &Shared, now: UnixMs) -> bool {
    let mut removed = false;
    loop {
        let begun = clock::thread_cpu_ns();
        let step = shared.hold(Hold::Expiry, |engine| {
            let step = engine.expire_step(now);
            let spent = clock::thread_cpu_ns().saturating_sub(begun);
            engine.admin.stats.expire_cycle_ns += spent;
            step
        });
        removed |= step.removed > 0;
        if step.done {
            return removed;
        }
    }
}

/// What a step did.
pub(super) struct Step {
    /// Keys and fields removed.
    pub removed: usize,
    /// Nothing more is due in any database.
    pub done: bool,
}

impl Engine {
    /// Whether expired keys and fields stay, since the log takes no records now: it has failed, the
    /// disk is full, or the tail is.
    pub(super) fn refuses_removals(&self) -> bool {
        self.journal.refusal().is_some() || !self.journal.has_room(self.batch.len())
    }

    /// One step, under the lock.
    pub(super) fn expire_step(&mut self, now: UnixMs) -> Step {
        // DEBUG SET-ACTIVE-EXPIRE 0 turns the cycle off; reads still hide, and remove what they
        // find.
        let stopped = !self.admin.active_expire || self.pause.is_on();
        if stopped || self.refuses_removals() {
            return Step { removed: 0, done: true };
        }
        self.set_now(now);
        let now = self.now;
        while self.expiry.db < self.keyspace.databases() {
            let db = Db(self.expiry.db as u16);
            let keys_are_due = || self.keyspace.table(db).earliest_expiry() < now.0;
            let fields_are_due = || self.keyspace.earliest_field_expiry(db) < now.0;
            let removed = if !self.expiry.keys_done && keys_are_due() {
                self.expire_pages(db, now)
            } else if fields_are_due() {
                self.expiry.keys_done = true;
                self.expire_fields(db, now)
            } else {
                self.next_database();
                continue;
            };
            if !self.blocked.is_empty() {
                self.serve_blocked();
            }
            self.commit();
            return Step { removed, done: false };
        }
        self.expiry.db = 0;
        Step { removed: 0, done: true }
    }

    fn expire_pages(&mut self, db: Db, now: UnixMs) -> usize {
        let mut found = std::mem::take(&mut self.expiry.found);
        let (mut finished, mut pages) = (false, 0);
        while !finished && pages < PAGES_A_STEP && found.len() < KEYS_A_STEP {
            // A page at a time, so that a step ends soon after it has found enough.
            finished = self.keyspace.due(db, now, &mut self.expiry.cursor, 1, &mut |key| {
                found.push(key.to_vec());
            });
            pages += 1;
        }
        let removed = found.len();
        for key in found.drain(..) {
            let key = Key::new(&key);
            // Each removal is a call of its own: nothing ties them together.
            self.transact(db, |tx| tx.remove_as_expired(key));
        }
        self.expiry.found = found;
        self.expiry.keys_done = finished;
        removed
    }

    fn next_database(&mut self) {
        let (db, found) = (self.expiry.db + 1, std::mem::take(&mut self.expiry.found));
        self.expiry = Cycle { db, found, ..Cycle::default() };
    }

    /// Removes due fields of the hashes in some of the index' pages.
    fn expire_fields(&mut self, db: Db, now: UnixMs) -> usize {
        let mut found = std::mem::take(&mut self.expiry.found);
        let (mut removed, mut pages, mut finished) = (0, 0, false);
        while !finished && pages < PAGES_A_STEP && removed < FIELDS_A_STEP {
            let page = self.expiry.fields_cursor;
            finished =
                self.keyspace.due_hashes(db, now, &mut self.expiry.fields_cursor, &mut |key| {
                    found.push(key.to_vec());
                });
            for key in found.drain(..) {
                removed += self.expire_fields_of(db, Key::new(&key), now, FIELDS_A_STEP - removed);
                if removed >= FIELDS_A_STEP {
                    // There may be more in this hash and behind it: once more from here.
                    (self.expiry.fields_cursor, finished) = (page, false);
                    break;
                }
            }
            pages += 1;
        }
        found.clear();
        self.expiry.found = found;
        if finished {
            self.next_database();
        }
        removed
    }

    /// Removes up to about `max` due fields of one hash, and sets its bound anew if it has no more.
    fn expire_fields_of(&mut self, db: Db, key: Key<'_>, now: UnixMs, max: usize) -> usize {
        let fields = self.keyspace.due_fields(db, key, now, max);
        if !fields.is_empty() {
            let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            let events = &["hexpired"];
            self.transact(db, |tx| {
                tx.emit(RemoveFields { key, fields: &fields, events });
                tx.count_expired_fields(fields.len());
            });
        }
        if fields.len() < max {
            self.keyspace.settle_fields(db, key);
        }
        fields.len()
    }
}
