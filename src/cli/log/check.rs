//! `coolcache check`: are the files of a data folder what was written?

use super::disk;
use super::report::{Fault, Kind, Report};
use super::snapshot;
use super::verify::{Depth, Verify};
use crate::admin::Config;
use crate::base::disk::RealDisk;
use crate::base::limits::DATABASES_MAX;
use crate::cli::tool::{Ended, Failure, Progress, Verdict};
use crate::engine::offline::log_in;
use crate::log::{
    self, Archive, ArchiveError, Kept, Lsn, Place, RecoverError, Replay, ReplayError, Settings,
    State, recover_file, recover_in_use,
};
use crate::rdb::{self, Rest};
use clap::Args;
use std::path::{Path, PathBuf};

/// Verify a data folder, or one file of it, with the server's own readers
///
/// Reads the manifest, the base, all segments (those kept from before the base too) and a dump.rdb,
/// with all checksums, and says to which LSN the data is valid. What a start would load is loaded,
/// what it would run is run. A file by itself may be a segment, an RDB file or an append-only file
/// of any server.
#[derive(Debug, Args)]
#[command(after_help = "\
The outcome is one of
  intact   every byte is what was written, and a start of the server loads it
  torn     the last segment ends in the middle of what a crash was writing; nothing that was
           known to be on the disk is missing. A start of the server cuts it there, and so does
           --fix
  damaged  something that was written is gone or changed. The server does not start. --fix
           --cut-corruption cuts the log there: the data is then that of the LSN named as valid,
           and later changes are lost
  refused  the bytes are what was written, and the server does not start with them: a module's
           value, functions, more databases than it has, a command that fails
What is cut is kept beside the log, in files that end in .cut-OFFSET, or .cut-OFFSET.2 and so on \
if there is one. Damage of the manifest or the base cannot be cut away.

The data is gathered in memory, as much as a server with it takes; --structure-only needs little, \
and does not see a command that would fail. A segment by itself is not run, nor what lies beside \
the data that a start loads: a dump.rdb beside a log, segments from before the base.

A server may run on the folder, but for --fix. What it is writing just then may look torn.

Exit codes: 0 intact, or --fix has made it so; 1 torn, damaged or refused; 2 it could not be \
looked at, or not fixed.

Examples:
  coolcache check /var/lib/coolcache
  coolcache check --fix --cut-corruption /var/lib/coolcache
  coolcache check --json dump.rdb")]
pub struct Options {
    /// A data folder, the log's folder in it, or a file
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub path: PathBuf,

    /// Cut off a torn tail
    #[arg(long)]
    pub fix: bool,

    /// With --fix: cut the log at damage, too
    #[arg(long, requires = "fix")]
    pub cut_corruption: bool,

    /// Run and load nothing, in little memory: look commands up, decode values one at a time
    #[arg(long)]
    pub structure_only: bool,

    /// Databases that the server is started with
    #[arg(long, value_name = "N", default_value_t = Config::default().databases(),
        value_parser = databases)]
    pub databases: usize,

    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

fn databases(word: &str) -> Result<usize, String> {
    let number = word.parse().ok().filter(|number| (1..=DATABASES_MAX).contains(number));
    number.ok_or_else(|| format!("not from 1 to {DATABASES_MAX}"))
}

/// Runs the tool.
pub fn run(options: &Options) -> Ended {
    let shown = options.path.display();
    let path = std::path::absolute(&options.path).map_err(Failure::about(&shown))?;
    if !disk().exists(&path).map_err(Failure::about(&shown))? {
        return Err(Failure::new(format!("{shown}: no such file or folder")));
    }
    let target = Target::of(&path)?;
    let _own = if options.fix { target.lock()? } else { Vec::new() };
    let depth = Depth { runs: !options.structure_only, databases: options.databases };
    let mut report = target.look(depth)?;
    report.in_use = !options.fix && target.is_in_use();
    if options.fix {
        let may_cut = |fault: &mut Fault| fault.kind == Kind::Torn || options.cut_corruption;
        let mut kept: Vec<Kept> = Vec::new();
        // Behind damage among the older segments there may be a torn tail.
        while let Some(fault) = report.fault.take_if(may_cut) {
            kept.extend(target.cut(&fault, report.preamble)?);
            report = target.look(depth)?;
            if report.fault.as_ref().is_some_and(|still| still.text == fault.text) {
                return Err(Failure::new(format!("cannot be fixed by a cut: {}", fault.text)));
            }
        }
        report.kept = kept;
    }
    report.print(options)?;
    Ok(if report.fault.is_some() { Verdict::Found } else { Verdict::Good })
}

