//! The tools around the log: `check`, `restore`, and `log cat|tail`.

pub mod check;
pub mod read;
pub mod restore;

mod lines;
mod report;
mod snapshot;
mod time;
mod verify;

use crate::cli::tool::Failure;
use crate::log::{Archive, Place};
use std::path::Path;
use std::sync::Arc;

use crate::base::disk::{Disk, RealDisk};

/// The disk that the tools look at.
fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// The log in a folder, which must have one.
fn archive(dir: &Path) -> Result<Archive, Failure> {
    let dir = std::path::absolute(dir).map_err(Failure::about(dir.display()))?;
    let place = Place::find(&*disk(), &dir).map_err(|error| Failure::new(error.to_string()))?;
    let place = place.ok_or_else(|| {
        Failure::new(format!("{}: there is no log in it (no manifest)", dir.display()))
    })?;
    let archive = Archive::open(disk(), &place).map_err(|error| Failure::new(error.to_string()))?;
    if archive.is_foreign() {
        return Err(Failure::new(format!(
            "{}: another server wrote its log, which has no LSNs; a start of CoolCache takes it over",
            dir.display()
        )));
    }
    Ok(archive)
}
