//! CLIENT PAUSE, and the timer that ends it: what the engine does at an instant and not because of
//! a request.
//!
//! A pause stops writes, or everything, until its end. What it stops is parked at its worker, which
//! tries it again when the pause is over; the end wakes the workers. Expiry stops too, so that the
//! data stands still: reads hide what has expired and do not remove it.
//!
//! The server keeps one timer for the earliest of all deadlines. [`Engine::on_timer`] does what is
//! due and says when it wants to be called next; when something earlier comes up meanwhile, it asks
//! for it ([`Engine::on_rearm`]).

use super::Engine;
use super::blocked::SyncBell;
use crate::base::clock::UnixMs;
use crate::command::Flag;
use crate::command::table::Resolved;
use crate::log::Lsn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst, fence};

/// The pause, if there is one.
#[derive(Default)]
pub(super) struct Pause {
    /// When it ends, and whether it stops everything or only writes.
    present: Option<(UnixMs, bool)>,
    /// Whether there is one: workers look at it without the lock.
    is_on: Arc<AtomicBool>,
}

/// The server's timer.
#[derive(Default)]
pub(super) struct Timer {
    /// The instant it waits for.
    armed: Option<UnixMs>,
    /// Makes it ask again.
    rearm: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Rung by the log's threads when what is waited for is synced: makes it ask again too.
    bell: Arc<SyncBell>,
}

impl Timer {
    /// The bell for the log's threads.
    pub fn bell(&self) -> &Arc<SyncBell> {
        &self.bell
    }
}

impl Pause {
    /// Whether something is stopped.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.present.is_some()
    }

    /// What workers look at.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.is_on.clone()
    }

    /// When it ends, and whether it stops everything.
    pub fn present(&self) -> Option<(UnixMs, bool)> {
        self.present
    }

    /// Whether it stops a command. Those that begin and end it always run, or nobody could end a
    /// long one early.
    #[cold]
    fn stops(&self, command: &Resolved) -> bool {
        let Some((_, all)) = self.present else { return false };
        if ["client|pause", "client|unpause"].contains(&command.full_name) {
            return false;
        }
        let flagged = |flag| command.flags.contains(&flag);
        all || command.writes() || flagged(Flag::MayReplicate)
    }
}

impl Engine {
    /// Whether a command must wait for the end of the pause.
    #[inline]
    pub(super) fn is_paused(&self, command: &Resolved) -> bool {
        self.pause.is_on() && self.pause.stops(command)
    }

    /// CLIENT PAUSE: until `end`, or as long as the present one if that ends later; everything if
    /// either says so.
    pub(super) fn begin_pause(&mut self, end: UnixMs, all: bool) {
        let (old_end, old_all) = self.pause.present.unwrap_or((end, all));
        let end = end.max(old_end);
        if end <= self.now {
            return;
        }
        self.pause.present = Some((end, all || old_all));
        self.pause.is_on.store(true, SeqCst);
        self.arm(Some(end));
    }

    /// CLIENT UNPAUSE, or the end has come: what was parked runs, in the next rounds.
    pub(super) fn end_pause(&mut self) {
        if self.pause.present.take().is_none() {
            return;
        }
        self.pause.is_on.store(false, SeqCst);
        // Either a worker that is about to sleep sees that the pause is over, or it is woken.
        fence(SeqCst);
        for outbox in self.outboxes.read().iter() {
            outbox.progress(Lsn::default());
        }
    }

    /// What is due at the engine's instant: the end of the pause, deadlines, calls that could not
    /// be served before.
    #[inline]
    pub(super) fn do_due(&mut self) {
        if self.timer.armed.is_some_and(|at| at <= self.now) || self.blocked.has_ready() {
            self.do_due_now();
        }
    }

    #[cold]
    fn do_due_now(&mut self) {
        if self.pause.present.is_some_and(|(end, _)| end <= self.now) {
            self.end_pause();
        }
        self.time_out();
        self.end_synced();
        self.serve_blocked();
    }

    /// Sets what makes the server call [`Self::on_timer`] earlier than it was told.
    pub fn on_rearm(&mut self, rearm: Arc<dyn Fn() + Send + Sync>) {
        self.timer.bell.on_ring(rearm.clone());
        self.timer.rearm = Some(rearm);
    }

    /// Does what is due at `now`, and returns when it wants to be called next.
    pub fn on_timer(&mut self, now: UnixMs) -> Option<UnixMs> {
        self.set_now(now);
        self.take_tails();
        self.refresh_gate();
        self.do_due_now();
        self.commit();
        let ends = self.pause.present.map(|(end, _)| end);
        self.timer.armed = ends.into_iter().chain(self.blocked.next_deadline()).min();
        self.timer.armed
    }

    /// Makes sure that the timer comes at `at`.
    pub(super) fn arm(&mut self, at: Option<UnixMs>) {
        let Some(at) = at else { return };
        if self.timer.armed.is_none_or(|armed| at < armed) {
            self.timer.armed = Some(at);
            if let Some(rearm) = &self.timer.rearm {
                rearm();
            }
        }
    }
}
