//! Thin counted pointers: [`PagePtr`] to a page in the page heap, [`Shared`] to anything else.
//!
//! `std::sync::Arc` has a weak count, which costs a locked instruction on every "am I alone?"
//! (asked three times by every write) and eight bytes a page; and it cannot live in our heap. These
//! have one count, in the header.

#![allow(unsafe_code)] // Reference counting over raw memory.

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use super::heap::{BLOCK_HEAD, GRANULE, PageHeap, free_remote};
use super::page::Side;

/// Counts above this can only come from leaking pointers: stop before they wrap.
const COUNT_MAX: u32 = u32::MAX / 2;

/// Bytes of a page's header.
pub(super) const HEADER: usize = 32;

/// What stands before a page's data. The picture is in `mod.rs`.
#[repr(C)]
pub(super) struct Header<O> {
    count: AtomicU32,
    /// Data bytes behind this header.
    capacity: u16,
    /// End of the last entry.
    pub(super) used: u16,
    /// Bytes in holes between entries.
    pub(super) dead: u16,
    pub(super) entries: u8,
    /// Room for this many tags, offsets and clocks.
    pub(super) slots: u8,
    /// How many top bits of the hash all keys here have in common.
    pub(super) depth: u8,
    /// Entries with an expiry.
    pub(super) expiring: u8,
    /// 1 if an overflow page follows.
    pub(super) chained: u8,
    reserved: u8,
    /// No entry expires before this (unix ms); `u64::MAX` if none does. Atomic because it may be
    /// corrected upwards while the page is shared: all who share the page want the same.
    pub(super) earliest: AtomicU64,
    pub(super) side: Option<Box<Side<O>>>,
}

const _: () = assert!(size_of::<Header<()>>() == HEADER);

/// A counted pointer to a page.
///
/// Dropped by anybody, the page returns to its heap over the heap's queue; who holds the heap calls
/// [`PagePtr::free`], which is direct.
pub(super) struct PagePtr<O>(NonNull<Header<O>>, PhantomData<Header<O>>);

// SAFETY: like an `Arc<Header<O>>`: the count is atomic, and `&mut` is given out only at count one.
unsafe impl<O: Send + Sync> Send for PagePtr<O> {}
// SAFETY: as above.
unsafe impl<O: Send + Sync> Sync for PagePtr<O> {}

impl<O> PagePtr<O> {
    /// An empty page with room for `slots` entries and `capacity` bytes, slot arrays included.
    pub(super) fn new(heap: &mut PageHeap, capacity: usize, slots: usize, depth: u8) -> Self {
        let at = heap.allocate(HEADER + capacity).cast::<Header<O>>();
        let header = Header {
            count: AtomicU32::new(1),
            capacity: capacity as u16,
            used: 0,
            dead: 0,
            entries: 0,
            slots: slots as u8,
            depth,
            expiring: 0,
            chained: 0,
            reserved: 0,
            earliest: AtomicU64::new(u64::MAX),
            side: None,
        };
        // SAFETY: the block is ours, aligned to 64, and has room for header and data.
        unsafe { at.write(header) };
        Self(at, PhantomData)
    }

    #[inline(always)]
    pub(super) fn header(&self) -> &Header<O> {
        // SAFETY: counted, so alive; changed only through `get_mut`, which excludes this borrow.
        unsafe { self.0.as_ref() }
    }

    #[inline(always)]
    pub(super) fn data(&self) -> &[u8] {
        // SAFETY: `capacity` bytes follow the header (see `new`); all bytes of a heap block are
        // initialized.
        unsafe {
            let start = self.0.as_ptr().cast::<u8>().add(HEADER);
            std::slice::from_raw_parts(start, usize::from(self.header().capacity))
        }
    }

    #[inline(always)]
    pub(super) fn is_unique(&self) -> bool {
        // Acquire: what another thread did with the page before it let go is seen before we write.
        self.header().count.load(Ordering::Acquire) == 1
    }

    /// Header and data for writing, if nobody shares the page.
    #[inline(always)]
    pub(super) fn get_mut(&mut self) -> Option<(&mut Header<O>, &mut [u8])> {
        if !self.is_unique() {
            return None;
        }
        // SAFETY: the only pointer to the page is borrowed mutably, so nobody can read it or make
        // another. Header and data do not overlap; `data` has `capacity` initialized bytes.
        unsafe {
            let header = self.0.as_mut();
            let start = self.0.as_ptr().cast::<u8>().add(HEADER);
            let data = std::slice::from_raw_parts_mut(start, usize::from(header.capacity));
            Some((header, data))
        }
    }

