//! Hashes: a small form, or a table of fields.
//!
//! A hash is large from its first field expiry on, as in Valkey 9.1, and never small again. An
//! expired field stays until somebody removes it; reading functions that get the time hide it.

mod view;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use view::{Draws, Field, HashRef};

use super::limits::Limits;
use super::long::Long;
use super::packed::{Element, Packed, PackedRef};
pub use crate::paged::Expiry;
use crate::paged::{self, Entry, INLINE_MAX, NewValue, PageHeap, Removed, Table, Upserted, Value};

/// A large hash: a table from fields to values. Cloning shares it until one is written.
#[derive(Clone, Default)]
pub struct Hash(pub(super) Table<Long>);

impl Hash {
    /// An empty one.
    pub fn new() -> Hash {
        Hash::default()
    }

    /// How many fields there are, expired ones included.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The field with this name, expired or not.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Field<'_>> {
        self.0.get(paged::hash(field), field).map(|entry| found(&entry))
    }

    /// Sets a field; answers whether it is new, and the long value that it had.
    pub fn set(
        &mut self,
        field: &[u8],
        value: &[u8],
        expiry: Expiry,
        heap: &mut PageHeap,
    ) -> Upserted<Long> {
        self.0.upsert(heap, paged::hash(field), field, stored(value), expiry, 0)
    }

    /// Takes a field out, if it is there.
    pub fn remove(&mut self, field: &[u8], heap: &mut PageHeap) -> Option<Removed<Long>> {
        self.0.remove(heap, paged::hash(field), field)
    }

    /// How many fields have an expiry.
    pub fn expiring(&self) -> usize {
        self.0.expiring()
    }

    /// Bytes it takes. In O(1).
    pub fn heap_bytes(&self) -> usize {
        size_of::<Hash>() + self.0.bytes()
    }

    /// Moves its pages out of sparse segments of `heap`: see [`paged::Object::evacuate`].
    pub fn evacuate(&mut self, heap: &mut PageHeap, cursor: &mut u64, pages: &mut usize) -> bool {
        super::long::evacuate(&mut self.0, heap, cursor, pages)
    }
}

/// A hash that can be edited.
///
/// Editing functions see expired fields: the caller removes them first, with a record of its own.
#[derive(Clone)]
pub enum HashValue {
    /// The small form: field, value, field, value...
    Packed(Packed),
    /// The large form.
    Table(Arc<Hash>),
}

impl Default for HashValue {
    fn default() -> HashValue {
        HashValue::new()
    }
}

impl HashValue {
    /// An empty, small hash.
    pub fn new() -> HashValue {
        HashValue::Packed(Packed::new())
    }

