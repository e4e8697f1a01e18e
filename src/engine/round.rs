//! A round: up to some hundred parsed requests of one worker, executed under one hold of the lock.
//!
//! A worker fills a [`Round`] outside the lock (commands looked up, first keys hashed), the engine
//! executes it and fills [`Replies`]: one output arena, and per connection what became of its
//! requests.

use crate::admin::config::BufferLimit;
use crate::admin::{ClientId, Config};
use crate::base::limits;
use crate::command;
use crate::command::table::{self, Found};
use crate::keyspace::LARGE_BYTES;
use crate::log::Lsn;
use crate::paged;
use crate::resp::{Mark, Out};
use std::sync::Arc;

/// Parsed requests, grouped by connection.
#[derive(Default)]
pub struct Round<'r> {
    /// All arguments of all requests, one behind the other.
    pub arguments: Vec<&'r [u8]>,
    /// The requests, in order.
    pub requests: Vec<Request>,
    /// Which requests belong to which connection.
    pub pipelines: Vec<Pipeline>,
    /// Values that some of the arguments are: they are kept without a copy.
    pub large: &'r [Arc<Vec<u8>>],
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Where its arguments begin in [`Round::arguments`], and how many there are (at least one).
    pub first: u32,
    /// See `first`.
    pub count: u32,
    /// What it names.
    pub found: Found,
    /// The hash of its first key, if its position is known; else 0.
    pub hash: u64,
}

/// Consecutive requests of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pipeline {
    /// Whose.
    pub client: ClientId,
    /// Its first request.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// Bytes received from it since its last pipeline, for its statistics.
    pub bytes_in: u32,
    /// Unparsed bytes its worker holds for it.
    pub query_buffer_bytes: u32,
    /// Reply bytes its worker has not got rid of yet.
    pub output_bytes: usize,
}

/// The hash of a call's first key, if its position is known; else 0.
#[inline]
pub(super) fn first_key_hash(found: Found, arguments: &[&[u8]]) -> u64 {
    match found {
        Found::Command(command) if command.first_key != 0 => {
            arguments.get(command.first_key).map_or(0, |key| paged::hash(key))
        }
        _ => 0,
    }
}

impl<'r> Round<'r> {
    /// Adds a request whose arguments were pushed to `arguments` from `first` on: looks up its
    /// command and hashes its first key.
    #[inline]
    pub fn push(&mut self, first: usize) {
        let arguments = &self.arguments[first..];
        let found = table::find(arguments);
        let hash = first_key_hash(found, arguments);
        let count = arguments.len() as u32;
        self.requests.push(Request { first: first as u32, count, found, hash });
    }

    /// Copies of the arguments that are worth handing in as values: the large ones of writes that
    /// keep or record them. To be made outside the lock, and given to [`Self::share`].
    pub fn large_copies(&self) -> Vec<Arc<Vec<u8>>> {
        let copy = |place: usize| Arc::new(self.arguments[place].to_vec());
        self.large_places().map(copy).collect()
    }

    /// Puts the copies in the arguments' places.
    pub fn share(&mut self, large: &'r [Arc<Vec<u8>>]) {
        let places: Vec<usize> = self.large_places().collect();
        for (place, value) in places.into_iter().zip(large) {
            self.arguments[place] = value;
        }
        self.large = large;
    }

    fn large_places(&self) -> impl Iterator<Item = usize> {
        let keeps = |found| match found {
            Found::Command(command) => {
                command.group == command::Group::String && command.handler.writes()
            }
            _ => false,
        };
        let requests = self.requests.iter().filter(move |request| keeps(request.found));
        let places = requests.flat_map(|request| {
            let first = request.first as usize;
            first..first + request.count as usize
        });
        places.filter(|place| self.arguments[*place].len() >= LARGE_BYTES)
    }

    /// Empties the round, keeping its memory for one over other buffers, unless that is very much.
    pub fn recycle<'s>(mut self) -> Round<'s> {
        self.requests.clear();
        self.pipelines.clear();
        self.arguments.clear();
        // Collecting an empty iterator in place keeps the allocation; no borrowed slice survives.
        let mut arguments: Vec<_> =
            self.arguments.into_iter().map(|_| -> &'s [u8] { &[] }).collect();
        arguments.shrink_to(limits::ARGUMENTS_KEPT);
        Round { arguments, requests: self.requests, pipelines: self.pipelines, large: &[] }
    }
}

/// Settings that the workers follow, as of the last round.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// `proto-max-bulk-len`, bytes.
    pub bulk_bytes_max: usize,
    /// `client-query-buffer-limit`, bytes.
    pub query_buffer_bytes_max: usize,
    /// `client-output-buffer-limit normal`.
    pub output_buffer: BufferLimit,
}

