//! Strings as arrays of bits: counting, searching, combining them, and fields of 1 to 64 bits.
//!
//! Bit 0 is the highest bit of the first byte. Everything works on whole machine words where it
//! can, in loops without branches that the compiler turns into vector instructions; each function
//! has a twin in the tests that goes bit by bit.

use std::ops::Range;

/// Bits in a byte.
const BITS: u64 = 8;
/// Words counted together by [`count`], as lanes of a vector register.
const LANES: usize = 4;
/// Bytes of one step of [`count`]: eight vectors.
const STEP: usize = 8 * LANES * 8;

type Vector = [u64; LANES];

/// How many bits are set.
///
/// Adds up eight vectors by full adders, one bit of their sum in each of four vectors, and counts
/// bits only in the carries of weight eight: a quarter of the work of counting each word.
pub fn count(bytes: &[u8]) -> u64 {
    let steps = bytes.chunks_exact(STEP);
    let rest = steps.remainder();
    let (mut ones, mut twos, mut fours) = ([0; LANES], [0; LANES], [0; LANES]);
    let mut eights_total = 0;
    for step in steps {
        let mut vectors = [[0; LANES]; 8];
        for (word, bytes) in vectors.as_flattened_mut().iter_mut().zip(step.chunks_exact(8)) {
            *word = word_of(bytes);
        }
        let [a, b, c, d, e, f, g, h] = vectors;
        let (twos_a, sum) = full_add(ones, a, b);
        let (twos_b, sum) = full_add(sum, c, d);
        let (twos_c, sum) = full_add(sum, e, f);
        let (twos_d, sum) = full_add(sum, g, h);
        ones = sum;
        let (fours_a, sum) = full_add(twos, twos_a, twos_b);
        let (fours_b, sum) = full_add(sum, twos_c, twos_d);
        twos = sum;
        let (eights, sum) = full_add(fours, fours_a, fours_b);
        fours = sum;
        eights_total += ones_of(eights);
    }
    let vectors = 8 * eights_total + 4 * ones_of(fours) + 2 * ones_of(twos) + ones_of(ones);
    let words = rest.chunks_exact(8);
    let tail: u64 = words.remainder().iter().map(|byte| u64::from(byte.count_ones())).sum();
    vectors + words.map(|word| u64::from(word_of(word).count_ones())).sum::<u64>() + tail
}

/// `a + b + c` in each bit: carry and sum.
#[inline]
fn full_add(a: Vector, b: Vector, c: Vector) -> (Vector, Vector) {
    let (mut carry, mut sum) = ([0; LANES], [0; LANES]);
    for lane in 0..LANES {
        let half = a[lane] ^ b[lane];
        carry[lane] = (a[lane] & b[lane]) | (half & c[lane]);
        sum[lane] = half ^ c[lane];
    }
    (carry, sum)
}

fn ones_of(vector: Vector) -> u64 {
    vector.iter().map(|word| u64::from(word.count_ones())).sum()
}

/// Eight bytes as a word whose highest bit is the first.
#[inline]
fn word_of(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight))
}

/// How many of the bits in `range` are set. What lies behind the string's end counts as not set.
pub fn count_in(bytes: &[u8], range: Range<u64>) -> u64 {
    let Some(span) = Span::of(bytes, range) else { return 0 };
    let edge = |byte: u8, mask: u8| u64::from((byte & mask).count_ones());
    match span.bytes {
        [] => 0,
        [only] => edge(*only, span.first & span.last),
        [first, middle @ .., last] => {
            edge(*first, span.first) + count(middle) + edge(*last, span.last)
        }
    }
}

/// The first bit in `range` that is `bit`, if there is one before the string's end.
pub fn position_in(bytes: &[u8], bit: bool, range: Range<u64>) -> Option<u64> {
    let span = Span::of(bytes, range)?;
    // Bits outside the range are made not to be `bit`; then the question is the same for both.
    let flip = if bit { 0 } else { 0xFF };
    let edge = |at: usize, byte: u8, mask: u8| {
        let wanted = (byte ^ flip) & mask;
        (wanted != 0).then(|| at as u64 * BITS + u64::from(wanted.leading_zeros()))
    };
    let found = match span.bytes {
        [] => None,
        [only] => edge(0, *only, span.first & span.last),
        [first, middle @ .., last] => edge(0, *first, span.first)
            .or_else(|| first_in(middle, flip).map(|at| at + BITS))
            .or_else(|| edge(span.bytes.len() - 1, *last, span.last)),
    };
    found.map(|at| at + span.start)
}

