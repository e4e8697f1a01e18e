//! `coolcache rdb-diff`: what differs between two data sets.
//!
//! The first is read into a table of digests (`table.rs`), the second is compared with it.
//! Only if something differs, they are read again: the first for the names of keys that the second
//! lacks, both for the parts of values that differ.

use super::digests::{Digest, Digests, TakeDigests, name_hash};
use super::dump::tell_left_out;
use super::parts::{Details, Parts};
use super::select::{Select, Selection};
use super::source::Source;
use super::table::Table;
use super::target::Login;
use super::words::json;
use crate::base::clock::{self, UnixMs};
use crate::cli::tool::{self, Ended, Failure, Verdict};
use crate::keyspace::value::Type;
use crate::rdb::Entry;
use crate::rdb::visit::Visitor;
use clap::Args;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::Write;

const AFTER_HELP: &str = "\
A and B are each an RDB file (or rdb-dump's json or jsonl), a data folder (its log, whatever that
is called, or else its dump.rdb; a running server's too: what it has written so far), or HOST:PORT
of a server (read with SCAN and DUMP, so it should stand still meanwhile).

Compared are keys, types, values and times of expiry. Keys that have expired count as gone on both
sides. Not compared: functions, access clocks, when consumers of streams were seen, how much a group
has read.

Output:
  - 0 \"key\" hash                                only A has it (database 0)
  + 0 \"key\" hash                                only B has it
  ~ 0 \"key\" type: list / set                    A / B
  ~ 0 \"key\" value: field \"x\": \"1\" / \"2\"
  ~ 0 \"key\" expiry: 1700000000000 / never       unix ms

Exit codes: 0 they are equal; 1 they differ; 2 one of them cannot be read, or not in full.
";

/// Compare two data sets: RDB files, data folders, servers
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// A file, a data folder, or HOST:PORT
    a: String,

    /// Another
    b: String,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    login: Login,

    /// Differences that are listed of each kind; all are counted
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,

    /// Times of expiry that are at most so many ms apart are equal
    #[arg(long, value_name = "MS", default_value_t = 0)]
    ttl_tolerance: u64,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A key by name.
type Name = (u64, Vec<u8>);

/// What was found.
#[derive(Default)]
struct Found {
    equal: u64,
    only_a: Listed<(Name, Type)>,
    only_b: Listed<(Name, Type)>,
    types: Listed<(Name, [Type; 2])>,
    values: Listed<(Name, Vec<String>)>,
    expiries: Listed<(Name, [u64; 2])>,
}

/// A list that is cut, and its full length.
struct Listed<T> {
    count: u64,
    items: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Listed { count: 0, items: Vec::new() }
    }
}

impl<T> Listed<T> {
    fn push(&mut self, limit: usize, item: impl FnOnce() -> T) {
        self.count += 1;
        if self.items.len() < limit {
            self.items.push(item());
        }
    }
}

/// Runs the tool.
pub fn run(options: &Options) -> Ended {
    let (a, b) = (Source::of(&options.a)?, Source::of(&options.b)?);
    let reader = Reader { options, now: clock::now() };
    let mut known = Known { table: Table::default(), now: reader.now, scratch: Vec::new() };
    let mut left_out = reader.read(&a, &mut Digests::new(&mut known))?;
    known.table.sort();
    let mut compare = Compare {
        known: &mut known,
        seen: HashSet::new(),
        found: Found::default(),
        limit: options.limit,
        tolerance: options.ttl_tolerance,
    };
    left_out += reader.read(&b, &mut Digests::new(&mut compare))?;
    let mut found = std::mem::take(&mut compare.found);
    if !known.table.all_found() {
        let names = Missing { known: &mut known, found: &mut found, limit: options.limit };
        reader.read(&a, &mut Digests::new(names))?;
    }
    describe_values(&reader, &a, &b, &mut found)?;
    let different = print(&found, options)?;
    if left_out > 0 {
        return Err(Failure::new(format!("{left_out} left out that cannot be decoded")));
    }
    Ok(if different { Verdict::Found } else { Verdict::Good })
}

struct Reader<'o> {
    options: &'o Options,
    now: UnixMs,
}

