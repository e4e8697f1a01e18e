//! What transcripts cannot see: groups are not in the digest, so what their records and an RDB
//! payload make of them is compared here.

use crate::base::clock::UnixMs;
use crate::engine::check::{Local, check_laws, parsed};
use crate::resp::{Limits, OwnedReply, Parsed, parse, print};
use proptest::prelude::*;

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

/// A request of those that Redis 8 added, or that have to do with them.
fn request() -> impl Strategy<Value = String> {
    let id = || (0u8..12).prop_map(|n| format!("{}-0", 1_700_000_000_000 + u64::from(n) * 250));
    let references = || prop::sample::select(vec!["KEEPREF", "DELREF", "ACKED"]);
    let consumer = || prop::sample::select(vec!["alice", "bob"]);
    let group = || prop::sample::select(vec!["g", "h"]);
    prop_oneof![
        4 => (0u8..3, 0u8..4).prop_map(|(pid, iid)| format!("XADD s IDMP p{pid} i{iid} * f v")),
        2 => (0u8..3, 0u8..3).prop_map(|(pid, n)| format!("XADD s IDMPAUTO p{pid} * f {n}")),
        2 => (references(), 0u8..6, 0u8..3)
            .prop_map(|(references, n, pid)| {
                format!("XADD s {references} MAXLEN {n} IDMPAUTO p{pid} * f v")
            }),
        1 => (references(), id()).prop_map(|(references, id)| {
            format!("XTRIM s {references} MINID ~ {id} LIMIT 3")
        }),
        1 => (0u8..4, 1u8..4).prop_map(|(seconds, size)| {
            format!("XCFGSET s IDMP-DURATION {} IDMP-MAXSIZE {size}", seconds + 1)
        }),
        1 => (0u8..3, id()).prop_map(|(pid, id)| format!("XIDMPRECORD s p{pid} i0 {id}")),
        3 => (group(), consumer(), 1u8..4).prop_map(|(group, consumer, count)| {
            format!("XREADGROUP GROUP {group} {consumer} COUNT {count} STREAMS s >")
        }),
        3 => (group(), consumer(), 1u8..4, 0u16..900).prop_map(|(group, consumer, count, idle)| {
            format!("XREADGROUP GROUP {group} {consumer} COUNT {count} CLAIM {idle} STREAMS s >")
        }),
        3 => (group(), prop::sample::select(vec!["SILENT", "FAIL", "FATAL"]), id(), id())
            .prop_map(|(group, mode, a, b)| format!("XNACK s {group} {mode} IDS 2 {a} {b}")),
        1 => (group(), id()).prop_map(|(group, id)| format!("XNACK s {group} FAIL IDS 1 {id} FORCE")),
        1 => (group(), id()).prop_map(|(group, id)| format!("XACK s {group} {id}")),
        1 => (group(), consumer(), id()).prop_map(|(group, consumer, id)| {
            format!("XCLAIM s {group} {consumer} 0 {id} FORCE")
        }),
        1 => (references(), id()).prop_map(|(references, id)| {
            format!("XDELEX s {references} IDS 1 {id}")
        }),
        1 => (group(), consumer()).prop_map(|(group, consumer)| {
            format!("XGROUP DELCONSUMER s {group} {consumer}")
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever was done when: the records and a file give what there is.
    #[test]
    fn what_redis_8_has_obeys_the_laws(
        requests in prop::collection::vec((request(), 0u64..700), 1..60),
    ) {
        let mut local = Local::default();
        let mut now = 1_700_000_000_000;
        run(&mut local, "XGROUP CREATE s g 0 MKSTREAM");
        run(&mut local, "XGROUP CREATE s h 0");
        for (request, ms) in requests {
            // Ids that can be guessed.
            now += ms / 250 * 250;
            local.advance_to(UnixMs(now));
            run(&mut local, &request);
        }
        check_laws(&local);
        let wanted = facts(&mut local, b"s");
        let Some(OwnedReply::Bulk(payload)) = local.reply(&[b"DUMP", b"s"]) else {
            panic!("the stream is there");
        };
        let mut loaded = Local::default();
        loaded.advance_to(UnixMs(now));
        loaded.run(&[b"RESTORE", b"s", b"0", &payload]);
        prop_assert_eq!(facts(&mut loaded, b"s"), wanted);
        check_laws(&loaded);
    }
}
