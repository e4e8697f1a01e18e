//! XREAD and XREADGROUP: entries behind an id, of several streams, waiting for them if asked to.

use super::delivery::{Delivery, New};
use super::reading::{Block, Reading};
use super::{STREAM, entries_reply, id_text, ids};
use crate::base::clock::UnixMs;
use crate::command::error::c_text;
use crate::command::{Access, Call, Command, Error, Follow, Handler, Keys, Result, Served, Wait};
use crate::keyspace::{Tx, Type, View};
use crate::resp::Reply;
use crate::types::stream::{Stream, StreamId};

pub(super) const XREAD: Command = Command {
    name: "xread",
    summary: "Returns the entries behind an id, of several streams; waits for some if asked to.",
    syntax: "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XADD readings 1-2 celsius 22
        "1-2"
        > XREAD COUNT 5 STREAMS readings 1-1
        1) 1) "readings"
           2) 1) 1) "1-2"
                 2) 1) "celsius"
                    2) "22"
        > XREAD STREAMS readings $
        (nil)
    "#,
    complexity: "",
    keys: &[Keys::Keyword("STREAMS", 1, Follow::Half, Access::Read)],
    handler: Handler::BlockingRead(xread),
    cost: Some(xread_cost),
    ..STREAM
};

/// About how many entries there are to return; a look for a stream counts as one.
fn xread_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let Ok(reading) = Reading::parse(call, view.now(), false) else { return 0 };
    let found = |(key_at, id_at)| {
        let stream = view.stream(call.key(key_at)).ok()??;
        let start = after(Some(stream), call.arg(id_at)).ok()?.next()?;
        Some(stream.range_len(start, StreamId::MAX).min(reading.count) as u64)
    };
    reading.streams as u64 + reading.each().filter_map(found).sum::<u64>()
}

fn xread<'a>(view: View<'a>, call: &Call<'a>) -> Result<Served<'a>> {
    let view = view.counted();
    let reading = Reading::parse(call, view.now(), false)?;
    let mut asked = Vec::with_capacity(reading.streams);
    for (key_at, id_at) in reading.each() {
        let stream = view.stream(call.key(key_at))?;
        asked.push((stream, after(stream, call.arg(id_at))?));
    }
    let mut replies = Vec::new();
    for ((key_at, _), (stream, after)) in reading.each().zip(&asked) {
        let Some(stream) = stream else { continue };
        if stream.last().is_none_or(|last| last.id <= *after) {
            continue;
        }
        let start = after.next().unwrap_or(StreamId::MAX);
        let entries = stream.range(start, StreamId::MAX).take(reading.count);
        replies.push((Reply::Bulk(call.arg(key_at)), entries_reply(entries, 1)));
    }
    if !replies.is_empty() {
        return Ok(Served::Now(Reply::NestedMap(replies)));
    }
    let Some(block) = reading.block else { return Ok(Served::Now(Reply::NullArray)) };
    let resolved = asked.iter().map(|(_, after)| *after);
    Ok(Served::Wait(Wait { again: Some(again(call, &reading, resolved)), ..wait(&reading, block) }))
}

/// The id that entries are asked for behind of: `$` is the stream's last, `+` the one before that,
/// so that the last entry is found if it is still there.
fn after(stream: Option<&Stream>, text: &[u8]) -> Result<StreamId> {
    match text {
        b"$" => Ok(stream.map_or(StreamId::MIN, Stream::last_id)),
        b"+" => {
            let before = stream.and_then(|stream| stream.last_id().previous());
            Ok(before.unwrap_or(StreamId::MIN))
        }
        b">" => Err(Error::text(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
             <consumer> option.",
        )),
        text => ids::strict(text, 0),
    }
}

/// The call's arguments with the ids that were meant.
fn again(
    call: &Call<'_>,
    reading: &Reading<'_>,
    ids: impl Iterator<Item = StreamId>,
) -> Vec<Vec<u8>> {
    let ids_at = reading.first + reading.streams;
    let before = call.args()[..ids_at].iter().map(|word| word.to_vec());
    before.chain(ids.map(id_text)).collect()
}

