//! XINFO: what a stream, its groups and their consumers are like.

use super::group::{no_group_for_key, subcommand_syntax};
use super::{STREAM, count_reply, entries_reply, entry_reply, id_reply};
use crate::command::help;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::View;
use crate::resp::Reply;
use crate::types::stream::{
    Consumer, ENTRIES_READ_UNKNOWN, Entry, Group, Idempotency, Stream, StreamId,
};

pub(super) const XINFO: Command = Command {
    name: "xinfo",
    summary: "Facts about streams.",
    syntax: "",
    complexity: "Depends on subcommand.",
    handler: Handler::Container,
    subcommands: &[CONSUMERS, GROUPS, HELP, STREAM_FACTS],
    ..STREAM
};

const CONSUMERS: Command = Command {
    name: "consumers",
    summary: "Lists the consumers of a group.",
    syntax: "key group",
    example: r#"
        > XGROUP CREATE readings plotters $ MKSTREAM
        OK
        > XGROUP CREATECONSUMER readings plotters alice
        (integer) 1
        > XINFO CONSUMERS readings plotters
        1) 1) "name"
           2) "alice"
           3) "pending"
           4) (integer) 0
           5) "idle"
           6) (integer) 0
           7) "inactive"
           8) (integer) -1
    "#,
    keys: &[Keys::One(2, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(consumers),
    cost: Some(consumers_cost),
    ..STREAM
};

fn consumers<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let stream = stream(view, call)?;
    let group = stream.group(call.arg(3));
    let group = group.ok_or_else(|| no_group_for_key(call.arg(2), call.arg(3)))?;
    let now = view.now().0.cast_signed();
    let facts = |consumer: &'a Consumer| {
        let active = consumer.active;
        Reply::Map(vec![
            (name("name"), Reply::Bulk(consumer.name())),
            (name("pending"), count_reply(consumer.pending_len())),
            (name("idle"), Reply::Int(since(consumer.seen, now))),
            (name("inactive"), Reply::Int(if active < 0 { active } else { since(active, now) })),
        ])
    };
    Ok(Reply::Array(group.consumers().map(facts).collect()))
}

fn consumers_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let stream = view.stream(call.key(2)).ok().flatten();
    let group = stream.and_then(|stream| stream.group(call.arg(3)));
    group.map_or(0, |group| group.consumers_len() as u64)
}

/// ms since `then`. A time of 0 is not known: the consumer was not seen since its group was read
/// from the log.
fn since(then: i64, now: i64) -> i64 {
    if then == 0 { 0 } else { now.saturating_sub(then).max(0) }
}

const GROUPS: Command = Command {
    name: "groups",
    summary: "Lists the consumer groups of a stream.",
    syntax: "key",
    example: r#"
        > XGROUP CREATE readings plotters $ MKSTREAM
        OK
        > XINFO GROUPS readings
        1)  1) "name"
            2) "plotters"
            3) "consumers"
            4) (integer) 0
            5) "pending"
            6) (integer) 0
            7) "last-delivered-id"
            8) "0-0"
            9) "entries-read"
           10) (nil)
           11) "lag"
           12) (integer) 0
    "#,
    keys: &[Keys::One(2, Access::Read)],
    handler: Handler::Read(groups),
    cost: Some(groups_cost),
    ..STREAM
};

fn groups<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let stream = stream(view, call)?;
    let facts = |group: &'a Group| {
        Reply::Map(vec![
            (name("name"), Reply::Bulk(group.name())),
            (name("consumers"), count_reply(group.consumers_len())),
            (name("pending"), count_reply(group.pending_len())),
            (name("last-delivered-id"), id_reply(group.last_id)),
            (name("entries-read"), entries_read(group)),
            (name("lag"), lag(stream, group)),
        ])
    };
    Ok(Reply::Array(stream.groups().map(facts).collect()))
}

fn groups_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let stream = view.stream(call.key(2)).ok().flatten();
    stream.map_or(0, |stream| stream.groups_len() as u64)
}

