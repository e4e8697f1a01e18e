//! What follows from an entry: flags, ACL categories, key specs.
//!
//! | fact | from |
//! |---|---|
//! | `write`, `readonly` | the handler; of a control, [`Flag::Write`] and [`Flag::ReadOnly`] |
//! | `blocking` and its category | the handler; of a control, [`Flag::Blocking`] |
//! | `movablekeys` | a [`Keys::Counted`], [`Keys::Keyword`] or [`Keys::Unknown`] spec, or [`Flag::MovableKeys`] |
//! | category of the type | the group (`string`, `keyspace`, `connection`, …), but not of a container |
//! | `read`, `write`, `fast`, `slow`, `admin`, `dangerous` | the flags |
//! | first key, last key, step | the key specs, as Redis 6 clients know them |
//!
//! Orders are Redis', so that COMMAND's answers can be compared as they are.

use super::table::Resolved;
use super::{Access, Flag, Follow, Group, Handler, Keys};

impl Resolved {
    /// Its flags, as COMMAND INFO names them.
    pub fn flag_names(&self) -> Vec<&'static str> {
        let flagged = |flag| self.flags.contains(&flag);
        let moves =
            |keys: &Keys| matches!(keys, Keys::Counted(..) | Keys::Keyword(..) | Keys::Unknown(_));
        let movable = self.keys.iter().any(moves) || flagged(Flag::MovableKeys);
        let all = [
            (self.writes(), "write"),
            (self.only_reads(), "readonly"),
            (flagged(Flag::DenyOom), "denyoom"),
            (flagged(Flag::Admin), "admin"),
            (flagged(Flag::NoScript), "noscript"),
            (flagged(Flag::Loading), "loading"),
            (flagged(Flag::Stale), "stale"),
            (self.may_wait(), "blocking"),
            (flagged(Flag::Fast), "fast"),
            (flagged(Flag::NoAuth), "no_auth"),
            (flagged(Flag::NoAsyncLoading), "no_async_loading"),
            (flagged(Flag::NoMulti), "no_multi"),
            (movable, "movablekeys"),
            (flagged(Flag::AllowBusy), "allow_busy"),
        ];
        all.into_iter().filter_map(|(has, name)| has.then_some(name)).collect()
    }

    /// Whether it may change data.
    pub fn writes(&self) -> bool {
        self.handler.writes() || self.flags.contains(&Flag::Write)
    }

    /// Whether it looks at data and changes none.
    pub fn only_reads(&self) -> bool {
        matches!(self.handler, Handler::Read(_) | Handler::BlockingRead(_))
            || self.flags.contains(&Flag::ReadOnly)
    }

    /// Whether its reply may have to wait for others.
    fn may_wait(&self) -> bool {
        self.handler.blocks() || self.flags.contains(&Flag::Blocking)
    }

    /// Its ACL categories, without the `@`.
    pub fn category_names(&self) -> Vec<&'static str> {
        let admin = self.flags.contains(&Flag::Admin);
        let fast = self.flags.contains(&Flag::Fast);
        let derived = |category| match category {
            "read" => self.only_reads(),
            "write" => self.writes(),
            "admin" | "dangerous" => admin,
            "fast" => fast,
            "slow" => !fast,
            "blocking" => self.may_wait(),
            other => !self.is_container() && category_of(self.group) == Some(other),
        };
        let stated = |category: &str| self.categories.contains(&category);
        let denied = |category: &str| {
            let mut categories = self.categories.iter();
            categories.any(|stated| stated.strip_prefix('-') == Some(category))
        };
        let mut categories = CATEGORIES.to_vec();
        categories.retain(|name| (derived(*name) || stated(name)) && !denied(name));
        categories
    }

    /// First key, last key (negative: from the end) and step, as far as one range can say it; zeros
    /// without keys.
    pub fn key_range(&self) -> (i32, i32, i32) {
        let ranges: Vec<_> = self.keys.iter().filter_map(Keys::range).collect();
        match ranges.as_slice() {
            [] => (0, 0, 0),
            [(first, last, step)] if self.keys.len() == 1 => (*first, *last, *step),
            // Several specs: those that follow one another, as one.
            [(first, last, _), rest @ ..] => {
                let mut end = *last;
                for (first, last, _) in rest {
                    if end >= 0 && *first == end + 1 {
                        end = *last;
                    }
                }
                (*first, end, 1)
            }
        }
    }
}

