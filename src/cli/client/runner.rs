//! Runs commands on a connection that it opens when needed, and prints the replies.

use super::Failure;
use super::connection::Connection;
use super::options::{Form, Options, Times};
use crate::base::clock;
use crate::resp::{OwnedReply, print};
use std::io::Write;

/// Commands whose answer is a text for people: printed as it is, where it is a string.
const TEXTS: &[(&str, &str)] = &[
    ("info", ""),
    ("lolwut", ""),
    ("client", "info"),
    ("client", "list"),
    ("cluster", "info"),
    ("cluster", "nodes"),
    ("debug", "htstats"),
    ("debug", "htstats-key"),
    ("latency", "doctor"),
    ("latency", "graph"),
    ("latency", "histogram"),
    ("memory", "doctor"),
    ("memory", "malloc-stats"),
];

/// Commands after whose reply more comes, for as long as the connection lasts.
const STREAMS: &[&str] = &["monitor", "psubscribe", "ssubscribe", "subscribe"];

/// Runs commands and prints the replies.
pub(super) struct Runner<W> {
    options: Options,
    form: Form,
    /// Pushes between replies are shown to people only.
    shows_pushes: bool,
    out: W,
    connection: Option<Connection>,
    /// The session as its commands have made it, for the prompt and to make it again after the
    /// connection broke.
    database: u64,
    credentials: Option<Vec<Vec<u8>>>,
    resp3: bool,
    /// Between MULTI and EXEC or DISCARD.
    in_transaction: bool,
}

impl<W: Write> Runner<W> {
    /// One that connects with the first command and prints to `out`.
    pub fn new(options: Options, to_terminal: bool, out: W) -> Self {
        Runner {
            form: options.form(to_terminal),
            shows_pushes: to_terminal,
            out,
            connection: None,
            database: options.database,
            credentials: options.credentials(),
            resp3: options.speaks_resp3(),
            in_transaction: false,
            options,
        }
    }

    /// Runs a command, not empty, as often as asked; returns whether no reply was an error.
    pub fn run(&mut self, words: &[Vec<u8>], times: Times) -> Result<bool, Failure> {
        let mut left = times.count;
        while left != Some(0) {
            if !self.run_once(words)? {
                return Ok(false);
            }
            left = left.map(|left| left - 1);
            if left != Some(0) && !times.interval.is_zero() {
                clock::pause(times.interval);
            }
        }
        Ok(true)
    }

    fn run_once(&mut self, words: &[Vec<u8>]) -> Result<bool, Failure> {
        let name = lowercase(words.first());
        let second = lowercase(words.get(1));
        let outcome = self.connected().and_then(|connection| connection.send(words));
        let reply = outcome.and_then(|()| self.reply());
        let reply = match reply {
            Ok(reply) => reply,
            // The answer to SHUTDOWN is that the server is gone.
            Err(Failure::Closed) if name == "shutdown" => {
                self.connection = None;
                return Ok(true);
            }
            Err(failure) => {
                self.forget_after(&failure);
                return Err(failure);
            }
        };
        let is_text =
            TEXTS.iter().any(|&(first, then)| first == name && (then.is_empty() || then == second));
        self.print(&reply, is_text)?;
        let is_error = matches!(reply, OwnedReply::Error(_));
        if !is_error {
            self.follow(&name, words, &reply);
        }
        if !is_error && STREAMS.contains(&name.as_str()) {
            return self.stream();
        }
        Ok(!is_error)
    }

    /// The connection, opened if there is none or the server closed it.
    pub fn connected(&mut self) -> Result<&mut Connection, Failure> {
        if self.is_closed() {
            self.connection = None;
        }
        match self.connection.take() {
            Some(connection) => Ok(self.connection.insert(connection)),
            None => self.connect(),
        }
    }

