//! The options of XADD and XTRIM, and trimming with an eye on the groups.

use super::add::new_id;
use super::ids;
use super::references::{References, forget_pending};
use crate::base::clock::UnixMs;
use crate::base::number;
use crate::command::{Call, Error, Result};
use crate::keyspace::record::{DeleteEntries, TrimStream};
use crate::keyspace::{Key, Tx};
use crate::types::Limits;
use crate::types::stream::{Stream, StreamId, Trim};

/// Trimming as asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrimOption {
    trim: Trim,
    /// `~`: whole chunks only, and at most so many entries (0: no bound).
    approximate: Option<usize>,
}

/// What XADD and XTRIM say before the id, or in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options<'a> {
    /// NOMKSTREAM.
    pub no_stream: bool,
    /// MAXLEN or MINID.
    pub trim: Option<TrimOption>,
    /// KEEPREF, DELREF, ACKED.
    pub references: References,
    /// IDMP, IDMPAUTO.
    pub message: Option<Message<'a>>,
    /// Where the first argument stands that is none of the options (XADD: the id).
    pub end: usize,
}

/// A message that may come again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// The producer's id.
    pub pid: &'a [u8],
    /// The message's own id; none: what is in it says which it is.
    pub iid: Option<&'a [u8]>,
}

/// Options as they are gathered.
struct Parser<'c, 'a> {
    call: &'c Call<'a>,
    at: usize,
    message: Option<Message<'a>>,
    trim: Option<(Trim, bool)>,
    limit: Option<i64>,
}

impl<'a> Options<'a> {
    /// Reads the options from argument 2 on. For XADD they end at the first word that is none; for
    /// XTRIM there is no such word. `now` and `limits` say what bounds an approximate trim that
    /// gives no LIMIT.
    pub(super) fn parse(call: &Call<'a>, adds: bool, now: UnixMs, limits: &Limits) -> Result<Self> {
        let mut parser = Parser { call, at: 2, message: None, trim: None, limit: None };
        let mut no_stream = false;
        let mut references = References::Keep;
        while parser.at < call.len() {
            let more = parser.at + 1 < call.len();
            if let Some(given) = References::parse(call, parser.at) {
                references = given;
                parser.at += 1;
            } else if call.is(parser.at, "MAXLEN") && more {
                parser.threshold(|text| {
                    let length = number::parse_i64(text).ok_or(Error::NotInteger)?;
                    let length = u64::try_from(length);
                    let negative = Error::text("ERR The MAXLEN argument must be >= 0.");
                    Ok(Trim::Length(length.map_err(|_| negative)?))
                })?;
            } else if call.is(parser.at, "MINID") && more {
                parser.threshold(|text| Ok(Trim::Id(ids::strict(text, 0)?)))?;
            } else if call.is(parser.at, "LIMIT") && more {
                let limit = call.int(parser.at + 1)?;
                if limit < 0 {
                    return Err(Error::text("ERR The LIMIT argument must be >= 0."));
                }
                parser.limit = Some(limit);
                parser.at += 2;
            } else if adds && call.is(parser.at, "NOMKSTREAM") {
                no_stream = true;
                parser.at += 1;
            } else if adds && call.is(parser.at, "IDMP") && parser.at + 2 < call.len() {
                parser.message(Some(call.arg(parser.at + 2)))?;
                parser.at += 3;
            } else if adds && call.is(parser.at, "IDMPAUTO") && more {
                parser.message(None)?;
                parser.at += 2;
            } else if adds {
                // A wrong id is told before options that do not go together.
                new_id(call.arg(parser.at))?;
                break;
            } else {
                return Err(Error::Syntax);
            }
        }
        let (end, message) = (parser.at, parser.message);
        let trim = parser.finish(adds, now, limits)?;
        Ok(Options { no_stream, trim, references, message, end })
    }
}

