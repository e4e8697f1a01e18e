//! A stream in pieces. Its form is drawn in [`super::super::stream`]; Redis' newer types add
//!
//! ```text
//! 26, 27  ... groups duration size producers added duplicates       what is known of producers
//!         producers  count (pid count (iid length length)*)*
//! 27      group      ... consumers count (id16)*                    entries that consumers gave
//!                                                                   back: pending, and nobody's
//! ```

use std::io::Read;

use super::super::cursor::Cursor;
use super::super::error::{Fault, LoadError};
use super::super::reader::{State, taken};
use super::super::stream::{Id, idempotency_settings, read_deliveries, read_entries_read, read_id};
use super::super::string::Encoded;
use super::super::{length, opcodes as op};
use super::value::blob;
use super::window::Window;
use super::{
    ConsumerHead, GroupHead, IdempotencyHead, Message, PendingEntry, ReleasedEntry, StreamEnd,
    Visitor,
};
use crate::types::stream::{Chunk, Idempotency};

/// Reads a stream of type `number` behind its key.
pub(super) fn read<R: Read>(
    window: &mut Window<R>,
    state: &mut State,
    number: u8,
    scratch: &mut Vec<u8>,
    visitor: &mut dyn Visitor,
) -> Result<(), LoadError> {
    let begin = window.offset();
    let nodes = window.unit(state, |_, cursor| count_of(cursor, "a number of nodes"))?;
    let (mut live, mut last) = (0, None);
    window.units(state, nodes, |cursor| {
        let (nodes_live, nodes_last) = node(cursor, scratch, last, visitor)?;
        live += nodes_live;
        last = Some(nodes_last);
        Ok(())
    })?;
    let facts = window.unit(state, |_, cursor| {
        let facts = stream_end(cursor, number)?;
        let found = (live, last.unwrap_or_default() <= facts.last_id);
        if found != (facts.length, true) {
            let found = "another number of entries than it says, or one above its last id";
            return Err(Cursor::corrupt(begin, "a stream", found));
        }
        Ok(facts)
    })?;
    let refused = |offset| move |reason| LoadError::Refused { offset, reason };
    visitor.stream(&facts).map_err(refused(window.offset()))?;
    let groups = window.unit(state, |_, cursor| count_of(cursor, "a number of groups"))?;
    for _ in 0..groups {
        group(window, state, number, scratch, visitor)?;
    }
    if number >= op::TYPE_STREAM_4 {
        idempotency(window, state, visitor)?;
    }
    Ok(())
}

fn count_of(cursor: &mut Cursor<'_>, what: &str) -> Result<u64, Fault> {
    length::read_count(cursor, what)
}

/// Hands over the entries of a node, which are above `after`; answers how many live ones there are,
/// and the last id.
fn node(
    cursor: &mut Cursor<'_>,
    scratch: &mut Vec<u8>,
    after: Option<Id>,
    visitor: &mut dyn Visitor,
) -> Result<(u64, Id), Fault> {
    let (key, offset) = blob(cursor, scratch)?;
    let Ok(key) = <[u8; 16]>::try_from(key) else {
        return Err(Cursor::corrupt(offset, "a node's id", format!("{} bytes", key.len())));
    };
    let (bytes, offset) = blob(cursor, scratch)?;
    let wrong = |found: String| Cursor::corrupt(offset, "a stream's node", found);
    let chunk = Chunk::checked(Id::from_bytes(key), bytes.to_vec()).map_err(wrong)?;
    if after.is_some_and(|after| after >= chunk.master()) {
        return Err(wrong("ids that do not ascend".to_owned()));
    }
    let mut fields = Vec::new();
    for entry in chunk.entries() {
        fields.clear();
        fields.extend(entry.pairs());
        let answer = visitor.entry(entry.id, &fields);
        taken(cursor, answer)?;
    }
    Ok((chunk.len() as u64, chunk.last()))
}

fn stream_end(cursor: &mut Cursor<'_>, number: u8) -> Result<StreamEnd, Fault> {
    let offset = cursor.offset();
    let length = length::read_count(cursor, "a number of entries")?;
    let last_id = read_id(cursor)?;
    if number == op::TYPE_STREAM {
        return Ok(StreamEnd { length, last_id, max_deleted_id: Id::MIN, entries_added: length });
    }
    // The first entry's id follows from the entries.
    read_id(cursor)?;
    let max_deleted_id = read_id(cursor)?;
    let entries_added = length::read_count(cursor, "entries ever added")?;
    if last_id < max_deleted_id {
        return Err(Cursor::corrupt(offset, "a stream", "a deleted entry above its last id"));
    }
    if entries_added < length || entries_added > i64::MAX.cast_unsigned() {
        let found = "fewer entries ever added than there are, or too many";
        return Err(Cursor::corrupt(offset, "a stream", found));
    }
    Ok(StreamEnd { length, last_id, max_deleted_id, entries_added })
}

/// A pending entry whose consumer has not been named yet, or has been.
struct Waiting {
    entry: PendingEntry,
    named: bool,
}

