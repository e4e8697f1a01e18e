//! KEYS, SCAN and RANDOMKEY: commands that find keys nobody has named.

use super::GENERIC;
use crate::command::error::c_text;
use crate::command::scan::{self, DEFAULT_COUNT, Pattern, cursor_of};
use crate::command::{Call, Command, Error, Handler, Result};
use crate::keyspace::{Entry, View};
use crate::resp::reply::BulksKind;
use crate::resp::{BulksBuilder, Reply};
use std::ops::ControlFlow;

pub(super) const KEYS: Command = Command {
    name: "keys",
    summary: "Lists all keys that match a pattern.",
    syntax: "pattern",
    example: r#"
        > MSET user:1 a user:2 b visits 7
        OK
        > KEYS v*
        1) "visits"
        > KEYS user:[2-9]
        1) "user:2"
    "#,
    complexity: "O(N)",
    categories: &["dangerous"],
    tips: &["request_policy:all_shards", "nondeterministic_output_order"],
    handler: Handler::Read(keys),
    cost: Some(keys_cost),
    ..GENERIC
};

pub(super) const SCAN: Command = Command {
    name: "scan",
    summary: "Goes through the keys a few at a time.",
    syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    example: r#"
        > SET visits 7
        OK
        > SCAN 0 MATCH v* COUNT 100 TYPE string
        1) "0"
        2) 1) "visits"
    "#,
    since: "2.8.0",
    tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
    handler: Handler::Read(scan),
    cost: Some(|view, call| scan::cost(call, view.len() as u64)),
    ..GENERIC
};

pub(super) const RANDOMKEY: Command = Command {
    name: "randomkey",
    summary: "Names any key, each with the same chance.",
    example: r#"
        > RANDOMKEY
        (nil)
        > SET only 1
        OK
        > RANDOMKEY
        "only"
    "#,
    tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
    handler: Handler::Read(random_key),
    ..GENERIC
};

fn keys<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let pattern = Pattern::new(call.arg(1));
    let mut found = BulksBuilder::new(BulksKind::Array);
    if let Pattern::Literal(key) = pattern {
        // A search is no look-up: it counts neither as a hit nor as a miss.
        if view.keyspace().view(view.db(), view.now()).exists(call.key(1)) {
            found.push(key);
        }
        return Ok(found.finish());
    }
    let _ = view.keyspace().table(view.db()).walk(|entry| {
        if !view.has_expired(entry.expiry) && pattern.matches(entry.key) {
            found.push(entry.key);
        }
        ControlFlow::Continue(())
    });
    Ok(found.finish())
}

fn keys_cost(view: View<'_>, call: &Call<'_>) -> u64 {
    match Pattern::new(call.arg(1)) {
        Pattern::Literal(_) => 1,
        Pattern::All | Pattern::Glob(_) => view.len() as u64,
    }
}

fn scan<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    let mut cursor = cursor_of(call.arg(1))?;
    let options = ScanOptions::parse(call)?;
    let mut found = BulksBuilder::new(BulksKind::Array);
    let mut seen = 0;
    // A page holds at least one key as a rule, so COUNT also bounds the pages that are looked at
    // when all their keys have expired.
    for _ in 0..options.count {
        cursor = view.scan(cursor, &mut |entry| {
            seen += 1;
            if options.wants(&entry) {
                found.push(entry.key());
            }
        });
        if cursor == 0 || seen >= options.count {
            break;
        }
    }
    let cursor = itoa::Buffer::new().format(cursor).as_bytes().to_vec();
    Ok(Reply::Array(vec![Reply::Owned(cursor), found.finish()]))
}

fn random_key<'a>(view: View<'a>, call: &Call<'a>) -> Result<Reply<'a>> {
    Ok(view.random(call.seed()).map_or(Reply::Null, |entry| Reply::Bulk(entry.key())))
}

/// What of a scanned page is wanted.
struct ScanOptions<'a> {
    pattern: Pattern<'a>,
    /// How many keys to look at, at least 1.
    count: u64,
    type_name: Option<&'static str>,
}

/// The names that TYPE may ask for: Redis' types, whether or not there are such values here.
const TYPE_NAMES: [&str; 6] = ["string", "list", "set", "zset", "hash", "stream"];

impl<'a> ScanOptions<'a> {
    fn parse(call: &Call<'a>) -> Result<Self> {
        let mut options =
            ScanOptions { pattern: Pattern::All, count: DEFAULT_COUNT, type_name: None };
        let mut n = 2;
        while n < call.len() {
            let value = call.get(n + 1);
            match value {
                Some(_) if call.is(n, "COUNT") => {
                    let count = u64::try_from(call.int(n + 1)?).unwrap_or(0);
                    options.count = if count == 0 { return Err(Error::Syntax) } else { count };
                }
                Some(pattern) if call.is(n, "MATCH") => options.pattern = Pattern::new(pattern),
                Some(name) if call.is(n, "TYPE") => {
                    options.type_name = Some(type_name(name)?);
                }
                _ if call.is(n, "NOVALUES") => {
                    return Err(Error::text("ERR NOVALUES option can only be used in HSCAN"));
                }
                _ if call.is(n, "NOSCORES") => {
                    return Err(Error::text("ERR NOSCORES option can only be used in ZSCAN"));
                }
                _ => return Err(Error::Syntax),
            }
            n += 2;
        }
        Ok(options)
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        self.type_name.is_none_or(|name| name == entry.value_type().name())
            && self.pattern.matches(entry.key())
    }
}

fn type_name(name: &[u8]) -> Result<&'static str> {
    let known = TYPE_NAMES.into_iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    known.ok_or_else(|| Error::owned(format!("ERR unknown type name '{}'", c_text(name))))
}
