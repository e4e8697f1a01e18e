//! What is left to do of a read when it has run, wherever that was: keys that it has found expired
//! are removed, look-ups and failures are counted.
//!
//! A read on the pool sees a frozen keyspace and has no lock, so what it has found comes back
//! through a channel, which the next round empties before anything else runs.

use super::Engine;
use crate::command::Error;
use crate::command::table::Resolved;
use crate::keyspace::{Db, Findings};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::time::Duration;

/// What a job of the pool leaves behind.
pub(super) enum Tail {
    /// It has sent a reply of so many bytes.
    Sent(usize),
    /// It was a read.
    Read(Box<ReadTail>),
}

/// Of a read that has run on the pool.
pub(super) struct ReadTail {
    pub command: &'static Resolved,
    pub db: Db,
    pub findings: Findings,
    pub error: Option<Error>,
    pub time: Duration,
}

/// The channel.
pub(super) struct Tails {
    sender: Sender<Tail>,
    receiver: Receiver<Tail>,
}

impl Default for Tails {
    fn default() -> Self {
        // The pool's queue bounds how many there are.
        let (sender, receiver) = unbounded();
        Tails { sender, receiver }
    }
}

impl Tails {
    /// The sending half.
    pub fn sender(&self) -> Sender<Tail> {
        self.sender.clone()
    }
}

impl Engine {
    /// Does what is left of jobs that have ended.
    #[inline]
    pub(super) fn take_tails(&mut self) {
        if !self.tails.receiver.is_empty() {
            self.take_tails_now();
        }
    }

    #[cold]
    fn take_tails_now(&mut self) {
        while let Ok(tail) = self.tails.receiver.try_recv() {
            match tail {
                Tail::Sent(bytes) => self.admin.stats.net_output_bytes += bytes as u64,
                Tail::Read(tail) => {
                    let ReadTail { command, db, findings, error, time } = *tail;
                    self.count_time(command.index, time);
                    self.keyspace.take_findings(findings);
                    self.after_read(command, db, error.as_ref());
                }
            }
        }
    }

    /// The end of every read.
    #[inline]
    pub(super) fn after_read(&mut self, command: &Resolved, db: Db, error: Option<&Error>) {
        if let Some(error) = error {
            self.count_failure(command, &error.to_string());
        }
        if self.keyspace.has_noticed() {
            self.remove_noticed(db);
        }
    }
}
