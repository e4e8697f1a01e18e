//! The commands: one entry each says everything about it, beside its handler, as plain data.
//!
//! Lookup, arity, COMMAND's answers, key positions, ACL categories and the fuzzer's grammar are all
//! derived from the entry.
//!
//! To add a command:
//!
//! 1. Write its entry and its handler in a file of its group's folder, and name the entry in the
//!    `COMMANDS` of the group's `mod.rs`. (A new group's `COMMANDS` is listed in [`table`].)
//! 2. A handler that writes says what to change with [`Tx::emit`]. The changes that exist are in
//!    [`crate::keyspace::record`]; most commands need no new one. The record of a new one must be a
//!    command that Redis 7.0 knows (field expiry is the exception), and keep the fixed-point law
//!    told there.
//! 3. The entry's `example` is run as a test, with all checks that [`crate::engine::check`] makes
//!    of a session. Corner cases go to a file in `tests/transcripts`.
//! 4. If the reference has the command, a test compares the entry with
//!    `tests/fixtures/commands.tsv`, and `tests/differential` sends it to Redis and Valkey too.
//!
//! ```text
//! bytes ──resp──► arguments ──table::find──► Command ── arity ── auth ──► Handler::Read         (View)         ─► Reply
//!                                                                         Handler::Write        (&mut Tx)      ─► Reply
//!                                                                         Handler::Blocking     (&mut Tx)      ─► Served: a reply, or a wait
//!                                                                         Handler::BlockingRead (View)         ─► Served
//!                                                                         Handler::Control      (&mut Control) ─► Answer
//! ```

pub mod call;
pub mod control;
pub mod derived;
pub mod error;
pub mod help;
pub mod introspect;
pub mod logged;
pub mod positions;
pub mod syntax;
pub mod table;

mod algebra;
mod arguments;
mod bitmap;
mod cluster;
mod connection;
mod element;
mod expiry;
mod geo;
mod hash;
mod hyperloglog;
mod keys;
mod list;
mod random;
mod replace;
mod scan;
mod server;
mod set;
mod stream;
mod string;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timeout;
mod zset;

pub use call::Call;
pub use control::{Action, Answer, Authentication, Control, Copies, LogRead, Migrate};
pub use error::{Error, Result};
pub use table::find;

use crate::base::clock::UnixMs;
use crate::keyspace::{Tx, Type, View};
use crate::resp::Reply;
use std::ops::Range;

/// One command, or one subcommand: its entry in the table.
#[derive(Debug)]
pub struct Command {
    /// Lower-case name. A subcommand's is its own part only (`getname`).
    pub name: &'static str,
    /// One sentence, as COMMAND DOCS gives it.
    pub summary: &'static str,
    /// The arguments after the name, in the notation of the reference: `key [EX seconds | PX ms]
    /// <A | B> [key ...]`.
    pub syntax: &'static str,
    /// A session that shows it: `> ` request, reply lines as redis-cli prints them, `log: `
    /// records, `event: ` keyspace events (both may be left out). Run as a test; the notation is
    /// told in [`crate::engine::check`].
    pub example: &'static str,
    /// The Redis version that introduced it.
    pub since: &'static str,
    /// Its cost, as COMMAND DOCS gives it.
    pub complexity: &'static str,
    /// Its group.
    pub group: Group,
    /// Where its keys are.
    pub keys: &'static [Keys],
    /// Whether a call counts as a use of its keys (idle times, eviction), where the key specs do
    /// not tell: they say `access` of TTL, which is none, and only `RO` of TOUCH, which is
    /// one. Of a write, whether it uses its first key even though it leaves its value as it is
    /// (EXPIRE).
    pub touches: Option<bool>,
    /// What of the data the reply shows: under `appendfsync always` it waits until that is synced.
    pub sees: Sees,
    /// What cannot be derived from handler, keys and group.
    pub flags: &'static [Flag],
    /// Arity, where the syntax does not give it (positive: exact; negative: at least; the name
    /// counts).
    pub arity: Option<i32>,
    /// ACL categories that group, handler and flags do not give; with a `-` in front, one that
    /// they give wrongly.
    pub categories: &'static [&'static str],
    /// Hints for clients and proxies, as COMMAND INFO gives them (`request_policy:all_shards`).
    pub tips: &'static [&'static str],
    /// What runs it.
    pub handler: Handler,
    /// What its record does in a log that another server wrote, if it writes nothing here: Redis
    /// logs PFCOUNT, which puts what it has counted into the string.
    pub replays: Option<WriteFn>,
    /// How much a read would look at (elements or bytes), if that can be a lot: above
    /// `slow-read-elements` it runs on the read pool, on a frozen keyspace.
    pub cost: Option<CostFn>,
    /// Its subcommands.
    pub subcommands: &'static [Command],
}

