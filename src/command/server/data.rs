//! DBSIZE, FLUSHDB, FLUSHALL, SWAPDB: whole databases.

use super::SERVER;
use crate::base::number;
use crate::command::{Call, Command, Error, Flag, Handler, Result};
use crate::keyspace::record::{FlushAll, FlushDb, SwapDb};
use crate::keyspace::{Db, Tx, View};
use crate::resp::Reply;

pub(super) const DBSIZE: Command = Command {
    name: "dbsize",
    summary: "Returns how many keys the selected database holds.",
    example: r#"
        > MSET a 1 b 2
        OK
        > DBSIZE
        (integer) 2
    "#,
    categories: &["keyspace"],
    flags: &[Flag::Fast],
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    handler: Handler::Read(dbsize),
    ..SERVER
};

fn dbsize<'a>(view: View<'a>, _: &Call<'a>) -> Result<Reply<'a>> {
    Ok(Reply::Int(view.len() as i64))
}

pub(super) const FLUSHALL: Command = Command {
    name: "flushall",
    summary: "Removes every key of every database.",
    syntax: "[ASYNC | SYNC]",
    example: r#"
        > SET a 1
        OK
        > FLUSHALL
        OK
        log: FLUSHALL
        > FLUSHALL
        OK
        log:
    "#,
    complexity: "O(N)",
    categories: &["keyspace", "dangerous"],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    handler: Handler::Write(flushall),
    ..SERVER
};

fn flushall<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    check_mode(call)?;
    tx.emit(FlushAll);
    Ok(Reply::Ok)
}

pub(super) const FLUSHDB: Command = Command {
    name: "flushdb",
    summary: "Removes every key of the selected database.",
    syntax: "[ASYNC | SYNC]",
    example: r#"
        > SET a 1
        OK
        > FLUSHDB
        OK
        log: FLUSHDB
        > DBSIZE
        (integer) 0
    "#,
    complexity: "O(N)",
    categories: &["keyspace", "dangerous"],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    handler: Handler::Write(flushdb),
    ..SERVER
};

fn flushdb<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    check_mode(call)?;
    tx.emit(FlushDb);
    Ok(Reply::Ok)
}

/// ASYNC and SYNC are both taken and mean the same: emptying is a change of one pointer, and the
/// old contents are freed by the reclaimer.
fn check_mode(call: &Call<'_>) -> Result<()> {
    match call.len() {
        1 => Ok(()),
        2 if call.is(1, "ASYNC") || call.is(1, "SYNC") => Ok(()),
        _ => Err(Error::Syntax),
    }
}

pub(super) const SWAPDB: Command = Command {
    name: "swapdb",
    summary: "Exchanges the contents of two databases.",
    syntax: "index1 index2",
    example: r#"
        > SET a 1
        OK
        > SWAPDB 0 1
        OK
        log: SWAPDB 0 1
        > DBSIZE
        (integer) 0
    "#,
    since: "4.0.0",
    complexity: "O(N)",
    flags: &[Flag::Fast],
    categories: &["keyspace", "dangerous"],
    handler: Handler::Write(swapdb),
    ..SERVER
};

fn swapdb<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    let a = index(call.arg(1)).ok_or(Error::text("ERR invalid first DB index"))?;
    let b = index(call.arg(2)).ok_or(Error::text("ERR invalid second DB index"))?;
    let databases = tx.view().keyspace().databases();
    let db = |index: i32| {
        let index = u16::try_from(index).ok().filter(|index| usize::from(*index) < databases);
        index.map(Db).ok_or(Error::text("ERR DB index is out of range"))
    };
    let (a, b) = (db(a)?, db(b)?);
    tx.emit(SwapDb { a, b });
    Ok(Reply::Ok)
}

fn index(text: &[u8]) -> Option<i32> {
    i32::try_from(number::parse_i64(text)?).ok()
}
