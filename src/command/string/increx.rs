//! INCREX: counting within bounds, and with an expiry, in one step.
//!
//! It is Redis' (8.8). A sum beyond a bound, or beyond what the type holds, is not stored, and the
//! reply says that 0 was added; with SATURATE the bound is stored in its place.

use super::STRING;
use crate::base::long_double::LongDouble;
use crate::base::number;
use crate::command::expiry::{Unit, deadline, is_past};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{IncrBy, IncrEx, SetExpiry, SetString};
use crate::keyspace::{StringRef, Tx, WrongType};
use crate::resp::Reply;

pub(super) const INCREX: Command = Command {
    name: "increx",
    summary: "Adds to the number under a key, within bounds and perhaps with an expiry; returns the sum \
              and what was added.",
    syntax: "key [BYFLOAT increment | BYINT increment] [LBOUND lowerbound] [UBOUND upperbound] \
             [SATURATE] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | PERSIST] [ENX]",
    example: r#"
        > INCREX calls UBOUND 2 EX 60 ENX
        1) (integer) 1
        2) (integer) 1
        log: SET calls 1 PXAT 1700000060000
        > INCREX calls UBOUND 2 EX 60 ENX
        1) (integer) 2
        2) (integer) 1
        log: INCRBY calls 1
        > INCREX calls UBOUND 2 EX 60 ENX
        1) (integer) 2
        2) (integer) 0
        log:
    "#,
    since: "8.8.0",
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(increx),
    ..STRING
};

fn increx<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let options = Options::parse(call)?;
    let at = match options.expiry {
        Some(Expiry::Time(unit, text)) => Some(deadline(call, tx.now(), unit, text)?),
        _ => None,
    };
    match options.by {
        Some((true, by)) => {
            let sum = Sum::<LongDouble>::limits(&options, by)?;
            increase_float(tx, call, &options, &sum, at)
        }
        by => {
            let sum = Sum::<i64>::limits(&options, by.map_or(b"1", |(_, by)| by))?;
            increase_int(tx, call, &options, &sum, at)
        }
    }
}

/// What stands under the key.
struct Found<T> {
    number: T,
    /// Whether it has an expiry.
    expires: bool,
}

/// The number under the call's key as `read` gives it; `zero` if there is none.
fn found<T>(
    tx: &Tx<'_>,
    call: &Call<'_>,
    zero: T,
    read: impl FnOnce(StringRef<'_>) -> Result<T>,
) -> Result<Found<T>> {
    let Some(entry) = tx.entry(call.key(1)) else {
        return Ok(Found { number: zero, expires: false });
    };
    let value = entry.string().ok_or(WrongType)?;
    Ok(Found { number: read(value)?, expires: entry.expiry().is_some() })
}

fn increase_int<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'a>,
    options: &Options<'_>,
    sum: &Sum<i64>,
    at: Option<u64>,
) -> Result<Reply<'a>> {
    let read = |value: StringRef<'_>| value.integer().ok_or(Error::NotInteger);
    let Found { number: old, expires } = found(tx, call, 0, read)?;
    let pair = |new, by| Ok(Reply::Array(vec![Reply::Int(new), Reply::Int(by)]));
    let exact = i128::from(old) + i128::from(sum.by);
    let limited = exact.clamp(sum.lower.into(), sum.upper.into());
    if limited != exact && !options.saturates {
        return pair(old, 0);
    }
    let Ok(added) = i64::try_from(limited - i128::from(old)) else {
        return Err(Error::text("ERR applied increment would overflow"));
    };
    let new = limited as i64; // Between two bounds of 64 bits.
    let then = Then::of(tx, options, at, expires);
    if matches!(then, Then::Keep) {
        tx.emit(IncrBy { key: call.key(1), by: added });
    } else {
        then.store(tx, call, itoa::Buffer::new().format(new).as_bytes(), "incrby", expires);
    }
    pair(new, added)
}

fn increase_float<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'a>,
    options: &Options<'_>,
    sum: &Sum<LongDouble>,
    at: Option<u64>,
) -> Result<Reply<'a>> {
    let read = |value: StringRef<'_>| LongDouble::parse(&value.bytes()).ok_or(Error::NotFloat);
    let Found { number: old, expires } = found(tx, call, LongDouble::ZERO, read)?;
    if old.is_infinite() {
        return Err(Error::text("ERR value cannot be Infinity"));
    }
    let infinite = || Error::text("ERR applied increment would be Infinity");
    // Both are finite; a sum that is not is beyond the type's bound.
    let exact = old.plus(sum.by).ok_or_else(infinite)?;
    let limited = if exact > sum.upper {
        sum.upper
    } else if exact < sum.lower {
        sum.lower
    } else {
        exact
    };
    if (limited != exact || exact.is_infinite()) && !options.saturates {
        return Ok(Reply::Array(vec![
            Reply::DoubleText(old.print()),
            Reply::DoubleText(LongDouble::ZERO.print()),
        ]));
    }
    let added = limited.plus(old.negated()).filter(|added| !added.is_infinite());
    let added = added.ok_or_else(infinite)?;
    // What was asked for, where it was done: a difference would show rounding.
    let added = if limited == exact { sum.by } else { added };
    let text = limited.print();
    Then::of(tx, options, at, expires).store(tx, call, &text, "incrbyfloat", expires);
    Ok(Reply::Array(vec![Reply::DoubleText(text), Reply::DoubleText(added.print())]))
}

