//! XCFGSET and XIDMPRECORD (Redis 8.6): what a stream knows of its producers' messages. XADD asks
//! it.

use super::{STREAM, ids};
use crate::base::clock::UnixMs;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{RecordMessage, SetIdempotency};
use crate::resp::Reply;
use crate::types::stream::Idempotency;
use xxhash_rust::xxh3::xxh3_128;

pub(super) const XCFGSET: Command = Command {
    name: "xcfgset",
    summary: "Sets how long and how many idempotent ids a stream knows; a change forgets all.",
    syntax: "key [IDMP-DURATION idmp-duration] [IDMP-MAXSIZE idmp-maxsize]",
    example: r#"
        > XADD readings IDMP probe 1 * celsius 21
        "1700000000000-0"
        > XCFGSET readings IDMP-DURATION 300
        OK
        log: XCFGSET readings IDMP-DURATION 300 IDMP-MAXSIZE 100
        > XCFGSET readings IDMP-DURATION 300
        OK
        log:
    "#,
    since: "8.6.0",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::Fast],
    handler: Handler::Write(xcfgset),
    ..STREAM
};

fn xcfgset<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let stream = tx.view().stream(key)?.ok_or(Error::NoSuchKey)?;
    let default = Idempotency::default();
    let known = stream.idempotency().unwrap_or(&default);
    let (mut duration_s, mut max_size) = (known.duration_s(), known.max_size());
    let (mut has_duration, mut has_size) = (false, false);
    for at in (2..call.len()).step_by(2) {
        if call.is(at, "IDMP-DURATION") && at + 1 < call.len() {
            duration_s = number(call, at, &mut has_duration, Idempotency::DURATION_S_MAX)?;
        } else if call.is(at, "IDMP-MAXSIZE") && at + 1 < call.len() {
            max_size = number(call, at, &mut has_size, Idempotency::SIZE_MAX as u64)? as usize;
        } else {
            return Err(Error::Syntax);
        }
    }
    if !has_duration && !has_size {
        return Err(Error::text("ERR At least one parameter must be specified"));
    }
    tx.emit(SetIdempotency { key, duration_s, max_size });
    Ok(Reply::Ok)
}

/// The number behind the word at `at`, from 1 to `max`. `given`: whether it was given before.
fn number(call: &Call<'_>, at: usize, given: &mut bool, max: u64) -> Result<u64> {
    let word = call.arg(at).to_ascii_uppercase();
    let word = String::from_utf8_lossy(&word);
    if std::mem::replace(given, true) {
        return Err(Error::owned(format!("ERR {word} specified multiple times")));
    }
    let number = u64::try_from(call.int(at + 1)?).ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| Error::owned(format!("ERR {word} must be between 1 and {max}")))
}

pub(super) const XIDMPRECORD: Command = Command {
    name: "xidmprecord",
    summary: "Records which entry a producer's message has become: for the log.",
    syntax: "key pid iid stream-id",
    example: r#"
        > XADD readings 1-1 celsius 21
        "1-1"
        > XIDMPRECORD readings probe 1 1-1
        OK
        log: XIDMPRECORD readings probe 1 1-1
    "#,
    since: "8.6.2",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(xidmprecord),
    ..STREAM
};

fn xidmprecord<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, pid, iid) = (call.key(1), call.arg(2), call.arg(3));
    if pid.is_empty() {
        return Err(Error::text("ERR producer ID must be non-empty"));
    }
    if iid.is_empty() {
        return Err(Error::text("ERR idempotent ID must be non-empty"));
    }
    let id = ids::strict(call.arg(4), 0)?;
    let stream = tx.view().stream(key)?.ok_or(Error::NoSuchKey)?;
    // A record says what was so, and what it says has taken the place of what was over.
    if tx.now() != UnixMs::ZERO {
        if stream.get(id).is_none() {
            return Err(Error::text("ERR No such message in stream"));
        }
        let known = stream.idempotency().and_then(|known| known.find(pid, iid, tx.now().0));
        match known {
            Some(known) if known == id => return Ok(Reply::Ok),
            Some(_) => {
                return Err(Error::text(
                    "ERR IID already exists for this producer with a different stream ID",
                ));
            }
            None => {}
        }
    }
    tx.emit(RecordMessage { key, pid, iid, id });
    Ok(Reply::Ok)
}

/// The idempotent id of a message that has none of its own, from its fields and values in turn: as
/// Redis makes it, whatever the order of the fields is.
pub(super) fn id_by_content(pairs: &[&[u8]]) -> [u8; 16] {
    let mut both = Vec::new();
    let hash = pairs.chunks_exact(2).fold(0, |hash, pair| {
        both.clear();
        both.extend_from_slice(pair[0]);
        both.extend_from_slice(pair[1]);
        hash ^ xxh3_128(&both)
    });
    hash.to_le_bytes()
}
