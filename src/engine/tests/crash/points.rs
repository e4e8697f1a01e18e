//! A crash at every effect that a workload has on the disk, with what was not synced kept, dropped,
//! torn or reordered; and crashes inside the recoveries.

use super::workload::{self, Plan};
use super::{DIR, Known, Rig, config, recovered};
use crate::admin::Config;
use crate::base::disk::testing::{Fate, Past, SimDisk, Unsynced};
use crate::log::Lsn;
use std::path::Path;

/// What the crashes showed.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub commands: usize,
    pub boundaries: usize,
    pub crashes: usize,
    pub recoveries: usize,
    pub inside: usize,
    /// Broken promises.
    pub found: Vec<String>,
}

impl Figures {
    /// How many of what was found begin so.
    pub(super) fn count(&self, what: &str) -> usize {
        self.found.iter().filter(|found| found.starts_with(what)).count()
    }

    fn print(&self, name: &str) {
        println!(
            "crash points, {name}: {} commands, {} boundaries, {} crashes, {} recoveries, {} \
             crashes inside recovery, {} lost, {} not a prefix, {} refused",
            self.commands,
            self.boundaries,
            self.crashes,
            self.recoveries,
            self.inside,
            self.count("lost"),
            self.count("not a prefix"),
            self.count("refused"),
        );
    }
}

/// What a crash may do here: all that differ, if something is not synced. Tearing is drawn anew at
/// each place.
fn fates(past: &Past) -> Vec<Unsynced> {
    let seed = past.at() as u64;
    let (kept, dropped) = (Fate::Kept, Fate::Dropped);
    let both = |bytes, names| Unsynced { bytes, names };
    let mut fates = vec![both(dropped, dropped)];
    let (bytes, names) = past.unsynced();
    if bytes {
        fates.push(both(kept, dropped));
        fates.push(both(Fate::Cut(seed), dropped));
        fates.push(both(Fate::Sectors(seed), dropped));
    }
    if names {
        fates.push(both(dropped, kept));
        fates.push(both(dropped, Fate::Sectors(seed)));
    }
    if bytes && names {
        fates.push(both(kept, kept));
        fates.push(both(Fate::Cut(seed + 1), Fate::Cut(seed)));
        fates.push(both(Fate::Sectors(seed + 1), Fate::Sectors(seed + 1)));
    }
    fates
}

/// Recovers after a crash at every effect of a run.
pub(super) fn crash_everywhere(
    disk: &SimDisk,
    known: &Known,
    config: &Config,
    figures: &mut Figures,
) {
    let promises = known.promises(disk.effects());
    let mut past = disk.past();
    // What is durable was recovered already, if nothing was synced since.
    let mut durable = None;
    loop {
        let promised = promises[past.at()];
        figures.boundaries += 1;
        for (nth, unsynced) in fates(&past).into_iter().enumerate() {
            figures.crashes += 1;
            let outcome = match &durable {
                Some((syncs, outcome)) if nth == 0 && *syncs == past.syncs() => match outcome {
                    Ok(last) if *last < promised => {
                        Err(format!("lost: told {promised}, recovered {last}"))
                    }
                    outcome => Result::clone(outcome),
                },
                _ => {
                    figures.recoveries += 1;
                    known.check(&past.crash(unsynced), config, promised)
                }
            };
            if nth == 0 {
                durable = Some((past.syncs(), outcome.clone()));
            }
            if let Err(problem) = outcome {
                let at = past.at();
                figures.found.push(format!("{problem}; crash after {at} effects, {unsynced:?}"));
            }
        }
        if !past.advance() {
            return;
        }
    }
}

