//! From files into the keyspace: records through the command table, RDB entries through the loader.
//!
//! A record is a command, so replay needs no second codec: it looks the command up, runs its write
//! handler with expiry switched off (the view's instant is [`UnixMs::ZERO`]), and drops the records
//! that come out, which are the same ones (the fixed-point law).

use super::Engine;
use super::round::first_key_hash;
use crate::base::clock::UnixMs;
use crate::base::disk::Disk;
use crate::base::number;
use crate::command::table::{self, Found, Resolved};
use crate::command::{Call, Handler};
use crate::keyspace::load::{Gathered, Loader, database};
use crate::keyspace::value::{CLOCK_MASK, lru_clock};
use crate::keyspace::{Db, Loaded, StringRef, Tx};
use crate::log::{BaseInfo, Lsn, Records, Replay, ReplayError};
use crate::rdb::{self, LoadOptions, Sink, StringValue};
use crate::types::Limits;
use crossbeam_channel::{Receiver, Sender};
use std::collections::HashSet;
use std::num::NonZero;
use std::path::Path;

/// AUX field with the LSN that an RDB file of ours is a snapshot of.
pub const AUX_LSN: &str = "coolcache-lsn";

/// Bytes of records that come out and are kept in the batch before it is emptied: a test wants to
/// see them.
pub(super) const BATCH_BYTES_MAX: usize = 1 << 20;

/// The command that a record must be run with; none for brackets of a group and keep-alives of the
/// stream, which change nothing. SELECT is not asked for. `found` is what the table has for it. An
/// error: no server of ours wrote this.
pub fn command_of(
    arguments: &[&[u8]],
    found: Found,
) -> Result<Option<&'static Resolved>, ReplayError> {
    let name = arguments.first().copied().unwrap_or_default();
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if ["MULTI", "EXEC", "PING", "REPLCONF", "PUBLISH"].iter().any(|word| is(word)) {
        return Ok(None);
    }
    let Found::Command(command) = found else {
        return Err(format!("unknown command '{}'", String::from_utf8_lossy(name)).into());
    };
    if !command.handler.writes() && command.replays.is_none() {
        return Err(format!("'{}' is not a command that writes", command.full_name).into());
    }
    if !command.takes(arguments.len()) {
        return Err(format!("wrong number of arguments for '{}'", command.full_name).into());
    }
    Ok(Some(command))
}

/// Applies records that were read together. What they look at is brought into the cache first, all
/// pages and then all entries, as for the requests of a round.
fn records(engine: &mut Engine, records: &Records<'_>) -> Result<(), (usize, ReplayError)> {
    /// Many misses at once, few enough that what was fetched is still there when it is used.
    const FETCHED: usize = 32;
    let mut rest = records.iter().enumerate();
    let mut window = Vec::with_capacity(FETCHED);
    loop {
        window.clear();
        window.extend(rest.by_ref().take(FETCHED).map(|(index, arguments)| {
            let found = table::find(arguments);
            (index, arguments, found, first_key_hash(found, arguments))
        }));
        if window.is_empty() {
            return Ok(());
        }
        let db = engine.replay_db;
        for (.., hash) in window.iter().filter(|(.., hash)| *hash != 0) {
            engine.keyspace.prefetch_page(db, *hash);
        }
        for (.., hash) in window.iter().filter(|(.., hash)| *hash != 0) {
            engine.keyspace.prefetch_entry(db, *hash);
        }
        for (index, arguments, found, hash) in &window {
            apply(engine, arguments, *found, *hash).map_err(|error| (*index, error))?;
        }
    }
}

/// Applies one record in the database that the records before it selected.
pub(super) fn record(engine: &mut Engine, arguments: &[&[u8]]) -> Result<(), ReplayError> {
    apply(engine, arguments, table::find(arguments), 0)
}

