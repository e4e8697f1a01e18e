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
    let begins_behind =
        |keys: &Keys| matches!(keys, Keys::From(..)) && keys.begins_at() >= arguments.len();
    let positions = command
        .key_positions(arguments)
        .filter(|_| !command.keys.iter().any(begins_behind))
        .ok_or(Error::text("ERR Invalid arguments specified for command"))?;
    let keys = positions.into_iter().map(|(position, access)| {
        let varies = matches!(access, Access::Variable | Access::DeleteVariable);
        let access = if varies { varied(command, arguments) } else { access };
        (arguments[position], access)
    });
    Ok(keys.collect())
}

/// What a call does with a key whose access its options decide: SET reads the old value if GET is
/// among them, BITFIELD only reads if it has nothing but GET, DELEX looks if it has a condition.
fn varied(command: &Resolved, arguments: &[&[u8]]) -> Access {
    let is = |at: usize, word: &str| {
        arguments.get(at).is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
    };
    let has = |word| (3..arguments.len()).any(|at| is(at, word));
    match command.name {
        "set" if !has("GET") => Access::Overwrite,
        "bitfield" => {
            let mut at = 2;
            while at < arguments.len() {
                let behind = arguments.len() - at - 1;
                match (is(at, "GET"), is(at, "OVERFLOW")) {
                    (true, _) if behind >= 2 => at += 3,
                    (_, true) if behind >= 1 => at += 2,
                    _ => return Access::ReadUpdate,
                }
            }
            Access::Read
        }
        "delex" if arguments.len() == 2 => Access::Remove,
        "delex" => Access::ReadDelete,
        _ => Access::ReadUpdate,
    }
}
