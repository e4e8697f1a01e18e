//! JSON read piece by piece: the caller asks for what it expects next. Nothing is held but the
//! string under way, so a document of any size can be read.

use crate::rdb::{Corrupt, LoadError};
use std::io::BufRead;

/// A text that is read from its beginning to its end.
pub struct Pull<R> {
    input: R,
    offset: u64,
}

type Result<T> = std::result::Result<T, LoadError>;

impl<R: BufRead> Pull<R> {
    /// At the beginning.
    pub fn new(input: R) -> Pull<R> {
        Pull { input, offset: 0 }
    }

    /// Bytes that have been read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The error that something else stands here.
    pub fn unexpected<T>(&mut self, expected: &str) -> Result<T> {
        let found = match self.peek()? {
            None => "the end".to_owned(),
            Some(byte) => format!("\"{}\"", byte.escape_ascii()),
        };
        self.wrong(expected, found)
    }

    /// An error at the place that has been reached.
    pub fn wrong<T>(&self, expected: &str, found: impl Into<String>) -> Result<T> {
        let expected = expected.to_owned();
        Err(Corrupt { offset: self.offset, expected, found: found.into() }.into())
    }

    fn raw_byte(&mut self) -> Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    fn consume(&mut self, count: usize) {
        self.input.consume(count);
        self.offset += count as u64;
    }

