//! Resident bytes per element of collections of three sizes: as `memory.rs`, there is one round.

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill;
use crate::subject::Subject;
use coolcache::resp::encode::write_request;

/// Collections, and elements of each: as they are named, and how many at full scale.
const SIZES: [(&str, u64, u64); 3] =
    [("20", 100_000, 20), ("1,000", 10_000, 1_000), ("1,000,000", 10, 1_000_000)];

/// A type, and how one element of one of its collections is added.
struct Kind {
    name: &'static str,
    add: fn(key: &[u8], element: &str, n: u64, out: &mut Vec<u8>),
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "hashes",
        add: |key, element, n, out| {
            let value = format!("value:{n:010}");
            write_request(out, &[b"HSET", key, element.as_bytes(), value.as_bytes()]);
        },
    },
    Kind {
        name: "sets",
        add: |key, element, _, out| write_request(out, &[b"SADD", key, element.as_bytes()]),
    },
    Kind {
        name: "sorted sets",
        add: |key, element, n, out| {
            let score = format!("{}.5", n.wrapping_mul(0x9E37_79B9) % 1_000_000_007);
            write_request(out, &[b"ZADD", key, score.as_bytes(), element.as_bytes()]);
        },
    },
    Kind {
        name: "lists",
        add: |key, element, _, out| write_request(out, &[b"RPUSH", key, element.as_bytes()]),
    },
];

/// Per type and size. `--keys` below ten million scales the number of collections down.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    /// Elements of the largest size at full scale.
    const FULL: u64 = 10_000_000;
    let mut figures = Vec::new();
    for Kind { name, add } in KINDS {
        for (size, collections, elements) in SIZES {
            let collections = (collections * bench.options.keys.min(FULL) / FULL).max(1);
            let elements = elements.min(bench.options.keys);
            let total = collections * elements;
            let mut figure = Figure::new(format!("{name} of {size}: bytes per element"), "bytes");
            for subject in bench.found(&[Subject::CoolCache, Subject::Valkey]) {
                let server = bench.launch(subject).start()?;
                let before = server.settle()?;
                // Round and round, as data comes: not one collection after the other.
                fill::unread(&server, total, &|n, out| {
                    let key = fill::key(n % collections);
                    add(key.as_bytes(), &format!("element:{:08}", n / collections), n, out);
                })?;
                let bytes = server.settle()?.saturating_sub(before);
                figure.add(subject, bytes as f64 / total as f64);
            }
            figures.push(figure);
        }
    }
    Ok(figures)
}
