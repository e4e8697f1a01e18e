//! The digest of a data set: equal data, equal digest, in any Redis-compatible server.
//!
//! The construction is Redis' `DEBUG DIGEST` (debug.c): per key a chain of SHA-1s over key, type
//! and value, the hashes of all keys' chains combined by exclusive or, so that their order does not
//! matter. An expiry counts as present or absent; its time does not. Access clocks do not count.

use super::{Db, Entry, Frozen, Keyspace, Type};
use crate::base::double;
use crate::types::hash::HashRef;
use crate::types::list::ListRef;
use crate::types::set::SetRef;
use crate::types::stream::{Stream, StreamId};
use crate::types::zset::ZsetRef;
use sha1::{Digest as _, Sha1};
use std::ops::ControlFlow;

/// A SHA-1 sized digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(pub [u8; 20]);

impl Digest {
    /// 40 lower-case hexadecimal digits, as DEBUG DIGEST prints it.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Combines with what was hashed in any order.
    fn xor(&mut self, other: &[u8]) {
        for (mine, theirs) in self.0.iter_mut().zip(other) {
            *mine ^= theirs;
        }
    }

    /// Combines with data whose order matters: exclusive or with its hash, then hash the result.
    fn mix(&mut self, data: &[u8]) {
        self.xor(&Sha1::digest(data));
        self.0 = Sha1::digest(self.0).into();
    }
}

/// The digest of a whole keyspace, DEBUG DIGEST. O(all data): run it on a frozen one.
pub fn of_keyspace(keyspace: &Keyspace) -> Digest {
    let mut digest = Digest::default();
    for n in 0..keyspace.databases() {
        let table = keyspace.table(Db(n as u16));
        if table.is_empty() {
            continue;
        }
        digest.mix(&(n as u32).to_be_bytes());
        // It never breaks off.
        let _whole = table.walk(|entry| {
            let mut one = Digest::default();
            one.mix(entry.key);
            value_into(&mut one, &Entry::new(entry));
            digest.xor(&Sha1::digest(one.0));
            ControlFlow::Continue(())
        });
    }
    digest
}

/// The digest of a frozen keyspace.
pub fn of_frozen(frozen: &Frozen) -> Digest {
    of_keyspace(frozen.keyspace())
}

/// The digest of one value, DEBUG DIGEST-VALUE: the key does not count.
pub fn of_value(entry: &Entry<'_>) -> Digest {
    let mut digest = Digest::default();
    value_into(&mut digest, entry);
    digest
}

/// Redis' type numbers (`OBJ_STRING`…), as the digest has them.
fn type_number(value_type: Type) -> u32 {
    match value_type {
        Type::String => 0,
        Type::List => 1,
        Type::Set => 2,
        Type::Zset => 3,
        Type::Hash => 4,
        Type::Stream => 6,
    }
}

fn value_into(digest: &mut Digest, entry: &Entry<'_>) {
    digest.mix(&type_number(entry.value_type()).to_be_bytes());
    if let Some(string) = entry.string() {
        digest.mix(&string.bytes());
    } else if let Some(list) = entry.list() {
        list_into(digest, list);
    } else if let Some(set) = entry.set() {
        set_into(digest, set);
    } else if let Some(zset) = entry.zset() {
        zset_into(digest, zset);
    } else if let Some(hash) = entry.hash() {
        hash_into(digest, hash);
    } else if let Some(stream) = entry.stream() {
        stream_into(digest, stream);
    }
    if entry.expiry().is_some() {
        digest.xor(&Sha1::digest(b"!!expire!!"));
    }
}

fn list_into(digest: &mut Digest, list: ListRef<'_>) {
    for element in list.iter() {
        element.with(|bytes| digest.mix(bytes));
    }
}

fn set_into(digest: &mut Digest, set: SetRef<'_>) {
    // It never breaks off.
    let _whole = set.each(|member| {
        member.with(|bytes| digest.xor(&Sha1::digest(bytes)));
        ControlFlow::Continue(())
    });
}

fn zset_into(digest: &mut Digest, zset: ZsetRef<'_>) {
    for (member, score) in zset.iter() {
        let mut one = Digest::default();
        member.with(|bytes| one.mix(bytes));
        one.mix(double::shortest(score).as_bytes());
        digest.xor(&Sha1::digest(one.0));
    }
}

fn hash_into(digest: &mut Digest, hash: HashRef<'_>) {
    // Expired fields that are not yet removed count, like expired keys.
    const HIDE_NOTHING: u64 = 0;
    let _whole = hash.each(HIDE_NOTHING, |field| {
        let mut one = Digest::default();
        field.name.with(|bytes| one.mix(bytes));
        field.value.with(|bytes| one.mix(bytes));
        digest.xor(&Sha1::digest(one.0));
        ControlFlow::Continue(())
    });
}

/// Entries only: Redis leaves the groups out.
fn stream_into(digest: &mut Digest, stream: &Stream) {
    for entry in stream.range(StreamId::MIN, StreamId::MAX) {
        digest.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
        for (field, value) in entry.pairs() {
            field.with(|bytes| digest.mix(bytes));
            value.with(|bytes| digest.mix(bytes));
        }
    }
}