/// The first set bit after each byte was flipped by `flip`.
fn first_in(bytes: &[u8], flip: u8) -> Option<u64> {
    const WORDS: usize = 8;
    let skipped = u64::from_be_bytes([flip; 8]);
    let mut at = 0;
    // Long runs of what is not wanted are passed several words at a time.
    for chunk in bytes.chunks(8 * WORDS) {
        let whole = chunk.chunks_exact(8);
        let rest = whole.remainder();
        let differs = whole.clone().fold(0, |differs, word| differs | (word_of(word) ^ skipped));
        if differs != 0 || rest.iter().any(|byte| *byte != flip) {
            let byte = chunk.iter().position(|byte| *byte != flip)?;
            let wanted = chunk.get(byte)? ^ flip;
            return Some((at + byte as u64) * BITS + u64::from(wanted.leading_zeros()));
        }
        at += chunk.len() as u64;
    }
    None
}

/// A range of bits as bytes with masks for the first and the last of them.
struct Span<'a> {
    bytes: &'a [u8],
    first: u8,
    last: u8,
    /// The first byte's first bit.
    start: u64,
}

impl<'a> Span<'a> {
    fn of(bytes: &'a [u8], range: Range<u64>) -> Option<Self> {
        let end = range.end.min(bytes.len() as u64 * BITS);
        if range.start >= end {
            return None;
        }
        let (from, to) = (range.start / BITS, end.div_ceil(BITS));
        let covered = bytes.get(from as usize..to as usize)?;
        let after = (to * BITS - end) as u32;
        Some(Span {
            bytes: covered,
            first: 0xFF >> (range.start % BITS),
            last: 0xFF << after,
            start: from * BITS,
        })
    }
}

/// One bit; not set behind the string's end.
pub fn get(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / BITS).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte >> (7 - offset % BITS) & 1 == 1)
}

/// Sets one bit of a byte that is there (else nothing happens), and returns what it was.
pub fn set(bytes: &mut [u8], offset: u64, bit: bool) -> bool {
    let Some(byte) = usize::try_from(offset / BITS).ok().and_then(|at| bytes.get_mut(at)) else {
        return false;
    };
    let shift = 7 - offset % BITS;
    let was = *byte >> shift & 1 == 1;
    *byte = *byte & !(1 << shift) | u8::from(bit) << shift;
    was
}

/// How strings are combined bit by bit; the shorter ones count as followed by zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Set in all.
    And,
    /// Set in any.
    Or,
    /// Set in an odd number of them.
    Xor,
    /// Not set in the one there is.
    Not,
    /// Set in the first and in none of the others.
    Diff,
    /// Set in one of the others and not in the first.
    Diff1,
    /// Set in the first and in one of the others.
    AndOr,
    /// Set in exactly one.
    One,
}

impl Op {
    /// Every operation with its name.
    pub const NAMES: [(&'static str, Op); 8] = [
        ("AND", Op::And),
        ("OR", Op::Or),
        ("XOR", Op::Xor),
        ("NOT", Op::Not),
        ("DIFF", Op::Diff),
        ("DIFF1", Op::Diff1),
        ("ANDOR", Op::AndOr),
        ("ONE", Op::One),
    ];

    /// Its name, in upper case.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }
}

/// Combines `sources`; the result is as long as the longest of them.
pub fn combine(op: Op, sources: &[&[u8]]) -> Vec<u8> {
    /// A part of the result stays in the nearest cache while the sources pass by it.
    const BLOCK: usize = 8 << 10;
    let length = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut result = vec![0; length];
    let mut scratch = vec![0; length.min(BLOCK)];
    for (n, block) in result.chunks_mut(BLOCK).enumerate() {
        let from = n * BLOCK;
        let part = |source: &'_ &'_ [u8]| -> Range<usize> {
            from.min(source.len())..(from + block.len()).min(source.len())
        };
        let parts: Vec<&[u8]> = sources.iter().map(|source| &source[part(source)]).collect();
        let scratch = &mut scratch[..block.len()];
        combine_block(op, &parts, block, scratch);
    }
    result
}

/// Combines one block of each source into `block`, which is zero. `scratch` is as long.
fn combine_block(op: Op, parts: &[&[u8]], block: &mut [u8], scratch: &mut [u8]) {
    let Some((first, others)) = parts.split_first() else { return };
    let each = |block: &mut [u8], part: &[u8], merge: fn(u8, u8) -> u8| {
        for (to, from) in block.iter_mut().zip(part) {
            *to = merge(*to, *from);
        }
    };
    let or = |block: &mut [u8], parts: &[&[u8]]| {
        for part in parts {
            each(block, part, |to, from| to | from);
        }
    };
    match op {
        Op::And => {
            block[..first.len()].copy_from_slice(first);
            for part in others {
                each(block, part, |to, from| to & from);
                block[part.len()..].fill(0);
            }
        }
        Op::Or => or(block, parts),
        Op::Xor => {
            for part in parts {
                each(block, part, |to, from| to ^ from);
            }
        }
        Op::Not => {
            block[..first.len()].copy_from_slice(first);
            block.iter_mut().for_each(|byte| *byte = !*byte);
        }
        Op::Diff => {
            block[..first.len()].copy_from_slice(first);
            for part in others {
                each(block, part, |to, from| to & !from);
            }
        }
        Op::Diff1 => {
            or(block, others);
            each(block, first, |to, from| to & !from);
        }
        Op::AndOr => {
            or(block, others);
            each(block, first, |to, from| to & from);
            block[first.len()..].fill(0);
        }
        Op::One => {
            // `scratch`: bits seen more than once.
            scratch.fill(0);
            for part in parts {
                for ((to, twice), from) in block.iter_mut().zip(scratch.iter_mut()).zip(*part) {
                    *twice |= *to & from;
                    *to |= from;
                }
            }
            each(block, scratch, |to, twice| to & !twice);
        }
    }
}

/// An integer of 1 to 64 bits (1 to 63 if it has no sign), anywhere in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    signed: bool,
    width: u8,
}

