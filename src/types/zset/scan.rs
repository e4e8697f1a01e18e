//! Going over a sorted set with a cursor that outlives changes.
//!
//! The order is that of the members' hashes, which no change of a score disturbs. The index gives
//! the scores under a range of hashes; the members are then among those with these scores.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::{Zset, index};

/// How many members are looked at for one that is found, before a step is made longer. Only where
/// very many members have the same score are there more than a few.
const LOOKED_AT_MAX: usize = 256;

impl Zset {
    /// Visits about `count` members, and answers the cursor for the next call; 0 starts, and 0 says
    /// it was the last. Where very many members have equal scores, one step visits more than
    /// `count`, so that all steps together stay affordable.
    ///
    /// Every member that is there from the first call to the last is visited, however the set
    /// changes between the calls; some may be visited twice. Any cursor is a valid one.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, f: &mut dyn FnMut(&'a [u8], f64)) -> u64 {
        let Ok(start) = u32::try_from(cursor) else { return 0 };
        let found = self.window(start, count);
        for &Ordered(score) in &found.scores {
            let ties = self.ranks_by_score(Bound::Included(score), Bound::Included(score));
            for (member, score) in self.range(ties) {
                if (start..=found.last).contains(&index::hash(member)) {
                    f(member, score);
                }
            }
        }
        u64::from(found.end)
    }

    /// How many members a step of [`Self::scan`] looks at. O(log n) for each of `count`.
    pub fn scan_cost(&self, cursor: u64, count: usize) -> usize {
        u32::try_from(cursor).map_or(0, |start| self.window(start, count).looked_at)
    }

    /// The hashes that a step from `start` on is for.
    fn window(&self, start: u32, count: usize) -> Window {
        let mut found =
            Window { scores: BTreeSet::new(), end: start, last: start, members: 0, looked_at: 0 };
        let mut entries = self.index.from(start).peekable();
        let mut wanted = count.max(1);
        while let Some((hash, score)) = entries.next() {
            // Zeros of both signs are one score here.
            if found.scores.insert(Ordered(score + 0.0)) {
                let ties = self.ranks_by_score(Bound::Included(score), Bound::Included(score));
                found.looked_at += ties.len();
                wanted = wanted.max(found.looked_at / LOOKED_AT_MAX);
            }
            found.last = hash;
            found.members += 1;
            // Members of one hash are not torn apart.
            if found.members >= wanted && entries.peek().is_some_and(|next| next.0 != hash) {
                found.end = hash + 1;
                break;
            }
            found.end = 0;
        }
        found
    }
}

/// The hashes that one step is for.
struct Window {
    scores: BTreeSet<Ordered>,
    /// Where the next one starts, 0 for none.
    end: u32,
    /// The last hash.
    last: u32,
    members: usize,
    /// Members with one of the scores.
    looked_at: usize,
}

/// A score as an element of a set; none is NaN.
#[derive(PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
