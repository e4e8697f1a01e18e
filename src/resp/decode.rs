//! The reply decoder, RESP2 and RESP3: for the command line, replica links and tests.
//!
//! Two passes. The first finds the end of the reply, keeps its place between pieces and allocates
//! nothing but the counts of open aggregates; so a large reply that arrives in pieces is not read
//! again from its start. The second builds the value, once all of it is there; so nothing is
//! allocated for what was only announced.

use super::number::{integer, short_length};

/// The deepest nesting that any decoder accepts, whatever it is asked for: building and dropping a
/// value recurse.
pub const DEPTH_MAX: usize = 256;

/// The longest line that holds a length, without its type byte.
const LENGTH_LINE_MAX: usize = 32;

/// Decodes the reply at the beginning of `buffer`, with aggregates nested at most `depth_max` (or
/// [`DEPTH_MAX`]) deep.
pub fn decode(buffer: &[u8], depth_max: usize) -> Decoded {
    Decoder::new(depth_max).decode(buffer)
}

/// What stands at the beginning of a buffer.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// A whole reply.
    Value {
        /// Its length in bytes.
        consumed: usize,
        /// What it says.
        value: OwnedReply,
    },
    /// The beginning of a reply.
    Partial,
    /// Not a reply; the connection is of no more use.
    Error(DecodeError),
}

/// Why bytes are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No type begins with this byte.
    #[error("a reply begins with the unknown byte {0:#04x}")]
    UnknownType(u8),
    /// A length is no number, or negative where it may not be.
    #[error("a length in a reply is invalid")]
    Length,
    /// A line or a string does not end with CR LF.
    #[error("a part of a reply does not end with CR LF")]
    Terminator,
    /// The text of an integer, double, boolean, null, big number or verbatim string is none.
    #[error("a value of type '{}' in a reply is malformed", char::from(*.0))]
    Malformed(u8),
    /// Aggregates are nested deeper than asked for.
    #[error("a reply is nested too deep")]
    TooDeep,
}

/// A decoded reply.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedReply {
    /// A status.
    Simple(Vec<u8>),
    /// An error, without the `-`. RESP3's long errors too.
    Error(Vec<u8>),
    /// An integer.
    Int(i64),
    /// A string.
    Bulk(Vec<u8>),
    /// `$-1` or `_`.
    Null,
    /// `*-1`.
    NullArray,
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// A big number's digits, with its sign.
    BigNumber(Vec<u8>),
    /// A format and a text.
    Verbatim([u8; 3], Vec<u8>),
    /// An array.
    Array(Vec<OwnedReply>),
    /// Pairs in order.
    Map(Vec<(OwnedReply, OwnedReply)>),
    /// A set, in order of arrival.
    Set(Vec<OwnedReply>),
    /// A push.
    Push(Vec<OwnedReply>),
    /// Facts beside the value behind them.
    Attribute(Box<(Vec<(OwnedReply, OwnedReply)>, OwnedReply)>),
}

/// Decodes replies that arrive in pieces.
#[derive(Debug)]
pub struct Decoder {
    depth_max: usize,
    /// Where the next part begins.
    at: usize,
    /// Up to where the line at `at` was searched for its end.
    scanned: usize,
    /// Of each aggregate around `at`, how many values are still to come.
    open: Vec<usize>,
}

impl Decoder {
    /// One that accepts aggregates nested `depth_max` deep, at most [`DEPTH_MAX`].
    pub fn new(depth_max: usize) -> Self {
        Decoder { depth_max: depth_max.min(DEPTH_MAX), at: 0, scanned: 0, open: Vec::new() }
    }

    /// [`decode`], going on where the last call stopped. `buffer` begins with the reply's first
    /// byte in every call and holds at least what it held before. After a value or an error the
    /// decoder begins anew.
    pub fn decode(&mut self, buffer: &[u8]) -> Decoded {
        let decoded = match self.scan(buffer).and_then(|()| build(buffer, 0)) {
            Ok((value, consumed)) => Decoded::Value { consumed, value },
            Err(Stop::Partial { scanned }) => {
                self.scanned = scanned;
                return Decoded::Partial;
            }
            Err(Stop::Error(error)) => Decoded::Error(error),
        };
        *self = Decoder::new(self.depth_max);
        decoded
    }

