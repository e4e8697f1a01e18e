//! Whether two replies to the same request are equal, as the command's kind of comparison has it.

use super::coverage::kind;
use super::policy::Compare;
use coolcache::rdb::dump::decode;
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
        Compare::Near(tolerance) => match (ours, theirs) {
            // Negative ones are no times.
            (OwnedReply::Int(a), OwnedReply::Int(b)) if *a >= 0 && *b >= 0 => {
                a.abs_diff(*b) <= tolerance.unsigned_abs()
            }
            _ => ours == theirs,
        },
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
                matches!(values, (Ok(a), Ok(b)) if tell(&a) == tell(&b))
            }
            _ => ours == theirs,
        },
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

/// The cursor and the keys of a reply of SCAN.
pub fn scanned(reply: &OwnedReply) -> Option<(Vec<u8>, BTreeSet<Vec<u8>>)> {
    let OwnedReply::Array(parts) = reply else { return None };
    let [OwnedReply::Bulk(cursor), OwnedReply::Array(keys)] = parts.as_slice() else { return None };
    let keys = keys.iter().map(|key| match key {
        OwnedReply::Bulk(key) => Some(key.clone()),
        _ => None,
    });
    Some((cursor.clone(), keys.collect::<Option<_>>()?))
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
