//! The pace of a round: when the clock is looked at, how long its requests took, and when it has
//! held the lock for long enough.
//!
//! Looking at the clock costs a good part of what an ordinary request costs, so several of those
//! share a look, and the time since the one before is spread over them. A request that may take
//! long by its nature has the looks before and behind it to itself, and so has every one as long
//! as something was slow.

use crate::base::clock::Monotonic;
use std::time::Duration;

/// Requests between two looks at most.
const STEP_MOST: usize = 8;
/// A round may hold the lock about this long; then the rest of its requests make another one. Only
/// a round right after a snapshot comes near it, since its writes copy directory nodes.
const MOST: Duration = Duration::from_micros(150);
/// A request that takes longer than this is not an ordinary one: look after each.
const ORDINARY_NS: u64 = 10_000;

/// Stands for a request that was refused, of no command.
const REFUSED: u16 = u16::MAX;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    begun: Monotonic,
    looked: Monotonic,
    /// What has run since the last look: the commands' numbers.
    ran: [u16; STEP_MOST],
    count: usize,
    /// Requests until the next look.
    step: usize,
    /// Every request has its looks to itself.
    exact: bool,
    /// The answer stays: every group of the round asks.
    over: bool,
}

/// What a look has found.
pub(super) struct Look<'a> {
    /// How long each of them took, ns.
    pub each_ns: u64,
    ran: &'a [u16],
}

impl Look<'_> {
    /// The commands that ran, by number.
    pub fn commands(&self) -> impl Iterator<Item = usize> {
        self.ran.iter().filter(|index| **index != REFUSED).map(|index| usize::from(*index))
    }
}

impl Pace {
    /// That of a round whose first request runs now; `exact`: no two requests share a look.
    pub fn begin(now: Monotonic, exact: bool) -> Self {
        Pace { begun: now, looked: now, step: 1, exact, ..Pace::default() }
    }

    /// Whether the next request must wait for another round. The first one never must.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether to look before a request runs, so that what ran before it is not taken for its time.
    #[inline]
    pub fn looks_before(&self, is_quick: bool) -> bool {
        !is_quick && self.count > 0
    }

    /// A request has run, of the command with this number, or none if it was refused. Returns
    /// whether to look now.
    #[inline]
    pub fn ran(&mut self, command: Option<usize>, is_quick: bool) -> bool {
        let number = command.and_then(|index| u16::try_from(index).ok());
        self.ran[self.count] = number.unwrap_or(REFUSED);
        self.count += 1;
        !is_quick || self.exact || self.count >= self.step
    }

    /// Whether there is something that no look has been at.
    pub fn is_owed_a_look(&self) -> bool {
        self.count > 0
    }

    /// Looks at the clock, which says `now`.
    pub fn look(&mut self, now: Monotonic) -> Look<'_> {
        let ran = std::mem::take(&mut self.count);
        let each_ns = now.0.saturating_sub(self.looked.0) / ran.max(1) as u64;
        self.step = if each_ns > ORDINARY_NS { 1 } else { (self.step * 2).min(STEP_MOST) };
        self.looked = now;
        self.over |= now.since(self.begun) > MOST;
        Look { each_ns, ran: &self.ran[..ran] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(microseconds: u64) -> Monotonic {
        Monotonic(microseconds * 1000)
    }

    /// Runs requests that each take so many µs until the round is over; answers how many ran, and
    /// after which of them somebody looked.
    fn run(costs: &[u64], is_quick: bool, exact: bool) -> (usize, Vec<usize>) {
        let (mut now, mut looks) = (0, Vec::new());
        let mut pace = Pace::begin(at(0), exact);
        for (n, cost) in costs.iter().enumerate() {
            if pace.is_over() {
                return (n, looks);
            }
            now += cost;
            if pace.ran(Some(7), is_quick) {
                assert!(pace.look(at(now)).commands().all(|command| command == 7));
                looks.push(n);
            }
        }
        (costs.len(), looks)
    }

    #[test]
    fn ordinary_requests_share_their_looks() {
        assert_eq!(run(&[0; 31], true, false), (31, vec![0, 2, 6, 14, 22, 30]));
        assert_eq!(run(&[0; 4], true, true), (4, vec![0, 1, 2, 3]));
        assert_eq!(run(&[0; 4], false, false), (4, vec![0, 1, 2, 3]));
    }

    #[test]
    fn a_round_ends_soon_after_its_time() {
        // The first always runs, whatever it takes.
        assert_eq!(run(&[1_000_000, 1], true, false).0, 1);
        assert_eq!(run(&[50; 9], true, false), (4, vec![0, 1, 2, 3]));
        // Quick ones grow slow: seen after eight of them at most.
        let costs = [vec![1; 30], vec![100; 30]].concat();
        let (ran, looks) = run(&costs, true, false);
        assert!(ran <= 38, "{ran}");
        assert_eq!(looks.last(), Some(&(ran - 1)));
    }

    #[test]
    fn time_is_spread_over_those_that_share_a_look() {
        let mut pace = Pace::begin(at(0), false);
        assert!(pace.ran(Some(1), true));
        assert_eq!(pace.look(at(4)).each_ns, 4000);
        assert!(!pace.ran(Some(2), true));
        assert!(pace.looks_before(false) && !pace.looks_before(true) && pace.is_owed_a_look());
        assert!(pace.ran(None, true));
        let look = pace.look(at(10));
        assert_eq!(look.each_ns, 3000);
        assert_eq!(look.commands().collect::<Vec<_>>(), [2]);
        assert!(!pace.looks_before(false) && !pace.is_owed_a_look());
    }
}
