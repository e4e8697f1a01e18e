//! Integration tests: the server as a process, spoken to over sockets, its files looked at from outside.

#[path = "../support/mod.rs"]
mod support;

mod always;
mod client;
mod connections;
mod expiry;
mod interop;
mod persistence;
mod protocol;
mod values;
