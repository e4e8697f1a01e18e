//! The part of the input that is in memory, and the unit of reading from it.

use std::io::Read;

use super::super::cursor::Cursor;
use super::super::error::{Fault, LoadError};
use super::super::reader::{State, cut_short};

/// Bytes read at a time, and held unless a string is longer.
const WINDOW_BYTES: usize = 256 << 10;

/// Bytes of the input, read as they are needed. Those that were used are summed.
pub(super) struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    /// Up to here they are used.
    at: usize,
    /// Up to here they are summed.
    summed: usize,
    /// Where in the input `bytes` begins.
    base: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Window<R> {
        Window { input, bytes: Vec::new(), at: 0, summed: 0, base: 0 }
    }

    /// Where in the input the next byte is.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The bytes that are in memory and not used.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Uses `count` bytes of [`Window::rest`].
    pub(super) fn skip(&mut self, count: usize) {
        self.at += count.min(self.rest().len());
    }

    /// Sums what was used, but for the last `behind` bytes, which are never summed.
    pub(super) fn sum_but(&mut self, behind: usize, state: &mut State) {
        state.sum(&self.bytes, self.summed, self.at.saturating_sub(behind));
        self.summed = self.at;
    }

    /// Gets at least `missing` more bytes (one, if 0); the error says that there are not so many.
    pub(super) fn fill(&mut self, missing: u64, state: &mut State) -> Result<(), LoadError> {
        if self.read(missing.max(1), state)? { Ok(()) } else { Err(self.ended(missing)) }
    }

    fn ended(&self, missing: u64) -> LoadError {
        cut_short(self.base + self.bytes.len() as u64, missing.max(1))
    }

    /// Whether nothing is left, neither here nor in the input.
    pub(super) fn at_end(&mut self, state: &mut State) -> Result<bool, LoadError> {
        Ok(self.rest().is_empty() && !self.read(1, state)?)
    }

    /// Gets at least `missing` more bytes. Answers whether there were so many. Memory is taken for
    /// what has arrived, at most twice over, whatever was announced.
    fn read(&mut self, missing: u64, state: &mut State) -> Result<bool, LoadError> {
        self.sum_but(0, state);
        self.bytes.drain(..self.at);
        self.base += self.at as u64;
        (self.at, self.summed) = (0, 0);
        if self.bytes.capacity() > 4 * WINDOW_BYTES && self.bytes.len() < WINDOW_BYTES {
            self.bytes.shrink_to(WINDOW_BYTES);
        }
        let enough = (self.bytes.len() as u64).saturating_add(missing);
        while (self.bytes.len() as u64) < enough {
            let before = self.bytes.len();
            let room = WINDOW_BYTES.saturating_sub(before).max(WINDOW_BYTES / 2);
            self.bytes.reserve(room);
            let read = (&mut self.input).take(room as u64).read_to_end(&mut self.bytes)?;
            if read == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs `read` on the unused bytes until it has all that it needs, and uses what it has read.
    /// It hands nothing on before it has read its last byte, since it may have to begin again.
    #[inline]
    pub(super) fn unit<T>(
        &mut self,
        state: &mut State,
        mut read: impl FnMut(&mut State, &mut Cursor<'_>) -> Result<T, Fault>,
    ) -> Result<T, LoadError> {
        loop {
            let mut cursor = Cursor::new(self.rest(), self.offset());
            match read(state, &mut cursor) {
                Ok(value) => {
                    self.at += cursor.position();
                    return Ok(value);
                }
                Err(Fault::Short(missing)) => self.fill(missing, state)?,
                Err(Fault::Final(error)) => return Err(error),
            }
        }
    }

    /// As [`Window::unit`], `count` times.
    #[inline]
    pub(super) fn units(
        &mut self,
        state: &mut State,
        count: u64,
        mut read: impl FnMut(&mut Cursor<'_>) -> Result<(), Fault>,
    ) -> Result<(), LoadError> {
        let mut left = count;
        while left > 0 {
            let mut cursor = Cursor::new(self.rest(), self.offset());
            let mut done = 0;
            let stopped = loop {
                match read(&mut cursor) {
                    Ok(()) => {
                        done = cursor.position();
                        left -= 1;
                        if left == 0 {
                            break None;
                        }
                    }
                    Err(fault) => break Some(fault),
                }
            };
            self.at += done;
            match stopped {
                None => {}
                Some(Fault::Short(missing)) => self.fill(missing, state)?,
                Some(Fault::Final(error)) => return Err(error),
            }
        }
        Ok(())
    }
}
