//! COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a call that is not made.

use super::statuses;
use crate::command::table::{self, Found, Resolved};
use crate::command::{Access, Answer, Call, Control, Error, Keys, Result};
use crate::resp::Reply;

/// COMMAND GETKEYS: the keys, in the order of the key specs.
pub fn getkeys<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let keys = keys_of(&call.args()[2..])?;
    Ok(Reply::Array(keys.into_iter().map(|(key, _)| Reply::Bulk(key)).collect()).into())
}

/// COMMAND GETKEYSANDFLAGS: each key with the flags of what the call would do with it.
pub fn getkeysandflags<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let keys = keys_of(&call.args()[2..])?;
    let pairs = keys
        .into_iter()
        .map(|(key, access)| Reply::Array(vec![Reply::Bulk(key), statuses(access.flag_names())]));
    Ok(Reply::Array(pairs.collect()).into())
}

/// The keys of a call; errors in Redis' order: unknown, without keys, wrong count, keys that do not
/// fit.
fn keys_of<'a>(arguments: &[&'a [u8]]) -> Result<Vec<(&'a [u8], Access)>> {
    let Found::Command(command) = table::find(arguments) else {
        return Err(Error::text("ERR Invalid command specified"));
    };
    if command.keys.is_empty() {
        return Err(Error::text("ERR The command has no key arguments"));
    }
    if !command.takes(arguments.len()) {
        return Err(Error::text("ERR Invalid number of arguments specified for command"));
    }
    // A list of keys that may be empty (PFMERGE's sources) must not be: that too is Redis'.
    let begins_behind = |keys: &Keys| matches!(keys, Keys::From(at, ..) if *at >= arguments.len());
    let positions = command
        .key_positions(arguments)
        .filter(|_| !command.keys.iter().any(begins_behind))
        .ok_or(Error::text("ERR Invalid arguments specified for command"))?;
    let keys = positions
        .into_iter()
        .map(|(position, access)| (arguments[position], varied(command, access, arguments)));
    Ok(keys.collect())
}

/// What a call does with a key whose access its options decide.
fn varied(command: &Resolved, access: Access, arguments: &[&[u8]]) -> Access {
    match (access, command.name) {
        (Access::OverwriteVariable, _) => Access::Overwrite,
        (Access::ReadDeleteIncomplete, _) => Access::ReadDelete,
        (Access::Variable, "set") if !has_get(arguments) => Access::Overwrite,
        (Access::DeleteVariable, _) if arguments.len() == 2 => Access::Remove,
        (Access::DeleteVariable, _) => Access::ReadDelete,
        (Access::Variable, "bitfield") if only_gets(arguments) => Access::Read,
        (Access::Variable, _) => Access::ReadUpdate,
        (other, _) => other,
    }
}

/// Whether a SET reads the old value.
fn has_get(arguments: &[&[u8]]) -> bool {
    arguments.iter().skip(3).any(|option| option.eq_ignore_ascii_case(b"GET"))
}

/// Whether a BITFIELD has nothing but GET and OVERFLOW.
fn only_gets(arguments: &[&[u8]]) -> bool {
    let mut at = 2;
    while let Some(option) = arguments.get(at) {
        at += match option.to_ascii_uppercase().as_slice() {
            b"GET" => 3,
            b"OVERFLOW" => 2,
            _ => return false,
        };
        if at > arguments.len() {
            return false;
        }
    }
    true
}
