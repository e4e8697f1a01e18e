//! How far a value extends that arrives in pieces, found without reading any byte twice.
//!
//! A value is decoded in one go when all of it is there. Trying that after every piece would take
//! time in proportion to the square of its size; so a walker keeps its place among the lengths and
//! counts of an unfinished value, and says when it is complete. What types are made of is told to
//! it as data.

use super::cursor::Cursor;
use super::error::Fault;
use super::opcodes::{self as op, Flavor};
use super::string::Encoded;
use super::{length, module};

/// One thing that a value is made of.
enum Part {
    /// A string.
    String,
    /// A length.
    Length,
    /// So many bytes.
    Bytes(u64),
    /// A score as text: a length byte, or one of three marks.
    ScoreText,
    /// These, one after the other.
    All(&'static [Part]),
    /// A count, and then these as often.
    Repeat(&'static [Part]),
    /// A module's data: not so long that it is worth keeping a place in it.
    Module,
    /// An array: count, flag, a length if the flag is 1, and so many elements.
    Array,
    /// An element of an array: index, tag, and a string (tag 0 or 3) or 8 bytes (1 or 2).
    ArrayElement,
}

use Part::{All, Array, ArrayElement, Bytes, Length, Module, Repeat, ScoreText, String};

/// The parts of a value of a type; none for types that are not decoded.
fn parts(number: u8, flavor: Flavor) -> Option<&'static [Part]> {
    const BLOB: &[Part] = &[String];
    const NODES: Part = Repeat(&[String, String]);
    // The stream's ids and counters.
    const COUNTED: Part = All(&[Length, Length, Length, Length, Length, Length, Length, Length]);
    // A group's name, last id, and how much it has read.
    const NAMED: Part = All(&[String, Length, Length, Length]);
    const PENDING: Part = Repeat(&[Bytes(16), Bytes(8), Length]);
    const IDS: Part = Repeat(&[Bytes(16)]);
    const CONSUMERS: Part = Repeat(&[String, Bytes(8), IDS]);
    const CONSUMERS_3: Part = Repeat(&[String, Bytes(16), IDS]);
    const PRODUCERS: Part = Repeat(&[String, Repeat(&[String, Length, Length])]);
    const IDEMPOTENCY: Part = All(&[Length, Length, PRODUCERS, Length, Length]);
    const STREAM: &[Part] =
        &[NODES, Length, Length, Length, Repeat(&[String, Length, Length, PENDING, CONSUMERS])];
    const STREAM_2: &[Part] = &[NODES, COUNTED, Repeat(&[NAMED, PENDING, CONSUMERS])];
    const STREAM_3: &[Part] = &[NODES, COUNTED, Repeat(&[NAMED, PENDING, CONSUMERS_3])];
    const STREAM_4: &[Part] =
        &[NODES, COUNTED, Repeat(&[NAMED, PENDING, CONSUMERS_3]), IDEMPOTENCY];
    const STREAM_5: &[Part] =
        &[NODES, COUNTED, Repeat(&[NAMED, PENDING, CONSUMERS_3, IDS]), IDEMPOTENCY];
    Some(match number {
        op::TYPE_STRING
        | op::TYPE_HASH_ZIPMAP
        | op::TYPE_LIST_ZIPLIST
        | op::TYPE_SET_INTSET
        | op::TYPE_ZSET_ZIPLIST
        | op::TYPE_HASH_ZIPLIST
        | op::TYPE_HASH_LISTPACK
        | op::TYPE_ZSET_LISTPACK
        | op::TYPE_SET_LISTPACK => BLOB,
        op::TYPE_LIST | op::TYPE_SET | op::TYPE_LIST_QUICKLIST => &[Repeat(&[String])],
        op::TYPE_ZSET => &[Repeat(&[String, ScoreText])],
        op::TYPE_ZSET_2 => &[Repeat(&[String, Bytes(8)])],
        op::TYPE_HASH => &[Repeat(&[String, String])],
        op::TYPE_LIST_QUICKLIST_2 => &[Repeat(&[Length, String])],
        op::TYPE_HASH_2_OR_METADATA_PRE_GA if flavor == Flavor::Valkey => {
            &[Repeat(&[String, String, Bytes(8)])]
        }
        op::TYPE_HASH_METADATA if flavor == Flavor::Redis => {
            &[Bytes(8), Repeat(&[Length, String, String])]
        }
        op::TYPE_HASH_LISTPACK_EX if flavor == Flavor::Redis => &[Bytes(8), String],
        op::TYPE_STREAM => STREAM,
        op::TYPE_STREAM_2 => STREAM_2,
        op::TYPE_STREAM_3 => STREAM_3,
        op::TYPE_STREAM_4 if flavor == Flavor::Redis => STREAM_4,
        op::TYPE_STREAM_5 if flavor == Flavor::Redis => STREAM_5,
        op::TYPE_ARRAY if flavor == Flavor::Redis => &[Array],
        op::TYPE_MODULE_2 => &[Module],
        _ => return None,
    })
}

/// A place within a value.
pub(super) struct Extent {
    /// Parts that are under way, the innermost last.
    under_way: Vec<Loop>,
    /// How many bytes of the step have been walked over.
    at: usize,
}

/// A sequence of parts that is under way.
struct Loop {
    parts: &'static [Part],
    /// The next one.
    index: usize,
    /// How often the sequence is yet to come, this time included.
    times: u64,
}

impl Extent {
    /// The extent of the step that `bytes` begin with, if it is a key and its value. None too if
    /// its type is not known or not decoded, or the key itself has not arrived: then decoding is
    /// tried as before.
    pub(super) fn of(bytes: &[u8], flavor: Flavor) -> Option<Extent> {
        let (number, rest) =
            bytes.split_first().filter(|(number, _)| **number != op::TYPE_ARRAY)?;
        let parts = parts(*number, flavor)?;
        let mut cursor = Cursor::new(rest, 0);
        Encoded::read(&mut cursor).ok()?;
        let under_way = vec![Loop { parts, index: 0, times: 1 }];
        Some(Extent { under_way, at: 1 + cursor.position() })
    }

