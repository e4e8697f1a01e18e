//! The request parser: frames found in a receive buffer, without copying.
//!
//! A frame is `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n` (multibulk) or a line of words (inline). [`parse`]
//! is for the usual case, a whole frame in the buffer. Where it answers [`Parsed::Partial`], the
//! connection keeps the bytes in a buffer of its own and goes on with a [`Resume`], which does not
//! start over: a frame that arrives in n pieces costs its length plus n, not their product.
//!
//! How a stream is cut into pieces never changes what it means. So limits on lines are counted from
//! the line's start, not, as in Redis, from what happened to be read.

use std::ops::Range;

use super::inline;
use super::number::{integer, short_length, widen};
use crate::base::limits::{
    BULK_BYTES_MAX, INLINE_BYTES_MAX, UNAUTHENTICATED_ARGUMENTS_MAX, UNAUTHENTICATED_BULK_BYTES_MAX,
};

/// The longest argument in bytes, where `proto-max-bulk-len` is not set.
#[allow(clippy::as_conversions, reason = "512 MiB are an index on any machine")]
const BULK_MAX: usize = BULK_BYTES_MAX as usize;

/// Finds the frame at the beginning of `buffer` and appends its arguments to `args`.
///
/// On anything but [`Parsed::Frame`], `args` is as it was. The buffer is written to only where an
/// inline request has quotes: they are taken out in place, so that every argument is a range of the
/// buffer.
#[inline]
pub fn parse(buffer: &mut [u8], limits: &Limits, args: &mut Vec<Arg>) -> Parsed {
    if buffer.first() == Some(&b'*') {
        parse_multibulk(buffer, limits, args)
    } else {
        parse_inline(buffer, limits, args, &mut 0)
    }
}

/// [`parse`] for what must be multibulk, such as the records of a log: the buffer is not written
/// to.
#[inline]
pub fn parse_multibulk(buffer: &[u8], limits: &Limits, args: &mut Vec<Arg>) -> Parsed {
    let before = args.len();
    let parsed = advance(buffer, limits, &mut Position::default(), args);
    if !matches!(parsed, Parsed::Frame { .. }) {
        args.truncate(before);
    }
    parsed
}

/// What stands at the beginning of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole frame of `consumed` bytes. Its arguments were appended; none for an empty line, `*0`
    /// or `*-1`, which are skipped without a reply.
    Frame {
        /// The frame's length in bytes, at least 1.
        consumed: usize,
    },
    /// The beginning of a frame; at least `need` more bytes must come. `need` may be as large as an
    /// announced length: a hint how much to read, never how much to allocate.
    Partial {
        /// Bytes still missing at the least, at least 1.
        need: usize,
    },
    /// Not the protocol: answer, then close. For [`ProtocolError::is_unauthenticated`] first
    /// execute the frames before it, since one of them may be AUTH; then parse again with the
    /// limits of that moment.
    Error(ProtocolError),
}

/// One argument: a range in the buffer that was parsed. Frames of 4 GiB and more are refused, so 32
/// bits do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Its first byte's offset in the buffer.
    pub start: u32,
    /// Its length in bytes.
    pub len: u32,
}

impl Arg {
    /// The range as indices.
    #[inline]
    pub fn range(self) -> Range<usize> {
        let start = widen(self.start);
        start..start + widen(self.len)
    }

    /// The argument's bytes in `buffer`, which must be the one parsed; in another they are empty or
    /// wrong.
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.range()).unwrap_or_default()
    }
}

/// What a connection may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest argument in bytes (`proto-max-bulk-len`).
    pub bulk_max: usize,
    /// The most arguments.
    pub args_max: usize,
    /// The longest inline request, and the longest header line, in bytes without the line's end.
    pub inline_max: usize,
    /// Whether the stricter limits before authentication are lifted.
    pub authenticated: bool,
}

impl Limits {
    /// The limits of a client, with the given `proto-max-bulk-len`.
    ///
    /// Redis' and Valkey's most arguments are `INT_MAX`. That is safe, since each costs its sender
    /// at least six bytes and nothing is allocated for what has not come.
    pub const fn client(bulk_max: usize) -> Self {
        Limits {
            bulk_max,
            args_max: widen(i32::MAX.cast_unsigned()),
            inline_max: INLINE_BYTES_MAX,
            authenticated: true,
        }
    }

    /// The limits before authentication: 10 arguments of 16,384 bytes each.
    pub const fn unauthenticated() -> Self {
        Limits { authenticated: false, ..Self::client(BULK_MAX) }
    }

    /// The limits of our own log and of the link to a primary, where `proto-max-bulk-len` does not
    /// apply.
    pub const fn trusted() -> Self {
        Self::client(widen(u32::MAX))
    }

    #[inline]
    fn check_count(&self, count: usize) -> Result<(), ProtocolError> {
        if count > self.args_max {
            Err(ProtocolError::MultibulkLength)
        } else if count > UNAUTHENTICATED_ARGUMENTS_MAX && !self.authenticated {
            Err(ProtocolError::UnauthenticatedMultibulk)
        } else {
            Ok(())
        }
    }

