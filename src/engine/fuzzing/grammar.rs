//! Requests from a fuzzer's bytes: the command table's names and syntaxes, with arguments from
//! small domains, so that calls meet on the same keys and numbers lie where behaviour changes.

use crate::command::syntax::{self, Argument, Kind};
use crate::command::table::{self, Resolved};
use crate::command::{Group, Handler};
use crate::rdb::StringValue;
use crate::rdb::dump::encode_string;
use crate::rdb::fuzzing::framed;
use std::sync::LazyLock;

/// Decisions, drawn from bytes. When they are used up every decision is the first choice, which
/// ends all loops.
pub(super) struct Choices<'a> {
    bytes: &'a [u8],
    /// The present command's group: collections mostly have keys of their own, or nearly all calls
    /// would meet a value of another type.
    group: Group,
}

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Choices { bytes, group: Group::String }
    }

    pub(super) fn are_left(&self) -> bool {
        !self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.bytes.split_off_first().copied().unwrap_or_default()
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let number = match bound {
            0..=256 => usize::from(self.byte()),
            _ => usize::from(u16::from_le_bytes([self.byte(), self.byte()])),
        };
        number % bound.max(1)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Not drawn: they work on files, end the process or stop everything, or their arguments have
/// nothing to do with data, or they take long.
const EXCLUDED: &[&str] = &[
    "bgrewriteaof",
    "bgsave",
    "client|pause",
    "config|rewrite",
    "config|set",
    "debug",
    "pfselftest",
    "save",
    "shutdown",
];

/// A command and its syntax, read once.
type Drawn = (&'static Resolved, Vec<Argument<'static>>);

/// Commands on data, and all others.
static COMMANDS: LazyLock<[Vec<Drawn>; 2]> = LazyLock::new(|| {
    let all = table::all().iter().flat_map(|command| {
        let itself = (!command.is_container()).then_some(command);
        itself.into_iter().chain(&command.subcommands)
    });
    let drawn = all.filter(|command| !EXCLUDED.contains(&command.full_name));
    let drawn = drawn.map(|command| (command, syntax::parse(command.syntax)));
    // The flushes are among the others, or the keyspace would mostly be empty.
    let is_on_data = |(command, _): &Drawn| {
        !matches!(command.handler, Handler::Control(_)) && !command.name.starts_with("flush")
    };
    let (data, others) = drawn.partition(is_on_data);
    [data, others]
});

/// A call of a command on data, or of another one.
pub(super) fn request(on_data: bool, choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
    let commands = &COMMANDS[usize::from(!on_data)];
    let (command, arguments) = &commands[choices.below(commands.len())];
    choices.group = command.group;
    let mut words: Vec<Vec<u8>> =
        command.full_name.split('|').map(|word| word.as_bytes().to_vec()).collect();
    for argument in arguments {
        put(argument, choices, &mut words);
    }
    if choices.one_in(16) {
        distort(choices, &mut words);
    }
    words
}

/// The keys of a type: two of each.
const OF_TYPE: &[&str] = &["l1", "l2", "s1", "s2", "h1", "h2", "z1", "z2", "x1", "x2"];

/// The first keys of [`OF_TYPE`] that a command of a group mostly gets; none if any will do.
fn keys_of(group: Group) -> Option<&'static [&'static str]> {
    let first = match group {
        Group::List => 0,
        Group::Set => 2,
        Group::Hash => 4,
        Group::SortedSet | Group::Geo => 6,
        Group::Stream => 8,
        _ => return None,
    };
    OF_TYPE.get(first..first + 2)
}

/// A key of the small domain, or one of 256 that fill pages.
pub(super) fn key(choices: &mut Choices<'_>) -> Vec<u8> {
    match keys_of(choices.group) {
        Some(keys) if choices.below(8) < 7 => return choices.pick(keys).into(),
        None if choices.group == Group::Generic && choices.below(2) == 0 => {
            return choices.pick(OF_TYPE).into();
        }
        _ => {}
    }
    match choices.below(16) {
        n @ 0..=8 => vec![b'a' + n as u8 % 4],
        9 => Vec::new(),
        10 => vec![0, 0xff, b'\r', b'\n'],
        // The longest key that lies in a page, and the shortest that does not.
        11 => vec![b'k'; 512],
        12 => vec![b'k'; 513],
        _ => numbered_key(choices.byte()),
    }
}

/// One of 256 keys.
pub(super) fn numbered_key(n: u8) -> Vec<u8> {
    format!("k:{n}").into_bytes()
}

