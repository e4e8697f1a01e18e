//! ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD. The sources may be plain sets too:
//! their members have the score 1.
//!
//! Scores are added up in Valkey's order, smaller sources first, so that the sums are the same to
//! the last bit.

use super::{ZSET, score, store};
use crate::command::algebra::{Operation, asks};
use crate::command::arguments::natural;
use crate::command::element::{ElementMap, ElementSet};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::{Key, Tx, View, WrongType};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use crate::types::packed::Element;
use crate::types::set::SetRef;
use crate::types::zset::ZsetRef;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow::{self, Break, Continue};

/// What becomes of the result; each allows other options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// ZUNION, ZINTER, ZDIFF.
    Return,
    /// ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE.
    Store,
    /// ZINTERCARD.
    Count,
}

/// What a member's score is made of, if several sources have it.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, score: f64, other: f64) -> f64 {
        match self {
            // Infinity and its opposite.
            Aggregate::Sum => a_number(score + other),
            Aggregate::Min if other < score => other,
            Aggregate::Max if other > score => other,
            Aggregate::Min | Aggregate::Max => score,
        }
    }
}

/// What Redis makes of NaN (infinity weighted with 0): 0.
fn a_number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A source that is there.
#[derive(Clone, Copy)]
enum Members<'a> {
    Sorted(ZsetRef<'a>),
    Plain(SetRef<'a>),
}

impl<'a> Members<'a> {
    fn of(view: View<'a>, key: Key<'_>) -> Result<Option<Self>> {
        let Some(entry) = view.entry(key) else { return Ok(None) };
        let members = entry.zset().map(Members::Sorted);
        let members = members.or_else(|| entry.set().map(Members::Plain));
        members.map(Some).ok_or(WrongType.into())
    }

    fn len(self) -> usize {
        match self {
            Members::Sorted(zset) => zset.len(),
            Members::Plain(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Members::Sorted(zset) => zset.score(member),
            Members::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    fn each(self, mut f: impl FnMut(Element<'a>, f64) -> ControlFlow<()>) -> ControlFlow<()> {
        match self {
            Members::Sorted(zset) => zset.iter().try_for_each(|(member, score)| f(member, score)),
            Members::Plain(set) => set.each(|member| f(member, 1.0)),
        }
    }
}

/// A source with its weight. One that is not there is empty.
#[derive(Clone, Copy)]
struct Source<'a> {
    members: Option<Members<'a>>,
    weight: f64,
}

impl Source<'_> {
    fn len(&self) -> usize {
        self.members.map_or(0, Members::len)
    }
}

/// What a call asks for.
struct Query<'a> {
    operation: Operation,
    sources: Vec<Source<'a>>,
    aggregate: Aggregate,
    with_scores: bool,
    /// Of ZINTERCARD; 0: none.
    limit: usize,
}

/// A score and its member.
type Item<'a> = (f64, Cow<'a, [u8]>);

impl<'a> Query<'a> {
    /// Reads the arguments from `numkeys`, at `at`, on, and finds the sources.
    fn parse(
        view: View<'a>,
        call: &Call<'_>,
        at: usize,
        (operation, purpose): (Operation, Purpose),
    ) -> Result<Query<'a>> {
        let count = call.int(at)?;
        if count < 1 {
            let name = call.command.full_name;
            let text = format!("ERR at least 1 input key is needed for '{name}' command");
            return Err(Error::owned(text));
        }
        let first = at + 1;
        let count = usize::try_from(count).ok().filter(|count| *count <= call.len() - first);
        let end = first + count.ok_or(Error::Syntax)?;
        let mut sources = Vec::with_capacity(end - first);
        for at in first..end {
            sources.push(Source { members: Members::of(view, call.key(at))?, weight: 1.0 });
        }
        let (aggregate, with_scores, limit) = (Aggregate::Sum, false, 0);
        let mut query = Query { operation, sources, aggregate, with_scores, limit };
        let mut n = end;
        while n < call.len() {
            n = query.option(call, n, purpose)?;
        }
        Ok(query)
    }

    /// Reads the option at `n`, and says where the next one is.
    fn option(&mut self, call: &Call<'_>, n: usize, purpose: Purpose) -> Result<usize> {
        let values = call.len() - n - 1;
        let combines = self.operation != Operation::Difference && purpose != Purpose::Count;
        if combines && values >= self.sources.len() && call.is(n, "WEIGHTS") {
            const TEXT: Error = Error::text("ERR weight value is not a float");
            for (source, text) in self.sources.iter_mut().zip(&call.args()[n + 1..]) {
                source.weight = score(text).ok_or(TEXT)?;
            }
            return Ok(n + 1 + self.sources.len());
        }
        if combines && values >= 1 && call.is(n, "AGGREGATE") {
            self.aggregate = if call.is(n + 1, "SUM") {
                Aggregate::Sum
            } else if call.is(n + 1, "MIN") {
                Aggregate::Min
            } else if call.is(n + 1, "MAX") {
                Aggregate::Max
            } else {
                return Err(Error::Syntax);
            };
            return Ok(n + 2);
        }
        if purpose == Purpose::Return && call.is(n, "WITHSCORES") {
            self.with_scores = true;
            return Ok(n + 1);
        }
        if purpose == Purpose::Count && values >= 1 && call.is(n, "LIMIT") {
            const TEXT: Error = Error::text("ERR LIMIT can't be negative");
            self.limit = natural(call.arg(n + 1)).ok_or(TEXT)?;
            return Ok(n + 2);
        }
        Err(Error::Syntax)
    }

    /// The result, in order.
    fn items(mut self) -> Vec<Item<'a>> {
        let mut items = match self.operation {
            Operation::Union => self.union(),
            Operation::Intersection => {
                let mut items = Vec::new();
                // It never breaks off.
                let _whole = self.intersection(|score, member| {
                    items.push((score, member.cow()));
                    Continue(())
                });
                items
            }
            Operation::Difference => self.difference(),
        };
        items.sort_by(|a, b| {
            // No score is NaN.
            let by_score = a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal);
            by_score.then_with(|| a.1.cmp(&b.1))
        });
        items
    }

    fn union(&mut self) -> Vec<Item<'a>> {
        self.sources.sort_by_key(Source::len);
        let largest = self.sources.last().map_or(0, Source::len);
        let mut scores: ElementMap<'a, f64> = ElementMap::default();
        scores.reserve(largest);
        let aggregate = self.aggregate;
        for source in &self.sources {
            let Some(members) = source.members else { continue };
            // It never breaks off.
            let _whole = members.each(|member, score| {
                let score = a_number(source.weight * score);
                match scores.entry(member.cow()) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(score);
                    }
                    Entry::Occupied(mut found) => {
                        let all = aggregate.of(*found.get(), score);
                        found.insert(all);
                    }
                }
                Continue(())
            });
        }
        scores.into_iter().map(|(member, score)| (score, member)).collect()
    }

    /// Visits what all sources have, until `found` breaks off.
    fn intersection(
        &mut self,
        mut found: impl FnMut(f64, Element<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.sources.sort_by_key(Source::len);
        let there: Option<Vec<_>> = self
            .sources
            .iter()
            .map(|source| source.members.map(|members| (members, source.weight)))
            .collect();
        let Some(there) = there else { return Continue(()) };
        let Some(((smallest, weight), others)) = there.split_first() else { return Continue(()) };
        let aggregate = self.aggregate;
        smallest.each(|member, score| {
            let score = member.with(|bytes| {
                others.iter().try_fold(a_number(weight * score), |score, (other, weight)| {
                    Some(aggregate.of(score, other.score(bytes)? * weight))
                })
            });
            match score {
                Some(score) => found(score, member),
                None => Continue(()),
            }
        })
    }

    fn difference(&self) -> Vec<Item<'a>> {
        let Some((first, others)) = self.sources.split_first() else { return Vec::new() };
        let Some(first) = first.members else { return Vec::new() };
        let others: Vec<Members<'a>> = others.iter().filter_map(|other| other.members).collect();
        let sizes: Vec<usize> = others.iter().map(|other| other.len()).collect();
        let gone = (!asks(first.len(), &sizes)).then(|| {
            let mut gone = ElementSet::default();
            for other in &others {
                // It never breaks off.
                let _whole = other.each(|member, _| {
                    if member.with(|bytes| first.score(bytes).is_some()) {
                        gone.insert(member.cow());
                    }
                    Continue(())
                });
            }
            gone
        });
        let mut items = Vec::new();
        // It never breaks off.
        let _whole = first.each(|member, score| {
            let stays = member.with(|bytes| match &gone {
                Some(gone) => !gone.contains(bytes),
                None => others.iter().all(|other| other.score(bytes).is_none()),
            });
            if stays {
                items.push((score, member.cow()));
            }
            Continue(())
        });
        items
    }
}

