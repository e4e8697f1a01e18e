//! Formats by example, the way back from JSON, and damaged input.

use super::dump::{Format, fuzz, print_bytes};
use super::{json::Json, jsonl, sink::Sink};
use std::path::Path;

fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<Vec<u8>> = paths
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!found.is_empty());
    found
}

/// A file with one key of every type.
const SMALL: &[u8] = b"REDIS0010\xf5\x05#!lua\xfe\x03\
    \xfc\x00\x68\xe5\xcf\x8b\x01\x00\x00\x00\x01s\x05va\"lu\
    \x01\x01l\x02\x02a,\x02\xff\x00\
    \x02\x03set\x01\xc0\x07\
    \x04\x01h\x01\x01f\x03x y\
    \x05\x01z\x02\x01m\x00\x00\x00\x00\x00\x00\xf8\x3f\x01n\x00\x00\x00\x00\x00\x00\xf0\x7f\
    \xff\0\0\0\0\0\0\0\0";

fn printed(bytes: &[u8], format: Format) -> String {
    String::from_utf8_lossy(&print_bytes(bytes, format).unwrap()).into_owned()
}

#[test]
fn every_format_by_example() {
    let lines = r##"{"function":"#!lua"}
{"db":3,"key":"s","type":"string","expiry_ms":1700000000000,"value":"va\"lu"}
{"db":3,"key":"l","type":"list","value":["a,",{"base64":"/wA="}]}
{"db":3,"key":"set","type":"set","value":["7"]}
{"db":3,"key":"h","type":"hash","value":[["f","x y"]]}
{"db":3,"key":"z","type":"zset","value":[["m",1.5],["n","inf"]]}
"##;
    assert_eq!(printed(SMALL, Format::Jsonl), lines);
    let document = format!("[{}]\n", lines.trim_end().replace('\n', ",\n"));
    assert_eq!(printed(SMALL, Format::Json), document);
    let commands = r##"FUNCTION LOAD #!lua
SELECT 3
SET s "va\"lu"
PEXPIREAT s 1700000000000
RPUSH l a, "\xff\x00"
SADD set 7
HSET h f "x y"
ZADD z 1.5 m inf n
"##;
    assert_eq!(printed(SMALL, Format::Commands), commands);
    let csv = "db,key,type,expiry_ms,index,field,value,field_expiry_ms\r\n\
        3,s,string,1700000000000,,,\"va\"\"lu\",\r\n\
        3,l,list,,0,,\"a,\",\r\n3,l,list,,1,,\u{fffd}\0,\r\n\
        3,set,set,,,,7,\r\n3,h,hash,,,f,x y,\r\n3,z,zset,,,m,1.5,\r\n3,z,zset,,,n,inf,\r\n";
    assert_eq!(printed(SMALL, Format::Csv), csv);
    let resp = printed(SMALL, Format::Resp);
    assert!(resp.contains("*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$3\r\nSET\r\n$1\r\ns\r\n"));
}

/// A stream as Redis 8.8 writes it: no entries; 1-0 and 3-0 given back in other order, 2-0 pending;
/// a producer's message.
fn newer_stream() -> Vec<u8> {
    let id = |ms: u8| [[0; 7].as_slice(), &[ms], &[0; 8]].concat();
    let mut bytes = b"REDIS0014\x1b\x01s\0\0\x05\0\0\0\0\0\x02\x01\x01g\x05\0\x02\x03".to_vec();
    for (ms, count) in [(1, 7), (2, 1), (3, 2)] {
        bytes.extend([id(ms), vec![0; 8], vec![count]].concat());
    }
    bytes.extend([b"\x01\x01c".to_vec(), vec![0; 16], vec![1], id(2)].concat());
    bytes.extend([vec![2], id(3), id(1)].concat());
    bytes.extend_from_slice(b"\x0a\x40\x64\x01\x01p\x01\x01i\x02\0\x04\x03");
    bytes.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    bytes
}

