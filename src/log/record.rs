//! Where records begin and end: the strict multibulk form `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, which
//! is all that a log holds. Deliberately smaller than the request parser: no inline commands, no
//! nulls, no leniency.

use std::ops::Range;

/// What stands at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A record, or a whole group, which ends before this offset.
    Whole(usize),
    /// The bytes end inside it.
    Incomplete,
    /// Not a record: at this offset, this was expected.
    Bad(usize, &'static str),
}

/// Digits of the longest length that is read: 2^63 has 19. Longer is not a length.
const DIGITS_MAX: usize = 19;

/// Reads one record at `at`; its arguments' places go to `args`, which is emptied first.
pub(super) fn frame(bytes: &[u8], at: usize, args: &mut Vec<Range<usize>>) -> Frame {
    args.clear();
    arguments(bytes, at, args)
}

/// Reads one record at `at`, and adds its arguments' places to `args`, also if it proves not to be
/// whole. Allocates for arguments that are there, never for a count that is only announced.
fn arguments(bytes: &[u8], at: usize, args: &mut Vec<Range<usize>>) -> Frame {
    let (count, mut at) = match number(bytes, at, b'*') {
        Ok(found) => found,
        Err(frame) => return frame,
    };
    if count == 0 {
        return Frame::Bad(at, "a record of at least one argument");
    }
    for _ in 0..count {
        let (len, start) = match number(bytes, at, b'$') {
            Ok(found) => found,
            Err(frame) => return frame,
        };
        let Some(end) = start.checked_add(len).filter(|end| *end <= bytes.len()) else {
            return Frame::Incomplete;
        };
        match bytes.get(end..end.saturating_add(2).min(bytes.len())) {
            Some(b"\r\n") => {}
            Some(b"" | b"\r") => return Frame::Incomplete,
            _ => return Frame::Bad(end, "CRLF after an argument"),
        }
        args.push(start..end);
        at = end + 2;
    }
    Frame::Whole(at)
}

/// Reads `<mark><digits>\r\n` and returns the number and the offset after it.
fn number(bytes: &[u8], at: usize, mark: u8) -> Result<(usize, usize), Frame> {
    match bytes.get(at) {
        None => return Err(Frame::Incomplete),
        Some(byte) if *byte != mark => {
            let expected = if mark == b'*' { "'*' and a count" } else { "'$' and a length" };
            return Err(Frame::Bad(at, expected));
        }
        Some(_) => {}
    }
    let mut value: usize = 0;
    for (digits, index) in (at + 1..).enumerate() {
        match bytes.get(index) {
            None => return Err(Frame::Incomplete),
            Some(digit @ b'0'..=b'9') if digits < DIGITS_MAX => {
                let next = value.checked_mul(10).and_then(|v| v.checked_add((digit - b'0').into()));
                value = next.ok_or(Frame::Bad(index, "a smaller number"))?;
            }
            Some(b'\r') if digits > 0 => {
                return match bytes.get(index + 1) {
                    None => Err(Frame::Incomplete),
                    Some(b'\n') => Ok((value, index + 2)),
                    Some(_) => Err(Frame::Bad(index + 1, "LF")),
                };
            }
            Some(_) => return Err(Frame::Bad(index, "a decimal number and CRLF")),
        }
    }
    Err(Frame::Incomplete)
}

/// Records that were read: where each begins, and where its arguments are.
#[derive(Default)]
pub(super) struct Places {
    /// The arguments of all, one behind the other.
    pub(super) args: Vec<Range<usize>>,
    /// For each record: its offset, and the end of its arguments in `args`.
    pub(super) records: Vec<(usize, usize)>,
    /// Their bytes, `#TS` lines left out.
    pub(super) bytes: u64,
}

impl Places {
    pub(super) fn clear(&mut self) {
        self.args.clear();
        self.records.clear();
        self.bytes = 0;
    }
}

/// Reads one group at `at`: a record alone, or MULTI up to its EXEC; its records are added to
/// `places`, if it is whole. `#TS` lines before or inside it, which stock servers write, are part
/// of it.
pub(super) fn group(bytes: &[u8], at: usize, places: &mut Places) -> Frame {
    let before = (places.args.len(), places.records.len(), places.bytes);
    let frame = group_into(bytes, at, places);
    if !matches!(frame, Frame::Whole(_)) {
        places.args.truncate(before.0);
        places.records.truncate(before.1);
        places.bytes = before.2;
    }
    frame
}

