//! Loading a whole snapshot: the second of the two ways into the data (law 1).
//!
//! An RDB file's entries go in here without records, because the snapshot as a whole stands for the
//! records up to its LSN. Nothing else may use it while the engine serves.
//!
//! [`Gathered`] takes the decoded entries; any thread can fill it, since decoding and hashing need
//! no keyspace. [`Loader`] puts them: into a database that is empty all at once when all have come
//! ([`paged::Builder`]), into one that is not, one by one.

use super::collection::{EditContext, Parts};
use super::value::{Object, stored};
use super::{Db, Key, Keyspace, Loaded, StringRef};
use crate::paged::{self, Batch, Builder, NewValue};
use std::collections::HashMap;

/// Entries decoded and hashed, waiting to be put.
#[derive(Default)]
pub struct Gathered {
    /// In order; neighbours are of different databases.
    batches: Vec<(Db, Batch<Object>)>,
    len: usize,
    /// Collections, which may need the page heap.
    collections: Vec<Pending>,
    /// Bytes of those that are lists of items yet.
    loose_bytes: usize,
}

/// A collection on its way.
struct Pending {
    db: Db,
    key: Vec<u8>,
    value: Loaded,
    expiry: Option<u64>,
    clock: Option<u32>,
}

impl Gathered {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of keys, of values that are not objects, and of collections that are to be put
    /// together yet: those take several times what they will.
    pub fn bytes(&self) -> usize {
        self.batches.iter().map(|(_, batch)| batch.bytes()).sum::<usize>() + self.loose_bytes
    }

    /// Adds a string; `expiry` is unix time in ms, `clock` the access clock.
    #[inline]
    pub fn string(
        &mut self,
        db: Db,
        key: &[u8],
        value: StringRef<'_>,
        expiry: Option<u64>,
        clock: Option<u32>,
    ) {
        let value = match value {
            StringRef::Int(number) => NewValue::Int(number),
            StringRef::Shared(bytes) => NewValue::Object(Object::String(bytes.clone())),
            StringRef::Bytes(bytes) => stored(bytes, false),
        };
        self.value(db, key, value, expiry, clock);
    }

    /// Adds a collection.
    pub fn collection(
        &mut self,
        db: Db,
        key: &[u8],
        value: Loaded,
        expiry: Option<u64>,
        clock: Option<u32>,
    ) {
        self.len += 1;
        self.loose_bytes += value.loose_bytes();
        self.collections.push(Pending { db, key: key.to_vec(), value, expiry, clock });
    }

    /// Adds a value in the form in which it is kept.
    #[inline]
    fn value(
        &mut self,
        db: Db,
        key: &[u8],
        value: NewValue<'_, Object>,
        expiry: Option<u64>,
        clock: Option<u32>,
    ) {
        self.len += 1;
        let expiry = expiry.unwrap_or(0);
        self.batch(db).push(paged::hash(key), key, value, expiry, clock);
    }

    /// The batch for the next entry.
    #[inline]
    fn batch(&mut self, db: Db) -> &mut Batch<Object> {
        match self.batches.last_mut() {
            Some((last, _)) if *last == db => {}
            // Cleared, and kept for its memory.
            Some((last, batch)) if batch.is_empty() => *last = db,
            _ => self.batches.push((db, Batch::default())),
        }
        &mut self.batches.last_mut().expect("there is one for this database now").1
    }
}

/// Fills a keyspace from a snapshot. Not all is there before [`Loader::finish`].
pub struct Loader<'a> {
    keyspace: &'a mut Keyspace,
    bytes_expected: usize,
    threads: usize,
    /// The database that was empty when its first entry came, and what has come for it.
    building: Option<(Db, Builder<Object>)>,
    /// Of each database that got entries: whether it was empty before, and how many they are.
    filled: HashMap<Db, (bool, usize)>,
}

/// The snapshot has a key twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key stands there twice")]
pub struct Duplicated;

