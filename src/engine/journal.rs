//! The journal: the engine's side of the log, and which replies must wait for it.
//!
//! Under `appendfsync always` a reply waits for what it depends on. A write waits for its own LSN.
//! A read waits only if a key it names was written above what is synced: the unsynced records' keys
//! are kept as a small map of hashes ([`Unsynced`]). A read without keys depends on the newest
//! unsynced LSN of its database.

use super::pool::Queue;
use super::round::ParkedFor;
use crate::base::clock::{self, Monotonic};
use crate::command::{Call, Keys};
use crate::keyspace::tx::TouchedKey;
use crate::keyspace::{Batch, Db, Key};
use crate::log::planted::{Bug, planted};
use crate::log::{Fsync, Group, Log, Lsn, Positions};
use crate::resp::Mark;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// The engine's side of the log.
pub struct Journal {
    log: Backend,
    /// Whether replies are held: `appendfsync always`, on disk.
    holds: bool,
    unsynced: Unsynced,
    /// The monotonic clock at the last [`Self::set_now`].
    now: Monotonic,
}

enum Backend {
    /// No log at all: a test, or a tool. Records are kept if somebody wants to look at them.
    None { emitted: Lsn, kept: Option<Vec<u8>> },
    /// The log, on disk or in memory.
    Log(Arc<Log>),
}

impl Journal {
    /// A journal without a log: what is emitted counts as synced.
    pub(super) fn memory() -> Self {
        Journal::over(Backend::None { emitted: Lsn::default(), kept: None })
    }

    /// The journal of a running log.
    pub(super) fn of(log: Arc<Log>, on_disk: bool) -> Self {
        let holds = on_disk && log.fsync() == Fsync::Always;
        Journal { holds, ..Journal::over(Backend::Log(log)) }
    }

    fn over(log: Backend) -> Self {
        Journal { log, holds: false, unsynced: Unsynced::default(), now: Monotonic::default() }
    }

    /// Keeps all records from now on (tests).
    pub(super) fn keep_records(&mut self) {
        if let Backend::None { kept, .. } = &mut self.log {
            *kept = Some(Vec::new());
        }
    }

    /// The records kept since [`Self::keep_records`].
    pub(super) fn kept(&self) -> &[u8] {
        match &self.log {
            Backend::None { kept: Some(kept), .. } => kept,
            _ => &[],
        }
    }

    /// The log, if there is one.
    pub fn log(&self) -> Option<&Arc<Log>> {
        match &self.log {
            Backend::None { .. } => None,
            Backend::Log(log) => Some(log),
        }
    }

    /// How far the log is.
    pub fn positions(&self) -> Positions {
        match &self.log {
            Backend::Log(log) => log.positions(),
            Backend::None { emitted, .. } => {
                Positions { emitted: *emitted, written: *emitted, synced: *emitted }
            }
        }
    }

    /// What I/O workers look at without the engine's lock; `paused` says whether a pause is on,
    /// `queue` is the read pool's.
    pub(super) fn watch(&self, paused: Arc<AtomicBool>, queue: Queue) -> Watch {
        Watch { log: self.log().cloned(), paused, queue }
    }

    /// Follows `appendfsync`, in the midst of a round whose batch is `batch_len` bytes long by now.
    /// All up to there is still synced: replies held under `always` wait for it, and so do
    /// reads once `always` holds.
    pub(super) fn set_fsync(&mut self, fsync: Fsync, on_disk: bool, batch_len: usize) {
        let end = self.positions().emitted.advance(batch_len);
        if let Backend::Log(log) = &self.log {
            log.set_fsync(fsync, end);
        }
        let held = std::mem::replace(&mut self.holds, on_disk && fsync == Fsync::Always);
        if !self.holds {
            self.unsynced = Unsynced::default();
        } else if !held {
            // Which keys were written in the time before, nobody has noted.
            self.unsynced.note(TouchedKey::All, end);
        }
    }

    /// Moves its clock.
    pub(super) fn set_now(&mut self, now: Monotonic) {
        self.now = now;
    }

    /// Whether a call may write now, in a round whose batch is `batch_len` bytes long already.
    #[inline]
    pub(super) fn has_room(&self, batch_len: usize) -> bool {
        match &self.log {
            Backend::None { .. } => true,
            Backend::Log(log) => log.has_room(batch_len, self.now),
        }
    }

    /// The failure that has latched the log, as text.
    pub(super) fn failure(&self) -> Option<String> {
        self.log().and_then(|log| log.failure()).map(|failed| strerror(&failed.error).to_owned())
    }

    /// Why writes are refused, as text: the log has failed, or the disk has no room for more than
    /// was accepted.
    pub(super) fn refusal(&self) -> Option<String> {
        let full = self.log().is_some_and(|log| log.disk_full());
        self.failure().or_else(|| full.then(|| "No space left on device".to_owned()))
    }

