//! LINDEX, LSET and LINSERT in the middle of a list of a million elements.

use super::cpu;
use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::generator::Load;
use crate::subject::Subject;
use coolcache::resp::encode::write_request;
use std::time::Instant;

/// Elements of the list.
const ELEMENTS: u64 = 1_000_000;
/// LINSERTs of a round: each looks through half the list.
const INSERTS: u64 = 50;

/// CPU of LINDEX and LSET beside GET's, and the time of a LINSERT.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let elements = ELEMENTS.min(bench.options.keys);
    let mut servers = Vec::new();
    for subject in bench.found(&Subject::SERVERS) {
        let server = bench.launch(subject).pinned().start()?;
        fill::keys(&server, elements, Value::Bytes(16))?;
        fill::unread(&server, elements, &|n, out| {
            write_request(out, &[b"RPUSH", b"list", fill::key(n).as_bytes()]);
        })?;
        server.settle()?;
        server.pause()?;
        servers.push(server);
    }
    let mut figures = Vec::new();
    for (name, test) in [
        ("GET", "get"),
        ("LINDEX", "LINDEX list 500000"),
        ("LSET", "LSET list 500000 key:000000500000"),
    ] {
        // The peers walk to the middle: fewer requests at once, or their trial takes minutes.
        let load = Load {
            test,
            connections: 50,
            pipeline: 16,
            keys: elements,
            value_bytes: 16,
            pinned: true,
            threads: 1,
        };
        let mut figure = Figure::new(format!("{name}, CPU"), "µs");
        cpu::rounds(bench, &servers, &load, |server, sample| {
            figure.add(server.subject, sample.cpu_us);
        })?;
        figures.push(figure);
    }
    let mut insert = Figure::new("LINSERT by a pivot in the middle", "ms");
    let pivot = fill::key(elements / 2);
    for _ in 0..bench.options.rounds {
        for server in &servers {
            server.resume()?;
            let mut client = server.client()?;
            let begun = Instant::now();
            for _ in 0..INSERTS {
                client.call(&["LINSERT", "list", "AFTER", &pivot, "inserted"])?;
            }
            insert.add(server.subject, begun.elapsed().as_secs_f64() * 1000.0 / INSERTS as f64);
            server.pause()?;
        }
    }
    figures.push(insert);
    Ok(figures)
}
