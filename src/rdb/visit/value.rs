//! Values in pieces, by type. The forms are drawn where they are read whole: `list`, `set`, `hash`,
//! `zset`.

use std::io::Read;

use super::super::cursor::Cursor;
use super::super::error::{Fault, LoadError};
use super::super::opcodes as op;
use super::super::reader::{State, taken};
use super::super::string::{Encoded, StringValue};
use super::super::{hash, legacy, length, list, listpack, zset};
use super::window::Window;
use super::{Visitor, stream};
use crate::types::packed::{Element, elements};

/// Reads values, and keeps the buffers for what is not in the file as it is.
#[derive(Default)]
pub(super) struct Values {
    first: Vec<u8>,
    second: Vec<u8>,
}

/// Reads a string as an element; `scratch` holds it if it was compressed.
#[inline]
pub(super) fn element<'a: 's, 's>(
    cursor: &mut Cursor<'a>,
    scratch: &'s mut Vec<u8>,
) -> Result<Element<'s>, Fault> {
    Ok(match Encoded::read(cursor)?.value(scratch)? {
        StringValue::Int(integer) => Element::Int(integer),
        StringValue::Bytes(bytes) => Element::Bytes(bytes),
    })
}

/// Reads a string that holds a compact form, and where it stands.
pub(super) fn blob<'a: 's, 's>(
    cursor: &mut Cursor<'a>,
    scratch: &'s mut Vec<u8>,
) -> Result<(&'s [u8], u64), Fault> {
    let offset = cursor.offset();
    Ok((Encoded::read(cursor)?.bytes(scratch)?, offset))
}

impl Values {
    /// Reads the value of type `number` behind its key, in pieces. Not for types that are not
    /// decoded.
    pub(super) fn read<R: Read>(
        &mut self,
        window: &mut Window<R>,
        state: &mut State,
        number: u8,
        visitor: &mut dyn Visitor,
    ) -> Result<(), LoadError> {
        match number {
            op::TYPE_STRING => window.unit(state, |_, cursor| self.one(cursor, visitor)),
            op::TYPE_LIST | op::TYPE_SET => {
                let count = window.unit(state, |_, cursor| elements_of(cursor))?;
                window.units(state, count, |cursor| self.one(cursor, visitor))
            }
            op::TYPE_LIST_QUICKLIST | op::TYPE_LIST_QUICKLIST_2 => {
                let count = window.unit(state, |_, cursor| elements_of(cursor))?;
                window.units(state, count, |cursor| self.node(cursor, number, visitor))
            }
            op::TYPE_LIST_ZIPLIST | op::TYPE_SET_INTSET | op::TYPE_SET_LISTPACK => {
                window.unit(state, |_, cursor| self.packed(cursor, number, visitor))
            }
            op::TYPE_HASH | op::TYPE_HASH_METADATA | op::TYPE_HASH_2_OR_METADATA_PRE_GA => {
                let (earliest, count) = window.unit(state, |_, cursor| {
                    let earliest = match number {
                        op::TYPE_HASH_METADATA => u64::from_le_bytes(cursor.array()?),
                        _ => 0,
                    };
                    Ok((earliest, elements_of(cursor)?))
                })?;
                window.units(state, count, |cursor| self.field(cursor, number, earliest, visitor))
            }
            op::TYPE_ZSET | op::TYPE_ZSET_2 => {
                let count = window.unit(state, |_, cursor| elements_of(cursor))?;
                window.units(state, count, |cursor| self.member(cursor, number, visitor))
            }
            op::TYPE_ZSET_ZIPLIST | op::TYPE_ZSET_LISTPACK => {
                window.unit(state, |_, cursor| self.packed_zset(cursor, number, visitor))
            }
            op::TYPE_HASH_ZIPMAP
            | op::TYPE_HASH_ZIPLIST
            | op::TYPE_HASH_LISTPACK
            | op::TYPE_HASH_LISTPACK_EX => {
                window.unit(state, |_, cursor| self.packed_hash(cursor, number, visitor))
            }
            _ => stream::read(window, state, number, &mut self.first, visitor),
        }
    }

    fn one(&mut self, cursor: &mut Cursor<'_>, visitor: &mut dyn Visitor) -> Result<(), Fault> {
        let answer = visitor.element(element(cursor, &mut self.first)?);
        taken(cursor, answer)
    }

