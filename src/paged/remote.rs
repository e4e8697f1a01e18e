//! How blocks freed by other threads come home: a lock-free stack linked through the freed blocks themselves.
//!
//! Any thread pushes; only the heap that owns the queue takes, and it takes everything at once, so a block can
//! never return to the top while a pusher compares it (no ABA). When the heap is dropped it closes the queue: whoever pushes
//! after that is told so and releases the block itself.
//!
//! It stands alone, so that loom can run every interleaving of it: the command is in `mod tests`.

#![allow(unsafe_code)] // The link is written into the freed block, through a raw pointer.

#[cfg(loom)]
use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

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
    /// `block` is valid for writing a [`Link`], and the caller gives it up unless `Closed` is returned.
    pub(super) unsafe fn push(&self, block: *mut Link) -> Result<(), Closed> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == closed() {
                // What the closing heap wrote about the block's segment must be seen by whoever releases it.
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

/// `RUSTFLAGS="--cfg loom" cargo test --release --no-default-features --lib paged::remote`
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

    /// Frees a taken list; answers how many blocks it had.
    fn release(mut list: *mut Link) -> usize {
        let mut count = 0;
        while !list.is_null() {
            // SAFETY: every block of these tests is a leaked `Box<Link>`, taken exactly once.
            let link = unsafe { Box::from_raw(list) };
            list = link.next;
            count += 1;
        }
        count
    }

    /// Pushes `count` fresh blocks; answers how many were refused.
    fn push(queue: &Queue, count: usize) -> usize {
        let mut refused = 0;
        for _ in 0..count {
            let block = Box::into_raw(Box::new(Link { next: ptr::null_mut() }));
            // SAFETY: the block was just made and is forgotten if it was taken over.
            if unsafe { queue.push(block) } == Err(Closed) {
                // SAFETY: the queue refused it, so it is still ours.
                drop(unsafe { Box::from_raw(block) });
                refused += 1;
            }
        }
        refused
    }

    #[test]
    fn every_block_is_taken_once_or_refused() {
        explore(|| {
            let queue = Arc::new(Queue::new(0));
            let pushers: Vec<_> = (0..2)
                .map(|_| {
                    let queue = Arc::clone(&queue);
                    thread::spawn(move || push(&queue, 2))
                })
                .collect();
            let mut seen = release(queue.take());
            seen += release(queue.close());
            for pusher in pushers {
                seen += pusher.join().expect("a pusher does not panic");
            }
            assert_eq!(seen, 4);
        });
    }
}
