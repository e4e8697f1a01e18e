//! An I/O worker: a thread with a tokio current-thread runtime, and one task that drives all its
//! clients' sockets.
//!
//! The sockets hang on an epoll instance of the worker's own (mio), which tokio watches as one
//! descriptor ([`AsyncFd`]). So a turn sees all ready sockets at once, and everything else of the
//! thread stays ordinary tokio.

use super::connections::Waiting;
use super::socket::Socket;
use super::turn::{Ready, Scratch};
use crate::engine::{Inbox, Outbox, Shared, Watch, WorkerSettings};
use crossbeam_channel::Receiver;
use mio::{Events, Poll, Token, Waker};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// The token of the waker; sockets' tokens are places in [`Worker::sockets`].
pub(super) const WAKE: usize = usize::MAX;

/// Room for received bytes in one turn: sixteen sockets that each fill their 64 KiB, hundreds that
/// do not.
const ARENA_BYTES: usize = 1 << 20;

/// Events taken from the poller at once.
const EVENTS_MAX: usize = 1024;

/// Turns before the task lets the thread's other tasks run.
const TURNS_A_POLL: usize = 64;

/// A worker's state. See `turn` for what it does.
pub struct Worker {
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) poll: Poll,
    pub(super) events: Events,
    pub(super) inbox: Inbox,
    pub(super) accepted: Receiver<std::net::TcpStream>,
    /// Where it learns how far the log is.
    pub(super) watch: Watch,
    pub(super) sockets: Vec<Option<Box<Socket>>>,
    pub(super) free: Vec<usize>,
    /// Places freed in this turn: given to new connections in the next one only, since events and
    /// pieces of this turn may still name them.
    pub(super) free_later: Vec<usize>,
    pub(super) arena: Box<[u8]>,
    pub(super) arena_used: usize,
    pub(super) ready: Vec<Ready>,
    /// Sockets to receive from again in this turn.
    pub(super) again: Vec<usize>,
    /// Sockets whose peer sends nothing more: closed as soon as they have their replies.
    pub(super) finished: Vec<usize>,
    /// Sockets that wait for the log.
    pub(super) holding: Vec<Waiting>,
    pub(super) scratch: Scratch,
    /// As of the last round.
    pub(super) settings: WorkerSettings,
}

impl Worker {
    /// A worker with its outbox, which goes to the engine. New connections come through `accepted`,
    /// each followed by a wake.
    pub fn new(
        index: usize,
        shared: Arc<Shared>,
        accepted: Receiver<std::net::TcpStream>,
        watch: Watch,
    ) -> io::Result<(Worker, Outbox)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token(WAKE))?;
        let settings = WorkerSettings::of(&shared.lock().admin.config);
        let (outbox, inbox) = Outbox::new(Arc::new(move || {
            if let Err(error) = waker.wake() {
                tracing::error!(%error, "cannot wake an I/O worker");
            }
        }));
        let worker = Worker {
            index,
            shared,
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            inbox,
            accepted,
            watch,
            sockets: Vec::new(),
            free: Vec::new(),
            free_later: Vec::new(),
            arena: vec![0; ARENA_BYTES].into_boxed_slice(),
            arena_used: 0,
            ready: Vec::new(),
            again: Vec::new(),
            finished: Vec::new(),
            holding: Vec::new(),
            scratch: Scratch::default(),
            settings,
        };
        Ok((worker, outbox))
    }

    /// Runs turns for ever, on a runtime of the thread's own.
    pub fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.drive())
    }

    async fn drive(mut self) -> io::Result<()> {
        // A handle of its own on the poller: tokio's registration outlives no descriptor that way.
        let descriptor = self.poll.registry().as_fd().try_clone_to_owned()?;
        #[expect(
            deprecated,
            reason = "its replacement is unsafe to call; an owned descriptor meets its terms"
        )]
        let poller = AsyncFd::new(descriptor)?;
        loop {
            let mut guard = poller.readable().await?;
            let mut turns = 0;
            // Turns, until one finds nothing.
            while self.turn(Some(Duration::ZERO))? > 0 || self.wait_for_log() {
                turns += 1;
                self.free.append(&mut self.free_later);
                if turns == TURNS_A_POLL {
                    turns = 0;
                    tokio::task::yield_now().await;
                }
            }
            self.free.append(&mut self.free_later);
            guard.clear_ready();
        }
    }

    /// Before sleeping: says what connections wait for, and releases what the log has reached
    /// meanwhile, so that no wake is lost between the two. Returns whether connections have
    /// something to run again.
    fn wait_for_log(&mut self) -> bool {
        let lowest = self.holding.iter().map(|waiting| waiting.until).min();
        self.inbox.awaited.want(lowest);
        if lowest.is_none() {
            return false;
        }
        self.progress_made();
        !self.ready.is_empty() || !self.again.is_empty() || !self.finished.is_empty()
    }

    /// Takes over new connections.
    pub(super) fn adopt_connections(&mut self) {
        while let Ok(stream) = self.accepted.try_recv() {
            if let Err(error) = self.add(mio::net::TcpStream::from_std(stream)) {
                tracing::warn!(%error, "cannot register a connection");
            }
        }
    }

    /// Delivers what others sent to our connections.
    pub(super) fn drain_inbox(&mut self) {
        while let Ok(message) = self.inbox.messages.try_recv() {
            self.deliver(message);
        }
    }
}
