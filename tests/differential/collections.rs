//! Values for the arguments of collections: few members, fields, scores, places and ids, so that
//! they meet; and runs of many different ones, so that collections outgrow their small forms.

use super::domain::Domain;
use coolcache::command::Group;
use std::collections::{HashMap, VecDeque};

/// What the values of collections depend on besides chance.
#[derive(Default)]
pub struct Collections {
    /// In a run of different members, the next one's number.
    pub run: Option<u64>,
    /// Entries of streams so far: what new ids come from.
    entries: u64,
    /// The last ids that were added to each stream.
    ids: HashMap<Vec<u8>, VecDeque<Vec<u8>>>,
}

/// Ids of a stream that are remembered.
const IDS: usize = 60;

impl Domain {
    /// A value of an argument of a collection's command; none if the name means the same as in
    /// other commands.
    pub fn of_collection(&mut self, group: Group, command: &str, name: &str) -> Option<Vec<u8>> {
        if matches!(name, "destination" | "dst" | "storekey" | "storedistkey") {
            return Some(self.pool.destination(&mut self.rng));
        }
        if matches!(name, "source" | "src") {
            return Some(self.key());
        }
        if name == "timeout" {
            // Nobody else serves what waits. Zero would wait for ever.
            return Some(
                self.text(&["0.001", "0.001", "0.001", "0.002", "1e-3", "-1", "x", "nan"]),
            );
        }
        match group {
            Group::List => self.of_list(command, name),
            Group::Set => self.of_set(name),
            Group::Hash => self.of_hash(command, name),
            Group::SortedSet => self.of_zset(command, name),
            Group::Geo => self.of_geo(name),
            Group::Stream => self.of_stream(command, name),
            Group::Generic => self.of_sort(command, name),
            _ => None,
        }
    }

    fn of_list(&mut self, command: &str, name: &str) -> Option<Vec<u8>> {
        Some(match (command, name) {
            ("lrem", "count") => {
                self.text(&["0", "1", "-1", "2", "-2", "100", "-9223372036854775807", "x"])
            }
            (_, "count" | "exactly") => self.count(),
            (_, "element" | "pivot") => self.member(),
            (_, "rank") => {
                self.text(&["1", "-1", "2", "-2", "5", "0", "-9223372036854775808", "x"])
            }
            (_, "num-matches" | "len") => self.text(&["0", "1", "2", "5", "100", "-1", "x"]),
            // Valkey 9.1 cuts LSET's index to 32 bits.
            ("lset", "index") => match self.rng.below(10) {
                0 => self.text(&["x", "1000000", "-1000000"]),
                _ => (self.rng.below(20) as i64 - 10).to_string().into_bytes(),
            },
            (_, "index" | "start" | "stop") => self.index(),
            _ => return None,
        })
    }

    fn of_set(&mut self, name: &str) -> Option<Vec<u8>> {
        Some(match name {
            "member" => self.member(),
            "limit" => self.text(&["0", "1", "2", "5", "100", "-1", "x"]),
            "count" => self.count(),
            _ => return None,
        })
    }

    fn of_hash(&mut self, command: &str, name: &str) -> Option<Vec<u8>> {
        Some(match (command, name) {
            ("hrandfield", "count") => self.random_count(),
            ("hincrbyfloat", "increment") => self.float(),
            ("hincrby", "increment") => self.integer(),
            (_, "field") => self.member(),
            (_, "value") if self.collections.run.is_some() => self.member(),
            (_, "value") => match self.rng.below(4) {
                0 => self.integer(),
                1 => self.float(),
                _ => self.string(),
            },
            _ => return None,
        })
    }

