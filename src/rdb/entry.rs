//! Between the keyspace's values and the format's: entries written as they lie, and what was read
//! made ready to be loaded.

use std::io::{self, Write};
use std::sync::Arc;

use super::dump::{self, DumpValue};
use super::stream::Stream;
use super::{
    Chunk, Format, Hash, Hint, List, ScoredSource, Set, StringValue, ValueRef, Writer, Zset,
    ZsetSource,
};
use crate::keyspace::{self, Loaded, LoadedField, StringRef};
use crate::types::Limits;
use crate::types::hash::HashValue;
use crate::types::list::{ListBuilder, ListRef};
use crate::types::packed::Element;
use crate::types::set::SetValue;
use crate::types::zset::{self, ZsetRef, ZsetValue};

/// Writes an entry of a database.
#[inline]
pub fn write<W: Write>(
    writer: &mut Writer<W>,
    entry: &keyspace::Entry<'_>,
    hint: Hint,
) -> io::Result<()> {
    if let Some(string) = entry.string() {
        return writer.string(entry.key(), string_value(&string), entry.expiry(), hint);
    }
    with_value(entry, |value| writer.value(entry.key(), value, entry.expiry(), hint))
}

/// Appends the payload of an entry's value to `out`: see [`dump::encode`].
pub fn encode(
    entry: &keyspace::Entry<'_>,
    compression: bool,
    format: Format,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    with_value(entry, |value| dump::encode(value, compression, format, out))
}

/// An entry's value as DUMP and MIGRATE give it: compressed, as Redis does by default (whoever
/// takes payloads takes both forms), in the first format that has a place for it.
pub fn payload(entry: &keyspace::Entry<'_>) -> io::Result<Vec<u8>> {
    let mut payload = Vec::new();
    let expiring = entry.hash().is_some_and(|hash| hash.expiring() > 0);
    let format = if expiring { Format::Valkey80 } else { Format::V10 };
    encode(entry, true, format, &mut payload)?;
    Ok(payload)
}

fn string_value<'a>(string: &'a StringRef<'_>) -> StringValue<'a> {
    match string {
        StringRef::Int(number) => StringValue::Int(*number),
        StringRef::Bytes(bytes) => StringValue::Bytes(bytes),
        StringRef::Shared(bytes) => StringValue::Bytes(bytes),
    }
}

/// Calls `f` with an entry's value as it is written.
fn with_value<R>(entry: &keyspace::Entry<'_>, f: impl FnOnce(&ValueRef<'_>) -> R) -> R {
    if let Some(string) = entry.string() {
        return f(&ValueRef::String(string_value(&string)));
    }
    if let Some(set) = entry.set() {
        return f(&ValueRef::Set(set));
    }
    if let Some(hash) = entry.hash() {
        return f(&ValueRef::Hash(hash));
    }
    match (entry.list(), entry.zset(), entry.stream()) {
        (Some(ListRef::Packed(packed)), ..) => f(&ValueRef::List(&packed)),
        (Some(ListRef::Tree(list)), ..) => f(&ValueRef::List(list)),
        (_, Some(ZsetRef::Packed(packed)), _) => f(&ValueRef::Zset(ZsetSource::Packed(packed))),
        (_, Some(ZsetRef::Tree(zset)), _) => f(&ValueRef::Zset(ZsetSource::Large(zset))),
        (_, _, Some(stream)) => f(&ValueRef::Stream(&**stream)),
        (None, None, None) => unreachable!("a value is of one of the six types"),
    }
}

impl ScoredSource for zset::Zset {
    fn len(&self) -> usize {
        self.len()
    }

