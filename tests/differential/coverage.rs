//! What a run has sent and seen, as a table.

use super::generate::Request;
use super::grammar::{Grammar, all_tokens};
use super::policy;
use coolcache::resp::OwnedReply;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Counts of one command.
#[derive(Default)]
struct Row {
    runs: u64,
    errors: u64,
    kinds: BTreeMap<&'static str, u64>,
    tokens: BTreeMap<&'static str, u64>,
}

/// Counts of all commands.
pub struct Coverage<'g> {
    grammar: &'g Grammar,
    rows: BTreeMap<&'g str, Row>,
}

impl<'g> Coverage<'g> {
    /// Nothing yet, of everything that is to come.
    pub fn new(grammar: &'g Grammar) -> Coverage<'g> {
        let mut rows: BTreeMap<&'g str, Row> = BTreeMap::new();
        for form in &grammar.forms {
            let mut tokens = Vec::new();
            all_tokens(&form.arguments, &mut tokens);
            let row = rows.entry(&form.name).or_default();
            row.tokens.extend(tokens.into_iter().map(|token| (token, 0)));
        }
        Coverage { grammar, rows }
    }

    /// Counts a request and its reply; none if it was silenced.
    pub fn count(&mut self, request: &Request, reply: Option<&OwnedReply>) {
        let name = request.form.map_or("(no command)", |form| &self.grammar.forms[form].name);
        let row = self.rows.entry(name).or_default();
        row.runs += 1;
        row.errors += u64::from(matches!(reply, Some(OwnedReply::Error(_))));
        *row.kinds.entry(reply.map_or("none", kind)).or_default() += 1;
        for token in &request.tokens {
            *row.tokens.entry(token).or_default() += 1;
        }
    }

    /// A line a command.
    pub fn table(&self) -> String {
        let mut table = String::from("runs  errors  command: replies; options\n");
        for (name, row) in &self.rows {
            let share = row.errors as f64 * 100.0 / row.runs.max(1) as f64;
            let list = |counts: &BTreeMap<&str, u64>| {
                let list = counts.iter().map(|(name, count)| format!("{name} {count}"));
                list.collect::<Vec<_>>().join(", ")
            };
            let (kinds, tokens) = (list(&row.kinds), list(&row.tokens));
            let rest = if tokens.is_empty() { kinds } else { format!("{kinds}; {tokens}") };
            writeln!(table, "{:>6} {share:>5.1} %  {name}: {rest}", row.runs).expect("memory");
        }
        table
    }

    /// Requests in all, and the share of errors in percent.
    pub fn total(&self) -> (u64, f64) {
        let runs: u64 = self.rows.values().map(|row| row.runs).sum();
        let errors: u64 = self.rows.values().map(|row| row.errors).sum();
        (runs, errors as f64 * 100.0 / runs.max(1) as f64)
    }

    /// One line about all.
    pub fn summary(&self) -> String {
        let (runs, share) = self.total();
        let tokens: usize = self.rows.values().map(|row| row.tokens.len()).sum();
        let kinds: usize = self.rows.values().map(|row| row.kinds.len()).sum();
        let counts =
            self.rows.values().flat_map(|row| row.tokens.values().chain(row.kinds.values()));
        let least = counts.min().copied().unwrap_or(0);
        let forms = self.rows.len();
        format!(
            "{runs} requests, {forms} commands, {tokens} option tokens, {kinds} kinds of reply, \
             the rarest {least} times, {share:.1} % errors"
        )
    }

    /// Tokens and kinds of reply that came less often than `least`, but for those that are known to
    /// be rare.
    pub fn gaps(&self, least: u64) -> Vec<String> {
        let mut gaps = Vec::new();
        for (name, row) in &self.rows {
            for (what, count) in row.tokens.iter().chain(&row.kinds) {
                let is_rare = policy::RARE.iter().any(|(a, b, _)| a == name && b == what);
                if *count < least && !is_rare {
                    gaps.push(format!("{name} {what}: {count} times, not {least}"));
                }
            }
        }
        gaps
    }
}

/// A reply's kind. What RESP2 lacks counts apart from what stands for it there.
pub fn kind(reply: &OwnedReply) -> &'static str {
    match reply {
        OwnedReply::Simple(_) => "status",
        OwnedReply::Error(_) => "error",
        OwnedReply::Int(_) => "integer",
        OwnedReply::Bulk(_) => "bulk",
        OwnedReply::Null => "null",
        OwnedReply::NullArray => "null array",
        OwnedReply::Double(_) => "double",
        OwnedReply::Bool(_) => "boolean",
        OwnedReply::BigNumber(_) => "big number",
        OwnedReply::Verbatim(..) => "verbatim",
        OwnedReply::Array(_) => "array",
        OwnedReply::Map(_) => "map",
        OwnedReply::Set(_) => "set",
        OwnedReply::Push(_) => "push",
        OwnedReply::Attribute(_) => "attribute",
    }
}
