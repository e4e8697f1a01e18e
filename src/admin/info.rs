//! INFO: the server's state as text, in sections of `field:value` lines.
//!
//! Names and order are Valkey 9.1's, so that tools find what they look for. A value is a
//! measurement or a constant that is true of us; a field for which there is neither is left out.
//! Ours are `coolcache_version`, the `log_` fields of `persistence`, and the section `locks`: the
//! histogram of lock holds by cause.

use super::{Admin, Hold};
use crate::base::clock::UnixMs;
use crate::base::number::human_bytes;
use crate::keyspace::{Db, Keyspace, value};
use std::fmt::Write;

/// What is looked at.
pub struct Source<'a> {
    /// Settings, counters, clients, lock times, and the engine's facts, which it has brought up to
    /// date.
    pub admin: &'a Admin,
    /// The data, for its size.
    pub keyspace: &'a Keyspace,
    /// The instant of the call.
    pub now: UnixMs,
    /// The full name of the command with a number ([`super::stats::Stats::commands`]).
    pub command_name: &'a dyn Fn(usize) -> &'static str,
}

type Writer = fn(&Source<'_>, &mut Lines);

/// One section: its title (its name in any case), whether INFO without arguments shows it, and who
/// writes it.
struct Section {
    title: &'static str,
    by_default: bool,
    write: Writer,
}

/// In the order in which they are shown. A section is asked for by its title in any case.
const SECTIONS: &[Section] = &[
    section("Server", server),
    section("Clients", clients),
    section("Memory", memory),
    section("Persistence", persistence),
    section("Stats", stats),
    section("Replication", replication),
    section("CPU", cpu),
    section("Modules", |_, _| {}),
    Section { title: "Commandstats", by_default: false, write: command_stats },
    section("Errorstats", error_stats),
    Section { title: "Latencystats", by_default: false, write: latency_stats },
    section("Locks", locks),
    section("Cluster", cluster),
    section("Keyspace", keyspace),
];

const fn section(title: &'static str, write: Writer) -> Section {
    Section { title, by_default: true, write }
}

/// The text of the sections that `wanted` names (none: the default ones), each once, in the table's
/// order. Names that do not exist name nothing, as in Redis.
pub fn text(source: &Source<'_>, wanted: &[&[u8]]) -> String {
    let is = |given: &[u8], name: &str| given.eq_ignore_ascii_case(name.as_bytes());
    let everything = wanted.iter().any(|given| is(given, "all") || is(given, "everything"));
    let default = wanted.is_empty() || wanted.iter().any(|given| is(given, "default"));
    let mut lines = Lines(String::new());
    for section in SECTIONS {
        let named = || wanted.iter().any(|given| is(given, section.title));
        if everything || (default && section.by_default) || named() {
            if !lines.0.is_empty() {
                lines.0.push_str("\r\n");
            }
            lines.text(format_args!("# {}", section.title));
            (section.write)(source, &mut lines);
        }
    }
    lines.0
}

/// The text being made.
struct Lines(String);

impl Lines {
    fn text(&mut self, line: std::fmt::Arguments<'_>) {
        self.0.write_fmt(line).expect("a String takes everything");
        self.0.push_str("\r\n");
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        self.text(format_args!("{name}:{value}"));
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.field(name, u8::from(value));
    }

    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.text(format_args!("{name}_human:{}", human_bytes(bytes)));
    }

    /// Seconds, or -1 if there are none.
    fn seconds(&mut self, name: &str, seconds: Option<u64>) {
        match seconds {
            Some(seconds) => self.field(name, seconds),
            None => self.field(name, -1),
        }
    }

    fn status(&mut self, name: &str, ok: bool) {
        self.field(name, if ok { "ok" } else { "err" });
    }
}

/// The Redis version whose behaviour clients may expect; they gate features on it.
pub const REDIS_VERSION: &str = "7.2.4";