/// Redis' categories, in the order in which COMMAND INFO lists them.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

fn category_of(group: Group) -> Option<&'static str> {
    match group {
        Group::String => Some("string"),
        Group::Generic => Some("keyspace"),
        Group::Connection => Some("connection"),
        Group::Transactions => Some("transaction"),
        Group::List => Some("list"),
        Group::Set => Some("set"),
        Group::Hash => Some("hash"),
        Group::SortedSet => Some("sortedset"),
        Group::Geo => Some("geo"),
        Group::Stream => Some("stream"),
        Group::Bitmap => Some("bitmap"),
        Group::HyperLogLog => Some("hyperloglog"),
        Group::Server | Group::Cluster => None,
    }
}

impl Access {
    /// The flags of a key spec.
    pub fn flag_names(self) -> &'static [&'static str] {
        match self {
            Access::Read => &["RO", "access"],
            Access::Metadata => &["RO"],
            Access::ReadNote => &["RW", "access"],
            Access::ReadInsert => &["RW", "access", "insert"],
            Access::ReadUpdate => &["RW", "access", "update"],
            Access::ReadDelete => &["RW", "access", "delete"],
            Access::Update => &["RW", "update"],
            Access::Insert => &["RW", "insert"],
            Access::DeleteRw => &["RW", "delete"],
            Access::Overwrite => &["OW", "update"],
            Access::OverwriteInsert => &["OW", "insert"],
            Access::Remove => &["RM", "delete"],
            Access::DeleteVariable => &["RW", "delete", "variable_flags"],
            Access::Variable => &["RW", "access", "update", "variable_flags"],
            Access::OverwriteVariable => &["OW", "update", "variable_flags"],
            Access::ReadDeleteIncomplete => &["RW", "access", "delete", "incomplete"],
        }
    }
}

/// Where the search for keys begins: `begin_search` of a key spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At this position.
    At(usize),
    /// Behind this word, searched from this position (negative: from the end).
    Behind(&'static str, i32),
    /// No position says it.
    Unknown,
}

/// Which arguments are keys, from where the search begins: `find_keys` of a key spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// Up to a last one (relative to the first, or negative and from the end), every `step`-th;
    /// with a `limit` above one only the first so-much-th part of them.
    Range {
        /// `lastkey`.
        last: i32,
        /// `keystep`.
        step: usize,
        /// `limit`.
        limit: usize,
    },
    /// A count stands there, and the keys follow it, every `step`-th argument one.
    Counted {
        /// `keystep`.
        step: usize,
    },
    /// No range says it.
    Unknown,
}

impl Keys {
    /// What it does with them.
    pub fn access(&self) -> Access {
        match *self {
            Keys::One(_, access)
            | Keys::From(_, _, access)
            | Keys::Range(_, _, _, access)
            | Keys::Counted(_, _, access)
            | Keys::Keyword(_, _, _, access)
            | Keys::Unknown(access) => access,
        }
    }

    /// Where its search begins.
    pub fn begin(&self) -> Begin {
        match *self {
            Keys::One(at, _)
            | Keys::From(at, _, _)
            | Keys::Range(at, _, _, _)
            | Keys::Counted(at, _, _) => Begin::At(at),
            Keys::Keyword(word, from, _, _) => Begin::Behind(word, from),
            Keys::Unknown(_) => Begin::Unknown,
        }
    }

    /// Which arguments from there on are keys.
    pub fn find(&self) -> Find {
        let range = |last, step| Find::Range { last, step, limit: 0 };
        match *self {
            Keys::One(..) | Keys::Keyword(_, _, Follow::One, _) => range(0, 1),
            Keys::From(_, step, _) => range(-1, step),
            Keys::Range(_, last, step, _) if last < 0 => range(last, step),
            Keys::Range(at, last, step, _) => range(last - position(at), step),
            Keys::Keyword(_, _, Follow::All, _) => range(-1, 1),
            Keys::Keyword(_, _, Follow::Half, _) => Find::Range { last: -1, step: 1, limit: 2 },
            Keys::Counted(_, step, _) => Find::Counted { step },
            Keys::Unknown(_) => Find::Unknown,
        }
    }

