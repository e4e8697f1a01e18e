//! The output arena of a turn: reply bytes, and large values that are sent from where they lie. The
//! records of a turn are gathered in one too.

use std::sync::Arc;

/// From this many bytes on a value is sent from where it lies instead of copied: below it, the copy
/// is cheaper than the counting and the extra piece in the vectored write.
pub const SHARE_MIN: usize = 16 * 1024;

/// Bytes to send, in order. Replies of many connections may lie in one, told apart by [`Mark`]s.
#[derive(Clone, Debug, Default)]
pub struct Out {
    /// The copied bytes of all replies. Only ever appended to, until `clear`.
    pub bytes: Vec<u8>,
    /// The values that are not copied, by rising `at`.
    shared: Vec<Segment>,
    /// Bytes of those.
    shared_bytes: usize,
}

/// A shared value that stands in front of `bytes[at]`.
#[derive(Clone, Debug)]
struct Segment {
    at: usize,
    value: Arc<Vec<u8>>,
}

/// A position in an [`Out`], between two replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    bytes: usize,
    shared: usize,
}

impl Out {
    /// An empty one, without allocation.
    pub const fn new() -> Self {
        Out { bytes: Vec::new(), shared: Vec::new(), shared_bytes: 0 }
    }

    /// Appends a value without copying it.
    pub fn push_shared(&mut self, value: Arc<Vec<u8>>) {
        self.shared_bytes += value.len();
        self.shared.push(Segment { at: self.bytes.len(), value });
    }

    /// The end as of now: the start of the next reply.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), shared: self.shared.len() }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.mark() == Mark::default()
    }

    /// Forgets everything and keeps the allocation, unless it has grown beyond `keep_bytes`.
    pub fn clear(&mut self, keep_bytes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep_bytes);
        self.shared.clear();
        self.shared_bytes = 0;
    }

    /// Puts bytes at `mark`, in front of what stands behind it.
    pub fn insert(&mut self, mark: Mark, bytes: &[u8]) {
        self.bytes.splice(mark.bytes..mark.bytes, bytes.iter().copied());
        for segment in self.shared.iter_mut().skip(mark.shared) {
            segment.at += bytes.len();
        }
    }

    /// Whether there are values in it that are not copied.
    #[inline]
    pub fn has_shared(&self) -> bool {
        !self.shared.is_empty()
    }

    /// Forgets what stands behind `mark`: a reply that CLIENT REPLY OFF suppresses.
    pub fn truncate(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        let dropped = self.shared.drain(mark.shared..).map(|segment| segment.value.len());
        self.shared_bytes -= dropped.sum::<usize>();
    }

    /// Bytes of everything in it.
    #[inline]
    pub fn total_bytes(&self) -> usize {
        self.bytes.len() + self.shared_bytes
    }

    /// Bytes to send between two marks, shared values included.
    pub fn len_between(&self, from: Mark, to: Mark) -> usize {
        self.slices(from, to).map(<[u8]>::len).sum()
    }

    /// The non-empty pieces to send between two marks, in order, for a vectored write.
    pub fn slices(&self, from: Mark, to: Mark) -> impl Iterator<Item = &[u8]> {
        self.pieces(from, to).map(|piece| match piece {
            Piece::Copied(bytes) => bytes,
            Piece::Shared(value) => value.as_slice(),
        })
    }

    /// Appends what lies between two marks of `other`, but for the first `skip` bytes, which were
    /// sent: a rest that waits for its connection to become writable. A shared value that was sent
    /// in part is copied.
    pub fn extend_from(&mut self, other: &Out, from: Mark, to: Mark, mut skip: usize) {
        for piece in other.pieces(from, to) {
            let bytes = match piece {
                Piece::Shared(value) if skip == 0 => {
                    self.push_shared(Arc::clone(value));
                    continue;
                }
                Piece::Shared(value) => value.as_slice(),
                Piece::Copied(bytes) => bytes,
            };
            let (sent, rest) = bytes.split_at(skip.min(bytes.len()));
            skip -= sent.len();
            self.bytes.extend_from_slice(rest);
        }
    }

    /// The non-empty pieces between two marks, in order.
    pub fn pieces(&self, from: Mark, to: Mark) -> impl Iterator<Item = Piece<'_>> {
        let mut at = from.bytes;
        let segments = self.shared.get(from.shared..to.shared).unwrap_or_default();
        let ends = segments.iter().map(Some).chain([None]);
        ends.flat_map(move |segment| {
            let end = segment.map_or(to.bytes, |segment| segment.at);
            let copied = Piece::Copied(self.bytes.get(at..end).unwrap_or_default());
            at = end;
            [Some(copied), segment.map(|segment| Piece::Shared(&segment.value))]
        })
        .flatten()
        .filter(|piece| match piece {
            Piece::Copied(bytes) => !bytes.is_empty(),
            Piece::Shared(value) => !value.is_empty(),
        })
    }
}

/// A part of an [`Out`].
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// Bytes that were copied to it.
    Copied(&'a [u8]),
    /// A value that lies elsewhere.
    Shared(&'a Arc<Vec<u8>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stay_in_order_across_marks_and_partial_sends() {
        let mut out = Out::new();
        out.bytes.extend_from_slice(b"other");
        let from = out.mark();
        out.push_shared(Arc::new(b"AB".to_vec()));
        out.bytes.extend_from_slice(b"cd");
        out.push_shared(Arc::new(b"EF".to_vec()));
        out.push_shared(Arc::new(b"GH".to_vec()));
        out.bytes.extend_from_slice(b"i");
        let to = out.mark();
        out.bytes.extend_from_slice(b"next");
        let whole = b"ABcdEFGHi";
        assert_eq!(out.slices(from, to).count(), 5);
        assert_eq!(out.len_between(from, to), whole.len());
        for skip in 0..=whole.len() {
            let mut rest = Out::new();
            rest.bytes.push(b'<');
            rest.extend_from(&out, from, to, skip);
            let sent: Vec<u8> =
                rest.slices(Mark::default(), rest.mark()).flatten().copied().collect();
            assert_eq!(sent, [b"<", &whole[skip..]].concat());
        }
        assert_eq!(out.total_bytes(), 5 + whole.len() + 4);
        out.insert(from, b"<<");
        let all: Vec<u8> = out.slices(Mark::default(), out.mark()).flatten().copied().collect();
        assert_eq!(all, b"other<<ABcdEFGHinext");
        out.truncate(from);
        assert_eq!(out.mark(), from);
        assert_eq!(out.total_bytes(), 5);
        out.clear(0);
        assert!(out.is_empty());
    }
}
