//! The turn: receive every ready socket once, parse, execute under one lock, send.
//!
//! ```text
//! 1 receive   each ready socket once, up to 64 KiB, into the worker's arena (or behind its own partial frame)
//! 2 parse     all frames of all sockets into one flat list; at most 256 commands a round
//!             large values of string commands are copied, to be kept as they are
//! 3 execute   one hold of the engine's lock a round: first what others sent to our connections, then the list
//! 4 send      one write a socket; what the kernel does not take waits for writability
//! ```
//!
//! [`Worker::turn`] is a function of its own, so that another driver than the task in `worker` can
//! call it.

use super::connections::Waiting;
use super::socket::{Received, Socket};
use super::worker::Worker;
use crate::admin::Hold;
use crate::base::{clock, limits};
use crate::engine::{Message, Pipeline, Replies, Round, WorkerSettings};
use crate::keyspace::LARGE_BYTES;
use crate::log::Lsn;
use crate::resp::{Arg, Mark, Parsed, ProtocolError, parse};
use mio::Token;
use std::io;
use std::time::Duration;

/// Memory of the reply arena that is kept from one turn to the next.
const REPLIES_KEPT_BYTES: usize = 1 << 20;

/// Growth of a partial frame's buffer a read: small frames cost little, large ones few calls.
const PARTIAL_STEP_MIN: usize = 16 << 10;
/// See [`PARTIAL_STEP_MIN`]; also bounds what an announced length can make us allocate.
const PARTIAL_STEP_MAX: usize = 1 << 20;

/// Received bytes of one socket that are to be parsed.
pub(super) struct Ready {
    pub(super) token: usize,
    /// Where in the arena they lie; none: in the socket's own buffer.
    arena: Option<(usize, usize)>,
    /// How much of them is used up.
    at: usize,
    /// Counted once, in the first pipeline made of them.
    bytes_in: u32,
    /// Everything that is whole has been parsed, or the rest must wait.
    pub(super) done: bool,
}

impl Ready {
    /// What a socket keeps in its own buffer: it is parsed again from its beginning.
    pub(super) fn kept(token: usize) -> Self {
        Ready { token, arena: None, at: 0, bytes_in: 0, done: false }
    }
}

/// Where one frame's arguments stand in the flat list, and where the frame ends in its bytes.
struct Frame {
    first: u32,
    count: u32,
    /// The frame's first byte, to which its arguments' ranges are relative.
    base: usize,
    end: usize,
    /// What it was before its quotes were taken out in place: put back if it does not run yet,
    /// since it will be parsed again.
    raw: Option<Box<[u8]>>,
}

/// The frames found in one [`Ready`] this round.
struct Parcel {
    ready: usize,
    first_frame: usize,
    frames: usize,
    /// Where parsing stopped: behind the last frame, and the empty lines behind it.
    end: usize,
    /// What stopped the parsing, if it was not the round's limit.
    error: Option<ProtocolError>,
}

/// A worker's memory for parsing, kept from turn to turn.
#[derive(Default)]
pub(super) struct Scratch {
    arguments: Vec<Arg>,
    frames: Vec<Frame>,
    parcels: Vec<Parcel>,
    /// Whether a frame of this round is so long that an argument may be a large value.
    has_large: bool,
    round: Round<'static>,
    replies: Replies,
}