/// Starts on what crashes left, here and there, and crashes at every effect of the start.
fn crash_inside(disk: &SimDisk, known: &Known, config: &Config, figures: &mut Figures) {
    /// Effects between two places. A prime, so that every kind of place has its turn.
    const STRIDE: usize = 97;
    let mut past = disk.past();
    loop {
        if past.at().is_multiple_of(STRIDE) {
            let fates = fates(&past);
            let image = past.crash(fates[past.at() / STRIDE % fates.len()]);
            let first = known.check(&image, config, Lsn::default()).expect("it was checked");
            let again = known.check(&image, config, first);
            assert_eq!(again, Ok(first), "recovered twice, with two outcomes");
            let second = Rig::open(image.clone(), config, 2, known.clone()).expect("it starts");
            let mut inside = second.disk.past();
            while inside.advance() {
                let fates = self::fates(&inside);
                let unsynced = fates[inside.at() % fates.len()];
                let outcome = known.check(&inside.crash(unsynced), config, first);
                figures.inside += 1;
                if outcome != Ok(first) {
                    let place = (past.at(), inside.at());
                    figures.found.push(format!("not a prefix: {outcome:?} inside {place:?}"));
                }
            }
        }
        if !past.advance() {
            return;
        }
    }
}

/// A run of the workload under a policy, crashed everywhere.
pub(super) fn crashes(plan: Plan, config: &Config) -> Figures {
    let disk = SimDisk::new(Path::new(DIR));
    let mut rig = Rig::open(disk.clone(), config, 1, Known::default()).expect("a fresh disk");
    let mut figures = Figures { commands: workload::run(&mut rig, plan), ..Figures::default() };
    assert!(rig.log.failure().is_none(), "{:?}", rig.log.failure());
    let types = rig.types();
    let (rewrites, saves) = rig.snapshots_done();
    let known = std::mem::take(&mut rig.known);
    drop(rig);
    if plan.commands > 300 {
        assert!(types.len() >= 6, "all types: {types:?}");
        assert!(rewrites > 2 && saves > 2, "{rewrites} rewrites, {saves} saves");
    }
    crash_everywhere(&disk, &known, config, &mut figures);
    if figures.found.is_empty() {
        crash_inside(&disk, &known, config, &mut figures);
    }
    figures
}

/// Commands of the run under `always`; the other policies have a part of it.
fn commands() -> usize {
    let set = std::env::var("COOLCACHE_CRASH_COMMANDS");
    set.map_or(2000, |number| number.parse().expect("COOLCACHE_CRASH_COMMANDS is a number"))
}

fn assert_nothing_found(name: &str, figures: &Figures) {
    figures.print(name);
    let some: Vec<&String> = figures.found.iter().take(5).collect();
    assert!(some.is_empty(), "{name}: {} findings, such as {some:#?}", figures.found.len());
}

#[test]
fn a_crash_anywhere_loses_nothing_told_and_leaves_a_prefix() {
    let always = config("--appendfsync always");
    let figures = crashes(Plan::of(commands()), &always);
    assert_nothing_found("always", &figures);
    assert!(figures.boundaries > figures.commands, "too few places");
}

#[test]
fn with_a_sync_now_and_then_it_leaves_a_prefix() {
    for policy in ["everysec", "no"] {
        let config = config(&format!("--appendfsync {policy}"));
        let figures = crashes(Plan { seed: 8, ..Plan::of(commands() / 4) }, &config);
        assert_nothing_found(policy, &figures);
    }
}

/// Without a log the last save is there, whole, and none that came before it.
#[test]
fn without_a_log_a_crash_leaves_the_last_save() {
    let config = config("--appendonly no");
    let disk = SimDisk::new(Path::new(DIR));
    let mut rig = Rig::open(disk.clone(), &config, 1, Known::default()).expect("a fresh disk");
    for seed in 0..6 {
        let plan = Plan { commands: 30, rewrite_every: 1000, save_every: 1000, seed };
        workload::run(&mut rig, plan);
        let at = rig.log.positions().emitted;
        rig.round(0, &[super::words("BGSAVE")]);
        workload::run(&mut rig, Plan { commands: 4, ..plan });
        rig.finish_beside();
        rig.known.told.push((disk.effects(), at));
    }
    let known = std::mem::take(&mut rig.known);
    drop(rig);
    let mut figures = Figures::default();
    crash_everywhere(&disk, &known, &config, &mut figures);
    assert_nothing_found("saves", &figures);
    let (_, last) = recovered(&disk, &config).expect("the last save loads");
    assert_eq!(last.last_lsn, known.promised(usize::MAX));
}
