//! The commands for keys of any type: the reference's group `generic`.
//!
//! | file | commands |
//! |---|---|
//! | `lookup` | EXISTS, TOUCH, TYPE, OBJECT |
//! | `remove` | DEL, UNLINK |
//! | `expire` | EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST |
//! | `ttl` | TTL, PTTL, EXPIRETIME, PEXPIRETIME |
//! | `rename` | RENAME, RENAMENX, COPY, MOVE |
//! | `walk` | KEYS, SCAN, RANDOMKEY |
//! | `dump` | DUMP, RESTORE |
//! | `sort` | SORT, SORT_RO |
//! | `migrate` | MIGRATE |
//! | `wait` | WAIT, WAITAOF |

mod dump;
pub(super) mod expire;
mod lookup;
mod migrate;
mod remove;
mod rename;
mod sort;
mod ttl;
mod wait;
mod walk;

#[cfg(test)]
mod tests;

use super::{Command, DEFAULT, Group};

/// The entries of this folder.
pub const COMMANDS: &[Command] = &[
    lookup::EXISTS,
    lookup::TOUCH,
    lookup::TYPE,
    lookup::OBJECT,
    remove::DEL,
    remove::UNLINK,
    expire::EXPIRE,
    expire::PEXPIRE,
    expire::EXPIREAT,
    expire::PEXPIREAT,
    expire::PERSIST,
    ttl::TTL,
    ttl::PTTL,
    ttl::EXPIRETIME,
    ttl::PEXPIRETIME,
    rename::RENAME,
    rename::RENAMENX,
    rename::COPY,
    rename::MOVE,
    walk::KEYS,
    walk::SCAN,
    walk::RANDOMKEY,
    dump::DUMP,
    dump::RESTORE,
    migrate::MIGRATE,
    sort::SORT,
    sort::SORT_RO,
    wait::WAIT,
    wait::WAITAOF,
];

/// What the entries have in common.
const GENERIC: Command = Command { group: Group::Generic, ..DEFAULT };
