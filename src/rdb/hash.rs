//! Hashes, both ways.
//!
//! ```text
//! 4  count (field value)*               plain           9   string      zipmap
//! 13 string                             ziplist         16  string      listpack: field, value...
//! 22 count (field value time)*          Valkey 9: unix ms, 8 bytes, -1: none
//! 24 time count (when field value)*     Redis 7.4: the earliest time, 8 bytes; when: 0 none, else
//!                                       a length, ms from the earliest time on, plus 1
//! 25 time string                        Redis 7.4: listpack of field, value, time (0: none)...
//! ```
//!
//! We write 16 and 4; a hash with times as 22 or 24, in the formats that have them.

use std::io;

use super::cursor::Cursor;
use super::error::Fault;
use super::opcodes;
use super::put::{Format, Put};
use super::text::{Text, duplicate, read_blob, twice};
use super::{legacy, length, listpack};
use crate::types::hash::HashRef;
use crate::types::packed::{Element, Packed, PackedRef, elements};

/// A hash that was read. Not empty, and its fields differ.
#[derive(Clone, Debug)]
pub enum Hash<'a> {
    /// Field, value, field, value... that were packed in the file.
    Packed(Packed),
    /// Others.
    Fields(Vec<HashField<'a>>),
}

/// A field of a hash that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashField<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// Its value.
    pub value: Text<'a>,
    /// When it expires: unix ms, possibly in the past.
    pub expiry_ms: Option<u64>,
}

/// Reads a hash of type `number` behind its key; none if it has no fields.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>, number: u8) -> Result<Option<Hash<'a>>, Fault> {
    let offset = cursor.offset();
    match number {
        opcodes::TYPE_HASH_ZIPMAP => {
            let blob = read_blob(cursor)?;
            packed(&legacy::zipmap(&blob, offset)?, None, offset)
        }
        opcodes::TYPE_HASH_ZIPLIST => {
            let blob = read_blob(cursor)?;
            packed(&legacy::ziplist(&blob, offset)?, None, offset)
        }
        opcodes::TYPE_HASH_LISTPACK => {
            let blob = read_blob(cursor)?;
            let (entries, checked) = listpack::entries(&blob, offset)?;
            let all: Vec<Element<'_>> = elements(entries).collect();
            packed(&all, Packed::from_checked(entries, checked), offset)
        }
        opcodes::TYPE_HASH_LISTPACK_EX => {
            cursor.array::<8>()?;
            let offset = cursor.offset();
            let blob = read_blob(cursor)?;
            let (entries, _) = listpack::entries(&blob, offset)?;
            let all: Vec<Element<'_>> = elements(entries).collect();
            let (triples, []) = all.as_chunks() else { return Err(odd(offset, all.len())) };
            let fields: Result<Vec<_>, Fault> =
                triples.iter().map(|triple| field_of_triple(triple, offset)).collect();
            different(fields?, offset)
        }
        _ => read_fields(cursor, number),
    }
}

/// Fields and values by turns; `verbatim` has them as they were packed in the file.
fn packed(
    all: &[Element<'_>],
    verbatim: Option<Packed>,
    offset: u64,
) -> Result<Option<Hash<'static>>, Fault> {
    let (pairs, []) = all.as_chunks() else { return Err(odd(offset, all.len())) };
    if let Some(name) = duplicate(pairs.len(), pairs.iter().map(|[name, _]| *name)) {
        return Err(twice(offset, "a hash", name));
    }
    if pairs.is_empty() {
        return Ok(None);
    }
    if all.len() <= PackedRef::LEN_MAX {
        let packed = verbatim.unwrap_or_else(|| all.iter().copied().collect());
        return Ok(Some(Hash::Packed(packed)));
    }
    let fields = pairs.iter().map(|[name, value]| HashField {
        name: Text::copied(*name),
        value: Text::copied(*value),
        expiry_ms: None,
    });
    Ok(Some(Hash::Fields(fields.collect())))
}

fn odd(offset: u64, count: usize) -> Fault {
    Cursor::corrupt(offset, "a value for every field", format!("{count} elements"))
}

