//! What the allocator makes of a request, so that leaves ask for no more than they can use and
//! memory is counted as it is taken.

/// The size class that jemalloc serves a request from: sixteenths up to 128 bytes, then four
/// classes each time the size doubles.
pub const fn size_class(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2)),
    }
}

/// Makes room for so many bytes more: as many as come for free with the size class.
pub fn reserve(bytes: &mut Vec<u8>, more: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        bytes.reserve_exact(size_class(needed) - bytes.len());
    }
}

/// Gives room back after bytes were removed, if it is more than a quarter: not every removal is
/// worth a new block.
pub fn trim(bytes: &mut Vec<u8>) {
    let right = size_class(bytes.len());
    if right < bytes.capacity() - bytes.capacity() / 4 {
        bytes.shrink_to(right);
    }
}

/// Opens gaps of (position, length), in the order of their positions, and moves what is behind
/// them. A gap then begins at its position plus the lengths of those before it.
pub fn open<const N: usize>(bytes: &mut Vec<u8>, gaps: [(usize, usize); N]) {
    let mut shift = gaps.iter().map(|gap| gap.1).sum::<usize>();
    let mut end = bytes.len();
    reserve(bytes, shift);
    bytes.resize(end + shift, 0);
    for (at, length) in gaps.into_iter().rev() {
        bytes.copy_within(at..end, at + shift);
        shift -= length;
        end = at;
    }
}

/// Removes pieces of (position, length), in the order of their positions.
pub fn close<const N: usize>(bytes: &mut Vec<u8>, pieces: [(usize, usize); N]) {
    let mut to = pieces.first().map_or(0, |piece| piece.0);
    for (n, (at, length)) in pieces.into_iter().enumerate() {
        let end = pieces.get(n + 1).map_or(bytes.len(), |next| next.0);
        bytes.copy_within(at + length..end, to);
        to += end - (at + length);
    }
    if N > 0 {
        bytes.truncate(to);
    }
    trim(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_jemalloc() {
        // From the list in jemalloc's manual.
        let classes = [
            8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768,
            896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096,
        ];
        let mut last = 0;
        for class in classes {
            assert_eq!((size_class(last + 1), size_class(class)), (class, class));
            last = class;
        }
        assert_eq!(size_class(0), 0);
    }

    #[test]
    fn gaps_open_and_close() {
        let mut bytes = b"abcdef".to_vec();
        let gaps = [(0, 1), (2, 2), (2, 1), (6, 3)];
        open(&mut bytes, gaps);
        assert_eq!(bytes.len(), 13);
        assert_eq!((&bytes[1..3], &bytes[6..10]), (&b"ab"[..], &b"cdef"[..]));
        close(&mut bytes, [(0, 1), (3, 2), (5, 1), (10, 3)]);
        assert_eq!(bytes, b"abcdef");
    }
}
