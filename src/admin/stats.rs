//! Counters since the start, or since CONFIG RESETSTAT.

use super::histogram::Histogram;
use std::collections::BTreeMap;

/// What INFO stats, commandstats and errorstats show.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Connections accepted.
    pub connections_received: u64,
    /// Connections refused because of `maxclients`.
    pub connections_rejected: u64,
    /// Commands run.
    pub commands_processed: u64,
    /// Bytes received from clients.
    pub net_input_bytes: u64,
    /// Bytes sent to clients.
    pub net_output_bytes: u64,
    /// Keys removed because they had expired.
    pub expired_keys: u64,
    /// Fields of hashes removed, or overwritten, because they had expired.
    pub expired_fields: u64,
    /// CPU time of the active expiry cycle, ns.
    pub expire_cycle_ns: u64,
    /// Error replies.
    pub error_replies: u64,
    /// Error replies by code (`ERR`, `WRONGTYPE`), at most [`ERROR_CODES_MAX`] of them.
    pub errors: BTreeMap<String, u64>,
    /// Connections closed because they sent too much without its end
    /// (`client-query-buffer-limit`).
    pub query_limit_disconnections: u64,
    /// Connections closed because they do not read (`client-output-buffer-limit`).
    pub output_limit_disconnections: u64,
    /// Reads that ran on the read pool.
    pub slow_reads: u64,
    /// Rounds of commands.
    pub rounds: u64,
    /// Per command, by [`crate::command::table::Resolved::index`].
    pub commands: Vec<CommandStats>,
    /// Samples of the rates, sixteen at 100 ms.
    pub rates: Rates,
}

/// Codes kept apart in errorstats; a client must not grow it without bound (Redis' limit is the
/// same).
pub const ERROR_CODES_MAX: usize = 128;

/// One command's counters.
#[derive(Debug, Clone, Default)]
pub struct CommandStats {
    /// Times it ran.
    pub calls: u64,
    /// Times it was refused before it ran (arity, AUTH…).
    pub rejected: u64,
    /// Times it ran and answered an error.
    pub failed: u64,
    /// How long its calls took in all, ns.
    pub nanoseconds: u64,
    /// How long each took, if `latency-tracking` was on and it has run.
    pub times: Option<Histogram>,
}

impl CommandStats {
    /// Counts how long a call took, ns, and keeps it in the histogram if that is wanted.
    #[inline]
    pub fn took(&mut self, nanoseconds: u64, tracks: bool) {
        self.nanoseconds += nanoseconds;
        if tracks {
            self.times.get_or_insert_default().record(nanoseconds);
        }
    }
}

impl Stats {
    /// Counts an error reply by the code its text begins with.
    #[cold]
    pub fn error(&mut self, text: &str) {
        self.error_replies += 1;
        let code = text.split(' ').next().unwrap_or_default();
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_CODES_MAX {
            self.errors.insert(code.to_owned(), 1);
        }
    }

    /// Forgets everything but the rates.
    pub fn reset(&mut self) {
        let commands = vec![CommandStats::default(); self.commands.len()];
        *self = Stats { commands, rates: self.rates.clone(), ..Stats::default() };
    }
}

/// Rates per second: the mean of the last sixteen samples, as Redis computes `instantaneous_*`.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    samples: [[f64; 3]; 16],
    next: usize,
    last: [u64; 3],
    last_ms: u64,
}

impl Rates {
    /// Takes a sample: commands, bytes in, bytes out so far, at a monotonic time in ms.
    pub fn sample(&mut self, counters: [u64; 3], now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.last_ms);
        if self.last_ms != 0 && elapsed_ms > 0 {
            for (n, counter) in counters.iter().enumerate() {
                let grown = counter.saturating_sub(self.last[n]);
                self.samples[self.next][n] = grown as f64 * 1000.0 / elapsed_ms as f64;
            }
            self.next = (self.next + 1) % self.samples.len();
        }
        self.last = counters;
        self.last_ms = now_ms;
    }

    fn mean(&self, n: usize) -> f64 {
        self.samples.iter().map(|sample| sample[n]).sum::<f64>() / self.samples.len() as f64
    }

    /// Commands per second.
    pub fn commands(&self) -> u64 {
        self.mean(0) as u64
    }

    /// KiB received per second.
    pub fn input_kib(&self) -> f64 {
        self.mean(1) / 1024.0
    }

    /// KiB sent per second.
    pub fn output_kib(&self) -> f64 {
        self.mean(2) / 1024.0
    }
}
