//! Whether two replies to the same request are equal, as the command's kind of comparison has it.

use super::coverage::kind;
use super::policy::Compare;
use coolcache::rdb::dump::{DumpValue, decode};
use coolcache::rdb::fuzzing::tell;
use coolcache::resp::OwnedReply;
use std::collections::BTreeSet;

/// Whether `ours` and `theirs` are equal; `next` is our reply to the next request.
pub fn equal(
    compare: Compare,
    ours: &OwnedReply,
    theirs: &OwnedReply,
    next: Option<&OwnedReply>,
) -> bool {
    if matches!(ours, OwnedReply::Error(_)) || matches!(theirs, OwnedReply::Error(_)) {
        return ours == theirs;
    }
    match compare {
        Compare::Equal => ours == theirs,
        Compare::Unordered => sorted(ours) == sorted(theirs),
        Compare::UnorderedPairs => pairs(ours) == pairs(theirs),
        Compare::Near(tolerance) => near(ours, theirs, tolerance),
        Compare::Aged => ageless(ours) == ageless(theirs),
        Compare::Drawn => {
            let mut all = Vec::new();
            next.into_iter().for_each(|next| leaves(next, &mut all));
            let is_listed = |reply: &OwnedReply| {
                let mut drawn = Vec::new();
                leaves(reply, &mut drawn);
                drawn.iter().all(|one| all.contains(one))
            };
            shape(ours) == shape(theirs) && is_listed(ours) && is_listed(theirs)
        }
        Compare::Taken | Compare::Sized => shape(ours) == shape(theirs),
        Compare::Skipped => true,
        Compare::Kind | Compare::Iterated => kind(ours) == kind(theirs),
        Compare::Member => {
            let is_listed = |reply: &OwnedReply| match (reply, next) {
                (OwnedReply::Null, Some(OwnedReply::Array(keys))) => keys.is_empty(),
                (_, Some(OwnedReply::Array(keys))) => keys.contains(reply),
                _ => false,
            };
            is_listed(ours) && is_listed(theirs)
        }
        Compare::Payload => match (ours, theirs) {
            (OwnedReply::Bulk(a), OwnedReply::Bulk(b)) => {
                let (mut a_scratch, mut b_scratch) = (Vec::new(), Vec::new());
                let values = (decode(a, &mut a_scratch), decode(b, &mut b_scratch));
                matches!(values, (Ok(a), Ok(b)) if told(&a) == told(&b))
            }
            _ => ours == theirs,
        },
    }
}

/// A value's text; what has no order is sorted. A stream's groups are left out for their times:
/// XINFO STREAM FULL shows them.
fn told(value: &DumpValue<'_>) -> Vec<String> {
    let mut told = tell(value);
    match value {
        DumpValue::Set(_) => told.sort(),
        // Each ends with its expiry, which each server counts from its own clock.
        DumpValue::Hash(_) => {
            for field in &mut told {
                let end = field.rfind(" Some(").map_or(field.len(), |at| at + " Some".len());
                field.truncate(end);
            }
            told.sort();
        }
        DumpValue::Stream(stream) => told.truncate(told.len() - stream.groups.len()),
        _ => {}
    }
    told
}

fn near(ours: &OwnedReply, theirs: &OwnedReply, tolerance: i64) -> bool {
    match (ours, theirs) {
        // Negative ones are no times.
        (OwnedReply::Int(a), OwnedReply::Int(b)) if *a >= 0 && *b >= 0 => {
            a.abs_diff(*b) <= tolerance.unsigned_abs()
        }
        (OwnedReply::Array(a), OwnedReply::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b, tolerance))
        }
        _ => ours == theirs,
    }
}

