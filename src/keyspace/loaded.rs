//! Collections as they come from outside: an RDB file, a DUMP payload.
//!
//! They are decoded where there is no keyspace (another thread, a command's handler), so they are
//! plain items until they are put under a key.

use super::collection::{Collection, EditContext, Parts};
use super::{Db, Key, Keyspace, Object};
use crate::paged::Expiry;
use crate::types::hash::HashValue;
use crate::types::list::ListValue;
use crate::types::set::SetValue;
use crate::types::stream::Stream;
use crate::types::zset::ZsetValue;
use std::sync::Arc;

/// A collection's content, checked: no member or field twice, and not empty. What needs no page
/// heap is built already.
#[derive(Clone)]
pub enum Loaded {
    /// A list.
    List(ListValue),
    /// A set in a small form.
    Set(SetValue),
    /// A set's members.
    Members(Vec<Vec<u8>>),
    /// A hash in the small form.
    Hash(HashValue),
    /// A hash's fields.
    Fields(Vec<LoadedField>),
    /// A sorted set.
    Zset(ZsetValue),
    /// A stream.
    Stream(Arc<Stream>),
}

/// A hash's field.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedField {
    /// Its name.
    pub field: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// When it expires, unix ms; 0: never.
    pub expiry: u64,
}

impl Loaded {
    /// Bytes it takes while it is a list of items.
    pub(in crate::keyspace) fn loose_bytes(&self) -> usize {
        /// An item's vector, and what its block wastes.
        const ITEM_BYTES: usize = 32;
        match self {
            Loaded::Members(members) => {
                members.iter().map(|member| ITEM_BYTES + member.len()).sum()
            }
            Loaded::Fields(fields) => {
                let each = |one: &LoadedField| 2 * ITEM_BYTES + one.field.len() + one.value.len();
                fields.iter().map(each).sum()
            }
            _ => 0,
        }
    }

    /// In the form in which it is stored.
    pub(in crate::keyspace) fn into_parts(self, context: &mut EditContext<'_>) -> Parts {
        match self {
            Loaded::List(list) => list.into_parts(),
            Loaded::Set(set) => set.into_parts(),
            Loaded::Members(members) => set_of(&members, context),
            Loaded::Hash(hash) => hash.into_parts(),
            Loaded::Fields(fields) => hash_of(&fields, context),
            Loaded::Zset(zset) => zset.into_parts(),
            Loaded::Stream(stream) => Parts::Large(Object::Stream(stream)),
        }
    }
}

impl Keyspace {
    /// Puts a collection under a key, in place of whatever stands there.
    pub(in crate::keyspace) fn install(
        &mut self,
        db: Db,
        key: Key<'_>,
        value: &Loaded,
        expiry: Option<u64>,
    ) {
        let limits = self.limits;
        let context = &mut EditContext::new(&mut self.heap, limits);
        let parts = match value {
            Loaded::Members(members) => set_of(members, context),
            Loaded::Fields(fields) => hash_of(fields, context),
            // The large ones are shared, the small ones copied.
            built => built.clone().into_parts(context),
        };
        self.note_installed(&parts);
        let expiry = expiry.map_or(Expiry::None, Expiry::At);
        parts.stored(|value| self.put(db, key, value, expiry));
    }

    /// Notes what is special about a value that comes from outside.
    pub(in crate::keyspace) fn note_installed(&mut self, parts: &Parts) {
        if let Parts::Large(Object::Stream(stream)) = parts
            && stream.has_extras()
        {
            self.note_stream_extras();
        }
    }
}

fn set_of(members: &[Vec<u8>], context: &mut EditContext<'_>) -> Parts {
    let mut set = SetValue::new();
    let first = members.first().map(Vec::as_slice).unwrap_or_default();
    set.prepare(first, members.len(), &context.limits, context.heap);
    for member in members {
        set.insert(member, &context.limits, context.heap);
    }
    set.into_parts()
}

fn hash_of(fields: &[LoadedField], context: &mut EditContext<'_>) -> Parts {
    let mut hash = HashValue::new();
    let longest = fields.iter().map(|one| one.field.len().max(one.value.len())).max();
    hash.prepare(fields.len(), longest.unwrap_or_default(), &context.limits, context.heap);
    for LoadedField { field, value, expiry } in fields {
        let expiry = if *expiry == 0 { Expiry::None } else { Expiry::At(*expiry) };
        hash.set_with(field, value, expiry, &context.limits, context.heap);
    }
    hash.into_parts()
}
