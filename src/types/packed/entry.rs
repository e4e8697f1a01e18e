//! One entry of the small form: its encoding, which is that of Redis' listpack.
//!
//! ```text
//! 0vvvvvvv                    unsigned integer, 7 bits
//! 10llllll bytes              string of up to 63 bytes
//! 110vvvvv v8                 signed integer, 13 bits
//! 1110llll l8 bytes           string of up to 4,095 bytes
//! F0 l32 bytes                string (length little-endian)
//! F1 v16  F2 v24  F3 v32  F4 v64   signed integer, little-endian
//!
//! backlen   length of all the above, 7 bits a byte, the least significant last; all but the first
//!           byte have the high bit set, so it is read backwards
//! ```
//!
//! Every value has one encoding, the shortest; a string that is exactly an integer's text is the
//! integer. So equal elements are equal bytes.

use super::Element;
use crate::base::number::parse_i64;

pub(super) const STR6: u8 = 0x80;
pub(super) const INT13: u8 = 0xC0;
pub(super) const STR12: u8 = 0xE0;
pub(super) const STR32: u8 = 0xF0;
pub(super) const INT16: u8 = 0xF1;
pub(super) const INT24: u8 = 0xF2;
pub(super) const INT32: u8 = 0xF3;
pub(super) const INT64: u8 = 0xF4;

/// The longest text that can be an integer: that of `i64::MIN`.
const INTEGER_TEXT_MAX: usize = 20;

/// Why an index is within bounds, for the reader of a panic.
const BUILT: &str = "a small form is built here or was checked";

/// Bytes of the encoding and data at `at`, the backlen not included.
#[inline(always)]
pub(super) fn size(bytes: &[u8], at: usize) -> usize {
    let first = bytes[at];
    match first {
        0..STR6 => 1,
        STR6..INT13 => 1 + usize::from(first & 0x3F),
        INT13..STR12 => 2,
        STR12..STR32 => 2 + (usize::from(first & 15) << 8 | usize::from(bytes[at + 1])),
        STR32 => 5 + length32(bytes, at),
        INT16 => 3,
        INT24 => 4,
        INT32 => 5,
        _ => 9,
    }
}

fn length32(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(chunk(bytes, at + 1)) as usize
}

#[inline(always)]
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect(BUILT)
}

/// How many bytes the backlen of `size` takes. The bounds are Redis', which are one short.
#[inline(always)]
pub(super) fn backlen_width(size: usize) -> usize {
    match size {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Where the entry after the one at `at` is.
#[inline(always)]
pub(in crate::types) fn after(bytes: &[u8], at: usize) -> usize {
    let size = size(bytes, at);
    at + size + backlen_width(size)
}

/// Where the entry before position `at` is; there must be one.
#[inline]
pub(in crate::types) fn before(bytes: &[u8], at: usize) -> usize {
    let mut size = 0;
    let mut width = 0;
    loop {
        width += 1;
        let byte = bytes[at - width];
        size |= usize::from(byte & 127) << (7 * (width - 1));
        if byte < 128 || width == 5 {
            return at - width - size;
        }
    }
}

/// The element at `at`.
#[inline(always)]
pub(in crate::types) fn element(bytes: &[u8], at: usize) -> Element<'_> {
    let first = bytes[at];
    match first {
        0..STR6 => Element::Int(i64::from(first)),
        STR6..INT13 => Element::Bytes(&bytes[at + 1..][..usize::from(first & 0x3F)]),
        INT13..STR12 => {
            let bits = u16::from_be_bytes(chunk(bytes, at)) << 3;
            Element::Int(i64::from(bits.cast_signed() >> 3))
        }
        STR12..STR32 => {
            let length = usize::from(first & 15) << 8 | usize::from(bytes[at + 1]);
            Element::Bytes(&bytes[at + 2..][..length])
        }
        STR32 => Element::Bytes(&bytes[at + 5..][..length32(bytes, at)]),
        INT16 => Element::Int(i64::from(i16::from_le_bytes(chunk(bytes, at + 1)))),
        INT24 => {
            let [a, b, c] = chunk(bytes, at + 1);
            Element::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8))
        }
        INT32 => Element::Int(i64::from(i32::from_le_bytes(chunk(bytes, at + 1)))),
        _ => Element::Int(i64::from_le_bytes(chunk(bytes, at + 1))),
    }
}

