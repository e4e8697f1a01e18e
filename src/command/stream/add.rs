//! XADD and XTRIM.

use super::references::References;
use super::trim::{self, Options};
use super::{STREAM, count_reply, id_reply, idempotency, ids};
use crate::base::clock::UnixMs;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{AddEntry, CountDuplicate, RecordMessage};
use crate::resp::Reply;
use crate::types::stream::{Stream, StreamId};

pub(super) const XADD: Command = Command {
    name: "xadd",
    summary: "Adds an entry to a stream, unless its producer has sent it before, and perhaps removes \
              the oldest.",
    syntax: "key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO pid | IDMP pid iid] \
             [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value \
             [field value ...]",
    example: r#"
        > XADD readings * celsius 21
        "1700000000000-0"
        log: XADD readings 1700000000000-0 celsius 21
        event: xadd readings
        > XADD readings MAXLEN 1 * celsius 22
        "1700000000000-1"
        log: XADD readings MAXLEN = 1 1700000000000-1 celsius 22
        event: xadd readings
        event: xtrim readings
        > XADD readings IDMP probe 7 * celsius 23
        "1700000000000-2"
        log: XADD readings 1700000000000-2 celsius 23
        log: XIDMPRECORD readings probe 7 1700000000000-2
        event: xadd readings
        > XADD readings IDMP probe 7 * celsius 23
        "1700000000000-2"
        log:
    "#,
    complexity: "O(1) when adding a new entry, O(N) when trimming where N being the number of \
                 entries evicted.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::DenyOom, Flag::Fast],
    tips: &["nondeterministic_output"],
    handler: Handler::Write(xadd),
    ..STREAM
};

/// The id that an entry is to get.
#[derive(Clone, Copy)]
pub(super) enum NewId {
    /// `*`.
    Automatic,
    /// `ms-*`.
    AutomaticSeq(u64),
    /// As given.
    Given(StreamId),
}

/// Ids only grow.
const TOO_SMALL: Error =
    Error::text("ERR The ID specified in XADD is equal or smaller than the target stream top item");

fn xadd<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let limits = tx.view().keyspace().limits();
    let options = Options::parse(call, true, tx.now(), &limits)?;
    let id = call.get(options.end).map_or(Ok(NewId::Automatic), new_id)?;
    let pairs = call.args().get(options.end + 1..).unwrap_or_default();
    if pairs.len() < 2 || !pairs.len().is_multiple_of(2) {
        return Err(Error::Arity(call.command.full_name.to_owned()));
    }
    if let NewId::Given(StreamId::MIN) = id {
        return Err(Error::text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let replays = tx.now() == UnixMs::ZERO;
    if options.message.is_some() && !replays && !matches!(id, NewId::Automatic) {
        return Err(Error::text("ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"));
    }
    let message = options.message.map(|message| {
        let by_content = || idempotency::id_by_content(pairs).to_vec();
        (message.pid, message.iid.map_or_else(by_content, <[u8]>::to_vec))
    });
    let empty = Stream::new();
    let stream = match tx.view().stream(key)? {
        Some(stream) => stream,
        None if options.no_stream => return Ok(Reply::Null),
        None => &empty,
    };
    // What is replayed was added.
    if let Some((pid, iid)) = message.as_ref().filter(|_| !replays)
        && let Some(known) = stream.idempotency()
        && let Some(id) = known.find(pid, iid, tx.now().0)
    {
        tx.emit(CountDuplicate { key });
        return Ok(id_reply(id));
    }
    let id = resolve(id, stream, tx.now())?;
    let bytes = pairs.iter().map(|word| word.len()).sum();
    if bytes > Stream::ENTRY_BYTES_MAX {
        return Err(Error::text("ERR Elements are too large to be stored"));
    }
    // The other things that may be to do want the entry there.
    let is_plain = options.references == References::Keep && message.is_none();
    let trim = options.trim.filter(|_| is_plain);
    let trim = trim.and_then(|trim| trim.resolve(stream, Some((id, bytes)), &limits));
    tx.emit(AddEntry { key, id, pairs, trim });
    if let Some((pid, iid)) = &message {
        tx.emit(RecordMessage { key, pid, iid, id });
    }
    if let Some(option) = options.trim.filter(|_| !is_plain) {
        trim::trim(tx, key, option, options.references)?;
    }
    Ok(id_reply(id))
}

/// The id that XADD is given.
pub(super) fn new_id(text: &[u8]) -> Result<NewId> {
    if text == b"*" {
        return Ok(NewId::Automatic);
    }
    if let Some(ms) = text.strip_suffix(b"-*")
        && !ms.contains(&b'-')
    {
        return Ok(NewId::AutomaticSeq(ids::strict(ms, 0)?.ms));
    }
    ids::strict(text, 0).map(NewId::Given)
}

/// The id that the entry gets: greater than all before.
fn resolve(id: NewId, stream: &Stream, now: UnixMs) -> Result<StreamId> {
    const EXHAUSTED: Error =
        Error::text("ERR The stream has exhausted the last possible ID, unable to add more items");
    let last = stream.last_id();
    if last == StreamId::MAX {
        return Err(EXHAUSTED);
    }
    let id = match id {
        NewId::Automatic => stream.next_id(now.0).ok_or(EXHAUSTED)?,
        NewId::AutomaticSeq(ms) if ms == last.ms => {
            StreamId { ms, seq: last.seq.checked_add(1).ok_or(TOO_SMALL)? }
        }
        NewId::AutomaticSeq(ms) => StreamId { ms, seq: 0 },
        NewId::Given(id) => id,
    };
    if id > last { Ok(id) } else { Err(TOO_SMALL) }
}

pub(super) const XTRIM: Command = Command {
    name: "xtrim",
    summary: "Removes the oldest entries of a stream.",
    syntax: "key <MAXLEN | MINID> [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XADD readings 1-2 celsius 22
        "1-2"
        > XTRIM readings MAXLEN 1
        (integer) 1
        log: XTRIM readings MAXLEN = 1
        event: xtrim readings
    "#,
    complexity: "O(N), with N being the number of evicted entries. Constant times are very small \
                 however, since entries are organized in macro nodes containing multiple entries \
                 that can be released in a single deallocation.",
    keys: &[Keys::One(1, Access::DeleteRw)],
    tips: &["nondeterministic_output"],
    handler: Handler::Write(xtrim),
    ..STREAM
};

fn xtrim<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let limits = tx.view().keyspace().limits();
    let options = Options::parse(call, false, tx.now(), &limits)?;
    let Some(option) = options.trim else { return Ok(Reply::Int(0)) };
    Ok(count_reply(trim::trim(tx, key, option, options.references)?))
}
