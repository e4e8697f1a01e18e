//! SORT and SORT_RO: the elements of a list, set or sorted set in order, or what their values point
//! to.
//!
//! ```text
//! gather the elements ──► give each its weight (itself, or what BY's pattern finds) ──► sort
//!     ──► cut by LIMIT ──► replace each by what the GET patterns find ──► reply or STORE
//! ```

use super::GENERIC;
use crate::command::element::push;
use crate::command::random::check_length;
use crate::command::replace::replace;
use crate::command::zset::score;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::Push;
use crate::keyspace::{Entry, Key, StringRef, Tx, Type, View, WrongType};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::list::Side;
use crate::types::packed::Element;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};

pub(super) const SORT: Command = Command {
    name: "sort",
    summary: "Sorts the elements of a list, set or sorted set; returns or stores them.",
    syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] \
             [ALPHA] [STORE destination]",
    example: r#"
        > RPUSH ids 3 1 2
        (integer) 3
        > SORT ids DESC
        1) "3"
        2) "2"
        3) "1"
        > MSET weight_1 30 weight_2 20 weight_3 10
        OK
        > SORT ids BY weight_* LIMIT 0 2 GET # GET weight_*
        1) "3"
        2) "10"
        3) "2"
        4) "20"
        > SORT ids STORE sorted
        (integer) 3
        log: RPUSH sorted 1 2 3
        event: sortstore sorted
    "#,
    complexity: SORT_COMPLEXITY,
    keys: &[
        Keys::One(1, Access::Read),
        Keys::Unknown(Access::Read),
        Keys::Unknown(Access::Overwrite),
    ],
    flags: &[Flag::DenyOom, Flag::MovableKeys],
    categories: SORT_CATEGORIES,
    handler: Handler::Write(sort),
    ..GENERIC
};

pub(super) const SORT_RO: Command = Command {
    name: "sort_ro",
    summary: "Sorts the elements of a list, set or sorted set, and changes nothing.",
    syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] \
             [ALPHA]",
    example: r#"
        > SADD colours red green blue
        (integer) 3
        > SORT_RO colours ALPHA LIMIT 0 2
        1) "blue"
        2) "green"
        > SORT_RO colours
        (error) ERR One or more scores can't be converted into double
    "#,
    since: "7.0.0",
    complexity: SORT_COMPLEXITY,
    keys: &[Keys::One(1, Access::Read), Keys::Unknown(Access::Read)],
    flags: &[Flag::MovableKeys],
    categories: SORT_CATEGORIES,
    handler: Handler::Read(sort_ro),
    cost: Some(cost),
    ..GENERIC
};

const SORT_COMPLEXITY: &str = "O(N+M*log(M)) where N is the number of elements in the list or set \
                               to sort, and M the number of returned elements. When the elements \
                               are not sorted, complexity is O(N).";

const SORT_CATEGORIES: &[&str] = &["-keyspace", "set", "sortedset", "list", "dangerous"];

fn sort<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let options = Options::parse(call, true)?;
    let view = tx.view().counted();
    let Some(destination) = options.store else { return options.reply(view, call.key(1)) };
    let mut elements: Vec<Vec<u8>> = Vec::new();
    options.run(view, call.key(1), &mut |found| {
        // What a pattern does not find is stored as an empty string.
        elements.push(found.map_or(Vec::new(), |one| one.to_vec()));
        Ok(())
    })?;
    let key = Key::new(destination);
    replace(tx, key, &elements, "sortstore", |tx, elements, event| {
        let values: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
        tx.emit(Push { key, side: Side::Right, values: &values, event });
    });
    Ok(Reply::Int(elements.len() as i64))
}

fn sort_ro<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    Options::parse(call, false)?.reply(view, call.key(1))
}

/// How many elements and keys are looked at.
fn cost<'a>(view: View<'a>, call: &Call<'a>) -> u64 {
    let Some(entry) = view.entry(call.key(1)) else { return 0 };
    let (Some(len), Ok(options)) = (length(&entry), Options::parse(call, false)) else { return 0 };
    let found = options.limit(len).len();
    let sorted = match (options.unsorted, &options.by) {
        (true, _) => found,
        (false, None) => len,
        (false, Some(_)) => len.saturating_mul(2),
    };
    sorted.saturating_add(found.saturating_mul(options.get.len())) as u64
}

/// Elements under a key; none if it is of a type that cannot be sorted.
fn length(entry: &Entry<'_>) -> Option<usize> {
    match entry.value_type() {
        Type::List => entry.list().map(|list| list.len()),
        Type::Set => entry.set().map(|set| set.len()),
        Type::Zset => entry.zset().map(|zset| zset.len()),
        Type::String | Type::Hash | Type::Stream => None,
    }
}

