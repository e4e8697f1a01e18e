//! The folder between us and stock servers, in both directions and back: foreign commands,
//! taken-over files, and a real redis-server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::base::disk::RealDisk;
use crate::base::disk::testing::{Fate, Unsynced};

/// A folder on the simulated disk with these files, recovered.
fn recover_files(files: &[(&str, &[u8])]) -> (SimDisk, Result<(Recovered, Engine), RecoverError>) {
    let disk = SimDisk::new(&dir());
    for (path, content) in files {
        disk.put(&dir().join(path), content);
    }
    let result = recovered(&disk, &small_settings());
    (disk, result)
}

#[test]
fn a_folder_that_a_stock_server_wrote_is_loaded_and_becomes_ours() {
    let manifest = b"file appendonly.aof.1.base.rdb seq 1 type b\n\
        file appendonly.aof.0.incr.aof seq 7 type h\n\
        file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
    let select = command(&["SELECT", "0"]);
    let first = [b"#TS:1700000000\r\n", &*select, &group(0), b"#TS:1700000001\r\n", &group(1)];
    let half = [command(&["MULTI"]), command(&["SET", "a", "b"])].concat();
    let second = [&*select, &group(2), &half].concat();
    let (disk, result) = recover_files(&[
        ("appendonlydir/appendonly.aof.manifest", manifest),
        ("appendonlydir/appendonly.aof.1.base.rdb", &snapshot(b"")),
        ("appendonlydir/appendonly.aof.0.incr.aof", b"old"),
        ("appendonlydir/appendonly.aof.1.incr.aof", &first.concat()),
        ("appendonlydir/appendonly.aof.2.incr.aof", &second),
    ]);
    let (recovered, engine) = result.unwrap();
    assert!(engine.stream == stream(3));
    assert_eq!(recovered.foreign_records, recovered.records);
    assert_eq!(recovered.torn.as_ref().map(|torn| torn.bytes), Some(half.len() as u64));
    let end = Lsn((stream(3).len() + 2 * select.len()) as u64);
    assert_eq!(recovered.last_lsn, end, "annotations take no LSN, SELECT in their records does");
    let log = recovered.start_stepped(start(2)).unwrap();
    assert_eq!(log.window_start(), end, "nothing is sent from files without checksums");
    commit(&log, 3);
    log.seal_and_close().unwrap();
    assert_eq!(disk.content(&dir().join("appendonlydir/appendonly.aof.0.incr.aof")), None);
    let (again, engine) = self::recovered(&disk, &small_settings()).unwrap();
    assert!(engine.stream == stream(4));
    assert_eq!(again.ids[0], (id(2), Lsn(end.0 + group(3).len() as u64)));
}

#[test]
fn a_stock_server_that_appended_to_our_segment_is_seen() {
    let disk = SimDisk::new(&dir());
    let settings = small_settings();
    let log = begin(&disk, &settings, 1);
    for n in 0..9 {
        commit(&log, n);
    }
    let ours = log.positions().synced;
    drop(log);
    let current =
        disk.all_files().into_keys().rfind(|path| path.extension().is_some_and(|e| e == "aof"));
    let foreign = [&b"#TS:1700000002\r\n"[..], &command(&["SELECT", "0"]), &group(9)].concat();
    disk.open_append(&current.unwrap()).unwrap().write_all(&foreign).unwrap();
    let (recovered, engine) = self::recovered(&disk, &settings).unwrap();
    assert!(engine.stream == stream(10));
    assert_eq!(recovered.foreign_records, 5);
    assert_eq!(recovered.ids, [(id(1), ours)], "the id does not reach over what others wrote");
    assert!(recovered.last_lsn > ours);
    let log = recovered.start_stepped(start(2)).unwrap();
    commit(&log, 10);
    let (again, engine) = self::recovered(&disk, &settings).unwrap();
    assert!(engine.stream == stream(11));
    assert_eq!(again.last_lsn, log.positions().synced);
    assert_eq!(again.ids[1], (id(1), ours));
}

#[test]
fn a_dump_becomes_the_first_base_and_stays() {
    let dump = snapshot(stream(5));
    let (disk, result) = recover_files(&[("dump.rdb", &dump)]);
    let (recovered, _) = result.unwrap();
    assert_eq!(recovered.source, Source::DumpRdb);
    assert_eq!(recovered.last_lsn.0, stream(5).len() as u64);
    assert_eq!(recovered.ids, [(id(99), recovered.last_lsn)]);
    let log = recovered.start_stepped(start(1)).unwrap();
    commit(&log, 5);
    drop(log);
    assert_eq!(disk.content(&dir().join("dump.rdb")), Some(dump));
    let (again, engine) = self::recovered(&disk, &small_settings()).unwrap();
    assert_eq!((again.source, again.newer_dump), (Source::Log, None));
    assert!(engine.stream == stream(6));
    // A dump written later loses to the log, and is reported.
    disk.create(&dir().join("dump.rdb")).unwrap().write_all(&snapshot(stream(1))).unwrap();
    let (again, engine) = self::recovered(&disk, &small_settings()).unwrap();
    assert!(again.newer_dump.is_some() && engine.stream == stream(6));
}

