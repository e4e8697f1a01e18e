//! The options that SET, GETEX and MSETEX share, parsed once, and times in requests made absolute.

use super::compare::Comparison;
use crate::base::clock::UnixMs;
use crate::base::number;
use crate::command::{Call, Error, Result};

/// Whose options: each takes a part of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// SET: NX, XX, the comparisons, GET, KEEPTTL and times.
    Set,
    /// GETEX: PERSIST and times.
    GetEx,
    /// MSETEX: NX, XX, KEEPTTL and times.
    MsetEx,
}

/// Options as given. Each may be repeated, and then the last one counts; a comparison may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options<'a> {
    /// NX, XX, IFEQ, IFNE, IFDEQ, IFDNE.
    pub condition: Condition<'a>,
    /// GET.
    pub get: bool,
    /// What is to become of the expiry.
    pub expiry: ExpiryOption<'a>,
}

/// When a value is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    /// In any case.
    Always,
    /// NX: if the key is missing.
    Missing,
    /// XX: if the key is there.
    Exists,
    /// If the key compares so.
    Compares(Comparison<'a>),
}

/// What a request says about the expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpiryOption<'a> {
    /// Nothing.
    None,
    /// KEEPTTL.
    Keep,
    /// PERSIST.
    Persist,
    /// EX, PX, EXAT, PXAT with the argument behind it, not yet read as a number.
    Time(Unit, &'a [u8]),
}

/// How a time is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) enum Unit {
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

impl<'a> Options<'a> {
    /// Reads the arguments from position `from` to the end. A syntax error if one is not an option
    /// of the command, misses its argument, or contradicts an earlier one.
    pub fn parse(call: &Call<'a>, from: usize, takes: Takes) -> Result<Self> {
        let mut options =
            Options { condition: Condition::Always, get: false, expiry: ExpiryOption::None };
        let mut rest = call.args().get(from..).unwrap_or_default();
        while let [word, tail @ ..] = rest {
            rest = match options.take(word, tail, takes) {
                Some(consumed) => tail.get(consumed..).unwrap_or_default(),
                None => return Err(Error::Syntax),
            };
        }
        Ok(options)
    }

    /// Takes one option in; how many arguments behind its word it has consumed, or nothing if it
    /// does not fit.
    fn take(&mut self, word: &[u8], behind: &[&'a [u8]], takes: Takes) -> Option<usize> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let sets = takes != Takes::GetEx;
        let consumed = if sets && is("NX") {
            self.condition = self.condition.or_same(Condition::Missing)?;
            0
        } else if sets && is("XX") {
            self.condition = self.condition.or_same(Condition::Exists)?;
            0
        } else if takes == Takes::Set
            && let Some(comparison) = Comparison::named(word)
        {
            // Unlike the others not even itself again.
            if self.condition != Condition::Always {
                return None;
            }
            self.condition = Condition::Compares(comparison(behind.first()?));
            1
        } else if takes == Takes::Set && is("GET") {
            self.get = true;
            0
        } else if sets && is("KEEPTTL") {
            self.expiry = self.expiry.or_same(ExpiryOption::Keep)?;
            0
        } else if takes == Takes::GetEx && is("PERSIST") {
            self.expiry = self.expiry.or_same(ExpiryOption::Persist)?;
            0
        } else {
            let unit = Unit::named(word)?;
            match self.expiry {
                ExpiryOption::None => {}
                ExpiryOption::Time(earlier, _) if earlier == unit => {}
                _ => return None,
            }
            self.expiry = ExpiryOption::Time(unit, behind.first()?);
            1
        };
        Some(consumed)
    }
}

impl Condition<'_> {
    /// The new one, if there was none or the same.
    fn or_same(self, new: Self) -> Option<Self> {
        (self == Condition::Always || self == new).then_some(new)
    }
}

impl ExpiryOption<'_> {
    /// See [`Condition::or_same`].
    fn or_same(self, new: Self) -> Option<Self> {
        (self == ExpiryOption::None || self == new).then_some(new)
    }
}

/// The unix time in ms, 1 to `i64::MAX`, that `text` in `unit` means at `now`. Zero, negative and
/// overflowing times are refused in the name of the command; a time in the past is not (see
/// [`is_past`]).
pub(super) fn deadline(call: &Call<'_>, now: UnixMs, unit: Unit, text: &[u8]) -> Result<u64> {
    let number = number::parse_i64(text).ok_or(Error::NotInteger)?;
    let time = u64::try_from(number).ok().filter(|time| *time > 0);
    let time = time.and_then(|time| match unit {
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

/// Whether a key that is given this expiry at `now` would be gone at once. Never during replay,
/// where a record must do what it did.
pub(super) fn is_past(deadline: u64, now: UnixMs) -> bool {
    deadline <= now.0
}
