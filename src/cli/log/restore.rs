//! `coolcache restore`: the data as it was at an LSN or a time.

use super::snapshot::{self, Snapshot};
use super::verify::{Depth, Verify};
use super::{disk, time};
use crate::base::disk::Disk;
use crate::base::limits::DATABASES_MAX;
use crate::base::rng;
use crate::cli::tool::{self, Ended, Failure, Progress, Verdict};
use crate::log::{self, Archive, Base, Continues, Ids, Lsn, Place, Restored, Target, recover};
use clap::Args;
use serde_json::json;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Restore the data as it was at an LSN or a time, into a new folder
///
/// Begins with the newest base that is old enough (the log's own, the folder's dump.rdb, those
/// given with --base) and copies the records after it, up to and including the last one wanted. The
/// source is only read; a server may run on it. A server started with --dir OUT has the data.
#[derive(Debug, Args)]
#[command(after_help = "\
An LSN counts the bytes of records: `coolcache log cat` shows the one behind each record, LOG INFO \
and INFO the present one. It must be at the end of a record that is in no MULTI...EXEC, or of an \
EXEC. Times are the second in which a record was written.

What can be restored: from the LSN of the oldest base at hand to the end of the log. Segments older \
than the log's base are kept as log-retention-bytes and log-retention-seconds say; they need an \
older base (a copy of a dump.rdb that this server saved) before them: --base.

Exit codes: 0 restored; 2 nothing was restored.

Examples:
  coolcache restore --dir /var/lib/coolcache --to-lsn 123456 --out /tmp/restored
  coolcache restore --dir /var/lib/coolcache --to-time 2026-11-22T17:00:00Z --out /tmp/restored
  coolcache restore --dir data --base backup/monday.rdb --to-time 1700000000 --out /tmp/restored
  coolcache --dir /tmp/restored --port 7000")]
pub struct Options {
    /// The data folder (or the log's folder in it)
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,

    /// Restore to this LSN
    #[arg(long, value_name = "LSN", conflicts_with = "to_time")]
    pub to_lsn: Option<u64>,

    /// Restore to the end of this second: Unix seconds, or RFC 3339 (2026-11-22T17:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub to_time: Option<u64>,

    /// Restore all there is
    #[arg(long, conflicts_with_all = ["to_time", "to_lsn"],
        required_unless_present_any = ["to_time", "to_lsn"])]
    pub to_end: bool,

    /// The folder to restore into: new, or empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// An RDB file that this log's server saved, to begin with; may be given several times
    #[arg(long, value_name = "FILE")]
    pub base: Vec<PathBuf>,

    /// Print what was done as JSON
    #[arg(long)]
    pub json: bool,
}

impl Options {
    fn target(&self) -> Target {
        match (self.to_lsn, self.to_time) {
            (Some(lsn), _) => Target::Lsn(Lsn(lsn)),
            (None, Some(seconds)) => Target::Time(seconds),
            (None, None) => Target::End,
        }
    }
}

/// Runs the tool.
pub fn run(options: &Options) -> Ended {
    let disk = disk();
    let out = std::path::absolute(&options.out).map_err(Failure::about(options.out.display()))?;
    must_be_empty(&*disk, &out)?;
    let archive = super::archive(&options.dir)?;
    let base = choose(&archive, options)?;
    let place = Place { dir: out.clone(), ..archive.place().clone() };
    let progress = Progress::bytes(0, "restoring");
    let restored =
        log::restore(&archive, &base, options.target(), &place, rng::os_u64(), &mut |done| {
            progress.set(done);
        });
    drop(progress);
    let restored = restored.map_err(|error| Failure::new(error.to_string()))?;
    let keys = verify(&place, &restored)?;
    tell(options, &base, &restored, keys)
}

