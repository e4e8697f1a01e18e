//! WAIT and WAITAOF: calls that wait for no key, but for the disk or for replicas.
//!
//! There are no replicas yet: who waits for some waits until the deadline. Who waits for the disk
//! is entered under the LSN that must be synced; the log's progress rings the server's timer, which
//! ends the wait under the lock.

use super::{Null, Parked};
use crate::admin::ClientId;
use crate::command::table;
use crate::command::{Copies, Error};
use crate::engine::Engine;
use crate::engine::dispatch::{Done, Flow};
use crate::engine::outbox::Awaited;
use crate::log::{Fsync, Lsn};
use crate::resp::{Out, Reply};
use parking_lot::RwLock;
use std::sync::Arc;

/// Makes the server's timer call the engine.
pub(in crate::engine) type Ring = Arc<dyn Fn() + Send + Sync>;

/// Rung by the log's threads, which never take the engine's lock, when somebody waits for what they
/// have done.
#[derive(Default)]
pub(in crate::engine) struct SyncBell {
    awaited: Awaited,
    ring: RwLock<Option<Ring>>,
}

impl SyncBell {
    /// Sets what makes the server call the engine.
    pub fn on_ring(&self, ring: Ring) {
        *self.ring.write() = Some(ring);
    }

    /// The log is synced up to `synced`.
    pub fn progress(&self, synced: Lsn) {
        if self.awaited.has_come(synced)
            && let Some(ring) = &*self.ring.read()
        {
            ring();
        }
    }
}

impl Engine {
    /// Notes where the records end that a connection has just written, if it has written any.
    #[inline]
    pub(in crate::engine) fn note_written(&mut self, client: ClientId, records_before: usize) {
        if self.batch.len() > records_before {
            let end = self.journal.positions().emitted.advance(self.batch.len());
            self.admin.clients.session(client).written = end;
        }
    }

    /// WAIT or WAITAOF: replies, or lets the connection wait.
    pub(in crate::engine) fn await_copies(
        &mut self,
        client: ClientId,
        copies: Copies,
        out: &mut Out,
    ) -> Done {
        let session = self.admin.clients.session(client);
        let (written, db) = (session.written, session.db);
        let waits_for_disk = copies.local == Some(true) && !self.is_synced(written);
        let (name, null) = match copies.local {
            None => ("wait", Null::Reply(Reply::Int(0))),
            Some(_) => ("waitaof", Null::Copies(written)),
        };
        if copies.replicas == 0 && !waits_for_disk {
            let reply = match null {
                Null::Reply(reply) => reply,
                Null::Copies(written) => self.copies(written),
                Null::LogRead(ticket) => ticket.nothing(),
            };
            return self.reply(client, &reply, out);
        }
        let Some(command) = table::by_full_name(name.as_bytes()) else {
            return self.reply(client, &Reply::Error(Error::Syntax.to_string().into()), out);
        };
        let parked = Parked {
            client,
            command,
            arguments: Vec::new(),
            db,
            keys: Vec::new(),
            deadline: copies.deadline,
            null,
            awaits: None,
            alarm: None,
        };
        let number = self.enqueue(parked, &[]);
        if copies.replicas == 0 {
            self.blocked.syncs.insert((written, number));
            self.owe_sync(written);
            self.ring_for_syncs();
            // It may be synced by now, and nobody rings any more.
            if self.is_synced(written) {
                self.arm(Some(self.now));
            }
        }
        Done::now(Flow::Wait)
    }

    /// Ends the waits for what is synced by now.
    pub(in crate::engine) fn end_synced(&mut self) {
        if self.blocked.syncs.is_empty() {
            return;
        }
        let synced = self.journal.positions().synced;
        while let Some((lsn, number)) = self.blocked.syncs.first().copied()
            && lsn <= synced
        {
            self.blocked.syncs.remove(&(lsn, number));
            self.give_up(number, None);
        }
        self.ring_for_syncs();
    }

    /// WAITAOF's reply: on how many disks the records up to `written` are, here and elsewhere.
    pub(super) fn copies(&self, written: Lsn) -> Reply<'static> {
        let local = self.admin.config.appendonly() && self.is_synced(written);
        Reply::Array(vec![Reply::Int(local.into()), Reply::Int(0)])
    }

    fn is_synced(&self, lsn: Lsn) -> bool {
        self.journal.positions().synced >= lsn
    }

    fn ring_for_syncs(&self) {
        self.timer.bell().awaited.want(self.blocked.syncs.first().map(|(lsn, _)| *lsn));
    }

    /// Under `appendfsync no` nothing would be synced because somebody waits for it.
    fn owe_sync(&self, lsn: Lsn) {
        if let Some(log) = self.journal.log()
            && log.fsync() == Fsync::No
        {
            log.set_fsync(Fsync::No, lsn);
        }
    }
}
