//! BITFIELD and BITFIELD_RO: strings as arrays of integers of any width.

use super::{BAD_OFFSET, BITMAP, offset};
use crate::base::limits::BULK_BYTES_MAX;
use crate::command::arguments::per_argument;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{BitField, FieldSet};
use crate::keyspace::{Tx, View};
use crate::resp::Reply;
use crate::types::bits::{Field, Overflow};
use std::collections::BTreeMap;

pub(super) const BITFIELD: Command = Command {
    name: "bitfield",
    summary: "Gets, sets and counts integers of any width anywhere in a string.",
    syntax: "key [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] <SET encoding offset value | \
             INCRBY encoding offset increment> [GET encoding offset | \
             [OVERFLOW WRAP | SAT | FAIL] <SET encoding offset value | \
             INCRBY encoding offset increment> ...]]",
    example: r#"
        > BITFIELD day SET u8 0 250 INCRBY u8 0 10 GET i4 0
        1) (integer) 0
        2) (integer) 4
        3) (integer) 0
        log: BITFIELD day SET u8 0 250 SET u8 0 4
        > BITFIELD day OVERFLOW SAT INCRBY u4 #1 100 OVERFLOW FAIL INCRBY u4 #1 1
        1) (integer) 15
        2) (nil)
        log: BITFIELD day SET u4 4 15
    "#,
    since: "3.2.0",
    keys: &[Keys::One(1, Access::Variable)],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(bitfield),
    ..BITMAP
};

pub(super) const BITFIELD_RO: Command = Command {
    name: "bitfield_ro",
    summary: "Gets integers of any width from a string: BITFIELD for replicas and readers.",
    syntax: "key [GET encoding offset [GET encoding offset ...]]",
    example: r#"
        > SET day "\xfa"
        OK
        > BITFIELD_RO day GET u8 0 GET i4 4
        1) (integer) 250
        2) (integer) -6
    "#,
    since: "6.0.0",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[Flag::Fast],
    handler: Handler::Read(bitfield_ro),
    cost: Some(per_argument),
    ..BITMAP
};

fn bitfield_ro<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let steps = Step::parse_all(call, view.string_bytes_max())?;
    if steps.iter().any(|step| !matches!(step.act, Act::Get)) {
        return Err(Error::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    let value = view.string(call.key(1))?;
    let bytes = value.map(|value| value.bytes()).unwrap_or_default();
    let mut run = Run::new(&bytes, &steps);
    Ok(Reply::Array(steps.iter().map(|step| run.step(step)).collect()))
}

fn bitfield<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let steps = Step::parse_all(call, tx.view().string_bytes_max())?;
    let key = call.key(1);
    let only_gets = steps.iter().all(|step| matches!(step.act, Act::Get));
    let view = if only_gets { tx.view().counted() } else { tx.view() };
    let value = view.string(key)?;
    let bytes = value.map(|value| value.bytes()).unwrap_or_default();
    let mut run = Run::new(&bytes, &steps);
    let replies = steps.iter().map(|step| run.step(step)).collect();
    let sets = run.into_sets();
    drop(bytes);
    if !sets.is_empty() {
        tx.emit(BitField { key, sets: &sets });
    }
    Ok(Reply::Array(replies))
}

/// One subcommand.
struct Step {
    act: Act,
    field: Field,
    offset: u64,
}

enum Act {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

impl Step {
    /// Reads all arguments behind the key, of fields that begin within `bytes_max`.
    fn parse_all(call: &Call<'_>, bytes_max: u64) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let mut overflow = Overflow::default();
        let mut at = 2;
        while at < call.len() {
            let behind = call.len() - at - 1;
            if call.is(at, "OVERFLOW") && behind >= 1 {
                overflow = overflow_named(call, at + 1)?;
                at += 2;
                continue;
            }
            let (is_get, is_set) = (call.is(at, "GET"), call.is(at, "SET"));
            let arguments = if is_get { 2 } else { 3 };
            if !(is_get || is_set || call.is(at, "INCRBY")) || behind < arguments {
                return Err(Error::Syntax);
            }
            let field = Field::parse(call.arg(at + 1)).ok_or(Error::text(
                "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
                 supported but i64 is.",
            ))?;
            let offset = offset(call.arg(at + 2), Some(field.width()), bytes_max)?;
            let act = match (is_get, is_set) {
                (true, _) => Act::Get,
                (_, true) => Act::Set(call.int(at + 3)?, overflow),
                _ => Act::Increment(call.int(at + 3)?, overflow),
            };
            // Redis lets a field stand out over the longest string; by default no client could send
            // such a value back.
            if !is_get && field.bytes(offset).end > bytes_max.max(BULK_BYTES_MAX) {
                return Err(BAD_OFFSET);
            }
            steps.push(Step { act, field, offset });
            at += 1 + arguments;
        }
        Ok(steps)
    }
}

fn overflow_named(call: &Call<'_>, at: usize) -> Result<Overflow> {
    let names = [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)];
    let named = names.into_iter().find(|(name, _)| call.is(at, name)).map(|(_, kind)| kind);
    named.ok_or(Error::text("ERR Invalid OVERFLOW type specified"))
}

/// The subcommands run on a string that does not change: what they have set lies beside it, and
/// becomes one change at the end.
struct Run<'a> {
    bytes: &'a [u8],
    changed: BTreeMap<u64, u8>,
    sets: Vec<FieldSet>,
    /// How long the string will be: Redis makes it so long that all fields to be written fit, also
    /// those that OVERFLOW FAIL then leaves as they are.
    length: u64,
}

impl<'a> Run<'a> {
    fn new(bytes: &'a [u8], steps: &[Step]) -> Self {
        let written = steps.iter().filter(|step| !matches!(step.act, Act::Get));
        let ends = written.map(|step| step.field.bytes(step.offset).end);
        let length = ends.max().unwrap_or(0).max(bytes.len() as u64);
        Run { bytes, changed: BTreeMap::new(), sets: Vec::new(), length }
    }

    fn grows(&self) -> bool {
        self.length > self.bytes.len() as u64
    }

    fn byte(&self, at: u64) -> u8 {
        let kept = || usize::try_from(at).ok().and_then(|at| self.bytes.get(at)).copied();
        self.changed.get(&at).copied().or_else(kept).unwrap_or(0)
    }

    fn step(&mut self, step: &Step) -> Reply<'static> {
        let (field, offset) = (step.field, step.offset);
        let old = field.read(offset, |at| self.byte(at));
        let (new, reply) = match step.act {
            Act::Get => return Reply::Int(old),
            Act::Set(value, overflow) => (field.set(value, overflow), Reply::Int(old)),
            Act::Increment(by, overflow) => {
                let sum = field.add(old, by, overflow);
                (sum, sum.map_or(Reply::Null, Reply::Int))
            }
        };
        let Some(value) = new else { return Reply::Null };
        if value != old || self.grows() {
            let changed: Vec<_> = field.write(offset, value, |at| self.byte(at)).collect();
            self.changed.extend(changed);
            self.sets.push(FieldSet { field, offset, value });
        }
        reply
    }

    /// What was set and changes something; when the string grows, everything that was set counts
    /// as a change, and the last byte is set first if nothing else reaches it.
    fn into_sets(self) -> Vec<FieldSet> {
        let mut sets = self.sets;
        let reached = sets.iter().map(|set| set.field.bytes(set.offset).end).max().unwrap_or(0);
        if self.length > self.bytes.len() as u64 && reached < self.length {
            let offset = (self.length - 1) * 8;
            sets.insert(0, FieldSet { field: Field::BYTE, offset, value: 0 });
        }
        sets
    }
}
