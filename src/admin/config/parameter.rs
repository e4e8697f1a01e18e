//! One parameter: its kind, and how a value of that kind is read from text and written as text.

use super::inert::Shape;
use super::{BufferLimit, BufferLimits, SavePoint, Values};
use crate::base::number;
use std::fmt::Display;
use std::path::Path;

/// One line of the table.
pub(super) struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Older names that mean the same.
    pub aliases: &'static [&'static str],
    /// What values it takes, and where its value is.
    pub kind: Kind,
    /// Its default, as in a configuration file.
    pub default: &'static str,
    /// Who may set it when.
    pub mutability: Mutability,
    /// What it does, in a sentence, for whoever lists the parameters.
    pub doc: &'static str,
}

/// Who may set a parameter, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// CONFIG SET.
    Mutable,
    /// CONFIG SET, as far as `enable-protected-configs` allows.
    Protected,
    /// Only at the start.
    Immutable,
}

/// Where a value is: its field, to look at and to change.
pub(super) struct Field<T: 'static> {
    pub get: fn(&Values) -> &T,
    pub get_mut: fn(&mut Values) -> &mut T,
}

/// The kinds of values.
pub(super) enum Kind {
    /// `yes` or `no`.
    Bool(Field<bool>),
    /// A whole number between two bounds.
    Int { at: Field<u64>, min: u64, max: u64 },
    /// A whole number that is moved to the nearer bound.
    Clamped { at: Field<u64>, min: u64, max: u64 },
    /// As [`Self::Int`], also below zero.
    Signed { at: Field<i64>, min: i64, max: i64 },
    /// Bytes, with a unit (`64mb`).
    Memory { at: Field<u64>, min: u64 },
    /// One word of a list, by its index.
    Choice { at: Field<usize>, words: &'static [&'static str] },
    /// Any text.
    Text(Field<String>),
    /// A file's or a folder's name without a path; whether it may be empty, and what it is called
    /// in errors.
    Name { at: Field<String>, may_be_empty: bool, what: &'static str },
    /// A folder that exists; kept as a full path.
    Folder(Field<String>),
    /// Words.
    Words(Field<Vec<String>>),
    /// `seconds changes` in pairs, or nothing.
    SavePoints(Field<Vec<SavePoint>>),
    /// `class hard soft seconds` in groups of four.
    BufferLimits(Field<BufferLimits>),
    /// A value that is as it is; the reason is the error of who sets another one. If another one
    /// would only be another way to the same end, a configuration file may ask for it: the server
    /// says that it will not follow.
    Fixed { value: &'static str, reason: &'static str, is_harmless: bool },
    /// A value that is kept and does nothing yet.
    Inert(Shape),
}

impl Parameter {
    /// Whether its value may consist of several words.
    fn takes_several(&self) -> bool {
        matches!(
            self.kind,
            Kind::Words(_)
                | Kind::SavePoints(_)
                | Kind::BufferLimits(_)
                | Kind::Inert(Shape::Words)
        )
    }

    /// Whether a value that a configuration file gives, which is no valid one or does nothing, is
    /// only worth a line in the log.
    pub fn has_no_effect(&self, words: &[String]) -> bool {
        match &self.kind {
            Kind::Inert(_) => true,
            Kind::Fixed { value, is_harmless: true, .. } => {
                matches!(words, [word] if !word.eq_ignore_ascii_case(value))
            }
            _ => false,
        }
    }

    /// The words of a value that was given as one text (CONFIG SET, the table's defaults).
    pub fn words(&self, text: &str) -> Result<Vec<String>, String> {
        if !self.takes_several() {
            return Ok(vec![text.to_owned()]);
        }
        super::file::split_words(text).ok_or_else(|| "Unbalanced quotes in value".to_owned())
    }