    /// Whether replies wait for the disk.
    #[inline]
    pub(super) fn holds_replies(&self) -> bool {
        self.holds
    }

    /// Appends a round's batch: whole groups.
    pub(super) fn append(&mut self, batch: &Batch) {
        match &mut self.log {
            Backend::None { emitted, kept } => {
                *emitted = emitted.advance(batch.len());
                if let Some(kept) = kept {
                    let records = batch.records();
                    let slices = records.slices(Mark::default(), records.mark());
                    slices.for_each(|slice| kept.extend_from_slice(slice));
                }
            }
            Backend::Log(log) => {
                let database = batch.selected().unwrap_or_default();
                let group = if batch.records().has_shared() {
                    Group::Pieces(batch.records())
                } else {
                    Group::Bytes(batch.bytes())
                };
                log.append_group(group, u32::from(database.0));
            }
        }
    }

    /// The LSN behind a batch of `batch_len` bytes: what the reply of the call that has just
    /// written to it must wait for.
    pub(super) fn end(&mut self, batch_len: usize) -> Lsn {
        let positions = self.positions();
        self.unsynced.forget(positions.synced);
        positions.emitted.advance(batch_len)
    }

    /// Notes a key that records up to `lsn` have touched.
    pub(super) fn note_touched(&mut self, touched: TouchedKey, lsn: Lsn) {
        if self.holds {
            self.unsynced.note(touched, lsn);
        }
    }

    /// The LSN that the reply of a read, or of a write that has changed nothing, depends on: what
    /// it saw; 0: none.
    #[inline]
    pub(super) fn hold_of_read(&mut self, call: &Call<'_>, db: Db) -> Lsn {
        if !self.holds || self.unsynced.is_empty() || planted(Bug::ReadNotHeld) {
            return Lsn::default();
        }
        if call.sees_everything() {
            return self.hold_of_everything();
        }
        self.unsynced.forget(self.positions().synced);
        self.unsynced.of_call(call, db)
    }

    /// The LSN that the reply of a control depends on: of those that show data, the newest there
    /// is.
    pub(super) fn hold_of_control(&mut self, call: &Call<'_>) -> Lsn {
        if call.sees_everything() { self.hold_of_everything() } else { Lsn::default() }
    }

    /// The newest LSN that is not synced; 0: none.
    pub(super) fn hold_of_everything(&mut self) -> Lsn {
        if !self.holds {
            return Lsn::default();
        }
        self.unsynced.forget(self.positions().synced);
        self.unsynced.newest()
    }
}

/// What an I/O worker needs to know of the log and of whatever else its connections wait for,
/// without the engine's lock.
#[derive(Clone)]
pub struct Watch {
    log: Option<Arc<Log>>,
    paused: Arc<AtomicBool>,
    queue: Queue,
}

impl Watch {
    /// Up to where everything is durable. Without files that is everything.
    pub fn synced(&self) -> Lsn {
        self.log.as_ref().map_or(Lsn(u64::MAX), |log| log.positions().synced)
    }

    /// Whether a parked request should be tried again: the pool has room, or no pause is on and the
    /// log has room for it, or will refuse it with its failure.
    pub fn goes_on(&self, parked: ParkedFor) -> bool {
        if parked == ParkedFor::Pool {
            return self.queue.has_room();
        }
        let takes = |log: &Arc<Log>| {
            log.has_room(0, clock::monotonic()) || log.disk_full() || log.failure().is_some()
        };
        !self.paused.load(SeqCst) && self.log.as_ref().is_none_or(takes)
    }

    /// The log's failure as an error reply for those who wait for it, if it has failed.
    pub fn failure(&self) -> Option<Vec<u8>> {
        let failed = self.log.as_ref()?.failure()?;
        let text = strerror(&failed.error);
        Some(format!("-MISCONF Errors writing to the AOF file: {text}\r\n").into_bytes())
    }
}

/// The system's words for an error, without Rust's number behind them: as Redis shows them.
fn strerror(error: &str) -> &str {
    error.split(" (os error").next().unwrap_or(error)
}

/// The keys of records that are not synced yet.
#[derive(Default)]
struct Unsynced {
    keys: HashMap<(Db, u64), Lsn>,
    databases: HashMap<Db, Lsn>,
    /// Whole-database changes: everything depends on them.
    whole: Lsn,
    /// In order, so that what has been synced is forgotten in the order it came.
    order: VecDeque<(Lsn, TouchedKey)>,
}

