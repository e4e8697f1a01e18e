//! `check`: commands tested by transcripts, and everything a transcript implies.
//!
//! A transcript is a redis-cli session with, where it matters, the records of a call. Whatever it
//! tests, this runner also tests the laws on it: its records replayed into an empty keyspace give
//! the same digest, replaying them gives the same records again (the fixed point), and an RDB file
//! of the result loads equal.
//!
//! ```text
//! # a comment; blank lines change nothing
//! > SET greeting "hello\r\n" EX 10                        a request, quoted as in redis-cli
//! OK                                                      the reply, as redis-cli prints it
//! log: SET greeting "hello\r\n" PXAT 1700000010000        the call's records; `log:` alone says there are none
//! event: set greeting                                     the call's keyspace events; alone: there are none
//! @ now 1700000000000 | @ advance 5000 | @ resp 3 | @ fresh
//!
//! > BLPOP queue 1                                         a request that waits has no reply yet
//! @ client 2                                              from here on another connection sends (1 is the first)
//! > RPUSH queue a
//! (integer) 1
//! log: RPUSH queue a                                      records of what was served are the waking call's
//! log: LPOP queue
//! < 1                                                     what connection 1 has received since, if anything
//! 1) "queue"
//! 2) "a"
//! ```
//!
//! A connection that sends another request while it waits ends its wait first, as CLIENT UNBLOCK
//! would.

use super::round::{Pipeline, Replies, Round};
use super::{Engine, Inbox, Message, Outbox, replay};
use crate::admin::{Admin, ClientId, Config};
use crate::base::clock::UnixMs;
use crate::base::disk::RealDisk;
use crate::keyspace::digest::{self, Digest};
use crate::keyspace::{Db, Entry};
use crate::rdb::Format;
use crate::resp::{Decoded, Limits, Mark, OwnedReply, Parsed, Protocol, decode, parse, print};
use crate::types;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The clock at the beginning of a transcript, unix ms.
pub const BEGINNING: UnixMs = UnixMs(1_700_000_000_000);

/// An engine with a connection or more, in memory, without threads or sockets.
pub struct Local {
    /// The engine.
    pub engine: Engine,
    /// The connection that sends.
    pub(super) client: ClientId,
    pub(super) now: UnixMs,
    /// All connections; their places are their sockets' tokens.
    pub(super) clients: Vec<ClientId>,
    /// What connections receive later than at once.
    inbox: Inbox,
}

impl Default for Local {
    fn default() -> Self {
        Local::new(Config::default())
    }
}

impl Local {
    /// An empty engine with these settings.
    pub fn new(config: Config) -> Self {
        const SEED: u64 = 1;
        let mut engine = Engine::in_memory(Admin::new(config), SEED, Arc::new(RealDisk));
        engine.journal.keep_records();
        engine.batch.keep_events();
        let (outbox, inbox) = Outbox::new(Arc::new(|| {}));
        engine.add_worker(outbox);
        let (client, _id) = engine.connect(0, 0, BEGINNING);
        Local { engine, client, now: BEGINNING, clients: vec![client], inbox }
    }

    /// Has connection `number` (from 1 up) send the next requests; those up to it are opened if
    /// they are not there yet.
    pub fn switch(&mut self, number: usize) {
        while self.clients.len() < number {
            let (client, _id) = self.engine.connect(0, self.clients.len(), self.now);
            self.clients.push(client);
        }
        self.client = self.clients[number - 1];
    }

    /// The replies that connections have received since the last time, other than at once; each
    /// with the connection's number.
    pub fn received(&mut self) -> Vec<(usize, Vec<u8>)> {
        let messages = self.inbox.messages.try_iter();
        let replies = messages.filter_map(|message| match message {
            Message::Reply { to, out, .. } => {
                let bytes = out.slices(Mark::default(), out.mark()).flatten().copied();
                Some((to.token + 1, bytes.collect()))
            }
            _ => None,
        });
        replies.collect()
    }

