//! A table built at once against one filled entry by entry, and against a plain map.

use super::*;

/// Random entries, in order; some keys come more than once if there are `keys` of them only.
fn entries(rng: &mut Rng, count: u64, keys: u64) -> Vec<(Vec<u8>, Content, u64, Option<u32>)> {
    let mut next = 0..count;
    std::iter::from_fn(|| {
        let number = next.next()?;
        let key = key_of(if keys == 0 { number } else { rng.below(keys) });
        let expiry = if rng.below(6) == 0 { 1 + rng.below(1 << 49) } else { 0 };
        let clock = (rng.below(3) == 0).then(|| rng.next() as u32 & 0xFF_FFFF);
        Some((key, random_content(rng), expiry, clock))
    })
    .collect()
}

/// The clock of entries that come without one.
const CLOCK: u32 = 0xABCDEF;

struct Case {
    hash: fn(&[u8]) -> u64,
    count: u64,
    /// 0: every key once.
    keys: u64,
    bytes_expected: usize,
    threads: usize,
}

impl Case {
    /// A table built of random entries, its map, and the same table entry by entry.
    fn run(&self, seed: u64) -> (Twins, Twins) {
        let mut built = Twins::new(self.hash, seed);
        let mut naive = Twins::new(self.hash, seed);
        let mut builder = Builder::new(self.bytes_expected, CLOCK);
        let mut batch = Batch::default();
        for (key, content, expiry, clock) in entries(&mut Rng(seed), self.count, self.keys) {
            let hash = (self.hash)(&key);
            batch.push(hash, &key, new_value(&content), expiry, clock);
            if batch.len() == 100 {
                builder.add(&mut batch);
            }
            let (heap, now) = (&mut naive.heap, clock.unwrap_or(CLOCK));
            let value = new_value(&content);
            naive.table.upsert(heap, hash, &key, value, Expiry::At(expiry), now);
            built.model.insert(key.clone(), (content.clone(), expiry, now));
            naive.model.insert(key, (content, expiry, now));
        }
        builder.add(&mut batch);
        assert!(batch.is_empty());
        builder.build(&mut built.heap, self.threads, &mut built.table);
        (built, naive)
    }
}

