//! What `coolcache check` has found, and how it says so.

use super::check::Options;
use super::verify::is_damage;
use crate::cli::tool::{self, Failure};
use crate::log::{
    ArchiveError, Corrupt, Kept, Lsn, ReadError, RecoverError, Recovered, ReplayError,
};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What is wrong, if something is.
    pub fault: Option<Fault>,
    /// Up to where the data is valid, if it has LSNs.
    pub valid_to: Option<Lsn>,
    /// From where it is readable.
    pub window_start: Option<Lsn>,
    /// Keys of base or RDB file.
    pub keys: u64,
    /// Records read, and how many of them another server wrote, without checksums.
    pub records: u64,
    pub foreign_records: u64,
    /// Where an RDB preamble ends.
    pub preamble: u64,
    /// Whether a server has the folder.
    pub in_use: bool,
    /// What was cut.
    pub kept: Vec<Kept>,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The end of what a crash interrupted: a start cuts it by itself.
    Torn,
    /// Bytes are not what they were.
    Damaged,
    /// The bytes are what was written, and a server does not take them.
    Refused,
}

/// Something wrong.
#[derive(Debug)]
pub(super) struct Fault {
    pub kind: Kind,
    pub file: PathBuf,
    /// Where the log can be cut.
    pub offset: Option<u64>,
    /// Expected and found.
    pub found: Option<(String, String)>,
    pub text: String,
    /// Bytes behind the last good one.
    pub bytes: Option<u64>,
}

impl Fault {
    /// A place whose bytes are wrong.
    pub fn at(place: &Corrupt, kind: Kind) -> Fault {
        Fault {
            kind,
            file: place.file.clone(),
            offset: Some(place.offset),
            found: Some((place.expected.clone(), place.found.clone())),
            text: place.to_string(),
            bytes: None,
        }
    }

    /// Something about a whole file, or a folder.
    pub fn about(file: &Path, kind: Kind, text: String) -> Fault {
        Fault { kind, file: file.to_path_buf(), offset: None, found: None, text, bytes: None }
    }

    /// What was refused of an RDB file, which cannot be cut.
    pub fn of_rdb(file: &Path, why: &ReplayError) -> Fault {
        let kind = if is_damage(why) { Kind::Damaged } else { Kind::Refused };
        Fault::about(file, kind, format!("{}: {why}", file.display()))
    }

    /// That recovery ends with an error; an error if it is one of the disk.
    pub fn of_recovery(error: &RecoverError) -> Result<Fault, Failure> {
        Ok(match error {
            RecoverError::Corrupt(place) => Fault::at(place, Kind::Damaged),
            RecoverError::Torn(place) => Fault::at(place, Kind::Torn),
            RecoverError::Folder { file, problem } => {
                Fault::about(file, Kind::Damaged, format!("{}: {problem}", file.display()))
            }
            RecoverError::Replay { file, source, .. }
                if file.extension().is_some_and(|ending| ending == "rdb") =>
            {
                Fault::of_rdb(file, source)
            }
            RecoverError::Replay { file, offset, source } => {
                let text = format!("{}: offset {offset}: {source}", file.display());
                let fault = Fault::of_rdb(file, source);
                Fault { offset: Some(*offset), text, ..fault }
            }
            RecoverError::Io { .. } => return Err(Failure::new(error.to_string())),
        })
    }

    /// That an archive cannot be read; an error if it is one of the disk.
    pub fn of_archive(error: ArchiveError) -> Result<Fault, Failure> {
        match error {
            ArchiveError::Read(ReadError::Corrupt(place)) => Ok(Fault::at(&place, Kind::Damaged)),
            ArchiveError::Folder { file, problem } => {
                let text = format!("{}: {problem}", file.display());
                Ok(Fault::about(&file, Kind::Damaged, text))
            }
            other => Err(Failure::new(other.to_string())),
        }
    }
}

