//! ZADD and ZINCRBY.

use super::{ZSET, score};
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::Tx;
use crate::keyspace::record::{AddScored, Scored};
use crate::resp::Reply;
use crate::types::zset::ZsetRef;
use std::collections::HashMap;

pub(super) const ZADD: Command = Command {
    name: "zadd",
    summary: "Gives members of a sorted set their scores; those that are not there are added.",
    syntax: "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
    example: r#"
        > ZADD racers 10 norem 12 castilla
        (integer) 2
        log: ZADD racers 10 norem 12 castilla
        event: zadd racers
        > ZADD racers GT CH 11 norem 11 castilla
        (integer) 1
        log: ZADD racers 11 norem
        > ZADD racers INCR 1.5 norem
        "12.5"
        log: ZADD racers 12.5 norem
        event: zincr racers
    "#,
    complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted \
                 set.",
    keys: &[Keys::One(1, Access::Update)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(zadd),
    ..ZSET
};

fn zadd<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let (options, first) = Options::parse(call);
    let pairs = &call.args()[first..];
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    options.check(pairs.len() / 2)?;
    if let [text, member] = *pairs {
        // The usual call needs no memory.
        return add(tx, call, &[(score(text).ok_or(Error::NotFloat)?, member)], options);
    }
    let items: Option<Vec<(f64, &[u8])>> =
        pairs.chunks_exact(2).map(|pair| Some((score(pair[0])?, pair[1]))).collect();
    add(tx, call, &items.ok_or(Error::NotFloat)?, options)
}

pub(super) const ZINCRBY: Command = Command {
    name: "zincrby",
    summary: "Adds to the score of a member of a sorted set; one that is not there has 0.",
    syntax: "key increment member",
    example: r#"
        > ZINCRBY racers 10 norem
        "10"
        log: ZADD racers 10 norem
        event: zincr racers
        > ZINCRBY racers -0.5 norem
        "9.5"
        log: ZADD racers 9.5 norem
        > ZINCRBY racers 0 norem
        "9.5"
        log:
    "#,
    complexity: "O(log(N)) where N is the number of elements in the sorted set.",
    keys: &[Keys::One(1, Access::ReadUpdate)],
    flags: &[Flag::DenyOom, Flag::Fast],
    handler: Handler::Write(zincrby),
    ..ZSET
};

fn zincrby<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    // To Redis it is a ZADD, whose options would stand where the increment does.
    if Options::parse(call).1 > 2 {
        return Err(Error::Syntax);
    }
    let by = score(call.arg(2)).ok_or(Error::NotFloat)?;
    add(tx, call, &[(by, call.arg(3))], Options { incr: true, ..Options::default() })
}

/// The options of ZADD.
#[derive(Clone, Copy, Default)]
struct Options {
    /// Only new members.
    nx: bool,
    /// Only members that are there.
    xx: bool,
    /// Scores only grow.
    gt: bool,
    /// Scores only fall.
    lt: bool,
    /// The reply counts changed scores too.
    ch: bool,
    /// The score is an increment.
    incr: bool,
}

impl Options {
    /// Reads options behind the key, and says where they end.
    fn parse(call: &Call<'_>) -> (Options, usize) {
        let mut options = Options::default();
        let mut n = 2;
        loop {
            match call.get(n) {
                Some(word) if word.eq_ignore_ascii_case(b"NX") => options.nx = true,
                Some(word) if word.eq_ignore_ascii_case(b"XX") => options.xx = true,
                Some(word) if word.eq_ignore_ascii_case(b"GT") => options.gt = true,
                Some(word) if word.eq_ignore_ascii_case(b"LT") => options.lt = true,
                Some(word) if word.eq_ignore_ascii_case(b"CH") => options.ch = true,
                Some(word) if word.eq_ignore_ascii_case(b"INCR") => options.incr = true,
                _ => return (options, n),
            }
            n += 1;
        }
    }

    /// Whether they go together.
    fn check(self, pairs: usize) -> Result<()> {
        let text = if self.nx && self.xx {
            "ERR XX and NX options at the same time are not compatible"
        } else if (self.gt && (self.nx || self.lt)) || (self.lt && self.nx) {
            "ERR GT, LT, and/or NX options at the same time are not compatible"
        } else if self.incr && pairs > 1 {
            "ERR INCR option supports a single increment-element pair"
        } else {
            return Ok(());
        };
        Err(Error::text(text))
    }

    /// The score that a member gets, if the options let it have one.
    fn decide(self, current: Option<f64>, given: f64) -> Result<Option<f64>> {
        let Some(current) = current else { return Ok((!self.xx).then_some(given)) };
        if self.nx {
            return Ok(None);
        }
        let score = if self.incr { current + given } else { given };
        if score.is_nan() {
            return Err(Error::text("ERR resulting score is not a number (NaN)"));
        }
        let refused = (self.gt && score <= current) || (self.lt && score >= current);
        Ok((!refused).then_some(score))
    }
}

fn add<'a>(
    tx: &mut Tx<'_>,
    call: &Call<'a>,
    items: &[(f64, &'a [u8])],
    options: Options,
) -> Result<Reply<'a>> {
    let key = call.key(1);
    let zset = tx.view().zset(key)?;
    if options.incr {
        let (by, member) = items[0];
        let current = zset.and_then(|zset| zset.score(member));
        let Some(score) = options.decide(current, by)? else { return Ok(Reply::Null) };
        tx.emit(AddScored { key, items: &[(score, member)], event: "zincr" });
        return Ok(Reply::Double(score));
    }
    let scored = if options.nx || options.xx || options.gt || options.lt {
        let items = decided(zset, items, options)?;
        if items.is_empty() {
            Scored::default()
        } else {
            tx.emit(AddScored { key, items: &items, event: "zadd" })
        }
    } else {
        tx.emit(AddScored { key, items, event: "zadd" })
    };
    let changed = if options.ch { scored.updated } else { 0 };
    Ok(Reply::Int((scored.added + changed) as i64))
}

/// Those items that the options let through, each as if those before it had been applied.
fn decided<'a>(
    zset: Option<ZsetRef<'_>>,
    items: &[(f64, &'a [u8])],
    options: Options,
) -> Result<Vec<(f64, &'a [u8])>> {
    let mut given: HashMap<&[u8], f64> = HashMap::new();
    let mut decided = Vec::with_capacity(items.len());
    for &(score, member) in items {
        let before = given.get(member).copied();
        let current = before.or_else(|| zset.and_then(|zset| zset.score(member)));
        let Some(score) = options.decide(current, score)? else { continue };
        if current == Some(score) {
            continue;
        }
        decided.push((score, member));
        if items.len() > 1 {
            given.insert(member, score);
        }
    }
    Ok(decided)
}
