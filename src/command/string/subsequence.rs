//! The longest common subsequence of two byte strings, with the same choice among equally long ones
//! as Redis.
//!
//! The textbook's table of lengths, `L(i, j)` for the first `i` bytes of `a` and `j` of `b`, is not
//! kept: two neighbouring rows are enough to compute it, and to walk back through it one bit a
//! cell, "shorten `a`". The rows lie along the shorter string, so for n·m cells all memory is n·m /
//! 8 bytes and a row of √(n·m) entries.

/// The length of the longest common subsequence. Strings of 4 GiB or more are not taken.
pub(super) fn length(a: &[u8], b: &[u8]) -> u32 {
    // Lengths are symmetric, so the orientation does not matter here.
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    fill(long, short, |_, _, _| {})
}

/// Computes the table of lengths row by row and returns its last entry. `see(cell, above, left)` is
/// called for each cell where the two bytes differ: `above` is the length without the last byte of
/// `long`, `left` without that of `short`. Cells are counted along the rows.
#[inline]
fn fill(long: &[u8], short: &[u8], mut see: impl FnMut(usize, u32, u32)) -> u32 {
    let mut row = vec![0u32; short.len()];
    let mut cell = 0;
    for byte in long {
        let (mut left, mut diagonal) = (0, 0);
        for (other, entry) in short.iter().zip(&mut row) {
            let above = *entry;
            *entry = if byte == other {
                diagonal + 1
            } else {
                see(cell, above, left);
                above.max(left)
            };
            diagonal = above;
            left = *entry;
            cell += 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The way back through the table.
pub(super) struct Trace<'a> {
    a: &'a [u8],
    b: &'a [u8],
    length: u32,
    /// One bit a cell: leave the last byte of `a` away (else that of `b`) where the two differ.
    shorten_a: Vec<u64>,
}

/// A run of bytes that both strings have in the common subsequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    /// Where it begins in the first string.
    pub a: usize,
    /// Where it begins in the second.
    pub b: usize,
    /// Its length; at least 1.
    pub length: usize,
}

impl<'a> Trace<'a> {
    /// Computes it: O(n·m) time, n·m bits. Strings of 4 GiB or more are not taken.
    pub fn new(a: &'a [u8], b: &'a [u8]) -> Self {
        let mut shorten_a = vec![0u64; (a.len() * b.len()).div_ceil(64)];
        let mut mark = |cell: usize, shorten: bool| {
            shorten_a[cell / 64] |= u64::from(shorten) << (cell % 64);
        };
        let length = if a.len() >= b.len() {
            fill(a, b, |cell, without_a, without_b| mark(cell, without_a > without_b))
        } else {
            fill(b, a, |cell, without_b, without_a| mark(cell, without_a > without_b))
        };
        Trace { a, b, length, shorten_a }
    }

    /// The subsequence's length.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// The subsequence.
    pub fn string(&self) -> Vec<u8> {
        let mut string = Vec::with_capacity(self.length as usize);
        self.walk_back(|a, _| string.push(self.a[a]));
        string.reverse();
        string
    }

    /// The runs it consists of, the last one first.
    pub fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        self.walk_back(|a, b| match matches.last_mut() {
            Some(run) if run.a == a + 1 && run.b == b + 1 => {
                *run = Match { a, b, length: run.length + 1 };
            }
            _ => matches.push(Match { a, b, length: 1 }),
        });
        matches
    }

    /// Calls `matched` with the positions in both strings of each common byte, the last first.
    fn walk_back(&self, mut matched: impl FnMut(usize, usize)) {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        while i > 0 && j > 0 {
            if self.a[i - 1] == self.b[j - 1] {
                i -= 1;
                j -= 1;
                matched(i, j);
                continue;
            }
            let cell = if self.a.len() >= self.b.len() {
                (i - 1) * self.b.len() + (j - 1)
            } else {
                (j - 1) * self.a.len() + (i - 1)
            };
            if self.shorten_a[cell / 64] >> (cell % 64) & 1 == 1 {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The whole table, by the definition, and the positions on the way back, the last first.
    fn twin(a: &[u8], b: &[u8]) -> (u32, Vec<(usize, usize)>) {
        let mut table = vec![vec![0u32; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = if a[i - 1] == b[j - 1] {
                    table[i - 1][j - 1] + 1
                } else {
                    table[i - 1][j].max(table[i][j - 1])
                };
            }
        }
        let (mut i, mut j, mut positions) = (a.len(), b.len(), vec![]);
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                positions.push((i, j));
            } else if table[i - 1][j] > table[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        (table[a.len()][b.len()], positions)
    }

    fn letters() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"abc".as_slice()), 0..40)
    }

    proptest! {
        #[test]
        fn same_as_the_whole_table(a in letters(), b in letters()) {
            let (expected, positions) = twin(&a, &b);
            let trace = Trace::new(&a, &b);
            prop_assert_eq!(length(&a, &b), expected);
            prop_assert_eq!(trace.length(), expected);
            let string: Vec<u8> = positions.iter().rev().map(|(i, _)| a[*i]).collect();
            prop_assert_eq!(trace.string(), string);
            let runs = trace.matches();
            let back = runs.iter().flat_map(|run| {
                (0..run.length).rev().map(|n| (run.a + n, run.b + n))
            });
            prop_assert_eq!(back.collect::<Vec<_>>(), positions);
            for (later, earlier) in runs.iter().zip(runs.iter().skip(1)) {
                let joined = earlier.a + earlier.length == later.a
                    && earlier.b + earlier.length == later.b;
                prop_assert!(!joined, "two runs that are one");
            }
        }
    }

    #[test]
    fn runs_of_redis_documentation() {
        let trace = Trace::new(b"ohmytext", b"mynewtext");
        let expected = [Match { a: 4, b: 5, length: 4 }, Match { a: 2, b: 0, length: 2 }];
        assert_eq!(trace.matches(), expected);
        assert_eq!(trace.string(), b"mytext");
    }
}
