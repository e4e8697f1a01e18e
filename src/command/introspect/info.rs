//! COMMAND and COMMAND INFO: ten facts a command.

use super::{every, statuses, text};
use crate::command::derived::{Begin, Find};
use crate::command::table::{self, Resolved};
use crate::command::{Answer, Call, Control, Keys, Result};
use crate::resp::Reply;

/// COMMAND: all commands, subcommands inside their containers.
pub fn all<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(all_commands().into())
}

/// COMMAND INFO: the named ones, null for a name that is none; without names, all.
pub fn info<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let names = &call.args()[2..];
    if names.is_empty() {
        return Ok(all_commands().into());
    }
    let found = names.iter().map(|name| table::by_full_name(name).map_or(Reply::Null, facts));
    Ok(Reply::Array(found.collect()).into())
}

fn all_commands() -> Reply<'static> {
    Reply::Array(every().filter(|command| command.parent.is_none()).map(facts).collect())
}

fn facts(command: &'static Resolved) -> Reply<'static> {
    let (first, last, step) = command.key_range();
    let categories = command.category_names().into_iter().map(|name| format!("@{name}"));
    let categories = categories.map(|name| Reply::Status(name.into_bytes().into())).collect();
    Reply::Array(vec![
        text(command.full_name),
        Reply::Int(command.arity.into()),
        statuses(&command.flag_names()),
        Reply::Int(first.into()),
        Reply::Int(last.into()),
        Reply::Int(step.into()),
        Reply::Set(categories),
        Reply::Set(command.tips.iter().map(|tip| text(tip)).collect()),
        Reply::Set(command.keys.iter().map(key_spec).collect()),
        Reply::Array(command.subcommands.iter().map(facts).collect()),
    ])
}

/// A key spec: flags, where to begin the search, how to find the keys from there.
fn key_spec(keys: &Keys) -> Reply<'static> {
    let number = |number: usize| Reply::Int(number as i64);
    let begin = match keys.begin() {
        Begin::At(at) => search("index", vec![(text("index"), number(at))]),
        Begin::Behind(word, from) => search(
            "keyword",
            vec![(text("keyword"), text(word)), (text("startfrom"), Reply::Int(from.into()))],
        ),
        Begin::Unknown => search("unknown", Vec::new()),
    };
    let find = match keys.find() {
        Find::Range { last, step, limit } => search(
            "range",
            vec![
                (text("lastkey"), Reply::Int(last.into())),
                (text("keystep"), number(step)),
                (text("limit"), number(limit)),
            ],
        ),
        // Relative to where the count stands; the keys follow it.
        Find::Counted { step } => search(
            "keynum",
            vec![
                (text("keynumidx"), Reply::Int(0)),
                (text("firstkey"), Reply::Int(1)),
                (text("keystep"), number(step)),
            ],
        ),
        Find::Unknown => search("unknown", Vec::new()),
    };
    Reply::Map(vec![
        (text("flags"), statuses(keys.access().flag_names())),
        (text("begin_search"), begin),
        (text("find_keys"), find),
    ])
}

fn search(kind: &'static str, spec: Vec<(Reply<'static>, Reply<'static>)>) -> Reply<'static> {
    Reply::Map(vec![(text("type"), text(kind)), (text("spec"), Reply::Map(spec))])
}
