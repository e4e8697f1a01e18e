//! `coolcache rdb-load`: keys from files into a server or a new data folder.
//!
//! How keys are sent is in `loader.rs`; this is the command line, and how a folder comes about.

use super::commands::{Commands, Form};
use super::dump::tell_left_out;
use super::input;
use super::loader::{Done, Existing, Loader};
use super::select::{Omitted, Select, Selection};
use super::target::{Login, Server, Target};
use crate::admin::Config;
use crate::base::disk::{Disk, RealDisk, plain};
use crate::cli::tool::{self, Ended, Failure};
use crate::engine::offline::Offline;
use clap::Args;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Existing keys end the load, unless --replace or --skip says what becomes of them; what was loaded
before stays. With --dir the same holds for a key that is in two FILEs.

--into takes any server that speaks RESP. Values go as RESTORE with the bytes of the file where the
server takes that payload, else as plain commands: these cannot make pending entries that were
deleted from their stream.

--dir makes a new folder that `coolcache --dir DIR` starts from. All is gathered in memory first,
and the folder appears complete. A folder that exists is not touched; with --replace it is moved to
DIR.replaced.

Exit codes: 0 all was loaded (or skipped, with --skip); 1 something was left out that cannot be
decoded, or that the server has no command for; 2 the load ended early: a key exists, a file is
damaged, the server refuses.

Examples:
  coolcache rdb-load dump.rdb --into 127.0.0.1:6379
  coolcache rdb-load one.rdb two.jsonl --dir /var/lib/coolcache --skip
";

/// Load RDB files into a server or a new data folder
///
/// A FILE is an RDB file of any Redis up to 8.x or Valkey up to 9, or what rdb-dump wrote as json
/// or jsonl; - is the standard input.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// The files, loaded one after the other
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// The server to load into
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "dir")]
    into: Option<String>,

    /// The data folder to make
    #[arg(long, value_name = "DIR", conflicts_with = "into")]
    dir: Option<PathBuf>,

    /// Keys that exist are replaced
    #[arg(long, conflicts_with = "skip")]
    replace: bool,

    /// Keys that exist are kept
    #[arg(long)]
    skip: bool,

    /// Leave function libraries away: a server that has none refuses them
    #[arg(long)]
    no_functions: bool,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    login: Login,

    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the tool.
pub fn run(options: &Options) -> Ended {
    let existing = match (options.replace, options.skip) {
        (true, _) => Existing::Replace,
        (_, true) => Existing::Skip,
        _ => Existing::Fail,
    };
    let (done, left) = match (&options.dir, &options.into) {
        (Some(dir), _) => into_folder(options, dir, existing)?,
        (None, Some(into)) => {
            let mut server = Server::connect(into, &options.login)?;
            load(options, &mut server, existing)?
        }
        (None, None) => return Err(Failure::new("neither --into nor --dir")),
    };
    let Done { loaded, skipped, functions, as_commands } = done;
    let text = if options.json {
        let done = serde_json::json!({
            "loaded": loaded, "skipped": skipped, "functions": functions,
            "as_commands": as_commands, "left_out": left.count,
        });
        format!("{done}\n")
    } else {
        format!("{loaded} keys loaded, {skipped} skipped, {functions} function libraries\n")
    };
    let mut output = tool::output()?;
    let written = std::io::Write::write_all(&mut output, text.as_bytes());
    written.and_then(|()| std::io::Write::flush(&mut output)).map_err(Failure::Output)?;
    Ok(tell_left_out(&left))
}

type Loaded = (Done, Omitted);

/// Reads all files into the target.
fn load(options: &Options, target: &mut dyn Target, existing: Existing) -> Result<Loaded, Failure> {
    let mut loader =
        Commands::new(Form::Resp, Loader::new(target, existing, !options.no_functions));
    let mut left = Omitted::default();
    for file in &options.files {
        let mut select = Select::new(&options.selection, &mut loader);
        let read = input::file(file)?.read_any(&mut select);
        left.append(std::mem::take(&mut select.left));
        // The refusal that a failure became has not all its words.
        if let Some(failure) = loader.take.failure.take() {
            return Err(failure);
        }
        read?;
        loader.take.flush()?;
    }
    left.append(std::mem::take(&mut loader.take.left));
    Ok((loader.take.done, left))
}

