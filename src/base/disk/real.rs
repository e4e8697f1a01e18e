//! The operating system's files.

use std::fs::{self, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rustix::fs::{FallocateFlags, FlockOperation};

use super::{Disk, File, Mapped};

/// [`Disk`] over the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

struct RealFile(fs::File);

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<Arc<dyn File>> {
    Ok(Arc::new(RealFile(options.open(path)?)))
}

impl RealDisk {
    /// Makes a folder this process' own for as long as the handle lives; the system gives it free
    /// when the process ends, however it ends. `WouldBlock`: another process has it.
    pub fn lock_folder(dir: &Path) -> io::Result<fs::File> {
        let folder = OpenOptions::new().read(true).open(dir)?;
        rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
        Ok(folder)
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        open(OpenOptions::new().read(true).append(true).create_new(true), path)
    }

    fn open_append(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        open(OpenOptions::new().read(true).append(true), path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        open(OpenOptions::new().read(true), path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        Mapped::of(&OpenOptions::new().read(true).open(path)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        OpenOptions::new().read(true).open(dir)?.sync_all()
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn modified(&self, path: &Path) -> io::Result<u64> {
        let time = fs::metadata(path)?.modified()?;
        // A file dated before 1970 counts as dated 1970.
        Ok(time.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs()))
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let figures = rustix::fs::statvfs(dir)?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }
}

impl File for RealFile {
    fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(parts)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn reserve(&self, offset: u64, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        rustix::fs::fallocate(&self.0, FallocateFlags::KEEP_SIZE, offset, len).map_err(|errno| {
            if errno == rustix::io::Errno::OPNOTSUPP {
                io::ErrorKind::Unsupported.into()
            } else {
                errno.into()
            }
        })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}
