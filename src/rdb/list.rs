//! Lists, both ways.
//!
//! ```text
//! 1  count string*             plain              14  count string*            ziplists
//! 10 string                    one ziplist        18  count (kind string)*     kind 1: one element
//!                                                                              2: a listpack
//! ```
//!
//! We write 18, a listpack for each chunk.

use std::io;

use super::cursor::Cursor;
use super::error::Fault;
use super::length;
use super::opcodes;
use super::put::{ListSource, Put};
use super::text::{Text, read_blob};
use super::{legacy, listpack};
use crate::types::packed::{Packed, PackedRef, elements};

/// A list that was read, in pieces in their order.
#[derive(Clone, Debug, Default)]
pub struct List<'a> {
    /// Never empty.
    pub chunks: Vec<Chunk<'a>>,
}

/// A piece of a list.
#[derive(Clone, Debug)]
pub enum Chunk<'a> {
    /// Elements that were packed in the file; not empty, and of any size.
    Packed(Packed),
    /// One element.
    Element(Text<'a>),
}

/// Node of a quicklist: one element.
pub(super) const PLAIN: u64 = 1;
/// Node of a quicklist: a listpack.
pub(super) const PACKED: u64 = 2;

/// Reads a list of type `number` behind its key; none if it has no elements.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>, number: u8) -> Result<Option<List<'a>>, Fault> {
    let mut list = List::default();
    if number == opcodes::TYPE_LIST_ZIPLIST {
        read_ziplist(cursor, &mut list)?;
    } else {
        let count = length::read_count(cursor, "a number of elements")?;
        for _ in 0..count {
            match number {
                opcodes::TYPE_LIST => list.chunks.push(Chunk::Element(Text::read(cursor)?)),
                opcodes::TYPE_LIST_QUICKLIST => read_ziplist(cursor, &mut list)?,
                _ => read_node(cursor, &mut list)?,
            }
        }
    }
    Ok((!list.chunks.is_empty()).then_some(list))
}

fn read_ziplist<'a>(cursor: &mut Cursor<'a>, list: &mut List<'a>) -> Result<(), Fault> {
    let offset = cursor.offset();
    let blob = read_blob(cursor)?;
    for part in legacy::ziplist(&blob, offset)?.chunks(ELEMENTS_PACKED) {
        list.chunks.push(Chunk::Packed(part.iter().copied().collect()));
    }
    Ok(())
}

/// Elements of a piece made of what is too many for one.
const ELEMENTS_PACKED: usize = 128;

fn read_node<'a>(cursor: &mut Cursor<'a>, list: &mut List<'a>) -> Result<(), Fault> {
    let offset = cursor.offset();
    match length::read_count(cursor, "a list node's kind")? {
        PLAIN => list.chunks.push(Chunk::Element(Text::read(cursor)?)),
        PACKED => {
            let offset = cursor.offset();
            let blob = read_blob(cursor)?;
            let (entries, checked) = listpack::entries(&blob, offset)?;
            match Packed::from_checked(entries, checked) {
                _ if checked.count == 0 => {}
                Some(packed) => list.chunks.push(Chunk::Packed(packed)),
                None => {
                    let mut rest = elements(entries).peekable();
                    while rest.peek().is_some() {
                        let part = rest.by_ref().take(ELEMENTS_PACKED);
                        list.chunks.push(Chunk::Packed(part.collect()));
                    }
                }
            }
        }
        kind => return Err(Cursor::corrupt(offset, "a list node's kind", format!("{kind}"))),
    }
    Ok(())
}

/// A list that was read can be written again.
impl ListSource for List<'_> {
    fn chunks(&self) -> usize {
        self.chunks.len()
    }

    fn each_chunk(&self, f: &mut dyn FnMut(PackedRef<'_>) -> io::Result<()>) -> io::Result<()> {
        self.chunks.iter().try_for_each(|chunk| match chunk {
            Chunk::Packed(packed) => f(packed.as_ref()),
            Chunk::Element(text) => f(Packed::from_iter([text.element()]).as_ref()),
        })
    }
}

/// Writes a list behind its key.
pub(super) fn write(put: &mut impl Put, list: &dyn ListSource) -> io::Result<()> {
    let chunks = list.chunks();
    length::put(put.buffer(), chunks as u64);
    let mut written = 0;
    list.each_chunk(&mut |chunk| {
        length::put(put.buffer(), PACKED);
        put.listpack(chunk)?;
        written += 1;
        Ok(())
    })?;
    super::put::complete(written, chunks)
}
