//! The bytes of a segment: encoding, and reading with every byte checked.
//!
//! ```text
//! #COOLCACHE:1:<first LSN>:<salt, 16 hex>\r\n        opener: format version, first LSN, salt of the checksums
//! #ID:<40 hex>\r\n                                   the replication id of these records
//! #ID-BEFORE:<40 hex>:<its last LSN>\r\n             earlier ids, newest first, any number of lines
//! *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n                  the database in force, for stock loaders
//! #CC:<first>:<first>:<first>:<crc32c>\r\n           an empty batch closes the opener and covers it
//!
//! #TS:1700000000\r\n                                 when the second has changed
//! #CC:<first>:<last>:<durable>:<crc32c>\r\n          8 hex digits, lower case
//! ...exactly last - first record bytes...
//! #CC:...                                            and so on; an empty batch at the end seals
//! ```
//!
//! The checksum of a batch covers the salt and everything since the previous batch's last byte
//! except its own eight digits. The salt is secret from clients: whoever can choose values cannot
//! forge a batch inside one, which matters when a damaged place is searched for batches that
//! survived behind it.

use std::io::Write;
use std::ops::Range;

use super::planted::{Bug, planted};
use super::record;
use super::{Ids, Lsn};

/// Format version in the opener. Another version is refused by name.
const VERSION: &str = "1";
const OPENER: &[u8] = b"#COOLCACHE:";
/// Longest annotation a stock loader takes: its buffer is 1,024 bytes with the final NUL.
const LINE_MAX: usize = 1023;
/// Longer than any `SELECT` of an opener.
const SELECT_MAX: usize = 64;
const CRC_DIGITS: usize = 8;

/// A segment's first lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opener {
    /// Record bytes before this segment.
    pub first: Lsn,
    /// Goes into every checksum of the segment.
    pub salt: u64,
    /// The running id and those before.
    pub ids: Ids,
    /// The database that the records assume selected.
    pub database: u32,
}

/// A group commit as it was written, checksum verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// LSN before its bytes.
    pub first: Lsn,
    /// LSN after its bytes.
    pub last: Lsn,
    /// What was known durable when it was written.
    pub durable: Lsn,
    /// Where its record bytes lie in the file.
    pub payload: Range<usize>,
    /// The seconds of its `#TS`, if it has one.
    pub seconds: Option<u64>,
}

/// A place where the bytes are not what a segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Offset in the file.
    pub offset: usize,
    pub expected: String,
    pub found: String,
}

/// What comes next in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Batch(Batch),
    /// The end, exactly after a batch.
    End,
    /// Commands outside any batch begin here.
    Foreign,
    /// Incomplete, failing its checksum, or out of place.
    Damaged(Damage),
}

/// What a segment begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Ours; the batches begin at this offset.
    Ours(Opener, usize),
    /// Not ours: plain commands, or nothing.
    Foreign,
    /// The file ends inside the opener.
    Incomplete(Damage),
    Damaged(Damage),
}

/// The opener's bytes, closed by an empty batch.
pub(super) fn encode_opener(opener: &Opener) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let Opener { first, salt, ids, database } = opener;
    let mut all = ids.before.iter().map(|(id, _)| id).chain([&ids.current]);
    assert!(all.all(|id| is_id(id)), "an opener that could not be read again: {ids:?}");
    let _ = write!(out, "#COOLCACHE:{VERSION}:{first}:{salt:016x}\r\n#ID:{}\r\n", ids.current);
    for (id, last) in &ids.before {
        let _ = write!(out, "#ID-BEFORE:{id}:{last}\r\n");
    }
    let database = database.to_string();
    let _ = write!(out, "*2\r\n$6\r\nSELECT\r\n${}\r\n{database}\r\n", database.len());
    encode_batch(&mut out, 0, *salt, None, (*first, *first, *first), &[]);
    out
}

/// Appends a batch's annotations to `out`, which holds what else its checksum covers from `covered`
/// on. `lsns`: first, last, durable. `payload` is not appended: it goes to the file right after.
pub(super) fn encode_batch(
    out: &mut Vec<u8>,
    covered: usize,
    salt: u64,
    seconds: Option<u64>,
    lsns: (Lsn, Lsn, Lsn),
    payload: &[u8],
) {
    encode_batch_of(out, covered, salt, seconds, lsns, &[payload]);
}

/// As [`encode_batch`], of a payload in pieces.
pub(super) fn encode_batch_of(
    out: &mut Vec<u8>,
    covered: usize,
    salt: u64,
    seconds: Option<u64>,
    lsns: (Lsn, Lsn, Lsn),
    payload: &[impl AsRef<[u8]>],
) {
    if let Some(seconds) = seconds {
        let _ = write!(out, "#TS:{seconds}\r\n");
    }
    let (first, last, durable) = lsns;
    let _ = write!(out, "#CC:{first}:{last}:{durable}:");
    let crc = checksum(salt, out.get(covered..).unwrap_or(&[]), payload);
    let _ = write!(out, "{crc:08x}\r\n");
}

