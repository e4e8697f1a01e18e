//! CLIENT: connections, this one and the others.
//!
//! TRACKING, CACHING, GETREDIR, TRACKINGINFO and IMPORT-SOURCE are not there yet.

use super::filter::Filter;
use super::{
    Action, Answer, CONNECTION, Call, Command, Control, Error, Flag, Handler, Result, wait,
};
use crate::command::error::c_text;
use crate::command::help;
use crate::resp::Reply;
use crate::session::Replies;

/// What most subcommands may: anything but run in a script.
const OWN: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::AllowBusy];
const ABOUT_OTHERS: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale];
const TO_ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

const PART: Command = Command { flags: OWN, ..CONNECTION };

pub const CLIENT: Command = Command {
    name: "client",
    summary: "A container for commands about connections.",
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    handler: Handler::Container,
    subcommands: &[
        Command {
            name: "capa",
            summary: "Tells the server what the client can handle: REDIRECT, a -REDIRECT reply.",
            syntax: "capability [capability ...]",
            example: r#"
                > CLIENT CAPA redirect
                OK
            "#,
            since: "8.0.0",
            handler: Handler::Control(capa),
            ..PART
        },
        Command {
            name: "getname",
            summary: "Returns the name of the connection.",
            example: r#"
                > CLIENT GETNAME
                (nil)
                > CLIENT SETNAME bob
                OK
                > CLIENT GETNAME
                "bob"
            "#,
            since: "2.6.9",
            handler: Handler::Control(getname),
            ..PART
        },
        Command {
            name: "id",
            example: r#"
                > CLIENT ID
                (integer) 1
            "#,
            summary: "Returns the id of the connection: it counts up and is never used again.",
            since: "5.0.0",
            handler: Handler::Control(id),
            ..PART
        },
        Command {
            name: "info",
            example: r#"
                > CLIENT INFO ALL
                (error) ERR wrong number of arguments for 'client|info' command
            "#,
            summary: "Returns facts about the connection, as a line of CLIENT LIST.",
            since: "6.2.0",
            flags: &[Flag::NoScript, Flag::Loading, Flag::Stale],
            tips: &["nondeterministic_output"],
            handler: Handler::Control(info),
            ..PART
        },
        Command {
            name: "kill",
            summary: "Closes connections.",
            syntax: "<ip:port | <[ID client-id [client-id ...]] | \
                [TYPE NORMAL | MASTER | PRIMARY | SLAVE | REPLICA | PUBSUB] | [USER username] | \
                [ADDR ip:port] | [LADDR ip:port] | [SKIPME YES | NO] | [MAXAGE maxage] | \
                [NAME name] | [IDLE idle] | [FLAGS flags] | [LIB-NAME lib-name] | \
                [LIB-VER lib-ver] | [DB db] | [CAPA capa] | [IP ip] | \
                [NOT-TYPE NORMAL | MASTER | PRIMARY | SLAVE | REPLICA | PUBSUB] | \
                [NOT-ID not-client-id [not-client-id ...]] | [NOT-USER not-username] | \
                [NOT-ADDR ip:port] | [NOT-LADDR ip:port] | [NOT-NAME not-name] | \
                [NOT-FLAGS not-flags] | [NOT-LIB-NAME not-lib-name] | \
                [NOT-LIB-VER not-lib-ver] | [NOT-DB not-db] | [NOT-CAPA not-capa] | \
                [NOT-IP not-ip]> [<[ID client-id [client-id ...]] | \
                [TYPE NORMAL | MASTER | PRIMARY | SLAVE | REPLICA | PUBSUB] | [USER username] | \
                [ADDR ip:port] | [LADDR ip:port] | [SKIPME YES | NO] | [MAXAGE maxage] | \
                [NAME name] | [IDLE idle] | [FLAGS flags] | [LIB-NAME lib-name] | \
                [LIB-VER lib-ver] | [DB db] | [CAPA capa] | [IP ip] | \
                [NOT-TYPE NORMAL | MASTER | PRIMARY | SLAVE | REPLICA | PUBSUB] | \
                [NOT-ID not-client-id [not-client-id ...]] | [NOT-USER not-username] | \
                [NOT-ADDR ip:port] | [NOT-LADDR ip:port] | [NOT-NAME not-name] | \
                [NOT-FLAGS not-flags] | [NOT-LIB-NAME not-lib-name] | \
                [NOT-LIB-VER not-lib-ver] | [NOT-DB not-db] | [NOT-CAPA not-capa] | \
                [NOT-IP not-ip]> ...]>",
            example: r#"
                > CLIENT KILL NAME nobody
                (integer) 0
                > CLIENT KILL 192.0.2.1:50000
                (error) ERR No such client
            "#,
            since: "2.4.0",
            arity: Some(-3),
            complexity: "O(N) where N is the number of client connections",
            flags: ABOUT_OTHERS,
            handler: Handler::Control(kill),
            ..PART
        },
        Command {
            name: "list",
            summary: "Lists connections.",
            syntax: "[TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]] \
                [USER username] [ADDR ip:port] [LADDR ip:port] [SKIPME YES | NO] [MAXAGE maxage] \
                [NAME name] [IDLE idle] [FLAGS flags] [LIB-NAME lib-name] [LIB-VER lib-ver] \
                [DB db] [CAPA capa] [IP ip] [NOT-TYPE NORMAL | MASTER | REPLICA | PUBSUB] \
                [NOT-ID not-client-id [not-client-id ...]] [NOT-USER not-username] \
                [NOT-ADDR ip:port] [NOT-LADDR ip:port] [NOT-NAME not-name] \
                [NOT-FLAGS not-flags] [NOT-LIB-NAME not-lib-name] [NOT-LIB-VER not-lib-ver] \
                [NOT-DB not-db] [NOT-CAPA not-capa] [NOT-IP not-ip]",
            example: r#"
                > CLIENT LIST NAME nobody
                ""
            "#,
            since: "2.4.0",
            complexity: "O(N) where N is the number of client connections",
            flags: ABOUT_OTHERS,
            tips: &["nondeterministic_output"],
            handler: Handler::Control(list),
            ..PART
        },
        Command {
            name: "no-evict",
            summary: "Protects the connection from being closed when clients' memory runs short.",
            syntax: "<ON | OFF>",
            example: r#"
                > CLIENT NO-EVICT ON
                OK
            "#,
            since: "7.0.0",
            flags: &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale, Flag::AllowBusy],
            handler: Handler::Control(no_evict),
            ..PART
        },
        Command {
            name: "no-touch",
            summary: "Lets the connection's commands leave the access times of keys alone.",
            syntax: "<ON | OFF>",
            example: r#"
                > CLIENT NO-TOUCH ON
                OK
            "#,
            since: "7.2.0",
            handler: Handler::Control(no_touch),
            ..PART
        },
        wait::PAUSE,
        Command {
            name: "reply",
            summary: "Switches replies to the connection on, off, or off for one command.",
            syntax: "<ON | OFF | SKIP>",
            example: r#"
                > CLIENT REPLY ON
                OK
            "#,
            since: "3.2.0",
            flags: &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::NoMulti, Flag::AllowBusy],
            handler: Handler::Control(reply),
            ..PART
        },
        Command {
            name: "setinfo",
            summary: "Tells the server the client library's name or version.",
            syntax: "<LIB-NAME libname | LIB-VER libver>",
            example: r#"
                > CLIENT SETINFO LIB-NAME redis-py
                OK
                > CLIENT SETINFO LIB-COLOR red
                (error) ERR Unrecognized option 'LIB-COLOR'
            "#,
            since: "7.2.0",
            tips: TO_ALL_NODES,
            handler: Handler::Control(setinfo),
            ..PART
        },
        Command {
            name: "setname",
            summary: "Gives the connection a name; an empty one takes it away.",
            syntax: "connection-name",
            example: r#"
                > CLIENT SETNAME bob
                OK
                > CLIENT SETNAME "bob smith"
                (error) ERR Client names cannot contain spaces, newlines or special characters.
            "#,
            since: "2.6.9",
            tips: TO_ALL_NODES,
            handler: Handler::Control(setname),
            ..PART
        },
        wait::UNBLOCK,
        wait::UNPAUSE,
        Command {
            name: "help",
            example: r#"
                > CLIENT HELP ALL
                (error) ERR wrong number of arguments for 'client|help' command
            "#,
            summary: "Prints this help.",
            since: "5.0.0",
            flags: &[Flag::Loading, Flag::Stale],
            handler: Handler::Control(help::help),
            ..PART
        },
    ],
    ..CONNECTION
};

