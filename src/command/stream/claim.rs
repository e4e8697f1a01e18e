//! XCLAIM and XAUTOCLAIM: pending entries given to another consumer.

use super::delivery::{claim, see_consumer};
use super::{STREAM, entry_reply, id_reply, ids, no_group};
use crate::base::clock::UnixMs;
use crate::command::error::c_text;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{Acknowledge, SetGroupId};
use crate::keyspace::{Key, Tx};
use crate::resp::Reply;
use crate::types::stream::{Group, Stream, StreamId};
use std::collections::HashMap;

pub(super) const XCLAIM: Command = Command {
    name: "xclaim",
    summary: "Gives pending entries to a consumer.",
    syntax: "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] \
             [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XGROUP CREATE readings plotters 0
        OK
        > XREADGROUP GROUP plotters alice STREAMS readings >
        1) 1) "readings"
           2) 1) 1) "1-1"
                 2) 1) "celsius"
                    2) "21"
        > XCLAIM readings plotters bob 0 1-1
        1) 1) "1-1"
           2) 1) "celsius"
              2) "21"
        log: XGROUP CREATECONSUMER readings plotters bob
        log: XCLAIM readings plotters bob 0 1-1 TIME 1700000000000 RETRYCOUNT 2 FORCE JUSTID
        event: xgroup-createconsumer readings
    "#,
    complexity: "O(log N) with N being the number of messages in the PEL of the consumer group.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::Fast],
    tips: &["nondeterministic_output"],
    handler: Handler::Write(xclaim),
    ..STREAM
};

/// What an XCLAIM says behind the ids.
struct Options {
    /// When the entries count as delivered, unix ms.
    time: Option<i64>,
    count: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

fn xclaim<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, name, consumer) = (call.key(1), call.arg(2), call.arg(3));
    let (stream, group) = find(tx, key, name)?;
    let min_idle = min_idle(call, "ERR Invalid min-idle-time argument for XCLAIM")?;
    let ids: Vec<StreamId> =
        (call.args()[5..].iter()).map_while(|text| ids::strict(text, 0).ok()).collect();
    let now = tx.now().0.cast_signed();
    let options = Options::parse(call, 5 + ids.len(), now)?;
    let time = match options.time {
        // A replayed record says what was; there is no present instant.
        Some(time) if tx.now() == UnixMs::ZERO => time,
        Some(time) if (0..=now).contains(&time) => time,
        _ => now,
    };
    let mut gone = Vec::new();
    let mut claimed: Vec<(StreamId, u64)> = Vec::new();
    // What ids that come twice were claimed with the first time.
    let mut counts: HashMap<StreamId, u64> = HashMap::new();
    let mut replies = Vec::new();
    for id in ids {
        let pending = group.pending(id);
        let Some(entry) = stream.get(id) else {
            gone.extend(pending.map(|pending| pending.id));
            continue;
        };
        let (count, idle) = match (counts.get(&id), pending) {
            (Some(count), _) => (*count, now.saturating_sub(time)),
            (None, Some(pending)) => (pending.count, now.saturating_sub(pending.time())),
            (None, None) if options.force => (1, i64::MAX),
            (None, None) => continue,
        };
        if min_idle > 0 && idle < min_idle {
            continue;
        }
        let more = if options.just_id { 0 } else { 1 };
        let count = options.count.unwrap_or(count.saturating_add(more));
        counts.insert(id, count);
        claimed.push((id, count));
        replies.push(if options.just_id { id_reply(id) } else { entry_reply(&entry) });
    }
    let moved_on = options.last_id > group.last_id;
    let entries_read = group.entries_read;
    see_consumer(tx, key, name, consumer, now);
    if !gone.is_empty() {
        tx.emit(Acknowledge { key, group: name, ids: &gone });
    }
    let wakes = options.force || options.time.is_some();
    claim(tx, key, name, consumer, time, &claimed, wakes);
    if moved_on {
        let last_id = options.last_id;
        tx.emit(SetGroupId { key, group: name, last_id, entries_read, event: "" });
    }
    Ok(Reply::Array(replies))
}

