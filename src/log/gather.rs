//! How long a group commit under `appendfsync always` gathers before it is written.
//!
//! Clients that wait for their reply before they write again come back soon after a sync has
//! released them. If the next sync begins with the first of them, all others wait for that one and
//! for one more of their own; if it waits until they are back, one sync serves them all:
//!
//! ```text
//! at once   ├─ sync: 20 ─┼─ sync: 480 ─┼─ sync: 20 ─┼─ ...      500 writes in two syncs
//! gathered  ├─ back ─┼─ sync: 500 ─┼─ back ─┼─ sync: 500 ─┼     500 writes in one, and the way back
//! ```
//!
//! Waiting pays if the way back is shorter than a sync, so that is the most it may take; and it
//! must not cost those who come alone, so it ends as soon as as much is there as the last sync
//! released and left behind, or when nothing more comes. A wait that was in vain is not tried again
//! for a while.

use std::time::Duration;

use super::Lsn;
use crate::base::clock::Monotonic;

/// Waiting on ends when nothing has come for this share of a sync's time.
const SILENCE_SHARE: u32 = 8;
/// What a sleep takes at least, whatever was asked for: the system's timers are no finer.
const SLEEP_MIN: Duration = Duration::from_micros(60);
/// After waits in vain, one after the other, 1, 2, 4, … and at last so many groups go at once.
const SKIPPED_MAX: u32 = 64;
/// A wait was not in vain if at least this share of what was hoped for has come.
const GOOD_SHARE: f64 = 0.75;

/// What the writer thread remembers from group to group.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// What a group's write and sync take: a moving mean.
    sync_time: Duration,
    /// Until when the current group may gather.
    deadline: Monotonic,
    /// Where the log ended after the last sync, and where it would end if all that waited then were
    /// back.
    from: Lsn,
    hoped: Lsn,
    /// The log's end at the last look, if this group gathers.
    seen: Option<Lsn>,
    /// Waits in vain, and how many groups are still to go at once because of them.
    in_vain: u32,
    skip: u32,
}

impl Gather {
    /// A group was written and synced between two moments. The first two LSNs say from where to
    /// where, the last one where the log ended when the sync was over.
    pub fn synced(
        &mut self,
        (before, synced, end): (Lsn, Lsn, Lsn),
        begun: Monotonic,
        ended: Monotonic,
    ) {
        let took = ended.since(begun);
        self.sync_time = match self.sync_time {
            Duration::ZERO => took,
            mean => mean - mean / 8 + took / 8,
        };
        self.deadline = ended.plus(self.sync_time);
        self.from = synced;
        self.hoped = Lsn(end.0.saturating_add(synced.since(before)));
        self.seen = None;
        self.skip = self.skip.saturating_sub(1);
    }

    /// Whether the group that ends at `end` should wait on: until the log ends at which LSN, and
    /// for how long at most. Then it is to be asked again.
    pub fn wait(&mut self, end: Lsn, now: Monotonic) -> Option<(Lsn, Duration)> {
        let silence = (self.sync_time / SILENCE_SHARE).max(SLEEP_MIN);
        let left = self.deadline.since(now);
        let goes_on = self.skip == 0 && end < self.hoped && left >= silence && self.seen != Some(end);
        if goes_on {
            self.seen = Some(end);
            return Some((self.hoped, silence));
        }
        if self.seen.take().is_some() {
            let came = end.since(self.from) as f64;
            if came >= GOOD_SHARE * self.hoped.since(self.from) as f64 {
                self.in_vain = 0;
            } else {
                self.skip = SKIPPED_MAX.min(1 << self.in_vain.min(31));
                self.in_vain += 1;
            }
        }
        None
    }
}
