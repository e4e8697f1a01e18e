//! INCRBYFLOAT and HINCRBYFLOAT: addition in x87 extended precision, in integers.
//!
//! Redis adds C `long double`s (64 bits of mantissa, 15 of exponent) and prints the sum with
//! `%.17Lf`, trailing zeros cut. Rust has no such type, and a plain double would answer
//! `10.5 + 0.1` with other digits; replicas and old clients compare these texts. So the three
//! steps are done exactly here: read (decimal or hexadecimal, rounded to 64 bits), add (rounded to
//! 64 bits), print (rounded to 17 decimals), each rounding half to even as the C library's do.
//!
//! ```text
//! value = ± mantissa · 2^exponent      mantissa < 2^64,  -16445 <= exponent <= 16320
//! ```

use std::cmp::Ordering;

use super::limits::LONG_DOUBLE_TEXT_BYTES_MAX;
use super::number::{is_hex, split_sign};

/// Why an INCRBYFLOAT cannot be done. The texts are those of Redis' error replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FloatError {
    /// One of the two texts is not a number a long double can hold.
    #[error("value is not a valid float")]
    NotFloat,
    /// The sum is infinite or not a number.
    #[error("increment would produce NaN or Infinity")]
    NanOrInfinity,
}

/// A number in extended precision, for those who have to compare it too (INCREX).
#[derive(Clone, Copy, Debug)]
pub struct LongDouble(Value);

impl LongDouble {
    /// Zero.
    pub const ZERO: LongDouble =
        LongDouble(Value::Finite(Extended { negative: false, mantissa: 0, exponent: 0 }));
    /// The largest finite number.
    pub const MAX: LongDouble = LongDouble(Value::Finite(Extended {
        negative: false,
        mantissa: u64::MAX,
        exponent: EXTENDED.exponent_max,
    }));

    /// Reads what INCRBYFLOAT takes for a number, infinity included.
    pub fn parse(text: &[u8]) -> Option<Self> {
        parse(text).map(LongDouble)
    }

    /// Whether it is infinite.
    pub fn is_infinite(self) -> bool {
        matches!(self.0, Value::Infinite { .. })
    }

    /// The number with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        LongDouble(match self.0 {
            Value::Finite(x) => Value::Finite(Extended { negative: !x.negative, ..x }),
            Value::Infinite { negative } => Value::Infinite { negative: !negative },
        })
    }

    /// The sum, infinite if it is too large. Nothing for opposite infinities.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = match (self.0, other.0) {
            (Value::Finite(a), Value::Finite(b)) => match add(a, b) {
                Some(sum) => Value::Finite(sum),
                None => Value::Infinite { negative: a.negative },
            },
            (Value::Infinite { negative: a }, Value::Infinite { negative: b }) if a != b => {
                return None;
            }
            (infinite @ Value::Infinite { .. }, _) | (_, infinite) => infinite,
        };
        Some(LongDouble(sum))
    }

    /// The digits that Redis prints: at most 17 behind the point; `inf` or `-inf`.
    pub fn print(self) -> Vec<u8> {
        match self.0 {
            Value::Finite(x) => print(x),
            Value::Infinite { negative: false } => b"inf".to_vec(),
            Value::Infinite { negative: true } => b"-inf".to_vec(),
        }
    }

    /// Negative, zero, or positive.
    fn sign(self) -> i8 {
        match self.0 {
            Value::Finite(Extended { mantissa: 0, .. }) => 0,
            Value::Finite(Extended { negative, .. }) | Value::Infinite { negative } => {
                if negative {
                    -1
                } else {
                    1
                }
            }
        }
    }
}

impl PartialEq for LongDouble {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other).is_some_and(Ordering::is_eq)
    }
}

impl PartialOrd for LongDouble {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let (sign, by_sign) = (self.sign(), self.sign().cmp(&other.sign()));
        if by_sign.is_ne() || sign == 0 {
            return Some(by_sign);
        }
        let by_magnitude = match (self.0, other.0) {
            (Value::Finite(a), Value::Finite(b)) => magnitude_order(a, b),
            (a, b) => matches!(a, Value::Infinite { .. }).cmp(&matches!(b, Value::Infinite { .. })),
        };
        Some(if sign < 0 { by_magnitude.reverse() } else { by_magnitude })
    }
}

/// `value + by` as Redis computes and prints it. Both are the decimal (or hexadecimal) text of a
/// number, at most 5,119 bytes; the result is at most 4,933 bytes: an optional `-`, digits, and at
/// most 17 digits behind a point.
pub fn incr_by_float(value: &[u8], by: &[u8]) -> Result<Vec<u8>, FloatError> {
    let value = parse(value).ok_or(FloatError::NotFloat)?;
    let by = parse(by).ok_or(FloatError::NotFloat)?;
    match (value, by) {
        (Value::Finite(a), Value::Finite(b)) => {
            let sum = add(a, b).ok_or(FloatError::NanOrInfinity)?;
            Ok(print(sum))
        }
        _ => Err(FloatError::NanOrInfinity),
    }
}

