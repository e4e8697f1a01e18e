//! `coolcache rdb-dump`: what an RDB file holds, as text or as commands.

use super::commands::{Commands, Form, Take};
use super::csv::Csv;
use super::input::{self, Input};
use super::json::Json;
use super::select::{Omitted, Select, Selection};
use super::sink::Sink;
use super::stats::Stats;
use crate::base::clock;
use crate::cli::tool::{self, Ended, Failure, Verdict};
use crate::rdb::visit::{Visitor, Want};
use crate::rdb::{Entry, LoadError, Refused};
use clap::{Args, ValueEnum};
use std::io::Write;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Formats:
  jsonl     one object a line:
            {\"db\":0,\"key\":\"k\",\"type\":\"list\",\"expiry_ms\":1700000000000,\"value\":[\"a\",\"b\"]}
            string: text; list, set: [text,...]; hash: [[field,value],...], with a third item,
            unix ms, if the field expires; zset: [[member,score],...]; stream: entries, ids, groups.
            Bytes that are not UTF-8 are written as {\"base64\":\"...\"}. rdb-load takes it back
  json      the same objects as one document, an array
  csv       a line for each element; bytes are written as they are
  commands  the commands that make the keys, as lines for redis-cli
  resp      the same as requests, for `redis-cli --pipe` and a server without these keys

Memory is bounded: a collection of any size goes through element by element (of each consumer
group of a stream, the pending entries are kept). Values of modules, and of types that are not
known, are left out: a warning says how many.

Exit codes: 0 all was printed; 1 something was left out; 2 the file cannot be read, or is damaged
(what was printed before that is of keys that could be read).

Examples:
  coolcache rdb-dump dump.rdb --stats
  coolcache rdb-dump dump.rdb --match 'user:*' --type hash | head
  coolcache rdb-dump dump.rdb --format resp | redis-cli --pipe
";

/// Print what an RDB file holds, or count it
///
/// Reads what any Redis up to 8.x and any Valkey up to 9 wrote; - is the standard input.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// The file
    pub file: PathBuf,

    /// How keys are printed
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,

    #[command(flatten)]
    selection: Selection,

    /// Count instead of printing: keys and bytes by type and prefix, the largest keys, expiries
    #[arg(long)]
    pub stats: bool,

    /// With --stats, where a key's prefix ends
    #[arg(long, default_value = ":", requires = "stats")]
    separator: String,

    /// With --stats, how many prefixes and largest keys are shown
    #[arg(long, default_value_t = 20, requires = "stats")]
    top: usize,

    /// Machine-readable: with --stats one JSON document, else the same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// How keys are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON document.
    Json,
    /// A JSON object a line.
    Jsonl,
    /// A line for each element.
    Csv,
    /// Requests for a server.
    Resp,
    /// Lines for redis-cli.
    Commands,
}

/// Runs the tool.
pub fn run(options: &Options) -> Ended {
    let mut output = tool::output()?;
    let input = input::file(&options.file)?;
    if options.stats {
        return stats(options, input, &mut output);
    }
    let format = if options.json { Format::Json } else { options.format };
    Ok(tell_left_out(&print(input, format, &options.selection, &mut output)?))
}

/// Warns about what was left out.
pub(super) fn tell_left_out(left: &Omitted) -> Verdict {
    let Omitted { count, examples } = left;
    if *count == 0 {
        return Verdict::Good;
    }
    for example in examples {
        tool::say(&format!("left out: {example}"));
    }
    tool::say(&format!("warning: {count} left out that cannot be decoded, or not be carried over"));
    Verdict::Found
}

fn stats(options: &Options, input: Input, output: &mut dyn Write) -> Ended {
    let mut stats = Stats::new(clock::now(), &options.separator, options.top);
    let mut select = Select::new(&options.selection, &mut stats);
    input.read(&mut select)?;
    let left = std::mem::take(&mut select.left);
    let text = if options.json { format!("{:#}\n", stats.json()) } else { stats.table() };
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Failure::Output)?;
    Ok(tell_left_out(&left))
}

/// Prints what `selection` takes of the input; answers what was left out.
pub(super) fn print(
    input: Input,
    format: Format,
    selection: &Selection,
    output: &mut dyn Write,
) -> Result<Omitted, Failure> {
    let mut sink = Sink::new(output);
    let printed = print_to(&mut sink, format, |visitor| {
        let mut select = Select::new(selection, visitor);
        input.read(&mut select)?;
        Ok(select.left)
    });
    // The refusal that a failed write became has not its kind.
    match sink.failure() {
        Some(error) => Err(Failure::Output(error)),
        None => printed,
    }
}

