//! A collection's element as a file holds it: borrowed where it lies there as it is.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use rapidhash::fast::RandomState;

use super::cursor::Cursor;
use super::error::Fault;
use super::string::Encoded;
use crate::types::packed::Element;

/// The longest element of a collection: small forms have 32 bits for its length. Requests are
/// shorter, but what is compressed can be 88 times as long as a request.
const ELEMENT_BYTES_MAX: u64 = u32::MAX as u64 - 64;

/// An element of a value that was read.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// An integer; the element is its decimal text.
    Int(i64),
    /// Bytes, of the file or (if they were compressed there) its own.
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Text<'a> {
    /// Reads a string.
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Text<'a>, Fault> {
        let offset = cursor.offset();
        let found = Encoded::read(cursor)?;
        let length = match found {
            Encoded::Int(integer) => return Ok(Text::Int(integer)),
            Encoded::Bytes(bytes) => bytes.len() as u64,
            Encoded::Lzf { length, .. } => length,
        };
        if length > ELEMENT_BYTES_MAX {
            let found = format!("one of {length} bytes");
            return Err(Cursor::corrupt(offset, "an element below 4 GiB", found));
        }
        Ok(Text::Bytes(found.owned()?))
    }

    /// An element of a small form, copied if it is bytes.
    pub(super) fn copied(element: Element<'_>) -> Text<'a> {
        match element {
            Element::Int(integer) => Text::Int(integer),
            Element::Bytes(bytes) => Text::Bytes(Cow::Owned(bytes.to_vec())),
        }
    }

    /// It as an element.
    #[inline]
    pub fn element(&self) -> Element<'_> {
        match self {
            Text::Int(integer) => Element::Int(*integer),
            Text::Bytes(bytes) => Element::Bytes(bytes),
        }
    }
}

/// Equal when they are the same text.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.element() == other.element()
    }
}

impl Eq for Text<'_> {}

/// Reads a string that holds a compact form.
pub(super) fn read_blob<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, [u8]>, Fault> {
    Encoded::read(cursor)?.owned()
}

/// So many elements are compared each with each: quicker than hashing them.
const FEW: usize = 16;

/// The first of `count` elements that is there for the second time.
pub(super) fn duplicate<'a>(
    count: usize,
    elements: impl Iterator<Item = Element<'a>> + Clone,
) -> Option<Element<'a>> {
    if count <= FEW {
        let all = elements.clone().enumerate();
        return all
            .filter(|(index, element)| elements.clone().take(*index).any(|other| other == *element))
            .map(|(_, element)| element)
            .next();
    }
    let mut seen = HashSet::with_hasher(RandomState::new());
    let mut elements = elements;
    elements.find(|element| !seen.insert(ByText(*element)))
}

/// An element hashed as its text, as it is compared.
#[derive(PartialEq, Eq)]
struct ByText<'a>(Element<'a>);

impl Hash for ByText<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.with(|bytes| bytes.hash(state));
    }
}

/// The error for an element that is there twice; `what` names the value, which stands at `offset`.
#[cold]
pub(super) fn twice(offset: u64, what: &str, element: Element<'_>) -> Fault {
    let text = element.cow();
    let shown = text.get(..64).unwrap_or(&text).escape_ascii();
    Cursor::corrupt(offset, format!("{what} of different elements"), format!("\"{shown}\" twice"))
}
