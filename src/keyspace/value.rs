//! What stands under a key: the types, and how a string is kept.
//!
//! A string is kept in one of three ways, chosen by [`stored`] and nowhere else:
//!
//! | form | when | `OBJECT ENCODING` |
//! |---|---|---|
//! | integer | it is exactly what printing an i64 gives | `int` |
//! | bytes in the page | at most [`paged::INLINE_MAX`] bytes | `embstr` or `raw` |
//! | [`Object::String`] | longer | `raw` |
//!
//! The unit of copying of a long string is the string: where a snapshot, a reply under way, a read
//! on the pool, a copy (COPY) or a record that is not written yet shares it, the next change in
//! place (APPEND, SETRANGE, SETBIT, BITFIELD) copies it whole, once. Collections are copied by the
//! node or page.

use crate::base::number;
use crate::paged::{self, NewValue, PageHeap, Value};
use crate::types::hash::{Hash, HashRef};
use crate::types::intset::IntSetRef;
use crate::types::list::{List, ListRef};
use crate::types::packed::PackedRef;
use crate::types::set::{Set, SetRef};
use crate::types::stream::Stream;
use crate::types::zset::{Zset, ZsetRef};
use std::borrow::Cow;
use std::sync::Arc;

/// Page kind of a string that was set as a whole.
pub const KIND_STRING: u8 = 0;
/// Page kind of a string that was changed in place (APPEND, SETRANGE): Redis then says `raw`.
pub const KIND_STRING_CHANGED: u8 = 1;

/// Page kind of a list's small form: packed elements.
pub const KIND_LIST: u8 = 2;
/// Page kind of a set of integers.
pub const KIND_SET_INTS: u8 = 3;
/// Page kind of a set's small form: packed members.
pub const KIND_SET: u8 = 4;
/// Page kind of a hash's small form: packed fields and values in turn.
pub const KIND_HASH: u8 = 5;
/// Page kind of a sorted set's small form: packed members and scores in turn, in order.
pub const KIND_ZSET: u8 = 6;

/// The Redis type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A string.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
}

impl Type {
    /// The name that TYPE answers.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
        }
    }
}

/// A value that does not fit a page. Cloning it shares it.
#[derive(Clone)]
pub enum Object {
    /// A long string. Shared with replies under way, so that they are sent from where they lie.
    String(Arc<Vec<u8>>),
    /// A small collection that is too long for the page.
    Packed(Arc<PackedObject>),
    /// A large list.
    List(Arc<List>),
    /// A large set.
    Set(Arc<Set>),
    /// A large hash.
    Hash(Arc<Hash>),
    /// A large sorted set.
    Zset(Arc<Zset>),
    /// A stream of any size.
    Stream(Arc<Stream>),
    /// It is out to be edited: never seen outside [`super::Keyspace::edit`].
    Away,
}

/// A small form of more than [`paged::INLINE_MAX`] bytes.
#[derive(Clone)]
pub struct PackedObject {
    /// The page kind it would have: which type's form it is.
    pub kind: u8,
    /// The form's bytes.
    pub bytes: Vec<u8>,
}

impl PackedObject {
    /// Keeps `bytes`, giving back much unused room.
    pub fn new(kind: u8, mut bytes: Vec<u8>) -> Self {
        /// An eighth may stay unused: about what the allocator's size classes leave anyway.
        const UNUSED_PART: usize = 8;
        if bytes.capacity() - bytes.len() > bytes.len() / UNUSED_PART {
            bytes.shrink_to_fit();
        }
        PackedObject { kind, bytes }
    }
}

impl Object {
    /// What it is, for messages about broken invariants.
    pub(in crate::keyspace) fn name(&self) -> &'static str {
        match self {
            Object::String(_) => "a string",
            Object::Packed(_) => "a small collection",
            Object::List(_) => "a list",
            Object::Set(_) => "a set",
            Object::Hash(_) => "a hash",
            Object::Zset(_) => "a sorted set",
            Object::Stream(_) => "a stream",
            Object::Away => "a value being edited",
        }
    }
}

impl paged::Object for Object {
    fn heap_bytes(&self) -> usize {
        /// An Arc's two counters.
        const ARC_BYTES: usize = 16;
        match self {
            Object::String(bytes) => ARC_BYTES + size_of::<Vec<u8>>() + bytes.capacity(),
            Object::Packed(packed) => {
                ARC_BYTES + size_of::<PackedObject>() + packed.bytes.capacity()
            }
            Object::List(list) => ARC_BYTES + list.heap_bytes(),
            Object::Set(set) => ARC_BYTES + set.heap_bytes(),
            Object::Hash(hash) => ARC_BYTES + hash.heap_bytes(),
            Object::Zset(zset) => ARC_BYTES + zset.heap_bytes(),
            Object::Stream(stream) => ARC_BYTES + size_of::<Stream>() + stream.heap_bytes(),
            Object::Away => 0,
        }
    }