fn returned<'a>(view: View<'a>, call: &Call<'a>, operation: Operation) -> Result<Reply<'a>> {
    let query = Query::parse(view, call, 1, (operation, Purpose::Return))?;
    let with_scores = query.with_scores;
    let items = query.items();
    let mut reply =
        BulksBuilder::new(if with_scores { BulksKind::Scored } else { BulksKind::Array });
    for (score, member) in items {
        reply.push(&member);
        if with_scores {
            reply.push_double(score);
        }
    }
    Ok(reply.finish())
}

fn stored<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'a>,
    operation: Operation,
    event: &'static str,
) -> Result<Reply<'a>> {
    let query = Query::parse(tx.view().counted(), call, 2, (operation, Purpose::Store))?;
    let items: Vec<(f64, Vec<u8>)> =
        query.items().into_iter().map(|(score, member)| (score, member.into_owned())).collect();
    store(tx, call.key(1), &items, event);
    Ok(Reply::Int(items.len() as i64))
}

/// About how many members are looked at. A key of another type counts as a missing one.
fn cost(view: View<'_>, call: &Call<'_>, operation: Operation) -> u64 {
    let end = natural(call.arg(1)).unwrap_or(0).saturating_add(2).min(call.len());
    operation.cost_of(end.saturating_sub(2), 0, |n| {
        Members::of(view, call.key(2 + n)).ok().flatten().map_or(0, Members::len)
    })
}