/// What a call asks for.
struct Options<'a> {
    /// What gives an element its weight; none: the element itself.
    by: Option<Pattern<'a>>,
    /// Elements stay in the order in which they are: a BY pattern without `*`. It stays so if
    /// another BY follows.
    unsorted: bool,
    get: Vec<Pattern<'a>>,
    offset: i64,
    /// Negative: all.
    count: i64,
    descending: bool,
    alpha: bool,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(call: &Call<'a>, may_store: bool) -> Result<Options<'a>> {
        let mut options = Options {
            by: None,
            unsorted: false,
            get: Vec::new(),
            offset: 0,
            count: -1,
            descending: false,
            alpha: false,
            store: None,
        };
        let mut at = 2;
        while at < call.len() {
            let (next, behind) = (call.get(at + 1), call.get(at + 2));
            if call.is(at, "ASC") {
                options.descending = false;
            } else if call.is(at, "DESC") {
                options.descending = true;
            } else if call.is(at, "ALPHA") {
                options.alpha = true;
            } else if call.is(at, "LIMIT") && behind.is_some() {
                (options.offset, options.count) = (call.int(at + 1)?, call.int(at + 2)?);
                at += 2;
            } else if let Some(value) = next {
                if call.is(at, "STORE") && may_store {
                    options.store = Some(value);
                } else if call.is(at, "BY") {
                    options.unsorted |= !value.contains(&b'*');
                    options.by = Some(Pattern::new(value));
                } else if call.is(at, "GET") {
                    options.get.push(Pattern::new(value));
                } else {
                    return Err(Error::Syntax);
                }
                at += 1;
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }

    /// What was asked for, as a reply. Its length is the client's choice: each element comes as
    /// often as there are patterns.
    fn reply(&self, view: View<'_>, key: Key<'_>) -> Result<Reply<'static>> {
        let mut reply = BulksBuilder::new(BulksKind::Array);
        self.run(view, key, &mut |found| {
            match found {
                Some(found) => push(&mut reply, found),
                None => reply.push_null(),
            }
            check_length(&reply)
        })?;
        Ok(reply.finish())
    }

    /// Gives the elements, or what the patterns find for them, to `found`; none where they find
    /// nothing. Its error ends it.
    fn run<'v>(
        &self,
        view: View<'v>,
        key: Key<'_>,
        found: &mut dyn FnMut(Option<Element<'v>>) -> Result<()>,
    ) -> Result<()> {
        let Some(entry) = view.entry(key) else { return Ok(()) };
        let len = length(&entry).ok_or(WrongType)?;
        let limit = self.limit(len);
        // The order of a set is no order that could be stored.
        let arbitrary = entry.value_type() == Type::Set && self.store.is_some();
        let elements = if self.unsorted && !arbitrary {
            self.in_order(&entry, len, limit)
        } else {
            let elements = gather(&entry, 0..len);
            let sorted = if self.unsorted {
                by_text(elements, |element| Some(element.cow()), self.descending)
            } else {
                self.sorted(view, elements)?
            };
            sorted.get(limit).unwrap_or_default().to_vec()
        };
        if self.get.is_empty() {
            return elements.into_iter().try_for_each(|element| found(Some(element)));
        }
        let mut name = Vec::new();
        for element in elements {
            for pattern in &self.get {
                found(pattern.find(view, element, &mut name))?;
            }
        }
        Ok(())
    }

    /// The range that LIMIT leaves of `len` elements.
    fn limit(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.offset.max(0)).unwrap_or(usize::MAX).min(len);
        let end = match usize::try_from(self.count) {
            Ok(count) => start.saturating_add(count).min(len),
            Err(_) => len,
        };
        start..end
    }

    /// The elements in the order in which they are; that of a list or sorted set can be turned
    /// round.
    fn in_order<'v>(&self, entry: &Entry<'v>, len: usize, limit: Range<usize>) -> Vec<Element<'v>> {
        if !self.descending || entry.value_type() == Type::Set {
            return gather(entry, limit);
        }
        let mut elements = gather(entry, len - limit.end..len - limit.start);
        elements.reverse();
        elements
    }

    fn sorted<'v>(&self, view: View<'v>, elements: Vec<Element<'v>>) -> Result<Vec<Element<'v>>> {
        let mut name = Vec::new();
        let mut weigh = |element: Element<'v>| match &self.by {
            None => Some(element),
            Some(pattern) => pattern.find(view, element, &mut name),
        };
        if self.alpha {
            let weigh = |element: &Element<'v>| weigh(*element).map(|weight| weight.cow());
            return Ok(by_text(elements, weigh, self.descending));
        }
        let mut weighed = Vec::with_capacity(elements.len());
        for element in elements {
            weighed.push((weigh(element).map_or(Ok(0.0), weight)?, element));
        }
        weighed.sort_unstable_by(|(a, first), (b, second)| {
            let order = a.partial_cmp(b).unwrap_or(Ordering::Equal);
            // Equal weights: by text, so that the order is one.
            let order = order.then_with(|| first.with(|text| second.compare(text).reverse()));
            if self.descending { order.reverse() } else { order }
        });
        Ok(weighed.into_iter().map(|(_, element)| element).collect())
    }
}

