//! The table against the reference: what COMMAND INFO would say, for every command that is in both.

use super::*;
use crate::command::Keys;
use crate::command::derived::{Begin, Find};
use std::collections::{BTreeSet, HashMap};

/// Facts of Valkey 9.1's COMMAND (and COMMAND DOCS' syntax), one command a line; see its first line
/// for the columns.
const REFERENCE: &str = include_str!("../../../tests/fixtures/commands.tsv");

/// Where an entry says something else than the reference on purpose: name, column, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("bitop", "syntax", "the operations of Redis 8.2 as well"),
    ("set", "syntax", "the conditions of Redis 8.4 as well"),
    ("xadd", "syntax", "the groups of Redis 8.2 and the producers of 8.6 as well"),
    ("xreadgroup", "syntax", "CLAIM of Redis 8.4 as well"),
    ("xtrim", "syntax", "the groups of Redis 8.2 as well"),
];

fn reference() -> HashMap<String, HashMap<&'static str, &'static str>> {
    let mut lines = REFERENCE.lines();
    let columns: Vec<_> = lines.next().expect("a first line").split('\t').collect();
    let rows = lines.map(|line| {
        let row: HashMap<_, _> = columns.iter().copied().zip(line.split('\t')).collect();
        (row["name"].replace(' ', "|"), row)
    });
    rows.filter(|(_, row)| row["source"] == "valkey").collect()
}

/// A key spec in the reference's notation.
fn written(keys: &Keys) -> String {
    let flags = keys.access().flag_names().join(" ");
    let begin = match keys.begin() {
        Begin::At(at) => format!("@{at}"),
        Begin::Behind(word, from) => format!("{word}@{from}"),
        Begin::Unknown => "?".to_owned(),
    };
    match keys.find() {
        Find::Range { last, step, limit } => {
            format!("{begin}(last={last},step={step},limit={limit})[{flags}]")
        }
        Find::Counted { step } => format!("{begin}(numkeys@0,first=1,step={step})[{flags}]"),
        Find::Unknown => format!("{begin}(?)[{flags}]"),
    }
}

fn set(text: &str) -> String {
    let words: BTreeSet<_> = text.split_whitespace().collect();
    words.into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn entries_say_what_the_reference_says() {
    let reference = reference();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for command in every() {
        let Some(row) = reference.get(command.full_name) else { continue };
        let (first, last, step) = command.key_range();
        let ours = [
            ("group", command.group.name().to_owned()),
            ("since", command.since.to_owned()),
            ("arity", command.arity.to_string()),
            ("flags", set(&command.flag_names().join(" "))),
            ("categories", set(&command.category_names().join(" "))),
            ("keys", command.keys.iter().map(written).collect::<Vec<_>>().join("; ")),
            ("range", format!("{first},{last},{step}")),
            ("tips", set(&command.tips.join(" "))),
            ("syntax", command.syntax.to_owned()),
        ];
        for (column, value) in ours {
            let theirs = match column {
                "flags" | "categories" | "tips" => set(row[column]),
                _ => row[column].to_owned(),
            };
            let is_exception =
                EXCEPTIONS.iter().any(|(name, of, _)| *name == command.full_name && *of == column);
            if (value == theirs) == is_exception {
                wrong.push(format!("{}: {column}: {value:?}, not {theirs:?}", command.full_name));
            }
        }
        compared += 1;
    }
    assert!(wrong.is_empty(), "{compared} compared:\n{}", wrong.join("\n"));
    assert!(compared >= 60, "only {compared} commands are in the reference");
}
