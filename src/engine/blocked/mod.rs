//! Calls that wait: parked until a record touches one of their keys, then run again from the start.
//!
//! ```text
//! run ──Wait──► parked:  its keys ──► a queue a key, first come first served
//!                        its deadline, its alarm ──► in order, for the server's timer
//! record ──touched──► ready keys, in order ──► the calls of each that wait for a value of its type,
//!                         ▲                    one by one, run again ──Now, error──► outbox
//!                         └──── its records ◄──────────┘
//! ```
//!
//! As in Redis, what a command has made ready is served right behind it, before the next command of
//! the round. What is served may make other keys ready (BLMOVE); they come behind those that are.
//! While writes are refused or paused nothing is served: the keys stay ready.

use super::Engine;
use super::dispatch::{Done, Flow};
use super::log_reads::Ticket;
use crate::admin::ClientId;
use crate::base::clock::UnixMs;
use crate::command::table::Resolved;
use crate::command::{Call, Error, Handler, Served, Wait};
use crate::keyspace::tx::TouchedKey;
use crate::keyspace::{Db, Key, Tx, Type};
use crate::log::Lsn;
use crate::resp::{Out, Reply, encode};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// A key of a database, by its hash.
type Place = (Db, u64);

/// The parked calls. A call's number counts up, so it is also its place in every queue.
#[derive(Default)]
pub(super) struct Blocked {
    calls: HashMap<u64, Parked>,
    queues: HashMap<Place, Queue>,
    deadlines: BTreeSet<(UnixMs, u64)>,
    /// When calls are run again although nothing was touched.
    alarms: BTreeSet<(UnixMs, u64)>,
    /// Keys that were touched and whose queues have not been looked at since, in order.
    ready: VecDeque<Place>,
    last_number: u64,
    /// Calls that end when the log is synced so far.
    syncs: BTreeSet<(Lsn, u64)>,
}

/// A parked call.
struct Parked {
    client: ClientId,
    command: &'static Resolved,
    arguments: Vec<Vec<u8>>,
    db: Db,
    keys: Vec<u64>,
    deadline: Option<UnixMs>,
    alarm: Option<UnixMs>,
    null: Null,
    /// See [`Wait::awaits`].
    awaits: Option<Type>,
}

/// What a call answers for which nothing has come.
#[derive(Debug, Clone)]
enum Null {
    Reply(Reply<'static>),
    /// How safe the records up to there have become (WAITAOF).
    Copies(Lsn),
    /// How far the log has been looked through (LOG READ).
    LogRead(Arc<Ticket>),
}

/// Who waits for a key.
struct Queue {
    /// Numbers of calls.
    waiters: BTreeSet<u64>,
    /// The key; none if there are several of one hash.
    key: Option<Box<[u8]>>,
    /// How many of the waiters wait for what.
    awaited: Awaited,
    /// Whether it stands in [`Blocked::ready`].
    is_ready: bool,
}

/// How many calls wait for a value of which type, so that a value that nobody waits for is seen
/// without looking at them.
#[derive(Default)]
struct Awaited {
    /// By [`Type`].
    of: [u32; 6],
    /// For any change.
    any: u32,
}

impl Awaited {
    fn of(&mut self, awaits: Option<Type>) -> &mut u32 {
        awaits.map_or(&mut self.any, |awaited| &mut self.of[awaited as usize])
    }

    /// Whether somebody may be served from a key that holds this.
    fn includes(&self, held: Held) -> bool {
        match held {
            Held::Value(held) => self.any > 0 || self.of[held as usize] > 0,
            Held::Nothing => self.any > 0,
            Held::Unknown => true,
        }
    }
}

/// What is under a key that was touched.
#[derive(Clone, Copy)]
enum Held {
    Value(Type),
    Nothing,
    /// Several keys have one hash: it may be any of them.
    Unknown,
}

impl Held {
    /// Whether a call that waits for this is run.
    fn wakes(self, awaits: Option<Type>) -> bool {
        match self {
            Held::Value(held) => awaits.is_none_or(|awaited| awaited == held),
            Held::Nothing => awaits.is_none(),
            Held::Unknown => true,
        }
    }
}

/// How many calls wait, and for how many keys: INFO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct BlockedCounts {
    /// Calls.
    pub calls: usize,
    /// Calls with a deadline.
    pub with_deadline: usize,
    /// Keys.
    pub keys: usize,
    /// Keys whose removal ends a wait.
    pub keys_on_nokey: usize,
}

