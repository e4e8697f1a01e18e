//! What follows from an entry: flags, ACL categories, key specs, the positions of a call's keys.
//!
//! | fact | from |
//! |---|---|
//! | `write`, `readonly` | the handler; of a control, [`Flag::Write`] and [`Flag::ReadOnly`] |
//! | `movablekeys` | a [`Keys::Counted`] spec, or [`Flag::MovableKeys`] |
//! | category of the type | the group (`string`, `keyspace`, `connection`, …), but not of a container |
//! | `read`, `write`, `fast`, `slow`, `admin`, `dangerous` | the flags |
//! | first key, last key, step | the key specs, as Redis 6 clients know them |
//!
//! Orders are Redis', so that COMMAND's answers can be compared as they are.

use super::table::Resolved;
use super::{Access, Flag, Group, Handler, Keys};
use crate::base::number;

impl Resolved {
    /// Its flags, as COMMAND INFO names them.
    pub fn flag_names(&self) -> Vec<&'static str> {
        let flagged = |flag| self.flags.contains(&flag);
        let counted = self.keys.iter().any(|keys| matches!(keys, Keys::Counted(..)));
        let all = [
            (self.writes(), "write"),
            (self.only_reads(), "readonly"),
            (flagged(Flag::DenyOom), "denyoom"),
            (flagged(Flag::Admin), "admin"),
            (flagged(Flag::NoScript), "noscript"),
            (flagged(Flag::Loading), "loading"),
            (flagged(Flag::Stale), "stale"),
            (flagged(Flag::SkipMonitor), "skip_monitor"),
            (flagged(Flag::SkipSlowlog), "skip_commandlog"),
            (flagged(Flag::Fast), "fast"),
            (flagged(Flag::NoAuth), "no_auth"),
            (flagged(Flag::NoAsyncLoading), "no_async_loading"),
            (flagged(Flag::NoMulti), "no_multi"),
            (counted || flagged(Flag::MovableKeys), "movablekeys"),
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
        matches!(self.handler, Handler::Read(_)) || self.flags.contains(&Flag::ReadOnly)
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

    /// The keys among a call's arguments (the names included) as positions with their access, or
    /// none if a count in the arguments does not fit them.
    pub fn key_positions(&self, arguments: &[&[u8]]) -> Option<Vec<(usize, Access)>> {
        let mut positions = Vec::new();
        for keys in self.keys {
            let (first, end, step, access) = match *keys {
                Keys::One(at, access) => (at, at + 1, 1, access),
                Keys::From(at, step, access) => (at, arguments.len(), step, access),
                Keys::Range(at, last, step, access) => {
                    let last = isize::try_from(last).ok()?;
                    let base = if last < 0 { arguments.len() } else { 0 };
                    (at, base.checked_add_signed(last)? + 1, step, access)
                }
                Keys::Counted(at, step, access) => {
                    let count = number::parse_i64(arguments.get(at)?)?;
                    let count = usize::try_from(count).ok().filter(|count| *count > 0)?;
                    let last = at.checked_add(1)?.checked_add((count - 1).checked_mul(step)?)?;
                    if last >= arguments.len() {
                        return None;
                    }
                    (at + 1, last + 1, step, access)
                }
            };
            let end = end.min(arguments.len());
            positions.extend((first..end).step_by(step).map(|position| (position, access)));
        }
        Some(positions)
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
        }
    }
}

impl Keys {
    /// What it does with them.
    pub fn access(&self) -> Access {
        match *self {
            Keys::One(_, access)
            | Keys::From(_, _, access)
            | Keys::Range(_, _, _, access)
            | Keys::Counted(_, _, access) => access,
        }
    }

    /// Where its search begins: the position of its first key, or of the count.
    pub fn begins_at(&self) -> usize {
        match *self {
            Keys::One(at, _)
            | Keys::From(at, _, _)
            | Keys::Range(at, _, _, _)
            | Keys::Counted(at, _, _) => at,
        }
    }

