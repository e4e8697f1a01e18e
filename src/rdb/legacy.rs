//! Compact forms that older servers wrote: ziplist, zipmap; and the intset, which is still written.
//!
//! ```text
//! ziplist  bytes32 tail32 count16 entry ... FF           little-endian; tail: of the last entry
//!   entry  previous encoding data                        previous: length of the entry before, one
//!                                                        byte below 254, else FE and 4 bytes
//!   encoding  00llllll | 01llllll l8 | 80 l32            string (lengths big-endian)
//!             C0 v16 | D0 v32 | E0 v64 | F0 v24 | FE v8  integer (little-endian)
//!             F1 ... FD                                  0 to 12
//!
//! zipmap   count8 (length key length free8 value)* FF    length: one byte below 254, else FE and 4
//!                                                        bytes; count 254: count them yourself;
//!                                                        `free` unused bytes follow the value
//!
//! intset   width32 count32 value value ...               ascending
//! ```

use super::cursor::Cursor;
use super::error::Fault;
use crate::types::intset::IntSet;
use crate::types::packed::Element;

const END: u8 = 0xFF;
/// A first byte after which a length of four bytes stands.
const WIDE: u8 = 0xFE;
const ZIPLIST_HEAD_BYTES: usize = 10;

/// The elements of a ziplist. `offset` is for the error.
pub(super) fn ziplist(blob: &[u8], offset: u64) -> Result<Vec<Element<'_>>, Fault> {
    let wrong = |found: &str| Cursor::corrupt(offset, "a ziplist", found);
    let Some((head, rest)) = blob.split_first_chunk::<ZIPLIST_HEAD_BYTES>() else {
        return Err(wrong("fewer bytes than its head has"));
    };
    let [b0, b1, b2, b3, t0, t1, t2, t3, c0, c1] = *head;
    if u64::from(u32::from_le_bytes([b0, b1, b2, b3])) != blob.len() as u64 {
        return Err(wrong("another length than it says"));
    }
    let Some((&END, mut entries)) = rest.split_last() else {
        return Err(wrong("no end mark"));
    };
    let mut elements = Vec::new();
    let (mut before, mut at, mut last) = (0, ZIPLIST_HEAD_BYTES, ZIPLIST_HEAD_BYTES);
    while !entries.is_empty() {
        let left = entries.len();
        let previous = take_length(&mut entries).ok_or_else(|| wrong("an entry cut short"))?;
        if previous != before {
            return Err(wrong("an entry that is wrong about the length of the one before"));
        }
        let element = ziplist_element(&mut entries).ok_or_else(|| wrong("a broken entry"))?;
        elements.push(element);
        before = left - entries.len();
        last = at;
        at += before;
    }
    let count = u16::from_le_bytes([c0, c1]);
    if count != u16::MAX && usize::from(count) != elements.len() {
        return Err(wrong("another number of entries than it says"));
    }
    if u32::from_le_bytes([t0, t1, t2, t3]) as usize != last {
        return Err(wrong("its last entry elsewhere than it says"));
    }
    Ok(elements)
}

/// Takes a length of one byte, or FE and four bytes.
fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let first = take(bytes, 1)?[0];
    match first {
        END => None,
        WIDE => usize::try_from(u32::from_le_bytes(take_array(bytes)?)).ok(),
        length => Some(usize::from(length)),
    }
}

fn ziplist_element<'a>(bytes: &mut &'a [u8]) -> Option<Element<'a>> {
    let first = take(bytes, 1)?[0];
    let string = |bytes: &mut &'a [u8], length: usize| take(bytes, length).map(Element::Bytes);
    match first >> 6 {
        0 => return string(bytes, usize::from(first)),
        1 => {
            let low = take(bytes, 1)?[0];
            return string(bytes, usize::from(first & 0x3F) << 8 | usize::from(low));
        }
        2 => {
            let length = u32::from_be_bytes(take_array(bytes)?);
            return string(bytes, usize::try_from(length).ok()?);
        }
        _ => {}
    }
    Some(Element::Int(match first {
        0xC0 => i64::from(i16::from_le_bytes(take_array(bytes)?)),
        0xD0 => i64::from(i32::from_le_bytes(take_array(bytes)?)),
        0xE0 => i64::from_le_bytes(take_array(bytes)?),
        0xF0 => {
            let [a, b, c] = take_array(bytes)?;
            i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)
        }
        0xFE => i64::from(i8::from_le_bytes(take_array(bytes)?)),
        0xF1..=0xFD => i64::from(first & 15) - 1,
        _ => return None,
    }))
}

/// The keys and values of a zipmap, by turns. `offset` is for the error.
pub(super) fn zipmap(blob: &[u8], offset: u64) -> Result<Vec<Element<'_>>, Fault> {
    let wrong = |found: &str| Cursor::corrupt(offset, "a zipmap", found);
    let Some((&count, rest)) = blob.split_first() else { return Err(wrong("no bytes")) };
    let Some((&END, mut entries)) = rest.split_last() else { return Err(wrong("no end mark")) };
    let mut elements = Vec::new();
    while !entries.is_empty() {
        let pair = zipmap_pair(&mut entries).ok_or_else(|| wrong("a broken entry"))?;
        elements.extend(pair);
    }
    if count < WIDE && usize::from(count) != elements.len() / 2 {
        return Err(wrong("another number of entries than it says"));
    }
    Ok(elements)
}

fn zipmap_pair<'a>(bytes: &mut &'a [u8]) -> Option<[Element<'a>; 2]> {
    let length = take_length(bytes)?;
    let key = take(bytes, length)?;
    let length = take_length(bytes)?;
    let free = usize::from(take(bytes, 1)?[0]);
    let value = take(bytes, length)?;
    take(bytes, free)?;
    Some([Element::Bytes(key), Element::Bytes(value)])
}

/// An intset. `offset` is for the error.
pub(super) fn intset(blob: &[u8], offset: u64) -> Result<IntSet, Fault> {
    let wrong = |found: &str| Cursor::corrupt(offset, "an intset", found);
    let mut rest = blob;
    let head = take_array(&mut rest).zip(take_array(&mut rest));
    let Some((width, count)) = head else { return Err(wrong("fewer bytes than its head has")) };
    let (width, count) = (u32::from_le_bytes(width), u32::from_le_bytes(count));
    if u64::from(width) * u64::from(count) != rest.len() as u64 {
        return Err(wrong("another length than it says"));
    }
    let width = usize::try_from(width).unwrap_or_default();
    IntSet::from_values(width, rest).ok_or_else(|| wrong("values that do not ascend"))
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