/// Is the text a number that INCRBYFLOAT takes (infinity included)?
pub fn is_long_double(text: &[u8]) -> bool {
    parse(text).is_some()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Finite(Extended),
    Infinite { negative: bool },
}

/// A finite number in extended precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extended {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

/// A number's magnitude before rounding: `mantissa · 2^exponent`, and whether something smaller
/// than its last bit was left away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unrounded {
    mantissa: u128,
    exponent: i32,
    inexact: bool,
}

/// A binary format: bits of mantissa, and the exponents of its last bit.
struct Format {
    bits: u32,
    exponent_min: i32,
    exponent_max: i32,
}

const EXTENDED: Format = Format { bits: 64, exponent_min: -16445, exponent_max: 16320 };
const DOUBLE: Format = Format { bits: 53, exponent_min: -1074, exponent_max: 971 };

/// Beyond these powers of two, of ten too, everything is infinite or zero in both formats; they
/// keep exponents within `i32` and big numbers small.
const EXPONENT_CLAMP: i64 = 40_000;

impl Unrounded {
    /// Rounds half to even. Nothing when the number is too large, or too small and not zero:
    /// what C calls ERANGE with an infinite or zero result.
    fn round(self, format: &Format) -> Option<(u64, i32)> {
        if self.mantissa == 0 {
            return (!self.inexact).then_some((0, 0));
        }
        let width = 128 - self.mantissa.leading_zeros();
        let too_wide = width as i32 - format.bits as i32;
        let drop = too_wide.max(format.exponent_min - self.exponent).max(0) as u32;
        let mut exponent = self.exponent + drop as i32;
        let (kept, cut, half) = match drop {
            0 => (self.mantissa, 0, 1),
            1..128 => {
                let mask = (1u128 << drop) - 1;
                (self.mantissa >> drop, self.mantissa & mask, 1u128 << (drop - 1))
            }
            // 128: the whole mantissa is cut, half of it being its top bit. More: below half.
            128 => (0, self.mantissa, 1u128 << 127),
            _ => (0, 1, 2),
        };
        let up = match cut.cmp(&half) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => self.inexact || kept & 1 == 1,
        };
        let mut mantissa = kept + u128::from(up && drop > 0);
        if mantissa >> format.bits != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
        let mantissa = u64::try_from(mantissa).ok()?;
        // A short mantissa may have a larger exponent: the number fits if its top bit does.
        let top = exponent + 64 - mantissa.leading_zeros() as i32;
        if mantissa == 0 || top > format.exponent_max + format.bits as i32 {
            return None;
        }
        Some((mantissa, exponent))
    }

    /// As a double: a mantissa of at most 53 bits and its exponent, at least -1074.
    pub(super) fn round_to_double(self) -> Option<(u64, i32)> {
        self.round(&DOUBLE)
    }
}

/// C's `strtold` over the whole text, as Redis' `string2ld` judges it.
fn parse(text: &[u8]) -> Option<Value> {
    if text.len() > LONG_DOUBLE_TEXT_BYTES_MAX {
        return None;
    }
    let (negative, body) = split_sign(text);
    if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
        return Some(Value::Infinite { negative });
    }
    let unrounded = if is_hex(body) { parse_hex(body)? } else { parse_decimal(body)? };
    let (mantissa, exponent) = unrounded.round(&EXTENDED)?;
    Some(Value::Finite(Extended { negative, mantissa, exponent }))
}

/// Reads `0x<digits>[.<digits>][p[±]<digits>]`; nothing when it is malformed.
pub(super) fn parse_hex(body: &[u8]) -> Option<Unrounded> {
    let mut mantissa: u128 = 0;
    let (mut exponent, mut inexact, mut any, mut point) = (0i64, false, false, false);
    let mut rest = body.get(2..)?;
    while let [byte, tail @ ..] = rest {
        match (char::from(*byte).to_digit(16), *byte) {
            (Some(digit), _) => {
                any = true;
                if mantissa >> 124 == 0 {
                    mantissa = mantissa << 4 | u128::from(digit);
                    exponent -= if point { 4 } else { 0 };
                } else {
                    inexact |= digit != 0;
                    exponent += if point { 0 } else { 4 };
                }
            }
            (None, b'.') if !point => point = true,
            _ => break,
        }
        rest = tail;
    }
    let shift = parse_exponent(rest, b'p')?;
    let exponent = clamp(exponent.saturating_add(shift));
    any.then_some(Unrounded { mantissa, exponent, inexact })
}

