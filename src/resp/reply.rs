//! What a command answers, before it is bytes.

use std::borrow::Cow;
use std::sync::Arc;

use super::encode;
use super::nested::Nested;
use super::number::length;
use super::out::SHARE_MIN;

/// A reply. RESP2 has fewer types; `encode` says what each becomes there.
///
/// `'a` is borrowed data, usually of the keyspace under the lock. Whoever builds nested replies
/// bounds their depth (a script's result has a limit of its own); encoding and dropping one
/// recurses.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply<'a> {
    /// `+OK`.
    Ok,
    /// A status known at compile time, without CR and LF: `+QUEUED`.
    Simple(&'static str),
    /// A status made at run time (a script's): CR and LF in it go out as blanks.
    Status(Cow<'a, [u8]>),
    /// An error with its code first, without the `-`: `ERR no such key`. CR and LF at its ends are
    /// cut, inside they go out as blanks.
    Error(Cow<'static, str>),
    /// An integer.
    Int(i64),
    /// No value: `$-1`, in RESP3 `_`.
    Null,
    /// No array: `*-1`, in RESP3 `_`.
    NullArray,
    /// A string, copied when encoded.
    Bulk(&'a [u8]),
    /// A string made for this reply. [`Reply::from_vec`] is the better constructor where it may be
    /// long.
    Owned(Vec<u8>),
    /// A large string, sent from where it lies.
    Shared(Arc<Vec<u8>>),
    /// An integer as a string: `$2\r\n10`.
    BulkInt(i64),
    /// A number; in RESP2 a string.
    Double(f64),
    /// A number with more digits than a double has, as text; in RESP2 a string.
    DoubleText(Vec<u8>),
    /// In RESP2 the integers 1 and 0.
    Bool(bool),
    /// An integer of any size in decimal; in RESP2 a string.
    BigNumber(Cow<'a, str>),
    /// A text with a three-letter format, `txt` or `mkd`; in RESP2 a plain string.
    Verbatim([u8; 3], Cow<'a, [u8]>),
    /// An array.
    Array(Vec<Reply<'a>>),
    /// Pairs in order; in RESP2 an array of keys and values.
    Map(Vec<(Reply<'a>, Reply<'a>)>),
    /// Pairs in order, as XREAD answers them: in RESP3 a map, in RESP2 an array of arrays of two.
    NestedMap(Vec<(Reply<'a>, Reply<'a>)>),
    /// Pairs in order, as HRANDFIELD and ZRANGE answer them: in RESP3 an array of arrays of two, in
    /// RESP2 one array of keys and values.
    Pairs(Vec<(Reply<'a>, Reply<'a>)>),
    /// Distinct values; in RESP2 an array.
    Set(Vec<Reply<'a>>),
    /// Not an answer to a request: a message or an invalidation; in RESP2 an array.
    Push(Vec<Reply<'a>>),
    /// Facts beside the reply they precede; in RESP2 only that reply.
    Attribute(Box<(Vec<(Reply<'a>, Reply<'a>)>, Reply<'a>)>),
    /// Many strings, already encoded: the cheap form of SMEMBERS, KEYS, LRANGE, HGETALL.
    Bulks(Bulks),
    /// Arrays of strings and arrays, already encoded: the cheap form of XRANGE and its like.
    Nested(Nested),
}

impl Reply<'_> {
    /// An empty array.
    pub const EMPTY: Reply<'static> = Reply::Array(Vec::new());

    /// A string made for this reply; a large one is not copied again.
    pub fn from_vec(bytes: Vec<u8>) -> Reply<'static> {
        if bytes.len() >= SHARE_MIN { Reply::Shared(Arc::new(bytes)) } else { Reply::Owned(bytes) }
    }

    /// An error known at compile time, such as `"ERR syntax error"`.
    pub const fn error(text: &'static str) -> Reply<'static> {
        Reply::Error(Cow::Borrowed(text))
    }

    /// Whether it is an error (EXEC and the statistics ask).
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }
}

/// As what a client gets a [`Bulks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulksKind {
    /// An array.
    Array,
    /// A set; in RESP2 an array.
    Set,
    /// A map, its keys and values in turn; in RESP2 an array of both.
    Map,
    /// Strings and doubles in turn, as [`Reply::Pairs`]; in RESP3 a copy is made.
    Scored,
    /// Strings by twos, as [`Reply::Pairs`]; in RESP3 a copy is made.
    Pairs,
}

/// A null among encoded strings, as it goes out in RESP2.
const NULL: &[u8] = b"$-1\r\n";

/// Many strings in one allocation, as they go out (`$3\r\nfoo\r\n` each): strings are encoded the
/// same in RESP2 and RESP3, only the header differs (and of [`BulksKind::Scored`] the doubles, and
/// nulls).
/// Long ones are sent without another copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Bulks {
    kind: BulksKind,
    count: usize,
    has_nulls: bool,
    encoded: Arc<Vec<u8>>,
}

impl Bulks {
    /// As what the client gets it.
    pub fn kind(&self) -> BulksKind {
        self.kind
    }

    /// How many strings; of a map, keys and values.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The strings as they go out.
    pub(super) fn encoded(&self) -> &Arc<Vec<u8>> {
        &self.encoded
    }

    /// Whether there are nulls among the strings: these RESP3 writes in another way.
    pub(super) fn has_nulls(&self) -> bool {
        self.has_nulls
    }

    /// The strings (none: a null), for a script that called the command.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut rest = self.encoded.as_slice();
        std::iter::from_fn(move || {
            if let Some(behind) = rest.strip_prefix(NULL) {
                rest = behind;
                return Some(None);
            }
            let (_, line) = rest.split_first()?;
            let (len, used) = length(line)?;
            let value = line.get(used..used + len)?;
            rest = line.get(used + len + 2..)?;
            Some(Some(value))
        })
    }
}

/// Collects a [`Bulks`].
#[derive(Debug)]
pub struct BulksBuilder {
    kind: BulksKind,
    count: usize,
    has_nulls: bool,
    encoded: Vec<u8>,
}

impl BulksBuilder {
    /// An empty one.
    pub fn new(kind: BulksKind) -> Self {
        BulksBuilder { kind, count: 0, has_nulls: false, encoded: Vec::new() }
    }

    /// Adds a string.
    pub fn push(&mut self, value: &[u8]) {
        encode::write_bulk(&mut self.encoded, value);
        self.count += 1;
    }

    /// Adds a null, to an array.
    pub fn push_null(&mut self) {
        debug_assert!(self.kind == BulksKind::Array, "the other kinds have strings only");
        self.encoded.extend_from_slice(NULL);
        self.has_nulls = true;
        self.count += 1;
    }

    /// Adds an integer as a string.
    pub fn push_int(&mut self, value: i64) {
        encode::write_bulk_int(&mut self.encoded, value);
        self.count += 1;
    }

    /// Adds a number as a string.
    pub fn push_double(&mut self, value: f64) {
        encode::write_bulk_double(&mut self.encoded, value);
        self.count += 1;
    }

    /// Strings added so far.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none so far.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes collected so far, for a caller that bounds reply memory.
    pub fn encoded_len(&self) -> usize {
        self.encoded.len()
    }

    /// The reply. Of a map, as many keys as values must have been added.
    pub fn finish(self) -> Reply<'static> {
        debug_assert!(
            !matches!(self.kind, BulksKind::Map | BulksKind::Scored | BulksKind::Pairs)
                || self.count.is_multiple_of(2),
            "a key without a value"
        );
        let BulksBuilder { kind, count, has_nulls, encoded } = self;
        Reply::Bulks(Bulks { kind, count, has_nulls, encoded: Arc::new(encoded) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `proto-max-bulk-len` may be raised above it. The memory is asked for and not touched.
    #[test]
    fn a_string_of_a_gigabyte_is_read_back() {
        const LEN: usize = 1_000_000_000;
        let (head, tail) = (b"$1000000000\r\n", b"\r\n$1\r\na\r\n");
        let mut encoded = vec![0; head.len() + LEN + tail.len()];
        encoded[..head.len()].copy_from_slice(head);
        encoded[head.len() + LEN..].copy_from_slice(tail);
        let bulks = Bulks {
            kind: BulksKind::Array,
            count: 2,
            has_nulls: false,
            encoded: Arc::new(encoded),
        };
        assert_eq!(bulks.iter().flatten().map(<[u8]>::len).collect::<Vec<_>>(), [LEN, 1]);
    }
}
