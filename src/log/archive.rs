//! A log folder looked at from outside, for the tools: nothing is changed, and a server may run on
//! it. Files are opened once, so what the server removes meanwhile can still be read to its end.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catalog::Folder;
use super::cursor::{Cursor, Opened, Step};
use super::error::{Corrupt, LogError, RecoverError};
use super::keep::KEPT;
use super::manifest::{Manifest, Retained};
use super::reader::ReadError;
use super::recovery::{Recovered, Replay, recover};
use super::scan::{Record, Scan, Walked};
use super::segment;
use super::{Ids, Lsn, Settings};
use crate::base::disk::{Disk, File};

/// How often the folder is looked at again when a file went away between manifest and opening.
const LOOKS_MAX: usize = 10;

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There is no log of ours in it, or several.
    #[error("{}: {problem}", file.display())]
    Folder {
        /// The file or folder in question.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Reading failed, or what was read is damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The LSN is not one that can be read from here.
    #[error("LSN {at} is outside the window, which is from LSN {start} to {}",
        end.map_or("the log's end".to_owned(), |end| format!("LSN {end}")))]
    Window {
        /// The LSN asked for.
        at: Lsn,
        /// The lowest that can be.
        start: Lsn,
        /// The highest that can be, if it was looked for.
        end: Option<Lsn>,
    },
}

/// A log's name and place: where its manifest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The data folder.
    pub dir: PathBuf,
    /// The log's folder in it.
    pub appenddirname: String,
    /// What the log's files are called.
    pub appendfilename: String,
}

impl Place {
    /// Finds the log in a data folder, or in the log's folder itself: by its manifest. `None`:
    /// there is none. A kept one is found only by its own folder.
    pub fn find(disk: &dyn Disk, path: &Path) -> Result<Option<Place>, ArchiveError> {
        let name_in = |file: &str| file.strip_suffix(".manifest").map(str::to_owned);
        Place::of_file(disk, path, &name_in)
    }

    /// As [`Place::find`] of a log that has lost its manifest, or got none yet: by the names of its
    /// other files.
    pub fn without_manifest(disk: &dyn Disk, path: &Path) -> Result<Option<Place>, ArchiveError> {
        let name_in = |file: &str| Folder::name_in(file).map(str::to_owned);
        Place::of_file(disk, path, &name_in)
    }

    /// Finds the log by files of which `name_in` knows what log they are of.
    fn of_file(
        disk: &dyn Disk,
        path: &Path,
        name_in: NameIn<'_>,
    ) -> Result<Option<Place>, ArchiveError> {
        let mut found = logs_in(disk, path, name_in)?;
        if found.is_empty() {
            let folders = disk.list(path).map_err(LogError::io(path)).map_err(ReadError::from)?;
            // What a start has set aside is not the log any more.
            for name in folders.iter().filter(|name| !name.ends_with(KEPT)) {
                found.extend(logs_in(disk, &path.join(name), name_in)?);
            }
        }
        let problem = |problem: &str| ArchiveError::Folder {
            file: path.to_path_buf(),
            problem: problem.to_owned(),
        };
        let Some((folder, appendfilename)) = found.pop_last() else { return Ok(None) };
        if !found.is_empty() {
            return Err(problem("there are several logs in it: name the folder of one"));
        }
        match (folder.parent(), folder.file_name().and_then(|name| name.to_str())) {
            (Some(dir), Some(name)) => Ok(Some(Place {
                dir: dir.to_path_buf(),
                appenddirname: name.to_owned(),
                appendfilename,
            })),
            _ => Err(problem("name the data folder with its whole path")),
        }
    }

    /// What a recovery of it takes.
    pub fn settings(&self) -> Settings {
        Settings {
            appenddirname: self.appenddirname.clone(),
            appendfilename: self.appendfilename.clone(),
            ..Settings::new(self.dir.clone())
        }
    }
}

/// The name of the log that a file is of, if it is of one.
type NameIn<'f> = &'f dyn Fn(&str) -> Option<String>;

