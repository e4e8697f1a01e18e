//! BGSAVE: how long it takes, what it costs in memory, and whom it stalls.
//!
//! A save is over when INFO says so: the peers notice the end of their child within 100 ms, which
//! is in their time.

use crate::Result;
use crate::bench::Bench;
use crate::client::Client;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::generator::Load;
use crate::probe::{Kind, Probe};
use crate::process;
use crate::server::Server;
use crate::subject::Subject;
use std::io::Error;
use std::time::{Duration, Instant};

const VALUE_BYTES: usize = 32;
/// Between two looks at the memory of the server and its child: a look at gigabytes takes
/// milliseconds itself.
const MEMORY_EVERY: Duration = Duration::from_millis(50);

/// Idle, then under writes.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let keys = bench.options.keys;
    let mut servers = Vec::new();
    for subject in bench.found(&Subject::SERVERS) {
        let server = bench.launch(subject).start()?;
        fill::keys(&server, keys, Value::Bytes(VALUE_BYTES))?;
        server.settle()?;
        server.pause()?;
        servers.push(server);
    }
    let mut idle = Figures::new("idle");
    let mut busy = Figures::new("under writes");
    let mut alone = Figures::new("writes without BGSAVE");
    for _ in 0..bench.options.rounds {
        for server in &servers {
            server.resume()?;
            idle.round(server, keys, false)?;
            server.pause()?;
        }
    }
    let (connections, pipeline) = (50, 16);
    let value_bytes = VALUE_BYTES;
    let load =
        Load { test: "set", connections, pipeline, keys, value_bytes, pinned: false, threads: 1 };
    for _ in 0..bench.options.rounds {
        for server in &servers {
            server.resume()?;
            let writes = load.endless(bench, server)?;
            // First without the event: memory finds its level before it is compared, too.
            alone.watch(server, keys, Duration::from_secs_f64(bench.options.seconds))?;
            busy.round(server, keys, true)?;
            drop(writes);
            server.pause()?;
        }
    }
    Ok([idle.list(), busy.list(), alone.list()].concat())
}

/// The figures of one situation.
struct Figures {
    time: Figure,
    hold: Figure,
    snapshot: Figure,
    growth: Figure,
    stall: Figure,
}

impl Figures {
    fn new(situation: &str) -> Figures {
        Figures {
            time: Figure::new(format!("{situation}, time"), "s"),
            hold: Figure::new(format!("{situation}, longest lock hold"), "ms"),
            snapshot: Figure::new(format!("{situation}, longest hold to freeze"), "ms"),
            growth: Figure::new(format!("{situation}, memory growth at its peak"), "MB"),
            stall: Figure::new(format!("{situation}, worst GET"), "ms"),
        }
    }

    /// One BGSAVE. Memory is looked at only under writes: looking is work that would slow an idle
    /// save.
    fn round(&mut self, server: &Server, keys: u64, memory: bool) -> Result<()> {
        let mut client = server.client()?;
        let before = process::family_bytes(server.pid())?;
        let probe = memory.then(|| Probe::start(server, Kind::Get, keys)).transpose()?;
        client.call(&["CONFIG", "RESETSTAT"])?;
        let (seconds, peak) = save(server, &mut client, memory)?;
        self.time.add(server.subject, seconds);
        self.holds(server, &mut client)?;
        if let Some(probe) = probe {
            self.stall.add(server.subject, probe.finish()?);
            self.growth.add(server.subject, peak.saturating_sub(before) as f64 / 1e6);
        }
        Ok(())
    }

    /// The same time without a BGSAVE.
    fn watch(&mut self, server: &Server, keys: u64, time: Duration) -> Result<()> {
        let mut client = server.client()?;
        let probe = Probe::start(server, Kind::Get, keys)?;
        client.call(&["CONFIG", "RESETSTAT"])?;
        std::thread::sleep(time);
        self.holds(server, &mut client)?;
        self.stall.add(server.subject, probe.finish()?);
        Ok(())
    }

    fn holds(&mut self, server: &Server, client: &mut Client) -> Result<()> {
        if server.subject.is_ours() {
            self.hold.add(server.subject, client.longest_hold_ms("")?);
            self.snapshot.add(server.subject, client.longest_hold_ms("snapshot")?);
        }
        Ok(())
    }

    fn list(self) -> Vec<Figure> {
        let all = [self.time, self.hold, self.snapshot, self.growth, self.stall];
        let measured =
            |f: &Figure| Subject::ALL.iter().any(|&subject| !f.samples(subject).is_empty());
        all.into_iter().filter(measured).collect()
    }
}

/// BGSAVE to its end: seconds, and the most memory that the server and its child occupied together.
fn save(server: &Server, client: &mut Client, memory: bool) -> Result<(f64, u64)> {
    let begun = Instant::now();
    client.call(&["BGSAVE"])?;
    let mut peak = 0;
    let mut looked = Instant::now();
    while client.info("persistence", "rdb_bgsave_in_progress")? != "0" {
        if memory && looked.elapsed() >= MEMORY_EVERY {
            peak = peak.max(process::family_bytes(server.pid())?);
            looked = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let seconds = begun.elapsed().as_secs_f64();
    match client.info("persistence", "rdb_last_bgsave_status")?.as_str() {
        "ok" => Ok((seconds, peak)),
        status => Err(Error::other(format!("{}: BGSAVE: {status}", server.subject.name()))),
    }
}
