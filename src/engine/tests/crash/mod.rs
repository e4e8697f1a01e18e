//! The promises of durability, on the whole engine over a simulated disk: real commands of all
//! types, the real log, snapshots, manifest and recovery; what is simulated is the disk, and who
//! runs next.
//!
//! | file | says |
//! |---|---|
//! | `workload` | the commands |
//! | `points` | a crash at every effect on the disk, and crashes inside recovery |
//! | `faults` | every operation on the disk fails once, or from then on |
//! | `flips` | every bit of a folder flipped |
//! | `planted` | bugs put in on purpose, which these tests must see |
//!
//! One command prints the figures; the variable is the number of commands (2,000 by default):
//!
//! ```text
//! COOLCACHE_CRASH_COMMANDS=20000 cargo test --profile quick --lib tests::crash -- --nocapture
//! ```
//!
//! A [`Rig`] is an engine on a simulated disk. It notes the keyspace's state at every LSN where a
//! group ends, and what clients were told when: after so many effects, a reply that depends on
//! records up to this LSN was out. After a crash, what [`Known::check`] recovers must be one of
//! those states (a prefix), and not one before what was told.

mod faults;
mod flips;
mod planted;
mod points;
mod workload;

use crate::admin::{Admin, ClientId, Config};
use crate::base::clock::UnixMs;
use crate::base::disk::testing::SimDisk;
use crate::command::table::{self, Found};
use crate::engine::snapshot::Work;
use crate::engine::{Engine, Outbox, Shared, replay, start};
use crate::keyspace::digest::{self, Digest};
use crate::keyspace::{Db, Entry, Keyspace};
use crate::log::{self, Log, Lsn, RecoverError, Recovered, Start};
use crate::paged;
use crate::resp::{Mark, Out};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hasher;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// On the simulated disk; a folder that is there, or the settings would be refused.
const DIR: &str = "/tmp";

/// A request.
type Words = Vec<Vec<u8>>;

fn words(line: &str) -> Words {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Settings under which a small workload rolls segments and lets go of old ones. `more`: `name
/// value` pairs.
fn config(more: &str) -> Config {
    let line = format!(
        "--dir {DIR} --databases 2 --save  --log-segment-bytes 3kb --log-retention-bytes 6kb {more}"
    );
    let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
    Config::from_args(&arguments).expect("valid settings")
}

/// What a keyspace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    digest: Digest,
    /// Of the expiry times, which the digest leaves out.
    expiries: u64,
}

impl State {
    fn of(keyspace: &Keyspace) -> State {
        let mut expiries = 0;
        for n in 0..keyspace.databases() {
            // It never breaks off.
            let _whole = keyspace.table(Db(n as u16)).walk(|entry| {
                let key = entry.key;
                let entry = Entry::new(entry);
                for field in entry.hash().map(|hash| hash.fields(0)).unwrap_or_default() {
                    expiries ^= hashed(&[key, &field.name.to_vec()], field.expiry);
                }
                expiries ^= hashed(&[key], entry.expiry());
                ControlFlow::Continue(())
            });
        }
        State { digest: digest::of_keyspace(keyspace), expiries }
    }
}

/// A hash of an expiry and whose it is; 0 if there is none.
fn hashed(whose: &[&[u8]], expiry: Option<u64>) -> u64 {
    let Some(expiry) = expiry else { return 0 };
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write_u64(expiry);
    for part in whose {
        hasher.write(part);
    }
    hasher.finish()
}

/// An engine into which a disk was recovered, before it goes on.
fn recovered(disk: &SimDisk, config: &Config) -> Result<(Engine, Recovered), RecoverError> {
    const SEED: u64 = 1;
    let admin = Admin::new(config.clone());
    let mut engine = Engine::in_memory(admin, SEED, Arc::new(disk.clone()));
    let mut replay = replay::Recovering { engine: &mut engine };
    let recovered = log::recover(Arc::new(disk.clone()), &start::settings(config), &mut replay)?;
    Ok((engine, recovered))
}

/// What was known of a run while it ran.
#[derive(Clone, Default)]
struct Known {
    /// The state at every LSN where a group ends.
    states: BTreeMap<Lsn, State>,
    /// After so many effects, somebody was told something that holds only with all records up to
    /// this LSN.
    told: Vec<(usize, Lsn)>,
}

