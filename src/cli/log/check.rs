//! `coolcache check`: are the files of a data folder what was written?

use super::disk;
use super::snapshot;
use super::verify::Verify;
use crate::base::disk::RealDisk;
use crate::cli::tool::{self, Ended, Failure, Progress, Verdict};
use crate::log::{
    self, Archive, ArchiveError, Corrupt, Kept, Lsn, Place, ReadError, RecoverError, Recovered,
    Settings, State, recover, recover_file,
};
use crate::rdb::{self, Rest};
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Verify a data folder, or one file of it, with the server's own readers
///
/// Reads the manifest, the base, all segments (those kept from before the base too) and a dump.rdb,
/// with all checksums, and says to which LSN the data is valid. A file by itself may be a segment,
/// an RDB file or an append-only file of any server.
#[derive(Debug, Args)]
#[command(after_help = "\
The outcome is one of
  intact   every byte is what was written
  torn     the last segment ends in the middle of what a crash was writing; nothing that was
           known to be on the disk is missing. A start of the server cuts it there, and so does
           --fix
  damaged  something that was written is gone or changed. The server does not start. --fix
           --cut-corruption cuts the log there: the data is then that of the LSN named as valid,
           and later changes are lost
What is cut is kept beside the log, in files that end in .cut-OFFSET, or .cut-OFFSET.2 and so on \
if there is one. Damage of the manifest or the base cannot be cut away.

A server may run on the folder, but for --fix. What it is writing just then may look torn.

Exit codes: 0 intact, or --fix has made it so; 1 torn or damaged; 2 it could not be looked at, or \
not fixed.

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

    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// What a look has found.
#[derive(Debug, Default)]
struct Report {
    /// What is wrong, if something is.
    fault: Option<Fault>,
    /// Up to where the data is valid, if it has LSNs.
    valid_to: Option<Lsn>,
    /// From where it is readable.
    window_start: Option<Lsn>,
    /// Keys of base or RDB file.
    keys: u64,
    /// Records read, and how many of them another server wrote, without checksums.
    records: u64,
    foreign_records: u64,
    /// Where an RDB preamble ends.
    preamble: u64,
    /// Whether a server has the folder.
    in_use: bool,
    /// What was cut.
    kept: Vec<Kept>,
}

/// Something wrong.
#[derive(Debug)]
struct Fault {
    /// A start cuts it by itself.
    torn: bool,
    file: PathBuf,
    offset: Option<u64>,
    /// Expected and found.
    found: Option<(String, String)>,
    text: String,
    /// Bytes behind the last good one.
    bytes: Option<u64>,
}

impl Fault {
    fn of(place: &Corrupt, torn: bool) -> Fault {
        Fault {
            torn,
            file: place.file.clone(),
            offset: Some(place.offset),
            found: Some((place.expected.clone(), place.found.clone())),
            text: place.to_string(),
            bytes: None,
        }
    }

    fn about(file: &Path, text: String) -> Fault {
        Fault {
            torn: false,
            file: file.to_path_buf(),
            offset: None,
            found: None,
            text,
            bytes: None,
        }
    }
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
    let mut report = target.look()?;
    report.in_use = !options.fix && target.is_in_use();
    if options.fix {
        let mut kept: Vec<Kept> = Vec::new();
        // Behind damage among the older segments there may be a torn tail.
        while let Some(fault) = report.fault.take_if(|fault| fault.torn || options.cut_corruption) {
            kept.extend(target.cut(&fault, report.preamble)?);
            report = target.look()?;
            if report.fault.as_ref().is_some_and(|still| still.text == fault.text) {
                return Err(Failure::new(format!("cannot be fixed by a cut: {}", fault.text)));
            }
        }
        report.kept = kept;
    }
    print(options, &report)?;
    Ok(if report.fault.is_some() { Verdict::Found } else { Verdict::Good })
}

/// What is looked at.
enum Target {
    /// A folder with a log that has a manifest.
    Log(Place),
    /// A data folder without: an RDB file or an append-only file of an old server in it.
    Folder(PathBuf),
    Rdb(PathBuf),
    Commands(PathBuf),
}

impl Target {
    fn of(path: &Path) -> Result<Target, Failure> {
        if path.is_dir() {
            let found = Place::find(&*disk(), path).map_err(|e| Failure::new(e.to_string()))?;
            return Ok(found.map_or_else(|| Target::Folder(path.to_path_buf()), Target::Log));
        }
        if path.extension().is_some_and(|ending| ending == "manifest") {
            return Target::of(path.parent().unwrap_or(Path::new(".")));
        }
        if path.extension().is_some_and(|ending| ending == "rdb") {
            return Ok(Target::Rdb(path.to_path_buf()));
        }
        let bytes = disk().map(path).map_err(Failure::about(path.display()))?;
        // With commands behind it, it is an append-only file.
        let is_rdb = rdb::is_rdb(&bytes) && snapshot::read(&bytes, Rest::Refuse).is_ok();
        let path = path.to_path_buf();
        Ok(if is_rdb { Target::Rdb(path) } else { Target::Commands(path) })
    }

