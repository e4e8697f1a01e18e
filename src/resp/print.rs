//! Replies as text: on a terminal, raw, and as JSON.
//!
//! [`tty`] and [`raw`] give what redis-cli 7.0 prints (compared with it reply by reply); they are
//! what the command line shows, and [`tty`] is what transcripts are written in. [`json`] differs
//! where redis-cli's output is no JSON.
//!
//! All of them append to a buffer of bytes, since a status or a raw string need not be UTF-8. They
//! recurse as deep as the reply is nested, which the decoder bounds.

use super::decode::OwnedReply;
use crate::base::double;

/// Appends a reply as redis-cli prints it on a terminal (or with `--no-raw`): types are named,
/// strings are quoted, nested values are indented. Ends with a newline.
///
/// ```text
/// 1# "name" => (integer) 1
/// 2# "tags" =>
///    1~ "a"
///    2~ "b"
/// ```
///
/// There is a blank behind the `=>` of the second line. Facts beside a reply (RESP3 attributes),
/// which redis-cli 7.0 does not know, are left out.
pub fn tty(reply: &OwnedReply, out: &mut Vec<u8>) {
    tty_at(reply, 0, out);
}

/// [`tty`], where every line after the first is indented by `indent` blanks.
fn tty_at(reply: &OwnedReply, indent: usize, out: &mut Vec<u8>) {
    match reply {
        OwnedReply::Simple(text) | OwnedReply::Verbatim(_, text) => out.extend_from_slice(text),
        OwnedReply::Error(text) => tagged("(error) ", text, out),
        OwnedReply::Int(value) => {
            tagged("(integer) ", itoa::Buffer::new().format(*value).as_bytes(), out);
        }
        OwnedReply::Bulk(bytes) => out.extend_from_slice(represented(bytes).as_bytes()),
        OwnedReply::Null | OwnedReply::NullArray => out.extend_from_slice(b"(nil)"),
        OwnedReply::Double(value) => tagged("(double) ", double::reply(*value).as_bytes(), out),
        OwnedReply::Bool(value) => out.extend_from_slice(boolean(*value)),
        OwnedReply::BigNumber(digits) => tagged("(big number) ", digits, out),
        OwnedReply::Array(items) => return tty_items(items, ")", "(empty array)", indent, out),
        OwnedReply::Set(items) => return tty_items(items, "~", "(empty set)", indent, out),
        OwnedReply::Push(items) => return tty_items(items, ">", "(empty push)", indent, out),
        OwnedReply::Map(pairs) => return tty_pairs(pairs, indent, out),
        OwnedReply::Attribute(both) => return tty_at(&both.1, indent, out),
    }
    out.push(b'\n');
}

/// Appends the numbered elements of an array, a set or a push.
fn tty_items(items: &[OwnedReply], mark: &str, empty: &str, indent: usize, out: &mut Vec<u8>) {
    if items.is_empty() {
        out.extend_from_slice(empty.as_bytes());
        out.push(b'\n');
        return;
    }
    let width = digits(items.len());
    for (n, item) in items.iter().enumerate() {
        number(n, width, mark, indent, out);
        tty_at(item, indent + width + 2, out);
    }
}

/// Appends the numbered pairs of a map.
fn tty_pairs(pairs: &[(OwnedReply, OwnedReply)], indent: usize, out: &mut Vec<u8>) {
    if pairs.is_empty() {
        out.extend_from_slice(b"(empty hash)\n");
        return;
    }
    let width = digits(pairs.len());
    let deeper = indent + width + 2;
    for (n, (key, value)) in pairs.iter().enumerate() {
        number(n, width, "#", indent, out);
        tty_at(key, deeper, out);
        out.pop_if(|last| *last == b'\n');
        out.extend_from_slice(b" => ");
        if has_several_lines(value) {
            out.push(b'\n');
            blanks(deeper, out);
        }
        tty_at(value, deeper, out);
    }
}

/// Appends the number of element `n`, counted from 0; the first stands where its aggregate begins.
fn number(n: usize, width: usize, mark: &str, indent: usize, out: &mut Vec<u8>) {
    if n > 0 {
        blanks(indent, out);
    }
    blanks(width.saturating_sub(digits(n + 1)), out);
    out.extend_from_slice(itoa::Buffer::new().format(n + 1).as_bytes());
    out.extend_from_slice(mark.as_bytes());
    out.push(b' ');
}