/// Of a consumer also for the end of a stream: there is no group to read in any more.
fn wait(reading: &Reading<'_>, block: Block) -> Wait {
    let keys = reading.first..reading.first + reading.streams;
    let wait = Wait::for_one_of(keys, Type::Stream, block.deadline());
    Wait { awaits: wait.awaits.filter(|_| reading.group.is_none()), ..wait }
}

pub(super) const XREADGROUP: Command = Command {
    name: "xreadgroup",
    summary: "Delivers entries to a consumer of a group: new ones, or its pending ones again.",
    syntax: "GROUP group consumer [COUNT count] [BLOCK milliseconds] [CLAIM min-idle-time] \
             [NOACK] STREAMS key [key ...] id [id ...]",
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
        log: XGROUP CREATECONSUMER readings plotters alice
        log: XCLAIM readings plotters alice 0 1-1 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID
        log: XGROUP SETID readings plotters 1-1 ENTRIESREAD 1
        event: xgroup-createconsumer readings
    "#,
    complexity: "For each stream mentioned: O(M) with M being the number of elements returned. If \
                 M is constant (e.g. always asking for the first 10 elements with COUNT), you can \
                 consider it O(1). On the other side when XREADGROUP blocks, XADD will pay the \
                 O(N) time in order to serve the N clients blocked on the stream getting new data.",
    keys: &[Keys::Keyword("STREAMS", 4, Follow::Half, Access::Read)],
    handler: Handler::Blocking(xreadgroup),
    ..STREAM
};

/// What a consumer asks for.
#[derive(Clone, Copy)]
enum From {
    /// `>`: what was never delivered to the group.
    New,
    /// What is pending for the consumer, behind this id.
    Pending(StreamId),
}

fn xreadgroup<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Served<'a>> {
    let reading = Reading::parse(call, tx.now(), true)?;
    let Some((group, consumer)) = reading.group else {
        return Err(Error::text("ERR Missing GROUP option for XREADGROUP"));
    };
    let mut asked = Vec::with_capacity(reading.streams);
    for (key_at, id_at) in reading.each() {
        let key = call.key(key_at);
        let stream = tx.view().counted().stream(key)?;
        if stream.and_then(|stream| stream.group(group)).is_none() {
            let (key, group) = (c_text(key.bytes), c_text(group));
            return Err(Error::owned(format!(
                "NOGROUP No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP \
                 option"
            )));
        }
        asked.push((key, from(call.arg(id_at))?));
    }
    let Reading { count, no_ack, claim, .. } = reading;
    let mut replies = Vec::new();
    let mut alarm: Option<UnixMs> = None;
    for (key, from) in asked {
        let mut delivery = Delivery { tx, key, group, consumer };
        let entries = match from {
            From::New => delivery.new_entries(New { count, no_ack, claim }),
            From::Pending(after) => Some(delivery.pending(after, count)),
        };
        if let Some(entries) = entries {
            replies.push((Reply::Owned(key.bytes.to_vec()), entries));
        } else {
            let idle = claim.and_then(|min_idle| delivery.next_idle(min_idle));
            let idle = idle.and_then(|at| u64::try_from(at).ok()).map(UnixMs);
            alarm = alarm.into_iter().chain(idle).min();
        }
    }
    Ok(match reading.block {
        _ if !replies.is_empty() => Served::Now(Reply::NestedMap(replies)),
        None => Served::Now(Reply::NullArray),
        Some(block) => Served::Wait(Wait { alarm, ..wait(&reading, block) }),
    })
}

fn from(text: &[u8]) -> Result<From> {
    match text {
        b">" => Ok(From::New),
        b"$" => Err(Error::text(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the \
             history of this consumer by specifying a proper ID, or use the > ID to get new \
             messages. The $ ID would just return an empty result set.",
        )),
        b"+" => Err(Error::text(
            "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the \
             history of this consumer by specifying a proper ID, or use the > ID to get new \
             messages. The + ID would just return an empty result set.",
        )),
        text => match ids::strict(text, 0)? {
            // Redis marks `>` by the greatest id.
            StreamId::MAX => Ok(From::New),
            id => Ok(From::Pending(id)),
        },
    }
}
