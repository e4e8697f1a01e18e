//! redis-benchmark: the load, and what it says of it.

use crate::Result;
use crate::bench::Bench;
use crate::server::{CORE, Server};
use std::io::Error;
use std::process::{Child, Command, Stdio};

/// One kind of load.
#[derive(Debug, Clone)]
pub struct Load {
    /// A test of redis-benchmark's (`get`, `set`), or a command of one's own: words, in which
    /// `__rand_int__` stands for a number below `keys`.
    pub test: &'static str,
    /// Connections.
    pub connections: usize,
    /// Requests sent before a reply is awaited.
    pub pipeline: usize,
    /// Keys, `key:000000000000` and up, taken at random.
    pub keys: u64,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// On [`CORE`], the server's.
    pub pinned: bool,
    /// Threads.
    pub threads: usize,
}

impl Load {
    /// Sends so many requests and returns how many were answered a second.
    pub fn run(&self, bench: &Bench, server: &Server, requests: u64) -> Result<f64> {
        let output = self.command(bench, server.port, requests).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let name = if self.is_own() { self.test.to_owned() } else { self.test.to_uppercase() };
        let head = format!("\"{name}\",\"");
        let line = text.lines().find_map(|line| line.strip_prefix(&head));
        let rate = line.and_then(|line| line.split('"').next()?.parse::<f64>().ok());
        let errors = String::from_utf8_lossy(&output.stderr);
        let odd = || Error::other(format!("redis-benchmark said:\n{text}{errors}"));
        rate.filter(|_| output.status.success()).ok_or_else(odd)
    }

    /// Finds how many requests take about so many seconds, by a short run that also warms up.
    pub fn requests_in(&self, bench: &Bench, server: &Server, seconds: f64) -> Result<u64> {
        let trial = 5_000 * self.pipeline.min(20) as u64;
        let rate = self.run(bench, server, trial)?;
        Ok(((rate * seconds) as u64).max(trial))
    }

    /// Sends requests until the guard is dropped.
    pub fn endless(&self, bench: &Bench, server: &Server) -> Result<Endless> {
        let mut command = self.command(bench, server.port, i32::MAX as u64);
        Ok(Endless(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Whether [`Self::test`] is a command of one's own.
    fn is_own(&self) -> bool {
        self.test.contains(' ')
    }

    fn command(&self, bench: &Bench, port: u16, requests: u64) -> Command {
        let mut words: Vec<String> = Vec::new();
        if self.pinned {
            words.extend(["taskset", "-c", CORE].map(str::to_owned));
        }
        words.extend(["redis-benchmark", "--csv"].map(str::to_owned));
        if !self.is_own() {
            words.extend(["-t", self.test].map(str::to_owned));
        }
        let mut option = |name: &str, value: u64| {
            words.extend([name.to_owned(), value.to_string()]);
        };
        option("-c", self.connections as u64);
        option("-P", self.pipeline as u64);
        option("-r", self.keys);
        option("-d", self.value_bytes as u64);
        if self.threads > 1 {
            option("--threads", self.threads as u64);
        }
        let own = if self.is_own() { self.test } else { "" };
        bench.ran(format!("{} -p PORT -n N {own}", words.join(" ")).trim_end().to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["-p", &port.to_string(), "-n", &requests.to_string()]);
        command.args(own.split_whitespace());
        command
    }
}

/// A load that goes on.
pub struct Endless(Child);

impl Drop for Endless {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}
