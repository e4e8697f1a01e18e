//! The rows: one workload a file.

mod always;
mod bgsave;
mod cpu;
mod elements;
mod expiry;
mod grow;
mod instructions;
mod keys;
mod load;
mod memory;
mod middle;
mod replay;
mod stalls;
mod threads;
mod types;

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use std::io::Error;

/// A workload.
pub struct Row {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// Measures it.
    pub run: fn(&Bench) -> Result<Vec<Figure>>,
}

/// All rows, in the order in which they run.
pub const ROWS: &[Row] = &[
    Row {
        name: "cpu",
        about: "CPU per request, 1 million keys, 16 B values; server and generator on one core",
        run: cpu::small,
    },
    Row {
        name: "big",
        about: "the same over all keys, uniform, 32 B values: memory latency shows",
        run: cpu::big,
    },
    Row {
        name: "threads",
        about: "io-threads 2, generator with 2 threads, all on all cores, pipeline 16",
        run: threads::run,
    },
    Row { name: "memory", about: "resident bytes per key, 16 B keys", run: memory::run },
    Row {
        name: "bgsave",
        about: "BGSAVE of all keys with 32 B values, idle and while SETs overwrite them",
        run: bgsave::run,
    },
    Row {
        name: "load",
        about: "seconds from start to the first PONG with a dump.rdb of all keys with 32 B values",
        run: load::run,
    },
    Row {
        name: "replay",
        about: "seconds from start to the first PONG with a log of 7 SETs for 5 keys, 32 B values",
        run: replay::run,
    },
    Row { name: "always", about: "appendfsync always, SET, pipeline 1", run: always::run },
    Row {
        name: "always-slow",
        about: "the same on a disk whose syncs take 1 and 5 ms longer",
        run: always::slow,
    },
    Row { name: "keys", about: "KEYS * over all keys beside GETs", run: keys::run },
    Row { name: "grow", about: "growing from no key to all keys", run: grow::run },
    Row {
        name: "expiry",
        about: "how late keys go: 1 million keys, a tenth expires within 5 seconds",
        run: expiry::run,
    },
    Row {
        name: "types",
        about: "CPU per request of each type's commands on large values, pipeline 16, one core",
        run: types::run,
    },
    Row {
        name: "elements",
        about: "resident bytes per element of collections, 16 B elements",
        run: elements::run,
    },
    Row {
        name: "stalls",
        about: "what a collection of all keys' number of elements does to others",
        run: stalls::run,
    },
    Row { name: "middle", about: "the middle of a list of a million elements", run: middle::run },
    Row {
        name: "instructions",
        about: "instructions per SET, log on (everysec) against off, by callgrind",
        run: instructions::run,
    },
];

/// The rows of these names; all if there are none.
pub fn named(names: &[String]) -> Result<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    let find = |name: &String| {
        let unknown = || Error::other(format!("there is no row {name}; --list names them"));
        ROWS.iter().find(|row| row.name == name).ok_or_else(unknown)
    };
    names.iter().map(find).collect()
}