    /// Runs one request and returns its encoded reply.
    pub fn run(&mut self, arguments: &[&[u8]]) -> Vec<u8> {
        self.round(&[arguments])
    }

    /// Runs requests in one round, as if they had come together, and returns their encoded replies.
    pub fn round(&mut self, requests: &[&[&[u8]]]) -> Vec<u8> {
        let mut round = Round::default();
        for request in requests {
            let first = round.arguments.len();
            round.arguments.extend_from_slice(request);
            round.push(first);
        }
        let count = requests.len() as u32;
        round.pipelines.push(Pipeline { client: self.client, count, ..Pipeline::default() });
        // A socket sends nothing while it waits; here there is no socket to see to it.
        self.engine.unblock(self.client, false);
        let mut replies = Replies::default();
        self.engine.execute(&round, self.now, &mut replies);
        let out = &replies.out;
        out.slices(Mark::default(), out.mark()).flatten().copied().collect()
    }

    /// Runs one request and returns its reply; none if it sent none.
    ///
    /// # Panics
    /// If the reply's bytes are not RESP.
    pub fn reply(&mut self, arguments: &[&[u8]]) -> Option<OwnedReply> {
        let bytes = self.run(arguments);
        if bytes.is_empty() {
            return None;
        }
        match decode(&bytes, crate::resp::decode::DEPTH_MAX) {
            Decoded::Value { consumed, value } if consumed == bytes.len() => Some(value),
            other => panic!("not one reply: {other:?} in {:?}", String::from_utf8_lossy(&bytes)),
        }
    }

    /// All records since the beginning.
    pub fn records(&self) -> &[u8] {
        self.engine.journal.kept()
    }

    /// The digest of everything in it.
    pub fn digest(&self) -> Digest {
        digest::of_keyspace(&self.engine.keyspace)
    }

    /// Moves the clock, and does what the timer does then. Keys expire when somebody looks.
    pub fn advance_to(&mut self, now: UnixMs) {
        self.now = now;
        self.engine.on_timer(now);
    }

    /// The connection's session.
    pub fn session(&mut self) -> &mut crate::session::Session {
        self.engine.admin.clients.session(self.client)
    }
}

/// Runs a transcript.
///
/// # Panics
/// With the line and both texts, if anything differs.
pub fn check(transcript: &str) {
    let mut local = Local::default();
    let mut received = Vec::new();
    let lines: Vec<&str> = transcript.lines().map(str::trim).collect();
    let mut at = 0;
    while at < lines.len() {
        let (line, number) = (lines[at], at + 1);
        at += 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(directive) = line.strip_prefix("@ ") {
            direct(&mut local, directive, number);
            continue;
        }
        if let Some(client) = line.strip_prefix("< ") {
            let expected = gather(&lines, &mut at, is_reply);
            check_received(&mut local, &mut received, client, &expected, number);
            continue;
        }
        let Some(request) = line.strip_prefix("> ") else {
            panic!("line {number}: neither a request nor a directive: {line}");
        };
        let expected = gather(&lines, &mut at, is_reply);
        let logged = gather(&lines, &mut at, |line| line.starts_with("log:"));
        let evented = gather(&lines, &mut at, |line| line.starts_with("event:"));
        let before = local.records().len();
        local.engine.batch.take_events();
        let arguments = words(request);
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let mut found = Vec::new();
        if let Some(reply) = local.reply(&arguments) {
            print::tty(&reply, &mut found);
        }
        let found = String::from_utf8_lossy(&found);
        let found: Vec<&str> = found.lines().map(str::trim).collect();
        assert_eq!(found, expected, "line {number}: the reply to {request}");
        if !logged.is_empty() {
            check_records(&local.records()[before..], &logged, number, request);
        }
        if !evented.is_empty() {
            check_events(&local.engine.batch.take_events(), &evented, number, request);
        }
    }
    check_laws(&local);
}

/// Whether a line belongs to a reply.
fn is_reply(line: &str) -> bool {
    let others = ["> ", "< ", "@ ", "# ", "log:", "event:"];
    !line.is_empty() && !others.iter().any(|head| line.starts_with(head))
}

