//! Whole files: ours read back, Redis' read, damaged ones refused.

use std::io::Read;
use std::process::Command;

use proptest::prelude::*;

use super::*;

mod streams;
mod types;

/// A key as a sink received it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    db: u64,
    key: Vec<u8>,
    value: Vec<u8>,
    expiry_ms: Option<u64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    aux: Vec<(String, String)>,
    keys: Vec<Key>,
    sizes: Vec<(u64, u64, u64)>,
    functions: Vec<Vec<u8>>,
    /// Database numbers from this on are refused.
    databases: Option<u64>,
}

impl Sink for Content {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        self.aux.push((text(name), text(value)));
        Ok(())
    }

    fn database(&mut self, db: u64) -> Result<(), Refused> {
        match self.databases {
            Some(databases) if db >= databases => Err(Refused(format!("no database {db}"))),
            _ => Ok(()),
        }
    }

    fn resize(&mut self, db: u64, keys: u64, expires: u64) -> Result<(), Refused> {
        self.sizes.push((db, keys, expires));
        Ok(())
    }

    fn string(&mut self, entry: &Entry<'_>, value: StringValue<'_>) -> Result<(), Refused> {
        let Entry { db, key, expiry_ms, idle_s, freq } = *entry;
        let value = text(value);
        self.keys.push(Key { db, key: key.to_vec(), value, expiry_ms, idle_s, freq });
        Ok(())
    }

    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        self.functions.push(code.to_vec());
        Ok(())
    }
}

fn text(value: StringValue<'_>) -> Vec<u8> {
    match value {
        StringValue::Bytes(bytes) => bytes.to_vec(),
        StringValue::Int(integer) => integer.to_string().into_bytes(),
    }
}

fn read(bytes: &[u8]) -> Result<(Content, Summary), LoadError> {
    let mut content = Content::default();
    let summary = load(bytes, &LoadOptions::default(), &mut content)?;
    Ok((content, summary))
}

/// A small file with every opcode that we write.
fn sample(options: WriterOptions) -> Vec<u8> {
    let aux: &[(&str, &[u8])] = &[("redis-ver", b"7.2.4"), ("repl-offset", b"123456789012")];
    let mut writer = Writer::begin(Vec::new(), &options, aux).unwrap();
    writer.function(b"#!lua name=f").unwrap();
    writer.select_db(0, 4, 1).unwrap();
    writer.string(b"key", StringValue::Bytes(b"value"), None, Hint::None).unwrap();
    writer.string(b"77", StringValue::Int(-5), Some(1_700_000_000_123), Hint::Idle(70)).unwrap();
    let long = b"again and again ".repeat(8);
    writer.string(b"long", StringValue::Bytes(&long), None, Hint::Freq(9)).unwrap();
    writer.string(b"big", StringValue::Int(i64::MIN), None, Hint::None).unwrap();
    writer.select_db(9, 1, 0).unwrap();
    writer.string(b"", StringValue::Bytes(b""), None, Hint::None).unwrap();
    let finished = writer.finish().unwrap();
    assert_eq!(finished.bytes, finished.out.len() as u64);
    finished.out
}

/// The bytes of a file of `version` with this body, without a checksum.
fn file(version: &str, body: &[u8]) -> Vec<u8> {
    [version.as_bytes(), body, &[opcodes::EOF], &[0; 8]].concat()
}

#[test]
fn what_is_written_reads_back() {
    let bytes = sample(WriterOptions::default());
    let (content, summary) = read(&bytes).unwrap();
    assert_eq!(summary.checksum, Checksum::Verified);
    assert_eq!((summary.keys, summary.expires, summary.functions), (5, 1, 1));
    assert_eq!(summary.consumed, bytes.len() as u64);
    assert_eq!(content.aux[1], ("repl-offset".into(), "123456789012".into()));
    assert_eq!(content.functions, [b"#!lua name=f"]);
    assert_eq!(content.sizes, [(0, 4, 1), (9, 1, 0)]);
    let int = &content.keys[1];
    assert_eq!((&int.key[..], &int.value[..]), (&b"77"[..], &b"-5"[..]));
    assert_eq!((int.expiry_ms, int.idle_s, int.freq), (Some(1_700_000_000_123), Some(70), None));
    assert_eq!(content.keys[2].value, b"again and again ".repeat(8));
    assert_eq!(content.keys[2].freq, Some(9));
    assert_eq!(content.keys[3].value, i64::MIN.to_string().into_bytes());
    assert_eq!((content.keys[4].db, content.keys[4].key.len()), (9, 0));
}

