//! CPU per request of the types' commands, on values of a million elements.
//!
//! As `cpu.rs`: server and generator share one core, and what a server adds to the echo floor is
//! what counts. Each command has its own key, filled before, so that none works on an empty value.

use super::cpu;
use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill;
use crate::generator::Load;
use crate::server::Server;
use crate::subject::Subject;
use coolcache::resp::encode::write_request;
use std::io::Error;

/// Elements of each value.
const ELEMENTS: u64 = 1_000_000;

/// The commands, by the name of their figure.
const COMMANDS: [(&str, &str); 12] = [
    ("LPUSH", "LPUSH list element:__rand_int__"),
    ("RPOP", "RPOP long"),
    ("LRANGE 100", "LRANGE list 0 99"),
    ("HSET", "HSET hash element:__rand_int__ value:__rand_int__"),
    ("HGET", "HGET hash element:__rand_int__"),
    ("SADD", "SADD set element:__rand_int__"),
    ("SISMEMBER", "SISMEMBER set element:__rand_int__"),
    ("ZADD", "ZADD zset __rand_int__ element:__rand_int__"),
    ("ZRANGE 100", "ZRANGE zset 1000 1099"),
    ("ZRANK", "ZRANK zset element:__rand_int__"),
    ("XADD", "XADD stream * field value:__rand_int__"),
    ("XRANGE 100", "XRANGE stream - + COUNT 100"),
];

/// Each command.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let elements = ELEMENTS.min(bench.options.keys);
    let subjects = [Subject::CoolCache, Subject::Valkey, Subject::Redis, Subject::Floor];
    let mut servers = Vec::new();
    for subject in bench.found(&subjects) {
        let server = bench.launch(subject).pinned().start()?;
        if subject != Subject::Floor {
            fill_types(&server, elements)?;
            server.settle()?;
        }
        server.pause()?;
        servers.push(server);
    }
    let mut figures = Vec::new();
    for (name, test) in COMMANDS {
        let load = Load {
            test,
            connections: 50,
            pipeline: 16,
            keys: elements,
            value_bytes: 16,
            pinned: true,
            threads: 1,
        };
        let mut figure = Figure::new(format!("{name}, CPU"), "µs");
        cpu::rounds(bench, &servers, &load, |server, sample| {
            figure.add(server.subject, sample.cpu_us);
        })?;
        figures.extend([figure.less(Subject::Floor, format!("{name}, added CPU")), figure]);
    }
    for server in servers.iter().filter(|server| server.subject != Subject::Floor) {
        server.resume()?;
        if server.client()?.call(&["LLEN", "long"])? == "0" {
            return Err(Error::other("RPOP has emptied its list: make it longer"));
        }
    }
    Ok(figures)
}

/// `element:` and twelve digits, as redis-benchmark writes a random number.
fn element(n: u64) -> String {
    format!("element:{n:012}")
}

fn fill_types(server: &Server, elements: u64) -> Result<()> {
    // Shuffled by a step that has no factor in common with any power of ten.
    let mixed = |n: u64| (n * 700_001) % elements;
    fill::unread(server, elements, &|n, out| {
        let (n, score) = (mixed(n), n.to_string());
        let element = element(n);
        let (element, score) = (element.as_bytes(), score.as_bytes());
        write_request(out, &[b"LPUSH", b"list", element]);
        write_request(out, &[b"HSET", b"hash", element, b"value:000000000001"]);
        write_request(out, &[b"SADD", b"set", element]);
        write_request(out, &[b"ZADD", b"zset", score, element]);
        write_request(out, &[b"XADD", b"stream", b"*", b"field", b"value:000000000001"]);
    })?;
    // Long enough for every RPOP of all rounds.
    fill::unread(server, elements, &|_, out| {
        let words: [&[u8]; 22] = std::array::from_fn(|at| match at {
            0 => b"LPUSH".as_slice(),
            1 => b"long",
            _ => b"element:000000000001",
        });
        write_request(out, &words);
    })?;
    let mut client = server.client()?;
    for (command, key) in [
        ("LLEN", "list"),
        ("HLEN", "hash"),
        ("SCARD", "set"),
        ("ZCARD", "zset"),
        ("XLEN", "stream"),
    ] {
        let found = client.call(&[command, key])?;
        if found != elements.to_string() {
            return Err(Error::other(format!("{key} has {found} elements, not {elements}")));
        }
    }
    Ok(())
}
