//! The table: every entry found by name, with what is derived from it.
//!
//! Derived once at the first use: arity from the syntax, the first key's position from the key
//! specs, the full name of a subcommand, a dense index for statistics. A name is looked up by its
//! ends and its length, without allocating, in whatever case it comes; once a request, outside the
//! lock. `derived` has what only COMMAND and the tests ask for.

use super::{
    Command, Flag, Handler, Keys, bitmap, cluster, connection, geo, hash, hyperloglog, introspect,
    keys, list, server, set, stream, string, syntax, zset,
};
use std::ops::Deref;
use std::sync::LazyLock;

/// All entries, group by group. A new group's file is listed here.
const GROUPS: &[&[Command]] = &[
    string::COMMANDS,
    set::COMMANDS,
    hash::COMMANDS,
    stream::COMMANDS,
    bitmap::COMMANDS,
    hyperloglog::COMMANDS,
    keys::COMMANDS,
    list::COMMANDS,
    zset::COMMANDS,
    geo::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
    cluster::COMMANDS,
    introspect::COMMANDS,
];

/// An entry with what follows from it.
#[derive(Debug)]
pub struct Resolved {
    /// The entry.
    pub entry: &'static Command,
    /// `client|getname` for a subcommand, else the name.
    pub full_name: &'static str,
    /// The container of a subcommand.
    pub parent: Option<&'static Command>,
    /// Redis' arity: positive exact, negative at least; the name (and the container's) counts.
    pub arity: i32,
    /// Position of the first key, 0 if there is none that is known before the arguments are read.
    pub first_key: usize,
    /// Dense number for statistics.
    pub index: usize,
    /// Whether a call with few arguments takes about as long as any other: those share their looks
    /// at the clock.
    pub is_quick: bool,
    /// A container's subcommands.
    pub subcommands: Vec<Resolved>,
}

impl Deref for Resolved {
    type Target = Command;

    #[inline]
    fn deref(&self) -> &Command {
        self.entry
    }
}

impl Resolved {
    /// Whether so many arguments fit.
    #[inline]
    pub fn takes(&self, arguments: usize) -> bool {
        match usize::try_from(self.arity) {
            Ok(exact) => arguments == exact,
            Err(_) => arguments >= self.arity.unsigned_abs() as usize,
        }
    }

    /// Its subcommand with this name, in any case. The longest lists have some thirty, and a wrong
    /// length is seen at once.
    #[inline]
    pub fn subcommand(&self, name: &[u8]) -> Option<&Resolved> {
        let mut subcommands = self.subcommands.iter();
        subcommands.find(|subcommand| name.eq_ignore_ascii_case(subcommand.name.as_bytes()))
    }

    /// Whether it is a container, which does nothing by itself.
    pub fn is_container(&self) -> bool {
        matches!(self.handler, Handler::Container)
    }
}

/// What a request's first arguments name.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// A command.
    Command(&'static Resolved),
    /// A command with subcommands, of which none has this name. (COMMAND works without one, but not
    /// with any.)
    UnknownSubcommand(&'static Resolved),
    /// Nothing.
    Unknown,
}

/// Finds the command that `arguments` name.
#[inline]
pub fn find(arguments: &[&[u8]]) -> Found {
    let Some(command) = arguments.first().and_then(|name| TABLE.find(name)) else {
        return Found::Unknown;
    };
    if command.subcommands.is_empty() {
        return Found::Command(command);
    }
    let Some(name) = arguments.get(1) else { return Found::Command(command) };
    match command.subcommand(name) {
        Some(subcommand) => Found::Command(subcommand),
        None => Found::UnknownSubcommand(command),
    }
}

/// All commands (subcommands inside their containers), in the order of the groups.
pub fn all() -> &'static [Resolved] {
    &TABLE.commands
}

/// How many dense numbers there are.
pub fn indexes() -> usize {
    TABLE.indexes
}

