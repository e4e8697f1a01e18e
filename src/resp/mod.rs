//! The protocol layer: bytes to requests, replies to bytes, and reply bytes back to replies.
//!
//! Nothing here does I/O or knows what a command means. [`request`] finds the frames in what a
//! socket delivered, without copying; [`reply`] is what a handler answers; [`mod@encode`] writes it
//! in RESP2 or RESP3 into the [`out::Out`] of a turn; [`mod@decode`] reads replies, for the command
//! line, replica links and tests; [`print`] shows them to people.
//!
//! Bytes from outside never panic here, and nothing is allocated for a length that was announced
//! but not received. The lints below hold the folder to it. Behaviour is Valkey 9.1's, checked
//! against that server and Redis 7.0 (`tests.rs` has the table).

#![deny(clippy::indexing_slicing, clippy::as_conversions, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic))]

pub mod decode;
pub mod encode;
#[doc(hidden)]
pub mod fuzzing;
mod inline;
pub mod nested;
mod number;
pub mod out;
pub mod print;
pub mod reply;
pub mod request;
#[cfg(test)]
mod tests;

pub use decode::{Decoded, Decoder, OwnedReply, decode};
pub use encode::{Protocol, encode};
pub use nested::{Nested, NestedBuilder};
pub use out::{Mark, Out, Piece};
pub use reply::{Bulks, BulksBuilder, Reply};
pub use request::{Arg, Limits, Parsed, ProtocolError, Resume, parse, parse_multibulk};
