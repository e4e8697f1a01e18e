//! Replies: their bytes in both protocols, and back.

use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;

use crate::resp::decode::{DEPTH_MAX, DecodeError, Decoded, Decoder, OwnedReply, decode};
use crate::resp::encode::{Protocol, encode};
use crate::resp::nested::NestedBuilder;
use crate::resp::out::{Mark, Out, SHARE_MIN};
use crate::resp::reply::{BulksBuilder, BulksKind, Reply};

fn encoded(reply: &Reply<'_>, protocol: Protocol) -> Vec<u8> {
    let mut out = Out::new();
    encode(reply, protocol, &mut out);
    out.slices(Mark::default(), out.mark()).flatten().copied().collect()
}

fn check(reply: Reply<'_>, resp2: &str, resp3: &str) {
    let show = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(show(encoded(&reply, Protocol::Resp2)), resp2, "{reply:?}");
    assert_eq!(show(encoded(&reply, Protocol::Resp3)), resp3, "{reply:?}");
}

fn same(reply: Reply<'_>, bytes: &str) {
    check(reply, bytes, bytes);
}

#[test]
fn every_type_in_both_protocols() {
    same(Reply::Ok, "+OK\r\n");
    same(Reply::Simple("QUEUED"), "+QUEUED\r\n");
    same(Reply::Status(Cow::Borrowed(b"a\r\nb")), "+a  b\r\n");
    same(Reply::error("ERR syntax error"), "-ERR syntax error\r\n");
    same(Reply::error("\r\nERR a\nb\r\n"), "-ERR a b\r\n");
    same(Reply::Int(7), ":7\r\n");
    same(Reply::Int(i64::MIN), ":-9223372036854775808\r\n");
    same(Reply::Bulk(b""), "$0\r\n\r\n");
    same(Reply::Bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n");
    same(Reply::from_vec(b"0123456789".to_vec()), "$10\r\n0123456789\r\n");
    same(Reply::Shared(Arc::new(b"x".to_vec())), "$1\r\nx\r\n");
    same(Reply::BulkInt(-10), "$3\r\n-10\r\n");
    same(Reply::EMPTY, "*0\r\n");
    same(Reply::Array(vec![Reply::Int(1), Reply::Bulk(b"a")]), "*2\r\n:1\r\n$1\r\na\r\n");
    check(Reply::Null, "$-1\r\n", "_\r\n");
    check(Reply::NullArray, "*-1\r\n", "_\r\n");
    check(Reply::Double(3.25), "$4\r\n3.25\r\n", ",3.25\r\n");
    check(Reply::Double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(Reply::Double(f64::NAN), "$3\r\nnan\r\n", ",nan\r\n");
    check(Reply::Bool(true), ":1\r\n", "#t\r\n");
    check(Reply::Bool(false), ":0\r\n", "#f\r\n");
    check(Reply::BigNumber("-123".into()), "$4\r\n-123\r\n", "(-123\r\n");
    let text = Reply::Verbatim(*b"txt", Cow::Borrowed(b"Some string"));
    check(text, "$11\r\nSome string\r\n", "=15\r\ntxt:Some string\r\n");
    let pair = || vec![(Reply::Bulk(b"k"), Reply::Int(1))];
    check(Reply::Map(pair()), "*2\r\n$1\r\nk\r\n:1\r\n", "%1\r\n$1\r\nk\r\n:1\r\n");
    check(Reply::Set(vec![Reply::Null]), "*1\r\n$-1\r\n", "~1\r\n_\r\n");
    check(Reply::Push(vec![Reply::Int(1)]), "*1\r\n:1\r\n", ">1\r\n:1\r\n");
    let attribute = Reply::Attribute(Box::new((pair(), Reply::Ok)));
    check(attribute, "+OK\r\n", "|1\r\n$1\r\nk\r\n:1\r\n+OK\r\n");
}

/// Long lists of replies are made of these.
#[test]
fn a_reply_is_small() {
    assert_eq!(size_of::<Reply<'_>>(), 32);
}

#[test]
fn many_strings() {
    let build = |kind| {
        let mut bulks = BulksBuilder::new(kind);
        bulks.push(b"a");
        bulks.push_int(10);
        bulks.finish()
    };
    let strings = "$1\r\na\r\n$2\r\n10\r\n";
    let array = format!("*2\r\n{strings}");
    check(build(BulksKind::Array), &array, &array);
    check(build(BulksKind::Set), &array, &format!("~2\r\n{strings}"));
    check(build(BulksKind::Map), &array, &format!("%1\r\n{strings}"));
    let nested = "*1\r\n*2\r\n$1\r\na\r\n,10\r\n";
    check(build(BulksKind::Scored), &array, nested);
    check(build(BulksKind::Pairs), &array, &format!("*1\r\n*2\r\n{strings}"));
    let pairs = vec![(Reply::Bulk(b"a"), Reply::Double(10.0))];
    check(Reply::Pairs(pairs), &array, nested);
    check(BulksBuilder::new(BulksKind::Set).finish(), "*0\r\n", "~0\r\n");
    let Reply::Bulks(bulks) = build(BulksKind::Map) else { panic!("bulks") };
    assert_eq!(bulks.iter().collect::<Vec<_>>(), [Some(&b"a"[..]), Some(b"10")]);
    let mut sparse = BulksBuilder::new(BulksKind::Array);
    sparse.push_null();
    sparse.push(b"$-1\r\n");
    sparse.push_null();
    let resp2 = "*3\r\n$-1\r\n$5\r\n$-1\r\n\r\n$-1\r\n";
    let resp3 = "*3\r\n_\r\n$5\r\n$-1\r\n\r\n_\r\n";
    let sparse = sparse.finish();
    let Reply::Bulks(bulks) = &sparse else { panic!("bulks") };
    assert_eq!(bulks.iter().collect::<Vec<_>>(), [None, Some(&b"$-1\r\n"[..]), None]);
    check(sparse, resp2, resp3);
}

#[test]
fn arrays_in_arrays() {
    let mut nested = NestedBuilder::default();
    nested.array(2);
    nested.string(b"1-1");
    nested.array(2);
    nested.string(b"");
    nested.string(b"eleven more");
    nested.array(0);
    nested.string(b"x");
    let reply = nested.finish(3);
    let expected = "*3\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$0\r\n\r\n$11\r\neleven more\r\n\
                    *0\r\n$1\r\nx\r\n";
    let Reply::Nested(nested) = &reply else { panic!("nested") };
    let inner = vec![Reply::Bulk(b""), Reply::Bulk(b"eleven more")];
    let entry = Reply::Array(vec![Reply::Bulk(b"1-1"), Reply::Array(inner)]);
    assert_eq!(nested.iter().collect::<Vec<_>>(), [entry, Reply::EMPTY, Reply::Bulk(b"x")]);
    check(reply, expected, expected);
    check(NestedBuilder::default().finish(0), "*0\r\n", "*0\r\n");
}

#[test]
fn large_values_are_not_copied() {
    let value = Arc::new(vec![b'x'; SHARE_MIN]);
    let mut out = Out::new();
    encode(&Reply::Shared(Arc::clone(&value)), Protocol::Resp2, &mut out);
    assert_eq!(out.bytes, b"$16384\r\n\r\n");
    let pieces: Vec<&[u8]> = out.slices(Mark::default(), out.mark()).collect();
    assert_eq!(pieces, [&b"$16384\r\n"[..], &value, b"\r\n"]);
    assert!(std::ptr::eq(pieces[1], value.as_slice()));
    let mut list = BulksBuilder::new(BulksKind::Array);
    (0..10_000).for_each(|number| list.push_int(number));
    let mut out = Out::new();
    encode(&list.finish(), Protocol::Resp3, &mut out);
    assert_eq!(out.bytes, b"*10000\r\n");
}

#[test]
fn replies_only_others_send() {
    use OwnedReply::*;
    for (bytes, value) in [
        ("!5\r\nERR x\r\n", Error(b"ERR x".to_vec())),
        (":+5\r\n", Int(5)),
        ("(+12\r\n", BigNumber(b"+12".to_vec())),
        (",1e5\r\n", Double(1e5)),
        (",10\r\n", Double(10.0)),
        ("%0\r\n", Map(vec![])),
        ("|0\r\n:1\r\n", Attribute(Box::new((vec![], Int(1))))),
        (
            "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n",
            Array(vec![
                Attribute(Box::new((vec![(Simple(b"a".to_vec()), Simple(b"b".to_vec()))], Int(1)))),
                Int(2),
            ]),
        ),
    ] {
        let consumed = bytes.len();
        assert_eq!(decode(bytes.as_bytes(), 8), Decoded::Value { consumed, value }, "{bytes:?}");
    }
}

#[test]
fn hostile_replies() {
    use DecodeError::*;
    for (bytes, error) in [
        ("?\r\n", UnknownType(b'?')),
        ("$-2\r\n", Length),
        ("~-1\r\n", Length),
        ("$x\r\n", Length),
        ("$?\r\n", Length),
        ("$01\r\n", Length),
        ("*9223372036854775808\r\n", Length),
        ("$11111111111111111111111111111111111", Length),
        ("$1\r\nab\r\n", Terminator),
        ("+a\rb", Terminator),
        (":\r\n", Malformed(b':')),
        (":1.5\r\n", Malformed(b':')),
        ("#x\r\n", Malformed(b'#')),
        ("_x\r\n", Malformed(b'_')),
        (",\r\n", Malformed(b',')),
        (",infinity\r\n", Malformed(b',')),
        ("(1x\r\n", Malformed(b'(')),
        ("(\r\n", Malformed(b'(')),
        ("=3\r\ntxt\r\n", Malformed(b'=')),
        ("*1\r\n*1\r\n*1\r\n:1\r\n", TooDeep),
    ] {
        assert_eq!(decode(bytes.as_bytes(), 2), Decoded::Error(error), "{bytes:?}");
    }
    // Announced and not sent: no memory, no error.
    for bytes in ["*2147483647\r\n:1\r\n", "%4611686018427387903\r\n", "$9223372036854775\r\nab"] {
        assert_eq!(decode(bytes.as_bytes(), 2), Decoded::Partial, "{bytes:?}");
    }
}

#[test]
fn nesting_is_bounded_whatever_is_asked_for() {
    for opening in ["*1\r\n", "|0\r\n", "%1\r\n:1\r\n"] {
        let deep = opening.repeat(1_000_000);
        let error = Decoded::Error(DecodeError::TooDeep);
        assert_eq!(decode(deep.as_bytes(), usize::MAX), error);
        let allowed = opening.repeat(DEPTH_MAX) + ":1\r\n";
        assert!(matches!(decode(allowed.as_bytes(), usize::MAX), Decoded::Value { .. }));
    }
}

#[test]
fn a_large_reply_is_not_read_again() {
    let stream = [&b"*30000\r\n"[..], &b"$1\r\nx\r\n".repeat(30_000)].concat();
    let mut decoder = Decoder::new(1);
    for end in (100..stream.len()).step_by(100) {
        // Were it read from its start, the damage there would show.
        let mut fed = stream[..end].to_vec();
        if end > 100 {
            fed[..end - 120].fill(b'!');
        }
        assert_eq!(decoder.decode(&fed), Decoded::Partial);
    }
    let Decoded::Value { consumed, .. } = decoder.decode(&stream) else { panic!("a value") };
    assert_eq!(consumed, stream.len());
}

/// What a client that speaks `protocol` gets for a reply.
fn received(reply: &Reply<'_>, protocol: Protocol) -> OwnedReply {
    let resp3 = protocol == Protocol::Resp3;
    let values = |values: &[Reply<'_>]| values.iter().map(|v| received(v, protocol)).collect();
    let pairs = |pairs: &[(Reply<'_>, Reply<'_>)]| -> Vec<(OwnedReply, OwnedReply)> {
        pairs.iter().map(|(k, v)| (received(k, protocol), received(v, protocol))).collect()
    };
    match reply {
        Reply::Ok => OwnedReply::Simple(b"OK".to_vec()),
        Reply::Simple(text) => OwnedReply::Simple(text.as_bytes().to_vec()),
        Reply::Status(text) => OwnedReply::Simple(text.to_vec()),
        Reply::Error(text) => OwnedReply::Error(text.as_bytes().to_vec()),
        Reply::Int(value) => OwnedReply::Int(*value),
        Reply::NullArray if !resp3 => OwnedReply::NullArray,
        Reply::Null | Reply::NullArray => OwnedReply::Null,
        Reply::Bulk(text) => OwnedReply::Bulk(text.to_vec()),
        Reply::Owned(text) => OwnedReply::Bulk(text.clone()),
        Reply::Shared(text) => OwnedReply::Bulk(text.to_vec()),
        Reply::BulkInt(value) => OwnedReply::Bulk(value.to_string().into_bytes()),
        Reply::Double(value) if resp3 => OwnedReply::Double(*value),
        Reply::Double(_) => OwnedReply::Bulk(encoded(reply, Protocol::Resp3)),
        Reply::DoubleText(text) if resp3 => {
            let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            OwnedReply::Double(number.unwrap())
        }
        Reply::DoubleText(text) => OwnedReply::Bulk(text.clone()),
        Reply::Bool(value) if resp3 => OwnedReply::Bool(*value),
        Reply::Bool(value) => OwnedReply::Int(i64::from(*value)),
        Reply::BigNumber(digits) if resp3 => OwnedReply::BigNumber(digits.as_bytes().to_vec()),
        Reply::BigNumber(digits) => OwnedReply::Bulk(digits.as_bytes().to_vec()),
        Reply::Verbatim(format, text) if resp3 => OwnedReply::Verbatim(*format, text.to_vec()),
        Reply::Verbatim(_, text) => OwnedReply::Bulk(text.to_vec()),
        Reply::Set(list) if resp3 => OwnedReply::Set(values(list)),
        Reply::Push(list) if resp3 => OwnedReply::Push(values(list)),
        Reply::Array(list) | Reply::Set(list) | Reply::Push(list) => {
            OwnedReply::Array(values(list))
        }
        Reply::Map(list) | Reply::NestedMap(list) if resp3 => OwnedReply::Map(pairs(list)),
        Reply::Pairs(list) if !resp3 => {
            OwnedReply::Array(pairs(list).into_iter().flat_map(|(k, v)| [k, v]).collect())
        }
        Reply::NestedMap(list) | Reply::Pairs(list) => {
            let both = pairs(list).into_iter().map(|(k, v)| OwnedReply::Array(vec![k, v]));
            OwnedReply::Array(both.collect())
        }
        Reply::Map(list) => {
            OwnedReply::Array(pairs(list).into_iter().flat_map(|(k, v)| [k, v]).collect())
        }
        Reply::Attribute(both) if resp3 => {
            OwnedReply::Attribute(Box::new((pairs(&both.0), received(&both.1, protocol))))
        }
        Reply::Attribute(both) => received(&both.1, protocol),
        Reply::Bulks(bulks) => {
            let owned = |text: &[u8]| OwnedReply::Bulk(text.to_vec());
            OwnedReply::Array(
                bulks.iter().map(|text| text.map_or(OwnedReply::Null, owned)).collect(),
            )
        }
        Reply::Nested(nested) => {
            OwnedReply::Array(nested.iter().map(|one| received(&one, protocol)).collect())
        }
    }
}

fn any_reply() -> impl Strategy<Value = Reply<'static>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..30);
    let leaf = prop_oneof![
        Just(Reply::Ok),
        Just(Reply::Simple("QUEUED")),
        Just(Reply::error("ERR no such key")),
        "[ -~]{0,20}".prop_map(|text| Reply::Status(Cow::Owned(text.into_bytes()))),
        any::<i64>().prop_map(Reply::Int),
        Just(Reply::Null),
        Just(Reply::NullArray),
        bytes().prop_map(Reply::Owned),
        (0usize..40_000).prop_map(|len| Reply::from_vec(vec![b'z'; len])),
        any::<i64>().prop_map(Reply::BulkInt),
        any::<i32>().prop_map(|n| Reply::DoubleText(format!("{n}.25").into_bytes())),
        any::<bool>().prop_map(Reply::Bool),
        "-?[1-9][0-9]{0,40}".prop_map(|digits| Reply::BigNumber(digits.into())),
        bytes().prop_map(|text| Reply::Verbatim(*b"txt", text.into())),
        prop::collection::vec(bytes(), 0..20).prop_map(|values| {
            let mut bulks = BulksBuilder::new(BulksKind::Array);
            values.iter().for_each(|value| bulks.push(value));
            bulks.finish()
        }),
        prop::collection::vec(prop::collection::vec(bytes(), 0..12), 0..12).prop_map(|arrays| {
            let mut nested = NestedBuilder::default();
            for array in &arrays {
                nested.array(array.len());
                array.iter().for_each(|value| nested.string(value));
            }
            nested.finish(arrays.len())
        }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..6);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            list.clone().prop_map(Reply::Array),
            list.clone().prop_map(Reply::Set),
            list.prop_map(Reply::Push),
            pairs.clone().prop_map(Reply::Map),
            pairs.clone().prop_map(Reply::NestedMap),
            pairs.clone().prop_map(Reply::Pairs),
            (pairs, inner).prop_map(|both| Reply::Attribute(Box::new(both))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn replies_round_trip(
        replies in prop::collection::vec(any_reply(), 1..4),
        size in 1usize..200,
    ) {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let stream: Vec<u8> =
                replies.iter().flat_map(|reply| encoded(reply, protocol)).collect();
            let mut decoder = Decoder::new(16);
            let mut found = Vec::new();
            let mut buffer = Vec::new();
            for piece in stream.chunks(size) {
                buffer.extend_from_slice(piece);
                while let Decoded::Value { consumed, value } = decoder.decode(&buffer) {
                    found.push(value);
                    buffer.drain(..consumed);
                }
            }
            let expected: Vec<_> = replies.iter().map(|reply| received(reply, protocol)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn doubles_round_trip(value: f64) {
        let bytes = encoded(&Reply::Double(value), Protocol::Resp3);
        let Decoded::Value { value: OwnedReply::Double(found), .. } = decode(&bytes, 0) else {
            panic!("a double");
        };
        prop_assert!(found == value || (found.is_nan() && value.is_nan()));
    }
}
