//! The table of parameters, by subject; those without an effect yet are in [`inert`].

use super::parameter::{Field, Kind, Mutability, Parameter};
use super::{Values, inert};
use crate::base::limits;
use Mutability::{Immutable, Mutable, Protected};

/// Words of `appendfsync`, in the order of Valkey's error text.
pub(super) const FSYNC: &[&str] = &["everysec", "always", "no"];
/// Words of the parameters that guard a feature.
pub(super) const GUARD: &[&str] = &["no", "yes", "local"];
/// Of `rdb-format`.
const RDB_FORMATS: &[&str] = &["auto", "10", "12", "14", "valkey80"];
const LOG_LEVELS: &[&str] = &["debug", "verbose", "notice", "warning", "nothing"];

/// The largest value of Redis' `int` parameters.
const INT_MAX: u64 = i32::MAX as u64;
const LONG_MAX: u64 = i64::MAX as u64;

/// The field of a parameter, to look at and to change.
macro_rules! at {
    ($field:ident) => {
        Field { get: |values: &Values| &values.$field, get_mut: |values| &mut values.$field }
    };
}

/// What an entry leaves out.
pub(super) const DEFAULT: Parameter = Parameter {
    name: "",
    aliases: &[],
    kind: Kind::Fixed { value: "", reason: "", is_harmless: false },
    default: "",
    mutability: Mutable,
    doc: "",
};

const ONLY_YES: &str = "argument must be 'yes', anything else is not supported";
const ONLY_NO: &str = "argument must be 'no', anything else is not supported";

/// Every parameter.
pub(super) fn all() -> impl Iterator<Item = &'static Parameter> {
    PARAMETERS.iter().chain(inert::PARAMETERS)
}