fn capa<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    // Unknown capabilities are ignored: a client may know more than the server.
    if (2..call.len()).any(|at| call.is(at, "REDIRECT")) {
        control.session().redirect_capable = true;
    }
    Ok(Reply::Ok.into())
}

fn getname<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    let name = &control.session().name;
    Ok(if name.is_empty() { Reply::Null } else { Reply::Owned(name.clone()) }.into())
}

fn id<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Reply::Int(control.session().id as i64).into())
}

fn info<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let mut line = Vec::new();
    let now = control.now;
    control.session().describe(now, argument_bytes(call), &mut line);
    Ok(Reply::Verbatim(*b"txt", line.into()).into())
}

fn list<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let filter = Filter::parse(control, call, false)?;
    let caller = control.session().id;
    let sessions = control.admin.clients.iter().map(|(_, session)| session);
    let mut sessions: Vec<_> =
        sessions.filter(|session| filter.takes(session, caller, control.now)).collect();
    sessions.sort_unstable_by_key(|session| session.id);
    let mut lines = Vec::new();
    for session in sessions {
        let running = if session.id == caller { argument_bytes(call) } else { 0 };
        session.describe(control.now, running, &mut lines);
    }
    Ok(Reply::Verbatim(*b"txt", lines.into()).into())
}

