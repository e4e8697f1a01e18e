//! LCS: what two strings have in common.

use super::STRING;
use super::subsequence::{self, Match, Trace};
use crate::command::{Access, Call, Command, Error, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;
use std::borrow::Cow;

pub(super) const LCS: Command = Command {
    name: "lcs",
    summary: "Finds the longest common subsequence of two strings.",
    syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    example: r#"
        > MSET a ohmytext b mynewtext
        OK
        > LCS a b
        "mytext"
        > LCS a b LEN
        (integer) 6
        > LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
        1) "matches"
        2) 1) 1) 1) (integer) 4
                 2) (integer) 7
              2) 1) (integer) 5
                 2) (integer) 8
              3) (integer) 4
        3) "len"
        4) (integer) 6
    "#,
    since: "7.0.0",
    complexity: "O(N*M)",
    keys: &[Keys::Range(1, 2, 1, Access::Read)],
    handler: Handler::Read(lcs),
    cost: Some(cost),
    ..STRING
};

/// Bytes of a table entry in Redis. Its table is what the limit on the strings' lengths is stated
/// for; ours takes a thirty-second part of it.
const CELL_BYTES: u64 = 4;

/// The options as given.
#[derive(Debug, Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: i64,
}

impl Options {
    fn parse(call: &Call<'_>) -> Result<Self> {
        let mut options = Options::default();
        let mut at = 3;
        while at < call.len() {
            if call.is(at, "LEN") {
                options.len = true;
            } else if call.is(at, "IDX") {
                options.idx = true;
            } else if call.is(at, "WITHMATCHLEN") {
                options.with_match_len = true;
            } else if call.is(at, "MINMATCHLEN") && at + 1 < call.len() {
                at += 1;
                options.min_match_len = call.int(at)?;
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        if options.len && options.idx {
            const BOTH: &str = "ERR If you want both the length and indexes, please just use IDX.";
            return Err(Error::text(BOTH));
        }
        Ok(options)
    }
}

fn lcs<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (a, b) = strings(view, call)?;
    let options = Options::parse(call)?;
    if cells(a.len(), b.len()).saturating_mul(CELL_BYTES) > view.string_bytes_max() {
        const TOO_LONG: &str =
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        return Err(Error::text(TOO_LONG));
    }
    if options.len {
        return Ok(Reply::Int(i64::from(subsequence::length(&a, &b))));
    }
    let trace = Trace::new(&a, &b);
    if !options.idx {
        return Ok(Reply::from_vec(trace.string()));
    }
    let long_enough = |found: &Match| found.length as i64 >= options.min_match_len;
    let matches = trace.matches().into_iter().filter(long_enough);
    let matches = matches.map(|found| match_reply(&found, options.with_match_len)).collect();
    Ok(Reply::Map(vec![
        (Reply::Bulk(b"matches"), Reply::Array(matches)),
        (Reply::Bulk(b"len"), Reply::Int(i64::from(trace.length()))),
    ]))
}

/// A string's bytes: copied only if it is kept as an integer.
type Text<'a> = Cow<'a, [u8]>;

/// The two strings; a missing key is an empty one.
fn strings<'a>(view: View<'a>, call: &Call<'a>) -> Result<(Text<'a>, Text<'a>)> {
    let bytes = |position| match view.string(call.key(position)) {
        Ok(value) => Ok(value.map_or(Cow::Borrowed(b"".as_slice()), |value| value.bytes())),
        Err(_) => Err(Error::text("ERR The specified keys must contain string values")),
    };
    // Both are looked at before one is judged: a hit and a miss are counted whatever the first is.
    let (a, b) = (bytes(1), bytes(2));
    Ok((a?, b?))
}

/// Entries of the table of lengths, the row and the column for empty prefixes included.
fn cells(a: usize, b: usize) -> u64 {
    (a as u64 + 1).saturating_mul(b as u64 + 1)
}

/// Every cell of the table is looked at.
fn cost<'a>(view: View<'a>, call: &Call<'a>) -> u64 {
    match strings(view, call) {
        Ok((a, b)) => cells(a.len(), b.len()),
        Err(_) => 1,
    }
}

/// `[[first, last], [first, last]]`, positions in both strings, perhaps with the length behind.
fn match_reply(found: &Match, with_length: bool) -> Reply<'static> {
    let range = |start: usize| {
        let last = start + found.length - 1;
        Reply::Array(vec![Reply::Int(start as i64), Reply::Int(last as i64)])
    };
    let mut reply = vec![range(found.a), range(found.b)];
    if with_length {
        reply.push(Reply::Int(found.length as i64));
    }
    Reply::Array(reply)
}
