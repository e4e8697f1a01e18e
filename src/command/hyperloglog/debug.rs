//! PFDEBUG and PFSELFTEST: for those who look into HyperLogLogs.

use super::{HYPERLOGLOG, hyperloglog_at, whole};
use crate::base::limits::HLL_SPARSE_BYTES_MAX;
use crate::base::rng::Rng;
use crate::command::{Access, Answer, Call, Command, Control, Error, Flag, Handler, Keys, Result};
use crate::keyspace::record::HllPut;
use crate::keyspace::{Key, Tx};
use crate::resp::Reply;
use crate::types::hyperloglog::{self, Encoding, Registers};
use std::sync::Arc;

pub(super) const PFDEBUG: Command = Command {
    name: "pfdebug",
    summary: "Shows a HyperLogLog's registers or their encoding, or makes them dense.",
    syntax: "subcommand key",
    example: r#"
        > PFADD visitors ann
        (integer) 1
        > PFDEBUG ENCODING visitors
        sparse
        > PFDEBUG DECODE visitors
        "Z:10757 v:1,1 Z:5626"
    "#,
    complexity: "",
    keys: &[Keys::One(2, Access::ReadNote)],
    flags: &[Flag::DenyOom, Flag::Admin],
    handler: Handler::Write(pfdebug),
    ..HYPERLOGLOG
};

/// Not here: SIMD, which switches between two ways of computing the same. There is one.
fn pfdebug<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let key = call.key(2);
    let Some((bytes, encoding)) = hyperloglog_at(tx.view(), key)? else {
        return Err(Error::text("ERR The specified key does not exist"));
    };
    if call.is(1, "GETREG") {
        let registers = Registers::of(&bytes)?;
        let shown = registers.values().iter().map(|value| Reply::Int(i64::from(*value))).collect();
        let bytes = bytes.into_owned();
        // Redis makes them dense to look at them.
        make_dense(tx, key, bytes)?;
        return Ok(Reply::Array(shown));
    }
    if call.is(1, "DECODE") {
        if encoding != Encoding::Sparse {
            return Err(Error::text("ERR HLL encoding is not sparse"));
        }
        return Ok(Reply::Owned(hyperloglog::describe(&bytes).into_bytes()));
    }
    if call.is(1, "ENCODING") {
        return Ok(Reply::Simple(encoding.name()));
    }
    if call.is(1, "TODENSE") {
        let bytes = bytes.into_owned();
        return Ok(Reply::Int(i64::from(make_dense(tx, key, bytes)?)));
    }
    let name = crate::command::error::c_text(call.arg(1));
    Err(Error::owned(format!("ERR Unknown PFDEBUG subcommand '{name}'")))
}

/// Makes the registers of the HyperLogLog under `key` dense. Returns whether they were not.
fn make_dense(tx: &mut Tx<'_>, key: Key<'_>, mut bytes: Vec<u8>) -> Result<bool> {
    let is_changed = hyperloglog::make_dense(&mut bytes)?;
    if is_changed {
        let record = whole(tx, key);
        tx.emit(HllPut { key, value: Arc::new(bytes), changes: 1, record });
    }
    Ok(is_changed)
}

pub(super) const PFSELFTEST: Command = Command {
    name: "pfselftest",
    summary: "Checks the HyperLogLogs' registers and estimates on made-up elements.",
    syntax: "",
    example: r#"
        > PFSELFTEST
        OK
    "#,
    complexity: "",
    flags: &[Flag::Admin],
    handler: Handler::Control(pfselftest),
    ..HYPERLOGLOG
};

/// As in Redis: estimates of 1 to a power of ten elements must be nearer than six standard errors.
/// Of fewer elements than there, since nobody else is served meanwhile.
fn pfselftest<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    const ELEMENTS: u64 = 100_000;
    let relative_error = 1.04 / (hyperloglog::REGISTERS as f64).sqrt();
    let seed = Rng::from_seed(call.seed()).u64();
    let (mut sparse, mut dense) = (hyperloglog::empty(), hyperloglog::empty());
    hyperloglog::make_dense(&mut dense)?;
    let mut checkpoint = 1;
    for n in 1..=ELEMENTS {
        let element = (n ^ seed).to_le_bytes();
        let grown = hyperloglog::add_dense(&mut dense, &[&element]);
        let added = hyperloglog::add(&mut sparse, &[&element], HLL_SPARSE_BYTES_MAX)?;
        if added.updated != grown {
            return Err(Error::text("ERR TESTFAILED dense/sparse disagree"));
        }
        if n != checkpoint {
            continue;
        }
        let estimate = hyperloglog::count(&dense)?;
        let error = estimate.abs_diff(n);
        // Of very few elements the error may be one, as in Redis.
        let error_max =
            (relative_error * 6.0 * n as f64).ceil().max(if n == 10 { 1.0 } else { 0.0 });
        if error as f64 > error_max || hyperloglog::count(&sparse)? != estimate {
            let text = format!("ERR TESTFAILED Too big error. card:{n} abserr:{error}");
            return Err(Error::owned(text));
        }
        checkpoint *= 10;
    }
    Ok(Answer::Now(Reply::Ok))
}