    /// Checks and sets a value given as words, one if the kind takes one.
    pub fn set(&self, values: &mut Values, words: &[String]) -> Result<(), String> {
        if self.takes_several() {
            return self.set_several(values, words);
        }
        let [word] = words else { return Err("wrong number of arguments".to_owned()) };
        match &self.kind {
            Kind::Bool(at) => *(at.get_mut)(values) = parse_bool(word)?,
            Kind::Int { at, min, max } => {
                let value = parse_int(word)?;
                let value = u64::try_from(value).ok().filter(|value| (min..=max).contains(&value));
                *(at.get_mut)(values) = value.ok_or_else(|| outside(min, max))?;
            }
            Kind::Signed { at, min, max } => {
                *(at.get_mut)(values) = parse_between(word, *min, *max)?;
            }
            Kind::Clamped { at, min, max } => {
                let value = u64::try_from(parse_int(word)?).unwrap_or(0);
                *(at.get_mut)(values) = value.clamp(*min, *max);
            }
            Kind::Memory { at, min } => {
                let value = parse_memory(word)?;
                if !(*min..=MEMORY_MAX).contains(&value) {
                    return Err(outside(min, MEMORY_MAX));
                }
                *(at.get_mut)(values) = value;
            }
            Kind::Choice { at, words } => {
                *(at.get_mut)(values) = parse_choice(word, words)?;
            }
            Kind::Text(at) => word.clone_into((at.get_mut)(values)),
            Kind::Name { at, may_be_empty, what } => {
                if word.is_empty() && !may_be_empty {
                    return Err(format!("{} can't be empty", self.name));
                }
                if word.contains('/') {
                    return Err(format!("{} can't be a path, just a {what}", self.name));
                }
                word.clone_into((at.get_mut)(values));
            }
            Kind::Folder(at) => *(at.get_mut)(values) = full_path(word)?,
            Kind::Inert(shape) => {
                values.inert.insert(self.name, canonical(shape, word)?);
            }
            Kind::Fixed { value, reason, .. } => {
                if !word.eq_ignore_ascii_case(value) {
                    return Err((*reason).to_owned());
                }
            }
            Kind::Words(_) | Kind::SavePoints(_) | Kind::BufferLimits(_) => {
                unreachable!("takes several words")
            }
        }
        Ok(())
    }

    fn set_several(&self, values: &mut Values, words: &[String]) -> Result<(), String> {
        match &self.kind {
            Kind::Words(at) => {
                let words = words.iter().filter(|word| !word.is_empty());
                *(at.get_mut)(values) = words.cloned().collect();
            }
            Kind::SavePoints(at) => *(at.get_mut)(values) = parse_save_points(words)?,
            Kind::BufferLimits(at) => set_buffer_limits((at.get_mut)(values), words)?,
            Kind::Inert(_) => {
                values.inert.insert(self.name, words.join(" "));
            }
            _ => unreachable!("takes one word"),
        }
        Ok(())
    }

    /// The value as CONFIG GET shows it.
    pub fn text(&self, values: &Values) -> String {
        match &self.kind {
            Kind::Bool(at) => if *(at.get)(values) { "yes" } else { "no" }.to_owned(),
            Kind::Int { at, .. } | Kind::Clamped { at, .. } | Kind::Memory { at, .. } => {
                (at.get)(values).to_string()
            }
            Kind::Signed { at, .. } => (at.get)(values).to_string(),
            Kind::Choice { at, words } => words[*(at.get)(values)].to_owned(),
            Kind::Text(at) | Kind::Name { at, .. } | Kind::Folder(at) => (at.get)(values).clone(),
            Kind::Words(at) => (at.get)(values).join(" "),
            Kind::SavePoints(at) => {
                let points = (at.get)(values).iter();
                let points = points.map(|point| format!("{} {}", point.seconds, point.changes));
                points.collect::<Vec<_>>().join(" ")
            }
            Kind::BufferLimits(at) => {
                let limits = (at.get)(values);
                let class = |name: &str, limit: &BufferLimit| {
                    format!(
                        "{name} {} {} {}",
                        limit.hard_bytes, limit.soft_bytes, limit.soft_seconds
                    )
                };
                [
                    class("normal", &limits.normal),
                    class("slave", &limits.replica),
                    class("pubsub", &limits.pubsub),
                ]
                .join(" ")
            }
            Kind::Fixed { value, .. } => (*value).to_owned(),
            Kind::Inert(_) => values.inert.get(self.name).cloned().unwrap_or_default(),
        }
    }
}

/// The upper bound that Valkey states for amounts of memory.
const MEMORY_MAX: u64 = i64::MAX as u64;

