//! Requests: what streams mean, however they are cut; hostile ones; and the fuzzers' seeds.

mod replies;

use std::path::Path;

use proptest::prelude::*;

use super::encode::write_request;
use super::fuzzing::{self, Session, compare_cuts};
use super::request::{Arg, Limits, Parsed, ProtocolError, Resume, parse, parse_multibulk};

fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write_request(&mut out, args);
    out
}

/// Parses a stream whole, cut once at every byte, and byte by byte; all must agree.
fn check_every_cut(stream: &[u8], limits: &Limits) -> Session {
    for at in 0..stream.len() {
        let (left, right) = stream.split_at(at);
        compare_cuts(stream, [left, right].into_iter(), limits);
    }
    compare_cuts(stream, stream.chunks(1), limits)
}

/// Some two hundred requests with the arguments they mean; none for those that are skipped.
fn canonical() -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    let long = vec![b'v'; 1000];
    let all: Vec<u8> = (0..=255).collect();
    let words: &[&[u8]] = &[
        b"",
        b" ",
        b"a",
        b"key:1",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n+OK\r\n",
        b"$3\r\nfoo\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0",
        b"\xff\xfe",
        b"\"",
        b"'",
        b"-1",
        b"123456789",
        &long,
        &all,
    ];
    let mut requests: Vec<(Vec<u8>, Vec<Vec<u8>>)> = Vec::new();
    let mut add = |bytes: Vec<u8>, args: &[&[u8]]| {
        requests.push((bytes, args.iter().map(|arg| arg.to_vec()).collect()));
    };
    for &word in words {
        for args in [&[word][..], &[b"GET", word], &[word, b""], &[b"SET", word, word]] {
            add(request(args), args);
        }
        for other in [&words[0], &words[3], &words[6], &words[11]] {
            add(request(&[b"HSET", b"h", word, other]), &[b"HSET", b"h", word, other]);
        }
    }
    for count in [9, 10, 11, 99, 100, 101] {
        let args: Vec<&[u8]> = (0..count).map(|index| words[index % 12]).collect();
        add(request(&args), &args);
    }
    for skipped in ["*0\r\n", "*-1\r\n", "*-10\r\n", "\r\n", "\n", "   \r\n", "\t\x0b\x0c\r\r\n"] {
        add(skipped.into(), &[]);
    }
    for (line, args) in [
        ("PING", &[&b"PING"[..]][..]),
        ("  SET   key  value  ", &[b"SET", b"key", b"value"]),
        ("SET key \"a value\"", &[b"SET", b"key", b"a value"]),
        ("SET \"k\\x00\\r\\n\" 'it\\'s'", &[b"SET", b"k\0\r\n", b"it's"]),
        ("ECHO \"\" ''", &[b"ECHO", b"", b""]),
        ("ECHO a\"b c\"'d'e", &[b"ECHO", b"ab cde"]),
        ("ECHO \"\\\\\\\"\\q\\a\\b\\t\"", &[b"ECHO", b"\\\"q\x07\x08\t"]),
        ("$3", &[b"$3"]),
        ("ECHO *1", &[b"ECHO", b"*1"]),
        ("+OK", &[b"+OK"]),
        ("ECHO \u{e9}\u{4e2d}", &[b"ECHO", "\u{e9}\u{4e2d}".as_bytes()]),
    ] {
        for end in ["\r\n", "\n", "\r\r\n", " \n"] {
            add(format!("{line}{end}").into(), args);
        }
    }
    requests
}

#[test]
fn canonical_requests_mean_the_same_however_cut() {
    let requests = canonical();
    assert!(requests.len() >= 200, "{}", requests.len());
    let ping = request(&[b"PING"]);
    for (bytes, args) in &requests {
        // Something stands behind, as in a pipeline, and its own end does too.
        let stream = [bytes.as_slice(), &ping, b"PING\r\n"].concat();
        let found = check_every_cut(&stream, &Limits::default());
        let pings = vec![vec![b"PING".to_vec()]; 2];
        let expected: Vec<_> =
            [args.clone()].into_iter().filter(|args| !args.is_empty()).chain(pings).collect();
        assert_eq!(found, Session { frames: expected, error: None, rest: 0 });
    }
}

