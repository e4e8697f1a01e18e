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

/// Where a sync takes less than this, gathering costs about as much as it saves: a sleep of the
/// writer and the wake that ends it take some tens of microseconds.
const SYNC_MIN: Duration = Duration::from_micros(500);
/// Waiting on ends when nothing has come for this part of a sync's time. Not much sooner: a worker
/// that sends the replies of a large group runs no request meanwhile.
const SILENCE_PART: u32 = 2;
/// After waits in vain, one after the other, 1, 2, 4, … and at last so many groups go at once.
const SKIPPED_MAX: u32 = 64;
/// A wait was not in vain if at least this percentage of what was hoped for has come.
const GOOD_PERCENT: u64 = 95;

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
        let left = self.deadline.since(now);
        let in_time = self.sync_time >= SYNC_MIN && !left.is_zero();
        if self.skip == 0 && in_time && end < self.hoped && self.seen != Some(end) {
            self.seen = Some(end);
            return Some((self.hoped, left.min(self.sync_time / SILENCE_PART)));
        }
        if self.seen.take().is_some() {
            let (came, hoped) = (end.since(self.from), self.hoped.since(self.from));
            if came.saturating_mul(100) >= hoped.saturating_mul(GOOD_PERCENT) {
                self.in_vain = 0;
            } else {
                self.skip = SKIPPED_MAX.min(1 << self.in_vain.min(31));
                self.in_vain += 1;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_millis(4);

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms * 1_000_000)
    }

    /// After a sync from 0 to 4 ms that released 100 bytes, with 50 more waiting.
    fn after_a_sync() -> Gather {
        let mut gather = Gather::default();
        gather.synced((Lsn(0), Lsn(100), Lsn(150)), at(0), at(4));
        assert_eq!(gather.sync_time, SYNC);
        gather
    }

    #[test]
    fn a_group_waits_for_those_who_were_released() {
        let mut gather = after_a_sync();
        // Until all 150 are there, looking again after 2 ms.
        assert_eq!(gather.wait(Lsn(160), at(4)), Some((Lsn(250), SYNC / 2)));
        assert_eq!(gather.wait(Lsn(200), at(7)), Some((Lsn(250), SYNC / 4)));
        assert_eq!(gather.wait(Lsn(250), at(8)), None);
        assert_eq!((gather.skip, gather.in_vain), (0, 0));
        // All are there already.
        let mut gather = after_a_sync();
        assert_eq!(gather.wait(Lsn(250), at(4)), None);
    }

    #[test]
    fn it_waits_no_longer_than_a_sync_and_not_in_silence() {
        let mut gather = after_a_sync();
        assert_eq!(gather.wait(Lsn(160), at(8)), None, "who comes late is written at once");
        assert!(gather.wait(Lsn(160), at(5)).is_some());
        assert_eq!(gather.wait(Lsn(160), at(7)), None, "nothing has come");
        assert_eq!((gather.skip, gather.in_vain), (1, 1));
    }

    #[test]
    fn waits_in_vain_become_rare() {
        let mut gather = after_a_sync();
        let (mut waits, mut end) = (0, 100);
        for _ in 0..1000 {
            // The clock stands still: only the counts matter.
            waits += u32::from(gather.wait(Lsn(end + 60), at(4)).is_some());
            assert_eq!(gather.wait(Lsn(end + 60), at(4)), None);
            gather.synced((Lsn(end), Lsn(end + 60), Lsn(end + 110)), at(0), at(4));
            end += 60;
        }
        assert!((10..40).contains(&waits), "{waits}");
    }

    #[test]
    fn a_fast_disk_is_not_waited_for() {
        let mut gather = Gather::default();
        let ended = Monotonic(100_000);
        gather.synced((Lsn(0), Lsn(100), Lsn(150)), Monotonic(0), ended);
        assert_eq!(gather.wait(Lsn(160), ended), None);
    }
}
