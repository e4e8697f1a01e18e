//! The load: clients, each with keys of its own, that write down what the server told them.
//!
//! Client `c` runs steps numbered upwards; step `n` is, in this order and partly by chance,
//!
//! | request | so that |
//! |---|---|
//! | `SET c:first n`, later `SET c:second n` | the later is never there without the earlier |
//! | `MSET c:left n c:right n` | one call is whole or absent |
//! | a number into each of `shapes` | collections and expiries are whole, and in order too |
//! | `SET c:mortal t PXAT t` | nothing that has expired comes back |
//! | `INCR c:count` | what changes a value is applied once |
//! | `SET c:key:k n` for three k, by chance | no single value is lost |
//! | `GET` of one of another client's keys | what was read is not lost either |
//!
//! Beside them BGREWRITEAOF and BGSAVE come again and again. Even clients wait for each reply; odd
//! ones send a step's requests at once, and several steps ahead.

use crate::shapes::Shape;
use crate::support::Connection;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

/// Clients.
pub const CLIENTS: usize = 6;
/// Single keys of each client.
const KEYS: u64 = 200;
/// Requests that a pipelining client has under way at most.
const AHEAD: usize = 48;
/// A mortal key lives this long, ms.
const LIFE_MS: u64 = 40;
/// Snapshots are asked for about this often, ms.
const SNAPSHOT_MS: std::ops::Range<u64> = 10..120;

/// What is known of one key: sequence numbers, which only grow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// The last that was sent: nothing above it can be there.
    pub sent: u64,
    /// The last whose reply came: nothing below it may be there.
    pub acknowledged: u64,
    /// The highest that anybody read.
    pub read: u64,
}

/// Steps whose numbers a key never got, since the server was killed before.
pub type Lost = HashMap<String, Vec<std::ops::RangeInclusive<u64>>>;

/// What the server was told and what it said, by key.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// By key.
    pub keys: HashMap<String, Known>,
    /// The next step of each client.
    pub steps: [u64; CLIENTS],
    /// The last step of each client before this load, and its counter then.
    pub begun: [(u64, u64); CLIENTS],
    /// Values acknowledged in this load.
    pub acknowledged: u64,
    /// Values read in this load.
    pub read: u64,
    /// By key of a collection.
    pub lost: Lost,
    /// Replies that nobody could have expected.
    pub surprises: Vec<String>,
}

impl Journal {
    fn known(&mut self, key: &str) -> &mut Known {
        if !self.keys.contains_key(key) {
            self.keys.insert(key.to_owned(), Known::default());
        }
        self.keys.get_mut(key).expect("it was inserted")
    }

    fn merge(&mut self, other: Journal) {
        for (key, theirs) in other.keys {
            let known = self.known(&key);
            known.sent = known.sent.max(theirs.sent);
            known.acknowledged = known.acknowledged.max(theirs.acknowledged);
            known.read = known.read.max(theirs.read);
        }
        for (own, theirs) in self.steps.iter_mut().zip(other.steps) {
            *own = (*own).max(theirs);
        }
        self.acknowledged += other.acknowledged;
        self.read += other.read;
        self.surprises.extend(other.surprises);
    }
}

/// Clients at work.
pub struct Load {
    clients: Vec<JoinHandle<Journal>>,
    snapshots: JoinHandle<()>,
    acknowledged: Arc<AtomicU64>,
    before: Journal,
}

impl Load {
    /// Starts the clients, which go on from where `before` ended.
    pub fn begin(port: u16, before: &Journal, seed: u64) -> Load {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut before = Journal { acknowledged: 0, read: 0, ..before.clone() };
        for number in 0..CLIENTS {
            let counted = before.keys.get(&format!("{number}:count")).map_or(0, |known| known.sent);
            before.begun[number] = (before.steps[number], counted);
        }
        let clients = (0..CLIENTS).map(|number| {
            let connection = Connection::to(port).expect("a running server accepts");
            let mut client = Client {
                number,
                connection,
                journal: Journal { steps: before.steps, ..Journal::default() },
                counted: before.begun[number].1,
                chance: fastrand::Rng::with_seed(seed ^ number as u64),
                under_way: Vec::new(),
                acknowledged: acknowledged.clone(),
            };
            std::thread::spawn(move || {
                // It ends when the server is gone.
                while client.step().is_ok() {}
                client.journal
            })
        });
        let clients = clients.collect();
        let connection = Connection::to(port).expect("a running server accepts");
        let snapshots = std::thread::spawn(move || ask_for_snapshots(connection, seed));
        Load { clients, snapshots, acknowledged, before }
    }

