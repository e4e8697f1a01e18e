//! A leaf of the tree: scores and members in order, in one block of bytes.
//!
//! ```text
//! score 4 or 8, n times │ end of member 2 or 4, n times │ member, n times
//! ```
//!
//! Ends count from the first member. Scores stand together, so that a search touches few lines.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::paged;
use crate::types::allocation;
use crate::types::btree::{Edge, Leaf};

use super::order;
use super::scores::Width;

/// Bytes in a leaf before it is over: copying one under a snapshot takes some 100 ns, and at most
/// one size class in eight is lost.
const BYTES_MAX: usize = 2048;

/// Items in order of score, then member.
#[derive(Clone, Default)]
pub(super) struct Items {
    bytes: Vec<u8>,
    count: u32,
    width: Width,
    /// Ends take four bytes: members have 64 KiB or more.
    long: bool,
}

/// What is known of a leaf above it: its first item.
#[derive(Clone, PartialEq)]
pub(super) struct Sep {
    pub(super) score: f64,
    member: SepMember,
}

/// Short members lie in the inner node itself: looking at one costs no further line. Long ones are
/// shared: a member may be of any length, and a snapshot makes writes copy inner nodes.
#[derive(Clone, PartialEq)]
enum SepMember {
    Short(u8, [u8; SHORT]),
    Long(Arc<[u8]>),
}

const SHORT: usize = 22;
/// An Arc's two counters.
const ARC_BYTES: usize = 16;

impl Sep {
    fn new(score: f64, member: &[u8]) -> Self {
        let member = if member.len() <= SHORT {
            let mut short = [0; SHORT];
            short[..member.len()].copy_from_slice(member);
            SepMember::Short(member.len() as u8, short)
        } else {
            SepMember::Long(member.into())
        };
        Self { score, member }
    }

    #[inline]
    pub(super) fn member(&self) -> &[u8] {
        match &self.member {
            SepMember::Short(length, short) => &short[..usize::from(*length)],
            SepMember::Long(member) => member,
        }
    }

    /// Whether this is at or before an item.
    #[inline]
    pub(super) fn is_up_to(&self, score: f64, member: &[u8]) -> bool {
        self.score < score || (self.score == score && self.member() <= member)
    }
}

impl Items {
    /// A leaf with as many of the items as it takes without being over, and one at least; they come
    /// in order. `None` if there are none.
    pub(super) fn fill<'a>(
        items: &mut std::iter::Peekable<impl Iterator<Item = (f64, &'a [u8])>>,
    ) -> Option<Self> {
        let mut taken = Vec::new();
        let (mut width, mut length) = (Width::Narrow, 0);
        while let Some(&(score, member)) = items.peek() {
            let wide = if width.fits(score) { width } else { Width::Wide };
            length += member.len();
            if !taken.is_empty() && (taken.len() + 1) * (wide.bytes() + 2) + length > BYTES_MAX {
                break;
            }
            width = wide;
            taken.push((score, member));
            items.next();
        }
        (!taken.is_empty()).then(|| Self::build(taken.iter().copied()))
    }

