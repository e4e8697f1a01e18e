//! When the next attempt is made to heal the log, or to begin its files.
//!
//! Each attempt writes a whole snapshot. On a disk that is still full, one attempt after the other
//! would write until there is no room, again and again, so each wait is twice the one before, up to
//! a minute. So that a disk that recovers is not waited for, it is probed meanwhile with a small
//! write, each second: what ends the wait is a probe that succeeds after one that has failed since
//! the last attempt. One that always succeeds says nothing: what fails is not what it tries.

use super::Engine;
use crate::admin::Hold;
use crate::base::clock::Monotonic;
use crate::log::Log;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The wait after the first failed attempt, and between probes.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait: a snapshot a minute is what a disk can bear for days.
const LONGEST: Duration = Duration::from_secs(60);
/// Besides the snapshot, the next attempt needs so much for what has grown, a segment and a
/// manifest.
const SPARE_BYTES: u64 = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Healing {
    /// When the last attempt ended, or began if it still runs.
    last: Option<Monotonic>,
    /// From then to the next one.
    wait: Duration,
    /// What the disk must have free for the next attempt to get further than the last one.
    needs_bytes: u64,
    probed: Option<Monotonic>,
    probing: bool,
    /// The last probe since the last attempt has failed.
    is_bad: bool,
    /// And one after it has succeeded.
    has_recovered: bool,
}

impl Default for Healing {
    fn default() -> Self {
        Healing {
            last: None,
            wait: SHORTEST,
            needs_bytes: 0,
            probed: None,
            probing: false,
            is_bad: false,
            has_recovered: false,
        }
    }
}

impl Healing {
    /// An attempt begins.
    pub fn begins(&mut self, now: Monotonic) {
        self.last = Some(now);
        self.has_recovered = false;
    }

    /// It has failed after `took`, with a snapshot of so many bytes written. `made_room`: and given
    /// something up, so that the next one has better prospects.
    pub fn failed(&mut self, took: Duration, bytes: u64, made_room: bool) {
        self.last = self.last.map(|begun| begun.plus(took));
        // The first wait of all is what it begins with.
        self.wait = match (made_room, self.needs_bytes) {
            (true, _) | (_, 0) => SHORTEST,
            _ => (self.wait * 2).min(LONGEST),
        };
        self.needs_bytes = bytes.saturating_add(bytes / 8).saturating_add(SPARE_BYTES);
        self.is_bad = false;
    }

    /// It has succeeded.
    pub fn succeeded(&mut self) {
        *self = Healing { last: self.last, ..Healing::default() };
    }

    /// Whether it is time for the next attempt.
    fn is_due(&self, now: Monotonic) -> bool {
        self.has_recovered || self.last.is_none_or(|last| now.since(last) >= self.wait)
    }

    /// Whether to probe the disk now, and for how many bytes.
    fn probe(&mut self, now: Monotonic) -> Option<u64> {
        let is_time = self.probed.is_none_or(|probed| now.since(probed) >= SHORTEST);
        if self.probing || !is_time {
            return None;
        }
        self.probed = Some(now);
        self.probing = true;
        Some(self.needs_bytes)
    }

    fn probed(&mut self, is_good: bool) {
        self.probing = false;
        self.has_recovered |= is_good && self.is_bad;
        self.is_bad = !is_good;
    }
}

impl Engine {
    /// The log has failed, or could not get its files, and nothing is done about it yet.
    pub(super) fn heal_if_due(&mut self, log: &Arc<Log>, now: Monotonic) {
        let healing = &mut self.snapshots.healing;
        if healing.is_due(now) {
            healing.begins(now);
            self.begin_or_log(Engine::begin_rewrite);
        } else if let Some(bytes) = healing.probe(now) {
            let (log, shared) = (log.clone(), self.shared.clone());
            let work = Box::new(move || {
                let outcome = log.probe(bytes);
                if let Err(error) = &outcome {
                    tracing::debug!(%error, "the disk is not as it should be yet");
                }
                if let Some(shared) = shared.upgrade() {
                    let probed = |engine: &mut Engine| {
                        engine.snapshots.healing.probed(outcome.is_ok());
                    };
                    shared.hold(Hold::Snapshot, probed);
                }
            });
            let begun: io::Result<()> = (self.snapshots.spawn)("probe", work);
            if begun.is_err() {
                self.snapshots.healing.probed(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(seconds * 1_000_000_000)
    }

    #[test]
    fn waits_double_up_to_a_minute_and_begin_anew_after_a_success() {
        let mut healing = Healing::default();
        assert!(healing.is_due(at(0)));
        let attempts = |healing: &mut Healing, from: u64| {
            let seconds = (from..from + 300).filter(|second| {
                let is_due = healing.is_due(at(*second));
                if is_due {
                    healing.begins(at(*second));
                    healing.failed(Duration::ZERO, 0, false);
                }
                is_due
            });
            seconds.map(|second| second - from).collect::<Vec<u64>>()
        };
        assert_eq!(attempts(&mut healing, 0), [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
        healing.begins(at(300));
        healing.succeeded();
        assert_eq!(attempts(&mut healing, 300)[..4], [1, 2, 4, 8]);
        // What takes long is waited for from its end.
        healing.begins(at(600));
        healing.failed(Duration::from_secs(500), 0, false);
        assert!(!healing.is_due(at(1159)) && healing.is_due(at(1160)));
        healing.failed(Duration::ZERO, 0, true);
        assert!(healing.is_due(at(1101)), "there is more room than there was");
    }

    #[test]
    fn a_disk_that_has_recovered_ends_the_wait() {
        let mut healing = Healing::default();
        for second in 0..20 {
            healing.begins(at(second));
            healing.failed(Duration::ZERO, 8 << 20, false);
        }
        assert_eq!(healing.probe(at(20)), Some(10 << 20));
        assert_eq!(healing.probe(at(25)), None, "one at a time");
        healing.probed(true);
        assert!(!healing.is_due(at(25)), "it was never bad");
        assert_eq!(healing.probe(at(25)), Some(10 << 20));
        healing.probed(false);
        assert_eq!(healing.probe(at(25)), None, "one a second");
        assert!(healing.probe(at(26)).is_some());
        healing.probed(true);
        assert!(healing.is_due(at(26)));
        healing.begins(at(26));
        healing.failed(Duration::ZERO, 8 << 20, false);
        assert!(healing.probe(at(27)).is_some());
        healing.probed(true);
        assert!(!healing.is_due(at(27)), "it was good before the attempt that failed, too");
    }
}
