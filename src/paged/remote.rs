//! How blocks freed by other threads come home: a lock-free stack linked through the freed blocks
//! themselves.
//!
//! Any thread pushes; only the heap that owns the queue takes, and it takes everything at once, so
//! a block can never return to the top while a pusher compares it (no ABA). When the heap is
//! dropped it closes the queue: whoever pushes after that is told so and releases the block itself.
//!
//! Beside it the count that decides who unmaps a segment whose heap is gone.
//!
//! This file stands alone, so that loom can run every interleaving of it: the command is in `mod
//! tests`.

#![allow(unsafe_code)] // The link is written into the freed block, through a raw pointer.

#[cfg(loom)]
use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use std::ptr;

/// The first word of a freed block: the block pushed before it, or null.
#[repr(C)]
pub(super) struct Link {
    pub(super) next: *mut Link,
}

/// The queue was closed: its heap is gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// The blocks on their way back to one heap.
pub(super) struct Queue {
    head: AtomicPtr<Link>,
    /// The heap that owns the segments behind this queue. It changes when a heap adopts another.
    owner: AtomicU64,
}

/// An address that no block has (blocks are aligned to 64): the head of a closed queue.
fn closed() -> *mut Link {
    ptr::without_provenance_mut(1)
}

impl Queue {
    /// An empty, open queue of the heap with this id.
    pub(super) fn new(owner: u64) -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), owner: AtomicU64::new(owner) }
    }

    /// The id of the heap that takes from this queue.
    #[inline]
    pub(super) fn owner(&self) -> u64 {
        self.owner.load(Ordering::Relaxed)
    }

    /// Names another heap as the one that takes.
    pub(super) fn set_owner(&self, owner: u64) {
        self.owner.store(owner, Ordering::Relaxed);
    }

    /// Gives a block back, or fails if nobody will take it any more.
    ///
    /// # Safety
    ///
    /// `block` is valid for writing a [`Link`], and the caller gives it up unless `Closed` is
    /// returned.
    pub(super) unsafe fn push(&self, block: *mut Link) -> Result<(), Closed> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == closed() {
                // What the closing heap wrote about the block's segment must be seen by whoever
                // releases it.
                self.head.load(Ordering::Acquire);
                return Err(Closed);
            }
            // SAFETY: the caller owns the block, and it is large enough for a link.
            unsafe { block.write(Link { next: head }) };
            match self.head.compare_exchange_weak(head, block, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(now) => head = now,
            }
        }
    }

    /// Whether there is nothing to take.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed).is_null()
    }

    /// Takes all blocks: the newest, linked to the older ones.
    pub(super) fn take(&self) -> *mut Link {
        self.head.swap(ptr::null_mut(), Ordering::Acquire)
    }

    /// Takes all blocks and refuses every later one.
    pub(super) fn close(&self) -> *mut Link {
        self.head.swap(closed(), Ordering::AcqRel)
    }
}

/// Bytes in use in one segment.
///
/// While the segment's heap lives, only the heap counts, when it allocates and when it frees. From
/// the closing of its queue on everybody counts down, and who comes to zero releases the segment.
pub(super) struct Live(AtomicU32);

impl Live {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The bytes in use, asked by the heap.
    pub(super) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// The heap allocated (or, wrapping, freed) this many; answers how many there are now.
    #[inline]
    pub(super) fn add(&self, bytes: u32) -> u32 {
        let live = self.0.load(Ordering::Relaxed).wrapping_add(bytes);
        self.0.store(live, Ordering::Relaxed);
        live
    }

    /// Takes bytes off after the queue was closed; true for the one who came to zero.
    #[must_use]
    pub(super) fn forsake(&self, bytes: u32) -> bool {
        // AcqRel: whoever comes to zero has seen what all others did with the segment.
        self.0.fetch_sub(bytes, Ordering::AcqRel) == bytes
    }
}

/// Under loom: `.ci/loom`.
#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(loom)]
    use loom::{sync::Arc, thread};
    #[cfg(not(loom))]
    use std::{sync::Arc, thread};

    #[cfg(loom)]
    fn explore(test: impl Fn() + Send + Sync + 'static) {
        loom::model(test);
    }

    #[cfg(not(loom))]
    fn explore(test: impl Fn() + Send + Sync + 'static) {
        for _ in 0..200 {
            test();
        }
    }

    /// A queue and the live bytes of its only segment.
    struct Home {
        queue: Queue,
        live: Live,
    }

    impl Home {
        fn with_blocks(blocks: u32) -> Arc<Self> {
            let home = Self { queue: Queue::new(1), live: Live::new() };
            home.live.add(blocks);
            Arc::new(home)
        }

        /// Frees a block of one byte from anywhere; true if that released the segment.
        fn free(&self) -> bool {
            let block = Box::into_raw(Box::new(Link { next: ptr::null_mut() }));
            // SAFETY: the block was just made and is forgotten if it was taken over.
            if unsafe { self.queue.push(block) } == Err(Closed) {
                // SAFETY: the queue refused it, so it is still ours.
                drop(unsafe { Box::from_raw(block) });
                return self.live.forsake(1);
            }
            false
        }

        /// What a heap does while it lives; answers the blocks that came back.
        fn drain(&self) -> u32 {
            let count = count_and_drop(self.queue.take());
            self.live.add(count.wrapping_neg());
            count
        }

        /// What a heap does when it is dropped; true if that released the segment.
        fn close(&self) -> bool {
            self.live.add(1);
            let mut released = false;
            for _ in 0..count_and_drop(self.queue.close()) {
                released |= self.live.forsake(1);
            }
            released | self.live.forsake(1)
        }
    }

    fn count_and_drop(mut list: *mut Link) -> u32 {
        let mut count = 0;
        while !list.is_null() {
            // SAFETY: every block of these tests is a leaked `Box<Link>`, taken exactly once.
            list = unsafe { Box::from_raw(list) }.next;
            count += 1;
        }
        count
    }

    #[test]
    fn a_segment_is_released_once_whoever_comes_last() {
        explore(|| {
            let home = Home::with_blocks(2);
            let freers: Vec<_> = (0..2)
                .map(|_| {
                    let home = Arc::clone(&home);
                    thread::spawn(move || home.free())
                })
                .collect();
            home.drain();
            let mut released = u32::from(home.close());
            for freer in freers {
                released += u32::from(freer.join().expect("a freer does not panic"));
            }
            assert_eq!(released, 1);
        });
    }

    #[test]
    fn every_block_comes_back_once() {
        explore(|| {
            let home = Home::with_blocks(3);
            let freer = Arc::clone(&home);
            let freer = thread::spawn(move || {
                freer.free();
                freer.free();
            });
            home.free();
            let first = home.drain();
            freer.join().expect("a freer does not panic");
            assert_eq!(first + home.drain(), 3);
            assert_eq!(home.live.get(), 0);
        });
    }
}