impl Options {
    fn parse(call: &Call<'_>, from: usize, now: i64) -> Result<Self> {
        let mut options = Options {
            time: None,
            count: None,
            force: false,
            just_id: false,
            last_id: StreamId::MIN,
        };
        let mut at = from;
        while at < call.len() {
            let more = at + 1 < call.len();
            let int = |text| call.int(at + 1).map_err(|_| Error::text(text));
            let mut words = 2;
            if call.is(at, "FORCE") {
                (options.force, words) = (true, 1);
            } else if call.is(at, "JUSTID") {
                (options.just_id, words) = (true, 1);
            } else if call.is(at, "IDLE") && more {
                let idle = int("ERR Invalid IDLE option argument for XCLAIM")?;
                options.time = Some(now.saturating_sub(idle));
            } else if call.is(at, "TIME") && more {
                options.time = Some(int("ERR Invalid TIME option argument for XCLAIM")?);
            } else if call.is(at, "RETRYCOUNT") && more {
                let count = int("ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                options.count = u64::try_from(count).ok();
            } else if call.is(at, "LASTID") && more {
                options.last_id = ids::strict(call.arg(at + 1), 0)?;
            } else {
                let word = c_text(call.arg(at));
                return Err(Error::owned(format!("ERR Unrecognized XCLAIM option '{word}'")));
            }
            at += words;
        }
        Ok(options)
    }
}

pub(super) const XAUTOCLAIM: Command = Command {
    name: "xautoclaim",
    summary: "Gives a consumer the pending entries that were delivered long ago, some at a time.",
    syntax: "key group consumer min-idle-time start [COUNT count] [JUSTID]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XGROUP CREATE readings plotters 0
        OK
        > XREADGROUP GROUP plotters alice STREAMS readings >
        1) 1) "readings"
           2) 1) 1) "1-1"
                 2) 1) "celsius"
                    2) "21"
        > XAUTOCLAIM readings plotters alice 0 - JUSTID
        1) "0-0"
        2) 1) "1-1"
        3) (empty array)
        log: XCLAIM readings plotters alice 0 1-1 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID
    "#,
    since: "6.2.0",
    complexity: "O(1) if COUNT is small.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    flags: &[Flag::Fast],
    tips: &["nondeterministic_output"],
    handler: Handler::Write(xautoclaim),
    ..STREAM
};

fn xautoclaim<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    /// Pending entries looked at for each that may be claimed.
    const LOOKED_AT: usize = 10;
    /// So that the product fits Redis' counter.
    const COUNT_MAX: i64 = i64::MAX / 16;
    let (key, name, consumer) = (call.key(1), call.arg(2), call.arg(3));
    let min_idle = min_idle(call, "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let start = ids::interval_start(call.arg(5))?;
    let (mut count, mut just_id, mut at) = (100, false, 6);
    while at < call.len() {
        if call.is(at, "COUNT") && at + 1 < call.len() {
            let wanted = call.int(at + 1).ok().filter(|count| (1..=COUNT_MAX).contains(count));
            count = wanted.ok_or(Error::text("ERR COUNT must be > 0"))? as usize;
            at += 2;
        } else if call.is(at, "JUSTID") {
            just_id = true;
            at += 1;
        } else {
            return Err(Error::Syntax);
        }
    }
    let (stream, group) = find(tx, key, name)?;
    let now = tx.now().0.cast_signed();
    let (mut gone, mut claimed, mut replies) = (Vec::new(), Vec::new(), Vec::new());
    let mut pending = group.pending_from(start);
    for one in pending.by_ref().take(count.saturating_mul(LOOKED_AT)) {
        match stream.get(one.id) {
            None => gone.push(one.id),
            Some(_) if now.saturating_sub(one.time()) < min_idle => continue,
            Some(entry) => {
                claimed.push((one.id, one.count.saturating_add(u64::from(!just_id))));
                replies.push(if just_id { id_reply(one.id) } else { entry_reply(&entry) });
            }
        }
        if gone.len() + claimed.len() == count {
            break;
        }
    }
    let next = pending.next().map_or(StreamId::MIN, |pending| pending.id);
    drop(pending);
    see_consumer(tx, key, name, consumer, now);
    if !gone.is_empty() {
        tx.emit(Acknowledge { key, group: name, ids: &gone });
    }
    claim(tx, key, name, consumer, now, &claimed, false);
    let gone = gone.into_iter().map(id_reply).collect();
    Ok(Reply::Array(vec![id_reply(next), Reply::Array(replies), Reply::Array(gone)]))
}

/// The stream and its group, which must be there.
fn find<'t>(tx: &'t Tx<'_>, key: Key<'_>, group: &[u8]) -> Result<(&'t Stream, &'t Group)> {
    let stream = tx.view().counted().stream(key)?.ok_or_else(|| no_group(key.bytes, group))?;
    Ok((stream, stream.group(group).ok_or_else(|| no_group(key.bytes, group))?))
}

/// Argument 4: ms, none below 0.
fn min_idle(call: &Call<'_>, otherwise: &'static str) -> Result<i64> {
    Ok(call.int(4).map_err(|_| Error::text(otherwise))?.max(0))
}
