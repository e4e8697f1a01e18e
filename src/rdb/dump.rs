//! The payload of DUMP, RESTORE and MIGRATE: one value without its key.
//!
//! ```text
//! type value version16 crc64        the checksum covers all before it; both little-endian
//! ```
//!
//! We write the version that the value needs, 10 if possible, and take the versions that files may
//! have: an encoding does not change its meaning from one version to the next, and keys may be
//! migrated from newer servers. A type that is not known is refused by itself. Unlike in files, a
//! checksum of zero is not "none".

use std::io;

use super::crc::crc64;
use super::cursor::Cursor;
use super::error::{Fault, LoadError};
use super::hash::Hash;
use super::list::List;
use super::opcodes::Version;
use super::put::{self, Format, Put, ValueRef};
use super::set::Set;
use super::stream::Stream;
use super::string::{Encoder, StringValue, put_integer};
use super::value::{self, Value};
use super::zset::Zset;
use super::{length, opcodes};
use crate::keyspace::Loaded;

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
#[derive(Clone, Debug)]
pub enum DumpValue<'a> {
    /// A string.
    String(StringValue<'a>),
    /// A list.
    List(List<'a>),
    /// A set.
    Set(Set<'a>),
    /// A hash.
    Hash(Hash<'a>),
    /// A sorted set.
    Zset(Zset<'a>),
    /// A stream.
    Stream(Box<Stream<'a>>),
}

/// Appends the payload of a value to `out`. `compression`: `rdbcompression`. Fails if the format
/// has no place for the value, and then leaves `out` as it was; [`Format::V10`] has one for all but
/// hashes with fields that expire and streams with extras, for which there are others.
pub fn encode(
    value: &ValueRef<'_>,
    compression: bool,
    format: Format,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let start = out.len();
    let encoder = Encoder::new(compression);
    let mut payload = Payload { out, encoder, scratch: Vec::new() };
    let written = put::number(value, format).and_then(|number| {
        payload.out.push(number);
        put::value(&mut payload, value, number, format)
    });
    if let Err(error) = written {
        out.truncate(start);
        return Err(error);
    }
    out.extend_from_slice(&format.number().to_le_bytes());
    let checksum = crc64(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Appends the payload of a string to `out`. `compression`: `rdbcompression`.
pub fn encode_string(value: StringValue<'_>, compression: bool, out: &mut Vec<u8>) {
    encode(&ValueRef::String(value), compression, Format::V10, out)
        .expect("every format has a place for strings, and memory does not fail");
}

/// A payload with the same value that Redis 7.0 takes: what the log keeps of a RESTORE. `value` is
/// what was decoded from it. Types of newer versions are written as their elder form; a hash with
/// expiring fields and a stream with extras have none.
pub fn canonical(payload: &[u8], value: &Loaded) -> Result<Vec<u8>, DumpError> {
    let (_, body) = verify(payload)?;
    let mut out = Vec::with_capacity(payload.len());
    match (body.first(), value) {
        (Some(&number), Loaded::Stream(stream)) if number > opcodes::TYPE_STREAM_2 => {
            let stream: &crate::types::stream::Stream = stream;
            let format = if stream.has_extras() { Format::V14 } else { Format::V10 };
            encode(&ValueRef::Stream(stream), true, format, &mut out)
                .expect("the version has a place for the stream, and memory does not fail");
            return Ok(out);
        }
        (Some(&opcodes::TYPE_SET_LISTPACK), Loaded::Set(set)) => {
            encode(&ValueRef::Set(set.as_ref()), true, Format::V10, &mut out)
                .expect("the version has a place for sets, and memory does not fail");
            return Ok(out);
        }
        (Some(&opcodes::TYPE_SET_LISTPACK), Loaded::Members(members)) => {
            out.push(opcodes::TYPE_SET);
            length::put(&mut out, members.len() as u64);
            members.iter().for_each(|member| Encoder::new(true).put(&mut out, member));
        }
        (Some(number), _) if *number > opcodes::TYPE_STREAM_2 => return Ok(payload.to_vec()),
        _ => out.extend_from_slice(body),
    }
    out.extend_from_slice(&Format::V10.number().to_le_bytes());
    let checksum = crc64(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    Ok(out)
}

/// The payload of a value as it lies in a file of `version`, behind its type: with the lowest
/// version that has the type, which most servers take.
pub fn frame(version: Version, number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + value.len() + FOOTER_BYTES);
    out.push(number);
    out.extend_from_slice(value);
    out.extend_from_slice(&version.least_with(number).to_le_bytes());
    let checksum = crc64(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// A payload under way.
struct Payload<'a> {
    out: &'a mut Vec<u8>,
    encoder: Encoder,
    scratch: Vec<u8>,
}

impl Put for Payload<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    fn spill(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.encoder.put(self.out, bytes);
        Ok(())
    }

    fn integer(&mut self, integer: i64) -> io::Result<()> {
        put_integer(self.out, integer);
        Ok(())
    }

    fn take_scratch(&mut self) -> Vec<u8> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch
    }

    fn give_scratch(&mut self, scratch: Vec<u8>) {
        self.scratch = scratch;
    }
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

/// Checks and decodes a payload. `scratch` holds a string if it is not in the payload as it is.
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
        Value::List(list) => DumpValue::List(list),
        Value::Set(set) => DumpValue::Set(set),
        Value::Hash(hash) => DumpValue::Hash(hash),
        Value::Zset(zset) => DumpValue::Zset(zset),
        Value::Stream(stream) => DumpValue::Stream(stream),
        Value::Empty => return Err(Cursor::corrupt(0, "a value with elements", "one without")),
        Value::Module => return Err(value::not_decoded(number, 0, version, b"")),
    };
    let rest = cursor.rest().len();
    if rest > 0 {
        let found = format!("{rest} more bytes");
        return Err(Cursor::corrupt(cursor.offset(), "the payload's footer", found));
    }
    Ok(value)
}
