//! Reading in pieces against reading whole: the twin is [`load`](crate::rdb::load).

use super::{
    ConsumerHead, GroupHead, IdempotencyHead, LeftOut, Message, PendingEntry, ReleasedEntry,
    StreamEnd, Visitor, Want, file, payload,
};
use crate::keyspace::value::Type;
use crate::rdb::stream::{Id, Pair, Stream};
use crate::rdb::{
    Entry, Hash, List, LoadError, LoadOptions, Modules, Refused, Rest, Set, Sink, StringValue,
    Version, Zset, fuzzing, load,
};
use crate::types::packed::Element;
use std::io::Read;

const OPTIONS: LoadOptions =
    LoadOptions { verify_checksum: true, modules: Modules::Skip, rest: Rest::Refuse };

/// All that was told, a key a row.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    rows: Vec<(String, Vec<String>)>,
    left_out: Vec<String>,
    raw: Vec<(u8, Vec<u8>)>,
    wanted: Option<Want>,
    value_type: Option<Type>,
    scope: String,
}

impl Told {
    fn say(&mut self, line: String) -> Result<(), Refused> {
        self.rows.last_mut().expect("a key has begun").1.push(line);
        Ok(())
    }

    fn begin(&mut self, entry: &Entry<'_>, what: &str) {
        self.rows.push((format!("{entry:?} {what}"), Vec::new()));
    }

    fn whole(&mut self, entry: &Entry<'_>, what: &str, lines: Vec<String>) -> Result<(), Refused> {
        self.rows.push((format!("{entry:?} {what}"), lines));
        Ok(())
    }
}

fn text(element: Element<'_>) -> String {
    element.with(|bytes| bytes.escape_ascii().to_string())
}

fn fields(pairs: &[Pair<'_>]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (text(*name), text(*value))).collect()
}

fn stream_lines(stream: &Stream<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for node in &stream.nodes {
        for entry in node.entries() {
            let pairs: Vec<Pair<'_>> = entry.pairs().collect();
            all.push(format!("{:?} {:?}", entry.id, fields(&pairs)));
        }
    }
    let Stream { length, last_id, max_deleted_id, entries_added, groups, .. } = stream;
    all.push(format!("{length} {last_id:?} {max_deleted_id:?} {entries_added}"));
    for group in groups {
        all.push(format!("group {} {:?}", group.name.escape_ascii(), group.last_id));
        for (index, one) in group.consumers.iter().enumerate() {
            let name = one.name.escape_ascii();
            all.push(format!("consumer {name} {} {}", one.seen_ms, one.active_ms));
            let own = group.pending.iter().filter(|pending| pending.consumer == index);
            all.extend(own.map(|one| format!("{:?} {} {}", one.id, one.time_ms, one.count)));
        }
        for id in &group.released {
            let found = group.pending.iter().find(|pending| pending.id == *id);
            all.push(format!("released {id:?} {}", found.expect("it is pending").count));
        }
    }
    if let Some(known) = &stream.idempotency {
        all.push(format!("known {} {}", known.duration_s(), known.max_size()));
        let mut messages = Vec::new();
        for producer in known.producers() {
            let pid = producer.pid().escape_ascii();
            messages.extend(
                producer.ids().map(|(iid, id)| format!("{pid} {} {id:?}", iid.escape_ascii())),
            );
        }
        all.append(&mut messages);
        all.push(format!("{} recorded, {} again", known.added(), known.duplicates()));
    }
    all
}

impl Sink for Told {
    fn string(&mut self, entry: &Entry<'_>, value: StringValue<'_>) -> Result<(), Refused> {
        let element = match value {
            StringValue::Int(integer) => Element::Int(integer),
            StringValue::Bytes(bytes) => Element::Bytes(bytes),
        };
        self.whole(entry, "string", vec![text(element)])
    }

    fn list(&mut self, entry: &Entry<'_>, value: List<'_>) -> Result<(), Refused> {
        self.whole(entry, "list", fuzzing::list(&value))
    }

    fn set(&mut self, entry: &Entry<'_>, value: Set<'_>) -> Result<(), Refused> {
        self.whole(entry, "set", fuzzing::set(&value))
    }

    fn hash(&mut self, entry: &Entry<'_>, value: Hash<'_>) -> Result<(), Refused> {
        self.whole(entry, "hash", fuzzing::hash(&value))
    }

    fn zset(&mut self, entry: &Entry<'_>, value: Zset<'_>) -> Result<(), Refused> {
        self.whole(entry, "zset", fuzzing::zset(&value))
    }

    fn stream(&mut self, entry: &Entry<'_>, value: Stream<'_>) -> Result<(), Refused> {
        self.whole(entry, "stream", stream_lines(&value))
    }

    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        self.rows.push((format!("function {}", code.escape_ascii()), Vec::new()));
        Ok(())
    }
}

