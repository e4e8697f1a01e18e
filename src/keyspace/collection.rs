//! Collections in the keyspace: how each type's forms are stored, and how one is edited.
//!
//! | type | small form | stored as | large form |
//! |---|---|---|---|
//! | list | packed elements | [`KIND_LIST`] | [`Object::List`] |
//! | set | integers; packed members | [`KIND_SET_INTS`], [`KIND_SET`] | [`Object::Set`] |
//! | hash | packed fields and values | [`KIND_HASH`] | [`Object::Hash`] |
//! | sorted set | packed members and scores | [`KIND_ZSET`] | [`Object::Zset`] |
//! | stream | none | | [`Object::Stream`] |
//!
//! A small form of at most [`paged::INLINE_MAX`] bytes lies in the page under its kind; a longer
//! one is an [`Object::Packed`]. [`Keyspace::edit`] takes a value out, lets a change edit it, and
//! stores it back in whatever form it has then.

use super::value::{
    KIND_HASH, KIND_LIST, KIND_SET, KIND_SET_INTS, KIND_ZSET, Object, PackedObject,
};
use super::{Db, Key, Keyspace};
use crate::paged::{self, Expiry, NewValue, PageHeap, Value};
use crate::types::Limits;
use crate::types::hash::HashValue;
use crate::types::intset::IntSet;
use crate::types::list::ListValue;
use crate::types::packed::Packed;
use crate::types::set::SetValue;
use crate::types::stream::Stream;
use crate::types::zset::ZsetValue;

use std::sync::Arc;

/// What editing a collection needs beside it.
pub struct EditContext<'a> {
    /// Where nested tables have their pages.
    pub heap: &'a mut PageHeap,
    /// When a small form becomes a large one.
    pub limits: Limits,
    /// The earliest expiry that the edit has given to a field of a hash, unix ms.
    pub field_expiry: Option<u64>,
}

impl<'a> EditContext<'a> {
    /// What an edit begins with.
    pub fn new(heap: &'a mut PageHeap, limits: Limits) -> Self {
        EditContext { heap, limits, field_expiry: None }
    }
}

/// A collection taken apart, to be stored.
pub enum Parts {
    /// The small form: its page kind and its bytes.
    Small(u8, Vec<u8>),
    /// The large form.
    Large(Object),
}

impl Parts {
    /// Hands what is to be stored to `put`: the bytes of what fits a page, else an object.
    pub(in crate::keyspace) fn stored<R>(self, put: impl FnOnce(NewValue<'_, Object>) -> R) -> R {
        match self {
            Parts::Small(kind, bytes) if bytes.len() <= paged::INLINE_MAX => {
                put(NewValue::Bytes { kind, bytes: &bytes })
            }
            parts => put(NewValue::Object(parts.into_object())),
        }
    }

    /// As an object: what is too long for a page, or large.
    pub(in crate::keyspace) fn into_object(self) -> Object {
        match self {
            Parts::Small(kind, bytes) => Object::Packed(Arc::new(PackedObject::new(kind, bytes))),
            Parts::Large(object) => object,
        }
    }
}

/// A collection that was taken out of the keyspace, to be edited.
pub trait Collection: Sized {
    /// An empty one: what stands under a key that is not there.
    fn empty() -> Self;

    /// The small form of this kind, if the kind is one of the type's.
    fn small(kind: u8, bytes: Vec<u8>) -> Option<Self>;

    /// The large form, if the object is of the type.
    fn large(object: Object) -> Option<Self>;

    /// To be stored.
    fn into_parts(self) -> Parts;

    /// Whether its key goes: an empty collection is not stored (only streams are).
    fn vanishes(&self) -> bool;
}

impl Collection for ListValue {
    fn empty() -> Self {
        ListValue::new()
    }

    fn small(kind: u8, bytes: Vec<u8>) -> Option<Self> {
        (kind == KIND_LIST).then(|| ListValue::Packed(Packed::from_vec(bytes)))
    }

    fn large(object: Object) -> Option<Self> {
        if let Object::List(list) = object { Some(ListValue::Tree(list)) } else { None }
    }

    fn into_parts(self) -> Parts {
        match self {
            ListValue::Packed(packed) => Parts::Small(KIND_LIST, packed.into_vec()),
            ListValue::Tree(list) => Parts::Large(Object::List(list)),
        }
    }

    fn vanishes(&self) -> bool {
        self.is_empty()
    }
}

impl Collection for SetValue {
    fn empty() -> Self {
        SetValue::new()
    }

    fn small(kind: u8, bytes: Vec<u8>) -> Option<Self> {
        match kind {
            KIND_SET_INTS => Some(SetValue::Ints(IntSet::from_vec(bytes))),
            KIND_SET => Some(SetValue::Packed(Packed::from_vec(bytes))),
            _ => None,
        }
    }

    fn large(object: Object) -> Option<Self> {
        if let Object::Set(set) = object { Some(SetValue::Table(set)) } else { None }
    }

    fn into_parts(self) -> Parts {
        match self {
            SetValue::Ints(ints) => Parts::Small(KIND_SET_INTS, ints.into_vec()),
            SetValue::Packed(packed) => Parts::Small(KIND_SET, packed.into_vec()),
            SetValue::Table(set) => Parts::Large(Object::Set(set)),
        }
    }

    fn vanishes(&self) -> bool {
        self.is_empty()
    }
}

impl Collection for HashValue {
    fn empty() -> Self {
        HashValue::new()
    }

    fn small(kind: u8, bytes: Vec<u8>) -> Option<Self> {
        (kind == KIND_HASH).then(|| HashValue::Packed(Packed::from_vec(bytes)))
    }

    fn large(object: Object) -> Option<Self> {
        if let Object::Hash(hash) = object { Some(HashValue::Table(hash)) } else { None }
    }

