//! Starting with a dump.rdb.
//!
//! Each server loads the same two files: ours, and one of redis-server (whose keys lie in an order
//! that is random for everybody). Both are RDB version 10 or older, which all can read.

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::subject::Subject;
use std::io::Error;
use std::path::PathBuf;

/// Per file.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for writer in bench.found(&[Subject::CoolCache, Subject::Redis]) {
        let file = dump(bench, writer)?;
        let mut time = Figure::new(format!("time, {}'s file", writer.name()), "s");
        for _ in 0..bench.options.rounds {
            for subject in bench.found(&Subject::SERVERS) {
                let server = bench.launch(subject).rdb(&file).start()?;
                let loaded = server.client()?.call(&["DBSIZE"])?;
                if loaded != bench.options.keys.to_string() {
                    return Err(Error::other(format!("{} loaded {loaded} keys", subject.name())));
                }
                time.add(subject, server.started_in.as_secs_f64());
            }
        }
        std::fs::remove_file(file)?;
        figures.push(time);
    }
    Ok(figures)
}

/// A file with all keys, written by `writer`.
fn dump(bench: &Bench, writer: Subject) -> Result<PathBuf> {
    let server = bench.launch(writer).start()?;
    fill::keys(&server, bench.options.keys, Value::Bytes(32))?;
    server.client()?.call(&["SAVE"])?;
    let file = bench.dir.path().join("made.rdb");
    std::fs::hard_link(server.file("dump.rdb"), &file)?;
    Ok(file)
}
