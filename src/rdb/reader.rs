//! Reading a file, mapped or streamed, into a [`Sink`].
//!
//! There is one parser, and it parses slices. A *step* reads one opcode with all that belongs to it
//! (for a key: its value too) from the front of the bytes at hand, and hands it on only when it is
//! complete, so keys and values are borrowed from those bytes. If they end before the step does,
//! nothing has happened, and the step is taken again once more bytes are there. A mapped file is
//! one slice; a stream is fed to a [`Loader`](super::Loader) in pieces as they arrive.

use super::crc::Crc64;
use super::cursor::Cursor;
use super::error::{Corrupt, Fault, LoadError, Refused};
use super::hash::Hash;
use super::length;
use super::list::List;
use super::opcodes::{self, Flavor, HEADER_BYTES, Version};
use super::set::Set;
use super::stream::Stream;
use super::string::{Encoded, StringValue};
use super::value::{self, Value};
use super::zset::Zset;

/// What receives a file's content, in file order. Whatever it answers with [`Refused`] ends the
/// load. Content is handed over before the file's checksum is known: if loading fails, everything
/// received must be discarded.
pub trait Sink {
    /// A fact about the file, such as `redis-ver` or `repl-offset`. Unknown ones are to be ignored.
    fn aux(&mut self, _name: &[u8], _value: &[u8]) -> Result<(), Refused> {
        Ok(())
    }

    /// The following keys are in database `db`. Not called for a file that begins with keys.
    fn database(&mut self, _db: u64) -> Result<(), Refused> {
        Ok(())
    }

    /// Database `db` has about `keys` keys, `expires` of them with an expiry. An unchecked claim:
    /// reserve no memory for it without a bound.
    fn resize(&mut self, _db: u64, _keys: u64, _expires: u64) -> Result<(), Refused> {
        Ok(())
    }

    /// A key that holds a string.
    fn string(&mut self, entry: &Entry<'_>, value: StringValue<'_>) -> Result<(), Refused>;

    /// A key that holds a list.
    fn list(&mut self, entry: &Entry<'_>, value: List<'_>) -> Result<(), Refused> {
        let _ = value;
        Err(unwanted("a list", entry))
    }

    /// A key that holds a set.
    fn set(&mut self, entry: &Entry<'_>, value: Set<'_>) -> Result<(), Refused> {
        let _ = value;
        Err(unwanted("a set", entry))
    }

    /// A key that holds a hash.
    fn hash(&mut self, entry: &Entry<'_>, value: Hash<'_>) -> Result<(), Refused> {
        let _ = value;
        Err(unwanted("a hash", entry))
    }

    /// A key that holds a sorted set.
    fn zset(&mut self, entry: &Entry<'_>, value: Zset<'_>) -> Result<(), Refused> {
        let _ = value;
        Err(unwanted("a sorted set", entry))
    }

    /// A key that holds a stream.
    fn stream(&mut self, entry: &Entry<'_>, value: Stream<'_>) -> Result<(), Refused> {
        let _ = value;
        Err(unwanted("a stream", entry))
    }

    /// A function library's source.
    fn function(&mut self, code: &[u8]) -> Result<(), Refused>;
}

/// What a sink answers that does not take a type.
fn unwanted(what: &str, entry: &Entry<'_>) -> Refused {
    Refused(format!("{what} is not taken (key \"{}\")", entry.key.escape_ascii()))
}

/// A key and what is stored about it beside its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The database; any number, to be checked by the sink.
    pub db: u64,
    /// The key.
    pub key: &'a [u8],
    /// When it expires, in milliseconds since 1970; possibly in the past.
    pub expiry_ms: Option<u64>,
    /// Seconds since it was last used.
    pub idle_s: Option<u64>,
    /// Its access counter (LFU).
    pub freq: Option<u8>,
}