/// Applies a record whose command was looked up; `hash` is its first key's, or 0.
fn apply(
    engine: &mut Engine,
    arguments: &[&[u8]],
    found: Found,
    hash: u64,
) -> Result<(), ReplayError> {
    let name = arguments.first().copied().unwrap_or_default();
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if is("SELECT") {
        let number = arguments.get(1).and_then(|text| number::parse_i64(text));
        let number = number.and_then(|number| u64::try_from(number).ok());
        let db = number.and_then(|number| Loader::new(&mut engine.keyspace).database(number));
        engine.replay_db = db.ok_or("SELECT of a database that does not exist")?;
        return Ok(());
    }
    let Some(command) = command_of(arguments, found)? else { return Ok(()) };
    if engine.batch.len() > BATCH_BYTES_MAX {
        engine.batch.clear();
    }
    let db = engine.replay_db;
    let mut tx = Tx::begin(&mut engine.keyspace, &mut engine.batch, db, UnixMs::ZERO);
    let call = match hash {
        0 => Call::new(command, arguments),
        hash => Call::hashed(command, arguments, command.first_key, hash),
    };
    let outcome = match command.handler {
        Handler::Write(write) => write(&mut tx, &call).map(drop),
        _ if let Some(write) = command.replays => write(&mut tx, &call).map(drop),
        // What waits has changed nothing: nothing to replay.
        Handler::Blocking(write) => write(&mut tx, &call).map(drop),
        Handler::Read(_) | Handler::BlockingRead(_) | Handler::Control(_) | Handler::Container => {
            Ok(())
        }
    };
    drop(tx);
    outcome.map_err(|error| format!("'{}': {error}", command.full_name).into())
}

/// Loads an RDB file's bytes. Keys whose expiry has passed are loaded too: the log decides when
/// they go. One thread decodes and hashes, this one puts; each waits when it is far ahead of the
/// other. What goes into an empty database is put when all has come, on all cores.
pub(super) fn rdb(
    engine: &mut Engine,
    bytes: &[u8],
    verify_checksum: bool,
) -> Result<(BaseInfo, usize), ReplayError> {
    /// Batches under way: enough that neither thread waits for every batch of the other.
    const BATCHES: usize = 8;
    let options = LoadOptions { verify_checksum, rest: rdb::Rest::Allow, ..LoadOptions::default() };
    let (full, to_put) = crossbeam_channel::bounded::<Gathered>(BATCHES);
    let (empty, to_fill) = crossbeam_channel::bounded::<Gathered>(BATCHES);
    let databases = engine.keyspace.databases();
    let clock = lru_clock(engine.now.0);
    let limits = engine.keyspace.limits();
    let mut loader = Loader::new(&mut engine.keyspace);
    // If that cannot be told, one thread will do.
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    loader.prepare(bytes.len(), threads);
    let decoded = std::thread::scope(|scope| {
        let decoder = scope.spawn(move || {
            let mut gatherer = Gatherer::new(databases, clock, limits, full, to_fill);
            let summary = rdb::load(bytes, &options, &mut gatherer)?;
            gatherer.hand_over().map_err(|refused| refused.0)?;
            Ok::<_, ReplayError>((summary, gatherer.info))
        });
        for mut batch in to_put {
            loader.put(&mut batch);
            // The decoder takes it back if it still runs.
            let _unused = empty.try_send(batch);
        }
        decoder.join()
    });
    let (summary, info) = decoded.map_err(|_| "the decoder has panicked")??;
    if loader.finish().is_err() {
        let (db, key) = find_duplicate(bytes, &options)?.unwrap_or_default();
        let key = String::from_utf8_lossy(&key);
        return Err(format!("RDB has duplicated key '{key}' in DB {db}").into());
    }
    engine.snapshots.loaded_keys += summary.keys;
    Ok((info, usize::try_from(summary.consumed)?))
}

/// The first key that stands in an RDB file for the second time, and its database: looked for in a
/// file that is known to have one.
fn find_duplicate(
    bytes: &[u8],
    options: &LoadOptions,
) -> Result<Option<(u64, Vec<u8>)>, ReplayError> {
    let mut search = Search::default();
    match rdb::load(bytes, options, &mut search) {
        Err(_) if search.found.is_some() => Ok(search.found),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(None),
    }
}

/// See [`find_duplicate`].
#[derive(Default)]
struct Search {
    db: u64,
    seen: HashSet<(u64, Vec<u8>)>,
    found: Option<(u64, Vec<u8>)>,
}

impl Search {
    fn see(&mut self, entry: &rdb::Entry<'_>) -> Result<(), rdb::Refused> {
        let key = (self.db, entry.key.to_vec());
        if self.seen.contains(&key) {
            self.found = Some(key);
            return Err(rdb::Refused("found".to_owned()));
        }
        self.seen.insert(key);
        Ok(())
    }
}

impl Sink for Search {
    fn database(&mut self, number: u64) -> Result<(), rdb::Refused> {
        self.db = number;
        Ok(())
    }

    fn function(&mut self, _code: &[u8]) -> Result<(), rdb::Refused> {
        Ok(())
    }

    fn string(&mut self, entry: &rdb::Entry<'_>, _: StringValue<'_>) -> Result<(), rdb::Refused> {
        self.see(entry)
    }

