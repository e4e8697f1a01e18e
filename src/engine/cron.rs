//! Periodic work, driven by the server's timer.

use super::{Address, Message, Shared, expire, snapshot};
use crate::admin::Hold;
use crate::base::clock::{self, Monotonic, UnixMs};
use crate::session::Session;
use std::time::Duration;

/// How often [`tick`] wants to be called. Expiry is late by at most about this much on an idle
/// server.
pub const TICK: Duration = Duration::from_millis(10);

/// Ticks a second: `hz` times a second the slower jobs are done, statistics, save points and what
/// the log needs.
const TICKS_A_SECOND: u64 = 100;

/// Ticks between looks for connections that are idle or do not read: a second, the unit of their
/// settings.
const IDLE_EVERY: u64 = 100;

/// Pages moved out of sparse segments in one hold of the lock: about 100 µs.
const PAGES_A_TIDY: usize = 32;

/// One tick, outside the lock; `n` counts the ticks.
pub fn tick(shared: &std::sync::Arc<Shared>, n: u64) {
    let (now, monotonic) = (clock::now(), clock::monotonic());
    expire::run(shared, now);
    let hz = shared.lock().admin.config.hz();
    if n.is_multiple_of((TICKS_A_SECOND / hz).max(1)) {
        // Asking the allocator takes long; not under the lock.
        let allocator = super::info::allocator();
        shared.hold(Hold::Cron, |engine| engine.slow_tick(now, monotonic, allocator));
        snapshot::save_if_due(shared, now, monotonic);
    }
    if n.is_multiple_of(IDLE_EVERY) {
        let log = shared.hold(Hold::Cron, |engine| {
            engine.close_idle(now);
            engine.limit_output();
            engine.journal.log().cloned()
        });
        if let Some(log) = log {
            log.drop_outsized();
        }
    }
    tidy(shared);
}

/// A little housekeeping each tick. How much there is follows from how sparse the page heap is.
fn tidy(shared: &Shared) {
    shared.hold(Hold::Evacuation, |engine| {
        engine.keyspace.tidy(&mut engine.tidy_cursor, PAGES_A_TIDY);
    });
}

impl super::Engine {
    fn slow_tick(&mut self, now: UnixMs, monotonic: Monotonic, allocator: [u64; 3]) {
        self.take_tails();
        if self.blocked.has_ready() {
            // Writes were refused when they became ready.
            self.on_timer(now);
        }
        let stats = &mut self.admin.stats;
        let counters = [stats.commands_processed, stats.net_input_bytes, stats.net_output_bytes];
        stats.rates.sample(counters, monotonic.0 / 1_000_000);
        self.sample_memory(allocator);
    }

    /// Follows the soft `client-output-buffer-limit`. The workers know what they have not got rid
    /// of.
    fn limit_output(&self) {
        if self.admin.config.client_output_buffer_limit().normal.soft_bytes == 0 {
            return;
        }
        for outbox in self.outboxes.read().iter() {
            outbox.send(Message::LimitOutput);
        }
    }

    /// Follows `timeout`.
    fn close_idle(&mut self, now: UnixMs) {
        let timeout = self.admin.config.timeout();
        if timeout == 0 {
            return;
        }
        let idle = self.admin.clients.iter().map(|(_, session)| session);
        for session in idle.filter(|session| session.idle_seconds(now) > timeout) {
            let Session { worker, token, id, .. } = *session;
            self.post(worker, Message::CloseIdle(Address { worker, token, id }));
        }
    }
}