#[test]
fn without_compression_and_checksum() {
    let bytes =
        sample(WriterOptions { compression: false, checksum: false, ..WriterOptions::default() });
    let (content, summary) = read(&bytes).unwrap();
    assert_eq!(summary.checksum, Checksum::Absent);
    assert_eq!(bytes[bytes.len() - 8..], [0; 8]);
    assert!(bytes.windows(32).any(|window| window == b"again and again again and again "));
    assert_eq!(content, read(&sample(WriterOptions::default())).unwrap().0);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = sample(WriterOptions::default());
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).unwrap_err();
        assert!(matches!(&error, LoadError::Corrupt(corrupt) if corrupt.offset == length as u64));
        fuzzing::file(&bytes[..length]);
    }
    let error = read(&[&bytes[..], b"x"].concat()).unwrap_err();
    assert!(error.to_string().contains("expected the end of the file, found 1 more bytes"));
}

#[test]
fn every_flipped_bit_is_seen() {
    let mut bytes = sample(WriterOptions::default());
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bytes).is_err(), "bit {bit}");
        fuzzing::file(&bytes);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_file_written_by_redis() {
    let bytes = include_bytes!("../../tests/fixtures/redis-7.0-strings.rdb");
    let (content, summary) = read(bytes).unwrap();
    assert_eq!(summary.checksum, Checksum::Verified);
    assert_eq!(summary.version, Version { flavor: Flavor::Redis, number: 10 });
    assert_eq!((summary.keys, summary.expires, summary.functions), (15, 2, 1));
    assert_eq!(content.aux[0], ("redis-ver".into(), "7.0.15".into()));
    assert_eq!(content.sizes, [(0, 13, 1), (3, 1, 0), (15, 1, 1)]);
    assert!(content.functions[0].starts_with(b"#!lua name=lib\n"));
    let lines: String = (1..=100).map(|i| format!("line {i} of a text; ")).collect();
    let plain: String = (1..=14).map(|i| format!("{:x}", i * i * 7919 + 65536)).collect();
    let zeros = "0".repeat(500);
    type Loaded<'a> = (u64, &'a [u8], &'a [u8], Option<u64>);
    let expected: &[Loaded<'_>] = &[
        (0, b"text", b"hello", None),
        (0, b"empty", b"", None),
        (0, b"int8", b"-12", None),
        (0, b"int16", b"300", None),
        (0, b"int32", b"70000", None),
        (0, b"int64", b"1234567890123", None),
        (0, b"almost", b"007", None),
        (0, b"12345", b"a key that is an integer", None),
        (0, b"binary", b"\x00\x01\xff\r\n", None),
        (0, b"expires", b"later", Some(4_102_444_800_123)),
        (0, b"lzf", zeros.as_bytes(), None),
        (0, b"text-lzf", lines.as_bytes(), None),
        (0, b"plain", plain.as_bytes(), None),
        (3, b"elsewhere", b"3", None),
        (15, b"last", b"1", Some(4_102_444_800_000)),
    ];
    assert_eq!(content.keys.len(), expected.len());
    for &(db, key, value, expiry_ms) in expected {
        let wanted = Key {
            db,
            key: key.to_vec(),
            value: value.to_vec(),
            expiry_ms,
            idle_s: Some(0),
            freq: None,
        };
        assert!(content.keys.contains(&wanted), "{wanted:?}");
    }
    fuzzing::file(bytes);
}

#[test]
fn redis_takes_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options) in [
        ("default.rdb", WriterOptions::default()),
        (
            "plain.rdb",
            WriterOptions { compression: false, checksum: false, ..WriterOptions::default() },
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, sample(options)).unwrap();
        let Ok(output) = Command::new("redis-check-rdb").arg(&path).output() else {
            assert!(std::env::var_os("CI").is_none(), "CI must have redis-check-rdb");
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        // It does not count the function library among the keys.
        assert!(output.status.success() && said.contains("5 keys read"), "{said}");
    }
}

