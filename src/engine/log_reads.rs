//! LOG: what the log holds, read away from the lock by a thread of its own.
//!
//! ```text
//! LOG READ ──► parked (deadline, CLIENT UNBLOCK, a connection that goes: as any blocked call)
//!                └─ its job ──► thread: a slice of the log ──► reply ──► under the lock: ends the wait
//!                                  ▲         └─ nothing there yet: waits for the log's progress
//!                                  └── bell ◄── log writer and syncer; commits of a log in memory
//! ```
//!
//! A job gets one slice of the log at a time, in turn with the others, so a search through all of
//! it does not keep them waiting. Every reply is bounded ([`REPLY_BYTES`]): one without records may
//! only mean that the slice had none that were wanted, as long as `next` is below `end`. Places
//! where replies ended are kept: who asks for what comes next goes on there without a search.
//!
//! The reply, a map (in RESP2 an array of names and values):
//!
//! ```text
//! next      the LSN to ask for next
//! end       up to where the log can be read now; under `appendfsync always` what is synced, else
//!           what is written
//! id        the running replication id: given back with ID, an LSN that a crash has undone is told
//! records   each an array: the LSN behind it, Unix seconds when it was written (or nil), its
//!           database, an array of its words
//! ```

use super::dispatch::{Done, Flow};
use super::journal::Journal;
use super::{Engine, Shared};
use crate::admin::{ClientId, Hold};
use crate::command::{LogRead, table};
use crate::keyspace::digest;
use crate::log::{Continues, Log, Lsn, Positions, ReadError, Record, RecordReader, SegmentInfo};
use crate::resp::{Out, Protocol, Reply, encode};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst, fence};
use std::sync::{Arc, Weak};

/// A reply ends with the record that takes it past so many bytes of records.
const REPLY_BYTES: usize = 1 << 20;

/// A job looks through so many bytes before the next one has its turn: some milliseconds.
const SLICE_BYTES: u64 = 8 << 20;

/// Places kept for who asks for what comes next. Each holds at most an open file and a batch.
const PLACES_MAX: usize = 32;

const NO_LOG: Reply<'static> = Reply::error("ERR this server has no log");

/// The engine's hold on the thread, which begins with the first LOG READ.
#[derive(Default)]
pub(super) struct LogReads {
    thread: Option<(Sender<Ask>, Arc<AtomicBool>)>,
}

enum Ask {
    Read(Box<Job>),
    /// The log has moved.
    Progress,
}

/// How far a read has come; the parked call holds it, and the job sees by it whether anybody still
/// waits.
#[derive(Debug)]
pub(super) struct Ticket {
    /// Up to there it was looked through, and nothing found: the LSN to ask for next if nothing
    /// comes. A reply with records does not move it, since the wait may end before that is sent.
    next: AtomicU64,
    /// Up to where the log can be read.
    end: AtomicU64,
    /// The running replication id.
    id: String,
}

impl Ticket {
    /// The reply if nothing has come.
    pub fn nothing(&self) -> Reply<'static> {
        self.reply(Lsn(self.next.load(SeqCst)), Lsn(self.end.load(SeqCst)), Vec::new())
    }

    fn reply(&self, next: Lsn, end: Lsn, records: Vec<Reply<'static>>) -> Reply<'static> {
        Reply::Map(vec![
            (Reply::Bulk(b"next"), Reply::Int(signed(next.0))),
            (Reply::Bulk(b"end"), Reply::Int(signed(end.0))),
            (Reply::Bulk(b"id"), Reply::Owned(self.id.clone().into_bytes())),
            (Reply::Bulk(b"records"), Reply::Array(records)),
        ])
    }
}

/// The count of record bytes takes millennia to pass what an integer reply holds.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

struct Job {
    log: Arc<Log>,
    read: LogRead,
    protocol: Protocol,
    /// The number of the parked call.
    number: u64,
    ticket: Weak<Ticket>,
    /// Where it is, once it has begun.
    place: Option<RecordReader>,
}

