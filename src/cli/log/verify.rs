//! Recovery for tools that want to know whether it works: every file is read by the server's own
//! recovery, and what is found there goes the server's way into an engine of its own; or, in
//! bounded memory, is only held against what the server takes, and dropped.

use super::snapshot::{self, SnapshotError};
use crate::base::disk::Disk;
use crate::base::number;
use crate::cli::tool::{Failure, Progress};
use crate::command::table;
use crate::engine::command_of;
use crate::engine::offline::Offline;
use crate::log::{BaseInfo, Records, Replay, ReplayError};
use crate::rdb::{LoadError, Rest};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Bytes between two moves of the progress bar.
const STEP_BYTES: u64 = 4 << 20;

/// How thoroughly is looked, and for what server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Depth {
    /// Records are run and snapshots loaded, in as much memory as a server needs. Else records are
    /// looked up in the command table, and values decoded, one at a time.
    pub runs: bool,
    /// Databases of the server.
    pub databases: usize,
}

/// Takes what recovery finds.
pub(super) struct Verify {
    disk: Arc<dyn Disk>,
    progress: Progress,
    done: u64,
    shown: u64,
    depth: Depth,
    /// Where it is run; none: it is not.
    offline: Option<Offline>,
    /// One more than the highest database that was selected.
    databases: u64,
    /// Keys in snapshots, of those that were not loaded.
    keys: u64,
    /// The length of an RDB preamble.
    pub preamble: u64,
}

impl Verify {
    pub fn new(disk: Arc<dyn Disk>, progress: Progress, depth: Depth) -> Result<Verify, Failure> {
        let offline = depth.runs.then(|| Offline::with_databases(depth.databases)).transpose();
        let offline = offline.map_err(|error| Failure::new(error.to_string()))?;
        let (done, shown, databases, keys, preamble) = (0, 0, 0, 0, 0);
        Ok(Verify { disk, progress, done, shown, depth, offline, databases, keys, preamble })
    }

    /// Keys in the snapshot.
    pub fn keys(&self) -> u64 {
        self.keys + self.offline.as_ref().map_or(0, Offline::keys_loaded)
    }

    /// How many databases a server needs to have, as far as was seen.
    pub fn databases_needed(&self) -> u64 {
        let used = self.offline.as_ref().map_or(0, Offline::databases_used);
        self.databases.max(used as u64)
    }

    fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.done - self.shown >= STEP_BYTES {
            self.shown = self.done;
            self.progress.set(self.done);
        }
    }

    /// Takes note of what stands in a record.
    fn pass(&mut self, args: &[&[u8]]) {
        self.advance(args.iter().map(|arg| arg.len() as u64 + 16).sum());
        if let Some(number) = selected(args) {
            self.databases = self.databases.max(number.saturating_add(1));
        }
    }

    /// Reads a snapshot at the start of `bytes`, and returns what it says and its length.
    fn read(&mut self, bytes: &[u8], rest: Rest) -> Result<(BaseInfo, u64), ReplayError> {
        let databases = Some(self.depth.databases);
        let (snapshot, length) = snapshot::read(bytes, rest, databases)?;
        self.keys += snapshot.keys;
        self.databases = self.databases.max(snapshot.databases);
        Ok((BaseInfo { replication_id: snapshot.id, lsn: snapshot.lsn }, length))
    }
}

/// The database that a record selects, if it is a SELECT.
fn selected(args: &[&[u8]]) -> Option<u64> {
    let [name, number] = args else { return None };
    let number = number::parse_i64(number).filter(|_| name.eq_ignore_ascii_case(b"SELECT"));
    number.and_then(|number| u64::try_from(number).ok())
}

impl Replay for Verify {
    fn base(&mut self, path: &Path) -> Result<BaseInfo, ReplayError> {
        let length = self.disk.open_read(path).and_then(|file| file.len())?;
        let info = match &mut self.offline {
            Some(offline) => offline.base(path)?,
            None => self.read(&self.disk.clone().map(path)?, Rest::Refuse)?.0,
        };
        self.advance(length);
        Ok(info)
    }

    fn rdb_preamble(&mut self, bytes: &[u8]) -> Result<usize, ReplayError> {
        let length = match &mut self.offline {
            Some(offline) => offline.rdb_preamble(bytes)?,
            None => usize::try_from(self.read(bytes, Rest::Allow)?.1)?,
        };
        self.preamble = length as u64;
        self.advance(self.preamble);
        Ok(length)
    }

    fn record(&mut self, args: &[&[u8]]) -> Result<(), ReplayError> {
        self.pass(args);
        if let Some(offline) = &mut self.offline {
            return offline.record(args);
        }
        if !args.first().is_some_and(|name| name.eq_ignore_ascii_case(b"SELECT")) {
            return command_of(args, table::find(args)).map(drop);
        }
        let exists = selected(args).is_some_and(|number| number < self.depth.databases as u64);
        if exists { Ok(()) } else { Err("SELECT of a database that does not exist".into()) }
    }

    fn records(&mut self, records: &Records<'_>) -> Result<(), (usize, ReplayError)> {
        if self.offline.is_none() {
            let one = |(index, args)| self.record(args).map_err(|error| (index, error));
            return records.iter().enumerate().try_for_each(one);
        }
        records.iter().for_each(|args| self.pass(args));
        self.offline.as_mut().map_or(Ok(()), |offline| offline.records(records))
    }
}

/// Whether a refusal is of damage, and not of something intact that the server has no use for.
pub(super) fn is_damage(error: &ReplayError) -> bool {
    let of_file = |error: &LoadError| matches!(error, LoadError::Corrupt(_) | LoadError::Io(_));
    error.is::<io::Error>()
        || error.downcast_ref().is_some_and(of_file)
        || error.downcast_ref().is_some_and(|error| match error {
            SnapshotError::Io(_) => true,
            SnapshotError::Load(error) => of_file(error),
        })
}
