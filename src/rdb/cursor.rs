//! A position in bytes of which more may come. Every read either gives what was asked for, borrowed
//! from those bytes, or says how many bytes are missing.

use super::error::{Corrupt, Fault, LoadError};

/// Reads `bytes` from the front.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where in the file `bytes` begins.
    base: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], base: u64) -> Cursor<'a> {
        Cursor { bytes, at: 0, base }
    }

    /// How many of the bytes have been read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Where in the file the next byte is.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next `count` bytes.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], Fault> {
        let rest = self.rest();
        let available = rest.len() as u64;
        match usize::try_from(count).ok().and_then(|count| rest.split_at_checked(count)) {
            Some((taken, _)) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(Fault::Short(count - available)),
        }
    }

    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.rest().first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(Fault::Short(N as u64 - self.rest().len() as u64)),
        }
    }

    #[inline(always)]
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// An error at `offset`.
    #[cold]
    pub(super) fn corrupt(
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Fault {
        Corrupt { offset, expected: expected.into(), found: found.into() }.into()
    }

    /// An error about something that this reader does not decode, at `offset`.
    #[cold]
    pub(super) fn unsupported(offset: u64, what: impl Into<String>) -> Fault {
        LoadError::Unsupported { offset, what: what.into() }.into()
    }
}