/// What becomes of a value that does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Its low bits are kept.
    #[default]
    Wrap,
    /// The largest or smallest value that fits takes its place.
    Saturate,
    /// Nothing is stored.
    Fail,
}

impl Field {
    /// A byte: `u8`.
    pub const BYTE: Field = Field { signed: false, width: 8 };

    /// Reads `i1` to `i64` or `u1` to `u63`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (kind, digits) = text.split_first()?;
        let signed = match kind {
            b'i' => true,
            b'u' => false,
            _ => return None,
        };
        let width = u8::try_from(crate::base::number::parse_i64(digits)?).ok()?;
        (1..=if signed { 64 } else { 63 }).contains(&width).then_some(Field { signed, width })
    }

    /// Its name, as [`Self::parse`] reads it.
    pub fn name(self) -> String {
        format!("{}{}", if self.signed { 'i' } else { 'u' }, self.width)
    }

    /// How many bits it has.
    pub fn width(self) -> u64 {
        u64::from(self.width)
    }

    /// The bytes that the field at bit `offset` touches.
    pub fn bytes(self, offset: u64) -> Range<u64> {
        offset / BITS..(offset + self.width()).div_ceil(BITS)
    }

    /// The value at bit `offset` of a string of which `byte` gives each byte by its position.
    pub fn read(self, offset: u64, mut byte: impl FnMut(u64) -> u8) -> i64 {
        let bytes = self.bytes(offset);
        let after = bytes.end * BITS - offset - self.width();
        // At most nine bytes.
        let wide = bytes.fold(0u128, |wide, at| wide << 8 | u128::from(byte(at)));
        self.fit((wide >> after) as u64)
    }

    /// The bytes of the field at `offset` after `value` was stored; `byte` gives those before.
    pub fn write(
        self,
        offset: u64,
        value: i64,
        mut byte: impl FnMut(u64) -> u8,
    ) -> impl Iterator<Item = (u64, u8)> {
        let bytes = self.bytes(offset);
        let after = bytes.end * BITS - offset - self.width();
        let mask = (u128::from(u64::MAX) >> (64 - self.width)) << after;
        let old = bytes.clone().fold(0u128, |wide, at| wide << 8 | u128::from(byte(at)));
        let new = old & !mask | (u128::from(value.cast_unsigned()) << after) & mask;
        let end = bytes.end;
        bytes.map(move |at| (at, (new >> ((end - 1 - at) * BITS)) as u8))
    }

    /// The field's value with these low bits.
    fn fit(self, bits: u64) -> i64 {
        let above = 64 - u32::from(self.width);
        if self.signed {
            (bits << above).cast_signed() >> above
        } else {
            (bits << above >> above).cast_signed()
        }
    }

    /// The smallest and the largest value it holds.
    fn limits(self) -> (i128, i128) {
        if self.signed {
            let half = 1i128 << (self.width - 1);
            (-half, half - 1)
        } else {
            (0, (1i128 << self.width) - 1)
        }
    }

    /// `value` made to fit; none if it must not be stored. An unsigned field takes a negative one
    /// for the very large number of the same 64 bits, as Redis does. Also as there, what is below
    /// the largest value by 2^63 or more saturates upwards: the distance is taken in 64 bits.
    pub fn set(self, value: i64, overflow: Overflow) -> Option<i64> {
        let narrow = self.signed && self.width < 64;
        let most = self.limits().1 as i64;
        if narrow && overflow == Overflow::Saturate && most.checked_sub(value).is_none() {
            return Some(most);
        }
        let value = if self.signed { i128::from(value) } else { i128::from(value.cast_unsigned()) };
        self.limited(value, overflow)
    }

    /// `old + by` made to fit; none if it must not be stored.
    pub fn add(self, old: i64, by: i64, overflow: Overflow) -> Option<i64> {
        self.limited(i128::from(old) + i128::from(by), overflow)
    }

    fn limited(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (least, most) = self.limits();
        if (least..=most).contains(&value) {
            return Some(value as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.fit(value as u64)),
            Overflow::Saturate => Some(value.clamp(least, most) as i64),
            Overflow::Fail => None,
        }
    }
}

#[cfg(test)]
#[path = "bits_tests.rs"]
mod tests;
