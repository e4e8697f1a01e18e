//! Elements of a listpack, one at a time, by their places: how [`super::chunk`] reads and writes.

use crate::types::packed::{self, Element, Needle, entry};

/// What ends a listpack.
pub(super) const TERMINATOR: u8 = 0xFF;
/// Bytes before the first element: total bytes u32 LE, elements u16 LE.
pub(super) const HEADER: usize = 6;
/// What the header says of a listpack with so many elements or more.
const ELEMENTS_UNKNOWN: u16 = u16::MAX;

/// The place behind the element at `at`.
#[inline]
pub(super) fn skip(bytes: &[u8], at: usize) -> usize {
    entry::after(bytes, at)
}

/// The place of the element that ends at `end`.
#[inline]
pub(super) fn before(bytes: &[u8], end: usize) -> usize {
    entry::before(bytes, end)
}

/// The element at `at`, and the place behind it.
#[inline]
pub(super) fn read(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    entry::read(bytes, at)
}

/// The integer at `at`, and the place behind it. (Trusted: what is none is taken as 0.)
#[inline]
pub(super) fn read_int(bytes: &[u8], at: usize) -> (i64, usize) {
    let (element, next) = read(bytes, at);
    (element.integer().unwrap_or(0), next)
}

/// Appends an element.
#[inline]
pub(super) fn push(bytes: &mut Vec<u8>, element: Element<'_>) {
    Needle::new(element).append_to(bytes);
}

/// Appends an integer.
#[inline]
pub(super) fn push_int(bytes: &mut Vec<u8>, number: i64) {
    Needle::new(Element::Int(number)).append_to(bytes);
}

/// How many elements there are, as far as the header tells.
pub(super) fn elements(bytes: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([bytes[4], bytes[5]]))
}

/// Writes the header.
pub(super) fn set_header(bytes: &mut [u8], elements: usize) {
    let elements = u16::try_from(elements).unwrap_or(ELEMENTS_UNKNOWN);
    let total = bytes.len() as u32;
    bytes[..4].copy_from_slice(&total.to_le_bytes());
    bytes[4..HEADER].copy_from_slice(&elements.to_le_bytes());
}

/// Reads a listpack that came from outside: every element can be read, once this has been made.
pub(super) struct Checked<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Checked<'a> {
    /// Checks header, elements and terminator.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let total = bytes.first_chunk().map(|total| u32::from_le_bytes(*total));
        let entries = match bytes.split_last() {
            Some((&TERMINATOR, rest)) => rest.get(HEADER..),
            _ => None,
        };
        let entries = entries.ok_or("a listpack without header and terminator")?;
        if total.map(|total| total as usize) != Some(bytes.len()) {
            return Err("a listpack whose length is wrong".to_owned());
        }
        let found = packed::check(entries).map_err(|malformed| malformed.to_string())?;
        let stated = bytes.get(4..HEADER).and_then(<[u8]>::first_chunk);
        let stated = stated.map_or(ELEMENTS_UNKNOWN, |stated| u16::from_le_bytes(*stated));
        if stated != ELEMENTS_UNKNOWN && usize::from(stated) != found.count {
            return Err("a listpack whose count of elements is wrong".to_owned());
        }
        Ok(Checked { bytes, at: HEADER })
    }

    /// Whether all elements have been read.
    pub(super) fn is_at_end(&self) -> bool {
        self.at + 1 >= self.bytes.len()
    }

    /// The first byte of the next element.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next element.
    pub(super) fn element(&mut self) -> Option<Element<'a>> {
        if self.is_at_end() {
            return None;
        }
        let (element, next) = read(self.bytes, self.at);
        self.at = next;
        Some(element)
    }

    /// The next element, if it is an integer as we write them.
    pub(super) fn int(&mut self) -> Option<i64> {
        match self.element()? {
            Element::Int(number) => Some(number),
            Element::Bytes(_) => None,
        }
    }
}