    fn into_parts(self) -> Parts {
        match self {
            HashValue::Packed(packed) => Parts::Small(KIND_HASH, packed.into_vec()),
            HashValue::Table(hash) => Parts::Large(Object::Hash(hash)),
        }
    }

    fn vanishes(&self) -> bool {
        self.is_empty()
    }
}

impl Collection for Arc<Stream> {
    fn empty() -> Self {
        Arc::default()
    }

    fn small(_: u8, _: Vec<u8>) -> Option<Self> {
        None
    }

    fn large(object: Object) -> Option<Self> {
        if let Object::Stream(stream) = object { Some(stream) } else { None }
    }

    fn into_parts(self) -> Parts {
        Parts::Large(Object::Stream(self))
    }

    fn vanishes(&self) -> bool {
        false
    }
}

impl Collection for ZsetValue {
    fn empty() -> Self {
        ZsetValue::new()
    }

    fn small(kind: u8, bytes: Vec<u8>) -> Option<Self> {
        (kind == KIND_ZSET).then(|| ZsetValue::Packed(Packed::from_vec(bytes)))
    }

    fn large(object: Object) -> Option<Self> {
        if let Object::Zset(zset) = object { Some(ZsetValue::Tree(zset)) } else { None }
    }

    fn into_parts(self) -> Parts {
        match self {
            ZsetValue::Packed(packed) => Parts::Small(KIND_ZSET, packed.into_vec()),
            ZsetValue::Tree(zset) => Parts::Large(Object::Zset(zset)),
        }
    }

    fn vanishes(&self) -> bool {
        self.is_empty()
    }
}

/// Why an edit finds a value of its type, for the reader of a panic.
const OF_THE_TYPE: &str = "the command has checked the value's type";

/// What an edit means for the index of hashes with expiring fields.
enum Volatile {
    Same,
    Lower(u64),
    Forget,
}

impl Volatile {
    #[inline]
    fn after(object: &Object, had_expiring: bool, context: &EditContext<'_>) -> Self {
        match (object.has_expiring_fields(), context.field_expiry) {
            (true, Some(at)) => Volatile::Lower(at),
            (false, _) if had_expiring => Volatile::Forget,
            _ => Volatile::Same,
        }
    }
}

impl Keyspace {
    /// Edits the collection under `key` (a new one, if there is none) through `edit`, and stores it
    /// back; the expiry stays. A key whose collection has become empty is removed. For the changes
    /// in [`super::record`] only.
    ///
    /// # Panics
    /// If a value of another type stands there: whoever emits the change has looked.
    pub(in crate::keyspace) fn edit<C: Collection, R>(
        &mut self,
        db: Db,
        key: Key<'_>,
        edit: impl FnOnce(&mut C, &mut EditContext<'_>) -> R,
    ) -> R {
        let limits = self.limits;
        let table = &mut self.databases[db.index()];
        let mut edit = Some(edit);
        let edited =
            table.edit_object(&mut self.heap, key.hash, key.bytes, self.clock, |object, heap| {
                let edit = edit.take().expect("a call edits once");
                let had_expiring = object.has_expiring_fields();
                let mut context = EditContext::new(heap, limits);
                let (result, vanishes) = edit_object(object, edit, &mut context);
                (result, vanishes, Volatile::after(object, had_expiring, &context))
            });
        let mut value = match edited {
            Ok((result, vanishes, fields)) => {
                match fields {
                    Volatile::Same => {}
                    Volatile::Lower(at) => self.lower_fields(db, key, at),
                    Volatile::Forget => self.forget_fields(db, key),
                }
                if vanishes {
                    self.delete(db, key);
                }
                return result;
            }
            Err(None) => C::empty(),
            Err(Some(Value::Bytes { kind, bytes })) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(bytes);
                C::small(kind, std::mem::take(&mut self.scratch)).expect(OF_THE_TYPE)
            }
            Err(Some(Value::Int(_) | Value::Object(_))) => unreachable!("{OF_THE_TYPE}"),
        };
        let edit = edit.take().expect("only an object was edited");
        let result = edit(&mut value, &mut EditContext::new(&mut self.heap, limits));
        if value.vanishes() {
            self.delete(db, key);
            return result;
        }
        match value.into_parts() {
            Parts::Small(kind, bytes) if bytes.len() <= paged::INLINE_MAX => {
                self.put(db, key, NewValue::Bytes { kind, bytes: &bytes }, Expiry::Keep);
                self.scratch = bytes;
            }
            parts => {
                self.put(db, key, NewValue::Object(parts.into_object()), Expiry::Keep);
            }
        }
        result
    }
}

/// Edits a collection that lies outside its page, where it lies; answers also whether its key goes.
#[inline]
fn edit_object<C: Collection, R>(
    object: &mut Object,
    edit: impl FnOnce(&mut C, &mut EditContext<'_>) -> R,
    context: &mut EditContext<'_>,
) -> (R, bool) {
    if let Object::Packed(packed) = object {
        let packed = Arc::make_mut(packed);
        let bytes = std::mem::take(&mut packed.bytes);
        let mut value = C::small(packed.kind, bytes).expect(OF_THE_TYPE);
        let result = edit(&mut value, context);
        let vanishes = value.vanishes();
        match value.into_parts() {
            Parts::Small(kind, bytes) => *packed = PackedObject::new(kind, bytes),
            Parts::Large(large) => *object = large,
        }
        return (result, vanishes);
    }
    let mut value = C::large(std::mem::replace(object, Object::Away)).expect(OF_THE_TYPE);
    let result = edit(&mut value, context);
    let vanishes = value.vanishes();
    *object = value.into_parts().into_object();
    (result, vanishes)
}
