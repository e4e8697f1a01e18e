//! Periodic work, driven by the server's timer.

use super::{Address, Message, Shared, expire, snapshot};
use crate::admin::Cause;
use crate::base::clock::{self, Monotonic, UnixMs};
use std::time::Duration;

/// How often [`tick`] wants to be called. Expiry is late by at most about this much on an idle server.
pub const TICK: Duration = Duration::from_millis(10);

/// Ticks between the slower jobs: statistics, save points, housekeeping (100 ms, as Redis' default `hz` of 10).
const SLOW_EVERY: u64 = 10;

/// Pages moved out of sparse segments in one hold of the lock: about 100 µs.
const PAGES_A_TIDY: usize = 64;

/// One tick, outside the lock; `n` counts the ticks.
pub fn tick(shared: &std::sync::Arc<Shared>, n: u64) {
    let (now, monotonic) = (clock::now(), clock::monotonic());
    expire::run(shared, now);
    if n.is_multiple_of(SLOW_EVERY) {
        // Asking the allocator takes long; not under the lock.
        let allocator = super::info::allocator();
        shared.hold(Cause::Cron, |engine| engine.slow_tick(monotonic, allocator));
        snapshot::save_if_due(shared, now, monotonic);
    }
    tidy(shared);
}

/// A little housekeeping each tick. How much there is follows from how sparse the page heap is.
fn tidy(shared: &Shared) {
    shared.hold(Cause::Evacuation, |engine| {
        engine.keyspace.tidy(&mut engine.tidy_cursor, PAGES_A_TIDY);
    });
}

impl super::Engine {
    fn slow_tick(&mut self, monotonic: Monotonic, allocator: [u64; 3]) {
        let stats = &mut self.admin.stats;
        let counters = [stats.commands_processed, stats.net_input_bytes, stats.net_output_bytes];
        stats.rates.sample(counters, monotonic.0 / 1_000_000);
        self.sample_memory(allocator);
        self.close_idle(clock::now());
    }

    /// `timeout`: closes connections that have sent nothing for so many seconds.
    fn close_idle(&mut self, now: UnixMs) {
        let timeout_ms = self.admin.config.timeout() * 1000;
        if timeout_ms == 0 {
            return;
        }
        for (_, session) in self.admin.clients.iter() {
            if now.since_ms(session.last_seen) > timeout_ms {
                let to =
                    Address { worker: session.worker, token: session.token, id: session.id };
                if let Some(outbox) = self.outbox(to.worker) {
                    outbox.send(Message::Close(to));
                }
            }
        }
    }
}
