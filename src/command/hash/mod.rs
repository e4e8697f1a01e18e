//! Hashes: fields, counters in fields, random fields, scans, and fields that expire.
//!
//! An expired field is hidden from reads and stays until a record removes it: the expiry cycle's,
//! or that of a command which writes the field. As in Valkey, HLEN counts it until then, and a hash
//! whose fields have all expired is still there.

mod arguments;
mod change;
mod expire;
mod fields;
mod incr;
mod random;
mod ttl;
mod whole;

use super::{Command, DEFAULT, Group};
use crate::types::hash::HashRef;

pub(super) const COMMANDS: &[Command] = &[
    fields::HSET,
    fields::HSETNX,
    fields::HMSET,
    fields::HGET,
    fields::HMGET,
    fields::HDEL,
    fields::HLEN,
    fields::HSTRLEN,
    fields::HEXISTS,
    whole::HGETALL,
    whole::HKEYS,
    whole::HVALS,
    whole::HSCAN,
    random::HRANDFIELD,
    incr::HINCRBY,
    incr::HINCRBYFLOAT,
    change::HSETEX,
    change::HGETEX,
    change::HGETDEL,
    expire::HEXPIRE,
    expire::HPEXPIRE,
    expire::HEXPIREAT,
    expire::HPEXPIREAT,
    expire::HPERSIST,
    ttl::HTTL,
    ttl::HPTTL,
    ttl::HEXPIRETIME,
    ttl::HPEXPIRETIME,
];

/// What the group's entries have in common.
const HASH: Command = Command { group: Group::Hash, since: "2.0.0", ..DEFAULT };

/// Which of these fields have expired and are not removed yet, each once.
fn expired_among<'a>(
    hash: Option<HashRef<'_>>,
    fields: impl Iterator<Item = &'a [u8]>,
    now_ms: u64,
) -> Vec<&'a [u8]> {
    let Some(hash) = hash.filter(|hash| hash.may_have_expired(now_ms)) else { return Vec::new() };
    let has_expired = |field: &&[u8]| hash.field(field).is_some_and(|it| it.expired(now_ms));
    let mut expired: Vec<&[u8]> = fields.filter(has_expired).collect();
    expired.sort_unstable();
    expired.dedup();
    expired
}
