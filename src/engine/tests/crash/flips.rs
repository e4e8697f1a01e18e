//! Every single bit of a folder with all types flipped: seen (refused, or said to be torn where
//! nothing was known to be durable), or harmless; never other data. And a sample of a larger one.

use super::workload::{self, Plan};
use super::{DIR, Known, Rig, State, config, recovered};
use crate::admin::Config;
use crate::base::disk::testing::SimDisk;
use crate::log::{Lsn, RecoverError};
use std::path::{Path, PathBuf};

/// A folder: its files, and what is known of it.
struct Folder {
    files: Vec<(PathBuf, Vec<u8>)>,
    known: Known,
    /// Its end.
    last: Lsn,
    ids: Vec<(String, Lsn)>,
    /// The file that may be torn.
    torn_may_be: PathBuf,
}

impl Folder {
    /// A base with all types, and a log after it; `sealed`: all of it known to be durable.
    fn new(plan: Plan, config: &Config, sealed: bool) -> Folder {
        let disk = SimDisk::new(Path::new(DIR));
        let mut rig = Rig::open(disk.clone(), config, 1, Known::default()).expect("a fresh disk");
        workload::all_types(&mut rig);
        workload::run(&mut rig, plan);
        assert_eq!(rig.types().len(), 6, "all types");
        rig.shared.lock().begin_rewrite().expect("work is only noted");
        rig.finish_beside();
        workload::run(&mut rig, Plan { commands: plan.commands / 4, seed: 3, ..plan });
        if sealed {
            rig.log.seal_and_close().expect("a sound disk");
        }
        let known = std::mem::take(&mut rig.known);
        drop(rig);
        let (_, recovered) = recovered(&disk, config).expect("it is whole");
        let files: Vec<_> = disk.all_files().into_iter().collect();
        let segments = files.iter().filter(|(path, _)| path.to_string_lossy().contains(".incr."));
        let number = |path: &Path| -> u64 {
            let name = path.to_string_lossy().into_owned();
            let number = name.rsplit('.').nth(2).expect("a segment's name");
            number.parse().expect("its number")
        };
        let last = segments.max_by_key(|(path, _)| number(path)).expect("a segment");
        Folder {
            torn_may_be: last.0.clone(),
            last: recovered.last_lsn,
            ids: recovered.ids.clone(),
            files,
            known,
        }
    }

    fn bits(&self) -> u64 {
        self.files.iter().map(|(_, content)| content.len() as u64 * 8).sum()
    }

    /// The disk with the n-th bit of all files flipped, and whose that is.
    fn flipped(&self, mut bit: u64) -> (SimDisk, &Path) {
        let disk = SimDisk::new(Path::new(DIR));
        let mut whose = Path::new("");
        for (path, content) in &self.files {
            let bits = content.len() as u64 * 8;
            if whose == Path::new("") && bit < bits {
                let mut content = content.clone();
                content[(bit / 8) as usize] ^= 1 << (bit % 8);
                disk.put(path, &content);
                whose = path;
            } else {
                disk.put(path, content);
                bit = bit.wrapping_sub(if whose == Path::new("") { bits } else { 0 });
            }
        }
        (disk, whose)
    }
}

#[derive(Debug, Default)]
struct Figures {
    flips: usize,
    refused: usize,
    torn: usize,
    harmless: usize,
    found: Vec<String>,
}

/// Flips a bit, and notes what that led to.
fn flip(folder: &Folder, bit: u64, config: &Config, sealed: bool, figures: &mut Figures) {
    figures.flips += 1;
    let (disk, path) = folder.flipped(bit);
    match recovered(&disk, config) {
        Err(RecoverError::Io { file, source }) => {
            figures.found.push(format!("bit {bit}, {}: {source}", file.display()));
        }
        Err(_) => figures.refused += 1,
        Ok((engine, recovered)) => {
            let last = recovered.last_lsn;
            let is_prefix = folder.known.states.get(&last) == Some(&State::of(&engine.keyspace));
            if last == folder.last && is_prefix && recovered.ids == folder.ids {
                figures.harmless += 1;
            } else if is_prefix && !sealed && recovered.torn.is_some() && path == folder.torn_may_be
            {
                figures.torn += 1;
                let strict = config_of(config, "no");
                let refused = self::recovered(&disk, &strict);
                assert!(
                    matches!(refused, Err(RecoverError::Torn(_))),
                    "aof-load-truncated no, bit {bit}"
                );
            } else {
                let torn = recovered.torn.is_some();
                figures.found.push(format!(
                    "bit {bit} of {}: up to {last}, torn: {torn}, a prefix: {is_prefix}",
                    path.display()
                ));
            }
        }
    }
}

/// The same settings with another `aof-load-truncated`.
fn config_of(config: &Config, load_truncated: &str) -> Config {
    let mut config = config.clone();
    let pair = (b"aof-load-truncated".as_slice(), load_truncated.as_bytes());
    config.set(&[pair], true).expect("a valid setting");
    config
}

fn report(name: &str, folder: &Folder, figures: &Figures) {
    println!(
        "flipped bits, {name}: {} of {} bits, {} refused, {} torn, {} harmless, {} findings",
        figures.flips,
        folder.bits(),
        figures.refused,
        figures.torn,
        figures.harmless,
        figures.found.len()
    );
    let some: Vec<&String> = figures.found.iter().take(5).collect();
    assert!(some.is_empty(), "{name}: {} findings, such as {some:#?}", figures.found.len());
}

#[test]
fn every_bit_of_a_small_folder() {
    // One segment and little retained: mostly what a start must read.
    let config = config("--appendfsync no --log-retention-bytes 0");
    for sealed in [true, false] {
        let plan = Plan { rewrite_every: 1000, save_every: 1000, ..Plan::of(24) };
        let folder = Folder::new(plan, &config, sealed);
        let mut figures = Figures::default();
        for bit in 0..folder.bits() {
            flip(&folder, bit, &config, sealed, &mut figures);
        }
        report(if sealed { "sealed" } else { "not sealed" }, &folder, &figures);
        assert!(figures.refused > 1000 && (sealed || figures.torn > 0), "{figures:?}");
    }
}

#[test]
fn some_bits_of_a_large_folder() {
    /// Places, drawn by chance.
    const FLIPS: u64 = 150;
    let config = config("--appendfsync no --log-segment-bytes 16kb");
    let plan = Plan { rewrite_every: 250, save_every: 2000, ..Plan::of(600) };
    let folder = Folder::new(plan, &config, true);
    let mut rng = fastrand::Rng::with_seed(11);
    let mut figures = Figures::default();
    for _ in 0..FLIPS {
        flip(&folder, rng.u64(..folder.bits()), &config, true, &mut figures);
    }
    report("a larger folder", &folder, &figures);
    assert!(figures.refused > 0, "{figures:?}");
}
