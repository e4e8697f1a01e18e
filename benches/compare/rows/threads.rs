//! Requests per second with two I/O threads.

use super::cpu;
use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::generator::Load;
use crate::subject::Subject;

const KEYS: u64 = 1_000_000;
const VALUE_BYTES: usize = 16;

/// GET and SET, pipeline 16.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let keys = KEYS.min(bench.options.keys);
    let wanted = [Subject::CoolCache, Subject::Logged, Subject::Valkey, Subject::Redis];
    let mut servers = Vec::new();
    for subject in bench.found(&wanted) {
        let server = bench.launch(subject).with(&["--io-threads", "2"]).start()?;
        fill::keys(&server, keys, Value::Bytes(VALUE_BYTES))?;
        server.pause()?;
        servers.push(server);
    }
    let mut figures = Vec::new();
    for test in ["get", "set"] {
        let load = Load {
            test,
            connections: 50,
            pipeline: 16,
            keys,
            value_bytes: VALUE_BYTES,
            pinned: false,
            threads: 2,
        };
        let mut rate = Figure::new(format!("{} pipeline 16", test.to_uppercase()), "requests/s");
        cpu::rounds(bench, &servers, &load, |server, sample| {
            rate.add(server.subject, sample.rate)
        })?;
        figures.push(rate);
    }
    Ok(figures)
}
