//! Servers: started for a measurement, stopped while others are measured, killed at the end.

use crate::Result;
use crate::bench::Bench;
use crate::client::Client;
use crate::process;
use crate::subject::Subject;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The core on which server and load generator meet in rows about CPU.
pub const CORE: &str = "0";
/// How long a server may take to serve, with 10 million keys to load.
const START_SECONDS_MAX: u64 = 600;
/// Where every server keeps its log, by default.
pub const LOG_FOLDER: &str = "appendonlydir";

/// How a server is to be started.
pub struct Launch<'a> {
    bench: &'a Bench,
    subject: Subject,
    extra: Vec<String>,
    pinned: bool,
    rdb: Option<PathBuf>,
    log: Option<PathBuf>,
    program: Option<PathBuf>,
    wrapper: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl<'a> Launch<'a> {
    /// With the persistence of the subject, on all cores, without data.
    pub fn new(bench: &'a Bench, subject: Subject) -> Self {
        let extra = subject.persistence().iter().map(|word| (*word).to_owned()).collect();
        Launch {
            bench,
            subject,
            extra,
            pinned: false,
            rdb: None,
            log: None,
            program: None,
            wrapper: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// With more parameters; the last of several for one parameter counts.
    pub fn with(mut self, extra: &[&str]) -> Self {
        for pair in extra.chunks(2) {
            match self.extra.iter().position(|word| word == pair[0]) {
                Some(at) => pair[1].clone_into(&mut self.extra[at + 1]),
                None => self.extra.extend(pair.iter().map(|word| (*word).to_owned())),
            }
        }
        self
    }

    /// With this in its environment; added to what the subject itself preloads.
    pub fn environment(mut self, name: &'static str, value: String) -> Self {
        self.environment.push((name, value));
        self
    }

    /// On [`CORE`] alone.
    pub fn pinned(mut self) -> Self {
        self.pinned = true;
        self
    }

    /// With this file as its dump.rdb.
    pub fn rdb(mut self, path: &Path) -> Self {
        self.rdb = Some(path.to_owned());
        self
    }

    /// With a copy of this folder as its log.
    pub fn log(mut self, path: &Path) -> Self {
        self.log = Some(path.to_owned());
        self
    }

    /// Another build of the subject's program, run by a wrapper such as valgrind.
    pub fn wrapped(mut self, wrapper: &[&str], program: &Path) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self.program = Some(program.to_owned());
        self
    }

    /// Starts it and waits until it serves.
    pub fn start(self) -> Result<Server> {
        let dir = tempfile::tempdir_in(self.bench.dir.path())?;
        if let Some(rdb) = &self.rdb {
            std::fs::hard_link(rdb, dir.path().join("dump.rdb"))?;
        }
        if let Some(log) = &self.log {
            let to = dir.path().join(LOG_FOLDER);
            std::fs::create_dir(&to)?;
            for entry in std::fs::read_dir(log)? {
                let entry = entry?;
                std::fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
        let port = free_port()?;
        let mut command = self.command(port, dir.path())?;
        let log = File::create(dir.path().join("server.log"))?;
        command.stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        let begun = Instant::now();
        let child = command.spawn()?;
        let mut server =
            Server { subject: self.subject, port, child, dir, started_in: Duration::ZERO };
        server.wait_ready(begun)?;
        server.started_in = begun.elapsed();
        Ok(server)
    }

    fn command(&self, port: u16, dir: &Path) -> Result<Command> {
        let (program, needed) = self.bench.program(self.subject)?;
        let mut environment = self.environment.clone();
        for (name, value) in needed {
            match environment.iter_mut().find(|(other, _)| *other == name) {
                Some((_, preloaded)) => *preloaded = format!("{preloaded} {value}"),
                None => environment.push((name, value.to_owned())),
            }
        }
        let program = self.program.as_ref().unwrap_or(&program);
        let mut words: Vec<String> = Vec::new();
        if self.pinned {
            words.extend(["taskset", "-c", CORE].map(str::to_owned));
        }
        words.extend(self.wrapper.iter().cloned());
        words.push(program.to_string_lossy().into_owned());
        if self.subject == Subject::Floor {
            words.extend(["--echo".to_owned(), port.to_string()]);
        } else {
            let (port, dir) = (port.to_string(), dir.to_string_lossy().into_owned());
            words.extend(["--port".to_owned(), port, "--dir".to_owned(), dir]);
        }
        words.extend(self.extra.iter().cloned());
        self.note(&words, &environment);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(environment);
        Ok(command)
    }

    /// For the report, with what differs from run to run in capitals.
    fn note(&self, words: &[String], environment: &[(&str, String)]) {
        let mut shown: Vec<String> = environment.iter().map(|(k, v)| format!("{k}={v}")).collect();
        for (at, word) in words.iter().enumerate() {
            shown.push(match at.checked_sub(1).map_or("", |before| words[before].as_str()) {
                "--port" | "--echo" => "PORT".to_owned(),
                "--dir" => "DIR".to_owned(),
                _ if word.is_empty() => "''".to_owned(),
                _ => word.clone(),
            });
        }
        self.bench.ran(shown.join(" "));
    }
}

/// A running server. Dropping it kills it and removes its files.
pub struct Server {
    /// Which.
    pub subject: Subject,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// From its start until it answered.
    pub started_in: Duration,
    child: Child,
    dir: tempfile::TempDir,
}

impl Server {
    /// A new connection.
    pub fn client(&self) -> Result<Client> {
        Client::connect(self.port)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Takes the CPU from it (SIGSTOP), so that its timers do not run while another is measured.
    pub fn pause(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::STOP)?)
    }

    /// Lets it run again.
    pub fn resume(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::CONT)?)
    }

    /// Ends it in order (SIGTERM) and waits; its files stay until it is dropped.
    pub fn terminate(&mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until its memory has stopped moving: 10 seconds within 0.1 %, or a minute. Allocators
    /// give pages back after about as long (jemalloc's decay, our page heap's).
    pub fn settle(&self) -> Result<u64> {
        const STILL: Duration = Duration::from_secs(10);
        let begun = Instant::now();
        let (mut reference, mut since) = (process::resident_bytes(self.pid())?, Instant::now());
        while since.elapsed() < STILL && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(100));
            let now = process::resident_bytes(self.pid())?;
            if now.abs_diff(reference) > reference / 1000 {
                (reference, since) = (now, Instant::now());
            }
        }
        process::resident_bytes(self.pid())
    }

    /// The floor answers with what it was asked; the others not with PONG before they have loaded.
    fn is_ready(&self, client: &mut Client) -> bool {
        self.subject == Subject::Floor || client.call(&["PING"]).is_ok_and(|reply| reply == "PONG")
    }

    fn wait_ready(&mut self, begun: Instant) -> Result<()> {
        while begun.elapsed() < Duration::from_secs(START_SECONDS_MAX) {
            if self.child.try_wait()?.is_some() {
                break;
            }
            if let Ok(mut client) = self.client()
                && self.is_ready(&mut client)
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let log = std::fs::read_to_string(self.file("server.log")).unwrap_or_default();
        Err(Error::other(format!("{} does not serve:\n{log}", self.subject.name())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
