//! Editing the small form.

use super::entry::{self, Needle};
use super::{Element, PackedRef};

/// A small form that can be edited. Positions are as in [`PackedRef`].
///
/// Elements are given as bytes or integers; bytes that are an integer's text become the integer.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed(Vec<u8>);

impl Default for Packed {
    fn default() -> Packed {
        Packed::new()
    }
}

impl Packed {
    /// One without entries.
    pub fn new() -> Packed {
        Packed(vec![0, 0])
    }

    /// One without entries and with room for `bytes` bytes of them.
    pub fn with_capacity(bytes: usize) -> Packed {
        let mut all = Vec::with_capacity(PackedRef::START + bytes);
        all.extend_from_slice(&[0, 0]);
        Packed(all)
    }

    /// Takes over bytes that [`PackedRef::bytes`] or [`Packed::into_vec`] gave.
    pub fn from_vec(bytes: Vec<u8>) -> Packed {
        if bytes.is_empty() { Packed::new() } else { Packed(bytes) }
    }

    /// All bytes, the count included.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// Bytes that its block takes.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Makes room for so many bytes more, and not beyond.
    pub fn reserve_exact(&mut self, bytes: usize) {
        self.0.reserve_exact(bytes);
    }

    /// Everything that can be read.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "a view by value, which AsRef cannot give")]
    pub fn as_ref(&self) -> PackedRef<'_> {
        PackedRef::new(&self.0)
    }

    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is no entry.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Adds an element at the end.
    #[inline]
    pub fn push_back<'e>(&mut self, element: impl Into<Element<'e>>) {
        Needle::new(element.into()).append_to(&mut self.0);
        self.count(1);
    }

    /// Adds an element at the front.
    #[inline]
    pub fn push_front<'e>(&mut self, element: impl Into<Element<'e>>) {
        self.insert(PackedRef::START, element);
    }

    /// Adds an element before the entry at `position`, or at the end.
    #[inline]
    pub fn insert<'e>(&mut self, position: usize, element: impl Into<Element<'e>>) {
        let needle = Needle::new(element.into());
        needle.write(self.gap(position, 0, needle.width()));
        self.count(1);
    }

    /// Adds two elements before the entry at `position`, or at the end.
    pub fn insert_pair<'e>(
        &mut self,
        position: usize,
        first: impl Into<Element<'e>>,
        second: impl Into<Element<'e>>,
    ) {
        let (first, second) = (Needle::new(first.into()), Needle::new(second.into()));
        let gap = self.gap(position, 0, first.width() + second.width());
        let (front, back) = gap.split_at_mut(first.width());
        first.write(front);
        second.write(back);
        self.count(2);
    }

    /// Puts an element in the place of the entry at `position`.
    #[inline]
    pub fn replace<'e>(&mut self, position: usize, element: impl Into<Element<'e>>) {
        let old = entry::after(&self.0, position) - position;
        let needle = Needle::new(element.into());
        needle.write(self.gap(position, old, needle.width()));
    }

    /// Removes up to `count` entries from `position` on; answers how many there were.
    pub fn remove(&mut self, position: usize, count: usize) -> usize {
        let (mut end, mut removed) = (position, 0);
        while removed < count && end < self.0.len() {
            end = entry::after(&self.0, end);
            removed += 1;
        }
        if end == self.0.len() {
            self.0.truncate(position);
        } else {
            self.0.drain(position..end);
        }
        self.discount(removed);
        removed
    }

    /// Adds all elements of another one.
    ///
    /// # Panics
    ///
    /// If they would be more than [`PackedRef::LEN_MAX`]; so do all editing functions.
    pub fn append(&mut self, other: PackedRef<'_>) {
        self.0.extend_from_slice(other.entries());
        self.count(other.len());
    }

    /// Keeps the first `index` elements, and answers the others.
    pub fn split_off(&mut self, index: usize) -> Packed {
        let position = self.as_ref().position(index);
        let moved = self.len().saturating_sub(index);
        let mut other = Packed::with_capacity(self.0.len() - position);
        other.0.extend_from_slice(&self.0[position..]);
        other.count(moved);
        self.0.truncate(position);
        self.discount(moved);
        other
    }

    /// Keeps the elements that `f` says yes to; answers how many it removed.
    pub fn retain(&mut self, mut f: impl FnMut(Element<'_>) -> bool) -> usize {
        let (mut read, mut write, mut removed) = (PackedRef::START, PackedRef::START, 0);
        while read < self.0.len() {
            let next = entry::after(&self.0, read);
            if f(entry::element(&self.0, read)) {
                if write < read {
                    self.0.copy_within(read..next, write);
                }
                write += next - read;
            } else {
                removed += 1;
            }
            read = next;
        }
        self.0.truncate(write);
        self.discount(removed);
        removed
    }

    /// Gives back room that is not needed.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Makes the `old` bytes at `position` `new` bytes, whose content is to be written.
    #[inline]
    fn gap(&mut self, position: usize, old: usize, new: usize) -> &mut [u8] {
        let end = self.0.len();
        if new > old {
            self.0.resize(end + new - old, 0);
        }
        if new != old {
            self.0.copy_within(position + old..end, position + new);
            self.0.truncate(end + new - old);
        }
        &mut self.0[position..position + new]
    }

    #[inline]
    pub(super) fn count(&mut self, added: usize) {
        let len = self.len() + added;
        assert!(len <= PackedRef::LEN_MAX, "a small form of {len} entries");
        self.0[..2].copy_from_slice(&(len as u16).to_le_bytes());
    }

    #[inline]
    fn discount(&mut self, removed: usize) {
        let len = self.len().saturating_sub(removed);
        self.0[..2].copy_from_slice(&(len as u16).to_le_bytes());
    }

    /// Takes so many entries as they are.
    pub(super) fn verbatim(entries: &[u8], count: usize) -> Packed {
        let mut packed = Packed::with_capacity(entries.len());
        packed.0.extend_from_slice(entries);
        packed.count(count);
        packed
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl<'e, E: Into<Element<'e>>> FromIterator<E> for Packed {
    fn from_iter<I: IntoIterator<Item = E>>(elements: I) -> Packed {
        let mut packed = Packed::new();
        elements.into_iter().for_each(|element| packed.push_back(element));
        packed
    }
}
