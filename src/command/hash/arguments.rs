//! `FIELDS numfields field ...`.

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