    #[inline]
    fn check_bulk(&self, len: usize) -> Result<(), ProtocolError> {
        if len > self.bulk_max {
            Err(ProtocolError::BulkLength)
        } else if len > UNAUTHENTICATED_BULK_BYTES_MAX && !self.authenticated {
            Err(ProtocolError::UnauthenticatedBulk)
        } else {
            Ok(())
        }
    }
}

impl Default for Limits {
    /// A client's, with 512 MiB arguments.
    fn default() -> Self {
        Self::client(BULK_MAX)
    }
}

/// Why bytes are not a request. The texts are Valkey's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The number behind `*` is none, or above the limit.
    #[error("Protocol error: invalid multibulk length")]
    MultibulkLength,
    /// The number behind `$` is none, negative, or above the limit; or the frame would reach 4 GiB.
    #[error("Protocol error: invalid bulk length")]
    BulkLength,
    /// An argument began with this byte instead of `$`.
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedBulk(u8),
    /// A header or an argument does not end with CR LF.
    #[error("Protocol error: invalid CRLF in request")]
    InvalidCrlf,
    /// The line of a `*` does not end.
    #[error("Protocol error: too big mbulk count string")]
    MultibulkLine,
    /// The line of a `$` does not end.
    #[error("Protocol error: too big bulk count string")]
    BulkLine,
    /// An inline request does not end.
    #[error("Protocol error: too big inline request")]
    InlineLine,
    /// An inline request leaves a quote open.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// More than 10 arguments before authentication.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulk,
    /// An argument of more than 16,384 bytes before authentication.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulk,
}

impl ProtocolError {
    /// Whether authentication would have lifted it.
    pub fn is_unauthenticated(self) -> bool {
        matches!(self, Self::UnauthenticatedMultibulk | Self::UnauthenticatedBulk)
    }

