//! Strings: plain, as an integer, or compressed. Keys, values, AUX fields and the elements of every
//! other type are such strings.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::error::Fault;
use super::length::{self, Length};
use super::lzf::{self, Compressor};
use crate::base::number::parse_i64;

/// A string value as it is stored: bytes, or an integer that stands for its decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringValue<'a> {
    /// The bytes; they may be an integer's text all the same.
    Bytes(&'a [u8]),
    /// The integer.
    Int(i64),
}

/// A string as it was found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Encoded<'a> {
    Bytes(&'a [u8]),
    Int(i64),
    Lzf {
        compressed: &'a [u8],
        length: u64,
        /// Of the string in the file, for errors.
        offset: u64,
    },
}

impl<'a> Encoded<'a> {
    /// Reads a string.
    #[inline(always)]
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Encoded<'a>, Fault> {
        let offset = cursor.offset();
        Ok(match length::read(cursor)? {
            Length::Count(count) => Encoded::Bytes(cursor.take(count)?),
            Length::Special(length::INT8) => {
                Encoded::Int(i64::from(i8::from_le_bytes(cursor.array()?)))
            }
            Length::Special(length::INT16) => {
                Encoded::Int(i64::from(i16::from_le_bytes(cursor.array()?)))
            }
            Length::Special(length::INT32) => {
                Encoded::Int(i64::from(i32::from_le_bytes(cursor.array()?)))
            }
            Length::Special(length::LZF) => {
                let compressed = length::read_count(cursor, "a compressed string's length")?;
                let length = length::read_count(cursor, "a string's length")?;
                Encoded::Lzf { compressed: cursor.take(compressed)?, length, offset }
            }
            Length::Special(byte) => {
                return Err(Cursor::corrupt(offset, "a string", format!("byte {byte:#04x}")));
            }
        })
    }

    /// The string as a value; `scratch` holds it if it had to be decompressed.
    #[inline(always)]
    pub(super) fn value<'s>(self, scratch: &'s mut Vec<u8>) -> Result<StringValue<'s>, Fault>
    where
        'a: 's,
    {
        match self {
            Encoded::Int(integer) => Ok(StringValue::Int(integer)),
            other => other.bytes(scratch).map(StringValue::Bytes),
        }
    }

    /// The string as bytes, of its own if they are not in the file as they are.
    pub(super) fn owned(self) -> Result<Cow<'a, [u8]>, Fault> {
        if let Encoded::Bytes(bytes) = self {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut own = Vec::new();
        self.bytes(&mut own)?;
        Ok(Cow::Owned(own))
    }

    /// The string as bytes; `scratch` holds them if they are not in the file as they are.
    #[inline(always)]
    pub(super) fn bytes<'s>(self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Fault>
    where
        'a: 's,
    {
        match self {
            Encoded::Bytes(bytes) => return Ok(bytes),
            Encoded::Int(integer) => {
                scratch.clear();
                scratch.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
            }
            Encoded::Lzf { compressed, length, offset } => {
                scratch.clear();
                lzf::decompress(compressed, length, scratch).map_err(|found| {
                    Cursor::corrupt(offset, format!("{length} bytes, compressed"), found)
                })?;
            }
        }
        Ok(scratch)
    }
}

/// The longest text that is tried as an integer: that of `i32::MIN`. Redis' bound.
const INTEGER_TEXT_MAX: usize = 11;
/// Strings up to this length are not compressed. Redis' bound is 20; but trying it on 10 million
/// values of 32 bytes takes as long as writing them, and between the two there is little to gain.
const UNCOMPRESSED_MAX: usize = 63;
/// Compression must save at least this many bytes. Redis' bound.
const GAIN_MIN: usize = 4;
/// Above this the scratch buffer is given back after use.
const SCRATCH_KEPT: usize = 1 << 20;

/// Writes strings in the form that Redis would choose.
pub(super) struct Encoder {
    compression: bool,
    /// Made when first needed: a DUMP of a short string does without.
    compressor: Option<Compressor>,
    scratch: Vec<u8>,
}