fn server(source: &Source<'_>, lines: &mut Lines) {
    let (facts, config) = (&source.admin.facts, &source.admin.config);
    lines.field("redis_version", REDIS_VERSION);
    lines.field("server_name", "coolcache");
    lines.field("coolcache_version", env!("CARGO_PKG_VERSION"));
    lines.field("redis_mode", "standalone");
    lines.field("server_mode", "standalone");
    lines.field("os", &facts.os);
    lines.field("arch_bits", usize::BITS);
    lines.field("multiplexing_api", "epoll");
    lines.field("process_id", std::process::id());
    lines.field("run_id", &facts.run_id);
    lines.field("tcp_port", facts.port);
    lines.field("server_time_usec", u128::from(source.now.0) * 1000);
    let uptime_seconds = source.now.since_ms(UnixMs(facts.started_at_ms)) / 1000;
    lines.field("uptime_in_seconds", uptime_seconds);
    lines.field("uptime_in_days", uptime_seconds / 86_400);
    lines.field("hz", config.hz());
    lines.field("configured_hz", config.hz());
    lines.field("lru_clock", value::lru_clock(source.now.0));
    lines.field("executable", &facts.executable);
    let file = config.file().unwrap_or(std::path::Path::new(""));
    lines.field("config_file", file.display());
    lines.field("io_threads_active", u8::from(config.io_threads() > 1));
}

fn clients(source: &Source<'_>, lines: &mut Lines) {
    let clients = &source.admin.clients;
    lines.field("connected_clients", clients.len());
    lines.field("maxclients", source.admin.config.maxclients());
    let most = |bytes: fn(&crate::session::Session) -> usize| {
        clients.iter().map(|(_, session)| bytes(session)).max().unwrap_or(0)
    };
    lines.field("client_recent_max_input_buffer", most(|session| session.query_buffer_bytes));
    lines.field("client_recent_max_output_buffer", most(|session| session.output_bytes));
    let facts = &source.admin.facts;
    lines.field("blocked_clients", facts.blocked_clients);
    lines.field("clients_in_timeout_table", facts.blocked_with_timeout);
    lines.field("total_blocking_keys", facts.blocking_keys);
    lines.field("total_blocking_keys_on_nokey", facts.blocking_keys_on_nokey);
    let (reason, actions) = match facts.pause {
        None => ("none", "none"),
        Some((_, true)) => ("client_pause", "all"),
        Some((_, false)) => ("client_pause", "write"),
    };
    lines.field("paused_reason", reason);
    lines.field("paused_actions", actions);
    lines.field("paused_timeout_milliseconds", facts.pause.map_or(0, |(left_ms, _)| left_ms));
}

fn memory(source: &Source<'_>, lines: &mut Lines) {
    let facts = &source.admin.facts;
    let used = facts.used_bytes(source.keyspace);
    let peak = facts.peak_bytes.max(used);
    // Keys that share a value after COPY count it each.
    let dataset = (source.keyspace.live_bytes() as u64).min(used);
    let percent = |part: u64, whole: u64| part as f64 * 100.0 / whole.max(1) as f64;
    lines.bytes("used_memory", used);
    lines.bytes("used_memory_rss", facts.rss_bytes);
    lines.bytes("used_memory_peak", peak);
    lines.text(format_args!("used_memory_peak_perc:{:.2}%", percent(used, peak)));
    lines.field("used_memory_overhead", used.saturating_sub(dataset));
    // None was taken: the engine has not started in the ordinary way (tests, tools).
    if facts.startup_bytes > 0 {
        lines.field("used_memory_startup", facts.startup_bytes);
    }
    lines.field("used_memory_dataset", dataset);
    let net = used.saturating_sub(facts.startup_bytes);
    lines.text(format_args!("used_memory_dataset_perc:{:.2}%", percent(dataset, net).min(100.0)));
    let [allocated, active, resident] = facts.allocator;
    if allocated > 0 {
        lines.field("allocator_allocated", allocated);
        lines.field("allocator_active", active);
        lines.field("allocator_resident", resident);
    }
    let heap = source.keyspace.heap();
    lines.field("page_heap_used", heap.used_bytes());
    lines.field("page_heap_free", heap.free_bytes());
    lines.field("page_heap_committed", heap.committed_bytes());
    lines.bytes("total_system_memory", facts.system_bytes);
    lines.bytes("maxmemory", 0);
    lines.field("maxmemory_policy", "noeviction");
    if allocated > 0 {
        let ratio = |a: u64, b: u64| a as f64 / b.max(1) as f64;
        lines.text(format_args!("allocator_frag_ratio:{:.2}", ratio(active, allocated)));
        lines.field("allocator_frag_bytes", active.saturating_sub(allocated));
        lines.text(format_args!("allocator_rss_ratio:{:.2}", ratio(resident, active)));
        lines.field("allocator_rss_bytes", resident.saturating_sub(active));
    }
    let ratio = facts.rss_bytes as f64 / used.max(1) as f64;
    lines.text(format_args!("mem_fragmentation_ratio:{ratio:.2}"));
    lines.field("mem_fragmentation_bytes", facts.rss_bytes as i64 - used as i64);
    lines.field("mem_aof_buffer", facts.log_pending_bytes);
    let allocator = if cfg!(feature = "jemalloc") { "jemalloc" } else { "libc" };
    lines.field("mem_allocator", allocator);
    let reclaimer = source.keyspace.reclaimer();
    lines.field("lazyfree_pending_objects", reclaimer.pending_objects());
    lines.field("lazyfreed_objects", reclaimer.freed_objects());
}

