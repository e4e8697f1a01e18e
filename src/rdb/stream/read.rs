//! Reading a stream.

use std::collections::{HashMap, HashSet};

use super::super::cursor::Cursor;
use super::super::error::Fault;
use super::super::opcodes;
use super::super::text::read_blob;
use super::super::{length, listpack};
use super::{Consumer, Group, Id, Node, Pending, Stream, node};

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
        let blob = read_blob(cursor)?;
        let (entries, _) = listpack::entries(&blob, offset)?;
        let checked = node::check(master, entries, last)
            .map_err(|found| Cursor::corrupt(offset, "a stream's node", found))?;
        last = Some(checked.last);
        let Some(first) = checked.first else { continue };
        if stream.nodes.is_empty() {
            stream.first_id = first;
        }
        stream.length += checked.live;
        stream.nodes.push(Node { master, listpack: blob });
    }
    Ok(last.unwrap_or_default())
}

/// Reads an id as two lengths.
pub(in super::super) fn read_id(cursor: &mut Cursor<'_>) -> Result<Id, Fault> {
    let ms = length::read_count(cursor, "an id")?;
    Ok(Id { ms, seq: length::read_count(cursor, "an id")? })
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
            let offset = cursor.offset();
            match length::read_count(cursor, "entries read")? {
                // -1, which stands for "unknown".
                u64::MAX => None,
                read if read <= i64::MAX.cast_unsigned() => Some(read),
                read => {
                    return Err(Cursor::corrupt(offset, "entries read", format!("{read}")));
                }
            }
        };
        let mut owners = read_pending(cursor, &mut group)?;
        read_consumers(cursor, number, &mut group, &mut owners)?;
        if group.pending.iter().any(|pending| pending.consumer == NOBODY) {
            return Err(Cursor::corrupt(offset, "a stream's group", "a pending entry of nobody"));
        }
        stream.groups.push(group);
    }
    Ok(())
}

/// The consumer of a pending entry that has not been named yet.
const NOBODY: usize = usize::MAX;

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
        let count = length::read_count(cursor, "a number of deliveries")?;
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
        let active_ms = match number {
            opcodes::TYPE_STREAM_3 => i64::from_le_bytes(cursor.array()?),
            _ => seen_ms,
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
