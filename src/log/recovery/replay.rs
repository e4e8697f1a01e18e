//! Who takes what recovery finds, and in which shape it comes.

use std::path::Path;

use super::super::Lsn;
use super::super::error::ReplayError;
use super::super::segment;

/// What an RDB file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseInfo {
    /// The replication id it was written under, 40 hex digits.
    pub replication_id: Option<String>,
    /// The LSN that it is a snapshot of.
    pub lsn: Option<Lsn>,
}

impl BaseInfo {
    /// Without what no log can have: whoever wrote the file chose these, and a log that began with
    /// them could not be read again.
    pub(super) fn of_a_log(self) -> BaseInfo {
        let (had_id, had_lsn) = (self.replication_id.is_some(), self.lsn.is_some());
        let replication_id = self.replication_id.filter(|id| segment::is_id(id));
        let lsn = self.lsn.filter(|lsn| *lsn <= Lsn::BEGIN_MAX);
        if had_id && replication_id.is_none() || had_lsn && lsn.is_none() {
            tracing::warn!("the RDB file's replication id or LSN is none: not taken over");
        }
        BaseInfo { replication_id, lsn }
    }
}

/// Who takes what recovery finds: the engine, on an empty keyspace. Any error stops recovery.
pub trait Replay {
    /// Loads an RDB file: the base, or a `dump.rdb` taken over.
    fn base(&mut self, path: &Path) -> Result<BaseInfo, ReplayError>;
    /// Loads the RDB at the start of `bytes`, an append-only file of Redis 4 to 6, and returns its
    /// length.
    fn rdb_preamble(&mut self, bytes: &[u8]) -> Result<usize, ReplayError>;
    /// Runs one command of the log. SELECT, MULTI and EXEC come too; a group only if it is whole.
    fn record(&mut self, args: &[&[u8]]) -> Result<(), ReplayError>;
    /// Runs some, in order. If one cannot be run, its index comes with the reason, and those behind
    /// it have not run.
    fn records(&mut self, records: &Records<'_>) -> Result<(), (usize, ReplayError)> {
        let run = |(index, args)| self.record(args).map_err(|error| (index, error));
        records.iter().enumerate().try_for_each(run)
    }
}

/// Records that come one after the other: so many that what they touch can be fetched together.
pub struct Records<'a> {
    pub(super) args: &'a [&'a [u8]],
    /// For each record: its offset, and the end of its arguments in `args`.
    pub(super) ends: &'a [(usize, usize)],
}

impl<'a> Records<'a> {
    /// Their arguments, record by record.
    pub fn iter(&self) -> impl Iterator<Item = &'a [&'a [u8]]> + Clone {
        let (all, mut first) = (self.args, 0);
        self.ends.iter().map(move |(_, end)| {
            let args = all.get(first..*end).unwrap_or_default();
            first = *end;
            args
        })
    }
}
