//! The page heap: where pages live.
//!
//! Pages are many, between 120 and 4,088 bytes, and change size as they fill; on a general
//! allocator's size classes they take up to 40 % more memory. Here blocks are cut from 2 MiB
//! segments (`segment.rs`) in granules of 128 bytes, good fit first, and free neighbours are joined
//! at once.
//!
//! ```text
//! a block:   ┌ size|flags 4 ┬ size of the block before 4 ┬ payload: 128k - 8 bytes, 64-aligned  ┐
//! free only: │              │ (valid if that one is free)│ next free 8 │ previous free 8 │ ...     │
//! ```
//!
//! Flags: 1 this block is free, 2 the block before it is free. Free blocks of one size (in
//! granules; 63 and more share a list) are linked, and a 64-bit map says which lists have
//! something.
//!
//! A heap belongs to whoever can name it `&mut`. Everybody else's frees come back over [`Queue`].
//! Pages outlive their heap if need be: the last one out unmaps the segment.

#![allow(unsafe_code)] // An allocator: block heads and links are reached through raw pointers.

#[cfg(test)]
mod verify;

use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, TryRecvError};

use super::remote::{Link, Live, Queue};
use super::segment::{self, Mapping, SEGMENT, Segment};

/// Bytes in front of each payload.
pub(super) const BLOCK_HEAD: usize = 8;
/// Block sizes are multiples of this.
pub(super) const GRANULE: usize = 128;
/// The first block head; payloads then start at a multiple of 64.
const FIRST: usize = 56;
/// Bytes for blocks in one segment. The rest is the segment's head, the end mark and alignment.
pub(super) const CAPACITY: usize = SEGMENT - GRANULE;
/// Number of free lists.
const BINS: usize = 64;
/// When the big free block of the newest segment gets smaller than this, the next segment is asked
/// for.
const AHEAD: usize = 1 << 20;
/// Heaps smaller than this many segments map inline and without huge pages: tests and small servers
/// stay small.
const SMALL_SEGMENTS: usize = 4;
/// Blocks brought home by one allocation, at most: freeing a whole table elsewhere must not stall
/// anybody here.
const DRAIN_PER_ALLOCATION: usize = 4;

const FREE: u32 = 1;
const FREE_BEFORE: u32 = 2;

const _: () = assert!(size_of::<Segment>() <= FIRST && FIRST + BLOCK_HEAD == 64);

/// The head of a block in a mapped segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Block(*mut u8);

/// All methods rely on one invariant: a `Block` is made only from a segment's first head, or from
/// the size of a neighbour, or from a payload that was handed out; so it is a head, inside a mapped
/// segment, aligned to 8, and only the holder of the heap (`&mut PageHeap`) goes by it.
impl Block {
    /// The first block of a segment.
    pub(super) fn first(segment: *mut Segment) -> Self {
        // SAFETY: only called for segments of the heap at hand, which are mapped.
        Block(unsafe { segment.cast::<u8>().add(FIRST) })
    }

    fn word(self, index: usize) -> u32 {
        // SAFETY: see the invariant; a head is two words.
        unsafe { self.0.cast::<u32>().add(index).read() }
    }

    fn set_word(self, index: usize, value: u32) {
        // SAFETY: see the invariant.
        unsafe { self.0.cast::<u32>().add(index).write(value) }
    }

    pub(super) fn size(self) -> usize {
        (self.word(0) & !(FREE | FREE_BEFORE)) as usize
    }

    /// Sets the size; keeps whether the block before is free, and marks this one as in use.
    fn set_size(self, size: usize) {
        self.set_word(0, size as u32 | self.word(0) & FREE_BEFORE);
    }

    pub(super) fn is_free(self) -> bool {
        self.word(0) & FREE != 0
    }

    /// The block behind this one, or the end mark.
    pub(super) fn next(self) -> Block {
        self.offset(self.size())
    }

    fn offset(self, bytes: usize) -> Block {
        // SAFETY: the blocks of a segment lie back to back, so this stays inside it.
        Block(unsafe { self.0.add(bytes) })
    }

