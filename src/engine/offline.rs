//! A data set without a server: for tools that read a data folder, or make one.

use super::start::OpenError;
use super::{Engine, replay, snapshot};
use crate::admin::{Admin, Config};
use crate::base::clock;
use crate::base::disk::{Disk, RealDisk, folder_of};
use crate::base::rng;
use crate::keyspace::{self, Db, Key};
use crate::log::{
    self, ArchiveError, BaseInfo, Lsn, Place, Records, Replay, ReplayError, Settings, Source, Start,
};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Databases a data set of a tool has: more than a server has by default, since a folder does not
/// say how many it was written with.
const DATABASES: usize = 1024;

/// A data set in memory. Nothing expires in it.
pub struct Offline {
    engine: Engine,
}

impl Offline {
    /// An empty one.
    pub fn new() -> Result<Offline, OpenError> {
        Offline::with_databases(DATABASES)
    }

    /// An empty one with so many databases, else as a server with default settings: recovery into
    /// it takes what a start of that server takes, and refuses what that refuses.
    pub fn with_databases(count: usize) -> Result<Offline, OpenError> {
        let arguments = ["--databases".to_owned(), count.to_string()];
        let config = Config::from_args(&arguments).map_err(io::Error::other)?;
        let mut engine = Engine::in_memory(Admin::new(config), 0, Arc::new(RealDisk));
        engine.begin_round(clock::now());
        Ok(Offline { engine })
    }

    /// What a data folder holds: its log, whatever its files are called, or else its `dump.rdb`.
    /// The folder is not changed, and may be a running server's: then it is what was written so
    /// far.
    pub fn of_folder(dir: &Path) -> Result<Offline, OpenError> {
        let dir = std::path::absolute(dir)?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let settings = log_in(&*disk, &dir)?.settings();
        let (offline, recovered) = log::recover_in_use(&disk, &settings, Offline::new)?;
        let no_data = |text: String| OpenError::from(io::Error::new(io::ErrorKind::NotFound, text));
        match recovered?.source {
            Source::Fresh => {
                let text = format!("{} holds no data: no log, and no dump.rdb", dir.display());
                Err(no_data(text))
            }
            Source::DumpRdb => match disk.list(&dir)?.iter().find(|name| name.ends_with(".aof")) {
                Some(file) => {
                    let text = "which of its data is newer is not known: name the RDB file itself";
                    let dir = dir.display();
                    Err(no_data(format!("{dir} holds {file} beside an RDB file; {text}")))
                }
                None => Ok(offline),
            },
            Source::Log | Source::SingleFileAof => Ok(offline),
        }
    }

    /// What recovery fills, as a server's is filled.
    fn recovering(&mut self) -> replay::Recovering<'_> {
        replay::Recovering { engine: &mut self.engine }
    }

    /// Runs a command that writes, or SELECT. The error is its error reply, or that it is none of
    /// these.
    pub fn command(&mut self, words: &[&[u8]]) -> Result<(), ReplayError> {
        replay::record(&mut self.engine, words)
    }

    /// Whether the database that was selected has this key.
    pub fn exists(&self, key: &[u8]) -> bool {
        let view = self.engine.keyspace.view(self.engine.replay_db, clock::UnixMs::ZERO);
        view.exists(Key::new(key))
    }

    /// Keys that RDB files had.
    pub fn keys_loaded(&self) -> u64 {
        self.engine.snapshots.loaded_keys
    }

    /// How many databases a server needs to have these data: one more than the number of the last
    /// that has a key.
    pub fn databases_used(&self) -> usize {
        let count = self.engine.keyspace.databases();
        let last = (0..count).rev().find(|n| !self.engine.keyspace.table(Db(*n as u16)).is_empty());
        last.map_or(0, |last| last + 1)
    }

    /// Hands every entry to `f`, with its database's number, until it fails.
    pub fn each<E>(
        &self,
        mut f: impl FnMut(u64, &keyspace::Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for n in 0..self.engine.keyspace.databases() {
            let mut outcome = Ok(());
            let table = self.engine.keyspace.table(Db(n as u16));
            let walked = table.walk(|entry| {
                outcome = f(n as u64, &keyspace::Entry::new(entry));
                if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            debug_assert_eq!(walked.is_break(), outcome.is_err());
            outcome?;
        }
        Ok(())
    }

    /// Makes `dir`, which must be empty or not exist, a data folder with these data: a base and an
    /// empty log behind it.
    pub fn write_folder(&mut self, dir: &Path) -> Result<(), OpenError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        disk.create_dir_all(dir)?;
        let settings = Settings { appendonly: true, ..Settings::new(dir.to_owned()) };
        // As a server does that finds a dump and no log.
        let dump = dir.join(&settings.dbfilename);
        snapshot::save_as(&mut self.engine, &dump)?;
        let recovered = log::recover(disk.clone(), &settings, &mut JustWritten)?;
        let log = recovered.start_stepped(Start {
            replication_id: rng::hex40(),
            salt: rng::os_u64(),
            clock: Arc::new(|| clock::now().seconds()),
        })?;
        log.seal_and_close().map_err(io::Error::other)?;
        disk.remove(&dump)?;
        disk.sync_dir(dir)?;
        disk.sync_dir(&folder_of(dir))?;
        Ok(())
    }
}

/// Where the log in a data folder is: what a tool that was told nothing but the folder looks at. If
/// there is none, where one would be by default.
pub fn log_in(disk: &dyn Disk, dir: &Path) -> Result<Place, ArchiveError> {
    if let Some(place) = Place::find(disk, dir)? {
        return Ok(place);
    }
    let Settings { appenddirname, appendfilename, .. } = Settings::new(dir.to_owned());
    let default = Place { dir: dir.to_owned(), appenddirname, appendfilename };
    Ok(Place::without_manifest(disk, dir)?.unwrap_or(default))
}

impl Replay for Offline {
    fn base(&mut self, path: &Path) -> Result<BaseInfo, ReplayError> {
        self.recovering().base(path)
    }

    fn rdb_preamble(&mut self, bytes: &[u8]) -> Result<usize, ReplayError> {
        self.recovering().rdb_preamble(bytes)
    }

    fn record(&mut self, arguments: &[&[u8]]) -> Result<(), ReplayError> {
        self.recovering().record(arguments)
    }

    fn records(&mut self, records: &Records<'_>) -> Result<(), (usize, ReplayError)> {
        self.recovering().records(records)
    }
}

/// Takes a base without reading it: it was written from what is in memory.
struct JustWritten;

impl Replay for JustWritten {
    fn base(&mut self, _path: &Path) -> Result<BaseInfo, ReplayError> {
        Ok(BaseInfo { replication_id: None, lsn: Some(Lsn(0)) })
    }

    fn rdb_preamble(&mut self, _bytes: &[u8]) -> Result<usize, ReplayError> {
        Err("there is no append-only file in a new folder".into())
    }

    fn record(&mut self, _arguments: &[&[u8]]) -> Result<(), ReplayError> {
        Err("there is no record in a new folder".into())
    }
}
