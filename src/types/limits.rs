//! When a collection is too large for its small form, and how long a string may become: Redis'
//! `*-max-*` parameters.
//!
//! Settings are not on the log, so two servers with different limits differ in encoding only, never
//! in content. (What a command refuses is no record, so the bound of strings is not on it either;
//! replay does not ask for it.)

use super::packed::PackedRef;
use crate::base::limits::{BULK_BYTES_MAX, HLL_SPARSE_BYTES_MAX};

/// The largest small form, in bytes, whatever the parameters say: Redis'
/// `LISTPACK_MAX_SAFETY_LIMIT`.
pub const SMALL_BYTES_MAX: usize = 1 << 30;
/// Where a chunk's size is limited by its number of elements, its bytes are limited too (Redis'
/// `SIZE_SAFETY_LIMIT`).
const CHUNK_BYTES_MAX: usize = 8192;
/// The header and terminator of Redis' listpack, which count towards its limits and which we do not
/// store.
const LISTPACK_FRAME_BYTES: usize = 7;

/// The limits of the small forms and of strings. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `hash-max-listpack-entries`: fields of a small hash.
    pub hash_entries: usize,
    /// `hash-max-listpack-value`: bytes of each of its fields and values.
    pub hash_value: usize,
    /// `set-max-intset-entries`: members of a set of integers.
    pub set_intset: usize,
    /// `set-max-listpack-entries`: members of a small set.
    pub set_entries: usize,
    /// `set-max-listpack-value`: bytes of each of them.
    pub set_value: usize,
    /// `zset-max-listpack-entries`: members of a small sorted set.
    pub zset_entries: usize,
    /// `zset-max-listpack-value`: bytes of each of them.
    pub zset_value: usize,
    /// `list-max-listpack-size`: -1 to -5 for chunks of 4 to 64 KiB, above 0 for a number of
    /// elements a chunk.
    pub list_size: i32,
    /// `stream-node-max-bytes`: 0 for no limit.
    pub stream_node_bytes: usize,
    /// `stream-node-max-entries`: 0 for no limit.
    pub stream_node_entries: usize,
    /// `hll-sparse-max-bytes`: bytes of a HyperLogLog above which its registers become dense.
    pub hll_sparse_bytes: usize,
    /// `proto-max-bulk-len`: how long APPEND, SETRANGE, SETBIT and BITFIELD may make a string.
    pub string_bytes: u64,
}

impl Default for Limits {
    /// Redis' defaults.
    fn default() -> Limits {
        Limits {
            hash_entries: 512,
            hash_value: 64,
            set_intset: 512,
            set_entries: 128,
            set_value: 64,
            zset_entries: 128,
            zset_value: 64,
            list_size: -2,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
            hll_sparse_bytes: HLL_SPARSE_BYTES_MAX,
            string_bytes: BULK_BYTES_MAX,
        }
    }
}

impl Limits {
    /// Whether a list's chunk may have this many elements and bytes (those of a [`PackedRef`]).
    #[inline]
    pub fn list_chunk_fits(&self, elements: usize, bytes: usize) -> bool {
        let bytes = bytes.saturating_add(LISTPACK_FRAME_BYTES - PackedRef::START);
        match usize::try_from(self.list_size) {
            Ok(elements_max) => bytes <= CHUNK_BYTES_MAX && elements <= elements_max.max(1),
            Err(_) => bytes <= self.list_chunk_bytes(),
        }
    }

    /// How many bytes a list's chunk may take.
    #[inline]
    pub fn list_chunk_bytes(&self) -> usize {
        match self.list_size {
            0.. => CHUNK_BYTES_MAX,
            -1 => 4 << 10,
            -2 => 8 << 10,
            -3 => 16 << 10,
            -4 => 32 << 10,
            _ => 64 << 10,
        }
    }

    /// Whether a small hash may have this many fields.
    #[inline]
    pub fn hash_fits(&self, fields: usize) -> bool {
        fields <= self.hash_entries.min(PackedRef::LEN_MAX / 2)
    }

    /// Whether a small hash of `bytes` bytes may get a field and a value of these lengths.
    #[inline]
    pub fn hash_takes(&self, bytes: usize, field: usize, value: usize) -> bool {
        field.max(value) <= self.hash_value && bytes + field + value <= SMALL_BYTES_MAX
    }

    /// Whether a small set may have this many members.
    #[inline]
    pub fn set_fits(&self, members: usize) -> bool {
        members <= self.set_entries.min(PackedRef::LEN_MAX)
    }

    /// Whether a small set of `bytes` bytes may get a member of this length.
    #[inline]
    pub fn set_takes(&self, bytes: usize, member: usize) -> bool {
        member <= self.set_value && bytes + member <= SMALL_BYTES_MAX
    }

    /// Whether a set of integers may have this many members.
    #[inline]
    pub fn ints_fit(&self, members: usize) -> bool {
        // Redis' own bound on top of the parameter.
        members <= self.set_intset.min(1 << 30)
    }

    /// Whether a small sorted set may have this many members.
    #[inline]
    pub fn zset_fits(&self, members: usize) -> bool {
        members <= self.zset_entries.min(PackedRef::LEN_MAX / 2)
    }

    /// Whether a small sorted set of `bytes` bytes may get a member of this length.
    #[inline]
    pub fn zset_takes(&self, bytes: usize, member: usize) -> bool {
        member <= self.zset_value && bytes + member <= SMALL_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_a_list() {
        let by_size = |list_size| Limits { list_size, ..Limits::default() };
        // A listpack of 8,192 bytes has 8,185 bytes of entries: with our count, 8,187.
        assert!(by_size(-2).list_chunk_fits(1, 8187) && !by_size(-2).list_chunk_fits(1, 8188));
        assert_eq!(by_size(-1).list_chunk_bytes(), 4096);
        assert_eq!(by_size(-5).list_chunk_bytes(), 65_536);
        assert_eq!(by_size(-9).list_chunk_bytes(), 65_536);
        assert!(by_size(3).list_chunk_fits(3, 100) && !by_size(3).list_chunk_fits(4, 100));
        assert!(!by_size(3).list_chunk_fits(1, 9000));
        assert!(by_size(0).list_chunk_fits(1, 100) && !by_size(0).list_chunk_fits(2, 100));
    }

    #[test]
    fn values_of_a_hash() {
        let limits = Limits::default();
        assert!(limits.hash_takes(0, 64, 64) && !limits.hash_takes(0, 64, 65));
        assert!(limits.hash_fits(512) && !limits.hash_fits(513));
        assert!(!Limits { hash_entries: 100_000, ..limits }.hash_fits(33_000));
    }
}
