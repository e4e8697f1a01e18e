//! CoolCache: a Redis-compatible, storage-engine-first server.
//!
//! Every mutation is a command record on one ordered log. The same bytes feed the in-memory
//! keyspace and the log on disk, and will feed replicas; a snapshot is the keyspace as a value at
//! one place of the log.
//!
//! ```text
//!  I/O workers (threads on epoll)       engine (one lock, held once a round)            one ordered log
//! ┌──────────────────────────┐ round  ┌───────────────────────────────────────────┐ bytes ┌───────────────────────┐
//! │ turn: receive all ready  ├───────►│ dispatch ─► handler   Read:  View         │──────►│ tail (newest, memory) │
//! │ sockets, parse, hash,    │        │                       Write: Tx, emit     │       │ log writer thread ──► │ segments
//! │ ... execute ..., send    │◄───────┤  Keyspace ◄─ Change::apply ◄─ record ◄──┘  │       └───────────────────────┘
//! └──────────────────────────┘replies,└─────────────┬─────────────────────────────┘
//!    held until their LSN is safe                   │ freeze at LSN n
//!                                                   ▼
//!                                         snapshot thread ─► RDB at LSN n        read pool ─► slow reads
//! ```
//!
//! # The five laws
//!
//! 1. **Every mutation is a record.** Two ways lead into the data: a record
//!    ([`keyspace::Tx::emit`]), or a whole snapshot ([`keyspace::load`]). The compiler enforces it:
//!    a read handler gets a [`keyspace::View`].
//! 2. **One pipeline.** The record's bytes are a Redis command in RESP; log, replay and
//!    interoperability use nothing else ([`keyspace::record`] has the fixed-point law).
//! 3. **One address space.** The LSN ([`log::Lsn`]) counts record bytes; it is the replication
//!    offset.
//! 4. **The keyspace is a value.** A snapshot is the clone of a root ([`paged`],
//!    [`keyspace::Keyspace::freeze`]).
//! 5. **Reads change nothing.** Expiry is a record (DEL, of a hash's field HDEL); a read hides what
//!    has expired, and of a key leaves a note.
//!
//! # Reading order
//!
//! The words on this way: a **turn** is a worker's pass over its ready sockets. A **round** is what
//! of it runs under one hold of the lock: **pipelines**, the requests of one connection each. The
//! records of a round are its **batch**; on the log each call's are a **group** (one record, or
//! MULTI ... EXEC), and what the log writes at once, under one checksum, is a **batch** again: of
//! groups.
//!
//! Follow one SET from socket to log: [`server`] (`turn.rs`: receive, parse) → [`engine`]
//! (`round.rs`: which command, which hash; `dispatch.rs`: run it) → [`command`] (`string/set.rs`) →
//! [`keyspace::tx`] and [`keyspace::record`] → [`paged`] → `engine/journal.rs` (`append`) → [`log`]
//! (`writer.rs`).
//!
//! A GET goes the same way to `dispatch.rs`, whose `run_read` gives it a [`keyspace::View`]. Under
//! `appendfsync always` its reply waits for the writes that it has seen (`journal.rs`,
//! `hold_of_read`): `send_replies` in `turn.rs` holds it back until the log has come so far.
//!
//! An HSET goes the same way through `command/hash/fields.rs`. Its change,
//! [`keyspace::record::SetFields`], edits a value of [`types::hash`] by way of
//! [`keyspace::collection`].
//!
//! A BLPOP is in `command/list/blocking.rs`. If there is nothing to pop, `engine/blocked` parks it.
//! The RPUSH that comes touches its key, and right behind it the BLPOP is run again. Its record
//! follows the RPUSH's in the same batch, and the reply goes out through `engine/outbox.rs`.
//!
//! Each folder may use those before it in this list, and `tests/tidy.rs` checks that:
//!
//! | folder | what it holds |
//! |---|---|
//! | [`base`] | clock, chance, disk, numbers as Redis prints them, globs, limits |
//! | [`resp`] | the protocol: requests parsed in place, replies in RESP2 and RESP3 |
//! | [`paged`] | the copy-on-write table: pages, page heap, directory, freeze, scan |
//! | [`types`] | values: lists, sets, hashes, sorted sets, streams; bits, geohashes, HyperLogLogs |
//! | [`keyspace`] | databases of values with expiry; views, transactions, changes and their records; digest |
//! | [`rdb`] | the RDB format, both ways |
//! | [`log`] | segments, manifest, group commit, recovery |
//! | [`session`], [`admin`] | one connection's state; settings, statistics, INFO |
//! | [`command`] | the command table, one folder or file a group |
//! | [`engine`] | the lock, dispatch, blocked calls, expiry, snapshots, start |
//! | [`server`] | sockets, the turn, shutdown |
//! | [`cli`] | the command line |

pub mod admin;
pub mod base;
pub mod cli;
pub mod command;
pub mod engine;
pub mod keyspace;
pub mod log;
pub mod paged;
pub mod rdb;
pub mod resp;
pub mod server;
pub mod session;
pub mod types;