/// What became of a slice.
enum Slice {
    Reply(Reply<'static>),
    /// There is more to look through.
    Again,
    /// There is nothing more yet.
    AtEnd,
}

impl LogReads {
    /// Tells the thread that a batch was appended, if it is a log in memory, which tells nobody.
    #[inline]
    pub fn appended(&self, journal: &Journal) {
        let Some((sender, waits)) = &self.thread else { return };
        let Positions { emitted, written, .. } = journal.positions();
        if written == emitted {
            ring(sender, waits);
        }
    }

    fn submit(&mut self, job: Job, shared: &Weak<Shared>) -> io::Result<()> {
        if self.thread.is_none() {
            let (sender, asks) = unbounded();
            let waits = Arc::new(AtomicBool::new(false));
            let reader = Reader { asks, waits: waits.clone(), shared: shared.clone() };
            let thread = std::thread::Builder::new().name("log-reader".into());
            thread.spawn(move || reader.run())?;
            let bell = (sender.clone(), waits.clone());
            job.log.subscribe(Arc::new(move |_, _| ring(&bell.0, &bell.1)));
            self.thread = Some((sender, waits));
        }
        let gone = || io::Error::other("the thread that reads the log has ended");
        let (sender, _) = self.thread.as_ref().ok_or_else(gone)?;
        sender.send(Ask::Read(Box::new(job))).map_err(|_| gone())
    }
}

/// Wakes the thread if a job waits for the log; once until it waits again.
fn ring(thread: &Sender<Ask>, waits: &AtomicBool) {
    if waits.load(SeqCst) && waits.swap(false, SeqCst) {
        // It has ended with the process.
        let _ended = thread.send(Ask::Progress);
    }
}

/// The thread.
struct Reader {
    asks: Receiver<Ask>,
    /// Whether a job waits for the log.
    waits: Arc<AtomicBool>,
    shared: Weak<Shared>,
}

impl Reader {
    fn run(self) {
        let mut active: Vec<Box<Job>> = Vec::new();
        let mut waiting: Vec<Box<Job>> = Vec::new();
        let mut places: VecDeque<RecordReader> = VecDeque::new();
        loop {
            if active.is_empty() {
                match self.asks.recv() {
                    Ok(Ask::Read(job)) => active.push(job),
                    Ok(Ask::Progress) => {}
                    Err(_) => return,
                }
            }
            active.extend(self.asks.try_iter().filter_map(|ask| match ask {
                Ask::Read(job) => Some(job),
                Ask::Progress => None,
            }));
            for mut job in std::mem::take(&mut active) {
                match job.slice(&mut places) {
                    Some(Slice::Reply(reply)) => {
                        self.end(&job, &reply);
                        job.leave(&mut places);
                    }
                    Some(Slice::Again) => active.push(job),
                    Some(Slice::AtEnd) => waiting.push(job),
                    // Nobody waits for it any more.
                    None => {}
                }
            }
            self.waits.store(!waiting.is_empty(), SeqCst);
            // Either who moves the log sees that somebody waits, or it is seen here where it is.
            fence(SeqCst);
            waiting.retain(|job| job.ticket.strong_count() > 0);
            active.extend(waiting.extract_if(.., |job| job.can_go_on()));
        }
    }

    fn end(&self, job: &Job, reply: &Reply<'_>) {
        let mut out = Box::new(Out::default());
        encode(reply, job.protocol, &mut out);
        if let Some(shared) = self.shared.upgrade() {
            shared.hold(Hold::Round, |engine| engine.end_log_read(job.number, out));
        }
    }
}

impl Job {
    fn can_go_on(&self) -> bool {
        let place = self.place.as_ref();
        place.is_none_or(|place| place.at() < self.log.readable())
    }

    /// Goes on for a slice. `None`: nobody waits for it any more.
    fn slice(&mut self, places: &mut VecDeque<RecordReader>) -> Option<Slice> {
        let ticket = self.ticket.upgrade()?;
        Some(self.go_on(&ticket, places).unwrap_or_else(|error| {
            self.place = None;
            Slice::Reply(Reply::Error(self.told(&error).into()))
        }))
    }

