//! XDELEX and XACKDEL (Redis 8.2): deleting entries with an eye on the groups that still have to do
//! with them. Their records are XACK and XDEL.

use super::references::{References, forget_pending};
use super::{STREAM, ids};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{Acknowledge, DeleteEntries};
use crate::keyspace::{Key, Tx};
use crate::resp::Reply;
use crate::types::stream::StreamId;
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
    let Some(stream) = tx.view().stream(key)? else { return Ok(none_there(&ids)) };
    let mut gone = HashSet::new();
    let code = |id: &StreamId| match () {
        () if gone.contains(id) || stream.get(*id).is_none() => Code::NotThere,
        () if references.hold(stream, *id) => Code::Needed,
        () => {
            gone.insert(*id);
            Code::Deleted
        }
    };
    let codes = ids.iter().map(code).collect();
    Ok(delete(tx, key, references, &ids, codes))
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
    let Some(pending) = found else { return Ok(none_there(&ids)) };
    let mut taken = HashSet::new();
    let is_first = |id: &&StreamId| pending.pending(**id).is_some() && taken.insert(**id);
    let acknowledged: Vec<StreamId> = ids.iter().filter(is_first).copied().collect();
    if !acknowledged.is_empty() {
        tx.emit(Acknowledge { key, group, ids: &acknowledged });
    }
    let stream = tx.view().stream(key)?;
    let is_held = |id: StreamId| {
        stream.is_some_and(|stream| stream.get(id).is_some() && references.hold(stream, id))
    };
    // One that comes again is not pending any more.
    let code = |id: &StreamId| match () {
        () if !taken.remove(id) => Code::NotThere,
        () if is_held(*id) => Code::Needed,
        () => Code::Deleted,
    };
    let codes = ids.iter().map(code).collect();
    Ok(delete(tx, key, references, &ids, codes))
}

/// What is answered for an id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    NotThere = -1,
    Deleted = 1,
    Needed = 2,
}

fn none_there(ids: &[StreamId]) -> Reply<'static> {
    Reply::Array(ids.iter().map(|_| Reply::Int(Code::NotThere as i64)).collect())
}

/// Reads the options from argument `from` on.
fn parse(call: &Call<'_>, from: usize) -> Result<(References, Vec<StreamId>)> {
    let (mut references, mut ids, mut at) = (References::Keep, None, from);
    while at < call.len() {
        if let Some(given) = References::parse(call, at) {
            references = given;
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

/// Deletes the entries whose codes say so. With DELREF takes them out of what is pending in any
/// group, and those that are in the stream no more. Returns the codes.
fn delete(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    references: References,
    ids: &[StreamId],
    codes: Vec<Code>,
) -> Reply<'static> {
    if references == References::Delete {
        let stream = tx.view().stream(key).ok().flatten();
        let is_there = |id: StreamId| stream.is_some_and(|stream| stream.get(id).is_some());
        let goes = |(id, code): &(&StreamId, &Code)| **code == Code::Deleted || !is_there(**id);
        let gone = ids.iter().zip(&codes).filter(goes);
        let gone: Vec<StreamId> = gone.map(|(id, _)| *id).collect();
        forget_pending(tx, key, &gone);
    }
    let deleted = ids.iter().zip(&codes).filter(|(_, code)| **code == Code::Deleted);
    let deleted: Vec<StreamId> = deleted.map(|(id, _)| *id).collect();
    if !deleted.is_empty() {
        tx.emit(DeleteEntries { key, ids: &deleted, event: "xdel" });
    }
    Reply::Array(codes.into_iter().map(|code| Reply::Int(code as i64)).collect())
}