    /// The folders of which a server may have one.
    fn folders(&self) -> Vec<&Path> {
        match self {
            Target::Log(place) => vec![&place.dir],
            Target::Folder(dir) => vec![dir],
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

    fn look(&self) -> Result<Report, Failure> {
        match self {
            Target::Log(place) => look_at_log(place),
            Target::Folder(dir) => look_at_folder(&Settings::new(dir.clone())),
            Target::Rdb(path) => Ok(look_at_rdb(path)),
            Target::Commands(path) => {
                let progress = Progress::bytes(length(path), "checking");
                let mut verify = Verify::new(disk(), progress);
                let outcome = recover_file(disk(), path, &mut verify);
                let mut report = of_recovery(outcome, &verify)?;
                // Plain commands have no LSNs.
                report.valid_to = report.valid_to.filter(|lsn| *lsn > Lsn(0));
                Ok(report)
            }
        }
    }

    /// Cuts a fault away.
    fn cut(&self, fault: &Fault, preamble: u64) -> Result<Vec<Kept>, Failure> {
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

fn look_at_rdb(path: &Path) -> Report {
    match snapshot::whole(&*disk(), path) {
        Ok(snapshot) => Report { valid_to: snapshot.lsn, keys: snapshot.keys, ..Report::default() },
        Err(error) => {
            let text = format!("{}: {error}", path.display());
            Report { fault: Some(Fault::about(path, text)), ..Report::default() }
        }
    }
}

fn look_at_folder(settings: &Settings) -> Result<Report, Failure> {
    let single = length(&settings.dir.join(&settings.appendfilename));
    let total = single.max(length(&settings.dir.join(&settings.dbfilename)));
    let mut verify = Verify::new(disk(), Progress::bytes(total, "checking"));
    let mut report = of_recovery(recover(disk(), settings, &mut verify), &verify)?;
    if single > 0 {
        report.valid_to = None;
        add_dump(settings, &mut report);
    }
    Ok(report)
}

/// A folder with a manifest: what a start would read, then what it would not.
fn look_at_log(place: &Place) -> Result<Report, Failure> {
    let settings = place.settings();
    let archive = match Archive::open(disk(), place) {
        Ok(archive) => archive,
        Err(error) => return of_archive(error, Report::default()),
    };
    let mut verify = Verify::new(disk(), Progress::bytes(archive.bytes(), "checking"));
    let mut tries = 0;
    let outcome = loop {
        match recover(disk(), &settings, &mut verify) {
            // A server has replaced its base meanwhile.
            Err(RecoverError::Folder { .. } | RecoverError::Io { .. }) if tries < 3 => tries += 1,
            other => break other,
        }
    };
    let mut report = of_recovery(outcome, &verify)?;
    drop(verify);
    report.window_start = archive.window_start();
    // Without its base the log is of no use, and what a refused record would do nobody knows.
    let is_of_a_segment = |fault: &Fault| {
        fault.found.is_some() && archive.pieces().iter().any(|piece| piece.path == fault.file)
    };
    if report.valid_to.is_none() && report.fault.as_ref().is_some_and(is_of_a_segment) {
        report.valid_to = valid_to(place);
    }
    if report.fault.as_ref().is_none_or(|fault| fault.torn)
        && let Err(error) = read_retained(archive)
    {
        report = of_archive(error, report)?;
    }
    add_dump(&settings, &mut report);
    Ok(report)
}

/// Adds what is wrong with a dump.rdb that lies beside a log.
fn add_dump(settings: &Settings, report: &mut Report) {
    let dump = settings.dir.join(&settings.dbfilename);
    if report.fault.is_none() && disk().exists(&dump).unwrap_or(false) {
        report.fault = look_at_rdb(&dump).fault;
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

fn of_recovery(
    outcome: Result<Recovered, RecoverError>,
    verify: &Verify,
) -> Result<Report, Failure> {
    let (keys, preamble) = (verify.keys, verify.preamble);
    let report = Report { keys, preamble, ..Report::default() };
    let fault = match outcome {
        Ok(recovered) => {
            let fault = recovered
                .torn
                .as_ref()
                .map(|torn| Fault { bytes: Some(torn.bytes), ..Fault::of(&torn.place, true) });
            return Ok(Report {
                fault,
                valid_to: Some(recovered.last_lsn),
                records: recovered.records,
                foreign_records: recovered.foreign_records,
                ..report
            });
        }
        Err(RecoverError::Corrupt(place)) => Fault::of(&place, false),
        Err(RecoverError::Torn(place)) => Fault::of(&place, true),
        Err(RecoverError::Folder { file, problem }) => {
            let text = format!("{}: {problem}", file.display());
            Fault::about(&file, text)
        }
        Err(RecoverError::Replay { file, offset, source }) => {
            let text = format!("{}: offset {offset}: {source}", file.display());
            Fault { offset: Some(offset), ..Fault::about(&file, text) }
        }
        Err(error @ RecoverError::Io { .. }) => return Err(Failure::new(error.to_string())),
    };
    Ok(Report { fault: Some(fault), ..report })
}

fn of_archive(error: ArchiveError, report: Report) -> Result<Report, Failure> {
    let fault = match error {
        ArchiveError::Read(ReadError::Corrupt(place)) => Fault::of(&place, false),
        ArchiveError::Folder { file, problem } => {
            let text = format!("{}: {problem}", file.display());
            Fault::about(&file, text)
        }
        other => return Err(Failure::new(other.to_string())),
    };
    Ok(Report { fault: Some(fault), ..report })
}

fn print(options: &Options, report: &Report) -> Result<(), Failure> {
    let mut out = tool::output()?;
    let written = if options.json {
        writeln!(out, "{}", as_json(options, report))
    } else {
        out.write_all(as_text(options, report).as_bytes())
    };
    written.and_then(|()| out.flush()).map_err(Failure::Output)
}

fn state(report: &Report) -> &'static str {
    match &report.fault {
        None => "intact",
        Some(fault) if fault.torn => "torn",
        Some(_) => "damaged",
    }
}

fn as_json(options: &Options, report: &Report) -> Value {
    let kept = report.kept.iter().map(|kept| {
        json!({
            "from": kept.from.display().to_string(),
            "offset": kept.good,
            "bytes": kept.bytes,
            "kept": kept.kept.display().to_string(),
        })
    });
    let fault = report.fault.as_ref().map(|fault| {
        json!({
            "file": fault.file.display().to_string(),
            "offset": fault.offset,
            "expected": fault.found.as_ref().map(|(expected, _)| expected),
            "found": fault.found.as_ref().map(|(_, found)| found),
            "bytes": fault.bytes,
            "text": fault.text,
        })
    });
    json!({
        "path": options.path.display().to_string(),
        "state": state(report),
        "valid_to": report.valid_to.map(|lsn| lsn.0),
        "window_start": report.window_start.map(|lsn| lsn.0),
        "keys": report.keys,
        "records": report.records,
        "foreign_records": report.foreign_records,
        "in_use": report.in_use,
        "fault": fault,
        "fixed": kept.collect::<Vec<_>>(),
    })
}

fn as_text(options: &Options, report: &Report) -> String {
    let mut text = String::new();
    for Kept { from, good, bytes, kept } in &report.kept {
        let (from, kept) = (from.display(), kept.display());
        text.push_str(&format!(
            "cut {bytes} bytes of {from} behind offset {good}: kept in {kept}\n"
        ));
    }
    let valid = report.valid_to.map(|lsn| format!(": valid to LSN {lsn}")).unwrap_or_default();
    text.push_str(&format!("{}: {}{valid}", options.path.display(), state(report)));
    text.push_str(&format!(" ({} keys in the snapshot, {} records", report.keys, report.records));
    if report.foreign_records > 0 {
        let foreign = report.foreign_records;
        text.push_str(&format!(", {foreign} of them written by another server, without checksums"));
    }
    text.push_str(")\n");
    if let Some(start) = report.window_start {
        text.push_str(&format!("the log can be read from LSN {start}\n"));
    }
    if let Some(fault) = &report.fault {
        text.push_str(&format!("{}\n", fault.text));
        let bytes = fault.bytes.map(|bytes| format!("{bytes} bytes are")).unwrap_or("it is".into());
        text.push_str(&match (fault.torn, report.in_use) {
            (true, true) => "A server has the folder: it may be writing just there.\n".to_owned(),
            (true, false) => format!("{bytes} cut by the next start of a server, or by --fix.\n"),
            (false, _) if fault.offset.is_some() => {
                "--fix --cut-corruption cuts the log there; what follows is lost.\n".to_owned()
            }
            (false, _) => "This cannot be cut away: a backup is needed.\n".to_owned(),
        });
    }
    text
}
