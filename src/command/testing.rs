//! For tests of commands: a keyspace that they run on, without an engine.

use super::table::Found;
use super::{Call, Handler, Result, find};
use crate::base::clock::UnixMs;
use crate::keyspace::{Batch, Db, Keyspace, Reclaimer, Tx};
use crate::resp::{Mark, Out, Protocol, Reply, encode};

/// When everything happens.
const NOW: UnixMs = UnixMs(1_700_000_000_000);

/// A keyspace, and the records of what ran on it.
pub(super) struct Store {
    pub(super) keyspace: Keyspace,
    pub(super) batch: Batch,
}

fn call<'a>(words: &'a [&'a [u8]]) -> Call<'a> {
    let Found::Command(command) = find(words) else { panic!("no such command: {words:?}") };
    assert!(command.takes(words.len()), "{words:?}");
    Call::new(command, words).with_seed(7)
}

fn encoded(reply: &Reply<'_>, protocol: Protocol) -> String {
    let mut out = Out::default();
    encode(reply, protocol, &mut out);
    let bytes: Vec<u8> = out.slices(Mark::default(), out.mark()).flatten().copied().collect();
    String::from_utf8(bytes).unwrap()
}

impl Store {
    pub(super) fn new() -> Self {
        let mut batch = Batch::default();
        batch.keep_events();
        Store { keyspace: Keyspace::new(1, Reclaimer::inline()), batch }
    }

    /// Runs a command, its words with blanks between them, that must not fail.
    pub(super) fn run(&mut self, line: &str) -> String {
        self.run_as(line, Protocol::Resp2)
    }

    pub(super) fn run_as(&mut self, line: &str, protocol: Protocol) -> String {
        self.answer(line, protocol).unwrap()
    }

    pub(super) fn answer(&mut self, line: &str, protocol: Protocol) -> Result<String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let call = call(&words);
        match call.command.handler {
            Handler::Read(read) => {
                let reply = read(self.keyspace.view(Db(0), NOW), &call)?;
                Ok(encoded(&reply, protocol))
            }
            Handler::Write(write) => {
                let mut tx = Tx::begin(&mut self.keyspace, &mut self.batch, Db(0), NOW);
                Ok(encoded(&write(&mut tx, &call)?, protocol))
            }
            other => panic!("{other:?}"),
        }
    }

    /// What a read would cost.
    pub(super) fn cost(&self, line: &str) -> u64 {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let call = call(&words);
        call.command.cost.unwrap()(self.keyspace.view(Db(0), NOW), &call)
    }

    /// Adds members `m0`… with their scores.
    pub(super) fn fill(&mut self, key: &str, scores: impl Iterator<Item = i64>) {
        let items: String = scores.enumerate().map(|(n, score)| format!(" {score} m{n}")).collect();
        self.run(&format!("ZADD {key}{items}"));
    }
}
