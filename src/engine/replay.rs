//! From files into the keyspace: records through the command table, RDB entries through the loader.
//!
//! A record is a command, so replay needs no second codec: it looks the command up, runs its write handler with
//! expiry switched off (the view's instant is [`UnixMs::ZERO`]), and drops the records that come out, which are the
//! same ones (the fixed-point law).

use super::Engine;
use crate::base::clock::UnixMs;
use crate::base::disk::Disk;
use crate::base::number;
use crate::command::table::{self, Found};
use crate::command::{Call, Handler};
use crate::keyspace::load::Loader;
use crate::keyspace::value::{CLOCK_MASK, lru_clock};
use crate::keyspace::{Db, Key, StringRef, Tx};
use crate::log::{BaseInfo, Lsn, Replay, ReplayError};
use crate::rdb::{self, LoadOptions, Sink, StringValue};
use std::path::Path;

/// AUX field with the LSN that an RDB file of ours is a snapshot of.
pub const AUX_LSN: &str = "coolcache-lsn";

/// Applies one record in the database that the records before it selected.
pub(super) fn record(engine: &mut Engine, arguments: &[&[u8]]) -> Result<(), ReplayError> {
    let name = arguments.first().copied().unwrap_or_default();
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if is("SELECT") {
        let number = arguments.get(1).and_then(|text| number::parse_i64(text));
        let number = number.and_then(|number| u64::try_from(number).ok());
        let db = number.and_then(|number| Loader::new(&mut engine.keyspace).database(number));
        engine.replay_db = db.ok_or("SELECT of a database that does not exist")?;
        return Ok(());
    }
    // Brackets of a group, and keep-alives of the stream: nothing to apply.
    if ["MULTI", "EXEC", "PING", "REPLCONF", "PUBLISH"].iter().any(|word| is(word)) {
        return Ok(());
    }
    let Found::Command(command) = table::find(arguments) else {
        return Err(format!("unknown command '{}'", String::from_utf8_lossy(name)).into());
    };
    let Handler::Write(write) = command.handler else {
        return Err(format!("'{}' is not a command that writes", command.full_name).into());
    };
    if !command.takes(arguments.len()) {
        return Err(format!("wrong number of arguments for '{}'", command.full_name).into());
    }
    /// Records kept in the batch before it is emptied: a test wants to see them.
    const BATCH_BYTES_MAX: usize = 1 << 20;
    if engine.batch.len() > BATCH_BYTES_MAX {
        engine.batch.clear();
    }
    let db = engine.replay_db;
    let mut tx = Tx::begin(&mut engine.keyspace, &mut engine.batch, db, UnixMs::ZERO);
    let outcome = write(&mut tx, &Call::new(command, arguments));
    drop(tx);
    outcome.map(drop).map_err(|error| format!("'{}': {error}", command.full_name).into())
}

/// Loads an RDB file's bytes. Keys whose expiry has passed are loaded too: the log decides when they go.
pub(super) fn rdb(engine: &mut Engine, bytes: &[u8]) -> Result<(BaseInfo, usize), ReplayError> {
    let options = LoadOptions {
        verify_checksum: engine.admin.config.rdbchecksum(),
        rest: rdb::Rest::Allow,
        ..LoadOptions::default()
    };
    let mut filler = Filler::new(engine);
    let summary = rdb::load(bytes, &options, &mut filler)?;
    let info = std::mem::take(&mut filler.info);
    drop(filler);
    engine.snapshots.loaded_keys += summary.keys;
    Ok((info, usize::try_from(summary.consumed)?))
}

/// Puts an RDB file's entries into the keyspace.
struct Filler<'a> {
    loader: Loader<'a>,
    db: (u64, Option<Db>),
    clock: u32,
    info: BaseInfo,
}

impl<'a> Filler<'a> {
    fn new(engine: &'a mut Engine) -> Self {
        let clock = lru_clock(engine.now.0);
        let loader = Loader::new(&mut engine.keyspace);
        let db = (0, loader.database(0));
        Filler { loader, db, clock, info: BaseInfo::default() }
    }
}

impl Sink for Filler<'_> {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), rdb::Refused> {
        if name == b"repl-id" {
            self.info.replication_id = String::from_utf8(value.to_vec()).ok();
        } else if name == AUX_LSN.as_bytes() {
            let lsn = number::parse_i64(value).and_then(|lsn| u64::try_from(lsn).ok());
            self.info.lsn = lsn.map(Lsn);
        }
        Ok(())
    }

    fn database(&mut self, number: u64) -> Result<(), rdb::Refused> {
        self.db = (number, self.loader.database(number));
        Ok(())
    }

    fn string(&mut self, entry: &rdb::Entry<'_>, value: StringValue<'_>) -> Result<(), rdb::Refused> {
        let Some(db) = self.db.1 else {
            let text = format!("database {} does not exist here (see `databases`)", self.db.0);
            return Err(rdb::Refused(text));
        };
        let value = match value {
            StringValue::Bytes(bytes) => StringRef::Bytes(bytes),
            StringValue::Int(number) => StringRef::Int(number),
        };
        let idle = entry.idle_s.map(|idle| self.clock.wrapping_sub(idle as u32) & CLOCK_MASK);
        self.loader.string(db, Key::new(entry.key), value, entry.expiry_ms, idle);
        Ok(())
    }

    fn function(&mut self, _code: &[u8]) -> Result<(), rdb::Refused> {
        Err(rdb::Refused("function libraries are not supported yet".to_owned()))
    }
}

/// Recovery's view of the engine.
pub(super) struct Recovering<'a> {
    pub engine: &'a mut Engine,
}

impl Replay for Recovering<'_> {
    fn base(&mut self, path: &Path) -> Result<BaseInfo, ReplayError> {
        let file = self.engine.disk.map(path)?;
        let (info, consumed) = rdb(self.engine, &file)?;
        if consumed != file.len() {
            return Err(format!("{} bytes follow the end of the RDB", file.len() - consumed).into());
        }
        Ok(info)
    }

    fn rdb_preamble(&mut self, bytes: &[u8]) -> Result<usize, ReplayError> {
        rdb(self.engine, bytes).map(|(_, consumed)| consumed)
    }

    fn record(&mut self, arguments: &[&[u8]]) -> Result<(), ReplayError> {
        record(self.engine, arguments)
    }
}

/// Loads a file into an engine that serves: DEBUG RELOAD.
pub(super) fn file(engine: &mut Engine, disk: &dyn Disk, path: &Path) -> Result<(), ReplayError> {
    let bytes = disk.map(path)?;
    rdb(engine, &bytes).map(drop)
}
