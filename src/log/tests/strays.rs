//! Files that no manifest lists: what a crash has left is removed, and nothing else is.

use super::*;
use crate::base::disk::testing::{Fate, SimDisk, Unsynced};

const FOLDER: &str = "appendonlydir";

fn in_folder(name: &str) -> PathBuf {
    dir().join(FOLDER).join(name)
}

fn manifest() -> PathBuf {
    in_folder("appendonly.aof.manifest")
}

/// Puts a file in place, whatever was there.
fn lay(disk: &SimDisk, path: &Path, content: &[u8]) {
    disk.create_dir_all(path.parent().unwrap()).unwrap();
    disk.create(path).unwrap().write_all(content).unwrap();
}

/// Nothing is kept past the base.
fn forgetful() -> Settings {
    Settings { retention_bytes: 0, ..small_settings() }
}

/// Writes a snapshot of the first `groups` groups, and makes it the base.
fn rewrite(disk: &SimDisk, log: &Log, groups: u64) {
    let at = log.roll();
    log.write_step();
    let path = log.snapshot_path("rewrite-1");
    disk.create(&path).unwrap().write_all(&snapshot(stream(groups))).unwrap();
    log.install_base(&path, at).unwrap();
}

fn refused(disk: &SimDisk, settings: &Settings) -> String {
    let before = disk.all_files();
    let Err(error) = recovered(disk, settings) else { panic!("it must be refused") };
    assert!(matches!(error, RecoverError::Folder { .. }), "{error}");
    assert!(disk.all_files() == before);
    error.to_string()
}

/// The newest base holds everything, its segment has no record yet, and a dump of old stands
/// beside it: without the manifest neither is loaded, and the base stays.
#[test]
fn a_base_whose_manifest_is_lost_is_not_given_up_for_an_older_dump() {
    let dump = snapshot(stream(3));
    for with_dump in [true, false] {
        let disk = SimDisk::new(&dir());
        let settings = forgetful();
        if with_dump {
            lay(&disk, &dir().join("dump.rdb"), &dump);
        }
        let log = begin(&disk, &settings, 1);
        for n in if with_dump { 3 } else { 0 }..40 {
            commit(&log, n);
        }
        rewrite(&disk, &log, 40);
        log.seal_and_close().unwrap();
        drop(log);
        let lost = disk.content(&manifest()).unwrap();
        disk.remove(&manifest()).unwrap();
        let text = refused(&disk, &settings);
        assert!(text.contains("base.rdb") && text.contains("no manifest that lists it"), "{text}");
        // As the message says: the manifest is written anew, in the stock form.
        let names = disk.list(&dir().join(FOLDER)).unwrap();
        let folder = Folder::of(&settings);
        let mut lines = String::new();
        for name in &names {
            if let Some(seq) = folder.base_seq(name) {
                lines = format!("file {name} seq {seq} type b\n{lines}");
            } else if let Some(seq) = folder.segment_seq(name) {
                lines += &format!("file {name} seq {seq} type i\n");
            }
        }
        lay(&disk, &manifest(), lines.as_bytes());
        assert!(recovered(&disk, &settings).unwrap().1.stream == stream(40));
        // Or brought back.
        lay(&disk, &manifest(), &lost);
        assert!(recovered(&disk, &settings).unwrap().1.stream == stream(40));
    }
}

/// A first base that is not what the dump holds was not made by the crash of a start.
#[test]
fn a_first_base_that_is_not_the_dump_is_refused() {
    let disk = SimDisk::new(&dir());
    let log = begin(&disk, &forgetful(), 1);
    for n in 0..9 {
        commit(&log, n);
    }
    rewrite(&disk, &log, 9);
    drop(log);
    assert!(disk.content(&in_folder("appendonly.aof.1.base.rdb")).is_some());
    disk.remove(&manifest()).unwrap();
    lay(&disk, &dir().join("dump.rdb"), &snapshot(stream(5)));
    refused(&disk, &forgetful());
}

/// Whatever a crash leaves of taking over a dump or a single file, the next start takes it over.
#[test]
fn a_crash_while_a_file_is_taken_over_changes_nothing() {
    let torn = [stream(5), b"*2\r\n$3\r\nDEL"].concat();
    let cases = [("dump.rdb", snapshot(stream(5))), ("appendonly.aof", torn)];
    for (name, content) in cases {
        let disk = SimDisk::new(&dir());
        disk.put(&dir().join(name), &content);
        let log = begin(&disk, &small_settings(), 1);
        commit(&log, 5);
        drop(log);
        for effects in 0..=disk.effects() {
            let seed = effects as u64;
            for unsynced in [
                Unsynced { bytes: Fate::Kept, names: Fate::Kept },
                Unsynced { bytes: Fate::Dropped, names: Fate::Kept },
                Unsynced { bytes: Fate::Sectors(seed), names: Fate::Cut(seed) },
                Unsynced { bytes: Fate::Cut(seed), names: Fate::Kept },
            ] {
                let image = disk.crash(effects, unsynced);
                let (first, engine) = recovered(&image, &small_settings())
                    .unwrap_or_else(|error| panic!("{name}, {effects} effects: {error}"));
                let groups = engine.stream.len();
                assert!([stream(5).len(), stream(6).len()].contains(&groups), "{name}, {effects}");
                first.start_stepped(start(2)).unwrap();
                let (_, again) = recovered(&image, &small_settings()).unwrap();
                assert!(again.stream == engine.stream);
                assert_eq!(image.content(&dir().join(name)).as_ref(), Some(&content));
            }
        }
    }
}

