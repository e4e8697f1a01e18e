//! What a huge collection does to everybody else: deleted, replaced, expired, read whole, and
//! written while a snapshot holds it.

use crate::Result;
use crate::bench::Bench;
use crate::client::Client;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::probe::{Kind, Probe};
use crate::server::Server;
use crate::subject::Subject;
use coolcache::resp::encode::write_request;
use std::time::Duration;

/// Keys that the other client reads.
const PROBED: u64 = 100_000;

/// What is done to the collection.
type Event = fn(&Server, &mut Client) -> Result<()>;

const EVENTS: [(&str, Event); 5] = [
    ("DEL", |_, client| client.call(&["DEL", "zset"]).map(drop)),
    ("RENAME over", |_, client| client.call(&["RENAME", "small", "zset"]).map(drop)),
    ("expiry", |_, client| {
        client.call(&["PEXPIRE", "zset", "50"])?;
        std::thread::sleep(Duration::from_millis(400));
        Ok(())
    }),
    ("SMEMBERS", |_, client| client.call(&["SMEMBERS", "set"]).map(drop)),
    ("ZADD beside BGSAVE", |server, client| {
        client.call(&["BGSAVE"])?;
        let mut saving = server.client()?;
        for n in 0.. {
            client.call(&["ZADD", "zset", &n.to_string(), &element(n * 7_919)])?;
            if n % 1_000 == 0 && saving.info_number("persistence", "rdb_bgsave_in_progress")? == 0 {
                break;
            }
        }
        Ok(())
    }),
];

fn element(n: u64) -> String {
    format!("element:{n:012}")
}

/// Per event: the longest lock hold, and the worst GET beside it.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let elements = bench.options.keys;
    let mut figures = Vec::new();
    for (name, event) in EVENTS {
        let mut hold = Figure::new(format!("{name}, longest lock hold"), "ms");
        let mut stall = Figure::new(format!("{name}, worst GET"), "ms");
        for subject in bench.found(&[Subject::CoolCache, Subject::Valkey]) {
            let server = bench.launch(subject).start()?;
            fill::keys(&server, PROBED, Value::Bytes(32))?;
            let is_set = name == "SMEMBERS";
            fill::unread(&server, elements, &|n, out| {
                let (element, score) = (element(n), n.to_string());
                let element = element.as_bytes();
                if is_set {
                    write_request(out, &[b"SADD", b"set", element]);
                } else {
                    write_request(out, &[b"ZADD", b"zset", score.as_bytes(), element]);
                }
            })?;
            server.settle()?;
            let mut client = server.client()?;
            client.call(&["ZADD", "small", "1", "one"])?;
            client.call(&["CONFIG", "RESETSTAT"])?;
            let probe = Probe::start(&server, Kind::Get, PROBED)?;
            event(&server, &mut client)?;
            // What is freed elsewhere may still be under way.
            std::thread::sleep(Duration::from_millis(500));
            stall.add(subject, probe.finish()?);
            if subject.is_ours() {
                hold.add(subject, client.longest_hold_ms("")?);
            }
        }
        figures.extend([hold, stall]);
    }
    Ok(figures)
}
