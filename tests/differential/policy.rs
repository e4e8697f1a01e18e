//! What is not sent, how replies are compared, and which differences stay: each with its reason.

use super::Kind;
use super::compare::{ageless, equal};
use super::run::Case;
use coolcache::resp::OwnedReply;

/// Commands that are not sent, with the reason. A container's name stands for all its subcommands.
const SKIPPED: &[(&str, &str)] = &[
    ("bgrewriteaof", "answers by what runs in the background at the moment"),
    ("bgsave", "answers by what runs in the background at the moment"),
    ("command", "lists all commands, and the servers have different ones"),
    ("command|count", "counts all commands, and the servers have different ones"),
    ("command|docs", "our summaries are our own; a unit test compares the rest with the reference"),
    ("command|info", "a unit test compares it with the reference, whose version is fixed"),
    ("command|list", "lists all commands, and the servers have different ones"),
    ("info", "facts about the server itself"),
    ("latency|doctor", "names the server, and gives advice of its own"),
    ("latency|help", "Redis 7.0's is another one than Valkey's, which a transcript has"),
    ("latency|histogram", "tells how long calls took"),
    ("lolwut", "art"),
    ("migrate", "sends keys to another server; tests/it has it"),
    ("module|list", "Valkey 9.1 has its Lua engine as a module"),
    ("module|load", "would load a file; refused, which a transcript shows"),
    ("module|loadex", "would load a file; refused, which a transcript shows"),
    ("pfcount", "the peers write its result into the string; transcripts have it"),
    ("pfselftest", "takes the peers a long time"),
    ("quit", "ends the connection; tests/it has it"),
    ("save", "takes long under load; DEBUG RELOAD saves too, and reads back what was saved"),
    ("shutdown", "ends the server; tests/it has it"),
    ("debug", "its subcommands are not in the table: MORE_FORMS has those that can be compared"),
    ("cluster|help", "help texts list what the server has"),
    ("client|pause", "would hold both servers up; tests/it has it"),
    ("client|help", "help texts list what the server has"),
    ("command|help", "help texts list what the server has"),
    ("config|help", "help texts list what the server has"),
    ("memory|help", "help texts list what the server has"),
    ("module|help", "help texts list what the server has"),
    ("object|help", "help texts list what the server has"),
    ("wait", "counts replicas, and waits; transcripts have it"),
    ("waitaof", "answers by what is on the disk at the moment; transcripts have it"),
    ("xgroup|help", "help texts list what the server has"),
    ("xinfo|help", "help texts list what the server has"),
];

/// Forms that the table does not know.
pub const MORE_FORMS: &[(&str, &str)] = &[
    ("debug|digest", ""),
    ("debug|digest-value", "key [key ...]"),
    ("debug|error", "error-text"),
    ("debug|log", "message"),
    (
        "debug|protocol",
        // Not PUSH: a push is no reply, so there would be none to count.
        "<STRING | INTEGER | DOUBLE | BIGNUM | NULL | ARRAY | SET | MAP | ATTRIB | VERBATIM | TRUE | FALSE>",
    ),
    ("debug|reload", ""),
    ("debug|set-active-expire", "on-off"),
];

/// Whether a command is in the skip list.
pub fn is_skipped(name: &str) -> bool {
    SKIPPED.iter().any(|(skipped, _)| *skipped == name)
}

/// How two replies to the same request are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// They are equal.
    Equal,
    /// They have the same elements, in any order.
    Unordered,
    /// They have the same pairs, in any order: as a map, or in RESP2 one behind the other.
    UnorderedPairs,
    /// Integers, alone or in an array, may differ by so much: they count from a time that each
    /// server takes for itself.
    Near(i64),
    /// The ages in them (idle, seen-time, ...) may differ by some seconds.
    Aged,
    /// Chance: as many elements of the same kinds, all among those that the next request lists.
    Drawn,
    /// Chance that takes away: as many elements of the same kinds, which are then made up for.
    Taken,
    /// As many elements of the same kinds: which ones is up to the server.
    Sized,
    /// Not at all: it is there for the request before it.
    Skipped,
    /// Only their kind is equal: the content is the server's own.
    Kind,
    /// The cursor is followed to the end, and all that it brought is equal as a set.
    Iterated,
    /// A key that KEYS, sent next, lists.
    Member,
    /// A DUMP payload: it holds the same value, and is kept for RESTORE. Compressed strings may
    /// differ in their bytes, and versions do.
    Payload,
}

