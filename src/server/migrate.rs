//! MIGRATE's way to the other server: one connection for each call, at most [`SENDING_MAX`] at
//! once.
//!
//! The handshake is answered before the first key goes out: where Redis sends all at once, keys
//! land in database 0 of a server that refuses the SELECT. Keys go in windows, each of which is
//! encoded when the one before is answered, so that neither side has much in its hands.

use crate::base::clock;
use crate::command::{Error, Migrate};
use crate::engine::{Migration, Sendable, Shared};
use crate::resp::encode::write_request;
use crate::resp::{Decoded, Decoder, OwnedReply};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// A window is full with so many bytes; it holds at least one key.
const WINDOW_BYTES: usize = 64 * 1024;

/// No reply to what is sent here is longer: what sends more is no server of ours.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Why keys did not get there.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("IOERR error or timeout connecting to the client")]
    Connect,
    #[error("IOERR error or timeout writing to target instance")]
    Write,
    #[error("IOERR error or timeout reading to target instance")]
    Read,
    /// A value has no place in any payload.
    #[error("ERR {0}")]
    Payload(#[from] io::Error),
    #[error("ERR Target instance replied with error: {0}")]
    Refused(String),
    /// The keys would be restored onto themselves, and then removed.
    #[error("ERR Target instance and database are the ones the keys are in")]
    Same,
}

/// Migrations under way at once, each with a thread, a connection and a frozen keyspace; more wait.
const SENDING_MAX: usize = 16;

/// Sends migrations.
#[derive(Default)]
pub(super) struct Senders {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    threads: usize,
    /// In the order in which they were asked for.
    waiting: VecDeque<Migration>,
}

impl Senders {
    /// Begins to send a migration, or lets it wait for one of those under way.
    pub fn begin(self: &Arc<Self>, shared: &Weak<Shared>, migration: Migration) -> io::Result<()> {
        let mut queue = self.queue.lock();
        if queue.threads == SENDING_MAX {
            queue.waiting.push_back(migration);
            return Ok(());
        }
        let (senders, shared) = (self.clone(), shared.clone());
        let run = move || {
            let mut next = Some(migration);
            while let Some(migration) = next {
                run(&shared, migration);
                next = senders.next();
            }
        };
        std::thread::Builder::new().name("migrate".into()).spawn(run)?;
        queue.threads += 1;
        Ok(())
    }

    /// What a thread does next; none: it ends.
    fn next(&self) -> Option<Migration> {
        let mut queue = self.queue.lock();
        let next = queue.waiting.pop_front();
        queue.threads -= usize::from(next.is_none());
        next
    }
}

fn run(shared: &Weak<Shared>, mut migration: Migration) {
    let outcome = send(shared, &mut migration);
    let outcome = outcome.map_err(|failure| Error::owned(failure.to_string()));
    if let Some(shared) = shared.upgrade() {
        shared.end_migration(&migration, &outcome);
    }
}

/// Restores the keys at the other server. What it refuses does not keep the others back; the first
/// refusal is the outcome.
fn send(shared: &Weak<Shared>, migration: &mut Migration) -> Result<(), Failure> {
    let request = &migration.request;
    let mut link = Link::open(request)?;
    if let Some(given) = &request.authentication {
        let mut auth: Vec<&[u8]> = vec![b"AUTH"];
        auth.extend(given.user.as_deref());
        auth.push(&given.password);
        link.ask(&auth)?;
    }
    link.ask(&[b"SELECT", request.db.to_string().as_bytes()])?;
    if request.db == i64::from(migration.db.0)
        && shared.upgrade().is_some_and(|shared| link.is_to(&shared))
    {
        return Err(Failure::Same);
    }
    let Some(engine) = shared.upgrade() else { return Err(Failure::Connect) };
    engine.freeze_for(migration);
    drop(engine);
    let mut outcome = Ok(());
    let mut first = 0;
    while first < migration.request.keys.len() {
        let mut window = Vec::new();
        let mut sent = Vec::new();
        while let Some(key) = migration.request.keys.get(first)
            && window.len() < WINDOW_BYTES
        {
            if let Some(Sendable { ttl_ms, payload }) = migration.sendable(first, clock::now())? {
                let ttl = ttl_ms.to_string();
                let restore: [&[u8]; 5] = [b"RESTORE", key, ttl.as_bytes(), &payload, b"REPLACE"];
                write_request(&mut window, &restore[..4 + usize::from(migration.request.replace)]);
                sent.push(first);
            }
            first += 1;
        }
        link.write(&window)?;
        for n in sent {
            match link.read() {
                Ok(()) => migration.restored.push(n),
                Err(Failure::Refused(text)) => outcome = outcome.and(Err(Failure::Refused(text))),
                Err(failure) => return Err(failure),
            }
        }
    }
    outcome
}