    fn list(&mut self, entry: &rdb::Entry<'_>, _: rdb::List<'_>) -> Result<(), rdb::Refused> {
        self.see(entry)
    }

    fn set(&mut self, entry: &rdb::Entry<'_>, _: rdb::Set<'_>) -> Result<(), rdb::Refused> {
        self.see(entry)
    }

    fn hash(&mut self, entry: &rdb::Entry<'_>, _: rdb::Hash<'_>) -> Result<(), rdb::Refused> {
        self.see(entry)
    }

    fn zset(&mut self, entry: &rdb::Entry<'_>, _: rdb::Zset<'_>) -> Result<(), rdb::Refused> {
        self.see(entry)
    }

    fn stream(
        &mut self,
        entry: &rdb::Entry<'_>,
        _: rdb::stream::Stream<'_>,
    ) -> Result<(), rdb::Refused> {
        self.see(entry)
    }
}

/// Keeps what a fact in an RDB file says of where the file comes from.
fn note(info: &mut BaseInfo, name: &[u8], value: &[u8]) {
    if name == b"repl-id" {
        info.replication_id = String::from_utf8(value.to_vec()).ok();
    } else if name == AUX_LSN.as_bytes() {
        let lsn = number::parse_i64(value).and_then(|lsn| u64::try_from(lsn).ok());
        info.lsn = lsn.map(Lsn);
    }
}

/// What an RDB file says of where it comes from; its data is not read. Nothing, if it cannot be
/// read that far.
pub(super) fn origin(bytes: &[u8]) -> BaseInfo {
    /// Refuses whatever comes behind the facts.
    #[derive(Default)]
    struct Facts(BaseInfo);
    impl Facts {
        fn enough() -> Result<(), rdb::Refused> {
            Err(rdb::Refused("all facts have been read".to_owned()))
        }
    }
    impl Sink for Facts {
        fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), rdb::Refused> {
            note(&mut self.0, name, value);
            Ok(())
        }
        fn database(&mut self, _: u64) -> Result<(), rdb::Refused> {
            Facts::enough()
        }
        fn string(&mut self, _: &rdb::Entry<'_>, _: StringValue<'_>) -> Result<(), rdb::Refused> {
            Facts::enough()
        }
        fn function(&mut self, _: &[u8]) -> Result<(), rdb::Refused> {
            Facts::enough()
        }
    }
    let options = LoadOptions { verify_checksum: false, ..LoadOptions::default() };
    let mut facts = Facts::default();
    // It ends at the first key, or at what is wrong before it.
    let _refused = rdb::load(bytes, &options, &mut facts);
    facts.0
}

/// Why a key of an RDB file cannot be loaded into a database that there is not.
pub fn no_database(number: u64) -> rdb::Refused {
    rdb::Refused(format!("database {number} does not exist here (see `databases`)"))
}

/// Why a function library cannot be loaded.
pub fn no_functions() -> rdb::Refused {
    rdb::Refused("function libraries are not supported yet".to_owned())
}

/// Gathers an RDB file's entries into batches for the thread that puts them.
struct Gatherer {
    databases: usize,
    db: (u64, Option<Db>),
    clock: u32,
    limits: Limits,
    info: BaseInfo,
    batch: Gathered,
    full: Sender<Gathered>,
    to_fill: Receiver<Gathered>,
}

impl Gatherer {
    fn new(
        databases: usize,
        clock: u32,
        limits: Limits,
        full: Sender<Gathered>,
        to_fill: Receiver<Gathered>,
    ) -> Self {
        Gatherer {
            databases,
            db: (0, database(0, databases)),
            clock,
            limits,
            info: BaseInfo::default(),
            batch: Gathered::default(),
            full,
            to_fill,
        }
    }

    /// The database of the next entry.
    fn db(&self) -> Result<Db, rdb::Refused> {
        self.db.1.ok_or_else(|| no_database(self.db.0))
    }

    /// The access clock that an entry has.
    fn clock_of(&self, entry: &rdb::Entry<'_>) -> Option<u32> {
        entry.idle_s.map(|idle| self.clock.wrapping_sub(idle as u32) & CLOCK_MASK)
    }

    fn collection(&mut self, entry: &rdb::Entry<'_>, value: Loaded) -> Result<(), rdb::Refused> {
        let (db, clock) = (self.db()?, self.clock_of(entry));
        self.batch.collection(db, entry.key, value, entry.expiry_ms, clock);
        self.hand_over_full()
    }

