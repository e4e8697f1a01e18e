//! What an RDB file says of itself, and whether it is intact.

use crate::base::disk::Disk;
use crate::base::number;
use crate::engine::{AUX_LSN, no_database, no_functions};
use crate::log::Lsn;
use crate::rdb::dump::DumpValue;
use crate::rdb::{
    self, Entry, Hash, List, LoadError, LoadOptions, Modules, Refused, Rest, Set, Sink,
    StringValue, Zset, entry, stream::Stream,
};
use crate::types::Limits;
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
    /// One more than the highest database that has a key.
    pub databases: u64,
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

/// Reads all of it, with its checksum, whatever it holds.
pub(super) fn whole(disk: &dyn Disk, path: &Path) -> Result<Snapshot, SnapshotError> {
    let bytes = disk.map(path)?;
    let (snapshot, _) = read(&bytes, Rest::Refuse, None)?;
    Ok(snapshot)
}

/// Reads an RDB file at the start of `bytes`; returns its length too. With a number of `databases`,
/// what a server with so many refuses is refused: modules' values, functions, other databases,
/// values that cannot be put together.
pub(super) fn read(
    bytes: &[u8],
    rest: Rest,
    databases: Option<usize>,
) -> Result<(Snapshot, u64), LoadError> {
    let mut reader = Reader { databases, ..Reader::default() };
    let modules = if databases.is_some() { Modules::Refuse } else { Modules::Skip };
    let summary = rdb::load(bytes, &LoadOptions { rest, modules, ..OPTIONS }, &mut reader)?;
    let (keys, bytes) = (summary.keys, summary.consumed);
    Ok((Snapshot { keys, bytes, ..reader.snapshot }, summary.consumed))
}

const OPTIONS: LoadOptions =
    LoadOptions { verify_checksum: true, modules: Modules::Skip, rest: Rest::Refuse };

/// Takes note of the facts; the values are decoded, and dropped.
#[derive(Default)]
struct Reader {
    snapshot: Snapshot,
    /// Stop where the facts end.
    facts_only: bool,
    /// The database of the next keys.
    db: u64,
    /// Take what a server with so many databases takes; none: take everything.
    databases: Option<usize>,
}

impl Reader {
    fn content(&self) -> Result<(), Refused> {
        if self.facts_only { Err(Refused(String::new())) } else { Ok(()) }
    }

    /// Takes an entry.
    fn entry(&mut self) -> Result<(), Refused> {
        self.content()?;
        if self.databases.is_some_and(|databases| self.db >= databases as u64) {
            return Err(no_database(self.db));
        }
        self.snapshot.databases = self.snapshot.databases.max(self.db.saturating_add(1));
        Ok(())
    }

    /// Takes a collection.
    fn collection(&mut self, value: DumpValue<'_>) -> Result<(), Refused> {
        self.entry()?;
        if self.databases.is_some() {
            entry::loaded(value, &Limits::default()).map_err(Refused)?;
        }
        Ok(())
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

    fn database(&mut self, number: u64) -> Result<(), Refused> {
        self.db = number;
        self.content()
    }

    fn string(&mut self, _: &Entry<'_>, _: StringValue<'_>) -> Result<(), Refused> {
        self.entry()
    }

    fn list(&mut self, _: &Entry<'_>, value: List<'_>) -> Result<(), Refused> {
        self.collection(DumpValue::List(value))
    }

    fn set(&mut self, _: &Entry<'_>, value: Set<'_>) -> Result<(), Refused> {
        self.collection(DumpValue::Set(value))
    }

    fn hash(&mut self, _: &Entry<'_>, value: Hash<'_>) -> Result<(), Refused> {
        self.collection(DumpValue::Hash(value))
    }

    fn zset(&mut self, _: &Entry<'_>, value: Zset<'_>) -> Result<(), Refused> {
        self.collection(DumpValue::Zset(value))
    }

    fn stream(&mut self, _: &Entry<'_>, value: Stream<'_>) -> Result<(), Refused> {
        self.collection(DumpValue::Stream(Box::new(value)))
    }

    fn function(&mut self, _: &[u8]) -> Result<(), Refused> {
        self.content()?;
        if self.databases.is_some() { Err(no_functions()) } else { Ok(()) }
    }
}
