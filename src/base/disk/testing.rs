//! A disk in memory that remembers, fails and crashes: for tests, of this crate and of others.
//!
//! [`SimDisk`] records every *effect* (a write, a sync, a rename…) in order. [`SimDisk::crash`]
//! replays a prefix of them and answers with the disk as a machine could find it after losing power
//! there: what was synced is kept, what was not is kept, dropped or torn as [`Unsynced`] says. A
//! failed sync loses the file's unsynced bytes for good, although the running process still reads
//! them and a later sync says `Ok`: Linux does that.
//!
//! [`SimDisk::fail`] makes the n-th operation fail. Operations are counted from 1, reads included.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, File, Mapped, folder_of};
use past::Replayed;

mod past;

pub use past::Past;

/// What becomes of the effects that no sync had made durable when the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsynced {
    /// Of bytes in files.
    pub bytes: Fate,
    /// Of created, renamed and removed names.
    pub names: Fate,
}

/// See [`Unsynced`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All survive.
    Kept,
    /// None survives.
    Dropped,
    /// A prefix survives, cut at any byte (or between names) as the seed says.
    Cut(u64),
    /// Of bytes: each sector of 512 survives or reads as zeros, as the seed says. Of names: each
    /// change survives or not, a later one without the earlier too.
    Sectors(u64),
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With this error number, having done nothing (a sync: having lost the unsynced bytes).
    Error(i32),
    /// A write takes half its bytes and says so; any other operation is not affected.
    Short,
}

/// EIO: an input/output error.
pub const EIO: i32 = 5;
/// ENOSPC: no space left on the device.
pub const ENOSPC: i32 = 28;

/// One change to the disk, as it happened.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Bytes appended to a file.
    Write(usize, Vec<u8>),
    /// A file's length set.
    SetLen(usize, u64),
    /// A file's content made durable.
    Sync(usize),
    /// A sync of a file failed: its unsynced bytes are lost.
    FailedSync(usize),
    /// A folder's names made durable.
    SyncDir(PathBuf),
    /// A name given to a file or folder (creation, hard link).
    Link(PathBuf, Node),
    /// A name moved.
    Rename(PathBuf, PathBuf),
    /// A name removed.
    Unlink(PathBuf),
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder,
    /// The file of this number. Numbers are never used again.
    File(usize),
}

/// The simulated disk; clones share it.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    start: Image,
    now: Image,
    effects: Vec<Effect>,
    operations: u64,
    failing: Option<(u64, Failure, bool)>,
}

#[derive(Clone, Default)]
struct Image {
    names: BTreeMap<PathBuf, Node>,
    /// By number; shared by the images of one past until one of them writes.
    files: Vec<Arc<Vec<u8>>>,
}

impl SimDisk {
    /// A disk with one empty folder.
    pub fn new(dir: &Path) -> SimDisk {
        let mut image = Image::default();
        for folder in dir.ancestors() {
            image.names.insert(folder.to_path_buf(), Node::Folder);
        }
        SimDisk::with(image)
    }

    fn with(image: Image) -> SimDisk {
        let state = State { start: image.clone(), now: image, ..State::default() };
        SimDisk(Arc::new(Mutex::new(state)))
    }

    /// How many effects have happened; each number up to it is a place to [`SimDisk::crash`].
    pub fn effects(&self) -> usize {
        self.0.lock().effects.len()
    }

    /// The effects so far.
    pub fn effect_list(&self) -> Vec<Effect> {
        self.0.lock().effects.clone()
    }

    /// How many operations have been asked for, failed ones included.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Makes the `nth` operation from now (1 is the next) fail, and if `latched` all later ones
    /// too.
    pub fn fail(&self, nth: u64, failure: Failure, latched: bool) {
        let mut state = self.0.lock();
        state.failing = Some((state.operations + nth, failure, latched));
    }

    /// Ends what [`SimDisk::fail`] began.
    pub fn repair(&self) {
        self.0.lock().failing = None;
    }

    /// The disk after losing power when the first `effects` effects had happened.
    pub fn crash(&self, effects: usize, unsynced: Unsynced) -> SimDisk {
        let state = self.0.lock();
        let mut replayed = Replayed::of(&state.start);
        for effect in state.effects.iter().take(effects) {
            replayed.apply(effect);
        }
        SimDisk::with(replayed.image(unsynced))
    }

    /// Goes through the past, from before the first effect on, for crashes at all places.
    pub fn past(&self) -> Past {
        let state = self.0.lock();
        let effects = state.effects.clone().into_iter();
        Past::new(Replayed::of(&state.start), effects)
    }

    /// The content of a file as the running process sees it.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.0.lock();
        state.now.file(path).ok().and_then(|file| state.now.content(file))
    }

    /// Puts a durable file there, outside the record of effects: damage, or a file from elsewhere.
    pub fn put(&self, path: &Path, content: &[u8]) {
        let mut state = self.0.lock();
        let folder = folder_of(path);
        let State { start, now, effects, .. } = &mut *state;
        assert!(
            effects.is_empty(),
            "put before the first effect, on a fresh disk or a crash image"
        );
        for image in [start, now] {
            image.names.insert(folder.clone(), Node::Folder);
            image.names.insert(path.to_path_buf(), Node::File(image.files.len()));
            image.files.push(Arc::new(content.to_vec()));
        }
    }

    /// Every file with its content, as the running process sees them.
    pub fn all_files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.0.lock();
        let mut files = BTreeMap::new();
        for (path, node) in &state.now.names {
            if let Node::File(file) = node
                && let Some(content) = state.now.content(*file)
            {
                files.insert(path.clone(), content);
            }
        }
        files
    }

    fn step(&self) -> io::Result<(parking_lot::MutexGuard<'_, State>, bool)> {
        let mut state = self.0.lock();
        state.operations += 1;
        let count = state.operations;
        match state.failing {
            Some((nth, failure, latched)) if count == nth || (latched && count > nth) => {
                match failure {
                    Failure::Error(errno) => Err(io::Error::from_raw_os_error(errno)),
                    Failure::Short => Ok((state, true)),
                }
            }
            _ => Ok((state, false)),
        }
    }
}

