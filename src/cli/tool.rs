//! What the tools share: how they end, where they write, and how they show progress.
//!
//! Every tool ends with code 0 if all is well, 1 if it looked and found something (what, its help
//! says), 2 if it could not do its work. What it found goes to the standard output, and nothing
//! else does; messages and progress go to the standard error, progress only if that is a terminal.
//! A reader of the output that goes away (`| head`) ends a tool quietly.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How a tool ended.
pub type Ended = Result<Verdict, Failure>;

/// What a tool that did its work says by its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well: 0.
    Good,
    /// It found something: 1.
    Found,
}

/// Why a tool could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// For the user, as it is.
    #[error("{0}")]
    Message(String),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

impl Failure {
    /// One with this text.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure::Message(message.into())
    }

    /// One that names what was to be done with what, for `map_err`.
    pub fn about<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> Failure {
        move |error| Failure::Message(format!("{what}: {error}"))
    }
}

/// The exit code of the tool `name`; tells the user why it failed.
pub fn end(name: &str, ended: Ended) -> ExitCode {
    match ended {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Found) => ExitCode::from(1),
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            say(&format!("coolcache {name}: {failure}"));
            ExitCode::from(2)
        }
    }
}

/// Writes a line to the standard error. If that is closed there is nobody to tell.
pub fn say(line: &str) {
    let _closed = writeln!(io::stderr(), "{line}");
}

/// Bytes gathered before they are written to the standard output.
const OUTPUT_BYTES: usize = 256 << 10;

/// The standard output, written in large pieces: it is not flushed at line ends, nor when dropped
/// without an error being told, so [`Write::flush`] it at the end.
pub fn output() -> Result<BufWriter<fs::File>, Failure> {
    let own = io::stdout().as_fd().try_clone_to_owned().map_err(Failure::Output)?;
    Ok(BufWriter::with_capacity(OUTPUT_BYTES, own.into()))
}

/// A progress bar on the standard error; nothing if that is no terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// How many of `total` bytes (0: unknown) are done, with a word that says of what.
    pub fn bytes(total: u64, what: &str) -> Progress {
        const KNOWN: &str = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
        const UNKNOWN: &str = "{msg} {spinner} {bytes} {bytes_per_sec}";
        Progress::with(total, what, if total > 0 { KNOWN } else { UNKNOWN })
    }

    /// How many of `total` things (0: unknown) are done, with a word that says of what.
    pub fn count(total: u64, what: &str) -> Progress {
        const KNOWN: &str = "{msg} {bar:30} {human_pos}/{human_len} {per_sec}, {eta} left";
        const UNKNOWN: &str = "{msg} {spinner} {human_pos} {per_sec}";
        Progress::with(total, what, if total > 0 { KNOWN } else { UNKNOWN })
    }

    fn with(total: u64, what: &str, template: &str) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let total = (total > 0).then_some(total);
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        Progress(bar)
    }

    /// Says how much is done in all.
    pub fn set(&self, done: u64) {
        self.0.set_position(done);
    }
}

/// The bar goes away with it.
impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