    fn hand_over_full(&mut self) -> Result<(), rdb::Refused> {
        /// Entries of a batch: many, since waking the other thread takes as long as decoding some
        /// dozens.
        const BATCH: usize = 4096;
        /// Bytes of a batch: those under way shall fit a third-level cache.
        const BATCH_BYTES: usize = 256 << 10;
        let full = self.batch.len() >= BATCH || self.batch.bytes() >= BATCH_BYTES;
        if full { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), rdb::Refused> {
        let fresh = self.to_fill.try_recv().unwrap_or_default();
        let batch = std::mem::replace(&mut self.batch, fresh);
        self.full.send(batch).map_err(|_| rdb::Refused("loading has ended".to_owned()))
    }
}

impl Sink for Gatherer {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), rdb::Refused> {
        note(&mut self.info, name, value);
        Ok(())
    }

    fn database(&mut self, number: u64) -> Result<(), rdb::Refused> {
        self.db = (number, database(number, self.databases));
        Ok(())
    }

    fn string(
        &mut self,
        entry: &rdb::Entry<'_>,
        value: StringValue<'_>,
    ) -> Result<(), rdb::Refused> {
        let db = self.db()?;
        let value = match value {
            StringValue::Bytes(bytes) => StringRef::Bytes(bytes),
            StringValue::Int(number) => StringRef::Int(number),
        };
        self.batch.string(db, entry.key, value, entry.expiry_ms, self.clock_of(entry));
        self.hand_over_full()
    }

    fn list(&mut self, entry: &rdb::Entry<'_>, value: rdb::List<'_>) -> Result<(), rdb::Refused> {
        self.collection(entry, rdb::entry::loaded_list(value, &self.limits))
    }

    fn set(&mut self, entry: &rdb::Entry<'_>, value: rdb::Set<'_>) -> Result<(), rdb::Refused> {
        self.collection(entry, rdb::entry::loaded_set(value, &self.limits))
    }

    fn hash(&mut self, entry: &rdb::Entry<'_>, value: rdb::Hash<'_>) -> Result<(), rdb::Refused> {
        self.collection(entry, rdb::entry::loaded_hash(value, &self.limits))
    }

    fn zset(&mut self, entry: &rdb::Entry<'_>, value: rdb::Zset<'_>) -> Result<(), rdb::Refused> {
        let loaded = rdb::entry::loaded_zset(value, &self.limits).map_err(rdb::Refused)?;
        self.collection(entry, loaded)
    }

    fn stream(
        &mut self,
        entry: &rdb::Entry<'_>,
        value: rdb::stream::Stream<'_>,
    ) -> Result<(), rdb::Refused> {
        let loaded = rdb::entry::loaded_stream(value).map_err(rdb::Refused)?;
        self.collection(entry, loaded)
    }

    fn function(&mut self, _code: &[u8]) -> Result<(), rdb::Refused> {
        Err(no_functions())
    }
}

/// Recovery's view of the engine.
pub(super) struct Recovering<'a> {
    pub engine: &'a mut Engine,
}

impl Recovering<'_> {
    /// Whether checksums are compared. The log's base is always verified, and a `dump.rdb` that
    /// becomes it as the next start will; `rdbchecksum` is about files that are only loaded.
    fn verify_checksum(&self) -> bool {
        let config = &self.engine.admin.config;
        config.appendonly() || config.rdbchecksum()
    }
}

impl Replay for Recovering<'_> {
    fn base(&mut self, path: &Path) -> Result<BaseInfo, ReplayError> {
        let file = self.engine.disk.map(path)?;
        let verify_checksum = self.verify_checksum();
        let (info, consumed) = rdb(self.engine, &file, verify_checksum)?;
        if consumed != file.len() {
            return Err(format!("{} bytes follow the end of the RDB", file.len() - consumed).into());
        }
        Ok(info)
    }

    fn rdb_preamble(&mut self, bytes: &[u8]) -> Result<usize, ReplayError> {
        let verify_checksum = self.verify_checksum();
        rdb(self.engine, bytes, verify_checksum).map(|(_, consumed)| consumed)
    }

    fn record(&mut self, arguments: &[&[u8]]) -> Result<(), ReplayError> {
        record(self.engine, arguments)
    }

    fn records(&mut self, all: &Records<'_>) -> Result<(), (usize, ReplayError)> {
        records(self.engine, all)
    }
}

/// Loads a file into an engine that serves: DEBUG RELOAD.
pub(super) fn file(engine: &mut Engine, disk: &dyn Disk, path: &Path) -> Result<(), ReplayError> {
    let bytes = disk.map(path)?;
    let verify_checksum = engine.admin.config.rdbchecksum();
    rdb(engine, &bytes, verify_checksum).map(drop)
}
