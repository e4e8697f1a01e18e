//! Replies to bytes, in RESP2 or RESP3; and the few writers that requests and records share with
//! them.

use std::sync::Arc;

use super::out::{Out, SHARE_MIN};
use super::reply::{Bulks, BulksKind, Reply};
use crate::base::double;

/// What a connection speaks: 2 until HELLO says 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// RESP2.
    #[default]
    Resp2,
    /// RESP3.
    Resp3,
}

/// Appends `reply` to `out`.
///
/// In RESP2, as in Redis: a map is an array of keys and values, a set or a push an array; doubles,
/// big numbers and verbatim texts are strings; booleans are `:1` and `:0`; attributes are left out.
/// In RESP3 both nulls are `_`.
pub fn encode(reply: &Reply<'_>, protocol: Protocol, out: &mut Out) {
    let resp3 = protocol == Protocol::Resp3;
    match reply {
        Reply::Ok => out.bytes.extend_from_slice(b"+OK\r\n"),
        Reply::Simple(text) => write_line(&mut out.bytes, b'+', text.as_bytes()),
        Reply::Status(text) => write_clean_line(&mut out.bytes, b'+', text),
        Reply::Error(text) => {
            let trimmed = text.trim_matches(['\r', '\n']);
            write_clean_line(&mut out.bytes, b'-', trimmed.as_bytes());
        }
        Reply::Int(value) => write_int(&mut out.bytes, b':', *value),
        Reply::Null | Reply::NullArray if resp3 => out.bytes.extend_from_slice(b"_\r\n"),
        Reply::Null => out.bytes.extend_from_slice(b"$-1\r\n"),
        Reply::NullArray => out.bytes.extend_from_slice(b"*-1\r\n"),
        Reply::Bulk(value) => write_bulk(&mut out.bytes, value),
        Reply::Owned(value) => write_bulk(&mut out.bytes, value),
        Reply::Shared(value) => write_shared(out, value),
        Reply::BulkInt(value) => write_bulk_int(&mut out.bytes, *value),
        Reply::Double(value) => {
            let text = double::reply(*value);
            if resp3 {
                write_line(&mut out.bytes, b',', text.as_bytes());
            } else {
                write_bulk(&mut out.bytes, text.as_bytes());
            }
        }
        Reply::DoubleText(text) if resp3 => write_line(&mut out.bytes, b',', text),
        Reply::DoubleText(text) => write_bulk(&mut out.bytes, text),
        Reply::Bool(value) => out.bytes.extend_from_slice(match (resp3, value) {
            (true, true) => b"#t\r\n",
            (true, false) => b"#f\r\n",
            (false, true) => b":1\r\n",
            (false, false) => b":0\r\n",
        }),
        Reply::BigNumber(digits) if resp3 => write_line(&mut out.bytes, b'(', digits.as_bytes()),
        Reply::BigNumber(digits) => write_bulk(&mut out.bytes, digits.as_bytes()),
        Reply::Verbatim(format, text) if resp3 => {
            write_length(&mut out.bytes, b'=', text.len() + 4);
            out.bytes.extend_from_slice(format);
            out.bytes.push(b':');
            out.bytes.extend_from_slice(text);
            out.bytes.extend_from_slice(b"\r\n");
        }
        Reply::Verbatim(_, text) => write_bulk(&mut out.bytes, text),
        Reply::Array(values) => encode_values(values, b'*', protocol, out),
        Reply::Set(values) => encode_values(values, if resp3 { b'~' } else { b'*' }, protocol, out),
        Reply::Push(values) => {
            encode_values(values, if resp3 { b'>' } else { b'*' }, protocol, out)
        }
        Reply::Map(pairs) => encode_pairs(pairs, b'%', protocol, out),
        Reply::NestedMap(pairs) if resp3 => encode_pairs(pairs, b'%', protocol, out),
        Reply::Pairs(pairs) if !resp3 => encode_pairs(pairs, b'%', protocol, out),
        Reply::NestedMap(pairs) | Reply::Pairs(pairs) => encode_nested(pairs, protocol, out),
        Reply::Attribute(both) => {
            let (pairs, value) = both.as_ref();
            if resp3 {
                encode_pairs(pairs, b'|', protocol, out);
            }
            encode(value, protocol, out);
        }
        Reply::Bulks(bulks) => encode_bulks(bulks, resp3, out),
        Reply::Nested(nested) => {
            write_array_header(&mut out.bytes, nested.len());
            write_encoded(nested.encoded(), out);
        }
    }
}

/// Writes strings that are encoded already behind their header.
fn encode_bulks(bulks: &Bulks, resp3: bool, out: &mut Out) {
    if resp3 && matches!(bulks.kind(), BulksKind::Scored | BulksKind::Pairs) {
        return encode_twos(bulks, out);
    }
    if resp3 && bulks.has_nulls() {
        write_length(&mut out.bytes, b'*', bulks.len());
        for text in bulks.iter() {
            match text {
                Some(text) => write_bulk(&mut out.bytes, text),
                None => encode(&Reply::Null, Protocol::Resp3, out),
            }
        }
        return;
    }
    let (marker, count) = match bulks.kind() {
        BulksKind::Set if resp3 => (b'~', bulks.len()),
        BulksKind::Map if resp3 => (b'%', bulks.len() / 2),
        _ => (b'*', bulks.len()),
    };
    write_length(&mut out.bytes, marker, count);
    write_encoded(bulks.encoded(), out);
}

