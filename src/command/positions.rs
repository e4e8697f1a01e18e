//! Which arguments of a call are its keys: what COMMAND GETKEYS answers, and what held replies and
//! access clocks go by.
//!
//! The key specs say it, except where options stand in any order: the destinations of SORT and
//! GEORADIUS, the keys of MIGRATE.

use super::table::Resolved;
use super::{Access, Follow, Keys};
use crate::base::number;

/// A call's keys: positions among its arguments (the names included) with their access.
pub type Positions = Vec<(usize, Access)>;

/// Options whose values could be mistaken for another option, with how many values they have.
const SORT_VALUES: &[(&str, usize)] = &[("LIMIT", 2), ("BY", 1), ("GET", 1)];
const MIGRATE_VALUES: &[(&str, usize)] = &[("AUTH", 1), ("AUTH2", 2)];

impl Resolved {
    /// The keys among a call's arguments, or none if a count or a word that the arguments must have
    /// does not fit them.
    pub fn key_positions(&self, arguments: &[&[u8]]) -> Option<Positions> {
        let mut positions = Vec::new();
        // Of several destinations the last one counts, whichever option names it.
        let mut destination: Option<(usize, Access)> = None;
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
                    (at + 1, counted(arguments, at, step)? + 1, step, access)
                }
                Keys::Keyword(word, from, Follow::One, access) => {
                    // GEORADIUS: the peers look from the unit's place on, whatever the spec says.
                    let found = behind(word, arguments, from.min(5), &[]).last();
                    if found > destination.map(|(at, _)| at) {
                        destination = found.map(|at| (at, access));
                    }
                    continue;
                }
                Keys::Keyword(word, from, Follow::Half, access) => {
                    let first = behind(word, arguments, from, &[]).next()?;
                    if arguments.len() - first < 2 {
                        return None;
                    }
                    (first, first + (arguments.len() - first) / 2, 1, access)
                }
                Keys::Keyword(word, _, Follow::All, access) => {
                    // MIGRATE: they stand in place of the key before them, which must be empty. Its
                    // options begin at 6; a search from the end could find a key named KEYS.
                    let Some(first) = behind(word, arguments, 6, MIGRATE_VALUES).next() else {
                        continue;
                    };
                    if positions.pop().is_some_and(|(at, _): (usize, _)| !arguments[at].is_empty())
                    {
                        return None;
                    }
                    (first, arguments.len(), 1, access)
                }
                Keys::Unknown(Access::Overwrite) => {
                    let stored = behind("STORE", arguments, 2, SORT_VALUES).last();
                    destination = stored.map(|at| (at, Access::Overwrite));
                    continue;
                }
                // What BY and GET make of the elements.
                Keys::Unknown(_) => continue,
            };
            let end = end.min(arguments.len());
            positions.extend((first..end).step_by(step).map(|position| (position, access)));
        }
        positions.extend(destination);
        Some(positions)
    }

    /// Whether its calls use keys that [`Self::key_positions`] does not name.
    pub fn has_unknown_keys(&self) -> bool {
        self.keys.iter().any(|keys| matches!(keys, Keys::Unknown(_)))
    }
}

/// The last key of those that the count at `at` announces, if they are all there.
fn counted(arguments: &[&[u8]], at: usize, step: usize) -> Option<usize> {
    let count = number::parse_i64(arguments.get(at)?)?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0)?;
    let last = at.checked_add(1)?.checked_add((count - 1).checked_mul(step)?)?;
    (last < arguments.len()).then_some(last)
}

