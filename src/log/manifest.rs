//! The manifest: which files are the log, in Redis 7's multi-part form with our lines as comments.
//!
//! ```text
//! #COOLCACHE-MANIFEST 1 <crc32c, 8 hex>                     over every byte after this line
//! #COOLCACHE-BASE crc 9d2e01aa                           over the base, if it was taken over
//! #COOLCACHE-RETAINED file appendonly.aof.3.incr.aof seq 3 first 100 last 900 closed 1700000000
//! file appendonly.aof.2.base.rdb seq 2 type b               what stock servers load: the base,
//! file appendonly.aof.4.incr.aof seq 4 type i               and the segments after it
//! ```
//!
//! A manifest without our first line is a stock server's and has no checksum. Lines of type `h`
//! (files a stock server was about to delete) are read, and never written.
//!
//! A base that we wrote ends in a checksum of its own. One that was taken over may have none (an
//! append-only file never has), so its checksum stands here until the next base replaces it.

use std::io::Write;

use super::Lsn;

const MARK: &str = "#COOLCACHE-MANIFEST";
const BASE: &str = "#COOLCACHE-BASE";
const RETAINED: &str = "#COOLCACHE-RETAINED";

/// A listed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// File name in the log's folder.
    pub name: String,
    /// Sequence number; the base and the segments count separately.
    pub seq: u64,
}

/// A segment older than the base, kept for partial resync, restore and change capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retained {
    pub entry: Entry,
    pub first: Lsn,
    pub last: Lsn,
    /// Unix seconds when its last byte was written.
    pub closed: u64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub base: Option<Entry>,
    /// Over the base's bytes, if it was taken over.
    pub base_crc: Option<u32>,
    pub segments: Vec<Entry>,
    pub retained: Vec<Retained>,
    /// Files a stock server was about to delete.
    pub history: Vec<Entry>,
    /// Whether it carries our checksum; otherwise a stock server wrote it.
    pub ours: bool,
}

/// A line that is not a manifest's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// Offset of the line in the file.
    pub offset: usize,
    pub expected: &'static str,
}

impl Manifest {
    /// The file's bytes, with our checksum.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(crc) = self.base_crc {
            let _ = writeln!(body, "{BASE} crc {crc:08x}");
        }
        for Retained { entry, first, last, closed } in &self.retained {
            let Entry { name, seq } = entry;
            let name = quote(name);
            let _ = writeln!(
                body,
                "{RETAINED} file {name} seq {seq} first {first} last {last} closed {closed}"
            );
        }
        let listed = self.base.iter().map(|entry| (entry, 'b'));
        for (entry, kind) in listed.chain(self.segments.iter().map(|entry| (entry, 'i'))) {
            let _ = writeln!(body, "file {} seq {} type {kind}", quote(&entry.name), entry.seq);
        }
        let mut out = format!("{MARK} 1 {:08x}\n", checksum(&body)).into_bytes();
        out.append(&mut body);
        out
    }

    /// Reads a manifest, ours or a stock server's.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, BadLine> {
        let bad = |offset, expected| BadLine { offset, expected };
        let text = std::str::from_utf8(bytes).map_err(|e| bad(e.valid_up_to(), "text"))?;
        if text.is_empty() {
            return Err(bad(0, "a manifest; the file is empty"));
        }
        let mut manifest = Manifest::default();
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            let here = offset;
            offset += line.len();
            let line = line.strip_suffix('\n').ok_or(bad(here, "a whole line"))?;
            if let Some(rest) = line.strip_prefix(MARK) {
                let crc = rest.strip_prefix(" 1 ").ok_or(bad(here, "manifest version 1"))?;
                let body = bytes.get(offset..).unwrap_or(&[]);
                if here != 0 || crc != format!("{:08x}", checksum(body)) {
                    return Err(bad(here, "a manifest that matches its checksum"));
                }
                manifest.ours = true;
            } else if let Some(rest) = line.strip_prefix(RETAINED) {
                let retained = retained(rest).filter(|_| manifest.ours);
                manifest.retained.push(retained.ok_or(bad(here, "a checksummed retained line"))?);
            } else if let Some(rest) = line.strip_prefix(BASE) {
                let crc = base_crc(rest).filter(|_| manifest.ours);
                manifest.base_crc = Some(crc.ok_or(bad(here, "the base's checksum"))?);
            } else if !line.starts_with('#') {
                manifest.list(line).map_err(|expected| bad(here, expected))?;
            }
        }
        Ok(manifest)
    }

    fn list(&mut self, line: &str) -> Result<(), &'static str> {
        let words = split(line.trim()).ok_or("words, quoted as Redis quotes them")?;
        let (entry, kind) = entry(&words).ok_or("file NAME seq N type b|i|h")?;
        match kind.as_str() {
            "b" if self.base.is_some() => return Err("only one base"),
            "b" => self.base = Some(entry),
            "i" if self.segments.last().is_some_and(|last| last.seq >= entry.seq) => {
                return Err("segments in the order of their numbers");
            }
            "i" => self.segments.push(entry),
            "h" => self.history.push(entry),
            _ => return Err("type b, i or h"),
        }
        Ok(())
    }

    /// The names of all files in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let retained = self.retained.iter().map(|retained| &retained.entry);
        let listed = self.base.iter().chain(&self.segments).chain(&self.history);
        listed.chain(retained).map(|entry| entry.name.as_str())
    }

    /// A number above that of every file in the manifest.
    pub fn next_segment_seq(&self) -> u64 {
        let retained = self.retained.iter().map(|retained| retained.entry.seq);
        let listed = self.segments.iter().chain(&self.history).map(|entry| entry.seq);
        retained.chain(listed).max().unwrap_or(0) + 1
    }

    /// As [`Manifest::next_segment_seq`], for bases.
    pub fn next_base_seq(&self) -> u64 {
        self.base.iter().chain(&self.history).map(|entry| entry.seq).max().unwrap_or(0) + 1
    }
}

