//! The server's own state, as INFO, CONFIG and CLIENT show it: settings, statistics, clients, lock
//! times.
//!
//! | file | holds |
//! |---|---|
//! | `config` | the one table of parameters: command line, configuration file, CONFIG GET/SET all derive from it |
//! | `stats` | counters since the start or CONFIG RESETSTAT |
//! | `clients` | the registry of sessions |
//! | `holds` | the histogram of lock holds by cause |
//! | `histogram` | how long the calls of a command took |
//! | `latency`, `sparkline` | what was slow, and a graph of it |
//! | `facts` | what the engine reports to INFO: persistence, log positions, snapshots |
//! | `info` | INFO's text, made of all of these |

pub mod clients;
pub mod config;
pub mod facts;
pub mod histogram;
pub mod holds;
pub mod info;
pub mod latency;
pub mod sparkline;
pub mod stats;

pub use clients::{ClientId, Clients};
pub use config::Config;
pub use facts::Facts;
pub use holds::{Hold, Holds};
pub use stats::Stats;

/// Everything above, behind the engine's lock.
pub struct Admin {
    /// Settings.
    pub config: Config,
    /// Counters.
    pub stats: Stats,
    /// Connections.
    pub clients: Clients,
    /// Lock times.
    pub holds: Holds,
    /// What was slow.
    pub latency: latency::Monitor,
    /// What the engine reports, brought up to date before INFO asks.
    pub facts: Facts,
    /// Whether expired keys that nobody asks for are looked for (DEBUG SET-ACTIVE-EXPIRE).
    pub active_expire: bool,
}

impl Admin {
    /// The state of a server that has just started with these settings.
    pub fn new(config: Config) -> Admin {
        let latency = latency::Monitor::default();
        latency.set_threshold_ms(config.latency_monitor_threshold());
        Admin {
            config,
            stats: Stats::default(),
            clients: Clients::default(),
            holds: Holds::default(),
            latency,
            facts: Facts::default(),
            active_expire: true,
        }
    }
}