    fn of_zset(&mut self, command: &str, name: &str) -> Option<Vec<u8>> {
        Some(match (command, name) {
            ("zrandmember", "count") => self.random_count(),
            ("zrangebylex" | "zrevrangebylex" | "zremrangebylex" | "zlexcount", "min" | "max") => {
                self.lex_bound(name == "max")
            }
            (_, "min" | "max") => self.score_bound(name == "max"),
            (_, "start" | "stop") => self.index(),
            // None that makes -0 of a score.
            (_, "weight") if self.is_old => self.text(&["1", "1", "2", "inf", "x"]),
            (_, "weight") => self.text(&["1", "2", "0.5", "3.7", "1e3", "+inf", "x"]),
            (_, "score" | "increment") => self.score(),
            (_, "member") => self.member(),
            (_, "limit") => self.text(&["0", "1", "2", "5", "100", "-1", "x"]),
            (_, "offset") => self.text(&["0", "0", "1", "2", "5", "-1", "100", "x"]),
            (_, "count") => self.text(&["1", "2", "3", "10", "100", "-1", "0", "x"]),
            _ => return None,
        })
    }

    fn of_geo(&mut self, name: &str) -> Option<Vec<u8>> {
        Some(match name {
            "longitude" => match self.rng.below(20) {
                0 => self.text(&["180", "-180", "180.0001", "x", "nan", "1e2"]),
                1..4 => self.text(&["13.361389", "15.087269", "0", "-0.5"]),
                _ => (self.rng.below(2000) as f64 / 100.0 - 2.0).to_string().into_bytes(),
            },
            "latitude" => match self.rng.below(20) {
                0 => self.text(&["85.05112878", "-85.05112878", "90", "x", "inf"]),
                1..4 => self.text(&["38.115556", "37.502669", "0", "0.5"]),
                _ => (self.rng.below(2000) as f64 / 100.0 + 25.0).to_string().into_bytes(),
            },
            "radius" | "width" | "height" => self.text(&[
                "0", "1", "50", "100.5", "200", "400", "700", "1000", "3000", "30000", "1e6", "-1",
                "x",
            ]),
            "member" | "member1" | "member2" => self.place(),
            "count" => self.text(&["1", "2", "3", "10", "100", "-1", "0", "x"]),
            _ => return None,
        })
    }

    fn of_stream(&mut self, command: &str, name: &str) -> Option<Vec<u8>> {
        Some(match (command, name) {
            ("xadd", "id") => self.new_id(),
            ("xread", "id") => match self.rng.below(10) {
                0..3 => b"0".to_vec(),
                3 => b"$".to_vec(),
                4 => self.text(&["+", "-", ">"]),
                _ => self.id(),
            },
            ("xreadgroup", "id") => match self.rng.below(10) {
                0..7 => b">".to_vec(),
                7 => self.text(&["0", "0", "0", "$", "+"]),
                _ => self.id(),
            },
            (_, "id") => self.id(),
            (_, "last-id" | "lastid" | "max-deleted-id") => self.id(),
            ("xautoclaim", "start") => self.text(&["0", "0", "0-0", "-", "(0-1", "5", "x"]),
            (_, "start") => match self.rng.below(10) {
                0..4 => b"-".to_vec(),
                4 => self.odd_bound(),
                _ => self.id(),
            },
            (_, "end") => match self.rng.below(10) {
                0..4 => b"+".to_vec(),
                4 => self.odd_bound(),
                _ => self.id(),
            },
            (_, "group") => match self.rng.below(10) {
                0..6 => b"group1".to_vec(),
                6..9 => b"group2".to_vec(),
                _ => b"group3".to_vec(),
            },
            (_, "consumer") => self.text(&["alice", "alice", "bob", "carol", ""]),
            (_, "threshold") => match self.rng.below(10) {
                0..7 => self.text(&["0", "1", "5", "10", "20", "50", "100", "110", "-1", "x"]),
                _ => self.id(),
            },
            ("xadd" | "xtrim", "limit" | "count") => {
                self.text(&["0", "1", "50", "100", "150", "1000", "-1", "x"])
            }
            (_, "entries-added" | "entries-read" | "entriesread") => {
                self.text(&["0", "1", "5", "100", "1000", "-1", "-2", "x"])
            }
            // All ages are either some seconds or days.
            (_, "min-idle-time") => self.text(&["0", "0", "0", "0", "100000000", "-1", "x"]),
            (_, "ms") => self.text(&["0", "0", "1000000000", "-1", "x"]),
            (_, "unix-time-milliseconds") => self.text(&["1000", "1000", "4000000000000", "x"]),
            (_, "retrycount") => self.text(&["0", "1", "7", "-1", "x"]),
            (_, "count") => self.text(&["1", "2", "5", "10", "100", "0", "-1", "x"]),
            // Zero would wait for ever.
            (_, "milliseconds") => self.text(&["1", "1", "1", "2", "-1", "x"]),
            (_, "field") => self.member(),
            (_, "value") => self.member(),
            _ => return None,
        })
    }