impl WorkerSettings {
    /// What the configuration says now.
    pub fn of(config: &Config) -> Self {
        let bytes = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        WorkerSettings {
            bulk_bytes_max: bytes(config.proto_max_bulk_len()),
            query_buffer_bytes_max: bytes(config.client_query_buffer_limit()),
            output_buffer: config.client_output_buffer_limit().normal,
        }
    }
}

/// What a round gave.
#[derive(Default)]
pub struct Replies {
    /// All replies, encoded, pipeline after pipeline.
    pub out: Out,
    /// Per pipeline of the round.
    pub outcomes: Vec<Outcome>,
}

/// What a request waits for that could not run, and is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedFor {
    /// Room in the log's tail, or the end of a pause.
    Log,
    /// Room in the read pool's queue.
    Pool,
}

/// What became of a pipeline.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Where its replies end in [`Replies::out`]; they begin where the pipeline before ends.
    pub end: Mark,
    /// How many of its requests ran; fewer than it has if one waits, the connection closes, or the
    /// round has taken too long.
    pub ran: u32,
    /// How many of them have a reply in [`Replies::out`].
    pub replies: u32,
    /// The replies must not be sent before this LSN is synced; 0: at once.
    pub hold: Lsn,
    /// The last request that ran waits for something; nothing else of this connection may run
    /// before.
    pub waiting: bool,
    /// What it waits for is not to be sent when it comes.
    pub silent: bool,
    /// The request after the last that ran could not run: try again when what it waits for is
    /// there.
    pub parked: Option<ParkedFor>,
    /// It waits for keys or for the end of a pause, which may take long: the wait ends when its
    /// peer sends nothing more.
    pub ends_with_peer: bool,
    /// Close the connection when its replies are sent.
    pub close: bool,
    /// Whether it may now send requests of any size.
    pub authenticated: bool,
    /// Whether it ever might.
    pub was_authenticated: bool,
}

impl Replies {
    /// Empties it, keeping up to `keep_bytes` of memory.
    pub fn clear(&mut self, keep_bytes: usize) {
        self.out.clear(keep_bytes);
        self.outcomes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_up_to_a_bound() {
        let mut round = Round::default();
        round.arguments.resize(limits::ARGUMENTS_KEPT, b"x".as_slice());
        let usual = round.recycle();
        assert_eq!(usual.arguments.capacity(), limits::ARGUMENTS_KEPT);
        let mut round = usual;
        round.arguments.resize(20 * limits::ARGUMENTS_KEPT, b"x".as_slice());
        let empty = round.recycle();
        assert!(empty.arguments.is_empty());
        assert!(empty.arguments.capacity() <= limits::ARGUMENTS_KEPT);
    }

    /// Large arguments of writes of strings, and no others.
    #[test]
    fn large_arguments_are_handed_in_as_values() {
        let (long, short) = (vec![b'x'; LARGE_BYTES], vec![b'y'; LARGE_BYTES - 1]);
        let mut round = Round::default();
        for request in [
            [b"SET".as_slice(), b"k", &long].as_slice(),
            &[b"SADD", b"k", &long],
            &[b"GET", &long],
            &[b"SETRANGE", b"k", b"0", &short],
            &[b"no such", &long],
            &[b"MSET", b"k", b"v", b"l", &long],
        ] {
            let first = round.arguments.len();
            round.arguments.extend_from_slice(request);
            round.push(first);
        }
        let before: Vec<Vec<u8>> = round.arguments.iter().map(|one| one.to_vec()).collect();
        let large = round.large_copies();
        assert_eq!(large.len(), 2);
        round.share(&large);
        assert!(round.arguments == before);
        let own = |place: usize, value: usize| {
            std::ptr::eq(round.arguments[place], large[value].as_slice())
        };
        assert!(own(2, 0) && own(18, 1) && round.large.len() == 2);
        assert!(std::ptr::eq(round.arguments[5], long.as_slice()));
    }
}
