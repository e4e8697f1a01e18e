//! From the files to the records, once, at start.
//!
//! [`recover`] only reads: a crash inside it changes nothing. What it decided (a torn tail to cut,
//! a dump to take over, files to remove) is done by [`Recovered::start`], in an order in which each
//! step may be the last, and the next recovery decides the same.
//!
//! No file is removed of which it is not known what it is and that the log can do without it: see
//! `strays`. `walk` reads one file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalog::{Catalog, Folder, Segment};
use super::error::{Corrupt, RecoverError, ReplayError};
use super::manifest::{self, Entry, Manifest};
use super::segment::{self, Damage};
use super::{Lsn, Settings};
use crate::base::disk::Disk;

mod replay;
mod single;
mod strays;
mod walk;

pub use replay::{BaseInfo, Records, Replay};
pub use single::recover_file;

/// Records read before they run, if groups do not make it more.
const WINDOW: usize = 64;

/// What was there to recover from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing.
    Fresh,
    /// A manifest with its base and segments.
    Log,
    /// `dump.rdb`, which becomes the first base.
    DumpRdb,
    /// An append-only file of Redis 6 or older, which becomes the first base.
    SingleFileAof,
}

/// A tail that was being written when the machine stopped, and is cut at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where it begins and what was wrong there.
    pub place: Corrupt,
    /// How many bytes are cut.
    pub bytes: u64,
    /// Where a copy of them is kept.
    pub kept: PathBuf,
}

/// A recovered folder. Only from here can a [`super::Log`] be had, so none is ever written that was
/// not read.
pub struct Recovered {
    /// The end of what was recovered.
    pub last_lsn: Lsn,
    /// Earlier replication ids, newest first, each with its last LSN.
    pub ids: Vec<(String, Lsn)>,
    /// What was there.
    pub source: Source,
    /// The torn tail, if there was one.
    pub torn: Option<Torn>,
    /// Records replayed, SELECT, MULTI and EXEC included.
    pub records: u64,
    /// Of them, those that stood outside our batches: a stock server wrote them, nothing checks
    /// them.
    pub foreign_records: u64,
    /// A `dump.rdb` that stands beside the log and was not loaded, since the log wins. Its date
    /// says nothing: a backup put there keeps the date it was made. [`Recovered::has`] tells
    /// whether what it holds is in the log.
    pub unloaded_dump: Option<PathBuf>,
    /// A single-file append-only file that is newer than the log and was not loaded: a server of
    /// Redis 6 or older has gone on with what was taken over.
    pub newer_aof: Option<PathBuf>,
    /// A manifest or a single-file append-only file that was not loaded since the log is to have no
    /// files (`appendonly no`).
    pub unread: Option<PathBuf>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) settings: Settings,
    pub(super) plan: Plan,
}

