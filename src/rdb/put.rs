//! Values to be written, of every type, and where they are written to.
//!
//! What a large list, sorted set or stream is made of is not this folder's matter: it comes as a
//! source that is walked.

use std::io;
use std::ops::ControlFlow;

use super::stream::StreamSource;
use super::string::StringValue;
use super::{hash, list, listpack, opcodes, set, stream, zset};
use crate::types::hash::HashRef;
use crate::types::list::{List, Side};
use crate::types::packed::{Element, PackedRef};
use crate::types::set::SetRef;

/// Which format is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `REDIS0010`: every Redis and Valkey from 7.0 on. It has no place for fields' expiries.
    #[default]
    V10,
    /// `REDIS0012`: Redis from 7.4 on.
    V12,
    /// `REDIS0014`: Redis from 8.8 on. The only one with a place for what XNACK has released and
    /// for idempotent ids.
    V14,
    /// `VALKEY080`: Valkey from 9.0 on.
    Valkey80,
}

impl Format {
    /// The eldest format that has a place for what there is: fields' expiries, streams' extras.
    pub fn needed(field_expiry: bool, stream_extras: bool) -> Format {
        match (field_expiry, stream_extras) {
            (false, false) => Format::V10,
            (true, false) => Format::Valkey80,
            (_, true) => Format::V14,
        }
    }

    /// The version's number.
    pub fn number(self) -> u16 {
        match self {
            Format::V10 => 10,
            Format::V12 => 12,
            Format::V14 => 14,
            Format::Valkey80 => 80,
        }
    }

    /// What a file begins with.
    pub(super) fn magic(self) -> &'static [u8] {
        match self {
            Format::V10 => b"REDIS0010",
            Format::V12 => b"REDIS0012",
            Format::V14 => b"REDIS0014",
            Format::Valkey80 => b"VALKEY080",
        }
    }

    /// Whether fields' expiries can be written.
    pub fn has_field_expiry(self) -> bool {
        self != Format::V10
    }

    /// Whether a stream's extras can be written.
    pub fn has_stream_extras(self) -> bool {
        self == Format::V14
    }

    pub(super) fn has_set_listpack(self) -> bool {
        self != Format::V10
    }

    pub(super) fn has_stream_3(self) -> bool {
        self != Format::V10
    }
}

