//! What is promised: the bars, as the issue that asked for each row sets them.

use crate::figure::Figure;
use crate::subject::Subject;

/// One promise about a figure.
pub struct Bar {
    row: &'static str,
    /// The figure's name, or how it begins.
    figure: &'static str,
    who: Subject,
    limit: Limit,
}

/// How much is promised.
#[derive(Clone, Copy)]
enum Limit {
    /// The median is at most this share of another's.
    AtMost(f64, Subject),
    /// The median is at least this many times another's.
    AtLeast(f64, Subject),
    /// Every round's sample is below this, in the figure's unit.
    Below(f64),
    /// The median is at least this, in the figure's unit.
    Above(f64),
}

use Limit::{Above, AtLeast, AtMost, Below};
use Subject::{CoolCache, Logged, Redis, Valkey};

const fn bar(row: &'static str, figure: &'static str, limit: Limit) -> Bar {
    Bar { row, figure, who: CoolCache, limit }
}

const fn logged(row: &'static str, figure: &'static str, limit: Limit) -> Bar {
    Bar { row, figure, who: Logged, limit }
}

const BARS: &[Bar] = &[
    bar("cpu", "GET pipeline 1, added", AtMost(0.6, Valkey)),
    bar("cpu", "GET pipeline 1, added", AtMost(0.5, Redis)),
    bar("cpu", "SET pipeline 1, added", AtMost(0.6, Valkey)),
    bar("cpu", "SET pipeline 1, added", AtMost(0.5, Redis)),
    bar("cpu", "GET pipeline 16, added", AtMost(0.5, Valkey)),
    bar("cpu", "SET pipeline 16, added", AtMost(0.5, Valkey)),
    bar("cpu", "GET pipeline 64, added", AtMost(0.5, Valkey)),
    bar("cpu", "SET pipeline 64, added", AtMost(0.5, Valkey)),
    bar("big", "GET pipeline 16, CPU", AtMost(0.7, Valkey)),
    bar("big", "SET pipeline 16, CPU", AtMost(0.7, Valkey)),
    bar("memory", "value int", AtMost(0.70, Valkey)),
    bar("memory", "value 8 B", AtMost(0.70, Valkey)),
    bar("memory", "value 32 B", AtMost(0.90, Valkey)),
    bar("memory", "value 100 B", AtMost(0.85, Valkey)),
    bar("memory", "value 400 B", AtMost(1.0, Valkey)),
    bar("bgsave", "idle, time", AtMost(0.25, Valkey)),
    bar("bgsave", "idle, longest lock hold", Below(1.0)),
    bar("bgsave", "under writes, longest lock hold", Below(1.0)),
    bar("load", "time", AtMost(0.35, Valkey)),
    logged("replay", "time", AtMost(0.5, Redis)),
    logged("always", "50 connections", AtLeast(1.25, Redis)),
    logged("always", "500 connections", AtLeast(1.6, Redis)),
    logged("always-slow", "5 ms, 500 connections", Above(45_000.0)),
    bar("keys", "longest lock hold", Below(1.0)),
    bar("grow", "longest lock hold", Below(1.0)),
    bar("types", "LPUSH, added", AtMost(0.7, Valkey)),
    bar("types", "RPOP, added", AtMost(0.7, Valkey)),
    bar("types", "LRANGE 100, added", AtMost(0.7, Valkey)),
    bar("types", "HSET, added", AtMost(0.7, Valkey)),
    bar("types", "HGET, added", AtMost(0.7, Valkey)),
    bar("types", "SADD, added", AtMost(0.7, Valkey)),
    bar("types", "SISMEMBER, added", AtMost(0.7, Valkey)),
    bar("types", "ZADD, added", AtMost(0.7, Valkey)),
    bar("types", "ZRANGE 100, added", AtMost(0.7, Valkey)),
    bar("types", "ZRANK, added", AtMost(0.7, Valkey)),
    bar("types", "XADD, added", AtMost(0.7, Valkey)),
    bar("types", "XRANGE 100, added", AtMost(0.7, Valkey)),
    bar("elements", "hashes of 20:", AtMost(1.0, Valkey)),
    bar("elements", "hashes of 1,000:", AtMost(1.0, Valkey)),
    bar("elements", "hashes of 1,000,000:", AtMost(1.0, Valkey)),
    bar("elements", "sets of 20:", AtMost(1.0, Valkey)),
    bar("elements", "sets of 1,000:", AtMost(1.0, Valkey)),
    bar("elements", "sets of 1,000,000:", AtMost(1.0, Valkey)),
    bar("elements", "sorted sets of 20:", AtMost(1.0, Valkey)),
    bar("elements", "sorted sets of 1,000:", AtMost(0.7, Valkey)),
    bar("elements", "sorted sets of 1,000,000:", AtMost(0.7, Valkey)),
    bar("elements", "lists of 20:", AtMost(1.0, Valkey)),
    bar("elements", "lists of 1,000:", AtMost(1.0, Valkey)),
    bar("elements", "lists of 1,000,000:", AtMost(1.0, Valkey)),
    bar("stalls", "DEL, longest lock hold", Below(1.0)),
    bar("stalls", "RENAME over, longest lock hold", Below(1.0)),
    bar("stalls", "expiry, longest lock hold", Below(1.0)),
    bar("stalls", "SMEMBERS, longest lock hold", Below(1.0)),
    bar("stalls", "ZADD beside BGSAVE, longest lock hold", Below(1.0)),
    bar("middle", "LINSERT", AtMost(0.5, Redis)),
    logged("instructions", "SET pipeline 16", AtMost(1.10, CoolCache)),
];

/// The bars of a figure, in words, and whether they are met: `None` if what they need was not
/// measured.
pub fn of(row: &str, figure: &Figure) -> Vec<(String, Option<bool>)> {
    let applies = |bar: &&Bar| bar.row == row && figure.name.starts_with(bar.figure);
    BARS.iter().filter(applies).map(|bar| (words(bar, figure), met(bar, figure))).collect()
}

fn words(bar: &Bar, figure: &Figure) -> String {
    match bar.limit {
        AtMost(share, of) => format!("at most {share} of {}", of.name()),
        AtLeast(times, of) => format!("at least {times} × {}", of.name()),
        Below(limit) => format!("below {limit} {}", figure.unit),
        Above(limit) => format!("at least {limit} {}", figure.unit),
    }
}

fn met(bar: &Bar, figure: &Figure) -> Option<bool> {
    let ours = figure.median(bar.who)?;
    Some(match bar.limit {
        AtMost(share, of) => ours <= share * figure.median(of)?,
        AtLeast(times, of) => ours >= times * figure.median(of)?,
        Below(limit) => figure.spread(bar.who)?.1 < limit,
        Above(limit) => ours >= limit,
    })
}
