//! WAIT and WAITAOF: until the connection's last write is on so many replicas, or on the disk.

use super::GENERIC;
use crate::command::arguments;
use crate::command::timeout::deadline_of_ms;
use crate::command::{
    Action, Answer, Call, Command, Control, Copies, Error, Flag, Handler, Result,
};

pub(super) const WAIT: Command = Command {
    name: "wait",
    summary: "Waits until replicas have this connection's writes; tells how many have.",
    syntax: "numreplicas timeout",
    example: r#"
        > SET a 1
        OK
        > WAIT 0 1000
        (integer) 0
        > WAIT 1 1000
        @ advance 1000
        < 1
        (integer) 0
    "#,
    since: "3.0.0",
    complexity: "O(1)",
    flags: &[Flag::Blocking],
    categories: &["-keyspace", "connection"],
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    handler: Handler::Control(wait),
    ..GENERIC
};

pub(super) const WAITAOF: Command = Command {
    name: "waitaof",
    summary: "Waits until this connection's writes are on the disk, here and on replicas; tells on \
              how many disks they are.",
    syntax: "numlocal numreplicas timeout",
    example: r#"
        > SET a 1
        OK
        > WAITAOF 1 0 0
        1) (integer) 1
        2) (integer) 0
        > WAITAOF 1 1 1000
        @ advance 1000
        < 1
        1) (integer) 1
        2) (integer) 0
    "#,
    since: "7.2.0",
    handler: Handler::Control(waitaof),
    ..WAIT
};

fn wait<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    // There never are fewer than none.
    let replicas = u64::try_from(call.int(1)?).unwrap_or(0);
    let deadline = deadline_of_ms(call.arg(2), control.now)?;
    Ok(Answer::Do(Action::AwaitCopies(Copies { local: None, replicas, deadline })))
}

fn waitaof<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let local = match call.int(1)? {
        0 => false,
        1 => true,
        _ => {
            let text = "ERR value is out of range, value must between 0 and 1";
            return Err(Error::text(text));
        }
    };
    let replicas = arguments::count(call.arg(2))? as u64;
    let deadline = deadline_of_ms(call.arg(3), control.now)?;
    if local && !control.admin.config.appendonly() {
        return Err(Error::text(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    Ok(Answer::Do(Action::AwaitCopies(Copies { local: Some(local), replicas, deadline })))
}
