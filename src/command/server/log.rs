//! LOG: the log from outside. CoolCache's own; no other server has it.

use super::SERVER;
use crate::base::number;
use crate::command::logged::Wanted;
use crate::command::timeout::deadline_of_ms;
use crate::command::{
    Action, Answer, Call, Command, Control, Error, Flag, Handler, LogRead, Result, help,
};

pub(super) const LOG: Command = Command {
    name: "log",
    summary: "A container for commands about the log of all changes.",
    since: SINCE,
    complexity: "Depends on subcommand.",
    subcommands: &[DIGEST, HELP, INFO, READ],
    ..SERVER
};

/// The version of CoolCache that introduced them: there is none of Redis.
const SINCE: &str = "0.1.0";

const PART: Command =
    Command { since: SINCE, flags: &[Flag::Admin, Flag::NoScript, Flag::NoMulti], ..SERVER };

const READ: Command = Command {
    name: "read",
    summary: "Returns the records behind an LSN, and the LSN to ask for next.",
    syntax: "lsn [COUNT count] [BLOCK milliseconds] [MATCH pattern] [ID replication-id]",
    example: r#"
        > LOG READ 0
        (error) ERR this server has no log
        > LOG READ 0 COUNT 0
        (error) ERR COUNT must be a positive integer
        > LOG READ x
        (error) ERR the LSN is not an integer or out of range
        > LOG READ 0 BLOCK -1
        (error) ERR timeout is negative
        > LOG READ 0 MATCH
        (error) ERR syntax error
    "#,
    complexity: "O(N) where N is the number of records looked at; finding a place that is asked for \
        the first time reads its segment, away from other commands",
    flags: &[Flag::Admin, Flag::NoScript, Flag::NoMulti, Flag::Blocking],
    handler: Handler::Control(read),
    ..PART
};

const INFO: Command = Command {
    name: "info",
    summary: "Returns how far the log is, what can be read from it, its histories and its files.",
    example: r#"
        > LOG INFO
        (error) ERR this server has no log
    "#,
    handler: Handler::Control(|_, _| Ok(Answer::Do(Action::LogInfo))),
    ..PART
};

const DIGEST: Command = Command {
    name: "digest",
    summary: "Returns the digest of the whole data set and the LSN at which it is that.",
    example: r#"
        > SET a 1
        OK
        > LOG DIGEST
        1) "lsn"
        2) (integer) 50
        3) "digest"
        4) "943d800368fb9c0e951138f1bc0e313ac769d91f"
    "#,
    complexity: "O(N) where N is the size of the data set, away from other commands",
    handler: Handler::Control(|_, _| Ok(Answer::Do(Action::LogDigest))),
    ..PART
};

const HELP: Command = Command {
    name: "help",
    summary: "Returns the subcommands with what they do.",
    since: SINCE,
    flags: &[Flag::Loading, Flag::Stale],
    handler: Handler::Control(help::help),
    ..SERVER
};

fn read<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    /// Records of one reply, if COUNT does not say.
    const COUNT: usize = 1000;
    const NO_COUNT: Error = Error::text("ERR COUNT must be a positive integer");
    const NO_LSN: Error = Error::text("ERR the LSN is not an integer or out of range");
    let from = number::parse_i64(call.arg(2)).and_then(|lsn| u64::try_from(lsn).ok());
    let from = from.ok_or(NO_LSN)?;
    let mut read = LogRead { from, count: COUNT, wait: None, wanted: Wanted::default(), id: None };
    let mut at = 3;
    while at < call.len() {
        let value = call.get(at + 1).ok_or(Error::Syntax)?;
        match () {
            () if call.is(at, "COUNT") => {
                let count = number::parse_i64(value).and_then(|count| usize::try_from(count).ok());
                read.count = count.filter(|count| *count > 0).ok_or(NO_COUNT)?;
            }
            () if call.is(at, "BLOCK") => read.wait = Some(deadline_of_ms(value, control.now)?),
            () if call.is(at, "MATCH") => read.wanted.pattern = Some(value.to_vec()),
            () if call.is(at, "ID") => read.id = Some(value.to_vec()),
            () => return Err(Error::Syntax),
        }
        at += 2;
    }
    Ok(Answer::Do(Action::ReadLog(Box::new(read))))
}
