//! The settings: one table of parameters, from which everything that speaks of parameters derives.
//!
//! ```text
//!                    ┌─ command line   --hz 20 --save 900 1 --save 300 10        file.rs
//!                    ├─ file           hz 20   # comments, quotes, include       file.rs
//! table::PARAMETERS ─┼─ CONFIG GET     globs, several patterns                   here
//!                    ├─ CONFIG SET     several pairs, all or nothing             here
//!                    └─ CONFIG REWRITE the file again, comments kept             rewrite.rs
//! ```
//!
//! A parameter is in the table if it has an effect, or if tools read it and its value is true of
//! us; such a value that cannot be changed is [`parameter::Kind::Fixed`]. What stands in every
//! redis.conf and has no effect here yet is [`parameter::Kind::Inert`], and the log says so. The
//! values are typed fields of [`Config`], read through `typed.rs`, so that the request path reads a
//! field and no text.
//! Bounds and error texts are Valkey 9.1's.

mod file;
mod inert;
mod parameter;
mod rewrite;
mod table;
mod typed;

#[cfg(test)]
mod tests;

use crate::base::glob::{self, Case};
use parameter::{Kind, Parameter};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use parameter::Mutability;

/// What can be said of a parameter without a value of it: for whoever lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: &'static str,
    /// Its default, as in a configuration file.
    pub default: &'static str,
    /// Who may set it, and when.
    pub mutability: Mutability,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

/// All settings, valid at all times: each value has passed its parameter's check.
#[derive(Debug, Clone, Default, PartialEq)]
struct Values {
    port: u64,
    bind: Vec<String>,
    protected_mode: bool,
    tcp_backlog: u64,
    tcp_keepalive: u64,
    timeout: u64,
    maxclients: u64,
    requirepass: String,
    databases: u64,
    io_threads: u64,
    hz: u64,
    dir: String,
    dbfilename: String,
    save: Vec<SavePoint>,
    rdbcompression: bool,
    rdbchecksum: bool,
    rdb_format: usize,
    stop_writes_on_bgsave_error: bool,
    appendonly: bool,
    appendfsync: usize,
    appendfilename: String,
    appenddirname: String,
    aof_load_truncated: bool,
    no_appendfsync_on_rewrite: bool,
    auto_aof_rewrite_percentage: u64,
    auto_aof_rewrite_min_size: u64,
    log_retention_bytes: u64,
    log_retention_seconds: u64,
    log_tail_bytes: u64,
    log_segment_bytes: u64,
    proto_max_bulk_len: u64,
    client_query_buffer_limit: u64,
    client_output_buffer_limit: BufferLimits,
    slow_read_elements: u64,
    hll_sparse_max_bytes: u64,
    enable_debug_command: usize,
    enable_protected_configs: usize,
    latency_monitor_threshold: u64,
    latency_tracking: bool,
    latency_percentiles: Vec<String>,
    loglevel: usize,
    logfile: String,
    hash_max_entries: u64,
    hash_max_value: u64,
    list_max_size: i64,
    set_max_intset: u64,
    set_max_entries: u64,
    set_max_value: u64,
    zset_max_entries: u64,
    zset_max_value: u64,
    stream_node_bytes: u64,
    stream_node_entries: u64,
    /// Of those that have no effect yet, as text.
    inert: BTreeMap<&'static str, String>,
}

/// The server's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    values: Values,
    /// The configuration file, as a full path.
    file: Option<PathBuf>,
    /// See [`Config::without_effect`].
    without_effect: Vec<&'static str>,
}

impl Default for Config {
    /// Every parameter at its default.
    fn default() -> Self {
        let mut values = Values::default();
        for parameter in table::all() {
            let words = parameter.words(parameter.default);
            let set = words.and_then(|words| parameter.set(&mut values, &words));
            set.expect("the table's defaults are valid, a test sets each");
        }
        Config { values, file: None, without_effect: Vec::new() }
    }
}

/// One save point: save after this many seconds if there were this many changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last save, at least 1.
    pub seconds: u64,
    /// Changes since the last save.
    pub changes: u64,
}

/// When the log is flushed to the disk (`appendfsync`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before the reply.
    Always,
    /// Once a second.
    EverySec,
    /// When the operating system likes.
    No,
}

/// Who may use a guarded feature (`enable-debug-command`, `enable-protected-configs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nobody.
    No,
    /// Everybody.
    Yes,
    /// Connections from this machine.
    Local,
}

impl Guard {
    /// Whether a connection may, given whether it comes from this machine.
    pub fn allows(self, local: bool) -> bool {
        self == Guard::Yes || (self == Guard::Local && local)
    }
}

/// What is logged (`loglevel`), from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Much.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// What needs a person.
    Warning,
    /// Nothing.
    Nothing,
}

impl LogLevel {
    /// The level of the log's lines up to which they are logged; none: nothing is.
    pub fn up_to(self) -> Option<tracing::Level> {
        match self {
            LogLevel::Debug => Some(tracing::Level::DEBUG),
            LogLevel::Verbose | LogLevel::Notice => Some(tracing::Level::INFO),
            LogLevel::Warning => Some(tracing::Level::WARN),
            LogLevel::Nothing => None,
        }
    }
}

