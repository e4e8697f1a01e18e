//! Glob patterns exactly as Redis matches them (KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET, ACL).
//!
//! `*` any bytes, `?` one byte, `[abc]` `[a-z]` `[^a]` one byte of a class, `\x` the byte x.
//! The corners follow Redis' `stringmatchlen`, since patterns stored in clients rely on them:
//!
//! - An empty string is matched by the empty pattern only, not by `*`.
//! - A class that is not closed ends where the pattern ends; `[]` matches nothing, `[^]` any byte.
//! - A range's ends may stand in either order, and are compared as *signed* bytes.
//! - Ignoring case, the ends of a range are put in order before they are folded, and an escaped
//!   byte inside a class is not folded.
//! - A backslash at the pattern's end stands for itself.
//!
//! The matcher is a loop that remembers one place to go back to, the last `*`: an earlier star
//! never needs a second try, since whatever it could give up the later star can take. So the time
//! is at most pattern length × string length, also for `a*a*a*a*b`.

/// Whether ASCII letters of either case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Bytes match only themselves.
    Sensitive,
    /// `A` and `a` match each other (CONFIG GET, command names).
    Ignore,
}

/// Does `pattern` match the whole of `string`, bytes compared as they are?
pub fn matches(pattern: &[u8], string: &[u8]) -> bool {
    matches_case(pattern, string, Case::Sensitive)
}

/// Does `pattern` match the whole of `string`?
pub fn matches_case(pattern: &[u8], string: &[u8], case: Case) -> bool {
    if string.is_empty() {
        return pattern.is_empty();
    }
    let (mut p, mut s) = (0, 0);
    // Pattern position after the last star, and the string position it was last tried at.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = string.get(s) {
        if pattern.get(p) == Some(&b'*') {
            while pattern.get(p) == Some(&b'*') {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            retry = Some((p, s));
            continue;
        }
        if let Some(next) = match_one(pattern, p, byte, case) {
            p = next;
            s += 1;
        } else {
            let Some((after_star, tried)) = retry else { return false };
            p = after_star;
            s = tried + 1;
            retry = Some((p, s));
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|&byte| byte == b'*'))
}

/// Is `pattern` free of special bytes, so that it matches only itself?
pub fn is_literal(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

/// Matches `byte` against the element of the pattern at `p`, which is not a star. Gives the
/// position after that element, or nothing when it does not match or the pattern has ended.
fn match_one(pattern: &[u8], p: usize, byte: u8, case: Case) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => match_class(pattern, p + 1, byte, case),
        b'\\' if p + 1 < pattern.len() => equal(*pattern.get(p + 1)?, byte, case).then_some(p + 2),
        literal => equal(literal, byte, case).then_some(p + 1),
    }
}

/// Matches `byte` against the class whose first byte after `[` is at `p`.
fn match_class(pattern: &[u8], mut p: usize, byte: u8, case: Case) -> Option<usize> {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let mut found = false;
    let after = loop {
        match pattern.get(p..).unwrap_or_default() {
            [] => break pattern.len(),
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                p += 2;
            }
            [b']', ..] => break p + 1,
            [from, b'-', to, ..] => {
                found |= in_range(*from, *to, byte, case);
                p += 3;
            }
            [single, ..] => {
                found |= equal(*single, byte, case);
                p += 1;
            }
        }
    };
    (found != negated).then_some(after)
}

fn in_range(from: u8, to: u8, byte: u8, case: Case) -> bool {
    let (from, to) = (from.cast_signed(), to.cast_signed());
    let (low, high) = (from.min(to), from.max(to));
    let byte = byte.cast_signed();
    match case {
        Case::Sensitive => (low..=high).contains(&byte),
        Case::Ignore => (fold(low)..=fold(high)).contains(&fold(byte)),
    }
}

fn fold(byte: i8) -> i8 {
    byte.cast_unsigned().to_ascii_lowercase().cast_signed()
}