    fn go_on(
        &mut self,
        ticket: &Ticket,
        places: &mut VecDeque<RecordReader>,
    ) -> Result<Slice, ReadError> {
        let LogRead { from, count, .. } = self.read;
        if self.place.is_none() {
            if let Some(error) = self.foreign_id() {
                return Ok(Slice::Reply(Reply::Error(error.into())));
            }
            let from = Lsn(from);
            let known = places.iter().position(|place| place.at() == from);
            let known = known.and_then(|index| places.remove(index));
            self.place = Some(known.map_or_else(|| self.log.records(from), Ok)?);
        }
        let Some(place) = &mut self.place else { return Ok(Slice::Again) };
        let readable = self.log.readable();
        let begun = place.at();
        let (mut records, mut bytes) = (Vec::new(), 0);
        let is_full = |records: usize, bytes: usize| records >= count || bytes >= REPLY_BYTES;
        while place.at() < readable
            && place.at().since(begun) < SLICE_BYTES
            && !is_full(records.len(), bytes)
        {
            place.visit(readable, |record| {
                if self.read.wanted.takes(record) {
                    bytes += usize::try_from(record.lsn.since(record.begins)).unwrap_or(0);
                    records.push(shown(record));
                }
                match is_full(records.len(), bytes) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })?;
        }
        let (next, end) = (place.at(), readable.max(place.at()));
        if self.read.wait.is_none() || !records.is_empty() {
            return Ok(Slice::Reply(ticket.reply(next, end, records)));
        }
        ticket.next.store(next.0, SeqCst);
        ticket.end.store(end.0, SeqCst);
        Ok(if next >= readable { Slice::AtEnd } else { Slice::Again })
    }

    /// The error if the LSN was learnt under a history that does not lead here.
    fn foreign_id(&self) -> Option<String> {
        let asked = self.read.id.as_deref()?;
        let (name, from) = (asked.escape_ascii(), Lsn(self.read.from));
        match self.log.ids().continues(asked, from, self.log.positions().emitted) {
            Continues::Yes => None,
            Continues::Ahead(last) => Some(format!(
                "ERR LSN {from} of history {name} is not in this log, where it ends at LSN {last}"
            )),
            Continues::Unknown => Some(format!("ERR this log has no history {name}")),
        }
    }

    fn told(&self, error: &ReadError) -> String {
        match error {
            ReadError::Gone(lsn) => {
                let (start, end) = (self.log.window_start(), self.log.readable());
                format!(
                    "ERR LSN {lsn} is outside the window: the log can be read from LSN {start} to \
                     LSN {end}"
                )
            }
            other => format!("ERR {other}"),
        }
    }

