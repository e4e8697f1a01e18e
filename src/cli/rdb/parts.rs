//! A value's parts by name, for telling where two values differ.

use crate::keyspace::value::Type;
use crate::rdb::stream::{Id, Pair};
use crate::rdb::visit::{
    ConsumerHead, GroupHead, IdempotencyHead, LeftOut, Message, PendingEntry, ReleasedEntry,
    StreamEnd, Visitor, Want,
};
use crate::rdb::{Entry, Refused};
use crate::types::packed::Element;
use std::collections::{BTreeMap, HashMap};

/// Parts of a value that are kept: of a larger one the rest is not compared in detail.
const PARTS_MAX: usize = 10_000;
/// Bytes of a part that are shown.
const SHOWN_BYTES: usize = 64;

/// A value's parts: what each is called, and its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    parts: BTreeMap<String, String>,
    /// Elements in all, kept or not.
    pub elements: u64,
}

impl Parts {
    /// Where this differs from `other`: at most `most` places in words, and how many more. None if
    /// that is beyond the parts that are kept.
    pub fn differences(&self, other: &Parts, most: usize) -> (Vec<String>, usize) {
        let absent = String::from("(absent)");
        let mut all = Vec::new();
        let names = self.parts.keys().chain(other.parts.keys());
        let names: std::collections::BTreeSet<&String> = names.collect();
        for name in names {
            let (a, b) = (self.parts.get(name), other.parts.get(name));
            if a != b {
                let (a, b) = (a.unwrap_or(&absent), b.unwrap_or(&absent));
                all.push(format!("{name}: {a} / {b}"));
            }
        }
        let more = all.len().saturating_sub(most);
        all.truncate(most);
        (all, more)
    }
}

/// Keeps the parts of chosen keys.
pub struct Details<'k> {
    wanted: &'k HashMap<(u64, Vec<u8>), usize>,
    /// By the numbers of `wanted`.
    pub found: HashMap<usize, Parts>,
    current: usize,
    parts: Parts,
    value_type: Type,
    group: String,
    consumer: String,
    /// Entries of the group that were released so far.
    released: u64,
}

fn shown(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_BYTES) {
        Some(begin) if bytes.len() > SHOWN_BYTES => {
            format!("\"{}\"... ({} bytes)", begin.escape_ascii(), bytes.len())
        }
        _ => format!("\"{}\"", bytes.escape_ascii()),
    }
}

fn element_shown(element: Element<'_>) -> String {
    element.with(shown)
}

