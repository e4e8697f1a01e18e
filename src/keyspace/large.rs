//! Large arguments that a round has brought along as values of their own, so that whoever keeps one
//! or records it does so without a copy.
//!
//! A copy of 256 MiB takes a tenth of a second, and under the engine's lock everybody waits for it.
//! So a worker copies the large arguments of string commands out of its buffer before it takes the
//! lock, and hands in requests whose arguments are slices of these copies. A change needs no type
//! of its own for that: an argument is an offered value if it is its very bytes, by address. The
//! log's tail shares the value until it is written; who changes it in place before that copies it.

use super::Keyspace;
use super::value::{Object, stored};
use crate::paged::NewValue;
use std::sync::Arc;

/// From this many bytes on an argument is offered as a value. Nothing shorter can be one, so that
/// the others cost one comparison. A frame of this length never lies in a worker's arena, which
/// takes this much of a socket.
pub const LARGE_BYTES: usize = 64 << 10;

/// The offered values.
#[derive(Default)]
pub struct Large(Vec<Arc<Vec<u8>>>);

impl Large {
    /// Whether nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The offered value that `bytes` are, if they are one.
    #[inline]
    pub fn find(&self, bytes: &[u8]) -> Option<&Arc<Vec<u8>>> {
        if bytes.len() < LARGE_BYTES { None } else { self.find_by_address(bytes) }
    }

    #[cold]
    fn find_by_address(&self, bytes: &[u8]) -> Option<&Arc<Vec<u8>>> {
        // They are borrowed, so nothing else has come to lie there since.
        self.0.iter().find(|value| std::ptr::eq(value.as_slice(), bytes))
    }
}

impl Keyspace {
    /// Offers values of at least [`LARGE_BYTES`] in place of those before. They are held until the
    /// next call.
    pub fn offer(&mut self, values: &[Arc<Vec<u8>>]) {
        self.large = Large(values.to_vec());
    }

    /// What is offered.
    #[inline]
    pub fn large(&self) -> &Large {
        &self.large
    }

    /// As [`stored`], without a copy of what was offered.
    #[inline]
    pub(super) fn stored<'a>(&self, bytes: &'a [u8]) -> NewValue<'a, Object> {
        match self.large.find(bytes) {
            Some(value) => NewValue::Object(Object::String(Arc::clone(value))),
            None => stored(bytes, false),
        }
    }
}
