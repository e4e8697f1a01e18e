//! Building a table at once, when all its entries come before the first is looked at.
//!
//! Entries come in an order that has nothing to do with where they go. Put one by one, each waits
//! for its page, and a page is rebuilt again and again as it grows. Here they are first sorted into
//! partitions by the top bits of their hashes (`spill.rs`), and then every page is made once, at
//! its depth, in a block of just its size; several threads do that, each with a page heap of its
//! own, which the table's heap adopts. The directory is made last, over the pages.
//!
//! The table becomes what it would have become entry by entry, but for the slack in its pages.
//! Memory: what waits here takes little more than its pages will, and a partition is given back as
//! soon as its pages are made.

use std::collections::HashMap;

use super::batch::{Batch, Head};
use super::edit::{set_clock, set_offset};
use super::entry::{Parts, is_plain};
use super::node::{Leaf, Root, top};
use super::page::{DATA_MAX, ENTRIES_MAX, SLOT, Side, capacity_for, extra, slots_for, tag};
use super::ptr::PagePtr;
use super::spill::{Item, Partition, Range, ranges};
use super::table::{DEPTH_MAX, DEPTH_SLACK, Tally};
use super::{Object, PageHeap, Table};

/// Expected bytes for each partition: with its index it shall lie in a second-level cache.
const PARTITION_BYTES: usize = 512 << 10;
/// At most 2^10 partitions: each is a stream of writes, and so many lines are under way.
const PARTITION_BITS_MAX: u32 = 10;
/// Partitions with fewer entries are built together.
const ENTRIES_FEW: usize = 16 << 10;
/// Tables with fewer entries are built by the calling thread in the given heap.
const ALONE: usize = 128 << 10;
/// Each thread's heap leaves a queue behind that the adopting heap looks at on every allocation.
const THREADS_MAX: usize = 16;

/// Collects the entries of a table, and builds it.
pub struct Builder<O> {
    /// 2^bits of them.
    partitions: Vec<Partition<O>>,
    bits: u8,
    clock: u32,
}

impl<O: Object> Builder<O> {
    /// A builder for entries of some `bytes_expected` in all (any number will do); `clock` is for
    /// entries that come without one.
    pub fn new(bytes_expected: usize, clock: u32) -> Self {
        let partitions = (bytes_expected / PARTITION_BYTES).clamp(1, 1 << PARTITION_BITS_MAX);
        let bits = partitions.ilog2() as u8;
        let mut partitions = Vec::new();
        partitions.resize_with(1 << bits, Partition::default);
        Self { partitions, bits, clock }
    }

    /// Adds the entries of a batch and leaves it empty. Of entries with the same key the last one
    /// counts.
    pub fn add(&mut self, batch: &mut Batch<O>) {
        let mut slots = batch.slots.drain(..);
        let mut rest = batch.bytes.as_slice();
        for head in &batch.heads {
            let (entry, after) = rest.split_at(usize::from(head.size));
            rest = after;
            let slot = if head.sided { slots.next() } else { None };
            self.partitions[top(head.hash, self.bits)].push(head, entry, slot);
        }
        drop(slots);
        batch.clear();
    }

    /// Makes the table's pages and directory, on so many threads.
    ///
    /// # Panics
    ///
    /// If the table is not empty.
    pub fn build(mut self, heap: &mut PageHeap, threads: usize, table: &mut Table<O>) {
        assert!(table.is_empty(), "a table is built from nothing");
        let entries: usize = self.partitions.iter().map(|partition| partition.entries).sum();
        if entries == 0 {
            return;
        }
        let mut ranges_to_build = Vec::new();
        ranges(&mut self.partitions, 0, 0, ENTRIES_FEW, &mut ranges_to_build);
        let mut built = if entries < ALONE || threads < 2 {
            let mut built = Built::new(self.clock);
            for range in ranges_to_build {
                built.range(heap, range);
            }
            built
        } else {
            self.build_in_parallel(heap, threads.min(THREADS_MAX), ranges_to_build)
        };
        // In the order of their hashes.
        built.leaves.sort_by_key(|leaves| leaves.first().map(|leaf| leaf.start));
        let (root, bytes) = Root::of_leaves(built.leaves.into_iter().flatten().collect());
        table.root = root;
        table.tally = built.tally;
        table.tally.bytes += bytes;
        table.upsert_batch(heap, &mut built.left, self.clock, drop);
    }