/// How to load.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Is the checksum at the end compared? (`rdbchecksum`)
    pub verify_checksum: bool,
    /// What becomes of modules' data.
    pub modules: Modules,
    /// May bytes follow the end? Only [`load`] asks; a stream gives them back.
    pub rest: Rest,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions { verify_checksum: true, modules: Modules::Refuse, rest: Rest::Refuse }
    }
}

/// What becomes of values and auxiliary data that modules wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modules {
    /// The file is refused.
    Refuse,
    /// They are left away, and counted in [`Summary::skipped`].
    Skip,
}

/// What may follow the end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing: more bytes are damage.
    Refuse,
    /// Anything: the file is the preamble of an append-only file, see [`Summary::consumed`].
    Allow,
}

/// What became of the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It was right.
    Verified,
    /// The file has none (zero, or a version before 5).
    Absent,
    /// There is one, and the options said not to compare it.
    Ignored,
}

/// What was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The file's version.
    pub version: Version,
    /// Keys handed to the sink.
    pub keys: u64,
    /// Those of them with an expiry.
    pub expires: u64,
    /// Function libraries.
    pub functions: u64,
    /// Modules' values and auxiliary data left away.
    pub skipped: u64,
    /// Keys left away since their collections have no elements.
    pub empty: u64,
    /// Bytes from the magic to the checksum, both included.
    pub consumed: u64,
    /// What became of the checksum.
    pub checksum: Checksum,
}

/// Do these first bytes of a file announce an RDB file? An append-only file may begin with one.
pub fn is_rdb(bytes: &[u8]) -> bool {
    bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY")
}

/// Loads a file that is in memory, for example mapped. Plain strings reach the sink borrowed from
/// `bytes`, uncopied.
pub fn load(
    bytes: &[u8],
    options: &LoadOptions,
    sink: &mut dyn Sink,
) -> Result<Summary, LoadError> {
    let ran = State::new(*options).run(bytes, 0, sink)?;
    let length = bytes.len() as u64;
    let Ran::Ended(summary) = ran else {
        return Err(cut_short(length, ran.missing()));
    };
    if options.rest == Rest::Refuse && summary.consumed < length {
        let expected = "the end of the file".into();
        let found = format!("{} more bytes", length - summary.consumed);
        return Err(Corrupt { offset: summary.consumed, expected, found }.into());
    }
    Ok(summary)
}

/// The error for bytes that end before the file does.
pub(super) fn cut_short(offset: u64, missing: u64) -> LoadError {
    let expected = format!("at least {missing} more bytes");
    Corrupt { offset, expected, found: "the end of the file".into() }.into()
}

/// How far a run came.
#[derive(Clone, Copy)]
pub(super) enum Ran {
    /// The bytes end within a step.
    Short {
        /// Bytes of finished steps.
        consumed: usize,
        /// Bytes that the unfinished step lacks at least.
        missing: u64,
    },
    /// The file is complete.
    Ended(Summary),
}

impl Ran {
    fn missing(self) -> u64 {
        match self {
            Ran::Short { missing, .. } => missing,
            Ran::Ended(_) => 0,
        }
    }
}

/// What one step was.
pub(super) enum Step {
    /// Anything but the end.
    Content,
    /// The end, and the checksum stored there (0: none).
    End { stored: u64 },
}

/// Bytes after which the checksum is continued: few enough to be still in the processor's cache.
const SUM_STEP: usize = 256 << 10;

/// What is known from the part of the file that has been read.
pub(super) struct State {
    options: LoadOptions,
    /// Known once the header was read.
    version: Option<Version>,
    db: u64,
    /// For the next key.
    expiry_ms: Option<u64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
    keys: u64,
    expires: u64,
    functions: u64,
    skipped: u64,
    empty: u64,
    crc: Crc64,
    /// Where strings are put together that are not in the file as they are.
    key_scratch: Vec<u8>,
    value_scratch: Vec<u8>,
}

