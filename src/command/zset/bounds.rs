//! Scores, and the ends of ranges of ranks, scores and members, as they are written.

use crate::base::number;
use crate::command::arguments::range;
use crate::command::{Error, Result};
use crate::types::zset::{LexBound, ZsetRef};
use std::ops::{Bound, Range};

/// A score or a weight: as [`number::parse_f64`], but Valkey 9.1 takes no hexadecimal ones.
pub(in crate::command) fn score(text: &[u8]) -> Option<f64> {
    match number::parse_i64(text) {
        // Rounded as a decimal number would be.
        Some(whole) => Some(whole as f64),
        None => number::parse_f64(text).filter(|_| !is_hexadecimal(text)),
    }
}

fn is_hexadecimal(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
    matches!(digits, [b'0', b'x' | b'X', ..])
}

/// A score as the end of a range. Valkey reads it more loosely than a score: it does not see what
/// follows a NUL byte, takes nothing for 0, and what is beyond a double's range for infinity or 0.
fn loose_score(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next()?;
    if text.is_empty() {
        return Some(0.0);
    }
    let score: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!score.is_nan()).then_some(score)
}

/// What a range of a sorted set is by. The ends are in the order of the set.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// The ranks of the first and of the last, from the end if they are negative.
    Rank(i64, i64),
    Score(Bound<f64>, Bound<f64>),
    Member(LexBound<'a>, LexBound<'a>),
}

/// The word for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rank,
    Score,
    Member,
}

impl<'a> By<'a> {
    /// Reads the ends of a range, lower end first.
    pub(super) fn parse(kind: Kind, min: &'a [u8], max: &'a [u8]) -> Result<Self> {
        Ok(match kind {
            Kind::Rank => {
                let rank = |text| number::parse_i64(text).ok_or(Error::NotInteger);
                By::Rank(rank(min)?, rank(max)?)
            }
            Kind::Score => By::Score(score_bound(min)?, score_bound(max)?),
            Kind::Member => By::Member(lex_bound(min)?, lex_bound(max)?),
        })
    }

    /// The ranks that belong to the range; of a range by rank, counted from the end of the set if
    /// it is `reversed`.
    pub(super) fn ranks(self, zset: ZsetRef<'_>, reversed: bool) -> Range<usize> {
        match self {
            By::Rank(first, last) => {
                let len = zset.len();
                let found = range(first, last, len);
                if reversed { len - found.end..len - found.start } else { found }
            }
            By::Score(min, max) => zset.ranks_by_score(min, max),
            By::Member(min, max) => zset.ranks_by_lex(min, max),
        }
    }
}

/// `score` or `(score`, which does not belong to the range.
fn score_bound(text: &[u8]) -> Result<Bound<f64>> {
    const TEXT: Error = Error::text("ERR min or max is not a float");
    match text.strip_prefix(b"(") {
        Some(text) => loose_score(text).map(Bound::Excluded).ok_or(TEXT),
        None => loose_score(text).map(Bound::Included).ok_or(TEXT),
    }
}

/// `-`, `+`, `[member`, or `(member`, which does not belong to the range.
fn lex_bound(text: &[u8]) -> Result<LexBound<'_>> {
    match text {
        b"-" => Ok(LexBound::Least),
        b"+" => Ok(LexBound::Greatest),
        [b'[', member @ ..] => Ok(LexBound::Included(member)),
        [b'(', member @ ..] => Ok(LexBound::Excluded(member)),
        _ => Err(Error::text("ERR min or max not valid string range item")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was put to Valkey 9.1.2 as `ZADD k score a`.
    #[test]
    fn scores_as_valkey_takes_them() {
        for (text, expected) in [
            ("+1", 1.0),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1e+5", 1e5),
            ("+Infinity", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("1e-320", 1e-320),
            ("0e-400", 0.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
        ] {
            assert_eq!(score(text.as_bytes()), Some(expected), "{text}");
        }
        assert!(score(b"-0").is_some_and(|zero| zero.is_sign_negative()));
        let refused =
            ["", " 1", "1 ", "1e", "e5", ".", "++1", "0x10", "-0x1p3", "nan", "1e309", "1e-330"];
        for text in refused {
            assert_eq!(score(text.as_bytes()), None, "{text}");
        }
    }

    /// Each was put to Valkey 9.1.2 as `ZCOUNT k min max`.
    #[test]
    fn ends_of_ranges_of_scores_are_read_more_loosely() {
        for (text, expected) in [
            ("", Bound::Included(0.0)),
            ("(", Bound::Excluded(0.0)),
            ("1\0x", Bound::Included(1.0)),
            ("(1\0x", Bound::Excluded(1.0)),
            ("1e400", Bound::Included(f64::INFINITY)),
            ("1e-400", Bound::Included(0.0)),
            ("(-inf", Bound::Excluded(f64::NEG_INFINITY)),
        ] {
            assert_eq!(score_bound(text.as_bytes()), Ok(expected), "{text:?}");
        }
        for text in ["x", "((", "nan", "(nan", " 1", "0x1", "3x"] {
            assert!(score_bound(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
