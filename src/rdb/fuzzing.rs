//! Entry points for fuzzers. Each takes any bytes and asserts what must hold for all of them;
//! the tests run them over damaged files.

use super::dump::DumpValue;
use super::{
    Chunk, Entry, Fed, Format, Hash, List, LoadError, LoadOptions, Loader, Modules, Refused, Rest,
    Set, Sink, StringValue, Summary, Text, Zset, dump, entry, load, stream,
};
use crate::base::clock::UnixMs;
use crate::keyspace::load::{self as keyspace_load, Gathered};
use crate::keyspace::{self, Db, Key, Keyspace, Reclaimer, StringRef};
use crate::types::Limits;
use crate::types::packed::Element;
use crate::types::stream::Chunk as Node;

/// Everything a sink can be told, as text that can be compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told(Vec<String>);

impl Sink for Told {
    fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        self.0.push(format!("aux {} {}", name.escape_ascii(), value.escape_ascii()));
        Ok(())
    }

    fn database(&mut self, db: u64) -> Result<(), Refused> {
        self.0.push(format!("db {db}"));
        Ok(())
    }

    fn resize(&mut self, db: u64, keys: u64, expires: u64) -> Result<(), Refused> {
        self.0.push(format!("resize {db} {keys} {expires}"));
        Ok(())
    }

    fn string(&mut self, entry: &Entry<'_>, value: StringValue<'_>) -> Result<(), Refused> {
        self.0.push(format!("{entry:?} {value:?}"));
        Ok(())
    }

    fn list(&mut self, entry: &Entry<'_>, value: List<'_>) -> Result<(), Refused> {
        self.0.push(format!("{entry:?} list {:?}", list(&value)));
        Ok(())
    }

    fn set(&mut self, entry: &Entry<'_>, value: Set<'_>) -> Result<(), Refused> {
        self.0.push(format!("{entry:?} set {:?}", set(&value)));
        Ok(())
    }

    fn hash(&mut self, entry: &Entry<'_>, value: Hash<'_>) -> Result<(), Refused> {
        self.0.push(format!("{entry:?} hash {:?}", hash(&value)));
        Ok(())
    }

    fn zset(&mut self, entry: &Entry<'_>, value: Zset<'_>) -> Result<(), Refused> {
        self.0.push(format!("{entry:?} zset {:?}", zset(&value)));
        Ok(())
    }

    fn stream(&mut self, entry: &Entry<'_>, value: stream::Stream<'_>) -> Result<(), Refused> {
        self.0.push(format!("{entry:?} stream {:?}", stream(&value)));
        Ok(())
    }

    fn function(&mut self, code: &[u8]) -> Result<(), Refused> {
        self.0.push(format!("function {}", code.escape_ascii()));
        Ok(())
    }
}

