//! Housekeeping in the page heap: freed pages are taken back, sparse segments emptied.

use super::Keyspace;
use crate::paged::EvacuationCursor;

/// Where [`Keyspace::tidy`] stands: the three phases of an evacuation, over and over.
#[derive(Debug, Default)]
pub enum TidyCursor {
    /// Looking for sparse segments and taking them out of use.
    #[default]
    Withdrawing,
    /// Moving pages out of them.
    Moving {
        /// The table it is at: those of the databases, then those of [`super::volatile`].
        table: usize,
        /// The place in its table.
        place: EvacuationCursor,
    },
    /// Putting back what could not be emptied.
    Restoring,
}

impl Keyspace {
    /// A little housekeeping, bounded: takes back pages freed by other threads, and empties sparse
    /// segments, a step each time. `cursor` is where it stands, for the next call.
    pub fn tidy(&mut self, cursor: &mut TidyCursor, pages_max: usize) {
        /// Taking a page back costs an eighth of moving one.
        const FREED_PER_MOVED: usize = 8;
        /// Withdrawing a segment, or putting it back, looks at all its blocks: about 100 µs.
        const SEGMENTS_A_STEP: usize = 1;
        self.heap.drain_remote(pages_max * FREED_PER_MOVED);
        *cursor = match std::mem::take(cursor) {
            TidyCursor::Withdrawing => {
                let all = self.heap.begin_evacuation(SEGMENTS_A_STEP);
                if all && self.heap.evacuating_segments() > 0 {
                    TidyCursor::Moving { table: 0, place: EvacuationCursor::default() }
                } else {
                    TidyCursor::Withdrawing
                }
            }
            TidyCursor::Moving { table: n, mut place } => {
                let table = self.databases.iter_mut().chain(&mut self.volatile).nth(n);
                let mut pages = pages_max;
                match table.map(|table| table.evacuate(&mut self.heap, &mut place, &mut pages)) {
                    None => TidyCursor::Restoring,
                    Some(true) => {
                        TidyCursor::Moving { table: n + 1, place: EvacuationCursor::default() }
                    }
                    Some(false) => TidyCursor::Moving { table: n, place },
                }
            }
            TidyCursor::Restoring if self.heap.end_evacuation(SEGMENTS_A_STEP) => {
                TidyCursor::Withdrawing
            }
            TidyCursor::Restoring => TidyCursor::Restoring,
        };
    }
}
