//! The table: every entry found by name, with what is derived from it.
//!
//! Derived once at the first use: arity from the syntax, the first key's position from the key specs, the full name
//! of a subcommand, a dense index for statistics. A name is looked up by its first eight bytes and its length,
//! without allocating, in whatever case it comes.

use super::{Command, Handler, Keys, cluster, connection, introspect, keys, server, string};
use std::ops::Deref;
use std::sync::LazyLock;

/// All entries, group by group. A new group's file is listed here.
const GROUPS: &[&[Command]] = &[
    string::COMMANDS,
    keys::COMMANDS,
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
    /// A container whose subcommand does not exist.
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
    let mut subcommands = command.subcommands.iter();
    match subcommands.find(|subcommand| name.eq_ignore_ascii_case(subcommand.name.as_bytes())) {
        Some(subcommand) => Found::Command(subcommand),
        None if command.is_container() => Found::UnknownSubcommand(command),
        None => Found::Command(command),
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
        Some(bar) => {
            let container = TABLE.find(&name[..bar])?;
            let rest = &name[bar + 1..];
            let mut subcommands = container.subcommands.iter();
            subcommands.find(|sub| rest.eq_ignore_ascii_case(sub.name.as_bytes()))
        }
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// Slots of the name index: a power of two, several times the number of commands.
const SLOTS: usize = 2048;

struct Table {
    commands: Vec<Resolved>,
    indexes: usize,
    /// Open addressing: index into `commands` plus one.
    slots: Box<[u16; SLOTS]>,
}

impl Table {
    fn build() -> Self {
        let mut indexes = 0;
        let entries = GROUPS.iter().copied().flatten();
        let commands: Vec<_> = entries.map(|entry| resolve(entry, None, &mut indexes)).collect();
        let mut slots = Box::new([0; SLOTS]);
        for (n, command) in commands.iter().enumerate() {
            let mut slot = slot_of(command.name.as_bytes());
            while slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = (n + 1) as u16;
        }
        Table { commands, indexes, slots }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<&Resolved> {
        let mut slot = slot_of(name);
        loop {
            let command = self.commands.get((self.slots[slot] as usize).checked_sub(1)?)?;
            if name.eq_ignore_ascii_case(command.name.as_bytes()) {
                return Some(command);
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// A slot from a name's length and its first eight bytes with the case bit set.
#[inline]
fn slot_of(name: &[u8]) -> usize {
    let mut head = [0u8; 8];
    let taken = name.len().min(8);
    head[..taken].copy_from_slice(&name[..taken]);
    let folded = u64::from_le_bytes(head) | 0x2020_2020_2020_2020;
    let mixed = (folded ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 53) as usize % SLOTS
}

fn resolve(
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
        arity_of(entry.syntax, if parent.is_some() { 2 } else { 1 })
    });
    let first_key = match entry.keys.first() {
        Some(Keys::One(at, _) | Keys::From(at, _, _) | Keys::Range(at, _, _, _)) => *at,
        Some(Keys::Counted(..)) | None => 0,
    };
    Resolved { entry, full_name, parent, arity, first_key, index, subcommands }
}

/// The arity that a syntax gives: `names` words of name, plus the required ones; negative once anything is
/// optional or repeated. A choice `<A x | B>` counts its shortest branch.
pub fn arity_of(syntax: &str, names: i32) -> i32 {
    let tokens: Vec<&str> = syntax.split_whitespace().collect();
    let spaced: Vec<String> = tokens.iter().flat_map(|token| split_brackets(token)).collect();
    let mut at = 0;
    let (required, variable) = required_of(&spaced, &mut at, None);
    let total = names + required;
    if variable { -total } else { total }
}

/// Splits brackets off a word: `[key` gives `[`, `key`.
fn split_brackets(token: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in token.chars() {
        if "[]<>".contains(c) {
            parts.push(c.to_string());
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Counts the required words up to `close`: (how many, whether there is more).
fn required_of(tokens: &[String], at: &mut usize, close: Option<&str>) -> (i32, bool) {
    let (mut branches, mut count, mut variable) = (Vec::new(), 0, false);
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token.as_str() {
            token if Some(token) == close => break,
            "[" => {
                required_of(tokens, at, Some("]"));
                variable = true;
            }
            "<" => {
                let (inner, more) = required_of(tokens, at, Some(">"));
                count += inner;
                variable |= more;
            }
            "|" => branches.push(std::mem::take(&mut count)),
            _ => count += 1,
        }
    }
    branches.push(count);
    let shortest = branches.iter().copied().min().unwrap_or(0);
    let longest = branches.iter().copied().max().unwrap_or(0);
    (shortest, variable || shortest != longest)
}