impl Image {
    fn content(&self, file: usize) -> Option<Vec<u8>> {
        self.files.get(file).map(|content| content.to_vec())
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(file)) => Ok(*file),
            Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn apply_name(&mut self, effect: &Effect) {
        match effect {
            Effect::Link(path, node) => {
                self.names.insert(path.clone(), *node);
            }
            Effect::Rename(from, to) => {
                if let Some(node) = self.names.remove(from) {
                    self.names.insert(to.clone(), node);
                }
            }
            Effect::Unlink(path) => {
                self.names.remove(path);
            }
            _ => {}
        }
    }

    fn apply_bytes(&mut self, effect: &Effect) {
        let (Effect::Write(file, _) | Effect::SetLen(file, _)) = effect else { return };
        while self.files.len() <= *file {
            self.files.push(Arc::default());
        }
        match (effect, self.files.get_mut(*file).map(Arc::make_mut)) {
            (Effect::Write(_, bytes), Some(content)) => content.extend_from_slice(bytes),
            (Effect::SetLen(_, len), Some(content)) => content.resize(*len as usize, 0),
            _ => {}
        }
    }
}

impl State {
    fn record(&mut self, effect: Effect) {
        self.now.apply_name(&effect);
        self.now.apply_bytes(&effect);
        self.effects.push(effect);
    }

    fn folder_exists(&self, path: &Path) -> io::Result<()> {
        match self.now.names.get(&folder_of(path)) {
            Some(Node::Folder) => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

struct SimFile {
    disk: SimDisk,
    number: usize,
}

impl SimFile {
    fn open(disk: &SimDisk, number: usize) -> Arc<dyn File> {
        Arc::new(SimFile { disk: disk.clone(), number })
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let (mut state, _) = self.step()?;
        state.folder_exists(path)?;
        if state.now.file(path).is_ok() {
            state.record(Effect::Unlink(path.to_path_buf()));
        }
        let number = state.now.files.len();
        state.now.files.push(Arc::default());
        state.record(Effect::Link(path.to_path_buf(), Node::File(number)));
        Ok(SimFile::open(self, number))
    }

    fn open_append(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let (state, _) = self.step()?;
        Ok(SimFile::open(self, state.now.file(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.open_append(path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        let (state, _) = self.step()?;
        let file = state.now.file(path)?;
        Ok(Mapped::from_vec(state.now.content(file).unwrap_or_default()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, _) = self.step()?;
        state.now.file(from)?;
        state.folder_exists(to)?;
        assert_eq!(folder_of(from), folder_of(to), "renames stay in their folder");
        state.record(Effect::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, _) = self.step()?;
        let file = state.now.file(from)?;
        state.folder_exists(to)?;
        if state.now.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.record(Effect::Link(to.to_path_buf(), Node::File(file)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, _) = self.step()?;
        state.now.file(path)?;
        state.record(Effect::Unlink(path.to_path_buf()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let (state, _) = self.step()?;
        if state.now.names.get(dir) != Some(&Node::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.now.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let (mut state, _) = self.step()?;
        let missing: Vec<PathBuf> = dir
            .ancestors()
            .filter(|path| !path.as_os_str().is_empty() && !state.now.names.contains_key(*path))
            .map(Path::to_path_buf)
            .collect();
        for path in missing.into_iter().rev() {
            state.record(Effect::Link(path, Node::Folder));
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let (mut state, _) = self.step()?;
        if state.now.names.get(dir) != Some(&Node::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.record(Effect::SyncDir(dir.to_path_buf()));
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let (state, _) = self.step()?;
        Ok(state.now.names.contains_key(path))
    }

    fn modified(&self, path: &Path) -> io::Result<u64> {
        let (state, _) = self.step()?;
        // Files are dated by their number: a later one is newer.
        Ok(state.now.file(path)? as u64)
    }

    /// It is full only where an operation is told to find it so.
    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        self.step().map(|_| u64::MAX)
    }
}

impl File for SimFile {
    fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let (mut state, short) = self.disk.step()?;
        let mut bytes = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>();
        if short {
            bytes.truncate(bytes.len().div_ceil(2));
        }
        let taken = bytes.len();
        state.record(Effect::Write(self.number, bytes));
        Ok(taken)
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.disk.step() {
            Ok((mut state, _)) => {
                state.record(Effect::Sync(self.number));
                Ok(())
            }
            Err(error) => {
                self.disk.0.lock().record(Effect::FailedSync(self.number));
                Err(error)
            }
        }
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut state, _) = self.disk.step()?;
        state.record(Effect::SetLen(self.number, len));
        Ok(())
    }

    fn reserve(&self, _offset: u64, _len: u64) -> io::Result<()> {
        self.disk.step().map(drop)
    }

    fn len(&self) -> io::Result<u64> {
        let (state, _) = self.disk.step()?;
        Ok(state.now.files.get(self.number).map_or(0, |content| content.len()) as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (state, _) = self.disk.step()?;
        let content = state.now.files.get(self.number).map_or(&[][..], |content| content);
        let from = content.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        let rest = content.get(from..).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }
}