/// What [`Recovered::start`] has to do.
#[derive(Default)]
pub(super) struct Plan {
    pub catalog: Catalog,
    /// The first so many bytes of the last segment are good, but not known to be durable: rewrite
    /// it.
    pub rewrite: Option<u64>,
    /// The first so many bytes of this file become the first base, with this ending.
    pub take_over: Option<(PathBuf, u64, &'static str)>,
    /// What these files are is known, and the log can do without them.
    pub remove: Vec<PathBuf>,
    /// What these are is not known: they get names under which nothing looks for them.
    pub set_aside: Vec<PathBuf>,
    /// No segment may get a lower number: such files exist.
    pub segment_seq_floor: u64,
    /// As well for bases.
    pub base_seq_floor: u64,
}

impl Recovered {
    /// Whether all that is in a snapshot of this origin is in the log: it was taken under one of
    /// the log's ids, at an LSN that the log has under that id. Not so if another server wrote it,
    /// or if it was taken while there was no log on disk, or beyond where a crash has cut the log.
    pub fn has(&self, origin: &BaseInfo) -> bool {
        is_within(&self.ids, origin)
    }
}

fn is_within(ids: &[(String, Lsn)], origin: &BaseInfo) -> bool {
    let reaches = |(id, last): &(String, Lsn)| {
        origin.replication_id.as_ref() == Some(id) && origin.lsn.is_some_and(|lsn| lsn <= *last)
    };
    ids.iter().any(reaches)
}

/// Reads the folder and feeds all that is in it to `replay`, in order. Changes nothing on disk.
pub fn recover(
    disk: Arc<dyn Disk>,
    settings: &Settings,
    replay: &mut dyn Replay,
) -> Result<Recovered, RecoverError> {
    let folder = Folder::of(settings);
    let mut recovery = Recovery::new(&*disk, settings, &folder, replay);
    let source = recovery.run()?;
    let unloaded_dump = recovery.unloaded_dump(source)?;
    let newer_aof = recovery.newer(source, &settings.dir.join(&settings.appendfilename))?;
    let unread = recovery.unread()?;
    let recovered = recovery.recovered(disk.clone(), source);
    Ok(Recovered { unloaded_dump, newer_aof, unread, ..recovered })
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    settings: &'a Settings,
    folder: &'a Folder,
    replay: &'a mut dyn Replay,
    /// `None` until a base or an opener tells.
    position: Option<Lsn>,
    /// The segment that follows the one being read.
    after: Option<PathBuf>,
    /// The highest durable LSN that the manifest or any intact batch claims.
    claim: Lsn,
    /// What the manifest claims, if it is ours and nobody else has cut the log since.
    durable: Option<Lsn>,
    ids: Vec<(String, Lsn)>,
    torn: Option<Torn>,
    records: u64,
    foreign: u64,
    plan: Plan,
}

impl<'a> Recovery<'a> {
    fn new(
        disk: &'a dyn Disk,
        settings: &'a Settings,
        folder: &'a Folder,
        replay: &'a mut dyn Replay,
    ) -> Recovery<'a> {
        Recovery {
            disk,
            settings,
            folder,
            replay,
            position: None,
            after: None,
            claim: Lsn(0),
            durable: None,
            ids: Vec::new(),
            torn: None,
            records: 0,
            foreign: 0,
            plan: Plan::default(),
        }
    }

    fn recovered(self, disk: Arc<dyn Disk>, source: Source) -> Recovered {
        let Recovery { settings, position, ids, torn, records, foreign, plan, .. } = self;
        Recovered {
            last_lsn: position.unwrap_or_default(),
            ids,
            source,
            torn,
            records,
            foreign_records: foreign,
            unloaded_dump: None,
            newer_aof: None,
            unread: None,
            settings: settings.clone(),
            plan,
            disk,
        }
    }
}

