//! DEL and UNLINK. To us they are the same: what is large is freed by the reclaimer either way.

use super::GENERIC;
use crate::command::{Access, Call, Command, Flag, Handler, Keys, Result};
use crate::keyspace::record::{Delete, DeleteMany};
use crate::keyspace::{Key, Tx};
use crate::resp::Reply;
use std::collections::HashSet;

pub(super) const DEL: Command = Command {
    name: "del",
    summary: "Removes keys, whatever they hold, and says how many there were.",
    syntax: "key [key ...]",
    example: r#"
        > MSET one 1 two 2
        OK
        > DEL one two three one
        (integer) 2
        log: DEL one two
        > DEL one
        (integer) 0
        log:
    "#,
    complexity: "O(N)",
    keys: &[Keys::From(1, 1, Access::Remove)],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    handler: Handler::Write(del),
    ..GENERIC
};

pub(super) const UNLINK: Command = Command {
    name: "unlink",
    summary: "Removes keys like DEL; their memory is given back in the background.",
    syntax: "key [key ...]",
    example: r#"
        > SET one 1
        OK
        > UNLINK one two
        (integer) 1
        log: DEL one
    "#,
    since: "4.0.0",
    complexity: "O(1)",
    keys: &[Keys::From(1, 1, Access::Remove)],
    flags: &[Flag::Fast],
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    handler: Handler::Write(del),
    ..GENERIC
};

fn del<'a>(tx: &mut Tx<'_>, call: &Call<'a>) -> Result<Reply<'a>> {
    if call.len() == 2 {
        let key = call.key(1);
        let found = tx.exists(key) && tx.emit(Delete::of(key));
        return Ok(Reply::Int(i64::from(found)));
    }
    let mut seen = HashSet::with_capacity(call.len() - 1);
    let keys = (1..call.len()).map(|n| call.key(n));
    let keys: Vec<Key<'a>> = keys.filter(|key| tx.exists(*key) && seen.insert(key.bytes)).collect();
    let found = match keys.as_slice() {
        [] => 0,
        [key] => usize::from(tx.emit(Delete::of(*key))),
        keys => tx.emit(DeleteMany { keys }),
    };
    Ok(Reply::Int(found as i64))
}
