//! A file, or a DUMP payload, from its beginning to its end.

use std::io::Read;

use super::super::dump::{self, DumpError};
use super::super::error::{Fault, LoadError, Refused};
use super::super::extent::Extent;
use super::super::opcodes::{self as op, Flavor, Version, type_name};
use super::super::reader::{Entry, LoadOptions, Modules, Rest, Sink, State, Step, Summary, taken};
use super::super::string::StringValue;
use super::super::{module, value as whole};
use super::value::Values;
use super::window::Window;
use super::{LeftOut, Visitor, Want, corrupt};
use crate::keyspace::value::Type;

/// Reads a file. Modules' values, and values of types that are not decoded but whose extent is
/// known, are refused or left out as `options` say.
pub fn file(
    input: impl Read,
    options: &LoadOptions,
    visitor: &mut dyn Visitor,
) -> Result<Summary, LoadError> {
    let mut reading = Reading {
        window: Window::new(input),
        state: State::new(*options),
        modules: options.modules,
        visitor,
        values: Values::default(),
    };
    let summary = reading.run()?;
    if options.rest == Rest::Refuse && !reading.window.at_end(&mut reading.state)? {
        return Err(corrupt(summary.consumed, "the end of the file", "more bytes"));
    }
    Ok(summary)
}

/// Reads a DUMP payload of a key, whose `entry` is handed to the visitor.
pub fn payload(
    payload: &[u8],
    entry: &Entry<'_>,
    visitor: &mut dyn Visitor,
) -> Result<(), DumpError> {
    let (version, body) = dump::verify(payload)?;
    let mut reading = Reading {
        window: Window::new(body),
        state: State::new(LoadOptions { verify_checksum: false, ..LoadOptions::default() }),
        modules: Modules::Refuse,
        visitor,
        values: Values::default(),
    };
    reading.payload(version, entry).map_err(DumpError::BadData)
}

struct Reading<'v, R> {
    window: Window<R>,
    state: State,
    modules: Modules,
    visitor: &'v mut dyn Visitor,
    values: Values,
}

