//! Keys as CSV: a line for each element.
//!
//! ```text
//! db,key,type,expiry_ms,index,field,value,field_expiry_ms
//! 0,s,string,,,,text,            0,l,list,,0,,element,        0,set,set,,,,member,
//! 0,h,hash,,,field,value,        0,z,zset,,,member,1.5,       0,x,stream,,1-1,field,value,
//! ```
//!
//! `index` is an element's place in a list (from 0), or an entry's id in a stream. Consumer groups
//! and functions have no place here.

use super::sink::Sink;
use super::words::csv;
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

const HEAD: &[u8] = b"db,key,type,expiry_ms,index,field,value,field_expiry_ms\r\n";

/// Writes CSV.
pub struct Csv<'s, 'w> {
    out: &'s mut Sink<'w>,
    /// What every line of the key begins with.
    prefix: Vec<u8>,
    value_type: Type,
    index: u64,
}

impl<'s, 'w> Csv<'s, 'w> {
    /// Begins with the line of names.
    pub fn new(out: &'s mut Sink<'w>) -> Csv<'s, 'w> {
        out.text.extend_from_slice(HEAD);
        Csv { out, prefix: Vec::new(), value_type: Type::String, index: 0 }
    }

    /// Writes the rest.
    pub fn finish(self) -> Result<(), Refused> {
        self.out.finish()
    }
}

impl Visitor for Csv<'_, '_> {
    fn function(&mut self, _code: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused> {
        self.prefix.clear();
        self.prefix.extend_from_slice(itoa::Buffer::new().format(entry.db).as_bytes());
        self.prefix.push(b',');
        csv(&mut self.prefix, entry.key);
        self.prefix.push(b',');
        self.prefix.extend_from_slice(value_type.name().as_bytes());
        self.prefix.push(b',');
        if let Some(ms) = entry.expiry_ms {
            self.prefix.extend_from_slice(itoa::Buffer::new().format(ms).as_bytes());
        }
        self.prefix.push(b',');
        (self.value_type, self.index) = (value_type, 0);
        Ok(Want::Pieces)
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), Refused> {
        let text = &mut self.out.text;
        text.extend_from_slice(&self.prefix);
        if self.value_type == Type::List {
            text.extend_from_slice(itoa::Buffer::new().format(self.index).as_bytes());
            self.index += 1;
        }
        text.extend_from_slice(b",,");
        element.with(|bytes| csv(text, bytes));
        text.extend_from_slice(b",\r\n");
        self.out.spill()
    }

    fn field(
        &mut self,
        name: Element<'_>,
        value: Element<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), Refused> {
        let text = &mut self.out.text;
        text.extend_from_slice(&self.prefix);
        text.push(b',');
        name.with(|bytes| csv(text, bytes));
        text.push(b',');
        value.with(|bytes| csv(text, bytes));
        text.push(b',');
        if let Some(ms) = expiry_ms {
            text.extend_from_slice(itoa::Buffer::new().format(ms).as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        self.out.spill()
    }

    fn scored(&mut self, member: Element<'_>, score: f64) -> Result<(), Refused> {
        let text = &mut self.out.text;
        text.extend_from_slice(&self.prefix);
        text.push(b',');
        member.with(|bytes| csv(text, bytes));
        text.push(b',');
        text.extend_from_slice(double::reply(score).as_bytes());
        text.extend_from_slice(b",\r\n");
        self.out.spill()
    }

    fn entry(&mut self, id: Id, fields: &[Pair<'_>]) -> Result<(), Refused> {
        let text = &mut self.out.text;
        for (name, value) in fields {
            text.extend_from_slice(&self.prefix);
            // Writing to a vector does not fail.
            let _written = write!(text, "{}-{},", id.ms, id.seq);
            name.with(|bytes| csv(text, bytes));
            text.push(b',');
            value.with(|bytes| csv(text, bytes));
            text.extend_from_slice(b",\r\n");
        }
        self.out.spill()
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

    fn end(&mut self, _bytes: u64) -> Result<(), Refused> {
        Ok(())
    }

    fn left_out(&mut self, _what: &LeftOut<'_>) -> Result<(), Refused> {
        Ok(())
    }
}