/// What ZUNION, ZINTER and ZDIFF have in common.
const RETURNING: Command =
    Command { since: "6.2.0", keys: &[Keys::Counted(1, 1, Access::Read)], ..ZSET };

/// What the STORE forms have in common.
const STORING: Command = Command {
    since: "2.0.0",
    keys: &[Keys::One(1, Access::Overwrite), Keys::Counted(2, 1, Access::Read)],
    flags: &[Flag::DenyOom],
    ..ZSET
};

pub(super) const ZUNION: Command = Command {
    name: "zunion",
    summary: "Returns the members that any of several sorted sets has.",
    syntax: "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] \
             [WITHSCORES]",
    example: r#"
        > ZADD monday 1 norem 2 castilla
        (integer) 2
        > ZADD tuesday 5 norem
        (integer) 1
        > ZUNION 2 monday tuesday WEIGHTS 1 10 WITHSCORES
        1) "castilla"
        2) "2"
        3) "norem"
        4) "51"
    "#,
    complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and \
                 M being the number of elements in the resulting sorted set.",
    handler: Handler::Read(|view, call| returned(view, call, Operation::Union)),
    cost: Some(|view, call| cost(view, call, Operation::Union)),
    ..RETURNING
};

pub(super) const ZUNIONSTORE: Command = Command {
    name: "zunionstore",
    summary: "Stores the members that any of several sorted sets has.",
    syntax: "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] \
             [AGGREGATE SUM | MIN | MAX]",
    example: r#"
        > ZADD monday 1 norem 2 castilla
        (integer) 2
        > SADD present norem royce
        (integer) 2
        > ZUNIONSTORE monday 2 monday present
        (integer) 3
        log: DEL monday
        log: ZADD monday 1 royce 2 castilla 2 norem
        event: zunionstore monday
    "#,
    complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and \
                 M being the number of elements in the resulting sorted set.",
    handler: Handler::Write(|tx, call| stored(tx, call, Operation::Union, "zunionstore")),
    ..STORING
};

