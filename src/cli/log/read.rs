//! `coolcache log cat` and `log tail`: the changes, in order, from files or from a server.

use super::lines::Line;
use super::{archive, disk};
use crate::base::clock;
use crate::cli::client::connection::Connection;
use crate::cli::tool::{self, Ended, Failure, Verdict};
use crate::command::logged::Wanted;
use crate::log::{Follower, Lsn, State};
use crate::resp::OwnedReply;
use clap::{Args, Subcommand};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Print the changes on the log, from files or from a running server
#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

const HELP: &str = "\
A line is a record: the LSN behind it, when it was written, its database, the command. To go on \
later, give the last line's LSN to --from. With --json a line is
  {\"lsn\":123,\"time\":1700000000,\"db\":0,\"command\":[\"SET\",\"key\",\"value\"]}
(words that are not UTF-8 are {\"base64\":\"...\"}). Commands are as the log has them: canonical, \
with absolute times. MULTI and EXEC around commands that took effect together are lines too, \
unless --match is given.

From a server it needs LOG READ (CoolCache); the password is taken from REDISCLI_AUTH. From files \
it needs no server, and works while one runs on them.

Exit codes: 0 the end was reached; 2 it could not be read: among others since the LSN is outside \
the window that log-retention-bytes and log-retention-seconds keep, or inside a record.

Examples:
  coolcache log cat /var/lib/coolcache --match 'user:*'
  coolcache log tail 127.0.0.1:6379 --from 123456 --json";

#[derive(Debug, Subcommand)]
enum What {
    /// Print all records there are, and end
    #[command(after_help = HELP)]
    Cat(Source),
    /// Print records as they come, until interrupted; without --from those from now on
    ///
    /// If the server goes away, it is tried again until it is back, and reading goes on where it
    /// was.
    #[command(after_help = HELP)]
    Tail(Source),
}

#[derive(Debug, Args)]
struct Source {
    /// A data folder, or a server
    #[arg(value_name = "DIR|HOST:PORT")]
    target: String,

    /// Begin behind this LSN; `start`: with the oldest kept; `end`: with what comes next
    #[arg(long, value_name = "LSN")]
    from: Option<From>,

    /// End at this LSN
    #[arg(long, value_name = "LSN")]
    to: Option<u64>,

    /// Only records with a key that matches, and those that concern all keys
    #[arg(long = "match", value_name = "PATTERN")]
    pattern: Option<String>,

    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,

    /// The user to authenticate as
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The password
    #[arg(long = "pass", env = "REDISCLI_AUTH", hide_env_values = true, value_name = "PASSWORD")]
    password: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Lsn(Lsn),
    Start,
    End,
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<From, String> {
        match text {
            "start" => Ok(From::Start),
            "end" => Ok(From::End),
            _ => text
                .parse()
                .map(|lsn| From::Lsn(Lsn(lsn)))
                .map_err(|_| "neither an LSN nor `start` nor `end`".to_owned()),
        }
    }
}

/// How long a wait at the server takes at most, and how often files are looked at.
const BLOCK_MS: &str = "1000";
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Between two attempts to reach a server that is away.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Runs the tool.
pub fn run(options: &Options) -> Ended {
    let (source, follow) = match &options.what {
        What::Cat(source) => (source, false),
        What::Tail(source) => (source, true),
    };
    let from = source.from.unwrap_or(if follow { From::End } else { From::Start });
    let wanted = Wanted { pattern: source.pattern.as_ref().map(|text| text.clone().into_bytes()) };
    let mut printer = Printer { out: tool::output()?, json: source.json, to: source.to.map(Lsn) };
    let path = Path::new(&source.target);
    if disk().exists(path).unwrap_or(false) {
        from_files(path, from, &wanted, follow, &mut printer)?;
    } else {
        from_server(source, from, follow, &mut printer)?;
    }
    printer.flush()?;
    Ok(Verdict::Good)
}

/// Where lines go.
struct Printer {
    out: std::io::BufWriter<std::fs::File>,
    json: bool,
    /// Where to end.
    to: Option<Lsn>,
}

impl Printer {
    /// Prints a record; false: it is behind the end.
    fn print(&mut self, line: &Line<'_>) -> Result<bool, Failure> {
        if self.to.is_some_and(|to| line.lsn > to) {
            return Ok(false);
        }
        line.write(self.json, &mut self.out).map_err(Failure::Output)?;
        Ok(true)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Output)
    }
}

fn from_files(
    path: &Path,
    from: From,
    wanted: &Wanted,
    follow: bool,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let told = |error: crate::log::ArchiveError| Failure::new(error.to_string());
    let archive = archive(path)?;
    let start = match from {
        From::Lsn(lsn) => Some(lsn),
        From::Start => None,
        // The last segment leads to the end.
        From::End => archive.pieces().last().and_then(|piece| piece.first),
    };
    let mut follower = archive.follow(start).map_err(told)?;
    let mut silent = from == From::End;
    loop {
        let goes_on = batch(&mut follower, wanted, silent, printer)?;
        if !goes_on || printer.to.is_some_and(|to| follower.at() >= to) {
            return Ok(());
        }
        if *follower.state() == State::More {
            continue;
        }
        printer.flush()?;
        if !follow {
            return end_of_files(follower.state());
        }
        if *follower.state() == State::Foreign {
            return end_of_files(follower.state());
        }
        silent = false;
        clock::pause(LOOK_AGAIN);
        follower.refresh().map_err(told)?;
    }
}

/// Prints a batch. False: the end that was asked for is reached.
fn batch(
    follower: &mut Follower,
    wanted: &Wanted,
    silent: bool,
    printer: &mut Printer,
) -> Result<bool, Failure> {
    let mut outcome = Ok(true);
    let visited = follower.visit(&mut |record| {
        if silent || !matches!(outcome, Ok(true)) || !wanted.takes(record) {
            return;
        }
        outcome = printer.print(&Line {
            lsn: record.lsn,
            seconds: record.seconds,
            database: record.database.into(),
            words: record.args,
        });
    });
    visited.map_err(|error| Failure::new(error.to_string()))?;
    outcome
}

/// What stands behind the last record.
fn end_of_files(state: &State) -> Result<(), Failure> {
    match state {
        State::Cut(place) => {
            tool::say(&format!("the log ends unfinished, or is being written: {place}"));
            Ok(())
        }
        State::Foreign => Err(Failure::new(
            "what follows was written by another server and has no LSNs; a start of CoolCache \
             takes it over",
        )),
        State::More | State::End => Ok(()),
    }
}

/// A reader of a server's log.
struct Remote<'a> {
    source: &'a Source,
    connection: Option<Connection>,
    next: Lsn,
    /// The history under which `next` was learnt.
    id: Option<Vec<u8>>,
}

/// Why a request came to nothing.
enum Refusal {
    /// The server is away: it may come back.
    Away(String),
    /// It has answered, and no.
    No(Failure),
}

fn from_server(
    source: &Source,
    from: From,
    follow: bool,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut remote = Remote { source, connection: None, next: Lsn(0), id: None };
    let first = remote.begin(from).map_err(|refusal| match refusal {
        Refusal::Away(text) => Failure::new(text),
        Refusal::No(failure) => failure,
    })?;
    // What `cat` ends at: what there was when it began.
    let end = if follow { None } else { Some(first) };
    let mut is_away = false;
    loop {
        match remote.read(follow, printer) {
            Ok(true) => {
                if is_away {
                    tool::say(&format!("{} is back", source.target));
                }
                is_away = false;
                if follow || std::io::stdout().is_terminal() {
                    printer.flush()?;
                }
                let is_behind = |limit: Option<Lsn>| limit.is_some_and(|lsn| remote.next >= lsn);
                if is_behind(end) || is_behind(printer.to) {
                    return Ok(());
                }
            }
            Ok(false) => return Ok(()),
            Err(Refusal::No(failure)) => {
                printer.flush()?;
                return Err(failure);
            }
            Err(Refusal::Away(text)) if !follow => {
                printer.flush()?;
                return Err(Failure::new(text));
            }
            Err(Refusal::Away(text)) => {
                printer.flush()?;
                remote.connection = None;
                if !is_away {
                    tool::say(&format!("{text}; trying again behind LSN {}", remote.next));
                }
                is_away = true;
                clock::pause(RETRY_AFTER);
            }
        }
    }
}

impl Remote<'_> {
    /// Finds where to begin; returns the log's present end.
    fn begin(&mut self, from: From) -> Result<Lsn, Refusal> {
        let info = self.ask(&[b"LOG", b"INFO"])?;
        let lsn = |name: &str| field(&info, name).and_then(number).map(Lsn);
        let (Some(start), Some(end)) = (lsn("window-start"), lsn("window-end")) else {
            return Err(Refusal::No(Failure::new("LOG INFO does not say what the log holds")));
        };
        self.next = match from {
            From::Lsn(lsn) => lsn,
            From::Start => start,
            From::End => end,
        };
        if from == From::End {
            self.id = field(&info, "id").and_then(bytes).map(<[u8]>::to_vec);
        }
        Ok(end)
    }

    /// Reads and prints what comes next. False: the end that was asked for is reached.
    fn read(&mut self, follow: bool, printer: &mut Printer) -> Result<bool, Refusal> {
        let from = self.next.to_string();
        let mut request: Vec<&[u8]> = vec![b"LOG", b"READ", from.as_bytes(), b"COUNT", b"10000"];
        if follow {
            request.extend([b"BLOCK".as_slice(), BLOCK_MS.as_bytes()]);
        }
        if let Some(pattern) = &self.source.pattern {
            request.extend([b"MATCH".as_slice(), pattern.as_bytes()]);
        }
        let id = self.id.clone();
        if let Some(id) = &id {
            request.extend([b"ID".as_slice(), id]);
        }
        let reply = self.ask(&request)?;
        let next = field(&reply, "next").and_then(number).map(Lsn);
        let records = field(&reply, "records");
        let (Some(next), Some(OwnedReply::Array(records))) = (next, records) else {
            return Err(Refusal::No(Failure::new("the reply to LOG READ is not one")));
        };
        for record in records {
            let line = line(record);
            let Some((lsn, seconds, database, words)) = line else {
                return Err(Refusal::No(Failure::new("a record of LOG READ is not one")));
            };
            let line = Line { lsn, seconds, database, words: &words };
            if !printer.print(&line).map_err(Refusal::No)? {
                return Ok(false);
            }
        }
        self.next = next;
        self.id = field(&reply, "id").and_then(bytes).map(<[u8]>::to_vec);
        Ok(true)
    }

    fn ask(&mut self, request: &[&[u8]]) -> Result<OwnedReply, Refusal> {
        let away = |error: &dyn std::fmt::Display| {
            Refusal::Away(format!("{}: {error}", self.source.target))
        };
        if self.connection.is_none() {
            self.connection = Some(connect(self.source)?);
        }
        let Some(connection) = &mut self.connection else {
            return Err(away(&"no connection"));
        };
        let reply = connection.send(request).and_then(|()| connection.receive());
        match reply {
            Ok(Some(OwnedReply::Error(text))) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                if text.starts_with("LOADING") {
                    return Err(away(&text));
                }
                Err(Refusal::No(Failure::new(format!("{}: {text}", self.source.target))))
            }
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(away(&"no reply")),
            Err(error) => Err(away(&error)),
        }
    }
}

