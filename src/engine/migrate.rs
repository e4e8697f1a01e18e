//! MIGRATE: what is to go to another server, and its removal once it is there.
//!
//! ```text
//! MIGRATE ──► the server's thread: connects ──► the keyspace is frozen ──► RESTORE … at the other server
//!                (the connection waits; everybody else goes on)                       │
//! reply ◄── DEL of what has arrived and is as it was ◄── end_migration ◄──────────────┘
//! ```
//!
//! Values are encoded by that thread, from the frozen keyspace, so nobody waits for a large one.
//! In Redis nobody can change a key meanwhile, since MIGRATE stops the whole server. Here somebody
//! can: a key whose value or expiry is not the one that was sent stays, and the reply is an error
//! that names it. Both servers have it then, as after an error of the connection.

use super::dispatch::{Done, Flow};
use super::{Address, Engine, Shared};
use crate::admin::{ClientId, Hold};
use crate::base::clock::{self, UnixMs};
use crate::command::{Error, Migrate, table};
use crate::keyspace::record::DeleteMany;
use crate::keyspace::{Db, Entry, Frozen, Key, Tx};
use crate::log::Lsn;
use crate::rdb;
use crate::resp::{Out, Protocol, Reply, encode};
use std::collections::HashSet;
use std::io;
use std::time::Duration;

/// Begins to send a migration, elsewhere. It ends with [`Shared::end_migration`].
pub type Sender = Box<dyn Fn(Migration) -> io::Result<()> + Send>;

/// The reply where nothing can be sent: there is no server around the engine, or no thread.
const NO_CONNECTION: Error = Error::text("IOERR error or timeout connecting to the client");

/// Keys on their way to another server.
pub struct Migration {
    /// Where to, and how, and which keys: those that were there.
    pub request: Migrate,
    /// Where they are from.
    pub db: Db,
    /// Which of the request's keys the other server has taken, by their places.
    pub restored: Vec<usize>,
    /// What is sent; none before [`Shared::freeze_for`].
    frozen: Option<Frozen>,
    to: Address,
    protocol: Protocol,
    /// What the reply depends on in any case.
    hold: Lsn,
}

/// What RESTORE needs of a key.
pub struct Sendable {
    /// What it has left, ms; 0: it does not expire.
    pub ttl_ms: u64,
    /// Its value, as DUMP gives it.
    pub payload: Vec<u8>,
}

impl Migration {
    /// Key number `n` of the request as it was when the keyspace was frozen; none: it was gone, or
    /// has expired by `now`.
    pub fn sendable(&self, n: usize, now: UnixMs) -> io::Result<Option<Sendable>> {
        let Some(entry) = self.entry(n) else { return Ok(None) };
        let ttl_ms = match entry.expiry() {
            None => 0,
            Some(at) if at <= now.0 => return Ok(None),
            Some(at) => UnixMs(at).since_ms(now),
        };
        Ok(Some(Sendable { ttl_ms, payload: rdb::entry::payload(&entry)? }))
    }

    fn entry(&self, n: usize) -> Option<Entry<'_>> {
        let key = Key::new(self.request.keys.get(n)?);
        self.frozen.as_ref()?.keyspace().view(self.db, UnixMs::ZERO).entry(key)
    }
}

/// Whether an entry is still what was sent. A large value that nobody has touched is the very same
/// one, which is told at once.
fn is_as_sent(entry: &Entry<'_>, sent: &Entry<'_>) -> bool {
    let is_same_payload = || match (rdb::entry::payload(entry), rdb::entry::payload(sent)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    };
    entry.expiry() == sent.expiry()
        && entry.value_type() == sent.value_type()
        && entry.is_value_of(sent).unwrap_or_else(is_same_payload)
}

impl Shared {
    /// Takes the keyspace as it is now for what is sent.
    pub fn freeze_for(&self, migration: &mut Migration) {
        self.hold(Hold::Snapshot, |engine| {
            migration.frozen = Some(engine.keyspace.freeze());
            migration.hold = migration.hold.max(engine.journal.hold_of_everything());
        });
    }

    /// Ends a migration: removes the keys that were restored, unless it is a copy, and replies.
    /// Waits, outside the lock, while writes are paused or the log has no room.
    pub fn end_migration(&self, migration: &Migration, outcome: &Result<(), Error>) {
        const AGAIN_AFTER: Duration = Duration::from_millis(10);
        let end = |engine: &mut Engine| engine.end_migration(clock::now(), migration, outcome);
        while !self.hold(Hold::Round, end) {
            clock::pause(AGAIN_AFTER);
        }
    }
}