impl<R: Read> Reading<'_, R> {
    fn run(&mut self) -> Result<Summary, LoadError> {
        loop {
            let opcode = self.window.rest().first().copied();
            match (self.state.version(), opcode) {
                (Some(version), Some(number)) if number < op::HASH_TEMPLATE_OR_UPDATE => {
                    self.key(number, version)?;
                }
                (Some(_), None) => self.window.fill(1, &mut self.state)?,
                _ => {
                    let start = self.window.offset();
                    let visitor = &mut *self.visitor;
                    let step = self.window.unit(&mut self.state, |state, cursor| {
                        state.step(cursor, &mut About(visitor))
                    })?;
                    if let Step::End { stored } = step {
                        return self.end(stored, start);
                    }
                }
            }
        }
    }

    /// The end's opcode stands at `start`; it is summed, the checksum behind it is not.
    fn end(&mut self, stored: u64, start: u64) -> Result<Summary, LoadError> {
        let end = self.window.offset();
        // At most the checksum's eight bytes.
        self.window.sum_but((end - start - 1) as usize, &mut self.state);
        self.state.end(stored, start + 1, end)
    }

    /// A key with its value; the type's number is the next byte.
    fn key(&mut self, number: u8, version: Version) -> Result<(), LoadError> {
        let offset = self.window.offset();
        let Some(value_type) = decoded(number, version) else {
            return self.leave_out(number, offset, version);
        };
        let visitor = &mut *self.visitor;
        let want = self.window.unit(&mut self.state, |state, cursor| {
            cursor.byte()?;
            let answer = state.read_key(cursor, |entry| visitor.key(entry, value_type))?;
            taken(cursor, answer)
        })?;
        self.value(number, version, want)?;
        self.state.next_key(true);
        Ok(())
    }

    fn value(&mut self, number: u8, version: Version, want: Want) -> Result<(), LoadError> {
        match want {
            Want::Nothing => self.walk_over(number, version),
            Want::Raw(bytes_max) if self.raw(number, version, bytes_max)? => Ok(()),
            Want::Raw(_) | Want::Pieces => {
                let begin = self.window.offset();
                let (window, state) = (&mut self.window, &mut self.state);
                self.values.read(window, state, number, &mut *self.visitor)?;
                let bytes = self.window.offset() - begin;
                let answer = self.visitor.end(bytes);
                answer.map_err(|reason| LoadError::Refused { offset: self.window.offset(), reason })
            }
        }
    }

    /// Hands over the value in one piece, if it is at most so long; answers whether it was.
    fn raw(&mut self, number: u8, version: Version, max: usize) -> Result<bool, LoadError> {
        let Some(mut extent) = Extent::of_value(number, version.flavor) else { return Ok(false) };
        loop {
            let missing = extent.walk(self.window.rest());
            if extent.walked() as u64 + missing > max as u64 {
                return Ok(false);
            }
            if missing == 0 {
                break;
            }
            self.window.fill(missing, &mut self.state)?;
        }
        if !extent.is_complete() {
            return Ok(false);
        }
        let length = extent.walked();
        let bytes = self.window.rest().get(..length).unwrap_or_default();
        let answer = self.visitor.raw(version, number, bytes);
        self.window.skip(length);
        let offset = self.window.offset();
        answer.map_err(|reason| LoadError::Refused { offset, reason })?;
        Ok(true)
    }

    /// Steps over a value.
    fn walk_over(&mut self, number: u8, version: Version) -> Result<(), LoadError> {
        if number == op::TYPE_MODULE_2 {
            self.window.unit(&mut self.state, |_, cursor| module::skip_id(cursor))?;
            while self.window.unit(&mut self.state, |_, cursor| module::skip_item(cursor))? {}
            return Ok(());
        }
        let begin = self.window.offset();
        let Some(mut extent) = Extent::of_value(number, version.flavor) else {
            return Err(corrupt(begin, "a type that is known", format!("type {number}")));
        };
        loop {
            let missing = extent.walk(self.window.rest());
            self.window.skip(extent.walked());
            extent.rebase();
            if missing == 0 {
                break;
            }
            self.window.fill(missing, &mut self.state)?;
        }
        if extent.is_complete() {
            return Ok(());
        }
        let name = type_name(number, version.flavor);
        Err(corrupt(self.window.offset(), &format!("a part of a {name}"), "something else"))
    }

    /// A key of a type that is not decoded.
    fn leave_out(&mut self, number: u8, offset: u64, version: Version) -> Result<(), LoadError> {
        let known = number == op::TYPE_MODULE_2
            || Extent::of_value(number, version.flavor).is_some() && number == op::TYPE_ARRAY;
        let skip = known && self.modules == Modules::Skip;
        let visitor = &mut *self.visitor;
        self.window.unit(&mut self.state, |state, cursor| {
            cursor.byte()?;
            let answer = state.read_key(cursor, |entry| {
                if !skip {
                    return Err(whole::not_decoded(number, offset, version, entry.key));
                }
                let what = LeftOut { entry, what: type_name(number, version.flavor) };
                Ok(visitor.left_out(&what))
            })?;
            taken(cursor, answer?)
        })?;
        self.walk_over(number, version)?;
        self.state.next_key(false);
        Ok(())
    }

    fn payload(&mut self, version: Version, entry: &Entry<'_>) -> Result<(), LoadError> {
        let number = self.window.unit(&mut self.state, |_, cursor| cursor.byte())?;
        let Some(value_type) = decoded(number, version) else {
            let Fault::Final(error) = whole::not_decoded(number, 0, version, entry.key) else {
                return Err(corrupt(0, "a type that is known", format!("type {number}")));
            };
            return Err(error);
        };
        let refused = |reason| LoadError::Refused { offset: 0, reason };
        let want = self.visitor.key(entry, value_type).map_err(refused)?;
        self.value(number, version, want)?;
        if self.window.at_end(&mut self.state)? {
            return Ok(());
        }
        Err(corrupt(self.window.offset(), "the payload's footer", "more bytes"))
    }
}

/// What a type's number means in a version, if it is decoded.
fn decoded(number: u8, version: Version) -> Option<Type> {
    Some(match (number, version.flavor) {
        (op::TYPE_STRING, _) => Type::String,
        (
            op::TYPE_LIST
            | op::TYPE_LIST_ZIPLIST
            | op::TYPE_LIST_QUICKLIST
            | op::TYPE_LIST_QUICKLIST_2,
            _,
        ) => Type::List,
        (op::TYPE_SET | op::TYPE_SET_INTSET | op::TYPE_SET_LISTPACK, _) => Type::Set,
        (op::TYPE_ZSET | op::TYPE_ZSET_2 | op::TYPE_ZSET_ZIPLIST | op::TYPE_ZSET_LISTPACK, _) => {
            Type::Zset
        }
        (
            op::TYPE_HASH | op::TYPE_HASH_ZIPMAP | op::TYPE_HASH_ZIPLIST | op::TYPE_HASH_LISTPACK,
            _,
        )
        | (op::TYPE_HASH_2_OR_METADATA_PRE_GA, Flavor::Valkey)
        | (op::TYPE_HASH_METADATA | op::TYPE_HASH_LISTPACK_EX, Flavor::Redis) => Type::Hash,
        (op::TYPE_STREAM | op::TYPE_STREAM_2 | op::TYPE_STREAM_3, _)
        | (op::TYPE_STREAM_4 | op::TYPE_STREAM_5, Flavor::Redis) => Type::Stream,
        _ => return None,
    })
}

/// Takes what is about the file as a whole.
struct About<'v>(&'v mut dyn Visitor);

impl Sink for About<'_> {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        self.0.aux(name, value)
    }

    fn string(&mut self, _: &Entry<'_>, _: StringValue<'_>) -> Result<(), Refused> {
        Err(Refused("keys are read in pieces".to_owned()))
    }

    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        self.0.function(code)
    }
}
