//! The log's promises, on a simulated disk: a workload, an oracle, and what must hold after any
//! crash.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::*;
use crate::base::disk::testing::SimDisk;

mod crash;
mod damage;
mod keep;
mod planted;
mod random;
mod reading;
mod running;
mod stock;

/// The data folder of every test on a simulated disk.
const DIR: &str = "/data";

fn dir() -> PathBuf {
    PathBuf::from(DIR)
}

fn small_settings() -> Settings {
    Settings { fsync: Fsync::Always, segment_bytes: 2000, ..Settings::new(dir()) }
}

fn start(seed: u64) -> Start {
    let second = AtomicU64::new(1_700_000_000);
    let clock = Arc::new(move || second.fetch_add(1, Ordering::Relaxed) / 7 * 7);
    Start { replication_id: id(seed), salt: seed.wrapping_mul(0x9e37_79b9), clock }
}

fn id(seed: u64) -> String {
    format!("{seed:040x}")
}

fn command(args: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n{arg}\r\n", arg.len()).as_bytes());
    }
    out
}

/// The n-th group of the test workload: every third a transaction, values of many sizes.
fn group(n: u64) -> Vec<u8> {
    let value = "v".repeat((n * 37 % 90) as usize);
    let set = command(&["SET", &format!("key:{n}"), &value]);
    match n % 3 {
        0 => [command(&["MULTI"]), set.clone(), set, command(&["EXEC"])].concat(),
        _ => set,
    }
}

/// Groups in the longest workload.
const GROUPS: u64 = 400;

/// The stream of all groups, and every LSN at which one ends; `ends[n]` is the end of the first n.
fn whole() -> &'static (Vec<u8>, Vec<u64>) {
    static WHOLE: OnceLock<(Vec<u8>, Vec<u64>)> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for n in 0..GROUPS {
            bytes.extend(group(n));
            ends.push(bytes.len() as u64);
        }
        (bytes, ends)
    })
}

/// The stream of the first groups.
fn stream(groups: u64) -> &'static [u8] {
    let (bytes, ends) = whole();
    &bytes[..ends[groups as usize] as usize]
}

/// The engine of these tests: its state is the stream it was given. A snapshot is `SNAPSHOT <lsn>
/// <stream>`.
#[derive(Default)]
struct Engine {
    disk: Option<SimDisk>,
    stream: Vec<u8>,
    /// The first record after a segment's opener is the file-only SELECT: what begins so is not
    /// counted.
    selects: u64,
    preamble: Vec<u8>,
    bases: Vec<PathBuf>,
    unfinished: bool,
}

const SNAPSHOT: &[u8] = b"SNAPSHOT ";

fn snapshot(stream: &[u8]) -> Vec<u8> {
    [SNAPSHOT, stream].concat()
}

impl Replay for Engine {
    fn base(&mut self, path: &Path) -> Result<BaseInfo, ReplayError> {
        self.bases.push(path.to_path_buf());
        let Some(disk) = &self.disk else { return Ok(BaseInfo::default()) };
        let content = disk.content(path).ok_or("no such base")?;
        self.stream = content.strip_prefix(SNAPSHOT).ok_or("not a snapshot")?.to_vec();
        let lsn = Some(Lsn(self.stream.len() as u64));
        Ok(BaseInfo { replication_id: Some(id(99)), lsn })
    }

    fn rdb_preamble(&mut self, bytes: &[u8]) -> Result<usize, ReplayError> {
        let end = memchr::memchr(b'*', bytes).unwrap_or(bytes.len());
        self.preamble = bytes[..end].to_vec();
        Ok(end)
    }

    fn record(&mut self, args: &[&[u8]]) -> Result<(), ReplayError> {
        match args {
            [b"SELECT", _] => self.selects += 1,
            _ => {
                let args: Vec<&str> =
                    args.iter().map(|arg| std::str::from_utf8(arg)).collect::<Result<_, _>>()?;
                self.stream.extend(command(&args));
                self.unfinished = match args[0] {
                    "MULTI" => true,
                    "EXEC" => false,
                    _ => self.unfinished,
                };
            }
        }
        Ok(())
    }
}

fn recovered(disk: &SimDisk, settings: &Settings) -> Result<(Recovered, Engine), RecoverError> {
    let mut engine = Engine { disk: Some(disk.clone()), ..Engine::default() };
    let recovered = recover(Arc::new(disk.clone()), settings, &mut engine)?;
    Ok((recovered, engine))
}

fn begin(disk: &SimDisk, settings: &Settings, seed: u64) -> Log {
    let (recovered, _) = recovered(disk, settings).unwrap();
    recovered.start_stepped(start(seed)).unwrap()
}

/// Appends group `n` and commits it, as far as the disk allows.
fn commit(log: &Log, n: u64) {
    log.append(&group(n), 0);
    log.write_step();
}
