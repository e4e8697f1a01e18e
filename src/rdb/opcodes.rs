//! The numbers of the format: versions, opcodes, value types. Facts from Redis' and Valkey's
//! `rdb.h`, release by release.

/// Bytes of a file's header: magic and version.
pub const HEADER_BYTES: u64 = 9;

/// End of the file; a checksum follows from version 5.
pub const EOF: u8 = 255;
/// The number of the database that the following keys are in: a length.
pub const SELECTDB: u8 = 254;
/// Expiry of the next key in seconds: 4 bytes, little-endian (before version 3).
pub const EXPIRETIME: u8 = 253;
/// Expiry of the next key in milliseconds: 8 bytes, little-endian.
pub const EXPIRETIME_MS: u8 = 252;
/// How many keys, and how many with an expiry, the database holds: two lengths.
pub const RESIZEDB: u8 = 251;
/// A fact about the file: two strings, name and value.
pub const AUX: u8 = 250;
/// The next key's access counter: 1 byte.
pub const FREQ: u8 = 249;
/// The next key's idle time in seconds: a length.
pub const IDLE: u8 = 248;
/// A module's data about the whole data set.
pub const MODULE_AUX: u8 = 247;
/// A function library in the form of a release candidate of Redis 7.0; no release wrote it.
pub const FUNCTION_PRE_GA: u8 = 246;
/// A function library: its source, a string.
pub const FUNCTION2: u8 = 245;
/// Sizes of a cluster slot (from version 12): three lengths, a hint.
pub const SLOT_INFO: u8 = 244;
/// Redis 8.6: metadata of the next key. Valkey 9: a slot import under way.
pub const KEY_META_OR_SLOT_IMPORT: u8 = 243;
/// Redis 8.10: a hash template. Valkey 9.2: a command inside a snapshot.
pub const HASH_TEMPLATE_OR_UPDATE: u8 = 242;

/// Value type: a string.
pub const TYPE_STRING: u8 = 0;
/// Value type: a list.
pub const TYPE_LIST: u8 = 1;
/// Value type: a set.
pub const TYPE_SET: u8 = 2;
/// Value type: a sorted set with scores as text.
pub const TYPE_ZSET: u8 = 3;
/// Value type: a hash.
pub const TYPE_HASH: u8 = 4;
/// Value type: a sorted set.
pub const TYPE_ZSET_2: u8 = 5;
/// Value type: a hash as a zipmap.
pub const TYPE_HASH_ZIPMAP: u8 = 9;
/// Value type: a list as a ziplist.
pub const TYPE_LIST_ZIPLIST: u8 = 10;
/// Value type: a set as an intset.
pub const TYPE_SET_INTSET: u8 = 11;
/// Value type: a sorted set as a ziplist.
pub const TYPE_ZSET_ZIPLIST: u8 = 12;
/// Value type: a hash as a ziplist.
pub const TYPE_HASH_ZIPLIST: u8 = 13;
/// Value type: a list of ziplists.
pub const TYPE_LIST_QUICKLIST: u8 = 14;
/// Value type: a stream of Redis 5.
pub const TYPE_STREAM: u8 = 15;
/// Value type: a hash as a listpack.
pub const TYPE_HASH_LISTPACK: u8 = 16;
/// Value type: a sorted set as a listpack.
pub const TYPE_ZSET_LISTPACK: u8 = 17;
/// Value type: a list of listpacks and single elements.
pub const TYPE_LIST_QUICKLIST_2: u8 = 18;
/// Value type: a stream of Redis 7.0.
pub const TYPE_STREAM_2: u8 = 19;
/// Value type: a set as a listpack (from version 11).
pub const TYPE_SET_LISTPACK: u8 = 20;
/// Value type: a stream of Redis 7.2 (from version 11).
pub const TYPE_STREAM_3: u8 = 21;
/// Value type: a stream of Redis 8.6, with idempotent ids (from version 13).
pub const TYPE_STREAM_4: u8 = 26;
/// Value type: a stream of Redis 8.8, with released entries too (from version 14).
pub const TYPE_STREAM_5: u8 = 27;
/// Value type: Valkey's hash with field expiries. For Redis, one of a release candidate.
pub const TYPE_HASH_2_OR_METADATA_PRE_GA: u8 = 22;
/// Value type: Redis' hash with field expiries (from version 12).
pub const TYPE_HASH_METADATA: u8 = 24;
/// Value type: Redis' hash with field expiries as a listpack (from version 12).
pub const TYPE_HASH_LISTPACK_EX: u8 = 25;
/// Value type: an array (Redis 8.8).
pub const TYPE_ARRAY: u8 = 28;
/// Value type: a module's value in the form of a release candidate; it cannot be skipped.
pub const TYPE_MODULE_PRE_GA: u8 = 6;
/// Value type: a module's value.
pub const TYPE_MODULE_2: u8 = 7;

