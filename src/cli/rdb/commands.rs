//! Keys as the commands that make them: as RESP, or as lines for redis-cli.
//!
//! They are for a server that does not have the keys yet. A collection comes in several commands,
//! so that none is long; the expiry comes last. Redis 7.0 and every Valkey take all of them, but
//! for HPEXPIREAT (a hash's field that expires: Redis 7.4, Valkey 9); older servers take those of
//! strings, lists, sets, hashes and sorted sets. What Redis 8.6 and 8.8 have added to streams goes
//! as XCFGSET, XIDMPRECORD and XNACK; how many messages producers have sent in all has no command.
//! Nor can a server be told of a pending entry that was deleted from its stream.

use super::words::cli;
use crate::base::double;
use crate::keyspace::value::Type;
use crate::rdb::stream::{Id, Pair};
use crate::rdb::visit::{
    ConsumerHead, GroupHead, IdempotencyHead, LeftOut, Message, PendingEntry, ReleasedEntry,
    StreamEnd, Visitor, Want,
};
use crate::rdb::{Entry, Refused};
use crate::types::packed::Element;
use crate::types::stream::Idempotency;

/// Elements of one command.
const ELEMENTS_MAX: usize = 512;
/// Bytes after which a command takes no more elements.
const BYTES_MAX: usize = 64 << 10;

/// How a command is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As a request in RESP.
    Resp,
    /// As a line.
    Line,
}

/// Who takes the commands.
pub trait Take {
    /// A whole command, encoded, of the key under way.
    fn command(&mut self, encoded: &[u8]) -> Result<(), Refused>;

    /// A key begins; its commands follow. In which database they run is the taker's matter.
    fn begin(&mut self, _entry: &Entry<'_>) -> Result<Want, Refused> {
        Ok(Want::Pieces)
    }

