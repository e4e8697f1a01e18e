//! What SCAN, HSCAN, SSCAN and ZSCAN have in common: patterns, cursors, options.

use super::{Call, Error, Result};
use crate::base::glob;
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::packed::Element;

/// A pattern, sorted by what it costs.
#[derive(Clone, Copy)]
pub(super) enum Pattern<'a> {
    /// `*`: also the empty key, which the glob itself would not match.
    All,
    /// Matches this key only.
    Literal(&'a [u8]),
    Glob(&'a [u8]),
}

impl<'a> Pattern<'a> {
    pub(super) fn new(pattern: &'a [u8]) -> Self {
        match pattern {
            b"*" => Pattern::All,
            literal if glob::is_literal(literal) => Pattern::Literal(literal),
            glob => Pattern::Glob(glob),
        }
    }

    pub(super) fn matches(&self, key: &[u8]) -> bool {
        match self {
            Pattern::All => true,
            Pattern::Literal(literal) => *literal == key,
            Pattern::Glob(pattern) => glob::matches(pattern, key),
        }
    }
}

/// What COUNT is where it is left out.
pub(super) const DEFAULT_COUNT: u64 = 10;

/// A step of HSCAN, SSCAN or ZSCAN.
pub(super) struct ElementScan<'a> {
    cursor: u64,
    pattern: Pattern<'a>,
    /// How many elements to look at, at least 1.
    count: u64,
    /// NOVALUES of HSCAN, NOSCORES of ZSCAN: only names are wanted.
    pub(super) names_only: bool,
    seen: u64,
    found: BulksBuilder,
}

/// Whose elements are scanned: each has its own option.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scanned {
    /// HSCAN.
    Hash,
    /// SSCAN.
    Set,
    /// ZSCAN.
    SortedSet,
}

impl<'a> ElementScan<'a> {
    /// Reads `key cursor [MATCH pattern] [COUNT count] [NOVALUES | NOSCORES]`.
    pub(super) fn parse(call: &Call<'a>, scanned: Scanned) -> Result<Self> {
        let mut scan = ElementScan {
            cursor: cursor_of(call.arg(2))?,
            pattern: Pattern::All,
            count: DEFAULT_COUNT,
            names_only: false,
            seen: 0,
            found: BulksBuilder::new(BulksKind::Array),
        };
        let mut n = 3;
        while n < call.len() {
            match call.get(n + 1) {
                Some(_) if call.is(n, "COUNT") => {
                    let count = u64::try_from(call.int(n + 1)?).unwrap_or(0);
                    scan.count = if count == 0 { return Err(Error::Syntax) } else { count };
                    n += 2;
                }
                Some(pattern) if call.is(n, "MATCH") => {
                    scan.pattern = Pattern::new(pattern);
                    n += 2;
                }
                _ if call.is(n, "NOVALUES") => {
                    if scanned != Scanned::Hash {
                        let text = "ERR NOVALUES option can only be used in HSCAN";
                        return Err(Error::text(text));
                    }
                    scan.names_only = true;
                    n += 1;
                }
                _ if call.is(n, "NOSCORES") => {
                    if scanned != Scanned::SortedSet {
                        let text = "ERR NOSCORES option can only be used in ZSCAN";
                        return Err(Error::text(text));
                    }
                    scan.names_only = true;
                    n += 1;
                }
                _ => return Err(Error::Syntax),
            }
        }
        Ok(scan)
    }

    /// Where it starts.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// About how many elements are to be looked at.
    pub(super) fn count(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Takes steps until enough elements were looked at. `step` visits some from a cursor on (by
    /// calling what it is given with each name, and what is told beside it) and answers the next
    /// cursor.
    pub(super) fn run(
        mut self,
        mut step: impl FnMut(u64, &mut dyn FnMut(Element<'_>, Option<Element<'_>>)) -> u64,
    ) -> Reply<'static> {
        // A step visits at least one element as a rule, so COUNT also bounds the steps when all
        // fields have expired.
        for _ in 0..self.count {
            let ElementScan { cursor, pattern, seen, found, names_only, .. } = &mut self;
            *cursor = step(*cursor, &mut |name, beside| {
                *seen += 1;
                if !name.with(|bytes| pattern.matches(bytes)) {
                    return;
                }
                name.with(|bytes| found.push(bytes));
                if let Some(beside) = beside
                    && !*names_only
                {
                    beside.with(|bytes| found.push(bytes));
                }
            });
            if self.cursor == 0 || self.seen >= self.count {
                break;
            }
        }
        let cursor = itoa::Buffer::new().format(self.cursor).as_bytes().to_vec();
        Reply::Array(vec![Reply::Owned(cursor), self.found.finish()])
    }

    /// The reply for a key that is not there.
    pub(super) fn nothing() -> Reply<'static> {
        Reply::Array(vec![Reply::Bulk(b"0"), Reply::EMPTY])
    }
}

/// How many elements one step looks at, of a collection that has `len`: as many as COUNT says.
pub(super) fn cost(call: &Call<'_>, len: u64) -> u64 {
    /// Fewer need no look at the options.
    const FEW: u64 = 1000;
    if len <= FEW {
        return len;
    }
    let options = call.args().windows(2).skip(2);
    let mut counts = options.filter(|pair| pair[0].eq_ignore_ascii_case(b"COUNT"));
    let count = counts.next_back().and_then(|pair| crate::base::number::parse_i64(pair[1]));
    len.min(count.map_or(DEFAULT_COUNT, i64::unsigned_abs))
}

/// A cursor, or Redis' error.
pub(super) fn cursor_of(text: &[u8]) -> Result<u64> {
    parse_cursor(text).ok_or(Error::text("ERR invalid cursor"))
}

/// A cursor, as Valkey reads it: an integer by the strict rule that must not be negative, or else
/// what C's `strtoull` makes of it, to which white space, a `+`, leading zeros and (wrapping) a `-`
/// are welcome. Text behind a NUL byte is not seen.
fn parse_cursor(text: &[u8]) -> Option<u64> {
    let text = text.split(|byte| *byte == 0).next()?;
    if let Some(strict) = crate::base::number::parse_i64(text) {
        return u64::try_from(strict).ok();
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let (negative, digits) = match text.get(blanks..)? {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair was put to Valkey 9.1.2 as `SCAN cursor`.
    #[test]
    fn cursors_are_read_as_valkey_reads_them() {
        let taken: [(&[u8], u64); 11] = [
            (b"0", 0),
            (b"00", 0),
            (b" 0", 0),
            (b"\t0", 0),
            (b"+0", 0),
            (b"-0", 0),
            (b"0\0abc", 0),
            (b"00000000000000000000000000000000000001", 1),
            (b"18446744073709551615", u64::MAX),
            (b"+18446744073709551615", u64::MAX),
            (b" -1", u64::MAX),
        ];
        for (text, cursor) in taken {
            assert_eq!(parse_cursor(text), Some(cursor), "{text:?}");
        }
        let refused: [&[u8]; 8] =
            [b"", b"abc", b"-1", b"0 ", b"1\n", b"0x0", b"18446744073709551616", b"\0"];
        for text in refused {
            assert_eq!(parse_cursor(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_star_alone_matches_the_empty_key() {
        assert!(Pattern::new(b"*").matches(b""));
        assert!(!Pattern::new(b"**").matches(b""));
        assert!(Pattern::new(b"").matches(b""));
        assert!(Pattern::new(b"f\\oo").matches(b"foo"));
        assert!(!Pattern::new(b"foo").matches(b"foobar"));
    }
}
