//! The keys: a pool for each type, so that most commands meet a key of theirs.

use coolcache::base::rng::Rng;
use coolcache::command::Group;

/// Which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// For strings.
    String,
    /// For lists.
    List,
    /// For sets.
    Set,
    /// For hashes.
    Hash,
    /// For sorted sets.
    Zset,
    /// For sorted sets of places.
    Geo,
    /// For streams.
    Stream,
}

/// Pools with the first letter of their keys. Strings have some odd ones besides.
const POOLS: &[(Pool, char)] = &[
    (Pool::String, 'k'),
    (Pool::List, 'l'),
    (Pool::Set, 's'),
    (Pool::Hash, 'h'),
    (Pool::Zset, 'z'),
    (Pool::Geo, 'g'),
    (Pool::Stream, 'x'),
];

/// Keys of each pool but that of strings.
const EACH: usize = 5;
/// Keys of strings whose names are short.
const STRINGS: usize = 10;

/// What becomes of chance in a server (ids from its clock, a choice of any elements) is stored
/// here, and deleted right after.
pub const THROWAWAY: &[u8] = b"throwaway";

/// All keys of a pool.
fn of(pool: Pool) -> Vec<Vec<u8>> {
    let letter = POOLS.iter().find(|(of, _)| *of == pool).map_or('k', |(_, letter)| *letter);
    let count = if pool == Pool::String { STRINGS } else { EACH };
    let mut keys: Vec<Vec<u8>> = (0..count).map(|n| format!("{letter}{n}").into_bytes()).collect();
    if pool == Pool::String {
        keys.extend([b"".to_vec(), b"\xff\x00k\r\n".to_vec(), vec![b'l'; 70], vec![b'm'; 300]]);
    }
    keys
}

/// All keys.
pub fn all() -> Vec<Vec<u8>> {
    POOLS.iter().flat_map(|(pool, _)| of(*pool)).collect()
}

impl Pool {
    /// Where a command of `group` finds its type; any for those of all types.
    pub fn of_group(group: Group, rng: &mut Rng) -> Pool {
        match group {
            Group::List => Pool::List,
            Group::Set => Pool::Set,
            Group::Hash => Pool::Hash,
            Group::SortedSet => Pool::Zset,
            Group::Geo => Pool::Geo,
            Group::Stream => Pool::Stream,
            Group::Generic => Pool::any(rng),
            _ => Pool::String,
        }
    }

    /// Any pool; that of strings more often, for it has more keys.
    fn any(rng: &mut Rng) -> Pool {
        POOLS.get(rng.index(POOLS.len() + 2)).map_or(Pool::String, |(pool, _)| *pool)
    }

    /// A key for a result, which is often empty: mostly none of the first ones, so that these grow.
    pub fn destination(self, rng: &mut Rng) -> Vec<u8> {
        let mut keys = of(self);
        let n = if rng.below(100) < 85 { 2 + rng.index(EACH - 2) } else { rng.index(EACH) };
        keys.swap_remove(n)
    }

    /// A key, the first ones most; now and then one of another pool.
    pub fn key(self, rng: &mut Rng) -> Vec<u8> {
        /// Sorted sets and places are of one type, so these go together more often.
        const FOREIGN_PERCENT: u64 = 9;
        let pool = match self {
            _ if rng.below(100) < FOREIGN_PERCENT => Pool::any(rng),
            Pool::Zset if rng.below(100) < 3 => Pool::Geo,
            Pool::Geo if rng.below(100) < 3 => Pool::Zset,
            own => own,
        };
        let mut keys = of(pool);
        let first = rng.below(100) < 60;
        let n = rng.index(if first {
            keys.len().min(if pool == Pool::String { 5 } else { 2 })
        } else {
            keys.len()
        });
        keys.swap_remove(n)
    }
}

/// Whether a key is of a pool whose type is another than string.
pub fn is_of_collection(key: &[u8]) -> bool {
    let of_strings = of(Pool::String);
    !of_strings.iter().any(|other| other == key) && all().iter().any(|other| other == key)
}
