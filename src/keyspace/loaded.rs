//! Collections as they come from outside: an RDB file, a DUMP payload.
//!
//! They are decoded where there is no keyspace (another thread, a command's handler), so they are
//! plain items until they are put under a key.

use super::collection::{Collection, EditContext, Parts};
use super::{Db, Key, Keyspace, Object};
use crate::paged::{self, Expiry, NewValue};
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
            Loaded::Members(members) => {
                let mut set = SetValue::new();
                fill_set(&mut set, &members, context);
                set.into_parts()
            }
            Loaded::Hash(hash) => hash.into_parts(),
            Loaded::Fields(fields) => {
                let mut hash = HashValue::new();
                fill_hash(&mut hash, &fields, context);
                hash.into_parts()
            }
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
        let parts = value.clone().into_parts(&mut EditContext::new(&mut self.heap, limits));
        let expiry = expiry.map_or(Expiry::None, Expiry::At);
        match &parts {
            Parts::Small(kind, bytes) if bytes.len() <= paged::INLINE_MAX => {
                self.put(db, key, NewValue::Bytes { kind: *kind, bytes }, expiry);
            }
            _ => {
                self.put(db, key, NewValue::Object(parts.into_object()), expiry);
            }
        }
    }
}

fn fill_set(set: &mut SetValue, members: &[Vec<u8>], context: &mut EditContext<'_>) {
    let first = members.first().map(Vec::as_slice).unwrap_or_default();
    set.prepare(first, members.len(), &context.limits, context.heap);
    for member in members {
        set.insert(member, &context.limits, context.heap);
    }
}

fn fill_hash(hash: &mut HashValue, fields: &[LoadedField], context: &mut EditContext<'_>) {
    let longest = fields.iter().map(|one| one.field.len().max(one.value.len())).max();
    hash.prepare(fields.len(), longest.unwrap_or_default(), &context.limits, context.heap);
    for LoadedField { field, value, expiry } in fields {
        let expiry = if *expiry == 0 { Expiry::None } else { Expiry::At(*expiry) };
        hash.set_with(field, value, expiry, &context.limits, context.heap);
    }
}
