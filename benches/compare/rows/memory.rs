//! Resident bytes per key.
//!
//! What the server occupies after the keys have come and its memory has settled, less what it
//! occupied before. It is the same in every round, so there is one.

use crate::Result;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::subject::Subject;

const VALUES: [(&str, Value); 5] = [
    ("value int", Value::Int),
    ("value 8 B", Value::Bytes(8)),
    ("value 32 B", Value::Bytes(32)),
    ("value 100 B", Value::Bytes(100)),
    ("value 400 B", Value::Bytes(400)),
];

/// Per kind of value.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let keys = bench.options.keys;
    let mut figures = Vec::new();
    for (name, value) in VALUES {
        let mut figure = Figure::new(name, "bytes/key");
        for subject in bench.found(&Subject::SERVERS) {
            let server = bench.launch(subject).start()?;
            let before = server.settle()?;
            fill::keys(&server, keys, value)?;
            let bytes = server.settle()?.saturating_sub(before);
            figure.add(subject, bytes as f64 / keys as f64);
        }
        figures.push(figure);
    }
    Ok(figures)
}