/// The logs that have files in a folder: the folder, and their names. None if it is not a folder.
fn logs_in(
    disk: &dyn Disk,
    dir: &Path,
    name_in: NameIn<'_>,
) -> Result<BTreeSet<(PathBuf, String)>, ArchiveError> {
    let files = match disk.list(dir) {
        Ok(files) => files,
        Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::NotFound) => {
            return Ok(BTreeSet::new());
        }
        Err(error) => return Err(ReadError::from(LogError::io(dir)(error)).into()),
    };
    let files = files.iter().filter(|file| !file.starts_with("temp-"));
    Ok(files.filter_map(|file| name_in(file)).map(|name| (dir.to_path_buf(), name)).collect())
}

/// How often the files of a running server are read again that went away meanwhile.
const READS_MAX: usize = 4;

/// As [`recover`], of a folder on which a server may run: if a file goes away meanwhile, what `new`
/// gives takes everything from the beginning. Returns whoever took it, and what came of it.
pub fn recover_in_use<R: Replay, E>(
    disk: &Arc<dyn Disk>,
    settings: &Settings,
    mut new: impl FnMut() -> Result<R, E>,
) -> Result<(R, Result<Recovered, RecoverError>), E> {
    let mut reads = 1;
    loop {
        let mut replay = new()?;
        match recover(disk.clone(), settings, &mut replay) {
            Err(RecoverError::Folder { .. } | RecoverError::Io { .. }) if reads < READS_MAX => {
                reads += 1;
            }
            outcome => return Ok((replay, outcome)),
        }
    }
}

/// A segment with its file held open.
#[derive(Clone)]
pub struct Piece {
    /// File name.
    pub name: String,
    /// Its path when it was opened.
    pub path: PathBuf,
    /// The LSN at its beginning; `None`: plain commands, which have no checksums and no LSNs.
    pub first: Option<Lsn>,
    /// The LSN at its end as the manifest has it: of those older than the base only.
    pub last: Option<Lsn>,
    /// The running replication id of its records and those before.
    pub ids: Option<Ids>,
    /// The database that its records assume selected.
    pub database: u32,
    /// Older than the base.
    pub retained: bool,
    /// What is wrong with its opener, and whether it is only cut off.
    damage: Option<(Corrupt, bool)>,
    file: Arc<dyn File>,
}

/// See the module.
pub struct Archive {
    disk: Arc<dyn Disk>,
    place: Place,
    folder: Folder,
    /// The base's path and file.
    pub(super) base: Option<(PathBuf, Arc<dyn File>)>,
    /// See [`Manifest::base_crc`].
    pub(super) base_crc: Option<u32>,
    pieces: Vec<Piece>,
    /// What the manifest knows to be durable: the last segment goes at least so far.
    durable: Option<Lsn>,
}

impl Archive {
    /// Opens what the manifest lists, retained segments too.
    pub fn open(disk: Arc<dyn Disk>, place: &Place) -> Result<Archive, ArchiveError> {
        let mut looks = 0;
        loop {
            match Archive::look(disk.clone(), place) {
                Err(ArchiveError::Read(error)) if error.is_missing_file() && looks < LOOKS_MAX => {
                    // A server has replaced its base, or dropped a segment.
                    looks += 1;
                }
                other => return other,
            }
        }
    }

