//! Starting with a log of about 1 GB.
//!
//! Each server replays the same two logs: ours, and one of redis-server. They are SETs of all keys
//! in an order that is random for everybody, and then of a part of them again.

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill;
use crate::server::{LOG_FOLDER, Server};
use crate::subject::Subject;
use coolcache::resp::encode::write_request;
use std::io::Error;
use std::path::PathBuf;

/// Of each record's value.
const VALUE: [u8; 32] = [b'v'; 32];
/// Coprime to every number of keys that is not a multiple of it: visits all, far from each other.
const STRIDE: u64 = 7_368_787;

/// Per log.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for writer in bench.found(&[Subject::CoolCache, Subject::Redis]) {
        let (log, bytes) = log(bench, writer)?;
        let mut time = Figure::new(format!("time, {}'s log", writer.name()), "s");
        let mut speed = Figure::new(format!("speed, {}'s log", writer.name()), "MB/s");
        for _ in 0..bench.options.rounds {
            for subject in bench.found(&[Subject::Logged, Subject::Valkey, Subject::Redis]) {
                let server = logged(bench, subject).log(&log).start()?;
                let loaded = server.client()?.call(&["DBSIZE"])?;
                if loaded != bench.options.keys.to_string() {
                    return Err(Error::other(format!("{} has {loaded} keys", subject.name())));
                }
                let seconds = server.started_in.as_secs_f64();
                time.add(subject, seconds);
                speed.add(subject, bytes as f64 / seconds / 1e6);
            }
        }
        std::fs::remove_dir_all(log)?;
        figures.extend([time, speed]);
    }
    Ok(figures)
}

fn logged(bench: &Bench, subject: Subject) -> crate::server::Launch<'_> {
    bench.launch(subject).with(Subject::Logged.persistence())
}

/// A log that `writer` wrote, and its size.
fn log(bench: &Bench, writer: Subject) -> Result<(PathBuf, u64)> {
    let keys = bench.options.keys;
    let mut server: Server = logged(bench, writer).start()?;
    // Seven for five keys: 1.07 GB for 10 million keys.
    fill::requests(&server, keys / 5 * 7, &|n, out| {
        let key = fill::key(n % keys * STRIDE % keys);
        write_request(out, &[b"SET", key.as_bytes(), &VALUE]);
    })?;
    server.terminate()?;
    let to = bench.dir.path().join("made.log");
    std::fs::rename(server.file(LOG_FOLDER), &to)?;
    let mut bytes = 0;
    for entry in std::fs::read_dir(&to)? {
        bytes += entry?.metadata()?.len();
    }
    Ok((to, bytes))
}
