//! How long the engine's lock was held, by cause: the figure on which stall promises are stated.
//!
//! A hold is measured in thread CPU time, so that a machine shared with others does not blame us
//! for its scheduler. Buckets are powers of two of a microsecond.

/// Why the lock was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// A round of commands.
    Round,
    /// The active expiry cycle.
    Expiry,
    /// Moving pages out of sparse segments, taking back pages freed elsewhere.
    Evacuation,
    /// Freezing the keyspace.
    Snapshot,
    /// Statistics, save points and other periodic work.
    Cron,
    /// Ends of waits and of pauses.
    Timer,
}

impl Hold {
    /// All kinds, in the order of [`Holds`].
    pub const ALL: [Hold; 6] =
        [Hold::Round, Hold::Expiry, Hold::Evacuation, Hold::Snapshot, Hold::Cron, Hold::Timer];

    /// The name INFO gives it.
    pub fn name(self) -> &'static str {
        match self {
            Hold::Round => "round",
            Hold::Expiry => "expiry",
            Hold::Evacuation => "evacuation",
            Hold::Snapshot => "snapshot",
            Hold::Cron => "cron",
            Hold::Timer => "timer",
        }
    }

    /// The latency monitor's name for a hold that takes long, where it is no command's.
    pub fn event(self) -> Option<&'static str> {
        match self {
            Hold::Expiry => Some("expire-cycle"),
            Hold::Evacuation => Some("active-defrag-cycle"),
            Hold::Snapshot => Some("snapshot"),
            Hold::Round | Hold::Cron | Hold::Timer => None,
        }
    }
}

/// Buckets: below 1 µs, below 2 µs, … below 2^31 µs, and the rest.
pub const BUCKETS: usize = 33;

/// One cause's histogram.
#[derive(Debug, Clone, Copy)]
pub struct Histogram {
    /// Holds per bucket; bucket n holds those below 2^n µs.
    pub buckets: [u64; BUCKETS],
    /// The longest, ns.
    pub longest_ns: u64,
    /// Their sum, ns.
    pub total_ns: u64,
}

impl Histogram {
    const EMPTY: Histogram = Histogram { buckets: [0; BUCKETS], longest_ns: 0, total_ns: 0 };

    /// How many holds there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The upper bound, µs, of the bucket in which the given share (0 to 1) of holds is reached.
    pub fn percentile_us(&self, share: f64) -> u64 {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (n, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return 1 << n;
            }
        }
        0
    }
}

/// The histograms of all causes.
#[derive(Debug, Clone)]
pub struct Holds {
    histograms: [Histogram; Hold::ALL.len()],
}

impl Default for Holds {
    fn default() -> Self {
        Holds { histograms: [Histogram::EMPTY; Hold::ALL.len()] }
    }
}

impl Holds {
    /// Counts one hold of `nanoseconds` of CPU time.
    #[inline]
    pub fn record(&mut self, hold: Hold, nanoseconds: u64) {
        let histogram = &mut self.histograms[hold as usize];
        let microseconds = nanoseconds / 1000;
        let bucket = (u64::BITS - microseconds.leading_zeros()) as usize;
        histogram.buckets[bucket.min(BUCKETS - 1)] += 1;
        histogram.longest_ns = histogram.longest_ns.max(nanoseconds);
        histogram.total_ns += nanoseconds;
    }

    /// One cause's histogram.
    pub fn of(&self, hold: Hold) -> &Histogram {
        &self.histograms[hold as usize]
    }

    /// Forgets everything (CONFIG RESETSTAT).
    pub fn reset(&mut self) {
        *self = Holds::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_falls_into_the_bucket_above_it() {
        let mut holds = Holds::default();
        for microseconds in [0, 1, 3, 1000] {
            holds.record(Hold::Round, microseconds * 1000);
        }
        let round = holds.of(Hold::Round);
        assert_eq!(round.count(), 4);
        assert_eq!(
            (round.buckets[0], round.buckets[1], round.buckets[2], round.buckets[10]),
            (1, 1, 1, 1)
        );
        assert_eq!(round.longest_ns, 1_000_000);
        assert_eq!(round.percentile_us(0.5), 2);
        assert_eq!(round.percentile_us(1.0), 1024);
        assert_eq!(holds.of(Hold::Expiry).percentile_us(0.99), 0);
    }
}
