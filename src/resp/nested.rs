//! A reply of arrays in arrays that is bytes already: what XRANGE answers, without a tree of
//! [`Reply`] between the entries and the socket.

use std::sync::Arc;

use super::encode;
use super::number::length;
use super::reply::Reply;

/// An array of strings and arrays (of the same, some levels deep), as it goes out but for its own
/// header. Both are encoded the same in RESP2 and RESP3.
#[derive(Clone, Debug, PartialEq)]
pub struct Nested {
    count: usize,
    encoded: Arc<Vec<u8>>,
}

impl Nested {
    /// How many elements the outermost array has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the outermost array has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The elements as they go out.
    pub(super) fn encoded(&self) -> &Arc<Vec<u8>> {
        &self.encoded
    }

    /// The elements, for a script that called the command.
    pub fn iter(&self) -> impl Iterator<Item = Reply<'_>> {
        let mut rest = self.encoded.as_slice();
        std::iter::from_fn(move || element(&mut rest))
    }
}

/// Reads a string or an array, and moves `rest` behind it.
fn element<'a>(rest: &mut &'a [u8]) -> Option<Reply<'a>> {
    let (marker, line) = rest.split_first()?;
    let (len, used) = length(line)?;
    *rest = line.get(used..)?;
    if *marker == b'*' {
        return (0..len).map(|_| element(rest)).collect::<Option<_>>().map(Reply::Array);
    }
    let value = rest.get(..len)?;
    *rest = rest.get(len + 2..)?;
    Some(Reply::Bulk(value))
}

/// Collects a [`Nested`].
#[derive(Debug, Default)]
pub struct NestedBuilder {
    encoded: Vec<u8>,
}

impl NestedBuilder {
    /// An empty one, with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        NestedBuilder { encoded: Vec::with_capacity(bytes) }
    }

    /// Adds a string.
    #[inline]
    pub fn string(&mut self, value: &[u8]) {
        encode::write_bulk(&mut self.encoded, value);
    }

    /// Adds an array, whose `len` elements are what is added next.
    #[inline]
    pub fn array(&mut self, len: usize) {
        encode::write_array_header(&mut self.encoded, len);
    }

    /// The reply: an array of `count` elements, those that were added outside the arrays in it.
    pub fn finish(self, count: usize) -> Reply<'static> {
        let nested = Nested { count, encoded: Arc::new(self.encoded) };
        debug_assert_eq!(nested.iter().count(), count, "elements added outside arrays");
        Reply::Nested(nested)
    }
}
