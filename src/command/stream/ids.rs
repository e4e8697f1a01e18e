//! Ids and intervals in requests.

use crate::command::{Error, Result};
use crate::types::stream::StreamId;

/// What is answered to a text that is no id.
const INVALID: Error = Error::text("ERR Invalid stream ID specified as stream command argument");

/// A complete or incomplete id, but not `-` or `+`; without a sequence number it gets this one.
pub(super) fn strict(text: &[u8], missing_seq: u64) -> Result<StreamId> {
    StreamId::parse(text, missing_seq).ok_or(INVALID)
}

/// As [`strict`]; `-` is the smallest id, `+` the greatest.
pub(super) fn with_ends(text: &[u8], missing_seq: u64) -> Result<StreamId> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        text => strict(text, missing_seq),
    }
}

/// Several ids.
pub(super) fn strict_all(texts: &[&[u8]]) -> Result<Vec<StreamId>> {
    texts.iter().map(|text| strict(text, 0)).collect()
}

/// The start of an interval: an id, which is included unless `(` stands before it.
pub(super) fn interval_start(text: &[u8]) -> Result<StreamId> {
    match excluded(text) {
        None => with_ends(text, 0),
        Some(text) => {
            let next = strict(text, 0)?.next();
            next.ok_or(Error::text("ERR invalid start ID for the interval"))
        }
    }
}

/// The end of an interval, as [`interval_start`].
pub(super) fn interval_end(text: &[u8]) -> Result<StreamId> {
    match excluded(text) {
        None => with_ends(text, u64::MAX),
        Some(text) => {
            let previous = strict(text, u64::MAX)?.previous();
            previous.ok_or(Error::text("ERR invalid end ID for the interval"))
        }
    }
}

/// What stands behind `(`.
fn excluded(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"(").filter(|rest| !rest.is_empty())
}
