//! Why a file was not loaded.

use std::io;

/// The bytes are not what the format demands at this place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: expected {expected}, found {found}")]
pub struct Corrupt {
    /// Bytes from the start of the file, or of the DUMP payload.
    pub offset: u64,
    /// What the format demands there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// What a [`Sink`](super::Sink) answers when it does not take what was read (a database number out
/// of range, a key twice, memory); the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Why loading stopped. What the sink received before that is incomplete and must be discarded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is damaged, or not an RDB file.
    #[error("{0}")]
    Corrupt(#[from] Corrupt),
    /// The file is intact as far as read, and holds something this reader does not decode.
    #[error("at byte {offset}: cannot load {what}")]
    Unsupported {
        /// Bytes from the start of the file to the opcode or value type.
        offset: u64,
        /// What it is; for a value its type number, name and key.
        what: String,
    },
    /// The sink did not take it.
    #[error("at byte {offset}: {reason}")]
    Refused {
        /// Bytes from the start of the file to behind what was offered.
        offset: u64,
        /// The sink's words.
        reason: Refused,
    },
    /// The stream failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What stops a parser of a prefix: the bytes it has run out, or something final.
#[derive(Debug)]
pub(super) enum Fault {
    /// At least this many more bytes are needed; not an error while more can come.
    Short(u64),
    /// More bytes would not help.
    Final(LoadError),
}

impl From<Corrupt> for Fault {
    fn from(corrupt: Corrupt) -> Fault {
        Fault::Final(LoadError::Corrupt(corrupt))
    }
}

impl From<LoadError> for Fault {
    fn from(error: LoadError) -> Fault {
        Fault::Final(error)
    }
}
