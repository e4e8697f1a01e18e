//! What the fuzz targets `commands`, `rdb` and `dump` check (`fuzz/fuzz_targets`); the tests run
//! the same over their seeds.
//!
//! These functions panic on a finding, which is what a fuzzer looks for. No server code calls them.

mod grammar;

use super::check::{Local, check_laws, parsed};
use super::{replay, snapshot};
use crate::command::table::{self, Found};
use crate::keyspace::Frozen;
use crate::keyspace::digest::{self, Digest};
use crate::rdb::{self, Format};
use crate::resp::{Decoded, OwnedReply, Protocol, decode};
use grammar::Choices;

/// Runs commands of the table, with a clock that moves, in both protocols, beside frozen keyspaces;
/// then the laws.
///
/// - Replies are whole, at most one a request, and RESP2 where that is spoken.
/// - Reads and calls that fail leave no record but removals of what has expired.
/// - A frozen keyspace stays as it was.
/// - [`check_laws`]: the records replay to the same data and the same records, and so does an RDB
///   file.
pub fn commands(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut run = Run { local: Local::default(), frozen: Vec::new() };
    for _ in 0..choices.below(8) {
        run.one(grammar::many(&mut choices));
    }
    while choices.are_left() && run.local.records().len() < RECORD_BYTES_MAX {
        run.step(&mut choices);
    }
    while run.thaw() {}
    check_laws(&run.local);
}

/// Decodes a payload, as it is and with a footer that makes it valid, restores it, and runs
/// commands on the key.
///
/// `data`: a count n, n bytes that choose the commands, then the payload.
pub fn dump(data: &[u8]) {
    let Some((&count, data)) = data.split_first() else { return };
    let Some((chosen, payload)) = data.split_at_checked(usize::from(count)) else { return };
    rdb::fuzzing::dump(payload);
    let mut run = Run { local: Local::default(), frozen: Vec::new() };
    for (key, payload) in [(b"a", payload), (b"b", &rdb::fuzzing::framed(payload, 10))] {
        let reply = run.local.reply(&[b"RESTORE", key, b"0", payload]);
        let Some(OwnedReply::Simple(_)) = reply else { continue };
        let before = run.local.digest();
        let Some(OwnedReply::Bulk(again)) = run.local.reply(&[b"DUMP", key]) else {
            panic!("what was restored can be dumped");
        };
        let reply = run.local.reply(&[b"RESTORE", key, b"0", &again, b"REPLACE"]);
        assert!(matches!(reply, Some(OwnedReply::Simple(_))), "{reply:?}");
        assert_eq!(run.local.digest(), before, "a dump restores as another value");
    }
    let mut choices = Choices::new(chosen);
    while choices.are_left() {
        run.step(&mut choices);
    }
    while run.thaw() {}
    check_laws(&run.local);
}

/// Loads a file, whole and in pieces, and into a keyspace, which must then be written and loaded as
/// the same.
pub fn file(data: &[u8]) {
    rdb::fuzzing::file(data);
    let mut local = Local::default();
    if replay::rdb(&mut local.engine, data, false).is_err() {
        return;
    }
    let format = Format::needed(true, local.engine.keyspace.has_stream_extras());
    let written = snapshot::to_vec(&local.engine.keyspace, format);
    let written = written.expect("a Vec takes everything");
    let mut again = Local::default();
    replay::rdb(&mut again.engine, &written, true).expect("our own RDB loads");
    assert_eq!(again.digest(), local.digest(), "an RDB file loads as another keyspace");
}

/// Records after which a run ends. Replay keeps the records of a megabyte, and the laws compare all
/// of them.
const RECORD_BYTES_MAX: usize = 256 << 10;

/// Frozen keyspaces held at once.
const FROZEN_MAX: usize = 3;

struct Run {
    local: Local,
    /// With the digest that each had when it was frozen.
    frozen: Vec<(Frozen, Digest)>,
}