    /// Keeps its place for who asks for what comes next.
    fn leave(self: Box<Self>, places: &mut VecDeque<RecordReader>) {
        places.extend(self.place);
        // The files of those that fell out of the window are to be given back.
        let start = self.log.window_start();
        places.retain(|place| place.at() >= start);
        while places.len() > PLACES_MAX {
            places.pop_front();
        }
    }
}

/// A record in the reply: the LSN behind it, when it was written (Unix seconds, or nil), its
/// database, its words.
fn shown(record: &Record<'_>) -> Reply<'static> {
    let words = record.args.iter().map(|word| Reply::Owned(word.to_vec()));
    Reply::Array(vec![
        Reply::Int(signed(record.lsn.0)),
        record.seconds.map_or(Reply::Null, |seconds| Reply::Int(signed(seconds))),
        Reply::Int(record.database.into()),
        Reply::Array(words.collect()),
    ])
}

impl Engine {
    /// LOG READ.
    pub(super) fn read_log(&mut self, client: ClientId, read: LogRead, out: &mut Out) -> Done {
        let command = table::by_full_name(b"log|read");
        let (Some(log), Some(command)) = (self.journal.log().cloned(), command) else {
            return self.reply(client, &NO_LOG, out);
        };
        let ticket = Arc::new(Ticket {
            next: read.from.into(),
            end: log.readable().0.into(),
            id: log.ids().current,
        });
        let deadline = read.wait.flatten();
        let protocol = self.admin.clients.session(client).protocol;
        let watched = Arc::downgrade(&ticket);
        let number = self.await_log(client, command, deadline, ticket);
        let job = Job { log, read, protocol, number, ticket: watched, place: None };
        if let Err(error) = self.log_reads.submit(job, &self.shared) {
            self.forget_blocked(client);
            let reply = Reply::Error(format!("ERR the log cannot be read: {error}").into());
            return self.reply(client, &reply, out);
        }
        Done::now(Flow::Wait)
    }

    /// LOG DIGEST: on the read pool, from a keyspace frozen at an LSN.
    pub(super) fn log_digest(&mut self, client: ClientId, out: &mut Out) -> Done {
        self.commit();
        let lsn = self.journal.positions().emitted;
        let hold = if self.journal.holds_replies() { lsn } else { Lsn::default() };
        let protocol = self.admin.clients.session(client).protocol;
        let frozen = self.keyspace.freeze();
        let work = Box::new(move |out: &mut Out| {
            let digest = digest::of_frozen(&frozen).hex();
            let digest = Reply::Owned(digest.into_bytes());
            let lsn = Reply::Int(signed(lsn.0));
            let reply = vec![(Reply::Bulk(b"lsn"), lsn), (Reply::Bulk(b"digest"), digest)];
            encode(&Reply::Map(reply), protocol, out);
        });
        self.later(client, work, hold, out)
    }

    /// LOG INFO.
    pub(super) fn log_info(&mut self) -> Reply<'static> {
        let Some(log) = self.journal.log() else { return NO_LOG };
        let Positions { emitted, written, synced } = log.positions();
        let (ids, info, readable) = (log.ids(), log.info(), log.readable());
        let (segments, base) = log.segments();
        let lsn = |lsn: Lsn| Reply::Int(signed(lsn.0));
        let text = |text: String| Reply::Owned(text.into_bytes());
        let base_lsn = segments.iter().find(|segment| !segment.retained);
        let base_lsn = base_lsn.filter(|_| base.is_some()).map(|segment| segment.first);
        let history = ids.before.into_iter().map(|(id, last)| {
            Reply::Map(vec![(Reply::Bulk(b"id"), text(id)), (Reply::Bulk(b"last"), lsn(last))])
        });
        Reply::Map(vec![
            (Reply::Bulk(b"id"), text(ids.current)),
            (Reply::Bulk(b"history"), Reply::Array(history.collect())),
            (Reply::Bulk(b"emitted"), lsn(emitted)),
            (Reply::Bulk(b"written"), lsn(written)),
            (Reply::Bulk(b"synced"), lsn(synced)),
            (Reply::Bulk(b"window-start"), lsn(info.window_start)),
            (Reply::Bulk(b"window-end"), lsn(readable)),
            (Reply::Bulk(b"window-bytes"), Reply::Int(signed(readable.since(info.window_start)))),
            (Reply::Bulk(b"base"), base.map_or(Reply::Null, text)),
            (Reply::Bulk(b"base-lsn"), base_lsn.map_or(Reply::Null, lsn)),
            (Reply::Bulk(b"base-bytes"), Reply::Int(signed(info.base_size))),
            (
                Reply::Bulk(b"segments"),
                Reply::Array(segments.into_iter().map(segment_shown).collect()),
            ),
        ])
    }
}

fn segment_shown(segment: SegmentInfo) -> Reply<'static> {
    let SegmentInfo { name, first, last, bytes, closed, retained } = segment;
    let int = |number: u64| Reply::Int(signed(number));
    Reply::Map(vec![
        (Reply::Bulk(b"name"), Reply::Owned(name.into_bytes())),
        (Reply::Bulk(b"first"), int(first.0)),
        (Reply::Bulk(b"last"), int(last.0)),
        (Reply::Bulk(b"bytes"), int(bytes)),
        (Reply::Bulk(b"written-at"), int(closed)),
        (Reply::Bulk(b"retained"), Reply::Bool(retained)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::disk::testing::SimDisk;
    use crate::command::logged::Wanted;
    use crate::engine::check::{BEGINNING, Local};
    use crate::log::{BaseInfo, Recovered, Replay, ReplayError, Settings, Start, recover};
    use crate::resp::{Decoded, OwnedReply, decode};
    use std::path::Path;

    /// Nothing is there.
    struct Nothing;

    impl Replay for Nothing {
        fn base(&mut self, path: &Path) -> Result<BaseInfo, ReplayError> {
            panic!("{}", path.display())
        }

        fn rdb_preamble(&mut self, _bytes: &[u8]) -> Result<usize, ReplayError> {
            panic!("there is no file")
        }

        fn record(&mut self, args: &[&[u8]]) -> Result<(), ReplayError> {
            panic!("{args:?}")
        }
    }

    fn log_in_memory() -> Arc<Log> {
        let dir = Path::new("/data");
        let disk = Arc::new(SimDisk::new(dir));
        let settings = Settings { appendonly: false, ..Settings::new(dir.into()) };
        let recovered: Recovered = recover(disk, &settings, &mut Nothing).unwrap();
        let clock = Arc::new(|| 1_700_000_000);
        let start = Start { replication_id: "a".repeat(40), salt: 1, clock };
        Arc::new(recovered.start_stepped(start).unwrap())
    }

    /// `next` of the one reply that the connection has received since.
    fn next_received(local: &mut Local) -> i64 {
        let received = local.received();
        let [(1, bytes)] = received.as_slice() else { panic!("{received:?}") };
        let Decoded::Value { value: OwnedReply::Array(all), .. } = decode(bytes, 8) else {
            panic!("{}", bytes.escape_ascii());
        };
        assert_eq!(all[7], OwnedReply::Array(Vec::new()), "no records");
        let OwnedReply::Int(next) = all[1] else { panic!("{all:?}") };
        next
    }

    /// Whoever gives up before the records found could be sent is told to ask again from before
    /// them; what was looked through without a find is not looked through again.
    #[test]
    fn records_that_come_too_late_come_again() {
        let log = log_in_memory();
        let end = log.append(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n", 0);
        let command = table::by_full_name(b"log|read").unwrap();
        for (pattern, at_deadline) in [("*", true), ("*", false), ("b", true), ("b", false)] {
            let mut local = Local::default();
            let deadline = BEGINNING.plus_ms(50);
            let wanted = Wanted { pattern: Some(pattern.into()) };
            let read = LogRead { from: 0, count: 10, wait: Some(Some(deadline)), wanted, id: None };
            let ticket = Arc::new(Ticket { next: 0.into(), end: 0.into(), id: log.ids().current });
            let watched = Arc::downgrade(&ticket);
            let number = local.engine.await_log(local.client, command, Some(deadline), ticket);
            let (log, protocol) = (log.clone(), Protocol::Resp2);
            let mut job = Job { log, read, protocol, number, ticket: watched, place: None };
            let slice = job.slice(&mut VecDeque::new());
            let found = matches!(slice, Some(Slice::Reply(_)));
            assert!(found || matches!(slice, Some(Slice::AtEnd)), "{pattern}");
            assert_eq!(found, pattern == "*");
            // The thread has the reply and waits for the engine, which ends the wait first.
            if at_deadline {
                local.advance_to(deadline);
            } else {
                assert!(local.engine.unblock(local.client, false));
            }
            let expected = if found { 0 } else { signed(end.0) };
            assert_eq!(next_received(&mut local), expected, "{pattern} {at_deadline}");
            local.engine.end_log_read(number, Box::default());
            assert!(local.received().is_empty(), "it has its reply");
        }
    }
}
