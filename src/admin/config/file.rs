//! Reading settings: the configuration file and the command line, as redis-server reads them.
//!
//! The command line becomes lines of a configuration file behind the real one's, so there is one
//! reader, and an error names a line even when there is no file. Of a line, the first word is the
//! parameter, the others its value; words may be quoted as in redis-cli.

use super::parameter::{Kind, Parameter, why};
use super::{Config, Values, table};
use crate::base::disk::plain;
use crate::base::glob;
use std::path::{Path, PathBuf};

/// How deep files may include files: a cycle must end.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Settings from the command line; its first argument may be a file.
pub(super) fn load(arguments: &[String]) -> Result<Config, String> {
    let (file, options) = match arguments.split_first() {
        Some((file, options)) if !file.starts_with("--") => (Some(file), options),
        _ => (None, arguments),
    };
    let mut loader = Loader { config: Config::default(), save_seen: false };
    let mut text = String::new();
    if let Some(file) = file {
        text = read(Path::new(file))?;
        let full = Path::new(file).canonicalize();
        loader.config.file = Some(full.unwrap_or_else(|_| PathBuf::from(file)));
    }
    if !options.is_empty() {
        text.push('\n');
        text.push_str(&lines_of(options));
    }
    loader.text(&text, 0)?;
    let config = loader.config;
    config.values.check().map_err(|(_, why)| format!("{HEAD}{why}"))?;
    Ok(config)
}

const HEAD: &str =
    concat!("*** FATAL CONFIG FILE ERROR (CoolCache ", env!("CARGO_PKG_VERSION"), ") ***\n");

struct Loader {
    config: Config,
    /// A `save` line was met: the first one replaces the default, the next ones add to it.
    save_seen: bool,
}

impl Loader {
    fn text(&mut self, text: &str, depth: usize) -> Result<(), String> {
        for (n, line) in text.split('\n').enumerate() {
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let failed = |why: String| {
                format!(
                    "{HEAD}Reading the configuration file, at line {}\n>>> '{line}'\n{why}",
                    n + 1
                )
            };
            let words = split_words(line);
            let words = words
                .ok_or_else(|| failed("Unbalanced quotes in configuration line".to_owned()))?;
            let Some((name, values)) = words.split_first() else { continue };
            if name.eq_ignore_ascii_case("include") && values.len() == 1 {
                if depth == INCLUDE_DEPTH_MAX {
                    return Err(failed("files include each other too deeply".to_owned()));
                }
                for file in matching(Path::new(&values[0])) {
                    self.text(&read(&file)?, depth + 1)?;
                }
            } else {
                self.set(name, values).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, values: &[String]) -> Result<(), String> {
        let parameter = table::find(name);
        let parameter =
            parameter.ok_or_else(|| "Bad directive or wrong number of arguments".to_owned())?;
        if values.is_empty() {
            return Err("wrong number of arguments".to_owned());
        }
        let words = match values {
            [one] if !one.is_empty() => parameter.words(one)?,
            _ => values.to_vec(),
        };
        if parameter.has_no_effect(&words) {
            let noted = &mut self.config.without_effect;
            if !noted.contains(&parameter.name) {
                noted.push(parameter.name);
            }
            if matches!(parameter.kind, Kind::Fixed { .. }) {
                return Ok(());
            }
        }
        if parameter.name == "save" {
            return self.add_save_points(parameter, &words);
        }
        parameter.set(&mut self.config.values, &words)
    }

    fn add_save_points(&mut self, parameter: &Parameter, words: &[String]) -> Result<(), String> {
        let mut line = Values::default();
        parameter.set(&mut line, words)?;
        let save = &mut self.config.values.save;
        if !self.save_seen || line.save.is_empty() {
            save.clear();
        }
        self.save_seen = true;
        save.append(&mut line.save);
        Ok(())
    }
}

fn read(file: &Path) -> Result<String, String> {
    plain::read_text(file).map_err(|error| {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        format!("Fatal error, can't open config file '{}': {}", file.display(), why(&error))
    })
}

/// The files that an include names: itself, or those of its folder that match the glob of its last
/// part, which may be none.
fn matching(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    if glob::is_literal(name) {
        return vec![path.to_owned()];
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // As in Redis, that the folder cannot be read counts as nothing in it.
    let names = plain::names(folder).unwrap_or_default();
    let is_named = |found: &std::ffi::OsString| {
        let found = found.as_encoded_bytes();
        !found.starts_with(b".") && glob::matches(name, found)
    };
    let named = names.into_iter().filter(is_named);
    let mut files: Vec<PathBuf> = named.map(|name| folder.join(name)).collect();
    files.sort();
    files
}

/// The command line as lines of a file. `--name` begins a line unless it stands where the value of
/// a `--name` is expected, except behind `--save`, whose value may be missing and is then empty.
fn lines_of(options: &[String]) -> String {
    let mut lines = String::new();
    let mut value_expected = false;
    for (n, option) in options.iter().enumerate() {
        let name = option.strip_prefix("--").filter(|_| !value_expected);
        let Some(name) = name else {
            lines.push_str(&quoted(option));
            lines.push(' ');
            value_expected = false;
            continue;
        };
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(name);
        lines.push(' ');
        // `--port 6380` may also come as one argument.
        value_expected = split_words(name).is_some_and(|words| words.len() == 1);
        let next_is_name = options.get(n + 1).is_none_or(|next| next.starts_with("--"));
        if name.eq_ignore_ascii_case("save") && next_is_name {
            lines.push_str("\"\"");
            value_expected = false;
        }
    }
    lines
}

/// A text in double quotes, so that [`split_words`] gives it back.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Splits a line into words as Redis' `sdssplitargs`: `"..."` with escapes `\n \r \t \a \b \" \\
/// \xHH`, `'...'` with the escape `\'`. None if quotes are not closed, or closed in the middle of a
/// word, or if it is not UTF-8 text.
pub(super) fn split_words(line: &str) -> Option<Vec<String>> {
    let mut rest = line.as_bytes();
    let mut words = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            match rest {
                [] => break,
                [blank, ..] if blank.is_ascii_whitespace() => break,
                [b'"', inner @ ..] => {
                    rest = double_quoted(inner, &mut word)?;
                    break;
                }
                [b'\'', inner @ ..] => {
                    rest = single_quoted(inner, &mut word)?;
                    break;
                }
                [byte, after @ ..] => {
                    word.push(*byte);
                    rest = after;
                }
            }
        }
        words.push(String::from_utf8(word).ok()?);
    }
}

/// Reads up to the closing quote, and gives what follows it: a blank or nothing.
fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte: u8| (byte as char).to_digit(16);
                word.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = after;
            }
            [b'"', after @ ..] => return closed(after),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [b'\'', after @ ..] => return closed(after),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn closed(after: &[u8]) -> Option<&[u8]> {
    after.first().is_none_or(u8::is_ascii_whitespace).then_some(after)
}
