//! XDELEX and XACKDEL (Redis 8.2): deleting entries with an eye on the groups that still have to do
//! with them. Their records are XACK and XDEL.

use super::{STREAM, ids};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{Acknowledge, DeleteEntries};
use crate::keyspace::{Key, Tx};
use crate::resp::Reply;
use crate::types::stream::{Group, Stream, StreamId};
use std::collections::HashSet;

pub(super) const XDELEX: Command = Command {
    name: "xdelex",
    summary: "Deletes entries by their ids, perhaps from the groups' pending ones too, or only if \
              no group needs them.",
    syntax: "key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
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
        > XDELEX readings ACKED IDS 2 1-1 1-2
        1) (integer) 2
        2) (integer) -1
        log:
        > XDELEX readings DELREF IDS 1 1-1
        1) (integer) 1
        log: XACK readings plotters 1-1
        log: XDEL readings 1-1
        event: xdel readings
    "#,
    since: "8.2.0",
    complexity: "O(1) for each single item to delete in the stream, regardless of the stream size.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    flags: &[Flag::Fast],
    handler: Handler::Write(xdelex),
    ..STREAM
};

fn xdelex<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let (references, ids) = parse(call, 2)?;
    let Some(stream) = tx.view().stream(key)? else { return Ok(codes(&ids, |_| Code::NotThere)) };
    let code = |id: &StreamId| match references {
        _ if stream.get(*id).is_none() => Code::NotThere,
        References::Acknowledged if is_needed(stream, *id) => Code::Needed,
        _ => Code::Deleted,
    };
    let deleted: Vec<StreamId> =
        ids.iter().filter(|id| code(id) == Code::Deleted).copied().collect();
    let reply = codes(&ids, code);
    delete(tx, key, references, &ids, &deleted);
    Ok(reply)
}

pub(super) const XACKDEL: Command = Command {
    name: "xackdel",
    summary: "Takes entries out of what is pending in a group, and deletes them.",
    syntax: "key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
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
        > XACKDEL readings plotters ACKED IDS 2 1-1 1-2
        1) (integer) 1
        2) (integer) -1
        log: XACK readings plotters 1-1
        log: XDEL readings 1-1
        event: xdel readings
    "#,
    complexity: "O(1) for each entry ID processed.",
    handler: Handler::Write(xackdel),
    ..XDELEX
};

fn xackdel<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, group) = (call.key(1), call.arg(2));
    let (references, ids) = parse(call, 3)?;
    let found = tx.view().stream(key)?.and_then(|stream| stream.group(group));
    let Some(pending) = found else { return Ok(codes(&ids, |_| Code::NotThere)) };
    let acknowledged: Vec<StreamId> =
        ids.iter().filter(|id| pending.pending(**id).is_some()).copied().collect();
    if !acknowledged.is_empty() {
        tx.emit(Acknowledge { key, group, ids: &acknowledged });
    }
    let kept: HashSet<StreamId> = match (references, tx.view().stream(key)?) {
        (References::Acknowledged, Some(stream)) => {
            let there = acknowledged.iter().filter(|id| stream.get(**id).is_some());
            there.filter(|id| is_needed(stream, **id)).copied().collect()
        }
        _ => HashSet::new(),
    };
    let taken: HashSet<StreamId> = acknowledged.iter().copied().collect();
    let reply = codes(&ids, |id| match () {
        () if kept.contains(id) => Code::Needed,
        () if taken.contains(id) => Code::Deleted,
        () => Code::NotThere,
    });
    let deleted: Vec<StreamId> =
        acknowledged.iter().filter(|id| !kept.contains(id)).copied().collect();
    delete(tx, key, references, &ids, &deleted);
    Ok(reply)
}

/// What is to become of what groups have to do with an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum References {
    /// KEEPREF: it stays pending where it is.
    Keep,
    /// DELREF: it is pending nowhere any more.
    Delete,
    /// ACKED: only entries go that every group has had and acknowledged.
    Acknowledged,
}

/// What is answered for an id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    NotThere = -1,
    Deleted = 1,
    Needed = 2,
}

/// The codes of all ids. One that comes again finds that its entry is gone.
fn codes(ids: &[StreamId], code: impl Fn(&StreamId) -> Code) -> Reply<'static> {
    let mut deleted = HashSet::new();
    let code = |id| match code(id) {
        Code::Deleted if !deleted.insert(*id) => Code::NotThere,
        code => code,
    };
    Reply::Array(ids.iter().map(code).map(|code| Reply::Int(code as i64)).collect())
}

/// Reads the options from argument `from` on.
fn parse(call: &Call<'_>, from: usize) -> Result<(References, Vec<StreamId>)> {
    let (mut references, mut ids, mut at) = (References::Keep, None, from);
    while at < call.len() {
        if call.is(at, "KEEPREF") {
            references = References::Keep;
        } else if call.is(at, "DELREF") {
            references = References::Delete;
        } else if call.is(at, "ACKED") {
            references = References::Acknowledged;
        } else if call.is(at, "IDS") && at + 1 < call.len() && ids.is_none() {
            let count = call.int(at + 1).ok().and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| *count > 0);
            let count = count.ok_or(Error::text("ERR Number of IDs must be a positive integer"))?;
            let given = call.args().get(at + 2..).and_then(|rest| rest.get(..count));
            ids = Some(ids::strict_all(given.ok_or(Error::text(
                "ERR The `numids` parameter must match the number of arguments",
            ))?)?);
            at += 1 + count;
        } else {
            return Err(Error::Syntax);
        }
        at += 1;
    }
    Ok((references, ids.ok_or(Error::Syntax)?))
}

/// Whether a group has an entry pending, or has not had it yet.
fn is_needed(stream: &Stream, id: StreamId) -> bool {
    stream.groups().any(|group| group.last_id < id || group.pending(id).is_some())
}

/// Deletes entries, and with DELREF takes all of `ids` out of what is pending in any group.
fn delete(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    references: References,
    ids: &[StreamId],
    deleted: &[StreamId],
) {
    let stream = tx.view().stream(key).ok().flatten();
    if let (References::Delete, Some(stream)) = (references, stream) {
        let pending_in = |group: &Group| {
            let pending = ids.iter().filter(|id| group.pending(**id).is_some());
            (group.name().to_vec(), pending.copied().collect::<Vec<_>>())
        };
        let pending: Vec<_> = stream.groups().map(pending_in).collect();
        for (group, ids) in pending.iter().filter(|(_, ids)| !ids.is_empty()) {
            tx.emit(Acknowledge { key, group, ids });
        }
    }
    if !deleted.is_empty() {
        tx.emit(DeleteEntries { key, ids: deleted });
    }
}
