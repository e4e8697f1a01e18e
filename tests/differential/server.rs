//! A server under comparison: its process and its connections.

use super::support::{Connection, Kind, Server};
use coolcache::resp::{Decoded, OwnedReply, decode, encode};
use tempfile::TempDir;

/// Nested replies are shallow here.
const DEPTH_MAX: usize = 32;

/// A server and as many connections as there are clients.
pub struct Peer {
    /// Which.
    pub kind: Kind,
    server: Server,
    clients: Vec<Connection>,
    /// For questions that are no part of the comparison.
    control: Connection,
    _dir: TempDir,
}

impl Peer {
    /// Starts a server in a folder of its own.
    pub fn start(kind: Kind, clients: usize) -> Peer {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let arguments = ["--enable-debug-command", "yes", "--save", "", "--appendonly", "no"];
        let server = Server::start(kind, dir.path(), &arguments);
        let clients = (0..clients).map(|_| server.connect()).collect();
        let control = server.connect();
        Peer { kind, server, clients, control, _dir: dir }
    }

    /// Sends requests without waiting.
    pub fn send(&mut self, client: usize, requests: impl Iterator<Item = Vec<Vec<u8>>>) {
        let mut bytes = Vec::new();
        for words in requests {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            encode::write_request(&mut bytes, &words);
        }
        self.clients[client].send(&bytes);
    }

    /// Receives one reply.
    pub fn receive(&mut self, client: usize) -> Result<OwnedReply, String> {
        let received = self.clients[client].try_receive();
        let bytes = received.map_err(|error| {
            let log = self.server.log();
            let end: Vec<&str> = log.lines().rev().take(20).collect();
            let end: Vec<&str> = end.into_iter().rev().collect();
            format!("{:?} does not answer ({error}); its log ends:\n{}", self.kind, end.join("\n"))
        })?;
        decoded(&bytes)
    }

    /// Asks on the control connection (RESP2, database 0).
    pub fn call(&mut self, words: &[&[u8]]) -> OwnedReply {
        let bytes = self.control.try_call(words).expect("the control connection works");
        decoded(&bytes).expect("a whole reply")
    }
}

fn decoded(bytes: &[u8]) -> Result<OwnedReply, String> {
    match decode(bytes, DEPTH_MAX) {
        Decoded::Value { value, .. } => Ok(value),
        other => Err(format!("not a reply: {other:?}")),
    }
}
