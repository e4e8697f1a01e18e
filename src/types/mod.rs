//! Collections as values: small ones as packed bytes, large ones as copy-on-write trees and tables.
//!
//! Nothing here knows keys, records, commands or clocks. A clone is O(1) and shares everything
//! until one of the two is written, so freezing, replacing and deleting a collection of any size is
//! O(1) too.

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
