//! What SRANDMEMBER, HRANDFIELD and ZRANDMEMBER have in common: the count, and the reply to a
//! negative one, which draws so many times, the same element perhaps again.
//!
//! There the reply grows with a number that costs its sender nothing. Redis builds it until its
//! memory is used up; here it has a bound.

use super::arguments::signed;
use super::{Call, Error, Result};
use crate::base::limits::DRAWN_BYTES_MAX;
use crate::base::number;
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};

/// Bytes of the shortest element in a reply: `$0`, and two ends of lines.
const SHORTEST_BYTES: u64 = 6;

/// After so many draws it is known about how long the reply becomes.
const SAMPLED: u64 = 1024;

const TOO_LONG: Error = Error::text("ERR value is out of range, the reply would exceed 1 GiB");

/// What a call asks for.
#[derive(Clone, Copy)]
pub(super) struct Request {
    /// So many different elements; negative: draw so many times.
    pub count: i64,
    /// Whether what belongs to the elements is wanted too.
    pub with_values: bool,
}

impl Request {
    /// Reads `count [word]` from position 2 to the end.
    pub(super) fn parse(call: &Call<'_>, word: &str) -> Result<Self> {
        let count = signed(call, 2)?;
        let with_values = call.is(3, word);
        if call.len() > 4 || (call.len() == 4 && !with_values) {
            return Err(Error::Syntax);
        }
        // Twice as many could not be counted: Redis' bound.
        if with_values && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
            return Err(Error::text("ERR value is out of range"));
        }
        Ok(Request { count, with_values })
    }
}

/// How many elements the call looks at, of a collection that has `len`.
pub(super) fn cost(call: &Call<'_>, len: usize) -> u64 {
    let len = len as u64;
    let Some(text) = call.get(2) else { return len.min(1) };
    match number::parse_i64(text) {
        None => 0,
        Some(_) if len == 0 => 0,
        Some(times) if times < 0 && refuses(times.unsigned_abs()) => 0,
        Some(times) if times < 0 => times.unsigned_abs(),
        // For a large part of a collection all of it is shuffled.
        Some(count) if count.unsigned_abs() >= len / 4 => len,
        Some(count) => count.unsigned_abs(),
    }
}

/// Whether it is known beforehand that so many draws are too many.
fn refuses(times: u64) -> bool {
    times > DRAWN_BYTES_MAX / SHORTEST_BYTES
}

/// An error if a reply has become too long: for whoever names an element as often as the client
/// says (GET patterns of SORT too).
pub(super) fn check_length(reply: &BulksBuilder) -> Result<()> {
    if reply.encoded_len() as u64 > DRAWN_BYTES_MAX { Err(TOO_LONG) } else { Ok(()) }
}

/// The reply of so many draws. `draw` adds one to the reply; false: there is nothing to draw from.
/// An error if the reply becomes too long, mostly before much of it is made.
pub(super) fn draw(
    times: u64,
    kind: BulksKind,
    mut draw: impl FnMut(&mut BulksBuilder) -> bool,
) -> Result<Reply<'static>> {
    if refuses(times) {
        return Err(TOO_LONG);
    }
    let mut drawn = BulksBuilder::new(kind);
    for n in 1..=times {
        if !draw(&mut drawn) {
            break;
        }
        check_length(&drawn)?;
        let bytes = drawn.encoded_len() as u64;
        if n == SAMPLED && bytes.saturating_mul(times / SAMPLED) > 2 * DRAWN_BYTES_MAX {
            return Err(TOO_LONG);
        }
    }
    Ok(drawn.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_reply_that_would_be_too_long_is_refused_early() {
        let draws = Cell::new(0u64);
        let draw_of = |times, text: &[u8]| {
            draws.set(0);
            let reply = draw(times, BulksKind::Array, |drawn| {
                draws.set(draws.get() + 1);
                drawn.push(text);
                true
            });
            (reply.map(|_| ()), draws.get())
        };
        assert_eq!(draw_of(5, b"ab"), (Ok(()), 5));
        assert_eq!(draw_of(u64::MAX, b"ab"), (Err(TOO_LONG), 0));
        assert_eq!(draw_of(DRAWN_BYTES_MAX / 8, &[7; 64]), (Err(TOO_LONG), SAMPLED));
        let (reply, draws) = draw_of(1000, &[7; 2 << 20]);
        assert_eq!(reply, Err(TOO_LONG));
        assert!(draws * (2 << 20) > DRAWN_BYTES_MAX - (2 << 20) && draws < 520, "{draws}");
    }

    #[test]
    fn nothing_to_draw_from_is_an_empty_reply() {
        let reply = draw(9, BulksKind::Array, |_| false);
        assert_eq!(
            reply.map(|reply| matches!(reply, Reply::Bulks(bulks) if bulks.is_empty())),
            Ok(true)
        );
    }
}
