//! `appendfsync always`: every SET is on disk before its reply.

use super::cpu;
use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::generator::Load;
use crate::subject::Subject;

/// With 50 and 500 connections.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let mut servers = Vec::new();
    for subject in bench.found(&[Subject::Logged, Subject::Valkey, Subject::Redis]) {
        let always = [
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--auto-aof-rewrite-percentage",
            "0",
        ];
        let server = bench.launch(subject).with(&always).start()?;
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
