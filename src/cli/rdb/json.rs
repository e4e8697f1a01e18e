//! Keys as JSON objects: one document, or one object a line.
//!
//! ```text
//! {"function":TEXT}
//! {"db":0,"key":TEXT,"type":"hash"[,"expiry_ms":MS][,"idle_s":S][,"freq":N],"value":VALUE}
//!
//! TEXT     a string; {"base64":"..."} if the bytes are not UTF-8
//! string   TEXT
//! list, set  [TEXT,...]
//! hash     [[TEXT,TEXT],...], and [TEXT,TEXT,MS] for a field that expires (unix ms)
//! zset     [[TEXT,SCORE],...]          SCORE: a number, "inf" or "-inf"
//! stream   {"entries":[{"id":"1-1","fields":[[TEXT,TEXT],...]},...],"last_id":"1-1",
//!           "max_deleted_id":"0-0","entries_added":1,"groups":[{"name":TEXT,"last_id":"1-1",
//!           "entries_read":1 or null,"consumers":[{"name":TEXT,"seen_ms":MS,"active_ms":MS,
//!           "pending":[["1-1",MS,DELIVERIES],...]},...]
//!           [,"released":[["1-1",DELIVERIES],...]]},...]
//!           [,"idempotency":{"duration_s":S,"max_size":N,"messages":[[TEXT,TEXT,"1-1"],...],
//!           "added":N,"duplicates":N}]}      messages: producer, idempotent id, entry
//! ```
//!
//! `jsonl.rs` reads it again.

use super::sink::Sink;
use super::words::{json, json_element};
use crate::base::double;
use crate::keyspace::value::Type;
use crate::rdb::stream::{Id, Pair};
use crate::rdb::visit::{
    ConsumerHead, GroupHead, IdempotencyHead, LeftOut, Message, PendingEntry, ReleasedEntry,
    StreamEnd, Visitor, Want,
};
use crate::rdb::{Entry, Refused};
use crate::types::packed::Element;
use std::io::Write as _;

/// Writes JSON.
pub struct Json<'s, 'w> {
    out: &'s mut Sink<'w>,
    /// Between two objects.
    separator: &'static [u8],
    begun: bool,
    value_type: Type,
    /// Whether the innermost array has an element.
    more: bool,
    within: Within,
}

/// Which of a stream's parts is not closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Entries,
    Groups,
    Group,
    Consumer,
    Released,
    Messages,
    /// None: all are closed.
    Closed,
}

impl<'s, 'w> Json<'s, 'w> {
    /// One object a line.
    pub fn lines(out: &'s mut Sink<'w>) -> Json<'s, 'w> {
        Json::with(out, b"\n")
    }

    /// One document: an array, which [`Json::finish`] ends.
    pub fn document(out: &'s mut Sink<'w>) -> Json<'s, 'w> {
        out.text.push(b'[');
        Json::with(out, b",\n")
    }

    fn with(out: &'s mut Sink<'w>, separator: &'static [u8]) -> Json<'s, 'w> {
        let within = Within::Entries;
        Json { out, separator, begun: false, value_type: Type::String, more: false, within }
    }

    /// Ends the document, or the last line.
    pub fn finish(self) -> Result<(), Refused> {
        if self.separator.len() > 1 {
            self.out.text.push(b']');
        }
        if self.begun || self.separator.len() > 1 {
            self.out.text.push(b'\n');
        }
        self.out.finish()
    }

    fn object(&mut self) {
        if self.begun {
            self.out.text.extend_from_slice(self.separator);
        }
        self.begun = true;
    }

    /// A comma, if there must be one before the next element of an array.
    #[inline]
    fn next(&mut self) {
        if self.more {
            self.out.text.push(b',');
        }
        self.more = true;
    }

    fn put(&mut self, text: &str) {
        self.out.text.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, name: &str, number: impl itoa::Integer) {
        self.put(name);
        self.put(itoa::Buffer::new().format(number));
    }

    fn id(&mut self, id: Id) {
        // Writing to a vector does not fail.
        let _written = write!(self.out.text, "\"{}-{}\"", id.ms, id.seq);
    }
}

