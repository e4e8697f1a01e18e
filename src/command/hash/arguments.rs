//! `FIELDS numfields field ...`, and times in requests made absolute.

use crate::base::clock::UnixMs;
use crate::base::number;
use crate::command::string::options::Unit;
use crate::command::{Call, Error, Result};

/// A count that is not that of the arguments behind it.
pub(super) const NUMFIELDS: Error =
    Error::text("ERR numfields should be greater than 0 and match the provided number of fields");

/// Where the word FIELDS stands, from position `from` on; an error if it is missing or nothing
/// follows it.
pub(super) fn position_of_fields(call: &Call<'_>, from: usize) -> Result<usize> {
    (from..call.len() - 1).find(|n| call.is(*n, "FIELDS")).ok_or(NUMFIELDS)
}

/// What follows the word FIELDS at position `at` and the count behind it: `each` arguments for
/// every field.
pub(super) fn fields_at<'a>(call: &Call<'a>, at: usize, each: usize) -> Result<&'a [&'a [u8]]> {
    counted(call, at, each, NUMFIELDS)
}

/// `wrong`: the error for a count that is not that of the arguments behind it.
fn counted<'a>(call: &Call<'a>, at: usize, each: usize, wrong: Error) -> Result<&'a [&'a [u8]]> {
    let count = call.int(at + 1)?;
    let fields = call.args().get(at + 2..).unwrap_or_default();
    let wanted = usize::try_from(count).ok().and_then(|count| count.checked_mul(each));
    if count > 0 && wanted == Some(fields.len()) { Ok(fields) } else { Err(wrong) }
}

/// `FIELDS numfields field ...` at position 2 and to the end; `wrong` is the error for a count that
/// is not that of the fields.
pub(super) fn fields_only<'a>(call: &Call<'a>, wrong: Error) -> Result<&'a [&'a [u8]]> {
    if !call.is(2, "FIELDS") {
        return Err(Error::Syntax);
    }
    counted(call, 2, 1, wrong)
}

/// The unix time in ms, 0 to `i64::MAX`, that `text` in `unit` means at `now`. Negative and
/// overflowing times are refused in the name of the command; one in the past is not.
pub(super) fn moment(call: &Call<'_>, now: UnixMs, unit: Unit, text: &[u8]) -> Result<u64> {
    let number = number::parse_i64(text).ok_or(Error::NotInteger)?;
    let time = u64::try_from(number).ok().and_then(|time| match unit {
        Unit::Seconds => time.checked_mul(1000)?.checked_add(now.0),
        Unit::Milliseconds => time.checked_add(now.0),
        Unit::UnixSeconds => time.checked_mul(1000),
        Unit::UnixMilliseconds => Some(time),
    });
    // Redis keeps times in signed 64 bits.
    time.filter(|time| *time <= i64::MAX.cast_unsigned()).ok_or_else(|| {
        let name = call.command.full_name;
        Error::owned(format!("ERR invalid expire time in '{name}' command"))
    })
}

/// Whether a field that is given this expiry is gone at once. Never during replay, at time zero:
/// the clock of whoever wrote the record has decided.
pub(super) fn is_past(at: u64, now: UnixMs) -> bool {
    now != UnixMs::ZERO && at <= now.0
}
