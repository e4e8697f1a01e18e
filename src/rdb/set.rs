//! Sets, both ways.
//!
//! ```text
//! 2  count string*      plain          11  string      intset          20  string     listpack
//! ```
//!
//! We write 11, and 2 where a version before 11 has no 20.

use std::io;

use super::cursor::Cursor;
use super::error::Fault;
use super::put::{Format, Put};
use super::text::{Text, duplicate, read_blob, twice};
use super::{legacy, length, listpack, opcodes};
use crate::types::intset::IntSet;
use crate::types::packed::{Element, Packed, elements};
use crate::types::set::SetRef;

/// A set that was read. Not empty, and its members differ.
#[derive(Clone, Debug)]
pub enum Set<'a> {
    /// Integers.
    Ints(IntSet),
    /// Members that were packed in the file.
    Packed(Packed),
    /// Others.
    Members(Vec<Text<'a>>),
}

/// Reads a set of type `number` behind its key; none if it has no members.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>, number: u8) -> Result<Option<Set<'a>>, Fault> {
    let offset = cursor.offset();
    match number {
        opcodes::TYPE_SET_INTSET => {
            let ints = legacy::intset(&read_blob(cursor)?, offset)?;
            Ok((!ints.is_empty()).then_some(Set::Ints(ints)))
        }
        opcodes::TYPE_SET_LISTPACK => {
            let blob = read_blob(cursor)?;
            let (entries, checked) = listpack::entries(&blob, offset)?;
            if let Some(member) = duplicate(checked.count, elements(entries)) {
                return Err(twice(offset, "a set", member));
            }
            Ok((checked.count > 0).then(|| match Packed::from_checked(entries, checked) {
                Some(packed) => Set::Packed(packed),
                None => Set::Members(elements(entries).map(Text::copied).collect()),
            }))
        }
        _ => {
            let count = length::read_count(cursor, "a number of members")?;
            let mut members = Vec::new();
            for _ in 0..count {
                members.push(Text::read(cursor)?);
            }
            if let Some(member) = duplicate(members.len(), members.iter().map(Text::element)) {
                return Err(twice(offset, "a set", member));
            }
            Ok((count > 0).then_some(Set::Members(members)))
        }
    }
}

/// The type that a set is written as.
pub(super) fn number(set: SetRef<'_>, format: Format) -> u8 {
    match set {
        SetRef::Ints(_) => opcodes::TYPE_SET_INTSET,
        SetRef::Packed(_) if format.has_set_listpack() => opcodes::TYPE_SET_LISTPACK,
        SetRef::Packed(_) | SetRef::Table(_) => opcodes::TYPE_SET,
    }
}

/// Writes a set behind its key.
pub(super) fn write(put: &mut impl Put, set: SetRef<'_>, format: Format) -> io::Result<()> {
    match set {
        SetRef::Ints(ints) => {
            let mut blob = Vec::with_capacity(8 + ints.values().len());
            blob.extend_from_slice(&(ints.width() as u32).to_le_bytes());
            blob.extend_from_slice(&(ints.len() as u32).to_le_bytes());
            blob.extend_from_slice(ints.values());
            put.string(&blob)
        }
        SetRef::Packed(packed) if format.has_set_listpack() => put.listpack(packed),
        SetRef::Packed(_) | SetRef::Table(_) => {
            length::put(put.buffer(), set.len() as u64);
            super::put::each(|f| set.each(f), |member: Element<'_>| put.element(member))
        }
    }
}