impl Visitor for Told {
    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        Sink::function(self, code)
    }

    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused> {
        self.begin(entry, value_type.name());
        self.value_type = Some(value_type);
        Ok(self.wanted.unwrap_or(Want::Pieces))
    }

    fn raw(&mut self, _version: Version, number: u8, bytes: &[u8]) -> Result<(), Refused> {
        self.raw.push((number, bytes.to_vec()));
        Ok(())
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), Refused> {
        self.say(text(element))
    }

    fn field(
        &mut self,
        name: Element<'_>,
        value: Element<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), Refused> {
        self.say(format!("{}={} {expiry_ms:?}", text(name), text(value)))
    }

    fn scored(&mut self, member: Element<'_>, score: f64) -> Result<(), Refused> {
        self.say(format!("{} {score:?}", text(member)))
    }

    fn entry(&mut self, id: Id, pairs: &[Pair<'_>]) -> Result<(), Refused> {
        self.say(format!("{id:?} {:?}", fields(pairs)))
    }

    fn stream(&mut self, facts: &StreamEnd) -> Result<(), Refused> {
        let StreamEnd { length, last_id, max_deleted_id, entries_added } = facts;
        self.say(format!("{length} {last_id:?} {max_deleted_id:?} {entries_added}"))
    }

    fn group(&mut self, group: &GroupHead<'_>) -> Result<(), Refused> {
        self.say(format!("group {} {:?}", group.name.escape_ascii(), group.last_id))
    }

    fn consumer(&mut self, one: &ConsumerHead<'_>) -> Result<(), Refused> {
        self.say(format!("consumer {} {} {}", one.name.escape_ascii(), one.seen_ms, one.active_ms))
    }

    fn pending(&mut self, one: &PendingEntry) -> Result<(), Refused> {
        self.say(format!("{:?} {} {}", one.id, one.time_ms, one.count))
    }

    fn released(&mut self, one: &ReleasedEntry) -> Result<(), Refused> {
        self.say(format!("released {:?} {}", one.id, one.count))
    }

    fn idempotency(&mut self, known: &IdempotencyHead) -> Result<(), Refused> {
        self.say(format!("known {} {}", known.duration_s, known.max_size))
    }

    fn message(&mut self, one: &Message<'_>) -> Result<(), Refused> {
        self.say(format!("{} {} {:?}", one.pid.escape_ascii(), one.iid.escape_ascii(), one.id))
    }

    fn idempotency_end(&mut self, added: u64, duplicates: u64) -> Result<(), Refused> {
        self.say(format!("{added} recorded, {duplicates} again"))
    }

    fn end(&mut self, _bytes: u64) -> Result<(), Refused> {
        let (_, lines) = self.rows.last_mut().expect("a key has begun");
        if matches!(self.value_type, Some(Type::Set | Type::Hash | Type::Zset)) {
            lines.sort_unstable();
        }
        // A collection without elements is passed over when it is read whole.
        if lines.is_empty() {
            self.rows.pop();
        }
        Ok(())
    }

    fn left_out(&mut self, what: &LeftOut<'_>) -> Result<(), Refused> {
        self.left_out.push(format!("{} {}", what.entry.key.escape_ascii(), what.what));
        Ok(())
    }
}

/// Gives one byte at a time.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let (Some((first, rest)), Some(to)) = (self.0.split_first(), buffer.first_mut()) else {
            return Ok(0);
        };
        *to = *first;
        self.0 = rest;
        Ok(1)
    }
}

fn pieces(input: impl Read) -> (Result<u64, LoadError>, Told) {
    let mut told = Told::default();
    let summary = file(input, &OPTIONS, &mut told);
    (summary.map(|summary| summary.consumed), told)
}