    /// The block in front, if it is free.
    fn free_before(self) -> Option<Block> {
        // SAFETY: the flag says that there is a block of this size in front.
        (self.word(0) & FREE_BEFORE != 0)
            .then(|| Block(unsafe { self.0.sub(self.word(1) as usize) }))
    }

    /// The links of a free block: next, previous.
    fn link(self, index: usize) -> Block {
        // SAFETY: see the invariant; a block is at least 128 bytes.
        Block(unsafe { self.0.add(BLOCK_HEAD).cast::<*mut u8>().add(index).read() })
    }

    fn set_link(self, index: usize, to: Block) {
        // SAFETY: see the invariant; the payload of a free block is nobody's.
        unsafe { self.0.add(BLOCK_HEAD).cast::<*mut u8>().add(index).write(to.0) }
    }

    fn payload(self) -> NonNull<u8> {
        // SAFETY: inside the segment, so not null.
        unsafe { NonNull::new_unchecked(self.0.add(BLOCK_HEAD)) }
    }

    fn segment(self) -> *mut Segment {
        // SAFETY: see the invariant.
        unsafe { segment::of(self.0) }
    }
}

const NO_BLOCK: Block = Block(ptr::null_mut());

/// A heap of pages. Costs nothing until the first page is put into it.
pub struct PageHeap {
    bins: [Block; BINS],
    /// Bit n: `bins[n]` has a block.
    filled: u64,
    pub(super) segments: Vec<*mut Segment>,
    /// A segment without any live block, kept so that a table hovering around empty does not map
    /// again and again.
    pub(super) spare: *mut Segment,
    pub(super) used: usize,
    /// Which heap this is, given with the first segment. 0 before: no segment says that it belongs
    /// to heap 0.
    pub(super) id: u64,
    /// Where other threads return blocks: this heap's own queue first, then those of adopted
    /// heaps.
    queues: Vec<Arc<Queue>>,
    /// Blocks taken from a queue and not yet freed.
    returned: *mut Link,
    /// Segments being evacuated.
    pub(super) withdrawn: Vec<*mut Segment>,
    /// Where [`PageHeap::begin_evacuation`] goes on looking.
    pub(super) examined: usize,
    /// The next segment, being populated.
    ahead: Option<Receiver<Mapping>>,
    /// Segments are populated when they are added: nobody waits for this heap.
    eager: bool,
}

// SAFETY: the pointers lead to segments that this heap manages alone: what other threads do to them
// goes through the atomics of `Segment` and `Queue`. Through `&PageHeap` only plain counters can be
// read.
unsafe impl Send for PageHeap {}
// SAFETY: as above.
unsafe impl Sync for PageHeap {}

impl Default for PageHeap {
    fn default() -> Self {
        Self::new()
    }
}

impl PageHeap {
    /// An empty heap.
    pub fn new() -> Self {
        Self::detached()
    }

    /// A heap that owns nothing, to stand beside a frozen copy whose pages belong to another heap.
    ///
    /// It can be written with all the same: then it is like any new heap.
    pub const fn detached() -> Self {
        Self {
            bins: [NO_BLOCK; BINS],
            filled: 0,
            segments: Vec::new(),
            spare: ptr::null_mut(),
            used: 0,
            id: 0,
            queues: Vec::new(),
            returned: ptr::null_mut(),
            withdrawn: Vec::new(),
            examined: 0,
            ahead: None,
            eager: false,
        }
    }

    /// An empty heap for a loader, which fills many segments in a row and whom a stall does not
    /// hurt.
    pub(super) fn eager() -> Self {
        let mut heap = Self::detached();
        heap.eager = true;
        heap
    }

    /// Bytes of all blocks in use: the pages of live tables, and those held only by frozen ones.
    pub fn used_bytes(&self) -> usize {
        self.used
    }

    /// Bytes taken from the system.
    pub fn committed_bytes(&self) -> usize {
        self.segments.len() * SEGMENT
    }

