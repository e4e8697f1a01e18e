//! The table against a plain map: the same operations on both, snapshots kept and compared at the end.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::ptr::PagePtr;
use super::*;

/// A small deterministic generator (splitmix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Bytes behind an `Arc`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blob(Arc<Vec<u8>>);

impl Object for Blob {
    fn heap_bytes(&self) -> usize {
        40 + self.0.len()
    }
}

/// What the model holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Bytes(u8, Vec<u8>),
    Int(i64),
    Blob(Blob),
}

type Model = HashMap<Vec<u8>, (Content, u64, u32)>;

fn content(value: &Value<'_, Blob>) -> Content {
    match value {
        Value::Bytes { kind, bytes } => Content::Bytes(*kind, bytes.to_vec()),
        Value::Int(value) => Content::Int(*value),
        Value::Object(blob) => Content::Blob((*blob).clone()),
    }
}

fn new_value(content: &Content) -> NewValue<'_, Blob> {
    match content {
        Content::Bytes(kind, bytes) => NewValue::Bytes { kind: *kind, bytes },
        Content::Int(value) => NewValue::Int(*value),
        Content::Blob(blob) => NewValue::Object(blob.clone()),
    }
}

fn random_content(rng: &mut Rng) -> Content {
    match rng.below(20) {
        0..10 => {
            let long = if rng.below(8) == 0 { INLINE_MAX as u64 + 1 } else { 60 };
            let length = rng.below(long) as usize;
            Content::Bytes(rng.below(16) as u8, vec![rng.next() as u8; length])
        }
        10..17 => Content::Int(rng.next().cast_signed() >> rng.below(64)),
        _ => Content::Blob(Blob(Arc::new(vec![rng.next() as u8; rng.below(900) as usize]))),
    }
}

fn key_of(number: u64) -> Vec<u8> {
    let mut key = format!("key:{number}").into_bytes();
    match number % 97 {
        0 => key.resize(200, b'm'),
        1 => key.resize(600 + number as usize % 50, b'l'),
        _ => {}
    }
    key
}

