//! The bugs put in on purpose that the log's own tests see: each of those tests is run with one of
//! them in the program, and must find something. `engine::tests::crash` does the same with bugs of
//! the engine's side.

use super::crash::{crashes, failures};
use super::damage::flips;
use super::*;
use crate::base::disk::testing::{EIO, Failure, Fate, Unsynced};
use crate::log::planted::{Bug, with};

/// What the tests find with a bug; each finding begins with one of these words.
fn assert_seen(bug: Bug, found: &[String], words: &[&str]) {
    let seen = found.iter().find(|one| words.iter().any(|word| one.starts_with(word)));
    let Some(seen) = seen else {
        panic!("{bug:?} is not seen, only {:?}", &found[..found.len().min(3)])
    };
    println!("planted {bug:?}: {} findings, such as: {seen}", found.len());
}

/// Without retention every old segment goes when there is a new base.
fn forgetful() -> Settings {
    Settings { retention_bytes: 0, ..small_settings() }
}

#[test]
fn crashes_show_them() {
    let settings = small_settings();
    let seldom = Settings { fsync: Fsync::No, ..small_settings() };
    assert_eq!(crashes(&forgetful(), 85), [""; 0]);
    let cases: [(Bug, Settings, u64, &[&str]); 6] = [
        (Bug::AckBeforeFsync, settings.clone(), 45, &["lost"]),
        (Bug::NoFolderFsync, settings.clone(), 45, &["lost", "refused"]),
        (Bug::BatchCutsGroup, settings.clone(), 9, &["refused", "a group was split"]),
        (Bug::ClaimsTooMuch, seldom, 60, &["refused"]),
        (Bug::BaseListedUnsynced, settings, 45, &["lost", "refused"]),
        (Bug::RemovedBeforeManifest, forgetful(), 45, &["refused"]),
    ];
    for (bug, settings, groups, words) in cases {
        assert_seen(bug, &with(bug, || crashes(&settings, groups)), words);
    }
}

#[test]
fn failed_operations_show_them() {
    let found = |bug| with(bug, || failures(&small_settings(), Failure::Error(EIO), false, 45));
    let retried = found(Bug::RetriedFsync);
    assert_seen(Bug::RetriedFsync, &retried, &["file"]);
    assert_seen(Bug::RetriedFsync, &retried, &["lost", "refused"]);
    let uncut = found(Bug::FailedSegmentNotCut);
    assert_seen(Bug::FailedSegmentNotCut, &uncut, &["cannot serve", "serves"]);
}

#[test]
fn flipped_bits_show_them() {
    for bug in [Bug::DurableTailCut, Bug::ChecksumSkipsAnnotation] {
        assert_seen(bug, &with(bug, flips), &["bit"]);
    }
}

/// A replica was sent what was written, the power goes, and the log goes on with something else.
/// Returns what replicas that may go on would never notice.
fn replicas_that_are_ahead() -> Vec<String> {
    let settings = Settings { fsync: Fsync::Everysec, ..small_settings() };
    let may_go_on = |log: &Log, lsn| {
        log.ids().continues(id(1).as_bytes(), lsn, log.positions().emitted) == Continues::Yes
    };
    let mut found = Vec::new();
    for ahead in 1..9 {
        let disk = SimDisk::new(&dir());
        let log = begin(&disk, &settings, 1);
        commit(&log, 0);
        log.sync_step();
        let durable = log.positions().synced;
        for n in 1..=ahead {
            commit(&log, n);
        }
        let sent = log.positions().written;
        let lost = Unsynced { bytes: Fate::Dropped, names: Fate::Dropped };
        let image = disk.crash(disk.effects(), lost);
        let log = begin(&image, &settings, 2);
        assert_eq!(log.positions().emitted, durable);
        assert!(may_go_on(&log, durable), "one that is not ahead may");
        while log.positions().emitted <= sent {
            log.append(&command(&["SET", "another", "history"]), 0);
        }
        if may_go_on(&log, sent) {
            found.push(format!("a replica at {sent} goes on over what was lost after {durable}"));
        }
    }
    found
}

#[test]
fn replicas_that_are_ahead_do_not_go_on() {
    assert_eq!(replicas_that_are_ahead(), [""; 0]);
    assert_seen(Bug::IdKept, &with(Bug::IdKept, replicas_that_are_ahead), &["a replica"]);
}
