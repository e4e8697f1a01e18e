//! XLEN, XRANGE, XREVRANGE.

use super::{STREAM, count_reply, entries_reply, ids};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;
use crate::types::stream::StreamId;

pub(super) const XLEN: Command = Command {
    name: "xlen",
    summary: "Counts the entries of a stream.",
    syntax: "key",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XLEN readings
        (integer) 1
    "#,
    keys: &[Keys::One(1, Access::Metadata)],
    flags: &[Flag::Fast],
    handler: Handler::Read(xlen),
    ..STREAM
};

fn xlen<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let stream = view.counted().stream(call.key(1))?;
    Ok(count_reply(stream.map_or(0, |stream| stream.len())))
}

pub(super) const XRANGE: Command = Command {
    name: "xrange",
    summary: "Returns the entries of an interval of ids.",
    syntax: "key start end [COUNT count]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XADD readings 1-2 celsius 22
        "1-2"
        > XRANGE readings (1-1 + COUNT 5
        1) 1) "1-2"
           2) 1) "celsius"
              2) "22"
    "#,
    complexity: "O(N) with N being the number of elements being returned. If N is constant (e.g. \
                 always asking for the first 10 elements with COUNT), you can consider it O(1).",
    keys: &[Keys::One(1, Access::Read)],
    handler: Handler::Read(xrange),
    cost: Some(xrange_cost),
    ..STREAM
};

fn xrange<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let interval = Interval::parse(call, 2, 3)?;
    reply(view, call, interval, false)
}

fn xrange_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    cost(view, call, Interval::parse(call, 2, 3))
}

pub(super) const XREVRANGE: Command = Command {
    name: "xrevrange",
    summary: "Returns the entries of an interval of ids, the last one first.",
    syntax: "key end start [COUNT count]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XADD readings 1-2 celsius 22
        "1-2"
        > XREVRANGE readings + - COUNT 1
        1) 1) "1-2"
           2) 1) "celsius"
              2) "22"
    "#,
    complexity: "O(N) with N being the number of elements returned. If N is constant (e.g. always \
                 asking for the first 10 elements with COUNT), you can consider it O(1).",
    handler: Handler::Read(xrevrange),
    cost: Some(xrevrange_cost),
    ..XRANGE
};

fn xrevrange<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let interval = Interval::parse(call, 3, 2)?;
    reply(view, call, interval, true)
}

fn xrevrange_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    cost(view, call, Interval::parse(call, 3, 2))
}

/// What is asked for.
struct Interval {
    start: StreamId,
    end: StreamId,
    /// COUNT, if it is given.
    count: Option<usize>,
}

impl Interval {
    /// Reads the arguments at these positions, and those behind them.
    fn parse(call: &Call<'_>, start: usize, end: usize) -> Result<Self> {
        let start = ids::interval_start(call.arg(start))?;
        let end = ids::interval_end(call.arg(end))?;
        let mut count = None;
        for at in (4..call.len()).step_by(2) {
            if !call.is(at, "COUNT") || at + 1 >= call.len() {
                return Err(Error::Syntax);
            }
            count = Some(usize::try_from(call.int(at + 1)?).unwrap_or(0));
        }
        Ok(Interval { start, end, count })
    }
}

fn reply<'a>(view: View<'a>, call: &Call<'a>, of: Interval, back: bool) -> Result<Reply<'a>> {
    let Some(stream) = view.counted().stream(call.key(1))? else { return Ok(Reply::EMPTY) };
    if of.count == Some(0) {
        return Ok(Reply::NullArray);
    }
    let count = of.count.unwrap_or(usize::MAX);
    let about = of.count.map_or(1, |count| count.min(stream.len()));
    Ok(if back {
        entries_reply(stream.range_back(of.end, of.start).take(count), about)
    } else {
        entries_reply(stream.range(of.start, of.end).take(count), about)
    })
}

fn cost(view: View<'_>, call: &Call<'_>, interval: Result<Interval>) -> u64 {
    match (view.stream(call.key(1)), interval) {
        (Ok(Some(stream)), Ok(of)) => {
            stream.range_len(of.start, of.end).min(of.count.unwrap_or(usize::MAX)) as u64
        }
        _ => 0,
    }
}