    /// First and last key (negative: from the end) and step, if positions say them.
    fn range(&self) -> Option<(i32, i32, i32)> {
        let (Begin::At(first), Find::Range { last, step, .. }) = (self.begin(), self.find()) else {
            return None;
        };
        let first = position(first);
        Some((first, if last < 0 { last } else { first + last }, position(step)))
    }
}

fn position(at: usize) -> i32 {
    i32::try_from(at).expect("a key position in the table is small")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, DEFAULT, Served, table};

    fn resolved(keys: &'static [Keys], entry: Command) -> Resolved {
        let entry = Box::leak(Box::new(Command { name: "x", keys, ..entry }));
        table::resolve(entry, None, &mut 0)
    }

    const READ: Access = Access::Read;

    #[test]
    fn old_clients_get_one_range() {
        type Case = (&'static [Keys], (i32, i32, i32));
        let cases: [Case; 10] = [
            (&[], (0, 0, 0)),
            (&[Keys::One(2, READ)], (2, 2, 1)),
            (&[Keys::From(1, 2, READ)], (1, -1, 2)),
            (&[Keys::Range(1, 2, 1, READ)], (1, 2, 1)),
            (&[Keys::Range(1, -2, 1, READ)], (1, -2, 1)),
            (&[Keys::One(1, READ), Keys::One(2, READ)], (1, 2, 1)),
            (&[Keys::One(1, READ), Keys::From(2, 1, READ)], (1, -1, 1)),
            (&[Keys::Counted(1, 1, READ)], (0, 0, 0)),
            (&[Keys::Keyword("STREAMS", 1, Follow::Half, READ)], (0, 0, 0)),
            (&[Keys::One(1, READ), Keys::Unknown(READ)], (1, 1, 1)),
        ];
        for (keys, range) in cases {
            assert_eq!(resolved(keys, DEFAULT).key_range(), range, "{keys:?}");
        }
        // SUNIONSTORE and the like: the counted keys are not in the range.
        let mixed: &[Keys] = &[Keys::One(1, READ), Keys::Counted(2, 1, READ)];
        assert_eq!(resolved(mixed, DEFAULT).key_range(), (1, 1, 1));
    }

    #[test]
    fn an_entry_adds_and_takes_categories() {
        let group = Group::Generic;
        let handler = Handler::Read(|_, _| Ok(crate::resp::Reply::Ok));
        let sort =
            Command { group, handler, categories: &["-keyspace", "set", "dangerous"], ..DEFAULT };
        assert_eq!(resolved(&[], sort).category_names(), ["read", "set", "slow", "dangerous"]);
        let container = Command { group, ..DEFAULT };
        assert_eq!(resolved(&[], container).category_names(), ["slow"]);
        let counted = Command { handler, ..DEFAULT };
        let counted = resolved(&[Keys::Counted(1, 1, READ)], counted);
        assert_eq!(counted.flag_names(), ["readonly", "movablekeys"]);
    }

    #[test]
    fn handlers_that_may_wait_say_so() {
        let handler = Handler::BlockingRead(|_, _| Ok(Served::Now(crate::resp::Reply::Ok)));
        let read = resolved(&[Keys::Unknown(READ)], Command { handler, ..DEFAULT });
        assert_eq!(read.flag_names(), ["readonly", "blocking", "movablekeys"]);
        assert_eq!(read.category_names(), ["read", "slow", "blocking"]);
        let handler = Handler::Blocking(|_, _| Ok(Served::Now(crate::resp::Reply::Ok)));
        let write = resolved(&[], Command { handler, ..DEFAULT });
        assert_eq!(write.flag_names(), ["write", "blocking"]);
        assert!(write.handler.writes() && !read.handler.writes());
    }
}
