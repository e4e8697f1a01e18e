//! A server that was started without its log, and then begins another one: the first is kept.

use super::*;
use crate::base::disk::testing::{EIO, Failure, Fate, Unsynced};

/// Groups of the log that is there before, and of the one that takes its place.
const BEFORE: u64 = 30;
const AFTER: u64 = 7;

/// A durable log of [`BEFORE`] groups that nobody runs.
fn left() -> SimDisk {
    let disk = SimDisk::new(&dir());
    let log = begin(&disk, &small_settings(), 1);
    for n in 0..BEFORE {
        commit(&log, n);
    }
    assert!(log.info().segments > 2);
    log.seal_and_close().unwrap();
    let dropped = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };
    disk.crash(disk.effects(), dropped)
}

fn off() -> Settings {
    Settings { appendonly: false, ..small_settings() }
}

/// A log in memory of [`AFTER`] groups, over whatever is in the folder.
fn in_memory(disk: &SimDisk) -> Log {
    let log = begin(disk, &off(), 2);
    for n in 0..AFTER {
        log.append(&group(n), 0);
    }
    log
}

/// Gives it files, as the engine does.
fn to_files(disk: &SimDisk, log: &Log) -> Result<(), Box<dyn std::error::Error>> {
    let at = log.to_disk();
    let path = log.snapshot_path("first");
    disk.create_dir_all(path.parent().unwrap())?;
    disk.create(&path)?.write_all(&snapshot(stream(AFTER)))?;
    Ok(log.heal(&path, at)?)
}

/// The kept folders that have a manifest, and so claim to be whole.
fn kept(disk: &SimDisk) -> Vec<String> {
    let names = disk.list(&dir()).unwrap().into_iter().filter(|name| name.ends_with(".kept"));
    let is_whole =
        |name: &String| disk.content(&dir().join(name).join("appendonly.aof.manifest")).is_some();
    names.filter(is_whole).collect()
}

/// What a log's folder holds.
fn held(disk: &SimDisk, appenddirname: &str) -> Vec<u8> {
    let settings = Settings { appenddirname: appenddirname.to_owned(), ..small_settings() };
    let (recovered, engine) = recovered(disk, &settings).unwrap();
    assert_eq!(recovered.source, Source::Log);
    engine.stream
}

#[test]
fn a_log_that_was_not_loaded_is_kept_when_another_begins() {
    let disk = left();
    let (recovered, _) = recovered(&disk, &off()).unwrap();
    assert_eq!(recovered.source, Source::Fresh);
    assert_eq!(recovered.unread, Some(dir().join("appendonlydir/appendonly.aof.manifest")));
    let log = in_memory(&disk);
    to_files(&disk, &log).unwrap();
    for n in AFTER..AFTER + 3 {
        commit(&log, n);
    }
    let names = kept(&disk);
    assert_eq!(names.len(), 1);
    assert!(held(&disk, "appendonlydir") == stream(AFTER + 3));
    assert!(held(&disk, &names[0]) == stream(BEFORE));
    // A tool that is given the data folder means the log that a server would load.
    let place = Place::find(&disk, &dir()).unwrap().unwrap();
    assert_eq!(place.appenddirname, "appendonlydir");
    let place = Place::find(&disk, &dir().join(&names[0])).unwrap().unwrap();
    assert_eq!(place.appenddirname, names[0]);
    // Its own files are not kept when they begin anew.
    log.to_memory().unwrap();
    let at = log.to_disk();
    let path = log.snapshot_path("second");
    disk.create(&path).unwrap().write_all(&snapshot(stream(AFTER + 3))).unwrap();
    log.heal(&path, at).unwrap();
    assert_eq!(kept(&disk), names);
    let bases = disk.list(&dir().join("appendonlydir")).unwrap();
    assert_eq!(bases.iter().filter(|name| name.ends_with(".rdb")).count(), 1);
}

#[test]
fn files_that_a_stock_manifest_lists_are_kept_whatever_they_are_called() {
    let disk = SimDisk::new(&dir());
    // So Redis 7 takes over the append-only file of Redis 6.
    let manifest = b"file appendonly.aof seq 1 type b\nfile other.2.incr.aof seq 2 type i\n";
    let base = [&b"REDIS"[..], stream(3)].concat();
    disk.put(&dir().join("appendonlydir/appendonly.aof.manifest"), manifest);
    disk.put(&dir().join("appendonlydir/appendonly.aof"), &base);
    disk.put(&dir().join("appendonlydir/other.2.incr.aof"), &group(3));
    disk.put(&dir().join("appendonlydir/notes.txt"), b"not the log's");
    to_files(&disk, &in_memory(&disk)).unwrap();
    let names = kept(&disk);
    assert!(held(&disk, &names[0]) == stream(4));
    let files = disk.list(&dir().join(&names[0])).unwrap();
    assert_eq!(files, ["appendonly.aof", "appendonly.aof.manifest", "other.2.incr.aof"]);
}

/// Before the new manifest is there the first log is where it was; from then on it is whole in its
/// kept folder.
#[test]
fn a_crash_while_it_is_kept_loses_neither_log() {
    let disk = left();
    let log = in_memory(&disk);
    to_files(&disk, &log).unwrap();
    let (mut first, mut second) = (0, 0);
    for effects in 0..=disk.effects() {
        let seed = effects as u64;
        for bytes in [Fate::Kept, Fate::Dropped, Fate::Cut(seed), Fate::Sectors(seed)] {
            for names in [Fate::Kept, Fate::Dropped, Fate::Cut(seed), Fate::Sectors(seed)] {
                let image = disk.crash(effects, Unsynced { bytes, names });
                let stream_held = held(&image, "appendonlydir");
                if stream_held == stream(BEFORE) {
                    first += 1;
                    continue;
                }
                assert!(stream_held == stream(AFTER), "after {effects} effects");
                let names = kept(&image);
                assert_eq!(names.len(), 1, "after {effects} effects");
                assert!(held(&image, &names[0]) == stream(BEFORE), "after {effects} effects");
                second += 1;
            }
        }
    }
    assert!(first > 20 && second > 20, "{first} {second}");
    assert!(held(&disk, "appendonlydir") == stream(AFTER));
}

/// Every operation fails once: the next attempt goes on with the same folder.
#[test]
fn it_is_kept_once_although_the_disk_fails() {
    for nth in 1.. {
        let disk = left();
        let log = in_memory(&disk);
        let operations = disk.operations();
        disk.fail(nth, Failure::Error(EIO), false);
        let failed = to_files(&disk, &log).is_err();
        let was_asked = disk.operations() - operations >= nth;
        disk.repair();
        if failed {
            log.to_memory().unwrap();
            to_files(&disk, &log).unwrap();
        }
        let names = kept(&disk);
        assert_eq!(names.len(), 1, "operation {nth} failed");
        let dropped = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };
        let image = disk.crash(disk.effects(), dropped);
        assert!(held(&image, "appendonlydir") == stream(AFTER), "operation {nth} failed");
        assert!(held(&image, &names[0]) == stream(BEFORE), "operation {nth} failed");
        if !was_asked {
            return;
        }
    }
}