impl State {
    pub(super) fn new(options: LoadOptions) -> State {
        State {
            options,
            version: None,
            db: 0,
            expiry_ms: None,
            idle_s: None,
            freq: None,
            keys: 0,
            expires: 0,
            functions: 0,
            skipped: 0,
            empty: 0,
            crc: Crc64::new(),
            key_scratch: Vec::new(),
            value_scratch: Vec::new(),
        }
    }

    /// The file's version, once that is known.
    pub(super) fn version(&self) -> Option<Version> {
        self.version
    }

    /// Reads a key behind its type byte, and hands it with what the steps before have said of it to
    /// `take`. [`State::next_key`] ends it.
    pub(super) fn read_key<R>(
        &mut self,
        cursor: &mut Cursor<'_>,
        take: impl FnOnce(&Entry<'_>) -> R,
    ) -> Result<R, Fault> {
        let key = Encoded::read(cursor)?.bytes(&mut self.key_scratch)?;
        let (expiry_ms, idle_s, freq) = (self.expiry_ms, self.idle_s, self.freq);
        Ok(take(&Entry { db: self.db, key, expiry_ms, idle_s, freq }))
    }

    /// Counts a key that was read, or left away, and makes ready for the next one.
    pub(super) fn next_key(&mut self, taken: bool) {
        self.keys += u64::from(taken);
        self.skipped += u64::from(!taken);
        self.expires += u64::from(taken && self.expiry_ms.is_some());
        (self.expiry_ms, self.idle_s, self.freq) = (None, None, None);
    }

    /// Whose numbering the file follows, once that is known.
    pub(super) fn flavor(&self) -> Option<Flavor> {
        self.version.map(|version| version.flavor)
    }

    /// Takes steps until the file or the bytes end. `bytes` begin at `base` in the file.
    pub(super) fn run(
        &mut self,
        bytes: &[u8],
        base: u64,
        sink: &mut dyn Sink,
    ) -> Result<Ran, LoadError> {
        let mut cursor = Cursor::new(bytes, base);
        let mut summed = 0;
        loop {
            let start = cursor.position();
            match self.step(&mut cursor, sink) {
                Ok(Step::Content) => {
                    let position = cursor.position();
                    if position - summed >= SUM_STEP {
                        self.sum(bytes, summed, position);
                        summed = position;
                    }
                }
                Ok(Step::End { stored }) => {
                    self.sum(bytes, summed, start + 1);
                    let end = self.end(stored, base + start as u64 + 1, cursor.offset());
                    return end.map(Ran::Ended);
                }
                Err(Fault::Short(missing)) => {
                    self.sum(bytes, summed, start);
                    return Ok(Ran::Short { consumed: start, missing });
                }
                Err(Fault::Final(error)) => return Err(error),
            }
        }
    }

    /// Continues the checksum with a part of `bytes`.
    pub(super) fn sum(&mut self, bytes: &[u8], from: usize, to: usize) {
        if self.options.verify_checksum {
            self.crc.update(bytes.get(from..to).unwrap_or_default());
        }
    }

    /// Compares the checksum, which stands at `offset`.
    pub(super) fn end(
        &self,
        stored: u64,
        offset: u64,
        consumed: u64,
    ) -> Result<Summary, LoadError> {
        let checksum = match stored {
            0 => Checksum::Absent,
            _ if !self.options.verify_checksum => Checksum::Ignored,
            _ if stored == self.crc.value() => Checksum::Verified,
            _ => {
                let expected = format!("checksum {:016x}", self.crc.value());
                return Err(Corrupt { offset, expected, found: format!("{stored:016x}") }.into());
            }
        };
        Ok(Summary {
            version: self.version.unwrap_or(Version { flavor: Flavor::Redis, number: 0 }),
            keys: self.keys,
            expires: self.expires,
            functions: self.functions,
            skipped: self.skipped,
            empty: self.empty,
            consumed,
            checksum,
        })
    }

    /// Reads one opcode and what belongs to it. Changes nothing unless all of it is there.
    #[inline(always)]
    pub(super) fn step(
        &mut self,
        cursor: &mut Cursor<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Step, Fault> {
        let Some(version) = self.version else {
            self.version = Some(read_header(cursor)?);
            return Ok(Step::Content);
        };
        let offset = cursor.offset();
        let opcode = cursor.byte()?;
        if opcode < opcodes::HASH_TEMPLATE_OR_UPDATE {
            self.key(opcode, offset, version, cursor, sink)?;
            return Ok(Step::Content);
        }
        match opcode {
            opcodes::EOF => {
                let has = version.has_checksum();
                let stored = if has { u64::from_le_bytes(cursor.array()?) } else { 0 };
                return Ok(Step::End { stored });
            }
            opcodes::EXPIRETIME => {
                let seconds = i64::from(i32::from_le_bytes(cursor.array()?));
                self.expiry_ms = Some(expiry(offset, seconds * 1000)?);
            }
            opcodes::EXPIRETIME_MS => {
                let ms = i64::from_le_bytes(cursor.array()?);
                self.expiry_ms = Some(expiry(offset, ms)?);
            }
            opcodes::IDLE => self.idle_s = Some(length::read_count(cursor, "an idle time")?),
            opcodes::FREQ => self.freq = Some(cursor.byte()?),
            _ => self.about_the_file(opcode, offset, version, cursor, sink)?,
        }
        Ok(Step::Content)
    }

    /// A key with its value, behind the type byte, which stands at `offset`.
    #[inline(always)]
    fn key(
        &mut self,
        number: u8,
        offset: u64,
        version: Version,
        cursor: &mut Cursor<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Fault> {
        let key = Encoded::read(cursor)?.bytes(&mut self.key_scratch)?;
        let (expiry_ms, idle_s, freq) = (self.expiry_ms, self.idle_s, self.freq);
        let entry = Entry { db: self.db, key, expiry_ms, idle_s, freq };
        let answer = match value::read(cursor, number, offset, version, key)? {
            Value::String(string) => {
                Some(sink.string(&entry, string.value(&mut self.value_scratch)?))
            }
            Value::List(list) => Some(sink.list(&entry, list)),
            Value::Set(set) => Some(sink.set(&entry, set)),
            Value::Hash(hash) => Some(sink.hash(&entry, hash)),
            Value::Zset(zset) => Some(sink.zset(&entry, zset)),
            Value::Stream(stream) => Some(sink.stream(&entry, *stream)),
            Value::Empty => {
                self.empty += 1;
                None
            }
            Value::Module if self.options.modules == Modules::Skip => {
                self.skipped += 1;
                None
            }
            Value::Module => return Err(value::not_decoded(number, offset, version, key)),
        };
        if let Some(answer) = answer {
            taken(cursor, answer)?;
            self.keys += 1;
            self.expires += u64::from(self.expiry_ms.is_some());
        }
        (self.expiry_ms, self.idle_s, self.freq) = (None, None, None);
        Ok(())
    }

    /// The opcodes that are not about the next key; `opcode` stands at `offset`.
    fn about_the_file(
        &mut self,
        opcode: u8,
        offset: u64,
        version: Version,
        cursor: &mut Cursor<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Fault> {
        match opcode {
            opcodes::SELECTDB => {
                let db = length::read_count(cursor, "a database's number")?;
                taken(cursor, sink.database(db))?;
                self.db = db;
            }
            opcodes::RESIZEDB => {
                let keys = length::read_count(cursor, "a number of keys")?;
                let expires = length::read_count(cursor, "a number of keys that expire")?;
                taken(cursor, sink.resize(self.db, keys, expires))?;
            }
            opcodes::AUX => {
                let name = Encoded::read(cursor)?.bytes(&mut self.key_scratch)?;
                let value = Encoded::read(cursor)?.bytes(&mut self.value_scratch)?;
                taken(cursor, sink.aux(name, value))?;
            }
            opcodes::FUNCTION2 => {
                let code = Encoded::read(cursor)?.bytes(&mut self.value_scratch)?;
                taken(cursor, sink.function(code))?;
                self.functions += 1;
            }
            opcodes::MODULE_AUX => {
                super::module::skip_aux(cursor)?;
                if self.options.modules == Modules::Refuse {
                    return Err(Cursor::unsupported(offset, "a module's auxiliary data"));
                }
                self.skipped += 1;
            }
            opcodes::KEY_META_OR_SLOT_IMPORT
                if version.has_key_meta() && self.options.modules == Modules::Skip =>
            {
                super::module::skip_key_meta(cursor)?;
                self.skipped += 1;
            }
            opcodes::SLOT_INFO if version.number >= 12 => {
                for what in ["a slot's number", "a slot's keys", "a slot's keys that expire"] {
                    length::read_count(cursor, what)?;
                }
            }
            _ => return Err(opcode_not_decoded(opcode, offset, version)),
        }
        Ok(())
    }
}

/// The error for an opcode that this reader does not decode, or that its version does not have.
#[cold]
fn opcode_not_decoded(opcode: u8, offset: u64, version: Version) -> Fault {
    let what = match (opcode, version.flavor, version.number) {
        (opcodes::FUNCTION_PRE_GA, ..) => "a function library of a Redis 7.0 release candidate",
        (opcodes::KEY_META_OR_SLOT_IMPORT, Flavor::Redis, 13..) => "metadata of a key",
        (opcodes::KEY_META_OR_SLOT_IMPORT, Flavor::Valkey, _) => "a slot import under way",
        (opcodes::HASH_TEMPLATE_OR_UPDATE, Flavor::Redis, 15..) => "a hash template",
        _ => {
            let expected = format!("an opcode of version {}", version.number);
            return Cursor::corrupt(offset, expected, format!("byte {opcode}"));
        }
    };
    Cursor::unsupported(offset, format!("opcode {opcode} ({what})"))
}

/// The sink's answer as a parser's.
#[inline]
pub(super) fn taken<T>(cursor: &Cursor<'_>, answer: Result<T, Refused>) -> Result<T, Fault> {
    answer.map_err(|reason| LoadError::Refused { offset: cursor.offset(), reason }.into())
}

/// A time of expiry. Redis stores none before 1970, and would take -1 for "never": refused.
#[inline]
fn expiry(offset: u64, ms: i64) -> Result<u64, Fault> {
    u64::try_from(ms).map_err(|_| Cursor::corrupt(offset, "a time after 1970", format!("{ms} ms")))
}

/// Reads magic and version.
fn read_header(cursor: &mut Cursor<'_>) -> Result<Version, Fault> {
    let offset = cursor.offset();
    let header = match cursor.take(HEADER_BYTES) {
        Err(Fault::Short(_)) if !may_become_header(cursor.rest()) => cursor.rest(),
        other => other?,
    };
    let (flavor, digits) = match header {
        [b'R', b'E', b'D', b'I', b'S', digits @ ..] => (Flavor::Redis, digits),
        [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => (Flavor::Valkey, digits),
        _ => {
            let found = format!("\"{}\"", header.escape_ascii());
            return Err(Cursor::corrupt(offset, "\"REDIS\" or \"VALKEY\"", found));
        }
    };
    let number = digits.iter().try_fold(0u16, |number, byte| {
        char::from(*byte).to_digit(10).map(|digit| number * 10 + digit as u16)
    });
    number.and_then(|number| Version::known(flavor, number)).ok_or_else(|| {
        let found = format!("\"{}\"", header.escape_ascii());
        Cursor::corrupt(offset, "REDIS0001 to REDIS0015 or VALKEY080", found)
    })
}

/// Can these bytes, fewer than a header's, be the beginning of one? If not there is no use in
/// waiting for more: a short text file is told at once that it is no RDB file.
fn may_become_header(bytes: &[u8]) -> bool {
    let begins = |magic: &[u8]| bytes.iter().zip(magic).all(|(a, b)| a == b);
    begins(b"REDIS") || begins(b"VALKEY")
}
