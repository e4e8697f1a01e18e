//! Connections between the rounds: added, resumed, told, closed.
//!
//! The other half of [`Worker`]: what happens to a connection outside the request path of `turn`. A
//! message comes from another thread, the log moves on, a socket can be written to again.

use super::socket::Socket;
use super::turn::Ready;
use super::worker::Worker;
use crate::base::clock;
use crate::engine::Message;
use crate::log::Lsn;
use crate::resp::Mark;
use mio::{Interest, Token};
use std::io;
use std::os::fd::AsRawFd;

impl Worker {
    /// A socket can be written to again.
    pub(super) fn writable(&mut self, token: usize) {
        let Some(socket) = self.sockets.get_mut(token).and_then(Option::as_deref_mut) else {
            return;
        };
        if !socket.is_drained() {
            let sent = socket.flush();
            self.settle(token, sent);
        }
    }

    /// Goes on with a connection that was waiting: what it had sent meanwhile is parsed, and it is
    /// read again.
    pub(super) fn resume(&mut self, token: usize) {
        let Some(socket) = self.sockets.get_mut(token).and_then(Option::as_deref_mut) else {
            return;
        };
        if socket.is_blocked() {
            return;
        }
        if let Some(ready) = self.ready.iter_mut().find(|ready| ready.token == token) {
            // The reply came while the turn that made it wait goes on: the rest is still in its
            // piece.
            ready.done = false;
        } else if !socket.partial.is_empty() {
            self.ready.push(Ready::kept(token));
        }
        if std::mem::take(&mut socket.unread) {
            self.again.push(token);
        }
    }

    /// Does what a message says.
    pub(super) fn deliver(&mut self, message: Message) {
        let synced = self.watch.synced();
        let to = match &message {
            Message::Reply { to, .. } | Message::Close(to) | Message::CloseIdle(to) => *to,
            Message::LimitOutput => return self.limit_output(),
        };
        let Some(socket) = self.sockets.get_mut(to.token).and_then(Option::as_deref_mut) else {
            return;
        };
        if socket.id != to.id {
            return;
        }
        match message {
            // Done above: it is about all.
            Message::LimitOutput => {}
            Message::Close(_) => self.close(to.token),
            Message::CloseIdle(_) => {
                let heard = std::mem::take(&mut socket.heard);
                if !heard && !socket.is_blocked() && socket.is_drained() {
                    self.close(to.token);
                }
            }
            Message::Reply { out, hold, .. } => {
                socket.waiting = false;
                let sent = if std::mem::take(&mut socket.silent) {
                    Ok(())
                } else {
                    socket.answer(&out, Mark::default(), out.mark(), 1, hold, synced)
                };
                self.settle(to.token, sent);
                self.resume(to.token);
            }
        }
    }

    /// Looks at every connection that has replies left here; `settle` closes those that do not
    /// read.
    pub(super) fn limit_output(&mut self) {
        for token in 0..self.sockets.len() {
            let lags = |socket: &Socket| !socket.is_drained();
            if self.sockets[token].as_deref().is_some_and(lags) {
                self.settle(token, Ok(()));
            }
        }
    }

    /// Registers a stream with the poller and the engine's registry.
    pub(super) fn add(&mut self, mut stream: mio::net::TcpStream) -> io::Result<()> {
        let token = self.free.pop().unwrap_or_else(|| {
            self.sockets.push(None);
            self.sockets.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, Token(token), interest) {
            self.free.push(token);
            self.shared.lock().arrived();
            return Err(error);
        }
        let (address, local) = (stream.peer_addr().ok(), stream.local_addr().ok());
        let mut engine = self.shared.lock();
        engine.arrived();
        let (client, id) = engine.connect(self.index, token, clock::now());
        let session = engine.admin.clients.session(client);
        (session.address, session.local_address) = (address, local);
        session.descriptor = stream.as_raw_fd();
        let authenticated = session.authenticated;
        drop(engine);
        self.sockets[token] = Some(Box::new(Socket::new(stream, client, id, authenticated)));
        // Bytes may have come before the registration; edges only tell of later ones.
        self.again.push(token);
        Ok(())
    }

    /// Closes a connection and forgets it.
    pub(super) fn close(&mut self, token: usize) {
        let Some(mut socket) = self.sockets[token].take() else { return };
        // The socket closes with its last handle whatever the poller says.
        let _gone = self.poll.registry().deregister(&mut socket.stream);
        self.shared.lock().disconnect(socket.client);
        self.holding.retain(|waiting| waiting.token != token);
        self.free_later.push(token);
    }

    /// Releases held replies, and tries parked requests again if they may go on; the others
    /// stay listed.
    pub(super) fn progress_made(&mut self) {
        if self.holding.is_empty() {
            return;
        }
        let (synced, failure) = (self.watch.synced(), self.watch.failure());
        let reached = if failure.is_some() { Lsn(u64::MAX) } else { synced };
        let mut waiting = std::mem::take(&mut self.holding);
        for Waiting { token, .. } in waiting.extract_if(.., |waiting| waiting.until <= reached) {
            let Some(socket) = self.sockets[token].as_deref_mut() else { continue };
            socket.listed = false;
            let goes_on = socket.parked.is_some_and(|parked| self.watch.goes_on(parked));
            if goes_on {
                socket.parked = None;
            }
            let sent = match &failure {
                None => socket.release(synced).map(|_| ()),
                Some(error) => socket.release_failed(synced, error),
            };
            self.settle(token, sent);
            if goes_on {
                self.resume(token);
            }
        }
        // Those that wait on, and those listed again.
        waiting.append(&mut self.holding);
        self.holding = waiting;
    }
}

/// A connection that waits for the log.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    /// What its oldest held reply waits for; 0: a request is parked, and any progress may do, the
    /// log's or the read pool's.
    pub until: Lsn,
    /// Its place in [`Worker::sockets`].
    pub token: usize,
}
