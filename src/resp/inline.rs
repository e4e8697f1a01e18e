//! The arguments of an inline request (`SET key "a value"`), split as Valkey's `sdssplitargs` does.

use super::request::Arg;

/// Splits a line into arguments, appended to `args` as ranges in the buffer of which `line` is the
/// beginning.
///
/// Quotes and escapes are taken out in place: an argument is never longer than what it was written
/// as, so its bytes are written over its own source and every argument stays a range of the one
/// buffer.
///
/// - Blanks separate; a quoted part may stand anywhere in an argument (`a"b c"d` is one).
/// - In double quotes: `\xHH`, `\n`, `\r`, `\t`, `\b`, `\a`; any other escaped byte is itself.
/// - In single quotes: only `\'`.
/// - What is escaped is never a line's last byte: in `'\'`, if the line ends there, the backslash
///   is one and the quote closes. (So in Valkey; Redis 7.0 says it is open, and allows no quote
///   inside an argument.)
///
/// Returns false if a quote is not closed. A line is at most 64 KiB (`Limits::inline_max`) by
/// default.
pub(super) fn split(line: &mut [u8], args: &mut Vec<Arg>) -> bool {
    let mut read = 0;
    loop {
        while line.get(read).is_some_and(|&byte| is_blank(byte)) {
            read += 1;
        }
        if read >= line.len() {
            return true;
        }
        let start = read;
        let Some((next, end)) = argument(line, start) else {
            return false;
        };
        // The caller has bounded the line below 4 GiB, so both conversions hold.
        let (Ok(at), Ok(len)) = (u32::try_from(start), u32::try_from(end - start)) else {
            return false;
        };
        args.push(Arg { start: at, len });
        read = next;
    }
}

/// Reads the argument that begins at `start` and writes its bytes from there on.
///
/// Returns where reading goes on and where the argument's bytes end; `None` for a quote left open.
fn argument(line: &mut [u8], start: usize) -> Option<(usize, usize)> {
    let (mut read, mut write) = (start, start);
    let mut quote = None;
    loop {
        let Some(&byte) = line.get(read) else {
            return quote.is_none().then_some((read, write));
        };
        read += 1;
        let kept = match (quote, byte) {
            (None, b' ' | b'\n' | b'\r' | b'\t') => return Some((read, write)),
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                continue;
            }
            (Some(open), close) if open == close => {
                quote = None;
                continue;
            }
            (Some(b'"'), b'\\') if line.len() > read + 1 => {
                let (value, used) = escape(line.get(read..).unwrap_or_default());
                read += used;
                value
            }
            (Some(b'\''), b'\\') if line.len() > read + 1 && line.get(read) == Some(&b'\'') => {
                read += 1;
                b'\''
            }
            _ => byte,
        };
        if let Some(place) = line.get_mut(write) {
            *place = kept;
        }
        write += 1;
    }
}

/// What stands behind a backslash in double quotes: the byte meant, and how many bytes say it.
fn escape(rest: &[u8]) -> (u8, usize) {
    match *rest {
        [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            (nibble(high) << 4 | nibble(low), 3)
        }
        [b'n', ..] => (b'\n', 1),
        [b'r', ..] => (b'\r', 1),
        [b't', ..] => (b'\t', 1),
        [b'b', ..] => (0x08, 1),
        [b'a', ..] => (0x07, 1),
        [other, ..] => (other, 1),
        // Not reached: the caller has seen what stands behind.
        [] => (b'\\', 0),
    }
}

/// The value of a hexadecimal digit.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

/// C's `isspace`, which is what separates arguments.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &[u8], expected: Option<&[&[u8]]>) {
        let mut buffer = line.to_vec();
        let mut args = Vec::new();
        let closed = split(&mut buffer, &mut args);
        let found: Vec<&[u8]> = args.iter().map(|arg| arg.of(&buffer)).collect();
        let shown = String::from_utf8_lossy(line);
        assert_eq!(closed, expected.is_some(), "{shown}");
        if let Some(expected) = expected {
            assert_eq!(found, expected, "{shown}");
        }
    }

    /// Each row was asked of Valkey 9.1.2 as an ECHO.
    #[test]
    fn as_valkey_splits() {
        check(b"", Some(&[]));
        check(b" \t ", Some(&[]));
        check(b"a b", Some(&[b"a", b"b"]));
        check(br#""a\x41\n\r\t\b\a\q\"""#, Some(&[b"aA\n\r\t\x08\x07q\""]));
        check(br"'a\'b\n'", Some(&[br"a'b\n"]));
        check(br"'a\\'", Some(&[br"a\\"]));
        check(br"'a\\'b'", Some(&[br"a\'b"]));
        check(br"'\' '\''", Some(&[br"' \"]));
        check(br"'\''", Some(&[b"'"]));
        check(br"'\'", Some(&[br"\"]));
        check(br#""\""#, Some(&[br"\"]));
        check(br#"a"b c""#, Some(&[b"ab c"]));
        check(br#""a"b"#, Some(&[b"ab"]));
        check(br#""a""b"'c'd"#, Some(&[b"abcd"]));
        check(br#""" ''"#, Some(&[b"", b""]));
        check(br#""\x4""#, Some(&[b"x4"]));
        check(br#""\xAg""#, Some(&[b"xAg"]));
        check(br#""\x41\X41""#, Some(&[b"AX41"]));
        check(br"a\x41 b\", Some(&[br"a\x41", br"b\"]));
        check(b"a\rb", Some(&[b"a", b"b"]));
        check(b"a\x0bb", Some(&[b"a\x0bb"]));
        check(b"\"a\"\x0bb", Some(&[b"a\x0bb"]));
        check(b"\x0bECHO\x0c a", Some(&[b"ECHO\x0c", b"a"]));
        check(b"\x85 \xff", Some(&[b"\x85", b"\xff"]));
        check(br#""a"#, None);
        check(br"'a", None);
        check(br#""\"#, None);
        check(br"'\' ", None);
        check(br"'a'\'", None);
        check(br#""a"b"c"#, None);
    }
}