fn must_be_empty(disk: &dyn Disk, out: &Path) -> Result<(), Failure> {
    match disk.list(out) {
        Ok(names) if names.is_empty() => Ok(()),
        Ok(_) => Err(Failure::new(format!(
            "{}: there is something in it: name a folder that is new or empty",
            out.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::about(out.display())(error)),
    }
}

/// A base that could be begun with, and why not if so.
struct Candidate {
    base: Base,
    unfit: Option<String>,
}

/// The newest base that is not behind the target and that the log continues.
fn choose(archive: &Archive, options: &Options) -> Result<Base, Failure> {
    let mut candidates = Vec::new();
    match (archive.base(), archive.base_lsn()) {
        (Some(path), Some(lsn)) => {
            let seconds = snapshot::facts(&**archive.disk(), path).unwrap_or_default().seconds;
            let base = Base { path: Some(path.to_path_buf()), lsn, seconds };
            candidates.push(Candidate { base, unfit: None });
        }
        (None, Some(_)) if archive.window_start() == Some(Lsn(0)) => {
            let base = Base { path: None, lsn: Lsn(0), seconds: None };
            candidates.push(Candidate { base, unfit: None });
        }
        _ => {}
    }
    let dump = archive.place().dir.join("dump.rdb");
    let is_there = archive.disk().exists(&dump).unwrap_or(false);
    let given = options.base.iter().map(|path| (path.clone(), true));
    for (path, must) in given.chain(is_there.then_some((dump, false))) {
        match snapshot::facts(&**archive.disk(), &path) {
            Ok(facts) => candidates.extend(candidate(archive, path, &facts)),
            Err(error) if must => return Err(Failure::about(path.display())(error)),
            // Not what was asked for: the other bases may do.
            Err(error) => tool::say(&format!("{}: {error}", path.display())),
        }
    }
    for candidate in &mut candidates {
        let Base { lsn, seconds, .. } = candidate.base;
        let late = match options.target() {
            Target::Lsn(target) => lsn > target,
            Target::Time(target) => seconds.is_some_and(|seconds| seconds > target),
            Target::End => false,
        };
        if late && candidate.unfit.is_none() {
            candidate.unfit = Some("it is of a later moment".to_owned());
        }
    }
    let fit = candidates.iter().filter(|candidate| candidate.unfit.is_none());
    match fit.max_by_key(|candidate| candidate.base.lsn) {
        Some(candidate) => Ok(candidate.base.clone()),
        None => Err(Failure::new(no_base(archive, &candidates))),
    }
}

/// What an RDB file is good for; nothing if it does not say its LSN.
fn candidate(archive: &Archive, path: PathBuf, facts: &Snapshot) -> Option<Candidate> {
    let lsn = facts.lsn?;
    let id = facts.id.as_deref().unwrap_or_default();
    // What an older segment says of its time does not count: a power loss may have taken the end
    // of its history, on which the snapshot stands, and another one has gone on from before it.
    let goes_on = |ids: &Ids| ids.continues(id.as_bytes(), lsn, Lsn(u64::MAX)) == Continues::Yes;
    let is_of_history = archive.ids().is_some_and(goes_on);
    let start = archive.window_start().unwrap_or_default();
    let unfit = if !is_of_history {
        Some("this log does not continue it".to_owned())
    } else if lsn < start {
        Some(format!("the log is kept from LSN {start} only"))
    } else {
        ahead(archive, lsn)
    };
    let base = Base { path: Some(path), lsn, seconds: facts.seconds };
    Some(Candidate { base, unfit })
}

/// Why the log cannot go on from an LSN: it ends before.
fn ahead(archive: &Archive, lsn: Lsn) -> Option<String> {
    let newest = archive.pieces().iter().rev().find_map(|piece| piece.first);
    if newest.is_some_and(|first| lsn <= first) {
        return None;
    }
    match archive.end() {
        Ok(end) if lsn <= end => None,
        Ok(end) => Some(format!("the log ends before it, at LSN {end}")),
        Err(error) => Some(format!("whether the log reaches it cannot be read: {error}")),
    }
}

fn no_base(archive: &Archive, candidates: &[Candidate]) -> String {
    let start = archive.window_start().unwrap_or_default();
    let mut text = format!("no base to begin with; the log is kept from LSN {start}");
    for Candidate { base, unfit } in candidates {
        let path =
            base.path.as_deref().map_or("nothing".to_owned(), |path| path.display().to_string());
        let time = base.seconds.map(|seconds| format!(" of {}", time::shown(seconds)));
        let (time, unfit) = (time.unwrap_or_default(), unfit.as_deref().unwrap_or_default());
        text.push_str(&format!("\n  {path}: LSN {}{time}: {unfit}", base.lsn));
    }
    text.push_str("\nGive an older RDB file of this server with --base.");
    text
}

/// Reads what was written as a start would, but for running it: the records are those of a server
/// that ran them. Returns the base's keys.
fn verify(place: &Place, restored: &Restored) -> Result<u64, Failure> {
    let progress = Progress::bytes(0, "verifying");
    let depth = Depth { runs: false, databases: DATABASES_MAX };
    let mut verify = Verify::new(disk(), progress, depth)?;
    let recovered = recover(disk(), &place.settings(), &mut verify)
        .map_err(Failure::about("what was restored does not read back"))?;
    if recovered.last_lsn != restored.lsn || recovered.torn.is_some() {
        return Err(Failure::new(format!(
            "what was restored reads back to LSN {} only, not {}",
            recovered.last_lsn, restored.lsn
        )));
    }
    Ok(verify.keys())
}

fn tell(options: &Options, base: &Base, restored: &Restored, keys: u64) -> Ended {
    let mut out = tool::output()?;
    let path = base.path.as_deref().map(|path| path.display().to_string());
    let Restored { lsn, records, seconds } = restored;
    let written = if options.json {
        let report = json!({
            "out": options.out.display().to_string(),
            "lsn": lsn.0,
            "time": seconds,
            "records": records,
            "base": { "file": path, "lsn": base.lsn.0, "time": base.seconds, "keys": keys },
        });
        writeln!(out, "{report}")
    } else {
        let time = seconds.map(|seconds| format!(", written {}", time::shown(seconds)));
        let base = match path {
            Some(path) => format!("{path} (LSN {}, {keys} keys)", base.lsn),
            None => "an empty data set".to_owned(),
        };
        writeln!(
            out,
            "{}: restored to LSN {lsn}{}: {base} and {records} records behind it; verified",
            options.out.display(),
            time.unwrap_or_default()
        )
    };
    written.and_then(|()| out.flush()).map_err(Failure::Output)?;
    Ok(Verdict::Good)
}