const HELP: Command = Command {
    name: "help",
    summary: "Shows these lines.",
    example: r#"
        > XINFO HELP
        1) XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
        2) CONSUMERS <key> <groupname>
        3)     Show consumers of <groupname>.
        4) GROUPS <key>
        5)     Show the stream consumer groups.
        6) STREAM <key> [FULL [COUNT <count>]
        7)     Show information about the stream.
        8) HELP
        9)     Print this help.
    "#,
    flags: &[Flag::Loading, Flag::Stale],
    handler: Handler::Control(help::shown),
    ..STREAM
};

const STREAM_FACTS: Command = Command {
    name: "stream",
    summary: "Describes a stream; FULL shows entries, groups and consumers too.",
    syntax: "key [FULL [COUNT count]]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XINFO STREAM readings
         1) "length"
         2) (integer) 1
         3) "radix-tree-keys"
         4) (integer) 1
         5) "radix-tree-nodes"
         6) (integer) 2
         7) "last-generated-id"
         8) "1-1"
         9) "max-deleted-entry-id"
        10) "0-0"
        11) "entries-added"
        12) (integer) 1
        13) "recorded-first-entry-id"
        14) "1-1"
        15) "groups"
        16) (integer) 0
        17) "first-entry"
        18) 1) "1-1"
            2) 1) "celsius"
               2) "21"
        19) "last-entry"
        20) 1) "1-1"
            2) 1) "celsius"
               2) "21"
    "#,
    keys: &[Keys::One(2, Access::Read)],
    handler: Handler::Read(stream_facts),
    cost: Some(stream_facts_cost),
    ..STREAM
};

fn stream_facts<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let stream = stream(view, call)?;
    let mut facts = counters(stream);
    facts.extend(
        stream.idempotency().map(|known| producers(known, view.now().0)).into_iter().flatten(),
    );
    if call.len() > 3 {
        let count = full_count(call)?;
        let entries = stream.range(StreamId::MIN, StreamId::MAX).take(count);
        facts.push((name("entries"), entries_reply(entries, 1)));
        let groups = stream.groups().map(|group| full_group(stream, group, count));
        facts.push((name("groups"), Reply::Array(groups.collect())));
        return Ok(Reply::Map(facts));
    }
    let edge = |entry: Option<Entry<'_>>| entry.map_or(Reply::Null, |entry| entry_reply(&entry));
    facts.push((name("groups"), count_reply(stream.groups_len())));
    facts.push((name("first-entry"), edge(stream.first())));
    facts.push((name("last-entry"), edge(stream.last())));
    Ok(Reply::Map(facts))
}

/// Entries for each place that counting the chunks visits: a few dozen chunks of many entries.
const ENTRIES_A_VISIT: usize = 1000;

/// FULL shows all groups and consumers, and so much of each list of pending entries. What is known
/// of producers is looked through for what is over.
fn stream_facts_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    let Some(stream) = view.stream(call.key(2)).ok().flatten() else { return 0 };
    let known = stream.idempotency().map_or(0, Idempotency::len);
    let counters = known + stream.len() / ENTRIES_A_VISIT;
    let count = if call.len() > 3 { full_count(call).ok() } else { None };
    let Some(count) = count else { return counters as u64 };
    let shown = |group: &Group| {
        let (consumers, pending) = (group.consumers_len(), group.pending_len());
        let of_consumers = pending.min(consumers.saturating_mul(count));
        1 + pending.min(count) + consumers + of_consumers
    };
    let groups: usize = stream.groups().map(shown).sum();
    (counters + stream.len().min(count) + groups) as u64
}

/// How much of everything FULL shows: 10 unless COUNT says otherwise; with 0 all.
fn full_count(call: &Call<'_>) -> Result<usize> {
    let fits = call.is(3, "FULL") && (call.len() == 4 || (call.len() == 6 && call.is(4, "COUNT")));
    if !fits {
        return Err(subcommand_syntax(call));
    }
    let count = if call.len() == 6 { call.int(5)? } else { -1 };
    Ok(match usize::try_from(count) {
        Err(_) => 10,
        Ok(0) => usize::MAX,
        Ok(count) => count,
    })
}