#[test]
fn a_stream_gives_back_what_follows_the_file() {
    let bytes = sample(WriterOptions::default());
    let whole = read(&bytes).unwrap();
    let stream = [&bytes[..], b"*1\r\n$4\r\nPING\r\n"].concat();
    let mut content = Content::default();
    let options = LoadOptions { rest: Rest::Allow, ..LoadOptions::default() };
    let (summary, rest) = load_stream(&mut stream.as_slice(), &options, &mut content).unwrap();
    assert_eq!((&content, summary), (&whole.0, whole.1));
    assert_eq!(rest, b"*1\r\n$4\r\nPING\r\n");
    let preamble = load(&stream, &options, &mut Content::default()).unwrap();
    assert_eq!(preamble.consumed, bytes.len() as u64);
    // The end comes with the last byte of a piece, and with the first.
    for size in 1..bytes.len() {
        let mut content = Content::default();
        let mut loader = Loader::new(options);
        let ended = stream.chunks(size).enumerate().find_map(|(at, piece)| {
            match loader.feed(piece, &mut content).unwrap() {
                Fed::More => None,
                Fed::Ended { summary, used } => Some((summary, at * size + used)),
            }
        });
        assert_eq!(ended, Some((whole.1, bytes.len())), "pieces of {size}");
        assert_eq!(content, whole.0);
    }
    let cut = load_stream(&mut (&bytes[..50]), &options, &mut Content::default());
    assert!(matches!(cut, Err(LoadError::Corrupt(corrupt)) if corrupt.offset == 50));
}

#[test]
fn an_announced_length_takes_no_memory() {
    // A key of 2^62 bytes, of which a few arrive.
    let forged = [b"REDIS0010\x00\x81\x40\0\0\0\0\0\0\0".as_slice(), &[b'x'; 100]].concat();
    assert!(read(&forged).unwrap_err().to_string().contains("more bytes"));
    let failed = load_stream(
        &mut forged.as_slice().take(90),
        &LoadOptions::default(),
        &mut Content::default(),
    );
    assert!(failed.unwrap_err().to_string().starts_with("at byte 90: "));
    // A compressed string of four bytes that claims to be 2^62 long.
    let forged = file("REDIS0010", b"\x00\x01k\xc3\x04\x81\x40\0\0\0\0\0\0\0\x02abc");
    assert!(read(&forged).unwrap_err().to_string().contains("cannot give"));
}

#[test]
fn versions() {
    for version in ["REDIS0001", "REDIS0005", "REDIS0015", "VALKEY080"] {
        let tail = if version == "REDIS0001" { 8 } else { 0 };
        let bytes = file(version, b"\xfe\x02\x00\x01k\x01v");
        let (content, summary) = read(&bytes[..bytes.len() - tail]).unwrap();
        assert_eq!((content.keys[0].db, summary.checksum), (2, Checksum::Absent), "{version}");
        fuzzing::file(&bytes);
    }
    for version in ["REDIS0000", "REDIS0016", "REDIS0080", "VALKEY079", "VALKEY010", "REDIS001x"] {
        let error = read(&file(version, b"")).unwrap_err().to_string();
        assert!(error.contains(version) && error.starts_with("at byte 0: "), "{error}");
    }
    for bytes in [&b"*1\r\n"[..], b"REDIX", b"{}"] {
        assert!(read(bytes).unwrap_err().to_string().contains("\"REDIS\" or \"VALKEY\""));
    }
    assert!(is_rdb(b"REDIS0010") && is_rdb(b"VALKEY080") && !is_rdb(b"*2\r\n"));
}

