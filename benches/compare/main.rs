//! Starts CoolCache and each peer it finds, runs workloads against each in turn, and prints tables
//! with ratios.
//!
//! ```text
//! cargo bench --bench compare -- [ROW]... [--rounds N] [--keys N] [--seconds S] [--quick] [--list]
//! ```
//!
//! A row is a workload (`rows/`, one file each). Peers are redis-server and Valkey; the load
//! generator is redis-benchmark; the floor is an echo server on epoll inside this program
//! (`echo.rs`), since on loopback most of a request is the kernel's and what a server *adds* is its
//! CPU less the floor's. Machines are noisy: every figure is a median of interleaved rounds with
//! its spread, and what counts is the ratio to a peer in the same run. What is promised stands in
//! `bars.rs`.

#![allow(
    clippy::disallowed_methods,
    reason = "a program that measures: it reads clocks and waits for servers"
)]

mod bars;
mod bench;
mod client;
mod echo;
mod figure;
mod fill;
mod generator;
mod machine;
mod probe;
mod process;
mod report;
mod rows;
mod server;
mod subject;

use clap::Parser;
use std::process::ExitCode;

/// What every fallible function here returns.
type Result<T> = std::io::Result<T>;

/// What to measure, and how much of it.
#[derive(Parser, Debug, Clone)]
#[command(name = "compare", about = "CoolCache beside its peers")]
pub struct Options {
    /// The rows to run; none means all.
    rows: Vec<String>,
    /// Interleaved rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Keys of the large rows.
    #[arg(long, default_value_t = 10_000_000)]
    keys: u64,
    /// Seconds of one run of the load generator.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Scales everything down, to test this program itself: its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Names the rows and ends.
    #[arg(long)]
    list: bool,
    /// Where the servers keep their files (default: the system's temporary folder).
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
    /// Is the floor on this port (this program starts itself so).
    #[arg(long, value_name = "PORT", hide = true)]
    echo: Option<u16>,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    if let Some(port) = options.echo {
        return finish(echo::serve(port));
    }
    let asked = options.bench || !options.rows.is_empty();
    if options.list || !asked {
        // Without --bench it is `cargo test --all-targets` that runs this: nothing to measure then.
        for row in rows::ROWS {
            println!("{:13} {}", row.name, row.about);
        }
        return ExitCode::SUCCESS;
    }
    if options.quick {
        options.rounds = options.rounds.min(2);
        options.keys = options.keys.min(100_000);
        options.seconds = options.seconds.min(1.0);
    }
    finish(run(options))
}

fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    let rows = rows::named(&options.rows)?;
    let bench = bench::Bench::new(options)?;
    let mut tables = Vec::new();
    let mut failed = Vec::new();
    for row in rows {
        eprintln!("compare: {}: {}", row.name, row.about);
        match (row.run)(&bench) {
            Ok(figures) => {
                let table = report::table(row, &figures);
                // Shown at once as well: a long run may be cut short.
                eprintln!("\n{table}");
                tables.push(table);
            }
            Err(error) => {
                eprintln!("compare: {}: {error}", row.name);
                failed.push(format!("{}: {error}", row.name));
            }
        }
    }
    println!("{}", machine::facts(&bench));
    for table in &tables {
        println!("{table}");
    }
    println!("{}", report::commands(&bench));
    if failed.is_empty() {
        return Ok(());
    }
    Err(std::io::Error::other(format!("rows without a result: {}", failed.join("; "))))
}
