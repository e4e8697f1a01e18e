//! The settings as the rest of the server reads them: one method a parameter.

use super::{BufferLimits, Config, Fsync, Guard, LogLevel, SavePoint};
use crate::base::limits::STRING_BYTES_MAX;
use crate::rdb::Format;
use crate::types::Limits;
use std::path::{Path, PathBuf};

impl Config {
    /// The TCP port; 0: any that is free.
    pub fn port(&self) -> u16 {
        self.values.port as u16
    }

    /// Addresses to listen at; one with a `-` in front may be missing.
    pub fn bind(&self) -> &[String] {
        &self.values.bind
    }

    /// Whether strangers from other machines are refused while there is no password.
    pub fn protected_mode(&self) -> bool {
        self.values.protected_mode
    }

    /// Connections the kernel may hold before they are accepted.
    pub fn tcp_backlog(&self) -> u32 {
        self.values.tcp_backlog as u32
    }

    /// Seconds of silence before the kernel probes a peer; 0: never.
    pub fn tcp_keepalive(&self) -> u32 {
        self.values.tcp_keepalive as u32
    }

    /// Seconds after which an idle client is disconnected; 0: never.
    pub fn timeout(&self) -> u64 {
        self.values.timeout
    }

    /// Clients at once.
    pub fn maxclients(&self) -> usize {
        self.values.maxclients as usize
    }

    /// The password of the default user; empty if there is none.
    pub fn requirepass(&self) -> &str {
        &self.values.requirepass
    }

    /// Databases.
    pub fn databases(&self) -> usize {
        self.values.databases as usize
    }

    /// I/O workers.
    pub fn io_threads(&self) -> usize {
        self.values.io_threads as usize
    }

    /// Rounds of periodic work a second.
    pub fn hz(&self) -> u64 {
        self.values.hz
    }

    /// The folder of all files, a full path.
    pub fn dir(&self) -> &Path {
        Path::new(&self.values.dir)
    }

    /// The RDB file's name.
    pub fn dbfilename(&self) -> &str {
        &self.values.dbfilename
    }

    /// The RDB file's full path.
    pub fn rdb_path(&self) -> PathBuf {
        self.dir().join(&self.values.dbfilename)
    }

    /// When to save by itself; empty: never.
    pub fn save_points(&self) -> &[SavePoint] {
        &self.values.save
    }

    /// Whether strings in RDB files are compressed.
    pub fn rdbcompression(&self) -> bool {
        self.values.rdbcompression
    }

    /// The version in which RDB files are written; none: the first that can hold the data.
    pub fn rdb_format(&self) -> Option<Format> {
        [None, Some(Format::V10), Some(Format::V12), Some(Format::V14), Some(Format::Valkey80)]
            [self.values.rdb_format]
    }

    /// Whether RDB files end in a checksum.
    pub fn rdbchecksum(&self) -> bool {
        self.values.rdbchecksum
    }

    /// Whether writes are refused after a background save failed.
    pub fn stop_writes_on_bgsave_error(&self) -> bool {
        self.values.stop_writes_on_bgsave_error
    }

    /// Whether the log is kept on disk.
    pub fn appendonly(&self) -> bool {
        self.values.appendonly
    }

    /// When the log is flushed to the disk.
    pub fn appendfsync(&self) -> Fsync {
        [Fsync::EverySec, Fsync::Always, Fsync::No][self.values.appendfsync]
    }

    /// The stem of the log's file names.
    pub fn appendfilename(&self) -> &str {
        &self.values.appendfilename
    }

    /// The log's folder inside `dir`.
    pub fn appenddirname(&self) -> &str {
        &self.values.appenddirname
    }

    /// The log's folder, a full path.
    pub fn log_dir(&self) -> PathBuf {
        self.dir().join(&self.values.appenddirname)
    }

    /// Whether a log that was cut off in its last record is loaded up to there.
    pub fn aof_load_truncated(&self) -> bool {
        self.values.aof_load_truncated
    }

