//! A list that is edited: both forms, and when one becomes the other.
//!
//! The rules are Valkey's (`listTypeTryConversion`): what is to be added is counted by the lengths
//! of its texts; a list turns small again when it has shrunk to half of what a small one may be.
//! Two things are not followed: there a list must also have shrunk to one of *its* chunks, here all
//! elements together are few enough; and there a LSET or LINSERT that then finds no place has made
//! the list large all the same, here it changes nothing.

use super::chunk::{Chunk, remove_matches};
use super::{List, ListRef, Side};
use crate::types::Limits;
use crate::types::packed::{Element, Packed, PackedRef};
use std::ops::Range;
use std::sync::Arc;

/// Bytes that Redis' listpack has around its entries and our small form has not, less our count.
const FRAME_BYTES: usize = 5;

/// On which side of another element one is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nearer to the head.
    Before,
    /// Nearer to the tail.
    After,
}

/// A list that can be edited. A clone is cheap: the large form is shared.
#[derive(Clone)]
pub enum ListValue {
    /// The small form.
    Packed(Packed),
    /// The large form.
    Tree(Arc<List>),
}

impl Default for ListValue {
    fn default() -> Self {
        ListValue::new()
    }
}

impl ListValue {
    /// An empty list.
    pub fn new() -> Self {
        ListValue::Packed(Packed::new())
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Everything that can be read.
    #[allow(clippy::should_implement_trait, reason = "a view by value, which AsRef cannot give")]
    pub fn as_ref(&self) -> ListRef<'_> {
        match self {
            ListValue::Packed(packed) => ListRef::Packed(packed.as_ref()),
            ListValue::Tree(list) => ListRef::Tree(list),
        }
    }

    /// Pushes values at an end, one after the other: what is pushed left ends up in reverse order.
    pub fn push(&mut self, side: Side, values: &[&[u8]], limits: &Limits) {
        self.prepare(values, limits);
        match self {
            ListValue::Packed(packed) => {
                make_room(packed, values);
                match side {
                    Side::Left => values.iter().for_each(|value| packed.push_front(*value)),
                    Side::Right => values.iter().for_each(|value| packed.push_back(*value)),
                }
            }
            ListValue::Tree(list) => Arc::make_mut(list).push(side, values),
        }
    }

    /// Puts an element in the place of number `index`, which must be there.
    pub fn set(&mut self, index: usize, value: &[u8], limits: &Limits) {
        self.prepare(&[value], limits);
        match self {
            ListValue::Packed(packed) => packed.replace(packed.as_ref().position(index), value),
            ListValue::Tree(list) => Arc::make_mut(list).set(index, value),
        }
        self.settle(limits);
    }

    /// Adds an element beside the first one that is `pivot`; answers whether there is one. If not,
    /// nothing changes.
    pub fn insert(&mut self, place: Place, pivot: &[u8], value: &[u8], limits: &Limits) -> bool {
        let after = place == Place::After;
        if let ListValue::Packed(packed) = self {
            let Some(position) = packed.as_ref().find(pivot, 1) else { return false };
            if limits.fits_list(packed.as_ref(), &[value]) {
                let position = if after { packed.as_ref().after(position) } else { position };
                make_room(packed, &[value]);
                packed.insert(position, value);
                return true;
            }
        }
        self.make_large().insert_beside(pivot, after, value)
    }

    /// Removes up to `count` elements that are `value`, those nearest to an end; answers how many
    /// there were.
    pub fn remove_matches(
        &mut self,
        value: &[u8],
        side: Side,
        count: usize,
        limits: &Limits,
    ) -> usize {
        let removed = match self {
            ListValue::Packed(packed) => remove_matches(packed, Element::parse(value), side, count),
            ListValue::Tree(list) => Arc::make_mut(list).remove_matches(value, side, count),
        };
        if removed > 0 {
            self.settle(limits);
        }
        removed
    }

