//! Digests of many keys by name: 40 bytes a key, and what growing vectors waste.
//!
//! Names are hashes of 128 bits, which are not the same for two keys before there are 10^18 of
//! them. Rows go into buckets by their first bits; each bucket is sorted once, when all have come.

use super::digests::Digest;
use crate::keyspace::value::Type;

/// Buckets: enough that one is sorted and searched in a processor's cache.
const BUCKETS: usize = 4096;
const BUCKET_SHIFT: u32 = 64 - BUCKETS.ilog2();

/// The types, by the number that a row has of them.
const TYPES: [Type; 6] =
    [Type::String, Type::List, Type::Set, Type::Zset, Type::Hash, Type::Stream];
/// The bits of [`Row::value`] that hold the type, and that there was a match.
const TYPE_BITS: u64 = 7;
const MATCHED: u64 = 8;

/// A key. Plain numbers of 64 bits: those of 128 would be aligned, and waste 8 bytes.
struct Row {
    name: [u64; 2],
    /// The value's digest; the last bits of the second half hold the type and the mark.
    value: [u64; 2],
    expiry_ms: u64,
}

/// Keys and their digests.
pub struct Table {
    buckets: Vec<Vec<Row>>,
}

impl Default for Table {
    fn default() -> Table {
        Table { buckets: (0..BUCKETS).map(|_| Vec::new()).collect() }
    }
}

fn halves(hash: u128) -> [u64; 2] {
    [(hash >> 64) as u64, hash as u64]
}

fn bucket(name: [u64; 2]) -> usize {
    (name[0] >> BUCKET_SHIFT) as usize
}

/// The part of a value's digest that is compared.
fn value_of(digest: &Digest) -> [u64; 2] {
    let [high, low] = halves(digest.value);
    [high, low & !(TYPE_BITS | MATCHED)]
}

impl Table {
    /// Adds a key. One that comes twice must have the same digest: the rows are one then.
    pub fn add(&mut self, name: u128, digest: &Digest) {
        let name = halves(name);
        let [high, low] = value_of(digest);
        let number = TYPES.iter().position(|one| *one == digest.value_type).unwrap_or_default();
        let value = [high, low | number as u64];
        self.buckets[bucket(name)].push(Row { name, value, expiry_ms: digest.expiry_ms });
    }

    /// To be called when all keys were added, before any is looked for.
    pub fn sort(&mut self) {
        for rows in &mut self.buckets {
            rows.sort_unstable_by_key(|row| row.name);
            rows.dedup_by_key(|row| row.name);
            rows.shrink_to_fit();
        }
    }

    /// Looks for a key, and marks it; none if there is none.
    pub fn find(&mut self, name: u128) -> Option<Found> {
        let name = halves(name);
        let rows = &mut self.buckets[bucket(name)];
        let at = rows.binary_search_by_key(&name, |row| row.name).ok()?;
        let row = rows.get_mut(at)?;
        let [high, low] = row.value;
        row.value[1] |= MATCHED;
        Some(Found {
            value: [high, low & !(TYPE_BITS | MATCHED)],
            value_type: TYPES.get((low & TYPE_BITS) as usize).copied().unwrap_or(Type::String),
            expiry_ms: row.expiry_ms,
            again: low & MATCHED != 0,
        })
    }

    /// Whether every key was found.
    pub fn all_found(&self) -> bool {
        self.buckets.iter().flatten().all(|row| row.value[1] & MATCHED != 0)
    }
}

/// A key of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    value: [u64; 2],
    /// Its type.
    pub value_type: Type,
    /// When it expires; 0: never.
    pub expiry_ms: u64,
    /// Whether it had been found before.
    pub again: bool,
}

impl Found {
    /// Whether the value is that of a digest.
    pub fn has_value_of(&self, digest: &Digest) -> bool {
        self.value == value_of(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_once() {
        let mut table = Table::default();
        let digest =
            |n: u128, value_type| Digest { value: n << 64 | n << 8, expiry_ms: 7, value_type };
        // Names that share a bucket, and names that do not; each twice.
        let names: Vec<u128> = (1..200).chain((1..200).map(|n| n << 118)).collect();
        for _ in 0..2 {
            for (index, name) in names.iter().enumerate() {
                table.add(*name, &digest(*name & 0xFFFF, TYPES[index % TYPES.len()]));
            }
        }
        table.sort();
        for (index, name) in names.iter().enumerate() {
            assert!(!table.all_found());
            let value_type = TYPES[index % TYPES.len()];
            for again in [false, true] {
                let found = table.find(*name).expect("it is there");
                assert_eq!(
                    (found.value_type, found.expiry_ms, found.again),
                    (value_type, 7, again)
                );
                assert!(found.has_value_of(&digest(*name & 0xFFFF, Type::Set)));
                assert!(!found.has_value_of(&digest((*name & 0xFFFF) + 1, value_type)));
            }
        }
        assert!(table.all_found());
        assert_eq!(table.find(0), None);
    }
}