/// Loads `bytes` as a file, whole and in pieces: both must tell the sink the same and end alike.
pub fn file(bytes: &[u8]) {
    let options = LoadOptions { verify_checksum: false, modules: Modules::Skip, rest: Rest::Allow };
    let mut told_whole = Told::default();
    let whole = load(bytes, &options, &mut told_whole);
    for size in [1, 7, 1024] {
        let mut told = Told::default();
        let pieces = in_pieces(bytes, size, options, &mut told);
        match (&whole, &pieces) {
            (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
            (Err(whole), Err(pieces)) => {
                assert_eq!(std::mem::discriminant(whole), std::mem::discriminant(pieces));
            }
            _ => panic!("whole: {whole:?}, in pieces of {size}: {pieces:?}"),
        }
        assert_eq!(told_whole, told);
    }
}

fn in_pieces(
    bytes: &[u8],
    size: usize,
    options: LoadOptions,
    sink: &mut dyn Sink,
) -> Result<Summary, LoadError> {
    let mut loader = Loader::new(options);
    for piece in bytes.chunks(size) {
        if let Fed::Ended { summary, .. } = loader.feed(piece, sink)? {
            return Ok(summary);
        }
    }
    Err(loader.ended_early())
}

/// Decodes `bytes` as a DUMP payload as they are, and once more with a right footer put behind
/// them; what decodes is encoded again to the same value.
pub fn dump(bytes: &[u8]) {
    again(bytes);
    for format in [Format::V10, Format::V12, Format::V14, Format::Valkey80] {
        dump_as(bytes, format.number());
    }
}

/// Decodes `body` (a type and a value) as a DUMP payload of a version, as [`dump`].
pub fn dump_as(body: &[u8], version: u16) {
    again(&framed(body, version));
}

/// `body` (a type and a value) with the footer that makes it a DUMP payload.
pub fn framed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = body.to_vec();
    payload.extend_from_slice(&version.to_le_bytes());
    let checksum = super::crc::crc64(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// A keyspace that has a value under a key, as RESTORE and the loading of files put it there.
pub(super) fn stored(key: &[u8], value: DumpValue<'_>, limits: Limits) -> Result<Keyspace, String> {
    let mut keyspace = Keyspace::new(1, Reclaimer::inline());
    keyspace.set_limits(limits);
    let mut gathered = Gathered::default();
    match value {
        DumpValue::String(StringValue::Int(number)) => {
            gathered.string(Db(0), key, StringRef::Int(number), None, None);
        }
        DumpValue::String(StringValue::Bytes(bytes)) => {
            gathered.string(Db(0), key, StringRef::Bytes(bytes), None, None);
        }
        other => {
            gathered.collection(Db(0), key, entry::loaded(other, &limits)?, None, None);
        }
    }
    let mut loader = keyspace_load::Loader::new(&mut keyspace);
    loader.put(&mut gathered);
    loader.finish().map_err(|error| error.to_string())?;
    Ok(keyspace)
}

/// Calls `f` with what a keyspace has under a key.
pub(super) fn with_entry<R>(
    keyspace: &Keyspace,
    key: &[u8],
    f: impl FnOnce(&keyspace::Entry<'_>) -> R,
) -> R {
    let view = keyspace.view(Db(0), UnixMs::ZERO);
    f(&view.entry(Key::new(key)).expect("it was put there"))
}

/// What decodes and is put into a keyspace comes out of it, in every format, and decodes to the
/// same.
fn again(payload: &[u8]) {
    let mut scratch = Vec::new();
    let Ok(value) = dump::decode(payload, &mut scratch) else { return };
    let told = tell(&value);
    // Tight limits, so that small values of a fuzzer come in all forms.
    let limits = Limits { hash_entries: 3, set_entries: 3, set_intset: 3, ..Limits::default() };
    let Ok(keyspace) = stored(b"key", value.clone(), limits) else { return };
    with_entry(&keyspace, b"key", |entry| {
        let expires = entry.hash().is_some_and(|hash| hash.expiring() > 0);
        let extras = entry.stream().is_some_and(|stream| stream.has_extras());
        for format in [Format::V10, Format::V12, Format::V14, Format::Valkey80] {
            let mut encoded = Vec::new();
            if entry::encode(entry, true, format, &mut encoded).is_err() {
                assert!(encoded.is_empty());
                assert!((expires && format == Format::V10) || (extras && format != Format::V14));
                continue;
            }
            let mut scratch = Vec::new();
            let decoded =
                dump::decode(&encoded, &mut scratch).expect("our own payload is readable");
            match (&decoded, format) {
                // Version 10 has one time for a consumer.
                (DumpValue::Stream(_), Format::V10) => {
                    assert_eq!(without_active(&value), tell(&decoded));
                }
                _ => assert_eq!(told, tell(&decoded), "{format:?}"),
            }
        }
    });
}

/// What a stream is once version 10 has taken away when its consumers were last active.
fn without_active(value: &DumpValue<'_>) -> Vec<String> {
    let DumpValue::Stream(value) = value else { return Vec::new() };
    let mut value = (**value).clone();
    for consumer in value.groups.iter_mut().flat_map(|group| &mut group.consumers) {
        consumer.active_ms = consumer.seen_ms;
    }
    stream(&value)
}

/// A value as text that can be compared, whatever form it came in.
pub fn tell(value: &DumpValue<'_>) -> Vec<String> {
    match value {
        DumpValue::String(value) => vec![text(*value)],
        DumpValue::List(value) => list(value),
        DumpValue::Set(value) => set(value),
        DumpValue::Hash(value) => hash(value),
        DumpValue::Zset(value) => zset(value),
        DumpValue::Stream(value) => stream(value),
    }
}

/// A value's text: an integer's digits and those digits as bytes are the same value.
fn text(value: StringValue<'_>) -> String {
    match value {
        StringValue::Bytes(bytes) => bytes.escape_ascii().to_string(),
        StringValue::Int(integer) => integer.to_string(),
    }
}

fn shown(element: Element<'_>) -> String {
    element.with(|bytes| bytes.escape_ascii().to_string())
}

/// The elements, in order.
pub(super) fn list(list: &List<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for chunk in &list.chunks {
        match chunk {
            Chunk::Packed(packed) => all.extend(packed.as_ref().iter().map(shown)),
            Chunk::Element(text) => all.push(shown(text.element())),
        }
    }
    assert!(!all.is_empty());
    all
}

/// The members, sorted.
pub(super) fn set(set: &Set<'_>) -> Vec<String> {
    let mut all: Vec<String> = match set {
        Set::Ints(ints) => ints.as_ref().iter().map(|value| value.to_string()).collect(),
        Set::Packed(packed) => packed.as_ref().iter().map(shown).collect(),
        Set::Members(members) => members.iter().map(Text::element).map(shown).collect(),
    };
    all.sort_unstable();
    assert!(!all.is_empty() && all.is_sorted_by(|a, b| a < b), "a member twice");
    all
}

/// The fields with their values and expiries, sorted.
pub(super) fn hash(hash: &Hash<'_>) -> Vec<String> {
    let mut all: Vec<String> = match hash {
        Hash::Packed(packed) => packed
            .as_ref()
            .pairs()
            .map(|(name, value)| format!("{}={} None", shown(name), shown(value)))
            .collect(),
        Hash::Fields(fields) => fields
            .iter()
            .map(|field| {
                let (name, value) = (shown(field.name.element()), shown(field.value.element()));
                format!("{name}={value} {:?}", field.expiry_ms)
            })
            .collect(),
    };
    all.sort_unstable();
    assert!(!all.is_empty());
    all
}

/// The members with their scores, sorted.
pub(super) fn zset(zset: &Zset<'_>) -> Vec<String> {
    let shown = |member, score: f64| format!("{} {score:?}", shown(member));
    let mut all: Vec<String> = match zset {
        Zset::Packed(packed) => {
            packed.as_ref().scored().map(|(m, score)| shown(m, score)).collect()
        }
        Zset::Members(members) => {
            members.iter().map(|(member, score)| shown(member.element(), *score)).collect()
        }
    };
    all.sort_unstable();
    assert!(!all.is_empty() && !all.iter().any(|line| line.ends_with("NaN")));
    all
}

/// A group with its consumers and pending entries in order, which says nothing of it.
fn sorted<'a>(group: &stream::Group<'a>) -> stream::Group<'a> {
    let name_of = |one: &stream::Pending| group.consumers.get(one.consumer).map(|it| &it.name);
    let mut group_of_sorted = group.clone();
    let stream::Group { pending, consumers, .. } = &mut group_of_sorted;
    consumers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for one in pending.iter_mut() {
        match name_of(one) {
            Some(name) => {
                let place = consumers.iter().position(|consumer| consumer.name == *name);
                one.consumer = place.expect("no consumer went away");
            }
            // When it was delivered nobody asks once it is released.
            None => one.time_ms = 0,
        }
    }
    pending.sort_unstable_by_key(|one| one.id);
    group_of_sorted
}

/// The entries and everything else.
pub(super) fn stream(stream: &stream::Stream<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for entry in stream.nodes.iter().flat_map(Node::entries) {
        let pairs: Vec<_> = entry.pairs().collect();
        all.push(format!("{}-{} {pairs:?}", entry.id.ms, entry.id.seq));
    }
    assert_eq!(all.len() as u64, stream.length);
    let (last, deleted) = (stream.last_id, stream.max_deleted_id);
    all.push(format!("{last:?} {:?} {deleted:?} {}", stream.first_id, stream.entries_added));
    let mut groups: Vec<_> = stream.groups.iter().map(sorted).collect();
    groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for group in groups {
        let has_owner = |one: &&stream::Pending| one.consumer < group.consumers.len();
        let owned = group.pending.iter().filter(has_owner).count();
        assert_eq!(owned + group.released.len(), group.pending.len());
        all.push(format!("{group:?}"));
    }
    if let Some(known) = &stream.idempotency {
        let (duration, size) = (known.duration_s(), known.max_size());
        all.push(format!("{duration} {size} {} {}", known.added(), known.duplicates()));
        let producers = known.producers();
        all.extend(
            producers.map(|one| format!("{:?} {:?}", one.pid(), one.ids().collect::<Vec<_>>())),
        );
    }
    all
}
