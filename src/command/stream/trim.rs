//! The trimming options of XADD and XTRIM.

use super::add::new_id;
use super::ids;
use crate::base::clock::UnixMs;
use crate::base::number;
use crate::command::{Call, Error, Result};
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
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// NOMKSTREAM.
    pub no_stream: bool,
    /// MAXLEN or MINID.
    pub trim: Option<TrimOption>,
    /// Where the first argument stands that is none of the options (XADD: the id).
    pub end: usize,
}

/// Options as they are gathered.
struct Parser<'c, 'a> {
    call: &'c Call<'a>,
    at: usize,
    trim: Option<(Trim, bool)>,
    limit: Option<i64>,
}

impl Options {
    /// Reads the options from argument 2 on. For XADD they end at the first word that is none; for
    /// XTRIM there is no such word. `now` and `limits` say what bounds an approximate trim that
    /// gives no LIMIT.
    pub(super) fn parse(call: &Call<'_>, adds: bool, now: UnixMs, limits: &Limits) -> Result<Self> {
        let mut parser = Parser { call, at: 2, trim: None, limit: None };
        let mut no_stream = false;
        while parser.at < call.len() {
            let more = parser.at + 1 < call.len();
            if call.is(parser.at, "MAXLEN") && more {
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
            } else if adds {
                // A wrong id is told before options that do not go together.
                new_id(call.arg(parser.at))?;
                break;
            } else {
                return Err(Error::Syntax);
            }
        }
        let end = parser.at;
        Ok(Options { no_stream, trim: parser.finish(adds, now, limits)?, end })
    }
}

impl Parser<'_, '_> {
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

impl TrimOption {
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
