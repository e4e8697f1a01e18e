//! SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, SHUTDOWN: what the engine does with files.

use super::SERVER;
use crate::command::{Action, Answer, Call, Command, Control, Error, Flag, Handler, Result};
use crate::resp::Reply;

pub(super) const SAVE: Command = Command {
    name: "save",
    summary: "Writes an RDB file and answers when it is on the disk.",
    example: r#"
        > SAVE now
        (error) ERR wrong number of arguments for 'save' command
    "#,
    complexity: "O(N)",
    flags: &[Flag::Admin, Flag::NoScript, Flag::NoAsyncLoading, Flag::NoMulti],
    handler: Handler::Control(save),
    ..SERVER
};

fn save<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Answer::Do(Action::Save))
}

pub(super) const BGSAVE: Command = Command {
    name: "bgsave",
    summary: "Begins to write an RDB file beside everything else, or cancels that.",
    syntax: "[SCHEDULE | CANCEL]",
    example: r#"
        > BGSAVE CANCEL
        (error) ERR Background saving is currently not in progress or scheduled
    "#,
    flags: &[Flag::Admin, Flag::NoScript, Flag::NoAsyncLoading],
    handler: Handler::Control(bgsave),
    ..SERVER
};

fn bgsave<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Answer::Do(match call.len() {
        1 => Action::Bgsave { schedule: false },
        2 if call.is(1, "SCHEDULE") => Action::Bgsave { schedule: true },
        2 if call.is(1, "CANCEL") => Action::BgsaveCancel,
        _ => return Err(Error::Syntax),
    }))
}

pub(super) const LASTSAVE: Command = Command {
    name: "lastsave",
    summary: "Returns the unix time, in seconds, of the last successful save.",
    example: r#"
        > LASTSAVE
        (integer) 0
    "#,
    categories: &["admin", "dangerous"],
    flags: &[Flag::Loading, Flag::Stale, Flag::Fast, Flag::ShowsFacts],
    tips: &["nondeterministic_output"],
    handler: Handler::Control(lastsave),
    ..SERVER
};

fn lastsave<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Reply::Int(control.admin.facts.last_save.cast_signed()).into())
}

pub(super) const BGREWRITEAOF: Command = Command {
    name: "bgrewriteaof",
    summary: "Begins to write a new base of the log, beside everything else.",
    example: r#"
        > BGREWRITEAOF now
        (error) ERR wrong number of arguments for 'bgrewriteaof' command
    "#,
    flags: &[Flag::Admin, Flag::NoScript, Flag::NoAsyncLoading],
    handler: Handler::Control(bgrewriteaof),
    ..SERVER
};

fn bgrewriteaof<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Answer::Do(Action::RewriteLog))
}

pub(super) const SHUTDOWN: Command = Command {
    name: "shutdown",
    summary: "Ends the server, after saving if there are save points or SAVE is given.",
    syntax: "[[NOSAVE | SAVE] [NOW] [FORCE] [SAFE] [FAILOVER] | ABORT]",
    example: r#"
        > SHUTDOWN SAVE NOSAVE
        (error) ERR syntax error
        > SHUTDOWN ABORT
        (error) ERR No shutdown in progress.
    "#,
    arity: Some(-1),
    complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
    flags: &[
        Flag::Admin,
        Flag::NoScript,
        Flag::Loading,
        Flag::Stale,
        Flag::NoMulti,
        Flag::AllowBusy,
    ],
    handler: Handler::Control(shutdown),
    ..SERVER
};

/// SAFE and FAILOVER concern the nodes of a cluster, and are taken without effect, as Valkey does
/// outside of one.
fn shutdown<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let (mut yes, mut no, mut now, mut force) = (false, false, false, false);
    let (mut of_clusters, mut abort) = (false, false);
    for n in 1..call.len() {
        let option = match () {
            () if call.is(n, "SAVE") => &mut yes,
            () if call.is(n, "NOSAVE") => &mut no,
            () if call.is(n, "NOW") => &mut now,
            () if call.is(n, "FORCE") => &mut force,
            () if call.is(n, "SAFE") || call.is(n, "FAILOVER") => &mut of_clusters,
            () if call.is(n, "ABORT") => &mut abort,
            () => return Err(Error::Syntax),
        };
        *option = true;
    }
    if (yes && no) || (abort && (yes || no || now || force || of_clusters)) {
        return Err(Error::Syntax);
    }
    if abort {
        return Ok(Answer::Do(Action::ShutdownAbort));
    }
    let save = (yes || no).then_some(yes);
    Ok(Answer::Do(Action::Shutdown { save, now, force }))
}
