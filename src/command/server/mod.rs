//! The commands of the server itself.
//!
//! | file | commands |
//! |---|---|
//! | `data` | DBSIZE, FLUSHDB, FLUSHALL, SWAPDB |
//! | `files` | SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, SHUTDOWN |
//! | `config` | CONFIG |
//! | `latency` | LATENCY |
//! | `state` | INFO, TIME, MEMORY, LOLWUT |
//! | `debug` | DEBUG |
//! | `log` | LOG |

mod config;
mod data;
mod debug;
mod files;
mod latency;
mod log;
mod state;

#[cfg(test)]
mod tests;

use super::{Command, DEFAULT, Flag, Group};

/// What the entries of this group have in common.
const SERVER: Command = Command { group: Group::Server, ..DEFAULT };

/// The flags of what only administrators may do.
const ADMIN: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale];

/// The entries of this group.
pub const COMMANDS: &[Command] = &[
    files::BGREWRITEAOF,
    files::BGSAVE,
    config::CONFIG,
    data::DBSIZE,
    debug::DEBUG,
    data::FLUSHALL,
    data::FLUSHDB,
    state::INFO,
    files::LASTSAVE,
    latency::LATENCY,
    log::LOG,
    state::LOLWUT,
    state::MEMORY,
    files::SAVE,
    files::SHUTDOWN,
    data::SWAPDB,
    state::TIME,
];