    /// Bytes taken from the system and not in use.
    pub fn free_bytes(&self) -> usize {
        self.committed_bytes() - self.used
    }

    /// A block with room for `size` bytes, aligned to 64. All its bytes are initialized (to
    /// anything).
    pub(super) fn allocate(&mut self, size: usize) -> NonNull<u8> {
        if !self.returned.is_null() || self.queues.iter().any(|queue| !queue.is_empty()) {
            self.drain_remote(DRAIN_PER_ALLOCATION);
        }
        let size = (size + BLOCK_HEAD).next_multiple_of(GRANULE);
        // No page needs more than 32 granules, so that any block of the last list will do as well.
        debug_assert!(size / GRANULE < BINS - 1);
        loop {
            let fitting = self.filled >> (size / GRANULE);
            if fitting != 0 {
                let bin = size / GRANULE + fitting.trailing_zeros() as usize;
                return self.carve(self.bins[bin], size);
            }
            self.grow();
        }
    }

    /// Takes the first `size` bytes of a free block.
    fn carve(&mut self, block: Block, size: usize) -> NonNull<u8> {
        let whole = block.size();
        self.unlink(block);
        if whole > size {
            block.set_size(size);
            let rest = block.offset(size);
            rest.set_word(0, (whole - size) as u32);
            self.link(rest);
        } else {
            block.set_size(whole);
            let next = block.next();
            next.set_word(0, next.word(0) & !FREE_BEFORE);
        }
        if whole >= AHEAD && whole - size < AHEAD {
            self.populate_ahead();
        }
        let segment = block.segment();
        if segment == self.spare {
            self.spare = ptr::null_mut();
        }
        self.used += size;
        self.add_live(segment, size as u32);
        block.payload()
    }

    /// Frees a payload of this or of any other heap.
    ///
    /// # Safety
    ///
    /// It came from [`PageHeap::allocate`], and nobody uses it any more.
    pub(super) unsafe fn free(&mut self, payload: NonNull<u8>) {
        // SAFETY: the caller's promise: the segment is mapped as long as the block is not freed.
        let owner = unsafe { (*(*segment::of(payload.as_ptr())).queue).owner() };
        if owner == self.id {
            self.free_own(payload);
        } else {
            // SAFETY: the caller's promise.
            unsafe { free_remote(payload) }
        }
    }

    fn free_own(&mut self, payload: NonNull<u8>) {
        // SAFETY: a payload is preceded by its head.
        let mut block = Block(unsafe { payload.as_ptr().sub(BLOCK_HEAD) });
        let mut size = block.size();
        let segment = block.segment();
        self.used -= size;
        let live = self.add_live(segment, (size as u32).wrapping_neg());
        if cfg!(test) {
            // Who still looks at a freed page shall not find what he expects.
            // SAFETY: the payload was given up.
            unsafe { payload.write_bytes(0xDD, size - BLOCK_HEAD) }
        }
        let next = block.next();
        if next.is_free() {
            size += next.size();
            self.unlink(next);
        }
        if let Some(before) = block.free_before() {
            size += before.size();
            self.unlink(before);
            block = before;
        }
        block.set_size(size);
        self.link(block);
        if live == 0 {
            self.retire(segment, block);
        }
    }

    /// A segment has no live block left, only this free one: keep it as the spare or give it back.
    fn retire(&mut self, segment: *mut Segment, whole: Block) {
        debug_assert_eq!(whole.size(), CAPACITY);
        if self.spare.is_null() && !self.is_evacuating(segment) {
            self.spare = segment;
            return;
        }
        self.unlink(whole);
        self.segments.retain(|other| *other != segment);
        self.withdrawn.retain(|other| *other != segment);
        // SAFETY: no block of it is in use, and it was just forgotten.
        unsafe { segment::release(segment) }
    }

    /// Adds to a segment's live bytes (wrapping: the negative subtracts); answers the new count.
    fn add_live(&mut self, segment: *mut Segment, bytes: u32) -> u32 {
        // SAFETY: a segment of this heap is mapped, and only this heap counts while it lives.
        unsafe { (*segment).live.add(bytes) }
    }

