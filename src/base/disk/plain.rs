//! Files beside the data: configuration, the log of messages, what tools read and make.
//!
//! Nothing is promised about these after a crash, so they do not go through [`super::Disk`], which
//! tests make fail; but whoever looks for what opens files finds all of it in this folder.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// A whole file of text: a configuration, or what the kernel tells in /proc.
pub fn read_text(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
}

/// The names in a folder, in no order, whatever bytes they are of.
pub fn names(dir: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// A file to which lines are added, whoever else may add some; made if there is none.
pub fn append(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// A file, or a pipe with a name, to be read once from its beginning; and how many bytes it has, as
/// far as that is known. Folders are refused.
pub fn input(path: &Path) -> io::Result<(fs::File, u64)> {
    let file = OpenOptions::new().read(true).open(path)?;
    let facts = file.metadata()?;
    if facts.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok((file, facts.len()))
}

/// Removes a folder that must be empty.
pub fn remove_empty(dir: &Path) -> io::Result<()> {
    fs::remove_dir(dir)
}

/// Removes a folder with all that is in it; that there is none is fine.
pub fn remove_tree(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
