//! An element of a collection as it is found: bytes, or an integer that stands for its text.

use std::borrow::Cow;
use std::cmp::Ordering;

/// An element: a list's, a set's or sorted set's member, a hash's field or value.
#[derive(Clone, Copy)]
pub enum Element<'a> {
    /// An integer; the element is its decimal text.
    Int(i64),
    /// Bytes. They may be an integer's text all the same.
    Bytes(&'a [u8]),
}

impl<'a> Element<'a> {
    /// The element that has this text, as a small form gives it: an integer if it is exactly one's
    /// text.
    pub fn parse(text: &'a [u8]) -> Self {
        super::entry::as_integer(text).map_or(Element::Bytes(text), Element::Int)
    }

    /// Whether it is these bytes.
    #[inline]
    pub fn is(&self, bytes: &[u8]) -> bool {
        match self {
            Element::Int(value) => itoa::Buffer::new().format(*value).as_bytes() == bytes,
            Element::Bytes(own) => *own == bytes,
        }
    }

    /// Its length in bytes, as text.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Element::Int(value) => itoa::Buffer::new().format(*value).len(),
            Element::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether it is the empty string.
    #[inline]
    pub fn is_empty(&self) -> bool {
        matches!(self, Element::Bytes(bytes) if bytes.is_empty())
    }

    /// Appends its text.
    #[inline]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        self.with(|bytes| out.extend_from_slice(bytes));
    }

    /// Its text, copied.
    pub fn to_vec(&self) -> Vec<u8> {
        self.with(<[u8]>::to_vec)
    }

    /// Its text; copied only if it is an integer.
    pub fn cow(&self) -> Cow<'a, [u8]> {
        match *self {
            Element::Int(_) => Cow::Owned(self.to_vec()),
            Element::Bytes(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// Runs `f` on its text, which lies on the stack if it is an integer.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Element::Int(value) => f(itoa::Buffer::new().format(*value).as_bytes()),
            Element::Bytes(bytes) => f(bytes),
        }
    }

    /// The integer that it is, by Redis' strict rule.
    #[inline]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Element::Int(value) => Some(*value),
            Element::Bytes(bytes) => super::entry::as_integer(bytes),
        }
    }

    /// Its text compared with bytes, as `memcmp` does.
    #[inline]
    pub fn compare(&self, bytes: &[u8]) -> Ordering {
        self.with(|own| own.cmp(bytes))
    }
}

impl<'a> From<&'a [u8]> for Element<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Element::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Element<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Element::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Element<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Element::Bytes(bytes)
    }
}

impl From<i64> for Element<'_> {
    fn from(value: i64) -> Self {
        Element::Int(value)
    }
}

/// By text: an integer is equal to the bytes of its digits.
impl PartialEq for Element<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Element::Int(a), Element::Int(b)) => a == b,
            (Element::Bytes(bytes), element) | (element, Element::Bytes(bytes)) => {
                element.is(bytes)
            }
        }
    }
}

impl Eq for Element<'_> {}

impl std::fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Element::Int(value) => write!(f, "{value}"),
            Element::Bytes(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
        }
    }
}
