//! BITCOUNT and BITPOS: bits counted and found in a range.

use super::BITMAP;
use crate::command::string::{cost_of, range_of};
use crate::command::{Access, Call, Command, Error, Handler, Keys, Result};
use crate::keyspace::{StringRef, View};
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
    cost: Some(bitcount_cost),
    ..BITMAP
};

fn bitcount<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let range = Limits::parse(call, 2)?;
    let Some(value) = view.string(call.key(1))? else { return Ok(Reply::Int(0)) };
    let bytes = value.bytes();
    let count = bits::count_in(&bytes, range.bits(&range.counted(bytes.len())));
    Ok(Reply::Int(count.cast_signed()))
}

fn bitcount_cost<'a>(view: View<'a>, call: &Call<'a>) -> u64 {
    match (Limits::parse(call, 2), view.string(call.key(1))) {
        (Ok(range), Ok(Some(StringRef::Shared(bytes)))) => {
            bits_cost(&range.bits(&range.counted(bytes.len())))
        }
        _ => 1,
    }
}

fn bits_cost(bits: &Range<u64>) -> u64 {
    cost_of(((bits.end - bits.start) / 8) as usize)
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
    cost: Some(bitpos_cost),
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

/// All of the range, unless the bit is found soon.
fn bitpos_cost<'a>(view: View<'a>, call: &Call<'a>) -> u64 {
    /// So many bits are tried to find that out.
    const TRIED: u64 = 64 * 64 * 8;
    let (Ok(range), Ok(Some(StringRef::Shared(bytes)))) =
        (Limits::parse(call, 3), view.string(call.key(1)))
    else {
        return 1;
    };
    let all = range.bits(&range.absolute(bytes.len() * range.units_a_byte()));
    let first = all.start..all.end.min(all.start.saturating_add(TRIED));
    let is_there = bits::position_in(bytes, call.arg(2) == b"1", first.clone()).is_some();
    bits_cost(if is_there { &first } else { &all })
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

    /// The range of units that BITCOUNT counts in, of a string of so many bytes.
    fn counted(&self, bytes: usize) -> Range<usize> {
        let units = bytes * self.units_a_byte();
        range_of(self.start.unwrap_or(0), self.end.unwrap_or(-1), units)
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