/// How a command's replies are compared.
pub fn compare(name: &str) -> Compare {
    /// The servers get the same command within this time.
    const APART_S: i64 = 60;
    match name {
        "keys" | "config|get" | "smembers" | "sinter" | "sunion" | "sdiff" | "hkeys" | "hvals" => {
            Compare::Unordered
        }
        "hgetall" => Compare::UnorderedPairs,
        "ttl" | "expiretime" | "object|idletime" | "httl" | "hexpiretime" => Compare::Near(APART_S),
        "pttl" | "pexpiretime" | "hpttl" | "hpexpiretime" => Compare::Near(APART_S * 1000),
        "scan" | "sscan" | "hscan" | "zscan" => Compare::Iterated,
        "spop" => Compare::Taken,
        "srandmember" | "hrandfield" | "zrandmember" => Compare::Drawn,
        "xpending" | "xinfo|stream" | "xinfo|consumers" => Compare::Aged,
        "randomkey" => Compare::Member,
        "dump" => Compare::Payload,
        "client|id" | "client|info" | "client|list" | "hello" | "lastsave" | "memory|usage"
        | "time" => Compare::Kind,
        _ => Compare::Equal,
    }
}

/// How the replies to these words are compared, where the command alone does not say it.
pub fn compare_words(name: &str, compare: Compare, words: &[Vec<u8>]) -> Compare {
    let has = |token: &str| words.iter().any(|word| word.eq_ignore_ascii_case(token.as_bytes()));
    match name {
        // Equal weights leave the order open, and what LIMIT then cuts.
        "sort" | "sort_ro" if has("BY") && has("LIMIT") && has("GET") => Compare::Kind,
        "sort" | "sort_ro" if has("BY") && has("LIMIT") => Compare::Sized,
        "sort" | "sort_ro" if has("BY") => Compare::Unordered,
        // Without an order they come as they are found, ties in any order.
        "geosearch"
        | "georadius"
        | "georadiusbymember"
        | "georadius_ro"
        | "georadiusbymember_ro" => {
            if has("ANY") {
                Compare::Sized
            } else {
                Compare::Unordered
            }
        }
        _ => compare,
    }
}

