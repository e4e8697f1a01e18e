//! The small sorted set: member, score, member, score... in order of score and then member.
//!
//! A score is written as its shortest text, which makes a whole number an integer entry.

use std::cmp::Ordering;

use super::entry::Needle;
use super::{Element, Packed, PackedRef};
use crate::base::double;

/// A member found in a small sorted set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// The position of its entry; that of its score is behind it.
    pub position: usize,
    /// The member.
    pub member: Element<'a>,
    /// Its score.
    pub score: f64,
}

impl<'a> PackedRef<'a> {
    /// The members with their scores, in order, from either end.
    pub fn scored(self) -> impl DoubleEndedIterator<Item = (Element<'a>, f64)> + Clone {
        ScoredIter(self.iter())
    }

    /// A member with its score.
    pub fn find_scored(self, member: &[u8]) -> Option<Scored<'a>> {
        let position = self.find(member, 2)?;
        Some(Scored {
            position,
            member: self.at(position)?,
            score: self.at(self.after(position)).map(score)?,
        })
    }

    /// Where a member with this score belongs: a position.
    fn place_scored(self, at: f64, member: &[u8]) -> usize {
        // Mostly sets grow at their end.
        if let Some((last_member, last)) = self.scored().next_back()
            && order(last, last_member, at, member).is_lt()
        {
            return self.end();
        }
        let mut position = Self::START;
        while position < self.end() {
            let score_at = self.after(position);
            let (Some(found), Some(text)) = (self.at(position), self.at(score_at)) else { break };
            if !order(score(text), found, at, member).is_lt() {
                break;
            }
            position = self.after(score_at);
        }
        position
    }
}

impl Packed {
    /// Adds a member, which must not be there, at its place.
    pub fn insert_scored(&mut self, score: f64, member: &[u8]) {
        let position = self.as_ref().place_scored(score, member);
        self.insert_pair(position, member, double::reply(score).as_bytes());
    }

    /// Adds a member that belongs behind all others.
    pub fn push_scored(&mut self, score: f64, member: Element<'_>) {
        self.push_back(member);
        self.push_back(double::reply(score).as_bytes());
    }

    /// Takes a member out; answers its score.
    pub fn remove_scored(&mut self, member: &[u8]) -> Option<f64> {
        let Scored { position, score, .. } = self.as_ref().find_scored(member)?;
        self.remove(position, 2);
        Some(score)
    }
}

/// A score's entry as a number. (Trusted: what is none is taken as 0.)
#[inline]
pub fn score(element: Element<'_>) -> f64 {
    match element {
        Element::Int(value) => value as f64,
        Element::Bytes(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
        }
    }
}

/// The order of a sorted set: by score, then by member.
#[inline]
fn order(score: f64, member: Element<'_>, other: f64, other_member: &[u8]) -> Ordering {
    score.partial_cmp(&other).unwrap_or(Ordering::Equal).then_with(|| member.compare(other_member))
}

#[derive(Clone)]
struct ScoredIter<'a>(super::Iter<'a>);

impl<'a> Iterator for ScoredIter<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let member = self.0.next()?;
        Some((member, score(self.0.next()?)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (left, _) = self.0.size_hint();
        (left / 2, Some(left / 2))
    }
}

impl DoubleEndedIterator for ScoredIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let score = score(self.0.next_back()?);
        Some((self.0.next_back()?, score))
    }
}

impl PackedRef<'_> {
    /// Whether there is this element among every `step`-th.
    pub fn contains(self, element: Element<'_>, step: usize) -> bool {
        self.find_from(Self::START, &Needle::new(element), step).is_some()
    }
}