impl Worker {
    /// One turn. `wait` is how long the poller may sleep (zero: not at all). Returns how many
    /// events there were.
    pub fn turn(&mut self, wait: Option<Duration>) -> io::Result<usize> {
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            other => other?,
        }
        let events = std::mem::replace(&mut self.events, mio::Events::with_capacity(0));
        let mut count = 0;
        for event in &events {
            count += 1;
            let Token(token) = event.token();
            if token == super::worker::WAKE {
                continue;
            }
            if event.is_writable() {
                self.writable(token);
            }
            let gone = event.is_error() || event.is_write_closed();
            if event.is_readable() || event.is_read_closed() || gone {
                self.receive(token, Ending { ended: event.is_read_closed() || gone, gone });
            }
        }
        self.events = events;
        self.adopt_connections();
        self.drain_inbox();
        self.process();
        // Only now: sending replies takes longer than running requests, and the log can write
        // what those gave meanwhile.
        self.progress_made();
        // Once a turn, so that a socket that is always full does not keep the others waiting.
        let mut again = std::mem::take(&mut self.again);
        again.sort_unstable();
        again.dedup();
        for token in again {
            self.receive(token, Ending::default());
        }
        self.process();
        Ok(count + self.again.len())
    }

    /// Receives once from a socket.
    fn receive(&mut self, token: usize, Ending { ended, gone }: Ending) {
        if self.arena_used + limits::RECEIVE_BYTES_MAX > self.arena.len() {
            self.process();
        }
        let Some(socket) = self.sockets.get_mut(token).and_then(Option::as_deref_mut) else {
            return;
        };
        // The poller says it once; what stands before the end may be received much later.
        socket.ended |= ended;
        if socket.is_blocked() {
            socket.unread = true;
            // A connection that waits and whose peer is gone is closed at once: nobody will read
            // the reply. One that has only closed its half may well, but as in Redis it does not
            // keep its place among those that wait for keys.
            if gone && socket.waiting || socket.leaves() {
                self.close(token);
            }
            return;
        }
        socket.heard = true;
        let (received, full, arena) = if socket.partial.is_empty() {
            let begin = self.arena_used;
            let buffer = &mut self.arena[begin..begin + limits::RECEIVE_BYTES_MAX];
            let received = socket.receive(buffer);
            let count = if let Received::Bytes(count) = received { count } else { 0 };
            // Pieces begin on their own cache line.
            self.arena_used += count.next_multiple_of(64);
            (received, count == limits::RECEIVE_BYTES_MAX, Some((begin, count)))
        } else {
            let (received, full) = socket.receive_partial(PARTIAL_STEP_MIN, PARTIAL_STEP_MAX);
            (received, full, None)
        };
        match received {
            Received::Bytes(count) => {
                let bytes_in = u32::try_from(count).unwrap_or(u32::MAX);
                self.ready.push(Ready { token, arena, at: 0, bytes_in, done: false });
                if full || socket.ended {
                    self.again.push(token);
                }
            }
            Received::Nothing => {}
            Received::Closed => {
                socket.finished = true;
                self.finished.push(token);
            }
        }
    }

    /// Parses and executes everything received, round by round, then keeps the rests and closes
    /// what has ended.
    pub(super) fn process(&mut self) {
        while !self.ready.iter().all(|ready| ready.done) {
            self.parse_round();
            self.execute_round();
        }
        let mut ready = std::mem::take(&mut self.ready);
        for piece in ready.drain(..) {
            self.keep_rest(&piece);
        }
        self.ready = ready;
        self.arena_used = 0;
        for token in std::mem::take(&mut self.finished) {
            // Who has closed its half still gets its replies; `settle` brings it here again.
            let idle = |socket: &Socket| !socket.is_blocked() && socket.is_drained();
            if self.sockets[token].as_deref().is_some_and(idle) {
                self.close(token);
            }
        }
    }

    /// Step 2: frames of the ready sockets, up to the round's limit.
    fn parse_round(&mut self) {
        let bulk_max = self.settings.bulk_bytes_max;
        let scratch = &mut self.scratch;
        scratch.arguments.clear();
        scratch.frames.clear();
        scratch.parcels.clear();
        scratch.has_large = false;
        for (n, ready) in self.ready.iter_mut().enumerate() {
            if ready.done || scratch.frames.len() >= limits::ROUND_COMMANDS_MAX {
                continue;
            }
            let Some(socket) = self.sockets[ready.token].as_deref_mut() else {
                ready.done = true;
                continue;
            };
            if socket.is_blocked() {
                ready.done = true;
                continue;
            }
            let first_frame = scratch.frames.len();
            let (end, error) = match ready.arena {
                Some((begin, count)) => {
                    let bytes = &mut self.arena[begin..begin + count];
                    parse_frames(bytes, ready, socket, false, bulk_max, scratch)
                }
                None => {
                    let mut bytes = std::mem::take(&mut socket.partial);
                    let stopped = parse_frames(&mut bytes, ready, socket, true, bulk_max, scratch);
                    socket.partial = bytes;
                    stopped
                }
            };
            let frames = scratch.frames.len() - first_frame;
            scratch.parcels.push(Parcel { ready: n, first_frame, frames, end, error });
        }
    }

    /// Steps 3 and 4.
    fn execute_round(&mut self) {
        let scratch = &mut self.scratch;
        let large;
        let mut round = std::mem::take(&mut scratch.round).recycle();
        for parcel in &scratch.parcels {
            let ready = &mut self.ready[parcel.ready];
            let Some(socket) = self.sockets[ready.token].as_deref() else { continue };
            let bytes: &[u8] = match ready.arena {
                Some((begin, count)) => &self.arena[begin..begin + count],
                None => &socket.partial,
            };
            let first = round.requests.len();
            for frame in &scratch.frames[parcel.first_frame..parcel.first_frame + parcel.frames] {
                let begin = round.arguments.len();
                let arguments = frame.first as usize..(frame.first + frame.count) as usize;
                for argument in &scratch.arguments[arguments] {
                    round.arguments.push(argument.of(&bytes[frame.base..]));
                }
                round.push(begin);
            }
            round.pipelines.push(Pipeline {
                client: socket.client,
                first: first as u32,
                count: (round.requests.len() - first) as u32,
                bytes_in: std::mem::take(&mut ready.bytes_in),
                query_buffer_bytes: socket.partial.len() as u32,
                output_bytes: if socket.is_drained() { 0 } else { socket.output_bytes() },
            });
        }
        if scratch.has_large {
            large = round.large_copies();
            round.share(&large);
        }
        let messages = {
            let mut engine = self.shared.lock();
            let begun = clock::thread_cpu_ns();
            let messages: Vec<Message> = self.inbox.messages.try_iter().collect();
            engine.execute(&round, clock::now_us(), &mut scratch.replies);
            let held = clock::thread_cpu_ns().saturating_sub(begun);
            engine.admin.holds.record(Hold::Round, held);
            self.settings = WorkerSettings::of(&engine.admin.config);
            messages
        };
        scratch.round = round.recycle();
        for message in messages {
            self.deliver(message);
        }
        self.send_replies();
        // Now, not in the next round, which may be long in coming: large values are shared.
        self.scratch.replies.clear(REPLIES_KEPT_BYTES);
        let arguments = &mut self.scratch.arguments;
        arguments.clear();
        arguments.shrink_to(limits::ARGUMENTS_KEPT);
    }

    /// Step 4: hands each connection its replies, and follows what the engine said about it.
    fn send_replies(&mut self) {
        let synced = self.watch.synced();
        let replies = std::mem::take(&mut self.scratch.replies);
        let parcels = std::mem::take(&mut self.scratch.parcels);
        let mut from = Mark::default();
        for (parcel, outcome) in parcels.iter().zip(&replies.outcomes) {
            let ready = &mut self.ready[parcel.ready];
            let token = ready.token;
            let to = outcome.end;
            let Some(socket) = self.sockets[token].as_deref_mut() else {
                from = to;
                continue;
            };
            let ran = outcome.ran as usize;
            let frames = &mut self.scratch.frames[parcel.first_frame..][..parcel.frames];
            if ran == parcel.frames {
                ready.at = parcel.end;
            } else if ran > 0 {
                ready.at = frames[ran - 1].end;
            }
            let bytes = match ready.arena {
                Some((begin, count)) => &mut self.arena[begin..begin + count],
                None => &mut socket.partial,
            };
            for frame in &mut frames[ran..] {
                if let Some(raw) = frame.raw.take() {
                    bytes[frame.base..][..raw.len()].copy_from_slice(&raw);
                }
            }
            socket.follow(outcome);
            let mut sent = Ok(());
            if from != to {
                let (hold, count) = (outcome.hold, outcome.replies);
                sent = socket.answer(&replies.out, from, to, count, hold, synced);
            }
            if ran < parcel.frames && !socket.is_blocked() {
                // The round was over before they ran: they come again in the next one.
                ready.done = false;
                from = to;
                self.settle(token, sent);
                continue;
            }
            // A malformed request ends the connection, after the replies to those before it. One
            // refused for want of AUTH is tried again, if one of those before it was
            // AUTH.
            if let Some(error) = parcel.error
                && !socket.is_blocked()
                && !(error.is_unauthenticated() && socket.authenticated)
            {
                sent = sent.and_then(|()| socket.refuse(error, synced));
                socket.closing = true;
                ready.done = true;
            } else if parcel.error.is_some() {
                ready.done = socket.is_blocked();
            }
            if outcome.waiting || outcome.parked.is_some() || socket.closing {
                ready.done = true;
                socket.unread = true;
            }
            from = to;
            self.settle(token, sent);
        }
        self.scratch.replies = replies;
        self.scratch.parcels = parcels;
    }

    /// After a socket was written to: close it if it broke or is done, remember it if it holds
    /// replies.
    pub(super) fn settle(&mut self, token: usize, sent: io::Result<()>) {
        let Some(socket) = self.sockets[token].as_deref_mut() else { return };
        let reads = socket.is_drained() || socket.reads_its_replies(&self.settings.output_buffer);
        if !reads {
            self.shared.lock().admin.stats.output_limit_disconnections += 1;
        }
        let leaves = socket.leaves() && socket.is_drained();
        if sent.is_err() || !reads || leaves || (socket.closing && socket.is_drained()) {
            self.close(token);
            return;
        }
        if socket.finished {
            self.finished.push(token);
        }
        if (socket.is_holding() || socket.parked.is_some()) && !socket.listed {
            socket.listed = true;
            let is_parked = socket.parked.is_some();
            let until = if is_parked { Lsn::default() } else { socket.held_until() };
            self.holding.push(Waiting { until, token });
        }
    }

    /// Keeps what is left of a piece: bytes of the arena go into the socket's own buffer.
    fn keep_rest(&mut self, piece: &Ready) {
        let Some(socket) = self.sockets[piece.token].as_deref_mut() else { return };
        let most = self.settings.query_buffer_bytes_max;
        let left = piece.arena.map_or(socket.partial.len(), |(_, count)| count) - piece.at;
        if left > most || (!socket.authenticated && left > limits::UNAUTHENTICATED_QUERY_BYTES_MAX)
        {
            self.shared.lock().admin.stats.query_limit_disconnections += 1;
            self.close(piece.token);
            return;
        }
        match piece.arena {
            Some((begin, count)) => {
                let rest = &self.arena[begin + piece.at..begin + count];
                socket.partial.extend_from_slice(rest);
            }
            None => socket.consume_partial(piece.at),
        }
    }
}