/// What is looked at.
enum Target {
    /// A folder with a log that has a manifest.
    Log(Place),
    /// A data folder without: an RDB file or an append-only file of an old server in it.
    Folder(Place),
    Rdb(PathBuf),
    Commands(PathBuf),
}

impl Target {
    fn of(path: &Path) -> Result<Target, Failure> {
        if path.is_dir() {
            let failed = |error: ArchiveError| Failure::new(error.to_string());
            let found = Place::find(&*disk(), path).map_err(failed)?;
            return match found {
                Some(place) => Ok(Target::Log(place)),
                None => Ok(Target::Folder(log_in(&*disk(), path).map_err(failed)?)),
            };
        }
        if path.extension().is_some_and(|ending| ending == "manifest") {
            return Target::of(path.parent().unwrap_or(Path::new(".")));
        }
        if path.extension().is_some_and(|ending| ending == "rdb") {
            return Ok(Target::Rdb(path.to_path_buf()));
        }
        let bytes = disk().map(path).map_err(Failure::about(path.display()))?;
        // With commands behind it, it is an append-only file.
        let is_rdb = rdb::is_rdb(&bytes) && snapshot::read(&bytes, Rest::Refuse, None).is_ok();
        let path = path.to_path_buf();
        Ok(if is_rdb { Target::Rdb(path) } else { Target::Commands(path) })
    }

    /// The folders of which a server may have one.
    fn folders(&self) -> Vec<&Path> {
        match self {
            Target::Log(place) | Target::Folder(place) => vec![&place.dir],
            // In the data folder, or in the log's folder in it.
            Target::Rdb(path) | Target::Commands(path) => {
                path.ancestors().skip(1).take(2).collect()
            }
        }
    }

    /// Keeps servers away while files are changed.
    fn lock(&self) -> Result<Vec<std::fs::File>, Failure> {
        let lock = |dir: &Path| {
            RealDisk::lock_folder(dir).map_err(Failure::about(format!(
                "{}: a server runs on it, or it cannot be locked: nothing is changed",
                dir.display()
            )))
        };
        self.folders().into_iter().map(lock).collect()
    }

    fn is_in_use(&self) -> bool {
        let is_locked = |dir: &&Path| {
            let locked = RealDisk::lock_folder(dir);
            locked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        };
        self.folders().iter().any(is_locked)
    }

    fn look(&self, depth: Depth) -> Result<Report, Failure> {
        match self {
            Target::Log(place) => look_at_log(place, depth),
            Target::Folder(place) => look_at_folder(&place.settings(), depth),
            Target::Rdb(path) => look_at_rdb(path, depth),
            Target::Commands(path) => look_at_commands(path, depth),
        }
    }

    /// Cuts a fault away.
    fn cut(&self, fault: &Fault, preamble: u64) -> Result<Vec<Kept>, Failure> {
        let is_rdb = fault.file.extension().is_some_and(|ending| ending == "rdb");
        if is_rdb || (fault.kind == Kind::Refused && fault.offset.is_none()) {
            return Err(Failure::new(format!("cannot be fixed by a cut: {}", fault.text)));
        }
        let offset = fault.offset.unwrap_or(u64::MAX);
        let cut = match self {
            Target::Log(place) => log::cut(&*disk(), place, &fault.file, offset),
            Target::Folder(_) | Target::Commands(_) => {
                log::cut_file(&*disk(), &fault.file, preamble, offset).map(|kept| vec![kept])
            }
            Target::Rdb(path) => {
                let text = "an RDB file is intact or of no use: it cannot be cut";
                return Err(Failure::new(format!("{}: {text}", path.display())));
            }
        };
        cut.map_err(|error| Failure::new(format!("cannot be fixed: {}: {error}", fault.text)))
    }
}