#[test]
fn streams_of_redis_8() {
    let file = newer_stream();
    let line = r#"{"db":0,"key":"s","type":"stream","value":{"entries":[],"last_id":"5-0","#
        .to_owned()
        + r#""max_deleted_id":"0-0","entries_added":2,"groups":[{"name":"g","last_id":"5-0","#
        + r#""entries_read":2,"consumers":[{"name":"c","seen_ms":0,"active_ms":0,"#
        + r#""pending":[["2-0",0,1]]}],"released":[["3-0",2],["1-0",7]]}],"#
        + r#""idempotency":{"duration_s":10,"max_size":100,"messages":[["p","i","2-0"]],"#
        + "\"added\":4,\"duplicates\":3}}}\n";
    assert_eq!(printed(&file, Format::Jsonl), line);
    assert_eq!(String::from_utf8(again(line.as_bytes()).unwrap()).unwrap(), line);
    let commands = "SELECT 0\nXADD s MAXLEN 0 5-0 x y\n\
        XSETID s 5-0 ENTRIESADDED 2 MAXDELETEDID 0-0\nXGROUP CREATE s g 5-0 ENTRIESREAD 2\n\
        XGROUP CREATECONSUMER s g c\nXCLAIM s g c 0 2-0 TIME 0 RETRYCOUNT 1 FORCE JUSTID\n\
        XNACK s g FAIL IDS 1 3-0 RETRYCOUNT 2 FORCE\nXNACK s g FAIL IDS 1 1-0 RETRYCOUNT 7 FORCE\n\
        XCFGSET s IDMP-DURATION 10 IDMP-MAXSIZE 100\nXIDMPRECORD s p i 2-0\n";
    assert_eq!(printed(&file, Format::Commands), commands);
    for (from, to, says) in [
        ("\"groups\"", "\"others\"", "\"groups\" before"),
        ("\"consumers\"", "\"others\"", "\"consumers\" before"),
        ("\"duration_s\":10", "\"duration_s\":0", "0 seconds and 100 ids"),
        ("\"messages\"", "\"others\"", "then \"messages\""),
    ] {
        let error = again(line.replace(from, to).as_bytes()).expect_err(from);
        assert!(error.contains(says), "{from}: {error}");
    }
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x41;
        fuzz(&damaged);
        fuzz(&file[..at]);
    }
}

fn again(json: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut sink = Sink::new(&mut out);
    let mut lines = Json::lines(&mut sink);
    let read = jsonl::read(json, &mut lines).map_err(|error| error.to_string());
    lines.finish().unwrap();
    drop(sink);
    read.map(|()| out)
}

#[test]
fn json_comes_back() {
    for bytes in files("tests/fixtures", ".rdb").into_iter().chain([SMALL.to_vec()]) {
        let lines = print_bytes(&bytes, Format::Jsonl).unwrap();
        assert_eq!(again(&lines).unwrap(), lines);
        let document = print_bytes(&bytes, Format::Json).unwrap();
        assert_eq!(again(&document).unwrap(), lines);
    }
}

#[test]
fn json_that_is_not_ours() {
    let spaced = br#" { "type" : "set", "key": "k", "more": [{}, null],"value" : [ "a" , "b" ] } "#;
    let plain = "{\"db\":0,\"key\":\"k\",\"type\":\"set\",\"value\":[\"a\",\"b\"]}\n";
    assert_eq!(String::from_utf8(again(spaced).unwrap()).unwrap(), plain);
    for (wrong, says) in [
        (r#"{"key":"k","value":[]}"#, "\"key\" and \"type\""),
        (r#"{"value":"v","key":"k","type":"string"}"#, "\"key\" and \"type\""),
        (r#"{"key":"k","type":"string","value":"v","db":1}"#, "before its value"),
        (r#"{"key":"k","type":"array","value":[]}"#, "a type"),
        (r#"{"key":"k","type":"zset","value":[["m","x"]]}"#, "a score"),
        (r#"{"key":"k","type":"zset","value":[["m",nan]]}"#, "a number"),
        (r#"{"key":"k","type":"hash","value":[["f"]]}"#, "\",\""),
        (r#"{"key":{"base64":"?"},"type":"string","value":"v"}"#, "base64"),
        (r#"{"key":"k","type":"string","value":"v"#, "the end of a string"),
        (r#"{"db":0}"#, "\"value\" or \"function\""),
        ("[]x", "the end"),
        ("x", "\"{\""),
    ] {
        let error = again(wrong.as_bytes()).expect_err(wrong);
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[test]
fn seeds_of_the_fuzzer() {
    for bytes in files("fuzz/seeds/dump_tool", "") {
        fuzz(&bytes);
    }
}

#[test]
fn damaged_files_end_with_an_error() {
    for bytes in [SMALL.to_vec()].into_iter().chain(files("tests/fixtures", "strings.rdb")) {
        for at in (0..bytes.len()).step_by(3) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            fuzz(&damaged);
            fuzz(&bytes[..at]);
        }
    }
}