/// Two forms: `ip:port`, which answers OK, and filters, which answer how many.
fn kill<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let is_old_form = call.len() == 3;
    if is_old_form {
        let address = call.arg(2);
        let mut clients = control.admin.clients.iter();
        let client = clients.find(|(_, session)| session.address_text().as_bytes() == address);
        let (client, _) = client.ok_or(Error::text("ERR No such client"))?;
        return Ok(Answer::Do(Action::Kill { clients: vec![client], count: false }));
    }
    let filter = Filter::parse(control, call, true)?;
    let caller = control.session().id;
    let clients = control.admin.clients.iter();
    let chosen = clients.filter(|(_, session)| filter.takes(session, caller, control.now));
    let clients = chosen.map(|(client, _)| client).collect();
    Ok(Answer::Do(Action::Kill { clients, count: true }))
}

fn no_evict<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    control.session().no_evict = on_or_off(call)?;
    Ok(Reply::Ok.into())
}

fn no_touch<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    control.session().no_touch = on_or_off(call)?;
    Ok(Reply::Ok.into())
}

fn on_or_off(call: &Call<'_>) -> Result<bool> {
    match () {
        () if call.is(2, "ON") => Ok(true),
        () if call.is(2, "OFF") => Ok(false),
        () => Err(Error::Syntax),
    }
}

fn reply<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let replies = &mut control.session().replies;
    match () {
        () if call.is(2, "ON") => {
            *replies = Replies::On;
            return Ok(Reply::Ok.into());
        }
        () if call.is(2, "OFF") => *replies = Replies::Off,
        // With replies off there is none to skip.
        () if call.is(2, "SKIP") && *replies == Replies::Off => {}
        () if call.is(2, "SKIP") => *replies = Replies::SkipNext,
        () => return Err(Error::Syntax),
    }
    Ok(Answer::Silent)
}

fn setinfo<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let (option, value) = (call.arg(2), call.arg(3));
    let session = control.session();
    let field = match () {
        () if call.is(2, "LIB-NAME") => &mut session.library_name,
        () if call.is(2, "LIB-VER") => &mut session.library_version,
        () => {
            let option = c_text(option);
            return Err(Error::owned(format!("ERR Unrecognized option '{option}'")));
        }
    };
    if !is_printable(value) {
        let option = c_text(option);
        let text = format!("ERR {option} cannot contain spaces, newlines or special characters.");
        return Err(Error::owned(text));
    }
    *field = value.to_vec();
    Ok(Reply::Ok.into())
}

fn setname<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    name_is_valid(call.arg(2))?;
    control.session().name = call.arg(2).to_vec();
    Ok(Reply::Ok.into())
}

/// Refuses a name that would break the format of CLIENT LIST.
pub fn name_is_valid(name: &[u8]) -> Result<()> {
    let text = "ERR Client names cannot contain spaces, newlines or special characters.";
    if is_printable(name) { Ok(()) } else { Err(Error::text(text)) }
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

fn argument_bytes(call: &Call<'_>) -> usize {
    call.args().iter().map(|argument| argument.len()).sum()
}
