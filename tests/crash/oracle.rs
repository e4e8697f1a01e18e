//! What a journal allows to be found after a crash.

use crate::load::{CLIENTS, Journal, Lost, now_ms, sequence_of};
use crate::shapes::{Shape, texts};
use crate::support::Connection;

/// What the policy promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Nothing acknowledged or read is lost, and the state is a prefix.
    Everything,
    /// The state is a prefix of what was executed.
    Prefix,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Broken promises.
    pub lost: Vec<String>,
    /// Values acknowledged since the check before.
    pub acknowledged: u64,
    /// Values read since the check before.
    pub read: u64,
}

impl Findings {
    /// Sums up.
    pub fn add(&mut self, other: &Findings) {
        self.lost.extend_from_slice(&other.lost);
        self.acknowledged += other.acknowledged;
        self.read += other.read;
    }
}

/// Compares what the server has with what the journal knows, and sets the journal to what was
/// found: the next load goes on from there.
pub fn check(connection: &mut Connection, journal: &mut Journal, promise: Promise) -> Findings {
    let mut lost = std::mem::take(&mut journal.surprises);
    let steps = journal.steps;
    let mut keys: Vec<_> = journal.keys.iter_mut().collect();
    keys.sort_by_key(|(key, _)| *key);
    for (key, known) in keys {
        let found = match Shape::of_key(key) {
            Some(shape) => {
                let (numbers, wrong) = shape.content(connection, key);
                lost.extend(wrong);
                lost.extend(holes(shape, key, &numbers, &journal.lost));
                let last = numbers.last().copied().unwrap_or_default();
                // What was begun is not begun again.
                let begun = steps.iter().enumerate().find(|(c, _)| shape.key(*c) == *key);
                let begun = begun.map_or(0, |(_, step)| *step);
                journal.lost.entry(key.clone()).or_default().push(last + 1..=begun);
                last
            }
            None => {
                let reply = connection.try_call(&[b"GET", key.as_bytes()]);
                sequence_of(&reply.expect("the server answers"))
            }
        };
        if found > known.sent {
            lost.push(format!("{key}: {found} is there, {} was the last sent", known.sent));
        }
        let promised = known.acknowledged.max(known.read);
        if promise == Promise::Everything && found < promised {
            let (acknowledged, read) = (known.acknowledged, known.read);
            lost.push(format!("{key}: {found} is there, acknowledged {acknowledged}, read {read}"));
        }
        (known.sent, known.acknowledged, known.read) = (found, found, found);
    }
    for client in 0..CLIENTS {
        lost.extend(order_of(client, journal));
        lost.extend(risen(client, connection));
    }
    Findings { lost, acknowledged: journal.acknowledged, read: journal.read }
}

/// Numbers that should be in a list or a stream, whose steps are all there or known to be lost.
fn holes(shape: Shape, key: &str, numbers: &[u64], journal: &Lost) -> Option<String> {
    if !matches!(shape, Shape::List | Shape::Stream) {
        return None;
    }
    let lost = journal.get(key).map(Vec::as_slice).unwrap_or_default();
    let is_lost = |n: u64| lost.iter().any(|range| range.contains(&n));
    let pairs = numbers.iter().zip(numbers.iter().skip(1));
    let mut between = pairs.flat_map(|(a, b)| a + 1..*b);
    let hole = between.find(|n| !is_lost(*n));
    hole.map(|n| format!("{key}: {n} is missing: {numbers:?}"))
}

/// A key whose time is over and that is there all the same.
fn risen(client: usize, connection: &mut Connection) -> Option<String> {
    let now = now_ms();
    let key = format!("{client}:mortal");
    let reply = connection.try_call(&[b"GET", key.as_bytes()]).expect("the server answers");
    let end: Option<u64> = texts(&reply).first().and_then(|end| end.parse().ok());
    end.filter(|end| *end < now).map(|end| format!("{key}: expired at {end}, there at {now}"))
}

/// What ties one client's keys together. Its steps are executed in order, so in every prefix the
/// keys, in the order in which a step writes them, never rise. (Steps that were sent and lost leave
/// gaps in the numbers, so that is all.)
fn order_of(client: usize, journal: &Journal) -> Vec<String> {
    let of = |name: &str| {
        let known = journal.keys.get(&format!("{client}:{name}"));
        known.map_or(0, |known| known.sent)
    };
    let (first, left, right, second) = (of("first"), of("left"), of("right"), of("second"));
    let mut wrong = Vec::new();
    if left != right {
        wrong.push(format!("client {client}: half an MSET: left {left}, right {right}"));
    }
    if first < left || left < second {
        wrong.push(format!(
            "client {client}: no prefix: first {first}, left {left}, second {second}"
        ));
    }
    let mut above = left;
    for shape in Shape::ALL {
        let here = journal.keys.get(&shape.key(client)).map_or(0, |known| known.sent);
        if here > above || here < second {
            let text = format!("{shape:?} {here}, before it {above}, second {second}");
            wrong.push(format!("client {client}: no prefix: {text}"));
        }
        above = here;
    }
    let newest = |key: &&String| key.starts_with(&format!("{client}:key:"));
    let singles = journal.keys.keys().filter(newest).map(|key| journal.keys[key].sent);
    let newest = singles.max().unwrap_or_default();
    if newest > above || newest < second {
        let text =
            format!("client {client}: no prefix: above {above}, keys {newest}, second {second}");
        wrong.push(text);
    }
    // Each step counts once, right after `second`.
    let (counted, (step_before, counted_before)) = (of("count"), journal.begun[client]);
    let due = counted_before + second.saturating_sub(step_before);
    if counted > due || (second > step_before && counted + 1 < due) {
        wrong.push(format!("client {client}: counted {counted} steps, not {due} or one less"));
    }
    wrong
}