    /// Removes the elements with these indexes, which must be there. What is answered was cut out,
    /// and may be large: somebody else should free it.
    pub fn remove_range(&mut self, indexes: Range<usize>, limits: &Limits) -> List {
        if indexes.is_empty() {
            return List::new();
        }
        let cut = match self {
            ListValue::Packed(packed) => {
                packed.remove(packed.as_ref().position(indexes.start), indexes.len());
                List::new()
            }
            ListValue::Tree(list) => Arc::make_mut(list).remove_range(indexes),
        };
        self.settle(limits);
        cut
    }

    /// Makes the list large if it will be with `values`.
    fn prepare(&mut self, values: &[&[u8]], limits: &Limits) {
        if let ListValue::Packed(packed) = self
            && !limits.fits_list(packed.as_ref(), values)
        {
            self.make_large();
        }
    }

    /// The large form, made if need be.
    fn make_large(&mut self) -> &mut List {
        if let ListValue::Packed(packed) = self {
            *self = ListValue::Tree(Arc::new(List::from_packed(std::mem::take(packed))));
        }
        match self {
            ListValue::Tree(list) => Arc::make_mut(list),
            ListValue::Packed(_) => unreachable!("it was made large"),
        }
    }

    /// Makes a list small that has become so.
    fn settle(&mut self, limits: &Limits) {
        let ListValue::Tree(list) = self else { return };
        let (elements_max, bytes_max) = limits.list_small_again();
        if list.len() <= elements_max
            && !list.is_empty()
            && list.packed_bytes(bytes_max.saturating_sub(FRAME_BYTES)).is_some()
        {
            *self = ListValue::Packed(list.to_packed());
        }
    }
}

/// Makes room for values, and a little more: a small list that is pushed to is moved seldom, and
/// has not so much unused room that whoever stores it would give it back.
fn make_room(packed: &mut Packed, values: &[&[u8]]) {
    let used = packed.as_ref().end();
    let more: usize = values.iter().map(|value| Chunk::width_max(value.len())).sum();
    if used + more > packed.capacity() {
        packed.reserve_exact(more + (used + more) / 16);
    }
}

impl Limits {
    /// Whether a small list stays one with these elements more.
    #[inline]
    fn fits_list(&self, packed: PackedRef<'_>, more: &[&[u8]]) -> bool {
        let elements = packed.len() + more.len();
        let bytes = more.iter().fold(packed.end(), |sum, value| sum + value.len());
        elements <= PackedRef::LEN_MAX && self.list_chunk_fits(elements, bytes)
    }

    /// The elements and bytes (of a listpack) with which a large list turns small: half of what a
    /// small one may have.
    fn list_small_again(&self) -> (usize, usize) {
        match usize::try_from(self.list_size) {
            Ok(elements) => (elements.max(1) / 2, self.list_chunk_bytes()),
            Err(_) => (PackedRef::LEN_MAX, self.list_chunk_bytes() / 2),
        }
    }
}

/// Builds a list from elements in order, however many.
#[derive(Default)]
pub struct ListBuilder {
    list: List,
    chunk: Packed,
}

impl ListBuilder {
    /// Adds an element at the tail.
    pub fn push(&mut self, value: &[u8]) {
        let used = self.chunk.as_ref().end();
        if !self.chunk.is_empty()
            && used + Chunk::width_max(value.len()) > super::chunk::CHUNK_BYTES
        {
            self.flush();
        }
        self.chunk.push_back(value);
    }

    /// Adds all elements of a small form at the tail.
    pub fn push_packed(&mut self, packed: Packed) {
        self.flush();
        self.list.push_packed(packed);
    }

    fn flush(&mut self) {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.shrink_to_fit();
        self.list.push_packed(chunk);
    }

    /// The list: small if that is within the limits.
    pub fn finish(mut self, limits: &Limits) -> ListValue {
        self.flush();
        let few = self.list.len() <= PackedRef::LEN_MAX;
        let bytes = self.list.packed_bytes(limits.list_chunk_bytes()).filter(|_| few);
        if bytes.is_some_and(|bytes| limits.list_chunk_fits(self.list.len(), bytes)) {
            ListValue::Packed(self.list.to_packed())
        } else {
            ListValue::Tree(Arc::new(self.list))
        }
    }
}
