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
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

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

/// [`Inbox::wanted`]: no connection waits for the log.
pub const NOTHING: u64 = u64::MAX;

/// The sending half: any thread.
#[derive(Clone)]
pub struct Outbox {
    messages: Sender<Message>,
    wake: Arc<dyn Fn() + Send + Sync>,
    /// See [`Inbox::wanted`].
    wanted: Arc<AtomicU64>,
}

/// The receiving half: the worker's.
pub struct Inbox {
    /// Messages in order.
    pub messages: Receiver<Message>,
    /// Set by the worker before it sleeps: the lowest LSN that one of its connections waits for,
    /// 0 for any progress of the log, [`NOTHING`] for none.
    pub wanted: Arc<AtomicU64>,
}

impl Outbox {
    /// A pair; `wake` makes the worker's poller return.
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> (Outbox, Inbox) {
        let (messages, receiver) = unbounded();
        let wanted = Arc::new(AtomicU64::new(NOTHING));
        let inbox = Inbox { messages: receiver, wanted: wanted.clone() };
        (Outbox { messages, wake, wanted }, inbox)
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
        let wanted = self.wanted.load(SeqCst);
        if wanted != NOTHING && wanted <= reached.0 {
            (self.wake)();
        }
    }

    /// Wakes the worker.
    pub fn wake(&self) {
        (self.wake)();
    }
}