impl Unsynced {
    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn note(&mut self, touched: TouchedKey, lsn: Lsn) {
        match touched {
            TouchedKey::Key(db, hash) | TouchedKey::Quiet(db, hash) => {
                self.keys.insert((db, hash), lsn);
                self.databases.insert(db, lsn);
            }
            TouchedKey::Database(db) => {
                self.whole = lsn;
                self.databases.insert(db, lsn);
            }
            TouchedKey::All => self.whole = lsn,
        }
        self.order.push_back((lsn, touched));
    }

    fn forget(&mut self, synced: Lsn) {
        while let Some((lsn, touched)) = self.order.front().copied()
            && lsn <= synced
        {
            self.order.pop_front();
            if let TouchedKey::Key(db, hash) | TouchedKey::Quiet(db, hash) = touched
                && self.keys.get(&(db, hash)) == Some(&lsn)
            {
                self.keys.remove(&(db, hash));
            }
        }
        self.databases.retain(|_, lsn| *lsn > synced);
        if self.whole <= synced {
            self.whole = Lsn::default();
        }
    }

    fn newest(&self) -> Lsn {
        self.databases.values().copied().max().unwrap_or_default().max(self.whole)
    }

    fn of_call(&self, call: &Call<'_>, db: Db) -> Lsn {
        let of_key = |key: Key<'_>| self.keys.get(&(db, key.hash)).copied().unwrap_or_default();
        let newest = match call.command.keys {
            [Keys::One(at, _)] if *at < call.len() => of_key(call.key(*at)),
            [Keys::From(at, step, _)] => {
                let keys = call.args().iter().skip(*at).step_by(*step);
                keys.map(|key| of_key(Key::new(key))).max().unwrap_or_default()
            }
            _ => self.of_positions(call, db),
        };
        newest.max(self.whole)
    }

    /// Of a call whose keys stand less plainly.
    fn of_positions(&self, call: &Call<'_>, db: Db) -> Lsn {
        let command = call.command;
        let named = match command.key_positions(call.args()) {
            Some(named) if !command.keys.is_empty() && !command.has_unknown_keys() => named,
            // No keys, or such that only the handler finds: whatever the database has.
            _ => return self.databases.get(&db).copied().unwrap_or_default(),
        };
        let keys = named.iter().map(|(at, _)| call.key(*at));
        let lsns = keys.filter_map(|key| self.keys.get(&(db, key.hash)));
        lsns.copied().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::{self, Found};

    /// What the reply of a line waits for: as a read's or an idle write's, and as a control's.
    fn of(journal: &mut Journal, line: &str, db: Db) -> [u64; 2] {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let Found::Command(command) = table::find(&words) else { panic!("{line}") };
        let call = Call::new(command, &words);
        [journal.hold_of_read(&call, db).0, journal.hold_of_control(&call).0]
    }

    /// What depends on a key of database 1 that is not synced.
    #[test]
    fn replies_wait_for_what_they_show() {
        let mut journal = Journal { holds: true, ..Journal::memory() };
        let key = Key::new(b"b");
        journal.unsynced.note(TouchedKey::Key(Db(1), key.hash), Lsn(7));
        assert_eq!(of(&mut journal, "GET b", Db(1)), [7, 0]);
        assert_eq!(of(&mut journal, "GET b", Db(0)), [0, 0]);
        assert_eq!(of(&mut journal, "SETNX b 1", Db(0)), [0, 0]);
        assert_eq!(of(&mut journal, "DBSIZE", Db(1))[0], 7);
        // They look into the other database.
        assert_eq!(of(&mut journal, "COPY a b DB 1", Db(0))[0], 7);
        assert_eq!(of(&mut journal, "MOVE b 1", Db(0))[0], 7);
        for (line, hold) in [
            ("DEBUG DIGEST", 7),
            ("DEBUG OBJECT b", 7),
            ("DEBUG SLEEP 0", 0),
            ("MIGRATE host 1 b 0 1", 7),
            ("INFO keyspace", 7),
            ("INFO", 0),
            ("PING", 0),
        ] {
            assert_eq!(of(&mut journal, line, Db(0))[1], hold, "{line}");
        }
        journal.unsynced.forget(Lsn(7));
        assert!(journal.unsynced.is_empty());
        assert_eq!(of(&mut journal, "DEBUG DIGEST", Db(0)), [0, 0]);
    }

    #[test]
    fn what_was_written_before_always_holds_reads_back() {
        let mut journal = Journal::memory();
        journal.set_fsync(Fsync::Always, true, 5);
        assert_eq!(of(&mut journal, "GET any", Db(3))[0], 5);
        journal.set_fsync(Fsync::Always, true, 9);
        assert_eq!(of(&mut journal, "GET any", Db(3))[0], 5, "it has held before");
        journal.set_fsync(Fsync::Everysec, true, 9);
        assert!(!journal.holds_replies() && journal.unsynced.is_empty());
    }
}
