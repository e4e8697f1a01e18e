//! LZF, the compression of long strings (Marc Lehmann's LibLZF, whose format this is):
//!
//! ```text
//! 000lllll                      l + 1 bytes follow as they are
//! nnnooooo oooooooo             copy n + 2 bytes (n = 1..6) from o + 1 bytes back
//! 111ooooo nnnnnnnn oooooooo    copy n + 9 bytes from o + 1 bytes back; may overlap itself
//! ```
//!
//! Our own, since a snapshot compresses millions of short strings: the table of earlier positions
//! is kept from one call to the next and never cleared.

/// Farthest a copy reaches back.
const OFFSET_MAX: usize = 1 << 13;
/// Longest copy.
const COPY_MAX: usize = 264;
/// Longest run of bytes as they are.
const RUN_MAX: usize = 32;
/// Bits of the table of positions: 16,384 entries, 64 KiB. Short inputs use a part of it.
const TABLE_BITS: u32 = 14;
const SHORT_TABLE_BITS: u32 = 10;
const SHORT_INPUT: usize = 1024;

/// Compresses strings one after another.
pub(super) struct Compressor {
    /// Where a hash of three bytes was last seen, counted over all inputs so far: what an earlier
    /// input left behind is below `base` and so not a position in this one.
    table: Box<[u32]>,
    base: u32,
}

impl Compressor {
    pub(super) fn new() -> Compressor {
        Compressor { table: vec![0; 1 << TABLE_BITS].into_boxed_slice(), base: 1 }
    }

    /// Appends `input` compressed to `out` if that takes at most `limit` bytes; otherwise leaves
    /// `out` as it was and answers false.
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> bool {
        let start = out.len();
        let Some(end) = u32::try_from(input.len()).ok().and_then(|len| self.base.checked_add(len))
        else {
            return self.restart(input, out, limit);
        };
        let bits = if input.len() < SHORT_INPUT { SHORT_TABLE_BITS } else { TABLE_BITS };
        let (mut at, mut run_from) = (0, 0);
        while let Some(three) = input.get(at..).and_then(<[u8]>::first_chunk::<3>) {
            let slot = &mut self.table[slot_of(*three, bits)];
            let earlier = std::mem::replace(slot, self.base + at as u32);
            let copied = earlier
                .checked_sub(self.base)
                .map(|from| from as usize)
                .filter(|from| at - from <= OFFSET_MAX && input[*from..].starts_with(three))
                .map(|from| (at - from, common(&input[from..], &input[at..])));
            let Some((back, length)) = copied else {
                at += 1;
                continue;
            };
            put_run(out, &input[run_from..at]);
            put_copy(out, back, length);
            at += length;
            run_from = at;
            if out.len() - start > limit {
                break;
            }
        }
        self.base = end;
        let tail = &input[run_from..];
        let fits = out.len() - start + tail.len() + tail.len().div_ceil(RUN_MAX) <= limit;
        if fits {
            put_run(out, tail);
        } else {
            out.truncate(start);
        }
        fits
    }

    /// Compresses with an empty table, once in 4 GiB of input.
    #[cold]
    fn restart(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> bool {
        self.table.fill(0);
        self.base = 1;
        // An input that does not fit the positions of an empty table stays as it is.
        input.len() < u32::MAX as usize && self.compress(input, out, limit)
    }
}

fn slot_of(three: [u8; 3], bits: u32) -> usize {
    let value = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
    (value.wrapping_mul(0x9E37_79B1) >> (32 - bits)) as usize
}

/// How many bytes both begin with, at most what one copy can carry.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take(COPY_MAX).take_while(|(a, b)| a == b).count()
}

fn put_run(out: &mut Vec<u8>, run: &[u8]) {
    for piece in run.chunks(RUN_MAX) {
        out.push(piece.len() as u8 - 1);
        out.extend_from_slice(piece);
    }
}

fn put_copy(out: &mut Vec<u8>, back: usize, length: usize) {
    let (offset, code) = (back - 1, length - 2);
    if code < 7 {
        out.push((code << 5 | offset >> 8) as u8);
    } else {
        out.push((7 << 5 | offset >> 8) as u8);
        out.push((code - 7) as u8);
    }
    out.push(offset as u8);
}

