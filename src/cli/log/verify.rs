//! Recovery without a keyspace: every file is read by the server's own recovery, every snapshot by
//! its own reader, every record is held against the command table; nothing is kept.

use super::snapshot;
use crate::base::disk::Disk;
use crate::cli::tool::Progress;
use crate::command::table;
use crate::engine::command_of;
use crate::log::{BaseInfo, Replay, ReplayError};
use crate::rdb::Rest;
use std::path::Path;
use std::sync::Arc;

/// Bytes between two moves of the progress bar.
const STEP_BYTES: u64 = 4 << 20;

/// Takes what recovery finds.
pub(super) struct Verify {
    disk: Arc<dyn Disk>,
    progress: Progress,
    done: u64,
    shown: u64,
    /// Keys in the base.
    pub keys: u64,
    /// The length of an RDB preamble.
    pub preamble: u64,
}

impl Verify {
    pub fn new(disk: Arc<dyn Disk>, progress: Progress) -> Verify {
        Verify { disk, progress, done: 0, shown: 0, keys: 0, preamble: 0 }
    }

    fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.done - self.shown >= STEP_BYTES {
            self.shown = self.done;
            self.progress.set(self.done);
        }
    }
}

impl Replay for Verify {
    fn base(&mut self, path: &Path) -> Result<BaseInfo, ReplayError> {
        let snapshot = snapshot::whole(&*self.disk, path)?;
        self.keys += snapshot.keys;
        self.advance(snapshot.bytes);
        Ok(BaseInfo { replication_id: snapshot.id, lsn: snapshot.lsn })
    }

    fn rdb_preamble(&mut self, bytes: &[u8]) -> Result<usize, ReplayError> {
        let (snapshot, length) = snapshot::read(bytes, Rest::Allow)?;
        self.keys += snapshot.keys;
        self.preamble = length;
        self.advance(length);
        Ok(usize::try_from(length)?)
    }

    fn record(&mut self, args: &[&[u8]]) -> Result<(), ReplayError> {
        self.advance(args.iter().map(|arg| arg.len() as u64 + 16).sum());
        let is_select = args.first().is_some_and(|name| name.eq_ignore_ascii_case(b"SELECT"));
        if is_select { Ok(()) } else { command_of(args, table::find(args)).map(drop) }
    }
}
