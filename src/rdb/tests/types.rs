//! Values of every type: those of other servers read, ours written and read back, damaged ones
//! survived.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::*;
use super::payload;
use super::streams::{stream_of, with_extras};
use crate::paged::PageHeap;
use crate::rdb::dump::DumpValue;
use crate::rdb::stream::Stream;
use crate::types::Limits;
use crate::types::hash::{Expiry, HashValue};
use crate::types::packed::Packed;
use crate::types::set::SetValue;
use proptest::prelude::*;

/// What a file holds: keys with their type and content.
#[derive(Default, Debug, PartialEq)]
struct Told(BTreeMap<String, (&'static str, Vec<String>)>);

impl Told {
    fn put(&mut self, entry: &Entry<'_>, what: &'static str, told: Vec<String>) {
        let key = entry.key.escape_ascii().to_string();
        assert!(self.0.insert(key, (what, told)).is_none());
    }
}

impl Sink for Told {
    fn string(&mut self, entry: &Entry<'_>, value: StringValue<'_>) -> Result<(), Refused> {
        self.put(entry, "string", fuzzing::tell(&DumpValue::String(value)));
        Ok(())
    }

    fn list(&mut self, entry: &Entry<'_>, value: List<'_>) -> Result<(), Refused> {
        self.put(entry, "list", fuzzing::list(&value));
        Ok(())
    }

    fn set(&mut self, entry: &Entry<'_>, value: Set<'_>) -> Result<(), Refused> {
        let what = match value {
            Set::Ints(_) => "set of integers",
            Set::Packed(_) => "packed set",
            Set::Members(_) => "set",
        };
        self.put(entry, what, fuzzing::set(&value));
        Ok(())
    }

    fn hash(&mut self, entry: &Entry<'_>, value: Hash<'_>) -> Result<(), Refused> {
        let what = if matches!(value, Hash::Packed(_)) { "packed hash" } else { "hash" };
        self.put(entry, what, fuzzing::hash(&value));
        Ok(())
    }

    fn zset(&mut self, entry: &Entry<'_>, value: Zset<'_>) -> Result<(), Refused> {
        let what = if matches!(value, Zset::Packed(_)) { "packed zset" } else { "zset" };
        self.put(entry, what, fuzzing::zset(&value));
        Ok(())
    }

    fn stream(&mut self, entry: &Entry<'_>, value: Stream<'_>) -> Result<(), Refused> {
        self.put(entry, "stream", fuzzing::stream(&value));
        Ok(())
    }

    fn function(&mut self, _code: &[u8]) -> Result<(), Refused> {
        Ok(())
    }
}

fn told(bytes: &[u8]) -> Told {
    let mut told = Told::default();
    load(bytes, &LoadOptions::default(), &mut told).unwrap();
    told
}

fn sorted(lines: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    lines.sort_unstable();
    lines
}

const REDIS: &[u8] = include_bytes!("../../../tests/fixtures/redis-7.0-types.rdb");
const VALKEY: &[u8] = include_bytes!("../../../tests/fixtures/valkey-9.1-types.rdb");

/// The files of `tests/fixtures/types.sh`.
#[test]
fn files_of_other_servers() {
    let long: String = (1..=40u64).map(|i| format!("piece {}; ", i * i * 7919)).collect();
    for (bytes, redis) in [(REDIS, true), (VALKEY, false)] {
        let Told(keys) = told(bytes);
        let expect = |key: &str, what: &str, lines: &[&str]| {
            let (found, told) = &keys[key];
            assert_eq!(*found, what, "{key}");
            let mut told = told.clone();
            if what != "list" {
                told.sort_unstable();
                assert_eq!(told, sorted(lines), "{key}");
            }
            assert_eq!(told, lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>(), "{key}");
        };
        let list = ["a", "1", "-200", "70000", "3000000000", "", "bcd"];
        expect("list:small", "list", &list);
        let last = format!("and {long}");
        expect("list:large", "list", &[&list[..], &[&last]].concat());
        let unordered = |key: &str, what: &str, lines: &[&str]| {
            let (found, told) = &keys[key];
            let mut told = told.clone();
            told.sort_unstable();
            assert_eq!((*found, told), (what, sorted(lines)), "{key}");
        };
        unordered("set:ints16", "set of integers", &["-2", "1", "3"]);
        unordered("set:ints32", "set of integers", &["-70000", "1", "3"]);
        unordered("set:ints64", "set of integers", &["-5000000000", "1", "3"]);
        // Version 10 has no packed sets.
        let small = if redis { "set" } else { "packed set" };
        unordered("set:small", small, &["a", "1", "-200"]);
        unordered("set:large", "set", &["a", "1", "-200", &long]);
        let fields = ["name=value None", "1=2 None", "-5=70000 None", "empty= None"];
        unordered("hash:small", "packed hash", &fields);
        let field = format!("long={long} None");
        unordered("hash:large", "hash", &[&fields[..], &[&field]].concat());
        let members =
            ["one 1.0", "half 2.5", "low -inf", "tenth 0.1", "high 3000000000.0", "also 1.0"];
        unordered("zset:small", "packed zset", &members);
        let member = format!("{long} 7.0");
        unordered("zset:large", "zset", &[&members[..], &["top inf", &member]].concat());
        if !redis {
            unordered("hash:expires", "hash", &["stays=1 None", "leaves=two Some(4102444800123)"]);
        }
        check_stream(&keys["stream"].1);
        let empty = &keys["stream:empty"].1;
        let id = "StreamId { ms: 7, seq: 7 }";
        assert_eq!(*empty, [format!("{id} StreamId {{ ms: 0, seq: 0 }} {id} 1")]);
        fuzzing::file(bytes);
    }
}

fn check_stream(lines: &[String]) {
    assert_eq!(
        lines[..3],
        [
            r#"1-1 [("name", "value"), ("other", 5)]"#,
            r#"2-0 [("different", "fields")]"#,
            r#"5-0 [("name", "last"), ("other", 7)]"#,
        ]
    );
    let ids = "StreamId { ms: 5, seq: 0 } StreamId { ms: 1, seq: 1 } StreamId { ms: 1, seq: 2 } 4";
    assert_eq!(lines[3], ids);
    let group = &lines[4..].iter().find(|line| line.contains("103, 114")).unwrap();
    // Alice still has 2-0, Bob 5-0.
    assert!(group.contains("last_id: StreamId { ms: 5, seq: 0 }"), "{group}");
    assert!(
        group.contains("pending: [Pending { id: StreamId { ms: 2, seq: 0 }, time_ms: "),
        "{group}"
    );
    assert!(group.contains("count: 1, consumer: 0 }, Pending { id: StreamId { ms: 5, seq: 0 }"));
    assert!(group.contains("count: 1, consumer: 1 }]"), "{group}");
    assert_eq!(lines.len(), 6);
}

/// Everything in a file as DUMP payloads.
struct Payloads(Vec<Vec<u8>>);

impl Payloads {
    fn put(&mut self, value: DumpValue<'_>) {
        let keyspace = fuzzing::stored(b"key", value, Limits::default()).unwrap();
        fuzzing::with_entry(&keyspace, b"key", |stored| {
            for format in [Format::V10, Format::V12, Format::V14, Format::Valkey80] {
                let mut payload = Vec::new();
                if entry::encode(stored, false, format, &mut payload).is_ok() {
                    self.0.push(payload);
                }
            }
        });
    }
}

impl Sink for Payloads {
    fn string(&mut self, _: &Entry<'_>, value: StringValue<'_>) -> Result<(), Refused> {
        self.put(DumpValue::String(value));
        Ok(())
    }

    fn list(&mut self, _: &Entry<'_>, value: List<'_>) -> Result<(), Refused> {
        self.put(DumpValue::List(value));
        Ok(())
    }

    fn set(&mut self, _: &Entry<'_>, value: Set<'_>) -> Result<(), Refused> {
        self.put(DumpValue::Set(value));
        Ok(())
    }

    fn hash(&mut self, _: &Entry<'_>, value: Hash<'_>) -> Result<(), Refused> {
        self.put(DumpValue::Hash(value));
        Ok(())
    }

    fn zset(&mut self, _: &Entry<'_>, value: Zset<'_>) -> Result<(), Refused> {
        self.put(DumpValue::Zset(value));
        Ok(())
    }

    fn stream(&mut self, _: &Entry<'_>, value: Stream<'_>) -> Result<(), Refused> {
        self.put(DumpValue::Stream(Box::new(value)));
        Ok(())
    }

    fn function(&mut self, _: &[u8]) -> Result<(), Refused> {
        Ok(())
    }
}

/// Every byte of every payload, changed in several ways, under a checksum that is right again.
#[test]
fn damage_under_a_right_checksum_is_survived() {
    let mut payloads = Payloads(Vec::new());
    load(VALKEY, &LoadOptions::default(), &mut payloads).unwrap();
    assert!(payloads.0.len() > 40);
    let old = LEGACY.iter().map(|(body, _)| payload(body, 10));
    for payload in payloads.0.into_iter().chain(old) {
        let version = u16::from_le_bytes([payload[payload.len() - 10], payload[payload.len() - 9]]);
        let mut body = payload[..payload.len() - 10].to_vec();
        // What is long is text, where one byte is as good as another.
        for at in 0..body.len().min(200) {
            for change in [1, 0x80, 0x7F, 0xFF, 0x10] {
                body[at] ^= change;
                fuzzing::dump_as(&body, version);
                body[at] ^= change;
            }
        }
        for length in 0..body.len().min(200) {
            fuzzing::dump_as(&body[..length], version);
        }
    }
}

type Legacy<'a> = (&'a [u8], &'a [&'a str]);

