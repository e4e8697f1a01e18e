//! COMMAND DOCS: summaries, and the arguments as a tree read from the syntax.
//!
//! The shape is Redis'. What a syntax does not say differs from Valkey's answer: a choice without a
//! token is named `choice` and a block `block` (Redis gives each a name of its own), the version of
//! a single option is missing, and a value's type is known by its name ([`value_type`]).

use super::{statuses, text};
use crate::command::derived::{Begin, Find};
use crate::command::syntax::{self, Argument, Kind};
use crate::command::table::{self, Resolved};
use crate::command::{Answer, Call, Control, Keys, Result};
use crate::resp::Reply;

/// COMMAND DOCS: a map from name to facts; names that are none are left out.
pub fn docs<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let names = &call.args()[2..];
    let pairs = if names.is_empty() {
        table::all().iter().map(entry).collect()
    } else {
        names.iter().filter_map(|name| table::by_full_name(name)).map(entry).collect()
    };
    Ok(Reply::Map(pairs).into())
}

fn entry(command: &'static Resolved) -> (Reply<'static>, Reply<'static>) {
    let mut facts = vec![
        (text("summary"), text(command.summary)),
        (text("since"), text(command.since)),
        (text("group"), text(command.group.name())),
        (text("complexity"), text(command.complexity)),
    ];
    let arguments = syntax::parse(command.syntax);
    if !arguments.is_empty() {
        let name_words = if command.parent.is_some() { 2 } else { 1 };
        let mut writer = Writer { keys: command.keys, position: Some(name_words), word: None };
        facts.push((text("arguments"), writer.sequence(&arguments)));
    }
    if !command.subcommands.is_empty() {
        let subcommands = command.subcommands.iter().map(entry).collect();
        facts.push((text("subcommands"), Reply::Map(subcommands)));
    }
    (text(command.full_name), Reply::Map(facts))
}

/// Writes arguments, and knows at which position in the call the next one stands, as long as that
/// is certain.
struct Writer {
    keys: &'static [Keys],
    position: Option<usize>,
    /// The token of the block in whose first part it is (`STREAMS key [key ...] id [id ...]`).
    word: Option<&'static str>,
}

impl Writer {
    fn sequence(&mut self, arguments: &[Argument<'static>]) -> Reply<'static> {
        Reply::Array(arguments.iter().map(|argument| self.argument(argument)).collect())
    }

    fn argument(&mut self, argument: &Argument<'static>) -> Reply<'static> {
        let name = match (&argument.kind, argument.token) {
            (Kind::Value(name), _) => (*name).to_owned(),
            (_, Some(token)) => token.to_ascii_lowercase(),
            (Kind::OneOf(_), None) => "choice".to_owned(),
            (Kind::Block(_) | Kind::Token, None) => "block".to_owned(),
        };
        if argument.token.is_some() {
            self.advance();
        }
        let key_spec = self.key_spec(&argument.kind, argument.token);
        let kind = match &argument.kind {
            Kind::Token => "pure-token",
            Kind::Value(_) if key_spec.is_some() => "key",
            Kind::Value(name) => value_type(name),
            Kind::Block(_) => "block",
            Kind::OneOf(_) => "oneof",
        };
        let mut facts = vec![(text("name"), owned(name.clone())), (text("type"), text(kind))];
        if matches!(argument.kind, Kind::Token | Kind::Value(_)) {
            facts.push((text("display_text"), owned(name)));
        }
        facts.extend(key_spec.map(|index| (text("key_spec_index"), Reply::Int(index))));
        facts.extend(argument.token.map(|token| (text("token"), text(token))));
        let flags = flags_of(argument);
        if !flags.is_empty() {
            facts.push((text("flags"), statuses(&flags)));
        }
        match &argument.kind {
            Kind::Token => {}
            Kind::Value(_) => {
                self.word = None;
                self.advance();
            }
            Kind::Block(parts) => {
                self.word = argument.token;
                facts.push((text("arguments"), self.sequence(parts)));
            }
            Kind::OneOf(choices) => {
                let start = self.position;
                let choices = choices.iter().map(|choice| {
                    self.position = start;
                    self.argument(choice)
                });
                facts.push((text("arguments"), Reply::Array(choices.collect())));
                self.position = None;
            }
        }
        if argument.optional || argument.multiple {
            self.position = None;
        }
        Reply::Map(facts)
    }

    fn advance(&mut self) {
        self.position = self.position.map(|position| position + 1);
    }

    /// The key spec that a value at the current position, or behind `token`, belongs to.
    fn key_spec(&self, kind: &Kind<'_>, token: Option<&str>) -> Option<i64> {
        if !matches!(kind, Kind::Value(_)) {
            return None;
        }
        let belongs = |keys: &Keys| match (keys.begin(), self.position) {
            (Begin::Behind(word, _), _) => {
                token.or(self.word).is_some_and(|token| token.eq_ignore_ascii_case(word))
            }
            (Begin::At(first), Some(position)) => match keys.find() {
                Find::Range { last, step, .. } => {
                    // A range up to the end covers every step-th argument from the first.
                    let end = usize::try_from(last).map_or(usize::MAX, |last| first + last);
                    (first..=end).contains(&position) && (position - first).is_multiple_of(step)
                }
                Find::Counted { .. } | Find::Unknown => position == first + 1,
            },
            _ => false,
        };
        self.keys.iter().position(belongs).map(|index| index as i64)
    }
}

fn flags_of(argument: &Argument<'_>) -> Vec<&'static str> {
    let flags = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
        (argument.multiple_token, "multiple_token"),
    ];
    flags.into_iter().filter_map(|(has, name)| has.then_some(name)).collect()
}

fn owned(text: String) -> Reply<'static> {
    Reply::Owned(text.into_bytes())
}

/// The type of a value by its name: the reference uses a name for one type, with few exceptions
/// (`increment`, `start`, `timeout`), for which this gives the commoner one.
fn value_type(name: &str) -> &'static str {
    const INTEGERS: &[&str] = &[
        "bit",
        "bits",
        "client-id",
        "config-epoch",
        "count",
        "cursor",
        "db",
        "decrement",
        "destination-db",
        "end",
        "end-slot",
        "frequency",
        "idle",
        "increment",
        "index",
        "index1",
        "index2",
        "len",
        "limit",
        "maxage",
        "milliseconds",
        "min-match-len",
        "not-client-id",
        "not-db",
        "numfields",
        "numkeys",
        "numlocal",
        "numreplicas",
        "offset",
        "port",
        "protover",
        "rank",
        "seconds",
        "slot",
        "start",
        "start-slot",
        "stop",
        "ttl",
        "version",
        "weight",
    ];
    const DOUBLES: &[&str] =
        &["height", "latitude", "longitude", "radius", "score", "timeout", "width"];
    if INTEGERS.contains(&name) {
        "integer"
    } else if DOUBLES.contains(&name) {
        "double"
    } else if name.starts_with("unix-time") {
        "unix-time"
    } else if name.ends_with("pattern") {
        "pattern"
    } else {
        "string"
    }
}
