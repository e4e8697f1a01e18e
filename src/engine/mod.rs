//! The engine: everything behind the one lock.
//!
//! It is a function of its inputs: requests, the clock it is told, the seed of its generator, the
//! files it recovers from. Sockets are the server's; threads that work beside it (log writer,
//! snapshots, reclaimer, read pool) get what they need as values and report back through
//! [`Shared`].
//!
//! | file | says |
//! |---|---|
//! | `round` | what a worker hands in, and what it gets back |
//! | `dispatch`, `pace` | how a request runs, and how long a round may |
//! | `elsewhere` | expensive reads, on the pool |
//! | `actions` | what control commands ask for: saves, shutdown, kills, reloads |
//! | `journal` | the log, on disk or not, and which replies must wait for it |
//! | `blocked` | calls that wait for keys (BLPOP), or for the disk (WAITAOF) |
//! | `pause` | CLIENT PAUSE, and the timer for all deadlines |
//! | `expire` | the active expiry cycle, of keys and of hashes' fields |
//! | `snapshot` | RDB files from a frozen keyspace, automatic saves |
//! | `rewrite` | new bases for the log, its files begun and sealed at run time |
//! | `healing` | when it is tried again to heal the log |
//! | `flushing` | a large file that is flushed while it is written |
//! | `log_reads` | LOG: reading the log, away from the lock |
//! | `migrate` | MIGRATE: what goes to another server, and its removal |
//! | `start` | from a data folder to a running engine: recovery, taking over foreign files |
//! | `replay` | records and RDB entries into the keyspace |
//! | `cron` | periodic work |
//! | `http` | whoever takes this server for one of another kind |
//! | `info` | the facts that INFO shows |
//! | `pool`, `reads`, `outbox` | slow reads, what is left to do of any read, and messages to connections |
//! | `check`, `fuzzing` | the test of commands by transcripts, and by a fuzzer |

pub mod check;
pub mod cron;
#[doc(hidden)]
pub mod fuzzing;
pub mod offline;
pub mod outbox;
pub mod pool;
pub mod round;
pub mod start;

mod actions;
mod blocked;
mod dispatch;
mod elsewhere;
mod expire;
#[cfg(test)]
mod expire_tests;
mod flushing;
mod healing;
mod http;
mod info;
mod journal;
mod log_reads;
mod migrate;
mod pace;
mod pause;
#[cfg(test)]
mod persistence_tests;
mod reads;
mod replay;
mod rewrite;
mod snapshot;
#[cfg(test)]
mod tests;

pub use journal::Watch;
pub use migrate::{Migration, Sendable, Sender};
pub use outbox::{Address, Inbox, Message, Outbox};
pub use replay::{AUX_LSN, command_of, no_database, no_functions};
pub use round::{Outcome, ParkedFor, Pipeline, Replies, Request, Round, WorkerSettings};

use crate::admin::{Admin, ClientId};
use crate::base::clock::{self, UnixMs, UnixUs};
use crate::base::disk::Disk;
use crate::base::rng::Rng;
use crate::command::Error;
use crate::keyspace::{Batch, Db, Keyspace, Tx};
use crate::log::Lsn;
use crate::resp::Out;
use crate::session::Session;
use journal::Journal;
use parking_lot::{Mutex, MutexGuard, RwLock};
use pool::Pool;
use std::sync::{Arc, Weak};

/// The engine and the lock around it.
pub struct Shared {
    engine: Mutex<Engine>,
    /// The workers' outboxes, for those who do not hold the lock.
    outboxes: Outboxes,
}

/// The workers' outboxes, by worker.
type Outboxes = Arc<RwLock<Vec<Outbox>>>;

impl Shared {
    /// Puts an engine behind its lock, and tells it where it lives, so that it can hand itself to
    /// threads.
    pub fn new(engine: Engine) -> Arc<Shared> {
        let outboxes = engine.outboxes.clone();
        let shared = Arc::new(Shared { engine: Mutex::new(engine), outboxes });
        shared.engine.lock().shared = Arc::downgrade(&shared);
        shared
    }

    /// Takes the lock.
    pub fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock()
    }

    /// Takes the lock for `work`, and counts how long it was held.
    pub fn hold<R>(&self, hold: crate::admin::Hold, work: impl FnOnce(&mut Engine) -> R) -> R {
        let mut engine = self.engine.lock();
        let watched = hold.event().filter(|_| engine.admin.latency.is_on());
        let watched = watched.map(|event| (event, clock::monotonic()));
        let begun = clock::thread_cpu_ns();
        let result = work(&mut engine);
        let held = clock::thread_cpu_ns().saturating_sub(begun);
        engine.admin.holds.record(hold, held);
        if let Some((event, begun)) = watched {
            let time = clock::monotonic().since(begun);
            engine.admin.latency.note(event, time, || clock::now().seconds());
        }
        result
    }
}

