//! From a member to its score: the scores ordered by 32 bits of their members' hashes.
//!
//! It holds no members, and two may have the same 32 bits; so an answer is a few candidates, mostly
//! one, and whoever asks looks into the tree which of them it is. A leaf is
//!
//! ```text
//! hash 4, n times │ score 4 or 8, n times
//! ```

use crate::paged;
use crate::types::allocation;
use crate::types::btree::{Edge, Leaf, Tree};

use super::scores::Width;

/// Bytes in a leaf before it is over.
const BYTES_MAX: usize = 2048;

/// The bits of a member's hash that it is found by.
#[inline]
pub(super) fn hash(member: &[u8]) -> u32 {
    (paged::hash(member) >> 32) as u32
}

/// Scores by hash. The hashes are spread evenly, so leaves are as full everywhere.
#[derive(Clone, Default)]
pub(super) struct Index {
    tree: Tree<Scores>,
}

impl Index {
    /// An index of these, ordered by hash.
    pub(super) fn build(entries: &[(u32, f64)]) -> Self {
        let mut tree = Tree::new();
        let mut entries = entries;
        while !entries.is_empty() {
            let mut count = entries.len().min(BYTES_MAX / (4 + Width::Narrow.bytes()));
            if Width::of_all(entries[..count].iter().map(|entry| entry.1)) == Width::Wide {
                count = count.min(BYTES_MAX / (4 + Width::Wide.bytes()));
            }
            let (now, later) = entries.split_at(count);
            tree.push_back_leaf(Scores::build(now.iter().copied()));
            entries = later;
        }
        Self { tree }
    }

    pub(super) fn bytes(&self) -> usize {
        self.tree.bytes()
    }

    /// The first score under this hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl FnMut(f64) -> bool) -> Option<f64> {
        self.find_from(self.near(hash)?, hash, is_it)
    }

    /// The last leaf that may have this hash, not yet looked at: its own line has been asked for.
    #[inline]
    pub(super) fn near(&self, hash: u32) -> Option<&Scores> {
        let leaf = self.tree.leaf_near(|&first| first <= hash)?;
        paged::prefetch(std::slice::from_ref(leaf));
        Some(leaf)
    }

    /// As [`Self::find`], from the leaf that [`Self::near`] answers.
    #[inline]
    pub(super) fn find_from(
        &self,
        leaf: &Scores,
        hash: u32,
        mut is_it: impl FnMut(f64) -> bool,
    ) -> Option<f64> {
        if let Some(score) = leaf.under(hash).map(|index| leaf.score(index)).find(|&s| is_it(s)) {
            return Some(score);
        }
        if leaf.hash(0) != hash {
            return None;
        }
        self.before(hash).map(|(_, score)| score).find(|&score| is_it(score))
    }

    /// What is under this hash in leaves before the last that has any: rank and score.
    #[cold]
    fn before(&self, hash: u32) -> impl Iterator<Item = (usize, f64)> + '_ {
        let end = self.tree.leaf_for(|&first| first <= hash).map_or(0, |(_, first)| first);
        let leaves = self.tree.leaves(..end).rev();
        leaves.take_while(move |(_, leaf)| leaf.hash(leaf.count() - 1) == hash).flat_map(
            move |(first, leaf)| leaf.under(hash).map(move |n| (first + n, leaf.score(n))),
        )
    }

    pub(super) fn insert(&mut self, hash: u32, score: f64) {
        self.tree.edit_near(
            |&first| first <= hash,
            |leaf| leaf.insert(leaf.under(hash).end, hash, score),
        );
    }

    /// Replaces a score that is under this hash.
    pub(super) fn replace(&mut self, hash: u32, old: f64, new: f64) {
        self.edit(hash, old, |leaf, at| leaf.set_score(at, new));
    }

    /// Removes a score that is under this hash.
    pub(super) fn remove(&mut self, hash: u32, score: f64) {
        self.edit(hash, score, |leaf, at| leaf.remove(at));
    }

    /// Edits the entry of this hash and score. If there are several they are the same, bit by bit.
    fn edit(&mut self, hash: u32, score: f64, f: impl Fn(&mut Scores, usize)) {
        let found = self.tree.edit_near(
            |&first| first <= hash,
            |leaf| {
                let found = leaf.find(hash, score);
                if let Some(at) = found {
                    f(leaf, at);
                }
                found.is_some()
            },
        );
        if !found {
            let rank = self.before(hash).find(|(_, s)| s.to_bits() == score.to_bits());
            if let Some((rank, _)) = rank {
                self.tree.edit_at(rank, f);
            }
        }
    }

    /// Hashes and scores from a hash on, ordered by hash.
    pub(super) fn from(&self, hash: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        // The last leaf that begins before the hash: what is under it begins there or in the next.
        let first = self.tree.leaf_for(|&first| first < hash).map_or(0, |(_, first)| first);
        let leaves = self.tree.leaves(first..);
        leaves
            .flat_map(|(_, leaf)| leaf.entries(0..leaf.count()))
            .skip_while(move |entry| entry.0 < hash)
    }
}