/// CRC-32C, as it stands in a manifest.
pub(super) fn checksum(body: &[u8]) -> u32 {
    (crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, body) & 0xffff_ffff) as u32
}

/// A value in a line, read as a stock server does: pairs in any order, unknown names skipped.
fn value<'a>(words: &'a [String], name: &str) -> Option<&'a String> {
    words.chunks_exact(2).find_map(|pair| match pair {
        [key, value] if key.eq_ignore_ascii_case(name) => Some(value),
        _ => None,
    })
}

fn entry(words: &[String]) -> Option<(Entry, String)> {
    let name = file_name(value(words, "file")?)?;
    let seq = value(words, "seq")?.parse().ok().filter(|seq| *seq > 0 && *seq < u64::MAX)?;
    words.len().is_multiple_of(2).then_some((Entry { name, seq }, value(words, "type")?.clone()))
}

fn base_crc(rest: &str) -> Option<u32> {
    let words = split(rest.trim())?;
    u32::from_str_radix(value(&words, "crc")?, 16).ok()
}

fn retained(rest: &str) -> Option<Retained> {
    let words = split(rest.trim())?;
    let name = file_name(value(&words, "file")?)?;
    let number = |key: &str| value(&words, key).and_then(|value| value.parse::<u64>().ok());
    let entry = Entry { name, seq: number("seq").filter(|seq| *seq < u64::MAX)? };
    let (first, last) = (Lsn(number("first")?), Lsn(number("last")?));
    Some(Retained { entry, first, last, closed: number("closed")? })
}

/// A name, if it is one and not a path.
fn file_name(name: &str) -> Option<String> {
    let path = name.contains(['/', '\0']) || name == "." || name == ".." || name.is_empty();
    (!path).then(|| name.to_owned())
}

/// Quotes a name as Redis does if it holds a blank, a quote or a control character.
fn quote(name: &str) -> String {
    if !name.bytes().any(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'\\' | 0..=0x1f | 0x7f)) {
        return name.to_owned();
    }
    let mut out = String::from("\"");
    for character in name.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// Splits a line into words as `sdssplitargs` does: "..." with escapes, '...' with only \' escaped.
fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.bytes().peekable();
    loop {
        while rest.next_if(u8::is_ascii_whitespace).is_some() {}
        let Some(first) = rest.peek().copied() else { return Some(words) };
        let mut word = Vec::new();
        if first == b'"' || first == b'\'' {
            rest.next();
            loop {
                match rest.next()? {
                    byte if byte == first => break,
                    b'\\' if first == b'"' => word.push(escaped(&mut rest)?),
                    b'\\' if rest.next_if_eq(&b'\'').is_some() => word.push(b'\''),
                    byte => word.push(byte),
                }
            }
            if rest.peek().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return None;
            }
        } else {
            while let Some(byte) = rest.next_if(|byte| !byte.is_ascii_whitespace()) {
                word.push(byte);
            }
        }
        words.push(String::from_utf8(word).ok()?);
    }
}

/// The byte that a backslash and what follows stand for.
fn escaped(rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(match rest.next()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        b'x' => {
            let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
            high << 4 | low
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let entry = |name: &str, seq| Entry { name: name.to_owned(), seq };
        let old = Retained { entry: entry("a 3", 3), first: Lsn(1), last: Lsn(9), closed: 77 };
        Manifest {
            base_crc: Some(0x0123_abcd),
            base: Some(entry("say \"x\"\n.2.base.rdb", 2)),
            segments: vec![entry("a.4.incr.aof", 4), entry("a.5.incr.aof", 5)],
            retained: vec![old],
            history: Vec::new(),
            ours: true,
        }
    }

    #[test]
    fn reads_back_what_it_wrote() {
        assert_eq!(Manifest::decode(&sample().encode()), Ok(sample()));
        assert_eq!((sample().next_segment_seq(), sample().next_base_seq()), (6, 3));
    }

    #[test]
    fn every_flip_and_every_cut_is_seen_or_harmless() {
        let bytes = sample().encode();
        let harmless = |manifest: &Manifest| {
            manifest.segments == sample().segments
                && manifest.base == sample().base
                && manifest.base_crc == sample().base_crc
                && manifest.retained == sample().retained
        };
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = Manifest::decode(&flipped) {
                assert!(harmless(&read), "bit {bit}: {read:?}");
            }
        }
        for cut in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn reads_a_stock_manifest() {
        let text = "file \"app\\x65nd only.aof.1.base.rdb\" seq 1 type b\n# a comment\n\
                    file 'it\\'s.0.incr.aof' seq 7 type h\nfile x.1.incr.aof seq 1 type i more yes\n";
        let read = Manifest::decode(text.as_bytes()).unwrap();
        assert_eq!(read.base.unwrap().name, "append only.aof.1.base.rdb");
        assert_eq!(read.history[0].name, "it's.0.incr.aof");
        assert_eq!(read.segments[0].seq, 1);
        assert!(!read.ours);
        for bad in [
            "",
            "file a seq 1 type i",
            "file a/b seq 1 type i\n",
            "file a seq 1\n",
            "file a seq 1 type x\n",
            "file a seq 2 type i\nfile b seq 2 type i\n",
            "file a seq 1 type b\nfile b seq 2 type b\n",
            "#COOLCACHE-RETAINED file a seq 1 first 0 last 1 closed 1\n",
        ] {
            assert!(Manifest::decode(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