    fn evacuate(&mut self, heap: &mut PageHeap, cursor: &mut u64, pages: &mut usize) -> bool {
        // What is shared stays where it is.
        match self {
            Object::Set(set) => {
                Arc::get_mut(set).is_none_or(|set| set.evacuate(heap, cursor, pages))
            }
            Object::Hash(hash) => {
                Arc::get_mut(hash).is_none_or(|hash| hash.evacuate(heap, cursor, pages))
            }
            Object::String(_)
            | Object::Packed(_)
            | Object::List(_)
            | Object::Zset(_)
            | Object::Stream(_)
            | Object::Away => true,
        }
    }
}

/// One entry of a database, as found.
pub struct Entry<'a>(pub(in crate::keyspace) paged::Entry<'a, Object>);

impl<'a> Entry<'a> {
    /// Wraps an entry that a walk over a table found.
    pub fn new(entry: paged::Entry<'a, Object>) -> Self {
        Entry(entry)
    }

    /// The key.
    pub fn key(&self) -> &'a [u8] {
        self.0.key
    }

    /// When it expires, unix time in ms.
    pub fn expiry(&self) -> Option<u64> {
        (self.0.expiry != 0).then_some(self.0.expiry)
    }

    /// The access clock, 24 bits.
    pub fn clock(&self) -> u32 {
        self.0.clock
    }

    /// Whether the value is the very one of another entry, as far as that is told without looking
    /// through it. A large one is not if it was copied to be changed, whatever became of it. None:
    /// small ones, which may be equal or not.
    pub fn is_value_of(&self, other: &Entry<'_>) -> Option<bool> {
        use Object::{Hash, List, Packed, Set, Stream, String, Zset};
        let is_same = match (&self.0.value, &other.0.value) {
            (Value::Int(one), Value::Int(other)) => return Some(one == other),
            (
                Value::Bytes { kind, bytes },
                Value::Bytes { kind: other_kind, bytes: other_bytes },
            ) => return Some(kind == other_kind && bytes == other_bytes),
            (Value::Object(one), Value::Object(other)) => match (one, other) {
                // Small: whoever asks may compare them.
                (Packed(one), Packed(other)) => return Arc::ptr_eq(one, other).then_some(true),
                (String(one), String(other)) => Arc::ptr_eq(one, other),
                (List(one), List(other)) => Arc::ptr_eq(one, other),
                (Set(one), Set(other)) => Arc::ptr_eq(one, other),
                (Hash(one), Hash(other)) => Arc::ptr_eq(one, other),
                (Zset(one), Zset(other)) => Arc::ptr_eq(one, other),
                (Stream(one), Stream(other)) => Arc::ptr_eq(one, other),
                _ => false,
            },
            (Value::Int(_) | Value::Bytes { .. }, Value::Int(_) | Value::Bytes { .. }) => {
                return None;
            }
            // One is large, the other is not.
            _ => false,
        };
        Some(is_same)
    }

    /// The Redis type.
    pub fn value_type(&self) -> Type {
        if let Some((kind, _)) = self.small() {
            return match kind {
                KIND_LIST => Type::List,
                KIND_SET_INTS | KIND_SET => Type::Set,
                KIND_HASH => Type::Hash,
                KIND_ZSET => Type::Zset,
                _ => Type::String,
            };
        }
        match self.0.value {
            Value::Object(Object::List(_)) => Type::List,
            Value::Object(Object::Set(_)) => Type::Set,
            Value::Object(Object::Hash(_)) => Type::Hash,
            Value::Object(Object::Zset(_)) => Type::Zset,
            Value::Object(Object::Stream(_)) => Type::Stream,
            _ => Type::String,
        }
    }

    /// A small form, with its page kind (those of strings too).
    #[inline]
    fn small(&self) -> Option<(u8, &'a [u8])> {
        match self.0.value {
            Value::Bytes { kind, bytes } => Some((kind, bytes)),
            Value::Object(Object::Packed(packed)) => Some((packed.kind, &packed.bytes)),
            _ => None,
        }
    }

    /// The value, if it is a list.
    #[inline]
    pub fn list(&self) -> Option<ListRef<'a>> {
        match self.small() {
            Some((KIND_LIST, bytes)) => Some(ListRef::Packed(PackedRef::new(bytes))),
            Some(_) => None,
            None => match self.0.value {
                Value::Object(Object::List(list)) => Some(ListRef::Tree(list)),
                _ => None,
            },
        }
    }

    /// The value, if it is a set.
    #[inline]
    pub fn set(&self) -> Option<SetRef<'a>> {
        match self.small() {
            Some((KIND_SET_INTS, bytes)) => Some(SetRef::Ints(IntSetRef::new(bytes))),
            Some((KIND_SET, bytes)) => Some(SetRef::Packed(PackedRef::new(bytes))),
            Some(_) => None,
            None => match self.0.value {
                Value::Object(Object::Set(set)) => Some(SetRef::Table(set)),
                _ => None,
            },
        }
    }

    /// The value, if it is a sorted set.
    #[inline]
    pub fn zset(&self) -> Option<ZsetRef<'a>> {
        match self.small() {
            Some((KIND_ZSET, bytes)) => Some(ZsetRef::Packed(PackedRef::new(bytes))),
            Some(_) => None,
            None => match self.0.value {
                Value::Object(Object::Zset(zset)) => Some(ZsetRef::Tree(zset)),
                _ => None,
            },
        }
    }

    /// The value, if it is a hash.
    #[inline]
    pub fn hash(&self) -> Option<HashRef<'a>> {
        match self.small() {
            Some((KIND_HASH, bytes)) => Some(HashRef::Packed(PackedRef::new(bytes))),
            Some(_) => None,
            None => match self.0.value {
                Value::Object(Object::Hash(hash)) => Some(HashRef::Table(hash)),
                _ => None,
            },
        }
    }

    /// The value, if it is a stream.
    #[inline]
    pub fn stream(&self) -> Option<&'a Arc<Stream>> {
        match self.0.value {
            Value::Object(Object::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    /// The value, if it is a string.
    #[inline]
    pub fn string(&self) -> Option<StringRef<'a>> {
        match self.0.value {
            Value::Int(number) => Some(StringRef::Int(number)),
            Value::Bytes { kind: KIND_STRING | KIND_STRING_CHANGED, bytes } => {
                Some(StringRef::Bytes(bytes))
            }
            Value::Bytes { .. } => None,
            Value::Object(Object::String(bytes)) => Some(StringRef::Shared(bytes)),
            Value::Object(_) => None,
        }
    }

    /// What OBJECT ENCODING answers: for strings `int`, `embstr` or `raw`, see [`embedded`].
    pub fn encoding(&self) -> &'static str {
        if let Some(list) = self.list() {
            return list.encoding();
        }
        if let Some(set) = self.set() {
            return set.encoding();
        }
        if let Some(hash) = self.hash() {
            return hash.encoding();
        }
        if let Some(zset) = self.zset() {
            return zset.encoding();
        }
        if self.stream().is_some() {
            return "stream";
        }
        match self.0.value {
            Value::Int(_) => "int",
            Value::Bytes { kind: KIND_STRING, bytes }
                if embedded(self.0.key.len(), bytes.len(), self.0.expiry != 0) =>
            {
                "embstr"
            }
            Value::Bytes { .. } | Value::Object(_) => "raw",
        }
    }

    /// Bytes that key and value take, in their page and outside.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Bytes the value takes outside its page.
    pub fn object_bytes(&self) -> usize {
        match self.0.value {
            Value::Object(object) => paged::Object::heap_bytes(object),
            _ => 0,
        }
    }
}

