//! Running requests: from a parsed request to an encoded reply, under the lock.
//!
//! ```text
//! execute(round)   prefetch pages, prefetch entries, then pipeline by pipeline, request by request:
//!   run(request)     known? arity? AUTH? writes allowed?
//!     read             View ── expensive? ──► read pool, the connection waits
//!     write            Tx: changes and records into the batch
//!     blocking         as a read or a write; one that must wait is parked by `blocked`
//!     control          session and settings; an Action is done by `actions`
//!   serve_blocked()  right behind each request: parked calls whose keys it touched run again
//! commit()         the batch goes to the log; who must wait for its LSN was noted request by request
//! ```

use super::elsewhere::Reader;
use super::http::is_http;
use super::outbox::Address;
use super::pace::Pace;
use super::round::{Outcome, ParkedFor, Pipeline, Replies, Request, Round};
use super::{Engine, actions};
use crate::admin::ClientId;
use crate::base::clock::{self, UnixUs};
use crate::command::error::{unknown_command, unknown_subcommand};
use crate::command::table::{self, Found, Resolved};
use crate::command::{
    Access, Answer, Call, Control, ControlFn, Error, Flag, Handler, Keys, ReadFn, WriteFn,
};
use crate::keyspace::{Db, Key, Tx};
use crate::log::Lsn;
use crate::resp::{Out, Reply, encode};
use crate::session::Replies as Wanted;
use std::time::Duration;

/// A request of more arguments than this may take long whatever its command.
const QUICK_ARGUMENTS: usize = 8;

/// What happens to a connection after one of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next request may run.
    Next,
    /// The reply comes later; the connection waits for it.
    Wait,
    /// As [`Self::Wait`], but the reply is dropped when it comes (CLIENT REPLY OFF and SKIP).
    WaitSilently,
    /// The request cannot run now: try this very request again when what it waits for is there.
    Park(ParkedFor),
    /// The connection closes after its replies.
    Close,
}

impl Engine {
    /// Executes a round at `now`, and gives its records to the log.
    pub fn execute(&mut self, round: &Round<'_>, now: impl Into<UnixUs>, replies: &mut Replies) {
        self.begin_round(now);
        self.take_tails();
        self.do_due();
        self.prefetch(round);
        if !round.large.is_empty() {
            self.keyspace.offer(round.large);
        }
        self.pace = Pace::begin(clock::monotonic(), self.admin.latency.is_on());
        for pipeline in &round.pipelines {
            let outcome = self.run_pipeline(round, pipeline, &mut replies.out);
            replies.outcomes.push(outcome);
        }
        if self.pace.is_owed_a_look() {
            self.look();
        }
        self.commit();
        if !round.large.is_empty() {
            self.keyspace.offer(&[]);
        }
        self.admin.stats.rounds += 1;
    }

    /// Reads the clock into everything that needs it. A round sees one instant.
    pub(super) fn begin_round(&mut self, now: impl Into<UnixUs>) {
        self.set_now(now);
        self.seed = self.rng.u64();
        self.refresh_gate();
    }

    /// Brings what the round will look at into the cache: all pages first, then all entries, so
    /// that the misses overlap instead of following one another.
    fn prefetch(&mut self, round: &Round<'_>) {
        /// Below this a prefetch has no time to arrive.
        const WORTHWHILE: usize = 2;
        if round.requests.len() < WORTHWHILE {
            return;
        }
        for entries in [false, true] {
            for pipeline in &round.pipelines {
                let db = self.admin.clients.session(pipeline.client).db;
                for request in requests_of(round, pipeline) {
                    match (request.hash, entries) {
                        (0, _) => {}
                        (hash, false) => self.keyspace.prefetch_page(db, hash),
                        (hash, true) => self.keyspace.prefetch_entry(db, hash),
                    }
                }
            }
        }
    }

