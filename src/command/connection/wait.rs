//! CLIENT PAUSE, UNPAUSE and UNBLOCK: making others wait, and ending a wait.

use super::{Action, Answer, CONNECTION, Call, Command, Control, Error, Flag, Handler, Result};
use crate::base::number;

const PART: Command =
    Command { flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale], ..CONNECTION };

pub const PAUSE: Command = Command {
    name: "pause",
    summary: "Stops all commands, or all that write, for some time.",
    syntax: "timeout [WRITE | ALL]",
    example: r#"
        > CLIENT PAUSE 1000 WRITE
        OK
        > GET greeting
        (nil)
        > CLIENT PAUSE 1000 READ
        (error) ERR CLIENT PAUSE mode must be WRITE or ALL
        > CLIENT UNPAUSE
        OK
    "#,
    since: "3.0.0",
    handler: Handler::Control(pause),
    ..PART
};

pub const UNPAUSE: Command = Command {
    name: "unpause",
    summary: "Ends a pause: what was stopped goes on.",
    example: r#"
        > CLIENT UNPAUSE
        OK
    "#,
    since: "6.2.0",
    complexity: "O(N) where N is the number of paused connections",
    handler: Handler::Control(unpause),
    ..PART
};

pub const UNBLOCK: Command = Command {
    name: "unblock",
    summary: "Ends the wait of a connection in a blocking command: as if its time were over, or \
        with an error.",
    syntax: "client-id [TIMEOUT | ERROR]",
    example: r#"
        > CLIENT UNBLOCK 1000
        (integer) 0
        > CLIENT UNBLOCK 1000 ERROR
        (integer) 0
        > CLIENT UNBLOCK 1000 NOW
        (error) ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR
    "#,
    since: "5.0.0",
    complexity: "O(N) where N is the number of client connections",
    handler: Handler::Control(unblock),
    ..PART
};

fn pause<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let all = match () {
        // As in Redis, only with exactly one word behind the time it is looked at.
        () if call.len() != 4 || call.is(3, "ALL") => true,
        () if call.is(3, "WRITE") => false,
        () => return Err(Error::text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let timeout = number::parse_i64(call.arg(2))
        .ok_or(Error::text("ERR timeout is not an integer or out of range"))?;
    let timeout_ms = u64::try_from(timeout).map_err(|_| Error::text("ERR timeout is negative"))?;
    let end = control.now.0.checked_add(timeout_ms).filter(|end| i64::try_from(*end).is_ok());
    if end.is_none() {
        return Err(Error::text("ERR timeout is out of range"));
    }
    Ok(Answer::Do(Action::Pause { end: control.now.plus_ms(timeout_ms), all }))
}

fn unpause<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Answer::Do(Action::Unpause))
}

fn unblock<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let with_error = match () {
        // See `pause`.
        () if call.len() != 4 || call.is(3, "TIMEOUT") => false,
        () if call.is(3, "ERROR") => true,
        () => return Err(Error::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = call.int(2)?;
    let mut clients = control.admin.clients.iter();
    let found = clients.find(|(_, session)| i64::try_from(session.id) == Ok(id));
    let client = found.map(|(client, _)| client);
    Ok(Answer::Do(Action::Unblock { client, with_error }))
}
