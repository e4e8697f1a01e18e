//! Parameters of what is not there yet: replication, the slow log, eviction, and how a process is
//! run.
//!
//! They stand in every redis.conf, so a server must take them. A value is checked, kept and shown,
//! and does nothing; whoever sets one is told so in the log. Each moves to `table` with the feature
//! it is about.

use super::parameter::{Kind, Mutability, Parameter};
use super::table::DEFAULT;
use Mutability::Immutable;
use Shape::{Bool, Choice, Events, Int, Memory, Text, Words};

/// What values an inert parameter takes.
pub(super) enum Shape {
    /// `yes` or `no`.
    Bool,
    /// A whole number between two bounds.
    Int(i64, i64),
    /// Bytes, with a unit.
    Memory,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// Any words.
    Words,
    /// Letters for classes of keyspace events.
    Events,
}

/// The largest value of Redis' `int` parameters.
const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;

const DISKLESS: Shape = Choice(&["disabled", "on-empty-db", "swapdb", "flush-before-load"]);
const OOM_SCORE: Shape = Choice(&["no", "yes", "relative", "absolute"]);
const SUPERVISORS: Shape = Choice(&["upstart", "systemd", "auto", "no"]);
const ON_SIGNAL: Shape = Choice(&["default", "save", "nosave", "now", "force", "safe", "failover"]);

