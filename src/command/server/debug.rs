//! DEBUG: for tests and for finding faults. `enable-debug-command` says who may.

use super::{ADMIN, SERVER};
use crate::base::{glob, number};
use crate::command::error::c_text;
use crate::command::{Action, Answer, Call, Command, Control, Error, Handler, Result, Sees};
use crate::keyspace::digest::{self, Digest};
use crate::keyspace::{Entry, Key, value};
use crate::rdb::{self, Format};
use crate::resp::{Protocol, Reply};
use crate::types::list::{List, ListRef, Side};
use std::borrow::Cow;

pub(super) const DEBUG: Command = Command {
    name: "debug",
    summary: "Helps to test and debug the server.",
    example: r#"
        > DEBUG SLEEP 0
        (error) ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.
    "#,
    complexity: "Depends on subcommand.",
    arity: Some(-2),
    flags: ADMIN,
    sees: Sees::EverythingIf(|call| {
        ["DIGEST", "DIGEST-VALUE", "OBJECT"].iter().any(|word| call.is(1, word))
    }),
    handler: Handler::Control(debug),
    ..SERVER
};

const NOT_ALLOWED: Error = Error::text(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
     local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

/// One subcommand: its name, how many arguments it takes in all (the two names count), and what
/// runs it.
type Subcommand = (&'static str, std::ops::RangeInclusive<usize>, Run);
type Run = for<'a> fn(&mut Control<'_>, &Call<'a>) -> Result<Answer<'a>>;

const ANY: usize = usize::MAX;

const SUBCOMMANDS: &[Subcommand] = &[
    ("DIGEST", 2..=2, |_, _| Ok(Answer::Do(Action::Digest))),
    ("DIGEST-VALUE", 2..=ANY, digest_value),
    ("ERROR", 3..=3, error),
    ("HELP", 2..=2, help),
    ("LOADAOF", 2..=2, |_, _| Ok(Answer::Do(Action::LoadLog))),
    ("LOG", 3..=3, log),
    ("OBJECT", 3..=4, object),
    ("PROTOCOL", 3..=3, protocol),
    ("RELOAD", 2..=ANY, reload),
    ("SET-ACTIVE-EXPIRE", 3..=3, set_active_expire),
    ("SLEEP", 3..=3, sleep),
    ("STRINGMATCH-LEN", 4..=4, string_match),
];

fn debug<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let local = control.session().is_local();
    if !control.admin.config.enable_debug_command().allows(local) {
        return Err(NOT_ALLOWED);
    }
    let mut subcommands = SUBCOMMANDS.iter();
    match subcommands.find(|(name, takes, _)| call.is(1, name) && takes.contains(&call.len())) {
        Some((_, _, run)) => run(control, call),
        None => {
            let name = c_text(call.arg(1));
            let text = "unknown subcommand or wrong number of arguments for";
            Err(Error::owned(format!("ERR {text} '{name}'. Try DEBUG HELP.")))
        }
    }
}

fn digest_value<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let view = control.view();
    let digest = |key: &&[u8]| {
        let entry = view.entry(Key::new(key));
        let digest = entry.map_or_else(Digest::default, |entry| digest::of_value(&entry));
        Reply::Status(digest.hex().into_bytes().into())
    };
    Ok(Reply::Array(call.args()[2..].iter().map(digest).collect()).into())
}

fn error<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    Err(Error::owned(String::from_utf8_lossy(call.arg(2)).into_owned()))
}

fn log<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    tracing::warn!("DEBUG LOG: {}", call.arg(2).escape_ascii());
    Ok(Reply::Ok.into())
}

/// Whether the pattern of argument 2 matches the string of argument 3.
fn string_match<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Reply::Int(glob::matches(call.arg(2), call.arg(3)).into()).into())
}

/// One line about a value. Its address is that of the key in its page; nothing here is counted, so
/// a value has one reference.
fn object<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let compression = control.admin.config.rdbcompression();
    let now = value::lru_clock(control.now.0);
    let view = control.view();
    let entry = view.entry(call.key(2)).ok_or(Error::NoSuchKey)?;
    let mut line =
        format!("Value at:{:p} refcount:1 encoding:{}", entry.key().as_ptr(), entry.encoding());
    if !call.is(3, "FAST") {
        line.push_str(&format!(" serializedlength:{}", serialized_length(&entry, compression)?));
    }
    let idle = value::idle_seconds(entry.clock(), now);
    line.push_str(&format!(" lru:{} lru_seconds_idle:{idle}", entry.clock()));
    if let Some(ListRef::Tree(list)) = entry.list() {
        let limit = view.keyspace().limits().list_size;
        line.push_str(&chunks(list, limit, call.is(3, "FAST")));
    }
    Ok(Reply::Status(Cow::Owned(line.into_bytes())).into())
}

/// What there is to say of a large list beside: its chunks, as Valkey's nodes. They are as large as
/// they are whatever `list-max-listpack-size` (`limit`) is, and never compressed.
fn chunks(list: &List, limit: i32, fast: bool) -> String {
    /// Around the entries of a node: a listpack's header and its end.
    const AROUND: usize = 6 + 1;
    let (mut nodes, mut bytes) = (0, 0);
    list.each_chunk(Side::Left, |_, chunk| {
        nodes += 1;
        bytes += AROUND + chunk.entries().len();
        true
    });
    let average = list.len() as f64 / f64::from(nodes);
    let mut text = format!(
        " ql_nodes:{nodes} ql_avg_node:{average:.2} ql_listpack_max:{limit} ql_compressed:0"
    );
    if !fast {
        text.push_str(&format!(" ql_uncompressed_size:{bytes}"));
    }
    text
}

