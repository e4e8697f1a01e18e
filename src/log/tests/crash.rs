//! Crash at every effect, with what was not synced kept, dropped or torn; fail every operation in
//! turn.

use super::*;
use crate::base::disk::testing::{EIO, ENOSPC, Effect, Failure, Fate, Unsynced};

/// What a crash may do to what was not synced, with seeds that vary by place.
fn fates(seed: u64) -> [Unsynced; 8] {
    let (kept, dropped) = (Fate::Kept, Fate::Dropped);
    [
        Unsynced { bytes: kept, names: kept },
        Unsynced { bytes: dropped, names: dropped },
        Unsynced { bytes: dropped, names: kept },
        Unsynced { bytes: kept, names: dropped },
        Unsynced { bytes: Fate::Cut(seed), names: kept },
        Unsynced { bytes: Fate::Cut(seed + 1), names: Fate::Cut(seed) },
        Unsynced { bytes: Fate::Sectors(seed), names: Fate::Cut(seed + 1) },
        Unsynced { bytes: Fate::Sectors(seed + 1), names: kept },
    ]
}

/// What was promised, and when: after so many effects, all up to this LSN was durable.
type Acks = Arc<Mutex<Vec<(usize, Lsn)>>>;

/// A log under test with its disk and the record of what it promised.
struct Run {
    disk: SimDisk,
    log: Log,
    acks: Acks,
    next: u64,
}

impl Run {
    fn begin(disk: SimDisk, settings: &Settings, seed: u64) -> Result<Run, RecoverError> {
        let (recovered, engine) = recovered(&disk, settings)?;
        let (_, ends) = whole();
        let done = ends.iter().position(|end| *end == recovered.last_lsn.0);
        assert_eq!(engine.stream.len() as u64, recovered.last_lsn.0);
        let log = recovered.start_stepped(start(seed))?;
        let acks = Acks::default();
        acks.lock().push((disk.effects(), log.positions().synced));
        let (noted, watched) = (acks.clone(), disk.clone());
        log.subscribe(Arc::new(move |positions, _news| {
            noted.lock().push((watched.effects(), positions.synced));
        }));
        Ok(Run { disk, log, acks, next: done.unwrap() as u64 })
    }

    /// Some groups, with everything a log does in between. Stops when the log has latched.
    fn work(&mut self, groups: u64) {
        for _ in 0..groups {
            if self.log.failure().is_some() || self.next == GROUPS {
                return;
            }
            self.log.append(&group(self.next), 0);
            self.next += 1;
            if !self.next.is_multiple_of(4) {
                self.log.write_step();
            }
            if self.next.is_multiple_of(5) {
                self.log.sync_step();
            }
            if self.next.is_multiple_of(11) {
                self.log.seal_step();
            }
            if self.next.is_multiple_of(40) {
                let (path, at) = self.snapshot();
                // A failure here is not one of the log: it goes on, or it has latched.
                let _ = path.map(|path| self.log.install_base(&path, at));
            }
        }
    }

    fn snapshot(&self) -> (std::io::Result<PathBuf>, Lsn) {
        let at = self.log.roll();
        let path = self.log.snapshot_path("rewrite.rdb");
        let bytes = stream(self.next);
        let write = || -> std::io::Result<PathBuf> {
            let file = self.disk.create(&path)?;
            file.write_all(&snapshot(bytes))?;
            Ok(path.clone())
        };
        (write(), at)
    }

    fn acked_at(&self, effects: usize) -> Lsn {
        let acks = self.acks.lock();
        let before = acks.iter().filter(|(at, _)| *at <= effects);
        before.map(|(_, lsn)| *lsn).max().unwrap_or_default()
    }
}

/// Recovers a disk and says what is wrong with the result.
fn verify(disk: &SimDisk, settings: &Settings, acked: Lsn) -> Result<Lsn, String> {
    let (recovered, engine) =
        recovered(disk, settings).map_err(|error| format!("refused: {error}"))?;
    let (expected, ends) = whole();
    let last = recovered.last_lsn;
    if last < acked {
        return Err(format!("lost: {acked} was durable, {last} was recovered"));
    }
    if engine.stream != expected[..last.0 as usize] {
        return Err(format!("not a prefix, at {last}"));
    }
    if engine.unfinished || !ends.contains(&last.0) {
        return Err(format!("a group was split at {last}"));
    }
    Ok(last)
}

