//! Reading a set, whatever its form.

use std::ops::ControlFlow;

use super::super::choice;
use super::super::intset::IntSetRef;
use super::super::packed::{Element, Packed, PackedRef};
use super::{Set, member};

/// A set where it lies.
#[derive(Clone, Copy)]
pub enum SetRef<'a> {
    /// Integers.
    Ints(IntSetRef<'a>),
    /// The small form.
    Packed(PackedRef<'a>),
    /// The large form.
    Table(&'a Set),
}

impl<'a> SetRef<'a> {
    /// How many members there are.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            SetRef::Ints(ints) => ints.len(),
            SetRef::Packed(packed) => packed.len(),
            SetRef::Table(set) => set.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is one.
    #[inline]
    pub fn contains(self, member: &[u8]) -> bool {
        match self {
            SetRef::Ints(ints) => {
                Element::Bytes(member).integer().is_some_and(|value| ints.contains(value))
            }
            SetRef::Packed(packed) => packed.find(member, 1).is_some(),
            SetRef::Table(set) => set.contains(member),
        }
    }

    /// Visits all members until `f` breaks; integers in order of size, a small set in order of
    /// insertion. Answers whether it did not break.
    pub fn each(self, mut f: impl FnMut(Element<'a>) -> ControlFlow<()>) -> ControlFlow<()> {
        match self {
            SetRef::Ints(ints) => ints.iter().try_for_each(|value| f(Element::Int(value))),
            SetRef::Packed(packed) => packed.iter().try_for_each(f),
            SetRef::Table(set) => set.0.walk(|entry| f(member(&entry))),
        }
    }

    /// All members, in the order of [`SetRef::each`].
    pub fn members(self) -> Vec<Element<'a>> {
        let mut members = Vec::with_capacity(self.len());
        let walked = self.each(|member| {
            members.push(member);
            ControlFlow::Continue(())
        });
        debug_assert!(walked.is_continue());
        members
    }

    /// One step of SSCAN: visits some members, and answers the next cursor; 0 starts, and 0 says it
    /// was the last. A set that is not large comes whole.
    pub fn scan(self, cursor: u64, f: &mut dyn FnMut(Element<'a>)) -> u64 {
        match self {
            SetRef::Table(set) => set.0.scan(cursor, &mut |entry| f(member(&entry))),
            SetRef::Ints(_) | SetRef::Packed(_) => {
                self.members().into_iter().for_each(f);
                0
            }
        }
    }

    /// A member chosen at random, each as likely as any other.
    pub fn random(self, rng: &mut dyn FnMut() -> u64) -> Option<Element<'a>> {
        match self {
            SetRef::Ints(ints) => ints.get(choice::below(rng, ints.len())).map(Element::Int),
            SetRef::Packed(packed) => packed.get(choice::below(rng, packed.len())),
            SetRef::Table(set) => set.0.random(rng).map(|entry| member(&entry)),
        }
    }

    /// Up to `count` different members chosen at random, in random order; all if there are no more.
    pub fn random_distinct(self, count: usize, rng: &mut dyn FnMut() -> u64) -> Vec<Element<'a>> {
        match self {
            SetRef::Table(set) if count < set.len() / 4 => {
                choice::distinct(count, || self.random(rng), |member| member.cow())
            }
            _ => choice::shuffled(self.members(), count, rng),
        }
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(self) -> &'static str {
        match self {
            SetRef::Ints(_) => "intset",
            SetRef::Packed(_) => "listpack",
            SetRef::Table(_) => "hashtable",
        }
    }

    /// The small form of the same members.
    pub(super) fn packed(self) -> Packed {
        self.members().into_iter().collect()
    }

    /// The longer of the texts of the least and greatest integer: no member's is longer.
    pub(super) fn longest_end(self) -> usize {
        let SetRef::Ints(ints) = self else { return 0 };
        let length = |value: Option<i64>| value.map_or(0, |value| Element::Int(value).len());
        length(ints.get(0)).max(length(ints.iter().next_back()))
    }
}