#[test]
fn a_single_file_with_preamble_and_torn_end_becomes_the_first_base() {
    let whole = [b"REDIS0009...", stream(8)].concat();
    let file = [&*whole, b"*2\r\n$3\r\nDEL"].concat();
    let (disk, result) = recover_files(&[("appendonly.aof", &file)]);
    let (recovered, engine) = result.unwrap();
    assert_eq!((recovered.source, recovered.last_lsn), (Source::SingleFileAof, Lsn(0)));
    assert_eq!(engine.preamble, b"REDIS0009...");
    let torn = recovered.torn.clone().unwrap();
    assert_eq!(torn.bytes, 11);
    let log = recovered.start_stepped(start(1)).unwrap();
    commit(&log, 8);
    drop(log);
    assert_eq!(disk.content(&torn.kept).unwrap(), b"*2\r\n$3\r\nDEL");
    assert_eq!(disk.content(&dir().join("appendonly.aof")), Some(file), "the old file stays");
    let base = disk.content(&dir().join("appendonlydir/appendonly.aof.1.base.aof"));
    assert!(base.as_deref() == Some(&whole));
    let (again, engine) = self::recovered(&disk, &small_settings()).unwrap();
    assert!(engine.stream == stream(9));
    assert_eq!(again.last_lsn.0, group(8).len() as u64);
}

/// Asserts that a folder is refused on account of this file.
fn assert_damaged(files: &BTreeMap<PathBuf, Vec<u8>>, damaged: &Path, what: &str) {
    let disk = SimDisk::new(&dir());
    for (path, content) in files {
        disk.put(path, content);
    }
    match recovered(&disk, &small_settings()) {
        Err(RecoverError::Corrupt(place)) => assert_eq!(place.file, damaged, "{what}"),
        Err(other) => panic!("{what}: {other}"),
        Ok((recovered, _)) => panic!("{what}: served up to {}", recovered.last_lsn),
    }
}

/// A base was written whole before a manifest listed it: what is missing of it is no torn tail, and
/// nothing is replayed on the rest. Commands and old dumps carry no checksum, the manifest has one.
#[test]
fn a_base_that_was_taken_over_and_lacks_anything_is_damage() {
    let dump = snapshot(stream(8));
    for (file, content) in [("appendonly.aof", stream(8)), ("dump.rdb", &dump)] {
        let (disk, result) = recover_files(&[(file, content)]);
        let log = result.unwrap().0.start_stepped(start(1)).unwrap();
        commit(&log, 8);
        commit(&log, 9);
        log.seal_and_close().unwrap();
        // It holds over a start.
        begin(&disk, &small_settings(), 2).seal_and_close().unwrap();
        let files = disk.all_files();
        let is_base = |path: &&PathBuf| path.to_str().unwrap().contains(".1.base.");
        let base = files.keys().find(is_base).unwrap();
        for byte in 0..content.len() {
            let mut damaged = files.clone();
            damaged.get_mut(base).unwrap().truncate(byte);
            assert_damaged(&damaged, base, &format!("{file} cut at {byte}"));
            let mut damaged = files.clone();
            damaged.get_mut(base).unwrap()[byte] ^= 1 << (byte % 8);
            assert_damaged(&damaged, base, &format!("{file} with a flip in {byte}"));
        }
    }
}

/// The same where nobody has noted a checksum: a manifest of a stock server.
#[test]
fn a_base_of_commands_that_lacks_its_end_is_damage() {
    let manifest = b"file appendonly.aof.1.base.aof seq 1 type b\n\
        file appendonly.aof.2.incr.aof seq 2 type i\n";
    let base = dir().join("appendonlydir/appendonly.aof.1.base.aof");
    let whole_files = BTreeMap::from([
        (dir().join("appendonlydir/appendonly.aof.manifest"), manifest.to_vec()),
        (dir().join("appendonlydir/appendonly.aof.2.incr.aof"), group(8)),
        (base.clone(), stream(8).to_vec()),
    ]);
    for cut in 1..stream(8).len() {
        if !whole().1.contains(&(cut as u64)) {
            let mut files = whole_files.clone();
            files.get_mut(&base).unwrap().truncate(cut);
            assert_damaged(&files, &base, &format!("cut at {cut}"));
        }
    }
}

