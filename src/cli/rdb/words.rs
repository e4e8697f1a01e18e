//! Bytes as text: in JSON, in CSV, on a line for redis-cli.

use crate::types::packed::Element;

/// Appends bytes as JSON: a string if they are UTF-8, else `{"base64":"..."}`.
pub fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => json_text(out, text),
        Err(_) => {
            out.extend_from_slice(b"{\"base64\":\"");
            base64(out, bytes);
            out.extend_from_slice(b"\"}");
        }
    }
}

/// Appends a JSON string.
pub fn json_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..b' ' | 0x7f => {
                out.extend_from_slice(b"\\u00");
                hex(out, byte);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// As [`json()`]: an integer is a string too, since it is one for the server.
#[inline]
pub fn json_element(out: &mut Vec<u8>, element: Element<'_>) {
    match element {
        Element::Int(_) => {
            out.push(b'"');
            element.append_to(out);
            out.push(b'"');
        }
        Element::Bytes(bytes) => json(out, bytes),
    }
}

fn hex(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(DIGITS[usize::from(byte >> 4)]);
    out.push(DIGITS[usize::from(byte & 15)]);
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends bytes in base64 (RFC 4648), with padding.
pub fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for digit in 0..4 {
            let six = (bits >> (18 - 6 * digit)) & 63;
            out.push(if digit <= chunk.len() { BASE64[six as usize] } else { b'=' });
        }
    }
}

/// Appends what base64 stands for; none if it is none.
pub fn from_base64(out: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let groups = text.len() / 4;
    for (index, group) in text.chunks(4).enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || padding > 0 && index + 1 < groups {
            return None;
        }
        let mut bits = 0;
        for byte in group.iter().take(4 - padding) {
            let six = BASE64.iter().position(|digit| digit == byte)?;
            bits = bits << 6 | six as u32;
        }
        bits <<= 6 * padding;
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(..3 - padding)?);
    }
    Some(())
}

/// Appends a field of a CSV line, quoted if it must be (RFC 4180). Bytes are written as they are.
pub fn csv(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return out.extend_from_slice(bytes);
    }
    out.push(b'"');
    for byte in bytes {
        out.push(*byte);
        if *byte == b'"' {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// Appends a word of a line for redis-cli, quoted if it must be.
pub fn cli(out: &mut Vec<u8>, bytes: &[u8]) {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return out.extend_from_slice(bytes);
    }
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b' '..=b'~' => out.push(*byte),
            _ => {
                out.extend_from_slice(b"\\x");
                hex(out, *byte);
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: fn(&mut Vec<u8>, &[u8]), bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write(&mut out, bytes);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn quoting() {
        for (bytes, in_json, in_csv, in_cli) in [
            (&b"plain"[..], r#""plain""#, "plain", "plain"),
            (b"", r#""""#, "", r#""""#),
            (b"two words", r#""two words""#, "two words", r#""two words""#),
            (b"a\"b\\c", r#""a\"b\\c""#, "\"a\"\"b\\c\"", r#""a\"b\\c""#),
            (b"it's", r#""it's""#, "it's", r#""it's""#),
            (b"a,b", r#""a,b""#, "\"a,b\"", "a,b"),
            (b"\r\n\t\x01", r#""\r\n\t\u0001""#, "\"\r\n\t\x01\"", r#""\r\n\t\x01""#),
            ("ü".as_bytes(), "\"ü\"", "ü", r#""\xc3\xbc""#),
            (b"\xff\x00", r#"{"base64":"/wA="}"#, "\u{fffd}\0", r#""\xff\x00""#),
        ] {
            assert_eq!(written(json, bytes), in_json);
            assert_eq!(written(csv, bytes), in_csv);
            assert_eq!(written(cli, bytes), in_cli);
        }
    }

    #[test]
    fn base64_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(written(base64, bytes.as_bytes()), text);
        }
        for wrong in ["Zg", "Z===", "====", "Zg==Zm9v", "Zm 9", "Zm9v\n"] {
            assert_eq!(from_base64(&mut Vec::new(), wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn base64_comes_back(bytes: Vec<u8>) {
            let (mut text, mut back) = (Vec::new(), Vec::new());
            base64(&mut text, &bytes);
            prop_assert_eq!(from_base64(&mut back, &text), Some(()));
            prop_assert_eq!(back, bytes);
        }

        #[test]
        fn json_is_json(text: String) {
            let mut out = Vec::new();
            json(&mut out, text.as_bytes());
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
