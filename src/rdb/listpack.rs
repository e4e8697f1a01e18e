//! A listpack as files hold it, around the entries of [`crate::types::packed`].
//!
//! ```text
//! bytes32 count16 entry entry ... FF      little-endian; bytes of all, this included;
//!                                         count 65,535: count them yourself
//! ```

use super::cursor::Cursor;
use super::error::Fault;
use crate::types::packed::{self, Checked};

/// Bytes before the first entry.
pub(super) const HEAD_BYTES: usize = 6;
const END: u8 = 0xFF;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The entries of a listpack, and what checking them said. `offset` is for the error.
pub(super) fn entries(blob: &[u8], offset: u64) -> Result<(&[u8], Checked), Fault> {
    let wrong = |found: String| Cursor::corrupt(offset, "a listpack", found);
    let Some(([bytes @ .., low, high], rest)) = blob.split_first_chunk::<HEAD_BYTES>() else {
        return Err(wrong(format!("{} bytes", blob.len())));
    };
    let announced = u32::from_le_bytes(*bytes);
    if u64::from(announced) != blob.len() as u64 {
        return Err(wrong(format!("{} bytes that say they are {announced}", blob.len())));
    }
    let Some((&END, entries)) = rest.split_last() else {
        return Err(wrong("no end mark".into()));
    };
    let checked = packed::check(entries).map_err(|malformed| wrong(malformed.to_string()))?;
    let count = u16::from_le_bytes([*low, *high]);
    if count != COUNT_UNKNOWN && usize::from(count) != checked.count {
        return Err(wrong(format!("{} elements that say they are {count}", checked.count)));
    }
    Ok((entries, checked))
}

/// What stands before `count` entries of `bytes` bytes. None if they are too large for a listpack.
pub(super) fn head(count: usize, bytes: usize) -> Option<[u8; HEAD_BYTES]> {
    let all = u32::try_from(bytes + HEAD_BYTES + 1).ok()?.to_le_bytes();
    let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN).to_le_bytes();
    let [a, b, c, d] = all;
    Some([a, b, c, d, count[0], count[1]])
}

/// Appends a listpack of these entries.
pub(super) fn put(out: &mut Vec<u8>, count: usize, entries: &[u8]) -> Option<()> {
    out.extend_from_slice(&head(count, entries.len())?);
    out.extend_from_slice(entries);
    out.push(END);
    Some(())
}
