//! The integers of protocol headers: strict, and quick where they are short.

/// Reads a header's length: one to nine digits and CR LF, all present, no sign, no leading zero.
///
/// Returns the number and the bytes used, CR LF included. `None` says "not of this usual form", no
/// more; the caller then looks closely. `line` begins behind the type byte and may run on behind
/// the CR LF.
#[inline(always)]
pub(super) fn short_length(line: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for (index, &byte) in line.iter().take(10).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let ends = byte == b'\r' && line.get(index + 1) == Some(&b'\n');
            let canonical = index == 1 || (index > 1 && line.first() != Some(&b'0'));
            return (ends && canonical).then_some((value, index + 2));
        }
        value = value * 10 + usize::from(digit);
    }
    None
}

/// As [`short_length`], of any size: what our own encoder has written.
#[inline]
pub(super) fn length(line: &[u8]) -> Option<(usize, usize)> {
    short_length(line).or_else(|| long_length(line))
}

#[cold]
fn long_length(line: &[u8]) -> Option<(usize, usize)> {
    /// Of 2^64.
    const DIGITS_MAX: usize = 20;
    let digits = line.iter().take(DIGITS_MAX).take_while(|byte| byte.is_ascii_digit()).count();
    let (text, end) = line.split_at_checked(digits)?;
    let value = usize::try_from(integer(text)?).ok()?;
    end.starts_with(b"\r\n").then_some((value, digits + 2))
}

/// Reads a whole text as a 64-bit integer the way Redis' `string2ll` does: an optional `-`, digits,
/// nothing else, no leading zero, no `-0`.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    match digits {
        [] => return None,
        [b'0'] if !negative => return Some(0),
        [b'0', ..] => return None,
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    // Counted downwards, since i64::MIN has no positive counterpart.
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// A 32-bit offset as an index. CoolCache runs on 64-bit machines only.
#[inline(always)]
#[allow(clippy::as_conversions, reason = "widening, by the assertion beside it")]
pub(super) const fn widen(value: u32) -> usize {
    const { assert!(size_of::<usize>() >= size_of::<u32>()) }
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lengths() {
        for (text, expected) in [
            ("0\r\n", Some((0, 3))),
            ("7\r\nrest", Some((7, 3))),
            ("123456789\r\n", Some((123_456_789, 11))),
            ("1234567890\r\n", None),
            ("01\r\n", None),
            ("-1\r\n", None),
            ("\r\n", None),
            ("1\r", None),
            ("1\rX", None),
            ("1\n", None),
            ("12", None),
            ("", None),
        ] {
            assert_eq!(short_length(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn lengths_of_any_size() {
        for (text, expected) in [
            ("0\r\n", Some((0, 3))),
            ("999999999\r\n", Some((999_999_999, 11))),
            ("1000000000\r\nrest", Some((1_000_000_000, 12))),
            ("9223372036854775807\r\n", Some((9_223_372_036_854_775_807, 21))),
            ("9223372036854775808\r\n", None),
            ("99999999999999999999\r\n", None),
            ("01000000000\r\n", None),
            ("1000000000", None),
            ("1000000000\r", None),
            ("1000000000\n", None),
            ("-1\r\n", None),
            ("\r\n", None),
            ("", None),
        ] {
            assert_eq!(length(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn integers() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("-0", None),
            ("00", None),
            ("+1", None),
            ("", None),
            ("-", None),
            ("1 ", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text:?}");
        }
    }
}
