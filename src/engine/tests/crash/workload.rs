//! The commands of the crash tests: all types, with expiry, in two databases, on few keys, so that
//! changes meet; and between them what a log and its threads do.

use super::{Rig, Words, run_beside, words};
use crate::log::Log;

/// Requests by example. `{k}`: one of few numbers; `{f}`: a field or member; `{n}`: a number;
/// `{v}`: a value, short or long; `{ms}`: a while.
const REQUESTS: &[&str] = &[
    "SET s{k} {v}",
    "SET s{k} {v} PX {ms}",
    "SET s{k} {n} KEEPTTL",
    "APPEND s{k} {v}",
    "SETRANGE s{k} 7 {f}",
    "GETDEL s{k}",
    "GETEX s{k} PX {ms}",
    "MSET s{k} {v} s{k} {v}",
    "SETBIT bits{k} {n} 1",
    "BITFIELD bits{k} SET u8 {k} {n} INCRBY i5 9 1",
    "INCRBY int{k} {n}",
    "INCRBYFLOAT int{k} 0.5",
    "PFADD hll{k} {f} {f}",
    "PFMERGE hll{k} hll{k} hll{k}",
    "RPUSH l{k} {v} {f}",
    "LPUSH l{k} {n}",
    "LINSERT l{k} BEFORE {f} {v}",
    "LSET l{k} 0 {v}",
    "LREM l{k} 1 {f}",
    "LTRIM l{k} 0 9",
    "LPOP l{k} 2",
    "LMOVE l{k} l{k} LEFT RIGHT",
    "LMPOP 2 l{k} l{k} RIGHT COUNT 2",
    "SADD t{k} {f} {n} {n}",
    "SADD t{k} {v}",
    "SREM t{k} {f}",
    "SPOP t{k}",
    "SMOVE t{k} t{k} {f}",
    "SUNIONSTORE t{k} t{k} t{k}",
    "SDIFFSTORE t{k} t{k} t{k}",
    "HSET h{k} {f} {v} {f} {n}",
    "HINCRBY h{k} count {n}",
    "HDEL h{k} {f}",
    "HPEXPIRE h{k} {ms} FIELDS 2 {f} {f}",
    "HPERSIST h{k} FIELDS 1 {f}",
    "HSETEX h{k} PX {ms} FIELDS 1 {f} {v}",
    "ZADD z{k} {n} {f} {n} {f}",
    "ZADD z{k} 1.5 {v}",
    "ZINCRBY z{k} 2.25 {f}",
    "ZREM z{k} {f}",
    "ZPOPMIN z{k}",
    "ZREMRANGEBYRANK z{k} 9 -1",
    "ZUNIONSTORE z{k} 2 z{k} z{k}",
    "ZRANGESTORE z{k} z{k} 0 5",
    "GEOADD geo{k} 13.36 38.11 {f} 15.08 37.50 {f}",
    "XADD x{k} * {f} {v}",
    "XADD x{k} MAXLEN 8 * {f} {n}",
    "XGROUP CREATE x{k} g 0 MKSTREAM",
    "XREADGROUP GROUP g c{f} COUNT 2 STREAMS x{k} >",
    "XAUTOCLAIM x{k} g c1 0 0 COUNT 2",
    "XACK x{k} g 1700000000000-0",
    "XTRIM x{k} MAXLEN 6",
    "XSETID x{k} 1800000000000-{k}",
    "XGROUP SETID x{k} g 0",
    "SORT l{k} ALPHA STORE l{k}",
    "EXPIRE l{k} 100",
    "PEXPIRE t{k} {ms}",
    "PEXPIRE z{k} {ms}",
    "PEXPIRE x{k} {ms}",
    "PERSIST t{k}",
    "DEL h{k}",
    "UNLINK l{k} z{k}",
    "RENAME s{k} s{k}",
    "COPY h{k} h{k} REPLACE",
    "COPY x{k} x{k} REPLACE",
    "INCR count{k}",
    "GET count{k}",
    "INCR count{k}",
    "GET count{k}",
    "HGETALL h{k}",
];

/// Names of the few.
const KEYS: u64 = 3;
const FIELDS: u64 = 12;

