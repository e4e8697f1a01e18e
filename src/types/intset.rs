//! The smallest form of a set: sorted integers of one width.
//!
//! ```text
//! width8  value value ...       width 2, 4 or 8 bytes; values little-endian, ascending
//! ```
//!
//! The width is the least that held every member so far; it never narrows. Trusted as the other
//! small forms are: broken bytes can panic, and nothing worse.

/// A set of integers where it lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IntSetRef<'a>(&'a [u8]);

/// Bytes before the first value.
const HEAD: usize = 1;
const EMPTY: &[u8] = &[2];

impl<'a> IntSetRef<'a> {
    /// Reads bytes that [`IntSetRef::bytes`] or [`IntSet`] gave. No bytes at all are taken as an
    /// empty set.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> IntSetRef<'a> {
        if bytes.is_empty() { IntSetRef(EMPTY) } else { IntSetRef(bytes) }
    }

    /// All bytes, the width included.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Bytes of each value: 2, 4 or 8.
    #[inline]
    pub fn width(self) -> usize {
        usize::from(self.0[0])
    }

    /// The values' bytes, as RDB files have them.
    pub fn values(self) -> &'a [u8] {
        &self.0[HEAD..]
    }

    /// How many members there are.
    #[inline]
    pub fn len(self) -> usize {
        (self.0.len() - HEAD) / self.width()
    }

    /// Whether there is no member.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.len() == HEAD
    }

    /// Whether `value` is a member.
    #[inline]
    pub fn contains(self, value: i64) -> bool {
        width_for(value) <= self.width() && self.search(value).is_ok()
    }

    /// Member number `index`, in order of size.
    #[inline]
    pub fn get(self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.value(index))
    }

    /// The members, in order of size.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + 'a {
        (0..self.len()).map(move |index| self.value(index))
    }

    #[inline]
    fn value(self, index: usize) -> i64 {
        let width = self.width();
        let bytes = &self.0[HEAD + index * width..][..width];
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(bytes);
        let unused = 64 - 8 * width as u32;
        (i64::from_le_bytes(wide) << unused) >> unused
    }

    /// The index of `value`, or where it belongs.
    fn search(self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.value(middle).cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// A copy that can be edited.
    pub fn to_int_set(self) -> IntSet {
        IntSet(self.0.to_vec())
    }
}

impl std::fmt::Debug for IntSetRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A set of integers that can be edited.
#[derive(Clone, PartialEq, Eq)]
pub struct IntSet(Vec<u8>);

impl Default for IntSet {
    fn default() -> IntSet {
        IntSet::new()
    }
}

impl IntSet {
    /// One without members.
    pub fn new() -> IntSet {
        IntSet(EMPTY.to_vec())
    }

    /// Takes over bytes that [`IntSetRef::bytes`] or [`IntSet::into_vec`] gave.
    pub fn from_vec(bytes: Vec<u8>) -> IntSet {
        if bytes.is_empty() { IntSet::new() } else { IntSet(bytes) }
    }

    /// Takes values of a width of 2, 4 or 8 bytes that came from outside; none unless they are
    /// complete and ascend.
    pub fn from_values(width: usize, values: &[u8]) -> Option<IntSet> {
        if !matches!(width, 2 | 4 | 8) || !values.len().is_multiple_of(width) {
            return None;
        }
        let mut bytes = Vec::with_capacity(HEAD + values.len());
        bytes.push(width as u8);
        bytes.extend_from_slice(values);
        let set = IntSet(bytes);
        let ascending = set.as_ref().iter().is_sorted_by(|a, b| a < b);
        ascending.then_some(set)
    }

