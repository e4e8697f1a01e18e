//! Keys on their way into a server or a data set.
//!
//! They go in batches, each in two rounds. The first tries RESTORE with the value's bytes as they
//! lie in the file, which needs no decoding here, and asks whether the other keys exist. The second
//! sends as commands what is left: values that were read from JSON, and those whose payload is not
//! taken, or that the target has no RESTORE for: about these it is asked first. A value that is too
//! large for one payload goes by itself, as commands.

use super::commands::{Command, Commands, Form, Take};
use super::select::Omitted;
use super::target::{Answer, Target};
use crate::cli::tool::Failure;
use crate::rdb::visit::{self, Want};
use crate::rdb::{Entry, Refused, Version, dump};
use std::collections::HashSet;

/// What becomes of keys that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They end the load.
    Fail,
    /// They are replaced.
    Replace,
    /// They are kept.
    Skip,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Keys that are there now.
    pub loaded: u64,
    /// Keys and libraries that were there before.
    pub skipped: u64,
    /// Function libraries.
    pub functions: u64,
    /// Keys whose value went as commands.
    pub as_commands: u64,
}

/// Values up to this size go as one payload, or are gathered as commands.
const WHOLE_BYTES: usize = 1 << 20;
/// Keys, and bytes, of a batch.
const BATCH_KEYS: usize = 1024;
const BATCH_BYTES: usize = 512 << 10;

/// A key on its way.
#[derive(Default)]
struct Item {
    db: u64,
    key: Vec<u8>,
    expiry_ms: Option<u64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
    /// The value, if it is to be restored.
    payload: Option<Vec<u8>>,
    /// Else the commands that make it.
    commands: Vec<u8>,
    count: usize,
}

impl Item {
    fn entry(&self) -> Entry<'_> {
        let Item { db, key, expiry_ms, idle_s, freq, .. } = self;
        Entry { db: *db, key, expiry_ms: *expiry_ms, idle_s: *idle_s, freq: *freq }
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.commands.len() + self.payload.as_ref().map_or(0, Vec::len)
    }

    /// The commands of a key whose payload is not taken.
    fn decode(&mut self) -> Result<(), Failure> {
        let Some(payload) = self.payload.take() else { return Ok(()) };
        let mut commands = Commands::new(Form::Resp, Collect::default());
        visit::payload(&payload, &self.entry(), &mut commands)
            .map_err(Failure::about(named(&self.key)))?;
        Collect { text: self.commands, count: self.count } = commands.take;
        Ok(())
    }
}

fn named(key: &[u8]) -> String {
    format!("key \"{}\"", key.escape_ascii())
}

/// Keeps commands.
#[derive(Default)]
struct Collect {
    text: Vec<u8>,
    count: usize,
}

impl Take for Collect {
    fn command(&mut self, encoded: &[u8]) -> Result<(), Refused> {
        self.text.extend_from_slice(encoded);
        self.count += 1;
        Ok(())
    }
}

/// What has become of the key under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Its commands are gathered.
    Gathered,
    /// They are sent as they come.
    Sent,
    /// They are dropped: the key exists.
    Dropped,
}

/// Sends keys to a target.
pub struct Loader<'t> {
    target: &'t mut dyn Target,
    existing: Existing,
    functions: bool,
    /// The database that the target is in.
    db: Option<u64>,
    batch: Vec<Item>,
    batch_bytes: usize,
    /// The keys of the batch: none may be there twice, since any may have to go as commands.
    batch_keys: HashSet<(u64, Vec<u8>)>,
    current: Item,
    way: Way,
    /// Versions of payloads that the target does not take.
    refused: HashSet<u16>,
    /// The target does not know RESTORE.
    no_restore: bool,
    /// What was done.
    pub done: Done,
    /// What the target has no commands for.
    pub left: Omitted,
    /// The last of it: a key's is told once.
    last_left: String,
    /// What ended the load, if something did: the refusal that it became has not all its words.
    pub failure: Option<Failure>,
}

/// Requests on their way, and how many.
struct Requests {
    command: Command,
    text: Vec<u8>,
    count: usize,
}

impl Requests {
    fn new() -> Requests {
        Requests { command: Command::new(Form::Resp), text: Vec::new(), count: 0 }
    }

