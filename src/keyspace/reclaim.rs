//! The reclaimer: freeing is never on the request path.
//!
//! A dropped database or a large value goes through a channel to one thread that does nothing else.
//! What is small is dropped on the spot, since a message would cost more than the free.

use super::value::Object;
use crate::paged::{Object as _, Table};
use crate::types::zset::Cut;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Values at least this large (bytes) are freed by the reclaimer; below, one call to the allocator
/// is cheaper.
const LARGE_BYTES: usize = 64 << 10;

enum Garbage {
    Table(Table<Object>),
    Object(Object),
    /// What was cut out of a sorted set.
    Cut(Cut),
}

/// A handle to the reclaimer thread; clones share it. The thread ends when the last handle is gone.
#[derive(Clone)]
pub struct Reclaimer {
    sender: Option<Sender<Garbage>>,
    account: Arc<Account>,
}

#[derive(Default)]
struct Account {
    pending_objects: AtomicUsize,
    pending_bytes: AtomicUsize,
    freed_objects: AtomicU64,
}

impl Reclaimer {
    /// Starts the thread.
    pub fn start() -> std::io::Result<Self> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let account = Arc::new(Account::default());
        let theirs = account.clone();
        std::thread::Builder::new()
            .name("reclaimer".into())
            .spawn(move || run(&receiver, &theirs))?;
        Ok(Reclaimer { sender: Some(sender), account })
    }

    /// A reclaimer without a thread: everything is freed where it is dropped (tests, tools, replay
    /// checks).
    pub fn inline() -> Self {
        Reclaimer { sender: None, account: Arc::default() }
    }

    /// Keys and values waiting to be freed (`lazyfree_pending_objects`).
    pub fn pending_objects(&self) -> usize {
        self.account.pending_objects.load(Relaxed)
    }

    /// Bytes waiting to be freed; still counted as used memory.
    pub fn pending_bytes(&self) -> usize {
        self.account.pending_bytes.load(Relaxed)
    }

    /// Keys and values freed so far (`lazyfreed_objects`).
    pub fn freed_objects(&self) -> u64 {
        self.account.freed_objects.load(Relaxed)
    }

    pub(super) fn object(&self, object: Object) {
        if object.heap_bytes() >= LARGE_BYTES {
            let bytes = object.heap_bytes();
            self.send(Garbage::Object(object), 1, bytes);
        }
    }

    pub(super) fn cut(&self, cut: Cut) {
        let bytes = cut.heap_bytes();
        if bytes >= LARGE_BYTES {
            self.send(Garbage::Cut(cut), 1, bytes);
        }
    }

    pub(super) fn table(&self, table: Table<Object>) {
        let (keys, bytes) = (table.len(), table.bytes());
        self.send(Garbage::Table(table), keys, bytes);
    }

    fn send(&self, garbage: Garbage, objects: usize, bytes: usize) {
        let Some(sender) = &self.sender else { return };
        self.account.pending_objects.fetch_add(objects, Relaxed);
        self.account.pending_bytes.fetch_add(bytes, Relaxed);
        // A send fails only when the thread is gone; the garbage comes back in the error and is
        // dropped here.
        if sender.send(garbage).is_err() {
            self.account.done(objects, bytes);
        }
    }
}

impl Account {
    fn done(&self, objects: usize, bytes: usize) {
        self.pending_objects.fetch_sub(objects, Relaxed);
        self.pending_bytes.fetch_sub(bytes, Relaxed);
        self.freed_objects.fetch_add(objects as u64, Relaxed);
    }
}

fn run(receiver: &Receiver<Garbage>, account: &Account) {
    for garbage in receiver {
        let (objects, bytes) = match &garbage {
            Garbage::Table(table) => (table.len(), table.bytes()),
            Garbage::Object(object) => (1, object.heap_bytes()),
            Garbage::Cut(cut) => (1, cut.heap_bytes()),
        };
        drop(garbage);
        account.done(objects, bytes);
    }
}
