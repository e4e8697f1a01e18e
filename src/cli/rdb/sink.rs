//! Where text goes: a buffer that is written when it is full.

use crate::rdb::Refused;
use std::io::{self, Write};

/// Bytes gathered before they are written.
const FULL_BYTES: usize = 128 << 10;

/// Text on its way.
pub struct Sink<'w> {
    /// What is to be written: append to it, then call [`Sink::spill`].
    pub text: Vec<u8>,
    to: &'w mut dyn Write,
    failed: Option<io::Error>,
}

impl<'w> Sink<'w> {
    /// A sink that writes to `to`.
    pub fn new(to: &'w mut dyn Write) -> Sink<'w> {
        Sink { text: Vec::with_capacity(2 * FULL_BYTES), to, failed: None }
    }

    /// Writes the text if it is much. A visitor passes the refusal on; [`Sink::failure`] has the
    /// error itself.
    #[inline]
    pub fn spill(&mut self) -> Result<(), Refused> {
        if self.text.len() < FULL_BYTES { Ok(()) } else { self.write() }
    }

    #[cold]
    fn write(&mut self) -> Result<(), Refused> {
        let written = self.to.write_all(&self.text);
        self.text.clear();
        self.text.shrink_to(4 * FULL_BYTES);
        written.map_err(|error| {
            let refused = Refused(format!("cannot write: {error}"));
            self.failed = Some(error);
            refused
        })
    }

    /// Writes the rest.
    pub fn finish(&mut self) -> Result<(), Refused> {
        self.write()?;
        let flushed = self.to.flush();
        flushed.map_err(|error| {
            let refused = Refused(format!("cannot write: {error}"));
            self.failed = Some(error);
            refused
        })
    }

    /// The error that a write ended with.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }
}