    /// A node of a quicklist.
    fn node(
        &mut self,
        cursor: &mut Cursor<'_>,
        number: u8,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Fault> {
        if number == op::TYPE_LIST_QUICKLIST {
            return self.packed(cursor, op::TYPE_LIST_ZIPLIST, visitor);
        }
        let offset = cursor.offset();
        match length::read_count(cursor, "a list node's kind")? {
            list::PLAIN => self.one(cursor, visitor),
            // The same form as a set's.
            list::PACKED => self.packed(cursor, op::TYPE_SET_LISTPACK, visitor),
            kind => Err(Cursor::corrupt(offset, "a list node's kind", format!("{kind}"))),
        }
    }

    /// Elements in a compact form.
    fn packed(
        &mut self,
        cursor: &mut Cursor<'_>,
        number: u8,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Fault> {
        let (blob, offset) = blob(cursor, &mut self.first)?;
        let answer = match number {
            op::TYPE_SET_INTSET => {
                let ints = legacy::intset(blob, offset)?;
                ints.as_ref().iter().try_for_each(|value| visitor.element(Element::Int(value)))
            }
            op::TYPE_LIST_ZIPLIST => {
                let all = legacy::ziplist(blob, offset)?;
                all.into_iter().try_for_each(|element| visitor.element(element))
            }
            _ => {
                let (entries, _) = listpack::entries(blob, offset)?;
                elements(entries).try_for_each(|element| visitor.element(element))
            }
        };
        taken(cursor, answer)
    }

    /// A field of a hash, with the expiry that the type has.
    fn field(
        &mut self,
        cursor: &mut Cursor<'_>,
        number: u8,
        earliest: u64,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Fault> {
        let when = match number {
            op::TYPE_HASH_METADATA => length::read_count(cursor, "a field's expiry")?,
            _ => 0,
        };
        let name = element(cursor, &mut self.first)?;
        let value = element(cursor, &mut self.second)?;
        let at = cursor.offset();
        let expiry_ms = match number {
            op::TYPE_HASH_2_OR_METADATA_PRE_GA => match i64::from_le_bytes(cursor.array()?) {
                -1 => None,
                ms => Some(hash::time(at, u64::try_from(ms).ok())?),
            },
            _ => match when {
                0 => None,
                _ => Some(hash::time(at, earliest.checked_add(when - 1))?),
            },
        };
        let answer = visitor.field(name, value, expiry_ms);
        taken(cursor, answer)
    }

    /// A member of a sorted set.
    fn member(
        &mut self,
        cursor: &mut Cursor<'_>,
        number: u8,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Fault> {
        let member = element(cursor, &mut self.first)?;
        let score = zset::read_score(cursor, number)?;
        let answer = visitor.scored(member, score);
        taken(cursor, answer)
    }

    fn packed_zset(
        &mut self,
        cursor: &mut Cursor<'_>,
        number: u8,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Fault> {
        let (blob, offset) = blob(cursor, &mut self.first)?;
        let wrong = |found: &str| Cursor::corrupt(offset, "a score for every member", found);
        let mut each = |all: &mut dyn Iterator<Item = Element<'_>>| {
            while let Some(member) = all.next() {
                let text = all.next().ok_or_else(|| wrong("a member without one"))?;
                let score = zset::score(text).ok_or_else(|| wrong("another text"))?;
                taken(cursor, visitor.scored(member, score))?;
            }
            Ok(())
        };
        if number == op::TYPE_ZSET_ZIPLIST {
            return each(&mut legacy::ziplist(blob, offset)?.into_iter());
        }
        let (entries, _) = listpack::entries(blob, offset)?;
        each(&mut elements(entries))
    }

    fn packed_hash(
        &mut self,
        cursor: &mut Cursor<'_>,
        number: u8,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Fault> {
        let with_times = number == op::TYPE_HASH_LISTPACK_EX;
        if with_times {
            // The earliest of the times.
            cursor.array::<8>()?;
        }
        let (blob, offset) = blob(cursor, &mut self.first)?;
        let short = || Cursor::corrupt(offset, "a value for every field", "one without");
        let mut each = |all: &mut dyn Iterator<Item = Element<'_>>| {
            while let Some(name) = all.next() {
                let value = all.next().ok_or_else(short)?;
                let mut expiry_ms = None;
                if with_times {
                    let time = all.next().ok_or_else(short)?.integer();
                    expiry_ms = match time.map(u64::try_from) {
                        Some(Ok(0)) => None,
                        Some(Ok(ms)) => Some(ms),
                        _ => return Err(hash::time(offset, None).err().unwrap_or_else(short)),
                    };
                }
                taken(cursor, visitor.field(name, value, expiry_ms))?;
            }
            Ok(())
        };
        match number {
            op::TYPE_HASH_ZIPMAP => each(&mut legacy::zipmap(blob, offset)?.into_iter()),
            op::TYPE_HASH_ZIPLIST => each(&mut legacy::ziplist(blob, offset)?.into_iter()),
            _ => each(&mut elements(listpack::entries(blob, offset)?.0)),
        }
    }
}

fn elements_of(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    length::read_count(cursor, "a number of elements")
}
