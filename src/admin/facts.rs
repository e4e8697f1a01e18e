//! What the engine reports about itself: filled in by the engine before INFO reads it.

/// Persistence, log and memory as INFO shows them. Times are unix seconds or seconds; sizes bytes.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Unix time, ms, of the start.
    pub started_at_ms: u64,
    /// `run_id`: 40 hexadecimal digits, new at each start.
    pub run_id: String,
    /// `master_replid`: the current replication id.
    pub replication_id: String,
    /// The port that is served.
    pub port: u16,
    /// The configuration file's full path; empty if there is none.
    pub config_file: String,
    /// The executable's full path.
    pub executable: String,
    /// Whether a data set is being loaded.
    pub loading: bool,
    /// Changes since the last successful save.
    pub changes_since_save: u64,
    /// Whether a background save runs.
    pub saving: bool,
    /// When the running save began (monotonic seconds ago), if one runs.
    pub saving_seconds: Option<u64>,
    /// Keys written by the running save.
    pub save_keys_done: u64,
    /// Keys it will write.
    pub save_keys_total: u64,
    /// Unix time of the last successful save.
    pub last_save: u64,
    /// Whether the last background save succeeded.
    pub last_save_ok: bool,
    /// How long it took, s; none before the first.
    pub last_save_seconds: Option<u64>,
    /// Saves that succeeded since the start.
    pub saves: u64,
    /// Keys loaded at the start, and keys dropped because they had expired.
    pub load_keys: u64,
    /// See `load_keys`.
    pub load_keys_expired: u64,
    /// Whether the log is on disk.
    pub log_enabled: bool,
    /// Whether a rewrite (a new base) runs or waits.
    pub rewriting: bool,
    /// Whether the last rewrite succeeded.
    pub last_rewrite_ok: bool,
    /// How long it took, s.
    pub last_rewrite_seconds: Option<u64>,
    /// Rewrites since the start.
    pub rewrites: u64,
    /// The failure that latched the log, if one did.
    pub log_failure: Option<String>,
    /// The log's positions.
    pub lsn_emitted: u64,
    /// See `lsn_emitted`.
    pub lsn_written: u64,
    /// See `lsn_emitted`.
    pub lsn_synced: u64,
    /// LSN of the oldest record still on disk.
    pub lsn_first: u64,
    /// Bytes of base and segments.
    pub log_bytes: u64,
    /// Bytes of the base.
    pub log_base_bytes: u64,
    /// Record bytes not yet written.
    pub log_pending_bytes: u64,
    /// Times a sync was late.
    pub log_delayed_syncs: u64,
    /// Resident set, bytes.
    pub rss_bytes: u64,
    /// Largest resident set seen, bytes.
    pub peak_bytes: u64,
    /// Bytes used right after the start, before data.
    pub startup_bytes: u64,
    /// Allocator: allocated, active, resident bytes; zeros with the system allocator.
    pub allocator: [u64; 3],
    /// The machine's memory, bytes.
    pub system_bytes: u64,
}
