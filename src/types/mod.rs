//! The data types' own forms, small and large. Pure: they know pages, and nothing of keys,
//! commands or clocks.

pub mod choice;
pub mod hash;
pub mod intset;
pub mod limits;
pub mod long;
pub mod packed;
pub mod set;

pub use limits::Limits;
pub use long::Long;
