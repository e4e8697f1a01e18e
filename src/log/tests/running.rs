//! A log at work: append, write, sync, roll, base, read, stop and start again.

use std::time::Duration;

use super::*;
use crate::base::disk::RealDisk;
use crate::base::disk::gated::GatedDisk;
use crate::base::disk::testing::{ENOSPC, Failure, Fate, Unsynced};

/// Nothing that was not synced survives.
const DROPPED: Unsynced = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };
/// How long tests wait for threads.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_was_appended_is_recovered() {
    let disk = SimDisk::new(&dir());
    let settings = small_settings();
    let expected = stream(100);
    let log = begin(&disk, &settings, 1);
    for n in 0..60 {
        commit(&log, n);
    }
    let Positions { emitted, written, synced } = log.positions();
    assert!(emitted == written && written == synced && emitted > Lsn(0));
    assert!(log.info().segments > 2, "it has rolled");
    log.seal_and_close().unwrap();
    drop(log);

    let (again, engine) = recovered(&disk, &settings).unwrap();
    assert_eq!(again.last_lsn, emitted);
    assert_eq!(again.ids, [(id(1), emitted)]);
    assert_eq!((again.source, again.foreign_records), (Source::Log, 0));
    assert!(again.torn.is_none());
    assert_eq!(engine.stream, expected[..emitted.0 as usize]);

    let log = again.start_stepped(start(2)).unwrap();
    for n in 60..100 {
        commit(&log, n);
    }
    log.seal_and_close().unwrap();
    let (again, engine) = recovered(&disk, &settings).unwrap();
    assert_eq!(engine.stream, expected);
    assert_eq!(again.ids, [(id(2), Lsn(expected.len() as u64)), (id(1), emitted)]);
}

/// Reads from `from` to `up_to` in pieces of at most `max` bytes.
fn read(log: &Log, from: Lsn, up_to: Lsn, max: usize) -> Vec<u8> {
    let mut reader = log.reader(from).unwrap();
    let mut bytes = Vec::new();
    while reader.at() < up_to {
        let part = reader.next(up_to, max).unwrap();
        assert!(!part.is_empty() && part.len() <= max);
        bytes.extend_from_slice(&part);
    }
    assert!(reader.next(up_to, max).unwrap().is_empty());
    bytes
}

#[test]
fn a_reader_starts_anywhere_in_files_and_tail() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { backlog_bytes: 700, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    for n in 0..50 {
        commit(&log, n);
    }
    drop(log);
    let log = begin(&disk, &settings, 2);
    for n in 50..90 {
        commit(&log, n);
    }
    let expected = stream(90);
    let end = log.positions().written;
    assert_eq!((log.window_start(), end), (Lsn(0), Lsn(expected.len() as u64)));
    for from in 0..=expected.len() {
        let limit = Lsn((from as u64 + 400).min(end.0));
        let got = read(&log, Lsn(from as u64), limit, 33);
        assert!(got == expected[from..limit.0 as usize], "from {from}");
    }
    assert!(read(&log, Lsn(0), end, usize::MAX) == expected);
    assert!(matches!(log.reader(end.advance(1)), Err(ReadError::Gone(_))));
}

#[test]
fn a_reader_sends_nothing_from_damaged_files() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { backlog_bytes: 0, segment_bytes: 600, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    for n in 0..9 {
        commit(&log, n);
    }
    let expected = stream(9);
    let path =
        disk.all_files().into_keys().find(|path| path.ends_with("appendonly.aof.1.incr.aof"));
    let path = path.unwrap();
    let good = disk.content(&path).unwrap();
    let mut refused = 0;
    for byte in 0..good.len() {
        let mut bad = good.clone();
        bad[byte] ^= 0x10;
        disk.create(&path).unwrap().write_all(&bad).unwrap();
        let mut reader = log.reader(Lsn(0)).unwrap();
        let end = log.positions().written;
        loop {
            let at = reader.at().0 as usize;
            match reader.next(end, 50) {
                Ok(part) if part.is_empty() => break,
                Ok(part) => assert!(part == expected[at..at + part.len()], "byte {byte}"),
                Err(ReadError::Corrupt(_)) => {
                    refused += 1;
                    break;
                }
                Err(other) => panic!("byte {byte}: {other}"),
            }
        }
    }
    assert_eq!(refused, good.len() - SEAL.len(), "all but the seal, which no reader needs");
}