/// Everything that a command can reach.
pub struct Engine {
    keyspace: Keyspace,
    /// Settings, statistics, connections.
    pub admin: Admin,
    batch: Batch,
    journal: Journal,
    snapshots: snapshot::Snapshots,
    expiry: expire::Cycle,
    blocked: blocked::Blocked,
    pause: pause::Pause,
    timer: pause::Timer,
    pool: Pool,
    /// What the pool's jobs leave behind.
    tails: reads::Tails,
    log_reads: log_reads::LogReads,
    outboxes: Outboxes,
    /// Connections that were accepted and that no worker has registered yet.
    arriving: usize,
    rng: Rng,
    /// Mixed with a counter, the seed of each call's chance in the current round.
    seed: u64,
    /// The current round's pace.
    pace: pace::Pace,
    /// The instant of the current round.
    now: UnixMs,
    /// The same instant, to the microsecond.
    now_us: UnixUs,
    /// Of whoever speaks HTTP.
    http_warned: http::Warned,
    /// Why writes are refused, if they are.
    gate: Option<Error>,
    /// Where the last housekeeping step stopped.
    tidy_cursor: crate::keyspace::TidyCursor,
    /// The database that replayed records have selected.
    replay_db: Db,
    shutdown: Shutdown,
    /// Sends MIGRATE's keys.
    sender: Option<Sender>,
    /// How often CONFIG REWRITE was asked for, and which of them has written last.
    config_rewrites: u64,
    config_rewritten: Arc<Mutex<u64>>,
    disk: Arc<dyn Disk>,
    shared: Weak<Shared>,
}

/// Shutting down: who asked, and whom it tells.
#[derive(Default)]
struct Shutdown {
    /// Set when the process is to end: all that was asked for since it was last taken.
    requested: Option<ShutdownRequest>,
    /// The connections that asked: all of them are told when it fails.
    askers: Vec<Address>,
    /// Called when it is set: wakes the server.
    notify: Option<Box<dyn Fn() + Send>>,
}

/// How to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShutdownRequest {
    /// Whether to save: SAVE, NOSAVE, or as the save points say.
    pub save: Option<bool>,
    /// End even if saving or sealing the log fails.
    pub force: bool,
    /// Who asked, if a connection did: it is told when it fails, as is whoever else asked
    /// meanwhile.
    pub by: Option<Address>,
}

impl ShutdownRequest {
    /// Both this and a later one: the later one says whether to save, if it does; either can force
    /// it.
    fn and(self, later: ShutdownRequest) -> ShutdownRequest {
        ShutdownRequest {
            save: later.save.or(self.save),
            force: self.force || later.force,
            by: later.by,
        }
    }
}

impl Engine {
    /// An engine with nothing in it and nothing on disk (tests, tools). [`start::open`] makes the
    /// real one.
    pub fn in_memory(admin: Admin, seed: u64, disk: Arc<dyn Disk>) -> Engine {
        let databases = admin.config.databases();
        let keyspace = Keyspace::new(databases, crate::keyspace::Reclaimer::inline());
        let outboxes = Outboxes::default();
        Engine::assemble(admin, keyspace, outboxes, Pool::inline(), seed, disk)
    }

    fn assemble(
        mut admin: Admin,
        mut keyspace: Keyspace,
        outboxes: Outboxes,
        pool: Pool,
        seed: u64,
        disk: Arc<dyn Disk>,
    ) -> Engine {
        keyspace.set_limits(admin.config.limits());
        let tails = reads::Tails::default();
        admin.stats.commands.resize(crate::command::table::indexes(), Default::default());
        Engine {
            keyspace,
            admin,
            batch: Batch::default(),
            journal: Journal::memory(),
            snapshots: snapshot::Snapshots::default(),
            expiry: expire::Cycle::default(),
            blocked: blocked::Blocked::default(),
            pause: pause::Pause::default(),
            timer: pause::Timer::default(),
            pool,
            tails,
            log_reads: log_reads::LogReads::default(),
            outboxes,
            arriving: 0,
            rng: Rng::from_seed(seed),
            seed: 0,
            pace: pace::Pace::default(),
            now: UnixMs::ZERO,
            now_us: UnixUs::default(),
            http_warned: http::Warned::default(),
            gate: None,
            tidy_cursor: crate::keyspace::TidyCursor::default(),
            replay_db: Db(0),
            shutdown: Shutdown::default(),
            sender: None,
            config_rewrites: 0,
            config_rewritten: Arc::default(),
            disk,
            shared: Weak::new(),
        }
    }