impl Known {
    /// What must have survived a crash after so many effects.
    fn promised(&self, effects: usize) -> Lsn {
        let before = self.told.iter().filter(|(at, _)| *at <= effects);
        before.map(|(_, lsn)| *lsn).max().unwrap_or_default()
    }

    /// The same for all places, in order.
    fn promises(&self, effects: usize) -> Vec<Lsn> {
        let mut all = vec![Lsn::default(); effects + 1];
        for (at, lsn) in &self.told {
            all[*at] = all[*at].max(*lsn);
        }
        let mut highest = Lsn::default();
        for lsn in &mut all {
            highest = highest.max(*lsn);
            *lsn = highest;
        }
        all
    }

    /// Recovers a disk. Returns up to where, or what is wrong.
    fn check(&self, disk: &SimDisk, config: &Config, promised: Lsn) -> Result<Lsn, String> {
        let (engine, recovered) =
            recovered(disk, config).map_err(|error| format!("refused: {error}"))?;
        let last = recovered.last_lsn;
        if last < promised {
            return Err(format!("lost: told {promised}, recovered {last}"));
        }
        match self.states.get(&last) {
            None => Err(format!("not a prefix: no group ends at {last}")),
            Some(state) if *state != State::of(&engine.keyspace) => {
                Err(format!("not a prefix: at {last} there was something else"))
            }
            Some(_) => Ok(last),
        }
    }
}

thread_local! {
    /// Snapshots begun and not yet run.
    static BESIDE: RefCell<VecDeque<Work>> = const { RefCell::new(VecDeque::new()) };
}

/// Runs the oldest of what the engine has begun beside itself. False: there was nothing.
fn run_beside() -> bool {
    let work = BESIDE.with_borrow_mut(VecDeque::pop_front);
    work.map(|work| work()).is_some()
}

/// A reply that is not out yet.
struct Held {
    /// The engine says: not before this is synced.
    hold: Lsn,
    /// What it really depends on.
    depends: Lsn,
    /// Effects when it was ready.
    since: usize,
}

/// See the module.
struct Rig {
    disk: SimDisk,
    config: Config,
    shared: Arc<Shared>,
    log: Arc<Log>,
    /// One connection a database.
    clients: [ClientId; 2],
    now: UnixMs,
    seconds: Arc<AtomicU64>,
    known: Known,
    held: Vec<Held>,
    /// When the log was synced up to where.
    synced: Arc<Mutex<Vec<(usize, Lsn)>>>,
    /// The LSN behind the last change of a key.
    changed: HashMap<(usize, Vec<u8>), Lsn>,
}

impl Rig {
    /// Recovers the disk and goes on with what it holds. `before`: what is known already.
    fn open(disk: SimDisk, config: &Config, seed: u64, before: Known) -> Result<Rig, RecoverError> {
        let (mut engine, recovered) = recovered(&disk, config)?;
        let last = recovered.last_lsn;
        let now = UnixMs(1_700_000_000_000);
        let seconds = Arc::new(AtomicU64::new(now.seconds()));
        let clock = seconds.clone();
        let log = recovered.start_stepped(Start {
            replication_id: format!("{seed:040x}"),
            salt: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            clock: Arc::new(move || clock.load(Relaxed)),
        })?;
        let log = Arc::new(log);
        start::go_on_with(&mut engine, log.clone(), config.appendonly());
        engine.snapshots.spawn = |_name, work| {
            BESIDE.with_borrow_mut(|beside| beside.push_back(work));
            Ok(())
        };
        let (outbox, _inbox) = Outbox::new(Arc::new(|| {}));
        engine.add_worker(outbox);
        let clients = [0, 1].map(|token| engine.connect(0, token, now).0);
        let synced = Arc::<Mutex<Vec<_>>>::default();
        let mut rig = Rig {
            shared: Shared::new(engine),
            config: config.clone(),
            log,
            clients,
            now,
            seconds,
            known: before,
            held: Vec::new(),
            synced: synced.clone(),
            changed: HashMap::new(),
            disk,
        };
        rig.note_committed();
        let durable = last.min(rig.log.positions().synced);
        rig.known.told.push((rig.disk.effects(), durable));
        let disk = rig.disk.clone();
        rig.log.subscribe(Arc::new(move |positions, _news| {
            synced.lock().push((disk.effects(), positions.synced));
        }));
        rig.round(1, &[words("SELECT 1")]);
        Ok(rig)
    }