fn equal(a: u8, b: u8, case: Case) -> bool {
    match case {
        Case::Sensitive => a == b,
        Case::Ignore => a.eq_ignore_ascii_case(&b),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The specification: every star tries every length.
    fn naive(pattern: &[u8], string: &[u8], case: Case) -> bool {
        fn go(pattern: &[u8], string: &[u8], case: Case) -> bool {
            match (pattern, string) {
                ([], []) => true,
                ([b'*', rest @ ..], _) => {
                    (0..=string.len()).any(|skip| go(rest, &string[skip..], case))
                }
                (_, []) | ([], _) => false,
                (_, [byte, tail @ ..]) => match_one(pattern, 0, *byte, case)
                    .is_some_and(|next| go(&pattern[next..], tail, case)),
            }
        }
        if string.is_empty() { pattern.is_empty() } else { go(pattern, string, case) }
    }

    /// Each line was tried on redis-server 7.0.15: `SET string 1`, `KEYS pattern`.
    const TRIED: &[(&[u8], &[u8], bool)] = &[
        (b"h?llo", b"hello", true),
        (b"h*llo", b"hllo", true),
        (b"h[ae]llo", b"hallo", true),
        (b"h[ae]llo", b"hillo", false),
        (b"h[^e]llo", b"hbllo", true),
        (b"h[^e]llo", b"hello", false),
        (b"h[a-b]llo", b"hbllo", true),
        (b"h[b-a]llo", b"hallo", true),
        (b"h\\?llo", b"h?llo", true),
        (b"h\\?llo", b"hello", false),
        (b"[", b"[", false),
        (b"[", b"a", false),
        (b"[a", b"a", true),
        (b"[a", b"[a", false),
        (b"[^", b"x", true),
        (b"[^a", b"a", false),
        (b"[]", b"]", false),
        (b"[]", b"a", false),
        (b"[^]", b"a", true),
        (b"[^]a", b"xa", true),
        (b"\\", b"\\", true),
        (b"a\\", b"a\\", true),
        (b"[\\", b"\\", true),
        (b"[\\]]", b"]", true),
        (b"[a-]", b"a", true),
        (b"[a-]", b"-", false),
        (b"[a-]", b"]", true),
        (b"[a-", b"-", true),
        (b"[--a]", b"0", true),
        (b"[\xff-\x01]", b"\x00", true),
        (b"[\x80-\x7f]", b"a", true),
        (b"a**b", b"ab", true),
        (b"*a*", b"a", true),
        (b"**", b"", false),
        (b"?*", b"", false),
    ];

    #[test]
    fn as_redis_answers() {
        for &(pattern, string, expected) in TRIED {
            assert_eq!(
                matches(pattern, string),
                expected,
                "{} ~ {}",
                pattern.escape_ascii(),
                string.escape_ascii()
            );
        }
    }

    #[test]
    fn ignoring_case() {
        assert!(matches_case(b"MAX*", b"maxmemory", Case::Ignore));
        assert!(matches_case(b"[A-C]X", b"bx", Case::Ignore));
        assert!(!matches_case(b"[Z-a]", b"z", Case::Ignore), "z..a after folding is empty");
        assert!(!matches_case(b"[\\A]", b"a", Case::Ignore), "escapes in classes are not folded");
        assert!(!matches(b"MAX*", b"maxmemory"));
    }

    #[test]
    fn a_pattern_bomb_is_quick() {
        let pattern = b"a*".repeat(2000);
        let pattern = [&pattern[..], b"b"].concat();
        let string = b"a".repeat(5000);
        assert!(!matches(&pattern, &string));
        assert!(matches(&pattern[..pattern.len() - 1], &string));
    }

    #[test]
    fn literals() {
        assert!(is_literal(b"user:1") && is_literal(b"]^-"));
        assert!(
            !is_literal(b"a*") && !is_literal(b"\\a") && !is_literal(b"[") && !is_literal(b"?")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn equals_the_naive_matcher(
            pattern in "[ab*?\\[\\]^\\\\A-]{0,10}",
            string in "[abAB\\]^-]{0,8}",
            ignore in any::<bool>(),
        ) {
            let case = if ignore { Case::Ignore } else { Case::Sensitive };
            let (pattern, string) = (pattern.as_bytes(), string.as_bytes());
            prop_assert_eq!(matches_case(pattern, string, case), naive(pattern, string, case));
        }
    }
}
