//! What a control command sees, and what it may ask for.
//!
//! A control handler checks its arguments, looks at or changes its own session and the server's
//! settings, and answers at once; or it answers with an [`Action`], a thing to do that needs the
//! whole engine, and the engine does it and makes the reply. So no command reaches around the
//! layers.

use crate::admin::{Admin, ClientId};
use crate::base::clock::{UnixMs, UnixUs};
use crate::command::logged::Wanted;
use crate::keyspace::{Db, Keyspace, View};
use crate::resp::Reply;
use crate::session::Session;
use std::time::Duration;

/// A control's answer.
#[derive(Debug)]
pub enum Answer<'a> {
    /// The reply.
    Now(Reply<'a>),
    /// The reply, and a push of RESP3 behind it (DEBUG PROTOCOL PUSH).
    Followed {
        /// What answers the request.
        reply: Reply<'a>,
        /// What does not.
        push: Reply<'a>,
    },
    /// No reply at all (CLIENT REPLY OFF).
    Silent,
    /// Something for the engine to do, which then gives the reply.
    Do(Action),
}

impl<'a> From<Reply<'a>> for Answer<'a> {
    fn from(reply: Reply<'a>) -> Self {
        Answer::Now(reply)
    }
}

/// What only the whole engine can do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// SAVE: an RDB file, before the reply.
    Save,
    /// BGSAVE: an RDB file, beside everything else. With `schedule`, after a rewrite that is under
    /// way.
    Bgsave {
        /// SCHEDULE was given.
        schedule: bool,
    },
    /// BGSAVE CANCEL.
    BgsaveCancel,
    /// BGREWRITEAOF: a new base for the log.
    RewriteLog,
    /// SHUTDOWN.
    Shutdown {
        /// SAVE or NOSAVE; none: as the save points say.
        save: Option<bool>,
        /// NOW: do not wait for replicas.
        now: bool,
        /// FORCE: even if saving fails.
        force: bool,
    },
    /// SHUTDOWN ABORT.
    ShutdownAbort,
    /// DEBUG RELOAD: write an RDB file, empty the keyspace, load it.
    Reload {
        /// NOSAVE: load what is there.
        save: bool,
        /// NOFLUSH: keep what is there.
        flush: bool,
    },
    /// DEBUG LOADAOF: flush the log, empty the keyspace, replay it.
    LoadLog,
    /// DEBUG SLEEP: hold the lock for so many seconds, on purpose.
    Sleep(f64),
    /// DEBUG DIGEST: the digest of everything.
    Digest,
    /// LOG READ: records of the log, when they have been read.
    ReadLog(Box<LogRead>),
    /// LOG INFO.
    LogInfo,
    /// LOG DIGEST: the digest of everything, and its LSN.
    LogDigest,
    /// Close these connections (CLIENT KILL), then reply with how many, or OK for the old form.
    Kill {
        /// Whom.
        clients: Vec<ClientId>,
        /// Reply with the number (new form) instead of OK.
        count: bool,
    },
    /// CLIENT PAUSE: stop everything, or only writes, until `end`.
    Pause {
        /// When it ends.
        end: UnixMs,
        /// Everything.
        all: bool,
    },
    /// CLIENT UNPAUSE.
    Unpause,
    /// WAIT and WAITAOF: wait until the connection's last write is safe enough.
    AwaitCopies(Copies),
    /// MIGRATE: send keys to another server, remove them here, then reply.
    Migrate(Box<Migrate>),
    /// CLIENT UNBLOCK: end a connection's wait for keys, then reply whether it was waiting.
    Unblock {
        /// Whose; none: there is no such connection.
        client: Option<ClientId>,
        /// With an error instead of the reply to a timeout.
        with_error: bool,
    },
    /// QUIT: reply OK, then close this connection.
    Quit,
    /// CONFIG REWRITE: write [`crate::admin::Config::rewritten`] to the configuration file, which
    /// there is.
    RewriteConfig,
    /// Settings were changed in the configuration table by CONFIG SET: make the engine follow, then
    /// reply OK.
    ConfigChanged(Vec<&'static str>),
}

/// How safe a connection's last write is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copies {
    /// On this server's disk. None: that is not even asked (WAIT), and the reply does not tell.
    pub local: Option<bool>,
    /// With so many replicas.
    pub replicas: u64,
    /// When to give up; none: never.
    pub deadline: Option<UnixMs>,
}

/// What is to be read from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRead {
    /// The LSN behind which it begins.
    pub from: u64,
    /// Most records of the reply.
    pub count: usize,
    /// Whether to wait if there are none yet, and until when; `Some(None)`: for ever.
    pub wait: Option<Option<UnixMs>>,
    /// Which records.
    pub wanted: Wanted,
    /// The replication id under which the LSN was learnt.
    pub id: Option<Vec<u8>>,
}

/// Where which keys are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrate {
    /// The other server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Keys that are there. One may be named twice.
    pub keys: Vec<Vec<u8>>,
    /// The database over there: that server says whether there is one.
    pub db: i64,
    /// For connecting, and for each exchange.
    pub timeout: Duration,
    /// The keys stay here.
    pub copy: bool,
    /// Keys of these names over there are replaced.
    pub replace: bool,
    /// AUTH or AUTH2.
    pub authentication: Option<Authentication>,
}

/// What another server is told about who calls.
#[derive(Clone, PartialEq, Eq)]
pub struct Authentication {
    /// None: the default user.
    pub user: Option<Vec<u8>>,
    /// Its password.
    pub password: Vec<u8>,
}

impl std::fmt::Debug for Authentication {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentication").finish_non_exhaustive()
    }
}

/// A control's window.
pub struct Control<'a> {
    /// Settings, statistics, clients.
    pub admin: &'a mut Admin,
    /// The connection that calls.
    pub client: ClientId,
    /// The keyspace, to look at.
    pub keyspace: &'a Keyspace,
    /// The instant of the call.
    pub now: UnixMs,
    /// The same instant, to the microsecond.
    pub now_us: UnixUs,
}

impl Control<'_> {
    /// The calling connection's session.
    pub fn session(&mut self) -> &mut Session {
        self.admin.clients.session(self.client)
    }

    /// The calling connection's database, to look at.
    pub fn view(&mut self) -> View<'_> {
        let db = self.session().db;
        self.keyspace.view(db, self.now)
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.keyspace.databases()
    }

    /// Selects a database for the connection.
    pub fn select(&mut self, db: Db) {
        self.session().db = db;
    }
}