/// The positions behind each `word` from the position `from` on, as far as something stands there.
/// `values` are the options whose values are passed over.
fn behind(
    word: &'static str,
    arguments: &[&[u8]],
    from: i32,
    values: &'static [(&'static str, usize)],
) -> impl Iterator<Item = usize> {
    // Negative: counted from the end; only MIGRATE's is, and it is searched from its options on.
    let mut at = usize::try_from(from).unwrap_or_default();
    std::iter::from_fn(move || {
        while at + 1 < arguments.len() {
            let argument = arguments[at];
            at += 1;
            if argument.eq_ignore_ascii_case(word.as_bytes()) {
                return Some(at);
            }
            let option =
                values.iter().find(|(name, _)| argument.eq_ignore_ascii_case(name.as_bytes()));
            at += option.map_or(0, |(_, count)| *count);
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, DEFAULT, table};

    /// Positions of the keys of a call.
    fn positions(keys: &'static [Keys], call: &str) -> Option<Vec<usize>> {
        let arguments: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let entry = Box::leak(Box::new(Command { name: "x", keys, ..DEFAULT }));
        let found = table::resolve(entry, None, &mut 0).key_positions(&arguments)?;
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
    fn keys_of_streams_are_half_of_what_follows() {
        let read: &[Keys] = &[Keys::Keyword("STREAMS", 1, Follow::Half, READ)];
        assert_eq!(positions(read, "x COUNT 2 streams a b 0 0"), Some(vec![4, 5]));
        assert_eq!(positions(read, "x COUNT 2 STREAMS a b 0"), Some(vec![4]));
        assert_eq!(positions(read, "x STREAMS streams 0"), Some(vec![2]));
        assert_eq!(positions(read, "x COUNT 2 STREAMS"), None);
        assert_eq!(positions(read, "x COUNT 2 STREAMS a"), None);
        assert_eq!(positions(read, "x COUNT 2 a 0"), None);
        let group: &[Keys] = &[Keys::Keyword("STREAMS", 4, Follow::Half, READ)];
        assert_eq!(positions(group, "x GROUP STREAMS c STREAMS a 0"), Some(vec![5]));
    }

    #[test]
    fn the_last_destination_counts() {
        const TO: Access = Access::OverwriteVariable;
        let radius: &[Keys] = &[
            Keys::One(1, READ),
            Keys::Keyword("STORE", 6, Follow::One, TO),
            Keys::Keyword("STOREDIST", 6, Follow::One, TO),
        ];
        assert_eq!(positions(radius, "x a 1 1 1 m"), Some(vec![1]));
        assert_eq!(positions(radius, "x a 1 1 1 m STORE"), Some(vec![1]));
        assert_eq!(positions(radius, "x a 1 1 1 m STORE d"), Some(vec![1, 7]));
        assert_eq!(positions(radius, "x a 1 1 1 m STOREDIST d store e"), Some(vec![1, 9]));
        assert_eq!(positions(radius, "x a 1 1 1 m STORE d STORE e STOREDIST f"), Some(vec![1, 11]));
        let sort: &[Keys] =
            &[Keys::One(1, READ), Keys::Unknown(READ), Keys::Unknown(Access::Overwrite)];
        assert_eq!(positions(sort, "x a BY STORE"), Some(vec![1]));
        assert_eq!(positions(sort, "x a LIMIT STORE 1 STORE d"), Some(vec![1, 6]));
        assert_eq!(positions(sort, "x a store d GET store STORE e"), Some(vec![1, 7]));
        assert_eq!(positions(&sort[..2], "x a STORE d"), Some(vec![1]));
    }

    #[test]
    fn keys_of_migrate_stand_for_the_empty_one() {
        const MOVED: Access = Access::ReadDeleteIncomplete;
        let migrate: &[Keys] =
            &[Keys::One(3, Access::ReadDelete), Keys::Keyword("KEYS", -2, Follow::All, MOVED)];
        assert_eq!(positions(migrate, "x h p k 0 1"), Some(vec![3]));
        assert_eq!(positions(migrate, "x h p  0 1 COPY KEYS a b"), Some(vec![8, 9]));
        assert_eq!(positions(migrate, "x h p  0 1 KEYS"), Some(vec![3]));
        assert_eq!(positions(migrate, "x h p  0 1 AUTH KEYS keys a b"), Some(vec![9, 10]));
        assert_eq!(positions(migrate, "x h p  0 1 AUTH2 KEYS KEYS KEYS KEYS"), Some(vec![10]));
        assert_eq!(positions(migrate, "x h p k 0 1 KEYS a"), None);
    }
}
