//! Waits, on an engine without threads: with two commands of the tests' own, and with transcripts.

use crate::admin::Config;
use crate::base::clock::UnixMs;
use crate::command::table::{self, Found, Resolved};
use crate::command::{Access, Flag};
use crate::command::{Call, Command, DEFAULT, Error, Handler, Keys, Result, Served, Wait};
use crate::engine::check::{BEGINNING, Local};
use crate::engine::round::{Outcome, ParkedFor, Pipeline, Replies, Request, Round};
use crate::keyspace::record::{Cause, Delete, Rename};
use crate::keyspace::{Tx, Type, View};
use crate::resp::{Mark, Reply};
use std::cell::Cell;
use std::sync::LazyLock;

const WRITE: Command = Command { flags: &[Flag::DenyOom], since: "0.0.0", ..DEFAULT };

fn leaked(entry: Command) -> Resolved {
    table::resolve(Box::leak(Box::new(entry)), None, &mut 0)
}

/// TAKE key [key ...] timeout-ms: GETDEL of the first key that is there.
static TAKE: LazyLock<Resolved> = LazyLock::new(|| {
    let keys: &[Keys] = &[Keys::Range(1, -2, 1, Access::ReadDelete)];
    leaked(Command {
        name: "take",
        arity: Some(-3),
        keys,
        handler: Handler::Blocking(take),
        ..WRITE
    })
});

/// SHIFT from to: RENAME when there is something.
static SHIFT: LazyLock<Resolved> = LazyLock::new(|| {
    let keys: &[Keys] = &[Keys::One(1, Access::ReadDelete), Keys::One(2, Access::Overwrite)];
    leaked(Command {
        name: "shift",
        arity: Some(3),
        keys,
        handler: Handler::Blocking(shift),
        ..WRITE
    })
});

/// PEEK key: its value as soon as it is not the one it was, and an error when it is gone.
static PEEK: LazyLock<Resolved> = LazyLock::new(|| {
    let keys: &[Keys] = &[Keys::One(1, Access::Read)];
    let handler = Handler::BlockingRead(peek);
    leaked(Command { name: "peek", arity: Some(-2), keys, handler, ..DEFAULT })
});

thread_local! {
    /// How often TAKE has run.
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

fn take<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Served<'a>> {
    RUNS.set(RUNS.get() + 1);
    let last = call.len() - 1;
    for at in 1..last {
        let key = call.key(at);
        if let Some(value) = tx.string(key)?.map(|value| value.to_bytes()) {
            tx.emit(Delete { key, cause: Cause::Command });
            return Ok(Served::Now(Reply::Array(vec![
                Reply::Bulk(call.arg(at)),
                Reply::Owned(value),
            ])));
        }
    }
    let timeout = call.int(last)? as u64;
    let deadline = (timeout > 0).then(|| tx.now().plus_ms(timeout));
    let wait = Wait::for_one_of(1..last, Type::String, deadline);
    Ok(Served::Wait(Wait { null: Reply::Null, ..wait }))
}

fn shift<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Served<'a>> {
    let (from, to) = (call.key(1), call.key(2));
    if tx.exists(from) {
        tx.emit(Rename { from, to });
        return Ok(Served::Now(Reply::Ok));
    }
    Ok(Served::Wait(Wait::for_one_of(1..2, Type::String, None)))
}

fn peek<'a>(view: View<'a>, call: &Call<'a>) -> Result<Served<'a>> {
    let key = call.key(1);
    let Some(value) = view.string(key)?.map(|value| value.to_bytes()) else {
        return Err(Error::text("GONE no such key"));
    };
    match call.get(2) {
        Some(seen) if seen != value => Ok(Served::Now(Reply::Owned(value))),
        _ => {
            let again = Some(vec![b"PEEK".to_vec(), call.arg(1).to_vec(), value]);
            let wait = Wait::for_one_of(1..2, Type::String, None);
            Ok(Served::Wait(Wait { again, awaits: None, ..wait }))
        }
    }
}