    /// The next byte that is no white space.
    pub fn peek(&mut self) -> Result<Option<u8>> {
        while let Some(byte) = self.raw_byte()? {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(Some(byte));
            }
            self.consume(1);
        }
        Ok(None)
    }

    /// Takes this byte if it is the next.
    pub fn take(&mut self, byte: u8) -> Result<bool> {
        let found = self.peek()? == Some(byte);
        if found {
            self.consume(1);
        }
        Ok(found)
    }

    /// Takes this byte.
    pub fn expect(&mut self, byte: u8) -> Result<()> {
        if self.take(byte)? {
            return Ok(());
        }
        self.unexpected(&format!("\"{}\"", byte.escape_ascii()))
    }

    /// Reads an array: calls `each` at every element, which it must read.
    pub fn array(&mut self, mut each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(b'[')?;
        if self.take(b']')? {
            return Ok(());
        }
        loop {
            each(self)?;
            if self.take(b']')? {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Reads an object: calls `each` with every name, behind which it must read the value.
    pub fn object(&mut self, mut each: impl FnMut(&mut Self, &[u8]) -> Result<()>) -> Result<()> {
        self.expect(b'{')?;
        if self.take(b'}')? {
            return Ok(());
        }
        let mut name = Vec::new();
        loop {
            self.string(&mut name)?;
            self.expect(b':')?;
            each(self, &name)?;
            if self.take(b'}')? {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Reads a string into `out`, in place of what is there.
    pub fn string(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.expect(b'"')?;
        out.clear();
        loop {
            let here = self.input.fill_buf()?;
            let plain = memchr::memchr2(b'"', b'\\', here).unwrap_or(here.len());
            let (text, ended) = (&here[..plain], here.is_empty());
            let bad = text.iter().position(|byte| *byte < b' ');
            out.extend_from_slice(text);
            let stop = here.get(plain).copied();
            self.consume(bad.unwrap_or(plain));
            match stop {
                _ if bad.is_some() => return self.unexpected("a string's next character"),
                _ if ended => return self.unexpected("the end of a string"),
                None => {}
                Some(b'"') => {
                    self.consume(1);
                    break;
                }
                Some(_) => {
                    self.consume(1);
                    self.escaped(out)?;
                }
            }
        }
        if std::str::from_utf8(out).is_err() {
            return self.wrong("a string in UTF-8", "other bytes");
        }
        Ok(())
    }

    /// Reads what stands behind a backslash.
    fn escaped(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(byte) = self.raw_byte()? else { return self.unexpected("an escape") };
        self.consume(1);
        out.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = self.hex4()?;
                if (0xD800..0xDC00).contains(&code) {
                    if !(self.raw_take(b'\\')? && self.raw_take(b'u')?) {
                        return self.wrong("the second half of a surrogate pair", "another");
                    }
                    let low = self.hex4()?;
                    if !(0xDC00..0xE000).contains(&low) {
                        return self.wrong("the second half of a surrogate pair", "another");
                    }
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                }
                let Some(character) = char::from_u32(code) else {
                    return self.wrong("a character", format!("\\u{code:04x}"));
                };
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return self.wrong("an escape", format!("\"\\{}\"", byte.escape_ascii())),
        });
        Ok(())
    }

    fn raw_take(&mut self, byte: u8) -> Result<bool> {
        let found = self.raw_byte()? == Some(byte);
        if found {
            self.consume(1);
        }
        Ok(found)
    }

    fn hex4(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.raw_byte()?.and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return self.unexpected("four hexadecimal digits") };
            self.consume(1);
            code = code << 4 | digit;
        }
        Ok(code)
    }

    /// Reads a number's text into `out`, in place of what is there.
    pub fn number(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        self.peek()?;
        while let Some(byte @ (b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) = self.raw_byte()? {
            out.push(byte);
            self.consume(1);
        }
        if out.is_empty() { self.unexpected("a number") } else { Ok(()) }
    }

    /// Steps over a value.
    pub fn skip(&mut self) -> Result<()> {
        let mut text = Vec::new();
        let mut depth = 0_u64;
        loop {
            match self.peek()? {
                Some(b'[' | b'{') => {
                    self.consume(1);
                    depth += 1;
                }
                Some(b']' | b'}') if depth > 0 => {
                    self.consume(1);
                    depth -= 1;
                }
                Some(b',' | b':') if depth > 0 => self.consume(1),
                Some(b'"') => self.string(&mut text)?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => self.number(&mut text)?,
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Takes this word.
    pub fn word(&mut self, word: &[u8]) -> Result<()> {
        self.peek()?;
        for byte in word {
            if !self.raw_take(*byte)? {
                return self.unexpected(&String::from_utf8_lossy(word));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn pull(text: &[u8]) -> Pull<BufReader<&[u8]>> {
        // A small buffer, so that everything is cut somewhere.
        Pull::new(BufReader::with_capacity(3, text))
    }

    #[test]
    fn values_one_by_one() {
        let mut json =
            pull(br#" {"a": ["x\n\u00fc\ud83d\ude00", -1.5e3], "b": {"c":[1,{}]}, "d":1}"#);
        let mut seen = Vec::new();
        json.object(|json, name| match name {
            b"a" => {
                let mut text = Vec::new();
                json.array(|json| {
                    match json.peek()? {
                        Some(b'"') => json.string(&mut text)?,
                        _ => json.number(&mut text)?,
                    }
                    seen.push(String::from_utf8_lossy(&text).into_owned());
                    Ok(())
                })
            }
            _ => json.skip(),
        })
        .unwrap();
        assert_eq!(seen, ["x\nü😀", "-1.5e3"]);
        assert_eq!(json.peek().unwrap(), None);
    }

    #[test]
    fn what_is_no_string() {
        for wrong in [
            &b"\"abc"[..],
            b"abc",
            b"\"\\x\"",
            b"\"\\ud800\"",
            b"\"\\ud800\\u0041\"",
            b"\"\xff\"",
            b"\"\n\"",
            b"\"\\u12",
            b"\"\\udc00\"",
            b"",
        ] {
            assert!(pull(wrong).string(&mut Vec::new()).is_err(), "{}", wrong.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn strings_as_serde_json_has_them(text: String) {
            let json = serde_json::to_vec(&text).unwrap();
            let mut out = Vec::new();
            pull(&json).string(&mut out).unwrap();
            prop_assert_eq!(out, text.as_bytes());
        }

        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            // Whether it is a value or not: it ends.
            let _outcome = pull(&bytes).skip();
        }
    }
}