const PARAMETERS: &[Parameter] = &[
    // ---- Network ----
    Parameter {
        name: "port",
        kind: Kind::Int { at: at!(port), min: 0, max: 65_535 },
        default: "6379",
        mutability: Immutable,
        doc: "The TCP port; 0 takes a free one.",
        ..DEFAULT
    },
    Parameter {
        name: "bind",
        kind: Kind::Words(at!(bind)),
        default: "* -::*",
        mutability: Immutable,
        doc: "Addresses to listen at; one with a - in front may be missing.",
        ..DEFAULT
    },
    Parameter {
        name: "protected-mode",
        kind: Kind::Bool(at!(protected_mode)),
        default: "yes",
        doc: "Refuses clients of other machines while there is no password.",
        ..DEFAULT
    },
    Parameter {
        name: "tcp-backlog",
        kind: Kind::Int { at: at!(tcp_backlog), min: 0, max: INT_MAX },
        default: "511",
        mutability: Immutable,
        doc: "Connections the kernel may hold before they are accepted.",
        ..DEFAULT
    },
    Parameter {
        name: "tcp-keepalive",
        kind: Kind::Int { at: at!(tcp_keepalive), min: 0, max: INT_MAX },
        default: "300",
        doc: "Seconds of silence before the kernel probes a peer; 0 never.",
        ..DEFAULT
    },
    Parameter {
        name: "timeout",
        kind: Kind::Int { at: at!(timeout), min: 0, max: INT_MAX },
        default: "0",
        doc: "Seconds after which an idle client is disconnected; 0 never.",
        ..DEFAULT
    },
    Parameter {
        name: "maxclients",
        kind: Kind::Int { at: at!(maxclients), min: 1, max: u32::MAX as u64 },
        default: "10000",
        doc: "Clients at once; more are refused.",
        ..DEFAULT
    },
    Parameter {
        name: "requirepass",
        kind: Kind::Text(at!(requirepass)),
        doc: "The password of the default user; empty if none is needed.",
        ..DEFAULT
    },
    Parameter {
        name: "proto-max-bulk-len",
        kind: Kind::Memory { at: at!(proto_max_bulk_len), min: limits::BULK_BYTES_MAX_LOWEST },
        default: "512mb",
        doc: "The longest argument of a command, and the longest that commands make a string.",
        ..DEFAULT
    },
    Parameter {
        name: "client-query-buffer-limit",
        kind: Kind::Memory { at: at!(client_query_buffer_limit), min: limits::MIB },
        default: "1gb",
        doc: "Most bytes one client may have sent that are not executed yet.",
        ..DEFAULT
    },
    Parameter {
        name: "client-output-buffer-limit",
        kind: Kind::BufferLimits(at!(client_output_buffer_limit)),
        default: "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60",
        doc: "How much a class of clients may leave unread: class, hard limit, soft limit, seconds.",
        ..DEFAULT
    },
    Parameter {
        name: "io-threads",
        kind: Kind::Int { at: at!(io_threads), min: 1, max: 256 },
        default: "1",
        mutability: Immutable,
        doc: "I/O workers.",
        ..DEFAULT
    },
    // ---- Data ----
    Parameter {
        name: "databases",
        kind: Kind::Int { at: at!(databases), min: 1, max: limits::DATABASES_MAX as u64 },
        default: "16",
        mutability: Immutable,
        doc: "How many databases there are.",
        ..DEFAULT
    },
    Parameter {
        name: "maxmemory",
        kind: Kind::Fixed {
            value: "0",
            reason: "argument must be 0, memory limits are not supported",
            is_harmless: false,
        },
        default: "0",
        doc: "The most memory for data; 0 is no limit.",
        ..DEFAULT
    },
    Parameter {
        name: "maxmemory-policy",
        kind: Kind::Fixed {
            value: "noeviction",
            reason: "argument(s) must be one of the following: noeviction",
            is_harmless: false,
        },
        default: "noeviction",
        doc: "What is evicted when memory is short.",
        ..DEFAULT
    },
    Parameter {
        name: "slow-read-elements",
        kind: Kind::Int { at: at!(slow_read_elements), min: 0, max: LONG_MAX },
        default: "10000",
        doc: "Elements or bytes above which a read runs beside the other commands.",
        ..DEFAULT
    },
    Parameter {
        name: "hash-max-listpack-entries",
        aliases: &["hash-max-ziplist-entries"],
        kind: Kind::Int { at: at!(hash_max_entries), min: 0, max: LONG_MAX },
        default: "512",
        doc: "Fields of a hash in the small form.",
        ..DEFAULT
    },
    Parameter {
        name: "hash-max-listpack-value",
        aliases: &["hash-max-ziplist-value"],
        kind: Kind::Memory { at: at!(hash_max_value), min: 0 },
        default: "64",
        doc: "Bytes of each field and value in it.",
        ..DEFAULT
    },
    Parameter {
        name: "list-max-listpack-size",
        aliases: &["list-max-ziplist-size"],
        kind: Kind::Signed {
            at: at!(list_max_size),
            min: -(INT_MAX as i64) - 1,
            max: INT_MAX as i64,
        },
        default: "-2",
        doc: "Size of a piece of a list: -1 to -5 for 4 to 64 KiB, above 0 elements.",
        ..DEFAULT
    },
    Parameter {
        name: "set-max-intset-entries",
        kind: Kind::Int { at: at!(set_max_intset), min: 0, max: LONG_MAX },
        default: "512",
        doc: "Members of a set of integers in the small form.",
        ..DEFAULT
    },
    Parameter {
        name: "set-max-listpack-entries",
        kind: Kind::Int { at: at!(set_max_entries), min: 0, max: LONG_MAX },
        default: "128",
        doc: "Members of a set in the small form.",
        ..DEFAULT
    },
    Parameter {
        name: "set-max-listpack-value",
        kind: Kind::Int { at: at!(set_max_value), min: 0, max: LONG_MAX },
        default: "64",
        doc: "Bytes of each member in it.",
        ..DEFAULT
    },
    Parameter {
        name: "zset-max-listpack-entries",
        aliases: &["zset-max-ziplist-entries"],
        kind: Kind::Int { at: at!(zset_max_entries), min: 0, max: LONG_MAX },
        default: "128",
        doc: "Members of a sorted set in the small form.",
        ..DEFAULT
    },
    Parameter {
        name: "zset-max-listpack-value",
        aliases: &["zset-max-ziplist-value"],
        kind: Kind::Memory { at: at!(zset_max_value), min: 0 },
        default: "64",
        doc: "Bytes of each member in it.",
        ..DEFAULT
    },
    Parameter {
        name: "stream-node-max-bytes",
        kind: Kind::Memory { at: at!(stream_node_bytes), min: 0 },
        default: "4096",
        doc: "Bytes of a piece of a stream; 0 is no limit.",
        ..DEFAULT
    },
    Parameter {
        name: "stream-node-max-entries",
        kind: Kind::Int { at: at!(stream_node_entries), min: 0, max: LONG_MAX },
        default: "100",
        doc: "Entries of a piece of a stream; 0 is no limit.",
        ..DEFAULT
    },
    Parameter {
        name: "hll-sparse-max-bytes",
        kind: Kind::Memory { at: at!(hll_sparse_max_bytes), min: 0 },
        default: "3000",
        doc: "Bytes of a HyperLogLog above which its registers are kept dense.",
        ..DEFAULT
    },
    lazyfree("lazyfree-lazy-eviction", "Evicted values are freed on another thread."),
    lazyfree("lazyfree-lazy-expire", "Expired values are freed on another thread."),
    lazyfree("lazyfree-lazy-server-del", "Overwritten values are freed on another thread."),
    lazyfree("lazyfree-lazy-user-del", "DEL frees on another thread."),
    lazyfree("lazyfree-lazy-user-flush", "FLUSHALL and FLUSHDB free on another thread."),
    // ---- Files ----
    Parameter {
        name: "dir",
        kind: Kind::Folder(at!(dir)),
        default: ".",
        mutability: Protected,
        doc: "The folder of all files.",
        ..DEFAULT
    },
    Parameter {
        name: "dbfilename",
        kind: Kind::Name { at: at!(dbfilename), may_be_empty: true, what: "filename" },
        default: "dump.rdb",
        mutability: Protected,
        doc: "The RDB file's name.",
        ..DEFAULT
    },
    Parameter {
        name: "save",
        kind: Kind::SavePoints(at!(save)),
        default: "900 1 300 10 60 10000",
        doc: "Saves after so many seconds if there were so many changes.",
        ..DEFAULT
    },
    Parameter {
        name: "rdbcompression",
        kind: Kind::Bool(at!(rdbcompression)),
        default: "yes",
        doc: "Compresses strings in RDB files.",
        ..DEFAULT
    },
    Parameter {
        name: "rdb-format",
        kind: Kind::Choice { at: at!(rdb_format), words: RDB_FORMATS },
        default: "auto",
        doc: "The version of RDB files: 10 (Redis 7.0 on), 12 (Redis 7.4 on), 14 (Redis 8.8 on) or \
              valkey80 (Valkey 9.0 on). 10 cannot hold fields that expire, and only 14 what XNACK \
              has released and idempotent ids: auto takes 14 if there are any of these, else \
              valkey80 if a field expires, else 10.",
        ..DEFAULT
    },
    Parameter {
        name: "rdbchecksum",
        kind: Kind::Bool(at!(rdbchecksum)),
        default: "yes",
        mutability: Immutable,
        doc: "Ends RDB files in a checksum, and checks it.",
        ..DEFAULT
    },
    Parameter {
        name: "stop-writes-on-bgsave-error",
        kind: Kind::Bool(at!(stop_writes_on_bgsave_error)),
        default: "yes",
        doc: "Refuses writes after a background save failed.",
        ..DEFAULT
    },
    // ---- The log ----
    Parameter {
        name: "appendonly",
        kind: Kind::Bool(at!(appendonly)),
        default: "yes",
        doc: "Keeps the log on disk.",
        ..DEFAULT
    },
    Parameter {
        name: "appendfsync",
        kind: Kind::Choice { at: at!(appendfsync), words: FSYNC },
        default: "everysec",
        doc: "When the log is flushed to the disk.",
        ..DEFAULT
    },
    Parameter {
        name: "appendfilename",
        kind: Kind::Name { at: at!(appendfilename), may_be_empty: false, what: "filename" },
        default: "appendonly.aof",
        mutability: Immutable,
        doc: "The stem of the log's file names.",
        ..DEFAULT
    },
    Parameter {
        name: "appenddirname",
        kind: Kind::Name { at: at!(appenddirname), may_be_empty: false, what: "dirname" },
        default: "appendonlydir",
        mutability: Immutable,
        doc: "The log's folder.",
        ..DEFAULT
    },
    Parameter {
        name: "aof-load-truncated",
        kind: Kind::Bool(at!(aof_load_truncated)),
        default: "yes",
        doc: "Loads a log that is cut off in its last record up to there.",
        ..DEFAULT
    },
    Parameter {
        name: "aof-use-rdb-preamble",
        kind: Kind::Fixed { value: "yes", reason: ONLY_YES, is_harmless: true },
        default: "yes",
        doc: "The log's base is an RDB file.",
        ..DEFAULT
    },
    Parameter {
        name: "no-appendfsync-on-rewrite",
        kind: Kind::Bool(at!(no_appendfsync_on_rewrite)),
        default: "no",
        doc: "Under everysec, does not flush the log while a base or an RDB file is written.",
        ..DEFAULT
    },
    Parameter {
        name: "auto-aof-rewrite-percentage",
        kind: Kind::Int { at: at!(auto_aof_rewrite_percentage), min: 0, max: INT_MAX },
        default: "100",
        doc: "Growth of the log over its base, percent, at which a new base is written; 0 never.",
        ..DEFAULT
    },
    Parameter {
        name: "auto-aof-rewrite-min-size",
        kind: Kind::Memory { at: at!(auto_aof_rewrite_min_size), min: 0 },
        default: "64mb",
        doc: "The size below which no new base is written by itself.",
        ..DEFAULT
    },
    Parameter {
        name: "log-retention-bytes",
        kind: Kind::Memory { at: at!(log_retention_bytes), min: 0 },
        default: "1gb",
        doc: "How much log older than the base is kept.",
        ..DEFAULT
    },
    Parameter {
        name: "log-retention-seconds",
        kind: Kind::Int { at: at!(log_retention_seconds), min: 0, max: LONG_MAX },
        default: "0",
        doc: "How long log older than the base is kept; 0 by bytes only.",
        ..DEFAULT
    },
    Parameter {
        name: "log-tail-bytes",
        kind: Kind::Memory { at: at!(log_tail_bytes), min: limits::MIB },
        default: "256mb",
        mutability: Immutable,
        doc: "How much of the newest log may wait in memory for the disk.",
        ..DEFAULT
    },
    Parameter {
        name: "log-segment-bytes",
        kind: Kind::Memory { at: at!(log_segment_bytes), min: limits::KIB },
        default: "64mb",
        mutability: Immutable,
        doc: "The size at which a segment of the log is closed.",
        ..DEFAULT
    },
    // ---- The server ----
    Parameter {
        name: "hz",
        kind: Kind::Clamped { at: at!(hz), min: 1, max: 500 },
        default: "10",
        doc: "How often a second statistics, save points and the log are looked after; at most 100.",
        ..DEFAULT
    },
    Parameter {
        name: "latency-monitor-threshold",
        kind: Kind::Int { at: at!(latency_monitor_threshold), min: 0, max: LONG_MAX },
        default: "0",
        doc: "What the latency monitor keeps: events of so many ms or more; 0 keeps none.",
        ..DEFAULT
    },
    Parameter {
        name: "latency-tracking",
        kind: Kind::Bool(at!(latency_tracking)),
        default: "yes",
        doc: "Keeps a histogram of each command's times.",
        ..DEFAULT
    },
    Parameter {
        name: "latency-tracking-info-percentiles",
        kind: Kind::Words(at!(latency_percentiles)),
        default: "50 99 99.9",
        doc: "What INFO latencystats shows of them, percent.",
        ..DEFAULT
    },
    Parameter {
        name: "loglevel",
        kind: Kind::Choice { at: at!(loglevel), words: LOG_LEVELS },
        default: "notice",
        doc: "What is logged.",
        ..DEFAULT
    },
    Parameter {
        name: "logfile",
        kind: Kind::Text(at!(logfile)),
        mutability: Immutable,
        doc: "The file that is logged to; empty is standard output.",
        ..DEFAULT
    },
    Parameter {
        name: "daemonize",
        kind: Kind::Fixed { value: "no", reason: ONLY_NO, is_harmless: true },
        default: "no",
        mutability: Immutable,
        doc: "The server stays in the foreground.",
        ..DEFAULT
    },
    Parameter {
        name: "cluster-enabled",
        kind: Kind::Fixed { value: "no", reason: ONLY_NO, is_harmless: false },
        default: "no",
        mutability: Immutable,
        doc: "The server is no node of a cluster.",
        ..DEFAULT
    },
    Parameter {
        name: "enable-debug-command",
        kind: Kind::Choice { at: at!(enable_debug_command), words: GUARD },
        default: "no",
        mutability: Immutable,
        doc: "Who may use DEBUG.",
        ..DEFAULT
    },
    Parameter {
        name: "enable-protected-configs",
        kind: Kind::Choice { at: at!(enable_protected_configs), words: GUARD },
        default: "no",
        mutability: Immutable,
        doc: "Who may set dir and dbfilename.",
        ..DEFAULT
    },
    Parameter {
        name: "replica-read-only",
        aliases: &["slave-read-only"],
        kind: Kind::Fixed { value: "yes", reason: ONLY_YES, is_harmless: false },
        default: "yes",
        doc: "A replica takes no writes of its own.",
        ..DEFAULT
    },
    Parameter {
        name: "enable-module-command",
        kind: Kind::Fixed { value: "no", reason: ONLY_NO, is_harmless: false },
        default: "no",
        mutability: Immutable,
        doc: "There are no modules.",
        ..DEFAULT
    },
];

const fn lazyfree(name: &'static str, doc: &'static str) -> Parameter {
    let kind = Kind::Fixed { value: "yes", reason: ONLY_YES, is_harmless: true };
    Parameter { name, kind, default: "yes", doc, ..DEFAULT }
}

/// The parameter of a name or an alias, in any case.
pub(super) fn find(name: &str) -> Option<&'static Parameter> {
    names().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, parameter)| parameter)
}

/// All names and aliases.
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static Parameter)> {
    all().flat_map(|parameter| {
        let names = std::iter::once(&parameter.name).chain(parameter.aliases);
        names.map(move |name| (*name, parameter))
    })
}
