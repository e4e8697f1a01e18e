//! (to come)

use super::Command;

/// The entries of this file.
pub const COMMANDS: &[Command] = &[];
