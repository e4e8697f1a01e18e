//! The payload of DUMP, RESTORE and MIGRATE: one value without its key.
//!
//! ```text
//! type value version16 crc64        the checksum covers all before it; both little-endian
//! ```
//!
//! We write version 10 and take the versions that files may have: an encoding does not change its
//! meaning from one version to the next, and keys may be migrated from newer servers. A type that
//! is not known is refused by itself. Unlike in files, a checksum of zero is not "none".

use super::crc::crc64;
use super::cursor::Cursor;
use super::error::{Fault, LoadError};
use super::opcodes::{TYPE_STRING, VERSION_WRITTEN, Version};
use super::string::{Encoder, StringValue};
use super::value::{self, Value};

/// Bytes behind the value: version and checksum.
const FOOTER_BYTES: usize = 10;
const CHECKSUM_BYTES: usize = 8;

/// Why a payload is not taken. The text is that of RESTORE's error reply.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// It is too short, its checksum is wrong, or its version is not known.
    #[error("DUMP payload version or checksum are wrong")]
    VersionOrChecksum,
    /// Its checksum is right, and its value cannot be read; the cause is for the log.
    #[error("Bad data format")]
    BadData(#[source] LoadError),
}

/// A payload's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpValue<'a> {
    /// A string.
    String(StringValue<'a>),
}

/// Appends the payload of a string to `out`. `compression`: `rdbcompression`.
pub fn encode_string(value: StringValue<'_>, compression: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(TYPE_STRING);
    Encoder::new(compression).put_value(out, value);
    out.extend_from_slice(&VERSION_WRITTEN.to_le_bytes());
    let checksum = crc64(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Checks a payload's footer, and gives its version and what is before the footer.
pub fn verify(payload: &[u8]) -> Result<(Version, &[u8]), DumpError> {
    let (summed, checksum) =
        payload.split_last_chunk::<CHECKSUM_BYTES>().ok_or(DumpError::VersionOrChecksum)?;
    let (body, version) = summed.split_last_chunk::<2>().ok_or(DumpError::VersionOrChecksum)?;
    debug_assert_eq!(body.len() + FOOTER_BYTES, payload.len());
    let version = Version::of_payload(u16::from_le_bytes(*version));
    match version {
        Some(version) if crc64(summed) == u64::from_le_bytes(*checksum) => Ok((version, body)),
        _ => Err(DumpError::VersionOrChecksum),
    }
}

/// Checks and decodes a payload. `scratch` holds the value if it is not in the payload as it is.
pub fn decode<'a>(payload: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<DumpValue<'a>, DumpError> {
    let (version, body) = verify(payload)?;
    decode_body(body, version, scratch).map_err(|fault| {
        DumpError::BadData(match fault {
            Fault::Final(error) => error,
            Fault::Short(missing) => super::error::Corrupt {
                offset: body.len() as u64,
                expected: format!("at least {missing} more bytes"),
                found: "the payload's footer".into(),
            }
            .into(),
        })
    })
}

fn decode_body<'a>(
    body: &'a [u8],
    version: Version,
    scratch: &'a mut Vec<u8>,
) -> Result<DumpValue<'a>, Fault> {
    let mut cursor = Cursor::new(body, 0);
    let number = cursor.byte()?;
    let value = match value::read(&mut cursor, number, 0, version, b"")? {
        Value::String(string) => DumpValue::String(string.value(scratch)?),
        Value::Module => return Err(value::not_decoded(number, 0, version, b"")),
    };
    let rest = cursor.rest().len();
    if rest > 0 {
        let found = format!("{rest} more bytes");
        return Err(Cursor::corrupt(cursor.offset(), "the payload's footer", found));
    }
    Ok(value)
}
