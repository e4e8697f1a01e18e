//! GET, MGET, STRLEN, GETRANGE, SUBSTR: strings looked at.

use super::{STRING, borrowed, cost_of, length};
use crate::command::arguments::per_argument;
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result};
use crate::keyspace::{Key, StringRef, View};
use crate::resp::Reply;
use std::ops::Range;

pub(super) const GET: Command = Command {
    name: "get",
    summary: "Returns the string under a key.",
    syntax: "key",
    example: r#"
        > SET greeting hello
        OK
        > GET greeting
        "hello"
        log:
        > GET missing
        (nil)
    "#,
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(get),
    ..STRING
};

/// The hottest path of the server: one look, no allocation, no copy of the value before it is
/// encoded.
#[inline]
fn get<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    Ok(match view.string(call.key(1))? {
        Some(value) => borrowed(value),
        None => Reply::Null,
    })
}

pub(super) const MGET: Command = Command {
    name: "mget",
    summary: "Returns the strings under several keys, null for a key that is missing or not a string.",
    syntax: "key [key ...]",
    example: r#"
        > MSET a 1 b two
        OK
        > MGET a b c
        1) "1"
        2) "two"
        3) (nil)
    "#,
    complexity: "O(N)",
    keys: &[Keys::Range(1, -1, 1, Access::Read)],
    flags: &[Flag::Fast],
    tips: &["request_policy:multi_shard"],
    handler: Handler::Read(mget),
    cost: Some(per_argument),
    ..STRING
};

/// Keys whose pages are fetched together: their cache misses overlap, which is most of what a
/// look-up costs.
const FETCHED_TOGETHER: usize = 16;

fn mget<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let keys: Vec<Key<'a>> = (1..call.len()).map(|position| call.key(position)).collect();
    let mut values = Vec::with_capacity(keys.len());
    for together in keys.chunks(FETCHED_TOGETHER) {
        for key in together {
            view.keyspace().prefetch_page(view.db(), key.hash);
        }
        for key in together {
            view.keyspace().prefetch_entry(view.db(), key.hash);
        }
        values.extend(together.iter().map(|key| match view.string(*key) {
            Ok(Some(value)) => borrowed(value),
            // Another type counts as missing: one key must not spoil the others' answers.
            Ok(None) | Err(_) => Reply::Null,
        }));
    }
    Ok(Reply::Array(values))
}

pub(super) const STRLEN: Command = Command {
    name: "strlen",
    summary: "Returns the length of a string in bytes, 0 for a missing key.",
    syntax: "key",
    example: r#"
        > SET greeting hello
        OK
        > STRLEN greeting
        (integer) 5
    "#,
    since: "2.2.0",
    touches: Some(true),
    keys: &[Keys::One(1, Access::Metadata)],
    flags: &[Flag::Fast],
    handler: Handler::Read(strlen),
    ..STRING
};

fn strlen<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    Ok(length(view.string(call.key(1))?.map_or(0, |value| value.len())))
}

pub(super) const GETRANGE: Command = Command {
    name: "getrange",
    summary: "Returns a part of a string, from one byte to another, both included; negative counts from the end.",
    syntax: "key start end",
    example: r#"
        > SET greeting "hello world"
        OK
        > GETRANGE greeting 0 4
        "hello"
        > GETRANGE greeting -5 -1
        "world"
    "#,
    since: "2.4.0",
    complexity: "O(N)",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(getrange),
    cost: Some(getrange_cost),
    ..STRING
};

pub(super) const SUBSTR: Command = Command {
    name: "substr",
    summary: "The old name of GETRANGE.",
    example: r#"
        > SET greeting "hello world"
        OK
        > SUBSTR greeting 6 -1
        "world"
    "#,
    since: "1.0.0",
    ..GETRANGE
};

fn getrange<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (start, end) = (call.int(2)?, call.int(3)?);
    let Some(value) = view.string(call.key(1))? else { return Ok(Reply::Bulk(b"")) };
    let range = range_of(start, end, value.len());
    Ok(match value {
        whole if range.len() == whole.len() => borrowed(whole),
        StringRef::Bytes(bytes) => Reply::Bulk(&bytes[range]),
        StringRef::Shared(bytes) => Reply::Bulk(&bytes[range]),
        StringRef::Int(number) => {
            Reply::Owned(itoa::Buffer::new().format(number).as_bytes()[range].to_vec())
        }
    })
}

/// The bytes from `start` to `end`, both included and negative ones counted from the end, of
/// `length` bytes.
pub(in crate::command) fn range_of(start: i64, end: i64, length: usize) -> Range<usize> {
    // Also when both lie before the beginning, which would otherwise be moved to it and give one
    // byte.
    if length == 0 || (start < 0 && end < 0 && start > end) {
        return 0..0;
    }
    let from_start = |index: i64| match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => length.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(length)),
    };
    let (start, end) = (from_start(start), from_start(end).min(length - 1));
    if start > end { 0..0 } else { start..end + 1 }
}

/// A part of a long string is copied. The whole is shared, and costs nothing.
fn getrange_cost<'a>(view: View<'a>, call: &Call<'a>) -> u64 {
    let (Ok(start), Ok(end)) = (call.int(2), call.int(3)) else { return 1 };
    match view.string(call.key(1)) {
        Ok(Some(StringRef::Shared(bytes))) => {
            let range = range_of(start, end, bytes.len());
            if range.len() == bytes.len() { 1 } else { cost_of(range.len()) }
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the range means, by walking over every byte of the string, as C's signed arithmetic has
    /// it.
    fn twin(start: i64, end: i64, length: usize) -> Vec<usize> {
        let wide = length as i128;
        let (start, end) = (i128::from(start), i128::from(end));
        if start < 0 && end < 0 && start > end {
            return vec![];
        }
        let absolute = |index: i128| if index < 0 { (index + wide).max(0) } else { index };
        (0..length)
            .filter(|at| (absolute(start)..=absolute(end)).contains(&(*at as i128)))
            .collect()
    }

    #[test]
    fn range_corners() {
        for (start, end, length, expected) in [
            (0, -1, 5, 0..5),
            (-3, -1, 5, 2..5),
            (-1, -3, 5, 0..0),
            (-100, -50, 5, 0..1),
            (0, -100, 5, 0..1),
            (5, 5, 5, 0..0),
            (i64::MIN, i64::MAX, 5, 0..5),
            (i64::MAX, i64::MAX, 5, 0..0),
            (i64::MIN, i64::MIN, 5, 0..1),
            (0, -1, 0, 0..0),
        ] {
            assert_eq!(range_of(start, end, length), expected, "{start} {end} of {length}");
        }
    }

    proptest! {
        #[test]
        fn range_is_what_walking_gives(start in -12i64..12, end in -12i64..12, length in 0usize..8) {
            let range: Vec<usize> = range_of(start, end, length).collect();
            prop_assert_eq!(range, twin(start, end, length));
        }
    }
}