fn checksum(salt: u64, before: &[u8], payload: &[impl AsRef<[u8]>]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&salt.to_le_bytes());
    if !planted(Bug::ChecksumSkipsAnnotation) {
        digest.update(before);
    }
    digest.update(b"\r\n");
    payload.iter().for_each(|piece| digest.update(piece.as_ref()));
    // A 32-bit checksum in a 64-bit answer.
    (digest.finalize() & 0xffff_ffff) as u32
}

/// Reads what a segment begins with.
pub(super) fn read_head(bytes: &[u8]) -> Head {
    match bytes.first() {
        None | Some(b'*') => return Head::Foreign,
        _ if record::skip_timestamp(bytes, 0).flatten().is_some() => return Head::Foreign,
        _ => {}
    }
    let common = OPENER.len().min(bytes.len());
    if bytes.get(..common) != OPENER.get(..common) {
        return Head::Damaged(damage(bytes, 0, "a segment's opener or a command"));
    }
    match read_opener(bytes) {
        Ok((opener, end)) => Head::Ours(opener, end),
        Err(Stop::Incomplete) => {
            Head::Incomplete(damage(bytes, bytes.len(), "the rest of the opener"))
        }
        Err(Stop::Bad(offset, expected)) => Head::Damaged(damage(bytes, offset, expected)),
    }
}

enum Stop {
    Incomplete,
    Bad(usize, &'static str),
}

fn read_opener(bytes: &[u8]) -> Result<(Opener, usize), Stop> {
    let (text, mut at) = line(bytes, 0)?;
    let bad = |offset, expected| move || Stop::Bad(offset, expected);
    let mut fields = text.strip_prefix("#COOLCACHE:").ok_or(Stop::Bad(0, "an opener"))?.split(':');
    if fields.next() != Some(VERSION) {
        return Err(Stop::Bad(OPENER.len(), "format version 1"));
    }
    let first = fields.next().and_then(lsn).ok_or_else(bad(0, "the first LSN"))?;
    let salt = fields.next().filter(|salt| salt.len() == 16);
    let salt = salt.and_then(|salt| u64::from_str_radix(salt, 16).ok());
    let salt = salt.ok_or_else(bad(0, "16 hex digits of salt"))?;
    let (text, next) = line(bytes, at)?;
    let current = text.strip_prefix("#ID:").filter(|id| is_id(id));
    let current = current.ok_or_else(bad(at, "#ID and 40 hex digits"))?.to_owned();
    at = next;
    let mut before = Vec::new();
    while bytes.get(at) != Some(&b'*') {
        let (text, next) = line(bytes, at)?;
        let pair = text.strip_prefix("#ID-BEFORE:").and_then(|rest| rest.split_once(':'));
        let pair = pair.filter(|(id, _)| is_id(id));
        let pair = pair.and_then(|(id, last)| Some((id.to_owned(), lsn(last)?)));
        before.push(pair.ok_or_else(bad(at, "#ID-BEFORE, an id and its last LSN"))?);
        at = next;
    }
    let mut args = Vec::new();
    let end = match record::frame(bytes, at, &mut args) {
        record::Frame::Whole(end) => end,
        // An announced length is not believed: SELECT and a database are shorter than this.
        record::Frame::Incomplete if bytes.len() - at > SELECT_MAX => {
            return Err(Stop::Bad(at, "SELECT and a database"));
        }
        record::Frame::Incomplete => return Err(Stop::Incomplete),
        record::Frame::Bad(offset, expected) => return Err(Stop::Bad(offset, expected)),
    };
    let arg = |index: usize| args.get(index).and_then(|range| bytes.get(range.clone()));
    let database = arg(1).and_then(|arg| std::str::from_utf8(arg).ok()).and_then(decimal);
    let database = database.and_then(|database| u32::try_from(database).ok());
    let database = database.filter(|_| args.len() == 2 && arg(0) == Some(b"SELECT"));
    let database = database.ok_or_else(bad(at, "SELECT and a database"))?;
    let (text, _) = line(bytes, end)?;
    let closing = parse_header(text).filter(|header| header.first == header.last);
    if closing.is_none_or(|header| header.first != first) {
        return Err(Stop::Bad(end, "the opener's empty batch"));
    }
    let (_, end) = read_batch(bytes, 0, end, salt)?;
    let ids = Ids { current, before };
    Ok((Opener { first, salt, ids, database }, end))
}

/// Reads what stands at `at`, where a batch should begin at `expected`.
pub(super) fn next(bytes: &[u8], at: usize, salt: u64, expected: Lsn) -> Next {
    let mut header = at;
    match record::skip_timestamp(bytes, at) {
        Some(Some(next)) => header = next,
        Some(None) => return Next::Damaged(damage(bytes, at, "a whole #TS line")),
        None => {}
    }
    match bytes.get(header) {
        None if header == at => return Next::End,
        None => return Next::Damaged(damage(bytes, header, "a batch after #TS")),
        Some(b'*') if record::begins_as_stock(bytes, header) => return Next::Foreign,
        Some(b'*') => {
            let expected = "a batch, or a stock server's commands, which begin with SELECT";
            return Next::Damaged(damage(bytes, header, expected));
        }
        Some(_) => {}
    }
    match read_batch(bytes, at, header, salt) {
        Ok((batch, _)) if batch.first != expected => Next::Damaged(Damage {
            offset: header,
            expected: format!("a batch that begins at LSN {expected}"),
            found: format!("one that begins at LSN {}", batch.first),
        }),
        Ok((mut batch, _)) => {
            batch.seconds = bytes
                .get(at + 4..header.saturating_sub(2))
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(decimal);
            Next::Batch(batch)
        }
        Err(Stop::Incomplete) => Next::Damaged(damage(bytes, bytes.len(), "the rest of a batch")),
        Err(Stop::Bad(offset, expected)) => Next::Damaged(damage(bytes, offset, expected)),
    }
}

/// Reads the `#CC` line at `header` and verifies the batch, whose checksum covers from `covered`.
fn read_batch(
    bytes: &[u8],
    covered: usize,
    header: usize,
    salt: u64,
) -> Result<(Batch, usize), Stop> {
    let (text, start) = line(bytes, header)?;
    let fields = parse_header(text).ok_or(Stop::Bad(header, "#CC:first:last:durable:crc"))?;
    let len = usize::try_from(fields.last.since(fields.first)).map_err(|_| Stop::Incomplete)?;
    let end = start.checked_add(len).filter(|end| *end <= bytes.len()).ok_or(Stop::Incomplete)?;
    let before = bytes.get(covered..start - 2 - CRC_DIGITS).unwrap_or(&[]);
    let payload = bytes.get(start..end).unwrap_or(&[]);
    if checksum(salt, before, &[payload]) != fields.crc {
        return Err(Stop::Bad(header, "a batch that matches its checksum"));
    }
    let Header { first, last, durable, .. } = fields;
    Ok((Batch { first, last, durable, payload: start..end, seconds: None }, end))
}

/// The fields of a `#CC` line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub first: Lsn,
    pub last: Lsn,
    durable: Lsn,
    crc: u32,
}

