//! Reading a stream.

use std::collections::{HashMap, HashSet};

use super::super::cursor::Cursor;
use super::super::error::Fault;
use super::super::length;
use super::super::opcodes;
use super::super::text::read_blob;
use super::{Consumer, Group, Id, NOBODY, Pending, Stream};
use crate::types::stream::{Chunk, Idempotency};

/// Reads a stream of type `number` behind its key.
pub(in super::super) fn read<'a>(cursor: &mut Cursor<'a>, number: u8) -> Result<Stream<'a>, Fault> {
    let offset = cursor.offset();
    let wrong = |found: &str| Err(Cursor::corrupt(offset, "a stream", found));
    let mut stream = Stream::default();
    let greatest = read_nodes(cursor, &mut stream)?;
    let live = stream.length;
    stream.length = length::read_count(cursor, "a number of entries")?;
    stream.last_id = read_id(cursor)?;
    if number == opcodes::TYPE_STREAM {
        stream.entries_added = stream.length;
    } else {
        // The first entry's id follows from the entries.
        read_id(cursor)?;
        stream.max_deleted_id = read_id(cursor)?;
        stream.entries_added = length::read_count(cursor, "entries ever added")?;
    }
    if stream.length != live {
        return wrong("another number of entries than it says");
    }
    if stream.last_id < greatest || stream.last_id < stream.max_deleted_id {
        return wrong("an entry above its last id");
    }
    if stream.entries_added < stream.length || stream.entries_added > i64::MAX.cast_unsigned() {
        return wrong("fewer entries ever added than there are, or too many");
    }
    read_groups(cursor, number, &mut stream)?;
    if number >= opcodes::TYPE_STREAM_4 {
        stream.idempotency = read_idempotency(cursor)?;
    }
    Ok(stream)
}

/// Reads the nodes; answers the greatest id in them.
fn read_nodes<'a>(cursor: &mut Cursor<'a>, stream: &mut Stream<'a>) -> Result<Id, Fault> {
    let count = length::read_count(cursor, "a number of nodes")?;
    let mut last = None;
    for _ in 0..count {
        let offset = cursor.offset();
        let key = read_blob(cursor)?;
        let Ok(key) = <[u8; 16]>::try_from(&*key) else {
            return Err(Cursor::corrupt(offset, "a node's id", format!("{} bytes", key.len())));
        };
        let master = Id::from_bytes(key);
        let offset = cursor.offset();
        let wrong = |found: String| Cursor::corrupt(offset, "a stream's node", found);
        let chunk = Chunk::checked(master, read_blob(cursor)?.into_owned()).map_err(wrong)?;
        if last.is_some_and(|last| last >= master) {
            return Err(wrong("ids that do not ascend".to_owned()));
        }
        last = Some(chunk.last());
        // Trimming can leave a node without live entries, which Redis keeps.
        let Some(first) = chunk.entries().next() else { continue };
        if stream.nodes.is_empty() {
            stream.first_id = first.id;
        }
        stream.length += chunk.len() as u64;
        stream.nodes.push(chunk);
    }
    Ok(last.unwrap_or_default())
}

/// Reads an id as two lengths.
pub(in super::super) fn read_id(cursor: &mut Cursor<'_>) -> Result<Id, Fault> {
    let ms = length::read_count(cursor, "an id")?;
    Ok(Id { ms, seq: length::read_count(cursor, "an id")? })
}

/// Reads how many entries a group has read, if that is known.
pub(in super::super) fn read_entries_read(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Fault> {
    let offset = cursor.offset();
    match length::read_count(cursor, "entries read")? {
        // -1, which stands for "unknown".
        u64::MAX => Ok(None),
        read if read <= i64::MAX.cast_unsigned() => Ok(Some(read)),
        read => Err(Cursor::corrupt(offset, "entries read", format!("{read}"))),
    }
}

/// Reads how often an entry was delivered: at most `i64::MAX`, which is as far as commands count.
/// Redis itself writes more if an entry that XNACK FATAL gave back is delivered again.
pub(in super::super) fn read_deliveries(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let count = length::read_count(cursor, "a number of deliveries")?;
    Ok(count.min(i64::MAX.cast_unsigned()))
}

fn read_groups<'a>(
    cursor: &mut Cursor<'a>,
    number: u8,
    stream: &mut Stream<'a>,
) -> Result<(), Fault> {
    let count = length::read_count(cursor, "a number of groups")?;
    let mut names = HashSet::new();
    for _ in 0..count {
        let offset = cursor.offset();
        let mut group = Group { name: read_blob(cursor)?, ..Group::default() };
        if !names.insert(group.name.clone()) {
            return Err(Cursor::corrupt(offset, "a stream's group", "a name for the second time"));
        }
        group.last_id = read_id(cursor)?;
        group.entries_read = if number == opcodes::TYPE_STREAM {
            stream.entries_up_to(group.last_id)
        } else {
            read_entries_read(cursor)?
        };
        let mut owners = read_pending(cursor, &mut group)?;
        read_consumers(cursor, number, &mut group, &mut owners)?;
        if number >= opcodes::TYPE_STREAM_5 {
            read_released(cursor, &mut group, &mut owners)?;
        }
        if !owners.is_empty() {
            return Err(Cursor::corrupt(offset, "a stream's group", "a pending entry of nobody"));
        }
        stream.groups.push(group);
    }
    Ok(())
}

