//! The options of XREAD and XREADGROUP.

use crate::base::clock::UnixMs;
use crate::command::{Call, Error, Result};

/// What is asked for, the streams' ids not yet read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// COUNT: entries of each stream at most.
    pub count: usize,
    /// BLOCK.
    pub block: Option<Block>,
    /// GROUP: the group's and the consumer's name.
    pub group: Option<(&'a [u8], &'a [u8])>,
    /// NOACK.
    pub no_ack: bool,
    /// CLAIM: pending entries that have been idle for so many ms come first.
    pub claim: Option<i64>,
    /// Where the first key stands.
    pub first: usize,
    /// How many streams there are: as many keys, then as many ids.
    pub streams: usize,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// Until there is something.
    Forever,
    /// Until this instant at most.
    Until(UnixMs),
}

impl Block {
    /// When a wait ends.
    pub(super) fn deadline(self) -> Option<UnixMs> {
        match self {
            Block::Forever => None,
            Block::Until(at) => Some(at),
        }
    }
}

impl<'a> Reading<'a> {
    /// Reads the options of XREADGROUP (`in_group`) or XREAD.
    pub(super) fn parse(call: &Call<'a>, now: UnixMs, in_group: bool) -> Result<Self> {
        let mut reading = Reading {
            count: usize::MAX,
            block: None,
            group: None,
            no_ack: false,
            claim: None,
            first: 0,
            streams: 0,
        };
        let mut at = 1;
        while at < call.len() && reading.first == 0 {
            let more = call.len() - 1 - at;
            if call.is(at, "BLOCK") && more > 0 {
                reading.block = Some(timeout(call, at + 1, now)?);
                at += 2;
            } else if call.is(at, "COUNT") && more > 0 {
                // None, or less: no bound.
                let count = usize::try_from(call.int(at + 1)?).ok().filter(|count| *count > 0);
                reading.count = count.unwrap_or(usize::MAX);
                at += 2;
            } else if call.is(at, "STREAMS") && more > 0 {
                if !more.is_multiple_of(2) {
                    return Err(unbalanced(in_group));
                }
                (reading.first, reading.streams) = (at + 1, more / 2);
            } else if call.is(at, "GROUP") && more > 1 {
                reading.group = Some((call.arg(at + 1), call.arg(at + 2)));
                at += 3;
                only_for_groups(
                    in_group,
                    "ERR The GROUP option is only supported by XREADGROUP. \
                    You called XREAD instead.",
                )?;
            } else if call.is(at, "CLAIM") && more > 0 {
                only_for_groups(
                    in_group,
                    "ERR The CLAIM option is only supported by XREADGROUP. \
                    You called XREAD instead.",
                )?;
                let text = "ERR min-idle-time is not an integer or out of range";
                let idle = call.int(at + 1).map_err(|_| Error::text(text))?;
                if idle < 0 {
                    return Err(Error::text("ERR min-idle-time must be a positive integer"));
                }
                reading.claim = Some(idle);
                at += 2;
            } else if call.is(at, "NOACK") {
                reading.no_ack = true;
                at += 1;
                only_for_groups(
                    in_group,
                    "ERR The NOACK option is only supported by XREADGROUP. \
                    You called XREAD instead.",
                )?;
            } else {
                return Err(Error::Syntax);
            }
        }
        if reading.first == 0 {
            return Err(Error::Syntax);
        }
        Ok(reading)
    }

    /// The positions of each stream's key and id.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let streams = self.streams;
        (self.first..self.first + streams).map(move |key| (key, key + streams))
    }
}

fn unbalanced(in_group: bool) -> Error {
    Error::text(if in_group {
        "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be \
         specified."
    } else {
        "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be \
         specified."
    })
}

fn only_for_groups(in_group: bool, otherwise: &'static str) -> Result<()> {
    if in_group { Ok(()) } else { Err(Error::text(otherwise)) }
}

/// Milliseconds from now; 0 is for ever.
fn timeout(call: &Call<'_>, at: usize, now: UnixMs) -> Result<Block> {
    let text = "ERR timeout is not an integer or out of range";
    let ms = call.int(at).map_err(|_| Error::text(text))?;
    let ms = u64::try_from(ms).map_err(|_| Error::text("ERR timeout is negative"))?;
    if ms == 0 {
        return Ok(Block::Forever);
    }
    let end = now.0.checked_add(ms).filter(|end| i64::try_from(*end).is_ok());
    end.map(|end| Block::Until(UnixMs(end))).ok_or(Error::text("ERR timeout is out of range"))
}
