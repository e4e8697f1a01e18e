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

/// At most this much of a client's own text comes back in an error (as in Redis).
const ECHOED_BYTES_MAX: usize = 128;

/// The error for a request whose first argument names no command.
#[cold]
pub fn unknown_command(arguments: &[&[u8]]) -> Error {
    let name = clipped(arguments.first().copied().unwrap_or_default(), ECHOED_BYTES_MAX);
    let mut rest = String::new();
    for argument in arguments.iter().skip(1) {
        if rest.len() >= ECHOED_BYTES_MAX {
            break;
        }
        let shown = clipped(argument, ECHOED_BYTES_MAX - rest.len());
        rest.push_str(&format!("'{shown}' "));
    }
    Error::owned(format!("ERR unknown command '{name}', with args beginning with: {rest}"))
}

/// The error for a second argument that names no subcommand of `container` (its name).
#[cold]
pub fn unknown_subcommand(container: &str, arguments: &[&[u8]]) -> Error {
    let name = clipped(arguments.get(1).copied().unwrap_or_default(), ECHOED_BYTES_MAX);
    let container = container.to_ascii_uppercase();
    Error::owned(format!("ERR unknown subcommand '{name}'. Try {container} HELP."))
}

fn clipped(text: &[u8], most: usize) -> String {
    c_text(&text[..text.len().min(most)]).into_owned()
}
