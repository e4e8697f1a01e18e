//! The clocks. This is the only file that asks the operating system what time it is; everywhere
//! else a time is an argument, so that a test or a replay can say what time it is.
//!
//! Three clocks, each with types of its own, so that they cannot be mixed up:
//!
//! - [`UnixMs`]: wall time, which expiries are stated in and which may jump; [`UnixUs`] is the same
//!   to the microsecond.
//! - [`Monotonic`]: never goes back; for timeouts and durations.
//! - [`thread_cpu_ns`]: CPU time of the calling thread; for how long the engine lock was held,
//!   which a busy machine's scheduler must not be able to falsify.

#![expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Wall time: milliseconds since 1970-01-01 00:00 UTC. A clock set before 1970 reads as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// The beginning of 1970. As the instant of a view it means: nothing has expired (replay).
    pub const ZERO: UnixMs = UnixMs(0);

    /// Whole seconds since 1970, rounded down (TTL, `#TS`, `ctime`).
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This time moved forward by `ms`, or the latest time there is.
    pub fn plus_ms(self, ms: u64) -> UnixMs {
        UnixMs(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is in fact later.
    pub fn since_ms(self, earlier: UnixMs) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Wall time to the microsecond, since 1970 too. The instant of a round is read so (TIME shows it);
/// all else is told in [`UnixMs`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixUs(pub u64);

impl UnixUs {
    /// In milliseconds, rounded down.
    pub fn ms(self) -> UnixMs {
        UnixMs(self.0 / 1000)
    }

    /// Whole seconds since 1970, and the microseconds of the second.
    pub fn seconds_and_rest(self) -> [u64; 2] {
        [self.0 / 1_000_000, self.0 % 1_000_000]
    }
}

impl From<UnixMs> for UnixUs {
    /// The beginning of the millisecond.
    fn from(ms: UnixMs) -> Self {
        UnixUs(ms.0.saturating_mul(1000))
    }
}

/// Nanoseconds since the process first asked; never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// Time from `earlier` to this moment; zero when `earlier` is in fact later.
    pub fn since(self, earlier: Monotonic) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved forward by `by`, or the latest moment there is.
    pub fn plus(self, by: Duration) -> Monotonic {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        Monotonic(self.0.saturating_add(nanos))
    }
}

/// Where the engine gets its time from.
pub trait Clock: Send + Sync {
    /// Wall time now.
    fn now(&self) -> UnixMs;
    /// The monotonic clock now.
    fn monotonic(&self) -> Monotonic;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMs {
        now()
    }

    fn monotonic(&self) -> Monotonic {
        monotonic()
    }
}

/// Wall time now.
pub fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Wall time now, to the microsecond.
pub fn now_us() -> UnixUs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixUs(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// The monotonic clock now.
pub fn monotonic() -> Monotonic {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    let since = Instant::now().saturating_duration_since(start);
    Monotonic(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Lets the calling thread sleep. For threads that do periodic work, never on the request path.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// CPU time the calling thread has used so far, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(UnixMs(1999).seconds(), 1);
        assert_eq!(UnixMs(u64::MAX).plus_ms(1), UnixMs(u64::MAX));
        assert_eq!(UnixMs(5).since_ms(UnixMs(9)), 0);
        assert_eq!(UnixUs::from(UnixMs(7)), UnixUs(7000));
        assert_eq!(UnixUs(1_999_999).ms(), UnixMs(1999));
        assert_eq!(UnixUs(12_000_345).seconds_and_rest(), [12, 345]);
        assert_eq!(Monotonic(7).since(Monotonic(3)), Duration::from_nanos(4));
        assert_eq!(Monotonic(1).plus(Duration::MAX), Monotonic(u64::MAX));
    }

    #[test]
    fn clocks_do_not_go_back() {
        let (a, cpu) = (monotonic(), thread_cpu_ns());
        let sum: u64 = (0..10_000u64).map(std::hint::black_box).sum();
        assert!(sum > 0 && monotonic() >= a && thread_cpu_ns() >= cpu);
    }
}
