//! Collections as they come from outside: an RDB file, a DUMP payload.
//!
//! They are decoded where there is no keyspace (another thread, a command's handler), so they are
//! plain items until they are put under a key.

use super::collection::EditContext;
use super::{Db, Key, Keyspace, Object};
use crate::paged::{Expiry, NewValue};
use crate::types::hash::HashValue;
use crate::types::list::{ListValue, Side};
use crate::types::set::SetValue;
use crate::types::stream::Stream;
use crate::types::zset::ZsetValue;
use std::sync::Arc;

/// A collection's content, checked: no member or field twice, and not empty.
#[derive(Clone)]
pub enum Loaded {
    /// A list's elements.
    List(Vec<Vec<u8>>),
    /// A set's members.
    Set(Vec<Vec<u8>>),
    /// A hash's fields.
    Hash(Vec<LoadedField>),
    /// A sorted set's scores and members; no score is NaN.
    Zset(Vec<(f64, Vec<u8>)>),
    /// A stream, built: it needs no page heap.
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

impl Keyspace {
    /// Puts a collection under a key, in place of whatever stands there. `expiry` as for
    /// [`crate::paged::Table::upsert`].
    pub(in crate::keyspace) fn install(
        &mut self,
        db: Db,
        key: Key<'_>,
        value: &Loaded,
        expiry: Option<u64>,
    ) {
        self.delete(db, key);
        match value {
            Loaded::List(elements) => self.edit(db, key, |list: &mut ListValue, context| {
                let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
                list.push(Side::Right, &elements, &context.limits);
            }),
            Loaded::Set(members) => self.edit(db, key, |set: &mut SetValue, context| {
                fill_set(set, members, context);
            }),
            Loaded::Hash(fields) => self.edit(db, key, |hash: &mut HashValue, context| {
                fill_hash(hash, fields, context);
            }),
            Loaded::Zset(items) => self.edit(db, key, |zset: &mut ZsetValue, context| {
                let items = items.iter().map(|(score, member)| (*score, member)).collect();
                *zset = ZsetValue::build(items, &context.limits).expect("different, and none NaN");
            }),
            Loaded::Stream(stream) => {
                self.put(db, key, NewValue::Object(Object::Stream(stream.clone())), Expiry::None);
            }
        }
        if let Some(at) = expiry {
            self.expire(db, key, at);
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