fn connect(source: &Source) -> Result<Connection, Refusal> {
    let target = &source.target;
    let parts = target.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let Some((host, port)) = parts else {
        let text = "neither a folder that exists nor HOST:PORT";
        return Err(Refusal::No(Failure::new(format!("{target}: {text}"))));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let away = |error: &dyn std::fmt::Display| Refusal::Away(format!("{target}: {error}"));
    let mut connection = Connection::open(host, port).map_err(|error| away(&error))?;
    if let Some(password) = &source.password {
        let mut words: Vec<&[u8]> = vec![b"AUTH"];
        words.extend(source.user.as_ref().map(String::as_bytes));
        words.push(password.as_bytes());
        let reply = connection.send(&words).and_then(|()| connection.receive());
        match reply.map_err(|error| away(&error))? {
            Some(OwnedReply::Error(text)) => {
                let text = String::from_utf8_lossy(&text);
                tool::say(&format!("AUTH failed: {text}"));
            }
            Some(_) => {}
            None => return Err(away(&"no reply")),
        }
    }
    Ok(connection)
}

/// A field of a map, which in RESP2 is an array of names and values.
fn field<'a>(reply: &'a OwnedReply, name: &str) -> Option<&'a OwnedReply> {
    let is_it = |key: &OwnedReply| bytes(key) == Some(name.as_bytes());
    match reply {
        OwnedReply::Array(all) => all.chunks_exact(2).find_map(|pair| match pair {
            [key, value] if is_it(key) => Some(value),
            _ => None,
        }),
        OwnedReply::Map(pairs) => pairs.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value),
        _ => None,
    }
}

fn number(reply: &OwnedReply) -> Option<u64> {
    match reply {
        OwnedReply::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn bytes(reply: &OwnedReply) -> Option<&[u8]> {
    match reply {
        OwnedReply::Bulk(bytes) | OwnedReply::Simple(bytes) => Some(bytes),
        _ => None,
    }
}

/// LSN, seconds, database and words of a record.
type Parts<'a> = (Lsn, Option<u64>, u64, Vec<&'a [u8]>);

fn line(record: &OwnedReply) -> Option<Parts<'_>> {
    let OwnedReply::Array(parts) = record else { return None };
    let [lsn, seconds, database, OwnedReply::Array(words)] = parts.as_slice() else { return None };
    let words = words.iter().map(bytes).collect::<Option<Vec<_>>>()?;
    Some((Lsn(number(lsn)?), number(seconds), number(database)?, words))
}