/// Reads `<digits>[.<digits>][e[±]<digits>]`; nothing when it is malformed. The value comes with
/// at least 66 exact bits, or exact.
fn parse_decimal(body: &[u8]) -> Option<Unrounded> {
    let mut digits = Big::default();
    let (mut scale, mut any, mut point) = (0i64, false, false);
    let mut rest = body;
    while let [byte, tail @ ..] = rest {
        match *byte {
            digit @ b'0'..=b'9' => {
                any = true;
                digits.multiply_add(10, u32::from(digit - b'0'));
                scale -= i64::from(point);
            }
            b'.' if !point => point = true,
            _ => break,
        }
        rest = tail;
    }
    let power = parse_exponent(rest, b'e')?;
    if !any {
        return None;
    }
    if digits.is_zero() {
        return Some(Unrounded { mantissa: 0, exponent: 0, inexact: false });
    }
    // Text of 5,119 digits at most: beyond 10,000 either way the result is out of range for sure.
    let scale = scale.saturating_add(power).clamp(-10_500, 10_500);
    if scale >= 0 {
        for _ in 0..scale {
            digits.multiply_add(10, 0);
        }
        return Some(digits.top_bits());
    }
    let mut divisor = Big::from(1);
    for _ in 0..-scale {
        divisor.multiply_add(10, 0);
    }
    Some(divide(digits, divisor))
}

/// Reads what follows a number's digits: nothing, or `marker` in any case and a signed integer.
fn parse_exponent(rest: &[u8], marker: u8) -> Option<i64> {
    let [first, tail @ ..] = rest else { return Some(0) };
    let (negative, digits) = split_sign(tail);
    if !first.eq_ignore_ascii_case(&marker) || digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = char::from(*byte).to_digit(10)?;
        value = value.saturating_mul(10).saturating_add(i64::from(digit));
    }
    Some(if negative { -value } else { value })
}

fn clamp(exponent: i64) -> i32 {
    exponent.clamp(-EXPONENT_CLAMP, EXPONENT_CLAMP) as i32
}

/// `a + b` in extended precision; nothing when the sum overflows.
fn add(a: Extended, b: Extended) -> Option<Extended> {
    if a.mantissa == 0 || b.mantissa == 0 {
        let negative = a.negative && b.negative;
        let other = if a.mantissa == 0 { b } else { a };
        let negative = if other.mantissa == 0 { negative } else { other.negative };
        return Some(Extended { negative, ..other });
    }
    // Aligned so that the larger has its top bit at 126: the sum fits 128 bits, and what the
    // smaller loses lies at least 62 bits below the larger's top, where only "inexact" matters.
    let (large, small) = if magnitude_order(a, b).is_lt() { (b, a) } else { (a, b) };
    let shift = large.mantissa.leading_zeros() + 62;
    let mut mantissa = u128::from(large.mantissa) << shift;
    let exponent = large.exponent - shift as i32;
    let (aligned, inexact) = align(small, exponent);
    if large.negative == small.negative {
        mantissa += aligned;
    } else {
        // The bits left away would have been subtracted too: one less, and something remains.
        mantissa -= aligned + u128::from(inexact);
    }
    if mantissa == 0 {
        return Some(Extended { negative: false, mantissa: 0, exponent: 0 });
    }
    let (mantissa, exponent) = Unrounded { mantissa, exponent, inexact }.round(&EXTENDED)?;
    Some(Extended { negative: large.negative, mantissa, exponent })
}

/// Compares two magnitudes that are not zero.
fn magnitude_order(a: Extended, b: Extended) -> Ordering {
    let top = |x: Extended| x.exponent + 64 - x.mantissa.leading_zeros() as i32;
    let normal = |x: Extended| x.mantissa << x.mantissa.leading_zeros();
    top(a).cmp(&top(b)).then(normal(a).cmp(&normal(b)))
}

/// A mantissa in units of `2^exponent`, and whether bits below that were left away.
fn align(x: Extended, exponent: i32) -> (u128, bool) {
    let wide = u128::from(x.mantissa);
    match x.exponent - exponent {
        left @ 0.. => (wide << left, false),
        right => {
            let right = right.unsigned_abs();
            if right >= 128 {
                return (0, wide != 0);
            }
            (wide >> right, wide & ((1u128 << right) - 1) != 0)
        }
    }
}

