//! Segments: the 2 MiB pieces of memory a page heap takes from the system, and who may still be
//! using one.
//!
//! ```text
//! 0          56                                                      SEGMENT-72   SEGMENT
//! ├─ Segment ─┼─ blocks, back to back, each a multiple of 128 bytes ───┼─ end mark ──┤
//! ```
//!
//! A segment starts at a multiple of its size, so the segment of any block is found by clearing
//! address bits.

#![allow(unsafe_code)] // Maps, unmaps and addresses raw memory.

use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, Sender};

use super::remote::{Live, Queue};

/// Bytes of a segment: one huge page.
pub(super) const SEGMENT: usize = 2 << 20;

/// What stands at the start of a segment.
#[repr(C)]
pub(super) struct Segment {
    /// Bytes in blocks in use.
    pub(super) live: Live,
    /// Nothing new is put here: the pages are being moved out. Only the heap looks.
    pub(super) evacuating: bool,
    /// Where other threads return blocks: one strong count of an `Arc`, given up when the segment
    /// is unmapped.
    pub(super) queue: *const Queue,
}

/// Fresh memory of one segment, aligned to its size and all zero; unmapped when dropped.
pub(super) struct Mapping(NonNull<u8>);

// SAFETY: a mapping is the only handle to its memory.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps a segment. Aborts when the system has no memory, as every other allocation does.
    pub(super) fn new() -> Self {
        match map(false) {
            Some(at) => Self(at),
            None => std::alloc::handle_alloc_error(
                std::alloc::Layout::from_size_align(SEGMENT, SEGMENT)
                    .expect("a power of two is an alignment"),
            ),
        }
    }

    /// Maps a segment and touches all of it, as a huge page if the system has one.
    pub(super) fn populated() -> Option<Self> {
        map(true).map(Self)
    }

    /// Gives the memory to the caller, who must [`release`] it.
    pub(super) fn into_raw(self) -> NonNull<u8> {
        let at = self.0;
        std::mem::forget(self);
        at
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody else knows the address.
        unsafe { unmap(self.0) }
    }
}

#[cfg(not(miri))]
fn map(populate: bool) -> Option<NonNull<u8>> {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    // SAFETY: a fresh private mapping, twice as long as needed, cut down to its aligned half. What
    // is cut off was mapped here and is used by nobody.
    unsafe {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let start =
            mmap_anonymous(std::ptr::null_mut(), 2 * SEGMENT, protection, MapFlags::PRIVATE)
                .ok()?
                .cast::<u8>();
        let before = start.align_offset(SEGMENT);
        let segment = start.add(before);
        let after = SEGMENT - before;
        // A part that could not be unmapped stays reserved address space and costs no memory.
        if before > 0 {
            let _ = munmap(start.cast(), before);
        }
        if after > 0 {
            let _ = munmap(segment.add(SEGMENT).cast(), after);
        }
        if populate {
            // Both are improvements only: a kernel that has neither serves the pages on first
            // touch.
            let _ = madvise(segment.cast(), SEGMENT, Advice::LinuxHugepage);
            let _ = madvise(segment.cast(), SEGMENT, Advice::LinuxPopulateWrite);
        }
        NonNull::new(segment)
    }
}

#[cfg(miri)]
fn map(_populate: bool) -> Option<NonNull<u8>> {
    let layout = std::alloc::Layout::from_size_align(SEGMENT, SEGMENT).ok()?;
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
}

/// # Safety
///
/// `at` came from [`map`], and nothing refers to the segment any more.
unsafe fn unmap(at: NonNull<u8>) {
    #[cfg(not(miri))]
    // SAFETY: the caller's promise. It fails only for a range that is not mapped.
    unsafe {
        let _ = rustix::mm::munmap(at.as_ptr().cast(), SEGMENT);
    }
    #[cfg(miri)]
    // SAFETY: the caller's promise; the layout is that of `map`.
    unsafe {
        let layout = std::alloc::Layout::from_size_align_unchecked(SEGMENT, SEGMENT);
        std::alloc::dealloc(at.as_ptr(), layout);
    }
}

/// Asks the mapper thread, which starts with the first request, for a segment that is populated
/// already.
///
/// The first touch of a fresh huge page takes milliseconds, which no holder of a lock should spend.
pub(super) fn request_ahead() -> Receiver<Mapping> {
    static MAPPER: OnceLock<Option<Sender<Sender<Mapping>>>> = OnceLock::new();
    let mapper = MAPPER.get_or_init(|| {
        let (sender, requests) = crossbeam_channel::unbounded::<Sender<Mapping>>();
        let work = move || {
            for reply in requests {
                // Without memory the heap, told so by the reply's end, tries for itself. A heap
                // dropped meanwhile does not listen; then the mapping unmaps itself.
                if let Some(mapping) = Mapping::populated() {
                    let _ = reply.send(mapping);
                }
            }
        };
        let thread = std::thread::Builder::new().name("segment-mapper".into()).spawn(work);
        thread.is_ok().then_some(sender)
    });
    let (reply, answer) = crossbeam_channel::bounded(1);
    if let Some(mapper) = mapper {
        // Without the thread nothing ever arrives, and the heap maps inline.
        let _ = mapper.send(reply);
    }
    answer
}

/// The segment that a block lies in.
///
/// # Safety
///
/// `block` points into a live segment and may be used to reach all of it.
#[inline]
pub(super) unsafe fn of(block: *mut u8) -> *mut Segment {
    block.map_addr(|address| address & !(SEGMENT - 1)).cast()
}

/// Unmaps a segment and gives up its count of the queue.
///
/// # Safety
///
/// No block in it is in use, and the caller is the only one to release it.
pub(super) unsafe fn release(segment: *mut Segment) {
    // SAFETY: the segment is still mapped; its queue was put there by `Arc::into_raw`.
    unsafe {
        drop(Arc::from_raw((*segment).queue));
        unmap(NonNull::new_unchecked(segment.cast()));
    }
}

/// Takes `bytes` off the live count of a segment whose heap is gone; the last one unmaps it.
///
/// # Safety
///
/// The bytes were counted as live, and the caller uses the segment no more.
pub(super) unsafe fn forsake(segment: *mut Segment, bytes: u32) {
    // SAFETY: the bytes taken off kept the segment mapped until here, and who comes to zero is
    // alone.
    unsafe {
        if (*segment).live.forsake(bytes) {
            release(segment);
        }
    }
}
