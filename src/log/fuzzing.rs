//! What the fuzz targets `log`, `log_tail` and `manifest` check (`fuzz/fuzz_targets`); the tests
//! run the same over their seeds.
//!
//! These functions panic on a finding, which is what a fuzzer looks for. No server code calls them.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a finding is a panic"
)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::manifest::Manifest;
use super::segment::{self, Head};
use super::{BaseInfo, Fsync, Log, Lsn, Replay, ReplayError, Settings, Start, recover};
use crate::base::disk::Disk;
use crate::base::disk::testing::SimDisk;

type Record = Vec<Vec<u8>>;

/// Recovers a good folder whose last segment was damaged.
///
/// `data`: a byte that chooses how, a place in that segment (two bytes, little-endian, taken modulo
/// its length), then bytes: they replace the segment (0), follow it (1), overwrite it from the
/// place on (2), follow its part before the place (3), or follow it as the payload of a batch that
/// matches its checksum (4).
///
/// Whatever they are, recovery does not panic; what it replays is a prefix of the good records that
/// holds all of the earlier segments, then records that somebody else wrote (or the forged
/// batch's), in whole groups. If it takes the folder, starting works, and the next recovery finds
/// the same and what was appended since.
pub fn last_segment(data: &[u8]) {
    let Some((disk, own_means_good)) = damaged(data) else { return };
    let good = Good::folder();
    let mut told = Told::of(good);
    let outcome = recover(Arc::new(disk.clone()), &settings(), &mut told);
    assert!(!told.open, "a group was cut");
    assert!(told.records.len() >= good.certain, "records of intact segments are missing");
    let Ok(recovered) = outcome else { return };
    let count = |n: u64| usize::try_from(n).unwrap();
    assert_eq!(told.records.len(), count(recovered.records));
    let own = count(recovered.records - recovered.foreign_records);
    if own_means_good {
        assert!(good.records.starts_with(&told.records[..own]), "not a prefix of what was written");
        if recovered.foreign_records == 0 {
            let written = told.records[..own].iter().filter(|record| !is_select(record));
            let bytes: usize = written.map(|record| encoded(record).len()).sum();
            assert_eq!(recovered.last_lsn, good.base_lsn.advance(bytes));
        }
    }
    continued(&disk, recovered, told, good);
}

/// The good folder with its last segment damaged as `data` says, and whether what is ours in it is
/// what was written.
fn damaged(data: &[u8]) -> Option<(SimDisk, bool)> {
    let [how, low, high, bytes @ ..] = data else { return None };
    let good = Good::folder();
    let segment = &good.files[&good.last];
    let place = usize::from(u16::from_le_bytes([*low, *high])) % (segment.len() + 1);
    let damaged = match how % 5 {
        0 => bytes.to_vec(),
        1 => [segment, bytes].concat(),
        2 => {
            let behind = segment.get(place + bytes.len()..).unwrap_or(&[]);
            [&segment[..place], bytes, behind].concat()
        }
        3 => [&segment[..place], bytes].concat(),
        _ => good.with_batch(bytes),
    };
    let disk = SimDisk::new(Path::new(DIR));
    for (path, content) in &good.files {
        disk.put(path, if *path == good.last { &damaged } else { content });
    }
    Some((disk, how % 5 < 4))
}

/// Reads a folder whose last segment was damaged as the tools do, batch by batch from the file, and
/// as a server does whose log was recovered from it. `data`: as for [`last_segment`].
///
/// Nothing panics; what is read from outside is a prefix of what was written, and where recovery
/// takes the folder, both read exactly what it replays.
pub fn tail(data: &[u8]) {
    let Some((disk, own_means_good)) = damaged(data) else { return };
    let good = Good::folder();
    let mut told = Told::of(good);
    let outcome = recover(Arc::new(disk.clone()), &settings(), &mut told);
    let data_records = |records: &[Record]| -> Vec<Record> {
        records.iter().filter(|record| !is_select(record)).cloned().collect()
    };
    let read = data_records(&followed(&disk));
    if own_means_good {
        assert!(data_records(&good.records).starts_with(&read), "not a prefix of what was written");
    }
    let Ok(recovered) = outcome else { return };
    let own = usize::try_from(recovered.records - recovered.foreign_records).unwrap();
    assert_eq!(read, data_records(&told.records[..own]), "recovery and reader differ");
    if recovered.foreign_records > 0 {
        return;
    }
    let log = recovered.start_stepped(start(2)).expect("what was recovered can be started");
    let mut served = Vec::new();
    // A segment that a stock server has begun to append to is not served from.
    if log.window_start() > good.base_lsn {
        return;
    }
    // Older segments are not replayed.
    let mut records = log.records(good.base_lsn).expect("all of it is in the window");
    while records.at() < log.readable() {
        let visited = records.visit(log.readable(), |record| {
            served.push(record.args.iter().map(|word| word.to_vec()).collect());
            ControlFlow::Continue(())
        });
        visited.expect("what was recovered can be read");
    }
    assert_eq!(data_records(&served), read, "recovery and server differ");
}

