//! What the log costs, in instructions, which do not depend on the machine's load.
//!
//! callgrind counts all threads of a build without jemalloc (valgrind brings its own allocator).
//! Starting and ending are taken out by counting two runs of different length: the figure is the
//! difference a request.

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::generator::Load;
use crate::subject::Subject;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names a program to count instead of building one.
const PROGRAM: &str = "COOLCACHE_CALLGRIND";

/// valgrind hides the vDSO, and rustix' own system calls crash looking for it: that build asks
/// libc.
const FLAGS: &str = "--cfg rustix_use_libc";

/// Per SET, log off and on.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let program = match std::env::var_os(PROGRAM) {
        Some(path) => path.into(),
        None => build(bench)?,
    };
    let requests = if bench.options.quick { 5_000 } else { 100_000 };
    let mut figure = Figure::new("SET pipeline 16", "instructions");
    // Not exact to the last one (timers tick), but the spread is small: three rounds are enough.
    for _ in 0..bench.options.rounds.min(3) {
        for subject in [Subject::CoolCache, Subject::Logged] {
            let short = count(bench, subject, &program, requests)?;
            let long = count(bench, subject, &program, 3 * requests)?;
            figure.add(subject, long.saturating_sub(short) as f64 / (2 * requests) as f64);
        }
    }
    Ok(vec![figure])
}

/// Builds the server as released, without jemalloc, in a target folder of its own.
fn build(bench: &Bench) -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = manifest.join("target/callgrind");
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let arguments = ["build", "--bin", "coolcache", "--no-default-features", "--profile", profile];
    bench.ran(format!(
        "RUSTFLAGS='{FLAGS}' cargo {} --target-dir target/callgrind",
        arguments.join(" ")
    ));
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command
        .env("RUSTFLAGS", FLAGS)
        .current_dir(manifest)
        .args(arguments)
        .arg("--target-dir")
        .arg(&target);
    if !command.status()?.success() {
        return Err(Error::other("the build without jemalloc failed"));
    }
    let folder = if cfg!(debug_assertions) { "debug" } else { "release" };
    Ok(target.join(folder).join("coolcache"))
}

/// Instructions of a server's whole life with so many SETs.
fn count(bench: &Bench, subject: Subject, program: &Path, requests: u64) -> Result<u64> {
    let out = bench.dir.path().join("callgrind.out");
    let file = format!("--callgrind-out-file={}", out.display());
    let wrapper = ["valgrind", "--tool=callgrind", &file];
    let mut server = bench.launch(subject).wrapped(&wrapper, program).start()?;
    let load = Load {
        test: "set",
        connections: 50,
        pipeline: 16,
        keys: 100_000,
        value_bytes: 16,
        pinned: false,
        threads: 1,
    };
    load.run(bench, &server, requests)?;
    server.terminate()?;
    let text = std::fs::read_to_string(&out)?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals:"));
    let total = line.or_else(|| text.lines().find_map(|line| line.strip_prefix("summary:")));
    let total = total.and_then(|rest| rest.trim().parse::<u64>().ok());
    total.ok_or_else(|| Error::other("callgrind printed no total"))
}