/// A difference that stays.
pub struct Divergence {
    /// Which peer differs.
    pub peer: Kind,
    /// Whether a difference is this one.
    pub is: fn(&Case<'_>) -> bool,
    /// Why it stays.
    pub reason: &'static str,
}

const INACTIVE: &str = "our DUMP and RDB are of a version that Redis 7.0 reads, which does not \
    know when a consumer was active last: after a reload, or RESTORE, that is when it was seen";

/// Only differences in when a consumer was active last, which the peer says was never.
fn is_inactive(case: &Case<'_>) -> bool {
    fn is(ours: &OwnedReply, theirs: &OwnedReply) -> bool {
        match (ours, theirs) {
            (OwnedReply::Array(a), OwnedReply::Array(b)) => {
                let is_age = |at: usize| {
                    let name = at.checked_sub(1).and_then(|before| a.get(before));
                    is_name_of_activity(name)
                        && matches!((&a[at], &b[at]), (OwnedReply::Int(0..), OwnedReply::Int(-1)))
                };
                a.len() == b.len() && (0..a.len()).all(|at| is_age(at) || is(&a[at], &b[at]))
            }
            (OwnedReply::Map(a), OwnedReply::Map(b)) => {
                let is_age = |name, ours: &OwnedReply, theirs: &OwnedReply| {
                    is_name_of_activity(Some(name))
                        && matches!((ours, theirs), (OwnedReply::Int(0..), OwnedReply::Int(-1)))
                };
                let mut pairs = a.iter().zip(b);
                a.len() == b.len()
                    && pairs
                        .all(|(a, b)| a.0 == b.0 && (is_age(&a.0, &a.1, &b.1) || is(&a.1, &b.1)))
            }
            _ => ours == theirs,
        }
    }
    matches!(case.name, "xinfo|consumers" | "xinfo|stream")
        && is(&ageless(case.ours), &ageless(case.theirs))
}

fn is_name_of_activity(name: Option<&OwnedReply>) -> bool {
    const NAMES: [&[u8]; 2] = [b"inactive", b"active-time"];
    matches!(name, Some(OwnedReply::Bulk(name)) if NAMES.contains(&name.as_slice()))
}

/// The differences that stay. Each must be seen in a long run, or it is no longer needed.
const DIVERGENCES: &[Divergence] = &[
    Divergence { peer: Kind::Redis, is: is_lossy, reason: LOSSY },
    Divergence { peer: Kind::Valkey, is: is_lossy, reason: LOSSY },
    Divergence { peer: Kind::Redis, is: is_int_after_float, reason: INT_AFTER_FLOAT },
    Divergence { peer: Kind::Valkey, is: is_int_after_float, reason: INT_AFTER_FLOAT },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            matches!(case.name, "bitcount" | "bitpos") && (any(case.ours) || any(case.theirs))
        },
        reason: "Redis 7.0 takes no start without an end in BITCOUNT, and looks at no range of a \
                 missing key",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            matches!(case.name, "readonly" | "readwrite" | "cluster|keyslot")
                && is_error(case.theirs, b"ERR This instance has cluster support disabled")
        },
        reason: "Redis 7.0 refuses these without a cluster; Valkey 9.1 and we answer them",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            matches!(case.name, "client|kill" | "client|list")
                && (any(case.ours) || any(case.theirs))
        },
        reason: "Redis 7.0 takes one id behind ID and no word twice, and checks filters otherwise",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            let at = match case.name {
                "scan" => 1,
                "hscan" | "sscan" | "zscan" => 2,
                _ => return false,
            };
            case.words.get(at).is_some_and(|cursor| matches!(cursor.as_slice(), b"" | b"-1"))
        },
        reason: "Redis 7.0 takes an empty or negative cursor; to Valkey 9.1 and us it is invalid",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            let name = case.name;
            is_error(case.theirs, b"ERR wrong number of arguments for")
                && (matches!(name, "cluster|replicate" | "zrank" | "zrevrank")
                    || name.starts_with("command|getkeys"))
        },
        reason: "Redis 7.0 has another arity",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name == "hello" && any(case.ours) && any(case.theirs),
        reason: "Redis 7.0 looks at HELLO's password before its name; Valkey 9.1 and we after",
    },
    Divergence { peer: Kind::Valkey, is: is_inactive, reason: INACTIVE },
    Divergence {
        peer: Kind::Valkey,
        is: |case| {
            let is =
                |reply: &OwnedReply, name: &[u8]| matches!(reply, OwnedReply::Bulk(b) if b == name);
            case.name == "object|encoding"
                && is(case.ours, b"listpack")
                && is(case.theirs, b"skiplist")
        },
        reason: "Valkey 9.1 makes a sorted set large for what ZADD names, also if XX then adds \
                 nothing; a call that changes nothing changes nothing here",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            matches!(case.name, "xread" | "xreadgroup")
                && (any(case.ours) || case.words.iter().any(|word| word == b"+"))
                && any(case.theirs)
        },
        reason: "Redis 7.0 words errors about unbalanced streams otherwise, and knows no id + in \
                 XREAD",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            matches!(case.name, "xinfo|groups" | "xinfo|consumers" | "xinfo|stream")
                || matches!(case.name, "xgroup|createconsumer" | "xgroup|delconsumer")
                || case.name == "xpending"
        },
        reason: "Redis 7.0 makes a consumer only when XCLAIM or XAUTOCLAIM gives it something, and \
                 does not know when it was active",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name.starts_with("geo") && any(case.ours) && any(case.theirs),
        reason: "Redis 7.0 words errors of geo commands otherwise, and checks in another order",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name == "client|unblock" && any(case.theirs),
        reason: "Redis 7.0 looks at CLIENT UNBLOCK's last word before its id",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name == "xsetid" && any(case.ours),
        reason: "Redis 7.0 does not keep XSETID below what was deleted, and looks at the last \
                 entry first",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name == "lpos" && any(case.ours),
        reason: "Redis 7.0 takes the smallest integer as LPOS' rank, and overflows",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            let is = |reply: &OwnedReply, name: &[u8]| *reply == OwnedReply::Bulk(name.to_vec());
            case.name == "object|encoding"
                && is(case.ours, b"listpack")
                && (is(case.theirs, b"quicklist") || is(case.theirs, b"hashtable"))
        },
        reason: "Redis 7.0 has no listpacks of whole lists and sets",
    },
    Divergence {
        peer: Kind::Redis,
        is: is_embedded,
        reason: "Valkey 9.1 and we call embstr what lies beside its key, Redis 7.0 up to 44 bytes",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            case.name == "getex"
                && (*case.theirs == OwnedReply::Null || is_error(case.theirs, b"WRONGTYPE"))
                && is_error(case.ours, b"ERR ")
        },
        reason: "Redis 7.0 reads GETEX's time only if there is a string; Valkey 9.1 and we always do",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            case.name == "object|refcount"
                && (case.ours, case.theirs) == (&OwnedReply::Int(1), &OwnedReply::Int(0x7FFF_FFFF))
        },
        reason: "Redis 7.0 shares small integers; Valkey 9.1 and we keep them in the entry",
    },
];

