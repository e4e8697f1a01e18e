//! DUMP and RESTORE: one value as bytes, in the format of [`crate::rdb::dump`].

use super::GENERIC;
use crate::base::clock::UnixMs;
use crate::command::{Access, Call, Command, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::{Delete, Restore, RestoreString, SetExpiry, SetString};
use crate::keyspace::{Tx, View, value};
use crate::rdb::dump::{self, DumpValue};
use crate::rdb::{self, StringValue};
use crate::resp::Reply;

pub(super) const DUMP: Command = Command {
    name: "dump",
    summary: "Gives a key's value as bytes that RESTORE takes.",
    syntax: "key",
    example: r#"
        > SET number 12
        OK
        > DUMP number
        "\x00\xc0\x0c\n\x00<*\xf8Q\\\x04\xbc\xd5"
        > DUMP missing
        (nil)
    "#,
    since: "2.6.0",
    complexity: "O(1) to access the key and additional O(N*M)",
    keys: &[Keys::One(1, Access::Read)],
    tips: &["nondeterministic_output"],
    handler: Handler::Read(dump),
    cost: Some(dump_cost),
    ..GENERIC
};

/// What is compressed and summed takes as long for so many bytes as another command takes for an
/// element.
const BYTES_AN_ELEMENT: u64 = 64;

fn dump_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    view.entry(call.key(1)).map_or(0, |entry| entry.object_bytes() as u64 / BYTES_AN_ELEMENT)
}

pub(super) const RESTORE: Command = Command {
    name: "restore",
    summary: "Creates a key from the bytes that DUMP gave.",
    syntax: "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
    example: r#"
        > RESTORE number 5000 "\x00\xc0\x0c\n\x00<*\xf8Q\\\x04\xbc\xd5"
        OK
        log: SET number 12 PXAT 1700000005000
        > RESTORE number 0 "\x00\xc0\x0c\n\x00<*\xf8Q\\\x04\xbc\xd5"
        (error) BUSYKEY Target key name already exists.
        log:
    "#,
    since: "2.6.0",
    complexity: "O(1) to create the new key and additional O(N*M)",
    keys: &[Keys::One(1, Access::Overwrite)],
    flags: &[Flag::DenyOom],
    categories: &["dangerous"],
    handler: Handler::Write(restore),
    ..GENERIC
};

fn dump<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let Some(entry) = view.entry(call.key(1)) else { return Ok(Reply::Null) };
    let payload = rdb::entry::payload(&entry);
    Ok(Reply::from_vec(payload.map_err(refused)?))
}

fn restore<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(1);
    let options = RestoreOptions::parse(call)?;
    let exists = tx.exists(key);
    if exists && !options.replace {
        return Err(Error::text("BUSYKEY Target key name already exists."));
    }
    let expiry = options.expiry(call.int(2)?, tx.now())?;
    let mut scratch = Vec::new();
    let value = dump::decode(call.arg(3), &mut scratch).map_err(refused)?;
    // During replay, at time zero, nothing has expired.
    if matches!(expiry, SetExpiry::At(at) if tx.now() != UnixMs::ZERO && at <= tx.now().0) {
        if exists {
            tx.emit(Delete::of(key));
        }
        return Ok(Reply::Ok);
    }
    match value {
        DumpValue::String(StringValue::Bytes(bytes)) => {
            tx.emit(RestoreString(SetString { key, value: bytes, expiry }));
        }
        DumpValue::String(StringValue::Int(number)) => {
            let value = itoa::Buffer::new().format(number).as_bytes().to_vec();
            tx.emit(RestoreString(SetString { key, value: &value, expiry }));
        }
        collection => restore_collection(tx, call, collection, expiry)?,
    }
    if let Some(idle_seconds) = options.idle_seconds {
        // The clock counts modulo 2^24 seconds, as in Redis: only the low bits matter.
        let clock = value::lru_clock(tx.now().0).wrapping_sub(idle_seconds as u32);
        tx.touch_at(key, clock & value::CLOCK_MASK);
    }
    Ok(Reply::Ok)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::owned(format!("ERR {error}"))
}

fn restore_collection(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    value: DumpValue<'_>,
    expiry: SetExpiry,
) -> Result<()> {
    let limits = tx.view().keyspace().limits();
    let value = rdb::entry::loaded(value, &limits);
    let value = value.map_err(|_| Error::text("ERR Bad data format"))?;
    let payload = dump::canonical(call.arg(3), &value).map_err(refused)?;
    let expiry = if let SetExpiry::At(at) = expiry { Some(at) } else { None };
    tx.emit(Restore { key: call.key(1), value: &value, expiry, payload: &payload });
    Ok(())
}

/// What may follow RESTORE's payload. FREQ is checked and left: it only means something under an
/// LFU eviction policy.
#[derive(Default)]
struct RestoreOptions {
    replace: bool,
    /// The ttl is a unix time.
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<i64>,
}

impl RestoreOptions {
    fn parse(call: &Call<'_>) -> Result<Self> {
        let mut options = RestoreOptions::default();
        let mut n = 4;
        while n < call.len() {
            let more = n + 1 < call.len();
            if call.is(n, "REPLACE") {
                options.replace = true;
            } else if call.is(n, "ABSTTL") {
                options.absolute = true;
            } else if call.is(n, "IDLETIME") && more && options.frequency.is_none() {
                n += 1;
                options.idle_seconds = Some(within(
                    call,
                    n,
                    0..=i64::MAX,
                    "ERR Invalid IDLETIME value, must be >= 0",
                )?);
            } else if call.is(n, "FREQ") && more && options.idle_seconds.is_none() {
                n += 1;
                options.frequency = Some(within(
                    call,
                    n,
                    0..=255,
                    "ERR Invalid FREQ value, must be >= 0 and <= 255",
                )?);
            } else {
                return Err(Error::Syntax);
            }
            n += 1;
        }
        Ok(options)
    }

    /// The expiry that a ttl in ms means at `now`; 0 is none. One beyond all times becomes the last
    /// one, where Redis' sum overflows.
    fn expiry(&self, ttl: i64, now: UnixMs) -> Result<SetExpiry> {
        match u64::try_from(ttl) {
            Err(_) => Err(Error::text("ERR Invalid TTL value, must be >= 0")),
            Ok(0) => Ok(SetExpiry::Clear),
            Ok(at) if self.absolute => Ok(SetExpiry::At(at)),
            Ok(ms) => Ok(SetExpiry::At(now.plus_ms(ms).0.min(i64::MAX.cast_unsigned()))),
        }
    }
}

/// An argument as an integer in a range, or the error `otherwise`.
fn within(
    call: &Call<'_>,
    index: usize,
    range: std::ops::RangeInclusive<i64>,
    otherwise: &'static str,
) -> Result<i64> {
    let number = call.int(index)?;
    if range.contains(&number) { Ok(number) } else { Err(Error::text(otherwise)) }
}