/// Whether a map's value is printed below its key: if its elements take more than one line. (A
/// text's own lines do not count, nor those of keys; so in redis-cli.)
fn has_several_lines(reply: &OwnedReply) -> bool {
    match reply {
        OwnedReply::Array(items) | OwnedReply::Set(items) | OwnedReply::Push(items) => {
            match items.as_slice() {
                [] => false,
                [only] => has_several_lines(only),
                _ => true,
            }
        }
        OwnedReply::Map(pairs) => match pairs.as_slice() {
            [] => false,
            [(_, value)] => has_several_lines(value),
            _ => true,
        },
        OwnedReply::Attribute(both) => has_several_lines(&both.1),
        _ => false,
    }
}

/// How many decimal digits `value` has.
fn digits(value: usize) -> usize {
    itoa::Buffer::new().format(value).len()
}

fn blanks(count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, b' ');
}

fn tagged(tag: &str, text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(tag.as_bytes());
    out.extend_from_slice(text);
}

/// redis-cli's word for a boolean, the same in both forms.
fn boolean(value: bool) -> &'static [u8] {
    if value { b"(true)" } else { b"(false)" }
}

/// Appends a reply as redis-cli prints it where its output is no terminal (or with `--raw`): only
/// the values, one a line, a map's key and value in one line; nothing for a null or an empty
/// aggregate. No newline behind the last, which is the caller's; but an error ends with one of its
/// own, as in redis-cli.
pub fn raw(reply: &OwnedReply, out: &mut Vec<u8>) {
    match reply {
        OwnedReply::Simple(text)
        | OwnedReply::Bulk(text)
        | OwnedReply::Verbatim(_, text)
        | OwnedReply::BigNumber(text) => out.extend_from_slice(text),
        OwnedReply::Error(text) => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
        OwnedReply::Int(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
        }
        OwnedReply::Null | OwnedReply::NullArray => {}
        OwnedReply::Double(value) => out.extend_from_slice(double::reply(*value).as_bytes()),
        OwnedReply::Bool(value) => out.extend_from_slice(boolean(*value)),
        OwnedReply::Array(items) | OwnedReply::Set(items) | OwnedReply::Push(items) => {
            separated(items, b'\n', out, raw);
        }
        OwnedReply::Map(pairs) => separated(pairs, b'\n', out, |(key, value), out| {
            raw(key, out);
            out.push(b' ');
            raw(value, out);
        }),
        OwnedReply::Attribute(both) => raw(&both.1, out),
    }
}

/// Appends every item, with a byte between one and the next.
fn separated<T>(items: &[T], by: u8, out: &mut Vec<u8>, each: impl Fn(&T, &mut Vec<u8>)) {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.push(by);
        }
        each(item, out);
    }
}

/// Appends a reply as JSON in one line, without a newline behind it.
///
/// Arrays, sets and pushes are arrays, maps objects. As JSON has nothing else for them: an error is
/// `{"error":"ERR ..."}`; infinities, `nan` and big numbers are strings; a map's key that is no
/// string is its JSON text; bytes that are not UTF-8 become U+FFFD. (redis-cli's `--json` prints
/// what no parser accepts for the first two and the last.)
pub fn json(reply: &OwnedReply, out: &mut Vec<u8>) {
    match reply {
        OwnedReply::Simple(text)
        | OwnedReply::Bulk(text)
        | OwnedReply::Verbatim(_, text)
        | OwnedReply::BigNumber(text) => json_string(text, out),
        OwnedReply::Error(text) => {
            out.extend_from_slice(b"{\"error\":");
            json_string(text, out);
            out.push(b'}');
        }
        OwnedReply::Int(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
        }
        OwnedReply::Null | OwnedReply::NullArray => out.extend_from_slice(b"null"),
        OwnedReply::Double(value) if value.is_finite() => {
            out.extend_from_slice(double::reply(*value).as_bytes());
        }
        OwnedReply::Double(value) => json_string(double::reply(*value).as_bytes(), out),
        OwnedReply::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        OwnedReply::Array(items) | OwnedReply::Set(items) | OwnedReply::Push(items) => {
            out.push(b'[');
            separated(items, b',', out, json);
            out.push(b']');
        }
        OwnedReply::Map(pairs) => {
            out.push(b'{');
            separated(pairs, b',', out, |(key, value), out| {
                json_key(key, out);
                out.push(b':');
                json(value, out);
            });
            out.push(b'}');
        }
        OwnedReply::Attribute(both) => json(&both.1, out),
    }
}