impl Blocked {
    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether keys were touched that nobody was served from yet.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next deadline or alarm.
    pub fn next_deadline(&self) -> Option<UnixMs> {
        let firsts = [self.deadlines.first(), self.alarms.first()];
        firsts.into_iter().flatten().map(|(at, _)| *at).min()
    }

    /// Sets a parked call's alarm anew.
    fn set_alarm(&mut self, number: u64, alarm: Option<UnixMs>) {
        let Some(parked) = self.calls.get_mut(&number) else { return };
        if let Some(before) = std::mem::replace(&mut parked.alarm, alarm) {
            self.alarms.remove(&(before, number));
        }
        self.alarms.extend(alarm.map(|alarm| (alarm, number)));
    }

    pub fn counts(&self) -> BlockedCounts {
        BlockedCounts {
            calls: self.calls.len(),
            with_deadline: self.deadlines.len(),
            keys: self.queues.len(),
            keys_on_nokey: self.queues.values().filter(|queue| queue.awaited.any > 0).count(),
        }
    }

    /// Notes that a record has touched a key.
    pub fn touch(&mut self, touched: TouchedKey) {
        match touched {
            TouchedKey::Key(db, hash) => self.make_ready((db, hash)),
            TouchedKey::Quiet(..) => {}
            TouchedKey::Database(db) => self.make_all_ready(|place| place.0 == db),
            TouchedKey::All => self.make_all_ready(|_| true),
        }
    }

    fn make_ready(&mut self, place: Place) {
        if let Some(queue) = self.queues.get_mut(&place)
            && !queue.is_ready
        {
            queue.is_ready = true;
            self.ready.push_back(place);
        }
    }

    /// Whole databases have changed: whoever has waited longest comes first.
    fn make_all_ready(&mut self, includes: impl Fn(&Place) -> bool) {
        let places = self.queues.iter().filter(|(place, _)| includes(place));
        let mut places: Vec<_> =
            places.map(|(place, queue)| (queue.waiters.first().copied(), *place)).collect();
        places.sort_unstable();
        for (_, place) in places {
            self.make_ready(place);
        }
    }