    /// The key's value, if [`Take::begin`] wanted it raw.
    fn raw(&mut self, _version: crate::rdb::Version, _n: u8, _b: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    /// A function library's source.
    fn function(&mut self, _code: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    /// All the key's commands have been given.
    fn end(&mut self) -> Result<(), Refused> {
        Ok(())
    }
}

/// A command under way.
pub struct Command {
    form: Form,
    words: usize,
    body: Vec<u8>,
    encoded: Vec<u8>,
}

impl Command {
    /// None yet.
    pub fn new(form: Form) -> Command {
        Command { form, words: 0, body: Vec::new(), encoded: Vec::new() }
    }

    /// Appends a word.
    #[inline]
    pub fn word(&mut self, bytes: &[u8]) {
        self.words += 1;
        match self.form {
            Form::Resp => {
                self.body.push(b'$');
                self.body.extend_from_slice(itoa::Buffer::new().format(bytes.len()).as_bytes());
                self.body.extend_from_slice(b"\r\n");
                self.body.extend_from_slice(bytes);
                self.body.extend_from_slice(b"\r\n");
            }
            Form::Line => {
                if self.words > 1 {
                    self.body.push(b' ');
                }
                cli(&mut self.body, bytes);
            }
        }
    }

    fn element(&mut self, element: Element<'_>) {
        element.with(|bytes| self.word(bytes));
    }

    /// Appends an integer.
    pub fn integer(&mut self, integer: impl itoa::Integer) {
        self.word(itoa::Buffer::new().format(integer).as_bytes());
    }

    fn id(&mut self, id: Id) {
        self.word(format!("{}-{}", id.ms, id.seq).as_bytes());
    }

    /// Appends the words of a text.
    pub fn words(&mut self, text: &str) {
        text.split(' ').for_each(|word| self.word(word.as_bytes()));
    }

    /// The command; the next one begins.
    pub fn finish(&mut self) -> &[u8] {
        self.encoded.clear();
        if self.form == Form::Resp {
            self.encoded.push(b'*');
            self.encoded.extend_from_slice(itoa::Buffer::new().format(self.words).as_bytes());
            self.encoded.extend_from_slice(b"\r\n");
        }
        self.encoded.append(&mut self.body);
        if self.form == Form::Line {
            self.encoded.push(b'\n');
        }
        self.words = 0;
        self.body.shrink_to(4 * BYTES_MAX);
        &self.encoded
    }

    fn is_full(&self, elements: usize) -> bool {
        elements >= ELEMENTS_MAX || self.body.len() >= BYTES_MAX
    }
}

/// Makes commands of keys.
pub struct Commands<T> {
    /// Who takes them.
    pub take: T,
    command: Command,
    key: Vec<u8>,
    value_type: Type,
    expiry_ms: Option<u64>,
    /// How many elements the command under way has.
    elements: usize,
    /// The fields of the command under way that expire.
    expiring: Vec<(Vec<u8>, u64)>,
    group: Vec<u8>,
    consumer: Vec<u8>,
    /// Time and count of the pending entries in the command under way.
    claimed: (i64, u64),
    /// Entries of the group that were released with one count, and that count.
    released: (Vec<Id>, u64),
}

impl<T: Take> Commands<T> {
    /// Makes commands for `take`.
    pub fn new(form: Form, take: T) -> Commands<T> {
        Commands {
            take,
            command: Command::new(form),
            key: Vec::new(),
            value_type: Type::String,
            expiry_ms: None,
            elements: 0,
            expiring: Vec::new(),
            group: Vec::new(),
            consumer: Vec::new(),
            claimed: (0, 0),
            released: (Vec::new(), 0),
        }
    }

    fn begin(&mut self, name: &str) {
        self.command.words(name);
        self.command.word(&self.key);
    }

    fn done(&mut self) -> Result<(), Refused> {
        self.elements = 0;
        self.take.command(self.command.finish())
    }

    /// Begins a command for elements unless one is under way.
    #[inline]
    fn room(&mut self, name: &str) {
        if self.elements == 0 {
            self.begin(name);
        }
        self.elements += 1;
    }

    /// Ends the command if it has elements enough.
    #[inline]
    fn full(&mut self) -> Result<(), Refused> {
        if self.command.is_full(self.elements) { self.flush() } else { Ok(()) }
    }

    /// Releases the entries that were gathered.
    fn release(&mut self) -> Result<(), Refused> {
        let (ids, count) = std::mem::take(&mut self.released);
        if ids.is_empty() {
            return Ok(());
        }
        self.begin("XNACK");
        self.command.word(&self.group);
        self.command.words("FAIL IDS");
        self.command.integer(ids.len());
        ids.iter().for_each(|id| self.command.id(*id));
        self.command.word(b"RETRYCOUNT");
        self.command.integer(count);
        self.command.word(b"FORCE");
        self.done()
    }

    /// Ends the command with the elements that it has.
    fn flush(&mut self) -> Result<(), Refused> {
        self.release()?;
        if self.elements == 0 {
            return Ok(());
        }
        if self.value_type == Type::Stream {
            let (time_ms, count) = self.claimed;
            self.command.word(b"TIME");
            self.command.integer(time_ms);
            self.command.word(b"RETRYCOUNT");
            self.command.integer(count);
            self.command.words("FORCE JUSTID");
        }
        self.done()?;
        for (name, ms) in std::mem::take(&mut self.expiring) {
            self.begin("HPEXPIREAT");
            self.command.integer(ms);
            self.command.words("FIELDS 1");
            self.command.word(&name);
            self.done()?;
        }
        Ok(())
    }
}

impl<T: Take> Visitor for Commands<T> {
    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        self.take.function(code)
    }

    fn key(&mut self, entry: &Entry<'_>, value_type: Type) -> Result<Want, Refused> {
        self.key.clear();
        self.key.extend_from_slice(entry.key);
        (self.value_type, self.expiry_ms) = (value_type, entry.expiry_ms);
        self.take.begin(entry)
    }

    fn raw(
        &mut self,
        version: crate::rdb::Version,
        number: u8,
        bytes: &[u8],
    ) -> Result<(), Refused> {
        self.take.raw(version, number, bytes)
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), Refused> {
        if self.value_type == Type::String {
            self.begin("SET");
            self.command.element(element);
            return self.done();
        }
        self.room(if self.value_type == Type::List { "RPUSH" } else { "SADD" });
        self.command.element(element);
        self.full()
    }

    fn field(
        &mut self,
        name: Element<'_>,
        value: Element<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), Refused> {
        self.room("HSET");
        self.command.element(name);
        self.command.element(value);
        if let Some(ms) = expiry_ms {
            self.expiring.push((name.to_vec(), ms));
        }
        self.full()
    }

    fn scored(&mut self, member: Element<'_>, score: f64) -> Result<(), Refused> {
        self.room("ZADD");
        self.command.word(double::reply(score).as_bytes());
        self.command.element(member);
        self.full()
    }

    fn entry(&mut self, id: Id, fields: &[Pair<'_>]) -> Result<(), Refused> {
        self.begin("XADD");
        self.command.id(id);
        for (name, value) in fields {
            self.command.element(*name);
            self.command.element(*value);
        }
        self.done()
    }

    fn stream(&mut self, facts: &StreamEnd) -> Result<(), Refused> {
        if facts.length == 0 {
            // No command makes an empty stream: an entry is added, and trimmed at once.
            self.begin("XADD");
            self.command.words("MAXLEN 0");
            self.command.id(facts.last_id.max(Id { ms: 0, seq: 1 }));
            self.command.words("x y");
            self.done()?;
        }
        self.begin("XSETID");
        self.command.id(facts.last_id);
        self.command.word(b"ENTRIESADDED");
        self.command.integer(facts.entries_added);
        self.command.word(b"MAXDELETEDID");
        self.command.id(facts.max_deleted_id);
        self.done()
    }

    fn group(&mut self, group: &GroupHead<'_>) -> Result<(), Refused> {
        self.flush()?;
        self.group.clear();
        self.group.extend_from_slice(group.name);
        self.begin("XGROUP CREATE");
        self.command.word(group.name);
        self.command.id(group.last_id);
        if let Some(read) = group.entries_read {
            self.command.word(b"ENTRIESREAD");
            self.command.integer(read);
        }
        self.done()
    }

    fn consumer(&mut self, consumer: &ConsumerHead<'_>) -> Result<(), Refused> {
        self.flush()?;
        self.consumer.clear();
        self.consumer.extend_from_slice(consumer.name);
        self.begin("XGROUP CREATECONSUMER");
        self.command.word(&self.group);
        self.command.word(consumer.name);
        self.done()
    }

    fn pending(&mut self, pending: &PendingEntry) -> Result<(), Refused> {
        let claimed = (pending.time_ms, pending.count);
        if self.claimed != claimed {
            self.flush()?;
        }
        if self.elements == 0 {
            self.claimed = claimed;
            self.begin("XCLAIM");
            self.command.word(&self.group);
            self.command.word(&self.consumer);
            self.command.word(b"0");
        }
        self.elements += 1;
        self.command.id(pending.id);
        self.full()
    }

    fn released(&mut self, released: &ReleasedEntry) -> Result<(), Refused> {
        let (ids, count) = &self.released;
        if self.elements > 0 || *count != released.count || ids.len() >= ELEMENTS_MAX {
            self.flush()?;
        }
        self.released.0.push(released.id);
        self.released.1 = released.count;
        Ok(())
    }

    fn idempotency(&mut self, settings: &IdempotencyHead) -> Result<(), Refused> {
        self.flush()?;
        let IdempotencyHead { duration_s, max_size } = *settings;
        if (duration_s, max_size) == (Idempotency::DURATION_S, Idempotency::SIZE) {
            return Ok(());
        }
        self.begin("XCFGSET");
        self.command.word(b"IDMP-DURATION");
        self.command.integer(duration_s);
        self.command.word(b"IDMP-MAXSIZE");
        self.command.integer(max_size);
        self.done()
    }

    fn message(&mut self, message: &Message<'_>) -> Result<(), Refused> {
        self.begin("XIDMPRECORD");
        self.command.word(message.pid);
        self.command.word(message.iid);
        self.command.id(message.id);
        self.done()
    }

    fn idempotency_end(&mut self, _added: u64, _duplicates: u64) -> Result<(), Refused> {
        Ok(())
    }

    fn end(&mut self, _bytes: u64) -> Result<(), Refused> {
        self.flush()?;
        if let Some(ms) = self.expiry_ms {
            self.begin("PEXPIREAT");
            self.command.integer(ms);
            self.done()?;
        }
        self.take.end()
    }

    fn left_out(&mut self, _what: &LeftOut<'_>) -> Result<(), Refused> {
        Ok(())
    }
}
