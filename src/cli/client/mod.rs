//! `coolcache-cli`: sends commands to a server and prints the replies.
//!
//! It is used as redis-cli is: a command in the arguments (`runner`), commands line by line on the
//! standard input (`console`), or raw protocol for mass insertion (`pipe`). It never opens a shell.
//! Everything blocks: there is one connection and nothing else to do.

pub(in crate::cli) mod connection;
mod console;
mod options;
mod pipe;
mod runner;
#[cfg(test)]
mod tests;

use crate::resp::decode::DecodeError;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches};
use options::Options;
use runner::Runner;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

/// Runs the program with its arguments, the program's name first.
///
/// The code is 0; or 1 if the connection fails, with `-e` and after `--pipe` also if a reply was an
/// error; or 2 for wrong options.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parsed = Options::command().try_get_matches_from(arguments).and_then(|matches| {
        let typed = matches.value_source("password") == Some(ValueSource::CommandLine);
        Ok((Options::from_arg_matches(&matches)?, typed))
    });
    let (options, password_typed) = match parsed {
        Ok(parsed) => parsed,
        // Also --help and --version.
        Err(error) => error.exit(),
    };
    if password_typed && !options.no_auth_warning {
        eprintln!(
            "Warning: Using a password with '-a' on the command line interface may not be safe."
        );
    }
    match run(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            failure.report();
            ExitCode::FAILURE
        }
    }
}

/// Runs what the options ask for; returns whether it went well, as the exit code has it.
fn run(options: Options) -> Result<bool, Failure> {
    let mut command = options.command_bytes();
    if options.last_from_stdin {
        let mut last = Vec::new();
        io::stdin().lock().read_to_end(&mut last).map_err(Failure::Input)?;
        command.push(last);
    }
    let (pipe, errors_fail, times) = (options.pipe, options.errors_fail, options.times());
    let pipe_timeout = options.pipe_timeout;
    let to_terminal = io::stdout().is_terminal();
    let mut runner = Runner::new(options, to_terminal, io::stdout());
    if pipe {
        let tally = pipe::run(runner.connected()?, io::stdin(), pipe_timeout)?;
        pipe::say(&format!("errors: {}, replies: {}", tally.errors, tally.replies))?;
        return Ok(tally.errors == 0);
    }
    if !command.is_empty() {
        return Ok(runner.run(&command, times)? || !errors_fail);
    }
    let prompts = io::stdin().is_terminal();
    let trouble = console::run(&mut runner, io::stdin().lock(), prompts)?;
    // A person has seen it.
    Ok(prompts || !(trouble.failures || trouble.errors && errors_fail))
}

/// Why the client cannot go on.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Failure {
    /// There is no connection. Says "Redis" as redis-cli does: scripts look for it.
    #[error("Could not connect to Redis at {address}: {error}")]
    Connect { address: String, error: io::Error },
    /// The server closed the connection, or it broke.
    #[error("Error: Server closed the connection")]
    Closed,
    #[error("Error: {0}")]
    Connection(io::Error),
    #[error("Error: Protocol error, {0}")]
    Protocol(#[from] DecodeError),
    /// The database asked for with `-n` could not be selected; the connection is in database 0.
    #[error("SELECT {database} failed: {reply}")]
    Select { database: u64, reply: String },
    /// Mass insertion waited in vain for the rest of the replies.
    #[error("No replies for {0} seconds: exiting.")]
    Silent(u64),
    #[error("Error: cannot read the standard input: {0}")]
    Input(io::Error),
    #[error("Error: cannot write the output: {0}")]
    Output(io::Error),
}

impl Failure {
    /// Tells the user; not that a reader such as `head` has seen enough.
    fn report(&self) {
        match self {
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => {
                // What else could be done if the standard error is closed.
                let _best_effort = writeln!(io::stderr(), "{other}");
            }
        }
    }
}
