//! How late expired keys are removed when nobody asks for them.
//!
//! The server's count of expired keys is polled each millisecond and compared with how many were
//! due by then: the n-th removal is late by the time between the n-th due instant and the first
//! look that saw n removals. So a look's own delay, about 1 ms, is in the figure.

use crate::Result;
use crate::bench::Bench;
use crate::client::Client;
use crate::figure::Figure;
use crate::fill::{self, Value};
use crate::server::Server;
use crate::subject::Subject;
use coolcache::resp::encode::write_request;
use std::io::Error;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const KEYS: u64 = 1_000_000;
/// Over how long they expire, ms.
const SPREAD_MS: u64 = 5_000;
/// From the call until the first expires, ms: the time to set them.
const LEAD_MS: u64 = 3_000;
/// How long after the last due instant is waited.
const WAIT: Duration = Duration::from_secs(60);

/// Median and largest lateness.
pub fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let keys = KEYS.min(bench.options.keys);
    let mut median = Figure::new("median lateness", "ms");
    let mut largest = Figure::new("largest lateness", "ms");
    let mut left = Figure::new("keys not removed a minute later", "keys");
    for _ in 0..bench.options.rounds {
        for subject in bench.found(&Subject::SERVERS) {
            let server = bench.launch(subject).start()?;
            fill::keys(&server, keys - keys / 10, Value::Bytes(32))?;
            let due = set_expiring(&server, keys / 10)?;
            let mut late = lateness_ms(&mut server.client()?, &due)?;
            left.add(subject, (due.len() - late.len()) as f64);
            late.sort_unstable();
            if let (Some(&most), Some(&middle)) = (late.last(), late.get(late.len() / 2)) {
                median.add(subject, middle as f64);
                largest.add(subject, most as f64);
            }
        }
    }
    Ok(vec![median, largest, left])
}

/// Sets so many keys that expire, and returns when, ms of Unix time, in order.
fn set_expiring(server: &Server, count: u64) -> Result<Vec<u64>> {
    let first = unix_ms()? + LEAD_MS;
    let mut rng = fastrand::Rng::with_seed(2);
    let due: Vec<u64> = (0..count).map(|_| first + rng.u64(..SPREAD_MS)).collect();
    fill::requests(server, count, &|n, out| {
        let at = due.get(n as usize).copied().unwrap_or(first).to_string();
        let key = format!("expiring:{n}");
        write_request(out, &[b"SET", key.as_bytes(), b"value", b"PXAT", at.as_bytes()]);
    })?;
    if unix_ms()? >= first {
        return Err(Error::other("setting the keys took longer than until the first expires"));
    }
    let mut due = due;
    due.sort_unstable();
    Ok(due)
}

/// How late each removal was seen, ms, in the order of removals.
fn lateness_ms(client: &mut Client, due: &[u64]) -> Result<Vec<u64>> {
    let mut late = Vec::with_capacity(due.len());
    let begun = Instant::now();
    let wait = WAIT + Duration::from_millis(LEAD_MS + SPREAD_MS);
    while late.len() < due.len() && begun.elapsed() < wait {
        let removed = client.info_number("stats", "expired_keys")? as usize;
        let now = unix_ms()?;
        while late.len() < removed.min(due.len()) {
            late.push(now.saturating_sub(due[late.len()]));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(late)
}

fn unix_ms() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(Error::other)?;
    Ok(since.as_millis() as u64)
}