/// A string where it lies.
#[derive(Debug, Clone, Copy)]
pub enum StringRef<'a> {
    /// Its bytes, in a page.
    Bytes(&'a [u8]),
    /// An integer; the string is its decimal form.
    Int(i64),
    /// A long string, out of line.
    Shared(&'a Arc<Vec<u8>>),
}

impl<'a> StringRef<'a> {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            StringRef::Bytes(bytes) => bytes.len(),
            StringRef::Int(number) => itoa::Buffer::new().format(*number).len(),
            StringRef::Shared(bytes) => bytes.len(),
        }
    }

    /// Whether it is the empty string.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes; copied only if it is an integer.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        match *self {
            StringRef::Bytes(bytes) => Cow::Borrowed(bytes),
            StringRef::Int(number) => {
                Cow::Owned(itoa::Buffer::new().format(number).as_bytes().to_vec())
            }
            StringRef::Shared(bytes) => Cow::Borrowed(bytes.as_slice()),
        }
    }

    /// Its bytes, copied.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes().into_owned()
    }

    /// The integer that it is, by Redis' strict rule (no sign `+`, no leading zero or space).
    pub fn integer(&self) -> Option<i64> {
        match self {
            StringRef::Int(number) => Some(*number),
            StringRef::Bytes(bytes) => number::parse_i64(bytes),
            StringRef::Shared(_) => None,
        }
    }
}

