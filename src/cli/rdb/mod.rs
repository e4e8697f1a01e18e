//! The tools for RDB files: `rdb-dump`, `rdb-load`, `rdb-diff`.

pub mod dump;
pub mod words;
