//! RDB, the file format of Redis' snapshots, and the DUMP payload made of the same pieces.
//!
//! We write version 10 (`REDIS0010`), which every Redis and Valkey since 7.0 reads, or, if hashes'
//! fields expire, 12 of Redis or 80 of Valkey ([`Format`]); and read versions 1 to 15 of Redis and
//! 80 of Valkey. A file is
//!
//! ```text
//! "REDIS0010"                                     magic and version, 9 bytes ("VALKEY080")
//! 250 key value                                   AUX: redis-ver, ctime, repl-id, coolcache-lsn...
//! 245 code                                        one function library
//! 254 db                                          SELECTDB; the following keys are in it
//!   251 keys expires                              RESIZEDB, a hint
//!   [252 time] [248 idle | 249 freq] type key value      one key, as often as there are keys
//! 255 checksum                                    EOF, then CRC64 of all before it, 8 bytes
//!                                                 little-endian (from version 5; 0: none computed)
//!
//! db, keys, expires, idle: lengths                time: 8 bytes, little-endian, ms since 1970
//! key, value, code: strings                       type, freq: 1 byte
//!
//! length   00vvvvvv | 01vvvvvv v8 | 10000000 v32 | 10000001 v64 (big-endian)
//! string   length bytes | C0 i8 | C1 i16 | C2 i32 (little-endian, stands for its decimal text)
//!          | C3 length length LZF                 compressed length, then original length
//! dump     type value version16 crc64             (little-endian; no key, no expiry)
//! ```
//!
//! Files come from outside: nothing in here panics on them, and no memory is taken for a length
//! that was announced and has not arrived. `reader.rs` tells how one parser serves mapped files
//! and streams; `value.rs` is where types are told apart and where a new one is added. `string`,
//! `list`, `set`, `hash`, `zset` and `stream` read and write one type each, in all its forms, which
//! their heads draw; `listpack` and `legacy` (ziplist, zipmap, intset) have the compact forms, and
//! `entry` stands between these values and the keyspace's. Types that are not decoded are refused
//! by number, key and offset; the server also refuses functions and what modules left (`module`).

pub mod dump;
pub mod entry;
#[doc(hidden)]
pub mod fuzzing;
pub mod opcodes;

mod crc;
mod cursor;
mod error;
mod extent;
mod hash;
mod legacy;
mod length;
mod list;
mod listpack;
mod loader;
mod lzf;
mod module;
mod put;
mod reader;
mod set;
pub mod stream;
mod string;
mod text;
mod value;
pub mod visit;
mod writer;
mod zset;

#[cfg(test)]
mod tests;

pub use error::{Corrupt, LoadError, Refused};
pub use hash::{Hash, HashField};
pub use list::{Chunk, List};
pub use loader::{Fed, Loader, load_stream};
pub use opcodes::{Flavor, Version};
pub use put::{Format, ListSource, ScoredSource, ValueRef, ZsetSource};
pub use reader::{Checksum, Entry, LoadOptions, Modules, Rest, Sink, Summary, is_rdb, load};
pub use set::Set;
pub use string::StringValue;
pub use text::Text;
pub use writer::{Finished, Hint, Writer, WriterOptions};
pub use zset::Zset;