fn parse_bool(word: &str) -> Result<bool, String> {
    match word {
        _ if word.eq_ignore_ascii_case("yes") => Ok(true),
        _ if word.eq_ignore_ascii_case("no") => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}

fn parse_int(word: &str) -> Result<i64, String> {
    let value = number::parse_i64(word.as_bytes());
    value.ok_or_else(|| "argument couldn't be parsed into an integer".to_owned())
}

fn outside(min: impl Display, max: impl Display) -> String {
    format!("argument must be between {min} and {max} inclusive")
}

fn parse_between(word: &str, min: i64, max: i64) -> Result<i64, String> {
    let value = parse_int(word)?;
    if (min..=max).contains(&value) { Ok(value) } else { Err(outside(min, max)) }
}

fn parse_memory(word: &str) -> Result<u64, String> {
    let value = number::parse_memory(word).filter(|_| !word.is_empty());
    value.ok_or_else(|| "argument must be a memory value".to_owned())
}

/// The index of a word in a list.
fn parse_choice(word: &str, words: &[&str]) -> Result<usize, String> {
    let choice = words.iter().position(|choice| choice.eq_ignore_ascii_case(word));
    choice.ok_or_else(|| format!("argument(s) must be one of the following: {}", words.join(", ")))
}

/// A value of a shape as it is kept.
fn canonical(shape: &Shape, word: &str) -> Result<String, String> {
    Ok(match shape {
        Shape::Bool => if parse_bool(word)? { "yes" } else { "no" }.to_owned(),
        Shape::Int(min, max) => parse_between(word, *min, *max)?.to_string(),
        Shape::Memory => parse_memory(word)?.to_string(),
        Shape::Choice(words) => words[parse_choice(word, words)?].to_owned(),
        Shape::Text | Shape::Words => word.to_owned(),
        Shape::Events => event_classes(word)?,
    })
}

/// Classes of keyspace events in the order in which Valkey shows them.
fn event_classes(word: &str) -> Result<String, String> {
    /// Those that `A` stands for.
    const ALL: &str = "g$lshzxetd";
    if !word.chars().all(|class| "Ag$lshzxeKEtmdn".contains(class)) {
        return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned());
    }
    let has_all = word.contains('A') || ALL.chars().all(|class| word.contains(class));
    // Beside `A`, Valkey does not show `n`.
    let (head, shown) = if has_all { ("A", "KEm") } else { ("", "g$lshzxetdnKEm") };
    Ok(head.chars().chain(shown.chars().filter(|class| word.contains(*class))).collect())
}

/// The full path of a folder that exists.
fn full_path(word: &str) -> Result<String, String> {
    let path = Path::new(word).canonicalize().map_err(|error| why(&error))?;
    if !path.is_dir() {
        return Err("Not a directory".to_owned());
    }
    let path = path.into_os_string().into_string();
    path.map_err(|_| "argument must be UTF-8 text".to_owned())
}

/// The system's words for an error, without Rust's number behind them.
pub(super) fn why(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn parse_save_points(words: &[String]) -> Result<Vec<SavePoint>, String> {
    if let [only] = words
        && only.is_empty()
    {
        return Ok(Vec::new());
    }
    let number = |word: &String| word.parse::<u32>().ok().map(u64::from);
    let point = |pair: &[String]| {
        let [seconds, changes] = pair else { return None };
        let seconds = number(seconds).filter(|seconds| *seconds > 0)?;
        Some(SavePoint { seconds, changes: number(changes)? })
    };
    let points: Option<Vec<_>> = words.chunks(2).map(point).collect();
    points.ok_or_else(|| "Invalid save parameters".to_owned())
}

fn set_buffer_limits(limits: &mut BufferLimits, words: &[String]) -> Result<(), String> {
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    for group in words.chunks(4) {
        let limit = match group[0].to_ascii_lowercase().as_str() {
            "normal" => &mut limits.normal,
            "slave" | "replica" => &mut limits.replica,
            "pubsub" => &mut limits.pubsub,
            _ => {
                let error = "Invalid client class specified in buffer limit configuration.";
                return Err(error.to_owned());
            }
        };
        let bytes = |word: &str| number::parse_memory(word).filter(|_| !word.is_empty());
        let parsed = (bytes(&group[1]), bytes(&group[2]), group[3].parse::<u32>().ok());
        let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) = parsed else {
            let error =
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
            return Err(error.to_owned());
        };
        *limit = BufferLimit { hard_bytes, soft_bytes, soft_seconds: u64::from(soft_seconds) };
    }
    Ok(())
}
