//! Doubles as Valkey prints them in replies.
//!
//! The digits are the shortest that read back, and of those the closest. Valkey's (Grisu2) differ
//! in the last digit for about one number in a thousand; they read back as the same number.

use std::fmt::{self, Write};

/// The longest text: sign, 17 digits, point, exponent; or the zeros before small digits.
const TEXT_MAX: usize = 48;

/// The text of a double on the stack.
pub(super) struct Text {
    bytes: [u8; TEXT_MAX],
    len: usize,
}

impl Text {
    /// The text's bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, part: &[u8]) {
        let end = self.len + part.len();
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(part);
            self.len = end;
        } else {
            debug_assert!(false, "TEXT_MAX is too small");
        }
    }

    fn zeros(&mut self, count: usize) {
        for _ in 0..count {
            self.push(b"0");
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// The shortest text that reads back as `value`, laid out as Valkey does (`d2string` with fpconv):
/// whole numbers up to 2^62 in full, else plain while short (`0.00003`, `1234.5`), else with an
/// exponent (`3e-7`, `1e+20`).
pub(super) fn text(value: f64) -> Text {
    let mut out = Text { bytes: [0; TEXT_MAX], len: 0 };
    if value.is_nan() {
        out.push(b"nan");
    } else if value.is_infinite() {
        out.push(if value < 0.0 { b"-inf" } else { b"inf" });
    } else if value == 0.0 {
        out.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if let Some(whole) = whole(value) {
        out.push(itoa::Buffer::new().format(whole).as_bytes());
    } else {
        lay_out(value, &mut out);
    }
    out
}

/// The value as an integer, if it is one and within 2^62, where the conversion is exact.
#[allow(clippy::as_conversions, reason = "exact within 2^62")]
fn whole(value: f64) -> Option<i64> {
    const LIMIT: f64 = (1u64 << 62) as f64;
    (value.abs() <= LIMIT && value.trunc() == value).then_some(value as i64)
}

/// Writes the shortest digits of a finite number that is not whole.
fn lay_out(value: f64, out: &mut Text) {
    // Rust gives the digits and the exponent: "-1.2345e-5".
    let mut scientific = Text { bytes: [0; TEXT_MAX], len: 0 };
    let written = write!(scientific, "{:e}", value.abs());
    debug_assert!(written.is_ok(), "writing to the stack does not fail");
    let text = scientific.as_bytes();
    let split = text.iter().position(|&byte| byte == b'e').unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(split);
    let exponent = exponent.get(1..).unwrap_or_default();
    let exponent: i32 =
        std::str::from_utf8(exponent).ok().and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut digits = [0u8; 24];
    let mut count = 0usize;
    for (place, &digit) in digits.iter_mut().zip(mantissa.iter().filter(|&&byte| byte != b'.')) {
        *place = digit;
        count += 1;
    }
    let digits = digits.get(..count).unwrap_or_default();

    if value < 0.0 {
        out.push(b"-");
    }
    // The value is 0.digits or digits.0, moved by the exponent of the last digit.
    let last = exponent - i32::try_from(count).unwrap_or_default() + 1;
    let size = usize::try_from(exponent.unsigned_abs()).unwrap_or_default();
    match usize::try_from(last) {
        Ok(zeros) if size < count + 7 => {
            out.push(digits);
            out.zeros(zeros);
        }
        Err(_) if last > -7 || size < 4 => match usize::try_from(exponent) {
            Ok(whole) => {
                let (before, behind) = digits.split_at((whole + 1).min(count));
                out.push(before);
                out.push(b".");
                out.push(behind);
            }
            Err(_) => {
                out.push(b"0.");
                out.zeros(size.saturating_sub(1));
                out.push(digits);
            }
        },
        _ => {
            let (first, rest) = digits.split_at(count.min(1));
            out.push(first);
            if !rest.is_empty() {
                out.push(b".");
                out.push(rest);
            }
            out.push(if exponent < 0 { b"e-" } else { b"e+" });
            out.push(itoa::Buffer::new().format(size).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each row is what Valkey 9.1.2 answered to ZSCORE.
    #[test]
    fn as_valkey_prints() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (3.15, "3.15"),
            (1e17, "100000000000000000"),
            (123456789012345680.0, "123456789012345680"),
            (4.6e18, "4600000000000000000"),
            (4611686018427387904.0, "4611686018427387904"),
            (9e18, "9e+18"),
            (1e20, "1e+20"),
            (-1e21, "-1e+21"),
            (1.5e21, "1.5e+21"),
            (12345678901234567890123.0, "12345678901234568000000"),
            (1.2345678901234567e25, "1.2345678901234566e+25"),
            (3e-5, "0.00003"),
            (3e-6, "0.000003"),
            (3e-7, "3e-7"),
            (1.5e-7, "1.5e-7"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (0.30000000000000004, "0.30000000000000004"),
            (12345678.9, "12345678.9"),
            (1234567890.1234567, "1.2345678901234567e+9"),
            (-0.00012345678901234567, "-1.2345678901234567e-4"),
            (1.2345678901234567e-5, "1.2345678901234568e-5"),
            (0.000012345, "1.2345e-5"),
            (5e-324, "5e-324"),
            (2.2250738585072014e-308, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            let found = text(value);
            assert_eq!(std::str::from_utf8(found.as_bytes()).unwrap(), expected);
        }
    }

    proptest! {
        #[test]
        fn reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let found = text(value);
            let back: f64 = std::str::from_utf8(found.as_bytes()).unwrap().parse().unwrap();
            prop_assert_eq!(back.to_bits(), bits);
        }

        #[test]
        fn reads_back_of_common_size(value in -1e12f64..1e12) {
            let found = text(value);
            let back: f64 = std::str::from_utf8(found.as_bytes()).unwrap().parse().unwrap();
            prop_assert_eq!(back, value);
        }
    }
}
