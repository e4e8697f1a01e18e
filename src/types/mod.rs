//! Value types and the algorithms on them: pure functions of bytes, which know nothing of records,
//! commands or clocks.
//!
//! | file | what |
//! |---|---|
//! | [`bits`] | strings as bitmaps, and integer fields in them |
//! | [`hyperloglog`] | strings as estimates of how many different things were seen |
//! | [`geo`] | places as scores of a sorted set |

pub mod bits;
pub mod geo;
pub mod hyperloglog;
