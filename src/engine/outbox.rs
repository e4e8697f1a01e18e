//! Outboxes: what reaches a connection from outside its own worker's turn.
//!
//! Whoever resolves a wait, closes another connection, or moves the log's positions puts a message
//! into the outbox of the worker that has the socket, and wakes it. Messages are put under the
//! engine's lock where their order matters, and a worker drains its outbox when it takes the lock,
//! so replies leave in execution order.

use crate::log::Lsn;
use crate::resp::Out;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst, fence};

/// Which connection, at its worker. `id` guards against the socket's place having been given to
/// another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The worker.
    pub worker: usize,
    /// The socket's place there.
    pub token: usize,
    /// CLIENT ID.
    pub id: u64,
}

/// A message to a worker.
pub enum Message {
    /// The reply that a waiting connection waited for.
    Reply {
        /// Whose.
        to: Address,
        /// The encoded reply.
        out: Box<Out>,
        /// Under `appendfsync always`: not to be sent before this LSN is synced.
        hold: Lsn,
    },
    /// Close a connection at once.
    Close(Address),
    /// Close a connection that has run nothing for `timeout` seconds, unless it waits for a reply,
    /// has not taken its replies yet, or is sending a long request.
    CloseIdle(Address),
    /// Close those of the worker's connections that have been above the soft limit of
    /// `client-output-buffer-limit` for too long. Who asks for nothing more is noticed only so.
    LimitOutput,
}

/// How far somebody waits for the log to come. The log's threads, which take no lock for it, look
/// here to know whom to wake.
#[derive(Debug)]
pub struct Awaited(AtomicU64);

/// Nobody waits.
const NOTHING: u64 = u64::MAX;

impl Default for Awaited {
    fn default() -> Self {
        Awaited(AtomicU64::new(NOTHING))
    }
}

impl Awaited {
    /// Says what is waited for: the lowest LSN, 0 for any progress of the log, or nothing. The
    /// caller looks at the log behind this: either it sees there what has happened, or the thread
    /// that has just moved the log sees this (the other fence is in the log's `wake`).
    pub fn want(&self, lsn: Option<Lsn>) {
        self.0.store(lsn.map_or(NOTHING, |lsn| lsn.0), SeqCst);
        fence(SeqCst);
    }

    /// Whether what is waited for has come now that the log has moved, and is synced up to
    /// `reached`.
    pub fn has_come(&self, reached: Lsn) -> bool {
        let wanted = self.0.load(SeqCst);
        wanted != NOTHING && wanted <= reached.0
    }
}

/// The sending half: any thread.
#[derive(Clone)]
pub struct Outbox {
    messages: Sender<Message>,
    wake: Arc<dyn Fn() + Send + Sync>,
    /// See [`Inbox::awaited`].
    awaited: Arc<Awaited>,
}

/// The receiving half: the worker's.
pub struct Inbox {
    /// Messages in order.
    pub messages: Receiver<Message>,
    /// Set by the worker before it sleeps: what its connections wait for.
    pub awaited: Arc<Awaited>,
}

impl Outbox {
    /// A pair; `wake` makes the worker's poller return.
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> (Outbox, Inbox) {
        let (messages, receiver) = unbounded();
        let awaited = Arc::<Awaited>::default();
        let inbox = Inbox { messages: receiver, awaited: awaited.clone() };
        (Outbox { messages, wake, awaited }, inbox)
    }

    /// Sends a message and wakes the worker.
    pub fn send(&self, message: Message) {
        // The receiver is gone only when the process is ending.
        if self.messages.send(message).is_ok() {
            (self.wake)();
        }
    }

    /// Says that the log has moved and is synced up to `reached`: wakes the worker if one of its
    /// connections waits for that.
    pub fn progress(&self, reached: Lsn) {
        if self.awaited.has_come(reached) {
            (self.wake)();
        }
    }

    /// Wakes the worker.
    pub fn wake(&self) {
        (self.wake)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_waited_for_has_come() {
        let awaited = Awaited::default();
        assert!(!awaited.has_come(Lsn(u64::MAX)));
        awaited.want(Some(Lsn(7)));
        assert!(!awaited.has_come(Lsn(6)) && awaited.has_come(Lsn(7)));
        awaited.want(Some(Lsn(0)));
        assert!(awaited.has_come(Lsn(0)));
        awaited.want(None);
        assert!(!awaited.has_come(Lsn(7)));
    }
}
