//! Reading a sorted set, whatever its form.

use std::ops::{Bound, Range};

use super::Zset;
use super::range::{self, Items, LexBound};
use crate::types::choice;
use crate::types::packed::{self, Element, PackedRef};

/// A sorted set where it lies.
#[derive(Clone, Copy)]
pub enum ZsetRef<'a> {
    /// The small form: member, score, member, score... in order.
    Packed(PackedRef<'a>),
    /// The large form.
    Tree(&'a Zset),
}

impl<'a> ZsetRef<'a> {
    /// How many members there are.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Self::Packed(packed) => packed.len() / 2,
            Self::Tree(set) => set.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// A member's score.
    #[inline]
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Packed(packed) => packed.find_scored(member).map(|found| found.score),
            Self::Tree(set) => set.score(member),
        }
    }

    /// A member's rank, from 0, and its score.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            Self::Packed(packed) => packed
                .scored()
                .enumerate()
                .find_map(|(rank, (found, score))| found.is(member).then_some((rank, score))),
            Self::Tree(set) => set.rank(member),
        }
    }

    /// The member of a rank, and its score.
    pub fn at(self, rank: usize) -> Option<(Element<'a>, f64)> {
        match self {
            Self::Packed(packed) => {
                let position = packed.position(2 * rank);
                let score = packed::score(packed.at(packed.after(position))?);
                Some((packed.at(position)?, score))
            }
            Self::Tree(set) => set.at(rank).map(|(member, score)| (Element::Bytes(member), score)),
        }
    }

    /// Members and scores of these ranks (those that there are), in order, from either end.
    pub fn range(self, ranks: Range<usize>) -> Members<'a> {
        match self {
            Self::Packed(packed) => {
                let end = ranks.end.min(packed.len() / 2);
                let start = ranks.start.min(end);
                let (iter, left) = (packed.range(2 * start..2 * end), end - start);
                Members(Form::Packed { iter, left })
            }
            Self::Tree(set) => Members(Form::Tree(set.range(ranks))),
        }
    }

    /// All members and scores, in order.
    pub fn iter(self) -> Members<'a> {
        self.range(0..self.len())
    }

    /// How many members at the beginning satisfy a predicate of score and member, which none behind
    /// them does.
    pub fn count_while(self, mut pred: impl FnMut(f64, &[u8]) -> bool) -> usize {
        match self {
            Self::Packed(packed) => packed
                .scored()
                .take_while(|(member, score)| member.with(|member| pred(*score, member)))
                .count(),
            Self::Tree(set) => set.count_while(pred),
        }
    }

    /// The ranks of the members with scores in a range.
    pub fn ranks_by_score(self, min: Bound<f64>, max: Bound<f64>) -> Range<usize> {
        let packed = match self {
            Self::Packed(packed) => packed,
            Self::Tree(set) => return set.ranks_by_score(min, max),
        };
        let mut ranks = 0..0;
        for (_, score) in packed.scored() {
            if !range::reaches(max, score) {
                break;
            }
            ranks.end += 1;
            if range::is_above(min, score) {
                ranks.start += 1;
            }
        }
        ranks
    }

    /// The ranks of the members in a range. All scores must be equal for this to have a meaning; if
    /// they are not, some range is the answer.
    pub fn ranks_by_lex(self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        let start = self.count_while(|_, member| min.is_above(member));
        let end = self.count_while(|_, member| max.reaches(member));
        start..end.max(start)
    }

    /// One step of ZSCAN, as [`Zset::scan`]. A small set comes whole.
    pub fn scan(self, cursor: u64, count: usize, f: &mut dyn FnMut(Element<'a>, f64)) -> u64 {
        match self {
            Self::Packed(packed) => {
                packed.scored().for_each(|(member, score)| f(member, score));
                0
            }
            Self::Tree(set) => {
                set.scan(cursor, count, &mut |member, score| f(Element::Bytes(member), score))
            }
        }
    }

    /// How many members one step of [`Self::scan`] looks at; at least, where `count` is large.
    pub fn scan_cost(self, cursor: u64, count: usize) -> usize {
        /// A longer step is not planned to find out what it costs.
        const PLANNED_MAX: usize = 10_000;
        match self {
            Self::Packed(packed) => packed.len() / 2,
            Self::Tree(set) if count > PLANNED_MAX => count.min(set.len()),
            Self::Tree(set) => set.scan_cost(cursor, count),
        }
    }

    /// A member chosen at random, each as likely as any other, and its score.
    pub fn random(self, rng: &mut dyn FnMut() -> u64) -> Option<(Element<'a>, f64)> {
        self.at(choice::below(rng, self.len()))
    }

    /// Up to `count` different members chosen at random, in random order, and their scores; all if
    /// there are no more.
    pub fn random_distinct(
        self,
        count: usize,
        rng: &mut dyn FnMut() -> u64,
    ) -> Vec<(Element<'a>, f64)> {
        if count < self.len() / 4 {
            let ranks =
                choice::distinct(count, || Some(choice::below(rng, self.len())), |&rank| rank);
            return ranks.into_iter().filter_map(|rank| self.at(rank)).collect();
        }
        choice::shuffled(self.iter().collect(), count, rng)
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Tree(_) => "skiplist",
        }
    }
}

/// Members and scores of a range of ranks, in order, from either end.
#[derive(Clone)]
pub struct Members<'a>(Form<'a>);

#[derive(Clone)]
enum Form<'a> {
    Packed { iter: packed::Iter<'a>, left: usize },
    Tree(Items<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Form::Packed { iter, left } => {
                *left = left.checked_sub(1)?;
                let member = iter.next()?;
                Some((member, packed::score(iter.next()?)))
            }
            Form::Tree(items) => {
                items.next().map(|(member, score)| (Element::Bytes(member), score))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Form::Packed { left, .. } => *left,
            Form::Tree(items) => items.len(),
        };
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Members<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Form::Packed { iter, left } => {
                *left = left.checked_sub(1)?;
                let score = packed::score(iter.next_back()?);
                Some((iter.next_back()?, score))
            }
            Form::Tree(items) => {
                items.next_back().map(|(member, score)| (Element::Bytes(member), score))
            }
        }
    }
}

impl ExactSizeIterator for Members<'_> {}