    fn run_pipeline(&mut self, round: &Round<'_>, pipeline: &Pipeline, out: &mut Out) -> Outcome {
        let session = self.admin.clients.session(pipeline.client);
        session.last_seen = self.now;
        session.bytes_in += u64::from(pipeline.bytes_in);
        session.query_buffer_bytes = pipeline.query_buffer_bytes as usize;
        session.output_bytes = pipeline.output_bytes;
        self.admin.stats.net_input_bytes += u64::from(pipeline.bytes_in);
        let (mut ran, mut replies) = (0, 0);
        let (mut hold, mut flow) = (Lsn::default(), Flow::Next);
        let begin = out.mark();
        let mut end = begin;
        if !session.closing {
            for request in requests_of(round, pipeline) {
                if self.pace.is_over() {
                    break;
                }
                let first = request.first as usize;
                let arguments = &round.arguments[first..first + request.count as usize];
                let done = self.run(pipeline.client, request.found, arguments, request.hash, out);
                hold = hold.max(done.hold);
                flow = done.flow;
                if !self.blocked.is_empty() {
                    self.serve_blocked();
                }
                if matches!(flow, Flow::Park(_)) {
                    break;
                }
                ran += 1;
                replies += u32::from(out.mark() != end);
                end = out.mark();
                if flow != Flow::Next {
                    break;
                }
            }
        }
        let sent = out.len_between(begin, end) as u64;
        self.admin.stats.net_output_bytes += sent;
        let session = self.admin.clients.session(pipeline.client);
        session.bytes_out += sent;
        session.closing |= flow == Flow::Close;
        session.postponed = flow == Flow::Park(ParkedFor::Log) && self.pause.is_on();
        Outcome {
            end,
            ran,
            replies,
            hold,
            waiting: matches!(flow, Flow::Wait | Flow::WaitSilently),
            silent: flow == Flow::WaitSilently,
            parked: if let Flow::Park(parked) = flow { Some(parked) } else { None },
            ends_with_peer: session.is_blocked(),
            close: session.closing,
            authenticated: session.authenticated,
            was_authenticated: session.was_authenticated,
        }
    }

    /// Runs one request of a connection and encodes its reply.
    #[inline]
    pub(super) fn run(
        &mut self,
        client: ClientId,
        found: Found,
        arguments: &[&[u8]],
        hash: u64,
        out: &mut Out,
    ) -> Done {
        let session = self.admin.clients.session(client);
        if session.replies == Wanted::SkipNext {
            // This is the next one, even if it is refused.
            session.replies = Wanted::Skip;
        }
        let command = match self.admit(client, found, arguments) {
            Ok(command) => command,
            Err(error) => return self.turn_away(client, found, arguments, &error, out),
        };
        if command.handler.writes() && !self.journal.has_room(self.batch.len())
            || self.is_paused(command)
        {
            return Done::now(Flow::Park(ParkedFor::Log));
        }
        let db = self.admin.clients.session(client).db;
        if command.cost.is_some() && self.pool.queue().is_full() {
            let call = Call::hashed(command, arguments, command.first_key, hash);
            if self.is_slow(db, &call) {
                return Done::now(Flow::Park(ParkedFor::Pool));
            }
        }
        let session = self.admin.clients.session(client);
        session.commands += 1;
        session.last_command = command.full_name;
        let is_quick = command.is_quick && arguments.len() <= QUICK_ARGUMENTS;
        if self.pace.looks_before(is_quick) {
            self.look();
        }
        let mark = out.mark();
        self.admin.stats.commands_processed += 1;
        self.admin.stats.commands[command.index].calls += 1;
        let call = Call::hashed(command, arguments, command.first_key, hash)
            .with_seed(self.seed ^ self.admin.stats.commands_processed);
        let mut done = match command.handler {
            Handler::Read(read) => self.run_read(client, db, &call, read, out),
            Handler::BlockingRead(read) if self.is_slow(db, &call) => {
                self.read_elsewhere(client, db, &call, Reader::Blocking(read), out)
            }
            Handler::Write(write) => self.run_write(client, db, &call, write, out),
            Handler::Blocking(_) | Handler::BlockingRead(_) => {
                self.run_blocking(client, db, &call, out)
            }
            Handler::Control(control) => self.run_control(client, &call, control, out),
            // `find` gives a container only without a subcommand, which its arity refuses.
            Handler::Container => self.refuse(client, &Error::Arity(command.full_name.into()), out),
        };
        if self.admin.clients.session(client).replies != Wanted::On {
            let is_silent = self.silence(client, mark, out);
            if is_silent && done.flow == Flow::Wait {
                done.flow = Flow::WaitSilently;
            }
        }
        // What waits has not run.
        let has_run = !matches!(done.flow, Flow::Wait | Flow::WaitSilently);
        if self.pace.ran(has_run.then_some(command.index), is_quick) {
            self.look();
        }
        done
    }