fn persistence(source: &Source<'_>, lines: &mut Lines) {
    let facts = &source.admin.facts;
    lines.flag("loading", facts.loading);
    lines.flag("async_loading", false);
    let done = facts.save_keys_done as f64 * 100.0 / facts.save_keys_total.max(1) as f64;
    lines.text(format_args!("current_fork_perc:{:.2}", if facts.saving { done } else { 0.0 }));
    if facts.saving {
        lines.field("current_save_keys_processed", facts.save_keys_done);
        lines.field("current_save_keys_total", facts.save_keys_total);
    }
    lines.field("rdb_changes_since_last_save", facts.changes_since_save);
    lines.flag("rdb_bgsave_in_progress", facts.saving);
    lines.field("rdb_last_save_time", facts.last_save);
    lines.status("rdb_last_bgsave_status", facts.last_save_ok);
    lines.seconds("rdb_last_bgsave_time_sec", facts.last_save_seconds);
    lines.seconds("rdb_current_bgsave_time_sec", facts.saving_seconds);
    lines.field("rdb_saves", facts.saves);
    lines.field("rdb_last_load_keys_expired", facts.load_keys_expired);
    lines.field("rdb_last_load_keys_loaded", facts.load_keys);
    lines.flag("aof_enabled", facts.log_enabled);
    lines.flag("aof_rewrite_in_progress", facts.rewriting);
    lines.flag("aof_rewrite_scheduled", facts.rewrite_scheduled);
    lines.seconds("aof_last_rewrite_time_sec", facts.last_rewrite_seconds);
    lines.seconds("aof_current_rewrite_time_sec", facts.rewriting_seconds);
    lines.status("aof_last_bgrewrite_status", facts.last_rewrite_ok);
    lines.field("aof_rewrites", facts.rewrites);
    lines.field("aof_rewrites_consecutive_failures", facts.rewrite_failures);
    lines.status("aof_last_write_status", facts.log_failure.is_none());
    lines.flag("module_fork_in_progress", false);
    lines.field("module_fork_last_cow_size", 0);
    lines.flag("slot_migration_fork_in_progress", false);
    if facts.log_enabled {
        lines.field("aof_current_size", facts.log_bytes);
        lines.field("aof_base_size", facts.log_base_bytes);
        lines.flag("aof_pending_rewrite", facts.rewrite_scheduled);
        lines.field("aof_buffer_length", facts.log_pending_bytes);
        lines.flag("aof_pending_bio_fsync", facts.log_syncing);
        lines.field("aof_delayed_fsync", facts.log_delayed_syncs);
        lines.field("log_segments", facts.log_segments);
    }
    if let Some(failure) = &facts.log_failure {
        lines.field("log_failure", failure.replace(['\r', '\n'], " "));
    }
    lines.field("log_lsn_first", facts.lsn_first);
    lines.field("log_window_bytes", facts.lsn_emitted - facts.lsn_first.min(facts.lsn_emitted));
    lines.field("log_lsn_emitted", facts.lsn_emitted);
    lines.field("log_lsn_written", facts.lsn_written);
    lines.field("log_lsn_synced", facts.lsn_synced);
}

