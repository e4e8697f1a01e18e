//! Files, behind a trait: only this folder opens any (a test in `tests/tidy.rs` looks after that).
//!
//! A database is right or wrong at the moment the power goes, so every file operation passes
//! through [`Disk`] and [`File`] (after redb's `StorageBackend`). [`RealDisk`] is the operating
//! system's; [`testing::SimDisk`] keeps files in memory, records every effect in order, fails the
//! operation a test names, and builds the disk as it could look after a crash at any point. What
//! the log, snapshots and recovery promise is tested on it. Files that are no data (configuration,
//! messages, what tools read) are [`plain`].
//!
//! Rules that callers keep, and that the simulated disk punishes when broken:
//!
//! - written bytes are durable after [`File::sync_data`] or [`File::sync_all`] has returned `Ok`,
//!   not before;
//! - a created, renamed or removed *name* is durable after [`Disk::sync_dir`] of its folder;
//! - after a failed sync the file's unsynced bytes may be gone although a later sync says `Ok`.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(test)]
pub mod gated;
mod map;
pub mod plain;
mod real;
pub mod testing;
#[cfg(test)]
mod tests;

pub use map::Mapped;
pub use real::RealDisk;

/// Parts handed to one vectored write. Linux takes at most 1,024 (IOV_MAX); fewer gain nothing
/// more.
const PARTS_PER_WRITE: usize = 512;

/// A file system. All paths are absolute or relative to the process' working folder, as for
/// `std::fs`.
pub trait Disk: Send + Sync {
    /// Creates an empty file for appending and reading. A file that has the name loses it: it is
    /// not emptied, since other names and open handles may hold it, and a file whose sync failed is
    /// not used again.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens an existing file for appending and reading.
    fn open_append(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens an existing file for reading.
    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Gives the whole content of a file without copying it where the disk can.
    fn map(&self, path: &Path) -> io::Result<Mapped>;
    /// Renames a file, replacing one that has the name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name in the same file system. Fails if `to` exists.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Names in a folder, sorted, folders included. Names that are not UTF-8 are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Creates a folder and those above it; an existing one is fine.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Whether a file or folder has this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// When the file's content last changed, in Unix seconds.
    fn modified(&self, path: &Path) -> io::Result<u64>;
    /// Bytes that can still be written below a folder, as far as is known: a quota may say less.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// An open file. Writes go to its end. All calls take `&self`: one thread may sync while another
/// writes.
pub trait File: Send + Sync {
    /// Appends the parts, in order, and returns how many bytes were taken: possibly fewer than
    /// given.
    fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Makes the written bytes, and the length needed to read them, durable.
    fn sync_data(&self) -> io::Result<()>;
    /// As [`File::sync_data`], and all else the file system knows of the file.
    fn sync_all(&self) -> io::Result<()>;
    /// Cuts or extends (with zeros) the file. Cutting to the present length frees reserved space.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves space for `len` bytes from `offset` without changing the length, so that a full
    /// disk is seen now and not at the write. `Unsupported` where the file system cannot.
    fn reserve(&self, offset: u64, len: u64) -> io::Result<()>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file holds no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads at `offset` and returns how many bytes came: 0 only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Appends all of `bytes`, however many writes that takes.
    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        self.write_all_vectored(&[bytes])
    }

    /// Appends all parts in order, however many writes that takes. After an error, any prefix of
    /// them may be in the file.
    fn write_all_vectored(&self, parts: &[&[u8]]) -> io::Result<()> {
        let mut parts = parts.iter().copied().filter(|part| !part.is_empty()).peekable();
        let mut batch: Vec<&[u8]> = Vec::new();
        loop {
            while batch.len() < PARTS_PER_WRITE
                && let Some(part) = parts.next()
            {
                batch.push(part);
            }
            if batch.is_empty() {
                return Ok(());
            }
            let slices: Vec<IoSlice<'_>> = batch.iter().map(|part| IoSlice::new(part)).collect();
            let mut taken = match self.write_vectored(&slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            batch.retain_mut(|part| {
                let (done, rest) = part.split_at(taken.min(part.len()));
                taken -= done.len();
                *part = rest;
                !rest.is_empty()
            });
        }
    }

    /// Fills `buffer` from `offset`; an end of file before that is `UnexpectedEof`.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            match self.read_at(rest, offset + filled as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Replaces the content of `path` so that after a crash it holds either the old or the new bytes,
/// whole: writes `temporary` (in the same folder), syncs it, renames it, syncs the folder.
pub fn replace(disk: &dyn Disk, temporary: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let file = disk.create(temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    disk.rename(temporary, path)?;
    disk.sync_dir(&folder_of(path))
}

/// Copies the first `len` bytes of `from` to `to` and syncs the copy (not its folder).
pub fn copy_prefix(disk: &dyn Disk, from: &Path, to: &Path, len: u64) -> io::Result<()> {
    copy_range(disk, from, to, 0, len)
}

/// Copies `len` bytes of `from`, beginning at `offset`, to a new file `to` and syncs it (not its
/// folder).
pub fn copy_range(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    offset: u64,
    len: u64,
) -> io::Result<()> {
    copy_open(disk, &*disk.open_read(from)?, to, offset, len)
}

/// As [`copy_range`], from an open file, which may have lost its name.
pub fn copy_open(
    disk: &dyn Disk,
    source: &dyn File,
    to: &Path,
    offset: u64,
    len: u64,
) -> io::Result<()> {
    const STEP: u64 = 1 << 20;
    let copy = disk.create(to)?;
    let mut buffer = Vec::new();
    let mut done = 0;
    while done < len {
        // At most STEP, which fits a usize everywhere.
        let step = (len - done).min(STEP);
        buffer.resize(step as usize, 0);
        source.read_exact_at(&mut buffer, offset + done)?;
        copy.write_all(&buffer)?;
        done += step;
    }
    copy.sync_all()
}

/// The folder a path lies in; `.` for a bare name.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
