//! XDEL and XSETID.

use super::{STREAM, count_reply, ids};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{DeleteEntries, SetStreamId};
use crate::resp::Reply;
use crate::types::stream::StreamId;

pub(super) const XDEL: Command = Command {
    name: "xdel",
    summary: "Deletes entries by their ids.",
    syntax: "key id [id ...]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XDEL readings 1-1 1-2
        (integer) 1
        log: XDEL readings 1-1 1-2
        event: xdel readings
    "#,
    complexity: "O(1) for each single item to delete in the stream, regardless of the stream size.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    flags: &[Flag::Fast],
    handler: Handler::Write(xdel),
    ..STREAM
};

fn xdel<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    if tx.view().stream(key)?.is_none() {
        return Ok(Reply::Int(0));
    }
    let ids = ids::strict_all(&call.args()[2..])?;
    Ok(count_reply(tx.emit(DeleteEntries { key, ids: &ids, event: "xdel" })))
}

pub(super) const XSETID: Command = Command {
    name: "xsetid",
    summary: "Sets the greatest id that a stream has given, and its counters: for replication.",
    syntax: "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XSETID readings 5-0 ENTRIESADDED 7
        OK
        log: XSETID readings 5-0 ENTRIESADDED 7 MAXDELETEDID 0-0
        event: xsetid readings
    "#,
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(xsetid),
    ..STREAM
};

fn xsetid<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let last_id = ids::strict(call.arg(2), 0)?;
    let (mut added, mut max_deleted) = (None, StreamId::MIN);
    for at in (3..call.len()).step_by(2) {
        let more = at + 1 < call.len();
        if call.is(at, "ENTRIESADDED") && more {
            let count = u64::try_from(call.int(at + 1)?);
            added = Some(count.map_err(|_| Error::text("ERR entries_added must be positive"))?);
        } else if call.is(at, "MAXDELETEDID") && more {
            max_deleted = ids::strict(call.arg(at + 1), 0)?;
            if last_id < max_deleted {
                return Err(Error::text(
                    "ERR The ID specified in XSETID is smaller than the provided \
                     max_deleted_entry_id",
                ));
            }
        } else {
            return Err(Error::Syntax);
        }
    }
    let stream = tx.view().stream(key)?.ok_or(Error::NoSuchKey)?;
    if last_id < stream.max_deleted_id() {
        return Err(Error::text(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    if stream.last().is_some_and(|last| last_id < last.id) {
        return Err(Error::text(
            "ERR The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if added.is_some_and(|added| added < stream.len() as u64) {
        return Err(Error::text(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    let entries_added = added.unwrap_or(stream.entries_added());
    let max_deleted_id =
        if max_deleted == StreamId::MIN { stream.max_deleted_id() } else { max_deleted };
    tx.emit(SetStreamId { key, last_id, entries_added, max_deleted_id });
    Ok(Reply::Ok)
}