    fn build_in_parallel(
        &self,
        heap: &mut PageHeap,
        threads: usize,
        ranges: Vec<Range<O>>,
    ) -> Built<O> {
        let (sender, to_build) = crossbeam_channel::unbounded();
        for range in ranges {
            let _received = sender.send(range);
        }
        drop(sender);
        let mut all = Built::new(self.clock);
        std::thread::scope(|scope| {
            let work = || {
                let mut heap = PageHeap::eager();
                let mut built = Built::new(self.clock);
                for range in to_build.clone() {
                    built.range(&mut heap, range);
                }
                (heap, built)
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                match worker.join() {
                    Ok((own, built)) => {
                        heap.adopt(own);
                        all.join(built);
                    }
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        all
    }
}

/// What is made of ranges.
struct Built<O> {
    /// For each range.
    leaves: Vec<Vec<Leaf<O>>>,
    tally: Tally,
    clock: u32,
    /// Entries for overflow pages: for so many with nearly the same hash, the ordinary way.
    left: Batch<O>,
    /// Kept from range to range: entries in order of arrival, and in order of their hashes.
    arrived: Vec<Item>,
    sorted: Vec<Item>,
}

impl<O: Object> Built<O> {
    fn new(clock: u32) -> Self {
        Self {
            leaves: Vec::new(),
            tally: Tally::default(),
            clock,
            left: Batch::default(),
            arrived: Vec::new(),
            sorted: Vec::new(),
        }
    }

    fn join(&mut self, mut other: Self) {
        self.leaves.append(&mut other.leaves);
        self.tally.len += other.tally.len;
        self.tally.expiring += other.tally.expiring;
        self.tally.bytes += other.tally.bytes;
        self.left.append(&mut other.left);
    }

    /// Builds the pages of a range, and gives its memory back.
    fn range(&mut self, heap: &mut PageHeap, mut range: Range<O>) {
        self.sort(&range);
        let mut items = std::mem::take(&mut self.sorted);
        drop_overwritten(&range, &mut items);
        let pages = (items.len() / ENTRIES_MAX).max(1);
        let depth_max = (u32::from(range.depth) + pages.ilog2() + DEPTH_SLACK).min(DEPTH_MAX) as u8;
        let (start, depth) = (range.start, range.depth);
        self.leaves.push(Vec::new());
        self.leaves_of(heap, &mut range, &items, (start, depth), depth_max);
        self.sorted = items;
    }

    /// Sorts the range's entries by their hashes, those with the same one as they came.
    fn sort(&mut self, range: &Range<O>) {
        /// Entries of a bucket: few, for a simple sort.
        const BUCKET: usize = 8;
        let bits = (range.entries / BUCKET).max(1).ilog2() as u8;
        let bucket = |item: &Item| top(item.hash << range.depth, bits);
        let mut begins = vec![0u32; (1 << bits) + 1];
        self.arrived.clear();
        range.each(|item| {
            begins[bucket(&item) + 1] += 1;
            self.arrived.push(item);
        });
        let mut begin = 0;
        for count in &mut begins {
            begin += *count;
            *count = begin;
        }
        self.sorted.resize(self.arrived.len(), Item::default());
        for item in &self.arrived {
            let begin = &mut begins[bucket(item)];
            self.sorted[*begin as usize] = *item;
            *begin += 1;
        }
        // Now each says where the next one begins.
        let mut begin = 0;
        for end in &begins[..1 << bits] {
            self.sorted[begin..*end as usize].sort_by_key(|item| item.hash);
            begin = *end as usize;
        }
    }

    /// Makes one page of these entries, or, if they do not fit one, of each half of their range.
    fn leaves_of(
        &mut self,
        heap: &mut PageHeap,
        range: &mut Range<O>,
        items: &[Item],
        (start, depth): (u64, u8),
        depth_max: u8,
    ) {
        let fitting = fitting(items);
        if fitting == items.len() || depth >= depth_max {
            let (items, left) = items.split_at(fitting);
            let page = self.page(heap, range, items, depth);
            let leaf = Leaf { start, depth, earliest: page.earliest(), page };
            self.leaves.last_mut().expect("each range has a list").push(leaf);
            for item in left {
                let slot = range.take_slot(item);
                let clock = range.clock(item);
                self.left.push_entry(item.hash, clock, range.entry(item), slot);
            }
            return;
        }
        let bit = 1 << (63 - depth);
        let (low, high) = items.split_at(items.partition_point(|item| item.hash & bit == 0));
        self.leaves_of(heap, range, low, (start, depth + 1), depth_max);
        self.leaves_of(heap, range, high, (start | bit, depth + 1), depth_max);
    }

    /// Makes a page of entries that fit it.
    fn page(
        &mut self,
        heap: &mut PageHeap,
        range: &mut Range<O>,
        items: &[Item],
        depth: u8,
    ) -> PagePtr<O> {
        let bytes: usize = items.iter().map(|item| usize::from(item.size)).sum();
        let slots = slots_for(items.len());
        let mut page = PagePtr::new(heap, capacity_for(SLOT * slots + bytes), slots, depth);
        let (header, data) = page.get_mut().expect("a page just made is not shared");
        let mut to = SLOT * slots;
        let mut earliest = u64::MAX;
        let mut side: Option<Box<Side<O>>> = None;
        for (index, item) in items.iter().enumerate() {
            let entry = range.entry(item);
            let end = to + entry.len();
            data[to..end].copy_from_slice(entry);
            data[index] = tag(item.hash);
            set_offset(data, slots, index, to, extra(item.hash));
            let clock = range.clock(item);
            let clock = if clock == Head::NO_CLOCK { self.clock } else { clock };
            set_clock(data, slots, index, clock);
            if !is_plain(entry) {
                let parts = Parts::read(entry, 0);
                let expiry = parts.expiry(entry);
                if expiry != 0 {
                    header.expiring += 1;
                    earliest = earliest.min(expiry);
                }
                if let Some(slot) = range.take_slot(item) {
                    self.tally.bytes += slot.heap_bytes();
                    let side = side.get_or_insert_with(|| {
                        let mut side = Side::new();
                        let sided = items[index..].iter().filter(|item| range.is_sided(item));
                        side.slots.reserve_exact(sided.count());
                        Box::new(side)
                    });
                    data[to + parts.value_at] = side.slots.len() as u8;
                    side.slots.push(slot);
                }
            }
            to = end;
        }
        header.entries = items.len() as u8;
        header.used = to as u16;
        header.side = side;
        *header.earliest.get_mut() = earliest;
        self.tally.len += items.len();
        self.tally.expiring += usize::from(header.expiring);
        self.tally.bytes += page.footprint();
        page
    }
}

/// How many of these entries, from the first on, fit one page.
fn fitting(items: &[Item]) -> usize {
    let mut bytes = 0;
    for (index, item) in items.iter().enumerate().take(ENTRIES_MAX) {
        bytes += usize::from(item.size);
        if SLOT * slots_for(index + 1) + bytes > DATA_MAX {
            return index;
        }
    }
    items.len().min(ENTRIES_MAX)
}

/// Leaves of entries with the same key the last one only. They are sorted by their hashes.
fn drop_overwritten<O: Object>(range: &Range<O>, items: &mut Vec<Item>) {
    if items.windows(2).all(|pair| pair[0].hash != pair[1].hash) {
        return;
    }
    let mut kept = Vec::with_capacity(items.len());
    for same in items.chunk_by(|a, b| a.hash == b.hash) {
        if let [only] = same {
            kept.push(*only);
            continue;
        }
        let numbered = || same.iter().enumerate();
        let last: HashMap<_, _> = numbered().map(|(n, item)| (range.key(item), n)).collect();
        kept.extend(numbered().filter(|(n, item)| last[range.key(item)] == *n).map(|(_, i)| *i));
    }
    *items = kept;
}