/// A value to be written. Not empty, but for streams.
#[derive(Clone, Copy)]
pub enum ValueRef<'a> {
    /// A string.
    String(StringValue<'a>),
    /// A list.
    List(&'a dyn ListSource),
    /// A set.
    Set(SetRef<'a>),
    /// A hash.
    Hash(HashRef<'a>),
    /// A sorted set.
    Zset(ZsetSource<'a>),
    /// A stream.
    Stream(&'a dyn StreamSource),
}

/// A list to be written, small or large.
pub trait ListSource {
    /// How many chunks [`ListSource::each_chunk`] gives.
    fn chunks(&self) -> usize;

    /// Hands every chunk to `f`, in order, until it fails.
    fn each_chunk(&self, f: &mut dyn FnMut(PackedRef<'_>) -> io::Result<()>) -> io::Result<()>;
}

/// A small list.
impl ListSource for PackedRef<'_> {
    fn chunks(&self) -> usize {
        1
    }

    fn each_chunk(&self, f: &mut dyn FnMut(PackedRef<'_>) -> io::Result<()>) -> io::Result<()> {
        f(*self)
    }
}

/// A large list.
impl ListSource for List {
    fn chunks(&self) -> usize {
        List::chunks(self)
    }

    fn each_chunk(&self, f: &mut dyn FnMut(PackedRef<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut outcome = Ok(());
        List::each_chunk(self, Side::Left, |_, chunk| {
            outcome = f(chunk);
            outcome.is_ok()
        });
        outcome
    }
}

/// A sorted set to be written.
#[derive(Clone, Copy)]
pub enum ZsetSource<'a> {
    /// A small one: member, score, member, score...
    Packed(PackedRef<'a>),
    /// A large one.
    Large(&'a dyn ScoredSource),
}

/// A large sorted set to be written.
pub trait ScoredSource {
    /// How many members there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands every member with its score to `f` until it fails. Redis writes them in descending
    /// order, which is the quickest to load; any order is right.
    fn each_scored(&self, f: &mut dyn FnMut(Element<'_>, f64) -> io::Result<()>) -> io::Result<()>;
}

/// Where values are written to.
pub(super) trait Put {
    /// The next bytes go to the end of it.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Makes room in the buffer if it is full: to be called now and then while a large value is put
    /// there. The other functions do so themselves.
    fn spill(&mut self) -> io::Result<()>;

    /// Writes a string.
    fn string(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes an integer as a string.
    fn integer(&mut self, integer: i64) -> io::Result<()>;

    /// A place to put a string together in: empty, and taken until it is given back.
    fn take_scratch(&mut self) -> Vec<u8>;

    /// Gives the place back.
    fn give_scratch(&mut self, scratch: Vec<u8>);

    /// Writes an element as a string.
    #[inline]
    fn element(&mut self, element: Element<'_>) -> io::Result<()> {
        match element {
            Element::Int(integer) => self.integer(integer),
            Element::Bytes(bytes) => self.string(bytes),
        }
    }

    /// Writes a small form as a string that holds a listpack.
    fn listpack(&mut self, packed: PackedRef<'_>) -> io::Result<()> {
        let mut scratch = self.take_scratch();
        let put = listpack::put(&mut scratch, packed.len(), packed.entries());
        let written = match put {
            Some(()) => self.string(&scratch),
            None => Err(io::Error::other("a chunk of a value is too large for a listpack")),
        };
        self.give_scratch(scratch);
        written
    }
}

/// The type that a value is written as.
pub(super) fn number(value: &ValueRef<'_>, format: Format) -> io::Result<u8> {
    Ok(match value {
        ValueRef::String(_) => opcodes::TYPE_STRING,
        ValueRef::List(_) => opcodes::TYPE_LIST_QUICKLIST_2,
        ValueRef::Set(set) => set::number(*set, format),
        ValueRef::Hash(hash) => hash::number(*hash, format).ok_or_else(|| {
            let reason = "RDB version 10 cannot hold the expiry of a hash's field";
            io::Error::new(io::ErrorKind::Unsupported, reason)
        })?,
        ValueRef::Zset(ZsetSource::Packed(_)) => opcodes::TYPE_ZSET_LISTPACK,
        ValueRef::Zset(ZsetSource::Large(_)) => opcodes::TYPE_ZSET_2,
        ValueRef::Stream(stream) => stream::number(*stream, format).ok_or_else(|| {
            let reason = format!(
                "RDB version {} cannot hold a stream's released entries or idempotent ids",
                format.number()
            );
            io::Error::new(io::ErrorKind::Unsupported, reason)
        })?,
    })
}

/// Writes a value behind its type and key.
pub(super) fn value(
    put: &mut impl Put,
    value: &ValueRef<'_>,
    number: u8,
    format: Format,
) -> io::Result<()> {
    match value {
        ValueRef::String(StringValue::Bytes(bytes)) => put.string(bytes),
        ValueRef::String(StringValue::Int(integer)) => put.integer(*integer),
        ValueRef::List(list) => list::write(put, *list),
        ValueRef::Set(set) => set::write(put, *set, format),
        ValueRef::Hash(hash) => hash::write(put, *hash, number),
        ValueRef::Zset(zset) => zset::write(put, zset),
        ValueRef::Stream(stream) => stream::write(put, *stream, number),
    }
}

/// Runs `walk`, which stops when it is told to, with a visitor that can fail.
pub(super) fn each<T>(
    walk: impl FnOnce(&mut dyn FnMut(T) -> ControlFlow<()>) -> ControlFlow<()>,
    mut visit: impl FnMut(T) -> io::Result<()>,
) -> io::Result<()> {
    let mut result = Ok(());
    let walked = walk(&mut |item| match visit(item) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            result = Err(error);
            ControlFlow::Break(())
        }
    });
    debug_assert_eq!(walked.is_break(), result.is_err());
    result
}

/// An error unless a source gave as much as it had announced.
pub(super) fn complete(written: usize, announced: usize) -> io::Result<()> {
    if written == announced {
        return Ok(());
    }
    let what = format!("a value of {announced} elements gave {written}: the file is worthless");
    Err(io::Error::other(what))
}