    /// Looks at the clock, and takes note of how long the requests since the last look took.
    fn look(&mut self) {
        let look = self.pace.look(clock::monotonic());
        let tracks = self.admin.config.latency_tracking();
        for index in look.commands() {
            self.admin.stats.commands[index].took(look.each_ns, tracks);
            if self.admin.latency.is_on() {
                let is_fast = || table::by_index(index)?.flags.contains(&Flag::Fast).then_some(());
                let event = if is_fast().is_some() { "fast-command" } else { "command" };
                let time = Duration::from_nanos(look.each_ns);
                self.admin.latency.note(event, time, || self.now.seconds());
            }
        }
    }

    #[inline]
    fn run_write(
        &mut self,
        client: ClientId,
        db: Db,
        call: &Call<'_>,
        write: WriteFn,
        out: &mut Out,
    ) -> Done {
        let protocol = self.admin.clients.session(client).protocol;
        let records_before = self.batch.len();
        let mut tx = Tx::begin(&mut self.keyspace, &mut self.batch, db, self.now);
        let reply = write(&mut tx, call);
        drop(tx);
        let has_looked = reply.is_ok();
        let reply = reply.unwrap_or_else(|error| self.failed(call.command, &error));
        encode(&reply, protocol, out);
        if has_looked {
            self.touch_after_write(client, db, call, records_before);
        }
        Done { flow: Flow::Next, hold: self.after_write(call, db, records_before) }
    }

    fn run_control(
        &mut self,
        client: ClientId,
        call: &Call<'_>,
        control: ControlFn,
        out: &mut Out,
    ) -> Done {
        if call.command.flags.contains(&Flag::ShowsFacts) {
            self.refresh_facts();
        }
        let hold = self.journal.hold_of_control(call);
        let (now, now_us) = (self.now, self.now_us);
        let keyspace = &self.keyspace;
        let mut window = Control { admin: &mut self.admin, client, keyspace, now, now_us };
        match control(&mut window, call) {
            Ok(Answer::Now(reply)) => Done { hold, ..self.reply(client, &reply, out) },
            Ok(Answer::Followed { reply, push }) => {
                self.reply(client, &reply, out);
                Done { hold, ..self.reply(client, &push, out) }
            }
            Ok(Answer::Silent) => Done::now(Flow::Next),
            Ok(Answer::Do(action)) => actions::act(self, client, action, hold, out),
            Err(error) => {
                let reply = self.failed(call.command, &error);
                Done { hold, ..self.reply(client, &reply, out) }
            }
        }
    }

    #[inline]
    fn run_read(
        &mut self,
        client: ClientId,
        db: Db,
        call: &Call<'_>,
        read: ReadFn,
        out: &mut Out,
    ) -> Done {
        if self.is_slow(db, call) {
            return self.read_elsewhere(client, db, call, Reader::Plain(read), out);
        }
        let session = self.admin.clients.session(client);
        let (protocol, touches) = (session.protocol, !session.no_touch);
        let view = self.keyspace.view(db, self.now).of_read();
        let error = match read(view, call) {
            Ok(reply) => {
                encode(&reply, protocol, out);
                None
            }
            Err(error) => {
                encode(&Reply::Error(error.to_string().into()), protocol, out);
                Some(error)
            }
        };
        self.after_read(call.command, db, error.as_ref());
        if touches {
            self.touch_keys(db, call);
        }
        Done { flow: Flow::Next, hold: self.journal.hold_of_read(call, db) }
    }

