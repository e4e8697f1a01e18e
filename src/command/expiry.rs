//! The times in requests after which a key or a field expires, made absolute.

use super::{Call, Error, Result};
use crate::base::clock::UnixMs;
use crate::base::number;

/// How a time is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// EX: seconds from now.
    Seconds,
    /// PX: ms from now.
    Milliseconds,
    /// EXAT: unix time in seconds.
    UnixSeconds,
    /// PXAT: unix time in ms.
    UnixMilliseconds,
}

impl Unit {
    /// The unit that an option's word means, in any case.
    pub fn named(word: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Unit); 4] = [
            (b"EX", Unit::Seconds),
            (b"PX", Unit::Milliseconds),
            (b"EXAT", Unit::UnixSeconds),
            (b"PXAT", Unit::UnixMilliseconds),
        ];
        let mut names = NAMES.iter();
        names.find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, unit)| *unit)
    }
}

/// The unix time in ms, 1 to `i64::MAX`, that `text` in `unit` means at `now`, of a key. Zero,
/// negative and overflowing times are refused in the name of the command; a time in the past is not
/// (see [`is_past`]).
pub(super) fn deadline(call: &Call<'_>, now: UnixMs, unit: Unit, text: &[u8]) -> Result<u64> {
    absolute(call, now, unit, text, 1)
}

/// As [`deadline`], of a field of a hash: there zero is a time too.
pub(super) fn moment(call: &Call<'_>, now: UnixMs, unit: Unit, text: &[u8]) -> Result<u64> {
    absolute(call, now, unit, text, 0)
}

/// `lowest`: the lowest number that may be given.
fn absolute(call: &Call<'_>, now: UnixMs, unit: Unit, text: &[u8], lowest: u64) -> Result<u64> {
    let number = number::parse_i64(text).ok_or(Error::NotInteger)?;
    let time = u64::try_from(number).ok().filter(|time| *time >= lowest);
    let time = time.and_then(|time| match unit {
        Unit::Seconds => time.checked_mul(1000)?.checked_add(now.0),
        Unit::Milliseconds => time.checked_add(now.0),
        Unit::UnixSeconds => time.checked_mul(1000),
        Unit::UnixMilliseconds => Some(time),
    });
    // Redis keeps times in signed 64 bits.
    time.filter(|time| *time <= i64::MAX.cast_unsigned()).ok_or_else(|| invalid(call))
}

/// The error for a time that there is not.
pub(super) fn invalid(call: &Call<'_>) -> Error {
    Error::owned(format!("ERR invalid expire time in '{}' command", call.command.full_name))
}

/// Whether a key or field that is given this expiry is gone at once. Never during replay, at time
/// zero: the clock of whoever wrote the record has decided.
pub(super) fn is_past(at: u64, now: UnixMs) -> bool {
    now != UnixMs::ZERO && at <= now.0
}
