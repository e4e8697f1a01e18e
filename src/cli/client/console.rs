//! Commands line by line, from a terminal or a file.
//!
//! The line editor with history, hints and completion takes the place of [`run`]'s reading when the
//! input is a terminal; what a line means stays here.

use super::Failure;
use super::options::Times;
use super::runner::Runner;
use crate::resp::{Limits, Parsed, parse};
use std::io::{BufRead, Write};

/// What went wrong in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    /// A reply was an error, or a line was not understood.
    pub errors: bool,
    /// A connection could not be made, or broke.
    pub failures: bool,
}

/// Runs every line of the input; returns what went wrong. With `prompts`, a person types the lines.
///
/// What goes wrong with one line, a broken connection too, is told and the next goes on (and
/// connects again). Only when nothing can be read or shown, it ends.
pub(super) fn run<W: Write>(
    runner: &mut Runner<W>,
    mut input: impl BufRead,
    prompts: bool,
) -> Result<Trouble, Failure> {
    let mut trouble = Trouble::default();
    if prompts && let Err(failure) = runner.connected() {
        failure.report();
    }
    let mut line = Vec::new();
    loop {
        if prompts {
            let prompt = runner.prompt();
            runner.show(prompt.as_bytes())?;
        }
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(Failure::Input)? == 0 {
            if prompts {
                runner.show(b"\n")?;
            }
            return Ok(trouble);
        }
        let (words, times) = match meaning(&line) {
            Line::Empty => continue,
            Line::Exit => return Ok(trouble),
            Line::Invalid => {
                runner.show(b"Invalid argument(s)\n")?;
                trouble.errors = true;
                continue;
            }
            Line::Command(words, times) => (words, times),
        };
        match runner.run(&words, times) {
            Ok(succeeded) => trouble.errors |= !succeeded,
            Err(failure @ (Failure::Output(_) | Failure::Input(_))) => return Err(failure),
            Err(failure) => {
                failure.report();
                trouble.failures = true;
            }
        }
    }
}

/// What a line asks for.
#[derive(Debug, PartialEq)]
enum Line {
    Empty,
    /// `exit` or `quit`: the session ends.
    Exit,
    /// A quote is left open.
    Invalid,
    /// A command; with a number in front, so many times.
    Command(Vec<Vec<u8>>, Times),
}

/// Reads a line by the quoting rules of inline requests.
fn meaning(line: &[u8]) -> Line {
    // A blank in front, so that a line that begins with `*` is no multibulk request.
    let mut bytes = b" ".to_vec();
    bytes.extend_from_slice(line.trim_ascii_end());
    bytes.extend_from_slice(b"\r\n");
    let limits = Limits { inline_max: bytes.len(), ..Limits::trusted() };
    let mut arguments = Vec::new();
    let Parsed::Frame { .. } = parse(&mut bytes, &limits, &mut arguments) else {
        return Line::Invalid;
    };
    let mut words: Vec<Vec<u8>> =
        arguments.iter().map(|argument| argument.of(&bytes).to_vec()).collect();
    let Some(first) = words.first() else {
        return Line::Empty;
    };
    if words.len() == 1
        && (first.eq_ignore_ascii_case(b"quit") || first.eq_ignore_ascii_case(b"exit"))
    {
        return Line::Exit;
    }
    let count = std::str::from_utf8(first).ok().and_then(|text| text.parse().ok());
    match count {
        Some(count) if words.len() > 1 => {
            words.remove(0);
            Line::Command(words, Times { count: Some(count), ..Times::ONCE })
        }
        _ => Line::Command(words, Times::ONCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(count: u64, words: &[&[u8]]) -> Line {
        let words = words.iter().map(|word| word.to_vec()).collect();
        Line::Command(words, Times { count: Some(count), ..Times::ONCE })
    }

    #[test]
    fn lines() {
        assert_eq!(meaning(b"\n"), Line::Empty);
        assert_eq!(meaning(b" \t\r\n"), Line::Empty);
        assert_eq!(meaning(b"GET k"), command(1, &[b"GET", b"k"]));
        assert_eq!(
            meaning(b"SET k \"a b\\n\\xff\"\r\n"),
            command(1, &[b"SET", b"k", b"a b\n\xff"])
        );
        assert_eq!(meaning(b"SET k 'it\\'s'\n"), command(1, &[b"SET", b"k", b"it's"]));
        assert_eq!(meaning(b"SET k \"\"\n"), command(1, &[b"SET", b"k", b""]));
        assert_eq!(meaning(b"GET \"k\n"), Line::Invalid);
        assert_eq!(meaning(b"*1\n"), command(1, &[b"*1"]));
        assert_eq!(meaning(b"3 INCR n\n"), command(3, &[b"INCR", b"n"]));
        assert_eq!(meaning(b"3\n"), command(1, &[b"3"]));
        assert_eq!(meaning(b"exit\n"), Line::Exit);
        assert_eq!(meaning(b"QUIT\r\n"), Line::Exit);
        let long = vec![b'x'; 1 << 20];
        assert_eq!(meaning(&long), command(1, &[&long]));
    }
}