    fn park(&mut self, parked: Parked, keys: &[Key<'_>]) -> u64 {
        self.last_number += 1;
        let number = self.last_number;
        for key in keys {
            let place = (parked.db, key.hash);
            let queue = self.queues.entry(place).or_insert_with(|| Queue {
                waiters: BTreeSet::new(),
                key: Some(key.bytes.into()),
                awaited: Awaited::default(),
                is_ready: false,
            });
            if queue.key.as_deref() != Some(key.bytes) {
                queue.key = None;
            }
            // A key may be named twice.
            if queue.waiters.insert(number) {
                *queue.awaited.of(parked.awaits) += 1;
            }
        }
        self.deadlines.extend(parked.deadline.map(|deadline| (deadline, number)));
        self.alarms.extend(parked.alarm.map(|alarm| (alarm, number)));
        self.calls.insert(number, parked);
        number
    }

    /// Takes a call out of its queues.
    fn unlink(&mut self, number: u64, parked: &Parked) {
        for hash in &parked.keys {
            let place = (parked.db, *hash);
            let Some(queue) = self.queues.get_mut(&place) else { continue };
            if queue.waiters.remove(&number) {
                *queue.awaited.of(parked.awaits) -= 1;
            }
            if queue.waiters.is_empty() {
                self.queues.remove(&place);
            }
        }
        if let Some(deadline) = parked.deadline {
            self.deadlines.remove(&(deadline, number));
        }
        if let Some(alarm) = parked.alarm {
            self.alarms.remove(&(alarm, number));
        }
        if let Null::Copies(lsn) = parked.null {
            self.syncs.remove(&(lsn, number));
        }
    }

    /// The first call behind the one numbered `after` in the queue of a key that waits for what the
    /// key holds.
    fn next_waiter(&self, place: Place, after: u64, held: Held) -> Option<u64> {
        let queue = self.queues.get(&place).filter(|queue| queue.awaited.includes(held))?;
        let mut waiters = queue.waiters.range(after + 1..).copied();
        waiters.find(|number| self.calls.get(number).is_some_and(|call| held.wakes(call.awaits)))
    }
}

/// What one run of a call that may wait has come to.
enum Attempt {
    /// Its reply is encoded, and must not be sent before this LSN is synced.
    Done(Lsn),
    Failed(Error),
    Waits(Wait),
}

impl Engine {
    /// Runs a call that may wait for the first time.
    pub(super) fn run_blocking(
        &mut self,
        client: ClientId,
        db: Db,
        call: &Call<'_>,
        out: &mut Out,
    ) -> Done {
        match self.attempt(client, db, call, out) {
            Attempt::Done(hold) => Done { flow: Flow::Next, hold },
            Attempt::Failed(error) => {
                let reply = self.failed(call.command, &error);
                let hold = self.journal.hold_of_read(call, db);
                Done { hold, ..self.reply(client, &reply, out) }
            }
            Attempt::Waits(wait) => {
                self.park(client, db, call, wait);
                Done::now(Flow::Wait)
            }
        }
    }

    /// One run, at the engine's instant.
    fn attempt(&mut self, client: ClientId, db: Db, call: &Call<'_>, out: &mut Out) -> Attempt {
        let session = self.admin.clients.session(client);
        let (protocol, touches) = (session.protocol, !session.no_touch);
        let records_before = self.batch.len();
        let served = match call.command.handler {
            Handler::Blocking(write) => {
                let mut tx = Tx::begin(&mut self.keyspace, &mut self.batch, db, self.now);
                write(&mut tx, call)
            }
            Handler::BlockingRead(read) => read(self.keyspace.view(db, self.now).of_read(), call),
            // Only calls of these two come here.
            _ => Err(Error::Syntax),
        };
        let outcome = match served {
            Ok(Served::Now(reply)) => {
                encode(&reply, protocol, out);
                Ok(())
            }
            Ok(Served::Wait(wait)) => Err(Attempt::Waits(wait)),
            Err(error) => Err(Attempt::Failed(error)),
        };
        if self.keyspace.has_noticed() {
            self.remove_noticed(db);
        }
        match outcome {
            Err(other) => other,
            Ok(()) if call.command.handler.writes() => {
                self.touch_after_write(client, db, call, records_before);
                Attempt::Done(self.after_write(call, db, records_before))
            }
            Ok(()) => {
                if touches {
                    self.touch_keys(db, call);
                }
                Attempt::Done(self.journal.hold_of_read(call, db))
            }
        }
    }

    /// Lets a connection wait for what a thread reads from the log; returns the wait's number.
    pub(super) fn await_log(
        &mut self,
        client: ClientId,
        command: &'static Resolved,
        deadline: Option<UnixMs>,
        ticket: Arc<Ticket>,
    ) -> u64 {
        let db = self.admin.clients.session(client).db;
        let parked = Parked {
            client,
            command,
            arguments: Vec::new(),
            db,
            keys: Vec::new(),
            deadline,
            alarm: None,
            null: Null::LogRead(ticket),
            awaits: None,
        };
        self.enqueue(parked, &[])
    }

    /// Ends such a wait with its reply, unless it has ended already.
    pub(super) fn end_log_read(&mut self, number: u64, out: Box<Out>) {
        if let Some(parked) = self.blocked.calls.remove(&number) {
            self.finish(number, &parked, out, Lsn::default());
        }
    }

