//! Arguments that several groups of commands read alike: counts, ranges of indexes, keys of which
//! the first that is there counts.

use super::{Call, Error, Result};
use crate::base::number;
use crate::keyspace::{Db, Key, Tx, View, WrongType};
use std::ops::Range;

/// What a read costs that looks for something for each of its arguments: of one with few it is
/// little, and asking takes no time.
pub(super) fn per_argument(_: View<'_>, call: &Call<'_>) -> u64 {
    call.len() as u64
}

/// A number of things: none is fine, fewer are not.
pub(super) fn count(text: &[u8]) -> Result<usize> {
    const NEGATIVE: Error = Error::text("ERR value is out of range, must be positive");
    natural(text).ok_or(NEGATIVE)
}

/// A number of things that must be at least one; `error` is told of what is none.
pub(super) fn positive(text: &[u8], error: Error) -> Result<usize> {
    natural(text).filter(|number| *number > 0).ok_or(error)
}

/// An integer that is not negative.
pub(super) fn natural(text: &[u8]) -> Option<usize> {
    number::parse_i64(text).and_then(|number| usize::try_from(number).ok())
}

/// The integer at a position, if there is the same with the other sign too: where a negative number
/// counts from the other end, or means something else.
pub(super) fn signed(call: &Call<'_>, at: usize) -> Result<i64> {
    const LOWEST: Error = Error::text(
        "ERR value is out of range, value must between -9223372036854775807 and \
         9223372036854775807",
    );
    match call.int(at)? {
        i64::MIN => Err(LOWEST),
        number => Ok(number),
    }
}

/// The argument at a position as the number of one of so many databases.
pub(super) fn database(call: &Call<'_>, at: usize, databases: usize) -> Result<Db> {
    const NO_INT: Error =
        Error::text("ERR value is out of range, value must between -2147483648 and 2147483647");
    // Redis reads it as a C int, and tells numbers beyond it from databases that there are not.
    let number = i32::try_from(call.int(at)?).map_err(|_| NO_INT)?;
    let db = u16::try_from(number).ok().filter(|db| usize::from(*db) < databases);
    db.map(Db).ok_or(Error::text("ERR DB index is out of range"))
}

/// The places, among `len`, from one index to another, both included and counted from the end if
/// they are negative; an empty range if there are none. What LRANGE, LTRIM and ZRANGE mean.
pub(super) fn range(first: i64, last: i64, len: usize) -> Range<usize> {
    let from_end = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let start = usize::try_from(from_end(first).max(0)).unwrap_or(usize::MAX);
    // A last one before the first of all leaves nothing.
    let end = usize::try_from(from_end(last).saturating_add(1)).unwrap_or(0).min(len);
    if start < end { start..end } else { 0..0 }
}

/// The first of the keys that is there, as `look` finds it, or its error.
pub(super) fn first_of<'v, 'a, T>(
    tx: &'v Tx<'_>,
    keys: impl Iterator<Item = Key<'a>>,
    look: impl Fn(View<'v>, Key<'a>) -> std::result::Result<Option<T>, WrongType>,
) -> Result<Option<(Key<'a>, T)>> {
    for key in keys {
        if let Some(found) = look(tx.view(), key)? {
            return Ok(Some((key, found)));
        }
    }
    Ok(None)
}

/// What LMPOP, ZMPOP and their blocking forms read: `numkeys key [key ...] <end> [COUNT count]`.
pub(super) struct PopFirst<E> {
    /// The positions of the keys.
    pub keys: Range<usize>,
    /// The end that is popped.
    pub end: E,
    /// How many elements, at least 1.
    pub count: usize,
}

impl<E> PopFirst<E> {
    /// Reads the arguments from `numkeys`, at `at`, on. `end` reads the word behind the keys, which
    /// may be missing.
    pub(super) fn parse(
        call: &Call<'_>,
        at: usize,
        end: impl Fn(&Call<'_>, usize) -> Result<E>,
    ) -> Result<Self> {
        const NUMKEYS: Error = Error::text("ERR numkeys should be greater than 0");
        const COUNT: Error = Error::text("ERR count should be greater than 0");
        let keys = positive(call.arg(at), NUMKEYS)?;
        let end_at = keys.saturating_add(at + 1);
        let end = end(call, end_at)?;
        let (count, stop) = match call.get(end_at + 2) {
            Some(count) if call.is(end_at + 1, "COUNT") => (positive(count, COUNT)?, end_at + 3),
            _ => (1, end_at + 1),
        };
        // A wrong count is told before what does not belong behind it.
        if call.len() != stop {
            return Err(Error::Syntax);
        }
        Ok(PopFirst { keys: at + 1..end_at, end, count })
    }

    /// The keys.
    pub(super) fn keys<'c, 'a>(&self, call: &'c Call<'a>) -> impl Iterator<Item = Key<'a>> + 'c {
        self.keys.clone().map(|at| call.key(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        for (first, last, expected) in [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-100, 1, 0..2),
            (3, 100, 3..5),
            (2, 1, 0..0),
            (5, 9, 0..0),
            (0, -6, 0..0),
            (0, i64::MIN, 0..0),
            (i64::MIN, i64::MAX, 0..5),
            (i64::MAX, i64::MAX, 0..0),
        ] {
            assert_eq!(range(first, last, 5), expected, "{first} {last}");
        }
    }

    #[test]
    fn counts_are_not_negative() {
        assert_eq!(count(b"0"), Ok(0));
        assert_eq!(count(b"9223372036854775807"), Ok(i64::MAX as usize));
        for text in ["-1", "x", "", "9223372036854775808"] {
            assert!(count(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(positive(b"0", Error::Syntax), Err(Error::Syntax));
        assert_eq!(positive(b"1", Error::Syntax), Ok(1));
    }
}