/// The seal of the first segment in the test above.
const SEAL: &str = "#CC:538:538:538:00000000\r\n";

fn rewrite(disk: &SimDisk, log: &Log, groups: u64) -> Lsn {
    let at = log.roll();
    let path = log.snapshot_path("rewrite");
    disk.create(&path).unwrap().write_all(&snapshot(stream(groups))).unwrap();
    log.install_base(&path, at).unwrap();
    at
}

#[test]
fn a_base_makes_history_of_older_segments_as_long_as_retention_says() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { backlog_bytes: 0, retention_bytes: 4000, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    for n in 0..60 {
        commit(&log, n);
    }
    let at = rewrite(&disk, &log, 60);
    let start = log.window_start();
    assert!(start > Lsn(0) && start < at, "kept {start}..{at}");
    assert!(read(&log, start, at, 100) == stream(60)[start.0 as usize..]);
    assert!(matches!(log.reader(Lsn(0)), Err(ReadError::Gone(_))));
    // Nothing was written since: the same boundary serves again, and no segment is added.
    let segments = log.info().segments;
    assert_eq!(rewrite(&disk, &log, 60), at);
    assert_eq!(log.info().segments, segments);
    assert!(matches!(
        log.install_base(&log.snapshot_path("none"), Lsn(at.0 + 1)),
        Err(LogError::NoBoundary(_))
    ));
    for n in 60..70 {
        commit(&log, n);
    }
    drop(log);
    let (again, engine) = recovered(&disk, &settings).unwrap();
    assert_eq!(engine.bases.len(), 1);
    assert_eq!(engine.stream, stream(70));
    let log = again.start_stepped(start_of(2)).unwrap();
    assert_eq!(log.window_start(), start, "history survives a restart");
    assert!(read(&log, start, log.positions().written, 100) == stream(70)[start.0 as usize..]);
    let named = |ending: &str| {
        let names = disk.all_files().into_keys();
        names.filter(|path| path.to_str().unwrap().ends_with(ending)).count()
    };
    assert_eq!(named(".base.rdb"), 1);
    assert_eq!(named(".incr.aof"), log.info().segments);
}

fn start_of(seed: u64) -> Start {
    super::start(seed)
}

#[test]
fn restarts_without_writes_do_not_pile_up() {
    let disk = SimDisk::new(&dir());
    let settings = small_settings();
    let log = begin(&disk, &settings, 1);
    commit(&log, 0);
    let end = log.positions().synced;
    drop(log);
    for seed in 2..6 {
        let log = begin(&disk, &settings, seed);
        assert_eq!(log.info().segments, 2);
        log.seal_and_close().unwrap();
    }
    let (again, _) = recovered(&disk, &settings).unwrap();
    let expected: Vec<_> = (1..6).rev().map(|seed| (id(seed), end)).collect();
    assert_eq!(again.ids, expected);
}

