//! What `json.rs` writes, read again: lines of objects, or one document.
//!
//! It is read piece by piece as RDB files are, so `value` must stand behind `key`, `type` and the
//! other facts of an object, and a stream's `groups` behind its other parts but `idempotency`
//! (sorting an object's names, as `jq -S` does, keeps the former).

use super::pull::Pull;
use super::words::from_base64;
use crate::base::number::{parse_f64, parse_i64};
use crate::keyspace::value::Type;
use crate::rdb::stream::{Id, Pair};
use crate::rdb::visit::{
    ConsumerHead, GroupHead, IdempotencyHead, Message, PendingEntry, ReleasedEntry, StreamEnd,
    Visitor, Want,
};
use crate::rdb::{Entry, LoadError, Refused};
use crate::types::packed::Element;
use crate::types::stream::{Idempotency, StreamId};
use std::io::BufRead;

type Result<T> = std::result::Result<T, LoadError>;

/// Reads objects, one behind the other or in an array, and hands their keys to `visitor`.
pub fn read(input: impl BufRead, visitor: &mut dyn Visitor) -> Result<()> {
    let mut json = Pull::new(input);
    let mut object = Object { visitor, facts: Facts::default(), texts: Texts::default() };
    if json.peek()? == Some(b'[') {
        json.array(|json| object.read(json))?;
        return match json.peek()? {
            None => Ok(()),
            Some(_) => json.unexpected("the end"),
        };
    }
    while json.peek()?.is_some() {
        object.read(&mut json)?;
    }
    Ok(())
}

/// What is known of a key before its value.
#[derive(Default)]
struct Facts {
    db: u64,
    key: Option<Vec<u8>>,
    value_type: Option<Type>,
    expiry_ms: Option<u64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
}

/// Buffers for texts.
#[derive(Default)]
struct Texts {
    first: Vec<u8>,
    second: Vec<u8>,
    base64: Vec<u8>,
}

struct Object<'v> {
    visitor: &'v mut dyn Visitor,
    facts: Facts,
    texts: Texts,
}