/// Starts on a disk and reads all that the log says it can serve.
fn serves(disk: &SimDisk, settings: &Settings) -> Result<(), String> {
    let log = begin(disk, settings, 3);
    let end = log.positions().written;
    let mut reader = log.reader(log.window_start()).map_err(|error| error.to_string())?;
    while reader.at() < end {
        let at = reader.at();
        let part = reader.next(end, 1000).map_err(|error| format!("cannot serve {at}: {error}"))?;
        let (from, to) = (at.0 as usize, reader.at().0 as usize);
        if part.is_empty() || part != whole().0[from..to] {
            return Err(format!("serves something else from {from} to {to}"));
        }
    }
    Ok(())
}

/// Syncs of a file whose sync had failed.
fn believed_syncs(disk: &SimDisk) -> Vec<String> {
    let mut failed = Vec::new();
    let mut found = Vec::new();
    for effect in disk.effect_list() {
        match effect {
            Effect::Sync(file) | Effect::FailedSync(file) if failed.contains(&file) => {
                found.push(format!("file {file} was synced again after a failed sync"));
            }
            Effect::FailedSync(file) => failed.push(file),
            _ => {}
        }
    }
    found
}

/// Crashes a finished run at every `stride`-th effect.
fn crash_everywhere(run: &Run, settings: &Settings, stride: usize) -> Vec<String> {
    let mut found = Vec::new();
    for effects in (0..=run.disk.effects()).step_by(stride) {
        let acked = run.acked_at(effects);
        for unsynced in fates(effects as u64) {
            let image = run.disk.crash(effects, unsynced);
            if let Err(problem) = verify(&image, settings, acked) {
                found.push(format!("{problem}; crash after {effects} effects, {unsynced:?}"));
            }
        }
    }
    found
}

/// A run of the workload, fully crashed.
pub(super) fn crashes(settings: &Settings, groups: u64) -> Vec<String> {
    let mut run = Run::begin(SimDisk::new(&dir()), settings, 1).unwrap();
    run.work(groups);
    run.log.seal_and_close().unwrap();
    crash_everywhere(&run, settings, 1)
}

#[test]
fn a_crash_anywhere_loses_nothing_durable_and_splits_no_group() {
    assert_eq!(crashes(&small_settings(), 130), [""; 0]);
}

#[test]
fn the_same_with_a_sync_now_and_then() {
    let everysec = Settings { fsync: Fsync::Everysec, ..small_settings() };
    assert_eq!(crashes(&everysec, 130), [""; 0]);
    let never = Settings { fsync: Fsync::No, ..small_settings() };
    assert_eq!(crashes(&never, 60), [""; 0]);
}

#[test]
fn a_crash_inside_recovery_changes_nothing() {
    let settings = small_settings();
    let mut run = Run::begin(SimDisk::new(&dir()), &settings, 1).unwrap();
    run.work(85);
    for effects in (0..=run.disk.effects()).step_by(7) {
        for unsynced in fates(effects as u64).into_iter().skip(effects % 3).step_by(3) {
            let image = run.disk.crash(effects, unsynced);
            let first = verify(&image, &settings, run.acked_at(effects)).unwrap();
            let mut second = Run::begin(image, &settings, 2).unwrap();
            second.work(2);
            for effects in 0..=second.disk.effects() {
                for unsynced in fates(effects as u64).into_iter().skip(effects % 2).step_by(2) {
                    let image = second.disk.crash(effects, unsynced);
                    let acked = second.acked_at(effects).max(first);
                    verify(&image, &settings, acked).unwrap();
                }
            }
        }
    }
}

#[test]
fn any_operation_of_a_restart_may_fail() {
    let settings = Settings { fsync: Fsync::Everysec, ..small_settings() };
    let mut run = Run::begin(SimDisk::new(&dir()), &settings, 1).unwrap();
    run.work(74);
    let acked = run.acked_at(usize::MAX);
    let crash = |seed| {
        let unsynced = Unsynced { bytes: Fate::Cut(seed), names: Fate::Kept };
        run.disk.crash(run.disk.effects(), unsynced)
    };
    let torn = |seed: &u64| recovered(&crash(*seed), &settings).unwrap().0.torn.is_some();
    let seed = (0..100).find(torn).expect("some cut falls into a batch");
    for nth in 1.. {
        let disk = crash(seed);
        let first = verify(&disk, &settings, acked).unwrap();
        disk.fail(nth, Failure::Error(EIO), false);
        let asked = disk.operations();
        let failed = Run::begin(disk.clone(), &settings, 2).is_err();
        disk.repair();
        assert_eq!(verify(&disk, &settings, first), Ok(first));
        let dropped = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };
        assert_eq!(verify(&disk.crash(disk.effects(), dropped), &settings, first), Ok(first));
        if !failed && disk.operations() < asked + nth {
            return;
        }
    }
}