impl Run {
    /// One thing that happens to a server.
    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.byte() {
            0..=183 => self.one(grammar::request(true, choices)),
            184..=203 => self.one(grammar::request(false, choices)),
            204..=207 => {
                let count = 2 + choices.below(7);
                let requests = (0..count).map(|n| grammar::request(n % 4 != 3, choices)).collect();
                self.round(requests);
            }
            208..=217 => self.one(grammar::many(choices)),
            218..=219 => {
                let first = choices.byte();
                let mut words = vec![b"MSET".to_vec()];
                for n in 0..32u8 {
                    words.push(grammar::numbered_key(first.wrapping_add(n)));
                    words.push(grammar::value(choices));
                }
                self.one(words);
            }
            220..=227 => {
                let ms = choices.pick(&[1, 2, 999, 1000, 10_000, 86_400_000]);
                self.local.advance_to(self.local.now.plus_ms(ms));
            }
            228..=233 => while !self.local.engine.expire_step(self.local.now).done {},
            234..=237 => self.toggle_protocol(),
            238..=242 => self.freeze(),
            243..=245 => drop(self.thaw()),
            246..=250 => {
                let engine = &mut self.local.engine;
                engine.keyspace.tidy(&mut engine.tidy_cursor, 64);
            }
            251..=252 => self.set_slow_reads(choices),
            _ => {
                let count = 1 + choices.below(4);
                self.one((0..count).map(|_| grammar::value(choices)).collect());
            }
        }
    }

    /// One request, and what holds for it alone.
    fn one(&mut self, words: Vec<Vec<u8>>) {
        let before = self.local.records().len();
        let protocol = self.local.session().protocol;
        let arguments: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let found = table::find(&arguments);
        let replies = self.round(vec![words.clone()]);
        let shown = || words.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>();
        let is_read = matches!(found, Found::Command(command) if command.only_reads());
        let failed = matches!(replies.as_slice(), [OwnedReply::Error(_)]);
        if is_read || failed {
            let records = parsed(&self.local.records()[before..]);
            let stray = records.iter().find(|record| !is_removal(&record[0]));
            assert!(stray.is_none(), "{:?} ({replies:?}) left a record: {stray:?}", shown());
        }
        if protocol == Protocol::Resp2 && self.local.session().protocol == Protocol::Resp2 {
            assert!(replies.iter().all(is_resp2), "{:?}: {replies:?}", shown());
        }
    }

    /// Requests that come together. Returns their replies.
    fn round(&mut self, requests: Vec<Vec<Vec<u8>>>) -> Vec<OwnedReply> {
        let slices: Vec<Vec<&[u8]>> =
            requests.iter().map(|words| words.iter().map(Vec::as_slice).collect()).collect();
        let slices: Vec<&[&[u8]]> = slices.iter().map(Vec::as_slice).collect();
        let bytes = self.local.round(&slices);
        let (mut replies, mut rest) = (Vec::new(), &bytes[..]);
        while !rest.is_empty() {
            match decode(rest, crate::resp::decode::DEPTH_MAX) {
                Decoded::Value { consumed, value } => {
                    replies.push(value);
                    rest = &rest[consumed..];
                }
                other => panic!("not a reply: {other:?} in {}", bytes.escape_ascii()),
            }
        }
        assert!(replies.len() <= requests.len(), "more replies than requests: {replies:?}");
        if self.local.session().closing {
            self.local.engine.disconnect(self.local.client);
            self.local.client = self.local.engine.connect(0, 0, self.local.now).0;
        }
        replies
    }

    fn toggle_protocol(&mut self) {
        let session = self.local.session();
        session.protocol = match session.protocol {
            Protocol::Resp2 => Protocol::Resp3,
            Protocol::Resp3 => Protocol::Resp2,
        };
    }

    fn freeze(&mut self) {
        if self.frozen.len() == FROZEN_MAX {
            self.thaw();
        }
        self.frozen.push((self.local.engine.keyspace.freeze(), self.local.digest()));
    }

    /// Lets the oldest frozen keyspace go. Returns whether there was one.
    fn thaw(&mut self) -> bool {
        if self.frozen.is_empty() {
            return false;
        }
        let (frozen, digest) = self.frozen.remove(0);
        assert_eq!(digest::of_frozen(&frozen), digest, "a frozen keyspace has changed");
        true
    }

    /// Whether reads go to the read pool's frozen keyspaces, from which they come back here at
    /// once.
    fn set_slow_reads(&mut self, choices: &mut Choices<'_>) {
        let most = choices.pick(&[b"0".as_slice(), b"3", b"10000"]);
        let config = &mut self.local.engine.admin.config;
        config.set(&[(b"slow-read-elements", most)], true).expect("a valid setting");
    }
}

/// Whether a record only removes keys, or belongs to the stream.
fn is_removal(name: &[u8]) -> bool {
    [b"DEL".as_slice(), b"UNLINK", b"SELECT", b"MULTI", b"EXEC"].contains(&name)
}

/// Whether a RESP2 client understands it.
fn is_resp2(reply: &OwnedReply) -> bool {
    match reply {
        OwnedReply::Simple(_) | OwnedReply::Error(_) | OwnedReply::Int(_) | OwnedReply::Bulk(_) => {
            true
        }
        // Not told apart here: the null of RESP3 decodes to the same.
        OwnedReply::Null | OwnedReply::NullArray => true,
        OwnedReply::Array(items) => items.iter().all(is_resp2),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::path::Path;

    #[test]
    fn the_seeds_of_the_fuzzers_pass() {
        let run: fn(&[u8]) = commands;
        for (folder, check) in [("commands", run), ("dump", dump), ("rdb", file)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(folder);
            let mut count = 0;
            for entry in std::fs::read_dir(&folder).unwrap() {
                check(&std::fs::read(entry.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count >= 5, "seeds in {}", folder.display());
        }
    }

    #[test]
    fn random_commands_keep_the_laws() {
        let mut rng = Rng::from_seed(42);
        for _ in 0..60 {
            let bytes: Vec<u8> = (0..125).flat_map(|_| rng.u64().to_le_bytes()).collect();
            commands(&bytes);
        }
    }
}