/// What both forms begin with. Our tree is not a radix tree: its keys are chunks, as in Redis, its
/// nodes are what a small radix tree would have.
fn counters(stream: &Stream) -> Vec<(Reply<'_>, Reply<'_>)> {
    let chunks = stream.chunks_len();
    vec![
        (name("length"), count_reply(stream.len())),
        (name("radix-tree-keys"), count_reply(chunks)),
        (name("radix-tree-nodes"), count_reply(chunks + 1)),
        (name("last-generated-id"), id_reply(stream.last_id())),
        (name("max-deleted-entry-id"), id_reply(stream.max_deleted_id())),
        (name("entries-added"), Reply::Int(stream.entries_added().cast_signed())),
        (name("recorded-first-entry-id"), id_reply(stream.first_id())),
    ]
}

/// What is known of producers at `now`: shown of a stream that has been told something.
fn producers(known: &Idempotency, now: u64) -> [(Reply<'static>, Reply<'static>); 6] {
    let (producers, ids) = known.counts(now);
    [
        (name("idmp-duration"), Reply::Int(known.duration_s().cast_signed())),
        (name("idmp-maxsize"), count_reply(known.max_size())),
        (name("pids-tracked"), count_reply(producers)),
        (name("iids-tracked"), count_reply(ids)),
        (name("iids-added"), Reply::Int(known.added().cast_signed())),
        (name("iids-duplicates"), Reply::Int(known.duplicates().cast_signed())),
    ]
}

/// A group with its pending entries and consumers; how many are released is shown if some are.
fn full_group<'a>(stream: &'a Stream, group: &'a Group, count: usize) -> Reply<'a> {
    let pending = group.pending_from(StreamId::MIN).take(count).map(|pending| {
        Reply::Array(vec![
            id_reply(pending.id),
            Reply::Bulk(group.owner(pending)),
            Reply::Int(pending.time()),
            Reply::Int(pending.count.cast_signed()),
        ])
    });
    let consumers = group.consumers().map(|consumer| full_consumer(group, consumer, count));
    let mut facts = vec![
        (name("name"), Reply::Bulk(group.name())),
        (name("last-delivered-id"), id_reply(group.last_id)),
        (name("entries-read"), entries_read(group)),
        (name("lag"), lag(stream, group)),
        (name("pel-count"), count_reply(group.pending_len())),
    ];
    let released = Some(group.released_len()).filter(|released| *released > 0);
    facts.extend(released.map(|released| (name("nacked-count"), count_reply(released))));
    facts.push((name("pending"), Reply::Array(pending.collect())));
    facts.push((name("consumers"), Reply::Array(consumers.collect())));
    Reply::Map(facts)
}

fn full_consumer<'a>(group: &'a Group, consumer: &'a Consumer, count: usize) -> Reply<'a> {
    let ids = consumer.pending_from(StreamId::MIN).take(count);
    let pending = ids.filter_map(|id| group.pending(id)).map(|pending| {
        Reply::Array(vec![
            id_reply(pending.id),
            Reply::Int(pending.time()),
            Reply::Int(pending.count.cast_signed()),
        ])
    });
    Reply::Map(vec![
        (name("name"), Reply::Bulk(consumer.name())),
        (name("seen-time"), Reply::Int(consumer.seen)),
        (name("active-time"), Reply::Int(consumer.active)),
        (name("pel-count"), count_reply(consumer.pending_len())),
        (name("pending"), Reply::Array(pending.collect())),
    ])
}

fn entries_read(group: &Group) -> Reply<'static> {
    match group.entries_read {
        ENTRIES_READ_UNKNOWN => Reply::Null,
        known => Reply::Int(known),
    }
}

fn lag(stream: &Stream, group: &Group) -> Reply<'static> {
    stream.lag(group).map_or(Reply::Null, Reply::Int)
}

fn name(text: &'static str) -> Reply<'static> {
    Reply::Bulk(text.as_bytes())
}

/// The stream under argument 2, which must be there.
fn stream<'a>(view: View<'a>, call: &Call<'a>) -> Result<&'a Stream> {
    view.counted().stream(call.key(2))?.ok_or(Error::NoSuchKey)
}