fn text(rng: &mut fastrand::Rng) -> String {
    let letter = char::from(b'a' + rng.u8(..26));
    let length = if rng.u8(..12) == 0 { rng.usize(60..300) } else { rng.usize(1..20) };
    std::iter::repeat_n(letter, length).collect()
}

/// A request, and its connection: mostly that of database 0.
fn request(rng: &mut fastrand::Rng) -> (usize, Words) {
    let line = REQUESTS[rng.usize(..REQUESTS.len())];
    let mut filled = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((what, after)) = after.split_once('}') else { panic!("no end: {line}") };
        filled.push_str(&match what {
            "k" => rng.u64(..KEYS).to_string(),
            "f" => rng.u64(..FIELDS).to_string(),
            "n" => rng.u64(..1000).to_string(),
            "ms" => rng.u64(50..9000).to_string(),
            "v" => text(rng),
            other => panic!("no such thing: {other}"),
        });
        rest = after;
    }
    filled.push_str(rest);
    (usize::from(rng.u8(..8) == 0), words(&filled))
}

/// A key of each type, with expiries of keys and fields, a group with something pending, and long
/// and short values.
pub(super) fn all_types(rig: &mut Rig) {
    let lines = [
        "SET text abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc PX 900000",
        "SET number 1234567",
        "RPUSH list a 17 a-longer-one",
        "SADD ints 1 2 70000",
        "SADD set a b 3",
        "HSET hash f 1 g 2",
        "HPEXPIRE hash 800000 FIELDS 1 f",
        "ZADD zset 1 a 2.5 b -inf c",
        "XADD stream 1-1 f v g w",
        "XADD stream 1-2 f x",
        "XGROUP CREATE stream g 0",
        "XREADGROUP GROUP g c COUNT 1 STREAMS stream >",
        "PFADD hll a b c",
    ];
    for line in lines {
        rig.round(0, &[words(line)]);
    }
    rig.step(Log::write_step);
}

/// What of the workload is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub commands: usize,
    /// Commands between two rewrites of the log, and between two saves.
    pub rewrite_every: usize,
    pub save_every: usize,
    pub seed: u64,
}

impl Plan {
    pub(super) fn of(commands: usize) -> Plan {
        Plan { commands, rewrite_every: 70, save_every: 110, seed: 7 }
    }
}

/// Runs it, until the log latches. Returns how many commands ran.
pub(super) fn run(rig: &mut Rig, plan: Plan) -> usize {
    let mut rng = fastrand::Rng::with_seed(plan.seed);
    let mut done = 0;
    let mut beside_in = None;
    while done < plan.commands && rig.log.failure().is_none() {
        let (client, first) = request(&mut rng);
        let mut requests = vec![first];
        // Several at once now and then: a group of several calls.
        while rng.u8(..4) == 0 {
            requests.push(request(&mut rng).1);
        }
        let reached = |every: usize| done / every != (done + requests.len()) / every;
        let (rewrites, saves) = (reached(plan.rewrite_every), reached(plan.save_every));
        done += requests.len();
        // In the midst of a turn, with changes before and behind it.
        let more = request(&mut rng).1;
        if rewrites {
            // What must not be applied twice.
            requests.extend([words("RPUSH l0 once"), words("BGREWRITEAOF"), more]);
        } else if saves {
            requests.extend([words("BGSAVE SCHEDULE"), more]);
        }
        rig.round(client, &requests);
        if requests[0][0] == b"INCR" {
            // Somebody sees it before it is durable.
            rig.round(client, &[vec![b"GET".to_vec(), requests[0][1].clone()]]);
        }
        if rewrites || saves {
            // It is written while others write.
            beside_in.get_or_insert(rng.u8(..6));
        }
        beside_in = match beside_in {
            Some(0) => run_beside().then_some(0),
            wait => wait.map(|wait| wait - 1),
        };
        if rng.u8(..10) < 7 {
            rig.step(Log::write_step);
        }
        match rng.u8(..30) {
            0..4 => rig.step(Log::sync_step),
            4 => {
                rig.step(Log::sync_step);
                rig.step(Log::seal_step);
            }
            5..11 => rig.advance(rng.u64(1..2500)),
            _ => rig.advance(1),
        }
    }
    rig.finish_beside();
    rig.step(Log::write_step);
    rig.step(Log::sync_step);
    done
}