#[test]
fn a_pipeline_of_all_means_the_same_in_pieces_of_every_size() {
    let requests = canonical();
    let stream: Vec<u8> = requests.iter().flat_map(|(bytes, _)| bytes).copied().collect();
    let expected: Vec<_> =
        requests.into_iter().map(|(_, args)| args).filter(|args| !args.is_empty()).collect();
    for size in [1, 2, 3, 5, 7, 64, 1000, 1460, 4096, 16_384] {
        let found = compare_cuts(&stream, stream.chunks(size), &Limits::default());
        assert_eq!(found.frames, expected);
    }
}

/// The answers are Valkey 9.1.2's to the same bytes.
#[test]
fn hostile_requests_get_redis_errors() {
    use ProtocolError::*;
    let endless = |start: &str| [start.as_bytes(), &[b'1'; 65_537]].concat();
    let client = Limits::default();
    let stranger = Limits::unauthenticated();
    let table: &[(&Limits, Vec<u8>, ProtocolError, &str)] = &[
        (&client, b"*2147483648\r\n".into(), MultibulkLength, "invalid multibulk length"),
        (&client, b"*99999999999999999999\r\n".into(), MultibulkLength, "invalid multibulk length"),
        (&client, b"*9223372036854775808\r\n".into(), MultibulkLength, "invalid multibulk length"),
        (&client, b"*\r\n".into(), MultibulkLength, "invalid multibulk length"),
        (&client, b"*01\r\n".into(), MultibulkLength, "invalid multibulk length"),
        (&client, b"*+1\r\n".into(), MultibulkLength, "invalid multibulk length"),
        (&client, b"*-0\r\n".into(), MultibulkLength, "invalid multibulk length"),
        (&client, b"*2\n$4\nECHO\r\n".into(), MultibulkLength, "invalid multibulk length"),
        (&client, b"*1\r\n$536870913\r\n".into(), BulkLength, "invalid bulk length"),
        (&client, b"*1\r\n$-1\r\n".into(), BulkLength, "invalid bulk length"),
        (&client, b"*1\r\n$-0\r\n".into(), BulkLength, "invalid bulk length"),
        (&client, b"*1\r\n$\r\n".into(), BulkLength, "invalid bulk length"),
        (&client, b"*1\r\n$04\r\nPING\r\n".into(), BulkLength, "invalid bulk length"),
        (&client, b"*1\r\n$99999999999999999999\r\n".into(), BulkLength, "invalid bulk length"),
        (&client, b"*1\r\nfoo\r\n".into(), ExpectedBulk(b'f'), "expected '$', got 'f'"),
        (&client, b"*1\r\nf\rX".into(), ExpectedBulk(b'f'), "expected '$', got 'f'"),
        (&client, b"*1\r\n\roo\r\n".into(), ExpectedBulk(b'\r'), "expected '$', got ' '"),
        (&client, b"*1\r\n\n\r\n".into(), ExpectedBulk(b'\n'), "expected '$', got ' '"),
        (&client, b"*1\r\n\0oo\r\n".into(), ExpectedBulk(0), "expected '$', got '\0'"),
        (&client, b"*2\r\n$1\r\nx\r\nfooz\r\n".into(), ExpectedBulk(b'f'), "expected '$', got 'f'"),
        (&client, b"*1\rX$4\r\nPING\r\n".into(), InvalidCrlf, "invalid CRLF in request"),
        (&client, b"*0\rX".into(), InvalidCrlf, "invalid CRLF in request"),
        (&client, b"*a\rX".into(), InvalidCrlf, "invalid CRLF in request"),
        (&client, b"*1\r\n$4\rXPING\r\n".into(), InvalidCrlf, "invalid CRLF in request"),
        (&client, b"*1\r\n$a\rX".into(), InvalidCrlf, "invalid CRLF in request"),
        (&client, b"*1\r\n$4\r\nPINGxx".into(), InvalidCrlf, "invalid CRLF in request"),
        (&client, b"*1\r\n$4\r\nPING\rx".into(), InvalidCrlf, "invalid CRLF in request"),
        (&client, b"*1\r\n$4\r\nPINGx\n".into(), InvalidCrlf, "invalid CRLF in request"),
        (&client, endless("*1"), MultibulkLine, "too big mbulk count string"),
        (&client, endless("*1\r\n$1"), BulkLine, "too big bulk count string"),
        (&client, endless("*1\r\nx"), BulkLine, "too big bulk count string"),
        (&client, endless("a"), InlineLine, "too big inline request"),
        (&client, endless("a\0\r\n"), InlineLine, "too big inline request"),
        (&client, b"ECHO \"a\r\n".into(), UnbalancedQuotes, "unbalanced quotes in request"),
        (&client, b"ECHO 'a\r\n".into(), UnbalancedQuotes, "unbalanced quotes in request"),
        (&client, b"ECHO \"\\\r\n".into(), UnbalancedQuotes, "unbalanced quotes in request"),
        (
            &stranger,
            b"*11\r\n".into(),
            UnauthenticatedMultibulk,
            "unauthenticated multibulk length",
        ),
        (&stranger, b"*1\r\n$16385\r\n".into(), UnauthenticatedBulk, "unauthenticated bulk length"),
        (&stranger, b"*1\r\n$536870913\r\n".into(), BulkLength, "invalid bulk length"),
        (&stranger, b"*2147483648\r\n".into(), MultibulkLength, "invalid multibulk length"),
    ];
    for (limits, stream, expected, text) in table {
        let shown = String::from_utf8_lossy(&stream[..stream.len().min(40)]);
        let found = if stream.len() < 100 {
            check_every_cut(stream, limits)
        } else {
            compare_cuts(stream, stream.chunks(1000), limits)
        };
        assert_eq!(found.error, Some(*expected), "{shown}");
        let mut reply = Vec::new();
        expected.write_reply(&mut reply);
        assert_eq!(reply, format!("-ERR Protocol error: {text}\r\n").as_bytes(), "{shown}");
        // What came before is served first, and empty requests before it change nothing.
        let before = b"PING\r\n*0\r\n*1\r\n$4\r\nPING\r\n\r\n*-1\r\n";
        let behind = [before.as_slice(), stream].concat();
        let found = compare_cuts(&behind, behind.chunks(1500), limits);
        assert_eq!((found.frames.len(), found.error), (2, Some(*expected)), "{shown}");
    }
}

