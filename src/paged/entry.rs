//! How an entry stands in a page.
//!
//! ```text
//! meta 1 │ key length 1–2 │ key │ [value length 1–2] │ value │ [expiry 6 or 8, little-endian unix ms]
//!
//! meta: bit 7 has an expiry, bit 6 the expiry takes 8 bytes, bits 4–5 the form, bits 0–3 see below
//!
//! form 0 bytes    bits 0–3 the user's kind; value length and value
//! form 1 integer  bits 0–3 log2 of the width; the value takes 1, 2, 4 or 8 bytes, little-endian
//! form 2 object   the value is one byte: the index among the page's objects
//! form 3 long     as form 2, but the key is out there too; its length here is 0
//! ```
//!
//! Lengths below 128 take one byte, others two (high bit set, then big-endian). The access clock is
//! not here but beside the page's tags.

use super::page::Slot;
use super::{Expiry, INLINE_MAX, Object};

/// A key or value longer than this is stored outside the page.
pub(super) const KEY_MAX: usize = 512;

/// Bytes of an entry, at most.
pub(super) const ENTRY_MAX: usize = 1 + 2 + KEY_MAX + 2 + INLINE_MAX + 8;

const HAS_EXPIRY: u8 = 0x80;
const WIDE_EXPIRY: u8 = 0x40;
/// Expiries from here on take eight bytes: the year 10889.
const WIDE_FROM: u64 = 1 << 48;

/// What a value is stored as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Bytes,
    Int,
    Object,
    Long,
}

/// Where the parts of an entry are: positions in the page's data.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    meta: u8,
    pub(super) key_at: usize,
    pub(super) key_len: usize,
    pub(super) value_at: usize,
    pub(super) value_len: usize,
    /// The first byte after the entry.
    pub(super) end: usize,
}

impl Parts {
    /// Reads the entry at `at`.
    #[inline(always)]
    pub(super) fn read(data: &[u8], at: usize) -> Self {
        let meta = data[at];
        let (key_len, key_at) = read_length(data, at + 1);
        let after_key = key_at + key_len;
        let (value_len, value_at) = match form(meta) {
            Form::Bytes => read_length(data, after_key),
            Form::Int => (1 << (meta & 3), after_key),
            Form::Object | Form::Long => (1, after_key),
        };
        let end = value_at + value_len + expiry_width(meta);
        Self { meta, key_at, key_len, value_at, value_len, end }
    }

    #[inline(always)]
    pub(super) fn form(&self) -> Form {
        form(self.meta)
    }

    /// The user's kind of a value of form bytes.
    #[inline(always)]
    pub(super) fn kind(&self) -> u8 {
        self.meta & 15
    }

    /// Unix ms, 0 for none.
    #[inline(always)]
    pub(super) fn expiry(&self, data: &[u8]) -> u64 {
        let width = expiry_width(self.meta);
        if width == 0 { 0 } else { read_uint(&data[self.end - width..self.end]) }
    }

    #[inline(always)]
    pub(super) fn key<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.key_at..self.key_at + self.key_len]
    }

    #[inline(always)]
    pub(super) fn value<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.value_at..self.value_at + self.value_len]
    }

    /// The value of form integer.
    #[inline(always)]
    pub(super) fn int(&self, data: &[u8]) -> i64 {
        let unused = 64 - 8 * self.value_len as u32;
        (read_uint(self.value(data)) << unused).cast_signed() >> unused
    }
}

/// Whether the entry at `at` has this key (of at most [`KEY_MAX`] bytes) in the page.
#[inline(always)]
pub(super) fn key_is(data: &[u8], at: usize, key: &[u8]) -> bool {
    let (key_len, key_at) = read_length(data, at + 1);
    key_len == key.len()
        && data[key_at..key_at + key_len] == *key
        && (key_len > 0 || form(data[at]) != Form::Long)
}

/// Whether an entry has neither an expiry nor an out-of-line part.
#[inline(always)]
pub(super) fn is_plain(entry: &[u8]) -> bool {
    let meta = entry[0];
    meta & HAS_EXPIRY == 0 && matches!(form(meta), Form::Bytes | Form::Int)
}

#[inline(always)]
fn form(meta: u8) -> Form {
    match meta >> 4 & 3 {
        0 => Form::Bytes,
        1 => Form::Int,
        2 => Form::Object,
        _ => Form::Long,
    }
}

#[inline(always)]
fn expiry_width(meta: u8) -> usize {
    if meta & HAS_EXPIRY == 0 {
        0
    } else if meta & WIDE_EXPIRY == 0 {
        6
    } else {
        8
    }
}

