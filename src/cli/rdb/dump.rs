//! `coolcache rdb-dump`: what an RDB file holds, as text or as commands.

use crate::cli::tool::{Ended, Failure};
use clap::Args;
use std::path::PathBuf;

/// Print what an RDB file holds
#[derive(Debug, Args)]
pub struct Options {
    /// The file
    pub file: PathBuf,
}

/// Runs the tool.
pub fn run(options: &Options) -> Ended {
    Err(Failure::new(format!("{}: not built yet", options.file.display())))
}