#[test]
fn a_log_in_memory_becomes_one_on_disk() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { appendonly: false, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    for n in 0..10 {
        log.append(&group(n), 0);
        let Positions { emitted, written, synced } = log.positions();
        assert!(emitted == written && written == synced);
    }
    assert!(read(&log, Lsn(0), log.positions().written, 50) == stream(10));
    assert_eq!(disk.all_files().len(), 0);
    let at = log.to_disk();
    let path = log.snapshot_path("first");
    disk.create_dir_all(path.parent().unwrap()).unwrap();
    disk.create(&path).unwrap().write_all(&snapshot(stream(10))).unwrap();
    // More than a chunk and more than the backlog, while the snapshot is being written.
    for n in 10..GROUPS / 2 {
        log.append(&group(n), 0);
        assert!(!log.write_step(), "there is no file yet");
    }
    assert_eq!(log.positions().synced, at);
    log.heal(&path, at).unwrap();
    log.write_step();
    let half = GROUPS / 2;
    for n in half..half + 9 {
        commit(&log, n);
    }
    log.to_memory().unwrap();
    log.append(&group(half + 9), 0);
    let Positions { emitted, synced, .. } = log.positions();
    assert_eq!((emitted, synced), (Lsn(stream(half + 10).len() as u64), emitted));
    let settings = Settings { appendonly: true, ..settings };
    let (again, engine) = recovered(&disk, &settings).unwrap();
    assert_eq!(again.last_lsn.0, stream(half + 9).len() as u64);
    assert!(engine.stream == stream(half + 9));
}

#[test]
fn the_tail_is_bounded_but_takes_one_large_group() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { tail_bytes_max: 100, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    let now = clock::monotonic();
    assert!(log.has_room(0, now), "how large the group is will only be known when it has run");
    log.append(&[b'x'; 60], 0);
    assert!(log.has_room(40, now) && !log.has_room(41, now));
    assert_eq!(log.info().pending_bytes, 60);
    log.append(&[b'x'; 1000], 0);
    assert!(!log.has_room(0, now));
    log.write_step();
    assert!(log.has_room(41, now) && !log.has_room(101, now), "a turn is no larger than the tail");
}

/// While a sync hangs, nothing is appended above what has waited for it for seconds; when it is
/// over, those who are told find room.
#[test]
fn a_sync_that_hangs_ends_appending_under_everysec() {
    let disk = GatedDisk::over(Arc::new(SimDisk::new(&dir())));
    let settings = Settings { fsync: Fsync::Everysec, ..small_settings() };
    let mut engine = Engine::default();
    let log = recover(Arc::new(disk.clone()), &settings, &mut engine).unwrap();
    let log = Arc::new(log.start(start_of(1)).unwrap());
    let (tell, told) = crossbeam_channel::unbounded();
    let asked = Arc::downgrade(&log);
    log.subscribe(Arc::new(move |positions, _news| {
        let later = clock::monotonic().plus(late::UNSYNCED_MAX);
        let has_room = asked.upgrade().is_some_and(|log| log.has_room(0, later));
        let _ = tell.send((positions.synced, has_room));
    }));
    let begun = clock::monotonic();
    disk.gate().close();
    let end = log.append(&group(1), 0);
    let appended = clock::monotonic();
    let (before, after) = (begun.plus(Duration::from_secs(4)), appended.plus(late::UNSYNCED_MAX));
    while disk.gate().waiting() == 0 {
        assert!(clock::monotonic() < begun.plus(PATIENCE), "no sync begins");
        clock::pause(Duration::from_millis(1));
    }
    assert_eq!(log.positions(), Positions { emitted: end, written: end, synced: Lsn(0) });
    assert!(log.has_room(0, before), "a disk that stands still for a few seconds stalls nobody");
    assert!(!log.has_room(0, after));
    // Where nothing is promised, nobody waits.
    log.pause_syncs(true);
    assert!(log.has_room(0, after));
    log.append(&group(1), 0);
    assert!(log.has_room(0, after));
    log.pause_syncs(false);
    let end = log.append(&group(1), 0);
    assert!(!log.has_room(0, after.plus(Duration::from_secs(60))));
    disk.gate().open();
    let has_room = loop {
        let (synced, has_room) = told.recv_timeout(PATIENCE).expect("it goes on");
        if synced == end {
            break has_room;
        }
    };
    assert!(has_room, "who is told finds room");
}

