//! A client in a closed loop, one request at a time, that remembers the longest wait: what somebody
//! else notices.

use crate::Result;
use crate::fill;
use crate::server::Server;
use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the client does.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// GET of a random key.
    Get,
    /// GET of a random key above those that the load uses.
    GetElsewhere,
    /// SET of a random key.
    Set,
}

/// A running probe.
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Duration>>,
}

impl Probe {
    /// Starts it; keys are below `keys`.
    pub fn start(server: &Server, kind: Kind, keys: u64) -> Result<Probe> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut client = server.client()?;
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut rng = fastrand::Rng::with_seed(1);
            let mut worst = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                let above = if matches!(kind, Kind::GetElsewhere) { keys } else { 0 };
                let key = fill::key(above + rng.u64(..keys));
                let begun = Instant::now();
                match kind {
                    Kind::Get | Kind::GetElsewhere => client.call(&["GET", &key])?,
                    Kind::Set => client.call(&["SET", &key, "probe"])?,
                };
                worst = worst.max(begun.elapsed());
            }
            Ok(worst)
        });
        Ok(Probe { stop, thread })
    }

    /// Ends it; the longest wait, ms.
    pub fn finish(self) -> Result<f64> {
        self.stop.store(true, Ordering::Relaxed);
        let worst = self.thread.join().map_err(|_| Error::other("the probe panicked"))??;
        Ok(worst.as_secs_f64() * 1000.0)
    }
}