    fn look(disk: Arc<dyn Disk>, place: &Place) -> Result<Archive, ArchiveError> {
        let folder = Folder::of(&place.settings());
        let path = folder.manifest();
        let file = disk.open_read(&path).map_err(read(&path))?;
        let mut bytes = vec![0; usize::try_from(file.len().map_err(read(&path))?).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0).map_err(read(&path))?;
        let manifest = Manifest::decode(&bytes).map_err(|line| {
            let segment::Damage { offset, expected, found } =
                segment::damage(&bytes, line.offset, line.expected);
            ReadError::from(Corrupt { file: path.clone(), offset: offset as u64, expected, found })
        })?;
        let open = |name: &str| -> Result<(PathBuf, Arc<dyn File>), ArchiveError> {
            let path = folder.file(name);
            let file = disk.open_read(&path).map_err(read(&path))?;
            Ok((path, file))
        };
        let base = manifest.base.as_ref().map(|base| open(&base.name)).transpose()?;
        let mut pieces = Vec::new();
        for Retained { entry, last, .. } in &manifest.retained {
            // A retained one may be gone: it only ends the window.
            match open(&entry.name) {
                Ok((path, file)) => pieces.push(piece(&entry.name, path, file, Some(*last))?),
                Err(ArchiveError::Read(error)) if error.is_missing_file() => pieces.clear(),
                Err(error) => return Err(error),
            }
        }
        for entry in &manifest.segments {
            let (path, file) = open(&entry.name)?;
            pieces.push(piece(&entry.name, path, file, None)?);
        }
        let (base_crc, durable) = (manifest.base_crc, manifest.durable);
        if let Some(last) = pieces.last_mut().filter(|_| durable.is_some()) {
            last.must_be_ours();
        }
        Ok(Archive { disk, place: place.clone(), folder, base, base_crc, pieces, durable })
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The base's path, if there is one.
    pub fn base(&self) -> Option<&Path> {
        self.base.as_ref().map(|(path, _)| path.as_path())
    }

    /// The segments, oldest first.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The disk it is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The LSN of the base: where the segments begin that are not retained.
    pub fn base_lsn(&self) -> Option<Lsn> {
        self.pieces.iter().find(|piece| !piece.retained)?.first
    }

    /// The lowest LSN from which everything up to the last segment of ours can be read, as far as
    /// the segments' beginnings tell, and the ends that the manifest has: after a failed write the
    /// log begins anew behind a hole.
    pub fn window_start(&self) -> Option<Lsn> {
        let mut start = None;
        for piece in self.pieces.iter().rev().skip_while(|piece| piece.first.is_none()) {
            let is_before_hole = piece.last.zip(start).is_some_and(|(last, next)| last != next);
            let Some(first) = piece.first.filter(|_| !is_before_hole) else { break };
            start = Some(first);
        }
        start
    }

    /// The running replication id of the newest segment of ours, and those before: the history
    /// that the log as a whole is of.
    pub fn ids(&self) -> Option<&Ids> {
        self.pieces.iter().rev().find_map(|piece| piece.ids.as_ref())
    }

    /// The LSN behind the last batch of the newest segment of ours, which is read for it. An error
    /// if it was durable farther than that.
    pub fn end(&self) -> Result<Lsn, ArchiveError> {
        let Some(index) = self.pieces.iter().rposition(|piece| piece.first.is_some()) else {
            return Ok(Lsn(0));
        };
        let Some(mut cursor) = self.cursor(index)? else { return Ok(Lsn(0)) };
        let is_last = index + 1 == self.pieces.len();
        let end = loop {
            match if is_last { cursor.step_last() } else { cursor.step() }? {
                Step::Batch(..) => {}
                Step::Cut(place) => break State::Cut(place),
                Step::End => break State::End,
                Step::Foreign => break State::Foreign,
            }
        };
        self.behind(index, cursor.next, end).map(|_| cursor.next)
    }

    /// What comes behind segment `index`, which ended at `at` as `end` says: `More` if the next one
    /// goes on from there, an error if it does not.
    pub(super) fn behind(&self, index: usize, at: Lsn, end: State) -> Result<State, ArchiveError> {
        let Some(next) = self.pieces.get(index + 1) else {
            let Some(durable) = self.durable.filter(|durable| at < *durable) else {
                return Ok(end);
            };
            if let State::Cut(place) = end {
                return Err(ReadError::from(place).into());
            }
            let file = self.pieces.get(index).map(|it| it.path.clone()).unwrap_or_default();
            let problem = format!("it ends at LSN {at}, and was durable up to LSN {durable}");
            return Err(ArchiveError::Folder { file, problem });
        };
        match (next.first, &next.damage) {
            // A damaged seal is no matter if the next segment goes on from here.
            (Some(first), _) if first == at => Ok(State::More),
            (Some(first), _) => Err(match end {
                State::Cut(place) => ReadError::from(place).into(),
                _ => ArchiveError::Folder {
                    file: self.pieces.get(index).map(|it| it.path.clone()).unwrap_or_default(),
                    problem: format!("it ends at LSN {at}, and the next segment begins at {first}"),
                },
            }),
            (None, Some((place, true))) if index + 2 == self.pieces.len() => {
                Ok(State::Cut(place.clone()))
            }
            (None, Some((place, _))) => Err(ReadError::from(place.clone()).into()),
            (None, None) => Ok(State::Foreign),
        }
    }

    /// Whether another server wrote all of it: then there are no LSNs.
    pub fn is_foreign(&self) -> bool {
        self.pieces.iter().all(|piece| piece.first.is_none() && piece.damage.is_none())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let files = self.base.iter().map(|(_, file)| file);
        let files = files.chain(self.pieces.iter().map(|piece| &piece.file));
        files.map(|file| file.len().unwrap_or(0)).sum()
    }

    /// The records after `from`, which must be where a record ends (or, with `None`, all that are
    /// kept).
    pub fn follow(self, from: Option<Lsn>) -> Result<Follower, ArchiveError> {
        let start = self.window_start();
        let from = from.or(start).unwrap_or_default();
        let holding = |piece: &Piece| piece.first.is_some_and(|first| first <= from);
        let index = self.pieces.iter().rposition(holding);
        let in_window = start.is_some_and(|start| start <= from);
        let Some(index) = index.filter(|_| in_window) else {
            let damage = self.pieces.iter().rev().find_map(|piece| piece.damage.clone());
            if let Some((place, _)) = damage.filter(|_| start.is_none()) {
                return Err(ReadError::from(place).into());
            }
            let start = start.unwrap_or_default();
            return Err(ArchiveError::Window { at: from, start, end: None });
        };
        let mut follower = Follower {
            archive: self,
            index,
            cursor: None,
            scan: Scan::default(),
            from,
            state: State::More,
            seconds: None,
        };
        follower.enter(index)?;
        Ok(follower)
    }

    /// A cursor at the beginning of a segment. `None`: there is none of ours, or the last one is
    /// cut off in its opener.
    pub(super) fn cursor(&self, index: usize) -> Result<Option<Cursor>, ReadError> {
        let Some(piece) = self.pieces.get(index) else { return Ok(None) };
        if let Some((place, false)) = &piece.damage {
            return Err(place.clone().into());
        }
        match Cursor::open(piece.file.clone(), &piece.path)? {
            Opened::Ours(cursor) => Ok(Some(*cursor)),
            Opened::Cut(place) if index + 1 < self.pieces.len() => Err(place.into()),
            Opened::Foreign | Opened::Cut(_) => Ok(None),
        }
    }
}

impl Piece {
    /// It had its opener when it was listed: if it has none, it is damaged.
    fn must_be_ours(&mut self) {
        if self.first.is_some() {
            return;
        }
        let missing = || Corrupt {
            file: self.path.clone(),
            offset: 0,
            expected: "the opener that was durable before the manifest listed this file".to_owned(),
            found: "none".to_owned(),
        };
        let place = self.damage.take().map_or_else(missing, |(place, _)| place);
        self.damage = Some((place, false));
    }
}

fn read(path: &Path) -> impl FnOnce(std::io::Error) -> ReadError + use<> {
    let convert = LogError::io(path);
    move |error| convert(error).into()
}

fn piece(
    name: &str,
    path: PathBuf,
    file: Arc<dyn File>,
    last: Option<Lsn>,
) -> Result<Piece, ArchiveError> {
    let (opener, damage) = match Cursor::open(file.clone(), &path) {
        Ok(Opened::Ours(cursor)) => (Some(cursor.opener), None),
        Ok(Opened::Foreign) => (None, None),
        Ok(Opened::Cut(place)) => (None, Some((place, true))),
        // Whoever reads so far is told.
        Err(ReadError::Corrupt(place)) => (None, Some((place, false))),
        Err(error) => return Err(error.into()),
    };
    let database = opener.as_ref().map_or(0, |opener| opener.database);
    let first = opener.as_ref().map(|opener| opener.first);
    let ids = opener.map(|opener| opener.ids);
    let (name, retained) = (name.to_owned(), last.is_some());
    Ok(Piece { name, path, first, last, ids, database, retained, damage, file })
}

/// Where a [`Follower`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There may be more.
    More,
    /// At the end of what is there.
    End,
    /// The last segment ends inside a batch: it is being written, or was when the machine stopped.
    Cut(Corrupt),
    /// Commands follow that another server wrote: they have no LSNs.
    Foreign,
}

