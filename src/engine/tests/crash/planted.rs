//! The bugs put in on purpose that only the whole engine shows; `log::tests::planted` has the
//! others.

use super::config;
use super::points::{Figures, crashes};
use super::workload::Plan;
use crate::log::planted::{Bug, with};

fn figures() -> Figures {
    crashes(Plan { rewrite_every: 40, ..Plan::of(150) }, &config("--appendfsync always"))
}

#[test]
fn crashes_show_them() {
    assert_eq!(figures().found, [""; 0]);
    for (bug, words) in [
        (Bug::AckBeforeFsync, ["lost"].as_slice()),
        (Bug::ReadNotHeld, &["lost"]),
        (Bug::BatchCutsGroup, &["refused", "not a prefix"]),
        (Bug::SnapshotHoldsNext, &["refused", "not a prefix"]),
        (Bug::SnapshotLacksLast, &["refused", "not a prefix"]),
    ] {
        let figures = with(bug, figures);
        let seen = figures.found.iter().find(|one| words.iter().any(|word| one.starts_with(word)));
        let Some(seen) = seen else { panic!("{bug:?} is not seen: {:?}", figures.found) };
        println!("planted {bug:?}: {} findings, such as: {seen}", figures.found.len());
    }
}
