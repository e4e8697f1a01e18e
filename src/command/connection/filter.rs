//! The filters of CLIENT LIST and CLIENT KILL: `NAME bob`, `NOT-TYPE replica`, …; all that are
//! given must hold.

use crate::base::clock::UnixMs;
use crate::base::number;
use crate::command::error::c_text;
use crate::command::{Call, Control, Error, Result};
use crate::session::Session;
use crate::session::describe::{CAPABILITIES, FLAGS};

/// What a connection must be, and what it must not be.
#[derive(Default)]
pub struct Filter<'a> {
    wanted: Traits<'a>,
    unwanted: Traits<'a>,
    /// At least so many seconds since it connected.
    age_seconds: Option<u64>,
    /// At least so many seconds since its last command.
    idle_seconds: Option<u64>,
    /// Leave out the connection that asks.
    skip_me: bool,
}

/// One side of a filter. Given twice, the last one counts, except for ids, which are all meant.
#[derive(Default)]
struct Traits<'a> {
    ids: Option<Vec<u64>>,
    kind: Option<Kind>,
    user: Option<&'a [u8]>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    ip: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    library_name: Option<&'a [u8]>,
    library_version: Option<&'a [u8]>,
    db: Option<u16>,
    flags: Option<&'a [u8]>,
    capabilities: Option<&'a [u8]>,
}

/// What a connection is used for. There are no links between servers and no subscribers yet, so
/// every connection is a normal one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Primary,
    Replica,
    Pubsub,
}

impl<'a> Filter<'a> {
    /// Reads the filters from position 2 on. SKIPME is as given, else `skip_me`.
    pub fn parse(control: &Control<'_>, call: &Call<'a>, skip_me: bool) -> Result<Self> {
        let mut filter = Filter { skip_me, ..Filter::default() };
        let mut at = 2;
        while let Some(option) = call.get(at) {
            let (negative, name) = match option.split_at_checked(4) {
                Some((not, rest)) if not.eq_ignore_ascii_case(b"NOT-") => (true, rest),
                _ => (false, option),
            };
            let traits = if negative { &mut filter.unwanted } else { &mut filter.wanted };
            if name.eq_ignore_ascii_case(b"ID") {
                at = parse_ids(call, at + 1, traits.ids.get_or_insert_default())?;
                continue;
            }
            let value = call.get(at + 1).ok_or(Error::Syntax)?;
            if !traits.parse(control, name, value, negative)? {
                filter.parse_rest(option, value)?;
            }
            at += 2;
        }
        Ok(filter)
    }

    /// The filters that have no opposite.
    fn parse_rest(&mut self, option: &[u8], value: &[u8]) -> Result<()> {
        match option.to_ascii_uppercase().as_slice() {
            b"MAXAGE" => self.age_seconds = Some(seconds(value, "maxage")?),
            b"IDLE" => self.idle_seconds = Some(seconds(value, "idle")?),
            b"SKIPME" if value.eq_ignore_ascii_case(b"YES") => self.skip_me = true,
            b"SKIPME" if value.eq_ignore_ascii_case(b"NO") => self.skip_me = false,
            _ => return Err(Error::Syntax),
        }
        Ok(())
    }

    /// Whether it takes a connection. `caller` is the id of the one that asks.
    pub fn takes(&self, session: &Session, caller: u64, now: UnixMs) -> bool {
        let is_skipped = self.skip_me && session.id == caller;
        let is_too_young = self.age_seconds.is_some_and(|age| session.age_seconds(now) < age);
        let is_too_busy = self.idle_seconds.is_some_and(|idle| session.idle_seconds(now) < idle);
        let has_all = self.wanted.checks(session).into_iter().flatten().all(|holds| holds);
        let has_unwanted = self.unwanted.checks(session).into_iter().flatten().any(|holds| holds);
        !is_skipped && !is_too_young && !is_too_busy && has_all && !has_unwanted
    }
}

