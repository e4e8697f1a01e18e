//! BITCOUNT and BITPOS: bits counted and found in a range.

use super::BITMAP;
use crate::command::string::{range_of, whole_cost};
use crate::command::{Access, Call, Command, Error, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;
use crate::types::bits;
use std::ops::Range;

pub(super) const BITCOUNT: Command = Command {
    name: "bitcount",
    summary: "Counts the bits that are set in a string, or in a range of its bytes or bits.",
    syntax: "key [start [end [BYTE | BIT]]]",
    example: r#"
        > SET word foobar
        OK
        > BITCOUNT word
        (integer) 26
        > BITCOUNT word 1 1
        (integer) 6
        > BITCOUNT word 5 30 BIT
        (integer) 17
    "#,
    since: "2.6.0",
    complexity: "O(N)",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(bitcount),
    cost: Some(whole_cost),
    ..BITMAP
};

fn bitcount<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let range = Limits::parse(call, 2)?;
    let Some(value) = view.string(call.key(1))? else { return Ok(Reply::Int(0)) };
    let bytes = value.bytes();
    let units = bytes.len() * range.units_a_byte();
    let found = range_of(range.start.unwrap_or(0), range.end.unwrap_or(-1), units);
    let count = bits::count_in(&bytes, range.bits(&found));
    Ok(Reply::Int(count.cast_signed()))
}

pub(super) const BITPOS: Command = Command {
    name: "bitpos",
    summary: "Returns the position of the first bit that is 0 or 1 in a string, or in a range of it.",
    syntax: "key bit [start [end [BYTE | BIT]]]",
    example: r#"
        > SETBIT seen 12 1
        (integer) 0
        > BITPOS seen 1
        (integer) 12
        > BITPOS seen 0 1
        (integer) 8
        > BITPOS seen 1 0 7 BIT
        (integer) -1
    "#,
    since: "2.8.7",
    complexity: "O(N)",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(bitpos),
    cost: Some(whole_cost),
    ..BITMAP
};

fn bitpos<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let bit = match call.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(Error::text("ERR The bit argument must be 1 or 0.")),
    };
    let range = Limits::parse(call, 3)?;
    let Some(value) = view.string(call.key(1))? else {
        // Nothing is an endless row of zeros.
        return Ok(Reply::Int(if bit { -1 } else { 0 }));
    };
    let bytes = value.bytes();
    let found = range.absolute(bytes.len() * range.units_a_byte());
    let position = match bits::position_in(&bytes, bit, range.bits(&found)) {
        Some(position) => position.cast_signed(),
        // Without an end the string counts as followed by zeros.
        None if !bit && range.end.is_none() && !found.is_empty() => (bytes.len() * 8) as i64,
        None => -1,
    };
    Ok(Reply::Int(position))
}

/// `[start [end [BYTE | BIT]]]`.
struct Limits {
    start: Option<i64>,
    end: Option<i64>,
    /// Whether they are counted in bits, not bytes.
    in_bits: bool,
}

impl Limits {
    /// Reads the arguments from position `from` to the end.
    fn parse(call: &Call<'_>, from: usize) -> Result<Self> {
        let number = |at: usize| call.get(at).map(|_| call.int(at)).transpose();
        if call.len() > from + 3 {
            return Err(Error::Syntax);
        }
        let start = number(from)?;
        // The unit before the end, as in Valkey.
        let in_bits = call.is(from + 2, "BIT");
        if call.len() > from + 2 && !in_bits && !call.is(from + 2, "BYTE") {
            return Err(Error::Syntax);
        }
        Ok(Limits { start, end: number(from + 1)?, in_bits })
    }

    fn units_a_byte(&self) -> usize {
        if self.in_bits { 8 } else { 1 }
    }

    /// The range of `length` units, negative limits counted from the end. Unlike BITCOUNT's it is
    /// not empty when both lie before the beginning.
    fn absolute(&self, length: usize) -> Range<usize> {
        let from_start = |index: i64| match usize::try_from(index) {
            Ok(index) => index,
            Err(_) => {
                length.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(length))
            }
        };
        let start = from_start(self.start.unwrap_or(0)).min(length);
        let end = self.end.map_or(length, |end| from_start(end).saturating_add(1).min(length));
        start..end.max(start)
    }

    /// A range of units in bits.
    fn bits(&self, units: &Range<usize>) -> Range<u64> {
        let bits = 8 / self.units_a_byte() as u64;
        units.start as u64 * bits..units.end as u64 * bits
    }
}
