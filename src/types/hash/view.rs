//! Reading a hash, whatever its form.

use std::ops::ControlFlow;

use super::super::choice;
use super::super::packed::{Element, PackedRef};
use super::{Hash, found};

/// The time of the first expiry is only asked of hashes with so many fields: in larger ones it
/// takes longer to find than a field does.
const DATED_MAX: usize = 20_000;
/// After this many expired fields in a row a random choice looks at all fields instead.
const RANDOM_TRIES: usize = 64;

/// A hash where it lies.
#[derive(Clone, Copy)]
pub enum HashRef<'a> {
    /// The small form: field, value, field, value...
    Packed(PackedRef<'a>),
    /// The large form.
    Table(&'a Hash),
}

/// A field as it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: Element<'a>,
    /// Its value.
    pub value: Element<'a>,
    /// When it expires, unix ms.
    pub expiry: Option<u64>,
}

impl Field<'_> {
    /// Whether its time has passed: at that very millisecond it is still there, like a key.
    #[inline]
    pub fn expired(&self, now_ms: u64) -> bool {
        self.expiry.is_some_and(|expiry| expiry < now_ms)
    }
}

impl<'a> HashRef<'a> {
    /// How many fields there are, expired ones included.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            HashRef::Packed(packed) => packed.len() / 2,
            HashRef::Table(hash) => hash.len(),
        }
    }

    /// Whether there is no field, not even an expired one.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether a field may have expired: where none can have, nobody need look for one. O(1).
    #[inline]
    pub fn may_have_expired(self, now_ms: u64) -> bool {
        match self {
            HashRef::Packed(_) => false,
            HashRef::Table(hash) if hash.expiring() == 0 => false,
            HashRef::Table(hash) => hash.len() > DATED_MAX || hash.0.earliest_expiry() < now_ms,
        }
    }

    /// A field, expired or not.
    #[inline]
    pub fn field(self, field: &[u8]) -> Option<Field<'a>> {
        match self {
            HashRef::Packed(packed) => {
                let position = packed.find(field, 2)?;
                let (name, value) = (packed.at(position)?, packed.at(packed.after(position))?);
                Some(Field { name, value, expiry: None })
            }
            HashRef::Table(hash) => hash.get(field),
        }
    }

    /// A field, unless it has expired.
    #[inline]
    pub fn live(self, field: &[u8], now_ms: u64) -> Option<Field<'a>> {
        self.field(field).filter(|found| !found.expired(now_ms))
    }

    /// A field's value, unless it has expired.
    #[inline]
    pub fn get(self, field: &[u8], now_ms: u64) -> Option<Element<'a>> {
        self.live(field, now_ms).map(|found| found.value)
    }

    /// Whether there is this field and it has not expired.
    #[inline]
    pub fn contains(self, field: &[u8], now_ms: u64) -> bool {
        self.live(field, now_ms).is_some()
    }

    /// Visits the fields that have not expired until `f` breaks; a small hash in order of
    /// insertion. Answers whether it did not break.
    pub fn each(
        self,
        now_ms: u64,
        mut f: impl FnMut(Field<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            HashRef::Packed(packed) => {
                packed.pairs().try_for_each(|(name, value)| f(Field { name, value, expiry: None }))
            }
            HashRef::Table(hash) => hash.0.walk(|entry| match found(&entry) {
                field if field.expired(now_ms) => ControlFlow::Continue(()),
                field => f(field),
            }),
        }
    }

    /// All fields that have not expired, in the order of [`HashRef::each`].
    pub fn fields(self, now_ms: u64) -> Vec<Field<'a>> {
        let mut fields = Vec::with_capacity(self.len());
        let walked = self.each(now_ms, |field| {
            fields.push(field);
            ControlFlow::Continue(())
        });
        debug_assert!(walked.is_continue());
        fields
    }

    /// One step of HSCAN: visits some fields that have not expired, and answers the next cursor; 0
    /// starts, and 0 says it was the last. A small hash comes whole.
    pub fn scan(self, cursor: u64, now_ms: u64, f: &mut dyn FnMut(Field<'a>)) -> u64 {
        match self {
            HashRef::Packed(_) => {
                self.fields(now_ms).into_iter().for_each(f);
                0
            }
            HashRef::Table(hash) => hash.0.scan(cursor, &mut |entry| {
                let field = found(&entry);
                if !field.expired(now_ms) {
                    f(field);
                }
            }),
        }
    }

    /// A field that has not expired chosen at random, each as likely as any other.
    pub fn random(self, now_ms: u64, rng: &mut dyn FnMut() -> u64) -> Option<Field<'a>> {
        self.draws(now_ms).next(rng)
    }

    /// For many such choices.
    pub fn draws(self, now_ms: u64) -> Draws<'a> {
        Draws { hash: self, now_ms, live: None }
    }

    /// Up to `count` different fields chosen at random among those that have not expired, in random
    /// order; all if there are no more.
    pub fn random_distinct(
        self,
        count: usize,
        now_ms: u64,
        rng: &mut dyn FnMut() -> u64,
    ) -> Vec<Field<'a>> {
        match self {
            // Most fields have no expiry: so a choice is rarely in vain.
            HashRef::Table(hash)
                if hash.expiring() <= hash.len() / 2
                    && count < (hash.len() - hash.expiring()) / 4 =>
            {
                let mut draws = self.draws(now_ms);
                let choose = || draws.next(rng);
                choice::distinct(count, choose, |field| field.name.cow())
            }
            _ => choice::shuffled(self.fields(now_ms), count, rng),
        }
    }

    /// How many fields have an expiry, expired ones included.
    pub fn expiring(self) -> usize {
        match self {
            HashRef::Packed(_) => 0,
            HashRef::Table(hash) => hash.expiring(),
        }
    }

    /// A time before which no field expires (unix ms), and which is rarely much before the first;
    /// none if no field has an expiry.
    pub fn earliest_expiry(self) -> Option<u64> {
        match self {
            HashRef::Packed(_) => None,
            HashRef::Table(hash) if hash.expiring() == 0 => None,
            HashRef::Table(hash) => Some(hash.0.earliest_expiry()),
        }
    }

    /// Up to about `max` fields whose time has passed.
    pub fn due(self, now_ms: u64, max: usize) -> Vec<Field<'a>> {
        let mut due = Vec::new();
        if let HashRef::Table(hash) = self
            && hash.0.earliest_expiry() < now_ms
        {
            let last = now_ms - 1;
            let mut cursor = 0;
            // A page has at most some dozens of entries: the last one may go over `max`.
            while due.len() < max
                && !hash.0.due(last, &mut cursor, 1, &mut |entry| due.push(found(&entry)))
            {
            }
        }
        due
    }

    /// What OBJECT ENCODING answers.
    pub fn encoding(self) -> &'static str {
        match self {
            HashRef::Packed(_) => "listpack",
            HashRef::Table(_) => "hashtable",
        }
    }
}

/// Fields chosen at random, each as likely as any other, one after the other; a field may come
/// again.
pub struct Draws<'a> {
    hash: HashRef<'a>,
    now_ms: u64,
    /// All that have not expired: gathered once when they turn out to be few among those that have.
    live: Option<Vec<Field<'a>>>,
}

impl<'a> Draws<'a> {
    /// The next one; none if all fields have expired.
    pub fn next(&mut self, rng: &mut dyn FnMut() -> u64) -> Option<Field<'a>> {
        let hash = match self.hash {
            HashRef::Packed(packed) => {
                let position = packed.position(2 * choice::below(rng, packed.len() / 2));
                let (name, value) = (packed.at(position)?, packed.at(packed.after(position))?);
                return Some(Field { name, value, expiry: None });
            }
            HashRef::Table(hash) => hash,
        };
        if self.live.is_none() {
            for _ in 0..RANDOM_TRIES {
                let field = found(&hash.0.random(rng)?);
                if !field.expired(self.now_ms) {
                    return Some(field);
                }
            }
        }
        let live = self.live.get_or_insert_with(|| self.hash.fields(self.now_ms));
        live.get(choice::below(rng, live.len())).copied()
    }
}
