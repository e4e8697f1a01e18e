//! Values by type. A new type is a number here, a variant of [`Value`], a file that reads and
//! writes it, its parts in `extent.rs`, and a method of [`Sink`](super::Sink) that takes it.

use super::cursor::Cursor;
use super::error::Fault;
use super::hash::Hash;
use super::list::List;
use super::opcodes::{self as op, Flavor, Version, type_name};
use super::set::Set;
use super::stream::Stream;
use super::string::Encoded;
use super::zset::Zset;
use super::{hash, list, module, set, stream, zset};

/// A value as found, all of it present.
pub(super) enum Value<'a> {
    String(Encoded<'a>),
    List(List<'a>),
    Set(Set<'a>),
    Hash(Hash<'a>),
    Zset(Zset<'a>),
    Stream(Box<Stream<'a>>),
    /// A collection without elements. No server keeps such, and some wrote them by mistake: in a
    /// file it is passed over, as Redis does.
    Empty,
    /// A module's value: its extent is known, its meaning is not.
    Module,
}

/// Reads a value of type `number`, which stands at `offset`; `key` is for the error.
#[inline(always)]
pub(super) fn read<'a>(
    cursor: &mut Cursor<'a>,
    number: u8,
    offset: u64,
    version: Version,
    key: &[u8],
) -> Result<Value<'a>, Fault> {
    match number {
        op::TYPE_STRING => Encoded::read(cursor).map(Value::String),
        _ => read_other(cursor, number, offset, version, key),
    }
}

fn read_other<'a>(
    cursor: &mut Cursor<'a>,
    number: u8,
    offset: u64,
    version: Version,
    key: &[u8],
) -> Result<Value<'a>, Fault> {
    let value = match (number, version.flavor) {
        (
            op::TYPE_LIST
            | op::TYPE_LIST_ZIPLIST
            | op::TYPE_LIST_QUICKLIST
            | op::TYPE_LIST_QUICKLIST_2,
            _,
        ) => list::read(cursor, number)?.map(Value::List),
        (op::TYPE_SET | op::TYPE_SET_INTSET | op::TYPE_SET_LISTPACK, _) => {
            set::read(cursor, number)?.map(Value::Set)
        }
        (
            op::TYPE_HASH | op::TYPE_HASH_ZIPMAP | op::TYPE_HASH_ZIPLIST | op::TYPE_HASH_LISTPACK,
            _,
        )
        | (op::TYPE_HASH_2_OR_METADATA_PRE_GA, Flavor::Valkey)
        | (op::TYPE_HASH_METADATA | op::TYPE_HASH_LISTPACK_EX, Flavor::Redis) => {
            hash::read(cursor, number)?.map(Value::Hash)
        }
        (op::TYPE_ZSET | op::TYPE_ZSET_2 | op::TYPE_ZSET_ZIPLIST | op::TYPE_ZSET_LISTPACK, _) => {
            zset::read(cursor, number)?.map(Value::Zset)
        }
        (op::TYPE_STREAM | op::TYPE_STREAM_2 | op::TYPE_STREAM_3, _)
        | (op::TYPE_STREAM_4 | op::TYPE_STREAM_5, Flavor::Redis) => {
            Some(Value::Stream(Box::new(stream::read(cursor, number)?)))
        }
        (op::TYPE_MODULE_2, _) => {
            module::skip_value(cursor)?;
            Some(Value::Module)
        }
        _ => return Err(not_decoded(number, offset, version, key)),
    };
    Ok(value.unwrap_or(Value::Empty))
}

/// The error for a type that this reader does not decode.
#[cold]
pub(super) fn not_decoded(number: u8, offset: u64, version: Version, key: &[u8]) -> Fault {
    /// Bytes of the key that the message shows.
    const KEY_SHOWN: usize = 64;
    let name = type_name(number, version.flavor);
    let shown = key.get(..KEY_SHOWN).unwrap_or(key).escape_ascii();
    let more = if key.len() > KEY_SHOWN { "..." } else { "" };
    Cursor::unsupported(offset, format!("value type {number} ({name}) of key \"{shown}{more}\""))
}
