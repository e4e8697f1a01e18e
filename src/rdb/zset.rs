//! Sorted sets, both ways.
//!
//! ```text
//! 3  count (string text)*      plain; text: a length byte and digits, or FD nan, FE inf, FF -inf
//! 5  count (string double)*    double: 8 bytes, little-endian
//! 12 string   ziplist: member, score...           17  string   listpack: member, score...
//! ```
//!
//! We write 17 and 5.

use std::io;

use super::cursor::Cursor;
use super::error::Fault;
use super::opcodes;
use super::put::{Put, ScoredSource, ZsetSource};
use super::text::{Text, duplicate, read_blob, twice};
use super::{legacy, length, listpack};
use crate::base::number::parse_f64;
use crate::types::packed::{Element, Packed, PackedRef, elements};

/// A sorted set that was read. Not empty, its members differ, and no score is NaN.
#[derive(Clone, Debug)]
pub enum Zset<'a> {
    /// Member, score, member, score... that were packed in the file, in order.
    Packed(Packed),
    /// Others, in any order.
    Members(Vec<(Text<'a>, f64)>),
}

/// Reads a sorted set of type `number` behind its key; none if it has no members.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>, number: u8) -> Result<Option<Zset<'a>>, Fault> {
    let offset = cursor.offset();
    match number {
        opcodes::TYPE_ZSET_ZIPLIST => {
            let blob = read_blob(cursor)?;
            packed(&legacy::ziplist(&blob, offset)?, None, offset)
        }
        opcodes::TYPE_ZSET_LISTPACK => {
            let blob = read_blob(cursor)?;
            let (entries, checked) = listpack::entries(&blob, offset)?;
            let all: Vec<Element<'_>> = elements(entries).collect();
            packed(&all, Packed::from_checked(entries, checked), offset)
        }
        _ => {
            let count = length::read_count(cursor, "a number of members")?;
            let mut members = Vec::new();
            for _ in 0..count {
                let member = Text::read(cursor)?;
                members.push((member, read_score(cursor, number)?));
            }
            if let Some(member) =
                duplicate(members.len(), members.iter().map(|(member, _)| member.element()))
            {
                return Err(twice(offset, "a sorted set", member));
            }
            Ok((count > 0).then_some(Zset::Members(members)))
        }
    }
}

/// Reads a score of type 3 or 5.
pub(super) fn read_score(cursor: &mut Cursor<'_>, number: u8) -> Result<f64, Fault> {
    let offset = cursor.offset();
    let wrong = |found: String| Cursor::corrupt(offset, "a score", found);
    let score = if number == opcodes::TYPE_ZSET_2 {
        f64::from_le_bytes(cursor.array()?)
    } else {
        match cursor.byte()? {
            253 => f64::NAN,
            254 => f64::INFINITY,
            255 => f64::NEG_INFINITY,
            length => {
                let text = cursor.take(u64::from(length))?;
                parse_f64(text).ok_or_else(|| wrong(format!("\"{}\"", text.escape_ascii())))?
            }
        }
    };
    // Never -0, which sorted sets do not keep.
    if score.is_nan() { Err(wrong("nan".into())) } else { Ok(score + 0.0) }
}

/// Members and scores by turns; `verbatim` has them as they were packed in the file.
fn packed(
    all: &[Element<'_>],
    verbatim: Option<Packed>,
    offset: u64,
) -> Result<Option<Zset<'static>>, Fault> {
    let wrong = |found: String| Cursor::corrupt(offset, "a score for every member", found);
    let (pairs, []) = all.as_chunks() else {
        return Err(wrong(format!("{} elements", all.len())));
    };
    let mut members = Vec::with_capacity(pairs.len());
    for [member, text] in pairs {
        let score = score(*text).ok_or_else(|| wrong(format!("{text:?}")))?;
        members.push((*member, score));
    }
    if let Some(member) = duplicate(members.len(), members.iter().map(|(member, _)| *member)) {
        return Err(twice(offset, "a sorted set", member));
    }
    if members.is_empty() {
        return Ok(None);
    }
    let small = all.len() <= PackedRef::LEN_MAX && in_order(&members);
    if !small {
        let members = members.iter().map(|(member, score)| (Text::copied(*member), *score));
        return Ok(Some(Zset::Members(members.collect())));
    }
    // As they are, if a plain reading of the scores' texts gives the same scores.
    if let Some(packed) = verbatim
        && packed.as_ref().scored().zip(&members).all(|((_, a), (_, b))| a.to_bits() == b.to_bits())
    {
        return Ok(Some(Zset::Packed(packed)));
    }
    let mut packed = Packed::new();
    members.iter().for_each(|(member, score)| packed.push_scored(*score, *member));
    Ok(Some(Zset::Packed(packed)))
}

/// A score that is written as text; never -0 either.
pub(super) fn score(element: Element<'_>) -> Option<f64> {
    match element {
        Element::Int(integer) => Some(integer as f64),
        Element::Bytes(text) => parse_f64(text).map(|score| score + 0.0),
    }
}

fn in_order(members: &[(Element<'_>, f64)]) -> bool {
    members.is_sorted_by(|(member, score), (next, next_score)| {
        score < next_score || score == next_score && next.with(|next| member.compare(next).is_lt())
    })
}

impl Zset<'_> {
    /// It as a source: a sorted set that was read can be written again.
    pub fn source(&self) -> ZsetSource<'_> {
        match self {
            Zset::Packed(packed) => ZsetSource::Packed(packed.as_ref()),
            Zset::Members(members) => ZsetSource::Large(members),
        }
    }
}

impl ScoredSource for Vec<(Text<'_>, f64)> {
    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn each_scored(&self, f: &mut dyn FnMut(Element<'_>, f64) -> io::Result<()>) -> io::Result<()> {
        self.iter().try_for_each(|(member, score)| f(member.element(), *score))
    }
}

/// Writes a sorted set behind its key.
pub(super) fn write(put: &mut impl Put, zset: &ZsetSource<'_>) -> io::Result<()> {
    match zset {
        ZsetSource::Packed(packed) => put.listpack(*packed),
        ZsetSource::Large(large) => {
            let len = large.len();
            length::put(put.buffer(), len as u64);
            let mut written = 0;
            large.each_scored(&mut |member, score| {
                put.element(member)?;
                put.buffer().extend_from_slice(&score.to_le_bytes());
                written += 1;
                Ok(())
            })?;
            super::put::complete(written, len)
        }
    }
}