/// A leaf: entries in the order of their hashes.
#[derive(Clone, Default)]
pub(super) struct Scores {
    bytes: Vec<u8>,
    count: u32,
    width: Width,
}

impl Scores {
    /// A leaf with these entries, in a block of the right size.
    fn build(entries: impl Iterator<Item = (u32, f64)> + Clone) -> Self {
        let width = Width::of_all(entries.clone().map(|entry| entry.1));
        let count = entries.clone().count();
        let length = count * (4 + width.bytes());
        let mut bytes = Vec::with_capacity(allocation::size_class(length));
        bytes.resize(length, 0);
        let (hashes, scores) = bytes.split_at_mut(4 * count);
        for (index, (hash, score)) in entries.enumerate() {
            hashes.as_chunks_mut().0[index] = hash.to_le_bytes();
            width.write(scores, index, score);
        }
        Self { bytes, count: count as u32, width }
    }

    #[inline(always)]
    fn hash(&self, index: usize) -> u32 {
        u32::from_le_bytes(self.bytes.as_chunks().0[index])
    }

    #[inline(always)]
    fn score(&self, index: usize) -> f64 {
        self.width.read(&self.bytes[4 * self.count as usize..], index)
    }

    fn entries(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = (u32, f64)> + Clone {
        range.map(|index| (self.hash(index), self.score(index)))
    }

    /// Asks for the lines of the hashes.
    #[inline]
    pub(super) fn prefetch(&self) {
        paged::prefetch(&self.bytes[..4 * self.count as usize]);
    }

    /// The places of this hash.
    #[inline]
    fn under(&self, hash: u32) -> std::ops::Range<usize> {
        let hashes = &self.bytes.as_chunks::<4>().0[..self.count as usize];
        self.prefetch();
        let start = hashes.partition_point(|&other| u32::from_le_bytes(other) < hash);
        let same = hashes[start..].iter().take_while(|&&other| u32::from_le_bytes(other) == hash);
        start..start + same.count()
    }

    fn find(&self, hash: u32, score: f64) -> Option<usize> {
        self.under(hash).find(|&index| self.score(index).to_bits() == score.to_bits())
    }

    fn insert(&mut self, at: usize, hash: u32, score: f64) {
        let count = self.count as usize;
        if !self.width.fits(score) {
            let new = std::iter::once((hash, score));
            *self = Self::build(self.entries(0..at).chain(new).chain(self.entries(at..count)));
            return;
        }
        let width = self.width.bytes();
        allocation::open(&mut self.bytes, [(4 * at, 4), (4 * count + width * at, width)]);
        self.count += 1;
        self.bytes.as_chunks_mut().0[at] = hash.to_le_bytes();
        self.width.write(&mut self.bytes[4 * (count + 1)..], at, score);
    }

    fn remove(&mut self, at: usize) {
        let (count, width) = (self.count as usize, self.width.bytes());
        allocation::close(&mut self.bytes, [(4 * at, 4), (4 * count + width * at, width)]);
        self.count -= 1;
    }

    fn set_score(&mut self, at: usize, score: f64) {
        if self.width.fits(score) {
            self.width.write(&mut self.bytes[4 * self.count as usize..], at, score);
        } else {
            let hash = self.hash(at);
            self.remove(at);
            self.insert(at, hash, score);
        }
    }
}

impl Leaf for Scores {
    type Sep = u32;

    fn sep(&self) -> u32 {
        self.hash(0)
    }

    fn count(&self) -> usize {
        self.count as usize
    }

    fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    fn is_over(&self) -> bool {
        self.bytes.len() > BYTES_MAX
    }

    fn is_under(&self) -> bool {
        self.bytes.len() < BYTES_MAX / 4
    }

    fn split(&mut self, _: Edge) -> Self {
        // Hashes come in no order, at the ends neither.
        self.split_off(self.count as usize / 2)
    }

    fn split_off(&mut self, at: usize) -> Self {
        let right = Self::build(self.entries(at..self.count as usize));
        *self = Self::build(self.entries(0..at));
        right
    }

    fn can_absorb(&self, right: &Self) -> bool {
        let width = self.width.bytes().max(right.width.bytes());
        (self.count() + right.count()) * (4 + width) <= BYTES_MAX
    }

    fn absorb(&mut self, right: Self) {
        *self = Self::build(self.entries(0..self.count()).chain(right.entries(0..right.count())));
    }

    fn can_share(&self, right: &Self) -> bool {
        let both = self.bytes.len() + right.bytes.len();
        (self.is_over() || right.is_over())
            && self.width == right.width
            && both <= 2 * BYTES_MAX - BYTES_MAX / 4
    }

    fn share(&mut self, right: &mut Self) {
        let left = std::mem::take(self);
        let all = left.entries(0..left.count()).chain(right.entries(0..right.count()));
        let half = (left.count() + right.count()) / 2;
        *self = Self::build(all.clone().take(half));
        *right = Self::build(all.skip(half));
    }
}