/// What becomes of the key with its new value.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// It keeps the expiry that it has, or has none.
    Keep,
    /// It loses the one it has.
    Persist,
    /// It expires at this time.
    At(u64),
    /// It is gone at once.
    Remove,
}

impl Then {
    /// `expires`: whether the key has an expiry.
    fn of(tx: &Tx<'_>, options: &Options<'_>, at: Option<u64>, expires: bool) -> Self {
        match (options.expiry, at) {
            (Some(Expiry::Persist), _) if expires => Then::Persist,
            (Some(Expiry::Time(..)), Some(at)) if !(options.only_if_none && expires) => {
                if is_past(at, tx.now()) { Then::Remove } else { Then::At(at) }
            }
            _ => Then::Keep,
        }
    }

    /// Stores the sum, as SET.
    fn store(
        self,
        tx: &mut Tx<'_>,
        call: &Call<'_>,
        value: &[u8],
        event: &'static str,
        expires: bool,
    ) {
        let key = call.key(1);
        let expiry = match self {
            Then::Keep if expires => SetExpiry::Keep,
            Then::Keep | Then::Persist => SetExpiry::Clear,
            Then::At(at) => SetExpiry::At(at),
            Then::Remove => {
                tx.remove_as_expired(key);
                return;
            }
        };
        let persists = matches!(self, Then::Persist);
        tx.emit(IncrEx { set: SetString { key, value, expiry }, event, persists });
    }
}

/// The increment and the bounds, read as what is counted in.
struct Sum<T> {
    by: T,
    lower: T,
    upper: T,
}

impl Sum<i64> {
    fn limits(options: &Options<'_>, by: &[u8]) -> Result<Self> {
        let read = |text, what| {
            number::parse_i64(text).ok_or_else(|| {
                Error::owned(format!("ERR {what} is not an integer or out of range"))
            })
        };
        let bound = |text: Option<_>, what| text.map(|text| read(text, what)).transpose();
        let by = read(by, "Increment")?;
        let lower = bound(options.lower, "LBOUND")?.unwrap_or(i64::MIN);
        let upper = bound(options.upper, "UBOUND")?.unwrap_or(i64::MAX);
        Sum { by, lower, upper }.checked()
    }
}

impl Sum<LongDouble> {
    fn limits(options: &Options<'_>, by: &[u8]) -> Result<Self> {
        let read = |text, what| {
            LongDouble::parse(text)
                .ok_or_else(|| Error::owned(format!("ERR {what} is not a valid float")))
        };
        let bound = |text: Option<_>, what| text.map(|text| read(text, what)).transpose();
        let by = read(by, "Increment")?;
        if by.is_infinite() {
            return Err(Error::text("ERR BYFLOAT increment cannot be Infinity"));
        }
        let lower = bound(options.lower, "LBOUND")?.unwrap_or(LongDouble::MAX.negated());
        let upper = bound(options.upper, "UBOUND")?.unwrap_or(LongDouble::MAX);
        Sum { by, lower, upper }.checked()
    }
}

impl<T: PartialOrd> Sum<T> {
    fn checked(self) -> Result<Self> {
        if self.lower > self.upper {
            return Err(Error::text("ERR LBOUND can't be greater than UBOUND"));
        }
        Ok(self)
    }
}

/// The options as given, each at most once.
#[derive(Debug, Default)]
struct Options<'a> {
    /// Whether it is a float, and the text.
    by: Option<(bool, &'a [u8])>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    saturates: bool,
    expiry: Option<Expiry<'a>>,
    /// ENX.
    only_if_none: bool,
}

#[derive(Debug, Clone, Copy)]
enum Expiry<'a> {
    Persist,
    Time(Unit, &'a [u8]),
}

impl<'a> Options<'a> {
    fn parse(call: &Call<'a>) -> Result<Self> {
        let mut options = Options::default();
        let mut rest = call.args().get(2..).unwrap_or_default();
        while let [word, tail @ ..] = rest {
            let consumed = options.take(word, tail).ok_or(Error::Syntax)?;
            rest = tail.get(consumed..).unwrap_or_default();
        }
        match (options.only_if_none, options.expiry) {
            (true, None) => Err(Error::text("ERR ENX flag requires an expiration")),
            (true, Some(Expiry::Persist)) => Err(Error::Syntax),
            _ => Ok(options),
        }
    }

    /// Takes one option in; how many arguments behind its word it has consumed, or nothing if it
    /// does not fit or came before.
    fn take(&mut self, word: &[u8], behind: &[&'a [u8]]) -> Option<usize> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let argument = behind.first().copied();
        let flag = |seen: &mut bool| (!std::mem::replace(seen, true)).then_some(0);
        if is("SATURATE") {
            flag(&mut self.saturates)
        } else if is("ENX") {
            flag(&mut self.only_if_none)
        } else if is("BYINT") || is("BYFLOAT") {
            let is_new = self.by.replace((is("BYFLOAT"), argument?)).is_none();
            is_new.then_some(1)
        } else if is("LBOUND") {
            self.lower.replace(argument?).is_none().then_some(1)
        } else if is("UBOUND") {
            self.upper.replace(argument?).is_none().then_some(1)
        } else if is("PERSIST") {
            self.expiry.replace(Expiry::Persist).is_none().then_some(0)
        } else {
            let time = Expiry::Time(Unit::named(word)?, argument?);
            self.expiry.replace(time).is_none().then_some(1)
        }
    }
}