#[test]
fn times_of_expiry() {
    let body = [
        &b"\xfd\x00\xf1\x53\x65\x00\x01a\x01v"[..],
        b"\xfc\x7b\xd8\xc3\x2c\xbb\x03\0\0\x00\x01b\x01v\x00\x01c\x01v",
    ];
    let (content, _) = read(&file("REDIS0010", &body.concat())).unwrap();
    let times: Vec<_> = content.keys.iter().map(|key| key.expiry_ms).collect();
    assert_eq!(times, [Some(1_700_000_000_000), Some(4_102_444_800_123), None]);
    let never = file("REDIS0010", b"\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01a\x01v");
    assert!(read(&never).unwrap_err().to_string().contains("a time after 1970, found -1 ms"));
}

#[test]
fn what_is_not_decoded_says_what_it_is() {
    for (version, body, expected) in [
        ("REDIS0010", &b"\x1c\x05array\x01"[..], "value type 28 (array) of key \"array\""),
        ("REDIS0010", b"\x63\x01k\x01", "value type 99 (unknown) of key \"k\""),
        ("REDIS0014", b"\x1c\x01k\x01", "value type 28 (array) of key"),
        ("VALKEY080", b"\x18\x01k\x01", "value type 24 (unknown) of key"),
        ("REDIS0012", b"\x16\x01k\x01", "value type 22 (hash with field expiry before 7.4)"),
        ("REDIS0010", b"\x07\x01k\x01\x00", "value type 7 (module value) of key \"k\""),
        ("REDIS0010", b"\xf7\x01\x02\x02\x00", "a module's auxiliary data"),
        ("REDIS0010", b"\xf6\x01", "opcode 246 (a function library of a Redis 7.0"),
        ("REDIS0013", b"\xf3\x01", "opcode 243 (metadata of a key)"),
        ("VALKEY080", b"\xf3\x01", "opcode 243 (a slot import under way)"),
        ("REDIS0015", b"\xf2\x01", "opcode 242 (a hash template)"),
    ] {
        let error = read(&file(version, body)).unwrap_err();
        assert!(matches!(error, LoadError::Unsupported { offset: 9, .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (version, body) in [("REDIS0010", b"\xf4\x01\x01\x01"), ("REDIS0012", b"\xf3\x01\x01\x01")]
    {
        assert!(matches!(read(&file(version, body)), Err(LoadError::Corrupt(_))));
    }
    assert_eq!(read(&file("REDIS0012", b"\xf4\x01\x01\x01\x00\x01k\x01v")).unwrap().1.keys, 1);
}

#[test]
fn modules_can_be_skipped() {
    let data = b"\x01\x05\x02\x40\x64\x03\0\0\0\0\x04\0\0\0\0\0\0\0\0\x05\x02ab\x05\xc0\x01\x00";
    let aux = [&b"\xf7\x81\0\0\0\0\0\0\0\x01\x02\x02"[..], data].concat();
    let value = [&b"\xfc\x01\0\0\0\0\0\0\0\x07\x01m\x05"[..], data].concat();
    let bytes = file("REDIS0010", &[&aux[..], &value, b"\x00\x01k\x01v"].concat());
    let options = LoadOptions { modules: Modules::Skip, ..LoadOptions::default() };
    let mut content = Content::default();
    let summary = load(&bytes, &options, &mut content).unwrap();
    assert_eq!((summary.keys, summary.skipped), (1, 2));
    assert_eq!(content.keys[0].expiry_ms, None, "the skipped key's expiry went with it");
    fuzzing::file(&bytes);
    let unknown_tag = file("REDIS0010", b"\x07\x01m\x05\x06");
    assert!(load(&unknown_tag, &options, &mut content).is_err());
}

#[test]
fn a_sink_may_refuse() {
    let mut content = Content { databases: Some(9), ..Content::default() };
    let bytes = sample(WriterOptions::default());
    let error = load(&bytes, &LoadOptions::default(), &mut content).unwrap_err();
    assert!(matches!(error, LoadError::Refused { .. }));
    assert!(error.to_string().ends_with(": no database 9"), "{error}");
    assert_eq!(content.keys.len(), 4);
}

#[test]
fn a_wrong_checksum_says_which() {
    let mut bytes = sample(WriterOptions::default());
    let at = bytes.len() - 8;
    bytes[at] ^= 1;
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.starts_with(&format!("at byte {at}: expected checksum ")), "{error}");
    let options = LoadOptions { verify_checksum: false, ..LoadOptions::default() };
    let summary = load(&bytes, &options, &mut Content::default()).unwrap();
    assert_eq!(summary.checksum, Checksum::Ignored);
}

#[test]
fn large_strings_pass_uncopied_and_checksummed() {
    let mut noise = vec![0u8; 3_000_000];
    let mut state = 1u64;
    noise.iter_mut().for_each(|byte| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (state >> 56) as u8;
    });
    let text = b"0123456789abcdef".repeat(100_000);
    let mut writer = Writer::begin(Vec::new(), &WriterOptions::default(), &[]).unwrap();
    for number in 0..3000u32 {
        let key = number.to_string();
        writer.string(key.as_bytes(), StringValue::Bytes(&noise[..100]), None, Hint::None).unwrap();
    }
    writer.string(b"noise", StringValue::Bytes(&noise), None, Hint::None).unwrap();
    writer.string(b"text", StringValue::Bytes(&text), None, Hint::None).unwrap();
    let before = writer.bytes();
    let bytes = writer.finish().unwrap().out;
    assert_eq!(before + 9, bytes.len() as u64);
    assert!(bytes.len() < 3_500_000, "text was compressed: {}", bytes.len());
    let (content, summary) = read(&bytes).unwrap();
    assert_eq!((summary.checksum, summary.keys), (Checksum::Verified, 3002));
    assert!(content.keys[3000].value == noise && content.keys[3001].value == text);
    let mut streamed = Content::default();
    load_stream(&mut bytes.as_slice(), &LoadOptions::default(), &mut streamed).unwrap();
    assert!(streamed == content);
}

/// A writer that fails once a number of bytes was written.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        if count == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(count) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_at_the_latest_at_the_end() {
    let plain = WriterOptions { compression: false, ..WriterOptions::default() };
    for room in [0, 100, 200_000] {
        let write = || -> std::io::Result<()> {
            let mut writer = Writer::begin(Full(room), &plain, &[])?;
            for _ in 0..room / 50 {
                writer.string(&[b'k'; 20], StringValue::Bytes(&[b'v'; 20]), None, Hint::None)?;
            }
            writer.string(b"last", StringValue::Bytes(&[7; 90_000]), None, Hint::None)?;
            writer.string(b"and", StringValue::Bytes(&vec![7; room]), None, Hint::None)?;
            writer.finish().map(drop)
        };
        let full = write().is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull);
        assert!(full, "{room}");
    }
    let bytes = sample(WriterOptions::default()).len();
    let mut writer = Writer::begin(Full(bytes), &WriterOptions::default(), &[]).unwrap();
    for _ in 0..bytes {
        writer.string(b"key", StringValue::Int(1), None, Hint::None).unwrap();
    }
    assert!(writer.finish().is_err());
}