impl<'a> Parser<'_, 'a> {
    /// Reads whose message it is; `iid` is its own id, if it has one.
    fn message(&mut self, iid: Option<&'a [u8]>) -> Result<()> {
        if self.message.is_some() {
            return Err(Error::text("ERR IDMP/IDMPAUTO specified multiple times"));
        }
        let pid = self.call.arg(self.at + 1);
        let empty = match (pid, iid) {
            ([], Some(_)) => "ERR IDMP requires a non-empty producer ID",
            ([], None) => "ERR IDMPAUTO requires a non-empty producer ID",
            (_, Some([])) => "ERR IDMP requires a non-empty idempotent ID",
            _ => "",
        };
        if !empty.is_empty() {
            return Err(Error::text(empty));
        }
        self.message = Some(Message { pid, iid });
        Ok(())
    }

    /// Reads `MAXLEN [= | ~] threshold` or the same with MINID.
    fn threshold(&mut self, read: impl FnOnce(&[u8]) -> Result<Trim>) -> Result<()> {
        if self.trim.is_some() {
            return Err(Error::text(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let signed = self.at + 2 < self.call.len();
        let approximate = signed && self.call.arg(self.at + 1) == b"~";
        if approximate || (signed && self.call.arg(self.at + 1) == b"=") {
            self.at += 1;
        }
        self.trim = Some((read(self.call.arg(self.at + 1))?, approximate));
        self.at += 2;
        Ok(())
    }

    /// The options together.
    fn finish(self, adds: bool, now: UnixMs, limits: &Limits) -> Result<Option<TrimOption>> {
        const NOT_APPROXIMATE: Error =
            Error::text("ERR syntax error, LIMIT cannot be used without the special ~ option");
        // Another server's records say LIMIT beside `=`, and there it means nothing.
        let replays = now == UnixMs::ZERO;
        let Some((trim, approximate)) = self.trim else {
            return match self.limit {
                Some(1..) => Err(Error::text(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                )),
                _ if !adds => Err(Error::text(
                    "ERR syntax error, XTRIM must be called with a trimming strategy",
                )),
                Some(_) if !replays => Err(NOT_APPROXIMATE),
                _ => Ok(None),
            };
        };
        if !approximate {
            if self.limit.is_some() && !replays {
                return Err(NOT_APPROXIMATE);
            }
            return Ok(Some(TrimOption { trim, approximate: None }));
        }
        let limit = match self.limit {
            _ if replays => 0,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            None => default_limit(limits),
        };
        Ok(Some(TrimOption { trim, approximate: Some(limit) }))
    }
}

/// Entries that an approximate trim removes at most, if it does not say: as many as are in 100
/// chunks, so that it does not take long.
fn default_limit(limits: &Limits) -> usize {
    match limits.stream_node_entries.saturating_mul(100) {
        0 => 10_000,
        limit => limit.min(1_000_000),
    }
}

/// Trims a stream as asked for. Returns how many entries went.
pub(super) fn trim(
    tx: &mut Tx<'_>,
    key: Key<'_>,
    option: TrimOption,
    references: References,
) -> Result<usize> {
    let limits = tx.view().keyspace().limits();
    let Some(stream) = tx.view().stream(key)? else { return Ok(0) };
    if references == References::Keep {
        let trim = option.resolve(stream, None, &limits);
        return Ok(trim.map_or(0, |trim| tx.emit(TrimStream { key, trim })));
    }
    let doomed = option.doomed(stream, references);
    let all = stream.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id);
    let first = all.zip(&doomed).take_while(|(id, doomed)| id == *doomed).count();
    let left = stream.len() - first;
    if references == References::Delete {
        forget_pending(tx, key, &doomed);
    }
    if first > 0 {
        tx.emit(TrimStream { key, trim: Trim::Length(left as u64) });
    }
    if let Some(ids) = doomed.get(first..).filter(|ids| !ids.is_empty()) {
        // Those behind entries that stay.
        let event = if first > 0 { "" } else { "xtrim" };
        tx.emit(DeleteEntries { key, ids, event });
    }
    Ok(doomed.len())
}

impl TrimOption {
    /// What goes of a stream with DELREF and ACKED. As in Redis, `~` then only bounds how many
    /// chunks are looked at; the limit counts entries that stay too.
    fn doomed(&self, stream: &Stream, references: References) -> Vec<StreamId> {
        let (mut doomed, mut left) = (Vec::new(), stream.len());
        let mut looked_at = 0;
        let last_free = references.last_free(stream);
        let limit = self.approximate.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let most = |most: u64| usize::try_from(most).unwrap_or(usize::MAX);
        for chunk in stream.chunks() {
            let is_enough = match self.trim {
                Trim::Length(length) => left <= most(length),
                Trim::Id(_) => false,
            };
            looked_at += chunk.len();
            if is_enough || looked_at > limit {
                break;
            }
            let fits = match self.trim {
                Trim::Length(length) => left - chunk.len() >= most(length),
                Trim::Id(id) => chunk.last() < id,
            };
            let is_whole = fits && chunk.last() <= last_free;
            for entry in chunk.entries() {
                let is_bound = match self.trim {
                    Trim::Length(length) => left <= most(length),
                    Trim::Id(id) => entry.id >= id,
                };
                if is_bound || entry.id > last_free {
                    break;
                }
                if !references.hold(stream, entry.id) {
                    doomed.push(entry.id);
                    left -= 1;
                }
            }
            if !is_whole {
                break;
            }
        }
        doomed
    }

    /// The exact trim that this comes to in a stream; none if it removes nothing. `adding` has the
    /// id and size of an entry that is added before.
    pub(super) fn resolve(
        &self,
        stream: &Stream,
        adding: Option<(StreamId, usize)>,
        limits: &Limits,
    ) -> Option<Trim> {
        let length = stream.len() as u64 + u64::from(adding.is_some());
        if let Some(limit) = self.approximate {
            let left = stream.length_after_approximate(self.trim, limit, adding, limits);
            return (left < length).then_some(Trim::Length(left));
        }
        let removes = match self.trim {
            Trim::Length(most) => length > most,
            Trim::Id(id) => {
                let first = stream.first().map(|entry| entry.id);
                first.or(adding.map(|(id, _)| id)).is_some_and(|first| first < id)
            }
        };
        removes.then_some(self.trim)
    }
}