impl<'a> Loader<'a> {
    /// Begins to fill `keyspace`. What is in it stays, unless the snapshot has the same keys.
    pub fn new(keyspace: &'a mut Keyspace) -> Self {
        Loader { keyspace, bytes_expected: 0, threads: 1, building: None, filled: HashMap::new() }
    }

    /// Makes ready for some `bytes_expected` of keys and values (a hint, that costs no memory), and
    /// allows so many threads.
    pub fn prepare(&mut self, bytes_expected: usize, threads: usize) {
        (self.bytes_expected, self.threads) = (bytes_expected, threads);
    }

    /// Empties every database (DEBUG RELOAD, a full sync).
    pub fn clear(&mut self) {
        for n in 0..self.keyspace.databases() {
            self.keyspace.clear(Db(n as u16));
        }
    }

    /// The database with this number, if there is one.
    pub fn database(&self, number: u64) -> Option<Db> {
        database(number, self.keyspace.databases())
    }

    /// Puts what was gathered, in order, and leaves `gathered` empty.
    pub fn put(&mut self, gathered: &mut Gathered) {
        for Pending { db, key, value, expiry, clock } in std::mem::take(&mut gathered.collections) {
            let limits = self.keyspace.limits;
            let heap = &mut self.keyspace.heap;
            let parts = value.into_parts(&mut EditContext::new(heap, limits));
            if let Parts::Large(object) = &parts
                && let Some(at) = object.fields_expire()
            {
                self.keyspace.note_fields(db, Key::new(&key), at);
            }
            self.keyspace.note_installed(&parts);
            parts.stored(|value| gathered.value(db, &key, value, expiry, clock));
        }
        for (db, batch) in &mut gathered.batches {
            self.put_batch(*db, batch);
        }
        gathered.batches.truncate(1);
        gathered.len = 0;
        gathered.loose_bytes = 0;
    }

    fn put_batch(&mut self, db: Db, batch: &mut Batch<Object>) {
        let is_empty = || self.keyspace.table(db).is_empty();
        self.filled.entry(db).or_insert_with(|| (is_empty(), 0)).1 += batch.len();
        if let Some((building, builder)) = &mut self.building
            && *building == db
        {
            return builder.add(batch);
        }
        if self.keyspace.table(db).is_empty() {
            self.build();
            let mut builder = Builder::new(self.bytes_expected, self.keyspace.clock);
            builder.add(batch);
            self.building = Some((db, builder));
            return;
        }
        let Keyspace { databases, heap, reclaimer, clock, .. } = &mut *self.keyspace;
        databases[db.index()].upsert_batch(heap, batch, *clock, |object| reclaimer.object(object));
    }

    fn build(&mut self) {
        if let Some((db, builder)) = self.building.take() {
            let Keyspace { databases, heap, .. } = &mut *self.keyspace;
            builder.build(heap, self.threads, &mut databases[db.index()]);
        }
    }

    /// Brings into the keyspace what is still on its way there. Without it, as after an error in
    /// the file, that is dropped.
    ///
    /// # Errors
    ///
    /// If a key came twice for a database that was empty before: no snapshot of ours has that, so
    /// the file is not what it was. The later entry stands.
    pub fn finish(mut self) -> Result<(), Duplicated> {
        self.build();
        let holds = |db: Db| self.keyspace.table(db).len();
        // Counted, not looked up: that costs nothing while millions are loaded.
        let is_short =
            |(db, (was_empty, count)): (&Db, &(bool, usize))| *was_empty && holds(*db) != *count;
        if self.filled.iter().any(is_short) { Err(Duplicated) } else { Ok(()) }
    }
}