impl Object<'_> {
    fn read<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        self.facts = Facts::default();
        let mut complete = false;
        json.object(|json, name| {
            match name {
                b"function" => {
                    text(json, &mut self.texts.first, &mut self.texts.base64)?;
                    complete = true;
                    let answer = self.visitor.function(&self.texts.first);
                    return taken(json, answer);
                }
                b"db" => self.facts.db = count(json)?,
                b"key" => {
                    let mut key = Vec::new();
                    text(json, &mut key, &mut self.texts.base64)?;
                    self.facts.key = Some(key);
                }
                b"type" => self.facts.value_type = Some(type_of(json)?),
                b"expiry_ms" => self.facts.expiry_ms = optional(json)?,
                b"idle_s" => self.facts.idle_s = optional(json)?,
                b"freq" => {
                    self.facts.freq = optional(json)?.map(|freq| u8::try_from(freq).unwrap_or(255));
                }
                b"value" => {
                    complete = true;
                    return self.key(json);
                }
                _ => return json.skip(),
            }
            if complete {
                return json.wrong("what is known of a key, before its value", "it behind that");
            }
            Ok(())
        })?;
        if complete { Ok(()) } else { json.wrong("\"value\" or \"function\"", "neither") }
    }

    /// The key's value, in pieces.
    fn key<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        let Facts { db, key, value_type, expiry_ms, idle_s, freq } =
            std::mem::take(&mut self.facts);
        let (Some(key), Some(value_type)) = (key, value_type) else {
            return json.wrong("\"key\" and \"type\" before \"value\"", "not both");
        };
        let entry = Entry { db, key: &key, expiry_ms, idle_s, freq };
        let answer = self.visitor.key(&entry, value_type);
        if taken(json, answer)? == Want::Nothing {
            return json.skip();
        }
        let begin = json.offset();
        match value_type {
            Type::String => self.element(json)?,
            Type::List | Type::Set => json.array(|json| self.element(json))?,
            Type::Hash => json.array(|json| self.field(json))?,
            Type::Zset => json.array(|json| self.member(json))?,
            Type::Stream => self.stream(json)?,
        }
        let answer = self.visitor.end(json.offset() - begin);
        taken(json, answer)
    }

    fn element<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        text(json, &mut self.texts.first, &mut self.texts.base64)?;
        let answer = self.visitor.element(Element::Bytes(&self.texts.first));
        taken(json, answer)
    }

    fn field<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        let Texts { first, second, base64 } = &mut self.texts;
        json.expect(b'[')?;
        text(json, first, base64)?;
        json.expect(b',')?;
        text(json, second, base64)?;
        let expiry_ms = if json.take(b',')? { optional(json)? } else { None };
        json.expect(b']')?;
        let answer = self.visitor.field(Element::Bytes(first), Element::Bytes(second), expiry_ms);
        taken(json, answer)
    }

    fn member<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        let Texts { first, second, base64 } = &mut self.texts;
        json.expect(b'[')?;
        text(json, first, base64)?;
        json.expect(b',')?;
        match json.peek()? {
            Some(b'"') => json.string(second)?,
            _ => json.number(second)?,
        }
        json.expect(b']')?;
        let Some(score) = parse_f64(second).filter(|score| !score.is_nan()) else {
            return json.wrong("a score", format!("\"{}\"", second.escape_ascii()));
        };
        let answer = self.visitor.scored(Element::Bytes(first), score);
        taken(json, answer)
    }

    fn stream<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        let mut facts = StreamEnd::default();
        let (mut last, mut told) = (None, false);
        json.object(|json, name| {
            if told && name == b"idempotency" {
                return self.idempotency(json);
            }
            if told {
                return json.wrong("\"groups\" behind the stream's other parts", "more behind it");
            }
            match name {
                b"entries" => json.array(|json| {
                    facts.length += 1;
                    let id = self.entry(json)?;
                    if last.is_some_and(|last| last >= id) {
                        return json.wrong("ids that ascend", "others");
                    }
                    last = Some(id);
                    Ok(())
                }),
                b"last_id" => id(json).map(|id| facts.last_id = id),
                b"max_deleted_id" => id(json).map(|id| facts.max_deleted_id = id),
                b"entries_added" => count(json).map(|count| facts.entries_added = count),
                b"groups" => {
                    told = true;
                    self.stream_end(json, facts, last)?;
                    json.array(|json| self.group(json))
                }
                b"idempotency" => json.wrong("\"groups\" before \"idempotency\"", "none"),
                _ => json.skip(),
            }
        })?;
        if told { Ok(()) } else { self.stream_end(json, facts, last) }
    }

    fn stream_end<R: BufRead>(
        &mut self,
        json: &mut Pull<R>,
        mut facts: StreamEnd,
        last: Option<Id>,
    ) -> Result<()> {
        facts.last_id = facts.last_id.max(last.unwrap_or_default()).max(facts.max_deleted_id);
        facts.entries_added = facts.entries_added.max(facts.length);
        let answer = self.visitor.stream(&facts);
        taken(json, answer)
    }

    fn entry<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<Id> {
        let mut own_id = None;
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        json.object(|json, name| match name {
            b"id" => id(json).map(|id| own_id = Some(id)),
            b"fields" => json.array(|json| {
                let (mut field, mut value) = (Vec::new(), Vec::new());
                json.expect(b'[')?;
                text(json, &mut field, &mut self.texts.base64)?;
                json.expect(b',')?;
                text(json, &mut value, &mut self.texts.base64)?;
                json.expect(b']')?;
                fields.push((field, value));
                Ok(())
            }),
            _ => json.skip(),
        })?;
        let Some(id) = own_id.filter(|_| !fields.is_empty()) else {
            return json.wrong("an entry with \"id\" and \"fields\"", "one without");
        };
        let pairs: Vec<Pair<'_>> = fields
            .iter()
            .map(|(field, value)| (Element::Bytes(field), Element::Bytes(value)))
            .collect();
        let answer = self.visitor.entry(id, &pairs);
        taken(json, answer)?;
        Ok(id)
    }

    fn group<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        let (mut last_id, mut entries_read, mut told) = (Id::MIN, None, false);
        json.object(|json, name| match name {
            b"name" => text(json, &mut self.texts.first, &mut self.texts.base64),
            b"last_id" => id(json).map(|id| last_id = id),
            b"entries_read" => optional(json).map(|read| entries_read = read),
            b"consumers" => {
                told = true;
                let head = GroupHead { name: &self.texts.first, last_id, entries_read };
                let answer = self.visitor.group(&head);
                taken(json, answer)?;
                json.array(|json| self.consumer(json))
            }
            b"released" if told => json.array(|json| self.released(json)),
            b"released" => json.wrong("\"consumers\" before \"released\"", "none"),
            _ => json.skip(),
        })?;
        if told { Ok(()) } else { json.wrong("a group with \"consumers\"", "one without") }
    }

    fn consumer<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        let (mut seen_ms, mut active_ms, mut told) = (0, -1, false);
        json.object(|json, name| match name {
            b"name" => text(json, &mut self.texts.second, &mut self.texts.base64),
            b"seen_ms" => integer(json).map(|ms| seen_ms = ms),
            b"active_ms" => integer(json).map(|ms| active_ms = ms),
            b"pending" => {
                told = true;
                let head = ConsumerHead { name: &self.texts.second, seen_ms, active_ms };
                let answer = self.visitor.consumer(&head);
                taken(json, answer)?;
                json.array(|json| self.pending(json))
            }
            _ => json.skip(),
        })?;
        if told { Ok(()) } else { json.wrong("a consumer with \"pending\"", "one without") }
    }

    fn pending<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        json.expect(b'[')?;
        let id = id(json)?;
        json.expect(b',')?;
        let time_ms = integer(json)?;
        json.expect(b',')?;
        let count = count(json)?;
        json.expect(b']')?;
        let answer = self.visitor.pending(&PendingEntry { id, time_ms, count });
        taken(json, answer)
    }

    fn released<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        json.expect(b'[')?;
        let id = id(json)?;
        json.expect(b',')?;
        let count = count(json)?;
        json.expect(b']')?;
        let answer = self.visitor.released(&ReleasedEntry { id, count });
        taken(json, answer)
    }

    fn idempotency<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        let (mut duration_s, mut size) = (Idempotency::DURATION_S, Idempotency::SIZE as u64);
        let (mut added, mut duplicates, mut told) = (0, 0, false);
        json.object(|json, name| match name {
            b"duration_s" if !told => count(json).map(|count| duration_s = count),
            b"max_size" if !told => count(json).map(|count| size = count),
            b"messages" if !told => {
                told = true;
                let answer = self.visitor.idempotency(&settings(json, duration_s, size)?);
                taken(json, answer)?;
                json.array(|json| self.message(json))
            }
            b"added" => count(json).map(|count| added = count),
            b"duplicates" => count(json).map(|count| duplicates = count),
            _ => json.wrong("\"duration_s\", \"max_size\", then \"messages\"", "others"),
        })?;
        if !told {
            return json.wrong("\"messages\" of producers", "none");
        }
        let answer = self.visitor.idempotency_end(added, duplicates);
        taken(json, answer)
    }

    fn message<R: BufRead>(&mut self, json: &mut Pull<R>) -> Result<()> {
        let Texts { first, second, base64 } = &mut self.texts;
        json.expect(b'[')?;
        text(json, first, base64)?;
        json.expect(b',')?;
        text(json, second, base64)?;
        json.expect(b',')?;
        let id = id(json)?;
        json.expect(b']')?;
        let answer = self.visitor.message(&Message { pid: first, iid: second, id });
        taken(json, answer)
    }
}