fn width_for(expiry: u64) -> usize {
    match expiry {
        0 => 0,
        1..WIDE_FROM => 6,
        _ => 8,
    }
}

#[inline(always)]
fn read_uint(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(wide)
}

/// Reads a length; answers it and the position behind it.
#[inline(always)]
fn read_length(data: &[u8], at: usize) -> (usize, usize) {
    let first = usize::from(data[at]);
    if first < 128 {
        (first, at + 1)
    } else {
        ((first & 127) << 8 | usize::from(data[at + 1]), at + 2)
    }
}

fn length_width(length: usize) -> usize {
    if length < 128 { 1 } else { 2 }
}

#[inline(always)]
fn write_length(data: &mut [u8], at: usize, length: usize) -> usize {
    if length < 128 {
        data[at] = length as u8;
        at + 1
    } else {
        data[at] = 128 | (length >> 8) as u8;
        data[at + 1] = length as u8;
        at + 2
    }
}

/// An entry to be written. Its object moves out when the page has room for it.
pub(super) struct Draft<'a, O> {
    form: Form,
    /// The kind, or the log2 of an integer's width.
    low: u8,
    /// Empty for form long.
    key: &'a [u8],
    bytes: &'a [u8],
    int: [u8; 8],
    pub(super) side: Option<Slot<O>>,
    pub(super) expiry: Expiry,
    pub(super) clock: u32,
}

impl<'a, O: Object> Draft<'a, O> {
    pub(super) fn bytes(key: &'a [u8], kind: u8, bytes: &'a [u8]) -> Self {
        Self::new(Form::Bytes, kind, key, bytes, None)
    }

    pub(super) fn int(key: &'a [u8], value: i64) -> Self {
        let low = if i64::from(value as i8) == value {
            0
        } else if i64::from(value as i16) == value {
            1
        } else if i64::from(value as i32) == value {
            2
        } else {
            3
        };
        Self { int: value.to_le_bytes(), ..Self::new(Form::Int, low, key, &[], None) }
    }

    pub(super) fn side(key: &'a [u8], side: Slot<O>) -> Self {
        let form = if matches!(side, Slot::Long(_)) { Form::Long } else { Form::Object };
        Self::new(form, 0, key, &[], Some(side))
    }

    fn new(form: Form, low: u8, key: &'a [u8], bytes: &'a [u8], side: Option<Slot<O>>) -> Self {
        Self { form, low, key, bytes, int: [0; 8], side, expiry: Expiry::None, clock: 0 }
    }

    fn value(&self) -> &[u8] {
        match self.form {
            Form::Bytes => self.bytes,
            Form::Int => &self.int[..1 << self.low],
            Form::Object | Form::Long => &self.int[..1],
        }
    }

    /// Bytes that the entry takes with this expiry.
    #[inline]
    pub(super) fn size(&self, expiry: u64) -> usize {
        let value = self.value().len();
        let value_length = if self.form == Form::Bytes { length_width(value) } else { 0 };
        1 + length_width(self.key.len()) + self.key.len() + value_length + value + width_for(expiry)
    }

    /// Sets the place of the object among the page's objects.
    pub(super) fn set_index(&mut self, index: usize) {
        self.int[0] = index as u8;
    }

    /// Whether only the value need be written over an entry of the same key and expiry.
    #[inline]
    pub(super) fn fits_over(&self, old: &Parts) -> bool {
        matches!(self.form, Form::Bytes | Form::Int)
            && self.form == old.form()
            && self.value().len() == old.value_len
    }

    /// Writes the value over that of an entry that it fits over.
    #[inline]
    pub(super) fn write_over(&self, data: &mut [u8], at: usize, old: &Parts) {
        data[at] = data[at] & !15 | self.low;
        data[old.value_at..old.value_at + old.value_len].copy_from_slice(self.value());
    }

    /// Writes the entry at `at`.
    #[inline]
    pub(super) fn write(&self, data: &mut [u8], at: usize, expiry: u64) {
        let width = width_for(expiry);
        let flags = match width {
            0 => 0,
            6 => HAS_EXPIRY,
            _ => HAS_EXPIRY | WIDE_EXPIRY,
        };
        data[at] = flags | (self.form as u8) << 4 | self.low;
        let mut to = write_length(data, at + 1, self.key.len());
        data[to..to + self.key.len()].copy_from_slice(self.key);
        to += self.key.len();
        let value = self.value();
        if self.form == Form::Bytes {
            to = write_length(data, to, value.len());
        }
        data[to..to + value.len()].copy_from_slice(value);
        to += value.len();
        data[to..to + width].copy_from_slice(&expiry.to_le_bytes()[..width]);
    }
}
