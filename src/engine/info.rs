//! What the engine says of itself: the facts that INFO shows.

use super::Engine;
use crate::base::clock;
use crate::log::Positions;

impl Engine {
    /// Brings the facts up to date, right before a command shows them.
    pub(super) fn refresh_facts(&mut self) {
        self.refresh_snapshot_facts();
        self.refresh_log_facts();
        self.refresh_client_facts();
        self.sample_memory(allocator());
        if let Err(error) = self.admin.facts.read_process() {
            tracing::warn!(%error, "cannot read the process' figures");
        }
    }

    fn refresh_snapshot_facts(&mut self) {
        let (facts, snapshots) = (&mut self.admin.facts, &self.snapshots);
        let now = clock::monotonic();
        facts.changes_since_save = snapshots.changes_since_save() + self.batch.changes();
        facts.saving = snapshots.save.is_some();
        let running = snapshots.save.as_ref();
        facts.saving_seconds = running.map(|save| now.since(save.begun).as_secs());
        facts.save_keys_done = running.map_or(0, |save| save.keys_done());
        facts.save_keys_total = running.map_or(0, |save| save.keys_total);
        facts.last_save = snapshots.last_save;
        facts.last_save_ok = snapshots.last_save_ok;
        facts.last_save_seconds = snapshots.last_save_time.map(|time| time.as_secs());
        facts.saves = snapshots.saves;
        facts.load_keys = snapshots.loaded_keys;
        facts.rewriting = snapshots.rewrite.is_some();
        facts.rewrite_scheduled = snapshots.rewrite_scheduled;
        let rewriting = snapshots.rewrite.as_ref();
        facts.rewriting_seconds = rewriting.map(|run| now.since(run.begun).as_secs());
        facts.last_rewrite_ok = snapshots.last_rewrite_ok;
        facts.last_rewrite_seconds = snapshots.last_rewrite_time.map(|time| time.as_secs());
        facts.rewrites = snapshots.rewrites;
        facts.rewrite_failures = snapshots.rewrite_failures;
    }

    fn refresh_client_facts(&mut self) {
        let blocked = self.blocked.counts();
        let postponed = self.admin.clients.iter().filter(|(_, session)| session.postponed).count();
        let facts = &mut self.admin.facts;
        facts.blocked_clients = blocked.calls + postponed;
        facts.blocked_with_timeout = blocked.with_deadline;
        facts.blocking_keys = blocked.keys;
        facts.blocking_keys_on_nokey = blocked.keys_on_nokey;
        facts.pause = self.pause.present().map(|(end, all)| (end.0 - self.now.0.min(end.0), all));
    }

    fn refresh_log_facts(&mut self) {
        let Positions { emitted, written, synced } = self.journal.positions();
        let facts = &mut self.admin.facts;
        facts.lsn_emitted = emitted.0 + self.batch.len() as u64;
        facts.lsn_written = written.0;
        facts.lsn_synced = synced.0;
        facts.log_enabled = self.admin.config.appendonly();
        facts.port = self.admin.config.port();
        facts.log_failure = self.journal.refusal();
        if let Some(log) = self.journal.log() {
            let info = log.info();
            facts.replication_id = log.ids().current;
            facts.lsn_first = info.window_start.0;
            facts.log_bytes = info.current_size;
            facts.log_base_bytes = info.base_size;
            facts.log_pending_bytes = info.pending_bytes;
            facts.log_delayed_syncs = info.delayed_fsyncs;
            facts.log_syncing = info.syncing;
            facts.log_segments = info.segments;
        }
    }

    /// Takes the allocator's figures, and keeps the peak.
    pub(super) fn sample_memory(&mut self, allocator: [u64; 3]) {
        self.admin.facts.allocator = allocator;
        self.admin.facts.sample_peak(&self.keyspace);
    }
}

/// jemalloc's allocated, active and resident bytes.
#[cfg(feature = "jemalloc")]
pub(super) fn allocator() -> [u64; 3] {
    use tikv_jemalloc_ctl::{epoch, stats};
    // Figures are those of the last epoch; without one they stay zero, which INFO understands.
    if epoch::advance().is_err() {
        return [0; 3];
    }
    let figure =
        |read: Result<usize, tikv_jemalloc_ctl::Error>| read.map_or(0, |bytes| bytes as u64);
    [
        figure(stats::allocated::read()),
        figure(stats::active::read()),
        figure(stats::resident::read()),
    ]
}

#[cfg(not(feature = "jemalloc"))]
pub(super) fn allocator() -> [u64; 3] {
    [0; 3]
}
