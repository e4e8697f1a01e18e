//! The timeout of a blocking command: seconds, as a decimal fraction.

use super::{Error, Result};
use crate::base::clock::UnixMs;
use crate::base::long_double::is_long_double;
use crate::base::number;

const NEGATIVE: Error = Error::text("ERR timeout is negative");
const OUT_OF_RANGE: Error = Error::text("ERR timeout is out of range");

/// When a call that begins to wait at `now` gives up; none: never, which is what 0 means. A part of
/// a millisecond counts as a whole one.
pub(super) fn deadline(text: &[u8], now: UnixMs) -> Result<Option<UnixMs>> {
    const MS_A_SECOND: f64 = 1000.0;
    let seconds = match number::parse_f64(text) {
        Some(seconds) => seconds,
        // Redis reads a long double, which holds more than we could use.
        None if is_long_double(text) => return Err(OUT_OF_RANGE),
        None => return Err(Error::text("ERR timeout is not a float or out of range")),
    };
    let ms = (seconds * MS_A_SECOND).ceil();
    if ms < 0.0 {
        return Err(NEGATIVE);
    }
    // Redis keeps times in signed 64 bits.
    if ms >= i64::MAX as f64 {
        return Err(OUT_OF_RANGE);
    }
    ends(now, ms as u64)
}

/// As [`deadline`], of a timeout in whole milliseconds (WAIT).
pub(super) fn deadline_of_ms(text: &[u8], now: UnixMs) -> Result<Option<UnixMs>> {
    const NO_NUMBER: Error = Error::text("ERR timeout is not an integer or out of range");
    let ms = number::parse_i64(text).ok_or(NO_NUMBER)?;
    let ms = u64::try_from(ms).map_err(|_| NEGATIVE)?;
    ends(now, ms)
}

/// The end of a wait of so many ms; 0: none.
fn ends(now: UnixMs, ms: u64) -> Result<Option<UnixMs>> {
    if ms == 0 {
        return Ok(None);
    }
    let at = now.0.checked_add(ms).filter(|at| *at <= i64::MAX.cast_unsigned());
    at.map(|at| Some(UnixMs(at))).ok_or(OUT_OF_RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_as_valkey_takes_them() {
        let at = |text: &str| deadline(text.as_bytes(), UnixMs(1000)).map(|at| at.map(|at| at.0));
        for (text, expected) in [
            ("0", None),
            ("-0.0001", None),
            ("0.001", Some(1001)),
            ("1e-5", Some(1001)),
            ("+0.01", Some(1010)),
            ("0x1p-3", Some(1125)),
            ("1.5", Some(2500)),
            ("1e15", Some(1_000_000_000_000_001_000)),
        ] {
            assert_eq!(at(text), Ok(expected), "{text}");
        }
        for text in ["x", "", " 1", "1 ", "nan", "1e5000"] {
            assert_eq!(at(text), Err(Error::text("ERR timeout is not a float or out of range")));
        }
        for text in ["-1", "-0.01", "-inf"] {
            assert_eq!(at(text), Err(Error::text("ERR timeout is negative")), "{text}");
        }
        for text in ["inf", "1e400", "1e18", "9223372036854775.807"] {
            assert_eq!(at(text), Err(OUT_OF_RANGE), "{text}");
        }
    }
}