impl<'k> Details<'k> {
    /// Keeps the parts of these keys.
    pub fn new(wanted: &'k HashMap<(u64, Vec<u8>), usize>) -> Details<'k> {
        Details {
            wanted,
            found: HashMap::new(),
            current: 0,
            parts: Parts::default(),
            value_type: Type::String,
            group: String::new(),
            consumer: String::new(),
            released: 0,
        }
    }

    fn keep(&mut self, name: impl FnOnce() -> String, content: impl FnOnce() -> String) {
        if self.parts.parts.len() < PARTS_MAX {
            self.parts.parts.insert(name(), content());
        }
    }
}

impl Visitor for Details<'_> {
    fn function(&mut self, _code: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused> {
        let Some(number) = self.wanted.get(&(entry.db, entry.key.to_vec())) else {
            return Ok(Want::Nothing);
        };
        (self.current, self.value_type) = (*number, value_type);
        self.parts = Parts::default();
        Ok(Want::Pieces)
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), Refused> {
        let index = self.parts.elements;
        self.parts.elements += 1;
        match self.value_type {
            Type::String => self.keep(|| "value".to_owned(), || element_shown(element)),
            Type::List => self.keep(|| format!("element {index}"), || element_shown(element)),
            _ => self.keep(|| format!("member {}", element_shown(element)), || "there".to_owned()),
        }
        Ok(())
    }

    fn field(
        &mut self,
        name: Element<'_>,
        value: Element<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), Refused> {
        self.parts.elements += 1;
        let content = || match expiry_ms {
            Some(ms) => format!("{}, expires at {ms}", element_shown(value)),
            None => element_shown(value),
        };
        self.keep(|| format!("field {}", element_shown(name)), content);
        Ok(())
    }

    fn scored(&mut self, member: Element<'_>, score: f64) -> Result<(), Refused> {
        self.parts.elements += 1;
        self.keep(|| format!("member {}", element_shown(member)), || score.to_string());
        Ok(())
    }

    fn entry(&mut self, id: Id, fields: &[Pair<'_>]) -> Result<(), Refused> {
        self.parts.elements += 1;
        let content = || {
            let pairs = fields
                .iter()
                .map(|(name, value)| format!("{} {}", element_shown(*name), element_shown(*value)));
            pairs.collect::<Vec<_>>().join(" ")
        };
        self.keep(|| format!("entry {}-{}", id.ms, id.seq), content);
        Ok(())
    }

    fn stream(&mut self, facts: &StreamEnd) -> Result<(), Refused> {
        let StreamEnd { last_id, max_deleted_id, entries_added, .. } = facts;
        self.keep(|| "last id".to_owned(), || format!("{}-{}", last_id.ms, last_id.seq));
        let deleted = || format!("{}-{}", max_deleted_id.ms, max_deleted_id.seq);
        self.keep(|| "greatest deleted id".to_owned(), deleted);
        self.keep(|| "entries added".to_owned(), || entries_added.to_string());
        Ok(())
    }

    fn group(&mut self, group: &GroupHead<'_>) -> Result<(), Refused> {
        self.group = format!("group {}", shown(group.name));
        self.released = 0;
        let name = self.group.clone();
        let content = || format!("last id {}-{}", group.last_id.ms, group.last_id.seq);
        self.keep(|| name, content);
        Ok(())
    }

    fn consumer(&mut self, consumer: &ConsumerHead<'_>) -> Result<(), Refused> {
        self.consumer = format!("{}, consumer {}", self.group, shown(consumer.name));
        let name = self.consumer.clone();
        self.keep(|| name, || "there".to_owned());
        Ok(())
    }

    fn pending(&mut self, pending: &PendingEntry) -> Result<(), Refused> {
        let PendingEntry { id, time_ms, count } = pending;
        let name = format!("{}, pending {}-{}", self.consumer, id.ms, id.seq);
        self.keep(|| name, || format!("{count} times, last at {time_ms}"));
        Ok(())
    }

    fn released(&mut self, released: &ReleasedEntry) -> Result<(), Refused> {
        self.released += 1;
        let (ReleasedEntry { id, count }, place) = (released, self.released);
        let name = format!("{}, given back {}-{}", self.group, id.ms, id.seq);
        self.keep(|| name, || format!("{count} times, in place {place}"));
        Ok(())
    }

    fn idempotency(&mut self, settings: &IdempotencyHead) -> Result<(), Refused> {
        let IdempotencyHead { duration_s, max_size } = settings;
        let content = || format!("{duration_s} s, {max_size} of a producer");
        self.keep(|| "idempotent ids are known".to_owned(), content);
        Ok(())
    }

    fn message(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        let Message { pid, iid, id } = *message;
        let name = || format!("producer {}, idempotent id {}", shown(pid), shown(iid));
        self.keep(name, || format!("entry {}-{}", id.ms, id.seq));
        Ok(())
    }

    fn idempotency_end(&mut self, _added: u64, _duplicates: u64) -> Result<(), Refused> {
        Ok(())
    }

    fn end(&mut self, _bytes: u64) -> Result<(), Refused> {
        self.found.insert(self.current, std::mem::take(&mut self.parts));
        Ok(())
    }

    fn left_out(&mut self, _what: &LeftOut<'_>) -> Result<(), Refused> {
        Ok(())
    }
}
