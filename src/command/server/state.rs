//! INFO, TIME, MEMORY, LOLWUT: what the server says about itself.

use super::SERVER;
use crate::admin::info::{self, REDIS_VERSION};
use crate::base::number;
use crate::command::table::{self, Resolved};
use crate::command::{
    Access, Answer, Call, Command, Control, Error, Flag, Handler, Keys, Result, Sees, help,
};
use crate::keyspace::View;
use crate::resp::Reply;
use std::borrow::Cow;
use std::sync::LazyLock;

pub(super) const INFO: Command = Command {
    name: "info",
    summary: "Returns the server's state: the default sections, or those that are named.",
    syntax: "[section [section ...]]",
    example: r##"
        > SET a 1
        OK
        > INFO keyspace
        "# Keyspace\r\ndb0:keys=1,expires=0,keys_with_volatile_items=0\r\n"
    "##,
    categories: &["dangerous"],
    flags: &[Flag::Loading, Flag::Stale, Flag::ShowsFacts],
    // All of INFO goes out at once: it must say what is wrong with a log that cannot be synced.
    sees: Sees::EverythingIf(|call| call.len() == 2 && call.is(1, "KEYSPACE")),
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    handler: Handler::Control(info),
    ..SERVER
};

fn info<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(command_names);
    let source = info::Source {
        admin: control.admin,
        keyspace: control.keyspace,
        now: control.now,
        command_name: &|index| NAMES[index],
    };
    Ok(text(info::text(&source, &call.args()[1..])).into())
}

/// Full names by [`Resolved::index`].
fn command_names() -> Vec<&'static str> {
    fn name(names: &mut [&'static str], command: &Resolved) {
        names[command.index] = command.full_name;
        command.subcommands.iter().for_each(|command| name(names, command));
    }
    let mut names = vec![""; table::indexes()];
    table::all().iter().for_each(|command| name(&mut names, command));
    names
}

fn text(text: String) -> Reply<'static> {
    Reply::Verbatim(*b"txt", Cow::Owned(text.into_bytes()))
}

pub(super) const TIME: Command = Command {
    name: "time",
    summary: "Returns the unix time of the call: seconds, and microseconds of the second.",
    example: r#"
        > TIME
        1) "1700000000"
        2) "0"
    "#,
    since: "2.6.0",
    flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
    tips: &["nondeterministic_output"],
    handler: Handler::Control(time),
    ..SERVER
};

/// The instant of the round, in which all its commands run.
fn time<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    let parts = control.now_us.seconds_and_rest();
    Ok(Reply::Array(parts.map(|part| Reply::BulkInt(part.cast_signed())).into()).into())
}

pub(super) const MEMORY: Command = Command {
    name: "memory",
    summary: "A container for the commands of memory.",
    since: "4.0.0",
    subcommands: &[MEMORY_HELP, MEMORY_USAGE],
    ..SERVER
};

const MEMORY_USAGE: Command = Command {
    name: "usage",
    summary: "Returns the bytes that a key takes with its value.",
    syntax: "key [SAMPLES count]",
    example: r#"
        > SET a hello
        OK
        > MEMORY USAGE a
        (integer) 15
        > MEMORY USAGE b
        (nil)
    "#,
    since: "4.0.0",
    complexity: "O(N)",
    keys: &[Keys::One(2, Access::Metadata)],
    handler: Handler::Read(usage),
    ..SERVER
};

fn usage<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    for option in (3..call.len()).step_by(2) {
        // Bytes are counted, not guessed from samples; the count is checked all the same.
        if !call.is(option, "SAMPLES") || option + 1 == call.len() || call.int(option + 1)? < 0 {
            return Err(Error::Syntax);
        }
    }
    let entry = view.uncounted().entry(call.key(2));
    Ok(entry.map_or(Reply::Null, |entry| Reply::Int(entry.bytes() as i64)))
}

const MEMORY_HELP: Command = Command {
    name: "help",
    summary: "Returns how the subcommands are used.",
    example: r#"
        > MEMORY HELP
        1) MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
        2) HELP
        3)     Returns how the subcommands are used.
        4) USAGE key [SAMPLES count]
        5)     Returns the bytes that a key takes with its value.
    "#,
    since: "4.0.0",
    flags: &[Flag::Loading, Flag::Stale],
    handler: Handler::Control(help::help),
    ..SERVER
};

pub(super) const LOLWUT: Command = Command {
    name: "lolwut",
    summary: "Draws something and says the version.",
    syntax: "[VERSION version]",
    example: r#"
        > LOLWUT VERSION seven
        (error) ERR value is not an integer or out of range
    "#,
    since: "5.0.0",
    flags: &[Flag::Fast],
    handler: Handler::Read(lolwut),
    ..SERVER
};

fn lolwut<'a>(_: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    if call.is(1, "VERSION") {
        let version = call.get(2).ok_or(Error::Syntax)?;
        number::parse_i64(version).ok_or(Error::NotInteger)?;
    }
    Ok(text(format!("{}\nRedis ver. {REDIS_VERSION}\n", triangle())))
}

/// A tree under snow: Sierpinski's triangle, where two numbers have no bit in common.
fn triangle() -> String {
    const ROWS: usize = 16;
    let mut drawing = String::new();
    for row in (0..ROWS).rev() {
        drawing.push_str(&" ".repeat(row));
        let cells = (0..ROWS - row).map(|column| if row & column == 0 { "* " } else { "  " });
        drawing.push_str(cells.collect::<String>().trim_end());
        drawing.push('\n');
    }
    drawing
}
