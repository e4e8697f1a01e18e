//! MIGRATE: what is to go to another server, and its removal once it is there.
//!
//! ```text
//! MIGRATE ──► payloads of the keys ──► the server's thread: RESTORE … at the other server
//!                (the connection waits; everybody else goes on)       │
//! reply ◄── DEL of what has arrived and is as it was ◄── end_migration
//! ```
//!
//! In Redis nobody can change a key meanwhile, since MIGRATE stops the whole server. Here somebody
//! can: a key whose value or expiry is not the one that was sent stays, and the reply is an error
//! that names it. Both servers have it then, as after an error of the connection.

use super::dispatch::{Done, Flow};
use super::{Address, Engine, Shared};
use crate::admin::{Cause, ClientId};
use crate::base::clock::{self, UnixMs};
use crate::command::{Error, Migrate, table};
use crate::keyspace::record::DeleteMany;
use crate::keyspace::{Db, Entry, Key, Tx};
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
    /// Where to, and how. Its keys are those that were there.
    pub request: Migrate,
    /// The keys with their values.
    pub keys: Vec<MigratedKey>,
    /// Where they are from.
    pub db: Db,
    to: Address,
    protocol: Protocol,
    /// What the reply depends on in any case.
    hold: Lsn,
}

/// One of them.
pub struct MigratedKey {
    /// Its name.
    pub key: Vec<u8>,
    /// What it has left, ms; 0: it does not expire.
    pub ttl_ms: u64,
    /// Its value, as DUMP gives it.
    pub payload: Vec<u8>,
    /// Whether the other server has taken it.
    pub restored: bool,
    /// Unix ms.
    expiry: Option<u64>,
}

impl MigratedKey {
    fn of(entry: &Entry<'_>, now: UnixMs) -> io::Result<Self> {
        Ok(MigratedKey {
            key: entry.key().to_vec(),
            // 0 would mean none.
            ttl_ms: entry.expiry().map_or(0, |at| UnixMs(at).since_ms(now).max(1)),
            payload: rdb::entry::payload(entry)?,
            restored: false,
            expiry: entry.expiry(),
        })
    }

    /// Whether this is still what `entry` holds.
    fn is(&self, entry: &Entry<'_>) -> bool {
        let is_payload = |payload: Vec<u8>| payload == self.payload;
        entry.expiry() == self.expiry && rdb::entry::payload(entry).is_ok_and(is_payload)
    }
}

impl Shared {
    /// Ends a migration: removes the keys that were restored, unless it is a copy, and replies.
    /// Waits, outside the lock, while writes are paused or the log has no room.
    pub fn end_migration(&self, migration: &Migration, outcome: &Result<(), Error>) {
        const AGAIN_AFTER: Duration = Duration::from_millis(10);
        let end = |engine: &mut Engine| engine.end_migration(clock::now(), migration, outcome);
        while !self.hold(Cause::Turn, end) {
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
        mut request: Migrate,
        hold: Lsn,
        out: &mut Out,
    ) -> Done {
        let to = self.address(client);
        let session = self.admin.clients.session(client);
        let (db, protocol) = (session.db, session.protocol);
        let view = self.keyspace.view(db, self.now);
        let keys = std::mem::take(&mut request.keys);
        let entries = keys.iter().filter_map(|key| view.entry(Key::new(key)));
        let begun = match entries.map(|entry| MigratedKey::of(&entry, self.now)).collect() {
            Err(error) => Err(Error::owned(format!("ERR {error}"))),
            Ok(keys) => {
                let migration = Migration { request, keys, db, to, protocol, hold };
                match &self.sender {
                    None => Err(NO_CONNECTION),
                    Some(send) => send(migration).map_err(|error| {
                        tracing::error!(%error, "MIGRATE has no thread");
                        NO_CONNECTION
                    }),
                }
            }
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
        let removes = !migration.request.copy && migration.keys.iter().any(|key| key.restored);
        let waits = self.pause.is_on() || !self.journal.has_room();
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
        for moved in migration.keys.iter().filter(|moved| moved.restored) {
            let key = Key::new(&moved.key);
            if !seen.insert(key.bytes) {
                continue;
            }
            match tx.entry(key) {
                Some(entry) if moved.is(&entry) => removed.push(key),
                // It has expired, there as here.
                None if moved.expiry.is_some_and(|at| tx.now().0 > at) => {}
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