fn json_key(key: &OwnedReply, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    json(key, &mut text);
    if text.first() == Some(&b'"') {
        out.extend_from_slice(&text);
    } else {
        json_string(&text, out);
    }
}

fn json_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            control @ '\0'..='\x1f' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// A word as it would be typed on the command line: quoted only if it must be. The rules of inline
/// requests read it back.
pub fn quoted(word: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if !word.is_empty() && word.iter().all(plain) {
        return word.iter().copied().map(char::from).collect();
    }
    represented(word)
}

/// A string in double quotes, with everything but printable ASCII escaped. The rules of inline
/// requests read it back.
pub fn represented(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'"' => text.push_str("\\\""),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            0x20..=0x7e => text.push(char::from(byte)),
            other => text.push_str(&format!("\\x{other:02x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::super::decode::{DEPTH_MAX, Decoded, decode};
    use super::super::request::{Limits, Parsed, parse};
    use super::*;
    use proptest::prelude::*;

    fn reply(encoded: &str) -> OwnedReply {
        match decode(encoded.replace(' ', "\r\n").as_bytes(), DEPTH_MAX) {
            Decoded::Value { value, .. } => value,
            other => panic!("{encoded}: {other:?}"),
        }
    }

    fn text(print: fn(&OwnedReply, &mut Vec<u8>), reply: &OwnedReply) -> String {
        let mut out = Vec::new();
        print(reply, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Checks all forms of a reply, written with blanks for CR LF.
    fn check(encoded: &str, expected_tty: &str, expected_raw: &str, expected_json: &str) {
        let reply = reply(encoded);
        assert_eq!(text(tty, &reply), format!("{expected_tty}\n"), "{encoded} on a terminal");
        assert_eq!(text(raw, &reply), expected_raw, "{encoded} raw");
        assert_eq!(text(json, &reply), expected_json, "{encoded} as JSON");
    }

    // The first two forms are redis-cli 7.0.15's output for these very bytes.
    #[test]
    fn single_values() {
        check("+OK ", "OK", "OK", r#""OK""#);
        check("-ERR ", "(error) ERR", "ERR\n", r#"{"error":"ERR"}"#);
        check(":-5 ", "(integer) -5", "-5", "-5");
        check("$1 x ", "\"x\"", "x", r#""x""#);
        check("$0  ", "\"\"", "", r#""""#);
        check("$-1 ", "(nil)", "", "null");
        check("*-1 ", "(nil)", "", "null");
        check("_ ", "(nil)", "", "null");
        check(",1.5 ", "(double) 1.5", "1.5", "1.5");
        check(",1e+20 ", "(double) 1e+20", "1e+20", "1e+20");
        check(",-inf ", "(double) -inf", "-inf", r#""-inf""#);
        check("#t ", "(true)", "(true)", "true");
        check("#f ", "(false)", "(false)", "false");
        check("=7 mkd:a\"b ", "a\"b", "a\"b", r#""a\"b""#);
        check("*0 ", "(empty array)", "", "[]");
        check("~0 ", "(empty set)", "", "[]");
        check("%0 ", "(empty hash)", "", "{}");
    }

    // redis-cli 7.0 knows neither of these.
    #[test]
    fn what_redis_cli_cannot_print() {
        check(
            "(123456789012345678901 ",
            "(big number) 123456789012345678901",
            "123456789012345678901",
            r#""123456789012345678901""#,
        );
        check("|1 +a :1 :2 ", "(integer) 2", "2", "2");
        check(">0 ", "(empty push)", "", "[]");
        check(">1 +a ", "1> a", "a", r#"["a"]"#);
    }

    #[test]
    fn nested_arrays() {
        check(
            "*3 *2 :1 $1 x *1 *0 -E ",
            "1) 1) (integer) 1\n   2) \"x\"\n2) 1) (empty array)\n3) (error) E",
            "1\nx\n\nE\n",
            r#"[[1,"x"],[[]],{"error":"E"}]"#,
        );
        let ten = format!("*10 {}*2 :5 ~2 +a +b ", ":1 ".repeat(9));
        let shown = text(tty, &reply(&ten));
        assert!(shown.starts_with(" 1) (integer) 1\n 2) "), "{shown}");
        assert!(shown.ends_with("10) 1) (integer) 5\n    2) 1~ a\n       2~ b\n"), "{shown}");
    }

    #[test]
    fn a_value_of_several_lines_stands_below_its_key() {
        check(
            "%3 $1 a %1 $1 b :1 $1 c *2 %2 +x :1 +y %0 *1 *1 :3 $1 d ~0 ",
            "1# \"a\" => 1# \"b\" => (integer) 1\n\
             2# \"c\" => \n\
            \x20  1) 1# x => (integer) 1\n\
            \x20     2# y => (empty hash)\n\
            \x20  2) 1) 1) (integer) 3\n\
             3# \"d\" => (empty set)",
            "a b 1\nc x 1\ny \n3\nd ",
            r#"{"a":{"b":1},"c":[{"x":1,"y":{}},[[3]]],"d":[]}"#,
        );
        check(
            "%1 +a %1 +x *2 :1 %2 +k *1 :1 +l :3 ",
            "1# a => \n\
            \x20  1# x => \n\
            \x20     1) (integer) 1\n\
            \x20     2) 1# k => 1) (integer) 1\n\
            \x20        2# l => (integer) 3",
            "a x 1\nk 1\nl 3",
            r#"{"a":{"x":[1,{"k":[1],"l":3}]}}"#,
        );
    }

    #[test]
    fn keys_that_are_no_strings() {
        check(
            "%2 *2 :1 :2 :1 %1 +a :1 :2 ",
            "1# 1) (integer) 1\n   2) (integer) 2 => (integer) 1\n\
             2# 1# a => (integer) 1 => (integer) 2",
            "1\n2 1\na 1 2",
            r#"{"[1,2]":1,"{\"a\":1}":2}"#,
        );
    }

    #[test]
    fn lines_of_texts_and_keys_do_not_move_a_value() {
        let shown = |encoded| text(tty, &reply(encoded));
        assert_eq!(
            shown("%1 +a %1 *2 :1 :2 :1 "),
            "1# a => 1# 1) (integer) 1\n      2) (integer) 2 => (integer) 1\n"
        );
        assert_eq!(shown("%1 +a *1 *1 :1 "), "1# a => 1) 1) (integer) 1\n");
        assert_eq!(
            shown("%1 +a *2 *0 *0 "),
            "1# a => \n   1) (empty array)\n   2) (empty array)\n"
        );
        let lines = OwnedReply::Verbatim(*b"txt", b"a\nb".to_vec());
        let map = OwnedReply::Map(vec![(OwnedReply::Int(1), lines)]);
        assert_eq!(text(tty, &map), "1# (integer) 1 => a\nb\n");
    }

    #[test]
    fn bytes_that_are_not_printable() {
        let reply = OwnedReply::Bulk(b"a\n\"\\\x00\xff\x07\x08\tz".to_vec());
        assert_eq!(text(tty, &reply), "\"a\\n\\\"\\\\\\x00\\xff\\a\\b\\tz\"\n");
        let mut out = Vec::new();
        raw(&reply, &mut out);
        assert_eq!(out, b"a\n\"\\\x00\xff\x07\x08\tz");
        assert_eq!(text(json, &reply), "\"a\\n\\\"\\\\\\u0000\u{fffd}\\u0007\\u0008\\tz\"");
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(words in prop::collection::vec(any::<Vec<u8>>(), 1..4)) {
            for form in [quoted, represented] {
                let line = words.iter().map(|word| form(word)).collect::<Vec<_>>().join(" ");
                // The blank keeps a `*` in front from meaning a multibulk request.
                let mut bytes = format!(" {line}\r\n").into_bytes();
                let mut args = Vec::new();
                let parsed = parse(&mut bytes, &Limits::trusted(), &mut args);
                prop_assert_eq!(parsed, Parsed::Frame { consumed: bytes.len() });
                let read: Vec<&[u8]> = args.iter().map(|arg| arg.of(&bytes)).collect();
                prop_assert_eq!(read, words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
        }
    }
}