fn group_into(bytes: &[u8], at: usize, places: &mut Places) -> Frame {
    let mut at = at;
    let mut open = false;
    loop {
        match skip_timestamp(bytes, at) {
            Some(Some(next)) => {
                at = next;
                continue;
            }
            Some(None) => return Frame::Incomplete,
            None => {}
        }
        let first = places.args.len();
        let end = match arguments(bytes, at, &mut places.args) {
            Frame::Whole(end) => end,
            other => return other,
        };
        places.records.push((at, places.args.len()));
        places.bytes += (end - at) as u64;
        let is = |name: &[u8]| match places.args.get(first..) {
            Some([only]) => {
                bytes.get(only.clone()).is_some_and(|arg| arg.eq_ignore_ascii_case(name))
            }
            _ => false,
        };
        if is(b"multi") && !open {
            open = true;
        } else if !open || is(b"exec") {
            return Frame::Whole(end);
        }
        at = end;
    }
}

/// Whether a stock server's commands can begin at `at`: it selects a database first, at most behind
/// MULTI. Cut off counts as yes. So a stale block of ours behind the last batch is not taken for a
/// stock server's.
pub(super) fn begins_as_stock(bytes: &[u8], at: usize) -> bool {
    let mut args = Vec::new();
    let mut is = |at: usize, name: &[u8]| match frame(bytes, at, &mut args) {
        Frame::Whole(end) => {
            let first = args.first().and_then(|range| bytes.get(range.clone()));
            first.is_some_and(|arg| arg.eq_ignore_ascii_case(name)).then_some(end)
        }
        Frame::Incomplete => Some(bytes.len()),
        Frame::Bad(..) => None,
    };
    is(at, b"select").is_some()
        || is(at, b"multi").is_some_and(|end| {
            let end = skip_timestamp(bytes, end).flatten().unwrap_or(end);
            is(end, b"select").is_some()
        })
}

/// If a `#TS:` line stands at `at`: the offset after it, or `None` inside if it is cut off.
pub(super) fn skip_timestamp(bytes: &[u8], at: usize) -> Option<Option<usize>> {
    const MARK: &[u8] = b"#TS:";
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    if rest.len() < MARK.len() {
        return MARK.starts_with(rest).then_some(None);
    }
    let mut index = rest.strip_prefix(MARK).map(|_| at + MARK.len())?;
    while bytes.get(index).is_some_and(u8::is_ascii_digit) {
        index += 1;
    }
    match bytes.get(index..bytes.len().min(index + 2))? {
        b"\r\n" => Some(Some(index + 2)),
        b"" | b"\r" => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_cut_anywhere_is_incomplete() {
        let whole = b"*2\r\n$3\r\nDEL\r\n$11\r\nhello\r\nworl\r\n";
        let mut args = Vec::new();
        assert_eq!(frame(whole, 0, &mut args), Frame::Whole(whole.len()));
        assert_eq!(args, [8..11, 18..29]);
        for cut in 0..whole.len() {
            assert_eq!(frame(&whole[..cut], 0, &mut args), Frame::Incomplete, "cut at {cut}");
        }
    }

    #[test]
    fn announced_lengths_are_not_believed() {
        let mut args = Vec::new();
        assert_eq!(frame(b"*9223372036854775807\r\n$1\r\na\r\n", 0, &mut args), Frame::Incomplete);
        assert_eq!(frame(b"*1\r\n$9223372036854775807\r\na", 0, &mut args), Frame::Incomplete);
        assert!(matches!(frame(b"*99999999999999999999\r\n", 0, &mut args), Frame::Bad(..)));
        assert!(matches!(frame(b"*0\r\n", 0, &mut args), Frame::Bad(..)));
        assert!(matches!(frame(b"*-1\r\n", 0, &mut args), Frame::Bad(1, _)));
        assert!(matches!(frame(b"PING\r\n", 0, &mut args), Frame::Bad(0, _)));
        assert!(matches!(frame(b"*1\r\n$1\r\nabc", 0, &mut args), Frame::Bad(9, _)));
    }

    #[test]
    fn a_transaction_is_one_group() {
        let bytes = b"*1\r\n$5\r\nMULTI\r\n#TS:12\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n\
            *1\r\n$4\r\nexec\r\n*1\r\n$4\r\nPING\r\n";
        let end = bytes.len() - 14;
        let mut places = Places::default();
        assert_eq!(group(bytes, 0, &mut places), Frame::Whole(end));
        assert_eq!(group(bytes, end, &mut places), Frame::Whole(bytes.len()));
        assert_eq!(places.records, [(0, 1), (23, 3), (44, 4), (end, 5)]);
        assert_eq!(places.bytes, bytes.len() as u64 - 8);
        for cut in 0..end {
            assert_eq!(group(&bytes[..cut], 0, &mut places), Frame::Incomplete, "cut at {cut}");
        }
        assert_eq!((places.args.len(), places.records.len()), (5, 4));
    }
}