/// Any value.
pub(super) fn value(choices: &mut Choices<'_>) -> Vec<u8> {
    match choices.below(12) {
        0 => Vec::new(),
        1 => b"hello world".to_vec(),
        2 => b"hello there, wild world".to_vec(),
        3 => vec![choices.byte(), 0, choices.byte()],
        // The longest value that lies in a page, and the shortest that does not.
        4 => vec![b'v'; 512],
        5 => vec![b'v'; 513],
        6 => (0..1500u16).flat_map(u16::to_le_bytes).collect(),
        7 => choices.pick(FLOATS).as_bytes().to_vec(),
        _ => number(choices),
    }
}

fn number(choices: &mut Choices<'_>) -> Vec<u8> {
    choices.pick(NUMBERS).as_bytes().to_vec()
}

/// A request that gives a collection hundreds of elements at once, so that it becomes large.
pub(super) fn many(choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
    const ELEMENTS: u32 = 300;
    let (name, key): (&str, &str) = choices.pick(&[
        ("RPUSH", "l1"),
        ("LPUSH", "l2"),
        ("SADD", "s1"),
        ("SADD", "s2"),
        ("HSET", "h1"),
        ("ZADD", "z1"),
        ("ZADD", "z2"),
        ("XADD", "x1"),
    ]);
    let (first, length) = (u32::from(choices.byte()), choices.pick(&[1, 1, 30, 600]));
    let mut words: Vec<Vec<u8>> = vec![name.into(), key.into()];
    if name == "XADD" {
        words.push(b"*".to_vec());
    }
    for n in first..first + ELEMENTS {
        match name {
            "ZADD" => words.push((n / 3).to_string().into_bytes()),
            "HSET" | "XADD" => words.push(format!("f{n}").into_bytes()),
            _ => {}
        }
        words.push(format!("{n:0length$}").into_bytes());
    }
    words
}

/// As offsets none of them makes a string long, or is far out of range; as expiry times the last
/// ones lie around the clock.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "-1",
    "-2",
    "7",
    "10",
    "64",
    "100",
    "509",
    "1000",
    "2500",
    "-2500",
    "01",
    "+1",
    " 1",
    "1.0",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "9223372036854775",
    "9223372036854776",
    "4294967296",
    "1700000000",
    "1700000010",
    "1700000000000",
    "1700000000001",
    "1700000010000",
    "1699999999999",
];

const FLOATS: &[&str] = &[
    "0.1",
    "-0.1",
    "1.5",
    "3.0e3",
    "1e17",
    "1e-17",
    "5e300",
    "inf",
    "-inf",
    "nan",
    "0x1p3",
    "1e",
    "0.30000000000000004",
    "-0",
];

const OFFSETS: &[&str] = &[
    "0",
    "1",
    "7",
    "8",
    "#0",
    "#1",
    "#70",
    "63",
    "509",
    "4095",
    "4096",
    "20000",
    "-1",
    "x",
    "#x",
    "4294967296",
    "9223372036854775807",
];

const ENCODINGS: &[&str] =
    &["u1", "u2", "i5", "u8", "i8", "u32", "i33", "u63", "i64", "i1", "u64", "i0", "x"];

/// Of `hello world`, of the empty string, of nothing, in upper case, and no digest.
const DIGESTS: &[&str] =
    &["d447b1ea40e6988b", "2d06800538d394c2", "0000000000000000", "D447B1EA40E6988B", "d447b1ea"];

const IDS: &[&str] = &[
    "*",
    "0",
    "0-0",
    "1-1",
    "1-2",
    "1-*",
    "2-0",
    "5-1",
    "1700000000000-0",
    "1700000000001-0",
    "18446744073709551615-18446744073709551615",
    "x",
];

const MEMBERS: &[&str] = &["a", "b", "c", "1", "2", "-7", "9999999999", "f300", "301", ""];

const SCORES: &[&str] =
    &["0", "-0", "1", "2", "1.5", "-3", "100", "inf", "-inf", "(1", "[a", "(b", "-", "+", "nan"];

/// Values of types that are not strings, as RDB files have them: a list, a set, a hash, sorted sets
/// with a score of -0, a stream with a group whose counters are as high as can be.
const BODIES: &[&[u8]] = &[
    b"\x01\x02\x01a\xc0\x05",
    b"\x02\x02\x01a\x01b",
    b"\x04\x02\x01f\x01v\x01g\xc0\x07",
    b"\x05\x02\x01m\0\0\0\0\0\0\0\x80\x01n\0\0\0\0\0\0\xf8\x3f",
    b"\x11\x10\x10\0\0\0\x02\0\x82ab\x03\x82-0\x03\xff",
    b"\x13\0\0\x05\0\0\0\0\0\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x01g\x05\0\
      \x81\x7f\xff\xff\xff\xff\xff\xff\xff\0\0",
];

const PATTERNS: &[&str] = &["*", "a*", "[^a]*", "?", "k:*", "k:[1-3]?", "\\*", "[", ""];