/// What a connection has received later than at once against the lines behind `<`. `received` keeps
/// what others have.
fn check_received(
    local: &mut Local,
    received: &mut Vec<(usize, Vec<u8>)>,
    client: &str,
    expected: &[&str],
    line: usize,
) {
    received.extend(local.received());
    let mut found = Vec::new();
    received.retain(|(number, bytes)| {
        let is_its = number.to_string() == client.trim();
        if is_its
            && let Decoded::Value { value, .. } = decode(bytes, crate::resp::decode::DEPTH_MAX)
        {
            print::tty(&value, &mut found);
        }
        !is_its
    });
    let found = String::from_utf8_lossy(&found);
    let found: Vec<&str> = found.lines().map(str::trim).collect();
    assert_eq!(found, expected, "line {line}: what connection {client} has received");
}

fn gather<'a>(lines: &[&'a str], at: &mut usize, belongs: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let begin = *at;
    while lines.get(*at).is_some_and(|line| belongs(line)) {
        *at += 1;
    }
    lines[begin..*at].to_vec()
}

fn direct(local: &mut Local, directive: &str, line: usize) {
    let number = |text: &str| -> u64 {
        text.trim().parse().unwrap_or_else(|_| panic!("line {line}: not a number: {text}"))
    };
    match directive.split_once(' ').unwrap_or((directive, "")) {
        ("now", to) => local.advance_to(UnixMs(number(to))),
        ("advance", by) => local.advance_to(local.now.plus_ms(number(by))),
        ("client", client) => local.switch(number(client) as usize),
        ("resp", version) => {
            let protocol = if number(version) == 3 { Protocol::Resp3 } else { Protocol::Resp2 };
            local.session().protocol = protocol;
        }
        ("fresh", _) => {
            check_laws(local);
            *local = Local::default();
        }
        _ => panic!("line {line}: no such directive: {directive}"),
    }
}

