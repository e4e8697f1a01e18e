//! One call: the command and its arguments, where they lie in the worker's buffers.

use super::table::Resolved;
use super::{Error, Result, Sees};
use crate::base::number;
use crate::keyspace::Key;

/// A command with its arguments. Argument 0 is the name (1 the subcommand, if it has one).
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The table's entry.
    pub command: &'static Resolved,
    arguments: &'a [&'a [u8]],
    /// The hash of the first key, made when the request was parsed; `usize::MAX` as position if
    /// there is none.
    first_key: (usize, u64),
    seed: u64,
}

impl<'a> Call<'a> {
    /// A call whose first key was not hashed yet.
    pub fn new(command: &'static Resolved, arguments: &'a [&'a [u8]]) -> Self {
        Call { command, arguments, first_key: (usize::MAX, 0), seed: 0 }
    }

    /// A call whose first key stands at `position` and has `hash`.
    #[inline]
    pub fn hashed(
        command: &'static Resolved,
        arguments: &'a [&'a [u8]],
        position: usize,
        hash: u64,
    ) -> Self {
        Call { command, arguments, first_key: (position, hash), seed: 0 }
    }

    /// The same call with a seed for its choices. The engine gives each call of a round another
    /// one, from [`crate::base::rng`] and the call's place in the round.
    #[inline]
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Call { seed, ..self }
    }

    /// Where a handler's chance comes from (RANDOMKEY): the same seed, the same choice.
    #[inline]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// All arguments, the name included.
    #[inline]
    pub fn args(&self) -> &'a [&'a [u8]] {
        self.arguments
    }

    /// How many arguments there are, the name included.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a call has at least its name")]
    pub fn len(&self) -> usize {
        self.arguments.len()
    }

    /// Whether its reply shows data that none of its keys tells of: see [`Sees`].
    #[inline]
    pub fn sees_everything(&self) -> bool {
        match self.command.sees {
            Sees::Keys => false,
            Sees::Everything => true,
            Sees::EverythingIf(shows) => shows(self),
        }
    }

    /// One argument. The arity check has made sure of the required ones.
    ///
    /// # Panics
    /// If there are not so many: the handler's arity or its own count check is wrong.
    #[inline]
    pub fn arg(&self, index: usize) -> &'a [u8] {
        self.arguments[index]
    }

    /// One argument, if it is there.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.arguments.get(index).copied()
    }

    /// One argument as a key, hashed once.
    #[inline]
    pub fn key(&self, index: usize) -> Key<'a> {
        let bytes = self.arguments[index];
        if self.first_key.0 == index {
            Key { bytes, hash: self.first_key.1 }
        } else {
            Key::new(bytes)
        }
    }

    /// One argument as an integer, or Redis' error.
    pub fn int(&self, index: usize) -> Result<i64> {
        number::parse_i64(self.arg(index)).ok_or(Error::NotInteger)
    }

    /// Whether an argument is this option, in any case. `option` is upper-case.
    #[inline]
    pub fn is(&self, index: usize, option: &str) -> bool {
        self.get(index).is_some_and(|argument| argument.eq_ignore_ascii_case(option.as_bytes()))
    }
}
