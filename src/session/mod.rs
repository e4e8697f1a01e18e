//! One connection's state: who it is, what it has selected, how it wants its replies.
//!
//! A session lives in the engine's registry ([`crate::admin::clients`]), since CLIENT LIST and
//! CLIENT KILL of other connections look at it; its socket and its buffers stay with its I/O
//! worker. [`describe`] prints a session as CLIENT LIST shows it. There is no WATCH, MULTI or
//! tracking yet; their state belongs beside this file.

pub mod describe;

use crate::base::clock::UnixMs;
use crate::keyspace::Db;
use crate::log::Lsn;
use crate::resp::Protocol;
use std::net::SocketAddr;

/// A connection as the engine knows it.
#[derive(Debug, Clone)]
pub struct Session {
    /// CLIENT ID: counts up, never reused.
    pub id: u64,
    /// The worker that has its socket, and the socket's place there.
    pub worker: usize,
    /// The socket's place at its worker.
    pub token: usize,
    /// The peer's address; none for the server's own sessions (replay, tools).
    pub address: Option<SocketAddr>,
    /// The address it connected to.
    pub local_address: Option<SocketAddr>,
    /// Its socket's file descriptor, for CLIENT LIST; -1 if it has no socket.
    pub descriptor: i32,
    /// The selected database.
    pub db: Db,
    /// RESP2 until HELLO 3.
    pub protocol: Protocol,
    /// Whether it may run commands: AUTH was given, or no password is set.
    pub authenticated: bool,
    /// Whether it ever was authenticated. RESET does not make it a stranger again, whose replies
    /// are limited.
    pub was_authenticated: bool,
    /// CLIENT SETNAME; empty if none.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub library_name: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub library_version: Vec<u8>,
    /// When it connected.
    pub connected_at: UnixMs,
    /// When its last command ran.
    pub last_seen: UnixMs,
    /// The last command's full name (`client|list`).
    pub last_command: &'static str,
    /// CLIENT REPLY.
    pub replies: Replies,
    /// CLIENT NO-EVICT on.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH on: its reads leave access clocks alone.
    pub no_touch: bool,
    /// READONLY was given: it would read from a replica of a cluster.
    pub readonly: bool,
    /// CLIENT CAPA REDIRECT: it understands -REDIRECT.
    pub redirect_capable: bool,
    /// Commands run (`tot-cmds`).
    pub commands: u64,
    /// Bytes received (`tot-net-in`).
    pub bytes_in: u64,
    /// Bytes sent (`tot-net-out`).
    pub bytes_out: u64,
    /// Unparsed bytes held by its worker, as of its last turn (`qbuf`).
    pub query_buffer_bytes: usize,
    /// Reply bytes waiting to be sent, as of its last turn (`omem`).
    pub output_bytes: usize,
    /// It will be closed once its replies are sent.
    pub closing: bool,
    /// The end of its last write's records: what WAIT and WAITAOF wait for.
    pub written: Lsn,
    /// The number of its parked call, while it waits for keys or for its writes to be safe.
    pub blocked: Option<u64>,
    /// A pause keeps its next command back.
    pub postponed: bool,
}

/// Which replies are sent: CLIENT REPLY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replies {
    /// All.
    #[default]
    On,
    /// None.
    Off,
    /// None to the next command.
    SkipNext,
    /// None to the current command (it was the next one).
    Skip,
}

impl Session {
    /// A fresh session of a connection.
    pub fn new(id: u64, worker: usize, token: usize, now: UnixMs, authenticated: bool) -> Self {
        Session {
            id,
            worker,
            token,
            address: None,
            local_address: None,
            descriptor: -1,
            db: Db(0),
            protocol: Protocol::Resp2,
            authenticated,
            was_authenticated: authenticated,
            name: Vec::new(),
            library_name: Vec::new(),
            library_version: Vec::new(),
            connected_at: now,
            last_seen: now,
            last_command: "NULL",
            replies: Replies::On,
            no_evict: false,
            no_touch: false,
            readonly: false,
            redirect_capable: false,
            commands: 0,
            bytes_in: 0,
            bytes_out: 0,
            query_buffer_bytes: 0,
            output_bytes: 0,
            closing: false,
            written: Lsn::default(),
            blocked: None,
            postponed: false,
        }
    }

    /// Whether it waits for keys, for its writes to be safe, or for the end of a pause.
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some() || self.postponed
    }

    /// Whether the connection comes from this machine, as the guarded features mean it: from the
    /// loopback address, or from the server itself.
    pub fn is_local(&self) -> bool {
        self.address.is_none_or(|address| address.ip().is_loopback())
    }

    /// RESET: back to the state of a new connection; what the client said about itself (CLIENT
    /// SETINFO and CAPA) stays.
    pub fn reset(&mut self, authenticated: bool) {
        self.db = Db(0);
        self.protocol = Protocol::Resp2;
        self.authenticated = authenticated;
        self.name.clear();
        self.replies = Replies::On;
        self.no_evict = false;
        self.no_touch = false;
        self.readonly = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_forgets_the_state_and_keeps_who_it_is() {
        let mut session = Session::new(7, 0, 3, UnixMs(5), true);
        session.db = Db(4);
        session.protocol = Protocol::Resp3;
        session.name = b"bob".to_vec();
        session.library_name = b"lib".to_vec();
        session.replies = Replies::Off;
        session.no_evict = true;
        session.no_touch = true;
        session.readonly = true;
        session.redirect_capable = true;
        session.reset(false);
        let mut fresh = Session::new(7, 0, 3, UnixMs(5), false);
        fresh.library_name = b"lib".to_vec();
        fresh.redirect_capable = true;
        fresh.was_authenticated = true;
        assert_eq!(format!("{session:?}"), format!("{fresh:?}"));
    }
}