/// Values in the encodings of older servers. redis-server 7.0.15 and Valkey 9.1.2 take each but the
/// last two with RESTORE.
const LEGACY: &[Legacy<'_>] = &[
    // A plain list, set, sorted set (with text, inf and -inf as scores), hash.
    (b"\x01\x03\x01a\xc0\x05\x00", &["a", "5", ""]),
    (b"\x02\x02\x01a\xc0\x05", &["5", "a"]),
    (b"\x03\x03\x01a\x031.5\x01b\xfe\x01c\xff", &["a 1.5", "b inf", "c -inf"]),
    (b"\x04\x01\x01f\x01v", &["f=v None"]),
    // A zipmap with a free byte behind a value.
    (b"\x09\x0e\x02\x01a\x02\x01xy.\x01b\x01\x00z\xff", &["a=xy None", "b=z None"]),
    // A ziplist of "ab", 3, 300, -70000 (24 bits), 100000000 (32), 5000000000, -100 (8).
    (
        b"\x0a\x2d\x2d\x00\x00\x00\x29\x00\x00\x00\x07\x00\
        \x00\x02ab\x04\xf4\x02\xc0\x2c\x01\x04\xf0\x90\xee\xfe\x05\xd0\x00\xe1\xf5\x05\
        \x06\xe0\x00\xf2\x05\x2a\x01\x00\x00\x00\x0a\xfe\x9c\xff",
        &["ab", "3", "300", "-70000", "100000000", "5000000000", "-100"],
    ),
    (b"\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\xff\xff\x07\x00", &["-1", "7"]),
    // Ziplists of member and score, and of field and value.
    (b"\x0c\x13\x13\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01m\x03\x032.5\xff", &["m 2.5"]),
    (b"\x0d\x11\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01f\x03\x01v\xff", &["f=v None"]),
    (b"\x0e\x01\x11\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01f\x03\x01v\xff", &["f", "v"]),
    // A quicklist with a node of one element.
    (b"\x12\x02\x01\x03abc\x02\x0a\x0a\x00\x00\x00\x01\x00\x811\x02\xff", &["abc", "1"]),
    // Redis 7.4: field expiries, the second relative to 4,102,444,800,000.
    (
        b"\x18\x00\xd8\xc3\x2c\xbb\x03\x00\x00\x02\x00\x01a\x01x\x40\x7c\x01b\x01y",
        &["a=x None", "b=y Some(4102444800123)"],
    ),
    (
        b"\x19\x00\xd8\xc3\x2c\xbb\x03\x00\x00\x1f\x1f\x00\x00\x00\x06\x00\
        \x81b\x02\x81y\x02\xf4\x7b\xd8\xc3\x2c\xbb\x03\x00\x00\x09\x81a\x02\x81x\x02\x00\x01\xff",
        &["a=x None", "b=y Some(4102444800123)"],
    ),
];

