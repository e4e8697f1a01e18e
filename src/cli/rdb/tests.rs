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
