//! Entry ids: a time in ms and a number within it, written `ms-seq`.

/// The id of an entry. Ids order first by `ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Unix time in ms, by convention.
    pub ms: u64,
    /// Tells entries of one ms apart.
    pub seq: u64,
}

impl StreamId {
    /// 0-0, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The greatest id.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// `ms-seq`.
    pub const fn new(ms: u64, seq: u64) -> Self {
        StreamId { ms, seq }
    }

    /// The next greater id; none after the greatest.
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The next smaller id; none before 0-0.
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// Reads `ms` or `ms-seq`; `missing_seq` stands for a sequence number that is not given. None
    /// if it is neither.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let mut halves = text.splitn(2, |byte| *byte == b'-');
        let ms = parse_u64(halves.next()?)?;
        let seq = match halves.next() {
            None => missing_seq,
            Some(text) => parse_u64(text)?,
        };
        Some(StreamId { ms, seq })
    }

    /// The longest text: two numbers of 20 digits and the dash.
    pub const TEXT_BYTES_MAX: usize = 41;

    /// Its text, written to `text`.
    pub fn write(self, text: &mut [u8; Self::TEXT_BYTES_MAX]) -> &[u8] {
        let mut end = 0;
        let mut put = |bytes: &[u8]| {
            text[end..end + bytes.len()].copy_from_slice(bytes);
            end += bytes.len();
        };
        let mut number = itoa::Buffer::new();
        put(number.format(self.ms).as_bytes());
        put(b"-");
        put(number.format(self.seq).as_bytes());
        &text[..end]
    }

    /// Big-endian, so that bytes order as ids do: the key of a node in an RDB file.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// The inverse of [`Self::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        StreamId { ms: (both >> 64) as u64, seq: both as u64 }
    }
}

/// Longest text that is read as an id: Redis copies it to a buffer of 128 bytes with its closing
/// zero byte.
const TEXT_MAX: usize = 127;

/// Reads one half of an id as Redis does, which falls back on C's `strtoull`: blanks and a sign in
/// front and leading zeros are taken, and a number behind `-` counts down from 2^64, unless it is
/// written as integers usually are.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let number = &text[text.iter().take_while(|byte| blank(byte)).count()..];
    let (negative, digits) = match number {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if !negative {
        return Some(value);
    }
    // A well-formed negative integer is refused before strtoull sees it.
    let well_formed =
        number.len() == text.len() && digits[0] != b'0' && value <= i64::MIN.unsigned_abs();
    (!well_formed).then_some(value.wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_valkey_reads_them() {
        for (text, id) in [
            ("1-2", Some((1, 2))),
            ("7", Some((7, 9))),
            ("+1", Some((1, 9))),
            ("007-01", Some((7, 1))),
            (" 1-\t2", Some((1, 2))),
            ("18446744073709551615-18446744073709551615", Some((u64::MAX, u64::MAX))),
            ("1-- 5", None),
            ("1--5", None),
            ("1- -5", Some((1, u64::MAX - 4))),
            ("1--05", Some((1, u64::MAX - 4))),
            ("1--9223372036854775809", Some((1, 9223372036854775807))),
            ("18446744073709551616", None),
            ("", None),
            ("-", None),
            ("+", None),
            ("-1", None),
            ("1-", None),
            ("1-2-3", None),
            ("1-2 ", None),
            ("x", None),
        ] {
            let found = StreamId::parse(text.as_bytes(), 9);
            assert_eq!(found, id.map(|(ms, seq)| StreamId { ms, seq }), "{text:?}");
        }
        assert_eq!(StreamId::parse(&[b'0'; 127], 0), Some(StreamId::MIN));
        assert_eq!(StreamId::parse(&[b'0'; 128], 0), None);
    }

    #[test]
    fn neighbours_carry() {
        let last = StreamId::new(5, u64::MAX);
        assert_eq!(last.next(), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::new(6, 0).previous(), Some(last));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
        assert_eq!(StreamId::from_bytes(last.to_bytes()), last);
        assert!(last.to_bytes() < StreamId::new(6, 0).to_bytes());
        for id in [last, StreamId::MIN, StreamId::MAX] {
            let mut text = [0; StreamId::TEXT_BYTES_MAX];
            assert_eq!(id.write(&mut text), format!("{}-{}", id.ms, id.seq).as_bytes());
        }
    }
}
