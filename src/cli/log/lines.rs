//! A record as a line.

use super::time;
use crate::cli::rdb::words;
use crate::log::Lsn;
use crate::resp::print::quoted;
use std::io::{self, Write};

/// A record, wherever it was read.
pub(super) struct Line<'a> {
    /// The LSN behind it: where to go on.
    pub lsn: Lsn,
    /// Unix seconds.
    pub seconds: Option<u64>,
    /// Its database.
    pub database: u64,
    /// Command and arguments.
    pub words: &'a [&'a [u8]],
}

impl Line<'_> {
    /// `1234 2023-11-14T22:13:20Z db0 SET key "some value"`, or with `json` an object.
    pub fn write(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        let mut line = Vec::with_capacity(128);
        if json {
            self.json(&mut line)
        } else {
            self.text(&mut line)
        }
        line.push(b'\n');
        out.write_all(&line)
    }

    fn text(&self, line: &mut Vec<u8>) {
        let time = self.seconds.map_or_else(|| "-".to_owned(), time::shown);
        line.extend_from_slice(format!("{} {time} db{}", self.lsn, self.database).as_bytes());
        for word in self.words {
            line.push(b' ');
            line.extend_from_slice(quoted(word).as_bytes());
        }
    }

    fn json(&self, line: &mut Vec<u8>) {
        let time = self.seconds.map_or_else(|| "null".to_owned(), |seconds| seconds.to_string());
        let head = format!("{{\"lsn\":{},\"time\":{time},\"db\":{},", self.lsn, self.database);
        line.extend_from_slice(head.as_bytes());
        line.extend_from_slice(b"\"command\":[");
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                line.push(b',');
            }
            words::json(line, word);
        }
        line.extend_from_slice(b"]}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let words: [&[u8]; 3] = [b"SET", b"a key", b"\xff\n"];
        let line = Line { lsn: Lsn(7), seconds: Some(1_700_000_000), database: 3, words: &words };
        let mut out = Vec::new();
        line.write(false, &mut out).unwrap();
        line.write(true, &mut out).unwrap();
        Line { seconds: None, ..line }.write(true, &mut out).unwrap();
        let expected = "7 2023-11-14T22:13:20Z db3 SET \"a key\" \"\\xff\\n\"\n\
            {\"lsn\":7,\"time\":1700000000,\"db\":3,\
            \"command\":[\"SET\",\"a key\",{\"base64\":\"/wo=\"}]}\n\
            {\"lsn\":7,\"time\":null,\"db\":3,\"command\":[\"SET\",\"a key\",{\"base64\":\"/wo=\"}]}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
