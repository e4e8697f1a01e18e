//! XGROUP: consumer groups and their consumers.

use super::{STREAM, ids};
use crate::command::error::c_text;
use crate::command::help;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{
    CreateConsumer, CreateGroup, DeleteConsumer, DestroyGroup, SetGroupId,
};
use crate::keyspace::{Key, Tx};
use crate::resp::Reply;
use crate::types::stream::{ENTRIES_READ_UNKNOWN, Stream, StreamId};

pub(super) const XGROUP: Command = Command {
    name: "xgroup",
    summary: "Consumer groups of streams.",
    syntax: "",
    complexity: "Depends on subcommand.",
    handler: Handler::Container,
    subcommands: &[CREATE, CREATECONSUMER, DELCONSUMER, DESTROY, HELP, SETID],
    ..STREAM
};

const CREATE: Command = Command {
    name: "create",
    summary: "Creates a consumer group.",
    syntax: "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
    example: r#"
        > XGROUP CREATE readings plotters $ MKSTREAM
        OK
        log: XGROUP CREATE readings plotters 0-0 MKSTREAM
        event: xgroup-create readings
    "#,
    keys: &[Keys::One(2, Access::Insert)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(create),
    ..STREAM
};

/// `XGROUP CREATE key group id MKSTREAM ENTRIESREAD n`: options given twice are too many.
const CREATE_WORDS_MAX: usize = 8;

fn create<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let options = Options::parse(call, true)?;
    let (key, group) = (call.key(2), call.arg(3));
    let stream = tx.view().stream(key)?;
    if stream.is_none() && !options.make_stream {
        return Err(NO_STREAM);
    }
    if call.len() > CREATE_WORDS_MAX {
        return Err(subcommand_syntax(call));
    }
    let last_id = match call.arg(4) {
        b"$" => stream.map_or(StreamId::MIN, Stream::last_id),
        text => ids::strict(text, 0)?,
    };
    if stream.is_some_and(|stream| stream.group(group).is_some()) {
        return Err(Error::text("BUSYGROUP Consumer Group name already exists"));
    }
    let makes_stream = stream.is_none();
    let entries_read = options.entries_read;
    tx.emit(CreateGroup { key, group, last_id, entries_read, makes_stream });
    Ok(Reply::Ok)
}

const SETID: Command = Command {
    name: "setid",
    summary: "Sets the id that a group counts as delivered last.",
    syntax: "key group <id | $> [ENTRIESREAD entries-read]",
    example: r#"
        > XGROUP CREATE readings plotters $ MKSTREAM
        OK
        > XGROUP SETID readings plotters 5-0
        OK
        log: XGROUP SETID readings plotters 5-0 ENTRIESREAD -1
        event: xgroup-setid readings
    "#,
    keys: &[Keys::One(2, Access::Update)],
    handler: Handler::Write(setid),
    ..STREAM
};

/// `XGROUP SETID key group id ENTRIESREAD n`.
const SETID_WORDS_MAX: usize = 7;

fn setid<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let options = Options::parse(call, false)?;
    let (key, group) = (call.key(2), call.arg(3));
    let stream = stream_with_group(tx, key, group)?;
    if call.len() > SETID_WORDS_MAX {
        return Err(subcommand_syntax(call));
    }
    let last_id = match call.arg(4) {
        b"$" => stream.last_id(),
        text => ids::with_ends(text, 0)?,
    };
    let entries_read = options.entries_read;
    tx.emit(SetGroupId { key, group, last_id, entries_read, event: "xgroup-setid" });
    Ok(Reply::Ok)
}

const DESTROY: Command = Command {
    name: "destroy",
    summary: "Removes a consumer group.",
    syntax: "key group",
    example: r#"
        > XGROUP CREATE readings plotters $ MKSTREAM
        OK
        > XGROUP DESTROY readings plotters
        (integer) 1
        log: XGROUP DESTROY readings plotters
        event: xgroup-destroy readings
    "#,
    complexity: "O(N) where N is the number of entries in the group's pending entries list (PEL).",
    keys: &[Keys::One(2, Access::DeleteRw)],
    handler: Handler::Write(destroy),
    ..STREAM
};

fn destroy<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, group) = (call.key(2), call.arg(3));
    let stream = tx.view().stream(key)?.ok_or(NO_STREAM)?;
    if stream.group(group).is_none() {
        return Ok(Reply::Int(0));
    }
    Ok(Reply::Int(i64::from(tx.emit(DestroyGroup { key, group }))))
}

