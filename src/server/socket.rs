//! One connection's socket and buffers, as its worker sees them.
//!
//! ```text
//! arena of the worker ──parse──► requests          whole frames are never copied
//!        └─ rest ──► partial ──parse (resumable)─► requests
//! replies ── held until their LSN is synced ──► pending ──► socket
//! ```

use crate::admin::ClientId;
use crate::admin::config::BufferLimit;
use crate::base::clock::{self, Monotonic};
use crate::base::limits::UNAUTHENTICATED_REPLY_BYTES_MAX;
use crate::engine::ParkedFor;
use crate::log::Lsn;
use crate::resp::{Limits, Mark, Out, ProtocolError, Resume};
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// A pending chunk larger than this is not appended to, so that what was sent can be freed.
const CHUNK_BYTES: usize = 256 << 10;

/// A partial frame's buffer is given back when three quarters of it are unused, if these are much
/// more than this.
const PARTIAL_KEPT_BYTES: usize = 256 << 10;

/// Slices given to the kernel at once (Linux' limit is 1,024).
const SLICES_MAX: usize = 64;

/// A connection.
pub struct Socket {
    /// The stream, non-blocking, registered with the worker's poller.
    pub stream: TcpStream,
    /// Its session in the engine's registry.
    pub client: ClientId,
    /// CLIENT ID: guards against messages for an earlier owner of this place.
    pub id: u64,
    /// Received bytes that are not parsed, the beginning of a frame. Usually empty.
    pub partial: Vec<u8>,
    /// How far the frame in `partial` has been parsed.
    pub resume: Resume,
    /// Bytes that must come before parsing on makes sense.
    pub need: usize,
    /// Replies that wait for an LSN, oldest first.
    held: VecDeque<Held>,
    /// Bytes that the kernel did not take yet.
    pending: VecDeque<Out>,
    /// How much of the first of `pending` it has taken.
    sent: usize,
    /// Bytes in `held` and `pending` that it has not taken.
    unsent: usize,
    /// A request waits for its reply: nothing more is read or run until it comes.
    pub waiting: bool,
    /// That reply is dropped when it comes.
    pub silent: bool,
    /// The next request could not run: it runs again when what it waits for is there.
    pub parked: Option<ParkedFor>,
    /// What it waits for may take long: it is closed as soon as its peer sends nothing more.
    pub ends_with_peer: bool,
    /// It stands in its worker's list of those that wait for the log.
    pub listed: bool,
    /// The socket may have bytes that were not received, since the connection was waiting.
    pub unread: bool,
    /// Close it when everything is sent.
    pub closing: bool,
    /// Whether AUTH has lifted the stricter limits.
    pub authenticated: bool,
    /// Whether AUTH was ever given.
    pub was_authenticated: bool,
    /// The poller has said that the peer sends nothing more. Bytes before the end may not have
    /// been received yet.
    pub ended: bool,
    /// The end was received.
    pub finished: bool,
    /// Something was received since the last look for idle connections.
    pub heard: bool,
    /// Since when it has been above the soft limit of unread replies.
    slow_since: Option<Monotonic>,
}

struct Held {
    until: Lsn,
    requests: u32,
    out: Out,
}

/// What receiving gave.
pub enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The peer has closed, or the connection is broken.
    Closed,
}

impl Socket {
    /// A fresh connection.
    pub fn new(stream: TcpStream, client: ClientId, id: u64, authenticated: bool) -> Self {
        Socket {
            stream,
            client,
            id,
            partial: Vec::new(),
            resume: Resume::default(),
            need: 1,
            held: VecDeque::new(),
            pending: VecDeque::new(),
            sent: 0,
            unsent: 0,
            waiting: false,
            silent: false,
            parked: None,
            ends_with_peer: false,
            listed: false,
            unread: false,
            closing: false,
            authenticated,
            was_authenticated: authenticated,
            ended: false,
            finished: false,
            heard: true,
            slow_since: None,
        }
    }

    /// The limits of its requests.
    pub fn limits(&self, bulk_max: usize) -> Limits {
        if self.authenticated { Limits::client(bulk_max) } else { Limits::unauthenticated() }
    }