    /// Everything that can be read.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "a view by value, which AsRef cannot give")]
    pub fn as_ref(&self) -> HashRef<'_> {
        match self {
            HashValue::Packed(packed) => HashRef::Packed(packed.as_ref()),
            HashValue::Table(hash) => HashRef::Table(hash),
        }
    }

    /// How many fields there are, expired ones included.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Prepares for `adding` fields: as Valkey does for HSET, the form is chosen as if none of them
    /// were there, and by the longest field or value, `longest` bytes.
    pub fn prepare(&mut self, adding: usize, longest: usize, limits: &Limits, heap: &mut PageHeap) {
        let HashValue::Packed(packed) = self else { return };
        let bytes = packed.as_ref().bytes().len();
        if !limits.hash_fits(adding) || !limits.hash_takes(bytes, longest, 0) {
            self.table(heap);
        }
    }

    /// Sets a field and clears its expiry; answers whether it is new.
    pub fn set(
        &mut self,
        field: &[u8],
        value: &[u8],
        limits: &Limits,
        heap: &mut PageHeap,
    ) -> bool {
        self.set_with(field, value, Expiry::None, limits, heap)
    }

    /// Sets a field and does about its expiry what `expiry` says; answers whether it is new.
    pub fn set_with(
        &mut self,
        field: &[u8],
        value: &[u8],
        expiry: Expiry,
        limits: &Limits,
        heap: &mut PageHeap,
    ) -> bool {
        self.put(field, value, expiry, limits, heap).inserted
    }

    /// As [`HashValue::set_with`]; answers the long value that the field had too, which may take
    /// time to free.
    pub fn put(
        &mut self,
        field: &[u8],
        value: &[u8],
        expiry: Expiry,
        limits: &Limits,
        heap: &mut PageHeap,
    ) -> Upserted<Long> {
        let expires = matches!(expiry, Expiry::At(at) if at != 0);
        if let HashValue::Packed(packed) = self
            && !expires
            && limits.hash_takes(packed.as_ref().bytes().len(), field.len(), value.len())
        {
            if let Some(position) = packed.as_ref().find(field, 2) {
                let position = packed.as_ref().after(position);
                packed.replace(position, value);
                return Upserted { inserted: false, replaced: None };
            }
            if limits.hash_fits(packed.len() / 2 + 1) {
                packed.push_back(field);
                packed.push_back(value);
                return Upserted { inserted: true, replaced: None };
            }
        }
        self.table(heap).set(field, value, expiry, heap)
    }

    /// Takes a field out; false if it was not there.
    pub fn remove(&mut self, field: &[u8], heap: &mut PageHeap) -> bool {
        self.take(field, heap).is_some()
    }

    /// As [`HashValue::remove`]; answers the long value that the field had, which may take time to
    /// free.
    pub fn take(&mut self, field: &[u8], heap: &mut PageHeap) -> Option<Removed<Long>> {
        match self {
            HashValue::Packed(packed) => {
                let position = packed.as_ref().find(field, 2)?;
                packed.remove(position, 2);
                Some(Removed { object: None, expiry: 0 })
            }
            HashValue::Table(hash) => {
                if let Some(hash) = Arc::get_mut(hash) {
                    return hash.remove(field, heap);
                }
                // A shared hash is not copied for nothing.
                hash.get(field)?;
                Arc::make_mut(hash).remove(field, heap)
            }
        }
    }

    /// Sets a field's expiry (unix ms; 0 clears it); false if there is no such field.
    pub fn set_expiry(&mut self, field: &[u8], expiry: u64, heap: &mut PageHeap) -> bool {
        if let HashValue::Packed(packed) = self {
            let is_there = packed.as_ref().find(field, 2).is_some();
            if !is_there || expiry == 0 {
                return is_there;
            }
        }
        let hash = paged::hash(field);
        if let HashValue::Table(shared) = self
            && Arc::get_mut(shared).is_none()
        {
            // It is not copied for nothing.
            match shared.0.get(hash, field) {
                None => return false,
                Some(found) if found.expiry == expiry => return true,
                Some(_) => {}
            }
        }
        self.table(heap).0.set_expiry(heap, hash, field, expiry)
    }

    /// Clears a field's expiry; false if it has none, or there is no such field.
    pub fn persist(&mut self, field: &[u8], heap: &mut PageHeap) -> bool {
        let HashValue::Table(table) = self else { return false };
        let hash = paged::hash(field);
        let expires = table.0.get(hash, field).is_some_and(|found| found.expiry != 0);
        expires && Arc::make_mut(table).0.set_expiry(heap, hash, field, 0)
    }

    /// Turns it large.
    fn table(&mut self, heap: &mut PageHeap) -> &mut Hash {
        if let HashValue::Packed(packed) = self {
            let mut hash = Hash::new();
            for (field, value) in packed.as_ref().pairs() {
                field.with(|field| {
                    value.with(|value| hash.set(field, value, Expiry::None, heap));
                });
            }
            *self = HashValue::Table(Arc::new(hash));
        }
        match self {
            HashValue::Table(hash) => Arc::make_mut(hash),
            HashValue::Packed(_) => unreachable!("it was just made large"),
        }
    }
}

impl From<HashRef<'_>> for HashValue {
    /// A copy; a large one is shared, which takes O(1).
    fn from(view: HashRef<'_>) -> HashValue {
        match view {
            HashRef::Packed(packed) => HashValue::Packed(packed.to_packed()),
            HashRef::Table(hash) => HashValue::Table(Arc::new(hash.clone())),
        }
    }
}

impl<'a> From<PackedRef<'a>> for HashRef<'a> {
    fn from(packed: PackedRef<'a>) -> Self {
        HashRef::Packed(packed)
    }
}

/// How a table keeps a value.
#[inline]
fn stored(value: &[u8]) -> NewValue<'_, Long> {
    if let Some(integer) = Element::Bytes(value).integer() {
        NewValue::Int(integer)
    } else if value.len() <= INLINE_MAX {
        NewValue::Bytes { kind: 0, bytes: value }
    } else {
        NewValue::Object(Long(Arc::new(value.to_vec())))
    }
}

/// What an entry of the table holds.
#[inline]
fn found<'a>(entry: &Entry<'a, Long>) -> Field<'a> {
    let value = match entry.value {
        Value::Int(integer) => Element::Int(integer),
        Value::Bytes { bytes, .. } => Element::Bytes(bytes),
        Value::Object(Long(bytes)) => Element::Bytes(bytes),
    };
    let expiry = (entry.expiry != 0).then_some(entry.expiry);
    Field { name: Element::Bytes(entry.key), value, expiry }
}