    fn end(&mut self) {
        self.text.extend_from_slice(self.command.finish());
        self.count += 1;
    }

    fn about_key(&mut self, name: &str, key: &[u8]) {
        self.command.words(name);
        self.command.word(key);
        self.end();
    }

    fn restore(&mut self, item: &Item, payload: &[u8], replace: bool) {
        self.command.word(b"RESTORE");
        self.command.word(&item.key);
        self.command.integer(item.expiry_ms.unwrap_or(0));
        self.command.word(payload);
        if replace {
            self.command.word(b"REPLACE");
        }
        if item.expiry_ms.is_some() {
            self.command.word(b"ABSTTL");
        }
        if let Some(seconds) = item.idle_s {
            self.command.word(b"IDLETIME");
            self.command.integer(seconds);
        } else if let Some(counter) = item.freq {
            self.command.word(b"FREQ");
            self.command.integer(counter);
        }
        self.end();
    }
}

impl<'t> Loader<'t> {
    /// Sends to `target`: function libraries too if `functions` says so.
    pub fn new(target: &'t mut dyn Target, existing: Existing, functions: bool) -> Loader<'t> {
        Loader {
            target,
            existing,
            functions,
            db: None,
            batch: Vec::new(),
            batch_bytes: 0,
            batch_keys: HashSet::new(),
            current: Item::default(),
            way: Way::Gathered,
            refused: HashSet::new(),
            no_restore: false,
            left: Omitted::default(),
            last_left: String::new(),
            done: Done::default(),
            failure: None,
        }
    }

    /// A failure as a refusal; the failure itself is kept.
    fn refuse(&mut self, outcome: Result<(), Failure>) -> Result<(), Refused> {
        outcome.map_err(|failure| {
            let refused = Refused(failure.to_string());
            self.failure = Some(failure);
            refused
        })
    }

    /// Adds SELECT if the target is in another database.
    fn select(&mut self, requests: &mut Requests, db: u64) {
        if self.db != Some(db) {
            self.db = Some(db);
            requests.command.word(b"SELECT");
            requests.command.integer(db);
            requests.end();
        }
    }

    fn run(&mut self, requests: &Requests) -> Result<std::vec::IntoIter<Answer>, Failure> {
        Ok(self.target.run(&requests.text, requests.count)?.into_iter())
    }

    fn add(&mut self, item: Item) -> Result<(), Failure> {
        let name = (item.db, item.key.clone());
        if self.batch_keys.contains(&name) {
            self.flush()?;
        }
        self.batch_keys.insert(name);
        self.batch_bytes += item.bytes();
        self.batch.push(item);
        if self.batch.len() >= BATCH_KEYS || self.batch_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends what is gathered.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.batch_bytes = 0;
        self.batch_keys.clear();
        let batch = std::mem::take(&mut self.batch);
        let rest = self.try_restore(batch)?;
        self.as_commands(rest)
    }

    /// Whether the target is known not to take a payload.
    fn is_refused(&self, payload: &[u8]) -> bool {
        self.no_restore || self.refused.contains(&footer(payload))
    }

    /// The first round; gives back what must go as commands, and may.
    fn try_restore(&mut self, batch: Vec<Item>) -> Result<Vec<Item>, Failure> {
        let (mut rest, unasked) = self.ask(batch)?;
        if !unasked.is_empty() {
            // Without payloads now: none is refused again.
            rest.extend(self.ask(unasked)?.0);
        }
        Ok(rest)
    }

    /// Tries RESTORE where there is a payload, and asks whether the other keys exist. Gives back
    /// what must go as commands, and may; and the keys whose payload is not taken: of them it is
    /// not known whether they exist.
    fn ask(&mut self, mut batch: Vec<Item>) -> Result<(Vec<Item>, Vec<Item>), Failure> {
        let mut requests = Requests::new();
        let mut selects = Vec::with_capacity(batch.len());
        let replace = self.existing == Existing::Replace;
        for item in &mut batch {
            if item.payload.as_deref().is_some_and(|payload| self.is_refused(payload)) {
                item.decode()?;
            }
            let before = requests.count;
            self.select(&mut requests, item.db);
            selects.push(requests.count > before);
            match &item.payload {
                Some(payload) => requests.restore(item, payload, replace),
                None if replace => requests.about_key("DEL", &item.key),
                None => requests.about_key("EXISTS", &item.key),
            }
        }
        let mut answers = self.run(&requests)?;
        let (mut rest, mut unasked) = (Vec::new(), Vec::new());
        for (mut item, selected) in batch.into_iter().zip(selects) {
            if selected {
                good(answers.next(), || format!("database {}", item.db))?;
            }
            match answers.next() {
                Some(Answer::Error(text)) if text.contains("BUSYKEY") => self.exists(&item.key)?,
                Some(Answer::Number(1)) if !replace => self.exists(&item.key)?,
                Some(Answer::Error(text)) if item.payload.is_some() && is_not_taken(&text) => {
                    if text.contains("version or checksum") {
                        self.refused.extend(item.payload.as_deref().map(footer));
                    }
                    self.no_restore |= text.contains(NO_COMMAND);
                    item.decode()?;
                    unasked.push(item);
                }
                Some(Answer::Error(text)) => {
                    return Err(Failure::new(format!("{}: {text}", named(&item.key))));
                }
                _ if item.payload.is_some() => self.done.loaded += 1,
                _ => rest.push(item),
            }
        }
        Ok((rest, unasked))
    }

    /// The second round.
    fn as_commands(&mut self, rest: Vec<Item>) -> Result<(), Failure> {
        let mut requests = Requests::new();
        let mut before = Vec::with_capacity(rest.len());
        for item in &rest {
            let count = requests.count;
            self.select(&mut requests, item.db);
            if self.existing == Existing::Replace {
                requests.about_key("DEL", &item.key);
            }
            requests.text.extend_from_slice(&item.commands);
            requests.count += item.count;
            before.push(requests.count - count);
        }
        if rest.is_empty() {
            return Ok(());
        }
        let mut answers = self.run(&requests)?;
        for (item, count) in rest.iter().zip(before) {
            for _ in 0..count {
                self.sent(answers.next(), &item.key)?;
            }
            self.done.loaded += 1;
            self.done.as_commands += 1;
        }
        Ok(())
    }

    /// A key exists that is not to be replaced.
    fn exists(&mut self, key: &[u8]) -> Result<(), Failure> {
        if self.existing == Existing::Fail {
            let text = format!(
                "{} exists ({} keys were loaded before; see --replace and --skip)",
                named(key),
                self.done.loaded
            );
            return Err(Failure::new(text));
        }
        self.done.skipped += 1;
        Ok(())
    }

    /// The key under way has become too large to be gathered: from now on it is sent as it comes.
    fn open(&mut self) -> Result<(), Failure> {
        self.flush()?;
        let mut requests = Requests::new();
        let (db, key) = (self.current.db, self.current.key.clone());
        self.select(&mut requests, db);
        let selected = requests.count > 0;
        let replace = self.existing == Existing::Replace;
        requests.about_key(if replace { "DEL" } else { "EXISTS" }, &key);
        let mut answers = self.run(&requests)?;
        if selected {
            good(answers.next(), || format!("database {db}"))?;
        }
        let answer = answers.next();
        if answer == Some(Answer::Number(1)) && !replace {
            self.exists(&key)?;
            self.way = Way::Dropped;
            return Ok(());
        }
        good(answer, || named(&key))?;
        self.way = Way::Sent;
        self.send_current()
    }

    fn send_current(&mut self) -> Result<(), Failure> {
        let answers = self.target.run(&self.current.commands, self.current.count)?;
        self.current.commands.clear();
        self.current.count = 0;
        let key = self.current.key.clone();
        answers.into_iter().try_for_each(|answer| self.sent(Some(answer), &key))
    }

    /// A command of a key was answered. What a stream of a newer server has besides can be missing.
    fn sent(&mut self, answer: Option<Answer>, key: &[u8]) -> Result<(), Failure> {
        let Some(Answer::Error(text)) = &answer else { return good(answer, || named(key)) };
        let Some(what) = dispensable(text) else { return good(answer, || named(key)) };
        let about = format!("{}: {what}", named(key));
        if about != self.last_left {
            // Of an unknown command the words behind its name are told too: they say nothing.
            let error = text.split_once(',').map_or(text.as_str(), |(error, _)| error);
            self.left.add(format!("{about}: {error}"));
            self.last_left = about;
        }
        Ok(())
    }

    fn add_command(&mut self, encoded: &[u8]) -> Result<(), Failure> {
        if self.way == Way::Dropped {
            return Ok(());
        }
        self.current.commands.extend_from_slice(encoded);
        self.current.count += 1;
        match self.way {
            Way::Sent if self.current.commands.len() >= BATCH_BYTES => self.send_current(),
            Way::Gathered if self.current.commands.len() >= WHOLE_BYTES => self.open(),
            _ => Ok(()),
        }
    }

    fn end_key(&mut self) -> Result<(), Failure> {
        match self.way {
            Way::Gathered => {
                let item = std::mem::take(&mut self.current);
                self.add(item)
            }
            Way::Sent => {
                self.done.loaded += 1;
                self.done.as_commands += 1;
                self.send_current()
            }
            Way::Dropped => Ok(()),
        }
    }

    fn load_function(&mut self, code: &[u8]) -> Result<(), Failure> {
        if !self.functions {
            return Ok(());
        }
        self.flush()?;
        let mut requests = Requests::new();
        requests.command.words("FUNCTION LOAD");
        if self.existing == Existing::Replace {
            requests.command.word(b"REPLACE");
        }
        requests.command.word(code);
        requests.end();
        match self.run(&requests)?.next() {
            Some(Answer::Error(text))
                if self.existing == Existing::Skip && text.contains("already exists") =>
            {
                self.done.skipped += 1;
            }
            answer => {
                good(answer, || "a function library".to_owned())?;
                self.done.functions += 1;
            }
        }
        Ok(())
    }
}

/// The version in a payload's footer.
fn footer(payload: &[u8]) -> u16 {
    let version = payload.len().checked_sub(10).and_then(|at| payload.get(at..at + 2));
    version.and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes)
}