/// Differences that stay, and that chance brings about a few times in a million requests, or not
/// at all.
const RARELY: &[Divergence] = &[
    Divergence {
        peer: Kind::Valkey,
        is: |case| {
            let is =
                |reply: &OwnedReply, name: &[u8]| matches!(reply, OwnedReply::Bulk(b) if b == name);
            case.name == "object|encoding"
                && is(case.ours, b"listpack")
                && is(case.theirs, b"quicklist")
        },
        reason: "a list that shrank is a listpack again when it is small enough; in Valkey 9.1 \
                 only if its rest lies in one node",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| matches!(case.name, "sort" | "sort_ro") && any(case.ours) != any(case.theirs),
        reason: "Redis 7.0 reads weights as C's strtod does: with spaces and as hexadecimal, and \
                 none that overflows",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name == "command|getkeysandflags" && !any(case.ours),
        reason: "Redis 7.0 says RW of some keys that are overwritten",
    },
    Divergence { peer: Kind::Redis, is: is_idle, reason: IDLE },
    Divergence { peer: Kind::Valkey, is: is_idle, reason: IDLE },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name == "client|getname",
        reason: "Redis 7.0 follows HELLO's options one by one: a name stays that comes before a mistake",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name == "scan" && is_error(case.ours, b"ERR unknown type name"),
        reason: "Redis 7.0 finds nothing of a type it does not know; Valkey 9.1 and we refuse it",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| case.name == "object|idletime" && idle(case).is_some_and(|(a, b)| a < b),
        reason: "Redis 7.0 shares small integers, and with them the clock that RESTORE sets",
    },
    Divergence {
        peer: Kind::Valkey,
        is: |case| case.name == "object|idletime" && idle(case).is_some_and(|(a, b)| a < b),
        reason: "under CLIENT NO-TOUCH a value that replaces another keeps its clock in Valkey 9.1",
    },
    Divergence {
        peer: Kind::Valkey,
        is: is_embedded,
        reason: "to Valkey 9.1 a value that was raw under a longer key stays raw when renamed",
    },
    Divergence {
        peer: Kind::Redis,
        is: |case| {
            let is =
                |reply: &OwnedReply, name: &[u8]| matches!(reply, OwnedReply::Bulk(b) if b == name);
            case.name == "object|encoding"
                && (is(case.ours, b"skiplist") || is(case.ours, b"hashtable"))
                && is(case.theirs, b"listpack")
        },
        reason: "Redis 7.0 does not make a hash or a sorted set large for what one HSET or ZADD names, \
                 before it adds it",
    },
    Divergence { peer: Kind::Redis, is: is_geographic_tie, reason: FAR },
    Divergence { peer: Kind::Valkey, is: is_geographic_tie, reason: FAR },
    Divergence {
        peer: Kind::Valkey,
        is: |case| {
            case.name == "object|refcount"
                && matches!((case.ours, case.theirs), (OwnedReply::Int(1), OwnedReply::Int(2..)))
        },
        reason: "Valkey 9.1 counts the replies under way that point to a large string",
    },
    Divergence {
        peer: Kind::Valkey,
        is: |case| {
            let mut words = case.words.iter().rev();
            let ends_negative = words.next().is_some()
                && words.next().is_some_and(|offset| offset.starts_with(b"-"))
                && words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LIMIT"));
            case.name.starts_with('z')
                && ends_negative
                && matches!(case.ours, OwnedReply::Array(none) if none.is_empty())
        },
        reason: "behind LIMIT a negative offset finds nothing; in large sorted sets Valkey 9.1 \
                 counts it from the other end",
    },
    Divergence {
        peer: Kind::Valkey,
        is: |case| {
            let is = |reply: &OwnedReply, name: &[u8]| *reply == OwnedReply::Bulk(name.to_vec());
            case.name == "object|encoding"
                && is(case.ours, b"listpack")
                && is(case.theirs, b"hashtable")
        },
        reason: "of a set that lies plainly in a payload Valkey 9.1 makes a large one beyond \
                 set-max-intset-entries; we keep it packed as far as the limits of packed sets go, \
                 since that is how RDB 10 has those",
    },
    Divergence { peer: Kind::Redis, is: is_alphabetic_tie, reason: TIE },
    Divergence { peer: Kind::Valkey, is: is_alphabetic_tie, reason: TIE },
];

