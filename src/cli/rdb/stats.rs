//! What a file holds in numbers: by type, by prefix, the largest keys, the expiries.
//!
//! A key's bytes are those of its name and of its value as the file has it: compressed, and without
//! what a server spends on it in memory.

use super::words::json;
use crate::base::clock::UnixMs;
use crate::base::number::{human_bytes, parse_i64};
use crate::keyspace::value::Type;
use crate::rdb::stream::{Id, Pair};
use crate::rdb::visit::{
    ConsumerHead, GroupHead, IdempotencyHead, LeftOut, Message, PendingEntry, ReleasedEntry,
    StreamEnd, Visitor, Want,
};
use crate::rdb::{Entry, Refused};
use crate::types::packed::Element;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::fmt::Write as _;

/// Prefixes counted one by one; keys with others are counted together.
const PREFIXES_MAX: usize = 100_000;

/// The bounds of the histogram of expiries: what it is called, and the milliseconds below.
const EXPIRIES: &[(&str, u64)] = &[
    ("expired", 0),
    ("within a minute", 60_000),
    ("within an hour", 3_600_000),
    ("within a day", 86_400_000),
    ("within a week", 604_800_000),
    ("within 30 days", 2_592_000_000),
    ("within a year", 31_536_000_000),
    ("later", u64::MAX),
];

/// A count of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    keys: u64,
    bytes: u64,
    elements: u64,
}

impl Tally {
    fn add(&mut self, bytes: u64, elements: u64) {
        self.keys += 1;
        self.bytes += bytes;
        self.elements += elements;
    }

    fn json(&self) -> Value {
        json!({ "keys": self.keys, "bytes": self.bytes, "elements": self.elements })
    }
}

/// A key among the largest, ordered by bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Large {
    bytes: u64,
    elements: u64,
    db: u64,
    key: Vec<u8>,
    value_type: &'static str,
}

/// Counts keys.
pub struct Stats {
    now: UnixMs,
    separator: Vec<u8>,
    /// How many of the largest keys, and of the prefixes, are shown.
    top: usize,
    aux: Vec<(String, String)>,
    functions: u64,
    left_out: BTreeMap<&'static str, u64>,
    all: Tally,
    types: BTreeMap<&'static str, Tally>,
    databases: BTreeMap<u64, Tally>,
    prefixes: HashMap<Vec<u8>, Tally>,
    other_prefixes: Tally,
    largest: BinaryHeap<Reverse<Large>>,
    expiries: Vec<u64>,
    without_expiry: u64,
    current: Current,
}

/// The key under way.
#[derive(Default)]
struct Current {
    db: u64,
    key: Vec<u8>,
    value_type: Option<Type>,
    elements: u64,
}

impl Stats {
    /// Expiries count from the file's own time (`ctime`), or from `now` if it has none. A key's
    /// prefix ends before the first `separator`.
    pub fn new(now: UnixMs, separator: &str, top: usize) -> Stats {
        Stats {
            now,
            separator: separator.as_bytes().to_vec(),
            top,
            aux: Vec::new(),
            functions: 0,
            left_out: BTreeMap::new(),
            all: Tally::default(),
            types: BTreeMap::new(),
            databases: BTreeMap::new(),
            prefixes: HashMap::new(),
            other_prefixes: Tally::default(),
            largest: BinaryHeap::new(),
            expiries: vec![0; EXPIRIES.len()],
            without_expiry: 0,
            current: Current::default(),
        }
    }