    /// Whether its requests must stay where they are for now.
    pub fn is_blocked(&self) -> bool {
        self.waiting || self.parked.is_some() || self.closing
    }

    /// Whether it waits for something that its peer, which sends nothing more, gives up with that.
    pub fn leaves(&self) -> bool {
        self.ends_with_peer && self.ended && (self.waiting || self.parked.is_some())
    }

    /// Receives once into `buffer`.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Received {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => Received::Closed,
                Ok(count) => Received::Bytes(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Received::Closed,
            };
        }
    }

    /// Receives once into `partial`, growing it in steps: by what is missing, but never by more
    /// than `step_max`, however much was announced.
    pub fn receive_partial(&mut self, step_min: usize, step_max: usize) -> (Received, bool) {
        let have = self.partial.len();
        let room = self.need.clamp(step_min, step_max);
        let mut partial = std::mem::take(&mut self.partial);
        partial.resize(have + room, 0);
        let received = self.receive(&mut partial[have..]);
        let count = if let Received::Bytes(count) = received { count } else { 0 };
        partial.truncate(have + count);
        self.partial = partial;
        (received, count == room)
    }

    /// Drops the first `consumed` bytes of `partial`, and gives large memory back.
    pub fn consume_partial(&mut self, consumed: usize) {
        if consumed >= self.partial.len() {
            self.partial = Vec::new();
        } else if consumed > 0 {
            self.partial.drain(..consumed);
            // A pipeline may never be empty between two of its frames.
            if self.partial.capacity() / 4 > self.partial.len().max(PARTIAL_KEPT_BYTES) {
                self.partial.shrink_to_fit();
            }
        }
    }

    /// Takes over the replies between two marks: sends them at once if nothing stands before them
    /// and their LSN is `synced`, else keeps them. `requests` is how many requests they answer.
    pub fn answer(
        &mut self,
        out: &Out,
        from: Mark,
        to: Mark,
        requests: u32,
        hold: Lsn,
        synced: Lsn,
    ) -> io::Result<()> {
        if hold > synced || !self.held.is_empty() {
            let mut copy = Out::default();
            copy.extend_from(out, from, to, 0);
            self.unsent += copy.total_bytes();
            self.held.push_back(Held { until: hold, requests, out: copy });
            return Ok(());
        }
        let bytes = out.len_between(from, to);
        let mut done = 0;
        if self.pending.is_empty() {
            done = self.send_between(out, from, to)?;
            if done == bytes {
                return Ok(());
            }
        }
        self.unsent += bytes - done;
        self.queue(out, from, to, done);
        Ok(())
    }

    /// Queues the refusal of a malformed request behind everything else.
    pub fn refuse(&mut self, error: ProtocolError, synced: Lsn) -> io::Result<()> {
        let mut out = Out::default();
        let from = out.mark();
        error.write_reply(&mut out.bytes);
        let to = out.mark();
        self.answer(&out, from, to, 1, Lsn::default(), synced)
    }

    /// Releases held replies up to `synced`. Returns whether some are still held.
    pub fn release(&mut self, synced: Lsn) -> io::Result<bool> {
        while self.held.front().is_some_and(|held| held.until <= synced) {
            if let Some(held) = self.held.pop_front() {
                self.queue_all(held.out);
            }
        }
        self.flush()?;
        Ok(!self.held.is_empty())
    }

    /// The log has failed for good: whoever waits for its LSN is told that the outcome is not
    /// known.
    pub fn release_failed(&mut self, synced: Lsn, error: &[u8]) -> io::Result<()> {
        while let Some(held) = self.held.pop_front() {
            if held.until <= synced {
                self.queue_all(held.out);
                continue;
            }
            self.unsent -= held.out.total_bytes();
            let mut out = Out::default();
            for _ in 0..held.requests {
                out.bytes.extend_from_slice(error);
            }
            self.unsent += out.total_bytes();
            self.queue_all(out);
        }
        self.flush()
    }

    /// Whether replies wait for an LSN.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// The LSN that the oldest held reply waits for; 0: none is held.
    pub fn held_until(&self) -> Lsn {
        self.held.front().map_or(Lsn::default(), |held| held.until)
    }

    /// Whether every reply has been taken by the kernel.
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty() && self.held.is_empty()
    }

    /// Whether the peer reads what it asked for: by `client-output-buffer-limit`, and by a stricter
    /// limit as long as it is a stranger.
    pub fn reads_its_replies(&mut self, limit: &BufferLimit) -> bool {
        if !self.was_authenticated && self.unsent > UNAUTHENTICATED_REPLY_BYTES_MAX {
            return false;
        }
        let bytes = self.output_bytes() as u64;
        if limit.hard_bytes > 0 && bytes > limit.hard_bytes {
            return false;
        }
        if limit.soft_bytes == 0 || bytes <= limit.soft_bytes {
            self.slow_since = None;
            return true;
        }
        let now = clock::monotonic();
        let since = *self.slow_since.get_or_insert(now);
        now.since(since).as_secs() < limit.soft_seconds
    }

    /// Bytes of replies that are still here (`omem`).
    pub fn output_bytes(&self) -> usize {
        self.unsent
    }

    /// Sends what is pending, as much as the kernel takes.
    pub fn flush(&mut self) -> io::Result<()> {
        while let Some(first) = self.pending.front() {
            let length = first.total_bytes();
            let rest = first.slices(Mark::default(), first.mark());
            let taken = write_slices(&mut self.stream, skip(rest, self.sent))?;
            self.sent += taken;
            self.unsent -= taken;
            if self.sent < length {
                return Ok(());
            }
            self.pending.pop_front();
            self.sent = 0;
        }
        Ok(())
    }

    fn send_between(&mut self, out: &Out, from: Mark, to: Mark) -> io::Result<usize> {
        write_slices(&mut self.stream, out.slices(from, to))
    }

    /// Queues all of `out`: behind others in one chunk, so that many small ones are one write.
    fn queue_all(&mut self, out: Out) {
        if self.pending.is_empty() {
            self.pending.push_back(out);
        } else {
            self.queue(&out, Mark::default(), out.mark(), 0);
        }
    }

    fn queue(&mut self, out: &Out, from: Mark, to: Mark, skip: usize) {
        match self.pending.back_mut() {
            Some(last) if last.bytes.len() < CHUNK_BYTES => last.extend_from(out, from, to, skip),
            _ => {
                let mut chunk = Out::default();
                chunk.extend_from(out, from, to, skip);
                self.pending.push_back(chunk);
            }
        }
    }
}