#[test]
fn limits_are_inclusive() {
    let stranger = Limits::unauthenticated();
    let largest = request(&[[b'x'; 16_384].as_slice(); 10]);
    assert_eq!(compare_cuts(&largest, largest.chunks(4096), &stranger).frames.len(), 1);
    let line = [&[b'a'; 65_536][..], b"\n"].concat();
    assert_eq!(compare_cuts(&line, line.chunks(4096), &Limits::default()).frames.len(), 1);
    let over = [&[b'a'; 65_537][..], b"\n"].concat();
    let found = compare_cuts(&over, over.chunks(4096), &Limits::default());
    assert_eq!(found.error, Some(ProtocolError::InlineLine));
    // 512 MiB may be announced; and nothing is allocated for it.
    let announced = b"*1\r\n$536870912\r\n";
    let found = check_every_cut(announced, &Limits::default());
    assert_eq!((found.error, found.rest), (None, announced.len()));
}

#[test]
fn nothing_is_allocated_for_what_was_only_announced() {
    let mut args: Vec<Arg> = Vec::new();
    let mut resume = Resume::default();
    for stream in ["*2147483647\r\n", "*1048577\r\n$1\r\na\r\n", "*3\r\n$536870912\r\nabc"] {
        let mut buffer = stream.as_bytes().to_vec();
        assert!(matches!(
            parse(&mut buffer, &Limits::default(), &mut args),
            Parsed::Partial { .. }
        ));
        assert!(matches!(
            resume.parse(&mut buffer, &Limits::default(), &mut args),
            Parsed::Partial { .. }
        ));
        assert!(args.is_empty() && args.capacity() <= 64);
        resume = Resume::default();
    }
}

#[test]
fn what_is_missing_of_a_string_is_told() {
    let mut args = Vec::new();
    let parsed = parse(&mut b"*1\r\n$100\r\nabc".to_vec(), &Limits::default(), &mut args);
    assert_eq!(parsed, Parsed::Partial { need: 99 });
}