#[test]
fn encodings_of_older_servers() {
    for (body, expected) in LEGACY {
        let mut scratch = Vec::new();
        let payload = payload(body, 12);
        let value = dump::decode(&payload, &mut scratch)
            .unwrap_or_else(|error| panic!("{}: {error:?}", body.escape_ascii()));
        assert_eq!(fuzzing::tell(&value), *expected);
        fuzzing::dump_as(body, 12);
    }
}

#[test]
fn values_that_cannot_be() {
    for (body, version, expected) in [
        (&b"\x02\x02\x01a\x01a"[..], 10, "\"a\" twice"),
        (b"\x02\x02\xc0\x05\x015", 10, "\"5\" twice"),
        (b"\x04\x02\x01f\x01v\x01f\x01w", 10, "\"f\" twice"),
        (b"\x05\x01\x01m\x00\x00\x00\x00\x00\x00\xf8\x7f", 10, "found nan"),
        (b"\x03\x01\x01m\xfd", 10, "found nan"),
        (b"\x03\x01\x01m\x01x", 10, "a score"),
        (b"\x05\x02\x01m\0\0\0\0\0\0\0\0\x01m\0\0\0\0\0\0\0\0", 10, "\"m\" twice"),
        (b"\x10\x0a\x0a\x00\x00\x00\x01\x00\x811\x02\xff", 10, "a value for every field"),
        (b"\x10\x0a\x0a\x00\x00\x00\x02\x00\x811\x02\xff", 10, "1 elements that say they are 2"),
        (b"\x10\x0a\x0b\x00\x00\x00\x01\x00\x811\x02\xff", 10, "10 bytes that say they are 11"),
        (b"\x10\x0a\x0a\x00\x00\x00\x01\x00\x811\x03\xff", 10, "its length at its end"),
        (b"\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x07\x00\x07\x00", 10, "do not ascend"),
        (b"\x0b\x0c\x03\x00\x00\x00\x02\x00\x00\x00\x07\x00\x08\x00", 10, "another length"),
        (b"\x12\x01\x03\x01a", 10, "a list node's kind"),
        (b"\x01\x00", 10, "a value with elements"),
        (b"\x12\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff", 10, "a value with elements"),
        (b"\x16\x01\x01f\x01v\xfe\xff\xff\xff\xff\xff\xff\xff", 80, "a field's time of expiry"),
        (b"\x16\x01\x01f\x01v\xff\xff\xff\xff\xff\xff\xff\xff", 12, "before 7.4"),
        (b"\x18\x01\x01f\x01v", 80, "value type 24"),
        // A million members announced, and one there.
        (b"\x02\x80\x00\x0f\x42\x40\x01a", 10, "more bytes"),
        (b"\x02\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01a", 10, "more bytes"),
    ] {
        let payload = payload(body, version);
        let mut scratch = Vec::new();
        let error = dump::decode(&payload, &mut scratch).err().unwrap();
        let dump::DumpError::BadData(cause) = &error else { panic!("{error:?}") };
        assert!(cause.to_string().contains(expected), "{cause}, not {expected}");
    }
}

