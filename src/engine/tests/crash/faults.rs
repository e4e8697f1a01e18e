//! Every operation on the disk fails once, or from then on: of the log, its rolls and its manifest,
//! of snapshots and of the saves. Nothing that anybody was told is lost, whatever comes next: the
//! power, a kill, or the cause going away and the log being healed.

use super::workload::{self, Plan};
use super::{DIR, Known, Rig, config};
use crate::admin::Config;
use crate::base::disk::testing::{EIO, ENOSPC, Effect, Failure, Fate, SimDisk, Unsynced};
use crate::log::{Log, Lsn};
use std::path::Path;

const DROPPED: Unsynced = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };
const TORN: Unsynced = Unsynced { bytes: Fate::Cut(3), names: Fate::Kept };

/// What the failures led to.
#[derive(Debug, Default)]
struct Figures {
    runs: usize,
    latched: usize,
    healed: usize,
    refused_to_start: usize,
    found: Vec<String>,
}

fn plan() -> Plan {
    Plan { commands: 60, rewrite_every: 25, save_every: 35, seed: 5 }
}

/// Files that were synced again after a sync of theirs had failed.
fn synced_again(disk: &SimDisk) -> Vec<String> {
    let (mut failed, mut found) = (Vec::new(), Vec::new());
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

/// Runs the workload with the `nth` operation failing. Returns whether it was never reached.
fn fail_at(
    nth: u64,
    (failure, lasts): (Failure, bool),
    config: &Config,
    figures: &mut Figures,
) -> bool {
    let disk = SimDisk::new(Path::new(DIR));
    disk.fail(nth, failure, lasts);
    figures.runs += 1;
    let mut known = Known::default();
    let check = |known: &Known, disk: &SimDisk, when: &str, found: &mut Vec<String>| {
        for unsynced in [DROPPED, TORN] {
            let image = disk.crash(disk.effects(), unsynced);
            let outcome = known.check(&image, config, known.promised(usize::MAX));
            if let Err(problem) = outcome {
                found.push(format!("{problem}; {when}, {failure:?} of operation {nth}"));
            }
        }
    };
    match Rig::open(disk.clone(), config, 1, known.clone()) {
        Err(_) => figures.refused_to_start += 1,
        Ok(mut rig) => {
            workload::run(&mut rig, plan());
            check(&rig.known, &disk, "while it failed", &mut figures.found);
            let was_clean = disk.operations() < nth;
            disk.repair();
            if rig.log.failure().is_some() {
                figures.latched += 1;
                heal(&mut rig, figures);
                check(&rig.known, &disk, "healed", &mut figures.found);
            }
            workload::run(&mut rig, Plan { seed: 6, ..plan() });
            if let Some(failure) = rig.log.failure() {
                figures.found.push(format!("latched again with a sound disk: {failure}"));
            }
            check(&rig.known, &disk, "later", &mut figures.found);
            figures.found.extend(synced_again(&disk));
            known = std::mem::take(&mut rig.known);
            drop(rig);
            if was_clean {
                return true;
            }
        }
    }
    disk.repair();
    // A process that was killed finds what the kernel has, which may never become durable; what it
    // goes on with must be durable all the same.
    let mut rig = match Rig::open(disk.clone(), config, 3, known) {
        Ok(rig) => rig,
        Err(error) => {
            figures.found.push(format!("refused: {error}; after {failure:?} of operation {nth}"));
            return false;
        }
    };
    workload::run(&mut rig, Plan { commands: 10, seed: 9, ..plan() });
    check(&rig.known, &disk, "started again", &mut figures.found);
    false
}

/// What the server's cron does for a log that has failed: a fresh base and a new segment.
fn heal(rig: &mut Rig, figures: &mut Figures) {
    rig.shared.lock().begin_rewrite().expect("work is only noted");
    rig.finish_beside();
    if let Some(failure) = rig.log.failure() {
        figures.found.push(format!("not healed: {failure}"));
        return;
    }
    figures.healed += 1;
    let at = rig.log.positions().synced;
    assert!(at > Lsn::default());
    rig.step(Log::write_step);
}

fn fail_everywhere(policy: &str, failure: Failure, lasts: bool) -> Figures {
    let config = config(&format!("--appendfsync {policy}"));
    let mut figures = Figures::default();
    let clean = (1..10_000).any(|nth| fail_at(nth, (failure, lasts), &config, &mut figures));
    assert!(clean, "it never ran clean");
    println!(
        "failing operations, {policy}, {failure:?}{}: {} runs, {} latched, {} healed, {} refused \
         to start, {} findings",
        if lasts { " from then on" } else { "" },
        figures.runs,
        figures.latched,
        figures.healed,
        figures.refused_to_start,
        figures.found.len()
    );
    figures
}

#[test]
fn any_operation_may_fail() {
    for (policy, failure, lasts) in [
        ("always", Failure::Error(EIO), false),
        ("always", Failure::Error(ENOSPC), true),
        ("everysec", Failure::Error(EIO), true),
        ("always", Failure::Short, true),
    ] {
        let figures = fail_everywhere(policy, failure, lasts);
        let some: Vec<&String> = figures.found.iter().take(4).collect();
        assert!(some.is_empty(), "{} findings, such as {some:#?}", figures.found.len());
        assert!(figures.runs > 20 || failure == Failure::Short, "{} runs", figures.runs);
        assert_eq!(figures.latched, figures.healed);
    }
}