fn length(path: &Path) -> u64 {
    disk().open_read(path).and_then(|file| file.len()).unwrap_or(0)
}

/// What reading has come to: what was found, or what recovery or a file was refused for.
type Outcome = Result<Report, Refusal>;

enum Refusal {
    Recovery(RecoverError),
    Rdb(PathBuf, ReplayError),
}

impl Refusal {
    /// Whether a server with more databases might take it.
    fn may_be_of_databases(&self) -> bool {
        matches!(self, Refusal::Rdb(..) | Refusal::Recovery(RecoverError::Replay { .. }))
    }

    fn fault(&self) -> Result<Fault, Failure> {
        match self {
            Refusal::Recovery(error) => Fault::of_recovery(error),
            Refusal::Rdb(file, why) => Ok(Fault::of_rdb(file, why)),
        }
    }
}

/// Reads into a [`Verify`] of this depth. What is refused is read once more for a server with as
/// many databases as there can be: that it has too few is another thing than that something is
/// wrong with the data.
fn read(
    depth: Depth,
    bytes: u64,
    once: impl Fn(&dyn Fn() -> Result<Verify, Failure>) -> Result<(Verify, Outcome), Failure>,
) -> Result<Report, Failure> {
    let to_end =
        |depth: Depth| once(&|| Verify::new(disk(), Progress::bytes(bytes, "checking"), depth));
    let whole = |verify: &Verify, report: Report| Report {
        keys: verify.keys(),
        preamble: verify.preamble,
        ..report
    };
    let (verify, outcome) = to_end(depth)?;
    let refusal = match outcome {
        Ok(report) => return Ok(whole(&verify, report)),
        Err(refusal) => refusal,
    };
    let refused = whole(&verify, Report::default()).with(refusal.fault()?);
    // Before the next is filled.
    drop(verify);
    let depth_of_all = Depth { databases: DATABASES_MAX, ..depth };
    if !refusal.may_be_of_databases() || depth == depth_of_all {
        return Ok(refused);
    }
    let (verify, outcome) = to_end(depth_of_all)?;
    let report = match outcome {
        Ok(report) => report,
        Err(again) if again.may_be_of_databases() => return Ok(refused),
        Err(other) => Report::default().with(other.fault()?),
    };
    let (has, needs) = (depth.databases, verify.databases_needed());
    let file = refused.fault.map(|fault| fault.file).unwrap_or_default();
    let text = format!(
        "{}: a server with {has} databases does not take it: start it with --databases {} or more \
         (check has this option too)",
        file.display(),
        needs.max(has as u64 + 1)
    );
    Ok(whole(&verify, report).with(Fault::about(&file, Kind::Refused, text)))
}

fn look_at_rdb(path: &Path, depth: Depth) -> Result<Report, Failure> {
    read(depth, length(path), |new| {
        let mut verify = new()?;
        let outcome = match verify.base(path) {
            Ok(info) => Ok(Report { valid_to: info.lsn, ..Report::default() }),
            Err(why) => Err(Refusal::Rdb(path.to_path_buf(), why)),
        };
        Ok((verify, outcome))
    })
}

fn look_at_commands(path: &Path, depth: Depth) -> Result<Report, Failure> {
    // A segment goes on from data that are not here.
    let is_segment = path.to_str().is_some_and(|name| name.ends_with(".incr.aof"));
    let depth = Depth { runs: depth.runs && !is_segment, ..depth };
    let mut report = read(depth, length(path), |new| {
        let mut verify = new()?;
        let outcome = recover_file(disk(), path, &mut verify);
        Ok((verify, outcome.map(|it| Report::of(&it)).map_err(Refusal::Recovery)))
    })?;
    // Plain commands have no LSNs.
    report.valid_to = report.valid_to.filter(|lsn| *lsn > Lsn(0));
    Ok(report)
}