    /// A leaf with these items, in a block of the right size.
    fn build<'a>(items: impl Iterator<Item = (f64, &'a [u8])> + Clone) -> Self {
        let (count, length) =
            items.clone().fold((0, 0), |(count, length), item| (count + 1, length + item.1.len()));
        let width = Width::of_all(items.clone().map(|item| item.0));
        let long = length > usize::from(u16::MAX);
        let mut leaf = Self { bytes: Vec::new(), count: count as u32, width, long };
        let head = leaf.members_at();
        leaf.bytes.reserve_exact(allocation::size_class(head + length));
        leaf.bytes.resize(head, 0);
        let mut end = 0;
        for (index, (score, member)) in items.enumerate() {
            width.write(&mut leaf.bytes, index, score);
            end += member.len();
            leaf.set_end(index, end);
            leaf.bytes.extend_from_slice(member);
        }
        leaf
    }

    /// Where the ends begin.
    #[inline(always)]
    fn ends_at(&self) -> usize {
        self.count as usize * self.width.bytes()
    }

    #[inline(always)]
    fn end_bytes(&self) -> usize {
        if self.long { 4 } else { 2 }
    }

    /// Where the members begin.
    #[inline(always)]
    fn members_at(&self) -> usize {
        self.count as usize * (self.width.bytes() + self.end_bytes())
    }

    /// The end of a member, from the first member.
    #[inline(always)]
    fn end(&self, index: usize) -> usize {
        let ends = &self.bytes[self.ends_at()..];
        if self.long {
            u32::from_le_bytes(ends.as_chunks().0[index]) as usize
        } else {
            usize::from(u16::from_le_bytes(ends.as_chunks().0[index]))
        }
    }

    fn set_end(&mut self, index: usize, end: usize) {
        let at = self.ends_at();
        let ends = &mut self.bytes[at..];
        if self.long {
            ends.as_chunks_mut().0[index] = (end as u32).to_le_bytes();
        } else {
            ends.as_chunks_mut().0[index] = (end as u16).to_le_bytes();
        }
    }

    /// Changes the ends from an item on.
    fn move_ends(&mut self, from: usize, to: impl Fn(usize) -> usize) {
        let ends = self.ends_at()..self.members_at();
        let ends = &mut self.bytes[ends];
        if self.long {
            for end in &mut ends.as_chunks_mut().0[from..] {
                *end = (to(u32::from_le_bytes(*end) as usize) as u32).to_le_bytes();
            }
        } else {
            for end in &mut ends.as_chunks_mut().0[from..] {
                *end = (to(usize::from(u16::from_le_bytes(*end))) as u16).to_le_bytes();
            }
        }
    }

    /// Where a member begins, from the first member.
    #[inline(always)]
    fn start(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.end(index - 1) }
    }

    /// The score of an item.
    #[inline(always)]
    pub(super) fn score(&self, index: usize) -> f64 {
        self.width.read(&self.bytes, index)
    }

    /// The member of an item.
    #[inline(always)]
    pub(super) fn member(&self, index: usize) -> &[u8] {
        let base = self.members_at();
        &self.bytes[base + self.start(index)..base + self.end(index)]
    }

    /// An item.
    #[inline(always)]
    pub(super) fn item(&self, index: usize) -> (f64, &[u8]) {
        (self.score(index), self.member(index))
    }

    /// Bytes of this leaf with the items of another.
    fn size_with(&self, right: &Self) -> usize {
        let each = self.width.bytes().max(right.width.bytes()) + 2;
        let members = self.start(self.count()) + right.start(right.count());
        (self.count() + right.count()) * each + members
    }

    fn items(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = (f64, &[u8])> + Clone {
        range.map(|index| self.item(index))
    }

    /// How many items at the beginning satisfy a predicate, which none behind them does.
    #[inline]
    pub(super) fn partition_point(&self, mut pred: impl FnMut(f64, &Self, usize) -> bool) -> usize {
        paged::prefetch(&self.bytes[..self.ends_at()]);
        let (mut low, mut high) = (0, self.count as usize);
        while low < high {
            let middle = usize::midpoint(low, high);
            if pred(self.score(middle), self, middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The place of an item, or where it would be.
    #[inline]
    pub(super) fn find(&self, score: f64, member: &[u8]) -> Result<usize, usize> {
        let at = self.partition_point(|other, leaf, index| {
            other < score || (other == score && leaf.member(index) < member)
        });
        let found =
            at < self.count as usize && self.score(at) == score && self.member(at) == member;
        if found { Ok(at) } else { Err(at) }
    }

    /// Asks for the lines that finding and adding an item read.
    #[inline]
    pub(super) fn prefetch(&self) {
        paged::prefetch(&self.bytes);
    }

    /// Adds an item at a place.
    pub(super) fn insert(&mut self, at: usize, score: f64, member: &[u8]) {
        let count = self.count as usize;
        let length = self.start(count) + member.len();
        if !self.width.fits(score) || (length > usize::from(u16::MAX) && !self.long) {
            let new = std::iter::once((score, member));
            *self = Self::build(self.items(0..at).chain(new).chain(self.items(at..count)));
            return;
        }
        let (width, end_bytes) = (self.width.bytes(), self.end_bytes());
        let start = self.start(at);
        allocation::open(
            &mut self.bytes,
            [
                (at * width, width),
                (count * width + at * end_bytes, end_bytes),
                (count * (width + end_bytes) + start, member.len()),
            ],
        );
        self.count += 1;
        self.width.write(&mut self.bytes, at, score);
        self.set_end(at, start + member.len());
        self.move_ends(at + 1, |end| end + member.len());
        let to = self.members_at() + start;
        self.bytes[to..to + member.len()].copy_from_slice(member);
    }

    /// Removes the item at a place.
    pub(super) fn remove(&mut self, at: usize) {
        let count = self.count as usize;
        let (width, end_bytes) = (self.width.bytes(), self.end_bytes());
        let start = self.start(at);
        let length = self.end(at) - start;
        self.move_ends(at + 1, |end| end - length);
        allocation::close(
            &mut self.bytes,
            [
                (at * width, width),
                (count * width + at * end_bytes, end_bytes),
                (count * (width + end_bytes) + start, length),
            ],
        );
        self.count -= 1;
    }

    /// Changes the score of the item at a place, if that leaves it between other items of this leaf
    /// (or where it is); else only removes it and answers false.
    pub(super) fn change_score(&mut self, at: usize, score: f64) -> bool {
        let member = self.member(at);
        let after_left = at > 0 && order(self.item(at - 1), (score, member)) == Ordering::Less;
        let before_right = at + 1 < self.count as usize
            && order((score, member), self.item(at + 1)) == Ordering::Less;
        if after_left && before_right && self.width.fits(score) {
            self.width.write(&mut self.bytes, at, score);
            return true;
        }
        let member = member.to_vec();
        self.remove(at);
        let Err(to) = self.find(score, &member) else { return false };
        let inside = 0 < to && to < self.count as usize;
        if inside {
            self.insert(to, score, &member);
        }
        inside
    }
}

impl Leaf for Items {
    type Sep = Sep;

    fn sep(&self) -> Sep {
        Sep::new(self.score(0), self.member(0))
    }

    fn refresh_sep(&self, sep: &mut Sep) {
        if sep.score.to_bits() != self.score(0).to_bits() || sep.member() != self.member(0) {
            *sep = self.sep();
        }
    }

    fn sep_bytes(sep: &Sep) -> usize {
        match &sep.member {
            SepMember::Short(..) => 0,
            SepMember::Long(member) => allocation::size_class(ARC_BYTES + member.len()),
        }
    }

    fn count(&self) -> usize {
        self.count as usize
    }

    fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    fn is_over(&self) -> bool {
        self.bytes.len() > BYTES_MAX
    }

    fn is_under(&self) -> bool {
        self.bytes.len() < BYTES_MAX / 4
    }

    fn split(&mut self, edge: Edge) -> Self {
        let count = self.count as usize;
        let at = match edge {
            Edge::First => 1,
            Edge::Last => count - 1,
            Edge::Inside => {
                let head = self.width.bytes() + self.end_bytes();
                let half = self.bytes.len() / 2;
                (1..count - 1).find(|&at| at * head + self.end(at - 1) >= half).unwrap_or(count - 1)
            }
        };
        self.split_off(at)
    }

    fn split_off(&mut self, at: usize) -> Self {
        let right = Self::build(self.items(at..self.count as usize));
        *self = Self::build(self.items(0..at));
        right
    }

    fn can_absorb(&self, right: &Self) -> bool {
        self.size_with(right) <= BYTES_MAX
    }

    fn absorb(&mut self, right: Self) {
        *self = Self::build(self.items(0..self.count()).chain(right.items(0..right.count())));
    }

    /// An eighth of each stays free, or they would soon be evened out again.
    fn can_share(&self, right: &Self) -> bool {
        (self.is_over() || right.is_over())
            && self.size_with(right) <= 2 * BYTES_MAX - BYTES_MAX / 4
    }

    fn share(&mut self, right: &mut Self) {
        let left = std::mem::take(self);
        let (count, all) = (left.count(), left.count() + right.count());
        let item = |n: usize| if n < count { left.item(n) } else { right.item(n - count) };
        let each = 2 + left.width.bytes().max(right.width.bytes());
        let half = left.size_with(right) / 2;
        let mut length = 0;
        let at = (1..all - 1)
            .find(|&at| {
                length += item(at - 1).1.len() + each;
                length >= half
            })
            .unwrap_or(all - 1);
        *self = Self::build((0..at).map(item));
        *right = Self::build((at..all).map(item));
    }
}