impl Recovery<'_> {
    fn run(&mut self) -> Result<Source, RecoverError> {
        let dump = self.settings.dir.join(&self.settings.dbfilename);
        if !self.settings.appendonly {
            return if self.exists(&dump)? { self.dump(&dump) } else { Ok(Source::Fresh) };
        }
        let names = match self.disk.list(&self.folder.path) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(RecoverError::io(&self.folder.path)(error)),
        };
        let manifest_path = self.folder.manifest();
        if self.exists(&manifest_path)? {
            let bytes = self.disk.map(&manifest_path).map_err(RecoverError::io(&manifest_path))?;
            let manifest = Manifest::decode(&bytes).map_err(|line| {
                corrupt(&manifest_path, segment::damage(&bytes, line.offset, line.expected))
            })?;
            self.log(&manifest)?;
            self.strays(&names, &manifest)?;
            return Ok(Source::Log);
        }
        let single = self.settings.dir.join(&self.settings.appendfilename);
        if self.exists(&single)? {
            self.without_manifest(&names, Some(&single))?;
            self.single_file(&single)
        } else if self.exists(&dump)? {
            self.without_manifest(&names, Some(&dump))?;
            self.dump(&dump)
        } else {
            self.without_manifest(&names, None)?;
            Ok(Source::Fresh)
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, RecoverError> {
        self.disk.exists(path).map_err(RecoverError::io(path))
    }

    fn folder_error(&self, name: &str, problem: &str) -> RecoverError {
        RecoverError::Folder { file: self.folder.file(name), problem: problem.to_owned() }
    }

    /// Manifest, base, segments.
    fn log(&mut self, manifest: &Manifest) -> Result<(), RecoverError> {
        for entry in manifest.base.iter().chain(&manifest.segments) {
            if !self.exists(&self.folder.file(&entry.name))? {
                return Err(
                    self.folder_error(&entry.name, "the manifest lists it, and it is missing")
                );
            }
        }
        for retained in &manifest.retained {
            if self.exists(&self.folder.file(&retained.entry.name))? {
                self.plan.catalog.segments.push(Segment {
                    entry: retained.entry.clone(),
                    first: retained.first,
                    last: retained.last,
                    bytes: self.len(&self.folder.file(&retained.entry.name))?,
                    closed: retained.closed,
                    retained: true,
                    readable: true,
                    index: Vec::new(),
                });
            }
        }
        self.durable = manifest.durable;
        self.claim = manifest.durable.unwrap_or_default();
        if let Some(base) = &manifest.base {
            self.base(base, manifest.base_crc)?;
        }
        for (index, entry) in manifest.segments.iter().enumerate() {
            let after = manifest.segments.get(index + 1);
            self.after = after.map(|entry| self.folder.file(&entry.name));
            let last = after.is_none();
            self.segment(entry, last, manifest.base.is_none() && manifest.ours && index == 0)?;
        }
        let listed: Vec<&str> = manifest.in_use().map(|entry| entry.name.as_str()).collect();
        let history = manifest.history.iter().map(|entry| entry.name.as_str());
        let history = history.filter(|name| self.folder.is_of_log(name) && !listed.contains(name));
        self.plan.remove.extend(history.map(|name| self.folder.file(name)));
        self.plan.segment_seq_floor = manifest.next_segment_seq();
        Ok(())
    }

    fn len(&self, path: &Path) -> Result<u64, RecoverError> {
        let file = self.disk.open_read(path).map_err(RecoverError::io(path))?;
        file.len().map_err(RecoverError::io(path))
    }

    fn base(&mut self, entry: &Entry, crc: Option<u32>) -> Result<(), RecoverError> {
        let path = self.folder.file(&entry.name);
        if let Some(crc) = crc {
            let bytes = self.disk.map(&path).map_err(RecoverError::io(&path))?;
            let found = manifest::checksum(&bytes);
            if found != crc {
                let expected = format!("a file whose checksum is {crc:08x}");
                let found = format!("{} bytes with {found:08x}", bytes.len());
                return Err(corrupt(&path, Damage { offset: 0, expected, found }).into());
            }
        }
        self.plan.catalog.base_crc = crc;
        self.plan.catalog.base_bytes = self.len(&path)?;
        self.plan.catalog.base = Some(entry.clone());
        if entry.name.ends_with(".aof") {
            // It was written whole before it was listed: whatever it lacks was there.
            self.commands_file(&path, false)?;
            return Ok(());
        }
        self.rdb(&path)
    }

    fn rdb(&mut self, path: &Path) -> Result<(), RecoverError> {
        let loaded = self.replay.base(path);
        let info = loaded.map_err(|source| refused(path, 0, source))?;
        let BaseInfo { replication_id, lsn } = info.of_a_log();
        self.position = lsn;
        if let (Some(id), Some(lsn)) = (replication_id, lsn) {
            self.ids = vec![(id, lsn)];
        }
        Ok(())
    }

    fn dump(&mut self, path: &Path) -> Result<Source, RecoverError> {
        self.rdb(path)?;
        self.position.get_or_insert(Lsn(0));
        self.plan.take_over = Some((path.to_path_buf(), self.len(path)?, "rdb"));
        Ok(Source::DumpRdb)
    }

    fn single_file(&mut self, path: &Path) -> Result<Source, RecoverError> {
        let good = self.commands_file(path, true)?;
        self.position = Some(Lsn(0));
        self.plan.take_over = Some((path.to_path_buf(), good, "aof"));
        Ok(Source::SingleFileAof)
    }

    /// A file of commands, perhaps behind an RDB. Its records take no LSN: they are a base. Returns
    /// where they end: before the file does only if it may end torn.
    fn commands_file(&mut self, path: &Path, may_end_torn: bool) -> Result<u64, RecoverError> {
        let bytes = self.disk.map(path).map_err(RecoverError::io(path))?;
        let mut start = 0;
        if bytes.starts_with(b"REDIS") {
            let loaded = self.replay.rdb_preamble(&bytes);
            start = loaded.map_err(|source| refused(path, 0, source))?;
            if start > bytes.len() {
                let found = segment::damage(&bytes, bytes.len(), "the rest of the RDB");
                return Err(corrupt(path, found).into());
            }
        }
        let (good, _) = self.foreign(path, &bytes, start, may_end_torn)?;
        Ok(good as u64)
    }
}

fn corrupt(file: &Path, damage: Damage) -> Corrupt {
    let Damage { offset, expected, found } = damage;
    Corrupt { file: file.to_path_buf(), offset: offset as u64, expected, found }
}

fn refused(file: &Path, offset: u64, source: ReplayError) -> RecoverError {
    RecoverError::Replay { file: file.to_path_buf(), offset, source }
}