/// An engine whose connections send lines; a line may name one of the commands above.
struct Bench(Local);

impl Bench {
    fn new() -> Self {
        Bench(Local::new(Config::default()))
    }

    /// What connection `number` gets at once for one line, or for several in one round; a round
    /// that has taken too long is followed by another one, as at a worker.
    fn send(&mut self, number: usize, lines: &[&str]) -> String {
        let (mut reply, outcome) = self.round(number, lines);
        let ran = outcome.ran as usize;
        if ran < lines.len() && !outcome.waiting && outcome.parked.is_none() {
            let rest = self.send(number, &lines[ran..]);
            reply.push(' ');
            reply.push_str(&rest);
        }
        reply
    }

    fn round(&mut self, number: usize, lines: &[&str]) -> (String, Outcome) {
        self.0.switch(number);
        let mut round = Round::default();
        let words: Vec<Vec<&[u8]>> =
            lines.iter().map(|line| line.split(' ').map(str::as_bytes).collect()).collect();
        for words in &words {
            let first = round.arguments.len();
            round.arguments.extend_from_slice(words);
            round.push(first);
            let own = match words[0] {
                b"TAKE" => &TAKE,
                b"SHIFT" => &SHIFT,
                b"PEEK" => &PEEK,
                _ => continue,
            };
            let last = round.requests.pop().unwrap();
            round.requests.push(Request { found: Found::Command(own), hash: 0, ..last });
        }
        // A hash of 0 is only right for a command without a first key: they are looked up anew.
        for request in &mut round.requests {
            if let Found::Command(command) = request.found
                && command.first_key != 0
            {
                let key = round.arguments[request.first as usize + command.first_key];
                request.hash = crate::paged::hash(key);
            }
        }
        let (client, count) = (self.0.client, lines.len() as u32);
        round.pipelines.push(Pipeline { client, count, ..Pipeline::default() });
        let mut replies = Replies::default();
        self.0.engine.execute(&round, self.0.now, &mut replies);
        let out = &replies.out;
        let bytes: Vec<u8> = out.slices(Mark::default(), out.mark()).flatten().copied().collect();
        let text = String::from_utf8(bytes).unwrap().replace("\r\n", " ");
        (text.trim_end().to_owned(), replies.outcomes[0])
    }

    /// What connections have received since, as `number:reply`.
    fn received(&mut self) -> Vec<String> {
        let received = self.0.received().into_iter();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace("\r\n", " ");
        received.map(|(n, bytes)| format!("{n}: {}", text(bytes).trim_end())).collect()
    }

    fn at(&mut self, ms: u64) {
        self.0.advance_to(UnixMs(BEGINNING.0 + ms));
    }

    fn counts(&self) -> [usize; 4] {
        let counts = self.0.engine.blocked.counts();
        [counts.calls, counts.with_deadline, counts.keys, counts.keys_on_nokey]
    }
}

const A1: &str = "*2 $1 a $1 1";

#[test]
fn first_come_first_served() {
    let mut bench = Bench::new();
    for client in 2..=4 {
        assert_eq!(bench.send(client, &["TAKE a 0"]), "");
    }
    assert_eq!(bench.counts(), [3, 0, 1, 0]);
    assert_eq!(bench.send(1, &["SET a 1"]), "+OK");
    assert_eq!(bench.received(), [format!("2: {A1}")]);
    // Served between two requests of one round.
    assert_eq!(bench.send(1, &["SET a 1", "GET a", "SET a 1", "GET a", "SET a 1", "GET a"]), {
        "+OK $-1 +OK $-1 +OK $1 1"
    });
    assert_eq!(bench.received(), [format!("3: {A1}"), format!("4: {A1}")]);
    assert_eq!(bench.counts(), [0; 4]);
    assert_eq!(bench.send(2, &["TAKE b a 0", "PING"]), format!("{A1} +PONG"));
}

