//! CPU per request of GET and SET.
//!
//! Server and generator share one core, so that the server is saturated and all servers' batches
//! are alike; the CPU time of the server's threads over the requests it answered does not depend on
//! what the generator costs.

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::generator::Load;
use crate::process;
use crate::server::Server;
use crate::subject::Subject;
use std::io::Error;

/// Keys of the small row.
const SMALL_KEYS: u64 = 1_000_000;

/// GET and SET with pipelines of 1, 16 and 64.
pub fn small(bench: &Bench) -> Result<Vec<Figure>> {
    measure(bench, SMALL_KEYS.min(bench.options.keys), 16, &[1, 16, 64])
}

/// GET and SET over all keys with a pipeline of 16.
pub fn big(bench: &Bench) -> Result<Vec<Figure>> {
    measure(bench, bench.options.keys, 32, &[16])
}

fn measure(
    bench: &Bench,
    keys: u64,
    value_bytes: usize,
    pipelines: &[usize],
) -> Result<Vec<Figure>> {
    let mut servers = Vec::new();
    for subject in bench.found(&Subject::ALL) {
        let server = bench.launch(subject).pinned().start()?;
        if subject != Subject::Floor {
            fill::keys(&server, keys, Value::Bytes(value_bytes))?;
            server.settle()?;
        }
        server.pause()?;
        servers.push(server);
    }
    let mut figures = Vec::new();
    for &pipeline in pipelines {
        for test in ["get", "set"] {
            let load = Load {
                test,
                connections: 50,
                pipeline,
                keys,
                value_bytes,
                pinned: true,
                threads: 1,
            };
            figures.extend(cell(bench, &servers, &load)?);
        }
    }
    for server in servers.iter().filter(|server| server.subject != Subject::Floor) {
        server.resume()?;
        let misses = server.client()?.info_number("stats", "keyspace_misses")?;
        if misses != 0 {
            let name = server.subject.name();
            return Err(Error::other(format!("{misses} GETs of {name} found no key")));
        }
    }
    Ok(figures)
}

/// One kind of load, in interleaved rounds.
fn cell(bench: &Bench, servers: &[Server], load: &Load) -> Result<Vec<Figure>> {
    let name = format!("{} pipeline {}", load.test.to_uppercase(), load.pipeline);
    let mut cpu = Figure::new(format!("{name}, CPU"), "µs");
    let mut rate = Figure::new(format!("{name}, rate"), "requests/s");
    rounds(bench, servers, load, |server, sample| {
        rate.add(server.subject, sample.rate);
        cpu.add(server.subject, sample.cpu_us);
    })?;
    let added = cpu.less(Subject::Floor, format!("{name}, added CPU"));
    Ok(vec![added, cpu, rate])
}

/// What one run of the generator showed.
pub struct Sample {
    /// Requests answered a second.
    pub rate: f64,
    /// CPU of all threads of the server per request, µs.
    pub cpu_us: f64,
}

/// Interleaved rounds over paused servers: each runs alone, for the time that the options give.
pub fn rounds(
    bench: &Bench,
    servers: &[Server],
    load: &Load,
    mut add: impl FnMut(&Server, Sample),
) -> Result<()> {
    let mut requests = Vec::new();
    for server in servers {
        server.resume()?;
        requests.push(load.requests_in(bench, server, bench.options.seconds)?);
        server.pause()?;
    }
    for _ in 0..bench.options.rounds {
        for (server, &requests) in servers.iter().zip(&requests) {
            server.resume()?;
            let before = process::cpu_ns(server.pid())?;
            let rate = load.run(bench, server, requests)?;
            let spent_ns = process::cpu_ns(server.pid())? - before;
            server.pause()?;
            add(server, Sample { rate, cpu_us: spent_ns as f64 / 1000.0 / requests as f64 });
        }
    }
    Ok(())
}