    /// Adds the outbox of the next worker (0, 1, …).
    pub fn add_worker(&mut self, outbox: Outbox) {
        self.outboxes.write().push(outbox);
    }

    /// Takes note of a connection that was accepted and is on its way to its worker. False: there
    /// are `maxclients` already, those on their way included. Each must be followed by one
    /// [`Self::arrived`].
    pub fn accept(&mut self) -> bool {
        let present = self.admin.clients.len() + self.arriving;
        let takes = present < self.admin.config.maxclients();
        self.arriving += usize::from(takes);
        takes
    }

    /// An accepted connection is about to be registered by its worker, or was lost on the way.
    pub fn arrived(&mut self) {
        self.arriving -= 1;
    }

    /// Registers a connection.
    pub fn connect(&mut self, worker: usize, token: usize, now: UnixMs) -> (ClientId, u64) {
        let id = self.admin.clients.next_id();
        let authenticated = self.admin.config.requirepass().is_empty();
        self.admin.stats.connections_received += 1;
        let session = Session::new(id, worker, token, now, authenticated);
        (self.admin.clients.add(session), id)
    }

    /// Forgets a connection.
    pub fn disconnect(&mut self, client: ClientId) {
        self.forget_blocked(client);
        self.admin.clients.remove(client);
    }

    /// The keyspace, to look at.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// What workers look at without the lock, to know when to go on with what waits.
    pub fn watch(&self) -> Watch {
        self.journal.watch(self.pause.flag(), self.pool.queue().clone())
    }

    /// The log.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Keys in all databases, expired ones that are not yet removed included.
    fn total_keys(&self) -> usize {
        (0..self.keyspace.databases()).map(|n| self.keyspace.table(Db(n as u16)).len()).sum()
    }

    /// Sends a message to a worker, if there is such a one (there is none around tests and tools).
    fn post(&self, worker: usize, message: Message) {
        if let Some(outbox) = self.outboxes.read().get(worker) {
            outbox.send(message);
        }
    }

    /// Sends a connection the reply that it waits for.
    fn post_reply(&mut self, to: Address, out: Box<Out>, hold: Lsn) {
        self.admin.stats.net_output_bytes += out.total_bytes() as u64;
        self.post(to.worker, Message::Reply { to, out, hold });
    }

    /// Moves the engine's clock. It does not go back by a little: whoever read the clock before
    /// waiting for the lock comes late. A clock that was set is followed.
    fn set_now(&mut self, now: impl Into<UnixUs>) {
        self.journal.set_now(clock::monotonic());
        const LATE_MS: u64 = 1000;
        let now = now.into();
        if now > self.now_us || self.now.since_ms(now.ms()) > LATE_MS {
            (self.now, self.now_us) = (now.ms(), now);
            self.keyspace.set_clock(crate::keyspace::value::lru_clock(self.now.0));
        }
    }

    /// Removes keys by records, outside any command (expiry).
    fn transact<R>(&mut self, db: Db, change: impl FnOnce(&mut Tx<'_>) -> R) -> R {
        let mut tx = Tx::begin(&mut self.keyspace, &mut self.batch, db, self.now);
        change(&mut tx)
    }

    /// Finds out whether writes must be refused, and why: once a round, since it rarely changes.
    fn refresh_gate(&mut self) {
        self.gate = if let Some(failure) = self.journal.refusal() {
            Some(Error::owned(format!("MISCONF Errors writing to the AOF file: {failure}")))
        } else if self.snapshots.forbid_writes(&self.admin.config) {
            Some(Error::text(snapshot::MISCONF))
        } else {
            None
        };
    }

    /// Sets whom to tell when the process is to end.
    pub fn on_shutdown(&mut self, notify: Box<dyn Fn() + Send>) {
        self.shutdown.notify = Some(notify);
    }

    /// Asks the process to end.
    pub fn request_shutdown(&mut self, request: ShutdownRequest) {
        self.shutdown.askers.extend(request.by);
        self.shutdown.requested = Some(match self.shutdown.requested {
            Some(earlier) => earlier.and(request),
            None => request,
        });
        if let Some(notify) = &self.shutdown.notify {
            notify();
        }
    }

    /// Takes the request to end, if there is one.
    pub fn take_shutdown(&mut self) -> Option<ShutdownRequest> {
        self.shutdown.requested.take()
    }
}