/// Leaves the first `bytes` bytes of some slices out.
fn skip<'a>(
    slices: impl Iterator<Item = &'a [u8]>,
    mut bytes: usize,
) -> impl Iterator<Item = &'a [u8]> {
    slices.filter_map(move |slice| {
        let dropped = bytes.min(slice.len());
        bytes -= dropped;
        (dropped < slice.len()).then(|| &slice[dropped..])
    })
}

/// Writes slices until the kernel takes no more; returns how many bytes it took.
fn write_slices<'a>(
    stream: &mut TcpStream,
    slices: impl Iterator<Item = &'a [u8]>,
) -> io::Result<usize> {
    let mut slices = slices.filter(|slice| !slice.is_empty()).peekable();
    let mut total = 0;
    while let Some(first) = slices.next() {
        let (wanted, outcome) = if slices.peek().is_none() {
            (first.len(), stream.write(first))
        } else {
            let mut batch = vec![IoSlice::new(first)];
            while batch.len() < SLICES_MAX
                && let Some(slice) = slices.next()
            {
                batch.push(IoSlice::new(slice));
            }
            (batch.iter().map(|slice| slice.len()).sum(), stream.write_vectored(&batch))
        };
        match outcome {
            // Level with a short write: the kernel's buffer is full, and it will say when it is
            // not.
            Ok(taken) if taken < wanted => return Ok(total + taken),
            Ok(taken) => total += taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(total),
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_read_at_once() {
        let (mut socket, _peer) = pair();
        let unlimited = BufferLimit { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 };
        socket.was_authenticated = false;
        answer(&mut socket, &[b'x'; 1024], 1, 0);
        assert!(socket.reads_its_replies(&unlimited));
        answer(&mut socket, b"x", 1, 0);
        assert!(!socket.reads_its_replies(&unlimited));
        socket.was_authenticated = true;
        assert!(socket.reads_its_replies(&unlimited));
    }

    /// A socket, and its peer, which has not read anything.
    fn pair() -> (Socket, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream);
        (Socket::new(stream, ClientId::default(), 1, true), peer)
    }

    fn out(bytes: &[u8]) -> Out {
        let mut out = Out::default();
        out.bytes.extend_from_slice(bytes);
        out
    }

    fn answer(socket: &mut Socket, bytes: &[u8], hold: u64, synced: u64) {
        let out = out(bytes);
        socket.answer(&out, Mark::default(), out.mark(), 1, Lsn(hold), Lsn(synced)).unwrap();
    }

    /// Reads everything there is, and lets the socket send the rest meanwhile.
    fn drain(socket: &mut Socket, peer: &mut std::net::TcpStream, bytes: usize) -> Vec<u8> {
        let mut came = Vec::new();
        let mut chunk = vec![0; 1 << 20];
        while came.len() < bytes {
            let count = peer.read(&mut chunk).unwrap();
            came.extend_from_slice(&chunk[..count]);
            socket.flush().unwrap();
        }
        came
    }

    #[test]
    fn unsent_bytes_are_counted_and_leave_in_order() {
        let (mut socket, mut peer) = pair();
        for n in 0..1000_u64 {
            answer(&mut socket, format!("{n};").as_bytes(), n + 1, 0);
        }
        let all: String = (0..1000).map(|n| format!("{n};")).collect();
        assert_eq!(socket.output_bytes(), all.len());
        assert!(socket.release(Lsn(500)).unwrap());
        assert!(!socket.release(Lsn(1000)).unwrap());
        assert_eq!(drain(&mut socket, &mut peer, all.len()), all.as_bytes());
        assert!(socket.is_drained());
        assert_eq!(socket.output_bytes(), 0);
        // More than the kernel takes, with something held behind it.
        let large = vec![b'x'; 32 << 20];
        answer(&mut socket, &large, 0, 0);
        assert!((1..large.len()).contains(&socket.output_bytes()));
        let before = socket.output_bytes();
        answer(&mut socket, b"held", 2000, 1000);
        answer(&mut socket, b"later", 3000, 1000);
        assert_eq!(socket.output_bytes(), before + 9);
        socket.release_failed(Lsn(2000), b"-no").unwrap();
        let came = drain(&mut socket, &mut peer, large.len() + 7);
        assert_eq!(came[large.len()..], *b"held-no");
        assert_eq!(socket.output_bytes(), 0);
        assert!(socket.is_drained());
    }

    #[test]
    fn many_released_replies_are_one_chunk() {
        let (mut socket, _peer) = pair();
        // The kernel takes no more, so that what is released stays here.
        answer(&mut socket, &vec![b'x'; 32 << 20], 0, 0);
        let chunks = socket.pending.len();
        for n in 0..1000_u64 {
            answer(&mut socket, b"+OK\r\n", n + 1, 0);
        }
        socket.release(Lsn(1000)).unwrap();
        assert!(socket.pending.len() <= chunks + 1);
    }

    #[test]
    fn the_soft_limit_counts_from_the_first_look() {
        let (mut socket, _peer) = pair();
        let limit = |soft_seconds| BufferLimit { hard_bytes: 0, soft_bytes: 4, soft_seconds };
        answer(&mut socket, b"four", 1, 0);
        assert!(socket.reads_its_replies(&limit(0)));
        answer(&mut socket, b"more", 1, 0);
        assert!(socket.reads_its_replies(&limit(3600)));
        assert!(socket.slow_since.is_some());
        assert!(!socket.reads_its_replies(&limit(0)));
        socket.release(Lsn(1)).unwrap();
        assert!(socket.reads_its_replies(&limit(0)));
        assert!(socket.slow_since.is_none());
    }
}
