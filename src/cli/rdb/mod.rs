//! The tools for RDB files: [`dump`] prints, [`load`] puts into a server or folder, [`diff`]
//! compares.
//!
//! All of them are visitors of [`crate::rdb::visit`]: what they read goes through piece by piece,
//! from an RDB file, from lines of JSON ([`jsonl`]), or from DUMP payloads ([`source`]).
//!
//! ```text
//! file ──► visit ──► Select ──► Json, Csv                     text
//! jsonl ──────┘            ├──► Commands ──► Printer          text
//!                          │             └─► Target           a server or folder (rdb-load)
//!                          ├──► Stats                         numbers
//! DUMP payload ──► visit ──┴──► Digests                       rdb-diff
//! ```

pub mod commands;
pub mod csv;
pub mod diff;
pub mod digests;
pub mod dump;
pub mod input;
pub mod json;
pub mod jsonl;
pub mod load;
pub mod loader;
pub mod parts;
pub mod pull;
pub mod select;
pub mod sink;
pub mod source;
pub mod stats;
pub mod table;
pub mod target;
#[cfg(test)]
mod tests;
pub mod words;
