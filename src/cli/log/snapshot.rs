//! What an RDB file says of itself, and whether it is intact.

use crate::base::disk::Disk;
use crate::base::number;
use crate::engine::AUX_LSN;
use crate::log::Lsn;
use crate::rdb::{
    self, Entry, Hash, List, LoadError, LoadOptions, Modules, Refused, Rest, Set, Sink,
    StringValue, Zset, stream::Stream,
};
use std::path::Path;

/// The facts of an RDB file that tell where on the log it belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The LSN that it is a snapshot of; none: another server wrote it.
    pub lsn: Option<Lsn>,
    /// The replication id under which that LSN counts.
    pub id: Option<String>,
    /// Unix seconds when it was written.
    pub seconds: Option<u64>,
    /// Keys, if it was read to its end.
    pub keys: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Modules' values that were left out.
    pub skipped: u64,
}

/// Why a file is no good.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Load(#[from] LoadError),
}

/// Reads the facts only.
pub(super) fn facts(disk: &dyn Disk, path: &Path) -> Result<Snapshot, SnapshotError> {
    let bytes = disk.map(path)?;
    let mut reader = Reader { facts_only: true, ..Reader::default() };
    match rdb::load(&bytes, &OPTIONS, &mut reader) {
        Err(LoadError::Refused { .. }) | Ok(_) => Ok(reader.snapshot),
        Err(error) => Err(error.into()),
    }
}

/// Reads all of it, with its checksum.
pub(super) fn whole(disk: &dyn Disk, path: &Path) -> Result<Snapshot, SnapshotError> {
    let bytes = disk.map(path)?;
    let (snapshot, _) = read(&bytes, Rest::Refuse)?;
    Ok(snapshot)
}

/// Reads an RDB file at the start of `bytes`; returns its length too.
pub(super) fn read(bytes: &[u8], rest: Rest) -> Result<(Snapshot, u64), LoadError> {
    let mut reader = Reader::default();
    let summary = rdb::load(bytes, &LoadOptions { rest, ..OPTIONS }, &mut reader)?;
    let (keys, bytes, skipped) = (summary.keys, summary.consumed, summary.skipped);
    Ok((Snapshot { keys, bytes, skipped, ..reader.snapshot }, summary.consumed))
}

const OPTIONS: LoadOptions =
    LoadOptions { verify_checksum: true, modules: Modules::Skip, rest: Rest::Refuse };

/// Takes note of the facts; the values are decoded, and dropped.
#[derive(Default)]
struct Reader {
    snapshot: Snapshot,
    /// Stop where the facts end.
    facts_only: bool,
}

impl Reader {
    fn content(&self) -> Result<(), Refused> {
        if self.facts_only { Err(Refused(String::new())) } else { Ok(()) }
    }
}

impl Sink for Reader {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        let number = || number::parse_i64(value).and_then(|number| u64::try_from(number).ok());
        match name {
            b"repl-id" => self.snapshot.id = String::from_utf8(value.to_vec()).ok(),
            b"ctime" => self.snapshot.seconds = number(),
            _ if name == AUX_LSN.as_bytes() => self.snapshot.lsn = number().map(Lsn),
            _ => {}
        }
        Ok(())
    }

    fn database(&mut self, _: u64) -> Result<(), Refused> {
        self.content()
    }

    fn string(&mut self, _: &Entry<'_>, _: StringValue<'_>) -> Result<(), Refused> {
        self.content()
    }

    fn list(&mut self, _: &Entry<'_>, _: List<'_>) -> Result<(), Refused> {
        self.content()
    }

    fn set(&mut self, _: &Entry<'_>, _: Set<'_>) -> Result<(), Refused> {
        self.content()
    }

    fn hash(&mut self, _: &Entry<'_>, _: Hash<'_>) -> Result<(), Refused> {
        self.content()
    }

    fn zset(&mut self, _: &Entry<'_>, _: Zset<'_>) -> Result<(), Refused> {
        self.content()
    }

    fn stream(&mut self, _: &Entry<'_>, _: Stream<'_>) -> Result<(), Refused> {
        self.content()
    }

    fn function(&mut self, _: &[u8]) -> Result<(), Refused> {
        self.content()
    }
}
