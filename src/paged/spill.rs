//! Where a [`super::Builder`] keeps entries until all of them are there: one partition for each
//! value of the top bits of their hashes, so that what comes together in the table lies together
//! here, little enough of it to be sorted in the processor's cache.
//!
//! ```text
//! hash 8 │ clock 4 │ size of the entry 2, top bit: has an out-of-line part │ entry │ [its part 4]
//! ```
//!
//! The memory is mapped, not allocated: it goes back to the system as the table grows, partition
//! by partition, instead of staying with the allocator. It is populated when it is mapped, since
//! a fault for each of its pages would take longer than writing them.

use super::Object;
use super::batch::Head;
use super::entry::Parts;
use super::page::Slot;
use super::probe;

/// Bytes in front of an entry.
const HEAD: usize = 8 + 4 + 2;
/// Behind an entry: where in [`Chunk::slots`] its out-of-line part is.
const SLOT_INDEX: usize = 4;
/// Marks the size of an entry with an out-of-line part.
const SIDED: u16 = 1 << 15;
/// Bytes of a partition's first chunks.
const CHUNK_MIN: usize = 64 << 10;
/// Later ones are this part of what the partition has: mappings are a limited resource, and so is
/// what is mapped and not used.
const CHUNK_PART: usize = 8;
/// Offsets in a chunk have 32 bits.
const CHUNK_MAX: usize = 256 << 20;

#[cfg(not(miri))]
type Memory = memmap2::MmapMut;
#[cfg(miri)]
type Memory = Vec<u8>;

#[cfg(not(miri))]
fn map(bytes: usize) -> Option<Memory> {
    memmap2::MmapOptions::new().len(bytes).populate().map_anon().ok()
}

#[cfg(miri)]
fn map(bytes: usize) -> Option<Memory> {
    Some(vec![0; bytes])
}

/// The entries whose hashes begin with the same bits, in the order in which they came.
pub(super) struct Partition<O> {
    chunks: Vec<Chunk<O>>,
    pub(super) entries: usize,
}

/// A piece of a partition.
pub(super) struct Chunk<O> {
    memory: Memory,
    used: usize,
    /// Out-of-line parts.
    slots: Vec<Slot<O>>,
}

/// Where an entry is.
#[derive(Clone, Copy, Default)]
pub(super) struct Item {
    pub(super) hash: u64,
    /// In its chunk: where its head begins.
    at: u32,
    chunk: u16,
    /// Bytes of the entry.
    pub(super) size: u16,
}

impl<O> Default for Partition<O> {
    fn default() -> Self {
        Self { chunks: Vec::new(), entries: 0 }
    }
}

impl<O> Partition<O> {
    /// Adds an entry, with its out-of-line part if it has one.
    #[inline]
    pub(super) fn push(&mut self, head: &Head, entry: &[u8], slot: Option<Slot<O>>) {
        self.entries += 1;
        let need = HEAD + entry.len() + SLOT_INDEX;
        let chunk = match self.chunks.last_mut() {
            Some(chunk) if chunk.memory.len() - chunk.used >= need => chunk,
            _ => self.grow(),
        };
        let to = &mut chunk.memory[chunk.used..chunk.used + need];
        let sided = if slot.is_some() { SIDED } else { 0 };
        to[..8].copy_from_slice(&head.hash.to_le_bytes());
        to[8..12].copy_from_slice(&head.clock.to_le_bytes());
        to[12..14].copy_from_slice(&(head.size | sided).to_le_bytes());
        to[HEAD..HEAD + entry.len()].copy_from_slice(entry);
        chunk.used += HEAD + entry.len();
        if let Some(slot) = slot {
            let index = chunk.slots.len() as u32;
            to[need - SLOT_INDEX..].copy_from_slice(&index.to_le_bytes());
            chunk.slots.push(slot);
            chunk.used += SLOT_INDEX;
        }
        // The next entry of this partition comes after some of all others: its lines can be there.
        let next = chunk.memory.as_ptr().wrapping_add(chunk.used);
        probe::prefetch(next.wrapping_add(64));
        probe::prefetch(next.wrapping_add(128));
    }

    #[cold]
    fn grow(&mut self) -> &mut Chunk<O> {
        let all: usize = self.chunks.iter().map(|chunk| chunk.memory.len()).sum();
        let bytes = (all / CHUNK_PART).next_multiple_of(CHUNK_MIN).clamp(CHUNK_MIN, CHUNK_MAX);
        let Some(memory) = map(bytes) else {
            // As every other allocation for which there is no memory.
            std::alloc::handle_alloc_error(
                std::alloc::Layout::array::<u8>(bytes).expect("a chunk's size is a layout"),
            )
        };
        self.chunks.push(Chunk { memory, used: 0, slots: Vec::new() });
        self.chunks.last_mut().expect("one was just pushed")
    }
}

