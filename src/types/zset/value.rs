//! A sorted set that can be edited, in either form.
//!
//! It begins small, turns large when it has too many members or too long ones for
//! [`Limits`], and never turns back.

use std::ops::Range;
use std::sync::Arc;

use super::{Cut, Inserted, Zset, ZsetRef, unsigned_zero};
use crate::types::Limits;
use crate::types::packed::{Element, Packed};

/// A sorted set that can be edited.
#[derive(Clone)]
pub enum ZsetValue {
    /// The small form.
    Packed(Packed),
    /// The large form.
    Tree(Arc<Zset>),
}

impl Default for ZsetValue {
    fn default() -> Self {
        Self::new()
    }
}

/// A large set is shared, a small one copied.
impl From<ZsetRef<'_>> for ZsetValue {
    fn from(set: ZsetRef<'_>) -> Self {
        match set {
            ZsetRef::Packed(packed) => Self::Packed(packed.to_packed()),
            ZsetRef::Tree(set) => Self::Tree(Arc::new(set.clone())),
        }
    }
}

impl ZsetValue {
    /// An empty set.
    pub fn new() -> Self {
        Self::Packed(Packed::new())
    }

    /// A set of these, in whatever order, in the form that fits it. `None` if a member comes twice
    /// or a score is NaN.
    pub fn build<M: AsRef<[u8]>>(items: Vec<(f64, M)>, limits: &Limits) -> Option<Self> {
        let longest = items.iter().map(|item| item.1.as_ref().len()).max().unwrap_or(0);
        let small = limits.zset_fits(items.len()) && limits.zset_takes(0, longest);
        let set = Zset::build(items)?;
        if !small {
            return Some(Self::Tree(Arc::new(set)));
        }
        let mut packed = Packed::new();
        for (member, score) in set.range(0..set.len()) {
            packed.push_scored(score, Element::Bytes(member));
        }
        Some(Self::Packed(packed))
    }

    /// Everything that can be read.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "a view by value, which AsRef cannot give")]
    pub fn as_ref(&self) -> ZsetRef<'_> {
        match self {
            Self::Packed(packed) => ZsetRef::Packed(packed.as_ref()),
            Self::Tree(set) => ZsetRef::Tree(set),
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Prepares for `adding` members, the longest of `longest` bytes: as Valkey does for ZADD, too
    /// many or too long ones make the set large, even if some are there already.
    pub fn prepare(&mut self, adding: usize, longest: usize, limits: &Limits) {
        if matches!(self, Self::Packed(_))
            && !(limits.zset_fits(adding) && limits.zset_takes(0, longest))
        {
            self.tree();
        }
    }

    /// Adds a member, or gives it another score.
    ///
    /// # Panics
    ///
    /// If the score is NaN.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &Limits) -> Inserted {
        assert!(!score.is_nan(), "a score that has no place in the order");
        let packed = match self {
            Self::Tree(set) => {
                if let Some(set) = Arc::get_mut(set) {
                    return set.insert(member, score);
                }
                // A shared set is not copied for nothing.
                if set.score(member) == Some(score) {
                    return Inserted::Same;
                }
                return Arc::make_mut(set).insert(member, score);
            }
            Self::Packed(packed) => packed,
        };
        let score = unsigned_zero(score);
        let Some(found) = packed.as_ref().find_scored(member) else {
            let view = packed.as_ref();
            if limits.zset_fits(view.len() / 2 + 1)
                && limits.zset_takes(view.bytes().len(), member.len())
            {
                packed.insert_scored(score, member);
            } else {
                self.tree().insert(member, score);
            }
            return Inserted::Added;
        };
        let (old, position) = (found.score, found.position);
        if old == score {
            return Inserted::Same;
        }
        packed.remove(position, 2);
        packed.insert_scored(score, member);
        Inserted::Updated(old)
    }

    /// Takes a member out; answers its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Packed(packed) => packed.remove_scored(member),
            Self::Tree(set) => {
                if let Some(set) = Arc::get_mut(set) {
                    return set.remove(member);
                }
                // A shared set is not copied for nothing.
                set.score(member)?;
                Arc::make_mut(set).remove(member)
            }
        }
    }

    /// Takes the members of these ranks out, those that there are. What a large set had there is
    /// answered, since freeing it may take time.
    pub fn remove_range(&mut self, ranks: Range<usize>) -> Option<Cut> {
        let end = ranks.end.min(self.len());
        if ranks.start >= end {
            return None;
        }
        match self {
            Self::Packed(packed) => {
                let position = packed.as_ref().position(2 * ranks.start);
                packed.remove(position, 2 * (end - ranks.start));
                None
            }
            Self::Tree(set) => Some(Arc::make_mut(set).remove_range(ranks.start..end)),
        }
    }

    /// The large form, made if it is not there.
    fn tree(&mut self) -> &mut Zset {
        if let Self::Packed(packed) = self {
            let mut set = Zset::new();
            for (member, score) in packed.as_ref().scored() {
                member.with(|member| set.insert(member, score));
            }
            *self = Self::Tree(Arc::new(set));
        }
        match self {
            Self::Tree(set) => Arc::make_mut(set),
            Self::Packed(_) => unreachable!("a set that was just made large"),
        }
    }
}
