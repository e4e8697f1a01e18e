//! Elements of collections as replies, and as members of a set or map that a command builds.

use crate::resp::{BulksBuilder, Reply};
use crate::types::packed::Element;
use rapidhash::fast::RandomState;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// An element as a reply, from where it lies.
#[inline]
pub(super) fn borrowed(element: Element<'_>) -> Reply<'_> {
    match element {
        Element::Int(number) => Reply::BulkInt(number),
        Element::Bytes(bytes) => Reply::Bulk(bytes),
    }
}

/// An element as a reply that outlives a change of its collection.
#[inline]
pub(super) fn kept(element: Element<'_>) -> Reply<'static> {
    match element {
        Element::Int(number) => Reply::BulkInt(number),
        Element::Bytes(bytes) => Reply::from_vec(bytes.to_vec()),
    }
}

/// Adds an element to a reply of many.
#[inline]
pub(super) fn push(to: &mut BulksBuilder, element: Element<'_>) {
    match element {
        Element::Int(number) => to.push_int(number),
        Element::Bytes(bytes) => to.push(bytes),
    }
}

/// Elements, each once, by their texts: an integer is the same as its digits. The hash has a random
/// seed, since the texts are the clients'.
pub(super) type ElementSet<'a> = HashSet<Cow<'a, [u8]>, RandomState>;

/// Elements with a value each, as in [`ElementSet`].
pub(super) type ElementMap<'a, V> = HashMap<Cow<'a, [u8]>, V, RandomState>;
