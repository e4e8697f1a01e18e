//! The command line of `coolcache`.
//!
//! It is the server, and takes what redis-server takes: a configuration file as first argument,
//! then `--parameter value` pairs. There are no subcommands yet. The client, `coolcache-cli`, is in
//! [`client`].

pub mod client;

use crate::admin::Config;
use crate::admin::config::LogLevel;
use crate::server;
use std::process::ExitCode;
use tracing_subscriber::filter::LevelFilter;

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
    let level = match config.loglevel() {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Verbose | LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    };
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_target(false);
    if config.logfile().is_empty() {
        subscriber.with_ansi(false).init();
    } else {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(config.logfile())?;
        subscriber.with_ansi(false).with_writer(std::sync::Mutex::new(file)).init();
    }
    Ok(())
}