impl Reader<'_> {
    /// Answers how much was left out.
    fn read(&self, source: &Source, visitor: &mut dyn Visitor) -> Result<u64, Failure> {
        let mut select = Select::new(&self.options.selection, visitor);
        source.read(&self.options.login, &mut select)?;
        let _told = tell_left_out(&select.left);
        Ok(select.left.count)
    }
}

/// A's keys.
struct Known {
    table: Table,
    now: UnixMs,
    scratch: Vec<u8>,
}

impl Known {
    /// Whether a key has not expired.
    fn lives(&self, entry: &Entry<'_>) -> bool {
        entry.expiry_ms.is_none_or(|at| at > self.now.0)
    }
}

impl TakeDigests for &mut Known {
    fn wants(&mut self, entry: &Entry<'_>, _value_type: Type) -> bool {
        self.lives(entry)
    }

    fn digest(&mut self, db: u64, key: &[u8], digest: Digest) {
        let name = name_hash(db, key, &mut self.scratch);
        self.table.add(name, &digest);
    }
}

/// Compares B with A.
struct Compare<'t> {
    known: &'t mut Known,
    /// Keys of B that A has not: SCAN may give them twice.
    seen: HashSet<u128>,
    found: Found,
    limit: usize,
    tolerance: u64,
}

impl TakeDigests for &mut Compare<'_> {
    fn wants(&mut self, entry: &Entry<'_>, _value_type: Type) -> bool {
        self.known.lives(entry)
    }

    fn digest(&mut self, db: u64, key: &[u8], digest: Digest) {
        let hash = name_hash(db, key, &mut self.known.scratch);
        let (found, limit) = (&mut self.found, self.limit);
        let name = || (db, key.to_vec());
        let b = digest;
        let Some(a) = self.known.table.find(hash) else {
            if self.seen.insert(hash) {
                found.only_b.push(limit, || (name(), b.value_type));
            }
            return;
        };
        if a.again {
            return;
        }
        let apart = a.expiry_ms.abs_diff(b.expiry_ms);
        let both_or_none = (a.expiry_ms == 0) == (b.expiry_ms == 0);
        let mut equal = true;
        if a.value_type != b.value_type {
            equal = false;
            found.types.push(limit, || (name(), [a.value_type, b.value_type]));
        } else if !a.has_value_of(&b) {
            equal = false;
            found.values.push(limit, || (name(), Vec::new()));
        }
        if !both_or_none || apart > self.tolerance {
            equal = false;
            found.expiries.push(limit, || (name(), [a.expiry_ms, b.expiry_ms]));
        }
        found.equal += u64::from(equal);
    }
}

/// Names A's keys that B has not.
struct Missing<'t> {
    known: &'t mut Known,
    found: &'t mut Found,
    limit: usize,
}

impl TakeDigests for Missing<'_> {
    fn wants(&mut self, entry: &Entry<'_>, value_type: Type) -> bool {
        if self.known.lives(entry) {
            let hash = name_hash(entry.db, entry.key, &mut self.known.scratch);
            let found = self.known.table.find(hash);
            // A running server may have got new keys since: they are not missing in B.
            if found.is_some_and(|found| !found.again) {
                let name = || ((entry.db, entry.key.to_vec()), value_type);
                self.found.only_a.push(self.limit, name);
            }
        }
        false
    }

    fn digest(&mut self, _db: u64, _key: &[u8], _digest: Digest) {}
}

/// Values whose differences are told in words.
const DESCRIBED_MAX: usize = 100;
/// Differences told of one value.
const PLACES: usize = 5;

