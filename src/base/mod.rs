//! What every other layer stands on: time, chance, disk, numbers as Redis reads and prints them,
//! glob patterns, and the limits that bound what comes from outside.

pub mod clock;
pub mod disk;
pub mod double;
pub mod glob;
pub mod limits;
pub mod long_double;
pub mod number;
pub mod rng;