/// Depth, first hash and bound of every page, of every node.
fn shape(twins: &Twins) -> Vec<(u8, Option<u64>, u64)> {
    let mut pages = Vec::new();
    let walked = twins.table.root.each_page(&mut |page: &PagePtr<Blob>| {
        let hashes = (0..page.entries()).map(|index| page.rehash(index, twins.hash));
        pages.push((page.header().depth, hashes.min(), page.correct_earliest()));
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    pages
}

fn check_built(twins: &mut Twins) {
    check(&twins.table, &twins.model);
    twins.heap.verify();
    assert_eq!(twins.heap.used_bytes(), block_bytes(&twins.table));
    for (key, twin) in twins.model.iter().take(1_000) {
        let found = twins.table.get((twins.hash)(key), key).expect("every key can be found");
        assert_eq!((content(&found.value), found.expiry, found.clock), twin.clone());
    }
    let earliest = twins.model.values().map(|twin| twin.1).filter(|at| *at != 0).min();
    // Exact, unless there are overflow pages, which come the ordinary way.
    assert!(twins.table.earliest_expiry() <= earliest.unwrap_or(u64::MAX));
}

/// Everything that can be done with a table is done with a built one.
fn live_on(mut twins: Twins, keys: u64, steps: u64) {
    let (frozen, model) = (twins.table.freeze(), twins.model.clone());
    for step in 0..steps {
        twins.step(keys, if step < steps / 2 { 10 } else { 60 });
    }
    check(&twins.table, &twins.model);
    check(frozen.table(), &model);
    assert!(frozen.into_walk(|_| ControlFlow::Continue(())).is_continue());
    twins.heap.drain_remote(usize::MAX);
    while !twins.heap.begin_evacuation(1) {}
    let mut cursor = EvacuationCursor::default();
    while !twins.table.evacuate(&mut twins.heap, &mut cursor, &mut 10) {}
    while !twins.heap.end_evacuation(1) {}
    check(&twins.table, &twins.model);
    twins.remove_all();
}

#[test]
fn a_built_table_is_the_one_that_grows_entry_by_entry() {
    for (seed, count) in [0, 1, 2, 31, 32, 33, 100, 1_000, 40_000].into_iter().enumerate() {
        for bytes_expected in [0, 4 << 20, usize::MAX] {
            let case = Case { hash, count, keys: 0, bytes_expected, threads: 2 };
            let (mut built, naive) = case.run(seed as u64);
            check_built(&mut built);
            assert_eq!(shape(&built), shape(&naive));
            assert_eq!(built.table.root.directory_bytes(), naive.table.root.directory_bytes());
            assert!(built.table.bytes() <= naive.table.bytes());
            live_on(built, count + 10, 2_000);
        }
    }
}

#[test]
fn built_on_several_threads() {
    let case = Case { hash, count: 200_000, keys: 0, bytes_expected: 20 << 20, threads: 3 };
    let (mut built, naive) = case.run(7);
    check_built(&mut built);
    assert_eq!(shape(&built), shape(&naive));
    assert_eq!(built.table.root.directory_bytes(), naive.table.root.directory_bytes());
    live_on(built, 200_000, 100_000);
}

#[test]
fn of_a_key_that_comes_twice_the_last_one_counts() {
    for (seed, keys) in [1, 20, 700, 9_000].into_iter().enumerate() {
        let case = Case { hash, count: 20_000, keys, bytes_expected: 8 << 20, threads: 1 };
        let (mut built, _) = case.run(seed as u64);
        check_built(&mut built);
        live_on(built, keys + 10, 2_000);
    }
}

#[test]
fn keys_that_collide_are_built_into_overflow_pages() {
    let hashes: [fn(&[u8]) -> u64; 3] =
        [|key| hash(key) & 0xF000_0000_0000_0F0F, |key| hash(key) & 3, |_| u64::MAX];
    for (seed, hash) in hashes.into_iter().enumerate() {
        for (count, keys) in [(1_500, 0), (3_000, 500)] {
            let case = Case { hash, count, keys, bytes_expected: 1 << 20, threads: 1 };
            let (mut built, _) = case.run(seed as u64);
            check_built(&mut built);
            live_on(built, 1_500, 1_000);
        }
    }
}

#[test]
fn a_batch_goes_into_a_table_that_has_entries() {
    let mut twins = Twins::new(hash, 9);
    for step in 0..3_000 {
        twins.step(900, step % 20);
    }
    let mut batch = Batch::default();
    let (mut replaced, mut expected) = (0, 0);
    for (key, content, expiry, clock) in entries(&mut Rng(10), 2_000, 1_200) {
        batch.push(hash(&key), &key, new_value(&content), expiry, clock);
        let twin = (content, expiry, clock.unwrap_or(CLOCK));
        let before = twins.model.insert(key, twin);
        expected += usize::from(matches!(before, Some((Content::Blob(_), _, _))));
    }
    twins.table.upsert_batch(&mut twins.heap, &mut batch, CLOCK, |_| replaced += 1);
    assert!(batch.is_empty());
    assert_eq!(replaced, expected);
    check(&twins.table, &twins.model);
    live_on(twins, 900, 1_000);
}

#[test]
fn a_dropped_builder_gives_back_what_it_has() {
    let blob = Blob(Arc::new(vec![1; 100]));
    let mut builder = Builder::new(0, 0);
    let mut batch = Batch::default();
    batch.push(hash(b"key"), b"key", NewValue::Object(blob.clone()), 0, None);
    builder.add(&mut batch);
    assert_eq!(Arc::strong_count(&blob.0), 2);
    drop(builder);
    assert_eq!(Arc::strong_count(&blob.0), 1);
}