#[test]
fn empty_collections_are_passed_over_in_files() {
    let bytes =
        super::file("REDIS0010", b"\x02\x01s\x00\xfc\x01\0\0\0\0\0\0\0\x01\x01l\x00\x00\x01k\x01v");
    let mut content = Told::default();
    let summary = load(&bytes, &LoadOptions::default(), &mut content).unwrap();
    assert_eq!((summary.keys, summary.empty, summary.expires), (1, 2, 0));
    assert_eq!(content.0.len(), 1);
}

/// A value of a hundred thousand elements in pieces of a hundred bytes: were it begun anew with
/// every piece, this would not end.
#[test]
fn a_large_value_in_small_pieces() {
    let mut heap = PageHeap::new();
    let mut set = SetValue::new();
    let mut hash = HashValue::new();
    let limits = Limits::default();
    for number in 0..100_000u64 {
        set.insert(format!("member:{number}").as_bytes(), &limits, &mut heap);
        let expiry = if number % 2 == 0 { Expiry::None } else { Expiry::At(number) };
        hash.set_with(number.to_string().as_bytes(), b"value", expiry, &limits, &mut heap);
    }
    let options = WriterOptions { format: Format::Valkey80, ..WriterOptions::default() };
    let mut writer = Writer::begin(Vec::new(), &options, &[]).unwrap();
    writer.value(b"set", &ValueRef::Set(set.as_ref()), Some(5), Hint::None).unwrap();
    writer.value(b"hash", &ValueRef::Hash(hash.as_ref()), None, Hint::Idle(3)).unwrap();
    let bytes = writer.finish().unwrap().out;
    let mut loader = Loader::new(LoadOptions::default());
    let mut content = Told::default();
    let mut ended = None;
    for piece in bytes.chunks(100) {
        if let Fed::Ended { summary, .. } = loader.feed(piece, &mut content).unwrap() {
            ended = Some(summary);
        }
    }
    assert_eq!(ended.map(|summary| summary.checksum), Some(Checksum::Verified));
    assert_eq!((content.0["set"].1.len(), content.0["hash"].1.len()), (100_000, 100_000));
    let plain = WriterOptions::default();
    let mut writer = Writer::begin(Vec::new(), &plain, &[]).unwrap();
    let refused = writer.value(b"hash", &ValueRef::Hash(hash.as_ref()), None, Hint::None);
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<i16>().prop_map(|integer| integer.to_string().into_bytes()),
        any::<i64>().prop_map(|integer| integer.to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..20),
        ("[ab]{1,5}", 1usize..300).prop_map(|(text, times)| text.repeat(times).into_bytes()),
    ]
}

