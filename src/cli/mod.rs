//! The command line of `coolcache`.
//!
//! If the first word names a tool, it is that tool ([`Tool`], one file each). Else it is the
//! server, and takes what redis-server takes: a configuration file as first argument, then
//! `--parameter value` pairs. (A configuration file with a tool's name is given as `./check`.) The
//! client, `coolcache-cli`, is in [`client`].

pub mod client;
pub mod log;
pub mod rdb;
pub mod tool;

use crate::admin::Config;
use crate::admin::config::{Description, Fsync, Mutability};
use crate::base::disk::plain;
use crate::base::{glob, logging};
use crate::server;
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

const HELP: &str = "\
Usage: coolcache [CONFIGURATION-FILE] [--PARAMETER VALUE]...
       coolcache TOOL [OPTIONS]...
       coolcache --help [PATTERN]     the parameters that match it, as in '--help \"log-*\"'

Without arguments: serves on port 6379, and keeps its data in the working directory.

Examples:
  coolcache --port 7000 --dir /var/lib/coolcache
  coolcache /etc/redis/redis.conf --dir . --logfile '' --appendonly yes
  coolcache --version

Tools (coolcache TOOL --help says more):
";

/// A program beside the server.
#[derive(Debug, Subcommand)]
enum Tool {
    Check(log::check::Options),
    Log(log::read::Options),
    RdbDump(rdb::dump::Options),
    RdbLoad(rdb::load::Options),
    RdbDiff(rdb::diff::Options),
    Restore(log::restore::Options),
}

impl Tool {
    fn run(&self) -> tool::Ended {
        match self {
            Tool::Check(options) => log::check::run(options),
            Tool::Log(options) => log::read::run(options),
            Tool::RdbDump(options) => rdb::dump::run(options),
            Tool::RdbLoad(options) => rdb::load::run(options),
            Tool::RdbDiff(options) => rdb::diff::run(options),
            Tool::Restore(options) => log::restore::run(options),
        }
    }
}

/// The command line if it is a tool's.
#[derive(Debug, Parser)]
#[command(name = "coolcache", version, disable_help_subcommand = true)]
struct ToolLine {
    #[command(subcommand)]
    tool: Tool,
}

impl ToolLine {
    /// The tools' names and what each does, a line each.
    fn summary() -> String {
        let commands = ToolLine::command();
        let lines = commands.get_subcommands().map(|tool| {
            let about = tool.get_about().map(ToString::to_string).unwrap_or_default();
            format!("  {:10} {about}\n", tool.get_name())
        });
        lines.collect()
    }
}

/// Runs the program with its arguments (the program's name left out).
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let first = arguments.first().and_then(|word| word.to_str()).unwrap_or_default();
    if ToolLine::command().get_subcommands().any(|tool| tool.get_name() == first) {
        let name = first.to_owned();
        let line = std::iter::once(OsString::from("coolcache")).chain(arguments);
        // Wrong options end with code 2; --help with 0.
        let parsed = ToolLine::try_parse_from(line).unwrap_or_else(|error| error.exit());
        return tool::end(&name, parsed.tool.run());
    }
    match first {
        "--help" | "-h" | "help" => match arguments.get(1) {
            None => {
                print!("{HELP}{}", ToolLine::summary());
                return ExitCode::SUCCESS;
            }
            Some(pattern) => return explain(&pattern.to_string_lossy()),
        },
        "--version" | "-v" => {
            println!("CoolCache server v={} bits=64", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    match arguments.into_iter().map(OsString::into_string).collect::<Result<Vec<_>, _>>() {
        Ok(arguments) => serve(&arguments),
        Err(argument) => {
            eprintln!("an argument is not UTF-8: {}", argument.display());
            ExitCode::FAILURE
        }
    }
}

/// Prints the parameters whose names match a glob.
fn explain(pattern: &str) -> ExitCode {
    let matches = |one: &Description| glob::matches(pattern.as_bytes(), one.name.as_bytes());
    let found: Vec<Description> = Config::parameters().filter(matches).collect();
    for &Description { name, default, mutability, doc } in &found {
        let set =
            if mutability == Mutability::Immutable { "only at the start" } else { "CONFIG SET" };
        let default = if default.is_empty() { "\"\"" } else { default };
        let doc = if Config::has_effect(name) { doc } else { "Accepted; has no effect (yet)." };
        println!("{name} (default {default}; {set})\n    {doc}");
    }
    if found.is_empty() {
        eprintln!("no parameter matches '{pattern}'");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs the server until it is shut down.
fn serve(arguments: &[String]) -> ExitCode {
    let config = match Config::from_args(arguments) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            if arguments.first().is_some_and(|first| !first.starts_with('-')) {
                let tools = ToolLine::command();
                let names: Vec<&str> =
                    tools.get_subcommands().map(|tool| tool.get_name()).collect();
                eprintln!(
                    "(The first word is a configuration file, or a tool: {}.)",
                    names.join(", ")
                );
            }
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
    if config.appendfsync() == Fsync::Always && !config.appendonly() {
        tracing::warn!(
            "appendfsync always has no effect: appendonly is no, so there is no log on disk"
        );
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
        let file = plain::append(config.logfile().as_ref())?;
        let lines = lines.with_writer(std::sync::Mutex::new(file));
        tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    }
    Ok(())
}