/// Neighbouring partitions: all entries of a range of hashes.
pub(super) struct Range<O> {
    /// Where the range begins.
    pub(super) start: u64,
    /// How many bits all its hashes have in common.
    pub(super) depth: u8,
    chunks: Vec<Chunk<O>>,
    pub(super) entries: usize,
}

/// Joins partitions to ranges of few entries, or of one partition, in the order of their hashes.
/// There is a power of two of partitions; they cover the hashes from `start` on that have `depth`
/// bits in common with it.
pub(super) fn ranges<O>(
    partitions: &mut [Partition<O>],
    start: u64,
    depth: u8,
    entries_few: usize,
    into: &mut Vec<Range<O>>,
) {
    let entries = partitions.iter().map(|partition| partition.entries).sum();
    if entries <= entries_few || partitions.len() == 1 {
        let chunks = partitions.iter_mut().flat_map(|it| it.chunks.drain(..)).collect();
        return into.push(Range { start, depth, chunks, entries });
    }
    let (low, high) = partitions.split_at_mut(partitions.len() / 2);
    ranges(low, start, depth + 1, entries_few, into);
    ranges(high, start | 1 << (63 - depth), depth + 1, entries_few, into);
}

impl<O: Object> Range<O> {
    /// Visits all entries, in the order in which they came as far as they are of one partition.
    #[inline]
    pub(super) fn each(&self, mut f: impl FnMut(Item)) {
        /// Bytes ahead of which a line is asked for: the processor does so by itself only up to the
        /// end of a page of memory.
        const AHEAD: usize = 1024;
        for (number, chunk) in self.chunks.iter().enumerate() {
            let mut at = 0;
            while at < chunk.used {
                let (hash, size) = head(&chunk.memory[at..]);
                probe::prefetch(chunk.memory.as_ptr().wrapping_add(at + AHEAD));
                let item = Item { hash, at: at as u32, chunk: number as u16, size: size & !SIDED };
                let part = if size & SIDED == 0 { 0 } else { SLOT_INDEX };
                at += HEAD + usize::from(item.size) + part;
                f(item);
            }
        }
    }

    /// The entry's bytes.
    #[inline]
    pub(super) fn entry(&self, item: &Item) -> &[u8] {
        let at = item.at as usize + HEAD;
        &self.chunks[usize::from(item.chunk)].memory[at..at + usize::from(item.size)]
    }

    /// The entry's clock, as in its [`Head`].
    #[inline]
    pub(super) fn clock(&self, item: &Item) -> u32 {
        let at = item.at as usize + 8;
        let bytes = self.chunks[usize::from(item.chunk)].memory[at..].first_chunk();
        u32::from_le_bytes(*bytes.expect("a head is in one piece"))
    }

    /// The entry's key.
    pub(super) fn key(&self, item: &Item) -> &[u8] {
        match self.slot_index(item).map(|index| &self.chunks[usize::from(item.chunk)].slots[index])
        {
            Some(Slot::Long(long)) => &long.key,
            _ => {
                let entry = self.entry(item);
                Parts::read(entry, 0).key(entry)
            }
        }
    }

    /// Takes the entry's out-of-line part, if it has one.
    pub(super) fn take_slot(&mut self, item: &Item) -> Option<Slot<O>> {
        let index = self.slot_index(item)?;
        let slot = &mut self.chunks[usize::from(item.chunk)].slots[index];
        Some(std::mem::replace(slot, Slot::Free))
    }

    /// Whether the entry has an out-of-line part.
    pub(super) fn is_sided(&self, item: &Item) -> bool {
        self.slot_index(item).is_some()
    }

    fn slot_index(&self, item: &Item) -> Option<usize> {
        let memory = &self.chunks[usize::from(item.chunk)].memory[item.at as usize..];
        if head(memory).1 & SIDED == 0 {
            return None;
        }
        let index = memory[HEAD + usize::from(item.size)..].first_chunk();
        Some(u32::from_le_bytes(*index.expect("the part's place is in one piece")) as usize)
    }
}

/// Hash, and size with its mark.
#[inline]
fn head(memory: &[u8]) -> (u64, u16) {
    let head: &[u8; HEAD] = memory.first_chunk().expect("a head is in one piece");
    let [h0, h1, h2, h3, h4, h5, h6, h7, _, _, _, _, s0, s1] = *head;
    (u64::from_le_bytes([h0, h1, h2, h3, h4, h5, h6, h7]), u16::from_le_bytes([s0, s1]))
}
