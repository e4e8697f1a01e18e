//! The paged, copy-on-write table: byte-string keys to values, expiries and access clocks.
//!
//! It knows nothing of Redis. It is built for three things: few bytes per key, a frozen copy in
//! O(1), and no operation that takes time in proportion to the number of keys.
//!
//! ```text
//!  Table ──► Directory ──► Node (2..1024 slots) ──► page, page, page ...
//!                     └──► Node ...                 a table of one page: Table ──► page
//!  Frozen ─► the same Directory, until the table is written: then the table has its own copy of
//!            the directory, of one node, and of one page; everything else stays shared
//! ```
//!
//! # A page
//!
//! One block of the page heap, aligned to 64, of 120 to 4,088 bytes. `s` is the number of slots:
//!
//! ```text
//!   0  count     4   who holds this page                ┐
//!   4  capacity  2   data bytes behind the header       │
//!   6  used      2   end of the last entry              │
//!   8  dead      2   bytes in holes between entries     │
//!  10  entries   1   at most 32                         │ header, 32 bytes
//!  11  slots     1   room for tags, offsets, clocks     │
//!  12  depth     1   hash bits all keys have in common  │
//!  13  expiring  1   entries with an expiry             │
//!  14  chained   1   an overflow page follows           │
//!  16  earliest  8   earliest expiry, a lower bound     │
//!  24  side      8   objects, entries with long keys    ┘
//!  32  tags      s   hash bits 0–7                          compared 32 at once
//!      offsets  2s   12 bits of offset, hash bits 8–11: so 12 are compared before an entry is read
//!      clocks   3s   access clocks, beside the tags: a touch dirties no line that is not loaded
//!      entries       appended upwards, drawn in `entry.rs`
//! ```
//!
//! # Who may do what
//!
//! Writers hold `&mut Table` and `&mut PageHeap`. Frozen copies are read and dropped on any thread
//! without either; the pages they alone still held travel back to the heap over a lock-free queue.
//!
//! # Reading order
//!
//! `table` (the operations), `node` (the directory), `page`, `entry`, `edit`, `reshape`, `chain`;
//! `batch`, `spill`, `build` (many entries at once); `frozen`, `scan`, `expiry`, `sample`,
//! `evacuate`; then what they stand on: `heap`, `segment`, `remote`, `ptr`, `probe`. Unsafe code is
//! in these five only.

mod batch;
mod build;
mod chain;
mod edit;
mod entry;
mod evacuate;
mod expiry;
mod frozen;
mod hash;
mod heap;
mod node;
mod page;
mod probe;
mod ptr;
mod remote;
mod reshape;
mod sample;
mod scan;
mod segment;
mod spill;
mod table;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use build::Builder;
pub use evacuate::EvacuationCursor;
pub use frozen::Frozen;
pub use hash::{fix_hash_seed, hash};
pub use heap::PageHeap;
pub use ptr::{Shared, shared_bytes};
pub use table::Table;

/// Values of bytes up to this length are stored in the page; longer ones must come as objects.
pub const INLINE_MAX: usize = 512;

/// Asks for the cache lines of a value that will be looked at soon. A hint, for other structures
/// whose way down is a chain of lines that are far away.
#[inline(always)]
pub fn prefetch<T>(values: &[T]) {
    let start = values.as_ptr().cast::<u8>();
    for at in (0..size_of_val(values)).step_by(64) {
        probe::prefetch(start.wrapping_add(at));
    }
}

/// A value too large or too complex for a page. Holds its content behind an `Arc`, so that a clone
/// is cheap: copying a shared page clones the objects on it.
pub trait Object: Clone + Send + Sync + 'static {
    /// Bytes it takes on the heap, its own allocation included. In O(1).
    fn heap_bytes(&self) -> usize;

    /// Moves what it has in sparse segments of `heap` elsewhere, if it has pages there (a nested
    /// table): as many as `pages` says, which are taken off it, from `cursor` on (0 starts). At
    /// least one, or it would never end. Answers whether that was all.
    fn evacuate(&mut self, heap: &mut PageHeap, cursor: &mut u64, pages: &mut usize) -> bool {
        let _ = (heap, cursor, pages);
        true
    }
}

/// A value as it is found.
#[derive(Debug, PartialEq, Eq)]
pub enum Value<'a, O> {
    /// Bytes of a kind, 0 to 15, whose meaning is the user's.
    Bytes {
        /// As given when it was written.
        kind: u8,
        /// At most [`INLINE_MAX`].
        bytes: &'a [u8],
    },
    /// An integer.
    Int(i64),
    /// An object.
    Object(&'a O),
}

impl<O> Clone for Value<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Value<'_, O> {}

/// A value to be written.
#[derive(Debug)]
pub enum NewValue<'a, O> {
    /// Bytes of a kind, 0 to 15, whose meaning is the user's.
    Bytes {
        /// Comes back with the value.
        kind: u8,
        /// At most [`INLINE_MAX`].
        bytes: &'a [u8],
    },
    /// An integer; takes 1, 2, 4 or 8 bytes.
    Int(i64),
    /// An object.
    Object(O),
}

/// An entry as it is found.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a, O> {
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: Value<'a, O>,
    /// Unix ms, 0 for none. Entries past it are still there until somebody removes them.
    pub expiry: u64,
    /// The access clock, 24 bits.
    pub clock: u32,
}

/// What an upsert does about the entry's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Leaves the one it has.
    Keep,
    /// Clears it.
    None,
    /// Sets it: unix ms; 0 clears.
    At(u64),
}

/// What an upsert did.
#[derive(Debug)]
pub struct Upserted<O> {
    /// The key was not there before.
    pub inserted: bool,
    /// The object that was its value; large ones may be worth dropping elsewhere.
    pub replaced: Option<O>,
}

/// What a removed entry was.
#[derive(Debug)]
pub struct Removed<O> {
    /// The object that was its value; large ones may be worth dropping elsewhere.
    pub object: Option<O>,
    /// Unix ms, 0 for none.
    pub expiry: u64,
}
