//! How late the disk is: how long the oldest bytes that are not synced have waited, which bounds
//! what a power loss takes under `everysec`, and how many syncs took long.
//!
//! Writes are answered before they are synced, so while a sync hangs, what would be lost grows. The
//! tail does not bound it: what is written has left the tail. So writes wait, outside the engine's
//! lock, while anything that was answered is older than [`UNSYNCED_MAX`]:
//!
//! ```text
//! sync ├─ 1 s ─┤sync hangs ............................├ sync ┤
//! bytes  a   b    c      d    (none: a is 5 s old)      e
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use super::Lsn;
use crate::base::clock::Monotonic;

/// Nothing is appended under `everysec` while something older than this is not synced. A disk that
/// stands still for two seconds must stall nobody, again and again if need be: what was appended
/// just after such a sync began is four seconds old when the next one, which follows at once, is
/// over. The rest is for a machine that is slow otherwise.
pub(super) const UNSYNCED_MAX: Duration = Duration::from_secs(5);
/// Marks are so far apart: what is not synced may seem older by this much.
const MARK_EVERY: Duration = Duration::from_millis(100);
/// A sync that takes longer than this counts as delayed in INFO, as Redis counts it.
const DELAYED: Duration = Duration::from_secs(2);

/// When what is not synced was appended. A mark says: what lies behind this LSN was appended at this
/// moment or later. There are at most some fifty, since appending ends at [`UNSYNCED_MAX`].
#[derive(Debug, Default)]
pub(super) struct Ages {
    marks: VecDeque<(Lsn, Monotonic)>,
}

impl Ages {
    /// A group is appended at `now`, behind `from`.
    pub fn append(&mut self, from: Lsn, now: Monotonic) {
        if self.marks.back().is_none_or(|(_, last)| now.since(*last) >= MARK_EVERY) {
            self.marks.push_back((from, now));
        }
    }

    /// All up to `synced` is durable, of a log that ends at `end`.
    pub fn sync(&mut self, synced: Lsn, end: Lsn) {
        if synced >= end {
            self.marks.clear();
        }
        while self.marks.get(1).is_some_and(|(from, _)| *from <= synced) {
            self.marks.pop_front();
        }
    }

    /// Nobody asks how old anything is.
    pub fn clear(&mut self) {
        self.marks.clear();
    }

    /// From when on appending ends, unless there is a sync before.
    pub fn late_at(&self) -> Option<Monotonic> {
        self.marks.front().map(|(_, oldest)| oldest.plus(UNSYNCED_MAX))
    }
}

/// Counts the syncs that nobody waits for and that take long; one that is still running counts as
/// soon as it is late.
#[derive(Debug, Default)]
pub(super) struct Delays {
    ended: u64,
    running: Option<Monotonic>,
}

impl Delays {
    /// A sync begins.
    pub fn begin(&mut self, now: Monotonic) {
        self.running = Some(now);
    }

    /// It is over. Returns how long it took.
    pub fn end(&mut self, now: Monotonic) -> Duration {
        let took = self.running.take().map_or(Duration::ZERO, |begun| now.since(begun));
        self.ended += u64::from(took >= DELAYED);
        took
    }

    /// Delayed syncs up to now.
    pub fn count(&self, now: Monotonic) -> u64 {
        let is_late = self.running.is_some_and(|begun| now.since(begun) >= DELAYED);
        self.ended + u64::from(is_late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms * 1_000_000)
    }

    #[test]
    fn the_oldest_that_is_not_synced_tells_when_it_is_late() {
        let mut ages = Ages::default();
        assert_eq!(ages.late_at(), None);
        for (from, ms) in [(0, 0), (10, 40), (20, 1000), (30, 1200), (40, 4000)] {
            ages.append(Lsn(from), at(ms));
        }
        assert_eq!(ages.late_at(), Some(at(5000)));
        ages.sync(Lsn(15), Lsn(50));
        assert_eq!(ages.late_at(), Some(at(5000)), "the rest of the first mark's");
        ages.sync(Lsn(20), Lsn(50));
        assert_eq!(ages.late_at(), Some(at(6000)));
        ages.sync(Lsn(45), Lsn(50));
        assert_eq!(ages.late_at(), Some(at(9000)));
        ages.sync(Lsn(50), Lsn(50));
        assert_eq!(ages.late_at(), None);
    }

    #[test]
    fn a_sync_that_is_late_counts_once_while_it_runs_and_after() {
        let mut delays = Delays::default();
        delays.begin(at(0));
        assert_eq!(delays.end(at(1999)), Duration::from_millis(1999));
        assert_eq!(delays.count(at(9000)), 0);
        delays.begin(at(10_000));
        assert_eq!([11_999, 12_000].map(|ms| delays.count(at(ms))), [0, 1]);
        delays.end(at(15_000));
        assert_eq!(delays.count(at(20_000)), 1);
    }
}