/// Both ways tell the same of a file; what only one refuses is elements that are there twice.
fn check(bytes: &[u8]) {
    let mut whole = Told::default();
    let loaded = load(bytes, &OPTIONS, &mut whole);
    let (read, told) = pieces(bytes);
    match (&loaded, &read) {
        (Ok(summary), Ok(consumed)) => {
            assert_eq!(summary.consumed, *consumed);
            assert_eq!(whole.rows, told.rows);
        }
        (Err(LoadError::Corrupt(error)), Ok(_)) => {
            assert!(error.found.contains("twice") || error.found.contains("second"), "{error}");
        }
        // Types that are only read in pieces.
        (Err(LoadError::Unsupported { .. }), _) | (Err(_), Err(_)) => {}
        _ => panic!("whole: {loaded:?}, in pieces: {read:?}"),
    }
    let (dripped, slow) = pieces(Drip(bytes));
    assert_eq!(read.is_ok(), dripped.is_ok());
    if read.is_ok() {
        assert_eq!(told, slow);
    }
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<Vec<u8>> = entries.map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!found.is_empty());
    found
}

fn fixtures() -> Vec<Vec<u8>> {
    let all = files("tests/fixtures").into_iter();
    all.filter(|bytes| bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY")).collect()
}

#[test]
fn the_same_as_whole() {
    for bytes in files("fuzz/seeds/rdb").into_iter().chain(fixtures()) {
        check(&bytes);
    }
    assert!(fixtures().len() >= 3);
}

#[test]
fn damage_is_seen_alike() {
    for bytes in fixtures() {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let mut whole = Told::default();
            let loaded = load(&damaged, &OPTIONS, &mut whole);
            let (read, told) = pieces(&damaged[..]);
            assert!(loaded.is_err() || whole.rows == told.rows, "byte {at}");
            assert!(loaded.is_err() == read.is_err() || read.is_ok(), "byte {at}: {read:?}");
            let (read, _) = pieces(&bytes[..at]);
            assert!(read.is_err(), "cut at {at}");
        }
    }
}

/// A value in one piece is what lies in the file, and decodes to the same.
#[test]
fn raw_values_are_payloads() {
    for bytes in fixtures() {
        let (_, mut whole) = pieces(&bytes[..]);
        whole.rows.retain(|(name, _)| !name.starts_with("function"));
        let mut told = Told { wanted: Some(Want::Raw(1 << 20)), ..Told::default() };
        file(&bytes[..], &OPTIONS, &mut told).unwrap();
        assert_eq!(told.raw.len(), whole.rows.len());
        let version = load(&bytes, &OPTIONS, &mut Told::default()).unwrap().version;
        for ((number, value), (name, lines)) in told.raw.iter().zip(&whole.rows) {
            let framed = crate::rdb::dump::frame(version, *number, value);
            let entry = Entry { db: 0, key: b"k", expiry_ms: None, idle_s: None, freq: None };
            let mut again = Told::default();
            payload(&framed, &entry, &mut again).unwrap();
            assert_eq!(again.rows[0].1, *lines, "{name}");
        }
        // Too large for one piece: in pieces.
        let mut told = Told { wanted: Some(Want::Raw(3)), ..Told::default() };
        file(&bytes[..], &OPTIONS, &mut told).unwrap();
        assert!(told.raw.iter().all(|(_, value)| value.len() <= 3));
        assert!(told.rows.iter().any(|(_, lines)| !lines.is_empty()));
        // Not wanted: stepped over.
        let mut told = Told { wanted: Some(Want::Nothing), ..Told::default() };
        file(&bytes[..], &OPTIONS, &mut told).unwrap();
        assert!(told.rows.iter().all(|(_, lines)| lines.is_empty()));
    }
}

/// What servers of the future, and modules, put there: left out, and told.
#[test]
fn what_is_not_decoded_is_left_out() {
    let array = b"\x1c\x01a\x02\x01\x05\x00\x00\x02hi\x07\x01\x01\x00\x00\x00\x00\x00\x00\x00";
    let module = b"\x07\x01m\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x0a\x05\x03abc\x00";
    let mut bytes = b"REDIS0014".to_vec();
    // Metadata of the next key: one class.
    bytes.extend_from_slice(b"\xf3\x01\x00\x00\x00\x01\x02\x05\x00");
    bytes.extend_from_slice(array);
    bytes.extend_from_slice(module);
    bytes.extend_from_slice(b"\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0");
    for (read, told) in [pieces(&bytes[..]), pieces(Drip(&bytes))] {
        assert_eq!(read.unwrap(), bytes.len() as u64);
        assert_eq!(told.left_out, ["a array", "m module value"]);
        assert_eq!(told.rows.len(), 1);
        assert_eq!(told.rows[0].1, ["v"]);
    }
    let refuse = LoadOptions::default();
    let refused = file(&bytes[..], &refuse, &mut Told::default());
    assert!(matches!(refused, Err(LoadError::Unsupported { .. })), "{refused:?}");
    for cut in 9..bytes.len() - 1 {
        assert!(pieces(&bytes[..cut]).0.is_err(), "cut at {cut}");
    }
}