/// Reads what a start on a folder would.
fn recover_folder(settings: &Settings, depth: Depth, bytes: u64) -> Result<Report, Failure> {
    read(depth, bytes, |new| {
        let (verify, outcome) = recover_in_use(&disk(), settings, new)?;
        Ok((verify, outcome.map(|it| Report::of(&it)).map_err(Refusal::Recovery)))
    })
}

fn look_at_folder(settings: &Settings, depth: Depth) -> Result<Report, Failure> {
    let single = length(&settings.dir.join(&settings.appendfilename));
    let total = single.max(length(&settings.dir.join(&settings.dbfilename)));
    let mut report = recover_folder(settings, depth, total)?;
    if total == 0 && report.fault.is_none() {
        let dir = settings.dir.display();
        return Err(Failure::new(format!("{dir}: there is no data: no log, and no dump.rdb")));
    }
    if single > 0 {
        report.valid_to = None;
        add_dump(settings, &mut report);
    }
    Ok(report)
}

/// A folder with a manifest: what a start would read, then what it would not.
fn look_at_log(place: &Place, depth: Depth) -> Result<Report, Failure> {
    let settings = place.settings();
    let archive = match Archive::open(disk(), place) {
        Ok(archive) => archive,
        Err(error) => return Ok(Report::default().with(Fault::of_archive(error)?)),
    };
    let mut report = recover_folder(&settings, depth, archive.bytes())?;
    report.window_start = archive.window_start();
    // Without its base the log is of no use, and what a refused record would do nobody knows.
    let is_of_a_segment = |fault: &Fault| {
        fault.found.is_some() && archive.pieces().iter().any(|piece| piece.path == fault.file)
    };
    if report.valid_to.is_none() && report.fault.as_ref().is_some_and(is_of_a_segment) {
        report.valid_to = valid_to(place);
    }
    if report.is_usable()
        && let Err(error) = read_retained(archive)
    {
        report = report.with(Fault::of_archive(error)?);
    }
    add_dump(&settings, &mut report);
    Ok(report)
}

/// Adds what is wrong with a dump.rdb that lies beside a log: that a server would refuse it is not,
/// since none loads it.
fn add_dump(settings: &Settings, report: &mut Report) {
    let dump = settings.dir.join(&settings.dbfilename);
    if report.fault.is_none() && disk().exists(&dump).unwrap_or(false) {
        let read = snapshot::whole(&*disk(), &dump);
        report.fault = read.err().map(|error| Fault::of_rdb(&dump, &error.into()));
    }
}

/// Reads the segments from before the base, as far back as they lead to it without a hole.
fn read_retained(archive: Archive) -> Result<(), ArchiveError> {
    let Some(base) = archive.base_lsn() else { return Ok(()) };
    if archive.pieces().iter().any(|piece| piece.retained && piece.first.is_none()) {
        let broken = archive.pieces().iter().rposition(|piece| piece.first.is_none());
        let broken = broken.and_then(|index| archive.pieces().get(index));
        let file = broken.map(|piece| piece.path.clone()).unwrap_or_default();
        let problem = "its opener is damaged".to_owned();
        return Err(ArchiveError::Folder { file, problem });
    }
    let mut follower = archive.follow(None)?;
    while follower.at() < base && *follower.state() == State::More {
        follower.visit(&mut |_| {})?;
    }
    Ok(())
}

/// How far a log can be read that recovery refuses.
fn valid_to(place: &Place) -> Option<Lsn> {
    let archive = Archive::open(disk(), place).ok()?;
    let base = archive.base_lsn()?;
    let mut follower = archive.follow(Some(base)).ok()?;
    let mut at = base;
    while follower.visit(&mut |_| {}).is_ok() {
        at = follower.at();
        if *follower.state() != State::More {
            break;
        }
    }
    Some(at)
}
