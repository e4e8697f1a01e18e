//! What a step leaves in each type: its number, in a place of its own, so that what is found says
//! how far the client had come.
//!
//! | shape | step `n` writes | holds |
//! |---|---|---|
//! | list | `RPUSH n`, `LTRIM` | the last numbers, rising |
//! | set | `SADD n`, `SREM n-40` | the last numbers |
//! | hash | `HSET last n <n mod 40> n` | the last numbers, each in its slot |
//! | zset | `ZADD n m<n mod 40>` | the same, by score |
//! | stream | `XADD MAXLEN 40 n-1 n n` | the last numbers, as ids and as values |
//! | lasting | `SET n PXAT 4000000000000+n` | a number and an expiry that go together |
//! | fields | `HSETEX PXAT 4000000000000+n FIELDS 1 f n` | the same for a field |

use crate::support::{Connection, encoded};
use coolcache::resp::{Decoded, OwnedReply, decode};

/// Numbers kept in a collection.
const KEPT: u64 = 40;
/// Expiry times are so many milliseconds after 1970, and the number.
const FAR: u64 = 4_000_000_000_000;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    List,
    Set,
    Hash,
    Zset,
    Stream,
    Lasting,
    Fields,
}

impl Shape {
    /// All, in the order in which a step writes them.
    pub const ALL: [Shape; 7] = [
        Shape::List,
        Shape::Set,
        Shape::Hash,
        Shape::Zset,
        Shape::Stream,
        Shape::Lasting,
        Shape::Fields,
    ];

    /// The key of a client.
    pub fn key(self, client: usize) -> String {
        format!("{client}:{}", format!("{self:?}").to_lowercase())
    }

    /// The shape that a key has, if it is one of these.
    pub fn of_key(key: &str) -> Option<Shape> {
        let name = key.split(':').nth(1)?;
        Shape::ALL.into_iter().find(|shape| format!("{shape:?}").to_lowercase() == name)
    }

