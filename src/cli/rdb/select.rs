//! Which keys a tool looks at, and what it had to leave out.

use crate::base::glob;
use crate::keyspace::value::Type;
use crate::rdb::stream::{Id, Pair};
use crate::rdb::visit::{
    ConsumerHead, GroupHead, IdempotencyHead, LeftOut, Message, PendingEntry, ReleasedEntry,
    StreamEnd, Visitor, Want,
};
use crate::rdb::{Entry, Refused, Version};
use crate::types::packed::Element;
use clap::{Args, ValueEnum};

/// The options that choose keys.
#[derive(Debug, Default, Clone, Args)]
pub struct Selection {
    /// Only keys that match this glob pattern, as of KEYS and SCAN
    #[arg(long = "match", value_name = "PATTERN")]
    pub pattern: Option<String>,

    /// Only keys of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub only_type: Option<TypeName>,

    /// Only keys of this database
    #[arg(long, value_name = "N")]
    pub db: Option<u64>,
}

/// A type's name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TypeName {
    /// Strings.
    String,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Hashes.
    Hash,
    /// Sorted sets.
    Zset,
    /// Streams.
    Stream,
}

impl TypeName {
    fn is(self, value_type: Type) -> bool {
        matches!(
            (self, value_type),
            (TypeName::String, Type::String)
                | (TypeName::List, Type::List)
                | (TypeName::Set, Type::Set)
                | (TypeName::Hash, Type::Hash)
                | (TypeName::Zset, Type::Zset)
                | (TypeName::Stream, Type::Stream)
        )
    }
}

impl Selection {
    /// Whether a key is chosen.
    pub fn takes(&self, db: u64, key: &[u8], value_type: Type) -> bool {
        self.names(db, key) && self.only_type.is_none_or(|only| only.is(value_type))
    }

    /// Whether a key of a type without a name may be chosen.
    fn names(&self, db: u64, key: &[u8]) -> bool {
        self.db.is_none_or(|only| only == db)
            && self.pattern.as_ref().is_none_or(|glob| glob::matches(glob.as_bytes(), key))
    }

    /// Whether every key is chosen.
    pub fn takes_all(&self) -> bool {
        self.pattern.is_none() && self.only_type.is_none() && self.db.is_none()
    }
}

/// Hands on the chosen keys, and remembers what was left out.
pub struct Select<'v> {
    selection: &'v Selection,
    inner: &'v mut dyn Visitor,
    /// What was left out.
    pub left: Omitted,
}

/// What was left out of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Omitted {
    /// How many things.
    pub count: u64,
    /// The first of them, for people.
    pub examples: Vec<String>,
}

/// So many things left out are told in words.
const EXAMPLES: usize = 10;

impl Omitted {
    /// One more thing.
    pub fn add(&mut self, text: String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }

    /// What another had to leave out, too.
    pub fn append(&mut self, other: Omitted) {
        self.count += other.count;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }
}

impl<'v> Select<'v> {
    /// Hands on to `inner` what `selection` takes.
    pub fn new(selection: &'v Selection, inner: &'v mut dyn Visitor) -> Select<'v> {
        Select { selection, inner, left: Omitted::default() }
    }
}

impl Visitor for Select<'_> {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        self.inner.aux(name, value)
    }

    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        if self.selection.takes_all() { self.inner.function(code) } else { Ok(()) }
    }

    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused> {
        if self.selection.takes(entry.db, entry.key, value_type) {
            return self.inner.key(entry, value_type);
        }
        Ok(Want::Nothing)
    }

    fn raw(&mut self, version: Version, number: u8, bytes: &[u8]) -> Result<(), Refused> {
        self.inner.raw(version, number, bytes)
    }

    #[inline]
    fn element(&mut self, element: Element<'_>) -> Result<(), Refused> {
        self.inner.element(element)
    }

    #[inline]
    fn field(
        &mut self,
        name: Element<'_>,
        value: Element<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), Refused> {
        self.inner.field(name, value, expiry_ms)
    }

    #[inline]
    fn scored(&mut self, member: Element<'_>, score: f64) -> Result<(), Refused> {
        self.inner.scored(member, score)
    }

    fn entry(&mut self, id: Id, fields: &[Pair<'_>]) -> Result<(), Refused> {
        self.inner.entry(id, fields)
    }

    fn stream(&mut self, facts: &StreamEnd) -> Result<(), Refused> {
        self.inner.stream(facts)
    }

    fn group(&mut self, group: &GroupHead<'_>) -> Result<(), Refused> {
        self.inner.group(group)
    }

    fn consumer(&mut self, consumer: &ConsumerHead<'_>) -> Result<(), Refused> {
        self.inner.consumer(consumer)
    }

    fn pending(&mut self, pending: &PendingEntry) -> Result<(), Refused> {
        self.inner.pending(pending)
    }

    fn released(&mut self, released: &ReleasedEntry) -> Result<(), Refused> {
        self.inner.released(released)
    }

    fn idempotency(&mut self, settings: &IdempotencyHead) -> Result<(), Refused> {
        self.inner.idempotency(settings)
    }

    fn message(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        self.inner.message(message)
    }

    fn idempotency_end(&mut self, added: u64, duplicates: u64) -> Result<(), Refused> {
        self.inner.idempotency_end(added, duplicates)
    }

    fn end(&mut self, bytes: u64) -> Result<(), Refused> {
        self.inner.end(bytes)
    }

    fn left_out(&mut self, what: &LeftOut<'_>) -> Result<(), Refused> {
        let LeftOut { entry, what: name } = what;
        if !self.selection.names(entry.db, entry.key) {
            return Ok(());
        }
        let key = entry.key.escape_ascii();
        self.left.add(format!("key \"{key}\" in database {}: {name}", entry.db));
        self.inner.left_out(what)
    }
}