/// All of them, by subject.
pub(super) const PARAMETERS: &[Parameter] = &[
    // ---- Observation ----
    Parameter {
        aliases: &["commandlog-execution-slower-than"],
        ..inert("slowlog-log-slower-than", Int(-1, LONG), "10000", "What is slow, µs.")
    },
    Parameter {
        aliases: &["commandlog-slow-execution-max-len"],
        ..inert("slowlog-max-len", Int(0, LONG), "128", "How many slow commands are kept.")
    },
    inert(
        "commandlog-reply-larger-than",
        Int(-1, LONG),
        "1048576",
        "What is a large reply, bytes.",
    ),
    inert("commandlog-large-reply-max-len", Int(0, LONG), "128", "How many of those are kept."),
    inert(
        "commandlog-request-larger-than",
        Int(-1, LONG),
        "1048576",
        "What is a large request, bytes.",
    ),
    inert("commandlog-large-request-max-len", Int(0, LONG), "128", "How many of those are kept."),
    inert("notify-keyspace-events", Events, "", "Which keyspace events are published."),
    inert("acllog-max-len", Int(0, LONG), "128", "How many refusals by ACLs are kept."),
    inert("tracking-table-max-keys", Int(0, LONG), "1000000", "Keys that clients have cached."),
    inert("crash-log-enabled", Bool, "yes", "Logs a stack trace when the process crashes."),
    inert("crash-memcheck-enabled", Bool, "yes", "Tests the memory when the process crashes."),
    process("syslog-enabled", Bool, "no", "Logs to the system's log."),
    process("syslog-ident", Text, "valkey", "The name in the system's log."),
    process("syslog-facility", Text, "local0", "The facility of the system's log."),
    // ---- Replication ----
    Parameter {
        aliases: &["slave-serve-stale-data"],
        ..inert("replica-serve-stale-data", Bool, "yes", "A replica without its primary serves.")
    },
    Parameter {
        aliases: &["slave-priority"],
        ..inert("replica-priority", Int(0, INT), "100", "Which replica is promoted first.")
    },
    Parameter {
        aliases: &["slave-lazy-flush"],
        ..inert("replica-lazy-flush", Bool, "yes", "A replica frees old data on another thread.")
    },
    Parameter {
        aliases: &["slave-ignore-maxmemory"],
        ..inert("replica-ignore-maxmemory", Bool, "yes", "A replica evicts nothing by itself.")
    },
    inert("replica-announced", Bool, "yes", "A replica is shown to Sentinel."),
    Parameter {
        aliases: &["slave-announce-ip"],
        ..inert("replica-announce-ip", Text, "", "The address that a replica names.")
    },
    Parameter {
        aliases: &["slave-announce-port"],
        ..inert("replica-announce-port", Int(0, 65_535), "0", "The port that a replica names.")
    },
    Parameter {
        aliases: &["min-slaves-to-write"],
        ..inert("min-replicas-to-write", Int(0, INT), "0", "Replicas that writes need.")
    },
    Parameter {
        aliases: &["min-slaves-max-lag"],
        ..inert("min-replicas-max-lag", Int(0, INT), "10", "How late they may be, s.")
    },
    inert("repl-diskless-sync", Bool, "yes", "A full synchronization needs no file."),
    inert("repl-diskless-sync-delay", Int(0, INT), "5", "How long it waits for others, s."),
    inert("repl-diskless-sync-max-replicas", Int(0, INT), "0", "For how many it waits."),
    inert("repl-diskless-load", DISKLESS, "disabled", "A replica loads without a file."),
    inert("repl-disable-tcp-nodelay", Bool, "no", "Sends to replicas in larger packets."),
    Parameter {
        aliases: &["repl-ping-slave-period"],
        ..inert("repl-ping-replica-period", Int(1, INT), "10", "Between two pings, s.")
    },
    inert("repl-timeout", Int(1, INT), "60", "Silence after which a link is given up, s."),
    inert("repl-backlog-size", Memory, "10mb", "The backlog; the log's retention is what counts."),
    inert("repl-backlog-ttl", Int(0, LONG), "3600", "How long it outlives the last replica, s."),
    inert("rdb-del-sync-files", Bool, "no", "Removes the files of full synchronizations."),
    // ---- Memory ----
    inert("maxmemory-samples", Int(1, 64), "5", "Keys looked at to evict one."),
    inert("maxmemory-eviction-tenacity", Int(0, 100), "10", "How hard eviction works."),
    inert("lfu-log-factor", Int(0, INT), "10", "How slowly counters of use grow."),
    inert("lfu-decay-time", Int(0, INT), "1", "How fast they fall, minutes."),
    inert(
        "active-expire-effort",
        Int(1, 10),
        "1",
        "How hard expiry works; ours leaves nothing due.",
    ),
    inert("activerehashing", Bool, "yes", "Grows tables in idle time; ours have no need of it."),
    inert("activedefrag", Bool, "no", "Moves values together; sparse pages always are."),
    inert("jemalloc-bg-thread", Bool, "yes", "Lets the allocator purge on a thread of its own."),
    inert("list-compress-depth", Int(0, INT), "0", "Compresses the middle of lists."),
    Parameter {
        aliases: &["lua-time-limit"],
        ..inert("busy-reply-threshold", Int(0, LONG), "5000", "When a script is busy, ms.")
    },
    // ---- Files ----
    inert("aof-timestamp-enabled", Bool, "no", "Notes times in the log; ours always does."),
    inert("aof-rewrite-incremental-fsync", Bool, "yes", "Flushes a base while it is written."),
    inert("rdb-save-incremental-fsync", Bool, "yes", "Flushes an RDB file while it is written."),
    inert("sanitize-dump-payload", Text, "no", "Checks payloads; ours are always checked."),
    // ---- The process ----
    inert("dynamic-hz", Bool, "yes", "More rounds of periodic work with more clients."),
    inert("shutdown-timeout", Int(0, INT), "10", "How long replicas may lag at the end, s."),
    inert("shutdown-on-sigint", ON_SIGNAL, "default", "What SIGINT does."),
    inert("shutdown-on-sigterm", ON_SIGNAL, "default", "What SIGTERM does."),
    inert("oom-score-adj", OOM_SCORE, "no", "Tells the kernel whom to kill first."),
    inert("oom-score-adj-values", Words, "0 200 800", "The scores."),
    process("disable-thp", Bool, "yes", "Switches huge pages off for the process."),
    process("pidfile", Text, "", "A file with the process' number."),
    process("supervised", SUPERVISORS, "no", "Tells a supervisor when it is ready."),
    process("always-show-logo", Bool, "no", "Prints a logo."),
    process("set-proc-title", Bool, "yes", "Sets the process' title."),
    inert(
        "proc-title-template",
        Text,
        "{title} {listen-addr} {server-mode}",
        "What the process' title says.",
    ),
];

const fn inert(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    doc: &'static str,
) -> Parameter {
    Parameter { name, kind: Kind::Inert(shape), default, doc, ..DEFAULT }
}

/// One that is only looked at when the process starts.
const fn process(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    doc: &'static str,
) -> Parameter {
    Parameter { mutability: Immutable, ..inert(name, shape, default, doc) }
}