/// A place in an [`Archive`] that moves forward from segment to segment.
pub struct Follower {
    archive: Archive,
    index: usize,
    cursor: Option<Cursor>,
    scan: Scan,
    /// Records up to here are read and not visited.
    from: Lsn,
    state: State,
    seconds: Option<u64>,
}

impl Follower {
    /// The end of the last record visited.
    pub fn at(&self) -> Lsn {
        self.cursor.as_ref().map_or(self.from, |cursor| cursor.next.max(self.from))
    }

    /// Where it is.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What is read.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The segment being read.
    pub fn piece(&self) -> Option<&Piece> {
        self.archive.pieces.get(self.index)
    }

    /// The running replication id of the segment being read, and those before.
    pub fn ids(&self) -> Option<&Ids> {
        self.piece()?.ids.as_ref()
    }

    fn enter(&mut self, index: usize) -> Result<(), ArchiveError> {
        self.index = index;
        self.cursor = self.archive.cursor(index)?;
        self.state = if self.cursor.is_some() { State::More } else { State::Foreign };
        if let Some(cursor) = &self.cursor {
            self.scan = Scan::at(cursor.opener.database);
        }
        Ok(())
    }

    /// Visits the records of the next batch. [`Self::state`] says afterwards whether there is more;
    /// at the end, call it again later, after [`Self::refresh`].
    pub fn visit(&mut self, visit: &mut dyn FnMut(&Record<'_>)) -> Result<(), ArchiveError> {
        let Some(cursor) = &mut self.cursor else { return Ok(()) };
        let from = self.from;
        let is_last = self.index + 1 >= self.archive.pieces.len();
        match if is_last { cursor.step_last() } else { cursor.step() }? {
            Step::Batch(batch, bytes) => {
                self.state = State::More;
                self.seconds = batch.seconds.or(self.seconds);
                let payload = bytes.slice(batch.payload.clone());
                let mut inside = None;
                let walked = self.scan.walk(&payload, batch.first, self.seconds, &mut |record| {
                    if record.begins >= from {
                        visit(record);
                    } else if record.lsn > from {
                        inside = Some(ReadError::Inside {
                            at: from,
                            before: record.begins,
                            after: record.lsn,
                        });
                    }
                    if inside.is_some() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                });
                if let Some(error) = inside {
                    return Err(error.into());
                }
                if let Walked::Bad(offset, expected) = walked {
                    let segment::Damage { expected, found, .. } =
                        segment::damage(&payload, offset, expected);
                    let behind = (payload.len().saturating_sub(offset)) as u64;
                    let offset = cursor.offset.saturating_sub(behind);
                    let file = cursor.path.clone();
                    return Err(ReadError::from(Corrupt { file, offset, expected, found }).into());
                }
                Ok(())
            }
            Step::End => self.advance(State::End),
            Step::Cut(place) => self.advance(State::Cut(place)),
            Step::Foreign => self.advance(State::Foreign),
        }
    }

    /// At the end of a segment: enters the next one, if it goes on from here.
    fn advance(&mut self, end: State) -> Result<(), ArchiveError> {
        let at = self.cursor.as_ref().map_or(self.from, |cursor| cursor.next);
        self.state = self.archive.behind(self.index, at, end)?;
        match self.state {
            State::More => self.enter(self.index + 1),
            State::End if at < self.from => {
                let start = self.archive.window_start().unwrap_or_default();
                Err(ArchiveError::Window { at: self.from, start, end: Some(at) })
            }
            State::End | State::Cut(_) | State::Foreign => Ok(()),
        }
    }

    /// Looks whether segments were added. Whoever was at the end may go on.
    pub fn refresh(&mut self) -> Result<(), ArchiveError> {
        let fresh = Archive::open(self.archive.disk.clone(), &self.archive.place)?;
        let (at, from) = (self.at(), self.from);
        let holding = |piece: &Piece| piece.first.is_some_and(|first| first <= at);
        let name = self.piece().map(|piece| piece.name.clone()).unwrap_or_default();
        let same = fresh.pieces.iter().position(|piece| piece.name == name);
        let index = same.or_else(|| fresh.pieces.iter().rposition(holding));
        let Some(index) = index else {
            let start = fresh.window_start().unwrap_or_default();
            return Err(ArchiveError::Window { at, start, end: None });
        };
        self.archive = fresh;
        if same.is_some() {
            // The file may be another one of the same content: a start rewrites what is not known
            // to be durable.
            self.index = index;
            if let Some(cursor) = &mut self.cursor
                && let Some(fresh) = self.archive.cursor(index)?
            {
                (cursor.file, cursor.path) = (fresh.file, fresh.path);
            }
            return Ok(());
        }
        self.from = from.max(at);
        self.enter(index)
    }
}

impl Archive {
    /// The log's folder.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }
}