/// Writes what is encoded already, much of it as a shared piece.
fn write_encoded(encoded: &Arc<Vec<u8>>, out: &mut Out) {
    if encoded.len() >= SHARE_MIN {
        out.push_shared(Arc::clone(encoded));
    } else {
        out.bytes.extend_from_slice(encoded);
    }
}

/// Writes strings with what belongs to each for RESP3: an array of arrays of two.
fn encode_twos(bulks: &Bulks, out: &mut Out) {
    write_length(&mut out.bytes, b'*', bulks.len() / 2);
    let mut texts = bulks.iter().flatten();
    while let (Some(text), Some(other)) = (texts.next(), texts.next()) {
        write_length(&mut out.bytes, b'*', 2);
        write_bulk(&mut out.bytes, text);
        match bulks.kind() {
            BulksKind::Scored => write_line(&mut out.bytes, b',', other),
            _ => write_bulk(&mut out.bytes, other),
        }
    }
}

/// Writes the elements of an array, set or push behind their header.
fn encode_values(values: &[Reply<'_>], marker: u8, protocol: Protocol, out: &mut Out) {
    write_length(&mut out.bytes, marker, values.len());
    for value in values {
        encode(value, protocol, out);
    }
}

/// Writes pairs behind their header, which in RESP2 is an array's.
/// Pairs as an array of arrays of two.
fn encode_nested(pairs: &[(Reply<'_>, Reply<'_>)], protocol: Protocol, out: &mut Out) {
    write_length(&mut out.bytes, b'*', pairs.len());
    for (key, value) in pairs {
        write_length(&mut out.bytes, b'*', 2);
        encode(key, protocol, out);
        encode(value, protocol, out);
    }
}

fn encode_pairs(pairs: &[(Reply<'_>, Reply<'_>)], marker: u8, protocol: Protocol, out: &mut Out) {
    match protocol {
        Protocol::Resp2 => write_array_header(&mut out.bytes, pairs.len() * 2),
        Protocol::Resp3 => write_length(&mut out.bytes, marker, pairs.len()),
    }
    for (key, value) in pairs {
        encode(key, protocol, out);
        encode(value, protocol, out);
    }
}

/// Writes a string, a large one as a shared piece.
fn write_shared(out: &mut Out, value: &Arc<Vec<u8>>) {
    if value.len() < SHARE_MIN {
        return write_bulk(&mut out.bytes, value);
    }
    write_length(&mut out.bytes, b'$', value.len());
    out.push_shared(Arc::clone(value));
    out.bytes.extend_from_slice(b"\r\n");
}

/// Appends a request: what a client sends, a replica link carries and the log holds.
pub fn write_request(out: &mut Vec<u8>, args: &[&[u8]]) {
    write_array_header(out, args.len());
    for arg in args {
        write_bulk(out, arg);
    }
}

/// Appends `*count\r\n`: the header of a request or an array.
#[inline]
pub fn write_array_header(out: &mut Vec<u8>, count: usize) {
    write_length(out, b'*', count);
}

/// Appends a string: `$3\r\nfoo\r\n`.
#[inline]
pub fn write_bulk(out: &mut Vec<u8>, value: &[u8]) {
    // The header is at most a type byte, 20 digits and CR LF.
    out.reserve(value.len() + 25);
    write_length(out, b'$', value.len());
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends `$length\r\n`: what stands before a string's bytes; CR LF stands behind them.
#[inline]
pub fn write_bulk_header(out: &mut Vec<u8>, length: usize) {
    write_length(out, b'$', length);
}

/// Appends an integer as a string: `$2\r\n10\r\n`.
#[inline]
pub fn write_bulk_int(out: &mut Vec<u8>, value: i64) {
    write_bulk(out, itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a double as a string: `$3\r\n1.5\r\n`.
#[inline]
pub fn write_bulk_double(out: &mut Vec<u8>, value: f64) {
    write_bulk(out, double::reply(value).as_bytes());
}

/// Appends a type byte, a length and CR LF.
#[inline]
fn write_length(out: &mut Vec<u8>, marker: u8, length: usize) {
    // One store for the lengths that most replies have.
    match u8::try_from(length) {
        Ok(digit @ 0..=9) => out.extend_from_slice(&[marker, b'0' + digit, b'\r', b'\n']),
        Ok(both @ 10..=99) => {
            out.extend_from_slice(&[marker, b'0' + both / 10, b'0' + both % 10, b'\r', b'\n']);
        }
        _ => write_line(out, marker, itoa::Buffer::new().format(length).as_bytes()),
    }
}

/// Appends a type byte, an integer and CR LF.
#[inline]
fn write_int(out: &mut Vec<u8>, marker: u8, value: i64) {
    write_line(out, marker, itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a type byte, a text without CR and LF, and CR LF.
#[inline]
fn write_line(out: &mut Vec<u8>, marker: u8, text: &[u8]) {
    debug_assert!(memchr::memchr2(b'\r', b'\n', text).is_none(), "a line in a line");
    out.reserve(text.len() + 3);
    out.push(marker);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// Appends a type byte, a text whose CR and LF become blanks, and CR LF.
fn write_clean_line(out: &mut Vec<u8>, marker: u8, text: &[u8]) {
    out.push(marker);
    let clean = |&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte };
    out.extend(text.iter().map(clean));
    out.extend_from_slice(b"\r\n");
}