#[test]
fn a_call_on_several_keys_is_served_by_the_first_that_is_ready() {
    let mut bench = Bench::new();
    bench.send(2, &["TAKE a b c 0"]);
    bench.send(3, &["TAKE c b 0"]);
    assert_eq!(bench.counts(), [2, 0, 3, 0]);
    // Both keys become ready in one command; the first call takes by its own order.
    bench.send(1, &["MSET c 1 b 2"]);
    assert_eq!(bench.received(), ["2: *2 $1 b $1 2", "3: *2 $1 c $1 1"]);
    assert_eq!(bench.counts(), [0; 4]);
}

#[test]
fn only_what_is_waited_for_runs_calls_again() {
    let mut bench = Bench::new();
    bench.send(2, &["TAKE a b 0"]);
    bench.send(3, &["TAKE b a 0"]);
    let first = RUNS.get();
    bench.send(1, &["SADD a 1", "SADD a 2", "RPUSH b 1", "DEL b", "ZADD b 1 1", "FLUSHALL"]);
    bench.send(1, &["SADD a 1"]);
    assert_eq!(RUNS.get(), first);
    // Its first key has another type: that is its end, and the next one's luck.
    bench.send(1, &["SET b 1"]);
    assert_eq!(RUNS.get(), first + 2);
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(bench.received(), [format!("2: {wrong}"), "3: *2 $1 b $1 1".to_owned()]);
    assert_eq!(bench.counts(), [0; 4]);
}

#[test]
fn what_is_served_makes_other_keys_ready() {
    let mut bench = Bench::new();
    bench.send(2, &["SHIFT b c"]);
    bench.send(3, &["TAKE c 0"]);
    bench.send(4, &["SHIFT a b"]);
    let before = bench.0.records().len();
    assert_eq!(bench.send(1, &["SET a 1"]), "+OK");
    assert_eq!(bench.received(), ["4: +OK", "2: +OK", "3: *2 $1 c $1 1"]);
    let records = String::from_utf8_lossy(&bench.0.records()[before..]).into_owned();
    let order = ["SET", "RENAME", "RENAME", "DEL"].map(|name| format!("\r\n{name}\r\n"));
    let mut rest = records.as_str();
    for name in &order {
        rest = rest.split_once(name.as_str()).expect(&records).1;
    }
    // A ring ends, since every round serves somebody.
    bench.send(2, &["SHIFT a b"]);
    bench.send(3, &["SHIFT b a"]);
    bench.send(1, &["SET a 1"]);
    assert_eq!(bench.received(), ["2: +OK", "3: +OK"]);
}

#[test]
fn waits_end_at_their_deadlines() {
    let mut bench = Bench::new();
    bench.send(2, &["TAKE a 100"]);
    bench.send(3, &["TAKE a 50"]);
    bench.send(4, &["TAKE a 50"]);
    assert_eq!(bench.counts(), [3, 3, 1, 0]);
    assert_eq!(bench.0.engine.on_timer(bench.0.now), Some(UnixMs(BEGINNING.0 + 50)));
    bench.at(49);
    assert!(bench.received().is_empty());
    bench.at(50);
    assert_eq!(bench.received(), ["3: $-1", "4: $-1"]);
    // A round sees to what is due before it runs anything.
    bench.0.now = UnixMs(BEGINNING.0 + 100);
    assert_eq!(bench.send(1, &["SET a 1", "GET a"]), "+OK $1 1");
    assert_eq!(bench.received(), ["2: $-1"]);
    assert_eq!(bench.0.engine.on_timer(bench.0.now), None);
    assert_eq!(bench.counts(), [0; 4]);
}

#[test]
fn errors_of_later_runs_end_some_waits() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(2, &["PEEK a"]), "-GONE no such key");
    bench.send(1, &["SET a 1"]);
    bench.send(2, &["PEEK a"]);
    bench.send(3, &["PEEK a 1"]);
    bench.send(4, &["TAKE b 0"]);
    assert_eq!(bench.counts(), [3, 0, 2, 1]);
    // The same value: both go on waiting. Arguments were replaced by what the first run saw.
    bench.send(1, &["SET a 1"]);
    assert!(bench.received().is_empty());
    bench.send(1, &["SET a 2"]);
    assert_eq!(bench.received(), ["2: $1 2", "3: $1 2"]);
    bench.send(2, &["PEEK a 2"]);
    bench.send(3, &["PEEK a 2"]);
    bench.send(1, &["FLUSHALL"]);
    assert_eq!(bench.received(), ["2: -GONE no such key", "3: -GONE no such key"]);
    assert_eq!(bench.counts(), [1, 0, 1, 0]);
}