    /// Bytes in use in a segment of this heap.
    pub(super) fn live(&self, segment: *mut Segment) -> usize {
        // SAFETY: a segment of this heap is mapped.
        unsafe { (*segment).live.get() as usize }
    }

    /// Sets whether a segment of this heap is being emptied. The caller takes its free blocks off
    /// their lists before, or puts them on again after.
    pub(super) fn set_evacuating(&mut self, segment: *mut Segment, evacuating: bool) {
        // SAFETY: a segment of this heap is mapped, and only this heap uses the flag.
        unsafe { (*segment).evacuating = evacuating }
    }

    /// Whether this payload lies in a segment of this heap that is to be emptied.
    ///
    /// # Safety
    ///
    /// The payload is allocated.
    pub(super) unsafe fn wants_out(&self, payload: NonNull<u8>) -> bool {
        // SAFETY: its segment is mapped as long as it is allocated.
        unsafe {
            let segment = segment::of(payload.as_ptr());
            (*(*segment).queue).owner() == self.id && (*segment).evacuating
        }
    }

    pub(super) fn is_evacuating(&self, segment: *mut Segment) -> bool {
        // SAFETY: a segment of this heap is mapped, and only this heap uses the flag.
        unsafe { (*segment).evacuating }
    }

    /// Marks a block as free and, unless its segment is being evacuated, offers it.
    pub(super) fn link(&mut self, block: Block) {
        let size = block.size();
        block.set_word(0, block.word(0) | FREE);
        let next = block.offset(size);
        next.set_word(0, next.word(0) | FREE_BEFORE);
        next.set_word(1, size as u32);
        if self.is_evacuating(block.segment()) {
            return;
        }
        let bin = bin(size);
        let first = self.bins[bin];
        block.set_link(0, first);
        block.set_link(1, NO_BLOCK);
        if first != NO_BLOCK {
            first.set_link(1, block);
        }
        self.bins[bin] = block;
        self.filled |= 1 << bin;
    }

    /// Takes a free block off its list (if its segment has it on one).
    pub(super) fn unlink(&mut self, block: Block) {
        if self.is_evacuating(block.segment()) {
            return;
        }
        let (next, previous) = (block.link(0), block.link(1));
        if previous != NO_BLOCK {
            previous.set_link(0, next);
        } else {
            let bin = bin(block.size());
            self.bins[bin] = next;
            if next == NO_BLOCK {
                self.filled &= !(1 << bin);
            }
        }
        if next != NO_BLOCK {
            next.set_link(1, previous);
        }
    }

    /// Adds a segment: the one populated ahead if it is there, else one mapped now.
    fn grow(&mut self) {
        if self.eager
            && let Some(mapping) = Mapping::populated()
        {
            return self.add(mapping);
        }
        let answer = self.ahead.as_ref().map(Receiver::try_recv);
        if !matches!(answer, None | Some(Err(TryRecvError::Empty))) {
            self.ahead = None;
        }
        let mapping = match answer {
            Some(Ok(mapping)) => mapping,
            // Late: small pages as they are touched, since a huge one now would stall us.
            _ => Mapping::new(),
        };
        self.add(mapping);
    }

    /// Makes a segment of fresh memory.
    fn add(&mut self, mapping: Mapping) {
        if self.queues.is_empty() {
            static NEXT_ID: AtomicU64 = AtomicU64::new(1);
            self.id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
            self.queues.push(Arc::new(Queue::new(self.id)));
        }
        let start = mapping.into_raw().as_ptr();
        let queue = Arc::into_raw(Arc::clone(&self.queues[0]));
        // SAFETY: fresh memory, large and aligned enough for the segment's head, and for a block
        // head after it.
        unsafe {
            let head = Segment { live: Live::new(), evacuating: false, queue };
            start.cast::<Segment>().write(head);
            self.segments.push(start.cast());
            let first = Block::first(start.cast());
            first.set_word(0, CAPACITY as u32);
            first.next().set_word(0, 0);
            self.link(first);
        }
    }