#[test]
fn dump_payloads() {
    // DUMP of the same values by redis-server 7.0.15.
    for (value, payload) in
        [(StringValue::Bytes(b"hello"), PAYLOAD_HELLO), (StringValue::Int(10), PAYLOAD_TEN)]
    {
        let mut out = b"before".to_vec();
        dump::encode_string(value, true, &mut out);
        assert_eq!(out[6..].escape_ascii().to_string(), payload.escape_ascii().to_string());
        let mut scratch = Vec::new();
        let decoded = dump::decode(payload, &mut scratch).unwrap();
        assert!(matches!(decoded, dump::DumpValue::String(found) if found == value));
        for bit in 0..payload.len() * 8 {
            let mut damaged = payload.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = dump::decode(&damaged, &mut scratch).unwrap_err();
            assert_eq!(error.to_string(), "DUMP payload version or checksum are wrong");
            fuzzing::dump(&damaged);
        }
        for length in 0..payload.len() {
            assert!(dump::verify(&payload[..length]).is_err());
            fuzzing::dump(&payload[..length]);
        }
    }
}

const PAYLOAD_HELLO: &[u8] =
    b"\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a";
const PAYLOAD_TEN: &[u8] = b"\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb";

/// A payload with a right checksum.
fn payload(body: &[u8], version: u16) -> Vec<u8> {
    let mut out = [body, &version.to_le_bytes()].concat();
    let checksum = crc::crc64(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

#[test]
fn dump_payloads_of_other_versions_and_types() {
    let mut scratch = Vec::new();
    for version in [1, 6, 9, 11, 12, 15, 80] {
        let bytes = payload(b"\x00\x01v", version);
        let decoded = dump::decode(&bytes, &mut scratch).unwrap();
        assert_eq!(fuzzing::tell(&decoded), ["v"]);
    }
    for version in [0, 16, 79, 81, 256] {
        let error = dump::decode(&payload(b"\x00\x01v", version), &mut scratch).unwrap_err();
        assert!(matches!(error, dump::DumpError::VersionOrChecksum), "{version}");
    }
    for body in
        [&b"\x00\x05v"[..], b"", b"\x01\x00", b"\x1c\x01\x01v", b"\x07\x01\x00", b"\x00\x01vv"]
    {
        let error = dump::decode(&payload(body, 10), &mut scratch).err().unwrap();
        assert_eq!(error.to_string(), "Bad data format", "{}", body.escape_ascii());
    }
}

fn key_or_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..100),
        any::<i64>().prop_map(|integer| integer.to_string().into_bytes()),
        any::<i16>().prop_map(|integer| integer.to_string().into_bytes()),
        ("[ab]{1,5}", 1usize..2000).prop_map(|(text, times)| text.repeat(times).into_bytes()),
        (any::<u8>(), 30_000usize..40_000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn hint() -> impl Strategy<Value = Hint> {
    prop_oneof![
        Just(Hint::None),
        any::<u64>().prop_map(Hint::Idle),
        any::<u8>().prop_map(Hint::Freq)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_keys_there_and_back(
        keys in proptest::collection::vec(
            (0u64..20, key_or_value(), key_or_value(), proptest::option::of(0u64..1 << 63), hint()),
            0..40,
        ),
        compression in any::<bool>(),
        checksum in any::<bool>(),
        piece in 1usize..70_000,
    ) {
        let options = WriterOptions { compression, checksum, ..WriterOptions::default() };
        let mut writer = Writer::begin(Vec::new(), &options, &[("ctime", b"1")]).unwrap();
        for (db, key, value, expiry_ms, hint) in &keys {
            writer.select_db(*db, 1, 0).unwrap();
            writer.string(key, StringValue::Bytes(value), *expiry_ms, *hint).unwrap();
        }
        let bytes = writer.finish().unwrap().out;
        let (content, summary) = read(&bytes).unwrap();
        prop_assert_eq!(summary.checksum == Checksum::Verified, checksum);
        prop_assert_eq!(content.keys.len(), keys.len());
        for (found, (db, key, value, expiry_ms, hint)) in content.keys.iter().zip(&keys) {
            let hint = match (found.idle_s, found.freq, hint) {
                (None, None, Hint::None) => true,
                (Some(seconds), None, Hint::Idle(idle)) => seconds == *idle,
                (None, Some(counter), Hint::Freq(freq)) => counter == *freq,
                _ => false,
            };
            prop_assert!(hint && (found.db, found.expiry_ms) == (*db, *expiry_ms));
            prop_assert!(&found.key == key && &found.value == value);
        }
        let mut loader = Loader::new(LoadOptions::default());
        let mut streamed = Content::default();
        let mut ended = None;
        for piece in bytes.chunks(piece) {
            if let Fed::Ended { summary, used } = loader.feed(piece, &mut streamed).unwrap() {
                prop_assert_eq!(used, piece.len());
                ended = Some(summary);
            }
        }
        prop_assert_eq!(ended, Some(summary));
        prop_assert!(streamed == content);
    }

    #[test]
    fn any_bytes_are_survived(
        head in prop_oneof![Just("REDIS0010"), Just("VALKEY080"), Just("REDIS0012"), Just("")],
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), 0u8..8, 0xF0u8..=0xFF, Just(0xC3)],
            0..80,
        ),
    ) {
        fuzzing::file(&[head.as_bytes(), &bytes].concat());
        fuzzing::dump(&bytes);
        fuzzing::dump(&[&[0], &bytes[..]].concat());
    }
}
