//! A connection to a server: requests out, replies in.

use super::Failure;
use crate::resp::decode::DEPTH_MAX;
use crate::resp::encode::write_request;
use crate::resp::{Decoded, Decoder, OwnedReply};
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Bytes asked of the socket at a time.
const READ_BYTES: usize = 64 * 1024;

/// A connection, and what has arrived on it but is not used yet.
pub(in crate::cli) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// How much of `received` is used.
    used: usize,
    decoder: Decoder,
}

impl Connection {
    /// Connects to any of the host's addresses.
    pub fn open(host: &str, port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((host, port))?;
        stream.set_nodelay(true)?;
        let decoder = Decoder::new(DEPTH_MAX);
        Ok(Connection { stream, received: Vec::new(), used: 0, decoder })
    }

    /// The socket, for what is not requests and replies.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends one request.
    pub fn send(&mut self, words: &[impl AsRef<[u8]>]) -> Result<(), Failure> {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        let mut request = Vec::new();
        write_request(&mut request, &words);
        self.stream.write_all(&request).map_err(broken)
    }

    /// Waits for the next reply or push. With a read timeout on the stream, `None` is its end; what
    /// has arrived stays.
    pub fn receive(&mut self) -> Result<Option<OwnedReply>, Failure> {
        loop {
            let unused = self.received.get(self.used..).unwrap_or_default();
            match self.decoder.decode(unused) {
                Decoded::Value { consumed, value } => {
                    self.used += consumed;
                    return Ok(Some(value));
                }
                Decoded::Error(error) => return Err(error.into()),
                Decoded::Partial => {}
            }
            self.received.drain(..self.used);
            self.used = 0;
            let begin = self.received.len();
            self.received.resize(begin + READ_BYTES, 0);
            let read = self.stream.read(&mut self.received[begin..]);
            self.received.truncate(begin + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => return Err(Failure::Closed),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(None),
                    _ => return Err(broken(error)),
                },
            }
        }
    }

    /// Whether the server has closed it. Asked before a request is sent: a request whose reply
    /// never came is not sent again, since it may have been executed.
    pub fn is_closed(&self) -> bool {
        let peek = || -> io::Result<usize> {
            self.stream.set_nonblocking(true)?;
            let peeked = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false)?;
            peeked
        };
        match peek() {
            Ok(read) => read == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

fn broken(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Failure::Closed,
        _ => Failure::Connection(error),
    }
}
