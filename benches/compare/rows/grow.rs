//! Growing: a table that doubles must not stall anybody.

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::probe::{Kind, Probe};
use crate::subject::Subject;
use std::time::Instant;

/// The longest lock hold, and what another client saw.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let keys = bench.options.keys;
    let mut hold = Figure::new("longest lock hold", "ms");
    let mut stall = Figure::new("worst SET", "ms");
    let mut time = Figure::new("time", "s");
    for _ in 0..bench.options.rounds {
        for subject in bench.found(&Subject::SERVERS) {
            let server = bench.launch(subject).start()?;
            let mut client = server.client()?;
            client.call(&["CONFIG", "RESETSTAT"])?;
            let probe = Probe::start(&server, Kind::Set, keys)?;
            let begun = Instant::now();
            fill::keys(&server, keys, Value::Bytes(32))?;
            time.add(subject, begun.elapsed().as_secs_f64());
            stall.add(subject, probe.finish()?);
            if subject.is_ours() {
                hold.add(subject, client.longest_hold_ms("")?);
            }
        }
    }
    Ok(vec![hold, stall, time])
}
