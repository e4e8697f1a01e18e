//! Style that a machine can check is checked here; each exception stands in a list with its reason.
//!
//! Layers point down, files begin with a head, files and functions are of a size one can read,
//! `unsafe` stays where it is allowed, and words of unfinished work do not get in.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A folder may use those before its own entry, and those beside it.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["resp"],
    &["paged"],
    &["types"],
    &["keyspace"],
    &["rdb", "log"],
    &["acl", "pubsub", "repl", "script", "cluster"],
    &["session", "admin"],
    &["command"],
    &["engine"],
    &["server"],
    &["cli"],
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Files that may be longer, and why.
const LONG_FILES: &[(&str, &str)] = &[(
    "src/paged/tests.rs",
    "one model with its steps and checks; the properties beside it share it",
)];

/// Functions that may be longer, and why.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Folders and files with `unsafe`, each with its argument in its head.
const UNSAFE: &[&str] = &["src/paged/", "src/base/disk/map.rs"];

/// Where files are opened, and what opens, lists, makes, renames or removes them elsewhere.
const FILES: &str = "src/base/disk/";
const OPENS_FILES: &[&str] = &[
    "OpenOptions",
    "File::open",
    "File::create",
    "fs::read",
    "fs::write",
    "fs::copy",
    "fs::create_dir",
    "fs::remove",
    "fs::rename",
    "fs::hard_link",
    "fs::metadata",
    ".read_dir()",
];

/// Words that say a thing is not finished.
const BANNED: &[&str] = &["todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME", "XXX"];

struct Source {
    name: String,
    text: String,
}

impl Source {
    /// The part before `#[cfg(test)]`: rules for the product end there.
    fn product(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }

    fn is_test(&self) -> bool {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        self.name.starts_with("tests/")
            || self.name.contains("/tests/")
            || file.contains("tests")
            || self.name == "src/engine/check.rs"
            || file.starts_with("fuzzing")
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        gather(&root().join(folder), &mut found);
    }
    assert!(found.len() > 20, "the sources are not where they should be");
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn gather(folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push(Source { name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
}

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

fn tier(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&folder))
}

#[test]
fn layers_point_down() {
    let mut wrong = Vec::new();
    for source in sources(&["src"]) {
        let Some(own) = source.name.strip_prefix("src/").and_then(|name| name.split('/').next())
        else {
            continue;
        };
        let Some(own_tier) = tier(own) else { continue };
        for (n, line) in source.product().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for used in code.split("crate::").skip(1) {
                let folder: String =
                    used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if tier(&folder).is_some_and(|tier| tier > own_tier) && !source.is_test() {
                    wrong.push(format!("{}:{}: {own} uses {folder}", source.name, n + 1));
                }
            }
        }
    }
    assert_none("a layer uses one above it", &wrong);
}

#[test]
fn every_folder_is_a_layer() {
    let known: BTreeSet<&str> = LAYERS.iter().copied().flatten().copied().collect();
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!path.is_dir() || name == "bin" || known.contains(name.as_str()), "{name}");
    }
}

#[test]
fn every_file_has_a_head() {
    let headless = |source: &Source| {
        let first = source.text.lines().next().unwrap_or_default();
        (!first.starts_with("//! ") || first.len() < 12).then(|| source.name.clone())
    };
    let found: Vec<String> =
        sources(&["src", "tests", "benches"]).iter().filter_map(headless).collect();
    assert_none("no head that says what the file is", &found);
}

#[test]
fn files_are_one_subject() {
    let mut long = Vec::new();
    for source in sources(&["src"]) {
        let lines = source.text.lines().count();
        let excused = LONG_FILES.iter().any(|(name, _)| *name == source.name);
        if lines > FILE_LINES_MAX && !excused {
            long.push(format!("{}: {lines} lines", source.name));
        }
        if lines <= FILE_LINES_MAX && excused {
            long.push(format!("{}: no longer needs its exception", source.name));
        }
    }
    assert_none(&format!("files over {FILE_LINES_MAX} lines"), &long);
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for source in sources(&["src"]) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (n, line) in lines.iter().enumerate() {
            let Some(name) = function_name(line) else { continue };
            // A declaration in a trait has no body.
            let opened = lines[n..].iter().find(|line| line.contains('{') || line.ends_with(';'));
            if opened.is_none_or(|line| line.ends_with(';')) {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            let Some(length) = lines[n..].iter().position(|line| **line == end) else { continue };
            let excused = LONG_FUNCTIONS.iter().any(|(f, g, _)| *f == source.name && *g == name);
            if length + 1 > FUNCTION_LINES_MAX && !excused {
                long.push(format!("{}:{}: {name} has {} lines", source.name, n + 1, length + 1));
            }
        }
    }
    assert_none(&format!("functions over {FUNCTION_LINES_MAX} lines"), &long);
}

fn function_name(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = code.strip_prefix("pub ").unwrap_or(code);
    let code = match code.strip_prefix("pub(") {
        Some(rest) => rest.split_once(") ")?.1,
        None => code,
    };
    let code = ["const ", "async ", "unsafe "]
        .iter()
        .fold(code, |code, word| code.strip_prefix(word).unwrap_or(code));
    let name = code.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

#[test]
fn lines_fit_the_page() {
    let mut wide = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        let mut picture = false;
        for (n, line) in source.text.lines().enumerate() {
            // A text that goes over the wire is not broken for the page's sake; nor is a table or
            // a picture in a head, an example's reply, or what rustfmt left.
            picture ^= line.trim_start().starts_with("//! ```");
            let words = line.trim_start();
            let excused = picture
                || line.contains('"')
                || words.starts_with("//! |")
                || words.starts_with("(error)")
                || words.starts_with("fn ");
            if line.chars().count() > COLUMNS_MAX && !excused && !line.ends_with('\\') {
                wide.push(format!("{}:{}", source.name, n + 1));
            }
        }
    }
    assert_none(&format!("lines over {COLUMNS_MAX} columns"), &wide);
}

#[test]
fn unsafe_stays_where_it_is_allowed() {
    let mut found = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        let allowed = UNSAFE.iter().any(|place| source.name.starts_with(place));
        for (n, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let used =
                ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|word| code.contains(word));
            if used && !allowed && !source.name.ends_with("tidy.rs") {
                found.push(format!("{}:{}", source.name, n + 1));
            }
        }
    }
    assert_none("unsafe outside its places", &found);
}

#[test]
fn only_base_disk_opens_files() {
    let mut found = Vec::new();
    for source in sources(&["src"]) {
        if source.name.starts_with(FILES) || source.is_test() {
            continue;
        }
        for (n, line) in source.product().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = OPENS_FILES.iter().find(|word| code.contains(**word)) {
                found.push(format!("{}:{}: {word}", source.name, n + 1));
            }
        }
    }
    assert_none("files are for base::disk", &found);
}

#[test]
fn no_unfinished_work() {
    let mut found = Vec::new();
    for source in sources(&["src", "benches"]) {
        for (n, line) in source.text.lines().enumerate() {
            if let Some(word) = BANNED.iter().find(|word| line.contains(**word)) {
                found.push(format!("{}:{}: {word}", source.name, n + 1));
            }
        }
    }
    assert_none("words of unfinished work", &found);
}

#[test]
fn exceptions_have_reasons() {
    assert!(LONG_FILES.iter().all(|(_, reason)| reason.len() > 10));
    assert!(LONG_FUNCTIONS.iter().all(|(_, _, reason)| reason.len() > 10));
}
