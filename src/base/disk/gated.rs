//! A disk whose syncs hang for as long as a test wants.

use super::{Disk, File, Mapped};
use parking_lot::{Condvar, Mutex};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

/// A disk over another one. While its gate is closed, a sync of a file does not return.
#[derive(Clone)]
pub struct GatedDisk {
    under: Arc<dyn Disk>,
    gate: Arc<Gate>,
}

/// What lets syncs through.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    waiting: usize,
}

impl Gate {
    /// From now on syncs hang.
    pub fn close(&self) {
        self.state.lock().closed = true;
    }

    /// Those that hang go on, and further ones do not wait.
    pub fn open(&self) {
        self.state.lock().closed = false;
        self.changed.notify_all();
    }

    /// How many syncs hang.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting
    }

    fn pass(&self) {
        let mut state = self.state.lock();
        state.waiting += 1;
        while state.closed {
            self.changed.wait(&mut state);
        }
        state.waiting -= 1;
    }
}

impl GatedDisk {
    /// With an open gate.
    pub fn over(under: Arc<dyn Disk>) -> GatedDisk {
        GatedDisk { under, gate: Arc::default() }
    }

    /// Its gate.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    fn gated(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(GatedFile { under: file, gate: self.gate.clone() })
    }
}

struct GatedFile {
    under: Arc<dyn File>,
    gate: Arc<Gate>,
}

impl Disk for GatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.under.create(path).map(|file| self.gated(file))
    }

    fn open_append(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.under.open_append(path).map(|file| self.gated(file))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.under.open_read(path).map(|file| self.gated(file))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.under.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.under.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.under.hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.under.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.under.list(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.under.create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.under.sync_dir(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.under.exists(path)
    }

    fn modified(&self, path: &Path) -> io::Result<u64> {
        self.under.modified(path)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.under.free_bytes(dir)
    }
}

impl File for GatedFile {
    fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.under.write_vectored(parts)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass();
        self.under.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.gate.pass();
        self.under.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.under.set_len(len)
    }

    fn reserve(&self, offset: u64, len: u64) -> io::Result<()> {
        self.under.reserve(offset, len)
    }

    fn len(&self) -> io::Result<u64> {
        self.under.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.under.read_at(buffer, offset)
    }
}
