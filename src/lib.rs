//! CoolCache.

pub mod base;
pub mod resp;
pub mod paged;
pub mod keyspace;
pub mod rdb;
pub mod log;
pub mod session;
pub mod admin;
pub mod command;
pub mod engine;
pub mod server;
pub mod cli;