    fn of_sort(&mut self, command: &str, name: &str) -> Option<Vec<u8>> {
        if !command.starts_with("sort") {
            return None;
        }
        Some(match name {
            "pattern" => self.text(&["k*", "h*->a", "h1->*", "#", "nosort", "*", "k1", "h*->"]),
            "offset" => self.text(&["0", "0", "1", "5", "-1", "x"]),
            "count" => self.text(&["1", "2", "10", "100", "-1", "0", "x"]),
            _ => return None,
        })
    }

    /// How many to take.
    fn count(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..14 => self.text(&["1", "1", "2", "3", "5"]),
            14..17 => self.text(&["0", "10", "50"]),
            17 => self.text(&["100", "1000", "9223372036854775807"]),
            _ => self.text(&["-1", "x", ""]),
        }
    }

    /// How many to draw, with repetition if negative.
    fn random_count(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..9 => self.text(&["1", "2", "3", "5", "10"]),
            9..13 => self.text(&["-1", "-2", "-5", "-30"]),
            13..16 => self.text(&["0", "100", "1000"]),
            _ => self.text(&["x", "", "-9223372036854775808", "9223372036854775808"]),
        }
    }

    /// A member, field or element.
    pub fn member(&mut self) -> Vec<u8> {
        if let Some(next) = &mut self.collections.run {
            *next += 1;
            let digits = next.to_string();
            // Three kinds of run: integers, short texts, and texts that fill a list's chunk.
            return match *next / 1_000_000 % 3 {
                0 => digits.into_bytes(),
                1 => format!("m{digits}").into_bytes(),
                _ => format!("m{digits:0>60}").into_bytes(),
            };
        }
        match self.rng.below(40) {
            0..18 => self.text(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]),
            18..28 => self.rng.below(20).to_string().into_bytes(),
            28..31 => format!("m{}", 1_000_000 + self.rng.below(800)).into_bytes(),
            31..33 => self.rng.below(800).to_string().into_bytes(),
            33 => self.integer(),
            34 => self.float(),
            35 => self.text(&["", " ", "\u{0}", "\r\n", "\u{e9}", "A"]),
            36 => {
                let length = self.one(&[63, 64, 64, 65, 100]);
                vec![b'a' + self.rng.below(3) as u8; length]
            }
            37 => {
                let length = self.one(&[500, 513, 3000, 9000]);
                if self.percent(80) { b"k".to_vec() } else { vec![b'w'; length] }
            }
            _ => self.text(&["-1", "-5", "32767", "32768", "-32769", "2147483648", "1.5"]),
        }
    }

    fn place(&mut self) -> Vec<u8> {
        if self.collections.run.is_some() || self.percent(5) {
            return self.member();
        }
        self.text(&["Palermo", "Catania", "Roma", "Napoli", "Bari", "p1", "p2", "p3", "p4"])
    }

    /// A score or weight.
    pub fn score(&mut self) -> Vec<u8> {
        match self.rng.below(40) {
            // Redis 7.0 prints 17 digits, which nobody else does, and reads more.
            33.. if self.is_old => self.text(&["3", "1000000", "nan", "x", ""]),
            0..10 => b"0".to_vec(),
            10..24 => (self.rng.below(25) as i64 - 5).to_string().into_bytes(),
            24..31 => (self.rng.below(80) as f64 / 4.0 - 5.0).to_string().into_bytes(),
            31..33 => self.text(&["inf", "-inf", "+inf", "Infinity", "-INF"]),
            33 => self.text(&["1e308", "-1e308", "1.7976931348623157e308", "5e-324"]),
            // Not -0, which we store as 0: Valkey keeps it in the large form only.
            34 => self.text(&["0.1", "0.7", "0.2", "1e17", "9007199254740993", "1e21"]),
            35 => (self.rng.below(1_000_000_000) as f64 / 8.0).to_string().into_bytes(),
            36 => self.text(&["0x10", "1e3", "+3", ".5", "5."]),
            37 => self.text(&["nan", "x", "", "1,5", " 1"]),
            _ => self.text(&["3", "3.0000000000000001", "1234567890", "-1234567.125"]),
        }
    }

    /// An end of a range of scores; mostly wide.
    pub fn score_bound(&mut self, is_max: bool) -> Vec<u8> {
        if self.percent(35) {
            return if is_max { b"+inf".to_vec() } else { b"-inf".to_vec() };
        }
        let score = self.score();
        if self.percent(30) { [b"(", score.as_slice()].concat() } else { score }
    }

    /// An end of a range of members; mostly wide.
    pub fn lex_bound(&mut self, is_max: bool) -> Vec<u8> {
        match self.rng.below(20) {
            0..8 => {
                if is_max {
                    b"+".to_vec()
                } else {
                    b"-".to_vec()
                }
            }
            8 => self.text(&["-", "+", "[", "(", "x", "", "a"]),
            _ => {
                let sign: &[u8] = if self.percent(60) { b"[" } else { b"(" };
                [sign, &self.member()].concat()
            }
        }
    }

    /// An id for a new entry: they grow over all streams, but for a few.
    pub fn new_id(&mut self) -> Vec<u8> {
        let collections = &mut self.collections;
        collections.entries += 1;
        let ms = 1000 + collections.entries / 3;
        let id = match self.rng.below(20) {
            0..10 => format!("{ms}-*"),
            10..16 => format!("{}-{}", ms, self.collections.entries % 3),
            16 => format!("{ms}"),
            17 => format!("{}-{}", ms, self.rng.below(5)),
            18 => return self.id(),
            _ => {
                return self.text(&[
                    "0-0",
                    "0",
                    "0-*",
                    "1-1",
                    "x",
                    "1-x",
                    "18446744073709551616-1",
                ]);
            }
        };
        let id = id.into_bytes();
        let key = self.last_key.clone();
        let recent = self.collections.ids.entry(key).or_default();
        if recent.len() == IDS {
            recent.pop_front();
        }
        recent.push_back(id.strip_suffix(b"-*").map_or(id.clone(), |ms| [ms, b"-0"].concat()));
        id
    }

    /// An id, mostly of an entry that was added to the stream in hand.
    fn id(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => self.text(&["0", "0-0", "0-1", "5", "18446744073709551615-18446744073709551615"]),
            1 => self.text(&["x", "", "-1", "1-", "1-2-3", "18446744073709551616"]),
            2 => (1000 + self.collections.entries / 3 + 5).to_string().into_bytes(),
            3 => self.rng.below(2000 + self.collections.entries / 3).to_string().into_bytes(),
            _ => {
                let recent = self.collections.ids.get(&self.last_key);
                let Some(recent) = recent.filter(|recent| !recent.is_empty()) else {
                    return b"1000-0".to_vec();
                };
                let at = self.rng.index(recent.len());
                recent[at].clone()
            }
        }
    }

    fn odd_bound(&mut self) -> Vec<u8> {
        let id = self.id();
        match self.rng.below(3) {
            0 => self.text(&["(-", "(+", "(", "+", "-"]),
            _ => [b"(", id.as_slice()].concat(),
        }
    }
}
