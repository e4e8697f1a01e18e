//! The server: sockets and timers around the engine.
//!
//! | file | says |
//! |---|---|
//! | `turn` | the request path: receive, parse, execute, send |
//! | `connections` | what happens to a connection between the rounds |
//! | `socket` | one connection's buffers |
//! | `worker` | the thread and the task that run turns |
//! | `migrate` | MIGRATE's connections to other servers |
//! | `listen` | accepting connections, and whom to refuse |
//! | this one | start, signals, timers, shutdown |

mod connections;
mod listen;
mod migrate;
mod socket;
mod turn;
mod worker;

use crate::admin::{Config, Hold};
use crate::base::clock;
use crate::engine::{Shared, ShutdownRequest, cron, start};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use worker::Worker;

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data could not be opened.
    #[error("{0}")]
    Open(#[from] start::OpenError),
    /// A socket, a thread, a signal.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Opens the data, serves until a signal or SHUTDOWN, and ends cleanly.
pub fn serve(config: Config) -> Result<(), Error> {
    // A port in use ends the process before it has touched any data.
    let bound = listen::bind(&config)?;
    let shared = start::open(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(shared, bound))
}

async fn run(shared: Arc<Shared>, bound: Vec<listen::Bound>) -> Result<(), Error> {
    let listeners: Vec<_> =
        bound.into_iter().map(listen::Bound::listen).collect::<Result<_, _>>()?;
    let workers = start_workers(&shared)?;
    let stop = Arc::new(Notify::new());
    let notify = stop.clone();
    shared.lock().on_shutdown(Box::new(move || notify.notify_one()));
    let migrating = Arc::downgrade(&shared);
    let senders = Arc::new(migrate::Senders::default());
    let send = move |migration| senders.begin(&migrating, migration);
    shared.lock().on_migrate(Box::new(send));
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(listen::accept(listener, shared.clone(), workers.clone())))
        .collect();
    let timer = tokio::spawn(keep_time(shared.clone()));
    tracing::info!("Ready to accept connections");
    let ticking = std::thread::Builder::new().name("cron".into()).spawn({
        let shared = Arc::downgrade(&shared);
        move || {
            let mut n = 0;
            while let Some(shared) = shared.upgrade() {
                cron::tick(&shared, n);
                drop(shared);
                n += 1;
                crate::base::clock::pause(cron::TICK);
            }
        }
    })?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        let request = tokio::select! {
            _ = terminate.recv() => by_signal("SIGTERM"),
            _ = interrupt.recv() => by_signal("SIGINT"),
            () = stop.notified() => match shared.lock().take_shutdown() {
                Some(request) => request,
                None => continue,
            },
        };
        if start::close(&shared, request) {
            break;
        }
    }
    for task in accepting {
        task.abort();
    }
    timer.abort();
    drop(ticking);
    tracing::info!("CoolCache is now ready to exit, bye bye...");
    Ok(())
}

/// Calls the engine at each instant at which something is due: to the millisecond, and not at all
/// when nothing is.
async fn keep_time(shared: Arc<Shared>) {
    let changed = Arc::new(Notify::new());
    let notify = changed.clone();
    shared.lock().on_rearm(Arc::new(move || notify.notify_one()));
    loop {
        let now = clock::now();
        let Some(next) = shared.hold(Hold::Timer, |engine| engine.on_timer(now)) else {
            changed.notified().await;
            continue;
        };
        // Never zero: a clock that is set back must not make this spin.
        let left_ms = next.0.saturating_sub(clock::now().0).max(1);
        let sleep = tokio::time::sleep(Duration::from_millis(left_ms));
        tokio::select! {
            () = sleep => {}
            () = changed.notified() => {}
        }
    }
}

fn by_signal(name: &str) -> ShutdownRequest {
    tracing::warn!("Received {name} scheduling shutdown...");
    ShutdownRequest { save: None, force: false, by: None }
}

/// Starts `io-threads` workers; each gets connections through its hand.
fn start_workers(shared: &Arc<Shared>) -> Result<Vec<listen::Hand>, Error> {
    let count = shared.lock().admin.config.io_threads();
    let watch = shared.lock().watch();
    let mut hands = Vec::new();
    for index in 0..count {
        let (hand, accepted) = crossbeam_channel::unbounded();
        let (worker, outbox) = Worker::new(index, shared.clone(), accepted, watch.clone())?;
        shared.lock().add_worker(outbox.clone());
        hands.push(listen::Hand { connections: hand, outbox });
        std::thread::Builder::new().name(format!("io-{index}")).spawn(move || {
            if let Err(error) = worker.run() {
                tracing::error!(%error, "an I/O worker has ended");
                std::process::abort();
            }
        })?;
    }
    Ok(hands)
}
