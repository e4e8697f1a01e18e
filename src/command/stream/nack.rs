//! XNACK (Redis 8.8): pending entries given back, for whoever claims next.

use super::{STREAM, count_reply, ids, no_group};
use crate::command::error::c_text;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::ReleaseEntries;
use crate::resp::Reply;
use crate::types::stream::StreamId;
use std::collections::HashMap;

pub(super) const XNACK: Command = Command {
    name: "xnack",
    summary: "Gives pending entries back: nobody has them, and they are the first to be claimed.",
    syntax: "key group <SILENT | FAIL | FATAL> IDS numids id [id ...] [RETRYCOUNT count] [FORCE]",
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
        > XNACK readings plotters FAIL IDS 1 1-1
        (integer) 1
        log: XNACK readings plotters FAIL IDS 1 1-1 RETRYCOUNT 1 FORCE
        event:
        > XPENDING readings plotters - + 10
        1) 1) "1-1"
           2) ""
           3) (integer) -1
           4) (integer) 1
    "#,
    since: "8.8.0",
    complexity: "O(1) for each message ID processed.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::Fast],
    handler: Handler::Write(xnack),
    ..STREAM
};

/// What becomes of the count of deliveries.
#[derive(Clone, Copy)]
enum Mode {
    /// This one did not count.
    Silent,
    /// It stays.
    Fail,
    /// As many as there can be.
    Fatal,
}

/// What an XNACK says.
struct Options {
    mode: Mode,
    ids: Vec<StreamId>,
    /// RETRYCOUNT: the count, whatever the mode says.
    count: Option<u64>,
    /// FORCE: entries that are not pending too, if they are there.
    force: bool,
}

fn xnack<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, name) = (call.key(1), call.arg(2));
    let stream = tx.view().stream(key)?;
    let found = stream.and_then(|stream| Some((stream, stream.group(name)?)));
    let (stream, group) = found.ok_or_else(|| no_group(key.bytes, name))?;
    let options = Options::parse(call)?;
    let mut released: Vec<(StreamId, u64)> = Vec::with_capacity(options.ids.len());
    // The counts of ids that come again.
    let mut counts: HashMap<StreamId, u64> = HashMap::new();
    for &id in &options.ids {
        let before = counts.get(&id).copied();
        let before = before.or_else(|| group.pending(id).map(|pending| pending.count));
        let before = match before {
            Some(before) => before,
            None if options.force && stream.get(id).is_some() => 0,
            None => continue,
        };
        let count = options.count.unwrap_or(match options.mode {
            Mode::Silent => before.saturating_sub(1),
            Mode::Fail => before,
            Mode::Fatal => i64::MAX.cast_unsigned(),
        });
        counts.insert(id, count);
        released.push((id, count));
    }
    for run in released.chunk_by(|a, b| a.1 == b.1) {
        let ids: Vec<StreamId> = run.iter().map(|(id, _)| *id).collect();
        tx.emit(ReleaseEntries { key, group: name, ids: &ids, count: run[0].1 });
    }
    Ok(count_reply(released.len()))
}

impl Options {
    fn parse(call: &Call<'_>) -> Result<Self> {
        let modes = [("SILENT", Mode::Silent), ("FAIL", Mode::Fail), ("FATAL", Mode::Fatal)];
        let mode = modes.into_iter().find(|(word, _)| call.is(3, word)).map(|(_, mode)| mode);
        let mode = mode.ok_or(Error::text("ERR mode must be SILENT, FAIL, or FATAL"))?;
        let mut options = Options { mode, ids: Vec::new(), count: None, force: false };
        let mut at = 4;
        while at < call.len() {
            if call.is(at, "FORCE") {
                options.force = true;
                at += 1;
            } else if call.is(at, "RETRYCOUNT") && at + 1 < call.len() {
                let count = u64::try_from(call.int(at + 1)?);
                let negative = Error::text("ERR Invalid RETRYCOUNT value, must be >= 0");
                options.count = Some(count.map_err(|_| negative)?);
                at += 2;
            } else if call.is(at, "IDS") && at + 1 < call.len() && options.ids.is_empty() {
                let count = call.int(at + 1).ok().and_then(|count| usize::try_from(count).ok());
                let count = count.filter(|count| *count > 0);
                let count = count.ok_or(Error::text("ERR numids must be a positive integer"))?;
                let given = call.args().get(at + 2..).and_then(|rest| rest.get(..count));
                let given = given.ok_or(Error::text("ERR number of IDs doesn't match numids"))?;
                options.ids = ids::strict_all(given)?;
                at += 2 + count;
            } else {
                let word = c_text(call.arg(at));
                return Err(Error::owned(format!("ERR Unrecognized XNACK option '{word}'")));
            }
        }
        if options.ids.is_empty() {
            return Err(Error::text("ERR syntax error, expected IDS keyword"));
        }
        Ok(options)
    }
}
