//! What can go wrong, by who must act.

use std::io;
use std::path::{Path, PathBuf};

use super::Lsn;

/// Any error of the code that replays records (the engine); shown to the operator with file and
/// offset.
pub type ReplayError = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that are not what was written there. Nothing is served from them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: offset {offset}: expected {expected}, found {found}", file.display())]
pub struct Corrupt {
    /// The damaged file.
    pub file: PathBuf,
    /// Bytes from the start of the file.
    pub offset: u64,
    /// What should be there.
    pub expected: String,
    /// What is.
    pub found: String,
}

/// Why a folder could not be recovered. Nothing on disk has been changed.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Damage at or below what is known to have been durable: see [`Corrupt`].
    #[error("the log is damaged: {0}")]
    Corrupt(#[from] Corrupt),
    /// A torn tail, and `aof-load-truncated no` forbids cutting it.
    #[error("the log ends unfinished, and aof-load-truncated is no: {0}")]
    Torn(Corrupt),
    /// The folder lacks a file, or has one that should not be there.
    #[error("{}: {problem}", file.display())]
    Folder {
        /// The file in question.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The bytes are intact, but the engine refused them.
    #[error("{}: offset {offset}: {source}", file.display())]
    Replay {
        /// The file.
        file: PathBuf,
        /// Where the record begins; 0 for an RDB file.
        offset: u64,
        /// The engine's reason.
        source: ReplayError,
    },
}

impl RecoverError {
    pub(super) fn io(file: &Path) -> impl FnOnce(io::Error) -> RecoverError + use<> {
        let file = file.to_path_buf();
        move |source| RecoverError::Io { file, source }
    }
}

/// A failed write or sync. The file is untrusted above `good`, is never synced again, and no write
/// is taken until [`super::Log::heal`] has begun a new one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} of {} failed: {error}; durable up to LSN {good}", file.display())]
pub struct Failed {
    /// What failed: "write", "sync", "roll".
    pub operation: &'static str,
    /// The file.
    pub file: PathBuf,
    /// The operating system's error, as text.
    pub error: String,
    /// Whether the disk was full.
    pub disk_full: bool,
    /// What had been synced.
    pub good: Lsn,
}

/// Why an operation on a running log was not done.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log has latched.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// A file operation failed; the log goes on as before.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// No segment begins at this LSN; [`super::Log::roll`] makes one.
    #[error("no segment begins at LSN {0}")]
    NoBoundary(Lsn),
    /// The log lies in memory only.
    #[error("the log has no files")]
    NoFiles,
}

impl LogError {
    /// The operating system's error, if it is one.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            LogError::Io { source, .. } => Some(source),
            _ => None,
        }
    }

    pub(super) fn io(file: &Path) -> impl FnOnce(io::Error) -> LogError + use<> {
        let file = file.to_path_buf();
        move |source| LogError::Io { file, source }
    }
}
