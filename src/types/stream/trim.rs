//! Trimming: removing the oldest entries.
//!
//! Approximate trimming (`~`) removes whole chunks only, as many as fit its bounds. What it would
//! remove is found out beforehand, so that what happens, and is written as a record, is always an
//! exact trim to the length that is left.

use super::{Stream, StreamId};
use crate::types::Limits;

/// What is to be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// MAXLEN: at most so many entries.
    Length(u64),
    /// MINID: no entry with a smaller id.
    Id(StreamId),
}

impl Stream {
    /// Removes the oldest entries; answers how many, and what holds most of them, which may take a
    /// while to free.
    pub fn trim(&mut self, trim: Trim) -> (usize, Stream) {
        let excess = match trim {
            Trim::Length(length) => {
                self.len().saturating_sub(length.try_into().unwrap_or(usize::MAX))
            }
            Trim::Id(id) => self.rank(id),
        };
        (excess, self.remove_first(excess))
    }

    /// How many entries have smaller ids.
    fn rank(&self, id: StreamId) -> usize {
        let found = self.chunks.leaf_for(|master| *master <= id);
        found.map_or(0, |(chunk, first)| {
            first + chunk.entries().take_while(|entry| entry.id < id).count()
        })
    }

    /// Removes the first `count` entries: whole chunks, and of the next one some entries are
    /// flagged.
    fn remove_first(&mut self, count: usize) -> Stream {
        if count == 0 {
            return Stream::default();
        }
        let whole = match self.chunks.leaf_at(count) {
            Some((_, first)) => first,
            None => self.chunks.len(),
        };
        let rest = self.chunks.split_off(whole);
        let chunks = std::mem::replace(&mut self.chunks, rest);
        if count > whole {
            self.chunks.edit_at(0, |chunk, _| chunk.delete_first(count - whole));
        }
        Stream { chunks, ..Stream::default() }
    }

    /// The length that approximate trimming leaves. `limit` is the most entries it may remove, 0
    /// for no bound. `adding` has an entry's id and the bytes of its fields and values, if one is
    /// added before.
    pub fn length_after_approximate(
        &self,
        trim: Trim,
        limit: usize,
        adding: Option<(StreamId, usize)>,
        limits: &Limits,
    ) -> u64 {
        let mut length = self.len() + usize::from(adding.is_some());
        // The chunk that the new entry goes into, or begins.
        let in_last = adding.is_some_and(|(_, bytes)| self.fits_last(bytes, limits));
        let last = if in_last { self.len() } else { usize::MAX };
        let mut passed = 0;
        let there = self.chunks.leaves(..).map(|(first, chunk)| {
            if first + chunk.len() == last {
                (chunk.len() + 1, adding.map_or(chunk.last(), |(id, _)| id))
            } else {
                (chunk.len(), chunk.last())
            }
        });
        let begun = adding.filter(|_| !in_last).map(|(id, _)| (1, id));
        for (entries, last_id) in there.chain(begun) {
            let enough = match trim {
                Trim::Length(most) => length as u64 <= most || ((length - entries) as u64) < most,
                Trim::Id(id) => last_id >= id,
            };
            if enough || (limit > 0 && passed + entries > limit) {
                break;
            }
            passed += entries;
            length -= entries;
        }
        length as u64
    }
}
