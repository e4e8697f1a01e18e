//! MIGRATE's way to the other server: one connection and one thread for each call.
//!
//! The handshake is answered before the first key goes out: where Redis sends all at once, keys
//! land in database 0 of a server that refuses the SELECT. Keys go in windows, each of which is
//! answered before the next, so that neither side has much in its hands.

use crate::base::clock;
use crate::command::{Error, Migrate};
use crate::engine::{Migration, Shared};
use crate::resp::encode::write_request;
use crate::resp::{Decoded, Decoder, OwnedReply};
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
    #[error("ERR Target instance replied with error: {0}")]
    Refused(String),
    /// The keys would be restored onto themselves, and then removed.
    #[error("ERR Target instance and database are the ones the keys are in")]
    Same,
}

/// Sends a migration from a thread of its own.
pub(super) fn begin(shared: &Weak<Shared>, mut migration: Migration) -> io::Result<()> {
    let shared = shared.clone();
    let send = move || {
        let outcome = send(&shared, &mut migration);
        let outcome = outcome.map_err(|failure| Error::owned(failure.to_string()));
        if let Some(shared) = shared.upgrade() {
            shared.end_migration(&migration, &outcome);
        }
    };
    std::thread::Builder::new().name("migrate".into()).spawn(send).map(drop)
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
    let mut outcome = Ok(());
    let mut keys = &mut migration.keys[..];
    while !keys.is_empty() {
        let mut window = Vec::new();
        let mut count = 0;
        while let Some(key) = keys.get(count)
            && window.len() < WINDOW_BYTES
        {
            let ttl = key.ttl_ms.to_string();
            let restore: [&[u8]; 5] =
                [b"RESTORE", &key.key, ttl.as_bytes(), &key.payload, b"REPLACE"];
            write_request(&mut window, &restore[..4 + usize::from(request.replace)]);
            count += 1;
        }
        link.write(&window)?;
        let (sent, rest) = keys.split_at_mut(count);
        for key in sent {
            match link.read() {
                Ok(()) => key.restored = true,
                Err(Failure::Refused(text)) => outcome = outcome.and(Err(Failure::Refused(text))),
                Err(failure) => return Err(failure),
            }
        }
        keys = rest;
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
