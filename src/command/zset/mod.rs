//! The commands of sorted sets.

mod store;

use super::Command;

pub(super) use store::store;

/// The entries of this group.
pub(super) const COMMANDS: &[Command] = &[];
