//! Chance. A [`Rng`] is seeded, so that whoever gives the same seed gets the same choices (the
//! simulator relies on it); only [`Rng::from_os`] and [`hex40`] ask the operating system.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A fast, seeded generator for choices that need no secrecy: SPOP, RANDOMKEY, eviction samples.
#[derive(Clone, Debug)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// A generator whose choices follow from `seed`.
    pub fn from_seed(seed: u64) -> Rng {
        Rng(fastrand::Rng::with_seed(seed))
    }

    /// A generator seeded by the operating system.
    pub fn from_os() -> Rng {
        Rng::from_seed(os_u64())
    }

    /// Any 64-bit number.
    pub fn u64(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number in `0..bound`, evenly; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.u64(..bound) }
    }

    /// An index into something of `len` elements; 0 when it has none.
    pub fn index(&mut self, len: usize) -> usize {
        if len == 0 { 0 } else { self.0.usize(..len) }
    }

    /// A number in `[0, 1)`.
    pub fn f64(&mut self) -> f64 {
        self.0.f64()
    }
}

/// 40 random lowercase hexadecimal digits, the form of run ids and replication ids.
pub fn hex40() -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0u8; 20];
    fill(&mut bytes);
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// 64 random bits: a hash under fresh keys. std draws a thread's first keys from the operating
/// system and never gives the same keys twice, which needs no file, no `unsafe` and cannot fail.
pub fn os_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn fill(out: &mut [u8]) {
    for chunk in out.chunks_mut(8) {
        let word = os_u64().to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_choices() {
        let (mut a, mut b) = (Rng::from_seed(7), Rng::from_seed(7));
        assert!((0..100).all(|_| a.u64() == b.u64()));
        assert!((0..1000).all(|_| a.below(10) < 10 && a.index(3) < 3 && a.f64() < 1.0));
        assert_eq!((a.below(0), a.index(0)), (0, 0));
    }

    #[test]
    fn ids_are_forty_hex_digits_and_differ() {
        let id = hex40();
        assert_eq!(id.len(), 40);
        assert!(id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        assert_ne!(id, hex40());
        assert_ne!(Rng::from_os().u64(), Rng::from_os().u64());
    }
}
