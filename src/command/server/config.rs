//! CONFIG: the settings, over [`crate::admin::config`].

use super::{ADMIN, SERVER};
use crate::command::{Action, Answer, Call, Command, Control, Error, Flag, Handler, Result, help};
use crate::resp::Reply;

pub(super) const CONFIG: Command = Command {
    name: "config",
    summary: "A container for the commands of the server's settings.",
    since: "2.0.0",
    subcommands: &[GET, HELP, RESETSTAT, REWRITE, SET],
    ..SERVER
};

const GET: Command = Command {
    name: "get",
    summary: "Returns the parameters whose names match a pattern, with their values.",
    syntax: "parameter [parameter ...]",
    example: r#"
        > CONFIG GET hz max*-policy
        1) "hz"
        2) "10"
        3) "maxmemory-policy"
        4) "noeviction"
    "#,
    since: "2.0.0",
    complexity: "O(N)",
    flags: ADMIN,
    handler: Handler::Control(get),
    ..SERVER
};

fn get<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let text = |text: String| Reply::Owned(text.into_bytes());
    let found = control.admin.config.get(&call.args()[2..]).into_iter();
    Ok(Reply::Map(found.map(|(name, value)| (text(name), text(value))).collect()).into())
}

const SET: Command = Command {
    name: "set",
    summary: "Sets parameters: all of them, or none if one cannot be set.",
    syntax: "parameter value [parameter value ...]",
    example: r#"
        > CONFIG SET hz 20 timeout 60
        OK
        > CONFIG SET hz 30 timeout soon
        (error) ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer
        > CONFIG GET hz
        1) "hz"
        2) "20"
    "#,
    since: "2.0.0",
    complexity: "O(N)",
    flags: ADMIN,
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    handler: Handler::Control(set),
    ..SERVER
};

fn set<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let (pairs, rest) = call.args()[2..].as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::Syntax);
    }
    let pairs: Vec<_> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    let local = control.session().is_local();
    let changed = control.admin.config.set(&pairs, local);
    let changed = changed.map_err(|why| Error::owned(format!("ERR {why}")))?;
    Ok(Answer::Do(Action::ConfigChanged(changed)))
}

const RESETSTAT: Command = Command {
    name: "resetstat",
    summary: "Sets the counters that INFO shows to zero.",
    example: r#"
        > CONFIG RESETSTAT
        OK
    "#,
    since: "2.0.0",
    flags: ADMIN,
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    handler: Handler::Control(resetstat),
    ..SERVER
};

fn resetstat<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    control.admin.stats.reset();
    control.admin.holds.reset();
    let lookups = control.keyspace.lookups();
    lookups.hits.set(0);
    lookups.misses.set(0);
    Ok(Reply::Ok.into())
}

const REWRITE: Command = Command {
    name: "rewrite",
    summary: "Writes the present settings to the configuration file, keeping its comments.",
    example: r#"
        > CONFIG REWRITE
        (error) ERR The server is running without a config file
    "#,
    since: "2.8.0",
    flags: ADMIN,
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    handler: Handler::Control(rewrite),
    ..SERVER
};

fn rewrite<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    if control.admin.config.file().is_none() {
        return Err(Error::text("ERR The server is running without a config file"));
    }
    Ok(Answer::Do(Action::RewriteConfig))
}

const HELP: Command = Command {
    name: "help",
    summary: "Returns how the subcommands are used.",
    example: r#"
        > CONFIG HELP
         1) CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
         2) GET parameter [parameter ...]
         3)     Returns the parameters whose names match a pattern, with their values.
         4) HELP
         5)     Returns how the subcommands are used.
         6) RESETSTAT
         7)     Sets the counters that INFO shows to zero.
         8) REWRITE
         9)     Writes the present settings to the configuration file, keeping its comments.
        10) SET parameter value [parameter value ...]
        11)     Sets parameters: all of them, or none if one cannot be set.
    "#,
    since: "5.0.0",
    flags: &[Flag::Loading, Flag::Stale],
    handler: Handler::Control(help::help),
    ..SERVER
};
