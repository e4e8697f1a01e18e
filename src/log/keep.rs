//! A log that lies in the folder and was not read, since the server was started with `appendonly
//! no`, holds data that nobody serves: another log that takes its place must not be the end of it.
//! So it gets a second name in a folder of its own, whole, before the new manifest replaces its.
//!
//! ```text
//! appendonlydir/                    the new log
//! appendonlydir.1700000000.kept/    the earlier one; `appenddirname` can name it
//! ```
//!
//! Links, not a rename of the folder: until the new manifest is there, a crash leaves the earlier
//! log where it was.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::LogError;
use super::manifest::Manifest;
use super::{Settings, Shared};
use crate::base::disk::copy_prefix;

/// How the names of folders end that hold a kept log. Tools that look for the log of a data folder
/// leave them out.
pub(super) const KEPT: &str = ".kept";

/// Whose the files in the log's folder are.
#[derive(Debug)]
pub(super) enum Earlier {
    /// This process' own, recovered or begun: what a new base replaces may go.
    Ours,
    /// Nobody knows: the start has not looked.
    Unread,
    /// As `Unread`, and this folder was made to keep them; an attempt has failed midway.
    Keeping(PathBuf),
}

impl Earlier {
    /// At start.
    pub fn of(settings: &Settings) -> Earlier {
        if settings.appendonly { Earlier::Ours } else { Earlier::Unread }
    }
}

impl Shared {
    /// Keeps a log that was not read; does nothing if there is none. After an error it is as it
    /// was, and may be kept later.
    pub(super) fn keep_unread(&self) -> Result<(), LogError> {
        let mut earlier = self.earlier.lock();
        if matches!(*earlier, Earlier::Ours) {
            return Ok(());
        }
        let names = self.unread_files()?;
        if !names.is_empty() {
            let kept = match &*earlier {
                Earlier::Keeping(kept) => kept.clone(),
                Earlier::Ours | Earlier::Unread => self.free_folder()?,
            };
            *earlier = Earlier::Keeping(kept.clone());
            self.disk.create_dir_all(&kept).map_err(LogError::io(&kept))?;
            for name in &names {
                self.keep(name, &kept).map_err(LogError::io(&kept.join(name)))?;
            }
            for dir in [&kept, &self.settings.dir] {
                self.disk.sync_dir(dir).map_err(LogError::io(dir))?;
            }
            tracing::warn!(
                kept = %kept.display(),
                "another log begins: the one that was not loaded is kept"
            );
        }
        *earlier = Earlier::Ours;
        Ok(())
    }

    /// A folder's name that is not taken.
    fn free_folder(&self) -> Result<PathBuf, LogError> {
        let Settings { dir, appenddirname, .. } = &self.settings;
        let stem = format!("{appenddirname}.{}", (self.clock)());
        let mut path = dir.join(format!("{stem}{KEPT}"));
        let mut number = 1;
        while self.disk.exists(&path).map_err(LogError::io(&path))? {
            number += 1;
            path = dir.join(format!("{stem}.{number}{KEPT}"));
        }
        Ok(path)
    }

    /// What the log in the folder consists of, the manifest last: a kept folder without one is not
    /// complete.
    fn unread_files(&self) -> Result<Vec<String>, LogError> {
        let folder = &self.folder;
        let path = folder.manifest();
        let (manifest, is_there) = match self.disk.map(&path) {
            // Of a damaged one, what is called as the log's files are is kept all the same.
            Ok(bytes) => (Manifest::decode(&bytes).unwrap_or_default(), true),
            Err(error) if error.kind() == ErrorKind::NotFound => (Manifest::default(), false),
            Err(error) => return Err(LogError::io(&path)(error)),
        };
        let mut names = self.disk.list(&folder.path).map_err(LogError::io(&folder.path))?;
        names.retain(|name| {
            let is_called_so = folder.base_seq(name).or(folder.segment_seq(name)).is_some();
            is_called_so || manifest.names().any(|listed| listed == name)
        });
        let last = path.file_name().and_then(|name| name.to_str()).filter(|_| is_there);
        names.extend(last.map(str::to_owned));
        Ok(names)
    }

    /// Gives a file a second name in the folder `kept`, or a copy where there cannot be one.
    fn keep(&self, name: &str, kept: &Path) -> std::io::Result<()> {
        let (from, to) = (self.folder.file(name), kept.join(name));
        match self.disk.hard_link(&from, &to) {
            Ok(()) => Ok(()),
            // By an earlier attempt of this process, which made the folder.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(_) => {
                let temporary = kept.join(format!("temp-{name}"));
                let length = self.disk.open_read(&from)?.len()?;
                copy_prefix(&*self.disk, &from, &temporary, length)?;
                self.disk.rename(&temporary, &to)
            }
        }
    }
}
