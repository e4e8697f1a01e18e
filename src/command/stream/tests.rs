//! What transcripts cannot see: groups are not in the digest, so what their records and an RDB
//! payload make of them is compared here.

use crate::engine::check::{Local, parsed};
use crate::resp::{Limits, OwnedReply, Parsed, parse, print};

/// Runs one line of a transcript.
fn run(local: &mut Local, line: &str) {
    let mut bytes = format!("{line}\r\n").into_bytes();
    let mut arguments = Vec::new();
    let parsed = parse(&mut bytes, &Limits::trusted(), &mut arguments);
    assert!(matches!(parsed, Parsed::Frame { .. }), "{line}");
    let words: Vec<&[u8]> = arguments.iter().map(|word| word.of(&bytes)).collect();
    local.run(&words);
}

/// All there is to know about the stream under `key`, but for hints: active times, for which the
/// RDB format that we usually write has no place, and how many messages came again.
fn facts(local: &mut Local, key: &[u8]) -> Vec<String> {
    let request: [&[u8]; 6] = [b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"];
    let mut text = Vec::new();
    print::tty(&local.reply(&request).unwrap(), &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for at in 1..lines.len() {
        if ["active-time", "iids-duplicates"].iter().any(|hint| lines[at - 1].contains(hint)) {
            lines[at].clear();
        }
    }
    lines
}

fn agree(local: &mut Local) -> usize {
    let mut again = Local::default();
    for record in parsed(local.records()) {
        // Brackets of a group are of the log.
        if ![b"MULTI".as_slice(), b"EXEC"].contains(&record[0].as_slice()) {
            again.run(&record.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
    let mut compared = 0;
    for key in [b"s".as_slice(), b"t"] {
        let wanted = facts(local, key);
        assert_eq!(facts(&mut again, key), wanted, "by its records");
        if let Some(OwnedReply::Bulk(payload)) = local.reply(&[b"DUMP", key]) {
            let mut loaded = Local::default();
            loaded.run(&[b"RESTORE", key, b"0", &payload]);
            assert_eq!(facts(&mut loaded, key), wanted, "by its payload");
            compared += 1;
        }
    }
    compared
}

/// Runs a transcript's requests, and compares at every `@ fresh` and at the end. Returns how often.
fn follow(transcript: &str) -> usize {
    let (mut local, mut compared) = (Local::default(), 0);
    for line in transcript.lines() {
        if let Some(request) = line.strip_prefix("> ") {
            run(&mut local, request);
        } else if line == "@ fresh" {
            compared += agree(&mut local);
            local = Local::default();
        }
    }
    compared + agree(&mut local)
}

#[test]
fn groups_are_the_same_by_their_records_and_by_their_payload() {
    assert!(follow(include_str!("../../../tests/transcripts/stream-groups.txt")) >= 7);
}

#[test]
fn so_is_what_redis_8_has() {
    assert!(follow(include_str!("../../../tests/transcripts/stream-redis8.txt")) >= 7);
}