/// The element at `at`, and where the one after it is.
#[inline(always)]
pub(in crate::types) fn read(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    let first = bytes[at];
    match first {
        0..STR6 => (Element::Int(i64::from(first)), at + 2),
        STR6..INT13 => {
            let end = at + 1 + usize::from(first & 0x3F);
            (Element::Bytes(&bytes[at + 1..end]), end + 1)
        }
        _ => (element(bytes, at), after(bytes, at)),
    }
}

/// An element encoded, but for the body of a string: what is compared with, and what is written.
#[derive(Clone, Copy)]
pub struct Needle<'a> {
    head: [u8; 9],
    head_len: u8,
    body: &'a [u8],
}

impl<'a> Needle<'a> {
    /// Encodes an element.
    #[inline]
    pub fn new(element: Element<'a>) -> Needle<'a> {
        match element {
            Element::Int(value) => Self::int(value),
            Element::Bytes(bytes) => match as_integer(bytes) {
                Some(value) => Self::int(value),
                None => Self::string(bytes),
            },
        }
    }

    #[inline]
    fn string(body: &'a [u8]) -> Needle<'a> {
        let mut head = [0; 9];
        let length = body.len();
        let head_len = match length {
            0..64 => {
                head[0] = STR6 | length as u8;
                1
            }
            64..4096 => {
                head[0] = STR12 | (length >> 8) as u8;
                head[1] = length as u8;
                2
            }
            _ => {
                head[0] = STR32;
                let length = u32::try_from(length).expect("an element is shorter than 4 GiB");
                head[1..5].copy_from_slice(&length.to_le_bytes());
                5
            }
        };
        Needle { head, head_len, body }
    }

    #[inline]
    fn int(value: i64) -> Needle<'a> {
        let mut head = [0; 9];
        let little = value.to_le_bytes();
        let mut wide = |code, width: usize| {
            head[0] = code;
            head[1..=width].copy_from_slice(&little[..width]);
            1 + width as u8
        };
        let head_len = match value {
            0..=127 => {
                head[0] = value as u8;
                1
            }
            -4096..=4095 => {
                let bits = (value as u16) & 0x1FFF;
                head[..2].copy_from_slice(&(u16::from(INT13) << 8 | bits).to_be_bytes());
                2
            }
            -0x8000..=0x7FFF => wide(INT16, 2),
            -0x80_0000..=0x7F_FFFF => wide(INT24, 3),
            -0x8000_0000..=0x7FFF_FFFF => wide(INT32, 4),
            _ => wide(INT64, 8),
        };
        Needle { head, head_len, body: &[] }
    }

    fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    fn size(&self) -> usize {
        usize::from(self.head_len) + self.body.len()
    }

    /// How many bytes the entry takes, its backlen included.
    #[inline]
    pub(super) fn width(&self) -> usize {
        let size = self.size();
        size + backlen_width(size)
    }

    /// Whether the entry at `at` is this element.
    #[inline(always)]
    pub(super) fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        // The first byte alone tells most entries apart.
        bytes[at] == self.head[0] && {
            let rest = &bytes[at..];
            rest.starts_with(self.head())
                && rest[usize::from(self.head_len)..].starts_with(self.body)
        }
    }

    /// Writes the entry to the front of `to`, which has room; answers how many bytes it took.
    #[inline]
    pub(super) fn write(&self, to: &mut [u8]) -> usize {
        let head_len = usize::from(self.head_len);
        to[..head_len].copy_from_slice(self.head());
        to[head_len..self.size()].copy_from_slice(self.body);
        let width = self.width();
        write_backlen(&mut to[self.size()..width], self.size());
        width
    }

    /// Appends the entry.
    #[inline]
    pub(in crate::types) fn append_to(&self, out: &mut Vec<u8>) {
        let size = self.size();
        out.extend_from_slice(self.head());
        out.extend_from_slice(self.body);
        if size < 128 {
            out.push(size as u8);
            return;
        }
        let mut backlen = [0; 5];
        let width = backlen_width(size);
        write_backlen(&mut backlen[..width], size);
        out.extend_from_slice(&backlen[..width]);
    }
}

/// Fills `to`, of the right width, with the backlen of `size`.
#[inline]
pub(super) fn write_backlen(to: &mut [u8], size: usize) {
    let width = to.len();
    for (index, byte) in to.iter_mut().enumerate() {
        let bits = (size >> (7 * (width - 1 - index))) as u8 & 127;
        *byte = if index == 0 { bits } else { bits | 128 };
    }
}

/// The integer that these bytes are exactly the text of.
#[inline]
pub(super) fn as_integer(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > INTEGER_TEXT_MAX { None } else { parse_i64(bytes) }
}