fn field_of_triple(triple: &[Element<'_>; 3], offset: u64) -> Result<HashField<'static>, Fault> {
    let [name, value, time] = triple;
    let expiry_ms = match time.integer().map(u64::try_from) {
        Some(Ok(0)) => None,
        Some(Ok(ms)) => Some(ms),
        _ => {
            return Err(Cursor::corrupt(offset, "a field's time of expiry", format!("{time:?}")));
        }
    };
    Ok(HashField { name: Text::copied(*name), value: Text::copied(*value), expiry_ms })
}

/// Reads the types that have a count and then fields.
fn read_fields<'a>(cursor: &mut Cursor<'a>, number: u8) -> Result<Option<Hash<'a>>, Fault> {
    let offset = cursor.offset();
    let earliest = match number {
        opcodes::TYPE_HASH_METADATA => u64::from_le_bytes(cursor.array()?),
        _ => 0,
    };
    let count = length::read_count(cursor, "a number of fields")?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let when = match number {
            opcodes::TYPE_HASH_METADATA => length::read_count(cursor, "a field's expiry")?,
            _ => 0,
        };
        let (name, value) = (Text::read(cursor)?, Text::read(cursor)?);
        let at = cursor.offset();
        let expiry_ms = match number {
            opcodes::TYPE_HASH_2_OR_METADATA_PRE_GA => match i64::from_le_bytes(cursor.array()?) {
                -1 => None,
                ms => Some(time(at, u64::try_from(ms).ok())?),
            },
            _ => match when {
                0 => None,
                _ => Some(time(at, earliest.checked_add(when - 1))?),
            },
        };
        fields.push(HashField { name, value, expiry_ms });
    }
    different(fields, offset)
}

/// A time that a field can have: Redis has 48 bits for it, and 0 stands for none.
pub(super) fn time(offset: u64, ms: Option<u64>) -> Result<u64, Fault> {
    ms.filter(|ms| (1..1 << 63).contains(ms))
        .ok_or_else(|| Cursor::corrupt(offset, "a field's time of expiry", format!("{ms:?} ms")))
}

fn different(fields: Vec<HashField<'_>>, offset: u64) -> Result<Option<Hash<'_>>, Fault> {
    if let Some(name) = duplicate(fields.len(), fields.iter().map(|field| field.name.element())) {
        return Err(twice(offset, "a hash", name));
    }
    Ok((!fields.is_empty()).then_some(Hash::Fields(fields)))
}

/// The type that a hash is written as; none if the format has none for it.
pub(super) fn number(hash: HashRef<'_>, format: Format) -> Option<u8> {
    match hash {
        HashRef::Packed(_) => Some(opcodes::TYPE_HASH_LISTPACK),
        HashRef::Table(hash) if hash.expiring() == 0 => Some(opcodes::TYPE_HASH),
        HashRef::Table(_) => match format {
            Format::V10 => None,
            Format::V12 | Format::V14 => Some(opcodes::TYPE_HASH_METADATA),
            Format::Valkey80 => Some(opcodes::TYPE_HASH_2_OR_METADATA_PRE_GA),
        },
    }
}

/// Writes a hash behind its key, as the type that [`number`] gave.
pub(super) fn write(put: &mut impl Put, hash: HashRef<'_>, number: u8) -> io::Result<()> {
    if let HashRef::Packed(packed) = hash {
        return put.listpack(packed);
    }
    let mut earliest = u64::MAX;
    if number == opcodes::TYPE_HASH_METADATA {
        for field in hash.fields(0) {
            earliest = earliest.min(field.expiry.unwrap_or(u64::MAX));
        }
        put.buffer().extend_from_slice(&earliest.to_le_bytes());
    }
    length::put(put.buffer(), hash.len() as u64);
    super::put::each(
        |f| hash.each(0, f),
        |field| {
            if number == opcodes::TYPE_HASH_METADATA {
                let when = field.expiry.map_or(0, |expiry| expiry - earliest + 1);
                length::put(put.buffer(), when);
            }
            put.element(field.name)?;
            put.element(field.value)?;
            if number == opcodes::TYPE_HASH_2_OR_METADATA_PRE_GA {
                let time = field.expiry.map_or(-1, u64::cast_signed);
                put.buffer().extend_from_slice(&time.to_le_bytes());
            }
            Ok(())
        },
    )
}
