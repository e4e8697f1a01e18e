//! (module head)

pub mod disk;
