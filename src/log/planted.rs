//! Bugs that tests put in, one at a time, to see that the harness sees them.
//!
//! Each is a mistake that a log can really be built with, and stands at the place where it would be
//! made. Outside tests [`planted`] is a constant: nothing of it is left in the program.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// `synced` moves before the sync has returned.
    AckBeforeFsync,
    /// Folders are not synced after a file was created or renamed.
    NoFolderFsync,
    /// A failed sync is tried again, and believed.
    RetriedFsync,
    /// The replication id goes on after a crash.
    IdKept,
    /// A batch ends inside a MULTI ... EXEC.
    BatchCutsGroup,
    /// Under `always` the reply of a read does not wait for what it shows.
    ReadNotHeld,
    /// The manifest lists a base whose bytes are not durable.
    BaseListedUnsynced,
    /// A segment is removed before the manifest that does not list it any more is durable.
    RemovedBeforeManifest,
    /// Whatever is wrong with the last segment counts as a torn tail, durable or not.
    DurableTailCut,
    /// A snapshot holds records after its LSN.
    SnapshotHoldsNext,
    /// Records before its LSN are not in a snapshot.
    SnapshotLacksLast,
    /// The checksum of a batch does not cover its annotation.
    ChecksumSkipsAnnotation,
    /// A failed segment becomes history with what is behind its last good LSN.
    FailedSegmentNotCut,
    /// A batch claims that it is durable itself.
    ClaimsTooMuch,
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Whether this bug is in the program, on this thread.
#[inline(always)]
pub(crate) fn planted(bug: Bug) -> bool {
    #[cfg(test)]
    {
        PLANTED.get() == Some(bug)
    }
    #[cfg(not(test))]
    {
        let _ = bug;
        false
    }
}

/// Runs `work` with a bug in the program.
#[cfg(test)]
pub(crate) fn with<R>(bug: Bug, work: impl FnOnce() -> R) -> R {
    struct Planted;
    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }
    PLANTED.set(Some(bug));
    let _until_the_end = Planted;
    work()
}
