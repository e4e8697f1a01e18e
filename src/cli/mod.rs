//! The command line of `coolcache`.
//!
//! It is the server, and takes what redis-server takes: a configuration file as first argument,
//! then `--parameter value` pairs. There are no subcommands yet. The client, `coolcache-cli`, is in
//! [`client`].

pub mod client;

use crate::admin::Config;
use crate::base::logging;
use crate::server;
use std::process::ExitCode;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

const HELP: &str = "\
Usage: coolcache [CONFIGURATION-FILE] [--PARAMETER VALUE]...

Without arguments: serves on port 6379, and keeps its data in the working directory.

Examples:
  coolcache --port 7000 --dir /var/lib/coolcache
  coolcache /etc/redis/redis.conf --appendfsync always
  coolcache --version
";

/// Runs the program with its arguments (the program's name left out).
pub fn main(arguments: Vec<String>) -> ExitCode {
    match arguments.first().map(String::as_str) {
        Some("--help" | "-h" | "help") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some("--version" | "-v") => {
            println!("CoolCache server v={} bits=64", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let config = match Config::from_args(&arguments) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = start_logging(&config) {
        eprintln!("cannot open the log file {}: {error}", config.logfile());
        return ExitCode::FAILURE;
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        "CoolCache starts"
    );
    if !config.without_effect().is_empty() {
        let names = config.without_effect().join(", ");
        tracing::warn!("these parameters are set and have no effect (yet): {names}");
    }
    match server::serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start_logging(config: &Config) -> std::io::Result<()> {
    logging::set_level(config.loglevel().up_to());
    // The level can be changed by CONFIG SET, so it is asked for line by line.
    let filter = dynamic_filter_fn(|line, _| logging::is_wanted(*line.level()));
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_ansi(false);
    if config.logfile().is_empty() {
        tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    } else {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(config.logfile())?;
        let lines = lines.with_writer(std::sync::Mutex::new(file));
        tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    }
    Ok(())
}
