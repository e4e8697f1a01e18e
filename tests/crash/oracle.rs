//! What a journal allows to be found after a crash.

use crate::load::{CLIENTS, Journal, sequence_of};
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
    let mut keys: Vec<_> = journal.keys.iter_mut().collect();
    keys.sort_by_key(|(key, _)| *key);
    for (key, known) in keys {
        let reply = connection.try_call(&[b"GET", key.as_bytes()]).expect("the server answers");
        let found = sequence_of(&reply);
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
    }
    Findings { lost, acknowledged: journal.acknowledged, read: journal.read }
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
    let newest = |key: &&String| key.starts_with(&format!("{client}:key:"));
    let singles = journal.keys.keys().filter(newest).map(|key| journal.keys[key].sent);
    let newest = singles.max().unwrap_or_default();
    if newest > left || newest < second {
        let text =
            format!("client {client}: no prefix: left {left}, keys {newest}, second {second}");
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
