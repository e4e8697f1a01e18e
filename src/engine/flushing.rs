//! A large file that is flushed while it is written, so that the flush at its end is short.
//!
//! The writing thread goes on while another one syncs what there is, some megabytes at a time: disk
//! and processor work at the same time, and the page cache does not fill with a whole snapshot.

use crate::base::disk::File;
use crossbeam_channel::{Sender, bounded};
use std::io::{self, Write};
use std::sync::Arc;

/// Bytes between two flushes.
const STEP_BYTES: usize = 32 << 20;

/// Has `work` write the file through the sink it gets, and returns once everything is durable. The
/// sink fails as soon as `is_cancelled` says so.
pub(super) fn write<R>(
    file: &Arc<dyn File>,
    is_cancelled: impl Fn() -> bool,
    work: impl FnOnce(&mut dyn Write) -> io::Result<R>,
) -> io::Result<R> {
    let (flush, flushes) = bounded::<()>(1);
    let (written, flushed) = std::thread::scope(|scope| {
        let flusher = scope.spawn(move || flushes.iter().try_for_each(|()| file.sync_data()));
        let mut sink = Sink { file, is_cancelled, flush, unflushed: 0 };
        let written = work(&mut sink);
        drop(sink);
        (written, flusher.join())
    });
    let written = written?;
    // The system reports a failed flush once: it counts even if a later one succeeds.
    flushed.map_err(|_| io::Error::other("the flushing thread has panicked"))??;
    file.sync_all()?;
    Ok(written)
}

struct Sink<'a, C> {
    file: &'a Arc<dyn File>,
    is_cancelled: C,
    flush: Sender<()>,
    unflushed: usize,
}

impl<C: Fn() -> bool> Write for Sink<'_, C> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.is_cancelled)() {
            return Err(io::Error::other("cancelled"));
        }
        self.file.write_all(bytes)?;
        self.unflushed += bytes.len();
        if self.unflushed >= STEP_BYTES {
            self.unflushed = 0;
            // Full: one is waiting already. Gone: its error is seen at the end.
            let _waiting = self.flush.try_send(());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
