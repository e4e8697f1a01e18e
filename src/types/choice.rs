//! Choosing at random, from a source of random numbers that the caller gives.

use rapidhash::fast::RandomState;
use std::collections::HashSet;

/// A number in `0..bound`, which is small against 2^64; 0 when `bound` is 0.
#[inline]
pub fn below(rng: &mut dyn FnMut() -> u64, bound: usize) -> usize {
    ((u128::from(rng()) * bound as u128) >> 64) as usize
}

/// The first `count` of `items` after shuffling.
pub fn shuffled<T>(mut items: Vec<T>, count: usize, rng: &mut dyn FnMut() -> u64) -> Vec<T> {
    let count = count.min(items.len());
    for index in 0..count {
        let other = index + below(rng, items.len() - index);
        items.swap(index, other);
    }
    items.truncate(count);
    items
}

/// Chooses until there are `count` different ones (by `identity`), which must be few among all.
/// Ends early when nothing can be chosen.
pub fn distinct<T, K: Eq + std::hash::Hash>(
    count: usize,
    mut choose: impl FnMut() -> Option<T>,
    identity: impl Fn(&T) -> K,
) -> Vec<T> {
    let mut seen = HashSet::with_capacity_and_hasher(count, RandomState::default());
    let mut chosen = Vec::with_capacity(count);
    while chosen.len() < count {
        let Some(item) = choose() else { break };
        if seen.insert(identity(&item)) {
            chosen.push(item);
        }
    }
    chosen
}