fn parse_header(text: &str) -> Option<Header> {
    let mut fields = text.strip_prefix("#CC:")?.split(':');
    let mut next = || fields.next().and_then(lsn);
    let (first, last, durable) = (next()?, next()?, next()?);
    let crc = fields.next().filter(|crc| crc.len() == CRC_DIGITS)?;
    if fields.next().is_some() || crc.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let crc = u32::from_str_radix(crc, 16).ok()?;
    (first <= last && durable <= last).then_some(Header { first, last, durable, crc })
}

/// The header of the batch at the start of `bytes`, and where its record bytes begin, without
/// looking at them.
pub(super) fn peek_header(bytes: &[u8]) -> Option<(Header, usize)> {
    let at = record::skip_timestamp(bytes, 0).flatten().unwrap_or(0);
    let (text, start) = line(bytes, at).ok()?;
    Some((parse_header(text)?, start))
}

/// The highest durable LSN above `floor` that an intact batch behind `from` claims, and that
/// batch's offset. `floor` is the LSN at `from`. Stops believing (and answers with the claim as if
/// proven) when a hostile file makes the search cost more than 64 passes over it: refusing to start
/// is then right.
pub(super) fn highest_claim(
    bytes: &[u8],
    from: usize,
    salt: u64,
    floor: Lsn,
) -> Option<(usize, Lsn)> {
    let mut found: Option<(usize, Lsn)> = None;
    let mut budget = bytes.len().saturating_mul(64);
    for place in memchr::memmem::find_iter(bytes.get(from..)?, b"#CC:") {
        let at = from + place;
        let Some((header, _)) = bytes.get(at..).and_then(peek_header) else { continue };
        let plausible = header.durable > found.map_or(floor, |(_, lsn)| lsn)
            && header.first >= floor
            && header.first.since(floor) <= place as u64
            && header.last.since(header.first) <= (bytes.len() - at) as u64;
        if !plausible {
            continue;
        }
        let cost = usize::try_from(header.last.since(header.first)).unwrap_or(usize::MAX);
        let proven = match budget.checked_sub(cost) {
            Some(rest) => {
                budget = rest;
                let dated = timestamp_before(bytes, at);
                read_batch(bytes, at, at, salt).is_ok()
                    || dated.is_some_and(|start| read_batch(bytes, start, at, salt).is_ok())
            }
            None => true,
        };
        if proven {
            found = Some((at, header.durable));
        }
    }
    found
}

