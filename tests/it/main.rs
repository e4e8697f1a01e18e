//! Integration tests: the server as a process, spoken to over sockets, its files looked at from
//! outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends there")]
#![allow(clippy::disallowed_methods, reason = "deadlines and pauses of real processes")]

#[path = "../support/mod.rs"]
mod support;

mod always;
mod blocking;
mod broken;
mod client;
mod connections;
mod expiry;
mod faults;
mod hashes;
mod interop;
mod log_read;
mod log_tools;
mod migrate;
mod persistence;
mod protocol;
mod streams;
mod tools;
mod tools_load;
mod values;
