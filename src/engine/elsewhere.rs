//! Expensive reads: on the read pool, of the keyspace as it is now.

use super::Engine;
use super::dispatch::Done;
use super::reads::{ReadTail, Tail};
use crate::admin::ClientId;
use crate::base::clock;
use crate::command::{BlockingReadFn, Call, Error, ReadFn, Served};
use crate::keyspace::{Db, View};
use crate::resp::{Out, Reply, encode};

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

    /// Gives an expensive read to the pool, with the keyspace as it is now.
    #[cold]
    pub(super) fn read_elsewhere(
        &mut self,
        client: ClientId,
        db: Db,
        call: &Call<'_>,
        read: Reader,
        out: &mut Out,
    ) -> Done {
        let session = self.admin.clients.session(client);
        let (protocol, now, command) = (session.protocol, self.now, call.command);
        if !session.no_touch {
            // Before the keyspace is frozen, so that no page is copied for it.
            self.touch_keys(db, call);
        }
        // In one piece: there may be a hundred thousand, and the lock is held.
        let bytes = call.args().concat();
        let ends: Vec<usize> = call
            .args()
            .iter()
            .scan(0, |end, argument| {
                *end += argument.len();
                Some(*end)
            })
            .collect();
        let frozen = self.keyspace.freeze();
        let seed = call.seed();
        self.admin.stats.slow_reads += 1;
        let tails = self.tails.sender();
        let work = Box::new(move |out: &mut Out| {
            let begun = clock::monotonic();
            let mut start = 0;
            let argument = |end: &usize| &bytes[std::mem::replace(&mut start, *end)..*end];
            let arguments: Vec<&[u8]> = ends.iter().map(argument).collect();
            let call = Call::new(command, &arguments).with_seed(seed);
            let error = match read.run(frozen.keyspace().view(db, now).of_read(), &call) {
                Ok(reply) => {
                    encode(&reply, protocol, out);
                    None
                }
                Err(error) => {
                    encode(&Reply::Error(error.to_string().into()), protocol, out);
                    Some(error)
                }
            };
            let time = clock::monotonic().since(begun);
            let findings = frozen.into_findings();
            let tail = ReadTail { command, db, findings, error, time };
            // Nobody is there any more: the process ends.
            let _unheard = tails.send(Tail::Read(Box::new(tail)));
        });
        let hold = self.journal.hold_of_read(call, db);
        let done = self.later(client, work, hold, out);
        self.take_tails();
        done
    }
}
