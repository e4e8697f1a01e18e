//! Numbers as Redis reads and prints them. Clients compare these texts byte by byte, so every
//! function here follows the C function named in its documentation, corners included.
//!
//! Doubles are printed by [`super::double`]; INCRBYFLOAT's 80-bit arithmetic is
//! [`super::long_double`].

use super::long_double::parse_hex;

/// Reads a signed 64-bit integer as Redis' `string2ll`: decimal digits with an optional `-`, and
/// nothing else. No `+`, no spaces, no leading zeros, no `-0`; so printing the result gives back
/// the text, which is what lets a value be stored as an integer.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    if text.len() > 20 {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return (!negative).then_some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads a double as Redis' `string2d`, which is C's `strtod` over the whole text: decimal or
/// hexadecimal (`0x1.8p3`), `inf` and `infinity` in any case, a leading `+` or `-`. Refused are
/// the empty text, spaces, NaN, and numbers too large for a double or too small to differ from 0.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, body) = split_sign(text);
    if is_hex(body) {
        let (mantissa, exponent) = parse_hex(body)?.round_to_double()?;
        let value = mantissa as f64 * 2f64.powi(exponent.max(-1000));
        // The mantissa has at most 53 bits and was rounded for its exponent: both steps are exact.
        let value = value * 2f64.powi(exponent.min(-1000) + 1000);
        return Some(if negative { -value } else { value });
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let written_as_number = body.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    let out_of_range =
        (value.is_infinite() && written_as_number) || (value == 0.0 && has_nonzero_digit(body));
    (!value.is_nan() && !out_of_range).then_some(value)
}

/// The sign of a number's text, and what follows it.
pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', body @ ..] => (true, body),
        [b'+', body @ ..] => (false, body),
        body => (false, body),
    }
}

/// Does a text without sign announce a hexadecimal number?
pub(super) fn is_hex(body: &[u8]) -> bool {
    matches!(body, [b'0', b'x' | b'X', ..])
}

/// Is there a digit other than 0 before the exponent?
fn has_nonzero_digit(body: &[u8]) -> bool {
    body.iter()
        .take_while(|byte| !matches!(byte, b'e' | b'E'))
        .any(|byte| (b'1'..=b'9').contains(byte))
}

/// Reads an amount of memory as Redis' `memtoull`: digits and a unit in any case, where `k`, `m`,
/// `g` count by 1000 and `kb`, `mb`, `gb` by 1024. Also as there, no digits at all mean 0. Amounts
/// that do not fit 64 bits are refused (Redis lets them wrap around).
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let multiplier: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    if number.is_empty() {
        return Some(0);
    }
    number.parse::<u64>().ok()?.checked_mul(multiplier)
}

/// An amount of memory for people, as Redis' `bytesToHuman` in INFO: `512B`, `1.00M`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [(u32, char); 5] = [(10, 'K'), (20, 'M'), (30, 'G'), (40, 'T'), (50, 'P')];
    let unit = UNITS.iter().rev().find(|(shift, _)| bytes >> shift > 0);
    match unit {
        Some((shift, letter)) if bytes >> 60 == 0 => {
            format!("{:.2}{letter}", bytes as f64 / (1u64 << shift) as f64)
        }
        _ => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_strict() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), expected, "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "-01",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "0x1",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "1a",
            "100000000000000000000000",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_read_as_strtod_reads_them() {
        for (text, expected) in [
            ("0", 0.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("+3.5e2", 350.0),
            ("-1E-2", -0.01),
            ("inf", f64::INFINITY),
            ("+INF", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x10", 16.0),
            ("-0X1.8p3", -12.0),
            ("0x.8", 0.5),
            ("0x1p-1074", 5e-324),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.fffffffffffff7p0", 1.999_999_999_999_999_8),
            ("0e-400", 0.0),
            ("1e-320", 1e-320),
            ("17976931348623157e292", f64::MAX),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(expected), "{text}");
        }
        for text in [
            "",
            " 1",
            "1 ",
            "nan",
            "NAN",
            "-nan",
            "1e400",
            "-1e400",
            "1e-400",
            "0x",
            "0x1p",
            "0x.",
            "1e",
            "e5",
            ".",
            "+",
            "1_0",
            "0x1p5000",
            "0x1p-1080",
            "infinit",
            "1\0",
            "++1",
            "0x1g",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_f64(b"\xff"), None);
    }

    #[test]
    fn memory_amounts() {
        for (text, expected) in [
            ("0", Some(0)),
            ("64k", Some(64_000)),
            ("64KB", Some(65_536)),
            ("1gb", Some(1 << 30)),
            ("3m", Some(3_000_000)),
            ("7b", Some(7)),
            ("", Some(0)),
            ("-1", None),
            ("1tb", None),
            ("1 mb", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551615k", None),
        ] {
            assert_eq!(parse_memory(text), expected, "{text:?}");
        }
        assert_eq!(human_bytes(1023), "1023B");
        assert_eq!(human_bytes(1 << 20), "1.00M");
        assert_eq!(human_bytes(1536), "1.50K");
        assert_eq!(human_bytes(u64::MAX), "18446744073709551615B");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(bits in any::<u64>(), integer in any::<i64>()) {
            let value = f64::from_bits(bits);
            if !value.is_nan() {
                let text = super::super::double::reply(value);
                prop_assert_eq!(parse_f64(text.as_bytes()), Some(value));
            }
            prop_assert_eq!(parse_i64(integer.to_string().as_bytes()), Some(integer));
        }

        #[test]
        fn hexadecimal_is_exact(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                let raw = value.abs().to_bits();
                let (mantissa, exponent) = match raw >> 52 {
                    0 => (raw, -1074),
                    e => (raw & ((1 << 52) - 1) | 1 << 52, e as i32 - 1075),
                };
                let text = format!("0x{mantissa:x}p{exponent}");
                prop_assert_eq!(parse_f64(text.as_bytes()), Some(value.abs()), "{}", text);
            }
        }
    }
}