#[test]
fn whole_databases_and_expiry_touch_keys() {
    let mut bench = Bench::new();
    bench.send(2, &["TAKE a 0"]);
    bench.send(3, &["TAKE b 0"]);
    bench.send(1, &["SELECT 1", "SET b 1"]);
    assert!(bench.received().is_empty());
    bench.send(1, &["SWAPDB 0 1"]);
    assert_eq!(bench.received(), ["3: *2 $1 b $1 1"]);
    // An expired key is none: nobody is served from it, and its removal wakes who waits for that.
    bench.send(1, &["SELECT 0", "SET c 1 PX 10"]);
    bench.send(3, &["PEEK c"]);
    bench.at(20);
    while !bench.0.engine.expire_step(bench.0.now).done {}
    assert_eq!(bench.received(), ["3: -GONE no such key"]);
    assert_eq!(bench.send(1, &["MOVE a 1"]), ":0");
    assert_eq!(bench.counts(), [1, 0, 1, 0]);
}

#[test]
fn unblock_and_disconnect() {
    let mut bench = Bench::new();
    let calls = |bench: &Bench| bench.0.engine.admin.stats.commands[TAKE.index].calls;
    bench.send(2, &["TAKE a 0"]);
    bench.send(3, &["TAKE a 100"]);
    bench.send(4, &["TAKE a 0"]);
    assert!(bench.send(1, &["CLIENT LIST ID 2"]).contains("flags=b "));
    assert_eq!(calls(&bench), 0, "it counts when it ends");
    assert_eq!(bench.send(1, &["CLIENT UNBLOCK 1", "CLIENT UNBLOCK 9"]), ":0 :0");
    assert_eq!(bench.send(1, &["CLIENT UNBLOCK 2 error"]), ":1");
    assert_eq!(bench.send(1, &["CLIENT UNBLOCK 3 TIMEOUT"]), ":1");
    let unblocked = "2: -UNBLOCKED client unblocked via CLIENT UNBLOCK";
    assert_eq!(bench.received(), [unblocked, "3: $-1"]);
    assert_eq!(bench.send(1, &["CLIENT UNBLOCK 2"]), ":0");
    assert_eq!(calls(&bench), 2);
    bench.send(2, &["TAKE a 10"]);
    let fourth = bench.0.clients[3];
    bench.0.engine.disconnect(fourth);
    bench.send(1, &["SET a 1"]);
    assert_eq!(bench.received(), [format!("2: {A1}")]);
    // CLIENT KILL forgets the call at once, before the socket is closed.
    bench.send(2, &["TAKE a 0"]);
    assert_eq!(bench.send(1, &["CLIENT KILL ID 2", "SET a 1", "GET a"]), ":1 +OK $1 1");
    assert_eq!(bench.counts(), [0; 4]);
}

#[test]
fn silent_connections_wait_silently() {
    let mut bench = Bench::new();
    bench.send(2, &["CLIENT REPLY SKIP", "TAKE a 0"]);
    bench.send(1, &["SET a 1"]);
    // The worker drops it: it was told when the wait began.
    assert_eq!(bench.received().len(), 1);
    assert_eq!(bench.send(2, &["PING"]), "+PONG");
}