    /// Whether there is a connection that the server has closed.
    pub fn is_closed(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_closed)
    }

    /// Connects and makes the session as it was.
    ///
    /// A refused AUTH or HELLO is only told, as in redis-cli: the variable with the password may be
    /// set where the server wants none. A refused SELECT is a failure: the command was meant for
    /// another database than the one it would run in.
    fn connect(&mut self) -> Result<&mut Connection, Failure> {
        self.in_transaction = false;
        let (host, port) = (self.options.host.as_str(), self.options.port);
        let mut connection = Connection::open(host, port)
            .map_err(|error| Failure::Connect { address: self.options.address(), error })?;
        if let Some(credentials) = &self.credentials {
            let mut words = vec![b"AUTH".to_vec()];
            words.extend(credentials.iter().cloned());
            if let Some(refusal) = refusal(&mut connection, &words)? {
                eprintln!("AUTH failed: {refusal}");
            }
        }
        if self.resp3
            && let Some(refusal) = refusal(&mut connection, &["HELLO", "3"])?
        {
            eprintln!("HELLO 3 failed: {refusal}");
        }
        if self.database != 0 {
            let database = self.database;
            let refusal = refusal(&mut connection, &["SELECT", database.to_string().as_str()])?;
            if let Some(reply) = refusal {
                self.database = 0;
                self.connection = Some(connection);
                return Err(Failure::Select { database, reply });
            }
        }
        Ok(self.connection.insert(connection))
    }

    /// Waits for the answer to the request; prints pushes that come before it.
    fn reply(&mut self) -> Result<OwnedReply, Failure> {
        loop {
            let received = match self.connection.as_mut() {
                Some(connection) => connection.receive()?,
                None => return Err(Failure::Closed),
            };
            // None is a read timeout's end, and none is set.
            let Some(reply) = received else { continue };
            // The answers to SUBSCRIBE are pushes themselves.
            let aside = matches!(&reply, OwnedReply::Push(items) if !is_subscription(items));
            if !aside {
                return Ok(reply);
            }
            if self.shows_pushes {
                self.print(&reply, false)?;
            }
        }
    }

    /// Prints what comes until the connection ends.
    fn stream(&mut self) -> Result<bool, Failure> {
        loop {
            let reply = match self.connection.as_mut() {
                Some(connection) => connection.receive(),
                None => Err(Failure::Closed),
            };
            match reply {
                Ok(Some(reply)) => self.print(&reply, false)?,
                Ok(None) => {}
                Err(failure) => {
                    self.forget_after(&failure);
                    return Err(failure);
                }
            }
        }
    }

    /// Prints a reply and shows it at once.
    fn print(&mut self, reply: &OwnedReply, is_text: bool) -> Result<(), Failure> {
        let mut text = Vec::new();
        match (reply, self.form) {
            (OwnedReply::Bulk(_) | OwnedReply::Verbatim(..), _) if is_text => {
                print::raw(reply, &mut text);
            }
            (_, Form::Tty) => print::tty(reply, &mut text),
            (_, Form::Raw) => {
                print::raw(reply, &mut text);
                text.push(b'\n');
            }
            (_, Form::Json) => {
                print::json(reply, &mut text);
                text.push(b'\n');
            }
        }
        self.show(&text)
    }

    /// Prints a text and shows it at once.
    pub fn show(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.out.write_all(text).and_then(|()| self.out.flush()).map_err(Failure::Output)
    }

    /// The prompt: the address, the database unless it is 0, and whether a transaction is open.
    pub fn prompt(&self) -> String {
        if self.connection.is_none() {
            return "not connected> ".to_owned();
        }
        let mut prompt = self.options.address();
        if self.database != 0 {
            prompt.push_str(&format!("[{}]", self.database));
        }
        prompt.push_str(if self.in_transaction { "(TX)> " } else { "> " });
        prompt
    }

    /// Notes what a command that succeeded has made of the session.
    fn follow(&mut self, name: &str, words: &[Vec<u8>], reply: &OwnedReply) {
        match name {
            "exec" | "discard" => self.in_transaction = false,
            // Only queued; EXEC will tell.
            _ if self.in_transaction && name != "reset" => {}
            "multi" => self.in_transaction = true,
            "select" => {
                let number = words.get(1).and_then(|word| std::str::from_utf8(word).ok());
                self.database = number.and_then(|text| text.parse().ok()).unwrap_or(0);
            }
            "auth" => self.credentials = Some(words[1..].to_vec()),
            "hello" if words.len() > 1 => self.resp3 = matches!(reply, OwnedReply::Map(_)),
            "reset" => {
                (self.database, self.in_transaction, self.resp3) = (0, false, false);
                self.credentials = self.options.credentials();
            }
            _ => {}
        }
    }

    /// Drops a connection that is of no more use. After a refused SELECT it is.
    fn forget_after(&mut self, failure: &Failure) {
        if !matches!(failure, Failure::Select { .. }) {
            self.connection = None;
        }
    }
}

/// Sends a request of the session's beginning; returns the text of the reply if it is an error.
fn refusal(
    connection: &mut Connection,
    words: &[impl AsRef<[u8]>],
) -> Result<Option<String>, Failure> {
    connection.send(words)?;
    loop {
        match connection.receive()? {
            Some(OwnedReply::Error(text)) => {
                return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
            }
            Some(OwnedReply::Push(_)) | None => {}
            Some(_) => return Ok(None),
        }
    }
}

/// Whether a push answers a command of the SUBSCRIBE family.
fn is_subscription(items: &[OwnedReply]) -> bool {
    matches!(items.first(), Some(OwnedReply::Bulk(kind)) if kind.ends_with(b"subscribe"))
}

/// A word in lower case; empty if there is none.
fn lowercase(word: Option<&Vec<u8>>) -> String {
    String::from_utf8_lossy(word.map_or(&[], Vec::as_slice)).to_ascii_lowercase()
}
