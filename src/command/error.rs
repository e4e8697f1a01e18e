//! What a command answers when it cannot: the display of an error *is* the wire text.

use crate::keyspace::WrongType;
use std::borrow::Cow;

/// An error reply. Its display is what follows the `-` on the wire, code first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A value of another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// Options that do not fit.
    #[error("ERR syntax error")]
    Syntax,
    /// An integer was wanted.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// A float was wanted.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// The key must exist.
    #[error("ERR no such key")]
    NoSuchKey,
    /// An index beyond a sequence or the databases.
    #[error("ERR index out of range")]
    IndexOutOfRange,
    /// A number of arguments that the command does not take; the name, with its container's before
    /// a `|`.
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    /// AUTH first.
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    /// Any other text, code first (`ERR ...`).
    #[error("{0}")]
    Text(Cow<'static, str>),
}

impl Error {
    /// An error with its whole wire text.
    pub const fn text(text: &'static str) -> Self {
        Error::Text(Cow::Borrowed(text))
    }

    /// An error with a text made for the occasion.
    pub fn owned(text: String) -> Self {
        Error::Text(Cow::Owned(text))
    }
}

impl From<WrongType> for Error {
    fn from(_: WrongType) -> Self {
        Error::WrongType
    }
}

/// What a handler returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Bytes of a request as Redis, whose texts are C strings, prints them into an error: up to the
/// first NUL byte.
pub fn c_text(bytes: &[u8]) -> Cow<'_, str> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default())
}