impl Engine {
    /// Sets what sends migrations.
    pub fn on_migrate(&mut self, sender: Sender) {
        self.sender = Some(sender);
    }

    /// MIGRATE: lets the connection wait, unless nothing can be sent.
    pub(super) fn begin_migration(
        &mut self,
        client: ClientId,
        request: Migrate,
        hold: Lsn,
        out: &mut Out,
    ) -> Done {
        let to = self.address(client);
        let session = self.admin.clients.session(client);
        let (db, protocol) = (session.db, session.protocol);
        let (restored, frozen) = (Vec::new(), None);
        let migration = Migration { request, db, restored, frozen, to, protocol, hold };
        let begun = match &self.sender {
            None => Err(NO_CONNECTION),
            Some(send) => send(migration).map_err(|error| {
                tracing::error!(%error, "MIGRATE has no thread");
                NO_CONNECTION
            }),
        };
        match begun {
            Ok(()) => Done::now(Flow::Wait),
            Err(error) => {
                let reply = self.migration_failed(&error);
                Done { hold, ..self.reply(client, &reply, out) }
            }
        }
    }

    /// Returns whether it has ended. It cannot while there are keys to remove and writes must wait.
    fn end_migration(
        &mut self,
        now: UnixMs,
        migration: &Migration,
        outcome: &Result<(), Error>,
    ) -> bool {
        self.begin_round(now);
        let removes = !migration.request.copy && !migration.restored.is_empty();
        let waits = self.pause.is_on() || !self.journal.has_room(self.batch.len());
        if removes && waits && self.gate.is_none() {
            return false;
        }
        let mut outcome = outcome.clone();
        let records_before = self.batch.len();
        if removes {
            let removed = match &self.gate {
                Some(gate) => Err(gate.clone()),
                None => self.remove_migrated(migration),
            };
            outcome = outcome.and(removed);
        }
        let mut hold = migration.hold;
        if self.batch.len() > records_before {
            if let Some(client) = self.client_at(migration.to) {
                self.note_written(client, records_before);
            }
            if self.journal.holds_replies() {
                hold = hold.max(self.note_touched());
            }
        }
        if !self.blocked.is_empty() {
            self.serve_blocked();
        }
        self.commit();
        let reply = match &outcome {
            Ok(()) => Reply::Ok,
            Err(error) => self.migration_failed(error),
        };
        let mut out = Box::new(Out::default());
        encode(&reply, migration.protocol, &mut out);
        self.post_reply(migration.to, out, hold);
        true
    }

    /// Removes what has arrived elsewhere and is still what was sent. The error names the first key
    /// that is not.
    fn remove_migrated(&mut self, migration: &Migration) -> Result<(), Error> {
        let mut tx = Tx::begin(&mut self.keyspace, &mut self.batch, migration.db, self.now);
        let mut removed = Vec::new();
        let mut changed = None;
        let mut seen = HashSet::new();
        for n in &migration.restored {
            let Some(sent) = migration.entry(*n) else { continue };
            let key = Key::new(&migration.request.keys[*n]);
            if !seen.insert(key.bytes) {
                continue;
            }
            match tx.entry(key) {
                Some(entry) if is_as_sent(&entry, &sent) => removed.push(key),
                // It has expired, there as here.
                None if sent.expiry().is_some_and(|at| tx.now().0 > at) => {}
                _ => changed = changed.or(Some(key.bytes)),
            }
        }
        if !removed.is_empty() {
            tx.emit(DeleteMany { keys: &removed });
        }
        match changed {
            None => Ok(()),
            Some(key) => Err(Error::owned(format!(
                "IOERR key '{}' was changed while it was sent: the target instance has its old \
                 value",
                String::from_utf8_lossy(key)
            ))),
        }
    }

    /// The session at an address, if the connection is still there.
    fn client_at(&self, to: Address) -> Option<ClientId> {
        let mut clients = self.admin.clients.iter();
        clients.find(|(_, session)| session.id == to.id).map(|(client, _)| client)
    }

    fn migration_failed(&mut self, error: &Error) -> Reply<'static> {
        match table::by_full_name(b"migrate") {
            Some(command) => self.failed(command, error),
            None => Reply::Error(error.to_string().into()),
        }
    }
}
