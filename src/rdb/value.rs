//! Values by type. A new type is a number here, a variant of [`Value`], a file that reads it, and
//! a method of [`Sink`](super::Sink) that takes it.

use super::cursor::Cursor;
use super::error::Fault;
use super::module;
use super::opcodes::{self, Version, type_name};
use super::string::Encoded;

/// A value as found, all of it present.
pub(super) enum Value<'a> {
    String(Encoded<'a>),
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
        opcodes::TYPE_STRING => Encoded::read(cursor).map(Value::String),
        opcodes::TYPE_MODULE_2 => {
            module::skip_value(cursor)?;
            Ok(Value::Module)
        }
        _ => Err(not_decoded(number, offset, version, key)),
    }
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