fn stats(source: &Source<'_>, lines: &mut Lines) {
    let stats = &source.admin.stats;
    lines.field("total_connections_received", stats.connections_received);
    lines.field("total_commands_processed", stats.commands_processed);
    lines.field("instantaneous_ops_per_sec", stats.rates.commands());
    lines.field("total_net_input_bytes", stats.net_input_bytes);
    lines.field("total_net_output_bytes", stats.net_output_bytes);
    lines.text(format_args!("instantaneous_input_kbps:{:.2}", stats.rates.input_kib()));
    lines.text(format_args!("instantaneous_output_kbps:{:.2}", stats.rates.output_kib()));
    lines.field("rejected_connections", stats.connections_rejected);
    lines.field("expired_keys", stats.expired_keys);
    lines.field("expired_fields", stats.expired_fields);
    lines.field("expire_cycle_cpu_milliseconds", stats.expire_cycle_ns / 1_000_000);
    let lookups = source.keyspace.lookups();
    lines.field("keyspace_hits", lookups.hits.get());
    lines.field("keyspace_misses", lookups.misses.get());
    lines.field("total_error_replies", stats.error_replies);
    let disconnections = [
        ("client_query_buffer_limit_disconnections", stats.query_limit_disconnections),
        ("client_output_buffer_limit_disconnections", stats.output_limit_disconnections),
    ];
    disconnections.iter().for_each(|(name, count)| lines.field(name, count));
    lines.field("slow_reads_processed", stats.slow_reads);
    lines.field("eventloop_cycles", stats.rounds);
}

fn replication(source: &Source<'_>, lines: &mut Lines) {
    let facts = &source.admin.facts;
    lines.field("role", "master");
    lines.field("connected_slaves", 0);
    lines.field("master_failover_state", "no-failover");
    lines.field("master_replid", &facts.replication_id);
    lines.field("master_repl_offset", facts.lsn_emitted);
}

fn cpu(source: &Source<'_>, lines: &mut Lines) {
    let [kernel, user] = source.admin.facts.cpu_seconds;
    lines.text(format_args!("used_cpu_sys:{kernel:.6}"));
    lines.text(format_args!("used_cpu_user:{user:.6}"));
}

fn command_stats(source: &Source<'_>, lines: &mut Lines) {
    for (index, command) in source.admin.stats.commands.iter().enumerate() {
        if command.calls + command.rejected + command.failed > 0 {
            lines.text(format_args!(
                "cmdstat_{}:calls={},usec={},usec_per_call={:.2},rejected_calls={},failed_calls={}",
                (source.command_name)(index),
                command.calls,
                command.nanoseconds / 1000,
                command.nanoseconds as f64 / 1000.0 / command.calls.max(1) as f64,
                command.rejected,
                command.failed
            ));
        }
    }
}

fn error_stats(source: &Source<'_>, lines: &mut Lines) {
    for (code, count) in &source.admin.stats.errors {
        lines.text(format_args!("errorstat_{code}:count={count}"));
    }
}

/// `latency-tracking-info-percentiles` of each command's times, µs.
fn latency_stats(source: &Source<'_>, lines: &mut Lines) {
    let percentiles = source.admin.config.latency_percentiles();
    for (index, command) in source.admin.stats.commands.iter().enumerate() {
        if let Some(times) = command.times.as_ref().filter(|_| !percentiles.is_empty()) {
            let figure = |percent: &f64| {
                format!("p{percent}={:.3}", times.percentile_ns(*percent) as f64 / 1000.0)
            };
            let figures: Vec<String> = percentiles.iter().map(figure).collect();
            let name = (source.command_name)(index);
            lines.field(&format!("latency_percentiles_usec_{name}"), figures.join(","));
        }
    }
}

/// Per cause: how many holds, an upper bound of their percentiles and the longest one, in µs of CPU
/// time.
fn locks(source: &Source<'_>, lines: &mut Lines) {
    for cause in Hold::ALL {
        let holds = source.admin.holds.of(cause);
        lines.text(format_args!(
            "lock_hold_{}:count={},p50={},p99={},p99.9={},longest={},total={}",
            cause.name(),
            holds.count(),
            holds.percentile_us(0.5),
            holds.percentile_us(0.99),
            holds.percentile_us(0.999),
            holds.longest_ns.div_ceil(1000),
            holds.total_ns / 1000
        ));
    }
}

fn cluster(source: &Source<'_>, lines: &mut Lines) {
    // No server of this kind is a node of a cluster yet: the parameter only takes "no".
    debug_assert_eq!(source.admin.config.get(&[b"cluster-enabled"])[0].1, "no");
    lines.flag("cluster_enabled", false);
}

fn keyspace(source: &Source<'_>, lines: &mut Lines) {
    for n in 0..source.keyspace.databases() {
        let table = source.keyspace.table(Db(n as u16));
        if !table.is_empty() {
            let (keys, expires) = (table.len(), table.expiring());
            let volatile = source.keyspace.volatile_hashes(Db(n as u16));
            lines.text(format_args!(
                "db{n}:keys={keys},expires={expires},keys_with_volatile_items={volatile}"
            ));
        }
    }
}
