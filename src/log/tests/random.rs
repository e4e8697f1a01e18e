//! Random lives of a log: any order of what a log does, with restarts, failures and power cuts in
//! between.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::disk::testing::{EIO, ENOSPC, Failure, Fate, Unsynced};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Append(u8),
    Write,
    Sync,
    Seal,
    Policy(u8),
    Base,
    /// A process killed, and started again on the same disk.
    Kill,
    /// A clean stop and start.
    Stop,
    /// The machine loses power, and starts again.
    Power(u64),
    /// An operation soon will fail.
    Fail(u64, bool),
    Memory,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..6_u8).prop_map(Step::Append),
        8 => Just(Step::Write),
        4 => Just(Step::Sync),
        2 => Just(Step::Seal),
        1 => (0..3_u8).prop_map(Step::Policy),
        2 => Just(Step::Base),
        1 => Just(Step::Kill),
        1 => Just(Step::Stop),
        2 => any::<u64>().prop_map(Step::Power),
        1 => (1..30_u64, any::<bool>()).prop_map(|(nth, full)| Step::Fail(nth, full)),
        1 => Just(Step::Memory),
    ]
}

/// A log, its disk, and what the world may rely on.
struct Life {
    disk: SimDisk,
    settings: Settings,
    log: Option<Log>,
    /// Groups appended.
    groups: u64,
    starts: u64,
    /// The highest LSN that was durable, in files.
    promised: Lsn,
}

impl Life {
    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    /// Recovers, asserts, and goes on with a new log.
    fn start(&mut self) {
        self.log = None;
        self.disk.repair();
        self.starts += 1;
        let (recovered, engine) = recovered(&self.disk, &self.settings).unwrap();
        let last = recovered.last_lsn;
        assert!(last >= self.promised, "{} was durable, {last} recovered", self.promised);
        assert!(engine.stream == whole().0[..last.0 as usize] && !engine.unfinished);
        let groups = whole().1.iter().position(|end| *end == last.0).unwrap();
        self.groups = groups as u64;
        for (id, end) in &recovered.ids {
            assert!(*end <= last, "{id} reaches beyond the log");
        }
        let log = recovered.start_stepped(super::start(self.starts)).unwrap();
        let positions = log.positions();
        assert!(positions.emitted == last && positions.synced == last);
        self.promised = last;
        self.log = Some(log);
    }

    fn snapshot(&self, name: &str) -> Option<PathBuf> {
        let path = self.log().snapshot_path(name);
        let file = self.disk.create(&path).ok()?;
        file.write_all(&snapshot(stream(self.groups))).ok()?;
        Some(path)
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append(count) => {
                for _ in 0..*count {
                    if self.groups < GROUPS && self.log().failure().is_none() {
                        self.log().append(&group(self.groups), 0);
                        self.groups += 1;
                    }
                }
            }
            Step::Write => drop(self.log().write_step()),
            Step::Sync => drop(self.log().sync_step()),
            Step::Seal => drop(self.log().seal_step()),
            Step::Policy(which) => {
                let all = [Fsync::Always, Fsync::Everysec, Fsync::No];
                let end = self.log().positions().emitted;
                self.log().set_fsync(all[usize::from(*which)], end);
            }
            Step::Base => {
                let at = self.log().roll();
                let path = self.snapshot("rewrite");
                let _ = path.map(|path| self.log().install_base(&path, at));
            }
            Step::Kill => self.start(),
            Step::Stop => {
                if self.log().seal_and_close().is_ok() {
                    self.promised = self.log().positions().emitted;
                }
                self.start();
            }
            Step::Power(seed) => {
                let fates = [Fate::Kept, Fate::Dropped, Fate::Cut(*seed), Fate::Sectors(*seed)];
                let (bytes, names) = (fates[(seed % 4) as usize], fates[(seed / 4 % 4) as usize]);
                self.disk = self.disk.crash(self.disk.effects(), Unsynced { bytes, names });
                self.start();
            }
            Step::Fail(nth, full) => {
                let errno = if *full { ENOSPC } else { EIO };
                self.disk.fail(*nth, Failure::Error(errno), false);
            }
            Step::Memory => self.through_memory(),
        }
        if self.log().failure().is_some() {
            self.disk.repair();
            self.note();
            let at = self.log().roll();
            let path = self.snapshot("heal").unwrap();
            self.log().heal(&path, at).unwrap();
            assert!(self.log().positions().synced == at);
        }
        self.note();
        self.check_reader();
    }

    /// Off and on again, with writes meanwhile.
    fn through_memory(&mut self) {
        self.disk.repair();
        if self.log().to_memory().is_err() {
            return;
        }
        self.promised = self.promised.min(self.log().positions().synced);
        self.step(&Step::Append(3));
        let at = self.log().to_disk();
        let path = self.snapshot("again").unwrap();
        self.step_append_only(2);
        self.log().heal(&path, at).unwrap();
    }

    fn step_append_only(&mut self, count: u64) {
        for _ in 0..count {
            if self.groups < GROUPS {
                self.log().append(&group(self.groups), 0);
                self.groups += 1;
            }
        }
    }

    /// What is synced now is promised; in memory nothing is.
    fn note(&mut self) {
        if self.log().shared.has_file.load(Ordering::Relaxed) {
            self.promised = self.promised.max(self.log().positions().synced);
        }
    }

    /// From anywhere in the window the log reads as it was written.
    fn check_reader(&self) {
        let log = self.log();
        let (from, to) = (log.window_start(), log.positions().written);
        let Ok(mut reader) = log.reader(from) else {
            panic!("the window's start is in the window")
        };
        while reader.at() < to {
            let at = reader.at().0 as usize;
            match reader.next(to, 4096) {
                Ok(part) => assert!(part == whole().0[at..at + part.len()] && !part.is_empty()),
                // A planted failure may hit the reader; the next step repairs it.
                Err(ReadError::Log(_)) => return,
                Err(error) => panic!("reading {from}..{to} at {at}: {error}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_life_keeps_every_promise(steps in vec(step(), 1..80)) {
        let settings = Settings {
            segment_bytes: 1500,
            backlog_bytes: 400,
            retention_bytes: 3000,
            fsync: Fsync::Everysec,
            ..Settings::new(dir())
        };
        let disk = SimDisk::new(&dir());
        let mut life =
            Life { disk, settings, log: None, groups: 0, starts: 0, promised: Lsn(0) };
        life.start();
        for step in &steps {
            life.step(step);
        }
    }
}