/// A base that was named and not listed: the log has what is in it, or it is kept.
#[test]
fn an_unlisted_base_goes_only_if_the_log_has_what_is_in_it() {
    let disk = SimDisk::new(&dir());
    let settings = small_settings();
    let log = begin(&disk, &settings, 1);
    for n in 0..30 {
        commit(&log, n);
    }
    rewrite(&disk, &log, 30);
    for n in 30..40 {
        commit(&log, n);
    }
    drop(log);
    let listed = in_folder("appendonly.aof.1.base.rdb");
    assert!(disk.content(&listed).is_some());
    let newer = in_folder("appendonly.aof.2.base.rdb");
    lay(&disk, &newer, &snapshot(stream(35)));
    let within = disk.crash(disk.effects(), KEPT);
    begin(&within, &settings, 2);
    assert_eq!(within.content(&newer), None);
    for content in [snapshot(stream(50)), b"what is it?".to_vec()] {
        let disk = disk.crash(disk.effects(), KEPT);
        lay(&disk, &newer, &content);
        let log = begin(&disk, &settings, 2);
        let aside = in_folder("appendonly.aof.2.base.rdb.unlisted");
        assert_eq!(disk.content(&aside), Some(content.clone()));
        for n in 40..45 {
            commit(&log, n);
        }
        rewrite(&disk, &log, 45);
        drop(log);
        let (_, engine) = recovered(&disk, &settings).unwrap();
        assert!(engine.stream == stream(45));
        // And the next one is kept beside it.
        lay(&disk, &in_folder("appendonly.aof.9.base.rdb"), &content);
        begin(&disk, &settings, 3);
        assert_eq!(disk.content(&aside), Some(content));
    }
}

/// Nothing is taken from the disk.
const KEPT: Unsynced = Unsynced { bytes: Fate::Kept, names: Fate::Kept };

/// A segment that the manifest does not list yet, but has records: the manifest is an older one,
/// and what is damaged in such a segment does not make it one that may go.
#[test]
fn a_newer_segment_is_never_removed_while_it_may_hold_records() {
    let disk = SimDisk::new(&dir());
    let settings = small_settings();
    let log = begin(&disk, &settings, 1);
    for n in 0..5 {
        commit(&log, n);
    }
    let older = disk.content(&manifest()).unwrap();
    log.roll();
    log.write_step();
    for n in 5..9 {
        commit(&log, n);
    }
    drop(log);
    lay(&disk, &manifest(), &older);
    let newest = in_folder("appendonly.aof.2.incr.aof");
    let whole = disk.content(&newest).unwrap();
    refused(&disk, &settings);
    for byte in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        lay(&disk, &newest, &damaged);
        refused(&disk, &settings);
    }
    // What a crash can leave of its opener does go, or is set aside if it cannot be read.
    for (content, aside) in [(&whole[..40], false), (&[0; 90][..], true)] {
        lay(&disk, &newest, content);
        begin(&disk.crash(disk.effects(), KEPT), &settings, 2);
        let image = disk.crash(disk.effects(), KEPT);
        begin(&image, &settings, 2);
        let unlisted = image.content(&in_folder("appendonly.aof.2.incr.aof.unlisted"));
        assert_eq!(unlisted.as_deref(), aside.then_some(content));
    }
}

/// The names of another log, of files of the user, and of files that a stock server says it was
/// about to delete but lists, too.
#[test]
fn what_is_not_the_logs_stays() {
    let disk = SimDisk::new(&dir());
    let settings = small_settings();
    let log = begin(&disk, &settings, 1);
    commit(&log, 0);
    log.seal_and_close().unwrap();
    drop(log);
    let others = ["temp-appendonly.aof2.manifest", "notes", "appendonly.aof2.1.base.rdb"];
    for name in others {
        lay(&disk, &in_folder(name), b"somebody's");
    }
    begin(&disk, &settings, 2);
    for name in others {
        assert_eq!(disk.content(&in_folder(name)).as_deref(), Some(&b"somebody's"[..]), "{name}");
    }
    let disk = SimDisk::new(&dir());
    let records = [command(&["SELECT", "0"]), group(0)].concat();
    lay(&disk, &in_folder("appendonly.aof.1.incr.aof"), &records);
    lay(&disk, &in_folder("notes"), b"somebody's");
    let lines = "file appendonly.aof.1.incr.aof seq 1 type h\nfile notes seq 1 type h\n\
        file appendonly.aof.1.incr.aof seq 1 type i\n";
    lay(&disk, &manifest(), lines.as_bytes());
    begin(&disk, &settings, 2);
    assert!(disk.content(&in_folder("notes")).is_some());
    assert!(recovered(&disk, &settings).unwrap().1.stream == stream(1));
}

/// A dump beside the log is told of whatever its date is; what the log itself was begun with is
/// not one.
#[test]
fn a_dump_beside_the_log_is_told_of() {
    let disk = SimDisk::new(&dir());
    let dump = dir().join("dump.rdb");
    lay(&disk, &dump, &snapshot(stream(5)));
    let log = begin(&disk, &small_settings(), 1);
    commit(&log, 5);
    assert_eq!(recovered(&disk, &small_settings()).unwrap().0.unloaded_dump, None);
    lay(&disk, &dump, &snapshot(stream(2)));
    // Newer than that dump, by any clock.
    commit(&log, 6);
    let told = recovered(&disk, &small_settings()).unwrap().0;
    assert_eq!(told.unloaded_dump, Some(dump));
    let origin = |id: u64, lsn| BaseInfo { replication_id: Some(self::id(id)), lsn: Some(lsn) };
    assert!(told.has(&origin(1, told.last_lsn)) && told.has(&origin(1, Lsn(1))));
    assert!(!told.has(&origin(1, told.last_lsn.advance(1))) && !told.has(&origin(2, Lsn(1))));
    assert!(!told.has(&BaseInfo { lsn: Some(Lsn(1)), ..BaseInfo::default() }));
}