/// How much one class of clients may leave unread before it is disconnected. 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BufferLimit {
    /// At once, bytes.
    pub hard_bytes: u64,
    /// For `soft_seconds` without a break, bytes.
    pub soft_bytes: u64,
    /// See `soft_bytes`.
    pub soft_seconds: u64,
}

/// The limits of all classes: `client-output-buffer-limit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BufferLimits {
    /// Ordinary clients.
    pub normal: BufferLimit,
    /// Replicas.
    pub replica: BufferLimit,
    /// Subscribers.
    pub pubsub: BufferLimit,
}

impl Config {
    /// Settings from the command line without the program's name, as redis-server reads it: the
    /// first argument may be a configuration file, the rest is `--name value ...`. The error is
    /// ready to be printed.
    pub fn from_args(arguments: &[String]) -> Result<Config, String> {
        file::load(arguments)
    }

    /// CONFIG GET: the parameters that any of the patterns names, by name. A pattern without
    /// special bytes is answered with the name as it was given, as Valkey does.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for pattern in patterns {
            let literal = glob::is_literal(pattern);
            for (name, parameter) in table::names() {
                if !glob::matches_case(pattern, name.as_bytes(), Case::Ignore) {
                    continue;
                }
                let name = match std::str::from_utf8(pattern) {
                    Ok(given) if literal => given,
                    _ => name,
                };
                if !found.iter().any(|(seen, _)| seen.eq_ignore_ascii_case(name)) {
                    found.push((name.to_owned(), parameter.text(&self.values)));
                }
            }
        }
        found.sort();
        found
    }

    /// CONFIG SET: sets all pairs, or none and says why, in the words that follow `ERR ` on the
    /// wire. `local` is whether the caller's connection comes from this machine. Returns the
    /// names whose value is another one now.
    pub fn set(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        local: bool,
    ) -> Result<Vec<&'static str>, String> {
        let parameters = self.settable(pairs, local)?;
        let mut values = self.values.clone();
        for (parameter, (_, value)) in parameters.iter().zip(pairs) {
            let text =
                std::str::from_utf8(value).map_err(|_| "argument must be UTF-8 text".to_owned());
            let words = text.and_then(|text| parameter.words(text));
            let set = words.and_then(|words| parameter.set(&mut values, &words));
            set.map_err(|why| failed(parameter.name, &why))?;
        }
        values.check().map_err(|(name, why)| failed(name, &why))?;
        let changed =
            |parameter: &&&Parameter| parameter.text(&values) != parameter.text(&self.values);
        let changed = parameters.iter().filter(changed).map(|parameter| parameter.name).collect();
        self.values = values;
        Ok(changed)
    }

    /// The parameters of the pairs, if all of them may be set; else the first mistake.
    fn settable(
        &self,
        pairs: &[(&[u8], &[u8])],
        local: bool,
    ) -> Result<Vec<&'static Parameter>, String> {
        let mut parameters: Vec<&'static Parameter> = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let shown = String::from_utf8_lossy(name);
            let Some(parameter) = table::find(&shown) else {
                let text = "Unknown option or number of arguments for CONFIG SET";
                return Err(format!("{text} - '{shown}'"));
            };
            let why = match parameter.mutability {
                Mutability::Immutable => Some("can't set immutable config"),
                Mutability::Protected if !self.enable_protected_configs().allows(local) => {
                    Some("can't set protected config")
                }
                _ if parameters.iter().any(|seen| std::ptr::eq(*seen, parameter)) => {
                    Some("duplicate parameter")
                }
                _ => None,
            };
            if let Some(why) = why {
                return Err(failed(&shown, why));
            }
            parameters.push(parameter);
        }
        Ok(parameters)
    }

    /// Every parameter, in the table's order.
    pub fn parameters() -> impl Iterator<Item = Description> {
        table::all().map(|parameter| {
            let Parameter { name, default, mutability, doc, .. } = *parameter;
            Description { name, default, mutability, doc }
        })
    }

    /// The parameters that the configuration file and the command line have set and that this
    /// server does not follow (yet).
    pub fn without_effect(&self) -> &[&'static str] {
        &self.without_effect
    }

    /// Whether a parameter does anything.
    pub fn has_effect(name: &str) -> bool {
        !table::find(name).is_some_and(|parameter| matches!(parameter.kind, Kind::Inert(_)))
    }

    /// The configuration file's full path, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// CONFIG REWRITE: the configuration file's new text, made from its present one.
    pub fn rewritten(&self, present: &str) -> String {
        rewrite::rewritten(&self.values, present)
    }
}

fn failed(name: &str, why: &str) -> String {
    format!("CONFIG SET failed (possibly related to argument '{name}') - {why}")
}

impl Values {
    /// What no single parameter can check. The error names the parameter to blame.
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.no_appendfsync_on_rewrite && table::FSYNC[self.appendfsync] == "always" {
            let why = "'no-appendfsync-on-rewrite yes' contradicts 'appendfsync always': \
                       it would acknowledge writes that are not on the disk";
            return Err(("no-appendfsync-on-rewrite", why.to_owned()));
        }
        for word in &self.latency_percentiles {
            let why = match word.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => continue,
                Ok(_) => {
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                }
                Err(_) => "Invalid latency-tracking-info-percentiles parameters",
            };
            return Err(("latency-tracking-info-percentiles", why.to_owned()));
        }
        Ok(())
    }
}