/// A server of Redis 6 or older goes on with its file after we were tried: that must not become
/// part of our log, and is reported.
#[test]
fn a_single_file_that_its_server_goes_on_with_stays_its_own() {
    let (disk, result) = recover_files(&[("appendonly.aof", stream(8))]);
    let log = result.unwrap().0.start_stepped(start(1)).unwrap();
    commit(&log, 8);
    log.seal_and_close().unwrap();
    let single = dir().join("appendonly.aof");
    disk.open_append(&single).unwrap().write_all(&command(&["SET", "theirs", "1"])).unwrap();
    let (again, engine) = self::recovered(&disk, &small_settings()).unwrap();
    assert!(engine.stream == stream(9), "what they append is not in our base");
    assert_eq!(again.newer_aof, None, "the simulated disk dates files by when they were created");
    drop(again);
    disk.create(&single).unwrap().write_all(stream(9)).unwrap();
    let (again, engine) = self::recovered(&disk, &small_settings()).unwrap();
    assert!(engine.stream == stream(9));
    assert_eq!((again.newer_aof, again.newer_dump), (Some(single), None));
}

/// A copy may be half done when the power goes: the next start copies again.
#[test]
fn a_crash_while_a_single_file_is_taken_over_loses_nothing() {
    let (disk, result) = recover_files(&[("appendonly.aof", stream(8))]);
    let log = result.unwrap().0.start_stepped(start(1)).unwrap();
    commit(&log, 8);
    let acked = disk.effects();
    drop(log);
    for effects in 0..=acked {
        for bytes in [Fate::Kept, Fate::Dropped, Fate::Cut(effects as u64)] {
            for names in [Fate::Kept, Fate::Dropped, Fate::Cut(effects as u64)] {
                let image = disk.crash(effects, Unsynced { bytes, names });
                let (again, engine) = self::recovered(&image, &small_settings()).unwrap();
                let groups = if effects == acked { 9 } else { 8 };
                let is_early = effects < acked && engine.stream == stream(9);
                assert!(is_early || engine.stream == stream(groups), "after {effects} effects");
                again.start_stepped(start(2)).unwrap();
                assert!(
                    self::recovered(&image, &small_settings()).unwrap().1.stream >= engine.stream
                );
            }
        }
    }
}

/// What an RDB file says of where it comes from is believed only if a log can have come from there:
/// a log that begins with it must be readable.
#[test]
fn a_dump_with_an_impossible_origin_begins_a_log_that_can_be_read() {
    let highest = Lsn::BEGIN_MAX;
    let cases = [
        ("not-an-id".to_owned(), Lsn(100), Lsn(100)),
        ("A".repeat(40), Lsn(100), Lsn(100)),
        (format!("{}\r\n#ID:", id(1)), Lsn(100), Lsn(100)),
        (id(99), Lsn(u64::MAX), Lsn(0)),
        (id(99), highest.advance(1), Lsn(0)),
        (id(99), highest, highest),
    ];
    for (replication_id, lsn, begins) in cases {
        let disk = SimDisk::new(&dir());
        disk.put(&dir().join("dump.rdb"), b"dump");
        let info = BaseInfo { replication_id: Some(replication_id.clone()), lsn: Some(lsn) };
        let recovered = || {
            let mut replay = Says { info: info.clone(), records: 0 };
            recover(Arc::new(disk.clone()), &small_settings(), &mut replay)
                .map(|recovered| (recovered, replay.records))
        };
        let (first, _) = recovered().unwrap();
        assert_eq!(first.last_lsn, begins, "{replication_id} at {lsn}");
        let is_believed = replication_id == id(99) && lsn == begins;
        assert_eq!(first.ids.len(), usize::from(is_believed), "{replication_id} at {lsn}");
        let log = first.start_stepped(start(1)).unwrap();
        commit(&log, 1);
        let end = log.positions().synced;
        assert_eq!(end, begins.advance(group(1).len()));
        drop(log);
        let (again, records) = recovered().unwrap_or_else(|e| panic!("{replication_id}: {e}"));
        // The opener's SELECT, and the record.
        assert_eq!((again.last_lsn, records, again.source), (end, 2, Source::Log));
    }
}

/// A snapshot that says of itself what it is told.
struct Says {
    info: BaseInfo,
    records: u64,
}

