//! The read pool: what would hold the lock too long runs here, on a frozen keyspace.
//!
//! KEYS over millions of keys, DEBUG DIGEST and the like become jobs. A job carries everything it
//! needs, runs on one of a few threads, and puts its encoded reply into the outbox of the worker
//! whose connection waits.
//!
//! Every job pins the keyspace as it was when it was given. So that a crowd of clients cannot pin
//! any number of them, expensive reads are parked, with nothing frozen, while the [`Queue`] is
//! full; they never run under the lock.

use super::Outboxes;
use super::outbox::{Address, Message, Outbox};
use super::reads::Tail;
use crate::log::Lsn;
use crate::resp::Out;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::atomic::{Ordering::SeqCst, fence};

/// Jobs that may wait before reads are parked. What parks is not counted, nor are the few other
/// commands that run here (DEBUG DIGEST, CONFIG REWRITE): a connection has one job at a time.
const QUEUE_MAX: usize = 128;
/// Parked reads go on when no more than so many jobs wait: half, so that a crowd that is parked
/// comes once for many places, not once for each.
const QUEUE_LOW: usize = QUEUE_MAX / 2;

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
    queue: Queue,
}

/// How many jobs wait, for who wants to give one.
#[derive(Clone)]
pub struct Queue(Receiver<Job>);

impl Queue {
    /// Whether expensive reads are to be parked.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.0.len() >= QUEUE_MAX
    }

    /// Whether those that were parked may go on.
    pub fn has_room(&self) -> bool {
        self.0.len() <= QUEUE_LOW
    }
}

impl Pool {
    /// Starts `threads` threads. When the queue has room again, they wake those of `outboxes` whose
    /// workers have parked requests.
    pub(super) fn start(threads: usize, outboxes: &Outboxes) -> std::io::Result<Self> {
        let (jobs, queue) = unbounded::<Job>();
        let queue = Queue(queue);
        for n in 0..threads {
            let (queue, outboxes) = (queue.clone(), outboxes.clone());
            std::thread::Builder::new().name(format!("reader-{n}")).spawn(move || {
                for job in &queue.0 {
                    // Either a worker that is about to sleep sees that there is room, or it is
                    // woken.
                    fence(SeqCst);
                    if queue.has_room() {
                        let outboxes = outboxes.read();
                        outboxes.iter().for_each(|outbox| outbox.progress(Lsn::default()));
                    }
                    job.run();
                }
            })?;
        }
        Ok(Pool { jobs: Some(jobs), queue })
    }

    /// A pool without threads: every job comes back at once (tests, replay).
    pub(super) fn inline() -> Self {
        Pool { jobs: None, queue: Queue(crossbeam_channel::never()) }
    }

    /// How many wait.
    #[inline]
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Gives a job to the pool. Returns the work if there are no threads: the caller runs it on the
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
        jobs.send(Job { work, to, hold, outbox, tails }).map_err(|gone| gone.0.work)
    }
}

impl Job {
    fn run(self) {
        let mut out = Box::new(Out::default());
        (self.work)(&mut out);
        // Nobody is there any more: the process ends.
        let _unheard = self.tails.send(Tail::Sent(out.total_bytes()));
        self.outbox.send(Message::Reply { to: self.to, out, hold: self.hold });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(60);

    /// Whose worker has parked something is woken when half of a full queue has run.
    #[test]
    fn a_full_queue_says_so_and_wakes_when_it_has_room() {
        let outboxes = Outboxes::default();
        let (wake, woken) = unbounded();
        let (outbox, inbox) = Outbox::new(Arc::new(move || wake.send(()).unwrap()));
        outboxes.write().push(outbox);
        let pool = Pool::start(1, &outboxes).unwrap();
        // Replies go to an outbox of their own, so that what is woken is not woken for them.
        let (replies, arrived) = Outbox::new(Arc::new(|| ()));
        let (tails, _tails) = unbounded();
        let submit = |work: Work| {
            let to = Address { worker: 0, token: 0, id: 1 };
            assert!(pool.submit(work, to, Lsn(0), replies.clone(), tails.clone()).is_ok());
        };

        let (running, has_begun) = unbounded();
        let (go_on, may_go_on) = unbounded();
        submit(Box::new(move |_| {
            running.send(()).unwrap();
            may_go_on.recv().unwrap();
        }));
        has_begun.recv_timeout(SOON).unwrap();
        for _ in 0..QUEUE_MAX {
            assert!(!pool.queue().is_full());
            submit(Box::new(|_| ()));
        }
        assert!(pool.queue().is_full() && !pool.queue().has_room());
        inbox.awaited.want(Some(Lsn::default()));
        assert!(woken.is_empty());
        go_on.send(()).unwrap();
        woken.recv_timeout(SOON).unwrap();
        assert!(pool.queue().has_room());
        for _ in 0..=QUEUE_MAX {
            assert!(arrived.messages.recv_timeout(SOON).is_ok());
        }
    }
}
