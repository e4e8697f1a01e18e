//! From the files to the records, once, at start.
//!
//! [`recover`] only reads: a crash inside it changes nothing. What it decided (a torn tail to cut,
//! a dump to take over, files to remove) is done by [`Recovered::start`], in an order in which each
//! step may be the last, and the next recovery decides the same.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalog::{Catalog, Folder, Segment};
use super::error::{Corrupt, RecoverError, ReplayError};
use super::manifest::{self, Entry, Manifest};
use super::planted::{Bug, planted};
use super::record::{self, Frame, Places};
use super::segment::{self, Damage, Head, Next};
use super::{Lsn, Settings};
use crate::base::disk::Disk;

mod replay;
mod single;
mod strays;

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
    /// A `dump.rdb` that is newer than the log and was not loaded, since the log wins.
    pub newer_dump: Option<PathBuf>,
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
    pub remove: Vec<PathBuf>,
    /// No segment may get a lower number: such files exist.
    pub segment_seq_floor: u64,
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
    let newer_dump = recovery.newer(source, &settings.dir.join(&settings.dbfilename))?;
    let newer_aof = recovery.newer(source, &settings.dir.join(&settings.appendfilename))?;
    let unread = recovery.unread()?;
    let recovered = recovery.recovered(disk.clone(), source);
    Ok(Recovered { newer_dump, newer_aof, unread, ..recovered })
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
    /// The highest durable LSN that any intact batch claims.
    claim: Lsn,
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
            newer_dump: None,
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
        let taken_over = self.exists(&single)? || self.exists(&dump)?;
        self.strays(&names, &Manifest { ours: true, ..Manifest::default() })?;
        if let Some(base) = names.iter().find(|name| self.folder.base_seq(name).is_some())
            && !taken_over
        {
            return Err(self.folder_error(base, "there is a base but no manifest that lists it"));
        }
        if self.exists(&single)? {
            self.single_file(&single)
        } else if self.exists(&dump)? {
            self.dump(&dump)
        } else {
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
        if let Some(base) = &manifest.base {
            self.base(base, manifest.base_crc)?;
        }
        for (index, entry) in manifest.segments.iter().enumerate() {
            let after = manifest.segments.get(index + 1);
            self.after = after.map(|entry| self.folder.file(&entry.name));
            let last = after.is_none();
            self.segment(entry, last, manifest.base.is_none() && manifest.ours && index == 0)?;
        }
        let history = manifest.history.iter().map(|entry| self.folder.file(&entry.name));
        self.plan.remove.extend(history);
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

    /// `opens_the_log`: there is no base, so it must begin at 0.
    fn segment(
        &mut self,
        entry: &Entry,
        last: bool,
        opens_the_log: bool,
    ) -> Result<(), RecoverError> {
        let path = self.folder.file(&entry.name);
        let bytes = self.disk.map(&path).map_err(RecoverError::io(&path))?;
        let wanted = if opens_the_log { Some(Lsn(0)) } else { self.position };
        let mut first = wanted.unwrap_or_default();
        let mut walk = Walk { good: 0, readable: true, seconds: 0, index: Vec::new() };
        match segment::read_head(&bytes) {
            Head::Foreign => {
                let (good, record_bytes) = self.foreign(&path, &bytes, 0, last)?;
                self.foreign_after(first, record_bytes);
                walk = Walk { good, readable: false, ..walk };
            }
            Head::Incomplete(damage) if last => self.tear(&path, &bytes, 0, damage)?,
            Head::Incomplete(damage) | Head::Damaged(damage) => {
                return Err(corrupt(&path, damage).into());
            }
            Head::Ours(opener, at) => {
                if wanted.is_some_and(|wanted| wanted != opener.first) {
                    let expected =
                        format!("a segment that begins at LSN {}", wanted.unwrap_or_default());
                    let found = format!("one that begins at LSN {}", opener.first);
                    return Err(corrupt(&path, Damage { offset: 0, expected, found }).into());
                }
                first = opener.first;
                self.position = Some(first);
                self.claim = self.claim.max(opener.first);
                let database = opener.database.to_string();
                self.records += 1;
                self.replay
                    .record(&[b"SELECT", database.as_bytes()])
                    .map_err(|source| refused(&path, 0, source))?;
                self.ids = opener.ids.before.clone();
                self.ids.insert(0, (opener.ids.current.clone(), opener.first));
                self.batches(&path, &bytes, at, opener.salt, last, &mut walk)?;
            }
        }
        let position = *self.position.get_or_insert(first);
        let Walk { good, readable, seconds, index } = walk;
        let durable = readable && self.claim >= position && good == bytes.len();
        if last && !durable {
            self.plan.rewrite = Some(good as u64);
        }
        self.plan.catalog.segments.push(Segment {
            entry: entry.clone(),
            first,
            last: position,
            bytes: good as u64,
            closed: seconds,
            retained: false,
            readable,
            index,
        });
        Ok(())
    }

    /// Our batches from `at`, behind an opener.
    fn batches(
        &mut self,
        path: &Path,
        bytes: &[u8],
        at: usize,
        salt: u64,
        last: bool,
        walk: &mut Walk,
    ) -> Result<(), RecoverError> {
        let mut position = self.position.unwrap_or_default();
        walk.good = at;
        walk.index.push((position, at as u64));
        loop {
            match segment::next(bytes, walk.good, salt, position) {
                Next::End => return Ok(()),
                Next::Batch(batch) => {
                    self.groups(path, bytes, batch.payload.clone())?;
                    let noted = walk.index.last().map_or(0, |(_, offset)| *offset);
                    if walk.good as u64 - noted >= 1 << 20 {
                        walk.index.push((position, walk.good as u64));
                    }
                    walk.good = batch.payload.end;
                    walk.seconds = batch.seconds.unwrap_or(walk.seconds);
                    position = batch.last;
                    self.position = Some(position);
                    self.claim = self.claim.max(batch.durable);
                    if let Some(current) = self.ids.first_mut() {
                        current.1 = position;
                    }
                }
                Next::Foreign => {
                    let (good, record_bytes) = self.foreign(path, bytes, walk.good, last)?;
                    self.foreign_after(position, record_bytes);
                    (walk.good, walk.readable) = (good, false);
                    return Ok(());
                }
                Next::Damaged(damage) => {
                    if self.next_begins_at(position)? {
                        tracing::warn!("{} has a damaged seal; no record is lost", path.display());
                        return Ok(());
                    }
                    let behind = segment::highest_claim(bytes, walk.good, salt, position);
                    let claimed = behind.map_or(self.claim, |(_, lsn)| lsn.max(self.claim));
                    let durable = claimed > position && !planted(Bug::DurableTailCut);
                    if !last || durable {
                        return Err(corrupt(path, damage).into());
                    }
                    return self.tear(path, bytes, walk.good, damage);
                }
            }
        }
    }

    /// Whether the following segment begins at `position`: then this one holds all its records, and
    /// what is damaged behind them is its seal, which was never synced if closing the file failed.
    fn next_begins_at(&self, position: Lsn) -> Result<bool, RecoverError> {
        let Some(path) = &self.after else { return Ok(false) };
        let bytes = self.disk.map(path).map_err(RecoverError::io(path))?;
        let head = segment::read_head(&bytes);
        Ok(matches!(head, Head::Ours(opener, _) if opener.first == position))
    }

    /// After foreign records the position goes on, but no earlier id reaches over them.
    fn foreign_after(&mut self, position: Lsn, record_bytes: u64) {
        self.position = Some(Lsn(position.0.saturating_add(record_bytes)));
    }

    /// All groups of an intact batch.
    fn groups(
        &mut self,
        path: &Path,
        bytes: &[u8],
        range: Range<usize>,
    ) -> Result<(), RecoverError> {
        let payload = bytes.get(..range.end).unwrap_or(&[]);
        let mut places = Places::default();
        let mut at = range.start;
        while at < range.end {
            let (offset, expected) = match record::group(payload, at, &mut places) {
                Frame::Whole(end) => {
                    at = end;
                    if places.records.len() >= WINDOW || at == range.end {
                        self.deliver(path, payload, &mut places)?;
                    }
                    continue;
                }
                Frame::Incomplete => (at, "a whole group in the batch"),
                Frame::Bad(offset, expected) => (offset, expected),
            };
            return Err(corrupt(path, segment::damage(bytes, offset, expected)).into());
        }
        Ok(())
    }

    /// Commands outside batches, from `at` to the end. Returns where they end, and their record
    /// bytes.
    fn foreign(
        &mut self,
        path: &Path,
        bytes: &[u8],
        mut at: usize,
        last: bool,
    ) -> Result<(usize, u64), RecoverError> {
        let mut places = Places::default();
        let mut record_bytes = 0;
        while at < bytes.len() {
            // A #TS line may stand last, alone.
            if record::skip_timestamp(bytes, at) == Some(Some(bytes.len())) {
                at = bytes.len();
                break;
            }
            let (records, read) = (places.records.len(), places.bytes);
            match record::group(bytes, at, &mut places) {
                Frame::Whole(end) => {
                    at = end;
                    self.foreign += (places.records.len() - records) as u64;
                    record_bytes += places.bytes - read;
                    if places.records.len() >= WINDOW {
                        self.deliver(path, bytes, &mut places)?;
                    }
                }
                Frame::Incomplete if last => {
                    self.deliver(path, bytes, &mut places)?;
                    let damage = segment::damage(bytes, at, "a whole record or MULTI...EXEC");
                    self.tear(path, bytes, at, damage)?;
                    return Ok((at, record_bytes));
                }
                Frame::Incomplete => {
                    return Err(corrupt(path, segment::damage(bytes, at, "a whole record")).into());
                }
                Frame::Bad(offset, expected) => {
                    return Err(corrupt(path, segment::damage(bytes, offset, expected)).into());
                }
            }
        }
        self.deliver(path, bytes, &mut places)?;
        Ok((at, record_bytes))
    }

    /// Replays whole groups, and forgets their places.
    fn deliver(
        &mut self,
        path: &Path,
        bytes: &[u8],
        places: &mut Places,
    ) -> Result<(), RecoverError> {
        let args = places.args.iter().filter_map(|range| bytes.get(range.clone()));
        let args: Vec<&[u8]> = args.collect();
        self.records += places.records.len() as u64;
        let records = Records { args: &args, ends: &places.records };
        self.replay.records(&records).map_err(|(index, source)| {
            let at = places.records.get(index).map_or(0, |(at, _)| *at);
            refused(path, at as u64, source)
        })?;
        places.clear();
        Ok(())
    }

    /// Decides that the file ends at `good`.
    fn tear(
        &mut self,
        path: &Path,
        bytes: &[u8],
        good: usize,
        damage: Damage,
    ) -> Result<(), RecoverError> {
        let place = corrupt(path, damage);
        if !self.settings.load_truncated {
            return Err(RecoverError::Torn(place));
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("log");
        let kept = self.folder.file(&format!("{name}.torn-{good}"));
        self.torn = Some(Torn { place, bytes: (bytes.len() - good) as u64, kept });
        Ok(())
    }
}

/// What walking a segment found.
struct Walk {
    /// Up to here every byte is accounted for.
    good: usize,
    readable: bool,
    seconds: u64,
    index: Vec<(Lsn, u64)>,
}

fn corrupt(file: &Path, damage: Damage) -> Corrupt {
    let Damage { offset, expected, found } = damage;
    Corrupt { file: file.to_path_buf(), offset: offset as u64, expected, found }
}

fn refused(file: &Path, offset: u64, source: ReplayError) -> RecoverError {
    RecoverError::Replay { file: file.to_path_buf(), offset, source }
}