/// Bytes of a value in an RDB file, without its type.
fn serialized_length(entry: &Entry<'_>, compression: bool) -> Result<usize> {
    /// A payload's type byte before the value, its version and checksum behind it.
    const AROUND: usize = 1 + 2 + 8;
    let mut payload = Vec::new();
    let extras = entry.stream().is_some_and(|stream| stream.has_extras());
    let format = Format::needed(true, extras);
    let encoded = rdb::entry::encode(entry, compression, format, &mut payload);
    encoded.map_err(|error| Error::owned(format!("ERR {error}")))?;
    Ok(payload.len() - AROUND)
}

/// Replies in the order of Valkey 9.1, which sends a push made by a command behind its reply.
#[allow(clippy::approx_constant, reason = "the number that Redis answers")]
fn protocol<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let three = || vec![Reply::Int(0), Reply::Int(1), Reply::Int(2)];
    let is = |name| call.is(2, name);
    let reply = match () {
        () if is("STRING") => Reply::Bulk(b"Hello World"),
        () if is("INTEGER") => Reply::Int(12345),
        () if is("DOUBLE") => Reply::Double(3.141),
        () if is("BIGNUM") => Reply::BigNumber("1234567999999999999999999999999999999".into()),
        () if is("NULL") => Reply::Null,
        () if is("ARRAY") => Reply::Array(three()),
        () if is("SET") => Reply::Set(three()),
        () if is("MAP") => {
            let odd = |n: i64| (Reply::Int(n), Reply::Bool(n == 1));
            Reply::Map((0..3).map(odd).collect())
        }
        () if is("ATTRIB") => {
            let popularity = Reply::Array(vec![Reply::Bulk(b"key:123"), Reply::Int(90)]);
            let facts = vec![(Reply::Bulk(b"key-popularity"), popularity)];
            let real = Reply::Bulk(b"Some real reply following the attribute");
            Reply::Attribute(Box::new((facts, real)))
        }
        () if is("PUSH") && control.session().protocol == Protocol::Resp2 => {
            return Err(Error::text("ERR RESP2 is not supported by this command"));
        }
        () if is("PUSH") => {
            let push = Reply::Push(vec![Reply::Bulk(b"server-cpu-usage"), Reply::Int(42)]);
            let reply = Reply::Bulk(b"Some real reply following the push reply");
            return Ok(Answer::Followed { reply, push });
        }
        () if is("VERBATIM") => {
            Reply::Verbatim(*b"txt", Cow::Borrowed(b"This is a verbatim\nstring"))
        }
        () if is("TRUE") => Reply::Bool(true),
        () if is("FALSE") => Reply::Bool(false),
        () => {
            return Err(Error::text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    };
    Ok(reply.into())
}

/// MERGE is taken and changes nothing: a key of the file replaces the one that is there.
fn reload<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let (mut save, mut flush) = (true, true);
    for n in 2..call.len() {
        match () {
            () if call.is(n, "MERGE") => {}
            () if call.is(n, "NOFLUSH") => flush = false,
            () if call.is(n, "NOSAVE") => save = false,
            () => {
                return Err(Error::text(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    Ok(Answer::Do(Action::Reload { save, flush }))
}

/// What is not a number means 0, as in Redis, here and in SLEEP.
fn set_active_expire<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    control.admin.active_expire = number::parse_i64(call.arg(2)).is_some_and(|on| on != 0);
    Ok(Reply::Ok.into())
}

fn sleep<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    /// More is not a sleep but an end; it also keeps the number in the range of a duration.
    const SECONDS_MAX: f64 = 1e6;
    let seconds = number::parse_f64(call.arg(2)).filter(|seconds| seconds.is_finite());
    Ok(Answer::Do(Action::Sleep(seconds.unwrap_or(0.0).clamp(0.0, SECONDS_MAX))))
}

fn help<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Reply::Array(HELP_LINES.iter().copied().map(Reply::Simple).collect()).into())
}

const HELP_LINES: &[&str] = &[
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "ERROR <string>",
    "    Return a RESP protocol error with <string> as message. Useful for clients",
    "    unit tests to simulate error replies.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "LOADAOF",
    "    Flush the AOF buffers on disk and reload the AOF in memory.",
    "OBJECT <key> [fast]",
    "    Show low level info about `key` and associated value.",
    "    Some fields of the default behavior may be time consuming to fetch,",
    "    and `fast` can be passed to avoid fetching them.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "RELOAD [option ...]",
    "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
    "    * MERGE: conflicting keys will be loaded from RDB.",
    "    * NOFLUSH: the existing database will not be removed before load.",
    "    * NOSAVE: the database will be loaded from an existing RDB file.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the behavior). Setting it to 1 reenables back the",
    "    default.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
    "STRINGMATCH-LEN <pattern> <string>",
    "    Whether the glob pattern matches the string: 1 or 0.",
    "HELP",
    "    Print this help.",
];