impl Encoder {
    /// `compression`: is a long string compressed when that makes it shorter?
    pub(super) fn new(compression: bool) -> Encoder {
        Encoder { compression, compressor: None, scratch: Vec::new() }
    }

    /// Appends a string to `out`.
    #[inline]
    pub(super) fn put(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        let body = self.put_head(out, bytes);
        out.extend_from_slice(body);
    }

    /// Appends all of a string but its body, and gives the body, so that a large one need not be
    /// copied.
    #[inline]
    pub(super) fn put_head<'b>(&'b mut self, out: &mut Vec<u8>, bytes: &'b [u8]) -> &'b [u8] {
        if bytes.len() <= INTEGER_TEXT_MAX {
            let small = parse_i64(bytes).and_then(|integer| i32::try_from(integer).ok());
            if let Some(integer) = small {
                put_small_integer(out, integer);
                return &[];
            }
        } else if bytes.len() > UNCOMPRESSED_MAX && self.compress(bytes) {
            out.push(length::LZF);
            length::put(out, self.scratch.len() as u64);
            length::put(out, bytes.len() as u64);
            return &self.scratch;
        }
        length::put(out, bytes.len() as u64);
        bytes
    }

    /// Compresses into the scratch buffer, if that is wanted and worth it.
    fn compress(&mut self, bytes: &[u8]) -> bool {
        if !self.compression {
            return false;
        }
        let compressor = self.compressor.get_or_insert_with(Compressor::new);
        self.scratch.clear();
        if self.scratch.capacity() > SCRATCH_KEPT {
            self.scratch = Vec::new();
        }
        compressor.compress(bytes, &mut self.scratch, bytes.len() - GAIN_MIN)
    }
}

/// Appends an integer as a string.
#[inline]
pub(super) fn put_integer(out: &mut Vec<u8>, integer: i64) {
    match i32::try_from(integer) {
        Ok(small) => put_small_integer(out, small),
        Err(_) => {
            let mut buffer = itoa::Buffer::new();
            let text = buffer.format(integer);
            length::put(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

#[inline]
fn put_small_integer(out: &mut Vec<u8>, integer: i32) {
    if let Ok(byte) = i8::try_from(integer) {
        out.extend_from_slice(&[length::INT8, byte.cast_unsigned()]);
    } else if let Ok(short) = i16::try_from(integer) {
        let [a, b] = short.to_le_bytes();
        out.extend_from_slice(&[length::INT16, a, b]);
    } else {
        let [a, b, c, d] = integer.to_le_bytes();
        out.extend_from_slice(&[length::INT32, a, b, c, d]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::new(true).put(&mut out, bytes);
        out
    }

    #[test]
    fn the_form_that_redis_chooses() {
        for (text, expected) in [
            (&b"abc"[..], &b"\x03abc"[..]),
            (b"", b"\x00"),
            (b"12", b"\xc0\x0c"),
            (b"-128", b"\xc0\x80"),
            (b"128", b"\xc1\x80\x00"),
            (b"-32769", b"\xc2\xff\x7f\xff\xff"),
            (b"-2147483648", b"\xc2\x00\x00\x00\x80"),
            (b"2147483648", b"\x0a2147483648"),
            (b"007", b"\x03007"),
            (b"+7", b"\x02+7"),
        ] {
            assert_eq!(encoded(text), expected, "{}", text.escape_ascii());
        }
        assert_eq!(encoded(&[b'a'; 63])[0], 63);
        assert_eq!(encoded(&[b'a'; 64])[0], length::LZF);
        let mut out = Vec::new();
        put_integer(&mut out, i64::MIN);
        assert_eq!(out, b"\x14-9223372036854775808");
    }

    #[test]
    fn a_special_form_that_does_not_exist() {
        for byte in 0xC4..=0xFFu8 {
            let bytes = [byte; 16];
            let read = Encoded::read(&mut Cursor::new(&bytes, 0));
            assert!(matches!(read, Err(Fault::Final(_))));
        }
    }
}
