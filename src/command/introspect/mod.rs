//! COMMAND: the table, shown. Every answer is derived from the entries.
//!
//! | file | answers |
//! |---|---|
//! | here | COMMAND COUNT, LIST |
//! | `info` | COMMAND, COMMAND INFO |
//! | `docs` | COMMAND DOCS |
//! | `getkeys` | COMMAND GETKEYS, GETKEYSANDFLAGS |

mod docs;
mod getkeys;
mod info;
#[cfg(test)]
mod tests;

use super::table::{self, Resolved};
use super::{Answer, Call, Command, Control, Error, Flag, Group, Handler, Result, help};
use crate::base::glob::{self, Case};
use crate::resp::Reply;

const DEFAULT: Command = Command {
    group: Group::Server,
    flags: &[Flag::Loading, Flag::Stale],
    categories: &["connection"],
    ..super::DEFAULT
};

/// The entries of this folder.
pub const COMMANDS: &[Command] = &[Command {
    name: "command",
    summary: "Returns details about all commands.",
    since: "2.8.13",
    arity: Some(-1),
    complexity: "O(N) where N is the number of commands",
    example: r#"
        > COMMAND NOSUCH
        (error) ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.
    "#,
    tips: &["nondeterministic_output_order"],
    handler: Handler::Control(info::all),
    subcommands: &[
        Command {
            name: "count",
            example: r#"
                > COMMAND COUNT ALL
                (error) ERR wrong number of arguments for 'command|count' command
            "#,
            summary: "Returns how many commands there are, subcommands not counted.",
            since: "2.8.13",
            handler: Handler::Control(count),
            ..DEFAULT
        },
        Command {
            name: "docs",
            summary: "Returns what commands are for and which arguments they take.",
            syntax: "[command-name [command-name ...]]",
            example: r#"
                > COMMAND DOCS echo
                1) "echo"
                2)  1) "summary"
                    2) "Returns the given string."
                    3) "since"
                    4) "1.0.0"
                    5) "group"
                    6) "connection"
                    7) "complexity"
                    8) "O(1)"
                    9) "arguments"
                   10) 1) 1) "name"
                          2) "message"
                          3) "type"
                          4) "string"
                          5) "display_text"
                          6) "message"
                > COMMAND DOCS nosuch
                (empty array)
            "#,
            since: "7.0.0",
            complexity: "O(N) where N is the number of commands to look up",
            tips: &["nondeterministic_output_order"],
            handler: Handler::Control(docs::docs),
            ..DEFAULT
        },
        Command {
            name: "getkeys",
            summary: "Returns the keys among the arguments of a command.",
            syntax: "command [arg [arg ...]]",
            example: r#"
                > COMMAND GETKEYS MSET a 1 b 2
                1) "a"
                2) "b"
                > COMMAND GETKEYS PING
                (error) ERR The command has no key arguments
            "#,
            since: "2.8.13",
            complexity: "O(N) where N is the number of arguments to the command",
            handler: Handler::Control(getkeys::getkeys),
            ..DEFAULT
        },
        Command {
            name: "getkeysandflags",
            summary: "Returns the keys among the arguments of a command, and what it does with each.",
            syntax: "command [arg [arg ...]]",
            example: r#"
                > COMMAND GETKEYSANDFLAGS GET a
                1) 1) "a"
                   2) 1) RO
                      2) access
            "#,
            since: "7.0.0",
            complexity: "O(N) where N is the number of arguments to the command",
            handler: Handler::Control(getkeys::getkeysandflags),
            ..DEFAULT
        },
        Command {
            name: "info",
            summary: "Returns arity, flags, key positions and ACL categories of commands.",
            syntax: "[command-name [command-name ...]]",
            example: r#"
                > COMMAND INFO echo nosuch
                1)  1) "echo"
                    2) (integer) 2
                    3) 1) loading
                       2) stale
                       3) fast
                    4) (integer) 0
                    5) (integer) 0
                    6) (integer) 0
                    7) 1) @fast
                       2) @connection
                    8) (empty array)
                    9) (empty array)
                   10) (empty array)
                2) (nil)
            "#,
            since: "2.8.13",
            complexity: "O(N) where N is the number of commands to look up",
            tips: &["nondeterministic_output_order"],
            handler: Handler::Control(info::info),
            ..DEFAULT
        },
        Command {
            name: "list",
            summary: "Returns the names of commands, subcommands included.",
            syntax: "[FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]",
            example: r#"
                > COMMAND LIST FILTERBY PATTERN client|get*
                1) "client|getname"
                > COMMAND LIST FILTERBY MODULE json
                (empty array)
                > COMMAND LIST FILTERBY COLOR red
                (error) ERR syntax error
            "#,
            since: "7.0.0",
            complexity: "O(N) where N is the number of commands",
            tips: &["nondeterministic_output_order"],
            handler: Handler::Control(list),
            ..DEFAULT
        },
        Command {
            name: "help",
            example: r#"
                > COMMAND HELP ALL
                (error) ERR wrong number of arguments for 'command|help' command
            "#,
            summary: "Prints this help.",
            since: "5.0.0",
            handler: Handler::Control(help::help),
            ..DEFAULT
        },
    ],
    ..DEFAULT
}];

fn count<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    Ok(Reply::Int(table::all().len() as i64).into())
}

fn list<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let filter = Filter::parse(call)?;
    let names = every().filter(|command| filter.takes(command));
    Ok(Reply::Array(names.map(|command| text(command.full_name)).collect()).into())
}

/// Which commands COMMAND LIST names.
enum Filter<'a> {
    All,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
    /// There are no modules, so none has a command.
    Module,
}

impl<'a> Filter<'a> {
    fn parse(call: &Call<'a>) -> Result<Self> {
        if call.len() == 2 {
            return Ok(Filter::All);
        }
        let Some(value) = call.get(4).filter(|_| call.len() == 5 && call.is(2, "FILTERBY")) else {
            return Err(Error::Syntax);
        };
        match () {
            () if call.is(3, "MODULE") => Ok(Filter::Module),
            () if call.is(3, "ACLCAT") => Ok(Filter::Category(value)),
            () if call.is(3, "PATTERN") => Ok(Filter::Pattern(value)),
            () => Err(Error::Syntax),
        }
    }

    fn takes(&self, command: &Resolved) -> bool {
        match self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(category) => {
                let mut names = command.category_names().into_iter();
                names.any(|name| category.eq_ignore_ascii_case(name.as_bytes()))
            }
            Filter::Pattern(pattern) => {
                glob::matches_case(pattern, command.full_name.as_bytes(), Case::Ignore)
            }
        }
    }
}

/// Every command, each followed by its subcommands.
fn every() -> impl Iterator<Item = &'static Resolved> {
    table::all().iter().flat_map(|command| std::iter::once(command).chain(&command.subcommands))
}

/// A string of the table.
fn text(text: &'static str) -> Reply<'static> {
    Reply::Bulk(text.as_bytes())
}

/// Names as a set of statuses.
fn statuses(names: &[&'static str]) -> Reply<'static> {
    Reply::Set(names.iter().map(|name| Reply::Simple(name)).collect())
}
