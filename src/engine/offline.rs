//! A data set without a server: for tools that read a data folder, or make one.

use super::start::OpenError;
use super::{Engine, replay, snapshot};
use crate::admin::{Admin, Config};
use crate::base::clock;
use crate::base::disk::{Disk, RealDisk, folder_of};
use crate::base::rng;
use crate::keyspace::{self, Db, Key};
use crate::log::{self, BaseInfo, Lsn, Replay, ReplayError, Settings, Source, Start};
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
        let arguments = ["--databases".to_owned(), DATABASES.to_string()];
        let config = Config::from_args(&arguments).map_err(io::Error::other)?;
        let mut engine = Engine::in_memory(Admin::new(config), 0, Arc::new(RealDisk));
        engine.begin_round(clock::now());
        Ok(Offline { engine })
    }

    /// What a data folder holds: its log, or its `dump.rdb`. The folder is not changed, and may be
    /// a running server's: then it is what was written so far.
    pub fn of_folder(dir: &Path) -> Result<Offline, OpenError> {
        let mut offline = Offline::new()?;
        let settings = Settings { appendonly: true, ..Settings::new(dir.to_owned()) };
        let mut replay = replay::Recovering { engine: &mut offline.engine };
        let recovered = log::recover(Arc::new(RealDisk), &settings, &mut replay)?;
        if recovered.source == Source::Fresh {
            let text = format!("{} holds no data: no log, and no dump.rdb", dir.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, text).into());
        }
        Ok(offline)
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
