//! Sets: integers, a small form, or a table of members.
//!
//! A set begins as integers if its first member is one, else small, and grows as in Valkey 9.1:
//! integers turn small when a string comes (large if they are too many for that), and large when
//! they are too many; small turns large. It never turns back.

mod view;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use view::SetRef;

use super::intset::{IntSet, IntSetRef};
use super::limits::Limits;
use super::long::Long;
use super::packed::{Element, Packed, PackedRef};
use crate::paged::{self, Entry, Expiry, NewValue, PageHeap, Table};

/// A large set: a table whose keys are the members. Cloning shares it until one is written.
#[derive(Clone, Default)]
pub struct Set(pub(super) Table<Long>);

impl Set {
    /// An empty one.
    pub fn new() -> Set {
        Set::default()
    }

    /// How many members there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `member` is one.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        self.0.get(paged::hash(member), member).is_some()
    }

    /// Adds a member; false if it was there.
    pub fn insert(&mut self, member: &[u8], heap: &mut PageHeap) -> bool {
        let hash = paged::hash(member);
        if self.0.get(hash, member).is_some() {
            return false;
        }
        let value = NewValue::Bytes { kind: 0, bytes: &[] };
        self.0.upsert(heap, hash, member, value, Expiry::None, 0).inserted
    }

    /// Takes a member out; false if it was not there.
    pub fn remove(&mut self, member: &[u8], heap: &mut PageHeap) -> bool {
        self.0.remove(heap, paged::hash(member), member).is_some()
    }

    /// Bytes it takes. In O(1).
    pub fn heap_bytes(&self) -> usize {
        size_of::<Set>() + self.0.bytes()
    }

    /// Moves its pages out of sparse segments of `heap`: see [`paged::Object::evacuate`].
    pub fn evacuate(&mut self, heap: &mut PageHeap, cursor: &mut u64, pages: &mut usize) -> bool {
        super::long::evacuate(&mut self.0, heap, cursor, pages)
    }
}

/// A set that can be edited.
#[derive(Clone)]
pub enum SetValue {
    /// Integers.
    Ints(IntSet),
    /// The small form.
    Packed(Packed),
    /// The large form.
    Table(Arc<Set>),
}

impl Default for SetValue {
    fn default() -> SetValue {
        SetValue::new()
    }
}

impl SetValue {
    /// An empty set. What form it takes is decided by the first member.
    pub fn new() -> SetValue {
        SetValue::Ints(IntSet::new())
    }

    /// Everything that can be read.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "a view by value, which AsRef cannot give")]
    pub fn as_ref(&self) -> SetRef<'_> {
        match self {
            SetValue::Ints(ints) => SetRef::Ints(ints.as_ref()),
            SetValue::Packed(packed) => SetRef::Packed(packed.as_ref()),
            SetValue::Table(set) => SetRef::Table(set),
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Prepares for `adding` members, of which `first` is the first: as Valkey does for SADD, the
    /// form is chosen as if none of them were there.
    pub fn prepare(&mut self, first: &[u8], adding: usize, limits: &Limits, heap: &mut PageHeap) {
        let large = match self {
            SetValue::Ints(ints) if ints.is_empty() => {
                if limits.ints_fit(adding) && Element::Bytes(first).integer().is_some() {
                    return;
                }
                *self = SetValue::Packed(Packed::new());
                !limits.set_fits(adding)
            }
            SetValue::Ints(_) => !limits.ints_fit(adding),
            SetValue::Packed(_) => !limits.set_fits(adding),
            SetValue::Table(_) => false,
        };
        if large {
            self.table(heap);
        }
    }

    /// Adds a member; false if it was there.
    pub fn insert(&mut self, member: &[u8], limits: &Limits, heap: &mut PageHeap) -> bool {
        match self {
            SetValue::Ints(ints) => match Element::Bytes(member).integer() {
                Some(value) => {
                    let inserted = ints.insert(value);
                    if inserted && !limits.ints_fit(ints.len()) {
                        self.table(heap);
                    }
                    inserted
                }
                None => {
                    self.leave_ints(member, limits, heap);
                    self.insert(member, limits, heap)
                }
            },
            SetValue::Packed(packed) => {
                let view = packed.as_ref();
                if view.find(member, 1).is_some() {
                    return false;
                }
                let bytes = view.bytes().len();
                if limits.set_fits(view.len() + 1) && limits.set_takes(bytes, member.len()) {
                    packed.push_back(member);
                    return true;
                }
                self.table(heap).insert(member, heap)
            }
            SetValue::Table(set) => match Arc::get_mut(set) {
                Some(set) => set.insert(member, heap),
                // A shared set is not copied for nothing.
                None => !set.contains(member) && Arc::make_mut(set).insert(member, heap),
            },
        }
    }

    /// Takes a member out; false if it was not there.
    pub fn remove(&mut self, member: &[u8], heap: &mut PageHeap) -> bool {
        match self {
            SetValue::Ints(ints) => {
                Element::Bytes(member).integer().is_some_and(|value| ints.remove(value))
            }
            SetValue::Packed(packed) => match packed.as_ref().find(member, 1) {
                Some(position) => packed.remove(position, 1) == 1,
                None => false,
            },
            SetValue::Table(set) => match Arc::get_mut(set) {
                Some(set) => set.remove(member, heap),
                // As above.
                None => set.contains(member) && Arc::make_mut(set).remove(member, heap),
            },
        }
    }

    /// Turns integers into the form that takes `member`, which is none.
    fn leave_ints(&mut self, member: &[u8], limits: &Limits, heap: &mut PageHeap) {
        let view = self.as_ref();
        let longest = view.longest_end();
        let small = limits.set_fits(view.len() + 1)
            && limits.set_takes(view.len().saturating_mul(longest), member.len().max(longest));
        if small {
            *self = SetValue::Packed(view.packed());
        } else {
            self.table(heap);
        }
    }

    /// Turns it large.
    fn table(&mut self, heap: &mut PageHeap) -> &mut Set {
        if !matches!(self, SetValue::Table(_)) {
            let mut set = Set::new();
            for member in self.as_ref().members() {
                member.with(|bytes| set.insert(bytes, heap));
            }
            *self = SetValue::Table(Arc::new(set));
        }
        match self {
            SetValue::Table(set) => Arc::make_mut(set),
            SetValue::Ints(_) | SetValue::Packed(_) => unreachable!("it was just made large"),
        }
    }
}

impl From<SetRef<'_>> for SetValue {
    /// A copy; a large one is shared, which takes O(1).
    fn from(view: SetRef<'_>) -> SetValue {
        match view {
            SetRef::Ints(ints) => SetValue::Ints(ints.to_int_set()),
            SetRef::Packed(packed) => SetValue::Packed(packed.to_packed()),
            SetRef::Table(set) => SetValue::Table(Arc::new(set.clone())),
        }
    }
}

/// The member that an entry of the table is.
#[inline]
fn member<'a>(entry: &Entry<'a, Long>) -> Element<'a> {
    Element::Bytes(entry.key)
}

impl<'a> From<IntSetRef<'a>> for SetRef<'a> {
    fn from(ints: IntSetRef<'a>) -> Self {
        SetRef::Ints(ints)
    }
}

impl<'a> From<PackedRef<'a>> for SetRef<'a> {
    fn from(packed: PackedRef<'a>) -> Self {
        SetRef::Packed(packed)
    }
}