#[test]
fn arguments_are_appended_behind_those_of_earlier_frames() {
    let mut buffer = [request(&[b"GET", b"k"]), b"*2\r\n$3\r\nGET\r\n".to_vec()].concat();
    let mut args = Vec::new();
    let Parsed::Frame { consumed } = parse(&mut buffer, &Limits::default(), &mut args) else {
        panic!("a whole frame");
    };
    assert_eq!(args, [Arg { start: 8, len: 3 }, Arg { start: 17, len: 1 }]);
    let rest = &mut buffer[consumed..];
    assert_eq!(parse(rest, &Limits::default(), &mut args), Parsed::Partial { need: 1 });
    assert_eq!(args.len(), 2, "a partial frame leaves no arguments");
}

#[test]
fn a_log_holds_no_inline_requests() {
    let mut args = Vec::new();
    assert_eq!(
        parse_multibulk(b"PING\r\n", &Limits::trusted(), &mut args),
        Parsed::Error(ProtocolError::MultibulkLength)
    );
    assert_eq!(parse_multibulk(b"", &Limits::trusted(), &mut args), Parsed::Partial { need: 1 });
    let record = request(&[b"SET", b"k", b"v"]);
    assert_eq!(
        parse_multibulk(&record, &Limits::trusted(), &mut args),
        Parsed::Frame { consumed: record.len() }
    );
}

/// Going on must not start over: a piece costs its own length.
#[test]
fn a_frame_of_many_arguments_is_not_read_again() {
    let args: Vec<&[u8]> = vec![b"x"; 50_000];
    let stream = request(&args);
    let mut resume = Resume::default();
    let mut found = Vec::new();
    let mut fed = Vec::new();
    for piece in stream.chunks(100) {
        let before = fed.len();
        fed.extend_from_slice(piece);
        // What lies well before this piece is not looked at again, so it may as well be gone.
        fed[1..before.saturating_sub(16).max(1)].fill(b'!');
        let parsed = resume.parse(&mut fed, &Limits::default(), &mut found);
        if fed.len() == stream.len() {
            assert_eq!(parsed, Parsed::Frame { consumed: stream.len() });
        } else {
            assert!(matches!(parsed, Parsed::Partial { .. }));
        }
    }
    assert_eq!(found.len(), args.len());
    assert!(found.iter().all(|arg| arg.of(&stream) == b"x"));
}

proptest! {
    /// What is written is what is read, in any pieces.
    #[test]
    fn requests_round_trip(
        requests in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8), 1..6),
        size in 1usize..50,
    ) {
        let mut stream = Vec::new();
        for args in &requests {
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            write_request(&mut stream, &args);
        }
        let found = compare_cuts(&stream, stream.chunks(size), &Limits::default());
        prop_assert_eq!(found, Session { frames: requests, error: None, rest: 0 });
    }

    /// Bytes of the protocol in no order: no panic, and cuts do not matter.
    #[test]
    fn any_bytes_mean_the_same_however_cut(
        parts in prop::collection::vec(prop::sample::select(vec![
            "*", "$", "1", "2", "3", "0", "-", "\r\n", "\n", "\r", "a", "\"", "'", "\\", " ", "x41",
            "*1\r\n", "$1\r\n", "a\r\n", "*2\r\n$3\r\nGET\r\n", "PING\r\n", "\0",
        ]), 0..40),
        size in 1usize..8,
    ) {
        let stream: String = parts.concat();
        let small = Limits { inline_max: 12, bulk_max: 30, args_max: 20, ..Limits::default() };
        for limits in [Limits::default(), Limits::unauthenticated(), small] {
            compare_cuts(stream.as_bytes(), stream.as_bytes().chunks(size), &limits);
        }
    }
}

/// The fuzz targets' checks over the files they start from.
#[test]
fn the_seeds_of_the_fuzzers_pass() {
    let check_request: fn(&[u8]) = fuzzing::request;
    for (folder, check) in [("request", check_request), ("reply", fuzzing::reply)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(folder);
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            check(&std::fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count >= 5, "seeds in {}", folder.display());
    }
}