/// Reads a group's pending entries; answers where each id is among them.
fn read_pending(
    cursor: &mut Cursor<'_>,
    group: &mut Group<'_>,
) -> Result<HashMap<Id, usize>, Fault> {
    let count = length::read_count(cursor, "a number of pending entries")?;
    let mut owners = HashMap::new();
    for index in 0..usize::try_from(count).unwrap_or(usize::MAX) {
        let offset = cursor.offset();
        let id = Id::from_bytes(cursor.array()?);
        let time_ms = i64::from_le_bytes(cursor.array()?);
        let count = read_deliveries(cursor)?;
        if owners.insert(id, index).is_some() {
            return Err(Cursor::corrupt(offset, "a pending entry", "one for the second time"));
        }
        group.pending.push(Pending { id, time_ms, count, consumer: NOBODY });
    }
    Ok(owners)
}

fn read_consumers<'a>(
    cursor: &mut Cursor<'a>,
    number: u8,
    group: &mut Group<'a>,
    owners: &mut HashMap<Id, usize>,
) -> Result<(), Fault> {
    let count = length::read_count(cursor, "a number of consumers")?;
    let mut names = HashSet::new();
    for _ in 0..count {
        let offset = cursor.offset();
        let name = read_blob(cursor)?;
        if !names.insert(name.clone()) {
            return Err(Cursor::corrupt(offset, "a consumer", "a name for the second time"));
        }
        let seen_ms = i64::from_le_bytes(cursor.array()?);
        let active_ms = if number >= opcodes::TYPE_STREAM_3 {
            i64::from_le_bytes(cursor.array()?)
        } else {
            seen_ms
        };
        let consumer = group.consumers.len();
        group.consumers.push(Consumer { name, seen_ms, active_ms });
        let count = length::read_count(cursor, "a number of pending entries")?;
        for _ in 0..count {
            let offset = cursor.offset();
            let id = Id::from_bytes(cursor.array()?);
            let pending = owners
                .remove(&id)
                .and_then(|index| group.pending.get_mut(index))
                .ok_or_else(|| {
                    Cursor::corrupt(offset, "an entry pending in the group", "another, or twice")
                })?;
            pending.consumer = consumer;
        }
    }
    Ok(())
}

/// Reads which of the entries still without an owner were released.
fn read_released(
    cursor: &mut Cursor<'_>,
    group: &mut Group<'_>,
    owners: &mut HashMap<Id, usize>,
) -> Result<(), Fault> {
    let count = length::read_count(cursor, "a number of released entries")?;
    for _ in 0..count {
        let offset = cursor.offset();
        let id = Id::from_bytes(cursor.array()?);
        if owners.remove(&id).is_none() {
            let found = "one that is not pending, or that a consumer has, or twice";
            return Err(Cursor::corrupt(offset, "a released entry", found));
        }
        group.released.push(id);
    }
    Ok(())
}

/// Reads how long (in seconds) and how many idempotent ids are known of a producer.
pub(in super::super) fn idempotency_settings(
    cursor: &mut Cursor<'_>,
) -> Result<(u64, usize), Fault> {
    let offset = cursor.offset();
    let seconds = length::read_count(cursor, "a duration")?;
    let size = length::read_count(cursor, "a number of idempotent ids")?;
    let max_size =
        usize::try_from(size).ok().filter(|size| (1..=Idempotency::SIZE_MAX).contains(size));
    let Some(max_size) = max_size.filter(|_| (1..=Idempotency::DURATION_S_MAX).contains(&seconds))
    else {
        let found = format!("{seconds} seconds and {size} ids of a producer");
        return Err(Cursor::corrupt(offset, "idempotent ids", found));
    };
    Ok((seconds, max_size))
}

/// Reads what is known of producers; none if nothing is.
fn read_idempotency(cursor: &mut Cursor<'_>) -> Result<Option<Idempotency>, Fault> {
    let wrong = |offset, found: String| Err(Cursor::corrupt(offset, "idempotent ids", found));
    let (seconds, max_size) = idempotency_settings(cursor)?;
    let mut known = Idempotency::default();
    known.configure(seconds, max_size);
    let mut pids = HashSet::new();
    for _ in 0..length::read_count(cursor, "a number of producers")? {
        let offset = cursor.offset();
        let pid = read_blob(cursor)?;
        let is_new = pids.insert(pid.clone());
        let before = known.len();
        let count = length::read_count(cursor, "a number of idempotent ids")?;
        for _ in 0..count {
            let iid = read_blob(cursor)?;
            known.push(&pid, &iid, read_id(cursor)?);
        }
        if !is_new || (known.len() - before) as u64 != count || count == 0 {
            return wrong(offset, "a producer or one of its ids twice, or none".to_owned());
        }
    }
    let offset = cursor.offset();
    let added = length::read_count(cursor, "idempotent ids ever recorded")?;
    let duplicates = length::read_count(cursor, "duplicates")?;
    if added.max(duplicates) > i64::MAX.cast_unsigned() {
        return wrong(offset, format!("{added} recorded and {duplicates} duplicates"));
    }
    known.set_counters(added, duplicates);
    Ok(Some(known).filter(|known| !known.is_default()))
}

impl Stream<'_> {
    /// How many entries were ever added up to `id`, as far as it is sure: what Redis puts in for
    /// groups of a version 5 stream, which did not count.
    fn entries_up_to(&self, id: Id) -> Option<u64> {
        if self.entries_added == 0 {
            Some(0)
        } else if id == self.last_id || (self.length == 0 && id < self.last_id) {
            Some(self.entries_added)
        } else if id > self.last_id {
            None
        } else {
            match id.cmp(&self.first_id) {
                std::cmp::Ordering::Less => Some(self.entries_added - self.length),
                std::cmp::Ordering::Equal => Some(self.entries_added - self.length + 1),
                std::cmp::Ordering::Greater => None,
            }
        }
    }
}