/// Makes a folder, beside its place first.
fn into_folder(options: &Options, dir: &Path, existing: Existing) -> Result<Loaded, Failure> {
    let disk = RealDisk;
    let about = || Failure::about(dir.display());
    // `DIR/` and `.` have names too, and what is made beside them is not in them.
    let whole = std::path::absolute(dir).map_err(about())?;
    let dir = whole.components().as_path();
    // Both are asked for while the current folder is there: it may be the one to be replaced.
    let databases = Config::default().databases();
    let current = std::env::current_dir().is_ok_and(|current| current == dir);
    if dir.file_name().is_none() {
        return Err(Failure::new(format!("{}: a folder has to have a name", dir.display())));
    }
    let taken = disk.exists(dir).map_err(about())?
        && !disk.list(dir).map_err(Failure::about(dir.display()))?.is_empty();
    if taken && existing != Existing::Replace {
        let text = format!("{} exists and is not empty (see --replace)", dir.display());
        return Err(Failure::new(text));
    }
    let (new, old) = (beside(dir, &format!(".loading-{}", std::process::id())), replaced(dir));
    if taken && disk.exists(&old).map_err(about())? {
        let text = format!("{} exists: it holds what was replaced before", old.display());
        return Err(Failure::new(text));
    }
    // Held until the folder is moved: no server works in it.
    let lock = match taken {
        true => Some(RealDisk::lock_folder(dir).map_err(Failure::about(format!(
            "{} is in use by a server, or cannot be locked",
            dir.display()
        )))?),
        false => None,
    };
    let failed = |error: crate::engine::start::OpenError| Failure::new(error.to_string());
    let mut offline = Offline::new().map_err(failed)?;
    let loaded = load(options, &mut offline, existing)?;
    let written = offline.write_folder(&new).map_err(failed);
    if let Err(failure) = written.and_then(|()| put_in_place(&new, dir, taken)) {
        return Err(match plain::remove_tree(&new) {
            Ok(()) => failure,
            Err(error) => {
                Failure::new(format!("{failure}; and {} is left: {error}", new.display()))
            }
        });
    }
    drop(lock);
    if current {
        tool::say("the current folder is another now: enter it again (cd .)");
    }
    let needed = offline.databases_used();
    if needed > databases {
        tool::say(&format!(
            "database {} has keys: start the server with --databases {needed}, or more",
            needed - 1
        ));
    }
    Ok(loaded)
}

/// A path beside the folder, whose name it begins with.
fn beside(dir: &Path, ending: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Where a folder goes that is replaced.
fn replaced(dir: &Path) -> PathBuf {
    beside(dir, ".replaced")
}

/// Gives the new folder its name. If that fails, what was there before is there still.
fn put_in_place(new: &Path, dir: &Path, taken: bool) -> Result<(), Failure> {
    let (disk, old) = (RealDisk, replaced(dir));
    let about = || Failure::about(dir.display());
    if taken {
        disk.rename(dir, &old).map_err(about())?;
    } else if disk.exists(dir).map_err(about())? {
        plain::remove_empty(dir).map_err(about())?;
    }
    if let Err(error) = disk.rename(new, dir) {
        let undone = if taken { disk.rename(&old, dir) } else { Ok(()) };
        let more = match undone {
            Ok(()) => String::new(),
            Err(error) => format!("; what was there is in {}: {error}", old.display()),
        };
        return Err(Failure::new(format!("{}: {error}{more}", dir.display())));
    }
    if taken {
        tool::say(&format!("what was in {} is in {}", dir.display(), old.display()));
    }
    disk.sync_dir(&crate::base::disk::folder_of(dir)).map_err(about())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_put_in_place_leaves_what_was_there() {
        let base = tempfile::tempdir().unwrap();
        let (dir, new) = (base.path().join("data"), base.path().join("data.loading"));
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("file"), "old").unwrap();
        assert!(put_in_place(&new, &dir, true).is_err());
        assert_eq!(std::fs::read(dir.join("file")).unwrap(), b"old");
        assert!(!replaced(&dir).exists());
        std::fs::create_dir(&new).unwrap();
        put_in_place(&new, &dir, true).unwrap();
        assert!(dir.exists() && !new.exists() && !dir.join("file").exists());
        assert_eq!(std::fs::read(replaced(&dir).join("file")).unwrap(), b"old");
    }
}