/// Sorts elements by texts; what has none comes first.
fn by_text<'v>(
    elements: Vec<Element<'v>>,
    mut weigh: impl FnMut(&Element<'v>) -> Option<Cow<'v, [u8]>>,
    descending: bool,
) -> Vec<Element<'v>> {
    let weighed = elements.into_iter().map(|element| (weigh(&element), element));
    let mut weighed: Vec<_> = weighed.collect();
    weighed.sort_by(|(a, _), (b, _)| if descending { b.cmp(a) } else { a.cmp(b) });
    weighed.into_iter().map(|(_, element)| element).collect()
}

/// An element's or value's weight as a number: a decimal one only, unlike other commands, and as
/// far as a NUL, since Redis reads it as a C string.
fn weight(element: Element<'_>) -> Result<f64> {
    const NO_NUMBER: Error = Error::text("ERR One or more scores can't be converted into double");
    match element {
        Element::Int(number) => Ok(number as f64),
        Element::Bytes(text) => {
            let end = memchr::memchr(0, text).filter(|end| *end > 0);
            score(&text[..end.unwrap_or(text.len())]).ok_or(NO_NUMBER)
        }
    }
}

/// The elements with these indexes.
fn gather<'v>(entry: &Entry<'v>, indexes: Range<usize>) -> Vec<Element<'v>> {
    if let Some(list) = entry.list() {
        list.range(indexes).collect()
    } else if let Some(set) = entry.set() {
        let (mut members, mut at) = (Vec::with_capacity(indexes.len()), 0);
        // Whether it was broken off is of no interest here.
        let _whole = set.each(|member| {
            if at >= indexes.end {
                return ControlFlow::Break(());
            }
            if at >= indexes.start {
                members.push(member);
            }
            at += 1;
            ControlFlow::Continue(())
        });
        members
    } else if let Some(zset) = entry.zset() {
        zset.range(indexes).map(|(member, _)| member).collect()
    } else {
        Vec::new()
    }
}

/// What BY and GET make of an element.
enum Pattern<'a> {
    /// `#`: the element.
    Itself,
    /// The string under `prefix element suffix`, or a field of the hash there.
    Key { prefix: &'a [u8], suffix: &'a [u8], field: Option<&'a [u8]> },
    /// Without a `*`: nothing.
    Nothing,
}

impl<'a> Pattern<'a> {
    /// Reads `prefix*suffix` or `prefix*suffix->field`. Without a field behind it the arrow belongs
    /// to the suffix.
    fn new(pattern: &'a [u8]) -> Self {
        if pattern == b"#" {
            return Pattern::Itself;
        }
        let Some(star) = memchr::memchr(b'*', pattern) else { return Pattern::Nothing };
        let (prefix, suffix) = (&pattern[..star], &pattern[star + 1..]);
        match memchr::memmem::find(suffix, b"->") {
            Some(arrow) if arrow + 2 < suffix.len() => {
                Pattern::Key { prefix, suffix: &suffix[..arrow], field: Some(&suffix[arrow + 2..]) }
            }
            _ => Pattern::Key { prefix, suffix, field: None },
        }
    }

    /// What it finds. `name` is memory for the key.
    fn find<'v>(
        &self,
        view: View<'v>,
        element: Element<'v>,
        name: &mut Vec<u8>,
    ) -> Option<Element<'v>> {
        let (prefix, suffix, field) = match *self {
            Pattern::Itself => return Some(element),
            Pattern::Nothing => return None,
            Pattern::Key { prefix, suffix, field } => (prefix, suffix, field),
        };
        name.clear();
        name.extend_from_slice(prefix);
        element.append_to(name);
        name.extend_from_slice(suffix);
        let entry = view.entry(Key::new(name))?;
        match field {
            Some(field) => entry.hash()?.get(field, view.now().0),
            None => Some(match entry.string()? {
                StringRef::Int(number) => Element::Int(number),
                StringRef::Bytes(bytes) => Element::Bytes(bytes),
                StringRef::Shared(bytes) => Element::Bytes(bytes),
            }),
        }
    }
}