/// All records behind the base that can be read from outside.
fn followed(disk: &SimDisk) -> Vec<Record> {
    let Settings { dir, appenddirname, appendfilename, .. } = settings();
    let place = super::Place { dir, appenddirname, appendfilename };
    let mut read = Vec::new();
    let Ok(archive) = super::Archive::open(Arc::new(disk.clone()), &place) else { return read };
    let Some(base) = archive.base_lsn() else { return read };
    let Ok(mut follower) = archive.follow(Some(base)) else { return read };
    while *follower.state() == super::State::More {
        let visited = follower.visit(&mut |record| {
            read.push(record.args.iter().map(|word| word.to_vec()).collect());
        });
        if visited.is_err() {
            break;
        }
    }
    read
}

/// Reads a manifest, and writes what was read: that reads back as the same.
pub fn manifest(data: &[u8]) {
    let Ok(read) = Manifest::decode(data) else { return };
    let again = Manifest::decode(&read.encode()).expect("our own manifest can be read");
    // Files to be deleted are not written, and what is written is ours.
    assert_eq!(again, Manifest { history: Vec::new(), ours: true, ..read });
}

/// Starts on what was recovered, appends a group, and recovers again.
fn continued(disk: &SimDisk, recovered: super::Recovered, told: Told, good: &Good) {
    let log = recovered.start_stepped(start(2)).expect("what was recovered can be started");
    let set = record(&["SET", "after", "start"]);
    log.append(&encoded(&set), 0);
    log.write_step();
    let end = log.positions().synced;
    drop(log);
    let mut again = Told::of(good);
    let second = recover(Arc::new(disk.clone()), &settings(), &mut again);
    let second = second.expect("what was started can be recovered");
    assert_eq!(second.last_lsn, end);
    assert_eq!(second.torn, None);
    // Each start begins a segment, whose opener selects a database, and drops an empty one.
    let changes = |records: Vec<Record>| -> Vec<Record> {
        records.into_iter().filter(|record| !is_select(record)).collect()
    };
    let mut expected = changes(told.records);
    expected.push(set);
    assert_eq!(changes(again.records), expected);
}

const DIR: &str = "/data";

fn settings() -> Settings {
    Settings { fsync: Fsync::Always, segment_bytes: 600, ..Settings::new(PathBuf::from(DIR)) }
}

fn start(seed: u64) -> Start {
    let clock = Arc::new(|| 1_700_000_000);
    Start { replication_id: format!("{seed:040x}"), salt: seed, clock }
}

/// A folder with a base and several segments, and what is in it. Written once.
struct Good {
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// The last segment's path.
    last: PathBuf,
    base_lsn: Lsn,
    /// Everything that its recovery replays.
    records: Vec<Record>,
    /// How many of them come from segments before the last.
    certain: usize,
}

impl Good {
    fn folder() -> &'static Good {
        static GOOD: OnceLock<Good> = OnceLock::new();
        GOOD.get_or_init(Good::write)
    }

    fn write() -> Good {
        let disk = SimDisk::new(Path::new(DIR));
        let mut nothing = Told::default();
        let empty = recover(Arc::new(disk.clone()), &settings(), &mut nothing).unwrap();
        let log = empty.start_stepped(start(1)).unwrap();
        commit(&log, 0..4);
        let at = log.roll();
        log.write_step();
        let snapshot = log.snapshot_path("fuzz");
        disk.create(&snapshot).unwrap().write_all(b"a base").unwrap();
        log.install_base(&snapshot, at).unwrap();
        commit(&log, 4..21);
        drop(log);
        let mut told = Told { base_lsn: Some(at), ..Told::default() };
        let recovered = recover(Arc::new(disk.clone()), &settings(), &mut told).unwrap();
        let last = &recovered.plan.catalog.segments.last().unwrap().entry.name;
        let last = disk.all_files().into_keys().find(|path| path.ends_with(last)).unwrap();
        // The opener's SELECT is the first record of a segment, and there is no other here.
        let certain = told.records.iter().rposition(is_select).unwrap();
        assert!(
            certain > 0 && certain + 2 < told.records.len(),
            "{certain} of {}",
            told.records.len()
        );
        Good { files: disk.all_files(), last, base_lsn: at, records: told.records, certain }
    }

    /// The last segment with one more batch behind it.
    fn with_batch(&self, payload: &[u8]) -> Vec<u8> {
        let mut segment = self.files[&self.last].clone();
        let Head::Ours(opener, _) = segment::read_head(&segment) else { panic!("our own segment") };
        let written = self.records.iter().filter(|record| !is_select(record));
        let first = self.base_lsn.advance(written.map(|record| encoded(record).len()).sum());
        let lsns = (first, first.advance(payload.len()), first);
        let covered = segment.len();
        segment::encode_batch(&mut segment, covered, opener.salt, None, lsns, payload);
        segment.extend_from_slice(payload);
        segment
    }
}