impl Visitor for Json<'_, '_> {
    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        self.object();
        self.put("{\"function\":");
        json(&mut self.out.text, code);
        self.out.text.push(b'}');
        self.out.spill()
    }

    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused> {
        self.object();
        self.number("{\"db\":", entry.db);
        self.put(",\"key\":");
        json(&mut self.out.text, entry.key);
        self.put(",\"type\":\"");
        self.put(value_type.name());
        self.out.text.push(b'"');
        if let Some(ms) = entry.expiry_ms {
            self.number(",\"expiry_ms\":", ms);
        }
        if let Some(seconds) = entry.idle_s {
            self.number(",\"idle_s\":", seconds);
        }
        if let Some(counter) = entry.freq {
            self.number(",\"freq\":", counter);
        }
        self.put(match value_type {
            Type::String => ",\"value\":",
            Type::Stream => ",\"value\":{\"entries\":[",
            _ => ",\"value\":[",
        });
        (self.value_type, self.more, self.within) = (value_type, false, Within::Entries);
        Ok(Want::Pieces)
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), Refused> {
        self.next();
        json_element(&mut self.out.text, element);
        self.out.spill()
    }

    fn field(
        &mut self,
        name: Element<'_>,
        value: Element<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), Refused> {
        self.next();
        self.out.text.push(b'[');
        json_element(&mut self.out.text, name);
        self.out.text.push(b',');
        json_element(&mut self.out.text, value);
        if let Some(ms) = expiry_ms {
            self.number(",", ms);
        }
        self.out.text.push(b']');
        self.out.spill()
    }

    fn scored(&mut self, member: Element<'_>, score: f64) -> Result<(), Refused> {
        self.next();
        self.out.text.push(b'[');
        json_element(&mut self.out.text, member);
        self.out.text.push(b',');
        if score.is_finite() {
            self.out.text.extend_from_slice(double::reply(score).as_bytes());
        } else {
            self.put(if score > 0.0 { "\"inf\"" } else { "\"-inf\"" });
        }
        self.out.text.push(b']');
        self.out.spill()
    }

    fn entry(&mut self, id: Id, fields: &[Pair<'_>]) -> Result<(), Refused> {
        self.next();
        self.put("{\"id\":");
        self.id(id);
        self.put(",\"fields\":[");
        for (index, (name, value)) in fields.iter().enumerate() {
            self.put(if index > 0 { ",[" } else { "[" });
            json_element(&mut self.out.text, *name);
            self.out.text.push(b',');
            json_element(&mut self.out.text, *value);
            self.out.text.push(b']');
        }
        self.put("]}");
        self.out.spill()
    }

    fn stream(&mut self, facts: &StreamEnd) -> Result<(), Refused> {
        self.put("],\"last_id\":");
        self.id(facts.last_id);
        self.put(",\"max_deleted_id\":");
        self.id(facts.max_deleted_id);
        self.number(",\"entries_added\":", facts.entries_added);
        self.put(",\"groups\":[");
        (self.more, self.within) = (false, Within::Groups);
        Ok(())
    }

    fn group(&mut self, group: &GroupHead<'_>) -> Result<(), Refused> {
        self.put(match self.within {
            Within::Consumer => "]}]},",
            Within::Group | Within::Released => "]},",
            _ => "",
        });
        self.put("{\"name\":");
        json(&mut self.out.text, group.name);
        self.put(",\"last_id\":");
        self.id(group.last_id);
        match group.entries_read {
            Some(read) => self.number(",\"entries_read\":", read),
            None => self.put(",\"entries_read\":null"),
        }
        self.put(",\"consumers\":[");
        (self.more, self.within) = (false, Within::Group);
        Ok(())
    }

    fn consumer(&mut self, consumer: &ConsumerHead<'_>) -> Result<(), Refused> {
        if self.within == Within::Consumer {
            self.put("]},");
        }
        self.put("{\"name\":");
        json(&mut self.out.text, consumer.name);
        self.number(",\"seen_ms\":", consumer.seen_ms);
        self.number(",\"active_ms\":", consumer.active_ms);
        self.put(",\"pending\":[");
        (self.more, self.within) = (false, Within::Consumer);
        Ok(())
    }

    fn pending(&mut self, pending: &PendingEntry) -> Result<(), Refused> {
        self.next();
        self.out.text.push(b'[');
        self.id(pending.id);
        self.number(",", pending.time_ms);
        self.number(",", pending.count);
        self.out.text.push(b']');
        self.out.spill()
    }

    fn released(&mut self, released: &ReleasedEntry) -> Result<(), Refused> {
        if self.within != Within::Released {
            self.put(if self.within == Within::Consumer { "]}]" } else { "]" });
            self.put(",\"released\":[");
            (self.more, self.within) = (false, Within::Released);
        }
        self.next();
        self.out.text.push(b'[');
        self.id(released.id);
        self.number(",", released.count);
        self.out.text.push(b']');
        self.out.spill()
    }

    fn idempotency(&mut self, settings: &IdempotencyHead) -> Result<(), Refused> {
        self.put(match self.within {
            Within::Consumer => "]}]}]",
            Within::Group | Within::Released => "]}]",
            _ => "]",
        });
        self.number(",\"idempotency\":{\"duration_s\":", settings.duration_s);
        self.number(",\"max_size\":", settings.max_size);
        self.put(",\"messages\":[");
        (self.more, self.within) = (false, Within::Messages);
        Ok(())
    }

    fn message(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        self.next();
        self.out.text.push(b'[');
        json(&mut self.out.text, message.pid);
        self.out.text.push(b',');
        json(&mut self.out.text, message.iid);
        self.out.text.push(b',');
        self.id(message.id);
        self.out.text.push(b']');
        self.out.spill()
    }

    fn idempotency_end(&mut self, added: u64, duplicates: u64) -> Result<(), Refused> {
        self.number("],\"added\":", added);
        self.number(",\"duplicates\":", duplicates);
        self.out.text.push(b'}');
        self.within = Within::Closed;
        Ok(())
    }

    fn end(&mut self, _bytes: u64) -> Result<(), Refused> {
        self.put(match (self.value_type, self.within) {
            (Type::String, _) => "}",
            (Type::Stream, Within::Consumer) => "]}]}]}}",
            (Type::Stream, Within::Group | Within::Released) => "]}]}}",
            (Type::Stream, Within::Closed) => "}}",
            (Type::Stream, _) => "]}}",
            _ => "]}",
        });
        self.out.spill()
    }

    fn left_out(&mut self, _what: &LeftOut<'_>) -> Result<(), Refused> {
        Ok(())
    }
}