/// A reply about streams without its ages: the integers behind the names of ages, those in pending
/// entries, and times of day. Nor is the number of a radix tree's nodes compared: we have another
/// tree.
pub fn ageless(reply: &OwnedReply) -> OwnedReply {
    const NAMES: &[&[u8]] =
        &[b"idle", b"inactive", b"seen-time", b"active-time", b"radix-tree-nodes"];
    /// Milliseconds since 1970, some time in 1973.
    const TIME_OF_DAY: i64 = 100_000_000_000;
    let is_age =
        |name: &OwnedReply| NAMES.iter().any(|age| *name == OwnedReply::Bulk(age.to_vec()));
    // Ages that are set by a command are either nothing or days.
    let rounded = |age: i64| if age < 0 { age } else { age / 100_000_000 };
    match reply {
        OwnedReply::Int(time) if *time > TIME_OF_DAY => OwnedReply::Int(TIME_OF_DAY),
        OwnedReply::Array(items) => {
            let mut items: Vec<OwnedReply> = items.iter().map(ageless).collect();
            for at in 1..items.len() {
                if is_age(&items[at - 1])
                    && let OwnedReply::Int(age) = items[at]
                {
                    items[at] = OwnedReply::Int(rounded(age));
                }
            }
            // A pending entry: id, consumer, age, count.
            if let [
                OwnedReply::Bulk(_),
                OwnedReply::Bulk(_),
                OwnedReply::Int(age),
                OwnedReply::Int(_),
            ] = items.as_mut_slice()
            {
                *age = rounded(*age);
            }
            OwnedReply::Array(items)
        }
        OwnedReply::Map(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| match value {
                OwnedReply::Int(age) if is_age(name) => {
                    (name.clone(), OwnedReply::Int(rounded(*age)))
                }
                other => (name.clone(), ageless(other)),
            });
            OwnedReply::Map(pairs.collect())
        }
        other => other.clone(),
    }
}

/// Everything in a reply that is no array.
fn leaves<'a>(reply: &'a OwnedReply, found: &mut Vec<&'a OwnedReply>) {
    match reply {
        OwnedReply::Array(items) | OwnedReply::Set(items) => {
            items.iter().for_each(|item| leaves(item, found));
        }
        OwnedReply::Map(pairs) => pairs.iter().for_each(|(name, value)| {
            leaves(name, found);
            leaves(value, found);
        }),
        OwnedReply::Null | OwnedReply::NullArray => {}
        other => found.push(other),
    }
}

/// A reply's kind, and those of its elements in order.
fn shape(reply: &OwnedReply) -> (&'static str, Vec<&'static str>) {
    let inside = match reply {
        OwnedReply::Array(items) | OwnedReply::Set(items) => items.iter().map(kind).collect(),
        _ => Vec::new(),
    };
    (kind(reply), inside)
}

/// The pairs in the order of their text, and whether it is a map.
fn pairs(reply: &OwnedReply) -> (bool, Vec<String>) {
    match reply {
        OwnedReply::Array(items) => {
            let mut pairs: Vec<String> = items.chunks(2).map(|pair| format!("{pair:?}")).collect();
            pairs.sort();
            (false, pairs)
        }
        other => (matches!(other, OwnedReply::Map(_)), sorted(other)),
    }
}

/// The elements in the order of their text; pairs stay together.
fn sorted(reply: &OwnedReply) -> Vec<String> {
    let mut elements: Vec<String> = match reply {
        OwnedReply::Array(items) | OwnedReply::Set(items) => {
            items.iter().map(|item| format!("{item:?}")).collect()
        }
        OwnedReply::Map(pairs) => pairs.iter().map(|pair| format!("{pair:?}")).collect(),
        other => vec![format!("{other:?}")],
    };
    elements.sort();
    elements
}

/// The cursor and the elements of a reply of SCAN or its kin, so many words an element.
pub fn scanned(reply: &OwnedReply, each: usize) -> Option<(Vec<u8>, BTreeSet<Vec<String>>)> {
    let OwnedReply::Array(parts) = reply else { return None };
    let [OwnedReply::Bulk(cursor), OwnedReply::Array(found)] = parts.as_slice() else {
        return None;
    };
    let elements = found.chunks(each).map(|element| element.iter().map(show).collect());
    Some((cursor.clone(), elements.collect()))
}

/// A reply as a short text.
pub fn show(reply: &OwnedReply) -> String {
    let text = match reply {
        OwnedReply::Simple(text) => format!("+{}", text.escape_ascii()),
        OwnedReply::Error(text) => format!("-{}", text.escape_ascii()),
        OwnedReply::Int(number) => format!(":{number}"),
        OwnedReply::Bulk(text) => format!("{:?}", text.escape_ascii().to_string()),
        OwnedReply::Array(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        other => format!("{other:?}"),
    };
    shortened(text)
}

/// A request as a line.
pub fn show_words(words: &[Vec<u8>]) -> String {
    let words = words.iter().map(|word| match word.escape_ascii().to_string() {
        plain if !plain.is_empty() && !plain.contains([' ', '\\', '"']) => shortened(plain),
        other => format!("\"{}\"", shortened(other)),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn shortened(text: String) -> String {
    const LONGEST: usize = 400;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.len()),
        None => text,
    }
}
