//! Collections as they come from outside: an RDB file, a DUMP payload.
//!
//! They are decoded where there is no keyspace (another thread, a command's handler), so they are
//! plain items until they are put under a key.

use super::collection::EditContext;
use super::{Db, Key, Keyspace};
use crate::paged::Expiry;
use crate::types::hash::HashValue;
use crate::types::set::SetValue;

/// A collection's content, checked: no member or field twice, and not empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Loaded {
    /// A set's members.
    Set(Vec<Vec<u8>>),
    /// A hash's fields.
    Hash(Vec<LoadedField>),
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
            Loaded::Set(members) => self.edit(db, key, |set: &mut SetValue, context| {
                fill_set(set, members, context);
            }),
            Loaded::Hash(fields) => self.edit(db, key, |hash: &mut HashValue, context| {
                fill_hash(hash, fields, context);
            }),
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