fn settings<R: BufRead>(json: &Pull<R>, duration_s: u64, size: u64) -> Result<IdempotencyHead> {
    let max_size =
        usize::try_from(size).ok().filter(|size| (1..=Idempotency::SIZE_MAX).contains(size));
    match max_size.filter(|_| (1..=Idempotency::DURATION_S_MAX).contains(&duration_s)) {
        Some(max_size) => Ok(IdempotencyHead { duration_s, max_size }),
        None => {
            let found = format!("{duration_s} seconds and {size} ids of a producer");
            json.wrong("how long and how many ids are known", found)
        }
    }
}

fn taken<R, T>(json: &Pull<R>, answer: std::result::Result<T, Refused>) -> Result<T>
where
    R: BufRead,
{
    answer.map_err(|reason| LoadError::Refused { offset: json.offset(), reason })
}

/// Reads a text into `out`: a string, or `{"base64":...}`.
fn text<R: BufRead>(json: &mut Pull<R>, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
    if json.peek()? == Some(b'"') {
        return json.string(out);
    }
    out.clear();
    json.object(|json, name| {
        if name != b"base64" {
            return json.wrong("\"base64\"", "another name");
        }
        json.string(scratch)?;
        match from_base64(out, scratch) {
            Some(()) => Ok(()),
            None => json.wrong("base64", "another text"),
        }
    })
}

fn integer<R: BufRead>(json: &mut Pull<R>) -> Result<i64> {
    let mut text = Vec::new();
    json.number(&mut text)?;
    match parse_i64(&text) {
        Some(number) => Ok(number),
        None => json.wrong("an integer", String::from_utf8_lossy(&text)),
    }
}

fn count<R: BufRead>(json: &mut Pull<R>) -> Result<u64> {
    let number = integer(json)?;
    match u64::try_from(number) {
        Ok(count) => Ok(count),
        Err(_) => json.wrong("a number from 0 on", number.to_string()),
    }
}

/// A count, or null.
fn optional<R: BufRead>(json: &mut Pull<R>) -> Result<Option<u64>> {
    if json.peek()? == Some(b'n') {
        return json.word(b"null").map(|()| None);
    }
    count(json).map(Some)
}

fn id<R: BufRead>(json: &mut Pull<R>) -> Result<Id> {
    let mut text = Vec::new();
    json.string(&mut text)?;
    match StreamId::parse(&text, 0) {
        Some(id) => Ok(id),
        None => json.wrong("an id", format!("\"{}\"", text.escape_ascii())),
    }
}

fn type_of<R: BufRead>(json: &mut Pull<R>) -> Result<Type> {
    let mut name = Vec::new();
    json.string(&mut name)?;
    let all = [Type::String, Type::List, Type::Set, Type::Zset, Type::Hash, Type::Stream];
    match all.into_iter().find(|one| one.name().as_bytes() == name) {
        Some(value_type) => Ok(value_type),
        None => json.wrong("a type", format!("\"{}\"", name.escape_ascii())),
    }
}