    fn each_scored(&self, f: &mut dyn FnMut(Element<'_>, f64) -> io::Result<()>) -> io::Result<()> {
        self.range(0..self.len())
            .rev()
            .try_for_each(|(member, score)| f(Element::Bytes(member), score))
    }
}

/// A payload's collection, ready to be stored; a string is given back as it is.
pub fn loaded(value: DumpValue<'_>, limits: &Limits) -> Result<Loaded, String> {
    Ok(match value {
        DumpValue::String(_) => return Err("a string is no collection".to_owned()),
        DumpValue::List(list) => loaded_list(list, limits),
        DumpValue::Set(set) => loaded_set(set, limits),
        DumpValue::Hash(hash) => loaded_hash(hash, limits),
        DumpValue::Zset(zset) => loaded_zset(zset, limits)?,
        DumpValue::Stream(stream) => loaded_stream(*stream)?,
    })
}

/// A list that was read, ready to be stored.
pub fn loaded_list(list: List<'_>, limits: &Limits) -> Loaded {
    let mut builder = ListBuilder::default();
    for chunk in list.chunks {
        match chunk {
            Chunk::Packed(packed) => builder.push_packed(packed),
            Chunk::Element(text) => text.element().with(|bytes| builder.push(bytes)),
        }
    }
    Loaded::List(builder.finish(limits))
}

/// A set that was read, ready to be stored: what was packed in the file stays so if it has few
/// enough elements. Their lengths are not looked at, as in Redis; so with hashes and sorted sets.
pub fn loaded_set(set: Set<'_>, limits: &Limits) -> Loaded {
    match set {
        Set::Ints(ints) if limits.ints_fit(ints.len()) => Loaded::Set(SetValue::Ints(ints)),
        Set::Ints(ints) => Loaded::Members(
            ints.as_ref().iter().map(|value| Element::Int(value).to_vec()).collect(),
        ),
        Set::Packed(packed) => {
            let view = packed.as_ref();
            if limits.set_fits(view.len()) && limits.set_takes(view.bytes().len(), 0) {
                return Loaded::Set(SetValue::Packed(packed));
            }
            Loaded::Members(view.iter().map(|member| member.to_vec()).collect())
        }
        Set::Members(members) => {
            Loaded::Members(members.iter().map(|member| member.element().to_vec()).collect())
        }
    }
}

/// A hash that was read, ready to be stored.
pub fn loaded_hash(hash: Hash<'_>, limits: &Limits) -> Loaded {
    match hash {
        Hash::Packed(packed) => {
            let view = packed.as_ref();
            let takes = limits.hash_takes(view.bytes().len(), 0, 0);
            if takes && limits.hash_fits(view.len() / 2) {
                return Loaded::Hash(HashValue::Packed(packed));
            }
            let fields = view.pairs().map(|(field, value)| LoadedField {
                field: field.to_vec(),
                value: value.to_vec(),
                expiry: 0,
            });
            Loaded::Fields(fields.collect())
        }
        Hash::Fields(fields) => {
            let fields = fields.iter().map(|one| LoadedField {
                field: one.name.element().to_vec(),
                value: one.value.element().to_vec(),
                expiry: one.expiry_ms.unwrap_or_default(),
            });
            Loaded::Fields(fields.collect())
        }
    }
}

/// A sorted set that was read, ready to be stored.
pub fn loaded_zset(zset: Zset<'_>, limits: &Limits) -> Result<Loaded, String> {
    let items: Vec<(f64, Vec<u8>)> = match zset {
        Zset::Packed(packed) => {
            let view = packed.as_ref();
            if limits.zset_fits(view.len() / 2) && limits.zset_takes(view.bytes().len(), 0) {
                return Ok(Loaded::Zset(ZsetValue::Packed(packed)));
            }
            view.scored().map(|(member, score)| (score, member.to_vec())).collect()
        }
        Zset::Members(members) => {
            members.iter().map(|(member, score)| (*score, member.element().to_vec())).collect()
        }
    };
    let value = ZsetValue::build(items, limits);
    value.map(Loaded::Zset).ok_or_else(|| "a sorted set has a member twice".to_owned())
}

/// A stream that was read, built.
pub fn loaded_stream(read: Stream<'_>) -> Result<Loaded, String> {
    Ok(Loaded::Stream(Arc::new(read.build()?)))
}