impl Report {
    /// What recovery has read to its end.
    pub fn of(recovered: &Recovered) -> Report {
        let torn = recovered.torn.as_ref();
        let fault = torn
            .map(|torn| Fault { bytes: Some(torn.bytes), ..Fault::at(&torn.place, Kind::Torn) });
        Report {
            fault,
            valid_to: Some(recovered.last_lsn),
            records: recovered.records,
            foreign_records: recovered.foreign_records,
            ..Report::default()
        }
    }

    /// With this fault, whatever else is.
    pub fn with(self, fault: Fault) -> Report {
        Report { fault: Some(fault), ..self }
    }

    /// Whether the data is such as a start takes, perhaps after it has cut a torn tail.
    pub fn is_usable(&self) -> bool {
        self.fault.as_ref().is_none_or(|fault| fault.kind == Kind::Torn)
    }

    /// Says it all.
    pub fn print(&self, options: &Options) -> Result<(), Failure> {
        let mut out = tool::output()?;
        let written = if options.json {
            writeln!(out, "{}", self.as_json(options))
        } else {
            out.write_all(self.as_text(options).as_bytes())
        };
        written.and_then(|()| out.flush()).map_err(Failure::Output)
    }

    fn state(&self) -> &'static str {
        match self.fault.as_ref().map(|fault| fault.kind) {
            None => "intact",
            Some(Kind::Torn) => "torn",
            Some(Kind::Damaged) => "damaged",
            Some(Kind::Refused) => "refused",
        }
    }

    fn as_json(&self, options: &Options) -> Value {
        let kept = self.kept.iter().map(|kept| {
            json!({
                "from": kept.from.display().to_string(),
                "offset": kept.good,
                "bytes": kept.bytes,
                "kept": kept.kept.display().to_string(),
            })
        });
        let fault = self.fault.as_ref().map(|fault| {
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
            "state": self.state(),
            "valid_to": self.valid_to.map(|lsn| lsn.0),
            "window_start": self.window_start.map(|lsn| lsn.0),
            "keys": self.keys,
            "records": self.records,
            "foreign_records": self.foreign_records,
            "in_use": self.in_use,
            "fault": fault,
            "fixed": kept.collect::<Vec<_>>(),
        })
    }

    fn as_text(&self, options: &Options) -> String {
        let mut text = String::new();
        for Kept { from, good, bytes, kept } in &self.kept {
            let (from, kept) = (from.display(), kept.display());
            text.push_str(&format!(
                "cut {bytes} bytes of {from} behind offset {good}: kept in {kept}\n"
            ));
        }
        let valid = self.valid_to.map(|lsn| format!(": valid to LSN {lsn}")).unwrap_or_default();
        text.push_str(&format!("{}: {}{valid}", options.path.display(), self.state()));
        text.push_str(&format!(" ({} keys in the snapshot, {} records", self.keys, self.records));
        if self.foreign_records > 0 {
            let foreign = self.foreign_records;
            text.push_str(&format!(
                ", {foreign} of them written by another server, without checksums"
            ));
        }
        text.push_str(")\n");
        if let Some(start) = self.window_start {
            text.push_str(&format!("the log can be read from LSN {start}\n"));
        }
        if let Some(fault) = &self.fault {
            text.push_str(&format!("{}\n{}", fault.text, self.advice(fault)));
        }
        text
    }

    /// What can be done about a fault.
    fn advice(&self, fault: &Fault) -> String {
        let bytes = fault.bytes.map(|bytes| format!("{bytes} bytes are")).unwrap_or("it is".into());
        let is_rdb = fault.file.extension().is_some_and(|ending| ending == "rdb");
        match (fault.kind, fault.offset.filter(|_| !is_rdb)) {
            (Kind::Torn, _) if self.in_use => {
                "A server has the folder: it may be writing just there.\n".to_owned()
            }
            (Kind::Torn, _) => {
                format!("{bytes} cut by the next start of a server, or by --fix.\n")
            }
            (Kind::Damaged | Kind::Refused, Some(_)) => {
                "--fix --cut-corruption cuts the log there; what follows is lost.\n".to_owned()
            }
            (Kind::Damaged, None) => "This cannot be cut away: a backup is needed.\n".to_owned(),
            (Kind::Refused, None) => String::new(),
        }
    }
}
