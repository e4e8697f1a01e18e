//! Reading records of a running log and of a folder, restoring, and cutting.

use super::*;
use crate::base::disk::Disk;
use crate::base::disk::testing::{ENOSPC, Failure};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// A record as it was read: the LSN behind it, whether a group is open, its words.
type Seen = (u64, bool, Vec<Vec<u8>>);

fn seen(record: &Record<'_>) -> Seen {
    let words = record.args.iter().map(|word| word.to_vec()).collect();
    (record.lsn.0, record.in_group, words)
}

/// The records of the first groups, as they must be read.
fn expected(groups: u64) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut scan = scan::Scan::at(0);
    let walked = scan.walk(stream(groups), Lsn(0), None, &mut |record| {
        all.push(seen(record));
        ControlFlow::Continue(())
    });
    assert_eq!(walked, scan::Walked::All);
    all
}

/// What a running log gives from `from` on, taken a few records at a time.
fn read_from(log: &Log, from: u64) -> Result<Vec<Seen>, ReadError> {
    let mut records = log.records(Lsn(from))?;
    let mut all = Vec::new();
    while records.at() < log.readable() {
        let mut left = 3;
        records.visit(log.readable(), |record| {
            all.push(seen(record));
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    Ok(all)
}

fn follow(archive: Archive, from: Option<u64>) -> Result<(Vec<Seen>, State), ArchiveError> {
    let mut follower = archive.follow(from.map(Lsn))?;
    let mut all = Vec::new();
    while *follower.state() == State::More {
        follower.visit(&mut |record| all.push(seen(record)))?;
    }
    Ok((all, follower.state().clone()))
}

/// By its manifest, whatever it is called; what was set aside is not it. Without a manifest by its
/// other files.
#[test]
fn a_log_is_found_by_its_files() {
    let disk = SimDisk::new(Path::new("/data"));
    let make = |path: &str| {
        let path = Path::new(path);
        disk.create_dir_all(path.parent().unwrap()).unwrap();
        drop(disk.create(path).unwrap());
    };
    let dir = Path::new("/data");
    let found = |with_manifest: bool| {
        let find = if with_manifest { Place::find } else { Place::without_manifest };
        find(&disk, dir).map(|place| place.map(|it| (it.appenddirname, it.appendfilename)))
    };
    make("/data/dump.rdb");
    make("/data/appendonly.aof");
    assert!(matches!((found(true), found(false)), (Ok(None), Ok(None))));
    let logs = Some(("logs".to_owned(), "other.aof".to_owned()));
    for file in ["other.aof.2.incr.aof", "other.aof.1.base.rdb", "temp-other.aof.manifest"] {
        make(&format!("/data/logs/{file}"));
        assert_eq!(found(true).unwrap(), None);
        assert_eq!(found(false).unwrap(), logs);
    }
    make("/data/logs/other.aof.manifest");
    make("/data/appendonlydir.1700000000.kept/appendonly.aof.manifest");
    assert_eq!(found(true).unwrap(), logs);
    make("/data/appendonlydir/appendonly.aof.manifest");
    assert!(found(true).is_err(), "there are two");
    let itself = Place::find(&disk, Path::new("/data/logs")).unwrap().unwrap();
    assert_eq!((itself.dir.as_path(), itself.appenddirname.as_str()), (dir, "logs"));
}

fn place(dir: &str) -> Place {
    let Settings { appenddirname, appendfilename, .. } = Settings::new(dir.into());
    Place { dir: dir.into(), appenddirname, appendfilename }
}

/// A disk with the same files but for one.
fn changed(disk: &SimDisk, path: &Path, content: &[u8]) -> SimDisk {
    let fresh = SimDisk::new(&dir());
    disk.all_files().iter().for_each(|(path, content)| fresh.put(path, content));
    fresh.put(path, content);
    fresh
}

fn archive(disk: &SimDisk) -> Archive {
    Archive::open(Arc::new(disk.clone()), &place(DIR)).unwrap()
}

/// Every LSN in the middle of a record is refused with its neighbours, every other gives exactly
/// what follows; from files and from the tail.
#[test]
fn records_from_every_lsn() {
    const GROUPS: u64 = 60;
    for backlog_bytes in [0, 1 << 20] {
        let disk = SimDisk::new(&dir());
        let settings = Settings { backlog_bytes, ..small_settings() };
        let log = begin(&disk, &settings, 1);
        (0..GROUPS).for_each(|n| commit(&log, n));
        assert!(log.segments().0.len() > 2, "it has rolled");
        let all = expected(GROUPS);
        let ends: BTreeSet<u64> = [0].into_iter().chain(all.iter().map(|seen| seen.0)).collect();
        for from in 0..=stream(GROUPS).len() as u64 {
            if ends.contains(&from) {
                let rest: Vec<_> = all.iter().filter(|seen| seen.0 > from).cloned().collect();
                assert_eq!(read_from(&log, from).unwrap(), rest, "from {from}");
                if from % 7 == 0 {
                    let read = follow(archive(&disk), Some(from)).unwrap();
                    assert_eq!(read, (rest, State::End), "from {from}");
                }
                continue;
            }
            let (before, after) = (ends.range(..from).next_back(), ends.range(from..).next());
            let (before, after) = (Lsn(*before.unwrap()), Lsn(*after.unwrap()));
            let at = Lsn(from);
            let error = read_from(&log, from).unwrap_err().to_string();
            assert_eq!(error, ReadError::Inside { at, before, after }.to_string());
        }
        let beyond = log.records(Lsn(stream(GROUPS).len() as u64 + 1)).err();
        assert!(matches!(beyond, Some(ReadError::Gone(_))), "{beyond:?}");
    }
}

/// What is not readable yet comes later, from the very place.
#[test]
fn records_that_are_not_yet_readable() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { fsync: Fsync::Everysec, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    commit(&log, 0);
    log.append(&group(1), 0);
    let mut ahead = log.records(log.positions().emitted).unwrap();
    log.append(&group(2), 0);
    ahead.visit(log.readable(), |record| panic!("{record:?} is not written yet")).unwrap();
    log.write_step();
    let mut read = Vec::new();
    while ahead.at() < log.readable() {
        ahead
            .visit(log.readable(), |record| {
                assert_eq!(record.seconds.map(|seconds| seconds % 7), Some(0), "the clock's");
                read.push(seen(record));
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    assert_eq!(read, expected(3)[expected(2).len()..]);
}

#[test]
fn records_of_a_log_in_memory() {
    let disk = SimDisk::new(&dir());
    let settings = Settings { appendonly: false, backlog_bytes: 1 << 20, ..small_settings() };
    let log = begin(&disk, &settings, 1);
    (0..50).for_each(|n| {
        log.append(&group(n), 0);
    });
    assert_eq!(read_from(&log, 0).unwrap(), expected(50));
    let from = expected(20).last().unwrap().0;
    assert_eq!(read_from(&log, from).unwrap(), expected(50)[expected(20).len()..]);
}

#[test]
fn a_folder_in_use_is_followed_over_rolls_and_restarts() {
    let disk = SimDisk::new(&dir());
    let log = begin(&disk, &small_settings(), 1);
    commit(&log, 0);
    let mut follower = archive(&disk).follow(None).unwrap();
    let mut read = Vec::new();
    let mut catch_up = |read: &mut Vec<Seen>| {
        follower.refresh().unwrap();
        loop {
            follower.visit(&mut |record| read.push(seen(record))).unwrap();
            if *follower.state() != State::More {
                return;
            }
        }
    };
    for n in 1..40 {
        commit(&log, n);
        if n % 3 == 0 {
            catch_up(&mut read);
        }
    }
    drop(log);
    let log = begin(&disk, &small_settings(), 2);
    for n in 40..60 {
        commit(&log, n);
        catch_up(&mut read);
    }
    assert_eq!(read, expected(60));
}

#[test]
fn a_torn_tail_ends_what_is_read_and_damage_stops_it() {
    let disk = SimDisk::new(&dir());
    let log = begin(&disk, &small_settings(), 1);
    (0..60).for_each(|n| commit(&log, n));
    drop(log);
    let name = archive(&disk).pieces().last().unwrap().path.clone();
    let content = disk.content(&name).unwrap();
    let disk = changed(&disk, &name, &content[..content.len() - 5]);
    let (read, state) = follow(archive(&disk), None).unwrap();
    assert!(matches!(state, State::Cut(_)), "{state:?}");
    assert!(!read.is_empty() && expected(60).starts_with(&read) && read.len() < expected(60).len());
    let first = archive(&disk).pieces()[1].path.clone();
    let mut content = disk.content(&first).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    let disk = changed(&disk, &first, &content);
    assert!(follow(archive(&disk), None).is_err());
}

/// A folder with a base in its middle, and older segments.
fn with_base() -> (SimDisk, u64) {
    let disk = SimDisk::new(&dir());
    let log = begin(&disk, &small_settings(), 1);
    (0..25).for_each(|n| commit(&log, n));
    let at = log.roll();
    log.write_step();
    let path = log.snapshot_path("test");
    disk.create(&path).unwrap().write_all(&snapshot(stream(25))).unwrap();
    log.install_base(&path, at).unwrap();
    (25..60).for_each(|n| commit(&log, n));
    drop(log);
    // Another run of the server, with another id.
    let log = begin(&disk, &small_settings(), 2);
    (60..70).for_each(|n| commit(&log, n));
    (disk, at.0)
}

fn restored(
    disk: &SimDisk,
    base: &Base,
    target: Target,
) -> Result<(Restored, Recovered, Engine), RestoreError> {
    for path in disk.all_files().into_keys().filter(|path| path.starts_with("/out")) {
        disk.remove(&path).unwrap();
    }
    let out = place("/out");
    let done = restore(&archive(disk), base, target, &out, 77, &mut |_| {})?;
    let settings = Settings { dir: "/out".into(), ..small_settings() };
    let (recovered, engine) = recovered(disk, &settings).unwrap();
    assert_eq!(recovered.torn, None);
    assert_eq!(recovered.last_lsn, done.lsn);
    Ok((done, recovered, engine))
}

/// To each LSN, from the log's own base and from an older snapshot in the middle of a segment, what
/// recovery finds is exactly the stream up to there; LSNs inside a group are refused.
#[test]
fn restore_to_every_lsn() {
    let (disk, at) = with_base();
    let old = Path::new("/data/old.rdb");
    let old_lsn = whole().1[7];
    let disk = changed(&disk, old, &snapshot(stream(7)));
    let own = archive(&disk).base().unwrap().to_path_buf();
    let ends: BTreeSet<u64> = whole().1.iter().copied().take(71).collect();
    for (path, lsn) in [(own, at), (old.to_path_buf(), old_lsn)] {
        let base = Base { path: Some(path), lsn: Lsn(lsn), seconds: None };
        let end = stream(70).len() as u64;
        for to in (0..=end + 1).filter(|to| ends.contains(to) || to % 13 == 0 || *to > end) {
            let outcome = restored(&disk, &base, Target::Lsn(Lsn(to)));
            if to < lsn || to > end {
                assert!(matches!(outcome, Err(RestoreError::Window { .. })), "{to}");
            } else if ends.contains(&to) {
                let (done, recovered, engine) = outcome.unwrap();
                assert_eq!(done.lsn, Lsn(to));
                assert_eq!(engine.stream, stream(70)[..to as usize], "to {to}");
                assert_eq!(
                    recovered.ids.iter().any(|(known, _)| *known == id(2)),
                    to > whole().1[60]
                );
            } else {
                let Err(RestoreError::Inside { before, after, .. }) = outcome else {
                    panic!("{to}: {:?}", outcome.map(|(done, ..)| done));
                };
                assert_eq!(Some(&before.0), ends.range(..to).next_back());
                assert_eq!(after.map(|after| after.0), ends.range(to..).next().copied());
            }
        }
        let (done, ..) = restored(&disk, &base, Target::End).unwrap();
        assert_eq!(done.lsn.0, end);
    }
    // The source was not touched: it recovers as before.
    assert_eq!(recovered(&disk, &small_settings()).unwrap().1.stream, stream(70));
}

/// The records up to a second, no more and no less.
#[test]
fn restore_to_every_second() {
    let (disk, at) = with_base();
    let mut dated = Vec::new();
    let mut follower = archive(&disk).follow(None).unwrap();
    while *follower.state() == State::More {
        follower
            .visit(&mut |record| dated.push((record.seconds.expect("dated"), record.lsn.0)))
            .unwrap();
    }
    let base =
        Base { path: archive(&disk).base().map(Path::to_path_buf), lsn: Lsn(at), seconds: None };
    let seconds: BTreeSet<u64> = dated.iter().map(|(seconds, _)| *seconds).collect();
    assert!(seconds.len() > 3, "{seconds:?}");
    // The second run's clock began anew: only the first one's are in order.
    let first_run: Vec<_> = dated.iter().filter(|(_, lsn)| *lsn <= whole().1[60]).collect();
    let newest = first_run.iter().map(|(seconds, _)| *seconds).max().unwrap();
    for until in seconds.into_iter().filter(|until| *until < newest) {
        let upto = first_run.iter().take_while(|(seconds, _)| *seconds <= until);
        let expected = upto.last().map_or(at, |(_, lsn)| (*lsn).max(at));
        let (done, ..) = restored(&disk, &base, Target::Time(until)).unwrap();
        assert_eq!(done.lsn.0, expected, "until {until}");
    }
    let early = Base { seconds: Some(1_700_000_000), ..base };
    let outcome = restored(&disk, &early, Target::Time(1_699_999_999));
    assert!(matches!(outcome, Err(RestoreError::TooEarly { .. })));
}

/// Damage anywhere behind the base: what a cut leaves recovers to a prefix, and what was cut is
/// kept.
#[test]
fn cutting_damage_leaves_a_prefix() {
    let (disk, at) = with_base();
    let files = disk.all_files();
    let pieces: Vec<_> = archive(&disk).pieces().to_vec();
    for piece in pieces.iter().filter(|piece| !piece.retained) {
        let length = files[&piece.path].len();
        for offset in (0..length).step_by(97) {
            let mut content = files[&piece.path].clone();
            content[offset] ^= 0x10;
            let disk = changed(&disk, &piece.path, &content);
            let damage = match recovered(&disk, &small_settings()) {
                Err(RecoverError::Corrupt(place)) => place,
                Ok((Recovered { torn: Some(torn), .. }, _)) => torn.place,
                Ok(_) => continue,
                Err(other) => panic!("{offset}: {other}"),
            };
            let kept = match cut(&disk, &place(DIR), &damage.file, damage.offset) {
                Ok(kept) => kept,
                // Nothing of the first segment behind the base is left.
                Err(RepairError::Hopeless { .. }) if piece.first == Some(Lsn(at)) => continue,
                Err(other) => panic!("{offset}: {other}"),
            };
            assert!(kept.iter().all(|kept| disk.content(&kept.kept).is_some()));
            let (after, engine) = recovered(&disk, &small_settings()).unwrap();
            assert!(stream(70).starts_with(&engine.stream), "offset {offset}");
            assert!(after.last_lsn.0 >= at);
            after.start_stepped(start(5)).unwrap();
        }
    }
    let retained = pieces.iter().find(|piece| piece.retained).unwrap();
    cut(&disk, &place(DIR), &retained.path, 0).unwrap();
    assert_eq!(recovered(&disk, &small_settings()).unwrap().1.stream, stream(70));
}

/// A segment that is not the last and ends too soon is no end: nothing is restored behind it, and
/// what lies before it is only where somebody names it.
#[test]
fn restore_does_not_stop_at_a_hole() {
    let (disk, at) = with_base();
    let own = archive(&disk).base().unwrap().to_path_buf();
    let base = Base { path: Some(own), lsn: Lsn(at), seconds: None };
    let pieces: Vec<_> = archive(&disk).pieces().to_vec();
    let index = pieces.iter().position(|piece| !piece.retained).unwrap() + 1;
    let (broken, next) = (&pieces[index], pieces[index + 1].first.unwrap());
    let mut ends = Vec::new();
    let content = disk.content(&broken.path).unwrap();
    let file = disk.open_read(&broken.path).unwrap();
    let cursor::Opened::Ours(mut cursor) = cursor::Cursor::open(file, &broken.path).unwrap() else {
        panic!("not ours");
    };
    while let cursor::Step::Batch(..) = cursor.step().unwrap() {
        ends.push((cursor.offset as usize, cursor.next));
    }
    let (offset, lsn) = ends[ends.len() / 3];
    assert!(lsn < next);
    // Between two batches, inside one, and followed by what another server has written.
    let foreign = [&content[..offset], &command(&["SELECT", "0"])].concat();
    for cut in [content[..offset].to_vec(), content[..offset + 9].to_vec(), foreign] {
        let disk = changed(&disk, &broken.path, &cut);
        for target in [Target::End, Target::Time(u64::MAX), Target::Lsn(next)] {
            let outcome = restored(&disk, &base, target);
            let outcome = outcome.map(|(done, ..)| done);
            assert!(matches!(outcome, Err(RestoreError::Archive(_))), "{target:?}: {outcome:?}");
        }
        assert!(follow(archive(&disk), None).is_err());
        let (done, ..) = restored(&disk, &base, Target::Lsn(lsn)).unwrap();
        assert_eq!(done.lsn, lsn);
    }
    // At the end of the last one they are no end either.
    begin(&disk, &small_settings(), 3).seal_and_close().unwrap();
    let last = archive(&disk).pieces().last().unwrap().clone();
    let content = disk.content(&last.path).unwrap();
    let with_foreign = changed(&disk, &last.path, &[content, command(&["SELECT", "0"])].concat());
    let outcome = restored(&with_foreign, &base, Target::End).map(|(done, ..)| done);
    let is_told = matches!(outcome, Err(RestoreError::Archive(ArchiveError::Folder { .. })));
    assert!(is_told, "{outcome:?}");
}

/// A snapshot that is ahead of the log is not the log's end.
#[test]
fn restore_from_a_base_behind_the_end_is_refused() {
    let (disk, _) = with_base();
    assert_eq!(archive(&disk).end().unwrap().0, stream(70).len() as u64);
    assert_eq!(archive(&disk).ids().unwrap().current, id(2));
    let ahead = Path::new("/data/ahead.rdb");
    let disk = changed(&disk, ahead, &snapshot(stream(71)));
    let lsn = Lsn(stream(71).len() as u64);
    let base = Base { path: Some(ahead.to_path_buf()), lsn, seconds: None };
    for target in [Target::End, Target::Time(u64::MAX), Target::Lsn(lsn)] {
        let outcome = restored(&disk, &base, target).map(|(done, ..)| done);
        let is_outside = matches!(outcome, Err(RestoreError::Archive(ArchiveError::Window { .. })));
        assert!(is_outside, "{target:?}: {outcome:?}");
    }
}

/// A log of 25 groups that has failed at the next two, on a disk that works again; where its good
/// part ends, and the snapshot to heal it with.
fn failed(disk: &SimDisk) -> (Log, Lsn, (PathBuf, Lsn)) {
    let log = begin(disk, &small_settings(), 1);
    (0..25).for_each(|n| commit(&log, n));
    let good = log.positions().synced;
    disk.fail(0, Failure::Error(ENOSPC), true);
    (25..27).for_each(|n| commit(&log, n));
    assert!(log.failure().is_some());
    disk.repair();
    let snapshot = snapshot_of_27(disk, &log);
    (log, good, snapshot)
}

fn snapshot_of_27(disk: &SimDisk, log: &Log) -> (PathBuf, Lsn) {
    let (path, at) = (log.snapshot_path("heal"), log.roll());
    disk.create(&path).unwrap().write_all(&snapshot(stream(27))).unwrap();
    (path, at)
}

/// What a failed write has lost between two segments is in the base only: the window begins behind
/// it, for the server and for the tools.
#[test]
fn a_healed_log_is_read_from_behind_the_hole() {
    let disk = SimDisk::new(&dir());
    let (log, good, (path, at)) = failed(&disk);
    log.heal(&path, at).unwrap();
    (27..40).for_each(|n| commit(&log, n));
    let archive = || archive(&disk);
    let pieces = archive().pieces().to_vec();
    let hole = pieces.iter().rposition(|piece| piece.retained).unwrap();
    assert_eq!(pieces[hole].last, Some(good));
    assert!(pieces[hole + 1].first == Some(at) && good < at);
    assert_eq!(archive().window_start(), Some(at));
    assert_eq!(log.shared.catalog.lock().window_start(), Some(at));
    let (read, state) = follow(archive(), None).unwrap();
    assert_eq!((read, state), (expected(40)[expected(27).len()..].to_vec(), State::End));
    assert!(matches!(follow(archive(), Some(0)), Err(ArchiveError::Window { .. })));
    let base = Base { path: archive().base().map(Path::to_path_buf), lsn: at, seconds: None };
    assert_eq!(restored(&disk, &base, Target::End).unwrap().0.lsn.0, stream(40).len() as u64);
}

/// A failed segment that cannot be read is not kept, and the log heals all the same; where another
/// operation fails the next attempt heals it.
#[test]
fn any_operation_of_a_heal_may_fail() {
    let (mut given_up, mut without_history) = (0, 0);
    for nth in 0.. {
        let disk = SimDisk::new(&dir());
        let (log, good, (path, at)) = failed(&disk);
        disk.fail(nth, Failure::Error(ENOSPC), false);
        let begun = disk.operations();
        let healed = log.heal(&path, at);
        let operations = disk.operations() - begun;
        disk.repair();
        let at = match &healed {
            Ok(()) => at,
            Err(_) => {
                let (path, at) = snapshot_of_27(&disk, &log);
                log.heal(&path, at).unwrap();
                at
            }
        };
        (27..40).for_each(|n| commit(&log, n));
        // None is kept where it was the room for the next segment that was not there.
        let last =
            archive(&disk).pieces().iter().rfind(|piece| piece.retained).map(|kept| kept.last);
        given_up += usize::from(healed.is_ok() && last.is_some_and(|last| last < Some(good)));
        without_history += usize::from(last.is_none());
        assert!(last <= Some(Some(good)), "{nth}");
        assert_eq!(archive(&disk).window_start(), Some(at), "{nth}");
        let (read, state) = follow(archive(&disk), None).unwrap();
        assert_eq!((read, state), (expected(40)[expected(27).len()..].to_vec(), State::End));
        drop(log);
        assert_eq!(recovered(&disk, &small_settings()).unwrap().1.stream, stream(40), "{nth}");
        if healed.is_ok() && nth >= operations {
            break;
        }
    }
    assert!(given_up > 2, "{given_up} failed reads");
    assert_eq!(without_history, 1, "one operation reserves room");
}

/// Whoever is told that records are written finds their date.
#[test]
fn what_is_told_to_be_written_is_dated() {
    let disk = SimDisk::new(&dir());
    let log = Arc::new(begin(&disk, &Settings { fsync: Fsync::No, ..small_settings() }, 1));
    let dates = Arc::new(Mutex::new(Vec::new()));
    let (told, reader) = (dates.clone(), Arc::downgrade(&log));
    log.subscribe(Arc::new(move |positions, _news| {
        let Some(log) = reader.upgrade().filter(|_| positions.written > Lsn(0)) else { return };
        let mut records = log.records(Lsn(0)).unwrap();
        records
            .visit(log.readable(), |record| {
                told.lock().push(record.seconds);
                ControlFlow::Continue(())
            })
            .unwrap();
    }));
    commit(&log, 1);
    let dates = dates.lock();
    assert!(!dates.is_empty() && dates.iter().all(Option::is_some), "{dates:?}");
}

/// What an earlier cut has kept is not written over.
#[test]
fn a_second_cut_keeps_beside_the_first() {
    let (mut disk, _) = with_base();
    let last = archive(&disk).pieces().last().unwrap().path.clone();
    let whole = disk.content(&last).unwrap();
    let mut kept = Vec::new();
    for tail in ["#CC:1", "#CC:22", "#CC:333"] {
        disk = changed(&disk, &last, &[&whole, tail.as_bytes()].concat());
        let cut = cut(&disk, &place(DIR), &last, whole.len() as u64).unwrap().remove(0);
        assert_eq!(disk.content(&last).unwrap(), whole);
        kept.push((cut.kept, tail));
    }
    let retained: Vec<_> =
        archive(&disk).pieces().iter().filter(|piece| piece.retained).cloned().collect();
    let oldest = &retained[0].path;
    let taken = set_aside_as(oldest);
    let disk = changed(&disk, &taken, b"of an earlier cut");
    let aside = cut(&disk, &place(DIR), oldest, 0).unwrap().remove(0);
    assert_ne!(aside.kept, taken);
    assert_eq!(disk.content(&taken).unwrap(), b"of an earlier cut");
    assert!(disk.content(&aside.kept).is_some());
    for (path, tail) in kept {
        assert_eq!(disk.content(&path).unwrap(), tail.as_bytes(), "{}", path.display());
    }
}

/// Where a segment goes as a whole.
fn set_aside_as(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.cut-0", path.display()))
}
