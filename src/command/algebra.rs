//! What the algebra of sets and that of sorted sets have in common: its operations, what they cost,
//! and how a difference goes about it.

/// What is made of several sets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// What all of them have.
    Intersection,
    /// What any of them has.
    Union,
    /// What the first has, and none of the others.
    Difference,
}

/// Of more sets than this nobody asks how large they are: that alone would take long.
const ASKED_SIZES_MAX: usize = 1000;

impl Operation {
    /// As [`Self::cost`], of so many sets, of which `size` says how large each is.
    pub(super) fn cost_of(self, sets: usize, limit: usize, size: impl Fn(usize) -> usize) -> u64 {
        if sets > ASKED_SIZES_MAX {
            return u64::MAX;
        }
        self.cost(&(0..sets).map(size).collect::<Vec<_>>(), limit)
    }

    /// About how many members are looked at, of sets with so many. `limit`: so many of the result
    /// are enough; 0: all are wanted.
    fn cost(self, sizes: &[usize], limit: usize) -> u64 {
        let all = sizes.iter().fold(0, |sum: usize, size| sum.saturating_add(*size));
        let looks = match self {
            // Each member of the smallest, in all of them.
            Operation::Intersection => {
                sizes.iter().min().map_or(0, |smallest| smallest.saturating_mul(sizes.len()))
            }
            // All members of the first set are new.
            Operation::Union => match sizes.iter().find(|size| **size > 0) {
                Some(first) if limit > 0 && limit <= *first => limit,
                _ => all,
            },
            Operation::Difference => match sizes {
                [] | [0, ..] => 0,
                [first, others @ ..] if asks(*first, others) => first.saturating_mul(sizes.len()),
                _ => all,
            },
        };
        looks as u64
    }
}

/// Whether a difference is best made by asking the other sets for each member of the first. If not,
/// they are many small ones: then what they take away is gathered first.
pub(super) fn asks(first: usize, others: &[usize]) -> bool {
    let asked = first.saturating_mul(others.len());
    let walked = others.iter().fold(first, |sum, size| sum.saturating_add(*size));
    asked <= walked.saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_those_of_the_operation() {
        for (operation, sizes, limit, expected) in [
            (Operation::Intersection, &[5, 3, 9][..], 0, 9),
            (Operation::Intersection, &[5, 0], 0, 0),
            (Operation::Intersection, &[], 0, 0),
            (Operation::Union, &[0, 3, 9], 0, 12),
            (Operation::Union, &[0, 3, 9], 3, 3),
            (Operation::Union, &[0, 3, 9], 4, 12),
            (Operation::Difference, &[0, 1000], 0, 0),
            (Operation::Difference, &[10, 1000], 0, 20),
            (Operation::Difference, &[1000, 1, 1, 1], 0, 1003),
            (Operation::Difference, &[usize::MAX, usize::MAX, 7], 0, u64::MAX),
        ] {
            assert_eq!(operation.cost(sizes, limit), expected, "{sizes:?} {limit}");
        }
    }
}