    /// The page's address, for prefetching.
    #[inline(always)]
    pub(super) fn address(&self) -> *const u8 {
        self.0.as_ptr().cast::<u8>()
    }

    /// Bytes that the page takes from its heap.
    #[inline]
    pub(super) fn block_bytes(&self) -> usize {
        (BLOCK_HEAD + HEADER + usize::from(self.header().capacity)).next_multiple_of(GRANULE)
    }

    /// Whether the page's segment is being emptied.
    pub(super) fn is_evacuating(&self, heap: &PageHeap) -> bool {
        // SAFETY: the page is allocated as long as `self` counts.
        unsafe { heap.wants_out(self.0.cast()) }
    }

    /// Lets go; the last one frees the page, into `heap` at once if it came from there.
    pub(super) fn free(self, heap: &mut PageHeap) {
        let page = std::mem::ManuallyDrop::new(self);
        if page.let_go() {
            // SAFETY: ours was the last pointer, and it is not dropped again.
            unsafe {
                page.0.drop_in_place();
                heap.free(page.0.cast());
            }
        }
    }

    /// Gives up this pointer's count; true if it was the last.
    #[inline]
    fn let_go(&self) -> bool {
        let count = &self.header().count;
        if count.load(Ordering::Acquire) == 1 {
            return true;
        }
        if count.fetch_sub(1, Ordering::Release) != 1 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }
}

impl<O> Clone for PagePtr<O> {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed, as in `Arc`: a new pointer is made from one that is there.
        let before = self.header().count.fetch_add(1, Ordering::Relaxed);
        assert!(before < COUNT_MAX, "too many pointers to one page");
        Self(self.0, PhantomData)
    }
}

impl<O> Drop for PagePtr<O> {
    fn drop(&mut self) {
        if self.let_go() {
            // SAFETY: ours was the last pointer. The header holds what needs dropping; data is
            // bytes.
            unsafe {
                self.0.drop_in_place();
                free_remote(self.0.cast());
            }
        }
    }
}

/// A counted pointer without weak references: an `Arc` that tells without a locked instruction
/// whether it is alone.
pub struct Shared<T>(NonNull<Counted<T>>, PhantomData<Counted<T>>);

struct Counted<T> {
    count: AtomicUsize,
    value: T,
}

/// Bytes that a `Shared<T>` takes besides what the value points to.
pub const fn shared_bytes<T>() -> usize {
    size_of::<Counted<T>>()
}

// SAFETY: like an `Arc<T>`: the count is atomic, and `&mut` is given out only at count one.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Puts a value behind a counted pointer.
    pub fn new(value: T) -> Self {
        let counted = Box::new(Counted { count: AtomicUsize::new(1), value });
        Self(NonNull::from(Box::leak(counted)), PhantomData)
    }

    /// The value for writing, if nobody shares it.
    #[inline(always)]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: alive, since counted. At count one the only pointer is borrowed mutably here.
        unsafe {
            if self.0.as_ref().count.load(Ordering::Acquire) != 1 {
                return None;
            }
            Some(&mut self.0.as_mut().value)
        }
    }
}

impl<T: Clone> Shared<T> {
    /// The value for writing: this one if nobody shares it, else a copy that takes its place.
    #[inline(always)]
    pub fn make_mut(&mut self) -> &mut T {
        // SAFETY: alive, since counted.
        if unsafe { self.0.as_ref().count.load(Ordering::Acquire) } != 1 {
            *self = Self::new(T::clone(self));
        }
        // SAFETY: count one, and the only pointer is borrowed mutably.
        unsafe { &mut self.0.as_mut().value }
    }

    /// The value: moved out if nobody shares it, else a copy.
    pub fn unwrap_or_clone(mut self) -> T {
        if self.get_mut().is_none() {
            return T::clone(&self);
        }
        let alone = std::mem::ManuallyDrop::new(self);
        // SAFETY: ours is the only pointer, made from a box by `new`, and it is not dropped again.
        unsafe { Box::from_raw(alone.0.as_ptr()) }.value
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: counted, so alive; changed only at count one through a mutable borrow.
        unsafe { &self.0.as_ref().value }
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: alive, since counted.
        let before = unsafe { self.0.as_ref().count.fetch_add(1, Ordering::Relaxed) };
        assert!(before < usize::MAX / 2, "too many pointers to one node");
        Self(self.0, PhantomData)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: alive until the last count is gone, which is then ours; made from a box by `new`.
        unsafe {
            if self.0.as_ref().count.fetch_sub(1, Ordering::Release) == 1 {
                fence(Ordering::Acquire);
                drop(Box::from_raw(self.0.as_ptr()));
            }
        }
    }
}