impl<'a> Traits<'a> {
    /// Takes one option, or says that it has none of this name.
    fn parse(
        &mut self,
        control: &Control<'_>,
        name: &[u8],
        value: &'a [u8],
        negative: bool,
    ) -> Result<bool> {
        match name.to_ascii_uppercase().as_slice() {
            b"TYPE" => self.kind = Some(kind(value)?),
            b"USER" if value == b"default" => self.user = Some(value),
            b"USER" => {
                let user = c_text(value);
                return Err(Error::owned(format!("ERR No such user '{user}'")));
            }
            b"ADDR" => self.address = Some(value),
            b"LADDR" => self.local_address = Some(value),
            b"IP" => self.ip = Some(value),
            b"NAME" => self.name = Some(value),
            b"LIB-NAME" => self.library_name = Some(value),
            b"LIB-VER" => self.library_version = Some(value),
            b"DB" => self.db = Some(database(control, value, negative)?),
            b"FLAGS" => self.flags = Some(letters(value, FLAGS, "flags", negative)?),
            b"CAPA" => self.capabilities = Some(letters(value, CAPABILITIES, "capa", negative)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// For each trait that is given, whether a connection has it.
    fn checks(&self, session: &Session) -> [Option<bool>; 12] {
        let named = |wanted: Option<&[u8]>, name: &[u8]| {
            // No name is not an empty name.
            wanted.map(|wanted| !name.is_empty() && wanted == name)
        };
        let has_all = |wanted: Option<&[u8]>, letters: &str| {
            wanted.map(|wanted| wanted.iter().all(|letter| letters.as_bytes().contains(letter)))
        };
        let ip = session.address.map(|address| address.ip().to_string()).unwrap_or_default();
        [
            self.ids.as_ref().map(|ids| ids.contains(&session.id)),
            self.kind.map(|kind| kind == Kind::Normal),
            self.user.map(|user| user == session.user().as_bytes()),
            self.address.map(|address| address == session.address_text().as_bytes()),
            self.local_address.map(|address| address == session.local_address_text().as_bytes()),
            self.ip.map(|wanted| wanted == ip.as_bytes()),
            named(self.name, &session.name),
            named(self.library_name, &session.library_name),
            named(self.library_version, &session.library_version),
            self.db.map(|db| db == session.db.0),
            has_all(self.flags, &session.flags()),
            has_all(self.capabilities, session.capabilities()),
        ]
    }
}

/// Reads ids from `at` on, up to the first argument that is no number; gives the position after
/// them.
fn parse_ids(call: &Call<'_>, mut at: usize, ids: &mut Vec<u64>) -> Result<usize> {
    // Redis asks for a value only where the option stands alone.
    if call.len() < 4 {
        return Err(Error::Syntax);
    }
    while let Some(id) = call.get(at).and_then(number::parse_i64) {
        let id = u64::try_from(id).ok().filter(|id| *id > 0);
        ids.push(id.ok_or(Error::text("ERR client-id should be greater than 0"))?);
        at += 1;
    }
    Ok(at)
}

fn kind(name: &[u8]) -> Result<Kind> {
    match name.to_ascii_uppercase().as_slice() {
        b"NORMAL" => Ok(Kind::Normal),
        b"MASTER" | b"PRIMARY" => Ok(Kind::Primary),
        b"SLAVE" | b"REPLICA" => Ok(Kind::Replica),
        b"PUBSUB" => Ok(Kind::Pubsub),
        _ => {
            let name = c_text(name);
            Err(Error::owned(format!("ERR Unknown client type '{name}'")))
        }
    }
}

fn seconds(value: &[u8], option: &str) -> Result<u64> {
    let seconds = number::parse_i64(value)
        .ok_or_else(|| Error::owned(format!("ERR {option} is not an integer or out of range")))?;
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| Error::owned(format!("ERR {option} should be greater than 0")))
}

fn database(control: &Control<'_>, value: &[u8], negative: bool) -> Result<u16> {
    let option = if negative { "NOT-DB" } else { "DB" };
    let index = number::parse_i64(value)
        .ok_or_else(|| Error::owned(format!("ERR {option} is not an integer or out of range")))?;
    let last = control.databases() - 1;
    let db = u16::try_from(index).ok().filter(|db| usize::from(*db) <= last);
    db.ok_or_else(|| Error::owned(format!("ERR {option} number should be between 0 and {last}")))
}

/// Checks that a filter has only letters that a connection could have.
fn letters<'a>(value: &'a [u8], known: &[u8], what: &str, negative: bool) -> Result<&'a [u8]> {
    if value.iter().all(|letter| known.contains(letter)) {
        return Ok(value);
    }
    let filter = if negative { format!("NOT-{}", what.to_uppercase()) } else { "provided".into() };
    let value = c_text(value);
    Err(Error::owned(format!("ERR Unknown {what} found in the {filter} filter: {value}")))
}