/// Streams of Redis 8.6 and 8.8 end with more than those before.
#[test]
fn streams_of_newer_servers() {
    let fixture = fixtures()
        .into_iter()
        .find(|bytes| bytes.starts_with(b"VALKEY"))
        .expect("a file with streams of type 21");
    let mut told = Told { wanted: Some(Want::Raw(1 << 20)), ..Told::default() };
    file(&fixture[..], &OPTIONS, &mut told).unwrap();
    let (_, whole) = pieces(&fixture[..]);
    let row = told.raw.iter().position(|(number, _)| *number == 21).expect("a stream");
    let (_, stream) = &told.raw[row];
    // No producers; then one with one id.
    for (tail, lines) in [
        (&b"\x10\x20\x00\x05\x00"[..], &["known 16 32", "5 recorded, 0 again"][..]),
        (
            b"\x10\x20\x01\x02p1\x01\x02i1\x05\x00\x05\x02",
            &["known 16 32", "p1 i1 StreamId { ms: 5, seq: 0 }", "5 recorded, 2 again"],
        ),
        // As in a new stream.
        (b"\x40\x64\x40\x64\x00\x00\x00", &[]),
    ] {
        let bytes = stream_file(b"REDIS0013\x1a", stream, tail);
        check(&bytes);
        let (read, told) = pieces(&bytes[..]);
        read.unwrap();
        let (before, more) = told.rows[0].1.split_at(whole.rows[row].1.len());
        assert_eq!(before, whole.rows[row].1);
        assert_eq!(more, lines);
    }
    for bad in [
        &b"\x00\x20\x00\x05\x00"[..],
        b"\x10\x00\x00\x05\x00",
        b"\x10\x20\x01\x02p1\x00\x05\x00",
        b"\x10\x20\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00",
    ] {
        let bytes = stream_file(b"REDIS0013\x1a", stream, bad);
        check(&bytes);
        assert!(pieces(&bytes[..]).0.is_err(), "{}", bad.escape_ascii());
    }
}

/// A file with one stream, whose type's number `head` ends with.
fn stream_file(head: &[u8], stream: &[u8], tail: &[u8]) -> Vec<u8> {
    [head, b"\x01k", stream, tail, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

/// What loading refuses of a stream, or changes.
#[test]
fn what_a_stream_cannot_be() {
    let huge = b"\x81\x80\0\0\0\0\0\0\0";
    for (numbers, good) in [
        // Entries, last, first, deleted, ever added; no groups.
        (&b"\x00\x05\x00\x00\x00\x05\x00\x02\x00"[..], true),
        (b"\x00\x05\x00\x00\x00\x05\x01\x02\x00", false),
        (&[b"\x00\x05\x00\x00\x00\x00\x00", &huge[..], b"\x00"].concat(), false),
        // A group that has read so many; nobody, nothing pending.
        (&[b"\x00\x05\0\0\0\0\0\x02\x01\x01g\0\0", &huge[..], b"\0\0"].concat(), false),
        (b"\x00\x05\0\0\0\0\0\x02\x01\x01g\0\0\x81\xff\xff\xff\xff\xff\xff\xff\xff\0\0", true),
    ] {
        let bytes = stream_file(b"REDIS0011\x15", b"\x00", numbers);
        check(&bytes);
        assert_eq!(pieces(&bytes[..]).0.is_ok(), good, "{}", numbers.escape_ascii());
    }
    // Delivered more often than can be counted: 1-0, to a consumer that was never active.
    let mut stream = b"\x00\x00\x05\0\0\0\0\0\x02\x01\x01g\0\0\0\x01".to_vec();
    let id = b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0";
    stream
        .extend_from_slice(&[&id[..], &[0; 8], huge, b"\x01\x01c", &[0; 16], b"\x01", id].concat());
    let bytes = stream_file(b"REDIS0011\x15", &stream, b"");
    check(&bytes);
    let (read, told) = pieces(&bytes[..]);
    read.unwrap();
    let counted = format!(" {}", i64::MAX);
    assert!(told.rows[0].1.iter().any(|line| line.ends_with(&counted)), "{told:?}");
}