/// The command or subcommand with this full name, in any case (`get`, `client|list`).
pub fn by_full_name(name: &[u8]) -> Option<&'static Resolved> {
    match name.iter().position(|byte| *byte == b'|') {
        None => TABLE.find(name),
        Some(bar) => TABLE.find(&name[..bar])?.subcommand(&name[bar + 1..]),
    }
}

/// The command or subcommand with this dense number.
pub fn by_index(index: usize) -> Option<&'static Resolved> {
    let every = all().iter().flat_map(|one| std::iter::once(one).chain(&one.subcommands));
    every.into_iter().find(|command| command.index == index)
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// Slots of the name index: a power of two, several times the 257 commands that Valkey has.
const SLOTS: usize = 2048;
/// Filled slots at most, so that a search finds its name or a free slot within a few steps.
const FILLED_MAX: usize = SLOTS / 2;

struct Table {
    commands: Vec<Resolved>,
    indexes: usize,
    /// Open addressing: index into `commands` plus one; 0 is a free slot, and there are always
    /// some.
    slots: Box<[u16; SLOTS]>,
}

impl Table {
    fn build() -> Self {
        let mut indexes = 0;
        let entries = GROUPS.iter().copied().flatten();
        let commands: Vec<_> = entries.map(|entry| resolve(entry, None, &mut indexes)).collect();
        assert!(commands.len() <= FILLED_MAX, "the name index is too small: enlarge SLOTS");
        let mut slots = Box::new([0; SLOTS]);
        for (number, command) in (1u16..).zip(&commands) {
            let mut slot = slot_of(command.name.as_bytes());
            while slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = number;
        }
        Table { commands, indexes, slots }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<&Resolved> {
        let mut slot = slot_of(name);
        loop {
            // A free slot ends the search; `build` leaves half of them free.
            let command = self.commands.get(usize::from(self.slots[slot]).checked_sub(1)?)?;
            if name.eq_ignore_ascii_case(command.name.as_bytes()) {
                return Some(command);
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// A slot from a name's length, its first and its last eight bytes (of a short name they overlap),
/// with the case bit set. Fixed-size pieces, so that nothing is called for a copy.
#[inline]
fn slot_of(name: &[u8]) -> usize {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let (head, tail) = if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)))
    } else {
        let byte = |n: usize| u64::from(name.get(n).copied().unwrap_or_default());
        (byte(0) | byte(1) << 8 | byte(2) << 16, 0)
    };
    let folded = (head | CASE) ^ (tail | CASE).rotate_left(29) ^ name.len() as u64;
    // The upper bits of a product depend on all bits of the factor.
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 53) as usize % SLOTS
}