#[test]
fn space_that_cannot_be_reserved_is_reported_before_a_write_fails() {
    // The operation after a full segment's manifest is the reservation in the new one: find the run
    // in which it fails. Nothing else may report a full disk without having latched.
    let mut reported = 0;
    for nth in 1..60 {
        let disk = SimDisk::new(&dir());
        let log = begin(&disk, &small_settings(), 1);
        disk.fail(nth, Failure::Error(ENOSPC), false);
        for n in 0..40 {
            if log.failure().is_none() && !log.disk_full() {
                commit(&log, n);
            }
        }
        if log.disk_full() && log.failure().is_none() {
            reported += 1;
            disk.repair();
            log.sync_step();
            log.seal_step();
            assert!(!log.disk_full(), "the next idle second finds the space");
        }
    }
    assert!(reported > 0);
}

/// A log of several segments older than its base.
fn with_history(disk: &SimDisk) -> Log {
    let log = begin(disk, &small_settings(), 1);
    for n in 0..40 {
        commit(&log, n);
    }
    let (path, at) = (log.snapshot_path("base"), log.roll());
    log.write_step();
    disk.create(&path).unwrap().write_all(&snapshot(stream(40))).unwrap();
    log.install_base(&path, at).unwrap();
    assert!(retained(&log) > 2 && log.window_start() == Lsn(0));
    log
}

fn retained(log: &Log) -> usize {
    log.segments().0.iter().filter(|segment| segment.retained).count()
}

#[test]
fn a_full_disk_costs_history_before_it_refuses_writes() {
    let mut given_up = 0;
    for nth in 1..60 {
        let disk = SimDisk::new(&dir());
        let log = with_history(&disk);
        disk.fail(nth, Failure::Error(ENOSPC), false);
        for n in 40..60 {
            if log.failure().is_none() && !log.disk_full() {
                commit(&log, n);
            }
        }
        if log.failure().is_none() && !log.disk_full() && retained(&log) == 0 {
            given_up += 1;
            let files = disk.all_files().into_keys();
            let segments = files.filter(|path| path.to_string_lossy().ends_with(".incr.aof"));
            assert_eq!(segments.count(), log.info().segments);
            drop(log);
            assert_eq!(recovered(&disk, &small_settings()).unwrap().1.stream, stream(60));
        }
    }
    assert!(given_up > 0);
}

/// What attempts to heal that failed for want of room have written must not fill the disk up.
#[test]
fn a_heal_that_fails_leaves_no_snapshot_behind() {
    let (mut failed, mut uncertain) = (0, 0);
    for nth in 1..40 {
        let disk = SimDisk::new(&dir());
        let log = with_history(&disk);
        disk.fail(0, Failure::Error(ENOSPC), true);
        commit(&log, 40);
        assert!(log.failure().is_some());
        disk.repair();
        let bases = || {
            let names = disk.all_files().into_keys();
            names.filter(|path| path.to_string_lossy().ends_with(".base.rdb")).count()
        };
        assert_eq!(bases(), 1);
        let prepare = || {
            let (path, at) = (log.snapshot_path("heal"), log.roll());
            disk.create(&path).unwrap().write_all(&snapshot(stream(41))).unwrap();
            (path, at)
        };
        let (path, at) = prepare();
        disk.fail(nth, Failure::Error(ENOSPC), false);
        if log.heal(&path, at).is_ok() {
            // At most an old file could not be removed.
            assert_eq!(log.failure(), None);
            continue;
        }
        failed += 1;
        disk.repair();
        if bases() > 1 {
            // Whether the manifest lists it is not known.
            uncertain += 1;
            assert!(log.make_room());
            assert_eq!((bases(), retained(&log)), (1, 0));
            let (again, engine) =
                recovered(&disk.crash(disk.effects(), DROPPED), &small_settings()).unwrap();
            assert_eq!((engine.stream.as_slice(), again.torn.is_none()), (stream(40), true));
        }
        let (path, at) = prepare();
        log.heal(&path, at).unwrap();
        assert_eq!(bases(), 1);
        drop(log);
        assert_eq!(recovered(&disk, &small_settings()).unwrap().1.stream, stream(41));
    }
    assert!(failed > 4 && uncertain > 0 && uncertain <= 2, "{failed} {uncertain}");
}