impl Replay for Says {
    fn base(&mut self, _path: &Path) -> Result<BaseInfo, ReplayError> {
        Ok(self.info.clone())
    }

    fn rdb_preamble(&mut self, _bytes: &[u8]) -> Result<usize, ReplayError> {
        Err("there is none".into())
    }

    fn record(&mut self, _args: &[&[u8]]) -> Result<(), ReplayError> {
        self.records += 1;
        Ok(())
    }
}

/// A running redis-server on a socket in its folder; ended with the test.
struct Stock {
    process: Child,
    socket: UnixStream,
}

impl Stock {
    fn start(dir: &Path) -> Stock {
        let mut process = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", "socket", "--appendonly", "yes", "--save", ""])
            .args(["--appendfsync", "always", "--aof-timestamp-enabled", "yes"])
            .arg("--dir")
            .arg(dir)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need redis-server 7 (apt install redis-server)");
        let mut said = String::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            said.push_str(&line);
            said.push('\n');
            if line.contains("ready to accept connections") {
                let socket = UnixStream::connect(dir.join("socket")).unwrap();
                return Stock { process, socket };
            }
        }
        let _ = process.wait();
        panic!("redis-server did not start:\n{said}");
    }

    /// Sends a command and returns the first line of the answer, or a bulk's content.
    fn ask(&mut self, args: &[&str]) -> String {
        self.socket.write_all(&command(args)).unwrap();
        let mut reader = BufReader::new(&self.socket);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(len) = line.strip_prefix('$').and_then(|len| len.trim().parse::<usize>().ok()) {
            let mut content = vec![0; len + 2];
            reader.read_exact(&mut content).unwrap();
            content.truncate(len);
            return String::from_utf8(content).unwrap();
        }
        line.trim().to_owned()
    }

    fn stop(mut self) {
        self.socket.write_all(&command(&["SHUTDOWN", "NOSAVE"])).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn on_disk(dir: &Path) -> (Recovered, Engine) {
    let settings = Settings { dir: dir.to_path_buf(), ..small_settings() };
    let mut engine = Engine::default();
    (recover(Arc::new(RealDisk), &settings, &mut engine).unwrap(), engine)
}

#[test]
fn redis_server_loads_our_folder_appends_to_it_and_we_load_that() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let log = on_disk(dir).0.start_stepped(start(1)).unwrap();
    for n in 0..40 {
        commit(&log, n);
    }
    // A tail that is torn inside an annotation or a record is for us to cut; stock gets a clean
    // one.
    assert!(log.info().segments > 2);
    let ours = log.positions().synced;
    log.seal_and_close().unwrap();
    let manifest = dir.join("appendonlydir/appendonly.aof.manifest");
    let check = Command::new("redis-check-aof").arg(&manifest).output().unwrap();
    let said = String::from_utf8_lossy(&check.stdout);
    assert!(
        check.status.success() && said.contains("All AOF files and manifest are valid"),
        "{said}"
    );

    let mut stock = Stock::start(dir);
    assert_eq!(stock.ask(&["DBSIZE"]), ":40");
    assert_eq!(stock.ask(&["GET", "key:1"]), "v".repeat(37));
    assert_eq!(stock.ask(&["SET", "theirs", "1"]), "+OK");
    stock.stop();

    let (recovered, engine) = on_disk(dir);
    let theirs = command(&["SET", "theirs", "1"]);
    assert!(engine.stream == [stream(40), &theirs].concat());
    assert_eq!((recovered.foreign_records, recovered.ids.clone()), (2, vec![(id(1), ours)]));
    let log = recovered.start_stepped(start(2)).unwrap();
    commit(&log, 40);
    log.seal_and_close().unwrap();
    let mut stock = Stock::start(dir);
    assert_eq!(stock.ask(&["DBSIZE"]), ":42");
    // It rewrites: base and segments are its own from then on, and our comments are gone.
    assert!(stock.ask(&["BGREWRITEAOF"]).starts_with("+Background"));
    while !stock.ask(&["INFO", "persistence"]).contains("aof_rewrite_in_progress:0") {}
    assert_eq!(stock.ask(&["SET", "later", "2"]), "+OK");
    stock.stop();
    let (recovered, engine) = on_disk(dir);
    assert_eq!(engine.bases.len(), 1);
    assert!(engine.stream == command(&["SET", "later", "2"]));
    assert_eq!(recovered.ids, []);
    let log = recovered.start_stepped(start(3)).unwrap();
    commit(&log, 41);
    log.seal_and_close().unwrap();
    let mut stock = Stock::start(dir);
    assert_eq!(stock.ask(&["DBSIZE"]), ":44");
    stock.stop();
}