    /// Notes the state, if all of it is in the log.
    fn note_committed(&mut self) {
        let engine = self.shared.lock();
        let end = engine.journal.positions().emitted;
        if engine.batch.is_empty() && !self.known.states.contains_key(&end) {
            self.known.states.insert(end, State::of(&engine.keyspace));
        }
    }

    /// Runs requests of one connection in one turn.
    fn round(&mut self, client: usize, requests: &[Words]) {
        for (n, request) in requests.iter().enumerate() {
            let mut engine = self.shared.lock();
            if n == 0 {
                engine.begin_round(self.now);
            }
            let arguments: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
            let found = table::find(&arguments);
            let hash = match found {
                Found::Command(command) if command.first_key != 0 => {
                    arguments.get(command.first_key).map_or(0, |key| paged::hash(key))
                }
                _ => 0,
            };
            let mut out = Out::default();
            let ended =
                |engine: &Engine| engine.journal.positions().emitted.advance(engine.batch.len());
            let before = ended(&engine);
            let id = self.clients[client];
            let done = engine.run(id, found, &arguments, hash, &mut out);
            let after = ended(&engine);
            drop(engine);
            let depends = self.depends(client, request, (before, after));
            let failed = out.slices(Mark::default(), out.mark()).flatten().next() == Some(&b'-');
            if !failed {
                let since = self.disk.effects();
                self.held.push(Held { hold: done.hold, depends, since });
            }
            // A snapshot commits what there was.
            self.note_committed();
        }
        self.shared.lock().commit();
        self.note_committed();
        self.release();
    }

    /// Which records the reply to a request depends on, where that is plain: a change on its own,
    /// and GET on the last change of its key. `lsns`: where the log ended before and after it.
    fn depends(&mut self, client: usize, request: &Words, lsns: (Lsn, Lsn)) -> Lsn {
        let [name, key, ..] = request.as_slice() else { return Lsn::default() };
        let key = (client, key.clone());
        if lsns.1 > lsns.0 {
            self.changed.insert(key, lsns.1);
            lsns.1
        } else if name == b"GET" {
            self.changed.get(&key).copied().unwrap_or_default()
        } else {
            Lsn::default()
        }
    }

    /// Sends the replies whose LSN is synced.
    fn release(&mut self) {
        let synced = self.synced.lock().clone();
        let always = self.log.fsync() == log::Fsync::Always && self.config.appendonly();
        let positions = self.log.positions();
        let told = &mut self.known.told;
        self.held.retain(|held| {
            if held.hold > positions.synced {
                return true;
            }
            let reached = synced.iter().find(|(_, lsn)| *lsn >= held.hold);
            let out = reached.map_or(held.since, |(at, _)| held.since.max(*at));
            if always {
                told.push((out, held.depends));
            }
            false
        });
        // What the log says is durable, it tells replicas and WAITAOF under every policy.
        if self.config.appendonly() {
            told.extend(self.synced.lock().drain(..));
        }
    }

    /// Time passes, and what has expired is removed.
    fn advance(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.seconds.store(self.now.seconds(), Relaxed);
        loop {
            let mut engine = self.shared.lock();
            let step = engine.expire_step(self.now);
            engine.commit();
            drop(engine);
            self.note_committed();
            if step.done {
                return;
            }
        }
    }

    /// Something that the log's threads do.
    fn step(&mut self, step: impl FnOnce(&Log) -> bool) {
        step(&self.log);
        self.release();
    }

    /// Runs what was begun beside the engine, to its end.
    fn finish_beside(&mut self) {
        while run_beside() {
            self.release();
        }
    }

    /// How many rewrites and saves have succeeded.
    fn snapshots_done(&self) -> (u64, u64) {
        let engine = self.shared.lock();
        (engine.snapshots.rewrites, engine.snapshots.saves)
    }

    /// The figures of the keyspace: how many keys each type has.
    fn types(&self) -> BTreeMap<String, usize> {
        let mut types = BTreeMap::new();
        let engine = self.shared.lock();
        for n in 0..engine.keyspace.databases() {
            // It never breaks off.
            let _whole = engine.keyspace.table(Db(n as u16)).walk(|entry| {
                let kind = Entry::new(entry).value_type().name().to_owned();
                *types.entry(kind).or_default() += 1;
                ControlFlow::Continue(())
            });
        }
        types
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // What a killed process had begun is gone.
        BESIDE.with_borrow_mut(VecDeque::clear);
    }
}
