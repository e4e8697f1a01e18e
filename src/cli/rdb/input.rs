//! Files that tools read: through, with a bar that says how far.

use crate::base::disk::plain;
use crate::cli::tool::{Failure, Progress};
use crate::rdb::visit::{self, Visitor};
use crate::rdb::{LoadError, LoadOptions, Modules, Summary};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes read at a time where lines are looked for.
const BUFFER_BYTES: usize = 256 << 10;

/// A file that was opened.
pub struct Input {
    name: PathBuf,
    reader: Counted,
}

/// Counts bytes as they pass.
struct Counted {
    from: Box<dyn Read>,
    done: u64,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.done += read as u64;
        self.progress.set(self.done);
        Ok(read)
    }
}

/// Opens a file; `-` is the standard input.
pub fn file(name: &Path) -> Result<Input, Failure> {
    let (from, bytes): (Box<dyn Read>, u64) = if name == Path::new("-") {
        (Box::new(io::stdin().lock()), 0)
    } else {
        let (file, bytes) = plain::input(name).map_err(Failure::about(name.display()))?;
        (Box::new(file), bytes)
    };
    let progress = Progress::bytes(bytes, "reading");
    Ok(Input { name: name.to_owned(), reader: Counted { from, done: 0, progress } })
}

/// Reads an RDB file in pieces. What is not understood is left out if it can be.
pub fn visit(input: impl Read, visitor: &mut dyn Visitor) -> Result<Summary, LoadError> {
    let options = LoadOptions { modules: Modules::Skip, ..LoadOptions::default() };
    visit::file(input, &options, visitor)
}

impl Input {
    /// Reads it as an RDB file.
    pub fn read(self, visitor: &mut dyn Visitor) -> Result<Summary, Failure> {
        let Input { name, reader } = self;
        visit(reader, visitor).map_err(Failure::about(name.display()))
    }

    /// Reads it as an RDB file, or as lines of JSON, whichever it is.
    pub fn read_any(self, visitor: &mut dyn Visitor) -> Result<(), Failure> {
        let Input { name, reader } = self;
        let (begin, reader) = begin_of(reader).map_err(Failure::about(name.display()))?;
        let is_rdb = crate::rdb::is_rdb(&begin);
        let reader = BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(begin).chain(reader));
        if is_rdb {
            return visit(reader, visitor).map(drop).map_err(Failure::about(name.display()));
        }
        super::jsonl::read(reader, visitor).map_err(Failure::about(name.display()))
    }
}

/// Bytes that tell what a file is.
const BEGIN_BYTES: u64 = 16;

/// The first bytes of an input, though a pipe may give them one at a time; and the input behind
/// them.
fn begin_of<R: Read>(mut input: R) -> io::Result<(Vec<u8>, R)> {
    let mut begin = Vec::new();
    input.by_ref().take(BEGIN_BYTES).read_to_end(&mut begin)?;
    Ok((begin, input))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time.
    struct Drip<'b>(&'b [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    #[test]
    fn the_beginning_of_a_slow_pipe() {
        for bytes in [&b"REDIS0011\xff and what follows behind it"[..], b"REDIS0", b"{}", b""] {
            let (mut begin, mut rest) = begin_of(Drip(bytes)).unwrap();
            assert_eq!(begin.len(), bytes.len().min(BEGIN_BYTES as usize));
            rest.read_to_end(&mut begin).unwrap();
            assert_eq!(begin, bytes);
        }
    }
}
