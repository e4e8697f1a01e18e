//! Cutting damage away, for `coolcache check --fix`: what is cut is kept beside the log. The caller
//! has locked the data folder: no server runs on it.

use std::path::{Path, PathBuf};

use super::Lsn;
use super::archive::Place;
use super::catalog::Folder;
use super::manifest::Manifest;
use super::record::{self, Frame, Places};
use super::scan::{Record, Scan, Walked};
use super::segment::{self, Head, Next};
use crate::base::disk::{self, Disk, folder_of, free_name, with_suffix};
use std::io;
use std::ops::ControlFlow;

/// Why nothing was cut.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// A file could not be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// This damage cannot be cut away.
    #[error("{}: {problem}", file.display())]
    Hopeless {
        /// The file.
        file: PathBuf,
        /// Why not.
        problem: String,
    },
}

/// What was cut and where it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file it was cut from.
    pub from: PathBuf,
    /// How many of that file's bytes stay.
    pub good: u64,
    /// How many were cut.
    pub bytes: u64,
    /// The file that has them.
    pub kept: PathBuf,
}

/// Cuts the log behind the last intact batch of the `damaged` segment, and takes the segments after
/// it out of the log; of a segment older than the base, it and those before it.
/// `offset`: where in it the damage begins.
pub fn cut(
    disk: &dyn Disk,
    place: &Place,
    damaged: &Path,
    offset: u64,
) -> Result<Vec<Kept>, RepairError> {
    let folder = Folder::of(&place.settings());
    let hopeless = |problem: &str| {
        let (file, problem) = (damaged.to_path_buf(), problem.to_owned());
        RepairError::Hopeless { file, problem }
    };
    let path = folder.manifest();
    let bytes = disk.map(&path).map_err(failed(&path))?;
    let mut manifest =
        Manifest::decode(&bytes).map_err(|_| hopeless("the manifest itself is damaged"))?;
    // What the manifest knew to be durable may be cut now.
    manifest.durable = None;
    let is_it = |name: &str| folder.file(name) == damaged;
    if let Some(index) = manifest.retained.iter().position(|old| is_it(&old.entry.name)) {
        let gone: Vec<_> = manifest.retained.drain(..=index).collect();
        replace_manifest(disk, &folder, &manifest)?;
        let names = gone.iter().map(|old| old.entry.name.as_str());
        return names.map(|name| set_aside(disk, &folder, name)).collect();
    }
    let index = manifest.segments.iter().position(|entry| is_it(&entry.name));
    let index = index.ok_or_else(|| hopeless("it is not a segment: it cannot be cut"))?;
    let bytes = disk.map(damaged).map_err(failed(damaged))?;
    let good = good_end(&bytes, 0, offset);
    if good == 0 && index == 0 && manifest.base.is_none() {
        return Err(hopeless("nothing of it is intact, and there is nothing before it"));
    }
    let stays = index + usize::from(good > 0);
    let gone = manifest.segments.split_off(stays.min(manifest.segments.len()));
    let mut kept = Vec::new();
    // Of a file that ends too early what is there is good: the manifest is told to expect no more.
    if good > 0 && good < bytes.len() {
        kept.push(cut_at(disk, damaged, good as u64)?);
    }
    replace_manifest(disk, &folder, &manifest)?;
    for entry in &gone {
        kept.push(set_aside(disk, &folder, &entry.name)?);
    }
    Ok(kept)
}

/// Cuts one append-only file behind its last whole group that is intact; `start` is where its
/// commands begin, behind an RDB preamble, `offset` where the damage does.
pub fn cut_file(
    disk: &dyn Disk,
    path: &Path,
    start: u64,
    offset: u64,
) -> Result<Kept, RepairError> {
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let good = good_end(&disk.map(path).map_err(failed(path))?, start, offset);
    if good == 0 {
        let problem = "nothing of it is intact".to_owned();
        return Err(RepairError::Hopeless { file: path.to_path_buf(), problem });
    }
    cut_at(disk, path, good as u64)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> RepairError + use<> {
    let file = path.to_path_buf();
    move |source| RepairError::Io { file, source }
}

/// Where the last intact batch or whole group before `limit` ends.
fn good_end(bytes: &[u8], start: usize, limit: u64) -> usize {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut at = start;
    if let Head::Ours(opener, end) = segment::read_head(bytes) {
        if end > limit {
            return 0;
        }
        at = end;
        let mut position = opener.first;
        while let Next::Batch(batch) = segment::next(bytes, at, opener.salt, position) {
            let payload = bytes.get(batch.payload.clone()).unwrap_or_default();
            let mut go_on = |_: &Record<'_>| ControlFlow::Continue(());
            if Scan::at(0).walk(payload, Lsn(0), None, &mut go_on) != Walked::All
                || batch.payload.end > limit
            {
                return at;
            }
            (at, position) = (batch.payload.end, batch.last);
        }
        if segment::next(bytes, at, opener.salt, position) != Next::Foreign {
            return at;
        }
    } else if bytes.first() == Some(&b'#') && record::skip_timestamp(bytes, 0).is_none() {
        return 0;
    }
    let mut places = Places::default();
    while let Frame::Whole(end) = record::group(bytes, at, &mut places)
        && end <= limit
    {
        places.clear();
        at = end;
    }
    at
}

/// Keeps what is behind `good` in a file of its own, then replaces the file by what is before it.
fn cut_at(disk: &dyn Disk, path: &Path, good: u64) -> Result<Kept, RepairError> {
    let kept = with_suffix(path, &format!(".cut-{good}"));
    let kept = free_name(disk, &kept).map_err(failed(path))?;
    let temporary = with_suffix(path, ".cutting");
    let length = disk.open_read(path).and_then(|file| file.len()).map_err(failed(path))?;
    let bytes = length.saturating_sub(good);
    let replace = || {
        disk::copy_range(disk, path, &kept, good, bytes)?;
        disk::copy_prefix(disk, path, &temporary, good)?;
        disk.rename(&temporary, path)?;
        disk.sync_dir(&folder_of(path))
    };
    replace().map_err(failed(path))?;
    Ok(Kept { from: path.to_path_buf(), good, bytes, kept })
}

/// Gives a whole file another name, under which no log looks for it.
fn set_aside(disk: &dyn Disk, folder: &Folder, name: &str) -> Result<Kept, RepairError> {
    let from = folder.file(name);
    let kept = free_name(disk, &folder.file(&format!("{name}.cut-0"))).map_err(failed(&from))?;
    let bytes = disk.open_read(&from).and_then(|file| file.len()).map_err(failed(&from))?;
    disk.rename(&from, &kept).map_err(failed(&from))?;
    disk.sync_dir(&folder.path).map_err(failed(&folder.path))?;
    Ok(Kept { from, good: 0, bytes, kept })
}

fn replace_manifest(
    disk: &dyn Disk,
    folder: &Folder,
    manifest: &Manifest,
) -> Result<(), RepairError> {
    let (path, temporary) = (folder.manifest(), folder.temporary("manifest"));
    disk::replace(disk, &temporary, &path, &manifest.encode()).map_err(failed(&path))
}
