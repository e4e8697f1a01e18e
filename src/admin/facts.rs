//! What the engine reports about itself: filled in by the engine before INFO reads it.
//!
//! [`Facts::read_process`] gets what the operating system knows of the process, and
//! [`Facts::sample_peak`] keeps the peak of used memory; the engine calls the first before INFO and
//! the second from its periodic work.

use crate::base::disk::plain;
use crate::keyspace::Keyspace;
use std::io;

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
    /// The executable's full path.
    pub executable: String,
    /// Connections that wait for keys or for the end of a pause.
    pub blocked_clients: usize,
    /// Those that wait for keys and not for ever.
    pub blocked_with_timeout: usize,
    /// Keys that somebody waits for.
    pub blocking_keys: usize,
    /// Those of them whose removal ends a wait.
    pub blocking_keys_on_nokey: usize,
    /// How long the pause will go on, ms, and whether it stops everything; none if there is none.
    pub pause: Option<(u64, bool)>,
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
    /// Whether a rewrite (a new base) runs.
    pub rewriting: bool,
    /// Whether a rewrite waits for a save to end.
    pub rewrite_scheduled: bool,
    /// For how long the running rewrite has been going on, s, if one runs.
    pub rewriting_seconds: Option<u64>,
    /// Whether the last rewrite succeeded.
    pub last_rewrite_ok: bool,
    /// How long it took, s.
    pub last_rewrite_seconds: Option<u64>,
    /// Rewrites since the start.
    pub rewrites: u64,
    /// Those that have failed since the last that succeeded.
    pub rewrite_failures: u64,
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
    /// Whether a sync is under way.
    pub log_syncing: bool,
    /// Segments on disk, those kept past the base included.
    pub log_segments: usize,
    /// Resident set, bytes.
    pub rss_bytes: u64,
    /// Largest [`Facts::used_bytes`] seen; see [`Facts::sample_peak`].
    pub peak_bytes: u64,
    /// [`Facts::used_bytes`] right after the start, before data.
    pub startup_bytes: u64,
    /// Allocator: allocated, active, resident bytes; zeros with the system allocator.
    pub allocator: [u64; 3],
    /// The machine's memory, bytes.
    pub system_bytes: u64,
    /// CPU time of all threads in the kernel and outside of it, seconds.
    pub cpu_seconds: [f64; 2],
    /// `sysname release machine` of the operating system.
    pub os: String,
}

impl Facts {
    /// Bytes in use (`used_memory`): what the allocator has given out, or, where the allocator does
    /// not say (the system's), out-of-line values live and waiting to be freed; and the page
    /// heap's pages, which come from neither.
    pub fn used_bytes(&self, keyspace: &Keyspace) -> u64 {
        let pages = keyspace.heap().used_bytes();
        let [allocated, ..] = self.allocator;
        if allocated > 0 {
            return allocated + pages as u64;
        }
        let live = keyspace.live_bytes() + keyspace.reclaimer().pending_bytes();
        live.max(pages) as u64
    }

    /// Brings `peak_bytes` up to date.
    pub fn sample_peak(&mut self, keyspace: &Keyspace) {
        self.peak_bytes = self.peak_bytes.max(self.used_bytes(keyspace));
    }

    /// Reads what the operating system knows: resident set, CPU time, the machine's memory, its
    /// name, our own path.
    pub fn read_process(&mut self) -> io::Result<()> {
        self.executable = std::env::current_exe()?.display().to_string();
        let page = rustix::param::page_size() as u64;
        let statm = plain::read_text("/proc/self/statm".as_ref())?;
        let resident = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        self.rss_bytes = resident.ok_or_else(|| invalid("/proc/self/statm"))? * page;
        let stat = plain::read_text("/proc/self/stat".as_ref())?;
        self.cpu_seconds = cpu_seconds(&stat).ok_or_else(|| invalid("/proc/self/stat"))?;
        let system = rustix::system::sysinfo();
        self.system_bytes = system.totalram as u64 * u64::from(system.mem_unit);
        let name = rustix::system::uname();
        let parts = [name.sysname(), name.release(), name.machine()];
        self.os = parts.map(|part| part.to_string_lossy().into_owned()).join(" ");
        Ok(())
    }
}

/// Kernel and user seconds out of `/proc/self/stat`: fields 15 and 14 in ticks (proc(5)). The
/// second field is the program's name in parentheses and may hold anything, so they are counted
/// from the last one.
fn cpu_seconds(stat: &str) -> Option<[f64; 2]> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<u64>);
    let (user, kernel) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Some([kernel as f64 / per_second, user as f64 / per_second])
}

fn invalid(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{file} is not as proc(5) says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_read() {
        let mut facts = Facts::default();
        facts.read_process().unwrap();
        assert!(facts.rss_bytes > 1 << 16 && facts.system_bytes > facts.rss_bytes);
        assert!(facts.os.starts_with("Linux "), "{}", facts.os);
    }

    #[test]
    fn a_name_with_parentheses_confuses_nobody() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 200 100 13";
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(cpu_seconds(stat), Some([100.0 / ticks, 200.0 / ticks]));
        assert_eq!(cpu_seconds("7 (a) S 1 2"), None);
    }
}