/// The connection.
struct Link {
    stream: TcpStream,
    timeout: Duration,
    received: Vec<u8>,
}

impl Link {
    /// Redis does not look at how its connecting has ended, only at whether it has: a port where
    /// nobody listens is an error of the first write.
    fn open(request: &Migrate) -> Result<Link, Failure> {
        let mut failure = Failure::Connect;
        let addresses = (request.host.as_str(), request.port).to_socket_addrs();
        for address in addresses.map_err(|_| Failure::Connect)? {
            match Link::to(address, request.timeout) {
                Ok(link) => return Ok(link),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    failure = Failure::Write;
                }
                Err(_) => {}
            }
        }
        Err(failure)
    }

    fn to(address: SocketAddr, timeout: Duration) -> io::Result<Link> {
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Link { stream, timeout, received: Vec::new() })
    }

    /// Whether this very server has the other end: a session of its own has these addresses.
    fn is_to(&self, shared: &Arc<Shared>) -> bool {
        let plain = |address: SocketAddr| (address.ip().to_canonical(), address.port());
        let (Ok(here), Ok(there)) = (self.stream.local_addr(), self.stream.peer_addr()) else {
            return false;
        };
        let is_ours = |from: Option<SocketAddr>, to: Option<SocketAddr>| {
            from.map(plain) == Some(plain(here)) && to.map(plain) == Some(plain(there))
        };
        let engine = shared.lock();
        let mut sessions = engine.admin.clients.iter();
        sessions.any(|(_, session)| is_ours(session.address, session.local_address))
    }

    fn ask(&mut self, arguments: &[&[u8]]) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        write_request(&mut bytes, arguments);
        self.write(&bytes)?;
        self.read()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(bytes).map_err(|_| Failure::Write)
    }

    /// Takes one reply, which must be whole within the timeout.
    fn read(&mut self) -> Result<(), Failure> {
        let begun = clock::monotonic();
        let mut decoder = Decoder::new(1);
        loop {
            match decoder.decode(&self.received) {
                Decoded::Value { consumed, value } => {
                    self.received.drain(..consumed);
                    return match value {
                        OwnedReply::Error(text) => {
                            Err(Failure::Refused(String::from_utf8_lossy(&text).into_owned()))
                        }
                        _ => Ok(()),
                    };
                }
                Decoded::Error(_) => return Err(Failure::Read),
                Decoded::Partial if self.received.len() > REPLY_BYTES_MAX => {
                    return Err(Failure::Read);
                }
                Decoded::Partial => {}
            }
            let left = self.timeout.saturating_sub(clock::monotonic().since(begun));
            if left.is_zero() || !matches!(self.receive(left), Ok(1..)) {
                return Err(Failure::Read);
            }
        }
    }

    fn receive(&mut self, within: Duration) -> io::Result<usize> {
        let mut chunk = [0; 4096];
        self.stream.set_read_timeout(Some(within))?;
        let count = loop {
            match self.stream.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.received.extend_from_slice(&chunk[..count]);
        Ok(count)
    }
}