/// Appends what `input` stands for to `out`: exactly `length` bytes, or the error says how it is
/// not. The memory it takes is bounded by 88 times the input, whatever `length` claims.
pub(super) fn decompress(input: &[u8], length: u64, out: &mut Vec<u8>) -> Result<(), &'static str> {
    // Three bytes give at most one longest copy.
    let possible = (input.len() as u64).saturating_mul(COPY_MAX as u64 / 3);
    let length = usize::try_from(length).ok().filter(|_| length <= possible);
    let length = length.ok_or("a length that its compressed bytes cannot give")?;
    let start = out.len();
    let end = start + length;
    out.reserve(length);
    let mut rest = input;
    while let [control, tail @ ..] = rest {
        rest = tail;
        if *control < 32 {
            let count = usize::from(*control) + 1;
            let (run, tail) = rest.split_at_checked(count).ok_or("a run cut short")?;
            rest = tail;
            out.extend_from_slice(run);
        } else {
            let mut count = usize::from(*control >> 5) + 2;
            if count == 9 {
                let (more, tail) = rest.split_first().ok_or("a copy cut short")?;
                rest = tail;
                count += usize::from(*more);
            }
            let (low, tail) = rest.split_first().ok_or("a copy cut short")?;
            rest = tail;
            let back = (usize::from(control & 31) << 8 | usize::from(*low)) + 1;
            let from =
                (out.len() - start).checked_sub(back).ok_or("a copy from before the start")?;
            copy_within(out, start + from, count);
        }
        if out.len() > end {
            return Err("more bytes than announced");
        }
    }
    if out.len() == end { Ok(()) } else { Err("fewer bytes than announced") }
}

/// Appends `count` bytes of `out` from `from` on, those that this call appends among them.
fn copy_within(out: &mut Vec<u8>, from: usize, mut count: usize) {
    while count > 0 {
        let step = count.min(out.len() - from);
        out.extend_from_within(from..from + step);
        count -= step;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpack(input: &[u8], length: u64) -> Result<Vec<u8>, &'static str> {
        let mut out = b"before".to_vec();
        decompress(input, length, &mut out)?;
        assert!(out.starts_with(b"before"));
        Ok(out.split_off(6))
    }

    #[test]
    fn the_forms() {
        assert_eq!(unpack(b"\x02abc", 3).unwrap(), b"abc");
        assert_eq!(unpack(b"\x00a\x20\x00", 4).unwrap(), b"aaaa");
        assert_eq!(unpack(b"\x01ab\xe0\x00\x01", 11).unwrap(), b"abababababa");
        assert!(unpack(b"\x02ab", 3).is_err());
        assert!(unpack(b"\x00a\x20\x01", 4).is_err());
        assert!(unpack(b"\x02abc", 2).is_err());
        assert!(unpack(b"\x02abc", 4).is_err());
        assert!(unpack(b"\x20", 3).is_err());
        assert!(unpack(b"\xe0\x00", 9).is_err());
        assert!(unpack(b"\x02abc", u64::MAX).is_err());
    }

    #[test]
    fn one_compressor_for_many_inputs() {
        let mut compressor = Compressor::new();
        compressor.base = u32::MAX - 5000;
        for round in 0..200usize {
            let text = format!("value {round} ").repeat(round);
            let mut out = Vec::new();
            if compressor.compress(text.as_bytes(), &mut out, text.len()) {
                assert_eq!(unpack(&out, text.len() as u64).unwrap(), text.as_bytes());
            }
            assert!(round < 10 || out.len() < text.len() / 2, "round {round}: {}", out.len());
        }
    }

    #[test]
    fn what_does_not_fit_leaves_nothing_behind() {
        let mut out = b"x".to_vec();
        assert!(!Compressor::new().compress(b"abcdefghijklmnopqrstuvwxyz", &mut out, 22));
        assert_eq!(out, b"x");
    }

    proptest! {
        #[test]
        fn there_and_back(
            pieces in proptest::collection::vec("[ab]{1,9}|[a-z]{1,40}", 0..200),
            short in any::<bool>(),
        ) {
            let mut text = pieces.concat().into_bytes();
            if short {
                text.truncate(100);
            }
            let mut out = Vec::new();
            prop_assert!(Compressor::new().compress(&text, &mut out, usize::MAX));
            prop_assert_eq!(unpack(&out, text.len() as u64).unwrap(), text);
        }

        #[test]
        fn any_bytes_are_survived(input in any::<Vec<u8>>(), length in 0u64..10_000) {
            let mut out = Vec::new();
            if decompress(&input, length, &mut out).is_ok() {
                prop_assert_eq!(out.len() as u64, length);
            }
        }
    }
}