/// How `bytes` are kept: the one place that decides it. `changed` says that it is the result of a
/// change in place, which Redis does not turn into an integer.
#[inline]
pub fn stored(bytes: &[u8], changed: bool) -> NewValue<'_, Object> {
    if bytes.len() > paged::INLINE_MAX {
        return NewValue::Object(Object::String(Arc::new(bytes.to_vec())));
    }
    if changed {
        return NewValue::Bytes { kind: KIND_STRING_CHANGED, bytes };
    }
    // Nothing longer than "-9223372036854775808" is an integer.
    if bytes.len() <= 20
        && let Some(number) = number::parse_i64(bytes)
    {
        return NewValue::Int(number);
    }
    NewValue::Bytes { kind: KIND_STRING, bytes }
}

/// Whether Valkey 9.1 keeps key, expiry and value of these lengths in one block, which it calls
/// `embstr`.
///
/// The block is at most 128 bytes: 8 for the object, 8 for an expiry, 3 + length for the key (5
/// from 32 bytes on), 4 + length for the value. So `K` takes values up to 112 bytes, 104 with an
/// expiry. A key too long to share the block with an expiry leaves it outside. Found by trying
/// lengths around the limits; one thing is not followed: in Valkey a key that once had an expiry
/// keeps the room for it. (In Redis 7.0 it is: values up to 44 bytes.)
fn embedded(key: usize, value: usize, expires: bool) -> bool {
    const BLOCK_BYTES: usize = 128;
    const OBJECT_BYTES: usize = 8;
    const EXPIRY_BYTES: usize = 8;
    const VALUE_HEAD_BYTES: usize = 4;
    let with_key = OBJECT_BYTES + key + if key < 32 { 3 } else { 5 };
    let with_expiry = if expires { with_key + EXPIRY_BYTES } else { with_key };
    let before_value = if with_expiry > BLOCK_BYTES { with_key } else { with_expiry };
    before_value + VALUE_HEAD_BYTES + value <= BLOCK_BYTES
}

/// Seconds of the access clock before it wraps: 24 bits.
pub const CLOCK_MASK: u32 = 0xFF_FFFF;

/// The least-recently-used clock at a unix time in ms: seconds, 24 bits (as Redis'
/// `LRU_CLOCK_RESOLUTION` of 1 s).
pub fn lru_clock(now_ms: u64) -> u32 {
    (now_ms / 1000) as u32 & CLOCK_MASK
}

/// Seconds between an entry's clock and now's, the wrap taken into account.
pub fn idle_seconds(entry_clock: u32, now_clock: u32) -> u64 {
    u64::from(now_clock.wrapping_sub(entry_clock) & CLOCK_MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_at_the_lengths_where_valkey_changes() {
        // Key length, longest embedded value without and with an expiry; as Valkey 9.1.2 answers.
        for (key, without, with) in [
            (0, Some(113), Some(105)),
            (1, Some(112), Some(104)),
            (31, Some(82), Some(74)),
            (32, Some(79), Some(71)),
            (64, Some(47), Some(39)),
            (103, Some(8), Some(0)),
            (104, Some(7), None),
            (107, Some(4), None),
            (108, Some(3), Some(3)),
            (111, Some(0), Some(0)),
            (112, None, None),
            (1000, None, None),
        ] {
            let longest = |expires| (0..200).filter(|value| embedded(key, *value, expires)).max();
            assert_eq!((longest(false), longest(true)), (without, with), "key of {key}");
        }
    }

    #[test]
    fn large_sets_are_evacuated_step_by_step() {
        let (mut heap, mut table) = (PageHeap::new(), paged::Table::<Object>::new());
        let keys: [&[u8]; 3] = [b"a", b"b", b"c"];
        for key in keys {
            let mut set = Set::new();
            for n in 0..150_000u32 {
                set.insert(format!("member {n}").as_bytes(), &mut heap);
            }
            for n in (0..150_000u32).filter(|n| n % 8 != 0) {
                set.remove(format!("member {n}").as_bytes(), &mut heap);
            }
            let value = NewValue::Object(Object::Set(Arc::new(set)));
            table.upsert(&mut heap, paged::hash(key), key, value, paged::Expiry::None, 0);
        }
        let before = heap.committed_bytes();
        while !heap.begin_evacuation(2) {}
        assert!(heap.evacuating_segments() > 2);
        let (mut cursor, mut steps) = (paged::EvacuationCursor::default(), 1);
        while !table.evacuate(&mut heap, &mut cursor, &mut 1) {
            steps += 1;
        }
        // At least the pages of all three sets, and none of them again and again.
        assert!((1_500..60_000).contains(&steps), "{steps}");
        while !heap.end_evacuation(2) {}
        assert!(heap.committed_bytes() < before / 2, "{before} {}", heap.committed_bytes());
        let mut objects = 0;
        for key in keys {
            let found = table.get(paged::hash(key), key).map(Entry::new).unwrap();
            assert!(found.set().unwrap().len() == 18_750);
            objects += found.object_bytes();
        }
        assert!((objects..objects + 4096).contains(&table.bytes()), "the account is right");
    }
}