#[test]
fn nothing_is_served_while_writes_are_refused() {
    let mut bench = Bench::new();
    bench.send(2, &["TAKE a 0"]);
    bench.send(1, &["SET a 1", "SET b 1"]);
    bench.send(2, &["TAKE a 0"]);
    let _first = bench.received();
    bench.send(3, &["TAKE c 100"]);
    bench.send(1, &["CLIENT PAUSE 50 WRITE"]);
    // It makes the key ready: as if a write had come from elsewhere.
    bench.0.engine.blocked.touch(crate::keyspace::tx::TouchedKey::All);
    bench.at(40);
    assert!(bench.received().is_empty() && bench.0.engine.blocked.has_ready());
    bench.at(50);
    assert!(!bench.0.engine.blocked.has_ready());
    bench.at(100);
    assert_eq!(bench.received(), ["3: $-1"]);
}

#[test]
fn a_pause_stops_writes_or_everything() {
    let mut bench = Bench::new();
    let paused = |bench: &Bench| bench.0.engine.watch().goes_on(ParkedFor::Log);
    assert_eq!(bench.send(1, &["SET a 1 PX 10", "CLIENT PAUSE 100 WRITE"]), "+OK +OK");
    assert!(!paused(&bench));
    assert_eq!(bench.send(2, &["GET a", "SET a 2"]), "$1 1");
    assert!(bench.0.engine.admin.clients.session(bench.0.client).postponed);
    assert!(bench.send(1, &["INFO clients"]).contains("blocked_clients:1 "));
    // A refusal does not wait, and neither does a pause.
    assert!(bench.send(2, &["SET a"]).starts_with("-ERR wrong number"));
    // The data stands still.
    bench.at(20);
    let before = bench.0.records().len();
    assert_eq!(bench.send(1, &["GET a", "DBSIZE"]), "$-1 :1");
    assert!(bench.0.engine.expire_step(bench.0.now).done);
    assert_eq!(bench.0.records().len(), before);
    // The longer one and the stricter one win.
    assert_eq!(bench.send(1, &["CLIENT PAUSE 10 ALL", "PING"]), "+OK");
    assert_eq!(bench.0.engine.pause.present(), Some((UnixMs(BEGINNING.0 + 100), true)));
    bench.at(99);
    assert_eq!(bench.send(2, &["PING"]), "");
    bench.at(100);
    assert!(paused(&bench));
    assert_eq!(bench.send(2, &["PING", "SET a 3"]), "+PONG +OK");
    bench.send(1, &["CLIENT PAUSE 1000 ALL"]);
    assert_eq!(bench.send(2, &["CLIENT UNPAUSE", "PING"]), "+OK +PONG");
}

#[test]
fn deleted_entries_are_met_once_and_some_at_a_time() {
    let mut bench = Bench::new();
    let adds: Vec<String> = (1..=250).map(|n| format!("XADD s {n}-0 a 1")).collect();
    let adds: Vec<&str> = adds.iter().map(String::as_str).collect();
    bench.send(1, &adds);
    bench.send(1, &["XGROUP CREATE s g 0", "XREADGROUP GROUP g alice COUNT 249 STREAMS s >"]);
    bench.send(1, &["XTRIM s MAXLEN 1"]);
    let left = |bench: &mut Bench| {
        let pending = bench.send(1, &["XPENDING s g"]);
        pending.split(' ').nth(1).map(str::to_owned)
    };
    bench.at(10);
    assert!(
        bench.send(2, &["XREADGROUP GROUP g bob COUNT 1 CLAIM 5 STREAMS s >"]).contains("250-0")
    );
    assert_eq!(left(&mut bench).as_deref(), Some(":150"), "100 are gone, and one is new");
    // Who waits goes on with them as time does, and then waits for what there is.
    bench.send(2, &["XREADGROUP GROUP g bob COUNT 1 BLOCK 0 CLAIM 5 STREAMS s >"]);
    assert_eq!(left(&mut bench).as_deref(), Some(":50"));
    bench.at(11);
    assert_eq!(left(&mut bench).as_deref(), Some(":1"));
    assert_eq!(bench.0.engine.blocked.next_deadline(), Some(UnixMs(BEGINNING.0 + 15)));
    bench.at(15);
    assert_eq!(bench.received().len(), 1);
    assert_eq!(bench.counts(), [0; 4]);
}
