//! Expensive reads: on the read pool, of the keyspace as it is now.

use super::Engine;
use super::dispatch::Done;
use crate::admin::ClientId;
use crate::command::{BlockingReadFn, Call, Error, ReadFn, Served};
use crate::keyspace::{Db, View};
use crate::resp::{Out, Reply, encode};
use crate::session::Replies as Wanted;

/// A read for the pool.
pub(super) enum Reader {
    Plain(ReadFn),
    /// It has found something, and will not wait.
    Blocking(BlockingReadFn),
}

impl Reader {
    fn run<'a>(&self, view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>, Error> {
        match self {
            Reader::Plain(read) => read(view, call),
            Reader::Blocking(read) => read(view, call).map(|served| match served {
                Served::Now(reply) => reply,
                Served::Wait(wait) => wait.null,
            }),
        }
    }
}

impl Engine {
    /// Whether a read looks at so much that the pool is to run it.
    #[inline]
    pub(super) fn is_slow(&self, db: Db, call: &Call<'_>) -> bool {
        let view = self.keyspace.view(db, self.now);
        let slow = self.admin.config.slow_read_elements();
        call.command.cost.is_some_and(|cost| cost(view, call) > slow)
    }

    /// Gives an expensive read to the pool, with the keyspace as it is now. None: it must run here.
    #[cold]
    pub(super) fn read_elsewhere(
        &mut self,
        client: ClientId,
        db: Db,
        call: &Call<'_>,
        read: Reader,
        out: &mut Out,
    ) -> Option<Done> {
        let session = self.admin.clients.session(client);
        if session.replies != Wanted::On {
            return None;
        }
        let (protocol, now, command) = (session.protocol, self.now, call.command);
        let arguments: Vec<Vec<u8>> =
            call.args().iter().map(|argument| argument.to_vec()).collect();
        let frozen = self.keyspace.freeze();
        let seed = call.seed();
        self.admin.stats.slow_reads += 1;
        let work = Box::new(move |out: &mut Out| {
            let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            let call = Call::new(command, &arguments).with_seed(seed);
            let view = frozen.keyspace().view(db, now);
            let reply = read.run(view, &call);
            let reply = reply.unwrap_or_else(|error| Reply::Error(error.to_string().into()));
            encode(&reply, protocol, out);
        });
        let hold = self.journal.hold_of_read(call, db);
        Some(self.later(client, work, hold, out))
    }
}
