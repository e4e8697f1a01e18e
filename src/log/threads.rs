//! The two threads of a running log: a thin shell that calls the steps of `writer.rs` at the right
//! moments.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::gather::Gather;
use super::tail::Sleep;
use super::{Fsync, Shared};
use crate::base::clock;

/// How long the writer gathers between writes while bytes keep coming (under `always`: see
/// `gather`): long enough that a busy server pays neither a system call per turn nor a small batch
/// per turn.
const LINGER: Duration = Duration::from_millis(1);
/// Gathering ends early at so many bytes.
const LINGER_BYTES_MAX: usize = 4 << 20;
/// After so long without work the log is sealed; and `everysec` syncs this often.
const SECOND: Duration = Duration::from_secs(1);
enum Work {
    Bytes,
    Idle,
    Stop,
}

/// Starts writer and syncer.
pub(super) fn spawn(shared: &Arc<Shared>) -> io::Result<Vec<JoinHandle<()>>> {
    let (writer, syncer) = (shared.clone(), shared.clone());
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let first = named("log-writer").spawn(move || write_loop(&writer))?;
    match named("log-syncer").spawn(move || sync_loop(&syncer)) {
        Ok(second) => Ok(vec![first, second]),
        Err(error) => {
            shared.stop();
            Err(error)
        }
    }
}

fn write_loop(shared: &Shared) {
    let mut wrote = false;
    let mut gather = Gather::default();
    loop {
        match shared.wait_for_work(wrote, &mut gather) {
            Work::Bytes => {
                let (before, begun) = (shared.progress.get(), clock::monotonic());
                wrote = shared.write_step();
                if shared.fsync() == Fsync::Always {
                    let (synced, end) =
                        (shared.progress.get().synced, shared.progress.end_at_sync());
                    gather.synced((before.synced, synced, end), begun, clock::monotonic());
                }
            }
            Work::Idle => {
                wrote = false;
                shared.seal_step();
            }
            Work::Stop => return,
        }
    }
}

/// Syncs each second, counted from when the last sync began: after one that took longer the next
/// follows at once, since as much has gathered meanwhile.
fn sync_loop(shared: &Shared) {
    let mut due = clock::monotonic().plus(SECOND);
    loop {
        let mut tail = shared.tail.lock();
        if tail.stopping {
            return;
        }
        let left = due.since(clock::monotonic());
        if !tail.sync_asked && !left.is_zero() {
            shared.sync_wake.wait_for(&mut tail, left);
        }
        if tail.stopping {
            return;
        }
        tail.sync_asked = false;
        drop(tail);
        due = clock::monotonic().plus(SECOND);
        // Under `always` too: what was written under an earlier policy nobody else syncs.
        let paused = shared.syncs_paused.load(Ordering::Acquire);
        let is_wanted = shared.fsync() != Fsync::No && !paused;
        if is_wanted || shared.progress.owes_sync() {
            shared.sync_step();
        }
    }
}

impl Shared {
    fn wait_for_work(&self, wrote: bool, gather: &mut Gather) -> Work {
        let mut tail = self.tail.lock();
        if wrote && self.fsync() != Fsync::Always && !tail.stopping {
            let until = self.progress.get().written.advance(LINGER_BYTES_MAX);
            tail.sleep = Sleep::Gathering { until };
            self.wake.wait_for(&mut tail, LINGER);
        }
        loop {
            tail.sleep = Sleep::Awake;
            if tail.stopping {
                return Work::Stop;
            }
            if tail.has_work() && self.has_file.load(Ordering::Acquire) && !self.is_latched() {
                if self.fsync() == Fsync::Always
                    && let Some((until, time)) = gather.wait(tail.end(), clock::monotonic())
                {
                    tail.sleep = Sleep::Gathering { until };
                    self.wake.wait_for(&mut tail, time);
                    continue;
                }
                return Work::Bytes;
            }
            tail.sleep = Sleep::Parked;
            if self.wake.wait_for(&mut tail, SECOND).timed_out() {
                tail.sleep = Sleep::Awake;
                return Work::Idle;
            }
        }
    }

    /// Tells the threads to end. What has gathered stays in the tail.
    pub(super) fn stop(&self) {
        self.tail.lock().stopping = true;
        self.wake.notify_all();
        self.sync_wake.notify_all();
    }
}