/// The records of a call against the `log:` lines. SELECT is left out; MULTI and EXEC too, unless
/// they are asked for.
fn check_records(records: &[u8], expected: &[&str], line: usize, request: &str) {
    let expected: Vec<String> =
        expected.iter().map(|line| line["log:".len()..].trim().to_owned()).collect();
    let expected: Vec<String> = expected.into_iter().filter(|record| !record.is_empty()).collect();
    let groups = expected.iter().any(|record| record == "MULTI");
    let found: Vec<String> = parsed(records)
        .into_iter()
        .filter(|record| record[0] != b"SELECT" && (groups || !is_bracket(record)))
        .map(|record| record.iter().map(|word| print::quoted(word)).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(found, expected, "line {line}: the records of {request}");
}

/// The keyspace events of a call against the `event:` lines.
fn check_events(events: &[(&'static str, Vec<u8>)], expected: &[&str], line: usize, request: &str) {
    let expected = expected.iter().map(|line| line["event:".len()..].trim());
    let expected: Vec<&str> = expected.filter(|event| !event.is_empty()).collect();
    let found = events.iter().map(|(event, key)| format!("{event} {}", print::quoted(key)));
    assert_eq!(found.collect::<Vec<_>>(), expected, "line {line}: the events of {request}");
}

fn is_bracket(record: &[Vec<u8>]) -> bool {
    record[0] == b"MULTI" || record[0] == b"EXEC"
}

/// The laws that hold for every sequence of commands.
///
/// # Panics
/// If one is broken.
#[doc(hidden)]
pub fn check_laws(local: &Local) {
    let records = parsed(local.records());
    let again = replayed(&records, types::Limits::default());
    let other = replayed(&records, OTHER_LIMITS);
    assert_eq!(other.digest(), local.digest(), "settings show in what is replayed");
    assert_eq!(again.digest(), local.digest(), "replaying the records gives another keyspace");
    assert_eq!(expiries(&again), expiries(local), "replaying the records gives other expiry times");
    let plain = |records: Vec<Vec<Vec<u8>>>| -> Vec<Vec<Vec<u8>>> {
        records.into_iter().filter(|record| !is_bracket(record)).collect()
    };
    let second = parsed(again.records());
    assert_eq!(plain(second), plain(records), "replaying a record gives another record");
    let expiring = local.engine.keyspace.has_field_expiries();
    let extras = local.engine.keyspace.has_stream_extras();
    let formats: &[Format] = match (expiring, extras) {
        (_, true) => &[Format::V14],
        (true, false) => &[Format::V12, Format::Valkey80],
        (false, false) => &[Format::V10],
    };
    for format in formats {
        let file = super::snapshot::to_vec(&local.engine.keyspace, *format);
        let mut loaded = Local::default();
        replay::rdb(&mut loaded.engine, &file.expect("a Vec takes everything"), true)
            .expect("our own RDB loads");
        assert_eq!(loaded.digest(), local.digest(), "an RDB file loads as another keyspace");
        assert_eq!(expiries(&loaded), expiries(local), "an RDB file loads with other expiries");
        loaded.engine.keyspace.check_volatile();
    }
    local.engine.keyspace.check_volatile();
    again.engine.keyspace.check_volatile();
}

/// Settings are not on the log: what is small elsewhere is large with these, and some the other way
/// round.
const OTHER_LIMITS: types::Limits = types::Limits {
    hash_entries: 2,
    hash_value: 64,
    set_intset: 2,
    set_entries: 2,
    set_value: 64,
    zset_entries: 2,
    zset_value: 5000,
    list_size: 3,
    stream_node_bytes: 60,
    stream_node_entries: 3,
    hll_sparse_bytes: 100,
    string_bytes: 1,
};

/// An engine with these limits into which records were replayed.
fn replayed(records: &[Vec<Vec<u8>>], limits: types::Limits) -> Local {
    let mut again = Local::default();
    again.engine.keyspace.set_limits(limits);
    for record in records {
        let arguments: Vec<&[u8]> = record.iter().map(Vec::as_slice).collect();
        replay::record(&mut again.engine, &arguments).expect("our own records replay");
    }
    again.engine.commit();
    again
}

/// When each key and each field expires, if it does.
type Expiries = BTreeMap<(usize, Vec<u8>, Option<Vec<u8>>), u64>;

/// When each key and field expires, by database: the digest only tells whether, if that.
fn expiries(local: &Local) -> Expiries {
    let keyspace = &local.engine.keyspace;
    let mut expiries = BTreeMap::new();
    for n in 0..keyspace.databases() {
        // It never breaks off.
        let _whole = keyspace.table(Db(n as u16)).walk(|entry| {
            let key = entry.key.to_vec();
            let entry = Entry::new(entry);
            for field in entry.hash().map(|hash| hash.fields(0)).unwrap_or_default() {
                if let Some(expiry) = field.expiry {
                    expiries.insert((n, key.clone(), Some(field.name.to_vec())), expiry);
                }
            }
            expiries.insert((n, key, None), entry.expiry().unwrap_or_default());
            ControlFlow::Continue(())
        });
    }
    expiries
}

/// Splits record bytes into commands.
///
/// # Panics
/// If they are not whole commands.
pub fn parsed(mut bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let mut arguments = Vec::new();
        let parsed = crate::resp::parse_multibulk(bytes, &Limits::trusted(), &mut arguments);
        let Parsed::Frame { consumed } = parsed else { panic!("not a record: {parsed:?}") };
        records.push(arguments.iter().map(|argument| argument.of(bytes).to_vec()).collect());
        bytes = &bytes[consumed..];
    }
    records
}

/// Splits a request line into words, by the rules of inline commands.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut bytes = format!("{line}\r\n").into_bytes();
    let mut arguments = Vec::new();
    match parse(&mut bytes, &Limits::trusted(), &mut arguments) {
        Parsed::Frame { .. } => arguments.iter().map(|word| word.of(&bytes).to_vec()).collect(),
        other => panic!("not a request: {line}: {other:?}"),
    }
}
