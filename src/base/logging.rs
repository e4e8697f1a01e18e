//! How much is logged: a level that can be changed while the process runs. One for the process, as
//! the log itself is.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use tracing::Level;

/// The process' level. Until it is set, what an operator wants to know.
static THRESHOLD: Threshold = Threshold(AtomicU8::new(3));

/// From what matters most.
const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// How many of [`LEVELS`] are logged.
struct Threshold(AtomicU8);

impl Threshold {
    fn set(&self, level: Option<Level>) {
        self.0.store(level.map_or(0, place), Relaxed);
    }

    fn takes(&self, level: Level) -> bool {
        place(level) <= self.0.load(Relaxed)
    }
}

/// A level's place in [`LEVELS`], from 1.
fn place(level: Level) -> u8 {
    LEVELS.iter().zip(1..).find(|(one, _)| **one == level).map_or(0, |(_, place)| place)
}

/// Has everything up to `level` logged from now on; none: nothing.
pub fn set_level(level: Option<Level>) {
    THRESHOLD.set(level);
}

/// Whether what has this level is logged.
pub fn is_wanted(level: Level) -> bool {
    THRESHOLD.takes(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_takes_what_matters_more_along() {
        let threshold = Threshold(AtomicU8::new(0));
        assert!(LEVELS.iter().all(|level| !threshold.takes(*level)));
        threshold.set(Some(Level::WARN));
        assert!(threshold.takes(Level::ERROR) && threshold.takes(Level::WARN));
        assert!(!threshold.takes(Level::INFO));
        threshold.set(Some(Level::TRACE));
        assert!(LEVELS.iter().all(|level| threshold.takes(*level)));
        threshold.set(None);
        assert!(!threshold.takes(Level::ERROR));
    }
}
