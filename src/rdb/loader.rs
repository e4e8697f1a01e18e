//! Loading from a stream: what belongs to an unfinished step is kept until the rest has arrived.

use std::io::{ErrorKind, Read};

use super::error::LoadError;
use super::extent::Extent;
use super::reader::{LoadOptions, Ran, Sink, State, Summary, cut_short};
use crate::base::limits::GROW_STEP_BYTES;

/// Loads a file from a stream. Gives back, too, the bytes that were read from it beyond the file's
/// end. Reads what is there, and never waits for bytes behind the end.
pub fn load_stream(
    source: &mut dyn Read,
    options: &LoadOptions,
    sink: &mut dyn Sink,
) -> Result<(Summary, Vec<u8>), LoadError> {
    let mut loader = Loader::new(*options);
    let mut piece = vec![0; GROW_STEP_BYTES / 4];
    loop {
        let count = match source.read(&mut piece) {
            Ok(0) => return Err(loader.ended_early()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let bytes = piece.get(..count).unwrap_or_default();
        if let Fed::Ended { summary, used } = loader.feed(bytes, sink)? {
            return Ok((summary, bytes.get(used..).unwrap_or_default().to_vec()));
        }
    }
}

/// What [`Loader::feed`] did with its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// All taken; the file goes on.
    More,
    /// The file has ended.
    Ended {
        /// What was loaded, from the first feed on.
        summary: Summary,
        /// How many of this feed's bytes belong to the file.
        used: usize,
    },
}

/// Loads a file that arrives in pieces of any size, such as a primary's snapshot on a socket. Holds
/// at most one step (a key with its value) and takes memory only for bytes that have arrived.
pub struct Loader {
    state: State,
    /// The bytes of the unfinished step.
    kept: Vec<u8>,
    /// Where in the file `kept` begins.
    base: u64,
    /// How many bytes the unfinished step lacks at least.
    missing: u64,
    /// How far the unfinished step has been walked over, if it is a key.
    extent: Option<Extent>,
}

impl Loader {
    /// A loader at the start of a file.
    pub fn new(options: LoadOptions) -> Loader {
        Loader { state: State::new(options), kept: Vec::new(), base: 0, missing: 0, extent: None }
    }

    /// Takes the next bytes of the stream. Not to be called again after [`Fed::Ended`] or an error.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<Fed, LoadError> {
        if self.kept.is_empty() {
            let ran = self.state.run(bytes, self.base, sink)?;
            if let Ran::Short { consumed, .. } = ran {
                self.kept.extend_from_slice(bytes.get(consumed..).unwrap_or_default());
            }
            return Ok(self.note(ran, 0));
        }
        let before = self.kept.len();
        self.kept.extend_from_slice(bytes);
        let arrived = bytes.len() as u64;
        if arrived < self.missing {
            self.missing -= arrived;
            return Ok(Fed::More);
        }
        // A long value is walked over piece by piece, and decoded when it is complete.
        let flavor = self.state.flavor();
        self.extent = self.extent.take().or_else(|| Extent::of(&self.kept, flavor?));
        if let Some(extent) = &mut self.extent {
            self.missing = extent.walk(&self.kept);
            if self.missing > 0 {
                return Ok(Fed::More);
            }
        }
        let ran = self.state.run(&self.kept, self.base, sink)?;
        if let Ran::Short { consumed, .. } = ran {
            self.kept.drain(..consumed);
            self.kept.shrink_to(GROW_STEP_BYTES.max(self.kept.len()));
        }
        Ok(self.note(ran, before))
    }

    /// Moves on by what a run did, in which `before` bytes were those of earlier feeds.
    fn note(&mut self, ran: Ran, before: usize) -> Fed {
        self.extent = None;
        match ran {
            Ran::Short { consumed, missing } => {
                self.base += consumed as u64;
                self.missing = missing;
                Fed::More
            }
            Ran::Ended(summary) => {
                let used = (summary.consumed - self.base) as usize - before;
                Fed::Ended { summary, used }
            }
        }
    }

    /// The error that it is if no more bytes come now.
    pub fn ended_early(&self) -> LoadError {
        cut_short(self.base + self.kept.len() as u64, self.missing.max(1))
    }
}
