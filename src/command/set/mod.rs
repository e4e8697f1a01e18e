//! Sets: members, random members, scans; unions, intersections and differences, and their storing.

mod algebra;
mod members;
mod random;
#[cfg(test)]
mod tests;

use super::{Command, DEFAULT, Group};

pub(super) const COMMANDS: &[Command] = &[
    members::SADD,
    members::SREM,
    members::SMOVE,
    members::SCARD,
    members::SISMEMBER,
    members::SMISMEMBER,
    members::SMEMBERS,
    members::SSCAN,
    random::SPOP,
    random::SRANDMEMBER,
    algebra::SINTER,
    algebra::SINTERCARD,
    algebra::SINTERSTORE,
    algebra::SUNION,
    algebra::SUNIONCARD,
    algebra::SUNIONSTORE,
    algebra::SDIFF,
    algebra::SDIFFCARD,
    algebra::SDIFFSTORE,
];

/// What the group's entries have in common.
const SET: Command = Command { group: Group::Set, ..DEFAULT };