fn group<R: Read>(
    window: &mut Window<R>,
    state: &mut State,
    number: u8,
    scratch: &mut Vec<u8>,
    visitor: &mut dyn Visitor,
) -> Result<(), LoadError> {
    window.unit(state, |_, cursor| {
        let name = Encoded::read(cursor)?.bytes(scratch)?;
        let last_id = read_id(cursor)?;
        let entries_read = match number {
            op::TYPE_STREAM => None,
            _ => read_entries_read(cursor)?,
        };
        taken(cursor, visitor.group(&GroupHead { name, last_id, entries_read }))
    })?;
    let count = window.unit(state, |_, cursor| count_of(cursor, "a number of pending entries"))?;
    let mut all: Vec<Waiting> = Vec::new();
    window.units(state, count, |cursor| {
        let id = Id::from_bytes(cursor.array()?);
        let time_ms = i64::from_le_bytes(cursor.array()?);
        let count = read_deliveries(cursor)?;
        all.push(Waiting { entry: PendingEntry { id, time_ms, count }, named: false });
        Ok(())
    })?;
    // They are in order in every file that a server wrote.
    if !all.is_sorted_by_key(|one| one.entry.id) {
        all.sort_by_key(|one| one.entry.id);
    }
    let consumers = window.unit(state, |_, cursor| count_of(cursor, "a number of consumers"))?;
    for _ in 0..consumers {
        consumer(window, state, number, scratch, &mut all, visitor)?;
    }
    if number >= op::TYPE_STREAM_5 {
        let back = window.unit(state, |_, cursor| count_of(cursor, "entries given back"))?;
        window.units(state, back, |cursor| {
            let entry = unnamed(cursor, &mut all)?;
            let released = ReleasedEntry { id: entry.id, count: entry.count };
            taken(cursor, visitor.released(&released))
        })?;
    }
    if all.iter().any(|one| !one.named) {
        let found = "a pending entry of nobody";
        return Err(super::corrupt(window.offset(), "a stream's group", found));
    }
    Ok(())
}

fn consumer<R: Read>(
    window: &mut Window<R>,
    state: &mut State,
    number: u8,
    scratch: &mut Vec<u8>,
    all: &mut [Waiting],
    visitor: &mut dyn Visitor,
) -> Result<(), LoadError> {
    window.unit(state, |_, cursor| {
        let name = Encoded::read(cursor)?.bytes(scratch)?;
        let seen_ms = i64::from_le_bytes(cursor.array()?);
        let active_ms = match number {
            op::TYPE_STREAM | op::TYPE_STREAM_2 => seen_ms,
            _ => i64::from_le_bytes(cursor.array()?),
        };
        taken(cursor, visitor.consumer(&ConsumerHead { name, seen_ms, active_ms }))
    })?;
    let count = window.unit(state, |_, cursor| count_of(cursor, "a number of pending entries"))?;
    window.units(state, count, |cursor| {
        let entry = unnamed(cursor, all)?;
        taken(cursor, visitor.pending(&entry))
    })
}

/// Reads the id of a pending entry that has not been named, and is now.
fn unnamed(cursor: &mut Cursor<'_>, all: &mut [Waiting]) -> Result<PendingEntry, Fault> {
    let offset = cursor.offset();
    let id = Id::from_bytes(cursor.array()?);
    let found = all.binary_search_by_key(&id, |one| one.entry.id).ok();
    let Some(one) = found.and_then(|at| all.get_mut(at)).filter(|one| !one.named) else {
        let expected = "an entry pending in the group";
        return Err(Cursor::corrupt(offset, expected, "another, or twice"));
    };
    one.named = true;
    Ok(one.entry)
}

/// What is known of producers.
fn idempotency<R: Read>(
    window: &mut Window<R>,
    state: &mut State,
    visitor: &mut dyn Visitor,
) -> Result<(), LoadError> {
    let (settings, producers) = window.unit(state, |_, cursor| {
        let (duration_s, max_size) = idempotency_settings(cursor)?;
        let settings = IdempotencyHead { duration_s, max_size };
        Ok((settings, count_of(cursor, "a number of producers")?))
    })?;
    let refused = |offset| move |reason| LoadError::Refused { offset, reason };
    if producers > 0 {
        visitor.idempotency(&settings).map_err(refused(window.offset()))?;
    }
    for _ in 0..producers {
        let (pid, count) = window.unit(state, |_, cursor| {
            let pid = Encoded::read(cursor)?.bytes(&mut Vec::new())?.to_vec();
            let offset = cursor.offset();
            let count = count_of(cursor, "a number of idempotent ids")?;
            if count == 0 {
                return Err(Cursor::corrupt(offset, "idempotent ids", "a producer without one"));
            }
            Ok((pid, count))
        })?;
        let mut scratch = Vec::new();
        window.units(state, count, |cursor| {
            let iid = Encoded::read(cursor)?.bytes(&mut scratch)?;
            let message = Message { pid: &pid, iid, id: read_id(cursor)? };
            taken(cursor, visitor.message(&message))
        })?;
    }
    let (added, duplicates) = window.unit(state, |_, cursor| {
        let offset = cursor.offset();
        let added = length::read_count(cursor, "idempotent ids ever recorded")?;
        let duplicates = length::read_count(cursor, "duplicates")?;
        if added.max(duplicates) > i64::MAX.cast_unsigned() {
            let found = format!("{added} recorded and {duplicates} duplicates");
            return Err(Cursor::corrupt(offset, "idempotent ids", found));
        }
        Ok((added, duplicates))
    })?;
    if producers == 0 {
        let mut known = Idempotency::default();
        known.configure(settings.duration_s, settings.max_size);
        known.set_counters(added, duplicates);
        if known.is_default() {
            return Ok(());
        }
        visitor.idempotency(&settings).map_err(refused(window.offset()))?;
    }
    visitor.idempotency_end(added, duplicates).map_err(refused(window.offset()))
}