/// All differences that stay, and whether a long run must have seen them.
pub fn divergences() -> impl Iterator<Item = (&'static Divergence, bool)> {
    let often = DIVERGENCES.iter().map(|one| (one, true));
    often.chain(RARELY.iter().map(|one| (one, false)))
}

const TIE: &str = "SORT ALPHA compares C strings, which end at a NUL: those that differ behind it \
    come in any order";

fn is_alphabetic_tie(case: &Case<'_>) -> bool {
    fn has_nul(reply: &OwnedReply) -> bool {
        match reply {
            OwnedReply::Array(all) => all.iter().any(has_nul),
            OwnedReply::Bulk(text) => text.contains(&0),
            _ => false,
        }
    }
    matches!(case.name, "sort" | "sort_ro")
        && case.words.iter().any(|word| word.eq_ignore_ascii_case(b"ALPHA"))
        && has_nul(case.ours)
        && equal(Compare::Unordered, case.ours, case.theirs, None)
}

const FAR: &str = "COUNT sorts by distance: of places that are equally far the first found come";

/// Equal but for the members' names.
fn is_geographic_tie(case: &Case<'_>) -> bool {
    fn distances(reply: &OwnedReply) -> OwnedReply {
        match reply {
            OwnedReply::Array(places) => OwnedReply::Array(places.iter().map(distance).collect()),
            other => other.clone(),
        }
    }
    fn distance(place: &OwnedReply) -> OwnedReply {
        match place {
            OwnedReply::Array(facts) => {
                OwnedReply::Array(facts.get(1..).unwrap_or_default().to_vec())
            }
            _ => OwnedReply::Null,
        }
    }
    case.name.starts_with("geo")
        && case.words.iter().any(|word| word.eq_ignore_ascii_case(b"COUNT"))
        && distances(case.ours) == distances(case.theirs)
}

const INT_AFTER_FLOAT: &str = "INCRBYFLOAT is logged as the SET of its sum, so that the live server and one that \
    replays its log have the same encodings: a whole sum is an int";

fn is_int_after_float(case: &Case<'_>) -> bool {
    let is = |reply: &OwnedReply, text: &[u8]| matches!(reply, OwnedReply::Bulk(b) if b == text);
    let is_text = is(case.theirs, b"embstr") || is(case.theirs, b"raw");
    case.name == "object|encoding" && is(case.ours, b"int") && is_text
}

const LOSSY: &str =
    "our errors are texts: bytes of a request that are not UTF-8 come back as U+FFFD";

fn is_lossy(case: &Case<'_>) -> bool {
    match (case.ours, case.theirs) {
        (OwnedReply::Error(ours), OwnedReply::Error(theirs)) => {
            String::from_utf8(theirs.clone()).is_err()
                && ours.as_slice() == String::from_utf8_lossy(theirs).as_bytes()
        }
        _ => false,
    }
}

const IDLE: &str = "a write that fails (INCR of a text), or that finds a key in its way (MSETNX, COPY's \
    destination), has used the key for the peers, not for us";

fn is_idle(case: &Case<'_>) -> bool {
    case.name == "object|idletime" && idle(case).is_some_and(|(ours, theirs)| ours > theirs)
}

/// Both replies of OBJECT IDLETIME.
fn idle(case: &Case<'_>) -> Option<(i64, i64)> {
    match (case.ours, case.theirs) {
        (OwnedReply::Int(ours), OwnedReply::Int(theirs)) => Some((*ours, *theirs)),
        _ => None,
    }
}

/// Ours follows from key and value alone.
fn is_embedded(case: &Case<'_>) -> bool {
    let is = |reply: &OwnedReply| matches!(reply, OwnedReply::Bulk(name) if matches!(name.as_slice(), b"embstr" | b"raw"));
    case.name == "object|encoding" && is(case.ours) && is(case.theirs)
}

/// Whether a reply is an error.
fn any(reply: &OwnedReply) -> bool {
    matches!(reply, OwnedReply::Error(_))
}

/// Whether a reply is an error that begins so.
fn is_error(reply: &OwnedReply, start: &[u8]) -> bool {
    matches!(reply, OwnedReply::Error(text) if text.starts_with(start))
}

/// Reply kinds that a command gives too rarely to be seen as often as the others, with the reason.
pub const RARE: &[(&str, &str, &str)] = &[
    ("pfdebug", "array", "few keys are HyperLogLogs"),
    ("pfdebug", "bulk", "few keys are HyperLogLogs"),
    ("pfdebug", "status", "few keys are HyperLogLogs"),
    ("pfdebug", "integer", "few keys are HyperLogLogs"),
];