fn put(argument: &Argument<'_>, choices: &mut Choices<'_>, words: &mut Vec<Vec<u8>>) {
    if argument.optional && choices.below(2) == 0 {
        return;
    }
    let times = if argument.multiple { 1 + choices.below(4) } else { 1 };
    for n in 0..times {
        if let Some(token) = argument.token
            && (n == 0 || argument.multiple_token)
        {
            words.push(cased(token, choices));
        }
        match &argument.kind {
            Kind::Token => {}
            Kind::Value(name) => words.push(named(name, choices)),
            Kind::Block(parts) => parts.iter().for_each(|part| put(part, choices, words)),
            Kind::OneOf(parts) => put(&parts[choices.below(parts.len())], choices, words),
        }
    }
}

fn cased(token: &str, choices: &mut Choices<'_>) -> Vec<u8> {
    match token {
        "\"\"" => Vec::new(),
        _ if choices.one_in(8) => token.to_ascii_lowercase().into_bytes(),
        _ => token.as_bytes().to_vec(),
    }
}

/// An argument by what the syntax calls it.
fn named(name: &str, choices: &mut Choices<'_>) -> Vec<u8> {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if choices.one_in(24) {
        return if choices.below(2) == 0 { value(choices) } else { key(choices) };
    }
    match name {
        "numkeys" | "protover" => choices.pick(&["1", "2", "3", "0", "-1", "4"]).into(),
        "pattern" => choices.pick(PATTERNS).into(),
        "serialized-value" => payload(choices),
        "type" => choices.pick(&["string", "list", "set", "hash", "zset", "STRING"]).into(),
        "group" => choices.pick(&["g", "h"]).into(),
        "consumer" => choices.pick(&["c", "d"]).into(),
        "id" | "lastid" | "last-id" | "max-deleted-id" => choices.pick(IDS).into(),
        "start" | "end" if choices.group == Group::Stream => match choices.below(3) {
            0 => choices.pick(&["-", "+", "(1-1", "$", ">"]).into(),
            _ => choices.pick(IDS).into(),
        },
        "member" | "member1" | "member2" | "element" | "field" | "pivot"
            if choices.below(4) > 0 =>
        {
            choices.pick(MEMBERS).into()
        }
        "score" | "min" | "max" => choices.pick(SCORES).into(),
        "longitude" | "latitude" | "radius" | "width" | "height" => {
            choices.pick(&["13.361389", "38.115556", "0", "15", "200", "-1", "500"]).into()
        }
        "numids" | "numfields" => choices.pick(&["1", "2", "3", "0"]).into(),
        "timeout" => choices.pick(&["0", "1", "0.1", "-1"]).into(),
        "command" | "command-name" => {
            let commands = &COMMANDS[0];
            commands[choices.below(commands.len())].0.full_name.into()
        }
        // No bit so far away that a string becomes long.
        "offset" => choices.pick(OFFSETS).into(),
        "encoding" => choices.pick(ENCODINGS).into(),
        "subcommand" => choices.pick(&["GETREG", "DECODE", "ENCODING", "TODENSE"]).into(),
        "comparison-digest" => choices.pick(DIGESTS).into(),
        "increment" | "decrement" if choices.one_in(2) => choices.pick(FLOATS).into(),
        "index" | "index1" | "index2" | "db" | "destination-db" => {
            choices.pick(&["0", "1", "2", "15", "16", "-1", "x"]).into()
        }
        "src" | "dst" => key(choices),
        _ if has(&["key", "source", "destination"]) => key(choices),
        _ if has(&[
            "seconds",
            "time",
            "ttl",
            "crement",
            "offset",
            "start",
            "end",
            "count",
            "len",
            "stop",
            "threshold",
            "limit",
            "rank",
            "entries",
            "num-",
        ]) || has(&["cursor", "idle", "freq", "client-id", "version", "bit"]) =>
        {
            number(choices)
        }
        _ => value(choices),
    }
}

/// A payload as DUMP gives them, sometimes with a wrong byte.
fn payload(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    if choices.below(2) == 0 {
        payload = framed(choices.pick(BODIES), 10);
    } else {
        let bytes = value(choices);
        let integer = crate::base::number::parse_i64(&bytes);
        let value = integer.map_or(StringValue::Bytes(&bytes), StringValue::Int);
        encode_string(value, choices.below(2) == 0, &mut payload);
    }
    if choices.one_in(8) {
        let at = choices.below(payload.len());
        payload[at] ^= choices.byte();
    }
    payload
}

/// What no syntax allows: a word less, one more, or another one.
fn distort(choices: &mut Choices<'_>, words: &mut Vec<Vec<u8>>) {
    let last = words.len() - 1;
    match choices.below(3) {
        0 if last > 0 => drop(words.pop()),
        1 => words[choices.below(last + 1)] = value(choices),
        _ => words.push(value(choices)),
    }
}