/// The database with this number, if there are so many.
pub fn database(number: u64, databases: usize) -> Option<Db> {
    let number = usize::try_from(number).ok().filter(|n| *n < databases)?;
    u16::try_from(number).ok().map(Db)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;
    use crate::keyspace::Reclaimer;
    use std::collections::BTreeMap;

    /// Value, expiry, clock.
    type Model = BTreeMap<(u16, Vec<u8>), (Vec<u8>, Option<u64>, u32)>;

    /// A number's key: some are long.
    fn key_of(number: u64) -> Vec<u8> {
        format!("{number:0width$}", width = if number.is_multiple_of(50) { 700 } else { 1 }).into()
    }

    /// A string of every form.
    fn value_of(number: u64) -> Vec<u8> {
        match number % 4 {
            0 => number.to_string().into_bytes(),
            1 => vec![b'l'; 600 + number as usize % 100],
            _ => format!("value {number}").into_bytes(),
        }
    }

    fn load(keyspace: &mut Keyspace, model: &mut Model, numbers: &[(u16, u64)], finish: bool) {
        let clock = keyspace.clock();
        let mut loader = Loader::new(keyspace);
        loader.prepare(1 << 20, 2);
        let mut gathered = Gathered::default();
        for (n, (db, number)) in numbers.iter().enumerate() {
            let (key, value) = (key_of(number % 3_000), value_of(*number));
            let expiry = (number % 5 == 0).then_some(number + 1);
            let own = (number % 7 == 0).then_some(*number as u32 & 0xFFFF);
            gathered.string(Db(*db), &key, StringRef::Bytes(&value), expiry, own);
            if finish {
                model.insert((*db, key), (value, expiry, own.unwrap_or(clock)));
            }
            if n % 100 == 99 {
                assert_eq!(gathered.len(), 100);
                loader.put(&mut gathered);
                assert!(gathered.is_empty());
            }
        }
        loader.put(&mut gathered);
        if finish {
            let twice = numbers.len() > 3_000;
            assert_eq!(loader.finish(), if twice { Err(Duplicated) } else { Ok(()) });
        }
    }

    fn check(keyspace: &Keyspace, model: &Model) {
        for db in 0..3 {
            let of_db = model.keys().filter(|(n, _)| *n == db).count();
            assert_eq!(keyspace.table(Db(db)).len(), of_db);
        }
        for ((db, key), (value, expiry, clock)) in model {
            let view = keyspace.view(Db(*db), UnixMs::ZERO);
            let entry = view.entry(Key::new(key)).expect("every key was loaded");
            let string = entry.string().expect("it is a string").to_bytes();
            assert_eq!((&string, entry.expiry(), entry.clock()), (value, *expiry, *clock));
        }
    }

    #[test]
    fn the_last_entry_of_a_key_counts_wherever_the_file_goes_to_and_fro() {
        let mut keyspace = Keyspace::new(3, Reclaimer::inline());
        keyspace.set_clock(77);
        let mut model = Model::new();
        // Database 0, then 1 (both empty), then both by turns; keys come several times.
        let numbers: Vec<(u16, u64)> = (0..20_000)
            .map(|n| {
                (
                    if n < 6_000 {
                        0
                    } else if n < 9_000 {
                        1
                    } else {
                        n as u16 / 30 % 2
                    },
                    n,
                )
            })
            .collect();
        load(&mut keyspace, &mut model, &numbers, true);
        check(&keyspace, &model);
        // Into databases that have entries.
        let more: Vec<(u16, u64)> = (50_000..52_000).map(|n| (n as u16 % 3, n)).collect();
        load(&mut keyspace, &mut model, &more, true);
        check(&keyspace, &model);
    }

    #[test]
    fn what_is_not_finished_is_not_there() {
        let mut keyspace = Keyspace::new(3, Reclaimer::inline());
        let mut model = Model::new();
        let numbers: Vec<(u16, u64)> = (0..1_000).map(|n| (0, n)).collect();
        load(&mut keyspace, &mut model, &numbers, false);
        check(&keyspace, &model);
        assert_eq!(keyspace.heap().used_bytes(), 0);
    }
}