/// Reads: sees a view.
pub type ReadFn = for<'a> fn(View<'a>, &Call<'a>) -> Result<Reply<'a>>;
/// Writes: sees a view, and emits changes.
pub type WriteFn = for<'a> fn(&mut Tx<'_>, &Call<'a>) -> Result<Reply<'a>>;
/// As [`WriteFn`], with the choice to wait. What waits is run again from the start when a record
/// has touched one of its keys, so what it has emitted before it waits (XREADGROUP its consumer) it
/// must not emit again.
pub type BlockingFn = for<'a> fn(&mut Tx<'_>, &Call<'a>) -> Result<Served<'a>>;
/// As [`ReadFn`], with the choice to wait.
pub type BlockingReadFn = for<'a> fn(View<'a>, &Call<'a>) -> Result<Served<'a>>;
/// Controls: sees the connection's session and the server's own state; never touches data.
pub type ControlFn = for<'a> fn(&mut Control<'_>, &Call<'a>) -> Result<Answer<'a>>;
/// Estimates a read, O(log n).
pub type CostFn = for<'a> fn(View<'a>, &Call<'a>) -> u64;

/// Who may do what is a type.
#[derive(Debug, Clone, Copy)]
pub enum Handler {
    /// May look.
    Read(ReadFn),
    /// May look and emit.
    Write(WriteFn),
    /// As a write; or it answers that it must wait.
    Blocking(BlockingFn),
    /// As a read; or it answers that it must wait.
    BlockingRead(BlockingReadFn),
    /// May not touch data.
    Control(ControlFn),
    /// Only its subcommands do something.
    Container,
}

impl Handler {
    /// Whether it may change data.
    #[inline]
    pub fn writes(&self) -> bool {
        matches!(self, Handler::Write(_) | Handler::Blocking(_))
    }

    /// Whether it may answer that it must wait.
    #[inline]
    pub fn blocks(&self) -> bool {
        matches!(self, Handler::Blocking(_) | Handler::BlockingRead(_))
    }
}

/// What a blocking command answers.
#[derive(Debug)]
pub enum Served<'a> {
    /// The reply.
    Now(Reply<'a>),
    /// Nothing to reply with yet.
    Wait(Wait),
}

/// What a blocked call waits for. Inside MULTI, a script or a replay nothing waits: its reply is
/// [`Wait::null`]. Whatever comes of a later run ends the wait, an error too: `BLPOP k j 0` fails
/// when `j` becomes a list while `k` is a string, as in Redis 7.2 and Valkey.
#[derive(Debug)]
pub struct Wait {
    /// The positions of its keys. A change of any of them may run the call again.
    pub keys: Range<usize>,
    /// The type of what is waited for: only a changed key that holds such a value runs the call
    /// again. None: any change does (XREADGROUP, whose stream and group must not go away).
    pub awaits: Option<Type>,
    /// When it gives up, unix ms; none: never.
    pub deadline: Option<UnixMs>,
    /// When it is run again although no key was touched, unix ms: what it waits for comes with time
    /// (an entry of XREADGROUP CLAIM has been idle for long enough).
    pub alarm: Option<UnixMs>,
    /// The arguments for the next runs, if they are not the same: what was relative to the instant
    /// of the first run (`$` of XREAD) is resolved in them.
    pub again: Option<Vec<Vec<u8>>>,
    /// The reply when it gives up.
    pub null: Reply<'static>,
}

impl Wait {
    /// A wait for a value of this type under one of the keys that stand there.
    pub fn for_one_of(keys: Range<usize>, awaited: Type, deadline: Option<UnixMs>) -> Self {
        let (awaits, null) = (Some(awaited), Reply::NullArray);
        Wait { keys, awaits, deadline, alarm: None, again: None, null }
    }
}

/// The groups of the command reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Strings.
    String,
    /// Keys of any type.
    Generic,
    /// The connection.
    Connection,
    /// The server.
    Server,
    /// The cluster.
    Cluster,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Hashes.
    Hash,
    /// Sorted sets.
    SortedSet,
    /// Geospatial indices: sorted sets.
    Geo,
    /// Streams.
    Stream,
    /// Bitmaps: strings.
    Bitmap,
    /// HyperLogLogs: strings.
    HyperLogLog,
    /// Transactions: no command is in it yet.
    Transactions,
}

