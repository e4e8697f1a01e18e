//! Lengths: one byte up to 63, two up to 16,383, then five and nine; and the four forms of a
//! string that begin where a length would.

use super::cursor::Cursor;
use super::error::Fault;

/// The string is a signed byte.
pub(super) const INT8: u8 = 0xC0;
/// The string is two bytes, little-endian.
pub(super) const INT16: u8 = 0xC1;
/// The string is four bytes, little-endian.
pub(super) const INT32: u8 = 0xC2;
/// The string is compressed.
pub(super) const LZF: u8 = 0xC3;

const LENGTH32: u8 = 0x80;
const LENGTH64: u8 = 0x81;

/// What stands where a length may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// A count.
    Count(u64),
    /// A byte with both top bits set: a special form of string.
    Special(u8),
}

/// Reads a length or a special form's first byte. Lengths in a longer form than they need are
/// taken, as Redis takes them.
#[inline(always)]
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Length, Fault> {
    let offset = cursor.offset();
    let first = cursor.byte()?;
    Ok(match first >> 6 {
        0 => Length::Count(u64::from(first)),
        1 => Length::Count(u64::from(first & 0x3F) << 8 | u64::from(cursor.byte()?)),
        2 => Length::Count(match first {
            LENGTH32 => u64::from(u32::from_be_bytes(cursor.array()?)),
            LENGTH64 => u64::from_be_bytes(cursor.array()?),
            _ => return Err(Cursor::corrupt(offset, "a length", format!("byte {first:#04x}"))),
        }),
        _ => Length::Special(first),
    })
}

/// Reads a length where no special form may stand; `what` names it in the error.
#[inline]
pub(super) fn read_count(cursor: &mut Cursor<'_>, what: &str) -> Result<u64, Fault> {
    let offset = cursor.offset();
    match read(cursor)? {
        Length::Count(count) => Ok(count),
        Length::Special(byte) => {
            Err(Cursor::corrupt(offset, format!("{what}, a length"), format!("byte {byte:#04x}")))
        }
    }
}

/// Appends a length in its shortest form.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, count: u64) {
    match count {
        0..64 => out.push(count as u8),
        64..16_384 => out.extend_from_slice(&(0x4000 | count as u16).to_be_bytes()),
        _ => match u32::try_from(count) {
            Ok(count) => {
                out.push(LENGTH32);
                out.extend_from_slice(&count.to_be_bytes());
            }
            Err(_) => {
                out.push(LENGTH64);
                out.extend_from_slice(&count.to_be_bytes());
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_both_ways() {
        for (count, bytes) in [
            (0, &[0][..]),
            (63, &[63]),
            (64, &[0x40, 64]),
            (16_383, &[0x7F, 0xFF]),
            (16_384, &[0x80, 0, 0, 0x40, 0]),
            (u64::from(u32::MAX), &[0x80, 0xFF, 0xFF, 0xFF, 0xFF]),
            (1 << 32, &[0x81, 0, 0, 0, 1, 0, 0, 0, 0]),
            (u64::MAX, &[0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        ] {
            let mut out = Vec::new();
            put(&mut out, count);
            assert_eq!(out, bytes, "{count}");
            let mut cursor = Cursor::new(bytes, 0);
            assert_eq!(read_count(&mut cursor, "n").unwrap(), count);
            assert_eq!(cursor.position(), bytes.len());
            for cut in 0..bytes.len() {
                let short = read(&mut Cursor::new(&bytes[..cut], 0));
                assert!(matches!(short, Err(Fault::Short(_))), "{count} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_not_a_length() {
        for byte in 0x82..=0xBFu8 {
            assert!(matches!(read(&mut Cursor::new(&[byte; 9], 0)), Err(Fault::Final(_))));
        }
        assert_eq!(read(&mut Cursor::new(&[LZF], 0)).unwrap(), Length::Special(LZF));
        assert!(matches!(read_count(&mut Cursor::new(&[LZF], 0), "n"), Err(Fault::Final(_))));
    }
}
