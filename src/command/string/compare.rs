//! DIGEST and DELEX, and the comparisons of SET and DELEX with the string that a key holds.
//!
//! They are Redis' (8.4), not Valkey's. The digest is XXH3 with 64 bits, as 16 hexadecimal digits:
//! enough to tell whether a long string is still the one that was read, without sending it.

use super::{STRING, whole_cost};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::Delete;
use crate::keyspace::{Tx, View};
use crate::resp::Reply;
use xxhash_rust::xxh3::xxh3_64;

pub(super) const DIGEST: Command = Command {
    name: "digest",
    summary: "Returns the XXH3 digest of the string under a key, in 16 hexadecimal digits.",
    syntax: "key",
    example: r#"
        > SET greeting hello
        OK
        > DIGEST greeting
        "9555e8555c62dcfd"
        > DIGEST missing
        (nil)
    "#,
    since: "8.4.0",
    complexity: "O(N)",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(digest),
    cost: Some(whole_cost),
    ..STRING
};

fn digest<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let Some(value) = view.string(call.key(1))? else { return Ok(Reply::Null) };
    Ok(Reply::Owned(format!("{:016x}", xxh3_64(&value.bytes())).into_bytes()))
}

pub(super) const DELEX: Command = Command {
    name: "delex",
    summary: "Deletes a key, perhaps only if it is, or is not, a certain string.",
    syntax: "key [IFEQ comparison-value | IFNE comparison-value | IFDEQ comparison-digest | \
             IFDNE comparison-digest]",
    example: r#"
        > SET lock mine
        OK
        > DELEX lock IFEQ yours
        (integer) 0
        log:
        > DELEX lock IFNE yours
        (integer) 1
        log: DEL lock
    "#,
    since: "8.4.0",
    keys: &[Keys::One(1, Access::DeleteVariable)],
    flags: &[Flag::Fast],
    handler: Handler::Write(delex),
    ..STRING
};

/// A missing key is answered before the arguments are looked at, as in Redis.
fn delex<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let Some(entry) = tx.entry(key) else { return Ok(Reply::Int(0)) };
    let is_deleted = call.len() == 2 || {
        let value = entry
            .string()
            .ok_or(Error::text("ERR Key should be of string type if conditions are specified"))?;
        if call.len() != 4 {
            return Err(Error::Arity(call.command.full_name.to_owned()));
        }
        let comparison = Comparison::named(call.arg(2))
            .ok_or(Error::text("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"))?;
        comparison(call.arg(3)).holds(&value.bytes())?
    };
    if is_deleted {
        tx.emit(Delete::of(key));
    }
    Ok(Reply::Int(i64::from(is_deleted)))
}

/// A comparison with the string that a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison<'a> {
    /// IFEQ: it is this one.
    Equal(&'a [u8]),
    /// IFNE: it is not this one.
    Unequal(&'a [u8]),
    /// IFDEQ: it has this digest.
    EqualDigest(&'a [u8]),
    /// IFDNE: it has not this digest.
    UnequalDigest(&'a [u8]),
}

impl<'a> Comparison<'a> {
    /// The comparison with this name, in any case, which takes an argument.
    pub fn named(word: &[u8]) -> Option<fn(&'a [u8]) -> Self> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("IFEQ") {
            Some(Comparison::Equal)
        } else if is("IFNE") {
            Some(Comparison::Unequal)
        } else if is("IFDEQ") {
            Some(Comparison::EqualDigest)
        } else if is("IFDNE") {
            Some(Comparison::UnequalDigest)
        } else {
            None
        }
    }

    /// Whether it is one of those that a missing key satisfies in SET.
    pub fn is_for_unequal(self) -> bool {
        matches!(self, Comparison::Unequal(_) | Comparison::UnequalDigest(_))
    }

    /// Whether it holds for this string. An error for a digest that is none: 16 hexadecimal digits,
    /// in any case. (Redis looks at them only if there is a string to compare; so do we.)
    pub fn holds(self, bytes: &[u8]) -> Result<bool> {
        match self {
            Comparison::Equal(text) => Ok(bytes == text),
            Comparison::Unequal(text) => Ok(bytes != text),
            Comparison::EqualDigest(text) => Ok(xxh3_64(bytes) == parse_digest(text)?),
            Comparison::UnequalDigest(text) => Ok(xxh3_64(bytes) != parse_digest(text)?),
        }
    }
}

fn parse_digest(text: &[u8]) -> Result<u64> {
    const DIGITS: usize = 16;
    let digits = text.iter().map(|byte| char::from(*byte).to_digit(16).map(u64::from));
    let number = digits.clone().try_fold(0u64, |number, digit| Some(number << 4 | digit?));
    number
        .filter(|_| text.len() == DIGITS)
        .ok_or(Error::text("ERR The digest must be exactly 16 hexadecimal characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from XXH3's own test vectors and from Redis' documentation of leading zeros.
    #[test]
    fn digests() {
        assert_eq!(xxh3_64(b""), 0x2D06_8005_38D3_94C2);
        let zeros = b"v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytls2kwlj7626sd";
        assert_eq!(format!("{:016x}", xxh3_64(zeros)), "00006c38adf31777");
    }

    #[test]
    fn digests_read() {
        assert_eq!(parse_digest(b"00006c38adf31777"), Ok(0x6c38_adf3_1777));
        assert_eq!(parse_digest(b"00006C38ADF31777"), Ok(0x6c38_adf3_1777));
        for wrong in
            ["", "6c38adf31777", "00006c38adf317770", "00006c38adf3177g", "+0006c38adf31777"]
        {
            assert!(parse_digest(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