fn print_to<R>(
    sink: &mut Sink<'_>,
    format: Format,
    read: impl FnOnce(&mut dyn Visitor) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let ended = |refused: Refused| Failure::new(refused.0);
    match format {
        Format::Json | Format::Jsonl => {
            let mut json = match format {
                Format::Json => Json::document(sink),
                _ => Json::lines(sink),
            };
            let outcome = read(&mut json);
            json.finish().map_err(ended)?;
            outcome
        }
        Format::Csv => {
            let mut csv = Csv::new(sink);
            let outcome = read(&mut csv);
            csv.finish().map_err(ended)?;
            outcome
        }
        Format::Resp | Format::Commands => {
            let form = if format == Format::Resp { Form::Resp } else { Form::Line };
            let selector = super::commands::Command::new(form);
            let printer = Printer { sink, db: None, selector };
            let mut commands = Commands::new(form, printer);
            let outcome = read(&mut commands);
            commands.take.sink.finish().map_err(ended)?;
            outcome
        }
    }
}

/// Prints commands, and a SELECT where the database changes.
struct Printer<'s, 'w> {
    sink: &'s mut Sink<'w>,
    db: Option<u64>,
    selector: super::commands::Command,
}

impl Take for Printer<'_, '_> {
    fn command(&mut self, encoded: &[u8]) -> Result<(), Refused> {
        self.sink.text.extend_from_slice(encoded);
        self.sink.spill()
    }

    fn begin(&mut self, entry: &Entry<'_>) -> Result<Want, Refused> {
        if self.db != Some(entry.db) {
            self.db = Some(entry.db);
            self.selector.word(b"SELECT");
            self.selector.integer(entry.db);
            self.sink.text.extend_from_slice(self.selector.finish());
        }
        Ok(Want::Pieces)
    }

    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        self.selector.words("FUNCTION LOAD");
        self.selector.word(code);
        self.sink.text.extend_from_slice(self.selector.finish());
        self.sink.spill()
    }
}

/// What a file in memory is printed as; the error is that of reading it.
#[cfg(test)]
pub(super) fn print_bytes(bytes: &[u8], format: Format) -> Result<Vec<u8>, Failure> {
    in_memory(bytes, format).1
}

fn in_memory(bytes: &[u8], format: Format) -> (Format, Result<Vec<u8>, Failure>) {
    let selection = Selection::default();
    let mut out = Vec::new();
    let mut sink = Sink::new(&mut out);
    let printed = print_to(&mut sink, format, |visitor| {
        let mut select = Select::new(&selection, visitor);
        input::visit(bytes, &mut select).map_err(|error| Failure::new(error.to_string()))
    });
    (format, printed.map(|_| out))
}

/// All formats and the counts over any bytes, to nowhere: for fuzzers. They must all end alike;
/// and what was written as JSON is JSON, and reads back to the same.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let formats = [Format::Json, Format::Jsonl, Format::Csv, Format::Resp, Format::Commands];
    let printed = formats.map(|format| in_memory(bytes, format));
    let selection = Selection::default();
    let mut stats = Stats::new(clock::UnixMs::ZERO, ":", 3);
    let mut select = Select::new(&selection, &mut stats);
    let counted: Result<_, LoadError> = input::visit(bytes, &mut select);
    assert!(stats.json().is_object() && !stats.table().is_empty());
    for (format, outcome) in &printed {
        assert_eq!(outcome.is_ok(), counted.is_ok(), "{format:?}: {outcome:?}");
    }
    let [(_, document), (_, lines), ..] = printed;
    let (Ok(document), Ok(lines)) = (document, lines) else { return };
    let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&document);
    assert!(parsed.is_ok_and(|document| document.is_array()), "the document is no JSON");
    let mut again = Vec::new();
    let mut sink = Sink::new(&mut again);
    let mut json = Json::lines(&mut sink);
    super::jsonl::read(&lines[..], &mut json).expect("our own lines are readable");
    json.finish().expect("memory does not fail");
    drop(sink);
    assert!(again == lines, "the lines come back as others");
}
