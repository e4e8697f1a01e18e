//! A node of a stream: entries in one listpack, with what they have in common at its front.
//!
//! ```text
//! live deleted fields field ... 0                                          the master entry
//! flags ms seq value ... elements                                          an entry, SAME_FIELDS
//! flags ms seq fields (field value) ... elements                           another
//! ```
//!
//! `ms` and `seq` are differences to the master id; `elements` counts those of the entry before it.

use super::super::listpack::HEAD_BYTES;
use super::{Id, Node};
use crate::types::packed::{self, Element};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// A field and its value.
pub type Pair<'a> = (Element<'a>, Element<'a>);

impl Node<'_> {
    /// Visits the live entries: their ids, fields and values.
    pub fn each<'n>(&'n self, f: &mut dyn FnMut(Id, &[Pair<'n>])) {
        let bytes: &'n [u8] = &self.listpack;
        let end = bytes.len().saturating_sub(1);
        let entries = bytes.get(HEAD_BYTES..end).unwrap_or_default();
        // It was checked when it was read: nothing more can be wrong with it.
        let walked = walk(self.master, entries, &mut |id, live, fields| {
            if live {
                f(id, fields);
            }
        });
        debug_assert!(walked.is_ok());
    }
}

/// What was found in a node.
pub(super) struct Checked {
    /// How many entries are live.
    pub(super) live: u64,
    /// The first live one's id. There may be none: trimming can leave a node that Redis keeps.
    pub(super) first: Option<Id>,
    /// The last one's id, deleted or not.
    pub(super) last: Id,
}

/// Checks a node whose entries' encodings are right: ids ascend from above `after` on, and the
/// counts are right. The error says what is wrong.
pub(super) fn check(
    master: Id,
    entries: &[u8],
    after: Option<Id>,
) -> Result<Checked, &'static str> {
    let (mut last, mut first, mut live) = (after, None, 0);
    let mut ascending = true;
    walk(master, entries, &mut |id, is_live, fields| {
        ascending &= last.is_none_or(|last| id > last) && !(is_live && fields.is_empty());
        last = Some(id);
        if is_live {
            live += 1;
            first.get_or_insert(id);
        }
    })?;
    match last {
        _ if !ascending => Err("ids that do not ascend, or an entry without fields"),
        Some(last) => Ok(Checked { live, first, last }),
        None => Err("no entry"),
    }
}

/// Elements taken one after the other.
struct Elements<I>(I);

impl<'a, I: Iterator<Item = Element<'a>>> Elements<I> {
    fn next(&mut self) -> Result<Element<'a>, &'static str> {
        self.0.next().ok_or("an entry cut short")
    }

    fn integer(&mut self) -> Result<i64, &'static str> {
        match self.next()? {
            Element::Int(integer) => Ok(integer),
            // Redis reads a string here as 0 or asserts.
            Element::Bytes(_) => Err("a string in the place of a number"),
        }
    }

    fn count(&mut self) -> Result<usize, &'static str> {
        usize::try_from(self.integer()?).map_err(|_| "a count below 0")
    }
}

type Visit<'v, 'n> = &'v mut dyn FnMut(Id, bool, &[Pair<'n>]);

/// Visits all entries, deleted ones too (`false`), and says what is wrong if something is.
pub(in super::super) fn walk<'n>(
    master: Id,
    entries: &'n [u8],
    visit: Visit<'_, 'n>,
) -> Result<(), &'static str> {
    let mut iter = packed::elements(entries).peekable();
    let mut head = Elements(iter.by_ref());
    let (live, deleted, fields) = (head.count()?, head.count()?, head.count()?);
    let mut names = Vec::new();
    for _ in 0..fields {
        names.push(head.next()?);
    }
    if head.integer()? != 0 {
        return Err("a master entry without its end");
    }
    let (mut found_live, mut found_deleted) = (0, 0);
    let mut pairs = Vec::new();
    while iter.peek().is_some() {
        let mut entry = Elements(iter.by_ref());
        let flags = entry.integer()?;
        let id = Id {
            ms: master.ms.wrapping_add(entry.integer()?.cast_unsigned()),
            seq: master.seq.wrapping_add(entry.integer()?.cast_unsigned()),
        };
        let is_live = read_fields(&mut entry, flags, &names, &mut pairs)?;
        found_live += usize::from(is_live);
        found_deleted += usize::from(!is_live);
        visit(id, is_live, &pairs);
    }
    if (found_live, found_deleted) != (live, deleted) {
        return Err("another number of entries than it says");
    }
    Ok(())
}

/// Reads an entry behind its id; answers whether it is live.
fn read_fields<'n, I: Iterator<Item = Element<'n>>>(
    entry: &mut Elements<I>,
    flags: i64,
    names: &[Element<'n>],
    pairs: &mut Vec<Pair<'n>>,
) -> Result<bool, &'static str> {
    pairs.clear();
    let elements = if flags & SAME_FIELDS != 0 {
        for name in names {
            pairs.push((*name, entry.next()?));
        }
        3 + names.len()
    } else {
        for _ in 0..entry.count()? {
            pairs.push((entry.next()?, entry.next()?));
        }
        4 + 2 * pairs.len()
    };
    if entry.count()? != elements {
        return Err("an entry with another number of elements than it says");
    }
    Ok(flags & DELETED == 0)
}
