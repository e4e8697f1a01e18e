//! `appendfsync always`: every SET is on disk before its reply.

use super::cpu;
use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::generator::Load;
use crate::probe::{Kind, Probe};
use crate::subject::Subject;
use std::io::Error;
use std::process::Command;

const SUBJECTS: [Subject; 3] = [Subject::Logged, Subject::Valkey, Subject::Redis];
const ALWAYS: [&str; 6] =
    ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];

/// With 50 and 500 connections.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let mut servers = Vec::new();
    for subject in bench.found(&SUBJECTS) {
        let server = bench.launch(subject).with(&ALWAYS).start()?;
        server.pause()?;
        servers.push(server);
    }
    let mut figures = Vec::new();
    for connections in [50, 500] {
        let keys = bench.options.keys.min(1_000_000);
        let load = Load {
            test: "set",
            connections,
            pipeline: 1,
            keys,
            value_bytes: 16,
            pinned: false,
            threads: 1,
        };
        let mut rate = Figure::new(format!("{connections} connections"), "requests/s");
        cpu::rounds(bench, &servers, &load, |server, sample| {
            rate.add(server.subject, sample.rate)
        })?;
        figures.push(rate);
    }
    Ok(figures)
}

/// The same where each sync takes 1 and 5 ms longer, with somebody beside it who reads keys that
/// are not written.
pub fn slow(bench: &Bench) -> Result<Vec<Figure>> {
    let shim = bench.dir.path().join("slow_sync.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/slow_sync.c");
    let mut built = Command::new("cc");
    built.args(["-O2", "-shared", "-fPIC", source, "-ldl", "-o"]);
    if !built.arg(&shim).status()?.success() {
        return Err(Error::other("cc cannot build slow_sync.c"));
    }
    let mut figures = Vec::new();
    for delay_ms in [1, 5] {
        let mut servers = Vec::new();
        for subject in bench.found(&SUBJECTS) {
            let launch = bench.launch(subject).with(&ALWAYS);
            let launch = launch.environment("LD_PRELOAD", shim.to_string_lossy().into_owned());
            let server =
                launch.environment("SLOW_SYNC_US", (delay_ms * 1000).to_string()).start()?;
            server.pause()?;
            servers.push(server);
        }
        for connections in [50, 500] {
            let keys = bench.options.keys.min(1_000_000);
            let (pipeline, value_bytes) = (1, 16);
            let load = Load {
                test: "set",
                connections,
                pipeline,
                keys,
                value_bytes,
                pinned: false,
                threads: 1,
            };
            let name = format!("{delay_ms} ms, {connections} connections");
            let mut rate = Figure::new(name.clone(), "requests/s");
            cpu::rounds(bench, &servers, &load, |server, sample| {
                rate.add(server.subject, sample.rate)
            })?;
            let mut stall = Figure::new(format!("worst GET of another key, {name}"), "ms");
            for server in &servers {
                server.resume()?;
                let writes = load.endless(bench, server)?;
                let probe = Probe::start(server, Kind::GetElsewhere, keys)?;
                std::thread::sleep(std::time::Duration::from_secs_f64(bench.options.seconds));
                stall.add(server.subject, probe.finish()?);
                drop(writes);
                server.pause()?;
            }
            figures.extend([rate, stall]);
        }
    }
    Ok(figures)
}
