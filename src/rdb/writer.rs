//! Writing a file.
//!
//! A snapshot writes millions of small keys off the engine's lock, so a field costs a few stores
//! into one buffer; the checksum and the write happen a buffer at a time.

use std::io::{self, Write};

use super::crc::Crc64;
use super::length;
use super::opcodes;
use super::put::{self, Format, Put, ValueRef};
use super::string::{Encoder, StringValue, put_integer};

/// Bytes gathered before they are summed and written: within a processor's second-level cache.
const BUFFER_BYTES: usize = 128 << 10;
/// Strings from this length on are written from where they lie, uncopied.
const DIRECT_BYTES: usize = 32 << 10;

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// Are strings of more than 20 bytes compressed when it makes them shorter? (`rdbcompression`)
    pub compression: bool,
    /// Is a checksum computed? If not, zero stands in its place. (`rdbchecksum`)
    pub checksum: bool,
    /// Which format is written. A hash with fields that expire cannot be written in version 10.
    pub format: Format,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions { compression: true, checksum: true, format: Format::V10 }
    }
}

/// What is stored about a key's use, for eviction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    #[default]
    None,
    /// Seconds since its last use (`maxmemory-policy` with LRU).
    Idle(u64),
    /// Its access counter (`maxmemory-policy` with LFU).
    Freq(u8),
}

/// Writes one file to `W`. After an error the file is worthless and the writer must
/// be dropped.
pub struct Writer<W: Write> {
    out: W,
    buffer: Vec<u8>,
    encoder: Encoder,
    crc: Option<Crc64>,
    written: u64,
    format: Format,
    /// Where a listpack is put together.
    scratch: Vec<u8>,
}

/// A file that was written completely (to `W`; syncing is its owner's).
#[derive(Debug)]
pub struct Finished<W> {
    /// Where it was written to.
    pub out: W,
    /// How long it is.
    pub bytes: u64,
    /// The checksum at its end; 0 without one.
    pub checksum: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a file with facts about it: names and values, such as `("redis-ver", b"7.2.4")`.
    pub fn begin(out: W, options: &WriterOptions, aux: &[(&str, &[u8])]) -> io::Result<Writer<W>> {
        let mut writer = Writer {
            out,
            buffer: Vec::with_capacity(BUFFER_BYTES + 2 * DIRECT_BYTES + 64),
            encoder: Encoder::new(options.compression),
            crc: options.checksum.then(Crc64::new),
            written: 0,
            format: options.format,
            scratch: Vec::new(),
        };
        writer.buffer.extend_from_slice(options.format.magic());
        for (name, value) in aux {
            writer.buffer.push(opcodes::AUX);
            writer.put(name.as_bytes())?;
            writer.put(value)?;
        }
        writer.spill()?;
        Ok(writer)
    }

    /// Writes a function library's source. Stock Redis wants these before the first key.
    pub fn function(&mut self, code: &[u8]) -> io::Result<()> {
        self.buffer.push(opcodes::FUNCTION2);
        self.put(code)?;
        self.spill()
    }

    /// Says that the following keys are in database `db`, which has `keys` keys, `expires` of them
    /// with an expiry (a hint for the reader, who reserves room).
    pub fn select_db(&mut self, db: u64, keys: u64, expires: u64) -> io::Result<()> {
        self.buffer.push(opcodes::SELECTDB);
        length::put(&mut self.buffer, db);
        self.buffer.push(opcodes::RESIZEDB);
        length::put(&mut self.buffer, keys);
        length::put(&mut self.buffer, expires);
        self.spill()
    }

    /// Writes a key that holds a string. `expiry_ms`: milliseconds since 1970, below 2^63.
    #[inline]
    pub fn string(
        &mut self,
        key: &[u8],
        value: StringValue<'_>,
        expiry_ms: Option<u64>,
        hint: Hint,
    ) -> io::Result<()> {
        self.entry(opcodes::TYPE_STRING, key, expiry_ms, hint)?;
        match value {
            StringValue::Bytes(bytes) => self.put(bytes)?,
            StringValue::Int(integer) => put_integer(&mut self.buffer, integer),
        }
        self.spill()
    }