    /// All bytes, the width included.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// Everything that can be read.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "a view by value, which AsRef cannot give")]
    pub fn as_ref(&self) -> IntSetRef<'_> {
        IntSetRef::new(&self.0)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Adds a member; false if it was there.
    pub fn insert(&mut self, value: i64) -> bool {
        if width_for(value) > self.as_ref().width() {
            self.widen(width_for(value));
        }
        let Err(index) = self.as_ref().search(value) else { return false };
        let width = self.as_ref().width();
        let (at, end) = (HEAD + index * width, self.0.len());
        self.0.resize(end + width, 0);
        self.0.copy_within(at..end, at + width);
        self.0[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        true
    }

    /// Takes a member out; false if it was not there.
    pub fn remove(&mut self, value: i64) -> bool {
        if width_for(value) > self.as_ref().width() {
            return false;
        }
        let Ok(index) = self.as_ref().search(value) else { return false };
        let width = self.as_ref().width();
        let at = HEAD + index * width;
        self.0.drain(at..at + width);
        true
    }

    fn widen(&mut self, width: usize) {
        let old = self.as_ref();
        let mut bytes = Vec::with_capacity(HEAD + (old.len() + 1) * width);
        bytes.push(width as u8);
        for value in old.iter() {
            bytes.extend_from_slice(&value.to_le_bytes()[..width]);
        }
        self.0 = bytes;
    }
}

impl FromIterator<i64> for IntSet {
    fn from_iter<I: IntoIterator<Item = i64>>(values: I) -> IntSet {
        let mut values: Vec<i64> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        let ends = [values.first(), values.last()];
        let width = ends.into_iter().flatten().map(|end| width_for(*end)).max().unwrap_or(2);
        let mut bytes = Vec::with_capacity(HEAD + values.len() * width);
        bytes.push(width as u8);
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes()[..width]);
        }
        IntSet(bytes)
    }
}

impl std::fmt::Debug for IntSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_ref().fmt(f)
    }
}

#[inline]
fn width_for(value: i64) -> usize {
    if i64::from(value as i16) == value {
        2
    } else if i64::from(value as i32) == value {
        4
    } else {
        8
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_from_outside() {
        assert!(IntSet::from_values(2, &[1, 0, 2, 0]).is_some());
        assert!(IntSet::from_values(2, &[2, 0, 2, 0]).is_none(), "a member twice");
        assert!(IntSet::from_values(2, &[2, 0, 1, 0]).is_none(), "not in order");
        assert!(IntSet::from_values(2, &[2, 0, 3]).is_none(), "half a value");
        assert!(IntSet::from_values(3, &[2, 0, 3]).is_none());
        assert!(IntSet::from_values(2, &[0xFF, 0xFF, 1, 0]).is_some(), "-1 and 1");
    }

    fn value() -> impl Strategy<Value = i64> {
        prop_oneof![-20i64..20, -40_000i64..40_000, any::<i32>().prop_map(i64::from), any::<i64>()]
    }

    proptest! {
        #[test]
        fn as_a_set(edits in proptest::collection::vec((any::<bool>(), value()), 0..200)) {
            let (mut set, mut twin) = (IntSet::new(), BTreeSet::new());
            for (insert, value) in edits {
                if insert {
                    prop_assert_eq!(set.insert(value), twin.insert(value));
                } else {
                    prop_assert_eq!(set.remove(value), twin.remove(&value));
                }
                prop_assert_eq!(set.as_ref().contains(value), insert);
            }
            prop_assert!(set.as_ref().iter().eq(twin.iter().copied()));
            prop_assert!(set.as_ref().iter().rev().eq(twin.iter().rev().copied()));
            prop_assert_eq!(set.len(), twin.len());
            prop_assert_eq!(set.as_ref().get(0), twin.first().copied());
            prop_assert_eq!(set.as_ref().get(twin.len()), None);
            let again: IntSet = twin.iter().copied().collect();
            prop_assert!(again.as_ref().iter().eq(twin.iter().copied()));
            prop_assert!(again.as_ref().width() <= set.as_ref().width());
            let taken = IntSet::from_values(set.as_ref().width(), set.as_ref().values());
            prop_assert_eq!(taken, Some(set));
        }
    }
}