    fn prefix_of<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let found = memchr::memmem::find(key, &self.separator);
        found.filter(|_| !self.separator.is_empty()).map_or(b"", |at| &key[..at])
    }

    /// The prefixes with most bytes first; those that are not shown are one.
    fn top_prefixes(&self) -> (Vec<(&Vec<u8>, Tally)>, Tally) {
        let mut all: Vec<_> = self.prefixes.iter().map(|(name, tally)| (name, *tally)).collect();
        all.sort_by(|(a, x), (b, y)| y.bytes.cmp(&x.bytes).then(a.cmp(b)));
        let mut other = self.other_prefixes;
        for (_, tally) in all.drain(self.top.min(all.len())..) {
            other.keys += tally.keys;
            other.bytes += tally.bytes;
            other.elements += tally.elements;
        }
        (all, other)
    }

    fn largest(&self) -> Vec<&Large> {
        let mut all: Vec<&Large> = self.largest.iter().map(|Reverse(large)| large).collect();
        all.sort_by(|a, b| b.cmp(a));
        all
    }

    /// All of it as one JSON document.
    pub fn json(&self) -> Value {
        let text = |bytes: &[u8]| {
            let mut out = Vec::new();
            json(&mut out, bytes);
            serde_json::from_slice::<Value>(&out).unwrap_or(Value::Null)
        };
        let named = |tallies: &mut dyn Iterator<Item = (String, Tally)>| {
            tallies.map(|(name, tally)| (name, tally.json())).collect::<Map<_, _>>()
        };
        let (prefixes, other) = self.top_prefixes();
        let prefixes: Vec<Value> = prefixes
            .into_iter()
            .map(|(name, tally)| {
                let mut row = tally.json();
                row["prefix"] = text(name);
                row
            })
            .collect();
        let largest: Vec<Value> = self
            .largest()
            .into_iter()
            .map(|large| {
                json!({
                    "db": large.db, "key": text(&large.key), "type": large.value_type,
                    "bytes": large.bytes, "elements": large.elements,
                })
            })
            .collect();
        let expiries: Vec<Value> = EXPIRIES
            .iter()
            .zip(&self.expiries)
            .map(|((name, below), keys)| json!({ "when": name, "below_ms": below, "keys": keys }))
            .collect();
        json!({
            "aux": self.aux.iter().cloned().collect::<BTreeMap<_, _>>(),
            "functions": self.functions,
            "left_out": self.left_out,
            "all": self.all.json(),
            "types": named(&mut self.types.iter().map(|(name, tally)| ((*name).into(), *tally))),
            "databases": named(&mut self.databases.iter().map(|(db, t)| (db.to_string(), *t))),
            "prefixes": prefixes,
            "other_prefixes": other.json(),
            "largest": largest,
            "expiries": expiries,
            "without_expiry": self.without_expiry,
        })
    }

    /// All of it as tables.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.aux {
            line(&mut out, &format!("{name}: {value}"));
        }
        let head = format!("\n{:24} {:>12} {:>12} {:>14}", "TYPE", "KEYS", "BYTES", "ELEMENTS");
        line(&mut out, &head);
        for (name, tally) in &self.types {
            row(&mut out, name, tally);
        }
        row(&mut out, "all", &self.all);
        if self.databases.len() > 1 {
            line(&mut out, "\nDATABASE");
            for (db, tally) in &self.databases {
                row(&mut out, &db.to_string(), tally);
            }
        }
        let (prefixes, other) = self.top_prefixes();
        line(&mut out, &format!("\nPREFIX (up to \"{}\")", self.separator.escape_ascii()));
        for (name, tally) in prefixes {
            let name = if name.is_empty() { "(none)".into() } else { shown(name) };
            row(&mut out, &name, &tally);
        }
        if other.keys > 0 {
            row(&mut out, "(others)", &other);
        }
        line(&mut out, "\nLARGEST KEYS");
        for large in self.largest() {
            let Large { bytes, elements, db, key, value_type } = large;
            let size = human_bytes(*bytes);
            line(
                &mut out,
                &format!("{size:>10} {elements:>12} {value_type:6} db {db} {}", shown(key)),
            );
        }
        line(&mut out, &format!("\n{:24} {:>12}", "EXPIRY", "KEYS"));
        line(&mut out, &format!("{:24} {:>12}", "never", self.without_expiry));
        for ((name, _), keys) in EXPIRIES.iter().zip(&self.expiries) {
            line(&mut out, &format!("{name:24} {keys:>12}"));
        }
        if self.functions > 0 {
            line(&mut out, &format!("\nfunction libraries: {}", self.functions));
        }
        for (name, count) in &self.left_out {
            line(&mut out, &format!("\nnot understood: {count} ({name})"));
        }
        out
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn row(out: &mut String, name: &str, tally: &Tally) {
    let Tally { keys, bytes, elements } = tally;
    let bytes = human_bytes(*bytes);
    // Writing to a string does not fail.
    let _written = writeln!(out, "{name:24} {keys:>12} {bytes:>12} {elements:>14}");
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

impl Visitor for Stats {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        if name == b"ctime"
            && let Some(seconds) = parse_i64(value).and_then(|time| u64::try_from(time).ok())
        {
            self.now = UnixMs(seconds.saturating_mul(1000));
        }
        self.aux.push((shown(name), shown(value)));
        Ok(())
    }

    fn function(&mut self, _code: &[u8]) -> Result<(), Refused> {
        self.functions += 1;
        Ok(())
    }

    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused> {
        match entry.expiry_ms {
            None => self.without_expiry += 1,
            Some(at) => {
                let left = at.saturating_sub(self.now.0);
                let bin = EXPIRIES.iter().position(|(_, below)| left <= *below).unwrap_or_default();
                self.expiries[bin] += 1;
            }
        }
        let current = &mut self.current;
        current.key.clear();
        current.key.extend_from_slice(entry.key);
        (current.db, current.value_type, current.elements) = (entry.db, Some(value_type), 0);
        Ok(Want::Pieces)
    }

    fn element(&mut self, _element: Element<'_>) -> Result<(), Refused> {
        self.current.elements += 1;
        Ok(())
    }

    fn field(&mut self, _: Element<'_>, _: Element<'_>, _: Option<u64>) -> Result<(), Refused> {
        self.current.elements += 1;
        Ok(())
    }

    fn scored(&mut self, _member: Element<'_>, _score: f64) -> Result<(), Refused> {
        self.current.elements += 1;
        Ok(())
    }

    fn entry(&mut self, _id: Id, _fields: &[Pair<'_>]) -> Result<(), Refused> {
        self.current.elements += 1;
        Ok(())
    }

    fn stream(&mut self, _facts: &StreamEnd) -> Result<(), Refused> {
        Ok(())
    }

    fn group(&mut self, _group: &GroupHead<'_>) -> Result<(), Refused> {
        Ok(())
    }

    fn consumer(&mut self, _consumer: &ConsumerHead<'_>) -> Result<(), Refused> {
        Ok(())
    }

    fn pending(&mut self, _pending: &PendingEntry) -> Result<(), Refused> {
        Ok(())
    }

    fn released(&mut self, _released: &ReleasedEntry) -> Result<(), Refused> {
        Ok(())
    }

    fn idempotency(&mut self, _settings: &IdempotencyHead) -> Result<(), Refused> {
        Ok(())
    }

    fn message(&mut self, _message: &Message<'_>) -> Result<(), Refused> {
        Ok(())
    }

    fn idempotency_end(&mut self, _added: u64, _duplicates: u64) -> Result<(), Refused> {
        Ok(())
    }

    fn end(&mut self, bytes: u64) -> Result<(), Refused> {
        let current = std::mem::take(&mut self.current);
        let bytes = bytes + current.key.len() as u64;
        let name = current.value_type.map_or("", Type::name);
        let elements = current.elements;
        self.all.add(bytes, elements);
        self.types.entry(name).or_default().add(bytes, elements);
        self.databases.entry(current.db).or_default().add(bytes, elements);
        let prefix = self.prefix_of(&current.key);
        let is_full = self.prefixes.len() >= PREFIXES_MAX;
        match self.prefixes.get_mut(prefix) {
            Some(tally) => tally.add(bytes, elements),
            None if !is_full => {
                self.prefixes.insert(prefix.to_vec(), Tally { keys: 1, bytes, elements });
            }
            None => self.other_prefixes.add(bytes, elements),
        }
        let least = self.largest.peek().map_or(0, |Reverse(least)| least.bytes);
        if self.largest.len() < self.top || bytes > least {
            let (db, key) = (current.db, current.key.clone());
            self.largest.push(Reverse(Large { bytes, elements, db, key, value_type: name }));
            if self.largest.len() > self.top {
                self.largest.pop();
            }
        }
        // Its memory is used for the next key.
        self.current = current;
        Ok(())
    }

    fn left_out(&mut self, what: &LeftOut<'_>) -> Result<(), Refused> {
        *self.left_out.entry(what.what).or_default() += 1;
        Ok(())
    }
}