/// Groups of the good folder: every third a transaction.
fn commit(log: &Log, groups: std::ops::Range<u32>) {
    for n in groups {
        let set = encoded(&record(&["SET", &format!("key:{n}"), "value"]));
        let group = match n % 3 {
            0 => [encoded(&record(&["MULTI"])), set.clone(), set, encoded(&record(&["EXEC"]))]
                .concat(),
            _ => set,
        };
        log.append(&group, 0);
        log.write_step();
    }
}

fn record(words: &[&str]) -> Record {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut out = format!("*{}\r\n", record.len()).into_bytes();
    for argument in record {
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn is_select(record: &Record) -> bool {
    record[0].eq_ignore_ascii_case(b"SELECT")
}

/// Takes note of what is replayed.
#[derive(Default)]
struct Told {
    base_lsn: Option<Lsn>,
    records: Vec<Record>,
    /// A MULTI without its EXEC.
    open: bool,
}

impl Told {
    fn of(good: &Good) -> Told {
        Told { base_lsn: Some(good.base_lsn), ..Told::default() }
    }
}

impl Replay for Told {
    fn base(&mut self, _path: &Path) -> Result<BaseInfo, ReplayError> {
        Ok(BaseInfo { replication_id: None, lsn: self.base_lsn })
    }

    fn rdb_preamble(&mut self, _bytes: &[u8]) -> Result<usize, ReplayError> {
        Err("there is no preamble in this folder".into())
    }

    fn record(&mut self, args: &[&[u8]]) -> Result<(), ReplayError> {
        assert!(!args.is_empty(), "a record without a name");
        if let [name] = args {
            self.open |= name.eq_ignore_ascii_case(b"MULTI");
            self.open &= !name.eq_ignore_ascii_case(b"EXEC");
        }
        self.records.push(args.iter().map(|argument| argument.to_vec()).collect());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection;
    use proptest::prelude::*;

    #[test]
    fn the_seeds_of_the_fuzzer_pass() {
        type Check = fn(&[u8]);
        let targets: [(&str, Check); 4] =
            [("log", last_segment), ("log", tail), ("log_tail", tail), ("manifest", manifest)];
        for (name, check) in targets {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
            let mut count = 0;
            for entry in std::fs::read_dir(&folder).unwrap() {
                check(&std::fs::read(entry.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count >= 5, "seeds in {}", folder.display());
        }
    }

    #[test]
    fn every_cut_and_every_flip_of_the_last_segment() {
        let good = Good::folder();
        let segment = &good.files[&good.last];
        for (place, byte) in segment.iter().enumerate() {
            let [low, high] = u16::try_from(place).unwrap().to_le_bytes();
            last_segment(&[3, low, high]);
            tail(&[3, low, high]);
            for bit in [1, 0x10, 0x80] {
                last_segment(&[2, low, high, byte ^ bit]);
                tail(&[2, low, high, byte ^ bit]);
            }
        }
    }

    /// Lines as a manifest has them, and some that are nearly so.
    const LINES: &str =
        "(file [a-c \"'.\\\\x]{0,9} seq [0-9]{1,3} type [bihx]\n|#[A-Z-]{0,9}\n){0,5}";

    proptest! {
        #[test]
        fn random_damage(data in collection::vec(any::<u8>(), 3..300)) {
            last_segment(&data);
            tail(&data);
        }

        #[test]
        fn random_manifests(text in LINES) {
            manifest(text.as_bytes());
        }
    }
}