    /// Moves `at` to the end of the reply.
    fn scan(&mut self, buffer: &[u8]) -> Result<(), Stop> {
        loop {
            let (token, next) = token(buffer, self.at, self.scanned)?;
            if let Token::Open(_, count) = token
                && count > 0
            {
                if self.open.len() >= self.depth_max {
                    return Err(Stop::Error(DecodeError::TooDeep));
                }
                self.open.push(count);
                self.at = next;
                continue;
            }
            self.at = next;
            // A value has ended, and with it every aggregate whose last it was.
            loop {
                let Some(left) = self.open.last_mut() else {
                    return Ok(());
                };
                *left -= 1;
                if *left > 0 {
                    break;
                }
                self.open.pop();
            }
        }
    }
}

/// Why a pass stops before the reply's end.
enum Stop {
    Partial { scanned: usize },
    Error(DecodeError),
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Self {
        Stop::Error(error)
    }
}

/// One part of a reply: a value, or the header of an aggregate.
enum Token<'a> {
    Simple(&'a [u8]),
    Error(&'a [u8]),
    Int(i64),
    Bulk(&'a [u8]),
    Null,
    NullArray,
    Double(f64),
    Bool(bool),
    BigNumber(&'a [u8]),
    Verbatim([u8; 3], &'a [u8]),
    /// The type byte, and how many values follow; an attribute's include the value it is about.
    Open(u8, usize),
}

/// Reads the part at `at`; returns it and where the next begins.
fn token(buffer: &[u8], at: usize, scanned: usize) -> Result<(Token<'_>, usize), Stop> {
    let rest = buffer.get(at..).unwrap_or_default();
    let Some((&marker, line)) = rest.split_first() else {
        return Err(Stop::Partial { scanned: at });
    };
    match marker {
        b'$' | b'!' | b'=' | b'*' | b'%' | b'~' | b'>' | b'|' => {
            let (length, next) = length(buffer, at, line)?;
            sized(buffer, marker, length, next)
        }
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {
            let (text, next) = self::line(buffer, at + 1, scanned)?;
            let token = simple(marker, text).ok_or(DecodeError::Malformed(marker))?;
            Ok((token, next))
        }
        unknown => Err(DecodeError::UnknownType(unknown).into()),
    }
}

/// Reads the length in a header at `at`, of which `line` is the part behind the type byte.
fn length(buffer: &[u8], at: usize, line: &[u8]) -> Result<(i64, usize), Stop> {
    if let Some((length, used)) = short_length(line)
        && let Ok(length) = i64::try_from(length)
    {
        return Ok((length, at + 1 + used));
    }
    // Judged by these bytes alone, so that it is the same however many came with them.
    let window = line.get(..=LENGTH_LINE_MAX).unwrap_or(line);
    if window.len() > LENGTH_LINE_MAX && memchr::memchr(b'\r', window).is_none() {
        return Err(DecodeError::Length.into());
    }
    let (text, next) = self::line(buffer, at + 1, 0)?;
    Ok((integer(text).ok_or(DecodeError::Length)?, next))
}

/// Reads a line's text from `from` on; returns it and where the next line begins.
fn line(buffer: &[u8], from: usize, scanned: usize) -> Result<(&[u8], usize), Stop> {
    let searched = scanned.max(from);
    let Some(found) = memchr::memchr(b'\r', buffer.get(searched..).unwrap_or_default()) else {
        return Err(Stop::Partial { scanned: buffer.len() });
    };
    let end = searched + found;
    match buffer.get(end + 1) {
        Some(b'\n') => Ok((buffer.get(from..end).unwrap_or_default(), end + 2)),
        Some(_) => Err(DecodeError::Terminator.into()),
        None => Err(Stop::Partial { scanned: end }),
    }
}

/// Makes a part of a header's type and length and, of a string, what stands from `next` on.
fn sized(buffer: &[u8], marker: u8, length: i64, next: usize) -> Result<(Token<'_>, usize), Stop> {
    let Ok(length) = usize::try_from(length) else {
        return match (marker, length) {
            (b'$', -1) => Ok((Token::Null, next)),
            (b'*', -1) => Ok((Token::NullArray, next)),
            _ => Err(DecodeError::Length.into()),
        };
    };
    let children = match marker {
        b'*' | b'~' | b'>' => Some(length),
        b'%' => Some(length.checked_mul(2).ok_or(DecodeError::Length)?),
        b'|' => {
            Some(length.checked_mul(2).and_then(|n| n.checked_add(1)).ok_or(DecodeError::Length)?)
        }
        _ => None,
    };
    if let Some(children) = children {
        return Ok((Token::Open(marker, children), next));
    }
    let end = next.checked_add(length).ok_or(DecodeError::Length)?;
    let behind = end.checked_add(2).ok_or(DecodeError::Length)?;
    let text = match buffer.get(end..behind) {
        Some(b"\r\n") => buffer.get(next..end).unwrap_or_default(),
        Some(_) => return Err(DecodeError::Terminator.into()),
        None => return Err(Stop::Partial { scanned: 0 }),
    };
    let token = match (marker, text) {
        (b'!', _) => Token::Error(text),
        (b'=', [a, b, c, b':', text @ ..]) => Token::Verbatim([*a, *b, *c], text),
        (b'=', _) => return Err(DecodeError::Malformed(b'=').into()),
        _ => Token::Bulk(text),
    };
    Ok((token, behind))
}

/// Makes a part of a line's type and text; `None` if the text is not of that type.
fn simple(marker: u8, text: &[u8]) -> Option<Token<'_>> {
    Some(match (marker, text) {
        (b'+', _) => Token::Simple(text),
        (b'-', _) => Token::Error(text),
        (b':', _) => Token::Int(integer(text.strip_prefix(b"+").unwrap_or(text))?),
        (b'_', []) => Token::Null,
        (b'#', [b't']) => Token::Bool(true),
        (b'#', [b'f']) => Token::Bool(false),
        (b',', _) => Token::Double(double(text)?),
        (b'(', _) => {
            let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
            let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            valid.then_some(Token::BigNumber(text))?
        }
        _ => return None,
    })
}

/// A RESP3 double: decimal, with or without an exponent, or `inf`, `-inf`, `nan`.
fn double(text: &[u8]) -> Option<f64> {
    match text {
        b"inf" => Some(f64::INFINITY),
        b"-inf" => Some(f64::NEG_INFINITY),
        b"nan" | b"-nan" => Some(f64::NAN),
        _ => {
            let plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
            let text =
                std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|b| plain(&b)));
            text?.parse().ok()
        }
    }
}

/// Builds the value at `at`, which `scan` has found to be whole and not too deep; returns it and
/// its end.
fn build(buffer: &[u8], at: usize) -> Result<(OwnedReply, usize), Stop> {
    let (token, next) = token(buffer, at, 0)?;
    let value = match token {
        Token::Simple(text) => OwnedReply::Simple(text.to_vec()),
        Token::Error(text) => OwnedReply::Error(text.to_vec()),
        Token::Int(value) => OwnedReply::Int(value),
        Token::Bulk(text) => OwnedReply::Bulk(text.to_vec()),
        Token::Null => OwnedReply::Null,
        Token::NullArray => OwnedReply::NullArray,
        Token::Double(value) => OwnedReply::Double(value),
        Token::Bool(value) => OwnedReply::Bool(value),
        Token::BigNumber(digits) => OwnedReply::BigNumber(digits.to_vec()),
        Token::Verbatim(format, text) => OwnedReply::Verbatim(format, text.to_vec()),
        Token::Open(marker, count) => return build_aggregate(buffer, marker, count, next),
    };
    Ok((value, next))
}

/// Builds the aggregate whose values begin at `at`.
fn build_aggregate(
    buffer: &[u8],
    marker: u8,
    count: usize,
    mut at: usize,
) -> Result<(OwnedReply, usize), Stop> {
    let mut next = || {
        let (value, end) = build(buffer, at)?;
        at = end;
        Ok::<_, Stop>(value)
    };
    // All values have arrived, so the capacity is paid for.
    let value = match marker {
        b'%' | b'|' => {
            let mut pairs = Vec::with_capacity(count / 2);
            for _ in 0..count / 2 {
                pairs.push((next()?, next()?));
            }
            if marker == b'%' {
                OwnedReply::Map(pairs)
            } else {
                OwnedReply::Attribute(Box::new((pairs, next()?)))
            }
        }
        _ => {
            let mut values = Vec::with_capacity(count);
            for _ in 0..count {
                values.push(next()?);
            }
            match marker {
                b'~' => OwnedReply::Set(values),
                b'>' => OwnedReply::Push(values),
                _ => OwnedReply::Array(values),
            }
        }
    };
    Ok((value, at))
}
