//! From record bytes to records: where each ends, its database, its group.

use std::ops::{ControlFlow, Range};

use super::Lsn;
use super::record::{self, Frame};

/// One record of the log, where it lies in the bytes read.
#[derive(Debug)]
pub struct Record<'a> {
    /// Where it begins.
    pub begins: Lsn,
    /// Where it ends: the LSN to go on from for who has taken it.
    pub lsn: Lsn,
    /// Unix seconds when it was written, if it is known.
    pub seconds: Option<u64>,
    /// The database in force: for SELECT the one it selects.
    pub database: u32,
    /// Whether a MULTI that is open behind it waits for its EXEC. At the end of a record of which
    /// this is not so the data is in a state that somebody may have seen.
    pub in_group: bool,
    /// The command and its arguments; at least one.
    pub args: &'a [&'a [u8]],
}

impl Record<'_> {
    /// Whether the command has this name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.args.first().is_some_and(|arg| arg.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// What must be known of the records before a place to understand those after it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    pub database: u32,
    pub in_group: bool,
    ranges: Vec<Range<usize>>,
}

/// How walking ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// All records were visited.
    All,
    /// The visitor stopped behind the record that ends at this offset.
    Stopped(usize),
    /// No record begins at this offset, where this was expected.
    Bad(usize, &'static str),
}

impl Scan {
    pub fn at(database: u32) -> Scan {
        Scan { database, ..Scan::default() }
    }

    /// Visits the records of `bytes`, which begin between two records, at `first`. Dates inside
    /// count from there on.
    pub fn walk(
        &mut self,
        bytes: &[u8],
        first: Lsn,
        mut seconds: Option<u64>,
        visit: &mut dyn FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> Walked {
        let mut at = 0;
        let mut lsn = first;
        let mut args: Vec<&[u8]> = Vec::new();
        while at < bytes.len() {
            if let Some(next) = record::skip_timestamp(bytes, at).flatten() {
                seconds = timestamp(bytes, at, next).or(seconds);
                at = next;
                continue;
            }
            let end = match record::frame(bytes, at, &mut self.ranges) {
                Frame::Whole(end) => end,
                Frame::Incomplete => return Walked::Bad(at, "a whole record"),
                Frame::Bad(offset, expected) => return Walked::Bad(offset, expected),
            };
            args.clear();
            args.extend(self.ranges.iter().filter_map(|range| bytes.get(range.clone())));
            self.follow(&args);
            let (begins, behind) = (lsn, lsn.advance(end - at));
            (lsn, at) = (behind, end);
            let (database, in_group) = (self.database, self.in_group);
            let args = args.as_slice();
            let record = Record { begins, lsn: behind, seconds, database, in_group, args };
            if visit(&record).is_break() {
                return Walked::Stopped(end);
            }
        }
        Walked::All
    }

    /// Takes note of what a record means for those after it.
    fn follow(&mut self, args: &[&[u8]]) {
        match args {
            [name] if name.eq_ignore_ascii_case(b"multi") => self.in_group = true,
            [name] if name.eq_ignore_ascii_case(b"exec") => self.in_group = false,
            [name, database] if name.eq_ignore_ascii_case(b"select") => {
                let digits = std::str::from_utf8(database).ok();
                self.database =
                    digits.and_then(|digits| digits.parse().ok()).unwrap_or(self.database);
            }
            _ => {}
        }
    }
}

/// The seconds of the `#TS:` line from `at` to `end`.
pub(super) fn timestamp(bytes: &[u8], at: usize, end: usize) -> Option<u64> {
    let digits = bytes.get(at + "#TS:".len()..end.saturating_sub("\r\n".len()))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_with_their_databases_and_groups() {
        let text = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$5\r\nmulti\r\n#TS:77\r\n\
            *3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nEXEC\r\n";
        let mut seen = Vec::new();
        let mut scan = Scan::at(9);
        let mut note = |record: &Record<'_>| {
            let name = String::from_utf8_lossy(record.args[0]).into_owned();
            seen.push((name, record.database, record.in_group, record.seconds, record.lsn.0));
            if record.args.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let bytes = text.as_bytes();
        let stopped = scan.walk(bytes, Lsn(100), Some(5), &mut note);
        let Walked::Stopped(at) = stopped else { panic!("{stopped:?}") };
        // The date takes no LSN.
        let behind = Lsn(100 + at as u64 - 8);
        assert_eq!(scan.walk(&bytes[at..], behind, Some(78), &mut note), Walked::All);
        let expected = [
            ("SELECT".to_owned(), 3, false, Some(5), 123),
            ("multi".to_owned(), 3, true, Some(5), 138),
            ("SET".to_owned(), 3, true, Some(77), 165),
            ("EXEC".to_owned(), 3, false, Some(78), 179),
        ];
        assert_eq!(seen, expected);
        let cut = &bytes[..bytes.len() - 1];
        let mut any = |_: &Record<'_>| ControlFlow::Continue(());
        assert!(matches!(Scan::at(0).walk(cut, Lsn(0), None, &mut any), Walked::Bad(..)));
    }
}
