//! KEYS * while another client reads: a slow read must not stall anybody.

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::probe::{Kind, Probe};
use crate::subject::Subject;
use std::io::Error;
use std::time::{Duration, Instant};

/// The longest lock hold, and what the other client saw.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let keys = bench.options.keys;
    let mut hold = Figure::new("longest lock hold", "ms");
    let mut stall = Figure::new("worst GET", "ms");
    let mut quiet = Figure::new("worst GET, without KEYS", "ms");
    let mut time = Figure::new("KEYS *, until the last byte of its reply", "s");
    let mut servers = Vec::new();
    for subject in bench.found(&Subject::SERVERS) {
        let server = bench.launch(subject).start()?;
        fill::keys(&server, keys, Value::Bytes(32))?;
        server.settle()?;
        server.pause()?;
        servers.push(server);
    }
    for _ in 0..bench.options.rounds {
        for server in &servers {
            server.resume()?;
            let mut client = server.client()?;
            // For as long as the options say, the same without the event.
            let probe = Probe::start(server, Kind::Get, keys)?;
            std::thread::sleep(Duration::from_secs_f64(bench.options.seconds));
            quiet.add(server.subject, probe.finish()?);
            client.call(&["CONFIG", "RESETSTAT"])?;
            let probe = Probe::start(server, Kind::Get, keys)?;
            let begun = Instant::now();
            let found = client.call(&["KEYS", "*"])?;
            time.add(server.subject, begun.elapsed().as_secs_f64());
            stall.add(server.subject, probe.finish()?);
            if found != keys.to_string() {
                return Err(Error::other(format!("KEYS * found {found} of {keys} keys")));
            }
            if server.subject.is_ours() {
                hold.add(server.subject, client.longest_hold_ms("")?);
            }
            server.pause()?;
        }
    }
    Ok(vec![hold, stall, quiet, time])
}
