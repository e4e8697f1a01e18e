//! XACK and XPENDING.

use super::{STREAM, count_reply, id_reply, ids, no_group};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::Acknowledge;
use crate::keyspace::{Tx, View};
use crate::resp::Reply;
use crate::types::stream::{Group, Pending, StreamId};

pub(super) const XACK: Command = Command {
    name: "xack",
    summary: "Takes entries out of what is pending in a group.",
    syntax: "key group id [id ...]",
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
        > XACK readings plotters 1-1
        (integer) 1
        log: XACK readings plotters 1-1
        event:
    "#,
    complexity: "O(1) for each message ID processed.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::Fast],
    handler: Handler::Write(xack),
    ..STREAM
};

fn xack<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, name) = (call.key(1), call.arg(2));
    let stream = tx.view().counted().stream(key)?;
    if stream.and_then(|stream| stream.group(name)).is_none() {
        return Ok(Reply::Int(0));
    }
    let ids = ids::strict_all(&call.args()[3..])?;
    Ok(count_reply(tx.emit(Acknowledge { key, group: name, ids: &ids })))
}

pub(super) const XPENDING: Command = Command {
    name: "xpending",
    summary: "Says what is pending in a group: in all, or entry by entry.",
    syntax: "key group [[IDLE min-idle-time] start end count [consumer]]",
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
        > XPENDING readings plotters
        1) (integer) 1
        2) "1-1"
        3) "1-1"
        4) 1) 1) "alice"
              2) "1"
    "#,
    complexity: "O(N) with N being the number of elements returned, so asking for a small fixed \
                 number of entries per call is O(1). O(M), where M is the total number of entries \
                 scanned when used with the IDLE filter. When the command returns just the summary \
                 and the list of consumers is small, it runs in O(1) time; otherwise, an \
                 additional O(N) time for iterating every consumer.",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(xpending),
    cost: Some(xpending_cost),
    ..STREAM
};

fn xpending<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let filter = Filter::parse(call)?;
    let stream = view.counted().stream(call.key(1))?;
    let group = stream.and_then(|stream| stream.group(call.arg(2)));
    let group = group.ok_or_else(|| no_group(call.arg(1), call.arg(2)))?;
    Ok(match filter {
        None => summary(group),
        Some(filter) => filter.list(group, view.now().0.cast_signed()),
    })
}

fn xpending_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let stream = view.stream(call.key(1)).ok().flatten();
    let group = stream.and_then(|stream| stream.group(call.arg(2)));
    match (group, Filter::parse(call)) {
        (Some(group), Ok(None)) => group.consumers_len() as u64,
        // Those that are not idle long enough are looked at too.
        (Some(group), Ok(Some(filter))) if filter.idle > 0 => group.pending_len() as u64,
        (Some(group), Ok(Some(filter))) => group.pending_len().min(filter.count) as u64,
        _ => 0,
    }
}

/// How many are pending, the first and the last id, and how many each consumer has.
fn summary<'a>(group: &'a Group) -> Reply<'a> {
    let Some((first, last)) = group.pending_edges() else {
        return Reply::Array(vec![Reply::Int(0), Reply::Null, Reply::Null, Reply::NullArray]);
    };
    let consumers = group.consumers().filter(|consumer| consumer.pending_len() > 0);
    let consumers = consumers.map(|consumer| {
        let count = Reply::BulkInt(consumer.pending_len() as i64);
        Reply::Array(vec![Reply::Bulk(consumer.name()), count])
    });
    Reply::Array(vec![
        count_reply(group.pending_len()),
        id_reply(first),
        id_reply(last),
        Reply::Array(consumers.collect()),
    ])
}

/// Which pending entries are asked for.
struct Filter<'a> {
    /// ms since the last delivery, at least.
    idle: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// None if the summary is asked for.
    fn parse(call: &Call<'a>) -> Result<Option<Self>> {
        if call.len() == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&call.len()) {
            return Err(Error::Syntax);
        }
        let (mut at, mut idle) = (3, 0);
        if call.is(at, "IDLE") {
            idle = call.int(at + 1)?;
            if call.len() < 8 {
                return Err(Error::Syntax);
            }
            at += 2;
        }
        let count = usize::try_from(call.int(at + 2)?).unwrap_or(0);
        let start = ids::interval_start(call.arg(at))?;
        let end = ids::interval_end(call.arg(at + 1))?;
        Ok(Some(Filter { idle, start, end, count, consumer: call.get(at + 3) }))
    }

    /// Id, consumer, ms since its delivery and deliveries of each.
    fn list(&self, group: &'a Group, now: i64) -> Reply<'a> {
        let wanted = |pending: &Pending| {
            pending.id <= self.end && now.saturating_sub(pending.time()) >= self.idle
        };
        let reply = |pending: &Pending| {
            let idle = now.saturating_sub(pending.time()).max(0);
            Reply::Array(vec![
                id_reply(pending.id),
                Reply::Owned(group.owner(pending).to_vec()),
                Reply::Int(if pending.is_released() { -1 } else { idle }),
                Reply::Int(pending.count.cast_signed()),
            ])
        };
        let Some(name) = self.consumer else {
            let all = group.pending_from(self.start).take_while(|pending| pending.id <= self.end);
            return Reply::Array(
                all.filter(|one| wanted(one)).take(self.count).map(reply).collect(),
            );
        };
        let Some(consumer) = group.consumer(name) else { return Reply::EMPTY };
        let ids = consumer.pending_from(self.start).take_while(|id| *id <= self.end);
        let all = ids.filter_map(|id| group.pending(id));
        Reply::Array(all.filter(|one| wanted(one)).take(self.count).map(reply).collect())
    }
}