/// Where the `#TS` line begins that ends right before `at`.
fn timestamp_before(bytes: &[u8], at: usize) -> Option<usize> {
    // "#TS:", 20 digits, CRLF.
    let window = at.saturating_sub(26);
    let start = window + memchr::memmem::rfind(bytes.get(window..at)?, b"#TS:")?;
    (record::skip_timestamp(bytes, start) == Some(Some(at))).then_some(start)
}

/// The line at `at` without its CRLF, and the offset after it.
fn line(bytes: &[u8], at: usize) -> Result<(&str, usize), Stop> {
    let rest = bytes.get(at..).unwrap_or(&[]);
    let window = rest.get(..rest.len().min(LINE_MAX)).unwrap_or(&[]);
    let Some(end) = memchr::memchr(b'\n', window) else {
        let whole_window = window.len() == LINE_MAX;
        return Err(if whole_window { Stop::Bad(at, "a shorter line") } else { Stop::Incomplete });
    };
    let text = window.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let text = text.and_then(|line| std::str::from_utf8(line).ok());
    Ok((text.ok_or(Stop::Bad(at, "a line of text that ends in CRLF"))?, at + end + 1))
}

fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// An LSN that a log can come to.
fn lsn(text: &str) -> Option<Lsn> {
    decimal(text).map(Lsn).filter(|lsn| *lsn <= Lsn::MAX)
}

/// Whether a text has the form of a replication id: 40 hex digits, lower case.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn damage(bytes: &[u8], offset: usize, expected: &str) -> Damage {
    let found = bytes.get(offset..bytes.len().min(offset.saturating_add(32))).unwrap_or(&[]);
    let found = if found.is_empty() {
        "the end of the file".to_owned()
    } else {
        format!("\"{}\"", found.escape_ascii())
    };
    Damage { offset, expected: expected.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Opener, Vec<u8>) {
        let before = vec![("b".repeat(40), Lsn(90)), ("c".repeat(40), Lsn(7))];
        let ids = Ids { current: "a".repeat(40), before };
        let opener = Opener { first: Lsn(100), salt: 0x1234_5678_9abc_def0, ids, database: 3 };
        let bytes = encode_opener(&opener);
        (opener, bytes)
    }

    #[test]
    fn an_opener_reads_back_and_every_flip_is_seen() {
        let (opener, bytes) = sample();
        assert_eq!(read_head(&bytes), Head::Ours(opener.clone(), bytes.len()));
        for cut in 1..bytes.len() {
            assert!(matches!(read_head(&bytes[..cut]), Head::Incomplete(_)), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let head = read_head(&flipped);
            assert!(matches!(head, Head::Damaged(_) | Head::Incomplete(_)), "bit {bit}: {head:?}");
        }
    }

    #[test]
    fn batches_join_and_a_surviving_claim_is_found_behind_damage() {
        let (opener, mut bytes) = sample();
        let start = bytes.len();
        let mut at = Lsn(100);
        for index in 0..4_u64 {
            let payload = b"*1\r\n$4\r\nPING\r\n";
            let covered = bytes.len();
            let seconds = (index % 2 == 0).then_some(1_700_000_000 + index);
            let lsns = (at, at.advance(payload.len()), at);
            encode_batch(&mut bytes, covered, opener.salt, seconds, lsns, payload);
            bytes.extend_from_slice(payload);
            at = at.advance(payload.len());
        }
        let Next::Batch(first) = next(&bytes, start, opener.salt, Lsn(100)) else {
            panic!("first batch")
        };
        assert_eq!(
            (first.first, first.last, first.seconds),
            (Lsn(100), Lsn(114), Some(1_700_000_000))
        );
        bytes[first.payload.start] ^= 1;
        assert!(matches!(next(&bytes, start, opener.salt, Lsn(100)), Next::Damaged(_)));
        let claim = highest_claim(&bytes, start, opener.salt, Lsn(100)).map(|(_, lsn)| lsn);
        assert_eq!(claim, Some(Lsn(142)));
        assert_eq!(highest_claim(&bytes, start, opener.salt ^ 1, Lsn(100)), None, "another salt");
    }
}
