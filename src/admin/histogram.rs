//! How long calls of a command took: a histogram whose buckets grow with the time, sixteen to each
//! doubling, so that a percentile is right to six percent from a nanosecond to a second.

use std::ops::Range;

/// Buckets to a doubling: two to this power.
const FINE_BITS: u32 = 4;
/// Nothing is told apart above this, ns: a second, as in Redis.
const LONGEST_NS: u64 = 1_000_000_000;
/// The bucket of the longest, and those below it.
const BUCKETS: usize = bucket_of(LONGEST_NS) + 1;

/// Times of calls.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: Box::new([0; BUCKETS]), count: 0 }
    }
}

/// Below 16 each number has a bucket; above, the four bits behind the highest one tell.
const fn bucket_of(nanoseconds: u64) -> usize {
    let Some(highest) = nanoseconds.checked_ilog2() else { return 0 };
    if highest < FINE_BITS {
        return nanoseconds as usize;
    }
    let fine = nanoseconds >> (highest - FINE_BITS);
    (((highest - FINE_BITS) as usize) << FINE_BITS) + fine as usize
}

/// The numbers of a bucket.
fn range_of(bucket: usize) -> Range<u64> {
    let fine = 1 << FINE_BITS;
    if bucket < fine {
        return bucket as u64..bucket as u64 + 1;
    }
    let shift = bucket / fine - 1;
    let first = (fine + bucket % fine) as u64;
    first << shift..(first + 1) << shift
}

impl Histogram {
    /// Takes note of a call that took so long.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        self.counts[bucket_of(nanoseconds.min(LONGEST_NS))] += 1;
        self.count += 1;
    }

    /// How many calls there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time that this share of calls (percent) did not exceed, ns, rounded up to the end of its
    /// bucket.
    pub fn percentile_ns(&self, percent: f64) -> u64 {
        let wanted = ((self.count as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return range_of(bucket).end - 1;
            }
        }
        0
    }

    /// For each doubling from 1,024 ns up to which there were more calls than before it: its end in
    /// whole µs as Redis rounds it, and how many calls took at most so long.
    pub fn doublings(&self) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let (mut seen, mut bucket) = (0, 0);
        let mut level: u64 = 1024;
        while seen < self.count {
            let before = seen;
            while bucket < BUCKETS && range_of(bucket).start < level.max(2) {
                seen += self.counts[bucket];
                bucket += 1;
            }
            if seen > before {
                // The numbers that Redis' histogram does not tell from the level belong to it.
                let last = level + level / 128 - 1;
                found.push((last / 1000, seen));
            }
            level *= 2;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_join_and_hold_their_numbers() {
        for bucket in 1..BUCKETS {
            assert_eq!(range_of(bucket).start, range_of(bucket - 1).end, "{bucket}");
            let Range { start, end } = range_of(bucket);
            assert_eq!((bucket_of(start), bucket_of(end - 1)), (bucket, bucket));
            assert!(end - start == 1 || (end - start) * 16 <= start);
        }
        assert!(range_of(BUCKETS - 1).contains(&LONGEST_NS));
    }

    #[test]
    fn percentiles_and_doublings() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.percentile_ns(50.0), histogram.doublings()), (0, Vec::new()));
        for nanoseconds in [0, 700, 700, 3000, 20_000, 33_000_000, u64::MAX] {
            histogram.record(nanoseconds);
        }
        let close = |percent, nanoseconds: f64| {
            let found = histogram.percentile_ns(percent) as f64;
            assert!((1.0..=1.07).contains(&(found / nanoseconds)), "{percent}: {found}");
        };
        close(30.0, 700.0);
        close(50.0, 3000.0);
        close(70.0, 20_000.0);
        close(99.9, 1_000_000_000.0);
        let levels = [(1, 3), (4, 4), (33, 5), (33_816, 6), (1_082_130, 7)];
        assert_eq!(histogram.doublings(), levels);
    }
}
