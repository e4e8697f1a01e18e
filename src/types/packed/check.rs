//! Entries that came from outside (an RDB file's listpack): are they what we would have built?

use super::entry::{
    self, INT13, INT16, INT24, INT32, INT64, Needle, STR6, STR12, STR32, backlen_width,
    write_backlen,
};
use super::{Element, Packed, PackedRef};

/// What was found in entries that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How many entries there are; may be more than [`PackedRef::LEN_MAX`].
    pub count: usize,
    /// Whether every entry is in the one form that we write. If not the bytes cannot be taken as
    /// they are, since elements are compared by their bytes.
    pub canonical: bool,
}

/// The entries cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {index} at byte {at}: {what}")]
pub struct Malformed {
    /// Its number, from 0.
    pub index: usize,
    /// Where it begins, in bytes from the first entry.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Validates entries: every one complete, of a known encoding, and with the backlen that belongs to
/// it.
pub fn check(entries: &[u8]) -> Result<Checked, Malformed> {
    let (mut at, mut count, mut canonical) = (0, 0, true);
    while at < entries.len() {
        let wrong = |what| Malformed { index: count, at, what };
        let (element, next) = read(entries, at).map_err(wrong)?;
        canonical = canonical && Needle::new(element).width() == next - at;
        at = next;
        count += 1;
    }
    Ok(Checked { count, canonical })
}

/// The elements of entries that [`check()`] passed, however many they are.
pub fn elements(entries: &[u8]) -> impl Iterator<Item = Element<'_>> + Clone {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (element, next) = read(entries, at).ok()?;
        at = next;
        Some(element)
    })
}

/// The entry at `at`, and where the next one is.
fn read(entries: &[u8], at: usize) -> Result<(Element<'_>, usize), &'static str> {
    let rest = entries.get(at..).filter(|rest| !rest.is_empty()).ok_or("there is none")?;
    let size = checked_size(rest).ok_or("it is cut short, or of no known encoding")?;
    let width = backlen_width(size);
    let end = size.checked_add(width).ok_or("it is too long")?;
    let found = rest.get(size..end).ok_or("it is cut short")?;
    let mut backlen = [0; 5];
    let expected = &mut backlen[..width];
    write_backlen(expected, size);
    if found != expected {
        return Err("its length at its end is not its length");
    }
    Ok((entry::element(entries, at), at + end))
}

/// Bytes of the encoding and data at the front of `rest`, if they are all there.
fn checked_size(rest: &[u8]) -> Option<usize> {
    let first = *rest.first()?;
    let size = match first {
        0..STR6 => 1,
        STR6..INT13 => 1 + usize::from(first & 0x3F),
        INT13..STR12 => 2,
        STR12..STR32 => 2 + (usize::from(first & 15) << 8 | usize::from(*rest.get(1)?)),
        STR32 => {
            let length = u32::from_le_bytes(*rest.get(1..)?.first_chunk()?);
            usize::try_from(length).ok()?.checked_add(5)?
        }
        INT16 => 3,
        INT24 => 4,
        INT32 => 5,
        INT64 => 9,
        _ => return None,
    };
    (size <= rest.len()).then_some(size)
}

impl Packed {
    /// Takes a listpack's entries, of which [`check()`] has said this: verbatim if they are in the
    /// form that we write, else encoded again. None if there are more than
    /// [`PackedRef::LEN_MAX`].
    pub fn from_checked(entries: &[u8], checked: Checked) -> Option<Packed> {
        match checked {
            Checked { count, .. } if count > PackedRef::LEN_MAX => None,
            Checked { count, canonical: true } => Some(Packed::verbatim(entries, count)),
            Checked { canonical: false, .. } => Some(elements(entries).collect()),
        }
    }
}