fn owned(bytes: &[u8]) -> Text<'static> {
    Text::Bytes(Cow::Owned(bytes.to_vec()))
}

/// Writes values, and reads them whole and in pieces.
fn there_and_back(options: &WriterOptions, values: &[(&str, ValueRef<'_>)], piece: usize) -> Told {
    let mut writer = Writer::begin(Vec::new(), options, &[]).unwrap();
    for (key, value) in values {
        let fits = match *key {
            "expiring" => options.format.has_field_expiry(),
            "extras" => options.format.has_stream_extras(),
            _ => true,
        };
        if fits {
            writer.value(key.as_bytes(), value, None, Hint::None).unwrap();
        }
    }
    let bytes = writer.finish().unwrap().out;
    let found = told(&bytes);
    let mut content = Told::default();
    let mut loader = Loader::new(LoadOptions::default());
    for piece in bytes.chunks(piece) {
        loader.feed(piece, &mut content).unwrap();
    }
    assert_eq!(content, found);
    found
}

/// A list of these elements, the first half in one chunk.
fn list_of(elements: &[Vec<u8>]) -> List<'static> {
    let (chunk, rest) = elements.split_at(elements.len() / 2);
    let mut list = List::default();
    if !chunk.is_empty() {
        list.chunks.push(Chunk::Packed(chunk.iter().collect()));
    }
    list.chunks.extend(rest.iter().map(|element| Chunk::Element(owned(element))));
    list
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn any_values_there_and_back(
        elements in proptest::collection::vec(text(), 1..40),
        scores in proptest::collection::vec(any::<f64>().prop_map(|score| score + 0.0), 40),
        expiries in proptest::collection::vec(proptest::option::of(1u64..1 << 47), 40),
        entries in proptest::collection::vec((any::<u8>(), text(), any::<bool>()), 0..30),
        small in any::<bool>(),
        compression in any::<bool>(),
        piece in 1usize..3000,
    ) {
        let limit = if small { 1000 } else { 3 };
        let limits = Limits {
            hash_entries: limit, hash_value: 5000, set_entries: limit, set_value: 5000,
            ..Limits::default()
        };
        let mut heap = PageHeap::new();
        let (mut set, mut hash, mut expiring) =
            (SetValue::new(), HashValue::new(), HashValue::new());
        let mut zset: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
        for (index, element) in elements.iter().enumerate() {
            set.insert(element, &limits, &mut heap);
            hash.set(element, &elements[0], &limits, &mut heap);
            let expiry = expiries[index].map_or(Expiry::None, Expiry::At);
            expiring.set_with(element, b"v", expiry, &limits, &mut heap);
            zset.insert(element.clone(), if scores[index].is_nan() { 0.0 } else { scores[index] });
        }
        let list = list_of(&elements);
        let zset = if small {
            let mut packed = Packed::new();
            zset.iter().for_each(|(member, score)| { packed.insert_scored(*score, member); });
            Zset::Packed(packed)
        } else {
            Zset::Members(zset.iter().map(|(member, score)| (owned(member), *score)).collect())
        };
        let (stream, extras) = (stream_of(&entries), with_extras(stream_of(&entries)));
        let values = [
            ("set", ValueRef::Set(set.as_ref())),
            ("hash", ValueRef::Hash(hash.as_ref())),
            ("expiring", ValueRef::Hash(expiring.as_ref())),
            ("list", ValueRef::List(&list)),
            ("zset", ValueRef::Zset(zset.source())),
            ("stream", ValueRef::Stream(&stream)),
            ("extras", ValueRef::Stream(&extras)),
        ];
        let mut first = None;
        for format in [Format::Valkey80, Format::V14, Format::V12, Format::V10] {
            let options = WriterOptions { compression, format, checksum: true };
            let found = there_and_back(&options, &values, piece);
            prop_assert_eq!(&found.0["list"].1, &fuzzing::list(&list));
            prop_assert_eq!(&found.0["zset"].1, &fuzzing::zset(&zset));
            prop_assert_eq!(found.0["set"].1.len(), set.len());
            // Version 10 has no field expiries, and one time for a stream's consumer.
            let lost = |key: &str| key == "extras"
                || format == Format::V10 && matches!(key, "expiring" | "stream");
            let extras = format.has_stream_extras().then(|| fuzzing::stream(&extras));
            prop_assert_eq!(found.0.get("extras").map(|one| &one.1), extras.as_ref());
            let contents = |told: &Told| {
                told.0.iter().map(|(key, (_, lines))| (key.clone(), lines.clone()))
                    .filter(|(key, _)| !lost(key))
                    .collect::<Vec<_>>()
            };
            if let Some(first) = &first {
                prop_assert_eq!(contents(first), contents(&found));
            } else {
                prop_assert_eq!(&found.0["stream"].1, &fuzzing::stream(&stream));
                prop_assert_eq!(found.0["expiring"].1.len(), expiring.len());
                first = Some(found);
            }
        }
    }

    #[test]
    fn any_bytes_of_any_type_are_survived(
        number in 0u8..30,
        version in prop_oneof![Just(10u16), Just(12), Just(14), Just(80)],
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), 0u8..4, 0xF0u8..=0xFF, Just(0xC3)], 0..60),
    ) {
        fuzzing::dump_as(&[&[number], &bytes[..]].concat(), version);
    }
}