    /// Writes a key with a value of any type. `expiry_ms`: milliseconds since 1970, below 2^63.
    /// Fails, with [`io::ErrorKind::Unsupported`], if the format has no place for the value.
    pub fn value(
        &mut self,
        key: &[u8],
        value: &ValueRef<'_>,
        expiry_ms: Option<u64>,
        hint: Hint,
    ) -> io::Result<()> {
        let number = put::number(value, self.format)?;
        self.entry(number, key, expiry_ms, hint)?;
        put::value(self, value, number, self.format)?;
        Writer::spill(self)
    }

    /// Ends the file: the end mark, the checksum, and a flush of `W`.
    pub fn finish(mut self) -> io::Result<Finished<W>> {
        self.buffer.push(opcodes::EOF);
        self.write_buffer()?;
        let checksum = self.crc.take().map_or(0, |crc| crc.value());
        self.buffer.extend_from_slice(&checksum.to_le_bytes());
        self.write_buffer()?;
        self.out.flush()?;
        Ok(Finished { out: self.out, bytes: self.written, checksum })
    }

    /// How long the file is so far.
    pub fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// What precedes every value: expiry, hint, type, key.
    #[inline]
    fn entry(
        &mut self,
        number: u8,
        key: &[u8],
        expiry_ms: Option<u64>,
        hint: Hint,
    ) -> io::Result<()> {
        if let Some(ms) = expiry_ms {
            self.buffer.push(opcodes::EXPIRETIME_MS);
            self.buffer.extend_from_slice(&ms.to_le_bytes());
        }
        match hint {
            Hint::None => {}
            Hint::Idle(seconds) => {
                self.buffer.push(opcodes::IDLE);
                length::put(&mut self.buffer, seconds);
            }
            Hint::Freq(counter) => self.buffer.extend_from_slice(&[opcodes::FREQ, counter]),
        }
        self.buffer.push(number);
        self.put(key)
    }

    /// Writes a string.
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < DIRECT_BYTES {
            self.encoder.put(&mut self.buffer, bytes);
            return Ok(());
        }
        self.put_large(bytes)
    }

    #[cold]
    fn put_large(&mut self, bytes: &[u8]) -> io::Result<()> {
        let body = self.encoder.put_head(&mut self.buffer, bytes);
        for piece in [self.buffer.as_slice(), body] {
            write_summed(&mut self.out, &mut self.crc, piece)?;
            self.written += piece.len() as u64;
        }
        self.buffer.clear();
        Ok(())
    }

    /// Writes the buffer if it is full.
    #[inline]
    fn spill(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER_BYTES { self.write_buffer() } else { Ok(()) }
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        write_summed(&mut self.out, &mut self.crc, &self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Put for Writer<W> {
    #[inline]
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    #[inline]
    fn spill(&mut self) -> io::Result<()> {
        Writer::spill(self)
    }

    #[inline]
    fn string(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes)?;
        Writer::spill(self)
    }

    #[inline]
    fn integer(&mut self, integer: i64) -> io::Result<()> {
        put_integer(&mut self.buffer, integer);
        Writer::spill(self)
    }

    fn take_scratch(&mut self) -> Vec<u8> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch
    }

    fn give_scratch(&mut self, mut scratch: Vec<u8>) {
        scratch.clear();
        scratch.shrink_to(BUFFER_BYTES);
        self.scratch = scratch;
    }
}

/// Writes `bytes`, and continues the checksum with them.
fn write_summed(out: &mut impl Write, crc: &mut Option<Crc64>, bytes: &[u8]) -> io::Result<()> {
    if let Some(crc) = crc {
        crc.update(bytes);
    }
    out.write_all(bytes)
}