/// An entry with what follows from it; `indexes` counts the dense numbers.
pub(crate) fn resolve(
    entry: &'static Command,
    parent: Option<&'static Command>,
    indexes: &mut usize,
) -> Resolved {
    let index = *indexes;
    *indexes += 1;
    let full_name = match parent {
        None => entry.name,
        // Once per process and subcommand: names live as long as the table.
        Some(parent) => Box::leak(format!("{}|{}", parent.name, entry.name).into_boxed_str()),
    };
    let mut subcommands = Vec::new();
    for subcommand in entry.subcommands {
        subcommands.push(resolve(subcommand, Some(entry), indexes));
    }
    let arity = entry.arity.unwrap_or_else(|| {
        if matches!(entry.handler, Handler::Container) {
            return -2;
        }
        syntax::arity(entry.syntax, if parent.is_some() { 2 } else { 1 })
    });
    let first_key = match entry.keys.first() {
        Some(Keys::One(at, _) | Keys::From(at, _, _) | Keys::Range(at, _, _, _)) => *at,
        Some(Keys::Counted(..) | Keys::Keyword(..) | Keys::Unknown(_)) | None => 0,
    };
    let is_quick = match entry.handler {
        Handler::Control(_) => entry.flags.contains(&Flag::Fast),
        _ => ["O(1)", "O(log(N))"].iter().any(|cost| entry.complexity.starts_with(cost)),
    };
    Resolved { entry, full_name, parent, arity, first_key, index, is_quick, subcommands }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Every command and subcommand.
    fn every() -> impl Iterator<Item = &'static Resolved> {
        all().iter().flat_map(|command| std::iter::once(command).chain(&command.subcommands))
    }

    fn words(command: &Resolved, upper: bool) -> Vec<Vec<u8>> {
        let name = if upper { command.full_name.to_uppercase() } else { command.full_name.into() };
        name.split('|').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn found(arguments: &[Vec<u8>]) -> Found {
        find(&arguments.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn every_name_is_found_in_any_case() {
        for command in every() {
            let mut spellings = vec![words(command, false), words(command, true)];
            let mut mixed = words(command, false);
            mixed.iter_mut().for_each(|word| word[0].make_ascii_uppercase());
            spellings.push(mixed);
            for arguments in spellings {
                let Found::Command(one) = found(&arguments) else {
                    panic!("{arguments:?} is not found");
                };
                assert!(std::ptr::eq(one, command), "{}", command.full_name);
            }
            let by_name = by_full_name(command.full_name.to_uppercase().as_bytes());
            assert!(by_name.is_some_and(|one| std::ptr::eq(one, command)));
        }
    }

    #[test]
    fn names_and_indexes_are_unique_and_dense() {
        let names: HashSet<_> = every().map(|command| command.full_name).collect();
        let mut numbers: Vec<_> = every().map(|command| command.index).collect();
        numbers.sort_unstable();
        assert_eq!(names.len(), numbers.len());
        assert_eq!(numbers, (0..indexes()).collect::<Vec<_>>());
        assert!(names.iter().all(|name| !name.contains(|c: char| c.is_ascii_uppercase())));
    }

    #[test]
    fn unknown_names_are_unknown() {
        let long = [b'g'; 5000];
        let unknown: &[&[u8]] =
            &[b"", b"g", b"ge", b"getx", b"ge\x14", b"@et", b"get\0", b"g\xc5t", &long];
        for name in unknown {
            assert!(matches!(find(&[name, b"x"]), Found::Unknown), "{name:?}");
            assert!(by_full_name(name).is_none());
        }
        // Every one-byte change of a name that is no change of case.
        for command in all() {
            for at in 0..command.name.len() {
                let mut name = command.name.as_bytes().to_vec();
                name[at] ^= 0x40;
                assert!(matches!(find(&[&name]), Found::Unknown), "{name:?}");
            }
        }
        assert!(matches!(find(&[]), Found::Unknown));
    }

    #[test]
    fn a_subcommand_that_does_not_exist_is_told_from_a_missing_one() {
        for name in [b"CLIENT".as_slice(), b"COMMAND", b"cluster", b"Module"] {
            assert!(matches!(find(&[name]), Found::Command(_)));
            assert!(matches!(find(&[name, b"nosuch"]), Found::UnknownSubcommand(_)));
            assert!(matches!(find(&[name, b""]), Found::UnknownSubcommand(_)));
        }
        assert!(by_full_name(b"client|nosuch").is_none());
        assert!(by_full_name(b"ping|list").is_none());
        assert!(by_full_name(b"client|").is_none());
    }

    #[test]
    fn the_index_keeps_searches_short() {
        let longest = TABLE.slots.split(|slot| *slot == 0).map(<[u16]>::len).max();
        assert!(longest.is_some_and(|run| run <= 8), "{longest:?}");
    }

    #[test]
    fn arity_counts_the_names() {
        let get = by_full_name(b"client|getname").unwrap();
        assert!(get.takes(2) && !get.takes(1) && !get.takes(3));
        let list = by_full_name(b"client|list").unwrap();
        assert!(list.takes(2) && list.takes(9) && !list.takes(1));
        assert!(
            by_full_name(b"client").is_some_and(|client| client.is_container() && !client.takes(1))
        );
    }
}
