//! Collections as values: small ones as packed bytes, large ones as copy-on-write trees and tables.
//!
//! Nothing here knows keys, records, commands or clocks. A clone is O(1) and shares everything
//! until one of the two is written, so freezing, replacing and deleting a collection of any size is
//! O(1) too. What depends on the time (a hash's fields that expire) is told it.
//!
//! | folder or file | holds |
//! |---|---|
//! | `list`, `set`, `hash`, `zset`, `stream` | the types: their forms, and when one becomes another |
//! | `packed`, `intset` | the small forms: one block of bytes |
//! | `btree` | the counted tree under lists, sorted sets and streams |
//! | `long` | a value of a nested table that is too long for a page |
//! | `bits`, `hyperloglog`, `geo` | strings as bits and as HyperLogLogs, scores as places |
//! | `limits` | the bounds of the small forms |
//! | `allocation`, `choice` | sizes as the allocator gives them; choosing at random |
//!
//! Large sets and hashes are tables of [`crate::paged`].

pub mod allocation;
pub mod bits;
pub mod btree;
pub mod choice;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod intset;
pub mod limits;
pub mod list;
pub mod long;
pub mod packed;
pub mod set;
pub mod stream;
pub mod zset;

pub use limits::Limits;
pub use long::Long;