/// What other servers take of ours: redis-check-rdb reads every value.
#[test]
fn redis_takes_values_of_every_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("types.rdb");
    let entries: Vec<_> = (0..20u8).map(|n| (n * 12, vec![b'x'; 30], n % 5 == 3)).collect();
    let stream = stream_of(&entries);
    let mut payloads = Payloads(Vec::new());
    load(REDIS, &LoadOptions::default(), &mut payloads).unwrap();
    let mut writer =
        Writer::begin(Vec::new(), &WriterOptions::default(), &[("redis-ver", b"7.0.0")]).unwrap();
    writer.select_db(0, 1, 0).unwrap();
    let mut keys = 0;
    writer.value(b"stream", &ValueRef::Stream(&stream), None, Hint::None).unwrap();
    for (index, payload) in payloads.0.iter().enumerate() {
        let mut scratch = Vec::new();
        let value = dump::decode(payload, &mut scratch).unwrap();
        let key = format!("key:{index}").into_bytes();
        let limits = Limits { hash_entries: index, set_entries: index, ..Limits::default() };
        let keyspace = fuzzing::stored(&key, value, limits).unwrap();
        fuzzing::with_entry(&keyspace, &key, |stored| {
            entry::write(&mut writer, stored, Hint::None).unwrap();
        });
        keys += 1;
    }
    std::fs::write(&path, writer.finish().unwrap().out).unwrap();
    let Ok(output) = std::process::Command::new("redis-check-rdb").arg(&path).output() else {
        assert!(std::env::var_os("CI").is_none(), "CI must have redis-check-rdb");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("{} keys read", keys + 1)), "{said}");
}