fn describe_values(
    reader: &Reader<'_>,
    a: &Source,
    b: &Source,
    found: &mut Found,
) -> Result<(), Failure> {
    let named = found.values.items.iter().take(DESCRIBED_MAX).enumerate();
    let wanted: HashMap<Name, usize> =
        named.map(|(index, (name, _))| (name.clone(), index)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut sides: Vec<HashMap<usize, Parts>> = Vec::new();
    for source in [a, b] {
        let mut details = Details::new(&wanted);
        reader.read(source, &mut details)?;
        sides.push(details.found);
    }
    for (index, (_, places)) in found.values.items.iter_mut().take(DESCRIBED_MAX).enumerate() {
        let side = |side: usize| sides.get(side).and_then(|found| found.get(&index));
        let (Some(a), Some(b)) = (side(0), side(1)) else { continue };
        let (mut told, more) = a.differences(b, PLACES);
        if a.elements != b.elements {
            told.insert(0, format!("elements: {} / {}", a.elements, b.elements));
        }
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        *places = told;
    }
    Ok(())
}

/// Prints what was found; answers whether anything differs.
fn print(found: &Found, options: &Options) -> Result<bool, Failure> {
    let Found { equal, only_a, only_b, types, values, expiries } = found;
    let counts = [only_a.count, only_b.count, types.count, values.count, expiries.count];
    let text = if options.json { format!("{:#}\n", as_json(found)) } else { as_text(found) };
    let mut output = tool::output()?;
    let [a, b, types, values, expiries] = counts;
    let summary = format!(
        "{equal} keys are equal; only in A: {a}; only in B: {b}; of another type: {types}; \
         of another value: {values}; of another expiry: {expiries}\n"
    );
    let written = output
        .write_all(text.as_bytes())
        .and_then(|()| output.write_all(if options.json { b"" } else { summary.as_bytes() }))
        .and_then(|()| output.flush());
    written.map_err(Failure::Output)?;
    Ok(counts.iter().any(|count| *count > 0))
}

fn when(expiry_ms: u64) -> String {
    if expiry_ms == 0 { "never".to_owned() } else { expiry_ms.to_string() }
}

fn as_text(found: &Found) -> String {
    let mut out = String::new();
    let mut line = |sign: char, (db, key): &Name, what: &str| {
        out.push_str(&format!("{sign} {db} \"{}\" {what}\n", key.escape_ascii()));
    };
    for (name, value_type) in &found.only_a.items {
        line('-', name, value_type.name());
    }
    for (name, value_type) in &found.only_b.items {
        line('+', name, value_type.name());
    }
    for (name, [a, b]) in &found.types.items {
        line('~', name, &format!("type: {} / {}", a.name(), b.name()));
    }
    for (name, places) in &found.values.items {
        let places = if places.is_empty() { "differs".to_owned() } else { places.join("; ") };
        line('~', name, &format!("value: {places}"));
    }
    for (name, [a, b]) in &found.expiries.items {
        line('~', name, &format!("expiry: {} / {}", when(*a), when(*b)));
    }
    out
}

fn as_json(found: &Found) -> Value {
    let key = |(db, key): &Name| {
        let mut text = Vec::new();
        json(&mut text, key);
        let key = serde_json::from_slice::<Value>(&text).unwrap_or(Value::Null);
        json!({ "db": db, "key": key })
    };
    let only = |(name, value_type): &(Name, Type)| {
        let mut row = key(name);
        row["type"] = value_type.name().into();
        row
    };
    let differs = |name: &Name, what: &str, a: Value, b: Value| {
        let mut row = key(name);
        row["differs"] = what.into();
        row["a"] = a;
        row["b"] = b;
        row
    };
    let mut different: Vec<Value> = Vec::new();
    for (name, [a, b]) in &found.types.items {
        different.push(differs(name, "type", a.name().into(), b.name().into()));
    }
    for (name, places) in &found.values.items {
        let mut row = key(name);
        row["differs"] = "value".into();
        row["places"] = places.clone().into();
        different.push(row);
    }
    let ms = |ms: u64| if ms == 0 { Value::Null } else { ms.into() };
    for (name, [a, b]) in &found.expiries.items {
        different.push(differs(name, "expiry", ms(*a), ms(*b)));
    }
    json!({
        "equal": found.equal,
        "only_in_a": found.only_a.items.iter().map(only).collect::<Vec<_>>(),
        "only_in_b": found.only_b.items.iter().map(only).collect::<Vec<_>>(),
        "different": different,
        "counts": {
            "only_in_a": found.only_a.count, "only_in_b": found.only_b.count,
            "type": found.types.count, "value": found.values.count,
            "expiry": found.expiries.count,
        },
    })
}