const CREATECONSUMER: Command = Command {
    name: "createconsumer",
    summary: "Creates a consumer in a group.",
    syntax: "key group consumer",
    example: r#"
        > XGROUP CREATE readings plotters $ MKSTREAM
        OK
        > XGROUP CREATECONSUMER readings plotters alice
        (integer) 1
        log: XGROUP CREATECONSUMER readings plotters alice
        event: xgroup-createconsumer readings
    "#,
    since: "6.2.0",
    keys: &[Keys::One(2, Access::Insert)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(createconsumer),
    ..STREAM
};

fn createconsumer<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, group, consumer) = (call.key(2), call.arg(3), call.arg(4));
    let stream = stream_with_group(tx, key, group)?;
    if stream.group(group).is_some_and(|group| group.consumer(consumer).is_some()) {
        return Ok(Reply::Int(0));
    }
    let now = tx.now().0.cast_signed();
    Ok(Reply::Int(i64::from(tx.emit(CreateConsumer { key, group, consumer, now }))))
}

const DELCONSUMER: Command = Command {
    name: "delconsumer",
    summary: "Removes a consumer with what is pending for it, and says how much that was.",
    syntax: "key group consumer",
    example: r#"
        > XGROUP CREATE readings plotters $ MKSTREAM
        OK
        > XGROUP CREATECONSUMER readings plotters alice
        (integer) 1
        > XGROUP DELCONSUMER readings plotters alice
        (integer) 0
        log: XGROUP DELCONSUMER readings plotters alice
        event: xgroup-delconsumer readings
    "#,
    keys: &[Keys::One(2, Access::DeleteRw)],
    handler: Handler::Write(delconsumer),
    ..STREAM
};

fn delconsumer<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (key, group, consumer) = (call.key(2), call.arg(3), call.arg(4));
    let stream = stream_with_group(tx, key, group)?;
    if stream.group(group).is_none_or(|group| group.consumer(consumer).is_none()) {
        return Ok(Reply::Int(0));
    }
    let pending = tx.emit(DeleteConsumer { key, group, consumer });
    Ok(Reply::Int(pending.unwrap_or(0) as i64))
}

const HELP: Command = Command {
    name: "help",
    summary: "Shows these lines.",
    example: r#"
        > XGROUP HELP
         1) XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
         2) CREATE <key> <groupname> <id|$> [option]
         3)     Create a new consumer group. Options are:
         4)     * MKSTREAM
         5)       Create the empty stream if it does not exist.
         6)     * ENTRIESREAD entries_read
         7)       Set the group's entries_read counter (internal use).
         8) CREATECONSUMER <key> <groupname> <consumer>
         9)     Create a new consumer in the specified group.
        10) DELCONSUMER <key> <groupname> <consumer>
        11)     Remove the specified consumer.
        12) DESTROY <key> <groupname>
        13)     Remove the specified group.
        14) SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]
        15)     Set the current group ID and entries_read counter.
        16) HELP
        17)     Print this help.
    "#,
    flags: &[Flag::Loading, Flag::Stale],
    handler: Handler::Control(help::shown),
    ..STREAM
};

const NO_STREAM: Error = Error::text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use \
     the MKSTREAM option to create an empty stream automatically.",
);

/// What CREATE and SETID may say behind the id.
struct Options {
    make_stream: bool,
    entries_read: i64,
}

impl Options {
    fn parse(call: &Call<'_>, creates: bool) -> Result<Self> {
        let mut options = Options { make_stream: false, entries_read: ENTRIES_READ_UNKNOWN };
        let mut at = 5;
        while at < call.len() {
            if creates && call.is(at, "MKSTREAM") {
                options.make_stream = true;
                at += 1;
            } else if call.is(at, "ENTRIESREAD") && at + 1 < call.len() {
                options.entries_read = call.int(at + 1)?;
                if options.entries_read < ENTRIES_READ_UNKNOWN {
                    return Err(Error::text("ERR value for ENTRIESREAD must be positive or -1"));
                }
                at += 2;
            } else {
                return Err(subcommand_syntax(call));
            }
        }
        Ok(options)
    }
}

/// Words that a subcommand does not take.
pub(super) fn subcommand_syntax(call: &Call<'_>) -> Error {
    let container = call.command.parent.map_or("", |parent| parent.name).to_ascii_uppercase();
    let subcommand = c_text(call.arg(1));
    Error::owned(format!(
        "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {container} \
         HELP."
    ))
}

/// The stream, which must be there with this group.
fn stream_with_group<'t>(tx: &'t Tx<'_>, key: Key<'_>, group: &[u8]) -> Result<&'t Stream> {
    let stream = tx.view().stream(key)?.ok_or(NO_STREAM)?;
    if stream.group(group).is_none() {
        return Err(no_group_for_key(key.bytes, group));
    }
    Ok(stream)
}

/// XGROUP and XINFO have this text for a group that is not there.
pub(super) fn no_group_for_key(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (c_text(key), c_text(group));
    Error::owned(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}