    /// Runs `work` on the read pool while the connection waits; on the spot if there is none.
    pub(super) fn later(
        &mut self,
        client: ClientId,
        work: super::pool::Work,
        hold: Lsn,
        out: &mut Out,
    ) -> Done {
        let to = self.address(client);
        let outbox = self.outboxes.read().get(to.worker).cloned();
        let outcome = match outbox {
            Some(outbox) => self.pool.submit(work, to, hold, outbox, self.tails.sender()),
            None => Err(work),
        };
        match outcome {
            Ok(()) => Done { flow: Flow::Wait, hold: Lsn::default() },
            Err(work) => {
                work(out);
                Done { flow: Flow::Next, hold }
            }
        }
    }

    /// Where a connection's worker finds it.
    pub(super) fn address(&mut self, client: ClientId) -> Address {
        let session = self.admin.clients.session(client);
        Address { worker: session.worker, token: session.token, id: session.id }
    }

    /// May this request run at all? In Redis' order: authenticated, known, arity, writable.
    #[inline]
    fn admit(
        &mut self,
        client: ClientId,
        found: Found,
        arguments: &[&[u8]],
    ) -> Result<&'static Resolved, Error> {
        let authenticated = self.admin.clients.session(client).authenticated;
        let command = match found {
            Found::Command(command) => command,
            // A stranger does not learn which commands there are.
            Found::UnknownSubcommand(_) | Found::Unknown if !authenticated => {
                return Err(Error::NoAuth);
            }
            Found::UnknownSubcommand(container) => {
                return Err(unknown_subcommand(container.name, arguments));
            }
            Found::Unknown => return Err(unknown_command(arguments)),
        };
        if !authenticated && !command.flags.contains(&Flag::NoAuth) {
            self.admin.stats.commands[command.index].rejected += 1;
            return Err(Error::NoAuth);
        }
        if !command.takes(arguments.len()) || command.is_container() {
            self.admin.stats.commands[command.index].rejected += 1;
            return Err(Error::Arity(command.full_name.into()));
        }
        if let Some(gate) = &self.gate
            && (command.writes() || command.flags.contains(&Flag::RefusedWithWrites))
        {
            self.admin.stats.commands[command.index].rejected += 1;
            return Err(gate.clone());
        }
        Ok(command)
    }

    /// Ends a request that was not admitted.
    #[cold]
    fn turn_away(
        &mut self,
        client: ClientId,
        found: Found,
        arguments: &[&[u8]],
        error: &Error,
        out: &mut Out,
    ) -> Done {
        if self.pace.ran(None, true) {
            self.look();
        }
        match found {
            Found::Unknown if is_http(arguments) => self.hang_up(client),
            _ => self.refuse(client, error, out),
        }
    }

    #[cold]
    fn refuse(&mut self, client: ClientId, error: &Error, out: &mut Out) -> Done {
        let text = error.to_string();
        self.admin.stats.error(&text);
        let mark = out.mark();
        let done = self.reply(client, &Reply::Error(text.into()), out);
        if self.admin.clients.session(client).replies != Wanted::On {
            self.silence(client, mark, out);
        }
        done
    }

    /// Counts a failed call, and makes its reply.
    #[cold]
    pub(super) fn failed(&mut self, command: &Resolved, error: &Error) -> Reply<'static> {
        let text = error.to_string();
        self.count_failure(command, &text);
        Reply::Error(text.into())
    }

    #[cold]
    pub(super) fn count_failure(&mut self, command: &Resolved, text: &str) {
        self.admin.stats.error(text);
        self.admin.stats.commands[command.index].failed += 1;
    }

    pub(super) fn reply(&mut self, client: ClientId, reply: &Reply<'_>, out: &mut Out) -> Done {
        encode(reply, self.admin.clients.session(client).protocol, out);
        Done::now(Flow::Next)
    }

    /// CLIENT REPLY OFF and SKIP: takes back what was written since `mark`. Returns whether the
    /// request has no reply, which goes for one that comes later as well.
    #[cold]
    fn silence(&mut self, client: ClientId, mark: crate::resp::Mark, out: &mut Out) -> bool {
        let session = self.admin.clients.session(client);
        let is_silent = matches!(session.replies, Wanted::Off | Wanted::Skip);
        if is_silent {
            out.truncate(mark);
        }
        if session.replies == Wanted::Skip {
            session.replies = Wanted::On;
        }
        is_silent
    }

    /// Removes what reads have found expired, by records.
    #[cold]
    pub(super) fn remove_noticed(&mut self, db: Db) {
        if self.pause.is_on() || self.refuses_removals() {
            // The data stands still: they are noticed again by who reads them later.
            drop(self.keyspace.take_noticed());
            return;
        }
        Tx::begin(&mut self.keyspace, &mut self.batch, db, self.now).remove_noticed();
    }

    /// Moves the access clocks of the keys that the table names as read.
    #[inline]
    pub(super) fn touch_keys(&mut self, db: Db, call: &Call<'_>) {
        let touches = |access| call.command.touches.unwrap_or(access == Access::Read);
        match call.command.keys {
            [] => {}
            [Keys::One(at, access)] if touches(*access) => self.keyspace.touch(db, call.key(*at)),
            [Keys::From(at, step, access)] if touches(*access) => {
                for key in call.args().iter().skip(*at).step_by(*step) {
                    self.keyspace.touch(db, Key::new(key));
                }
            }
            [Keys::One(..) | Keys::From(..)] => {}
            _ => self.touch_positions(db, call, touches),
        }
    }

    /// As [`Self::touch_keys`], of a call whose keys stand less plainly.
    fn touch_positions(&mut self, db: Db, call: &Call<'_>, touches: impl Fn(Access) -> bool) {
        let named = call.command.key_positions(call.args()).unwrap_or_default();
        for (at, _) in named.into_iter().filter(|(_, access)| touches(*access)) {
            self.keyspace.touch(db, call.key(at));
        }
    }

    /// A write that left its first key's value as it was (SETNX of a key that is there, EXPIRE) has
    /// used it all the same. One that changed it has moved the clock already. Of several keys those
    /// that it only reads are used in any case (SUNIONSTORE).
    #[inline]
    pub(super) fn touch_after_write(
        &mut self,
        client: ClientId,
        db: Db,
        call: &Call<'_>,
        records_before: usize,
    ) {
        self.note_written(client, records_before);
        let uses_first = self.batch.len() == records_before || call.command.touches == Some(true);
        let keys = call.command.keys;
        let reads_others = keys.len() > 1 || matches!(keys, [Keys::Keyword(..)]);
        if !(uses_first || reads_others) || self.admin.clients.session(client).no_touch {
            return;
        }
        if let Some(Keys::One(at, _)) = keys.first().filter(|_| uses_first) {
            self.keyspace.touch(db, call.key(*at));
        }
        if reads_others {
            self.touch_positions(db, call, |access| access == Access::Read);
        }
    }

    /// Notes what a write's reply depends on.
    #[inline]
    pub(super) fn after_write(&mut self, call: &Call<'_>, db: Db, records_before: usize) -> Lsn {
        if !self.journal.holds_replies() {
            return Lsn::default();
        }
        if self.batch.len() > records_before {
            self.note_touched()
        } else {
            // It changed nothing: what it saw is what it depends on.
            self.journal.hold_of_read(call, db)
        }
    }

    /// Takes note of how long a call took that ran elsewhere.
    pub(super) fn count_time(&mut self, index: usize, time: Duration) {
        let tracks = self.admin.config.latency_tracking();
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.admin.stats.commands[index].took(nanoseconds, tracks);
    }

    /// Gives the batch to the log.
    pub(super) fn commit(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.journal.append(&self.batch);
        self.log_reads.appended(&self.journal);
        self.snapshots.changes += self.batch.changes();
        self.admin.stats.expired_keys += self.batch.expired();
        self.admin.stats.expired_fields += self.batch.expired_fields();
        self.batch.clear();
    }
}

/// What a request did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    /// What comes next.
    pub flow: Flow,
    /// Hold the reply until this LSN is synced; 0: no need.
    pub hold: Lsn,
}

impl Done {
    /// Nothing to hold back.
    pub(super) fn now(flow: Flow) -> Self {
        Done { flow, hold: Lsn::default() }
    }
}

fn requests_of<'r>(round: &'r Round<'_>, pipeline: &Pipeline) -> &'r [Request] {
    let first = pipeline.first as usize;
    &round.requests[first..first + pipeline.count as usize]
}