    /// Appends the error reply. The offending byte goes out as it came (a reply is bytes, not
    /// text), but CR and LF, which would end it, as a blank.
    pub fn write_reply(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR ");
        if let Self::ExpectedBulk(byte) = self {
            out.extend_from_slice(b"Protocol error: expected '$', got '");
            out.push(if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
            out.push(b'\'');
        } else {
            out.extend_from_slice(self.to_string().as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Where the parsing of a partial frame stands, for one connection.
///
/// Empty (and without allocation) until used; made when [`parse`] says `Partial`, and fit for the
/// next frame after this one is found.
#[derive(Debug, Default)]
pub struct Resume {
    position: Position,
    args: Vec<Arg>,
}

impl Resume {
    /// Heap memory it holds, in bytes, for the accounting of clients' memory: at most some three
    /// times what has been received of the frame.
    pub fn allocated_bytes(&self) -> usize {
        self.args.capacity() * size_of::<Arg>()
    }

    /// [`parse`], going on where the last call on this frame stopped.
    ///
    /// `buffer` begins with the frame's first byte in every call and holds at least what it held
    /// before.
    pub fn parse(&mut self, buffer: &mut [u8], limits: &Limits, args: &mut Vec<Arg>) -> Parsed {
        let parsed = if buffer.first() == Some(&b'*') {
            advance(buffer, limits, &mut self.position, &mut self.args)
        } else {
            parse_inline(buffer, limits, &mut self.args, &mut self.position.scanned)
        };
        match parsed {
            Parsed::Partial { .. } => {}
            Parsed::Frame { .. } => {
                args.append(&mut self.args);
                *self = Resume::default();
            }
            Parsed::Error(_) => *self = Resume::default(),
        }
        parsed
    }
}

/// How far a multibulk frame has been read.
#[derive(Debug, Default)]
struct Position {
    /// Where the next header begins; 0 until the frame's own is read.
    at: usize,
    /// Arguments still to come, once `at` is not 0.
    remaining: usize,
    /// Up to where the line at `at` has been searched for its end.
    scanned: usize,
}

/// Reads on in a multibulk frame as far as the buffer goes.
#[inline]
fn advance(buffer: &[u8], limits: &Limits, position: &mut Position, args: &mut Vec<Arg>) -> Parsed {
    match advance_or_stop(buffer, limits, position, args) {
        Ok(consumed) => Parsed::Frame { consumed },
        Err(Stop::Partial(need)) => Parsed::Partial { need },
        Err(Stop::Error(error)) => Parsed::Error(error),
    }
}

/// Why reading a frame stops before its end.
enum Stop {
    Partial(usize),
    Error(ProtocolError),
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        Stop::Error(error)
    }
}

#[inline]
fn advance_or_stop(
    buffer: &[u8],
    limits: &Limits,
    position: &mut Position,
    args: &mut Vec<Arg>,
) -> Result<usize, Stop> {
    if position.at == 0 {
        let short = match buffer.split_first() {
            Some((b'*', length)) => short_length(length),
            Some(_) => return Err(ProtocolError::MultibulkLength.into()),
            None => return Err(Stop::Partial(1)),
        };
        let (count, next) = match short {
            Some((count, used)) => (count, 1 + used),
            None => match long_header(buffer, limits, position, Header::Multibulk)? {
                (count, next) if count <= 0 => return Ok(next),
                (count, next) => {
                    (usize::try_from(count).map_err(|_| ProtocolError::MultibulkLength)?, next)
                }
            },
        };
        limits.check_count(count)?;
        (position.at, position.remaining) = (next, count);
    }
    let Position { mut at, mut remaining, .. } = *position;
    while remaining > 0 {
        let line = buffer.get(at..).unwrap_or_default();
        let short = match line.split_first() {
            Some((b'$', length)) => short_length(length),
            _ => None,
        };
        let (len, start) = match short {
            Some((len, used)) => (len, at + 1 + used),
            None => {
                (position.at, position.remaining) = (at, remaining);
                let (len, start) = long_header(buffer, limits, position, Header::Bulk)?;
                (usize::try_from(len).map_err(|_| ProtocolError::BulkLength)?, start)
            }
        };
        limits.check_bulk(len)?;
        let arg = match (u32::try_from(start), u32::try_from(len)) {
            (Ok(start), Ok(len)) if start.checked_add(len).is_some() => Arg { start, len },
            _ => return Err(ProtocolError::BulkLength.into()),
        };
        // Both are below 4 GiB.
        let end = start + len;
        match buffer.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(ProtocolError::InvalidCrlf.into()),
            None => {
                (position.at, position.remaining) = (at, remaining);
                return Err(Stop::Partial(end + 2 - buffer.len()));
            }
        }
        args.push(arg);
        at = end + 2;
        remaining -= 1;
    }
    Ok(at)
}

/// Which header a line is.
#[derive(Clone, Copy)]
enum Header {
    Multibulk,
    Bulk,
}

/// Reads a header line that is not of the usual short form: incomplete, wrong, negative or long.
///
/// Returns its number and where the line behind it begins. Errors come in Valkey's order: an
/// endless line, the wrong type byte, CR without LF, the number.
#[cold]
fn long_header(
    buffer: &[u8],
    limits: &Limits,
    position: &mut Position,
    header: Header,
) -> Result<(i64, usize), Stop> {
    let from = position.at;
    let searched = position.scanned.max(from);
    let window_end = buffer.len().min(from.saturating_add(limits.inline_max).saturating_add(1));
    let window = buffer.get(searched..window_end).unwrap_or_default();
    let Some(found) = memchr::memchr(b'\r', window) else {
        if window_end - from.min(window_end) > limits.inline_max {
            return Err(Stop::Error(match header {
                Header::Multibulk => ProtocolError::MultibulkLine,
                Header::Bulk => ProtocolError::BulkLine,
            }));
        }
        position.scanned = window_end;
        return Err(Stop::Partial(1));
    };
    let end = searched + found;
    let Some(&last) = buffer.get(end + 1) else {
        position.scanned = end;
        return Err(Stop::Partial(1));
    };
    let (first, digits) = match buffer.get(from..end).unwrap_or_default() {
        // The line is empty, so its CR stands where the type byte should.
        [] => (b'\r', Default::default()),
        [first, digits @ ..] => (*first, digits),
    };
    if matches!(header, Header::Bulk) && first != b'$' {
        return Err(ProtocolError::ExpectedBulk(first).into());
    }
    if last != b'\n' {
        return Err(ProtocolError::InvalidCrlf.into());
    }
    match (integer(digits), header) {
        (Some(value), _) => Ok((value, end + 2)),
        (_, Header::Multibulk) => Err(ProtocolError::MultibulkLength.into()),
        (_, Header::Bulk) => Err(ProtocolError::BulkLength.into()),
    }
}

/// Reads an inline request: a line up to LF or CR LF. `scanned` is how much of it was searched
/// before.
///
/// A NUL byte hides the line's end, as in Redis (`strchr`): such a line never ends and is at last
/// too big.
#[cold]
fn parse_inline(
    buffer: &mut [u8],
    limits: &Limits,
    args: &mut Vec<Arg>,
    scanned: &mut usize,
) -> Parsed {
    let window_end = buffer.len().min(limits.inline_max.saturating_add(1));
    let window = buffer.get(*scanned..window_end).unwrap_or_default();
    let found = memchr::memchr2(b'\n', 0, window).map(|offset| *scanned + offset);
    let end = match found {
        Some(end) if buffer.get(end) == Some(&b'\n') => end,
        _ if window_end > limits.inline_max => return Parsed::Error(ProtocolError::InlineLine),
        nul_or_none => {
            *scanned = nul_or_none.unwrap_or(window_end);
            return Parsed::Partial { need: 1 };
        }
    };
    let before = args.len();
    let text_end = end - usize::from(buffer.get(..end).is_some_and(|line| line.ends_with(b"\r")));
    let line = buffer.get_mut(..text_end).unwrap_or_default();
    if inline::split(line, args) {
        Parsed::Frame { consumed: end + 1 }
    } else {
        args.truncate(before);
        Parsed::Error(ProtocolError::UnbalancedQuotes)
    }
}
