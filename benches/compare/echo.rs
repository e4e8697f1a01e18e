//! The floor: a server on epoll that sends back what it receives.
//!
//! One thread; a turn receives every ready socket once, then sends to each. It parses nothing and
//! keeps nothing, so its CPU per request is what the kernel's loopback costs. (redis-benchmark
//! takes an echoed request for a reply.)

use crate::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

const LISTENER: Token = Token(usize::MAX);
/// Bytes received from one socket at once, as in our own turn.
const RECEIVE_BYTES: usize = 64 << 10;

/// Serves until it is killed.
pub fn serve(port: u16) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut sockets = Sockets::default();
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        sockets.ready.clear();
        for event in &events {
            match event.token() {
                LISTENER => sockets.accept(&listener, &poll)?,
                token if event.is_readable() => sockets.ready.push(token.0),
                token => sockets.send_rest(token.0),
            }
        }
        sockets.turn();
    }
}

#[derive(Default)]
struct Sockets {
    /// By token; a closed one leaves its place empty.
    open: Vec<Option<Socket>>,
    ready: Vec<usize>,
    arena: Vec<u8>,
}

struct Socket {
    stream: TcpStream,
    /// What could not be sent yet.
    unsent: Vec<u8>,
}

impl Sockets {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> Result<()> {
        loop {
            let (mut stream, _) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let token = Token(self.open.len());
            poll.registry().register(
                &mut stream,
                token,
                Interest::READABLE | Interest::WRITABLE,
            )?;
            self.open.push(Some(Socket { stream, unsent: Vec::new() }));
        }
    }

    fn send_rest(&mut self, n: usize) {
        if let Some(socket) = &mut self.open[n]
            && !socket.unsent.is_empty()
            && socket.send(&[]).is_err()
        {
            self.open[n] = None;
        }
    }

    /// Receives each ready socket once, then sends; those with more to receive go again.
    fn turn(&mut self) {
        while !self.ready.is_empty() {
            let mut received = Vec::with_capacity(self.ready.len());
            let mut again = Vec::new();
            let mut end = 0;
            for n in std::mem::take(&mut self.ready) {
                self.arena.resize(self.arena.len().max(end + RECEIVE_BYTES), 0);
                let Some(socket) = &mut self.open[n] else { continue };
                match socket.stream.read(&mut self.arena[end..end + RECEIVE_BYTES]) {
                    Ok(0) => self.open[n] = None,
                    Ok(count) => {
                        received.push((n, end, end + count));
                        end += count;
                        if count == RECEIVE_BYTES {
                            again.push(n);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => self.open[n] = None,
                }
            }
            for (n, begin, end) in received {
                let Some(socket) = &mut self.open[n] else { continue };
                if socket.send(&self.arena[begin..end]).is_err() {
                    self.open[n] = None;
                }
            }
            self.ready = again;
        }
    }
}

impl Socket {
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if self.unsent.is_empty() {
            let sent = send_some(&mut self.stream, bytes)?;
            self.unsent.extend_from_slice(&bytes[sent..]);
        } else {
            self.unsent.extend_from_slice(bytes);
            let sent = send_some(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..sent);
        }
        Ok(())
    }
}

fn send_some(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