fn collect(table: &Table<Blob>) -> Model {
    let mut all = Model::new();
    let walked = table.walk(|entry| {
        let before = all.insert(entry.key.to_vec(), (content(&entry.value), entry.expiry, entry.clock));
        assert!(before.is_none(), "visited twice");
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    all
}

/// Everything the table counts, against a walk.
fn check(table: &Table<Blob>, model: &Model) {
    assert_eq!(collect(table), *model);
    assert_eq!(table.len(), model.len());
    assert_eq!(table.expiring(), model.values().filter(|v| v.1 != 0).count());
    assert_eq!(table.bytes(), counted_bytes(table));
    let earliest = model.values().map(|v| v.1).filter(|at| *at != 0).min().unwrap_or(u64::MAX);
    assert!(table.earliest_expiry() <= earliest);
    let mut scanned = std::collections::HashSet::new();
    let mut cursor = 0;
    loop {
        cursor = table.scan(cursor, &mut |entry| {
            assert!(scanned.insert(entry.key.to_vec()), "scanned twice");
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(scanned.len(), model.len());
}

/// The bytes of a table, by looking at all of it.
fn counted_bytes(table: &Table<Blob>) -> usize {
    let mut bytes = table.root.directory_bytes();
    let walked = table.root.each_page(&mut |page: &PagePtr<Blob>| {
        bytes += page.footprint();
        for page in page.chain() {
            if let Some(side) = &page.header().side {
                bytes += side.slots.iter().map(|slot| slot.heap_bytes()).sum::<usize>();
            }
        }
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    bytes
}

/// The blocks of a table, by looking at all of it.
fn block_bytes(table: &Table<Blob>) -> usize {
    let mut bytes = 0;
    let walked = table.root.each_page(&mut |page: &PagePtr<Blob>| {
        bytes += page.chain().map(|page| page.block_bytes()).sum::<usize>();
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    bytes
}

struct Twins {
    heap: PageHeap,
    table: Table<Blob>,
    model: Model,
    hash: fn(&[u8]) -> u64,
    rng: Rng,
}

impl Twins {
    fn new(hash: fn(&[u8]) -> u64, seed: u64) -> Self {
        let table = Table::with_hash(hash);
        Self { heap: PageHeap::new(), table, model: Model::new(), hash, rng: Rng(seed) }
    }

    fn step(&mut self, keys: u64, removals: u64) {
        let key = key_of(self.rng.below(keys));
        let hash = (self.hash)(&key);
        let clock = self.rng.next() as u32 & 0xFF_FFFF;
        self.table.prefetch_page(hash);
        self.table.prefetch_entry(hash);
        match self.rng.below(100) {
            n if n < removals => self.remove(hash, &key),
            0..75 => self.upsert(hash, key, clock),
            75..80 => {
                let expiry = if self.rng.below(3) == 0 { 0 } else { 1 + self.rng.below(1 << 49) };
                let there = self.table.set_expiry(&mut self.heap, hash, &key, expiry);
                let twin = self.model.get_mut(&key).map(|twin| twin.1 = expiry);
                assert_eq!(there, twin.is_some());
            }
            80..85 => {
                let heap = &mut self.heap;
                let changed = self.table.modify_object(heap, hash, &key, |blob, _| {
                    Arc::make_mut(&mut blob.0).push(7);
                });
                let twin = self.model.get_mut(&key).and_then(|twin| match &mut twin.0 {
                    Content::Blob(blob) => Some(Arc::make_mut(&mut blob.0).push(7)),
                    _ => None,
                });
                assert_eq!(changed, twin);
            }
            _ => {
                let found = self.table.get(hash, &key);
                let found = found.map(|e| (content(&e.value), e.expiry, e.clock));
                assert_eq!(found.as_ref(), self.model.get(&key));
            }
        }
    }

    fn upsert(&mut self, hash: u64, key: Vec<u8>, clock: u32) {
        let value = random_content(&mut self.rng);
        let expiry = match self.rng.below(6) {
            0 => Expiry::At(1 + self.rng.below(1 << 49)),
            1 => Expiry::Keep,
            _ => Expiry::None,
        };
        let twin = self.model.get(&key);
        let kept = match expiry {
            Expiry::Keep => twin.map_or(0, |twin| twin.1),
            Expiry::None => 0,
            Expiry::At(at) => at,
        };
        let new = new_value(&value);
        let done = self.table.upsert(&mut self.heap, hash, &key, new, expiry, clock);
        assert_eq!(done.inserted, twin.is_none());
        let replaced = twin.and_then(|twin| match &twin.0 {
            Content::Blob(blob) => Some(blob.clone()),
            _ => None,
        });
        assert_eq!(done.replaced, replaced);
        self.model.insert(key, (value, kept, clock));
    }

    fn remove(&mut self, hash: u64, key: &[u8]) {
        let removed = self.table.remove(&mut self.heap, hash, key);
        let twin = self.model.remove(key);
        assert_eq!(removed.is_some(), twin.is_some());
        if let (Some(removed), Some((content, expiry, _))) = (removed, twin) {
            assert_eq!(removed.expiry, expiry);
            let object = match content {
                Content::Blob(blob) => Some(blob),
                _ => None,
            };
            assert_eq!(removed.object, object);
        }
    }

    fn remove_all(&mut self) {
        for key in self.model.keys().cloned().collect::<Vec<_>>() {
            self.remove((self.hash)(&key), &key);
        }
        self.heap.drain_remote(usize::MAX);
        assert_eq!(self.table.bytes(), 0);
        assert_eq!(self.heap.used_bytes(), 0);
    }
}

/// Grows, churns, shrinks; snapshots on the way are compared at the end and dropped on another thread.
fn model_test(hash: fn(&[u8]) -> u64, keys: u64, steps: u64, seed: u64) {
    let mut twins = Twins::new(hash, seed);
    let mut snapshots = Vec::new();
    for step in 0..steps {
        let removals = if step < steps / 2 { 10 } else { 45 };
        twins.step(keys, removals);
        if step % (steps / 7 + 1) == steps / 11 {
            snapshots.push((twins.table.freeze(), twins.model.clone()));
        }
        if step % (steps / 4 + 1) == 0 {
            check(&twins.table, &twins.model);
        }
    }
    check(&twins.table, &twins.model);
    let dropper = std::thread::spawn(move || {
        for (index, (frozen, model)) in snapshots.into_iter().enumerate() {
            check(frozen.table(), &model);
            if index % 2 == 0 {
                let mut count = 0;
                let walked = frozen.into_walk(|entry| {
                    let twin = &model[entry.key];
                    assert_eq!((content(&entry.value), entry.expiry), (twin.0.clone(), twin.1));
                    count += 1;
                    ControlFlow::Continue(())
                });
                assert!(walked.is_continue());
                assert_eq!(count, model.len());
            }
        }
    });
    for _ in 0..steps / 10 {
        twins.step(keys, 30);
    }
    dropper.join().expect("the snapshots are as they were");
    twins.heap.drain_remote(usize::MAX);
    assert_eq!(twins.heap.used_bytes(), block_bytes(&twins.table));
    check(&twins.table, &twins.model);
    twins.remove_all();
}

#[test]
fn agrees_with_a_map_when_small() {
    for seed in 0..20 {
        model_test(hash, 1 + 7 * seed, 2_000, seed);
    }
}

#[test]
fn agrees_with_a_map_when_large() {
    model_test(hash, 50_000, 300_000, 1);
}

#[test]
fn agrees_with_a_map_under_collisions() {
    model_test(|key| hash(key) & 0xF000_0000_0000_0F0F, 3_000, 20_000, 2);
    model_test(|key| hash(key) & 3, 500, 6_000, 3);
}

#[test]
fn thousands_of_keys_may_have_one_hash() {
    let mut twins = Twins::new(|_| 42, 4);
    for number in 0..4_000 {
        twins.upsert(42, key_of(number), 1);
    }
    check(&twins.table, &twins.model);
    twins.remove_all();
}