    /// Has the next segment mapped and populated by another thread, so that the first touch of its
    /// huge page stalls nobody. Called by itself when the newest segment runs short; before a
    /// known rush it may be called by hand.
    pub fn populate_ahead(&mut self) {
        if self.ahead.is_none() && !self.eager && self.segments.len() >= SMALL_SEGMENTS {
            self.ahead = Some(segment::request_ahead());
        }
    }

    /// Brings home blocks that other threads freed, at most `max`; answers how many.
    pub fn drain_remote(&mut self, max: usize) -> usize {
        let mut count = 0;
        for index in 0..self.queues.len() {
            loop {
                if self.returned.is_null() {
                    self.returned = self.queues[index].take();
                }
                let Some(block) = NonNull::new(self.returned) else { break };
                if count == max {
                    return count;
                }
                // SAFETY: the list was taken from the queue, so its blocks are ours; each begins
                // with its link.
                self.returned = unsafe { block.read().next };
                self.free_own(block.cast());
                count += 1;
            }
        }
        count
    }

    /// Takes over all pages and segments of another heap, as when a parallel loader is done.
    pub fn adopt(&mut self, mut other: PageHeap) {
        other.drain_remote(usize::MAX);
        if other.segments.is_empty() {
            return;
        }
        if self.segments.is_empty() {
            other.eager = self.eager;
            std::mem::swap(self, &mut other);
            return;
        }
        other.end_evacuation(usize::MAX);
        for bin in 0..BINS {
            while other.bins[bin] != NO_BLOCK {
                let block = other.bins[bin];
                other.unlink(block);
                self.link(block);
            }
        }
        self.used += std::mem::take(&mut other.used);
        self.segments.append(&mut other.segments);
        for queue in other.queues.drain(..) {
            queue.set_owner(self.id);
            self.queues.push(queue);
        }
        other.spare = ptr::null_mut();
    }
}

/// Pages in use stay valid: their segments are left to whoever frees the last of them.
impl Drop for PageHeap {
    fn drop(&mut self) {
        self.drain_remote(usize::MAX);
        // From the closing on others count down too; one extra byte keeps each segment until we are
        // through.
        for segment in &self.segments {
            count_extra(*segment);
        }
        for queue in &self.queues {
            let mut list = queue.close();
            while let Some(block) = NonNull::new(list) {
                // SAFETY: blocks of the closed queue are ours alone, and each begins with its link.
                unsafe {
                    list = block.read().next;
                    free_forsaken(block.cast());
                }
            }
        }
        for segment in &self.segments {
            // SAFETY: takes the extra byte off again.
            unsafe { segment::forsake(*segment, 1) }
        }
    }
}

fn count_extra(segment: *mut Segment) {
    // SAFETY: a segment of a heap being dropped is mapped.
    unsafe { (*segment).live.add(1) };
}

/// The free list for blocks of this size.
fn bin(size: usize) -> usize {
    (size / GRANULE).min(BINS - 1)
}

/// Frees a payload from a thread that does not hold its heap.
///
/// # Safety
///
/// It came from [`PageHeap::allocate`], and nobody uses it any more.
pub(super) unsafe fn free_remote(payload: NonNull<u8>) {
    // SAFETY: the block keeps its segment mapped, the segment keeps its queue, until the push
    // succeeds.
    unsafe {
        let segment = segment::of(payload.as_ptr());
        if (*(*segment).queue).push(payload.as_ptr().cast()).is_err() {
            free_forsaken(payload);
        }
    }
}

/// # Safety
///
/// The payload is allocated, nobody uses it any more, and its heap is gone (or going).
unsafe fn free_forsaken(payload: NonNull<u8>) {
    // SAFETY: a payload is preceded by its head. Nobody joins blocks of a forsaken segment, so the
    // head is only read by now.
    unsafe {
        let block = Block(payload.as_ptr().sub(BLOCK_HEAD));
        segment::forsake(block.segment(), block.size() as u32);
    }
}