pub(super) const ZINTER: Command = Command {
    name: "zinter",
    summary: "Returns the members that several sorted sets have in common.",
    syntax: "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX] \
             [WITHSCORES]",
    example: r#"
        > ZADD monday 1 norem 2 castilla
        (integer) 2
        > ZADD tuesday 5 norem
        (integer) 1
        > ZINTER 2 monday tuesday AGGREGATE MAX WITHSCORES
        1) "norem"
        2) "5"
    "#,
    complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being \
                 the number of input sorted sets and M being the number of elements in the \
                 resulting sorted set.",
    handler: Handler::Read(|view, call| returned(view, call, Operation::Intersection)),
    cost: Some(|view, call| cost(view, call, Operation::Intersection)),
    ..RETURNING
};

pub(super) const ZINTERSTORE: Command = Command {
    name: "zinterstore",
    summary: "Stores the members that several sorted sets have in common.",
    syntax: "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] \
             [AGGREGATE SUM | MIN | MAX]",
    example: r#"
        > ZADD monday 1 norem 2 castilla
        (integer) 2
        > ZADD tuesday 5 norem
        (integer) 1
        > ZINTERSTORE both 2 monday tuesday
        (integer) 1
        log: ZADD both 6 norem
        event: zinterstore both
    "#,
    complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being \
                 the number of input sorted sets and M being the number of elements in the \
                 resulting sorted set.",
    handler: Handler::Write(|tx, call| stored(tx, call, Operation::Intersection, "zinterstore")),
    ..STORING
};

pub(super) const ZINTERCARD: Command = Command {
    name: "zintercard",
    summary: "Counts the members that several sorted sets have in common.",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    example: r#"
        > ZADD monday 1 norem 2 castilla
        (integer) 2
        > ZADD tuesday 5 norem 6 castilla
        (integer) 2
        > ZINTERCARD 2 monday tuesday
        (integer) 2
        > ZINTERCARD 2 monday tuesday LIMIT 1
        (integer) 1
    "#,
    since: "7.0.0",
    complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the number \
                 of input sorted sets.",
    handler: Handler::Read(zintercard),
    cost: Some(|view, call| cost(view, call, Operation::Intersection)),
    ..RETURNING
};

fn zintercard<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let operation = Operation::Intersection;
    let mut query = Query::parse(view, call, 1, (operation, Purpose::Count))?;
    let (limit, mut found) = (query.limit, 0);
    // Whether it was broken off is of no interest here.
    let _whole = query.intersection(|_, _| {
        found += 1;
        if found == limit { Break(()) } else { Continue(()) }
    });
    Ok(Reply::Int(found as i64))
}

pub(super) const ZDIFF: Command = Command {
    name: "zdiff",
    summary: "Returns the members of a sorted set that none of the others has.",
    syntax: "numkeys key [key ...] [WITHSCORES]",
    example: r#"
        > ZADD monday 1 norem 2 castilla
        (integer) 2
        > ZADD tuesday 5 norem
        (integer) 1
        > ZDIFF 2 monday tuesday WITHSCORES
        1) "castilla"
        2) "2"
    "#,
    complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the \
                 sets, N is the size of the first set, and K is the size of the result set.",
    handler: Handler::Read(|view, call| returned(view, call, Operation::Difference)),
    cost: Some(|view, call| cost(view, call, Operation::Difference)),
    ..RETURNING
};

pub(super) const ZDIFFSTORE: Command = Command {
    name: "zdiffstore",
    summary: "Stores the members of a sorted set that none of the others has.",
    syntax: "destination numkeys key [key ...]",
    example: r#"
        > ZADD monday 1 norem 2 castilla
        (integer) 2
        > ZDIFFSTORE monday 2 monday monday
        (integer) 0
        log: DEL monday
        event: del monday
    "#,
    since: "6.2.0",
    complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the \
                 sets, N is the size of the first set, and K is the size of the result set.",
    handler: Handler::Write(|tx, call| stored(tx, call, Operation::Difference, "zdiffstore")),
    ..STORING
};