    /// The request that writes step `n`, and the one that tidies up, if any.
    pub fn write(self, key: &str, n: u64) -> (Vec<u8>, Option<Vec<u8>>) {
        let slot = n % KEPT;
        let old = n.saturating_sub(KEPT);
        let line = |line: String| encoded(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        let (write, tidy) = match self {
            Shape::List => (format!("RPUSH {key} {n}"), Some(format!("LTRIM {key} -{KEPT} -1"))),
            Shape::Set => (format!("SADD {key} {n}"), Some(format!("SREM {key} {old}"))),
            Shape::Hash => (format!("HSET {key} last {n} {slot} {n}"), None),
            Shape::Zset => (format!("ZADD {key} {n} m{slot}"), None),
            Shape::Stream => (format!("XADD {key} MAXLEN {KEPT} {n}-1 {n} {n}"), None),
            Shape::Lasting => (format!("SET {key} {n} PXAT {}", FAR + n), None),
            Shape::Fields => (format!("HSETEX {key} PXAT {} FIELDS 1 f {n}", FAR + n), None),
        };
        (line(write), tidy.map(line))
    }

    /// The request that reads the newest number, as a line.
    pub fn read(self, key: &str) -> String {
        match self {
            Shape::List => format!("LINDEX {key} -1"),
            Shape::Set => format!("SMEMBERS {key}"),
            Shape::Hash => format!("HGET {key} last"),
            Shape::Zset => format!("ZRANGE {key} -1 -1 WITHSCORES"),
            Shape::Stream => format!("XREVRANGE {key} + - COUNT 1"),
            Shape::Lasting => format!("GET {key}"),
            Shape::Fields => format!("HGET {key} f"),
        }
    }

    /// The newest number in the reply to [`Self::read`]; 0: there is none.
    pub fn newest(self, reply: &[u8]) -> u64 {
        let texts = texts(reply);
        match self {
            Shape::Set => texts.iter().map(|text| number(text)).max().unwrap_or_default(),
            Shape::Stream => texts.first().map_or(0, |id| number(id)),
            _ => texts.last().map_or(0, |text| number(text)),
        }
    }

    /// Reads all of a key. Returns its numbers as far as they are in order there, and what is wrong
    /// with it.
    pub fn content(self, connection: &mut Connection, key: &str) -> (Vec<u64>, Vec<String>) {
        let mut ask = |line: &str| {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            texts(&connection.try_call(&words).expect("the server answers"))
        };
        let mut wrong = Vec::new();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{key}: {what}"));
            }
        };
        let numbers: Vec<u64> = match self {
            Shape::List => ask(&format!("LRANGE {key} 0 -1")).iter().map(|n| number(n)).collect(),
            Shape::Set => {
                let members = ask(&format!("SMEMBERS {key}"));
                let mut numbers: Vec<u64> = members.iter().map(|n| number(n)).collect();
                numbers.sort_unstable();
                // Steps that were sent and lost have left some behind: no harm, but more and more.
                let old = numbers.len().saturating_sub(2 * KEPT as usize);
                for stale in numbers.drain(..old) {
                    ask(&format!("SREM {key} {stale}"));
                }
                numbers
            }
            Shape::Hash => {
                let all = ask(&format!("HGETALL {key}"));
                let mut last = 0;
                let mut numbers = Vec::new();
                for pair in all.chunks(2) {
                    let value = number(&pair[1]);
                    if pair[0] == "last" {
                        last = value;
                    } else {
                        expect(number(&pair[0]) == value % KEPT, "a number in the wrong slot");
                        numbers.push(value);
                    }
                }
                numbers.sort_unstable();
                expect(numbers.last().is_none_or(|n| *n == last), "half an HSET");
                numbers
            }
            Shape::Zset => {
                let all = ask(&format!("ZRANGE {key} 0 -1 WITHSCORES"));
                let pairs = all.chunks(2).map(|pair| (number(&pair[0][1..]), number(&pair[1])));
                let pairs: Vec<(u64, u64)> = pairs.collect();
                expect(pairs.iter().all(|(slot, n)| *slot == n % KEPT), "a score of another");
                pairs.into_iter().map(|(_, n)| n).collect()
            }
            Shape::Stream => {
                let all = ask(&format!("XRANGE {key} - +"));
                let whole = |e: &[String]| e.len() == 3 && number(&e[0]) == number(&e[2]);
                expect(all.chunks(3).all(whole), "an entry with another value");
                all.chunks(3).map(|entry| number(&entry[0])).collect()
            }
            Shape::Lasting | Shape::Fields => {
                let values = ask(&self.read(key));
                let at = match self {
                    Shape::Lasting => ask(&format!("PEXPIRETIME {key}")),
                    _ => ask(&format!("HPEXPIRETIME {key} FIELDS 1 f")),
                };
                let due = values.first().map(|n| (FAR + number(n)).to_string());
                expect(due.is_none_or(|due| at == [due]), "an expiry of another value");
                values.iter().map(|n| number(n)).collect()
            }
        };
        expect(numbers.is_sorted_by(|a, b| a < b), "numbers do not rise");
        // Each kill in a row may come between a write and what tidies up behind it.
        let most = if self == Shape::Set { 2 * KEPT } else { KEPT + 5 };
        expect(numbers.len() as u64 <= most, "more than was kept");
        (numbers, wrong)
    }
}

/// The number that a text begins with.
fn number(text: &str) -> u64 {
    let digits = text.split(['-', ' ']).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("a number was written, not {text}"))
}

/// All strings and numbers in a reply, in order.
pub fn texts(reply: &[u8]) -> Vec<String> {
    fn gather(value: &OwnedReply, into: &mut Vec<String>) {
        match value {
            OwnedReply::Bulk(bytes) => into.push(String::from_utf8_lossy(bytes).into_owned()),
            OwnedReply::Int(number) => into.push(number.to_string()),
            OwnedReply::Array(items) => items.iter().for_each(|item| gather(item, into)),
            _ => {}
        }
    }
    let mut into = Vec::new();
    if let Decoded::Value { value, .. } = decode(reply, 32) {
        gather(&value, &mut into);
    }
    into
}
