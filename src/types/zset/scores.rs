//! A column of scores in a leaf: four bytes each if all are integers of 32 bits, else eight.

/// How the scores of a leaf are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Width {
    /// As little-endian `i32`.
    #[default]
    Narrow,
    /// As little-endian doubles.
    Wide,
}

impl Width {
    /// The narrowest for one score. A negative zero is not an integer.
    #[inline]
    pub(super) fn of(score: f64) -> Self {
        let whole = f64::from(score as i32);
        if whole.to_bits() == score.to_bits() { Self::Narrow } else { Self::Wide }
    }

    /// The narrowest for all.
    pub(super) fn of_all(mut scores: impl Iterator<Item = f64>) -> Self {
        if scores.all(|score| Self::of(score) == Self::Narrow) { Self::Narrow } else { Self::Wide }
    }

    /// Whether a score can be stored in this width.
    #[inline]
    pub(super) fn fits(self, score: f64) -> bool {
        self == Self::Wide || Self::of(score) == Self::Narrow
    }

    /// Bytes a score takes.
    #[inline(always)]
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Narrow => 4,
            Self::Wide => 8,
        }
    }

    /// The score of a place in a column.
    #[inline(always)]
    pub(super) fn read(self, column: &[u8], index: usize) -> f64 {
        match self {
            Self::Narrow => f64::from(i32::from_le_bytes(column.as_chunks().0[index])),
            Self::Wide => f64::from_le_bytes(column.as_chunks().0[index]),
        }
    }

    /// Writes a score that fits to a place in a column.
    #[inline]
    pub(super) fn write(self, column: &mut [u8], index: usize, score: f64) {
        match self {
            Self::Narrow => column.as_chunks_mut().0[index] = (score as i32).to_le_bytes(),
            Self::Wide => column.as_chunks_mut().0[index] = score.to_le_bytes(),
        }
    }
}
