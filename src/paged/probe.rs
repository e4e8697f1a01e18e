//! The two machine instructions the table leans on: comparing 32 tags at once, and asking for a
//! cache line early.

#![allow(unsafe_code)] // SSE2 intrinsics and the prefetch hint are unsafe functions.

/// How many tags one probe compares, and how many entries a page may have.
pub(super) const TAGS: usize = 32;

/// A bit for every position of `tags` that holds `tag`.
#[inline(always)]
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) fn matches(tags: &[u8; TAGS], tag: u8) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
    };
    // SAFETY: SSE2 belongs to every x86-64; both loads are unaligned and lie inside the 32 bytes of
    // `tags`.
    unsafe {
        let wanted = _mm_set1_epi8(tag.cast_signed());
        let first = _mm_loadu_si128(tags.as_ptr().cast::<__m128i>());
        let second = _mm_loadu_si128(tags.as_ptr().add(16).cast::<__m128i>());
        let first = _mm_movemask_epi8(_mm_cmpeq_epi8(first, wanted)).cast_unsigned();
        let second = _mm_movemask_epi8(_mm_cmpeq_epi8(second, wanted)).cast_unsigned();
        first | second << 16
    }
}

/// A bit for every position of `tags` that holds `tag`.
#[inline(always)]
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(super) fn matches(tags: &[u8; TAGS], tag: u8) -> u32 {
    naive_matches(tags, tag)
}

/// What [`matches`] answers, in plain Rust: the twin for its test and the way on other processors.
#[cfg(any(test, miri, not(target_arch = "x86_64")))]
fn naive_matches(tags: &[u8; TAGS], tag: u8) -> u32 {
    tags.iter().enumerate().filter(|(_, t)| **t == tag).fold(0, |bits, (i, _)| bits | 1 << i)
}

/// Asks for the cache line at `address`. A hint: the address need not be mapped.
#[inline(always)]
pub(super) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast::<i8>());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_its_naive_twin() {
        let mut tags = [0u8; TAGS];
        let mut state = 1u32;
        for round in 0..2000 {
            for tag in &mut tags {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *tag = (state >> 24) as u8 & 3 | if round % 2 == 0 { 0xF0 } else { 0 };
            }
            for tag in [0, 1, 2, 3, 0xF0, 0xF3, 0xFF] {
                assert_eq!(matches(&tags, tag), naive_matches(&tags, tag));
            }
        }
    }
}