/// The name of a value type, for messages; the numbers 22 and 23 mean different things to Redis
/// and Valkey.
pub fn type_name(number: u8, flavor: Flavor) -> &'static str {
    match (number, flavor) {
        (0, _) => "string",
        (1, _) => "list",
        (2, _) => "set",
        (3, _) => "zset with scores as text",
        (4, _) => "hash",
        (5, _) => "zset",
        (6, _) => "module value before 4.0",
        (7, _) => "module value",
        (9, _) => "hash as zipmap",
        (10, _) => "list as ziplist",
        (11, _) => "set as intset",
        (12, _) => "zset as ziplist",
        (13, _) => "hash as ziplist",
        (14, _) => "list as quicklist",
        (15, _) => "stream",
        (16, _) => "hash as listpack",
        (17, _) => "zset as listpack",
        (18, _) => "list as quicklist 2",
        (19, _) => "stream 2",
        (20, _) => "set as listpack",
        (21, _) => "stream 3",
        (22, Flavor::Valkey) => "hash with field expiry",
        (22 | 23, Flavor::Redis) => "hash with field expiry before 7.4",
        (24, Flavor::Redis) => "hash with field expiry",
        (25, Flavor::Redis) => "hash with field expiry as listpack",
        (26, Flavor::Redis) => "stream 4",
        (27, Flavor::Redis) => "stream 5",
        (28, Flavor::Redis) => "array",
        (29..=32, Flavor::Redis) => "hash by template",
        _ => "unknown",
    }
}

/// Whose numbering a file follows where the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// Magic `REDIS`: Redis, and Valkey before 9.
    Redis,
    /// Magic `VALKEY`: Valkey from 9.0.
    Valkey,
}

/// The version of a file or payload that this reader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Whose numbering.
    pub flavor: Flavor,
    /// 1 to 15 for Redis, 80 for Valkey.
    pub number: u16,
}

impl Version {
    /// The version with this number under this magic, if it is known.
    pub fn known(flavor: Flavor, number: u16) -> Option<Version> {
        let known = match flavor {
            Flavor::Redis => (1..=15).contains(&number),
            Flavor::Valkey => number == 80,
        };
        known.then_some(Version { flavor, number })
    }

    /// The version a DUMP payload's footer names; it has no magic.
    pub fn of_payload(number: u16) -> Option<Version> {
        Version::known(Flavor::Redis, number).or_else(|| Version::known(Flavor::Valkey, number))
    }

    /// The number of the lowest version, of those that RESTORE meets, that has a value type of this
    /// one.
    pub fn least_with(self, number: u8) -> u16 {
        match (self.flavor, number) {
            (_, ..=TYPE_STREAM) => 9,
            (_, ..=TYPE_STREAM_2) => 10,
            (_, ..=TYPE_STREAM_3) => 11,
            (Flavor::Redis, TYPE_HASH_METADATA | TYPE_HASH_LISTPACK_EX) => 12,
            _ => self.number,
        }
    }

    /// May modules' metadata stand before a key? (Redis from 8.6)
    pub(super) fn has_key_meta(self) -> bool {
        self.flavor == Flavor::Redis && self.number >= 13
    }

    /// Does a checksum follow the end of the file?
    pub fn has_checksum(self) -> bool {
        self.number >= 5
    }
}