#[test]
fn threads_write_sync_and_wake() {
    let folder = tempfile::tempdir().unwrap();
    for fsync in [Fsync::Always, Fsync::Everysec, Fsync::No] {
        let dir = folder.path().join(format!("{fsync:?}"));
        std::fs::create_dir(&dir).unwrap();
        let settings = Settings { fsync, segment_bytes: 3000, ..Settings::new(dir) };
        let disk = Arc::new(RealDisk);
        let mut engine = Engine::default();
        let log = recover(disk.clone(), &settings, &mut engine).unwrap();
        let log = log.start(start_of(1)).unwrap();
        let (tell, told) = crossbeam_channel::unbounded();
        log.subscribe(Arc::new(move |positions, _news| {
            let _ = tell.send(positions);
        }));
        let mut end = Lsn(0);
        for n in 0..100 {
            end = log.append(&group(n), 0);
        }
        let wanted = |positions: Positions| match fsync {
            Fsync::No => positions.written,
            Fsync::Always | Fsync::Everysec => positions.synced,
        };
        while wanted(told.recv_timeout(PATIENCE).unwrap()) < end {}
        let at = log.roll();
        assert_eq!(at, end);
        log.append(&group(100), 0);
        let path = log.snapshot_path("x");
        std::fs::write(&path, b"not read in this test").unwrap();
        log.install_base(&path, at).unwrap();
        log.seal_and_close().unwrap();
        drop(log);
        let mut engine = Engine::default();
        let again = recover(disk, &settings, &mut engine).unwrap();
        assert_eq!(again.last_lsn.0, stream(101).len() as u64);
        assert_eq!((engine.stream, engine.bases.len()), (group(100), 1));
    }
}

#[test]
fn what_is_owed_at_a_change_of_policy_is_synced_under_any() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { fsync: Fsync::Always, segment_bytes: 1 << 20, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    commit(&log, 0);
    // As CONFIG SET does it, in a turn whose batch is yet to be appended.
    let owed = log.positions().emitted.advance(group(1).len());
    log.set_fsync(Fsync::No, owed);
    log.append(&group(1), 0);
    log.write_step();
    assert_eq!(log.positions().synced, owed);
    log.append(&group(2), 0);
    log.write_step();
    let Positions { emitted, written, synced } = log.positions();
    assert_eq!((written, synced), (emitted, owed), "the new policy is followed");
    // And back: what was written meanwhile is synced by the syncer.
    log.set_fsync(Fsync::Always, emitted);
    assert!(log.sync_step());
    assert_eq!(log.positions().synced, emitted);
}

#[test]
fn a_log_that_cannot_be_sealed_goes_on_and_can_be_healed() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { fsync: Fsync::No, ..small_settings() };
    let log = recovered(&disk, &settings).unwrap().0.start(start(1)).unwrap();
    log.append(&group(0), 0);
    disk.fail(0, Failure::Error(ENOSPC), true);
    assert!(log.seal_and_close().is_err());
    assert!(log.failure().is_some());
    disk.repair();
    let at = log.roll();
    let path = log.snapshot_path("heal");
    disk.create(&path).unwrap().write_all(&snapshot(stream(1))).unwrap();
    log.heal(&path, at).unwrap();
    let (tell, told) = crossbeam_channel::unbounded();
    log.subscribe(Arc::new(move |positions, _news| {
        let _ = tell.send(positions);
    }));
    let end = log.append(&group(1), 0);
    while told.recv_timeout(PATIENCE).expect("somebody writes").written < end {}
    log.seal_and_close().unwrap();
    assert_eq!(recovered(&disk, &settings).unwrap().1.stream, stream(2));
}