impl Group {
    /// The reference's name of the group.
    pub fn name(self) -> &'static str {
        match self {
            Group::String => "string",
            Group::Generic => "generic",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Cluster => "cluster",
            Group::List => "list",
            Group::Set => "set",
            Group::Hash => "hash",
            Group::SortedSet => "sorted-set",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
            Group::HyperLogLog => "hyperloglog",
            Group::Transactions => "transactions",
        }
    }
}

/// What a command does with a key: Redis' key-spec flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `RO access`: reads the value.
    Read,
    /// `RO`: only asks about the key or its metadata.
    Metadata,
    /// `RW access`: reads the value, and may note something beside it.
    ReadNote,
    /// `RW access insert`.
    ReadInsert,
    /// `RW access update`.
    ReadUpdate,
    /// `RW access delete`.
    ReadDelete,
    /// `RW update`.
    Update,
    /// `RW insert`.
    Insert,
    /// `RW delete`.
    DeleteRw,
    /// `OW update`.
    Overwrite,
    /// `OW insert`.
    OverwriteInsert,
    /// `RM delete`.
    Remove,
    /// `RW delete variable_flags`: the options decide (DELEX).
    DeleteVariable,
    /// `RW access update variable_flags`: the options decide (SET GET).
    Variable,
    /// `OW update variable_flags`: of several of these the last one counts (GEORADIUS STORE).
    OverwriteVariable,
    /// `RW access delete incomplete`: not where an option says otherwise (MIGRATE KEYS).
    ReadDeleteIncomplete,
}

/// Where keys stand among the arguments (0 is the command's name; for a subcommand, the
/// container's).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// One key at this position.
    One(usize, Access),
    /// Keys from the position to the end, every `step`-th argument.
    From(usize, usize, Access),
    /// Keys from a position to another (negative: counted from the end, -1 is the last argument),
    /// both included, every `step`-th.
    Range(usize, i32, usize, Access),
    /// The argument at the position says how many keys follow it, every `step`-th argument one.
    Counted(usize, usize, Access),
    /// Keys behind this word, which stands at the position or behind it (negative: it is searched
    /// backwards, from that far before the end).
    Keyword(&'static str, i32, Follow, Access),
    /// Somewhere that no position says: [`Resolved::key_positions`] knows those of SORT.
    ///
    /// [`Resolved::key_positions`]: table::Resolved::key_positions
    Unknown(Access),
}

/// What of the data a reply shows that has changed nothing. (The reply of a call that has written
/// waits for its own record.)
#[derive(Debug, Clone, Copy)]
pub enum Sees {
    /// Of a read or a write: the keys that its specs name, or its database if there are none. Of a
    /// control, which sees no data: nothing.
    Keys,
    /// More than that: perhaps keys of other databases.
    Everything,
    /// As [`Sees::Everything`] if this says so of the call, else as [`Sees::Keys`].
    EverythingIf(fn(&Call<'_>) -> bool),
}

/// How many keys follow a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// One.
    One,
    /// Everything.
    All,
    /// The first half of what follows; the other half says something of each (XREAD STREAMS).
    Half,
}

/// Redis' command flags that are stated, not derived (`write`, `readonly`, `movablekeys` are
/// derived).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// May need memory: refused when there is none left.
    DenyOom,
    /// O(1) or O(log n).
    Fast,
    /// For administrators.
    Admin,
    /// Not in scripts.
    NoScript,
    /// While a data set is loading.
    Loading,
    /// On a replica with stale data.
    Stale,
    /// Before AUTH.
    NoAuth,
    /// While a script is busy.
    AllowBusy,
    /// Not while loading asynchronously.
    NoAsyncLoading,
    /// Not in a transaction.
    NoMulti,
    /// Key positions are a guess.
    MovableKeys,
    /// Reads keys in a way no key spec shows.
    MayReplicate,
    /// Is a control that writes data or reads it by way of an action (`write`/`readonly` for
    /// COMMAND INFO).
    Write,
    /// As above.
    ReadOnly,
    /// Is a control that may wait.
    Blocking,
    /// Shows what the engine knows of itself: its facts are brought up to date first. Not for
    /// COMMAND INFO.
    ShowsFacts,
    /// Writes nothing, and is refused all the same while writes are (the log has failed). Not for
    /// COMMAND INFO.
    RefusedWithWrites,
}

/// What an entry leaves out.
pub const DEFAULT: Command = Command {
    name: "",
    summary: "",
    syntax: "",
    example: "",
    since: "1.0.0",
    complexity: "O(1)",
    group: Group::Server,
    keys: &[],
    touches: None,
    sees: Sees::Keys,
    flags: &[],
    arity: None,
    categories: &[],
    tips: &[],
    handler: Handler::Container,
    replays: None,
    cost: None,
    subcommands: &[],
};