/// In the error that a command is not known.
const NO_COMMAND: &str = "unknown command";

/// Whether RESTORE's error says that the payload, or the command itself, is not known there.
fn is_not_taken(text: &str) -> bool {
    ["version or checksum", "Bad data format", NO_COMMAND].iter().any(|part| text.contains(part))
}

/// What the target lacks by this error, if the key can do without it.
fn dispensable(text: &str) -> Option<&'static str> {
    const PRODUCERS: &str = "what is known of producers";
    if text.contains("No such message in stream") {
        return Some(PRODUCERS);
    }
    let (_, behind) = text.split_once(NO_COMMAND)?;
    match behind.split(['\'', '`', '"']).nth(1)? {
        "XCFGSET" | "XIDMPRECORD" => Some(PRODUCERS),
        "XNACK" => Some("entries that consumers gave back"),
        _ => None,
    }
}

fn good(answer: Option<Answer>, what: impl FnOnce() -> String) -> Result<(), Failure> {
    match answer {
        Some(Answer::Error(text)) => Err(Failure::new(format!("{}: {text}", what()))),
        Some(_) => Ok(()),
        None => Err(Failure::new(format!("{}: no reply", what()))),
    }
}

impl Take for Loader<'_> {
    fn command(&mut self, encoded: &[u8]) -> Result<(), Refused> {
        let outcome = self.add_command(encoded);
        self.refuse(outcome)
    }

    fn begin(&mut self, entry: &Entry<'_>) -> Result<Want, Refused> {
        let Entry { db, key, expiry_ms, idle_s, freq } = *entry;
        let (payload, commands, count) = (None, Vec::new(), 0);
        let key = key.to_vec();
        self.current = Item { db, key, expiry_ms, idle_s, freq, payload, commands, count };
        self.way = Way::Gathered;
        Ok(Want::Raw(WHOLE_BYTES))
    }

    fn raw(&mut self, version: Version, number: u8, bytes: &[u8]) -> Result<(), Refused> {
        self.current.payload = Some(dump::frame(version, number, bytes));
        let item = std::mem::take(&mut self.current);
        let outcome = self.add(item);
        self.refuse(outcome)
    }

    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        let outcome = self.load_function(code);
        self.refuse(outcome)
    }

    fn end(&mut self) -> Result<(), Refused> {
        let outcome = self.end_key();
        self.refuse(outcome)
    }
}