/// Runs the workload with the n-th operation failing, for every n, then heals or restarts, and
/// crashes.
pub(super) fn failures(
    settings: &Settings,
    failure: Failure,
    latched: bool,
    groups: u64,
) -> Vec<String> {
    let mut found = Vec::new();
    for nth in 1.. {
        let disk = SimDisk::new(&dir());
        disk.fail(nth, failure, latched);
        let mut acked = Lsn(0);
        let run = Run::begin(disk.clone(), settings, 1);
        let clean = match run {
            Err(_) => false,
            Ok(mut run) => {
                run.work(groups);
                if run.log.failure().is_none() {
                    let _ = run.log.seal_and_close();
                }
                let clean = disk.operations() < nth;
                acked = run.acked_at(usize::MAX);
                found.extend(believed_syncs(&disk));
                found.extend(after_failure(run, settings, nth));
                clean
            }
        };
        disk.repair();
        let unsynced = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };
        let image = disk.crash(disk.effects(), unsynced);
        if let Err(problem) = verify(&image, settings, acked) {
            found.push(format!("{problem}; operation {nth} failed, {failure:?}"));
        }
        if clean {
            return found;
        }
    }
    found
}

/// The cause is gone: an even run is healed while it runs, an odd one killed and started again on
/// what the page cache still shows. Then the power goes.
fn after_failure(mut run: Run, settings: &Settings, nth: u64) -> Vec<String> {
    run.disk.repair();
    if run.log.failure().is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let unsynced = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };
    let check = |found: &mut Vec<String>, disk: &SimDisk, acked: Lsn, when: &str| {
        let image = disk.crash(disk.effects(), unsynced);
        let outcome = verify(&image, settings, acked).and_then(|_| serves(&image, settings));
        if let Err(problem) = outcome {
            found.push(format!("{problem}; {when}, operation {nth} had failed"));
        }
    };
    check(&mut found, &run.disk, run.acked_at(usize::MAX), "latched");
    let acked = if nth.is_multiple_of(2) {
        let (path, at) = run.snapshot();
        let before = run.disk.effects();
        let promised = run.acked_at(usize::MAX);
        run.log.heal(&path.unwrap(), at).unwrap();
        assert_eq!(run.log.positions().synced, at);
        // Every boundary inside the healing, in some of the runs.
        let inside = if nth.is_multiple_of(6) { before..run.disk.effects() } else { 0..0 };
        for effects in inside {
            for unsynced in fates(effects as u64) {
                if let Err(problem) = verify(&run.disk.crash(effects, unsynced), settings, promised)
                {
                    found.push(format!("{problem}; healing, operation {nth} had failed"));
                }
            }
        }
        check(&mut found, &run.disk, at, "healed");
        run.work(20);
        run.log.sync_step();
        assert!(run.log.failure().is_none(), "healed: {:?}", run.log.failure());
        run.acked_at(usize::MAX)
    } else {
        let Run { disk, log, acks, .. } = run;
        drop(log);
        let mut again = Run::begin(disk.clone(), settings, 2).unwrap();
        let before = acks.lock().iter().map(|(_, lsn)| *lsn).max().unwrap_or_default();
        assert!(again.log.positions().synced >= before);
        again.work(20);
        again.log.sync_step();
        run = again;
        run.acked_at(usize::MAX)
    };
    check(&mut found, &run.disk, acked, "running again");
    found.extend(believed_syncs(&run.disk));
    found
}

#[test]
fn any_operation_may_fail_once_or_from_then_on() {
    for failure in [Failure::Error(EIO), Failure::Error(ENOSPC)] {
        for latched in [false, true] {
            assert_eq!(failures(&small_settings(), failure, latched, 50), [""; 0]);
        }
    }
    assert_eq!(failures(&small_settings(), Failure::Short, true, 50), [""; 0]);
    let everysec = Settings { fsync: Fsync::Everysec, ..small_settings() };
    assert_eq!(failures(&everysec, Failure::Error(EIO), false, 50), [""; 0]);
}