    /// Whether the log is not flushed while a base is written.
    pub fn no_appendfsync_on_rewrite(&self) -> bool {
        self.values.no_appendfsync_on_rewrite
    }

    /// Growth of the log over its base, percent, at which a new base is written; 0: never by
    /// itself.
    pub fn auto_aof_rewrite_percentage(&self) -> u64 {
        self.values.auto_aof_rewrite_percentage
    }

    /// Bytes below which no new base is written by itself.
    pub fn auto_aof_rewrite_min_size(&self) -> u64 {
        self.values.auto_aof_rewrite_min_size
    }

    /// Bytes of log kept that are older than the base.
    pub fn log_retention_bytes(&self) -> u64 {
        self.values.log_retention_bytes
    }

    /// Seconds for which log older than the base is kept; 0: by bytes only.
    pub fn log_retention_seconds(&self) -> u64 {
        self.values.log_retention_seconds
    }

    /// Bytes of the newest log that may wait in memory.
    pub fn log_tail_bytes(&self) -> u64 {
        self.values.log_tail_bytes
    }

    /// Bytes at which a segment is closed and the next one begins.
    pub fn log_segment_bytes(&self) -> u64 {
        self.values.log_segment_bytes
    }

    /// Longest argument, bytes.
    pub fn proto_max_bulk_len(&self) -> u64 {
        self.values.proto_max_bulk_len
    }

    /// Most bytes one client may have sent that are not executed yet.
    pub fn client_query_buffer_limit(&self) -> u64 {
        self.values.client_query_buffer_limit
    }

    /// How much a client may leave unread.
    pub fn client_output_buffer_limit(&self) -> &BufferLimits {
        &self.values.client_output_buffer_limit
    }

    /// Elements or bytes above which a read runs on the read pool.
    pub fn slow_read_elements(&self) -> u64 {
        self.values.slow_read_elements
    }

    /// When small collections become large ones.
    pub fn limits(&self) -> Limits {
        let values = &self.values;
        Limits {
            hash_entries: values.hash_max_entries as usize,
            hash_value: values.hash_max_value as usize,
            set_intset: values.set_max_intset as usize,
            set_entries: values.set_max_entries as usize,
            set_value: values.set_max_value as usize,
            zset_entries: values.zset_max_entries as usize,
            zset_value: values.zset_max_value as usize,
            list_size: values.list_max_size as i32,
            stream_node_bytes: values.stream_node_bytes as usize,
            stream_node_entries: values.stream_node_entries as usize,
            hll_sparse_bytes: values.hll_sparse_max_bytes as usize,
            string_bytes: values.proto_max_bulk_len.min(STRING_BYTES_MAX),
        }
    }

    /// Who may use DEBUG.
    pub fn enable_debug_command(&self) -> Guard {
        GUARDS[self.values.enable_debug_command]
    }

    /// Who may set the protected parameters.
    pub fn enable_protected_configs(&self) -> Guard {
        GUARDS[self.values.enable_protected_configs]
    }

    /// What the latency monitor keeps, ms; 0: nothing.
    pub fn latency_monitor_threshold(&self) -> u64 {
        self.values.latency_monitor_threshold
    }

    /// Whether each command's times are kept.
    pub fn latency_tracking(&self) -> bool {
        self.values.latency_tracking
    }

    /// Which percentiles INFO shows of them, in percent.
    pub fn latency_percentiles(&self) -> Vec<f64> {
        // `check` has seen that they are numbers.
        self.values.latency_percentiles.iter().filter_map(|word| word.parse().ok()).collect()
    }

    /// What is logged.
    pub fn loglevel(&self) -> LogLevel {
        use LogLevel::{Debug, Nothing, Notice, Verbose, Warning};
        [Debug, Verbose, Notice, Warning, Nothing][self.values.loglevel]
    }

    /// The file that is logged to; empty: standard output.
    pub fn logfile(&self) -> &str {
        &self.values.logfile
    }
}

/// In the order of [`table::GUARD`].
const GUARDS: [Guard; 3] = [Guard::No, Guard::Yes, Guard::Local];