    fn park(&mut self, client: ClientId, db: Db, call: &Call<'_>, wait: Wait) {
        let Wait { keys, awaits, deadline, alarm, again, null } = wait;
        let keys: Vec<_> = keys.map(|at| call.key(at)).collect();
        let copied = || call.args().iter().map(|argument| argument.to_vec()).collect();
        let parked = Parked {
            client,
            command: call.command,
            arguments: again.unwrap_or_else(copied),
            db,
            keys: keys.iter().map(|key| key.hash).collect(),
            deadline,
            alarm,
            null: Null::Reply(null),
            awaits,
        };
        self.enqueue(parked, &keys);
    }

    /// Lets a call wait, and its connection with it. Returns its number.
    fn enqueue(&mut self, parked: Parked, keys: &[Key<'_>]) -> u64 {
        let Parked { client, command, .. } = parked;
        let next = parked.deadline.into_iter().chain(parked.alarm).min();
        let number = self.blocked.park(parked, keys);
        self.admin.clients.session(client).blocked = Some(number);
        // It counts when it ends.
        self.count_call(client, command, -1);
        self.follow_touched();
        self.arm(next);
        number
    }

    /// Collects the keys that records touch as long as somebody wants to know them.
    pub(super) fn follow_touched(&mut self) {
        self.batch.watch(self.journal.holds_replies() || !self.blocked.is_empty());
    }

    /// Tells who wants to know them the keys that were touched since the last time. Returns the LSN
    /// behind their records.
    pub(super) fn note_touched(&mut self) -> Lsn {
        let lsn = self.journal.end(self.batch.len());
        for touched in self.batch.take_touched() {
            self.journal.note_touched(touched, lsn);
            self.blocked.touch(touched);
        }
        lsn
    }

    /// Serves the calls that wait for what was touched, until nothing more is ready.
    pub(super) fn serve_blocked(&mut self) {
        loop {
            if !self.batch.touched().is_empty() {
                self.note_touched();
            }
            if !self.serves_blocked() {
                return;
            }
            let Some(place) = self.blocked.ready.pop_front() else { return };
            if let Some(queue) = self.blocked.queues.get_mut(&place) {
                queue.is_ready = false;
                self.serve_queue(place);
            }
        }
    }

    /// Whether calls that wait may be served: they may write.
    fn serves_blocked(&self) -> bool {
        self.gate.is_none() && !self.pause.is_on() && self.journal.has_room(self.batch.len())
    }

    /// Runs the calls of one key again that wait for what it holds, in order; none twice. What it
    /// holds is looked up for each, since the one before may have taken it.
    fn serve_queue(&mut self, place: Place) {
        let mut after = 0;
        while let Some(number) = self.blocked.next_waiter(place, after, self.held(place)) {
            after = number;
            self.rerun(number);
        }
    }

    /// What is under a key that somebody waits for.
    fn held(&self, (db, hash): Place) -> Held {
        let queue = self.blocked.queues.get(&(db, hash));
        let Some(bytes) = queue.and_then(|queue| queue.key.as_deref()) else {
            return Held::Unknown;
        };
        let entry = self.keyspace.view(db, self.now).entry(Key { bytes, hash });
        entry.map_or(Held::Nothing, |entry| Held::Value(entry.value_type()))
    }

    fn rerun(&mut self, number: u64) {
        let Some(parked) = self.blocked.calls.remove(&number) else { return };
        let arguments: Vec<&[u8]> = parked.arguments.iter().map(Vec::as_slice).collect();
        let call = Call::new(parked.command, &arguments).with_seed(self.rng.u64());
        let mut out = Box::new(Out::default());
        let hold = match self.attempt(parked.client, parked.db, &call, &mut out) {
            Attempt::Done(hold) => hold,
            Attempt::Failed(error) => {
                let reply = self.failed(parked.command, &error);
                self.reply(parked.client, &reply, &mut out);
                self.journal.hold_of_read(&call, parked.db)
            }
            Attempt::Waits(wait) => {
                self.blocked.calls.insert(number, parked);
                self.blocked.set_alarm(number, wait.alarm);
                self.arm(wait.alarm);
                return;
            }
        };
        self.finish(number, &parked, out, hold);
    }

    /// Ends a wait with a reply.
    fn finish(&mut self, number: u64, parked: &Parked, out: Box<Out>, hold: Lsn) {
        self.blocked.unlink(number, parked);
        self.follow_touched();
        self.count_call(parked.client, parked.command, 1);
        let session = self.admin.clients.session(parked.client);
        session.blocked = None;
        session.bytes_out += out.total_bytes() as u64;
        let to = self.address(parked.client);
        self.post_reply(to, out, hold);
    }

    /// Ends a wait for which nothing came: with its null, or with an error.
    fn give_up(&mut self, number: u64, error: Option<&Error>) {
        let Some(parked) = self.blocked.calls.remove(&number) else { return };
        let arguments: Vec<&[u8]> = parked.arguments.iter().map(Vec::as_slice).collect();
        let call = Call::new(parked.command, &arguments);
        // That there was nothing may be the work of records that are not synced.
        let shows_data = !parked.keys.is_empty();
        let hold = if shows_data { self.journal.hold_of_read(&call, parked.db) } else { Lsn(0) };
        let mut out = Box::new(Out::default());
        match error {
            None => {
                let null = match &parked.null {
                    Null::Reply(reply) => reply.clone(),
                    Null::Copies(written) => self.copies(*written),
                    Null::LogRead(ticket) => ticket.nothing(),
                };
                self.reply(parked.client, &null, &mut out);
            }
            Some(error) => {
                let reply = self.failed(parked.command, error);
                self.reply(parked.client, &reply, &mut out);
            }
        }
        self.finish(number, &parked, out, hold);
    }

    /// Runs again what has an alarm, and gives up what has waited long enough.
    pub(super) fn time_out(&mut self) {
        /// While nothing may be served.
        const LATER_MS: u64 = 100;
        while let Some((alarm, number)) = self.blocked.alarms.first().copied()
            && alarm <= self.now
        {
            let serves = self.serves_blocked();
            let later = UnixMs(self.now.0 + LATER_MS);
            self.blocked.set_alarm(number, (!serves).then_some(later));
            if serves {
                // It may set another.
                self.rerun(number);
            }
        }
        while let Some((deadline, number)) = self.blocked.deadlines.first().copied()
            && deadline <= self.now
        {
            self.give_up(number, None);
        }
    }

    /// CLIENT UNBLOCK: returns whether the connection was waiting for keys.
    pub(super) fn unblock(&mut self, client: ClientId, with_error: bool) -> bool {
        let Some(number) = self.admin.clients.session(client).blocked else { return false };
        let error = Error::text("UNBLOCKED client unblocked via CLIENT UNBLOCK");
        self.give_up(number, with_error.then_some(&error));
        true
    }

    /// Forgets the call of a connection that closes: nothing may be served to it any more.
    pub(super) fn forget_blocked(&mut self, client: ClientId) {
        let Some(number) = self.admin.clients.session(client).blocked.take() else { return };
        if let Some(parked) = self.blocked.calls.remove(&number) {
            self.blocked.unlink(number, &parked);
            self.follow_touched();
        }
    }

    /// Counts a call that has ended, or takes back one that has not.
    fn count_call(&mut self, client: ClientId, command: &Resolved, by: i64) {
        let session = self.admin.clients.session(client);
        let stats = &mut self.admin.stats;
        let calls = &mut stats.commands[command.index].calls;
        for count in [&mut session.commands, &mut stats.commands_processed, calls] {
            *count = count.saturating_add_signed(by);
        }
    }
}

mod copies;

pub(super) use copies::SyncBell;

#[cfg(test)]
mod tests;