    /// Redis' `lastkey`: relative to the first key, or negative and from the end; none if a count
    /// says how many keys there are.
    pub fn last(&self) -> Option<i32> {
        match *self {
            Keys::One(..) => Some(0),
            Keys::From(..) => Some(-1),
            Keys::Range(_, last, _, _) if last < 0 => Some(last),
            Keys::Range(at, last, _, _) => Some(last - position(at)),
            Keys::Counted(..) => None,
        }
    }

    /// Every how many arguments there is a key.
    pub fn step(&self) -> usize {
        match *self {
            Keys::One(..) => 1,
            Keys::From(_, step, _) | Keys::Range(_, _, step, _) | Keys::Counted(_, step, _) => step,
        }
    }

    /// First and last key (negative: from the end) and step.
    fn range(&self) -> Option<(i32, i32, i32)> {
        let (first, last) = (position(self.begins_at()), self.last()?);
        Some((first, if last < 0 { last } else { first + last }, position(self.step())))
    }
}

fn position(at: usize) -> i32 {
    i32::try_from(at).expect("a key position in the table is small")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, DEFAULT, table};

    fn resolved(keys: &'static [Keys], entry: Command) -> Resolved {
        let entry = Box::leak(Box::new(Command { name: "x", keys, ..entry }));
        table::resolve(entry, None, &mut 0)
    }

    /// Positions of the keys of a call.
    fn positions(keys: &'static [Keys], call: &str) -> Option<Vec<usize>> {
        let arguments: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let found = resolved(keys, DEFAULT).key_positions(&arguments)?;
        Some(found.into_iter().map(|(position, _)| position).collect())
    }

    const READ: Access = Access::Read;

    #[test]
    fn keys_are_found_where_the_specs_say() {
        assert_eq!(positions(&[Keys::One(1, READ)], "x a b"), Some(vec![1]));
        assert_eq!(positions(&[Keys::One(2, READ)], "x a"), Some(vec![]));
        assert_eq!(positions(&[Keys::From(1, 1, READ)], "x a b c"), Some(vec![1, 2, 3]));
        assert_eq!(positions(&[Keys::From(1, 2, READ)], "x a 1 b 2"), Some(vec![1, 3]));
        assert_eq!(positions(&[Keys::From(1, 2, READ)], "x a 1 b"), Some(vec![1, 3]));
        assert_eq!(positions(&[Keys::Range(1, 2, 1, READ)], "x a b c"), Some(vec![1, 2]));
        assert_eq!(positions(&[Keys::Range(1, -2, 1, READ)], "x a b 0"), Some(vec![1, 2]));
        assert_eq!(positions(&[Keys::Range(1, -2, 1, READ)], "x a"), Some(vec![]));
        let both: &[Keys] = &[Keys::One(1, READ), Keys::Counted(2, 1, READ)];
        assert_eq!(positions(both, "x a 2 b c w"), Some(vec![1, 3, 4]));
    }

    #[test]
    fn a_count_that_does_not_fit_gives_no_keys() {
        let keys: &[Keys] = &[Keys::Counted(1, 2, READ)];
        assert_eq!(positions(keys, "x 2 a 1 b 2"), Some(vec![2, 4]));
        assert_eq!(positions(keys, "x 2 a 1 b"), Some(vec![2, 4]));
        let wrong = ["x", "x 0 a", "x -1 a", "x n a", "x 3 a 1 b 2", "x 9223372036854775807 a 1"];
        for call in wrong {
            assert_eq!(positions(keys, call), None, "{call}");
        }
    }

    #[test]
    fn old_clients_get_one_range() {
        type Case = (&'static [Keys], (i32, i32, i32));
        let cases: [Case; 8] = [
            (&[], (0, 0, 0)),
            (&[Keys::One(2, READ)], (2, 2, 1)),
            (&[Keys::From(1, 2, READ)], (1, -1, 2)),
            (&[Keys::Range(1, 2, 1, READ)], (1, 2, 1)),
            (&[Keys::Range(1, -2, 1, READ)], (1, -2, 1)),
            (&[Keys::One(1, READ), Keys::One(2, READ)], (1, 2, 1)),
            (&[Keys::One(1, READ), Keys::From(2, 1, READ)], (1, -1, 1)),
            (&[Keys::Counted(1, 1, READ)], (0, 0, 0)),
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
}