    /// The extent of a value of a type, behind its key; none if the type is not known.
    pub(super) fn of_value(number: u8, flavor: Flavor) -> Option<Extent> {
        let under_way = vec![Loop { parts: parts(number, flavor)?, index: 0, times: 1 }];
        Some(Extent { under_way, at: 0 })
    }

    /// How many bytes have been walked over.
    pub(super) fn walked(&self) -> usize {
        self.at
    }

    /// Forgets the bytes that have been walked over: those given next begin behind them.
    pub(super) fn rebase(&mut self) {
        self.at = 0;
    }

    /// Whether all has been walked over. Not so when [`Extent::walk`] has come upon damage.
    pub(super) fn is_complete(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Walks on; `bytes` are those given before and more. Answers how many are missing at least; 0
    /// if the step is complete, or is broken, which decoding it will tell.
    pub(super) fn walk(&mut self, bytes: &[u8]) -> u64 {
        while let Some(current) = self.under_way.last_mut() {
            let Some(part) = current.parts.get(current.index) else {
                current.index = 0;
                current.times -= 1;
                if current.times == 0 {
                    self.under_way.pop();
                }
                continue;
            };
            let mut cursor = Cursor::new(bytes.get(self.at..).unwrap_or_default(), 0);
            match step(part, &mut cursor) {
                Ok(inner) => {
                    current.index += 1;
                    self.at += cursor.position();
                    self.under_way.extend(inner);
                }
                Err(Fault::Short(missing)) => return missing,
                Err(Fault::Final(_)) => return 0,
            }
        }
        0
    }
}

/// Steps over a part; answers what it contains.
fn step(part: &Part, cursor: &mut Cursor<'_>) -> Result<Option<Loop>, Fault> {
    match part {
        String => drop(Encoded::read(cursor)?),
        Length => drop(length::read_count(cursor, "a length")?),
        Bytes(count) => drop(cursor.take(*count)?),
        ScoreText => match cursor.byte()? {
            253..=255 => {}
            length => drop(cursor.take(u64::from(length))?),
        },
        All(parts) => return Ok(Some(Loop { parts, index: 0, times: 1 })),
        Repeat(parts) => {
            let times = length::read_count(cursor, "a count")?;
            let inner = Loop { parts, index: 0, times };
            return Ok((times > 0).then_some(inner));
        }
        Module => module::skip_value(cursor)?,
        Array => {
            let times = length::read_count(cursor, "a number of elements")?;
            if length::read_count(cursor, "whether there is an insertion index")? == 1 {
                length::read_count(cursor, "an insertion index")?;
            }
            let inner = Loop { parts: &[ArrayElement], index: 0, times };
            return Ok((times > 0).then_some(inner));
        }
        ArrayElement => {
            length::read_count(cursor, "an index")?;
            let offset = cursor.offset();
            match length::read_count(cursor, "an element's tag")? {
                0 | 3 => drop(Encoded::read(cursor)?),
                1 | 2 => drop(cursor.take(8)?),
                tag => {
                    return Err(Cursor::corrupt(offset, "a tag of 0 to 3", format!("tag {tag}")));
                }
            }
        }
    }
    Ok(None)
}
