//! The options that SET, GETEX and MSETEX share, parsed once.

use super::compare::Comparison;
use crate::command::expiry::Unit;
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
