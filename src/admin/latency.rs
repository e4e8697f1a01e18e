//! The latency monitor: what has taken `latency-monitor-threshold` milliseconds or longer, by
//! event.
//!
//! | event | is |
//! |---|---|
//! | `command`, `fast-command` | a call of a command, by its flag `fast` |
//! | `expire-cycle` | a step of the active expiry |
//! | `active-defrag-cycle` | moving pages out of sparse segments |
//! | `snapshot` | freezing the keyspace for a save or a rewrite, and ending one |
//! | `aof-write` | a write of the log; `aof-write-pending-fsync` while it was being synced, else `aof-write-alone` |
//! | `aof-fsync-always`, `aof-fsync` | a sync of the log, under `always` and otherwise |
//!
//! The log's threads have no engine's lock, so the monitor has one of its own, held for moments.

use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Samples kept of an event, as in Redis.
const SAMPLES_MAX: usize = 160;

/// A handle on the monitor; clones share it.
#[derive(Clone, Default)]
pub struct Monitor(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// 0: the monitor is off.
    threshold_ms: AtomicU64,
    events: Mutex<BTreeMap<&'static str, Series>>,
}

/// A second in which an event was slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Unix seconds.
    pub at: u64,
    /// The longest time in that second, ms.
    pub ms: u64,
}

/// What is known of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// The newest samples, oldest first.
    pub samples: VecDeque<Sample>,
    /// The longest time since the monitor was reset, ms.
    pub longest_ms: u64,
    /// Sum of the samples' times, those that are not kept any more included, ms.
    pub total_ms: u64,
    /// How many samples there were.
    pub count: u64,
}

impl Series {
    fn add(&mut self, at: u64, ms: u64) {
        self.longest_ms = self.longest_ms.max(ms);
        self.total_ms += ms;
        self.count += 1;
        if let Some(last) = self.samples.back_mut().filter(|last| last.at == at) {
            last.ms = last.ms.max(ms);
            return;
        }
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, ms });
    }
}

impl Monitor {
    /// Follows `latency-monitor-threshold`.
    pub fn set_threshold_ms(&self, threshold_ms: u64) {
        self.0.threshold_ms.store(threshold_ms, Relaxed);
    }

    /// Whether anything is kept.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.0.threshold_ms.load(Relaxed) > 0
    }

    /// Takes note of an event at `now` (Unix seconds) if it took long enough.
    #[inline]
    pub fn note(&self, event: &'static str, time: Duration, now: impl FnOnce() -> u64) {
        let threshold_ms = self.0.threshold_ms.load(Relaxed);
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if threshold_ms > 0 && ms >= threshold_ms {
            self.0.events.lock().entry(event).or_default().add(now(), ms);
        }
    }

    /// All events with what is known of them.
    pub fn events(&self) -> BTreeMap<&'static str, Series> {
        self.0.events.lock().clone()
    }

    /// One event, with its own name.
    pub fn event(&self, name: &[u8]) -> Option<(&'static str, Series)> {
        let events = self.0.events.lock();
        let named = |(event, _): &(&&'static str, &Series)| name == event.as_bytes();
        events.iter().find(named).map(|(event, series)| (*event, series.clone()))
    }

    /// Forgets the events with these names, all if there are none. Returns how many there were.
    pub fn reset(&self, names: &[&[u8]]) -> usize {
        let mut events = self.0.events.lock();
        let before = events.len();
        events.retain(|event, _| !names.is_empty() && !names.contains(&event.as_bytes()));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slow_is_kept_by_the_second() {
        let monitor = Monitor::default();
        let ms = Duration::from_millis;
        monitor.note("command", ms(500), || 1);
        assert!(!monitor.is_on() && monitor.events().is_empty());
        monitor.set_threshold_ms(10);
        for (at, time) in [(1, 9), (1, 30), (1, 20), (2, 10)] {
            monitor.note("command", ms(time), || at);
        }
        monitor.note("aof-write", Duration::from_micros(9_999), || 3);
        let (name, series) = monitor.event(b"command").unwrap();
        assert_eq!(
            (name, series.longest_ms, series.count, series.total_ms),
            ("command", 30, 3, 60)
        );
        assert_eq!(series.samples, [Sample { at: 1, ms: 30 }, Sample { at: 2, ms: 10 }]);
        assert!(monitor.event(b"aof-write").is_none());
        for at in 0..1000 {
            monitor.note("snapshot", ms(10), || at);
        }
        let (_, series) = monitor.event(b"snapshot").unwrap();
        assert_eq!((series.samples.len(), series.samples[0].at), (SAMPLES_MAX, 840));
        assert_eq!(monitor.reset(&[b"snapshot", b"none"]), 1);
        assert_eq!(monitor.reset(&[]), 1);
        assert!(monitor.events().is_empty());
    }
}
