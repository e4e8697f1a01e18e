//! COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a call that is not made.

use super::statuses;
use crate::command::table::{self, Found, Resolved};
use crate::command::{Access, Answer, Call, Control, Error, Result};
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
    let positions = command
        .key_positions(arguments)
        .ok_or(Error::text("ERR Invalid arguments specified for command"))?;
    let keys = positions.into_iter().map(|(position, access)| {
        let access = if access == Access::Variable { varied(command, arguments) } else { access };
        (arguments[position], access)
    });
    Ok(keys.collect())
}

/// What a call does with a key whose access its options decide: SET reads the old value if GET is
/// among them.
fn varied(command: &Resolved, arguments: &[&[u8]]) -> Access {
    let mut options = arguments.iter().skip(3);
    match command.name {
        "set" if !options.any(|option| option.eq_ignore_ascii_case(b"GET")) => Access::Overwrite,
        _ => Access::ReadUpdate,
    }
}