/// C's `%.17Lf` with trailing zeros, a bare point and the sign of zero cut off.
fn print(x: Extended) -> Vec<u8> {
    const DECIMALS: usize = 17;
    const SCALE: u128 = 100_000_000_000_000_000;
    let mut out = Vec::new();
    if x.exponent >= 0 {
        if x.negative && x.mantissa != 0 {
            out.push(b'-');
        }
        let mut whole = Big::from(x.mantissa);
        whole.shift_left(x.exponent.unsigned_abs());
        out.extend_from_slice(&whole.to_decimal());
        return out;
    }
    // In units of 10^-17, below 2^121: from 127 bits cut on, less than half a unit is left.
    let scaled = u128::from(x.mantissa) * SCALE;
    let drop = x.exponent.unsigned_abs();
    let units = if drop >= 127 {
        0
    } else {
        let (kept, cut) = (scaled >> drop, scaled & ((1u128 << drop) - 1));
        let half = 1u128 << (drop - 1);
        kept + u128::from(cut > half || cut == half && kept & 1 == 1)
    };
    if x.negative && units != 0 {
        out.push(b'-');
    }
    let (whole, fraction) = (units / SCALE, units % SCALE);
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if fraction != 0 {
        let text = format!("{fraction:0DECIMALS$}");
        out.push(b'.');
        out.extend_from_slice(text.trim_end_matches('0').as_bytes());
    }
    out
}

/// A natural number of any size: 32-bit digits, the least significant first, no zeros on top.
#[derive(Clone, Debug, Default)]
struct Big(Vec<u32>);

impl Big {
    fn from(value: u64) -> Big {
        let mut big = Big(vec![value as u32, (value >> 32) as u32]);
        big.trim();
        big
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn bits(&self) -> u32 {
        match self.0.last() {
            Some(top) => self.0.len() as u32 * 32 - top.leading_zeros(),
            None => 0,
        }
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for digit in &mut self.0 {
            let product = u64::from(*digit) * u64::from(factor) + carry;
            *digit = product as u32;
            carry = product >> 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
    }

    fn shift_left(&mut self, bits: u32) {
        let (words, bits) = ((bits / 32) as usize, bits % 32);
        let mut carry = 0;
        for digit in &mut self.0 {
            let wide = u64::from(*digit) << bits | carry;
            *digit = wide as u32;
            carry = wide >> 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
        if !self.is_zero() {
            self.0.splice(0..0, std::iter::repeat_n(0, words));
        }
    }

    fn order(&self, other: &Big) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Subtracts a number that is not larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = 0u64;
        for (at, digit) in self.0.iter_mut().enumerate() {
            let take = u64::from(other.0.get(at).copied().unwrap_or(0)) + borrow;
            let (difference, borrowed) = u64::from(*digit).overflowing_sub(take);
            *digit = difference as u32;
            borrow = u64::from(borrowed);
        }
        self.trim();
    }

    /// The number by its highest 97 to 128 bits.
    fn top_bits(&self) -> Unrounded {
        let below = self.0.len().saturating_sub(4);
        let (low, high) = self.0.split_at(below);
        let mantissa = high.iter().rev().fold(0u128, |sum, digit| sum << 32 | u128::from(*digit));
        let inexact = low.iter().any(|digit| *digit != 0);
        Unrounded { mantissa, exponent: below as i32 * 32, inexact }
    }

    /// Divides by `divisor` and gives the remainder.
    fn divide_small(&mut self, divisor: u32) -> u32 {
        let mut remainder = 0u64;
        for digit in self.0.iter_mut().rev() {
            let wide = remainder << 32 | u64::from(*digit);
            *digit = (wide / u64::from(divisor)) as u32;
            remainder = wide % u64::from(divisor);
        }
        self.trim();
        remainder as u32
    }

    fn to_decimal(&self) -> Vec<u8> {
        let mut rest = self.clone();
        let mut groups = Vec::new();
        while !rest.is_zero() {
            groups.push(rest.divide_small(1_000_000_000));
        }
        let mut out = groups.pop().unwrap_or(0).to_string().into_bytes();
        for group in groups.iter().rev() {
            out.extend_from_slice(format!("{group:09}").as_bytes());
        }
        out
    }
}

/// `numerator / divisor` with a quotient of 66 or 67 bits; neither is zero.
fn divide(mut numerator: Big, mut divisor: Big) -> Unrounded {
    const QUOTIENT_BITS: u32 = 67;
    // Line both up at the top bit, then divide bit by bit: the quotient's first bit is bit 66.
    let (n, d) = (numerator.bits(), divisor.bits());
    if n < d {
        numerator.shift_left(d - n);
    } else {
        divisor.shift_left(n - d);
    }
    let mut mantissa = 0u128;
    for _ in 0..QUOTIENT_BITS {
        mantissa <<= 1;
        if numerator.order(&divisor).is_ge() {
            numerator.subtract(&divisor);
            mantissa |= 1;
        }
        numerator.shift_left(1);
    }
    let exponent = n as i32 - d as i32 - (QUOTIENT_BITS as i32 - 1);
    Unrounded { mantissa, exponent, inexact: !numerator.is_zero() }
}

#[cfg(test)]
#[path = "long_double_tests.rs"]
mod tests;