/// Parses the frames of one piece, up to the round's limit. Returns where it stopped, and the error
/// that ends the connection, if any.
fn parse_frames(
    bytes: &mut [u8],
    ready: &mut Ready,
    socket: &mut Socket,
    resumable: bool,
    bulk_max: usize,
    scratch: &mut Scratch,
) -> (usize, Option<ProtocolError>) {
    let limits = socket.limits(bulk_max);
    let mut at = ready.at;
    while scratch.frames.len() < limits::ROUND_COMMANDS_MAX {
        if at >= bytes.len() {
            ready.done = true;
            socket.need = 1;
            break;
        }
        let first = scratch.arguments.len();
        let raw = quoted_line(&bytes[at..]);
        // Only the first frame of a partial buffer can have been looked at before.
        let parsed = if resumable && at == 0 {
            socket.resume.parse(bytes, &limits, &mut scratch.arguments)
        } else {
            parse(&mut bytes[at..], &limits, &mut scratch.arguments)
        };
        match parsed {
            Parsed::Frame { consumed } => {
                let count = scratch.arguments.len() - first;
                if count > 0 {
                    let (first, count) = (first as u32, count as u32);
                    let end = at + consumed;
                    scratch.frames.push(Frame { first, count, base: at, end, raw });
                    scratch.has_large |= consumed > LARGE_BYTES;
                }
                at += consumed;
            }
            Parsed::Partial { need } => {
                ready.done = true;
                socket.need = need;
                break;
            }
            Parsed::Error(error) => {
                if let Some(raw) = raw {
                    bytes[at..at + raw.len()].copy_from_slice(&raw);
                }
                return (at, Some(error));
            }
        }
    }
    (at, None)
}

/// A copy of the inline request that the bytes begin with, if it is whole and has quotes.
fn quoted_line(bytes: &[u8]) -> Option<Box<[u8]>> {
    if bytes.first() == Some(&b'*') {
        return None;
    }
    let end = memchr::memchr(b'\n', bytes)?;
    let line = &bytes[..=end];
    memchr::memchr2(b'"', b'\'', line).map(|_| line.into())
}

/// What the poller knows about the end of a stream.
#[derive(Clone, Copy, Default)]
struct Ending {
    /// The peer sends nothing more.
    ended: bool,
    /// The connection is broken: nothing can be sent either.
    gone: bool,
}
