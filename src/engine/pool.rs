//! The read pool: what would hold the lock too long runs here, on a frozen keyspace.
//!
//! KEYS over millions of keys, DEBUG DIGEST and the like become jobs. A job carries everything it
//! needs, runs on one of a few threads, and puts its encoded reply into the outbox of the worker
//! whose connection waits.
//!
//! The queue is bounded: when it is full, the job comes back and is run inline, which is what Redis
//! always does.

use super::outbox::{Address, Message, Outbox};
use super::reads::Tail;
use crate::log::Lsn;
use crate::resp::Out;
use crossbeam_channel::{Sender, TrySendError, bounded};

/// Jobs that may wait. Each holds a frozen root and its arguments, so this bounds what a crowd of
/// clients can pin.
const QUEUE_MAX: usize = 128;

/// Something to compute away from the lock.
pub type Work = Box<dyn FnOnce(&mut Out) + Send>;

struct Job {
    work: Work,
    to: Address,
    hold: Lsn,
    outbox: Outbox,
    tails: Sender<Tail>,
}

/// The handle; the threads end with it.
pub struct Pool {
    jobs: Option<Sender<Job>>,
}

impl Pool {
    /// Starts `threads` threads.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let (jobs, queue) = bounded::<Job>(QUEUE_MAX);
        for n in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new().name(format!("reader-{n}")).spawn(move || {
                for job in queue {
                    let mut out = Box::new(Out::default());
                    (job.work)(&mut out);
                    // Nobody is there any more: the process ends.
                    let _unheard = job.tails.send(Tail::Sent(out.total_bytes()));
                    job.outbox.send(Message::Reply { to: job.to, out, hold: job.hold });
                }
            })?;
        }
        Ok(Pool { jobs: Some(jobs) })
    }

    /// A pool without threads: every job comes back at once (tests, replay).
    pub fn inline() -> Self {
        Pool { jobs: None }
    }

    /// Gives a job to the pool. Returns the work if it cannot take it: the caller runs it on the
    /// spot.
    pub(super) fn submit(
        &self,
        work: Work,
        to: Address,
        hold: Lsn,
        outbox: Outbox,
        tails: Sender<Tail>,
    ) -> Result<(), Work> {
        let Some(jobs) = &self.jobs else { return Err(work) };
        match jobs.try_send(Job { work, to, hold, outbox, tails }) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Err(job.work),
        }
    }
}
