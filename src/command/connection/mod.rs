//! The connection's own commands: who it is, what it has selected, how it wants its replies.
//!
//! | file | has |
//! |---|---|
//! | here | PING, ECHO, SELECT, RESET, QUIT |
//! | `auth` | HELLO, AUTH |
//! | `client` | CLIENT |
//! | `filter` | the filters of CLIENT LIST and CLIENT KILL |
//! | `wait` | CLIENT PAUSE, UNPAUSE, UNBLOCK |

mod auth;
mod client;
mod filter;
mod wait;

use super::arguments::database;
use super::{Action, Answer, Call, Command, Control, Error, Flag, Group, Handler, Result};
use crate::resp::Reply;

const CONNECTION: Command = Command { group: Group::Connection, ..super::DEFAULT };

/// The entries of this folder.
pub const COMMANDS: &[Command] = &[
    auth::AUTH,
    client::CLIENT,
    Command {
        name: "echo",
        summary: "Returns the given string.",
        syntax: "message",
        example: r#"
            > ECHO "hello world"
            "hello world"
        "#,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast],
        handler: Handler::Control(echo),
        ..CONNECTION
    },
    auth::HELLO,
    Command {
        name: "ping",
        summary: "Answers PONG, or the given string.",
        syntax: "[message]",
        example: r#"
            > PING
            PONG
            > PING hello
            "hello"
        "#,
        // As in Redis: whoever looks after servers is to see that the log has failed.
        flags: &[Flag::Fast, Flag::RefusedWithWrites],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        handler: Handler::Control(ping),
        ..CONNECTION
    },
    Command {
        name: "quit",
        summary: "Closes the connection.",
        example: r#"
            > QUIT
            OK
        "#,
        arity: Some(-1),
        flags: &[
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::Fast,
            Flag::NoAuth,
            Flag::AllowBusy,
        ],
        handler: Handler::Control(quit),
        ..CONNECTION
    },
    Command {
        name: "reset",
        summary: "Puts the connection back into the state of a new one.",
        example: r#"
            > SELECT 3
            OK
            > CLIENT SETNAME bob
            OK
            > RESET
            RESET
            > CLIENT GETNAME
            (nil)
        "#,
        since: "6.2.0",
        flags: &[
            Flag::NoScript,
            Flag::Loading,
            Flag::Stale,
            Flag::Fast,
            Flag::NoAuth,
            Flag::AllowBusy,
        ],
        handler: Handler::Control(reset),
        ..CONNECTION
    },
    Command {
        name: "select",
        summary: "Selects the connection's database.",
        syntax: "index",
        example: r#"
            > SELECT 1
            OK
            > SELECT 10000
            (error) ERR DB index is out of range
        "#,
        flags: &[Flag::Loading, Flag::Stale, Flag::Fast, Flag::AllowBusy],
        handler: Handler::Control(select),
        ..CONNECTION
    },
];

fn echo<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Reply::Bulk(call.arg(1)).into())
}

fn ping<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    if call.len() > 2 {
        return Err(Error::Arity("ping".into()));
    }
    Ok(call.get(1).map_or(Reply::Simple("PONG"), Reply::Bulk).into())
}

fn quit<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Answer::Do(Action::Quit))
}

fn reset<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    let needs_password = auth::needs_password(control);
    control.session().reset(!needs_password);
    Ok(Reply::Simple("RESET").into())
}

fn select<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let db = database(call, 1, control.databases())?;
    control.select(db);
    Ok(Reply::Ok.into())
}