    /// Values acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Relaxed)
    }

    /// Waits for the clients, whose server was killed.
    pub fn end(self) -> Journal {
        let mut journal = self.before;
        for client in self.clients {
            journal.merge(client.join().expect("a client does not panic"));
        }
        self.snapshots.join().expect("it ends with the server");
        journal
    }
}

/// Asks for rewrites and saves at random moments, until the server is gone.
fn ask_for_snapshots(mut connection: Connection, seed: u64) {
    let mut chance = fastrand::Rng::with_seed(!seed);
    loop {
        // The moments are chance on purpose: there is no condition to wait for.
        std::thread::sleep(std::time::Duration::from_millis(chance.u64(SNAPSHOT_MS)));
        let words: &[&[u8]] =
            if chance.bool() { &[b"BGREWRITEAOF"] } else { &[b"BGSAVE", b"SCHEDULE"] };
        // One that runs already is an answer too.
        if connection.try_call(words).is_err() {
            return;
        }
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(now.expect("after 1970").as_millis()).expect("it fits for long")
}

/// A request whose reply has not come.
enum UnderWay {
    /// A number into a collection.
    Put {
        key: String,
        sequence: u64,
    },
    /// The newest number of a collection.
    Look {
        key: String,
        shape: Shape,
    },
    /// Something that promises nothing, but must succeed.
    Other,
    Set {
        keys: Vec<String>,
        sequence: u64,
    },
    Incr {
        key: String,
        sequence: u64,
    },
    Get {
        key: String,
    },
}

struct Client {
    number: usize,
    connection: Connection,
    journal: Journal,
    /// INCRs of its counter that were sent.
    counted: u64,
    chance: fastrand::Rng,
    under_way: Vec<UnderWay>,
    acknowledged: Arc<AtomicU64>,
}

impl Client {
    fn step(&mut self) -> std::io::Result<()> {
        let n = self.journal.steps[self.number] + 1;
        self.journal.steps[self.number] = n;
        let own = self.number;
        self.set(vec![format!("{own}:first")], n)?;
        self.set(vec![format!("{own}:left"), format!("{own}:right")], n)?;
        for shape in Shape::ALL {
            let key = shape.key(own);
            let (write, tidy) = shape.write(&key, n);
            self.journal.known(&key).sent = n;
            self.send_encoded(&write, UnderWay::Put { key, sequence: n })?;
            if let Some(tidy) = tidy {
                self.send_encoded(&tidy, UnderWay::Other)?;
            }
        }
        let shape = Shape::ALL[self.chance.usize(..Shape::ALL.len())];
        let key = shape.key(self.chance.usize(..CLIENTS));
        let line = shape.read(&key);
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.send(&words, UnderWay::Look { key, shape })?;
        let (key, end) = (format!("{own}:mortal"), (now_ms() + LIFE_MS).to_string());
        let words = [b"SET", key.as_bytes(), end.as_bytes(), b"PXAT", end.as_bytes()];
        self.send(&words, UnderWay::Other)?;
        for _ in 0..3 {
            let key = format!("{own}:key:{}", self.chance.u64(..KEYS));
            self.set(vec![key], n)?;
            let other = self.chance.usize(..CLIENTS);
            let key = match self.chance.u8(..4) {
                0 => format!("{other}:first"),
                1 => format!("{other}:count"),
                _ => format!("{other}:key:{}", self.chance.u64(..KEYS)),
            };
            self.send(&[b"GET", key.as_bytes()], UnderWay::Get { key: key.clone() })?;
        }
        self.set(vec![format!("{own}:second")], n)?;
        let key = format!("{own}:count");
        self.counted += 1;
        self.journal.known(&key).sent = self.counted;
        let under_way = UnderWay::Incr { key: key.clone(), sequence: self.counted };
        self.send(&[b"INCR", key.as_bytes()], under_way)
    }

    /// SET or MSET of its own keys, each of which it sets at most once a step.
    fn set(&mut self, keys: Vec<String>, sequence: u64) -> std::io::Result<()> {
        // Long ones now and then, so that writes are cut inside values too.
        let length = if sequence.is_multiple_of(64) { 20_000 } else { sequence % 100 };
        let value = format!("{sequence} {}", "x".repeat(usize::try_from(length).expect("small")));
        let mut arguments: Vec<&[u8]> = vec![if keys.len() == 1 { b"SET" } else { b"MSET" }];
        for key in &keys {
            self.journal.known(key).sent = sequence;
            arguments.extend([key.as_bytes(), value.as_bytes()]);
        }
        let request = crate::support::encoded(&arguments);
        self.send_encoded(&request, UnderWay::Set { keys, sequence })
    }

    fn send(&mut self, arguments: &[&[u8]], under_way: UnderWay) -> std::io::Result<()> {
        self.send_encoded(&crate::support::encoded(arguments), under_way)
    }

    fn send_encoded(&mut self, request: &[u8], under_way: UnderWay) -> std::io::Result<()> {
        std::io::Write::write_all(&mut self.connection.stream, request)?;
        self.under_way.push(under_way);
        let pipelines = !self.number.is_multiple_of(2);
        if !pipelines || self.under_way.len() >= AHEAD {
            for sent in std::mem::take(&mut self.under_way) {
                let reply = self.connection.try_receive()?;
                self.note(sent, &reply);
            }
        }
        Ok(())
    }

    /// Writes down what a reply promises.
    fn note(&mut self, sent: UnderWay, reply: &[u8]) {
        match sent {
            UnderWay::Set { keys, sequence } if reply == b"+OK\r\n" => {
                for key in keys {
                    let known = self.journal.known(&key);
                    known.acknowledged = known.acknowledged.max(sequence);
                    self.journal.acknowledged += 1;
                    self.acknowledged.fetch_add(1, Relaxed);
                }
            }
            UnderWay::Incr { key, sequence } if reply == format!(":{sequence}\r\n").as_bytes() => {
                self.journal.known(&key).acknowledged = sequence;
                self.journal.acknowledged += 1;
                self.acknowledged.fetch_add(1, Relaxed);
            }
            UnderWay::Put { key, sequence } if !reply.starts_with(b"-") => {
                let known = self.journal.known(&key);
                known.acknowledged = known.acknowledged.max(sequence);
                self.journal.acknowledged += 1;
                self.acknowledged.fetch_add(1, Relaxed);
            }
            UnderWay::Look { key, shape } if !reply.starts_with(b"-") => {
                let read = shape.newest(reply);
                let known = self.journal.known(&key);
                known.read = known.read.max(read);
                self.journal.read += 1;
            }
            UnderWay::Other if !reply.starts_with(b"-") => {}
            UnderWay::Get { key } if !reply.starts_with(b"-") => {
                let read = sequence_of(reply);
                let known = self.journal.known(&key);
                known.read = known.read.max(read);
                self.journal.read += 1;
            }
            _ => {
                let text = String::from_utf8_lossy(&reply[..reply.len().min(100)]).into_owned();
                self.journal.surprises.push(format!("client {}: {text}", self.number));
            }
        }
    }
}

/// The sequence number in a value, from the encoded reply to GET; 0 if the key is not there.
pub fn sequence_of(reply: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(reply);
    let value = text.split_once("\r\n").map_or("", |(_, value)| value);
    let digits = value.trim_end().split(' ').next().unwrap_or_default();
    if digits.is_empty() { 0 } else { digits.parse().expect("a value begins with its number") }
}
