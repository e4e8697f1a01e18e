//! Looking at the keyspace: one database at one instant, with what has expired hidden.

use super::value::{Entry, StringRef};
use super::{Db, Key, Keyspace, WrongType};
use crate::base::clock::UnixMs;
use crate::base::limits;
use crate::base::rng::Rng;
use crate::types::hash::HashRef;
use crate::types::list::ListRef;
use crate::types::set::SetRef;
use crate::types::stream::Stream;
use crate::types::zset::ZsetRef;

/// How often a random key is drawn again because the one drawn had expired: Redis' bound.
const RANDOM_TRIES: usize = 100;

/// What a command may see: one database at one instant, expired keys hidden.
#[derive(Clone, Copy)]
pub struct View<'a> {
    keyspace: &'a Keyspace,
    db: Db,
    now: UnixMs,
    counting: bool,
    /// Of what it finds expired, so many notes are enough.
    notes_max: u32,
}

impl<'a> View<'a> {
    /// See [`Keyspace::view`].
    #[inline]
    pub(super) fn new(keyspace: &'a Keyspace, db: Db, now: UnixMs) -> Self {
        View { keyspace, db, now, counting: false, notes_max: u32::MAX }
    }

    /// The same view, counting hits and misses: for look-ups that count as reads.
    #[inline]
    pub fn counted(self) -> Self {
        View { counting: true, ..self }
    }

    /// The view of a command that only reads: look-ups are counted, and of the keys that it finds
    /// expired it notes [`limits::EXPIRED_NOTES_MAX`] at most. The removals are one hold of the
    /// lock and one group of the log, and the expiry cycle finds the rest. (A change may not leave
    /// any out: what it has found expired must be gone before it lands there.)
    #[inline]
    pub fn of_read(self) -> Self {
        View { counting: true, notes_max: limits::EXPIRED_NOTES_MAX, ..self }
    }

    /// The longest that a command may make a string, bytes: `proto-max-bulk-len`; what a log of
    /// ours can hold during replay, since the parameter may have been another then.
    pub fn string_bytes_max(&self) -> u64 {
        if self.now == UnixMs::ZERO {
            limits::STRING_BYTES_MAX
        } else {
            self.keyspace.limits().string_bytes
        }
    }

    /// The same view, counting none: for commands that ask how something is kept, not for what is
    /// in it.
    #[inline]
    pub fn uncounted(self) -> Self {
        View { counting: false, ..self }
    }

    /// The whole keyspace.
    pub fn keyspace(&self) -> &'a Keyspace {
        self.keyspace
    }

    /// The database looked at.
    pub fn db(&self) -> Db {
        self.db
    }

    /// The instant of the look; [`UnixMs::ZERO`] during replay.
    pub fn now(&self) -> UnixMs {
        self.now
    }

    /// The same instant in another database.
    pub fn of(self, db: Db) -> Self {
        View { db, ..self }
    }

    /// Keys in the database, expired ones that are not yet removed included (as in Redis).
    pub fn len(&self) -> usize {
        self.keyspace.table(self.db).len()
    }

    /// Whether the database has no key at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry under `key`, unless it has expired; then a note is left for whoever may remove it.
    #[inline]
    pub fn entry(&self, key: Key<'_>) -> Option<Entry<'a>> {
        self.look(key)
    }

    /// [`Self::entry`], for those below who only pass a small part of it on: an entry is large to
    /// hand from function to function.
    #[inline(always)]
    fn look(&self, key: Key<'_>) -> Option<Entry<'a>> {
        let found = self.keyspace.table(self.db).get(key.hash, key.bytes);
        let live = match found {
            Some(entry) if self.has_expired(entry.expiry) => {
                self.notice(key.bytes);
                None
            }
            other => other,
        };
        if self.counting {
            let lookups = &self.keyspace.lookups;
            let counter = if live.is_some() { &lookups.hits } else { &lookups.misses };
            counter.set(counter.get() + 1);
        }
        live.map(Entry)
    }

    /// The string under `key`.
    #[inline]
    pub fn string(&self, key: Key<'_>) -> Result<Option<StringRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(WrongType),
        }
    }

    /// The list under `key`.
    #[inline]
    pub fn list(&self, key: Key<'_>) -> Result<Option<ListRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.list().map(Some).ok_or(WrongType),
        }
    }

    /// The set under `key`.
    #[inline]
    pub fn set(&self, key: Key<'_>) -> Result<Option<SetRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.set().map(Some).ok_or(WrongType),
        }
    }

    /// The sorted set under `key`.
    #[inline]
    pub fn zset(&self, key: Key<'_>) -> Result<Option<ZsetRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.zset().map(Some).ok_or(WrongType),
        }
    }

    /// The hash under `key`. Its fields may have expired: whoever reads them gives them the
    /// instant, [`Self::now`].
    #[inline]
    pub fn hash(&self, key: Key<'_>) -> Result<Option<HashRef<'a>>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.hash().map(Some).ok_or(WrongType),
        }
    }

    /// The stream under `key`.
    pub fn stream(&self, key: Key<'_>) -> Result<Option<&'a Stream>, WrongType> {
        match self.look(key) {
            None => Ok(None),
            Some(entry) => entry.stream().map(|stream| Some(&**stream)).ok_or(WrongType),
        }
    }

    /// Whether a live value of any type stands under `key`.
    #[inline]
    pub fn exists(&self, key: Key<'_>) -> bool {
        self.entry(key).is_some()
    }

    /// Whether an expiry (ms, 0 = none) has passed.
    #[inline]
    pub fn has_expired(&self, expiry: u64) -> bool {
        expiry != 0 && self.now.0 > expiry
    }

    /// One page's live keys from `cursor` on: the SCAN step. Returns the next cursor, 0 at the end.
    pub fn scan(&self, cursor: u64, found: &mut dyn FnMut(Entry<'_>)) -> u64 {
        self.keyspace.table(self.db).scan(cursor, &mut |entry| {
            if self.has_expired(entry.expiry) {
                self.notice(entry.key);
            } else {
                found(Entry(entry));
            }
        })
    }

    /// A live key, each with the same chance; `seed` makes the choice. While it only meets expired
    /// keys it draws [`RANDOM_TRIES`] times; then it takes the first live key of as many pages,
    /// and none if there is none there.
    pub fn random(&self, seed: u64) -> Option<Entry<'a>> {
        let table = self.keyspace.table(self.db);
        let mut rng = Rng::from_seed(seed);
        for _ in 0..RANDOM_TRIES {
            let entry = table.random(&mut || rng.u64())?;
            if !self.has_expired(entry.expiry) {
                return Some(Entry(entry));
            }
            self.notice(entry.key);
        }
        let mut cursor = 0;
        for _ in 0..RANDOM_TRIES {
            let mut live = None;
            cursor = self.scan(cursor, &mut |entry| {
                live.get_or_insert_with(|| entry.key().to_vec());
            });
            if let Some(key) = live {
                return View { counting: false, ..*self }.entry(Key::new(&key));
            }
            if cursor == 0 {
                break;
            }
        }
        None
    }

    #[cold]
    fn notice(&self, key: &[u8]) {
        let mut notes = self.keyspace.noticed.borrow_mut();
        if notes.len() < self.notes_max as usize {
            notes.push((self.db, key.to_vec()));
        }
    }
}
